import type { ThemeSentiment } from '../../db/conversation-types.ts';
import { labelOf, rounded } from '../../reviews/labels.ts';
import { quoteFinder } from '../../scoring/quotes.ts';
import { cleanedText } from './clean.ts';
import type { ThemeName, ThemeToName } from './naming.ts';
import type { NamedTheme, SentAnswer } from './naming-request.ts';
import { plainLine, quoteFrom } from './plain.ts';

const LONGEST_DESCRIPTION = 300;
const MOST_QUOTES = 3;
/** Of an answer, in characters: models were only sent its beginning. */
const LONGEST_QUOTED = 4_000;
/** Up to here a score counts as no feeling. */
const SHADE = 0.35;

/** A theme as it is stored, except for its name, and how many of its quotes no answer holds. */
export function checkedTheme(named: NamedTheme, theme: ThemeToName, answers: readonly SentAnswer[]): Omit<ThemeName, 'name'> & { dropped: number } {
  const quotes = named.quotes.flatMap(({ answer, quote }) => {
    const cited = answers.find(({ number }) => number === answer);
    const found = cited && findQuote(cited.text, quote);
    return cited === undefined || found === undefined ? [] : [{ responseId: cited.responseId, quote: found }];
  });
  const distinct = quotes.filter(({ quote }, index) => quotes.findIndex((other) => other.quote === quote) === index);
  const score = rounded(named.sentimentScore);
  return {
    description: plainLine(named.description, LONGEST_DESCRIPTION) || describedByKeywords(theme),
    sentiment: sentimentOf(named.sentiment, score),
    sentimentScore: score,
    quotes: distinct.length > 0 ? distinct.slice(0, MOST_QUOTES) : ownQuote(theme),
    dropped: named.quotes.length - quotes.length,
  };
}

/** The passage of `text` that a quote names. An answer of three letters stands in many texts: it must be quoted whole. */
function findQuote(text: string, quote: string): string | undefined {
  const wanted = cleanedText(quote.slice(0, LONGEST_QUOTED));
  if (wanted !== '' && wanted === cleanedText(text)) return text.trim();
  return quoteFinder(text.slice(0, LONGEST_QUOTED))(wanted);
}

/** A passage of the most typical answer that says something. */
export function ownQuote({ representatives, keywords }: ThemeToName): ThemeName['quotes'] {
  const terms = keywords.map(({ term }) => term);
  const quotes = representatives.map(({ responseId, text }) => ({ responseId, quote: quoteFrom(text, terms) }));
  return quotes.filter(({ quote }) => quote !== '').slice(0, 1);
}

const MOST_DESCRIBED = 3;

export function describedByKeywords({ keywords }: Pick<ThemeToName, 'keywords'>): string {
  const terms = keywords.slice(0, MOST_DESCRIBED).map(({ term }) => plainLine(term, 40));
  return terms.length === 0 ? 'Answers without words in common.' : `Answers about ${listed(terms)}.`;
}

function listed(terms: readonly string[]): string {
  return terms.length < 2 ? terms.join('') : `${terms.slice(0, -1).join(', ')} and ${terms.at(-1)}`;
}

/** The label given, unless the score contradicts it: then the score decides. */
function sentimentOf(label: ThemeSentiment, score: number): ThemeSentiment {
  const fits = { positive: score > 0, negative: score < 0, neutral: Math.abs(score) < SHADE, mixed: Math.abs(score) < 2 * SHADE };
  return fits[label] ? label : labelOf(score);
}
