import { rounded } from './labels.ts';
import { isLocalLanguage } from './language.ts';
import data from './lexicons/topics.json' with { type: 'json' };
import { scoreIn } from './local-sentiment.ts';
import { sentencesOf } from './sentences.ts';

export type TopicName = keyof typeof data.topics;

export interface LocalTopic {
  topic: TopicName;
  score: number;
  /** The clause that speaks of it, as it stands in the text. */
  quote: string;
}

function wholeWord(pattern: string): RegExp {
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${pattern.replaceAll('\\w', '[\\p{L}]')})(?![\\p{L}\\p{N}])`, 'iu');
}

const names = Object.keys(data.topics).filter((name): name is TopicName => Object.hasOwn(data.topics, name));
const patterns = names.map((topic) => ({ topic, byLanguage: mapValues(data.topics[topic], wholeWord) }));

function mapValues<V, W>(record: Readonly<Record<string, V>>, change: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

/** A long review has long clauses; a quote is for reading. */
const LONGEST_QUOTE = 240;
const MOST_TOPICS = 8;

/** The topics of a review, those with the strongest opinion first, each scored by the clauses that name it. Languages without lists: none. */
export function topicsIn(review: string, language: string): LocalTopic[] {
  const read = isLocalLanguage(language) ? language : 'en';
  const clauses = sentencesOf(review).flatMap(clausesOf);
  const scored = clauses.map((clause) => ({ clause, score: scoreIn(read, clause) }));
  const topics = patterns.flatMap(({ topic, byLanguage }) => {
    const pattern = byLanguage[read];
    const found = scored.filter(({ clause }) => pattern?.test(clause));
    const strongest = found.toSorted((one, other) => Math.abs(other.score) - Math.abs(one.score))[0];
    if (!strongest) return [];
    const mean = found.reduce((sum, { score }) => sum + score, 0) / found.length;
    return [{ topic, score: rounded(mean), quote: strongest.clause.slice(0, LONGEST_QUOTE).trim() }];
  });
  return topics.sort((one, other) => Math.abs(other.score) - Math.abs(one.score)).slice(0, MOST_TOPICS);
}

/** What stands between marks and "but": each side has its own opinion. Single words go with their neighbours. */
function clausesOf(sentence: string): string[] {
  const parts = sentence.split(
    /(?<=[,;:–—])\s+(?=\S+\s+\S+\s+\S)|\s+(?=(?:but|however|although|though|while|pero|aunque|aber|jedoch|mais|cependant)\s)/iu,
  );
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

export type Urgency = { level: 'low' | 'medium' | 'high'; reason: string };

const grounds = (['high', 'medium'] as const).flatMap((level) =>
  Object.entries(data.urgency[level]).map(([reason, pattern]) => ({ level, reason, pattern: wholeWord(pattern) })),
);
/** From here on a review counts as a plain complaint. */
const COMPLAINT = -0.35;

/** By words of danger, law, theft and dispute; a good review that mentions one in passing ("no food poisoning here") still gets a reader. */
export function urgencyOf(review: string, score: number): Urgency {
  const found = grounds.find(({ pattern, level }) => pattern.test(review) && (level === 'high' || score < 0.2));
  if (found?.level === 'high' && score > 0.3) return { level: 'medium', reason: `A positive review that has words of ${found.reason}.` };
  if (found) return { level: found.level, reason: `The review has words of ${found.reason}.` };
  if (score <= COMPLAINT) return { level: 'medium', reason: 'The review is a plain complaint.' };
  return { level: 'low', reason: 'Nothing in the review waits for an answer today.' };
}
