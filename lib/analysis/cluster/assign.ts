import type { Neighbours } from '../contract.ts';

/** Keeps the vote of a neighbour that says the very same finite; far below the distance of two different sentences. */
const LEAST_DISTANCE = 0.001;

/**
 * Places rows beside the sample they are compared with. `neighbours` are of these rows among the sample, the nearest first. Each votes for its
 * label, -1 like any other, by the inverse of its distance; a row stands at the weighted mean of those that voted as it was decided.
 */
export function assignRest(sampleLabels: Int32Array, sampleMap: Float32Array, neighbours: Neighbours): { labels: Int32Array; map: Float32Array } {
  const count = neighbours.k === 0 ? 0 : neighbours.indices.length / neighbours.k;
  const labels = new Int32Array(count).fill(-1);
  const map = new Float32Array(2 * count);
  for (let row = 0; row < count; row += 1) {
    const voters = votersOf(neighbours, row, sampleLabels);
    const label = decide(voters);
    labels[row] = label;
    map.set(
      meanPlace(
        voters.filter((voter) => voter.label === label),
        sampleMap,
      ),
      2 * row,
    );
  }
  return { labels, map };
}

interface Voter {
  row: number;
  label: number;
  weight: number;
}

function votersOf({ indices, distances, k }: Neighbours, row: number, labels: Int32Array): Voter[] {
  return Array.from(indices.subarray(row * k, (row + 1) * k), (neighbour, place) => ({
    row: neighbour,
    label: labels[neighbour] ?? -1,
    weight: 1 / Math.max(LEAST_DISTANCE, distances[row * k + place] ?? 0),
  }));
}

/** Of equals, the label of the nearer neighbour. */
function decide(voters: readonly Voter[]): number {
  const votes = new Map<number, number>();
  for (const { label, weight } of voters) votes.set(label, (votes.get(label) ?? 0) + weight);
  let best = { label: -1, weight: 0 };
  for (const [label, weight] of votes) if (weight > best.weight) best = { label, weight };
  return best.label;
}

function meanPlace(voters: readonly Voter[], map: Float32Array): [x: number, y: number] {
  const total = voters.reduce((sum, { weight }) => sum + weight, 0);
  const along = (axis: number) => voters.reduce((sum, { row, weight }) => sum + weight * (map[2 * row + axis] ?? 0), 0);
  return total === 0 ? [0, 0] : [along(0) / total, along(1) / total];
}
