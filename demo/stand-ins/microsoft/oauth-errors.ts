import { randomUUID } from 'node:crypto';
import { json, type Reply } from './http.ts';

/** AADSTS numbers, as in "Microsoft Entra authentication and authorization error codes". */
export interface OAuthFailure {
  error: string;
  number: number;
  text: string;
  suberror?: string;
  /** Default 400. */
  status?: number;
}

export const NO_STORE = { 'cache-control': 'no-store, no-cache', pragma: 'no-cache' };

/** An answer of the token endpoint. */
export function refuseToken({ status = 400, ...failure }: OAuthFailure, now: number): Reply {
  const { description, traceId, correlationId, timestamp } = describe(failure, now);
  const { error, number, suberror } = failure;
  const body = {
    error,
    error_description: description,
    error_codes: [number],
    timestamp,
    trace_id: traceId,
    correlation_id: correlationId,
    error_uri: `https://login.microsoftonline.com/error?code=${number}`,
    ...(suberror === undefined ? {} : { suberror }),
  };
  return json(status, body, NO_STORE);
}

export function describe({ number, text }: OAuthFailure, now: number) {
  const traceId = randomUUID();
  const correlationId = randomUUID();
  const timestamp = new Date(now).toISOString().replace('T', ' ').replace(/\.\d+/, '');
  const description = `AADSTS${number}: ${text} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`;
  return { description, traceId, correlationId, timestamp };
}
