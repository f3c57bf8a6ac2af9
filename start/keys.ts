import { randomBytes } from 'node:crypto';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../lib/config.ts';
import { PermanentError } from '../lib/errors.ts';
import type { TokenKey } from '../lib/oauth/vault.ts';

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

const TOKEN_KEY_FILE = 'token-key';

/**
 * The configuration with the keys that seal tokens. Embedded without `TOKEN_ENCRYPTION_KEY`, one is made once and kept in the data folder, readable by
 * its owner only, in the form of that variable. Where it was kept and the variable is set later, it still opens what it has sealed: `hivepulse
 * rotate-keys` brings that over. Throws `PermanentError` `token_key_invalid` for a file that holds none.
 */
export async function withTokenKeys(config: Config): Promise<Config> {
  const { mode, tokenKeys } = config;
  if (mode.kind !== 'embedded') return config;
  if (mode.dataDir === ':memory:') return { ...config, tokenKeys: tokenKeys.length > 0 ? tokenKeys : [newTokenKey()] };
  const kept = await keptTokenKey(join(mode.dataDir, TOKEN_KEY_FILE));
  if (kept) return { ...config, tokenKeys: [...tokenKeys, ...(tokenKeys.some(({ id }) => id === kept.id) ? [] : [kept])] };
  if (tokenKeys.length > 0) return config;
  const key = newTokenKey();
  await keep(join(mode.dataDir, TOKEN_KEY_FILE), `${key.id}:${key.key}\n`);
  return { ...config, tokenKeys: [key] };
}

async function keptTokenKey(file: string): Promise<TokenKey | undefined> {
  const written = (await readFile(file, 'utf8').catch(ifMissing)).trim();
  if (written === '') return undefined;
  const [, id, key] = /^([A-Za-z0-9_-]+):([A-Za-z0-9+/]{43}=)$/.exec(written) ?? [];
  if (id !== undefined && key !== undefined) return { id, key };
  throw new PermanentError(
    `${file} holds no key: put back the one that was there, or remove the file (connected accounts must then be connected again)`,
    {
      code: 'token_key_invalid',
    },
  );
}

/** Any other trouble must not end in a new key: what the old one has sealed would be lost. */
function ifMissing(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
  throw error;
}

function newTokenKey(): TokenKey {
  return { id: `kept-${randomBytes(4).toString('hex')}`, key: randomBytes(32).toString('base64') };
}

/** Whole or not at all. */
async function keep(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600, flush: true });
  await chmod(`${file}.new`, 0o600);
  await rename(`${file}.new`, file);
}
