/**
 * What changes of a drive mean for what is synced of it. Graph names an item that was moved, but not what is in it: a folder that comes from elsewhere,
 * goes elsewhere or is deleted can only be told by a new listing.
 */
import { CursorLostError, type GoneItem } from '../contract.ts';
import { type Folders, folderKey } from './folders.ts';
import { type DriveItem, holdsItems, isFolder } from './item.ts';
import type { Place } from './place.ts';

export interface Change {
  upserts: DriveItem[];
  deletes: GoneItem[];
}

interface Sorter {
  /** Of one page; an item that comes twice is as it came last. Throws `CursorLostError`. */
  sort(items: readonly DriveItem[]): Change;
  /** After the last page. Throws `CursorLostError` where a folder is new, and some of what is in it was not told: it was moved, restored or copied. */
  end(): void;
  /** For the cursor. */
  readonly awaited: Record<string, number>;
}

export function createSorter({ folder: scope }: Place, folders: Folders, stored: Record<string, number> = {}): Sorter {
  const awaited = new Map(Object.entries(stored));
  const told = new Set<string>();

  function inScope(item: DriveItem): boolean {
    if (scope === null || item.id === scope) return true;
    const parent = item.parentReference?.id;
    return parent !== undefined && folders.has(parent);
  }

  /** Also of those that were known before: then nothing is awaited. */
  function countChild({ id, parentReference }: DriveItem): void {
    const key = parentReference?.id === undefined ? undefined : folderKey(parentReference.id);
    const left = key === undefined ? undefined : awaited.get(key);
    if (key === undefined || left === undefined || told.has(id)) return;
    told.add(id);
    awaited.set(key, left - 1);
  }

  function seeFolder(item: DriveItem): void {
    const known = folders.has(item.id);
    if (!inScope(item)) {
      if (known) throw new CursorLostError('folder_moved');
      return;
    }
    if (known || !folders.known) return;
    folders.add(item.id);
    if (isFolder(item)) awaited.set(folderKey(item.id), item.folder?.childCount ?? Number.MAX_SAFE_INTEGER);
  }

  function seeDeleted(item: DriveItem): GoneItem {
    // What was in it is told by some drives, and not by others.
    if (folders.has(item.id) || (!folders.known && item.folder)) throw new CursorLostError('folder_deleted');
    return { ref: item.id };
  }

  function sort(items: readonly DriveItem[]): Change {
    // Without what is in the folder nothing can be said of changes anywhere else in the drive.
    if (scope !== null && !folders.known) throw new CursorLostError('too_many_folders');
    const change: Change = { upserts: [], deletes: [] };
    for (const item of lastOfEach(items)) {
      // Its id says nothing of what is in the folder that is synced.
      if (item.root) continue;
      if (item.deleted) change.deletes.push(seeDeleted(item));
      else {
        countChild(item);
        if (holdsItems(item)) seeFolder(item);
        if (isFolder(item)) continue;
        if (inScope(item)) change.upserts.push(item);
        else change.deletes.push({ ref: item.id });
      }
    }
    return change;
  }

  return {
    sort,
    end() {
      if ([...awaited.values()].some((left) => left > 0)) throw new CursorLostError('folder_moved');
    },
    get awaited() {
      return Object.fromEntries([...awaited].filter(([, left]) => left > 0));
    },
  };
}

export function lastOfEach(items: readonly DriveItem[]): DriveItem[] {
  const last = new Map<string, DriveItem>();
  for (const item of items) last.set(item.id, item);
  return [...last.values()];
}
