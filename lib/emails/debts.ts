import { overlap } from './words.ts';

/** Something that somebody owes in a thread. */
export interface Debt {
  what: string;
  owedBy: string | null;
  owedTo: string | null;
  /** `2026-11-30` */
  dueDate: string | null;
  /** Places of the mails that speak of it. */
  mails: number[];
  /** Of the mail that delivered it. */
  paidIn?: number | undefined;
}

/** What a sentence says of debts. */
export interface Said {
  /** `asked`: owed from now on. `refused`: still or again owed. `promised`: will be delivered. `paid`: delivered, answered, no longer needed. */
  kind: 'asked' | 'refused' | 'promised' | 'paid';
  what: string;
  /** The sentence, by which it is matched with what is owed. */
  words: ReadonlySet<string>;
  sender: string | null;
  owedBy: string | null;
  owedTo: string | null;
  dueDate: string | null;
}

interface Entry extends Debt {
  words: ReadonlySet<string>;
  openedIn: number;
}

/** Keeps the books of a thread while its mails are read, oldest first. */
export function createLedger() {
  const entries: Entry[] = [];
  const isOpen = ({ paidIn }: Entry): boolean => paidIn === undefined;

  function open(said: Said, mail: number): void {
    const { what, owedBy, owedTo, dueDate, words } = said;
    entries.push({ what, owedBy, owedTo, dueDate, words, mails: [mail], openedIn: mail });
  }

  function again(entry: Entry, { owedBy, dueDate }: Said, mail: number): void {
    entry.paidIn = undefined;
    entry.openedIn = mail;
    if (entry.mails.at(-1) !== mail) entry.mails.push(mail);
    entry.owedBy = owedBy ?? entry.owedBy;
    entry.dueDate = dueDate ?? entry.dueDate;
  }

  const bestMatch = (said: Said, among: readonly Entry[]): Entry | undefined => {
    const matches = among
      .map((entry) => ({ entry, worth: overlap(said.words, entry.words) }))
      .filter(({ entry, worth }) => worth >= ALIKE && fits(said, entry));
    return matches.toSorted((one, other) => other.worth - one.worth)[0]?.entry;
  };

  const hearAsked = (said: Said, mail: number): void => {
    const known = bestMatch(said, entries);
    if (known) again(known, said, mail);
    else if (said.what !== '') open(said, mail);
  };

  const hearRefused = (said: Said, mail: number): void => {
    const known = bestMatch({ ...said, owedBy: null }, entries) ?? (said.what === '' ? entries.findLast(() => true) : undefined);
    if (known) again(known, said, mail);
    else if (said.what !== '') open(said, mail);
  };

  const hearPromised = (said: Said, mail: number): void => {
    const mine = entries.filter((entry) => isOpen(entry) && entry.owedBy !== null && entry.owedBy === said.sender);
    const known = bestMatch({ ...said, owedBy: null }, entries.filter(isOpen)) ?? (mine.length === 1 ? mine[0] : undefined);
    if (known) again(known, { ...said, owedBy: said.sender }, mail);
  };

  const hearPaid = (said: Said, mail: number): void => {
    const waiting = entries.filter((entry) => isOpen(entry) && entry.openedIn < mail);
    for (const entry of paidBy(said, waiting)) {
      entry.paidIn = mail;
    }
  };

  const hearing = { asked: hearAsked, refused: hearRefused, promised: hearPromised, paid: hearPaid };
  return {
    hear: (said: Said, mail: number): void => hearing[said.kind](said, mail),
    debts: (): Debt[] => entries,
  };
}

/** Share of the smaller side's words that the other has too. */
const ALIKE = 0.5;
/** Words besides those of delivery that a sentence like "Done, see attached." may have. */
const MOST_GENERAL_WORDS = 1;

const fits = (said: Said, entry: Entry): boolean => said.owedBy === null || entry.owedBy === null || said.owedBy === entry.owedBy;

/** What a delivery is of: what it names; where it names nothing, what its sender owes, else everything that the sender waits for. */
function paidBy(said: Said, waiting: readonly Entry[]): readonly Entry[] {
  const named = waiting.filter(({ words }) => [...said.words].some((word) => words.has(word)));
  if (named.length > 0) return closest(said, named);
  if (said.words.size > MOST_GENERAL_WORDS) return [];
  const own = waiting.filter(({ owedBy }) => owedBy !== null && owedBy === said.sender);
  if (own.length > 0) return own;
  const unnamed = waiting.filter(({ owedBy, owedTo }) => owedBy === null || owedTo === said.sender);
  return unnamed;
}

/** Of things that share a word those that share the most of it. */
function closest(said: Said, named: readonly Entry[]): Entry[] {
  const worth = named.map((entry) => overlap(said.words, entry.words));
  const least = Math.min(ALIKE, Math.max(...worth));
  return named.filter((_, index) => (worth[index] ?? 0) > 0 && (worth[index] ?? 0) >= least);
}
