const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });
/** More would be many pages of answers; neighbours are then rated together. */
export const MOST_SENTENCES = 120;
/** Abbreviations that end no sentence. */
const ABBREVIATION = /(?:\b(?:Mr|Mrs|Ms|Dr|St|vs|etc|e\.g|i\.e|approx|No|z\.B|bzw|Nr|Sr|Sra|M|Mme)\.|\b\p{Lu}\.)\s*$/u;

/** The sentences of a text in any language, each exactly as it stands there; marks alone are none. */
export function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  let open = '';
  for (const { segment } of segmenter.segment(text)) {
    open += segment;
    if (ABBREVIATION.test(open) && !/\n/u.test(segment)) continue;
    // "!!! :)" belongs to what it follows.
    const last = sentences.at(-1);
    if (!/[\p{L}\p{N}]/u.test(open) && last !== undefined && !/\n\s*$/u.test(last)) sentences[sentences.length - 1] = last + open;
    else sentences.push(open);
    open = '';
  }
  if (open !== '') sentences.push(open);
  const trimmed = grouped(sentences)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '');
  return trimmed;
}

function grouped(sentences: readonly string[]): string[] {
  const size = Math.ceil(sentences.length / MOST_SENTENCES);
  if (size <= 1) return [...sentences];
  return Array.from({ length: Math.ceil(sentences.length / size) }, (_, index) => sentences.slice(index * size, (index + 1) * size).join(''));
}

/** "[1] first\n[2] second": as models and the local task are given them; inside a line there is no line break. */
export function numbered(sentences: readonly string[]): string {
  return sentences.map((sentence, index) => `[${index + 1}] ${sentence.replace(/\s+/gu, ' ')}`).join('\n');
}

export function unnumbered(lines: string): string[] {
  return lines.split('\n').map((line) => line.replace(/^\[\d+\] /u, ''));
}
