/** The engine with a source in memory, the real database and real files: whatever ends a run, the next one makes the deal equal to the source. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { openLite } from '../../lib/db/lite.ts';
import type { DealSource } from '../../lib/db/source-types.ts';
import type { Db } from '../../lib/db/types.ts';
import { JobAbortedError, NotFoundError, PermanentError, RateLimitedError, UnavailableError } from '../../lib/errors.ts';
import type { Synced, SyncType } from '../../lib/jobs/source-sync.ts';
import { silentLogger } from '../../lib/log.ts';
import type { JobContext } from '../../lib/queue/processor.ts';
import { ItemError } from '../../lib/sources/contract.ts';
import type { SyncDeps } from '../../lib/sources/run.ts';
import { type SyncStepDeps, syncStep } from '../../lib/sources/step.ts';
import { syncSource } from '../../lib/sources/sync.ts';
import type { FileStorage } from '../../lib/storage/contract.ts';
import { createFolderStorage } from '../../lib/storage/folder.ts';
import { addSource, newRoom } from '../db/source-samples.ts';
import { noDealRoom } from '../support/no-deal-room.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { type Book, createShelf, forgotten, type Shelf } from './shelf.ts';

let server: PostgresServer;
let db: Db;
let folder: string;
let storage: FileStorage;
beforeAll(async () => {
  server = await startPostgres({ migrated: true });
  ({ db } = await openLite({ databaseUrl: server.url, timeoutMs: 20_000 }));
  folder = await mkdtemp(join(tmpdir(), 'hivepulse-sync-'));
  storage = createFolderStorage(folder);
});
afterAll(async () => {
  await db.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

let shelf: Shelf;
let source: DealSource;
let held: Map<string, string>;
beforeEach(async () => {
  shelf = createShelf();
  held = new Map();
  ({ source } = await newRoom(db));
});

const store: SyncDeps['store'] = {
  ...noDealRoom.sync.store,
  acquire: async (key, holder) => (held.get(key) ?? holder) === holder && held.set(key, holder) !== undefined,
  release: async (key) => void held.delete(key),
};
const syncDeps = (changes: Partial<SyncDeps> = {}): SyncDeps => ({
  ...noDealRoom.sync,
  storage,
  store,
  clock: systemClock,
  documentLimitBytes: 1_000,
  kindOf: () => shelf.kind,
  ...changes,
});

interface Attempt {
  job?: string;
  attempt?: number;
  signal?: AbortSignal;
  db?: Db;
  sync?: Partial<SyncDeps>;
}
const contextOf = ({ job = randomUUID(), attempt = 1, signal = new AbortController().signal, ...deps }: Attempt = {}) => ({
  deps: { db: deps.db ?? db, sync: syncDeps(deps.sync) },
  job: { queue: 'source-sync' as const, name: 'sync', id: job, attempt, maxAttempts: 3 },
  meta: { correlationId: 'c', enqueuedAt: '' },
  runId: randomUUID(),
  signal,
  progress: () => undefined,
  log: silentLogger,
});
const sync = (syncType: SyncType = 'incremental', attempt?: Attempt): Promise<Synced> => syncSource(source.id, syncType, contextOf(attempt));

/** A run that ends where `trouble` throws, as if its process had been killed there: nothing that follows reaches anything. */
function mortal(dies: (point: string) => boolean) {
  let dead = false;
  const points: string[] = [];
  const at = (point: string): void => {
    if (dead) throw new Error('dead');
    points.push(point);
    if (!dies(`${points.length} ${point}`)) return;
    dead = true;
    throw new Error(`died at ${point}`);
  };
  const mortalOf = <T extends object>(target: T, names: readonly string[]): T =>
    new Proxy(target, {
      get(of, name) {
        const method: unknown = Reflect.get(of, name);
        if (typeof method !== 'function' || !names.includes(String(name))) return method;
        return async (...args: unknown[]) => {
          at(`before ${String(name)}`);
          const answer = await method.apply(of, args);
          at(`after ${String(name)}`);
          return answer;
        };
      },
    });
  return {
    points,
    db: { ...db, sourceRuns: mortalOf(db.sourceRuns, ['begin', 'plan', 'apply', 'turn', 'end', 'restart']) },
    sync: { storage: mortalOf(storage, ['put', 'remove']) },
    isDead: () => dead,
  };
}

