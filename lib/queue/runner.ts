import { randomUUID } from 'node:crypto';
import type { Job } from 'bullmq';
import type { Ai, AiCaller } from '../ai/contract.ts';
import type { Clock } from '../clock.ts';
import { currentContext, runWithContext } from '../context.ts';
import { InvalidInputError, JobAbortedError, messageOf, PermanentError } from '../errors.ts';
import type { JobDefinition, QueueName } from '../jobs/define.ts';
import { type Envelope, envelope, type JobMeta } from '../jobs/envelope.ts';
import { findJob } from '../jobs/index.ts';
import type { Logger } from '../log.ts';
import { parsePayload } from '../payload.ts';
import type { Span, Tracer } from '../telemetry/contract.ts';
import { type FailureRecorder, runOf } from './dead-letters.ts';
import type { Caps } from './fair/caps.ts';
import { fairnessKey } from './fair/key.ts';
import { type Outcome, outcomeOfError, outcomeOfResult, report } from './outcome.ts';
import { createOutlast, type Outlast } from './outlast.ts';
import type { JobContext, Processor, Progress, RowProcessor } from './processor.ts';
import { type ProgressWriter, progressWriter } from './progress.ts';
import type { ActiveRun, ActiveRuns } from './runs.ts';

export interface JobKind {
  queue: QueueName;
  name: string;
}

/** What became of one attempt, for metrics and logs. Times in milliseconds. */
export interface AttemptReport extends JobKind {
  outcome: Outcome['kind'];
  durationMs: number;
  /** From the time the job could have started to its start. */
  waitedMs: number;
  attempt: number;
  /** The job had not been started before; what waits after a pause has waited for something else. */
  firstStart: boolean;
  /** From enqueueing to now, where this was the end of the job. */
  totalMs?: number;
}

// biome-ignore lint/suspicious/noExplicitAny: payload and result differ by kind; they are checked where the kinds are declared (see Processors).
export type AnyProcessor<Deps> = Processor<any, any, Deps>;

export interface RunnerDeps<Deps> {
  /** The processor of a kind, or undefined where this process has none. */
  processor: (queue: QueueName, name: string) => AnyProcessor<Deps> | undefined;
  /** Handed to every processor. */
  deps: Deps;
  ai: { forJob(caller: AiCaller): Ai };
  timeoutMs: (queue: QueueName) => number;
  failures: FailureRecorder;
  runs: ActiveRuns;
  clock: Clock;
  log: Logger;
  onAttempt?: (report: AttemptReport) => void;
  /** A job begins; the answer is called when the attempt is over. */
  onStart?: (kind: JobKind) => () => void;
  tracer?: Tracer | undefined;
  /** How many jobs of one user or deal run at a time. Absent where no queue has a cap. */
  caps?: Caps;
  /** Where kinds are looked up. Default: the catalogue. */
  find?: (queue: string, name: string) => JobDefinition | undefined;
}

export interface Runner {
  /** What BullMQ calls for each job: one attempt, in named steps. */
  run(job: Job, token: string | undefined): Promise<unknown>;
}

/** One attempt under way. */
interface Attempt<Deps> {
  job: Job;
  queue: QueueName;
  definition: JobDefinition;
  processor: AnyProcessor<Deps>;
  payload: unknown;
  context: JobContext<Deps>;
  progress: ProgressWriter;
  database: Outlast;
}

