import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../lib/db/mail-types.ts';
import { begun, fetching, newConnection, newMessage, newState, runningFetch } from './mail-samples.ts';
import { type World, worlds } from './worlds.ts';

describe.each(worlds)('connected accounts on %s', (_, start) => {
  let world: World;
  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.stop());

  const connections = () => world.db.connections;
  const job = (id: string) => world.db.jobRows.get('analytics_jobs', id);

  describe('an account', () => {
    it('is stored with its tokens, which only `read` answers', async () => {
      const given = newConnection();
      const { accessToken, refreshToken, accessExpiresAt, ...known } = given;
      const saved = await connections().save(given);
      expect(saved).toMatchObject({ ...known, status: 'active', statusReason: null, historyId: null, syncedAt: null, watchExpiresAt: null });
      expect(Object.keys(saved).filter((key) => /token/i.test(key))).toEqual([]);
      expect(await connections().get(saved.id)).toEqual(saved);
      expect(await connections().read(saved.id)).toEqual({ ...saved, tokens: { accessToken, refreshToken, accessExpiresAt, version: 1 } });
    });

    it('that is connected again stays one account, goes on where it was, and is active', async () => {
      const { connection, run } = await fetching(world.db);
      await world.db.mailboxes.record(run, { historyId: '77' });
      await connections().markReauthRequired(connection.id, 1, 'invalid_grant');
      const { userId, accountId } = connection;
      const again = await connections().save(
        newConnection({ userId, accountId, email: 'ann@new.example', accessToken: 'sealed access 2', refreshToken: undefined }),
      );
      expect(again).toMatchObject({ id: connection.id, email: 'ann@new.example', status: 'active', statusReason: null, historyId: '77' });
      const tokens = { accessToken: 'sealed access 2', refreshToken: 'sealed refresh 1', version: 2 };
      expect(await connections().read(connection.id)).toMatchObject({ tokens });
    });

    it('is another one for another user, and at another provider', async () => {
      const { userId, accountId } = newConnection();
      const saved = await Promise.all([
        connections().save(newConnection({ userId, accountId })),
        connections().save(newConnection({ userId, accountId, provider: 'microsoft' })),
        connections().save(newConnection({ accountId })),
      ]);
      expect(new Set(saved.map(({ id }) => id)).size).toBe(3);
    });

    it('is found by user, provider, state and address, whatever its case, the newest first', async () => {
      const userId = randomUUID();
      const email = `${randomUUID()}@example.com`;
      const first = await connections().save(newConnection({ userId, email: email.toUpperCase() }));
      const second = await connections().save(newConnection({ userId, provider: 'microsoft' }));
      await connections().markReauthRequired(second.id, 1, 'gone');
      const ids = async (options: Parameters<World['db']['connections']['list']>[0]) => (await connections().list(options)).map(({ id }) => id);
      expect(await ids({ userId })).toEqual([second.id, first.id]);
      expect(await ids({ userId, provider: 'google' })).toEqual([first.id]);
      expect(await ids({ userId, status: 'reauth_required' })).toEqual([second.id]);
      expect(await ids({ email })).toEqual([first.id]);
      expect(await ids({ userId: randomUUID() })).toEqual([]);
      expect(await ids({ userId: 'nobody' })).toEqual([]);
    });

    it('that is no account at all is answered as such', async () => {
      for (const id of [randomUUID(), 'no uuid', '']) {
        expect(await connections().get(id)).toBeUndefined();
        expect(await connections().read(id)).toBeUndefined();
        expect(await connections().remove(id, { keepMessages: false })).toBeUndefined();
        expect(await connections().markReauthRequired(id, 1, 'x')).toBe(false);
        expect(await connections().askForMailbox(id, 'push')).toEqual({ outcome: 'inactive' });
      }
      await expect(connections().save(newConnection({ userId: 'ann' }))).rejects.toMatchObject({ code: 'invalid_input' });
    });

    it('comes page by page with its tokens, each once', async () => {
      for (let n = 0; n < 3; n += 1) await connections().save(newConnection());
      const ids: string[] = [];
      for (
        let page = await connections().page({ limit: 2 });
        page.length > 0;
        page = await connections().page({ after: ids.at(-1) ?? '', limit: 2 })
      ) {
        ids.push(...page.map(({ id }) => id));
        expect(page.every(({ tokens }) => tokens.accessToken !== null)).toBe(true);
      }
      expect(ids).toEqual([...new Set(ids)].sort());
      expect(ids.length).toBeGreaterThanOrEqual(3);
    });
  });

  describe('tokens', () => {
    const fresh = (n: number) => ({ accessToken: `sealed access ${n}`, accessExpiresAt: '2026-11-22T11:00:00.000Z' });

    it('that two processes refresh at once are those of one of them', async () => {
      const { id } = await connections().save(newConnection());
      const won = await Promise.all([2, 3].map((n) => connections().saveRefreshed(id, 1, fresh(n))));
      expect(won.filter(Boolean)).toHaveLength(1);
      const tokens = { ...fresh(won[0] ? 2 : 3), refreshToken: 'sealed refresh 1', version: 2 };
      expect(await connections().read(id)).toMatchObject({ tokens });
      expect(await connections().saveRefreshed(id, 2, { ...fresh(4), refreshToken: 'sealed refresh 4' })).toBe(true);
      expect(await connections().read(id)).toMatchObject({ tokens: { refreshToken: 'sealed refresh 4', version: 3 } });
    });

    it('are not refreshed while the account waits for its user', async () => {
      const { id } = await connections().save(newConnection());
      await connections().markReauthRequired(id, 1, 'invalid_grant');
      expect(await connections().saveRefreshed(id, 1, fresh(2))).toBe(false);
      expect(await connections().read(id)).toMatchObject({ tokens: { version: 1 } });
    });

    it('go under another key unless they were refreshed meanwhile', async () => {
      const { id } = await connections().save(newConnection({ refreshToken: undefined }));
      const old = { accessToken: 'sealed access 1', refreshToken: null };
      expect(await connections().saveResealed(id, { ...old, accessToken: 'another' }, { accessToken: 'x', refreshToken: 'x' })).toBe(false);
      expect(await connections().saveResealed(id, old, { accessToken: 'resealed', refreshToken: null })).toBe(true);
      expect(await connections().read(id)).toMatchObject({ tokens: { accessToken: 'resealed', refreshToken: null, version: 1 } });
    });

    it('that are refused for good are reported once, and not where the user has connected again', async () => {
      const given = newConnection();
      const { id } = await connections().save(given);
      const told = await Promise.all([1, 2, 3].map(() => connections().markReauthRequired(id, 1, 'invalid_grant\u0000')));
      expect(told.filter(Boolean)).toHaveLength(1);
      expect(await connections().get(id)).toMatchObject({ status: 'reauth_required', statusReason: 'invalid_grant' });
      await connections().save(given);
      expect(await connections().markReauthRequired(id, 1, 'late')).toBe(false);
      expect(await connections().get(id)).toMatchObject({ status: 'active', statusReason: null });
    });
  });

  describe('a round trip to the consent page', () => {
    it('comes back once', async () => {
      const state = newState({ browser: 'hash of a cookie' });
      await connections().saveState(state);
      const taken = await Promise.all([1, 2, 3].map(() => connections().takeState(state.id)));
      expect(taken.filter((one) => one !== undefined)).toEqual([state]);
      expect(await connections().takeState(state.id)).toBeUndefined();
    });

    it('comes back in time, and old ones go with the next', async () => {
      const late = newState({ expiresAt: new Date(Date.now() - 1).toISOString() });
      const other = newState();
      for (const state of [late, other]) await connections().saveState(state);
      expect(await connections().takeState(late.id)).toBeUndefined();
      expect(await connections().takeState(other.id)).toEqual(other);
      // Gone, not only late: its id is free.
      await connections().saveState({ ...late, expiresAt: other.expiresAt });
      expect(await connections().takeState(late.id)).toMatchObject({ id: late.id });
    });
  });

  describe('an account that is removed', () => {
    it('goes with its messages, and its tokens are answered once', async () => {
      const { connection, run } = await fetching(world.db);
      await world.db.mailboxes.store(run, [newMessage()]);
      const { id, userId } = connection;
      expect(await connections().remove(id, { userId: randomUUID(), keepMessages: false })).toBeUndefined();
      expect(await connections().remove(id, { userId: 'somebody', keepMessages: false })).toBeUndefined();
      expect(await connections().remove(id, { userId, keepMessages: false })).toMatchObject({ id, tokens: { refreshToken: 'sealed refresh 1' } });
      expect(await connections().get(id)).toBeUndefined();
      expect((await world.db.messages.list({ userId, limit: 9 })).items).toEqual([]);
      expect(await connections().remove(id, { userId, keepMessages: false })).toBeUndefined();
    });

    it('leaves its messages where the user wants it; connected again, it has them back with its next full listing', async () => {
      const { connection, run } = await fetching(world.db);
      const [kept, gone] = [newMessage(), newMessage()];
      await world.db.mailboxes.store(run, [kept, gone]);
      const { userId, accountId } = connection;
      await connections().remove(connection.id, { keepMessages: true });
      expect((await world.db.messages.list({ userId, limit: 9 })).items).toMatchObject([{ connectionId: null }, { connectionId: null }]);
      const again = await fetching(world.db, { userId, accountId });
      expect(await world.db.mailboxes.cached(userId, [kept.id])).toEqual(new Set([kept.id]));
      expect(await world.db.mailboxes.record(again.run, { listed: [kept.id], complete: true })).toEqual({ deleted: 0, relabelled: 0, messages: 1 });
      expect(await world.db.messages.get(kept.id, userId)).toMatchObject({ connectionId: again.connection.id });
      expect(await world.db.messages.get(gone.id, userId)).toMatchObject({ connectionId: null });
    });
  });

  describe('a notice of new mail', () => {
    it('is one waiting fetch, however many come', async () => {
      const { id, userId } = await connections().save(newConnection());
      const answers = await Promise.all(Array.from({ length: 100 }, (_unused, n) => connections().askForMailbox(id, 'push', `${100 + n}`)));
      const queued = answers.filter(({ outcome }) => outcome === 'queued');
      expect(queued).toHaveLength(1);
      expect(answers.filter((one) => one.outcome === 'waiting' && 'id' in one && one.outboxId !== null)).toHaveLength(99);
      expect(new Set(answers.map((one) => 'id' in one && one.id)).size).toBe(1);
      const [first] = queued;
      if (first?.outcome !== 'queued') throw new Error('unreachable');
      expect(await job(first.id)).toMatchObject({ status: 'pending', userId, payload: { userId, connectionId: id, trigger: 'push' } });
      const [entry] = await world.db.outbox.claim({
        kinds: [{ queue: 'gmail-fetch', name: 'fetch_messages' }],
        limit: 1,
        leaseMs: 1_000,
        ids: [first.outboxId ?? 0],
      });
      expect(entry).toMatchObject({ jobId: first.id, payload: { userId, connectionId: id, trigger: 'push' } });
    });

    it('is exactly one more fetch while one is under way', async () => {
      const { id } = await connections().save(newConnection());
      const asked = await connections().askForMailbox(id, 'poll');
      if (asked.outcome !== 'queued') throw new Error('unreachable');
      await begun(world.db, asked.id);
      const more = await Promise.all(Array.from({ length: 10 }, () => connections().askForMailbox(id, 'push')));
      expect(more.filter(({ outcome }) => outcome === 'queued')).toHaveLength(1);
      expect(new Set(more.map((one) => 'id' in one && one.id)).size).toBe(1);
      expect(more).not.toContainEqual(expect.objectContaining({ id: asked.id }));
    });

    it('does not count what a user asked for, nor another account’s fetch', async () => {
      const { connection } = await fetching(world.db);
      const { id: connectionId, userId } = connection;
      const own = await world.db.jobRows.createFetch({ userId, params: { connectionId, query: 'from:bob' }, options: {} });
      const other = await connections().save(newConnection({ userId }));
      const [asked, others] = [await connections().askForMailbox(connectionId, 'poll'), await connections().askForMailbox(other.id, 'poll')];
      expect([asked.outcome, others.outcome]).toEqual(['queued', 'queued']);
      expect(new Set([own.id, 'id' in asked && asked.id, 'id' in others && others.id]).size).toBe(3);
    });

    it('of what has been followed already is nothing to do, beyond 64 bits too', async () => {
      const { connection, run } = await fetching(world.db);
      await world.db.mailboxes.record(run, { historyId: '99999999999999999999998' });
      expect(await connections().askForMailbox(connection.id, 'push', '99999999999999999999998')).toEqual({ outcome: 'known' });
      expect(await connections().askForMailbox(connection.id, 'push', '1000')).toEqual({ outcome: 'known' });
      expect(await connections().askForMailbox(connection.id, 'push', '99999999999999999999999')).toMatchObject({ outcome: 'queued' });
    });

    it('of an account that waits for its user, or is not Google’s, is nothing to do', async () => {
      const { id } = await connections().save(newConnection());
      await connections().markReauthRequired(id, 1, 'invalid_grant');
      const other = await connections().save(newConnection({ provider: 'microsoft' }));
      expect(await connections().askForMailbox(id, 'push')).toEqual({ outcome: 'inactive' });
      expect(await connections().askForMailbox(other.id, 'poll')).toEqual({ outcome: 'inactive' });
    });
  });

  it('accounts whose watch ends soon, or that nobody followed for long, are found, the neediest first', async () => {
    for (const { id } of await connections().list({})) await connections().remove(id, { keepMessages: false });
    const [never, soon, later, waiting] = [newConnection(), newConnection(), newConnection(), newConnection()];
    // Older than the others: they come first, and take nobody's place.
    const unwanted = [newConnection({ scopes: ['openid'] }), newConnection({ scopes: ['openid'] })];
    for (const one of unwanted) await connections().save(one);
    const isWanted = ({ scopes }: Connection) => !scopes.includes('openid');
    const ids = new Map<string, string>();
    for (const [name, one] of Object.entries({ never, soon, later, waiting })) ids.set((await connections().save(one)).id, name);
    const idOf = (name: string) => [...ids].find(([, one]) => one === name)?.[0] ?? '';
    await connections().save(newConnection({ provider: 'microsoft' }));
    await connections().markReauthRequired(idOf('waiting'), 1, 'x');
    await connections().setWatch(idOf('soon'), '2026-11-23T00:00:00.000Z');
    await connections().setWatch(idOf('later'), '2026-11-29T00:00:00.000Z');
    const names = (found: { id: string }[]) => found.map(({ id }) => ids.get(id));
    expect(names(await connections().watchesEndingBefore('2026-11-24T00:00:00.000Z', { isWanted, limit: 9 }))).toEqual(['never', 'soon']);
    expect(names(await connections().watchesEndingBefore('2026-12-24T00:00:00.000Z', { isWanted, limit: 2 }))).toEqual(['never', 'soon']);
    await connections().setWatch(idOf('soon'), null);
    expect(await connections().get(idOf('soon'))).toMatchObject({ watchExpiresAt: null });

    const run = async (name: string) => runningFetch(world.db, { id: idOf(name), userId: (await connections().get(idOf(name)))?.userId ?? '' });
    for (const name of ['later', 'soon']) await world.db.mailboxes.record(await run(name), { historyId: '1' });
    const future = new Date(Date.now() + 60_000).toISOString();
    expect(names(await connections().notSyncedSince(future, { isWanted, limit: 9 }))).toEqual(['never', 'later', 'soon']);
    const { syncedAt } = (await connections().get(idOf('later'))) ?? {};
    expect(names(await connections().notSyncedSince(syncedAt ?? '', { isWanted, limit: 9 }))).toEqual(['never']);
  });
});
