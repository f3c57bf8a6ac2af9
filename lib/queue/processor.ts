import type { Ai } from '../ai/contract.ts';
import type { QueueName } from '../jobs/define.ts';
import type { JobMeta } from '../jobs/envelope.ts';
import type { PayloadOf, ReadyNameOf, ResultOf } from '../jobs/index.ts';
import type { Logger } from '../log.ts';

/** Live progress, at the API by poll and by server-sent events; written at most twice a second. */
export interface Progress {
  progress: number;
  total: number;
  current_step: string;
}

/** What a processor is given besides its payload. `Deps` is what main.ts hands to all processors (the database, …). */
export interface JobContext<Deps = unknown> {
  /** `attempt` is 1 for the first. */
  job: { queue: QueueName; name: string; id: string; attempt: number; maxAttempts: number };
  meta: JobMeta;
  /** The fencing token of this attempt: every write to a row is guarded by it. */
  runId: string;
  ai: Ai;
  deps: Deps;
  /** Aborted on cancel, timeout, a lost lock and at the end of a shutdown; its reason is a `JobAbortedError`. Pass it to every outside call. */
  signal: AbortSignal;
  progress(progress: Progress): void;
  log: Logger;
}

/** What `begin` found. */
export type Begun<Row, Result> =
  | { state: 'run'; row: Row }
  /** Finished before, or unchanged: the stored result is the answer, nothing is paid for. */
  | { state: 'finished'; result: Result };

/** How a job of a row ended, or why it is put off, without a result. */
export interface RowEnding {
  error: string;
  /** Absent when the job never entered a runner (stalled out, cancelled while it waited). */
  runId?: string | undefined;
  /** `run` is the job's `meta.run`. */
  job: { id: string; run: number };
}

/**
 * A kind whose work has a row. The runner calls, in this order: `begin` (takes the fencing token), `run`,
 * `record` (commits the result, guarded by the token, before BullMQ is told). When the job fails for good or is cancelled, `end` is called once.
 */
export interface RowProcessor<P, R, Row, Deps> {
  begin(payload: P, context: JobContext<Deps>): Promise<Begun<Row, R>>;
  run(payload: P, row: Row, context: JobContext<Deps>): Promise<R>;
  /** False when another run has taken the row over: nothing was changed. */
  record(payload: P, result: R, context: JobContext<Deps>): Promise<boolean>;
  /** False when there is nothing to tell of: the row had completed or been cancelled, or another run has it. */
  end(payload: P, ending: RowEnding & { outcome: 'failed' | 'cancelled' }, deps: Deps): Promise<boolean | undefined>;
  /** Another attempt follows: the row shows it waiting again, with the error. */
  putOff?(payload: P, ending: RowEnding, deps: Deps): Promise<void>;
  /** Live progress, for rows that keep it; at most twice a second. */
  progress?(payload: P, progress: Progress, context: JobContext<Deps>): Promise<void>;
  /** The row is found by the job's id: `end` is called also when the payload does not parse. */
  readonly byJobId?: true;
}

/** A kind without a row of its own: a plain function. */
export type PlainProcessor<P, R, Deps> = (payload: P, context: JobContext<Deps>) => Promise<R>;

// biome-ignore lint/suspicious/noExplicitAny: a row's type is known to its own processor alone; the runner only hands it from begin to run.
export type Processor<P, R, Deps> = PlainProcessor<P, R, Deps> | RowProcessor<P, R, any, Deps>;

/** What `workers/<queue>.ts` exports: one processor for each ready kind of its queue. */
export type Processors<Q extends QueueName, Deps> = { [N in ReadyNameOf<Q>]: Processor<PayloadOf<Q, N>, ResultOf<Q, N>, Deps> };
