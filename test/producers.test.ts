import { describe, expect, it, vi } from 'vitest';
import type { ProducerService } from '../lib/http-client.ts';
import { createProducers } from '../lib/producers.ts';
import type { EnqueueRequest } from '../lib/queue/types.ts';

/** A service that only notes what it is asked. */
function noting() {
  const asked: EnqueueRequest[] = [];
  const service: ProducerService = {
    enqueue: async (request) => {
      asked.push(request);
      return { queue: request.queue, jobId: 'job-1', deduplicated: false };
    },
    stats: () => Promise.reject(new Error('not asked')),
    getJob: async () => undefined,
    getFailedJobs: async () => [],
    cancelJob: async () => 'not_found',
    waitForJob: async () => 'result',
    onJobEvent: () => () => undefined,
    close: vi.fn(async () => undefined),
  };
  return { asked, service };
}

describe('the helpers that app code imports', () => {
  it('name queue, job and payload of each kind', async () => {
    const { asked, service } = noting();
    const helpers = createProducers(async () => service);
    await helpers.queueConversationAnalysis('c');
    await helpers.queueGmailFetch('u', { query: 'is:unread', connectionId: 'c', full: true });
    await helpers.queueStoryEnhancement('s', { force: true });
    await helpers.queueReviewJob('u', 'sentiment_analysis', { text: 'fine' });
    await helpers.queueDailyBrief('d', '2026-11-22');
    await helpers.queueDailyBrief('d');
    await helpers.queueDocumentProcessing('doc', 'd', 'summarize');
    await helpers.queueEmailProcessing('mail', 'd', 'detect_blocker');
    await helpers.queueSourceSync('d', 'gdrive', 'incremental');
    expect(asked).toEqual([
      { queue: 'conversation-analysis', name: 'analyze', payload: { conversationId: 'c' } },
      {
        queue: 'gmail-fetch',
        name: 'fetch_messages',
        payload: { userId: 'u', query: 'is:unread', connectionId: 'c', full: true },
        options: { userId: 'u' },
      },
      { queue: 'story-enhancement', name: 'enhance', payload: { storyId: 's' }, options: { force: true } },
      { queue: 'review-ai', name: 'sentiment_analysis', payload: { text: 'fine' }, options: { userId: 'u' } },
      { queue: 'daily-brief', name: 'generate', payload: { dealId: 'd', date: '2026-11-22' } },
      { queue: 'daily-brief', name: 'generate', payload: { dealId: 'd' } },
      { queue: 'document-processing', name: 'summarize', payload: { documentId: 'doc', dealId: 'd' } },
      { queue: 'email-processing', name: 'detect_blocker', payload: { emailId: 'mail', dealId: 'd' } },
      { queue: 'source-sync', name: 'sync', payload: { dealId: 'd', sourceType: 'gdrive', syncType: 'incremental' } },
    ]);
  });

  it('connect at the first call, once, and again after closing', async () => {
    const { service } = noting();
    const connect = vi.fn(async () => service);
    const helpers = createProducers(connect);
    expect(connect).not.toHaveBeenCalled();
    await Promise.all([helpers.queueStoryEnhancement('a'), helpers.queueStoryEnhancement('b')]);
    expect(connect).toHaveBeenCalledTimes(1);
    await helpers.closeQueues();
    expect(service.close).toHaveBeenCalledTimes(1);
    await helpers.queueStoryEnhancement('c');
    expect(connect).toHaveBeenCalledTimes(2);
  });

  it('try to connect again after a failure', async () => {
    const { service } = noting();
    const connect = vi.fn(async () => service).mockRejectedValueOnce(new Error('nothing says where the queues are'));
    const helpers = createProducers(connect);
    await expect(helpers.queueStoryEnhancement('a')).rejects.toThrow(/nothing says/);
    await expect(helpers.queueStoryEnhancement('a')).resolves.toMatchObject({ jobId: 'job-1' });
  });

  it('refuse a queue that does not exist', async () => {
    const { service } = noting();
    const helpers = createProducers(async () => service);
    // @ts-expect-error: what a JavaScript app could write
    await expect(helpers.getJob('no-such-queue', 'x')).rejects.toMatchObject({ code: 'unknown_queue' });
  });
});
