/** Days and times of a deal's own zone. Dates are `2026-11-30`, instants milliseconds since the epoch. */
import { DAY } from '../clock.ts';

const parts = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = parts.get(timeZone);
  if (known) return known;
  const numeric = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;
  const format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...numeric });
  parts.set(timeZone, format);
  return format;
}

function partsOf(at: number, timeZone: string): Record<string, string> {
  return Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
}

/** The first of them that is a time zone; rows from elsewhere may name none. */
export function zoneOf(...names: readonly (string | null)[]): string {
  return names.find((name) => name !== null && isTimeZone(name)) ?? 'UTC';
}

function isTimeZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

export function localDate(at: number, timeZone: string): string {
  const { year = '', month = '', day = '' } = partsOf(at, timeZone);
  return `${year.padStart(4, '0')}-${month}-${day}`;
}

/** `08:00` */
export function localTime(at: number, timeZone: string): string {
  const { hour = '', minute = '' } = partsOf(at, timeZone);
  return `${hour}:${minute}`;
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

/** Where clocks stand ahead of UTC, in milliseconds. */
function offsetAt(at: number, timeZone: string): number {
  const { year, month, day, hour, minute, second } = partsOf(at, timeZone);
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) - Math.floor(at / 1_000) * 1_000;
}

/** The first instant of a local day, also where clocks are put forward at midnight. */
export function startOfDay(date: string, timeZone: string): number {
  const midnight = Date.parse(`${date}T00:00:00Z`);
  const candidates = [-DAY, 0, DAY].map((shift) => midnight - offsetAt(midnight + shift, timeZone));
  const inside = candidates.filter((at) => localDate(at, timeZone) === date);
  return inside.length > 0 ? Math.min(...inside) : midnight - offsetAt(midnight, timeZone);
}