/** The one executor of every mode: parse, begin, run, record, report. */
export function createRunner<Deps>(deps: RunnerDeps<Deps>): Runner {
  const find = deps.find ?? findJob;

  function run(job: Job, token: string | undefined): Promise<unknown> {
    return runWithContext(logContext(job), () => attemptAndReport(job, token));
  }

  async function attemptAndReport(job: Job, token: string | undefined): Promise<unknown> {
    const startedAt = deps.clock.monotonic();
    const active = deps.runs.open(job.queueName, job.id ?? '', deps.timeoutMs(queueOf(job)));
    const onEnd = deps.onStart?.({ queue: queueOf(job), name: job.name });
    try {
      deps.log.info('job started');
      const outcome = await execute(job, active);
      announce(job, outcome, deps.clock.monotonic() - startedAt);
      return await report(outcome, job, token, deps.clock.now());
    } finally {
      active.close();
      onEnd?.();
    }
  }

  async function execute(job: Job, active: ActiveRun): Promise<Outcome> {
    let attempt: Attempt<Deps> | undefined;
    try {
      attempt = parse(job, active);
      return await unlessStopped(withinCap(attempt), active);
    } catch (error) {
      const outcome = attempt?.database.away && isTimeout(error) ? STILL_AWAY : outcomeOfError(error, attemptsLeft(job));
      return settle(job, attempt, active, outcome);
    }
  }

  function parse(job: Job, active: ActiveRun): Attempt<Deps> {
    const data = parseEnvelope(job);
    const queue = queueOf(job);
    const definition = find(queue, job.name);
    if (!definition) throw new PermanentError(`There is no job "${job.name}" on queue "${queue}"`, { code: 'unknown_job' });
    const processor = deps.processor(queue, job.name);
    if (!processor) throw new PermanentError(`"${job.name}" on queue "${queue}" has no processor in this version`, { code: 'not_there_yet' });
    const payload = parsePayload(definition, data.payload);
    const progress = progressWriter((report) => Promise.all([job.updateProgress({ ...report }), mirror(report)]), active, deps.log);
    const context = makeContext(job, queue, data.meta, active, progress);
    /** Rows that keep their progress have it with the job's own, as often. */
    const mirror = async (report: Progress) => (typeof processor === 'function' ? undefined : processor.progress?.(payload, report, context));
    return { job, queue, definition, processor, payload, context, progress, database: createOutlast(active, deps.log) };
  }

  async function withinCap(attempt: Attempt<Deps>): Promise<Outcome> {
    if (!deps.caps) return begin(attempt);
    const { job, definition, payload, context } = attempt;
    const place = await deps.caps.enter(job, fairnessKey(definition, payload, context.meta));
    if (place.kind === 'put off') return { kind: 'snooze', ms: place.waitMs };
    return begin(attempt).finally(place.leave);
  }

  async function begin(attempt: Attempt<Deps>): Promise<Outcome> {
    const { processor, payload, context, progress, database } = attempt;
    if (typeof processor === 'function') {
      const result = await processor(payload, context);
      await progress.flush();
      return outcomeOfResult(result);
    }
    const begun = await database.step(() => processor.begin(payload, context));
    return begun.state === 'finished' ? { kind: 'done', result: begun.result } : runWithRow(processor, begun.row, attempt);
  }

  async function runWithRow(
    processor: RowProcessor<unknown, unknown, unknown, Deps>,
    row: unknown,
    { payload, context, progress, database }: Attempt<Deps>,
  ): Promise<Outcome> {
    const outcome = outcomeOfResult(await processor.run(payload, row, context));
    await progress.flush();
    if (outcome.kind !== 'done') return outcome;
    context.signal.throwIfAborted();
    return (await database.step(() => processor.record(payload, outcome.result, context))) ? outcome : { kind: 'lost' };
  }

  /** Endings without a result are written down before BullMQ is told. */
  async function settle(job: Job, attempt: Attempt<Deps> | undefined, active: ActiveRun, outcome: Outcome): Promise<Outcome> {
    const trace = () => ({ runId: active.runId, processor: attempt?.processor, payload: attempt?.payload });
    if (outcome.kind === 'failed') await deps.failures.failed(job, outcome.error, trace());
    if (outcome.kind === 'cancelled') await deps.failures.cancelled(job, outcome.reason, trace());
    if (attempt) await putOff(attempt, outcome);
    return outcome;
  }

  /** The row shows that the job waits again. Without it nothing is lost: the next attempt takes the row as it is. */
  async function putOff({ processor, payload, context, job }: Attempt<Deps>, outcome: Outcome): Promise<void> {
    const error = reasonToWait(outcome);
    if (error === undefined || typeof processor === 'function' || !processor.putOff) return;
    const ending = { error, runId: context.runId, job: { id: context.job.id, run: runOf(job) } };
    await processor.putOff(payload, ending, deps.deps).catch((problem: unknown) => {
      deps.log.warn({ error: messageOf(problem) }, 'row of a job that is put off not updated');
    });
  }

  function makeContext(job: Job, queue: QueueName, meta: JobMeta, active: ActiveRun, progress: ProgressWriter): JobContext<Deps> {
    const id = job.id ?? '';
    let ai: Ai | undefined;
    return {
      job: { queue, name: job.name, id, attempt: job.attemptsMade + 1, maxAttempts: job.opts.attempts ?? 1 },
      meta,
      get runId() {
        return active.runId;
      },
      get ai() {
        ai ??= deps.ai.forJob({ queue, jobId: id, userId: meta.userId, signal: active.signal });
        return ai;
      },
      deps: deps.deps,
      get signal() {
        return active.signal;
      },
      progress: progress.report,
      log: deps.log,
    };
  }

  function announce(job: Job, outcome: Outcome, durationMs: number): void {
    const waitedMs = Math.max(0, (job.processedOn ?? job.timestamp) - job.timestamp - (job.opts.delay ?? 0));
    deps.onAttempt?.({
      queue: queueOf(job),
      name: job.name,
      outcome: outcome.kind,
      durationMs,
      waitedMs,
      attempt: job.attemptsMade + 1,
      firstStart: job.attemptsStarted === 1,
      ...totalOf(job, outcome, deps.clock.now()),
    });
    if (deps.tracer) tell(deps.tracer.current(), job, outcome);
    const fields = { name: job.name, durationMs: Math.round(durationMs), ...describe(outcome) };
    const level = outcome.kind === 'failed' ? 'error' : outcome.kind === 'retry' || outcome.kind === 'lost' ? 'warn' : 'info';
    deps.log[level](fields, EVENTS[outcome.kind]);
  }

  return { run };
}

