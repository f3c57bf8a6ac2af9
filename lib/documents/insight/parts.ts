import { eachAtOnce } from '../../ai/at-once.ts';
import type { Chunk } from '../contract.ts';
import { BLANK_LINE } from '../pieces.ts';
import { PART_TOKENS, PARTS_AT_ONCE } from './limits.ts';

/** Chunks that follow each other and fit into one question. */
export interface Part {
  /** From 1. */
  number: number;
  of: number;
  chunks: readonly Chunk[];
  /** Ascending, without repetition. */
  pages: readonly number[];
}

/** As few parts as hold the chunks in their order, of at most `limit` tokens each; a chunk that has more is a part of its own. */
export function partsOf(chunks: readonly Chunk[], limit = PART_TOKENS): Part[] {
  const groups = grouped(chunks, limit, ({ tokens }) => tokens);
  return groups.map((group, index) => ({ number: index + 1, of: groups.length, chunks: group, pages: pagesOf(group) }));
}

/** Items that follow each other, in groups of at most `limit` in sum. */
export function grouped<T>(items: readonly T[], limit: number, sizeOf: (item: T) => number): T[][] {
  const groups: T[][] = [];
  let room = 0;
  for (const item of items) {
    const last = groups.at(-1);
    const size = sizeOf(item);
    if (last && size <= room) last.push(item);
    else groups.push([item]);
    room = (last && size <= room ? room : limit) - size;
  }
  return groups;
}

export function pagesOf(chunks: readonly Chunk[]): number[] {
  return [...new Set(chunks.flatMap(({ spans }) => spans.map(({ page }) => page)))].sort((one, other) => one - other);
}

export function textOf({ chunks }: Pick<Part, 'chunks'>): string {
  return chunks.map(({ text }) => text).join(BLANK_LINE);
}

/** The text with a line such as `[page 12]` where a page begins. */
export function markedText({ chunks }: Pick<Part, 'chunks'>): string {
  const lines: string[] = [];
  let page: number | undefined;
  for (const { text, spans } of chunks) {
    for (const [index, { page: next, start }] of spans.entries()) {
      if (next !== page) lines.push(pageMark(next));
      page = next;
      lines.push(text.slice(start, spans[index + 1]?.start ?? text.length).trim());
    }
    if (spans.length === 0) lines.push(text);
    lines.push('');
  }
  return lines.join('\n').trim().toWellFormed();
}

export function pageMark(page: number): string {
  return `[page ${page}]`;
}

/** Does `work` for every item, several at a time; the answers in the order of the items. */
export async function mapAtOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  await eachAtOnce([...items.entries()], PARTS_AT_ONCE, async ([index, item]) => {
    answers[index] = await work(item);
  });
  return answers;
}
