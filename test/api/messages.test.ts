import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../lib/db/mail-types.ts';
import { UnavailableError } from '../../lib/errors.ts';
import type { TestUser } from '../support/users.ts';
import { connect, fetched, messageOf } from './mail-world.ts';
import { type Api, type CallOptions, startApi } from './world.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const messages = [
  messageOf({ id: 'a1', receivedAt: '2026-11-01T08:00:00.000Z', labels: ['INBOX', 'UNREAD'] }),
  messageOf({
    id: 'a2',
    receivedAt: '2026-11-02T08:00:00.000Z',
    threadId: 'a1',
    subject: 'Re: Lunch',
    fromAddress: 'bob@example.com',
    fromName: 'Bob',
  }),
  messageOf({ id: 'a3', receivedAt: '2026-11-03T08:00:00.000Z', subject: 'Invoice 4711', text: 'The quarterly invoice is attached.' }),
  messageOf({ id: 'a4', receivedAt: '2026-11-04T08:00:00.000Z', labels: ['SPAM'], subject: 'You have won an invoice' }),
];

async function userWithMail(): Promise<{ user: TestUser; account: Connection }> {
  const user = await api.db.signUp();
  const account = await connect(api.db, user.id);
  await fetched(api.db, account, messages);
  return { user, account };
}

describe('GET /api/messages', () => {
  let user: TestUser;
  let account: Connection;
  beforeAll(async () => {
    ({ user, account } = await userWithMail());
  });

  const list = async (query: string, options: CallOptions = { jwt: user.jwt }) => (await api.call('GET', `/api/messages${query}`, options)).body.data;
  const idsOf = async (query: string, options?: CallOptions) => (await list(query, options)).messages.map(({ id }: { id: string }) => id);

  it('lists the newest first, page by page, without texts, spam and trash', async () => {
    const first = await list('?limit=2');
    const second = await list(`?limit=2&cursor=${encodeURIComponent(first.nextCursor)}`);
    expect([...first.messages, ...second.messages].map(({ id }) => id)).toEqual(['a3', 'a2', 'a1']);
    expect(second.nextCursor).toBeNull();
    const { text: _text, headers: _headers, ...summary } = messages[0] ?? messageOf({ id: '' });
    expect(second.messages[0]).toEqual({ ...summary, userId: user.id, connectionId: account.id, fetchedAt: expect.any(String) });
  });

  it('finds by words, label, thread, account, sender and time', async () => {
    const found = {
      '?search=invoice': ['a3'],
      '?search=quarterly+-lunch': ['a3'],
      '?search=bob+or+invoice': ['a3', 'a2'],
      '?label=UNREAD': ['a1'],
      '?label=SPAM': ['a4'],
      '?threadId=a1': ['a2', 'a1'],
      [`?connectionId=${account.id}&limit=1`]: ['a3'],
      '?connectionId=00000000-0000-4000-8000-000000000000': [],
      '?from=Bob@Example.com': ['a2'],
      '?after=2026-11-02T08:00:00Z': ['a3', 'a2'],
      '?before=2026-11-02T09:00:00%2B01:00': ['a1'],
      '?after=2026-11-02&before=2026-11-03': ['a2'],
      '?after=2026-11-02&search=lunch&from=bob@example.com': ['a2'],
    };
    for (const [query, ids] of Object.entries(found)) expect([query, await idsOf(query)]).toEqual([query, ids]);
    expect(await idsOf('?search=invoice', { headers: { 'x-user-id': user.id } })).toEqual(['a3']);
  });

  it('takes odd words as words', async () => {
    for (const search of ["' or 1=1 --", '"', 'a & | ! <->', '%', '\u0000x', '(((', 'x'.repeat(500)])
      expect((await api.call('GET', `/api/messages?search=${encodeURIComponent(search)}`, { jwt: user.jwt })).status).toBe(200);
  });

  it('400 for a bad filter, naming it', async () => {
    const bad = {
      '?limit=0': 'query.limit',
      '?limit=101': 'query.limit',
      '?cursor=nonsense': 'cursor',
      '?after=yesterday': 'query.after',
      '?before=2026-13-01': 'query.before',
      '?after=0000-01-01': 'query.after',
      '?connectionId=mine': 'query.connectionId',
      '?search=%20': 'query.search',
      '?label=': 'query.label',
      '?subject=x': 'query',
    };
    for (const [query, path] of Object.entries(bad)) {
      const { status, body } = await api.call('GET', `/api/messages${query}`, { jwt: user.jwt });
      expect([query, status, body.error.code, body.error.details.issues[0].path]).toEqual([query, 400, 'invalid_input', path]);
    }
  });

  it('503 while the database is away', async () => {
    api.db.breakWith(new UnavailableError('away'));
    const { status } = await api.call('GET', '/api/messages', { headers: { 'x-user-id': user.id } });
    api.db.breakWith(undefined);
    expect(status).toBe(503);
  });
});

describe('GET /api/messages/:id', () => {
  it('shows one whole, spam too', async () => {
    const { user, account } = await userWithMail();
    const stored = { userId: user.id, connectionId: account.id, fetchedAt: expect.any(String) };
    for (const message of [messages[0], messages[3]])
      expect((await api.call('GET', `/api/messages/${message?.id}`, { jwt: user.jwt })).body).toEqual({
        success: true,
        data: { message: { ...message, ...stored } },
      });
    expect((await api.call('GET', '/api/messages/a9', { jwt: user.jwt })).body.error.code).toBe('not_found');
  });

  it('of the user that a service names: ids are the user’s own', async () => {
    const [{ user: alice }, { user: bob }] = [await userWithMail(), await userWithMail()];
    for (const { id } of [alice, bob])
      expect((await api.call('GET', '/api/messages/a1', { headers: { 'x-user-id': id } })).body.data.message.userId).toBe(id);
    expect((await api.call('GET', '/api/messages/a1')).body.error.details.issues[0].path).toBe('headers.x-user-id');
  });
});

describe('two users', () => {
  it('never see each other’s messages', async () => {
    const alice = await userWithMail();
    const bob = await api.db.signUp();
    for (const options of [{ jwt: bob.jwt }, { headers: { 'x-user-id': bob.id } }]) {
      for (const query of ['', '?search=lunch', '?label=SPAM', `?connectionId=${alice.account.id}`, '?threadId=a1'])
        expect((await api.call('GET', `/api/messages${query}`, options)).body.data.messages).toEqual([]);
      expect((await api.call('GET', '/api/messages/a1', options)).status).toBe(404);
    }
    expect((await api.call('GET', '/api/messages', { jwt: bob.jwt, headers: { 'x-user-id': alice.user.id } })).status).toBe(403);
    expect((await api.call('GET', '/api/messages', { key: null })).status).toBe(401);
  });
});
