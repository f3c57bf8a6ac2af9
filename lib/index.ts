/**
 * What app code imports. Light to load: nothing here pulls in a model SDK, a mail or document library or an HTTP server,
 * and the queue itself is loaded at the first call.
 *
 * Where the queues are is read from the environment at the first call: `REDIS_URL` (or `QUEUE_BACKEND=postgres` and `DATABASE_URL`),
 * else `HIVEPULSE_URL` with `HIVEPULSE_API_KEY`; with neither, every call throws, saying what to set.
 */
import { PermanentError } from './errors.ts';
import type { ProducerService } from './http-client.ts';
import { createProducers } from './producers.ts';

async function connect(): Promise<ProducerService> {
  const { loadProducerConfig } = await import('./config/producer.ts');
  const config = loadProducerConfig();
  if (config.kind === 'none') throw new PermanentError(config.message, { code: 'not_configured' });
  if (config.kind === 'http') {
    const { createHttpClient } = await import('./http-client.ts');
    return createHttpClient(config);
  }
  const [{ openBackend }, { createQueueService }, { systemClock }] = await Promise.all([
    import('./queue/open.ts'),
    import('./queue/service.ts'),
    import('./clock.ts'),
  ]);
  const backend = await openBackend(config.queue, { role: 'producer' });
  return { ...createQueueService({ backend, settings: (queue) => config.queues[queue], clock: systemClock }), close: () => backend.close() };
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

export { HivepulseError, InvalidInputError, NotFoundError, PermanentError, UnavailableError } from './errors.ts';
export { createHttpClient, type HttpClientOptions } from './http-client.ts';
export { QUEUE_NAMES, type QueueName } from './jobs/define.ts';
export { createProducers, type Producers } from './producers.ts';
export { EnqueueError, JobFailedError } from './queue/errors.ts';
export type { CancelOutcome, Enqueued, EnqueueOptions, JobEvent, JobState, JobView, QueueCounts, QueueStats } from './queue/types.ts';
