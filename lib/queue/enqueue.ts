import { createHash, randomUUID } from 'node:crypto';
import type { Job, JobsOptions } from 'bullmq';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { currentContext } from '../context.ts';
import { messageOf, PermanentError, UnavailableError } from '../errors.ts';
import type { JobDefinition, QueueDefinition, QueueName } from '../jobs/define.ts';
import { ENVELOPE_VERSION, type Envelope } from '../jobs/envelope.ts';
import { findJob, jobs, queueNames, rowTableOf } from '../jobs/index.ts';
import { deadlineIn } from '../lifecycle.ts';
import { invalidInput, parsePayload } from '../payload.ts';
import type { Tracer } from '../telemetry/contract.ts';
import type { QueueBackend } from './backend.ts';
import { toJobBackoff } from './backoff.ts';
import { EnqueueError } from './errors.ts';
import { fairnessKey } from './fair/key.ts';
import { levelOf } from './fair/slots.ts';
import type { Share } from './fair/types.ts';
import { publishing } from './publish.ts';
import type { Enqueued, EnqueueOptions, EnqueueRequest } from './types.ts';

export type QueueSettings = Pick<QueueDefinition, 'attempts' | 'backoff' | 'keep'> & {
  /** Whether users and deals take turns. Default true. */
  fairness?: boolean;
};

export interface EnqueueDeps {
  backend: QueueBackend;
  settings: (queue: QueueName) => QueueSettings;
  clock: Clock;
  /** Where kinds are looked up. Default: the catalogue. */
  find?: (queue: string, name: string) => JobDefinition | undefined;
  /** Longest wait for a connection and the answer together. Default 2,000 ms. */
  timeoutMs?: number;
  /** The number of the run, for jobs that run again by hand. */
  run?: number;
  tracer?: Tracer | undefined;
}

const MAX_PRIORITY = 2_097_152;

const optionsSchema = z.strictObject({
  priority: z.int().min(0).max(MAX_PRIORITY).optional(),
  delay: z.int().min(0).optional(),
  jobId: z
    .string()
    .min(1)
    .max(200)
    .regex(/^(?!0$)[^:]+$/, 'must not contain ":" and must not be "0"')
    .optional(),
  idempotencyKey: z.string().min(1).max(200).optional(),
  force: z.boolean().optional(),
  correlationId: z.string().min(1).max(200).optional(),
  userId: z.string().min(1).max(200).optional(),
});

interface Prepared {
  queue: QueueName;
  name: string;
  jobId: string;
  idempotencyKey: string;
  /** Whether the caller named the job, so that an equal earlier request may be the answer. */
  named: boolean;
  data: Envelope;
  /** Without the priority where the queue is shared out. */
  options: JobsOptions;
  share?: Share;
  traceparent?: string | undefined;
}

/** A request of the relay's. */
export interface SendRequest extends EnqueueRequest {
  /** The number of the run. */
  run?: number;
  /** The id belongs to this very request: what stands under it already needs no second look. */
  own?: true;
  /** Of whoever asked for it in the database. */
  traceparent?: string | undefined;
}

export interface Enqueue {
  one(request: EnqueueRequest): Promise<Enqueued>;
  /** One round trip per queue; in the order asked. All or none of a queue's jobs are sent. */
  many(requests: readonly SendRequest[]): Promise<Enqueued[]>;
  /** Throws what `one` would throw for a bad request; sends nothing. */
  check(request: EnqueueRequest): void;
}

/** Puts jobs on queues: checks, names and sends them. */
export function createEnqueue(deps: EnqueueDeps): Enqueue {
  const find = deps.find ?? findJob;
  const timeoutMs = deps.timeoutMs ?? 2_000;

  async function one(request: EnqueueRequest): Promise<Enqueued> {
    const prepared = prepare(request, find, deps);
    const [job] = await publish([prepared], async (queue) => [await queue.add(prepared.name, prepared.data, prepared.options)]);
    return answer(prepared, job);
  }

  async function many(requests: readonly SendRequest[]): Promise<Enqueued[]> {
    const prepared = requests.map((request) => prepare(request, find, deps));
    const answers = new Map<Prepared, Enqueued>();
    for (const batch of Map.groupBy(prepared, ({ queue }) => queue).values()) {
      const added = await publish(batch, (queue) => queue.addBulk(batch.map(({ name, data, options }) => ({ name, data, opts: options }))));
      await Promise.all(batch.map(async (one, index) => answers.set(one, await answer(one, added[index]))));
    }
    return prepared.flatMap((one) => answers.get(one) ?? []);
  }

  const publish: typeof send = (batch, add) => publishing(deps.tracer, batch, () => send(batch, add));

  /** Sends only on a connection that can take it now: what was never sent cannot land later. */
  async function send(batch: readonly Prepared[], add: (queue: ReturnType<QueueBackend['queue']>) => Promise<Job[]>): Promise<Job[]> {
    const [first] = batch;
    if (!first) return [];
    const queue = deps.backend.queue(first.queue);
    const deadline = deadlineIn(timeoutMs);
    await deps.backend.ready(timeoutMs).catch((cause: unknown) => {
      throw notSent(first, cause);
    });
    await answerWithin(takeTurns(first.queue, batch), deadline.remainingMs()).catch((cause: unknown) => {
      throw isAway(cause) ? notSent(first, cause) : cause;
    });
    try {
      return await answerWithin(add(queue), deadline.remainingMs());
    } catch (cause) {
      if (!isAway(cause)) throw cause;
      throw new EnqueueError(
        'unknown',
        first.idempotencyKey,
        'The connection to the queue was cut before it answered. Repeat the call with this idempotencyKey: the job is then made at most once.',
        cause,
      );
    }
  }

  const isAway = (error: unknown): boolean => error instanceof UnavailableError || deps.backend.isConnectionError(error);

  /** Where users or deals take turns, the priority says whose turn comes when: asked for here, before anything is sent. */
  async function takeTurns(queue: QueueName, batch: readonly Prepared[]): Promise<void> {
    const shares = batch.flatMap(({ share }) => share ?? []);
    if (shares.length === 0) return;
    const priorities = await deps.backend.fair.priorities(queue, shares);
    for (const [index, prepared] of batch.filter(({ share }) => share).entries()) prepared.options.priority = priorities[index] ?? 0;
  }

  async function answer(prepared: Prepared, job: Job | undefined): Promise<Enqueued> {
    const jobId = job?.id ?? prepared.jobId;
    const deduplicated = jobId !== prepared.jobId || (prepared.named && (await isAnother(prepared)));
    return { queue: prepared.queue, jobId, deduplicated };
  }

  /** `add` with the id of a kept job answers that id without a word: only the stored data tells whose job it is. */
  async function isAnother(prepared: Prepared): Promise<boolean> {
    const stored: Job<Envelope> | undefined = await deps.backend.queue(prepared.queue).getJob(prepared.jobId);
    return stored !== undefined && stored.data.meta?.requestId !== prepared.data.meta.requestId;
  }

  return { one, many, check: (request) => void prepare(request, find, deps) };
}

