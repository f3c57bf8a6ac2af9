import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { NotFoundError, PermanentError, UnavailableError } from '../../lib/errors.ts';
import type { FileStorage } from '../../lib/storage/contract.ts';
import { createFolderStorage } from '../../lib/storage/folder.ts';
import { createSupabaseStorage } from '../../lib/storage/supabase.ts';
import { heldBuffers } from '../support/collect-garbage.ts';
import { type StorageServer, startStorageServer } from '../support/storage.ts';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const BUCKET = 'documents';
const { signal } = new AbortController();
const options = { contentType: 'application/pdf', signal };
const newPath = () => `deals/${randomUUID()}/${randomUUID()}`;

async function* chunks(...parts: (string | Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield typeof part === 'string' ? Buffer.from(part) : part;
  }
}
async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts).toString();
}
async function* hanging(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('the beginning');
  await new Promise(() => undefined);
}

let server: StorageServer;
let proxy: TcpProxy;
const folder = mkdtempSync(join(tmpdir(), 'hivepulse-storage-'));
beforeAll(async () => {
  // It prints each failure that it answers.
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  server = await startStorageServer();
  proxy = await startProxy(server.port);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await proxy.stop();
  await server.stop();
  rmSync(folder, { recursive: true });
});

const supabase = (changes: Partial<Parameters<typeof createSupabaseStorage>[0]> = {}) =>
  createSupabaseStorage({ url: server.url, serviceKey: server.serviceKey, bucket: BUCKET, ...changes });

