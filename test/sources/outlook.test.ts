import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { MicrosoftMail } from '../../demo/stand-ins/microsoft/contract.ts';
import { startMicrosoft } from '../../demo/stand-ins/microsoft/server.ts';
import { systemClock } from '../../lib/clock.ts';
import { parseEmail } from '../../lib/emails/parse.ts';
import { loadMessageReader } from '../../lib/emails/stored.ts';
import {
  type Connector,
  CursorLostError,
  type EmailRead,
  ItemError,
  type SourceDeps,
  type SourceItem,
  type SourcePage,
} from '../../lib/sources/contract.ts';
import { outlook } from '../../lib/sources/outlook/index.ts';
import { emailOf } from '../../lib/sources/outlook/message.ts';
import type { OutlookSettings } from '../../lib/sources/outlook/settings.ts';
import { answering, backends } from '../mail/gmail/support.ts';

const ANNA = 'anna@contoso.example';
const BO = { name: 'Bo Ek', address: 'bo@example.com' };

const openStore: SourceDeps['store'] = {
  limitedUntil: async () => 0,
  limit: async () => undefined,
  acquire: async () => true,
  release: async () => undefined,
};

type Accounts = SourceDeps['accounts'];

function connect(graphBaseUrl: string, accounts: Accounts, settings: OutlookSettings = {}, store = openStore): Promise<Connector> {
  const mailboxes: SourceDeps['mailboxes'] = {
    open: () => {
      throw new Error('Outlook has none of these');
    },
  };
  const timings = { retryMs: 1, limitMs: 5, lookMs: 1 };
  const deps = { accounts, store, mailboxes, clock: systemClock, googleRootUrl: undefined, graphBaseUrl, timings };
  return outlook.connect({ connectionId: 'anna', settings, signal: new AbortController().signal }, deps);
}

const mail = (n: number, changes: Partial<MicrosoftMail> = {}): MicrosoftMail => ({
  subject: `Mail ${n}`,
  body: `This is mail number ${n}.`,
  from: BO,
  to: [{ name: 'Anna', address: ANNA }],
  internetMessageId: `<${n}@example.com>`,
  sentAt: new Date(Date.UTC(2026, 10, 1) + n * 60_000).toISOString(),
  ...changes,
});

async function open(count = 0, settings?: OutlookSettings) {
  const microsoft = await startMicrosoft();
  onTestFinished(microsoft.stop);
  const { mailbox } = microsoft.addAccount(ANNA);
  const rejected: string[] = [];
  let { accessToken } = microsoft.issueTokens(ANNA);
  const accounts: Accounts = {
    accessToken: async (_, options) => {
      if (options?.rejected === accessToken) {
        rejected.push(accessToken);
        accessToken = microsoft.issueTokens(ANNA).accessToken;
      }
      return accessToken;
    },
  };
  const ids = Array.from({ length: count }, (_, n) => mailbox.addMail(mail(n)));
  const again = (changed = settings, store = openStore): Promise<Connector> => connect(microsoft.url, accounts, changed, store);
  return { microsoft, mailbox, ids, rejected, again, connector: await again() };
}

async function all(pages: AsyncIterable<SourcePage>) {
  const read: SourcePage[] = [];
  for await (const page of pages) read.push(page);
  return {
    pages: read,
    upserts: read.flatMap(({ upserts }) => upserts),
    deletes: read.flatMap(({ deletes }) => deletes),
    cursor: read.at(-1)?.nextCursor ?? '',
  };
}

const TOKEN: Accounts = { accessToken: async () => 'token' };

/** A server that says what the stand-in never says. `LINK` in an answer is one to `/changes`; a number is a status. */
async function graphOf(answer: (path: string, query: URLSearchParams, prefer: string) => object | number) {
  return answering(({ url = '/', headers }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://graph');
    const answered = answer(pathname.replace('/v1.0', ''), searchParams, String(headers.prefer));
    const body = typeof answered === 'number' ? { error: { code: 'ErrorMadeUp' } } : answered;
    response.writeHead(typeof answered === 'number' ? answered : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body).replaceAll('LINK', `http://${headers.host}/v1.0/changes`));
  });
}

