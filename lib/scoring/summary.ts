import plainWords from './lexicons/plain-words.json' with { type: 'json' };
import { isWord, readSentences, type Sentence } from './nlp.ts';
import { gradeOf, type ReadingCounts, readingCounts } from './reading-level.ts';

/** Sentences that are compared with each other at most: the comparison grows with the square. */
const MOST_COMPARED = 80;
/** How many sentences may enter the summary: every three of them are tried. */
const MOST_CANDIDATES = 18;
/** Characters; a longer one is no headline. */
const LONGEST_TITLE = 200;
const MOST_WORDS = 26;
const FEWEST_WORDS = 5;

/**
 * The headline as what the story says, and up to three of the most central sentences, shortened and put in plainer words, that keep the
 * Flesch-Kincaid grade at or below `highestGrade`; where the text has none so easy, the easiest. '' where there is nothing to tell.
 */
export async function plainSummary(title: string, sentences: readonly Sentence[], highestGrade: number): Promise<string> {
  const prose = sentences.filter(isTellable).slice(0, MOST_COMPARED);
  const told = (await Promise.all(rankedByCentrality(prose).map(simplified))).filter((candidate) => candidate !== undefined);
  const opening =
    title.trim() === '' || title.length > LONGEST_TITLE ? [] : [await candidateOf(`The story says: ${plainer(endedWithStop(title.trim()))}`, 0, -1)];
  const best = bestSet(opening, told.slice(0, MOST_CANDIDATES), highestGrade);
  return best.map(({ text }) => text).join(' ');
}

/** Three times the longest sentence that is told: cuts may make it short enough. */
function isTellable({ tokens }: Sentence): boolean {
  const words = tokens.filter(isWord).length;
  return words >= FEWEST_WORDS && words <= 3 * MOST_WORDS;
}

interface Candidate {
  text: string;
  counts: ReadingCounts;
  rank: number;
  /** Place in the story. */
  start: number;
}

/**
 * The most central set that is easy enough: with the headline, or without it where two sentences are left to tell the story;
 * else the easiest one with it. In the order of the story.
 */
function bestSet(opening: readonly Candidate[], candidates: readonly Candidate[], highestGrade: number): Candidate[] {
  const bodies = bodiesOf(candidates);
  const withOpening = bodies.map((body) => measured([...opening, ...body]));
  const without = bodies.filter((body) => body.length > 1).map(measured);
  const isEasy = ({ grade }: Measured) => grade <= highestGrade;
  const chosen =
    highestOf(withOpening.filter(isEasy), ({ rank }) => rank) ??
    highestOf(without.filter(isEasy), ({ rank }) => rank) ??
    highestOf(withOpening, ({ grade }) => -grade);
  return [...(chosen?.set ?? [])].sort((one, other) => one.start - other.start);
}

interface Measured {
  set: readonly Candidate[];
  grade: number;
  rank: number;
}

function measured(set: readonly Candidate[]): Measured {
  return { set, grade: gradeOf(sumOf(set)), rank: rankOf(set) };
}

/** Every one, two and three of the candidates. */
function bodiesOf(candidates: readonly Candidate[]): (readonly Candidate[])[] {
  if (candidates.length === 0) return [[]];
  return candidates.flatMap((one, first) => [
    [one],
    ...candidates.slice(first + 1).flatMap((two, second) => [[one, two], ...candidates.slice(first + second + 2).map((three) => [one, two, three])]),
  ]);
}

function highestOf<T>(items: readonly T[], rate: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>((best, item) => (best === undefined || rate(item) > rate(best) ? item : best), undefined);
}

function rankOf(set: readonly Candidate[]): number {
  return set.reduce((sum, { rank }) => sum + rank, 0);
}

function sumOf(set: readonly Candidate[]): ReadingCounts {
  const add = (one: ReadingCounts, { counts }: Candidate): ReadingCounts => ({
    sentences: one.sentences + counts.sentences,
    words: one.words + counts.words,
    syllables: one.syllables + counts.syllables,
  });
  return set.reduce(add, { sentences: 0, words: 0, syllables: 0 });
}

async function candidateOf(text: string, rank: number, start: number): Promise<Candidate> {
  return { text, rank, start, counts: await readingCounts(text) };
}

