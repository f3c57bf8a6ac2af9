import { createRandom } from './umap/random.ts';

/** Which of `count` answers form the themes: all, or `limit` of them drawn by the seed. Both lists in ascending order. */
export function chooseSample(count: number, limit: number, seed: number): { sample: number[]; rest: number[] } {
  const all = Array.from({ length: count }, (_, index) => index);
  if (count <= limit) return { sample: all, rest: [] };
  const random = createRandom(seed);
  // Selection sampling (Knuth, The Art of Computer Programming 2, algorithm S): one pass, in order.
  const sample: number[] = [];
  const rest: number[] = [];
  for (const index of all) {
    const wanted = limit - sample.length;
    if (random.fraction() * (count - index) < wanted) sample.push(index);
    else rest.push(index);
  }
  return { sample, rest };
}
