import type { LocalTasks } from '../../lib/ai/contract.ts';
import { createAi } from '../../lib/ai/index.ts';
import { createLocalEmbeddings } from '../../lib/ai/local-embeddings.ts';
import { silentLogger } from '../../lib/log.ts';
import type { Progress } from '../../lib/queue/processor.ts';
import type { ReviewContext } from '../../lib/reviews/context.ts';
import { createMemoryLedger, createMemoryLimits } from '../ai/memory.ts';
import { createFakeClock } from '../support/clock.ts';
import type { LlmServer } from '../support/llm.ts';

/** As in start/parts.ts. */
const reviewTasks: LocalTasks = {
  'review-reply': async () => (await import('../../lib/reviews/local-reply.ts')).default,
  'review-processing': async () => (await import('../../lib/reviews/local-processing.ts')).default,
  'review-sentiment': async () => (await import('../../lib/reviews/local-sentiment.ts')).default,
  'prompt-analysis': async () => (await import('../../lib/reviews/local-prompt.ts')).default,
};

/** A job's context over the real AI layer: with a server its OpenAI over HTTP, without one the local provider. */
export function contextWith(llm?: LlmServer, signal = new AbortController().signal) {
  const clock = createFakeClock();
  const ledger = createMemoryLedger(clock);
  const provider = llm ? ('openai' as const) : ('local' as const);
  const openai = llm ? { openai: { apiKey: 'sk-secret', baseUrl: llm.openaiBaseUrl } } : {};
  const options = { provider, perQueue: {}, timeoutMs: 20_000, ...openai };
  const local = { localTasks: reviewTasks, localEmbeddings: createLocalEmbeddings() };
  const ai = createAi({ options, limits: createMemoryLimits(), ledger, ...local, clock, log: silentLogger, onCall: () => undefined });
  const progress: Progress[] = [];
  const lines: unknown[][] = [];
  const context: ReviewContext = {
    ai: ai.forJob({ queue: 'review-ai', jobId: 'job-1', userId: 'user-1', signal }),
    meta: {},
    signal,
    progress: (step) => progress.push(step),
    log: Object.assign(Object.create(silentLogger), { info: (...line: unknown[]) => lines.push(line) }),
  };
  return { context, progress, ledger, lines };
}
