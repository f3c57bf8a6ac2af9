import { createHash, randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Connection, NewConnection } from '../../lib/db/mail-types.ts';
import type { AppliedItem } from '../../lib/db/source-types.ts';
import { UnavailableError } from '../../lib/errors.ts';
import type { TestUser } from '../support/users.ts';
import { foreignAnswers, openDeal } from './deal-world.ts';
import { lose } from './mail-world.ts';
import { type Api, type CallOptions, type Reply, startApi } from './world.ts';

const FILES = ['https://www.googleapis.com/auth/drive.readonly'];
const MAIL = ['https://www.googleapis.com/auth/gmail.readonly'];

/** What was asked of the watches, and how they fail. */
const watches = { stopped: [] as string[], failure: undefined as Error | undefined };
let api: Api;
let alice: TestUser;
let bob: TestUser;
let eve: TestUser;
let drive: Connection;
let deal: string;
beforeAll(async () => {
  const stop = async ({ id }: { id: string }): Promise<void> => {
    watches.stopped.push(id);
    if (watches.failure) throw watches.failure;
  };
  api = await startApi({ deps: { sourceWatches: { stop } } });
  [alice, bob, eve] = await Promise.all([api.db.signUp(), api.db.signUp(), api.db.signUp()]);
  drive = await account(alice, { scopes: [...FILES, ...MAIL] });
  await account(alice, { provider: 'microsoft', scopes: ['Mail.Read', 'Files.Read.All', 'Sites.Read.All'] });
});
afterAll(() => api.stop());
beforeEach(async () => {
  Object.assign(watches, { stopped: [], failure: undefined });
  deal = await openDeal(api, { jwt: alice.jwt });
  await api.db.deals.addMember(deal, bob.id, 'member');
});

const as = ({ jwt }: TestUser): CallOptions => ({ jwt });
const acting = ({ id }: TestUser): CallOptions => ({ headers: { 'x-user-id': id } });

function account({ id: userId }: TestUser, connection: Partial<NewConnection> = {}): Promise<Connection> {
  const tokens = { accessToken: 'sealed', refreshToken: 'sealed', accessExpiresAt: new Date(Date.now() + 3_600_000).toISOString() };
  const email = `${randomUUID()}@example.com`;
  return api.db.connections.save({ userId, provider: 'google', accountId: randomUUID(), email, scopes: FILES, ...tokens, ...connection });
}

const post = (json: unknown, who: CallOptions = as(alice), of = deal): Promise<Reply> =>
  api.call('POST', `/api/deals/${of}/sources`, { ...who, json });
const at = (source: { id: string; dealId: string }, rest = ''): string => `/api/deals/${source.dealId}/sources/${source.id}${rest}`;

async function made(settings: unknown = { folderId: randomUUID() }, of = deal): Promise<{ id: string; dealId: string; name: string }> {
  const { status, body } = await post({ type: 'gdrive', settings }, as(alice), of);
  if (status !== 201) throw new Error(`source not made: ${JSON.stringify(body)}`);
  return body.data.source;
}

const listed = (ref: string, name: string) => ({
  ref,
  kind: 'document' as const,
  version: '1',
  name,
  place: 'root',
  path: 'Contracts',
  url: `https://drive.example.com/${ref}`,
  mimeType: 'text/plain',
  sizeBytes: 5,
  modifiedAt: '2026-11-01T08:00:00.000Z',
});

/** A file of the source, stored as a sync stores it. */
async function file(ref: string, name: string): Promise<AppliedItem & { outcome: 'document' }> {
  const text = randomUUID();
  const storagePath = `deals/${deal}/${randomUUID()}/${randomUUID()}`;
  await api.deps.storage.put(storagePath, bytes(text), { contentType: 'text/plain', signal: AbortSignal.timeout(10_000) });
  const contentHash = createHash('sha256').update(text).digest('hex');
  return { ...listed(ref, name), outcome: 'document', document: { contentHash, sizeBytes: text.length, storagePath } };
}
async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
const storedFiles = (): string[] =>
  readdirSync(api.files, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.parentPath.includes(deal))
    .map(({ name }) => name);

