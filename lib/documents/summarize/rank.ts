import { setImmediate as nextTurn } from 'node:timers/promises';
import { eng } from 'stopword';
import type { PagePassage } from '../insight/passages.ts';

export interface RankedSentence extends PagePassage {
  /** In the order of the document. */
  place: number;
  score: number;
  terms: ReadonlySet<string>;
}

const FEWEST_WORDS = 6;
const MOST_WORDS = 45;
/** Sentences read without letting the event loop have its turn: about a millisecond. */
const AT_ONCE = 60;
const STOP_WORDS = new Set(eng);

/** Says what a document is or does. */
const PURPOSE =
  /\b(?:this (?:agreement|deed|report|document|policy|plan|letter|memorandum|lease|notice)|we (?:are|design|develop|provide|manufacture|offer|sell|operate)|the (?:company|corporation|parties|purchase price|term)|is (?:one of|a|an|the)|in summary|overall|in total|net (?:sales|revenues?|income)|total revenues?)\b/iu;
/** Leans on the sentence before, or points elsewhere. */
const LEANS =
  /^(?:he|she|they|it|this|that|these|those|but|and|so|or|also|however|moreover|furthermore|in addition|for example|such|accordingly|therefore|as a result)\b/iu;
const ELSEWHERE =
  /\b(?:see (?:note|item|section|part|page)|forward-looking statements?|incorporated (?:herein )?by reference|table of contents|all rights reserved)\b/iu;

/**
 * Rates sentences by how close they are to the middle of the text (centroid of tf-isf weights: Radev et al. 2004), by where they stand and by what
 * they begin with. In the order of the text; what is no sentence is left out.
 */
export async function rankSentences(passages: readonly PagePassage[]): Promise<RankedSentence[]> {
  const sentences = passages.filter(isSentence);
  const termLists: string[][] = [];
  for (const [index, { text }] of sentences.entries()) {
    if (index % AT_ONCE === 0) await nextTurn();
    termLists.push(termsOf(text));
  }
  const weightOf = weigher(termLists);
  return sentences.map((sentence, place) => {
    const terms = termLists[place] ?? [];
    const score = centrality(terms, weightOf) * positionOf(place, sentences.length) * manner(sentence.text);
    return { ...sentence, place, score, terms: new Set(terms) };
  });
}

function isSentence({ text }: PagePassage): boolean {
  if (!/^["“'‘([]?[\p{Lu}\p{N}]/u.test(text) || !/[.!?]["'”’)\]]?$/u.test(text) || text.includes(' | ')) return false;
  const count = text.split(' ').length;
  const letters = text.replace(/[^\p{L}]/gu, '').length;
  return count >= FEWEST_WORDS && count <= MOST_WORDS && letters > text.length * 0.6;
}

function termsOf(text: string): string[] {
  const found = text.toLowerCase().match(/\p{L}[\p{L}\p{M}'’-]+/gu) ?? [];
  return found.filter((word) => !STOP_WORDS.has(word)).map(stem);
}

/** Good enough to count "agreements" as "agreement". */
function stem(word: string): string {
  return word.length > 4 ? word.replace(/(?:ies)$/u, 'y').replace(/(?<=[^s])s$/u, '') : word;
}

/** A term's frequency by its inverse sentence frequency. */
function weigher(lists: readonly (readonly string[])[]): (term: string) => number {
  const [occurrences, sentences] = [new Map<string, number>(), new Map<string, number>()];
  for (const list of lists) {
    for (const term of list) occurrences.set(term, (occurrences.get(term) ?? 0) + 1);
    for (const term of new Set(list)) sentences.set(term, (sentences.get(term) ?? 0) + 1);
  }
  return (term) => Math.log(1 + (occurrences.get(term) ?? 0)) * Math.log(1 + lists.length / (sentences.get(term) ?? 1));
}

/** By a power of the length, so that neither the longest nor the shortest wins by length alone. */
const LENGTH_POWER = 0.75;

function centrality(terms: readonly string[], weightOf: (term: string) => number): number {
  const distinct = [...new Set(terms)];
  return distinct.reduce((sum, term) => sum + weightOf(term), 0) / (distinct.length + 5) ** LENGTH_POWER;
}

function positionOf(place: number, of: number): number {
  return 1 + 0.5 / (1 + place / 3) + (place >= of - 2 ? 0.05 : 0);
}

function manner(text: string): number {
  return (PURPOSE.test(text) ? 1.15 : 1) * (LEANS.test(text) ? 0.7 : 1) * (ELSEWHERE.test(text) ? 0.4 : 1);
}

/** The best that do not repeat each other (maximal marginal relevance: Carbonell & Goldstein 1998), the best first. */
export function bestOf(ranked: readonly RankedSentence[], most: number, besides: readonly RankedSentence[] = []): RankedSentence[] {
  const chosen: RankedSentence[] = [];
  /** What is left, with how much of it has been said. */
  const rest = new Map(ranked.filter((sentence) => !besides.includes(sentence)).map((sentence) => [sentence, 0]));
  const say = (said: RankedSentence): void => {
    for (const [sentence, before] of rest) rest.set(sentence, Math.max(before, overlap(sentence.terms, said.terms)));
  };
  for (const said of besides) say(said);
  while (chosen.length < most) {
    const best = highest(rest);
    if (best === undefined) break;
    rest.delete(best);
    chosen.push(best);
    say(best);
  }
  return chosen;
}

/** Undefined where nothing new is left. */
function highest(rest: ReadonlyMap<RankedSentence, number>): RankedSentence | undefined {
  let best: RankedSentence | undefined;
  let most = 0;
  for (const [sentence, said] of rest) {
    const worth = sentence.score * (1 - said);
    if (worth > most) [best, most] = [sentence, worth];
  }
  return best;
}

function overlap(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  let shared = 0;
  for (const term of one) if (other.has(term)) shared += 1;
  return shared / Math.max(1, Math.min(one.size, other.size));
}

export function inOrder(sentences: readonly RankedSentence[]): RankedSentence[] {
  return [...sentences].sort((one, other) => one.place - other.place);
}
