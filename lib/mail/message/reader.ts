/** Gmail's `users.messages.get` with `format=full`, made into what is stored and shown. */
import type { MailMessage } from '../../db/mail-types.ts';
import type { GmailMessage } from '../contract.ts';
import { readAttachments } from './attachments.ts';
import { readBody } from './body.ts';
import { readMailDate } from './dates.ts';
import { loadHtmlToText } from './html.ts';
import { createBudget, LONGEST_NAME, LONGEST_SUBJECT, LONGEST_TEXT } from './limits.ts';
import { readPart } from './part.ts';
import { readEverybody } from './people.ts';
import { cut, oneLine, storable } from './storable.ts';

/** Never throws: what Gmail left out has a default ('' or an empty list, size 0), what is broken is kept as it is. */
export type ReadMessage = (message: GmailMessage) => MailMessage;

/** Loads what reading takes, some 80 ms; the reader itself is synchronous, and bounded in what it looks at: see `limits.ts`. */
export async function createMessageReader(): Promise<ReadMessage> {
  const [{ addressParser, decodeWords }, htmlToText] = await Promise.all([import('postal-mime'), loadHtmlToText()]);
  const snippetOf = (html: string): string => oneLine(html.includes('&') ? htmlToText(html.replaceAll('<', '&lt;'), createBudget()) : html);

  return (message) => {
    const root = readPart(message.payload, decodeWords);
    const { headers } = root;
    const { text, shown } = readBody(root, { decodeWords, htmlToText });
    const sentAt = readMailDate(headers.raw('date')) ?? null;
    return {
      id: idOf(message.id),
      threadId: idOf(message.threadId),
      historyId: idOf(message.historyId) || '0',
      receivedAt: receivedAt(message.internalDate) ?? sentAt ?? new Date(0).toISOString(),
      sentAt,
      ...readEverybody(headers, { addressParser, decodeWords }),
      subject: cut(oneLine(headers.text('subject') ?? ''), LONGEST_SUBJECT),
      snippet: snippetOf(asText(message.snippet).slice(0, LONGEST_SUBJECT)),
      text: cut(storable(text), LONGEST_TEXT),
      labels: [...new Set((Array.isArray(message.labelIds) ? message.labelIds : []).map(idOf).filter(Boolean))],
      headers: headers.all(),
      attachments: readAttachments(root, shown),
      sizeBytes: Math.max(0, Math.trunc(Number(message.sizeEstimate) || 0)),
    };
  };
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

const idOf = (value: unknown): string => cut(oneLine(asText(value)), LONGEST_NAME);

const LATEST_MS = Date.UTC(2200, 0, 1);

/** `internalDate`: milliseconds as text. */
function receivedAt(internalDate: unknown): string | undefined {
  const time = /^\d{1,15}$/.test(asText(internalDate)) ? Number(internalDate) : Number.NaN;
  return time < LATEST_MS ? new Date(time).toISOString() : undefined;
}
