import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import PostalMime from 'postal-mime';
import type { SMTPServer, SMTPServerOptions } from 'smtp-server';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createBriefSender, type DeliveryDeps, deliverDueBriefs } from '../../lib/briefs/deliver.ts';
import { sendMail } from '../../lib/briefs/deliver-mail.ts';
import { postBrief } from '../../lib/briefs/deliver-webhook.ts';
import type { ClaimedDelivery } from '../../lib/db/brief-types.ts';
import { deadlineIn } from '../../lib/lifecycle.ts';
import { silentLogger } from '../../lib/log.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';
import { startHook, startInbox } from './receivers.ts';
import { changesOf, dealIn, factsIn, recorded } from './samples.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const from = 'Hivepulse <briefs@deals.example>';
const delivery = (changes: Partial<ClaimedDelivery> = {}): ClaimedDelivery => ({
  editionId: 'b7c1a7a2-7a4e-4ff0-8d3c-0a4b1f9f5c11',
  channel: 'mail:ann@example.com',
  attempt: 1,
  dealId: randomUUID(),
  deal: 'Project Falcon',
  report: 'daily',
  date: '2026-11-22',
  edition: 2,
  content: { version: 1, title: 'Daily brief' },
  markdown: '# A brief – **now**\n',
  html: '<h1>A brief – now</h1>',
  ...changes,
});

const later = <T extends { stop(): Promise<void> }>(part: T): T => {
  ends.push(part.stop);
  return part;
};
const smtp = async (...options: Parameters<typeof startInbox>) => later(await startInbox(...options));
const webhook = async (...options: Parameters<typeof startHook>) => later(await startHook(...options));

const refusal = (responseCode: number, message: string) => Object.assign(new Error(message), { responseCode });
const mailTo = (smtpUrl: string, address = 'ann@example.com', changes: Partial<ClaimedDelivery> = {}) =>
  sendMail(delivery(changes), address, { smtpUrl, from, timeoutMs: 2_000 });

