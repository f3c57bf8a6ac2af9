interface Table {
  /** Rows that have both labels, for each pair that occurs. */
  both: Map<string, number>;
  one: Map<number, number>;
  other: Map<number, number>;
  count: number;
}

/** A row labelled -1 belongs to nothing: it is alone, not together with the others of that label. */
function tabulate(one: ArrayLike<number>, other: ArrayLike<number>): Table {
  if (one.length !== other.length) throw new RangeError(`${one.length} labels cannot be compared with ${other.length}`);
  const table: Table = { both: new Map(), one: new Map(), other: new Map(), count: one.length };
  for (let row = 0; row < one.length; row += 1) {
    const [first, second] = [groupOf(one, row), groupOf(other, row)];
    increment(table.one, first);
    increment(table.other, second);
    increment(table.both, `${first} ${second}`);
  }
  return table;
}

function groupOf(labels: ArrayLike<number>, row: number): number {
  const label = labels[row] ?? -1;
  return label < 0 ? -1 - row : label;
}

function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

const pairs = (count: number) => (count * (count - 1)) / 2;
const total = (counts: Map<unknown, number>, of: (count: number) => number) => [...counts.values()].reduce((sum, count) => sum + of(count), 0);

/**
 * Adjusted Rand index (Hubert and Arabie, 1985) of two labellings of the same rows: 1 = the same groups, 0 = no more than chance, may be negative.
 * Negative labels: rows that are each alone. Throws a `RangeError` for labellings of different lengths.
 */
export function adjustedRandIndex(one: ArrayLike<number>, other: ArrayLike<number>): number {
  const table = tabulate(one, other);
  const together = total(table.both, pairs);
  const [first, second] = [total(table.one, pairs), total(table.other, pairs)];
  const most = (first + second) / 2;
  const chance = table.count < 2 ? 0 : (first * second) / pairs(table.count);
  return most === chance ? 1 : (together - chance) / (most - chance);
}

/**
 * Normalised mutual information, by the arithmetic mean of the entropies: 0 to 1. Labels as for `adjustedRandIndex`.
 * Uses `Math.log`: for reports, never for a decision that has to be the same everywhere.
 */
export function normalisedMutualInformation(one: ArrayLike<number>, other: ArrayLike<number>): number {
  const table = tabulate(one, other);
  const entropy = (counts: Map<unknown, number>) => total(counts, (count) => (-count / table.count) * Math.log(count / table.count));
  const [first, second] = [entropy(table.one), entropy(table.other)];
  if (first + second === 0) return 1;
  return (2 * (first + second - entropy(table.both))) / (first + second);
}
