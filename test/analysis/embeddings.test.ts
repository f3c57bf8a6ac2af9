import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { embedAnswers, embeddingHash } from '../../lib/analysis/embeddings.ts';
import type { EmbeddingsTable } from '../../lib/db/conversation-types.ts';
import { UnavailableError } from '../../lib/errors.ts';
import { createWorld } from '../ai/world.ts';
import { cut, DIMENSIONS, type EmbeddingServer, startEmbeddingServer, status, vectorOf } from '../support/embedding-server.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';
import { aiAt, numberedAnswers } from './embedding-support.ts';

const MODEL = 'openai/text-embedding-3-small';
const LATENCY_MS = 300;

let server: EmbeddingServer;
let embedded: EmbeddedTestDb;
let cache: EmbeddingsTable;
/** Of each test, so that none finds what another has stored. */
let said = 0;
beforeAll(async () => {
  [server, embedded] = await Promise.all([startEmbeddingServer({ latencyMs: LATENCY_MS }), startEmbeddedDb()]);
  cache = embedded.db.embeddings;
});
beforeEach(() => {
  server.reset();
  said += 1;
});
afterAll(() => Promise.all([server.stop(), embedded.stop()]));

const answers = (count: number) => numberedAnswers(count, `Sentence ${said}`);
const calm = () => new AbortController().signal;
const sizes = () => server.requests().map(({ texts }) => texts.length);
async function embed(texts: readonly string[], more: Partial<Parameters<typeof embedAnswers>[0]> = {}) {
  const signal = more.signal ?? calm();
  return embedAnswers({ ai: await aiAt(server.baseUrl, signal), cache, texts, signal, ...more });
}
/** Those of the texts that the cache has. */
async function stored(texts: readonly string[], table = cache): Promise<string[]> {
  const found = await table.find(
    MODEL,
    texts.map((text) => embeddingHash(MODEL, text)),
  );
  return texts.filter((text) => found.has(embeddingHash(MODEL, text)));
}
const row = ({ values, dimensions }: { values: Float32Array; dimensions: number }, index: number) =>
  values.subarray(index * dimensions, (index + 1) * dimensions);
const isOf = (vector: Float32Array, text: string) => vectorOf(text).every((value, index) => Math.abs(value - (vector[index] ?? 9)) < 1e-5);

