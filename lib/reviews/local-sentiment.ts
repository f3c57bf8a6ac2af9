import type { LocalTask } from '../ai/contract.ts';
import type { SentimentAnswer } from './answers.ts';
import { rounded } from './labels.ts';
import { detectLanguage, isLocalLanguage, languageName, UNKNOWN_LANGUAGE } from './language.ts';
import { unnumbered } from './sentences.ts';
import { scoreEnglish } from './sentiment/english.ts';
import { scoreOther } from './sentiment/other.ts';

/**
 * What the local provider does for `review-sentiment`. English: VADER, AFINN, a lexicon of review words and one learned from rated texts, with
 * negation, degree, contrast and emphasis (`sentiment/`); `npm run bench -- sentiment` measures it. Spanish, German and French: small lexicons,
 * unmeasured. Any other language: emoji. It does not see irony. Deterministic.
 */
const rateLocally: LocalTask = async ({ sentences = '' }): Promise<SentimentAnswer> => {
  const lines = unnumbered(sentences);
  const language = await detectLanguage(lines.join('\n'));
  const scores = lines.map((line) => rounded(scoreIn(language, line)));
  return { sentences: scores.map((score, index) => ({ number: index + 1, score })), score: rounded(scoreWhole(language, lines)) };
};

export default rateLocally;

/** The sentiment of one passage, from -1 to 1. */
export function scoreIn(language: string, text: string): number {
  // Too little to tell a language by is mostly English or nothing: "ok", "meh", "5 stars".
  return language === 'en' || language === UNKNOWN_LANGUAGE ? scoreEnglish(text) : scoreOther(language, text);
}

/** Words up to which a text is read in one go: what it was measured with. */
const ONE_GO = 60;
/** A sentence without an opinion weighs this much; each point of opinion adds to it. */
const PLAIN_WEIGHT = 0.15;
/** Reviews end with their verdict. */
const LAST_WEIGHT = 1.3;

/** Of a long text: the mean of its sentences, those with an opinion, the longer ones and the last one weighing more. */
export function scoreWhole(language: string, sentences: readonly string[]): number {
  const lengths = sentences.map((sentence) => sentence.split(/\s+/u).length);
  const words = lengths.reduce((sum, length) => sum + length, 0);
  if (words <= ONE_GO) return scoreIn(language, sentences.join(' '));
  const scores = sentences.map((sentence) => scoreIn(language, sentence));
  const weights = scores.map((score, index) => {
    const last = index === scores.length - 1 ? LAST_WEIGHT : 1;
    return (PLAIN_WEIGHT + Math.abs(score)) * Math.sqrt(lengths[index] ?? 1) * last;
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return scores.reduce((sum, score, index) => sum + score * (weights[index] ?? 0), 0) / total;
}

const BY_RULES = 'Rated by word lists, without a language model: irony and what stands between the lines is not seen.';

/** What a reader of a local result should know. */
export function localSentimentNotes(language: string): string[] {
  if (language === 'en' || language === UNKNOWN_LANGUAGE) return [BY_RULES];
  if (isLocalLanguage(language)) return [BY_RULES, `The list for ${languageName(language)} is small, and nobody has measured it.`];
  return [BY_RULES, `There is no list for ${languageName(language)}: only emoji were read.`];
}
