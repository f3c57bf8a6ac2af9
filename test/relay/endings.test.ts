import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { PermanentError } from '../../lib/errors.ts';
import { type RelayWorld, startRelayWorld, type Work } from './world.ts';

/** A failure is told once, of the run that failed, and of no other. */
describe('a job that fails', () => {
  let world: RelayWorld;
  let stop: (() => Promise<void>) | undefined;

  beforeAll(async () => {
    world = await startRelayWorld('redis');
  });
  afterEach(async () => {
    await stop?.();
    await world.clear();
  });
  afterAll(() => world?.stop());

  const failing = async (before: (id: string) => Promise<unknown>) => {
    const work: Work = async (_, { job }) => {
      await before(job.id);
      throw new PermanentError('cannot be');
    };
    ({ stop } = await world.startWorker(work));
    const user = await world.user(5);
    const id = await world.insert(user);
    await world.relay.runOnce();
    await vi.waitFor(async () => expect(await world.backend.queue('review-ai').getJobState(id)).toBe('failed'), { timeout: 15_000 });
    return { id, user };
  };
  const letters = async () => (await world.db.failedJobs.list({ limit: 10 })).items.map(({ jobId, run }) => ({ jobId, run }));

  it('although its row has completed (BullMQ was not told, and counts it as stalled) leaves row and credits as they are, and no dead letter', async () => {
    const { id, user } = await failing((row) => world.sql`update jobs set status = 'completed', result = '{"label": "positive"}' where id = ${row}`);
    expect(await world.row(id)).toMatchObject({ status: 'completed', error: null });
    expect(await letters()).toEqual([]);
    expect(await world.credits(user)).toEqual({ balance: 4, ledger: ['grant 5', 'reserve -1', 'settle 0'] });
  });

  it('while another run has its row leaves it to that one', async () => {
    const { id } = await failing((row) => world.sql`update jobs set run_id = 'another' where id = ${row}`);
    expect(await world.row(id)).toMatchObject({ status: 'processing', run_id: 'another' });
    expect(await letters()).toEqual([]);
  });

  it('before it got its row fails the row all the same, when nobody else has it', async () => {
    const { id } = await failing((row) => world.sql`update jobs set run_id = null where id = ${row}`);
    expect(await world.row(id)).toMatchObject({ status: 'failed', error: 'cannot be' });
    expect(await letters()).toEqual([{ jobId: id, run: 1 }]);
  });
});
