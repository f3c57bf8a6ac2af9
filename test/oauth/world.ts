import { randomBytes, randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { createAlerts } from '../../lib/alerts/index.ts';
import { type Clock, systemClock } from '../../lib/clock.ts';
import type { Connection } from '../../lib/db/mail-types.ts';
import type { Db } from '../../lib/db/types.ts';
import { createLogger, type Logger } from '../../lib/log.ts';
import { type AccountsDeps, createAccounts } from '../../lib/oauth/accounts.ts';
import { createOAuthClient } from '../../lib/oauth/client.ts';
import { describeGoogle } from '../../lib/oauth/providers/google.ts';
import { describeMicrosoft } from '../../lib/oauth/providers/microsoft.ts';
import type { Providers } from '../../lib/oauth/providers.ts';
import { type TokenKey, tokenContext, type Vault } from '../../lib/oauth/vault.ts';
import type { Store } from '../../lib/queue/store/types.ts';
import { EMAIL, type StandIn } from './stand-ins.ts';

export const newKey = (id: string): TokenKey => ({ id, key: randomBytes(32).toString('base64') });

/** Everything that is written to the log, at every level, as one text. */
export async function listeningLog(): Promise<{ log: Logger; lines(): Record<string, unknown>[]; text(): string }> {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const log = await createLogger({ level: 'trace', service: 'test', stream });
  const lines = () =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line): Record<string, unknown> => JSON.parse(line));
  return { log, lines, text: () => text };
}

/** Tries follow each other at once. */
export function clientOf(
  { name, client, authUrl, tokenUrl }: Pick<StandIn, 'name' | 'client' | 'authUrl' | 'tokenUrl'>,
  options: { timeoutMs?: number; clock?: Clock } = {},
): Providers {
  const server = { clientId: client.id, clientSecret: client.secret, authUrl, tokenUrl };
  const description = name === 'google' ? describeGoogle(server) : describeMicrosoft({ ...server, tenantId: 'common' });
  return { [name]: createOAuthClient(description, { pause: async () => undefined, ...options }) };
}

/** An account at the stand-in, connected; `goodForMs`: so long our row says that its token is good. */
export async function connectAccount(
  { db, vault, at }: { db: Pick<Db, 'connections'>; vault: Vault; at: StandIn },
  { goodForMs = -1, email = EMAIL }: { goodForMs?: number; email?: string } = {},
): Promise<Connection & { accessToken: string; refreshToken: string }> {
  const { accessToken, refreshToken = '' } = at.issueTokens(email);
  const owner = { userId: randomUUID(), provider: at.name, accountId: at.accountIdOf(email) };
  const connection = await db.connections.save({
    ...owner,
    email,
    scopes: [],
    accessToken: vault.seal(accessToken, tokenContext(owner, 'access')),
    refreshToken: vault.seal(refreshToken, tokenContext(owner, 'refresh')),
    accessExpiresAt: new Date(Date.now() + goodForMs).toISOString(),
  });
  return { ...connection, accessToken, refreshToken };
}

/** The accounts of one process: all that it shares with others are database and store. */
export function processOf(
  shared: { db: Pick<Db, 'alerts' | 'connections'>; store: Store; vault: Vault; at: StandIn; log: Logger },
  options: Partial<AccountsDeps> & { timeoutMs?: number } = {},
) {
  const { timeoutMs, ...deps } = options;
  return createAccounts({
    connections: shared.db.connections,
    vault: shared.vault,
    store: shared.store,
    providers: clientOf(shared.at, timeoutMs === undefined ? {} : { timeoutMs }),
    alerts: createAlerts({ book: shared.db.alerts, poke: () => undefined, targets: [], publicUrl: '', clock: systemClock, log: shared.log }),
    clock: systemClock,
    log: shared.log,
    timing: { pollMs: 5 },
    ...deps,
  });
}
