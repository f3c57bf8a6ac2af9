import type { BegunStep, DealStepsTable, StepSubject } from '../db/deal-types.ts';
import { JobAbortedError, NotFoundError } from '../errors.ts';
import type { Snooze } from '../queue/outcome.ts';
import type { Begun, JobContext, RowEnding, RowProcessor } from '../queue/processor.ts';

/** What processors of the deal room's steps need of what main.ts hands in. */
export interface StepDeps {
  db: { dealSteps: Pick<DealStepsTable, 'begin' | 'record' | 'end' | 'list'> };
}

/** What a step did: its result for who asked, and what is stored with it (see `record_deal_step` in the migrations). */
export interface StepDone<R> {
  result: R;
  changes: unknown;
}

export interface StepKind<P, Input, R, Deps> {
  subject: StepSubject;
  operation: string;
  /** The document's or e-mail's id; the job's id of a brief. */
  key(payload: P, job: { id: string }): string;
  /** Reads what the work is about. `hash`: of all that the result follows from, so that unchanged input is answered from what is stored. Throws `NotFoundError`. */
  load(payload: P, context: JobContext<Deps>): Promise<{ input: Input; hash: string }>;
  /** May be put off with `snooze`: nothing is stored then. */
  run(payload: P, input: Input, context: JobContext<Deps>): Promise<StepDone<R> | Snooze>;
}

/** No input has this hash. */
const UNREAD = '';

export interface Loaded<Input> {
  input: Input;
  hash: string;
}

/**
 * A kind whose row is a step of the deal room (`deal_steps`): given the work, this adds what all of them share. The step is taken with the run's id,
 * an unchanged input is answered from the stored result, and the result is stored with all that follows from it before BullMQ is told.
 */
export function stepJob<P extends { dealId: string }, Input, R, Deps extends StepDeps>(
  kind: StepKind<P, Input, R, Deps>,
): RowProcessor<P, R, Loaded<Input>, Deps> {
  /** From `run` to `record` of one attempt, which share their context. */
  const done = new WeakMap<JobContext<Deps>, { hash: string; changes: unknown }>();
  const stepOf = (payload: P, job: { id: string }) => ({ subject: kind.subject, operation: kind.operation, key: kind.key(payload, job) });

  const take = (payload: P, { deps, job, meta, runId }: JobContext<Deps>, inputHash: string): Promise<BegunStep> =>
    deps.db.dealSteps.begin({
      ...stepOf(payload, job),
      dealId: payload.dealId,
      queue: job.queue,
      payload,
      runId,
      jobId: job.id,
      inputHash,
      force: meta.force === true,
    });

  async function begin(payload: P, context: JobContext<Deps>): Promise<Begun<Loaded<Input>, R>> {
    const loaded = await kind.load(payload, context).catch(async (error: unknown) => {
      // Else a run of this job that died would hold the step for ever: it ends with this run's error.
      await take(payload, context, UNREAD);
      throw error;
    });
    const found = await take(payload, context, loaded.hash);
    if (found.state === 'missing') throw new NotFoundError('Deal', payload.dealId);
    // Stored by this very kind; its shape was checked when it was recorded.
    return found.state === 'finished' ? { state: 'finished', result: found.result as R } : { state: 'run', row: loaded };
  }

  async function run(payload: P, { input, hash }: Loaded<Input>, context: JobContext<Deps>): Promise<R> {
    const answer = await kind.run(payload, input, context);
    // The runner knows a snooze for what it is; no processor's type names it.
    if (!('result' in answer)) return answer as R;
    done.set(context, { hash, changes: answer.changes });
    return answer.result;
  }

  async function record(payload: P, result: R, context: JobContext<Deps>): Promise<boolean> {
    const { deps, job, runId } = context;
    const kept = done.get(context);
    // Only a snooze ends a run without changes, and that is not recorded.
    if (!kept) throw new JobAbortedError('lock_lost', 'The run has nothing to record');
    return deps.db.dealSteps.record({ ...stepOf(payload, job), runId, inputHash: kept.hash, result }, kept.changes);
  }

  const report = (payload: P, { error, runId, job }: RowEnding, status: 'failed' | 'cancelled' | 'queued', { db }: Deps): Promise<boolean> =>
    db.dealSteps.end({ ...stepOf(payload, job), jobId: job.id, runId, status, error });

  async function end(payload: P, { outcome, ...ending }: RowEnding & { outcome: 'failed' | 'cancelled' }, deps: Deps): Promise<boolean> {
    if (await report(payload, ending, outcome, deps)) return true;
    const { subject, key, operation } = stepOf(payload, ending.job);
    const step = (await deps.db.dealSteps.list(subject, key)).find((one) => one.operation === operation);
    // Failed: by an earlier report of the same, whose dead letter may be missing.
    return step === undefined || step.status === 'failed';
  }

  return {
    begin,
    run,
    record,
    end,
    putOff: async (payload, ending, deps) => {
      await report(payload, ending, 'queued', deps);
    },
  };
}
