import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UnavailableError } from '../../lib/errors.ts';
import { newNoticeSecret } from '../../lib/sources/notice-secret.ts';
import { addSource, asked, countStatuses, type TestWatch, watchSource } from './source-world.ts';
import { type Api, startApi } from './world.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const PATH = '/api/webhooks/graph';
const post = (json: unknown) => api.call('POST', PATH, { key: null, json });
const send = async (...value: unknown[]) => (await post({ value })).status;

async function watched(type: 'sharepoint' | 'outlook' = 'sharepoint') {
  const source = await addSource(api, type);
  return { source, watch: await watchSource(api, source) };
}

type Named = Pick<TestWatch, 'id' | 'secret'>;
const inMinutes = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString();
/** Of a drive: the same for each change. */
const driveNotice = ({ id, secret }: Named, changes: object = {}) => ({
  subscriptionId: id,
  clientState: secret,
  changeType: 'updated',
  resource: 'drives/b!1/root',
  resourceData: null,
  subscriptionExpirationDateTime: inMinutes(600).replace('Z', '0000Z'),
  tenantId: randomUUID(),
  ...changes,
});
const mailNotice = (watch: Named, mail: string, changes: object = {}) =>
  driveNotice(watch, {
    resource: `Users/1/Messages/${mail}`,
    resourceData: { '@odata.type': '#Microsoft.Graph.Message', '@odata.id': `Users/1/Messages/${mail}`, '@odata.etag': 'W/"1"', id: mail },
    ...changes,
  });
const lifecycle = (watch: Named, lifecycleEvent: string, changes: object = {}) =>
  driveNotice(watch, { lifecycleEvent, changeType: undefined, ...changes });

describe('the handshake', () => {
  const shake = (query: string, headers: Record<string, string> = { 'content-type': 'text/plain; charset=utf-8' }) =>
    api.call('POST', `${PATH}?${query}`, { key: null, headers });

  it('answers the token as it is, as text that no browser takes for anything else', async () => {
    for (const token of ['Validation: Testing client application reachability for subscription Request-Id: 1', '<script>alert(1)</script> ü+%']) {
      const { status, headers, body } = await shake(`validationToken=${encodeURIComponent(token)}`);
      expect([status, headers.get('content-type'), headers.get('x-content-type-options'), body]).toEqual([
        200,
        'text/plain; charset=utf-8',
        'nosniff',
        token,
      ]);
    }
    expect((await shake('validationToken=a+b', {})).body).toBe('a b');
  });

  it('refuses tokens that Graph does not send', async () => {
    for (const token of ['', 'x'.repeat(2_001), 'a%0d%0ab', '%00'])
      expect([token, (await shake(`validationToken=${token}`)).status]).toEqual([token, 400]);
    expect((await shake('validationToken=a&validationToken=b')).status).toBe(400);
  });
});

describe('POST /api/webhooks/graph', () => {
  it('asks for an incremental sync of each source that a batch tells of, once', async () => {
    const [drive, mail] = [await watched(), await watched('outlook')];
    expect(await post({ value: [driveNotice(drive.watch), mailNotice(mail.watch, 'm1'), driveNotice(drive.watch)] })).toMatchObject({
      status: 202,
      body: '',
    });
    for (const { source } of [drive, mail]) {
      const { id: sourceId, dealId, sourceType } = source;
      expect(await asked(api, source)).toEqual([{ dealId, sourceType, syncType: 'incremental', sourceId }]);
    }
  });

  it('takes what is genuine of a batch, and refuses one in which nothing is', async () => {
    const [one, other] = [await watched(), await watched()];
    const forged = [
      driveNotice({ ...one.watch, secret: newNoticeSecret() }),
      driveNotice({ ...one.watch, secret: other.watch.secret }),
      driveNotice(one.watch, { clientState: null }),
      driveNotice({ ...one.watch, id: randomUUID() }),
      { ...one.watch },
      'notice',
      null,
    ];
    expect(await send(...forged)).toBe(401);
    expect([await asked(api, one.source), await asked(api, other.source)]).toEqual([[], []]);
    expect(await send(...forged, driveNotice(other.watch))).toBe(202);
    expect([(await asked(api, one.source)).length, (await asked(api, other.source)).length]).toEqual([0, 1]);
  });

  it('refuses what was taken before, is of no form, or of a subscription that has ended', async () => {
    const { source, watch } = await watched('outlook');
    expect(await send(mailNotice(watch, 'm1'), mailNotice(watch, 'm2'))).toBe(202);
    await api.db.table('job_outbox').update({ ended: 'void', ended_at: new Date().toISOString() }).eq('queue', 'source-sync');
    const before = await asked(api, source);
    expect(await send(mailNotice(watch, 'm1'))).toBe(409);
    expect(await send(mailNotice(watch, 'm2'), mailNotice(watch, 'm1'))).toBe(409);
    expect(await send(mailNotice(watch, 'm3', { subscriptionExpirationDateTime: inMinutes(-6) }))).toBe(409);
    for (const body of [{ value: [] }, { value: Array(201).fill(mailNotice(watch, 'm4')) }, {}, [], null, 'x'])
      expect([body, (await post(body)).status]).toEqual([body, 401]);
    expect((await api.call('POST', PATH, { key: null, text: '{"value":' })).status).toBe(400);
    expect((await api.call('POST', PATH, { key: null, text: JSON.stringify({ value: ['x'.repeat(300_000)] }) })).status).toBe(413);
    expect(await asked(api, source)).toEqual(before);
    // The same mail, changed again, and gone.
    expect(await send(mailNotice(watch, 'm1', { changeType: 'deleted' }))).toBe(202);
  });

  it('200 at once are one sync that waits, and a second one only after half a minute', async () => {
    const { source, watch } = await watched('outlook');
    expect(await send(...Array.from({ length: 200 }, (_, index) => mailNotice(watch, `m${index}`)))).toBe(202);
    expect(await asked(api, source)).toHaveLength(1);
    await api.db.table('job_outbox').update({ ended: 'sent', ended_at: new Date().toISOString() }).eq('queue', 'source-sync');
    for (const mail of ['a', 'b', 'c']) expect(await send(mailNotice(watch, mail))).toBe(202);
    const { data } = await api.db.table('job_outbox').select('available_at, payload').eq('queue', 'source-sync').order('id');
    const [first = 0, second = 0, ...more] = (data ?? [])
      .filter(({ payload }) => payload.sourceId === source.id)
      .map((row) => Date.parse(row.available_at));
    expect([second - first, more]).toEqual([30_000, []]);
  });

  it('503 while the database is away, so that Graph repeats it', async () => {
    const { source, watch } = await watched();
    api.db.breakWith(new UnavailableError('away'));
    const away = await send(driveNotice(watch));
    api.db.breakWith(undefined);
    expect([away, await send(driveNotice(watch)), (await asked(api, source)).length]).toEqual([503, 202, 1]);
  });

  it('stands in the OpenAPI document, and so does that of Drive', async () => {
    const { body } = await api.call('GET', '/docs/json');
    expect(Object.keys(body.paths['/api/webhooks/graph'].post.responses)).toEqual(['202', '4XX', '5XX']);
    expect(Object.keys(body.paths['/api/webhooks/gdrive'].post.responses)).toEqual(['204', '4XX', '5XX']);
  });
});

