import type { Vectors } from '../contract.ts';
import { type FuzzyGraph, graphOf } from '../umap/graph.ts';
import { findNeighbours } from '../umap/neighbours.ts';
import { cosineDistances } from './cosine.ts';
import { mean, silhouettes } from './silhouette.ts';

/** Each of 1 at most: the higher, the better. */
export interface Verdict {
  /** How much of the graph of nearest neighbours stays inside the clusters. */
  modularity: number;
  /** How well the clusters are separated. */
  silhouette: number;
}

/** Labels are expected for the rows judged by, in their order. */
export type Judge = (labels: Int32Array, k: number) => Verdict;

/** Both of unit length, as they were before they were reduced. */
export interface Judged {
  rows: Vectors;
  /** Those of the rows whose distances are compared: 500 of 1,000 choose as well as all, in a quarter of the time. */
  some: Vectors;
  /** Where these stand among the rows. */
  places: Int32Array;
}

/**
 * Neighbours of a row, by the square root of the number of rows: 6 of 100, 12 of 500, 17 of 1,000. More of them prefer fewer and larger clusters;
 * from 0.4 to 0.85 the themes of the tuning half were about as good.
 */
const NEIGHBOURS = 0.55;

/**
 * Says how good a clustering is by the rows as they were BEFORE they were reduced. The silhouette in the reduced space, the usual rule, is
 * left out: UMAP pulls apart whatever it can, so that it takes 5 themes of 14 for the best as readily as 17 of 9. The graph is weighted as UMAP's own.
 */
export function createJudge({ rows, some, places }: Judged): Judge {
  const distances = cosineDistances(some);
  const graph = graphOf(findNeighbours(rows, Math.round(NEIGHBOURS * Math.sqrt(rows.count)) + 1));
  const separation = (labels: Int32Array, k: number): number =>
    mean(
      silhouettes(
        distances,
        places.map((row) => labels[row] ?? 0),
        k,
      ),
    );
  return (labels, k) => ({ modularity: modularity(graph, labels, k), silhouette: separation(labels, k) });
}

/** Newman and Girvan's modularity (2004) of a labelling: the weight of the edges that stay inside a cluster, beyond what would by chance. */
function modularity({ count, starts, columns, weights }: FuzzyGraph, labels: Int32Array, k: number): number {
  const ends = new Float64Array(k);
  let inside = 0;
  let total = 0;
  for (let row = 0; row < count; row += 1) {
    const label = labels[row] ?? 0;
    const end = starts[row + 1] ?? 0;
    for (let edge = starts[row] ?? 0; edge < end; edge += 1) {
      const weight = weights[edge] ?? 0;
      total += weight;
      ends[label] = (ends[label] ?? 0) + weight;
      if (labels[columns[edge] ?? 0] === label) inside += weight;
    }
  }
  return total === 0 ? 0 : inside / total - ends.reduce((sum, weight) => sum + (weight / total) ** 2, 0);
}
