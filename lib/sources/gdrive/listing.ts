/**
 * All there is. A whole drive: first its folders, then its files, each 1,000 at a time. A folder: level by level, many parents in one query.
 * Changes are asked for from before the listing, so that nothing that happens meanwhile is missed.
 */
import type { SourcePage } from '../contract.ts';
import { type ChangesCursor, readTree, readWhole, type TreeCursor, writeCursor } from './cursor.ts';
import { lostOr } from './failure.ts';
import { createFolders, type FolderNode, type Folders, MOST_FOLDERS, refuseTooMany, treeOf } from './folders.ts';
import { type Exports, FOLDER_TYPE, isFolder, readFile } from './item.ts';
import type { Corpus, DriveFile, DriveMethods } from './methods.ts';
import { findScope, type Scope } from './scope.ts';
import type { DriveSettings } from './settings.ts';

export interface ListingDeps {
  methods: DriveMethods;
  settings: DriveSettings;
  exports: Exports;
}

/** Parents in one query: a longer one would not fit into an address. */
const MOST_PARENTS = 50;

export async function* listAll(cursor: string | undefined, deps: ListingDeps): AsyncGenerator<SourcePage> {
  const scope = await findScope(deps.methods, deps.settings);
  if (scope.whole) yield* listWhole(scope, cursor, deps);
  else yield* listTree(scope, cursor, deps);
}

async function* listWhole(scope: Scope, cursor: string | undefined, { methods, exports }: ListingDeps): AsyncGenerator<SourcePage> {
  const corpus: Corpus = { driveId: scope.driveId };
  const resumed = cursor === undefined ? undefined : readWhole(cursor);
  const start = resumed?.start ?? (await methods.startToken(corpus));
  const folders = treeOf(scope.rootId, await listFolders(methods, corpus));
  for (let page = resumed?.page; ; ) {
    const { files, next } = await ask(methods, corpus, `mimeType != '${FOLDER_TYPE}' and trashed = false`, page);
    // What others share with the user is in no folder of the drive.
    const inside = files.filter(({ parents }) => parents?.some(folders.has));
    const nextCursor = next === undefined ? endOf(scope, start, folders) : writeCursor({ kind: 'whole', start, page: next });
    yield { ...sorted(inside, folders, exports), nextCursor, complete: next === undefined };
    if (next === undefined) return;
    page = next;
  }
}

async function listFolders(methods: DriveMethods, corpus: Corpus): Promise<FolderNode[]> {
  const found: FolderNode[] = [];
  let page: string | undefined;
  do {
    const { files, next } = await ask(methods, corpus, `mimeType = '${FOLDER_TYPE}' and trashed = false`, page);
    for (const { id, name, parents } of files) if (id) found.push({ id, name: name ?? '', parentId: parents?.[0] });
    page = next;
  } while (page !== undefined);
  return found;
}

async function* listTree(scope: Scope, cursor: string | undefined, { methods, exports }: ListingDeps): AsyncGenerator<SourcePage> {
  const corpus: Corpus = { driveId: scope.driveId };
  const state = cursor === undefined ? await beginTree(scope, methods, corpus) : readTree(cursor);
  const folders = createFolders(state.folders);
  for (;;) {
    const group = state.group ?? nextGroup(state, folders);
    const parents = group.places.map((place) => folders.at(place) ?? '');
    const { files, next } = await ask(methods, corpus, childrenOf(parents), group.page);
    for (const file of files) noteFolder(file, folders);
    refuseTooMany(folders);
    const seen = seenOf(group, parents, files);
    if (next !== undefined) state.group = { places: group.places, seen, page: next };
    else {
      delete state.group;
      // Google is known to leave whole folders out of the answer to a query for several: those of which nothing came are asked for by themselves.
      if (group.places.length > 1) state.alone.push(...group.places.filter((place) => !seen.includes(place)));
    }
    const complete = next === undefined && state.alone.length === 0 && state.next >= folders.size;
    const nextCursor = complete ? endOf(scope, state.start, folders) : writeCursor({ ...state, folders: folders.pack() });
    yield { ...sorted(files, folders, exports), nextCursor, complete };
    if (complete) return;
  }
}

async function beginTree({ rootId }: Scope, methods: DriveMethods, corpus: Corpus): Promise<TreeCursor> {
  return { kind: 'tree', start: await methods.startToken(corpus), folders: [[rootId, '', -1]], next: 0, alone: [] };
}

interface Group {
  places: number[];
  /** Of which something came. */
  seen: number[];
  page?: string | undefined;
}

function nextGroup(state: TreeCursor, folders: Folders): Group {
  const alone = state.alone.shift();
  if (alone !== undefined) return { places: [alone], seen: [] };
  const end = Math.min(folders.size, state.next + MOST_PARENTS);
  const places = Array.from({ length: end - state.next }, (_, index) => state.next + index);
  state.next = end;
  return { places, seen: [] };
}

function seenOf({ places, seen }: Group, parents: readonly string[], files: readonly DriveFile[]): number[] {
  const came = new Set(files.flatMap((file) => file.parents ?? []));
  return places.filter((place, index) => seen.includes(place) || came.has(parents[index] ?? ''));
}

function noteFolder(file: DriveFile, folders: Folders): void {
  const parentId = file.parents?.find(folders.has);
  if (isFolder(file) && file.id && parentId !== undefined && file.id !== folders.rootId)
    folders.set({ id: file.id, name: file.name ?? '', parentId });
}

export function childrenOf(parents: readonly string[]): string {
  const isChild = parents.map((id) => `'${id}' in parents`).join(' or ');
  return `${parents.length > 1 ? `(${isChild})` : isChild} and trashed = false`;
}

function ask(methods: DriveMethods, corpus: Corpus, query: string, page: string | undefined) {
  return methods.list(corpus, query, page).catch((error: unknown) => {
    throw lostOr(error);
  });
}

/** Items apart from what is left out. */
export function sorted(
  files: readonly DriveFile[],
  folders: Folders | undefined,
  exports: Exports,
): Required<Pick<SourcePage, 'upserts' | 'deletes' | 'leftOut'>> {
  const read = files.map((file) => readFile(file, { exports, folders })).filter((one) => one !== undefined);
  return {
    upserts: read.flatMap((one) => ('item' in one ? one.item : [])),
    deletes: [],
    leftOut: read.flatMap((one) => ('leftOut' in one ? one.leftOut : [])),
  };
}

/** Where changes go on after a listing. */
function endOf({ driveId, whole }: Scope, token: string, folders: Folders): string {
  return writeCursor(withFolders({ kind: 'changes', token, driveId, whole }, folders));
}

export function withFolders(cursor: ChangesCursor, folders: Folders): ChangesCursor {
  return folders.size <= MOST_FOLDERS ? { ...cursor, folders: folders.pack() } : cursor;
}
