import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DAY } from '../../lib/clock.ts';
import { removeLeftBehind, withTemporaryFile } from '../../lib/documents/temporary-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hivepulse-test-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function* bytes(...parts: (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield Buffer.from(part);
  }
}

const signal = new AbortController().signal;
it('a file is there for as long as it is used, with its size and hash, and then it is gone', async () => {
  const used = await withTemporaryFile(bytes('lea', 'se'), { limitBytes: 5, signal, within: folder }, async (file) => ({
    ...file,
    text: await readFile(file.path, 'utf8'),
  }));
  expect(used).toMatchObject({ sizeBytes: 5, text: 'lease', contentHash: createHash('sha256').update('lease').digest('hex') });
  expect(existsSync(used.path)).toBe(false);
});

it.each([
  ['is longer than allowed', bytes('leases'), { code: 'document_too_large' }],
  ['breaks off', bytes('lea', new Error('cut')), { message: 'cut' }],
])('nothing is left of a stream that %s', async (_, source, problem) => {
  await expect(withTemporaryFile(source, { limitBytes: 5, signal, within: folder }, async () => 'used')).rejects.toMatchObject(problem);
  expect(await readdir(folder)).toEqual([]);
});

it('what a process left behind is removed after a day', async () => {
  const [old, fresh] = ['hivepulse-document-old', 'hivepulse-document-fresh'].map((name) => join(folder, name));
  for (const left of [old, fresh]) {
    await mkdir(String(left));
    await writeFile(join(String(left), 'file'), 'secret');
  }
  const longAgo = new Date(Date.now() - 2 * DAY);
  await utimes(String(old), longAgo, longAgo);
  await removeLeftBehind(folder);
  expect(existsSync(String(old))).toBe(false);
  expect(existsSync(String(fresh))).toBe(true);
});
