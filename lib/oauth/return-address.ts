import { InvalidInputError } from '../errors.ts';

export interface ReturnOrigins {
  publicUrl: string;
  /** Besides; `*` counts for nothing. */
  returnOrigins: readonly string[];
}

/** Throws `InvalidInputError` unless it is an address of one of these: else the callback would send browsers wherever a link says. */
export function createReturnCheck({ publicUrl, returnOrigins }: ReturnOrigins): (returnTo: string) => string {
  const origins = new Set([new URL(publicUrl).origin, ...returnOrigins.flatMap((origin) => URL.parse(origin)?.origin ?? [])]);
  return (returnTo) => {
    const url = URL.parse(returnTo);
    if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && origins.has(url.origin)) return url.href;
    const message = `must be an address below one of CORS_ORIGINS or PUBLIC_URL (${[...origins].join(', ')})`;
    throw new InvalidInputError(`query.returnTo ${message}`, [{ path: 'query.returnTo', message }]);
  };
}
