import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../support/built.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** The packages that a fresh process has loaded after each of `steps`. ES modules are seen by a hook, CommonJS ones in its cache. */
async function packagesLoadedBy(...steps: readonly string[]): Promise<string[][]> {
  const script = `
    import { createRequire, registerHooks } from 'node:module';
    const urls = new Set();
    registerHooks({ load: (url, context, next) => { urls.add(url); return next(url, context); } });
    const loaded = () => {
      const files = [...urls, ...Object.keys(createRequire(import.meta.url).cache)];
      return [...new Set(files.map((file) => /.*node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(file)?.[1]).filter(Boolean))].sort();
    };
    const after = [];
    ${steps.map((step) => `${step}; after.push(loaded());`).join('\n')}
    process.stdout.write(JSON.stringify(after));
    process.exit(0);`;
  const env = { PATH: process.env.PATH, REDIS_URL: 'redis://127.0.0.1:1' };
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: root, env, timeout: 60_000 });
  return JSON.parse(stdout);
}

const HEAVY = ['openai', '@anthropic-ai/sdk', 'googleapis', 'umap-js', 'tesseract.js', 'fastify', 'pg', '@supabase/supabase-js', '@supabase/lite'];
const importIt = "const hivepulse = await import('hivepulse')";

beforeAll(ensureBuilt, 300_000);

describe('importing the built package', () => {
  it('loads zod, and nothing else', async () => {
    const [loaded] = await packagesLoadedBy(importIt);
    expect(loaded).toEqual(['zod']);
  });

  it('loads the queue at the first call, and nothing that producing does not need', async () => {
    const [before, after] = await packagesLoadedBy(importIt, 'await hivepulse.getQueueStats().catch(() => undefined)');
    expect(before).not.toContain('bullmq');
    expect(after).toEqual(expect.arrayContaining(['bullmq', 'ioredis']));
    expect(HEAVY.filter((name) => after?.includes(name))).toEqual([]);
  });

  it('would be noticed loading something heavy', async () => {
    const [loaded] = await packagesLoadedBy("await import('openai'); await import('fastify')");
    expect(loaded).toEqual(expect.arrayContaining(['openai', 'fastify']));
  });
});
