/** Drives: files, folders, and the list of their changes. */
import { createHash } from 'node:crypto';
import type { StandInClock } from '../clock.ts';
import { type Content, createContent, type NewContent } from './content.ts';
import type { Drive, ListedFile, NewDocument, NewFile } from './contract.ts';

const GOOGLE_TYPE = 'application/vnd.google-apps.';
export const FOLDER = `${GOOGLE_TYPE}folder`;

export interface Item {
  readonly id: string;
  /** In which it was made. */
  readonly order: number;
  name: string;
  readonly mimeType: string;
  /** Null: in no folder of the drive. */
  parentId: string | null;
  trashed: boolean;
  content: Content | undefined;
  exports: ReadonlyMap<string, Content>;
  readonly targetId: string | undefined;
  readonly createdAt: number;
  modifiedAt: number;
  /** Of its latest change. */
  change: number;
  /** Grows with each new content. */
  revision: number;
  refused: string | null;
}

export interface StoredDrive extends Drive {
  readonly name: string;
  /** Oldest first; without the root. */
  readonly items: ReadonlyMap<string, Item>;
  /** By id: the latest change of what is gone for good. */
  readonly removed: ReadonlyMap<string, number>;
  /** The latest. */
  readonly change: number;
  /** Tokens of changes from before it are refused with this status. */
  readonly forgotten: { before: number; status: 400 | 404 | 410 };
  /** Tokens of listings of another generation are refused. */
  readonly pages: number;
  readonly hidden: ReadonlySet<string>;
  get(id: string): Item | undefined;
  /** By itself or with a folder above it. */
  isTrashed(item: Item): boolean;
  /** Below the root. */
  isInside(item: Item): boolean;
}

export interface DriveOptions {
  /** Makes the ids. */
  key: string;
  name: string;
  clock: StandInClock;
  isShared: boolean;
}

export function createDrive({ key, name: driveName, clock, isShared }: DriveOptions): StoredDrive {
  const items = new Map<string, Item>();
  const removed = new Map<string, number>();
  let count = 0;
  let change = 1_000;
  let forgotten: StoredDrive['forgotten'] = { before: 0, status: 400 };
  let pages = 1;
  let hidden: ReadonlySet<string> = new Set();

  /** 33 characters, as most of Google's have. */
  const newId = (): string => {
    count += 1;
    return `1${createHash('sha256').update(`${key}:${count}`).digest('base64url').slice(0, 32)}`;
  };
  const rootId = isShared ? `0A${newId().slice(1, 16)}PVA` : newId();
  // They grow with gaps.
  const nextChange = (): number => {
    change += 1 + (change % 3);
    return change;
  };

  function find(id: string): Item {
    const item = items.get(id);
    if (!item) throw new Error(`The drive ${driveName} has no file ${id}`);
    return item;
  }
  function checkFolder(id: string | null): string | null {
    if (id !== null && id !== rootId && find(id).mimeType !== FOLDER) throw new Error(`${id} is no folder`);
    return id;
  }
  function add(made: Pick<Item, 'name' | 'mimeType' | 'parentId'> & Partial<Pick<Item, 'content' | 'exports' | 'targetId'>>): string {
    const now = clock.now();
    const base = { trashed: false, createdAt: now, modifiedAt: now, change: nextChange(), revision: 1, refused: null };
    const item: Item = { id: newId(), order: count, content: undefined, exports: new Map(), targetId: undefined, ...base, ...made };
    items.set(item.id, item);
    checkFolder(item.parentId);
    return item.id;
  }
  function touch(id: string, changes: Partial<Pick<Item, 'name' | 'parentId' | 'trashed'>>): void {
    Object.assign(find(id), changes, { change: nextChange() });
  }
  function rewrite(id: string, changes: Partial<Pick<Item, 'content' | 'exports'>>): void {
    const item = find(id);
    // Google's own documents are told apart by their time: it moves with each edit.
    Object.assign(item, changes, { change: nextChange(), modifiedAt: Math.max(clock.now(), item.modifiedAt + 1), revision: item.revision + 1 });
  }
  function remove(id: string): void {
    find(id);
    for (const item of [...items.values()]) if (item.parentId === id) remove(item.id);
    items.delete(id);
    removed.set(id, nextChange());
  }
  function above(item: Item): Item[] {
    const folders: Item[] = [];
    for (let at = items.get(item.parentId ?? ''); at; at = items.get(at.parentId ?? '')) folders.push(at);
    return folders;
  }
  const isTrashed = (item: Item): boolean => item.trashed || above(item).some((folder) => folder.trashed);
  const isInside = (item: Item): boolean => (above(item).at(-1) ?? item).parentId === rootId;

  function listed(item: Item, folderId: string): ListedFile {
    const { id, name, parentId, mimeType, content } = item;
    const folders = above(item);
    const depth = folders.findIndex((folder) => folder.id === folderId);
    const names = folders.slice(0, depth < 0 ? undefined : depth).map((folder) => folder.name);
    return { id, name, path: names.reverse().join('/'), parentId, mimeType, size: content?.length ?? null, md5: content?.md5 ?? null };
  }
  return {
    id: isShared ? rootId : null,
    name: driveName,
    rootId,
    pageSize: 1_000,
    items,
    removed,
    get change() {
      return change;
    },
    get forgotten() {
      return forgotten;
    },
    get pages() {
      return pages;
    },
    get hidden() {
      return hidden;
    },
    get: (id) => items.get(id),
    isTrashed,
    isInside,
    addFile: ({ name, content, parentId = rootId, mimeType = mediaTypeOf(name) }: NewFile) =>
      add({ name, mimeType, parentId, content: createContent(content) }),
    addFolder: (name, parentId = rootId) => add({ name, mimeType: FOLDER, parentId }),
    addDocument: ({ name, kind, exports = {}, parentId = rootId, targetId }: NewDocument) =>
      add({ name, mimeType: `${GOOGLE_TYPE}${kind}`, parentId, exports: contentsOf(exports), targetId }),
    edit: (id, content) => rewrite(id, { content: createContent(content) }),
    editDocument: (id, exports) => rewrite(id, { exports: contentsOf(exports) }),
    rename: (id, name) => touch(id, { name }),
    move: (id, parentId) => touch(id, { parentId: checkFolder(parentId) }),
    trash: (id) => touch(id, { trashed: true }),
    restore: (id) => touch(id, { trashed: false }),
    remove,
    forbid(id, reason) {
      find(id).refused = reason;
    },
    hideInQueries(folderIds) {
      hidden = new Set(folderIds);
    },
    forgetChanges(status = 400) {
      forgotten = { before: nextChange() + 1, status };
    },
    forgetPages() {
      pages += 1;
    },
    files(folderId = rootId) {
      const isBelow = (item: Item): boolean => (folderId === rootId ? isInside(item) : above(item).some(({ id }) => id === folderId));
      const wanted = [...items.values()].filter((item) => item.mimeType !== FOLDER && !isTrashed(item) && isBelow(item));
      return wanted.map((item) => listed(item, folderId));
    },
  };
}

function contentsOf(exports: Readonly<Record<string, NewContent>>): ReadonlyMap<string, Content> {
  return new Map(Object.entries(exports).map(([type, content]) => [type, createContent(content)]));
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  pdf: 'application/pdf',
  txt: 'text/plain',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
};

function mediaTypeOf(name: string): string {
  return MEDIA_TYPES[name.split('.').at(-1)?.toLowerCase() ?? ''] ?? 'application/octet-stream';
}
