import { LONGEST_NAME } from '../mail/message/limits.ts';
import { cut, oneLine } from '../mail/message/storable.ts';

/** A Message-ID as it is stored and compared: without its angle brackets. Null where there is nothing. */
export function plainMessageId(id: string | null | undefined): string | null {
  return messageIdsIn(id)[0] ?? null;
}

/** The ids of References or In-Reply-To, in their order; comments and whatever else stands there are left out where ids have brackets. */
export function messageIdsIn(header: string | null | undefined): string[] {
  const line = oneLine((header ?? '').slice(0, LONGEST_HEADER));
  const bracketed = [...line.matchAll(/<([^<>\s]+)>/g)].map(([, id = '']) => id);
  const ids = bracketed.length > 0 ? bracketed : line.split(' ');
  return ids.filter((id) => id !== '').map((id) => cut(id, LONGEST_NAME));
}

/** Threads of a thousand mails, and no more. */
const LONGEST_HEADER = 50_000;

export interface ThreadIds {
  messageId: string | null;
  inReplyTo: string | null;
  /** The oldest first. */
  references: readonly string[];
}

/** The thread that a mail belongs to: the first of References, else what it replies to, else itself; undefined for a mail without any id. */
export function threadIdOf({ messageId, inReplyTo, references }: ThreadIds): string | undefined {
  return references[0] ?? inReplyTo ?? messageId ?? undefined;
}
