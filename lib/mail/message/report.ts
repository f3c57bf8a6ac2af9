/** Delivery reports and the heads of mails within mails, as people read them. */
import type { Headers } from './headers.ts';
import { cut } from './storable.ts';

/** RFC 3464, 8098 and 5965: what happened, to whom, and why. Names of hosts and queues say nothing to a reader. */
const FIELDS = [
  'original-recipient',
  'final-recipient',
  'original-rcpt-to',
  'action',
  'disposition',
  'feedback-type',
  'status',
  'diagnostic-code',
  'remote-mta',
  'reporting-mta',
  'will-retry-until',
];
const LONGEST_FIELD = 2_000;

/** `Final-Recipient: rfc822; a@b.example` says `Final-Recipient: a@b.example`. */
const TYPED = /^(?:rfc822|utf-8|dns|smtp|x-unix|unknown)\s*;\s*/i;

/** Blocks of fields, each about one recipient; the text of a status part. */
export function readStatus(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/\n[ \t]+(?=\S)/g, ' ')
    .split(/\n[ \t]*\n/)
    .map((block) => fieldsOf(block.split('\n').flatMap(fieldOf)))
    .filter(Boolean)
    .join('\n\n');
}

/** The same, where Gmail has taken the fields for headers. */
export const readStatusHeaders = (headers: Headers): string =>
  fieldsOf(FIELDS.flatMap((name) => headers.rawAll(name).map((value) => ({ name, value }))));

interface Field {
  name: string;
  value: string;
}

function fieldOf(line: string): Field[] {
  const colon = line.indexOf(':');
  return colon > 0 ? [{ name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() }] : [];
}

function fieldsOf(fields: Field[]): string {
  const wanted = fields.filter(({ name, value }) => value && FIELDS.includes(name.toLowerCase()));
  return wanted.map(({ name, value }) => `${titled(name)}: ${cut(value.replace(TYPED, ''), LONGEST_FIELD)}`).join('\n');
}

const titled = (name: string): string => name.toLowerCase().replace(/(?<=^|-)[a-z]/g, (letter) => letter.toUpperCase());

/** What a mail client puts above a mail that is passed on. */
export function headingOf(headers: Headers): string {
  const lines = ['From', 'Date', 'Subject', 'To'].flatMap((name) => {
    const value = headers.text(name.toLowerCase());
    return value ? [`${name}: ${cut(value, LONGEST_FIELD)}`] : [];
  });
  return lines.length > 0 ? ['---------- Forwarded message ----------', ...lines].join('\n') : '';
}
