/** Splits a mail into its MIME parts, as far as Gmail's `payload` needs it. Bytes are kept in latin1 strings until they are decoded. */
import { decodeWords, parameters } from './mime-values.ts';

export interface MimePart {
  /** In their order, unfolded, otherwise as in the mail. */
  headers: { name: string; value: string }[];
  mimeType: string;
  charset: string;
  /** Empty where there is none. */
  filename: string;
  isAttachment: boolean;
  /** Transfer encoding undone; empty for containers. */
  body: Buffer;
  parts: MimePart[];
}

/** Deeper than any mail that is meant well. */
const MAX_DEPTH = 20;

export function parseMime(eml: Buffer): MimePart {
  return parsePart(eml.toString('latin1'), 'text/plain', 0);
}

function parsePart(source: string, defaultType: string, depth: number): MimePart {
  const { head, body } = splitHead(source);
  const headers = parseHeaders(head);
  const get = (name: string): string => headers.find((header) => header.name.toLowerCase() === name)?.value ?? '';
  const type = parameters(get('content-type'));
  const disposition = parameters(get('content-disposition'));
  const mimeType = /^[^\s/]+\/[^\s/]+$/.test(type.value) ? type.value : defaultType;
  const bytes = decodeTransfer(body, get('content-transfer-encoding').trim().toLowerCase());
  const parts = depth < MAX_DEPTH ? childrenOf({ mimeType, boundary: type.parameters.boundary, body, bytes, depth }) : [];
  const isContainer = mimeType.startsWith('multipart/') && parts.length > 0;
  return {
    headers,
    mimeType,
    charset: type.parameters.charset ?? 'utf-8',
    filename: decodeWords(disposition.parameters.filename ?? type.parameters.name ?? ''),
    isAttachment: disposition.value === 'attachment',
    body: isContainer ? Buffer.alloc(0) : bytes,
    parts,
  };
}

interface Container {
  mimeType: string;
  boundary: string | undefined;
  body: string;
  bytes: Buffer;
  depth: number;
}

function childrenOf({ mimeType, boundary, body, bytes, depth }: Container): MimePart[] {
  if (mimeType === 'message/rfc822') return [parsePart(bytes.toString('latin1'), 'text/plain', depth + 1)];
  if (!mimeType.startsWith('multipart/') || !boundary) return [];
  const type = mimeType === 'multipart/digest' ? 'message/rfc822' : 'text/plain';
  return splitAtBoundary(body, boundary).map((part) => parsePart(part, type, depth + 1));
}

function splitHead(source: string): { head: string; body: string } {
  const empty = /^\r?\n/.exec(source);
  if (empty) return { head: '', body: source.slice(empty[0].length) };
  const end = /\r?\n\r?\n/.exec(source);
  return end ? { head: source.slice(0, end.index), body: source.slice(end.index + end[0].length) } : { head: source, body: '' };
}

export function parseHeaders(head: string): { name: string; value: string }[] {
  const lines = head.replace(/\r?\n(?=[ \t])/g, '').split(/\r?\n/);
  return lines.flatMap((line) => {
    const colon = line.indexOf(':');
    if (colon < 1 || /\s/.test(line.slice(0, colon).trimEnd())) return [];
    return [{ name: line.slice(0, colon).trimEnd(), value: Buffer.from(line.slice(colon + 1).trim(), 'latin1').toString('utf8') }];
  });
}

/** The line break before a boundary belongs to it. */
function splitAtBoundary(body: string, boundary: string): string[] {
  const parts: string[] = [];
  let start: number | undefined;
  for (let at = 0; at <= body.length; ) {
    const newline = body.indexOf('\n', at);
    const end = newline === -1 ? body.length : newline + 1;
    const line = body.startsWith('--', at) ? body.slice(at, end).trimEnd() : '';
    const isEnd = line === `--${boundary}--`;
    if (isEnd || line === `--${boundary}`) {
      if (start !== undefined) parts.push(withoutLastBreak(body.slice(start, at)));
      start = isEnd ? undefined : end;
      if (isEnd) break;
    }
    if (newline === -1) break;
    at = end;
  }
  if (start !== undefined) parts.push(body.slice(start));
  return parts;
}

function withoutLastBreak(text: string): string {
  return text.replace(/\r?\n$/, '');
}

function decodeTransfer(body: string, encoding: string): Buffer {
  if (encoding === 'base64') return Buffer.from(body.replace(/[^A-Za-z0-9+/=]/g, ''), 'base64');
  if (encoding === 'quoted-printable') return decodeQuotedPrintable(body);
  return Buffer.from(body, 'latin1');
}

function decodeQuotedPrintable(body: string): Buffer {
  const joined = body.replace(/[ \t]+(?=\r?\n)/g, '').replace(/=\r?\n/g, '');
  return Buffer.from(
    joined.replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}
