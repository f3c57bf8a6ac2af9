import { join } from 'node:path';
import type { Config } from '../lib/config.ts';
import type { EmbeddedSql } from '../lib/db/embedded.ts';
import type { Db } from '../lib/db/types.ts';
import { type Deadline, type Service, within } from '../lib/lifecycle.ts';
import type { Logger } from '../lib/log.ts';
import type { QueueBackend } from '../lib/queue/backend.ts';
import { openBackend } from '../lib/queue/open.ts';
import type { Tracer } from '../lib/telemetry/contract.ts';
import type { Telemetry } from '../lib/telemetry/open.ts';
import { createTemporary, type Temporary } from './temporary.ts';

/** What every process of Hivepulse stands on. */
export interface Connections {
  backend: QueueBackend;
  db: Db;
  /** Absent where nothing is traced. */
  tracer?: Tracer | undefined;
  /** Goes with them. */
  temporary: Temporary;
  /** Closes both; register it first, so that it stops last. */
  service: Service;
}

type Traces = Pick<Telemetry, 'tracer' | 'queue'>;
const UNTRACED: Traces = {};

export async function openConnections(config: Config, log: Logger, traces = UNTRACED): Promise<Connections> {
  return config.mode.kind === 'embedded' ? openEmbeddedPair(config.mode.dataDir, traces) : openServices(config, config.mode, log, traces);
}

export interface EmbeddedConnections extends Connections {
  /** What an app with a connection of its own to Postgres has. */
  sql: EmbeddedSql;
}

/** Two databases in this process: one for the queues, one for the data. Loaded only here: production images are without them. */
export async function openEmbeddedPair(dataDir: string, { tracer, queue: telemetry } = UNTRACED): Promise<EmbeddedConnections> {
  const [{ openEmbedded }, { lockDataDir }, { openEmbeddedQueue }, { createPostgresBackend }] = await Promise.all([
    import('../lib/db/embedded.ts'),
    import('../lib/db/lock.ts'),
    import('../lib/queue/backend/embedded.ts'),
    import('../lib/queue/backend/postgres.ts'),
  ]);
  const lock = dataDir === ':memory:' ? undefined : lockDataDir(dataDir);
  const temporary = createTemporary();
  const folder = (name: string): string => (dataDir === ':memory:' ? dataDir : join(dataDir, name));
  try {
    const [queue, { db, sql }] = await Promise.all([
      openEmbeddedQueue({ dataDir: folder('queue') }),
      openEmbedded({ dataDir: folder('database'), tracer }),
    ]);
    const backend = createPostgresBackend({ pool: queue.pool, role: 'worker', telemetry });
    return {
      backend,
      db,
      tracer,
      sql,
      temporary,
      service: closing(async () => {
        await backend.close();
        await Promise.all([queue.close(), db.close(), temporary.remove()]);
        lock?.release();
      }),
    };
  } catch (error) {
    lock?.release();
    throw error;
  }
}

type Services = Extract<Config['mode'], { kind: 'services' }>;

async function openServices(config: Config, mode: Services, log: Logger, { tracer, queue: telemetry }: Traces): Promise<Connections> {
  const db = await openDatabase(config, mode.database, tracer);
  const backend = await openBackend(mode.queue, { role: 'worker', log, telemetry });
  const temporary = createTemporary();
  return {
    backend,
    db,
    tracer,
    temporary,
    service: closing(async () => {
      await backend.close();
      await Promise.all([db.close(), temporary.remove()]);
    }),
  };
}

export async function openDatabase({ api }: Config, database: Services['database'], tracer?: Tracer): Promise<Db> {
  if (database.kind === 'lite') {
    const { openLite } = await import('../lib/db/lite.ts');
    return (await openLite({ databaseUrl: database.databaseUrl, tracer, ...(api.jwtSecret ? { jwtSecret: api.jwtSecret } : {}) })).db;
  }
  const { createDb } = await import('../lib/db/client.ts');
  const jwtVerify = api.jwtSecret ? { secret: api.jwtSecret } : api.jwksUrl ? { jwksUrl: api.jwksUrl } : undefined;
  return createDb({ url: database.url, serviceKey: database.serviceRoleKey, publishableKey: database.publishableKey, jwtVerify, tracer });
}

function closing(close: () => Promise<void>): Service {
  let closed: Promise<void> | undefined;
  return {
    name: 'connections',
    start: async () => undefined,
    stop: async (deadline: Deadline) => {
      closed ??= close();
      await within(closed, deadline, undefined);
    },
  };
}
