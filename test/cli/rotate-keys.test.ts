import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examineKeys } from '../../cli/doctor/keys.ts';
import { loadConfig } from '../../lib/config.ts';
import { lockDataDir } from '../../lib/db/lock.ts';
import type { Db } from '../../lib/db/types.ts';
import { createVault, type TokenKey, tokenContext } from '../../lib/oauth/vault.ts';
import { withTokenKeys } from '../../start/keys.ts';
import { type World, worlds } from '../db/worlds.ts';
import { newKey } from '../oauth/world.ts';
import { startEmbeddedDb } from '../support/pglite.ts';
import { typeCli } from './support.ts';

const [old, current] = [newKey('old'), newKey('new')];
const written = (...keys: readonly TokenKey[]) => keys.map(({ id, key }) => `${id}:${key}`).join(',');

async function account({ connections }: Pick<Db, 'connections'>, key: TokenKey): Promise<string> {
  const vault = createVault([key]);
  const owner = { userId: randomUUID(), provider: 'google' as const, accountId: randomUUID() };
  const accessToken = vault.seal('access', tokenContext(owner, 'access'));
  const refreshToken = vault.seal('refresh', tokenContext(owner, 'refresh'));
  const accessExpiresAt = new Date().toISOString();
  return (await connections.save({ ...owner, email: 'ann@example.com', scopes: [], accessToken, refreshToken, accessExpiresAt })).id;
}

describe('rotate-keys, where services are named', () => {
  let world: World;
  let env: Record<string, string>;
  beforeAll(async () => {
    world = await (worlds[1]?.[1] ?? expect.fail('no world over HTTP'))();
    // The queue is not asked for anything.
    env = { REDIS_URL: 'redis://127.0.0.1:1', SUPABASE_URL: world.url, SUPABASE_SERVICE_ROLE_KEY: world.serviceKey };
  }, 60_000);
  afterAll(() => world?.stop());

  it('brings tokens under the first key, and says when the others may go', async () => {
    await account(world.db, old);
    await account(world.db, current);
    const { code, out, err } = await typeCli(['rotate-keys'], { ...env, TOKEN_ENCRYPTION_KEY: written(current, old) });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('Under the key new: 1 account brought over now, 1 account before.');
    expect(out).toContain('old may be dropped from TOKEN_ENCRYPTION_KEY once every process has new in front');
    const again = await typeCli(['rotate-keys', '--json'], { ...env, TOKEN_ENCRYPTION_KEY: written(current) });
    expect(JSON.parse(again.out)).toEqual({ ok: true, currentKeyId: 'new', resealed: 0, current: 2, failed: [], oldKeyIds: [] });
  });

  it('names what it could not open, and ends with 1', async () => {
    const lost = await account(world.db, newKey('lost'));
    const { code, out } = await typeCli(['rotate-keys'], { ...env, TOKEN_ENCRYPTION_KEY: written(current, old) });
    expect(code).toBe(1);
    expect(out).toMatch(new RegExp(`${lost} +needs the key lost +unknown_token_key`));
    expect(out).toContain('Keep all keys.');
    const json = await typeCli(['rotate-keys', '--json'], { ...env, TOKEN_ENCRYPTION_KEY: written(current, old) });
    expect(JSON.parse(json.out)).toMatchObject({ ok: false, failed: [{ connectionId: lost, keyId: 'lost' }] });
  });

  it('says what to set where there is no key, and shows none', async () => {
    expect(await typeCli(['rotate-keys'], env)).toMatchObject({ code: 1, err: expect.stringContaining('set TOKEN_ENCRYPTION_KEY') });
    const wrong = await typeCli(['rotate-keys'], { ...env, TOKEN_ENCRYPTION_KEY: `new:${current.key}x,old` });
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('TOKEN_ENCRYPTION_KEY must be') });
    expect(wrong.err).not.toContain(current.key);
  });
});

