/**
 * What app code imports. Light to load: nothing here pulls in a model SDK, a mail or document library or an HTTP server,
 * and the queue itself is loaded at the first call.
 *
 * Where the queues are is read from the environment at the first call: `REDIS_URL` (or `QUEUE_BACKEND=postgres` and `DATABASE_URL`),
 * else `HIVEPULSE_URL` with `HIVEPULSE_API_KEY`; with neither, every call throws, saying what to set. Jobs with a row of their own (review jobs, fetches,
 * analyses) are inserted into the database that is named (`SUPABASE_URL`, `DATABASE_URL`), else asked for over `HIVEPULSE_URL`.
 */
import { PermanentError } from './errors.ts';
import type { ProducerService } from './http-client.ts';
import type { QueueName } from './jobs/define.ts';
import { createProducers } from './producers.ts';
import { isTraced } from './telemetry/current.ts';

async function connect(): Promise<ProducerService> {
  const { loadProducerConfig } = await import('./config/producer.ts');
  const config = loadProducerConfig();
  if (config.kind === 'none') throw new PermanentError(config.message, { code: 'not_configured' });
  if (config.kind === 'http') {
    const { createHttpClient } = await import('./http-client.ts');
    return createHttpClient(config);
  }
  const [{ openBackend }, { createQueueService }, { createProducerRows }, { systemClock }] = await Promise.all([
    import('./queue/open.ts'),
    import('./queue/service.ts'),
    import('./relay/producer-rows.ts'),
    import('./clock.ts'),
  ]);
  const backend = await openBackend(config.queue, { role: 'producer' });
  // Where the app has an SDK of its own, what it asks for belongs to its traces.
  const tracer = isTraced() ? (await import('./telemetry/tracer.ts')).createTracer() : undefined;
  const deps = { backend, settings: (queue: QueueName) => config.queues[queue], clock: systemClock, tracer };
  const opened = createProducerRows(config, deps);
  return {
    ...createQueueService({ ...deps, ...(opened ? { rows: opened.rows } : {}) }),
    close: async () => {
      await Promise.all([backend.close(), opened?.close()]);
    },
  };
}

export const {
  queueConversationAnalysis,
  queueGmailFetch,
  queueStoryEnhancement,
  queueReviewJob,
  queueDailyBrief,
  queueDocumentProcessing,
  queueEmailProcessing,
  queueSourceSync,
  getQueueStats,
  getJob,
  getFailedJobs,
  waitForJob,
  onJobEvent,
  cancelJob,
  closeQueues,
} = createProducers(connect);

export { HivepulseError, InsufficientCreditsError, InvalidInputError, NotFoundError, PermanentError, UnavailableError } from './errors.ts';
export { createHttpClient, type HttpClientOptions } from './http-client.ts';
export { QUEUE_NAMES, type QueueName } from './jobs/define.ts';
export { createProducers, type Producers } from './producers.ts';
export { EnqueueError, JobFailedError } from './queue/errors.ts';
export type { CancelOutcome, Enqueued, EnqueueOptions, JobEvent, JobState, JobView, QueueCounts, QueueStats } from './queue/types.ts';
