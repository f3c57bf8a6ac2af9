import { detectLanguage, UNKNOWN_LANGUAGE } from '../reviews/language.ts';
import type { Chunk } from './contract.ts';

/** Tables are numbers and names; a title page or an annex may be in another language than the rest: so the text is tried at a few places. */
const PLACES = 4;
const CHARACTERS_EACH = 1_000;

/** ISO 639-1 code of the language that most of a document is in; null where there are no words to tell it by. */
export async function languageOf(chunks: readonly Chunk[]): Promise<string | null> {
  const prose = chunks.filter(({ kind }) => kind === 'text');
  const tried = prose.length > 0 ? prose : chunks;
  const places = Array.from({ length: PLACES }, (_, place) => Math.floor((place * tried.length) / PLACES));
  const sample = [...new Set(places)].map((index) => tried[index]?.text.slice(0, CHARACTERS_EACH) ?? '').join('\n');
  const language = await detectLanguage(sample);
  return language === UNKNOWN_LANGUAGE ? null : language;
}
