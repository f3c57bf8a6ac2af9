import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Environment } from '../lib/config/environment.ts';
import { type Config, loadConfig } from '../lib/config.ts';
import { PermanentError } from '../lib/errors.ts';
import { type Rotation, rotateKeys } from '../lib/oauth/rotate.ts';
import { createVault } from '../lib/oauth/vault.ts';
import { openDatabase } from '../start/connections.ts';
import { withTokenKeys } from '../start/keys.ts';

/**
 * Brings all tokens of the database that `env` names under the current key. Throws `ConfigError`, and `PermanentError`: `token_key_missing`,
 * `data_dir_locked` (embedded, and running), `no_data_dir`.
 */
export async function rotate(env: Environment): Promise<Rotation> {
  const config = loadConfig(env, { role: 'start' });
  const { mode } = config;
  return mode.kind === 'embedded' ? rotateEmbedded(config, mode.dataDir) : rotateServices(config, mode);
}

async function rotateServices(config: Config, { database }: Extract<Config['mode'], { kind: 'services' }>): Promise<Rotation> {
  const vault = createVault(config.tokenKeys);
  const db = await openDatabase(config, database);
  try {
    return await rotateKeys({ connections: db.connections, vault });
  } finally {
    await db.close();
  }
}

async function rotateEmbedded(config: Config, dataDir: string): Promise<Rotation> {
  if (dataDir === ':memory:' || !existsSync(resolve(dataDir))) {
    throw new PermanentError(`There is no data folder ${dataDir}, so no tokens either. Elsewhere: set HIVEPULSE_DATA_DIR, or name the services`, {
      code: 'no_data_dir',
    });
  }
  const [{ openEmbedded }, { lockDataDir }] = await Promise.all([import('../lib/db/embedded.ts'), import('../lib/db/lock.ts')]);
  const lock = lockDataDir(dataDir, 'hivepulse rotate-keys');
  try {
    const { tokenKeys } = await withTokenKeys(config);
    // The queues in the folder hold no tokens.
    const { db } = await openEmbedded({ dataDir: join(dataDir, 'database') });
    return await rotateKeys({ connections: db.connections, vault: createVault(tokenKeys) }).finally(() => db.close());
  } finally {
    lock.release();
  }
}
