import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { combine, isReviewWord, type Learned, plainly, type Signs, signsOf, weighEnglish, weightsOf } from '../lib/reviews/sentiment/english.ts';
import {
  bestThresholds,
  classOf,
  correlation,
  foldOf,
  isForTuning,
  measure,
  type Rated,
  ratedTexts,
  SENTIMENT_SETS,
  type SentimentSet,
} from './sentiment-data.ts';

// Learns lib/reviews/lexicons/learned.json: how much each lexicon is worth, what words outside of them tell, and where neutral ends.
// Reads the tuning half alone; `npm run bench -- sentiment` reports on the other.

const NOTHING = new Map<string, number>();
/** As `combine` adds them up. */
const DENSE = ['vader', 'valence', 'review'] as const;

interface Settings {
  /** A word in fewer texts than this tells by chance. */
  fewestTexts: number;
  /** Ridge penalty: the larger, the closer to 0 a word with few texts stays. */
  penalty: number;
  /** There are 2.5 snippets to a tweet, and films are not all that reviews are about. */
  tweetWeight: number;
  /** Smaller weights are left out of the file. */
  smallest: number;
}

interface Example {
  rated: Rated;
  signs: Signs;
  weights: Map<string, number>;
}

const ROUNDS = 30;

/** Ridge regression of the ratings by coordinate descent (Friedman et al. 2010), without an intercept: a text without known words is neutral. */
function learn(examples: readonly Example[], settings: Settings): Learned {
  const importance = examples.map(({ rated }) => (rated.set === 'tweets' ? settings.tweetWeight : 1));
  const residual = examples.map(({ rated }) => rated.rating);
  const columns = [...denseColumns(examples), ...wordColumns(examples, settings)];
  for (let round = 0; round < ROUNDS; round += 1) for (const column of columns) improve(column, residual, importance);
  const weights = Object.fromEntries(columns.map(({ name, weight }) => [name, weight]));
  const words = columns.slice(DENSE.length).filter(({ weight }) => Math.abs(weight) >= settings.smallest);
  const of = (name: (typeof DENSE)[number]) => round(weights[`#${name}`] ?? 0);
  return {
    coefficients: { vader: of('vader'), valence: of('valence'), review: of('review') },
    words: Object.fromEntries(words.map(({ name, weight }) => [name, round(weight)] as const).sort(([one], [other]) => (one < other ? -1 : 1))),
  };
}

interface Column {
  name: string;
  entries: readonly (readonly [example: number, value: number])[];
  penalty: number;
  weight: number;
}

function denseColumns(examples: readonly Example[]): Column[] {
  return DENSE.map((name) => ({
    name: `#${name}`,
    entries: examples.map(({ signs }, index) => [index, signs[name]] as const),
    penalty: 1,
    weight: 0,
  }));
}

