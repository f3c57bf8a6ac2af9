import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type GoogleStandIn, startGoogle } from '../../demo/stand-ins/google/server.ts';
import { DAY, MINUTE, systemClock } from '../../lib/clock.ts';
import type { Connection } from '../../lib/db/mail-types.ts';
import { PermanentError, UnavailableError } from '../../lib/errors.ts';
import { createLogger } from '../../lib/log.ts';
import { createMailboxes } from '../../lib/mail/gmail/index.ts';
import { quotaOf } from '../../lib/mail/gmail/quota.ts';
import { onConnected, pollMailboxes, renewWatches } from '../../lib/mail/watches.ts';
import { connect, fetched, lose } from '../api/mail-world.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';
import { openStore } from './gmail/support.ts';

const TOPIC = 'projects/p/topics/gmail';

let server: EmbeddedTestDb;
let google: GoogleStandIn;
beforeAll(async () => {
  [server, google] = await Promise.all([startEmbeddedDb(), startGoogle()]);
});
afterAll(async () => {
  await Promise.all([server.stop(), google.stop()]);
});

const tokens = new Map<string, string>();
const lines: string[] = [];
const events = () => lines.map((line) => JSON.parse(line));
/** Each test has its own accounts: what others left would be renewed and polled too. */
afterEach(async () => {
  for (const { id } of await server.db.connections.list({})) await server.db.connections.remove(id, { keepMessages: false });
  lines.splice(0);
  google.requests.reset();
});

/** One that has a token at the stand-in. */
async function account(scopes: string[] = []): Promise<Connection> {
  const email = `${randomUUID()}@example.com`;
  google.addAccount(email);
  const connection = await connect(server.db, randomUUID(), email, scopes);
  tokens.set(connection.id, google.issueTokens(email).accessToken);
  return connection;
}

async function deps() {
  const log = await createLogger({ level: 'debug', service: 'test', stream: { write: (line) => void lines.push(line) } });
  const mailboxes = createMailboxes({
    accounts: {
      accessToken: async (id) => {
        const token = tokens.get(id);
        if (token === undefined) throw new PermanentError('The account must be connected again', { code: 'reauth_required' });
        return token;
      },
    },
    store: openStore,
    quota: quotaOf('2026'),
    apiRootUrl: google.url,
    clock: systemClock,
    timings: { retries: 0 },
  });
  return { connections: server.db.connections, mailboxes, topic: TOPIC, clock: systemClock, log };
}

const watchEnd = async ({ id }: Connection) => (await server.db.connections.get(id))?.watchExpiresAt ?? null;
const watches = () => google.requests.counts.watch;
const inDays = (days: number): string => new Date(Date.now() + days * DAY).toISOString();

const FILES = ['openid', 'email', 'https://www.googleapis.com/auth/drive.readonly'];

it('an account that is connected for files alone is no mailbox: it is neither watched nor polled, and takes nobody’s place', async () => {
  const files = [await account(FILES), await account(FILES)] as const;
  const both = await account([...FILES, 'https://www.googleapis.com/auth/gmail.readonly']);
  const { connections, clock, log, ...rest } = await deps();
  expect(await onConnected(files[0], { ...rest, connections, log })).toBe(false);
  expect(await renewWatches({ ...rest, connections, clock, log, limit: 1 })).toEqual({ renewed: 1, failed: 0 });
  expect([await watchEnd(files[0]), await watchEnd(files[1]), watches()]).toEqual([null, null, 1]);
  expect(await watchEnd(both)).not.toBeNull();
  const polled = await pollMailboxes({ connections, clock, log, olderThanMs: MINUTE, poke: () => undefined, limit: 1 });
  expect(polled).toEqual({ queued: 1, failed: 0 });
  expect((await server.db.analyticsJobs.list({ limit: 10 })).items.map(({ userId }) => userId)).toEqual([both.userId]);
});

