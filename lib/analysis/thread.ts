/** What runs in a thread of `pool.ts`: pure functions of their input, one at a time. A thread loads what its tasks need: ml-kmeans alone takes a quarter of a second. */
import type { MessagePort } from 'node:worker_threads';
import type { Keyword } from '../db/conversation-types.ts';
import type { Clustering, ClusterOptions, Computed, Neighbours, Vectors } from './contract.ts';
import type { FuzzyGraph } from './umap/graph.ts';
import type { LayoutOptions } from './umap/layout.ts';

interface Task<I> {
  input: I;
  port: MessagePort;
}

const reporter =
  (port: MessagePort) =>
  (done: number, total: number): void =>
    port.postMessage([done, total]);

/** The graph is made once for both layouts; without WebAssembly SIMD umap-js makes its own from the neighbours. */
export async function graph({ input: { vectors, k }, port }: Task<{ vectors: Vectors; k: number }>): Promise<Neighbours | FuzzyGraph> {
  const [{ findNeighbours }, { graphOf }, { hasSimd }] = await Promise.all([
    import('./umap/neighbours.ts'),
    import('./umap/graph.ts'),
    import('./umap/kernels.ts'),
  ]);
  const neighbours = findNeighbours(vectors, k, reporter(port));
  return hasSimd() ? graphOf(neighbours) : neighbours;
}

export async function layout({ input: { of, options }, port }: Task<{ of: Neighbours | FuzzyGraph; options: LayoutOptions }>): Promise<Float32Array> {
  const { layOut } = await import('./umap/layout.ts');
  return layOut(of, options, reporter(port));
}

interface ToCluster {
  points: Vectors;
  options: ClusterOptions;
  /** What the points were reduced from. */
  vectors: Vectors;
}

export async function cluster({ input: { points, options, vectors }, port }: Task<ToCluster>): Promise<Clustering> {
  const { cluster: clusterPoints } = await import('./cluster/choose-k.ts');
  return clusterPoints(points, options, reporter(port), vectors);
}

export async function few({ input: { vectors, options } }: Task<{ vectors: Vectors; options: ClusterOptions }>): Promise<Computed> {
  const { placeFew } = await import('./cluster/small.ts');
  return placeFew(vectors, options);
}

interface Representatives {
  vectors: Vectors;
  labels: Int32Array;
  k: number;
  perCluster: number;
}

export async function representatives({ input: { vectors, labels, k, perCluster } }: Task<Representatives>): Promise<number[][]> {
  const { representativesOf } = await import('./cluster/representatives.ts');
  return representativesOf(vectors, labels, k, perCluster);
}

interface Rest {
  sample: Vectors;
  queries: Vectors;
  k: number;
  labels: Int32Array;
  map: Float32Array;
}

export async function rest({ input: { sample, queries, k, labels, map } }: Task<Rest>): Promise<{ labels: Int32Array; map: Float32Array }> {
  const [{ assignRest }, { nearestAmong }] = await Promise.all([import('./cluster/assign.ts'), import('./umap/neighbours.ts')]);
  return assignRest(labels, map, nearestAmong(sample, queries, k));
}

interface Texts {
  texts: readonly string[];
  labels: Int32Array;
  k: number;
  perTheme: number;
}

export async function keywords({ input: { texts, labels, k, perTheme } }: Task<Texts>): Promise<Keyword[][]> {
  const { keywordsOf } = await import('./text/keywords.ts');
  return keywordsOf(texts, labels, k, perTheme);
}

/** By name, without the wrapping. */
type Unwrapped<F> = F extends (task: Task<infer I>) => Promise<infer R> ? (input: I) => R : never;
const tasks = { graph, layout, cluster, few, representatives, rest, keywords };
export type Tasks = { [N in keyof typeof tasks]: Unwrapped<(typeof tasks)[N]> };
