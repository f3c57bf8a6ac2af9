/** The connector at a server that nobody here wrote. It has no root folder, no pages of changes, no exports, and damages what is not text. */
import type { Server } from 'node:http';
import { createApp } from 'google-drive-mock';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Connector } from '../../lib/sources/contract.ts';
import { bytesOf, connect, store } from './gdrive-support.ts';

let server: Server;
let url: string;

beforeAll(async () => {
  server = createApp().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const FOLDER = 'application/vnd.google-apps.folder';

interface Sent {
  id: string;
  md5Checksum: string;
}

async function send(method: string, path: string, body?: unknown, type = 'application/json'): Promise<Sent> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: 'Bearer valid-token', 'content-type': type },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
  // The server's own, that nobody checks.
  return response.status === 204 ? { id: '', md5Checksum: '' } : ((await response.json()) as Sent);
}

const addFolder = async (name: string, parents: string[] = []) => (await send('POST', '/drive/v3/files', { name, mimeType: FOLDER, parents })).id;

function addFile(name: string, content: string, parent: string) {
  const metadata = JSON.stringify({ name, mimeType: 'text/plain', parents: [parent] });
  const parts = [`Content-Type: application/json\r\n\r\n${metadata}`, `Content-Type: text/plain\r\n\r\n${content}`];
  const body = `${parts.map((part) => `--part\r\n${part}\r\n`).join('')}--part--`;
  return send('POST', '/upload/drive/v3/files?uploadType=multipart', body, 'multipart/related; boundary=part');
}

const read = async (connector: Connector, item: Parameters<Connector['open']>[0]) => {
  const file = await connector.open(item);
  return file && (await bytesOf(file.content)).toString();
};

it('lists, reads and follows a folder there, and gets another token where one is refused', async () => {
  const root = await addFolder('Deal');
  const inner = await addFolder('Contracts', [root]);
  const beside = await addFolder('Beside');
  const offer = await addFile('offer.txt', 'An offer.', inner);
  const other = await addFile('other.txt', 'Another one.', root);
  await addFile('beside.txt', 'Beside it.', beside);
  const tokens = ['stale-token', 'valid-token'];
  const accounts = { accessToken: async (_: string, options?: { rejected?: string }) => (options?.rejected ? tokens[1] : tokens[0]) ?? '' };
  // Once refused, it is the valid one from the beginning.
  const kept = { accessToken: async () => 'valid-token' };
  const refused = await connect(url, accounts, { settings: { folderId: root } });
  expect(await refused.full()[Symbol.asyncIterator]().next()).toMatchObject({ done: false });

  const connector = await connect(url, kept, { settings: { folderId: root } });
  const stored = await store(connector.full());
  const named = [...stored.items.values()].map(({ path, name, version }) => [`${path}/${name}`, version]);
  expect(Object.fromEntries(named)).toEqual({ '/other.txt': other.md5Checksum, 'Contracts/offer.txt': offer.md5Checksum });
  expect(connector.calls).toBe(4);
  expect(await read(connector, stored.items.get(offer.id) ?? expect.unreachable())).toBe('An offer.');

  const added = await addFile('new.txt', 'A new one.', inner);
  const edited = await send('PATCH', `/upload/drive/v3/files/${offer.id}?uploadType=media`, 'An offer, anew.', 'text/plain');
  await send('PATCH', `/drive/v3/files/${other.id}?addParents=${beside}&removeParents=${root}`, {});
  await store(connector.changes(stored.cursor), stored);
  expect(stored.touched).toEqual({ added: [added.id], edited: [offer.id], moved: [], gone: [other.id] });
  expect(stored.items.get(offer.id)?.version).toBe(edited.md5Checksum);
  await send('DELETE', `/drive/v3/files/${added.id}`);
  const gone = stored.items.get(added.id) ?? expect.unreachable();
  await store(connector.changes(stored.cursor), stored);
  expect(stored.touched).toMatchObject({ gone: [added.id], added: [], edited: [] });
  expect(await connector.open(gone)).toBeUndefined();
  await expect(store((await connect(url, kept, { settings: { folderId: 'nothing' } })).full())).rejects.toMatchObject({ code: 'source_missing' });
});