/** As a worker does it. */
async function synced({ id: sourceId }: { id: string }, items: readonly AppliedItem[], jobId = `sync-${randomUUID()}`): Promise<void> {
  const run = { sourceId, runId: randomUUID() };
  await api.db.sourceRuns.begin({ ...run, jobId, syncType: 'full' });
  await api.db.sourceRuns.plan(run, items);
  await api.db.sourceRuns.apply(run, items);
  const page = { deletes: [], cursor: 'a-secret-cursor', complete: true, listed: items.length, unchanged: 0, calls: 3 };
  await api.db.sourceRuns.turn(run, page);
  if (!(await api.db.sourceRuns.end(run, { status: 'succeeded' }))) throw new Error('the sync was lost');
}

describe('POST /api/deals/:id/sources', () => {
  it('makes a source, and asks for its first full sync', async () => {
    const settings = { folderId: '1a2B3c', types: ['pdf'], pollMinutes: 30 };
    const json = { type: 'gdrive', connectionId: drive.id, name: 'Data room', settings };
    const { status, headers, body } = await post(json, { ...as(alice), headers: { 'x-correlation-id': 'from-the-room' } });
    const { source, jobId } = body.data;
    expect([status, headers.get('location')]).toEqual([201, at(source)]);
    expect(source).toEqual({
      id: expect.any(String),
      dealId: deal,
      type: 'gdrive',
      name: 'Data room',
      connectionId: drive.id,
      settings,
      status: 'idle',
      statusReason: null,
      paused: false,
      progressAt: null,
      syncedAt: null,
      watchExpiresAt: null,
      createdBy: alice.id,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    await expect(api.queue.getJob('source-sync', jobId)).resolves.toMatchObject({
      name: 'sync',
      state: 'waiting',
      payload: { dealId: deal, sourceType: 'gdrive', syncType: 'full', sourceId: source.id },
      userId: alice.id,
      correlationId: 'from-the-room',
    });
  });

  it('is called by what of an account is synced, where nobody names it', async () => {
    for (const [type, settings, name] of names) expect((await post({ type, settings })).body.data.source.name).toBe(name);
  });
  const names = [
    ['gdrive', {}, 'Google Drive'],
    ['gdrive', { folderId: '1a2B3c' }, 'Google Drive'],
    ['gmail', { labelIds: ['Deals/Nova', 'INBOX'], query: 'newer_than:1y' }, 'Gmail: Deals/Nova, INBOX, newer_than:1y'],
    [
      'sharepoint',
      { siteUrl: 'https://contoso.sharepoint.com/sites/nova/', library: 'Documents', folder: '/Contracts/2026/' },
      'SharePoint: nova/Documents/Contracts/2026',
    ],
    ['outlook', { folders: ['Inbox', 'Deals/Nova'] }, 'Outlook: Inbox, Deals/Nova'],
  ] as const;

  it('works for a service, on behalf of a member or of nobody', async () => {
    const json = (folderId: string) => ({ type: 'gdrive', connectionId: drive.id, settings: { folderId } });
    const replies = [await post(json('a'), acting(alice)), await post(json('b'), {})];
    expect(replies.map(({ status, body }) => [status, body.data.source.createdBy])).toEqual([
      [201, alice.id],
      [201, null],
    ]);
    const job = await api.queue.getJob('source-sync', replies[1]?.body.data.jobId);
    expect(job?.userId).toBeUndefined();
  });

  it.each([
    [{ folderid: 'x' }, 'body.settings.folderid'],
    [{ folderId: '../x' }, 'body.settings.folderId'],
    [{ types: ['p d f'] }, 'body.settings.types.0'],
    [{ pollMinutes: 0 }, 'body.settings.pollMinutes'],
    [{ exportAs: { documents: 'odt' } }, 'body.settings.exportAs.documents'],
    [[], 'body.settings'],
  ])('400 names what is wrong with settings %j', async (settings, path) => {
    const { status, body } = await post({ type: 'gdrive', settings });
    expect([status, body.error.code, body.error.details.issues[0].path]).toEqual([400, 'invalid_input', path]);
    expect(body.error.message).toContain(path);
  });

  it.each([
    [{ type: 'dropbox' }, 'body.type'],
    [{ type: 'gdrive', name: ' ' }, 'body.name'],
    [{ type: 'gdrive', connectionId: 'mine' }, 'body.connectionId'],
    [{ type: 'gdrive', paused: true }, 'body'],
  ])('400 names what is wrong with %j', async (json, path) => {
    const { status, body } = await post(json);
    expect([status, body.error.details.issues[0].path]).toEqual([400, path]);
  });

  it('says which account is missing, and where to connect one', async () => {
    const [user, other] = await Promise.all([api.db.signUp(), api.db.signUp()]);
    const own = await openDeal(api, as(user));
    const foreign = await account(other);
    const refused = async (json: object, who: CallOptions = as(user)) => {
      const { status, body } = await post({ type: 'gdrive', ...json }, who, own);
      return [status, body.error.code, body.error.message, body.error.details.startUrl ?? body.error.details.issues?.[0].path] as const;
    };
    const start = '/api/connections/google/start?access=files';
    expect(await refused({})).toEqual([
      409,
      'not_connected',
      expect.stringContaining(`no Google account is connected. Connect one: GET ${start}`),
      start,
    ]);
    expect(await refused({ connectionId: foreign.id })).toEqual([409, 'not_connected', expect.stringContaining('body.connectionId'), start]);
    expect(await refused({ connectionId: foreign.id }, acting(user))).toEqual([409, 'not_connected', expect.any(String), start]);
    expect(await refused({ connectionId: randomUUID() }, {})).toEqual([409, 'not_connected', expect.any(String), start]);
    expect(await refused({}, {})).toEqual([400, 'invalid_input', expect.stringContaining('X-User-Id'), 'body.connectionId']);

    const mail = await account(user, { scopes: MAIL });
    expect(await refused({})).toEqual([409, 'not_connected', expect.stringContaining(`(connection ${mail.id}) was not connected for files`), start]);
    const other365 = await account(user, { provider: 'microsoft', scopes: ['Files.Read.All'] });
    const wrong = [400, 'invalid_input', expect.stringContaining('an account of Microsoft'), 'body.connectionId'];
    expect(await refused({ connectionId: other365.id })).toEqual(wrong);

    const [one, two] = [await account(user), await account(user)];
    const several = await post({ type: 'gdrive' }, as(user), own);
    expect([several.status, several.body.error.code]).toEqual([409, 'connection_needed']);
    const named = several.body.error.details.accounts.map(({ connectionId }: { connectionId: string }) => connectionId);
    expect(named.toSorted()).toEqual([one.id, two.id].toSorted());
    await lose(api.db, one);
    expect(await refused({ connectionId: one.id })).toEqual([409, 'reauth_required', expect.stringContaining('connected again by its user'), start]);
    expect((await post({ type: 'gdrive', connectionId: two.id }, as(user), own)).status).toBe(201);
  });

  it('refuses what the deal has already, also where it is asked twice at the same moment', async () => {
    const json = { type: 'gdrive', settings: { folderId: 'twice' } };
    const replies = await Promise.all([post(json), post({ ...json, settings: { ...json.settings, pollMinutes: 60 } })]);
    const [first, second] = replies.toSorted((one, other) => one.status - other.status);
    expect([first?.status, second?.status]).toEqual([201, 409]);
    expect(second?.body.error).toMatchObject({ code: 'source_exists', details: { sourceId: first?.body.data.source.id } });
    expect((await post({ ...json, settings: { folderId: 'another' } })).status).toBe(201);
    expect((await post(json, as(alice), await openDeal(api, as(alice)))).status).toBe(201);
  });

  it('refuses more than 50', async () => {
    const row = { deal_id: deal, source_type: 'gmail', connection_id: drive.id };
    await api.db.table('deal_sources').insert(Array.from({ length: 49 }, (_, at) => ({ ...row, settings: { query: `${at}` } })));
    await made();
    const { status, body } = await post({ type: 'gdrive' });
    expect([status, body.error.code, body.error.message]).toEqual([409, 'too_many_sources', 'A deal has 50 sources at most: remove one first']);
  });
});

describe('reading sources', () => {
  it('lists them, newest first, and tells of one what it has brought, its latest sync and its account', async () => {
    const [older, newer] = [await made(), await made()];
    const failed: AppliedItem = { ...listed('c', 'locked.pdf'), outcome: 'failed', reason: 'It is locked' };
    const skipped: AppliedItem = { ...listed('d', 'film.mp4'), skip: 'Its type is not among those that are synced', outcome: 'skipped' };
    const jobId = `sync-${randomUUID()}`;
    await synced(newer, [await file('a', 'a.txt'), await file('b', 'b.txt'), failed, skipped], jobId);
    await api.db.dealSources.setWatch(newer.id, { id: 'channel', secretHash: 'f00d', resource: 'r', expiresAt: '2026-12-01T00:00:00.000Z' });
    for (const who of [as(alice), as(bob), acting(bob), {}]) {
      const all = await api.call('GET', `/api/deals/${deal}/sources`, who);
      expect(all.body.data.sources.map(({ id }: { id: string }) => id)).toEqual([newer.id, older.id]);
      const { body } = await api.call('GET', at(newer), who);
      expect(body.data.source).toMatchObject({
        id: newer.id,
        name: 'Google Drive',
        syncedAt: expect.any(String),
        watchExpiresAt: '2026-12-01T00:00:00.000Z',
        account: { connectionId: drive.id, userId: alice.id, email: drive.email, provider: 'google', status: 'active' },
        items: { stored: 2, skipped: 1, failed: 1 },
        latestSync: { type: 'full', mode: 'full', status: 'succeeded', jobId, listed: 4, created: 2, skipped: 1, failed: 1, calls: 3 },
      });
      expect(JSON.stringify([all.body, body])).not.toMatch(/cursor|secret|f00d|token|channel/i);
    }
    expect((await api.call('GET', at(older), as(alice))).body.data.source).toMatchObject({ latestSync: null, items: { stored: 0 } });
  });

  it('pages through syncs, newest first, and through items by their names', async () => {
    const source = await made();
    const jobs = Array.from({ length: 3 }, () => `sync-${randomUUID()}`);
    const long = 'ß'.repeat(600);
    const items = [
      ...(await Promise.all(['c', 'a', long].map((name) => file(name, name)))),
      { ...listed('b', 'b'), outcome: 'failed', reason: 'Locked' } as const,
    ];
    for (const jobId of jobs) await synced(source, items, jobId);
    for (const who of [as(bob), acting(bob), {}]) {
      const syncs = await paged(at(source, '/syncs'), 'syncs', who);
      expect(syncs.map(({ jobId }) => jobId)).toEqual(jobs.toReversed());
      const found = await paged(at(source, '/items'), 'items', who);
      expect(found.map(({ name }) => name)).toEqual(['a', 'b', 'c', long]);
      expect(found[0]).toEqual({
        ...{ ref: 'a', kind: 'document', name: 'a', path: 'Contracts', url: 'https://drive.example.com/a', mimeType: 'text/plain', sizeBytes: 36 },
        ...{ state: 'stored', reason: null, documentId: expect.any(String), emailId: null },
        ...{ modifiedAt: '2026-11-01T08:00:00.000Z', updatedAt: expect.any(String) },
      });
      const failed = await api.call('GET', at(source, '/items?state=failed'), who);
      expect(failed.body.data).toMatchObject({ items: [{ name: 'b', reason: 'Locked', documentId: null }], nextCursor: null });
    }
    expect((await api.call('GET', at(source, '/items?state=lost'), as(bob))).body.error.details.issues[0].path).toBe('query.state');
  });

  async function paged(path: string, of: 'syncs' | 'items', who: CallOptions): Promise<{ jobId: string; name: string }[]> {
    const all = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body }: Reply = await api.call('GET', `${path}?limit=2${cursor && `&cursor=${cursor}`}`, who);
      expect(body.data[of].length).toBeLessThanOrEqual(2);
      all.push(...body.data[of]);
      cursor = body.data.nextCursor;
    }
    return all;
  }
});