const refs = (items: readonly { ref: string }[]): string[] => items.map(({ ref }) => ref).sort();
const subjects = (items: readonly SourceItem[]): string[] => items.map(({ name }) => name).sort();
const emailsOf = (reads: readonly EmailRead[]) => reads.map((read) => (read.state === 'read' ? read.email : undefined));
const reasonOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof CursorLostError ? error.details?.reason : error),
  );

describe('the listing of a mailbox at Outlook', () => {
  it('has a thousand mails with their texts in eight calls', async () => {
    const { microsoft, connector, ids } = await open(1_000);
    const { upserts, pages } = await all(connector.full());
    expect(refs(upserts)).toEqual(ids.toSorted());
    expect(upserts.find(({ ref }) => ref === ids[7])).toMatchObject({
      kind: 'email',
      name: 'Mail 7',
      path: 'Inbox',
      modifiedAt: '2026-11-01T00:07:01.000Z',
    });
    expect(emailsOf(await connector.readEmails(upserts.filter(({ ref }) => ref === ids[7])))).toMatchObject([
      { messageId: '7@example.com', threadId: '7@example.com', text: 'This is mail number 7.', fromAddress: 'bo@example.com' },
    ]);
    expect(['mail.foldersDelta', 'batch', 'mail.delta'].map((method) => microsoft.journal.count(method))).toEqual([1, 1, 6]);
    expect([connector.calls, microsoft.journal.entries.length]).toEqual([8, 8]);
    expect(pages.map(({ complete }) => complete)).toEqual([...pages.slice(1).map(() => false), true]);
  });

  it('goes on from the page that was stored last, by another process', async () => {
    const { microsoft, connector, ids, again } = await open(600);
    const { value: first } = await connector.full()[Symbol.asyncIterator]().next();
    microsoft.journal.clear();
    const rest = await all((await again()).full(first.nextCursor));
    expect(refs([...first.upserts, ...rest.upserts])).toEqual(ids.toSorted());
    expect(microsoft.journal.count('mail.delta')).toBe(2);
    expect(microsoft.journal.count('batch')).toBe(0);
  });

  it('leaves out drafts, and folders that are not for reading', async () => {
    const { mailbox, connector } = await open(1);
    for (const folder of ['Drafts', 'Deleted Items', 'Junk Email', 'Outbox', 'Conversation History'])
      mailbox.addMail(mail(2, { isDraft: folder === 'Drafts' }), mailbox.folder(folder));
    mailbox.addMail(mail(3), mailbox.addFolder('RSS-Feeds'));
    mailbox.addMail(mail(4), mailbox.addFolder('Old', mailbox.folder('Deleted Items')));
    mailbox.addMail(mail(5, { isDraft: true }));
    mailbox.addMail(mail(6), mailbox.folder('Sent Items'));
    expect(subjects((await all(connector.full())).upserts)).toEqual(['Mail 0', 'Mail 6']);
  });

  it.each([
    [{ folders: ['Deals/nova'] }, ['Mail 2', 'Mail 3']],
    [{ folders: ['Deals/Nova'], includeSubfolders: false }, ['Mail 2']],
    [{ folders: ['Deals', 'Sent Items'] }, ['Mail 1', 'Mail 2', 'Mail 3', 'Mail 4']],
    [{ folders: ['deletedItems'] }, ['Mail 5']],
  ])('holds the folders that %j names', async (settings, expected) => {
    const { mailbox, connector } = await open(1, settings);
    const deals = mailbox.addFolder('Deals');
    const nova = mailbox.addFolder('Nova', deals);
    mailbox.addMail(mail(1), deals);
    mailbox.addMail(mail(2), nova);
    mailbox.addMail(mail(3), mailbox.addFolder('Bids', nova));
    mailbox.addMail(mail(4), mailbox.folder('Sent Items'));
    mailbox.addMail(mail(5), mailbox.folder('Deleted Items'));
    expect(subjects((await all(connector.full())).upserts)).toEqual(expected);
  });

  it('says so where a folder is not there, or where there are too many', async () => {
    const { mailbox, connector, again } = await open(1);
    const nowhere = await again({ folders: ['Deals/Nova'] });
    await expect(all(nowhere.full())).rejects.toMatchObject({ name: 'PermanentError', code: 'source_missing' });
    for (let n = 0; n < 200; n += 1) mailbox.addFolder(`Folder ${n}`);
    await expect(all(connector.full())).rejects.toMatchObject({ name: 'PermanentError', code: 'too_many_folders' });
  });

  it('begins at the time that the source names', async () => {
    const { connector, ids } = await open(70, { since: '2026-11-01T01:00:00+00:00' });
    expect(refs((await all(connector.full())).upserts)).toEqual(ids.slice(60).sort());
  });

  it('asks for well-known folders by themselves where a batch does not tell of them', async () => {
    const parts = [
      { id: 'drafts', status: 200, body: { id: 'd' } },
      { id: 'deleteditems', status: 404 },
      { id: 'junkemail', status: 429 },
    ];
    const server = await graphOf((path) => {
      if (path === '/me/mailFolders/delta') return { value: ['in', 'd', 'j'].map((id) => ({ id, displayName: id })) };
      if (path === '/$batch') return { responses: parts };
      if (path === '/me/mailFolders/junkemail') return { id: 'j' };
      return path.endsWith('/messages/delta') ? { value: [], '@odata.deltaLink': 'LINK' } : 404;
    });
    await all((await connect(server.url, TOKEN)).full());
    const asked = server.requests.map((line) => line.replace(/\?.*/, '').replace('/v1.0/me/mailFolders/', ''));
    expect(asked).toEqual([
      'GET delta',
      'POST /v1.0/$batch',
      'GET junkemail',
      'GET outbox',
      'GET syncissues',
      'GET conversationhistory',
      'GET in/messages/delta',
    ]);
  });

  it('has a mail once that moves while its folders are asked: where it is now', async () => {
    const m = (place: string) => ({ id: 'm', subject: 'Moving', body: {}, parentFolderId: place });
    const answers: Record<string, object> = {
      '/me/mailFolders/delta': { value: ['a', 'b'].map((id) => ({ id, displayName: id })) },
      '/me/mailFolders/a/messages/delta': { value: [m('a')], '@odata.deltaLink': 'LINK' },
      '/me/mailFolders/b/messages/delta': { value: [m('b')], '@odata.deltaLink': 'LINK' },
      '/me/messages/m': m('a'),
    };
    const server = await graphOf((path) => answers[path] ?? 404);
    const connector = await connect(server.url, TOKEN, { folders: ['a', 'b'] });
    expect((await all(connector.full())).upserts).toMatchObject([{ ref: 'm', place: 'a' }]);
  });

  it('is complete from that time on, also where Outlook hides mails beyond five thousand', async () => {
    const drafts = Array.from({ length: 5_000 }, (_, n) => ({ id: `draft-${n}`, isDraft: true, body: {} }));
    const dated = (id: string, receivedDateTime: string) => ({ id, subject: id, body: {}, receivedDateTime });
    const server = await graphOf((path, query) => {
      if (path === '/me/mailFolders/delta') return { value: [{ id: 'in', displayName: 'Inbox' }] };
      const value = query.has('$filter') ? drafts : [dated('old', '2026-01-31T23:59:59Z'), dated('new', '2026-02-01T00:00:00Z')];
      return { value, '@odata.deltaLink': 'LINK' };
    });
    const connector = await connect(server.url, TOKEN, { folders: ['Inbox'], since: '2026-02-01' });
    const { upserts, cursor } = await all(connector.full());
    expect(refs(upserts)).toEqual(['new']);
    expect(refs((await all(connector.changes(cursor))).upserts)).toEqual(['new']);
    const filters = server.requests.filter((line) => line.includes('/messages/delta')).map((line) => line.includes('$filter'));
    expect(filters).toEqual([true, false]);
  });
});

