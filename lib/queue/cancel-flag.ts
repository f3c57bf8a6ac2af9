import type { Job } from 'bullmq';
import { CANCEL_TTL_MS, cancelKey } from './keys.ts';
import type { Store } from './store/types.ts';
import type { JobView } from './types.ts';
import { toView } from './view.ts';

/** What the flag of a cancelled job remembers: the reason, and what the job was. */
export interface CancelFlag {
  reason: string;
  job?: JobView;
}

/** Raised for a week: until then the job is shown as cancelled, stopped when it starts, and no dead letter is made of it. */
export function raiseCancelFlag(store: Pick<Store, 'setFlag'>, job: JobView, reason: string): Promise<void> {
  return store.setFlag(cancelKey(job.queue, job.id), JSON.stringify({ reason, job } satisfies CancelFlag), CANCEL_TTL_MS);
}

export function readCancelFlag(flag: string): CancelFlag {
  // Written above; the reason of another version's flag may be missing.
  const { reason, job } = JSON.parse(flag) as Partial<CancelFlag>;
  return { reason: typeof reason === 'string' ? reason : 'Cancelled', ...(job ? { job } : {}) };
}

/** Remembers a job whose row alone was cancelled, as `cancelJob` does. */
export function createMarkCancelled(store: Pick<Store, 'setFlag'>): (job: Job, reason: string) => Promise<void> {
  return (job, reason) => raiseCancelFlag(store, toView(job, 'cancelled'), reason);
}
