import type { DescribedMail } from './thread.ts';

/** Who is who in a mail: names as they are shown. */
export interface People {
  sender: string | null;
  /** The only one it was sent to; null where there are several. */
  addressee: string | null;
  /** Everybody in the heads of the thread. */
  known: readonly string[];
}

const shownName = (person: string): string => /^(.*?) <[^<>]*>$/u.exec(person)?.[1]?.trim() || person.replace(/^<|>$/g, '');

export function peopleOf(mail: DescribedMail, thread: readonly DescribedMail[]): People {
  const known = [...new Set(thread.flatMap(({ from, to }) => [from, ...to]).flatMap((person) => (person ? [shownName(person)] : [])))];
  const sender = mail.from === null ? null : shownName(mail.from);
  const others = [...new Set(mail.to.map(shownName))].filter((person) => person !== sender);
  return { sender, addressee: others.length === 1 ? (others[0] ?? null) : null, known };
}

/** Words with a capital that name nobody. */
const NO_NAMES = new Set(
  'i we you they he she it this that the our your please hi hello dear all team everyone both and but so also just then once when if as for however unfortunately note reminder still what who there here thanks thank monday tuesday wednesday thursday friday saturday sunday'.split(
    ' ',
  ),
);

/** A person of the thread by first or full name, or an organisation by its capital; null for other words. `onlyKnown`: persons of the thread alone. */
export function namedPerson(words: string, { known }: People, onlyKnown = false): string | null {
  const name = words
    .replace(/^(?:the|mr|mrs|ms|dr)\.? /iu, '')
    .replace(/['’]s.*$/u, '')
    .trim();
  const wanted = name.toLowerCase();
  const person = known.find((each) => each.toLowerCase() === wanted) ?? known.find((each) => each.toLowerCase().split(/[\s@.]/u)[0] === wanted);
  if (person !== undefined || onlyKnown) return person ?? null;
  const isName =
    /^\p{Lu}[\p{L}\p{N}&'.-]*(?: (?:\p{Lu}[\p{L}\p{N}&'.-]*|&|und|and|of|de)){0,4}$/u.test(name) && !NO_NAMES.has(wanted.split(' ')[0] ?? '');
  return isName ? name : null;
}
