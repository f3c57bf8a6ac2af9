/** What a page of Graph says of a file or folder. */
import type { LeftOut, SourceItem } from '../contract.ts';

export interface DriveItem {
  id: string;
  name?: string;
  size?: number;
  cTag?: string;
  eTag?: string;
  webUrl?: string;
  lastModifiedDateTime?: string;
  parentReference?: { id?: string; path?: string };
  file?: { mimeType?: string; hashes?: { quickXorHash?: string; sha256Hash?: string; sha1Hash?: string } };
  folder?: { childCount?: number };
  /** A notebook: a folder that is no folder. */
  package?: { type?: string };
  deleted?: object;
  root?: object;
  /** In another drive: a link to it. */
  remoteItem?: object;
  malware?: object;
  '@microsoft.graph.downloadUrl'?: string;
}

/** `content.downloadUrl` is how the address of the content is selected: by the name that it has in the answer it is not given. */
export const FIELDS =
  'id,name,size,cTag,eTag,webUrl,lastModifiedDateTime,parentReference,file,folder,package,deleted,root,remoteItem,malware,content.downloadUrl';

/** A page of delta has so many at most. */
export const PAGE_SIZE = 1_000;

export interface Handle {
  downloadUrl: string;
}

export function holdsItems({ folder, package: notebook, remoteItem }: DriveItem): boolean {
  return (folder !== undefined || notebook !== undefined) && remoteItem === undefined;
}

export function isFolder(item: DriveItem): boolean {
  return holdsItems(item) && item.package === undefined;
}

export function sourceItemOf(item: DriveItem, path: string | null): SourceItem {
  const url = item['@microsoft.graph.downloadUrl'];
  return {
    ref: item.id,
    kind: 'document',
    version: versionOf(item),
    name: item.name ?? '',
    place: item.parentReference?.id ?? null,
    path,
    mimeType: item.file?.mimeType ?? null,
    sizeBytes: item.size ?? null,
    modifiedAt: item.lastModifiedDateTime ?? null,
    url: item.webUrl ?? null,
    ...(url === undefined ? {} : { handle: { downloadUrl: url } satisfies Handle }),
  };
}

/** Not `cTag` first: OneDrive for Business leaves it out of changes, but not of everything. `eTag` changes with the name, too. */
function versionOf({ cTag, eTag, file, size, lastModifiedDateTime }: DriveItem): string {
  const { quickXorHash, sha1Hash, sha256Hash } = file?.hashes ?? {};
  const hash = quickXorHash ?? sha1Hash ?? sha256Hash;
  return hash === undefined ? (cTag ?? eTag ?? lastModifiedDateTime ?? '') : `${size}:${hash}`;
}

/** Why it is not read; undefined: it is. */
export function reasonToLeaveOut(item: DriveItem): LeftOut['reason'] | undefined {
  if (item.package) return item.package.type === 'oneNote' ? 'a OneNote notebook has no file to read' : 'it is not a single file';
  if (item.remoteItem) return 'a shortcut to something in another library; add that library as a source';
  if (item.malware) return 'Microsoft has found malware in it';
  return undefined;
}
