import type { AnalysisParams } from '../jobs/conversation-analysis.ts';
import { FEWEST_FOR_THEMES, type Placed } from './place.ts';
import type { Read } from './read.ts';

interface Told {
  read: Read;
  placed: Placed;
  params: AnalysisParams;
  clipped: number;
  provider: string;
}

/** What a reader should know before trusting this very analysis. */
export function notesOf({ read, placed, params, clipped, provider }: Told): string[] {
  const { distinct, counts } = read;
  const outliers = placed.labels.reduce((sum, label) => sum + (label < 0 ? 1 : 0), 0);
  const notes: [boolean, string][] = [
    [counts.answers === 0, 'The conversation has no answers yet.'],
    [counts.answers > 0 && distinct.length === 0, 'None of the answers says anything.'],
    [
      distinct.length > 0 && distinct.length < FEWEST_FOR_THEMES,
      `There are only ${distinct.length} different answers: too few to tell themes apart, so they are one.`,
    ],
    [
      params.k !== undefined && placed.outcome === 'themes' && placed.k < params.k,
      `${params.k} themes were asked for; the answers make ${placed.k}.`,
    ],
    [placed.k === 1 && placed.outcome === 'themes' && params.k === undefined, 'No split of the answers into themes was better than none.'],
    [placed.silhouette !== null && placed.silhouette < WEAK_SILHOUETTE, 'The themes overlap: their borders are a matter of taste.'],
    [
      placed.stability !== null && placed.stability < WEAK_STABILITY,
      'Other starts of the clustering draw other borders: take small themes with care.',
    ],
    [outliers > distinct.length / 4, `${outliers} of ${distinct.length} answers belong to no theme.`],
    [clipped > 0, `${clipped} very long answers were embedded by their beginning.`],
    [
      provider === 'local' && distinct.length > 0,
      'Embedded without a key by a small English model: answers in other languages are grouped less well.',
    ],
  ];
  return notes.flatMap(([holds, note]) => (holds ? [note] : []));
}

/** Below, clusters touch each other (Kaufman and Rousseeuw call less than .25 "no substantial structure"). */
const WEAK_SILHOUETTE = 0.25;
/** Mean adjusted Rand index below which two runs disagree about many answers. */
const WEAK_STABILITY = 0.6;