async function filesIn(path: string): Promise<string[]> {
  const found = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  return found.filter((one) => one.isFile()).map((one) => relative(folder, join(one.parentPath, one.name)));
}

/** What the deal has: each document with what stands in its file, each mail with its text, and the files of the source. */
async function found() {
  const documents = (await db.documents.list({ dealId: source.dealId, limit: 999 })).items;
  const texts = await Promise.all(documents.map(async ({ name, storagePath }) => [name, await readFile(join(folder, storagePath ?? ''), 'utf8')]));
  const mails = (await db.emails.list({ dealId: source.dealId, limit: 999 })).items;
  const items = (await db.dealSources.items({ sourceId: source.id, limit: 999 })).items;
  return {
    documents: texts.toSorted(),
    mails: mails.map(({ sourceRef, text }) => [sourceRef, text]).toSorted(),
    items: items.map(({ ref, state }) => `${ref} ${state}`).toSorted(),
    files: (await filesIn(join(folder, 'deals', source.dealId))).toSorted(),
    paths: documents.map(({ storagePath }) => storagePath).toSorted(),
  };
}

/** Equal to the source: each once, no file without a document. */
async function expectEqual(): Promise<void> {
  const books = [...shelf.books].toSorted();
  const { files, paths, ...rest } = await found();
  expect(rest).toEqual({
    documents: books.flatMap(([ref, { kind, name, content }]) => (kind === 'email' ? [] : [[name ?? `${ref}.txt`, content]])).toSorted(),
    mails: books.flatMap(([ref, { kind, content }]) => (kind === 'email' ? [[ref, content]] : [])),
    items: books.map(([ref]) => `${ref} stored`),
  });
  expect(files).toEqual(paths);
  expect((await db.dealSources.get(source.id))?.status).toBe('idle');
}
const fill = (books: Record<string, Book>): void => {
  for (const [ref, book] of Object.entries(books)) shelf.put(ref, book);
};
const lastSync = async () => (await db.dealSources.syncs({ sourceId: source.id, limit: 1 })).items[0];
const itemOf = async (ref: string) => (await db.dealSources.items({ sourceId: source.id, limit: 99 })).items.find((item) => item.ref === ref);

