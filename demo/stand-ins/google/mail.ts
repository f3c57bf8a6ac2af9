import { parseHeaders } from './mime.ts';
import { decodeWords } from './mime-values.ts';

/** A mail on its way into a mailbox. */
export interface Mail {
  /** The whole mail; a function is called each time that it is read. */
  eml: string | Buffer | (() => string | Buffer);
  /** When Gmail gets it, in milliseconds since the epoch. Default: now for a delivery, else the mail's Date. */
  receivedAt?: number;
  /** Default INBOX and, for a delivery, UNREAD. */
  labelIds?: readonly string[];
  /** Mails of one key are one thread. Default: what References, In-Reply-To and Message-ID say, unless `eml` is a function. */
  threadKey?: string;
}

export interface PreparedMail {
  receivedAt: number;
  labelIds: readonly string[];
  threadKeys: readonly string[];
  read(): Buffer;
}

/** Looks into the mail only where it is there already. */
export function prepareMail({ eml, receivedAt, labelIds, threadKey }: Mail, defaults: { labelIds: readonly string[]; now: number }): PreparedMail {
  const head = typeof eml === 'function' ? undefined : readHead(bytesOf(eml));
  return {
    receivedAt: receivedAt ?? head?.date ?? defaults.now,
    labelIds: labelIds ?? defaults.labelIds,
    threadKeys: threadKey === undefined ? (head?.threadKeys ?? []) : [threadKey],
    read: () => bytesOf(typeof eml === 'function' ? eml() : eml),
  };
}

function bytesOf(eml: string | Buffer): Buffer {
  return typeof eml === 'string' ? Buffer.from(eml) : eml;
}

function readHead(eml: Buffer): { date: number | undefined; threadKeys: string[] } {
  const text = eml.toString('latin1');
  const headers = parseHeaders(text.slice(0, /\r?\n\r?\n/.exec(text)?.index ?? text.length));
  const get = (name: string): string => decodeWords(headers.find((header) => header.name.toLowerCase() === name)?.value ?? '');
  const date = Date.parse(get('date'));
  const threadKeys = `${get('references')} ${get('in-reply-to')} ${get('message-id')}`.match(/<[^<>\s]+>/g) ?? [];
  return { date: Number.isNaN(date) ? undefined : date, threadKeys };
}
