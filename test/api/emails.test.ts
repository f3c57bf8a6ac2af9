import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestUser } from '../support/users.ts';
import { foreignAnswers, openDeal } from './deal-world.ts';
import { type Api, type CallOptions, startApi } from './world.ts';

let api: Api;
let alice: TestUser;
let eve: TestUser;
let deal: string;
beforeAll(async () => {
  api = await startApi();
  [alice, eve] = await Promise.all([api.db.signUp(), api.db.signUp()]);
  deal = await openDeal(api, { jwt: alice.jwt });
});
afterAll(() => api.stop());

const own = (options: CallOptions = {}) => ({ jwt: alice.jwt, ...options });
const add = (json: object, options: CallOptions = {}) => api.call('POST', '/api/emails', own({ json: { dealId: deal, ...json }, ...options }));
const addWire = (text: string, query = `?dealId=${deal}`) =>
  api.call('POST', `/api/emails${query}`, own({ text, headers: { 'content-type': 'message/rfc822' } }));

const offer = {
  messageId: '<offer-1@example.com>',
  fromName: 'Ana Silva',
  fromAddress: 'ana@example.com',
  recipients: [{ name: null, address: 'counsel@example.com' }],
  subject: 'Disclosure schedules',
  sentAt: '2026-11-22T09:00:00+01:00',
  text: 'We cannot sign before the schedules are complete.',
};

describe('POST /api/emails', () => {
  it('stores an e-mail and asks for its sentiment and for what holds its thread up', async () => {
    const { status, headers, body } = await add(offer);
    const { email, jobs, deduplicated } = body.data;
    expect([status, headers.get('location'), deduplicated]).toEqual([201, `/api/emails/${email.id}`, false]);
    expect(email).toMatchObject({
      ...offer,
      messageId: 'offer-1@example.com',
      threadId: 'offer-1@example.com',
      sentAt: '2026-11-22T08:00:00.000Z',
      dealId: deal,
      createdBy: alice.id,
      sentiment: null,
      source: 'api',
    });
    expect(jobs.map(({ operation }: { operation: string }) => operation)).toEqual(['analyze_sentiment', 'detect_blocker']);
    const job = await api.queue.getJob('email-processing', jobs[1].jobId);
    expect(job).toMatchObject({ name: 'detect_blocker', payload: { emailId: email.id, dealId: deal }, userId: alice.id });
  });

  it('keeps a reply in the thread of what it replies to', async () => {
    await add({ ...offer, messageId: 'first@x', threadId: 'provider thread 17' });
    const reply = await add({ text: 'Attached.', messageId: '<second@x>', inReplyTo: '<first@x>' });
    const late = await add({ text: 'Before what it replies to.', inReplyTo: '<not-there@x>' });
    expect([reply, late].map(({ body }) => body.data.email.threadId)).toEqual(['provider thread 17', 'not-there@x']);
  });

  it('stores a Message-ID once in a deal', async () => {
    const first = await add({ ...offer, messageId: '<once@x>' });
    const again = await add({ ...offer, messageId: 'once@x', text: 'Other words' });
    expect([again.status, again.body.data]).toEqual([200, { email: first.body.data.email, jobs: [], deduplicated: true }]);
    const other = await openDeal(api, own());
    expect((await add({ ...offer, messageId: '<once@x>', dealId: other })).status).toBe(201);
  });

  it('reads a mail as it came over the wire, and knows it again', async () => {
    const mail = [
      'From: =?utf-8?q?Ren=C3=A9?= <rene@example.com>',
      'To: Team <team@example.com>, counsel@example.com',
      'Date: Sun, 22 Nov 2026 09:00:00 +0100',
      'Message-ID: <wire@x>',
      'References: <thread@x> <before@x>',
      'In-Reply-To: <before@x>',
      'Subject: =?utf-8?b?w5xiZXJuYWhtZQ==?=',
      'Content-Type: multipart/alternative; boundary=b',
      '',
      '--b',
      'Content-Type: text/plain; charset=iso-8859-1',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'Die =DCbernahme wartet.',
      '--b--',
      '',
    ].join('\r\n');
    const { status, body } = await addWire(mail);
    expect([status, body.data.email]).toEqual([
      201,
      expect.objectContaining({
        fromName: 'René',
        fromAddress: 'rene@example.com',
        recipients: [
          { name: 'Team', address: 'team@example.com' },
          { name: null, address: 'counsel@example.com' },
        ],
        messageId: 'wire@x',
        inReplyTo: 'before@x',
        threadId: 'thread@x',
        subject: 'Übernahme',
        sentAt: '2026-11-22T08:00:00.000Z',
        text: expect.stringContaining('Die Übernahme wartet.'),
      }),
    ]);
    expect((await addWire(mail)).status).toBe(200);
  });

  it('400, 413, 415 and 422 say what is wrong', async () => {
    const replies = [
      await add({ text: ' ' }),
      await add({ ...offer, sentAt: 'yesterday' }),
      await add({ ...offer, colour: 'red' }),
      await addWire('From: a@b.c\r\n\r\nHello', ''),
      await addWire('Hello'),
      await addWire(`From: a@b.c\r\n\r\n${'\n'.repeat(700_000)}`),
      await api.call('POST', `/api/emails?dealId=${deal}`, own({ text: 'a,b', headers: { 'content-type': 'text/csv' } })),
    ];
    expect(replies.map(({ status, body }) => [status, body.error.details?.issues?.[0].path ?? body.error.code])).toEqual([
      [400, 'body.text'],
      [400, 'body.sentAt'],
      [400, 'body'],
      [400, 'query.dealId'],
      [422, 'email_unreadable'],
      [413, 'email_too_large'],
      [415, 'unsupported_media_type'],
    ]);
  });

  it('takes a text far longer than other bodies may be', async () => {
    const text = 'word '.repeat(200_000).trim();
    const { status, body } = await add({ text });
    expect([status, body.data.email.text.length]).toEqual([201, text.length]);
    expect((await add({ text: 'x'.repeat(1_000_001) })).status).toBe(400);
  });
});

