import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestUser } from '../support/users.ts';
import { allAnswers, analyse, createConversation } from './conversation-world.ts';
import { type Api, startApi } from './world.ts';

let api: Api;
let alice: TestUser;
beforeAll(async () => {
  api = await startApi();
  alice = await api.db.signUp();
});
afterAll(() => api.stop());

const TEXTS = ['trees', 'more trees', 'trees', '=HYPERLINK("x")', 'buses', 'night "buses"', 'odd', ''];
const PLACES: Record<string, number> = { trees: 0, 'more trees': 0, '=HYPERLINK("x")': 0, buses: 1, 'night "buses"': 1, odd: -1 };

async function analysed(title = 'Our town') {
  const id = await createConversation(api, { jwt: alice.jwt, title, responses: TEXTS });
  const { jobId, themes } = await analyse(api, id, ['Green', 'Transport'], (text) => PLACES[text]);
  const [green, transport] = themes;
  if (!green || !transport) throw new Error('two themes were saved');
  return { id, jobId, green, transport };
}

const get = (path: string, headers: Record<string, string> = {}) => api.call('GET', `/api/conversations/${path}`, { jwt: alice.jwt, headers });
const namesOf = (themes: { name: string }[]) => themes.map(({ name }) => name);

describe('themes', () => {
  it('are listed, the largest first, with the analysis they are of', async () => {
    const { id, jobId, green } = await analysed();
    const { data } = (await get(`${id}/themes`)).body;
    expect([namesOf(data.themes), data.analysisJobId, data.analysisStatus]).toEqual([['Green', 'Transport'], jobId, 'succeeded']);
    expect(data.themes[0]).toMatchObject({ id: green.id, size: 3, keywords: [{ term: 'green', score: 1 }], renamedAt: null });
    expect((await get(`${await createConversation(api, { jwt: alice.jwt })}/themes`)).body.data.themes).toEqual([]);
  });

  it('get another name or description', async () => {
    const { id, green } = await analysed();
    const change = (themeId: string, json: object) => api.call('PATCH', `/api/conversations/${id}/themes/${themeId}`, { jwt: alice.jwt, json });
    const { status, body } = await change(green.id, { name: 'Parks and trees' });
    expect([status, body.data.theme]).toEqual([
      200,
      expect.objectContaining({ id: green.id, name: 'Parks and trees', description: green.description }),
    ]);
    expect(body.data.theme.renamedAt).not.toBeNull();
    expect((await change(green.id, { description: 'About shade' })).body.data.theme).toMatchObject({
      name: 'Parks and trees',
      description: 'About shade',
    });
    const refused = [
      await change(green.id, {}),
      await change(green.id, { name: ' ' }),
      await change(green.id, { nmae: 'x' }),
      await change(randomUUID(), { name: 'x' }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 404]);
  });

  it('are merged into the first', async () => {
    const { id, green, transport } = await analysed();
    const merge = (json: object) => api.call('POST', `/api/conversations/${id}/themes/merge`, { jwt: alice.jwt, json });
    const refused = [
      await merge({ themeIds: [green.id] }),
      await merge({ themeIds: [green.id, green.id] }),
      await merge({ themeIds: [green.id, randomUUID()] }),
      await merge({ themeIds: ['x', 'y'] }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 404, 400]);
    const { status, body } = await merge({ themeIds: [transport.id, green.id], name: 'Everything' });
    expect([status, body.data.theme]).toEqual([200, expect.objectContaining({ id: transport.id, name: 'Everything', size: 5 })]);
    const { data } = (await get(`${id}/export`)).body;
    expect(namesOf(data.themes)).toEqual(['Everything']);
    expect(
      new Set(data.answers.filter(({ standing }: { standing: string }) => standing === 'theme').map(({ themeId }: { themeId: string }) => themeId)),
    ).toEqual(new Set([transport.id]));
  });
});

