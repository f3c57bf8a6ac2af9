/**
 * What a model writes may say what facts say, and nothing else. Each sentence is held against the facts that it cites: every number, date and amount,
 * every name, file name and quoted passage has to stand there, and so has part of its other words. A sentence that fails is left out.
 */
import type { BriefSentence, Fact } from './contract.ts';
import { type NumbersIn, numbersIn, numbersStand } from './numbers.ts';
import { isCommon, spaced, stemsIn, straight, type Word, wordsIn } from './words.ts';

/** Why a sentence is left out. */
export type Problem = 'form' | 'cites_nothing' | 'unknown_fact' | 'number' | 'name' | 'quotation' | 'time' | 'unsupported' | 'unattributed';

export type CheckSentence = (sentence: BriefSentence) => Problem | undefined;

const LONGEST = 700;
/** Of a sentence's own words, that the facts have too. */
const LEAST_SUPPORT = 1 / 3;

interface Cited {
  /** One text for all. */
  text: string;
  /** As `spaced`. */
  words: string;
  numbers: NumbersIn;
  stems: ReadonlySet<string>;
  /** Without what stands in passages. */
  ownStems: ReadonlySet<string>;
  count: number;
}

export function checker(facts: readonly Fact[]): CheckSentence {
  const known = new Map(facts.map((fact) => [fact.id, straight(fact.text)]));
  return ({ text, facts: ids }) => {
    const cited = [...new Set(ids)];
    if (cited.length === 0) return 'cites_nothing';
    if (cited.some((id) => !known.has(id))) return 'unknown_fact';
    if (cited.length === 1 && straight(text) === known.get(cited[0] ?? '')) return undefined;
    if (!/\p{L}/u.test(text) || text.length > LONGEST) return 'form';
    return problemOf(straight(text), citedFrom(cited.map((id) => known.get(id) ?? '')));
  };
}

function citedFrom(texts: readonly string[]): Cited {
  const text = texts.join(' ; ');
  return {
    text: text.toLowerCase(),
    words: spaced(text),
    numbers: numbersIn(text),
    stems: stemsIn(text),
    ownStems: stemsIn(text.replace(QUOTATION, (all, inner) => (isPassage(inner) ? ' ; ' : all))),
    count: texts.length,
  };
}

function problemOf(text: string, cited: Cited): Problem | undefined {
  const found = numbersIn(text);
  if (!numbersStand(withoutSingle(found, cited), cited.numbers)) return 'number';
  if (!quotationsStand(text, cited)) return 'quotation';
  if (!namesStand(wordsIn(found.rest), cited)) return 'name';
  if (!timesStand(text, cited)) return 'time';
  if (!isSupported(text, cited)) return 'unsupported';
  return isAttributed(text, cited) ? undefined : 'unattributed';
}

/** "One risk" is as many as the facts it cites. */
function withoutSingle({ claims, ...rest }: NumbersIn, { count }: Cited): NumbersIn {
  return { ...rest, claims: count === 1 ? claims.filter((claim) => claim !== '1') : claims };
}

const QUOTATION = /"([^"]+)"/gu;
/** What is longer than a name was said by somebody. */
const isPassage = (quotation: string): boolean => quotation.split(' ').length > 6;

function quotationsStand(text: string, { words }: Cited): boolean {
  if ((text.match(/"/gu) ?? []).length % 2 === 1) return false;
  return [...text.matchAll(QUOTATION)].every(([, inner = '']) => words.includes(spaced(inner.replace(/\.\.\.$|…$/u, ''))));
}

/** Runs of words with capitals stand as they are; links, addresses, file names, codes and words in other scripts too. */
function namesStand(words: readonly Word[], cited: Cited): boolean {
  return words.filter(({ text }) => isPeculiar(text)).every(({ text }) => stands(text, cited)) && runsOf(words).every((run) => runStands(run, cited));
}

const stands = (text: string, { words }: Cited): boolean => words.includes(` ${text.toLowerCase()} `);

/** Abbreviations with full stops. */
const ABBREVIATIONS = /^(?:e\.g|i\.e|a\.m|p\.m|vs|etc)$/iu;

function isPeculiar(word: string): boolean {
  if (ABBREVIATIONS.test(word)) return false;
  if (/[\p{L}\p{N}][.@_/\\:#=&+][\p{L}\p{N}/]/u.test(word) && /\p{L}/u.test(word)) return true;
  if (/\p{L}/u.test(word) && /\p{N}/u.test(word)) return !/^\d+(?:st|nd|rd|th|k|m|mn|bn)$/iu.test(word);
  return /[^\p{Script=Latin}\p{M}\p{P}\p{S}0-9]/u.test(word);
}

function runsOf(words: readonly Word[]): Word[][] {
  const runs: Word[][] = [];
  let open = false;
  for (const word of words) {
    const named = isCapital(word);
    if (named && open && word.joined) runs.at(-1)?.push(word);
    else if (named) runs.push([word]);
    open = named;
  }
  return runs;
}

/** A word that opens a sentence may be another form of one that stands there: "Termination" of "terminate". */
function runStands(run: readonly Word[], cited: Cited): boolean {
  const text = run.map((word) => word.text).join(' ');
  return stands(text, cited) || (run.length === 1 && run[0]?.opens === true && [...stemsIn(text)].some((stem) => cited.stems.has(stem)));
}

const isCapital = ({ text, opens }: Word): boolean =>
  /\p{Lu}/u.test(text) && text !== 'I' && !(opens && isCommon(text)) && !/^E-?mails?$/u.test(text);

/** Words that name a day only together with the brief's own. */
const TIMES =
  /\b(?:today|tonight|tomorrow|yesterday|overnight|(?:this|next|last|past|coming|previous) (?:week|month|quarter|year|hour|day)s?|(?:days?|weeks?|hours?) ago|immediately|asap)\b/giu;

function timesStand(text: string, cited: Cited): boolean {
  return [...text.matchAll(TIMES)].every(([found]) => cited.text.includes(found.toLowerCase()));
}

function isSupported(text: string, { stems }: Cited): boolean {
  const own = [...stemsIn(text)];
  return own.length === 0 || own.filter((stem) => stems.has(stem)).length / own.length >= LEAST_SUPPORT;
}

/** Words for telling what another said. */
const SAYING =
  /\b(?:according to|says?|said|saying|states?|stated|reads?|writes?|wrote|summary|passage|claims?|claimed|titled|named|called|quotes?|asks?|asked|error)\b/iu;

/** What only a passage says is told as its words, or as what it says: nobody here vouches for it, and it may be an order to the reader. */
function isAttributed(text: string, { stems, ownStems }: Cited): boolean {
  const own = [...stemsIn(text.replace(QUOTATION, ' ; '))].filter((stem) => stems.has(stem));
  const reported = own.filter((stem) => !ownStems.has(stem));
  return reported.length <= own.length / 2 || SAYING.test(text);
}
