import { globSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Chunk, type MimeNode, Splitter } from 'mailsplit';
import { describe, expect, it } from 'vitest';
import type { Payload } from '../../../demo/stand-ins/google/message.ts';
import { startEmulator, withGoogle } from '../../support/google.ts';
import { gmailOf, ME, mail } from './gmail-client.ts';

const userId = 'me';
const SAMPLES = fileURLToPath(new URL('../../../examples/data/mail', import.meta.url));
const samples = globSync('*/*.eml', { cwd: SAMPLES }).sort();

type Leaf = [type: string, filename: string, text: string];

/** As an independent splitter sees the mail. */
async function leavesByMailsplit(eml: Buffer): Promise<Leaf[]> {
  const bodies = new Map<MimeNode, Buffer[]>();
  for await (const chunk of Readable.from([eml]).pipe(new Splitter()) as AsyncIterable<Chunk>) {
    if (chunk.type === 'node') bodies.set(chunk, []);
    else if (chunk.type === 'body') bodies.get(chunk.node)?.push(chunk.value);
  }
  const found = await Promise.all(
    [...bodies].map(async ([node, chunks]): Promise<Leaf[]> => {
      if (node.multipart) return [];
      const decoder = node.getDecoder();
      decoder.end(Buffer.concat(chunks));
      const decoded = await buffer(decoder);
      // A mail within the mail: split on the way, or left whole.
      if (node.contentType === 'message/rfc822') return decoded.length > 0 ? leavesByMailsplit(decoded) : [];
      return [[node.contentType || 'text/plain', node.filename || '', decoded.toString('base64url')]];
    }),
  );
  return found.flat();
}

function leavesOf(part: Payload): Payload[] {
  return part.parts ? part.parts.flatMap(leavesOf) : [part];
}

describe('a message in full', () => {
  it.each(samples)('has the parts of %s that another splitter finds', async (name) => {
    const eml = readFileSync(`${SAMPLES}/${name}`);
    const google = await withGoogle({ accounts: { [ME]: [{ eml }] } });
    const gmail = await gmailOf(google);
    const id = google.mailbox(ME).mails[0]?.id ?? '';
    const { data } = await gmail.users.messages.get({ userId, id });
    // Google's types let everything be absent.
    const found = await Promise.all(
      leavesOf(data.payload as Payload).map(async ({ mimeType, filename, body }): Promise<Leaf> => {
        const { attachmentId: attachment, data: text = '' } = body;
        if (attachment === undefined) return [mimeType, filename, text];
        const read = await gmail.users.messages.attachments.get({ userId, messageId: id, id: attachment });
        expect(read.data.size).toBe(body.size);
        return [mimeType, filename, read.data.data ?? ''];
      }),
    );
    expect(found).toEqual(await leavesByMailsplit(eml));
    const raw = await gmail.users.messages.get({ userId, id, format: 'raw' });
    expect(Buffer.from(raw.data.raw ?? '', 'base64url').equals(eml)).toBe(true);
  });

  it('keeps headers as they are, texts in their charset, and names files', async () => {
    const eml = Buffer.concat([
      Buffer.from(
        [
          'Subject: =?ISO-8859-1?Q?Gr=FC=DFe?=',
          'X-Long: one',
          '\ttwo',
          'Content-Type: multipart/mixed; boundary="a"',
          '',
          'preamble',
          '--a',
          'Content-Type: text/plain; charset=ISO-8859-1',
          'Content-Transfer-Encoding: 8bit',
          '',
          '',
        ].join('\r\n'),
      ),
      Buffer.from('Grüße & Küsse', 'latin1'),
      Buffer.from(
        [
          '',
          '--a',
          "Content-Disposition: attachment; filename*0*=UTF-8''%E2%82%AC; filename*1=uro.txt",
          'Content-Type: text/plain',
          'Content-Transfer-Encoding: base64',
          '',
          'aGFsbG8=',
          '--a--',
          'epilogue',
        ].join('\r\n'),
      ),
    ]);
    const google = await withGoogle({ accounts: { [ME]: [{ eml }] } });
    const { data } = await (await gmailOf(google)).users.messages.get({ userId, id: google.mailbox(ME).mails[0]?.id ?? '' });
    expect(data).toMatchObject({ snippet: 'Grüße &amp; Küsse', sizeEstimate: eml.length });
    expect(data.payload).toMatchObject({
      partId: '',
      mimeType: 'multipart/mixed',
      headers: [{ name: 'Subject', value: '=?ISO-8859-1?Q?Gr=FC=DFe?=' }, { name: 'X-Long', value: 'one\ttwo' }, {}],
      body: { size: 0 },
      parts: [
        { partId: '0', filename: '', body: { size: 13, data: Buffer.from('Grüße & Küsse', 'latin1').toString('base64url') } },
        { partId: '1', filename: '€uro.txt', body: { size: 5, attachmentId: expect.any(String) } },
      ],
    });
    expect(data.payload?.parts?.[1]?.body?.data).toBeUndefined();
  });
});

describe('beside an emulator that others wrote', () => {
  /** The same mail in both. */
  async function both() {
    const emulator = await startEmulator({
      google: {
        users: [{ email: ME, name: 'Me' }],
        messages: [
          { id: 'msg_1', user_email: ME, from: 'Ada <ada@example.com>', to: ME, subject: 'One', body_text: 'Hello.', label_ids: ['INBOX', 'UNREAD'] },
        ],
      },
      tokens: { 'emulator-token': { login: ME, scopes: [] } },
    });
    const google = await withGoogle({ accounts: { [ME]: [] } });
    const start = google.mailbox(ME).historyId.toString();
    google.mailbox(ME).deliver({ eml: mail('One') });
    const own = { url: google.url, token: google.issueTokens(ME).accessToken, start };
    return [own, { url: emulator.url, token: 'emulator-token', start: '1' }] as const;
  }

  interface Server {
    url: string;
    token: string;
    /** The history id before the mail. */
    start: string;
  }

  async function read(server: Server, path: string): Promise<{ messages?: { id: string }[] }> {
    const response = await fetch(`${server.url}/gmail/v1/users/me/${path}`, { headers: { authorization: `Bearer ${server.token}` } });
    // Only ids are looked at by name.
    return (await response.json()) as { messages?: { id: string }[] };
  }

  /** Names and types of all fields, sorted; of lists, of the first entry. */
  function shape(value: unknown): object {
    if (Array.isArray(value)) return value.slice(0, 1).map(shape);
    if (typeof value !== 'object' || value === null) return { type: typeof value };
    return Object.fromEntries(
      Object.entries(value)
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([name, field]) => [name, shape(field)]),
    );
  }

  it('answers have no fields that theirs have not, and of the same types', async () => {
    const [own, other] = await both();
    const idOf = async (server: Server): Promise<string> => (await read(server, 'messages')).messages?.[0]?.id ?? '';
    const [ownId, otherId] = [await idOf(own), await idOf(other)];
    for (const path of [
      'messages',
      'messages/ID',
      'messages/ID?format=minimal',
      'messages/ID?format=raw',
      'labels',
      'history?startHistoryId=START',
    ]) {
      const ask = (server: Server, id: string): Promise<unknown> => read(server, path.replace('ID', id).replace('START', server.start));
      expect(shape(await ask(other, otherId)), path).toMatchObject(shape(await ask(own, ownId)));
    }
    expect(await read(own, 'messages/0')).toEqual(await read(other, 'messages/0'));
  });
});
