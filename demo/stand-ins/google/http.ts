import type { IncomingMessage } from 'node:http';

/** An API call, by itself or as a part of a batch. */
export interface Call {
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  body: string;
}

export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: string;
  /** In place of the body: sent piece by piece. */
  content?: { readonly length: number; chunks(): Iterable<Uint8Array> };
}

const JSON_TYPE = 'application/json; charset=UTF-8';

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { 'content-type': JSON_TYPE, ...headers }, body: JSON.stringify(value) };
}

export function html(status: number, text: string): Reply {
  return { status, headers: { 'content-type': 'text/html; charset=utf-8' }, body: `<!doctype html><meta charset="utf-8">${text}` };
}

const STATUS_WORDS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
};

export interface Refusal {
  message: string;
  /** Such as `rateLimitExceeded`, `notFound`, `backendError`. */
  reason: string;
  domain?: 'global' | 'usageLimits';
  headers?: Readonly<Record<string, string>>;
  /** More fields of the single error, such as `location`. */
  more?: Readonly<Record<string, unknown>>;
}

/** An error as Google's APIs tell it. */
export function refuse(status: number, { message, reason, domain = 'global', headers = {}, more = {} }: Refusal): Reply {
  const error = { code: status, message, errors: [{ message, domain, reason, ...more }], status: STATUS_WORDS[status] ?? 'UNKNOWN' };
  return json(status, { error }, headers);
}

export const notFound = (): Reply => refuse(404, { message: 'Requested entity was not found.', reason: 'notFound' });

export const invalidArgument = (message: string): Reply => refuse(400, { message, reason: 'invalidArgument' });

export async function readCall(incoming: IncomingMessage): Promise<Call> {
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://stand-in');
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, value?.toString()]));
  return { method: incoming.method ?? 'GET', path: pathname, query: searchParams, headers, body: Buffer.concat(chunks).toString('utf8') };
}
