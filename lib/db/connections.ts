import { z } from 'zod';
import { requireUuid } from './job-rows.ts';
import type { AskedMailbox, Chosen, Connection, ConnectionSecrets, ConnectionsTable, OAuthState, Provider, SealedTokens } from './mail-types.ts';
import { answer, type Client, callJson, parseRow } from './rest.ts';
import { integer, isUuid, jsonText, storableText, timestamp } from './rows.ts';

const provider = z.enum(['google', 'microsoft'] as const satisfies readonly Provider[]);
const text = z.string().nullable();
const time = timestamp.nullable();

const row = z.object({
  id: z.string(),
  user_id: z.string(),
  provider,
  account_id: z.string(),
  email: z.string(),
  scopes: z.array(z.string()).catch([]),
  status: z.enum(['active', 'reauth_required']),
  status_reason: text,
  history_id: text,
  synced_at: time,
  watch_expires_at: time,
  created_at: timestamp,
  updated_at: timestamp,
});
const rowWithTokens = row.extend({ access_token: text, refresh_token: text, access_expires_at: time, token_version: z.int() });

type WithTokens = Connection & { tokens: SealedTokens };

const toConnection = (found: z.infer<typeof row>): Connection => ({
  id: found.id,
  userId: found.user_id,
  provider: found.provider,
  accountId: found.account_id,
  email: found.email,
  scopes: found.scopes,
  status: found.status,
  statusReason: found.status_reason,
  historyId: found.history_id,
  syncedAt: found.synced_at,
  watchExpiresAt: found.watch_expires_at,
  createdAt: found.created_at,
  updatedAt: found.updated_at,
});

function withTokens(found: z.infer<typeof rowWithTokens>): WithTokens {
  const { access_token: accessToken, refresh_token: refreshToken, access_expires_at: accessExpiresAt, token_version: version } = found;
  return { ...toConnection(found), tokens: { accessToken, refreshToken, accessExpiresAt, version } };
}

const asked: z.ZodType<AskedMailbox> = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.enum(['queued', 'waiting']), id: z.string(), outboxId: integer.nullable() }),
  z.object({ outcome: z.enum(['known', 'inactive']) }),
]);

const state = z.object({
  id: z.string(),
  user_id: z.string(),
  provider,
  secrets: z.string(),
  browser: text,
  return_to: text,
  expires_at: timestamp,
});

/** `oauth_connections` without the tokens: as the service role, or as a signed-in user. */
export function createConnectionsTable(client: Client): ConnectionsTable {
  const find = async (filter: Record<string, unknown>) =>
    (await callJson(client, 'find_connections', { p_filter: jsonText(filter) }, z.array(row))).map(toConnection);
  return {
    list: async ({ userId, ...filter }) => (userId === undefined || isUuid(userId) ? find({ userId, ...filter }) : []),
    get: async (id) => (isUuid(id) ? (await find({ id }))[0] : undefined),
  };
}

