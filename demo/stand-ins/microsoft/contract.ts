/** What the stand-in for Microsoft (identity platform and Graph) can be told to do. README.md says what it leaves out. */

export interface MicrosoftOptions {
  clock?: { now(): number };
  /** Of access tokens, in seconds. Default 3,599. */
  expiresIn?: number;
  client?: { id: string; secret: string };
  lenient?: Partial<MicrosoftLeniences>;
}

/** Where Microsoft's servers are seen to give more than the documentation says. All false: as it is documented. */
export interface MicrosoftLeniences {
  /** Delta of a drive carries `cTag` and `parentReference.path`. The documentation (driveItem: delta, Remarks) says that both are left out of it. */
  deltaTellsAll: boolean;
  /** A drive can be subscribed to with a token that may only read. Documented (Create subscription, Permissions): `Files.ReadWrite.All`. */
  readersMaySubscribe: boolean;
  /** A batch counts as one call at a mailbox. As Microsoft says it, up to four of its parts are under way at once, and each counts. */
  batchTakesOnePlace: boolean;
}

export interface MicrosoftStandIn {
  /** For `GRAPH_BASE_URL`. */
  url: string;
  authUrl: string;
  /** For `MICROSOFT_TOKEN_URL`. */
  tokenUrl: string;
  client: { id: string; secret: string };
  /** Adds a user with a drive (OneDrive) and a mailbox. */
  addAccount(email: string): MicrosoftAccount;
  account(email: string): MicrosoftAccount;
  /** Adds a SharePoint site, such as `contoso.sharepoint.com` and `/sites/project-nova`, with the library `Documents`. Every account sees it. */
  addSite(site: { host: string; path: string; displayName?: string }): MicrosoftSite;
  /** Tokens without the round trip. */
  issueTokens(email: string, options?: { scopes?: readonly string[] }): { accessToken: string; refreshToken: string; expiresIn: number };
  expireTokens(): void;
  /** Refresh answers `invalid_grant`, access tokens 401. */
  revoke(email: string): void;
  /** The owner's answer on the consent page. */
  consent: { denied: boolean; withheldScopes: string[] };
  /** HTTP calls, oldest first; tokens left out. */
  journal: { entries: MicrosoftCall[]; count(method: string): number; clear(): void };
  faults: MicrosoftFaults;
  /** May be changed while it runs. */
  lenient: MicrosoftLeniences;
  /** What is subscribed to, by subscription id. */
  subscriptions: Map<string, MicrosoftSubscription>;
  stop(): Promise<void>;
}

export interface MicrosoftCall {
  /** Such as `drive.delta`, `drive.content`, `download`, `mail.delta`, `mail.folders`, `subscriptions.create`, `token`. */
  method: string;
  status: number;
  path: string;
}

export interface MicrosoftFaults {
  /** Before each answer. */
  latencyMs: number;
  /** The next calls of Graph (not those for tokens) are answered with this status; `retryAfterSeconds` as a header. */
  failNext(status: number, options?: { times?: number; retryAfterSeconds?: number; code?: string }): void;
  /** Every call is limited until the given number of calls has been answered with 429: a storm. */
  storm(options: { times: number; retryAfterSeconds?: number }): void;
  /** The next answers end in the middle. */
  cutNext(times?: number): void;
  /** Delta tokens given so far answer 410 (`resyncRequired`, with a Location). */
  forgetDeltas(): void;
  /** Most calls under way at a time on a mailbox (a batch: up to four, one for each part); more are answered with 429 `ApplicationThrottled`. Default 4, as Outlook's. */
  mailboxConcurrency: number;
  /** The highest number of calls on one mailbox that were under way at once. */
  readonly mostAtOnce: number;
  tokensDown: boolean;
  clear(): void;
}

export interface MicrosoftDrive {
  id: string;
  /** Of its root folder. */
  rootId: string;
  /** Most items on a page of delta. Default 200. Parent folders of changed items come on top of it, as Graph tells them (unless `deltaExcludeParent`). */
  pageSize: number;
  /** As Graph may: an item twice in one enumeration, the older state first, and an empty page with a link to the next. Default true. */
  quirks: boolean;
  /** Of download addresses. Default 300, "a few minutes". */
  downloadLastsSeconds: number;
  /** Leave the download addresses out of the answers, as Graph may: the content has to be asked for by its path. */
  withoutDownloadUrls: boolean;
  /** `content`: bytes, or a length that is made up as it is sent (deterministic, so that it can be checked), for big files. Answers its id. */
  addFile(file: { name: string; content: Uint8Array | string | { length: number }; parentId?: string; mimeType?: string }): string;
  addFolder(name: string, parentId?: string): string;
  edit(id: string, content: Uint8Array | string): void;
  rename(id: string, name: string): void;
  move(id: string, parentId: string): void;
  remove(id: string): void;
  /** What is in it now: files alone. */
  files(): { id: string; name: string; parentId: string; size: number; cTag: string }[];
}

export interface MicrosoftSite {
  id: string;
  /** The library `Documents`. */
  drive: MicrosoftDrive;
  addLibrary(name: string): MicrosoftDrive;
}

export interface MicrosoftMail {
  subject: string;
  /** HTML where it begins with `<`. */
  body: string;
  from: { name: string; address: string };
  to?: readonly { name: string; address: string }[];
  cc?: readonly { name: string; address: string }[];
  /** With its angle brackets. Default: one that is made up. */
  internetMessageId?: string;
  conversationId?: string;
  /** ISO. Default: now. */
  sentAt?: string;
  /** `In-Reply-To` and `References`, as `internetMessageHeaders` shows them. */
  headers?: readonly { name: string; value: string }[];
  isDraft?: boolean;
}

export interface MicrosoftMailbox {
  /** Most messages on a page of delta where the call does not say it. Default 10, as Outlook's. */
  pageSize: number;
  /** By display name: `Inbox`, `Sent Items`, `Drafts`, `Deleted Items`, `Junk Email`, `Archive` are there. Answers its id. */
  folder(name: string): string;
  addFolder(name: string, parentId?: string): string;
  /** Into the inbox unless told. Answers its immutable id. */
  addMail(mail: MicrosoftMail, folderId?: string): string;
  edit(id: string, changes: { subject?: string; body?: string; isRead?: boolean; categories?: string[] }): void;
  move(id: string, folderId: string): void;
  /** For good, not into `Deleted Items`. */
  remove(id: string): void;
  mails(): { id: string; folderId: string; subject: string }[];
}

export interface MicrosoftAccount {
  email: string;
  drive: MicrosoftDrive;
  mailbox: MicrosoftMailbox;
}

export interface MicrosoftSubscription {
  id: string;
  resource: string;
  changeType: string;
  notificationUrl: string;
  lifecycleNotificationUrl: string | null;
  clientState: string | null;
  /** ISO. */
  expirationDateTime: string;
  /** Posts a notice as Graph does; resolves to the answer. */
  notify(change?: { changeType?: 'created' | 'updated' | 'deleted'; resourceId?: string }): Promise<Response>;
  /** Posts a lifecycle notice. */
  lifecycle(event: 'reauthorizationRequired' | 'subscriptionRemoved' | 'missed'): Promise<Response>;
}
