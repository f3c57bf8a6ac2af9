import type { FastifyError } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import {
  HivepulseError,
  InsufficientCreditsError,
  InvalidInputError,
  NotFoundError,
  PermanentError,
  RateLimitedError,
  UnavailableError,
} from '../lib/errors.ts';

/** A failure that a route decided on: its status and what the caller can do about it. */
export class HttpError extends HivepulseError {
  override readonly name: string = 'HttpError';
  readonly status: number;
  constructor(status: number, code: string, message: string, details?: Record<string, unknown>) {
    super(message, { code, ...(details ? { details } : {}) });
    this.status = status;
  }
}

/** The one shape of every failure. */
export interface ErrorBody {
  success: false;
  error: { code: string; message: string; details?: Record<string, unknown> };
}

export interface ErrorAnswer {
  status: number;
  body: ErrorBody;
  /** Seconds; sent as `Retry-After`. */
  retryAfterSeconds?: number;
  /** Not foreseen: to be logged with its stack. */
  unexpected: boolean;
}

export interface ErrorContext {
  correlationId: string;
  bodyLimitBytes: number;
}

/** Maps whatever was thrown to what the caller is told. Nothing of an unexpected error gets out but the correlation id. */
export function answerFor(error: unknown, context: ErrorContext): ErrorAnswer {
  if (error instanceof HivepulseError) return fromHivepulse(error);
  if (hasZodFastifySchemaValidationErrors(error)) return answer(400, 'invalid_input', ...describeIssues(error));
  const status = statusOf(error);
  if (status !== undefined && status >= 400 && status < 500) return fromFastify(error as FastifyError, status, context);
  const details = { correlationId: context.correlationId };
  const message = 'Something went wrong on our side. Quote the correlation id when you report it.';
  return { ...answer(500, 'internal_error', message, details), unexpected: true };
}

function answer(status: number, code: string, message: string, details?: Record<string, unknown>): ErrorAnswer {
  return { status, body: { success: false, error: { code, message, ...(details ? { details } : {}) } }, unexpected: false };
}

function fromHivepulse(error: HivepulseError): ErrorAnswer {
  const known = answer(hivepulseStatus(error), error.code, error.message, error.details);
  if (error instanceof RateLimitedError) return { ...known, retryAfterSeconds: Math.ceil(error.retryAfterMs / 1000) };
  return known;
}

function hivepulseStatus(error: HivepulseError): number {
  if (error instanceof HttpError) return error.status;
  if (error instanceof InvalidInputError) return 400;
  if (error instanceof InsufficientCreditsError) return 402;
  if (error instanceof NotFoundError) return 404;
  if (error instanceof RateLimitedError) return 429;
  if (error instanceof UnavailableError || isEnqueueError(error)) return 503;
  if (error instanceof PermanentError) return permanentStatus[error.code] ?? 422;
  return error.retryable ? 503 : 422;
}

const permanentStatus: Readonly<Record<string, number>> = {
  unknown_job: 404,
  idempotency_key_reused: 409,
  not_connected: 409,
  connection_needed: 409,
  reauth_required: 409,
  source_exists: 409,
  too_many_sources: 409,
  not_there_yet: 501,
  provider_not_configured: 501,
  token_key_missing: 501,
  storage_too_large: 413,
  storage_unauthorized: 503,
  storage_forbidden: 503,
  storage_bucket_public: 503,
  storage_error: 503,
  email_too_large: 413,
};

/** Known by its name: the API takes types alone from `lib/queue`, so that it can stand without it. */
function isEnqueueError(error: unknown): error is HivepulseError & { outcome: 'not_sent' | 'unknown'; idempotencyKey: string } {
  return error instanceof HivepulseError && error.name === 'EnqueueError';
}

/** Names each field by where it stands: `body.title`, `query.limit`. */
function describeIssues(error: { validation: readonly { instancePath: string; message?: string }[]; validationContext?: string }) {
  const where = error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? 'body');
  const issues = error.validation.map(({ instancePath, message }) => ({
    path: [where, ...instancePath.split('/').filter(Boolean)].join('.'),
    message: message ?? 'is not valid',
  }));
  const message = `Invalid input: ${issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ')}`;
  return [message, { issues }] as const;
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

function fromFastify(error: FastifyError, status: number, { bodyLimitBytes }: ErrorContext): ErrorAnswer {
  if (status === 413) return answer(413, 'body_too_large', `The body is longer than the ${bodyLimitBytes} bytes this API takes.`, { bodyLimitBytes });
  if (status === 415) return answer(415, 'unsupported_media_type', 'Send JSON, with the header Content-Type: application/json.');
  return answer(status, 'bad_request', error.message);
}
