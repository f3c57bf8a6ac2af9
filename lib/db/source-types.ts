import type { SourceType, SyncType } from '../jobs/source-sync.ts';
import type { AskStepOptions } from './deal-types.ts';
import type { Asked, Page } from './types.ts';

/** `reauth`: its account must be connected again. */
export const SOURCE_STATUSES = ['idle', 'syncing', 'failed', 'reauth'] as const;
export type SourceStatus = (typeof SOURCE_STATUSES)[number];

/** Where a deal fills itself from. */
export interface DealSource {
  id: string;
  dealId: string;
  sourceType: SourceType;
  name: string;
  /** Null: its account was disconnected. */
  connectionId: string | null;
  settings: Record<string, unknown>;
  status: SourceStatus;
  /** Why it failed, or why it waits. */
  statusReason: string | null;
  paused: boolean;
  /** When anything of a sync was stored last. */
  progressAt: string | null;
  /** The latest sync that ended well. */
  syncedAt: string | null;
  /** Notices of change come until then. */
  watchExpiresAt: string | null;
  createdBy: string | null;
  createdAt: string;
  updatedAt: string;
}

export type NewSource = Pick<DealSource, 'dealId' | 'sourceType' | 'name' | 'settings' | 'createdBy'> & {
  id?: string;
  connectionId: string;
  /** How many sources the deal may have with it; one of the same account and settings is refused, too. Default: whatever comes. */
  most?: number;
};
export type SourceChanges = Partial<Pick<DealSource, 'name' | 'settings' | 'paused'> & { connectionId: string }>;

export const SYNC_TRIGGERS = ['manual', 'notice', 'poll', 'created', 'connected'] as const;
export type SyncTrigger = (typeof SYNC_TRIGGERS)[number];

export interface SyncCounts {
  pages: number;
  listed: number;
  unchanged: number;
  created: number;
  changed: number;
  renamed: number;
  deleted: number;
  skipped: number;
  failed: number;
  calls: number;
}

/** One sync of a source: what was asked, what it did. */
export interface SourceSync extends SyncCounts {
  id: string;
  dealId: string;
  sourceId: string;
  sourceType: SourceType;
  /** As it was asked. */
  syncType: SyncType;
  /** As it was done. */
  mode: SyncType;
  trigger: SyncTrigger;
  status: 'running' | 'retrying' | 'succeeded' | 'failed' | 'cancelled';
  error: string | null;
  errorCode: string | null;
  jobId: string | null;
  startedAt: string | null;
  finishedAt: string | null;
  createdAt: string;
  updatedAt: string;
}

export const ITEM_STATES = ['stored', 'skipped', 'failed', 'deleted'] as const;
export type ItemState = (typeof ITEM_STATES)[number];

/** What is known of one file or mail of a source. */
export interface StoredItem {
  sourceId: string;
  ref: string;
  kind: 'document' | 'email';
  name: string;
  path: string | null;
  url: string | null;
  mimeType: string | null;
  sizeBytes: number | null;
  state: ItemState;
  reason: string | null;
  documentId: string | null;
  emailId: string | null;
  modifiedAt: string | null;
  createdAt: string;
  updatedAt: string;
}

/** As a listing told it. `skip`: why it is left out. */
export interface ListedItem {
  ref: string;
  kind: 'document' | 'email';
  version: string;
  name: string;
  place: string | null;
  path: string | null;
  url: string | null;
  mimeType: string | null;
  sizeBytes: number | null;
  modifiedAt: string | null;
  skip?: string | undefined;
}

/** Absent from the plan: nothing about it is new. `meta`: its name or place alone. */
export type PlannedWork = 'content' | 'meta' | 'skip';

/** What became of an item that the plan named. */
export type AppliedItem = ListedItem &
  (
    | { outcome: 'meta' | 'skipped' }
    | { outcome: 'failed'; reason: string }
    | { outcome: 'gone' }
    | { outcome: 'document'; document: { contentHash: string; sizeBytes: number; storagePath: string } }
    | { outcome: 'email'; email: unknown }
  );

export interface SourceRun {
  sourceId: string;
  runId: string;
}

export type BegunSourceRun =
  | { state: 'missing' }
  | { state: 'paused' }
  /** This very job has done it. */
  | { state: 'finished'; sync: SourceSync }
  | {
      state: 'run';
      source: DealSource;
      sync: SourceSync;
      /** `full`: a listing, from `cursor` where one was cut off; else the changes since `cursor`. */
      mode: SyncType;
      cursor: string | null;
      /** Files that a run before this one may not have come to remove: nothing refers to them. */
      paths: string[];
    };

export interface WatchedSource {
  source: DealSource;
  watch: { id: string; resource: string | null; expiresAt: string } | null;
  /** It was made for another `base`, for other settings, or with another account: it cannot be prolonged. */
  moved: boolean;
}

export interface StoredWatch {
  id: string;
  /** Absent: it was prolonged, and its secret stays. */
  secretHash?: string;
  resource: string | null;
  expiresAt: string;
  /** From then on it is to be prolonged. Default: when it ends. */
  renewAt?: string;
  /** Where its notices go to, without the path. */
  base?: string;
}

