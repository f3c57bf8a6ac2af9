import { createNumberList } from './numbers.ts';
import { LANGUAGES, languageOfScript, stopWordIn } from './stop-words.ts';

/** The words of many texts as numbers: words in order, text after text, those that carry no meaning of their own left out. */
export interface Words {
  /** What is counted, by number: lower case, English possessives and French elisions gone. */
  terms: readonly string[];
  /** Ways to write them, by number. */
  surfaces: readonly string[];
  /** The term of each surface. */
  termOf: Int32Array;
  /** Of each word: its surface. */
  words: Int32Array;
  /** Of each word: `FOLLOWS` and `OPENS`. */
  flags: Uint8Array;
  /** Where each text begins in `words`; the last entry is the end. */
  starts: Int32Array;
}

/** Nothing but a space, or in scripts without spaces nothing at all, between the word before and this one: the two make a phrase. */
export const FOLLOWS = 1;
/** First of its sentence: its capital letter says nothing. */
export const OPENS = 2;

/** Words of an answer that are read; who writes more than a page says the rest with the same words. */
const MOST_WORDS = 400;
const LONGEST_READ = 4_000;
/** Characters; longer ones are codes. */
const LONGEST_WORD = 40;

/** Scripts that put no space between words. */
const UNSPACED = String.raw`[[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]&&[\p{L}\p{M}]]`;
const NUMBER = String.raw`\p{Sc}?\p{Nd}+(?:[.,:]\p{Nd}+)*[%\p{Sc}]?(?![\p{L}\p{M}\p{N}])`;
const WORD = String.raw`[[\p{L}\p{M}\p{N}]--${UNSPACED}]`;
const TOKEN = new RegExp(`${UNSPACED}+|${NUMBER}|${WORD}+(?:['’\\-]${WORD}+)*`, 'gv');
const ADDRESS = /https?:\/\/\S+|www\.\S+|\S+@\S+\.\S+/giu;
/** Thai; everything below is written with spaces. */
const FIRST_UNSPACED = 0x0e00;
const isUnspaced = new RegExp(`^${UNSPACED}`, 'v');

const segmenter = new Intl.Segmenter('ja', { granularity: 'word' });

/** Reads all texts; each text's language decides which of its words are stop words. */
export function readWords(texts: readonly string[]): Words {
  const vocabulary = createVocabulary();
  const words = createNumberList();
  const flags = createNumberList();
  const starts = new Int32Array(texts.length + 1);
  const languages = new Int32Array(texts.length);
  texts.forEach((text, index) => {
    const first = words.length();
    readText(text, (surface, flag) => {
      words.push(vocabulary.surfaceOf(surface));
      flags.push(flag);
      return words.length() - first < MOST_WORDS;
    });
    starts[index + 1] = words.length();
    languages[index] = vocabulary.languageOf(text, words.view().subarray(first));
  });
  const all = { words: words.view(), flags: Uint8Array.from(flags.view()), starts };
  return { ...vocabulary.numbered(), ...withoutStopWords(all, languages, vocabulary.isStopWord) };
}

/** Calls `take` for each word of a text until it answers false. */
function readText(text: string, take: (surface: string, flag: number) => boolean): void {
  const read = text.length > LONGEST_READ ? text.slice(0, LONGEST_READ) : text;
  const clean = read.includes('@') || read.includes('://') || read.includes('www.') ? read.replace(ADDRESS, ' . ') : read;
  let end = 0;
  TOKEN.lastIndex = 0;
  // No `matchAll`: it makes three objects for each word.
  for (let match = TOKEN.exec(clean); match !== null; match = TOKEN.exec(clean)) {
    const [found] = match;
    const flag = end === 0 ? OPENS : flagOf(clean, end, match.index);
    end = match.index + found.length;
    if (!joinsWithoutSpace(found)) {
      if (!take(found, flag)) return;
    } else if (![...segmenter.segment(found)].every(({ segment }, index) => take(segment, index === 0 ? flag : FOLLOWS))) return;
  }
}

/** By what stands between two words. */
function flagOf(text: string, from: number, to: number): number {
  if (to === from || (to === from + 1 && text.charCodeAt(from) === SPACE)) return FOLLOWS;
  const between = text.slice(from, to);
  if (/^\s*$/u.test(between)) return FOLLOWS;
  return /[.!?…:。！？\n]/u.test(between) ? OPENS : 0;
}

const SPACE = 0x20;

/** One stop word may be of any language; two in a text are a sign. */
const FEWEST_SIGNS = 2;

