import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageIdsIn, plainMessageId } from '../../emails/message-ids.ts';
import { loadMessageReader, storedEmail } from '../../emails/stored.ts';
import { UnavailableError } from '../../errors.ts';
import type { GmailMessage, Mailbox, MessageRead } from '../../mail/contract.ts';
import { pauseFor } from '../../mail/gmail/pace.ts';
import type { ReadMessage } from '../../mail/message/reader.ts';
import { type Later, pauseBefore, ROUNDS } from '../../mail/read.ts';
import type { EmailRead } from '../contract.ts';
import type { Scope } from './scope.ts';

/** Google advises no more for one batch. */
export const BATCH = 50;

/** Each once; those that Gmail puts off are asked for again, they alone. Throws `UnavailableError` when it goes on putting some off. */
export async function readMails(ids: readonly string[], mailbox: Mailbox, scope: Scope, signal: AbortSignal): Promise<EmailRead[]> {
  const read = await loadMessageReader();
  const done: EmailRead[] = [];
  let asked = ids;
  for (let round = 1; ; round += 1) {
    const { ended, putOff } = await readRound(asked, mailbox);
    for (const one of ended) {
      done.push(outcomeOf(one, read, scope));
      // To read one takes some 10 ms: others have their turn between two.
      await nextTurn();
    }
    if (putOff.length === 0) return done;
    if (round === ROUNDS)
      throw new UnavailableError(`Gmail put ${putOff.length} of ${ids.length} messages off, ${ROUNDS} times`, { code: 'gmail_busy' });
    await pauseFor(pauseBefore(round, putOff), signal);
    asked = putOff.map(({ id }) => id);
  }
}

type Ended = Exclude<MessageRead, Later>;

async function readRound(ids: readonly string[], mailbox: Mailbox): Promise<{ ended: Ended[]; putOff: Later[] }> {
  const ended: Ended[] = [];
  const putOff: Later[] = [];
  for (let from = 0; from < ids.length; from += BATCH) {
    for (const one of await mailbox.read(ids.slice(from, from + BATCH), { left: Math.max(0, ids.length - from - BATCH) }))
      if (one.state === 'later') putOff.push(one);
      else ended.push(one);
  }
  return { ended, putOff };
}

function outcomeOf(one: Ended, read: ReadMessage, scope: Scope): EmailRead {
  if (one.state === 'gone') return { state: 'gone', ref: one.id };
  if (one.state === 'refused') return { state: 'failed', ref: one.id, reason: `Gmail refused it (status ${one.status}, ${one.reason})` };
  // Thrown away or labelled otherwise since it was listed: the history tells of it, too, but later.
  if (!scope.holds(one.message.labelIds ?? [])) return { state: 'gone', ref: one.id };
  return { state: 'read', ref: one.id, email: emailOf(one.message, read) };
}

/** Threads by the ids that mails have everywhere, not by Gmail's own: a thread may have mails from elsewhere. */
function emailOf(message: GmailMessage, read: ReadMessage): ReturnType<typeof storedEmail> {
  const mail = read(message);
  const header = (name: string): string | undefined => mail.headers[name]?.[0];
  return storedEmail(mail, {
    messageId: plainMessageId(header('message-id')),
    inReplyTo: plainMessageId(header('in-reply-to')),
    references: messageIdsIn(header('references')),
  });
}
