import { datesIn } from './dates.ts';
import { namedPerson, type People } from './debt-people.ts';
import { ASKING, IS_OVER, MISSING, NOT_YET, NOTHING_OWED, PAID, PROMISED, REFUSED } from './debt-phrases.ts';
import type { Said } from './debts.ts';
import { type MailSentence, mailSentences } from './sentences.ts';
import { contentWords } from './words.ts';

/** A mail as the rules read it. */
export interface MailToRead {
  people: People;
  sent: string | null;
  text: string;
}

/** Of one sentence; more would be a page without a full stop. */
const LONGEST_SENTENCE = 600;

/** What the sentences of a mail say of debts, in their order. */
export function readMail(received: MailToRead): Said[] {
  const mail = { ...received, people: { ...received.people, addressee: greeted(received) ?? received.people.addressee } };
  const said: Said[] = [];
  /** What stands above a list. */
  let list: Said | undefined;
  for (const sentence of mailSentences(mail.text)) {
    const text = sentence.text.slice(0, LONGEST_SENTENCE).replaceAll('’', "'");
    if (sentence.isEntry && list) {
      said.push(entryOf(text, list, mail));
      continue;
    }
    const found = readSentence({ ...sentence, text }, mail);
    list = /:\s*$/u.test(text) ? (found[0] ?? headOf(text, mail)) : sentence.isEntry ? list : undefined;
    if (list) continue;
    const about = found.find(({ kind, what }) => kind === 'asked' && what === '');
    if (about || found.length === 0) addTo(said, about ?? { owedBy: null, dueDate: sentence.isEntry ? null : setDate(text, mail) }, text);
    else said.push(...found);
  }
  return said;
}

