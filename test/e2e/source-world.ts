import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGoogle } from '../../demo/stand-ins/google/server.ts';
import { startMicrosoft } from '../../demo/stand-ins/microsoft/server.ts';
import type { SourceType, SyncType } from '../../lib/jobs/source-sync.ts';
import type { TestProcess } from '../support/process.ts';
import { type ApiProcess, eventually, leaksIn, startWorld, type World, type WorldOptions } from '../support/world.ts';
import { createSource, type Items, type SourceAtVendor, type Vendors } from './source-kinds.ts';

// biome-ignore lint/suspicious/noExplicitAny: the point of these tests is to look into bodies of any shape.
type Body = any;

/** The regime of older projects, so that few tests meet the quota. */
const OLDER = { units: 1_000_000, costs: { profile: 1, labels: 1, list: 5, get: 5, attachment: 5, thread: 10, history: 2, watch: 100, stop: 50 } };

export interface ConnectedSource {
  vendor: SourceAtVendor;
  userId: string;
  dealId: string;
  id: string;
  /** Of its first sync. */
  jobId: string;
}

export interface SyncRow {
  job_id: string;
  sync_type: SyncType;
  status: string;
  mode: string;
  error: string | null;
  error_code: string | null;
  pages: number;
  listed: number;
  unchanged: number;
  created: number;
  changed: number;
  renamed: number;
  deleted: number;
  skipped: number;
  failed: number;
  calls: number;
}

export interface SourceWorld extends World, Vendors {
  api: ApiProcess;
  /** What `ALERT_WEBHOOK_URL` was told. */
  alerts: string[];
  files: string;
  newDeal(): Promise<string>;
  /** A user whose account is connected by the round trip. */
  connect(vendor: Pick<SourceAtVendor, 'provider' | 'email'>, userId?: string): Promise<string>;
  /** A source of a new deal, filled with so many items; its first sync is asked for. */
  addSource(type: SourceType, items: number, prepare?: (vendor: SourceAtVendor) => void): Promise<ConnectedSource>;
  ask(source: ConnectedSource, type?: SyncType): Promise<string>;
  /** The sync of a job, once it has ended. */
  synced(source: ConnectedSource, jobId: string, timeoutMs?: number): Promise<SyncRow>;
  sync(source: ConnectedSource, type?: SyncType): Promise<SyncRow>;
  /** All of it, oldest first. */
  syncs(source: ConnectedSource): Promise<SyncRow[]>;
  status(source: ConnectedSource): Promise<{ status: string; status_reason: string | null }>;
  /** What is stored of it, in the words of `SourceAtVendor.items`. */
  stored(source: ConnectedSource): Promise<Items>;
  /** Documents or e-mails, by id at the source, whose row was made or whose content changed since then (by the database's clock). */
  touchedSince(source: ConnectedSource, time: string): Promise<Map<string, string>>;
  now(): Promise<string>;
  sourceLeaks(): string[];
}

