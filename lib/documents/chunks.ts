import { estimateTokens } from '../ai/tokens.ts';
import type { Chunk, ReadBlock } from './contract.ts';
import { BLANK_LINE, type Piece, piecesOf } from './pieces.ts';

/** Grows when the same blocks are cut otherwise. */
export const CHUNKS_VERSION = 1;

export interface ChunkOptions {
  /** Tokens, as estimated. Smaller: findings are placed more exactly, and clauses are torn apart more often. Default 800. */
  target?: number;
  /** No chunk has more. Default: half as much again as the target. */
  bound?: number;
}

/**
 * Cuts a document into chunks of about `target` tokens: at headings, else at the ends of clauses, paragraphs, sentences, in this order. Takes time in
 * proportion to the text. The same blocks give the same chunks.
 */
export function chunk(blocks: readonly ReadBlock[], { target = 800, bound = Math.ceil(target * 1.5) }: ChunkOptions = {}): Chunk[] {
  const filled = blocks.map((block) => ({ ...block, text: block.text.trim() })).filter(({ text }) => text !== '');
  const pieces = piecesOf(filled, { bound, whole: Math.max(1, Math.floor(target / 4)) });
  const text = filled.map((block) => block.text).join(BLANK_LINE);
  const sections = sectionsOf(filled);
  return rangesOf(pieces, target, bound).map((range) => toChunk(text, filled, sections, range));
}

/** What being short of the target, and beyond it, may cost at most: less than lies between two kinds of places to break at. */
const COST_OF_SHORT = 0.15;
const COST_OF_LONG = 0.1;
/** Shorter parts of the target are fragments, and cost more than any place to break at is worth. */
const FRAGMENT = 1 / 8;
const COST_OF_FRAGMENT = 3;
/** As good as the best heading. */
const END = 3;

/** Pieces that become one chunk. */
type Range = readonly [first: Piece, ...rest: Piece[]];

function rangesOf(pieces: readonly Piece[], target: number, bound: number): Range[] {
  const ranges: Range[] = [];
  let from = 0;
  while (from < pieces.length) {
    const to = endOf(pieces, from, target, bound);
    const [first, ...rest] = pieces.slice(from, to);
    if (first) ranges.push([first, ...rest]);
    from = to;
  }
  return ranges;
}

/** The best end for a chunk that begins with the piece `from`: the index of the piece that the next begins with. */
function endOf(pieces: readonly Piece[], from: number, target: number, bound: number): number {
  let best = { end: from + 1, worth: Number.NEGATIVE_INFINITY };
  let tokens = pieces[from]?.tokens ?? 0;
  for (let end = from + 1; tokens <= bound && end <= pieces.length; end += 1) {
    const next = pieces[end];
    // All that is left makes one chunk when it is not too much.
    if (!next && tokens <= target) return end;
    const worth = (next?.strength ?? END) - costOf(tokens, target, bound);
    if (worth >= best.worth) best = { end, worth };
    tokens += next?.tokens ?? 0;
  }
  return best.end;
}

function costOf(tokens: number, target: number, bound: number): number {
  if (tokens < target * FRAGMENT) return COST_OF_FRAGMENT;
  return tokens <= target ? COST_OF_SHORT * (1 - tokens / target) : (COST_OF_LONG * (tokens - target)) / (bound - target);
}

/** For each block the headings it stands below, itself included. */
function sectionsOf(blocks: readonly ReadBlock[]): string[][] {
  let open: { level: number; title: string }[] = [];
  let path: string[] = [];
  return blocks.map(({ kind, level = 1, text }) => {
    if (kind === 'heading') {
      open = [...open.filter((heading) => heading.level < level), { level, title: text.replace(/\s+/gu, ' ') }];
      path = open.map(({ title }) => title);
    }
    return path;
  });
}

function toChunk(document: string, blocks: readonly ReadBlock[], sections: readonly string[][], range: Range): Chunk {
  const [{ start, block: first }] = range;
  const { end, block: last } = range.at(-1) ?? range[0];
  const text = document.slice(start, end);
  const indices = Array.from({ length: last - first + 1 }, (_, at) => first + at);
  const bodies = indices.filter((index) => blocks[index]?.kind !== 'heading');
  return {
    text,
    kind: bodies.length > 0 && bodies.every((index) => blocks[index]?.kind === 'table') ? 'table' : 'text',
    section: commonStart((bodies.length > 0 ? bodies : indices).map((index) => sections[index] ?? [])),
    spans: spansOf(blocks, range),
    tokens: estimateTokens(text),
  };
}

/** The headings that all of them stand below. */
function commonStart(paths: readonly string[][]): string[] {
  const [first = [], ...others] = paths;
  const differs = first.findIndex((title, depth) => others.some((path) => path[depth] !== title));
  return differs < 0 ? first : first.slice(0, differs);
}

function spansOf(blocks: readonly ReadBlock[], range: Range): Chunk['spans'] {
  const [{ start: chunkStart }] = range;
  const spans: Chunk['spans'] = [];
  for (const { start, block } of range) {
    const page = blocks[block]?.page ?? 1;
    if (page !== spans.at(-1)?.page) spans.push({ page, start: start - chunkStart });
  }
  return spans;
}
