import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A key that signs tokens as Google does (RS256). */
export interface SigningKey {
  /** A JSON Web Token of these claims. */
  sign(claims: Readonly<Record<string, unknown>>): string;
  /** For a JWKS. */
  jwk: Readonly<Record<string, unknown>>;
}

/** `kid`: the id to use; a forger takes that of the true key. */
export function createSigningKey(kid = randomBytes(20).toString('hex')): SigningKey {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  return {
    jwk: { ...createPublicKey(privateKey).export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' },
    sign: (claims) => signJwt(privateKey, kid, claims),
  };
}

function signJwt(key: KeyObject, kid: string, claims: Readonly<Record<string, unknown>>): string {
  const signed = [{ alg: 'RS256', kid, typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}
