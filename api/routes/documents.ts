import { z } from 'zod';
import type { DealDocument } from '../../lib/db/deal-types.ts';
import type { Chunk } from '../../lib/documents/contract.ts';
import { NotFoundError } from '../../lib/errors.ts';
import { rowCallerOf } from '../access.ts';
import {
  askedJob,
  dealId,
  documentOperation,
  documentParams,
  documentStatus,
  documentSummary,
  severity,
  step,
  tags,
  viewDocument,
  viewStep,
  workstream,
} from '../deal-schemas.ts';
import { deliverAll } from '../deliver.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { answer, failures, pageQuery, success } from '../schemas.ts';
import type { Visible } from '../visible.ts';

const readPage = z.object({
  page: z.number(),
  state: z.enum(['text', 'ocr', 'empty', 'failed']),
  characters: z.number(),
  confidence: z.number().optional().describe('Of OCR, 0 to 1'),
});

const detail = documentSummary.extend({
  readPages: z.array(readPage).nullable(),
  warnings: z.array(z.string()).describe('What a reader should know: mislabelled, text left out, pages that failed'),
  steps: z.array(step),
  risks: z.object({ total: z.number(), bySeverity: z.record(severity, z.number()) }),
});

const chunk = z.object({
  text: z.string(),
  kind: z.enum(['text', 'table']),
  page: z.number().nullable().describe('That it begins on'),
  section: z.array(z.string()).describe('The headings it stands below, outermost first'),
  spans: z.array(z.object({ page: z.number(), start: z.number() })).describe('Where pages begin in the text, in UTF-16 units'),
  tokens: z.number(),
});

const processBody = z
  .strictObject({
    operation: documentOperation.exactOptional(),
    operations: z.array(documentOperation).min(1).max(4).exactOptional(),
    force: z.boolean().optional().describe('Pay again although nothing has changed'),
    documentId: z.string().optional(),
    dealId: z.string().optional(),
  })
  .nullish();