describe('reading e-mails', () => {
  it('lists a deal’s e-mails and those of a thread, newest first, without their texts, page by page', async () => {
    const room = await openDeal(api, own());
    const made: string[] = [];
    for (const threadId of ['a', 'b', 'a']) made.unshift((await add({ ...offer, dealId: room, messageId: null, threadId })).body.data.email.id);
    const list = async (query: string) => (await api.call('GET', `/api/emails?dealId=${room}${query}`, own())).body.data;
    const first = await list('&limit=2');
    const second = await list(`&limit=2&cursor=${first.nextCursor}`);
    expect([...first.emails, ...second.emails].map(({ id }: { id: string }) => id)).toEqual(made);
    expect([second.nextCursor, 'text' in first.emails[0]]).toEqual([null, false]);
    expect((await list('&threadId=a')).emails.map(({ id }: { id: string }) => id)).toEqual([made[0], made[2]]);
  });

  it('shows one whole, and how far its steps are', async () => {
    const { id } = (await add({ ...offer, messageId: null })).body.data.email;
    const { email } = (await api.call('GET', `/api/emails/${id}`, own())).body.data;
    expect([email.text, email.steps.map(({ operation, status }: Record<string, string>) => [operation, status]).sort()]).toEqual([
      offer.text,
      [
        ['analyze_sentiment', 'queued'],
        ['detect_blocker', 'queued'],
      ],
    ]);
  });

  it('lists what holds a deal up', async () => {
    const room = await openDeal(api, own());
    const row = { deal_id: room, summary: 'The schedules are missing', message_ids: ['offer-1@example.com'], opened_at: '2026-11-22T08:00:00Z' };
    const items = [{ what: 'Complete the schedules', owedBy: 'Ana Silva', owedTo: null, dueDate: '2026-11-27', messageIds: ['offer-1@example.com'] }];
    await api.db
      .table('deal_blockers')
      .insert([
        { ...row, thread_id: 'a', status: 'open', items },
        { ...row, thread_id: 'b', status: 'resolved' },
      ])
      .throwOnError();
    const list = async (query: string) => (await api.call('GET', `/api/deals/${room}/blockers${query}`, own())).body.data;
    expect((await list('?status=open')).blockers).toEqual([expect.objectContaining({ threadId: 'a', summary: row.summary, items })]);
    const first = await list('?limit=1');
    expect([first.blockers.length, (await list(`?limit=1&cursor=${first.nextCursor}`)).blockers.length]).toEqual([1, 1]);
  });
});

describe('POST /api/emails/:id/process', () => {
  it('asks for both steps, or the one named; each job once while it is unfinished', async () => {
    const { email, jobs } = (await add({ ...offer, messageId: null })).body.data;
    const both = await api.call('POST', `/api/emails/${email.id}/process`, own());
    expect([both.status, both.body.data.jobs]).toEqual([202, jobs.map((job: object) => ({ ...job, deduplicated: true }))]);
    const one = await api.call('POST', `/api/emails/${email.id}/process`, own({ json: { operation: 'detect_blocker', force: true } }));
    expect(one.body.data.jobs).toEqual([expect.objectContaining({ operation: 'detect_blocker' })]);
    expect((await api.call('POST', `/api/emails/${email.id}/process`, own({ json: { operation: 'translate' } }))).status).toBe(400);
  });
});

describe('somebody else’s e-mail', () => {
  it('answers like one that does not exist, also by the routes of jobs', async () => {
    const { email } = (await add({ ...offer, messageId: null })).body.data;
    const room = await openDeal(api, { jwt: eve.jwt });
    const job = (dealId: string) => ({ name: 'detect_blocker', payload: { emailId: email.id, dealId } });
    const calls = [
      ['GET', `/api/emails/${email.id}`],
      ['POST', `/api/emails/${email.id}/process`, {}],
      ['POST', '/api/emails', { dealId: deal, text: 'Hello' }],
      ['POST', '/api/queue/email-processing/jobs', job(deal)],
      ['POST', '/api/queue/email-processing/jobs', job(room)],
    ] as const;
    const expected = calls.flatMap(([method, path]) => [`${method} ${path}`, `${method} ${path}`]).map((call) => [call, 404, 'not_found']);
    expect(await foreignAnswers(api, eve, calls)).toEqual(expected);
    const wire = await api.call('POST', `/api/emails?dealId=${deal}`, {
      jwt: eve.jwt,
      text: 'From: a@b.c\r\n\r\nHi',
      headers: { 'content-type': 'message/rfc822' },
    });
    expect(wire.status).toBe(404);
    expect((await api.call('POST', '/api/queue/email-processing/jobs', own({ json: job(deal) }))).status).toBe(200);
  });
});
