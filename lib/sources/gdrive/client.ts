import type { drive_v3 } from '@googleapis/drive';

const GOOGLE = 'https://www.googleapis.com';

/** What each call of Google's client is given besides its parameters. Retries and tokens are ours: it makes one request a call. */
export interface RequestOptions {
  rootUrl: string;
  retry: false;
  signal: AbortSignal;
  headers: { authorization: string };
  fetchImplementation: typeof fetch;
}

export interface DriveClient {
  /** Loads Google's client the first time: it takes a tenth of a second that only workers who sync should spend. */
  api(): Promise<drive_v3.Drive>;
  options(token: string, signal: AbortSignal): RequestOptions;
}

export function createDriveClient(apiRootUrl = GOOGLE): DriveClient {
  const rootUrl = apiRootUrl.replace(/\/+$/, '');
  let loaded: Promise<drive_v3.Drive> | undefined;
  return {
    api() {
      loaded ??= import('@googleapis/drive').then(({ drive }) => drive({ version: 'v3' }));
      return loaded;
    },
    options: (token, signal) => ({
      // With each call, not for the client as a whole: there, Google's client would leave a path in it out.
      rootUrl,
      retry: false,
      signal,
      // With each call, too: calls of one client overlap, and a token may be renewed between them.
      headers: { authorization: `Bearer ${token}` },
      // Google's client brings node-fetch, which ends the whole process when a request is called off at the moment that its answer begins.
      fetchImplementation: fetch,
    }),
  };
}
