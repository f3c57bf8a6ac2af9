import { randomUUID } from 'node:crypto';
import { SECOND } from '../clock.ts';
import type { DealSource } from '../db/source-types.ts';
import type { Db } from '../db/types.ts';
import { HivepulseError, JobAbortedError, NotFoundError, PermanentError } from '../errors.ts';
import { hold } from '../hold.ts';
import type { SyncPayload, SyncResult } from '../jobs/source-sync.ts';
import { type Snooze, snooze } from '../queue/outcome.ts';
import type { JobContext, RowProcessor } from '../queue/processor.ts';
import type { Store } from '../queue/store/types.ts';
import { type Loaded, type StepDeps, stepJob } from '../relay/step-job.ts';
import type { SyncDeps } from './run.ts';
import { syncSource } from './sync.ts';

/** What main.ts hands to the processor. */
export interface SyncStepDeps extends StepDeps {
  db: StepDeps['db'] & Pick<Db, 'dealSources' | 'sourceRuns'>;
  sync: SyncDeps & { store: Pick<Store, 'acquire' | 'release'> };
}

type Context = JobContext<SyncStepDeps>;

/** Whoever changes a source may change it once more. */
const AGAIN_MS = SECOND;

const step = stepJob<SyncPayload, readonly DealSource[], SyncResult, SyncStepDeps>({
  subject: 'source',
  operation: 'sync',
  key: ({ dealId, sourceType, syncType, sourceId }) => (sourceId === undefined ? `${dealId}/${sourceType}/${syncType}` : `${sourceId}/${syncType}`),
  // What a source has is never known beforehand: no two syncs are alike.
  load: async (payload, context) => ({ input: await sourcesOf(payload, context), hash: randomUUID() }),
  run: async ({ dealId, syncType }, sources, context) => {
    const syncs: SyncResult['syncs'] = [];
    const failures: unknown[] = [];
    const left: JobAbortedError[] = [];
    for (const source of sources) {
      context.signal.throwIfAborted();
      // One that fails keeps none of the others.
      await syncHeld(source, syncType, context).then(
        (synced) => syncs.push(synced),
        (error: unknown) => {
          if (error instanceof JobAbortedError) left.push(error);
          else failures.push(error);
        },
      );
    }
    context.signal.throwIfAborted();
    if (failures.length > 0) throw failures.find(mayPass) ?? failures[0];
    const [first] = left;
    if (!first || (syncs.length > 0 && left.every(({ kind }) => kind === 'cancelled'))) return { result: { dealId, syncs }, changes: {} };
    return again(sources, first, context);
  },
});

/** `sync`: one source, or all of a type that a deal has. */
export const syncStep: RowProcessor<SyncPayload, SyncResult, Loaded<readonly DealSource[]>, SyncStepDeps> = {
  ...step,
  async end(payload, ending, deps) {
    await deps.db.sourceRuns.endJob(ending.job.id, { status: ending.outcome, error: ending.error });
    const told = await step.end(payload, ending, deps);
    await letGo(payload, ending.job.id, deps);
    return told;
  },
};

async function sourcesOf({ dealId, sourceType, sourceId }: SyncPayload, { deps }: Context): Promise<DealSource[]> {
  if (sourceId !== undefined) {
    const source = await deps.db.dealSources.get(sourceId);
    if (source?.dealId !== dealId || source.sourceType !== sourceType) throw new NotFoundError('Source', sourceId);
    return [source];
  }
  const sources = (await deps.db.dealSources.list({ dealId, sourceType })).filter(({ paused }) => !paused);
  if (sources.length > 0) return sources;
  const message = `Deal ${dealId} has no ${sourceType} source that is not paused: add one with POST /api/deals/${dealId}/sources`;
  throw new PermanentError(message, { code: 'no_source', details: { dealId, sourceType } });
}

const holdOf = (sourceId: string): string => `source:${sourceId}`;

/** A job whose worker died for good still holds its sources: the next one need not wait for the end of the lease. Best effort. */
async function letGo({ dealId, sourceType, sourceId }: SyncPayload, jobId: string, { db, sync }: SyncStepDeps): Promise<void> {
  const ids = sourceId === undefined ? (await db.dealSources.list({ dealId, sourceType })).map(({ id }) => id) : [sourceId];
  await Promise.all(ids.map((id) => sync.store.release(holdOf(id), jobId))).catch(() => undefined);
}

/** One run per source at a time, in all processes: a second one waits without burning an attempt. */
async function syncHeld(source: DealSource, syncType: SyncPayload['syncType'], context: Context) {
  const giveUp = await hold({ key: holdOf(source.id), what: 'a source' }, context, { store: context.deps.sync.store, log: context.log });
  try {
    return await syncSource(source.id, syncType, context);
  } finally {
    await giveUp();
  }
}

/** Left in the middle: a source that was paused or removed is left alone, one that was changed is synced as it is now. */
async function again(sources: readonly DealSource[], left: JobAbortedError, { deps }: Context): Promise<Snooze> {
  const now = await Promise.all(sources.map(({ id }) => deps.db.dealSources.get(id)));
  if (now.some((source) => source?.paused === false)) return snooze(AGAIN_MS);
  throw now.some((source) => source?.paused) ? new JobAbortedError('cancelled', 'The source is paused') : left;
}

const mayPass = (error: unknown): boolean => !(error instanceof HivepulseError) || error.retryable;
