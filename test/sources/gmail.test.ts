import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { parseEmail } from '../../lib/emails/parse.ts';
import { createMailboxes, type MailboxesDeps } from '../../lib/mail/gmail/index.ts';
import { quotaOf } from '../../lib/mail/gmail/quota.ts';
import type { Accounts } from '../../lib/oauth/contract.ts';
import { type Connector, CursorLostError, ItemError, type SourceDeps, type SourceItem, type SourcePage } from '../../lib/sources/contract.ts';
import { gmail } from '../../lib/sources/gmail/index.ts';
import type { GmailSettings } from '../../lib/sources/gmail/scope.ts';
import { ANNA, accountsOf, mail, mails, openStore } from '../mail/gmail/support.ts';
import { startEmulator, withGoogle } from '../support/google.ts';

const unlimited: SourceDeps['store'] & MailboxesDeps['store'] = { ...openStore, acquire: async () => true, release: async () => undefined };

function connect(apiRootUrl: string, accounts: Accounts, settings: GmailSettings = {}, store = unlimited): Promise<Connector> {
  const mailboxes = createMailboxes({ accounts, store, quota: quotaOf('older'), clock: systemClock, apiRootUrl, timings: { retryMs: 1 } });
  const deps = { accounts, store, mailboxes, clock: systemClock, googleRootUrl: apiRootUrl, graphBaseUrl: undefined };
  return gmail.connect({ connectionId: 'anna', settings, signal: new AbortController().signal }, deps);
}

