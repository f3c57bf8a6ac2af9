import { createHash } from 'node:crypto';
import { createApp, driveStore } from 'microsoft-onedrive-mock';
import { expect, it } from 'vitest';
import type { MicrosoftDrive, MicrosoftStandIn } from '../../demo/stand-ins/microsoft/contract.ts';
import { startMicrosoft } from '../../demo/stand-ins/microsoft/server.ts';
import { systemClock } from '../../lib/clock.ts';
import { RateLimitedError, UnavailableError } from '../../lib/errors.ts';
import { type Connector, CursorLostError, ItemError, type SourceDeps, type SourceItem, type SourcePage } from '../../lib/sources/contract.ts';
import { createFolders } from '../../lib/sources/sharepoint/folders.ts';
import { sharepoint } from '../../lib/sources/sharepoint/index.ts';
import { answering } from '../mail/gmail/support.ts';
import { heldBuffers } from '../support/collect-garbage.ts';
import { atEndOfFile } from '../support/end-of-file.ts';

const ANNA = 'anna@contoso.com';
const SITE = 'https://contoso.sharepoint.com/sites/nova';

let starting: Promise<MicrosoftStandIn> | undefined;

/** One stand-in for the file; each test has a site, or an account, of its own. */
async function startOnce(): Promise<MicrosoftStandIn> {
  starting ??= (async () => {
    const microsoft = await startMicrosoft();
    atEndOfFile(() => microsoft.stop());
    microsoft.addAccount(ANNA);
    return microsoft;
  })();
  const microsoft = await starting;
  microsoft.faults.clear();
  microsoft.journal.clear();
  return microsoft;
}

const openStore: SourceDeps['store'] = {
  limitedUntil: async () => 0,
  limit: async () => undefined,
  acquire: async () => true,
  release: async () => undefined,
};

interface Options {
  settings?: unknown;
  signal?: AbortSignal;
  email?: string;
  scopes?: readonly string[];
  timings?: SourceDeps['timings'];
}

/** Hands tokens out, and a new one where the last was refused. */
function accountsOf(microsoft: MicrosoftStandIn, { email = ANNA, scopes }: Options): SourceDeps['accounts'] & { rejected: number } {
  const issue = () => microsoft.issueTokens(email, scopes ? { scopes } : {}).accessToken;
  let token = issue();
  const accounts = {
    rejected: 0,
    accessToken: async (_: string, options?: { rejected?: string }) => {
      if (options?.rejected === token) {
        accounts.rejected += 1;
        token = issue();
      }
      return token;
    },
  };
  return accounts;
}

async function connectTo(microsoft: MicrosoftStandIn, options: Options = {}, accounts = accountsOf(microsoft, options)): Promise<Connector> {
  return connectAt(microsoft.url, accounts, options);
}

async function connectAt(graphBaseUrl: string, accounts: SourceDeps['accounts'], { settings = {}, signal, timings }: Options): Promise<Connector> {
  const mailboxes: SourceDeps['mailboxes'] = {
    open: () => {
      throw new Error('a drive has no mailbox');
    },
  };
  const deps: SourceDeps = {
    accounts,
    store: openStore,
    mailboxes,
    clock: systemClock,
    googleRootUrl: undefined,
    graphBaseUrl,
    timings: { retryMs: 1, limitMs: 1, lookMs: 0, ...timings },
  };
  const parsed = sharepoint.settings.parse(settings);
  return sharepoint.connect({ connectionId: 'anna', settings: parsed, signal: signal ?? new AbortController().signal }, deps);
}

/** What a run has stored, by the items' ids. */
type Stored = Map<string, SourceItem>;

interface Ran {
  cursor: string;
  upserts: string[];
  deletes: string[];
  pages: SourcePage[];
}

/** Stores pages as the engine does. */
async function run(pages: AsyncIterable<SourcePage>, stored: Stored): Promise<Ran> {
  const ran: Ran = { cursor: '', upserts: [], deletes: [], pages: [] };
  for await (const page of pages) {
    for (const item of page.upserts) stored.set(item.ref, item);
    for (const { ref } of page.deletes) if (stored.delete(ref)) ran.deletes.push(ref);
    ran.upserts.push(...page.upserts.map(({ ref }) => ref));
    ran.pages.push(page);
    ran.cursor = page.nextCursor;
  }
  return ran;
}