describe('PATCH /api/deals/:id/sources/:sourceId', () => {
  const patch = (source: { id: string; dealId: string }, json: unknown, who: CallOptions = as(alice)) =>
    api.call('PATCH', at(source), { ...who, json });
  const syncTypeOf = async (jobId: string) => (await api.queue.getJob('source-sync', jobId))?.payload;

  it('renames without a sync; other settings are a full one, and end the notices of the old', async () => {
    const source = await made({ folderId: 'one', types: ['pdf'] });
    await synced(source, []);
    const named = await patch(source, { name: 'Data room' }, as(bob));
    expect(named.body.data).toMatchObject({ source: { id: source.id, name: 'Data room' }, jobId: null });
    const often = await patch(source, { settings: { folderId: 'one', types: ['pdf'], pollMinutes: 5, deletes: 'keep' } });
    expect(often.body.data).toMatchObject({ source: { settings: { pollMinutes: 5 } }, jobId: null });
    expect(watches.stopped).toEqual([]);
    const { body } = await patch(source, { settings: { folderId: 'two' } });
    expect(body.data.source).toMatchObject({ name: 'Data room', settings: { folderId: 'two' } });
    expect(await syncTypeOf(body.data.jobId)).toMatchObject({ sourceId: source.id, syncType: 'full' });
    expect(watches.stopped).toEqual([source.id]);
  });

  it('pauses, and goes on with what has changed since', async () => {
    const source = await made();
    expect((await patch(source, { paused: true }, as(bob))).body.data).toMatchObject({ source: { paused: true }, jobId: null });
    const refused = await api.call('POST', at(source, '/sync'), as(alice));
    expect([refused.status, refused.body.error.code, refused.body.error.message]).toEqual([409, 'source_paused', expect.stringContaining('PATCH')]);
    expect((await patch(source, { settings: { folderId: 'else' } })).body.data.jobId).toBeNull();
    const { body } = await patch(source, { paused: false });
    expect(await syncTypeOf(body.data.jobId)).toMatchObject({ syncType: 'incremental' });
    expect((await patch(source, { paused: false })).body.data.jobId).toBeNull();
  });

  it('lets the owner of the account alone say what is read of it; others name an account of their own', async () => {
    const source = await made({ folderId: 'shared' });
    for (const who of [as(bob), acting(bob)]) {
      const { status, body } = await patch(source, { settings: { folderId: 'private' } }, who);
      expect([status, body.error.code, body.error.details.issues[0].path]).toEqual([403, 'forbidden', 'body.settings']);
      expect((await patch(source, { settings: {}, connectionId: drive.id }, who)).body.error.code).toBe('not_connected');
    }
    const { id: connectionId } = await account(bob);
    const { body } = await patch(source, { settings: { folderId: 'bobs' }, connectionId }, as(bob));
    expect(body.data.source).toMatchObject({ connectionId, settings: { folderId: 'bobs' } });
    expect(await syncTypeOf(body.data.jobId)).toMatchObject({ syncType: 'full' });
    expect((await patch(source, { settings: { folderId: 'by a service' } }, {})).status).toBe(400);
    expect((await patch(source, { settings: { folderId: 'by-a-service' } }, {})).status).toBe(200);
  });

  it('asks for nothing while the account waits for its user', async () => {
    const owner = await api.db.signUp();
    const own = await openDeal(api, as(owner));
    const connection = await account(owner);
    const { source } = (await post({ type: 'gdrive', settings: { folderId: 'lost' } }, as(owner), own)).body.data;
    await lose(api.db, connection);
    const { status, body } = await patch(source, { settings: { folderId: 'found' } }, as(owner));
    expect([status, body.data.jobId]).toEqual([200, null]);
  });

  it('400, 404 and 409: nothing named, settings that do not fit, and those that another source has', async () => {
    const [source, other] = [await made({ folderId: 'one' }), await made({ folderId: 'two' })];
    expect((await patch(source, {})).body.error.message).toContain('must name what changes');
    expect((await patch(source, { settings: { label: 'x' } })).body.error.details.issues[0].path).toBe('body.settings.label');
    expect((await patch(source, { type: 'gmail' })).status).toBe(400);
    expect((await patch({ ...source, id: randomUUID() }, { name: 'x' })).status).toBe(404);
    const same = await patch(source, { settings: { folderId: 'two' } });
    expect([same.status, same.body.error.code, same.body.error.details]).toEqual([409, 'source_exists', { sourceId: other.id }]);
    expect((await patch(source, { settings: { folderId: 'one' } })).body.data.jobId).toBeNull();
  });
});

