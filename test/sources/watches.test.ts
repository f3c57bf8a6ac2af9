import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DRIVE_SCOPES, type GoogleStandIn, startGoogle } from '../../demo/stand-ins/google/server.ts';
import type { MicrosoftStandIn, MicrosoftSubscription } from '../../demo/stand-ins/microsoft/contract.ts';
import { startMicrosoft } from '../../demo/stand-ins/microsoft/server.ts';
import { DAY, MINUTE } from '../../lib/clock.ts';
import type { DealSource } from '../../lib/db/source-types.ts';
import type { SourceType } from '../../lib/jobs/source-sync.ts';
import { deadlineIn } from '../../lib/lifecycle.ts';
import { createLogger, type Logger } from '../../lib/log.ts';
import type { RowProcessor } from '../../lib/queue/processor.ts';
import type { SourceDeps } from '../../lib/sources/contract.ts';
import { syncStep } from '../../lib/sources/step.ts';
import { createSourceWatches, type SourceWatchesDeps } from '../../lib/sources/watches.ts';
import { createFolderStorage } from '../../lib/storage/folder.ts';
import { resumeSources } from '../../start/sources.ts';
import { addSource, asked, countStatuses } from '../api/source-world.ts';
import { type Api, eventually, startApi } from '../api/world.ts';
import { createFakeClock } from '../support/clock.ts';
import { noMail } from '../support/no-mail.ts';

const ANNA = 'anna@example.com';
const clock = createFakeClock(Date.now());
const lines: string[] = [];
let api: Api;
let google: GoogleStandIn;
let microsoft: MicrosoftStandIn;
let log: Logger;
let poked = 0;
const poke = (): void => {
  poked += 1;
};

beforeAll(async () => {
  [api, google, microsoft] = await Promise.all([startApi({ clock }), startGoogle({ clock }), startMicrosoft({ clock })]);
  google.addAccount(ANNA);
  microsoft.addAccount(ANNA);
  log = await createLogger({ level: 'info', service: 'test', stream: { write: (line) => void lines.push(line) } });
});
afterAll(async () => {
  await Promise.all([api.stop(), google.stop(), microsoft.stop()]);
});
/** Each test has its own sources: what others left would be watched, too. */
beforeEach(async () => {
  await api.db.table('deal_sources').delete().not('id', 'is', null);
  await api.db.table('job_outbox').delete().not('id', 'is', null);
  // To those who use it, it is to be read.
  (google.channels as Map<string, unknown>).clear();
  microsoft.subscriptions.clear();
  microsoft.faults.clear();
  microsoft.lenient.readersMaySubscribe = true;
  lines.splice(0);
  poked = 0;
});

const openStore: SourceDeps['store'] = {
  limitedUntil: async () => 0,
  limit: async () => undefined,
  acquire: async () => true,
  release: async () => undefined,
};

const sources = (): SourceDeps => ({
  accounts: {
    accessToken: async (id) => {
      const { provider } = (await api.db.connections.get(id)) ?? {};
      return (provider === 'google' ? google.issueTokens(ANNA, { scopes: DRIVE_SCOPES }) : microsoft.issueTokens(ANNA)).accessToken;
    },
  },
  store: openStore,
  mailboxes: noMail.mailboxes,
  clock,
  googleRootUrl: google.url,
  graphBaseUrl: microsoft.url,
  timings: { retries: 0, lookMs: 0 },
});

const watches = (changes: Partial<SourceWatchesDeps> = {}) =>
  createSourceWatches({ db: api.db, sources: sources(), publicUrl: api.url, clock, log, poke, ...changes });
const renew = (changes?: Partial<SourceWatchesDeps>) => watches(changes).renew({ signal: new AbortController().signal });
const failures = () =>
  lines.map((line) => JSON.parse(line)).flatMap(({ event, sourceId, code }) => (event === 'source.watch_failed' ? [[sourceId, code]] : []));

