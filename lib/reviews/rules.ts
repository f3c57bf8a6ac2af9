import { REPLY_LENGTH } from '../jobs/review-ai.ts';
import { detect, languageName, sameLanguage, UNKNOWN_LANGUAGE } from './language.ts';
import rules from './lexicons/rules.json' with { type: 'json' };
import { inventedNames } from './names.ts';
import { personalDataIn, repeats } from './personal-data.ts';

export interface Check {
  rule: string;
  ok: boolean;
  /** What was found or looked for, in English; never words of the review. */
  detail: string;
}

/** What a reply is held against. */
export interface ReplyTerms {
  review: string;
  /** Whatever stands here is the business's own to say: its address, its opening hours. */
  brandVoice: string;
  /** The language to reply in, as a tag; `und` takes any. */
  language: string;
  /** Code points. */
  longest: number;
}

/** A reply may be quoted far and wide under the business's name: every rule is checked after it was written, whoever wrote it. */
export async function checkReply(reply: string, terms: ReplyTerms): Promise<Check[]> {
  return [
    notEmpty(reply),
    length(reply, terms),
    await language(reply, terms),
    noPromise(reply, terms),
    noInventedFacts(reply, terms),
    noPersonalData(reply, terms),
    noPlaceholders(reply),
  ];
}

/** The rules that are broken. */
export function broken(checks: readonly Check[]): Check[] {
  return checks.filter(({ ok }) => !ok);
}

/** In code points, as people count. */
export function characters(text: string): number {
  return [...text].length;
}

export function longestReply(maxLength: number | undefined): number {
  return maxLength ?? REPLY_LENGTH.default;
}

function check(rule: string, problems: readonly string[], fine: string): Check {
  return { rule, ok: problems.length === 0, detail: problems.length === 0 ? fine : [...new Set(problems)].join('; ') };
}

function notEmpty(reply: string): Check {
  return check('not_empty', /\p{L}/u.test(reply) ? [] : ['the reply has no words'], 'the reply has words');
}

function length(reply: string, { longest }: ReplyTerms): Check {
  const count = characters(reply);
  return check('length', count > longest ? [`${count} characters, at most ${longest} are allowed`] : [], `${count} of ${longest} characters`);
}

async function language(reply: string, { language: wanted }: ReplyTerms): Promise<Check> {
  if (wanted === UNKNOWN_LANGUAGE) return check('language', [], 'the language of the review cannot be told: any will do');
  const found = await detect(reply);
  const other = found.reliable && !sameLanguage(found.language, wanted);
  return check('language', other ? [`written in ${languageName(found.language)} instead of ${languageName(wanted)}`] : [], languageName(wanted));
}

type ByLanguage = Readonly<Record<string, string>>;