describe('DELETE /api/deals/:id/sources/:sourceId', () => {
  const remove = (source: { id: string; dealId: string }, query = '') => api.call('DELETE', at(source, query), as(bob));

  it('leaves in the deal what it brought', async () => {
    const source = await made();
    await synced(source, [await file('a', 'a.txt')]);
    watches.failure = new UnavailableError('The provider is away');
    expect((await remove(source)).body.data).toEqual({ id: source.id, documents: 'keep' });
    expect(watches.stopped).toEqual([source.id]);
    expect((await remove(source)).status).toBe(404);
    expect((await api.call('GET', at(source), as(alice))).status).toBe(404);
    expect((await api.call('GET', `/api/documents?dealId=${deal}`, as(alice))).body.data.documents).toMatchObject([{ name: 'a.txt' }]);
    expect(storedFiles()).toHaveLength(1);
  });

  it('takes it away with its files where that is asked for, but for what another source has', async () => {
    const [source, other] = [await made(), await made()];
    const shared = await file('shared', 'shared.txt');
    await synced(source, [await file('a', 'a.txt'), shared]);
    await synced(other, [shared]);
    expect(storedFiles()).toHaveLength(2);
    expect((await remove(source, '?documents=remove')).body.data).toEqual({ id: source.id, documents: 'remove' });
    expect((await api.call('GET', `/api/documents?dealId=${deal}`, as(alice))).body.data.documents).toMatchObject([{ name: 'shared.txt' }]);
    expect(storedFiles()).toEqual([shared.document.storagePath.split('/').at(-1)]);
    expect((await remove(other, '?documents=all')).status).toBe(400);
  });
});

