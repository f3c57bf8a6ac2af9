/** A drive: its items, and what has become of them. */
import { type Content, contentOf } from './content.ts';
import type { MicrosoftDrive } from './contract.ts';
import { newDriveId, newGuid, newItemId } from './ids.ts';

export interface Item {
  id: string;
  /** In its tags. */
  guid: string;
  /** Rises from item to item: the order of a listing. */
  order: number;
  name: string;
  /** Undefined: the root. */
  parent: Item | undefined;
  /** Those that are there. */
  children: Set<Item>;
  /** Undefined: a folder. */
  file: { content: Content; mimeType: string } | undefined;
  versions: { all: number; content: number };
  createdAt: number;
  modifiedAt: number;
  /** When it has last changed, in the drive's own count. */
  changed: number;
  deleted: boolean;
  /** Folders it has been under, and when it has left each. */
  left: Map<Item, number>;
  /** Its name before the last change. */
  formerName: string | undefined;
}

export interface Drive extends MicrosoftDrive {
  name: string;
  /** Address of the root folder, for people. */
  webUrl: string;
  driveType: 'business' | 'documentLibrary';
  siteId: string | undefined;
  /** Address of its owner; undefined for a site's, which everybody sees. */
  owner: string | undefined;
  root: Item;
  /** Also those that are deleted. */
  items: ReadonlyMap<string, Item>;
  /** Counts changes. */
  readonly sequence: number;
}

export interface DriveOptions extends Pick<Drive, 'name' | 'webUrl' | 'driveType' | 'siteId' | 'owner'> {
  now(): number;
}

const MIME_TYPES: Readonly<Record<string, string>> = {
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  pdf: 'application/pdf',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  txt: 'text/plain',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
};

export function createDrive({ now, ...about }: DriveOptions): Drive {
  let sequence = 0;
  const items = new Map<string, Item>();
  const id = newDriveId();

  function create(name: string, parent: Item | undefined, file: Item['file']): Item {
    sequence += 1;
    const item: Item = {
      id: newItemId(),
      guid: newGuid().toUpperCase(),
      order: items.size + 1,
      name,
      parent,
      children: new Set(),
      file,
      versions: { all: 1, content: 1 },
      createdAt: now(),
      modifiedAt: now(),
      changed: sequence,
      deleted: false,
      left: new Map(),
      formerName: undefined,
    };
    items.set(item.id, item);
    parent?.children.add(item);
    return item;
  }
  const root = create('root', undefined, undefined);

  function find(itemId: string): Item {
    const item = items.get(itemId);
    if (!item || item.deleted) throw new Error(`The drive ${about.name} has no item ${itemId}`);
    return item;
  }
  function folder(itemId: string): Item {
    const item = find(itemId);
    if (item.file) throw new Error(`${item.name} in the drive ${about.name} is no folder`);
    return item;
  }
  function change(item: Item, content: boolean): void {
    sequence += 1;
    item.changed = sequence;
    item.modifiedAt = now();
    item.versions = { all: item.versions.all + 1, content: item.versions.content + (content ? 1 : 0) };
  }
  function remove(item: Item): void {
    // What is in a folder goes first, and every item by itself.
    for (const child of item.children) remove(child);
    change(item, false);
    for (const ancestor of ancestorsOf(item)) item.left.set(ancestor, item.changed);
    item.deleted = true;
    item.parent?.children.delete(item);
  }
  return {
    ...about,
    id,
    rootId: root.id,
    root,
    items,
    pageSize: 200,
    quirks: true,
    downloadLastsSeconds: 300,
    withoutDownloadUrls: false,
    get sequence() {
      return sequence;
    },
    addFile({ name, content, parentId = root.id, mimeType }) {
      return create(name, folder(parentId), { content: contentOf(content), mimeType: mimeType ?? mimeTypeOf(name) }).id;
    },
    addFolder: (name, parentId = root.id) => create(name, folder(parentId), undefined).id,
    edit(itemId, content) {
      const item = find(itemId);
      if (!item.file) throw new Error(`${item.name} is a folder`);
      item.file = { ...item.file, content: contentOf(content) };
      item.formerName = undefined;
      change(item, true);
    },
    rename(itemId, name) {
      const item = find(itemId);
      item.formerName = item.name;
      item.name = name;
      change(item, false);
    },
    move(itemId, parentId) {
      const item = find(itemId);
      const before = ancestorsOf(item);
      item.parent?.children.delete(item);
      item.parent = folder(parentId);
      item.parent.children.add(item);
      change(item, false);
      const after = new Set(ancestorsOf(item));
      for (const ancestor of before) if (!after.has(ancestor)) item.left.set(ancestor, item.changed);
    },
    remove: (itemId) => remove(find(itemId)),
    files() {
      const there = [...items.values()].filter((item) => item.file && !item.deleted);
      return there.map((item) => ({
        id: item.id,
        name: item.name,
        parentId: item.parent?.id ?? root.id,
        size: sizeOf(item),
        cTag: cTagOf(item),
      }));
    },
  };
}

function mimeTypeOf(name: string): string {
  return MIME_TYPES[/\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? ''] ?? 'application/octet-stream';
}

export const cTagOf = ({ guid, versions }: Item): string => `"c:{${guid}},${versions.content}"`;
export const eTagOf = ({ guid, versions }: Item): string => `"{${guid}},${versions.all}"`;

/** From the folder it is in up to the root. */
export function ancestorsOf(item: Item): Item[] {
  return item.parent ? [item.parent, ...ancestorsOf(item.parent)] : [];
}

/** Of a folder: of all that is in it. */
export function sizeOf(item: Item): number {
  return item.file ? item.file.content.length : [...item.children].reduce((sum, child) => sum + sizeOf(child), 0);
}

/** `a/b c.txt` under a folder; undefined where there is nothing. */
export function itemAt(from: Item, path: string): Item | undefined {
  const names = path.split('/').filter((name) => name !== '');
  return names.reduce<Item | undefined>(
    (parent, name) => parent && [...parent.children].find((child) => child.name.toLowerCase() === name.toLowerCase()),
    from,
  );
}
