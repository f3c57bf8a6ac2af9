import type { JobFields, Page } from './types.ts';

export type Provider = 'google' | 'microsoft';

/** A row of `oauth_connections`, without its tokens. */
export interface Connection {
  id: string;
  userId: string;
  provider: Provider;
  /** The provider's own id of the account. */
  accountId: string;
  email: string;
  scopes: string[];
  status: 'active' | 'reauth_required';
  statusReason: string | null;
  /** How far the mailbox has been followed. */
  historyId: string | null;
  /** When it was followed last: fetches of a query do not count. */
  syncedAt: string | null;
  watchExpiresAt: string | null;
  createdAt: string;
  updatedAt: string;
}

/** Encrypted, as `lib/oauth/vault.ts` seals them. */
export interface SealedTokens {
  accessToken: string | null;
  refreshToken: string | null;
  accessExpiresAt: string | null;
  /** One more with each refresh. */
  version: number;
}

export interface NewConnection {
  userId: string;
  provider: Provider;
  accountId: string;
  email: string;
  scopes: readonly string[];
  accessToken: string;
  /** Absent: the one that is stored stays. */
  refreshToken?: string | undefined;
  accessExpiresAt: string;
}

/** A round trip to a provider's consent page that has not come back. */
export interface OAuthState {
  /** Hash of the state. */
  id: string;
  userId: string;
  provider: Provider;
  /** Encrypted. */
  secrets: string;
  /** Hash of the cookie of the browser that set out; null where an app's server did. */
  browser: string | null;
  returnTo: string | null;
  expiresAt: string;
}

export interface ConnectionsTable {
  /** Newest first. */
  list(options: { userId?: string; provider?: Provider; email?: string; status?: Connection['status'] }): Promise<Connection[]>;
  get(id: string): Promise<Connection | undefined>;
}

/** Most accounts that are answered; those that are not wanted do not count. */
export interface Chosen {
  isWanted(connection: Connection): boolean;
  limit: number;
}

/** As the service role alone. */
export interface ConnectionSecrets {
  /** With its tokens; undefined where there is none. */
  read(id: string): Promise<(Connection & { tokens: SealedTokens }) | undefined>;
  /** A new account, or one connected again: active from now on. */
  save(connection: NewConnection): Promise<Connection>;
  /** False when another process refreshed these tokens first, or the account is gone or waits for its user. */
  saveRefreshed(
    id: string,
    version: number,
    tokens: { accessToken: string; refreshToken?: string | undefined; accessExpiresAt: string },
  ): Promise<boolean>;
  /** The same tokens under another key; false when they were refreshed meanwhile. */
  saveResealed(
    id: string,
    old: Pick<SealedTokens, 'accessToken' | 'refreshToken'>,
    tokens: Pick<SealedTokens, 'accessToken' | 'refreshToken'>,
  ): Promise<boolean>;
  /** True for the first who says so of these tokens. */
  markReauthRequired(id: string, version: number, reason: string): Promise<boolean>;
  /** Undefined where there is none of this user, or another call removed it. With its tokens, so that they can be revoked. */
  remove(id: string, options: { userId?: string; keepMessages: boolean }): Promise<(Connection & { tokens: SealedTokens }) | undefined>;
  /** All accounts with their tokens, by id. */
  page(options: { after?: string; limit: number }): Promise<(Connection & { tokens: SealedTokens })[]>;
  setWatch(id: string, expiresAt: string | null): Promise<void>;
  /** A fetch of what is new in the mailbox; any number of notices makes one that waits. */
  askForMailbox(id: string, trigger: 'push' | 'poll', historyId?: string): Promise<AskedMailbox>;
  /** Active Google accounts whose watch ends before, or was never made. */
  watchesEndingBefore(time: string, options: Chosen): Promise<Connection[]>;
  /** Active Google accounts not followed since, the longest ago first. */
  notSyncedSince(time: string, options: Chosen): Promise<Connection[]>;
  saveState(state: OAuthState): Promise<void>;
  /** Once, and in time. */
  takeState(id: string): Promise<OAuthState | undefined>;
}

