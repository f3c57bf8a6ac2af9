import { HivepulseError, PermanentError, RateLimitedError, UnavailableError } from '../errors.ts';
import type { Usage } from './contract.ts';

/** The providers that are reached over HTTP and cost money. */
export type Vendor = 'openai' | 'anthropic';

/** How long to leave a vendor alone when its 429 does not say. */
export const DEFAULT_RETRY_AFTER_MS = 20_000;
/** `Retry-After: 0` must not turn into a job that comes back in a tight loop. */
const SHORTEST_RETRY_AFTER_MS = 100;
const LONGEST_RETRY_AFTER_MS = 24 * 60 * 60 * 1_000;

const VENDORS = {
  openai: { label: 'OpenAI', key: 'OPENAI_API_KEY', model: 'OPENAI_MODEL', baseUrl: 'OPENAI_BASE_URL' },
  anthropic: { label: 'Anthropic', key: 'ANTHROPIC_API_KEY', model: 'ANTHROPIC_MODEL', baseUrl: 'ANTHROPIC_BASE_URL' },
} as const;

const vendorLabel = (vendor: Vendor): string => VENDORS[vendor].label;
export const keyVariable = (vendor: Vendor): string => VENDORS[vendor].key;
/** The key under which all queues and processes share a vendor's pause. */
export const limitKey = (vendor: Vendor): string => `provider:${vendor}`;

/** The vendor answered, and billed, but gave no answer: it refused (`model_refused`), or ran out of tokens (`model_truncated`). */
export class NoAnswerError extends PermanentError {
  override readonly name: string = 'NoAnswerError';
  readonly usage: Usage;
  readonly model: string;
  constructor(message: string, code: 'model_refused' | 'model_truncated', spent: { model: string; usage: Usage }) {
    super(message, { code, details: { model: spent.model } });
    this.usage = spent.usage;
    this.model = spent.model;
  }
}

export function modelRefused(vendor: Vendor, spent: { model: string; usage: Usage }): NoAnswerError {
  return new NoAnswerError(
    `${vendorLabel(vendor)} (${spent.model}) refused to answer; the text may go against its usage policy`,
    'model_refused',
    spent,
  );
}

export function modelTruncated(vendor: Vendor, spent: { model: string; usage: Usage }): NoAnswerError {
  const message = `${vendorLabel(vendor)} (${spent.model}) ran out of tokens before its answer was whole; shorten the text or raise maxOutputTokens`;
  return new NoAnswerError(message, 'model_truncated', spent);
}

/** What an SDK error tells by its type. Its message and body are left behind: vendors quote prompts and keys in them. */
interface Failure {
  status: number | undefined;
  code: string | undefined;
  type: string | undefined;
  param: string | undefined;
  requestId: string | undefined;
  headers: Headers | undefined;
}

/**
 * Maps whatever an SDK call threw, by HTTP status and machine-readable code: 429 waits, 5xx and broken connections are worth another
 * attempt, everything else is final and says what to fix. The result carries no prompt, answer or key.
 */
export function toAiError(error: unknown, vendor: Vendor, now: number): HivepulseError {
  if (error instanceof HivepulseError) return error;
  const failure = readFailure(error);
  const details = detailsOf(vendor, failure);
  const { status } = failure;
  if (status === undefined) return unreachable(error, vendor);
  if (isQuota(failure)) return quotaExhausted(vendor, details);
  if (status === 429) return new RateLimitedError(limitKey(vendor), retryAfterMs(failure.headers, now) ?? DEFAULT_RETRY_AFTER_MS, details);
  if (status === 401 || status === 403) return unauthorised(vendor, status, details);
  if (status === 408 || status === 409 || status < 400 || status >= 500) return failing(vendor, status, { ...details, ...retryHint(failure, now) });
  return rejected(vendor, failure, details);
}

/** `Retry-After` in seconds or as an HTTP date, or `retry-after-ms`; undefined when absent or unreadable. */
export function retryAfterMs(headers: Headers | undefined, now: number): number | undefined {
  const milliseconds = readNumber(headers?.get('retry-after-ms'));
  if (milliseconds !== undefined) return bounded(milliseconds);
  const header = headers?.get('retry-after');
  const seconds = readNumber(header);
  if (seconds !== undefined) return bounded(seconds * 1_000);
  const date = Date.parse(header ?? '');
  return Number.isNaN(date) ? undefined : bounded(date - now);
}

/** A response with status 200 whose body says that it failed (OpenAI's `status: failed`). */
export function failedResponse(vendor: Vendor, code: string | undefined): HivepulseError {
  const details = { provider: vendor, ...(clean(code) ? { code: clean(code) } : {}) };
  if (code === 'rate_limit_exceeded') return new RateLimitedError(limitKey(vendor), DEFAULT_RETRY_AFTER_MS, details);
  if (code === undefined || code === 'server_error') return failing(vendor, 200, details);
  return rejected(vendor, { status: 400, code, type: undefined, param: undefined, requestId: undefined, headers: undefined }, details);
}

/** Vendors' words for a request that a smaller one may get through: OpenAI's limits of a list and of a text, and HTTP's own. */
const TOO_LARGE = new Set(['max_tokens_per_request', 'context_length_exceeded', 'array_above_max_length', 'string_above_max_length']);

