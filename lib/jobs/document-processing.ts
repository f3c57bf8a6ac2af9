import { z } from 'zod';
import { MINUTE, SECOND } from '../clock.ts';
import { defineJob, defineQueue, exponential, whileUnfinished } from './define.ts';

export const documentProcessing = defineQueue({
  queue: 'document-processing',
  concurrency: 5,
  attempts: 4,
  backoff: exponential(5 * SECOND, 5),
  timeoutMs: 10 * MINUTE,
  keep: { completed: 100, failed: 500 },
});

const payload = z.object({ documentId: z.uuid(), dealId: z.uuid() });
const result = z.object({ documentId: z.uuid() });

function documentJob<const N extends string>(name: N) {
  return defineJob({
    queue: 'document-processing',
    name,
    payload,
    result,
    once: whileUnfinished<z.infer<typeof payload>>(({ documentId }) => `document-${name}-${documentId}`),
    status: 'planned',
  });
}

export const ingest = documentJob('ingest');
export const summarize = documentJob('summarize');
export const extractRisks = documentJob('extract_risks');
export const classify = documentJob('classify');
