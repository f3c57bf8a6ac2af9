/** The seams of Gmail fetch: what the job needs of an account's mailbox, whoever implements it. */
import type { gmail_v1 } from '@googleapis/gmail';

/** Quota of one account, in Google's units. Configuration: Google has changed it before. */
export interface Quota {
  /** Units that an account may spend in `perMs`; also the most it may spend at once after a pause. */
  units: number;
  perMs: number;
  costs: { profile: number; labels: number; list: number; history: number; message: number; watch: number };
}

/** As Google's client types them: `users.messages.get` with `format=full`. */
export type GmailMessage = gmail_v1.Schema$Message;

/** What became of one part of a batch. */
export type MessageRead =
  | { state: 'read'; id: string; message: GmailMessage }
  /** 404: deleted since it was listed. */
  | { state: 'gone'; id: string }
  /** 429, 403 with a rate reason, 5xx: may be asked for again. `retryAfterMs` where Google named it. */
  | { state: 'later'; id: string; limited: boolean; retryAfterMs?: number }
  /** Any other answer: never again. */
  | { state: 'refused'; id: string; status: number; reason: string };

/** What happened in a mailbox since a history id, in order. */
export interface HistoryPage {
  /** Ids of messages that came. */
  added: string[];
  deleted: string[];
  /** In the order they happened. */
  labels: { id: string; added: string[]; removed: string[] }[];
  /** All labels of messages that came or whose labels changed, as they are after it; of those alone that Gmail told it of. */
  labelsNow: ReadonlyMap<string, readonly string[]>;
  /** Followed to here once this page is stored. */
  historyId: string;
  nextPageToken?: string;
}

/**
 * One account at Gmail. Every call waits for the account's quota, has a timeout, a bounded retry for what passes by itself (5xx, connections),
 * asks for a new token once when the old one is refused, and heeds the signal it was made with.
 * Throws `RateLimitedError` (key `account:gmail:<connection id>`), `UnavailableError`, `PermanentError` (`reauth_required`, `invalid_request`, `forbidden`).
 */
export interface Mailbox {
  /** The mailbox's history id now. */
  profile(): Promise<{ email: string; historyId: string }>;
  /** Ids, newest first; a page has 500 at most. */
  list(options: {
    query?: string;
    labelIds?: readonly string[];
    pageToken?: string;
    limit: number;
  }): Promise<{ ids: string[]; nextPageToken?: string }>;
  /** All that the mailbox has: Gmail's own and those of its owner, whose names hold `/` between a label and one within it. */
  labels(): Promise<{ id: string; name: string }[]>;
  /** Undefined: Google does not know this history id any more (404). */
  history(options: { since: string; pageToken?: string }): Promise<HistoryPage | undefined>;
  /** One batch request; 100 ids at most. One outcome for each id, in their order. `left`: how many are to be read after these; a pause is then worth its end. */
  read(ids: readonly string[], options?: { left?: number }): Promise<MessageRead[]>;
  /** Asks for push notices; ISO time of their end. */
  watch(topic: string): Promise<{ historyId: string; expiresAt: string }>;
  /** So far. */
  readonly spent: { units: number; calls: number };
}

export interface Mailboxes {
  open(connectionId: string, signal: AbortSignal): Mailbox;
}
