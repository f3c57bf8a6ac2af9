import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { HivepulseError, JobAbortedError, messageOf, RateLimitedError } from '../errors.ts';

/** How one attempt of a job can end. */
export type Outcome =
  | { kind: 'done'; result: unknown }
  /** Another attempt after the backoff. */
  | { kind: 'retry'; error: unknown }
  /** Another go after `ms`, no attempt burnt. */
  | { kind: 'snooze'; ms: number }
  /** A provider or account asked for a pause: as `snooze`. */
  | { kind: 'rate-limited'; key: string; ms: number }
  | { kind: 'cancelled'; reason: string }
  /** For good: a dead letter. */
  | { kind: 'failed'; error: unknown }
  /** The process shuts down: back to waiting, no attempt burnt. */
  | { kind: 'handed-back' }
  /** Another run has taken the job over: whatever this one found is void. */
  | { kind: 'lost' }
  /** The row was asked for again: a newer run does the work, this one ends without a word. */
  | { kind: 'superseded' };

/** What a processor returns to be called again after `ms` milliseconds, without burning an attempt. */
export interface Snooze {
  readonly [SNOOZE]: number;
}
const SNOOZE = Symbol('snooze');

export function snooze(ms: number): Snooze {
  return { [SNOOZE]: ms };
}

export function outcomeOfResult(result: unknown): Outcome {
  if (typeof result === 'object' && result !== null && SNOOZE in result) return { kind: 'snooze', ms: Number(result[SNOOZE]) };
  return { kind: 'done', result };
}

/** An error that nothing classified (a bug, most likely) gets its remaining attempts: it may be the data of the moment. */
export function outcomeOfError(error: unknown, attemptsLeft: number): Outcome {
  if (error instanceof JobAbortedError && error.kind !== 'timeout') return outcomeOfAbort(error);
  if (error instanceof RateLimitedError) return { kind: 'rate-limited', key: error.key, ms: error.retryAfterMs };
  const retryable = error instanceof HivepulseError ? error.retryable : true;
  return retryable && attemptsLeft > 0 ? { kind: 'retry', error } : { kind: 'failed', error };
}

function outcomeOfAbort({ kind, message }: JobAbortedError): Outcome {
  if (kind === 'cancelled') return { kind: 'cancelled', reason: message };
  if (kind === 'superseded') return { kind: 'superseded' };
  return kind === 'shutdown' ? { kind: 'handed-back' } : { kind: 'lost' };
}

/** Tells BullMQ. Resolves to the job's return value or throws what BullMQ understands. */
export async function report(outcome: Outcome, job: Job, token: string | undefined, now: number): Promise<unknown> {
  switch (outcome.kind) {
    case 'done':
      return outcome.result;
    case 'retry':
      throw toError(outcome.error);
    case 'snooze':
    case 'rate-limited':
      await job.moveToDelayed(now + outcome.ms, token);
      throw new DelayedError();
    case 'handed-back':
      await job.moveToWait(token);
      throw new WaitingError();
    case 'cancelled':
      throw new UnrecoverableError(outcome.reason);
    case 'failed':
      throw unrecoverable(outcome.error);
    case 'superseded':
      return null;
    case 'lost':
      throw new UnrecoverableError('Another run has taken this job over');
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(messageOf(error));
}

function unrecoverable(error: unknown): UnrecoverableError {
  const final = new UnrecoverableError(messageOf(error));
  if (error instanceof Error && error.stack) final.stack = error.stack;
  return final;
}
