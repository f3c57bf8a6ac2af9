/** Dates that a mail names, worked out from the day it was sent. */
import { addBusinessDays, addDays, daysBetween, endOfMonth, isoDay, weekdayOf } from './calendar.ts';

export interface NamedDate {
  /** `2026-11-30` */
  date: string;
  /** Where its words stand in the text. */
  start: number;
  end: number;
  /** False where the words can mean another day too: 4/5/2027, "next Friday". */
  sure: boolean;
}

const MONTHS = [
  'jan(?:uary|uar|vier|uari)?|janv|enero|gennaio|janeiro',
  'feb(?:ruary|ruar|ruari)?|févr(?:ier)?|febrero|febbraio|fevereiro',
  'mar(?:ch)?|märz|mars|marzo|maart|março',
  'apr(?:il)?|avril|abril|aprile',
  'may|mai|mayo|maggio|mei|maio',
  'june?|juni|juin|junio|giugno|junho',
  'july?|juli|juillet|julio|luglio|julho',
  'aug(?:ust|ustus)?|août|agosto',
  'sept?(?:ember|embre|iembre)?|settembre|setembro',
  'oct(?:ober|obre|ubre)?|okt(?:ober)?|ottobre|outubro',
  'nov(?:ember|embre|iembre)?|novembro',
  'dec(?:ember)?|dez(?:ember)?|déc(?:embre)?|diciembre|dicembre|dezembro',
];
const WEEKDAYS = [
  'sunday|sonntag|dimanche|domingo|domenica|zondag',
  'monday|mon|montag|lundi|lunes|lunedì|maandag',
  'tuesday|tues?|dienstag|mardi|martes|martedì|dinsdag',
  'wednesday|wed|mittwoch|mercredi|miércoles|mercoledì|woensdag',
  'thursday|thurs?|donnerstag|jeudi|jueves|giovedì|donderdag',
  'friday|fri|freitag|vendredi|viernes|venerdì|vrijdag',
  'saturday|samstag|samedi|sábado|sabato|zaterdag',
];
const NUMBERS = [
  'one|a|an|ein(?:e[mnr]?)?|une?|una?|een',
  'two|zwei|deux|dos|due|twee',
  'three|drei|trois|tres|tre|drie',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
  'ten',
];

const bounded = (pattern: string): RegExp => new RegExp(`(?<![\\p{L}\\p{N}])(?:${pattern})(?![\\p{L}\\p{N}])`, 'giu');
const month = `(?:${MONTHS.join('|')})\\.?`;
const weekday = `(?:${WEEKDAYS.join('|')})`;
const year = '(?:,? ?(20\\d{2}))?';

const placeIn = (names: readonly string[], word: string): number => names.findIndex((name) => new RegExp(`^(?:${name})\\.?$`, 'iu').test(word));

type Found = { date: string | undefined; sure?: boolean }[];
interface Reading {
  pattern: RegExp;
  read(groups: readonly (string | undefined)[], sent: string): Found;
}

