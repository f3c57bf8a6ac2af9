/**
 * When a cron expression is due in a time zone. cron-parser gives the wall times, as if there were no time zones; which instants these are is
 * computed here: asked with a time zone, cron-parser forgets due times when it starts between a switch and the time that the switch moved, repeats
 * them when it starts in the repeated hour, and does not find its way past switches of half an hour (Lord Howe).
 */
import { DAY, MINUTE } from '../clock.ts';
import { type Zone, zoneOf } from '../time-zone.ts';
import { readCron } from './cron.ts';

export interface DueWindow {
  /** Milliseconds since the epoch; not due itself. */
  after: number;
  /** Due when it is hit. */
  until: number;
  /** Most due times; the latest count. */
  limit: number;
}

/**
 * Due times in (after, until], in their order. On the day that clocks go forward what falls into the hole is due once, as much later as the clocks were moved
 * (02:30 at 03:30); on the way back once, the first time, except where each hour counts. Throws `RangeError` for a cron or a zone that is none.
 */
export function dueTimes(cron: string, timeZone: string, { after, until, limit }: DueWindow): number[] {
  const { before, hourly } = readCron(cron);
  const zone = zoneOf(timeZone);
  const offsets = [after - DAY, after, until - DAY, until].map(zone.offsetAt);
  const earliest = after + Math.min(...offsets);
  const latest = until + Math.max(...offsets);
  const due = new Set<number>();
  // Whole minutes, and that of `latest` among them.
  for (const wall of before(Math.floor(latest / MINUTE) * MINUTE + MINUTE)) {
    if (wall < earliest || due.size >= limit) break;
    for (const instant of instantsOf(wall, zone, hourly)) if (instant > after && instant <= until) due.add(instant);
  }
  return [...due].sort((a, b) => a - b);
}

/** The next one after an instant; undefined when there is none within five years. */
export function nextDue(cron: string, timeZone: string, after: number): number | undefined {
  for (let days = 1; days <= MOST_DAYS; days *= 4) {
    const [next] = dueTimes(cron, timeZone, { after, until: after + days * DAY, limit: Number.POSITIVE_INFINITY });
    if (next !== undefined) return next;
  }
  return undefined;
}

const MOST_DAYS = 4 ** 6;

/** None of the offsets around fits a wall time in the hole; two fit one in the hour that comes twice. */
function instantsOf(wall: number, { offsetAt }: Zone, both: boolean): number[] {
  const earlier = offsetAt(wall - DAY);
  const later = offsetAt(wall + DAY);
  const instants = [...new Set([wall - earlier, wall - later])].filter((instant) => instant + offsetAt(instant) === wall).sort((a, b) => a - b);
  if (instants.length === 0) return [wall - earlier];
  return both ? instants : instants.slice(0, 1);
}
