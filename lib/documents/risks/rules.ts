import { setImmediate as nextTurn } from 'node:timers/promises';
import { known } from '../insight/known.ts';
import { passagesOf } from '../insight/passages.ts';
import type { SaidRisk } from './answer.ts';
import { RISK_CATEGORIES, type RiskCategory, SEVERITIES, type Severity } from './categories.ts';
import lexicon from './lexicon.json' with { type: 'json' };

/** A rule of `lexicon.json`; `README.md` beside it says how they are written. */
interface Rule {
  category: RiskCategory;
  severity: Severity;
  explanation: string;
  all: readonly RegExp[];
  none: readonly RegExp[];
}

/** Of the lexicon and of the code that reads it; stored with what they found. */
export const RISK_RULES_VERSION = `risk rules ${lexicon.version}.1`;
/** Looked for in every document, also where a model has read it. */
export const ALWAYS: ReadonlySet<RiskCategory> = new Set(['change_of_control', 'assignment']);

const SEVERAL: ReadonlySet<RiskCategory> = new Set(RISK_CATEGORIES);
/** Sentences looked at without letting the event loop have its turn: about a millisecond, for the parts of a document take their turns together. */
const AT_ONCE = 10;
/** Words; anything shorter is a heading. */
const FEWEST_WORDS = 6;

const patterns: Readonly<Record<string, string>> = lexicon.patterns;
const compile = (source: string): RegExp => new RegExp(expand(source), 'u');
const never = lexicon.never.map(compile);
const rules: readonly Rule[] = lexicon.rules.map(({ category, severity, explanation, all, none = [] }) => ({
  category: known(RISK_CATEGORIES, category, 'lexicon.json'),
  severity: known(SEVERITIES, severity, 'lexicon.json'),
  explanation: `Found by word rules: ${explanation}`,
  all: all.map(compile),
  none: none.map(compile),
}));

/** What the rules say of a text, in English: at most one finding of a category for each sentence, the first of the lexicon. */
export async function findByRules(text: string, categories: ReadonlySet<RiskCategory> = SEVERAL): Promise<SaidRisk[]> {
  const wanted = rules.filter(({ category }) => categories.has(category));
  const found: SaidRisk[] = [];
  for (const [index, { text: sentence }] of (await passagesOf(text)).entries()) {
    if (index % AT_ONCE === 0) await nextTurn();
    found.push(...findInSentence(sentence, wanted));
  }
  return found;
}

function findInSentence(sentence: string, wanted: readonly Rule[]): SaidRisk[] {
  const plain = plainOf(sentence);
  if (plain.split(' ').length < FEWEST_WORDS || never.some((pattern) => pattern.test(plain))) return [];
  const found = new Map<RiskCategory, SaidRisk>();
  for (const { category, severity, explanation, all, none } of wanted) {
    if (found.has(category) || !all.every((pattern) => pattern.test(plain)) || none.some((pattern) => pattern.test(plain))) continue;
    found.set(category, { category, severity, explanation, quote: sentence });
  }
  return [...found.values()];
}

/** What patterns are compared with: lower case, straight quotes and dashes. */
function plainOf(sentence: string): string {
  return sentence
    .toLowerCase()
    .replace(/[‘’]/gu, "'")
    .replace(/[“”]/gu, '"')
    .replace(/[‐‑–—]/gu, '-');
}

/** `{name}` stands for the pattern of that name. */
function expand(source: string): string {
  return source.replace(/\{([a-z_]+)\}/gu, (_, name: string) => {
    const pattern = patterns[name];
    if (pattern === undefined) throw new Error(`lexicon.json has no pattern "${name}"`);
    return `(?:${expand(pattern)})`;
  });
}
