/**
 * Moves jobs that were asked for in the database to their queues. Runs in every worker and API; any number may run at once, each claims
 * what the others have not (`SKIP LOCKED`, under a lease). Asks every `pollIntervalMs`, when the next one falls due, and at once when poked.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { OutboxEntry, OutboxResult, OutboxTable } from '../db/types.ts';
import { messageOf } from '../errors.ts';
import type { QueueName } from '../jobs/define.ts';
import { type Deadline, deadlineIn, type Service, within } from '../lifecycle.ts';
import type { Logger } from '../log.ts';
import type { SendEntries, Sent } from '../queue/send-entries.ts';

export interface RelayDeps {
  outbox: Pick<OutboxTable, 'claim' | 'finish' | 'nextDueMs' | 'sent'>;
  /** Rejects when the queue cannot take anything now: then nothing is claimed. */
  ready: () => Promise<void>;
  send: SendEntries;
  /** Ends the row, if any, of an entry that can never be sent, and writes its dead letter. */
  refuse: (entry: OutboxEntry, error: string) => Promise<void>;
  /** Kinds that some worker can run; the others wait. */
  kinds: readonly { queue: QueueName; name: string }[];
  /** Too low costs a query each time; too high makes rows wait that were inserted by SQL. In milliseconds. */
  pollIntervalMs: number;
  log: Logger;
  /** Told of every entry that left the outbox. */
  onMoved?: (moved: Moved) => void;
  /** Entries claimed at a time, of each kind. Default 200. */
  batchSize?: number;
  /** Entries of a relay that died are claimed again after this long, in milliseconds. Default 15,000. */
  leaseMs?: number;
}

export interface Moved {
  queue: QueueName;
  outcome: 'sent' | 'merged' | 'refused';
  /** When it was asked for; ISO 8601. */
  createdAt: string;
}

export interface Delivered {
  jobId: string;
  deduplicated: boolean;
}

export interface Relay extends Service {
  /** Soon, without waiting for it; any number of calls while a round is under way make one more. */
  poke(): void;
  /** One round: resolves to the number of entries that left the outbox. Rejects when queue or database are away. */
  runOnce(): Promise<number>;
  /** These entries now, as far as that can be done within 2 s; the others are moved later. Never rejects. */
  deliver(outboxIds: readonly number[]): Promise<Map<number, Delivered>>;
}

const BATCH = 200;
const LEASE_MS = 15_000;
const DELIVER_WITHIN_MS = 2_000;
const LOOK_EVERY_MS = 25;
/** An earlier run that is being stopped needs about a second. */
const BUSY_RETRY_MS = 500;
const FAILED_RETRY_MS = 1_000;

