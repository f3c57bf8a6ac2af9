import { randomBytes } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../lib/config.ts';

/** The keys of the configuration; embedded without any, one that is made once and kept in the data folder, readable by its owner only. */
export async function keepApiKey({ api, mode }: Config): Promise<readonly string[]> {
  if (api.apiKeys.length > 0 || mode.kind !== 'embedded') return api.apiKeys;
  if (mode.dataDir === ':memory:') return [newKey()];
  const file = join(mode.dataDir, 'api-key');
  const kept = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (kept) return [kept];
  const key = newKey();
  await writeFile(file, `${key}\n`, { mode: 0o600 });
  await chmod(file, 0o600);
  return [key];
}

function newKey(): string {
  return `hp_${randomBytes(24).toString('base64url')}`;
}
