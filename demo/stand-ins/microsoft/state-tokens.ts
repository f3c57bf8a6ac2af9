/** State tokens of delta and paging: opaque to the client, refused where they were made up. */
import { createHmac, randomBytes } from 'node:crypto';

const KEY = randomBytes(32);

const signature = (text: string): string => createHmac('sha256', KEY).update(text).digest('base64url');

export function seal(state: object): string {
  const text = Buffer.from(JSON.stringify(state)).toString('base64url');
  return `${text}.${signature(text)}`;
}

/** Undefined for what `seal` did not make. */
export function unseal<T>(token: string): T | undefined {
  const [text = '', signed = ''] = token.split('.');
  // Signed by us, so that it is what was sealed.
  return signature(text) === signed ? (JSON.parse(Buffer.from(text, 'base64url').toString()) as T) : undefined;
}
