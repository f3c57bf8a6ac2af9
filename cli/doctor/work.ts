import { type Clock, MINUTE, SECOND } from '../../lib/clock.ts';
import type { Config } from '../../lib/config.ts';
import type { Db } from '../../lib/db/types.ts';
import { HivepulseError, messageOf } from '../../lib/errors.ts';
import { readyKinds } from '../../lib/jobs/index.ts';
import type { QueueBackend } from '../../lib/queue/backend.ts';
import { createQueueService } from '../../lib/queue/service.ts';
import { inWords, relative } from '../time.ts';
import { error, type Finding, ok, warning } from './finding.ts';

/** As the API's own health: a worker polls every few seconds. */
const ALIVE_WITHIN_MS = 30 * SECOND;
/** A relay moves them within seconds. */
const OUTBOX_OLD_MS = MINUTE;
const GROUPS = 100;

/** Whether anybody works, by the heartbeat that workers leave with the queue. */
export async function examineWorkers(config: Config, backend: QueueBackend, clock: Clock): Promise<Finding> {
  const queue = createQueueService({ backend, settings: (name) => config.queues[name], clock });
  const [last, stats] = await Promise.all([queue.lastPoll(), queue.stats()]);
  const waiting = Object.values(stats).reduce((sum, counts) => sum + counts.waiting, 0);
  const seen = last === undefined ? 'No worker was ever seen' : `The last worker was seen ${relative(new Date(last).toISOString(), clock.now())}`;
  if (last !== undefined && clock.now() - last < ALIVE_WITHIN_MS)
    return ok('workers', `one was seen ${relative(new Date(last).toISOString(), clock.now())}; ${jobsThat('wait', waiting)}`);
  const cure = 'Start one: npm run worker, or npm run worker:prod.';
  return waiting > 0 ? error('workers', `${seen}, and ${jobsThat('wait', waiting)}`, cure) : warning('workers', seen, cure);
}

/** Whether what was asked for in the database reaches the queue. */
export async function examineOutbox({ outbox }: Pick<Db, 'outbox'>): Promise<Finding> {
  try {
    const { waiting, oldestSeconds } = await outbox.backlog(readyKinds);
    const age = `the oldest for ${inWords(oldestSeconds * SECOND)}`;
    if (waiting === 0) return ok('outbox', 'empty');
    if (oldestSeconds * SECOND < OUTBOX_OLD_MS) return ok('outbox', `${waiting} on the way, ${age}`);
    return warning(
      'outbox',
      `${jobsThat('wait', waiting)} to be moved to their queues, ${age}`,
      'Workers and API move them: start one, and look for its errors.',
    );
  } catch (problem) {
    return asked('outbox', problem);
  }
}

export async function examineDeadLetters({ failedJobs }: Pick<Db, 'failedJobs'>): Promise<Finding> {
  try {
    const groups = await failedJobs.groups({ replayed: false, limit: GROUPS });
    const open = groups.reduce((sum, group) => sum + group.open, 0);
    if (open === 0) return ok('dead letters', 'none that were not replayed');
    const most = groups.length === GROUPS ? ' or more' : '';
    const message = `${open}${most} failed for good, by ${groups.length}${most} ${groups.length === 1 ? 'cause' : 'causes'}`;
    return warning('dead letters', message, 'hivepulse dead-letters groups --open');
  } catch (problem) {
    return asked('dead letters', problem);
  }
}

/** `1 job waits`, `2 jobs wait`. */
const jobsThat = (wait: string, count: number): string => (count === 1 ? `1 job ${wait}s` : `${count} jobs ${wait}`);

/** Only the service role may read these: a key that opens less was found out here. */
function asked(check: string, problem: unknown): Finding {
  if (problem instanceof HivepulseError && (problem.code === 'forbidden' || problem.code === 'unauthorized')) {
    return error(
      'database',
      `The key opens no ${check}: it is not that of the service role`,
      'Set SUPABASE_SERVICE_ROLE_KEY to the secret key of this project.',
    );
  }
  return error(check, messageOf(problem), 'Check the database.');
}
