/** Goes through the folders of a mailbox, some at a time, and gathers what they tell into pages. */
import { CursorLostError, type GoneItem, type SourceItem, type SourcePage } from '../contract.ts';
import type { Graph } from '../graph/contract.ts';
import { type FolderState, type OutlookCursor, readCursor, writeCursor } from './cursor.ts';
import { createDelta, findMessage, type Step } from './delta.ts';
import { type Folder, foldersOf } from './folders.ts';
import { type OutlookSettings, sinceOf } from './settings.ts';

/** Outlook lets no more calls on one mailbox through. */
export const AT_ONCE = 4;
/** What a page has at least, unless it is the last one: turning a page costs a write of the cursor, and most folders have little to tell. */
const PAGE_ITEMS = 250;

export interface WalkDeps {
  graph: Graph;
  settings: OutlookSettings;
}

export function createWalk({ graph, settings }: WalkDeps) {
  const step = createDelta({ graph, since: sinceOf(settings) });

  /** Until each folder has ended. The page that ends them all is complete. */
  async function* walk(state: OutlookCursor, open: FolderState[], places: ReadonlyMap<string, Folder>): AsyncGenerator<SourcePage> {
    const waiting = [...open];
    let upserts: SourceItem[] = [];
    let deletes: GoneItem[] = [];
    do {
      const steps = await Promise.all(waiting.splice(0, AT_ONCE).map((folder) => step(folder, placeOf(folder, places))));
      for (const one of steps) {
        upserts.push(...one.upserts);
        deletes.push(...one.deletes);
        replace(state, one.next);
      }
      waiting.unshift(...unended(steps));
      if (waiting.length > 0 && upserts.length + deletes.length < PAGE_ITEMS) continue;
      yield { upserts: await settled(upserts), deletes, nextCursor: writeCursor(state), complete: waiting.length === 0 };
      [upserts, deletes] = [[], []];
    } while (waiting.length > 0);
  }

  /** A mail that moved while both of its folders were asked is in either: the wrong one will say that it has left, the right one nothing more. */
  async function settled(items: readonly SourceItem[]): Promise<SourceItem[]> {
    const kept = [...Map.groupBy(items, ({ ref }) => ref)].map(async ([ref, same]) => {
      if (new Set(same.map(({ place }) => place)).size === 1) return same.slice(-1);
      const now = await findMessage(ref, graph);
      const here = same.filter(({ place }) => place === now?.parentFolderId);
      // Gone on, or gone: whichever folder is kept will say that it has left, and any other one that it has come.
      return (here.length > 0 ? here : same).slice(-1);
    });
    return (await Promise.all(kept)).flat();
  }

  /** Where a listing was cut off, the folders are those that it began with: others come with the changes. */
  async function* full(cursor: string | undefined): AsyncGenerator<SourcePage> {
    const state: OutlookCursor = cursor === undefined ? { folders: [], wellKnown: {} } : readCursor(cursor);
    const folders = await foldersOf(settings, state.wellKnown, graph);
    const places = new Map(folders.map((folder) => [folder.id, folder]));
    if (cursor === undefined) state.folders = folders.map(({ id }) => ({ id }));
    else if (state.folders.some(({ id }) => !places.has(id))) throw new CursorLostError('folder_left');
    yield* walk(
      state,
      state.folders.filter(({ listed }) => !listed),
      places,
    );
  }

  /** A folder that has come is listed. Of one that has left nobody tells which mails it had: the mailbox is listed anew. */
  async function* changes(cursor: string): AsyncGenerator<SourcePage> {
    const state = readCursor(cursor);
    const folders = await foldersOf(settings, state.wellKnown, graph);
    const places = new Map(folders.map((folder) => [folder.id, folder]));
    if (state.folders.some(({ id }) => !places.has(id))) throw new CursorLostError('folder_left');
    const known = new Set(state.folders.map(({ id }) => id));
    state.folders.push(...folders.filter(({ id }) => !known.has(id)).map(({ id }) => ({ id })));
    yield* walk(state, state.folders, places);
  }

  return { full, changes };
}

function placeOf({ id }: FolderState, places: ReadonlyMap<string, Folder>): Folder {
  return places.get(id) ?? { id, path: '' };
}

function replace({ folders }: OutlookCursor, next: FolderState): void {
  const at = folders.findIndex(({ id }) => id === next.id);
  if (at >= 0) folders[at] = next;
}

const unended = (steps: readonly Step[]): FolderState[] => steps.filter(({ ended }) => !ended).map(({ next }) => next);
