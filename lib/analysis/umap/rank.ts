import type { Neighbours, Vectors } from '../contract.ts';
import type { Kernels } from './kernels.ts';
import { shared } from './shared.ts';
import type { Shortlist } from './shortlist.ts';
import { createStaging, type RowBlock, type Staging } from './staging.ts';

interface Ranking {
  rows: Vectors;
  /** What the shortlists of the rows are of; where it is the rows themselves, each comes first in its own list. */
  columns: Vectors;
  shortlist: Shortlist;
  k: number;
}

/** The nearest `k` of each shortlist by the distances of the vectors themselves. Sorted by index, a shortlist is walked block by block. */
export function rankExactly(kernels: Kernels, staging: Staging, { rows, columns, shortlist, k }: Ranking): Neighbours {
  const { functions, reserve } = kernels;
  const { indices, count, size } = shortlist;
  const itself = rows === columns;
  functions.sortShortlist(indices.address, count, size);
  const distances = reserve(Float32Array, count * size);
  const next = reserve(Int32Array, count);
  const rowSide = createSide(kernels, staging);
  const alone = itself && staging.size >= count;
  const columnSide = alone ? rowSide : createSide(kernels, createStaging(kernels, columns.count, columns.dimensions));
  for (const row of rowSide.blocks(rows)) {
    for (const column of alone ? [row] : columnSide.blocks(columns)) {
      functions.rerank(...sideOf(row), ...sideOf(column), rows.dimensions, indices.address, distances.address, size, next.address);
    }
  }
  const nearest = reserve(Int32Array, count * k);
  const nearestDistances = reserve(Float32Array, count * k);
  functions.selectNearest(indices.address, distances.address, count, size, k, itself, nearest.address, nearestDistances.address);
  return { indices: shared(nearest.view()), distances: shared(nearestDistances.view()), k };
}

/** Blocks of rows with their squared lengths beside them. */
function createSide({ functions, reserve }: Kernels, staging: Staging) {
  const lengths = reserve(Float32Array, staging.size).address;

  function* blocks(vectors: Vectors): Iterable<MeasuredBlock> {
    for (const block of staging.blocks(vectors)) {
      functions.squaredLengths(block.address, block.count, vectors.dimensions, lengths);
      yield { ...block, lengths };
    }
  }

  return { blocks };
}

interface MeasuredBlock extends RowBlock {
  lengths: number;
}

function sideOf({ address, first, count, lengths }: MeasuredBlock) {
  return [address, first, count, lengths] as const;
}
