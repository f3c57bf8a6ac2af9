import type { Vectors } from '../contract.ts';
import { cosineDistances } from './cosine.ts';
import type { Points } from './points.ts';
import { distancesOf, mean, silhouettes, sizesOf } from './silhouette.ts';

export interface Verdict {
  /** Mean silhouette in the space that was clustered, -1 to 1. */
  silhouette: number;
  /** What k is chosen by: the higher, the better. */
  score: number;
}

/** Labels are expected for the rows judged by, in their order. */
export type Judge = (labels: Int32Array, k: number) => Verdict;

export interface Judged {
  /** In the space that was clustered. */
  reduced: Points;
  /** The same rows before they were reduced, of unit length. */
  origin: Vectors;
}

/** Who is asked whether a row lies beside its like. */
const NEIGHBOURS = 8;
/** Above 1, modularity prefers more and smaller clusters. */
const RESOLUTION = 1.2;
/** What the silhouette in the reduced space counts, against 1 for each of the other two. */
const REDUCED = 0.6;

/**
 * Says how good a clustering is: by how many neighbours it keeps together (modularity) and how well it separates the rows (silhouette) in the
 * space that was there BEFORE it was reduced, and by its silhouette in the reduced space. The last alone is the usual rule, and a bad one:
 * UMAP pulls apart whatever it can, so that it takes 5 themes of 14 for the best as readily as 17 of 9. The numbers were chosen on the tuning
 * half of the labelled sets of `bench/analysis-sets.ts`, by what is least and least often below the usual rule in agreement with the labels.
 */
export function createJudge({ reduced, origin }: Judged): Judge {
  const [apart, before] = [distancesOf(reduced), cosineDistances(origin)];
  const neighbours = nearest(before, origin.count, Math.min(NEIGHBOURS, origin.count - 1));
  return (labels, k) => {
    const silhouette = mean(silhouettes(apart, labels, k));
    return { silhouette, score: modularity(neighbours, labels, k) + mean(silhouettes(before, labels, k)) + REDUCED * silhouette };
  };
}

/** Of each row, the other rows that are nearest; equals in the order of their numbers. */
function nearest(distances: Float32Array, count: number, wanted: number): Int32Array {
  const all = new Int32Array(count * wanted);
  const found = new Int32Array(wanted);
  for (let row = 0; row < count; row += 1) {
    const from = distances.subarray(row * count, (row + 1) * count);
    let held = 0;
    for (let other = 0; other < count; other += 1) {
      const distance = from[other] ?? 0;
      if (other === row || (held === wanted && distance >= (from[found[wanted - 1] ?? 0] ?? 0))) continue;
      let place = held < wanted ? held : wanted - 1;
      for (; place > 0 && (from[found[place - 1] ?? 0] ?? 0) > distance; place -= 1) found[place] = found[place - 1] ?? 0;
      found[place] = other;
      held = Math.min(wanted, held + 1);
    }
    all.set(found, row * wanted);
  }
  return all;
}

/**
 * Newman and Girvan's modularity (2004) of a labelling over the graph of nearest neighbours: how many edges stay inside a cluster, beyond
 * those that would by chance.
 */
function modularity(neighbours: Int32Array, labels: Int32Array, k: number): number {
  const perRow = neighbours.length / labels.length;
  const ends = new Float64Array(k);
  let inside = 0;
  neighbours.forEach((other, edge) => {
    const [from, to] = [labels[Math.floor(edge / perRow)] ?? 0, labels[other] ?? 0];
    if (from === to) inside += 1;
    ends[to] = (ends[to] ?? 0) + 1;
  });
  for (const [cluster, size] of sizesOf(labels, k).entries()) ends[cluster] = (ends[cluster] ?? 0) + size * perRow;
  const chance = ends.reduce((sum, count) => sum + (count / (2 * neighbours.length)) ** 2, 0);
  return inside / neighbours.length - RESOLUTION * chance;
}
