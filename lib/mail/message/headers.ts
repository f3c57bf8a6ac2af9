import type { GmailMessage } from '../contract.ts';
import { type DecodeWords, decodeText } from './charset.ts';
import { LONGEST_HEADER, LONGEST_HEADER_NAME, LONGEST_HEADERS, MOST_HEADERS } from './limits.ts';
import { cut, storable } from './storable.ts';

export type RawHeaders = NonNullable<GmailMessage['payload']>['headers'];

export interface Headers {
  /** As sent, unfolded; undefined where there is none. The first of several. */
  raw(name: string): string | undefined;
  /** Of all headers of that name. */
  rawAll(name: string): string[];
  /** With encoded words decoded, for people to read. */
  text(name: string): string | undefined;
  /** All of them: names in lower case, values decoded and in their order. */
  all(): Record<string, string[]>;
}

/** Headers of a message or of one of its parts, up to the limits in `limits.ts`. */
export function readHeaders(list: RawHeaders, decodeWords: DecodeWords): Headers {
  const values = new Map<string, string[]>();
  let left = LONGEST_HEADERS;
  for (const { name, value } of (Array.isArray(list) ? list : []).slice(0, MOST_HEADERS).filter((header) => header && typeof header === 'object')) {
    if (left <= 0) break;
    const key = storable(asText(name)).trim().toLowerCase().slice(0, LONGEST_HEADER_NAME);
    const whole = cut(unfolded(asText(value)), Math.min(LONGEST_HEADER, left));
    left -= whole.length;
    if (key) values.set(key, [...(values.get(key) ?? []), withBytesRead(whole, decodeWords)]);
  }
  const readable = (value: string): string => storable(decodeWords(value)).trim();
  return {
    raw: (name) => values.get(name)?.[0],
    rawAll: (name) => values.get(name) ?? [],
    text: (name) => values.get(name)?.slice(0, 1).map(readable)[0],
    all: () => Object.fromEntries([...values].map(([name, list]) => [name, list.map(readable)])),
  };
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A line break goes, the white space after it stays. */
function unfolded(value: string): string {
  return storable(value)
    .replace(/\r?\n(?=[ \t])/g, '')
    .replace(/[\r\n]+/g, ' ')
    .trim();
}

/** Raw bytes that came as one character each are put together again: UTF-8 where they are, else Windows-1252. */
function withBytesRead(value: string, decodeWords: DecodeWords): string {
  const isBytes = /[\u0080-\u00ff]/.test(value) && !/[\u0100-\uffff]/.test(value);
  return isBytes ? decodeText(Buffer.from(value, 'latin1'), undefined, decodeWords) : value;
}