describe('a sync', () => {
  it('lists what is new, follows what changes, and touches exactly that', async () => {
    fill({ a: { content: 'A' }, b: { content: 'B' }, c: { content: 'C' }, d: { content: 'D' }, m: { content: 'Mail', kind: 'email' } });
    expect(await sync()).toMatchObject({ mode: 'full', pages: 3, listed: 5, created: 5, unchanged: 0, calls: 12 });
    await expectEqual();
    fill({ a: { content: 'A2' }, b: { content: 'B', name: 'renamed.txt' }, c: { content: 'C', place: 'elsewhere' }, e: { content: 'E' } });
    shelf.drop('d');
    shelf.asked = [];
    expect(await sync()).toMatchObject({ mode: 'incremental', pages: 2, listed: 4, created: 1, changed: 1, renamed: 2, deleted: 1, calls: 6 });
    expect(shelf.asked.filter((what) => what.startsWith('open'))).toEqual(['open a', 'open e']);
    await expectEqual();
    shelf.asked = [];
    expect(await sync('full')).toMatchObject({ mode: 'full', listed: 5, unchanged: 5, created: 0, changed: 0, calls: 3 });
    await expectEqual();
  });

  it('that is asked for again by the same job is answered with what it did', async () => {
    fill({ a: { content: 'A' } });
    const first = await sync('full', { job: 'one' });
    shelf.asked = [];
    expect(await sync('full', { job: 'one' })).toEqual(first);
    expect(shelf.asked).toEqual([]);
  });

  it('wherever its process dies, ends with what the source has, each once, and with no file that no document has', async () => {
    const rooms: number[] = [];
    for (let dying = 1; ; dying += 1) {
      shelf = createShelf();
      ({ source } = await newRoom(db));
      fill({ a: { content: 'A' }, b: { content: 'B' }, c: { content: 'C' }, d: { content: 'D' }, m: { content: 'Mail', kind: 'email' } });
      await sync();
      fill({ a: { content: 'A2' }, b: { content: 'B', name: 'renamed.txt' }, e: { content: 'E' }, n: { content: 'New mail', kind: 'email' } });
      shelf.drop('d');
      const life = mortal((point) => point.startsWith(`${dying} `));
      // Once it is listed, more happens.
      const { trouble } = shelf;
      let changed = false;
      shelf.trouble = (what) => {
        if (what !== 'full' || changed) return trouble(what);
        changed = true;
        shelf.put('f', { content: 'F' });
        shelf.drop('c');
      };
      const ended = await sync('full', { job: 'job', db: life.db, sync: life.sync }).then(
        () => 'whole',
        () => 'dead',
      );
      expect(ended === 'dead').toBe(life.isDead());
      if (ended === 'dead') expect(await sync('full', { job: 'job', attempt: 2 })).toMatchObject({ mode: 'full' });
      await expectEqual().catch((error: unknown) => {
        throw new Error(`It died at ${life.points.at(-1)} (${dying})`, { cause: error });
      });
      if (!life.isDead()) break;
      rooms.push(dying);
    }
    expect(rooms.length).toBeGreaterThan(30);
  });

  it.each(['full', 'changes', 'open b', 'rest of b', 'mails m'])(
    'that the source fails at "%s" tries again, and ends with what it has',
    async (place) => {
      fill({ a: { content: 'A' } });
      await sync();
      fill({ b: { content: 'Book B' }, m: { content: 'Mail', kind: 'email' } });
      shelf.trouble = (what) => {
        if (what === place) throw new UnavailableError('Away');
      };
      const syncType = place === 'full' ? 'full' : 'incremental';
      await expect(sync(syncType, { job: 'job' })).rejects.toMatchObject({ message: 'Away' });
      expect(await lastSync()).toMatchObject({ status: 'retrying', error: 'Away', errorCode: 'unavailable', finishedAt: null });
      expect((await db.dealSources.get(source.id))?.status).toBe('syncing');
      shelf.trouble = () => undefined;
      await sync(syncType, { job: 'job', attempt: 2 });
      expect(await lastSync()).toMatchObject({ status: 'succeeded', error: null, jobId: 'job' });
      await expectEqual();
    },
  );
});

describe('a source that has forgotten', () => {
  it.each(['full', 'changes'])('its cursor ("%s") is listed anew', async (place) => {
    fill({ a: { content: 'A' }, b: { content: 'B' }, c: { content: 'C' }, d: { content: 'D' } });
    await sync();
    shelf.drop('a');
    fill({ e: { content: 'E' } });
    let times = 0;
    shelf.trouble = (what) => {
      if (what === place && times++ === 0) throw forgotten();
    };
    expect(await sync(place === 'full' ? 'full' : 'incremental')).toMatchObject({ mode: 'full', created: 1, deleted: 1 });
    await expectEqual();
  });

  it('in the middle of a listing, too; but not for ever', async () => {
    fill({ a: { content: 'A' }, b: { content: 'B' }, c: { content: 'C' }, d: { content: 'D' } });
    let pages = 0;
    shelf.trouble = (what) => {
      pages += what === 'full' ? 1 : 0;
      if (what === 'full' && pages === 2) throw forgotten();
    };
    expect(await sync('full')).toMatchObject({ created: 4, deleted: 0 });
    await expectEqual();
    shelf.trouble = () => {
      throw forgotten();
    };
    await expect(sync('full')).rejects.toMatchObject({ code: 'source_unsteady', retryable: true });
  });
});

