import type { BlockerItem, DocumentStatus } from './deal-types.ts';
import type { Page } from './types.ts';

/** Which of a deal's events a brief is about. Times are ISO 8601, dates local ones of the deal's zone. */
export interface BriefWindow {
  /** `daily`, or the name of a schedule's report. */
  report: string;
  date: string;
  /** Now, or the end of the time that is told of. */
  to: string;
  /** What no edition has told of, whenever it happened; else what happened from `from` until `to`. */
  untold: boolean;
  /** Not set: from the end of the report's last edition, or from `since` where there is none. */
  from?: string;
  since?: string;
}

export type DocumentChange = 'added' | 'changed' | 'removed' | 'unreadable';

export interface DocumentFact {
  name: string;
  /** What is told of it: what it is now decides. */
  change: DocumentChange;
  /** All but the name are null for one that is gone. */
  version: number | null;
  status: DocumentStatus | null;
  reason: string | null;
  workstream: string | null;
  documentType: string | null;
  summary: string | null;
  pages: number | null;
}

export interface RiskFact {
  document: string;
  category: string;
  severity: string;
  explanation: string;
  /** Stands in the document, to the letter. */
  quote: string;
  page: number | null;
}

export interface BlockerFact {
  subject: string | null;
  summary: string;
  items: BlockerItem[];
  /** Now. */
  status: 'open' | 'resolved';
  /** What happened to it, oldest first: blocker_opened, blocker_changed, … */
  kinds: string[];
  openedAt: string;
}

export interface EmailFact {
  subject: string | null;
  from: string | null;
  /** -1 to 1. */
  score: number;
  label: string | null;
  urgency: string | null;
}

/** What happened in a deal, and what is true of it now. Lists are bounded, counts are not. */
export interface BriefFacts {
  /** The deal's name. */
  deal: string;
  /** Of the date's row, where there is one. */
  briefId: string | null;
  /** Its latest edition; 0 before the first. */
  edition: number;
  from: string;
  to: string;
  /** What an edition marks as told; most 20,000. */
  eventIds: number[];
  /** Events besides these that have to wait for another edition. */
  left: number;
  documents: { counts: Partial<Record<DocumentChange | 'passing', number>>; list: DocumentFact[] };
  risks: { counts: Partial<Record<string, number>>; list: RiskFact[] };
  blockers: { count: number; list: BlockerFact[]; before: { count: number; list: BlockerFact[] } };
  emails: {
    added: number;
    threads: number;
    analyzed: number;
    /** Of the scores, one decimal; null without any. */
    mean: number | null;
    labels: Partial<Record<string, number>>;
    urgentCount: number;
    negative: EmailFact[];
    urgent: EmailFact[];
  };
  syncs: { sourceType: string; count: number; error: string | null }[];
}

/** The latest edition of a deal's brief for a date, or the one that was asked for. */
export interface Brief {
  id: string;
  dealId: string;
  report: string;
  /** Local date of the deal's zone. */
  date: string;
  edition: number;
  /** `BriefContent` of lib/briefs/contract.ts; rows from before Hivepulse have their own. */
  content: unknown;
  markdown: string | null;
  html: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface BriefEdition {
  id: string;
  edition: number;
  trigger: 'schedule' | 'manual';
  dueAt: string | null;
  /** It was due while no scheduler ran. */
  late: boolean;
  coversFrom: string | null;
  coversTo: string;
  model: string | null;
  promptVersion: string | null;
  createdAt: string;
}

export interface BriefDeliveryState {
  editionId: string;
  /** `mail:<address>` or `webhook`. */
  channel: string;
  /** `failed` with an error that begins with "unknown": it may have gone out, and is not sent again. */
  status: 'pending' | 'sending' | 'sent' | 'failed';
  attempts: number;
  error: string | null;
  updatedAt: string;
}

export interface BriefsTable {
  /** Newest first; without texts. */
  list(options: { dealId: string; limit: number; cursor?: string; report?: string }): Promise<Page<Omit<Brief, 'content' | 'markdown' | 'html'>>>;
  /** The report `daily` and the latest edition unless told otherwise. */
  get(dealId: string, date: string, options?: { report?: string; edition?: number }): Promise<Brief | undefined>;
  /** Of a brief, oldest first. */
  editions(briefId: string): Promise<BriefEdition[]>;
  /** Where editions went besides. */
  deliveries(editionIds: readonly string[]): Promise<BriefDeliveryState[]>;
}

/** A delivery that this process has taken, with all that is sent. */
export interface ClaimedDelivery {
  editionId: string;
  channel: string;
  /** 1 for the first. */
  attempt: number;
  dealId: string;
  deal: string;
  report: string;
  date: string;
  edition: number;
  content: unknown;
  markdown: string;
  html: string;
}

export interface DeliveryOutcome {
  editionId: string;
  channel: string;
  claim: string;
  /** `again`: while attempts are left. */
  outcome: 'sent' | 'failed' | 'again';
  error?: string;
  retryMs?: number;
  /** Attempts in all. */
  most: number;
}

/** For the service role alone. */
export interface BriefWork {
  /** Undefined where there is no such deal. */
  facts(dealId: string, window: BriefWindow): Promise<BriefFacts | undefined>;
  /** Each delivery that is due goes to one caller that has its way. The same claim again answers what it has taken. */
  claimDeliveries(claim: string, ways: { mail: boolean; webhook: boolean }, limit: number): Promise<ClaimedDelivery[]>;
  /** What the delivery has become; undefined when it was reported before, or given up meanwhile. */
  finishDelivery(outcome: DeliveryOutcome): Promise<'pending' | 'sent' | 'failed' | undefined>;
}
