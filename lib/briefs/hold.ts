import { MINUTE, SECOND } from '../clock.ts';
import { JobAbortedError, messageOf, RateLimitedError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../queue/store/types.ts';

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
 * One brief per deal at a time, in all processes together, from reading the facts until they are recorded as told. Who finds it taken throws `RateLimitedError`,
 * and so comes back without burning an attempt. Who loses it all the same is found out by the database. Answers how to give it up; an abort does, too.
 */
export async function holdDeal(dealId: string, { job, signal }: Holder, { store, log }: HoldDeps): Promise<() => Promise<void>> {
  const key = `brief:${dealId}`;
  const renew = (): Promise<boolean> => store.acquire(key, job.id, { limit: 1, leaseMs: LEASE_MS });
  if (!(await renew())) throw new RateLimitedError(key, ASK_AGAIN_MS);
  const renewal = setInterval(() => {
    renew().catch((error: unknown) => log.debug({ error: messageOf(error) }, 'hold of a deal not renewed'));
  }, LEASE_MS / 3);
  renewal.unref();
  let given: Promise<void> | undefined;
  const giveUp = async (): Promise<void> => {
    signal.removeEventListener('abort', release);
    clearInterval(renewal);
    // A run that was taken over leaves the hold to the run that took it.
    if (!isTakenOver(signal))
      await store.release(key, job.id).catch((error: unknown) => log.debug({ error: messageOf(error) }, 'hold of a deal not released'));
  };
  function release(): Promise<void> {
    given ??= giveUp();
    return given;
  }
  signal.addEventListener('abort', release, { once: true });
  return release;
}

const isTakenOver = ({ reason }: AbortSignal): boolean => reason instanceof JobAbortedError && reason.kind === 'lock_lost';
