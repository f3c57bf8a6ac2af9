import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUSH_ACCOUNT } from '../../demo/stand-ins/google/push.ts';
import type { Connection } from '../../lib/db/mail-types.ts';
import { UnavailableError } from '../../lib/errors.ts';
import { createLogger } from '../../lib/log.ts';
import { withGoogle } from '../support/google.ts';
import { AUDIENCE, createNoticeKey, type KeyServer, type NoticeKey, PUSHER, pushOf, startKeyServer } from '../support/notice-keys.ts';
import { connect, fetched, lose } from './mail-world.ts';
import { addSource, asked } from './source-world.ts';
import { type Api, type Reply, startApi } from './world.ts';

let google: NoticeKey;
let keys: KeyServer;
let api: Api;
const lines: string[] = [];
beforeAll(async () => {
  google = await createNoticeKey('k1');
  keys = await startKeyServer([google]);
  const log = await createLogger({ level: 'debug', service: 'test', stream: { write: (line) => void lines.push(line) } });
  api = await startApi({ log, options: { gmailPush: { audience: AUDIENCE, serviceAccount: PUSHER, keysUrl: keys.url } } });
});
afterAll(async () => {
  await api.stop();
  await keys.stop();
});
beforeEach(() => void lines.splice(0));

const push = async (notice: Parameters<typeof pushOf>[0], token?: string): Promise<Reply> =>
  api.call('POST', '/api/webhooks/gmail', { key: token ?? (await google.sign()), json: pushOf(notice) });

async function mailbox(): Promise<Connection> {
  return connect(api.db, (await api.db.signUp()).id);
}

const jobsOf = async ({ userId }: Pick<Connection, 'userId'>) => (await api.db.analyticsJobs.list({ userId, limit: 100 })).items;
const ignored = () => lines.map((line) => JSON.parse(line)).flatMap(({ event, reason }) => (event === 'gmail.notice_ignored' ? [reason] : []));

describe('POST /api/webhooks/gmail', () => {
  it('asks for a fetch of the account, whatever the case of its address', async () => {
    const account = await mailbox();
    expect(await push({ emailAddress: account.email.toUpperCase(), historyId: 42 })).toMatchObject({ status: 204, body: '' });
    expect(await jobsOf(account)).toMatchObject([
      { status: 'pending', type: 'fetch_messages', params: { connectionId: account.id, trigger: 'push' } },
    ]);
    expect(ignored()).toEqual([]);
  });

  it('asks for one of every user who has connected it, and of nobody who must sign in again', async () => {
    const first = await mailbox();
    const [second, lost] = [
      await connect(api.db, (await api.db.signUp()).id, first.email),
      await connect(api.db, (await api.db.signUp()).id, first.email),
    ];
    await lose(api.db, lost);
    expect((await push({ emailAddress: first.email, historyId: 42 })).status).toBe(204);
    const counts = [];
    for (const account of [first, second, lost]) counts.push((await jobsOf(account)).length);
    expect(counts).toEqual([1, 1, 0]);
  });

  it('100 at once are one fetch that waits', async () => {
    const account = await mailbox();
    const token = await google.sign();
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, index) => push({ emailAddress: account.email, historyId: 1_000 + index }, token)),
    );
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([204]));
    expect(await jobsOf(account)).toHaveLength(1);
  });

  it('is harmless when repeated: a mailbox that was followed past it is not asked for again', async () => {
    const account = await mailbox();
    const token = await google.sign();
    await push({ emailAddress: account.email, historyId: 500 }, token);
    const [job] = await jobsOf(account);
    await fetched(api.db, account, [], { jobId: job?.id ?? '', historyId: '500' });
    for (const historyId of [500, 499, '1']) expect((await push({ emailAddress: account.email, historyId }, token)).status).toBe(204);
    expect((await jobsOf(account)).map(({ status }) => status)).toEqual(['completed']);
    await push({ emailAddress: account.email, historyId: 501 }, token);
    expect((await jobsOf(account)).map(({ status }) => status)).toEqual(['pending', 'completed']);
  });

  it('is done with notices that nobody can use: 204, a line in the log, no address', async () => {
    expect((await push({ emailAddress: 'nobody@elsewhere.example.com', historyId: 1 })).status).toBe(204);
    const send = async (text: string, type = 'application/json') =>
      (await api.call('POST', '/api/webhooks/gmail', { key: await google.sign(), text, headers: { 'content-type': type } })).status;
    const files = await connect(api.db, randomUUID(), undefined, ['https://www.googleapis.com/auth/drive.readonly']);
    expect((await push({ emailAddress: files.email, historyId: 1 })).status).toBe(204);
    expect(await jobsOf(files)).toEqual([]);
    const statuses = [await send('{}'), await send(''), await send('{"message":'), await send('x'.repeat(100_000)), await send('{}', 'text/plain')];
    expect(statuses).toEqual([204, 204, 204, 204, 204]);
    expect(ignored()).toEqual(['unknown', 'unknown', 'malformed', 'malformed', 'unreadable', 'unreadable', 'unreadable']);
    expect(lines.join('')).not.toContain('elsewhere');
  });

  it('503 while the database is away, so that Google repeats it', async () => {
    const account = await mailbox();
    api.db.breakWith(new UnavailableError('away'));
    const away = await push({ emailAddress: account.email, historyId: 42 });
    api.db.breakWith(undefined);
    expect([away.status, await jobsOf(account)]).toEqual([503, []]);
    expect((await push({ emailAddress: account.email, historyId: 42 })).status).toBe(204);
    expect(await jobsOf(account)).toHaveLength(1);
  });

  it('503 while Google’s keys are away, and 404 where push is not set up', async () => {
    const server = await startKeyServer([google]);
    server.be('down');
    const other = await startApi({ options: { gmailPush: { audience: AUDIENCE, keysUrl: server.url } } });
    const account = await mailbox();
    const send = async (to: Api) =>
      (await to.call('POST', '/api/webhooks/gmail', { key: await google.sign(), json: pushOf({ emailAddress: account.email, historyId: 42 }) }))
        .status;
    expect(await send(other)).toBe(503);
    server.be('up');
    expect(await send(other)).toBe(204);
    await Promise.all([other.stop(), server.stop()]);
    const without = await startApi();
    expect(await send(without)).toBe(404);
    await without.stop();
    expect(await jobsOf(account)).toHaveLength(1);
  });

  it('stands in the OpenAPI document', async () => {
    const { body } = await api.call('GET', '/docs/json');
    expect(Object.keys(body.paths['/api/webhooks/gmail'].post.responses)).toEqual(['204', '4XX', '5XX']);
    for (const path of ['/api/analytics/jobs', '/api/analytics/jobs/{id}', '/api/messages', '/api/messages/{id}'])
      expect(body.paths).toHaveProperty([path]);
  });
});

