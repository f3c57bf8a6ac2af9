/**
 * Files, as streams. Graph answers /content with an address that it has signed, at another host: that one is called without the token.
 * A stream that breaks off is gone on with where it stopped, if the file is the same still.
 */
import { UnavailableError } from '../../errors.ts';
import { refusalOf } from '../../provider-failure.ts';
import { type Caller, watched } from '../calls.ts';
import type { Addresses } from './address.ts';
import { wholeAnswer } from './body.ts';
import type { Sent } from './client.ts';
import type { Graph, GraphDownload, GraphRequest } from './contract.ts';
import type { GraphRefusal } from './failure.ts';

interface DownloadDeps {
  caller: Caller;
  addresses: Addresses;
  /** A path of Graph's; whatever it answers. */
  raw(path: string, sent: Sent): Promise<Response>;
  label: string;
  /** The run's. */
  signal: AbortSignal;
  idleMs: number;
}

type Source = Parameters<Graph['download']>[0];

interface Opened {
  response: Response;
  /** Lets go of the connection. */
  end(): void;
}

const RESUMES = 3;
const MOST_ERROR_BYTES = 64 * 1024;

export function createDownloads({ caller, addresses, raw, label, signal, idleMs }: DownloadDeps) {
  let redirects = 0;

  async function open(source: Source, { method, fields, headers = {} }: GraphRequest): Promise<Opened | undefined> {
    const send = async (token: string, ends: AbortSignal): Promise<Opened | undefined> => {
      // The call's own signal ends with the call; the body is read after it.
      const held = new AbortController();
      try {
        // As it is: the length is to be known, and ranges are of what is stored.
        const sent = { token, signal: AbortSignal.any([ends, held.signal]), headers: { ...headers, 'accept-encoding': 'identity' } };
        const response = 'signedUrl' in source ? await signed(source.signedUrl, sent) : await content(source.path, sent);
        return response && { response, end: () => held.abort() };
      } catch (error) {
        held.abort();
        throw error;
      }
    };
    return caller({ method, ...(fields ? { fields } : {}), send });
  }

  async function content(path: string, sent: Sent): Promise<Response> {
    const answer = await raw(path, sent);
    const location = answer.status >= 300 && answer.status < 400 && answer.headers.get('location');
    if (!location) return accepted(answer);
    await answer.body?.cancel();
    redirects += 1;
    return accepted(await withoutToken(location, sent));
  }

  /** Undefined: not valid any more, or not there. */
  async function signed(address: string, sent: Sent): Promise<Response | undefined> {
    const response = await withoutToken(address, sent);
    if (![401, 403, 404, 410].includes(response.status)) return accepted(response);
    await response.body?.cancel();
    return undefined;
  }

  async function withoutToken(address: string, { signal: ends, headers }: Sent): Promise<Response> {
    return fetch(addresses.checkSigned(address), { headers: { ...headers }, signal: ends });
  }

  /** Follows a stream to its end, over breaks. */
  async function* resumed(first: Opened, source: Source, request: GraphRequest): AsyncGenerator<Uint8Array> {
    const etag = strongTag(first.response);
    let opened = first;
    let at = 0;
    for (let breaks = 0; ; breaks += 1) {
      try {
        for await (const chunk of watched(opened.response.body ?? noBytes(), { label, idleMs, signal, end: opened.end })) {
          at += chunk.byteLength;
          yield chunk;
        }
        return;
      } catch (error) {
        if (!(error instanceof UnavailableError) || etag === undefined || breaks === RESUMES) throw error;
        const rest = await rangeFrom(at, etag, source, request);
        if (!rest) throw error;
        opened = rest;
      }
    }
  }

  /** Undefined: it is another file now, or the server does not send parts. */
  async function rangeFrom(at: number, etag: string, source: Source, request: GraphRequest): Promise<Opened | undefined> {
    const headers = { ...request.headers, range: `bytes=${at}-`, 'if-range': etag };
    const opened = await open(source, { ...request, headers }).catch((error: unknown) => {
      if (refusalOf(error)) return undefined;
      throw error;
    });
    if (!opened) return undefined;
    const { status, headers: told } = opened.response;
    if (status === 206 && told.get('content-range')?.startsWith(`bytes ${at}-`) && strongTag(opened.response) === etag) return opened;
    opened.end();
    return undefined;
  }

  async function download(source: Source, request: GraphRequest): Promise<GraphDownload | undefined> {
    const opened = await open(source, request).catch((error: unknown) => {
      if (refusalOf(error)?.status === 404) return undefined;
      throw error;
    });
    if (!opened) return undefined;
    const { headers } = opened.response;
    const length = headers.has('content-encoding') ? null : headers.get('content-length');
    return {
      mimeType: headers.get('content-type'),
      sizeBytes: length === null ? undefined : Number(length),
      content: resumed(opened, source, request),
    };
  }

  return {
    download,
    get redirects() {
      return redirects;
    },
  };
}

async function accepted(response: Response): Promise<Response> {
  if (response.ok) return response;
  const answer: unknown = await wholeAnswer(response, MOST_ERROR_BYTES, 'Microsoft')
    .then((whole) => whole.json())
    .catch(() => undefined);
  const refusal: GraphRefusal = { statusCode: response.status, code: codeOf(answer), headers: response.headers };
  throw Object.assign(new Error('refused'), refusal);
}

function codeOf(answer: unknown): string | null {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return null;
  const { error } = answer;
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** A weak one does not promise the same bytes. */
function strongTag({ headers }: Response): string | undefined {
  const etag = headers.get('etag');
  return etag?.startsWith('"') ? etag : undefined;
}

async function* noBytes(): AsyncGenerator<Uint8Array> {}
