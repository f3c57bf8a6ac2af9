/** Drives and their items, as Graph tells them. */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { ancestorsOf, cTagOf, type Drive, eTagOf, type Item, sizeOf } from './drive.ts';
import { guidOf } from './ids.ts';

/** What `$select` may name. */
export const ITEM_PROPERTIES: ReadonlySet<string> = new Set([
  ...[
    'id',
    'name',
    'size',
    'cTag',
    'eTag',
    'webUrl',
    'webDavUrl',
    'description',
    'createdBy',
    'createdDateTime',
    'lastModifiedBy',
    'lastModifiedDateTime',
  ],
  ...['file', 'folder', 'root', 'deleted', 'parentReference', 'fileSystemInfo', 'package', 'shared', 'specialFolder', 'remoteItem', 'sharepointIds'],
  ...['audio', 'image', 'photo', 'video', 'location', 'malware', 'bundle', 'searchResult', 'publication', 'pendingOperations', 'content.downloadUrl'],
  '@microsoft.graph.downloadUrl',
]);

export const iso = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;

export interface ItemView {
  drive: Drive;
  /** With `cTag` and the parent's path; the documentation says that delta leaves both out. */
  isWhole: boolean;
  downloadUrl(item: Item): string;
}

export function itemJson(item: Item, { drive, isWhole, downloadUrl }: ItemView): Record<string, unknown> {
  const person = { user: { displayName: 'System Account' } };
  return {
    ...(item.file && !drive.withoutDownloadUrls ? { '@microsoft.graph.downloadUrl': downloadUrl(item) } : {}),
    createdBy: person,
    createdDateTime: iso(item.createdAt),
    eTag: eTagOf(item),
    id: item.id,
    lastModifiedBy: person,
    lastModifiedDateTime: iso(item.modifiedAt),
    name: item.name,
    parentReference: parentReference(drive, item, isWhole),
    webUrl: webUrlOf(drive, item),
    ...(!isWhole || !item.file ? {} : { cTag: cTagOf(item) }),
    fileSystemInfo: { createdDateTime: iso(item.createdAt), lastModifiedDateTime: iso(item.modifiedAt) },
    ...facetOf(item),
    size: sizeOf(item),
  };
}

function facetOf(item: Item): object {
  if (item.file) return { file: { mimeType: item.file.mimeType, hashes: { quickXorHash: item.file.content.hash() } } };
  const folder = { folder: { childCount: item.children.size } };
  return item.parent ? folder : { ...folder, root: {} };
}

function parentReference(drive: Drive, item: Item, withPath: boolean): object {
  const site = drive.siteId === undefined ? {} : { siteId: drive.siteId.split(',')[1] };
  const about = { driveType: drive.driveType, driveId: drive.id, ...site };
  if (!item.parent) return about;
  return { ...about, id: item.parent.id, name: item.parent.name, ...(withPath ? { path: `/drives/${drive.id}/root:${pathOf(item.parent)}` } : {}) };
}

/** `/a/b%20c`; empty for the root. */
function pathOf(item: Item): string {
  const below = [item, ...ancestorsOf(item)].filter(({ parent }) => parent).reverse();
  return below.map(({ name }) => `/${encodeURIComponent(name)}`).join('');
}

const webUrlOf = (drive: Drive, item: Item): string => `${drive.webUrl}${pathOf(item)}`;

/** In OneDrive for Business neither `cTag` nor `name` are told. */
export function deletedJson(item: Item, drive: Drive): Record<string, unknown> {
  const about = { driveType: drive.driveType, driveId: drive.id };
  return {
    id: item.id,
    size: 0,
    ...(item.file ? {} : { folder: {} }),
    parentReference: item.parent ? { ...about, id: item.parent.id } : about,
    deleted: { state: 'deleted' },
  };
}

export function driveJson(drive: Drive): Record<string, unknown> {
  const owner =
    drive.owner === undefined ? { group: { displayName: drive.name } } : { user: { email: drive.owner, id: guidOf('user', drive.owner) } };
  return {
    id: drive.id,
    name: drive.name,
    driveType: drive.driveType,
    webUrl: drive.webUrl,
    owner,
    quota: { state: 'normal', used: sizeOf(drive.root) },
  };
}

const DOWNLOAD_KEY = randomBytes(32).toString('hex');

const signatureOf = (path: string, expires: string): string =>
  hash(
    'sha256',
    `${DOWNLOAD_KEY}
${path}
${expires}
${DOWNLOAD_KEY}`,
    'base64url',
  );

/** Query that allows one file until `expiresAt`, in milliseconds since the epoch. */
export function signDownload(path: string, expiresAt: number): string {
  const expires = String(expiresAt);
  return new URLSearchParams({ expires, tempauth: `v1.${signatureOf(path, expires)}` }).toString();
}

export function isSigned(path: string, query: URLSearchParams, now: number): boolean {
  const expires = query.get('expires') ?? '';
  const given = Buffer.from(query.get('tempauth') ?? '');
  const right = Buffer.from(`v1.${signatureOf(path, expires)}`);
  return given.length === right.length && timingSafeEqual(given, right) && now < Number(expires);
}
