import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { startProcess } from '../support/process.ts';

const dir = mkdtempSync(join(tmpdir(), 'hivepulse-env-'));
afterAll(() => rmSync(dir, { recursive: true }));
const preload = new URL('../../lib/config/env-files.ts', import.meta.url).href;

async function seen(cwd: string): Promise<readonly string[]> {
  const child = startProcess(['--import', preload, '-e', 'console.log(process.env.A, process.env.B, process.env.C)'], { cwd, env: { A: 'set' } });
  expect(await child.exit).toEqual({ code: 0, signal: null });
  return [...child.lines, ...child.errorLines];
}

it('what is set wins over .env.local, and that over .env', async () => {
  writeFileSync(join(dir, '.env'), 'A=env\nB=env\nC=env');
  writeFileSync(join(dir, '.env.local'), 'A=local\nB=local');
  expect(await seen(dir)).toEqual(['set local env']);
});

it('files that do not exist are passed over without a word', async () => {
  expect(await seen(tmpdir())).toEqual(['set undefined undefined']);
});
