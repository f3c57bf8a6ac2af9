import type { FetchParams } from '../lib/jobs/gmail-fetch.ts';
import { fetchMessages } from '../lib/mail/fetch.ts';
import type { JobContext, Processors } from '../lib/queue/processor.ts';
import { rowJob } from '../lib/relay/row-job.ts';
import type { WorkerDeps } from './index.ts';

type Payload = FetchParams & { userId: string };

export default {
  fetch_messages: rowJob('analytics_jobs', (payload: Payload, context: JobContext<WorkerDeps>) => fetchMessages(payload, context)),
} satisfies Processors<'gmail-fetch', WorkerDeps>;
