import { z } from 'zod';

// Types of variables. Each takes the text in the environment; its error completes the sentence "<NAME> must be …".

function text<T>(mustBe: string, parse: (text: string) => T | undefined) {
  return z.string().transform((value, context): T => {
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: mustBe });
    return z.NEVER;
  });
}

export const anyText = z.string();

export function matching(pattern: RegExp, mustBe: string) {
  return text(mustBe, (value) => (pattern.test(value) ? value : undefined));
}

export function oneOf<const T extends string>(...choices: readonly T[]) {
  return text(`one of ${choices.join(', ')}`, (value) => choices.find((choice) => choice === value.toLowerCase()));
}

export function wholeNumber(min: number, max: number) {
  return text(`a whole number from ${min} to ${max}`, (value) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    return number >= min && number <= max ? number : undefined;
  });
}

export const port = wholeNumber(1, 65_535);
/** Up to 24.8 days, the longest a timer can wait. */
export const milliseconds = (min: number) => wholeNumber(min, 2_147_483_647);

/** A part of a whole, from 0 to 1. */
export const share = text('a number from 0 to 1, such as 0.2', (value) => (/^(0|1|0?\.\d+|1\.0+)$/.test(value) ? Number(value) : undefined));

export const dollars = text('a number of dollars, such as 25 or 12.50', (value) => (/^\d{1,9}(\.\d+)?$/.test(value) ? Number(value) : undefined));

const ON = ['true', '1', 'yes', 'on'];
const OFF = ['false', '0', 'no', 'off'];
export const flag = text('true or false', (value) => {
  if (ON.includes(value.toLowerCase())) return true;
  return OFF.includes(value.toLowerCase()) ? false : undefined;
});

/** Kept as it was written, without a trailing slash. */
export function url(protocols: readonly string[], example: string) {
  const mustBe = `a URL such as ${example} (special characters in a password percent-encoded)`;
  return text(mustBe, (value) => {
    const parsed = URL.parse(value);
    return parsed !== null && protocols.includes(parsed.protocol) ? value.replace(/\/+$/, '') : undefined;
  });
}

export const webUrl = (example: string) => url(['http:', 'https:'], example);

export function list<T>(item: z.ZodType<T, string>) {
  return z
    .string()
    .transform((value) => splitList(value))
    .pipe(z.array(item));
}

function splitList(value: string): string[] {
  return value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** `host:port`, IPv6 in brackets; without a port `defaultPort`. */
export function hostAndPort(defaultPort: number) {
  return text('host:port, separated by commas', (value) => {
    const [, host, digits] = /^(\[[0-9a-f:.]+\]|[^\s:[\]/@]+)(?::(\d{1,5}))?$/i.exec(value) ?? [];
    const number = digits === undefined ? defaultPort : Number(digits);
    if (host === undefined || number < 1 || number > 65_535) return undefined;
    return { host: host.replace(/^\[|\]$/g, ''), port: number };
  });
}

export const timeZone = text('an IANA time zone such as America/New_York', (value) => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return value;
  } catch {
    return undefined;
  }
});

const CRON_FIELDS = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  { min: 0, max: 7, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
] as const;

/** Five fields: minute, hour, day of month, month, day of week. */
export const cron = text('a cron expression of five fields such as 0 8 * * *', (value) => {
  const fields = value.split(/\s+/);
  return fields.length === CRON_FIELDS.length && fields.every(isCronField) ? fields.join(' ') : undefined;
});

function isCronField(field: string, index: number): boolean {
  const { min, max, names } = CRON_FIELDS[index] ?? { min: 0, max: -1, names: [] };
  const isValue = (part: string) => {
    const number = /^\d{1,2}$/.test(part) ? Number(part) : Number.NaN;
    return (number >= min && number <= max) || names.some((name) => name === part.toLowerCase());
  };
  return field.split(',').every((item) => {
    const [range = '', step, ...more] = item.split('/');
    const ends = range === '*' ? [] : range.split('-');
    return more.length === 0 && ends.length <= 2 && ends.every(isValue) && (step === undefined || /^[1-9]\d?$/.test(step));
  });
}

/** PEM; a `\n` written as two characters becomes a line break, since many dashboards take one line only. */
export const pem = text('a PEM block (-----BEGIN …), or leave it to the variable with _FILE at the end', (value) => {
  const block = value.replaceAll('\\n', '\n');
  return block.includes('-----BEGIN ') ? block : undefined;
});

const KEY_BYTES = 32;
/** `id:key`, the key 32 bytes in base64 or hex; given on in base64. */
export const namedKey = text('id:key, separated by commas, each key 32 bytes in base64 or hex (openssl rand -base64 32)', (value) => {
  const [, id, written] = /^([A-Za-z0-9_-]+):(.+)$/.exec(value) ?? [];
  if (id === undefined || written === undefined) return undefined;
  const bytes = Buffer.from(written, /^[0-9a-f]{64}$/i.test(written) ? 'hex' : 'base64');
  return bytes.length === KEY_BYTES ? { id, key: bytes.toString('base64') } : undefined;
});