async function listAll(connector: Connector): Promise<Ran & { stored: Stored }> {
  const stored: Stored = new Map();
  return { ...(await run(connector.full(), stored)), stored };
}

const asStored = (stored: Stored) => [...stored.values()].map(({ ref, name, place }) => `${ref} ${name} ${place}`).sort();
const asThere = (drive: MicrosoftDrive, below: (id: string) => boolean = () => true) =>
  drive
    .files()
    .filter(({ parentId }) => below(parentId))
    .map(({ id, name, parentId }) => `${id} ${name} ${parentId}`)
    .sort();

let sites = 0;

async function withSite() {
  const microsoft = await startOnce();
  sites += 1;
  const site = microsoft.addSite({ host: 'contoso.sharepoint.com', path: `/sites/nova${sites}` });
  return { microsoft, site, drive: site.drive, settings: { siteUrl: `${SITE}${sites}` } };
}

async function text(connector: Connector, item: SourceItem | undefined): Promise<string | undefined> {
  const file = item && (await connector.open(item));
  if (!file) return undefined;
  const read: Uint8Array[] = [];
  for await (const chunk of file.content) read.push(chunk);
  return Buffer.concat(read).toString();
}

const count = (microsoft: MicrosoftStandIn) => {
  const counts: Record<string, number> = {};
  for (const { method } of microsoft.journal.entries) counts[method] = (counts[method] ?? 0) + 1;
  return counts;
};

it('lists a library of a thousand files in as few calls as there are pages, and follows it', async () => {
  const { microsoft, drive, settings } = await withSite();
  const contracts = drive.addFolder('Contracts');
  const old = drive.addFolder('2025', contracts);
  const ids = Array.from({ length: 1_000 }, (_, n) =>
    drive.addFile({ name: `file ${n}.txt`, content: `text ${n}`, parentId: n % 2 ? contracts : drive.rootId }),
  );
  drive.pageSize = 1_000;
  drive.quirks = false;
  const connector = await connectTo(microsoft, { settings });
  const { stored, cursor } = await listAll(connector);
  expect(asStored(stored)).toEqual(asThere(drive));
  // Site, library, where to go on from, and 1,003 items.
  expect(count(microsoft)).toEqual({ 'site.byPath': 1, drive: 1, 'drive.delta': 3 });
  expect(connector.calls).toBe(5);
  expect(stored.get(ids[1] ?? '')).toMatchObject({
    kind: 'document',
    name: 'file 1.txt',
    place: contracts,
    path: 'Contracts',
    mimeType: 'text/plain',
    sizeBytes: 6,
  });

  const added = Array.from({ length: 7 }, (_, n) => drive.addFile({ name: `new ${n}.txt`, content: 'new', parentId: n < 4 ? contracts : old }));
  const [edited1 = '', edited2 = '', edited3 = '', gone1 = '', gone2 = '', moved = '', renamed = ''] = ids;
  const before = new Map([...stored].map(([ref, { version }]) => [ref, version]));
  for (const id of [edited1, edited2, edited3]) drive.edit(id, 'another text');
  for (const id of [gone1, gone2]) drive.remove(id);
  drive.move(moved, old);
  drive.rename(renamed, 'another name.txt');
  microsoft.journal.clear();
  const changes = await run((await connectTo(microsoft, { settings })).changes(cursor), stored);
  expect(new Set(changes.upserts)).toEqual(new Set([...added, edited1, edited2, edited3, moved, renamed]));
  expect(new Set(changes.deletes)).toEqual(new Set([gone1, gone2]));
  expect(asStored(stored)).toEqual(asThere(drive));
  const another = [...before].filter(([ref, version]) => stored.has(ref) && stored.get(ref)?.version !== version).map(([ref]) => ref);
  expect(new Set(another)).toEqual(new Set([edited1, edited2, edited3]));
  expect(stored.get(moved)).toMatchObject({ place: old, path: 'Contracts/2025' });
  expect(count(microsoft)).toEqual({ 'drive.delta': 1 });
  expect(await run(connector.changes(changes.cursor), stored)).toMatchObject({ upserts: [], deletes: [] });
});

