const SHORTEST_COMPARED = 6;

/**
 * The known name that `name` is most likely a slip of, if any: up to two letters wrong, missing, too many or swapped (one in a short name),
 * or written in small letters. Short names (PORT, HOST) are too easily like others to be compared.
 */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const written = name.toUpperCase();
  if (written !== name && known.includes(written)) return written;
  // OPENAI_API_KEY_2 is somebody's second key, not a slip.
  if (known.includes(written.replace(/_?\d+$/, ''))) return undefined;
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of known) {
    const limit = Math.min(best?.distance ?? Number.POSITIVE_INFINITY, candidate.length < 10 ? 2 : 3);
    if (candidate.length < SHORTEST_COMPARED || Math.abs(candidate.length - written.length) >= limit) continue;
    const distance = editDistance(written, candidate);
    if (distance < limit) best = { candidate, distance };
  }
  return best?.candidate;
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours (Damerau 1964, Levenshtein 1966). */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const choices = [at(previous, column) + 1, at(current, column - 1) + 1, at(previous, column - 1) + (same ? 0 : 1)];
      if (swapped) choices.push(at(before, column - 2) + 1);
      current.push(Math.min(...choices));
    }
    before = previous;
    previous = current;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