describe('POST /api/deals/:id/sources/:sourceId/sync', () => {
  it('asks for what has changed, or for all; asked twice while one waits it is one', async () => {
    const source = await made();
    const ask = (json?: unknown) => api.call('POST', at(source, '/sync'), { ...as(bob), ...(json ? { json } : {}) });
    const replies = [await ask(), await ask({ type: 'incremental' }), await ask({ type: 'full' })];
    expect(replies.map(({ status, body }) => [status, body.data.deduplicated])).toEqual([
      [202, false],
      [202, true],
      // The first one, of when it was made, still waits.
      [202, true],
    ]);
    const [first, second, full] = replies.map(({ body }) => body.data.jobId);
    expect(second).toBe(first);
    expect(await api.queue.getJob('source-sync', first)).toMatchObject({ payload: { sourceId: source.id, syncType: 'incremental' }, userId: bob.id });
    expect(await api.queue.getJob('source-sync', full)).toMatchObject({ payload: { syncType: 'full' }, userId: alice.id });
    expect((await ask({ type: 'partial' })).body.error.details.issues[0].path).toBe('body.type');
  });

  it('409 while the account waits for its user, or is gone; it goes on when it is connected again', async () => {
    const owner = await api.db.signUp();
    const own = await openDeal(api, as(owner));
    const connection = await account(owner);
    const { source } = (await post({ type: 'gdrive' }, as(owner), own)).body.data;
    const ask = async () => {
      const { status, body } = await api.call('POST', at(source, '/sync'), as(owner));
      return [status, body.error?.code, body.error?.message];
    };
    await lose(api.db, connection);
    await api.db.table('deal_sources').update({ status: 'reauth' }).eq('id', source.id);
    expect(await ask()).toEqual([409, 'reauth_required', expect.stringContaining('/api/connections/google/start?access=files')]);
    await account(owner, { accountId: connection.accountId, email: connection.email });
    expect(await ask()).toEqual([202, undefined, undefined]);
    await api.db.table('oauth_connections').delete().eq('id', connection.id);
    expect(await ask()).toEqual([409, 'not_connected', expect.stringContaining(`PATCH ${at(source)}`)]);
    const gone = await api.call('GET', at(source), as(owner));
    expect(gone.body.data.source).toMatchObject({ connectionId: null, account: null });
  });
});