describe('the vectors of answers', () => {
  it('of a thousand take one request, and stand in one shared array, in order', async () => {
    const texts = answers(1_000);
    const { vectors, stats } = await embed(texts);
    expect(sizes()).toEqual([1_000]);
    expect(vectors).toMatchObject({ count: 1_000, dimensions: DIMENSIONS });
    expect(vectors.values.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(texts.filter((text, index) => !isOf(row(vectors, index), text))).toEqual([]);
    expect(stats).toEqual({
      provider: 'openai',
      model: 'text-embedding-3-small',
      dimensions: DIMENSIONS,
      cached: 0,
      embedded: 1_000,
      tokens: expect.any(Number),
      clipped: 0,
    });
    expect(stats.tokens).toBeGreaterThan(0);
  });

  it('of very many are asked for by four requests at a time', async () => {
    await embed(answers(2_048 * 5));
    expect(sizes()).toEqual(Array(5).fill(2_048));
    expect(server.mostAtOnce()).toBe(4);
  });

  it('are asked for once: the second time nobody is', async () => {
    const texts = answers(300);
    const first = await embed(texts);
    const second = await embed(texts);
    expect(sizes()).toEqual([300]);
    expect(second.stats).toMatchObject({ cached: 300, embedded: 0, tokens: 0 });
    expect(second.vectors.values).toEqual(first.vectors.values);
  });

  it('that are new are asked for, and those alone', async () => {
    await embed(answers(300));
    const { stats } = await embed(answers(303));
    expect(sizes()).toEqual([300, 3]);
    expect(stats).toMatchObject({ cached: 300, embedded: 3 });
  });

  it('are the same for equal texts, asked for once', async () => {
    const [one = '', other = ''] = answers(2);
    const { vectors, stats } = await embed([one, other, one]);
    expect(sizes()).toEqual([2]);
    expect(row(vectors, 0)).toEqual(row(vectors, 2));
    expect(isOf(row(vectors, 1), other)).toBe(true);
    expect(stats).toMatchObject({ embedded: 2 });
  });

  it('of none are none', async () => {
    await expect(embed([])).resolves.toMatchObject({ vectors: { count: 0, dimensions: 0 }, stats: { cached: 0, embedded: 0 } });
    expect(sizes()).toEqual([]);
  });

  it('of a text that is too long are those of its beginning, and it is counted', async () => {
    const long = `${said} ${'😀'.repeat(9_000)}`;
    const { stats } = await embed([long, 'short', `${long} and more`]);
    expect(stats).toMatchObject({ clipped: 2, embedded: 2 });
    const [asked] = server.answered();
    expect(long.startsWith(asked ?? 'x')).toBe(true);
    expect(asked?.length).toBeGreaterThan(4_000);
  });

  it('are never of two lengths: what the model no longer answers is asked for again', async () => {
    const [old = '', young = ''] = answers(2);
    await cache.store(MODEL, [{ hash: embeddingHash(MODEL, old), vector: Float32Array.from([0.6, 0.8]) }]);
    const { vectors, stats } = await embed([old, young]);
    expect(sizes()).toEqual([1, 1]);
    expect(vectors.dimensions).toBe(DIMENSIONS);
    expect(isOf(row(vectors, 0), old) && isOf(row(vectors, 1), young)).toBe(true);
    expect(stats).toMatchObject({ cached: 0, embedded: 2 });
  });

  it('are reported as they come, up to all of them', async () => {
    const seen: number[] = [];
    await embed(answers(2_048 * 3), { onProgress: (done, total) => seen.push(done / total) });
    expect(seen).toEqual(seen.toSorted((one, other) => one - other));
    expect(seen.filter((part) => part > 0)).toHaveLength(3);
    expect(seen.at(-1)).toBe(1);
  });

  it('of the local model are kept apart from those of OpenAI', async () => {
    const texts = answers(3);
    const { forQueue } = await createWorld({ openaiBaseUrl: server.baseUrl, anthropicBaseUrl: server.baseUrl }, { options: { provider: 'local' } });
    const { stats } = await embed(texts, { ai: forQueue('conversation-analysis') });
    expect(stats).toEqual({
      provider: 'local',
      model: 'universal-sentence-encoder-lite',
      dimensions: 512,
      cached: 0,
      embedded: 3,
      tokens: 0,
      clipped: 0,
    });
    expect(sizes()).toEqual([]);
    const others = await embed(texts);
    expect(others.stats).toMatchObject({ dimensions: DIMENSIONS, cached: 0, embedded: 3 });
    const again = await embed(texts, { ai: forQueue('conversation-analysis') });
    expect(again.stats).toMatchObject({ dimensions: 512, cached: 3, embedded: 0 });
  });
});

describe('a run that fails', () => {
  it.each([
    ['429', status(429, { 'retry-after': '2' }), { code: 'rate_limited' }],
    ['500', status(500), { code: 'provider_unavailable' }],
    ['a connection that is cut', cut, { code: 'provider_unreachable' }],
  ])('with %s for one of its requests has stored the others; the next asks for the rest alone', async (_, fault, expected) => {
    server.gate(3);
    server.next(fault);
    const texts = answers(2_048 * 2 + 10);
    await expect(embed(texts)).rejects.toMatchObject(expected);
    const kept = await stored(texts);
    expect(sizes()).toHaveLength(3);
    expect(kept.toSorted()).toEqual(server.answered().toSorted());
    server.reset();
    const { stats } = await embed(texts);
    expect(stats).toMatchObject({ cached: kept.length, embedded: texts.length - kept.length });
    expect(server.answered().filter((text) => kept.includes(text))).toEqual([]);
  });

  it('because a page cannot be stored stores it once more, and the others as well', async () => {
    let calls = 0;
    const failing: EmbeddingsTable = {
      find: cache.find,
      store: (model, page) => {
        calls += 1;
        return calls === 2 ? Promise.reject(new UnavailableError('the database is away')) : cache.store(model, page);
      },
    };
    const texts = answers(600);
    await expect(embed(texts, { cache: failing })).rejects.toMatchObject({ code: 'unavailable' });
    expect(await stored(texts)).toEqual(texts);
  });

  it('because it is aborted throws the reason, and what was stored is not asked for again', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled by hand');
    const texts = answers(2_048 * 5);
    const run = embed(texts, { signal: controller.signal, onProgress: (done) => done > 0 && controller.abort(reason) });
    await expect(run).rejects.toBe(reason);
    const kept = await stored(texts);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(texts.length);
    server.reset();
    await embed(texts);
    expect(server.answered()).toHaveLength(texts.length - kept.length);
    await expect(embed(texts, { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('the event loop', () => {
  it('has its turn while many answers are embedded', async () => {
    let turns = 0;
    let over = false;
    const count = async () => {
      for (; !over; turns += 1) await nextTurn();
    };
    const counting = count();
    await embed(answers(5_000));
    over = true;
    await counting;
    expect(turns).toBeGreaterThan(50);
  });
});
