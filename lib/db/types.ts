import type { AiLedger } from '../ai/contract.ts';
import type { JobRowTable } from '../jobs/define.ts';
import type { AlertBook } from './alert-types.ts';
import type { BriefsTable, BriefWork } from './brief-types.ts';
import type { ConversationsTable, EmbeddingsTable } from './conversation-types.ts';
import type { DealStepsTable, DealsTable, DocumentsTable, EmailsTable } from './deal-types.ts';
import type { AnalyticsJobsTable, ConnectionSecrets, ConnectionsTable, MailboxesTable, MessagesTable } from './mail-types.ts';
import type { ScheduleBook, SchedulesTable } from './schedule-types.ts';
import type { DealSourcesTable, SourceRuns } from './source-types.ts';

export interface Claim {
  claim: string;
  verdict: string;
  /** A substring of the story. */
  quote: string;
}

/** One movement of a local score: which words or pattern, and by how much (points of 0-10, signed). */
export interface ScoreReason {
  score: 'hype' | 'ethics';
  rule: string;
  evidence: string;
  effect: number;
}

export interface LocalScores {
  /** 0-10, one decimal. */
  hypeScore: number;
  ethicsScore: number;
  reasons: ScoreReason[];
  /** Version of the lexicons and rules. */
  version: string;
}

export interface RefinedScores {
  hypeScore: number;
  ethicsScore: number;
  realityCheck: string;
  claims: Claim[];
  eli5Summary: string;
  /** Flesch-Kincaid grade of the summary. */
  eli5Grade: number;
  provider: string;
  model: string;
  promptVersion: string;
}

export type ScoringStatus = 'local' | 'queued' | 'processing' | 'refined' | 'failed' | 'cancelled';

