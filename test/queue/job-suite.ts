import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { InvalidInputError, JobAbortedError, PermanentError, RateLimitedError, UnavailableError } from '../../lib/errors.ts';
import { exponential } from '../../lib/jobs/define.ts';
import type { QueueBackend } from '../../lib/queue/backend.ts';
import { JobFailedError } from '../../lib/queue/errors.ts';
import { snooze } from '../../lib/queue/outcome.ts';
import type { JobContext } from '../../lib/queue/processor.ts';
import type { AnyProcessor } from '../../lib/queue/runner.ts';
import type { JobEvent } from '../../lib/queue/types.ts';
import { createService, gate, memorySink, QUEUE, quickSettings, startWorker, type WorkerOptions } from '../support/queue-world.ts';

/** Where the suite runs: `connect` gives a backend as another process would have it, on the same data. */
export interface QueuePlace {
  connect(): Promise<QueueBackend>;
  close(): Promise<void>;
}

type Context = JobContext<unknown>;
interface Probe {
  key: string;
}

/** What every queue promises, on either backend. */
export function jobSuite(name: string, open: () => Promise<QueuePlace>): void {
  describe(`jobs on ${name}`, () => {
    let place: QueuePlace;
    let backend: QueueBackend;
    let service: ReturnType<typeof createService>;
    let stops: (() => Promise<void>)[] = [];

    beforeAll(async () => {
      place = await open();
      backend = await place.connect();
      service = createService(backend);
    });
    afterAll(async () => {
      await backend?.close();
      await place?.close();
    });
    afterEach(async () => {
      for (const stop of stops) await stop();
      stops = [];
      await backend.queue(QUEUE).obliterate({ force: true });
    });

    async function work(processor: AnyProcessor<unknown>, options: WorkerOptions = {}) {
      const worker = await startWorker(backend, processor, options);
      stops.push(() => worker.stop(5_000));
      return worker;
    }
    const add = (key: string, options = {}, kind = 'probe') => service.enqueue({ queue: QUEUE, name: kind, payload: { key }, options });
    const ended = (jobId: string) => service.waitForJob(QUEUE, jobId, { timeoutMs: 20_000 });
    const view = async (jobId: string) => {
      const job = await service.getJob(QUEUE, jobId);
      if (!job) throw new Error(`job ${jobId} is not there`);
      return job;
    };

    it('runs a job once, with its payload and correlation id, and keeps the result', async () => {
      const seen: { payload: Probe; correlationId: string; attempt: number }[] = [];
      await work(async (payload: Probe, { meta, job }: Context) => {
        seen.push({ payload, correlationId: meta.correlationId, attempt: job.attempt });
        return { answer: 42 };
      });
      const { jobId, deduplicated } = await add('a', { correlationId: 'from-the-app', userId: 'user-1' });
      expect(deduplicated).toBe(false);
      expect(await ended(jobId)).toEqual({ answer: 42 });
      expect(seen).toEqual([{ payload: { key: 'a' }, correlationId: 'from-the-app', attempt: 1 }]);
      await vi.waitFor(async () =>
        expect(await view(jobId)).toMatchObject({ state: 'completed', result: { answer: 42 }, userId: 'user-1', attemptsMade: 1 }),
      );
    });

    it('refuses a bad payload, option or kind where it enters, naming it', async () => {
      const bad = (payload: unknown, options = {}) => service.enqueue({ queue: QUEUE, name: 'probe', payload, options });
      await expect(bad({ key: 7 })).rejects.toThrow(/payload of probe: key: /);
      await expect(bad({ key: 'a' }, { priority: -1 })).rejects.toThrow(/options: priority: /);
      await expect(bad({ key: 'a' }, { jobId: 'a:b' })).rejects.toThrow(/options: jobId: must not contain/);
      await expect(bad({ key: 'a' }, { prioritty: 1 })).rejects.toBeInstanceOf(InvalidInputError);
      await expect(service.enqueue({ queue: QUEUE, name: 'nope', payload: {} })).rejects.toBeInstanceOf(PermanentError);
    });

    it('makes a bad payload that was put into the queue by hand a dead letter at once, naming the field', async () => {
      const sink = memorySink();
      const processor = vi.fn();
      await work(processor, { sink });
      const data = { v: 1, payload: { key: 7 }, meta: { correlationId: 'c', enqueuedAt: new Date().toISOString() } };
      const job = await backend.queue(QUEUE).add('probe', data, { attempts: 3 });
      await expect(ended(job.id ?? '')).rejects.toThrow(/key/);
      expect(sink.failures).toMatchObject([{ jobId: job.id, attempts: 1, payload: { key: 7 }, error: expect.stringContaining('key') }]);
      const raw = await backend.queue(QUEUE).add('probe', { not: 'an envelope' }, { attempts: 3 });
      await expect(ended(raw.id ?? '')).rejects.toThrow(/Not a Hivepulse job/);
      expect(processor).not.toHaveBeenCalled();
    });

    it('tries again after an error that may pass, up to its attempts, then writes one dead letter', async () => {
      const sink = memorySink();
      let failures = 1;
      const { reconciler } = await work(
        async () => {
          if (failures-- > 0) throw new UnavailableError('the other side is away');
          return 'done';
        },
        { sink },
      );
      const recovered = await add('recovers');
      expect(await ended(recovered.jobId)).toBe('done');
      await vi.waitFor(async () => expect((await view(recovered.jobId)).attemptsMade).toBe(2));
      failures = 99;
      const hopeless = await add('hopeless');
      await expect(ended(hopeless.jobId)).rejects.toBeInstanceOf(JobFailedError);
      expect(await reconciler.runOnce()).toBe(0);
      expect(sink.failures).toMatchObject([{ jobId: hopeless.jobId, attempts: 3, run: 1, error: 'the other side is away' }]);
    });

    it('tells of each attempt whether the job had been started before, at its end how long it all took, and of a failure for good once', async () => {
      const told: { outcome: string; firstStart: boolean; whole: boolean }[] = [];
      const failed: unknown[] = [];
      let running = 0;
      let ways = ['snooze', 'fail', 'succeed'];
      const { reconciler } = await work(
        async () => {
          expect(running).toBe(1);
          const way = ways.shift();
          if (way === 'snooze') return snooze(1);
          if (way === 'succeed') return 'done';
          throw way === 'end' ? new PermanentError('no such story') : new UnavailableError('the other side is away');
        },
        {
          onAttempt: ({ outcome, firstStart, totalMs }) => told.push({ outcome, firstStart, whole: totalMs !== undefined }),
          onStart: () => {
            running += 1;
            return () => {
              running -= 1;
            };
          },
          onFailed: (kind) => failed.push(kind),
        },
      );
      expect(await ended((await add('tried thrice')).jobId)).toBe('done');
      expect(told).toEqual([
        { outcome: 'snooze', firstStart: true, whole: false },
        { outcome: 'retry', firstStart: false, whole: false },
        { outcome: 'done', firstStart: false, whole: true },
      ]);
      ways = ['end'];
      await expect(ended((await add('hopeless')).jobId)).rejects.toBeInstanceOf(JobFailedError);
      expect(await reconciler.runOnce()).toBe(0);
      expect(told.at(-1)).toEqual({ outcome: 'failed', firstStart: true, whole: true });
      expect(failed).toEqual([{ queue: QUEUE, name: 'probe' }]);
      await vi.waitFor(() => expect(running).toBe(0));
    });

    it('does not try again after an error that cannot pass', async () => {
      const sink = memorySink();
      await work(
        async () => {
          throw new PermanentError('no such story');
        },
        { sink },
      );
      const { jobId } = await add('final');
      await expect(ended(jobId)).rejects.toThrow(/no such story/);
      expect(sink.failures).toMatchObject([{ attempts: 1, stack: expect.stringContaining('job-suite') }]);
    });

    it('writes down a failure that the database missed, exactly once', async () => {
      const sink = memorySink();
      const record = vi.spyOn(sink, 'record').mockRejectedValueOnce(new Error('database away')).mockRejectedValueOnce(new Error('database away'));
      const { reconciler } = await work(
        async () => {
          throw new PermanentError('broken');
        },
        { sink },
      );
      const { jobId } = await add('missed');
      await expect(ended(jobId)).rejects.toThrow(/broken/);
      await vi.waitFor(() => expect(record).toHaveBeenCalledTimes(2));
      expect(sink.failures).toEqual([]);
      expect(await reconciler.runOnce()).toBe(1);
      expect(await reconciler.runOnce()).toBe(0);
      expect(sink.failures).toMatchObject([{ jobId, error: 'broken' }]);
    });

    it('waits for a limit or a snooze without burning an attempt', async () => {
      const signs = [new RateLimitedError('provider:test', 30), snooze(30)];
      const attempts: number[] = [];
      await work(async (_: Probe, { job }: Context) => {
        attempts.push(job.attempt);
        const sign = signs.shift();
        if (sign instanceof Error) throw sign;
        return sign ?? 'through';
      });
      const { jobId } = await add('limited');
      expect(await ended(jobId)).toBe('through');
      expect(attempts).toEqual([1, 1, 1]);
      await vi.waitFor(async () => expect((await view(jobId)).attemptsMade).toBe(1));
    });

    it('aborts a run that takes too long, also one that does not listen', async () => {
      const sink = memorySink();
      const reasons: unknown[] = [];
      const { runs } = await work(
        (_: Probe, { signal }: Context) => {
          signal.addEventListener('abort', () => reasons.push(signal.reason));
          return new Promise(() => undefined);
        },
        { sink, timeoutMs: 30 },
      );
      const { jobId } = await add('slow');
      await expect(ended(jobId)).rejects.toThrow(/Timed out after 30 ms/);
      expect(reasons).toHaveLength(3);
      expect(reasons[0]).toMatchObject({ kind: 'timeout' });
      expect(sink.failures).toMatchObject([{ attempts: 3 }]);
      await vi.waitFor(() => expect(runs.size).toBe(0));
    });

    it('answers an equal request with the unfinished job, exactly, and runs again when it has ended', async () => {
      const { opened, open: release } = gate();
      const runs: string[] = [];
      await work(async ({ key }: Probe) => {
        runs.push(key);
        await opened;
        return runs.length;
      });
      const answers = await Promise.all(Array.from({ length: 40 }, () => add('same')));
      expect(answers.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
      const ids = new Set(answers.map(({ jobId }) => jobId));
      expect(ids.size).toBe(1);
      const [first] = ids;
      expect(await service.findUnfinished(QUEUE, 'probe-same')).toBe(first);
      release();
      await ended(first ?? '');
      await vi.waitFor(async () => expect(await service.findUnfinished(QUEUE, 'probe-same')).toBeUndefined());
      const again = await add('same');
      expect(again).toMatchObject({ deduplicated: false });
      expect(again.jobId).not.toBe(first);
      expect(await ended(again.jobId)).toBe(2);
    });

    it('makes one job of a request that is repeated with its idempotency key, also after it has ended', async () => {
      const processor = vi.fn(async () => 'once');
      await work(processor);
      const first = await add('repeat', { idempotencyKey: 'key-1' });
      await ended(first.jobId);
      const second = await add('repeat', { idempotencyKey: 'key-1' });
      expect(second).toEqual({ ...first, deduplicated: true });
      const named = await add('named', { jobId: 'my-own-name' });
      expect(named).toEqual({ queue: QUEUE, jobId: 'my-own-name', deduplicated: false });
      await ended(named.jobId);
      expect(processor).toHaveBeenCalledTimes(2);
    });

    it('makes exactly one more of a "one more" kind while one runs', async () => {
      const { opened, open: release } = gate();
      let running = 0;
      await work(async () => {
        running += 1;
        await opened;
        return running;
      });
      await add('s', {}, 'sync');
      await vi.waitFor(() => expect(running).toBe(1));
      await Promise.all([1, 2, 3].map(() => add('s', {}, 'sync')));
      release();
      await vi.waitFor(async () => expect(await service.stats()).toMatchObject({ [QUEUE]: { waiting: 0, active: 0, delayed: 0, completed: 2 } }));
      expect(running).toBe(2);
    });

    it('cancels a waiting and a delayed job: they never run and are no dead letters', async () => {
      const waiting = await add('waits', { userId: 'user-1' });
      const delayed = await add('later', { delay: 60_000 });
      expect(await service.cancelJob(QUEUE, waiting.jobId, 'changed my mind')).toBe('cancelled');
      expect(await service.cancelJob(QUEUE, delayed.jobId)).toBe('cancelled');
      expect(await view(waiting.jobId)).toMatchObject({ state: 'cancelled', error: 'changed my mind', userId: 'user-1', payload: { key: 'waits' } });
      expect(await service.cancelJob(QUEUE, 'unknown')).toBe('not_found');
      const processor = vi.fn(async () => 'ran');
      const sink = memorySink();
      const { reconciler } = await work(processor, { sink });
      await ended((await add('other')).jobId);
      await reconciler.runOnce();
      expect(processor).toHaveBeenCalledTimes(1);
      expect(sink.failures).toEqual([]);
    });

    it('cancels a running job from another process, down to its signal', async () => {
      const other = await place.connect();
      stops.push(() => other.close());
      const started = gate();
      const aborted = gate<unknown>();
      const sink = memorySink();
      const { reconciler } = await work(
        async (_: Probe, { signal }: Context) => {
          signal.addEventListener('abort', () => aborted.open(signal.reason));
          started.open();
          await new Promise(() => undefined);
        },
        { sink },
      );
      const { jobId } = await add('runs');
      await started.opened;
      expect(await createService(other).cancelJob(QUEUE, jobId, 'enough')).toBe('cancelling');
      expect(await aborted.opened).toMatchObject({ kind: 'cancelled', message: 'enough' });
      await expect(ended(jobId)).rejects.toThrow(/enough/);
      expect(await view(jobId)).toMatchObject({ state: 'cancelled', attemptsMade: 1 });
      expect(await service.cancelJob(QUEUE, jobId)).toBe('finished');
      expect(await reconciler.runOnce()).toBe(0);
      expect(sink.failures).toEqual([]);
    });

    it('runs a failed job again under its id, from the first attempt, and counts the run', async () => {
      const sink = memorySink();
      let broken = true;
      await work(
        async (_: Probe, { job }: Context) => {
          if (broken) throw new PermanentError('broken');
          return job.attempt;
        },
        { sink },
      );
      const { jobId } = await add('again', { userId: 'user-1', correlationId: 'kept' });
      await expect(ended(jobId)).rejects.toThrow(/broken/);
      await vi.waitFor(async () => expect((await view(jobId)).state).toBe('failed'));
      expect(await service.retryJob(QUEUE, jobId)).toEqual({ outcome: 'retried', jobId, deduplicated: false });
      await vi.waitFor(() => expect(sink.failures.map(({ run }) => run)).toEqual([1, 2]));
      await vi.waitFor(async () => expect((await view(jobId)).state).toBe('failed'));
      broken = false;
      await service.retryJob(QUEUE, jobId);
      expect(await ended(jobId)).toBe(1);
      expect(await view(jobId)).toMatchObject({ userId: 'user-1', correlationId: 'kept' });
      expect(await service.retryJob(QUEUE, jobId)).toEqual({ outcome: 'not_failed' });
      expect(await service.retryJob(QUEUE, 'unknown')).toEqual({ outcome: 'not_found' });
    });

    it('runs a cancelled job again, though it is gone from the queue', async () => {
      const { jobId } = await add('revived');
      await service.cancelJob(QUEUE, jobId);
      expect(await service.retryJob(QUEUE, jobId)).toMatchObject({ outcome: 'retried', jobId });
      await work(async () => 'alive');
      expect(await ended(jobId)).toBe('alive');
    });

    it('hands running jobs back at shutdown, uncharged, for another worker', async () => {
      const started = gate();
      const first = await startWorker(backend, async () => {
        started.open();
        await new Promise(() => undefined);
      });
      const { jobId } = await add('handed');
      await started.opened;
      await first.stop(2_050);
      expect(await view(jobId)).toMatchObject({ state: 'waiting', attemptsMade: 0 });
      await work(async (_: Probe, { job }: Context) => job.attempt);
      expect(await ended(jobId)).toBe(1);
    });

    it('lets running jobs finish at shutdown when they do so in time', async () => {
      const started = gate();
      const { opened, open: release } = gate();
      const worker = await startWorker(backend, async () => {
        started.open();
        await opened;
        return 'finished';
      });
      const { jobId } = await add('finishing');
      await started.opened;
      const stopping = worker.stop(20_000);
      release();
      await stopping;
      expect(await view(jobId)).toMatchObject({ state: 'completed', result: 'finished' });
    });

    it('takes jobs of a better priority first, and the oldest first within one', async () => {
      const order: string[] = [];
      for (const [key, priority] of [
        ['low-1', 9],
        ['high', 1],
        ['low-2', 9],
        ['first', 0],
      ] as const)
        await add(key, { priority });
      await work(async ({ key }: Probe) => void order.push(key), { concurrency: 1 });
      await vi.waitFor(() => expect(order).toEqual(['first', 'high', 'low-1', 'low-2']));
    });

    it('counts the same on both backends, prioritized and paused jobs as waiting', async () => {
      await backend.queue(QUEUE).pause();
      await add('one');
      await add('two', { priority: 5 });
      await add('three', { delay: 60_000 });
      expect((await service.stats())[QUEUE]).toEqual({
        waiting: 2,
        active: 0,
        completed: 0,
        failed: 0,
        delayed: 1,
        waitingChildren: 0,
        paused: true,
      });
      await backend.queue(QUEUE).resume();
    });

    it('shows progress and events to every listener', async () => {
      const { opened, open: release } = gate();
      const events: JobEvent[] = [];
      const unsubscribe = service.onJobEvent(QUEUE, (event) => events.push(event));
      await backend.events(QUEUE).waitUntilReady();
      await work(async (_: Probe, { progress }: Context) => {
        progress({ progress: 1, total: 2, current_step: 'half' });
        await opened;
        return 'seen';
      });
      const { jobId } = await add('watched');
      await vi.waitFor(async () => expect((await view(jobId)).progress).toEqual({ progress: 1, total: 2, current_step: 'half' }));
      release();
      await vi.waitFor(() => expect(events).toContainEqual({ type: 'completed', queue: QUEUE, jobId, result: 'seen' }));
      expect(events).toContainEqual({ type: 'progress', queue: QUEUE, jobId, progress: { progress: 1, total: 2, current_step: 'half' } });
      unsubscribe();
    });

    it('ends a wait after its time, while the job goes on', async () => {
      const { jobId } = await add('nobody-works');
      await expect(service.waitForJob(QUEUE, jobId, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'wait_timeout' });
      await expect(service.waitForJob(QUEUE, 'unknown', { timeoutMs: 5_000 })).rejects.toMatchObject({ code: 'not_found' });
      expect(await view(jobId)).toMatchObject({ state: 'waiting' });
    });

    it('keeps a row-backed result only for the run that holds the token', async () => {
      const row: { runId: string | undefined; result: string | undefined; ended: string[] } = { runId: undefined, result: undefined, ended: [] };
      const started = gate();
      const { opened, open: release } = gate();
      const sink = memorySink();
      await work(
        {
          begin: async (_: Probe, { runId }: Context) => {
            row.runId = runId;
            return { state: 'run' as const, row: {} };
          },
          run: async () => {
            started.open();
            await opened;
            return 'late';
          },
          record: async (_: Probe, result: string, { runId }: Context) => {
            if (row.runId !== runId) return false;
            row.result = result;
            return true;
          },
          end: async (_: Probe, { outcome }: { outcome: string }) => void row.ended.push(outcome),
        },
        { sink },
      );
      const { jobId } = await add('fenced');
      await started.opened;
      row.runId = 'another run';
      release();
      await expect(ended(jobId)).rejects.toBeInstanceOf(JobFailedError);
      expect(row).toEqual({ runId: 'another run', result: undefined, ended: [] });
    });

    it('answers with the stored result when the row is finished, and tells the row when the job fails for good', async () => {
      const ended_: unknown[] = [];
      const run = vi.fn(async () => {
        throw new PermanentError('cannot be');
      });
      let finished = true;
      await work({
        begin: async () => (finished ? { state: 'finished' as const, result: 'stored' } : { state: 'run' as const, row: {} }),
        run,
        record: async () => true,
        end: async (payload: Probe, ending: object) => void ended_.push({ payload, ...ending }),
      });
      expect(await ended((await add('stored')).jobId)).toBe('stored');
      expect(run).not.toHaveBeenCalled();
      finished = false;
      await expect(ended((await add('fails')).jobId)).rejects.toThrow(/cannot be/);
      expect(ended_).toMatchObject([{ payload: { key: 'fails' }, outcome: 'failed', error: 'cannot be', runId: expect.any(String) }]);
    });

    it('waits longer from attempt to attempt', async () => {
      const delays: number[] = [];
      backend.events(QUEUE).on('delayed', ({ delay }) => delays.push(delay));
      await backend.events(QUEUE).waitUntilReady();
      const slow = createService(backend, { ...quickSettings(), backoff: exponential(40, 5) });
      await work(async () => {
        throw new UnavailableError('away');
      });
      const before = Date.now();
      const { jobId } = await slow.enqueue({ queue: QUEUE, name: 'probe', payload: { key: 'backoff' } });
      await expect(ended(jobId)).rejects.toBeInstanceOf(JobFailedError);
      const [first = 0, second = 0] = delays.map((at) => at - before);
      expect(delays).toHaveLength(2);
      expect(first).toBeGreaterThanOrEqual(36);
      expect(second).toBeGreaterThanOrEqual(36 + 180);
    });

    it('stops a run whose lock was lost and keeps its hands off the job', async () => {
      const started = gate();
      const aborted = gate<unknown>();
      const { runs } = await work(async (_: Probe, { signal }: Context) => {
        signal.addEventListener('abort', () => aborted.open(signal.reason));
        started.open();
        await new Promise(() => undefined);
      });
      const { jobId } = await add('lost');
      await started.opened;
      runs.abort(QUEUE, jobId, 'lock_lost', 'gone');
      expect(await aborted.opened).toBeInstanceOf(JobAbortedError);
      await vi.waitFor(() => expect(runs.size).toBe(0));
    });
  });
}
