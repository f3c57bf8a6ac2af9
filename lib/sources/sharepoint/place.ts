/** What is synced, as Graph addresses it. */
import { PermanentError } from '../../errors.ts';
import { refusalOf } from '../../provider-failure.ts';
import type { Graph } from '../graph/contract.ts';
import type { SharepointSettings } from './settings.ts';

export interface Place {
  /** Path of the drive: `/me/drive`, or `/drives/<id>`. */
  drive: string;
  /** Id of the folder; null: all of the drive. */
  folder: string | null;
}

interface Named {
  id: string;
  name?: string;
  webUrl?: string;
  folder?: object;
  value?: Named[];
  '@odata.nextLink'?: string;
}

/** Throws `PermanentError` (`source_missing`), with the field that names what is not there. */
export async function findPlace(graph: Graph, settings: SharepointSettings): Promise<Place> {
  const drive = await findDrive(graph, settings);
  const { folder } = settings;
  if (folder === undefined) return { drive, folder: null };
  const path = folder.split('/').map(encodeURIComponent).join('/');
  const found = await find(graph, `${drive}/root:/${path}?$select=id,folder`, 'drive item', ['folder']);
  if (!found?.folder) throw missing('folder');
  return { drive, folder: found.id };
}

async function findDrive(graph: Graph, settings: SharepointSettings): Promise<string> {
  if (settings.driveId !== undefined) return `/drives/${settings.driveId}`;
  const site = await findSite(graph, settings);
  if (site === undefined) return '/me/drive';
  const { library } = settings;
  const drive =
    library === undefined
      ? await find(graph, `/sites/${site}/drive?$select=id`, 'site drive', ['siteUrl', 'siteId'])
      : await findLibrary(graph, site, library);
  if (!drive) throw missing(library === undefined ? driveField(settings) : 'library');
  return `/drives/${drive.id}`;
}

async function findSite(graph: Graph, { siteUrl, siteId }: SharepointSettings): Promise<string | undefined> {
  if (siteUrl === undefined) return siteId;
  const { hostname, pathname } = new URL(siteUrl);
  const path = pathname.replace(/\/+$/, '');
  const found = await find(graph, `/sites/${hostname}${path === '' ? '' : `:${path}`}?$select=id`, 'site', ['siteUrl']);
  if (!found) throw missing('siteUrl');
  return found.id;
}

/** By its name, or by how it is called in addresses: the library `Documents` is `Shared Documents` there. */
async function findLibrary(graph: Graph, site: string, library: string): Promise<Named | undefined> {
  const wanted = library.toLowerCase();
  for (let next: string | undefined = `/sites/${site}/drives?$select=id,name,webUrl`; next !== undefined; ) {
    const page: Named | undefined = await find(graph, next, 'site drives', ['library']);
    const drives = page?.value ?? [];
    const found = drives.find(({ name }) => name?.toLowerCase() === wanted) ?? drives.find(({ webUrl }) => lastPart(webUrl) === wanted);
    if (found) return found;
    next = page?.['@odata.nextLink'];
  }
  return undefined;
}

function lastPart(webUrl: string | undefined): string | undefined {
  const part = webUrl?.split('/').at(-1);
  return part && decodeURIComponent(part).toLowerCase();
}

/** A host of another tenancy, and a name that cannot be, are 400. */
async function find(graph: Graph, path: string, method: string, fields: readonly string[]): Promise<Named | undefined> {
  return graph.find<Named>(path, { method, fields }).catch((error: unknown) => {
    if (refusalOf(error)?.status !== 400) throw error;
    return undefined;
  });
}

/** Undefined: the account's own drive. */
export function driveField({ siteUrl, siteId, driveId }: SharepointSettings): 'siteUrl' | 'siteId' | 'driveId' | undefined {
  if (siteUrl !== undefined) return 'siteUrl';
  if (siteId !== undefined) return 'siteId';
  return driveId === undefined ? undefined : 'driveId';
}

export function missing(field: keyof SharepointSettings | undefined): PermanentError {
  const told =
    field === undefined
      ? 'The account has no OneDrive of its own: name a site in `siteUrl` of the source'
      : `SharePoint has nothing (any more) at \`${field}\` of the source, or its account may not see it`;
  return new PermanentError(told, { code: 'source_missing', details: field === undefined ? {} : { field } });
}
