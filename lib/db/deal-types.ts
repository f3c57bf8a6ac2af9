import type { Chunk, ReadPage } from '../documents/contract.ts';
import type { DocumentOperation, Workstream } from '../jobs/document-processing.ts';
import type { EmailOperation } from '../jobs/email-processing.ts';
import type { Asked, AskOptions, Page } from './types.ts';

export type DealStatus = 'active' | 'paused' | 'closed';

/** Where finished briefs go besides the database. */
export interface BriefDelivery {
  mail?: string[];
  /** To `BRIEF_WEBHOOK_URL`. */
  webhook?: boolean;
}

export interface Deal {
  id: string;
  name: string;
  description: string | null;
  /** Briefs are made for active deals alone. */
  status: DealStatus;
  createdBy: string | null;
  /** IANA name; null: `TIMEZONE`. */
  timeZone: string | null;
  /** Cron expression of five fields; null: `DAILY_BRIEF_TIME`; `off`: none. */
  briefTime: string | null;
  briefDelivery: BriefDelivery;
  createdAt: string;
  updatedAt: string;
}

export type NewDeal = Pick<Deal, 'name' | 'description' | 'status' | 'timeZone' | 'briefTime' | 'briefDelivery'> & { id?: string };
export type DealChanges = Partial<Omit<NewDeal, 'id'>>;
export interface DealMember {
  dealId: string;
  userId: string;
  role: string;
}

export interface DealsTable {
  /** Who makes it is its first member. */
  create(deal: NewDeal, userId: string | null): Promise<Deal>;
  get(id: string): Promise<Deal | undefined>;
  /** Newest first; with `userId` those it is a member of. */
  list(options: { limit: number; cursor?: string; status?: DealStatus; userId?: string }): Promise<Page<Deal>>;
  /** Undefined where there is none. */
  change(id: string, changes: DealChanges): Promise<Deal | undefined>;
  members(id: string): Promise<DealMember[]>;
  isMember(id: string, userId: string): Promise<boolean>;
  addMember(id: string, userId: string, role?: string): Promise<void>;
  removeMember(id: string, userId: string): Promise<void>;
}

/** `waiting` and `reading`: to be read; `processing`: read, the rest is under way; `partial`: read, but something of the rest ended without a result. */
export const DOCUMENT_STATUSES = ['stored', 'waiting', 'reading', 'processing', 'ready', 'partial', 'failed', 'cancelled'] as const;
export type DocumentStatus = (typeof DOCUMENT_STATUSES)[number];

export interface DealDocument {
  id: string;
  dealId: string;
  createdBy: string | null;
  name: string;
  mimeType: string | null;
  sizeBytes: number | null;
  /** SHA-256, hex. */
  contentHash: string | null;
  storagePath: string | null;
  source: string;
  sourceRef: string | null;
  version: number;
  status: DocumentStatus;
  /** Why it failed, or what of it did. */
  statusReason: string | null;
  format: string | null;
  title: string | null;
  language: string | null;
  pages: number | null;
  characters: number | null;
  ocrPages: number | null;
  reading: { pages: ReadPage[]; warnings: string[] } | null;
  /** Of content and reader that the chunks belong to. */
  readHash: string | null;
  readAt: string | null;
  summary: string | null;
  keyPoints: { point: string; page: number | null }[];
  workstream: Workstream | null;
  documentType: string | null;
  classConfidence: number | null;
  createdAt: string;
  updatedAt: string;
}

export type NewDocument = Pick<DealDocument, 'dealId' | 'createdBy' | 'name' | 'mimeType' | 'source' | 'sourceRef'> & {
  id?: string;
  sizeBytes: number;
  contentHash: string;
  storagePath: string;
};

/** As `AskOptions`; the ids of the jobs end with `jobSuffix` (default: random). */
export type AskStepOptions = Omit<AskOptions, 'jobId'> & { jobSuffix?: string };

export interface CreatedDocument {
  document: DealDocument;
  /** `known`: nothing new; `changed`: a source has new content, and `replacedPath` can go. */
  outcome: 'created' | 'known' | 'changed';
  replacedPath: string | null;
  /** Its reading; undefined where none was asked for. */
  asked: Asked | undefined;
}