describe('somebody else’s source', () => {
  it('answers like one that does not exist, also by the routes of jobs', async () => {
    const source = await made();
    const own = await openDeal(api, as(eve));
    await account(eve);
    const job = (dealId: string) => ({ name: 'sync', payload: { dealId, sourceType: 'gdrive', syncType: 'full', sourceId: source.id } });
    const calls = [
      ['POST', `/api/deals/${deal}/sources`, { type: 'gdrive' }],
      ['GET', `/api/deals/${deal}/sources`],
      ...[source, { ...source, dealId: own }].flatMap(
        (one) =>
          [
            ['GET', at(one)],
            ['PATCH', at(one), { paused: true }],
            ['DELETE', at(one, '?documents=remove')],
            ['POST', at(one, '/sync'), {}],
            ['GET', at(one, '/syncs')],
            ['GET', at(one, '/items')],
          ] as const,
      ),
      ['POST', '/api/queue/source-sync/jobs', job(deal)],
      ['POST', '/api/queue/source-sync/jobs', job(own)],
    ] as const;
    const expected = calls.flatMap(([method, path]) => [`${method} ${path}`, `${method} ${path}`]).map((call) => [call, 404, 'not_found']);
    expect(await foreignAnswers(api, eve, calls)).toEqual(expected);
    expect(watches.stopped).toEqual([]);
  });

  it('is not one of another deal, though both are the caller’s', async () => {
    const source = await made();
    const dealId = await openDeal(api, as(alice));
    expect((await api.call('GET', at({ ...source, dealId }), as(alice))).status).toBe(404);
    const payload = { dealId, sourceType: 'gdrive', syncType: 'full', sourceId: source.id };
    expect((await api.call('POST', '/api/queue/source-sync/jobs', { ...as(alice), json: { name: 'sync', payload } })).status).toBe(404);
    expect((await api.call('GET', at({ ...source, dealId: deal.toUpperCase() }), as(alice))).status).toBe(200);
  });

  it('is synced by members through the queue, too', async () => {
    const source = await made();
    const payload = { dealId: deal, sourceType: 'gdrive', syncType: 'incremental' };
    const enqueue = (given: object) => api.call('POST', '/api/queue/source-sync/jobs', { ...as(bob), json: { name: 'sync', payload: given } });
    expect((await enqueue({ ...payload, sourceId: source.id })).status).toBe(201);
    expect((await enqueue(payload)).status).toBe(201);
    expect((await enqueue({ ...payload, sourceId: randomUUID() })).status).toBe(404);
    expect((await enqueue({ ...payload, sourceId: 'x' })).body.error.details.issues[0].path).toBe('sourceId');
  });
});
