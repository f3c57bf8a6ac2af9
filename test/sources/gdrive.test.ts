import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { Drive } from '../../demo/stand-ins/google/drive/contract.ts';
import { DAY } from '../../lib/clock.ts';
import { RateLimitedError, UnavailableError } from '../../lib/errors.ts';
import type { Call, Caller } from '../../lib/sources/calls.ts';
import type { Connector, SourceItem } from '../../lib/sources/contract.ts';
import { createDriveClient } from '../../lib/sources/gdrive/client.ts';
import { createMethods } from '../../lib/sources/gdrive/methods.ts';
import { answering } from '../mail/gmail/support.ts';
import { createFakeClock } from '../support/clock.ts';
import { heldBuffers } from '../support/collect-garbage.ts';
import { withGoogle } from '../support/google.ts';
import { ANNA, accountsOf, bytesOf, type ConnectChanges, connect, createPauses, filesOf, store, told } from './gdrive-support.ts';

async function open() {
  const google = await withGoogle({ accounts: { [ANNA]: [] } });
  const accounts = accountsOf(google);
  return { google, accounts, drive: google.drive(ANNA), connect: (changes?: ConnectChanges) => connect(google.url, accounts, changes) };
}

const fill = (drive: Drive, count: number, folders: readonly string[]): string[] =>
  Array.from({ length: count }, (_, n) =>
    drive.addFile({ name: `File ${n}.txt`, content: `This is file ${n}.`, parentId: folders[n % folders.length] ?? null }),
  );

/** Contracts, Contracts/2025, Contracts/2026, Contracts/2026/Drafts, Notes. */
function folders(drive: Drive) {
  const contracts = drive.addFolder('Contracts');
  const notes = drive.addFolder('Notes');
  const y2025 = drive.addFolder('2025', contracts);
  const y2026 = drive.addFolder('2026', contracts);
  return { contracts, notes, y2025, y2026, drafts: drive.addFolder('Drafts', y2026) };
}

const itemOf = (items: ReadonlyMap<string, SourceItem>, ref: string): SourceItem => items.get(ref) ?? expect.unreachable(`${ref} is not listed`);

