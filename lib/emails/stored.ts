/** What is stored of a mail, whichever way it came: by upload, from Gmail or from Outlook. */
import type { NewEmail } from '../db/deal-types.ts';
import type { MailMessage } from '../db/mail-types.ts';
import { createMessageReader, type ReadMessage } from '../mail/message/reader.ts';
import { contentHash } from './hash.ts';
import { type ThreadIds, threadIdOf } from './message-ids.ts';

export type StoredEmail = Pick<
  NewEmail,
  'messageId' | 'threadId' | 'inReplyTo' | 'fromName' | 'fromAddress' | 'recipients' | 'subject' | 'sentAt' | 'text' | 'contentHash'
>;

export type MailContent = Pick<MailMessage, 'fromName' | 'fromAddress' | 'subject' | 'sentAt' | 'text'> & {
  people: Pick<MailMessage['people'], 'to' | 'cc' | 'bcc'>;
};

/** `thread`: the thread of a mail whose ids tell of none but itself. */
export function storedEmail(mail: MailContent, ids: ThreadIds, thread?: string): StoredEmail {
  const { fromName, fromAddress, people, subject, sentAt, text } = mail;
  const recipients = [...people.to, ...people.cc, ...people.bcc];
  const content = { fromName, fromAddress, recipients, subject: subject || null, sentAt, text };
  const hash = contentHash(content);
  const { messageId, inReplyTo, references } = ids;
  const named = threadIdOf({ messageId: thread ?? messageId, inReplyTo, references });
  return { ...content, messageId, inReplyTo, threadId: named ?? `content-${hash.slice(0, 32)}`, contentHash: hash };
}

let loading: Promise<ReadMessage> | undefined;

/** Loads the reader of messages, once. */
export function loadMessageReader(): Promise<ReadMessage> {
  loading ??= createMessageReader();
  return loading;
}
