import type { Theme } from '../../db/conversation-types.ts';

export interface ToMatch {
  /** The theme that each distinct answer was in before; null = in none, or new. */
  previous: readonly (string | null)[];
  /** Its cluster now; -1 = outlier. */
  labels: Int32Array;
  /** Clusters. */
  k: number;
  themes: readonly Theme[];
}

/**
 * Overlap (Jaccard, 0 to 1) from which on a cluster takes over the theme: at .4 two groups of one size share more than half of their answers.
 * Lower, and names wander to groups they do not describe; higher, and one that lost some answers is named anew.
 */
const SAME_THEME = 0.4;
/** A user's own name is only given up where little is left of its theme: at .25 two groups of one size share two fifths. */
const SAME_RENAMED_THEME = 0.25;

/**
 * The theme that each cluster continues, one to one. Overlap counts only answers that were in a theme before: what is new since then takes
 * no theme's name away. The pairs are taken from the greatest overlap down; since both sides rank a pair by the same number, the outcome
 * is the stable matching (Gale & Shapley 1962): no cluster and theme have more in common with each other than with what they got.
 */
export function matchThemes({ previous, labels, k, themes }: ToMatch): (Theme | undefined)[] {
  const matched = new Array<Theme | undefined>(k).fill(undefined);
  const taken = new Set<string>();
  for (const { cluster, theme } of pairsOf({ previous, labels, k, themes })) {
    if (matched[cluster] !== undefined || taken.has(theme.id)) continue;
    matched[cluster] = theme;
    taken.add(theme.id);
  }
  return matched;
}

interface Pair {
  cluster: number;
  theme: Theme;
  overlap: number;
  shared: number;
}

/** Those that are alike enough, the most alike first; ties go to the user's own name, then to the larger pair, then to the order given. */
function pairsOf({ previous, labels, k, themes }: ToMatch): Pair[] {
  const { shared, inTheme, inCluster } = countOverlaps({ previous, labels, k, themes });
  const pairs = themes.flatMap((theme, row) =>
    Array.from({ length: k }, (_, cluster): Pair => {
      const both = shared[row * k + cluster] ?? 0;
      const either = (inTheme[row] ?? 0) + (inCluster[cluster] ?? 0) - both;
      return { cluster, theme, shared: both, overlap: either === 0 ? 0 : both / either };
    }),
  );
  return pairs.filter(({ theme, overlap }) => overlap >= (isRenamed(theme) ? SAME_RENAMED_THEME : SAME_THEME)).sort(byOverlap);
}

const isRenamed = ({ renamedAt }: Theme): boolean => renamedAt !== null;

function byOverlap(one: Pair, other: Pair): number {
  return other.overlap - one.overlap || Number(isRenamed(other.theme)) - Number(isRenamed(one.theme)) || other.shared - one.shared;
}

function countOverlaps({ previous, labels, k, themes }: ToMatch) {
  const rowOf = new Map(themes.map(({ id }, row) => [id, row]));
  const shared = new Int32Array(themes.length * k);
  const inTheme = new Int32Array(themes.length);
  const inCluster = new Int32Array(k);
  previous.forEach((id, index) => {
    const row = id === null ? undefined : rowOf.get(id);
    if (row === undefined) return;
    inTheme[row] = (inTheme[row] ?? 0) + 1;
    const cluster = labels[index] ?? -1;
    if (cluster < 0 || cluster >= k) return;
    inCluster[cluster] = (inCluster[cluster] ?? 0) + 1;
    shared[row * k + cluster] = (shared[row * k + cluster] ?? 0) + 1;
  });
  return { shared, inTheme, inCluster };
}
