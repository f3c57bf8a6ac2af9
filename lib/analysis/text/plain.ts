import { estimateTokens } from '../../ai/tokens.ts';
import { sentencesOf } from '../../reviews/sentences.ts';
import { cleanedText, foldedWords } from './clean.ts';

/** More is not read: no quote comes from further down. */
const LONGEST_READ = 4_000;
/** Marks that writing piles up on one letter; more are an ornament, or an attack on the layout. */
const PILED_MARKS = /(\p{M}{4})\p{M}+/gu;

/** Text on one line, printable, without HTML tags: what a model wrote is data as well. */
export function plainLine(text: string, longest: number): string {
  const printable = cleanedText(text.slice(0, LONGEST_READ).replace(/[\p{Co}\p{Cn}]/gu, '')).replace(PILED_MARKS, '$1');
  // A tag that is never closed is one as well; "<5 minutes" is none.
  const untagged = printable.replace(/<\/?[a-z!?][^<>]*>/giu, ' ').replace(/<(?=[a-z/!?])/giu, ' ');
  return clipped(untagged.replace(/\s+/gu, ' ').trim(), { characters: longest });
}

/** Not longer than so many characters and, by our estimate, tokens; cut after a word, which "…" shows. */
export function clipped(text: string, { characters, tokens = Number.POSITIVE_INFINITY }: { characters: number; tokens?: number }): string {
  if (text.length <= characters && estimateTokens(text) <= tokens) return text;
  let cut = wholeWords(text, characters - 1);
  while (estimateTokens(cut) > tokens && cut.length > 1) cut = wholeWords(cut, Math.floor(Math.min(0.9, tokens / estimateTokens(cut)) * cut.length));
  return `${cut}…`;
}

/** The beginning of a text, at most so long, without half a word at its end; in scripts without spaces without half a character. */
function wholeWords(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const cut = text.slice(0, Math.max(0, longest)).replace(/[\ud800-\udbff]$/, '');
  const space = cut.search(/\s\S*$/u);
  const endsInWord = !/^\s/u.test(text.slice(cut.length));
  return (endsInWord && space > longest / 2 ? cut.slice(0, space) : cut).trimEnd();
}

const LONGEST_QUOTE = 200;
const SHORTEST_SENTENCE = 20;

/**
 * A passage of `text`, character for character: all of a short one; of a long one the first sentence that holds one of the words, else its
 * first sentence, else its beginning. '' where the text is blank.
 */
export function quoteFrom(text: string, words: readonly string[]): string {
  const whole = text.trim();
  if (whole.length <= LONGEST_QUOTE) return whole;
  const sentences = sentencesOf(whole.slice(0, LONGEST_READ)).filter(({ length }) => length >= SHORTEST_SENTENCE && length <= LONGEST_QUOTE);
  const wanted = words.map(foldedWords);
  const telling = sentences.find((sentence) => wanted.some((word) => foldedWords(sentence).includes(word)));
  return telling ?? sentences[0] ?? wholeWords(whole, LONGEST_QUOTE);
}
