import type { Group } from './dead-letters.ts';
import { table } from './table.ts';
import { relative } from './time.ts';

/** One line for each cause. `now` in milliseconds since the epoch. */
export function groupTable(groups: readonly Group[], now: number, width: number | undefined): string {
  const rows = groups.map((group) => [
    group.fingerprint,
    String(group.count),
    String(group.open),
    String(group.users),
    relative(group.firstAt, now),
    relative(group.lastAt, now),
    `${group.queue} ${group.name}`,
    group.error,
  ]);
  return table(['fingerprint', 'count', 'open', 'users', 'first', 'last', 'queue and kind', 'error'], rows, { numeric: [1, 2, 3], width });
}
