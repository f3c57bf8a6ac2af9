/** From lines to blocks: what is larger than the body, or named by a bookmark, is a heading; a gap ends a paragraph. */
import type { Bookmark, Line } from './pdfium.ts';

export interface PdfBlock {
  /** Of a heading; 0 for text. */
  level: number;
  text: string;
}

/** Takes the pages of a document in their order, each once. */
export type PdfLayout = (page: number, lines: readonly Line[]) => PdfBlock[];

/** Against the body's size. Less may be emphasis; sizes of the same text differ by a little between fonts. */
const LEVELS: [ratio: number, level: number][] = [
  [1.7, 1],
  [1.35, 2],
  [1.18, 3],
];
const LONGEST_HEADING = 150;
/** Of a page's letters: more is a poster, or a body that was not seen before. A page with hardly any is the title of what follows. */
const MOST_HEADINGS = 0.4;
const LEAST_LETTERS = 200;
/** What stands on more pages than these is printed on each. */
const MOST_REPEATS = 2;
/** Against the usual distance from line to line. */
const PARAGRAPH_GAP = 1.35;

/** The body's size is counted as the pages come. A title page has no headings thus: what is on it is all that was seen. */
export function createPdfLayout(bookmarks: readonly Bookmark[]): PdfLayout {
  const named = Map.groupBy(bookmarks, ({ page }) => page);
  const sizes = new Map<number, number>();
  const seen = new Map<string, number>();

  function bodySize(lines: readonly Line[]): number {
    for (const line of lines) if (sizeOf(line) > 0) sizes.set(sizeOf(line), (sizes.get(sizeOf(line)) ?? 0) + line.text.trim().length);
    return [...sizes].reduce((most, one) => (one[1] > most[1] ? one : most), [0, 0])[0] ?? 0;
  }

  function isPrintedOnEach({ text }: PdfBlock): boolean {
    const bare = bareOf(text).replace(/\d+/g, '');
    seen.set(bare, (seen.get(bare) ?? 0) + 1);
    return (seen.get(bare) ?? 0) > MOST_REPEATS;
  }

  return (page, lines) => {
    const levels = new Map((named.get(page) ?? []).map(({ title, level }) => [bareOf(title), level]));
    const body = bodySize(lines);
    const marked = whole(lines).map((line) => ({ ...line, level: levels.get(bareOf(line.text)) ?? levelBySize(line, body) }));
    const large = lettersOf(marked.filter(({ level }) => level > 0));
    const isPoster = large > Math.max(LEAST_LETTERS, MOST_HEADINGS * lettersOf(marked));
    const blocks = joined(isPoster ? marked.map((line) => ({ ...line, level: levels.get(bareOf(line.text)) ?? 0 })) : marked);
    return withoutSentences(blocks.map((block) => (block.level > 0 && isPrintedOnEach(block) ? { ...block, level: 0 } : block)));
  };
}

const sizeOf = ({ top, bottom }: Line): number => Math.round((top - bottom) * 2) / 2;
const bareOf = (text: string): string => text.replace(/[\s.]+/g, '').toLowerCase();
const lettersOf = (lines: readonly Line[]): number => lines.reduce((sum, { text }) => sum + text.trim().length, 0);

/** PDFium's mark for the hyphen of a word that was divided at the end of a line. */
const DIVIDED = /\ufffe$/;

function whole(lines: readonly Line[]): Line[] {
  const found: Line[] = [];
  for (const line of lines) {
    const before = found.at(-1);
    if (before && DIVIDED.test(before.text)) before.text = before.text.replace(DIVIDED, '') + line.text.trimStart();
    else found.push({ ...line });
  }
  return found.map((line) => ({ ...line, text: line.text.replaceAll('\ufffe', '') }));
}

function levelBySize(line: Line, body: number): number {
  if (body === 0 || line.text.length > LONGEST_HEADING || !/\p{L}{2}/u.test(line.text)) return 0;
  return LEVELS.find(([ratio]) => sizeOf(line) >= ratio * body)?.[1] ?? 0;
}

type Marked = Line & { level: number };

function joined(lines: readonly Marked[]): PdfBlock[] {
  const usual = usualDistance(lines);
  const groups: Marked[][] = [];
  for (const line of lines) {
    const group = groups.at(-1);
    const before = group?.at(-1);
    if (group && before && belongs(before, line, usual)) group.push(line);
    else groups.push([line]);
  }
  return groups.map(blockOf).filter(({ text }) => text.trim() !== '');
}

const blockOf = (group: readonly Marked[]): PdfBlock => ({
  level: group[0]?.level ?? 0,
  text: group.map((line) => line.text.trimEnd()).join('\n'),
});

function belongs(before: Marked, line: Marked, usual: number): boolean {
  if (before.level !== line.level || line.text.trim() === '') return false;
  const distance = before.top - line.top;
  return distance <= Math.max(usual, before.top - before.bottom) * PARAGRAPH_GAP;
}

/** From the top of a line to the top of the next one below it: the median. 0 where no line stands below another. */
function usualDistance(lines: readonly Line[]): number {
  const distances = lines.flatMap((line, at) => {
    const distance = (lines[at - 1]?.top ?? line.top) - line.top;
    return distance > 1 ? [distance] : [];
  });
  return distances.sort((one, other) => one - other)[Math.floor(distances.length / 2)] ?? 0;
}

/** Large lines of which one goes on with a small letter are a sentence, not headings below each other. */
function withoutSentences(blocks: readonly PdfBlock[]): PdfBlock[] {
  const runs: PdfBlock[][] = [];
  for (const block of blocks) {
    const run = runs.at(-1);
    if (run && block.level > 0 && run[0]?.level === block.level) run.push(block);
    else runs.push([block]);
  }
  return runs.flatMap((run) => {
    const isSentence = run[0]?.level !== 0 && run.some(({ text }) => /^\s*\p{Ll}|[,;]$/u.test(text));
    return isSentence ? [{ level: 0, text: run.map(({ text }) => text).join('\n') }] : run;
  });
}
