import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { InsufficientCreditsError, PermanentError } from '../../lib/errors.ts';
import { newDeal, newDocument } from '../db/deal-samples.ts';
import { newStory } from '../db/worlds.ts';
import { gate } from '../support/queue-world.ts';
import { QUEUE, type RelayWorld, startRelayWorld, type Work } from './world.ts';

const kinds = [{ queue: QUEUE, name: 'sentiment_analysis' }];
const soon = { timeout: 15_000, interval: 20 };

/** What is asked for in the database gets done, once, on either backend. */
export function describeRelay(kind: 'redis' | 'postgres'): void {
  describe(`rows and their jobs, queues on ${kind}`, () => {
    let world: RelayWorld;
    let stops: (() => Promise<void>)[] = [];

    beforeAll(async () => {
      world = await startRelayWorld(kind);
    });
    afterAll(() => world?.stop());
    afterEach(async () => {
      for (const stop of stops) await stop();
      stops = [];
      Object.assign(world.keep, { completed: 100, failed: 100 });
      await world.clear();
    });

    const work = async (does: Work = async () => ({ label: 'positive' })) => {
      const worker = await world.startWorker(does);
      stops.push(worker.stop);
      return worker;
    };
    const becomes = (id: string, row: Record<string, unknown>) => vi.waitFor(async () => expect(await world.row(id)).toMatchObject(row), soon);
    /** As a relay does that dies before it says what became of them. */
    const claimed = async () =>
      (await world.db.outbox.claim({ kinds, limit: 10, leaseMs: 60_000 })).map((entry) => ({ ...entry, queue: QUEUE }) as const);
    const stateOf = (id: string) => world.backend.queue(QUEUE).getJobState(id);

    it('a row inserted by plain SQL is charged, run and mirrored, and its job has the id of the row', async () => {
      const seen: unknown[] = [];
      await work(async (payload, { job, meta }) => {
        seen.push([payload, job.id, meta.userId]);
        return { label: 'positive' };
      });
      const user = await world.user(5);
      const id = await world.insert(user);
      expect(await world.row(id)).toMatchObject({ status: 'pending', credits_cost: 1, credits_state: 'held' });
      expect(await world.relay.runOnce()).toBe(1);
      await becomes(id, { status: 'completed', result: { label: 'positive' }, attempts: 1, error: null, run_id: null, credits_state: 'settled' });
      expect(seen).toEqual([[{ text: 'Good.' }, id, user]]);
      expect(await world.credits(user)).toEqual({ balance: 4, ledger: ['grant 5', 'reserve -1', 'settle 0'] });
      expect(await world.outbox(id)).toMatchObject([{ ended: 'sent', ended_job_id: id }]);
    });

    it('attempts and errors show on the row while it is retried, and a failure for good gives the credits back', async () => {
      const between: unknown[] = [];
      await work(async (_, { job }) => {
        if (job.attempt > 1) between.push(await world.row(job.id));
        throw new Error(`attempt ${job.attempt} went wrong`);
      });
      const user = await world.user(5);
      const id = await world.insert(user);
      await world.relay.runOnce();
      await becomes(id, { status: 'failed', attempts: 3, error: 'attempt 3 went wrong', credits_state: 'released' });
      expect(between).toMatchObject([
        { status: 'processing', attempts: 2, error: 'attempt 1 went wrong' },
        { status: 'processing', attempts: 3, error: 'attempt 2 went wrong' },
      ]);
      expect(await world.credits(user)).toEqual({ balance: 5, ledger: ['grant 5', 'reserve -1', 'release 1'] });
      // Written down after the row.
      const letter = { jobId: id, run: 1, userId: user, attempts: 3 };
      await vi.waitFor(async () => expect((await world.db.failedJobs.list({ limit: 10 })).items).toMatchObject([letter]), soon);
    });

    it('a row whose payload does not fit its kind fails at once, naming the field', async () => {
      const user = await world.user(5);
      const id = await world.insert(user, 'review_processing', { review: 'wrong name' });
      await world.relay.runOnce();
      expect(await world.row(id)).toMatchObject({ status: 'failed', error: expect.stringContaining('review_text') });
      expect(await world.credits(user)).toMatchObject({ balance: 5 });
      expect(await world.outbox(id)).toMatchObject([{ ended: 'void' }]);
      expect((await world.db.failedJobs.list({ limit: 10 })).items).toMatchObject([{ jobId: id, run: 1 }]);
    });

    it('a step of a deal room whose job can never be sent fails, with its document', async () => {
      const deal = await world.db.deals.create(newDeal(), null);
      const { document, asked } = await world.db.documents.create(newDocument(deal), {});
      await world.sql`update job_outbox set payload = '{"documentId": "none"}' where job_id = ${asked?.jobId ?? ''}`;
      await world.relay.runOnce();
      expect(await world.db.documents.get(document.id)).toMatchObject({ status: 'failed', statusReason: expect.stringContaining('documentId') });
      expect((await world.db.failedJobs.list({ limit: 10 })).items).toMatchObject([{ jobId: asked?.jobId, queue: 'document-processing' }]);
    });

    it('kinds that this version does not know stay in the outbox, and do not keep others from being moved', async () => {
      const user = await world.user();
      const [later] = await world.sql<{ id: string }[]>`
        select enqueue_job('source-sync', 'archive', '{"dealId": "00000000-0000-4000-8000-000000000000"}') as id`;
      const unknown = await world.insert(user, 'horoscope', {});
      const known = await world.insert(user);
      expect(await world.relay.runOnce()).toBe(1);
      expect(await world.outbox(later?.id ?? '')).toMatchObject([{ ended: null, attempts: 0 }]);
      expect(await world.outbox(unknown)).toMatchObject([{ ended: null, attempts: 0 }]);
      expect(await world.outbox(known)).toMatchObject([{ ended: 'sent' }]);
    });

    it('jobs asked for in a transaction that is rolled back never were', async () => {
      const user = await world.user(5);
      const rolledBack = world.sql.begin(async (sql) => {
        await sql`insert into jobs (user_id, type, payload) values (${user}, 'sentiment_analysis', '{"text": "x"}')`;
        await sql`select enqueue_job('story-enhancement', 'enhance', '{"storyId": "00000000-0000-4000-8000-000000000000"}')`;
        throw new Error('undo');
      });
      await expect(rolledBack).rejects.toThrow('undo');
      expect(await world.relay.runOnce()).toBe(0);
      expect(await world.credits(user)).toMatchObject({ balance: 5 });
    });

    it('a job that an unfinished one does already ends as merged, naming that one, and the story follows', async () => {
      const story = await world.db.stories.create(newStory());
      const first = await world.db.stories.ask(story.id, { jobId: `first-${story.id}` });
      const second = await world.db.stories.ask(story.id, { jobId: `second-${story.id}` });
      const delivered = await world.relay.deliver([first?.outboxId ?? 0, second?.outboxId ?? 0]);
      expect([...delivered.values()]).toEqual([
        { jobId: `first-${story.id}`, deduplicated: false },
        { jobId: `first-${story.id}`, deduplicated: true },
      ]);
      expect(await world.outbox(`second-${story.id}`)).toMatchObject([{ ended: 'merged', ended_job_id: `first-${story.id}` }]);
      expect(await world.db.stories.get(story.id)).toMatchObject({ scoringStatus: 'queued', jobId: `first-${story.id}` });
    });

    it('what another relay has claimed first is told all the same', async () => {
      const story = await world.db.stories.create(newStory());
      const asked = await world.db.stories.ask(story.id, { jobId: `story-${story.id}` });
      const [entry] = await world.db.outbox.claim({ kinds: [{ queue: 'story-enhancement', name: 'enhance' }], limit: 10, leaseMs: 60_000 });
      const delivering = world.relay.deliver([asked?.outboxId ?? 0]);
      await world.db.outbox.finish([{ id: entry?.id ?? 0, asked: 1, ended: 'merged', jobId: 'another' }]);
      expect([...(await delivering).values()]).toEqual([{ jobId: 'another', deduplicated: true }]);
    });

    it('a row set back to waiting runs again, also while BullMQ keeps the old job, and is charged again', async () => {
      let times = 0;
      await work(async () => ({ times: ++times }));
      const user = await world.user(5);
      const id = await world.insert(user);
      await world.relay.runOnce();
      await becomes(id, { status: 'completed', result: { times: 1 } });
      await world.sql`update jobs set status = 'pending' where id = ${id}`;
      expect(await world.row(id)).toMatchObject({ run: 2, attempts: 0, result: null });
      await world.relay.runOnce();
      await becomes(id, { status: 'completed', result: { times: 2 }, run: 2 });
      expect(await world.credits(user)).toMatchObject({ balance: 3 });
    });

    it('a row set back to waiting while its job runs is done once more, and only the newer result is stored', async () => {
      const first = gate();
      const started = gate();
      let times = 0;
      await work(async () => {
        times += 1;
        if (times > 1) return { by: 'second' };
        started.open();
        await first.opened;
        return { by: 'first' };
      });
      const id = await world.insert(await world.user());
      await world.relay.runOnce();
      await started.opened;
      await world.sql`update jobs set status = 'pending' where id = ${id}`;
      await world.relay.runOnce();
      expect(await world.outbox(id)).toMatchObject([{ ended: 'sent' }, { ended: null, error: expect.stringContaining('earlier run') }]);
      first.open();
      // Without a word: what failed would leave a dead letter of work that the newer run does.
      await vi.waitFor(async () => expect(await stateOf(id)).toBe('completed'), soon);
      await vi.waitFor(async () => expect(await world.relay.runOnce()).toBe(1), soon);
      await becomes(id, { status: 'completed', result: { by: 'second' }, run: 2 });
      expect((await world.db.failedJobs.list({ limit: 10 })).items).toEqual([]);
    });

    it('an entry whose relay died after sending it is sent again without harm', async () => {
      await work();
      const id = await world.insert(await world.user());
      const entries = await claimed();
      await world.service.sendEntries(entries);
      await becomes(id, { status: 'completed' });
      expect(await world.relay.runOnce()).toBe(0);
      await world.sql`update job_outbox set claimed_until = now() where job_id = ${id}`;
      // The row has ended: its entry was taken back with it.
      expect(await world.relay.runOnce()).toBe(0);
      expect(await world.outbox(id)).toMatchObject([{ ended: 'void' }]);
      expect(await world.row(id)).toMatchObject({ status: 'completed', attempts: 1 });
    });

    it('nothing is revived when the queue keeps no ended jobs: a late delivery finds the stored result', async () => {
      Object.assign(world.keep, { completed: 0, failed: 0 });
      let times = 0;
      await work(async () => ({ times: ++times }));
      const user = await world.user(5);
      const id = await world.insert(user);
      const entries = await claimed();
      await world.service.sendEntries(entries);
      await becomes(id, { status: 'completed' });
      await world.service.sendEntries(entries);
      await vi.waitFor(async () => expect(await stateOf(id)).toBe('unknown'), soon);
      expect(times).toBe(1);
      expect(await world.credits(user)).toEqual({ balance: 4, ledger: ['grant 5', 'reserve -1', 'settle 0'] });
    });

    describe('cancelling', () => {
      it('in the outbox, on the queue, and while it runs: the row first, the credits back, no dead letter', async () => {
        const user = await world.user(5);
        const [inOutbox, waiting, running] = [await world.insert(user), await world.insert(user), await world.insert(user)];
        expect(await world.service.cancelJob(QUEUE, inOutbox, 'Not needed')).toBe('cancelled');
        expect(await world.relay.runOnce()).toBe(2);
        expect(await world.service.cancelJob(QUEUE, waiting)).toBe('cancelled');
        const started = gate<string>();
        await work(async (_, { job, signal }) => {
          started.open(job.id);
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        });
        expect(await started.opened).toBe(running);
        expect(await world.service.cancelJob(QUEUE, running)).toBe('cancelling');
        expect(await world.row(running)).toMatchObject({ status: 'cancelled' });
        await vi.waitFor(async () => expect(await stateOf(running)).toBe('failed'), soon);
        for (const id of [inOutbox, waiting, running]) {
          expect(await world.row(id)).toMatchObject({ status: 'cancelled', credits_state: 'released' });
          expect(await world.service.getJob(QUEUE, id)).toMatchObject({ state: 'cancelled' });
        }
        expect(await world.row(inOutbox)).toMatchObject({ error: 'Not needed' });
        expect(await world.credits(user)).toMatchObject({ balance: 5 });
        expect((await world.db.failedJobs.list({ limit: 10 })).items).toEqual([]);
        expect(await world.service.cancelJob(QUEUE, running)).toBe('cancelled');
        expect(await world.service.cancelJob(QUEUE, randomUUID())).toBe('not_found');
      });

      it('by plain SQL: a job that starts finds its row cancelled and does nothing', async () => {
        const id = await world.insert(await world.user());
        await world.relay.runOnce();
        await world.sql`update jobs set status = 'cancelled' where id = ${id}`;
        const run = vi.fn(async () => ({}));
        await work(run);
        await vi.waitFor(async () => expect(await stateOf(id)).toBe('failed'), soon);
        expect(run).not.toHaveBeenCalled();
        await vi.waitFor(async () => expect(await world.service.getJob(QUEUE, id)).toMatchObject({ state: 'cancelled' }), soon);
        expect((await world.db.failedJobs.list({ limit: 10 })).items).toEqual([]);
      });

      it('by plain SQL in the middle of a run: the late result changes nothing', async () => {
        const started = gate();
        const go = gate();
        await work(async () => {
          started.open();
          await go.opened;
          return { late: true };
        });
        const user = await world.user(5);
        const id = await world.insert(user);
        await world.relay.runOnce();
        await started.opened;
        await world.sql`update jobs set status = 'cancelled' where id = ${id}`;
        go.open();
        await vi.waitFor(async () => expect(await stateOf(id)).toBe('failed'), soon);
        expect(await world.row(id)).toMatchObject({ status: 'cancelled', result: null });
        expect(await world.credits(user)).toMatchObject({ balance: 5 });
      });
    });

    it('a failed or cancelled job runs again when asked, is charged again, and is refused when credits are short', async () => {
      const user = await world.user(1);
      const id = await world.insert(user);
      expect(await world.service.cancelJob(QUEUE, id)).toBe('cancelled');
      expect(await world.service.retryJob(QUEUE, id)).toEqual({ outcome: 'retried', jobId: id, deduplicated: false });
      await work(async () => {
        throw new PermanentError('never');
      });
      await world.relay.runOnce();
      await becomes(id, { status: 'failed', run: 2 });
      await world.sql`insert into jobs (user_id, type, payload) values (${user}, 'sentiment_analysis', '{"text": "takes the last credit"}')`;
      await expect(world.service.retryJob(QUEUE, id)).rejects.toThrow(InsufficientCreditsError);
      expect(await world.row(id)).toMatchObject({ status: 'failed', run: 2 });
    });

    it('asking twice with one id or key makes one row', async () => {
      const userId = await world.user(5);
      const request = { queue: QUEUE, name: 'sentiment_analysis', payload: { text: 'fine' } } as const;
      const jobId = randomUUID();
      expect(await world.service.enqueue({ ...request, options: { userId, jobId } })).toEqual({ queue: QUEUE, jobId, deduplicated: false });
      expect(await world.service.enqueue({ ...request, options: { userId, jobId } })).toEqual({ queue: QUEUE, jobId, deduplicated: true });
      const keyed = await world.service.enqueue({ ...request, options: { userId, idempotencyKey: 'k' } });
      expect(await world.service.enqueue({ ...request, options: { userId, idempotencyKey: 'k' } })).toEqual({ ...keyed, deduplicated: true });
      expect(await world.credits(userId)).toMatchObject({ balance: 3 });
      await expect(world.service.enqueue({ ...request, payload: { text: '' }, options: { userId } })).rejects.toThrow('text');
      await expect(world.service.enqueue(request)).rejects.toThrow('options.userId');
    });

    it('progress shows on the row', async () => {
      const done = gate();
      await work(async (_, { progress }) => {
        progress({ progress: 1, total: 4, current_step: 'reading' });
        await done.opened;
        return {};
      });
      const id = await world.insert(await world.user());
      await world.relay.runOnce();
      await becomes(id, { status: 'processing', progress: 1, total: 4, current_step: 'reading' });
      done.open();
      await becomes(id, { status: 'completed', progress: 4 });
    });

    describe('the sweep', () => {
      it('asks again for rows whose job has vanished, and only for those', async () => {
        const user = await world.user();
        const [vanished, waiting, flagged] = [await world.insert(user), await world.insert(user), await world.insert(user)];
        await world.relay.runOnce();
        await (await world.backend.queue(QUEUE).getJob(vanished))?.remove();
        // Cancelled by an app that has no database at hand: the queue forgets the job, the row does not know.
        const { cancelJob } = (await import('../../lib/queue/service.ts')).createQueueService({
          backend: world.backend,
          settings: () => ({ attempts: 1, backoff: { delayMs: 1, factor: 1, capMs: 1 }, keep: world.keep }),
          clock: { now: Date.now, monotonic: () => performance.now() } as never,
        });
        expect(await cancelJob(QUEUE, flagged, 'By the app')).toBe('cancelled');
        expect(await world.sweep.runOnce()).toEqual({ resent: 1, cancelled: 1 });
        expect(await world.row(flagged)).toMatchObject({ status: 'cancelled', error: 'By the app' });
        await work();
        expect(await world.relay.runOnce()).toBe(1);
        await becomes(vanished, { status: 'completed', run: 1 });
        await becomes(waiting, { status: 'completed', run: 1 });
        expect(await world.sweep.runOnce()).toEqual({ resent: 0, cancelled: 0 });
      });

      it('asks again for a story whose job has vanished', async () => {
        const { story, asked } = await world.db.stories.createAndAsk(newStory(), { jobId: `story-${randomUUID()}` });
        await world.relay.runOnce();
        await (await world.backend.queue('story-enhancement').getJob(asked.jobId))?.remove();
        expect(await world.sweep.runOnce()).toMatchObject({ resent: 1 });
        expect(await world.relay.runOnce()).toBe(1);
        const { jobId } = (await world.db.stories.get(story.id)) ?? {};
        expect(jobId).not.toBe(asked.jobId);
        expect(await world.service.getJob('story-enhancement', jobId ?? '')).toMatchObject({ state: 'waiting' });
      });

      it('asks again for steps of a deal room whose job has vanished, under the same id, and ends those that were cancelled', async () => {
        const deal = await world.db.deals.create(newDeal(), null);
        const ask = async (name: string) => (await world.db.documents.create(newDocument(deal, { name }), { userId: deal.id })).asked?.jobId ?? '';
        const [vanished, waiting, flagged] = [await ask('a'), await ask('b'), await ask('c')];
        expect(await world.relay.runOnce()).toBe(3);
        const jobs = world.backend.queue('document-processing');
        await (await jobs.getJob(vanished))?.remove();
        expect(await world.service.cancelJob('document-processing', flagged, 'By the app')).toBe('cancelled');
        expect(await world.sweep.runOnce()).toEqual({ resent: 1, cancelled: 1 });
        const found =
          await world.sql`select d.name, d.status, d.status_reason, s.job_id from documents d join deal_steps s on s.key = d.id::text order by 1`;
        expect(found).toEqual([
          { name: 'a', status: 'waiting', status_reason: null, job_id: vanished },
          { name: 'b', status: 'waiting', status_reason: null, job_id: waiting },
          { name: 'c', status: 'cancelled', status_reason: 'By the app', job_id: flagged },
        ]);
        expect(await world.relay.runOnce()).toBe(1);
        expect(await world.service.getJob('document-processing', vanished)).toMatchObject({ state: 'waiting', userId: deal.id });
        expect(await world.sweep.runOnce()).toEqual({ resent: 0, cancelled: 0 });
      });

      it('leaves the work to one process at a time', async () => {
        expect(await world.backend.store.acquire('sweep', 'another', { limit: 1, leaseMs: 60_000 })).toBe(true);
        expect(await world.sweep.runOnce()).toBeUndefined();
        await world.backend.store.release('sweep', 'another');
        expect(await world.sweep.runOnce()).toBeDefined();
      });
    });
  });
}
