/** One side of `bench/analysis.ts` in a process of its own: `node bench/analysis-run.ts <ours|plain> <answers> <rounds> <k,k,…>`. Prints { firstMs, ms, peakMb, k, tried }. */
import { computeThemes } from '../lib/analysis/compute.ts';
import type { Vectors } from '../lib/analysis/contract.ts';
import { createCompute } from '../lib/analysis/pool.ts';
import { createRandom } from '../lib/analysis/umap/random.ts';

const DIMENSIONS = 1_536;
const TOPICS = 24;
const SEED = 7;

interface Done {
  k: number;
  tried: number[];
}

/** Rows around topics of uneven size, as embeddings lie: far from each other, nearer within a topic. */
function topicalVectors(count: number): Vectors {
  const random = createRandom(SEED);
  const bell = (): number => random.fraction() + random.fraction() + random.fraction() - 1.5;
  const centres = Array.from({ length: TOPICS }, () => Float32Array.from({ length: DIMENSIONS }, bell));
  const values = new Float32Array(new SharedArrayBuffer(count * DIMENSIONS * 4));
  for (let row = 0; row < count; row += 1) {
    const centre = centres[Math.floor(random.fraction() ** 2 * TOPICS)] ?? centres[0];
    let squared = 0;
    for (let d = 0; d < DIMENSIONS; d += 1) {
      const value = (centre?.[d] ?? 0) + 1.2 * bell();
      values[row * DIMENSIONS + d] = value;
      squared += value * value;
    }
    const length = Math.sqrt(squared);
    for (let d = 0; d < DIMENSIONS; d += 1) values[row * DIMENSIONS + d] = (values[row * DIMENSIONS + d] ?? 0) / length;
  }
  return { values, count, dimensions: DIMENSIONS };
}

const compute = createCompute();

async function ours(vectors: Vectors): Promise<Done> {
  const signal = new AbortController().signal;
  const { clustering } = await computeThemes(vectors, { seed: SEED }, { compute, signal, onProgress: () => undefined });
  await compute.run('representatives', { vectors, labels: clustering.labels, k: clustering.k, perCluster: 8 }, { signal });
  return { k: clustering.k, tried: clustering.candidates.map(({ k }) => k) };
}

const [side, answers, rounds, tried = ''] = process.argv.slice(2);
const vectors = topicalVectors(Number(answers));
// Loaded where it is needed: our side's memory is measured without it.
const plain = side === 'plain' ? (await import('./analysis-plain.ts')).plain : undefined;
const times: number[] = [];
let done: Done | undefined;
for (let round = 0; round < Number(rounds); round += 1) {
  const startedAt = performance.now();
  done = plain ? plain(vectors, tried.split(',').map(Number), SEED) : await ours(vectors);
  times.push(performance.now() - startedAt);
}
await compute.close();
console.log(JSON.stringify({ firstMs: times[0], ms: times.at(-1), peakMb: process.resourceUsage().maxRSS / 1024, ...done }));
