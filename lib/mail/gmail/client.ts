import type { gmail_v1 } from '@googleapis/gmail';
import { BATCH_CONTENT_TYPE } from './batch.ts';

const GOOGLE = 'https://gmail.googleapis.com';

export interface CallOptions {
  signal: AbortSignal;
  maxBytes: number;
}

/** Google's client for one account. Retries and tokens are ours: it makes one request a call, with the token it was given last. */
export interface GmailClient {
  use(accessToken: string): void;
  api: gmail_v1.Gmail;
  /** What each call of `api` is given besides its parameters. */
  options(call: CallOptions): RequestOptions;
  /** Posts a batch; the answer is to be read by the caller, all of it. */
  batch(body: string, signal: AbortSignal): Promise<{ contentType: string | null; body: AsyncIterable<Uint8Array> }>;
}

interface RequestOptions {
  rootUrl: string;
  retry: false;
  signal: AbortSignal;
  maxContentLength: number;
}

/** Loads Google's client at the first call: it takes a tenth of a second that only workers who fetch mail should spend. */
export function createClients(apiRootUrl = GOOGLE): () => Promise<GmailClient> {
  const rootUrl = apiRootUrl.replace(/\/+$/, '');
  return async () => {
    const { auth, gmail } = await import('@googleapis/gmail');
    // Google's client brings node-fetch, which ends the whole process when a request is called off at the moment that its answer begins.
    const oauth = new auth.OAuth2({ transporterOptions: { fetchImplementation: fetch } });
    return {
      use: (accessToken) => oauth.setCredentials({ access_token: accessToken }),
      api: gmail({ version: 'v1', auth: oauth }),
      // With each call, not for the client as a whole: there, Google's client would leave a path in it out.
      options: ({ signal, maxBytes }) => ({ rootUrl, retry: false, signal, maxContentLength: maxBytes }),
      async batch(data, signal) {
        const response = await oauth.request<ReadableStream<Uint8Array>>({
          method: 'POST',
          url: `${rootUrl}/batch/gmail/v1`,
          // Google compresses only for clients whose name says that they can take it.
          headers: { 'Content-Type': BATCH_CONTENT_TYPE, 'Accept-Encoding': 'gzip', 'User-Agent': 'hivepulse (gzip)' },
          data,
          responseType: 'stream',
          retry: false,
          signal,
        });
        return { contentType: response.headers.get('content-type'), body: response.data };
      },
    };
  };
}
