import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conversationOf } from './conversation-samples.ts';
import { type World, worlds } from './worlds.ts';

describe.each(worlds)('conversations on %s', (_, start) => {
  let world: World;
  let service: SupabaseClient;
  beforeAll(async () => {
    world = await start();
    service = createClient(world.url, world.serviceKey, { ...(world.fetch ? { global: { fetch: world.fetch } } : {}) });
  });
  afterAll(() => world.stop());

  const conversations = () => world.db.conversations;
  const conversationWith = (...texts: string[]) => conversationOf(world.db, texts);
  const jobOf = (id: string) => world.db.jobRows.get('conversation_analysis_jobs', id);

  describe('a conversation', () => {
    it('is the same one when it is made again under its id, and refused to another owner', async () => {
      const [id, userId] = [randomUUID(), randomUUID()];
      const made = await conversations().create({ id, userId, title: 'Parks' });
      expect(made).toMatchObject({ id, userId, title: 'Parks', analysisStatus: 'idle', analysis: null, analysisJobId: null, analysedAt: null });
      expect(await conversations().create({ id, userId, title: 'Another title' })).toEqual(made);
      expect(await conversations().get(id)).toEqual(made);
      await expect(conversations().create({ id, userId: randomUUID(), title: 'Mine' })).rejects.toMatchObject({ code: 'invalid_input' });
      await expect(conversations().create({ id, userId: null, title: 'Nobody’s' })).rejects.toMatchObject({ code: 'invalid_input' });
    });

    it('is listed newest first, page by page', async () => {
      const userId = randomUUID();
      const made: string[] = [];
      for (const title of ['1', '2', '3']) made.push((await conversations().create({ userId, title })).id);
      const first = await conversations().list({ userId, limit: 2 });
      const second = await conversations().list({ userId, limit: 2, ...(first.nextCursor ? { cursor: first.nextCursor } : {}) });
      expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(made.reverse());
      expect(second.nextCursor).toBeNull();
    });
  });

  describe('answers', () => {
    it('are stored in their order, empty ones and what Postgres would refuse included', async () => {
      const texts = ['more trees', '', 'NUL \u0000 and half a pair \ud83d', 'more trees', '🐝'];
      const { id, answers } = await conversationWith(...texts);
      expect(answers.map(({ text }) => text)).toEqual(['more trees', '', 'NUL  and half a pair \ufffd', 'more trees', '🐝']);
      expect(answers[0]).toMatchObject({ themeId: null, x: null, y: null, cluster: null, duplicateOf: null, externalId: null });
      expect(await conversations().counts(id)).toEqual({ total: 5, counted: 0, duplicates: 0, notAnalysed: 5, outliers: 0, themes: 0 });
    });

    it('with an id of the caller’s own are stored once, within a call and across calls, and in another conversation again', async () => {
      const [one, other] = [await conversationWith(), await conversationWith()];
      const rows = [
        { text: 'a', externalId: '1' },
        { text: 'b', externalId: '2' },
        { text: 'A', externalId: '1' },
        { text: 'c', externalId: '' },
      ];
      expect(await conversations().addAnswers(one.id, rows)).toEqual({ added: 3, skipped: 1 });
      expect(await conversations().addAnswers(one.id, rows)).toEqual({ added: 1, skipped: 3 });
      expect(await conversations().addAnswers(other.id, rows)).toEqual({ added: 3, skipped: 1 });
      const texts = (await conversations().answers(one.id, { after: 0, limit: 9 })).map(({ text, externalId }) => [text, externalId]);
      expect(texts).toEqual([
        ['a', '1'],
        ['b', '2'],
        ['c', null],
        ['c', null],
      ]);
    });

    it('are stored once by a call that is repeated because its answer was lost', async () => {
      const { id } = await conversationWith();
      const args = {
        p_conversation_id: id,
        p_responses: JSON.stringify([
          { id: randomUUID(), text: 'a' },
          { id: randomUUID(), text: 'a' },
        ]),
      };
      const answered = async () => (await service.rpc('add_conversation_responses', args)).data;
      expect([await answered(), await answered()]).toEqual([
        { added: 2, skipped: 0 },
        { added: 2, skipped: 0 },
      ]);
      expect(await conversations().counts(id)).toMatchObject({ total: 2 });
    });

    it('are read page by page, each once, while more are added', async () => {
      const { id } = await conversationWith(...Array.from({ length: 250 }, (_unused, index) => `answer ${index}`));
      const read: string[] = [];
      let after = 0;
      for (let page = 0; ; page += 1) {
        if (page < 2) await conversations().addAnswers(id, [{ text: `late ${page}` }]);
        const rows = await conversations().answers(id, { after, limit: 100 });
        read.push(...rows.map(({ text }) => text));
        after = rows.at(-1)?.position ?? after;
        if (rows.length < 100) break;
      }
      expect(read).toEqual([...Array.from({ length: 250 }, (_unused, index) => `answer ${index}`), 'late 0', 'late 1']);
    });

    it('that many add at once all come in, in an order that no reader can have passed', async () => {
      const { id } = await conversationWith();
      const calls = Array.from({ length: 8 }, (_unused, caller) => Array.from({ length: 20 }, (_none, index) => ({ text: `${caller} ${index}` })));
      await Promise.all(calls.map((answers) => conversations().addAnswers(id, answers)));
      const callers = (await conversations().answers(id, { after: 0, limit: 999 })).map(({ text }) => text.split(' ')[0]);
      // Each call's answers stand together: no two calls were at it at the same moment.
      expect(callers.filter((caller, index) => caller !== callers[index - 1])).toHaveLength(8);
      expect(callers).toHaveLength(160);
    });

    it('of a conversation that nobody made are refused, and none are there', async () => {
      const missing = { name: 'NotFoundError', details: { what: 'Conversation' } };
      await expect(conversations().addAnswers(randomUUID(), [{ text: 'x' }])).rejects.toMatchObject(missing);
      await expect(conversations().addAnswers('no-uuid', [])).rejects.toMatchObject({ code: 'invalid_input' });
      for (const id of [randomUUID(), 'no-uuid']) {
        expect(await conversations().get(id)).toBeUndefined();
        expect(await conversations().answers(id, { after: 0, limit: 9 })).toEqual([]);
        expect(await conversations().themes(id)).toEqual([]);
        expect(await conversations().counts(id)).toMatchObject({ total: 0, themes: 0 });
      }
    });

    it('whose own id is too long for an index are refused, naming the reason', async () => {
      const { id } = await conversationWith();
      const rows = [{ text: 'x', externalId: 'ü'.repeat(1001) }];
      await expect(conversations().addAnswers(id, rows)).rejects.toMatchObject({ code: 'invalid_input', message: expect.stringContaining('2000') });
    });
  });

  describe('an analysis asked for by plain SQL', () => {
    const KINDS = [{ queue: 'conversation-analysis', name: 'analyze' }];
    const payloadOf = async (jobId: string) => {
      const entries = await world.db.outbox.claim({ kinds: KINDS, limit: 1000, leaseMs: 1 });
      return entries.find((entry) => entry.jobId === jobId)?.payload;
    };

    it.each([
      ['none, as in the old guide', {}, {}],
      ['some', { params: { k: 5, seed: 7 } }, { k: 5, seed: 7 }],
      ['some of no use, which the worker will name', { params: { k: 'five' } }, { k: 'five' }],
      ['a list', { params: [1, 2] }, {}],
      ['a text', { params: JSON.stringify(JSON.stringify('junk')) }, {}],
      ['an object in a text', { params: '{"k": 4}' }, { k: 4 }],
      ['a number', { params: 7 }, {}],
    ])('goes to the queue with its params: %s', async (_what, params, expected) => {
      const { id: conversationId } = await conversationWith('trees');
      const row = { conversation_id: conversationId, status: 'queued', created_by: randomUUID(), ...params };
      const { data, error } = await service.from('conversation_analysis_jobs').insert(row).select('id').single();
      expect(error).toBeNull();
      expect(await payloadOf(data?.id)).toEqual({ ...expected, conversationId });
      expect(await jobOf(data?.id)).toMatchObject({ status: 'queued', payload: { conversationId } });
      expect(await conversations().get(conversationId)).toMatchObject({ analysisStatus: 'queued' });
    });

    it('or by the function goes with its params too', async () => {
      const { id: conversationId } = await conversationWith('trees');
      const { id } = await world.db.jobRows.createAnalysis({ conversationId, params: { minK: 2, maxK: 9, renameThemes: true }, options: {} });
      expect(await payloadOf(id)).toEqual({ minK: 2, maxK: 9, renameThemes: true, conversationId });
      expect(await jobOf(id)).toMatchObject({ payload: { minK: 2, maxK: 9, renameThemes: true, conversationId } });
    });
  });
});
