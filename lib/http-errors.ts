import { z } from 'zod';
import { HivepulseError, InsufficientCreditsError, InvalidInputError, messageOf, NotFoundError, PermanentError, UnavailableError } from './errors.ts';
import { EnqueueError } from './queue/errors.ts';

const failure = z.object({ error: z.object({ code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()).optional() }) });
const issues = z.array(z.object({ path: z.string(), message: z.string() }));

/** An answer of the HTTP API as the error that the queue itself would have thrown. */
export function errorOfAnswer(status: number, answer: unknown): HivepulseError {
  const parsed = failure.safeParse(answer);
  // Not our API's shape: a proxy in between, or another server altogether.
  if (!parsed.success) return errorOfCode(status, `http_${status}`, `HIVEPULSE_URL answered ${status}, and not in the way of a Hivepulse API`);
  const { code, message, details } = parsed.data.error;
  return errorOfCode(status, code, message, details);
}

function errorOfCode(status: number, code: string, message: string, details: Record<string, unknown> = {}): HivepulseError {
  const key = details.idempotencyKey;
  if ((code === 'not_sent' || code === 'unknown') && typeof key === 'string') return new EnqueueError(code, key, message, undefined);
  const id = details.id ?? details.jobId;
  // Without an id it is the route that is missing: an API of another version.
  if (code === 'not_found' && id !== undefined) return new NotFoundError(String(details.what ?? 'Job'), String(id));
  if (code === 'invalid_input') return new InvalidInputError(message, issues.safeParse(details.issues).data ?? []);
  const { cost, balance } = details;
  if (code === 'insufficient_credits' && typeof cost === 'number' && typeof balance === 'number') return new InsufficientCreditsError(cost, balance);
  const mayPass = status === 429 || (status >= 500 && status !== 501);
  return mayPass ? new UnavailableError(message, { code, details }) : new PermanentError(message, { code, details });
}

/** A call that only reads, or that may be repeated. */
export function unavailable(error: unknown): HivepulseError {
  if (error instanceof HivepulseError) return error;
  return new UnavailableError(`No answer from the Hivepulse API at HIVEPULSE_URL (${messageOf(causeOf(error))})`, { cause: error });
}

/** The connection was never made, or the rate limit turned the call away. */
const NOT_SENT: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'too_many_requests',
  'http_429',
]);

/** Only what never reached the queue is known not to land; after a broken connection, or a failure behind the API, the job may be there. */
export function notEnqueued(error: unknown, idempotencyKey: string): HivepulseError {
  if (error instanceof EnqueueError || (error instanceof HivepulseError && !error.retryable)) return error;
  if (NOT_SENT.has(codeOf(error))) {
    const message = `Not sent (${messageOf(causeOf(error))}). The job will not appear later; try again.`;
    return new EnqueueError('not_sent', idempotencyKey, message, error);
  }
  const message = `The Hivepulse API did not say whether it took the job (${messageOf(causeOf(error))}). Repeat the call with this idempotencyKey: the job is then made at most once.`;
  return new EnqueueError('unknown', idempotencyKey, message, error);
}

function codeOf(error: unknown): unknown {
  const cause = causeOf(error);
  return typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
}

/** `fetch` says only that it failed; why is in the cause. */
function causeOf(error: unknown): unknown {
  return error instanceof TypeError && error.cause !== undefined ? error.cause : error;
}
