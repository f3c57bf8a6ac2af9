import type { Hit, LexiconRule } from './lexicons.ts';
import { isWord, readSentences, type Sentence, type Token } from './nlp.ts';

export interface StoryInput {
  title: string;
  content: string;
  sectorTag: string | null;
  impactTags: readonly string[];
}

export type Place = 'title' | 'tag' | 'text';

/** A sentence of the story, with where it stands. */
export interface Passage extends Sentence {
  place: Place;
}

/** What the rules read. */
export interface StoryText {
  passages: Passage[];
  /** Words of title and text. */
  words: number;
  /** How many characters of the content were read. */
  read: number;
  /** False where the lexicons, which are English, have nothing to say. */
  english: boolean;
}

/** A hit with the words as found. */
export interface Found extends Hit {
  passage: Passage;
  /** As it stands in the story. */
  words: string;
}

export async function readStory({ title, content, sectorTag, impactTags }: StoryInput): Promise<StoryText> {
  const sampled = sample(content);
  const tags = [sectorTag ?? '', ...impactTags].filter((tag) => tag.trim() !== '').slice(0, LONGEST_TAG_LIST);
  const [ofTitle, ofText, ...ofTags] = await Promise.all([sample(title), sampled, ...tags.map(sample)].map(readSentences));
  const placed = (sentences: Sentence[] | undefined, place: Place) => (sentences ?? []).map((sentence) => ({ ...sentence, place }));
  const passages = [...placed(ofTitle, 'title'), ...ofTags.flatMap((tag) => placed(tag, 'tag')), ...placed(ofText, 'text')];
  const tokens = passages.filter(({ place }) => place !== 'tag').flatMap((passage) => passage.tokens);
  const words = tokens.filter(isWord);
  return { passages, words: words.length, read: sampled.length, english: isEnglish(`${title} ${sampled}`, words) };
}

/** Every hit of a rule, in the order of the passages. */
export function findIn(passages: readonly Passage[], rule: LexiconRule): Found[] {
  return passages.flatMap((passage) => rule.find(passage.tokens).map((hit) => ({ ...hit, passage, words: wordsOf(passage, hit) })));
}

function wordsOf({ text, start, tokens }: Passage, { from, to }: Hit): string {
  const [first, last] = [tokens[from], tokens[to - 1]];
  return first && last ? text.slice(first.start - start, last.end - start) : '';
}

const LONGEST_TAG_LIST = 50;
/** Characters that are read at most: about 15 ms of work; a news story has 2,000 to 8,000. */
const LONGEST_READ = 40_000;
const HEAD = 22_000;
const WINDOW = 3_000;
const WINDOWS = (LONGEST_READ - HEAD) / WINDOW;

/**
 * The whole text, or of a very long one its head and evenly spaced windows up to its very end.
 * The head weighs most because news tells first what matters most.
 */
function sample(text: string): string {
  if (text.length <= LONGEST_READ) return text;
  const step = (text.length - HEAD - WINDOW) / (WINDOWS - 1);
  const windows = Array.from({ length: WINDOWS }, (_, index) => wholeWords(text, Math.round(HEAD + index * step), WINDOW));
  // The blank lines end sentences: none is put together from two parts, so each one stands in the story.
  return [wholeWords(text, 0, HEAD), ...windows].join('\n\n');
}

function wholeWords(text: string, from: number, length: number): string {
  const part = text.slice(from, from + length);
  const left = from === 0 ? 0 : part.search(/\s/u);
  const right = from + length >= text.length ? part.length : part.search(/\s\S*$/u);
  return left < 0 || right <= left ? part : part.slice(left, right);
}

/** Below this many words a share of function words says nothing. */
const FEWEST_TO_JUDGE = 20;
/** English prose has 40-50 % function words, headline lists about 15 %; French, German and Spanish texts stay below 10 % of English ones. */
const FEWEST_FUNCTION_WORDS = 0.12;

function isEnglish(text: string, words: Token[]): boolean {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  const latin = text.match(/\p{Script=Latin}/gu)?.length ?? 0;
  if (latin * 2 < letters) return false;
  return words.length < FEWEST_TO_JUDGE || words.filter((word) => word.stopWord).length / words.length >= FEWEST_FUNCTION_WORDS;
}
