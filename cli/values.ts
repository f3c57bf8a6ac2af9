import type { QueueName } from '../lib/jobs/define.ts';
import { isQueueName, queueNames } from '../lib/jobs/index.ts';
import type { Reader } from './command.ts';
import { parseDuration, parseTime } from './time.ts';

export function text(placeholder: string): Reader<string> {
  return { placeholder, mustBe: 'a text that is not empty', read: (typed) => typed || undefined };
}

export const queueName: Reader<QueueName> = {
  placeholder: 'queue',
  mustBe: `one of ${queueNames.join(', ')}`,
  known: queueNames,
  read: (typed) => (isQueueName(typed) ? typed : undefined),
};

export function wholeNumber(min: number, max: number): Reader<number> {
  return {
    placeholder: 'n',
    mustBe: `a whole number from ${min} to ${max}`,
    read: (typed) => inRange(/^\d{1,15}$/.test(typed) ? Number(typed) : Number.NaN, min, max),
  };
}

/** Above 0. */
export function numberUpTo(max: number): Reader<number> {
  return {
    placeholder: 'n',
    mustBe: `a number above 0, ${max} at most`,
    read: (typed) => inRange(/^\d{1,9}(\.\d+)?$/.test(typed) ? Number(typed) : Number.NaN, Number.MIN_VALUE, max),
  };
}

function inRange(number: number, min: number, max: number): number | undefined {
  return number >= min && number <= max ? number : undefined;
}

/** ISO 8601. */
export const time: Reader<string> = {
  placeholder: 'time',
  mustBe: 'how long ago (30m, 2h, 7d) or a time (2026-11-22, 2026-11-22T06:30Z)',
  read: parseTime,
};

/** Milliseconds. */
export const duration: Reader<number> = { placeholder: 'duration', mustBe: 'a duration such as 30s, 5m or 2h', read: parseDuration };
