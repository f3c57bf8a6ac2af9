import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestUser } from '../support/users.ts';
import { foreignAnswers, openDeal } from './deal-world.ts';
import { type Api, startApi } from './world.ts';

let api: Api;
let [alice, bob, eve]: TestUser[] = [];
beforeAll(async () => {
  api = await startApi();
  [alice, bob, eve] = await Promise.all([api.db.signUp(), api.db.signUp(), api.db.signUp()]);
});
afterAll(() => api.stop());

const user = (who: TestUser | undefined): TestUser => {
  if (!who) throw new Error('Nobody has signed up');
  return who;
};
const as = (who: TestUser | undefined) => ({ jwt: user(who).jwt });
const actingFor = (who: TestUser | undefined) => ({ headers: { 'x-user-id': user(who).id } });

describe('POST /api/deals', () => {
  it('opens a deal; who opens it is its owner', async () => {
    const json = {
      name: 'Project Falcon',
      timeZone: 'Asia/Kolkata',
      briefTime: ' 0  6,18 * * MON-FRI',
      briefDelivery: { mail: ['team@example.com'], webhook: true },
    };
    const { status, headers, body } = await api.call('POST', '/api/deals', { json, ...as(alice) });
    const { deal } = body.data;
    expect([status, headers.get('location')]).toEqual([201, `/api/deals/${deal.id}`]);
    const kept = { ...json, briefTime: '0 6,18 * * MON-FRI', description: null, status: 'active', createdBy: user(alice).id };
    expect(deal).toEqual({ ...kept, id: expect.any(String), createdAt: expect.any(String), updatedAt: expect.any(String) });
    const members = await api.call('GET', `/api/deals/${deal.id}/members`, as(alice));
    expect(members.body.data.members).toEqual([{ userId: user(alice).id, role: 'owner' }]);
  });

  it('may be repeated with the same id, by those who are in it', async () => {
    const id = randomUUID();
    const replies = [];
    for (const caller of [as(alice), as(alice), as(eve), {}])
      replies.push(await api.call('POST', '/api/deals', { json: { name: 'Once', id }, ...caller }));
    expect(replies.map(({ status }) => status)).toEqual([201, 200, 404, 200]);
    expect(replies[1]?.body.data.deal).toEqual(replies[0]?.body.data.deal);
  });

  it.each([
    [{ name: ' ' }, 'body.name'],
    [{ name: 'x', timeZone: 'Mars/Olympus' }, 'body.timeZone'],
    [{ name: 'x', briefTime: '0 8 * *' }, 'body.briefTime'],
    [{ name: 'x', briefTime: '0 0 31 2 *' }, 'body.briefTime'],
    [{ name: 'x', briefDelivery: { mail: ['nobody'] } }, 'body.briefDelivery.mail.0'],
    [{ name: 'x', status: 'open' }, 'body.status'],
    [{ name: 'x', colour: 'red' }, 'body'],
  ])('400 names what is wrong with %j', async (json, path) => {
    const { status, body } = await api.call('POST', '/api/deals', { json, ...as(alice) });
    expect([status, body.error.code, body.error.details.issues[0].path]).toEqual([400, 'invalid_input', path]);
  });
});

describe('GET /api/deals', () => {
  it('lists one’s own, newest first, page by page; a service sees all', async () => {
    const own = await api.db.signUp();
    const made = [];
    for (let count = 0; count < 3; count += 1) made.unshift(await openDeal(api, { jwt: own.jwt }));
    await api.call('PATCH', `/api/deals/${made[0]}`, { json: { status: 'closed' }, jwt: own.jwt });
    for (const caller of [{ jwt: own.jwt }, actingFor(own)]) {
      const first = (await api.call('GET', '/api/deals?limit=2', caller)).body.data;
      const second = (await api.call('GET', `/api/deals?limit=2&cursor=${first.nextCursor}`, caller)).body.data;
      expect([...first.deals, ...second.deals].map(({ id }) => id)).toEqual(made);
      expect(second.nextCursor).toBeNull();
      expect((await api.call('GET', '/api/deals?status=closed', caller)).body.data.deals.map(({ id }: { id: string }) => id)).toEqual([made[0]]);
    }
    const all = (await api.call('GET', '/api/deals?limit=100')).body.data.deals.map(({ id }: { id: string }) => id);
    expect(all).toEqual(expect.arrayContaining(made));
  });
});