/** Tried in their order: what one has read, the next do not. */
const READINGS: readonly Reading[] = [
  { pattern: bounded('(20\\d{2})-(\\d{1,2})-(\\d{1,2})'), read: ([y, m, d]) => [{ date: isoDay(Number(y), Number(m), Number(d)) }] },
  { pattern: bounded('(\\d{1,2})([./])(\\d{1,2})[./](20\\d{2}|\\d{2})'), read: numeric },
  {
    pattern: bounded(`(\\d{1,2})(?:st|nd|rd|th|er|\\.|º)?(?: of| de)? ?(${month})(?: de)?${year}`),
    read: ([d, m = '', y], sent) => [{ date: dayOfMonth(sent, placeIn(MONTHS, m), Number(d), y) }],
  },
  {
    pattern: bounded(`(${month}) ?(\\d{1,2})(?:st|nd|rd|th)?${year}`),
    read: ([m = '', d, y], sent) => [{ date: dayOfMonth(sent, placeIn(MONTHS, m), Number(d), y) }],
  },
  { pattern: bounded(`end of (${month})${year}`), read: ([m = '', y], sent) => [{ date: lastOfMonth(sent, placeIn(MONTHS, m), y) }] },
  {
    pattern: bounded('day after tomorrow|übermorgen|après-demain|pasado mañana|dopodomani|overmorgen'),
    read: (_, sent) => [{ date: addDays(sent, 2) }],
  },
  { pattern: bounded('tomorrow|morgen|demain|mañana|domani'), read: (_, sent) => [{ date: addDays(sent, 1) }] },
  { pattern: bounded(`next (${weekday})`), read: ([word = ''], sent) => nextWeekday(sent, placeIn(WEEKDAYS, word)) },
  { pattern: bounded(weekday), read: (_, sent, word = _.at(-1) ?? '') => [{ date: comingWeekday(sent, placeIn(WEEKDAYS, word)) }] },
  { pattern: bounded('end of next week|ende nächster woche'), read: (_, sent) => [{ date: addDays(fridayOf(sent), 7) }] },
  { pattern: bounded('end of (?:the|this) week|week[- ]?end|eow|ende der woche|fin de semaine'), read: (_, sent) => [{ date: fridayOf(sent) }] },
  { pattern: bounded('end of next month'), read: (_, sent) => [{ date: endOfMonth(sent, 1) }] },
  {
    pattern: bounded('(?:end of (?:the|this) month|month[- ]end|eom|monatsende|fin de mes|fin du mois)'),
    read: (_, sent) => [{ date: endOfMonth(sent) }],
  },
  { pattern: bounded('end of (?:the|this) year|year[- ]end|jahresende'), read: (_, sent) => [{ date: isoDay(Number(sent.slice(0, 4)), 12, 31) }] },
  {
    pattern: bounded(
      `(?:in|within|innerhalb von|dans|en|entro) (?:the next |the )?(\\d{1,3}|${NUMBERS.join('|')}) (business |working |calendar )?(days?|weeks?|months?|tage?n?|wochen?|jours?|semaines?|días?|semanas?|giorni)`,
    ),
    read: ([count = '', kind = '', unit = ''], sent) => [{ date: later(sent, numberOf(count), kind.trim().toLowerCase(), unit.toLowerCase()) }],
  },
  {
    pattern: bounded("today|tonight|end of (?:the )?day|close of business|e\\.?o\\.?d\\.?|c\\.?o\\.?b\\.?|heute|aujourd['’]hui|hoy|oggi|vandaag"),
    read: (_, sent) => [{ date: sent }],
  },
];

