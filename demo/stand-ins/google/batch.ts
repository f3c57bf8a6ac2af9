/** Batch requests: multipart/mixed, each part an HTTP call of its own. */

import { randomBytes } from 'node:crypto';
import type { Call, Reply } from './http.ts';
import { refuse } from './http.ts';
import { parseMime } from './mime.ts';

export const MAX_PARTS = 100;

export interface BatchPart {
  /** As sent, with its angle brackets; undefined where there was none. */
  contentId: string | undefined;
  /** Undefined for what is no HTTP call, or one to a full URL. */
  call: Call | undefined;
}

/** Undefined where the body is no multipart/mixed. Headers of the whole request hold for each part, unless the part has its own. */
export function readBatch(outer: Call): BatchPart[] | undefined {
  const type = outer.headers['content-type'] ?? '';
  const root = parseMime(Buffer.from(`Content-Type: ${type}\r\n\r\n${outer.body}`));
  if (root.mimeType !== 'multipart/mixed' || root.parts.length === 0) return undefined;
  const shared = Object.fromEntries(Object.entries(outer.headers).filter(([name]) => !name.startsWith('content-')));
  return root.parts.map((part) => ({
    contentId: part.headers.find(({ name }) => name.toLowerCase() === 'content-id')?.value,
    call: readPart(part.body.toString('utf8'), shared),
  }));
}

function readPart(text: string, shared: Call['headers']): Call | undefined {
  const [head = '', ...rest] = text.replace(/^\s+/, '').split(/\r?\n\r?\n/);
  const [request = '', ...lines] = head.split(/\r?\n/);
  const [, method, target] = /^([A-Z]+) (\/\S*)(?: HTTP\/1\.[01])?$/.exec(request.trim()) ?? [];
  if (!method || !target) return undefined;
  const { pathname, searchParams } = new URL(target, 'http://stand-in');
  const own = lines.flatMap((line) => {
    const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    return name ? [[name.toLowerCase(), value] as const] : [];
  });
  return { method, path: pathname, query: searchParams, headers: { ...shared, ...Object.fromEntries(own) }, body: rest.join('\r\n\r\n') };
}

export function tooManyParts(): Reply {
  return refuse(400, { message: `The batch request exceeds the limit of ${MAX_PARTS} calls.`, reason: 'badRequest' });
}

export function noBatch(): Reply {
  return refuse(400, { message: 'Failed to parse batch request, error: no multipart/mixed body with parts.', reason: 'badRequest' });
}

export interface AnsweredPart {
  contentId: string | undefined;
  reply: Reply;
}

const REASON_PHRASES: Readonly<Record<number, string>> = {
  200: 'OK',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

export function writeBatch(parts: readonly AnsweredPart[]): Reply {
  const boundary = `batch_${randomBytes(18).toString('base64url')}`;
  const body = `${parts.map((part) => `--${boundary}\r\n${writePart(part)}\r\n`).join('')}--${boundary}--\r\n`;
  return { status: 200, headers: { 'content-type': `multipart/mixed; boundary=${boundary}` }, body };
}

function writePart({ contentId, reply }: AnsweredPart): string {
  const echoed = contentId === undefined ? '' : `Content-ID: ${contentId.replace(/^<?/, (bracket) => `${bracket}response-`)}\r\n`;
  const headers = { ...reply.headers, 'content-length': String(Buffer.byteLength(reply.body)) };
  const lines = Object.entries(headers).map(([name, value]) => `${name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase())}: ${value}\r\n`);
  const status = `HTTP/1.1 ${reply.status} ${REASON_PHRASES[reply.status] ?? 'Error'}`;
  return `Content-Type: application/http\r\n${echoed}\r\n${status}\r\n${lines.join('')}\r\n${reply.body}`;
}