describe('a file', () => {
  it('that is larger than the limit shows itself while it is read, and nothing of it stays', async () => {
    fill({ big: { content: 'x'.repeat(1_001) }, told: { content: 'y'.repeat(999), sizeBytes: 5_000 }, fits: { content: 'z'.repeat(1_000) } });
    expect(await sync()).toMatchObject({ created: 1, skipped: 2 });
    expect(await itemOf('big')).toMatchObject({ state: 'skipped', reason: 'Larger than 0 MiB' });
    expect(shelf.asked).not.toContain('rest of told');
    expect((await found()).files).toHaveLength(1);
    // Known by now: it is not read again.
    shelf.asked = [];
    expect(await sync()).toMatchObject({ listed: 0, skipped: 0 });
  });

  it.each([
    ['is empty', { empty: { content: '' } }, { state: 'skipped', reason: 'The file is empty' }],
    ['can never be read', { bad: { content: 'x' } }, { state: 'failed', reason: 'Damaged' }],
  ])('that %s is passed over with its reason', async (_, books, item) => {
    fill({ ...books, good: { content: 'G' } });
    shelf.trouble = (what) => {
      if (what === 'open bad') throw new ItemError('Damaged');
    };
    const [ref = ''] = Object.keys(books);
    expect(await sync()).toMatchObject({ created: 1 });
    expect(await itemOf(ref)).toMatchObject(item);
    expect((await found()).documents).toEqual([['good.txt', 'G']]);
    // It has content now.
    shelf.trouble = () => undefined;
    shelf.put(ref, { content: 'mended' });
    await sync();
    await expectEqual();
  });

  it('that went away between the listing and the reading is not there', async () => {
    fill({ a: { content: 'A' }, b: { content: 'B' } });
    shelf.trouble = (what) => {
      if (what === 'open a') shelf.drop('a');
    };
    expect(await sync()).toMatchObject({ created: 1, failed: 0 });
    await expectEqual();
  });

  it('that cannot be read now is given up by the last attempt alone, and only a few of them', async () => {
    fill(Object.fromEntries(['a', 'b', 'c'].map((ref) => [ref, { content: ref }])));
    shelf.trouble = (what) => {
      if (what === 'open b') throw new UnavailableError('Cut off');
    };
    await expect(sync('incremental', { job: 'job' })).rejects.toThrow('Cut off');
    expect(await sync('incremental', { job: 'job', attempt: 3 })).toMatchObject({ failed: 1 });
    expect(await itemOf('b')).toMatchObject({ state: 'failed', reason: 'Cut off' });
    fill(Object.fromEntries(Array.from({ length: 9 }, (_unused, index) => [`n${index}`, { content: `${index}` }])));
    shelf.trouble = (what) => {
      if (what.startsWith('open')) throw new UnavailableError('All is cut off');
    };
    await expect(sync('incremental', { attempt: 3 })).rejects.toThrow('All is cut off');
    expect(await lastSync()).toMatchObject({ status: 'failed', error: 'All is cut off' });
    // What was given up there is read by the next run: its page was not turned.
    shelf.trouble = () => undefined;
    await sync('full');
    await expectEqual();
  });

  it('is not given up because the storage is away', async () => {
    fill({ a: { content: 'A' } });
    const away = { ...storage, put: () => Promise.reject(new UnavailableError('Full', { code: 'storage_unavailable' })) };
    await expect(sync('full', { attempt: 3, sync: { storage: away } })).rejects.toThrow('Full');
    expect(await itemOf('a')).toBeUndefined();
    const small = { ...storage, put: () => Promise.reject(new PermanentError('Too much', { code: 'storage_too_large' })) };
    expect(await sync('full', { sync: { storage: small } })).toMatchObject({ failed: 1 });
  });
});