describe.each<[string, (stallMs?: number) => FileStorage]>([
  ['a folder', (stallMs) => createFolderStorage(folder, stallMs ? { stallMs } : {})],
  ['Supabase Storage', (stallMs) => supabase(stallMs ? { stallMs } : {})],
])('%s', (_, open) => {
  let storage: FileStorage;
  beforeAll(() => {
    storage = open();
  });
  const get = async (path: string) => textOf(await storage.get(path, { signal }));

  it('gives back what was put, whole and in its order, and replaces it', async () => {
    const path = newPath();
    await storage.put(path, chunks('one ', 'two ', 'three'), options);
    await expect(get(path)).resolves.toBe('one two three');
    await storage.put(path, chunks('four'), { ...options, sizeBytes: 4 });
    await expect(get(path)).resolves.toBe('four');
  });

  it('keeps many megabytes to the byte', async () => {
    const [path, block] = [newPath(), randomBytes(1024 * 1024)];
    await storage.put(path, chunks(...Array<Uint8Array>(12).fill(block)), options);
    const hash = createHash('sha256');
    for await (const part of await storage.get(path, { signal })) hash.update(part);
    const expected = createHash('sha256');
    for (let index = 0; index < 12; index += 1) expected.update(block);
    expect(hash.digest('hex')).toBe(expected.digest('hex'));
  });

  it('keeps an empty file', async () => {
    const path = newPath();
    await storage.put(path, chunks(), options);
    await expect(get(path)).resolves.toBe('');
  });

  it('has nothing of a file whose source broke off, and says why it did', async () => {
    const path = newPath();
    const broken = new UnavailableError('The sender hung up', { code: 'upload_cut' });
    await expect(storage.put(path, chunks('some ', broken), options)).rejects.toBe(broken);
    await expect(get(path)).rejects.toBeInstanceOf(NotFoundError);
  });

  it('leaves the old file where a new one broke off', async () => {
    const path = newPath();
    await storage.put(path, chunks('old'), options);
    await expect(storage.put(path, chunks('new', new Error('cut')), options)).rejects.toThrow('cut');
    await expect(get(path)).resolves.toBe('old');
  });

  it('ends a put with the reason of its signal, though the source hangs', async () => {
    const path = newPath();
    const abort = new AbortController();
    const putting = storage.put(path, hanging(), { ...options, signal: abort.signal });
    const reason = new Error('cancelled');
    abort.abort(reason);
    await expect(putting).rejects.toBe(reason);
    await expect(get(path)).rejects.toBeInstanceOf(NotFoundError);
  });

  it('ends a put whose source yields nothing for too long', async () => {
    const path = newPath();
    await expect(open(200).put(path, hanging(), options)).rejects.toMatchObject({ code: 'source_stalled', retryable: true });
    await expect(get(path)).rejects.toBeInstanceOf(NotFoundError);
  });

  it('ends a get with the reason of its signal', async () => {
    const path = newPath();
    await storage.put(path, chunks(randomBytes(4 * 1024 * 1024)), options);
    const abort = new AbortController();
    const reason = new Error('cancelled');
    const stream = await storage.get(path, { signal: abort.signal });
    const reading = (async () => {
      for await (const part of stream) if (part.length > 0) abort.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
  });

  it('says that a file is not there', async () => {
    const path = newPath();
    await expect(get(path)).rejects.toMatchObject({ name: 'NotFoundError', details: { what: 'File', id: path } });
    await expect(get('deals')).rejects.toBeInstanceOf(NotFoundError);
  });

  it('removes files; what is gone already is no error', async () => {
    const [one, other, gone] = [newPath(), newPath(), newPath()];
    await storage.put(one, chunks('1'), options);
    await storage.put(other, chunks('2'), options);
    await storage.remove([one, gone], { signal });
    await storage.remove([], { signal });
    await expect(get(one)).rejects.toBeInstanceOf(NotFoundError);
    await expect(get(other)).resolves.toBe('2');
  });

  it.each(['../outside', 'deals/../../outside', '/etc/passwd', 'deals//x', 'deals/./x', '.partial/x', 'a\\b', 'a b', 'ä', 'x\u0000', '', 'a/'])(
    'takes no path such as %j',
    async (path) => {
      const refused = { name: 'PermanentError', code: 'storage_path' };
      await expect(storage.put(path, chunks('x'), options)).rejects.toMatchObject(refused);
      await expect(storage.get(path, { signal })).rejects.toMatchObject(refused);
      await expect(storage.remove([path], { signal })).rejects.toMatchObject(refused);
    },
  );
});

describe('the folder of the files', () => {
  it('holds nothing but the files: no part of one, no folder that is empty', async () => {
    const own = join(folder, 'own');
    const storage = createFolderStorage(own);
    await storage.put('deals/a/b', chunks('x'), options);
    await expect(storage.put('deals/a/c', chunks('x', new Error('cut')), options)).rejects.toThrow('cut');
    expect(readdirSync(own, { recursive: true }).sort()).toEqual(['.partial', 'deals', 'deals/a', 'deals/a/b']);
    await storage.remove(['deals/a/b'], { signal });
    expect(readdirSync(own, { recursive: true })).toEqual(['.partial']);
  });

  it('holds no more of a file on its way than a moment needs', async () => {
    const length = 40 * 1024 * 1024;
    const before = heldBuffers();
    let most = 0;
    async function* made() {
      for (let sent = 0; sent < length; sent += 65_536) {
        yield Buffer.alloc(65_536, sent % 251);
        if (sent % (8 * 1024 * 1024) === 0) most = Math.max(most, heldBuffers() - before);
      }
    }
    await createFolderStorage(folder).put(newPath(), made(), { ...options, sizeBytes: length });
    expect(most).toBeLessThan(length / 4);
  });

  it('takes files while others take their folder away for being empty', async () => {
    const storage = createFolderStorage(join(folder, 'busy'));
    let busy = true;
    // Each removal tries to take the folder away, which is empty but for a moment.
    const removing = async (): Promise<void> => {
      while (busy) await storage.remove(['deals/same/gone'], { signal });
    };
    const others = [removing(), removing(), removing()];
    for (let index = 0; index < 100; index += 1) {
      await storage.put('deals/same/file', chunks('x'), options);
      await storage.remove(['deals/same/file'], { signal });
    }
    busy = false;
    await Promise.all(others);
    await expect(storage.get('deals/same/file', { signal })).rejects.toBeInstanceOf(NotFoundError);
  });

  it('is cleared of what a process left half-written a day ago', async () => {
    const own = join(folder, 'left');
    await createFolderStorage(own).put('a', chunks('x'), options);
    for (const name of ['old', 'new']) writeFileSync(join(own, '.partial', name), 'half');
    utimesSync(join(own, '.partial', 'old'), new Date(0), new Date(0));
    await createFolderStorage(own).put('b', chunks('x'), options);
    expect(readdirSync(join(own, '.partial'))).toEqual(['new']);
  });

  it('that cannot be one can be tried again', async () => {
    writeFileSync(join(folder, 'a-file'), '');
    await expect(createFolderStorage(join(folder, 'a-file')).put('a', chunks('x'), options)).rejects.toMatchObject({
      code: 'storage_unavailable',
      retryable: true,
    });
  });
});

describe('the bucket', () => {
  it('is made, private, with the first file, also where two come first', async () => {
    const bucket = 'made-by-us';
    await Promise.all(['a', 'b'].map((path) => supabase({ bucket }).put(path, chunks(path), options)));
    await expect(server.ask('GET', `/bucket/${bucket}`)).resolves.toMatchObject({ id: bucket, public: false });
    expect([...server.files.keys()].filter((key) => key.startsWith(bucket)).sort()).toEqual([`${bucket}/a`, `${bucket}/b`]);
  });

  it('is made again when it was removed meanwhile: one attempt fails, the next succeeds', async () => {
    const storage = supabase({ bucket: 'removed' });
    await storage.put('a', chunks('x'), options);
    await storage.remove(['a'], { signal });
    await server.ask('DELETE', '/bucket/removed');
    await expect(storage.get('a', { signal })).rejects.toBeInstanceOf(NotFoundError);
    await expect(storage.remove(['a'], { signal })).resolves.toBeUndefined();
    await expect(storage.put('a', chunks('x'), options)).rejects.toMatchObject({ retryable: true });
    await expect(storage.put('a', chunks('x'), options)).resolves.toBeUndefined();
  });

  it('is refused when it is public', async () => {
    await server.ask('POST', '/bucket', { id: 'open', name: 'open', public: true });
    await expect(supabase({ bucket: 'open' }).put('a', chunks('x'), options)).rejects.toMatchObject({
      name: 'PermanentError',
      code: 'storage_bucket_public',
      message: expect.stringContaining('STORAGE_BUCKET'),
    });
  });

  it('tells the size of a file beforehand where it is known', async () => {
    server.announced.length = 0;
    await supabase().put(newPath(), chunks('four'), { ...options, sizeBytes: 4 });
    await supabase().put(newPath(), chunks('four'), options);
    expect(server.announced).toEqual(['4', null]);
  });
});

describe('a Supabase Storage that does not do its part', () => {
  const through = (stallMs = 30_000) => supabase({ url: proxy.url('http'), stallMs });

  it('a wrong key is final, and names the variable', async () => {
    const wrong = supabase({ serviceKey: 'sb_secret_wrong' });
    const refused = { name: 'PermanentError', code: 'storage_unauthorized', message: expect.stringContaining('SUPABASE_SERVICE_ROLE_KEY') };
    await expect(wrong.put(newPath(), chunks('x'), options)).rejects.toMatchObject(refused);
    await expect(wrong.get(newPath(), { signal })).rejects.toMatchObject(refused);
    await expect(wrong.remove([newPath()], { signal })).rejects.toMatchObject(refused);
  });

  it('a connection that is cut in the middle of a file ends the stream, and can be tried again', async () => {
    const [path, storage] = [newPath(), through()];
    await storage.put(path, chunks(randomBytes(8 * 1024 * 1024)), options);
    const stream = await storage.get(path, { signal });
    const reading = (async () => {
      for await (const part of stream) if (part.length > 0) proxy.cut();
    })();
    await expect(reading).rejects.toMatchObject({ name: 'UnavailableError', code: 'storage_cut', retryable: true });
    await expect(textOf(await storage.get(path, { signal }))).resolves.toHaveLength((await textOf(await supabase().get(path, { signal }))).length);
  });

  it('a connection that is cut while a file is sent leaves nothing', async () => {
    const [path, storage] = [newPath(), through()];
    await storage.put(newPath(), chunks('x'), options);
    const cutting = (async function* () {
      yield randomBytes(1024 * 1024);
      proxy.cut();
      yield randomBytes(1024 * 1024);
    })();
    await expect(storage.put(path, cutting, options)).rejects.toMatchObject({ name: 'UnavailableError', retryable: true });
    await expect(supabase().get(path, { signal })).rejects.toBeInstanceOf(NotFoundError);
  });

  it('a server that is silent ends every call', async () => {
    const [path, storage] = [newPath(), through(500)];
    await supabase().put(path, chunks('x'), options);
    proxy.pause('replies');
    const late = { name: 'UnavailableError', code: 'storage_timeout', retryable: true };
    await expect(storage.put(newPath(), chunks('x'), options)).rejects.toMatchObject(late);
    await expect(storage.get(path, { signal })).rejects.toMatchObject(late);
    await expect(storage.remove([path], { signal })).rejects.toMatchObject(late);
    proxy.resume();
    proxy.cut();
  });

  it('a reader who takes long is not taken for a silent server', async () => {
    const [path, storage] = [newPath(), through(500)];
    await supabase().put(path, chunks(randomBytes(2 * 1024 * 1024)), options);
    let size = 0;
    for await (const part of await storage.get(path, { signal })) {
      // Longer than a server may be silent.
      if (size === 0) await expect(through(700).put(newPath(), hanging(), options)).rejects.toMatchObject({ code: 'source_stalled' });
      size += part.length;
    }
    expect(size).toBe(2 * 1024 * 1024);
  });

  it('no more is taken of a source than the server takes of it', async () => {
    const stand = createServer((request, response) => {
      if (request.url?.includes('/bucket')) request.resume().once('end', () => response.end('{"public":false}'));
      else request.pause();
    });
    await new Promise<void>((resolve) => stand.listen(0, '127.0.0.1', resolve));
    let taken = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (; ; taken += 65_536) yield Buffer.alloc(65_536);
    }
    // Listening on a port, so never a pipe's name.
    const storage = supabase({ url: `http://127.0.0.1:${(stand.address() as AddressInfo).port}`, stallMs: 500 });
    await expect(storage.put(newPath(), endless(), options)).rejects.toMatchObject({ code: 'storage_timeout' });
    // What the two sockets hold.
    expect(taken).toBeLessThan(32 * 1024 * 1024);
    stand.closeAllConnections();
    await new Promise((resolve) => stand.close(resolve));
  });

  it('a server that is not there can be tried again', async () => {
    await proxy.refuse();
    proxy.cut();
    await expect(through().put(newPath(), chunks('x'), options)).rejects.toMatchObject({ code: 'storage_unreachable', retryable: true });
    await proxy.accept();
  });

  it.each([
    [413, { statusCode: '413', error: 'Payload too large', message: 'The object exceeded the maximum allowed size' }, 'storage_too_large', false],
    [400, { statusCode: '403', error: 'Unauthorized', message: 'Invalid Compact JWS' }, 'storage_unauthorized', false],
    [400, { statusCode: '415', error: 'invalid_mime_type', message: 'mime type is not supported' }, 'storage_error', false],
    [544, { statusCode: '544', error: 'DatabaseTimeout', message: 'The connection to the database timed out' }, 'storage_unavailable', true],
    [503, 'upstream connect error', 'storage_unavailable', true],
    [429, { message: 'Too many requests' }, 'storage_unavailable', true],
  ])('answers of the real one that lite does not give: %i %j', async (status, body, code, retryable) => {
    const stand = createServer((request, response) => {
      request.resume().once('end', () => {
        const isBucket = request.url?.includes('/bucket');
        response.writeHead(isBucket ? 200 : status, { 'content-type': 'application/json' });
        response.end(isBucket ? '{"public":false}' : typeof body === 'string' ? body : JSON.stringify(body));
      });
    });
    await new Promise<void>((resolve) => stand.listen(0, '127.0.0.1', resolve));
    // Listening on a port, so never a pipe's name.
    const storage = supabase({ url: `http://127.0.0.1:${(stand.address() as AddressInfo).port}` });
    const failure = { code, retryable, constructor: retryable ? UnavailableError : PermanentError };
    await expect(storage.put(newPath(), chunks('x'), options)).rejects.toMatchObject(failure);
    await expect(storage.get(newPath(), { signal })).rejects.toMatchObject(failure);
    stand.closeAllConnections();
    await new Promise((resolve) => stand.close(resolve));
  });
});
