import { DAY, MINUTE, SECOND } from '../lib/clock.ts';

const HOUR = 60 * MINUTE;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+$/;

/** `90s`, `2h`, `1h30m`, `7d` in milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g);
  return Math.round([...parts].reduce((sum, [, count, unit = 'ms']) => sum + Number(count) * (UNITS[unit] ?? 0), 0));
}

const TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/i;

/** A point in time as ISO 8601, from one or from how long ago it was. Without a zone it is in UTC, as all times that are shown. */
export function parseTime(text: string, now: number): string | undefined {
  const ago = parseDuration(text);
  const zone = TIME.exec(text);
  if (ago === undefined && zone === null) return undefined;
  const date = new Date(ago === undefined ? Date.parse(zone?.[1] || text.length === 10 ? text : `${text}Z`) : now - ago);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

const STEPS = [
  { upTo: 90 * SECOND, size: SECOND, word: 's' },
  { upTo: 90 * MINUTE, size: MINUTE, word: 'min' },
  { upTo: 48 * HOUR, size: HOUR, word: 'h' },
  { upTo: Number.POSITIVE_INFINITY, size: DAY, word: 'days' },
] as const;

/** For example `3 min`. */
export function inWords(ms: number): string {
  const { size, word } = STEPS.find(({ upTo }) => ms < upTo) ?? STEPS[3];
  return `${Math.round(ms / size)} ${word}`;
}

/** For example `3 min ago`, or `in 2 h`. */
export function relative(iso: string, now: number): string {
  const ms = now - Date.parse(iso);
  if (Math.abs(ms) < SECOND) return 'now';
  return ms > 0 ? `${inWords(ms)} ago` : `in ${inWords(-ms)}`;
}

/** For example `2026-11-22 06:10:05Z (3 min ago)`. */
export function absolute(iso: string, now: number): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? iso : `${date.toISOString().replace('T', ' ').slice(0, 19)}Z (${relative(iso, now)})`;
}
