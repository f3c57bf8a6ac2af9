import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createAnthropicProvider } from '../../lib/ai/anthropic.ts';
import type { AiProvider, LocalTasks } from '../../lib/ai/contract.ts';
import { createLocalProvider } from '../../lib/ai/local.ts';
import { createLocalEmbeddings } from '../../lib/ai/local-embeddings.ts';
import { createOpenAiProvider } from '../../lib/ai/openai.ts';
import { systemClock } from '../../lib/clock.ts';
import { base64Of } from '../support/embedding-server.ts';
import { type LlmServer, startLlm } from '../support/llm.ts';

const schema = z.object({ score: z.number().max(10), note: z.string().nullable() });
const prompt = { id: 'score', version: '1', instructions: 'Score the story.' };
const request = { prompt, schema, data: { story: 'A fox ran.' } };
const answer = { score: 4, note: null };

let llm: LlmServer;
beforeAll(async () => {
  llm = await startLlm();
});
beforeEach(() => llm.reset());
afterAll(() => llm.stop());

const openai = (model = 'gpt-6-luna', baseUrl = llm.openaiBaseUrl) =>
  createOpenAiProvider({ apiKey: 'sk-test', baseUrl, model, embeddingModel: 'text-embedding-3-small' }, systemClock);
const anthropic = (model = 'claude-haiku-5-5', baseUrl = llm.anthropicBaseUrl) =>
  createAnthropicProvider({ apiKey: 'sk-ant-test', baseUrl, model }, systemClock);
const calm = () => ({ signal: new AbortController().signal, timeoutMs: 20_000 });
const lastBody = () => llm.requests().at(-1)?.body;

