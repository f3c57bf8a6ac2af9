import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndOfRow, RunOfRow } from '../../lib/db/types.ts';
import { InsufficientCreditsError } from '../../lib/errors.ts';
import { newFailure, newStory, type World, worlds } from './worlds.ts';

const REVIEW_KINDS = [{ queue: 'review-ai', name: 'sentiment_analysis' }];

describe.each(worlds)('jobs of the database on %s', (_, start) => {
  let world: World;
  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.stop());

  const rows = () => world.db.jobRows;
  const jobs = () => world.db.reviewJobs;

  async function rich(amount = 100): Promise<string> {
    const userId = randomUUID();
    await world.db.credits.grant({ userId, amount });
    return userId;
  }

  /** A review job that costs 1. */
  const ask = async (userId: string, options = {}) => jobs().create({ userId, type: 'sentiment_analysis', payload: { text: 'good' }, options });
  const begin = (id: string, run: Partial<RunOfRow> = {}) => rows().begin({ table: 'jobs', id, run: 1, runId: 'r1', attempt: 1, ...run });
  const end = (id: string, ending: Partial<EndOfRow> = {}) =>
    rows().end({ table: 'jobs', id, runId: 'r1', outcome: 'done', result: { ok: true }, ...ending });
  const claim = (ids?: number[]) => world.db.outbox.claim({ kinds: REVIEW_KINDS, limit: 1000, leaseMs: 60_000, ...(ids ? { ids } : {}) });
  const sent = (entries: Awaited<ReturnType<typeof claim>>) =>
    world.db.outbox.finish(entries.map(({ id, asked, jobId }) => ({ id, asked, ended: 'sent', jobId })));

  describe('a run', () => {
    it('takes its row, reports progress and ends it with the result', async () => {
      const { id } = await ask(await rich());
      expect(await begin(id, { attempt: 2 })).toEqual({ state: 'run' });
      await rows().progress({ table: 'jobs', id, runId: 'r1', progress: 2.4, total: 5, currentStep: 'two of five' });
      expect(await rows().get('jobs', id)).toMatchObject({
        status: 'processing',
        name: 'sentiment_analysis',
        payload: { text: 'good' },
        attempts: 2,
        progress: { progress: 2, total: 5, current_step: 'two of five' },
        finishedAt: null,
      });
      expect(await end(id)).toBe(true);
      expect(await jobs().get(id)).toMatchObject({ status: 'completed', result: { ok: true }, progress: 5, creditsState: 'settled', error: null });
      expect(await begin(id, { runId: 'r2' })).toEqual({ state: 'finished', result: { ok: true } });
    });

    it.each([
      ['whose id is no uuid', 'not-a-uuid'],
      ['that nobody made', randomUUID()],
    ])('finds and changes nothing for a row %s', async (_, id) => {
      expect(await begin(id)).toEqual({ state: 'missing' });
      expect(await end(id)).toBe(false);
      await rows().progress({ table: 'jobs', id, runId: 'r1', progress: 1, total: 2, currentStep: 'x' });
      expect(await rows().get('jobs', id)).toBeUndefined();
      expect(await rows().cancel('jobs', id, 'x')).toBe('not_found');
      expect(await rows().retry('jobs', id)).toEqual({ outcome: 'not_found' });
      expect(await rows().resend([{ table: 'jobs', id, run: 1 }])).toBe(0);
    });

    it('loses the row to a later run, and changes nothing any more', async () => {
      const { id } = await ask(await rich());
      await begin(id, { runId: 'old' });
      await begin(id, { runId: 'new' });
      await rows().progress({ table: 'jobs', id, runId: 'old', progress: 9, total: 9, currentStep: 'late' });
      for (const outcome of ['done', 'failed', 'cancelled', 'retry'] as const)
        expect(await end(id, { runId: 'old', outcome, error: 'late' })).toBe(false);
      expect(await jobs().get(id)).toMatchObject({ status: 'processing', progress: 0, error: null });
      expect(await end(id, { runId: 'new' })).toBe(true);
      expect(await end(id, { runId: 'old', outcome: 'failed', error: 'late' })).toBe(false);
      expect(await jobs().get(id)).toMatchObject({ status: 'completed' });
    });

    it('answers a repeated report as the first time, storing it once', async () => {
      const userId = await rich();
      const { id } = await ask(userId);
      await begin(id);
      expect(await end(id)).toBe(true);
      expect(await end(id, { result: { ok: 'again' } })).toBe(true);
      expect(await jobs().get(id)).toMatchObject({ result: { ok: true } });
      expect((await world.db.credits.ledger({ userId, limit: 10 })).items.map(({ kind }) => kind)).toEqual(['settle', 'reserve', 'grant']);
    });

    it('goes back to waiting for another attempt, without a new run and without being asked for anew', async () => {
      const { id, outboxId } = await ask(await rich());
      await sent(await claim([outboxId ?? 0]));
      await begin(id);
      expect(await end(id, { outcome: 'retry', error: 'busy' })).toBe(true);
      expect(await jobs().get(id)).toMatchObject({ status: 'pending', run: 1, error: 'busy', creditsState: 'held' });
      expect((await claim()).filter(({ jobId }) => jobId === id)).toEqual([]);
      expect(await begin(id, { runId: 'r2', attempt: 2 })).toEqual({ state: 'run' });
    });

    it('of several that report at once in one statement has its own answer', async () => {
      const userId = await rich();
      const ids = await Promise.all(Array.from({ length: 60 }, async () => (await ask(userId)).id));
      const begun = await Promise.all([...ids.map((id, index) => begin(id, { runId: `r${index}` })), begin(randomUUID()), begin('no uuid')]);
      expect(begun.map(({ state }) => state)).toEqual([...ids.map(() => 'run'), 'missing', 'missing']);
      const ended = await Promise.all(ids.map((id, index) => end(id, { runId: index % 3 === 0 ? 'another' : `r${index}`, result: index })));
      expect(ended).toEqual(ids.map((_, index) => index % 3 !== 0));
      const results = await Promise.all(ids.map(async (id) => (await jobs().get(id))?.result));
      expect(results).toEqual(ids.map((_, index) => (index % 3 === 0 ? null : index)));
      expect(await world.db.credits.balance(userId)).toBe(40);
    });

    it('shares a statement with others about the same row: the later run has it, the first report counts', async () => {
      const { id } = await ask(await rich());
      expect(await Promise.all([begin(id, { runId: 'a' }), begin(id, { runId: 'b' })])).toEqual([{ state: 'run' }, { state: 'run' }]);
      expect(await end(id, { runId: 'a' })).toBe(false);
      const both = await Promise.all([
        end(id, { runId: 'b', result: 1 }),
        end(id, { outcome: 'cancelled', error: 'x', runId: undefined, run: 1 }),
        end(id, { runId: 'b' }),
      ]);
      expect(both).toEqual([true, false, true]);
      expect(await jobs().get(id)).toMatchObject({ status: 'completed', result: 1 });
    });
  });

  describe('a row that is set back to waiting', () => {
    it('starts a new run, is charged again, and refuses the old one', async () => {
      const userId = await rich(3);
      const { id, outboxId } = await ask(userId);
      await sent(await claim([outboxId ?? 0]));
      await begin(id);
      await end(id, { outcome: 'failed', error: 'no' });
      expect(await world.db.credits.balance(userId)).toBe(3);
      const retried = await rows().retry('jobs', id);
      expect(retried).toMatchObject({ outcome: 'retried', run: 2, outboxId: expect.any(Number) });
      expect(await world.db.credits.balance(userId)).toBe(2);
      expect(await rows().retry('jobs', id)).toEqual({ outcome: 'not_failed' });
      expect(await begin(id)).toEqual({ state: 'superseded' });
      expect((await claim()).filter(({ jobId }) => jobId === id)).toMatchObject([{ run: 2, replaces: true, row: { table: 'jobs', id } }]);
      expect(await begin(id, { run: 2, runId: 'r2' })).toEqual({ state: 'run' });
    });

    it('stays as it is when the credits are short', async () => {
      const userId = await rich(1);
      const { id } = await ask(userId);
      await rows().cancel('jobs', id, 'by hand');
      await ask(userId);
      await expect(rows().retry('jobs', id)).rejects.toMatchObject({ code: 'insufficient_credits', details: { cost: 1, balance: 0 } });
      expect(await jobs().get(id)).toMatchObject({ status: 'cancelled', run: 1, creditsState: 'released', error: 'by hand' });
    });
  });

  describe('a cancelled row', () => {
    it('gives the credits back once, takes back what was not sent, and revives for nobody', async () => {
      const userId = await rich(5);
      const { id } = await ask(userId);
      expect(await Promise.all([1, 2, 3].map(() => rows().cancel('jobs', id, 'by hand')))).toEqual(['cancelled', 'cancelled', 'cancelled']);
      expect(await world.db.credits.balance(userId)).toBe(5);
      expect((await claim()).filter(({ jobId }) => jobId === id)).toEqual([]);
      expect(await begin(id)).toEqual({ state: 'ended', status: 'cancelled', error: 'by hand' });
      expect(await end(id)).toBe(false);
    });

    it('is none that had ended', async () => {
      const { id } = await ask(await rich());
      await begin(id);
      await end(id);
      expect(await rows().cancel('jobs', id, 'late')).toBe('finished');
    });
  });

  describe('create', () => {
    it('takes the price and answers the same job for the same key', async () => {
      const userId = await rich(10);
      const first = await jobs().create({ userId, type: 'ai_generation', payload: { review_text: 'x' }, options: { idempotencyKey: 'k' } });
      expect(first).toMatchObject({ deduplicated: false, cost: 2, balance: 8, status: 'pending', outboxId: expect.any(Number) });
      const again = { userId, type: 'ai_generation', payload: { review_text: 'x' }, options: { idempotencyKey: 'k' } };
      expect(await jobs().create(again)).toMatchObject({ id: first.id, deduplicated: true, balance: 8 });
      await expect(jobs().create({ ...again, payload: { review_text: 'y' } })).rejects.toMatchObject({
        code: 'idempotency_key_reused',
        retryable: false,
        details: { jobId: first.id },
      });
    });

    it('makes one job of twenty calls with one key at once', async () => {
      const userId = await rich(10);
      const made = await Promise.all(Array.from({ length: 20 }, () => ask(userId, { idempotencyKey: 'once' })));
      expect(new Set(made.map(({ id }) => id)).size).toBe(1);
      expect(made.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
      expect(await world.db.credits.balance(userId)).toBe(9);
    });

    it('never spends more than there is, whoever of twenty asks', async () => {
      const userId = await rich(7);
      const made = await Promise.allSettled(Array.from({ length: 20 }, () => ask(userId)));
      expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(7);
      for (const one of made) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(InsufficientCreditsError);
      expect(await world.db.credits.balance(userId)).toBe(0);
    });

    it('changes nothing when the credits are short, and says what is missing', async () => {
      const userId = randomUUID();
      await expect(ask(userId)).rejects.toMatchObject({ code: 'insufficient_credits', details: { cost: 1, balance: 0 } });
      expect((await jobs().list({ limit: 5, userId })).items).toEqual([]);
    });

    it.each([
      ['a user who is none', { userId: 'somebody', type: 'ai_generation', payload: {} }],
      ['a job id that is no uuid', { userId: randomUUID(), type: 'ai_generation', payload: {}, options: { jobId: 'mine' } }],
      ['a cost below 0', { userId: randomUUID(), type: 'ai_generation', payload: {}, cost: -1 }],
    ])('refuses %s', async (_, job) => {
      await expect(jobs().create(job)).rejects.toMatchObject({ code: 'invalid_input' });
    });

    it('lists newest first, page by page, by user, type and status', async () => {
      const userId = await rich();
      const ids: string[] = [];
      for (let index = 0; index < 5; index += 1) ids.unshift((await ask(userId)).id);
      const first = await jobs().list({ limit: 3, userId });
      const second = await jobs().list({ limit: 3, userId, cursor: first.nextCursor ?? '' });
      expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids);
      expect(second.nextCursor).toBeNull();
      await rows().cancel('jobs', ids[0] ?? '', 'x');
      expect((await jobs().list({ limit: 9, userId, status: 'cancelled' })).items.map(({ id }) => id)).toEqual([ids[0]]);
      expect((await jobs().list({ limit: 9, userId, type: 'ai_generation' })).items).toEqual([]);
    });
  });

  describe('credits', () => {
    it('are granted once per key, and listed newest first, page by page', async () => {
      const userId = randomUUID();
      const grant = { userId, amount: 5, idempotencyKey: 'invoice-1', note: 'paid' };
      expect(await world.db.credits.grant(grant)).toEqual({ balance: 5, granted: true });
      expect(await world.db.credits.grant(grant)).toEqual({ balance: 5, granted: false });
      for (let index = 0; index < 4; index += 1) await ask(userId);
      const first = await world.db.credits.ledger({ userId, limit: 3 });
      const second = await world.db.credits.ledger({ userId, limit: 3, cursor: first.nextCursor ?? '' });
      expect([...first.items, ...second.items].map(({ amount, balanceAfter }) => [amount, balanceAfter])).toEqual([
        [-1, 1],
        [-1, 2],
        [-1, 3],
        [-1, 4],
        [5, 5],
      ]);
      expect(second.items.at(-1)).toMatchObject({ kind: 'grant', note: 'paid', jobId: null });
      const ofAnotherList = (await jobs().list({ limit: 1, userId })).nextCursor ?? '';
      await expect(world.db.credits.ledger({ userId, limit: 3, cursor: ofAnotherList })).rejects.toMatchObject({ code: 'invalid_input' });
    });

    it.each([0, -5, 1.5])('are not granted in amounts of %s', async (amount) => {
      await expect(world.db.credits.grant({ userId: randomUUID(), amount })).rejects.toMatchObject({ code: 'invalid_input' });
    });

    it('come back from jobs that nobody has touched for too long', async () => {
      const userId = await rich(2);
      const { id } = await ask(userId);
      expect(await rows().expire(60_000)).toBe(0);
      expect(await rows().expire(-1_000)).toBeGreaterThan(0);
      expect(await jobs().get(id)).toMatchObject({ status: 'failed', creditsState: 'released' });
      expect(await world.db.credits.balance(userId)).toBe(2);
    });

    it('have a price per type', async () => {
      expect(await world.db.credits.prices()).toMatchObject({ ai_generation: 2, sentiment_analysis: 1 });
    });
  });

  describe('the outbox', () => {
    it('is claimed once, oldest first, and again when the lease is over or the delivery is put off', async () => {
      const userId = await rich();
      const ids: string[] = [];
      for (let index = 0; index < 3; index += 1) ids.push((await ask(userId)).id);
      const mine = async () =>
        (await world.db.outbox.claim({ kinds: REVIEW_KINDS, limit: 1000, leaseMs: 0 })).filter(({ jobId }) => ids.includes(jobId));
      expect((await mine()).map(({ jobId }) => jobId)).toEqual(ids);
      const entries = (await claim()).filter(({ jobId }) => ids.includes(jobId));
      expect(entries).toMatchObject(ids.map((jobId) => ({ jobId, run: 1, replaces: false, payload: { text: 'good' }, options: { userId } })));
      expect(await mine()).toEqual([]);
      const [sentOne, later, refused] = entries.map(({ id, asked }) => ({ id, asked }));
      if (!sentOne || !later || !refused) throw new Error('Three were claimed');
      await world.db.outbox.finish([
        { ...sentOne, ended: 'sent', jobId: ids[0] ?? '' },
        { ...later, retryMs: 0, error: 'Redis is away' },
        { ...refused, ended: 'refused', error: 'unknown' },
      ]);
      expect((await mine()).map(({ jobId }) => jobId)).toEqual([ids[1]]);
    });

    it('keeps a job that was asked for again while it was being delivered', async () => {
      const name = 'enhance';
      const kinds = [{ queue: 'story-enhancement', name }];
      const asked = { queue: 'story-enhancement', name, payload: { storyId: randomUUID() }, options: { jobId: `again-${randomUUID()}` } };
      await world.db.outbox.enqueue(asked);
      const find = async () => (await world.db.outbox.claim({ kinds, limit: 1000, leaseMs: 0 })).find(({ jobId }) => jobId === asked.options.jobId);
      const entry = await find();
      await world.db.outbox.enqueue({ ...asked, payload: { storyId: 'later' } });
      await world.db.outbox.finish([{ id: entry?.id ?? 0, asked: entry?.asked ?? 0, ended: 'sent', jobId: asked.options.jobId }]);
      expect(await find()).toMatchObject({ asked: 2, payload: { storyId: 'later' } });
    });

    it('tells how many wait, and when the next falls due', async () => {
      const kinds = [{ queue: 'document-processing', name: randomUUID() }];
      expect(await world.db.outbox.nextDueMs(kinds)).toBeUndefined();
      expect(await world.db.outbox.backlog(kinds)).toEqual({ waiting: 0, oldestSeconds: 0 });
      await world.db.outbox.enqueue({ ...(kinds[0] ?? { queue: '', name: '' }), payload: {}, options: { delay: 60_000 } });
      expect(await world.db.outbox.nextDueMs(kinds)).toBeGreaterThan(30_000);
      expect(await world.db.outbox.backlog(kinds)).toEqual({ waiting: 0, oldestSeconds: 0 });
    });

    it('refuses jobs that have a row of their own, and options it does not know', async () => {
      await expect(world.db.outbox.enqueue({ queue: 'review-ai', name: 'x', payload: {} })).rejects.toMatchObject({ code: 'invalid_input' });
      const odd = { queue: 'a', name: 'b', payload: {}, options: { jobId: 'a:b' } };
      await expect(world.db.outbox.enqueue(odd)).rejects.toMatchObject({ code: 'invalid_input' });
    });

    it('is asked anew for rows whose job has vanished, and only for those', async () => {
      const userId = await rich();
      const [lost, waiting, done] = [await ask(userId), await ask(userId), await ask(userId)];
      await sent(await claim([lost.outboxId ?? 0, done.outboxId ?? 0]));
      await begin(done.id);
      await end(done.id);
      const before = new Date(Date.now() + 60_000).toISOString();
      const unfinished = (await rows().unfinished('jobs', { before, limit: 1000 })).map(({ id }) => id);
      expect([lost.id, waiting.id, done.id].filter((id) => unfinished.includes(id))).toEqual([lost.id]);
      expect(await rows().resend([lost, done].map(({ id }) => ({ table: 'jobs', id, run: 1 })))).toBe(1);
      expect((await claim()).filter(({ jobId }) => jobId === lost.id)).toMatchObject([{ run: 1, replaces: true }]);
    });
  });

  describe('stories', () => {
    it('are stored and asked for in one', async () => {
      const jobId = `story-${randomUUID()}`;
      const { story, asked } = await world.db.stories.createAndAsk(newStory(), { jobId, priority: 3 });
      expect(story).toMatchObject({ ...newStory(), scoringStatus: 'queued', jobId });
      expect(await world.db.stories.get(story.id)).toEqual(story);
      expect(await world.db.stories.ask(story.id, { jobId })).toEqual(asked);
      const [entry] = await world.db.outbox.claim({
        kinds: [{ queue: 'story-enhancement', name: 'enhance' }],
        limit: 9,
        leaseMs: 1,
        ids: [asked.outboxId ?? 0],
      });
      expect(entry).toMatchObject({ jobId, payload: { storyId: story.id }, options: { priority: 3 }, row: { table: 'stories', id: story.id } });
      expect(await world.db.stories.ask(randomUUID(), { jobId: 'x' })).toBeUndefined();
    });
  });

  describe('dead letters', () => {
    const bury = async (changes: Parameters<typeof newFailure>[0]) => {
      const failure = newFailure(changes);
      await world.db.failedJobs.record(failure);
      return failure;
    };

    it('are grouped by their cause and searched by all that is known of them', async () => {
      const queue = randomUUID();
      for (let index = 0; index < 5; index += 1)
        await bury({ queue, userId: `user-${index % 2}`, error: `Story ${index} is too long`, payload: { n: index } });
      const last = await bury({ queue, error: 'Out of memory', payload: { text: 'A Needle in it' } });
      const groups = await world.db.failedJobs.groups({ limit: 10, queue });
      expect(groups.map(({ count, open, users }) => [count, open, users])).toEqual([
        [5, 5, 2],
        [1, 1, 0],
      ]);
      const found = async (filter: object) => (await world.db.failedJobs.list({ limit: 10, queue, ...filter })).items.length;
      expect(await found({ text: 'nEEdle' })).toBe(1);
      expect(await found({ text: 'too LONG', userId: 'user-1' })).toBe(2);
      expect(await found({ fingerprint: groups[0]?.fingerprint })).toBe(5);
      expect(await found({ name: 'nobody' })).toBe(0);
      expect(await found({ since: new Date(Date.now() + 60_000).toISOString() })).toBe(0);
      expect(await found({ until: new Date(Date.now() + 60_000).toISOString(), replayed: false })).toBe(6);
      expect(await found({ ids: ['no uuid'] })).toBe(0);
      expect(last.queue).toBe(queue);
    });

    it('are replayed once per request, oldest first, no more than asked for', async () => {
      const queue = randomUUID();
      for (let index = 0; index < 4; index += 1) await bury({ queue, jobId: `${queue}-${index}`, run: 2 });
      const request = { filter: { queue }, by: 'service', limit: 3, requestId: randomUUID() };
      const answers = await Promise.all(Array.from({ length: 4 }, () => world.db.failedJobs.replay(request)));
      expect(answers.map(({ replayed }) => replayed)).toEqual([3, 3, 3, 3]);
      const entries = await world.db.outbox.claim({ kinds: [{ queue, name: 'enhance' }], limit: 9, leaseMs: 1 });
      expect(entries.map(({ jobId, run, replaces }) => [jobId, run, replaces])).toEqual([0, 1, 2].map((index) => [`${queue}-${index}`, 3, true]));
      const open = (await world.db.failedJobs.list({ limit: 9, queue, replayed: false })).items;
      expect(open.map(({ jobId }) => jobId)).toEqual([`${queue}-3`]);
    });

    it('are put back no faster than asked for', async () => {
      const queue = randomUUID();
      for (let index = 0; index < 3; index += 1) await bury({ queue });
      await world.db.failedJobs.replay({ filter: { queue }, by: 'service', limit: 9, perSecond: 0.01, requestId: randomUUID() });
      expect(await world.db.outbox.backlog([{ queue, name: 'enhance' }])).toMatchObject({ waiting: 1 });
    });

    it('of rows run the row again and charge it; those that cannot are named with the reason', async () => {
      const [userId, poor] = [await rich(5), await rich(1)];
      const failed = async (user: string) => {
        const { id } = await ask(user);
        await begin(id);
        await end(id, { outcome: 'failed', error: 'no' });
        return id;
      };
      const [replayable, running, unpaid] = [await failed(userId), (await ask(userId)).id, await failed(poor)];
      await ask(poor);
      const gone = randomUUID();
      for (const jobId of [replayable, running, unpaid, gone]) await bury({ queue: 'review-ai', name: 'sentiment_analysis', jobId });
      const letters = (await world.db.failedJobs.list({ limit: 9, queue: 'review-ai' })).items;
      const { replayed, skipped } = await world.db.failedJobs.replay({
        filter: { queue: 'review-ai' },
        by: 'service',
        limit: 9,
        requestId: randomUUID(),
      });
      expect(replayed).toBe(1);
      const reasons = new Map(skipped.map(({ id, reason }) => [letters.find((letter) => letter.id === id)?.jobId, reason]));
      expect(reasons).toEqual(
        new Map([
          [running, 'not_failed'],
          [unpaid, 'insufficient_credits'],
          [gone, 'not_found'],
        ]),
      );
      expect(await jobs().get(replayable)).toMatchObject({ status: 'pending', run: 2, creditsState: 'held' });
      expect(await world.db.credits.balance(userId)).toBe(3);
    });
  });
});
