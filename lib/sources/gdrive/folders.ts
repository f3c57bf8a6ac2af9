/** The folders of a source, as a tree: what is in none of them does not belong to it. */
import { PermanentError } from '../../errors.ts';

/** Id, name, and the place of its parent in the list; the root comes first, its parent is -1. */
export type PackedFolder = [id: string, name: string, parent: number];

export interface FolderNode {
  id: string;
  name: string;
  parentId: string | undefined;
}

export interface Folders {
  readonly rootId: string;
  readonly size: number;
  has(id: string): boolean;
  /** In the order they were found: what a listing goes through. */
  at(index: number): string | undefined;
  /** A new one, or a known one with another name or parent. */
  set(folder: { id: string; name: string; parentId: string }): void;
  /** Such as `Contracts/2026`; empty for the root. */
  pathOf(id: string): string;
  pack(): PackedFolder[];
}

/** More of them make cursors that are too large to be stored with each page. */
export const MOST_FOLDERS = 5_000;

export function createFolders(packed: readonly PackedFolder[]): Folders {
  const order = packed.map(([id]) => id);
  const nodes = new Map(packed.map(([id, name, parent]): [string, FolderNode] => [id, { id, name, parentId: order[parent] }]));
  const rootId = order[0] ?? '';
  return {
    rootId,
    get size() {
      return nodes.size;
    },
    has: (id) => nodes.has(id),
    at: (index) => order[index],
    set(folder) {
      if (!nodes.has(folder.id)) order.push(folder.id);
      nodes.set(folder.id, folder);
    },
    pathOf: (id) => pathOf(nodes, rootId, id),
    pack() {
      const places = new Map(order.map((id, place) => [id, place]));
      return [...nodes.values()].map(({ id, name, parentId }) => [id, name, places.get(parentId ?? '') ?? -1]);
    },
  };
}

/** Those below the root, parents before their children; what is found beside it (folders of others that are shared) is left out. */
export function treeOf(rootId: string, found: readonly FolderNode[]): Folders {
  const children = Map.groupBy(found, ({ parentId }) => parentId);
  const folders = createFolders([[rootId, '', -1]]);
  for (let place = 0; place < folders.size; place += 1) {
    const parentId = folders.at(place) ?? rootId;
    for (const { id, name } of children.get(parentId) ?? []) if (!folders.has(id)) folders.set({ id, name, parentId });
  }
  return folders;
}

/** Throws `PermanentError` `invalid_request`. */
export function refuseTooMany({ size }: Folders): void {
  if (size <= MOST_FOLDERS) return;
  const message = `The folder holds more than ${MOST_FOLDERS} folders: sync the whole drive (no \`folderId\`), or a smaller folder`;
  throw new PermanentError(message, { code: 'invalid_request', details: { most: MOST_FOLDERS } });
}

function pathOf(nodes: ReadonlyMap<string, FolderNode>, rootId: string, id: string): string {
  const names: string[] = [];
  const passed = new Set<string>();
  for (let at = nodes.get(id); at && at.id !== rootId && !passed.has(at.id); at = nodes.get(at.parentId ?? '')) {
    passed.add(at.id);
    names.unshift(at.name);
  }
  return names.join('/');
}