export function documentRoutes(app: App, deps: ApiDeps, visible: Visible): void {
  const { db, storage } = deps;

  app.get('/api/documents', {
    schema: {
      tags,
      summary: 'Documents, newest first, without their texts',
      querystring: pageQuery.extend({ dealId: dealId.optional(), status: documentStatus.optional(), workstream: workstream.optional() }),
      response: { 200: success(z.object({ documents: z.array(documentSummary), nextCursor: z.string().nullable() })), ...failures },
    },
    handler: async (request) => {
      const caller = rowCallerOf(request);
      const { limit, cursor, status, workstream: stream, dealId: wanted } = request.query;
      const page = await visible.rows(caller).documents.list({
        limit,
        ...(await visible.dealFilter(caller, wanted)),
        ...(cursor ? { cursor } : {}),
        ...(status ? { status } : {}),
        ...(stream ? { workstream: stream } : {}),
      });
      return answer({ documents: page.items.map(viewDocument), nextCursor: page.nextCursor });
    },
  });

  app.get('/api/documents/:id', {
    schema: {
      tags,
      summary: 'A document: what was read of it and found in it, how far its steps are, and why one failed',
      params: documentParams,
      response: { 200: success(z.object({ document: detail })), ...failures },
    },
    handler: async (request) => {
      const document = await visible.document(rowCallerOf(request), request.params.id);
      const [steps, risks] = await Promise.all([db.dealSteps.list('document', document.id), countRisks(deps, document.id)]);
      const { pages: readPages = null, warnings = [] } = document.reading ?? {};
      return answer({ document: { ...viewDocument(document), readPages, warnings, steps: steps.map(viewStep), risks } });
    },
  });

  app.get('/api/documents/:id/text', {
    schema: {
      tags,
      summary: 'The text of a document in its order, in parts with page and section',
      params: documentParams,
      response: {
        200: success(z.object({ documentId: z.string(), status: documentStatus, readPages: z.array(readPage).nullable(), chunks: z.array(chunk) })),
        ...failures,
      },
    },
    handler: async (request) => {
      const { id, status, reading } = await visible.document(rowCallerOf(request), request.params.id);
      const chunks = await db.documents.chunks(id);
      return answer({ documentId: id, status, readPages: reading?.pages ?? null, chunks: chunks.map(viewChunk) });
    },
  });

  app.delete('/api/documents/:id', {
    schema: {
      tags,
      summary: 'Remove a document: its file, its text, its risks',
      params: documentParams,
      response: { 200: success(z.object({ documentId: z.string() })), ...failures },
    },
    handler: async (request) => {
      const document = await visible.document(rowCallerOf(request), request.params.id);
      // The file first: a row that stays behind can be removed again, a file that nobody knows of cannot.
      await removeFile(document.storagePath);
      const removed = await db.documents.remove(document.id);
      if (removed && removed.storagePath !== document.storagePath) await removeFile(removed.storagePath);
      return answer({ documentId: document.id });
    },
  });

  async function removeFile(path: string | null): Promise<void> {
    if (path !== null) await storage.remove([path], { signal: AbortSignal.timeout(REMOVE_WITHIN_MS) });
  }

  app.post('/api/documents/:id/process', {
    schema: {
      tags,
      summary: 'Ask for work on a document; unchanged ones cost nothing unless forced',
      description:
        '`ingest` (the default) reads the file anew and asks for the other three. A `documentId` and `dealId` in the body, as old apps send them, must be those of the document.',
      params: documentParams,
      body: processBody.meta({ examples: [{ operation: 'summarize' }, { operations: ['extract_risks', 'classify'], force: true }] }),
      response: {
        202: z.object({
          success: z.literal(true),
          message: z.literal('Processing started'),
          data: z.object({ documentId: z.string(), jobs: z.array(askedJob) }),
        }),
        ...failures,
      },
    },
    handler: async (request, reply) => {
      const caller = rowCallerOf(request);
      const document = await visible.document(caller, request.params.id);
      const body = request.body ?? {};
      requireSame(document, body);
      const operations = [...new Set(body.operations ?? [body.operation ?? 'ingest'])];
      const options = { correlationId: request.id, force: body.force ?? false, ...(caller.userId ? { userId: caller.userId } : {}) };
      const asked = await db.documents.ask(document.id, operations, options);
      if (!asked) throw new NotFoundError('Document', document.id);
      const jobs = await deliverAll(deps, asked, operations);
      return reply.code(202).send({ success: true, message: 'Processing started', data: { documentId: document.id, jobs } });
    },
  });
}

const REMOVE_WITHIN_MS = 30_000;

function viewChunk({ text, kind, section, spans, tokens }: Chunk): z.infer<typeof chunk> {
  return { text, kind, page: spans[0]?.page ?? null, section, spans, tokens };
}

/** Who names more than the path does must mean the same. */
function requireSame({ id, dealId: deal }: DealDocument, body: { documentId?: string | undefined; dealId?: string | undefined }): void {
  const wrong = (field: string, message: string) =>
    new HttpError(400, 'invalid_input', `Invalid input: body.${field}: ${message}`, { issues: [{ path: `body.${field}`, message }] });
  if (body.documentId !== undefined && body.documentId.toLowerCase() !== id) throw wrong('documentId', 'is not the document in the path');
  if (body.dealId !== undefined && body.dealId.toLowerCase() !== deal) throw wrong('dealId', 'is not the deal of this document');
}

const RISKS_AT_ONCE = 500;

async function countRisks({ db }: ApiDeps, documentId: string): Promise<z.infer<typeof detail>['risks']> {
  const bySeverity = { low: 0, medium: 0, high: 0, critical: 0 };
  let total = 0;
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await db.documents.risks({ documentId, limit: RISKS_AT_ONCE, ...(cursor ? { cursor } : {}) });
    for (const risk of page.items) bySeverity[risk.severity] += 1;
    total += page.items.length;
    cursor = page.nextCursor;
  }
  return { total, bySeverity };
}
