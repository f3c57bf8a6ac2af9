import type { ProducerConfig } from '../config/producer.ts';
import type { EnqueueDeps } from '../queue/enqueue.ts';
import type { RowBackedJobs } from '../queue/types.ts';

type QueueProducer = Extract<ProducerConfig, { kind: 'queue' }>;

/** The helpers promise an answer within 2 s. */
const TIMEOUT_MS = 1_800;

/**
 * How an app's own process asks for jobs with a row of their own: through the database it names, else over the HTTP API.
 * Undefined where it names neither. Opened at the first use.
 */
export function createProducerRows(
  { database, api }: Pick<QueueProducer, 'database' | 'api'>,
  enqueue: EnqueueDeps,
): { rows: RowBackedJobs; close(): Promise<void> } | undefined {
  if (!database && !api) return undefined;
  let opened: Promise<{ rows: RowBackedJobs; close(): Promise<void> }> | undefined;
  const rows = async (): Promise<RowBackedJobs> => {
    opened ??= database ? overDatabase(database, enqueue) : overHttp(api);
    return (await opened).rows;
  };
  return {
    rows: {
      create: async (request) => (await rows()).create(request),
      cancel: async (queue, jobId, reason) => (await rows()).cancel(queue, jobId, reason),
      retry: async (queue, jobId) => (await rows()).retry(queue, jobId),
      view: async (queue, jobId) => (await rows()).view(queue, jobId),
    },
    close: async () => (await opened)?.close(),
  };
}

async function overDatabase(
  database: NonNullable<QueueProducer['database']>,
  deps: EnqueueDeps,
): Promise<{ rows: RowBackedJobs; close(): Promise<void> }> {
  const [{ createDb }, { createEnqueue }, { createRowBackedJobs }] = await Promise.all([
    import('../db/client.ts'),
    import('../queue/enqueue.ts'),
    import('./rows.ts'),
  ]);
  const { check } = createEnqueue(deps);
  // Whoever serves the database finds the row: at once where it listens, else with its next look.
  const poke = (): void => undefined;
  if (database.kind === 'supabase') {
    const db = createDb({ url: database.url, serviceKey: database.serviceRoleKey, timeoutMs: TIMEOUT_MS, tracer: deps.tracer });
    return { rows: createRowBackedJobs({ db, check, poke }), close: db.close };
  }
  const { createRpcFetch, RPC_URL } = await import('../db/rpc-fetch.ts');
  const { fetch, close } = await createRpcFetch({ databaseUrl: database.databaseUrl, timeoutMs: TIMEOUT_MS, poolSize: 2 });
  const db = createDb({ url: RPC_URL, serviceKey: 'none', fetch, timeoutMs: TIMEOUT_MS, tracer: deps.tracer, onClose: close });
  return { rows: createRowBackedJobs({ db, check, poke }), close: db.close };
}

async function overHttp(api: QueueProducer['api']): Promise<{ rows: RowBackedJobs; close(): Promise<void> }> {
  const { createHttpClient } = await import('../http-client.ts');
  if (!api) throw new Error('Called without an API');
  const client = createHttpClient(api);
  return {
    rows: {
      create: client.enqueue,
      cancel: async (queue, jobId, reason) => {
        const outcome = await client.cancelJob(queue, jobId, reason);
        return outcome === 'cancelling' ? 'cancelled' : outcome;
      },
      // The helpers have none.
      retry: async () => ({ outcome: 'not_found' }),
      view: client.getJob,
    },
    close: client.close,
  };
}