export async function startSourceWorld(options: WorldOptions): Promise<SourceWorld> {
  const [google, microsoft, files] = await Promise.all([
    startGoogle({ quota: OLDER }),
    startMicrosoft(),
    mkdtemp(join(tmpdir(), 'hivepulse-source-files-')),
  ]);
  const alerts: string[] = [];
  const hooks = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => alerts.push(text));
    request.on('end', () => response.end());
  });
  await new Promise<void>((resolve) => hooks.listen(0, '127.0.0.1', resolve));
  const env = {
    STORAGE_DIR: files,
    AI_PROVIDER: 'local',
    POLL_INTERVAL_MS: '250',
    SOURCE_SYNC_BACKOFF_DELAY: '100',
    RATE_LIMIT_PER_MINUTE: '1000000',
    GMAIL_QUOTA: 'older',
    GOOGLE_CLIENT_ID: google.client.id,
    GOOGLE_CLIENT_SECRET: google.client.secret,
    GOOGLE_API_ROOT_URL: google.url,
    GOOGLE_AUTH_URL: google.authUrl,
    GOOGLE_TOKEN_URL: google.tokenUrl,
    MICROSOFT_CLIENT_ID: microsoft.client.id,
    MICROSOFT_CLIENT_SECRET: microsoft.client.secret,
    MICROSOFT_AUTH_URL: microsoft.authUrl,
    MICROSOFT_TOKEN_URL: microsoft.tokenUrl,
    GRAPH_BASE_URL: microsoft.url,
    TOKEN_ENCRYPTION_KEY: `test:${randomBytes(32).toString('base64')}`,
    ALERT_WEBHOOK_URL: `http://127.0.0.1:${(hooks.address() as AddressInfo).port}/hook`,
    ...options.env,
  };
  const world = await startWorld({ ...options, env });
  const api = await world.startApi();
  const processes: TestProcess[] = [api];
  const { sql } = world;

  const call = async (userId: string | undefined, method: string, path: string, body?: unknown): Promise<Body> => {
    const reply = await api.call(method, path, body, userId ? { 'x-user-id': userId } : {});
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body.data;
  };

  async function connect({ provider, email }: Pick<SourceAtVendor, 'provider' | 'email'>, userId: string = randomUUID()): Promise<string> {
    const query = new URLSearchParams({ loginHint: email, access: 'mail,files' });
    const start = await call(userId, 'GET', `/api/connections/${provider}/start?${query}`);
    const consent = await fetch(start.url, { redirect: 'manual' });
    const location = new URL(consent.headers.get('location') ?? '');
    // The address to come back to is of the configuration; the API listens on a port that nobody knew before.
    const back = await fetch(api.url + location.pathname + location.search, { redirect: 'manual' });
    if (back.status >= 400) throw new Error(`Not connected: ${back.status} ${await back.text()}`);
    return userId;
  }

  async function addSource(type: SourceType, items: number, prepare?: (vendor: SourceAtVendor) => void): Promise<ConnectedSource> {
    const vendor = createSource(type, { google, microsoft });
    prepare?.(vendor);
    vendor.add(items);
    const userId = await connect(vendor);
    const { deal } = await call(userId, 'POST', '/api/deals', { name: `Project ${randomUUID()}` });
    const { source, jobId } = await call(userId, 'POST', `/api/deals/${deal.id}/sources`, { type, settings: vendor.settings });
    return { vendor, userId, dealId: deal.id, id: source.id, jobId };
  }

  const ask = async ({ userId, dealId, id }: ConnectedSource, type: SyncType = 'incremental'): Promise<string> =>
    (await call(userId, 'POST', `/api/deals/${dealId}/sources/${id}/sync`, { type })).jobId;

  const synced = (source: ConnectedSource, jobId: string, timeoutMs = 60_000): Promise<SyncRow> =>
    eventually(async () => {
      const [row] = await sql<SyncRow[]>`select * from source_syncs where source_id = ${source.id} and job_id = ${jobId}`;
      return row && ['succeeded', 'failed', 'cancelled'].includes(row.status) && row;
    }, timeoutMs);

  return {
    ...world,
    google,
    microsoft,
    api,
    alerts,
    files,
    startWorker: async (more) => {
      const worker = await world.startWorker(more);
      processes.push(worker);
      return worker;
    },
    newDeal: async () => (await call(undefined, 'POST', '/api/deals', { name: `Project ${randomUUID()}` })).deal.id,
    connect,
    addSource,
    ask,
    synced,
    sync: async (source, type = 'incremental') => {
      // The job that was asked for may be one more of one that has not ended yet: then that one's id is the answer.
      const [{ at } = { at: '' }] = await sql<{ at: string }[]>`select clock_timestamp()::text as at`;
      await ask(source, type);
      return eventually(async () => {
        const [row] = await sql<SyncRow[]>`
          select * from source_syncs where source_id = ${source.id} and sync_type = ${type} and created_at > ${at}::timestamptz and finished_at is not null
          order by created_at limit 1`;
        return row;
      }, 60_000);
    },
    syncs: ({ id }) => sql<SyncRow[]>`select * from source_syncs where source_id = ${id} order by created_at`,
    status: async ({ id }) => {
      const [row] = await sql<{ status: string; status_reason: string | null }[]>`select status, status_reason from deal_sources where id = ${id}`;
      if (!row) throw new Error(`There is no source ${id}`);
      return row;
    },
    stored: async ({ id }) => {
      const rows = await sql<{ ref: string; name: string; content: string }[]>`
        select i.ref, coalesce(d.name, e.subject) as name, coalesce(d.content_hash, e.subject) as content
        from source_items i left join documents d on d.id = i.document_id left join emails e on e.id = i.email_id
        where i.source_id = ${id} and i.state = 'stored'`;
      return new Map(rows.map(({ ref, name, content }) => [ref, { name, content }]));
    },
    touchedSince: async ({ id }, time) => {
      const rows = await sql<{ ref: string; what: string }[]>`
        select i.ref, case when i.state = 'deleted' then 'deleted' when i.created_at > ${time} then 'added' else 'changed' end as what
        from source_items i where i.source_id = ${id} and i.updated_at > ${time}`;
      return new Map(rows.map(({ ref, what }) => [ref, what]));
    },
    now: async () => {
      const [row] = await sql<{ now: string }[]>`select clock_timestamp()::text as now`;
      return row?.now ?? '';
    },
    sourceLeaks: () => [
      ...world.leaks(),
      ...leaksIn(processes, ['ya29.', '1//0', google.client.secret, microsoft.client.secret, 'could you send the schedules']),
    ],
    stop: async () => {
      await world.stop();
      await Promise.all([google.stop(), microsoft.stop(), rm(files, { recursive: true, force: true })]);
      hooks.closeAllConnections();
      await new Promise((resolve) => hooks.close(resolve));
    },
  };
}
