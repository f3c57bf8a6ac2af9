import { MINUTE, SECOND } from '../clock.ts';

const FIRST_PAUSE_MS = 10 * SECOND;
const LONGEST_PAUSE_MS = 30 * MINUTE;

/** Pause after a try that failed, in milliseconds: 10 s, 30 s, 90 s … half an hour. The book gives up after a day. */
export function retryAfter(attempt: number): number {
  return Math.min(FIRST_PAUSE_MS * 3 ** (attempt - 1), LONGEST_PAUSE_MS);
}