describe('PATCH /api/deals/:id', () => {
  it('changes what is named, and nothing else; null takes back to the default', async () => {
    const id = await openDeal(api, { json: { name: 'Old', description: 'stays', briefTime: 'off' }, ...as(alice) });
    const { body } = await api.call('PATCH', `/api/deals/${id}`, { json: { name: 'New', briefTime: null }, ...as(alice) });
    expect(body.data.deal).toMatchObject({ name: 'New', description: 'stays', briefTime: null });
    const wrong = [];
    for (const json of [{}, { briefTime: 'soon' }, { id: randomUUID() }])
      wrong.push((await api.call('PATCH', `/api/deals/${id}`, { json, ...as(alice) })).status);
    expect(wrong).toEqual([400, 400, 400]);
  });
});

describe('members of a deal', () => {
  const change = (method: string, path: string, json?: unknown, caller: object = as(alice)) =>
    api.call(method, path, { ...(json === undefined ? {} : { json }), ...caller });

  it('are let in and taken out by its owners, and see it as long as they are in it', async () => {
    const id = await openDeal(api, as(alice));
    const seen = async () => (await api.call('GET', `/api/deals/${id}`, as(bob))).status;
    expect(await seen()).toBe(404);
    const { body } = await change('POST', `/api/deals/${id}/members`, { userId: user(bob).id.toUpperCase() });
    expect(body.data.members).toEqual([
      { userId: user(alice).id, role: 'owner' },
      { userId: user(bob).id, role: 'member' },
    ]);
    expect(await seen()).toBe(200);
    expect((await change('DELETE', `/api/deals/${id}/members/${user(bob).id}`)).status).toBe(200);
    expect(await seen()).toBe(404);
  });

  it('cannot let others in unless they are owners, but may leave', async () => {
    const id = await openDeal(api, as(alice));
    await change('POST', `/api/deals/${id}/members`, { userId: user(bob).id });
    const refused = [];
    for (const caller of [as(bob), actingFor(bob)]) {
      refused.push((await change('POST', `/api/deals/${id}/members`, { userId: user(eve).id }, caller)).status);
      refused.push((await change('POST', `/api/deals/${id}/members`, { userId: user(bob).id, role: 'owner' }, caller)).status);
      refused.push((await change('DELETE', `/api/deals/${id}/members/${user(alice).id}`, undefined, caller)).status);
    }
    expect(refused).toEqual([403, 403, 403, 403, 403, 403]);
    expect((await change('DELETE', `/api/deals/${id}/members/${user(bob).id}`, undefined, as(bob))).status).toBe(200);
  });

  it('always have an owner among them, unless a service says otherwise', async () => {
    const id = await openDeal(api, as(alice));
    const own = `/api/deals/${id}/members/${user(alice).id}`;
    const last = [await change('DELETE', own), await change('POST', `/api/deals/${id}/members`, { userId: user(alice).id, role: 'member' })];
    expect(last.map(({ status, body }) => [status, body.error.code])).toEqual([
      [409, 'last_owner'],
      [409, 'last_owner'],
    ]);
    await change('POST', `/api/deals/${id}/members`, { userId: user(bob).id, role: 'owner' });
    expect((await change('DELETE', own)).status).toBe(200);
    expect((await api.call('GET', `/api/deals/${id}`, as(alice))).status).toBe(404);
    expect((await change('DELETE', `/api/deals/${id}/members/${user(bob).id}`, undefined, {})).body.data.members).toEqual([]);
  });
});

