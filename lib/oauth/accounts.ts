/**
 * Access tokens of connected accounts. An account's row says how good its token is; where a new one is needed, all processes together ask the
 * provider once (`refresh.ts`) and read the row again. "Connect again" is final, marked in the row and told once; all else may pass.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { MINUTE } from '../clock.ts';
import { HivepulseError, PermanentError, UnavailableError } from '../errors.ts';
import { type Account, reauthMessage } from './account.ts';
import type { Accounts } from './contract.ts';
import { toUnavailable } from './failure.ts';
import { createRefresh, type RefreshDeps } from './refresh.ts';
import { createTokenCache } from './token-cache.ts';
import { tokenContext } from './vault.ts';

export interface AccountsDeps extends Omit<RefreshDeps, 'pause' | 'hasGoodToken'> {
  /** While another process refreshes; ms. */
  pause?: RefreshDeps['pause'];
}

/** A token must be good for so long yet. */
const GOOD_FOR_MS = MINUTE;
/** A refresh, and what may have happened to the row before and after it. */
const ROUNDS = 4;

export function createAccounts(deps: AccountsDeps): Accounts {
  const { connections, vault, clock } = deps;
  const cache = createTokenCache(clock);
  const flights = new Map<string, Promise<string>>();
  const refresh = createRefresh({
    pause: (ms) => wait(ms),
    ...deps,
    hasGoodToken: (account, rejected) => goodToken(account, rejected) !== undefined,
  });

  /** The stored token, where it is good for a minute yet and was not refused. One that does not open is as good as none: a refresh mends that. */
  function goodToken(account: Account, rejected: string | undefined): string | undefined {
    const { accessToken, accessExpiresAt } = account.tokens;
    if (accessToken === null || accessExpiresAt === null || Date.parse(accessExpiresAt) - clock.now() <= GOOD_FOR_MS) return undefined;
    const token = opened(accessToken, account);
    return token === rejected ? undefined : token;
  }

  function opened(sealed: string, account: Account): string | undefined {
    try {
      return vault.open(sealed, tokenContext(account, 'access'));
    } catch (error) {
      if (error instanceof HivepulseError) return undefined;
      throw error;
    }
  }

  async function obtain(id: string, rejected: string | undefined): Promise<string> {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const account = await connections.read(id);
      if (account === undefined) throw notConnected(id);
      if (account.status === 'reauth_required') throw reauthRequired(account);
      const token = goodToken(account, rejected);
      if (token !== undefined) {
        cache.keep(id, token, Date.parse(account.tokens.accessExpiresAt ?? '') - GOOD_FOR_MS);
        return token;
      }
      await refresh(account, rejected);
    }
    throw new UnavailableError(`The provider gave no token of use for connection ${id}`, { code: 'no_usable_token', details: { connectionId: id } });
  }

  /** Callers of one process that want the same share one way there; it goes on when one of them leaves. */
  function shared(id: string, rejected: string | undefined): Promise<string> {
    const key = `${id} ${rejected ?? ''}`;
    const running = flights.get(key);
    if (running) return running;
    const flight = obtain(id, rejected)
      .catch((error: unknown) => {
        cache.forget(id);
        throw error instanceof PermanentError && FINAL.has(error.code) ? error : toUnavailable(error);
      })
      .finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  }

  return {
    async accessToken(connectionId, { rejected, signal } = {}) {
      signal?.throwIfAborted();
      const known = cache.find(connectionId);
      if (known !== undefined && known !== rejected) return known;
      if (known !== undefined) cache.forget(connectionId);
      return untilAborted(shared(connectionId, rejected), signal);
    },
  };
}

const FINAL = new Set(['reauth_required', 'not_connected']);

function notConnected(id: string): PermanentError {
  return new PermanentError(`Connection ${id} does not exist (any more): connect the account, and ask with the new id`, {
    code: 'not_connected',
    details: { connectionId: id },
  });
}

function reauthRequired(account: Account): PermanentError {
  return new PermanentError(reauthMessage(account), { code: 'reauth_required', details: { connectionId: account.id, provider: account.provider } });
}

/** A refresh that is under way is not called off: what the provider has answered by then would be lost. Only its caller leaves. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const left = Promise.withResolvers<never>();
  const leave = (): void => left.reject(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([work, left.promise]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
