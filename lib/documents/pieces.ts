import { estimateTokens } from '../ai/tokens.ts';
import { clauseDepth, DEEPEST_CLAUSE } from './clauses.ts';
import type { ReadBlock } from './contract.ts';

/** A part of the document's text that chunks are put together from. Between two there is only white space, but within words longer than any chunk. */
export interface Piece {
  /** In the text, in UTF-16 units. */
  start: number;
  end: number;
  /** How well a chunk may begin with it: see `BREAK`. */
  strength: number;
  /** With the white space before it. */
  tokens: number;
  block: number;
}

/** How well a chunk may begin at a place. The distances are larger than what being too short or too long costs: see `chunks.ts`. */
const BREAK = {
  /** After a heading: it would stand alone. */
  glued: -1,
  word: 0,
  line: 0.2,
  row: 0.4,
  sentence: 0.4,
  /** Of a clause that has begun before it. */
  paragraphOfClause: 0.6,
  clause: (depth: number): number => 0.6 + 0.2 * (DEEPEST_CLAUSE + 1 - depth),
  paragraph: 1.6,
  heading: (level: number): number => 1.8 + 0.2 * (7 - Math.min(6, Math.max(1, level))),
};

/** Of two blocks. */
export const BLANK_LINE = '\n\n';

/** Put together again, parts of a word that are short by themselves count as a long one: see `estimateTokens`. */
const UNITS_PER_TOKEN_OF_LONG_WORDS = 1.5;

export interface Limits {
  /** No piece has more tokens. */
  bound: number;
  /** Text with more tokens is cut at its clauses, paragraphs and sentences. */
  whole: number;
}

/** All blocks, already without white space around them, in order and without a gap. */
export function piecesOf(blocks: readonly ReadBlock[], limits: Limits): Piece[] {
  const pieces: Piece[] = [];
  let start = 0;
  let inClause = false;
  blocks.forEach((block, index) => {
    const depth = block.kind === 'text' ? clauseDepth(block.text) : 0;
    inClause = block.kind !== 'heading' && (inClause || depth > 0);
    const strength = blocks[index - 1]?.kind === 'heading' ? BREAK.glued : strengthOf(block, depth, inClause);
    const [first, ...others] = cutsOf(block, limits, inClause);
    const cuts = [{ at: first?.at ?? 0, strength }, ...others];
    for (const [cut, next] of cuts.map((each, at) => [each, cuts[at + 1]] as const)) {
      pieces.push(pieceOf(block.text, cut, next?.at ?? block.text.length, { start, index }));
    }
    start += block.text.length + BLANK_LINE.length;
  });
  return pieces;
}

function pieceOf(all: string, { at, strength }: Cut, end: number, { start, index }: { start: number; index: number }): Piece {
  const text = all.slice(at, end);
  const tokens = estimateTokens(at === 0 ? BLANK_LINE + text : text);
  const isPartOfWord = isInsideWord(all, at) || isInsideWord(all, end);
  return {
    start: start + at,
    end: start + at + text.trimEnd().length,
    strength,
    tokens: isPartOfWord ? Math.max(tokens, Math.ceil(text.length / UNITS_PER_TOKEN_OF_LONG_WORDS)) : tokens,
    block: index,
  };
}

const isInsideWord = (text: string, at: number): boolean => at > 0 && at < text.length && !/\s/.test(text[at - 1] ?? '');

function strengthOf({ kind, level = 1 }: ReadBlock, depth: number, inClause: boolean): number {
  if (kind === 'heading') return BREAK.heading(level);
  if (depth > 0) return BREAK.clause(depth);
  return inClause ? BREAK.paragraphOfClause : BREAK.paragraph;
}

/** Where the next piece of a block begins. */
interface Cut {
  at: number;
  strength: number;
}

function cutsOf({ text, kind }: ReadBlock, { bound, whole }: Limits, inClause: boolean): Cut[] {
  const tokens = estimateTokens(text);
  if (tokens <= (kind === 'table' ? bound : whole)) return [{ at: 0, strength: 0 }];
  const natural = kind === 'table' ? rowCuts(text) : textCuts(text, inClause);
  return natural.flatMap((cut, index) => forcedCuts(text, cut, natural[index + 1]?.at ?? text.length, whole));
}

function rowCuts(text: string): Cut[] {
  return [{ at: 0, strength: 0 }, ...[...text.matchAll(/\n\s*/g)].map(({ index, 0: gap }) => ({ at: index + gap.length, strength: BREAK.row }))];
}

/** Line breaks; ends of sentences, which in Chinese and Japanese no space follows. */
const PLACES = /\n\s*|(?<=[.!?;…]["'”’)\]]*)[ \t]+(?=["'“‘([]?[\p{Lu}\p{N}])|(?<=[。！？])(?=\S)/gu;
/** What ends with a point and is followed by a name or number, but ends no sentence. */
const ABBREVIATION = /(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Nr|Art|Sec|para|cl|vs|v|Inc|Ltd|Co|Corp|approx|e\.g|i\.e|cf)|\b\p{Lu})\.$/u;
const ENDS_SENTENCE = /[.!?;:…。！？]["'”’)\]]*$/u;
const LOOKED_BACK = 12;

function textCuts(text: string, inClause: boolean): Cut[] {
  const cuts: Cut[] = [{ at: 0, strength: 0 }];
  for (const { index, 0: gap } of text.matchAll(PLACES)) {
    const at = index + gap.length;
    const before = text.slice(Math.max(0, index - LOOKED_BACK), index);
    if (gap.startsWith('\n')) cuts.push({ at, strength: strengthOfLine(text, at, gap, before, inClause) });
    else if (!ABBREVIATION.test(before)) cuts.push({ at, strength: BREAK.sentence });
  }
  return cuts;
}

function strengthOfLine(text: string, at: number, gap: string, before: string, inClause: boolean): number {
  const depth = clauseDepth(text.slice(at, at + 100));
  if (depth > 0) return BREAK.clause(depth);
  if (/\n[^\S\n]*\n/.test(gap)) return inClause ? BREAK.paragraphOfClause : BREAK.paragraph;
  return ENDS_SENTENCE.test(before) ? BREAK.sentence : BREAK.line;
}

/** What has no place to break for longer than `most` tokens is cut between words, and a word that is longer by itself anywhere. */
function forcedCuts(text: string, first: Cut, end: number, most: number): Cut[] {
  if (estimateTokens(text.slice(first.at, end)) <= most) return [first];
  const cuts = [first];
  let tokens = 0;
  for (const { index, 0: word } of text.slice(first.at, end).matchAll(/\S+\s*/g)) {
    const size = estimateTokens(word);
    if (tokens > 0 && tokens + size > most) {
      cuts.push({ at: first.at + index, strength: BREAK.word });
      tokens = 0;
    }
    tokens += size;
    if (size > most) cuts.push(...wordCuts(text, first.at + index, first.at + index + word.length, most));
  }
  return cuts;
}

/** The most that is counted for one UTF-16 unit: see `estimateTokens`. */
const TOKENS_PER_UNIT = 2.5;

function wordCuts(text: string, start: number, end: number, most: number): Cut[] {
  const length = Math.max(2, Math.floor(most / TOKENS_PER_UNIT));
  const cuts: Cut[] = [];
  for (let at = start + length; at < end; at += length) {
    if (isLowSurrogate(text.charCodeAt(at))) at -= 1;
    if (text.slice(at, end).trim() !== '') cuts.push({ at, strength: BREAK.glued });
  }
  return cuts;
}

const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;
