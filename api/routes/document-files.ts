import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { CreatedDocument, NewDocument } from '../../lib/db/deal-types.ts';
import { messageOf, UnavailableError } from '../../lib/errors.ts';
import { invalidInput } from '../../lib/payload.ts';
import { measured } from '../../lib/storage/measured.ts';
import { rowCallerOf } from '../access.ts';
import type { RowCaller } from '../auth.ts';
import { attachment } from '../content.ts';
import { dealId, documentParams, documentSummary, tags, viewDocument } from '../deal-schemas.ts';
import { deliverAll } from '../deliver.ts';
import type { ApiDeps, App } from '../deps.ts';
import { HttpError } from '../errors.ts';
import { cleanFileName, cleanMimeType, endingOf } from '../file-names.ts';
import { allowSlowBody } from '../plugins/slow-bodies.ts';
import { answer, failures, success } from '../schemas.ts';
import { acceptFiles, drain, isForm, type Upload, uploadOf } from '../uploads.ts';
import type { Visible } from '../visible.ts';

const MIB = 1024 * 1024;
const DOCUMENT_LIMIT_BYTES = 100 * MIB;

const about = z.strictObject({
  dealId: dealId.describe('Whose document it is'),
  name: z.string().min(1).max(1_000).optional().describe('Of the file, with its ending. Default: that of the file in the form'),
});

const uploaded = success(
  z.object({
    document: documentSummary,
    jobId: z.string().nullable().describe('Of its reading; null where it has been read already'),
    deduplicated: z.boolean().describe('The same file of the same name was there already'),
  }),
);

const binary = { schema: { type: 'string', format: 'binary' } };
const requestBody = {
  'multipart/form-data': {
    schema: {
      type: 'object',
      required: ['dealId', 'file'],
      properties: { ...z.toJSONSchema(about, { io: 'input' }).properties, file: { type: 'string', format: 'binary' } },
    },
  },
  'application/pdf': binary,
  'application/octet-stream': binary,
};

/** A file that is stored, and what came by on the way. */
interface StoredFile {
  path: string;
  sizeBytes: number;
  contentHash: string;
}