describe('the map', () => {
  it('as JSON: distinct answers where they stand, and the themes', async () => {
    const { id, jobId, green, transport } = await analysed();
    const { status, headers, body } = await get(`${id}/map`);
    const { themes, points, ...rest } = body.data;
    expect([status, rest]).toEqual([200, { conversationId: id, title: 'Our town', analysisJobId: jobId, analysedAt: expect.any(String) }]);
    expect(headers.get('vary')).toContain('Accept');
    expect(themes).toEqual([
      { id: green.id, name: 'Green', size: 3, share: 0.5, sentiment: 'neutral', x: 0, y: 0 },
      { id: transport.id, name: 'Transport', size: 2, share: expect.closeTo(1 / 3), sentiment: 'neutral', x: 10, y: 0 },
    ]);
    expect(points.map(({ text, themeId }: { text: string; themeId: string | null }) => [text, themeId])).toEqual([
      ['trees', green.id],
      ['more trees', green.id],
      ['=HYPERLINK("x")', green.id],
      ['buses', transport.id],
      ['night "buses"', transport.id],
      ['odd', null],
    ]);
    expect(points[1]).toMatchObject({ id: expect.any(String), x: 0.125, y: -0.125 });
  });

  it('drawn as SVG or PNG, by Accept or by format; a browser may do nothing but look at it', async () => {
    const { id } = await analysed('A <script> & "more"');
    const svg = await get(`${id}/map`, { accept: 'image/avif,image/webp,image/svg+xml,image/*;q=0.8,*/*;q=0.5' });
    expect([svg.status, svg.headers.get('content-type'), svg.body.slice(0, 5)]).toEqual([200, 'image/svg+xml', '<svg ']);
    expect(svg.headers.get('content-security-policy')).toBe("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    expect(svg.body).toContain('Transport');
    expect(svg.body).not.toContain('<script');
    const url = `${api.url}/api/conversations/${id}/map`;
    for (const [query, accept, width] of [
      ['', 'image/png', 2_560],
      ['?format=png&width=640', 'image/svg+xml', 640],
    ] as const) {
      const reply = await fetch(`${url}${query}`, { headers: { authorization: `Bearer ${alice.jwt}`, accept } });
      const bytes = Buffer.from(await reply.arrayBuffer());
      expect([reply.status, reply.headers.get('content-type'), bytes.subarray(1, 4).toString(), bytes.readUInt32BE(16)]).toEqual([
        200,
        'image/png',
        'PNG',
        width,
      ]);
    }
    expect((await get(`${id}/map`, { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' })).headers.get('content-type')).toContain(
      'application/json',
    );
    expect([(await get(`${id}/map`, { accept: 'text/plain' })).status, (await get(`${id}/map?format=gif`)).status]).toEqual([406, 400]);
  });

  it('costs nothing while it is unchanged, and shows another name at once', async () => {
    const { id, green } = await analysed();
    const first = await get(`${id}/map?format=svg`);
    const etag = first.headers.get('etag') ?? '';
    const again = await get(`${id}/map?format=svg`, { 'if-none-match': `"other", ${etag}` });
    expect([etag, again.status, again.body]).toEqual([expect.stringMatching(/^"[\w-]+-svg"$/), 304, '']);
    expect((await get(`${id}/map?format=png`, { 'if-none-match': etag })).status).toBe(200);
    await api.db.conversations.renameTheme(id, green.id, { name: 'Parks' });
    const renamed = await get(`${id}/map?format=svg`, { 'if-none-match': etag });
    expect([renamed.status, renamed.body.includes('Parks'), first.body.includes('Parks')]).toEqual([200, true, false]);
  });

  it('409 before the first analysis has ended', async () => {
    const id = await createConversation(api, { jwt: alice.jwt, responses: TEXTS });
    for (const format of ['json', 'svg', 'png']) {
      const { status, body } = await get(`${id}/map?format=${format}`);
      expect([status, body.error.code, body.error.details]).toEqual([409, 'not_analysed', { analysisStatus: 'idle' }]);
    }
  });

  it('is of one analysis: 503 when another one ends while its answers are read', async () => {
    const { id } = await analysed();
    const stop = interfere(async () => void (await analyse(api, id, ['Other'], () => 0)));
    const replies = [await get(`${id}/map`), await get(`${id}/export?format=csv`)];
    expect(replies.map(({ status, body }) => [status, body.error?.code])).toEqual([
      [503, 'changed_meanwhile'],
      [503, 'changed_meanwhile'],
    ]);
    stop();
    expect((await get(`${id}/map`)).body.data.themes).toMatchObject([{ name: 'Other' }]);
  });

  it('breaks off what it had begun to send: nobody takes half for the whole', async () => {
    const responses = Array.from({ length: 2_500 }, (_, index) => ({ text: `answer ${index}` }));
    const id = await createConversation(api, { jwt: alice.jwt });
    await api.db.conversations.addAnswers(id, responses);
    const { themes } = await analyse(api, id, ['All'], () => 0);
    const theme = themes[0]?.id ?? '';
    const stop = interfere(async () => void (await api.db.conversations.renameTheme(id, theme, { name: 'Another name' })));
    const reply = await fetch(`${api.url}/api/conversations/${id}/export?format=csv`, { headers: { authorization: `Bearer ${alice.jwt}` } });
    await expect(reply.text()).rejects.toThrow('terminated');
    stop();
    expect([reply.status, (await get(`${id}/export?format=csv`)).body.split('\r\n').length]).toEqual([200, 2_502]);
  });

  it('a picture is read again when that happens', async () => {
    const { id } = await analysed();
    let left = 1;
    const stop = interfere(async () => {
      left -= 1;
      if (left >= 0) await analyse(api, id, ['Other'], () => 0);
    });
    const { status, body } = await get(`${id}/map?format=svg`);
    stop();
    expect([status, body.includes('Other')]).toEqual([200, true]);
  });
});

/** Does something between the reading of the answers and what comes after it, for services and users. Returns how to stop it. */
function interfere(act: () => Promise<void>): () => void {
  const { forUser } = api.deps.db;
  api.deps.db.forUser = (jwt) => {
    const tables = forUser(jwt);
    const { answers } = tables.conversations;
    return { ...tables, conversations: { ...tables.conversations, answers: async (...args) => answers(...args).finally(act) } };
  };
  return () => {
    api.deps.db.forUser = forUser;
  };
}

describe('the export', () => {
  it('as JSON: every answer with its theme and place, and the themes', async () => {
    const { id, green } = await analysed();
    const { status, body } = await get(`${id}/export`);
    const { conversation, themes, answers } = body.data;
    const stored = await allAnswers(api, id);
    expect([status, conversation.id, namesOf(themes), answers.length]).toEqual([200, id, ['Green', 'Transport'], 8]);
    expect(answers[2]).toEqual({
      id: stored[2]?.id,
      externalId: null,
      text: 'trees',
      theme: 'Green',
      themeId: green.id,
      standing: 'theme',
      x: stored[2]?.x,
      y: stored[2]?.y,
      duplicateOf: stored[0]?.id,
    });
    expect(answers.slice(6).map(({ theme, standing, x }: Record<string, unknown>) => [theme, standing, typeof x])).toEqual([
      [null, 'outlier', 'number'],
      [null, 'not_analysed', 'object'],
    ]);
  });

  it('as CSV that a spreadsheet takes and runs nothing of; its name is safe', async () => {
    const { id } = await analysed('../Plätze: "Was nun?"\r\n');
    const { headers, body } = await get(`${id}/export?format=csv`);
    const lines = body.split('\r\n');
    expect([headers.get('content-type'), headers.get('content-disposition')]).toEqual([
      'text/csv; charset=utf-8',
      `attachment; filename="Platze Was nun.csv"; filename*=UTF-8''Pl%C3%A4tze%20Was%20nun.csv`,
    ]);
    expect(lines[0]).toBe('id,externalId,text,theme,themeId,standing,x,y,duplicateOf');
    expect(lines[4]).toContain(`,,"'=HYPERLINK(""x"")",Green,`);
    expect(lines[7]).toMatch(/,odd,,,outlier,-9\.25,-0\.125,$/);
    expect(lines.length).toBe(10);
  });

  it('with a byte-order mark for Excel, and by Accept', async () => {
    const { id } = await analysed();
    const reply = await fetch(`${api.url}/api/conversations/${id}/export?bom=true`, {
      headers: { authorization: `Bearer ${alice.jwt}`, accept: 'text/csv' },
    });
    expect(
      Buffer.from(await reply.arrayBuffer())
        .subarray(0, 5)
        .toString('latin1'),
    ).toBe('\u00EF\u00BB\u00BFid');
    expect((await get(`${id}/export`, { accept: 'image/png' })).status).toBe(406);
  });

  it('comes back in as it went out, but for the apostrophes', async () => {
    const { id } = await analysed();
    const { body: csv } = await get(`${id}/export?format=csv`);
    const copy = await createConversation(api, { jwt: alice.jwt });
    const path = `/api/conversations/${copy}/responses?column=text&idColumn=id`;
    const { body } = await api.call('POST', path, { jwt: alice.jwt, text: csv, headers: { 'content-type': 'text/csv' } });
    expect(body.data).toMatchObject({ rows: 8, added: 8, empty: 1, badRows: { count: 0 } });
    expect((await allAnswers(api, copy)).map(({ text }) => text)).toEqual(TEXTS.map((text) => text.replace(/^=/, "'=")));
  });

  it('before any analysis: the answers alone', async () => {
    const id = await createConversation(api, { jwt: alice.jwt });
    expect((await get(`${id}/export`)).body.data).toMatchObject({ themes: [], answers: [] });
    expect((await get(`${id}/export?format=csv`)).body).toBe('id,externalId,text,theme,themeId,standing,x,y,duplicateOf\r\n');
  });
});
