import { messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Progress } from './processor.ts';
import type { ActiveRun } from './runs.ts';

/** At most two writes a second and job. */
const INTERVAL_MS = 500;

export interface ProgressWriter {
  /** The first at once, later ones at most every half second, the newest always. */
  report(progress: Progress): void;
  /** Writes what waits, and resolves when all is written: before the job ends, or its last report would come too late. */
  flush(): Promise<void>;
}

/** Writes a job's progress. Never fails the job. */
export function progressWriter(send: (progress: Progress) => Promise<unknown>, run: Pick<ActiveRun, 'stopped'>, log: Logger): ProgressWriter {
  let pending: Progress | undefined;
  let timer: NodeJS.Timeout | undefined;
  let written: Promise<unknown> = Promise.resolve();

  const write = (progress: Progress): void => {
    pending = undefined;
    timer = setTimeout(writePending, INTERVAL_MS);
    timer.unref();
    written = Promise.all([written, send(progress).catch((error: unknown) => log.debug({ error: messageOf(error) }, 'progress not written'))]);
  };
  const writePending = (): void => {
    timer = undefined;
    if (pending && !run.stopped) write(pending);
  };
  return {
    report: (progress) => {
      if (timer) pending = progress;
      else if (!run.stopped) write(progress);
    },
    flush: async () => {
      clearTimeout(timer);
      writePending();
      clearTimeout(timer);
      await written;
    },
  };
}
