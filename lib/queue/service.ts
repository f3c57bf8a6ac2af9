import type { JobType } from 'bullmq';
import type { Clock } from '../clock.ts';
import { NotFoundError, PermanentError, UnavailableError } from '../errors.ts';
import type { JobDefinition, QueueName } from '../jobs/define.ts';
import { queueNames, rowTableOf } from '../jobs/index.ts';
import { deadlineIn, within } from '../lifecycle.ts';
import type { Tracer } from '../telemetry/contract.ts';
import type { QueueBackend } from './backend.ts';
import { type CancelDeps, createCancel } from './cancel.ts';
import { readCancelFlag } from './cancel-flag.ts';
import { createEnqueue, type Enqueue, isRowBacked, type QueueSettings } from './enqueue.ts';
import { JobFailedError } from './errors.ts';
import { createJobEvents, type JobEvents } from './events.ts';
import { cancelKey, LAST_POLL_KEY } from './keys.ts';
import { type AllQueueFacts, readQueueFacts } from './ready.ts';
import { createRetry } from './retry.ts';
import { createSendEntries, type SendEntries } from './send-entries.ts';
import type { JobEvent, JobState, JobView, QueueCounts, QueueService, QueueStats, RowBackedJobs } from './types.ts';
import { loadJob, toView } from './view.ts';

export interface QueueServiceDeps {
  backend: QueueBackend;
  settings: (queue: QueueName) => QueueSettings;
  clock: Clock;
  /** Tells the row of a job that is cancelled before it started. Absent where no database is at hand (an app's own process). */
  endRow?: CancelDeps['endRow'];
  /** Jobs with a row of their own; absent where no database is at hand. */
  rows?: RowBackedJobs;
  find?: (queue: string, name: string) => JobDefinition | undefined;
  /** Longest wait for a connection and for one answer. Default 2,000 ms. */
  timeoutMs?: number;
  tracer?: Tracer | undefined;
}

/** How often a waiting caller looks for itself: a new subscription misses what happens until its first read. */
const FIRST_LOOK_MS = 25;
const LOOK_EVERY_MS = 1_000;

/** What the processes of Hivepulse itself do with queues besides. */
export interface OwnQueueService extends QueueService {
  enqueueMany: Enqueue['many'];
  /** Counts, the age of the oldest ready job and the kinds that wait, of every queue; see `ready.ts`. */
  facts(): Promise<AllQueueFacts>;
  /** The newest heartbeat of any worker, in milliseconds since the epoch. */
  lastPoll(): Promise<number | undefined>;
  /** For the relay. */
  sendEntries: SendEntries;
}

export function createQueueService(deps: QueueServiceDeps): OwnQueueService {
  const { backend } = deps;
  const enqueue = createEnqueue(deps);
  const events = createJobEvents(backend);

  /** Commands are sent only on a connection that can take them now; see `QueueBackend.ready`. */
  const ready = (): Promise<void> => backend.ready(deps.timeoutMs ?? 2_000);

  async function getJob(queue: QueueName, jobId: string): Promise<JobView | undefined> {
    await ready();
    const [stored, [flag]] = await Promise.all([loadJob(backend, queue, jobId), backend.store.flags([cancelKey(queue, jobId)])]);
    const unfinished = stored && !FINAL.includes(stored.state);
    // What the queue does not know, or holds for ended, the row knows better: it may not have been sent yet, or have been asked for again.
    const asksRow = !unfinished && (stored === undefined || rowTableOf(queue) !== undefined);
    const row = asksRow ? await deps.rows?.view(queue, jobId) : undefined;
    if (row && (!stored || !FINAL.includes(row.state))) return row;
    if (!stored) return flag === undefined ? undefined : cancelledView(flag);
    return toView(stored.job, stored.state === 'failed' && flag !== undefined ? 'cancelled' : stored.state);
  }

  async function getFailedJobs(queue: QueueName, { limit = 50, offset = 0 } = {}): Promise<JobView[]> {
    await ready();
    const jobs = await backend.queue(queue).getFailed(offset, offset + limit - 1);
    const flags = jobs.length > 0 ? await backend.store.flags(jobs.map((job) => cancelKey(queue, job.id ?? ''))) : [];
    return jobs.map((job, index) => toView(job, flags[index] === undefined ? 'failed' : 'cancelled'));
  }

  return {
    enqueue: (request) => (isRowBacked(request) ? rowsOf(deps).create(request) : enqueue.one(request)),
    enqueueMany: enqueue.many,
    sendEntries: createSendEntries(deps),
    stats: async () => {
      await ready();
      return countAll(backend);
    },
    facts: async () => {
      await ready();
      return readQueueFacts({ look: backend.look, stats: () => countAll(backend), clock: deps.clock });
    },
    getJob,
    findUnfinished: async (queue, onceId) => {
      await ready();
      return (await backend.queue(queue).getDeduplicationJobId(onceId)) ?? undefined;
    },
    getFailedJobs,
    cancelJob: createCancel({ backend, ready, ...(deps.endRow ? { endRow: deps.endRow } : {}), ...(deps.rows ? { rows: deps.rows } : {}) }),
    retryJob: createRetry({ backend, ready, enqueue: deps, ...(deps.rows ? { rows: deps.rows } : {}) }),
    waitForJob: (queue, jobId, options) => waitForJob(events, getJob, queue, jobId, options),
    onJobEvent: events.on,
    ping: (timeoutMs) => ping(backend, timeoutMs ?? deps.timeoutMs ?? 2_000),
    async lastPoll() {
      await ready();
      const [value] = await backend.store.flags([LAST_POLL_KEY]);
      return value === undefined ? undefined : Number(value);
    },
  };
}

