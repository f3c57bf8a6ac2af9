import { randomUUID } from 'node:crypto';
import type { PgQueryable } from 'bullmq';
import type { ListenHub, Subscriber } from './listen-hub.ts';
import type { Finding } from './redis-check.ts';

const CHECK_CHANNEL = 'hivepulse_check';
const NOTIFICATION_WAIT_MS = 2_000;

/** Whether Postgres has the connections this process may open, and whether notifications reach it. */
export async function checkPool(queries: PgQueryable, hub: ListenHub, pool: { poolSize: number; established: number }): Promise<Finding[]> {
  const findings = await Promise.all([checkConnections(queries, pool), checkNotifications(queries, hub)]);
  return findings.flat();
}

async function checkConnections(queries: PgQueryable, { poolSize, established }: { poolSize: number; established: number }): Promise<Finding[]> {
  const { rows } = await queries.query<{ total: number; used: number }>(
    `select least(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
                  nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1)) as total,
            (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used
     from pg_roles r, pg_database d where r.rolname = current_user and d.datname = current_database()`,
  );
  const [row] = rows;
  // The listening connection is counted as needed and, as it is open by now or about to be, as one more than the pool's own.
  const needed = poolSize + 1;
  const free = row ? row.total - row.used + established : needed;
  if (free >= needed) return [];
  return [
    {
      level: 'error',
      message: `Postgres has ${free} connections left for this process, which may need ${needed} (a pool of ${poolSize} and one to listen): raise max_connections, or make the pool smaller.`,
    },
  ];
}

/** A transaction pooler (pgbouncer, Supavisor on port 6543) takes LISTEN without an error and delivers nothing. */
async function checkNotifications(queries: PgQueryable, hub: ListenHub): Promise<Finding[]> {
  const token = randomUUID();
  const { promise: heard, resolve } = Promise.withResolvers<boolean>();
  const subscriber: Subscriber = { notify: (_channel, payload) => payload === token && resolve(true), dropped: () => resolve(false) };
  const timer = setTimeout(() => resolve(false), NOTIFICATION_WAIT_MS);
  try {
    await hub.listen(CHECK_CHANNEL, subscriber);
    await queries.query('select pg_notify($1, $2)', [CHECK_CHANNEL, token]);
    if (await heard) return [];
  } finally {
    clearTimeout(timer);
    hub.leave(subscriber);
  }
  return [
    {
      level: 'error',
      message:
        'LISTEN/NOTIFY does not work over DATABASE_URL, so workers would not hear of new jobs: it leads to a transaction pooler (port 6543 on Supabase). Use the direct or the session-mode connection (port 5432).',
    },
  ];
}