/** Registered in a scope of its own, which takes files of every type. */
export async function documentFileRoutes(app: App, deps: ApiDeps, visible: Visible): Promise<void> {
  const { db, storage, log } = deps;
  const limitBytes = deps.options.documentLimitBytes ?? DOCUMENT_LIMIT_BYTES;
  const rules = {
    limitBytes,
    fields: 'dealId and name',
    tooLong: 'The installation sets the limit with DOCUMENT_LIMIT_BYTES.',
    cut: 'Nothing of it is stored: send it again.',
  };

  /** Best effort: what cannot be removed is told to the log, not to the caller, who has a more important answer coming. */
  async function forget(path: string): Promise<void> {
    await storage.remove([path], { signal: AbortSignal.timeout(REMOVE_WITHIN_MS) }).catch((error: unknown) => {
      log.warn({ event: 'document.file_left', path, error: messageOf(error) }, 'a file that no document has could not be removed');
    });
  }

  async function store(id: string, deal: string, upload: Upload, contentType: string, signal: AbortSignal): Promise<StoredFile> {
    const path = `deals/${deal}/${id}/${randomUUID()}`;
    const { source, seen } = measured(upload.source, refuseEmpty);
    const size = upload.sizeBytes === undefined ? {} : { sizeBytes: upload.sizeBytes };
    await storage.put(path, source, { contentType, signal, ...size });
    try {
      await upload.finish();
    } catch (error) {
      await forget(path);
      throw error;
    }
    return { path, ...seen() };
  }

  async function insert(document: NewDocument & { id: string }, caller: RowCaller, correlationId: string): Promise<CreatedDocument> {
    try {
      return await db.documents.create(document, { jobSuffix: randomUUID(), correlationId, ...(caller.userId ? { userId: caller.userId } : {}) });
    } catch (error) {
      // The row may be there although the answer was lost: then a file is better left over than missing.
      if (error instanceof UnavailableError)
        log.warn({ event: 'document.file_left', path: document.storagePath }, 'a document may or may not be stored');
      else await forget(document.storagePath);
      throw error;
    }
  }

  async function add(request: FastifyRequest, upload: Upload, query: z.infer<typeof about> | undefined, signal: AbortSignal) {
    const caller = rowCallerOf(request);
    const { dealId: wanted, name } = query ?? aboutOf(upload);
    const deal = await visible.deal(caller, wanted);
    allowSlowBody(request);
    const id = randomUUID();
    const mimeType = cleanMimeType(upload.mimeType) ?? null;
    const { path, ...file } = await store(id, deal.id, upload, mimeType ?? OCTETS, signal);
    const told = { name: cleanFileName(name ?? upload.fileName ?? ''), mimeType, source: 'upload', sourceRef: null };
    const document = { id, dealId: deal.id, createdBy: caller.userId ?? null, ...told, ...file, storagePath: path };
    const created = await insert(document, caller, request.id);
    // Also when the database was asked twice: then it knows the document by this very file.
    const isNew = created.document.storagePath === path;
    if (!isNew) await forget(path);
    return { ...created, isNew };
  }

  await app.register(async (scope: App) => {
    await acceptFiles(scope, limitBytes);
    scope.post('/api/documents', {
      config: { requestBody },
      schema: {
        tags,
        summary: 'Upload a document: a form with dealId and the file, or the file as the body',
        description: `Reading is asked for at once; summary, risks and class follow. In a form the fields dealId and name stand before the file; with the file as the body they stand in the query, and \`Content-Type\` is the file's. At most ${Math.floor(limitBytes / MIB)} MiB, streamed to the storage. The same file of the same name in the same deal is not stored twice (200).`,
        querystring: about.partial(),
        response: { 200: uploaded.describe('It was there already'), 201: uploaded, ...failures },
      },
      handler: async (request, reply) => {
        try {
          const upload = await uploadOf(request, rules);
          if (!upload) throw noFile(request);
          const query = isForm(request) ? undefined : queryOf(request.query);
          const { document, asked, isNew } = await add(request, upload, query, endOf(reply));
          const [job] = asked ? await deliverAll(deps, { ingest: asked }) : [];
          const jobId = job?.jobId ?? (await ingestJobOf(deps, document.id));
          return reply
            .code(isNew ? 201 : 200)
            .header('location', `/api/documents/${document.id}`)
            .send(answer({ document: viewDocument(document), jobId, deduplicated: !isNew }));
        } catch (error) {
          drain(request);
          throw error;
        }
      },
    });
  });

  app.get('/api/documents/:id/file', {
    schema: {
      tags,
      summary: 'The file of a document, as it came',
      params: documentParams,
      response: { 200: { description: 'Always a download', content: { 'application/octet-stream': { schema: z.any() } } }, ...failures },
    },
    handler: async (request, reply) => {
      const document = await visible.document(rowCallerOf(request), request.params.id);
      if (document.storagePath === null) throw new HttpError(404, 'not_found', 'This document has no file here.');
      const bytes = await storage.get(document.storagePath, { signal: endOf(reply) });
      const ending = endingOf(document.name);
      const title = ending === '' ? document.name : document.name.slice(0, -ending.length - 1);
      reply.header('content-disposition', attachment(title, ending || 'bin', 'document'));
      // Whatever it says it is, it is nothing that this origin shows.
      reply.header('content-security-policy', "default-src 'none'; sandbox").header('x-content-type-options', 'nosniff');
      if (document.sizeBytes !== null) reply.header('content-length', document.sizeBytes);
      return reply.type(document.mimeType ?? OCTETS).send(Readable.from(bytes, { objectMode: false }));
    },
  });
}

const REMOVE_WITHIN_MS = 10_000;
const OCTETS = 'application/octet-stream';

/** Thrown at the end of what is empty, so that nothing of it is stored. */
function refuseEmpty(sizeBytes: number, ended: boolean): void {
  if (ended && sizeBytes === 0) throw empty();
}

function empty(): HttpError {
  return new HttpError(400, 'empty_file', 'The file is empty.');
}

function noFile({ body }: FastifyRequest): HttpError {
  if (body === undefined || body === null) return empty();
  return new HttpError(
    415,
    'unsupported_media_type',
    'Send a form with one file (multipart/form-data), or the file as the body with its own Content-Type.',
  );
}

function aboutOf({ fields }: Upload): z.infer<typeof about> {
  const parsed = about.safeParse(fields);
  if (parsed.success) return parsed.data;
  if (fields.dealId !== undefined) throw invalidInput('form', parsed.error, 'body');
  const message = 'must stand in the form, before the file';
  throw new HttpError(400, 'invalid_input', `Invalid input: body.dealId: ${message}`, { issues: [{ path: 'body.dealId', message }] });
}

function queryOf(query: unknown): z.infer<typeof about> {
  const parsed = about.safeParse(query);
  if (parsed.success) return parsed.data;
  throw invalidInput('input', parsed.error, 'query');
}

/** Aborts when the caller is gone before the answer has been sent. */
function endOf(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new HttpError(400, 'upload_cut', 'The caller hung up.'));
  });
  return gone.signal;
}

/** Of a document that is being read; null where that is over. */
async function ingestJobOf({ db }: ApiDeps, documentId: string): Promise<string | null> {
  const step = (await db.dealSteps.list('document', documentId)).find(({ operation }) => operation === 'ingest');
  return step && (step.status === 'queued' || step.status === 'processing') ? step.jobId : null;
}
