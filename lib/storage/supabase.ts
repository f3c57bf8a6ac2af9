/**
 * Files in a private bucket of Supabase Storage, over its HTTP API: `fetch` streams both ways and takes the length of a file beforehand. The database's client
 * has one deadline per call and reads answers whole, which files must not be. https://supabase.com/docs/reference/self-hosting-storage
 */
import { z } from 'zod';
import { type HivepulseError, NotFoundError, PermanentError, UnavailableError } from '../errors.ts';
import type { FileStorage } from './contract.ts';
import { partsOf } from './path.ts';
import { createWatch, STALL_MS, type Watch, watched } from './watch.ts';

export interface SupabaseStorageOptions {
  /** `SUPABASE_URL`. */
  url: string;
  /** `SUPABASE_SERVICE_ROLE_KEY`. */
  serviceKey: string;
  /** Made, private, when it is missing. */
  bucket: string;
  /** Without a byte for so long a transfer ends, in milliseconds. Default 30,000. */
  stallMs?: number;
}

interface Call {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  signal: AbortSignal;
  headers?: Record<string, string>;
  body?: string | AsyncIterable<Uint8Array>;
}

/** What one request may name. */
const REMOVE_AT_ONCE = 1_000;

export function createSupabaseStorage({ url, serviceKey, bucket, stallMs = STALL_MS }: SupabaseStorageOptions): FileStorage {
  const objectOf = (path: string): string => `/object/${bucket}/${partsOf(path).join('/')}`;
  let bucketIsThere = false;

  async function call(request: Call, triesLeft = typeof request.body === 'object' ? 1 : 2): Promise<Response> {
    const { method, path, signal, headers, body } = request;
    try {
      return await fetch(`${url}/storage/v1${path}`, {
        method,
        signal,
        headers: { apikey: serviceKey, authorization: `Bearer ${serviceKey}`, ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : ReadableStream.from(body), duplex: 'half' }),
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      // A connection that was kept may have ended meanwhile.
      if (triesLeft > 1) return call(request, triesLeft - 1);
      throw new UnavailableError(`Supabase Storage at ${new URL(url).origin} is not reachable`, { code: 'storage_unreachable', cause: error });
    }
  }

  /** An answer, read whole. */
  async function ask(request: Call): Promise<{ status: number; body: string }> {
    const watch = createWatch(request.signal, stallMs);
    watch.expect('storage');
    try {
      const response = await call({ ...request, signal: watch.signal });
      return { status: response.status, body: await whole(response, watch.signal) };
    } finally {
      watch.rest();
    }
  }

  async function ensureBucket(signal: AbortSignal): Promise<void> {
    if (bucketIsThere) return;
    const path = '/bucket';
    const body = JSON.stringify({ id: bucket, name: bucket, public: false });
    const found = (await lookForBucket(signal)) || (await ask({ method: 'POST', path, signal, body, headers: JSON_TYPE }));
    // Somebody else may have made it meanwhile: that is no error.
    if (found !== true && found.status !== 200 && !(await lookForBucket(signal))) throw errorOf(found);
    bucketIsThere = true;
  }

  /** Throws where it is not ours to use. */
  async function lookForBucket(signal: AbortSignal): Promise<boolean> {
    const answer = await ask({ method: 'GET', path: `/bucket/${bucket}`, signal });
    if (answer.status !== 200) {
      if (statusOf(answer) === 404) return false;
      throw errorOf(answer);
    }
    if (bucketAnswer.parse(JSON.parse(answer.body)).public) throw isPublic(bucket);
    return true;
  }

  return {
    async put(path, source, { contentType, sizeBytes, signal }) {
      const target = objectOf(path);
      await ensureBucket(signal);
      const watch = createWatch(signal, stallMs);
      let cause: { error: unknown } | undefined;
      const body = watched(source, watch, (error) => {
        cause = { error };
      });
      const length = sizeBytes === undefined ? {} : { 'content-length': `${sizeBytes}` };
      const headers = { 'content-type': contentType, 'cache-control': 'no-cache', 'x-upsert': 'true', ...length };
      try {
        const response = await call({ method: 'POST', path: target, signal: watch.signal, headers, body });
        const answer = { status: response.status, body: await whole(response, watch.signal) };
        // The bucket was removed: the next file makes it again.
        if (statusOf(answer) === 404) bucketIsThere = false;
        if (answer.status !== 200) throw errorOf(answer);
      } catch (error) {
        throw cause ? cause.error : error;
      } finally {
        watch.rest();
      }
    },

    async get(path, { signal }) {
      const watch = createWatch(signal, stallMs);
      watch.expect('storage');
      const abandoned = new AbortController();
      const anyEnd = AbortSignal.any([watch.signal, abandoned.signal]);
      try {
        const response = await call({ method: 'GET', path: objectOf(path), signal: anyEnd });
        if (response.status === 200) return read(response, watch, () => abandoned.abort());
        const answer = { status: response.status, body: await whole(response, anyEnd) };
        if (statusOf(answer) !== 404) throw errorOf(answer);
      } finally {
        watch.rest();
      }
      // A key that may not look says the same as an empty bucket.
      await lookForBucket(signal);
      throw new NotFoundError('File', path);
    },

    async remove(paths, { signal }) {
      const names = paths.map((path) => partsOf(path).join('/'));
      for (let at = 0; at < names.length; at += REMOVE_AT_ONCE) {
        const body = JSON.stringify({ prefixes: names.slice(at, at + REMOVE_AT_ONCE) });
        const answer = await ask({ method: 'DELETE', path: `/object/${bucket}`, signal, body, headers: JSON_TYPE });
        if (answer.status !== 200 && statusOf(answer) !== 404) throw errorOf(answer);
      }
    },
  };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const bucketAnswer = z.object({ public: z.boolean() });

async function whole(response: Response, signal: AbortSignal): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    throw signal.aborted ? signal.reason : cutOff(error);
  }
}

