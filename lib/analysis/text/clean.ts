import { hash } from 'node:crypto';
import type { Answer } from '../../db/conversation-types.ts';
import type { DistinctAnswer } from '../contract.ts';

export interface Collected {
  /** In the order of their first rows. */
  distinct: DistinctAnswer[];
  /** Every row that says something, in order, with the index of its distinct answer. */
  places: { id: string; distinct: number }[];
  /** Rows read. */
  answers: number;
  /** Rows that say nothing. */
  empty: number;
  /** Rows that say the same as an earlier one. */
  duplicates: number;
}

export interface Collector {
  add(rows: readonly Answer[]): void;
  finish(): Collected;
}

/**
 * Takes a conversation page by page and keeps each distinct answer once. Two answers are equal when `foldedWords` is; an answer says
 * nothing when `isEmpty`. Keeps the texts of distinct answers and a fixed number of bytes for each row.
 */
export function createCollector(): Collector {
  const known = new Map<string, number>();
  const distinct: DistinctAnswer[] = [];
  const places: Collected['places'] = [];
  let answers = 0;

  const placeOf = ({ id, text, themeId }: Answer, folded: string): number => {
    const key = keyOf(folded);
    const index = known.get(key) ?? distinct.length;
    const first = distinct[index];
    if (first) {
      first.count += 1;
      first.previousThemeId ??= themeId;
    } else {
      known.set(key, index);
      distinct.push({ id, text, cleaned: cleanedText(text), count: 1, previousThemeId: themeId });
    }
    return index;
  };
  return {
    add: (rows) => {
      answers += rows.length;
      for (const row of rows) {
        const folded = foldedWords(row.text);
        if (!isEmpty(folded)) places.push({ id: row.id, distinct: placeOf(row, folded) });
      }
    },
    finish: () => ({ distinct, places, answers, empty: answers - places.length, duplicates: places.length - distinct.length }),
  };
}

/** A digest of 44 characters takes the place of a longer text. */
const LONGEST_KEY = 64;
/** Of a digest, so that it never equals a short text. */
const DIGEST = '\0';

function keyOf(folded: string): string {
  return folded.length <= LONGEST_KEY ? folded : DIGEST + hash('sha256', folded, 'base64');
}

/** Characters that nobody sees: controls, direction marks, tags, halves of pairs. Joiners shape letters and emoji, and stay. */
const INVISIBLE = /[[\p{Cc}\p{Cf}\p{Cs}\u3164\uffa0\u115f\u1160]--[\s\u200c\u200d]]/gv;

/** Most texts are even, and looking is cheaper than replacing each space by itself. */
const UNEVEN = /\s\s|[^\S ]/u;

/** The text with even white space and without invisible characters; case and marks as they were. */
export function cleanedText(text: string): string {
  const visible = text.replace(INVISIBLE, '');
  return (UNEVEN.test(visible) ? visible.replace(/\s+/gu, ' ') : visible).trim();
}

/** Also what makes a picture of a sign, or a sign of a picture. */
const JOINERS = /\u200c|\u200d|\ufe0e|\ufe0f/gu;

/**
 * What two texts that say the same have in common: NFKC, folded case, even white space, no marks at either end. Signs that carry meaning stay
 * (`100%`, `-5`, `#1`, `C++`), and so do emoji: "great" and "great 👎" are two answers.
 */
export function foldedWords(text: string): string {
  // Upper case first is how `ß` meets `ss`; folding may undo NFKC, and NFKC may make new white space.
  const folded = cleanedText(text).normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
  return withoutEdges(cleanedText(folded.replace(JOINERS, '')));
}

const EDGE = /^[[\p{P}\s]--[%‰#@\&]]$/v;

/** By hand: a pattern that looks for marks at the end takes the square of a long row of marks. */
function withoutEdges(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && EDGE.test(text.charAt(start)) && !isMinus(text, start)) start += 1;
  while (end > start && EDGE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isMinus(text: string, at: number): boolean {
  return /^[-−]\d/u.test(text.slice(at, at + 2));
}

const SAYS_SOMETHING = /[[\p{L}\p{N}\p{So}\p{Extended_Pictographic}\p{RI}]--[\ufffc\ufffd]]/v;
/**
 * What forms and spreadsheets put where there is no answer. Words stay that people say themselves ("no", "none", "nothing", "idk", "NA"):
 * to "What should we change?" they are an answer, and many of them a theme.
 */
const PLACEHOLDER = /^(?:#?n ?[/.] ?a|n ?\/ ?d|k\. ?a)$/u;

/** Whether folded words say nothing: no letter, digit or pictograph, or a mere "n/a" ("k. A.", "n/d"). */
export function isEmpty(folded: string): boolean {
  return !SAYS_SOMETHING.test(folded) || PLACEHOLDER.test(folded);
}
