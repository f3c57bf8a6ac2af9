import { createHash } from 'node:crypto';
import type { drive_v3 } from '@googleapis/drive';
import { expect, it } from 'vitest';
import type { Drive } from '../../../demo/stand-ins/google/drive/contract.ts';
import { DRIVE_SCOPES, type GoogleStandIn } from '../../../demo/stand-ins/google/server.ts';
import { withGoogle } from '../../support/google.ts';
import { ME, refusal } from './gmail-client.ts';

/** Google's own client, at the stand-in. */
async function driveOf(google: GoogleStandIn, scopes: readonly string[] = DRIVE_SCOPES): Promise<drive_v3.Drive> {
  const { auth, drive } = await import('@googleapis/drive');
  const oauth = new auth.OAuth2();
  oauth.setCredentials({ access_token: google.issueTokens(ME, { scopes }).accessToken });
  return drive({ version: 'v3', auth: oauth, rootUrl: google.url });
}

async function open(): Promise<{ google: GoogleStandIn; drive: Drive; client: drive_v3.Drive }> {
  const google = await withGoogle({ accounts: { [ME]: [] } });
  return { google, drive: google.drive(ME), client: await driveOf(google) };
}

it('answers only the fields that are asked for, and few where none are', async () => {
  const { drive, client } = await open();
  const id = drive.addFile({ name: 'a.txt', content: 'A.' });
  expect((await client.files.list()).data).toEqual({
    kind: 'drive#fileList',
    incompleteSearch: false,
    files: [{ kind: 'drive#file', id, name: 'a.txt', mimeType: 'text/plain' }],
  });
  const { data } = await client.files.list({ fields: 'files(id,capabilities/canDownload)' });
  expect(data).toEqual({ files: [{ id, capabilities: { canDownload: true } }] });
});

it('finds by parents, kind, name and trash, with and, or, not and parentheses', async () => {
  const { drive, client } = await open();
  const one = drive.addFolder('One');
  const two = drive.addFolder("Two's");
  const [a, b, c] = [drive.rootId, one, two].map((parentId, n) => drive.addFile({ name: `${n}.txt`, content: 'x', parentId }));
  drive.trash(drive.addFile({ name: 'old.txt', content: 'x', parentId: one }));
  const find = async (q: string) => (await client.files.list({ q })).data.files?.map(({ id }) => id);
  expect(await find(`('${one}' in parents or '${two}' in parents) and trashed = false`)).toEqual([b, c]);
  expect(await find(`'root' in parents and mimeType != 'application/vnd.google-apps.folder'`)).toEqual([a]);
  expect(await find(`name = 'Two\\'s' or name = '1.txt' and not trashed = true`)).toEqual([two, b]);
  expect(await refusal(client.files.list({ q: 'name like 5' }))).toMatchObject({ status: 400, reason: 'invalid' });
});

it('knows the checksum of what it sends, held or made up', async () => {
  const { drive, client } = await open();
  const ids = ['Some text.', Buffer.from([0, 1, 2, 255]), { length: 200_001, seed: 7 }].map((content, n) => drive.addFile({ name: `${n}`, content }));
  for (const fileId of ids) {
    const { data } = await client.files.get({ fileId, alt: 'media' }, { responseType: 'arraybuffer' });
    const { data: about } = await client.files.get({ fileId, fields: 'md5Checksum,size' });
    // The client's type is of metadata, whatever it is asked for.
    const bytes = Buffer.from(data as unknown as ArrayBuffer);
    expect(about).toEqual({ md5Checksum: createHash('md5').update(bytes).digest('hex'), size: String(bytes.length) });
  }
});

it('names each file once in its changes, as it is now, and a folder that goes without what is in it', async () => {
  const { drive, client } = await open();
  const folder = drive.addFolder('Folder');
  const file = drive.addFile({ name: 'a.txt', content: 'A.', parentId: folder });
  const { startPageToken } = (await client.changes.getStartPageToken()).data;
  const since = async () => {
    const fields = 'newStartPageToken,changes(fileId,removed,file(name,trashed))';
    return (await client.changes.list({ pageToken: startPageToken ?? '', fields })).data.changes;
  };
  expect(await since()).toEqual([]);
  drive.rename(file, 'b.txt');
  drive.edit(file, 'B.');
  expect(await since()).toEqual([{ fileId: file, removed: false, file: { name: 'b.txt', trashed: false } }]);
  drive.rename(file, 'c.txt');
  drive.trash(folder);
  expect(await since()).toEqual([
    { fileId: file, removed: false, file: { name: 'c.txt', trashed: true } },
    { fileId: folder, removed: false, file: { name: 'Folder', trashed: true } },
  ]);
  drive.remove(folder);
  expect(await since()).toEqual([file, folder].map((fileId) => ({ fileId, removed: true })));
});

it('refuses what an account has not allowed', async () => {
  const { google, drive } = await open();
  const fileId = drive.addFile({ name: 'a.txt', content: 'A.' });
  const mailOnly = await driveOf(google, ['https://www.googleapis.com/auth/gmail.readonly']);
  expect(await refusal(mailOnly.files.list())).toMatchObject({ status: 403, reason: 'insufficientPermissions' });
  const listOnly = await driveOf(google, ['https://www.googleapis.com/auth/drive.metadata.readonly']);
  expect((await listOnly.files.list()).data.files).toHaveLength(1);
  expect(await refusal(listOnly.files.get({ fileId, alt: 'media' }))).toMatchObject({ status: 403, reason: 'insufficientPermissions' });
  const { client } = { client: await driveOf(google) };
  google.expireTokens();
  expect(await refusal(client.files.list())).toMatchObject({ status: 401 });
});

it('opens a channel once, over HTTPS or to this machine, for a week at most, and ends it for the account that has it', async () => {
  const { google, client } = await open();
  const pageToken = (await client.changes.getStartPageToken()).data.startPageToken ?? '';
  const watch = (body: drive_v3.Schema$Channel) => client.changes.watch({ pageToken, requestBody: { type: 'web_hook', ...body } });
  const address = 'https://example.com/api/webhooks/gdrive';
  const far = Date.now() + 30 * 86_400_000;
  const { data } = await watch({ id: 'one', address, token: 'secret', expiration: String(far) });
  expect(data).toMatchObject({ kind: 'api#channel', id: 'one', token: 'secret' });
  expect(Number(data.expiration)).toBeLessThan(far);
  expect(await refusal(watch({ id: 'one', address }))).toMatchObject({ status: 400, reason: 'channelIdNotUnique' });
  expect(await refusal(watch({ id: 'two', address: 'http://example.com/hook' }))).toMatchObject({ status: 400, reason: 'webhookUrlNotHttps' });
  expect(await refusal(client.channels.stop({ requestBody: { id: 'one', resourceId: 'another' } }))).toMatchObject({ status: 404 });
  await client.channels.stop({ requestBody: { id: 'one', resourceId: data.resourceId ?? null } });
  expect(google.channels.size).toBe(0);
});
