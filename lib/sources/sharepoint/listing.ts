/** Listings and changes of a drive, page by page. */
import { PermanentError } from '../../errors.ts';
import { refusalOf } from '../../provider-failure.ts';
import { CursorLostError, type LeftOut, type SourceItem, type SourcePage } from '../contract.ts';
import type { Graph } from '../graph/contract.ts';
import { createSorter, lastOfEach } from './changes.ts';
import { type Cursor, readCursor, writeCursor } from './cursor.ts';
import { createFolders, type Folders } from './folders.ts';
import { type DriveItem, FIELDS, holdsItems, isFolder, PAGE_SIZE, reasonToLeaveOut, sourceItemOf } from './item.ts';
import { createPaths, type Paths } from './paths.ts';
import type { Place } from './place.ts';

interface DeltaPage {
  value: DriveItem[];
  '@odata.nextLink'?: string;
  '@odata.deltaLink'?: string;
}

interface ListingDeps {
  graph: Graph;
  /** Asks Graph. */
  find(): Promise<Place>;
  /** As the settings name it. */
  folderPath: string | undefined;
  /** Tells from which drive the pages come. */
  onPlace(place: Place): void;
  /** The drive is not there. */
  gone(): Error;
}

const QUERY = `$select=${FIELDS}&$top=${PAGE_SIZE}`;

/** The folder that is synced is one of them, whether or not it is told. */
function foldersOf({ folder }: Place): Folders {
  const folders = createFolders();
  if (folder !== null) folders.add(folder);
  return folders;
}

export function createListing({ graph, find, folderPath, onPlace, gone }: ListingDeps) {
  const pathsIn = (folder: string | null): Paths =>
    createPaths(folder === null || folderPath === undefined ? undefined : { id: folder, path: folderPath });

  async function read(link: string, { stored }: { stored: boolean }): Promise<DeltaPage> {
    try {
      return await graph.get<DeltaPage>(link, { method: 'drive delta' });
    } catch (error) {
      throw lost(error, stored) ?? error;
    }
  }

  /** What changes before or while the listing is made, deletes above all, is told by this afterwards: a listing alone does not say what went while it was made. */
  async function begin(): Promise<Cursor> {
    const at = await find();
    const latest = await graph.find<DeltaPage>(`${at.drive}/root/delta?token=latest&${QUERY}`, { method: 'drive delta' });
    const since = latest?.['@odata.deltaLink'];
    if (!latest) throw gone();
    if (since === undefined) throw unusable();
    const top = at.folder === null ? 'root' : `items/${encodeURIComponent(at.folder)}`;
    return { v: 1, of: 'full', ...at, link: `${at.drive}/${top}/delta?${QUERY}`, since, folders: String(foldersOf(at)) };
  }

  async function* full(text?: string): AsyncGenerator<SourcePage> {
    const cursor = text === undefined ? await begin() : readCursor(text, 'full');
    onPlace(cursor);
    const { drive, folder, since } = cursor;
    if (since === undefined) throw new CursorLostError('cursor_unreadable');
    const folders = createFolders(cursor.folders);
    const paths = pathsIn(folder);
    let { link } = cursor;
    for (let stored = text !== undefined; ; stored = false) {
      const page = await read(link, { stored });
      for (const id of foldersIn(page.value, folder)) folders.add(id);
      const found = lastOfEach(page.value).filter((item) => !item.deleted && !item.root && !isFolder(item));
      const next = page['@odata.nextLink'];
      const nextCursor = next
        ? writeCursor({ of: 'full', drive, folder, link: next, since, folders: String(folders) })
        : writeCursor({ of: 'changes', drive, folder, link: since, folders: String(folders) });
      yield { ...split(found, page, paths), deletes: [], nextCursor, complete: next === undefined };
      if (next === undefined) return;
      link = next;
    }
  }

  async function* changes(text: string): AsyncGenerator<SourcePage> {
    const cursor = readCursor(text, 'changes');
    onPlace(cursor);
    const { drive, folder } = cursor;
    const folders: Folders = createFolders(cursor.folders);
    const sorter = createSorter({ drive, folder }, folders, cursor.awaited);
    const paths = pathsIn(folder);
    let { link } = cursor;
    for (let stored = true; ; stored = false) {
      const page = await read(link, { stored });
      const { upserts, deletes } = sorter.sort(page.value);
      const next = page['@odata.nextLink'];
      const following = next ?? page['@odata.deltaLink'];
      if (following === undefined) throw unusable();
      if (next === undefined) sorter.end();
      const nextCursor = writeCursor({ of: 'changes', drive, folder, link: following, folders: String(folders), awaited: sorter.awaited });
      yield { ...split(upserts, page, paths), deletes, nextCursor, complete: next === undefined };
      if (next === undefined) return;
      link = next;
    }
  }

  return { full, changes };
}

/** Without those that the folder which is synced is in itself, should they be told: what else is in them is not synced. */
function foldersIn(items: readonly DriveItem[], scope: string | null): string[] {
  const all = new Map(items.filter((item) => holdsItems(item) && !item.root && !item.deleted).map((item) => [item.id, item]));
  for (let above = scope === null ? undefined : all.get(scope)?.parentReference?.id; above !== undefined; ) {
    const parent = all.get(above)?.parentReference?.id;
    all.delete(above);
    above = parent;
  }
  return [...all.keys()];
}

function split(items: readonly DriveItem[], page: DeltaPage, paths: Paths): { upserts: SourceItem[]; leftOut: LeftOut[] } {
  for (const item of page.value) if (holdsItems(item) || item.root) paths.see(item);
  const upserts: SourceItem[] = [];
  const leftOut: LeftOut[] = [];
  for (const item of items) {
    const reason = reasonToLeaveOut(item);
    const listed = sourceItemOf(item, paths.of(item));
    if (reason === undefined) upserts.push(listed);
    else leftOut.push({ item: listed, reason });
  }
  return { upserts, leftOut };
}

/** Undefined: the cursor is good still. A link that was kept may be refused for what it was made with, too. */
function lost(error: unknown, stored: boolean): CursorLostError | undefined {
  if (stored && error instanceof PermanentError && error.code === 'foreign_link') return new CursorLostError('foreign_link');
  const refusal = refusalOf(error);
  if (!refusal) return undefined;
  const { status, reason } = refusal;
  const forgotten = status === 410 || status === 404 || /resync|syncstate/i.test(reason) || (stored && status === 400);
  return forgotten ? new CursorLostError(reason) : undefined;
}

function unusable(): PermanentError {
  return new PermanentError('SharePoint ended a listing without a word of how to go on', { code: 'invalid_answer' });
}
