import { createNumberList } from './numbers.ts';
import { FOLLOWS, type Words } from './words.ts';

/** Which words and two-word phrases each text holds. One numbering: words first, then phrases. */
export interface Terms {
  count: number;
  /** The terms of all texts, text after text, each once in a text. */
  ids: Int32Array;
  /** Where each text begins in `ids`; the last entry is the end. */
  starts: Int32Array;
  /** Of each term: the texts that hold it. */
  frequency: Int32Array;
  /** The two words of a phrase; undefined for a word. */
  partsOf(term: number): readonly [number, number] | undefined;
  /** The word at a place of `words`, and the phrase that ends there (-1 = none). */
  at(place: number): { word: number; phrase: number };
}

/** Counts terms; a phrase whose words stand in fewer than `fewestTexts` texts is none. */
export function countTerms(words: Words, fewestTexts: number): Terms {
  const wordOf = mergedForms(words);
  const vocabulary = words.terms.length;
  const single = textsPerWord(words, wordOf);
  const phrases = new Map<number, number>();
  const keyAt = (place: number): number => {
    if (((words.flags[place] ?? 0) & FOLLOWS) === 0) return -1;
    const [first, second] = [wordOf[words.words[place - 1] ?? 0] ?? 0, wordOf[words.words[place] ?? 0] ?? 0];
    return (single[first] ?? 0) < fewestTexts || (single[second] ?? 0) < fewestTexts ? -1 : first * vocabulary + second;
  };
  const phraseAt = (place: number): number => {
    const key = keyAt(place);
    if (key >= 0 && !phrases.has(key)) phrases.set(key, vocabulary + phrases.size);
    return phrases.get(key) ?? -1;
  };
  const at: Terms['at'] = (place) => ({ word: wordOf[words.words[place] ?? 0] ?? -1, phrase: phraseAt(place) });
  const held = termsOfTexts(words, at);
  const keys = Float64Array.from(phrases.keys());
  return {
    ...held,
    count: vocabulary + keys.length,
    frequency: tally(held.ids, vocabulary + keys.length),
    at,
    partsOf: (term) => {
      const key = keys[term - vocabulary];
      return key === undefined ? undefined : [Math.floor(key / vocabulary), key % vocabulary];
    },
  };
}

function tally(ids: Int32Array, count: number): Int32Array {
  const counts = new Int32Array(count);
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}

/** In how many texts each word is. */
function textsPerWord({ words, starts, terms }: Words, wordOf: Int32Array): Int32Array {
  const counts = new Int32Array(terms.length);
  const lastText = new Int32Array(terms.length).fill(-1);
  for (let text = 0; text + 1 < starts.length; text += 1) {
    for (let place = starts[text] ?? 0; place < (starts[text + 1] ?? 0); place += 1) {
      const word = wordOf[words[place] ?? 0] ?? 0;
      if (lastText[word] === text) continue;
      lastText[word] = text;
      counts[word] = (counts[word] ?? 0) + 1;
    }
  }
  return counts;
}

function termsOfTexts({ starts }: Words, at: Terms['at']): Pick<Terms, 'ids' | 'starts'> {
  const ids = createNumberList();
  const begins = new Int32Array(starts.length);
  for (let text = 0; text + 1 < starts.length; text += 1) {
    const seen = new Set<number>();
    for (let place = starts[text] ?? 0; place < (starts[text + 1] ?? 0); place += 1) {
      const { word, phrase } = at(place);
      seen.add(word);
      if (phrase >= 0) seen.add(phrase);
    }
    for (const id of seen) ids.push(id);
    begins[text + 1] = ids.length();
  }
  return { ids: ids.view(), starts: begins };
}

/** Words that only look like a plural of another. */
const NO_PLURALS = new Set(['news', 'means', 'goods', 'customs', 'arms', 'glasses']);

/**
 * The word of each surface, plurals counted with their singular where the texts have both ("cities", "city"): the S stemmer (Harman 1991), which
 * suits English, Spanish, French and Portuguese, and finds little to merge elsewhere.
 */
function mergedForms({ terms, termOf }: Words): Int32Array {
  const numbers = new Map(terms.map((term, number) => [term, number]));
  const target = Int32Array.from(terms, (term, number) => {
    const singular = singularsOf(term).find((form) => numbers.has(form));
    return singular === undefined ? number : (numbers.get(singular) ?? number);
  });
  return termOf.map((term) => target[term] ?? term);
}

function singularsOf(term: string): string[] {
  if (!/^\p{sc=Latin}{3,}s$/u.test(term) || /(?:ss|us|is)$/u.test(term) || NO_PLURALS.has(term)) return [];
  const stem = term.slice(0, -1);
  return [...(term.endsWith('ies') ? [`${term.slice(0, -3)}y`] : []), stem, ...(term.endsWith('es') ? [term.slice(0, -2)] : [])];
}