const channel = () => [...google.channels.values()].at(-1);
const subscription = (of: 'drive' | 'mail'): MicrosoftSubscription | undefined =>
  [...microsoft.subscriptions.values()].findLast(({ resource }) => resource.includes('messages') === (of === 'mail'));
const endOf = async ({ id }: DealSource) => Date.parse((await api.db.dealSources.get(id))?.watchExpiresAt ?? '');
const add = (type: SourceType) => addSource(api, type);

describe('watches of sources', () => {
  it('are started where the provider sends notices of the source itself, looked after once, and notices that come are taken', async () => {
    const [drive, library, mailbox, gmail] = [await add('gdrive'), await add('sharepoint'), await add('outlook'), await add('gmail')];
    expect(await renew()).toEqual({ started: 3, renewed: 0, failed: 0 });
    expect([await endOf(drive), await endOf(library), await endOf(mailbox)].every((end) => end > clock.now() + 6 * DAY)).toBe(true);
    expect(await endOf(gmail)).toBeNaN();
    // What has happened before the watch stood is looked for.
    for (const source of [drive, library, mailbox]) expect(await asked(api, source)).toMatchObject([{ syncType: 'incremental' }]);
    expect([await asked(api, gmail), poked]).toEqual([[], 3]);
    expect(await renew()).toEqual({ started: 0, renewed: 0, failed: 0 });
    expect([google.channels.size, microsoft.subscriptions.size]).toEqual([1, 2]);

    const secrets = [channel()?.token, subscription('drive')?.clientState, subscription('mail')?.clientState];
    expect(new Set(secrets).size).toBe(3);
    const { data } = await api.db.table('source_states').select('*');
    for (const secret of secrets) {
      expect(secret).toMatch(/^[\w-]{43}$/);
      expect(JSON.stringify(data) + lines.join('')).not.toContain(secret);
    }
    const replies = [
      await channel()?.notify({ state: 'sync' }),
      await channel()?.notify(),
      await subscription('drive')?.notify(),
      await subscription('mail')?.notify({ resourceId: 'm1' }),
    ];
    expect(replies.map((reply) => reply?.status)).toEqual([204, 204, 202, 202]);
    for (const forge of ['token', 'channel', 'resource', 'noToken'] as const)
      expect([forge, (await channel()?.notify({ forge, number: 100 }))?.status]).toEqual([forge, 401]);
    expect((await channel()?.notify({ number: 2 }))?.status).toBe(409);
    expect((await subscription('mail')?.notify({ resourceId: 'm1' }))?.status).toBe(409);
  });

  it('are prolonged, or replaced, when a quarter of their time is left; notices of the old channel are refused then', async () => {
    const [drive, library, mailbox] = [await add('gdrive'), await add('sharepoint'), await add('outlook')];
    await renew();
    const before = { channel: channel(), mail: subscription('mail')?.id, library: await endOf(library), mailbox: await endOf(mailbox) };
    await before.channel?.notify({ state: 'sync' });
    await api.db.table('job_outbox').delete().not('id', 'is', null);
    clock.advance(5.2 * DAY);
    expect(await renew()).toEqual({ started: 0, renewed: 0, failed: 0 });
    clock.advance(0.1 * DAY);
    expect(await renew()).toEqual({ started: 1, renewed: 1, failed: 0 });
    expect([google.channels.size, channel()?.id === before.channel?.id, subscription('mail')?.id === before.mail]).toEqual([1, false, true]);
    expect([await endOf(library), (await endOf(mailbox)) > before.mailbox + 5 * DAY]).toEqual([before.library, true]);
    // There was no moment without a watch.
    expect(await asked(api)).toEqual([]);
    expect([(await before.channel?.notify())?.status, (await channel()?.notify())?.status]).toEqual([401, 204]);
    // Its secret is the same as before.
    expect((await subscription('mail')?.notify({ resourceId: 'm1' }))?.status).toBe(202);
    expect(await asked(api, drive)).toHaveLength(1);
  });

  it('one that fails keeps none of the others, stays as it is, and is tried again later; what was refused, a day later', async () => {
    const [drive, library, mailbox] = [await add('gdrive'), await add('sharepoint'), await add('outlook')];
    microsoft.lenient.readersMaySubscribe = false;
    await api.db.dealSources.change(mailbox.id, { settings: { folders: 12 } });
    expect(await renew()).toEqual({ started: 1, renewed: 0, failed: 2 });
    expect(failures().toSorted()).toEqual(
      [
        [library.id, 'forbidden'],
        [mailbox.id, 'source_settings'],
      ].toSorted(),
    );
    const triedAgainAt = async ({ id }: DealSource) =>
      Date.parse((await api.db.table('source_states').select('watch_tried_at').eq('source_id', id).single()).data?.watch_tried_at);
    expect((await triedAgainAt(library)) - clock.now()).toBe(DAY);

    clock.advance(6 * DAY);
    await google.stop();
    const held = await api.db.dealSources.watchOf(drive.id);
    expect(await renew()).toEqual({ started: 0, renewed: 0, failed: 1 });
    expect(await api.db.dealSources.watchOf(drive.id)).toEqual(held);
    // It was tried just now.
    expect(await renew()).toEqual({ started: 0, renewed: 0, failed: 0 });
    google = await startGoogle({ clock });
    google.addAccount(ANNA);
  });

  it('are made anew where notices are to go elsewhere, or the source is of other items; the old ones end', async () => {
    const drive = await add('gdrive');
    await renew();
    const [first] = google.channels.keys();
    const elsewhere = api.url.replace('127.0.0.1', 'localhost');
    expect(await renew({ publicUrl: elsewhere })).toEqual({ started: 1, renewed: 0, failed: 0 });
    expect([google.channels.size, channel()?.address]).toEqual([1, `${elsewhere}/api/webhooks/gdrive`]);
    expect(await renew({ publicUrl: elsewhere })).toEqual({ started: 0, renewed: 0, failed: 0 });
    await api.db.dealSources.change(drive.id, { settings: { folderId: google.drive(ANNA).addFolder('Contracts') } });
    expect(await renew({ publicUrl: elsewhere })).toEqual({ started: 1, renewed: 0, failed: 0 });
    expect([google.channels.size, channel()?.id === first]).toEqual([1, false]);
  });

  it('are not asked for where providers cannot reach us, for sources that are paused, or whose account waits', async () => {
    const [paused, lost] = [await add('gdrive'), await add('outlook')];
    await api.db.dealSources.change(paused.id, { paused: true });
    await api.db.connections.markReauthRequired(lost.connectionId ?? '', 1, 'invalid_grant');
    expect(await renew()).toEqual({ started: 0, renewed: 0, failed: 0 });
    await api.db.dealSources.change(paused.id, { paused: false });
    const theirOwn = { ...sources(), googleRootUrl: undefined };
    for (const publicUrl of ['http://hivepulse.example.com', 'https://localhost:3000', 'http://127.0.0.1:3000'])
      expect(await renew({ publicUrl, sources: theirOwn })).toEqual({ started: 0, renewed: 0, failed: 0 });
  });

  it('end with the source, and are started once however many ask', async () => {
    const drive = await add('gdrive');
    await Promise.all([watches().start(drive.id), watches().start(drive.id), renew()]);
    expect(google.channels.size).toBe(1);
    const open = channel();
    await watches().stop(drive);
    expect([google.channels.size, await api.db.dealSources.watchOf(drive.id), (await open?.notify())?.status]).toEqual([0, null, 401]);
    await watches().stop(drive);
    await watches().start('no-source');
    expect(failures()).toEqual([]);
  });

  it('follow what Graph says of a subscription', async () => {
    const mailbox = await add('outlook');
    await renew();
    await api.db.table('job_outbox').delete().not('id', 'is', null);
    const [id] = microsoft.subscriptions.keys();
    clock.advance(MINUTE);
    expect((await subscription('mail')?.lifecycle('reauthorizationRequired'))?.status).toBe(202);
    const before = await endOf(mailbox);
    expect(await renew()).toEqual({ started: 0, renewed: 1, failed: 0 });
    expect([await endOf(mailbox), await asked(api)]).toEqual([before + MINUTE, []]);
    expect((await subscription('mail')?.lifecycle('subscriptionRemoved'))?.status).toBe(202);
    expect(await renew()).toEqual({ started: 1, renewed: 0, failed: 0 });
    expect(subscription('mail')?.id).not.toBe(id);
    expect(await asked(api)).toHaveLength(1);
  });
});

