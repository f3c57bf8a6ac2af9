import { MINUTE, SECOND } from '../clock.ts';
import { JobAbortedError, messageOf, RateLimitedError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../queue/store/types.ts';
import { accountKey } from './gmail/settings.ts';

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
 * One fetch per account at a time, in all processes together: two would read the same messages twice. Who finds it taken throws
 * `RateLimitedError`, and so comes back without burning an attempt. Held by the job, not by its run: after a crash its next run goes on at once.
 */
export async function holdAccount<T>(connectionId: string, { job, signal }: Holder, { store, log }: HoldDeps, work: () => Promise<T>): Promise<T> {
  const key = `mailbox:${connectionId}`;
  const renew = (): Promise<boolean> => store.acquire(key, job.id, { limit: 1, leaseMs: LEASE_MS });
  if (!(await renew())) throw new RateLimitedError(accountKey(connectionId), ASK_AGAIN_MS);
  const renewal = setInterval(() => {
    // Losing it costs a message read twice at worst: each is stored once whoever reads it.
    renew().catch((error: unknown) => log.debug({ error: messageOf(error) }, 'hold of a mailbox not renewed'));
  }, LEASE_MS / 3);
  renewal.unref();
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    // A run that was taken over leaves the hold to the run that took it.
    if (!isTakenOver(signal))
      await store.release(key, job.id).catch((error: unknown) => log.debug({ error: messageOf(error) }, 'hold of a mailbox not released'));
  }
}

const isTakenOver = ({ reason }: AbortSignal): boolean => reason instanceof JobAbortedError && reason.kind === 'lock_lost';
