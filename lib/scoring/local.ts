import type { LocalScores, ScoreReason } from '../db/types.ts';
import { concernRules, ETHICS_BASE, HYPE_BASE, hypeRules, type LexiconRule, ruleOf, SCORING_VERSION, safeguardRules } from './lexicons.ts';
import { isWord } from './nlp.ts';
import { type Found, findIn, type Passage, readStory, type StoryInput, type StoryText } from './story-text.ts';

/**
 * Scores a story by its words alone: no network, no model, a few milliseconds, the same answer every time.
 * Hype: 0 = sober (sources, figures, caution), 10 = pure promotion. Ethics: 0 = grave concerns that nothing in the story addresses,
 * 10 = exemplary handling; a story without any ethical side stays at the base. `lexicons/README.md` explains the rules.
 * The effects of a score's reasons, its `base` included, add up to it (clamped to 0-10).
 */
export async function scoreLocally(story: StoryInput): Promise<LocalScores> {
  const text = await readStory(story);
  const hype = text.english ? await hypeReasons(text) : [unreadable('hype', text)];
  const ethics = text.english ? ethicsReasons(text) : [unreadable('ethics', text)];
  const reasons = [
    reason('hype', 'base', 'every story starts here', HYPE_BASE),
    ...hype,
    reason('ethics', 'base', 'every story starts here', ETHICS_BASE),
    ...ethics,
  ];
  return { hypeScore: total(reasons, 'hype'), ethicsScore: total(reasons, 'ethics'), reasons, version: SCORING_VERSION };
}

type Score = ScoreReason['score'];

function reason(score: Score, rule: string, evidence: string, effect: number): ScoreReason {
  return { score, rule, evidence, effect: Math.round(effect * 10) / 10 };
}

function unreadable(score: Score, { words }: StoryText): ScoreReason {
  return reason(score, 'not-english', words === 0 ? 'no words that can be read' : 'the lexicons know English only', 0);
}

/** In tenths, so that the sum is exact. */
function total(reasons: readonly ScoreReason[], score: Score): number {
  const tenths = reasons.filter((each) => each.score === score).reduce((sum, { effect }) => sum + Math.round(effect * 10), 0);
  return Math.min(100, Math.max(0, tenths)) / 10;
}

async function hypeReasons(text: StoryText): Promise<ScoreReason[]> {
  const passages = text.passages.filter(({ place }) => place !== 'tag');
  const found = hypeRules.map((rule) => ({ rule, hits: findIn(passages, rule).filter(({ negated }) => !negated) }));
  const lexical = found.map(({ rule, hits }) => fromHits('hype', rule, hits, text.words));
  const sourced = found.some(({ rule, hits }) => (rule.id === 'attribution' || rule.id === 'evidence') && hits.length > 0);
  return present([...lexical, unsourced(sourced, text), thin(text), exclamations(passages), capitals(passages), await tone(passages)]);
}

function present(reasons: (ScoreReason | undefined)[]): ScoreReason[] {
  return reasons.filter((each) => each !== undefined).filter(({ effect }) => effect !== 0);
}

/** A word in the title reaches everybody who sees the story; a tag is the author's own summary. */
const WEIGHTS: Record<Passage['place'], number> = { title: 1.5, tag: 1, text: 1 };

function fromHits(score: Score, rule: LexiconRule, hits: readonly Found[], words: number, weightOf = (_: Found) => 1): ScoreReason | undefined {
  if (hits.length === 0) return undefined;
  const sum = hits.reduce((weight, hit) => weight + WEIGHTS[hit.passage.place] * weightOf(hit), 0);
  return reason(score, rule.id, evidenceOf(hits), saturated(rule, sum / lengthFactor(words)));
}

/** Each further hit counts for less. */
function saturated({ cap, scale }: { cap: number; scale: number }, weighted: number): number {
  return cap * (1 - Math.exp(-weighted / scale));
}

/** The square root lies between counting (long texts would always win) and density (one word in a short text would decide). */
function lengthFactor(words: number): number {
  return Math.sqrt(Math.max(words, 100) / 100);
}

const MOST_EVIDENCE = 6;

function evidenceOf(hits: readonly Found[]): string {
  const words = [...new Set(hits.map(({ words, passage: { place } }) => (place === 'text' ? words : `${words} (${place})`)))];
  const rest = words.length - MOST_EVIDENCE;
  return `${words.slice(0, MOST_EVIDENCE).join(', ')}${rest > 0 ? ` … and ${rest} more` : ''}`;
}