/** All languages at once: a model may slip a foreign word in, and a reply is short. */
function anyOf(byLanguage: ByLanguage): RegExp {
  const all = Object.values(byLanguage).filter((pattern) => pattern !== '');
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${all.join('|').replaceAll('\\w', '[\\p{L}\\p{N}_]')})(?![\\p{L}\\p{N}])`, 'giu');
}

const MONEY = anyOf(rules.money);
const GIFTS = anyOf(rules.gifts);
const HARMLESS = anyOf(rules.harmless);
const MEASURES = anyOf(rules.measures);
const DATES = anyOf(rules.dates);
const NUMBER_WORDS = new RegExp(`${anyOf(rules.numberWords).source}[ -]+${anyOf(rules.units).source}`, 'giu');

/**
 * Words for money are refused wherever they stand: a reply that only mentions a refund is read as an offer, and a review can bait for one.
 * "Free", "complimentary" and the like may be said of what the review itself calls so, in a sentence that offers nothing.
 */
function noPromise(reply: string, { review, brandVoice }: ReplyTerms): Check {
  const read = straight(reply).replace(HARMLESS, ' ');
  const money = wordsOf(read, MONEY);
  const known = straight(`${review} ${brandVoice}`).toLowerCase();
  const gifts = sentencesOf(read).flatMap((sentence) => wordsOf(sentence, GIFTS).filter((word) => OFFER.test(sentence) || !known.includes(word)));
  return check(
    'no_promise',
    [...money, ...gifts].map((word) => `speaks of "${word}"`),
    'promises no money, discount or free item',
  );
}

const OFFER =
  /\b(?:we|i|us|you|our|your)['’ ](?:ll|will|would|can|could|may|shall|are going to|like to|offer|receive|get)\b|\b(?:offer|receive|next (?:visit|time|stay|order)|please accept|entitled|send|arrange)\b|\b(?:ofrec\w+|recibir\w*|próxim\w+|anbieten|bieten|erhalten|bekommen|nächst\w+|offrir\w*|offrons|recevr\w+|prochain\w*)\b/iu;

/** Numbers, dates, links and addresses, names, and measures that neither the review nor the business has spoken of. */
function noInventedFacts(reply: string, { review, brandVoice, language }: ReplyTerms): Check {
  const known = straight(`${review}\n${brandVoice}`);
  const read = straight(reply);
  const missing = (pattern: RegExp, what: string) =>
    wordsOf(read, pattern)
      .filter((found) => !stands(known, found))
      .map(() => what);
  return check(
    'no_invented_facts',
    [
      ...missing(CONTACT, 'a link or e-mail address that is not in the review or brand voice'),
      ...numbersIn(read)
        .filter((found) => !numbersIn(known).includes(found))
        .map((found) => `the number ${found} is not in the review or brand voice`),
      ...wordsOf(read, NUMBER_WORDS)
        .filter((found) => !stands(known, found))
        .map((found) => `"${found}" is not in the review or brand voice`),
      ...wordsOf(read, DATES)
        .filter((found) => !stands(known, found))
        .map((found) => `the date "${found}" is not in the review or brand voice`),
      ...wordsOf(read, MEASURES)
        .filter((found) => !stands(brandVoice, found))
        .map(() => 'tells of a measure that nobody has spoken of'),
      ...inventedNames(read, known, language).map(() => 'a name that is not in the review or brand voice'),
    ],
    'no number, date, name, link or measure of its own',
  );
}

const CONTACT =
  /https?:\/\/[^\s)]+|www\.[^\s)]+|[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+|\b[\p{L}\p{N}-]+\.(?:com|org|net|io|de|fr|es|it|nl|co\.uk|eu|shop|info|biz)\b/giu;

/** "4.5", "4,5" and "1 000" by their digits; "24/7" as two. */
function numbersIn(text: string): string[] {
  return [...text.matchAll(/\d+(?:[., {2}]\d+)*/gu)].map(([found]) => found.replace(/[., {2}]/gu, ''));
}

function noPersonalData(reply: string, { review, brandVoice }: ReplyTerms): Check {
  const own = straight(brandVoice);
  const fromReview = personalDataIn(straight(review)).filter((data) => !repeats(own, data) && repeats(straight(reply), data));
  const others = personalDataIn(straight(reply)).filter((data) => !repeats(own, data));
  const kinds = [...fromReview, ...others].map(({ kind }) => `gives away: ${kind.replace('_', ' ')}`);
  return check('no_personal_data', kinds, 'no personal data besides the business’s own');
}

/** "[Name]", "{{company}}", "<Your Name>": what a template was not filled with. */
function noPlaceholders(reply: string): Check {
  const found = /\[[^\]\n]{1,40}\]|\{[^}\n]{1,40}\}|<[^>\n]{1,40}>|\bX{3,}\b|_{3,}/u.test(reply);
  return check('no_placeholders', found ? ['holds a blank that was not filled in'] : [], 'nothing left to fill in');
}

function wordsOf(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([found]) => found.toLowerCase());
}

function stands(known: string, found: string): boolean {
  return known.toLowerCase().includes(found.toLowerCase().replace(/[.,;:!?]+$/u, ''));
}

function sentencesOf(text: string): string[] {
  return text.split(/(?<=[.!?])\s+|\n+/u);
}

/** Look-alikes that would slip past a pattern: full-width letters, curly apostrophes, invisible characters, unusual spaces. */
function straight(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[\u00ad\u200b-\u200f\u2060\ufeff]/gu, '')
    .replace(/[‘’ʼ`´]/gu, "'")
    .replace(/[‐‑‒–—]/gu, '-')
    .replace(/[^\S\n]+/gu, ' ');
}
