/**
 * What is believed of an answer about a thread. Labels must be those of its mails; an item that cites none is dropped, and a blocker without items is none.
 * Debtors and creditors must be named in the thread, else they are null. A blocker is only resolved by a mail that is cited for it, not older than the first
 * that it follows from; else it is open.
 *
 * A due date is kept when it is a day between a month before and two years after the mails that the item cites, and one of these names it: with day and
 * month, or with relative words from which `dates.ts` works out the same day ("by Friday"). All others are dropped.
 */
import type { BlockerItem } from '../db/deal-types.ts';
import { oneLine } from '../mail/message/storable.ts';
import type { BlockerAnswer } from './answers.ts';
import type { FoundBlocker } from './blocker.ts';
import { daysBetween, isoDay } from './calendar.ts';
import { datesIn } from './dates.ts';
import { labelOf, type Thread, type ThreadMail } from './thread.ts';

const MOST_ITEMS = 10;
const LONGEST_WHAT = 300;
const LONGEST_SUMMARY = 800;
const LONGEST_NAMED = 120;

export function checkedBlocker(answer: BlockerAnswer, { mails }: Pick<Thread, 'mails'>): FoundBlocker | null {
  if (answer.status === 'none') return null;
  const places = new Map(mails.map((_, index) => [labelOf(index), index]));
  const placesOf = (labels: readonly string[]): number[] =>
    [...new Set(labels.flatMap((label) => places.get(label.trim().toLowerCase()) ?? []))].sort((one, other) => one - other);
  const found = answer.items.slice(0, MOST_ITEMS).flatMap((item) => {
    const cited = placesOf(item.messages);
    return cited.length === 0 ? [] : [{ item: checkedItem(item, cited, mails), cited }];
  });
  const [first = { cited: [] }] = found;
  if (found.length === 0) return null;
  const earliest = Math.min(...found.flatMap(({ cited }) => cited), ...first.cited);
  const resolving = answer.status === 'resolved' ? placesOf(answer.resolvedBy).filter((place) => place >= earliest) : [];
  const idsOf = (cited: readonly number[]): string[] => cited.flatMap((place) => mails[place]?.id ?? []);
  return {
    status: resolving.length > 0 ? 'resolved' : 'open',
    summary: oneLine(answer.summary).slice(0, LONGEST_SUMMARY).toWellFormed(),
    items: found.map(({ item }) => item),
    messageIds: idsOf([...new Set(found.flatMap(({ cited }) => cited))].sort((one, other) => one - other)),
    resolvedBy: idsOf(resolving),
  };
}

function checkedItem(item: BlockerAnswer['items'][number], cited: readonly number[], mails: readonly ThreadMail[]): BlockerItem {
  const citedMails = cited.flatMap((place) => mails[place] ?? []);
  return {
    what: oneLine(item.what).slice(0, LONGEST_WHAT).toWellFormed(),
    owedBy: namedIn(item.owedBy, mails),
    owedTo: namedIn(item.owedTo, mails),
    dueDate: believedDate(item.dueDate, citedMails),
    messageIds: citedMails.map(({ id }) => id),
  };
}

const NOBODY = new Set([
  'i',
  'me',
  'we',
  'us',
  'you',
  'they',
  'them',
  'he',
  'she',
  'it',
  'unknown',
  'n/a',
  'none',
  'null',
  'sender',
  'recipient',
  'everyone',
  'all',
]);

/** The name as it was given, where it stands in a head or in a text of the thread; "Anna Lee <anna@x.example>" is Anna Lee. */
function namedIn(name: string | null, mails: readonly ThreadMail[]): string | null {
  const [, shown = '', address = ''] = /^([^<>]*)<?([^<>]*)>?$/.exec(oneLine(name ?? '')) ?? [];
  const wanted = shown.trim() || address.trim();
  const isName = wanted.length <= LONGEST_NAMED && /\p{L}/u.test(wanted) && /[\p{Lu}\p{Lo}@]/u.test(wanted) && !NOBODY.has(wanted.toLowerCase());
  if (!isName) return null;
  const word = new RegExp(`(?<![\\p{L}\\p{N}])${wanted.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+')}(?![\\p{L}\\p{N}])`, 'iu');
  const isKnown = mails.some(
    ({ from, to, text }) => [from, ...to].some((person) => person && word.test(`${person.name ?? ''} ${person.address}`)) || word.test(text),
  );
  return isKnown ? wanted : null;
}

const EARLIEST_DAYS = -31;
const LATEST_DAYS = 731;

function believedDate(date: string | null, cited: readonly ThreadMail[]): string | null {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(date?.trim() ?? '') ?? [];
  const iso = isoDay(Number(year), Number(month), Number(day));
  if (!iso) return null;
  const isBacked = cited.some(({ sentOn, text }) => {
    if (sentOn === null) return namesDay(text, iso);
    const away = daysBetween(sentOn, iso);
    return away >= EARLIEST_DAYS && away <= LATEST_DAYS && datesIn(text, sentOn).some((named) => named.date === iso);
  });
  return isBacked ? iso : null;
}

/** A mail without a date of its own can only name one with its year. */
function namesDay(text: string, iso: string): boolean {
  return text.includes(iso.slice(0, 4)) && datesIn(text, `${iso.slice(0, 4)}-01-01`).some((named) => named.sure && named.date === iso);
}
