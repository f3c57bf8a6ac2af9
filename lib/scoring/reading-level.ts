import { isWord, readSentences } from './nlp.ts';

/** What the grade is made of; adds up over texts. */
export interface ReadingCounts {
  sentences: number;
  words: number;
  syllables: number;
}

/** Flesch-Kincaid grade of a text: see `gradeOf`. */
export async function readingGrade(text: string): Promise<number> {
  return gradeOf(await readingCounts(text));
}

export async function readingCounts(text: string): Promise<ReadingCounts> {
  const [sentences, { syllable }] = await Promise.all([readSentences(text), import('syllable')]);
  const worded = sentences.map(({ tokens }) => tokens.filter(isWord)).filter((words) => words.length > 0);
  const words = worded.flat();
  const syllables = words.reduce((sum, { value }) => sum + Math.max(1, syllable(value)), 0);
  return { sentences: worded.length, words: words.length, syllables };
}

/**
 * The US school year that can read an English text (Kincaid et al. 1975), 0 at least, one decimal:
 * 0.39 x words per sentence + 11.8 x syllables per word - 15.59. Without words: 0.
 */
export function gradeOf({ sentences, words, syllables }: ReadingCounts): number {
  if (words === 0) return 0;
  const grade = 0.39 * (words / sentences) + 11.8 * (syllables / words) - 15.59;
  return Math.max(0, Math.round(grade * 10) / 10);
}