function unsourced(sourced: boolean, { words }: StoryText): ScoreReason | undefined {
  return sourced || words === 0 ? undefined : reason('hype', 'unsourced', 'names no source, study or figure', 1.2);
}

/** Few words leave no room for grounds. */
function thin({ words }: StoryText): ScoreReason | undefined {
  return words === 0 ? undefined : reason('hype', 'thin', `${words} words`, 0.8 * Math.max(0, 1 - words / 60));
}

function exclamations(passages: readonly Passage[]): ScoreReason | undefined {
  const count = passages.reduce((sum, { text, place }) => sum + (text.match(/!/gu)?.length ?? 0) * WEIGHTS[place], 0);
  return count === 0 ? undefined : reason('hype', 'exclamation', '!', saturated({ cap: 1.2, scale: 2 }, count));
}

/** Two shouted words in a row: one alone is mostly an acronym. */
function capitals(passages: readonly Passage[]): ScoreReason | undefined {
  const runs = passages.flatMap(({ text }) => text.match(/\b\p{Lu}{2,}(?:[ ,!-]+\p{Lu}{2,}){1,}\b/gu) ?? []);
  return runs.length === 0
    ? undefined
    : reason('hype', 'capitals', runs.slice(0, MOST_EVIDENCE).join(', '), saturated({ cap: 1.2, scale: 2 }, runs.length));
}

/** VADER needs about 0.25 ms a sentence, more than all the rest together. */
const MOST_SENTENCES_FOR_TONE = 12;
/** News averages below this; promotion lies at 0.4 and above. */
const NEUTRAL_TONE = 0.25;

/** Mean of VADER's positive compound scores (Hutto & Gilbert 2014): how far the text glows. Bad news does not count against it. */
async function tone(passages: readonly Passage[]): Promise<ScoreReason | undefined> {
  const { default: vader } = await import('vader-sentiment');
  const sentences = passages.filter(({ tokens }) => tokens.some(isWord));
  const step = Math.max(1, Math.ceil(sentences.length / MOST_SENTENCES_FOR_TONE));
  const read = sentences.filter((_, index) => index % step === 0);
  if (read.length === 0) return undefined;
  const scores = read.map(({ text }) => Math.max(0, vader.SentimentIntensityAnalyzer.polarity_scores(text).compound));
  const mean = scores.reduce((sum, score) => sum + score, 0) / read.length;
  const effect = Math.min(1.2, Math.max(0, (mean - NEUTRAL_TONE) * 3));
  return reason('hype', 'tone', `mean positive sentiment ${mean.toFixed(2)} of 1 over ${read.length} sentences`, effect);
}

/** A concern in a sentence that also tells what is done about it. */
const ADDRESSED = 0.6;

function ethicsReasons({ passages, words }: StoryText): ScoreReason[] {
  const safeguards = safeguardRules.map((rule) => ({ rule, hits: findIn(passages, rule) }));
  const kept = safeguards.map(({ rule, hits }) => ({ rule, hits: hits.filter(({ negated }) => !negated) }));
  const addressed = new Set(kept.flatMap(({ hits }) => hits.map(({ passage }) => passage)));
  const missing = safeguards.flatMap(({ rule, hits }) => hits.filter(({ negated }) => negated && rule.negated === NEGLECT.id).map(withNegation));
  const concerns = concernRules.map((rule) => {
    const hits = findIn(passages, rule).filter(({ negated }) => !negated);
    const all = rule === NEGLECT ? [...hits, ...missing] : hits;
    return fromHits('ethics', rule, all, words, ({ passage, negated }) => (!negated && addressed.has(passage) ? ADDRESSED : 1));
  });
  return present([...concerns, ...kept.map(({ rule, hits }) => fromHits('ethics', rule, hits, words))]);
}

const NEGLECT = ruleOf(concernRules, 'neglect');

const NEGATIONS = new Set(['no', 'not', "n't", 'never', 'without', 'neither', 'nor', 'none', 'cannot']);
const FARTHEST_NEGATION = 6;

/** The evidence for a missing safeguard starts at its negation: "without users' knowledge or consent". */
function withNegation(hit: Found): Found {
  const { tokens, text, start } = hit.passage;
  const before = tokens.slice(Math.max(0, hit.from - FARTHEST_NEGATION), hit.from);
  const negation = before.findLast(({ normal }) => NEGATIONS.has(normal));
  const last = tokens[hit.to - 1];
  return negation && last ? { ...hit, words: text.slice(negation.start - start, last.end - start) } : hit;
}