it('goes on with a listing from the cursor of any page, and misses nothing that went on meanwhile', async () => {
  const { microsoft, drive, settings } = await withSite();
  const folder = drive.addFolder('Contracts');
  const ids = Array.from({ length: 40 }, (_, n) => drive.addFile({ name: `file ${n}.txt`, content: `text ${n}`, parentId: folder }));
  drive.pageSize = 7;
  const stored: Stored = new Map();
  let cursor: string | undefined;
  let pages = 0;
  for (let complete = false; !complete; pages += 1) {
    // Each page by a process of its own.
    const [page] = await (async () => {
      for await (const one of (await connectTo(microsoft, { settings })).full(cursor)) return [one];
      return [];
    })();
    for (const item of page?.upserts ?? []) stored.set(item.ref, item);
    expect(page?.nextCursor).not.toBe(cursor);
    cursor = page?.nextCursor;
    complete = page?.complete ?? true;
    if (pages === 2) {
      drive.remove(ids[0] ?? '');
      drive.edit(ids[1] ?? '', 'edited meanwhile');
    }
  }
  expect(pages).toBeGreaterThan(5);
  expect(stored.has(ids[0] ?? '')).toBe(true);
  drive.withoutDownloadUrls = true;
  microsoft.journal.clear();
  const connector = await connectTo(microsoft, { settings });
  await run(connector.changes(cursor ?? ''), stored);
  expect(asStored(stored)).toEqual(asThere(drive));
  await expect(text(connector, stored.get(ids[1] ?? ''))).resolves.toBe('edited meanwhile');
  // The cursor says where the library is.
  expect(count(microsoft)).toEqual({ 'drive.delta': 1, 'drive.content': 1, download: 1 });
});

it('reads each file with one call of its own, and with another where the address in the listing is valid no more', async () => {
  const { microsoft, drive, settings } = await withSite();
  drive.addFile({ name: 'Offer.txt', content: 'We offer 12 million.' });
  const connector = await connectTo(microsoft, { settings });
  const { stored } = await listAll(connector);
  const [item] = stored.values();
  microsoft.journal.clear();
  await expect(text(connector, item)).resolves.toBe('We offer 12 million.');
  expect(count(microsoft)).toEqual({ download: 1 });

  const stale = item && { ...item, handle: { downloadUrl: `${microsoft.url.replace('127.0.0.1', 'localhost')}/download/x/y?expires=1` } };
  await expect(text(connector, stale)).resolves.toBe('We offer 12 million.');
  expect(count(microsoft)).toEqual({ download: 3, 'drive.content': 1 });
  drive.withoutDownloadUrls = true;
  const [plain] = (await listAll(connector)).stored.values();
  expect(plain?.handle).toBeUndefined();
  await expect(text(connector, plain)).resolves.toBe('We offer 12 million.');
  drive.remove(item?.ref ?? '');
  await expect(text(connector, item)).resolves.toBeUndefined();
});

it('tells of one file that it can never be read, and of the rest nothing', async () => {
  const { microsoft, drive, settings } = await withSite();
  drive.withoutDownloadUrls = true;
  drive.addFile({ name: 'Offer.txt', content: 'text' });
  const connector = await connectTo(microsoft, { settings, timings: { retries: 0 } });
  const [item] = (await listAll(connector)).stored.values();
  for (const [status, code, message] of [
    [403, 'malwareDetected', /malware/],
    [423, 'resourceLocked', /locked/],
    [403, 'accessDenied', /does not hand it out/],
  ] as const) {
    microsoft.faults.failNext(status, { code });
    const error = await text(connector, item).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ItemError);
    expect(String(error)).toMatch(message);
  }
  microsoft.faults.failNext(500);
  await expect(text(connector, item)).rejects.toBeInstanceOf(UnavailableError);
});

/** The folder that is synced, and another one beside it. */
async function withFolder() {
  const { microsoft, drive, settings } = await withSite();
  const contracts = drive.addFolder('Contracts');
  const scope = drive.addFolder('2026', contracts);
  const beside = drive.addFolder('2025', contracts);
  const inside = drive.addFolder('Drafts', scope);
  const files = {
    inScope: drive.addFile({ name: 'in.txt', content: 'in', parentId: scope }),
    inside: drive.addFile({ name: 'inside.txt', content: 'inside', parentId: inside }),
    beside: drive.addFile({ name: 'beside.txt', content: 'beside', parentId: beside }),
  };
  const connector = await connectTo(microsoft, { settings: { ...settings, folder: '/contracts/2026/' } });
  const listed = await listAll(connector);
  return { microsoft, drive, connector, ...listed, scope, beside, inside, files, below: (id: string) => id === scope || id === inside };
}

