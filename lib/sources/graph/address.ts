import { PermanentError } from '../../errors.ts';

const GRAPH = 'https://graph.microsoft.com';

/** Where Graph is, and which addresses the token may go to. */
export interface Addresses {
  /** For the client: without a slash at its end. */
  baseUrl: string;
  /** A link of Graph's, to be followed to the letter; undefined for a path. Throws `PermanentError` (`foreign_link`) for one that leads elsewhere. */
  linkOf(address: string): string | undefined;
  /** Throws `PermanentError` (`foreign_link`) for what is no web address, or would go in the clear where Graph itself does not. */
  checkSigned(address: string): string;
}

export function createAddresses(baseUrl = GRAPH): Addresses {
  const base = new URL(baseUrl);
  const foreign = (): PermanentError =>
    new PermanentError('Microsoft Graph named an address elsewhere, which is not called', { code: 'foreign_link' });

  return {
    baseUrl: baseUrl.replace(/\/+$/, ''),
    linkOf(address) {
      if (/^\/(?!\/)/.test(address)) return undefined;
      const link = URL.parse(address);
      if (link?.origin !== base.origin || link.username !== '' || link.password !== '') throw foreign();
      return address;
    },
    checkSigned(address) {
      const signed = URL.parse(address);
      if (signed?.protocol !== 'https:' && !(signed?.protocol === 'http:' && base.protocol === 'http:')) throw foreign();
      return address;
    },
  };
}