function wordColumns(examples: readonly Example[], { fewestTexts, penalty }: Settings): Column[] {
  const names = properNames(examples);
  const entries = new Map<string, (readonly [number, number])[]>();
  for (const [index, { weights }] of examples.entries()) {
    for (const [word, weight] of weights) {
      if (!/^[a-z' -]{2,}$/u.test(word) || names.has(word) || SUBJECTS.test(word) || isReviewWord(word)) continue;
      entries.set(word, [...(entries.get(word) ?? []), [index, weight]]);
    }
  }
  return [...entries].filter(([, found]) => found.length >= fewestTexts).map(([name, found]) => ({ name, entries: found, penalty, weight: 0 }));
}

/** What the texts are about, not what they think of it: films, and the days of the people who tweet. */
const SUBJECTS =
  /^(?:action|actors?|actress|audiences?|book|camera|cast|characters?|cinema\w*|comed(?:y|ies|ic)|culture|development|dialogue|director\w*|document\w+|drama\w*|family|film\w*|finale|genre|hollywood|horror|humor|job|jokes?|life|list|love story|minutes|movies?|narrative|opera|performances?|picture|plot\w*|portrait|premise|romance|romantic|scenes?|school|screen\w*|script\w*|sequels?|soap|stor(?:y|ies)|studio|support|theat(?:er|re)|thriller|tragedy|viewers?|war|women|work|world|years?|young)$/u;

/** Words that stand with a capital inside sentences more often than not: people and films, which tell nothing about a hotel. */
function properNames(examples: readonly Example[]): Set<string> {
  const counts = new Map<string, { capital: number; all: number }>();
  for (const { rated } of examples) {
    for (const [word] of rated.text.matchAll(/(?<=[\p{Ll},;] )[\p{L}'-]+/gu)) {
      const count = counts.get(word.toLowerCase()) ?? { capital: 0, all: 0 };
      counts.set(word.toLowerCase(), { capital: count.capital + (/^\p{Lu}/u.test(word) ? 1 : 0), all: count.all + 1 });
    }
  }
  return new Set([...counts].filter(([, { capital, all }]) => capital * 2 > all).map(([word]) => word));
}

function improve(column: Column, residual: number[], importance: readonly number[]): void {
  let [above, below] = [0, column.penalty];
  for (const [example, value] of column.entries) {
    const weight = importance[example] ?? 1;
    above += weight * value * ((residual[example] ?? 0) + value * column.weight);
    below += weight * value * value;
  }
  const change = above / below - column.weight;
  column.weight += change;
  for (const [example, value] of column.entries) residual[example] = (residual[example] ?? 0) - value * change;
}

function scoresBy(learned: Learned, examples: readonly Example[]): number[] {
  const words = new Map(Object.entries(learned.words));
  return examples.map(({ signs, weights }) => {
    const sum = [...weights].reduce((total, [word, weight]) => total + weight * (words.get(word) ?? 0), 0);
    return combine({ ...signs, learned: sum }, learned);
  });
}

const GRID = { from: -0.3, to: 0.3, step: 0.01 };

/**
 * What the settings gain over VADER (its thresholds tuned too) on texts they were not learned from, each fifth of the tuning half in turn: accuracy +
 * macro-F1 + correlation, of the set that gains least. VADER's makers had these very tweets at hand; nothing is to be bought with a loss there.
 */
function gainOf(settings: Settings, examples: readonly Example[]): number {
  const gains = FOLDS.map((fold) => gainOnFold(settings, examples, fold));
  return Math.min(...SENTIMENT_SETS.map((set) => gains.reduce((sum, gain) => sum + gain[set], 0) / FOLDS.length));
}

const FOLDS = [0, 1, 2, 3, 4];

function gainOnFold(settings: Settings, examples: readonly Example[], fold: number): Record<SentimentSet, number> {
  const [seen, unseen] = [examples.filter(({ rated }) => foldOf(rated) !== fold), examples.filter(({ rated }) => foldOf(rated) === fold)];
  const learned = learn(seen, settings);
  const ours = worthOf(seen, unseen, (some) => scoresBy(learned, some));
  const vader = worthOf(seen, unseen, (some) => some.map(({ signs }) => signs.vader));
  return { tweets: ours.tweets - vader.tweets, movieReviewSnippets: ours.movieReviewSnippets - vader.movieReviewSnippets };
}

function worthOf(
  seen: readonly Example[],
  unseen: readonly Example[],
  scoresOf: (some: readonly Example[]) => number[],
): Record<SentimentSet, number> {
  const rated = seen.map((example) => example.rated);
  const { low, high } = bestThresholds(rated, scoresOf(seen), GRID);
  const worth = (set: SentimentSet) => {
    const of = unseen.filter((example) => example.rated.set === set);
    const [scores, gold] = [scoresOf(of), of.map((example) => example.rated.rating)];
    const predicted = scores.map((score) => classOf(score, low, high));
    const { accuracy, macroF1 } = measure(
      predicted,
      gold.map((rating) => classOf(rating)),
      [-1, 0, 1],
    );
    return accuracy + macroF1 + correlation(scores, gold);
  };
  return { tweets: worth('tweets'), movieReviewSnippets: worth('movieReviewSnippets') };
}

const CANDIDATES: readonly Settings[] = [30, 60, 100].flatMap((penalty) =>
  [5, 10, 20].map((tweetWeight) => ({ fewestTexts: 4, penalty, tweetWeight, smallest: 0.02 })),
);

function main(): void {
  const texts = ratedTexts()?.filter(isForTuning);
  if (!texts) throw new Error('the rated texts are not here: set SENTIMENT_DATA to the folder that holds tweets.tsv and movieReviewSnippets.tsv');
  const examples = texts.map((rated) => ({ rated, signs: signsOf(rated.text, NOTHING), weights: weightsOf(weighEnglish(plainly(rated.text))) }));
  const tried = CANDIDATES.map((settings) => {
    const gain = gainOf(settings, examples);
    console.log(`${JSON.stringify(settings)}: gain ${gain.toFixed(3)}`);
    return { settings, gain };
  });
  const best = tried.reduce((one, other) => (other.gain > one.gain ? other : one));
  const learned = learn(examples, best.settings);
  const thresholds = bestThresholds(texts, scoresBy(learned, examples), GRID);
  const file = fileURLToPath(new URL('../lib/reviews/lexicons/learned.json', import.meta.url));
  const about = 'Learned by bench/sentiment-tune.ts from half of the rated texts of github.com/cjhutto/vaderSentiment (MIT licence, C.J. Hutto)';
  writeFileSync(file, `${JSON.stringify({ version: '1', about, settings: best.settings, thresholds, ...learned }, null, 2)}\n`);
  console.log(`chosen ${JSON.stringify(best)}; ${Object.keys(learned.words).length} words, thresholds ${JSON.stringify(thresholds)}`);
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

main();
