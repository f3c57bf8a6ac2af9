import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../lib/config.ts';
import { createStorage } from '../../start/storage.ts';
import { createTemporary } from '../../start/temporary.ts';

const supabase = { REDIS_URL: 'redis://localhost', SUPABASE_URL: 'https://abc.supabase.co', SUPABASE_SERVICE_ROLE_KEY: 'k' };
const lite = { REDIS_URL: 'redis://localhost', DATABASE_URL: 'postgresql://localhost/app' };
const load = (env: Record<string, string>) => loadConfig(env, { role: 'start' });

describe('where files are kept', () => {
  it.each([
    ['embedded', {}, { kind: 'folder', folder: '.hivepulse/files' }],
    ['embedded, elsewhere', { HIVEPULSE_DATA_DIR: '/data' }, { kind: 'folder', folder: '/data/files' }],
    ['embedded, in memory', { HIVEPULSE_DATA_DIR: ':memory:' }, { kind: 'temporary' }],
    ['a Supabase project', supabase, { kind: 'supabase', bucket: 'hivepulse' }],
    ['another bucket', { ...supabase, STORAGE_BUCKET: 'deal-room' }, { kind: 'supabase', bucket: 'deal-room' }],
    ['a folder beside a Supabase project', { ...supabase, STORAGE_DIR: '/files' }, { kind: 'folder', folder: '/files' }],
    ['a database alone', lite, { kind: 'folder', folder: '.hivepulse/files' }],
    ['a database alone, and no data folder', { ...lite, HIVEPULSE_DATA_DIR: ':memory:' }, { kind: 'folder', folder: '.hivepulse/files' }],
    ['a folder named', { ...lite, STORAGE_DIR: '/files' }, { kind: 'folder', folder: '/files' }],
  ])('%s', (_, env: Record<string, string>, storage) => {
    expect(load(env).storage).toEqual(storage);
  });

  it('names what is no bucket and no size', () => {
    expect(() => load({ ...supabase, STORAGE_BUCKET: 'Deal Room' })).toThrow(/STORAGE_BUCKET must be lower-case/);
    expect(() => load({ DOCUMENT_LIMIT_BYTES: '100 MB' })).toThrow(/DOCUMENT_LIMIT_BYTES must be a whole number/);
  });

  it('a temporary folder is made when it is needed, and goes with the connections', async () => {
    const temporary = createTemporary();
    const storage = createStorage(load({ HIVEPULSE_DATA_DIR: ':memory:' }), { temporary });
    const { signal } = new AbortController();
    await storage.put('deals/a', source(), { contentType: 'text/plain', signal });
    expect(await text(await storage.get('deals/a', { signal }))).toBe('x');
    await temporary.remove();
    await temporary.remove();
    expect(existsSync(temporary.folder())).toBe(false);
  });
});

async function* source(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('x');
}
