import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Api, startApi } from './world.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const grant = (json: object, headers: Record<string, string> = {}) => api.call('POST', '/api/credits/grant', { json, headers });

describe('POST /api/credits/grant', () => {
  it('adds credits, once per idempotency key', async () => {
    const [userId, other] = [randomUUID(), randomUUID()];
    const first = await grant({ userId, amount: 5, note: 'Starter pack' }, { 'idempotency-key': 'pack' });
    expect([first.status, first.body]).toEqual([201, { success: true, data: { userId, balance: 5, granted: true } }]);
    const again = await grant({ userId, amount: 5, idempotencyKey: 'pack' });
    expect([again.status, again.body.data]).toEqual([200, { userId, balance: 5, granted: false }]);
    expect((await grant({ userId, amount: 1 })).body.data.balance).toBe(6);
    expect((await grant({ userId: other, amount: 2, idempotencyKey: 'pack' })).body.data).toMatchObject({ balance: 2, granted: true });
  });

  it('is for services', async () => {
    const user = await api.db.signUp();
    const reply = await api.call('POST', '/api/credits/grant', { jwt: user.jwt, json: { userId: user.id, amount: 100 } });
    expect([reply.status, await api.db.credits.balance(user.id)]).toEqual([403, 0]);
  });

  it.each([0, -5, 1.5, 2 ** 31, '5'])('400 for an amount of %s', async (amount) => {
    expect(await grant({ userId: randomUUID(), amount })).toMatchObject({
      status: 400,
      body: { error: { details: { issues: [{ path: 'body.amount' }] } } },
    });
  });

  it('400 for a balance that no number in the database could hold', async () => {
    const userId = randomUUID();
    const amount = 1_000_000_000;
    const replies = [await grant({ userId, amount }), await grant({ userId, amount }), await grant({ userId, amount })];
    expect(replies.map(({ status }) => status)).toEqual([201, 201, 400]);
    expect(await api.db.credits.balance(userId)).toBe(2 * amount);
  });
});

describe('GET /api/credits', () => {
  it('shows a user the balance, the prices and every movement, page by page', async () => {
    const user = await api.db.signUp();
    await grant({ userId: user.id, amount: 5, note: 'Starter pack' });
    const { body } = await api.call('POST', '/api/jobs', { jwt: user.jwt, json: { type: 'sentiment_analysis', payload: { text: 'Lovely.' } } });
    await api.call('DELETE', `/api/jobs/${body.data.job.id}`, { jwt: user.jwt });
    const read = async (query: string, options: object = { jwt: user.jwt }) => (await api.call('GET', `/api/credits${query}`, options)).body.data;
    const first = await read('?limit=2');
    expect(first).toMatchObject({
      userId: user.id,
      balance: 5,
      prices: { ai_generation: 2, review_processing: 1, prompt_analysis: 1, sentiment_analysis: 1 },
      ledger: [
        { kind: 'release', amount: 1, balanceAfter: 5, jobId: body.data.job.id, run: 1 },
        { kind: 'reserve', amount: -1, balanceAfter: 4, jobId: body.data.job.id, run: 1 },
      ],
    });
    const second = await read(`?limit=2&cursor=${first.nextCursor}`, { headers: { 'x-user-id': user.id } });
    expect(second).toMatchObject({ ledger: [{ kind: 'grant', amount: 5, balanceAfter: 5, note: 'Starter pack', jobId: null }], nextCursor: null });
  });

  it('shows nothing of other users, and 0 to one who never had any', async () => {
    const [alice, bob] = [await api.db.signUp(), await api.db.signUp()];
    await grant({ userId: alice.id, amount: 5 });
    const seen = (await api.call('GET', '/api/credits', { jwt: bob.jwt })).body.data;
    expect(seen).toMatchObject({ userId: bob.id, balance: 0, ledger: [] });
    expect((await api.call('GET', '/api/credits', { jwt: bob.jwt, headers: { 'x-user-id': alice.id } })).status).toBe(403);
    expect(await api.call('GET', '/api/credits')).toMatchObject({
      status: 400,
      body: { error: { details: { issues: [{ path: 'headers.x-user-id' }] } } },
    });
  });
});
