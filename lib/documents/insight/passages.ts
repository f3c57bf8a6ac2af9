import { setImmediate as nextTurn } from 'node:timers/promises';

/** Sentences, rows and headings of a text, each with its exact place. */
export interface Passage {
  /** `source.slice(start, end)`, with single spaces for white space. */
  text: string;
  start: number;
  end: number;
}

export interface PagePassage extends Passage {
  page: number | null;
}

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });
const ABBREVIATION =
  /(?:\b(?:Mr|Mrs|Ms|Dr|St|Inc|Corp|Ltd|Co|No|Nos|Sec|Art|Fig|vs?|etc|e\.g|i\.e|approx|cf|al|Jan|Feb|Aug|Sept?|Oct|Nov|Dec)\.|\b\p{Lu}\.|\b\d{1,3}\.)\s*$/u;

/** Characters read without letting the event loop have its turn: about a millisecond. */
const AT_ONCE = 3_000;

/** Reads on where a line was only wrapped: what ends at a line break is told by its punctuation, its length and how the next line begins. */
export async function passagesOf(source: string): Promise<Passage[]> {
  const found: Passage[] = [];
  let turn = 0;
  for (const { start, end } of linesOf(source)) {
    if (end - turn > AT_ONCE) {
      turn = end;
      await nextTurn();
    }
    found.push(...sentencesIn(source, start, end));
  }
  return found;
}

function linesOf(source: string): { start: number; end: number }[] {
  const blocks: { start: number; end: number }[] = [];
  let start = 0;
  for (const { index, 0: gap } of source.matchAll(/[^\S\n]*\n\s*/gu)) {
    if (index < start || !endsLine(source, start, index, gap)) continue;
    blocks.push({ start, end: index });
    start = index + gap.length;
  }
  return [...blocks, { start, end: source.length }];
}

/** Characters; a line that ends sooner, without a mark, is a heading. */
const HEADING = 60;

function endsLine(source: string, start: number, at: number, gap: string): boolean {
  if (/\n[^\S\n]*\n/u.test(gap)) return true;
  const line = source.slice(Math.max(start, source.lastIndexOf('\n', at - 1) + 1), at);
  const next = source.slice(at + gap.length, at + gap.length + HEADING);
  if (line.includes(' | ') || /^[^\n]* \| /u.test(next)) return true;
  if (/^(?:[•·▪\-–*]\s|\(?[a-z0-9ivx]{1,4}[.)]\s|\d+(?:\.\d+)+\s)/iu.test(next)) return true;
  return line.length < HEADING && !/[,;]$/u.test(line) && /^["“(]?\p{Lu}/u.test(next);
}

function sentencesIn(source: string, from: number, to: number): Passage[] {
  // As long as before, so that places stay true.
  const line = source.slice(from, to).replace(/\s/gu, ' ');
  const found: Passage[] = [];
  let open = 0;
  for (const { segment, index } of segmenter.segment(line)) {
    const end = index + segment.length;
    if (end < line.length && ABBREVIATION.test(line.slice(open, end))) continue;
    add(found, line, from, open, end);
    open = end;
  }
  if (open < line.length) add(found, line, from, open, line.length);
  return found;
}

/** Characters: a longer sentence, as lists and scans without full stops make them, comes in pieces. */
const LONGEST = 1_200;

function add(found: Passage[], line: string, offset: number, start: number, end: number): void {
  if (end - start > LONGEST) {
    const space = line.lastIndexOf(' ', start + LONGEST);
    const middle = space > start ? space : start + LONGEST;
    add(found, line, offset, start, middle);
    add(found, line, offset, middle, end);
    return;
  }
  const raw = line.slice(start, end);
  const text = raw.trim();
  if (!/[\p{L}\p{N}]/u.test(text)) return;
  const first = offset + start + (raw.length - raw.trimStart().length);
  found.push({ text: text.replace(/ {2,}/gu, ' '), start: first, end: first + text.length });
}

/** Of a text with marks where pages begin (`markedText`). */
export async function pagePassages(marked: string): Promise<PagePassage[]> {
  const found: PagePassage[] = [];
  let page: number | null = null;
  let from = 0;
  const take = async (to: number): Promise<void> => {
    const [on, offset] = [page, from];
    const passages = await passagesOf(marked.slice(offset, to));
    for (const passage of passages) found.push({ ...passage, start: passage.start + offset, end: passage.end + offset, page: on });
  };
  for (const { index, 0: mark, 1: number } of marked.matchAll(/^\[page (\d+)\](?: |$)/gmu)) {
    await take(index);
    page = Number(number);
    from = index + mark.length;
  }
  await take(marked.length);
  return found;
}
