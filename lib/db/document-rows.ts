/** How documents and their risks look in the database. */
import { z } from 'zod';
import { WORKSTREAMS } from '../jobs/document-processing.ts';
import { type DealDocument, DOCUMENT_STATUSES, type DocumentRisk } from './deal-types.ts';
import { parseRow } from './rest.ts';
import { integer, numeric, timestamp } from './rows.ts';

const text = z.string().nullable();
/** Adopted tables allow null where ours have a default. */
const textOr = (fallback: string) => text.transform((value) => value ?? fallback);
const count = integer.nullable();

const page = z.object({
  page: z.int(),
  state: z.enum(['text', 'ocr', 'empty', 'failed']),
  characters: z.int(),
  confidence: z.number().exactOptional(),
});

const document = z.object({
  id: z.string(),
  deal_id: textOr(''),
  created_by: text,
  name: textOr(''),
  mime_type: text,
  size_bytes: count,
  content_hash: text,
  storage_path: text,
  source: textOr('upload'),
  source_ref: text,
  version: count.transform((version) => version ?? 1),
  // An adopted table has words of its own.
  status: z.enum(DOCUMENT_STATUSES).catch('stored'),
  status_reason: text,
  format: text,
  title: text,
  language: text,
  pages: count,
  characters: count,
  ocr_pages: count,
  reading: z
    .object({ pages: z.array(page), warnings: z.array(z.string()) })
    .nullable()
    .catch(null),
  read_hash: text,
  read_at: timestamp.nullable(),
  summary: text,
  key_points: z.array(z.object({ point: z.string(), page: z.int().nullable() })).catch([]),
  workstream: z.enum(WORKSTREAMS).nullable().catch(null),
  document_type: text,
  class_confidence: numeric.nullable(),
  created_at: timestamp,
  updated_at: timestamp,
});

export function parseDocument(value: unknown): DealDocument {
  const found = parseRow(document, value, 'documents');
  return {
    id: found.id,
    dealId: found.deal_id,
    createdBy: found.created_by,
    name: found.name,
    mimeType: found.mime_type,
    sizeBytes: found.size_bytes,
    contentHash: found.content_hash,
    storagePath: found.storage_path,
    source: found.source,
    sourceRef: found.source_ref,
    version: found.version,
    status: found.status,
    statusReason: found.status_reason,
    format: found.format,
    title: found.title,
    language: found.language,
    pages: found.pages,
    characters: found.characters,
    ocrPages: found.ocr_pages,
    reading: found.reading,
    readHash: found.read_hash,
    readAt: found.read_at,
    summary: found.summary,
    keyPoints: found.key_points,
    workstream: found.workstream,
    documentType: found.document_type,
    classConfidence: found.class_confidence,
    createdAt: found.created_at,
    updatedAt: found.updated_at,
  };
}

const risk = z.object({
  id: z.string(),
  document_id: z.string(),
  deal_id: textOr(''),
  category: textOr('other'),
  severity: z.enum(['low', 'medium', 'high', 'critical']).catch('medium'),
  explanation: textOr(''),
  quote: textOr(''),
  page: count,
  section: z.array(z.string()).catch([]),
  model: text,
  prompt_version: text,
  created_at: timestamp,
  updated_at: timestamp,
});

export function parseRisk(value: unknown): DocumentRisk {
  const found = parseRow(risk, value, 'document_risks');
  return {
    id: found.id,
    documentId: found.document_id,
    dealId: found.deal_id,
    category: found.category,
    severity: found.severity,
    explanation: found.explanation,
    quote: found.quote,
    page: found.page,
    section: found.section,
    model: found.model,
    promptVersion: found.prompt_version,
    createdAt: found.created_at,
    updatedAt: found.updated_at,
  };
}
