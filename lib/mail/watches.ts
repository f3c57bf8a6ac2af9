/**
 * How Hivepulse hears of new mail. Google pushes notices of a mailbox for a week after each `watch`, so watches are renewed; and since notices
 * get lost, and not everybody sets up a topic, mailboxes that were not followed for a while are asked for all the same.
 */
import { type Clock, DAY, MINUTE } from '../clock.ts';
import type { Connection, ConnectionSecrets } from '../db/mail-types.ts';
import { HivepulseError, messageOf } from '../errors.ts';
import { createLanes } from '../lanes.ts';
import type { Logger } from '../log.ts';
import { hasAccess } from '../oauth/access.ts';
import type { Mailboxes } from './contract.ts';

export interface WatchDeps {
  connections: Pick<ConnectionSecrets, 'setWatch'>;
  mailboxes: Mailboxes;
  /** `GOOGLE_PUBSUB_TOPIC`: `projects/<project>/topics/<topic>`. */
  topic: string;
  log: Logger;
  signal?: AbortSignal | undefined;
}

export interface RenewDeps extends WatchDeps {
  connections: Pick<ConnectionSecrets, 'setWatch' | 'watchesEndingBefore'>;
  clock: Pick<Clock, 'now'>;
  /** Most accounts of one round. Too few: watches end before their turn. Default 1,000. */
  limit?: number;
}

/** Google's watches end after 7 days: several rounds may fail before one does. */
const RENEW_BEFORE_MS = 2 * DAY;
const LIMIT = 1_000;
/** Accounts asked about at a time: each has a quota of its own at Google. */
const AT_ONCE = 5;
/** An account that is connected for files alone is no mailbox. */
const isWanted = (account: Connection): boolean => hasAccess(account, 'mail');
/** Longest for one account, waits for its quota included. */
const ONE_TIMEOUT_MS = MINUTE;

/** Watches that end within two days, or were never made, are made anew. An account that fails is logged and tried again next time. Rejects when the database is away. */
export async function renewWatches({ clock, limit = LIMIT, ...deps }: RenewDeps): Promise<{ renewed: number; failed: number }> {
  const before = new Date(clock.now() + RENEW_BEFORE_MS).toISOString();
  const accounts = await deps.connections.watchesEndingBefore(before, { isWanted, limit });
  const inLane = createLanes(AT_ONCE);
  const renewed = await Promise.all(accounts.map((account) => inLane(() => tryToWatch(account, deps), deps.signal)));
  const count = renewed.filter(Boolean).length;
  const result = { renewed: count, failed: accounts.length - count };
  if (accounts.length > 0) deps.log.info({ event: 'gmail.watches_renewed', ...result }, 'watches of mailboxes renewed');
  return result;
}

/** To be called after an account was connected: notices come from then on. Without a topic nothing happens. Never rejects: the next renewal makes up for it. */
export async function onConnected(
  connection: Pick<Connection, 'id' | 'provider' | 'status' | 'scopes'>,
  { topic, ...deps }: Omit<WatchDeps, 'topic'> & { topic: string | undefined },
): Promise<boolean> {
  if (topic === undefined || connection.provider !== 'google' || connection.status !== 'active' || !hasAccess(connection, 'mail')) return false;
  return tryToWatch(connection, { ...deps, topic });
}

async function tryToWatch({ id }: Pick<Connection, 'id'>, { connections, mailboxes, topic, log, signal }: WatchDeps): Promise<boolean> {
  const timeout = AbortSignal.timeout(ONE_TIMEOUT_MS);
  try {
    const { expiresAt } = await mailboxes.open(id, signal ? AbortSignal.any([signal, timeout]) : timeout).watch(topic);
    await connections.setWatch(id, expiresAt);
    return true;
  } catch (error) {
    const code = error instanceof HivepulseError ? error.code : 'unexpected';
    log.warn({ event: 'gmail.watch_failed', connectionId: id, code, error: messageOf(error) }, 'a mailbox could not be watched');
    return false;
  }
}

export interface PollDeps {
  connections: Pick<ConnectionSecrets, 'askForMailbox' | 'notSyncedSince'>;
  /** Mailboxes followed more recently are left alone, in milliseconds. Short costs Gmail's quota, long delays mail that no notice told of. */
  olderThanMs: number;
  clock: Pick<Clock, 'now'>;
  log: Logger;
  /** Tells the relay that fetches stand in the outbox. */
  poke: () => void;
  /** Most accounts of one round, those first that waited longest. Default 1,000. */
  limit?: number;
}

/** Asks for a fetch of each mailbox that was not followed for so long; one that waits already is enough. Rejects when the database is away. */
export async function pollMailboxes({
  connections,
  olderThanMs,
  clock,
  log,
  poke,
  limit = LIMIT,
}: PollDeps): Promise<{ queued: number; failed: number }> {
  const since = new Date(clock.now() - olderThanMs).toISOString();
  const accounts = await connections.notSyncedSince(since, { isWanted, limit });
  const inLane = createLanes(AT_ONCE);
  const outcomes = await Promise.all(accounts.map(({ id }) => inLane(() => tryToAsk(id, { connections, log }))));
  const count = (outcome: (typeof outcomes)[number]) => outcomes.filter((one) => one === outcome).length;
  const result = { queued: count('queued'), failed: count('failed') };
  if (result.queued > 0) poke();
  if (accounts.length > 0) log.info({ event: 'gmail.mailboxes_polled', accounts: accounts.length, ...result }, 'mailboxes asked for');
  return result;
}

async function tryToAsk(id: string, { connections, log }: Pick<PollDeps, 'connections' | 'log'>) {
  try {
    return (await connections.askForMailbox(id, 'poll')).outcome;
  } catch (error) {
    log.warn({ event: 'gmail.poll_failed', connectionId: id, error: messageOf(error) }, 'a mailbox could not be asked for');
    return 'failed';
  }
}
