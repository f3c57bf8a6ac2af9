/** Days as `2026-11-30`, and what follows from them. A local date has no time zone. */
import { DAY } from '../clock.ts';
import { isTimeZone, zoneOf } from '../time-zone.ts';

/** Undefined for a day that the month does not have. */
export function isoDay(year: number, month: number, day: number): string | undefined {
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.toISOString().slice(0, 10) : undefined;
}

const timeOf = (day: string): number => Date.parse(`${day}T00:00:00Z`);

export function addDays(day: string, days: number): string {
  return new Date(timeOf(day) + days * DAY).toISOString().slice(0, 10);
}

export function daysBetween(from: string, to: string): number {
  return Math.round((timeOf(to) - timeOf(from)) / DAY);
}

/** 0 for Sunday. */
export function weekdayOf(day: string): number {
  return new Date(timeOf(day)).getUTCDay();
}

export const WEEKDAY_NAMES = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;

/** The last day of the month that lies `months` after that of `day`. */
export function endOfMonth(day: string, months = 0): string {
  const [year = 0, month = 1] = day.split('-').map(Number);
  return new Date(Date.UTC(year, month + months, 0)).toISOString().slice(0, 10);
}

/** Without Saturdays and Sundays; holidays are not known. */
export function addBusinessDays(day: string, days: number): string {
  let reached = day;
  for (let left = days; left > 0; ) {
    reached = addDays(reached, 1);
    if (![0, 6].includes(weekdayOf(reached))) left -= 1;
  }
  return reached;
}

/** The local date of a time; an unknown zone counts as UTC. */
export function localDay(time: string, timeZone: string): string {
  return zoneOf(isTimeZone(timeZone) ? timeZone : 'UTC').dateAt(Date.parse(time));
}
