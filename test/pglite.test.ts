import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPglite, type PgliteTemplate } from '../lib/pglite.ts';

let root: string;
let cacheDir: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hivepulse-pglite-'));
  cacheDir = join(root, 'cache');
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Counts how often it is built. */
function countingTemplate(version: string): PgliteTemplate & { built: number } {
  const template: PgliteTemplate & { built: number } = {
    name: 'counting',
    version,
    built: 0,
    build: async (pg) => {
      template.built += 1;
      await pg.exec(`create table marks (version text); insert into marks values ('${version}')`);
    },
  };
  return template;
}

async function marksIn(dataDir: string, template: PgliteTemplate): Promise<unknown[]> {
  const pg = await openPglite({ dataDir, template, cacheDir });
  const { rows } = await pg.query('select version from marks');
  await pg.query("insert into marks values ('own')");
  await pg.close();
  return rows;
}

describe('openPglite', () => {
  it('builds a version once, for folders and memory, also when two ask at the same time', async () => {
    const template = countingTemplate('one');
    const opened = await Promise.all([marksIn(':memory:', template), marksIn(join(root, 'a'), template)]);
    expect(opened).toEqual([[{ version: 'one' }], [{ version: 'one' }]]);
    expect(await marksIn(':memory:', template)).toEqual([{ version: 'one' }]);
    expect(template.built).toBe(1);
    const next = countingTemplate('two');
    expect(await marksIn(join(root, 'b'), next)).toEqual([{ version: 'two' }]);
    expect(next.built).toBe(1);
  });

  it('opens a folder that has been used as it is, whatever the template says now', async () => {
    const dataDir = join(root, 'used');
    await marksIn(dataDir, countingTemplate('one'));
    const newer = countingTemplate('newer');
    expect(await marksIn(dataDir, newer)).toEqual([{ version: 'one' }, { version: 'own' }]);
    expect(newer.built).toBe(0);
  });

  it('starts over where an earlier start was killed while it filled the folder', async () => {
    const dataDir = join(root, 'half');
    await mkdir(`${dataDir}.new`);
    await writeFile(join(`${dataDir}.new`, 'PG_VERSION'), '17');
    await mkdir(dataDir);
    expect(await marksIn(dataDir, countingTemplate('one'))).toEqual([{ version: 'one' }]);
    expect(await readdir(root)).not.toContain('half.new');
  });

  it('works without a cache to write to, and reports a template that cannot be built', async () => {
    await writeFile(join(root, 'file'), '');
    const nowhere = join(root, 'file', 'below');
    const pg = await openPglite({ dataDir: ':memory:', template: countingTemplate('one'), cacheDir: nowhere });
    expect((await pg.query('select version from marks')).rows).toEqual([{ version: 'one' }]);
    await pg.close();
    const broken: PgliteTemplate = { name: 'broken', version: '1', build: async (pg) => void (await pg.exec('create nonsense')) };
    await expect(openPglite({ dataDir: ':memory:', template: broken, cacheDir })).rejects.toThrow('syntax error');
  });
});