describe('a brief by mail', () => {
  it.each([
    ['where the server offers encryption', {}, 'smtp'],
    ['encrypted from the start', { secure: true }, 'smtps'],
    ['where there is no encryption', { disabledCommands: ['STARTTLS'] }, 'smtp'],
  ])('has its text, its HTML and a Message-ID that follows from the edition, %s', async (_, options, scheme) => {
    const inbox = await smtp(options, scheme);
    expect(await mailTo(inbox.url)).toEqual({ outcome: 'sent' });
    const [mail] = inbox.mails;
    expect(mail?.to).toEqual(['ann@example.com']);
    const read = await PostalMime.parse(mail?.raw ?? '');
    expect(read).toMatchObject({
      from: { name: 'Hivepulse', address: 'briefs@deals.example' },
      to: [{ address: 'ann@example.com' }],
      subject: 'Daily brief: Project Falcon, 22 November 2026 (edition 2)',
      messageId: '<brief-b7c1a7a2-7a4e-4ff0-8d3c-0a4b1f9f5c11@deals.example>',
      text: expect.stringMatching(/^# A brief – \*\*now\*\*\n+$/u),
      html: expect.stringContaining('<h1>A brief – now</h1>'),
    });
    expect(read.headers.find(({ key }) => key === 'auto-submitted')?.value).toBe('auto-generated');
  });

  it('has no header that the name of a deal makes up', async () => {
    const inbox = await smtp();
    await mailTo(inbox.url, 'ann@example.com', { deal: 'Falcon\r\nBcc: eve@example.com\r\n\r\nHello', edition: 1 });
    const read = await PostalMime.parse(inbox.mails[0]?.raw ?? '');
    expect(read.subject).toBe('Daily brief: Falcon Bcc: eve@example.com Hello, 22 November 2026');
    expect([read.bcc, inbox.mails[0]?.to]).toEqual([undefined, ['ann@example.com']]);
  });

  it.each(['ann', 'ann@a, eve@example.com', 'ann@example.com\r\nBcc: eve@example.com', '"ann"@example.com', 'Ann <ann@example.com>'])(
    'goes to no address like %j',
    async (address) => {
      expect(await mailTo('smtp://127.0.0.1:1', address)).toEqual({ outcome: 'failed', error: 'not an e-mail address' });
    },
  );

  it.each<[string, SMTPServerOptions, object]>([
    [
      'a recipient that is refused',
      { onRcptTo: (_a, _s, done) => done(refusal(550, 'no such user')) },
      { outcome: 'failed', error: expect.stringContaining('550') },
    ],
    [
      'a recipient that is busy',
      { onRcptTo: (_a, _s, done) => done(refusal(450, 'greylisted')) },
      { outcome: 'again', error: expect.stringContaining('450') },
    ],
    [
      'a message that is refused',
      { onData: (stream, _s, done) => void stream.resume().on('end', () => done(refusal(552, 'too big'))) },
      { outcome: 'failed' },
    ],
    [
      'a message that is put off',
      { onData: (stream, _s, done) => void stream.resume().on('end', () => done(refusal(451, 'later'))) },
      { outcome: 'again' },
    ],
    [
      'a login that is refused',
      { authOptional: false, onAuth: (_a, _s, done) => done(refusal(535, 'bad password hunter2')) },
      { outcome: 'failed', error: 'the mail server refused the login (535)' },
    ],
  ])('of %s', async (_, options, became) => {
    const inbox = await smtp(options);
    expect(await mailTo(inbox.url.replace('//', '//user:hunter2@'))).toMatchObject(became);
  });

  it('whose connection is cut before the server has it may be sent again; after that, nobody knows', async () => {
    const cut = (session: { id: string }, servers: SMTPServer[]) => {
      for (const server of servers)
        for (const connection of server.connections as Set<{ id: string; _socket: { destroy(): void } }>)
          if (connection.id === session.id) connection._socket.destroy();
    };
    const servers: SMTPServer[] = [];
    const atRecipient = await smtp({
      onRcptTo(_address, session) {
        servers.push(this as unknown as SMTPServer);
        cut(session, [this as unknown as SMTPServer]);
      },
    });
    expect(await mailTo(atRecipient.url)).toMatchObject({ outcome: 'again' });
    const afterData = await smtp({
      onData(stream, session) {
        stream.resume().on('end', () => cut(session, [this as unknown as SMTPServer]));
      },
    });
    expect(await mailTo(afterData.url)).toMatchObject({ outcome: 'failed', error: expect.stringMatching(/^unknown/u) });
  });

  it('that a silent server has not taken may be sent again; one that it has, not', async () => {
    const sockets = createTcpServer();
    await new Promise<void>((resolve) => sockets.listen(0, '127.0.0.1', resolve));
    ends.push(() => sockets.close());
    const silent = `smtp://127.0.0.1:${(sockets.address() as AddressInfo).port}`;
    const quick = { from, timeoutMs: 200 };
    expect(await sendMail(delivery(), 'ann@example.com', { smtpUrl: silent, ...quick })).toMatchObject({ outcome: 'again' });
    const mute = await smtp({ onData: (stream) => void stream.resume() });
    expect(await sendMail(delivery(), 'ann@example.com', { smtpUrl: mute.url, ...quick })).toMatchObject({
      outcome: 'failed',
      error: expect.stringMatching(/^unknown/u),
    });
    expect(await mailTo('smtp://127.0.0.1:1')).toMatchObject({ outcome: 'again', error: expect.not.stringContaining('127.0.0.1') });
  });
});

describe('a brief by webhook', () => {
  it('is posted as JSON, with the edition as its idempotency key', async () => {
    const hook = await webhook();
    const sent = delivery({ channel: 'webhook' });
    expect(await postBrief(sent, { webhookUrl: hook.url })).toEqual({ outcome: 'sent' });
    const { dealId, date, report, edition, content, markdown, html } = sent;
    expect(JSON.parse(hook.posts[0]?.body ?? '')).toEqual({ dealId, date, report, edition, content, markdown, html });
    expect(hook.posts[0]?.headers).toMatchObject({ 'idempotency-key': sent.editionId, 'content-type': 'application/json' });
  });

  it.each<[string, (response: ServerResponse) => void, string]>([
    ['500', (response) => response.writeHead(500).end(), 'again'],
    ['429', (response) => response.writeHead(429).end(), 'again'],
    ['404', (response) => response.writeHead(404).end(), 'failed'],
    ['a redirect', (response) => response.writeHead(302, { location: '/elsewhere' }).end(), 'again'],
    ['a cut', (response) => response.socket?.destroy(), 'again'],
    ['silence', () => undefined, 'again'],
  ])('answered with %s', async (_, answer, outcome) => {
    const hook = await webhook(answer);
    const became = await postBrief(delivery({ channel: 'webhook' }), { webhookUrl: hook.url, timeoutMs: 200 });
    expect(became).toMatchObject({ outcome });
    expect(JSON.stringify(became)).not.toContain('hook-secret');
    expect(hook.posts).toHaveLength(1);
  });
});

describe('what is due', () => {
  let embedded: EmbeddedTestDb;
  beforeAll(async () => {
    embedded = await startEmbeddedDb();
  });
  afterAll(() => embedded?.stop());

  async function setUp(briefDelivery: { mail?: string[]; webhook?: boolean }, changes: Partial<DeliveryDeps> = {}) {
    const { db } = embedded;
    const deal = await dealIn(db, { briefDelivery });
    const edition = changesOf(await factsIn(db, deal));
    await recorded(db, deal, edition);
    const lines: unknown[][] = [];
    const note = (...line: unknown[]) => lines.push(line);
    const log = Object.assign(Object.create(silentLogger), { info: note, warn: note });
    const deps: DeliveryDeps = { briefs: db.briefs, log, ...changes };
    const states = async () =>
      (await db.briefs.deliveries([String(edition.editionId)])).map(({ channel, status, attempts }) => `${channel} ${status} ${attempts}`);
    return { deps, states, lines, editionId: edition.editionId };
  }

  it('goes out once, whoever looks for it, and says nothing in the log that is not for it', async () => {
    const [inbox, hook] = [await smtp(), await webhook()];
    const ways = { mail: { smtpUrl: inbox.url, from }, webhook: { webhookUrl: hook.url } };
    const { deps, states, lines, editionId } = await setUp({ mail: ['ann@example.com', 'bob@example.com'], webhook: true }, ways);
    const counts = await Promise.all([1, 2, 3].map(() => deliverDueBriefs(deps)));
    expect(counts.reduce((sum, { sent }) => sum + sent, 0)).toBe(3);
    expect(await states()).toEqual(['mail:ann@example.com sent 1', 'mail:bob@example.com sent 1', 'webhook sent 1']);
    expect([inbox.mails.length, hook.posts.length]).toEqual([2, 1]);
    expect(lines.map(([fields]) => fields)).toContainEqual({ event: 'brief.sent', editionId, way: 'mail', attempt: 1 });
    expect(JSON.stringify(lines)).not.toMatch(/example\.com|hook-secret|127\.0\.0\.1/u);
  });

  it('and failed is put off, three times at most', async () => {
    const hook = await webhook((response) => response.writeHead(503).end());
    const finish = embedded.db.briefs.finishDelivery;
    // Time that would have to pass is not waited for.
    const briefs = { ...embedded.db.briefs, finishDelivery: (outcome: Parameters<typeof finish>[0]) => finish({ ...outcome, retryMs: 0 }) };
    const { deps, states } = await setUp({ webhook: true }, { briefs, webhook: { webhookUrl: hook.url } });
    expect(await deliverDueBriefs(deps)).toEqual({ sent: 0, failed: 0, postponed: 1 });
    expect(await states()).toEqual(['webhook pending 1']);
    await deliverDueBriefs(deps);
    expect(await deliverDueBriefs(deps)).toEqual({ sent: 0, failed: 1, postponed: 0 });
    expect(await deliverDueBriefs(deps)).toEqual({ sent: 0, failed: 0, postponed: 0 });
    expect([await states(), hook.posts.length]).toEqual([['webhook failed 3'], 3]);
  });

  it('waits for a process that has its way', async () => {
    const { deps, states } = await setUp({ mail: ['ann@example.com'] });
    expect(await deliverDueBriefs(deps)).toMatchObject({ sent: 0 });
    expect(await states()).toEqual(['mail:ann@example.com pending 0']);
    const inbox = await smtp();
    const sender = createBriefSender({ ...deps, mail: { smtpUrl: inbox.url, from } });
    await sender.start();
    sender.poke();
    sender.poke();
    await sender.stop(deadlineIn(10_000));
    expect([await states(), inbox.mails.length]).toEqual([['mail:ann@example.com sent 1'], 1]);
  });
});
