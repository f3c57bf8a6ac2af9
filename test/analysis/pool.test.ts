import { afterEach, describe, expect, it } from 'vitest';
import type { Vectors } from '../../lib/analysis/contract.ts';
import { type Compute, createCompute } from '../../lib/analysis/pool.ts';
import { createRandom } from '../../lib/analysis/umap/random.ts';

let compute: Compute;
afterEach(() => compute.close());

function someVectors(count: number, dimensions = 64): Vectors {
  const random = createRandom(1);
  const values = new Float32Array(new SharedArrayBuffer(count * dimensions * 4));
  for (let row = 0; row < count; row += 1) {
    const numbers = Array.from({ length: dimensions }, () => random.fraction() - 0.5);
    const length = Math.sqrt(numbers.reduce((sum, value) => sum + value * value, 0));
    values.set(
      numbers.map((value) => value / length),
      row * dimensions,
    );
  }
  return { values, count, dimensions };
}

const never = new AbortController().signal;
/** Takes a second or more: long enough to be stopped. */
const longTask = { vectors: someVectors(6_000, 512), k: 15 };
const shortTask = { vectors: someVectors(80), k: 5 };

describe('threads of an analysis', () => {
  it('answer, and say how far they are', async () => {
    compute = createCompute({ threads: 1 });
    const seen: number[] = [];
    const { promise: reported, resolve } = Promise.withResolvers<void>();
    const onProgress = (done: number, total: number): void => {
      seen.push(done / total);
      resolve();
    };
    const found = await compute.run('graph', longTask, { signal: never, onProgress });
    expect(found.k).toBe(15);
    await reported;
    expect(seen).toEqual(seen.toSorted((one, other) => one - other));
  });

  it('are ended by an abort, and those who waited behind have their turn', async () => {
    compute = createCompute({ threads: 1 });
    const stop = new AbortController();
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const long = compute.run('graph', longTask, { signal: stop.signal, onProgress: () => resolve() });
    const behind = compute.run('graph', shortTask, { signal: never });
    await begun;
    const reason = new Error('Cancelled');
    stop.abort(reason);
    await expect(long).rejects.toBe(reason);
    await expect(behind).resolves.toMatchObject({ k: 5 });
  });

  it('have a cap on their memory, and say which setting helps', async () => {
    compute = createCompute({ threads: 1, memoryMb: 16 });
    const texts = Array.from({ length: 60_000 }, (_, row) => `answer ${row} of many words ${row * 7} ${row * 13} that differ ${row * 17}`);
    const task = compute.run('keywords', { texts, labels: new Int32Array(texts.length), k: 1, perTheme: 5 }, { signal: never });
    await expect(task).rejects.toMatchObject({
      code: 'analysis_memory',
      retryable: false,
      message: expect.stringContaining('ANALYSIS_SAMPLE_LIMIT'),
    });
    await expect(
      compute.run('keywords', { texts: ['one answer'], labels: new Int32Array(1), k: 1, perTheme: 5 }, { signal: never }),
    ).resolves.toHaveLength(1);
  });

  it('start again after they were closed', async () => {
    compute = createCompute({ threads: 1 });
    await compute.run('graph', shortTask, { signal: never });
    await compute.close();
    await expect(compute.run('graph', shortTask, { signal: never })).resolves.toMatchObject({ k: 5 });
  });
});
