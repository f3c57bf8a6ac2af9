import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import postgres, { type Sql } from 'postgres';
import { systemClock } from '../../lib/clock.ts';
import { loadProducerConfig } from '../../lib/config/producer.ts';
import { createDb } from '../../lib/db/client.ts';
import type { Db, Story } from '../../lib/db/types.ts';
import { migrateQueueSchema } from '../../lib/queue/backend/migrate.ts';
import type { QueueBackend } from '../../lib/queue/backend.ts';
import { openBackend } from '../../lib/queue/open.ts';
import { createQueueService } from '../../lib/queue/service.ts';
import type { JobView } from '../../lib/queue/types.ts';
import { scoreLocally } from '../../lib/scoring/local.ts';
import { type LiteServer, startLiteServer } from './lite.ts';
import { type LlmServer, startLlm } from './llm.ts';
import { freePort } from './port.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { startProcess, type TestProcess } from './process.ts';
import { type RedisServer, startRedis } from './redis.ts';
import { startProxy, type TcpProxy } from './tcp-proxy.ts';

export const QUEUE = 'story-enhancement';

/** What the LLM server says in these worlds, unless told otherwise: easy enough to read that no second question follows. */
export const JUDGEMENT = {
  hypeScore: 7.3,
  ethicsScore: 4.2,
  realityCheck: 'The makers say so themselves. Nobody else has looked.',
  claims: [{ claim: 'A tool was made.', verdict: 'attributed', quote: 'a revolutionary new tool' }],
  eli5Summary: 'A firm made a new tool. It says the tool is good. No one has checked yet.',
};

export interface WorldOptions {
  queue: 'redis' | 'postgres';
  /** Redis keeps its data over `kill` and `restart`. */
  appendOnly?: boolean;
  /** The variables that name a Redis of the caller's own (a cluster, Sentinels); then none is started. */
  redisAt?: Readonly<Record<string, string>>;
  /** Queues in a Postgres of their own, the tables behind a Supabase API on another. Default: one Postgres for both, known by `DATABASE_URL` alone. */
  queueApart?: boolean;
  /** Added to each answer of the LLM server, in milliseconds. Default 0. */
  latencyMs?: number;
  /** What stands in the database when Hivepulse comes to it. */
  before?: (databaseUrl: string) => Promise<void>;
  /** For every process of this world. */
  env?: Readonly<Record<string, string>>;
}

export interface ApiReply {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the point of these tests is to look into bodies of any shape.
  body: any;
}

export interface ApiProcess extends TestProcess {
  url: string;
  /** Of a service. */
  key: string;
  /** With the key of a service unless `headers` say otherwise; `body` is sent as JSON, a string as it is. */
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<ApiReply>;
}

/** Everything Hivepulse needs around it, real, and real processes of its own on top. */
export interface World {
  readonly queueKind: 'redis' | 'postgres';
  /** Undefined where the queues live in Postgres. */
  readonly redis: RedisServer | undefined;
  /** Where the tables are. */
  readonly postgres: PostgresServer;
  /** Where the queues are: Redis or a Postgres. */
  readonly queueServer: RedisServer | PostgresServer;
  /** On the way to the Supabase API, where there is one. */
  readonly supabase: TcpProxy;
  readonly llm: LlmServer;
  readonly db: Db;
  readonly sql: Sql;
  readonly backend: QueueBackend;
  readonly service: ReturnType<typeof createQueueService>;
  /** What its processes are given. */
  readonly env: Readonly<Record<string, string>>;
  /** Resolves when it takes jobs. */
  startWorker(env?: Readonly<Record<string, string>>): Promise<TestProcess>;
  startApi(env?: Readonly<Record<string, string>>): Promise<ApiProcess>;
  /** Any other main, with the environment of this world; ended with it. */
  start(command: string | readonly string[], env?: Readonly<Record<string, string>>): TestProcess;
  /** Stored with local scores, not queued. Its title is unique, and so finds its requests to the LLM server. */
  createStory(): Promise<Story>;
  enhance(story: Pick<Story, 'id'>, options?: { force?: boolean }): Promise<string>;
  job(jobId: string): Promise<JobView | undefined>;
  /** The job once it has completed, failed or been cancelled. */
  ended(jobId: string, timeoutMs?: number): Promise<JobView>;
  story(id: string): Promise<Story>;
  /** How often a result was committed to each story, by the database's own account. */
  writes(): Promise<Map<string, number>>;
  /** How often anybody tried to commit a result, whether it was let or not. */
  recordCalls(): Promise<number>;
  /** Whatever any process has printed that nobody may see: keys, and the text of stories. */
  leaks(): string[];
  stop(): Promise<void>;
}

