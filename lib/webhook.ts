/** Addresses of a user's own that we post to. */

/** Statuses below 500 that the same request may get past. */
const PASSING = new Set([408, 425, 429]);

export const isPassing = (status: number): boolean => PASSING.has(status) || status >= 500;

/** Why there was no answer. The error's own message may hold the address, which is a secret. */
export function whyUnanswered(error: unknown): string {
  const reason = error instanceof Error && error.name === 'TimeoutError' ? 'did not answer in time' : 'could not be reached';
  return `the webhook ${reason}`;
}