it('syncs one folder: what comes in, goes out and changes elsewhere', async () => {
  const { drive, connector, stored, cursor, beside, inside, files, below } = await withFolder();
  expect([...stored.keys()].sort()).toEqual([files.inScope, files.inside].sort());
  expect(stored.get(files.inside)).toMatchObject({ path: 'contracts/2026/Drafts' });
  drive.move(files.inScope, beside);
  drive.move(files.beside, inside);
  drive.addFile({ name: 'elsewhere.txt', content: 'x', parentId: beside });
  drive.rename(inside, 'Final');
  const changes = await run(connector.changes(cursor), stored);
  expect(changes).toMatchObject({ deletes: [files.inScope], upserts: [files.beside] });
  expect(asStored(stored)).toEqual(asThere(drive, below));
  const made = drive.addFolder('Made', inside);
  const file = drive.addFile({ name: 'made.txt', content: 'x', parentId: made });
  expect(await run(connector.changes(changes.cursor), stored)).toMatchObject({ upserts: [file], deletes: [] });
});

it.each<[string, string, (world: Awaited<ReturnType<typeof withFolder>>) => void]>([
  ['moved in with what is in it', 'folder_moved', ({ drive, scope, beside }) => drive.move(beside, scope)],
  ['moved out', 'folder_moved', ({ drive, inside, beside }) => drive.move(inside, beside)],
  ['deleted', 'folder_deleted', ({ drive, inside }) => drive.remove(inside)],
])('lists a folder anew when one was %s', async (_, reason, change) => {
  const world = await withFolder();
  change(world);
  const error = await run(world.connector.changes(world.cursor), world.stored).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CursorLostError);
  expect(error).toMatchObject({ details: { reason } });
  const { stored } = await listAll(world.connector);
  const { beside, files } = world;
  const expected = new Set([files.inScope, ...(reason === 'folder_moved' && stored.has(files.beside) ? [files.beside, files.inside] : [])]);
  expect(new Set(stored.keys())).toEqual(expected);
  expect([...stored.values()].every(({ place }) => place === world.scope || place === world.inside || place === beside)).toBe(true);
});

it('does not list a library anew when a folder in it was moved or renamed, or made with files in it', async () => {
  const { microsoft, drive, settings } = await withSite();
  const [one, other] = [drive.addFolder('One'), drive.addFolder('Other')];
  drive.addFile({ name: 'a.txt', content: 'a', parentId: one });
  const connector = await connectTo(microsoft, { settings });
  const { stored, cursor } = await listAll(connector);
  drive.move(one, other);
  drive.rename(one, 'Third');
  const made = drive.addFolder('Made', one);
  drive.pageSize = 3;
  const added = Array.from({ length: 10 }, (_, n) => drive.addFile({ name: `${n}.txt`, content: `${n}`, parentId: made }));
  const changes = await run(connector.changes(cursor), stored);
  expect(new Set(changes.upserts)).toEqual(new Set(added));
  expect(changes.pages.length).toBeGreaterThan(2);
  expect(asStored(stored)).toEqual(asThere(drive));
});

it('lists anew when the source has forgotten a cursor, or never knew it', async () => {
  const { microsoft, drive, settings } = await withSite();
  for (let n = 0; n < 20; n += 1) drive.addFile({ name: `${n}.txt`, content: 'text' });
  drive.pageSize = 5;
  const connector = await connectTo(microsoft, { settings });
  const { pages, cursor } = await listAll(connector);
  microsoft.faults.forgetDeltas();
  const lost = { name: 'CursorLostError', code: 'cursor_lost' };
  await expect(run(connector.changes(cursor), new Map())).rejects.toMatchObject(lost);
  await expect(run(connector.full(pages[0]?.nextCursor), new Map())).rejects.toMatchObject(lost);
  await expect(run(connector.changes('{"v":0}'), new Map())).rejects.toMatchObject(lost);
  const fresh = await listAll(connector);
  for (const [status, code] of [
    [410, 'resyncRequired'],
    [410, 'gone'],
    [404, 'itemNotFound'],
    [400, 'invalidRequest'],
    [400, 'syncStateNotFound'],
  ] as const) {
    microsoft.faults.failNext(status, { code });
    await expect(run(connector.changes(fresh.cursor), new Map())).rejects.toMatchObject(lost);
  }
  const elsewhere = fresh.cursor.replaceAll(microsoft.url, 'http://127.0.0.1:9');
  await expect(run(connector.changes(elsewhere), new Map())).rejects.toMatchObject({ ...lost, details: { reason: 'foreign_link' } });
  await expect(run(connector.changes(fresh.cursor), new Map())).resolves.toMatchObject({ upserts: [] });
});