/** Everything that holds for both vendors, over real HTTP with the vendor's own SDK. */
describe.each([
  ['openai', () => openai(), (url: string) => openai('gpt-6-luna', url)],
  ['anthropic', () => anthropic(), (url: string) => anthropic('claude-haiku-5-5', url)],
] as const)('the provider %s', (name, create, at) => {
  it('asks with instructions and schema first and the data last, and reads the answer and its usage', async () => {
    llm.answerWith(answer, { input_tokens: 321, output_tokens: 12 });
    const provider: AiProvider = create();
    const result = await provider.generate(request, calm());
    expect(result).toMatchObject({ value: answer, model: provider.model, usage: { inputTokens: 321, outputTokens: 12, cachedInputTokens: 0 } });
    const [asked] = llm.requests();
    expect(asked).toMatchObject({ vendor: name, model: provider.model, status: 200 });
    expect(asked?.system).toMatch(/^Score the story\./);
    expect(asked?.system).not.toContain('A fox ran.');
    expect(asked?.user).toMatch(/^<data-\w+ name="story">\nA fox ran\.\n<\/data-\w+>$/);
    expect(asked?.schema).toMatchObject({ required: ['score', 'note'], additionalProperties: false });
    expect(asked?.body).not.toHaveProperty('temperature');
  });

  it('sends an answer that did not fit back with what is wrong', async () => {
    await create().generate(request, { ...calm(), repair: { answer: '{"score":11}', problem: 'score: too big' } });
    const turns = JSON.stringify(lastBody()?.input ?? lastBody()?.messages);
    expect(turns).toContain('{\\"score\\":11}');
    expect(turns.indexOf('A fox ran.')).toBeLessThan(turns.indexOf('score: too big'));
    expect(llm.requests().at(-1)?.user).toContain('score: too big');
  });

  it('uses the model it is told to and bounds the answer', async () => {
    await create().generate({ ...request, maxOutputTokens: 77 }, { ...calm(), model: 'some-model' });
    expect(lastBody()).toMatchObject({ model: 'some-model', [name === 'openai' ? 'max_output_tokens' : 'max_tokens']: 77 });
  });

  it('gives the text of an answer that is no JSON', async () => {
    llm.garbage();
    await expect(create().generate(request, calm())).resolves.toMatchObject({ value: expect.stringContaining('fox') });
  });

  it.each([
    [429, { 'retry-after': '2' }, { code: 'rate_limited', key: `provider:${name}`, retryAfterMs: 2_000 }],
    [429, { 'retry-after-ms': '750' }, { code: 'rate_limited', retryAfterMs: 750 }],
    [429, {}, { code: 'rate_limited', retryAfterMs: 20_000 }],
    [500, {}, { code: 'provider_unavailable', retryable: true }],
    [503, { 'retry-after': '3' }, { code: 'provider_unavailable', details: { retryAfterMs: 3_000 } }],
    [529, {}, { code: 'provider_unavailable', retryable: true }],
    [401, {}, { code: 'provider_auth', retryable: false, message: expect.stringContaining(`${name.toUpperCase()}_API_KEY`) }],
    [403, {}, { code: 'provider_auth', retryable: false }],
    [400, {}, { code: 'provider_rejected', retryable: false }],
    [404, {}, { code: 'provider_rejected', message: expect.stringContaining(`${name.toUpperCase()}_MODEL`) }],
    [422, {}, { code: 'provider_rejected', retryable: false }],
  ])('turns status %i with %o into an error of ours, after one request', async (status, headers, expected) => {
    llm.fail(status, headers);
    await expect(create().generate(request, calm())).rejects.toMatchObject(expected);
    expect(llm.requests()).toHaveLength(1);
  });

  it('answers again after a failure: retrying is the caller’s', async () => {
    llm.fail(500);
    llm.answerWith(answer);
    const provider = create();
    await expect(provider.generate(request, calm())).rejects.toMatchObject({ retryable: true });
    await expect(provider.generate(request, calm())).resolves.toMatchObject({ value: answer });
    expect(llm.requests().map(({ status }) => status)).toEqual([500, 200]);
  });

  it.each(['before-answer', 'in-body'] as const)('counts a connection cut %s as away', async (when) => {
    llm.disconnect(when);
    await expect(create().generate(request, calm())).rejects.toMatchObject({ code: 'provider_unreachable', retryable: true });
  });

  it('counts a body that is no JSON as away', async () => {
    llm.raw('{"id": "resp_1", "output');
    await expect(create().generate(request, calm())).rejects.toMatchObject({ code: 'provider_unreachable', retryable: true });
  });

  it('counts a server that nobody runs as away', async () => {
    await expect(at('http://127.0.0.1:1').generate(request, calm())).rejects.toMatchObject({ code: 'provider_unreachable' });
  });

  it('survives a server that speaks something else', async () => {
    llm.raw({ hello: 'world' });
    await expect(create().generate(request, calm())).resolves.toMatchObject({ value: '', usage: { cachedInputTokens: 0 } });
  });

  it('ends the HTTP request and throws the reason when the caller aborts', async () => {
    const held = llm.hold();
    const controller = new AbortController();
    const call = create().generate(request, { signal: controller.signal, timeoutMs: 20_000 });
    const reason = new Error('cancelled by hand');
    await Promise.all([held.arrived.then(() => controller.abort(reason)), expect(call).rejects.toBe(reason), held.aborted]);
    expect(llm.requests()).toMatchObject([{ aborted: true, status: undefined }]);
  });

  it('does not ask at all when the caller has aborted before', async () => {
    const reason = new Error('too late');
    await expect(create().generate(request, { signal: AbortSignal.abort(reason), timeoutMs: 20_000 })).rejects.toBe(reason);
    expect(llm.requests()).toHaveLength(0);
  });

  it('ends the HTTP request when time is up', async () => {
    const held = llm.hold();
    const call = create().generate(request, { ...calm(), timeoutMs: 200 });
    await expect(call).rejects.toMatchObject({ code: 'provider_timeout', retryable: true });
    await held.aborted;
  });
});

