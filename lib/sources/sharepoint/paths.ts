import type { DriveItem } from './item.ts';

/** Where things are, for people. Delta seldom tells it; but it names the folders, those of a changed file included. */
export interface Paths {
  see(folder: DriveItem): void;
  /** Of the folder that the item is in, such as `Contracts/2026`; null where that is not known. */
  of(item: DriveItem): string | null;
}

const DEEPEST = 100;

/** `scope`: the folder that is synced, and where it is. */
export function createPaths(scope?: { id: string; path: string }): Paths {
  const folders = new Map<string, { name: string; parent: string | undefined }>();

  function pathOf(id: string | undefined): string | null {
    const names: string[] = [];
    for (let current = id; names.length < DEEPEST; ) {
      if (current !== undefined && current === scope?.id) return [scope.path, ...names.reverse()].join('/');
      const folder = current === undefined ? undefined : folders.get(current);
      if (!folder) return null;
      // The root.
      if (folder.parent === undefined) return names.reverse().join('/') || null;
      names.push(folder.name);
      current = folder.parent;
    }
    return null;
  }

  return {
    see: ({ id, name = '', root, parentReference }) => folders.set(id, { name, parent: root ? undefined : parentReference?.id }),
    of: ({ parentReference: parent }) => toldPath(parent?.path) ?? pathOf(parent?.id),
  };
}

/** From `/drives/<id>/root:/Contracts/2026`. */
function toldPath(path: string | undefined): string | undefined {
  const inside = path?.split('root:/')[1];
  if (!inside) return undefined;
  try {
    return decodeURIComponent(inside);
  } catch {
    return inside;
  }
}