describe('sources on a mailbox', () => {
  it('follow its notices: each is told once, whether or not the mailbox was fetched meanwhile', async () => {
    const account = await mailbox();
    const [first, paused] = [await addSource(api, 'gmail', account.id), await addSource(api, 'gmail', account.id)];
    await addSource(api, 'gdrive', account.id);
    await api.db.dealSources.change(paused.id, { paused: true });
    // The fetch has followed past the notice, the source has not.
    await fetched(api.db, account, [], { historyId: '500' });
    expect((await push({ emailAddress: account.email, historyId: 500 })).status).toBe(204);
    const { id: sourceId, dealId } = first;
    const incremental = { dealId, sourceId, sourceType: 'gmail', syncType: 'incremental' };
    const mine = async () => (await asked(api)).filter((payload) => JSON.stringify(payload).includes(dealId));
    expect([await mine(), await asked(api, paused)]).toEqual([[incremental], []]);
    await api.db.table('job_outbox').delete().eq('queue', 'source-sync');
    for (const historyId of [500, 499, '1']) expect((await push({ emailAddress: account.email, historyId })).status).toBe(204);
    expect(await asked(api)).toEqual([]);
    await push({ emailAddress: account.email, historyId: '18446744073709551617' });
    expect(await asked(api)).toEqual([incremental]);
  });

  it('1,000 notices, then the same 1,000 again, make one sync that waits', async () => {
    const account = await mailbox();
    const source = await addSource(api, 'gmail', account.id);
    const token = await google.sign();
    const all = async () => {
      for (let from = 1; from <= 1_000; from += 50)
        await Promise.all(Array.from({ length: 50 }, (_, index) => push({ emailAddress: account.email, historyId: from + index }, token)));
    };
    await all();
    expect(await asked(api, source)).toHaveLength(1);
    await api.db.table('job_outbox').delete().eq('queue', 'source-sync');
    await all();
    expect(await asked(api, source)).toEqual([]);
  });
});

describe('the stand-in for Google', () => {
  it('has its notices taken, and those refused that it forges', async () => {
    const stand = await withGoogle();
    const options = { audience: AUDIENCE, serviceAccount: PUSH_ACCOUNT, keysUrl: stand.certsUrl };
    const other = await startApi({ options: { gmailPush: options } });
    const account = await mailbox();
    stand.addAccount(account.email);
    const to = `${other.url}/api/webhooks/gmail`;
    for (const forge of ['key', 'audience', 'expired', 'issuer', 'email', 'none'] as const)
      expect([forge, (await stand.push(account.email, { to, audience: AUDIENCE, forge })).status]).toEqual([forge, 401]);
    expect(await jobsOf(account)).toEqual([]);
    expect((await stand.push(account.email, { to, audience: AUDIENCE })).status).toBe(204);
    expect(await jobsOf(account)).toMatchObject([{ status: 'pending', params: { trigger: 'push' } }]);
    await other.stop();
  });
});

describe('forged notices', () => {
  it('1,000 of them, forged, expired and replayed after their time, are refused at once and queue nothing', async () => {
    const account = await mailbox();
    const forger = await createNoticeKey('k1');
    const past = Math.floor(Date.now() / 1000) - 3_700;
    const tokens = await Promise.all([
      forger.sign(),
      google.sign({ aud: 'https://elsewhere.example.com' }),
      google.sign({ iat: past, exp: past + 3_600 }),
      google.sign({ email: 'stranger@project.iam.gserviceaccount.com' }),
      forger.sign({}, { kid: 'guess' }),
      'not.a.token',
      '',
    ]);
    const asked = keys.asked();
    const statuses = new Map<number, number>();
    for (let round = 0; round < 20; round += 1) {
      const some = Array.from({ length: 50 }, (_, index) =>
        push({ emailAddress: account.email, historyId: 9_999 }, tokens[(round + index) % tokens.length] ?? ''),
      );
      for (const { status } of await Promise.all(some)) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect([...statuses].sort()).toEqual([
      [401, 600],
      [429, 400],
    ]);
    expect(await jobsOf(account)).toEqual([]);
    expect(keys.asked() - asked).toBeLessThanOrEqual(1);
    expect((await push({ emailAddress: account.email, historyId: 9_999 })).status).toBe(204);
    expect(await jobsOf(account)).toHaveLength(1);
  });

  it('are refused before their body is read', async () => {
    const { status } = await api.call('POST', '/api/webhooks/gmail', { key: null, text: 'x'.repeat(2_000_000) });
    expect([401, 429]).toContain(status);
  });
});
