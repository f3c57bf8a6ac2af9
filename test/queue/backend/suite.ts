import { randomUUID } from 'node:crypto';
import type { Job } from 'bullmq';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import type { QueueName } from '../../../lib/jobs/define.ts';
import type { Logger } from '../../../lib/log.ts';
import type { QueueBackend } from '../../../lib/queue/backend.ts';

/** Runs everything put on `queue` and resolves with the job's result. */
export async function roundTrip(backend: QueueBackend, name: QueueName): Promise<unknown> {
  const events = backend.events(name);
  await events.waitUntilReady();
  const worker = backend.worker(name, async (job: Job, _token, _signal) => ({ echo: job.data }), { concurrency: 2 });
  void worker.run();
  const data = { id: randomUUID() };
  const job = await backend.queue(name).add('echo', data);
  const result = await job.waitUntilFinished(events, 10_000);
  await worker.close();
  expect(result).toEqual({ echo: data });
  return result;
}

/** A log whose messages can be looked at. */
export function listeningLog(): { lines: string[]; log: Logger } {
  const lines: string[] = [];
  const log = pino({ level: 'info', messageKey: 'message' }, { write: (line: string) => lines.push(messageIn(line)) });
  return { lines, log };
}

function messageIn(line: string): string {
  const entry: { message: string; error?: string; level: number } = JSON.parse(line);
  return entry.level >= 50 ? `${entry.message}: ${entry.error}` : entry.message;
}

/** What a backend promises, wherever the queues live. */
export function backendSuite(open: () => QueueBackend): void {
  describe('any backend', () => {
    it('carries a job from add over a worker to an event', async () => {
      await roundTrip(open(), 'story-enhancement');
    });

    it('gives the same queue and event reader for the same name', () => {
      expect(open().queue('review-ai')).toBe(open().queue('review-ai'));
      expect(open().events('review-ai')).toBe(open().events('review-ai'));
    });

    it('misses no event from the moment its reader is ready', async () => {
      const queue = open().queue('document-processing');
      await queue.add('ingest', {}, { jobId: 'too-early' });
      const events = open().events('document-processing');
      const heard: string[] = [];
      events.on('waiting', ({ jobId }) => heard.push(jobId));
      await events.waitUntilReady();
      for (const jobId of ['first', 'second', 'third']) await queue.add('ingest', {}, { jobId });
      await vi.waitFor(() => expect(heard).toEqual(['first', 'second', 'third']), { timeout: 5_000 });
    });

    it('tells of the end of each of 200 jobs that end at the same time, once', async () => {
      const events = open().events('email-processing');
      const ended: string[] = [];
      events.on('completed', ({ jobId }) => ended.push(jobId));
      await events.waitUntilReady();
      const worker = open().worker('email-processing', async (_job, _token, _signal) => null, { concurrency: 10 });
      void worker.run();
      const ids = Array.from({ length: 200 }, (_, index) => `end-${index}`);
      await Promise.all(ids.map((jobId) => open().queue('email-processing').add('x', {}, { jobId })));
      await vi.waitFor(() => expect(ended.toSorted()).toEqual(ids.toSorted()), { timeout: 10_000 });
      await worker.close();
    });

    it('hands the abort signal to the processor', async () => {
      const queue = open().queue('gmail-fetch');
      let stop: ((reason: string) => void) | undefined;
      const seen = Promise.withResolvers<unknown>();
      const worker = open().worker(
        'gmail-fetch',
        (job, _token, signal) => {
          stop = (reason) => worker.cancelJob(job.id ?? '', reason);
          return new Promise((_, reject) => {
            signal?.addEventListener('abort', () => {
              seen.resolve(signal.reason);
              reject(new Error('stopped'));
            });
          });
        },
        { concurrency: 1 },
      );
      void worker.run();
      await queue.add('wait', {});
      await vi.waitUntil(() => stop !== undefined, { timeout: 5_000 });
      stop?.('enough');
      expect(String(await seen.promise)).toContain('enough');
      await worker.close();
    });

    it('counts what waits, prioritized jobs apart', async () => {
      const queue = open().queue('daily-brief');
      await queue.addBulk([
        { name: 'generate', data: {} },
        { name: 'generate', data: {}, opts: { priority: 5 } },
        { name: 'generate', data: {}, opts: { delay: 60_000 } },
      ]);
      expect(await queue.getJobCounts('waiting', 'prioritized', 'delayed')).toMatchObject({ waiting: 1, prioritized: 1, delayed: 1 });
    });

    it('is ready at once and answers a ping when it is connected', async () => {
      await open().ready(1_000);
      await open().ping();
    });
  });
}
