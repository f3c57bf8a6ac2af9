import { MINUTE, SECOND } from './clock.ts';
import { JobAbortedError, messageOf, RateLimitedError } from './errors.ts';
import type { Logger } from './log.ts';
import type { Store } from './queue/store/types.ts';

export interface HoldDeps {
  store: Pick<Store, 'acquire' | 'release'>;
  log: Logger;
}

export interface Holder {
  job: { id: string };
  signal: AbortSignal;
}

/** A silent holder's place is free after this: its process is dead, or its event loop stands still. */
const LEASE_MS = MINUTE;
const ASK_AGAIN_MS = 2 * SECOND;

/**
 * One job at a time at `key`, in all processes together. Who finds it taken throws `RateLimitedError` for `limitKey`, and so comes back without burning an
 * attempt. Held by the job, not by its run: after a crash its next run goes on at once. Answers how to give it up; `what` is for the log.
 */
export async function hold(
  { key, limitKey = key, what }: { key: string; limitKey?: string; what: string },
  { job, signal }: Holder,
  { store, log }: HoldDeps,
): Promise<() => Promise<void>> {
  const renew = (): Promise<boolean> => store.acquire(key, job.id, { limit: 1, leaseMs: LEASE_MS });
  if (!(await renew())) throw new RateLimitedError(limitKey, ASK_AGAIN_MS);
  const renewal = setInterval(() => {
    renew().catch((error: unknown) => log.debug({ error: messageOf(error) }, `hold of ${what} not renewed`));
  }, LEASE_MS / 3);
  renewal.unref();
  return async () => {
    clearInterval(renewal);
    // A run that was taken over leaves the hold to the run that took it.
    if (!isTakenOver(signal))
      await store.release(key, job.id).catch((error: unknown) => log.debug({ error: messageOf(error) }, `hold of ${what} not released`));
  };
}

const isTakenOver = ({ reason }: AbortSignal): boolean => reason instanceof JobAbortedError && reason.kind === 'lock_lost';
