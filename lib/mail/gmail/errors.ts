import { PermanentError, UnavailableError } from '../../errors.ts';
import { networkCode } from '../../provider-failure.ts';
import type { Failure } from './failure.ts';

/** What was asked of Gmail; `fields` are the job's own that it came from. */
export interface Asked {
  method: string;
  fields?: readonly string[];
}

/** 4xx: trying again is pointless. Codes: `forbidden`, `invalid_request`. Google's sentences stay behind: they may quote a query. */
export function refused(failure: Failure, asked: Asked): PermanentError {
  const { status, reason } = failure;
  const forbidden = status === 401 || status === 403;
  const message = `Gmail refused ${asked.method} (status ${status}, ${reason}): ${forbidden ? permission(failure) : correction(failure, asked)}`;
  return new PermanentError(message, { code: forbidden ? 'forbidden' : 'invalid_request', details: { method: asked.method, status, reason } });
}

export function failing({ status, reason }: Failure, { method }: Asked): UnavailableError {
  return new UnavailableError(`Gmail is failing (${method}, status ${status}, ${reason})`, { details: { method, status, reason } });
}

export function unreachable(error: unknown, { method }: Asked): UnavailableError {
  const reason = networkCode(error);
  const message = `Gmail could not be reached or broke off its answer (${method}${reason ? `, ${reason}` : ''})`;
  return new UnavailableError(message, { details: { method, ...(reason ? { reason } : {}) } });
}

export function timedOut(timeoutMs: number, { method }: Asked): UnavailableError {
  return new UnavailableError(`Gmail did not answer ${method} within ${timeoutMs} ms`, { details: { method, reason: 'timeout' } });
}

function permission({ status, reason }: Failure): string {
  if (status === 401) return 'Google does not take a token that it has just issued; connect the account again and allow reading mail';
  switch (reason) {
    case 'insufficientPermissions':
    case 'ACCESS_TOKEN_SCOPE_INSUFFICIENT':
      return 'the user has not allowed reading mail; connect the account again and tick the box for Gmail';
    case 'accessNotConfigured':
    case 'SERVICE_DISABLED':
      return 'switch the Gmail API on for the Google Cloud project of GOOGLE_CLIENT_ID';
    case 'domainPolicy':
      return 'the administrator of the account’s domain has to allow this app to use Gmail';
    default:
      return 'check what the account and the Google Cloud project of GOOGLE_CLIENT_ID allow';
  }
}

function correction({ status, reason }: Failure, { fields = [] }: Asked): string {
  if (reason === 'failedPrecondition' || reason === 'FAILED_PRECONDITION') return 'the account has no Gmail, or it is switched off';
  if (status === 404) return 'nothing is there; check GOOGLE_API_ROOT_URL';
  if (fields.length === 0) return 'the request is not what the Gmail API takes';
  return `check ${fields.map((field) => `\`${field}\``).join(' and ')} of the job`;
}