describe('the changes of a mailbox at Outlook', () => {
  it('name what came, what was edited, what is gone and what was moved, and nothing else', async () => {
    const { microsoft, mailbox, connector, ids } = await open(30);
    const archive = mailbox.folder('Archive');
    const { cursor, upserts: listed } = await all(connector.full());
    const came = Array.from({ length: 7 }, (_, n) => mailbox.addMail(mail(100 + n)));
    const [edited = '', another = '', third = '', gone = '', thrown = '', moved = '', seen = ''] = ids;
    mailbox.edit(edited, { subject: 'Changed' });
    mailbox.edit(another, { body: '<p>Changed</p>' });
    mailbox.edit(third, { categories: ['Red'] });
    mailbox.remove(gone);
    mailbox.move(thrown, mailbox.folder('Deleted Items'));
    mailbox.move(moved, archive);
    mailbox.edit(seen, { isRead: true });
    microsoft.journal.clear();
    const changes = await all(connector.changes(cursor));
    expect(refs(changes.upserts)).toEqual([...came, edited, another, third, moved].sort());
    const inbox = mailbox.folder('Inbox');
    const left = [gone, thrown, moved].map((ref) => ({ ref, from: inbox }));
    expect(changes.deletes).toEqual(expect.arrayContaining(left));
    expect(changes.deletes).toHaveLength(3);
    const versionOf = (items: readonly SourceItem[], id: string) => items.find(({ ref }) => ref === id)?.version;
    const isNew = [edited, another, third, moved].map((id) => versionOf(changes.upserts, id) !== versionOf(listed, id));
    expect(isNew).toEqual([true, true, false, false]);
    expect(changes.upserts.find(({ ref }) => ref === moved)?.place).toBe(archive);
    expect(microsoft.journal.entries.map(({ method }) => method).sort()).toEqual(['mail.delta', 'mail.delta', 'mail.delta', 'mail.foldersDelta']);
    expect(await all(connector.changes(changes.cursor))).toMatchObject({ upserts: [], deletes: [], pages: [{ complete: true }] });
  });

  it.each([
    [410, 'expired'],
    [404, 'folder_gone'],
    [400, 'refused'],
  ])('are lost where Graph answers with %s', async (status, reason) => {
    const server = await graphOf((path) => {
      if (path === '/me/mailFolders/delta') return { value: [{ id: 'in', displayName: 'Inbox' }] };
      return path === '/changes' ? status : { value: [], '@odata.deltaLink': 'LINK' };
    });
    const connector = await connect(server.url, TOKEN, { folders: ['Inbox'] });
    const { cursor } = await all(connector.full());
    expect(await reasonOf(all(connector.changes(cursor)))).toBe(reason);
  });

  it('list a folder that has come since', async () => {
    const { mailbox, connector } = await open(3);
    const { cursor } = await all(connector.full());
    const nova = mailbox.addFolder('Nova', mailbox.folder('Inbox'));
    const came = mailbox.addMail(mail(50), nova);
    const changes = await all(connector.changes(cursor));
    expect(changes.upserts).toMatchObject([{ ref: came, place: nova, path: 'Inbox/Nova' }]);
    expect((await all(connector.changes(changes.cursor))).upserts).toEqual([]);
  });

  it('are lost with a folder, with what Graph has forgotten, and with what is no cursor', async () => {
    const { microsoft, connector, again } = await open(600);
    const { value: page } = await connector.full()[Symbol.asyncIterator]().next();
    const { cursor } = await all(connector.full());
    expect(await reasonOf(all((await again({ folders: ['inbox'] })).changes(cursor)))).toBe('folder_left');
    microsoft.faults.forgetDeltas();
    expect(await reasonOf(all(connector.changes(cursor)))).toBe('expired');
    expect(await reasonOf(all(connector.full(page.nextCursor)))).toBe('expired');
    expect(await reasonOf(all(connector.changes('nonsense')))).toBe('unreadable');
  });
});

