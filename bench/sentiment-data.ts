import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

export const SENTIMENT_SETS = ['tweets', 'movieReviewSnippets'] as const;
export type SentimentSet = (typeof SENTIMENT_SETS)[number];

export interface Rated {
  set: SentimentSet;
  text: string;
  /** Mean of the human raters, from -1 to 1. */
  rating: number;
}

/** Raters used -4 to 4: a mean that rounds to 0 is neutral. */
const NEUTRAL_BELOW = 0.5 / 4;

export type Class = -1 | 0 | 1;

export function classOf(score: number, low = -NEUTRAL_BELOW, high = NEUTRAL_BELOW): Class {
  return score <= low ? -1 : score >= high ? 1 : 0;
}

/** `SENTIMENT_DATA` names the folder; without it the one beside the repository is looked for. */
const folder = process.env.SENTIMENT_DATA
  ? pathToFileURL(`${process.env.SENTIMENT_DATA}/`)
  : new URL('../../shared/data/sentiment/', import.meta.url);

/** The rated texts of github.com/cjhutto/vaderSentiment (MIT): 4,200 tweets, 10,605 movie-review snippets; undefined where they are not to be had. */
export function ratedTexts(): Rated[] | undefined {
  const files = SENTIMENT_SETS.map((set) => ({ set, file: new URL(`${set}.tsv`, folder) }));
  if (!files.every(({ file }) => existsSync(file))) return undefined;
  return files.flatMap(({ set, file }) =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => read(set, line)),
  );
}

function read(set: SentimentSet, line: string): Rated {
  const [, rating, ...text] = line.split('\t');
  return { set, rating: Number(rating) / 4, text: text.join(' ').trim() };
}

/** A hash of the text decides, so that equal texts are never in both halves and nobody chose. */
export function isForTuning({ text }: Rated): boolean {
  return byteOf(text, 0) % 2 === 0;
}

/** Of the tuning half: which fifth a text belongs to, for choosing settings inside that half. */
export function foldOf({ text }: Rated): number {
  return byteOf(text, 1) % 5;
}

function byteOf(text: string, at: number): number {
  return createHash('sha256').update(text).digest()[at] ?? 0;
}

export interface Measured {
  accuracy: number;
  macroF1: number;
}

export function measure(predicted: readonly Class[], gold: readonly Class[], classes: readonly Class[]): Measured {
  const right = predicted.filter((each, index) => each === gold[index]).length;
  const f1 = classes.map((wanted) => {
    const hits = predicted.filter((each, index) => each === wanted && gold[index] === wanted).length;
    const named = predicted.filter((each) => each === wanted).length + gold.filter((each) => each === wanted).length;
    return named === 0 ? 0 : (2 * hits) / named;
  });
  return { accuracy: right / predicted.length, macroF1: f1.reduce((sum, each) => sum + each, 0) / classes.length };
}

export interface Thresholds {
  low: number;
  high: number;
}

/** Candidates for `bestThresholds`: from `from` to `to`. */
export interface Grid {
  from: number;
  to: number;
  step: number;
}

/** The thresholds with the best accuracy + macro-F1 for three classes, both sets counting alike. */
export function bestThresholds(texts: readonly Rated[], scores: readonly number[], { from, to, step }: Grid): Thresholds {
  const sets = SENTIMENT_SETS.map((set) =>
    texts.flatMap((text, index) => (text.set === set ? [{ gold: classOf(text.rating), score: scores[index] ?? 0 }] : [])),
  );
  const steps = Array.from({ length: Math.round((to - from) / step) + 1 }, (_, index) => from + index * step);
  let best = { low: 0, high: 0, worth: Number.NEGATIVE_INFINITY };
  for (const low of steps.filter((each) => each <= 0)) {
    for (const high of steps.filter((each) => each > 0 && each > low)) {
      const worth = sets.reduce((sum, set) => sum + worthOf(set, low, high), 0);
      if (worth > best.worth) best = { low, high, worth };
    }
  }
  return { low: round(best.low), high: round(best.high) };
}

function worthOf(set: readonly { gold: Class; score: number }[], low: number, high: number): number {
  const { accuracy, macroF1 } = measure(
    set.map(({ score }) => classOf(score, low, high)),
    set.map(({ gold }) => gold),
    [-1, 0, 1],
  );
  return accuracy + macroF1;
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

/** Pearson's r. */
export function correlation(one: readonly number[], other: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanOne, meanOther] = [mean(one), mean(other)];
  const covariance = mean(one.map((value, index) => (value - meanOne) * ((other[index] ?? 0) - meanOther)));
  const spread = (values: readonly number[], middle: number) => Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
  return covariance / (spread(one, meanOne) * spread(other, meanOther));
}
