/**
 * The random numbers of an analysis: xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021),
 * its state filled from the seed by splitmix32. 32-bit integers only, so that every machine and every version of Node draws the same
 * numbers; `kernels/random.ts` is the same generator in WebAssembly and goes on from a `state()` taken here.
 */
export interface Random {
  /** 0 to 2³² - 1. */
  next(): number;
  /** 0 inclusive to 1 exclusive: what umap-js and ml-kmeans ask for. */
  fraction(): number;
  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number;
  /** Where the generator stands: four 32-bit words. */
  state(): Int32Array<ArrayBuffer>;
}

const WORDS = 0x1_0000_0000;

export function createRandom(seed: number): Random {
  const word = splitmix32(seed);
  // Never four zeros, the one state that xoshiro could not leave: splitmix32 gives each word once in its period.
  let [a, b, c, d] = [word(), word(), word(), word()];

  const next = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result >>> 0;
  };

  return {
    next,
    fraction: () => next() / WORDS,
    below: (limit) => Math.floor((next() / WORDS) * limit),
    state: () => Int32Array.of(a, b, c, d),
  };
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

function splitmix32(seed: number): () => number {
  let sum = seed | 0;
  return () => {
    sum = (sum + 0x9e3779b9) | 0;
    let word = Math.imul(sum ^ (sum >>> 16), 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    return word ^ (word >>> 15);
  };
}