function notSent({ idempotencyKey }: Prepared, cause: unknown): EnqueueError {
  const message = `Not sent: the queue is not reachable (${messageOf(cause)}). The job will not appear later; try again.`;
  return new EnqueueError('not_sent', idempotencyKey, message, cause);
}

function answerWithin<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new UnavailableError('No answer from the queue in time', { code: 'no_answer' })), timeoutMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function prepare(request: SendRequest, find: NonNullable<EnqueueDeps['find']>, deps: EnqueueDeps): Prepared {
  const definition = lookUp(request, find);
  const options: EnqueueOptions = parseOptions(request.options ?? {});
  const payload = parsePayload(definition, request.payload);
  const named = !request.own && (options.jobId !== undefined || options.idempotencyKey !== undefined);
  const idempotencyKey = options.idempotencyKey ?? options.jobId ?? randomUUID();
  const onceId = definition.once.kind === 'forEver' ? undefined : definition.once.id(payload);
  const jobId = options.jobId ?? `${onceId ?? definition.name}-${named ? digest(idempotencyKey) : idempotencyKey}`;
  const data = makeEnvelope(payload, options, named, deps, request.run ?? deps.run);
  const settings = deps.settings(definition.queue);
  const share = (settings.fairness ?? true) && {
    level: levelOf(options.priority ?? 0),
    key: fairnessKey(definition, payload, data.meta),
    delayed: (options.delay ?? 0) > 0,
  };
  return {
    queue: definition.queue,
    name: definition.name,
    jobId,
    idempotencyKey,
    named,
    data,
    options: jobOptions(settings, definition, options, jobId, onceId),
    ...(share ? { share } : {}),
    traceparent: request.traceparent,
  };
}

/** Whether jobs of a kind have a row of their own, which is where they are asked for. */
export function isRowBacked({ queue }: Pick<EnqueueRequest, 'queue'>): boolean {
  return rowTableOf(queue) !== undefined;
}

function lookUp({ queue, name }: EnqueueRequest, find: NonNullable<EnqueueDeps['find']>): JobDefinition {
  const definition = find(queue, name);
  if (!definition) {
    const names = jobs.filter((job) => job.queue === queue).map((job) => job.name);
    const legal = names.length > 0 ? `${queue} knows ${names.join(', ')}` : `the queues are ${queueNames.join(', ')}`;
    throw new PermanentError(`There is no job "${name}" on queue "${queue}": ${legal}`, { code: 'unknown_job' });
  }
  if (definition.status === 'planned') {
    throw new PermanentError(`"${name}" on queue "${queue}" is planned, not there yet: this version of Hivepulse cannot run it`, {
      code: 'not_there_yet',
    });
  }
  return definition;
}

function parseOptions(options: unknown): EnqueueOptions {
  const parsed = optionsSchema.safeParse(options);
  if (!parsed.success) throw invalidInput('options', parsed.error);
  // Absent and undefined are the same to every reader of these options.
  return parsed.data as EnqueueOptions;
}

function makeEnvelope(payload: unknown, options: EnqueueOptions, named: boolean, { clock }: EnqueueDeps, run: number | undefined): Envelope {
  return {
    v: ENVELOPE_VERSION,
    payload,
    meta: {
      correlationId: options.correlationId ?? currentContext().correlationId ?? randomUUID(),
      enqueuedAt: new Date(clock.now()).toISOString(),
      ...(options.userId ? { userId: options.userId } : {}),
      ...(options.force ? { force: true } : {}),
      ...(named ? { requestId: randomUUID() } : {}),
      ...(run ? { run } : {}),
    },
  };
}

function jobOptions(
  settings: QueueSettings,
  { once }: JobDefinition,
  options: EnqueueOptions,
  jobId: string,
  onceId: string | undefined,
): JobsOptions {
  return {
    jobId,
    attempts: settings.attempts,
    backoff: toJobBackoff(settings.backoff),
    removeOnComplete: settings.keep.completed,
    removeOnFail: settings.keep.failed,
    ...(options.priority ? { priority: options.priority } : {}),
    ...(options.delay ? { delay: options.delay } : {}),
    ...(onceId ? { deduplication: { id: onceId, ...(once.kind === 'oneMore' ? { keepLastIfActive: true } : {}) } } : {}),
  };
}

function digest(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 22);
}
