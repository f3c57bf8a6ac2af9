import { messageOf } from '../errors.ts';
import { type Deadline, type Service, within } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import { readCancelFlag } from './cancel-flag.ts';
import { cancelKey } from './keys.ts';
import type { ActiveRuns } from './runs.ts';
import type { Store } from './store/types.ts';

export interface CancelWatchDeps {
  store: Store;
  runs: ActiveRuns;
  log: Logger;
  /** Default 500 ms: a running job stops within about a second. */
  intervalMs?: number;
}

/** Looks up the cancel flags of all jobs under way in this process, in one round trip; idle processes ask nothing. */
export interface CancelWatch extends Service {
  runOnce(): Promise<void>;
}

export function createCancelWatch(deps: CancelWatchDeps): CancelWatch {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();
  let busy = false;

  async function runOnce(): Promise<void> {
    const active = deps.runs.list();
    if (active.length === 0) return;
    const flags = await deps.store.flags(active.map(({ queue, jobId }) => cancelKey(queue, jobId)));
    active.forEach(({ queue, jobId }, index) => {
      const flag = flags[index];
      if (flag !== undefined) deps.runs.abort(queue, jobId, 'cancelled', readCancelFlag(flag).reason);
    });
  }

  function tick(): void {
    if (busy) return;
    busy = true;
    running = runOnce()
      .catch((error: unknown) => deps.log.warn({ error: messageOf(error) }, 'cancel flags could not be read'))
      .finally(() => {
        busy = false;
      });
  }

  return {
    name: 'cancel-watch',
    runOnce,
    start: async () => {
      timer = setInterval(tick, deps.intervalMs ?? 500);
    },
    stop: async (deadline: Deadline) => {
      clearInterval(timer);
      await within(running, deadline, undefined);
    },
  };
}
