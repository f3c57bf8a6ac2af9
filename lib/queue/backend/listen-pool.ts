import { EventEmitter } from 'node:events';
import pg from 'pg';
import { messageOf, UnavailableError } from '../../errors.ts';
import { createListenClient } from './listen-client.ts';
import { createListenHub, type ListenConnection, type ListenEvents } from './listen-hub.ts';
import type { OutageLog } from './outage-log.ts';
import { QUEUE_SCHEMA, type QueuePool } from './pool.ts';
import { checkPool } from './postgres-check.ts';

export interface ListenPoolOptions {
  databaseUrl: string;
  /** Connections for queries; one more is used to listen. Default 10. */
  poolSize?: number;
  /** Longest wait for a connection, a free one of a busy pool included, in milliseconds. What waited longer was not sent. */
  connectTimeoutMs: number;
  /** Longest wait for the answer of a query, in milliseconds; its outcome is then unknown. */
  queryTimeoutMs: number;
  outage: OutageLog;
}

const DEFAULT_POOL_SIZE = 10;

/**
 * A `pg.Pool` that lets any number of BullMQ workers and event readers listen on one connection of the process,
 * where BullMQ by itself would keep one of the pool for each and hang when there are more of them than `max`.
 */
export function createListenPool(options: ListenPoolOptions): QueuePool {
  const poolSize = options.poolSize ?? DEFAULT_POOL_SIZE;
  const config: pg.PoolConfig = {
    connectionString: options.databaseUrl,
    application_name: 'hivepulse-queue',
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: options.connectTimeoutMs,
    query_timeout: options.queryTimeoutMs,
  };
  const pool = new pg.Pool({ ...config, max: poolSize, min: 1, onConnect: prepareSession });
  const hub = createListenHub({ open: (events) => openListener(config, events) });
  const errors = new EventEmitter();
  // Every queue, worker and event reader of the process adds one.
  errors.setMaxListeners(0);
  const lost = new WeakSet<object>();
  let established = 0;

  pool.on('error', options.outage.failed);
  pool.on('connect', (client) => {
    established += 1;
    options.outage.recovered();
    // While it is checked out nobody else listens, and an unheard 'error' would end the process; the query in hand is rejected anyway.
    client.on('error', () => undefined);
  });
  pool.on('remove', () => {
    established -= 1;
  });

  async function checkOut(): Promise<pg.PoolClient> {
    try {
      return await pool.connect();
    } catch (cause) {
      if (cause instanceof pg.DatabaseError && !isRefusal(cause)) throw cause;
      options.outage.failed(cause);
      throw new UnavailableError(`Postgres is not reachable: ${messageOf(cause)}`, { cause });
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: BullMQ declares its rows so.
  async function query<R = any>(text: string, params?: readonly unknown[]) {
    const client = await checkOut();
    try {
      const result = await client.query<R & pg.QueryResultRow>(text, params ? [...params] : undefined);
      client.release();
      return result;
    } catch (error) {
      const cut = !(error instanceof pg.DatabaseError) || isRefusal(error);
      if (cut && typeof error === 'object' && error !== null) lost.add(error);
      client.release(cut);
      throw error;
    }
  }

  async function ready(timeoutMs: number): Promise<void> {
    if (established > 0) return;
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new UnavailableError(`Postgres is not reachable (waited ${timeoutMs} ms)`)), timeoutMs);
    });
    try {
      await Promise.race([checkOut().then((client) => client.release()), expired]);
    } finally {
      clearTimeout(timer);
    }
  }

  return Object.assign(errors, {
    options: { keepAlive: true },
    query,
    listener: (queueName: string) => createListenClient(hub, { query }, queueName),
    ready,
    isConnectionError: (error: unknown) => typeof error === 'object' && error !== null && lost.has(error),
    check: () => checkPool({ query }, hub, { poolSize, established }),
    async end() {
      await hub.close();
      await pool.end();
    },
  });
}

/** BullMQ's statements name no schema. Awaited by the pool before the first query; set here because poolers refuse it as a start-up option. */
function prepareSession(client: pg.ClientBase): Promise<unknown> {
  return client.query(`set search_path to "${QUEUE_SCHEMA}"`);
}

/** Shutting down, starting up, or too many connections: SQLSTATE classes 57 and 53, and 08 for what a pooler reports. */
function isRefusal(error: pg.DatabaseError): boolean {
  return ['57', '53', '08'].includes(error.code?.slice(0, 2) ?? '');
}

async function openListener(config: pg.ClientConfig, events: ListenEvents): Promise<ListenConnection> {
  const client = new pg.Client({ ...config, application_name: 'hivepulse-listen' });
  client.on('notification', ({ channel, payload }) => events.notification(channel, payload ?? ''));
  client.on('error', events.lost);
  client.on('end', () => events.lost(new UnavailableError('The listening connection to Postgres was closed')));
  await client.connect();
  return {
    listen: async (channel) => {
      await client.query(`listen ${pg.escapeIdentifier(channel)}`);
    },
    close: () => client.end(),
  };
}
