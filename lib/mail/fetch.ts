/**
 * A fetch of one account's messages into `message_cache`: what has changed where the mailbox is followed, else a listing, one look into the cache,
 * and what is missing in batches. Each batch is stored as it comes: a run after a crash or a cancel reads what is missing and nothing else.
 */
import type { Clock } from '../clock.ts';
import type { Connection, FetchTally, MailMessage } from '../db/mail-types.ts';
import type { Db } from '../db/types.ts';
import { JobAbortedError, messageOf, PermanentError } from '../errors.ts';
import type { FetchParams, FetchResult } from '../jobs/gmail-fetch.ts';
import type { Logger } from '../log.ts';
import type { Progress } from '../queue/processor.ts';
import type { Store } from '../queue/store/types.ts';
import { chooseAccount } from './account.ts';
import { followChanges } from './changes.ts';
import type { GmailMessage, Mailbox, Mailboxes } from './contract.ts';
import { holdAccount } from './hold.ts';
import { listAndRead } from './listing.ts';
import type { ReadDeps } from './read.ts';

/** What fetches of this process share. */
export interface MailDeps {
  mailboxes: Mailboxes;
  /** Loads what takes mails apart; light until then. */
  loadReader: () => Promise<(message: GmailMessage) => MailMessage>;
  store: Pick<Store, 'acquire' | 'release'>;
  /** `BATCH_SIZE` */
  batchSize: number;
  /** `MAX_RESULTS` */
  maxResults: number;
}

export interface FetchContext {
  deps: { db: Pick<Db, 'connections' | 'mailboxes'>; clock: Pick<Clock, 'monotonic'>; mail: MailDeps };
  job: { id: string };
  runId: string;
  signal: AbortSignal;
  progress(progress: Progress): void;
  log: Logger;
}

/** What the two ways of fetching are given. */
export interface Fetching extends ReadDeps {
  mailbox: Mailbox;
  mailboxes: Db['mailboxes'];
  tally: FetchTally;
  connection: Connection;
  params: FetchParams;
  maxResults: number;
  progress(progress: Progress): void;
}

/** What the runs before this one know nothing of. */
export type Fetched = Pick<FetchResult, 'mode' | 'found' | 'stored' | 'more' | 'historyId'>;

/** Throws `PermanentError` (`not_connected`, `connection_needed`, `reauth_required`, `invalid_request`), `RateLimitedError`, `UnavailableError`. */
export async function fetchMessages({ userId, ...params }: FetchParams & { userId: string }, context: FetchContext): Promise<FetchResult> {
  const { db, mail } = context.deps;
  const connection = await chooseAccount({ userId, connectionId: params.connectionId }, db.connections);
  return holdAccount(connection.id, context, { store: mail.store, log: context.log }, async () => {
    // Read again: what went on until the mailbox was ours has moved it on.
    const latest = (await db.connections.get(connection.id)) ?? connection;
    return fetchHeld(latest, params, context).catch((error: unknown) => explainLoss(error, connection.id, db));
  });
}

async function fetchHeld(connection: Connection, params: FetchParams, context: FetchContext): Promise<FetchResult> {
  const { deps, job, runId, signal, progress, log } = context;
  const { batchSize, maxResults, loadReader, mailboxes } = deps.mail;
  const started = deps.clock.monotonic();
  const mailbox = mailboxes.open(connection.id, signal);
  const run = { jobId: job.id, runId, connectionId: connection.id };
  const tally: FetchTally = { found: 0, fetched: 0, gone: 0, failed: 0, deleted: 0, relabelled: 0, units: 0, calls: 0, milliseconds: 0 };
  const sum = (): Promise<FetchTally> =>
    deps.db.mailboxes.addTally(run, { ...tally, ...mailbox.spent, milliseconds: Math.round(deps.clock.monotonic() - started) });
  const fetching: Fetching = {
    mailbox,
    mailboxes: deps.db.mailboxes,
    connection,
    params,
    maxResults: params.maxResults ?? maxResults,
    run,
    tally,
    readMessage: await loadReader(),
    batchSize,
    signal,
    log,
    progress,
  };
  const fetched = await fetchBy(fetching).catch(async (error: unknown) => {
    // For the run that comes after this one. Who has lost the job is refused.
    await sum().catch((problem: unknown) => log.debug({ error: messageOf(problem) }, 'tally of a fetch not kept'));
    throw error;
  });
  const result = resultOf(connection.id, fetched, await sum());
  log.info({ ...result, historyId: undefined }, 'messages fetched');
  return result;
}

function resultOf(connectionId: string, fetched: Fetched, sums: FetchTally): FetchResult {
  const { gone, failed, deleted, relabelled, units, calls, milliseconds } = sums;
  const found = fetched.mode === 'incremental' ? sums.found : fetched.found;
  const cached = Math.max(0, found - sums.fetched - gone - failed);
  return {
    connectionId,
    ...fetched,
    found,
    cached,
    fetched: sums.fetched,
    gone,
    failed,
    messages: cached + sums.fetched,
    deleted,
    relabelled,
    cacheHitRate: found > 0 ? cached / found : null,
    apiUnits: units,
    apiCalls: calls,
    milliseconds,
  };
}

/** Queries and labels say what to list; without them the mailbox itself is followed. */
async function fetchBy(fetching: Fetching): Promise<Fetched> {
  const { query, labelIds = [], full } = fetching.params;
  const whole = !query && labelIds.length === 0;
  if (!whole || full || fetching.connection.historyId === null) return listAndRead(fetching, whole);
  const changes = await followChanges(fetching, fetching.connection.historyId);
  if (changes) return changes;
  fetching.log.info({ connectionId: fetching.connection.id }, 'history id too old: the mailbox is listed anew');
  return listAndRead(fetching, whole);
}

/** A run that may store nothing any more has lost its job, or its account: only the second is news to the user. */
async function explainLoss(error: unknown, connectionId: string, db: Pick<Db, 'connections'>): Promise<never> {
  if (error instanceof JobAbortedError && error.kind === 'superseded' && !(await db.connections.get(connectionId))) {
    throw new PermanentError('The account was disconnected while its messages were fetched', { code: 'not_connected', details: { connectionId } });
  }
  throw error;
}
