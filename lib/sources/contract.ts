/** The seams of source sync: a connector tells what a source has and what has changed; the engine (`sync.ts`) stores it. */
import type { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { NewEmail } from '../db/deal-types.ts';
import type { Provider } from '../db/mail-types.ts';
import { PermanentError } from '../errors.ts';
import type { SourceType } from '../jobs/source-sync.ts';
import type { Mailboxes } from '../mail/contract.ts';
import type { Access } from '../oauth/access.ts';
import type { Accounts } from '../oauth/contract.ts';
import type { Store } from '../queue/store/types.ts';
import type { Tracer } from '../telemetry/contract.ts';
import type { CallTimings } from './calls.ts';

/** What is stored of a mail. */
export type SourceEmail = Pick<
  NewEmail,
  'messageId' | 'threadId' | 'inReplyTo' | 'fromName' | 'fromAddress' | 'recipients' | 'subject' | 'sentAt' | 'text' | 'contentHash'
>;

/** A file or mail, as a listing names it. */
export interface SourceItem {
  /** The source's own id; it stays when the item is renamed or moved. */
  ref: string;
  kind: 'document' | 'email';
  /** Another one when the content is another, and only then: a checksum, an etag of the content. An item of a known version is not read. */
  version: string;
  /** Of the file, with its ending (that of the export, where it is exported); a mail's subject, or empty where the listing does not tell it. */
  name: string;
  /** Id of the folder it is in; null where sources have none. */
  place: string | null;
  /** For people, such as `Contracts/2026`; null where it is not known. */
  path: string | null;
  mimeType: string | null;
  /** Null: known when it has been read. */
  sizeBytes: number | null;
  /** ISO. */
  modifiedAt: string | null;
  /** The address of the item at its source, for people. */
  url: string | null;
  /** Where the listing carries the mail itself. */
  email?: SourceEmail;
  /** What the connector needs to open it; never stored. */
  handle?: unknown;
}

/** Of what a connector knows that it is not for us: a shortcut, a folder of mails with no text. Shown with its reason, never read. */
export interface LeftOut {
  item: SourceItem;
  reason: string;
}

export interface GoneItem {
  ref: string;
  /** Gone from that place: an item that was seen elsewhere since then stays. Absent: gone altogether. */
  from?: string;
}

export interface SourcePage {
  upserts: readonly SourceItem[];
  /** By changes alone; what a full listing does not name is gone when the listing is complete. */
  deletes: readonly GoneItem[];
  leftOut?: readonly LeftOut[];
  /** Once this page is stored, a run goes on from here. Opaque; at most some 100 kB. */
  nextCursor: string;
  /** Nothing follows. After a full listing `nextCursor` is one for `changes`, and what happened since the listing began comes after it. */
  complete: boolean;
}

export interface OpenedFile {
  /** As the file is called when it is stored, with its ending. */
  name: string;
  mimeType: string | null;
  /** Where it is known. */
  sizeBytes: number | undefined;
  /** Read once; throws `UnavailableError` when it breaks off. */
  content: AsyncIterable<Uint8Array>;
}

export type EmailRead =
  | { state: 'read'; ref: string; email: SourceEmail }
  /** Deleted since it was listed. */
  | { state: 'gone'; ref: string }
  /** Never again; the others go on. */
  | { state: 'failed'; ref: string; reason: string };

/**
 * One source of one account, for one run. Every call has a timeout, a bounded retry, and heeds the signal it was connected with.
 * Throws `RateLimitedError` (key `account:<provider>:<connection id>`), `UnavailableError`, `PermanentError` (`reauth_required`, `not_connected`,
 * `forbidden`, `source_missing`: the folder, site or label that is synced is not there (any more), `invalid_request`), `CursorLostError`.
 */
export interface Connector {
  /** All there is. With the cursor of a page of a listing that was cut off, the rest of it; throws `CursorLostError` where the source has forgotten it. */
  full(cursor?: string): AsyncIterable<SourcePage>;
  /** What has changed since. One page at least. Throws `CursorLostError`: the listing begins anew. */
  changes(cursor: string): AsyncIterable<SourcePage>;
  /** The content of a document; undefined where it is gone since. Throws `ItemError` where this one can never be read. */
  open(item: SourceItem): Promise<OpenedFile | undefined>;
  /** Of mails whose listing names ids alone; `emailsAtOnce` at most. One outcome for each, in any order. */
  readEmails(items: readonly SourceItem[]): Promise<EmailRead[]>;
  /** How many documents may be opened at a time. */
  readonly parallel: number;
  readonly emailsAtOnce: number;
  /** Requests made so far, repeated ones included. */
  readonly calls: number;
  /** Absent: the source sends no notices of its own. */
  readonly watcher?: Watcher;
}

/** A subscription to notices of change, as the provider knows it. */
export interface Watch {
  /** The channel's or subscription's id. */
  id: string;
  /** What else the provider wants to hear to end it. */
  resource: string | null;
  /** ISO. */
  expiresAt: string;
}

export interface WatchRequest {
  /** `https://…/api/webhooks/…`: where notices are to go. */
  address: string;
  /** Comes back with each notice; 43 characters of base64url. */
  secret: string;
}

export interface Watcher {
  start(request: WatchRequest): Promise<Watch>;
  /** Its address and secret stay. Undefined: it is gone, or cannot be prolonged; another one is to be started. */
  renew(watch: Watch): Promise<Watch | undefined>;
  /** What is gone already is no error. */
  stop(watch: Watch): Promise<void>;
}

/** The source does not know a cursor any more, or what happened cannot be told by changes: only a new listing tells. Not a failure. */
export class CursorLostError extends PermanentError {
  override readonly name: string = 'CursorLostError';
  /** `reason`: one word for the log. */
  constructor(reason: string) {
    super(`The source has to be listed anew (${reason})`, { code: 'cursor_lost', details: { reason } });
  }
}

/** This one item can never be read; the others go on. The message is shown to users. */
export class ItemError extends PermanentError {
  override readonly name: string = 'ItemError';
  constructor(message: string) {
    super(message, { code: 'item_unreadable' });
  }
}

/** What connectors are made with. */
export interface SourceDeps {
  accounts: Accounts;
  store: Pick<Store, 'limitedUntil' | 'limit' | 'acquire' | 'release'>;
  /** Gmail, with its quota. */
  mailboxes: Mailboxes;
  clock: Clock;
  /** `GOOGLE_API_ROOT_URL`, `GRAPH_BASE_URL`; undefined: their own. */
  googleRootUrl: string | undefined;
  graphBaseUrl: string | undefined;
  timings?: Partial<CallTimings> | undefined;
  tracer?: Tracer | undefined;
}

export interface ConnectOptions<S> {
  connectionId: string;
  settings: S;
  signal: AbortSignal;
}

/** A kind of source. A fifth one is a folder with a file of this shape, and a line in `index.ts`. */
export interface SourceKind<S = unknown> {
  type: SourceType;
  /** As people call it. */
  label: string;
  provider: Provider;
  /** What its account must have allowed. */
  access: Access;
  /** Of its own; what all sources have is in `settings.ts`. */
  settings: z.ZodType<S>;
  /** Loads what the connector needs with the first call. */
  connect(options: ConnectOptions<S>, deps: SourceDeps): Promise<Connector>;
}

export type { Access };
