/**
 * The one door to the database API: every request has a deadline, requests that may be repeated are repeated while it lasts,
 * and whatever is not an answer leaves as one of our own errors.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { type HivepulseError, InsufficientCreditsError, InvalidInputError, NotFoundError, PermanentError, UnavailableError } from '../errors.ts';
import { calledFunction, timeoutOf } from './slow-calls.ts';

export type Fetch = typeof globalThis.fetch;

export interface BoundedFetchOptions {
  fetch: Fetch;
  /** Longest time for one call, repeats included, in milliseconds; slow ones (`slow-calls.ts`) get more. */
  timeoutMs: number;
}

/** Waits before the second and third try, in milliseconds. */
const RETRY_WAITS_MS = [150, 1_000];
const AWAY = new Set([502, 503, 504, 520]);

/** Rejects with `UnavailableError`, `InvalidInputError` or `PermanentError`; a response it resolves to is always `ok`, except below `/auth/`. */
export function createBoundedFetch({ fetch, timeoutMs }: BoundedFetchOptions): Fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const deadline = performance.now() + timeoutOf(calledFunction(request.url), timeoutMs);
    const waits = mayRepeat(request) ? [...RETRY_WAITS_MS] : [];
    for (;;) {
      const outcome = await attempt(fetch, request.clone(), deadline - performance.now());
      const waitMs = waits.shift();
      const last = waitMs === undefined || performance.now() + waitMs >= deadline || request.signal.aborted;
      if (last || !isAway(outcome)) return answerOf(outcome, request);
      await wait(waitMs);
    }
  };
}

/** Reads, and our SQL functions: each of them may be called twice with the effect of once. */
function mayRepeat({ method, url }: Request): boolean {
  return method === 'GET' || method === 'HEAD' || new URL(url).pathname.includes('/rest/v1/rpc/');
}

type Outcome = { response: Response } | { error: unknown };

function isAway(outcome: Outcome): boolean {
  return 'error' in outcome || AWAY.has(outcome.response.status);
}

/** An in-process server does not look at the signal: the race ends the wait all the same. */
async function attempt(fetch: Fetch, request: Request, remainingMs: number): Promise<Outcome> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const abort = new AbortController();
  const stop = (reason: unknown) => {
    abort.abort(reason);
    reject(reason);
  };
  const timer = setTimeout(() => stop(new UnavailableError('The database API did not answer in time', { code: 'database_timeout' })), remainingMs);
  const cancelled = () => stop(request.signal.reason);
  request.signal.addEventListener('abort', cancelled, { once: true });
  try {
    return { response: await Promise.race([readWhole(fetch, new Request(request, { signal: abort.signal })), expired]) };
  } catch (error) {
    return { error };
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener('abort', cancelled);
  }
}

/** With its body, which may hang as well. */
async function readWhole(fetch: Fetch, request: Request): Promise<Response> {
  const response = await fetch(request);
  const body = await response.arrayBuffer();
  const empty = body.byteLength === 0 || response.status === 204 || response.status === 304;
  return new Response(empty ? null : body, { status: response.status, statusText: response.statusText, headers: response.headers });
}

async function answerOf(outcome: Outcome, request: Request): Promise<Response> {
  if ('error' in outcome) {
    if (outcome.error instanceof UnavailableError || request.signal.aborted) throw outcome.error;
    const { origin } = new URL(request.url);
    throw new UnavailableError(`The database API at ${origin} is not reachable`, { code: 'database_unreachable', cause: outcome.error });
  }
  const { response } = outcome;
  if (new URL(request.url).pathname.includes('/auth/v1/')) return response;
  if (!response.ok) throw errorOf(response.status, await response.text());
  const isJson = response.body === null || response.headers.get('content-type')?.includes('json');
  if (isJson) return response;
  throw new PermanentError(`What answers at ${new URL(request.url).origin} is no database API. Check SUPABASE_URL`, { code: 'database_error' });
}

const apiError = z.object({ message: z.string(), code: z.string().nullish(), details: z.unknown(), hint: z.unknown() }).partial();

/** PostgREST's error, or whatever a gateway in front of it answered. https://docs.postgrest.org/en/stable/references/errors.html */
function errorOf(status: number, body: string): HivepulseError {
  const { code, message, details: detail } = parseBody(body);
  const text = message ?? `The database API answered ${status}`;
  const own = code && ownErrorOf(code, text, detail);
  if (own) return own;
  const details = { status, ...(code ? { databaseCode: code } : {}) };
  if (code && SCHEMA_MISSING.test(code)) {
    return new PermanentError(`${text}. Are the migrations applied? Run: npm run migrate`, { code: 'schema_missing', details });
  }
  if (status === 401 || (code && BAD_TOKEN.test(code))) {
    return new PermanentError(`The database API refused the key or token (SUPABASE_SERVICE_ROLE_KEY): ${text}`, { code: 'unauthorized', details });
  }
  if (status === 403 || code === '42501') return new PermanentError(`Not allowed: ${text}`, { code: 'forbidden', details });
  if (code && BAD_INPUT.test(code)) return new InvalidInputError(text, [{ path: '', message: text }]);
  if (status >= 500 || status === 408 || status === 429 || (code && PASSING.test(code))) return new UnavailableError(text, { details });
  return new PermanentError(text, { code: 'database_error', details });
}

/** Unknown table, column or function. */
const SCHEMA_MISSING = /^(PGRST20[0-9]|42P01|42703|42883)$/;
const BAD_TOKEN = /^PGRST30[0-3]$/;
/** Values that no column takes, broken constraints, and requests PostgREST could not read. */
const BAD_INPUT = /^(22|23|PGRST1)/;
/** Connection trouble, too few resources, deadlocks, cancelled statements, shutdowns. */
const PASSING = /^(08|40|53|55|57|58|PGRST00)/;

const shortOfCredits = z.object({ cost: z.number(), balance: z.number() });
const conflict = z.looseObject({ code: z.string() });
const missing = z.object({ what: z.string(), id: z.string() });

/** What our SQL functions raise: `PT` and the HTTP status to answer, and JSON as the detail. */
function ownErrorOf(code: string, message: string, detail: unknown): HivepulseError | undefined {
  if (code === 'PT402') {
    const { cost, balance } = shortOfCredits.parse(jsonOf(detail));
    return new InsufficientCreditsError(cost, balance);
  }
  if (code === 'PT404') {
    const { what, id } = missing.parse(jsonOf(detail));
    return new NotFoundError(what, id);
  }
  if (code !== 'PT409') return undefined;
  const { code: reason, ...details } = conflict.parse(jsonOf(detail));
  return new PermanentError(message, { code: reason, details });
}

const jsonOf = (detail: unknown): unknown => (typeof detail === 'string' ? JSON.parse(detail) : detail);

function parseBody(body: string): { code?: string | undefined; message?: string | undefined; details?: unknown } {
  try {
    const { code, message, details } = apiError.parse(JSON.parse(body));
    return { code: code ?? undefined, message, details };
  } catch {
    return {};
  }
}
