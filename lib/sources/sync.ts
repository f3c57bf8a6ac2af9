/**
 * One sync of one source: pages of its connector are planned against what is known, new content is read and applied, and the page is turned, which
 * saves the cursor. Whatever ends a run between two of these steps, the next one goes on from the last page that was turned.
 */
import type { BegunSourceRun, DealSource, SourceSync } from '../db/source-types.ts';
import type { Db } from '../db/types.ts';
import { HivepulseError, JobAbortedError, messageOf, NotFoundError, PermanentError, RateLimitedError, UnavailableError } from '../errors.ts';
import type { Synced, SyncType } from '../jobs/source-sync.ts';
import type { Logger } from '../log.ts';
import type { Progress } from '../queue/processor.ts';
import { type Connector, CursorLostError, type SourceKind, type SourcePage } from './contract.ts';
import { sourceKind } from './index.ts';
import { createPages, forgetFiles } from './page.ts';
import { lost, type Run, type SyncDeps } from './run.ts';
import { splitSettings } from './settings.ts';

export interface SyncContext {
  deps: { db: Pick<Db, 'sourceRuns'>; sync: SyncDeps };
  job: { id: string; attempt: number; maxAttempts: number };
  runId: string;
  signal: AbortSignal;
  progress(progress: Progress): void;
  log: Logger;
}

const isLast = ({ attempt, maxAttempts }: SyncContext['job']): boolean => attempt >= maxAttempts;
const kindOf = (type: DealSource['sourceType'], deps: SyncDeps): SourceKind => (deps.kindOf ?? sourceKind)(type);

type Begun = Extract<BegunSourceRun, { state: 'run' }>;

/** A source that forgets each listing before its end would be listed for ever. */
const MOST_LISTINGS = 3;

/**
 * Throws what the connector throws, `PermanentError` (`source_settings`, `not_connected`), `NotFoundError`, `JobAbortedError` where another run has the source.
 * How it ended stands in `source_syncs`, whatever is thrown.
 */
export async function syncSource(sourceId: string, syncType: SyncType, context: SyncContext): Promise<Synced> {
  const { db, sync: deps } = context.deps;
  const held = { sourceId, runId: context.runId };
  const begun = await db.sourceRuns.begin({ ...held, jobId: context.job.id, syncType });
  if (begun.state === 'missing') throw new NotFoundError('Source', sourceId);
  if (begun.state === 'paused') throw new JobAbortedError('cancelled', 'The source is paused');
  if (begun.state === 'finished') return toSynced(begun.sync);
  const told = { calls: 0 };
  let connector: Connector | undefined;
  try {
    connector = await connect(begun.source, context.signal, deps);
    await follow(begun, runOf(begun.source, connector, context), told);
    const sync = await db.sourceRuns.end(held, { status: 'succeeded', calls: connector.calls - told.calls });
    if (!sync) throw lost(sourceId);
    if (begun.source.watchExpiresAt === null) deps.watch?.(sourceId);
    context.log.info(
      { event: 'source.synced', sourceType: begun.source.sourceType, dealId: begun.source.dealId, ...toSynced(sync) },
      'source synced',
    );
    return toSynced(sync);
  } catch (error) {
    const calls = (connector?.calls ?? 0) - told.calls;
    const ending = endingOf(error, context.job);
    // Where it cannot be written down, the next attempt finds the row as it is.
    if (ending)
      await db.sourceRuns
        .end(held, { ...ending, calls })
        .catch((problem: unknown) => context.log.debug({ error: messageOf(problem) }, 'end of a sync not recorded'));
    throw error;
  }
}

async function connect({ id, sourceType, connectionId, settings }: DealSource, signal: AbortSignal, deps: SyncDeps): Promise<Connector> {
  const kind = kindOf(sourceType, deps);
  if (connectionId === null) {
    const message = `The account of source ${id} was disconnected: connect a ${kind.provider} account (GET /api/connections/${kind.provider}/start), and name it in connectionId of the source`;
    throw new PermanentError(message, { code: 'not_connected', details: { sourceId: id } });
  }
  return kind.connect({ connectionId, settings: splitSettings(kind, settings).own, signal }, deps);
}

function runOf(source: DealSource, connector: Connector, { deps, job, runId, signal, progress, log }: SyncContext): Run {
  const { common: settings } = splitSettings(kindOf(source.sourceType, deps.sync), source.settings);
  return {
    sourceId: source.id,
    runId,
    source,
    settings,
    connector,
    deps: deps.sync,
    runs: deps.db.sourceRuns,
    isLastAttempt: isLast(job),
    signal,
    progress,
    log,
  };
}

/** A listing is followed by what has happened since it began. */
async function follow({ mode, cursor, paths }: Begun, run: Run, told: { calls: number }): Promise<void> {
  const { connector, runs, log } = run;
  await forgetFiles(run, paths);
  const apply = createPages(run, told);
  let at: { listing: boolean; cursor: string | undefined } = { listing: mode === 'full', cursor: cursor ?? undefined };
  for (let listings = 1; ; ) {
    try {
      if (at.listing) at = { listing: false, cursor: await all(connector.full(at.cursor), apply) };
      await all(connector.changes(at.cursor ?? ''), apply);
      return;
    } catch (error) {
      if (!(error instanceof CursorLostError)) throw error;
      log.info({ event: 'source.listed_anew', sourceId: run.sourceId, reason: error.details?.reason }, 'the source is listed anew');
      if (listings === MOST_LISTINGS) throw new UnavailableError('The source forgets its listings before they end', { code: 'source_unsteady' });
      if (!(await runs.restart(run))) throw lost(run.sourceId);
      at = { listing: true, cursor: undefined };
      listings += 1;
    }
  }
}

/** Applies all pages; the cursor that follows them. */
async function all(pages: AsyncIterable<SourcePage>, apply: (page: SourcePage) => Promise<void>): Promise<string> {
  for await (const page of pages) {
    await apply(page);
    if (page.complete) return page.nextCursor;
  }
  throw new UnavailableError('The source broke off its listing', { code: 'listing_cut' });
}

/** Undefined: there is nothing to tell, another run has the source. */
function endingOf(
  error: unknown,
  job: SyncContext['job'],
): { status: 'failed' | 'cancelled' | 'retrying'; error: string; code?: string } | undefined {
  const told = { error: messageOf(error), ...(error instanceof HivepulseError ? { code: error.code } : {}) };
  if (error instanceof JobAbortedError) {
    if (error.kind === 'lock_lost' || error.kind === 'superseded') return undefined;
    return { ...told, status: error.kind === 'cancelled' ? 'cancelled' : 'retrying' };
  }
  // A pause burns no attempt; unclassified errors are tried again.
  const mayPass = error instanceof RateLimitedError || (!isLast(job) && (!(error instanceof HivepulseError) || error.retryable));
  return { ...told, status: mayPass ? 'retrying' : 'failed' };
}

function toSynced({ id, sourceId, mode, pages, listed, unchanged, created, changed, renamed, deleted, skipped, failed, calls }: SourceSync): Synced {
  return { sourceId, syncId: id, mode, pages, listed, unchanged, created, changed, renamed, deleted, skipped, failed, calls };
}