async function* read(response: Response, watch: Watch, abandon: () => void): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      watch.expect('storage');
      const { done, value } = await reader.read();
      watch.rest();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw watch.signal.aborted ? watch.signal.reason : cutOff(error);
  } finally {
    watch.rest();
    abandon();
  }
}

function cutOff(cause: unknown): UnavailableError {
  return new UnavailableError('Supabase Storage broke off in the middle of an answer', { code: 'storage_cut', cause });
}

const problem = z.object({ statusCode: z.coerce.number(), message: z.string() }).partial();

interface Answer {
  status: number;
  body: string;
}

/** Supabase Storage answers nearly all failures with 400 and says in the body what it means; gateways before it do not. */
function statusOf(answer: Answer): number {
  return problemOf(answer).statusCode || answer.status;
}

function problemOf({ body }: Answer): z.infer<typeof problem> {
  try {
    return problem.parse(JSON.parse(body));
  } catch {
    return {};
  }
}

function errorOf(answer: Answer): HivepulseError {
  const status = statusOf(answer);
  const said = problemOf(answer).message ?? `it answered ${answer.status}`;
  const details = { status };
  if (status === 401 || status === 403) {
    return new PermanentError(`Supabase Storage refused the key (SUPABASE_SERVICE_ROLE_KEY): ${said}`, { code: 'storage_unauthorized', details });
  }
  if (status === 413) {
    const message = `Supabase Storage takes no file of this size: ${said}. Raise the upload limit of the project or its bucket, or lower DOCUMENT_LIMIT_BYTES`;
    return new PermanentError(message, { code: 'storage_too_large', details });
  }
  if (status >= 500 || status === 404 || status === 408 || status === 429) {
    return new UnavailableError(`Supabase Storage failed: ${said}`, { code: 'storage_unavailable', details });
  }
  return new PermanentError(`Supabase Storage refused: ${said}`, { code: 'storage_error', details });
}

function isPublic(bucket: string): PermanentError {
  return new PermanentError(
    `The bucket "${bucket}" is public: whoever guesses a link reads its documents. Make it private, or name another in STORAGE_BUCKET`,
    {
      code: 'storage_bucket_public',
      details: { bucket },
    },
  );
}
