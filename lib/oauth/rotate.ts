import type { ConnectionSecrets, SealedTokens } from '../db/mail-types.ts';
import { HivepulseError, PermanentError } from '../errors.ts';
import type { Account } from './account.ts';
import { tokenContext, type Vault } from './vault.ts';

export interface RotateDeps {
  connections: Pick<ConnectionSecrets, 'page' | 'read' | 'saveResealed'>;
  vault: Vault;
  /** Accounts read at once. Default 100. */
  pageSize?: number;
}

export interface Rotation {
  currentKeyId: string;
  /** Accounts with a token that is now under the current key. */
  resealed: number;
  /** Accounts whose tokens were under it already. */
  current: number;
  /** Accounts with a token that does not open; `keyId` null where not even that can be read. */
  failed: { connectionId: string; keyId: string | null; code: string }[];
  /** Other keys of the vault: of no use any more when nothing has failed, and no process seals with them. */
  oldKeyIds: string[];
}

type Pair = Pick<SealedTokens, 'accessToken' | 'refreshToken'>;
type Outcome = { state: 'resealed' | 'current' | 'gone' } | { state: 'failed'; keyId: string | null; code: string };

/** A row that is refreshed just then is read again, so often. */
const TRIES = 10;
/** Rows that other processes have sealed under an old key meanwhile are found by another pass. */
const PASSES = 3;

/**
 * Brings every stored token under the current key, while everything runs: a row is only written where its tokens are still those that were read.
 * Throws `PermanentError` `token_key_missing`.
 */
export async function rotateKeys({ connections, vault, pageSize = 100 }: RotateDeps): Promise<Rotation> {
  const { currentKeyId } = vault;
  if (currentKeyId === undefined) throw new PermanentError('There is no key: set TOKEN_ENCRYPTION_KEY', { code: 'token_key_missing' });
  const outcomes = new Map<string, Outcome>();

  function reseal(account: Account, which: 'access' | 'refresh'): string | null {
    const sealed = account.tokens[which === 'access' ? 'accessToken' : 'refreshToken'];
    if (sealed === null || vault.keyIdOf(sealed) === currentKeyId) return sealed;
    const context = tokenContext(account, which);
    return vault.seal(vault.open(sealed, context), context);
  }

  async function bringOver(found: Account): Promise<Outcome> {
    let account: Account | undefined = found;
    for (let tried = 1; account !== undefined && tried <= TRIES; tried += 1) {
      const old: Pair = { accessToken: account.tokens.accessToken, refreshToken: account.tokens.refreshToken };
      const { tokens, failure } = resealed(account);
      const changed = tokens.accessToken !== old.accessToken || tokens.refreshToken !== old.refreshToken;
      if (!changed || (await connections.saveResealed(account.id, old, tokens))) return failure ?? { state: changed ? 'resealed' : 'current' };
      account = await connections.read(account.id);
    }
    return account === undefined ? { state: 'gone' } : { state: 'failed', keyId: null, code: 'always_changing' };
  }

  /** What opens is sealed anew, also where the other token of the account does not. */
  function resealed(account: Account): { tokens: Pair; failure?: Outcome } {
    const one = attempt(account.tokens.accessToken, () => reseal(account, 'access'));
    const other = attempt(account.tokens.refreshToken, () => reseal(account, 'refresh'));
    const failure = one.failure ?? other.failure;
    return { tokens: { accessToken: one.sealed, refreshToken: other.sealed }, ...(failure ? { failure } : {}) };
  }

  function attempt(sealed: string | null, run: () => string | null): { sealed: string | null; failure?: Outcome } {
    try {
      return { sealed: run() };
    } catch (error) {
      if (!(error instanceof HivepulseError)) throw error;
      const keyId = error.details?.keyId;
      return { sealed, failure: { state: 'failed', keyId: typeof keyId === 'string' ? keyId : null, code: error.code } };
    }
  }

  /** How many rows had to be written. */
  async function pass(): Promise<number> {
    let written = 0;
    let after: string | undefined;
    for (;;) {
      const page = await connections.page({ limit: pageSize, ...(after === undefined ? {} : { after }) });
      for (const account of page) {
        const outcome = await bringOver(account);
        if (outcome.state === 'resealed') written += 1;
        // Sealed anew in an earlier pass, it is current in this one.
        if (outcome.state !== 'current' || outcomes.get(account.id)?.state !== 'resealed') outcomes.set(account.id, outcome);
      }
      after = page.at(-1)?.id;
      if (page.length < pageSize || after === undefined) return written;
    }
  }

  for (let passed = 1; passed <= PASSES && (await pass()) > 0; passed += 1);
  const all = [...outcomes];
  const count = (state: Outcome['state']): number => all.filter(([, outcome]) => outcome.state === state).length;
  const failed = all.flatMap(([connectionId, outcome]) =>
    outcome.state === 'failed' ? [{ connectionId, keyId: outcome.keyId, code: outcome.code }] : [],
  );
  return {
    currentKeyId,
    resealed: count('resealed'),
    current: count('current'),
    failed,
    oldKeyIds: vault.keyIds.filter((id) => id !== currentKeyId),
  };
}