export interface DocumentRisk {
  id: string;
  documentId: string;
  dealId: string;
  category: string;
  severity: 'low' | 'medium' | 'high' | 'critical';
  explanation: string;
  /** Stands in the text, to the letter. */
  quote: string;
  page: number | null;
  section: string[];
  model: string | null;
  promptVersion: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface DocumentsTable {
  /** With options its reading is asked for in the same statement. Throws `NotFoundError` (Deal). */
  create(document: NewDocument, options?: AskStepOptions): Promise<CreatedDocument>;
  get(id: string): Promise<DealDocument | undefined>;
  /** Newest first. */
  list(options: { limit: number; cursor?: string; dealId?: string; status?: DocumentStatus; workstream?: Workstream }): Promise<Page<DealDocument>>;
  /** Through the outbox. Undefined where there is no such document. */
  ask(id: string, operations: readonly DocumentOperation[], options?: AskStepOptions): Promise<Record<string, Asked> | undefined>;
  /** In their order. */
  chunks(id: string): Promise<Chunk[]>;
  /** Newest first. */
  risks(options: {
    limit: number;
    cursor?: string;
    dealId?: string;
    documentId?: string;
    severity?: string;
    category?: string;
  }): Promise<Page<DocumentRisk>>;
  /** Another document with the same content, read by the same reader. */
  findReading(contentHash: string, readHash: string, notId: string): Promise<DealDocument | undefined>;
  /** Undefined where there was none. */
  remove(id: string): Promise<{ dealId: string; storagePath: string | null } | undefined>;
}

export interface Person {
  name: string | null;
  address: string;
}

export interface DealEmail {
  id: string;
  dealId: string;
  createdBy: string | null;
  /** Of its headers, or the provider's; blockers cite it. */
  messageId: string | null;
  threadId: string | null;
  inReplyTo: string | null;
  fromName: string | null;
  fromAddress: string | null;
  recipients: Person[];
  subject: string | null;
  sentAt: string | null;
  /** As it was sent, quoted history and signature included. */
  text: string;
  contentHash: string | null;
  source: string;
  sourceRef: string | null;
  sentiment: string | null;
  sentimentScore: number | null;
  urgency: string | null;
  sentimentModel: string | null;
  sentimentPromptVersion: string | null;
  createdAt: string;
  updatedAt: string;
}

export type NewEmail = Pick<
  DealEmail,
  | 'dealId'
  | 'createdBy'
  | 'messageId'
  | 'threadId'
  | 'inReplyTo'
  | 'fromName'
  | 'fromAddress'
  | 'recipients'
  | 'subject'
  | 'sentAt'
  | 'text'
  | 'source'
  | 'sourceRef'
> & { id?: string; contentHash: string };

export interface BlockerItem {
  what: string;
  owedBy: string | null;
  owedTo: string | null;
  /** Local date, `2026-11-30`. */
  dueDate: string | null;
  messageIds: string[];
}

export interface Blocker {
  id: string;
  dealId: string;
  threadId: string;
  subject: string | null;
  status: 'open' | 'resolved';
  summary: string;
  items: BlockerItem[];
  messageIds: string[];
  resolvedBy: string[];
  model: string | null;
  promptVersion: string | null;
  openedAt: string;
  resolvedAt: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface EmailsTable {
  /** Both of its steps are asked for in the same statement. Known by deal and message id. Throws `NotFoundError` (Deal). */
  create(email: NewEmail, options?: AskStepOptions): Promise<{ email: DealEmail; outcome: 'created' | 'known'; asked: Record<string, Asked> }>;
  get(id: string): Promise<DealEmail | undefined>;
  /** Newest first, by when they were stored. */
  list(options: { limit: number; cursor?: string; dealId?: string; threadId?: string }): Promise<Page<DealEmail>>;
  /** Oldest first, at most 200, the newest of them. */
  thread(dealId: string, threadId: string): Promise<DealEmail[]>;
  ask(id: string, operations: readonly EmailOperation[], options?: AskStepOptions): Promise<Record<string, Asked> | undefined>;
  /** Newest first. */
  blockers(options: { limit: number; cursor?: string; dealId?: string; status?: 'open' | 'resolved' }): Promise<Page<Blocker>>;
}

export type StepSubject = 'document' | 'email' | 'brief' | 'source';

/** Which step: a document's or e-mail's id is its key, the id of its job a brief's; of a source it is the source and how it is synced. */
export interface StepKey {
  subject: StepSubject;
  key: string;
  operation: string;
}

export interface DealStep extends StepKey {
  dealId: string;
  status: 'queued' | 'processing' | 'succeeded' | 'failed' | 'cancelled';
  error: string | null;
  errorCode: string | null;
  jobId: string | null;
  updatedAt: string;
}

/** A step as the job that it is. */
export interface StepJob {
  jobId: string;
  operation: string;
  status: DealStep['status'];
  payload: unknown;
  userId: string | null;
  correlationId: string | null;
  result: unknown;
  error: string | null;
  createdAt: string;
  updatedAt: string;
}

export type BegunStep = { state: 'run' } | { state: 'finished'; result: unknown } | { state: 'missing' };

/** The rows of the work in a deal room. Shapes of `changes`: see `record_deal_step` in the migrations. */
export interface DealStepsTable {
  begin(
    step: StepKey & { dealId: string; queue: string; payload: unknown; runId: string; jobId: string; inputHash: string; force: boolean },
  ): Promise<BegunStep>;
  /** False when another run holds the step, or it is gone: nothing changed. */
  record(step: StepKey & { runId: string; inputHash: string; result: unknown }, changes: unknown): Promise<boolean>;
  /** `queued`: another attempt follows. */
  end(
    step: StepKey & {
      jobId: string;
      runId?: string | undefined;
      status: 'failed' | 'cancelled' | 'queued';
      error: string;
      code?: string | undefined;
    },
  ): Promise<boolean>;
  /** Fails the step that awaits a job which can never be sent; false where none does. */
  refuse(queue: string, jobId: string, error: string): Promise<boolean>;
  list(subject: StepSubject, key: string): Promise<DealStep[]>;
  /** Whose latest job that is; undefined where there is none. */
  ofJob(queue: string, jobId: string): Promise<StepJob | undefined>;
  unfinished(options: { before: string; after?: string; limit: number }): Promise<(StepKey & { queue: string; jobId: string; place: string })[]>;
  resend(steps: readonly (StepKey & { jobId: string })[]): Promise<number>;
}
