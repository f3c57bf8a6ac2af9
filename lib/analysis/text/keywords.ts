import type { Keyword } from '../../db/conversation-types.ts';
import { countTerms, type Terms } from './terms.ts';
import { joinsWithoutSpace, OPENS, readWords, type Words } from './words.ts';

/** Texts from which on a term must stand in two of them: single ones are most of a vocabulary and never the best of a theme. */
const LARGE = 1_000;
/** A phrase takes the place of its words when it scores at least this part of the better one. */
const PHRASE_SHARE = 0.5;

/**
 * The words and two-word phrases that tell each cluster from the others, best first, by class-based TF-IDF as in BERTopic (Grootendorst 2022):
 * tf × log(1 + A / f), where tf is how often the cluster has the term, f how often all texts have it, A the mean number of terms of a cluster.
 * A text counts once for a term, however often it repeats it; texts of no cluster (label -1) are one more class.
 *
 * Stop words of the texts' languages are left out, plurals are counted with their singular, terms are shown as they are mostly written, and a
 * word that a listed phrase holds is not listed again. The best term has score 1; a cluster without words has no terms. Pure, deterministic.
 */
export function keywordsOf(texts: readonly string[], labels: Int32Array, k: number, perTheme: number): Keyword[][] {
  const words = readWords(texts);
  const fewestTexts = texts.length >= LARGE ? 2 : 1;
  const terms = countTerms(words, fewestTexts);
  const classes = textsByClass(labels, k);
  const meanTerms = terms.ids.length / Math.max(1, classes.filter(({ length }) => length > 0).length);
  return classes.slice(0, k).map((members) => {
    const chosen = choose(scored(terms, members, { meanTerms, fewestTexts }), terms, perTheme);
    const written = writtenForms(words, terms, members, new Set(chosen.map(({ term }) => term)));
    const best = chosen[0]?.score ?? 1;
    return chosen.map(({ term, score }) => ({ term: written.get(term) ?? '', score: Math.round((score / best) * 1_000) / 1_000 }));
  });
}

/** The texts of each cluster; the last entry holds those of none. */
function textsByClass(labels: Int32Array, k: number): number[][] {
  const classes = Array.from({ length: k + 1 }, (): number[] => []);
  labels.forEach((label, text) => {
    classes[label >= 0 && label < k ? label : k]?.push(text);
  });
  return classes;
}

interface Scored {
  term: number;
  score: number;
}

/** With fewer shared terms than this, words that a single text of a cluster has are taken as well. */
const FEWEST_SHARED = 3;

/** The terms of a cluster, best first. */
function scored(terms: Terms, members: readonly number[], { meanTerms, fewestTexts }: { meanTerms: number; fewestTexts: number }): Scored[] {
  const counts = new Map<number, number>();
  for (const text of members) {
    for (let at = terms.starts[text] ?? 0; at < (terms.starts[text + 1] ?? 0); at += 1) {
      const term = terms.ids[at] ?? 0;
      if ((terms.frequency[term] ?? 0) >= fewestTexts) counts.set(term, (counts.get(term) ?? 0) + 1);
    }
  }
  const isPhrase = (term: number): number => Number(terms.partsOf(term) !== undefined);
  const shared = [...counts].filter(([, count]) => count > 1);
  const fewShared = [...counts].filter(([term, count]) => count > 1 || members.length === 1 || isPhrase(term) === 0);
  return (shared.length >= FEWEST_SHARED ? shared : fewShared)
    .map(([term, count]) => ({ term, score: count * Math.log(1 + meanTerms / (terms.frequency[term] ?? 1)) }))
    .sort((one, other) => other.score - one.score || isPhrase(other.term) - isPhrase(one.term) || one.term - other.term);
}

/** The best terms; a phrase takes the place of its words. */
function choose(candidates: readonly Scored[], terms: Terms, most: number): readonly Scored[] {
  const scores = new Map(candidates.map(({ term, score }) => [term, score]));
  const said = new Set<number>();
  let chosen: readonly Scored[] = [];
  for (const candidate of candidates) {
    if (chosen.length >= most) break;
    const parts: readonly number[] = terms.partsOf(candidate.term) ?? [];
    if (said.has(candidate.term) || parts.some((part) => candidate.score < PHRASE_SHARE * (scores.get(part) ?? 0))) continue;
    for (const part of parts) said.add(part);
    chosen = [...chosen.filter(({ term }) => !parts.includes(term)), candidate];
  }
  return chosen;
}

/** A capital letter at the beginning of a sentence says little. */
const WEIGHT_OF_OPENING = 1;
const WEIGHT = 4;

/** How the texts of a cluster mostly write the wanted terms; of two ways as frequent, the one with fewer capitals. */
function writtenForms(words: Words, terms: Terms, members: readonly number[], wanted: ReadonlySet<number>): Map<number, string> {
  const ways = new Map([...wanted].map((term) => [term, new Map<string, number>()]));
  const count = (term: number, way: () => string, opens: boolean): void => {
    const counts = ways.get(term);
    if (!counts) return;
    const written = way();
    counts.set(written, (counts.get(written) ?? 0) + (opens ? WEIGHT_OF_OPENING : WEIGHT));
  };
  const surface = (place: number): string => words.surfaces[words.words[place] ?? 0] ?? '';
  const opensAt = (place: number): boolean => ((words.flags[place] ?? 0) & OPENS) !== 0;
  for (const text of members) {
    for (let place = words.starts[text] ?? 0; place < (words.starts[text + 1] ?? 0); place += 1) {
      const { word, phrase } = terms.at(place);
      count(word, () => surface(place), opensAt(place));
      count(phrase, () => phraseOf(surface(place - 1), surface(place)), opensAt(place - 1));
    }
  }
  return new Map([...ways].map(([term, counts]) => [term, mostWritten(counts)]));
}

function phraseOf(first: string, second: string): string {
  return joinsWithoutSpace(first) && joinsWithoutSpace(second) ? first + second : `${first} ${second}`;
}

function mostWritten(counts: ReadonlyMap<string, number>): string {
  const [best] = [...counts].sort(
    ([one, weight], [other, otherWeight]) => otherWeight - weight || capitalsIn(one) - capitalsIn(other) || (one < other ? -1 : 1),
  );
  return best?.[0] ?? '';
}

function capitalsIn(text: string): number {
  return text.match(/\p{Lu}/gu)?.length ?? 0;
}