it('rides out a storm of limits, an expired token and broken answers', async () => {
  const { microsoft, drive, settings } = await withSite();
  for (let n = 0; n < 30; n += 1) drive.addFile({ name: `${n}.txt`, content: 'text' });
  drive.pageSize = 5;
  const accounts = accountsOf(microsoft, {});
  const connector = await connectTo(microsoft, { settings }, accounts);
  const stored: Stored = new Map();
  const pages = connector.full();
  let told = 0;
  for await (const page of pages) {
    for (const item of page.upserts) stored.set(item.ref, item);
    told += 1;
    if (told === 1) microsoft.faults.storm({ times: 4, retryAfterSeconds: 0 });
    if (told === 2) microsoft.expireTokens();
    if (told === 3) microsoft.faults.cutNext();
    if (told === 4) microsoft.faults.failNext(503);
  }
  expect(asStored(stored)).toEqual(asThere(drive));
  expect(accounts.rejected).toBe(1);
  microsoft.faults.storm({ times: 1, retryAfterSeconds: 60 });
  const limited = await listAll(connector).catch((thrown: unknown) => thrown);
  expect(limited).toBeInstanceOf(RateLimitedError);
  expect(limited).toMatchObject({ key: 'account:microsoft:anna', retryAfterMs: 60_000 });
});

it('tells of a file whose connection breaks that it may be read again', async () => {
  const { microsoft, drive, settings } = await withSite();
  drive.addFile({ name: 'Offer.txt', content: 'x'.repeat(10_000) });
  const connector = await connectTo(microsoft, { settings, timings: { retries: 0 } });
  const [item] = (await listAll(connector)).stored.values();
  microsoft.faults.cutNext(9);
  await expect(text(connector, item)).rejects.toBeInstanceOf(UnavailableError);
  microsoft.faults.clear();
  await expect(text(connector, item)).resolves.toHaveLength(10_000);
});

it('holds no more of a big file in memory than a moment needs', async () => {
  const { microsoft, drive, settings } = await withSite();
  const length = 200 * 1024 * 1024;
  drive.addFile({ name: 'Video.mp4', content: { length } });
  const connector = await connectTo(microsoft, { settings });
  const [item] = (await listAll(connector)).stored.values();
  const file = item && (await connector.open(item));
  expect(file?.sizeBytes).toBe(length);
  const before = heldBuffers();
  const hash = createHash('sha256');
  let read = 0;
  let most = 0;
  for await (const chunk of file?.content ?? []) {
    hash.update(chunk);
    read += chunk.byteLength;
    if (read % (20 * 1024 * 1024) < chunk.byteLength) most = Math.max(most, heldBuffers() - before);
  }
  expect(read).toBe(length);
  expect(most).toBeLessThan(length / 10);
});

it('finds a library by its name or its address, and the own OneDrive of an account', async () => {
  const { microsoft, site, settings } = await withSite();
  const deals = site.addLibrary('Deal Room');
  deals.addFile({ name: 'deal.txt', content: 'deal' });
  site.drive.addFile({ name: 'shared.txt', content: 'shared' });
  const own = microsoft.account(ANNA).drive;
  own.addFile({ name: 'own.txt', content: 'own', parentId: own.addFolder('Mine') });
  const names = async (given: unknown) =>
    [...(await listAll(await connectTo(microsoft, { settings: given }))).stored.values()].map(({ name }) => name);
  await expect(names({ ...settings, library: 'deal room' })).resolves.toEqual(['deal.txt']);
  await expect(names({ siteId: site.id, library: 'Shared Documents' })).resolves.toEqual(['shared.txt']);
  await expect(names({ siteId: site.id })).resolves.toEqual(['shared.txt']);
  await expect(names({ driveId: deals.id })).resolves.toEqual(['deal.txt']);
  await expect(names({ folder: 'Mine' })).resolves.toEqual(['own.txt']);
  await expect(names({})).resolves.toEqual(['own.txt']);
});

