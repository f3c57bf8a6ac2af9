/** Page tokens: opaque to the client, and stable while mail comes in. */
import { type Call, invalidArgument, type Reply } from './http.ts';

export interface PageRequest {
  max: number;
  /** What the page before ended with. */
  after: string | undefined;
}

/** More than `most` is brought down to it, as Gmail does. */
export function readPage({ query }: Call, defaults: { max: number; most: number }): PageRequest | Reply {
  const max = Number(query.get('maxResults') ?? defaults.max);
  if (!Number.isInteger(max) || max < 1) return invalidArgument('Invalid value for maxResults');
  const token = query.get('pageToken');
  if (token === null || token === '') return { max: Math.min(max, defaults.most), after: undefined };
  const after = Buffer.from(token, 'base64url').toString();
  if (!/^\d+(:[0-9a-f]+)?$/.test(after)) return invalidArgument('Invalid pageToken');
  return { max: Math.min(max, defaults.most), after };
}

export function pageToken(after: string): string {
  return Buffer.from(after).toString('base64url');
}