export type AskedMailbox = { outcome: 'queued' | 'waiting'; id: string; outboxId: number | null } | { outcome: 'known' | 'inactive' };

export interface Person {
  name: string | null;
  /** In lower case where it is an address at all. */
  address: string;
}

export interface Attachment {
  filename: string | null;
  mimeType: string;
  /** Bytes. */
  size: number;
  /** Gmail's, for `users.messages.attachments.get`. */
  attachmentId: string | null;
  /** Shown within the text, such as a logo. */
  inline: boolean;
}

/** A message, readable: what is stored of it. */
export interface MailMessage {
  id: string;
  threadId: string;
  historyId: string;
  /** When Gmail got it. ISO. */
  receivedAt: string;
  /** The Date header; null where there is none that can be read. ISO. */
  sentAt: string | null;
  fromName: string | null;
  fromAddress: string | null;
  people: { to: Person[]; cc: Person[]; bcc: Person[]; replyTo: Person[] };
  subject: string;
  snippet: string;
  /** Plain text, of the HTML where there is no other. */
  text: string;
  labels: string[];
  /** Names in lower case; values decoded, in their order. */
  headers: Record<string, string[]>;
  attachments: Attachment[];
  sizeBytes: number;
}

/** A row of `message_cache`. */
export interface CachedMessage extends MailMessage {
  userId: string;
  connectionId: string | null;
  fetchedAt: string | null;
}

export interface MessageFilter {
  userId?: string;
  connectionId?: string;
  threadId?: string;
  /** A label's id; without one, spam and trash are left out. */
  label?: string;
  from?: string;
  /** ISO. */
  after?: string;
  before?: string;
  /** As in a web search box: words, "phrases", -without, or. */
  search?: string;
}

/** A list leaves texts and headers out. */
export type MessageSummary = Omit<CachedMessage, 'text' | 'headers'>;

export interface MessagesTable {
  /** Newest first. */
  list(options: MessageFilter & { limit: number; cursor?: string }): Promise<Page<MessageSummary>>;
  get(id: string, userId?: string): Promise<CachedMessage | undefined>;
}

/** Names the run that writes: late writes of a run that lost its job change nothing. */
export interface MailboxRun {
  jobId: string;
  runId: string;
  connectionId: string;
}

/** What a mailbox has told besides new messages. */
export interface MailboxChanges {
  deleted?: readonly string[];
  labels?: readonly { id: string; added: readonly string[]; removed: readonly string[] }[];
  /** All that a full listing found, newest first: cached messages of its time span that are not in it are gone. */
  listed?: readonly string[];
  /** The listing reached the oldest message. */
  complete?: boolean;
  historyId?: string | null;
}

/** What the runs of one fetch have done, put off and tried again as it may be. */
export interface FetchTally {
  /** New in the mailbox, of the pages of history that are stored; listings are not counted here. */
  found: number;
  fetched: number;
  gone: number;
  failed: number;
  deleted: number;
  relabelled: number;
  units: number;
  calls: number;
  milliseconds: number;
}

/** Written by fetches, as the service role. */
export interface MailboxesTable {
  /** Of these ids those that need not be read again; one query. */
  cached(userId: string, ids: readonly string[]): Promise<Set<string>>;
  /** How many rows are new. Throws `JobAbortedError` (`superseded`) where the run has lost its job or the account is gone. */
  store(run: MailboxRun, messages: readonly MailMessage[]): Promise<number>;
  /** `messages`: cached of this account now. Throws as `store` does. */
  record(run: MailboxRun, changes: MailboxChanges): Promise<{ deleted: number; relabelled: number; messages: number }>;
  /** Adds what this run has done; the sums of all. Throws as `store` does. */
  addTally(run: MailboxRun, tally: FetchTally): Promise<FetchTally>;
}

/** A row of `analytics_jobs`. */
export interface AnalyticsJob extends JobFields {
  params: Record<string, unknown>;
}

export interface AnalyticsJobsTable {
  get(id: string): Promise<AnalyticsJob | undefined>;
  /** Newest first. */
  list(options: { limit: number; cursor?: string; userId?: string; status?: AnalyticsJob['status'] }): Promise<Page<AnalyticsJob>>;
}
