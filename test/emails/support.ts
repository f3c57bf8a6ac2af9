import type { LocalTasks } from '../../lib/ai/contract.ts';
import { createAi } from '../../lib/ai/index.ts';
import { createLocalEmbeddings } from '../../lib/ai/local-embeddings.ts';
import type { EmailContext } from '../../lib/emails/context.ts';
import type { ThreadMail } from '../../lib/emails/thread.ts';
import { silentLogger } from '../../lib/log.ts';
import { createMemoryLedger, createMemoryLimits } from '../ai/memory.ts';
import { createFakeClock } from '../support/clock.ts';
import type { LlmRequest, LlmServer } from '../support/llm.ts';

/** As in start/parts.ts. */
const emailTasks: LocalTasks = {
  'email-sentiment': async () => (await import('../../lib/emails/local-sentiment.ts')).default,
  'email-blocker': async () => (await import('../../lib/emails/local-blocker.ts')).default,
};

export const VENDORS = ['openai', 'anthropic'] as const;
type Vendor = (typeof VENDORS)[number];

/** The real AI layer: with a server that vendor over HTTP, without one the local provider. */
export function contextWith(llm?: LlmServer, vendor: Vendor = 'openai'): EmailContext {
  const clock = createFakeClock();
  const keys = llm
    ? {
        openai: { openai: { apiKey: 'sk-secret', baseUrl: llm.openaiBaseUrl } },
        anthropic: { anthropic: { apiKey: 'sk-ant-secret', baseUrl: llm.anthropicBaseUrl } },
      }[vendor]
    : {};
  const provider = llm ? vendor : ('local' as const);
  const options = { provider, perQueue: {}, timeoutMs: 20_000, ...keys };
  const local = { localTasks: emailTasks, localEmbeddings: createLocalEmbeddings() };
  const ledger = createMemoryLedger(clock);
  const ai = createAi({ options, limits: createMemoryLimits(), ledger, ...local, clock, log: silentLogger, onCall: () => undefined });
  const signal = new AbortController().signal;
  return { ai: ai.forJob({ queue: 'email-processing', jobId: 'job-1', userId: 'user-1', signal }), force: false };
}

/** The data of a request, by name, as a model that heeds the marks reads it. */
export function blocksOf({ user }: LlmRequest): Record<string, string> {
  return Object.fromEntries(
    [...user.matchAll(/<(data-[0-9a-f]{16}) name="([^"]*)">\n([\s\S]*?)\n<\/\1>/g)].map(([, , name = '', text = '']) => [name, text]),
  );
}

/** What a model takes for its instructions: the system prompt, and whatever of the user's turn stands outside of the marks. */
export function instructionsOf(request: LlmRequest): string {
  return request.system + request.user.replace(/<(data-[0-9a-f]{16}) name="[^"]*">\n[\s\S]*?\n<\/\1>/g, '');
}

const PEOPLE = {
  anna: { name: 'Anna Lee', address: 'anna@buyer.example' },
  ben: { name: 'Ben Ode', address: 'ben@seller.example' },
  cleo: { name: 'Cleo Park', address: 'cleo@law.example' },
};
export type Who = keyof typeof PEOPLE;

/** "anna > ben cleo": who writes to whom. */
export function mailOf(id: string, who: string, sentOn: string | null, text: string): ThreadMail {
  const [from, ...to] = who.split(/[ >]+/).map((name) => PEOPLE[name as Who]);
  return { id, from: from ?? null, to, sentOn, text };
}
