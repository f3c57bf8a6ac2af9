/** What Drive says of a file, as an item of the source. */
import type { LeftOut, SourceItem } from '../contract.ts';
import type { Folders } from './folders.ts';
import type { DriveFile } from './methods.ts';
import type { DriveSettings } from './settings.ts';

const GOOGLE_TYPE = 'application/vnd.google-apps.';
export const FOLDER_TYPE = `${GOOGLE_TYPE}folder`;
export const SHORTCUT_TYPE = `${GOOGLE_TYPE}shortcut`;

const OFFICE = 'application/vnd.openxmlformats-officedocument';
const MEDIA_TYPES = {
  docx: `${OFFICE}.wordprocessingml.document`,
  xlsx: `${OFFICE}.spreadsheetml.sheet`,
  pptx: `${OFFICE}.presentationml.presentation`,
  pdf: 'application/pdf',
} as const;
type Ending = keyof typeof MEDIA_TYPES;

/** Google's own kinds, by what follows `application/vnd.google-apps.`. */
export type Exports = Readonly<Record<string, Ending>>;

export function exportsOf({ documents = 'docx', spreadsheets = 'xlsx', presentations = 'pptx' }: DriveSettings['exportAs'] = {}): Exports {
  return { document: documents, spreadsheet: spreadsheets, presentation: presentations, drawing: 'pdf' };
}

/** The handle of an item. */
export interface Handle {
  /** A media type; undefined: its own bytes. */
  exportAs: string | undefined;
}

export interface ReadDeps {
  exports: Exports;
  /** Undefined: there are too many to know their names. */
  folders: Folders | undefined;
}

/** An item, or why it is none. Of folders nothing is to be said: undefined. */
export function readFile(file: DriveFile, deps: ReadDeps): { item: SourceItem } | { leftOut: LeftOut } | undefined {
  const { id, mimeType = null } = file;
  if (!id || mimeType === FOLDER_TYPE) return undefined;
  const kind = mimeType?.startsWith(GOOGLE_TYPE) ? mimeType.slice(GOOGLE_TYPE.length) : undefined;
  if (kind === undefined) return { item: describe(id, file, undefined, deps) };
  const ending = deps.exports[kind];
  const item = describe(id, file, ending, deps);
  return ending === undefined ? { leftOut: { item, reason: reasonFor(kind) } } : { item };
}

function describe(ref: string, file: DriveFile, ending: Ending | undefined, { folders }: ReadDeps): SourceItem {
  const place = placeOf(file, folders);
  const exportAs = ending && MEDIA_TYPES[ending];
  return {
    ref,
    kind: 'document',
    version: versionOf(file, ending),
    name: nameOf(file.name ?? '', ending),
    place,
    path: place === null ? null : (folders?.pathOf(place) ?? null),
    mimeType: exportAs ?? file.mimeType ?? null,
    // Of Google's own documents it is not the export's.
    sizeBytes: file.size && ending === undefined ? Number(file.size) : null,
    modifiedAt: file.modifiedTime ?? null,
    url: file.webViewLink ?? null,
    handle: { exportAs } satisfies Handle,
  };
}

/** Google's own documents have no checksum; what they are exported as is part of what they are here. */
function versionOf({ md5Checksum, headRevisionId, modifiedTime }: DriveFile, ending: Ending | undefined): string {
  if (ending !== undefined) return `${modifiedTime ?? ''} ${ending}`;
  return md5Checksum ?? headRevisionId ?? modifiedTime ?? '';
}

function nameOf(name: string, ending: Ending | undefined): string {
  return ending === undefined || name.toLowerCase().endsWith(`.${ending}`) ? name : `${name}.${ending}`;
}

/** Files of before 2020 may be in several folders: the first that belongs to the source. */
function placeOf({ parents }: DriveFile, folders: Folders | undefined): string | null {
  return parents?.find((id) => folders?.has(id)) ?? parents?.[0] ?? null;
}

export const isFolder = ({ mimeType }: DriveFile): boolean => mimeType === FOLDER_TYPE;

const KINDS: Readonly<Record<string, string>> = {
  form: 'a form',
  site: 'a site',
  map: 'a map',
  script: 'a script',
  jam: 'a whiteboard',
  fusiontable: 'a table of Google’s',
  vid: 'a video of Google’s',
};

function reasonFor(kind: string): string {
  if (kind === 'shortcut') return 'a shortcut: the file it leads to is taken where it is itself in the source';
  return `${KINDS[kind] ?? 'a document of another app'}: Google Drive has no file of it to read`;
}
