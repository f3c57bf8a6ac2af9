import { estimateTokens } from '../ai/tokens.ts';
import type { DealEmail, Person } from '../db/deal-types.ts';
import { CUT } from '../mail/message/limits.ts';
import { localDay, WEEKDAY_NAMES, weekdayOf } from './calendar.ts';
import type { CleanEmail } from './clean.ts';

/** A mail of a thread as it is judged. */
export interface ThreadMail {
  /** What blockers cite: its Message-ID, else the id of its row. */
  id: string;
  from: Person | null;
  to: Person[];
  /** Local date of the deal; null where nobody knows. */
  sentOn: string | null;
  /** Its writer's own words; empty where it holds nothing else than earlier mails of the thread. */
  text: string;
}

export interface Thread {
  /** Mails without one are threads of their own. */
  id: string;
  subject: string;
  /** Oldest first. */
  mails: ThreadMail[];
}

type ThreadEmail = Pick<
  DealEmail,
  'id' | 'messageId' | 'threadId' | 'fromName' | 'fromAddress' | 'recipients' | 'subject' | 'sentAt' | 'createdAt' | 'text'
>;

export const threadIdOfEmail = ({ threadId, messageId, id }: Pick<DealEmail, 'threadId' | 'messageId' | 'id'>): string => threadId ?? messageId ?? id;

/** Oldest first, also where mails arrived in another order. */
export function readThread(id: string, emails: readonly ThreadEmail[], clean: CleanEmail, timeZone: string): Thread {
  const inOrder = emails.toSorted((one, other) => timeOf(one) - timeOf(other) || (one.id < other.id ? -1 : 1));
  const subject = inOrder.find((email) => email.subject?.trim())?.subject ?? '';
  return { id, subject, mails: inOrder.map((email, index) => threadMail(email, { clean, timeZone, isFirst: index === 0 })) };
}

const timeOf = ({ sentAt, createdAt }: Pick<DealEmail, 'sentAt' | 'createdAt'>): number => Date.parse(sentAt ?? createdAt);

function threadMail(email: ThreadEmail, { clean, timeZone, isFirst }: { clean: CleanEmail; timeZone: string; isFirst: boolean }): ThreadMail {
  const { text, onlyQuoted } = clean(email.text);
  return {
    id: email.messageId ?? email.id,
    from: email.fromAddress ? { name: email.fromName, address: email.fromAddress } : null,
    to: email.recipients,
    sentOn: email.sentAt ? localDay(email.sentAt, timeZone) : null,
    // What it quotes stands in the thread itself; a thread that begins with a forward has nothing else.
    text: onlyQuoted && !isFirst ? '' : text,
  };
}

export const labelOf = (index: number): string => `m${index + 1}`;

/** Tokens of all mails of a thread together. */
const THREAD_TOKENS = 16_000;
/** Of one mail. */
const MAIL_TOKENS = 4_000;
/** Of a mail that is older than what fills the first half. */
const OLDER_TOKENS = 250;

/** What a model is given: labels and nothing of our ids. The newest mails are kept whole, older ones are shortened, the oldest left empty. */
export function threadData({ subject, mails }: Pick<Thread, 'subject' | 'mails'>): Record<string, string> {
  let left = THREAD_TOKENS;
  const texts = mails.toReversed().map(({ text }) => {
    const short = shortened(text, Math.min(left > THREAD_TOKENS / 2 ? MAIL_TOKENS : OLDER_TOKENS, left));
    left -= estimateTokens(short);
    return short;
  });
  texts.reverse();
  const entries = mails.map((mail, index) => [labelOf(index), JSON.stringify(described(mail, texts[index] ?? ''))] as const);
  return { subject, ...Object.fromEntries(entries) };
}

/** As the local task reads it back. */
export interface DescribedMail {
  sent: string | null;
  from: string | null;
  to: string[];
  text: string;
}

const MOST_NAMED = 20;

function described({ from, to, sentOn }: ThreadMail, text: string): DescribedMail {
  return {
    sent: sentOn && `${sentOn} (${WEEKDAY_NAMES[weekdayOf(sentOn)]})`,
    from: from && personName(from),
    to: to.slice(0, MOST_NAMED).map(personName),
    text,
  };
}

const personName = ({ name, address }: Person): string => (name ? `${name} <${address}>` : address);

function shortened(text: string, tokens: number): string {
  const whole = estimateTokens(text);
  if (whole <= tokens) return text;
  if (tokens <= 0) return '';
  return `${text.slice(0, Math.floor((text.length * tokens) / whole)).toWellFormed()} ${CUT}`;
}
