import ethics from './lexicons/ethics.json' with { type: 'json' };
import hype from './lexicons/hype.json' with { type: 'json' };
import type { Token } from './nlp.ts';

/** One rule of a lexicon file; `lexicons/README.md` says what the numbers mean. */
export interface LexiconRule {
  id: string;
  /** Most points the rule can move a score, signed. */
  cap: number;
  /** Weighted hits (per √100 words) at which about two thirds of `cap` are reached. */
  scale: number;
  /** The rule that a negated hit counts for instead ("without consent"); otherwise negated hits count for nothing. */
  negated: string | undefined;
  find(tokens: readonly Token[]): Hit[];
}

/** Words of a text that a rule knows: `tokens[from]` to `tokens[to - 1]`. */
export interface Hit {
  from: number;
  to: number;
  negated: boolean;
}

interface RuleData {
  cap: number;
  scale: number;
  negated?: string;
  phrases: string[];
}

/** Prefixes are looked up by their first letters, so that a token is compared with a handful of them. */
const PREFIX_KEY_LENGTH = 3;

/** Of the lexicons and the rules of `local.ts`; stored with each score. */
export const SCORING_VERSION = `lexicons ${hype.version}.${ethics.version}, rules 1`;
export const HYPE_BASE = hype.base;
export const ETHICS_BASE = ethics.base;
export const hypeRules = compileAll(hype.rules);
export const concernRules = compileAll(ethics.concerns);
export const safeguardRules = compileAll(ethics.safeguards);

export function ruleOf(rules: readonly LexiconRule[], id: string): LexiconRule {
  const rule = rules.find((candidate) => candidate.id === id);
  if (!rule) throw new Error(`The lexicons have no rule "${id}"`);
  return rule;
}

function compileAll(rules: Record<string, RuleData>): LexiconRule[] {
  return Object.entries(rules).map(([id, { cap, scale, negated, phrases }]) => ({ id, cap, scale, negated, find: compile(phrases) }));
}

/** A phrase: its words; the last one may be a prefix ("discriminat*"). One with "!" in front is an exception: "!new york". */
interface Phrase {
  words: string[];
  prefix: boolean;
  exception: boolean;
}

function compile(phrases: string[]): (tokens: readonly Token[]) => Hit[] {
  const byFirstWord = new Map<string, Phrase[]>();
  const byPrefix = new Map<string, Phrase[]>();
  for (const phrase of phrases.map(parse)) {
    const first = phrase.words[0] ?? '';
    if (phrase.prefix && phrase.words.length === 1) append(byPrefix, first.slice(0, PREFIX_KEY_LENGTH), phrase);
    else append(byFirstWord, first, phrase);
  }
  return (tokens) => findAll(tokens, byFirstWord, byPrefix);
}

function parse(text: string): Phrase {
  const exception = text.startsWith('!');
  const prefix = text.endsWith('*');
  return { words: text.slice(exception ? 1 : 0, prefix ? -1 : undefined).split(' '), prefix, exception };
}

function append(index: Map<string, Phrase[]>, key: string, phrase: Phrase): void {
  const phrases = index.get(key);
  if (phrases) phrases.push(phrase);
  else index.set(key, [phrase]);
}

type Index = ReadonlyMap<string, readonly Phrase[]>;
const NOTHING: readonly Phrase[] = [];

/** Leftmost, longest, without overlap. */
function findAll(tokens: readonly Token[], byFirstWord: Index, byPrefix: Index): Hit[] {
  const hits: Hit[] = [];
  let free = 0;
  for (const [from, { normal, negated }] of tokens.entries()) {
    if (from < free) continue;
    const [exact, prefixed] = [byFirstWord.get(normal), byPrefix.get(normal.slice(0, PREFIX_KEY_LENGTH))];
    // Nearly every token stops here.
    if (!exact && !prefixed) continue;
    const { to, exception } = longestMatch(tokens, from, [...(exact ?? NOTHING), ...(prefixed ?? NOTHING)]);
    if (to > from && !exception) hits.push({ from, to, negated });
    free = to;
  }
  return hits;
}

function longestMatch(tokens: readonly Token[], from: number, phrases: readonly Phrase[]): { to: number; exception: boolean } {
  let longest = { to: from, exception: false };
  for (const phrase of phrases) {
    const to = matchEnd(tokens, from, phrase);
    if (to > longest.to) longest = { to, exception: phrase.exception };
  }
  return longest;
}

/** Where the phrase that starts at `from` ends, or `from` when it is not there. Hyphens inside it are skipped: "game-changing". */
function matchEnd(tokens: readonly Token[], from: number, { words, prefix }: Phrase): number {
  let at = from;
  for (const [index, word] of words.entries()) {
    if (index > 0 && tokens[at]?.normal === '-') at += 1;
    const normal = tokens[at]?.normal ?? '';
    const last = index === words.length - 1;
    if (last && prefix ? !normal.startsWith(word) : normal !== word) return from;
    at += 1;
  }
  return at;
}
