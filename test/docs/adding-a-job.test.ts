import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { atEndOfFile } from '../support/end-of-file.ts';
import { freePort } from '../support/port.ts';
import { startProcess } from '../support/process.ts';
import { apiAt, baseEnvironment, eventually, newStoryBody } from '../support/world.ts';
import { applyDiff, blocksOf } from './blocks.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const COPIED = [
  'lib',
  'workers',
  'start',
  'api',
  'schedulers',
  'supabase',
  'test/support',
  'test/scoring',
  'examples/data/stories',
  'package.json',
  'tsconfig.json',
];
const run = promisify(execFile);
/** Nothing of the copy has been compiled before: its first start takes twice as long as that of the sources. */
const BOOT_MS = 60_000;

// Made while tests are collected: the page's own test is one of them.
const copy = await mkdtemp(join(tmpdir(), 'hivepulse-adding-'));
await Promise.all(COPIED.map((path) => cp(join(root, path), join(copy, path), { recursive: true })));
await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
const written = await follow(await readFile(join(root, 'docs/adding-a-job.md'), 'utf8'), copy);
atEndOfFile(() => rm(copy, { recursive: true, force: true, maxRetries: 5 }));

describe('its test', () => import(join(copy, 'test/workers/story-length.test.ts')));

describe('docs/adding-a-job.md, followed to the letter in a copy of the sources', () => {
  it('makes two files and a test, and adds lines to five others', () => {
    expect(written).toEqual([
      'lib/jobs/story-length.ts',
      'lib/jobs/define.ts',
      'lib/jobs/index.ts',
      'workers/story-length.ts',
      'workers/index.ts',
      'test/workers/story-length.test.ts',
      'lib/producers.ts',
      'lib/index.ts',
    ]);
  });

  it('type-checks', async () => {
    // What the whole project takes a minute for; the rest of the page is proved by running.
    const files = ['lib/jobs/index.ts', 'lib/producers.ts', 'workers/story-length.ts'];
    const config = { extends: './tsconfig.json', include: [], files, compilerOptions: { noEmit: true } };
    await writeFile(join(copy, 'tsconfig.page.json'), JSON.stringify(config));
    await expect(run(join(root, 'node_modules/.bin/tsc'), ['--project', 'tsconfig.page.json'], { cwd: copy })).resolves.toMatchObject({ stdout: '' });
  });

  it(
    'gives npm start a job that runs',
    async () => {
      const env = { ...baseEnvironment(), LOG_LEVEL: 'info', HIVEPULSE_DATA_DIR: ':memory:', AI_PROVIDER: 'local', PORT: `${await freePort()}` };
      const started = startProcess('start/main.ts', { cwd: copy, env });
      try {
        const url = (await started.line((line) => line.includes('Hivepulse is up'), BOOT_MS)).split(': ')[1] ?? '';
        const { call } = apiAt(url);
        const { body: made } = await call('POST', '/api/stories', newStoryBody());
        const { body: asked } = await call('POST', '/api/queue/story-length/jobs', { name: 'measure', payload: { storyId: made.data.story.id } });
        const ended = await eventually(async () => {
          const { body } = await call('GET', `/api/queue/story-length/jobs/${asked.data.jobId}`);
          return body.data.job.state === 'completed' && body.data.job;
        });
        expect(ended.result).toEqual({ words: newStoryBody().content.split(' ').length, readingMinutes: 1 });
        const { body: refused } = await call('POST', '/api/queue/story-length/jobs', { name: 'measure', payload: { storyId: 'x' } });
        expect(refused.error.message).toContain('storyId');
      } finally {
        await started.stop();
      }
    },
    2 * BOOT_MS,
  );
});

/** Writes the files of a page and adds the lines of its diffs; answers what it touched, in the order of the page. */
async function follow(page: string, folder: string): Promise<string[]> {
  const blocks = blocksOf(page);
  for (const { file, text, isDiff } of blocks) {
    const path = join(folder, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, isDiff ? applyDiff(await readFile(path, 'utf8'), text, file) : text);
  }
  return blocks.map(({ file }) => file);
}
