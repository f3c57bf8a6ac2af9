import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmbedded } from '../../lib/db/embedded.ts';
import { migrationFiles } from '../../lib/db/migration-files.ts';
import { openPglite } from '../../lib/pglite.ts';
import { startProcess } from '../support/process.ts';
import { signUp } from '../support/users.ts';
import { newStory } from './worlds.ts';

let root: string;
let cacheDir: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hivepulse-embedded-'));
  cacheDir = join(root, 'cache');
});
afterAll(() => rm(root, { recursive: true, force: true }));

const folder = (name: string) => join(root, name, 'database');

describe('the embedded database', () => {
  it('keeps rows, users and their sessions when it is closed and opened again', async () => {
    const dataDir = folder('kept');
    const first = await openEmbedded({ dataDir, cacheDir });
    const user = await signUp(first);
    const story = await first.db.stories.create(newStory({ userId: user.id }));
    await first.db.close();
    await first.db.close();
    const second = await openEmbedded({ dataDir, cacheDir });
    expect(await second.db.stories.get(story.id)).toEqual(story);
    expect(await second.db.userOf(user.jwt)).toEqual({ id: user.id });
    expect((await stat(join(root, 'kept', 'jwt-secret'))).mode & 0o777).toBe(0o600);
    await second.db.close();
  });

  it('has every stored row after its process was killed', async () => {
    const dataDir = folder('killed');
    const writer = startProcess(['test/db/story-writer.ts', dataDir, cacheDir]);
    const isStored = (line: string) => line.startsWith('stored');
    await writer.line((line) => isStored(line) && writer.lines.filter(isStored).length >= 10);
    await writer.stop();
    const stored = writer.lines.filter(isStored).map((line) => line.slice('stored '.length));
    expect(stored.length).toBeGreaterThanOrEqual(10);
    const { db } = await openEmbedded({ dataDir, cacheDir });
    const found = await Promise.all(stored.map((id) => db.stories.get(id)));
    expect(found.map((story) => story?.id)).toEqual(stored);
    await db.close();
  });

  it('brings a folder of an older version up to date, with its rows', async () => {
    const dataDir = folder('older');
    const { bootstrap, migrations } = await migrationFiles();
    const [oldest] = migrations;
    const template = {
      name: 'older',
      version: '1',
      build: async (pg: Awaited<ReturnType<typeof openPglite>>) => {
        await pg.exec(`${bootstrap}\n${oldest?.sql}\ninsert into public.stories (title) values ('kept')`);
      },
    };
    await (await openPglite({ dataDir, cacheDir, template })).close();
    const { db } = await openEmbedded({ dataDir, cacheDir });
    expect(await db.check()).toEqual({ missingMigrations: [] });
    expect((await db.stories.list({ limit: 10 })).items).toMatchObject([{ title: 'kept' }]);
    expect((await db.failedJobs.list({ limit: 10 })).items).toEqual([]);
    await db.close();
  });

  it('starts from a prepared copy, which holds no rows and which only its owner may read', async () => {
    const [one, two] = await Promise.all([openEmbedded({ dataDir: ':memory:', cacheDir }), openEmbedded({ dataDir: folder('fresh'), cacheDir })]);
    await one.db.stories.create(newStory());
    expect((await two.db.stories.list({ limit: 1 })).items).toEqual([]);
    const cached = await readdir(cacheDir);
    expect(cached.filter((name) => name.startsWith('database-'))).toHaveLength(1);
    for (const name of cached) expect((await stat(join(cacheDir, name))).mode & 0o777).toBe(0o600);
    await Promise.all([one.db.close(), two.db.close()]);
  });

  it('rejects with UnavailableError once it is closed', async () => {
    const { db } = await openEmbedded({ dataDir: ':memory:', cacheDir });
    await db.close();
    await expect(db.stories.list({ limit: 1 })).rejects.toMatchObject({ retryable: true });
  });
});
