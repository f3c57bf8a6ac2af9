import { setImmediate as nextTurn } from 'node:timers/promises';

/** Bytes read without letting the event loop have its turn: a few milliseconds. */
const READ_AT_ONCE = 1_048_576;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;

/**
 * Reads a JSON object one of whose members is a long list of objects, in the pieces in which it arrives: each item goes to `take` as soon as it
 * is whole, and the object is answered with that list empty. Parsed at once, an answer of 16 MB would stop the event loop for a tenth of a
 * second and take its memory three times. Throws `SyntaxError` for what is no JSON, or breaks off.
 */
export async function readJsonList(body: AsyncIterable<Uint8Array>, list: string, take: (item: unknown) => void): Promise<unknown> {
  const scanner = createScanner(list, take);
  let unseen = 0;
  for await (const chunk of body) {
    scanner.read(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    unseen += chunk.byteLength;
    if (unseen >= READ_AT_ONCE) {
      unseen = 0;
      await nextTurn();
    }
  }
  return JSON.parse(scanner.rest());
}

/** Knows only strings, brackets and commas: whether the pieces are JSON, `JSON.parse` says. */
function createScanner(list: string, take: (item: unknown) => void): { read(chunk: Buffer): void; rest(): string } {
  const beginsList = new RegExp(`"${list}"\\s*:\\s*\\[$`);
  /** Of the object without the list's items, and of the item that has begun. */
  const rest: Buffer[] = [];
  let item: Buffer[] = [];
  let depth = 0;
  let inString = false;
  let escaped = false;
  let inList = false;

  const endItem = (): void => {
    const text = Buffer.concat(item).toString().trim();
    item = [];
    if (text !== '') take(JSON.parse(text));
  };

  const read = (chunk: Buffer): void => {
    const find = createFinder(chunk);
    let from = 0;
    const cut = (to: number): void => {
      (inList ? item : rest).push(chunk.subarray(from, to));
      from = to;
    };
    /** To the end of the string, or of what can be told. Nearly all of an answer is strings: searching is ten times as fast as looking at each byte. */
    const skipString = (at: number): number => {
      if (escaped) {
        escaped = false;
        return at;
      }
      const [quote, backslash] = [find(QUOTE, at), find(BACKSLASH, at)];
      escaped = backslash < quote;
      inString = quote >= backslash;
      return Math.min(quote, backslash);
    };
    const enter = (byte: number, at: number): void => {
      depth += 1;
      if (byte !== BRACKET || depth !== 2) return;
      cut(at + 1);
      inList = beginsList.test(Buffer.concat(rest).toString());
    };
    const leave = (at: number): void => {
      depth -= 1;
      if (!inList || depth !== 1) return;
      cut(at);
      inList = false;
      endItem();
    };
    const separate = (at: number): void => {
      if (!inList || depth !== 2) return;
      cut(at);
      from = at + 1;
      endItem();
    };
    for (let at = 0; at < chunk.length; at += 1) {
      if (inString) {
        at = skipString(at);
        continue;
      }
      const byte = chunk[at] ?? 0;
      if (byte === QUOTE) inString = true;
      else if (byte === BRACE || byte === BRACKET) enter(byte, at);
      else if (byte === CLOSING_BRACE || byte === CLOSING_BRACKET) leave(at);
      else if (byte === COMMA) separate(at);
    }
    cut(chunk.length);
  };

  return { read, rest: () => Buffer.concat(rest).toString() };
}

/** Where a byte comes next, at or after a place; `chunk.length` where it does not. Remembers, so that what is rare is not searched for again and again. */
function createFinder(chunk: Buffer): (byte: number, at: number) => number {
  const next = new Map<number, number>();
  return (byte, at) => {
    const known = next.get(byte);
    if (known !== undefined && known >= at) return known;
    const found = chunk.indexOf(byte, at);
    next.set(byte, found < 0 ? chunk.length : found);
    return found < 0 ? chunk.length : found;
  };
}