/** What each way to write a word stands for; every one of them is looked at once. */
function createVocabulary() {
  const surfaceIds = new Map<string, number>();
  const termIds = new Map<string, number>();
  const surfaces: string[] = [];
  const termOf: number[] = [];
  const stopIn: (readonly number[])[] = [];
  const signs = new Int32Array(LANGUAGES.length);

  const add = (written: string): number => {
    const surface = bare(written);
    const known = surfaceIds.get(surface);
    const id = known ?? surfaces.length;
    surfaceIds.set(written, id);
    if (known !== undefined) return known;
    surfaceIds.set(surface, id);
    const term = surface.toLowerCase();
    if (!termIds.has(term)) termIds.set(term, termIds.size);
    surfaces.push(surface);
    termOf.push(isTerm(term) ? (termIds.get(term) ?? -1) : -1);
    stopIn.push(stopWordIn(term));
    return id;
  };
  return {
    surfaceOf: (written: string): number => surfaceIds.get(written) ?? add(written),
    /** By script, else the one with most stop words among these words; -1 where too few tell. */
    languageOf: (text: string, words: Int32Array): number => {
      const byScript = languageOfScript(text);
      if (byScript >= 0) return byScript;
      signs.fill(0);
      for (const word of words) for (const language of stopIn[word] ?? []) signs[language] = (signs[language] ?? 0) + 1;
      const most = Math.max(...signs);
      return most >= FEWEST_SIGNS ? signs.indexOf(most) : -1;
    },
    isStopWord: (surface: number, languages: readonly number[]): boolean =>
      (termOf[surface] ?? -1) < 0 || (stopIn[surface]?.some((language) => languages.includes(language)) ?? false),
    numbered: () => ({ terms: [...termIds.keys()], surfaces, termOf: Int32Array.from(termOf) }),
  };
}

/** "Seattle" of "Seattle's", "école" of "l'école". */
function bare(written: string): string {
  const word = written.normalize('NFC').replaceAll('’', "'");
  if (!word.includes("'")) return word;
  return word.replace(/'s$/iu, '').replace(/^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|dell|all|nell|sull|dall)'(?=\p{L}{3})/iu, '');
}

/** One letter or digit says nothing, unless it is a word by itself, as in Chinese; two Japanese syllables are an ending more often than a word. */
function isTerm(term: string): boolean {
  if (term.length > LONGEST_WORD || /^\p{sc=Hiragana}$/u.test(term)) return false;
  return /\p{sc=Han}/u.test(term) || [...term].length > 1;
}

/** Part of the texts whose language is told; a language that fewer of them have is not taken for that of the rest. */
const MAIN_SHARE = 0.1;

/** Texts too short to tell their language by are read in the main ones. */
function mainLanguages(languages: Int32Array): number[] {
  const counts = new Map<number, number>();
  for (const language of languages) if (language >= 0) counts.set(language, (counts.get(language) ?? 0) + 1);
  const told = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const main = [...counts].filter(([, count]) => count >= told * MAIN_SHARE).map(([language]) => language);
  return main.length > 0 ? main : [0];
}

function withoutStopWords(
  { words, flags, starts }: Pick<Words, 'words' | 'flags' | 'starts'>,
  languages: Int32Array,
  isStopWord: (surface: number, languages: readonly number[]) => boolean,
): Pick<Words, 'words' | 'flags' | 'starts'> {
  const main = mainLanguages(languages);
  const kept = { words: new Int32Array(words.length), flags: new Uint8Array(words.length), starts: new Int32Array(starts.length) };
  let count = 0;
  languages.forEach((language, text) => {
    const own = language >= 0 ? [language] : main;
    let previousKept = false;
    for (let at = starts[text] ?? 0; at < (starts[text + 1] ?? 0); at += 1) {
      const surface = words[at] ?? 0;
      const stop = isStopWord(surface, own);
      if (!stop) {
        kept.words[count] = surface;
        kept.flags[count] = previousKept ? (flags[at] ?? 0) : (flags[at] ?? 0) & ~FOLLOWS;
        count += 1;
      }
      previousKept = !stop;
    }
    kept.starts[text + 1] = count;
  });
  return { words: kept.words.slice(0, count), flags: kept.flags.slice(0, count), starts: kept.starts };
}

/** Whether a word is written without spaces around it. */
export function joinsWithoutSpace(surface: string): boolean {
  return surface.charCodeAt(0) >= FIRST_UNSPACED && isUnspaced.test(surface);
}
