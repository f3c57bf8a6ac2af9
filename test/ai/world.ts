import { Writable } from 'node:stream';
import { z } from 'zod';
import type { AiCall } from '../../lib/ai/books.ts';
import type { AiOptions } from '../../lib/ai/choose.ts';
import type { AiCaller, Limits, LocalTasks } from '../../lib/ai/contract.ts';
import { createAi } from '../../lib/ai/index.ts';
import { createLocalEmbeddings } from '../../lib/ai/local-embeddings.ts';
import { createLogger } from '../../lib/log.ts';
import { createFakeClock } from '../support/clock.ts';
import type { LlmServer } from '../support/llm.ts';
import { createMemoryLedger, createMemoryLimits, type MemoryLedger } from './memory.ts';

const schema = z.object({ score: z.number().max(10) });
export const prompt = { id: 'score', version: '1', instructions: 'Score the story.' };
/** A question whose answers look like `{ score: 4 }`. */
export const request = { prompt, schema, data: { story: 'A fox ran.' } };
const localTasks: LocalTasks = { score: async () => () => ({ score: 1 }), broken: async () => () => ({ score: 'high' }) };

interface Given {
  options?: Partial<AiOptions>;
  limits?: Limits;
  ledger?: MemoryLedger;
  clock?: ReturnType<typeof createFakeClock>;
}

/** One process's AI layer, with everything it writes down. */
export async function createWorld(
  llm: Pick<LlmServer, 'openaiBaseUrl' | 'anthropicBaseUrl'>,
  { options, limits = createMemoryLimits(), clock = createFakeClock(), ledger = createMemoryLedger(clock) }: Given = {},
) {
  const lines: Record<string, unknown>[] = [];
  const stream = new Writable({
    write(chunk, _, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const calls: AiCall[] = [];
  const all: AiOptions = {
    provider: 'auto',
    openai: { apiKey: 'sk-secret', baseUrl: llm.openaiBaseUrl },
    anthropic: { apiKey: 'sk-ant-secret', baseUrl: llm.anthropicBaseUrl },
    perQueue: {},
    timeoutMs: 20_000,
    ...options,
  };
  const log = await createLogger({ level: 'debug', service: 'test', stream });
  const localEmbeddings = createLocalEmbeddings();
  const ai = createAi({ options: all, limits, ledger, localTasks, localEmbeddings, clock, log, onCall: (call) => calls.push(call) });
  const forQueue = (queue = 'story-enhancement', more: Partial<AiCaller> = {}) =>
    ai.forJob({ queue, jobId: 'job-1', userId: 'user-1', signal: new AbortController().signal, ...more });
  return { ai, forQueue, limits, ledger, clock, lines, calls };
}
