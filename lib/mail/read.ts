import type { FetchTally, MailboxRun, MailMessage } from '../db/mail-types.ts';
import type { Db } from '../db/types.ts';
import { UnavailableError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { jittered } from '../provider-failure.ts';
import type { GmailMessage, Mailbox, MessageRead } from './contract.ts';
import { pauseFor } from './gmail/pace.ts';

export interface ReadDeps {
  mailbox: Pick<Mailbox, 'read'>;
  mailboxes: Pick<Db['mailboxes'], 'store'>;
  run: MailboxRun;
  readMessage: (message: GmailMessage) => MailMessage;
  /** Messages asked for in one call. */
  batchSize: number;
  /** Counts what becomes of the messages. */
  tally: Pick<FetchTally, 'fetched' | 'gone' | 'failed'>;
  signal: AbortSignal;
  log: Logger;
}

/** Told after each batch that is stored. */
export type OnBatch = (batch: { number: number; of: number }) => void;

/** So often a part of a batch that Gmail puts off is asked for; then the job's own attempts go on. */
export const ROUNDS = 6;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export type Later = Extract<MessageRead, { state: 'later' }>;

/**
 * Reads messages in batches and stores each batch, while the next is on its way. Parts that Gmail puts off are asked for again, they alone.
 * What is stored stays, whatever happens to the rest. Throws `UnavailableError` when Gmail goes on putting some off.
 */
export async function readMessages(ids: readonly string[], onBatch: OnBatch, deps: ReadDeps): Promise<void> {
  let putOff = await readRound(ids, onBatch, deps);
  for (let round = 1; putOff.length > 0; round += 1) {
    if (round === ROUNDS)
      throw new UnavailableError(`Gmail put ${putOff.length} of ${ids.length} messages off, ${ROUNDS} times`, { code: 'gmail_busy' });
    deps.log.info({ messages: putOff.length, round }, 'messages put off by Gmail');
    await pauseFor(pauseBefore(round, putOff), deps.signal);
    const again = putOff.map(({ id }) => id);
    putOff = await readRound(again, onBatch, deps);
  }
}

/** Doubling, with chance in it, so that accounts that were put off together do not come back together; longer where Gmail says so. */
export function pauseBefore(round: number, putOff: readonly Later[]): number {
  const named = Math.max(0, ...putOff.map(({ retryAfterMs = 0 }) => retryAfterMs));
  const backoff = jittered(FIRST_PAUSE_MS * 2 ** (round - 1), Math.random);
  return Math.min(Math.max(named, backoff), LONGEST_PAUSE_MS);
}

/** Each id once; answers what was put off. */
async function readRound(ids: readonly string[], onBatch: OnBatch, deps: ReadDeps): Promise<Later[]> {
  const { mailbox, batchSize, signal } = deps;
  const of = Math.ceil(ids.length / batchSize);
  const putOff: Later[] = [];
  let storing: Promise<void> = Promise.resolve();
  try {
    for (let number = 1; number <= of; number += 1) {
      signal.throwIfAborted();
      const to = number * batchSize;
      const read = await mailbox.read(ids.slice(to - batchSize, to), { left: Math.max(0, ids.length - to) });
      // One batch is stored while the next is on its way: no more than two are in memory.
      await storing;
      storing = storeBatch(read, putOff, deps).then(() => onBatch({ number, of }));
      // Looked at above, or below.
      storing.catch(() => undefined);
    }
  } finally {
    await storing;
  }
  return putOff;
}

async function storeBatch(read: readonly MessageRead[], putOff: Later[], deps: ReadDeps): Promise<void> {
  const messages = read.flatMap((one) => (one.state === 'read' ? [deps.readMessage(one.message)] : []));
  if (messages.length > 0) await deps.mailboxes.store(deps.run, messages);
  deps.tally.fetched += messages.length;
  for (const one of read) {
    if (one.state === 'later') putOff.push(one);
    if (one.state === 'gone') deps.tally.gone += 1;
    if (one.state === 'refused') {
      deps.tally.failed += 1;
      deps.log.warn({ messageId: one.id, status: one.status, reason: one.reason }, 'message refused by Gmail');
    }
  }
  deps.log.info({ messages: messages.length }, 'messages stored');
}