it('doctor misses a key where accounts are to be connected, and shows the ids of those that are there', () => {
  const services = {
    REDIS_URL: 'redis://127.0.0.1:1',
    SUPABASE_URL: 'http://127.0.0.1:1',
    SUPABASE_SERVICE_ROLE_KEY: 'sb_secret_x',
    AI_PROVIDER: 'local',
  };
  const google = { GOOGLE_CLIENT_ID: 'id', GOOGLE_CLIENT_SECRET: 'secret' };
  const found = (env: Record<string, string>) =>
    examineKeys(loadConfig({ ...services, ...env }, { role: 'start' }), Date.now()).map(({ message }) => message);
  const missing = 'TOKEN_ENCRYPTION_KEY is not set: no account can be connected';
  expect(found(google)).toContain(missing);
  expect(found({})).not.toContain(missing);
  const told = found({ ...google, TOKEN_ENCRYPTION_KEY: written(current, old) });
  expect(told).toContain('of stored tokens: new, old');
  expect(told.join()).not.toContain(current.key);
});

describe('rotate-keys, embedded', () => {
  let folder: string;
  let dataDir: string;
  let env: Record<string, string>;
  /** The data of the folder, as a running Hivepulse has it. */
  async function opened() {
    const lock = lockDataDir(dataDir);
    const { db, stop } = await startEmbeddedDb({ dataDir: join(dataDir, 'database') });
    return { db, stop: () => stop().finally(lock.release) };
  }
  const keysOf = async (more: Record<string, string> = {}) => (await withTokenKeys(loadConfig({ ...env, ...more }, { role: 'start' }))).tokenKeys;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hivepulse-rotate-'));
    dataDir = join(folder, 'data');
    env = { HIVEPULSE_DATA_DIR: dataDir };
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('has nothing to do where no folder is yet, and makes none', async () => {
    expect(await typeCli(['rotate-keys'], env)).toMatchObject({ code: 1, err: expect.stringContaining('There is no data folder') });
    expect(await readdir(folder)).toEqual([]);
  });

  it('waits for Hivepulse to be stopped, then moves tokens from the kept key to that of the environment', async () => {
    const { db, stop } = await opened();
    const [kept = expect.fail('no key')] = await keysOf();
    const id = await account(db, kept);
    const more = { TOKEN_ENCRYPTION_KEY: written(current) };
    expect(await typeCli(['rotate-keys'], { ...env, ...more })).toMatchObject({ code: 1, err: expect.stringContaining('Stop it first') });
    await stop();

    expect(JSON.parse((await typeCli(['rotate-keys', '--json'], env)).out)).toMatchObject({ ok: true, current: 1, oldKeyIds: [] });
    const moved = await typeCli(['rotate-keys', '--json'], { ...env, ...more });
    expect(JSON.parse(moved.out)).toMatchObject({ ok: true, currentKeyId: 'new', resealed: 1, oldKeyIds: [kept.id] });
    const after = await opened();
    const tokens = (await after.db.connections.read(id))?.tokens;
    await after.stop();
    expect(tokens?.refreshToken).toMatch(/^v1\.new\./);
  });

  it('keeps one key in the folder, for its owner alone, and in the form of the variable', async () => {
    const file = join(dataDir, 'token-key');
    const [kept = expect.fail('no key'), ...more] = await keysOf();
    expect(more).toEqual([]);
    expect(await keysOf()).toEqual([kept]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readFile(file, 'utf8')).trim()).toBe(written(kept));
    expect(loadConfig({ TOKEN_ENCRYPTION_KEY: written(kept) }, { role: 'start' }).tokenKeys).toEqual([kept]);
    // With one of one's own, it opens what it has sealed, and no more.
    expect(await keysOf({ TOKEN_ENCRYPTION_KEY: written(current) })).toEqual([current, kept]);
    await writeFile(file, 'half a k');
    await expect(keysOf()).rejects.toMatchObject({ code: 'token_key_invalid', message: expect.stringContaining(file) });
    expect(await readFile(file, 'utf8')).toBe('half a k');
  });

  it('makes a key for each run where nothing is kept', async () => {
    const memory = { HIVEPULSE_DATA_DIR: ':memory:' };
    const [one, other] = [await keysOf(memory), await keysOf(memory)];
    expect(one).toHaveLength(1);
    expect(one).not.toEqual(other);
  });
});