describe('renewWatches', () => {
  it('watches accounts that never were, and those whose watch ends within two days; no others', async () => {
    const [fresh, ending, watched, lost] = [await account(), await account(), await account(), await account()];
    await server.db.connections.setWatch(ending.id, inDays(1.9));
    await server.db.connections.setWatch(watched.id, inDays(2.1));
    await lose(server.db, lost);
    const before = await watchEnd(watched);
    expect(await renewWatches(await deps())).toEqual({ renewed: 2, failed: 0 });
    for (const renewed of [fresh, ending]) expect(Date.parse((await watchEnd(renewed)) ?? '')).toBeGreaterThan(Date.parse(inDays(6)));
    expect([await watchEnd(watched), await watchEnd(lost), watches()]).toEqual([before, null, 2]);
    expect(await renewWatches(await deps())).toEqual({ renewed: 0, failed: 0 });
  });

  it('goes on past an account that fails, and comes back to it', async () => {
    const accounts = [await account(), await account(), await account()] as const;
    const token = tokens.get(accounts[1].id) ?? '';
    tokens.delete(accounts[1].id);
    expect(await renewWatches(await deps())).toEqual({ renewed: 2, failed: 1 });
    expect(events()).toContainEqual(expect.objectContaining({ event: 'gmail.watch_failed', connectionId: accounts[1].id, code: 'reauth_required' }));
    expect(lines.join('')).not.toContain('@');
    tokens.set(accounts[1].id, token);
    expect(await renewWatches(await deps())).toEqual({ renewed: 1, failed: 0 });
  });

  it('takes no more than so many at a time, those without a watch first', async () => {
    const [ending, fresh] = [await account(), await account()];
    await server.db.connections.setWatch(ending.id, inDays(1));
    expect(await renewWatches({ ...(await deps()), limit: 1 })).toEqual({ renewed: 1, failed: 0 });
    expect(Date.parse((await watchEnd(fresh)) ?? '')).toBeGreaterThan(Date.parse(inDays(6)));
    expect(await renewWatches({ ...(await deps()), limit: 1 })).toEqual({ renewed: 1, failed: 0 });
    expect(Date.parse((await watchEnd(ending)) ?? '')).toBeGreaterThan(Date.parse(inDays(6)));
  });
});

describe('onConnected', () => {
  it('watches the new account where a topic is configured, and never fails', async () => {
    const connection = await account();
    const { topic, clock: _, ...rest } = await deps();
    expect(await onConnected(connection, { ...rest, topic: undefined })).toBe(false);
    expect(await onConnected({ ...connection, provider: 'microsoft' }, { ...rest, topic })).toBe(false);
    expect([await watchEnd(connection), watches()]).toEqual([null, 0]);
    expect(await onConnected(connection, { ...rest, topic })).toBe(true);
    expect(Date.parse((await watchEnd(connection)) ?? '')).toBeGreaterThan(Date.parse(inDays(6)));
    tokens.delete(connection.id);
    expect(await onConnected(connection, { ...rest, topic })).toBe(false);
  });
});

describe('pollMailboxes', () => {
  const jobsOf = async ({ userId }: Connection) =>
    (await server.db.analyticsJobs.list({ userId, limit: 10 })).items.map(({ status, params }) => `${status} ${params.trigger}`);

  async function poll(clockMs = Date.now(), limit = 100) {
    const { connections, log } = await deps();
    let poked = 0;
    const result = await pollMailboxes({
      connections,
      log,
      olderThanMs: 10 * MINUTE,
      clock: { now: () => clockMs },
      poke: () => {
        poked += 1;
      },
      limit,
    });
    return { ...result, poked };
  }

  it('asks for the mailboxes that were not followed for so long, once each, and for no others', async () => {
    const [fresh, followed, lost] = [await account(), await account(), await account()];
    await fetched(server.db, followed, [], { historyId: '7' });
    await lose(server.db, lost);
    expect(await poll()).toEqual({ queued: 1, failed: 0, poked: 1 });
    expect([await jobsOf(fresh), await jobsOf(followed), await jobsOf(lost)]).toEqual([['pending poll'], ['completed undefined'], []]);
    expect(await poll()).toEqual({ queued: 0, failed: 0, poked: 0 });
    expect(await poll(Date.now() + 11 * MINUTE)).toEqual({ queued: 1, failed: 0, poked: 1 });
    expect(await jobsOf(followed)).toEqual(['pending poll', 'completed undefined']);
  });

  it('goes on past one that cannot be asked for, and rejects when the database is away', async () => {
    const accounts = [await account(), await account(), await account()] as const;
    const { connections, log } = await deps();
    const failing = {
      ...connections,
      askForMailbox: async (id: string, trigger: 'push' | 'poll') => {
        if (id === accounts[1].id) throw new UnavailableError('away');
        return connections.askForMailbox(id, trigger);
      },
    };
    const common = { olderThanMs: MINUTE, clock: systemClock, log, poke: () => undefined };
    expect(await pollMailboxes({ ...common, connections: failing })).toEqual({ queued: 2, failed: 1 });
    expect(events()).toContainEqual(expect.objectContaining({ event: 'gmail.poll_failed', connectionId: accounts[1].id }));
    const away = { ...connections, notSyncedSince: async () => Promise.reject(new UnavailableError('away')) };
    await expect(pollMailboxes({ ...common, connections: away })).rejects.toThrow('away');
  });
});