/** Whether the vendor refused a request for its size, so that its parts may pass. */
export function isTooLarge(error: unknown): boolean {
  if (!(error instanceof HivepulseError) || error.code !== 'provider_rejected') return false;
  const { status, code, type } = error.details ?? {};
  return status === 413 || TOO_LARGE.has(String(code)) || TOO_LARGE.has(String(type));
}

function unreachable(error: unknown, vendor: Vendor): UnavailableError {
  const reason = networkCode(error);
  const message = `${vendorLabel(vendor)} could not be reached or broke off its answer${reason ? ` (${reason})` : ''}`;
  return new UnavailableError(message, { code: 'provider_unreachable', details: { provider: vendor, ...(reason ? { reason } : {}) } });
}

function failing(vendor: Vendor, status: number, details: Record<string, unknown>): UnavailableError {
  return new UnavailableError(`${vendorLabel(vendor)} is failing (status ${status})`, { code: 'provider_unavailable', details });
}

function unauthorised(vendor: Vendor, status: number, details: Record<string, unknown>): PermanentError {
  const { label, key } = VENDORS[vendor];
  const message = `${label} does not accept the key (status ${status}): set ${key} to a valid key that may use this model`;
  return new PermanentError(message, { code: 'provider_auth', details });
}

function quotaExhausted(vendor: Vendor, details: Record<string, unknown>): PermanentError {
  const { label, key } = VENDORS[vendor];
  const message = `the ${label} account behind ${key} has no credit left: check its billing and usage limits`;
  return new PermanentError(message, { code: 'provider_quota', details });
}

function rejected(vendor: Vendor, failure: Failure, details: Record<string, unknown>): PermanentError {
  const code = clean(failure.code) ?? clean(failure.type);
  const named = [`status ${failure.status}`, code, clean(failure.param)].filter((part) => part !== undefined).join(', ');
  const message = `${vendorLabel(vendor)} rejected the request (${named}): ${advice(vendor, failure)}`;
  return new PermanentError(message, { code: 'provider_rejected', details });
}

function advice(vendor: Vendor, { status, code }: Failure): string {
  const { model, baseUrl } = VENDORS[vendor];
  if (status === 404 || code === 'model_not_found') return `check that ${model} names a model this key may use, and ${baseUrl}`;
  if (status === 413 || code === 'context_length_exceeded') return 'the text is too long for the model; shorten it or split it';
  if (code === 'invalid_json_schema') return 'the answer schema is outside what the vendor takes';
  if (code === 'unsupported_parameter' || code === 'unsupported_value') return `the model does not take this parameter; choose another with ${model}`;
  return `check that ${model} names a model that takes JSON schemas, and that the text fits into its context`;
}

function isQuota({ status, code, type }: Failure): boolean {
  const quota = ['insufficient_quota', 'billing_hard_limit_reached', 'billing_error'];
  return status === 402 || quota.includes(code ?? '') || quota.includes(type ?? '');
}

function retryHint(failure: Failure, now: number): { retryAfterMs?: number } {
  const wait = retryAfterMs(failure.headers, now);
  return wait === undefined ? {} : { retryAfterMs: wait };
}

function readFailure(error: unknown): Failure {
  const headers = property(error, 'headers');
  const status = property(error, 'status');
  return {
    status: typeof status === 'number' ? status : undefined,
    code: text(property(error, 'code')) ?? text(property(error, 'errorCode')),
    type: text(property(error, 'type')),
    param: text(property(error, 'param')),
    requestId: text(property(error, 'requestID')),
    headers: headers instanceof Headers ? headers : undefined,
  };
}

function detailsOf(vendor: Vendor, failure: Failure): Record<string, unknown> {
  const named = { code: clean(failure.code), type: clean(failure.type), param: clean(failure.param), requestId: clean(failure.requestId) };
  const present = Object.entries(named).filter(([, value]) => value !== undefined);
  return { provider: vendor, status: failure.status, ...Object.fromEntries(present) };
}

/** The system's code (`ECONNREFUSED`, `UND_ERR_SOCKET`) at the bottom of a chain of causes. */
function networkCode(error: unknown): string | undefined {
  let found: string | undefined;
  for (let current = error, depth = 0; current !== undefined && depth < 5; current = property(current, 'cause'), depth += 1) {
    found = clean(text(property(current, 'code'))) ?? found;
  }
  return found;
}

/** Names only: a server that writes sentences into these fields could quote the prompt. */
function clean(value: string | undefined): string | undefined {
  return value !== undefined && /^[\w.:[\]-]{1,100}$/.test(value) ? value : undefined;
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function readNumber(value: string | null | undefined): number | undefined {
  const trimmed = value?.trim();
  if (!trimmed) return undefined;
  const number = Number(trimmed);
  return Number.isFinite(number) ? number : undefined;
}

function bounded(milliseconds: number): number {
  return Math.min(LONGEST_RETRY_AFTER_MS, Math.max(SHORTEST_RETRY_AFTER_MS, Math.ceil(milliseconds)));
}
