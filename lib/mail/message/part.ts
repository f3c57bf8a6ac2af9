import type { GmailMessage } from '../contract.ts';
import type { DecodeWords } from './charset.ts';
import { type Headers, readHeaders } from './headers.ts';
import { DEEPEST_PART, LONGEST_PARAMETERS, MOST_PARTS } from './limits.ts';
import { readParametrised } from './parameters.ts';
import { oneLine } from './storable.ts';

type GmailPart = NonNullable<GmailMessage['payload']>;

/** A part of a message, whatever Gmail left out of it. */
export interface Part {
  /** In lower case; `text/plain` where none is named. */
  mimeType: string;
  /** Of Content-Type, names in lower case. */
  parameters: Map<string, string>;
  /** `attachment`, `inline` or ''. */
  disposition: string;
  /** Decoded; '' where there is none. */
  filename: string;
  headers: Headers;
  /** The content, encoded in base64url, where Gmail sent it along. */
  data: string;
  size: number;
  attachmentId: string | null;
  parts: Part[];
}

/** The tree of parts, bounded in depth and number. */
export function readPart(payload: GmailPart | undefined, decodeWords: DecodeWords): Part {
  let left = MOST_PARTS;
  const read = (raw: GmailPart, depth: number): Part => {
    left -= 1;
    const children = Array.isArray(raw.parts) && depth < DEEPEST_PART ? raw.parts : [];
    const parts: Part[] = [];
    for (const child of children) if (left > 0 && child && typeof child === 'object') parts.push(read(child, depth + 1));
    return { ...describe(raw, decodeWords), parts };
  };
  return read(payload && typeof payload === 'object' ? payload : {}, 0);
}

function describe(raw: GmailPart, decodeWords: DecodeWords): Omit<Part, 'parts'> {
  const headers = readHeaders(raw.headers, decodeWords);
  const type = readParametrised(headers.raw('content-type'), decodeWords);
  const disposition = readParametrised(headers.raw('content-disposition'), decodeWords);
  const { data, size, attachmentId } = raw.body ?? {};
  return {
    mimeType: mimeTypeOf(raw.mimeType, type.value),
    parameters: type.parameters,
    disposition: disposition.value,
    filename: decodeWords(
      asText(raw.filename).slice(0, LONGEST_PARAMETERS) || disposition.parameters.get('filename') || type.parameters.get('name') || '',
    ),
    headers,
    data: asText(data),
    size: typeof size === 'number' && size >= 0 ? Math.trunc(size) : 0,
    attachmentId: asText(attachmentId) || null,
  };
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

const MIME_TYPE = /^[^\s/;]{1,100}\/[^\s/;]{1,100}$/;

function mimeTypeOf(...named: unknown[]): string {
  const types = named.map((type) => oneLine(asText(type)).toLowerCase());
  return types.find((type) => MIME_TYPE.test(type)) ?? 'text/plain';
}
