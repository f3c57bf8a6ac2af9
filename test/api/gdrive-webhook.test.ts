import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnavailableError } from '../../lib/errors.ts';
import { newNoticeSecret } from '../../lib/sources/notice-secret.ts';
import { lose } from './mail-world.ts';
import { addSource, asked, countStatuses, type TestWatch, watchSource } from './source-world.ts';
import { type Api, type Reply, startApi } from './world.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

interface Sent extends Partial<Omit<TestWatch, 'id'>> {
  id?: string;
  number?: number | string;
  state?: string;
  headers?: Record<string, string>;
}

/** As Google posts it: no body, but a type of one. */
const send = ({ id = '', secret = '', resource = 'what-is-watched', number = 2, state = 'change', headers = {} }: Sent): Promise<Reply> =>
  api.call('POST', '/api/webhooks/gdrive', {
    key: null,
    headers: {
      'content-type': 'application/json; utf-8',
      'x-goog-channel-id': id,
      'x-goog-channel-token': secret,
      'x-goog-resource-id': resource,
      'x-goog-resource-state': state,
      'x-goog-message-number': String(number),
      ...headers,
    },
  });

async function watched() {
  const source = await addSource(api, 'gdrive');
  return { source, watch: await watchSource(api, source) };
}

describe('POST /api/webhooks/gdrive', () => {
  it('asks for an incremental sync of the source, and takes the first notice of a channel for what it is', async () => {
    const { source, watch } = await watched();
    expect(await send({ ...watch, state: 'sync', number: 1 })).toMatchObject({ status: 204, body: '' });
    expect(await asked(api, source)).toEqual([]);
    expect((await send(watch)).status).toBe(204);
    expect(await asked(api, source)).toEqual([{ dealId: source.dealId, sourceType: 'gdrive', syncType: 'incremental', sourceId: source.id }]);
  });

  it('refuses a number that came before, and asks for nothing', async () => {
    const { source, watch } = await watched();
    await send({ ...watch, state: 'sync', number: 7 });
    const replies = [];
    for (const number of [7, 6, 1, '0', '007']) replies.push(await send({ ...watch, number }));
    expect(replies.map(({ status, body }) => [status, body.error.code])).toEqual(Array.from({ length: 5 }, () => [409, 'notice_replayed']));
    expect(await asked(api, source)).toEqual([]);
    // Beyond what a double can hold.
    expect((await send({ ...watch, number: '90071992547409930' })).status).toBe(204);
    expect((await send({ ...watch, number: '90071992547409929' })).status).toBe(409);
  });

  it('any number at once is one sync that waits', async () => {
    const { source, watch } = await watched();
    const replies = await Promise.all(Array.from({ length: 100 }, (_, index) => send({ ...watch, number: index + 2 })));
    expect(new Set(replies.map(({ status }) => status))).not.toContain(401);
    expect(replies.at(-1)?.status).toBe(204);
    expect(await asked(api, source)).toHaveLength(1);
  });

  it('refuses what does not name a channel and its token', async () => {
    const [{ source, watch }, other] = [await watched(), await watched()];
    const forged: Sent[] = [
      { ...watch, secret: newNoticeSecret() },
      { ...watch, secret: other.watch.secret },
      { ...watch, secret: '' },
      { ...watch, secret: `${watch.secret}=` },
      { ...watch, id: randomUUID() },
      { ...watch, id: "' or true --" },
      { ...watch, resource: 'another' },
      { ...watch, number: '' },
      { ...watch, number: '2.5' },
      { ...watch, number: 'Infinity' },
    ];
    for (const one of forged) expect([one, (await send(one)).status]).toEqual([one, 401]);
    expect([await asked(api, source), await asked(api, other.source)]).toEqual([[], []]);
  });

  it('forgets the channel of a source that another one has replaced', async () => {
    const { source, watch } = await watched();
    const next = await watchSource(api, source);
    expect([(await send(watch)).status, (await send(next)).status]).toEqual([401, 204]);
    await api.db.dealSources.setWatch(source.id, null);
    expect((await send({ ...next, number: 3 })).status).toBe(401);
  });

  it('204 and nothing more for a source that is paused, or waits for its account', async () => {
    const [paused, lost] = [await watched(), await watched()];
    await api.db.dealSources.change(paused.source.id, { paused: true });
    await api.db.table('deal_sources').update({ status: 'reauth' }).eq('id', lost.source.id);
    await lose(api.db, { id: lost.source.connectionId ?? '' });
    for (const { source, watch } of [paused, lost]) {
      expect((await send(watch)).status).toBe(204);
      expect(await asked(api, source)).toEqual([]);
    }
  });

  it('503 while the database is away, so that Google repeats it; a body is not looked at', async () => {
    const { source, watch } = await watched();
    api.db.breakWith(new UnavailableError('away'));
    const away = await send(watch);
    api.db.breakWith(undefined);
    expect(away.status).toBe(503);
    expect((await send(watch)).status).toBe(204);
    expect(await asked(api, source)).toHaveLength(1);
  });
});

describe('forged and replayed notices of Drive', () => {
  it('1,000 replays are refused, and queue nothing', async () => {
    const { source, watch } = await watched();
    await send({ ...watch, state: 'sync', number: 1_000 });
    expect(await countStatuses(1_000, (index) => send({ ...watch, number: index + 1 }))).toEqual({ 409: 1_000 });
    expect(await asked(api, source)).toEqual([]);
  });

  it('1,000 forged ones are refused, and queue nothing; a genuine one is taken all the same', async () => {
    const { source, watch } = await watched();
    const before = await asked(api);
    const forge = (index: number): Sent =>
      [
        { ...watch, secret: newNoticeSecret() },
        { ...watch, id: randomUUID() },
        { ...watch, resource: 'x' },
        { ...watch, secret: 'guess' },
      ][index % 4] ?? {};
    const statuses = await countStatuses(1_000, (index) => send({ ...forge(index), number: index + 2 }));
    expect(Object.keys(statuses)).toEqual(['401', '429']);
    expect(Object.values(statuses).reduce((sum, count) => sum + count)).toBe(1_000);
    expect(await asked(api)).toEqual(before);
    expect((await send(watch)).status).toBe(204);
    expect(await asked(api, source)).toHaveLength(1);
  });
});
