/** What the stand-in for Google Drive can be told to do. */
import type { NewContent } from './content.ts';

export interface NewFile {
  name: string;
  content: NewContent;
  /** Default: the drive's root. Null: of somebody else, only shared with the account, and in no folder of its drive. */
  parentId?: string | null;
  mimeType?: string;
}

/** One of Google's own: a Doc, a Sheet, a presentation, a drawing; or what has no content at all. */
export interface NewDocument {
  name: string;
  kind: 'document' | 'spreadsheet' | 'presentation' | 'drawing' | 'form' | 'site' | 'map' | 'shortcut';
  /** What exports answer, by media type, such as `application/pdf`; others are refused. */
  exports?: Readonly<Record<string, NewContent>>;
  parentId?: string | null;
  /** Of shortcuts. */
  targetId?: string;
}

export interface ListedFile {
  id: string;
  name: string;
  /** Of its folder, such as `Contracts/2026`; empty where the listing begins. */
  path: string;
  parentId: string | null;
  size: number | null;
  /** Null: one of Google's own. */
  md5: string | null;
  mimeType: string;
}

/** My Drive of an account, or a shared drive. Each change stands in its list of changes once, as Google's do: the latest of each file. */
export interface Drive {
  /** Of a shared drive; null for My Drive. */
  readonly id: string | null;
  readonly rootId: string;
  /** Most entries on a page, whatever is asked for. Default 1,000. */
  pageSize: number;
  /** Answers its id. */
  addFile(file: NewFile): string;
  addFolder(name: string, parentId?: string | null): string;
  addDocument(document: NewDocument): string;
  edit(id: string, content: NewContent): void;
  /** Of Google's own kinds: another export. */
  editDocument(id: string, exports: Readonly<Record<string, NewContent>>): void;
  rename(id: string, name: string): void;
  move(id: string, parentId: string | null): void;
  /** What is in a folder goes with it, but only the folder itself is named by the changes. */
  trash(id: string): void;
  restore(id: string): void;
  /** For good, with all that is in it. */
  remove(id: string): void;
  /** Its content is refused with 403 and this reason, such as `cannotDownloadFile`; null: no more. */
  forbid(id: string, reason: string | null): void;
  /** Queries for several parents leave these folders out, as Google's sometimes do. */
  hideInQueries(folderIds: readonly string[]): void;
  /** Page tokens of changes that were given so far are refused. Default 400, as for any that is not valid. */
  forgetChanges(status?: 400 | 404 | 410): void;
  /** The same for those of listings. */
  forgetPages(): void;
  /** What is in it, or in a folder of it, now: no folders, nothing from the trash. Paths begin there. */
  files(folderId?: string): ListedFile[];
}

export interface Channel {
  id: string;
  resourceId: string;
  address: string;
  token: string | undefined;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  email: string;
  /** Posts a notice as Google does; resolves to the answer. */
  notify(options?: NoticeOptions): Promise<Response>;
}

export interface NoticeOptions {
  /** Default `change`; the first that Google sends to a new channel is `sync`. */
  state?: 'sync' | 'change';
  /** What is wrong with it. */
  forge?: 'channel' | 'token' | 'noToken' | 'resource';
  /** Default: one more than the last. */
  number?: number;
}