it('an account that is connected again takes its sources along that waited for it', async () => {
  const [waiting, idle, paused] = [await add('gdrive'), await add('gdrive'), await add('gdrive')];
  const { connectionId } = waiting;
  for (const { id } of [waiting, idle, paused]) await api.db.table('deal_sources').update({ connection_id: connectionId }).eq('id', id);
  for (const { id } of [waiting, paused]) await api.db.table('deal_sources').update({ status: 'reauth' }).eq('id', id);
  await api.db.dealSources.change(paused.id, { paused: true });
  await resumeSources({ id: connectionId ?? '' }, { db: api.db, poke });
  expect([(await asked(api, waiting)).length, await asked(api, idle), await asked(api, paused), poked]).toEqual([1, [], [], 1]);
});

describe('1,000 notices of one source', () => {
  it('while a worker runs make two syncs at most: one at once, and one half a minute later', async () => {
    const drive = google.drive(ANNA);
    for (const name of ['a.txt', 'b.txt']) drive.addFile({ name, content: `This is ${name}.` });
    const source = await add('gdrive');
    const started: string[] = [];
    const sync = {
      ...sources(),
      storage: createFolderStorage(api.files),
      documentLimitBytes: 1_000_000,
      poke: () => undefined,
      watch: (id: string) => void started.push(id),
    };
    await api.relay.start();
    await api.work(given(syncStep, { db: api.db, sync }), 'source-sync');
    const syncs = async () => (await api.db.dealSources.syncs({ sourceId: source.id, limit: 100 })).items;
    const ended = async () => (await syncs()).map(({ status, trigger, created }) => [status, trigger, created]);

    await api.db.dealSources.ask(source.id, 'full', { trigger: 'created' });
    api.relay.poke();
    await eventually(async () => expect(await ended()).toEqual([['succeeded', 'created', 2]]));
    expect(started).toEqual([source.id]);
    await renew({ poke: api.relay.poke });
    await eventually(async () =>
      expect(await ended()).toEqual([
        ['succeeded', 'poll', 0],
        ['succeeded', 'created', 2],
      ]),
    );

    drive.addFile({ name: 'c.txt', content: 'This is new.' });
    const statuses = await countStatuses(1_000, async () => (await channel()?.notify()) ?? { status: 0 });
    expect(Object.keys(statuses)).not.toContain('401');
    await eventually(async () =>
      expect((await ended()).slice(-3)).toEqual([
        ['succeeded', 'notice', 1],
        ['succeeded', 'poll', 0],
        ['succeeded', 'created', 2],
      ]),
    );
    const { data } = await api.db.table('job_outbox').select('id').eq('queue', 'source-sync').is('ended', null);
    expect((await syncs()).length - 2 + (data ?? []).length).toBe(2);
    await api.relay.stop(deadlineIn(5_000));
  });
});

/** With what else a worker hands to it. Not by spreading: the context makes what it holds when it is asked for it. */
// biome-ignore lint/suspicious/noExplicitAny: payload, result and row are the processor's own affair.
function given<D>(processor: RowProcessor<any, any, any, D>, deps: D): RowProcessor<any, any, any, any> {
  const within = (context: object) => Object.create(context, { deps: { value: deps } });
  return {
    begin: (payload, context) => processor.begin(payload, within(context)),
    run: (payload, row, context) => processor.run(payload, row, within(context)),
    record: (payload, result, context) => processor.record(payload, result, within(context)),
    end: (payload, ending) => processor.end(payload, ending, deps),
    putOff: async (payload, ending) => processor.putOff?.(payload, ending, deps),
  };
}
