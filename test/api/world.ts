import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { ApiDeps, ApiOptions, App } from '../../api/deps.ts';
import { buildServer } from '../../api/server.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { QueueName } from '../../lib/jobs/define.ts';
import { queues, readyKinds } from '../../lib/jobs/index.ts';
import { type Logger, silentLogger } from '../../lib/log.ts';
import { createMetrics } from '../../lib/metrics/index.ts';
import { createRedisBackend } from '../../lib/queue/backend/redis.ts';
import { createEnqueue } from '../../lib/queue/enqueue.ts';
import type { AnyProcessor } from '../../lib/queue/runner.ts';
import { createQueueService } from '../../lib/queue/service.ts';
import { createRefuse } from '../../lib/relay/refuse.ts';
import { createRelay } from '../../lib/relay/relay.ts';
import type { RowDeps } from '../../lib/relay/row-job.ts';
import { createRowBackedJobs } from '../../lib/relay/rows.ts';
import { scoreLocally } from '../../lib/scoring/local.ts';
import { createFolderStorage } from '../../lib/storage/folder.ts';
import { createOAuth, type OAuthConfig } from '../../start/oauth.ts';
import { atEndOfFile } from '../support/end-of-file.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';
import { startRedis } from '../support/redis.ts';
import { sabotage } from './saboteur.ts';
import { startWorker } from './worker.ts';

export const KEY = 'hp_test_key_of_a_service';
export const QUEUE = 'story-enhancement';

export interface Reply {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the point of these tests is to look into bodies of any shape.
  body: any;
}

export interface CallOptions {
  key?: string | null;
  jwt?: string;
  headers?: Record<string, string>;
  json?: unknown;
  /** As it is, instead of `json`. */
  text?: string;
}

/** One database for all the APIs of a test file: starting one takes a second. */
let database: Promise<EmbeddedTestDb> | undefined;
function databaseOfFile(): Promise<EmbeddedTestDb> {
  if (database) return database;
  const started = startEmbeddedDb();
  database = started;
  atEndOfFile(async () => {
    database = undefined;
    await (await started).stop();
  });
  return started;
}

/** The API over real HTTP, on a real Redis through the real queue service and a real (embedded) database. */
export async function startApi(
  overrides: { options?: Partial<ApiOptions>; deps?: Partial<ApiDeps>; clock?: Clock; oauth?: Partial<OAuthConfig>; log?: Logger } = {},
) {
  const redis = await startRedis();
  const backend = createRedisBackend({ connection: { url: redis.url }, role: 'producer' });
  const db = sabotage(await databaseOfFile());
  const clock = overrides.clock ?? systemClock;
  const queueDeps = { backend, settings: (name: QueueName) => queues[name], clock: systemClock };
  const rows = createRowBackedJobs({ db, check: createEnqueue(queueDeps).check, poke: () => relay.poke() });
  const queue = createQueueService({ ...queueDeps, rows });
  // Never started, so that APIs which share the database do not send each other's jobs: `runOnce` moves them when a test says so.
  const relay = createRelay({
    outbox: db.outbox,
    ready: () => backend.ready(2_000),
    send: queue.sendEntries,
    refuse: createRefuse(db),
    kinds: readyKinds,
    pollIntervalMs: 60_000,
    log: silentLogger,
  });
  const { log = silentLogger } = overrides;
  const options = {
    apiKeys: [KEY],
    publicUrl: 'http://127.0.0.1:3000',
    corsOrigins: [],
    loopback: true,
    mode: 'services' as const,
    ...overrides.options,
  };
  const api = { publicUrl: options.publicUrl, corsOrigins: [...options.corsOrigins] };
  const oauth = createOAuth(
    { tokenKeys: [], google: {}, microsoft: { tenantId: 'common' }, ...overrides.oauth, api },
    { backend, db, alerts: { stored: () => undefined } },
    log,
  );
  const files = await mkdtemp(join(tmpdir(), 'hivepulse-api-'));
  const deps: ApiDeps = {
    db,
    queue,
    storage: createFolderStorage(files),
    sourceWatches: { stop: async () => undefined },
    boardQueues: () => [backend.queue(QUEUE)],
    scoreStory: scoreLocally,
    ai: { openAiConfigured: false, testOpenAi: async () => ({ configured: false, ok: false, message: 'OPENAI_API_KEY is not set' }) },
    metrics: createMetrics({
      facts: queue.facts,
      store: backend,
      outbox: () => db.outbox.backlogByQueue(readyKinds),
      lastPoll: queue.lastPoll,
      spentTodayUsd: () => db.ai.spentTodayUsd(clock.now()),
    }),
    workers: { lastPoll: () => queue.lastPoll() },
    relay,
    oauth,
    log,
    clock,
    ...overrides.deps,
    options,
  };
  const app = await buildServer(deps);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = urlOf(app);
  const stoppers: (() => Promise<void>)[] = [];

  return {
    app,
    url,
    db,
    queue,
    redis,
    backend,
    relay,
    oauth,
    deps,
    /** The folder of the documents' files. */
    files,
    call: (method: string, path: string, options: CallOptions = {}) => call(url, method, path, options),
    /** A worker with a connection of its own, running `processor` for every job of the queue. */
    async work(processor: AnyProcessor<RowDeps>, name: QueueName = QUEUE) {
      stoppers.push(await startWorker(redis, db, name, processor));
    },
    async stop() {
      await app.close();
      for (const stop of stoppers) await stop();
      await backend.close();
      await redis.stop();
      await rm(files, { recursive: true, force: true });
    },
  };
}
export type Api = Awaited<ReturnType<typeof startApi>>;

function urlOf(app: App): string {
  // Listening on a port, so never a pipe's name.
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

async function call(url: string, method: string, path: string, options: CallOptions): Promise<Reply> {
  const bearer = options.jwt ?? (options.key === undefined ? KEY : options.key);
  const body = options.text ?? (options.json === undefined ? undefined : JSON.stringify(options.json));
  const reply = await fetch(`${url}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await reply.text();
  const isJson = text !== '' && reply.headers.get('content-type')?.includes('json');
  return { status: reply.status, headers: reply.headers, body: isJson ? JSON.parse(text) : text };
}

/** The example of seed 002. */
export const seedStory = {
  title: 'New AI Model Raises Privacy Concerns',
  content: 'A new AI model has been released...',
  sectorTag: 'AI Ethics',
  impactTags: ['privacy', 'concern'],
};

/** Creates a story and returns what the answer says of it. */
export async function createStory(api: Pick<Api, 'call'>, options: CallOptions = {}): Promise<{ id: string; jobId: string; runJobId: string }> {
  const { status, body } = await api.call('POST', '/api/stories', { json: seedStory, ...options });
  if (status !== 201) throw new Error(`story not created: ${JSON.stringify(body)}`);
  return body.data.story;
}

export const refined = {
  hypeScore: 7.2,
  ethicsScore: 4.8,
  realityCheck: 'Claims need verification from independent sources',
  eli5Summary: 'A new AI system was announced...',
  eli5Grade: 4.1,
  claims: [{ claim: 'A model was released', verdict: 'unverified', quote: 'A new AI model has been released' }],
};

/** What the processor of stories returns. */
export function storyResultOf(storyId: string) {
  const judged = { provider: 'local', model: 'local-1', promptVersion: '1', contentHash: 'hash' };
  return { success: true as const, storyId, enhancedScores: refined, ...judged, unchanged: false, processingTime: 2500 };
}

/** Until it holds; the machine may be busy with other tests. */
export function eventually(check: () => unknown): Promise<unknown> {
  return vi.waitFor(check, { timeout: 15_000, interval: 20 });
}
