import type { Chunk } from './contract.ts';
import { type Letters, lettersOf } from './letters.ts';
import { BLANK_LINE } from './pieces.ts';

export interface DocumentText {
  text: string;
  /** Offsets are in UTF-16 units of `text`; what lies outside of it belongs to its first or last chunk. Undefined only for a document without chunks. */
  chunkAt(offset: number): Chunk | undefined;
  pageAt(offset: number): number | undefined;
  /** The headings, outermost first. */
  sectionAt(offset: number): string[];
}

/** A document's text put together again from its chunks. */
export function documentText(chunks: readonly Chunk[]): DocumentText {
  const placed: { start: number; chunk: Chunk }[] = [];
  let next = 0;
  for (const chunk of chunks) {
    placed.push({ start: next, chunk });
    next += chunk.text.length + BLANK_LINE.length;
  }
  const at = (offset: number) => lastStarting(placed, offset);
  return {
    text: chunks.map(({ text }) => text).join(BLANK_LINE),
    chunkAt: (offset) => at(offset)?.chunk,
    pageAt: (offset) => {
      const found = at(offset);
      return found && lastStarting(found.chunk.spans, offset - found.start)?.page;
    },
    sectionAt: (offset) => at(offset)?.chunk.section ?? [],
  };
}

/** The last that begins at or before the offset, else the first. */
function lastStarting<T extends { start: number }>(sorted: readonly T[], offset: number): T | undefined {
  let low = 0;
  let high = sorted.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle]?.start ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return sorted[low];
}

export interface FoundQuote {
  /** The passage as it stands in the text. */
  quote: string;
  /** In UTF-16 units; `text.slice(start, end)` is `quote`. */
  start: number;
  end: number;
}

export interface QuoteFinder {
  find(quote: string): FoundQuote | undefined;
}

/** Characters. Shorter ones stand everywhere and prove nothing. */
const SHORTEST_QUOTE = 12;

/** See `createQuoteFinder`, which is for more than one quote of the same text. */
export function findQuote(text: string, quote: string): FoundQuote | undefined {
  return createQuoteFinder(text).find(quote);
}

/**
 * Finds whole words as quoted, wherever they stand first. White space, hyphens and dashes, kinds of quotation marks, ligatures and ways to write an
 * accent may differ, and the first letter may be a capital. All else must be in the text to the letter: also dots that stand for something left out.
 * Takes time in proportion to the text, for each quote.
 */
export function createQuoteFinder(text: string): QuoteFinder {
  const letters = lettersOf(text);
  return {
    find: (quote) => {
      const bare = withoutMarks(quote);
      const asked = lettersOf(bare).codes;
      if (bare.length < SHORTEST_QUOTE || asked.length < SHORTEST_QUOTE / 2) return undefined;
      for (const index of occurrences(letters.codes, asked)) {
        const found = passage(text, letters, index, asked.length);
        if (found) return found;
      }
      return undefined;
    },
  };
}

/** What quotes are put in is not part of them. */
function withoutMarks(quote: string): string {
  return quote.replace(/^[\s"'“”‘’„«»]+|[\s"'“”‘’„«»]+$/gu, '');
}

/** Where `asked` begins in `codes`, its first letter in either case: Knuth, Morris and Pratt's search for the rest of it, which never looks back. */
function* occurrences(codes: Uint32Array, asked: Uint32Array): Generator<number> {
  const [first = 0] = asked;
  const rest = asked.subarray(1);
  const borders = bordersOf(rest);
  let matched = 0;
  for (let at = 1; at < codes.length; at += 1) {
    while (matched > 0 && codes[at] !== rest[matched]) matched = borders[matched - 1] ?? 0;
    if (codes[at] === rest[matched]) matched += 1;
    if (matched < rest.length) continue;
    const start = at - rest.length;
    if (sameLetter(codes[start] ?? 0, first)) yield start;
    matched = borders[matched - 1] ?? 0;
  }
}

/** For each beginning of a pattern, the length of the longest shorter one that it ends with. */
function bordersOf(pattern: Uint32Array): Uint32Array {
  const borders = new Uint32Array(pattern.length);
  let length = 0;
  for (let at = 1; at < pattern.length; at += 1) {
    while (length > 0 && pattern[at] !== pattern[length]) length = borders[length - 1] ?? 0;
    if (pattern[at] === pattern[length]) length += 1;
    borders[at] = length;
  }
  return borders;
}

function sameLetter(one: number, other: number): boolean {
  return one === other || String.fromCodePoint(one).toLowerCase() === String.fromCodePoint(other).toLowerCase();
}

/** Undefined where it begins or ends inside a word. */
function passage(text: string, { starts, ends }: Letters, index: number, length: number): FoundQuote | undefined {
  const start = starts[index] ?? 0;
  const end = ends[index + length - 1] ?? start;
  // One character may stand for several letters.
  const insideCharacter = starts[index - 1] === start || ends[index + length] === end;
  return insideCharacter || isInsideWord(text, start) || isInsideWord(text, end) ? undefined : { quote: text.slice(start, end), start, end };
}

const WORD = /[\p{L}\p{N}\p{M}]/u;

function isInsideWord(text: string, at: number): boolean {
  const before = Array.from(text.slice(Math.max(0, at - 2), at)).at(-1) ?? '';
  const [after = ''] = text.slice(at, at + 2);
  return WORD.test(before) && WORD.test(after);
}
