import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection, MailboxRun, MailMessage } from '../../lib/db/mail-types.ts';
import { migrate } from '../../lib/db/migrate.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { signUp, type TestUser } from '../support/users.ts';
import { cachedOf, fetching, newConnection, newMessage, newState } from './mail-samples.ts';
import { type World, worlds } from './worlds.ts';

const TABLES = ['oauth_connections', 'oauth_states', 'message_cache'];
const SEALED = 'sealed access of Ann';

describe.each(worlds)('row-level security of mail on %s', (_, start) => {
  let world: World;
  let ann: TestUser;
  let bob: TestUser;
  let connection: Connection;
  let run: MailboxRun;
  const message: MailMessage = newMessage({ subject: 'Ann’s mail' });
  beforeAll(async () => {
    world = await start();
    [ann, bob] = [await signUp(world), await signUp(world)];
    ({ connection, run } = await fetching(world.db, { userId: ann.id, accessToken: SEALED }));
    await world.db.mailboxes.store(run, [message]);
    await world.db.connections.saveState(newState({ userId: ann.id }));
  });
  afterAll(() => world.stop());

  /** supabase-js as an app's browser code has it; without a user nobody has signed in. */
  const browser = (user?: TestUser): SupabaseClient =>
    createClient(world.url, world.publishableKey, {
      ...(world.fetch ? { global: { fetch: world.fetch } } : {}),
      ...(user ? { accessToken: async () => user.jwt } : { auth: { persistSession: false } }),
    });
  const of = (user: TestUser) => world.db.forUser(user.jwt);

  it('shows a user the own accounts, without their tokens, and nothing of others', async () => {
    expect(await of(ann).connections.list({})).toEqual([await world.db.connections.get(connection.id)]);
    expect(await of(ann).connections.get(connection.id)).toEqual(await world.db.connections.get(connection.id));
    expect(await of(bob).connections.list({})).toEqual([]);
    expect(await of(bob).connections.list({ userId: ann.id, email: connection.email })).toEqual([]);
    expect(await of(bob).connections.get(connection.id)).toBeUndefined();
  });

  it('shows a user the own messages, and nothing of others', async () => {
    expect((await of(ann).messages.list({ limit: 9 })).items.map(({ id }) => id)).toEqual([message.id]);
    expect(await of(ann).messages.get(message.id)).toMatchObject(message);
    expect((await of(ann).messages.list({ limit: 9, search: 'lunch' })).items).toHaveLength(1);
    for (const userId of [ann.id, undefined]) {
      expect((await of(bob).messages.list({ limit: 9, ...(userId ? { userId } : {}) })).items).toEqual([]);
      expect(await of(bob).messages.get(message.id, userId)).toBeUndefined();
    }
    const { data } = await browser(ann).from('message_cache').select('message_id, subject');
    expect(data).toEqual([{ message_id: message.id, subject: 'Ann’s mail' }]);
    expect((await browser(bob).from('message_cache').select()).data).toEqual([]);
  });

  it('shows tokens to nobody, whatever the server in front of the database has granted', async () => {
    for (const client of [browser(ann), browser(bob), browser()]) {
      for (const columns of ['access_token', 'refresh_token', '*', 'id, access_token']) {
        const { data } = await client.from('oauth_connections').select(columns);
        expect(JSON.stringify(data ?? [])).toBe('[]');
      }
      expect((await client.from('oauth_states').select()).data ?? []).toEqual([]);
      for (const table of TABLES) expect(JSON.stringify((await client.from(table).select()).data)).not.toContain('sealed');
    }
    expect(JSON.stringify(await of(ann).connections.list({}))).not.toContain('sealed');
  });

  it('shows nothing to somebody who has not signed in', async () => {
    for (const table of TABLES) expect((await browser().from(table).select()).data ?? []).toEqual([]);
    for (const [name, args] of Object.entries({ find_messages: { p_filter: '{}', p_limit: 9 }, find_connections: { p_filter: '{}' } }))
      expect([name, (await browser().rpc(name, args)).error?.code]).toEqual([name, '42501']);
  });

  it('lets a user write no row', async () => {
    const client = browser(ann);
    const before = [await world.db.connections.read(connection.id), await cachedOf(world.db, ann.id)];
    const { id: _id, ...values } = newState();
    const rows: Record<string, object> = {
      oauth_connections: { user_id: ann.id, provider: 'google', account_id: 'x', email: 'x' },
      oauth_states: { id: 'x', user_id: ann.id, provider: 'google', secrets: 'x', expires_at: values.expiresAt },
      message_cache: { user_id: ann.id, message_id: 'x' },
    };
    for (const table of TABLES) {
      expect((await client.from(table).insert(rows[table] ?? {})).error).not.toBeNull();
      await client.from(table).update({ created_at: '2020-01-01T00:00:00Z' }).eq('user_id', ann.id);
      await client.from(table).delete().eq('user_id', ann.id);
    }
    expect([await world.db.connections.read(connection.id), await cachedOf(world.db, ann.id)]).toEqual(before);
  });

  it('refuses a user what belongs to the service', async () => {
    const ids = { p_job_id: run.jobId, p_run_id: run.runId, p_connection_id: connection.id };
    const calls: Record<string, Record<string, unknown>> = {
      read_connection: { p_id: connection.id },
      save_connection: { p_connection: JSON.stringify(newConnection({ userId: ann.id })) },
      save_refreshed_tokens: { p_id: connection.id, p_version: 1, p_access: 'x', p_refresh: 'x', p_expires_at: '2026-01-01' },
      save_resealed_tokens: { p_id: connection.id, p_old_access: SEALED, p_old_refresh: 'sealed refresh 1', p_access: 'x', p_refresh: 'x' },
      mark_reauth_required: { p_id: connection.id, p_version: 1, p_reason: 'x' },
      take_oauth_state: { p_id: 'x' },
      remove_connection: { p_id: connection.id, p_user_id: ann.id, p_keep_messages: true },
      cached_messages: { p_user_id: ann.id, p_ids: '[]' },
      hivepulse_holds_mailbox: ids,
      store_messages: { ...ids, p_messages: '[]' },
      record_mailbox: { ...ids, p_changes: '{}' },
      ask_for_mailbox: { p_connection_id: connection.id, p_trigger: 'push' },
      replay_failed_jobs: { p_replay: randomUUID(), p_filter: '{}', p_by: 'x', p_limit: 1 },
      hivepulse_replay_page: { p_replay: randomUUID(), p_filter: '{}', p_by: 'x', p_limit: 1 },
    };
    for (const client of [browser(ann), browser()])
      for (const [name, args] of Object.entries(calls)) expect([name, (await client.rpc(name, args)).error?.code]).toEqual([name, '42501']);
    expect(await world.db.connections.read(connection.id)).toMatchObject({ status: 'active', tokens: { accessToken: SEALED, version: 1 } });
  });
});

