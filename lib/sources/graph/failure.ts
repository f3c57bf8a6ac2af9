/** What Graph says of a call that did not succeed, by its status, headers and codes; its sentences may name files and people. */

import { retryAfterMs } from '../../provider-failure.ts';
import type { CallFailure } from '../calls.ts';
import type { Access } from '../contract.ts';

/** As the client throws it, and as downloads do. */
export interface GraphRefusal {
  statusCode: number;
  code: string | null;
  headers?: { get(name: string): string | null } | undefined;
}

/** Undefined: the network, not Graph; or an answer of 2xx that cannot be read. */
export function failureOf(error: unknown, now: number): CallFailure | undefined {
  if (!isRefusal(error) || error.statusCode < 300) return undefined;
  const pauseMs = retryAfterMs(error.headers?.get('retry-after'), now);
  return { status: error.statusCode, reason: reasonOf(error.code), retryAfterMs: pauseMs, limited: isLimit(error.statusCode, pauseMs) };
}

function isRefusal(error: unknown): error is GraphRefusal & Error {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number';
}

/** 509: the drive has sent more than it may. A 503 with a time is how SharePoint limits, too. */
function isLimit(status: number, pauseMs: number | undefined): boolean {
  return status === 429 || status === 509 || (status === 503 && pauseMs !== undefined);
}

/** Words of JavaScript stand where the answer was no JSON. */
function reasonOf(code: string | null): string {
  return typeof code === 'string' && /^[A-Za-z][\w.-]{0,60}$/.test(code) && code !== 'SyntaxError' && code !== 'Error' ? code : 'unknown';
}

/** What mends it, for people. */
export function adviceFor({ status, reason }: CallFailure, access: Access): string | undefined {
  if (/insufficient|accessdenied|authorization_requestdenied/i.test(reason))
    return `connect the account again with access=${access}, or have it given access to what is synced`;
  if (status === 401 || status === 403) return `connect the account again with access=${access}`;
  return undefined;
}
