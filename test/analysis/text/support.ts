import { z } from 'zod';
import type { LocalTasks } from '../../../lib/ai/contract.ts';
import { createAi } from '../../../lib/ai/index.ts';
import { createLocalEmbeddings } from '../../../lib/ai/local-embeddings.ts';
import type { ThemeToName } from '../../../lib/analysis/text/naming.ts';
import { silentLogger } from '../../../lib/log.ts';
import { createMemoryLedger, createMemoryLimits } from '../../ai/memory.ts';
import comments from '../../fixtures/conversations/bowling-green.json' with { type: 'json' };
import { createFakeClock } from '../../support/clock.ts';
import type { LlmRequest, LlmServer } from '../../support/llm.ts';

/** As in start/parts.ts. */
const localTasks: LocalTasks = { 'theme-naming': async () => (await import('../../../lib/analysis/text/local-naming.ts')).default };

/** Never asked here, so that its thread never starts. */
const localEmbeddings = createLocalEmbeddings();

/** The real AI layer: with a server its OpenAI over HTTP, without one the local provider. */
export function aiWith(llm?: LlmServer, signal = new AbortController().signal) {
  const clock = createFakeClock();
  const ledger = createMemoryLedger(clock);
  const openai = llm ? { openai: { apiKey: 'sk-secret', baseUrl: llm.openaiBaseUrl } } : {};
  const options = { provider: llm ? ('openai' as const) : ('local' as const), perQueue: {}, timeoutMs: 20_000, ...openai };
  const service = createAi({ options, limits: createMemoryLimits(), ledger, localTasks, localEmbeddings, clock, log: silentLogger });
  return { ai: service.forJob({ queue: 'conversation-analysis', jobId: 'job-1', signal }), ledger, clock };
}

/** A theme that says these things, the first keyword being what it is about. */
export function themeOf(keywords: readonly string[], texts: readonly string[], size = texts.length): ThemeToName {
  return {
    keywords: keywords.map((term, index) => ({ term, score: 1 / (index + 1) })),
    representatives: texts.map((text, index) => ({ responseId: `${keywords[0]}-${index + 1}`, text })),
    size,
  };
}

/** So many themes, each with eight real answers. */
export function realThemes(count: number, size = 83): ThemeToName[] {
  return Array.from({ length: count }, (_, theme) => {
    const texts = Array.from({ length: 8 }, (_, index) => comments[(theme * 11 + index) % comments.length]?.text ?? '');
    return themeOf([`topic${LETTERS[theme % 26]}${LETTERS[Math.floor(theme / 26)]}`, 'growth', 'downtown', 'roads'], texts, size);
  });
}
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

export interface AskedTheme {
  theme: number;
  keywords: string[];
  answers: { number: number; text: string }[];
}

/** What a model was sent, by the names of its blocks. */
export function blocksOf({ body }: LlmRequest): Record<string, string> {
  // The first turn: when an answer is to be repaired, others follow.
  const turns = z.array(z.object({ role: z.string(), content: z.string() })).parse(body.input);
  const blocks = (turns.find(({ role }) => role === 'user')?.content ?? '').matchAll(/<(data-\w+) name="([^"]*)">\n([\s\S]*?)\n<\/\1>/gu);
  return Object.fromEntries([...blocks].map(([, , name = '', text = '']) => [name, text]));
}

export function askedThemes(request: LlmRequest): AskedTheme[] {
  return Object.entries(blocksOf(request)).flatMap(([name, text]) => {
    const theme = Number(/^theme (\d+)$/u.exec(name)?.[1]);
    if (Number.isNaN(theme)) return [];
    const [, keywords = '', ...lines] = text.split('\n');
    const answers = lines.map((line) => ({ number: Number(/^\[(\d+)\]/u.exec(line)?.[1]), text: line.replace(/^\[\d+\] /u, '') }));
    return [{ theme, keywords: keywords.replace('keywords: ', '').split('; '), answers }];
  });
}

/** A good answer for a theme: named by its first keyword, quoting its first answer. */
export function goodAnswer({ theme, keywords, answers }: AskedTheme) {
  const [first] = answers;
  return {
    theme,
    name: `About ${keywords[0]}`,
    description: `People speak of ${keywords[0]}.`,
    sentiment: 'negative',
    sentimentScore: -0.4,
    quotes: first ? [{ answer: first.number, quote: first.text.split(' ').slice(0, 6).join(' ') }] : [],
  };
}

export type GoodAnswer = ReturnType<typeof goodAnswer>;

/** Answers each theme well, except for what `change` does to it; undefined leaves the theme out. */
export function answering(
  change: (answer: GoodAnswer, asked: AskedTheme, request: LlmRequest) => Partial<GoodAnswer> | undefined = (answer) => answer,
) {
  return (request: LlmRequest) => ({
    themes: askedThemes(request).flatMap((asked) => {
      const answer = goodAnswer(asked);
      const changed = change(answer, asked, request);
      return changed === undefined ? [] : [{ ...answer, ...changed }];
    }),
  });
}