export function createRelay(deps: RelayDeps): Relay {
  const limit = deps.batchSize ?? BATCH;
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> | undefined;
  let again = false;
  let running = false;
  let away = false;
  // Rounds belong to nobody: the request that pokes one must not lend its log context and its trace to it and to all that follow.
  const outside = AsyncLocalStorage.snapshot();

  async function runOnce(): Promise<number> {
    await deps.ready();
    let moved = 0;
    for (;;) {
      const entries = await claim();
      if (entries.length === 0) return moved;
      const { ended, stuck } = await move(entries);
      moved += ended.size;
      if (stuck) return moved;
    }
  }

  function claim(ids?: readonly number[]): Promise<OutboxEntry[]> {
    return deps.outbox.claim({ kinds: deps.kinds, limit, leaseMs: deps.leaseMs ?? LEASE_MS, ...(ids ? { ids } : {}) });
  }

  async function move(entries: readonly OutboxEntry[]): Promise<{ ended: Map<number, Delivered>; stuck: boolean }> {
    // Claimed by the names of the catalogue.
    const sendable = entries.map((entry) => ({ ...entry, queue: entry.queue as QueueName }));
    const sent = await deps.send(sendable);
    const ended = new Map<number, Delivered>();
    const results: OutboxResult[] = [];
    for (const [index, entry] of entries.entries()) {
      const result = await settle(entry, sent[index] ?? { outcome: 'failed', error: 'not sent' });
      results.push(result);
      if ('ended' in result && result.ended !== 'refused') ended.set(entry.id, { jobId: result.jobId, deduplicated: result.ended === 'merged' });
    }
    await deps.outbox.finish(results);
    for (const [index, { queue, createdAt }] of sendable.entries()) {
      const result = results[index];
      if (result && 'ended' in result) deps.onMoved?.({ queue, outcome: result.ended, createdAt });
    }
    const failed = sent.find((one) => one.outcome === 'failed');
    if (failed) deps.log.warn({ error: failed.error, entries: entries.length }, 'outbox entries not sent yet');
    deps.log.debug({ entries: entries.length, sent: ended.size }, 'outbox entries moved');
    return { ended, stuck: failed !== undefined };
  }

  async function settle(entry: OutboxEntry, sent: Sent): Promise<OutboxResult> {
    const { id, asked, jobId } = entry;
    switch (sent.outcome) {
      case 'sent':
        return { id, asked, ended: sent.jobId === jobId ? 'sent' : 'merged', jobId: sent.jobId };
      case 'busy':
        return { id, asked, retryMs: BUSY_RETRY_MS, error: 'An earlier run of this job is still being stopped' };
      case 'failed':
        return { id, asked, retryMs: FAILED_RETRY_MS, error: sent.error };
      case 'refused':
        await deps.refuse(entry, sent.error);
        return { id, asked, ended: 'refused', error: sent.error };
    }
  }

  async function deliver(outboxIds: readonly number[]): Promise<Map<number, Delivered>> {
    if (outboxIds.length === 0) return new Map();
    const deadline = deadlineIn(DELIVER_WITHIN_MS);
    const delivered = await within(
      deliverNow(outboxIds, deadline).catch((error: unknown) => {
        deps.log.warn({ error: messageOf(error) }, 'outbox entries not delivered at once; they are moved later');
        return new Map<number, Delivered>();
      }),
      deadline,
      new Map<number, Delivered>(),
    );
    if (delivered.size < outboxIds.length) poke();
    return delivered;
  }

  async function deliverNow(outboxIds: readonly number[], deadline: Deadline): Promise<Map<number, Delivered>> {
    await deps.ready();
    const entries = await claim(outboxIds);
    const delivered = entries.length > 0 ? (await move(entries)).ended : new Map<number, Delivered>();
    const claimed = new Set(entries.map(({ id }) => id));
    const others = outboxIds.filter((id) => !claimed.has(id));
    for (const { id, ...became } of await sentByOthers(others, deadline)) delivered.set(id, became);
    return delivered;
  }

  /** Another relay was quicker to claim them, on a hint of the database's: it is about to say what became of them. */
  async function sentByOthers(ids: readonly number[], deadline: Deadline): Promise<({ id: number } & Delivered)[]> {
    while (ids.length > 0 && deadline.remainingMs() > LOOK_EVERY_MS) {
      const sent = await deps.outbox.sent(ids);
      if (sent.length === ids.length) return sent.map(({ id, jobId, merged }) => ({ id, jobId, deduplicated: merged }));
      await delay(LOOK_EVERY_MS);
    }
    return [];
  }

  function poke(): void {
    if (!running) return;
    if (round) again = true;
    else outside(start);
  }

  function start(): void {
    clearTimeout(timer);
    again = false;
    round = roundAndRest().finally(() => {
      round = undefined;
      if (running && again) start();
    });
  }

  async function roundAndRest(): Promise<void> {
    let restMs = deps.pollIntervalMs;
    try {
      await runOnce();
      restMs = Math.min(restMs, (await deps.outbox.nextDueMs(deps.kinds)) ?? restMs);
      if (away) deps.log.info('the relay works again');
      away = false;
    } catch (error) {
      if (!away) deps.log.warn({ error: messageOf(error) }, 'the relay waits: queue or database are away');
      away = true;
      restMs = Math.min(restMs, FAILED_RETRY_MS);
    }
    if (running) timer = setTimeout(start, Math.max(1, restMs));
  }

  return {
    name: 'relay',
    poke,
    runOnce,
    deliver,
    start: async () => {
      running = true;
      start();
    },
    stop: async (deadline: Deadline) => {
      running = false;
      clearTimeout(timer);
      await within(round ?? Promise.resolve(), deadline, undefined);
    },
  };
}
