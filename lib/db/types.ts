import type { AiLedger } from '../ai/contract.ts';

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
  create(story: NewStory): Promise<Story>;
  get(id: string): Promise<Story | undefined>;
  /** Newest first. */
  list(options: { limit: number; cursor?: string; scoringStatus?: ScoringStatus; userId?: string }): Promise<Page<Story>>;
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
}

/** The fingerprint is made where the failure is stored. */
export type NewFailedJob = Omit<FailedJob, 'id' | 'fingerprint' | 'failedAt' | 'replayedAt' | 'replayedJobId'>;

export interface FailedJobsTable {
  /** Once per (queue, job id, run), whoever notices it; true when this call was the first. */
  record(failure: NewFailedJob): Promise<boolean>;
  get(id: string): Promise<FailedJob | undefined>;
  /** Newest first. */
  list(options: { limit: number; cursor?: string; queue?: string; userId?: string }): Promise<Page<FailedJob>>;
  /** Which of these (queue, job id, run) are recorded; keys `queue/jobId/run`. */
  recorded(keys: readonly { queue: string; jobId: string; run: number }[]): Promise<Set<string>>;
  replayed(id: string, jobId: string): Promise<void>;
}

/** All tables, as the service role. */
export interface Db {
  stories: StoriesTable;
  failedJobs: FailedJobsTable;
  ai: AiLedger;
  /** Stories and dead letters as one signed-in user sees them: queried with the user's own JWT, under row-level security. */
  forUser(jwt: string): Pick<Db, 'stories' | 'failedJobs'>;
  /** The user behind a JWT, checked by the Supabase Auth server; undefined when it is not valid. */
  userOf(jwt: string): Promise<{ id: string } | undefined>;
  /** Throws `UnavailableError` when the database API does not answer; tells which migrations are missing. */
  check(): Promise<{ missingMigrations: string[] }>;
  close(): Promise<void>;
}