/** Words between which another date says the same: "EOD tomorrow", "Friday, 27 November". */
const SAME = /^[\s,(–-]*(?:the |on |by |of )?$/iu;
/** Characters that are read. */
const LONGEST_READ = 20_000;

/** Every date that is named, in its order; of two that belong together the exact one. */
export function datesIn(text: string, sent: string): NamedDate[] {
  let left = text.slice(0, LONGEST_READ);
  const found: NamedDate[] = [];
  for (const { pattern, read } of READINGS) {
    left = left.replace(pattern, (...match: unknown[]) => {
      const whole = String(match[0]);
      const start = Number(match.find((part) => typeof part === 'number'));
      const groups = match
        .slice(
          1,
          match.findIndex((part) => typeof part === 'number'),
        )
        .map((part) => (typeof part === 'string' ? part : undefined));
      const dates = read([...groups, ...(groups.length === 0 ? [whole] : [])], sent).flatMap(({ date, sure = true }) =>
        date ? [{ date, sure }] : [],
      );
      found.push(...dates.map((date) => ({ ...date, start, end: start + whole.length })));
      // Of the same length: places stay what they are.
      return dates.length > 0 ? '\u0001'.repeat(whole.length) : whole;
    });
  }
  return withoutRepeats(
    found.toSorted((one, other) => one.start - other.start),
    text,
  );
}

/** "EOD" beside "tomorrow", a weekday beside its date. */
function withoutRepeats(dates: readonly NamedDate[], text: string): NamedDate[] {
  const isVague = ({ start, end }: NamedDate): boolean =>
    /^(?:\p{L}+|e\.?o\.?d\.?|c\.?o\.?b\.?|end of (?:the )?day|close of business)\.?$/iu.test(text.slice(start, end)) &&
    !/tomorrow/iu.test(text.slice(start, end));
  return dates.filter((date, index) => {
    const next = dates.slice(index + 1).find(({ start }) => start >= date.end);
    const before = dates.slice(0, index).findLast(({ end }) => end <= date.start);
    const joined = (one: NamedDate | undefined, other: NamedDate | undefined) => one && other && SAME.test(text.slice(one.end, other.start));
    if (!isVague(date)) return true;
    const other = joined(date, next) ? next : joined(before, date) ? before : undefined;
    return !other || (isVague(other) && !isEndOfDay(text.slice(date.start, date.end)));
  });
}

const isEndOfDay = (words: string): boolean => /^(?:e|c|end|close)\b|^(?:eod|cob)/iu.test(words);

/** 30/11/2026 is sure, 4/5/2027 is one of two; with dots the day comes first. */
function numeric([first, mark, second, y]: readonly (string | undefined)[], sent: string): Found {
  const [one, other] = [Number(first), Number(second)];
  const dayFirst = dated(sent, other, one, y);
  const monthFirst = mark === '/' ? dated(sent, one, other, y) : undefined;
  const sure = dayFirst === undefined || monthFirst === undefined || dayFirst === monthFirst;
  return [dayFirst, monthFirst].filter((date, index, all) => all.indexOf(date) === index).map((date) => ({ date, sure }));
}

const dayOfMonth = (sent: string, place: number, day: number, y: string | undefined): string | undefined => dated(sent, place + 1, day, y);

/** A date that has long passed is meant for the year after. */
const LONG_PASSED_DAYS = 60;

function dated(sent: string, monthNumber: number, day: number, y: string | undefined): string | undefined {
  if (y) return isoDay(y.length === 2 ? 2000 + Number(y) : Number(y), monthNumber, day);
  const thisYear = Number(sent.slice(0, 4));
  const date = isoDay(thisYear, monthNumber, day);
  return date !== undefined && daysBetween(date, sent) <= LONG_PASSED_DAYS ? date : isoDay(thisYear + 1, monthNumber, day);
}

function lastOfMonth(sent: string, place: number, y: string | undefined): string | undefined {
  const first = dated(sent, place + 1, 28, y);
  return first && endOfMonth(first);
}

/** After the day of sending: "by Friday", written on a Friday, is a week away. */
function comingWeekday(sent: string, wanted: number): string {
  return addDays(sent, ((wanted - weekdayOf(sent) + 6) % 7) + 1);
}

/** Of the next week, as most mean it; some mean the coming one. */
function nextWeekday(sent: string, wanted: number): Found {
  const coming = comingWeekday(sent, wanted);
  const nextMonday = addDays(sent, (8 - weekdayOf(sent)) % 7 || 7);
  const ofNextWeek = addDays(nextMonday, (wanted + 6) % 7);
  return ofNextWeek === coming
    ? [{ date: coming }]
    : [
        { date: ofNextWeek, sure: false },
        { date: coming, sure: false },
      ];
}

function fridayOf(sent: string): string {
  return addDays(sent, (5 - weekdayOf(sent) + 7) % 7);
}

function numberOf(word: string): number {
  return /^\d+$/.test(word) ? Number(word) : placeIn(NUMBERS, word) + 1;
}

function later(sent: string, count: number, kind: string, unit: string): string | undefined {
  if (count === 0) return undefined;
  if (/^(?:w|semai|seman)/.test(unit)) return addDays(sent, 7 * count);
  if (unit.startsWith('mon')) return sameDayOf(endOfMonth(sent, count), sent);
  return kind === 'business' || kind === 'working' ? addBusinessDays(sent, count) : addDays(sent, count);
}

/** The day of `sent` in the month that ends with `end`. */
function sameDayOf(end: string, sent: string): string {
  const date = end.slice(0, 8) + sent.slice(8);
  return date > end ? end : date;
}