/** A row of `stories`. `hypeScore` and `ethicsScore` are the refined ones where there are any, else the local ones. */
export interface Story {
  id: string;
  userId: string | null;
  title: string;
  content: string;
  sectorTag: string | null;
  impactTags: string[];
  hypeScore: number;
  ethicsScore: number;
  realityCheck: string | null;
  claims: Claim[];
  eli5Summary: string | null;
  scoringStatus: ScoringStatus;
  scoringError: string | null;
  localScores: LocalScores;
  refinedScores: RefinedScores | null;
  /** Hash of all that `refinedScores` follow from: content, tags, prompt versions, provider and model asked for. */
  refinedHash: string | null;
  /** BullMQ id of the job that recorded `refinedScores`. */
  refinedJobId: string | null;
  /** BullMQ id of the latest run. */
  jobId: string | null;
  model: string | null;
  promptVersion: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface NewStory {
  /** A uuid, for callers that name the story's job before it is stored. Default: made where it is stored. */
  id?: string;
  userId: string | null;
  title: string;
  content: string;
  sectorTag: string | null;
  impactTags: string[];
  localScores: LocalScores;
}

export interface Page<T> {
  items: T[];
  /** Pass as `cursor` for the next page; null at the end. */
  nextCursor: string | null;
}

export interface StoriesTable {
  /** Stores the story and nothing else. */
  create(story: NewStory): Promise<Story>;
  /** Stores the story and asks for its enhancement, both or neither. `options.jobId` names the job. */
  createAndAsk(story: NewStory, options: AskOptions): Promise<{ story: Story; asked: Asked }>;
  /** Asks for the enhancement of a stored story through the outbox; its status becomes `queued`. Undefined when it does not exist. */
  ask(id: string, options: AskOptions): Promise<Asked | undefined>;
  get(id: string): Promise<Story | undefined>;
  /** Newest first. */
  list(options: { limit: number; cursor?: string; scoringStatus?: ScoringStatus; userId?: string }): Promise<Page<Story>>;
  /** Stories queued or processing that nobody has touched since `before` and that wait in no outbox, by id. */
  unfinished(options: { before: string; after?: string; limit: number }): Promise<{ id: string; jobId: string }[]>;
  /** Remembers the job that will refine the story; status becomes `queued` unless a run is under way. */
  queued(id: string, jobId: string): Promise<void>;
  /** Takes the fencing token: status `processing`. Undefined when the story does not exist. */
  begin(id: string, run: { runId: string; jobId: string }): Promise<Story | undefined>;
  /** Commits result and status in one statement. False when another run holds the token: nothing changed. */
  record(id: string, runId: string, scores: RefinedScores, contentHash: string): Promise<boolean>;
  /** The run found nothing to do: status back to `refined`. False when fenced out. */
  recordUnchanged(id: string, runId: string): Promise<boolean>;
  /** The job ended without a result. With `runId` only while that run holds the token; without, only while no run has recorded a result since. Scores stay. */
  end(id: string, ending: { status: 'failed' | 'cancelled'; error: string; runId?: string | undefined }): Promise<void>;
}

export interface FailedJob {
  id: string;
  queue: string;
  name: string;
  jobId: string;
  /** 1 at first; grows with each replay. */
  run: number;
  payload: unknown;
  error: string;
  /** Groups failures with the same cause: hash of queue, name and the error without ids and numbers. */
  fingerprint: string;
  stack: string | null;
  attempts: number;
  userId: string | null;
  correlationId: string | null;
  failedAt: string;
  replayedAt: string | null;
  replayedJobId: string | null;
  /** Who asked for it: a user's id, or `service`. */
  replayedBy: string | null;
}

/** The fingerprint is made where the failure is stored. */
export type NewFailedJob = Omit<FailedJob, 'id' | 'fingerprint' | 'failedAt' | 'replayedAt' | 'replayedJobId' | 'replayedBy'>;

/** What is absent does not count. Times are ISO 8601. */
export interface FailedJobFilter {
  ids?: readonly string[];
  queue?: string;
  name?: string;
  userId?: string;
  fingerprint?: string;
  /** Failed at this time or later. */
  since?: string;
  /** Failed before this time. */
  until?: string;
  /** Stands in the error or the payload, whatever the case. */
  text?: string;
  replayed?: boolean;
}

/** Failures with one cause. */
export interface FailedJobGroup {
  fingerprint: string;
  queue: string;
  name: string;
  /** Of the newest of them. */
  error: string;
  count: number;
  /** Not replayed yet. */
  open: number;
  users: number;
  firstAt: string;
  lastAt: string;
  sampleId: string;
}

export interface ReplayRequest {
  filter: FailedJobFilter;
  /** Who asks: a user's id, or `service`. */
  by: string;
  /** At most so many, oldest first. */
  limit: number;
  /** At most so many jobs a second are put back; absent = all at once. */
  perSecond?: number;
  /** Repeating a request with the same id (a uuid) changes nothing more. */
  requestId: string;
}

export interface ReplayAnswer {
  replayed: number;
  /** `reason`: insufficient_credits, not_found (its row is gone), not_failed (it is under way or done), merged. */
  skipped: { id: string; reason: string }[];
  /** Where they wait for the relay. */
  outboxIds: number[];
}

export interface FailedJobsTable {
  /** Once per (queue, job id, run), whoever notices it; true when this call was the first. */
  record(failure: NewFailedJob): Promise<boolean>;
  get(id: string): Promise<FailedJob | undefined>;
  /** Newest first. */
  list(options: FailedJobFilter & { limit: number; cursor?: string }): Promise<Page<FailedJob>>;
  /** Most failures first. */
  groups(options: FailedJobFilter & { limit: number }): Promise<FailedJobGroup[]>;
  /** Which of these (queue, job id, run) are recorded; keys `queue/jobId/run`. */
  recorded(keys: readonly { queue: string; jobId: string; run: number }[]): Promise<Set<string>>;
  /** Puts them into the outbox (or their rows back to waiting), a hundred in one transaction. The service role alone. */
  replay(request: ReplayRequest): Promise<ReplayAnswer>;
}

/** The row's id is the job's id. */
export type JobTable = JobRowTable;

/** What a job asked for in the database carries along; see `EnqueueOptions`. */
export interface AskOptions {
  jobId: string;
  userId?: string;
  correlationId?: string;
  priority?: number;
  /** Milliseconds. */
  delay?: number;
  force?: boolean;
}

/** A job that stands in the outbox. `outboxId` is null when it has left it already. */
export interface Asked {
  outboxId: number | null;
  jobId: string;
}

export interface OutboxEntry {
  id: number;
  queue: string;
  name: string;
  jobId: string;
  payload: unknown;
  options: { priority?: number; userId?: string; correlationId?: string; force?: boolean; traceparent?: string };
  run: number;
  /** An ended job of that id may stand in the way. */
  replaces: boolean;
  /** Goes back with the result: a job that was asked for again meanwhile stays in the outbox. */
  asked: number;
  /** The row whose work it is. */
  row?: { table: string; id: string };
  createdAt: string;
}

export type OutboxResult = { id: number; asked: number } & (
  | { ended: 'sent' | 'merged'; jobId: string }
  /** Can never be sent. */
  | { ended: 'refused'; error: string }
  | { retryMs: number; error: string }
);

export interface OutboxTable {
  /** The oldest due jobs of these kinds, at most `limit` of each kind, held for `leaseMs`. With `ids` only those. */
  claim(options: {
    kinds: readonly { queue: string; name: string }[];
    limit: number;
    leaseMs: number;
    ids?: readonly number[];
  }): Promise<OutboxEntry[]>;
  finish(results: readonly OutboxResult[]): Promise<void>;
  /** Which of these have left the outbox for a queue, and the job that each became. */
  sent(ids: readonly number[]): Promise<{ id: number; jobId: string; merged: boolean }[]>;
  /** Milliseconds until the next entry of these kinds falls due that is not yet; undefined when there is none. */
  nextDueMs(kinds: readonly { queue: string; name: string }[]): Promise<number | undefined>;
  /** Forgets entries that ended longer ago; resolves to how many. */
  prune(keepMs: number): Promise<number>;
  /** Due entries of these kinds, and for how long the oldest has been due. */
  backlog(kinds: readonly { queue: string; name: string }[]): Promise<{ waiting: number; oldestSeconds: number }>;
  /** The same by queue; queues without due entries are absent. */
  backlogByQueue(kinds: readonly { queue: string; name: string }[]): Promise<Map<string, { waiting: number; oldestSeconds: number }>>;
  /** Puts a job of a kind without a row of its own into the outbox; resolves to its id. */
  enqueue(request: { queue: string; name: string; payload: unknown; options?: Partial<AskOptions> & { idempotencyKey?: string } }): Promise<string>;
}

/** A run takes its row. Shapes: see `begin_job_runs` in the migrations. */
export interface RunOfRow {
  table: JobTable;
  id: string;
  /** Of the job: `meta.run`. A row that was asked for again since answers `superseded`. */
  run: number;
  runId: string;
  attempt: number;
}

export type BegunRow =
  | { state: 'run' }
  | { state: 'finished'; result: unknown }
  | { state: 'ended'; status: 'failed' | 'cancelled'; error: string }
  | { state: 'superseded' }
  | { state: 'missing' };

export interface EndOfRow {
  table: JobTable;
  id: string;
  /** Absent when the job never entered a runner; then `run` keeps it from ending a newer one. */
  runId?: string | undefined;
  run?: number | undefined;
  outcome: 'done' | 'failed' | 'cancelled' | 'retry';
  result?: unknown;
  error?: string;
}

export interface ProgressOfRow {
  table: JobTable;
  id: string;
  runId: string;
  progress: number;
  total: number;
  currentStep: string;
}

/** What all job rows share. */
export interface JobRow {
  id: string;
  /** In the words of its own table. */
  status: string;
  /** `type` where the table has it. */
  name: string;
  payload: unknown;
  userId: string | null;
  correlationId: string | null;
  attempts: number;
  progress: { progress: number; total: number; current_step: string } | null;
  result: unknown;
  error: string | null;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
}

export interface CreatedRow {
  id: string;
  deduplicated: boolean;
  outboxId: number | null;
}

export interface RowOptions {
  /** A uuid, which becomes the row's id. */
  jobId?: string;
  idempotencyKey?: string;
  priority?: number;
  delay?: number;
  force?: boolean;
  correlationId?: string;
}

export type RetriedRow =
  | { outcome: 'retried'; run: number; outboxId: number | null }
  | { outcome: 'merged'; jobId: string }
  | { outcome: 'not_failed' | 'not_found' };

/** Job rows of all three tables. Calls made at the same time share one statement (a group commit); nobody waits for others who have not called yet. */
export interface JobRowsTable {
  begin(run: RunOfRow): Promise<BegunRow>;
  /** False when another run has the row, or it had ended: nothing changed. Reporting the same end again answers true. */
  end(ending: EndOfRow): Promise<boolean>;
  progress(progress: ProgressOfRow): Promise<void>;
  cancel(table: JobTable, id: string, reason: string): Promise<'cancelled' | 'finished' | 'not_found'>;
  /** A row of any of the tables; undefined where there is none. */
  get(table: JobTable, id: string): Promise<JobRow | undefined>;
  /** Throws `InsufficientCreditsError`. */
  retry(table: JobTable, id: string): Promise<RetriedRow>;
  /** Rows untouched since `before` that have not ended and wait in no outbox, by id. */
  unfinished(
    table: JobTable,
    options: { before: string; after?: string; limit: number },
  ): Promise<{ id: string; run: number; runId: string | null; status: string }[]>;
  /** Asks for their jobs anew; resolves to how many were still unfinished. */
  resend(rows: readonly { table: JobTable; id: string; run: number }[]): Promise<number>;
  /** Fails jobs that hold credits and that nobody has touched for so long; gives the credits back. */
  expire(afterMs: number): Promise<number>;
  /** `params`: what `analyze` takes besides the conversation. */
  createAnalysis(request: {
    conversationId: string;
    createdBy?: string | undefined;
    params?: Record<string, unknown>;
    options: RowOptions;
  }): Promise<CreatedRow>;
  /** The one asked for last; undefined where there was none. */
  latestAnalysis(conversationId: string): Promise<JobRow | undefined>;
  createFetch(request: { userId: string; params: Record<string, unknown>; options: RowOptions }): Promise<CreatedRow>;
}

/** What rows of `jobs` and `analytics_jobs` have in common. */
export interface JobFields {
  id: string;
  userId: string | null;
  type: string;
  status: 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled';
  result: unknown;
  error: string | null;
  attempts: number;
  /** 1 at first, one more with each retry or replay. */
  run: number;
  progress: number;
  total: number;
  currentStep: string | null;
  startedAt: string | null;
  finishedAt: string | null;
  createdAt: string;
  updatedAt: string;
}

export type ReviewJobStatus = JobFields['status'];

/** A row of `jobs`. */
export interface ReviewJob extends JobFields {
  payload: unknown;
  creditsCost: number | null;
  creditsState: 'none' | 'held' | 'settled' | 'released';
}

export interface CreatedReviewJob extends CreatedRow {
  status: ReviewJobStatus;
  cost: number;
  /** The user's, after this job. */
  balance: number;
}

export interface ReviewJobsTable {
  /** Takes the credits and inserts the row in one statement. Throws `InsufficientCreditsError`; nothing changed then. */
  create(job: { userId: string; type: string; payload: unknown; cost?: number | undefined; options?: RowOptions }): Promise<CreatedReviewJob>;
  get(id: string): Promise<ReviewJob | undefined>;
  /** Newest first. */
  list(options: { limit: number; cursor?: string; userId?: string; type?: string; status?: ReviewJobStatus }): Promise<Page<ReviewJob>>;
}

export interface LedgerEntry {
  id: string;
  userId: string;
  /** What the balance changed by. */
  amount: number;
  /** `adjustment`: the balance was changed by plain SQL. */
  kind: 'opening' | 'grant' | 'adjustment' | 'reserve' | 'settle' | 'release';
  balanceAfter: number;
  jobId: string | null;
  run: number | null;
  note: string | null;
  createdAt: string;
}

export interface CreditsTable {
  /** 0 for a user who never had any. */
  balance(userId: string): Promise<number>;
  /** Newest first. */
  ledger(options: { userId: string; limit: number; cursor?: string }): Promise<Page<LedgerEntry>>;
  /** The same `idempotencyKey` adds once. */
  grant(grant: {
    userId: string;
    amount: number;
    idempotencyKey?: string | undefined;
    note?: string | undefined;
  }): Promise<{ balance: number; granted: boolean }>;
  prices(): Promise<Record<string, number>>;
}

/** All tables, as the service role. */
export interface Db {
  stories: StoriesTable;
  failedJobs: FailedJobsTable;
  outbox: OutboxTable;
  jobRows: JobRowsTable;
  reviewJobs: ReviewJobsTable;
  credits: CreditsTable;
  /** Rows of Gmail fetches, to be read. */
  analyticsJobs: AnalyticsJobsTable;
  conversations: ConversationsTable;
  embeddings: EmbeddingsTable;
  connections: ConnectionsTable & ConnectionSecrets;
  messages: MessagesTable;
  mailboxes: MailboxesTable;
  deals: DealsTable;
  documents: DocumentsTable;
  dealSources: DealSourcesTable;
  /** What syncs store. */
  sourceRuns: SourceRuns;
  emails: EmailsTable;
  dealSteps: DealStepsTable;
  schedules: SchedulesTable & ScheduleBook;
  briefs: BriefsTable & BriefWork;
  ai: AiLedger;
  /** What is to be told to operators. */
  alerts: AlertBook;
  /** What one signed-in user sees: queried with the user's own JWT, under row-level security. */
  forUser(jwt: string): Pick<
    Db,
    | 'analyticsJobs'
    | 'stories'
    | 'failedJobs'
    | 'reviewJobs'
    | 'credits'
    | 'conversations'
    | 'messages'
    | 'deals'
    | 'documents'
    | 'dealSources'
    | 'emails'
  > & {
    connections: ConnectionsTable;
    schedules: SchedulesTable;
    briefs: BriefsTable;
  };
  /** The user behind a JWT, checked by the Supabase Auth server; undefined when it is not valid. */
  userOf(jwt: string): Promise<{ id: string } | undefined>;
  /** Throws `UnavailableError` when the database API does not answer; tells which migrations are missing. */
  check(): Promise<{ missingMigrations: string[] }>;
  close(): Promise<void>;
}