const SECRET = randomBytes(8).toString('hex');
const API_KEY = `hp_api_${SECRET}`;
const OPENAI_KEY = `sk-openai-${SECRET}`;
/** Stands in the body of every story. */
export const STORY_MARK = `body-of-a-story-${SECRET}`;

export const newStoryBody = (): { title: string; content: string; sectorTag: string; impactTags: string[] } => ({
  title: `A tool that changes everything ${randomUUID()}`,
  content: `A start-up has shown a revolutionary new tool. ${STORY_MARK}. It is said to be the best ever made, and nobody has tested it.`,
  sectorTag: 'AI',
  impactTags: ['privacy'],
});

export async function startWorld(options: WorldOptions): Promise<World> {
  const ends: (() => Promise<unknown>)[] = [];
  const later = <T extends { stop(): Promise<unknown> }>(part: T): T => {
    ends.push(part.stop);
    return part;
  };
  const database = later(await startPostgres({ settings: { track_functions: 'pl' }, migrated: options.before === undefined }));
  await options.before?.(database.url);
  const [lite, redis, llm] = await Promise.all([
    startLiteServer(database.url).then(later),
    options.queue === 'redis' && !options.redisAt ? startRedis({ appendOnly: options.appendOnly ?? false }).then(later) : undefined,
    startLlm().then(later),
  ]);
  const queuePostgres = options.queueApart ? later(await startPostgres()) : database;
  if (options.queue === 'postgres') await migrateQueueSchema(queuePostgres.url);
  llm.answerWith(JUDGEMENT);
  const supabase = later(await startProxy(lite.port));
  const env: Readonly<Record<string, string>> = {
    ...baseEnvironment(),
    ...(options.queue === 'redis' || options.queueApart ? supabaseAt(supabase, lite) : {}),
    ...(options.redisAt ?? (redis ? { REDIS_URL: redis.url } : { QUEUE_BACKEND: 'postgres', DATABASE_URL: queuePostgres.url })),
    OPENAI_BASE_URL: await slowly(llm, options.latencyMs, later),
    ...options.env,
  };
  const db = createDb({ url: lite.url, serviceKey: lite.serviceKey, publishableKey: lite.publishableKey });
  ends.push(() => db.close());
  const sql = postgres(database.url, { max: 2, onnotice: () => {} });
  ends.push(() => sql.end({ timeout: 1 }));
  await sql.unsafe(AUDIT);
  const { backend, service } = await openQueues(env);
  ends.push(() => backend.close());
  const processes: TestProcess[] = [];
  const start: World['start'] = (command, more = {}) => {
    const started = startProcess(command, { env: { ...env, ...more } });
    processes.push(started);
    return started;
  };

  return {
    queueKind: options.queue,
    redis,
    postgres: database,
    queueServer: redis ?? queuePostgres,
    supabase,
    llm,
    db,
    sql,
    backend,
    service,
    env,
    start,
    startWorker: async (more = {}) => {
      const worker = start('workers/main.ts', { WORKER_ID: `worker-${processes.length + 1}`, ...more });
      await worker.entry(({ message }) => message === 'worker started, waiting for jobs');
      return worker;
    },
    startApi: async (more) => {
      const api = start('api/main.ts', { PORT: `${await freePort()}`, ...more });
      const { url } = await api.entry(({ message }) => message === 'api listening');
      return Object.assign(api, apiAt(String(url)));
    },
    createStory: async () => {
      const story = newStoryBody();
      return db.stories.create({ ...story, userId: null, localScores: await scoreLocally(story) });
    },
    enhance: async ({ id }, { force = false } = {}) => {
      const request = { queue: QUEUE, name: 'enhance', payload: { storyId: id }, options: force ? { force } : {} } as const;
      const { jobId } = await service.enqueue(request);
      await db.stories.queued(id, jobId);
      return jobId;
    },
    job: (jobId) => service.getJob(QUEUE, jobId),
    ended: (jobId, timeoutMs) =>
      eventually(async () => {
        const job = await service.getJob(QUEUE, jobId);
        return job && ['completed', 'failed', 'cancelled'].includes(job.state) ? job : undefined;
      }, timeoutMs),
    story: async (id) => {
      const story = await db.stories.get(id);
      if (!story) throw new Error(`There is no story ${id}`);
      return story;
    },
    writes: async () => {
      const rows = await sql<{ story: string; count: number }[]>`select story, count(*)::int as count from test_writes group by story`;
      return new Map(rows.map(({ story, count }) => [story, count]));
    },
    recordCalls: async () => {
      const rows = await sql<{ calls: number }[]>`select calls::int from pg_stat_user_functions where funcname = 'record_story_scores'`;
      return rows[0]?.calls ?? 0;
    },
    leaks: () => leaksIn(processes),
    stop: async () => {
      await Promise.all(processes.map((running) => running.stop()));
      for (const end of ends.reverse()) await end();
    },
  };
}