describe('a run that is stopped', () => {
  it('by a rate limit keeps what it has stored, and goes on from there', async () => {
    shelf = createShelf({ pageSize: 40 });
    shelf.parallel = 1;
    fill(Object.fromEntries(Array.from({ length: 35 }, (_unused, index) => [`${index + 10}`, { content: `${index}` }])));
    shelf.trouble = (what) => {
      if (what === 'open 40') throw new RateLimitedError('account:google:x', 5_000);
    };
    await expect(sync('incremental', { job: 'job', attempt: 3 })).rejects.toBeInstanceOf(RateLimitedError);
    // A limit burns no attempt, whichever it is.
    expect(await lastSync()).toMatchObject({ status: 'retrying', created: 30, calls: 62 });
    shelf.trouble = () => undefined;
    shelf.asked = [];
    expect(await sync('incremental', { job: 'job', attempt: 3 })).toMatchObject({ created: 35, listed: 35, pages: 2 });
    expect(shelf.asked.filter((what) => what.startsWith('open'))).toHaveLength(5);
    await expectEqual();
  });

  it.each([
    ['cancelled', 'cancelled', 'idle'],
    ['shutdown', 'retrying', 'syncing'],
    ['timeout', 'retrying', 'syncing'],
    ['lock_lost', 'running', 'syncing'],
  ] as const)('(%s) leaves its sync %s and its source %s', async (kind, status, state) => {
    fill({ a: { content: 'A' }, b: { content: 'B' } });
    const stop = new AbortController();
    shelf.trouble = (what) => {
      if (what === 'open b') stop.abort(new JobAbortedError(kind, 'Stopped'));
    };
    await expect(sync('full', { job: 'job', signal: stop.signal })).rejects.toMatchObject({ kind });
    expect([(await lastSync())?.status, (await db.dealSources.get(source.id))?.status]).toEqual([status, state]);
    shelf.trouble = () => undefined;
    await sync('full', { job: 'job' });
    await expectEqual();
  });

  it('by another one that has taken its source says nothing and changes nothing', async () => {
    fill({ a: { content: 'A' } });
    const other = { sourceId: source.id, runId: randomUUID(), jobId: 'other', syncType: 'full' as const };
    let takes: Promise<unknown> | undefined;
    shelf.trouble = (what) => {
      if (what === 'open a') takes = db.sourceRuns.begin(other);
    };
    const slow = { ...storage, put: (...args: Parameters<FileStorage['put']>) => storage.put(...args).then(() => takes as Promise<void>) };
    await expect(sync('full', { sync: { storage: slow } })).rejects.toMatchObject({ kind: 'superseded' });
    expect(await itemOf('a')).toBeUndefined();
    expect(await lastSync()).toMatchObject({ jobId: 'other', status: 'running' });
  });

  it.each([
    ['without its account', {}, 'not_connected', 'reauth'],
    ['with settings that nobody understands', { settings: { what: 1 } }, 'source_settings', 'failed'],
  ])('%s fails for good', async (_, changes, code, status) => {
    await db.dealSources.change(source.id, changes);
    if (code === 'not_connected') await db.connections.remove(source.connectionId ?? '', { keepMessages: true });
    await expect(sync()).rejects.toMatchObject({ code, retryable: false });
    expect(await lastSync()).toMatchObject({ status: 'failed', errorCode: code });
    expect((await db.dealSources.get(source.id))?.status).toBe(status);
  });
});

