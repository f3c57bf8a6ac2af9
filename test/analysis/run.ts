import { randomUUID } from 'node:crypto';
import type { LocalTasks } from '../../lib/ai/contract.ts';
import { createAi } from '../../lib/ai/index.ts';
import { createLocalEmbeddings } from '../../lib/ai/local-embeddings.ts';
import type { Compute } from '../../lib/analysis/pool.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Answer, NewAnswer, Theme } from '../../lib/db/conversation-types.ts';
import type { Db } from '../../lib/db/types.ts';
import { type AnalysisParams, type AnalysisResult, analyze } from '../../lib/jobs/conversation-analysis.ts';
import { silentLogger } from '../../lib/log.ts';
import type { JobContext, Progress } from '../../lib/queue/processor.ts';
import processors from '../../workers/conversation-analysis.ts';
import type { WorkerDeps } from '../../workers/index.ts';
import { createMemoryLedger, createMemoryLimits } from '../ai/memory.ts';
import type { LlmServer } from '../support/llm.ts';
import { noDealRoom } from '../support/no-deal-room.ts';
import { noMail } from '../support/no-mail.ts';

export interface Analysed {
  jobId: string;
  result: AnalysisResult;
  themes: Theme[];
  answers: Answer[];
  progress: Progress[];
}

export interface Run {
  params?: AnalysisParams;
  sampleLimit?: number;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

/** Conversations and their analyses as the runner runs them, over the real AI layer: local, or a server's OpenAI over HTTP. */
export function createAnalyses(db: Db, compute: Compute, llm?: LlmServer) {
  const localTasks: LocalTasks = { 'theme-naming': async () => (await import('../../lib/analysis/text/local-naming.ts')).default };
  const localEmbeddings = createLocalEmbeddings();
  const ledger = createMemoryLedger(systemClock);
  const openai = llm ? { openai: { apiKey: 'sk-secret', baseUrl: llm.openaiBaseUrl } } : {};
  const options = { provider: llm ? ('openai' as const) : ('local' as const), perQueue: {}, timeoutMs: 20_000, ...openai };
  const ai = createAi({
    options,
    limits: createMemoryLimits(),
    ledger,
    localTasks,
    localEmbeddings,
    clock: systemClock,
    log: silentLogger,
    onCall: () => undefined,
  });

  async function conversationOf(answers: readonly (string | NewAnswer)[]): Promise<string> {
    const { id } = await db.conversations.create({ userId: randomUUID(), title: 'What should the town do better?' });
    await add(id, answers);
    return id;
  }

  async function add(id: string, answers: readonly (string | NewAnswer)[]): Promise<void> {
    if (answers.length > 0)
      await db.conversations.addAnswers(
        id,
        answers.map((answer) => (typeof answer === 'string' ? { text: answer } : answer)),
      );
  }

  async function analyse(
    conversationId: string,
    { params = {}, sampleLimit = 10_000, signal = new AbortController().signal, onProgress }: Run = {},
  ): Promise<Analysed> {
    const { id: jobId } = await db.jobRows.createAnalysis({ conversationId, params: { ...params }, options: {} });
    const payload = { conversationId, ...params };
    const progress: Progress[] = [];
    const context: JobContext<WorkerDeps> = {
      job: { queue: 'conversation-analysis', name: 'analyze', id: jobId, attempt: 1, maxAttempts: 3 },
      meta: { correlationId: 'c', enqueuedAt: '2026-11-22T00:00:00.000Z', rowId: jobId },
      runId: randomUUID(),
      ai: ai.forJob({ queue: 'conversation-analysis', jobId, signal }),
      deps: { db, clock: systemClock, compute, sampleLimit, mail: noMail, ...noDealRoom },
      signal,
      progress: (step) => {
        progress.push(step);
        onProgress?.(step);
      },
      log: silentLogger,
    };
    await processors.analyze.begin(payload, context);
    const result = await processors.analyze.run(payload, undefined, context);
    if (!(await processors.analyze.record(payload, result, context))) throw new Error('Not recorded');
    const answers = await db.conversations.answers(conversationId, { after: 0, limit: 5_000 });
    return { jobId, result: analyze.result.parse(result), themes: await db.conversations.themes(conversationId), answers, progress };
  }

  return { conversationOf, add, analyse, ledger, close: () => localEmbeddings.close() };
}
