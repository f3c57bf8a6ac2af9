/** Days and times of a deal's own zone. Dates are `2026-11-30`, instants milliseconds since the epoch. */
import { DAY } from '../clock.ts';
import { isTimeZone, zoneOf as named } from '../time-zone.ts';

/** The first of them that is a time zone; rows from elsewhere may name none. */
export function zoneOf(...names: readonly (string | null)[]): string {
  return names.find((name) => name !== null && isTimeZone(name)) ?? 'UTC';
}

export const localDate = (at: number, timeZone: string): string => named(timeZone).dateAt(at);

/** `08:00` */
export function localTime(at: number, timeZone: string): string {
  return new Date(at + named(timeZone).offsetAt(at)).toISOString().slice(11, 16);
}

const MONTHS = 'January February March April May June July August September October November December'.split(' ');

/** `30 November 2026`; anything that is no date as it is. */
export function longDate(date: string): string {
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)$/u.exec(date) ?? [];
  const name = MONTHS[Number(month) - 1];
  return name === undefined ? date : `${Number(day)} ${name} ${year}`;
}

/** `30 November 2026, 08:00` */
export function longTime(at: number, timeZone: string): string {
  return `${longDate(localDate(at, timeZone))}, ${localTime(at, timeZone)}`;
}

export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY).toISOString().slice(0, 10);
}

/** From `first` to `second`; negative when that is earlier. */
export function daysBetween(first: string, second: string): number {
  return Math.round((Date.parse(`${second}T00:00:00Z`) - Date.parse(`${first}T00:00:00Z`)) / DAY);
}

/** The first instant of a local day, also where clocks are put forward at midnight. */
export function startOfDay(date: string, timeZone: string): number {
  const midnight = Date.parse(`${date}T00:00:00Z`);
  const { offsetAt, dateAt } = named(timeZone);
  const candidates = [-DAY, 0, DAY].map((shift) => midnight - offsetAt(midnight + shift));
  const inside = candidates.filter((at) => dateAt(at) === date);
  return inside.length > 0 ? Math.min(...inside) : midnight - offsetAt(midnight);
}
