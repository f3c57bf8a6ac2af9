/**
 * Reads a document's file: storage -> temporary file -> reader -> chunks. What is read is stored together with the jobs that come next. A file whose
 * content has been read before, as this document's or another's, is not read again.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { DealDocument } from '../db/deal-types.ts';
import type { Db } from '../db/types.ts';
import { NotFoundError, PermanentError, UnavailableError } from '../errors.ts';
import type { IngestResult } from '../jobs/document-processing.ts';
import type { JobContext } from '../queue/processor.ts';
import { type StepDeps, type StepDone, stepJob } from '../relay/step-job.ts';
import type { FileStorage } from '../storage/contract.ts';
import { CHUNKS_VERSION, chunk } from './chunks.ts';
import type { DocumentReader, ReadDocument } from './contract.ts';
import { languageOf } from './language.ts';
import { type TemporaryFile, withTemporaryFile } from './temporary-file.ts';

export interface IngestDeps extends StepDeps {
  db: StepDeps['db'] & Pick<Db, 'documents'>;
  storage: FileStorage;
  reader: DocumentReader;
  clock: Clock;
  /** `DOCUMENT_LIMIT_BYTES` */
  documentLimitBytes: number;
}

export interface Payload {
  documentId: string;
  dealId: string;
}

type Context = JobContext<IngestDeps>;
type Stored = DealDocument & { storagePath: string };

/** Throws `NotFoundError` (Document), `PermanentError` (`document_without_file`). */
async function load({ documentId, dealId }: Payload, { deps }: Context): Promise<{ input: Stored; hash: string }> {
  const document = await deps.db.documents.get(documentId);
  if (document?.dealId !== dealId) throw new NotFoundError('Document', documentId);
  const { storagePath, contentHash } = document;
  if (storagePath === null) {
    throw new PermanentError('The document has no file: upload it with POST /api/documents', { code: 'document_without_file' });
  }
  return { input: { ...document, storagePath }, hash: readHash(contentHash ?? storagePath, deps.reader) };
}

/** Throws what `DocumentReader` throws, `UnavailableError` where the file cannot be fetched. */
async function run({ documentId }: Payload, document: Stored, context: Context): Promise<StepDone<IngestResult>> {
  const { deps, meta } = context;
  const startedAt = deps.clock.monotonic();
  const known = meta.force ? undefined : await readBefore(document, deps);
  const done = known ? copy(known) : await read(document, context);
  const milliseconds = Math.round(deps.clock.monotonic() - startedAt);
  return {
    result: { documentId, ...done.result, milliseconds },
    changes: {
      ...done.changes,
      readHash: readHash(document.contentHash ?? document.storagePath, deps.reader),
      // Content that came meanwhile is read by the next attempt: a job that asked for it may have been merged into this one.
      contentHash: document.contentHash,
      follow: followOptions(context),
    },
  };
}

type Done = StepDone<Omit<IngestResult, 'documentId' | 'milliseconds'>> & { changes: Record<string, unknown> };

function readBefore({ id, contentHash }: Stored, { db, reader }: IngestDeps): Promise<DealDocument | undefined> {
  return contentHash === null ? Promise.resolve(undefined) : db.documents.findReading(contentHash, readHash(contentHash, reader), id);
}

function copy({ id, format, title, language, pages, characters, ocrPages, reading }: DealDocument): Done {
  const facts = { format: format ?? '', pages: pages ?? 0, characters: characters ?? 0, ocrPages: ocrPages ?? 0 };
  return { result: { ...facts, chunks: 0, copied: true }, changes: { ...facts, title, language, reading, copyFrom: id } };
}

async function read(document: Stored, context: Context): Promise<Done> {
  const { deps, signal, progress } = context;
  progress({ progress: 0, total: 0, current_step: 'fetching' });
  const source = await deps.storage.get(document.storagePath, { signal }).catch((error: unknown) => {
    // A newer content may have taken its place since the row was read: the next attempt looks again.
    throw error instanceof NotFoundError ? new UnavailableError('The file is not in the storage any more: upload it again', { cause: error }) : error;
  });
  return withTemporaryFile(source, { limitBytes: deps.documentLimitBytes, signal }, async (file) => {
    checkWhole(document, file);
    const found = await deps.reader.read(
      { path: file.path, name: document.name, mimeType: document.mimeType, sizeBytes: file.sizeBytes },
      { signal, onProgress: (done, total, step) => progress({ progress: done, total, current_step: step }) },
    );
    return toDone(found);
  });
}

/** Read again later: the stream may have been cut, or a newer content may be about to take its place. */
function checkWhole({ contentHash }: Stored, file: TemporaryFile): void {
  if (contentHash === null || contentHash === file.contentHash) return;
  throw new UnavailableError('The stored file is not, or not all of, what was uploaded', {
    code: 'document_cut',
    details: { sizeBytes: file.sizeBytes },
  });
}

async function toDone({ format, title, pages, blocks, warnings }: ReadDocument): Promise<Done> {
  const chunks = chunk(blocks);
  const characters = chunks.reduce((sum, { text }) => sum + text.length, 0);
  const facts = { format, pages: pages.length, characters, ocrPages: pages.filter(({ state }) => state === 'ocr').length };
  const language = await languageOf(chunks);
  return { result: { ...facts, chunks: chunks.length, copied: false }, changes: { ...facts, title, language, reading: { pages, warnings }, chunks } };
}

function followOptions({ meta }: Context): Record<string, unknown> {
  const { userId, correlationId, force } = meta;
  return { jobSuffix: randomUUID(), correlationId, ...(userId ? { userId } : {}), ...(force ? { force } : {}) };
}

function readHash(content: string, { version }: DocumentReader): string {
  return createHash('sha256').update(`${content} ${version} ${CHUNKS_VERSION}`).digest('hex');
}

/** The processor of `ingest`. */
export const ingestStep = stepJob<Payload, Stored, IngestResult, IngestDeps>({
  subject: 'document',
  operation: 'ingest',
  key: ({ documentId }) => documentId,
  load,
  run,
});