function endedWithStop(title: string): string {
  return /[.!?…]["'”’]?$/u.test(title) ? title : `${title}.`;
}

interface Ranked {
  sentence: Sentence;
  rank: number;
}

/** TextRank (Mihalcea & Tarau 2004), with a bonus for the beginning, where news says what happened. */
function rankedByCentrality(sentences: readonly Sentence[]): Ranked[] {
  const ranks = textRank(sentences.map(contentWords));
  return sentences
    .map((sentence, index) => ({ sentence, rank: (ranks[index] ?? 0) * (1 + 1 / (index + 1)) }))
    .sort((one, other) => other.rank - one.rank || one.sentence.start - other.sentence.start);
}

function contentWords({ tokens }: Sentence): Set<string> {
  return new Set(tokens.filter((token) => isWord(token) && !token.stopWord).map(({ normal }) => normal));
}

const DAMPING = 0.85;
const ROUNDS = 25;

function textRank(sets: readonly ReadonlySet<string>[]): number[] {
  const weights = sets.map((one, row) => sets.map((other, column) => (row === column ? 0 : similarity(one, other))));
  const outgoing = weights.map((row) => row.reduce((sum, weight) => sum + weight, 0));
  let ranks = sets.map(() => 1);
  for (let round = 0; round < ROUNDS; round += 1) {
    const given = ranks.map((rank, index) => ((outgoing[index] ?? 0) > 0 ? rank / (outgoing[index] ?? 1) : 0));
    ranks = weights.map((row) => 1 - DAMPING + DAMPING * row.reduce((sum, weight, column) => sum + weight * (given[column] ?? 0), 0));
  }
  return ranks;
}

/** Shared words by the length of both, so that long sentences do not win by length alone. */
function similarity(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  const lengths = Math.log(one.size + 1) + Math.log(other.size + 1);
  return lengths === 0 ? 0 : [...one].filter((word) => other.has(word)).length / lengths;
}

const LEANS_ON_ANOTHER =
  /^(?:He|She|They|It|We|I|This|That|These|Those|But|And|So|Also|However|Its|Their|His|Her|Other|Another|Overall|The other|Since then|In addition|For example|As a result)\b/u;

/** Undefined where nothing that can stand alone is left: fragments of quotations, sentences that lean on the one before. */
async function simplified({ sentence, rank }: Ranked): Promise<Candidate | undefined> {
  if (!/^[\p{Lu}\d]/u.test(sentence.text) || LEANS_ON_ANOTHER.test(sentence.text) || !/[.!]$/u.test(sentence.text)) return undefined;
  const text = await splitInTwo(plainer(shortened(sentence.text)));
  const words = text.split(/\s+/u).length;
  if (words < FEWEST_WORDS || words > MOST_WORDS || unbalanced(text) || !(await hasVerb(text))) return undefined;
  return candidateOf(text, rank, sentence.start);
}

const JOINT = /^([^,;:"“”]+), (and|but|so) ((?:it|they|he|she|the|this|that|these|there|many|most|some)\b[^;:"“”]+)$/u;

/** "A happened, and the B did C" becomes two sentences, where both halves have a verb. */
async function splitInTwo(text: string): Promise<string> {
  const [, left, joint, right] = JOINT.exec(text) ?? [];
  if (left === undefined || right === undefined || !(await hasVerb(left)) || !(await hasVerb(right))) return text;
  return `${left}. ${capitalised(joint === 'and' ? right : `${joint} ${right}`)}`;
}

async function hasVerb(text: string): Promise<boolean> {
  return (await readSentences(text)).some(({ tokens }) => tokens.some(({ pos }) => pos === 'VERB' || pos === 'AUX'));
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A cut may leave one mark of a pair behind; what it opened is then told half. */
function unbalanced(text: string): boolean {
  return (text.match(/["“”]/gu)?.length ?? 0) % 2 === 1 || (text.match(/[([]/gu)?.length ?? 0) !== (text.match(/[)\]]/gu)?.length ?? 0);
}

/** Only what can go without making anything surer than it was: asides, examples, relative clauses between commas, what follows a semicolon. */
const CUTS: readonly [RegExp, string][] = [
  [/\s+/gu, ' '],
  [/ ?\([^()]*\)/gu, ''],
  [/ ?\[[^[\]]*\]/gu, ''],
  [/ — [^—]+ — /gu, ' '],
  [/^([^,]*), (?:including|such as|like) [^,.;]+, (?=[^,]*$)/u, '$1 '],
  [/,? (?:including|such as) [^,.;]+\.$/u, '.'],
  [/^([^,]*), (?:also called|also known as|called|named|nicknamed|which|who|whose|whom) [^,.;]+, (?=[^,]*$)/u, '$1 '],
  [/, (?:which|who|whose|whom) [^,;.]+\.$/u, '.'],
  [/; .*$/u, '.'],
  [/ +([,.;:!?])/gu, '$1'],
];

function shortened(text: string): string {
  return CUTS.reduce((shorter, [pattern, replacement]) => shorter.replace(pattern, replacement), text).trim();
}

const PLAIN = new Map(Object.entries(plainWords.words));
const HARD = new RegExp(`\\b(?:${[...PLAIN.keys()].sort((one, other) => other.length - one.length).join('|')})\\b`, 'giu');

function plainer(text: string): string {
  return text.replace(HARD, (hard) => {
    const plain = PLAIN.get(hard.toLowerCase()) ?? hard;
    return /^\p{Lu}/u.test(hard) ? capitalised(plain) : plain;
  });
}
