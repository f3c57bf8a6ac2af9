import { EventEmitter } from 'node:events';
import type { PGlite, Results } from '@electric-sql/pglite';
import type { PgQueryable, PgQueryResult } from 'bullmq';
import { createListenClient } from './listen-client.ts';
import { createListenHub } from './listen-hub.ts';
import { QUEUE_SCHEMA, type QueuePool } from './pool.ts';

/** `pg` hands 64-bit integers out as text; so must whatever stands in its place. */
const INT8 = 20;
const PARSERS = { [INT8]: (text: string) => text };

/** The queries of one PGlite in the shape of `pg`. Statements without parameters may come several at a time, as in migrations. */
export function pgliteQueries(pglite: Pick<PGlite, 'query' | 'exec'>): PgQueryable {
  return {
    // biome-ignore lint/suspicious/noExplicitAny: BullMQ declares its rows so.
    async query<R = any>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<R>> {
      if (params && params.length > 0) return toResult(await pglite.query<R>(text, [...params], { parsers: PARSERS }));
      const results = await pglite.exec(text, { parsers: PARSERS });
      // exec cannot know the rows of each statement; the caller knows those of the last.
      return toResult((results.at(-1) ?? { rows: [], fields: [] }) as Results<R>);
    },
  };
}

function toResult<R>({ rows, affectedRows }: Results<R>): PgQueryResult<R> {
  return { rows, rowCount: rows.length > 0 ? rows.length : (affectedRows ?? 0) };
}

/** One in-process Postgres as the pool of all queues: it has one session, so nothing ever waits for a connection, and none is ever cut. */
export async function createPglitePool(pglite: PGlite): Promise<QueuePool> {
  await pglite.exec(`set search_path to "${QUEUE_SCHEMA}"`);
  const queries = pgliteQueries(pglite);
  const hub = createListenHub({
    open: async ({ notification }) => {
      const unlisten: ((...ended: never[]) => Promise<void>)[] = [];
      return {
        listen: async (channel) => {
          unlisten.push(await pglite.listen(channel, (payload) => notification(channel, payload)));
        },
        close: async () => {
          for (const end of unlisten) await end();
        },
      };
    },
  });
  const errors = new EventEmitter();
  errors.setMaxListeners(0);
  return Object.assign(errors, {
    ...queries,
    options: { keepAlive: true },
    listener: (queueName: string) => createListenClient(hub, queries, queueName),
    ready: async () => undefined,
    isConnectionError: () => false,
    check: async () => [],
    end: () => hub.close(),
  });
}