describe('a job', () => {
  const payloadOf = (sourceId?: string) => ({
    dealId: source.dealId,
    sourceType: 'gdrive' as const,
    syncType: 'incremental' as const,
    ...(sourceId ? { sourceId } : {}),
  });
  /** As the runner calls it. */
  async function perform(attempt: Attempt = {}, sourceId?: string) {
    // What a processor of this kind uses of a job's context.
    const context = contextOf(attempt) as unknown as JobContext<SyncStepDeps>;
    const payload = payloadOf(sourceId);
    const begun = await syncStep.begin(payload, context);
    if (begun.state === 'finished') return begun.result;
    const result = await syncStep.run(payload, begun.row, context);
    if ('syncs' in result) expect(await syncStep.record(payload, result, context)).toBe(true);
    return result;
  }
  const failing = async (sourceId: string) => {
    const { connectionId } = (await db.dealSources.get(sourceId)) ?? {};
    await db.connections.remove(connectionId ?? '', { keepMessages: true });
  };

  it('syncs all sources of a type that are not paused; one that fails keeps none of the others', async () => {
    fill({ a: { content: 'A' } });
    const [second, third] = [await addSource(db, { id: source.dealId }), await addSource(db, { id: source.dealId })];
    await db.dealSources.change(third.id, { paused: true });
    expect(await perform()).toMatchObject({
      syncs: [
        { sourceId: second.id, created: 1 },
        { sourceId: source.id, unchanged: 1 },
      ],
    });
    const key = `${source.dealId}/gdrive/incremental`;
    expect(await db.dealSteps.list('source', key)).toMatchObject([{ status: 'succeeded' }]);
    await failing(second.id);
    await expect(perform()).rejects.toMatchObject({ code: 'not_connected' });
    expect([(await db.dealSources.get(second.id))?.status, (await db.dealSources.get(source.id))?.status]).toEqual(['reauth', 'idle']);
    // One that may pass decides: the job comes back.
    shelf.trouble = () => {
      throw new UnavailableError('Away');
    };
    await expect(perform()).rejects.toMatchObject({ message: 'Away' });
    for (const { id } of [source, second]) await db.dealSources.change(id, { paused: true });
    await expect(perform()).rejects.toMatchObject({ code: 'no_source' });
  });

  it('waits while another has its source, and gives it up whatever happens', async () => {
    held.set(`source:${source.id}`, 'another');
    await expect(perform({}, source.id)).rejects.toMatchObject({ code: 'rate_limited' });
    expect(await lastSync()).toBeUndefined();
    held.clear();
    shelf.trouble = () => {
      throw new UnavailableError('Away');
    };
    await expect(perform({}, source.id)).rejects.toThrow('Away');
    expect(held.size).toBe(0);
  });

  it('whose source is changed meanwhile is put off, and syncs it as it is then; a paused or removed one it leaves alone', async () => {
    fill({ a: { content: 'A' }, b: { content: 'B' } });
    const meanwhile = (change: () => Promise<unknown>): Partial<SyncDeps> => ({
      storage: {
        ...storage,
        put: (...args) =>
          storage
            .put(...args)
            .then(() => change())
            .then(() => undefined),
      },
    });
    const other = await db.dealSources.create({ ...source, id: randomUUID(), connectionId: source.connectionId ?? '', settings: {} });
    const change = () => db.dealSources.change(source.id, { settings: { types: ['txt'] } });
    expect(await perform({ job: 'job', sync: meanwhile(change) }, source.id)).not.toHaveProperty('syncs');
    expect(await perform({ job: 'job' }, source.id)).toMatchObject({ syncs: [{ created: 2 }] });
    shelf.put('c', { content: 'C' });
    const pause = () => db.dealSources.change(source.id, { paused: true });
    await expect(perform({ sync: meanwhile(pause) }, source.id)).rejects.toMatchObject({ kind: 'cancelled' });
    await expect(perform({}, source.id)).rejects.toMatchObject({ kind: 'cancelled' });
    const remove = () => db.dealSources.remove(other.source.id, { keep: true });
    await expect(perform({ sync: meanwhile(remove) }, other.source.id)).rejects.toMatchObject({ kind: 'superseded' });
    await expect(perform({}, other.source.id)).rejects.toBeInstanceOf(NotFoundError);
  });

  it('that ends outside a run ends its syncs and its step', async () => {
    shelf.trouble = () => {
      throw new UnavailableError('Away');
    };
    await expect(perform({ job: 'stalls' }, source.id)).rejects.toThrow('Away');
    const ended = await syncStep.end(
      payloadOf(source.id),
      { outcome: 'failed', error: 'Stalled', job: { id: 'stalls', run: 1 } },
      { db, sync: syncDeps() },
    );
    expect(ended).toBe(true);
    expect(await lastSync()).toMatchObject({ status: 'failed', error: 'Stalled' });
    expect((await db.dealSources.get(source.id))?.status).toBe('failed');
    expect(await db.dealSteps.list('source', `${source.id}/incremental`)).toMatchObject([{ status: 'failed', error: 'Stalled' }]);
  });
});
