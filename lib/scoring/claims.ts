import type { Claim } from '../db/types.ts';
import { hypeRules, ruleOf } from './lexicons.ts';
import { isWord, type Token } from './nlp.ts';
import type { Passage } from './story-text.ts';

export interface LocalClaim extends Claim {
  verdict: 'attributed' | 'unsupported' | 'opinion';
}

/** What makes a sentence worth checking, after ClaimBuster (Hassan et al. 2017): figures, comparisons, causes, forecasts, superlatives. */
const SIGNS: readonly { weight: number; pattern: RegExp }[] = [
  { weight: 1.2, pattern: /\d[\d,.]*\s*(?:%|percent|per cent|million|billion|trillion|thousand)|[$€£]\s?\d/iu },
  { weight: 0.8, pattern: /\b\d[\d,.]*\b|\b(?:half|third|quarter|dozen|hundred|thousand|million|billion)s?\b/iu },
  {
    weight: 0.8,
    pattern:
      /\b(?:because|caus(?:e|es|ed|ing)|leads? to|led to|due to|result(?:s|ed)? in|responsible for|linked to|prevent(?:s|ed)?|attributable)\b/iu,
  },
  { weight: 0.6, pattern: /\b(?:will|would|could|can|is expected to|going to)\b/iu },
  { weight: 0.6, pattern: /\b(?:first|only|never|always|all|every|none|largest|biggest|highest|lowest|best|worst|most|least)\b/iu },
  { weight: 0.5, pattern: /\b(?:more|less|fewer|larger|smaller|higher|lower|faster|better|worse) (?:\S+ )?than\b|\bcompared (?:to|with)\b/iu },
  { weight: 0.4, pattern: /\b(?:found|shows?|showed|proved|confirmed|announced|discovered|invented|reported)\b/iu },
  { weight: -1.5, pattern: /\?["'”’]?$/u },
];
/** One figure or one cause is not enough; two signs, or a share or sum of money, are. */
const WORTH_CHECKING = 1;
const MOST_CLAIMS = 5;
const FEWEST_WORDS = 6;
const MOST_WORDS = 60;

/** The sentences of a story that are most worth checking, in the order of the story; each quote is the sentence as it stands there. */
export function claimsIn(passages: readonly Passage[]): LocalClaim[] {
  const text = passages.filter(({ place }) => place === 'text');
  const quoted = insideQuotations(text);
  return text
    .map((passage) => ({ passage, worth: worthOf(passage) }))
    .filter(({ worth }) => worth >= WORTH_CHECKING)
    .sort((one, other) => other.worth - one.worth || one.passage.start - other.passage.start)
    .slice(0, MOST_CLAIMS)
    .sort((one, other) => one.passage.start - other.passage.start)
    .map(({ passage }) => ({ claim: passage.text.replace(/\s+/gu, ' '), verdict: verdictOn(passage, quoted), quote: passage.text }));
}

function worthOf({ text, tokens }: Passage): number {
  const words = tokens.filter(isWord).length;
  if (words < FEWEST_WORDS || words > MOST_WORDS) return 0;
  const promotional = PROMOTION.some((rule) => rule.find(tokens).length > 0) ? 0.8 : 0;
  return SIGNS.reduce((sum, { weight, pattern }) => sum + (pattern.test(text) ? weight : 0), promotional);
}

const ATTRIBUTION = ruleOf(hypeRules, 'attribution');
const PROMOTION = [ruleOf(hypeRules, 'promotional'), ruleOf(hypeRules, 'certainty')];
const GROUNDS =
  /\b(?:stud(?:y|ies)|surveys?|findings|journals?|researchers|scientists|(?:clinical|drug|PALM) trials?|statistics|census|filings?|court|ruling|report)\b/u;

/** Whether the sentence itself says where it comes from: a speaker, a study, a document. */
export function isAttributed({ text, tokens }: Passage): boolean {
  return ATTRIBUTION.find(tokens).length > 0 || GROUNDS.test(text);
}

/** Sentences in the middle of a quotation: whoever speaks was named before or will be after. */
function insideQuotations(passages: readonly Passage[]): Set<Passage> {
  const inside = new Set<Passage>();
  let open = false;
  for (const passage of passages) {
    if (passage.startsParagraph) open = false;
    if (open) inside.add(passage);
    if ((passage.text.match(/["“”]/gu)?.length ?? 0) % 2 === 1) open = !open;
    if (open) inside.add(passage);
  }
  return inside;
}

const OPINION =
  /\b(?:I|we|We) (?:\w+ )?(?:think|believe|feel|hope|love|like|guess)\b|\b(?:fun|cool|neat|crazy|wonderful|awful|beautiful|shocking|excited)\b/u;

function verdictOn(passage: Passage, quoted: ReadonlySet<Passage>): LocalClaim['verdict'] {
  if (OPINION.test(passage.text)) return 'opinion';
  return quoted.has(passage) || isAttributed(passage) ? 'attributed' : 'unsupported';
}

/** Names of people and organisations that the text gives as its sources, most frequent first. */
export function sourcesIn(passages: readonly Passage[]): string[] {
  const counts = new Map<string, number>();
  for (const passage of passages) {
    for (const { from, to } of ATTRIBUTION.find(passage.tokens)) {
      const name = nameNear(passage, from, to);
      if (name) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return [...counts].sort(([, one], [, other]) => other - one).map(([name]) => name);
}

/** The name before the verb ("Zapata said"), the one after it ("according to UpGuard", "said Dr. Livermore"), else the one that the sentence began with. */
function nameNear(passage: Passage, from: number, to: number): string | undefined {
  const { tokens } = passage;
  const takesWhatFollows = tokens[to - 1]?.normal === 'to';
  const before = takesWhatFollows ? undefined : runEndingAt(tokens, from);
  const after = runStartingAt(tokens, tokens[to]?.value === 'the' ? to + 1 : to);
  const opening = runStartingAt(tokens, 0);
  // A single capital word at the beginning is seldom a name.
  const subject = !takesWhatFollows && opening[1] > opening[0] ? opening : undefined;
  return [before, after, subject].map((run) => run && nameOf(passage, run)).find((name) => name !== undefined);
}

/** Tokens `first` to `last`, both included. */
type Run = readonly [first: number, last: number];

function runEndingAt(tokens: readonly Token[], end: number): Run {
  let first = end;
  while (belongsToName(tokens, first - 1)) first -= 1;
  return [first, end - 1];
}

function runStartingAt(tokens: readonly Token[], first: number): Run {
  let end = first;
  while (belongsToName(tokens, end)) end += 1;
  return [first, end - 1];
}

const NO_NAMES =
  /^(?:mon|tues|wednes|thurs|fri|satur|sun)day$|^(?:january|february|march|april|may|june|july|august|september|october|november|december)$|^(?:he|she|they|it|we|i)$/u;

/** Capital letters; a sentence's first word only where the tagger takes it for a name. Hyphens join names. */
function belongsToName(tokens: readonly Token[], at: number): boolean {
  const token = tokens[at];
  if (!token) return false;
  if (token.value === '-') return isCapital(tokens[at - 1]) && isCapital(tokens[at + 1]);
  return isCapital(token) && (at > 0 || token.pos === 'PROPN') && (!token.stopWord || token.value === 'The');
}

function isCapital(token: Token | undefined): boolean {
  return token !== undefined && /^\p{Lu}/u.test(token.value) && !NO_NAMES.test(token.normal);
}

function nameOf({ text, start, tokens }: Passage, [first, last]: Run): string | undefined {
  const [head, tail] = [tokens[first], tokens[last]];
  if (!head || !tail || first > last) return undefined;
  const name = text.slice(head.start - start, tail.end - start);
  // "U.S." and "The" name nobody who could be asked.
  return /\p{L}{3,}/u.test(name.replace(/^The\b/u, '')) ? name : undefined;
}
