/** A mail as it came over the wire (RFC 822), made into what is stored of it. */
import type { Email } from 'postal-mime';
import { PermanentError } from '../errors.ts';
import type { GmailMessage } from '../mail/contract.ts';
import { messageIdsIn, plainMessageId, type ThreadIds } from './message-ids.ts';
import { loadMessageReader, type StoredEmail, storedEmail } from './stored.ts';

export type ParsedEmail = StoredEmail;

/** Bytes of a mail with its attachments: what Gmail and Outlook let through. */
export const LARGEST_EMAIL = 25 * 1024 * 1024;
/** The parser keeps an object for each line: millions of empty ones take gigabytes. Base64 of the largest mail has 340,000. */
const MOST_LINES = 500_000;
/** Lines of text take 10 µs each; those of base64 are longer. */
const MOST_SHORT_LINES = 100_000;
const SHORTER_THAN = 60;
/** Lines that may divide parts, each of which becomes a node. */
const MOST_DIVIDERS = 20_000;

/**
 * Throws `PermanentError`: `email_too_large` (more than 25 MiB, or made of more lines or parts than any mail that is meant well),
 * `email_unreadable` (it has none of the headers that a mail has, or its parts lie too deep). Takes about 20 ms per MiB without a pause.
 */
export async function parseEmail(bytes: Uint8Array): Promise<ParsedEmail> {
  checkSize(bytes);
  const [email, read] = await Promise.all([parsed(bytes), loadMessageReader()]);
  if (!email.headers.some(({ key }) => IDENTIFYING.has(key))) throw unreadable('it has no From, To, Date, Subject or Message-ID');
  return storedEmail(read(asGmailMessage(email)), idsOf(email));
}

const IDENTIFYING = new Set(['from', 'to', 'date', 'subject', 'message-id']);

function checkSize(bytes: Uint8Array): void {
  if (bytes.byteLength > LARGEST_EMAIL) throw tooLarge(`it has more than ${LARGEST_EMAIL / 1024 / 1024} MiB`);
  const { lines, short, dividers } = countLines(bytes);
  if (lines > MOST_LINES || short > MOST_SHORT_LINES) throw tooLarge(`it has more than ${MOST_SHORT_LINES} lines`);
  if (dividers > MOST_DIVIDERS) throw tooLarge(`it may have more than ${MOST_DIVIDERS} parts`);
}

const NEWLINE = 0x0a;
const DASH = 0x2d;

function countLines(bytes: Uint8Array): { lines: number; short: number; dividers: number } {
  const count = { lines: 1, short: 0, dividers: 0 };
  let start = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1 && count.lines <= MOST_LINES; at = bytes.indexOf(NEWLINE, start)) {
    count.lines += 1;
    if (at - start < SHORTER_THAN) count.short += 1;
    start = at + 1;
    if (bytes[start] === DASH && bytes[start + 1] === DASH) count.dividers += 1;
  }
  return count;
}

async function parsed(bytes: Uint8Array): Promise<Email> {
  const { default: PostalMime } = await import('postal-mime');
  try {
    return await PostalMime.parse(bytes);
  } catch (cause) {
    throw unreadable('its parts lie too deep, or its headers are too long', cause);
  }
}

/** Both forms of the body, and reports of mail programs, in the shape that the reader of Gmail's messages knows. */
function asGmailMessage({ headers, text, html, attachments }: Email): GmailMessage {
  const bodies = [part('text/plain; charset=utf-8', text), part('text/html; charset=utf-8', html)].flat();
  const reports = attachments.flatMap(({ mimeType, content }) => (mimeType.startsWith('message/') ? part(mimeType, contentOf(content)) : []));
  const body = { mimeType: 'multipart/alternative', parts: bodies };
  const own = headers.filter(({ key }) => !key.startsWith('content-')).map(({ originalKey, value }) => ({ name: originalKey, value }));
  return { payload: { mimeType: 'multipart/mixed', headers: own, parts: [body, ...reports] } };
}

type GmailPart = NonNullable<GmailMessage['payload']>;

function part(type: string, content: string | Buffer | undefined): GmailPart[] {
  if (content === undefined || content.length === 0) return [];
  const bytes = Buffer.from(content);
  const [mimeType = type] = type.split(';');
  return [{ mimeType, headers: [{ name: 'Content-Type', value: type }], body: { size: bytes.length, data: bytes.toString('base64url') } }];
}

const contentOf = (content: ArrayBuffer | Uint8Array | string): Buffer =>
  typeof content === 'string' ? Buffer.from(content) : content instanceof Uint8Array ? Buffer.from(content) : Buffer.from(content);

function idsOf({ headers }: Email): ThreadIds {
  const header = (name: string) => headers.find(({ key }) => key === name)?.value;
  return {
    messageId: plainMessageId(header('message-id')),
    inReplyTo: plainMessageId(header('in-reply-to')),
    references: messageIdsIn(header('references')),
  };
}

function tooLarge(why: string): PermanentError {
  return new PermanentError(`The e-mail is too large: ${why}`, { code: 'email_too_large' });
}

function unreadable(why: string, cause?: unknown): PermanentError {
  return new PermanentError(`This is no e-mail that can be read: ${why}`, { code: 'email_unreadable', cause });
}
