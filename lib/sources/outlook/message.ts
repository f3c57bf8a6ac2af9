/** Graph's message, made into what is stored of a mail. */
import type { Person } from '../../db/mail-types.ts';
import { sha256 } from '../../emails/hash.ts';
import { messageIdsIn, plainMessageId } from '../../emails/message-ids.ts';
import { type StoredEmail, storedEmail } from '../../emails/stored.ts';
import { LONGEST_NAME, LONGEST_SUBJECT, MOST_PEOPLE } from '../../mail/message/limits.ts';
import type { ReadMessage } from '../../mail/message/reader.ts';
import { cut, oneLine } from '../../mail/message/storable.ts';

interface Recipient {
  emailAddress?: { name?: string | null; address?: string | null } | null;
}

export interface OutlookMessage {
  id: string;
  '@removed'?: unknown;
  internetMessageId?: string | null;
  subject?: string | null;
  body?: { contentType?: string | null; content?: string | null } | null;
  from?: Recipient | null;
  sender?: Recipient | null;
  toRecipients?: Recipient[] | null;
  ccRecipients?: Recipient[] | null;
  bccRecipients?: Recipient[] | null;
  sentDateTime?: string | null;
  receivedDateTime?: string | null;
  isDraft?: boolean | null;
  parentFolderId?: string | null;
  webLink?: string | null;
  conversationIndex?: string | null;
  internetMessageHeaders?: { name?: string | null; value?: string | null }[] | null;
  singleValueExtendedProperties?: { id?: string | null; value?: string | null }[] | null;
}

const CONTENT = ['subject', 'body', 'from', 'sender', 'toRecipients', 'ccRecipients', 'bccRecipients', 'sentDateTime'] as const;
const OTHERS = ['internetMessageId', 'receivedDateTime', 'isDraft', 'parentFolderId', 'webLink', 'conversationIndex', 'internetMessageHeaders'];

/** PidTagInternetReferences and PidTagInReplyToId: mails that were sent from here have them, and no headers. */
const REFERENCES = 'String 0x1039';
const IN_REPLY_TO = 'String 0x1042';

/** All that is needed of a mail. */
export const FIELDS = [
  `$select=${[...CONTENT, ...OTHERS].join(',')}`,
  `$expand=${encodeURIComponent(`singleValueExtendedProperties($filter=id eq '${REFERENCES}' or id eq '${IN_REPLY_TO}')`)}`,
].join('&');

/** Graph may tell of a change no more than what has changed. */
export const isWhole = (message: OutlookMessage): boolean => message.body !== undefined;

/** Neither read nor flagged alone: something that is stored. */
export const hasNewContent = (message: OutlookMessage): boolean => CONTENT.some((field) => message[field] !== undefined);

/** Of what is stored, as Graph tells it: to make a mail of it takes a thousand times as long. Graph's own etag changes when a mail is read or flagged, too. */
export const versionOf = (message: OutlookMessage): string => sha256(JSON.stringify(CONTENT.map((field) => message[field] ?? null)));

export const subjectOf = ({ subject }: OutlookMessage): string => cut(oneLine(subject ?? ''), LONGEST_SUBJECT);

export function emailOf(message: OutlookMessage, read: ReadMessage): StoredEmail {
  const from = peopleOf([message.from])[0] ?? peopleOf([message.sender])[0];
  const mail = {
    fromName: from?.name ?? null,
    fromAddress: from?.address ?? null,
    people: { to: peopleOf(message.toRecipients), cc: peopleOf(message.ccRecipients), bcc: peopleOf(message.bccRecipients) },
    subject: subjectOf(message),
    sentAt: timeOf(message.sentDateTime) ?? timeOf(message.receivedDateTime),
    text: textOf(message, read),
  };
  const ids = {
    messageId: plainMessageId(message.internetMessageId),
    inReplyTo: plainMessageId(idsFrom(message, IN_REPLY_TO, 'in-reply-to')),
    references: messageIdsIn(idsFrom(message, REFERENCES, 'references')),
  };
  return storedEmail(mail, ids, conversationOf(message.conversationIndex));
}

/** By the reader of Gmail's messages, so that the same mail has the same text, with its quotes marked, whichever mailbox it came from. */
function textOf({ body }: OutlookMessage, read: ReadMessage): string {
  const mimeType = body?.contentType?.toLowerCase() === 'text' ? 'text/plain' : 'text/html';
  const bytes = Buffer.from(body?.content ?? '');
  const headers = [{ name: 'Content-Type', value: `${mimeType}; charset=utf-8` }];
  return read({ payload: { mimeType, headers, body: { size: bytes.length, data: bytes.toString('base64url') } } }).text;
}

/** Exchange names who has no name by the address. */
function peopleOf(recipients: readonly (Recipient | null | undefined)[] | null | undefined): Person[] {
  return (recipients ?? []).slice(0, MOST_PEOPLE).flatMap((recipient) => {
    const name = cut(oneLine(recipient?.emailAddress?.name ?? ''), LONGEST_NAME);
    const plain = cut(oneLine(recipient?.emailAddress?.address ?? ''), LONGEST_NAME);
    if (!plain) return name ? [{ name: null, address: name }] : [];
    const address = plain.includes('@') ? plain.toLowerCase() : plain;
    return [{ name: name && name.toLowerCase() !== address.toLowerCase() ? name : null, address }];
  });
}

export function timeOf(text: string | null | undefined): string | null {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

function idsFrom({ singleValueExtendedProperties, internetMessageHeaders }: OutlookMessage, property: string, header: string): string | undefined {
  const own = singleValueExtendedProperties?.find(({ id }) => id?.toLowerCase() === property.toLowerCase())?.value;
  return own || internetMessageHeaders?.find(({ name }) => name?.toLowerCase() === header)?.value || undefined;
}

/** A conversation index begins with a 1 and bytes that all mails of a conversation share; each reply adds to them (MS-OXOMSG, 2.2.1.3). */
const SHARED_BYTES = 22;
const REPLY_BYTES = 5;

/**
 * The thread of a reply that names no mail it replies to, as Outlook's programs send within a company: the index, unlike the conversation's id, is the
 * same in everybody's mailbox. Undefined: the mail begins its conversation.
 */
function conversationOf(index: string | null | undefined): string | undefined {
  const bytes = Buffer.from(index ?? '', 'base64');
  const replies = (bytes.length - SHARED_BYTES) / REPLY_BYTES;
  if (bytes[0] !== 1 || replies < 1 || !Number.isInteger(replies)) return undefined;
  return `conversation-${sha256(bytes.toString('hex', 0, SHARED_BYTES)).slice(0, 32)}`;
}
