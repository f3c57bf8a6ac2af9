const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** RFC 5322, section 4.3; other letters say nothing that can be relied on, and count as UTC. */
const ZONES = new Map([
  ['est', -5],
  ['edt', -4],
  ['cst', -6],
  ['cdt', -5],
  ['mst', -7],
  ['mdt', -6],
  ['pst', -8],
  ['pdt', -7],
]);
const HOUR = 3_600_000;
const MINUTE = 60_000;

/** `Wed, 13 Oct 2010 07:53:04 -0700 (PDT)`; weekday, seconds and zone may be missing. */
const MAIL_DATE =
  /^(?:[a-z]{3,9}\.?,?\s+)?(\d{1,2})[\s-]+([a-z]{3})[a-z]*\.?[\s-]+(\d{4}|\d{2,3})\s+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([+-]\d{4}|[+-]\d{2}:\d{2}|[a-z]{1,5})?$/i;
/** `2010-10-13T07:53:04Z`, from programs that do not know better. */
const ISO_DATE = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})$/;

const EARLIEST = Date.UTC(1970, 0, 1);
const LATEST = Date.UTC(2200, 0, 1);

/** A Date header as an ISO time; undefined where it is none. Dates are never guessed: no month 13, no 31 February, no year 20. */
export function readMailDate(header: string | undefined): string | undefined {
  const text = withoutComments((header ?? '').slice(0, 200))
    .replace(/\s+/g, ' ')
    .trim();
  const time = ISO_DATE.test(text) ? Date.parse(text.replace(' ', 'T')) : fromMailDate(text);
  return time >= EARLIEST && time < LATEST ? new Date(time).toISOString() : undefined;
}

const withoutComments = (text: string): string => text.replace(/\([^()]*\)/g, ' ');

/** Not a number where it is no date. */
function fromMailDate(text: string): number {
  const [, day, month = '', year = '', hour, minute, second, zone] = MAIL_DATE.exec(text) ?? [];
  const date = [fullYear(year), MONTHS.indexOf(month.toLowerCase()), Number(day)] as const;
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second ?? 0)];
  const offset = offsetOf(zone ?? '');
  const midnight = new Date(Date.UTC(...date));
  // A day that the month does not have falls into another one.
  const exists = midnight.getUTCMonth() === date[1];
  if (!exists || hours > 23 || minutes > 59 || seconds > 60) return Number.NaN;
  return midnight.getTime() + hours * HOUR + minutes * MINUTE + seconds * 1_000 - offset;
}

/** RFC 5322, section 4.3: two digits mean 1950 to 2049, three are counted from 1900. */
function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length === 2) return year < 50 ? 2000 + year : 1900 + year;
  return digits.length === 3 ? 1900 + year : year;
}

/** Milliseconds east of Greenwich; not a number for more than a day. */
function offsetOf(zone: string): number {
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?(\d{2})$/.exec(zone) ?? [];
  if (!sign) return (ZONES.get(zone.toLowerCase()) ?? 0) * HOUR;
  if (Number(hours) > 23 || Number(minutes) > 59) return Number.NaN;
  return (sign === '-' ? -1 : 1) * (Number(hours) * HOUR + Number(minutes) * MINUTE);
}
