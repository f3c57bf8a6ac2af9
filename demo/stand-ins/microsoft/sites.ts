/** SharePoint sites and their libraries. */
import type { MicrosoftSite } from './contract.ts';
import { createDrive, type Drive } from './drive.ts';
import { newGuid } from './ids.ts';

export interface Site extends MicrosoftSite {
  host: string;
  /** Such as `/sites/project-nova`. */
  path: string;
  displayName: string;
  /** The first is the one that `drive` means. */
  drives: readonly Drive[];
}

export interface SiteOptions {
  host: string;
  path: string;
  displayName?: string;
}

/** `known`: told of each library. */
export function createSite({ host, path, displayName }: SiteOptions, now: () => number, known: (drive: Drive) => void): Site {
  const id = `${host},${newGuid()},${newGuid()}`;
  const name = path.split('/').at(-1) ?? '';
  const drives: Drive[] = [];
  function addLibrary(library: string): Drive {
    // The first one is called otherwise in addresses.
    const folder = library === 'Documents' ? 'Shared Documents' : library;
    const webUrl = `https://${host}${path}/${encodeURIComponent(folder)}`;
    const drive = createDrive({ name: library, webUrl, driveType: 'documentLibrary', siteId: id, owner: undefined, now });
    drives.push(drive);
    known(drive);
    return drive;
  }
  return {
    id,
    host,
    path: `/${path.replace(/^\/+|\/+$/g, '')}`,
    displayName: displayName ?? name,
    drives,
    drive: addLibrary('Documents'),
    addLibrary,
  };
}

export function siteJson({ id, host, path, displayName }: Site): Record<string, unknown> {
  return {
    id,
    name: path.split('/').at(-1),
    displayName,
    webUrl: `https://${host}${path}`,
    siteCollection: { hostname: host },
    root: {},
    createdDateTime: '2026-01-05T09:00:00Z',
    lastModifiedDateTime: '2026-01-05T09:00:00Z',
  };
}
