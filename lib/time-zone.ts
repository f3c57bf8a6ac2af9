import { MINUTE } from './clock.ts';

/** A time zone as due times and local dates need it. */
export interface Zone {
  /** Local time minus UTC at that instant, in milliseconds. */
  offsetAt(instant: number): number;
  /** `2026-11-22` */
  dateAt(instant: number): string;
}

const zones = new Map<string, Zone>();

/** By its IANA name. Throws `RangeError` for one that this runtime does not know. */
export function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known) return known;
  const format = new Intl.DateTimeFormat('en', { timeZone: name, timeZoneName: 'longOffset' });
  const offsetAt = (instant: number): number => readOffset(format.formatToParts(instant).find(({ type }) => type === 'timeZoneName')?.value ?? '');
  const zone: Zone = { offsetAt, dateAt: (instant) => new Date(instant + offsetAt(instant)).toISOString().slice(0, 10) };
  zones.set(name, zone);
  return zone;
}

export function isTimeZone(name: string): boolean {
  try {
    zoneOf(name);
    return true;
  } catch {
    return false;
  }
}

/** `GMT`, `GMT+10:30`; long ago also with seconds. */
function readOffset(text: string): number {
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = /^GMT([+-])(\d{2}):(\d{2})(?::(\d{2}))?$/.exec(text.replace('−', '-')) ?? [];
  const size = (Number(hours) * 60 + Number(minutes) + Number(seconds) / 60) * MINUTE;
  return sign === '-' ? -size : size;
}