export interface Notice {
  /** Channel or subscription. */
  watchId: string;
  /** SHA-256, hex, of the secret that came with it. */
  secretHash: string;
  /** What is watched, where the notice says so. */
  resource?: string;
  /** Of notices that are numbered: one that is not above the last is a replay. */
  number?: string;
  /** What makes it the same notice when it comes again; a second one is a replay. */
  key?: string;
  /** Default: a change. `renewal`: the watch is to be prolonged soon; `removal`: it is gone, and nobody knows what has happened since. */
  about?: 'nothing' | 'renewal' | 'removal';
}

/** `forged`: nothing is watched under that id, or the secret is another. `inactive`: paused, or its account is to be connected again. `taken`: there is nothing to ask for. */
export type NoticeOutcome = 'queued' | 'waiting' | 'replayed' | 'forged' | 'inactive' | 'taken';

export interface DealSourcesTable {
  /** With options its first sync is asked for in the same statement. Throws `NotFoundError` (Deal), `PermanentError` (`source_exists`, `too_many_sources`: see `most`). */
  create(source: NewSource, options?: AskStepOptions): Promise<{ source: DealSource; asked: Asked | undefined }>;
  get(id: string): Promise<DealSource | undefined>;
  /** Newest first; of a deal, an account, or all that a user's row-level security shows. 200 at most. */
  list(filter: { dealId?: string; sourceType?: SourceType; connectionId?: string }): Promise<DealSource[]>;
  /** New settings, or another account, mean that it is listed anew. Undefined where there is none. */
  change(id: string, changes: SourceChanges): Promise<DealSource | undefined>;
  /** With its items; their documents and mails go too unless they are kept, or another source has them. `paths`: files that can go. */
  remove(id: string, options: { keep: boolean }): Promise<{ paths: string[] } | undefined>;
  /** Through the outbox. Undefined where there is none. */
  ask(id: string, syncType: SyncType, options?: AskStepOptions & { trigger?: SyncTrigger }): Promise<Asked | undefined>;
  /** Newest first. */
  syncs(options: { sourceId: string; limit: number; cursor?: string }): Promise<Page<SourceSync>>;
  /** By their names. */
  items(options: { sourceId: string; limit: number; cursor?: string; state?: ItemState }): Promise<Page<StoredItem>>;
  /** How many, by state; `deleted` ones are not counted. */
  counts(id: string): Promise<Partial<Record<ItemState, number>>>;

  /** Sources of a Gmail account with a notice that the mailbox has moved on. Answers how many were asked for: not those that wait already, or were told of `historyId` before. */
  noticeMailbox(connectionId: string, historyId?: string): Promise<number>;
  /** Checked and asked for in one statement, with all notices that come meanwhile. */
  notice(notice: Notice): Promise<NoticeOutcome>;
  setWatch(id: string, watch: StoredWatch | null): Promise<void>;
  /**
   * Active ones, of these types, whose watch is missing, ends before, is to be prolonged by then, or was made for another `base`; those tried least
   * recently first. They count as tried: for `againMs` (default 0) nobody else is given them. `sourceId`: this one alone.
   */
  watchesEndingBefore(
    time: string,
    options: { types: readonly SourceType[]; limit: number; base?: string; againMs?: number; sourceId?: string },
  ): Promise<WatchedSource[]>;
  /** Nobody is given it by `watchesEndingBefore` before then. */
  postponeWatch(id: string, until: string): Promise<void>;
  watchOf(id: string): Promise<WatchedSource['watch'] | undefined>;
  /** Asks for those that have not been followed for as long as their settings say. Answers how many. `now`: instead of the database's clock. */
  poll(options: { limit: number; now?: string }): Promise<number>;
  /** Forgets syncs that ended so long ago; the latest of each source stays. Answers how many. `now`: instead of the database's clock. */
  cleanUp(keepMs: number, limit: number, now?: string): Promise<number>;
}

/** What a sync stores, as the service role. Each is fenced by the run: undefined means that another run has the source, or it is gone, and nothing was changed. */
export interface SourceRuns {
  begin(run: SourceRun & { jobId: string; syncType: SyncType; trigger?: SyncTrigger }): Promise<BegunSourceRun>;
  /** Forgets a listing or cursor that the source does not know any more: the run goes on with a new listing. */
  restart(run: SourceRun): Promise<boolean>;
  /** What is to be done about a page; items that need nothing are marked as seen. */
  plan(run: SourceRun, items: readonly ListedItem[]): Promise<Map<string, PlannedWork> | undefined>;
  /** Documents and mails are stored, and the work on them is asked for. `paths`: files that nothing refers to any more. */
  apply(run: SourceRun, items: readonly AppliedItem[]): Promise<{ paths: string[] } | undefined>;
  /** The page is done: the cursor moves on. At the end of a listing, or of changes, what is gone goes; with `more` of it the page is not turned yet: again, please. */
  turn(
    run: SourceRun,
    page: {
      deletes: readonly { ref: string; from?: string }[];
      cursor: string;
      complete: boolean;
      listed: number;
      unchanged: number;
      /** Since the last page. */
      calls: number;
    },
  ): Promise<{ deleted: number; paths: string[]; more: boolean } | undefined>;
  end(
    run: SourceRun,
    ending: { status: 'succeeded' | 'failed' | 'cancelled' | 'retrying'; error?: string | undefined; code?: string | undefined; calls?: number },
  ): Promise<SourceSync | undefined>;
  /** For a job that ended outside a run: its syncs. Answers how many. */
  endJob(jobId: string, ending: { status: 'failed' | 'cancelled' | 'retrying'; error: string; code?: string | undefined }): Promise<number>;
}