it.each<[string, Record<string, string>]>([
  ['siteUrl', { siteUrl: 'https://contoso.sharepoint.com/sites/nothing' }],
  ['siteUrl', { siteUrl: 'https://fabrikam.sharepoint.com/sites/nova' }],
  ['siteId', { siteId: 'contoso.sharepoint.com,5c3f1b1e-0000-4000-8000-000000000000,5c3f1b1e-0000-4000-8000-000000000001' }],
  ['driveId', { driveId: 'b!nothing' }],
  ['library', { library: 'Nothing' }],
  ['folder', { folder: 'Contracts/2026' }],
  ['folder', { folder: 'a.txt' }],
])('names the setting where nothing is found: %s', async (field, changes) => {
  const { microsoft, drive, settings } = await withSite();
  drive.addFile({ name: 'a.txt', content: 'a' });
  const isElsewhere = field === 'siteUrl' || field === 'siteId' || field === 'driveId';
  const connector = await connectTo(microsoft, { settings: isElsewhere ? changes : { ...settings, ...changes } });
  await expect(listAll(connector)).rejects.toMatchObject({ name: 'PermanentError', code: 'source_missing', details: { field } });
});

it('says what to do when the account may not read files', async () => {
  const { microsoft, settings } = await withSite();
  const connector = await connectTo(microsoft, { settings, scopes: ['openid', 'Mail.Read'] });
  await expect(listAll(connector)).rejects.toMatchObject({ code: 'forbidden', message: expect.stringContaining('access=files') });
});

it.each([
  [{ siteUrl: 'http://contoso.sharepoint.com/sites/nova' }],
  [{ siteUrl: SITE, siteId: 'contoso.sharepoint.com,a,b' }],
  [{ siteUrl: SITE, driveId: 'b!x' }],
  [{ library: 'Documents' }],
  [{ folder: '../other' }],
  [{ folder: '/' }],
  [{ sites: SITE }],
])('does not take the settings %j', (settings) => {
  expect(sharepoint.settings.safeParse(settings).success).toBe(false);
});

it('subscribes to notices of a drive, prolongs the subscription and ends it', async () => {
  const { microsoft, drive, settings } = await withSite();
  const { url } = await answering((request, response) => {
    const token = new URL(request.url ?? '', 'http://host').searchParams.get('validationToken');
    response.writeHead(200, { 'content-type': 'text/plain' }).end(token ?? '');
  });
  const { watcher } = await connectTo(microsoft, { settings, scopes: ['Files.Read.All', 'Sites.Read.All', 'Files.ReadWrite.All'] });
  const request = { address: `${url}/api/webhooks/graph`, secret: 's'.repeat(43) };
  const watch = await watcher?.start(request);
  if (!watch || !watcher) throw new Error('not watched');
  expect(microsoft.subscriptions.get(watch.id)).toMatchObject({
    resource: `drives/${drive.id}/root`,
    changeType: 'updated',
    notificationUrl: request.address,
    lifecycleNotificationUrl: request.address,
    clientState: request.secret,
  });
  expect(Date.parse(watch.expiresAt) - Date.now()).toBeGreaterThan(28 * 86_400_000);
  await expect(watcher.renew(watch)).resolves.toMatchObject({ id: watch.id });
  await watcher.stop(watch);
  expect(microsoft.subscriptions.has(watch.id)).toBe(false);
  await watcher.stop(watch);
  await expect(watcher.renew(watch)).resolves.toBeUndefined();
});

/** A drive that tells what it is given: one page of delta after the other, then a link to follow. */
async function telling(...pages: object[][]) {
  const server = await answering((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', server.url);
    const at = Number(searchParams.get('at') ?? 0);
    const isLatest = searchParams.get('token') === 'latest';
    const link = (next: number) => `${server.url}${pathname}?at=${next}`;
    const value = isLatest ? [] : (pages[at] ?? []);
    const follow = !isLatest && at + 1 < pages.length && at > 0 ? { '@odata.nextLink': link(at + 1) } : { '@odata.deltaLink': link(1) };
    const found = pathname.includes('root:') ? { id: 'scope', folder: {} } : { value, ...follow };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found));
  });
  const connect = (settings: unknown = {}) => connectAt(server.url, { accessToken: async () => 'token' }, { settings });
  return { ...server, connect };
}