function rowsOf({ rows }: QueueServiceDeps): RowBackedJobs {
  if (rows) return rows;
  throw new PermanentError(
    'Jobs on this queue have a row of their own and are asked for in the database. Set SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY (or DATABASE_URL), or HIVEPULSE_URL and HIVEPULSE_API_KEY',
    { code: 'needs_database' },
  );
}

/** A job that was cancelled before it started is gone from the queue; its flag keeps what it was. */
function cancelledView(flag: string): JobView | undefined {
  const { job, reason } = readCancelFlag(flag);
  return job && { ...job, state: 'cancelled', error: reason };
}

async function countAll(backend: QueueBackend): Promise<QueueStats> {
  const counted = await Promise.all(queueNames.map(async (queue) => [queue, await count(backend, queue)] as const));
  // Object.fromEntries forgets that every name is there.
  return Object.fromEntries(counted) as QueueStats;
}

/** On Postgres the waiting jobs of a paused queue are counted as `paused`, a state that BullMQ's types have dropped. */
const STATES = ['waiting', 'prioritized', 'paused', 'active', 'completed', 'failed', 'delayed', 'waiting-children'] as JobType[];

async function count(backend: QueueBackend, name: QueueName): Promise<QueueCounts> {
  const queue = backend.queue(name);
  const [counts, paused] = await Promise.all([queue.getJobCounts(...STATES), queue.isPaused()]);
  const of = (state: string): number => counts[state] ?? 0;
  return {
    waiting: of('waiting') + of('prioritized') + of('paused'),
    active: of('active'),
    completed: of('completed'),
    failed: of('failed'),
    delayed: of('delayed'),
    waitingChildren: of('waiting-children'),
    paused,
  };
}

async function ping(backend: QueueBackend, timeoutMs: number): Promise<void> {
  const deadline = deadlineIn(timeoutMs);
  await backend.ready(timeoutMs);
  const answered = await within(
    backend.ping().then(() => true),
    deadline,
    false,
  );
  if (!answered) throw new UnavailableError(`No answer from the queue within ${timeoutMs} ms`);
}

const FINAL: readonly JobState[] = ['completed', 'failed', 'cancelled'];

async function waitForJob(
  events: JobEvents,
  getJob: (queue: QueueName, jobId: string) => Promise<JobView | undefined>,
  queue: QueueName,
  jobId: string,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
): Promise<unknown> {
  const ending = Promise.withResolvers<unknown>();
  const look = async (): Promise<void> => {
    const job = await getJob(queue, jobId);
    if (!job) ending.reject(new NotFoundError(`Job on ${queue}`, jobId));
    else if (job.state === 'completed') ending.resolve(job.result);
    else if (FINAL.includes(job.state)) ending.reject(new JobFailedError(queue, jobId, job.error ?? job.state));
  };
  const onEvent = (event: JobEvent): void => {
    if (event.jobId !== jobId) return;
    if (event.type === 'completed') ending.resolve(event.result);
    if (event.type === 'failed' || event.type === 'removed') look().catch(ending.reject);
  };
  const unsubscribe = events.on(queue, onEvent);
  // A look that fails (the queue is away for a moment) is repeated; the timeout ends the wait.
  let next: NodeJS.Timeout | undefined;
  const lookAfter = (ms: number): void => {
    next = setTimeout(() => {
      look().catch(() => undefined);
      lookAfter(Math.min(2 * ms, LOOK_EVERY_MS));
    }, ms);
  };
  lookAfter(FIRST_LOOK_MS);
  const timer = setTimeout(
    () => ending.reject(new UnavailableError(`Job ${jobId} did not end within ${timeoutMs} ms; it goes on`, { code: 'wait_timeout' })),
    timeoutMs,
  );
  const onAbort = (): void => ending.reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  look().catch(() => undefined);
  try {
    return await ending.promise;
  } finally {
    unsubscribe();
    clearTimeout(next);
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