describe('lifecycle notices', () => {
  const types = ['sharepoint', 'outlook'] as const;
  const soon = () => api.db.dealSources.watchesEndingBefore(inMinutes(10), { types, limit: 100 });
  const isDue = async (id: string) => (await soon()).some(({ source }) => source.id === id);

  it('reauthorizationRequired: the subscription is to be prolonged in the next round; nothing is queued', async () => {
    const { source, watch } = await watched();
    expect(await isDue(source.id)).toBe(false);
    expect(await send(lifecycle({ ...watch, secret: newNoticeSecret() }, 'reauthorizationRequired'))).toBe(401);
    expect(await isDue(source.id)).toBe(false);
    expect(await send(lifecycle(watch, 'reauthorizationRequired'))).toBe(202);
    expect([await isDue(source.id), await asked(api, source)]).toEqual([true, []]);
  });

  it('missed: what was missed is looked for', async () => {
    const { source, watch } = await watched();
    expect(await send(lifecycle(watch, 'missed'))).toBe(202);
    expect(await asked(api, source)).toHaveLength(1);
  });

  it('subscriptionRemoved: another one is wanted, and what happened meanwhile is looked for; the old one is unknown', async () => {
    const { source, watch } = await watched();
    expect(await send(lifecycle(watch, 'subscriptionRemoved'))).toBe(202);
    expect(await asked(api, source)).toHaveLength(1);
    const due = (await soon()).find((one) => one.source.id === source.id);
    expect(due).toMatchObject({ watch: null });
    expect(await send(driveNotice(watch))).toBe(401);
  });
});

describe('forged and replayed notices of Graph', () => {
  it('1,000 replays are refused, and queue nothing', async () => {
    const { source, watch } = await watched('outlook');
    const taken = Array.from({ length: 10 }, (_, index) => mailNotice(watch, `m${index}`));
    await send(...taken);
    await api.db.table('job_outbox').delete().eq('queue', 'source-sync');
    const replay = async (index: number) => ({
      status: await send(index % 2 === 0 ? taken[index % 10] : driveNotice(watch, { subscriptionExpirationDateTime: inMinutes(-60) })),
    });
    expect(await countStatuses(1_000, replay)).toEqual({ 409: 1_000 });
    expect(await asked(api, source)).toEqual([]);
  });

  it('1,000 forged ones are refused, and queue nothing; a genuine one is taken all the same', async () => {
    const { source, watch } = await watched();
    await api.db.table('job_outbox').delete().eq('queue', 'source-sync');
    const forge = (index: number) =>
      [
        driveNotice({ ...watch, secret: newNoticeSecret() }),
        driveNotice({ ...watch, id: randomUUID() }),
        { ...watch },
        lifecycle({ ...watch, secret: 'x' }, 'missed'),
      ][index % 4];
    const statuses = await countStatuses(1_000, async (index) => ({ status: await send(forge(index)) }));
    expect(Object.keys(statuses)).toEqual(['401', '429']);
    expect(await asked(api)).toEqual([]);
    expect([await send(driveNotice(watch)), (await asked(api, source)).length]).toEqual([202, 1]);
  });
});
