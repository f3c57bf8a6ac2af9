import type { Compute } from '../lib/analysis/pool.ts';
import type { BriefDeps } from '../lib/briefs/make.ts';
import type { Clock } from '../lib/clock.ts';
import type { Db } from '../lib/db/types.ts';
import type { DocumentReader } from '../lib/documents/contract.ts';
import type { QueueName } from '../lib/jobs/define.ts';
import { jobs, type ReadyQueueName } from '../lib/jobs/index.ts';
import type { MailDeps } from '../lib/mail/fetch.ts';
import type { Processors } from '../lib/queue/processor.ts';
import type { AnyProcessor } from '../lib/queue/runner.ts';
import type { SyncDeps } from '../lib/sources/run.ts';
import type { FileStorage } from '../lib/storage/contract.ts';

/** What every processor is given besides its payload and the job's own context. */
export interface WorkerDeps {
  db: Db;
  clock: Clock;
  /** Threads for what would hold up the event loop. */
  compute: Compute;
  /** `ANALYSIS_SAMPLE_LIMIT` */
  sampleLimit: number;
  /** Gmail, and what reads its messages. */
  mail: MailDeps;
  /** Files of documents. */
  storage: FileStorage;
  /** Reads them, in threads. */
  reader: DocumentReader;
  /** `DOCUMENT_LIMIT_BYTES` */
  documentLimitBytes: number;
  /** What makes briefs. */
  briefs: BriefDeps;
  /** What reads sources. */
  sync: SyncDeps;
}

/** A worker that serves one queue loads only that queue's code. */
const loaders: { [Q in ReadyQueueName]: () => Promise<{ default: Processors<Q, WorkerDeps> }> } = {
  'story-enhancement': () => import('./story-enhancement.ts'),
  'review-ai': () => import('./review-ai.ts'),
  'gmail-fetch': () => import('./gmail-fetch.ts'),
  'conversation-analysis': () => import('./conversation-analysis.ts'),
  'document-processing': () => import('./document-processing.ts'),
  'email-processing': () => import('./email-processing.ts'),
  'daily-brief': () => import('./daily-brief.ts'),
  'source-sync': () => import('./source-sync.ts'),
};

export type FindProcessor = (queue: QueueName, name: string) => AnyProcessor<WorkerDeps> | undefined;

/** Loads the processors of `queues`; throws when a kind that is ready has none. */
export async function loadProcessors(queues: readonly QueueName[]): Promise<FindProcessor> {
  const found = new Map<string, AnyProcessor<WorkerDeps>>();
  for (const queue of queues) {
    for (const [name, processor] of Object.entries(await loadQueue(queue))) found.set(`${queue}/${name}`, processor);
  }
  const missing = jobs.filter((job) => queues.includes(job.queue) && job.status === 'ready' && !found.has(`${job.queue}/${job.name}`));
  if (missing.length > 0) throw new Error(`No processor for ${missing.map((job) => `${job.queue}/${job.name}`).join(', ')}: see workers/index.ts`);
  return (queue, name) => found.get(`${queue}/${name}`);
}

async function loadQueue(queue: QueueName): Promise<Record<string, AnyProcessor<WorkerDeps>>> {
  return hasLoader(queue) ? (await loaders[queue]()).default : {};
}

function hasLoader(queue: QueueName): queue is ReadyQueueName {
  return Object.hasOwn(loaders, queue);
}