describe('where rights hold as the migrations give them, as on hosted Supabase', () => {
  const ann = randomUUID();
  let server: PostgresServer;
  let sql: Sql;
  beforeAll(async () => {
    server = await startPostgres();
    // Not one that @supabase/lite has been at.
    await migrate({ databaseUrl: server.url });
    sql = postgres(server.url, { max: 2, onnotice: () => {} });
    for (const userId of [ann, randomUUID()]) await sql`select save_connection(${JSON.stringify(newConnection({ userId }))})`;
  });
  afterAll(async () => {
    await sql.end();
    await server.stop();
  });

  /** As PostgREST does. */
  const as = (role: string, statement: string) =>
    sql.begin(async (session) => {
      const claims = JSON.stringify({ sub: ann, role });
      await session`select set_config('request.jwt.claims', ${claims}, true), set_config('role', ${role}, true)`;
      return [...(await session.unsafe(statement))];
    });

  it('users read their own accounts from the table, and are refused the tokens', async () => {
    await expect(as('authenticated', 'select user_id, email, status from oauth_connections')).resolves.toEqual([
      { user_id: ann, email: 'Ann@Example.com', status: 'active' },
    ]);
    for (const columns of ['access_token', 'refresh_token', 'token_version', '*'])
      await expect(as('authenticated', `select ${columns} from oauth_connections`)).rejects.toMatchObject({ code: '42501' });
    await expect(as('authenticated', `select id from oauth_connections where access_token like 's%'`)).rejects.toMatchObject({ code: '42501' });
    await expect(as('authenticated', `select jsonb_array_length(find_connections('{}')) as n`)).resolves.toEqual([{ n: 1 }]);
    await expect(as('anon', 'select id from oauth_connections')).rejects.toMatchObject({ code: '42501' });
  });

  it.each(['authenticated', 'anon'])('%s may call neither replay nor its pages', async (role) => {
    for (const name of ['replay_failed_jobs', 'hivepulse_replay_page'])
      await expect(as(role, `select ${name}(gen_random_uuid(), '{}', 'x', 1)`)).rejects.toMatchObject({ code: '42501' });
  });

  it('the service may call both', async () => {
    for (const name of ['replay_failed_jobs', 'hivepulse_replay_page'])
      await expect(as('service_role', `select ${name}(gen_random_uuid(), '{}', 'x', 1)`)).resolves.toHaveLength(1);
  });
});