async function open(count: number, settings?: GmailSettings) {
  const google = await withGoogle({ accounts: { [ANNA]: mails(count) }, quota: { units: 1_000_000 } });
  const accounts = accountsOf(google);
  const again = (changed = settings): Promise<Connector> => connect(google.url, accounts, changed);
  return { google, accounts, box: google.mailbox(ANNA), connector: await again(), again };
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

const refs = (items: readonly { ref: string }[]): string[] => items.map(({ ref }) => ref).sort();
const idsOf = (box: { mails: readonly { id: string }[] }): string[] => box.mails.map(({ id }) => id);

const readAll = async (connector: Connector, items: readonly SourceItem[]) => {
  const reads = [];
  for (let from = 0; from < items.length; from += connector.emailsAtOnce)
    reads.push(...(await connector.readEmails(items.slice(from, from + connector.emailsAtOnce))));
  return reads;
};

describe('the listing of a mailbox at Gmail', () => {
  it('names a thousand mails in three calls, and reads them in twenty', async () => {
    const { google, box, connector } = await open(1_000);
    const { pages, upserts } = await all(connector.full());
    expect(pages.map(({ complete }) => complete)).toEqual([false, true]);
    expect(refs(upserts)).toEqual(idsOf(box).sort());
    expect(google.requests.counts).toMatchObject({ profile: 1, list: 2, labels: 0, batch: 0 });
    const reads = await readAll(connector, upserts);
    expect(reads.filter(({ state }) => state === 'read')).toHaveLength(1_000);
    expect(google.requests.counts).toMatchObject({ batch: 20, get: 0 });
    expect(connector.calls).toBe(23);
  });

  it('goes on from the page that was stored last, by another process', async () => {
    const { google, box, connector, again } = await open(600);
    const { value: first } = await connector.full()[Symbol.asyncIterator]().next();
    const rest = await all((await again()).full(first.nextCursor));
    expect(first.upserts).toHaveLength(500);
    expect(refs([...first.upserts, ...rest.upserts])).toEqual(idsOf(box).sort());
    expect(google.requests.counts).toMatchObject({ profile: 1, list: 2 });
  });

  it.each([
    ['a page token that Gmail does not know', JSON.stringify({ historyId: '1', pageToken: '!' }), 'page_token'],
    ['what is no cursor at all', 'nonsense', 'unreadable'],
  ])('begins anew for %s', async (_, cursor, reason) => {
    const { connector } = await open(3);
    const lost = all(connector.full(cursor));
    await expect(lost).rejects.toThrow(CursorLostError);
    await expect(lost).rejects.toMatchObject({ details: { reason } });
  });

  it('is followed by what has happened since it began', async () => {
    const { box, connector } = await open(2);
    const listing = connector.full()[Symbol.asyncIterator]();
    const { value: page } = await listing.next();
    const came = box.deliver(mail(9));
    expect(refs((await all(connector.changes(page.nextCursor))).upserts)).toEqual([came]);
  });

  it('leaves out what is no mail, or is thrown away', async () => {
    const { box, connector } = await open(1);
    for (const label of ['DRAFT', 'CHAT', 'SPAM', 'TRASH']) box.deliver({ ...mail(20), labelIds: [label] });
    expect(refs((await all(connector.full())).upserts)).toEqual([box.mails.find(({ labelIds }) => labelIds.includes('INBOX'))?.id]);
  });

  it('holds mails with all labels of the source, named as people know them', async () => {
    const { google, accounts, box } = await open(3);
    const [first = '', second = ''] = idsOf(box);
    box.relabel(first, { add: ['Deals/Nova'] });
    box.relabel(second, { add: ['Deals/Nova'], remove: ['INBOX'] });
    const connector = await connect(google.url, accounts, { labelIds: ['deals/nova', 'INBOX'] });
    expect(refs((await all(connector.full())).upserts)).toEqual([first]);
    expect(google.requests.counts.labels).toBe(1);
  });

  it('says so where the mailbox has no such label', async () => {
    const { connector } = await open(1, { labelIds: ['Deals/Nova'] });
    await expect(all(connector.full())).rejects.toMatchObject({ name: 'PermanentError', code: 'source_missing' });
  });
});

describe('the changes of a mailbox at Gmail', () => {
  it('name what came, what is gone and what was relabelled, and nothing else', async () => {
    const { google, box, connector } = await open(30);
    const { cursor } = await all(connector.full());
    const [gone = '', alsoGone = '', trashed = '', starred = '', spam = ''] = idsOf(box);
    const came = Array.from({ length: 7 }, (_, n) => box.deliver(mail(100 + n)));
    box.delete(gone);
    box.delete(alsoGone);
    box.trash(trashed);
    box.relabel(starred, { add: ['STARRED'], remove: ['UNREAD'] });
    box.relabel(spam, { add: ['SPAM'] });
    box.relabel(spam, { remove: ['SPAM'] });
    box.delete(box.deliver(mail(200)));
    box.deliver({ ...mail(201), labelIds: ['DRAFT'] });
    google.requests.reset();
    const changes = await all(connector.changes(cursor));
    expect(refs(changes.upserts)).toEqual([...came, spam].sort());
    expect(changes.deletes.map(({ ref }) => ref)).toEqual(expect.arrayContaining([gone, alsoGone, trashed]));
    expect(changes.deletes).toHaveLength(4);
    expect(google.requests.counts).toMatchObject({ history: 1, list: 0, profile: 0, batch: 0 });
    const next = await all(connector.changes(changes.cursor));
    expect(next).toMatchObject({ upserts: [], deletes: [], pages: [{ complete: true }] });
  });

  it('follow labels into the source and out of it', async () => {
    const { box, connector } = await open(4, { labelIds: ['STARRED'] });
    const [first = '', second = '', spam = ''] = idsOf(box);
    box.relabel(spam, { add: ['SPAM'] });
    const { cursor, upserts } = await all(connector.full());
    expect(upserts).toEqual([]);
    box.relabel(first, { add: ['STARRED'] });
    box.relabel(spam, { add: ['STARRED'] });
    const starred = await all(connector.changes(cursor));
    expect(refs(starred.upserts)).toEqual([first]);
    box.relabel(first, { remove: ['STARRED'] });
    box.relabel(second, { remove: ['INBOX'] });
    const came = box.deliver({ ...mail(50), labelIds: ['INBOX', 'STARRED'] });
    box.deliver(mail(51));
    const changes = await all(connector.changes(starred.cursor));
    expect([refs(changes.upserts), refs(changes.deletes)]).toEqual([[came], [first]]);
  });

  it('cannot be told of a search: what happens means a new listing, quiet does not', async () => {
    const { box, connector } = await open(5, { query: 'subject:"Mail 3"' });
    const { cursor, upserts } = await all(connector.full());
    expect(upserts).toHaveLength(1);
    const quiet = await all(connector.changes(cursor));
    expect(quiet).toMatchObject({ upserts: [], pages: [{ complete: true }] });
    box.deliver(mail(60));
    await expect(all(connector.changes(quiet.cursor))).rejects.toMatchObject({ name: 'CursorLostError', details: { reason: 'query' } });
  });

  it('are lost with a history that Gmail has forgotten', async () => {
    const { box, connector } = await open(1);
    const { cursor } = await all(connector.full());
    box.forgetHistory();
    await expect(all(connector.changes(cursor))).rejects.toMatchObject({ name: 'CursorLostError', details: { reason: 'expired' } });
  });
});

describe('mails of Gmail', () => {
  it('are stored as the same mail is that was sent in as a file, in the thread that its references name', async () => {
    const { box, connector } = await open(0);
    const eml = [
      'From: Bo Ek <bo@example.com>',
      `To: ${ANNA}`,
      'Cc: Cy <cy@example.com>',
      'Subject: Re: Offer',
      'Date: Fri, 20 Nov 2026 09:00:00 +0100',
      'Message-ID: <3@example.com>',
      'In-Reply-To: <2@example.org>',
      'References: <1@example.org> <2@example.org>',
      'Content-Type: text/plain; charset=utf-8',
      '',
      'We accept.\r\n\r\n> What do you say?\r\n',
    ].join('\r\n');
    box.deliver({ eml });
    const [read] = await readAll(connector, (await all(connector.full())).upserts);
    const uploaded = await parseEmail(Buffer.from(eml));
    expect(read).toMatchObject({ state: 'read', email: uploaded });
    expect(uploaded).toMatchObject({ messageId: '3@example.com', inReplyTo: '2@example.org', threadId: '1@example.org' });
    expect(uploaded.text).toContain('> What do you say?');
  });

  it('come through when Gmail puts some off, are gone when they are, and fail alone', async () => {
    const { google, box, connector } = await open(40);
    const { upserts } = await all(connector.full());
    const ids = idsOf(box);
    google.faults.failParts({ which: 0.3, status: 429, times: 15 });
    google.faults.failParts({ which: [ids[4] ?? ''], status: 400, reason: 'failedPrecondition' });
    box.delete(ids[5] ?? '');
    box.trash(ids[6] ?? '');
    const reads = await connector.readEmails(upserts);
    const states = new Map(reads.map(({ ref, state }) => [ref, state]));
    expect(reads).toHaveLength(40);
    expect([4, 5, 6, 7].map((place) => states.get(ids[place] ?? ''))).toEqual(['failed', 'gone', 'gone', 'read']);
    expect(reads.filter(({ state }) => state === 'read')).toHaveLength(37);
  });

  it('wait where Gmail limits the account, under the key that its fetches have', async () => {
    const { google, connector } = await open(1);
    google.faults.failNext(429, { retryAfterSeconds: 30 });
    await expect(all(connector.full())).rejects.toMatchObject({ name: 'RateLimitedError', key: 'account:gmail:anna', retryAfterMs: 30_000 });
  });

  it('are read with a new token when the old one is refused', async () => {
    const { google, accounts, connector } = await open(3);
    google.expireTokens();
    expect((await all(connector.full())).upserts).toHaveLength(3);
    expect(accounts.rejected).toHaveLength(1);
  });

  it('have no documents', async () => {
    const { connector } = await open(1);
    const [item] = (await all(connector.full())).upserts;
    await expect(connector.open(item as SourceItem)).rejects.toThrow(ItemError);
  });
});

it('lists and follows a mailbox at a server that nobody here wrote', async () => {
  const messages = [1, 2, 3].map((n) => ({
    id: `msg${n}`,
    user_email: ANNA,
    from: 'Bo <bo@example.com>',
    to: ANNA,
    subject: `Mail ${n}`,
    body_text: `This is mail number ${n}.`,
    label_ids: n === 3 ? ['DRAFT'] : ['INBOX', 'UNREAD'],
    date: new Date(Date.UTC(2026, 10, n)).toISOString(),
  }));
  const emulator = await startEmulator({ google: { users: [{ email: ANNA, name: 'Anna' }], messages } });
  const connector = await connect(emulator.url, { accessToken: async () => 'gmail-token' });
  const { upserts, cursor } = await all(connector.full());
  expect(refs(upserts)).toEqual(['msg1', 'msg2']);
  const [read] = await connector.readEmails(upserts.filter(({ ref }) => ref === 'msg1'));
  expect(read).toMatchObject({ state: 'read', email: { subject: 'Mail 1', fromAddress: 'bo@example.com', text: 'This is mail number 1.' } });
  await fetch(`${emulator.url}/gmail/v1/users/me/messages/msg1/trash`, { method: 'POST', headers: { authorization: 'Bearer gmail-token' } });
  const changes = await all(connector.changes(cursor));
  expect([changes.upserts, changes.deletes]).toEqual([[], [{ ref: 'msg1' }]]);
});
