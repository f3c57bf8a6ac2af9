import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../lib/analysis/umap/random.ts';

/** xoshiro128** as published, in BigInt. */
function reference(state: bigint[]): () => number {
  const mask = 0xffff_ffffn;
  const rotate = (word: bigint, by: bigint) => ((word << by) | (word >> (32n - by))) & mask;
  let [a = 0n, b = 0n, c = 0n, d = 0n] = state.map((word) => word & mask);
  return () => {
    const result = (rotate((b * 5n) & mask, 7n) * 9n) & mask;
    const shifted = (b << 9n) & mask;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11n);
    return Number(result);
  };
}

describe('createRandom', () => {
  it('draws what xoshiro128** draws from the same state', () => {
    const published = reference([1n, 2n, 3n, 4n]);
    expect(Array.from({ length: 5 }, published)).toEqual([11520, 0, 5927040, 70819200, 2031721883]);
    const random = createRandom(42);
    const expected = reference(Array.from(random.state(), BigInt));
    expect(Array.from({ length: 1000 }, random.next)).toEqual(Array.from({ length: 1000 }, expected));
  });

  it('draws the same numbers from the same seed and others from the next', () => {
    const draw = (seed: number) => Array.from({ length: 4 }, createRandom(seed).next);
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(0).every((value) => value === 0)).toBe(false);
  });

  it('keeps within its bounds', () => {
    const random = createRandom(3);
    const below = Array.from({ length: 2000 }, () => random.below(7));
    expect(new Set(below)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
    const fractions = Array.from({ length: 2000 }, random.fraction);
    expect(Math.min(...fractions)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...fractions)).toBeLessThan(1);
  });
});