/** Accounts and their tokens, as the service role. */
export function createConnectionSecrets(client: Client): ConnectionSecrets {
  const changed = async (name: string, args: Record<string, unknown>) => parseRow(z.boolean(), await answer(client.rpc(name, args)), name);
  const tokensOf = async (name: string, args: Record<string, unknown>) => {
    const found = await callJson(client, name, args, rowWithTokens.nullable());
    return found === null ? undefined : withTokens(found);
  };
  const googleAccounts = () => client.from('oauth_connections').select().eq('provider', 'google').eq('status', 'active');
  const connectionsOf = async (query: Parameters<typeof answer>[0]) =>
    parseRow(z.array(row), await answer(query), 'oauth_connections').map(toConnection);

  /** Page by page: what an account allows is told by its scopes, and those that are not wanted come first again and again. */
  async function firstOf(page: (from: number, to: number) => Parameters<typeof answer>[0], { isWanted, limit }: Chosen): Promise<Connection[]> {
    const wanted: Connection[] = [];
    for (let from = 0; ; from += limit) {
      const found = await connectionsOf(page(from, from + limit - 1));
      wanted.push(...found.filter(isWanted));
      if (wanted.length >= limit || found.length < limit) return wanted.slice(0, limit);
    }
  }

  return {
    read: async (id) => (isUuid(id) ? tokensOf('read_connection', { p_id: id }) : undefined),

    async save(connection) {
      const stored = jsonText({ ...connection, userId: requireUuid('userId', connection.userId) });
      return toConnection(await callJson(client, 'save_connection', { p_connection: stored }, row));
    },

    async saveRefreshed(id, version, { accessToken, refreshToken, accessExpiresAt }) {
      const tokens = { p_access: accessToken, p_refresh: refreshToken ?? null, p_expires_at: accessExpiresAt };
      return isUuid(id) && changed('save_refreshed_tokens', { p_id: id, p_version: version, ...tokens });
    },

    async saveResealed(id, old, { accessToken, refreshToken }) {
      const before = { p_old_access: old.accessToken, p_old_refresh: old.refreshToken };
      return isUuid(id) && changed('save_resealed_tokens', { p_id: id, ...before, p_access: accessToken, p_refresh: refreshToken });
    },

    markReauthRequired: async (id, version, reason) =>
      isUuid(id) && changed('mark_reauth_required', { p_id: id, p_version: version, p_reason: storableText(reason) }),

    async remove(id, { userId, keepMessages }) {
      if (!isUuid(id) || (userId !== undefined && !isUuid(userId))) return undefined;
      return tokensOf('remove_connection', { p_id: id, p_user_id: userId ?? null, p_keep_messages: keepMessages });
    },

    async page({ after, limit }) {
      const query = client.from('oauth_connections').select().order('id').limit(limit);
      const rows = await answer(after === undefined ? query : query.gt('id', requireUuid('after', after)));
      return parseRow(z.array(rowWithTokens), rows, 'oauth_connections').map(withTokens);
    },

    async setWatch(id, expiresAt) {
      if (isUuid(id)) await answer(client.from('oauth_connections').update({ watch_expires_at: expiresAt }).eq('id', id));
    },

    async askForMailbox(id, trigger, historyId) {
      if (!isUuid(id)) return { outcome: 'inactive' };
      return callJson(client, 'ask_for_mailbox', { p_connection_id: id, p_trigger: trigger, p_history_id: historyId ?? null }, asked);
    },

    watchesEndingBefore(time, chosen) {
      const ending = () => googleAccounts().or(`watch_expires_at.is.null,watch_expires_at.lt."${isoTime(time)}"`);
      return firstOf((from, to) => ending().order('watch_expires_at', { nullsFirst: true }).order('id').range(from, to), chosen);
    },

    notSyncedSince(time, chosen) {
      const late = () => googleAccounts().or(`synced_at.is.null,synced_at.lt."${isoTime(time)}"`);
      return firstOf((from, to) => late().order('synced_at', { nullsFirst: true }).order('id').range(from, to), chosen);
    },

    async saveState(saved) {
      await answer(client.from('oauth_states').insert(stateRow(saved)));
    },

    async takeState(id) {
      const found = await callJson(client, 'take_oauth_state', { p_id: id }, state.nullable());
      if (found === null) return undefined;
      const { user_id: userId, return_to: returnTo, expires_at: expiresAt, ...rest } = found;
      return { ...rest, userId, returnTo, expiresAt };
    },
  };
}

const isoTime = (time: string): string => new Date(time).toISOString();

const stateRow = ({ id, userId, provider, secrets, browser, returnTo, expiresAt }: OAuthState) => ({
  id,
  user_id: requireUuid('userId', userId),
  provider,
  secrets,
  browser,
  return_to: returnTo === null ? null : storableText(returnTo),
  expires_at: expiresAt,
});
