import { editDistance } from '../lib/config/did-you-mean.ts';

/** ` Did you mean …?`, or nothing where no known word comes close: a third of its letters may be wrong, or its end missing. */
export function didYouMean(typed: string, known: readonly string[]): string {
  const found = closest(typed.toLowerCase(), known);
  return found === undefined ? '' : ` Did you mean ${found}?`;
}

function closest(typed: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((word) => ({ word, distance: editDistance(typed, word) }))
    .filter(({ word, distance }) => distance <= Math.max(1, Math.floor(word.length / 3)))
    .sort((one, other) => one.distance - other.distance);
  const started = typed.length > 1 ? known.filter((word) => word.startsWith(typed)) : [];
  return ranked[0]?.word ?? (started.length === 1 ? started[0] : undefined);
}
