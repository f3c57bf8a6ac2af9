import { createHash } from 'node:crypto';
import type { NewEmail } from '../db/deal-types.ts';

export type HashedEmail = Pick<NewEmail, 'fromAddress' | 'recipients' | 'subject' | 'sentAt' | 'text'>;

/** SHA-256, hex: of who wrote what to whom and when. Ids are left out: a mail that is forwarded by two systems has two of them. */
export function contentHash({ fromAddress, recipients, subject, sentAt, text }: HashedEmail): string {
  const to = recipients.map(({ address }) => address.toLowerCase()).toSorted();
  return sha256(JSON.stringify([fromAddress?.toLowerCase() ?? null, to, subject, sentAt === null ? null : Date.parse(sentAt), text]));
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