describe('all of My Drive', () => {
  it('is listed in five calls: the drive, where changes begin, its folders, two pages of files with some that are not in it', async () => {
    const { google, drive, connect } = await open();
    const { contracts, y2025, drafts } = folders(drive);
    fill(drive, 1_000, [drive.rootId, contracts, y2025, drafts]);
    const theirs = drive.addFolder('Theirs', null);
    drive.addFile({ name: 'shared.txt', content: 'Of somebody else.', parentId: null });
    drive.addFile({ name: 'also shared.txt', content: 'Of somebody else.', parentId: theirs });
    drive.trash(drive.addFile({ name: 'old.txt', content: 'Thrown away.' }));
    const connector = await connect();
    const stored = await store(connector.full());
    expect(told(stored)).toEqual(filesOf(drive));
    expect(stored.items.size).toBe(1_000);
    expect(google.requests.counts).toMatchObject({ 'drive.get': 1, 'drive.startToken': 1, 'drive.list': 3 });
    expect(connector.calls).toBe(5);
    expect(new Set(told(stored).map(({ path }) => path))).toEqual(new Set(['', 'Contracts', 'Contracts/2025', 'Contracts/2026/Drafts']));
  });

  it('is followed: seven added, three edited, two deleted, two moved, and nothing else touched', async () => {
    const { google, drive, connect } = await open();
    const { contracts, notes, y2026 } = folders(drive);
    const ids = fill(drive, 100, [contracts, notes]);
    const connector = await connect();
    const stored = await store(connector.full());
    google.requests.reset();

    const added = fill(drive, 7, [y2026]);
    const edited = ids.slice(0, 3);
    for (const id of edited) drive.edit(id, `Anew: ${id}`);
    drive.trash(ids[3] ?? '');
    drive.remove(ids[4] ?? '');
    drive.move(ids[5] ?? '', y2026);
    drive.rename(ids[6] ?? '', 'Renamed.txt');
    await store(connector.changes(stored.cursor), stored);

    expect(stored.touched).toEqual({ added, edited, moved: [ids[5], ids[6]], gone: [ids[3], ids[4]] });
    expect(told(stored)).toEqual(filesOf(drive));
    expect(google.requests.counts).toMatchObject({ 'drive.changes': 1, 'drive.list': 0, 'drive.get': 0 });
    await store(connector.changes(stored.cursor), stored);
    expect(stored).toMatchObject({ pages: 1, complete: true, touched: { added: [], edited: [], moved: [], gone: [] } });
  });

  it('goes on after the page at which a listing was cut off', async () => {
    const { google, drive, connect } = await open();
    drive.pageSize = 100;
    fill(drive, 450, [drive.addFolder('Notes')]);
    const stored = await store((await connect()).full(), undefined, 2);
    expect(stored).toMatchObject({ complete: false, pages: 2 });
    // What happens meanwhile comes with the changes.
    const late = drive.addFile({ name: 'late.txt', content: 'Late.' });
    drive.remove([...stored.items.keys()][0] ?? '');
    google.requests.reset();
    const connector = await connect();
    await store(connector.full(stored.cursor), stored);
    expect(stored).toMatchObject({ complete: true, pages: 3 });
    expect(google.requests.counts).toMatchObject({ 'drive.startToken': 0, 'drive.list': 4 });
    await store(connector.changes(stored.cursor), stored);
    expect(stored.items.has(late)).toBe(true);
    expect(told(stored)).toEqual(filesOf(drive));
  });

  it('is followed over many pages of changes, each with a cursor of its own', async () => {
    const { drive, connect } = await open();
    const connector = await connect();
    const stored = await store(connector.full());
    drive.pageSize = 10;
    fill(drive, 35, [drive.rootId]);
    await store(connector.changes(stored.cursor), stored, 2);
    expect(stored).toMatchObject({ complete: false, pages: 2 });
    await store((await connect()).changes(stored.cursor), stored);
    expect(stored).toMatchObject({ complete: true, pages: 2 });
    expect(told(stored)).toEqual(filesOf(drive));
  });

  it('is listed anew when Google has forgotten a page or a change', async () => {
    const { google, drive, connect } = await open();
    drive.pageSize = 10;
    fill(drive, 30, [drive.rootId]);
    const connector = await connect();
    const half = await store(connector.full(), undefined, 1);
    drive.forgetPages();
    await expect(store(connector.full(half.cursor))).rejects.toMatchObject({ code: 'cursor_lost' });
    const stored = await store(connector.full());
    for (const status of [400, 404, 410] as const) {
      const { cursor } = await store(connector.changes(stored.cursor), stored);
      drive.forgetChanges(status);
      await expect(store(connector.changes(cursor))).rejects.toMatchObject({ code: 'cursor_lost', details: { reason: 'expired' } });
      await store(connector.full(), stored);
    }
    await expect(store(connector.changes('{}'))).rejects.toMatchObject({ code: 'cursor_lost' });
    // A refusal of anything else is one.
    google.faults.failNext(400, { only: 'drive.changes' });
    await expect(store(connector.changes(stored.cursor))).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe('a folder with what is below it', () => {
  async function openFolder() {
    const world = await open();
    const tree = folders(world.drive);
    const ids = fill(world.drive, 40, [tree.contracts, tree.y2025, tree.y2026, tree.drafts]);
    const others = fill(world.drive, 10, [tree.notes, world.drive.rootId]);
    const connector = await world.connect({ settings: { folderId: tree.contracts } });
    return { ...world, ...tree, ids, others, connector, now: () => filesOf(world.drive, tree.contracts) };
  }

  it('is listed level by level, many folders in one query', async () => {
    const { google, connector, now, drive, contracts } = await openFolder();
    const many = Array.from({ length: 120 }, (_, n) => drive.addFolder(`Folder ${n}`, contracts));
    fill(drive, 240, many);
    const stored = await store(connector.full());
    expect(told(stored)).toEqual(now());
    expect(new Set(told(stored).map(({ path }) => path))).toContain('2026/Drafts');
    // The folder itself, the 122 in it fifty at a time, then the one in those.
    expect(google.requests.counts).toMatchObject({ 'drive.get': 1, 'drive.startToken': 1, 'drive.list': 4 });
  });

  it('is complete also where Google leaves folders out of a query for many', async () => {
    const { connector, drive, now, y2025, y2026 } = await openFolder();
    drive.hideInQueries([y2025, y2026]);
    const stored = await store(connector.full());
    expect(told(stored)).toEqual(now());
  });

  it('goes on at any page of a listing that was cut off', async () => {
    const { connector, drive, now, y2025 } = await openFolder();
    drive.pageSize = 7;
    drive.hideInQueries([y2025]);
    const whole = await store(connector.full());
    expect(told(whole)).toEqual(now());
    for (let most = 1; most < whole.pages; most += 1) {
      const stored = await store(connector.full(), undefined, most);
      await store(connector.full(stored.cursor), stored);
      expect(stored).toMatchObject({ complete: true, pages: whole.pages - most });
      expect(told(stored)).toEqual(now());
    }
  });

  it('is asked for each folder once, also where a query for many has several pages', async () => {
    const { google, drive, connect } = await open();
    drive.pageSize = 3;
    const root = drive.addFolder('Root');
    for (const name of ['One', 'Two']) fill(drive, 3, [drive.addFolder(name, root)]);
    const stored = await store((await connect({ settings: { folderId: root } })).full());
    expect(told(stored)).toEqual(filesOf(drive, root));
    expect(google.requests.counts['drive.list']).toBe(3);
  });

  it('is followed: what is moved out of it is gone, what is moved in is new, what happens beside it is nothing', async () => {
    const { google, connector, drive, now, ids, others, notes, drafts } = await openFolder();
    const stored = await store(connector.full());
    google.requests.reset();
    const added = fill(drive, 7, [drafts]);
    const edited = ids.slice(0, 3);
    for (const id of edited) drive.edit(id, `Anew: ${id}`);
    drive.trash(ids[4] ?? '');
    drive.remove(ids[5] ?? '');
    drive.move(ids[6] ?? '', drafts);
    drive.move(ids[8] ?? '', notes);
    drive.move(others[0] ?? '', drafts);
    drive.edit(others[1] ?? '', 'Beside it.');
    await store(connector.changes(stored.cursor), stored);
    expect(stored.touched).toEqual({ added: [...added, others[0]], edited, moved: [ids[6]], gone: [ids[4], ids[5], ids[8]] });
    expect(told(stored)).toEqual(now());
    expect(google.requests.counts).toMatchObject({ 'drive.changes': 1, 'drive.list': 0 });
  });

  it('takes in folders that are made, restored or moved into it, with all that they hold', async () => {
    const { connector, drive, now, notes, y2026, y2025, contracts } = await openFolder();
    drive.trash(y2025);
    const below = drive.addFolder('Below', notes);
    fill(drive, 3, [below]);
    const stored = await store(connector.full());
    expect(told(stored)).toEqual(now());

    drive.restore(y2025);
    drive.move(notes, y2026);
    const made = drive.addFolder('Made', contracts);
    const inner = drive.addFolder('Inner', made);
    drive.addFile({ name: 'inner.txt', content: 'Inner.', parentId: inner });
    // Names the folder after what is in it.
    drive.rename(made, 'Made and renamed');
    await store(connector.changes(stored.cursor), stored);
    expect(told(stored)).toEqual(now());
    expect(stored.touched.gone).toEqual([]);
    // They belong to it from now on.
    fill(drive, 4, [inner, below]);
    await store(connector.changes(stored.cursor), stored);
    expect(told(stored)).toEqual(now());
  });

  it('sees a file that moved into a new folder which only a later page names', async () => {
    const { connector, drive, now, ids, contracts } = await openFolder();
    const stored = await store(connector.full());
    drive.pageSize = 1;
    const made = drive.addFolder('Made', contracts);
    drive.move(ids[0] ?? '', made);
    drive.rename(made, 'Renamed');
    await store(connector.changes(stored.cursor), stored);
    expect(stored.pages).toBe(2);
    expect(told(stored)).toEqual(now());
  });

  it('keeps its paths when folders are renamed and moved within it', async () => {
    const { connector, drive, now, y2025, y2026, drafts } = await openFolder();
    const stored = await store(connector.full());
    drive.rename(y2026, 'This year');
    drive.move(drafts, y2025);
    const [added = ''] = fill(drive, 1, [drafts]);
    await store(connector.changes(stored.cursor), stored);
    expect(stored.items.get(added)?.path).toBe('2025/Drafts');
    expect([...stored.items.keys()].sort()).toEqual(now().map(({ ref }) => ref));
    expect(stored.touched).toMatchObject({ added: [added], gone: [] });
  });

  it.each(['trash', 'remove', 'move'] as const)('is listed anew after a folder was lost: %s', async (how) => {
    const { connector, drive, now, y2026, notes } = await openFolder();
    const stored = await store(connector.full());
    if (how === 'move') drive.move(y2026, notes);
    else drive[how](y2026);
    await expect(store(connector.changes(stored.cursor))).rejects.toMatchObject({ code: 'cursor_lost' });
    expect(told(await store(connector.full()))).toEqual(now());
  });

  it('is not taken for an empty one when it is gone, in the trash, or no folder', async () => {
    const { google, connect, connector, drive, contracts, ids } = await openFolder();
    const stored = await store(connector.full());
    drive.trash(contracts);
    await expect(store(connector.changes(stored.cursor))).rejects.toMatchObject({ code: 'cursor_lost', details: { reason: 'root_gone' } });
    await expect(store(connector.full())).rejects.toMatchObject({ code: 'source_missing', message: expect.stringContaining('trash') });
    drive.remove(contracts);
    await expect(store(connector.full())).rejects.toMatchObject({ code: 'source_missing', message: expect.stringContaining('`folderId`') });
    const others = [
      { folderId: ids[0] ?? '' },
      { driveId: '0Anothing' },
      { folderId: drive.addFolder('A'), driveId: google.addSharedDrive('Deals').id },
    ];
    for (const settings of others) {
      await expect(store((await connect({ settings })).full())).rejects.toMatchObject({ code: 'source_missing' });
    }
  });

  it('may not hold more folders than a cursor can carry', async () => {
    const { connector, drive, contracts } = await openFolder();
    for (let n = 0; n < 5_000; n += 1) drive.addFolder(`Folder ${n}`, contracts);
    await expect(store(connector.full())).rejects.toMatchObject({ code: 'invalid_request', message: expect.stringContaining('5000 folders') });
  });
});

describe('a drive with more folders than a cursor can carry', () => {
  it('is followed by its files, and listed anew when folders change', async () => {
    const { drive, connect } = await open();
    const many = Array.from({ length: 5_001 }, (_, n) => drive.addFolder(`Folder ${n}`));
    const ids = fill(drive, 10, many);
    const connector = await connect();
    const stored = await store(connector.full());
    expect(told(stored)).toEqual(filesOf(drive));
    expect(stored.cursor.length).toBeLessThan(1_000);
    drive.remove(ids[0] ?? '');
    drive.addFile({ name: 'shared.txt', content: 'Of somebody else.', parentId: null });
    const [added] = fill(drive, 1, many);
    await store(connector.changes(stored.cursor), stored);
    expect(stored.touched).toEqual({ added: [added], edited: [], moved: [], gone: [ids[0]] });
    drive.trash(many[1] ?? '');
    await expect(store(connector.changes(stored.cursor))).rejects.toMatchObject({ code: 'cursor_lost' });
  });
});

describe('a shared drive', () => {
  it('is listed, followed and read, as a whole and a folder of it alone', async () => {
    const { google, connect } = await open();
    const shared = google.addSharedDrive('Deals');
    const { contracts, y2026, notes } = folders(shared);
    const ids = fill(shared, 30, [shared.rootId, contracts, y2026, notes]);
    const whole = await connect({ settings: { driveId: shared.id } });
    // Which drive a folder is in, Google says.
    const part = await connect({ settings: { folderId: contracts } });
    const stored = await store(whole.full());
    const storedPart = await store(part.full());
    expect(told(stored)).toEqual(filesOf(shared));
    expect(told(storedPart)).toEqual(filesOf(shared, contracts));
    shared.edit(ids[1] ?? '', 'Anew.');
    shared.remove(ids[0] ?? '');
    fill(shared, 3, [y2026]);
    await store(whole.changes(stored.cursor), stored);
    await store(part.changes(storedPart.cursor), storedPart);
    expect(told(stored)).toEqual(filesOf(shared));
    expect(told(storedPart)).toEqual(filesOf(shared, contracts));
    const file = await whole.open(itemOf(stored.items, ids[1] ?? ''));
    expect((await bytesOf(file?.content ?? expect.unreachable())).toString()).toBe('Anew.');
  });
});

describe('the content of a file', () => {
  async function openFiles(add: (drive: Drive) => void, changes?: ConnectChanges) {
    const world = await open();
    add(world.drive);
    const connector = await world.connect(changes);
    const stored = await store(connector.full());
    const read = async (name: string) => {
      const item = [...stored.items.values()].find((one) => one.name === name) ?? expect.unreachable(`${name} is not listed`);
      const file = await connector.open(item);
      return file && { ...file, content: await bytesOf(file.content) };
    };
    return { ...world, connector, stored, read };
  }

  it('comes byte by byte, also where it is none', async () => {
    const bytes = Buffer.from(Array.from({ length: 1_000 }, (_, n) => n % 256));
    const { read } = await openFiles((drive) => {
      drive.addFile({ name: 'bytes.pdf', content: bytes });
      drive.addFile({ name: 'empty.txt', content: '' });
    });
    expect(await read('bytes.pdf')).toEqual({ name: 'bytes.pdf', mimeType: 'application/pdf', sizeBytes: 1_000, content: bytes });
    expect((await read('empty.txt'))?.content).toHaveLength(0);
  });

  it('is exported where it is one of Google’s own, and left out where there is nothing to read', async () => {
    const docx = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
    const { connector, drive, read, stored, connect } = await openFiles((add) => {
      const target = add.addDocument({ name: 'Offer', kind: 'document', exports: { [docx]: 'Word.', 'application/pdf': 'Pages.' } });
      add.addDocument({ name: 'Sketch', kind: 'drawing', exports: { 'application/pdf': 'A drawing.' } });
      add.addDocument({ name: 'Huge', kind: 'document', exports: { [docx]: { length: 11_000_000 } } });
      add.addDocument({ name: 'Cannot', kind: 'presentation' });
      add.addDocument({ name: 'Link', kind: 'shortcut', targetId: target });
      add.addDocument({ name: 'Questions', kind: 'form' });
    });
    expect(await read('Offer.docx')).toMatchObject({ mimeType: docx, sizeBytes: 5, content: Buffer.from('Word.') });
    expect(await read('Sketch.pdf')).toMatchObject({ mimeType: 'application/pdf', content: Buffer.from('A drawing.') });
    await expect(read('Huge.docx')).rejects.toMatchObject({ code: 'item_unreadable', message: expect.stringContaining('10 MB') });
    await expect(read('Cannot.pptx')).rejects.toMatchObject({ code: 'item_unreadable' });
    expect(Object.fromEntries(stored.leftOut)).toEqual({ Link: expect.stringContaining('shortcut'), Questions: expect.stringContaining('a form') });

    const offer = [...stored.items.values()].find(({ name }) => name === 'Offer.docx') ?? expect.unreachable();
    expect(offer.sizeBytes).toBeNull();
    drive.editDocument(offer.ref, { [docx]: 'Word, anew.' });
    await store(connector.changes(stored.cursor), stored);
    expect(stored.touched).toMatchObject({ edited: [offer.ref] });
    expect((await read('Offer.docx'))?.content.toString()).toBe('Word, anew.');
    const asPdf = await store((await connect({ settings: { exportAs: { documents: 'pdf' } } })).full());
    expect(itemOf(asPdf.items, offer.ref)).toMatchObject({ name: 'Offer.pdf', version: expect.not.stringContaining('docx') });
  });

  it('is not there where the file has gone since, and refused for good where Google says so of this file', async () => {
    const { drive, google, read, stored, connector } = await openFiles((add) => fill(add, 3, [add.rootId]));
    const [gone = '', kept = ''] = [...stored.items.keys()];
    drive.remove(gone);
    expect(await connector.open(itemOf(stored.items, gone))).toBeUndefined();
    drive.forbid(kept, 'cannotDownloadAbusiveFile');
    await expect(connector.open(itemOf(stored.items, kept))).rejects.toMatchObject({
      code: 'item_unreadable',
      message: expect.stringContaining('harmful'),
    });
    drive.forbid(kept, 'somethingNew');
    await expect(connector.open(itemOf(stored.items, kept))).rejects.toMatchObject({ code: 'item_unreadable' });
    google.faults.failNext(403, { reason: 'insufficientPermissions' });
    await expect(read('File 2.txt')).rejects.toMatchObject({ code: 'forbidden', message: expect.stringContaining('access=files') });
    google.faults.failNext(403, { reason: 'userRateLimitExceeded', retryAfterSeconds: 60 });
    await expect(read('File 2.txt')).rejects.toBeInstanceOf(RateLimitedError);
  });

  it('that breaks off in the middle is an outage', async () => {
    const { google, read } = await openFiles((drive) => drive.addFile({ name: 'big.bin', content: { length: 3_000_000 } }));
    google.faults.cutNext(1, { only: 'drive.download' });
    await expect(read('big.bin')).rejects.toBeInstanceOf(UnavailableError);
    expect((await read('big.bin'))?.content).toHaveLength(3_000_000);
  });

  it('that stands still is an outage', async () => {
    const { stored } = await openFiles((drive) => drive.addFile({ name: 'slow.bin', content: 'Slow.' }));
    const still = await answering((_, response) => void response.write('The first part, '));
    const connector = await connect(still.url, { accessToken: async () => 'token' }, { timings: { idleMs: 50 } });
    const file = await connector.open([...stored.items.values()][0] ?? expect.unreachable());
    await expect(bytesOf(file?.content ?? expect.unreachable())).rejects.toMatchObject({ name: 'UnavailableError', details: { reason: 'timeout' } });
  });

  it('ends with its job, but not with the time that an answer may take', async () => {
    let finish = (): void => expect.unreachable();
    const slow = await answering((_, response) => {
      response.write('The first part, ');
      finish = () => void response.end('the second.');
    });
    const job = new AbortController();
    const read = async () => {
      const answer = new AbortController();
      const call: Caller = Object.assign(<T>({ send }: Call<T>) => send('token', answer.signal), { calls: 0 });
      const methods = createMethods({ client: createDriveClient(slow.url), call, signal: job.signal, idleMs: undefined });
      const { content } = await methods.content('some-id', undefined);
      answer.abort();
      return content;
    };
    const whole = await read();
    finish();
    expect((await bytesOf(whole)).toString()).toBe('The first part, the second.');
    const broken = bytesOf(await read());
    job.abort(new Error('The job is over'));
    await expect(broken).rejects.toThrow('The job is over');
  });

  it('of 200 MB goes through, and is never held', async () => {
    const length = 200 * 1_048_576;
    const { connector, stored, drive } = await openFiles((add) => add.addFile({ name: 'big.bin', content: { length } }));
    const file = await connector.open([...stored.items.values()][0] ?? expect.unreachable());
    const hash = createHash('md5');
    const before = heldBuffers();
    let most = 0;
    let read = 0;
    for await (const chunk of file?.content ?? []) {
      hash.update(chunk);
      read += chunk.length;
      if (read % (20 * 1_048_576) < chunk.length) most = Math.max(most, heldBuffers() - before);
    }
    expect(file?.sizeBytes).toBe(length);
    expect(hash.digest('hex')).toBe(drive.files()[0]?.md5);
    expect(most).toBeLessThan(length / 10);
  });
});

describe('an account', () => {
  it('whose token ends in the middle goes on with another, got once', async () => {
    const { google, accounts, drive, connect } = await open();
    drive.pageSize = 10;
    fill(drive, 30, [drive.rootId]);
    const connector = await connect();
    const pages = connector.full()[Symbol.asyncIterator]();
    await pages.next();
    google.expireTokens();
    const { value } = await pages.next();
    expect(value?.upserts).toHaveLength(10);
    expect(accounts.rejected).toHaveLength(1);
    expect(google.requests.entries.filter(({ status }) => status === 401)).toHaveLength(1);
  });

  it('that has not allowed reading files is told to connect again', async () => {
    const { google, connect } = await open();
    const accounts = accountsOf(google, ['openid', 'email', 'https://www.googleapis.com/auth/gmail.readonly']);
    await expect(store((await connect({ accounts })).full())).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('access=files'),
      details: { status: 403, reason: 'insufficientPermissions' },
    });
  });

  it('waits out short pauses, and gives its place away for long ones', async () => {
    const { google, drive, connect } = await open();
    fill(drive, 5, [drive.rootId]);
    const pauses = createPauses();
    const clock = createFakeClock();
    google.faults.failNext(429, { times: 20, retryAfterSeconds: 30 });
    const limited = await connect({ store: pauses, clock });
    await expect(store(limited.full())).rejects.toMatchObject({ key: 'account:google:anna', retryAfterMs: 30_000 });
    expect(limited.calls).toBe(1);
    // The others do not even ask.
    await expect(store((await connect({ store: pauses, clock })).full())).rejects.toBeInstanceOf(RateLimitedError);
    expect(google.requests.counts['drive.get']).toBe(1);
    google.faults.clear();
    google.faults.failNext(429, { times: 3, retryAfterSeconds: 0 });
    google.faults.failNext(503, { times: 2 });
    google.faults.cutNext(1, { only: 'drive.list' });
    const connector = await connect();
    expect((await store(connector.full())).items.size).toBe(5);
    expect(connector.calls).toBe(4 + 3 + 2 + 1);
  });
});

describe('notices of change', () => {
  /** Keeps the headers of what comes. */
  async function openHook() {
    const world = await open();
    const got: IncomingHttpHeaders[] = [];
    const hook = await answering((request, response) => {
      got.push(request.headers);
      response.writeHead(204).end();
    });
    return { ...world, got, request: { address: `${hook.url}/api/webhooks/gdrive`, secret: 's'.repeat(43) } };
  }
  const watcherOf = async (connector: Promise<Connector>) => (await connector).watcher ?? expect.unreachable();

  it('are asked for with a secret, for as long as Google gives them, and ended', async () => {
    const { google, got, request, ...world } = await openHook();
    const clock = createFakeClock(Date.now());
    const watcher = await watcherOf(world.connect({ clock }));
    const watch = await watcher.start(request);
    expect(watch).toMatchObject({ id: expect.stringMatching(/^[\w-]{36}$/), expiresAt: new Date(clock.now() + 7 * DAY).toISOString() });
    expect(google.requests.counts).toMatchObject({ 'drive.get': 0, 'drive.startToken': 1, 'drive.watch': 1 });
    const channel = google.channels.get(watch.id) ?? expect.unreachable();
    await channel.notify({ state: 'sync' });
    await channel.notify();
    await channel.notify({ forge: 'token' });
    expect(got).toMatchObject([
      { 'x-goog-channel-id': watch.id, 'x-goog-channel-token': request.secret, 'x-goog-resource-state': 'sync', 'x-goog-message-number': '1' },
      { 'x-goog-resource-id': watch.resource, 'x-goog-resource-state': 'change', 'x-goog-message-number': '2' },
      { 'x-goog-channel-token': expect.not.stringContaining(request.secret), 'x-goog-message-number': '3' },
    ]);
    expect(await watcher.renew(watch)).toBeUndefined();
    await watcher.stop(watch);
    expect(google.channels.size).toBe(0);
    // What is gone already is no error.
    await watcher.stop(watch);
  });

  it('come for the shared drive that a folder is in', async () => {
    const { google, request, ...world } = await openHook();
    const shared = google.addSharedDrive('Deals');
    const folderId = shared.addFolder('Contracts');
    const own = await (await watcherOf(world.connect())).start(request);
    const whole = await (await watcherOf(world.connect({ settings: { driveId: shared.id } }))).start(request);
    const part = await (await watcherOf(world.connect({ settings: { folderId } }))).start(request);
    expect(part.resource).toBe(whole.resource);
    expect(part.resource).not.toBe(own.resource);
    expect(new Set([own.id, whole.id, part.id]).size).toBe(3);
  });
});
