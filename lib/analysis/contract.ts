/**
 * The words that the parts of an analysis share. All numbers stand in flat, row-major arrays: threads hand them on without copies.
 */

/** `count` rows of `dimensions` each, of unit length; `values` lies in a `SharedArrayBuffer` where threads are to read it. */
export interface Vectors {
  values: Float32Array;
  count: number;
  dimensions: number;
}

/** The `k` nearest of each row, itself first, in `indices[row * k …]`; cosine distances (0 to 2) beside them, never falling along a row. */
export interface Neighbours {
  indices: Int32Array;
  distances: Float32Array;
  k: number;
}

export interface Candidate {
  k: number;
  /** Mean silhouette, -1 to 1. */
  silhouette: number;
}

export interface Clustering {
  k: number;
  /** Cluster of each row, 0 to k - 1; -1 = outlier. */
  labels: Int32Array;
  /** Of each row to the centre of its cluster (of the nearest, for outliers), in the space that was clustered. */
  distances: Float32Array;
  /** Mean over all rows of the chosen clustering; null when k < 2. */
  silhouette: number | null;
  candidates: Candidate[];
  /** Mean adjusted Rand index with clusterings of other starts; null when k < 2. */
  stability: number | null;
  /** Of each cluster: 0 to 1, how much of it comes back together. */
  clusterStability: Float64Array;
}

export interface ClusterOptions {
  seed: number;
  /** Exactly so many clusters. */
  k?: number | undefined;
  /** Bounds of the search; the defaults follow from the number of rows. */
  minK?: number | undefined;
  maxK?: number | undefined;
}

/** What the numbers say: where each row stands and what it belongs to. */
export interface Computed {
  /** 2 per row. */
  map: Float32Array;
  clustering: Clustering;
}

/** An answer as the analysis sees it: words cleaned, once. */
export interface DistinctAnswer {
  /** Of the first row with these words. */
  id: string;
  /** As it stands in the database: quotes are checked against it. */
  text: string;
  /** White space made even; what is embedded. */
  cleaned: string;
  /** Rows that say this, itself included. */
  count: number;
  /** The theme it was in before this analysis. */
  previousThemeId: string | null;
}
