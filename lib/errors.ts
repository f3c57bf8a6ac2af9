/**
 * Errors know by themselves whether trying again can help; nothing in Hivepulse decides by reading a message.
 * The runner maps them to outcomes: see `lib/queue/outcome.ts`.
 */
export interface HivepulseErrorOptions {
  /** Machine-readable, snake_case; what API answers and dead letters carry. */
  code: string;
  /** Whether the same call may succeed later without anybody changing anything. */
  retryable?: boolean;
  /** Safe to show and to store: no secrets, no bodies of mails or stories. */
  details?: Record<string, unknown>;
  cause?: unknown;
}

export class HivepulseError extends Error {
  override readonly name: string = 'HivepulseError';
  readonly code: string;
  readonly retryable: boolean;
  readonly details: Record<string, unknown> | undefined;

  constructor(message: string, options: HivepulseErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.retryable = options.retryable ?? false;
    this.details = options.details;
  }
}

/** Trying again is pointless: the job fails for good at once. */
export class PermanentError extends HivepulseError {
  override readonly name: string = 'PermanentError';
  constructor(message: string, options: Omit<HivepulseErrorOptions, 'retryable'> = { code: 'permanent' }) {
    super(message, { ...options, retryable: false });
  }
}

/** The row, job or file that was asked for does not exist. `details.id` names it. */
export class NotFoundError extends HivepulseError {
  override readonly name: string = 'NotFoundError';
  constructor(what: string, id: string) {
    super(`${what} ${id} does not exist`, { code: 'not_found', details: { what, id } });
  }
}

/** A payload, body or option that does not parse; the message names the field. */
export class InvalidInputError extends HivepulseError {
  override readonly name: string = 'InvalidInputError';
  readonly issues: readonly { path: string; message: string }[];
  constructor(message: string, issues: readonly { path: string; message: string }[]) {
    super(message, { code: 'invalid_input', details: { issues } });
    this.issues = issues;
  }
}

/** A provider or an account asks for a pause. No attempt is burnt; only jobs that need `key` wait. */
export class RateLimitedError extends HivepulseError {
  override readonly name: string = 'RateLimitedError';
  /** For example `provider:openai` or `account:gmail:<id>`. */
  readonly key: string;
  /** Wait at least this long, in milliseconds. */
  readonly retryAfterMs: number;
  constructor(key: string, retryAfterMs: number, cause?: unknown) {
    super(`${key} is rate limited for ${Math.ceil(retryAfterMs / 1000)} s`, {
      code: 'rate_limited',
      retryable: true,
      details: { key, retryAfterMs },
      cause,
    });
    this.key = key;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A service we call is away, too slow or failing (5xx, timeout, connection): worth another attempt. */
export class UnavailableError extends HivepulseError {
  override readonly name: string = 'UnavailableError';
  constructor(message: string, options: Omit<HivepulseErrorOptions, 'retryable' | 'code'> & { code?: string } = {}) {
    super(message, { code: 'unavailable', ...options, retryable: true });
  }
}

/** The user cannot pay for the job; nothing was taken. Answered as HTTP 402. */
export class InsufficientCreditsError extends HivepulseError {
  override readonly name: string = 'InsufficientCreditsError';
  constructor(cost: number, balance: number) {
    super(`The job costs ${cost} credits, the balance is ${balance}`, { code: 'insufficient_credits', details: { cost, balance } });
  }
}

/** Why a running job was stopped from outside; the reason of its `AbortSignal`. */
export type AbortKind =
  | 'cancelled'
  | 'timeout'
  | 'lock_lost'
  /** The row was asked for again meanwhile: a newer run does its work. */
  | 'superseded'
  | 'shutdown';

export class JobAbortedError extends HivepulseError {
  override readonly name: string = 'JobAbortedError';
  readonly kind: AbortKind;
  constructor(kind: AbortKind, message: string) {
    super(message, { code: kind, retryable: kind === 'timeout' });
    this.kind = kind;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
