import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Db } from '../../lib/db/types.ts';
import { rotateKeys } from '../../lib/oauth/rotate.ts';
import { createVault, tokenContext, type Vault } from '../../lib/oauth/vault.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';
import { newKey } from './world.ts';

const [old, current, lost] = [newKey('old'), newKey('new'), newKey('lost')];
const before = createVault([old]);
const both = createVault([current, old]);
const foreign = createVault([lost]);

let server: EmbeddedTestDb;
let connections: Db['connections'];
beforeAll(async () => {
  server = await startEmbeddedDb();
  connections = server.db.connections;
}, 60_000);
afterAll(() => server.stop());
beforeEach(async () => {
  for (const { id } of await connections.list({})) await connections.remove(id, { keepMessages: false });
});

async function account(access: Vault, refresh: Vault | null = access): Promise<string> {
  const owner = { userId: randomUUID(), provider: 'google' as const, accountId: randomUUID() };
  const { id } = await connections.save({
    ...owner,
    email: 'ann@example.com',
    scopes: [],
    accessToken: access.seal('access', tokenContext(owner, 'access')),
    ...(refresh ? { refreshToken: refresh.seal('refresh', tokenContext(owner, 'refresh')) } : {}),
    accessExpiresAt: new Date().toISOString(),
  });
  return id;
}

/** Key ids and texts of both tokens, as `vault` reads them. */
async function tokensOf(id: string, vault: Vault = createVault([current])) {
  const found = (await connections.read(id)) ?? expect.fail('no account');
  const read = (sealed: string | null, token: 'access' | 'refresh') => sealed && vault.open(sealed, tokenContext(found, token));
  return [read(found.tokens.accessToken, 'access'), read(found.tokens.refreshToken, 'refresh')];
}

describe('rotating keys', () => {
  it('brings all accounts over, page by page, and once', async () => {
    const ids = [];
    for (let index = 0; index < 5; index += 1) ids.push(await account(before));
    ids.push(await account(before, null), await account(both), await account(both, before));
    const rotation = { currentKeyId: 'new', resealed: 7, current: 1, failed: [], oldKeyIds: ['old'] };
    expect(await rotateKeys({ connections, vault: both, pageSize: 2 })).toEqual(rotation);
    for (const id of ids) expect(await tokensOf(id)).toEqual(['access', id === ids[5] ? null : 'refresh']);
    expect(await rotateKeys({ connections, vault: both, pageSize: 8 })).toEqual({ ...rotation, resealed: 0, current: 8 });
  });

  it('leaves what it cannot open as it is, and names it', async () => {
    const [unknown, half, good] = [await account(foreign), await account(before, foreign), await account(before)];
    const damaged = await account(before);
    const { tokens } = (await connections.read(damaged)) ?? expect.fail('no account');
    const broken = { accessToken: tokens.accessToken, refreshToken: tokens.refreshToken?.slice(0, -6) ?? null };
    await connections.saveResealed(damaged, tokens, broken);
    const rotation = await rotateKeys({ connections, vault: both });
    expect(rotation).toMatchObject({ resealed: 1, current: 0 });
    const failed = [
      { connectionId: unknown, keyId: 'lost', code: 'unknown_token_key' },
      { connectionId: half, keyId: 'lost', code: 'unknown_token_key' },
      { connectionId: damaged, keyId: null, code: 'token_damaged' },
    ];
    expect(rotation.failed).toHaveLength(3);
    expect(rotation.failed).toEqual(expect.arrayContaining(failed));
    expect(await tokensOf(good)).toEqual(['access', 'refresh']);
    expect(await tokensOf(unknown, foreign)).toEqual(['access', 'refresh']);
    expect(await tokensOf(half, createVault([current, lost]))).toEqual(['access', 'refresh']);
    expect((await connections.read(damaged))?.tokens.refreshToken).toBe(broken.refreshToken);
  });

  it('does not undo a refresh that comes in between', async () => {
    const id = await account(before);
    let refreshed = false;
    const busy: Db['connections'] = {
      ...connections,
      async saveResealed(...args) {
        if (!refreshed) {
          refreshed = true;
          const owner = (await connections.read(id)) ?? expect.fail('no account');
          // By a process that has the old key in front yet.
          await connections.saveRefreshed(id, 1, {
            accessToken: before.seal('refreshed', tokenContext(owner, 'access')),
            accessExpiresAt: new Date().toISOString(),
          });
        }
        return connections.saveResealed(...args);
      },
    };
    expect(await rotateKeys({ connections: busy, vault: both })).toMatchObject({ resealed: 1, current: 0, failed: [] });
    expect(await tokensOf(id)).toEqual(['refreshed', 'refresh']);
    expect((await connections.read(id))?.tokens.version).toBe(2);
  });

  it('finds accounts that were sealed under the old key while it ran', async () => {
    await account(before);
    let late: string | undefined;
    const busy: Db['connections'] = {
      ...connections,
      async page(options) {
        const page = await connections.page(options);
        late ??= await account(before);
        return page;
      },
    };
    expect(await rotateKeys({ connections: busy, vault: both })).toMatchObject({ resealed: 2, current: 0, failed: [] });
    expect(await tokensOf(late ?? '')).toEqual(['access', 'refresh']);
  });

  it('passes over accounts that are disconnected meanwhile', async () => {
    const id = await account(before);
    const busy: Db['connections'] = {
      ...connections,
      async saveResealed(...args) {
        await connections.remove(id, { keepMessages: false });
        return connections.saveResealed(...args);
      },
    };
    expect(await rotateKeys({ connections: busy, vault: both })).toMatchObject({ resealed: 0, current: 0, failed: [] });
  });

  it('needs a key', async () => {
    await expect(rotateKeys({ connections, vault: createVault([]) })).rejects.toMatchObject({ code: 'token_key_missing' });
  });
});
