import { classifyStep } from '../lib/documents/classify/step.ts';
import { ingestStep } from '../lib/documents/ingest.ts';
import { risksStep } from '../lib/documents/risks/step.ts';
import { summarizeStep } from '../lib/documents/summarize/step.ts';
import type { Processors } from '../lib/queue/processor.ts';
import type { WorkerDeps } from './index.ts';

export default {
  ingest: ingestStep,
  summarize: summarizeStep,
  extract_risks: risksStep,
  classify: classifyStep,
} satisfies Processors<'document-processing', WorkerDeps>;
