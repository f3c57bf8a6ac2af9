/** Drive's methods, as the connector uses them: one request each, and of each answer only what is needed. */
import type { drive_v3 } from '@googleapis/drive';
import { UnavailableError } from '../../errors.ts';
import { type Call, type Caller, watched } from '../calls.ts';
import type { Watch, WatchRequest } from '../contract.ts';
import type { DriveClient, RequestOptions } from './client.ts';

export type DriveFile = drive_v3.Schema$File;
export type DriveChange = drive_v3.Schema$Change;

/** Where to look: a shared drive, or else what the user has. */
export interface Corpus {
  driveId: string | undefined;
  /** Of changes: without what is only shared with the user. */
  myDriveAlone?: boolean;
}

export interface DriveMethods {
  /** Metadata of one file or folder. */
  get(fileId: string, fields: readonly string[]): Promise<DriveFile>;
  startToken(corpus: Corpus): Promise<string>;
  /** Up to 1,000. `pageToken` undefined: the first page. */
  list(corpus: Corpus, query: string, pageToken: string | undefined): Promise<{ files: DriveFile[]; next: string | undefined }>;
  /** Up to 1,000. `next`: more follow; else `start`, to go on with another time. */
  changes(corpus: Corpus, pageToken: string): Promise<{ changes: DriveChange[] } & ({ next: string } | { start: string })>;
  /** The bytes, or with `exportAs` (a media type) those of Google's own document in that form. */
  content(fileId: string, exportAs: string | undefined): Promise<{ sizeBytes: number | undefined; content: AsyncIterable<Uint8Array> }>;
  watch(corpus: Corpus, pageToken: string, channel: WatchRequest & { id: string; expiresAt: number }): Promise<Watch>;
  stop(watch: Watch): Promise<void>;
}

export interface MethodsDeps {
  client: DriveClient;
  call: Caller;
  signal: AbortSignal;
  idleMs: number | undefined;
}

const FILE = 'id,name,mimeType,parents,trashed,driveId,md5Checksum,headRevisionId,size,modifiedTime,webViewLink';
const LIST_FIELDS = `nextPageToken,incompleteSearch,files(${FILE})`;
const CHANGE_FIELDS = `nextPageToken,newStartPageToken,changes(changeType,removed,fileId,driveId,file(${FILE}))`;
const PAGE_SIZE = 1_000;

export function createMethods({ client, call, signal: job, idleMs }: MethodsDeps): DriveMethods {
  const ask = <T>(
    method: string,
    send: (api: drive_v3.Drive, options: RequestOptions) => Promise<{ data: T }>,
    fields?: Call<T>['fields'],
  ): Promise<T> =>
    call({
      method,
      ...(fields ? { fields } : {}),
      send: async (token, signal) => (await send(await client.api(), client.options(token, signal))).data,
    });

  return {
    get: (fileId, fields) =>
      ask('files.get', (api, options) => api.files.get({ fileId, fields: fields.join(), supportsAllDrives: true }, options), ['folderId', 'driveId']),

    async startToken(corpus) {
      const { startPageToken } = await ask('changes.getStartPageToken', (api, options) => api.changes.getStartPageToken(driveOf(corpus), options));
      return startPageToken ?? incomplete('changes.getStartPageToken');
    },

    async list(corpus, q, pageToken) {
      const parameters = { q, fields: LIST_FIELDS, pageSize: PAGE_SIZE, ...corporaOf(corpus), ...(pageToken === undefined ? {} : { pageToken }) };
      const { files = [], nextPageToken, incompleteSearch } = await ask('files.list', (api, options) => api.files.list(parameters, options));
      // What is not named is held to be deleted.
      if (incompleteSearch) return incomplete('files.list');
      return { files, next: nextPageToken ?? undefined };
    },

    async changes(corpus, pageToken) {
      const parameters = { pageToken, fields: CHANGE_FIELDS, pageSize: PAGE_SIZE, includeRemoved: true, ...changesOf(corpus) };
      const { changes = [], nextPageToken, newStartPageToken } = await ask('changes.list', (api, options) => api.changes.list(parameters, options));
      if (nextPageToken) return { changes, next: nextPageToken };
      return { changes, start: newStartPageToken ?? incomplete('changes.list') };
    },

    content: (fileId, exportAs) =>
      call({
        method: exportAs === undefined ? 'files.get' : 'files.export',
        async send(token, signal) {
          // Its own: the time limit of the call is for the beginning of the answer, not for a big file as a whole.
          const request = new AbortController();
          const leave = (): void => request.abort(signal.reason);
          signal.addEventListener('abort', leave, { once: true });
          try {
            const api = await client.api();
            signal.throwIfAborted();
            const options = { ...client.options(token, request.signal), responseType: 'stream' as const };
            const { data, headers } = await (exportAs === undefined
              ? api.files.get({ fileId, alt: 'media', supportsAllDrives: true, acknowledgeAbuse: false }, options)
              : api.files.export({ fileId, mimeType: exportAs }, options));
            const content = watched(data, { label: 'Google Drive', idleMs, signal: job, end: () => request.abort() });
            return { sizeBytes: lengthOf(headers), content };
          } finally {
            signal.removeEventListener('abort', leave);
          }
        },
      }),

    async watch(corpus, pageToken, { id, address, secret, expiresAt }) {
      const requestBody = { id, type: 'web_hook', address, token: secret, expiration: String(expiresAt) };
      const parameters = { pageToken, includeRemoved: true, ...changesOf(corpus), requestBody };
      const { resourceId, expiration } = await ask('changes.watch', (api, options) => api.changes.watch(parameters, options));
      const endsAt = Number(expiration ?? Number.NaN);
      return { id, resource: resourceId ?? null, expiresAt: new Date(Number.isNaN(endsAt) ? expiresAt : endsAt).toISOString() };
    },

    async stop({ id, resource }) {
      await ask('channels.stop', (api, options) => api.channels.stop({ requestBody: { id, resourceId: resource } }, options));
    },
  };
}

function driveOf({ driveId }: Corpus) {
  return driveId === undefined ? {} : { driveId, supportsAllDrives: true };
}

function corporaOf(corpus: Corpus) {
  return corpus.driveId === undefined ? { corpora: 'user' } : { corpora: 'drive', includeItemsFromAllDrives: true, ...driveOf(corpus) };
}

function changesOf(corpus: Corpus) {
  if (corpus.driveId !== undefined) return { includeItemsFromAllDrives: true, ...driveOf(corpus) };
  return corpus.myDriveAlone ? { restrictToMyDrive: true } : {};
}

/** Of what comes out: not known where it is compressed on its way. Google's client makes a plain object of the headers. */
function lengthOf(headers: object): number | undefined {
  const length: unknown = Reflect.get(headers, 'content-length');
  return typeof length === 'string' && !Reflect.has(headers, 'content-encoding') ? Number(length) : undefined;
}

function incomplete(method: string): never {
  throw new UnavailableError(`Google Drive gave an incomplete answer (${method})`, { details: { method, reason: 'incomplete' } });
}
