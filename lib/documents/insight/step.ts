import { createHash } from 'node:crypto';
import type { Ai } from '../../ai/contract.ts';
import { loadPrompt } from '../../ai/prompts.ts';
import type { DealDocument } from '../../db/deal-types.ts';
import type { Db } from '../../db/types.ts';
import { NotFoundError, PermanentError } from '../../errors.ts';
import type { DocumentOperation } from '../../jobs/document-processing.ts';
import { type Snooze, snooze } from '../../queue/outcome.ts';
import type { JobContext, RowProcessor } from '../../queue/processor.ts';
import { type StepDeps, type StepDone, stepJob } from '../../relay/step-job.ts';
import type { InsightContext, ReadyDocument } from './document.ts';
import { READ_AGAIN_MS } from './limits.ts';

export interface InsightDeps extends StepDeps {
  db: StepDeps['db'] & Pick<Db, 'documents'>;
}

export interface Payload {
  documentId: string;
  dealId: string;
}

export interface Insight<R> {
  operation: Exclude<DocumentOperation, 'ingest'>;
  /** Ids of the prompts that it asks. */
  prompts: readonly string[];
  /** Of everything else that decides the outcome: limits, rules, lexicons. */
  version: string;
  run(document: ReadyDocument, context: InsightContext): Promise<StepDone<R>>;
}

/** What is made of the text of a document, as a job. One that has not been read yet is waited for. */
export function insightStep<R>({ operation, prompts, version, run }: Insight<R>): RowProcessor<Payload, R, unknown, InsightDeps> {
  async function load({ documentId, dealId }: Payload, { deps, ai }: JobContext<InsightDeps>) {
    const document = await deps.db.documents.get(documentId);
    if (document?.dealId !== dealId) throw new NotFoundError('Document', documentId);
    return { input: document, hash: await inputHash(document, ai, prompts, version) };
  }

  async function runStep(_payload: Payload, document: DealDocument, context: JobContext<InsightDeps>): Promise<StepDone<R> | Snooze> {
    const { db } = context.deps;
    if (!(await isRead(document, db))) return snooze(READ_AGAIN_MS);
    const chunks = await db.documents.chunks(document.id);
    if (chunks.length === 0) throw new PermanentError('The document has no text', { code: 'document_no_text' });
    const { result, changes } = await run({ id: document.id, name: document.name, title: document.title, chunks }, context);
    // A text that came meanwhile is looked at by the next attempt: a job that asked for it may have been merged into this one.
    return { result, changes: Object.assign({}, changes, { readHash: document.readHash }) };
  }

  return stepJob({ subject: 'document', operation, key: ({ documentId }) => documentId, load, run: runStep });
}

/** Of the text, what is told besides, and whoever judges: equal means that nothing new can come of it. */
async function inputHash(
  { readHash, name, title }: DealDocument,
  { provider, model }: Pick<Ai, 'provider' | 'model'>,
  prompts: readonly string[],
  version: string,
): Promise<string> {
  const versions = await Promise.all(prompts.map(async (id) => `${id} ${(await loadPrompt(id)).version}`));
  return createHash('sha256')
    .update(JSON.stringify([readHash, name, title, provider, model, versions, version]))
    .digest('hex');
}

/** False: it is being read, or that has been asked for now. Throws `PermanentError` where it will not be read. */
async function isRead({ id, status, statusReason, readHash, storagePath }: DealDocument, { documents }: InsightDeps['db']): Promise<boolean> {
  // Also a text that is there already may be of an older file.
  if (status === 'waiting' || status === 'reading') return false;
  if (readHash !== null) return true;
  if (status === 'failed' || status === 'cancelled') throw notRead(status, statusReason);
  if (storagePath === null) throw new PermanentError('The document has no file, and no text', { code: 'document_without_file' });
  await documents.ask(id, ['ingest']);
  return false;
}

function notRead(status: 'failed' | 'cancelled', reason: string | null): PermanentError {
  const why = status === 'failed' ? 'could not be read' : 'was not read';
  return new PermanentError(`The document ${why}${reason === null ? '' : `: ${reason}`}`, { code: 'document_not_read', details: { reason } });
}
