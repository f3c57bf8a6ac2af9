import { CronExpressionParser } from 'cron-parser';
import { messageOf } from '../errors.ts';

/** A cron expression of five fields, on the wall: what clocks show, without a time zone. */
export interface Cron {
  /** Wall times, in milliseconds as if they were UTC; the latest first, from `start` on backwards. */
  before(start: number): Generator<number>;
  /** Each hour counts: the hour that a switch repeats does so twice. */
  hourly: boolean;
}

const FIELDS = ['minute', 'hour', 'day of month', 'month', 'day of week'] as const;
const HOURS_OF_A_DAY = 24;

const crons = new Map<string, Cron>();
/** More than any installation has in use; what is beyond is read again. */
const KEPT = 10_000;

/** Throws with {@link cronProblem}'s words. */
export function readCron(text: string): Cron {
  const known = crons.get(text);
  if (known) return known;
  const problem = cronProblem(text);
  if (problem !== undefined) throw new RangeError(problem);
  const { fields } = CronExpressionParser.parse(text, { tz: 'UTC' });
  const cron: Cron = { before: (start) => wallTimesBefore(text, start), hourly: fields.hour.values.length === HOURS_OF_A_DAY };
  if (crons.size >= KEPT) crons.clear();
  crons.set(text, cron);
  return cron;
}

/** What is wrong with a cron expression, naming the field; undefined: nothing. Once a minute is the most that five fields can say. */
export function cronProblem(text: string): string | undefined {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== FIELDS.length) {
    return `a cron expression has five fields (${FIELDS.join(', ')}), such as 0 8 * * *; this one has ${text.trim() === '' ? 0 : fields.length}`;
  }
  for (const [index, field] of fields.entries()) {
    const problem = fieldProblem(field, index);
    if (problem !== undefined) return `${FIELDS[index]} "${field}": ${problem}`;
  }
  return parseProblem(text) === undefined ? undefined : `day of month "${fields[2]}" never comes in month "${fields[3]}"`;
}

function fieldProblem(field: string, index: number): string | undefined {
  // cron-parser's H is a value by chance, another one in each process.
  if (/h/i.test(field.replaceAll(/thu/gi, ''))) return 'H is not a value';
  return parseProblem(FIELDS.map((_, other) => (other === index ? field : '*')).join(' '));
}

function parseProblem(text: string): string | undefined {
  try {
    CronExpressionParser.parse(text, { tz: 'UTC' }).next();
    return undefined;
  } catch (error) {
    return messageOf(error).replace(/^Constraint error, /, '');
  }
}

function* wallTimesBefore(text: string, start: number): Generator<number> {
  const expression = CronExpressionParser.parse(text, { tz: 'UTC', currentDate: new Date(start) });
  for (;;) yield expression.prev().getTime();
}
