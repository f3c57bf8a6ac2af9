import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AiOptions } from '../../lib/ai/choose.ts';
import type { EmbeddingBatch } from '../../lib/ai/contract.ts';
import {
  base64Of,
  changed,
  cut,
  type EmbeddingAnswer,
  type EmbeddingServer,
  type Fault,
  startEmbeddingServer,
  status,
  vectorOf,
} from '../support/embedding-server.ts';
import { createWorld } from './world.ts';

let server: EmbeddingServer;
beforeAll(async () => {
  server = await startEmbeddingServer();
});
beforeEach(() => server.reset());
afterAll(() => server.stop());

const setUp = (options: Partial<AiOptions> = {}) => createWorld({ openaiBaseUrl: server.baseUrl, anthropicBaseUrl: server.baseUrl }, { options });
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `answer ${index}`);
const sizes = () => server.requests().map(({ texts }) => texts.length);

/** What `onBatch` was handed, by place. */
function collector() {
  const vectors = new Map<number, Float32Array>();
  const onBatch = (batch: EmbeddingBatch) => {
    for (const [index, place] of batch.places.entries()) vectors.set(place, batch.vectors[index] ?? new Float32Array());
  };
  return { vectors, onBatch };
}

describe('embedding many texts', () => {
  it('takes one request for a thousand, as base64', async () => {
    const { forQueue } = await setUp();
    await forQueue().embed(numbered(1_000));
    expect(sizes()).toEqual([1_000]);
    expect(server.requests()[0]?.format).toBe('base64');
  });

  it('takes the fewest requests, of like size, and keeps the order', async () => {
    const { forQueue, ledger } = await setUp();
    const texts = numbered(5_000);
    const { vectors, dimensions, usage } = await forQueue().embed(texts);
    expect(sizes().toSorted()).toEqual([1_666, 1_667, 1_667]);
    expect(
      vectors.every((vector, place) => vector.every((value, index) => Math.abs(value - (vectorOf(texts[place] ?? '')[index] ?? 9)) < 1e-6)),
    ).toBe(true);
    expect(dimensions).toBe(16);
    expect(usage.inputTokens).toBe(ledger.records.reduce((sum, { inputTokens }) => sum + inputTokens, 0));
    expect(ledger.records).toHaveLength(3);
  });

  it('has four requests under way at once', async () => {
    server.gate(4);
    const { forQueue } = await setUp();
    await forQueue().embed(numbered(2_048 * 6));
    expect(sizes()).toHaveLength(6);
  });

  it('says who will do it', async () => {
    const { forQueue } = await setUp({ perQueue: { 'review-ai': { provider: 'local' } } });
    expect(forQueue().embedding).toEqual({ provider: 'openai', model: 'text-embedding-3-small' });
    expect(forQueue('review-ai').embedding).toEqual({ provider: 'local', model: 'universal-sentence-encoder-lite' });
  });
});

