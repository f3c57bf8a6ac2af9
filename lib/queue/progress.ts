import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Progress } from './processor.ts';
import type { ActiveRun } from './runs.ts';

/** At most two writes a second and job. */
const INTERVAL_MS = 500;

/** Writes a job's progress: the first at once, later ones at most every half second, the newest always. Never fails the job. */
export function progressWriter(
  send: (progress: Progress) => Promise<unknown>,
  run: Pick<ActiveRun, 'stopped'>,
  log: Logger,
): (progress: Progress) => void {
  let pending: Progress | undefined;
  let timer: NodeJS.Timeout | undefined;

  const write = (progress: Progress): void => {
    pending = undefined;
    timer = setTimeout(flush, INTERVAL_MS);
    timer.unref();
    send(progress).catch((error: unknown) => log.debug({ error: messageOf(error) }, 'progress not written'));
  };
  const flush = (): void => {
    timer = undefined;
    if (pending && !run.stopped) write(pending);
  };
  return (progress) => {
    if (timer) pending = progress;
    else if (!run.stopped) write(progress);
  };
}
