import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type GoogleStandIn, startGoogle } from '../../demo/stand-ins/google/server.ts';
import type { FetchResult } from '../../lib/jobs/gmail-fetch.ts';
import type { TestProcess } from '../support/process.ts';
import { type ApiProcess, eventually, leaksIn, startWorld, type World, type WorldOptions } from '../support/world.ts';

const SECRET = randomBytes(8).toString('hex');
/** Stands in every mail. */
const MAIL_MARK = `body-of-a-mail-${SECRET}`;

/** The regime of older projects, so that few tests meet the quota. */
const OLDER = { units: 15_000, costs: { profile: 1, labels: 1, list: 5, get: 5, attachment: 5, thread: 10, history: 2, watch: 100, stop: 50 } };

export interface FetchRow {
  id: string;
  status: string;
  progress: number;
  total: number;
  current_step: string | null;
  result: FetchResult;
  error: string | null;
  attempts: number;
}

export interface MailWorld extends World {
  google: GoogleStandIn;
  api: ApiProcess;
  /** What `ALERT_WEBHOOK_URL` was told. */
  alerts: string[];
  /** A user whose account was connected by the round trip, with so many mails. */
  connect(mails: number): Promise<{ userId: string; email: string; connectionId: string }>;
  ask(userId: string, body?: object): Promise<string>;
  settled(jobId: string, timeoutMs?: number): Promise<FetchRow>;
  fetchMail(userId: string, body?: object): Promise<FetchRow>;
  row(jobId: string): Promise<FetchRow>;
  messages(userId: string): Promise<string[]>;
  /** Reads of single messages that Google has answered with 200. */
  reads(): number;
  /** Lines of any process that hold a token or the text of a mail. */
  mailLeaks(): string[];
}

export const mailOf = (subject: string): string =>
  [
    'From: Ada <ada@example.com>',
    'To: me@example.com',
    `Subject: ${subject}`,
    'Content-Type: text/plain; charset=utf-8',
    '',
    `Hello. ${MAIL_MARK}.`,
  ].join('\r\n');

const mailsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ eml: mailOf(`Mail ${index}`), receivedAt: Date.UTC(2026, 10, 20) - index * 60_000 }));

export async function startMailWorld(options: WorldOptions): Promise<MailWorld> {
  const google = await startGoogle({ quota: OLDER });
  const alerts: string[] = [];
  const hooks = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => alerts.push(text));
    request.on('end', () => response.end());
  });
  await new Promise<void>((resolve) => hooks.listen(0, '127.0.0.1', resolve));
  const env = {
    AI_PROVIDER: 'local',
    POLL_INTERVAL_MS: '500',
    LOG_LEVEL: 'debug',
    GOOGLE_CLIENT_ID: google.client.id,
    GOOGLE_CLIENT_SECRET: google.client.secret,
    GOOGLE_API_ROOT_URL: google.url,
    GOOGLE_AUTH_URL: google.authUrl,
    GOOGLE_TOKEN_URL: google.tokenUrl,
    GMAIL_QUOTA: 'older',
    GMAIL_FETCH_BACKOFF_DELAY: '100',
    TOKEN_ENCRYPTION_KEY: `test:${randomBytes(32).toString('base64')}`,
    ALERT_WEBHOOK_URL: `http://127.0.0.1:${(hooks.address() as AddressInfo).port}/hook`,
    ...options.env,
  };
  const world = await startWorld({ ...options, env });
  const api = await world.startApi();
  const processes: TestProcess[] = [api];

  const row = async (jobId: string): Promise<FetchRow> => {
    const [found] = await world.sql<FetchRow[]>`
      select id, status, progress, total, current_step, result, last_error as error, attempts from analytics_jobs where id = ${jobId}`;
    if (!found) throw new Error(`There is no fetch ${jobId}`);
    return found;
  };
  const settled = (jobId: string, timeoutMs = 60_000): Promise<FetchRow> =>
    eventually(async () => {
      const found = await row(jobId);
      return ['completed', 'failed', 'cancelled'].includes(found.status) && found;
    }, timeoutMs);
  const ask = async (userId: string, body: object = {}): Promise<string> => {
    const { status, body: answered } = await api.call('POST', '/api/analytics/jobs', body, { 'x-user-id': userId });
    if (status !== 202) throw new Error(`Not taken: ${status} ${JSON.stringify(answered)}`);
    return answered.data.job.id;
  };

  return {
    ...world,
    google,
    api,
    alerts,
    startWorker: async (more) => {
      const worker = await world.startWorker(more);
      processes.push(worker);
      return worker;
    },
    connect: async (mails) => {
      const [userId, email] = [randomUUID(), `user-${randomUUID()}@example.com`];
      google.addAccount(email, mailsOf(mails));
      const start = await api.call('GET', `/api/connections/google/start?loginHint=${email}`, undefined, { 'x-user-id': userId });
      const consent = await fetch(start.body.data.url, { redirect: 'manual' });
      const back = await fetch(consent.headers.get('location') ?? '', { redirect: 'manual' });
      if (back.status >= 400) throw new Error(`Not connected: ${back.status} ${await back.text()}`);
      const [connection] = await world.db.connections.list({ userId });
      if (!connection) throw new Error('Not connected');
      return { userId, email, connectionId: connection.id };
    },
    ask,
    settled,
    fetchMail: async (userId, body) => settled(await ask(userId, body)),
    row,
    messages: async (userId) => {
      const rows = await world.sql<{ message_id: string }[]>`select message_id from message_cache where user_id = ${userId} order by 1`;
      return rows.map(({ message_id }) => message_id);
    },
    reads: () => google.requests.parts.get('get 200') ?? 0,
    mailLeaks: () => leaksIn(processes, [MAIL_MARK, 'ya29.', '1//0', google.client.secret]),
    stop: async () => {
      await world.stop();
      await google.stop();
      hooks.closeAllConnections();
      await new Promise((resolve) => hooks.close(resolve));
    },
  };
}
