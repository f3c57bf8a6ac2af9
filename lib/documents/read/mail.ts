/** An e-mail as a document: its head, then what it says. Attachments are named; they are documents of their own. */
import type { Address, Email } from 'postal-mime';
import { loadHtmlToText } from '../../mail/message/html.ts';
import { createBudget } from '../../mail/message/limits.ts';
import { oneLine, paragraphsOf } from './text.ts';
import type { Writer } from './writer.ts';

const MOST_NAMES = 20;

export async function readMail(bytes: Buffer, out: Writer): Promise<void> {
  await out.total(1);
  const { default: PostalMime } = await import('postal-mime');
  const mail = await PostalMime.parse(bytes);
  await out.title(mail.subject ?? '');
  await out.text(1, headOf(mail));
  for (const paragraph of paragraphsOf(await textOf(mail))) await out.text(1, paragraph);
  await warnOfAttachments(mail, out);
  await out.page(1);
}

const person = ({ name, address }: { name?: string | undefined; address?: string | undefined }): string =>
  address && name && name !== address ? `${name} <${address}>` : address || name || '';

const people = (addresses: readonly Address[] = []): string =>
  addresses
    .flatMap((address) => address.group ?? [address])
    .map(person)
    .filter(Boolean)
    .join(', ');

function headOf({ from, to, cc, date, subject }: Email): string {
  const lines: [string, string][] = [
    ['From', people(from ? [from] : [])],
    ['To', people(to)],
    ['Cc', people(cc)],
    ['Date', date ?? ''],
    ['Subject', subject ?? ''],
  ];
  return lines.flatMap(([name, value]) => (value ? `${name}: ${oneLine(value)}` : [])).join('\n');
}

/** The plain part, unless it says nothing. */
async function textOf({ text, html }: Email): Promise<string> {
  if (text?.trim() || !html) return text ?? '';
  const htmlToText = await loadHtmlToText();
  return htmlToText(html, createBudget());
}

async function warnOfAttachments({ attachments }: Email, out: Writer): Promise<void> {
  const names = attachments.filter(({ related }) => !related).map(({ filename, mimeType }) => oneLine(filename ?? '') || mimeType);
  if (names.length === 0) return;
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  await out.warn(`The e-mail has attachments, which are not read with it: ${names.slice(0, MOST_NAMES).join(', ')}${more}`);
}
