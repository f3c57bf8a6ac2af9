import type { BlockerFact, BriefFacts } from '../db/brief-types.ts';
import type { BlockerItem } from '../db/deal-types.ts';
import { ended, fact, LONGEST_PASSAGE, type NewFact, personOf, type Reader } from './fact.ts';
import { daysBetween, localDate, longDate } from './local-time.ts';
import { clip, count, plain, quoted } from './plain.ts';

/** What moved, with who owes what by when; then what stands open since before. */
export function blockerFacts({ count: moved, list, before }: BriefFacts['blockers'], reader: Reader): NewFact[] {
  const rest = moved - list.length;
  const more = rest > 0 ? [fact('blockers', `${count(rest, 'more blocker')} moved and ${rest === 1 ? 'is' : 'are'} not listed here.`)] : [];
  return [...list.map((blocker) => movedBlocker(blocker, reader)), ...more, ...standing(before, reader)];
}

function movedBlocker(blocker: BlockerFact, reader: Reader): NewFact {
  const open = blocker.status === 'open';
  const owed = open ? blocker.items.map((item) => ` ${owedText(item, reader)}`).join('') : '';
  const why = plain(blocker.summary) === '' ? '' : ` ${ended(clip(plain(blocker.summary), LONGEST_PASSAGE))}`;
  return fact('blockers', `${movement(blocker)}${why}${owed}`, { must: open, values: { ...blocker } });
}

/** What happened, and where it stands now when that is something else. */
function movement({ subject, kinds, status }: BlockerFact): string {
  const where = subject === null ? 'in a thread without a subject' : `in ${quoted(subject)}`;
  const was = (kind: string) => kinds.includes(`blocker_${kind}`);
  if (status === 'resolved') {
    if (was('opened') && was('resolved')) return `A blocker ${where} was opened and has been resolved.`;
    return was('resolved') ? `The blocker ${where} was resolved.` : `The blocker ${where} moved, and is resolved by now.`;
  }
  if (kinds.at(-1) === 'blocker_resolved') return `The blocker ${where} was resolved, and is open again by now.`;
  if (was('reopened')) return `The blocker ${where} was reopened.`;
  return was('opened') ? `A new blocker ${where} was opened.` : `The blocker ${where} has changed.`;
}

function owedText({ what, owedBy, owedTo, dueDate }: BlockerItem, reader: Reader): string {
  const who = `${owedBy === null ? 'Somebody' : personOf(owedBy)} owes${owedTo === null ? '' : ` ${personOf(owedTo)}`}`;
  return `${who}: ${quoted(what, LONGEST_PASSAGE)}${dueText(dueDate, reader)}.`;
}

function dueText(dueDate: string | null, { date }: Reader): string {
  if (dueDate === null) return ', no date named';
  const late = daysBetween(dueDate, date);
  const when = `, due ${longDate(dueDate)}`;
  if (Number.isNaN(late) || late < 0) return when;
  return late === 0 ? `${when}, which is today` : `${when}, overdue by ${count(late, 'day')}`;
}

const isOverdue = ({ dueDate }: BlockerItem, { date }: Reader): boolean => dueDate !== null && daysBetween(dueDate, date) > 0;

/** Open since before: counted, the oldest named, and what has become overdue. */
function standing({ count: open, list }: BriefFacts['blockers']['before'], reader: Reader): NewFact[] {
  const [oldest] = list;
  if (oldest === undefined) return [];
  const since = longDate(localDate(Date.parse(oldest.openedAt), reader.timeZone));
  const where = oldest.subject === null ? 'in a thread without a subject' : `in ${quoted(oldest.subject)}`;
  const named = open === 1 ? `: ${where}, since ${since}` : `; the oldest ${where}, since ${since}`;
  const first = fact('blockers', `${count(open, 'blocker')} ${open === 1 ? 'is' : 'are'} still open from before${named}.`, {
    news: false,
    values: { open, since },
  });
  const overdue = list.flatMap(({ subject, items }) =>
    items
      .filter((item) => isOverdue(item, reader))
      .map((item) =>
        fact('blockers', `Overdue${subject === null ? '' : ` in ${quoted(subject)}`}: ${owedText(item, reader)}`, {
          must: true,
          news: false,
          values: { ...item },
        }),
      ),
  );
  return [first, ...overdue];
}
