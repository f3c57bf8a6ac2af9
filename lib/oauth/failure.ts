/** What goes wrong between us and a provider's OAuth server, told by status and machine-readable code. Nothing of an answer but that code is kept. */
import {
  AuthorizationResponseError,
  OperationProcessingError,
  ResponseBodyError,
  UnsupportedOperationError,
  WWWAuthenticateChallengeError,
} from 'oauth4webapi';
import { HivepulseError, UnavailableError } from '../errors.ts';
import type { ProviderDescription } from './provider.ts';

export type TokenFailure =
  /** The grant is over, or the code was no good: asking again is pointless. `reason` is the provider's code. */
  | { kind: 'refused'; reason: string }
  /** Anything else. `again`: may pass within seconds. */
  | { kind: 'failed'; error: UnavailableError; again: boolean };

type Described = Pick<ProviderDescription, 'label' | 'name' | 'variables'>;

/** The user must come back: RFC 6749's code, and those that OpenID Connect has for it; Microsoft sends both. */
const USER_CODES = new Set(['invalid_grant', 'interaction_required', 'consent_required', 'login_required']);
/** Codes of RFC 6749 that are the operator's to mend. */
const CLIENT_CODES = new Set(['invalid_client', 'unauthorized_client', 'deleted_client', 'disabled_client', 'org_internal']);
/** Providers say so of themselves, some with status 400. */
const PASSING_CODES = new Set(['temporarily_unavailable', 'server_error', 'internal_failure', 'slow_down', 'rate_limit_exceeded']);

/** Maps whatever a call of oauth4webapi threw. Its causes hold answers, tokens among them: they are left behind. */
export function tokenFailure(error: unknown, provider: Described): TokenFailure {
  if (error instanceof ResponseBodyError) return ofBody(error, provider);
  if (error instanceof WWWAuthenticateChallengeError) return ofStatus(error.status, undefined, provider);
  if (error instanceof OperationProcessingError) return ofStatus(statusOf(error), undefined, provider);
  if (error instanceof UnsupportedOperationError) return ofStatus(undefined, undefined, provider);
  return unreachable(error, provider);
}

function ofBody({ error: code, status, cause }: ResponseBodyError, provider: Described): TokenFailure {
  if (USER_CODES.has(code)) return { kind: 'refused', reason: closerReason(cause) ?? code };
  if (CLIENT_CODES.has(code)) return misconfigured(provider, [clean(code), numberIn(cause)].filter((part) => part !== undefined).join(', '));
  if (PASSING_CODES.has(code)) return failing(provider, status, true);
  return ofStatus(status, clean(code), provider);
}

/** Google's subtype, Microsoft's number. For people: what to do is told by OAuth's own code, since Microsoft's numbers change. */
function closerReason(body: ResponseBodyError['cause']): string | undefined {
  return clean(body.error_subtype) ?? numberIn(body) ?? clean(body.suberror);
}

/** `AADSTS700082`, to be looked up at https://login.microsoftonline.com/error. */
function numberIn({ error_codes: codes }: ResponseBodyError['cause']): string | undefined {
  const [number] = Array.isArray(codes) ? codes : [];
  return typeof number === 'number' ? clean(`AADSTS${number}`) : undefined;
}

function ofStatus(status: number | undefined, code: string | undefined, provider: Described): TokenFailure {
  if (status === 401) return misconfigured(provider, code);
  if (status === 429) return failing(provider, status, false);
  if (status !== undefined && status >= 500) return failing(provider, status, true);
  if (code !== undefined) return rejected(provider, status, code);
  return failed(provider, 'provider_malformed', `${provider.label} sent an answer that is none of OAuth's${named(status)}`, false);
}

function unreachable(error: unknown, provider: Described): TokenFailure {
  const reason = error instanceof Error && error.name === 'TimeoutError' ? 'too slow' : systemCode(error);
  return failed(provider, 'provider_unavailable', `${provider.label} could not be reached${reason === undefined ? '' : ` (${reason})`}`, true);
}

function failing(provider: Described, status: number, again: boolean): TokenFailure {
  return failed(provider, 'provider_unavailable', `${provider.label} is failing${named(status)}`, again);
}

function misconfigured(provider: Described, code: string | undefined): TokenFailure {
  const message = `${provider.label} does not accept this OAuth client${code === undefined ? '' : ` (${code})`}: check ${provider.variables}`;
  return failed(provider, 'provider_auth', message, false);
}

function rejected(provider: Described, status: number | undefined, code: string): TokenFailure {
  return failed(provider, 'provider_rejected', `${provider.label} refused the request (${code})${named(status)}`, false);
}

function failed({ name }: Described, code: string, message: string, again: boolean): TokenFailure {
  return { kind: 'failed', error: new UnavailableError(message, { code, details: { provider: name } }), again };
}

const named = (status: number | undefined): string => (status === undefined ? '' : ` (status ${status})`);

/** oauth4webapi hands an answer of unexpected status on as the cause. */
const statusOf = ({ cause }: OperationProcessingError): number | undefined => (cause instanceof Response ? cause.status : undefined);

/** What the provider said on the way back from its consent page; `error` and nothing else of it. */
export function refusalOf(error: unknown): string | undefined {
  return error instanceof AuthorizationResponseError ? (clean(error.error) ?? 'unknown') : undefined;
}

/** A name, never a sentence. */
function clean(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value) ? value : undefined;
}

/** The system's code (`ECONNREFUSED`, `UND_ERR_SOCKET`) at the bottom of a chain of causes. */
function systemCode(error: unknown): string | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth += 1) {
    const code = clean('code' in current ? current.code : undefined);
    if (code !== undefined) return code;
  }
  return undefined;
}

/** As the contract of `Accounts` has it: everything but "connect again" may pass. */
export function toUnavailable(error: unknown): UnavailableError {
  if (error instanceof UnavailableError) return error;
  if (error instanceof HivepulseError)
    return new UnavailableError(error.message, { code: error.code, ...(error.details === undefined ? {} : { details: error.details }) });
  return new UnavailableError('The token could not be refreshed', { code: 'refresh_failed', cause: error });
}
