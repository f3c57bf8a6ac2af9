/** Which mails of a mailbox belong to a source: those with all of its labels, and no draft, chat, spam or trash unless that is what it names. */
import { PermanentError } from '../../errors.ts';
import type { Mailbox } from '../../mail/contract.ts';

export interface GmailSettings {
  /** Ids or names of labels, such as `Deals/Nova`; a mail must have all of them. */
  labelIds?: string[] | undefined;
  /** Gmail's search language. */
  query?: string | undefined;
}

export interface Scope {
  /** Ids. */
  labels: readonly string[];
  /** For `messages.list`. */
  query: string;
  holds(labels: readonly string[]): boolean;
  /** Whether labels that came or went can bring a mail in or out. */
  heeds(labels: readonly string[]): boolean;
}

/** What Gmail's listing leaves out by itself, and what it has to be told to leave out. */
const HIDDEN = ['SPAM', 'TRASH'];
const UNSENT = [
  ['DRAFT', '-label:draft'],
  ['CHAT', '-label:chat'],
] as const;

/** Labels of every mailbox: their ids are their names. */
const OF_EVERYBODY = /^(?:INBOX|SENT|IMPORTANT|STARRED|UNREAD|DRAFT|CHAT|SPAM|TRASH|CATEGORY_[A-Z]+)$/;

/** Throws `PermanentError` (`source_missing`) where the mailbox has no such label. */
export async function scopeOf({ labelIds = [], query }: GmailSettings, mailbox: Pick<Mailbox, 'labels'>): Promise<Scope> {
  const labels = await idsOf(labelIds, mailbox);
  const unsent = UNSENT.filter(([label]) => !labels.includes(label));
  const outside = [...HIDDEN.filter((label) => !labels.includes(label)), ...unsent.map(([label]) => label)];
  return {
    labels,
    // Before the user's own words: a term that follows an OR could become one of its two.
    query: [...unsent.map(([, term]) => term), ...(query ? [query] : [])].join(' '),
    holds: (of) => labels.every((label) => of.includes(label)) && !outside.some((label) => of.includes(label)),
    heeds: (of) => of.some((label) => labels.includes(label) || outside.includes(label)),
  };
}

async function idsOf(named: readonly string[], mailbox: Pick<Mailbox, 'labels'>): Promise<string[]> {
  if (named.every((label) => OF_EVERYBODY.test(label))) return [...new Set(named)];
  const all = await mailbox.labels();
  return [...new Set(named.map((label) => find(label, all)))];
}

function find(label: string, all: Awaited<ReturnType<Mailbox['labels']>>): string {
  const name = label.toLowerCase();
  const found = all.find(({ id }) => id === label) ?? all.find((one) => one.name.toLowerCase() === name);
  if (found) return found.id;
  throw new PermanentError(`The mailbox has no label ${label}: check \`labelIds\` of the source`, { code: 'source_missing', details: { label } });
}
