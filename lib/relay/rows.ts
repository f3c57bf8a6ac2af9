import { randomUUID } from 'node:crypto';
import type { StepJob } from '../db/deal-types.ts';
import type { CreatedRow, Db, JobRow, RetriedRow, RowOptions } from '../db/types.ts';
import { InvalidInputError, PermanentError, UnavailableError } from '../errors.ts';
import type { JobRowTable, QueueName } from '../jobs/define.ts';
import { queues, rowTableOf } from '../jobs/index.ts';
import { EnqueueError } from '../queue/errors.ts';
import type { EnqueueOptions, EnqueueRequest, JobState, JobView, RetryOutcome, RowBackedJobs } from '../queue/types.ts';

export interface RowsDeps {
  db: Pick<Db, 'jobRows' | 'reviewJobs' | 'dealSteps'>;
  /** Throws for a request that no queue would take. */
  check: (request: EnqueueRequest) => void;
  /** Tells the relay that something stands in the outbox. */
  poke: () => void;
}

/** Jobs whose row is the truth: asked for, cancelled and run again by SQL functions. The relay does the rest. */
export function createRowBackedJobs({ db, check, poke }: RowsDeps): RowBackedJobs {
  async function create(request: EnqueueRequest): Promise<{ queue: QueueName; jobId: string; deduplicated: boolean }> {
    check(request);
    const idempotencyKey = request.options?.idempotencyKey ?? request.options?.jobId ?? randomUUID();
    const { id, deduplicated } = await createRow({ ...request, options: { ...request.options, idempotencyKey } }).catch((cause: unknown) => {
      throw cause instanceof UnavailableError ? unknownOutcome(idempotencyKey, cause) : cause;
    });
    poke();
    return { queue: request.queue, jobId: id, deduplicated };
  }

  function createRow({ queue, name, payload, options = {} }: EnqueueRequest): Promise<CreatedRow> {
    const rowOptions = toRowOptions(options);
    // Checked above: an object that fits the kind's schema.
    const fields = payload as Record<string, unknown>;
    switch (tableOf(queue)) {
      case 'jobs':
        return db.reviewJobs.create({ userId: userOf(options), type: name, payload, options: rowOptions });
      case 'analytics_jobs': {
        const { userId, ...params } = fields;
        return db.jobRows.createFetch({ userId: String(userId), params, options: rowOptions });
      }
      case 'conversation_analysis_jobs': {
        const { conversationId, ...params } = fields;
        return db.jobRows.createAnalysis({ conversationId: String(conversationId), params, createdBy: options.userId, options: rowOptions });
      }
    }
  }

  async function retry(queue: QueueName, jobId: string): Promise<RetryOutcome> {
    const retried: RetriedRow = await db.jobRows.retry(tableOf(queue), jobId);
    poke();
    if (retried.outcome === 'retried') return { outcome: 'retried', jobId, deduplicated: false };
    if (retried.outcome === 'merged') return { outcome: 'retried', jobId: retried.jobId, deduplicated: true };
    return { outcome: retried.outcome };
  }

  return {
    create,
    cancel: (queue, jobId, reason) => db.jobRows.cancel(tableOf(queue), jobId, reason),
    retry,
    view: async (queue, jobId) => {
      const table = rowTableOf(queue);
      if (table) {
        const row = await db.jobRows.get(table, jobId);
        return row && toView(queue, row);
      }
      const step = STEP_QUEUES.includes(queue) ? await db.dealSteps.ofJob(queue, jobId) : undefined;
      return step && stepView(queue, step);
    },
  };
}

/** A call that the database has not answered may have landed all the same. */
function unknownOutcome(idempotencyKey: string, cause: UnavailableError): EnqueueError {
  const message = `The database did not answer (${cause.message}). Repeat the call with this idempotencyKey: the job is then made at most once.`;
  return new EnqueueError('unknown', idempotencyKey, message, cause);
}

function tableOf(queue: QueueName): JobRowTable {
  const table = rowTableOf(queue);
  if (!table) throw new PermanentError(`Jobs on ${queue} have no row of their own`, { code: 'no_row' });
  return table;
}

function userOf({ userId }: EnqueueOptions): string {
  if (userId) return userId;
  throw new InvalidInputError('A review job is paid by a user: options.userId is missing', [{ path: 'options.userId', message: 'is missing' }]);
}

function toRowOptions({ jobId, idempotencyKey, priority, delay, force, correlationId }: EnqueueOptions): RowOptions {
  return {
    ...(jobId ? { jobId } : {}),
    ...(idempotencyKey ? { idempotencyKey } : {}),
    ...(priority ? { priority } : {}),
    ...(delay ? { delay } : {}),
    ...(force ? { force } : {}),
    ...(correlationId ? { correlationId } : {}),
  };
}

/** Their jobs are steps of the deal room: known from when they are asked for, also where the queue has not got them yet or has forgotten them. */
const STEP_QUEUES: readonly QueueName[] = ['document-processing', 'email-processing', 'daily-brief', 'source-sync'];

function stepView(
  queue: QueueName,
  { jobId, operation, status, payload, userId, correlationId, result, error, createdAt, updatedAt }: StepJob,
): JobView {
  const state = STATES[status] ?? 'waiting';
  return {
    id: jobId,
    queue,
    name: operation,
    state,
    payload,
    correlationId: correlationId ?? '',
    attemptsMade: 0,
    attempts: queues[queue].attempts,
    createdAt,
    ...(userId ? { userId } : {}),
    ...(state === 'completed' ? { result } : {}),
    ...(error && (state === 'failed' || state === 'cancelled') ? { error } : {}),
    ...(state === 'waiting' || state === 'active' ? {} : { finishedAt: updatedAt }),
  };
}

const STATES: Readonly<Record<string, JobState>> = {
  pending: 'waiting',
  queued: 'waiting',
  processing: 'active',
  completed: 'completed',
  succeeded: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
};

function toView(queue: QueueName, row: JobRow): JobView {
  const state = STATES[row.status] ?? 'waiting';
  return {
    id: row.id,
    queue,
    name: row.name,
    state,
    payload: row.payload,
    correlationId: row.correlationId ?? '',
    attemptsMade: row.attempts,
    attempts: row.attempts,
    createdAt: row.createdAt,
    ...(row.userId ? { userId: row.userId } : {}),
    ...(row.progress ? { progress: row.progress } : {}),
    ...(state === 'completed' ? { result: row.result } : {}),
    ...(row.error && (state === 'failed' || state === 'cancelled') ? { error: row.error } : {}),
    ...(row.startedAt ? { startedAt: row.startedAt } : {}),
    ...(row.finishedAt ? { finishedAt: row.finishedAt } : {}),
  };
}