describe('calls to Outlook', () => {
  it('outlast a storm of 429, and a token that has run out', async () => {
    const { microsoft, connector, ids, rejected } = await open(300);
    microsoft.faults.storm({ times: 6 });
    expect(refs((await all(connector.full())).upserts)).toEqual(ids.toSorted());
    expect(microsoft.journal.entries.filter(({ status }) => status === 429)).toHaveLength(6);
    microsoft.expireTokens();
    await all(connector.full());
    expect(rejected).toHaveLength(1);
  });

  it('wait where Outlook names a time, under the key of the account', async () => {
    const { microsoft, connector } = await open(1);
    microsoft.faults.storm({ times: 1, retryAfterSeconds: 30 });
    await expect(all(connector.full())).rejects.toMatchObject({ name: 'RateLimitedError', key: 'account:microsoft:anna', retryAfterMs: 30_000 });
  });

  it('are four at a time at most, of all processes together', async () => {
    const backend = await (backends.Redis as NonNullable<(typeof backends)['Redis']>)();
    onTestFinished(backend.close);
    const { microsoft, mailbox, again } = await open(5);
    for (let n = 0; n < 12; n += 1) mailbox.addMail(mail(n), mailbox.addFolder(`Folder ${n}`));
    microsoft.faults.latencyMs = 20;
    const connectors = await Promise.all([backend.connect(), backend.connect()].map(async (store) => again({}, await store)));
    const listed = await Promise.all(connectors.map((connector) => all(connector.full())));
    expect(listed.map(({ upserts }) => upserts.length)).toEqual([17, 17]);
    expect(microsoft.faults.mostAtOnce).toBeLessThanOrEqual(4);
    expect(microsoft.journal.entries.filter(({ status }) => status === 429)).toEqual([]);
  });

  it('ask for fewer mails where Graph cannot make so large a page', async () => {
    const sizes: number[] = [];
    const server = await graphOf((path, _, prefer) => {
      if (path === '/me/mailFolders/delta') return { value: [{ id: 'in', displayName: 'Inbox' }] };
      const size = Number(/maxpagesize=(\d+)/.exec(prefer)?.[1]);
      sizes.push(size);
      return size > 10 ? 504 : { value: [{ id: 'a', body: {} }], '@odata.deltaLink': 'LINK' };
    });
    const connector = await connect(server.url, TOKEN, { folders: ['Inbox'] });
    const { cursor } = await all(connector.full());
    expect((await all(connector.changes(cursor))).upserts).toHaveLength(1);
    expect(sizes).toEqual([250, 250, 250, 250, 50, 50, 50, 50, 10, 10]);
  });
});