/** Asks until the answer is neither undefined nor false; errors on the way (a server that restarts) are asked away too. */
export async function eventually<T>(ask: () => Promise<T | undefined | false> | T | undefined | false, timeoutMs = 20_000): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const answer = await Promise.resolve()
      .then(ask)
      .catch((error: unknown) => {
        if (performance.now() > end) throw error;
        return undefined;
      });
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error('What was waited for has not happened');
    await pause(ASK_AGAIN_MS);
  }
}

const ASK_AGAIN_MS = 20;

/** Calls of an API process, or of `npm start`, with the key of a service. */
export function apiAt(url: string, key = API_KEY): Pick<ApiProcess, 'url' | 'key' | 'call'> {
  return {
    url,
    key,
    call: async (method, path, body, headers = {}) => {
      const reply = await fetch(url + path, {
        method,
        headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        signal: AbortSignal.timeout(15_000),
      });
      return { status: reply.status, headers: reply.headers, body: await reply.json().catch(() => undefined) };
    },
  };
}

/** Lines that hold a key or the text of a story. */
export function leaksIn(processes: readonly TestProcess[], secrets: readonly string[] = [API_KEY, OPENAI_KEY, STORY_MARK]): string[] {
  return processes.flatMap(({ lines, errorLines }) => [...lines, ...errorLines]).filter((line) => secrets.some((secret) => line.includes(secret)));
}

export function baseEnvironment(): Record<string, string> {
  return {
    LOG_LEVEL: 'debug',
    HOST: '127.0.0.1',
    API_KEYS: API_KEY,
    OPENAI_API_KEY: OPENAI_KEY,
    STORY_ENHANCEMENT_BACKOFF_DELAY: '100',
    SHUTDOWN_TIMEOUT_MS: '10000',
    // Chores that come due while a test runs would be work that it does not expect.
    SCHEDULER: 'off',
    // The thread that watches the event loop costs each of the hundreds of processes 0.1 s.
    WORKER_SILENT_AFTER_MS: '0',
  };
}

function supabaseAt(proxy: TcpProxy, { serviceKey, publishableKey }: LiteServer): Record<string, string> {
  return { SUPABASE_URL: proxy.url('http'), SUPABASE_SERVICE_ROLE_KEY: serviceKey, SUPABASE_PUBLISHABLE_KEY: publishableKey };
}

async function slowly(llm: LlmServer, latencyMs = 0, later: <T extends { stop(): Promise<unknown> }>(part: T) => T): Promise<string> {
  if (latencyMs === 0) return llm.openaiBaseUrl;
  const proxy = later(await startProxy(Number(new URL(llm.url).port)));
  proxy.delay(latencyMs / 2);
  return `${proxy.url('http')}/v1`;
}

/** Queues as an app of its own sees them, through the same environment. */
async function openQueues(env: Readonly<Record<string, string>>): Promise<{ backend: QueueBackend; service: ReturnType<typeof createQueueService> }> {
  const config = loadProducerConfig(env);
  if (config.kind !== 'queue') throw new Error('The environment names no queue');
  const backend = await openBackend(config.queue, { role: 'worker' });
  return { backend, service: createQueueService({ backend, settings: (queue) => config.queues[queue], clock: systemClock }) };
}

/**
 * Every statement that stores a story's result, and every one that sets the state of a review job (a run that begins, is put off or ends), leaves
 * a line, also when nothing is different from before; nothing of Hivepulse knows of these tables.
 */
export const AUDIT = `
  create table if not exists public.test_writes (id bigserial primary key, story uuid not null, run text, at timestamptz not null default clock_timestamp());
  create or replace function public.test_note_write() returns trigger language plpgsql security definer set search_path = '' as $$
  begin
    insert into public.test_writes (story, run) values (new.id, new.recorded_run);
    return new;
  end
  $$;
  create or replace trigger test_note_write after update of refined_scores on public.stories for each row execute function public.test_note_write();

  create table if not exists public.test_job_events (
    id bigserial primary key, job uuid not null, run integer not null, status text not null, run_id text, at timestamptz not null default clock_timestamp()
  );
  create or replace function public.test_note_job() returns trigger language plpgsql security definer set search_path = '' as $$
  begin
    insert into public.test_job_events (job, run, status, run_id) values (new.id, new.run, new.status, new.run_id);
    return new;
  end
  $$;
  create or replace trigger test_note_job after insert or update of status on public.jobs for each row execute function public.test_note_job();
`;
