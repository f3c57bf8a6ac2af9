import { setTimeout as delay } from 'node:timers/promises';
import {
  type BackendFactory,
  type ConnectionOptions,
  type PgPool,
  PostgresConnection,
  type PostgresConnectionOptions,
  PostgresQueueBackend,
  Queue,
  QueueEvents,
  type RedisQueueBackend,
  Worker,
} from 'bullmq';
import { messageOf, PermanentError, UnavailableError } from '../../errors.ts';
import type { QueueName } from '../../jobs/define.ts';
import { deadlineIn, within } from '../../lifecycle.ts';
import { type Logger, silentLogger } from '../../log.ts';
import type { QueueBackend, QueueTelemetry } from '../backend.ts';
import { createPostgresFair } from '../fair/postgres.ts';
import type { ShareOptions } from '../fair/types.ts';
import { createPostgresStore } from '../store/postgres.ts';
import { readFromStart } from './events-cursor.ts';
import { createListenPool } from './listen-pool.ts';
import { assertQueueSchema } from './migrate.ts';
import { createOutageLog } from './outage-log.ts';
import type { QueuePool } from './pool.ts';
import { createEventReader } from './postgres-events.ts';
import { createPostgresLook, readQueueBytes } from './postgres-look.ts';
import { retryDelay } from './retry.ts';

/** All queues, workers, event readers and the store of a process on one pool, and one more connection to listen on. */
export type PostgresBackendOptions = {
  /** How long a query may go unanswered: a `producer` gives up after 1.5 s, a `worker` (the default) after 30 s. */
  role?: 'producer' | 'worker';
  log?: Logger;
  sharing?: ShareOptions;
  /** Traces of workers' jobs. */
  telemetry?: QueueTelemetry | undefined;
} & (
  | {
      /** A direct or session-mode connection: a transaction pooler has no LISTEN. */
      databaseUrl: string;
      /** Connections for queries; one more is used to listen. Too few: queries wait for each other; too many: Postgres refuses. Default 10. */
      poolSize?: number;
    }
  /** For example of `openEmbeddedQueue`; closed by whoever made it. */
  | { pool: QueuePool }
);

const LIMITS = {
  producer: { connectTimeoutMs: 1_500, queryTimeoutMs: 1_500 },
  worker: { connectTimeoutMs: 5_000, queryTimeoutMs: 30_000 },
} as const;
const CLOSE_MS = 3_000;

export function createPostgresBackend(options: PostgresBackendOptions): QueueBackend {
  const log = options.log ?? silentLogger;
  const outage = createOutageLog('Postgres', log);
  const traces = options.telemetry ? { telemetry: options.telemetry } : {};
  const pool = 'pool' in options ? options.pool : createListenPool({ ...options, ...LIMITS[options.role ?? 'worker'], outage });
  const queues = new Map<QueueName, Queue>();
  const events = new Map<QueueName, QueueEvents>();
  const workers = new Set<Worker>();
  let migrated: Promise<void> | undefined;
  const closing = new AbortController();
  let closed: Promise<void> | undefined;

  /** Asked once per process, and again only after a failure: BullMQ by itself would ask for every queue, and remember an outage for good. */
  function schemaReady(): Promise<void> {
    migrated ??= assertQueueSchema(pool).catch((error: unknown) => {
      migrated = undefined;
      throw error;
    });
    return migrated;
  }

  /** Workers and event readers wait an outage out, also when it was there before them. */
  async function schemaReadyInTheEnd(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await schemaReady();
      } catch (error) {
        if (error instanceof PermanentError || closing.signal.aborted) throw error;
        await delay(retryDelay(attempt), undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  }

  const make: BackendFactory<PostgresQueueBackend, PostgresConnectionOptions> = (name, queueOptions, { blocking, withBlockingConnection } = {}) => {
    // BullMQ checks clients out of a pool only to listen on them.
    const queuePool: PgPool = Object.assign(Object.create(pool), { connect: async () => pool.listener(name) });
    const connection = new PostgresConnection(queuePool);
    connection.waitUntilReady = blocking || withBlockingConnection ? schemaReadyInTheEnd : schemaReady;
    return new PostgresQueueBackend(connection, name, queueOptions);
  };
  // BullMQ's types name Redis by default, and so does the seam; what is Redis' alone in them is used nowhere outside redis.ts.
  const factory = make as unknown as BackendFactory<RedisQueueBackend, ConnectionOptions>;

  function onError(source: string): (error: Error) => void {
    return (error) => {
      if (closed) return;
      if (error instanceof UnavailableError || pool.isConnectionError(error)) outage.failed(error);
      else log.error({ error: messageOf(error) }, `${source} reported an error`);
    };
  }

  function watch<E extends { on(event: 'error', listener: (error: Error) => void): unknown }>(emitter: E, source: string): E {
    emitter.on('error', onError(source));
    return emitter;
  }

  function openEvents(name: QueueName): QueueEvents {
    const existing = events.get(name);
    if (existing) return existing;
    const created = watch(new QueueEvents(name, { connection: {}, autorun: false }, factory), `events of ${name}`);
    events.set(name, created);
    const reading = created.getBackend();
    const reader = createEventReader({ queries: pool, queue: name, read: reading.readEvents.bind(reading), now: () => performance.now() });
    reading.readEvents = reader.read;
    return readFromStart(created, reader.start);
  }

  async function closeAll(): Promise<void> {
    closing.abort();
    const goodbyes = [...[...workers].map((worker) => worker.close(true)), ...[...events.values(), ...queues.values()].map((each) => each.close())];
    await within(Promise.allSettled(goodbyes), deadlineIn(CLOSE_MS), undefined);
    if (!('pool' in options)) await within(pool.end(), deadlineIn(CLOSE_MS), undefined);
  }

  return {
    kind: 'postgres',
    queue(name) {
      const queue = queues.get(name) ?? watch(new Queue(name, { connection: {} }, factory), `queue ${name}`);
      queues.set(name, queue);
      return queue;
    },
    events: openEvents,
    worker(name, process, workerOptions) {
      const worker = watch(new Worker(name, process, { ...workerOptions, ...traces, connection: {}, autorun: false }, factory), `worker of ${name}`);
      worker.on('closed', () => workers.delete(worker));
      workers.add(worker);
      return worker;
    },
    store: createPostgresStore(pool),
    fair: createPostgresFair(pool, options.sharing),
    look: createPostgresLook(pool, options.sharing),
    size: async () => ({ bytes: await readQueueBytes(pool) }),
    async ready(timeoutMs) {
      await pool.ready(timeoutMs);
      await schemaReady();
    },
    async ping() {
      await pool.query('select 1');
    },
    async check() {
      const missing = await assertQueueSchema(pool).then(
        () => [],
        (error: unknown) => {
          if (error instanceof PermanentError) return [{ level: 'error' as const, message: error.message }];
          throw error;
        },
      );
      return [...missing, ...(await pool.check())];
    },
    isConnectionError: (error) => pool.isConnectionError(error),
    close() {
      closed ??= closeAll();
      return closed;
    },
  };
}