describe('mails of Outlook', () => {
  it('are in the thread of their references, as mails from elsewhere are', async () => {
    const { mailbox, connector } = await open();
    const headers = [
      { name: 'In-Reply-To', value: '<2@example.org>' },
      { name: 'References', value: '<1@example.org> <2@example.org>' },
    ];
    mailbox.addMail(
      mail(3, { subject: 'Re: Offer', body: 'We accept.\r\n\r\n> What do you say?', cc: [{ name: 'Cy', address: 'CY@example.com' }], headers }),
    );
    const [email] = emailsOf(await connector.readEmails((await all(connector.full())).upserts));
    const eml = [
      'From: Bo Ek <bo@example.com>',
      `To: Anna <${ANNA}>`,
      'Cc: Cy <cy@example.com>',
      'Subject: Re: Offer',
      'Date: Sun, 01 Nov 2026 00:03:00 +0000',
      'Message-ID: <3@example.com>',
      ...headers.map(({ name, value }) => `${name}: ${value}`),
      '',
      'We accept.\r\n\r\n> What do you say?',
    ].join('\r\n');
    expect(email).toEqual(await parseEmail(Buffer.from(eml)));
    expect(email?.threadId).toBe('1@example.org');
  });

  it('that were sent from here tell what they reply to by their properties, within a company by their conversation', async () => {
    const read = await loadMessageReader();
    const index = (replies: number, fill = 7): string =>
      Buffer.concat([Buffer.of(1), Buffer.alloc(21, fill), Buffer.alloc(5 * replies)]).toString('base64');
    const threadOf = (message: object): string | null => emailOf({ id: 'a', internetMessageId: '<3@example.com>', ...message }, read).threadId;
    const properties = [
      { id: 'String 0x1039', value: '<1@example.org>\r\n <2@example.org>' },
      { id: 'String 0x1042', value: '<2@example.org>' },
    ];
    expect(threadOf({ singleValueExtendedProperties: properties, conversationIndex: index(2) })).toBe('1@example.org');
    expect(threadOf({ conversationIndex: index(0) })).toBe('3@example.com');
    expect(threadOf({ conversationIndex: index(1) })).toMatch(/^conversation-[0-9a-f]{32}$/);
    expect(threadOf({ conversationIndex: index(1) })).toBe(threadOf({ conversationIndex: index(3) }));
    expect(threadOf({ conversationIndex: index(1) })).not.toBe(threadOf({ conversationIndex: index(1, 8) }));
    expect(threadOf({ conversationIndex: Buffer.alloc(27, 7).toString('base64') })).toBe('3@example.com');
  });

  it('keep what the writer answers apart from what is quoted', async () => {
    const { mailbox, connector } = await open();
    mailbox.addMail(mail(1, { body: '<div>See below.</div><blockquote type="cite">Who signs?</blockquote><div>I do.</div>' }));
    const [email] = emailsOf(await connector.readEmails((await all(connector.full())).upserts));
    expect(email?.text).toBe('See below.\n\n> Who signs?\n\nI do.');
  });

  it('come with their listing, and can be asked for by themselves', async () => {
    const { microsoft, mailbox, connector, ids } = await open(3);
    const { upserts } = await all(connector.full());
    microsoft.journal.clear();
    const [first, ...others] = await connector.readEmails(upserts);
    expect(microsoft.journal.entries).toEqual([]);
    mailbox.remove(ids[1] ?? '');
    mailbox.edit(ids[2] ?? '', { body: 'New words' });
    const again = await connector.readEmails(upserts.map(({ handle: _, ...item }) => item));
    expect(again).toMatchObject([first, { state: 'gone', ref: ids[1] }, { state: 'read', email: { text: 'New words' } }]);
    expect(others).toHaveLength(2);
    await expect(connector.open(upserts[0] as SourceItem)).rejects.toThrow(ItemError);
  });

  it('are asked for where Graph tells of a change in part, unless they were no more than read', async () => {
    const whole = { id: 'b', subject: 'Changed', body: { contentType: 'text', content: 'New words' }, from: { emailAddress: BO } };
    const changed = [
      { id: 'a', isRead: true },
      { id: 'b', subject: 'Changed' },
      { id: 'c', subject: 'Gone' },
    ];
    const answers: Record<string, object> = {
      '/me/mailFolders/delta': { value: [{ id: 'in', displayName: 'Inbox', parentFolderId: 'root' }] },
      '/me/mailFolders/in/messages/delta': { value: [], '@odata.deltaLink': 'LINK' },
      '/changes': { value: changed, '@odata.deltaLink': 'LINK' },
      '/me/messages/b': whole,
    };
    const server = await graphOf((path) => answers[path] ?? 404);
    const connector = await connect(server.url, TOKEN, { folders: ['Inbox'] });
    const { cursor } = await all(connector.full());
    const { upserts } = await all(connector.changes(cursor));
    expect(upserts).toMatchObject([{ ref: 'b', name: 'Changed' }]);
    expect(emailsOf(await connector.readEmails(upserts))).toMatchObject([{ text: 'New words' }]);
    expect(server.requests.filter((line) => line.includes('/me/messages/'))).toHaveLength(2);
  });
});

it('is told of changes until a time, which can be put off, and no more after that', async () => {
  const { microsoft, connector } = await open(1);
  const hook = createServer((request, response) => {
    const token = new URL(request.url ?? '/', 'http://hook').searchParams.get('validationToken') ?? '';
    response.writeHead(200, { 'content-type': 'text/plain' }).end(token);
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void hook.close());
  const bound = hook.address();
  const request = { address: `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}/graph`, secret: 's'.repeat(43) };
  const { watcher } = connector;
  const watch = await watcher?.start(request);
  const [subscription] = microsoft.subscriptions.values();
  expect(subscription).toMatchObject({
    id: watch?.id,
    resource: 'me/messages',
    changeType: 'created,updated,deleted',
    clientState: request.secret,
    lifecycleNotificationUrl: request.address,
    expirationDateTime: watch?.expiresAt,
  });
  if (!watch) throw new Error('nothing is watched');
  expect(await watcher?.renew(watch)).toMatchObject({ id: watch.id });
  await watcher?.stop(watch);
  await watcher?.stop(watch);
  expect(microsoft.subscriptions.size).toBe(0);
  expect(await watcher?.renew(watch)).toBeUndefined();
});
