import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MailboxChanges, MailMessage } from '../../lib/db/mail-types.ts';
import { begun, cachedOf, fetching, messageId, newConnection, newMessage, runningFetch } from './mail-samples.ts';
import { type World, worlds } from './worlds.ts';

const CANCEL = 'Cancelled by its user';

describe.each(worlds)('cached messages on %s', (_, start) => {
  let world: World;
  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.stop());

  const mailboxes = () => world.db.mailboxes;
  /** An account, its fetch, and these messages in its cache. */
  async function cacheOf(...messages: Partial<MailMessage>[]) {
    const { connection, run } = await fetching(world.db);
    const stored = messages.map(newMessage);
    await mailboxes().store(run, stored);
    return { ...connection, run, stored, ids: stored.map(({ id }) => id) };
  }
  const idsOf = async (userId: string) => (await cachedOf(world.db, userId)).map((message) => message?.id);

  describe('messages that are stored', () => {
    it('are there whole, each once however often they are stored', async () => {
      const { id: connectionId, userId, run, stored } = await cacheOf({}, { receivedAt: '2026-11-19T10:00:00.000Z', sentAt: null, fromName: null });
      const expected = stored.map((message) => ({ ...message, userId, connectionId, fetchedAt: expect.any(String) }));
      expect(await cachedOf(world.db, userId)).toEqual(expected);
      expect(await mailboxes().store(run, stored)).toBe(0);
      expect(await mailboxes().store(run, [...stored, newMessage({ receivedAt: '2026-11-18T10:00:00.000Z' })])).toBe(1);
      expect(await cachedOf(world.db, userId)).toHaveLength(3);
      expect(await mailboxes().store(run, [])).toBe(0);
    });

    it('take the place of what was read before, and count once where they are named twice', async () => {
      const { userId, run, stored } = await cacheOf({});
      const [first] = stored;
      const anew = newMessage({ id: first?.id ?? '', subject: 'Anew', labels: [], people: { to: [], cc: [], bcc: [], replyTo: [] } });
      expect(await mailboxes().store(run, [anew])).toBe(0);
      expect(await world.db.messages.get(anew.id, userId)).toMatchObject(anew);
      const twice = newMessage();
      expect(await mailboxes().store(run, [twice, twice])).toBe(1);
    });

    it('hold what people send: NUL, halves of surrogate pairs, history ids beyond 64 bits', async () => {
      const message = newMessage({
        historyId: '340282366920938463463374607431768211456',
        subject: 'a\u0000b\ud800',
        text: '\udc00\u0000 𝔘nicode "quoted" \\u0000',
        fromName: '\u0000',
        headers: { 'x-odd\u0000': ['\ud800'] },
      });
      const { userId, run } = await cacheOf();
      expect(await mailboxes().store(run, [message])).toBe(1);
      expect(await world.db.messages.get(message.id, userId)).toMatchObject({
        historyId: message.historyId,
        subject: 'ab\ufffd',
        text: '\ufffd 𝔘nicode "quoted" \\u0000',
        fromName: '',
        headers: { 'x-odd': ['\ufffd'] },
      });
    });

    it('may be larger than one call may be, and of more words than an index holds', async () => {
      const { userId, run } = await cacheOf();
      const letters = Array.from({ length: 26 }, (_unused, n) => String.fromCodePoint(0x1d51e + n));
      const wordy = Array.from({ length: 400_000 }, (_unused, n) => `${letters[n % 26]}${n}-${letters[(n * 7) % 26]}${n}`).join(' ');
      const large = ['x'.repeat(1_500_000), wordy, 'y'.repeat(700_000), 'z'].map((text) => newMessage({ text }));
      expect(await mailboxes().store(run, large)).toBe(4);
      for (const { id, text } of large) expect((await world.db.messages.get(id, userId))?.text === text).toBe(true);
    });

    it('of two users with one id are two', async () => {
      const shared = messageId();
      const users = [await cacheOf({ id: shared, subject: 'A' }), await cacheOf({ id: shared, subject: 'B' })];
      for (const [index, { userId }] of users.entries()) expect(await world.db.messages.get(shared, userId)).toMatchObject({ subject: 'AB'[index] });
    });

    it('need not be read again; others do', async () => {
      const { userId, ids } = await cacheOf({}, {});
      expect(await mailboxes().cached(userId, [...ids, messageId(), ''])).toEqual(new Set(ids));
      expect(await mailboxes().cached(randomUUID(), ids)).toEqual(new Set());
      expect(await mailboxes().cached(userId, [])).toEqual(new Set());
      const many = Array.from({ length: 60_000 }, messageId);
      expect(await mailboxes().cached(userId, [...ids.slice(0, 1), ...many, ...ids.slice(1)])).toEqual(new Set(ids));
    });
  });

  describe('a run that may not write any more changes nothing', () => {
    const changes: MailboxChanges = { deleted: ['a'], listed: [], complete: true, historyId: '2000' };

    it.each<[string, (jobId: string, connectionId: string) => Promise<unknown>]>([
      ['another run has the job', (jobId) => begun(world.db, jobId, 2)],
      ['the job is cancelled', (jobId) => world.db.jobRows.cancel('analytics_jobs', jobId, CANCEL)],
      ['the account is removed', (_jobId, id) => world.db.connections.remove(id, { keepMessages: true })],
    ])('since %s', async (_why, lose) => {
      const { id, userId, run } = await cacheOf({ id: 'a' });
      await mailboxes().record(run, { historyId: '1000' });
      await lose(run.jobId, id);
      const before = [await cachedOf(world.db, userId), await world.db.connections.get(id)];
      const refused = { name: 'JobAbortedError', kind: 'superseded', retryable: false };
      await expect(mailboxes().store(run, [newMessage({ id: 'a' }), newMessage()])).rejects.toMatchObject(refused);
      await expect(mailboxes().record(run, changes)).rejects.toMatchObject(refused);
      expect([await cachedOf(world.db, userId), await world.db.connections.get(id)]).toEqual(before);
    });

    it('since it is no run of this user at all', async () => {
      const { id, userId, run } = await cacheOf({ id: 'a' });
      const { run: others } = await fetching(world.db);
      const before = await cachedOf(world.db, userId);
      const runs = [
        { ...run, runId: 'x' },
        { ...run, jobId: randomUUID() },
        { ...run, jobId: 'x' },
        { ...run, connectionId: 'x' },
        { ...others, connectionId: id },
      ];
      for (const wrong of runs) await expect(mailboxes().store(wrong, [newMessage()])).rejects.toMatchObject({ kind: 'superseded' });
      for (const wrong of runs) await expect(mailboxes().record(wrong, changes)).rejects.toMatchObject({ kind: 'superseded' });
      expect(await cachedOf(world.db, userId)).toEqual(before);
    });
  });

  it('adds up what the runs of a fetch have done; one that has lost the job adds nothing', async () => {
    const { run } = await fetching(world.db);
    const tally = { found: 3, fetched: 2, gone: 1, failed: 0, deleted: 0, relabelled: 4, units: 12_345, calls: 2, milliseconds: 90 };
    expect(await mailboxes().addTally(run, tally)).toEqual(tally);
    const twice = Object.fromEntries(Object.entries(tally).map(([name, value]) => [name, 2 * value]));
    expect(await mailboxes().addTally(run, tally)).toEqual(twice);
    for (const jobId of [randomUUID(), 'no uuid'])
      await expect(mailboxes().addTally({ ...run, jobId }, tally)).rejects.toMatchObject({ kind: 'superseded' });
    await expect(mailboxes().addTally({ ...run, runId: 'another' }, tally)).rejects.toMatchObject({ kind: 'superseded' });
  });

  describe('what a mailbox tells', () => {
    it('moves its history id forward only, beyond 64 bits too, and with it the time to which it was followed', async () => {
      const { id, run } = await cacheOf();
      const historyId = async (told: string | null | undefined) => {
        await mailboxes().record(run, told === undefined ? {} : { historyId: told });
        return (await world.db.connections.get(id))?.historyId;
      };
      expect(await historyId(undefined)).toBeNull();
      expect((await world.db.connections.get(id))?.syncedAt).toBeNull();
      expect(await historyId('999')).toBe('999');
      expect((await world.db.connections.get(id))?.syncedAt).toEqual(expect.any(String));
      expect(await historyId('1000')).toBe('1000');
      expect(await historyId('999')).toBe('1000');
      expect(await historyId(null)).toBe('1000');
      expect(await historyId('18446744073709551616')).toBe('18446744073709551616');
      expect(await historyId('18446744073709551615')).toBe('18446744073709551616');
    });

    it('takes away what was deleted, of this account’s user alone', async () => {
      const { userId, run, ids } = await cacheOf({}, { receivedAt: '2026-11-01T10:00:00.000Z' });
      const other = await cacheOf({ id: ids[0] ?? '' });
      expect(await mailboxes().record(run, { deleted: [ids[0] ?? '', messageId()] })).toEqual({ deleted: 1, relabelled: 0, messages: 1 });
      expect(await idsOf(userId)).toEqual(ids.slice(1));
      expect(await idsOf(other.userId)).toEqual(other.ids);
      expect(await mailboxes().record(run, { deleted: [ids[0] ?? ''] })).toEqual({ deleted: 0, relabelled: 0, messages: 1 });
    });

    it('changes labels: of what happened to one the last counts, and what changes nothing is not counted', async () => {
      const { userId, run, ids } = await cacheOf({ labels: ['INBOX', 'UNREAD'] }, { labels: ['INBOX'], receivedAt: '2026-11-01T10:00:00.000Z' });
      const [a = '', b = ''] = ids;
      const labels = [
        { id: a, added: ['STARRED'], removed: ['UNREAD'] },
        { id: b, added: [], removed: ['UNREAD'] },
        { id: messageId(), added: ['STARRED'], removed: [] },
        { id: a, added: ['UNREAD', 'Label_1'], removed: [] },
        { id: a, added: [], removed: ['STARRED', 'INBOX'] },
      ];
      expect(await mailboxes().record(run, { labels })).toEqual({ deleted: 0, relabelled: 1, messages: 2 });
      const found = await cachedOf(world.db, userId);
      expect(found.map((message) => message?.labels.toSorted())).toEqual([['Label_1', 'UNREAD'], ['INBOX']]);
      expect(await mailboxes().record(run, { labels })).toMatchObject({ relabelled: 0 });
    });

    it.each([
      ['takes away what a listing of the newest misses; what is older than it stays', false, ['new', 'old', 'older']],
      ['takes away all that a listing of everything misses', true, ['new', 'old']],
    ])('%s', async (_what, complete, left) => {
      const at = (day: number) => ({ receivedAt: `2026-11-${day}T10:00:00.000Z` });
      const { userId, run } = await cacheOf(
        { id: 'new', ...at(20) },
        { id: 'gone', ...at(19) },
        { id: 'old', ...at(18) },
        { id: 'older', ...at(17) },
      );
      const second = await fetching(world.db, { userId });
      await mailboxes().store(second.run, [newMessage({ id: 'of another account', ...at(19) })]);
      const listed = ['not cached', 'new', 'old'];
      expect(await mailboxes().record(run, { listed, complete })).toEqual({ deleted: complete ? 2 : 1, relabelled: 0, messages: left.length });
      expect(await idsOf(userId)).toEqual([left[0], 'of another account', ...left.slice(1)]);
    });

    it('takes nothing away where nothing of the listing is cached, and all where an empty mailbox was listed whole', async () => {
      const { userId, run, ids } = await cacheOf({});
      expect(await mailboxes().record(run, { listed: [messageId()], complete: false })).toMatchObject({ deleted: 0 });
      expect(await mailboxes().record(run, { listed: [], complete: false })).toMatchObject({ deleted: 0 });
      expect(await idsOf(userId)).toEqual(ids);
      expect(await mailboxes().record(run, { listed: [], complete: true })).toMatchObject({ deleted: 1, messages: 0 });
    });
  });

  describe('a list', () => {
    const list = async (options: Omit<Parameters<World['db']['messages']['list']>[0], 'limit'>) =>
      (await world.db.messages.list({ limit: 100, ...options })).items.map(({ subject }) => subject);

    it('goes through pages without loss or repetition where times are equal', async () => {
      const { userId } = await cacheOf(
        ...Array.from({ length: 7 }, (_unused, n) => ({ subject: `${n}`, ...(n > 4 ? { receivedAt: '2026-01-01T00:00:00.000Z' } : {}) })),
      );
      const whole = await list({ userId });
      const paged: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await world.db.messages.list({ userId, limit: 2, ...(cursor ? { cursor } : {}) });
        expect(page.items.length).toBeLessThanOrEqual(2);
        paged.push(...page.items.map(({ subject }) => subject));
        cursor = page.nextCursor ?? undefined;
      } while (cursor);
      expect(paged).toEqual(whole);
      expect(whole.slice(0, 5).sort()).toEqual(['0', '1', '2', '3', '4']);
      expect(paged).toHaveLength(7);
    });

    it('of the service goes through the messages of all users, equal ids and times too', async () => {
      const id = messageId();
      const receivedAt = '2031-01-01T00:00:00.000Z';
      const users = [await cacheOf({ id, receivedAt }), await cacheOf({ id, receivedAt }), await cacheOf({ id, receivedAt })].map(
        ({ userId }) => userId,
      );
      const seen: string[] = [];
      let cursor: string | undefined;
      for (let n = 0; n < 3; n += 1) {
        const page = await world.db.messages.list({ limit: 1, after: '2030-12-31T00:00:00Z', ...(cursor ? { cursor } : {}) });
        seen.push(...page.items.map(({ userId }) => userId));
        cursor = page.nextCursor ?? undefined;
      }
      expect(seen.toSorted()).toEqual(users.toSorted());
      expect(cursor).toBeUndefined();
    });

    it('refuses a cursor of another list', async () => {
      const stories = Buffer.from(JSON.stringify(['2026-01-01T00:00:00Z', randomUUID()])).toString('base64url');
      for (const cursor of ['x', stories])
        await expect(world.db.messages.list({ limit: 1, cursor })).rejects.toMatchObject({ code: 'invalid_input' });
    });

    it('leaves texts and headers out', async () => {
      const { userId } = await cacheOf({});
      const { items } = await world.db.messages.list({ userId, limit: 1 });
      expect(items[0]).not.toHaveProperty('text');
      expect(items[0]).not.toHaveProperty('headers');
    });

    it('is narrowed by label, thread, account, sender and time; spam and trash show only where they are asked for', async () => {
      const { id, userId } = await cacheOf(
        { subject: 'plain', receivedAt: '2026-11-20T10:00:00.000Z' },
        { subject: 'spam', labels: ['SPAM'], receivedAt: '2026-11-19T10:00:00.000Z' },
        { subject: 'trash', labels: ['TRASH', 'Label_1'], receivedAt: '2026-11-18T10:00:00.000Z' },
        { subject: 'thread', threadId: 't-2', fromAddress: 'Bob@Example.com', labels: ['Label_1'], receivedAt: '2026-11-17T10:00:00.000Z' },
      );
      const other = await fetching(world.db, { userId });
      await mailboxes().store(other.run, [newMessage({ subject: 'other account', receivedAt: '2026-11-16T10:00:00.000Z' })]);
      expect(await list({ userId })).toEqual(['plain', 'thread', 'other account']);
      expect(await list({ userId, label: 'SPAM' })).toEqual(['spam']);
      expect(await list({ userId, label: 'Label_1' })).toEqual(['trash', 'thread']);
      expect(await list({ userId, threadId: 't-2' })).toEqual(['thread']);
      expect(await list({ userId, connectionId: id })).toEqual(['plain', 'thread']);
      expect(await list({ userId, from: 'bob@example.COM' })).toEqual(['thread']);
      expect(await list({ userId, after: '2026-11-17T10:00:00Z', before: '2026-11-20T10:00:00Z' })).toEqual(['thread']);
      expect(await list({ userId: 'nobody' })).toEqual([]);
      expect(await list({ connectionId: 'none' })).toEqual([]);
      await expect(list({ userId, after: 'soon' })).rejects.toMatchObject({ code: 'invalid_input' });
    });

    it('is searched as the web is: words, phrases, without, or; in subject, sender and text', async () => {
      const { userId } = await cacheOf(
        { subject: 'Quarterly report', text: 'Numbers for the board', receivedAt: '2026-11-20T10:00:00.000Z' },
        { subject: 'Lunch', text: 'the report of the quarter is late', receivedAt: '2026-11-19T10:00:00.000Z' },
        { subject: 'Hi', text: '', fromName: 'Jürgen Groß', fromAddress: 'jg@firma.example', receivedAt: '2026-11-18T10:00:00.000Z' },
      );
      expect(await list({ userId, search: 'REPORT' })).toEqual(['Quarterly report', 'Lunch']);
      expect(await list({ userId, search: '"quarterly report"' })).toEqual(['Quarterly report']);
      expect(await list({ userId, search: 'report -lunch' })).toEqual(['Quarterly report']);
      expect(await list({ userId, search: 'lunch or jürgen' })).toEqual(['Lunch', 'Hi']);
      expect(await list({ userId, search: 'jg@firma.example' })).toEqual(['Hi']);
      expect(await list({ userId, search: `'); drop table -- "&|!:*` })).toEqual([]);
      expect(await list({ userId, search: '  ' })).toHaveLength(3);
    });

    it('answers one message, also from the trash; none where there is none', async () => {
      const { userId, ids } = await cacheOf({ labels: ['TRASH'] });
      const [id = ''] = ids;
      expect(await world.db.messages.get(id)).toMatchObject({ id, text: 'Shall we have lunch on Friday?\n' });
      for (const nobody of [randomUUID(), 'x']) expect(await world.db.messages.get(id, nobody)).toBeUndefined();
      expect(await world.db.messages.get(messageId(), userId)).toBeUndefined();
    });
  });

  it('a listing of a hundred thousand messages is compared in one call', async () => {
    const connection = await world.db.connections.save(newConnection());
    const run = await runningFetch(world.db, connection);
    const listed = Array.from({ length: 100_000 }, messageId);
    await mailboxes().store(
      run,
      listed.slice(0, 2_000).map((id) => newMessage({ id, text: '' })),
    );
    await mailboxes().store(
      run,
      Array.from({ length: 50 }, () => newMessage({ text: '' })),
    );
    expect(await mailboxes().record(run, { listed, complete: true })).toEqual({ deleted: 50, relabelled: 0, messages: 2_000 });
  });
});