const inFolder = (parent: string) => ({ parentReference: { id: parent } });
const fileIn = (parent: string, id: string, more: object = {}) => ({
  id,
  name: `${id}.txt`,
  size: 1,
  cTag: `c-${id}`,
  eTag: `e-${id}`,
  file: {},
  ...inFolder(parent),
  ...more,
});
const folderIn = (parent: string, id: string, childCount?: number) => ({
  id,
  name: id,
  folder: childCount === undefined ? {} : { childCount },
  ...inFolder(parent),
});
const ROOT = { id: 'root', name: 'root', root: {}, folder: { childCount: 9 } };

it('leaves out what has no content of its own, and takes the last of what is told twice', async () => {
  const drive = await telling([
    ROOT,
    fileIn('root', 'a', { name: 'before.txt', cTag: 'c1' }),
    { id: 'notes', name: 'Notes', package: { type: 'oneNote' }, folder: { childCount: 3 }, ...inFolder('root') },
    { id: 'link', name: 'Link', remoteItem: { id: 'x' }, folder: {}, ...inFolder('root') },
    fileIn('root', 'virus', { malware: {} }),
    fileIn('root', 'a', { name: 'after.txt', cTag: 'c2' }),
  ]);
  const { pages } = await listAll(await drive.connect());
  expect(pages[0]?.upserts).toMatchObject([{ ref: 'a', name: 'after.txt', version: 'c2' }]);
  expect(pages[0]?.leftOut?.map(({ item, reason }) => [item.ref, reason])).toEqual([
    ['notes', expect.stringContaining('OneNote')],
    ['link', expect.stringContaining('shortcut')],
    ['virus', expect.stringContaining('malware')],
  ]);
  expect(drive.requests).toEqual([
    expect.stringMatching(/^GET \/v1\.0\/me\/drive\/root\/delta\?.*token=latest/),
    expect.stringMatching(/^GET \/v1\.0\/me\/drive\/root\/delta\?.*\$top=1000/),
  ]);
});

it.each<[string, object[][], string | undefined]>([
  ['is told with all that is in it, over pages', [[folderIn('root', 'new', 2), fileIn('new', 'a')], [fileIn('new', 'b')]], undefined],
  [
    'is told twice, the second time with more in it',
    [
      [folderIn('root', 'new', 1), fileIn('new', 'a')],
      [folderIn('root', 'new', 2), fileIn('new', 'b')],
    ],
    undefined,
  ],
  ['is empty', [[folderIn('root', 'new', 0)]], undefined],
  ['was known', [[folderIn('root', 'old', 7), fileIn('old', 'a')]], undefined],
  ['came from the recycle bin, alone', [[folderIn('root', 'new', 2)]], 'folder_moved'],
  ['is told with a part of what is in it', [[folderIn('root', 'new', 2), fileIn('new', 'a')], [fileIn('new', 'a')]], 'folder_moved'],
  ['has a new folder in it that is told alone', [[folderIn('root', 'new', 1), folderIn('new', 'in it', 5)]], 'folder_moved'],
  ['does not say how much is in it', [[folderIn('root', 'new'), fileIn('new', 'a')]], 'folder_moved'],
  ['is deleted', [[{ id: 'old', deleted: {}, ...inFolder('root') }]], 'folder_deleted'],
  ['is deleted before it was known', [[{ id: 'new', folder: {}, deleted: {}, ...inFolder('root') }]], undefined],
])('lists anew, or need not, when a folder %s', async (_, told, reason) => {
  const drive = await telling([ROOT, folderIn('root', 'old', 1), fileIn('old', 'a')], ...told);
  const { cursor } = await listAll(await drive.connect());
  // Each page by a process of its own.
  const apart = async () => {
    let at = cursor;
    for (let complete = false; !complete; ) {
      for await (const page of (await drive.connect()).changes(at)) {
        at = page.nextCursor;
        complete = page.complete;
        break;
      }
    }
  };
  if (reason === undefined) await apart();
  else await expect(run((await drive.connect()).changes(cursor), new Map())).rejects.toMatchObject({ name: 'CursorLostError', details: { reason } });
});