describe('OpenAI', () => {
  it('is asked strictly, keeps nothing, and a small model does not think first', async () => {
    await openai().generate(request, calm());
    expect(lastBody()).toMatchObject({
      store: false,
      reasoning: { effort: 'none' },
      max_output_tokens: 2_048,
      text: { format: { type: 'json_schema', name: 'score', strict: true } },
    });
  });

  it.each([
    ['gpt-6-sol', { reasoning: { effort: 'low' }, max_output_tokens: 2_048 + 4_096 }],
    ['gpt-4.1', { reasoning: undefined, max_output_tokens: 2_048 }],
    ['llama-4', { reasoning: undefined, max_output_tokens: 2_048 }],
  ])('asks %s for as much thinking as it takes', async (model, expected) => {
    await openai(model).generate(request, calm());
    expect({ reasoning: undefined, ...lastBody() }).toMatchObject(expected);
  });

  it('reports what the prefix cache did', async () => {
    const details = { cached_tokens: 60, cache_write_tokens: 30 };
    llm.raw(response({ usage: { input_tokens: 100, output_tokens: 5, total_tokens: 105, input_tokens_details: details } }));
    const { usage } = await openai().generate(request, calm());
    expect(usage).toEqual({ inputTokens: 100, outputTokens: 5, cachedInputTokens: 60, cacheWriteTokens: 30 });
  });

  it.each([undefined, { prompt_tokens: 7, total_tokens: 7 }])(
    'estimates usage where a compatible server reports none, or in words of its own: %o',
    async (reported) => {
      llm.raw(response({ usage: reported }));
      const { usage } = await openai().generate(request, calm());
      expect(usage.inputTokens).toBeGreaterThan(50);
      expect(usage.outputTokens).toBeGreaterThan(0);
    },
  );

  it.each([
    [{ output: [{ type: 'message', content: [{ type: 'refusal', refusal: 'no' }] }] }, 'model_refused'],
    [{ status: 'incomplete', incomplete_details: { reason: 'content_filter' } }, 'model_refused'],
    [{ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }, 'model_truncated'],
  ])('keeps the usage of an answer that is none: %o', async (fields, code) => {
    llm.raw(response(fields));
    await expect(openai().generate(request, calm())).rejects.toMatchObject({ code, retryable: false, usage: { inputTokens: 100 } });
  });

  it('waits when a response says inside that it was rate limited', async () => {
    llm.raw(response({ status: 'failed', error: { code: 'rate_limit_exceeded', message: 'slow down' } }));
    await expect(openai().generate(request, calm())).rejects.toMatchObject({ code: 'rate_limited', key: 'provider:openai' });
  });

  it('tells an empty account from a rate limit', async () => {
    llm.fail(429, { 'retry-after': '1' }, 1, { code: 'insufficient_quota', type: 'insufficient_quota' });
    await expect(openai().generate(request, calm())).rejects.toMatchObject({ code: 'provider_quota', retryable: false });
  });

  it('embeds in order, at unit length, whether the server answers numbers or, as asked for, base64', async () => {
    const { embedding } = openai();
    const result = await embedding.embed(['one', 'two'], calm());
    expect(lastBody()).toEqual({ model: 'text-embedding-3-small', input: ['one', 'two'], encoding_format: 'base64' });
    expect(result).toMatchObject({ model: 'text-embedding-3-small', dimensions: 1_536, usage: { inputTokens: 2 } });
    for (const vector of result.vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    expect(result.vectors[0]).not.toEqual(result.vectors[1]);
    const data = result.vectors.map((vector, index) => ({ index, embedding: base64Of(vector.map((value) => 3 * value)) }));
    llm.raw({ model: 'm', data, usage: { prompt_tokens: 2 } });
    const again = await embedding.embed(['one', 'two'], calm());
    expect(again.vectors.map((vector) => vector.length)).toEqual([1_536, 1_536]);
    const differences = again.vectors.flatMap((vector, row) =>
      Array.from(vector, (value, index) => Math.abs(value - (result.vectors[row]?.[index] ?? 9))),
    );
    expect(Math.max(...differences)).toBeLessThan(1e-6);
  });

  it('puts embeddings that come out of order where they belong', async () => {
    llm.raw({
      model: 'm',
      data: [
        { index: 1, embedding: [0, 2] },
        { index: 0, embedding: [3, 4] },
      ],
      usage: { prompt_tokens: 9 },
    });
    const { vectors, usage } = await openai().embedding.embed(['a', 'b'], calm());
    expect(vectors.map((vector) => [...vector])).toEqual([
      [Math.fround(0.6), Math.fround(0.8)],
      [0, 1],
    ]);
    expect(usage.inputTokens).toBe(9);
  });

  it.each([
    ['too few vectors', [{ index: 0, embedding: [1, 2] }]],
    [
      'vectors of different lengths',
      [
        { index: 0, embedding: [1, 2] },
        { index: 1, embedding: [1, 2, 3] },
      ],
    ],
    [
      'a vector without a direction',
      [
        { index: 0, embedding: [0, 0] },
        { index: 1, embedding: [1, 2] },
      ],
    ],
    [
      'two vectors for one text and none for another',
      [
        { index: 0, embedding: [1, 2] },
        { index: 0, embedding: [1, 2] },
      ],
    ],
    [
      'a vector with a NaN, which is null in JSON',
      [
        { index: 0, embedding: [1, 2] },
        { index: 1, embedding: [1, null] },
      ],
    ],
    [
      'base64 of something else',
      [
        { index: 0, embedding: 'AAAA' },
        { index: 1, embedding: 'AAAA' },
      ],
    ],
    ['no list', undefined],
  ])('refuses %s for good', async (_, data) => {
    llm.raw({ model: 'm', data, usage: { prompt_tokens: 9 } });
    await expect(openai().embedding.embed(['a', 'b'], calm())).rejects.toMatchObject({ code: 'bad_embeddings', retryable: false });
  });
});

describe('Anthropic', () => {
  it.each([
    ['claude-haiku-5-5', { thinking: { type: 'disabled' }, max_tokens: 2_048 }],
    ['claude-opus-5-5', { thinking: undefined, max_tokens: 2_048 + 4_096, output_config: { effort: 'low' } }],
    ['claude-haiku-4-5', { thinking: undefined, max_tokens: 2_048 }],
  ])('asks %s for as much thinking as it takes', async (model, expected) => {
    await anthropic(model).generate(request, calm());
    expect({ thinking: undefined, ...lastBody() }).toMatchObject(expected);
    expect(lastBody()).toMatchObject({ output_config: { format: { type: 'json_schema' } } });
  });

  it('counts what its cache read and wrote as input', async () => {
    const usage = { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 60, cache_creation_input_tokens: 30 };
    llm.raw(message({ usage }));
    const result = await anthropic().generate(request, calm());
    expect(result.usage).toEqual({ inputTokens: 100, outputTokens: 5, cachedInputTokens: 60, cacheWriteTokens: 30 });
  });

  it('finds the answer behind its thinking', async () => {
    llm.raw(
      message({
        content: [
          { type: 'thinking', thinking: 'hm', signature: 's' },
          { type: 'text', text: JSON.stringify(answer) },
        ],
      }),
    );
    await expect(anthropic().generate(request, calm())).resolves.toMatchObject({ value: answer });
  });

  it.each([
    ['refusal', 'model_refused'],
    ['max_tokens', 'model_truncated'],
    ['model_context_window_exceeded', 'model_truncated'],
  ])('keeps the usage of an answer that ends by %s', async (stop_reason, code) => {
    llm.raw(message({ stop_reason }));
    await expect(anthropic().generate(request, calm())).rejects.toMatchObject({ code, retryable: false, usage: { inputTokens: 100 } });
  });

  it('has no embeddings', () => {
    expect(anthropic().embedding).toBeUndefined();
  });
});

describe('the local provider', () => {
  const tasks: LocalTasks = {
    score: async () => (data) => ({ score: data.story?.length ?? 0, note: null }),
    stuck: async () => () => new Promise<never>(() => {}),
  };
  const local = createLocalProvider(tasks, createLocalEmbeddings());

  it('does what the task of the prompt does, for nothing', async () => {
    const usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0 };
    await expect(local.generate(request, calm())).resolves.toEqual({ value: { score: 10, note: null }, model: 'local', usage });
  });

  it.each(['unknown', 'constructor'])('says which key would do the prompt %j', async (id) => {
    const call = local.generate({ ...request, prompt: { ...prompt, id } }, calm());
    await expect(call).rejects.toMatchObject({
      code: 'no_local_task',
      retryable: false,
      message: expect.stringMatching(/OPENAI_API_KEY or ANTHROPIC_API_KEY/),
    });
  });

  it('leaves a task behind that does not end', async () => {
    const controller = new AbortController();
    const call = local.generate({ ...request, prompt: { ...prompt, id: 'stuck' } }, { signal: controller.signal, timeoutMs: 20_000 });
    controller.abort(new Error('cancelled by hand'));
    await expect(call).rejects.toThrow('cancelled by hand');
  });
});

/** A response of OpenAI's as documented, for what aimock cannot say. */
function response(fields: Record<string, unknown>): unknown {
  const content = [{ type: 'output_text', text: JSON.stringify(answer), annotations: [] }];
  const output = [{ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content }];
  const usage = { input_tokens: 100, output_tokens: 20, total_tokens: 120 };
  return {
    id: 'resp_1',
    object: 'response',
    model: 'gpt-6-luna',
    status: 'completed',
    error: null,
    incomplete_details: null,
    output,
    usage,
    ...fields,
  };
}

/** A message of Anthropic's as documented, for what aimock cannot say. */
function message(fields: Record<string, unknown>): unknown {
  const content = [{ type: 'text', text: JSON.stringify(answer) }];
  const usage = { input_tokens: 100, output_tokens: 20 };
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-haiku-5-5',
    stop_reason: 'end_turn',
    stop_sequence: null,
    content,
    usage,
    ...fields,
  };
}