describe('briefs of a deal', () => {
  const content = { version: 1, headline: { text: 'Two risks', facts: ['f1'] } };
  /** As the worker records it. */
  const storeBrief = async (dealId: string, date: string, edition = 1) => {
    const row = { deal_id: dealId, date, edition, content, markdown: `# ${date} ${edition}`, html: `<h1>${date} ${edition}</h1>` };
    const [brief] = (await api.db.table('daily_briefs').upsert(row, { onConflict: 'deal_id,report,date' }).select('id').throwOnError()).data ?? [];
    const { date: _, ...texts } = row;
    await api.db
      .table('daily_brief_editions')
      .insert({ ...texts, brief_id: brief?.id })
      .throwOnError();
  };

  it('are listed, and had as JSON, Markdown or HTML', async () => {
    const id = await openDeal(api, as(alice));
    await storeBrief(id, '2026-11-21');
    await storeBrief(id, '2026-11-22');
    await storeBrief(id, '2026-11-22', 2);
    const { briefs, nextCursor } = (await api.call('GET', `/api/deals/${id}/briefs?limit=1`, as(alice))).body.data;
    expect(briefs).toEqual([expect.objectContaining({ date: '2026-11-22', edition: 2, report: 'daily' })]);
    const rest = await api.call('GET', `/api/deals/${id}/briefs?limit=1&cursor=${nextCursor}`, as(alice));
    expect(rest.body.data).toMatchObject({ briefs: [{ date: '2026-11-21' }], nextCursor: null });

    const path = `/api/deals/${id}/briefs/2026-11-22`;
    const json = await api.call('GET', path, as(alice));
    expect(json.body.data.brief).toMatchObject({ content, edition: 2, markdown: '# 2026-11-22 2', editions: [{ edition: 1 }, { edition: 2 }] });
    const html = await api.call('GET', path, { jwt: user(alice).jwt, headers: { accept: 'text/html' } });
    expect([html.headers.get('content-type'), html.headers.get('content-security-policy'), html.body]).toEqual([
      'text/html; charset=utf-8',
      expect.stringContaining('sandbox'),
      '<h1>2026-11-22 2</h1>',
    ]);
    const first = await api.call('GET', `${path}?edition=1&format=markdown`, as(alice));
    expect([first.headers.get('content-type'), first.body]).toEqual(['text/markdown; charset=utf-8', '# 2026-11-22 1']);
    const others = [`${path}?edition=3`, `${path}?report=weekly`, `/api/deals/${id}/briefs/2026-11-20`, `/api/deals/${id}/briefs/today`];
    const statuses = [];
    for (const other of others) statuses.push((await api.call('GET', other, as(alice))).status);
    expect(statuses).toEqual([404, 404, 404, 400]);
  });
});

describe('somebody else’s deal', () => {
  it('answers like one that does not exist, whatever is asked of it and by whom', async () => {
    const id = await openDeal(api, as(alice));
    const brief = { name: 'generate', payload: { dealId: id } };
    const calls = [
      ['GET', `/api/deals/${id}`],
      ['PATCH', `/api/deals/${id}`, { name: 'Mine' }],
      ['GET', `/api/deals/${id}/members`],
      ['POST', `/api/deals/${id}/members`, { userId: user(eve).id }],
      ['DELETE', `/api/deals/${id}/members/${user(eve).id}`],
      ['GET', `/api/deals/${id}/risks`],
      ['GET', `/api/deals/${id}/blockers`],
      ['GET', `/api/deals/${id}/briefs`],
      ['GET', `/api/deals/${id}/briefs/2026-11-22`],
      ['GET', `/api/risks?dealId=${id}`],
      ['GET', `/api/documents?dealId=${id}`],
      ['GET', `/api/emails?dealId=${id}`],
      ['POST', '/api/emails', { dealId: id, text: 'Hello' }],
      ['POST', '/api/queue/daily-brief/jobs', brief],
    ] as const;
    const expected = calls.flatMap(([method, path]) => [`${method} ${path}`, `${method} ${path}`]).map((call) => [call, 404, 'not_found']);
    expect(await foreignAnswers(api, user(eve), calls)).toEqual(expected);
    expect((await api.call('POST', '/api/queue/daily-brief/jobs', { json: brief, ...as(alice) })).status).toBe(201);
  });

  it('only the scheduler says when a brief was due', async () => {
    const id = await openDeal(api, as(alice));
    const json = { name: 'generate', payload: { dealId: id, dueAt: '2026-11-22T08:00:00Z' } };
    const { status, body } = await api.call('POST', '/api/queue/daily-brief/jobs', { json, ...as(alice) });
    expect([status, body.error.details.issues[0].path]).toEqual([400, 'body.payload.dueAt']);
  });

  it('an id that is none is named', async () => {
    const { status, body } = await api.call('GET', '/api/deals/deal-id-123', as(alice));
    expect([status, body.error.details.issues[0].path]).toEqual([400, 'params.id']);
  });
});