it('remembers what is awaited of a new folder when another process goes on', async () => {
  const drive = await telling([ROOT], [folderIn('root', 'new', 2), fileIn('new', 'a')], [fileIn('root', 'b')]);
  const { cursor } = await listAll(await drive.connect());
  const first = await (await drive.connect()).changes(cursor)[Symbol.asyncIterator]().next();
  await expect(run((await drive.connect()).changes(first.value?.nextCursor), new Map())).rejects.toMatchObject({
    details: { reason: 'folder_moved' },
  });
});

it('does not take what is beside the synced folder for its own when the listing tells what it is in', async () => {
  const drive = await telling(
    [ROOT, folderIn('root', 'above', 2), folderIn('above', 'scope', 1), fileIn('scope', 'in')],
    [folderIn('above', 'beside', 1), fileIn('beside', 'other'), fileIn('above', 'another'), fileIn('scope', 'new')],
  );
  const connector = await drive.connect({ folder: 'above/scope' });
  const { cursor, stored } = await listAll(connector);
  expect([...stored.keys()]).toEqual(['in']);
  const changes = await run(connector.changes(cursor), stored);
  expect(changes.upserts).toEqual(['new']);
  expect(drive.requests).toContainEqual(expect.stringMatching(/\/me\/drive\/items\/scope\/delta\?/));
});

it('lists the folder that is at the path now when it is listed anew', async () => {
  const { microsoft, drive, settings } = await withSite();
  const first = drive.addFolder('Contracts');
  drive.addFile({ name: 'old.txt', content: 'old', parentId: first });
  const connector = await connectTo(microsoft, { settings: { ...settings, folder: 'Contracts' } });
  const { cursor } = await listAll(connector);
  drive.remove(first);
  await expect(run(connector.changes(cursor), new Map())).rejects.toBeInstanceOf(CursorLostError);
  await expect(listAll(connector)).rejects.toMatchObject({ code: 'source_missing', details: { field: 'folder' } });
  const file = drive.addFile({ name: 'new.txt', content: 'new', parentId: drive.addFolder('Contracts') });
  expect([...(await listAll(connector)).stored.keys()]).toEqual([file]);
});

it('knows nothing of folders when there are more than a cursor can hold', () => {
  const folders = createFolders('', 3);
  for (const id of ['a', 'b', 'c']) folders.add(id);
  expect([createFolders(String(folders)).has('b'), folders.has('d'), folders.known]).toEqual([true, false, true]);
  folders.add('d');
  expect([folders.has('a'), folders.known, createFolders(String(folders)).known]).toEqual([false, false, false]);
});

it('lists, reads and follows a drive at a server that nobody here wrote', async () => {
  driveStore.clear();
  const server = createApp().listen(0, '127.0.0.1');
  atEndOfFile(() => new Promise((resolve) => server.close(resolve)));
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const ask = async (method: string, path: string, body?: object | string): Promise<{ id: string }> => {
    const headers = { authorization: 'Bearer valid-token', 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' };
    const response = await fetch(`${url}/v1.0/me/drive/${path}`, { method, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
    // As the mock's documentation shows it.
    return (response.status === 204 ? { id: '' } : await response.json()) as { id: string };
  };
  const folder = await ask('POST', 'items/root/children', { name: 'Contracts', folder: {} });
  const a = await ask('PUT', 'items/root:/a.txt:/content', 'text of a');
  const b = await ask('PUT', `items/${folder.id}:/b.txt:/content`, 'text of b');
  const connector = await connectAt(url, { accessToken: async () => 'valid-token' }, {});
  const { stored, cursor } = await listAll(connector);
  expect([...stored.values()].map(({ name, place }) => [name, place])).toEqual([
    ['a.txt', 'root'],
    ['b.txt', folder.id],
  ]);
  await expect(text(connector, stored.get(b.id))).resolves.toBe('text of b');

  const c = await ask('PUT', 'items/root:/c.txt:/content', 'text of c');
  await ask('PUT', `items/${b.id}/content`, 'another text of b');
  await ask('DELETE', `items/${a.id}`);
  const changes = await run(connector.changes(cursor), stored);
  expect(new Set(changes.upserts)).toEqual(new Set([b.id, c.id]));
  expect(changes.deletes).toEqual([a.id]);
  await expect(text(connector, stored.get(b.id))).resolves.toBe('another text of b');
});
