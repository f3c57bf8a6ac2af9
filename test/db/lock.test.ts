import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockDataDir } from '../../lib/db/lock.ts';
import { startProcess, type TestProcess } from '../support/process.ts';

let dir: string;
let started: TestProcess[];
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'hivepulse-lock-')), 'data');
  started = [];
});
afterEach(async () => {
  await Promise.all(started.map((process) => process.stop()));
  await rm(join(dir, '..'), { recursive: true, force: true });
});

function startHolder(): TestProcess {
  const holder = startProcess(['test/db/lock-holder.ts', dir]);
  started.push(holder);
  return holder;
}
const outcome = (holder: TestProcess) => holder.line((line) => line === 'locked' || line.startsWith('refused'));

it('refuses a second process, naming the first, since when, and what to do', async () => {
  const first = startHolder();
  expect(await outcome(first)).toBe('locked');
  const second = startHolder();
  const refusal = await outcome(second);
  expect(refusal).toContain(`the first (process ${first.pid}, since 20`);
  expect(refusal).toContain('HIVEPULSE_DATA_DIR');
  expect(await second.exit).toMatchObject({ code: 1 });
  expect(() => lockDataDir(dir)).toThrow(expect.objectContaining({ code: 'data_dir_locked', retryable: false }));
});

it('is free again when its holder is killed', async () => {
  const first = startHolder();
  await outcome(first);
  await first.stop();
  const lock = lockDataDir(dir);
  expect(await outcome(startHolder())).toContain(`process ${process.pid}`);
  lock.release();
});

it('lets exactly one of five processes in that start together', async () => {
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => outcome(startHolder())));
  expect(outcomes.filter((line) => line === 'locked')).toHaveLength(1);
});

it('refuses a second opener in the same process, and is free after release, which may be called twice', () => {
  const lock = lockDataDir(dir);
  expect(() => lockDataDir(dir)).toThrow(expect.objectContaining({ code: 'data_dir_locked' }));
  lock.release();
  lock.release();
  lockDataDir(dir).release();
});

it('makes the folder for its owner alone', async () => {
  lockDataDir(dir).release();
  expect((await stat(dir)).mode & 0o777).toBe(0o700);
});

it('says what to do about a path that is no folder', async () => {
  await writeFile(dir, 'a file');
  expect(() => lockDataDir(dir)).toThrow(expect.objectContaining({ code: 'data_dir_unusable' }));
});
