/**
 * What has happened since. Drive's list of changes names each file once, as it is now, and says of a folder that moved or went nothing about what
 * is in it: a folder that comes into the source is listed, one that leaves it means that everything is listed anew.
 */
import { CursorLostError, type SourcePage } from '../contract.ts';
import { type ChangesCursor, readChangesCursor, writeCursor } from './cursor.ts';
import { lostOr } from './failure.ts';
import { createFolders, type Folders, refuseTooMany } from './folders.ts';
import { isFolder } from './item.ts';
import { childrenOf, type ListingDeps, sorted, withFolders } from './listing.ts';
import type { Corpus, DriveChange, DriveFile, DriveMethods } from './methods.ts';

/** Calls for what is in folders that came; a new listing, which goes page by page, is for more. */
const MOST_ARRIVAL_CALLS = 20;

export async function* listChanges(cursor: string, { methods, exports }: Omit<ListingDeps, 'settings'>): AsyncGenerator<SourcePage> {
  const { folders: packed, ...state } = readChangesCursor(cursor);
  const folders = packed && createFolders(packed);
  // With folders it is they who tell what belongs to the source.
  const corpus: Corpus = { driveId: state.driveId, myDriveAlone: !folders };
  for (;;) {
    const answer = await methods.changes(corpus, state.token).catch((error: unknown) => {
      throw lostOr(error);
    });
    const found = folders ? await followTree(answer.changes, folders, { methods, corpus, state }) : followDrive(answer.changes, state);
    const complete = 'start' in answer;
    state.token = complete ? answer.start : answer.next;
    const nextCursor = writeCursor(folders ? withFolders(state, folders) : state);
    yield { ...sorted(found.here, folders, exports), deletes: found.gone.map((ref) => ({ ref })), nextCursor, complete };
    if (complete) return;
  }
}

interface Found {
  here: DriveFile[];
  /** Ids of what is not in the source; most of them may never have been. */
  gone: string[];
}

interface FollowDeps {
  methods: DriveMethods;
  corpus: Corpus;
  state: ChangesCursor;
}

async function followTree(changes: readonly DriveChange[], folders: Folders, deps: FollowDeps): Promise<Found> {
  const latest = latestOf(changes, deps.state);
  const arrived = moveFolders(latest, folders);
  const inside = (file: DriveFile): boolean => !file.trashed && (file.parents?.some(folders.has) ?? false);
  // What is in them now is younger than what the changes tell.
  const contents = await listArrived(arrived, folders, deps);
  if (!deps.state.whole) refuseTooMany(folders);
  return split(new Map([...latest, ...contents]), inside);
}

/** Of a drive with more folders than are kept: all that its changes name is in it. */
function followDrive(changes: readonly DriveChange[], state: ChangesCursor): Found {
  const latest = latestOf(changes, state);
  if ([...latest.values()].some((file) => file && isFolder(file))) throw new CursorLostError('folder_changed');
  return split(latest, (file) => !file.trashed && (state.driveId === undefined || file.driveId === state.driveId));
}

/** By id; undefined: removed. The last word on each counts. */
function latestOf(changes: readonly DriveChange[], { driveId }: ChangesCursor): Map<string, DriveFile | undefined> {
  const latest = new Map<string, DriveFile | undefined>();
  for (const { changeType, removed, fileId, file, driveId: changedDrive } of changes) {
    if (changeType === 'drive' && removed && driveId !== undefined && changedDrive === driveId) throw new CursorLostError('drive_gone');
    if (!fileId || (!removed && !file)) continue;
    latest.delete(fileId);
    latest.set(fileId, removed ? undefined : file);
  }
  return latest;
}

/** Brings the tree up to date. Answers the folders that are new in it. */
function moveFolders(latest: ReadonlyMap<string, DriveFile | undefined>, folders: Folders): string[] {
  const moved: [string, DriveFile][] = [];
  for (const [id, file] of latest) {
    const isGone = !file || file.trashed;
    if (isGone && folders.has(id)) throw new CursorLostError(id === folders.rootId ? 'root_gone' : 'folder_gone');
    if (!isGone && isFolder(file) && id !== folders.rootId) moved.push([id, file]);
  }
  // One that is named before the folder it is in comes with that folder's contents.
  const arrived = moved.filter(([id, file]) => !folders.has(id) && place(id, file, folders)).map(([id]) => id);
  for (const [id, file] of moved) if (folders.has(id) && !place(id, file, folders)) throw new CursorLostError('folder_moved');
  return arrived;
}

/** False where it is outside. */
function place(id: string, { name, parents }: DriveFile, folders: Folders): boolean {
  const parentId = parents?.find(folders.has);
  if (parentId !== undefined) folders.set({ id, name: name ?? '', parentId });
  return parentId !== undefined;
}

/** What is in folders that are new in the source: made, restored, or moved into it with all that they hold. */
async function listArrived(arrived: readonly string[], folders: Folders, { methods, corpus }: FollowDeps): Promise<Map<string, DriveFile>> {
  const contents = new Map<string, DriveFile>();
  const open = [...arrived];
  let calls = 0;
  for (let id = open.shift(); id !== undefined; id = open.shift()) {
    let page: string | undefined;
    do {
      calls += 1;
      if (calls > MOST_ARRIVAL_CALLS) throw new CursorLostError('folder_moved');
      const { files, next } = await methods.list(corpus, childrenOf([id]), page).catch((error: unknown) => {
        throw lostOr(error);
      });
      for (const file of files) {
        if (!file.id) continue;
        contents.set(file.id, file);
        const isNew = isFolder(file) && !folders.has(file.id);
        if (isFolder(file) && place(file.id, file, folders) && isNew) open.push(file.id);
      }
      page = next;
    } while (page !== undefined);
  }
  return contents;
}

function split(latest: ReadonlyMap<string, DriveFile | undefined>, isInside: (file: DriveFile) => boolean): Found {
  const found: Found = { here: [], gone: [] };
  for (const [id, file] of latest) {
    if (file && isInside(file)) found.here.push(file);
    else found.gone.push(id);
  }
  return found;
}
