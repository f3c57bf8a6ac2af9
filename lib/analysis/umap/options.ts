export interface LayoutOptions {
  /** 1 to 8; umap-js alone, where WebAssembly SIMD is missing, does any number. */
  dimensions: number;
  /** How close points may lie: 0 packs clusters tightly; near 1 the map is even and clusters are lost. */
  minDist: number;
  /** Default 200: umap-js takes 500 for small sets, which were measured to be no better; 100 were worse. */
  epochs?: number;
  seed: number;
}

/** Called now and then with how much of `total` is done. */
export type Report = (done: number, total: number) => void;

/**
 * How many neighbours each of `count` rows is given when `k` are wanted, itself included: fewer where there are not 4 times as many rows,
 * for then neighbourhoods are the whole (and umap-js's search does not end: PAIR-code/umap-js#30).
 */
export function neighboursFor(count: number, k: number): number {
  return Math.min(count, Math.max(2, Math.min(k, Math.floor(count / 4))));
}
