/**
 * The folders that a listing has seen, for the cursor: a change names an item and its folder by their ids, and only with all folders known can be told
 * whether a folder is a new one or came from elsewhere, with children that are not named again, and whether an item is in the folder that is synced.
 */
import { createHash } from 'node:crypto';

export interface Folders {
  has(id: string): boolean;
  add(id: string): void;
  /** False: there are more than a cursor can hold, and nothing is known. */
  readonly known: boolean;
  toString(): string;
}

/** 48 bits of each: among ten thousand, one in 30 billion is taken for another. */
const KEY_LENGTH = 8;
/** 80 kB. */
const MOST_FOLDERS = 10_000;
const TOO_MANY = '*';

export function createFolders(stored = '', most = MOST_FOLDERS): Folders {
  const keys = new Set(stored === TOO_MANY ? [] : stored.match(new RegExp(`.{${KEY_LENGTH}}`, 'g')));
  let known = stored !== TOO_MANY;
  return {
    has: (id) => keys.has(folderKey(id)),
    add(id) {
      if (known) keys.add(folderKey(id));
      if (keys.size <= most) return;
      known = false;
      keys.clear();
    },
    get known() {
      return known;
    },
    toString: () => (known ? [...keys].join('') : TOO_MANY),
  };
}

export function folderKey(id: string): string {
  return createHash('sha256').update(id).digest('base64url').slice(0, KEY_LENGTH);
}
