import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';
import type { GoogleStandIn } from '../../../demo/stand-ins/google/server.ts';
import { systemClock } from '../../../lib/clock.ts';
import type { Mailbox } from '../../../lib/mail/contract.ts';
import { createMailboxes, type MailboxesDeps } from '../../../lib/mail/gmail/index.ts';
import { quotaOf } from '../../../lib/mail/gmail/quota.ts';
import type { Accounts } from '../../../lib/oauth/contract.ts';
import { openEmbeddedQueue } from '../../../lib/queue/backend/embedded.ts';
import { createRedisBackend } from '../../../lib/queue/backend/redis.ts';
import { createPostgresStore } from '../../../lib/queue/store/postgres.ts';
import type { Store } from '../../../lib/queue/store/types.ts';
import { startRedis } from '../../support/redis.ts';

export const ANNA = 'anna@example.com';

/** A short mail; `n` makes it one of its kind. */
export function mail(n: number, text = `This is mail number ${n}.`) {
  const day = new Date(Date.UTC(2026, 10, 1) + n * 60_000);
  const eml = [
    `From: Bo <bo@example.com>`,
    `To: ${ANNA}`,
    `Subject: Mail ${n}`,
    `Date: ${day.toUTCString()}`,
    `Message-ID: <${n}@example.com>`,
    '',
    text,
  ];
  return { eml: eml.join('\r\n') };
}

export const mails = (count: number) => Array.from({ length: count }, (_, n) => mail(n));

/** Hands tokens out, and a new one where the last was refused. */
export function accountsOf(google: GoogleStandIn, email = ANNA): Accounts & { rejected: string[] } {
  let { accessToken } = google.issueTokens(email);
  const rejected: string[] = [];
  return {
    rejected,
    accessToken: async (_, options) => {
      if (options?.rejected === accessToken) {
        rejected.push(accessToken);
        accessToken = google.issueTokens(email).accessToken;
      }
      return accessToken;
    },
  };
}

/** Has no quota and no pauses. */
export const openStore: MailboxesDeps['store'] = {
  limitedUntil: async () => 0,
  limit: async () => undefined,
  takeTokens: async () => ({ taken: true }),
};

export type Changes = Partial<MailboxesDeps> & { signal?: AbortSignal; connectionId?: string };

/** Pauses of a millisecond, unless told otherwise. */
export function openMailbox(apiRootUrl: string, accounts: Accounts, { signal, connectionId = 'anna', ...changes }: Changes = {}): Mailbox {
  const timings = { retryMs: 1, ...changes.timings };
  const deps = { accounts, store: openStore, quota: quotaOf('2026'), clock: systemClock, apiRootUrl, ...changes, timings };
  return createMailboxes(deps).open(connectionId, signal ?? new AbortController().signal);
}

/** Opens any number of stores on one backend, each as another process would. */
export type Backend = { connect(): Promise<Store>; close(): Promise<void> };

export const backends: Record<string, () => Promise<Backend>> = {
  Redis: async () => {
    const server = await startRedis();
    const opened: { close(): Promise<void> }[] = [];
    return {
      connect: async () => {
        const backend = createRedisBackend({ connection: { url: server.url }, role: 'worker', prefix: 'test' });
        opened.push(backend);
        await backend.ready(5_000);
        return backend.store;
      },
      close: async () => {
        await Promise.all(opened.map((backend) => backend.close()));
        await server.stop();
      },
    };
  },
  PGlite: async () => {
    const embedded = await openEmbeddedQueue({ dataDir: ':memory:' });
    return { connect: async () => createPostgresStore(embedded.pool), close: () => embedded.close() };
  },
};

/** A server that answers as it is told, for what the stand-in never says. */
export async function answering(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    request.resume().on('end', () => handle(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}`, requests };
}
