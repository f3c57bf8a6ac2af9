import type { DealSource, SourceRun } from '../db/source-types.ts';
import type { Db } from '../db/types.ts';
import { JobAbortedError } from '../errors.ts';
import type { SourceType } from '../jobs/source-sync.ts';
import type { Logger } from '../log.ts';
import type { Progress } from '../queue/processor.ts';
import type { FileStorage } from '../storage/contract.ts';
import type { Connector, SourceDeps, SourceKind } from './contract.ts';
import type { CommonSettings } from './settings.ts';

/** What syncs of this process share. */
export interface SyncDeps extends SourceDeps {
  storage: FileStorage;
  /** `DOCUMENT_LIMIT_BYTES`: of files whose source names no limit of its own. */
  documentLimitBytes: number;
  /** Work on what was stored stands in the outbox. */
  poke: () => void;
  /** Default: those of `index.ts`. */
  kindOf?: (type: SourceType) => SourceKind;
  /** It was synced, and has no watch yet. Not waited for. */
  watch?: (sourceId: string) => void;
}

/** What the parts of a run share. */
export interface Run extends SourceRun {
  source: DealSource;
  settings: CommonSettings;
  connector: Connector;
  deps: SyncDeps;
  runs: Db['sourceRuns'];
  /** No other attempt follows. */
  isLastAttempt: boolean;
  signal: AbortSignal;
  progress(progress: Progress): void;
  log: Logger;
}

export function lost(sourceId: string): JobAbortedError {
  return new JobAbortedError('superseded', `Another run has taken source ${sourceId}, or it was changed or removed meanwhile`);
}
