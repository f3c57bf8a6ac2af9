/**
 * Seals secrets for storage: AES-256-GCM (NIST SP 800-38D) with a random 96-bit IV for each. What a secret belongs to is authenticated with it,
 * so a sealed token that is moved to another row or column does not open there. Errors never hold the secret, nor the sealed text.
 *
 * Sealed: `v1.<key id>.<base64url of IV, ciphertext and 128-bit tag>`.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Provider } from '../db/mail-types.ts';
import { PermanentError } from '../errors.ts';

export interface TokenKey {
  id: string;
  /** 32 bytes in base64. */
  key: string;
}

/** What a secret belongs to, in a fixed order; opening needs the same. */
export type SealContext = readonly string[];

export interface Vault {
  /** Seals from now on; undefined where there is no key at all. */
  readonly currentKeyId: string | undefined;
  /** In their order; the first is current. */
  readonly keyIds: readonly string[];
  /** Throws `PermanentError` `token_key_missing`. */
  seal(plain: string, context: SealContext): string;
  /** Throws `PermanentError`: `unknown_token_key` (names the key's id), `token_damaged` (changed, cut off, or of another place). */
  open(sealed: string, context: SealContext): string;
  /** The key that a sealed text needs. Throws `token_damaged`. */
  keyIdOf(sealed: string): string;
}

const ALGORITHM = 'aes-256-gcm';
const VERSION = 'v1';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Throws `PermanentError` `token_key_invalid` for keys that are not 32 bytes, and for an id that comes twice. */
export function createVault(keys: readonly TokenKey[]): Vault {
  const known = new Map(keys.map(({ id, key }) => [id, keyBytes(id, key)]));
  if (known.size < keys.length) throw invalidKey('TOKEN_ENCRYPTION_KEY has two keys with the same id');
  const keyIds = [...known.keys()];
  const [currentKeyId] = keyIds;

  function seal(plain: string, context: SealContext): string {
    const key = currentKeyId === undefined ? undefined : known.get(currentKeyId);
    if (currentKeyId === undefined || key === undefined) throw missingKey();
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES }).setAAD(boundTo(currentKeyId, context));
    const parts = [iv, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()];
    return `${VERSION}.${currentKeyId}.${Buffer.concat(parts).toString('base64url')}`;
  }

  function open(sealed: string, context: SealContext): string {
    const { keyId, bytes } = parse(sealed);
    const key = known.get(keyId);
    if (key === undefined) throw unknownKey(keyId, keyIds);
    try {
      const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAAD(boundTo(keyId, context)).setAuthTag(bytes.subarray(-TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
    } catch {
      throw damaged();
    }
  }

  return { currentKeyId, keyIds, seal, open, keyIdOf: (sealed) => parse(sealed).keyId };
}

/** What a token of an account is sealed for. */
export function tokenContext(owner: { userId: string; provider: Provider; accountId: string }, token: 'access' | 'refresh'): SealContext {
  return ['token', owner.userId.toLowerCase(), owner.provider, owner.accountId, token];
}

function keyBytes(id: string, key: string): Buffer {
  const bytes = Buffer.from(key, 'base64');
  if (bytes.length !== KEY_BYTES) throw invalidKey(`The key "${id}" in TOKEN_ENCRYPTION_KEY is not ${KEY_BYTES} bytes in base64`);
  return bytes;
}

/** JSON keeps the parts apart: no two contexts are the same text. */
const boundTo = (keyId: string, context: SealContext): Buffer => Buffer.from(JSON.stringify(['hivepulse', VERSION, keyId, ...context]), 'utf8');

function parse(sealed: string): { keyId: string; bytes: Buffer } {
  const [, keyId, written] = /^v1\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/.exec(sealed) ?? [];
  const bytes = Buffer.from(written ?? '', 'base64url');
  if (keyId === undefined || bytes.length < IV_BYTES + TAG_BYTES) throw damaged();
  return { keyId, bytes };
}

const invalidKey = (message: string): PermanentError => new PermanentError(message, { code: 'token_key_invalid' });

function missingKey(): PermanentError {
  const message = 'Accounts cannot be connected: set TOKEN_ENCRYPTION_KEY (id:key, made with: openssl rand -base64 32), which encrypts their tokens';
  return new PermanentError(message, { code: 'token_key_missing' });
}

function unknownKey(keyId: string, known: readonly string[]): PermanentError {
  const message = `A stored token is encrypted under the key "${keyId}", which TOKEN_ENCRYPTION_KEY does not hold (it holds: ${known.join(', ') || 'none'}): add ${keyId}:<key> behind the current one`;
  return new PermanentError(message, { code: 'unknown_token_key', details: { keyId } });
}

function damaged(): PermanentError {
  const message = 'A stored token does not open: it was changed, or belongs to another account. The account must be connected again';
  return new PermanentError(message, { code: 'token_damaged' });
}