describe('embedding in batches', () => {
  it('hands over each as soon as it is answered, and keeps none', async () => {
    const late = Promise.withResolvers<() => void>();
    server.next((response, answer) => late.resolve(() => response.writeHead(200, JSON_TYPE).end(JSON.stringify(answer))));
    const { forQueue } = await setUp();
    const { vectors, onBatch } = collector();
    const others = Promise.withResolvers<void>();
    const call = forQueue().embedInBatches(numbered(6_000), (batch) => {
      onBatch(batch);
      if (vectors.size === 4_000) others.resolve();
    });
    const [answer] = await Promise.all([late.promise, others.promise]);
    answer();
    await expect(call).resolves.toEqual({ model: 'text-embedding-3-small', dimensions: 16, usage: expect.any(Object) });
    expect(vectors.size).toBe(6_000);
  });

  it('gives equal texts the same vector, asked for once', async () => {
    const { forQueue } = await setUp();
    const { vectors, onBatch } = collector();
    await forQueue().embedInBatches(['one', 'two', 'one'], onBatch);
    expect(server.answered()).toEqual(['one', 'two']);
    expect(vectors.get(0)).toBe(vectors.get(2));
    expect(vectors.size).toBe(3);
  });

  it('asks for no more than is taken: a slow taker is waited for', async () => {
    const { forQueue } = await setUp();
    const taken = Promise.withResolvers<void>();
    const four = Promise.withResolvers<void>();
    let begun = 0;
    const call = forQueue().embedInBatches(numbered(2_048 * 6), () => {
      begun += 1;
      if (begun === 4) four.resolve();
      return taken.promise;
    });
    await four.promise;
    expect(sizes()).toHaveLength(4);
    taken.resolve();
    await call;
    expect(sizes()).toHaveLength(6);
  });

  it('stops asking when the taker fails, after the others had theirs', async () => {
    server.gate(4);
    const { forQueue } = await setUp();
    const full = new Error('the disk is full');
    let taken = 0;
    const call = forQueue().embedInBatches(numbered(2_048 * 6), async () => {
      taken += 1;
      if (taken === 1) throw full;
    });
    await expect(call).rejects.toBe(full);
    expect(taken).toBe(4);
    expect(sizes()).toHaveLength(4);
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await nextTurn();
}

/** The first vector, changed. */
const first =
  (change: () => string) =>
  ([one, ...rest]: EmbeddingAnswer['data']) => [{ ...one, embedding: change() }, ...rest];

const JSON_TYPE = { 'content-type': 'application/json' };

describe('a request of several that fails', () => {
  const faults: [string, Fault, Record<string, unknown>][] = [
    ['429', status(429, { 'retry-after': '7' }), { code: 'rate_limited', retryAfterMs: 7_000 }],
    ['500', status(500), { code: 'provider_unavailable', retryable: true }],
    ['401', status(401), { code: 'provider_auth', retryable: false }],
    ['a connection cut within the answer', cut, { code: 'provider_unreachable', retryable: true }],
    ['a vector of another length', changed(first(() => base64Of(new Float32Array(8).fill(1)))), { code: 'bad_embeddings' }],
    ['a vector with a NaN', changed(first(() => base64Of(new Float32Array(16).fill(Number.NaN)))), { code: 'bad_embeddings' }],
    ['a vector too few', changed((data) => data.slice(1)), { code: 'bad_embeddings' }],
  ];
  it.each(faults)('with %s ends the call, after the others were handed over; nothing more is asked', async (_, fault, expected) => {
    server.gate(4);
    server.next(fault);
    const { forQueue, calls } = await setUp();
    const { vectors, onBatch } = collector();
    const takeLate = async (batch: EmbeddingBatch) => {
      await until(() => calls.some(({ outcome }) => outcome !== 'ok'));
      onBatch(batch);
    };
    await expect(forQueue().embedInBatches(numbered(2_048 * 6), takeLate)).rejects.toMatchObject(expected);
    expect(sizes()).toHaveLength(4);
    expect(vectors.size).toBe(3 * 2_048);
  });

  it('makes everybody wait when it was a 429', async () => {
    server.next(status(429, { 'retry-after': '7' }));
    const { forQueue } = await setUp();
    await expect(forQueue().embed(['a'])).rejects.toMatchObject({ code: 'rate_limited' });
    await expect(forQueue('daily-brief').embed(['a'])).rejects.toMatchObject({ code: 'rate_limited' });
    expect(sizes()).toHaveLength(1);
  });

  it('is not one whose answers come out of order', async () => {
    server.next(changed((data) => data.toReversed()));
    const { forQueue } = await setUp();
    const { vectors } = await forQueue().embed(['one', 'two', 'three']);
    expect(vectors[2]?.[0]).toBeCloseTo(vectorOf('three')[0] ?? 9, 6);
  });
});

describe('a vendor that counts more tokens than we do', () => {
  it('is asked again in halves', async () => {
    const strict = await startEmbeddingServer({ tokensOf: () => 1_000 });
    const { forQueue } = await createWorld({ openaiBaseUrl: strict.baseUrl, anthropicBaseUrl: strict.baseUrl });
    const { vectors } = await forQueue().embed(numbered(1_000));
    await strict.stop();
    expect(strict.requests().map(({ texts, status: code }) => [texts.length, code])).toEqual([
      [1_000, 400],
      [500, 400],
      [250, 200],
      [250, 200],
      [500, 400],
      [250, 200],
      [250, 200],
    ]);
    expect(vectors).toHaveLength(1_000);
    expect(new Set(strict.answered()).size).toBe(1_000);
  });

  it('has the last word on a single text', async () => {
    server.next(status(400, {}, { code: 'context_length_exceeded', type: 'invalid_request_error' }));
    const { forQueue } = await setUp();
    await expect(forQueue().embed(['a'])).rejects.toMatchObject({ code: 'provider_rejected', message: expect.stringContaining('too long') });
    expect(sizes()).toEqual([1]);
  });

  it('is not asked again for another reason', async () => {
    server.next(status(400, {}, { code: 'invalid_value', type: 'invalid_request_error' }));
    const { forQueue } = await setUp();
    await expect(forQueue().embed(['a', 'b'])).rejects.toMatchObject({ code: 'provider_rejected' });
    expect(sizes()).toEqual([2]);
  });
});

describe('embedding under a daily budget', () => {
  it('counts each request: what it does not cover is not asked, what it covered is handed over', async () => {
    // One request of 2,048 texts is thought to use 8,192 tokens: 0.00016 dollars.
    const { forQueue, ledger } = await setUp({ dailyBudgetUsd: 0.00011 });
    const { vectors, onBatch } = collector();
    await expect(forQueue().embedInBatches(numbered(2_048 * 6), onBatch)).rejects.toMatchObject({ code: 'budget_exceeded' });
    expect(sizes().length).toBeLessThan(6);
    expect(vectors.size).toBe(2_048 * sizes().length);
    expect(ledger.records).toHaveLength(sizes().length);
  });
});

describe('embedding that is aborted', () => {
  it('hangs up at once, and asks nothing more', async () => {
    server.gate(5);
    const controller = new AbortController();
    const { forQueue } = await setUp();
    const reason = new Error('cancelled by hand');
    const call = forQueue('conversation-analysis', { signal: controller.signal }).embed(numbered(2_048 * 6));
    const arrived = until(() => sizes().length === 4).then(() => controller.abort(reason));
    await Promise.all([arrived, expect(call).rejects.toBe(reason)]);
    expect(sizes()).toHaveLength(4);
  });
});
