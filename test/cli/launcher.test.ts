import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureBuilt } from '../support/built.ts';
import { runCli } from './support.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
let cwd: string;
beforeAll(async () => {
  [cwd] = await Promise.all([mkdtemp(join(tmpdir(), 'hivepulse-launcher-')), ensureBuilt()]);
}, 300_000);
afterAll(() => rm(cwd, { recursive: true, force: true }));

it('runs the compiled code where there are no sources, as in the installed package', async () => {
  await cp(join(root, 'cli/hivepulse.js'), join(cwd, 'package/cli/hivepulse.js'));
  await symlink(join(root, 'dist'), join(cwd, 'package/dist'));
  const launcher = join(cwd, 'package/cli/hivepulse.js');
  expect(await runCli(['help', 'job'], { cwd, launcher })).toMatchObject({ code: 0, out: expect.stringContaining('Usage: hivepulse job') });
  const examined = await runCli(['doctor', '--json'], { cwd, launcher, env: { HIVEPULSE_DATA_DIR: ':memory:' } });
  expect(JSON.parse(examined.out)).toMatchObject({ ok: true });
});

it('runs from dist/ alone, as in a container', async () => {
  const launcher = join(root, 'dist/cli/hivepulse.js');
  expect(await runCli(['stast'], { cwd, launcher })).toMatchObject({ code: 2, err: expect.stringContaining('Did you mean stats?') });
});

it('is part of the package', async () => {
  const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, timeout: 60_000 });
  const [{ files }] = JSON.parse(stdout);
  const paths = files.map(({ path }: { path: string }) => path);
  expect(paths).toEqual(expect.arrayContaining(['cli/hivepulse.js', 'dist/cli/main.js']));
  expect(paths.filter((path: string) => path.startsWith('cli/'))).toEqual(['cli/hivepulse.js']);
});
