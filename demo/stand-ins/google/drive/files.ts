/** Files: get, list, download, export. */
import { type Call, json, type Reply, refuse } from '../http.ts';
import type { Content } from './content.ts';
import { pick } from './fields.ts';
import { parseQuery } from './query.ts';
import { FOLDER, type Item, type StoredDrive } from './store.ts';

/** Of one account: My Drive, and the shared drives. */
export interface Drives {
  own: StoredDrive;
  shared: ReadonlyMap<string, StoredDrive>;
}

const fileNotFound = (id: string): Reply =>
  refuse(404, { message: `File not found: ${id}.`, reason: 'notFound', more: { locationType: 'parameter', location: 'fileId' } });

export const badParameter = (location: string): Reply =>
  refuse(400, { message: 'Invalid Value', reason: 'invalid', more: { locationType: 'parameter', location } });

const FILE_DEFAULT = 'kind,id,name,mimeType';
const MOST_EXPORTED = 10 * 1_048_576;

export function getFile({ query }: Call, drives: Drives, [id = '']: readonly string[]): Reply {
  const found = find(drives, id, query.get('supportsAllDrives') === 'true');
  if (!found) return fileNotFound(id);
  if (query.get('alt') === 'media') return download(found.item, query.get('acknowledgeAbuse') === 'true');
  return json(200, pick(found.item ? describe(found.item, found.drive) : describeRoot(found.drive), query.get('fields'), FILE_DEFAULT));
}

/** Without an item: the root of the drive. */
function find({ own, shared }: Drives, id: string, all: boolean): { drive: StoredDrive; item: Item | undefined } | undefined {
  for (const drive of [own, ...(all ? shared.values() : [])]) {
    const item = drive.get(id);
    if (item || id === drive.rootId || (id === 'root' && drive === own)) return { drive, item };
  }
  return undefined;
}

function download(item: Item | undefined, acknowledged: boolean): Reply {
  if (!item?.content) {
    const message = 'Only files with binary content can be downloaded. Use Export with Docs Editors files.';
    return refuse(403, { message, reason: 'fileNotDownloadable', more: { locationType: 'parameter', location: 'alt' } });
  }
  if (item.refused !== null && !(acknowledged && item.refused === 'cannotDownloadAbusiveFile')) return refusedFile(item.refused);
  return sent(item.content, item.mimeType);
}

export function exportFile({ query }: Call, drives: Drives, [id = '']: readonly string[]): Reply {
  const item = find(drives, id, true)?.item;
  if (!item) return fileNotFound(id);
  if (item.content) return refuse(403, { message: 'Export only supports Docs Editors files.', reason: 'fileNotExportable' });
  if (item.refused !== null) return refusedFile(item.refused);
  const type = query.get('mimeType') ?? '';
  const content = item.exports.get(type);
  if (!content) return refuse(400, { message: 'The requested conversion is not supported.', reason: 'badRequest' });
  if (content.length > MOST_EXPORTED) return refuse(403, { message: 'This file is too large to be exported.', reason: 'exportSizeLimitExceeded' });
  return sent(content, type);
}

const refusedFile = (reason: string): Reply => refuse(403, { message: `The file may not be downloaded: ${reason}`, reason });

function sent(content: Content, mimeType: string): Reply {
  return { status: 200, headers: { 'content-type': mimeType }, body: '', content };
}

export function listFiles({ query }: Call, { own, shared }: Drives): Reply {
  const driveId = query.get('driveId');
  const corpora = query.get('corpora') ?? 'user';
  const withAll = query.get('includeItemsFromAllDrives') === 'true' && query.get('supportsAllDrives') === 'true';
  if ((corpora === 'drive') !== (driveId !== null) || (driveId !== null && !withAll) || !['user', 'drive'].includes(corpora)) {
    return refuse(403, { message: 'The specified corpora and driveId do not go together.', reason: 'teamDrivesParentLimit' });
  }
  const drive = driveId === null ? own : shared.get(driveId);
  if (!drive) return refuse(404, { message: `Shared drive not found: ${driveId}`, reason: 'notFound', more: { location: 'driveId' } });
  const test = parseQuery(query.get('q') ?? '', drive);
  const page = readPage(query, drive);
  if (!test) return badParameter('q');
  if (!page) return badParameter('pageToken');
  const found = [...drive.items.values()].filter((item) => item.order > page.after && test(item));
  const files = found.slice(0, page.size);
  const last = files.at(-1);
  const nextPageToken = found.length > page.size && last ? { nextPageToken: pageToken(drive, last) } : {};
  const answer = { kind: 'drive#fileList', ...nextPageToken, incompleteSearch: false, files: files.map((item) => describe(item, drive)) };
  return json(200, pick(answer, query.get('fields'), `kind,nextPageToken,incompleteSearch,files(${FILE_DEFAULT})`));
}

/** Undefined for a token that is not valid any more. Sizes out of range are brought within it. */
function readPage(query: URLSearchParams, drive: StoredDrive): { after: number; size: number } | undefined {
  const size = readPageSize(query, drive);
  const token = query.get('pageToken');
  if (token === null) return { after: 0, size };
  const [, pages, after] = /^(\d+):(\d+)$/.exec(Buffer.from(token, 'base64url').toString()) ?? [];
  return pages !== undefined && Number(pages) === drive.pages ? { after: Number(after), size } : undefined;
}

export function readPageSize(query: URLSearchParams, drive: StoredDrive): number {
  return Math.min(1_000, drive.pageSize, Math.max(1, Number(query.get('pageSize') ?? 100) || 100));
}

const pageToken = ({ pages }: StoredDrive, { order }: Item): string => Buffer.from(`${pages}:${order}`).toString('base64url');

export function describe(item: Item, drive: StoredDrive): Record<string, unknown> {
  const { id, name, mimeType, parentId, content, targetId } = item;
  const isOwn = parentId !== null && drive.id === null;
  return {
    kind: 'drive#file',
    id,
    name,
    mimeType,
    ...(parentId === null ? {} : { parents: [parentId] }),
    trashed: drive.isTrashed(item),
    explicitlyTrashed: item.trashed,
    ...(drive.id === null ? { ownedByMe: isOwn } : { driveId: drive.id, teamDriveId: drive.id }),
    ...(content ? { md5Checksum: content.md5, size: String(content.length), headRevisionId: `0B${id.slice(1, 12)}${item.revision}` } : {}),
    // Of Google's own documents it is the room they take, whatever the exports have.
    ...(item.exports.size > 0 ? { size: '1024' } : {}),
    ...(targetId === undefined ? {} : { shortcutDetails: { targetId } }),
    createdTime: new Date(item.createdAt).toISOString(),
    modifiedTime: new Date(item.modifiedAt).toISOString(),
    version: String(item.change),
    webViewLink: mimeType === FOLDER ? `https://drive.google.com/drive/folders/${id}` : `https://drive.google.com/file/d/${id}/view?usp=drivesdk`,
    capabilities: { canDownload: mimeType !== FOLDER && item.refused === null },
  };
}

function describeRoot({ rootId, id, name }: StoredDrive): Record<string, unknown> {
  const drive = id === null ? { ownedByMe: true } : { driveId: id, teamDriveId: id };
  return { kind: 'drive#file', id: rootId, name, mimeType: FOLDER, trashed: false, explicitlyTrashed: false, ...drive };
}
