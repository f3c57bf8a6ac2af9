import type { Clock } from '../../lib/clock.ts';
import { inWords } from '../time.ts';
import { error, type Finding, ok, warning } from './finding.ts';

/** How far another clock is ahead of ours, and by how much that may be wrong; both in milliseconds. */
export interface Skew {
  aheadMs: number;
  uncertainMs: number;
}

/** Delays and the turns of the schedule are off by it. */
const NOTICED_MS = 2_000;
/** Tokens of users are refused, and jobs that wait for a time come a minute late. */
const HARMFUL_MS = 60_000;

/** The question's half way is taken as the time of the answer, as NTP does (RFC 5905). `resolutionMs`: the other clock shows no smaller steps. */
export async function measureSkew(clock: Clock, ask: () => Promise<number>, resolutionMs = 1): Promise<Skew> {
  const [wall, before] = [clock.now(), clock.monotonic()];
  const theirs = await ask();
  const tookMs = clock.monotonic() - before;
  return { aheadMs: theirs + resolutionMs / 2 - (wall + tookMs / 2), uncertainMs: (tookMs + resolutionMs) / 2 };
}

/** `whose`: for example `Redis`. */
export function judgeSkew(whose: string, { aheadMs, uncertainMs }: Skew): Finding {
  const sure = Math.max(0, Math.abs(aheadMs) - uncertainMs);
  if (sure < NOTICED_MS)
    return ok('clock', `${whose} and this machine agree on the time (within ${inWords(Math.max(1_000, Math.abs(aheadMs) + uncertainMs))})`);
  const message = `The clock of ${whose} is ${inWords(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`;
  const cure = 'Let both machines take their time from the network (NTP).';
  return sure < HARMFUL_MS ? warning('clock', message, cure) : error('clock', message, cure);
}
