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
const count = z.int().min(0);

/** Who answered: `local` where no key is configured. */
const origin = { provider: z.string(), model: z.string(), promptVersion: z.string() };

function documentJob<const N extends string, R>(name: N, result: z.ZodType<R>) {
  return defineJob({
    queue: 'document-processing',
    name,
    payload,
    result,
    once: whileUnfinished<z.infer<typeof payload>>(({ documentId }) => `document-${name}-${documentId}`),
    status: 'ready',
  });
}

export const DOCUMENT_OPERATIONS = ['ingest', 'summarize', 'extract_risks', 'classify'] as const;
export type DocumentOperation = (typeof DOCUMENT_OPERATIONS)[number];

export const ingestResult = z.object({
  documentId: z.uuid(),
  format: z.string(),
  pages: count,
  characters: count,
  /** Pages without text of their own that were read by OCR. */
  ocrPages: count,
  chunks: count,
  /** The same content had been read before: its reading was taken. */
  copied: z.boolean(),
  milliseconds: count,
});
export type IngestResult = z.infer<typeof ingestResult>;

export const summaryResult = z.object({
  documentId: z.uuid(),
  summary: z.string(),
  /** Parts that the document was read in. */
  parts: count,
  ...origin,
});
export type SummaryResult = z.infer<typeof summaryResult>;

export const risksResult = z.object({
  documentId: z.uuid(),
  risks: count,
  /** Findings whose quoted passage does not stand in the document. */
  dropped: count,
  ...origin,
});
export type RisksResult = z.infer<typeof risksResult>;

export const WORKSTREAMS = ['legal', 'financial', 'tax', 'hr', 'it', 'commercial', 'ip', 'environmental', 'other'] as const;
export type Workstream = (typeof WORKSTREAMS)[number];

export const classResult = z.object({
  documentId: z.uuid(),
  workstream: z.enum(WORKSTREAMS),
  /** In the words of a deal room: share purchase agreement, annual report, … */
  documentType: z.string(),
  /** 0 to 1. */
  confidence: z.number(),
  ...origin,
});
export type ClassResult = z.infer<typeof classResult>;

export const ingest = documentJob('ingest', ingestResult);
export const summarize = documentJob('summarize', summaryResult);
export const extractRisks = documentJob('extract_risks', risksResult);
export const classify = documentJob('classify', classResult);