/** "Hi Ben," says whom "please" is meant for, whoever else is to read it. */
function greeted({ text, people }: MailToRead): string | null {
  const [, name = ''] =
    /^\s{0,10}(?:(?:hi|hello|hey|dear|good (?:morning|afternoon|evening))\s)?(\p{L}[\p{L} .'’-]{1,60}?)\s?[,:!–-]?\s*\n/iu.exec(
      `${text.slice(0, 200)}\n`,
    ) ?? [];
  return name ? namedPerson(name, people, true) : null;
}

/** "Both by Friday, please": of what was asked for before. */
function addTo(before: readonly Said[], { owedBy, dueDate }: Pick<Said, 'owedBy' | 'dueDate'>, text: string): void {
  const debts = before.filter(({ kind, what }) => (kind === 'asked' || kind === 'refused') && what !== '');
  for (const debt of /\b(?:both|all|everything|each)\b/iu.test(text) ? debts : debts.slice(-1)) {
    debt.owedBy ??= owedBy;
    debt.dueDate ??= dueDate;
  }
}

function readSentence({ text }: MailSentence, mail: MailToRead): Said[] {
  if (NOTHING_OWED.test(text) && !/\bfind\b/iu.test(text)) return [];
  if (IS_OVER.test(text) && !NOT_YET_BUT_OVER.test(text)) return [said('paid', text, mail)];
  if (REFUSED.test(text) && !/\?\s*$/u.test(text)) return [refusal(text, mail)];
  const asked = asksFor(text, mail);
  if (asked.length > 0) return asked;
  if (MISSING.test(text)) return [missing(text, mail)];
  if (PROMISED.test(text)) return [said('promised', text, mail)];
  return PAID.test(text) && !NOT_YET.test(text) && !/\?\s*$/u.test(text) ? [said('paid', text, mail)] : [];
}

/** "No longer" and "don't need any more" are negations themselves. */
const NOT_YET_BUT_OVER = /\b(?:will|once|when|until|unless|if|as soon as)\b/iu;

/** "Still open from our side:" */
function headOf(text: string, mail: MailToRead): Said | undefined {
  return /\b(?:missing|outstanding|open (?:points|items|issues)|need|waiting for|pending|action items|to ?do)\b/iu.test(text)
    ? said('asked', text, mail)
    : undefined;
}

function asksFor(text: string, mail: MailToRead): Said[] {
  for (const { pattern, from } of ASKING) {
    const match = pattern.exec(text);
    const object = match?.at(-1);
    if (!match || object === undefined) continue;
    const named = from === 'named' ? namedPerson(match[1] ?? '', mail.people) : null;
    if (from === 'named' && named === null) continue;
    const owedBy = from === 'addressee' ? (vocative(text, mail) ?? mail.people.addressee) : named;
    return debtsIn(object, { text, owedBy, mail });
  }
  return [];
}

/** "the cap table from Anna and the lease from Ben" are two. */
function debtsIn(object: string, { text, owedBy, mail }: { text: string; owedBy: string | null; mail: MailToRead }): Said[] {
  const parts = object.split(/,? and (?=[^,]{2,80} from \p{Lu})/u);
  return parts.flatMap((part) => {
    const { what, from } = objectOf(part, mail.people);
    const due = datesOf(part, mail) ?? setDate(text, mail);
    if (what === '' || IT.test(what))
      return due && parts.length === 1
        ? [{ ...said('asked', text, mail), what: '', words: new Set<string>(), dueDate: due, owedBy: owedBy ?? from }]
        : [];
    return [{ ...said('asked', text, mail), what, words: contentWords(what), owedBy: from ?? owedBy, dueDate: due }];
  });
}

const IT = /^(?:it|this|that|them|these|those|you|us|me|more (?:time|detail)s?|to .*)$/iu;
/** Where the thing ends and its circumstances begin. */
const CIRCUMSTANCES =
  /[,;(]? *(?:\b(?:in)?to the (?:virtual )?data ?room\b|\bby (?:\d|the (?:end|\d)|(?:next |this |end |cob|eod|close|noon|to|mon|tues|wednes|thurs|fri|satur|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*)|\b(?:before|until|till|so that|so we|because|in order|which|as soon as|asap|at your earliest|no later than|today|tomorrow|urgently|immediately|in time|if possible|this week|next week|within \d|latest)\b).*$/iu;
const ENDS =
  /(?:[\s,:–-]|\b(?:please|yet|too|again|now|first|to us|to me|us|me|as well|is|are|has been|have been|arrives?|comes?|signed|received|and|with)\b)+$/iu;
const BEGINS = /^(?:(?:us|me|back|over|through|that|for|on|to us|to me|both)\s)+/iu;

function objectOf(part: string, people: People): { what: string; from: string | null } {
  const thing = part.replace(CIRCUMSTANCES, '').trim();
  const [, object = thing, giver = ''] =
    /^(.{2,120}?)(?: back| feedback)? (?:from|of|by) ((?:you|your (?:side|end|team|office|lawyers|counsel))|\p{Lu}.{1,60})$/u.exec(thing) ?? [];
  const yours = /^your\b/iu.test(object) || /^you(?:r\b|$)/iu.test(giver);
  const from = yours ? people.addressee : giver ? namedPerson(giver, people) : null;
  const kept = giver && from === null && !yours ? thing : object;
  return {
    what: withSmallArticle(kept)
      .replace(BEGINS, '')
      .replace(/^your\s/iu, '')
      .replace(ENDS, '')
      .trim()
      .slice(0, 160),
    from,
  };
}

/** "Anna, please …", "@Anna" */
function vocative(text: string, { people }: MailToRead): string | null {
  const [, name = ''] =
    /^(?:(?:hi|hello|dear|and|also|so|@)\s?)?@?(\p{Lu}[\p{L}'.-]{1,30}(?: \p{Lu}[\p{L}'-]{1,30}){0,2})\s?[,:–-]/u.exec(text) ?? [];
  return name ? namedPerson(name, people, true) : null;
}

function missing(text: string, mail: MailToRead): Said {
  const subject = text.slice(0, MISSING.exec(text)?.index ?? 0);
  const { what, from } = objectOf(subject.replace(/^(?:but|and|however|unfortunately|also|so|the problem is that)[, ]+/iu, ''), mail.people);
  return { ...said('asked', text, mail), what: IT.test(what) ? '' : what, words: contentWords(what), owedBy: from, dueDate: setDate(text, mail) };
}

function refusal(text: string, mail: MailToRead): Said {
  const asked = asksFor(text, mail).find(({ what }) => what !== '');
  const plain = asked ?? (MISSING.test(text) ? missing(text, mail) : undefined) ?? { ...said('refused', text, mail), what: subjectOf(text) };
  return {
    ...plain,
    kind: 'refused',
    words: contentWords(plain.what === '' ? text : `${plain.what}`),
    dueDate: plain.dueDate ?? setDate(text, mail),
  };
}

const ARTICLE = '(?:the|our|your|a|an|any)';
/** "The lease has not been signed" */
const SUBJECT = new RegExp(
  `^(?:(?:but|and|however|unfortunately|sorry),? ){0,3}(${ARTICLE} [^.,;?!]{2,100}?) (?:ha(?:s|ve)|is|are|was|were|still)\\b`,
  'iu',
);
/** "The landlord has not signed the lease", "I cannot open the file" */
const OBJECT = new RegExp(
  `\\b(?:received?|got|get|seen|open|read|find|access|need|signed|sent|approved|provided|confirmed|delivered|shared|answered|paid|version of)(?: yet)? (${ARTICLE} [^.,;?!]{2,100})`,
  'iu',
);

/** What a refusal is about; nothing where it names no thing ("this is the wrong version"). */
function subjectOf(text: string): string {
  const object = (OBJECT.exec(text)?.[1] ?? '').replace(CIRCUMSTANCES, '').replace(ENDS, '');
  const what = object || (SUBJECT.exec(text)?.[1] ?? '');
  return contentWords(what).size > 0 ? withSmallArticle(what.replace(/^your\s/iu, '').trim()) : '';
}

function entryOf(text: string, list: Said, mail: MailToRead): Said {
  const [, name = '', rest = text] =
    /^(\p{Lu}[\p{L}' .-]{1,40}?) ?(?::|–|-|to (?:send|provide|share|deliver|sign|upload)) (.{2,200})$/u.exec(text) ?? [];
  const owedBy = name ? namedPerson(name, mail.people, true) : null;
  const [, thing = text, inBrackets = ''] = /^(.{2,160}?) \((\p{Lu}[\p{L}' .-]{1,40})[,)]/u.exec(text) ?? [];
  const bracketed = inBrackets ? namedPerson(inBrackets, mail.people, true) : null;
  const { what, from } = objectOf(owedBy ? rest : bracketed ? thing : text, mail.people);
  const kind = list.kind === 'paid' || list.kind === 'promised' ? list.kind : 'asked';
  return {
    ...list,
    kind,
    what,
    words: contentWords(what),
    owedBy: owedBy ?? bracketed ?? from ?? list.owedBy,
    dueDate: datesOf(text, mail) ?? list.dueDate,
  };
}

function said(kind: Said['kind'], text: string, mail: MailToRead): Said {
  const { sender } = mail.people;
  return {
    kind,
    what: '',
    words: contentWords(text),
    sender,
    owedBy: null,
    owedTo: kind === 'asked' || kind === 'refused' ? sender : null,
    dueDate: kind === 'promised' ? datesOf(text, mail) : null,
  };
}

/** The one date that is named; of several nobody knows which one counts. */
function datesOf(text: string, { sent }: MailToRead): string | null {
  if (sent === null) return null;
  const sure = [
    ...new Set(
      datesIn(text, sent)
        .filter((named) => named.sure)
        .map(({ date }) => date),
    ),
  ];
  return sure.length === 1 ? (sure[0] ?? null) : null;
}

const SETS_DATE =
  /\b(?:by|before|no later than|latest|deadline|due|on or before|within|in time for|need(?:ed)?|at the latest|bis|eod|cob|today|tomorrow)\b/iu;

const setDate = (text: string, mail: MailToRead): string | null => (SETS_DATE.test(text) ? datesOf(text, mail) : null);

const withSmallArticle = (text: string): string => text.replace(/^(?:The|A|An|Our|Your)\b/u, (word) => word.toLowerCase());
