import { messageOf, PermanentError } from './errors.ts';
import type { ProducerService } from './http-client.ts';
import type { QueueName } from './jobs/define.ts';
import { isQueueName } from './jobs/index.ts';
import type { Enqueued, EnqueueOptions, JobEvent, JobView, QueueStats } from './queue/types.ts';

/** What app code imports, bound to one way of reaching the queues. */
export interface Producers {
  /** Analyse a conversation's answers into named themes. */
  queueConversationAnalysis(conversationId: string, options?: EnqueueOptions): Promise<Enqueued>;
  /** Fetch a user's Gmail messages into `message_cache`. `connectionId` names one of several accounts; `full` lists the mailbox anew. */
  queueGmailFetch(
    userId: string,
    fetch?: { query?: string; labelIds?: string[]; maxResults?: number; connectionId?: string; full?: boolean },
    options?: EnqueueOptions,
  ): Promise<Enqueued>;
  /** Refine a story's hype and ethics scores; adds claims, a reality check and a plain summary. */
  queueStoryEnhancement(storyId: string, options?: EnqueueOptions): Promise<Enqueued>;
  /** A review job, paid with the user's credits. */
  queueReviewJob(
    userId: string,
    type: 'ai_generation' | 'review_processing' | 'prompt_analysis' | 'sentiment_analysis',
    payload: Record<string, unknown>,
    options?: EnqueueOptions,
  ): Promise<Enqueued>;
  /** The brief of a deal; `date` is a local date (`2026-11-22`), today when left out. */
  queueDailyBrief(dealId: string, date?: string, options?: EnqueueOptions): Promise<Enqueued>;
  queueDocumentProcessing(
    documentId: string,
    dealId: string,
    operation: 'ingest' | 'summarize' | 'extract_risks' | 'classify',
    options?: EnqueueOptions,
  ): Promise<Enqueued>;
  queueEmailProcessing(
    emailId: string,
    dealId: string,
    operation: 'analyze_sentiment' | 'detect_blocker',
    options?: EnqueueOptions,
  ): Promise<Enqueued>;
  queueSourceSync(
    dealId: string,
    sourceType: 'gdrive' | 'sharepoint' | 'gmail' | 'outlook',
    syncType: 'incremental' | 'full',
    options?: EnqueueOptions,
  ): Promise<Enqueued>;
  /** Jobs per queue and state. */
  getQueueStats(): Promise<QueueStats>;
  getJob(queue: QueueName, jobId: string): Promise<JobView | undefined>;
  /** Newest first, 50 unless told. */
  getFailedJobs(queue: QueueName, options?: { limit?: number; offset?: number }): Promise<JobView[]>;
  /** Resolves to the job's result; rejects with `JobFailedError`, or `UnavailableError` (code `wait_timeout`) after `timeoutMs`. */
  waitForJob(queue: QueueName, jobId: string, options: { timeoutMs: number; signal?: AbortSignal }): Promise<unknown>;
  /** Calls `listener` for what happens on a queue; returns the function that ends it. */
  onJobEvent(queue: QueueName, listener: (event: JobEvent) => void): () => void;
  /** Cancels a waiting, delayed or running job, wherever it runs. */
  cancelJob(queue: QueueName, jobId: string): Promise<'cancelled' | 'cancelling' | 'finished' | 'not_found'>;
  /** Closes all connections; call it when the process ends. */
  closeQueues(): Promise<void>;
}

/** `connect` is called at the first use of any helper. */
export function createProducers(connect: () => Promise<ProducerService>): Producers {
  let service: Promise<ProducerService> | undefined;

  const connected = (): Promise<ProducerService> => {
    service ??= connect().catch((error: unknown) => {
      service = undefined;
      throw error;
    });
    return service;
  };
  const on = async (queue: string): Promise<ProducerService> => {
    if (!isQueueName(queue)) throw new PermanentError(`There is no queue "${queue}"; see QUEUE_NAMES`, { code: 'unknown_queue' });
    return connected();
  };
  const add = async (queue: QueueName, name: string, payload: unknown, options: EnqueueOptions | undefined): Promise<Enqueued> =>
    (await connected()).enqueue({ queue, name, payload, ...(options ? { options } : {}) });

  return {
    queueConversationAnalysis: (conversationId, options) => add('conversation-analysis', 'analyze', { conversationId }, options),
    queueGmailFetch: (userId, fetch = {}, options = {}) => add('gmail-fetch', 'fetch_messages', { userId, ...fetch }, { userId, ...options }),
    queueStoryEnhancement: (storyId, options) => add('story-enhancement', 'enhance', { storyId }, options),
    queueReviewJob: (userId, type, payload, options = {}) => add('review-ai', type, payload, { userId, ...options }),
    queueDailyBrief: (dealId, date, options) => add('daily-brief', 'generate', date === undefined ? { dealId } : { dealId, date }, options),
    queueDocumentProcessing: (documentId, dealId, operation, options) => add('document-processing', operation, { documentId, dealId }, options),
    queueEmailProcessing: (emailId, dealId, operation, options) => add('email-processing', operation, { emailId, dealId }, options),
    queueSourceSync: (dealId, sourceType, syncType, options) => add('source-sync', 'sync', { dealId, sourceType, syncType }, options),
    getQueueStats: async () => (await connected()).stats(),
    getJob: async (queue, jobId) => (await on(queue)).getJob(queue, jobId),
    getFailedJobs: async (queue, options) => (await on(queue)).getFailedJobs(queue, options),
    waitForJob: async (queue, jobId, options) => (await on(queue)).waitForJob(queue, jobId, options),
    onJobEvent: (queue, listener) => subscribe(on(queue), queue, listener),
    cancelJob: async (queue, jobId) => (await on(queue)).cancelJob(queue, jobId),
    closeQueues: async () => {
      const open = service;
      service = undefined;
      await (await open)?.close();
    },
  };
}

/** The feed opens as soon as the connection is there; ending it before that opens nothing. */
function subscribe(connecting: Promise<ProducerService>, queue: QueueName, listener: (event: JobEvent) => void): () => void {
  let end: (() => void) | undefined;
  let ended = false;
  connecting.then(
    (service) => {
      if (!ended) end = service.onJobEvent(queue, listener);
    },
    // There is no call left to reject: the caller already holds the function that ends the feed.
    (error: unknown) => process.emitWarning(`onJobEvent: ${messageOf(error)}`, 'HivepulseWarning'),
  );
  return () => {
    ended = true;
    end?.();
  };
}
