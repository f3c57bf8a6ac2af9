import type { GmailMessage, MessageRead } from '../contract.ts';
import { type Failure, isLimited, mayPass, readFailure } from './failure.ts';

const BOUNDARY = 'hivepulse-batch';
export const BATCH_CONTENT_TYPE = `multipart/mixed; boundary=${BOUNDARY}`;

/** The body of a batch request: one `users.messages.get` for each id, named by its place. */
export function batchOf(ids: readonly string[]): string {
  const parts = ids.map((id, place) =>
    [
      `--${BOUNDARY}`,
      'Content-Type: application/http',
      `Content-ID: <item-${place}@hivepulse>`,
      '',
      `GET /gmail/v1/users/me/messages/${encodeURIComponent(id)}?format=full`,
      '',
      '',
    ].join('\r\n'),
  );
  return `${parts.join('')}--${BOUNDARY}--\r\n`;
}

/** One part of the answer, not yet understood. */
export interface Part {
  /** Of the id it answers; undefined where it does not say. */
  place: number | undefined;
  status: number;
  headers: { get(name: string): string | null };
  body: string;
}

/** Undefined: no answer to a call. The nested HTTP answer may have headers of its own or none. */
export function readPart(bytes: Buffer): Part | undefined {
  const text = bytes.toString();
  const outer = splitHead(text, 0);
  const inner = splitHead(text, outer.next);
  const [, status] = /^HTTP\/[\d.]+ +(\d{3})/.exec(inner.head) ?? [];
  if (status === undefined) return undefined;
  const [, place] = /item-(\d+)/.exec(headerOf(outer.head, 'content-id') ?? '') ?? [];
  return {
    place: place === undefined ? undefined : Number(place),
    status: Number(status),
    headers: { get: (name) => headerOf(inner.head, name) },
    body: text.slice(inner.next),
  };
}

/** What a part says of its message; undefined where it says nothing that can be used. */
export function outcomeOf(id: string, part: Part, now: number): { read: MessageRead; failure?: Failure } {
  if (part.status === 200) {
    const message = messageOf(part.body);
    return { read: message?.id === id ? { state: 'read', id, message } : { state: 'later', id, limited: false } };
  }
  const failure = readFailure(part.status, part.headers, part.body, now);
  return { read: unread(id, failure), failure };
}

function unread(id: string, failure: Failure): MessageRead {
  const { status, reason, retryAfterMs } = failure;
  if (status === 404) return { state: 'gone', id };
  const limited = isLimited(failure);
  if (limited || mayPass(failure)) return { state: 'later', id, limited, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  return { state: 'refused', id, status, reason };
}

/** Google's client does no more than parse, either. */
function messageOf(body: string): GmailMessage | undefined {
  try {
    const message: unknown = JSON.parse(body);
    return typeof message === 'object' && message !== null ? (message as GmailMessage) : undefined;
  } catch {
    return undefined;
  }
}

/** Lines up to the first empty one; all that is left where there is none. */
function splitHead(text: string, from: number): { head: string; next: number } {
  const none = /\r?\n/y;
  none.lastIndex = from;
  if (none.test(text)) return { head: '', next: none.lastIndex };
  const ends = /\r?\n\r?\n/g;
  ends.lastIndex = from;
  const end = ends.exec(text);
  return end ? { head: text.slice(from, end.index), next: end.index + end[0].length } : { head: text.slice(from), next: text.length };
}

function headerOf(head: string, name: string): string | null {
  const line = head.split(/\r?\n/).find((candidate) => candidate.toLowerCase().startsWith(`${name}:`));
  return line === undefined ? null : line.slice(name.length + 1).trim();
}
