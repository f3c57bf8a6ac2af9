import type { LocalTask } from '../../ai/contract.ts';
import { labelOf, rounded } from '../../reviews/labels.ts';
import { detectLanguage } from '../../reviews/language.ts';
import { scoreIn } from '../../reviews/local-sentiment.ts';
import { foldedWords } from './clean.ts';
import { describedByKeywords } from './naming-answer.ts';
import { type NamedTheme, type NamingAnswer, type ThemeBlock, themeBlocks } from './naming-request.ts';
import { quoteFrom } from './plain.ts';

const WORDS_IN_NAME = 2;
const MOST_QUOTES = 2;
const WORDS_OF_ANSWER = 5;

/**
 * What the local provider does for `theme-naming`: names are the best keywords ("Parking, downtown"), more of them where a name is taken; the
 * sentiment is the mean of the word lists of `lib/reviews` over the typical answers; quotes come from the most typical ones. Deterministic.
 */
const nameLocally: LocalTask = async (data): Promise<NamingAnswer> => {
  const taken = new Set((data.namesTaken ?? '').split('\n').map(foldedWords));
  const themes: NamedTheme[] = [];
  for (const block of themeBlocks(data)) {
    const name = nameOf(block, taken);
    taken.add(foldedWords(name));
    const { sentiment, score } = await sentimentOf(block);
    const description = describedByKeywords({ keywords: block.keywords.map((term) => ({ term, score: 1 })) });
    themes.push({ theme: block.theme, name, description, sentiment, sentimentScore: score, quotes: quotesOf(block) });
  }
  return { themes };
};

export default nameLocally;

/** The first two keywords, else more, else others; a theme without any goes by its most typical answer. */
function nameOf({ keywords, answers }: ThemeBlock, taken: ReadonlySet<string>): string {
  const first = keywords.slice(0, WORDS_IN_NAME);
  const candidates = keywords.slice(WORDS_IN_NAME - 1).map((_, index) => [...first, ...keywords.slice(WORDS_IN_NAME, WORDS_IN_NAME + index)]);
  const words = candidates.find((candidate) => !taken.has(foldedWords(candidate.join(', ')))) ?? first;
  const name = words.length > 0 ? words.join(', ') : (answers[0]?.text ?? '').split(' ').slice(0, WORDS_OF_ANSWER).join(' ');
  return capitalised(name);
}

function capitalised(name: string): string {
  const [first = '', ...rest] = name;
  // "iPhone" and "eBay" are written so for a reason.
  return /^\p{Ll}\p{Lu}/u.test(name) ? name : first.toUpperCase() + rest.join('');
}

async function sentimentOf({ answers }: ThemeBlock): Promise<{ sentiment: NamedTheme['sentiment']; score: number }> {
  const texts = answers.map(({ text }) => text);
  const language = await detectLanguage(texts.join('\n'));
  const scores = texts.map((text) => scoreIn(language, text));
  const score = rounded(scores.reduce((sum, each) => sum + each, 0) / Math.max(1, scores.length));
  return { sentiment: labelOf(score, scores), score };
}

/** The local task sees what a model sees, so that a long answer is cut; the cut end is no words of the answer. */
function quotesOf({ answers, keywords }: ThemeBlock): NamedTheme['quotes'] {
  return answers
    .map(({ number, text }) => ({ answer: number, quote: quoteFrom(text.replace(/…$/u, ''), keywords) }))
    .filter(({ quote }) => quote !== '')
    .slice(0, MOST_QUOTES);
}
