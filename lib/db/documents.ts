import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Chunk } from '../documents/contract.ts';
import type { AskStepOptions, DocumentsTable, NewDocument } from './deal-types.ts';
import { parseDocument, parseRisk } from './document-rows.ts';
import { requireUuid } from './job-rows.ts';
import { newestFirst } from './newest-first.ts';
import { answer, type Client, callJson, firstRow } from './rest.ts';
import { integer, isUuid, jsonText } from './rows.ts';
import type { Asked } from './types.ts';

const asked = z.object({ outboxId: integer.nullable(), jobId: z.string() });
export const askedSteps = z.record(z.string(), asked);

const created = z.object({
  document: z.unknown(),
  outcome: z.enum(['created', 'known', 'changed']),
  replacedPath: z.string().nullable(),
  outboxId: integer.nullable(),
  jobId: z.string().nullable(),
});

/** The ids of the jobs end with it: made here, so that repeating the call after a lost answer asks once. */
export const stepOptions = ({ jobSuffix = randomUUID(), userId, correlationId, priority, delay, force }: AskStepOptions = {}): string =>
  jsonText({ jobSuffix, userId, correlationId, priority, delay, force });

/** PostgREST answers no more rows at once. */
const PAGE = 1_000;
const chunkRow = z
  .object({
    ordinal: integer,
    text: z.string(),
    kind: z.enum(['text', 'table']).catch('text'),
    section: z.array(z.string()).catch([]),
    spans: z.array(z.object({ page: z.int(), start: z.int() })).catch([]),
    tokens: integer,
  })
  .transform(({ ordinal, ...chunk }): { ordinal: number; chunk: Chunk } => ({ ordinal, chunk }));
const removed = z.object({ dealId: z.string(), storagePath: z.string().nullable() });
const NOTHING = { items: [], nextCursor: null };

/** `documents`, their text and their risks: as the service role, or as a signed-in user, who reads alone. */
export function createDocumentsTable(client: Client): DocumentsTable {
  const chunksAfter = async (id: string, ordinal: number) => {
    return callJson(client, 'document_chunks_page', { p_document: id, p_after: ordinal, p_limit: PAGE }, z.array(chunkRow));
  };

  return {
    async create(document: NewDocument, options) {
      const args = {
        p_document: jsonText({ id: randomUUID(), ...document, dealId: requireUuid('dealId', document.dealId) }),
        p_options: options === undefined ? null : stepOptions(options),
      };
      const { document: stored, outcome, replacedPath, outboxId, jobId } = await callJson(client, 'create_document', args, created);
      const reading: Asked | undefined = jobId === null ? undefined : { outboxId, jobId };
      return { document: parseDocument(stored), outcome, replacedPath, asked: reading };
    },

    async get(id) {
      if (!isUuid(id)) return undefined;
      const found = await callJson(client, 'read_document', { p_id: id }, z.unknown());
      return found === null ? undefined : parseDocument(found);
    },

    async list({ limit, cursor, dealId, status, workstream }) {
      if (dealId !== undefined && !isUuid(dealId)) return NOTHING;
      return newestFirst(client, 'documents', { limit, cursor, where: { deal_id: dealId, status, workstream } }, parseDocument);
    },

    async ask(id, operations, options) {
      if (!isUuid(id)) return undefined;
      const args = { p_document: id, p_operations: jsonText(operations), p_options: stepOptions(options) };
      return (await callJson(client, 'ask_for_document', args, askedSteps.nullable())) ?? undefined;
    },

    async chunks(id) {
      const all: Chunk[] = [];
      if (!isUuid(id)) return all;
      for (let last = -1; ; ) {
        const page = await chunksAfter(id, last);
        for (const { chunk } of page) all.push(chunk);
        last = page.at(-1)?.ordinal ?? last;
        if (page.length < PAGE) return all;
      }
    },

    async risks({ limit, cursor, dealId, documentId, severity, category }) {
      if ([dealId, documentId].some((id) => id !== undefined && !isUuid(id))) return NOTHING;
      const where = { deal_id: dealId, document_id: documentId, severity, category };
      return newestFirst(client, 'document_risks', { limit, cursor, where }, parseRisk);
    },

    async findReading(contentHash, readHash, notId) {
      const same = client.from('documents').select().eq('content_hash', contentHash).eq('read_hash', readHash);
      const found = firstRow(await answer((isUuid(notId) ? same.neq('id', notId) : same).limit(1)));
      return found === undefined ? undefined : parseDocument(found);
    },

    async remove(id) {
      if (!isUuid(id)) return undefined;
      return (await callJson(client, 'remove_document', { p_document: id }, removed.nullable())) ?? undefined;
    },
  };
}
