import { randomUUID } from 'node:crypto';
import type { AskStepOptions, Deal, DealDocument, DealStep, NewDeal, NewDocument, NewEmail, StepKey } from '../../lib/db/deal-types.ts';
import type { Db } from '../../lib/db/types.ts';
import { DOCUMENT_OPERATIONS, type DocumentOperation } from '../../lib/jobs/document-processing.ts';

export const newDeal = (changes: Partial<NewDeal> = {}): NewDeal => ({
  name: 'Project Falcon',
  description: null,
  status: 'active',
  timeZone: null,
  briefTime: null,
  briefDelivery: {},
  ...changes,
});

export const newDocument = (deal: Pick<Deal, 'id'>, changes: Partial<NewDocument> = {}): NewDocument => ({
  dealId: deal.id,
  createdBy: null,
  name: 'SPA.pdf',
  mimeType: 'application/pdf',
  source: 'upload',
  sourceRef: null,
  sizeBytes: 1_000,
  contentHash: randomUUID(),
  storagePath: `deals/${randomUUID()}`,
  ...changes,
});

export const newEmail = (deal: Pick<Deal, 'id'>, changes: Partial<NewEmail> = {}): NewEmail => ({
  dealId: deal.id,
  createdBy: null,
  messageId: `<${randomUUID()}@example.com>`,
  threadId: null,
  inReplyTo: null,
  fromName: 'Ann',
  fromAddress: 'ann@example.com',
  recipients: [{ name: null, address: 'bob@example.com' }],
  subject: 'Data room',
  sentAt: null,
  text: 'Where is the list?',
  source: 'api',
  sourceRef: null,
  contentHash: randomUUID(),
  ...changes,
});

export const newChunk = (text: string) => ({ text, kind: 'text', section: ['1. Terms'], spans: [{ page: 1, start: 0 }], tokens: 3 });

/** What `ingest` records. */
export const newReading = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  format: 'pdf',
  title: 'Share purchase agreement',
  language: 'en',
  pages: 2,
  characters: 11,
  ocrPages: 0,
  reading: { pages: [{ page: 1, state: 'text', characters: 11 }], warnings: [] },
  readHash: randomUUID(),
  chunks: [newChunk('The Seller'), newChunk('shall pay')],
  follow: {},
  ...changes,
});

export interface Work extends StepKey {
  dealId: string;
  queue: string;
  jobId: string;
  runId: string;
}

const QUEUES = { document: 'document-processing', email: 'email-processing', brief: 'daily-brief' };

export const stepOf = (row: { id: string; dealId: string }, operation: string, changes: Partial<Work> = {}): Work => {
  const subject = (DOCUMENT_OPERATIONS as readonly string[]).includes(operation) ? 'document' : 'email';
  return { subject, key: row.id, operation, dealId: row.dealId, queue: QUEUES[subject], jobId: randomUUID(), runId: randomUUID(), ...changes };
};

export const begin = (db: Db, work: Work, { hash = 'h', force = false } = {}) => db.dealSteps.begin({ ...work, payload: {}, inputHash: hash, force });

export const record = (db: Db, work: Work, changes: unknown = {}, { hash = 'h', result = {} as unknown } = {}) =>
  db.dealSteps.record({ ...work, inputHash: hash, result }, changes);

export const fail = (db: Db, work: Work, error = 'It went wrong') => db.dealSteps.end({ ...work, status: 'failed', error });

/** The job that was asked for. */
export async function awaitedBy(db: Db, row: { id: string; dealId: string }, operation: string): Promise<Work> {
  const work = stepOf(row, operation);
  const step = (await db.dealSteps.list(work.subject, row.id)).find((one) => one.operation === operation);
  return { ...work, jobId: step?.jobId ?? work.jobId };
}

/** Begun and recorded, as one job does it. */
export async function perform(db: Db, row: { id: string; dealId: string }, operation: string, changes: unknown = {}): Promise<Work> {
  const work = await awaitedBy(db, row, operation);
  await begin(db, work, { hash: randomUUID() });
  await record(db, work, changes, { hash: randomUUID() });
  return work;
}

export async function readDocument(db: Db, deal: Pick<Deal, 'id'>, reading: Record<string, unknown> = newReading()): Promise<DealDocument> {
  const { document } = await db.documents.create(newDocument(deal), {});
  await perform(db, document, 'ingest', reading);
  return (await db.documents.get(document.id)) ?? document;
}

export const statesOf = async (db: Db, document: Pick<DealDocument, 'id'>): Promise<Partial<Record<DocumentOperation, DealStep['status']>>> =>
  Object.fromEntries((await db.dealSteps.list('document', document.id)).map(({ operation, status }) => [operation, status]));

export const options: AskStepOptions = { jobSuffix: 'one', userId: '00000000-0000-4000-8000-000000000001', correlationId: 'c-1', priority: 3 };
