/** Changes: where they begin, and what they are. */
import { type Call, json, type Reply, refuse } from '../http.ts';
import { pick } from './fields.ts';
import { badParameter, type Drives, describe, readPageSize } from './files.ts';
import type { Item, StoredDrive } from './store.ts';

/** My Drive, or the shared drive that is asked for. */
export function driveOf({ query }: Call, { own, shared }: Drives): StoredDrive | Reply {
  const driveId = query.get('driveId');
  if (driveId === null) return own;
  if (query.get('supportsAllDrives') !== 'true') return badParameter('supportsAllDrives');
  return shared.get(driveId) ?? refuse(404, { message: `Shared drive not found: ${driveId}`, reason: 'notFound', more: { location: 'driveId' } });
}

export function startToken(call: Call, drives: Drives): Reply {
  const drive = driveOf(call, drives);
  return 'status' in drive ? drive : json(200, { kind: 'drive#startPageToken', startPageToken: String(drive.change + 1) });
}

export function listChanges(call: Call, drives: Drives): Reply {
  const { query } = call;
  const drive = driveOf(call, drives);
  if ('status' in drive) return drive;
  if (drive.id !== null && query.get('includeItemsFromAllDrives') !== 'true') return badParameter('includeItemsFromAllDrives');
  const refusal = refusalOf(query.get('pageToken') ?? '', drive);
  if (refusal) return refusal;
  const found = entriesOf(drive, query);
  const size = readPageSize(query, drive);
  const changes = found.slice(0, size);
  const last = changes.at(-1);
  const more = found.length > size && last ? { nextPageToken: String(last.change + 1) } : { newStartPageToken: String(drive.change + 1) };
  const answer = { kind: 'drive#changeList', ...more, changes: changes.map(({ fileId, item }) => describeChange(fileId, item, drive)) };
  return json(200, pick(answer, query.get('fields'), 'kind,nextPageToken,newStartPageToken,changes(kind,changeType,time,removed,fileId,file)'));
}

export function refusalOf(token: string, { change, forgotten }: StoredDrive): Reply | undefined {
  if (!/^\d+$/.test(token) || Number(token) > change + 1) return badParameter('pageToken');
  if (Number(token) >= forgotten.before) return undefined;
  return forgotten.status === 400 ? badParameter('pageToken') : refuse(forgotten.status, { message: 'Not found', reason: 'notFound' });
}

interface Entry {
  change: number;
  fileId: string;
  item?: Item;
}

function entriesOf(drive: StoredDrive, query: URLSearchParams): Entry[] {
  const from = Number(query.get('pageToken'));
  const inside = query.get('restrictToMyDrive') === 'true' ? drive.isInside : () => true;
  const present: Entry[] = [...drive.items.values()].filter(inside).map((item) => ({ change: item.change, fileId: item.id, item }));
  const removed: Entry[] = [...drive.removed].map(([fileId, change]) => ({ change, fileId }));
  const all = query.get('includeRemoved') === 'false' ? present : [...present, ...removed];
  return all.filter(({ change }) => change >= from).sort((one, other) => one.change - other.change);
}

function describeChange(fileId: string, item: Item | undefined, drive: StoredDrive): Record<string, unknown> {
  const about = { kind: 'drive#change', type: 'file', changeType: 'file', fileId, ...(drive.id === null ? {} : { driveId: drive.id }) };
  return item ? { ...about, removed: false, file: describe(item, drive) } : { ...about, removed: true };
}
