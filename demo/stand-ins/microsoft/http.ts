import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface Call {
  method: string;
  /** Without the query, not decoded. */
  path: string;
  query: URLSearchParams;
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  body: string;
}

/** Sent as it is made; `length` in bytes. */
export interface Stream {
  length: number;
  chunks(): Iterable<Uint8Array>;
}

export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: string | Stream;
}

/** As far as is needed from what the services share. */
export type Service = 'graph' | 'sharepoint' | 'outlook';

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { 'content-type': 'application/json; odata.metadata=minimal; charset=utf-8', ...headers }, body: JSON.stringify(value) };
}

export function html(status: number, text: string): Reply {
  return { status, headers: { 'content-type': 'text/html; charset=utf-8' }, body: `<!doctype html><meta charset="utf-8">${text}` };
}

export const noContent = (): Reply => ({ status: 204, headers: {}, body: '' });

export interface Refusal {
  code: string;
  message: string;
  headers?: Readonly<Record<string, string>>;
  /** A more specific code. */
  inner?: string;
}

/** An error as Graph tells it. */
export function refuse(status: number, { code, message, headers = {}, inner }: Refusal): Reply {
  const requestId = randomUUID();
  const innerError = {
    ...(inner === undefined ? {} : { code: inner }),
    date: new Date().toISOString().slice(0, 19),
    'request-id': requestId,
    'client-request-id': requestId,
  };
  return json(status, { error: { code, message, innerError } }, { ...headers, 'request-id': requestId, 'client-request-id': requestId });
}

export const badRequest = (message: string, code = 'BadRequest'): Reply => refuse(400, { code, message });

export function missing(service: Service): Reply {
  if (service === 'outlook')
    return refuse(404, {
      code: 'ErrorItemNotFound',
      message: 'The specified object was not found in the store., The process failed to get the correct properties.',
    });
  return refuse(404, { code: 'itemNotFound', message: 'The resource could not be found.' });
}

export function denied(service: Service): Reply {
  if (service === 'outlook') return refuse(403, { code: 'ErrorAccessDenied', message: 'Access is denied. Check credentials and try again.' });
  if (service === 'graph') return refuse(403, { code: 'Authorization_RequestDenied', message: 'Insufficient privileges to complete the operation.' });
  return refuse(403, { code: 'accessDenied', message: 'Access denied' });
}

export const isReply = (value: object): value is Reply => 'status' in value && 'headers' in value;

export async function readCall(incoming: IncomingMessage): Promise<Call> {
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://stand-in');
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, value?.toString()]));
  return { method: incoming.method ?? 'GET', path: pathname, query: searchParams, headers, body: Buffer.concat(chunks).toString('utf8') };
}
