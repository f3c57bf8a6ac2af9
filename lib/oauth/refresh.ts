/**
 * One refresh at a time per account and token version, over all processes: the store's single flight elects who asks the provider; the rest wait
 * and read the row again. The leader publishes a word, never a token. One who dies is followed by another when the lease is over.
 */
import { randomUUID } from 'node:crypto';
import type { Alerts } from '../alerts/contract.ts';
import { type Clock, SECOND } from '../clock.ts';
import type { ConnectionSecrets } from '../db/mail-types.ts';
import { UnavailableError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../queue/store/types.ts';
import type { Account } from './account.ts';
import { REFRESH_WITHIN_MS, type Tokens } from './client.ts';
import { toUnavailable } from './failure.ts';
import { type Providers, providerOf } from './providers.ts';
import { tokenContext, type Vault } from './vault.ts';

export interface RefreshTiming {
  /** A leader that has not said anything by then is taken for dead. Longer than a refresh with its database calls. */
  leaseMs: number;
  /** Between two questions whether the leader is done. */
  pollMs: number;
  /** Longest wait for others. */
  waitMs: number;
  /** A failure holds for so long for those who wait: a failing provider is not asked by each of them in turn. */
  failureMs: number;
}

export interface RefreshDeps {
  connections: Pick<ConnectionSecrets, 'read' | 'saveRefreshed' | 'markReauthRequired'>;
  vault: Vault;
  store: Pick<Store, 'lead' | 'publish'>;
  providers: Providers;
  alerts: Pick<Alerts, 'stored'>;
  clock: Clock;
  log: Logger;
  pause: (ms: number) => Promise<unknown>;
  timing?: Partial<RefreshTiming>;
  hasGoodToken(account: Account, rejected: string | undefined): boolean;
}

const TIMING: RefreshTiming = { leaseMs: REFRESH_WITHIN_MS + 20 * SECOND, pollMs: 100, waitMs: 60 * SECOND, failureMs: 2 * SECOND };
/** The row tells by then; the word only spares the late a turn. */
const DONE_MS = 10 * SECOND;
const DONE = 'done';

/** Resolves when the row is worth another look: refreshed, marked, or changed by others. Rejects with `UnavailableError`. */
export function createRefresh(deps: RefreshDeps): (account: Account, rejected: string | undefined) => Promise<void> {
  const { connections, vault, store, providers, alerts, clock, log, pause } = deps;
  const timing = { ...TIMING, ...deps.timing };

  async function refresh(account: Account, rejected: string | undefined): Promise<void> {
    const key = `oauth:${account.id}:${account.tokens.version}`;
    const holder = randomUUID();
    const end = clock.monotonic() + timing.waitMs;
    for (;;) {
      const flight = await store.lead(key, holder, timing.leaseMs);
      if (flight.role === 'leader') return lead(account, rejected, { key, holder });
      if (flight.role === 'follower') return follow(account, flight.value);
      if (clock.monotonic() >= end) throw failedElsewhere(account, 'refresh_slow');
      await pause(timing.pollMs);
    }
  }

  async function lead(account: Account, rejected: string | undefined, { key, holder }: { key: string; holder: string }): Promise<void> {
    /** Where it cannot be said, the lease runs out. */
    const say = (word: string, ms: number) => store.publish(key, holder, word, ms).catch(() => false);
    try {
      await settle(account, rejected);
      await say(DONE, DONE_MS);
    } catch (error) {
      const failure = toUnavailable(error);
      log.warn({ event: 'oauth.refresh_failed', connectionId: account.id, provider: account.provider, code: failure.code }, failure.message);
      await say(failure.code, timing.failureMs);
      throw failure;
    }
  }

  async function settle({ id, tokens: { version } }: Account, rejected: string | undefined): Promise<void> {
    // Between reading the row and leading, another may have led.
    const account = await connections.read(id);
    if (account === undefined || account.status !== 'active' || account.tokens.version !== version || deps.hasGoodToken(account, rejected)) return;
    const { refreshToken } = account.tokens;
    if (refreshToken === null) return mark(account, 'no_refresh_token');
    const answer = await providerOf(providers, account.provider).refresh(vault.open(refreshToken, tokenContext(account, 'refresh')));
    if (answer.kind === 'failed') throw answer.error;
    if (answer.kind === 'refused') return mark(account, answer.reason);
    await save(account, answer.tokens);
  }

  async function save(account: Account, { accessToken, refreshToken, accessExpiresAt }: Tokens): Promise<void> {
    const { id, provider, tokens } = account;
    const saved = await connections.saveRefreshed(id, tokens.version, {
      accessToken: vault.seal(accessToken, tokenContext(account, 'access')),
      ...(refreshToken === undefined ? {} : { refreshToken: vault.seal(refreshToken, tokenContext(account, 'refresh')) }),
      accessExpiresAt,
    });
    log.info({ event: 'oauth.refreshed', connectionId: id, provider, saved }, 'token refreshed');
  }

  async function mark(account: Account, reason: string): Promise<void> {
    const { id, userId, provider, email, tokens } = account;
    // False: these tokens are not the account's any more, or somebody else has told. The alert is stored with the mark.
    if (!(await connections.markReauthRequired(id, tokens.version, reason))) return;
    const domain = email.split('@').at(-1) ?? '';
    alerts.stored([{ kind: 'reauth_required', phase: 'firing', details: { connectionId: id, userId, provider, domain, reason } }]);
  }

  function follow(account: Account, word: string): void {
    if (word !== DONE) throw failedElsewhere(account, word);
  }

  return refresh;
}

function failedElsewhere({ id }: Account, code: string): UnavailableError {
  return new UnavailableError(`The token of connection ${id} could not be refreshed a moment ago (${code})`, { code, details: { connectionId: id } });
}
