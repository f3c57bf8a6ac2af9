import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { LocalTasks } from '../../lib/ai/contract.ts';
import { createAi } from '../../lib/ai/index.ts';
import { createLocalEmbeddings } from '../../lib/ai/local-embeddings.ts';
import { chunk } from '../../lib/documents/chunks.ts';
import type { Chunk } from '../../lib/documents/contract.ts';
import type { InsightContext, ReadyDocument } from '../../lib/documents/insight/document.ts';
import { WORKSTREAMS } from '../../lib/jobs/document-processing.ts';
import { silentLogger } from '../../lib/log.ts';
import type { Progress } from '../../lib/queue/processor.ts';
import { createMemoryLedger, createMemoryLimits } from '../ai/memory.ts';
import { createFakeClock } from '../support/clock.ts';
import type { LlmServer } from '../support/llm.ts';

/** As in start/parts.ts. */
const documentTasks: LocalTasks = {
  'document-summary': async () => (await import('../../lib/documents/summarize/local.ts')).extractSummary,
  'document-notes': async () => (await import('../../lib/documents/summarize/local.ts')).extractNotes,
  'document-digest': async () => (await import('../../lib/documents/summarize/local.ts')).extractDigest,
  'document-risks': async () => (await import('../../lib/documents/risks/local.ts')).default,
  'document-class': async () => (await import('../../lib/documents/classify/local.ts')).default,
};

export interface InsightOptions {
  llm?: LlmServer;
  vendor?: 'openai' | 'anthropic';
  signal?: AbortSignal;
  force?: boolean;
  jobId?: string;
  /** Answers and costs of an earlier context. */
  ledger?: ReturnType<typeof createMemoryLedger>;
}

/** A job's context over the real AI layer: with a server that vendor's API over HTTP, without one the local provider. */
export function insightContext({
  llm,
  vendor = 'openai',
  signal = new AbortController().signal,
  force = false,
  jobId = 'job-1',
  ...rest
}: InsightOptions = {}) {
  const clock = createFakeClock();
  const ledger = rest.ledger ?? createMemoryLedger(clock);
  const provider = llm ? vendor : ('local' as const);
  const keys = llm
    ? { openai: { apiKey: 'sk-secret', baseUrl: llm.openaiBaseUrl }, anthropic: { apiKey: 'sk-secret', baseUrl: llm.anthropicBaseUrl } }
    : {};
  const ai = createAi({
    options: { provider, perQueue: {}, timeoutMs: 20_000, ...keys },
    limits: createMemoryLimits(),
    ledger,
    localTasks: documentTasks,
    localEmbeddings: createLocalEmbeddings(),
    clock,
    log: silentLogger,
    onCall: () => undefined,
  });
  const progress: Progress[] = [];
  const lines: unknown[][] = [];
  const context: InsightContext = {
    ai: ai.forJob({ queue: 'document-processing', jobId, userId: 'user-1', signal }),
    job: { queue: 'document-processing', name: 'summarize', id: jobId, attempt: 1, maxAttempts: 4 },
    meta: { correlationId: 'c', enqueuedAt: '2026-11-22T00:00:00.000Z', ...(force ? { force } : {}) },
    signal,
    progress: (step) => progress.push(step),
    log: Object.assign(Object.create(silentLogger), { info: (...line: unknown[]) => lines.push(line) }),
  };
  return { context, progress, ledger, lines };
}

/** Pages with their paragraphs; one that begins with "# " is a heading. */
export function documentOf(pages: readonly (readonly string[])[], head: Partial<Pick<ReadyDocument, 'name' | 'title'>> = {}): ReadyDocument {
  const blocks = pages.flatMap((paragraphs, index) =>
    paragraphs.map((text) => ({
      page: index + 1,
      ...(text.startsWith('# ') ? { kind: 'heading' as const, level: 1, text: text.slice(2) } : { kind: 'text' as const, text }),
    })),
  );
  return ofChunks(chunk(blocks), head);
}

export function ofChunks(chunks: readonly Chunk[], { name = 'contract.pdf', title = null }: Partial<Pick<ReadyDocument, 'name' | 'title'>> = {}) {
  return { id: '00000000-0000-4000-8000-000000000001', name, title, chunks } satisfies ReadyDocument;
}

const half = z.enum(['dev', 'test']);
const labelled = (file: string): unknown => JSON.parse(readFileSync(new URL(`../fixtures/documents-labelled/${file}`, import.meta.url), 'utf8'));

/** Real excerpts and clauses with their labels: see test/fixtures/documents-labelled/README.md. */
export const labelledExcerpts = () =>
  z
    .array(z.object({ id: z.string(), half, workstream: z.enum(WORKSTREAMS), documentType: z.string().nullable(), text: z.string() }))
    .parse(labelled('excerpts.json'));
const clauseLabel = z.enum(['change_of_control', 'assignment']);
export const labelledClauses = () => z.array(z.object({ half, labels: z.array(clauseLabel), text: z.string() })).parse(labelled('clauses.json'));
export const handMadeClauses = () => z.array(z.object({ labels: z.array(clauseLabel), text: z.string() })).parse(labelled('hand-made.json'));
