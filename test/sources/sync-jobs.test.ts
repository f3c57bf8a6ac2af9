/** Syncs as jobs, on both backends: how many there are of them, and what step, sync and source say when one ends. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import type { DealSource } from '../../lib/db/source-types.ts';
import { PermanentError, RateLimitedError, UnavailableError } from '../../lib/errors.ts';
import { deadlineIn } from '../../lib/lifecycle.ts';
import { silentLogger } from '../../lib/log.ts';
import { createMarkCancelled } from '../../lib/queue/cancel-flag.ts';
import { createCancelWatch } from '../../lib/queue/cancel-watch.ts';
import { createFailureRecorder } from '../../lib/queue/dead-letters.ts';
import { createRunner } from '../../lib/queue/runner.ts';
import { createActiveRuns } from '../../lib/queue/runs.ts';
import { createQueueWorkers } from '../../lib/queue/worker.ts';
import { type SyncStepDeps, syncStep } from '../../lib/sources/step.ts';
import { newRoom } from '../db/source-samples.ts';
import { type RelayWorld, startRelayWorld } from '../relay/world.ts';
import { noDealRoom } from '../support/no-deal-room.ts';
import { gate } from '../support/queue-world.ts';
import { createShelf, type Shelf } from './shelf.ts';

const QUEUE = 'source-sync';
const soon = { timeout: 20_000, interval: 20 };
const noAi = { forJob: () => Promise.reject(new Error('Syncs call no model')) as never };

describe.each(['redis', 'postgres'] as const)('sync jobs on %s', (kind) => {
  let world: RelayWorld;
  beforeAll(async () => {
    world = await startRelayWorld(kind);
  });
  afterAll(() => world.stop());

  let shelf: Shelf;
  let source: DealSource;
  let stop: () => Promise<unknown> = async () => undefined;
  beforeEach(async () => {
    shelf = createShelf();
    ({ source } = await newRoom(world.db));
  });
  afterEach(() => stop());

  /** A worker for syncs, whose source is the shelf. */
  async function work(): Promise<void> {
    const { backend, db } = world;
    const sync = { ...noDealRoom.sync, store: backend.store, clock: systemClock, documentLimitBytes: 100, kindOf: () => shelf.kind };
    const deps: SyncStepDeps = { db, sync };
    const runs = createActiveRuns();
    const markCancelled = createMarkCancelled(backend.store);
    const failures = createFailureRecorder<SyncStepDeps>({ sink: db.failedJobs, processor: () => syncStep, deps, markCancelled, log: silentLogger });
    const common = { failures, runs, clock: systemClock, log: silentLogger };
    const runner = createRunner<SyncStepDeps>({ processor: () => syncStep, deps, ai: noAi, timeoutMs: () => 30_000, ...common });
    const workers = createQueueWorkers({ backend, queues: [{ queue: QUEUE, concurrency: 3 }], runner, workerId: 'test', ...common });
    const watch = createCancelWatch({ store: backend.store, runs, log: silentLogger, intervalMs: 20 });
    await workers.start();
    await watch.start();
    stop = async () => {
      stop = async () => undefined;
      await workers.stop(deadlineIn(10_000));
      await watch.stop(deadlineIn(1_000));
    };
  }

  const ask = async (syncType: 'incremental' | 'full' = 'incremental') => {
    const asked = await world.db.dealSources.ask(source.id, syncType);
    await world.relay.runOnce();
    return asked?.jobId ?? '';
  };
  const syncs = async () => (await world.db.dealSources.syncs({ sourceId: source.id, limit: 99 })).items;
  const steps = async (syncType = 'incremental') => (await world.db.dealSteps.list('source', `${source.id}/${syncType}`)).map(({ status }) => status);
  const endings = async () => {
    const found = await world.sql<
      { ended: string }[]
    >`select ended from job_outbox where queue = ${QUEUE} and payload ->> 'sourceId' = ${source.id} order by id`;
    return found.map(({ ended }) => ended);
  };
  const counts = async () => {
    const {
      waiting = 0,
      active = 0,
      delayed = 0,
      prioritized = 0,
    } = await world.backend.queue(QUEUE).getJobCounts('waiting', 'active', 'delayed', 'prioritized');
    return waiting + active + delayed + prioritized;
  };
  /** The source answers when it is told to. */
  function slow() {
    const [asked, go] = [gate(), gate()];
    const { connect } = shelf.kind;
    shelf.kind.connect = async (...args) => {
      asked.open();
      await go.opened;
      return connect(...args);
    };
    return { asked, go };
  }

  it('ten that are asked for while one runs make one more, and a full one besides is not lost in them', async () => {
    const { asked, go } = slow();
    await work();
    await ask();
    await asked.opened;
    for (let count = 0; count < 10; count += 1) await ask();
    await ask('full');
    expect(await endings()).toEqual(['sent', ...Array.from({ length: 10 }, () => 'merged'), 'sent']);
    go.open();
    await vi.waitFor(
      async () => expect([await counts(), (await syncs()).map(({ status }) => status)]).toEqual([0, ['succeeded', 'succeeded', 'succeeded']]),
      soon,
    );
    expect((await syncs()).map(({ syncType }) => syncType).toSorted()).toEqual(['full', 'incremental', 'incremental']);
    expect([await steps(), await steps('full')]).toEqual([['succeeded'], ['succeeded']]);
  });

  it('ten that are asked for before any runs make one', async () => {
    for (let count = 0; count < 10; count += 1) await ask();
    expect(await endings()).toEqual(['sent', ...Array.from({ length: 9 }, () => 'merged')]);
    await work();
    await vi.waitFor(async () => expect([await counts(), await steps()]).toEqual([0, ['succeeded']]), soon);
    expect(await syncs()).toHaveLength(1);
  });

  it.each([
    ['at once', () => new PermanentError('Forbidden', { code: 'forbidden' }), 1],
    ['after its attempts', () => new UnavailableError('Away'), 3],
  ])('one that fails %s says so everywhere, also when the queue has forgotten it', async (_, error, attempts) => {
    let tries = 0;
    shelf.trouble = () => {
      tries += 1;
      throw error();
    };
    await work();
    const jobId = await ask();
    await vi.waitFor(async () => expect(await steps()).toEqual(['failed']), soon);
    await vi.waitFor(async () => expect((await world.service.getJob(QUEUE, jobId))?.state).toBe('failed'), soon);
    expect([tries, (await syncs()).map(({ status, errorCode }) => [status, errorCode])]).toEqual([attempts, [['failed', error().code]]]);
    expect((await world.db.dealSources.get(source.id))?.status).toBe('failed');
    expect((await world.db.failedJobs.list({ limit: 99 })).items).toContainEqual(
      expect.objectContaining({ jobId, queue: QUEUE, error: error().message }),
    );
    await (await world.backend.queue(QUEUE).getJob(jobId))?.remove();
    expect(await world.service.getJob(QUEUE, jobId)).toMatchObject({ state: 'failed', name: 'sync', error: error().message });
  });

  it('one that waits for a limit shows itself waiting, and is cancelled there', async () => {
    shelf.trouble = () => {
      throw new RateLimitedError('account:google:x', 60_000);
    };
    await work();
    const jobId = await ask();
    await vi.waitFor(async () => expect([await steps(), (await syncs())[0]?.status]).toEqual([['queued'], 'retrying']), soon);
    await vi.waitFor(async () => expect((await world.service.getJob(QUEUE, jobId))?.state).toBe('delayed'), soon);
    expect((await world.db.dealSources.get(source.id))?.status).toBe('syncing');
    // As the API does it.
    expect(await world.service.cancelJob(QUEUE, jobId, 'Not needed')).toBe('cancelled');
    const ending = { outcome: 'cancelled' as const, error: 'Not needed', job: { id: jobId, run: 1 } };
    const payload = { dealId: source.dealId, sourceType: source.sourceType, syncType: 'incremental' as const, sourceId: source.id };
    await syncStep.end(payload, ending, { db: world.db, sync: { ...noDealRoom.sync, store: world.backend.store } });
    expect([await steps(), (await syncs()).map(({ status, error }) => [status, error])]).toEqual([['cancelled'], [['cancelled', 'Not needed']]]);
    expect((await world.db.dealSources.get(source.id))?.status).toBe('idle');
  });

  it('one that is cancelled while it runs leaves its source to the next', async () => {
    const { asked, go } = slow();
    await work();
    const jobId = await ask();
    await asked.opened;
    expect(await world.service.cancelJob(QUEUE, jobId, 'Enough')).toBe('cancelling');
    await vi.waitFor(async () => expect([await steps(), (await syncs())[0]?.status]).toEqual([['cancelled'], 'cancelled']), soon);
    go.open();
    await ask();
    await vi.waitFor(async () => expect((await syncs()).map(({ status }) => status)).toEqual(['succeeded', 'cancelled']), soon);
    expect((await world.db.dealSources.get(source.id))?.status).toBe('idle');
  });

  it('one whose job has vanished is asked for again by the sweep', async () => {
    const jobId = await ask();
    await (await world.backend.queue(QUEUE).getJob(jobId))?.remove();
    expect(await world.sweep.runOnce()).toMatchObject({ resent: 1 });
    await world.relay.runOnce();
    await work();
    await vi.waitFor(async () => expect(await steps()).toEqual(['succeeded']), soon);
    expect(await syncs()).toMatchObject([{ jobId, status: 'succeeded', trigger: 'manual' }]);
  });
});