const EVENTS: Record<Outcome['kind'], string> = {
  done: 'job completed',
  retry: 'job retrying',
  snooze: 'job snoozed',
  'rate-limited': 'job waits for a limit',
  cancelled: 'job cancelled',
  failed: 'job failed',
  'handed-back': 'job handed back',
  lost: 'job taken over by another run',
  superseded: 'job superseded by a newer run',
};

/** Undefined for outcomes after which the job does not wait. */
function reasonToWait(outcome: Outcome): string | undefined {
  switch (outcome.kind) {
    case 'retry':
      return messageOf(outcome.error);
    case 'rate-limited':
      return `${outcome.key} is limited`;
    case 'snooze':
      return 'Put off';
    default:
      return undefined;
  }
}

function describe(outcome: Outcome): Record<string, unknown> {
  switch (outcome.kind) {
    case 'retry':
    case 'failed':
      return { error: messageOf(outcome.error) };
    case 'rate-limited':
      return { key: outcome.key, waitMs: outcome.ms };
    case 'snooze':
      return { waitMs: outcome.ms };
    case 'cancelled':
      return { reason: outcome.reason };
    default:
      return {};
  }
}

/** Completes the span of the attempt, which BullMQ begins and ends. */
function tell(span: Span, job: Job, outcome: Outcome): void {
  span.set({
    'hivepulse.job.attempt': job.attemptsMade + 1,
    'hivepulse.job.outcome': outcome.kind,
    'messaging.message.conversation_id': currentContext().correlationId,
  });
  if (outcome.kind === 'retry' || outcome.kind === 'failed') span.fail(outcome.error);
}

function totalOf(job: Job, { kind }: Outcome, now: number): { totalMs?: number } {
  const enqueuedAt = Date.parse(job.data?.meta?.enqueuedAt);
  return ENDINGS.has(kind) && Number.isFinite(enqueuedAt) ? { totalMs: Math.max(0, now - enqueuedAt) } : {};
}

const ENDINGS: ReadonlySet<Outcome['kind']> = new Set(['done', 'failed', 'cancelled']);

/** The database was away for as long as an attempt may take. */
const STILL_AWAY: Outcome = { kind: 'snooze', ms: 5_000 };

function isTimeout(error: unknown): boolean {
  return error instanceof JobAbortedError && error.kind === 'timeout';
}

/** A run that is told to stop is left behind at once, even when it does not listen; its late writes are fenced. */
function unlessStopped<T>(work: Promise<T>, active: ActiveRun): Promise<T> {
  return new Promise((resolve, reject) => {
    active.onStop(reject);
    // Whatever a stopped run throws on its way out, the reason is why it stopped.
    work.then(resolve, (error: unknown) => reject(active.stopped ?? error));
  });
}

function parseEnvelope(job: Job): Envelope {
  const parsed = envelope.safeParse(job.data);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => ({ path: ['data', ...path].join('.'), message }));
  throw new InvalidInputError(`Not a Hivepulse job: ${issues.map(({ path, message }) => `${path}: ${message}`).join('; ')}`, issues);
}

/** Attempts that remain after the current one. */
function attemptsLeft(job: Job): number {
  return Math.max(0, (job.opts.attempts ?? 1) - job.attemptsMade - 1);
}

function queueOf(job: Job): QueueName {
  // A worker only ever serves queues of the catalogue.
  return job.queueName as QueueName;
}

function logContext(job: Job): Record<string, unknown> {
  const meta: Partial<JobMeta> | undefined = job.data?.meta;
  return {
    queue: job.queueName,
    jobId: job.id,
    attempts: job.attemptsMade + 1,
    correlationId: typeof meta?.correlationId === 'string' ? meta.correlationId : randomUUID(),
    ...(typeof meta?.userId === 'string' ? { userId: meta.userId } : {}),
  };
}
