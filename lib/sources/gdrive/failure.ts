/** What Google says of a call to Drive that did not succeed, and what is meant by it. */
import { isAccountWide, isLimited, readFailure } from '../../mail/gmail/failure.ts';
import { refusalOf } from '../../provider-failure.ts';
import type { CallFailure } from '../calls.ts';
import { CursorLostError, ItemError } from '../contract.ts';

/** In place of Google's `invalid`, where it is the page token that is. */
const BAD_TOKEN = 'invalidPageToken';

/** Undefined for what is no answer of Google's. Of the client's error nothing else is kept: it holds the token and the answer. */
export function failureOf(error: unknown, now: number): CallFailure | undefined {
  const response = property(error, 'response');
  if (!isResponse(response) || response.status < 400) return undefined;
  const failure = readFailure(response.status, response.headers, response.data, now);
  const reason = failure.status === 400 && isAboutToken(response.data) ? BAD_TOKEN : failure.reason;
  return { ...failure, reason, limited: isLimited(failure) };
}

export function adviceOn({ status, reason }: CallFailure): string | undefined {
  if (status === 401) return 'Google does not take a token that it has just issued; connect the account again with access=files';
  switch (reason) {
    case 'insufficientPermissions':
    case 'insufficientScopes':
    case 'ACCESS_TOKEN_SCOPE_INSUFFICIENT':
      return 'the user has not allowed reading files; connect the account again with access=files and tick the box for Google Drive';
    case 'accessNotConfigured':
    case 'SERVICE_DISABLED':
      return 'switch the Google Drive API on for the Google Cloud project of GOOGLE_CLIENT_ID';
    case 'domainPolicy':
      return 'the administrator of the account’s domain has to allow this app to use Google Drive';
    default:
      return undefined;
  }
}

/** Of a call with a page token: whether Google has forgotten it, or what it pages through. */
export function lostOr(error: unknown): unknown {
  const refusal = refusalOf(error);
  const lost = refusal && (refusal.status === 404 || refusal.status === 410 || refusal.reason === BAD_TOKEN);
  return lost ? new CursorLostError('expired') : error;
}

const SENTENCES: Readonly<Record<string, string>> = {
  exportSizeLimitExceeded: 'Google exports documents of up to 10 MB only; this one is larger',
  cannotDownloadAbusiveFile: 'Google holds this file to be harmful and does not hand it out',
  cannotDownloadFile: 'its owner does not let this file be downloaded',
  insufficientFilePermissions: 'the account may see this file, but not download it',
  downloadQuotaExceeded: 'Google says that this file has been downloaded too often of late',
  fileNotDownloadable: 'Google has no content of this file to download',
  appNotAuthorizedToFile: 'the account has not allowed Hivepulse to read this file',
};

/** Of a call for one file's content: what speaks of this file alone becomes an `ItemError`. */
export function itemErrorOr(error: unknown): unknown {
  const refusal = refusalOf(error);
  if (!refusal || refusal.status === 401 || isAccountWide({ ...refusal, retryAfterMs: undefined })) return error;
  const known = SENTENCES[refusal.reason];
  if (known !== undefined) return new ItemError(`Google Drive: ${known}`);
  return refusal.status < 500 ? new ItemError(`Google Drive refuses to hand this file out (status ${refusal.status}, ${refusal.reason})`) : error;
}

export const isMissing = (error: unknown): boolean => refusalOf(error)?.status === 404;

function isAboutToken(data: unknown): boolean {
  const errors = property(property(typeof data === 'string' ? parse(data) : data, 'error'), 'errors');
  return Array.isArray(errors) && errors.some((entry) => property(entry, 'location') === 'pageToken');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isResponse(value: unknown): value is { status: number; headers: Headers; data: unknown } {
  return typeof value === 'object' && value !== null && 'status' in value && typeof value.status === 'number' && 'headers' in value;
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
