import { randomUUID } from 'node:crypto';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { DAY, MINUTE, SECOND } from '../../lib/clock.ts';
import type { AlertObservation } from '../../lib/db/alert-types.ts';
import { createDb } from '../../lib/db/client.ts';
import { type Hook, type Inbox, startHook, startInbox } from '../briefs/receivers.ts';
import { newConnection } from '../db/mail-samples.ts';
import { newFailure, type World, worlds } from '../db/worlds.ts';
import { listeningLog } from '../oauth/world.ts';
import { createFakeClock, type FakeClock } from '../support/clock.ts';
import { freePort } from '../support/port.ts';
import { signUp } from '../support/users.ts';
import { PUBLIC_URL, processOf } from './world.ts';

const COOL_DOWN_MS = 60 * MINUTE;

describe.each(worlds)('alerts on %s', (_, start) => {
  let world: World;
  let tables: SupabaseClient;
  let hook: Hook;
  let inbox: Inbox;
  let clock: FakeClock;
  /** What the webhook answers. */
  let status = 200;
  beforeAll(async () => {
    world = await start();
    tables = createClient(world.url, world.serviceKey, {
      ...(world.fetch ? { global: { fetch: world.fetch } } : {}),
      auth: { persistSession: false },
    });
    hook = await startHook((response) => response.writeHead(status, status === 307 ? { location: '/elsewhere' } : {}).end());
    inbox = await startInbox();
  });
  afterAll(async () => {
    await Promise.all([hook.stop(), inbox.stop()]);
    await world.stop();
  });
  beforeEach(async () => {
    clock = createFakeClock('2027-06-01T08:00:00Z');
    status = 200;
    const clear = ['hivepulse_alert_messages', 'hivepulse_alerts', 'hivepulse_alert_targets', 'failed_jobs', 'hivepulse_job_endings'];
    await Promise.all(clear.map((table) => tables.from(table).delete().not('created_at', 'is', null).throwOnError()));
    [hook.posts.length, inbox.mails.length] = [0, 0];
  });

  const book = () => world.db.alerts;
  const now = () => new Date(clock.now()).toISOString();
  const waiting = (firing: boolean, changes: Partial<AlertObservation> = {}): AlertObservation => ({
    kind: 'jobs_waiting',
    subject: 'review-ai',
    firing,
    coolDownMs: COOL_DOWN_MS,
    details: { queue: 'review-ai', waiting: 153, limit: 100 },
    ...changes,
  });
  const told = async (...observations: AlertObservation[]) =>
    (await book().observe(observations, now())).map(({ kind, phase, count, total }) => `${kind} ${phase} ${count}/${total}`);
  const posts = () => hook.posts.map(({ body }): string => JSON.parse(body).text);
  /** A process with these targets, which the database knows of. */
  const connected = async (options: Parameters<typeof processOf>[2] = { hook: hook.url }) => {
    const one = processOf(world.db, clock, options);
    await one.send();
    return one;
  };
  const fail = (error: string, changes: Parameters<typeof newFailure>[0] = {}) => world.db.failedJobs.record(newFailure({ error, ...changes }));
  const failures = async () => (await book().observeFailedJobs({ coolDownMs: COOL_DOWN_MS, limit: 1_000 }, now())).told;

  describe('tell', () => {
    it('at once, then every cool-down with how often it was seen, and the end once', async () => {
      expect(await told(waiting(false))).toEqual([]);
      expect(await told(waiting(true))).toEqual(['jobs_waiting firing 1/1']);
      for (const pause of [1, 29, 29]) {
        clock.advance(pause * MINUTE);
        expect(await told(waiting(true))).toEqual([]);
      }
      clock.advance(MINUTE);
      expect(await told(waiting(true))).toEqual(['jobs_waiting still 4/5']);
      clock.advance(MINUTE);
      expect(await told(waiting(false), waiting(true, { subject: 'source-sync' }))).toEqual(['jobs_waiting over 0/5', 'jobs_waiting firing 1/1']);
      expect(await told(waiting(false))).toEqual([]);
      expect(await told(waiting(true))).toEqual(['jobs_waiting firing 1/1']);
    });

    it('only what was seen for long enough, and its end only when it has stayed away', async () => {
      const steady = { holdMs: 45 * SECOND, settleMs: 3 * MINUTE };
      const look = async (firing: boolean) => {
        clock.advance(MINUTE);
        return (await told(waiting(firing, steady))).join();
      };
      const looks = async (...seen: boolean[]) => {
        const all = [];
        for (const one of seen) all.push(await look(one));
        return all;
      };
      expect(await looks(true, false, true, true)).toEqual(['', '', '', 'jobs_waiting firing 2/2']);
      expect(await looks(false, false, true, false, false, false)).toEqual(['', '', '', '', '', '']);
      expect(await look(false)).toBe('jobs_waiting over 1/3');
      // Somebody looked an hour ago: that is not two looks in a row.
      await look(true);
      clock.advance(60 * MINUTE);
      expect(await looks(true, true)).toEqual(['', 'jobs_waiting firing 2/2']);
    });

    it('again at once when it gets worse; nothing of what ends quietly, or is told only once', async () => {
      const spend = (level: number) => told({ kind: 'spend_cap', firing: level > 0, level, coolDownMs: COOL_DOWN_MS });
      expect([await spend(1), await spend(1), await spend(2), await spend(2)].flat()).toEqual(['spend_cap firing 1/1', 'spend_cap firing 2/3']);
      expect(await told({ kind: 'spend_cap', firing: false, quiet: true })).toEqual([]);
      expect(await spend(1)).toEqual(['spend_cap firing 1/1']);
      const { coolDownMs: _cool, ...once } = waiting(true);
      expect(await told(once)).toHaveLength(1);
      clock.advance(30 * DAY);
      expect(await told(once)).toEqual([]);
    });

    it('once, however many processes look at the same moment', async () => {
      const processes = await Promise.all([1, 2, 3].map(() => connected()));
      const counts = await Promise.all(processes.map(({ observe }) => observe(waiting(true))));
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1);
      await Promise.all(processes.map(({ send }) => send()));
      expect(posts()).toHaveLength(1);
      await Promise.all(processes.map(({ observe }) => observe(waiting(false))));
      await Promise.all(processes.map(({ send }) => send()));
      expect(posts().map((text) => text.split(' ')[0])).toEqual(['Alert', 'Over']);
    });

    it('the same when a call is repeated after its answer was lost', async () => {
      const args = { p_request: randomUUID(), p_observations: JSON.stringify([waiting(true)]), p_now: now() };
      const answers = [];
      for (const _ of [1, 2]) answers.push(JSON.stringify((await tables.rpc('observe_alerts', args).throwOnError()).data));
      expect(answers[0]).toBe(answers[1]);
      expect(answers[0]).toContain('jobs_waiting');
      expect((await tables.from('hivepulse_alert_messages').select().throwOnError()).data).toHaveLength(1);
    });
  });

  describe('are sent', () => {
    it('to the webhook and by mail, with what it is, since when, what to do and where to look', async () => {
      const { observe, send } = await connected({ hook: hook.url, smtp: inbox.url });
      await observe(waiting(true));
      await send();
      await send();
      expect(hook.posts.map(({ headers }) => headers['content-type'])).toEqual(['application/json']);
      expect(posts()).toEqual([
        [
          'Alert (jobs_waiting): 153 jobs wait on review-ai, more than 100.',
          'Since 2027-06-01 08:00 UTC.',
          'What to do: Look whether the workers are at work (a limit of a provider, a slow job, a paused queue), else start more of them.',
          `${PUBLIC_URL}/admin/queues/queue/review-ai`,
          'Runbook: docs/operations.md#jobs-waiting',
        ].join('\n'),
      ]);
      expect(inbox.mails).toHaveLength(1);
      expect(inbox.mails[0]?.to).toEqual(['ops@example.com', 'on-call@example.com']);
      expect(inbox.mails[0]?.raw).toMatch(/^Subject: \[Hivepulse\] Alert: 153 jobs wait on review-ai, more than 100\r$/m);
      expect(inbox.mails[0]?.raw).toContain('docs/operations.md#jobs-waiting');
      clock.advance(20 * MINUTE);
      await observe(waiting(false));
      await send();
      expect(posts()[1]).toBe('Over (jobs_waiting): No more than 100 jobs wait on review-ai.\nIt lasted for 20 min, since 2027-06-01 08:00 UTC.');
      expect(inbox.mails).toHaveLength(2);
    });

    it('by another process when the one that stored them has died', async () => {
      const died = await connected();
      await died.observe(waiting(true));
      await processOf(world.db, clock, { hook: hook.url }).send();
      expect(posts()).toHaveLength(1);
    });

    it('by a process that has the target when the one that noticed has none', async () => {
      const other = await connected();
      await processOf(world.db, clock).observe(waiting(true));
      await other.send();
      expect(posts()).toHaveLength(1);
    });

    it('again after a crash between sending and saying so: that one message, when its lease is over', async () => {
      const { targets, observe, send } = await connected();
      await observe(waiting(true));
      await observe({ kind: 'worker_missing', firing: true, details: { ready: 3, lastPoll: null } });
      const [first] = await book().take(randomUUID(), 'webhook', MINUTE, now());
      expect(first?.kind).toBe('jobs_waiting');
      await targets[0]?.send({ id: '1', subject: '', lines: ['from the one that died'] }, 1);
      await send();
      expect(posts().map((text) => text.split(' ')[1])).toEqual(['the', '(worker_missing):']);
      clock.advance(MINUTE);
      await Promise.all([send(), processOf(world.db, clock, { hook: hook.url }).send()]);
      expect(posts().map((text) => text.split(' ')[1])).toEqual(['the', '(worker_missing):', '(jobs_waiting):']);
    });

    it('when the webhook is back, in their order, and to the other target meanwhile', async () => {
      const { observe, send } = await connected({ hook: hook.url, smtp: inbox.url });
      status = 503;
      await observe(waiting(true));
      await send();
      await observe(waiting(false));
      await send();
      expect([hook.posts.length, inbox.mails.length]).toEqual([1, 2]);
      for (const pause of [10, 30, 90]) {
        clock.advance(pause * SECOND - 1);
        await send();
        const before = hook.posts.length;
        clock.advance(1);
        await send();
        expect(hook.posts).toHaveLength(before + 1);
      }
      status = 200;
      hook.posts.length = 0;
      clock.advance(30 * MINUTE);
      await send();
      expect(posts().map((text) => text.split(' ')[0])).toEqual(['Alert', 'Over']);
      expect(inbox.mails).toHaveLength(2);
    });

    it('no more after a day: then that is written down', async () => {
      const { log, lines, text } = await listeningLog();
      const { observe, send } = await connected({ hook: `http://127.0.0.1:${await freePort()}/secret-path`, log });
      await observe(waiting(true));
      await send();
      clock.advance(DAY - MINUTE);
      await send();
      expect(lines().map(({ event }) => event)).toEqual(['jobs_waiting', 'alert.postponed', 'alert.postponed']);
      clock.advance(30 * MINUTE);
      await send();
      expect(lines().at(-1)).toMatchObject({ level: 'warn', event: 'alert.not_delivered', target: 'webhook', kind: 'jobs_waiting' });
      clock.advance(DAY);
      await send();
      expect(lines()).toHaveLength(4);
      expect(text()).not.toContain('secret-path');
    });

    it.each([404, 307])('once to a webhook that answers %s: it refuses, or sends elsewhere', async (answered) => {
      const { log, lines } = await listeningLog();
      const { observe, send } = await connected({ hook: hook.url, log });
      status = answered;
      await observe(waiting(true));
      await send();
      clock.advance(60 * MINUTE);
      await send();
      expect(hook.posts).toHaveLength(1);
      expect(lines().at(-1)).toMatchObject({ event: 'alert.not_delivered', reason: `the webhook answered with status ${answered}` });
    });

    it('later when a mail server takes nothing now, without telling its password', async () => {
      const { log, text } = await listeningLog();
      const busy = await startInbox({
        onData: (stream, _session, done) => stream.on('end', () => done(Object.assign(new Error('later'), { responseCode: 451 }))).resume(),
      });
      onTestFinished(busy.stop);
      const { observe, send } = await connected({ smtp: busy.url.replace('127', 'user:pass-word@127'), log });
      await observe(waiting(true));
      await send();
      expect(text()).toMatch(/alert\.postponed.*the mail server answered 451/);
      expect(text()).not.toContain('pass-word');
      const good = processOf(world.db, clock, { smtp: inbox.url });
      clock.advance(10 * SECOND);
      await good.send();
      expect(inbox.mails).toHaveLength(1);
    });
  });

  describe('of jobs that failed for good', () => {
    it('are one for each error: 2,000 failures that are three errors', async () => {
      const { send } = await connected();
      const errors = ['Story %d is gone', 'Timeout after %d ms while “secret words %d” was read', 'The model answered nonsense'];
      const record = tables.from('failed_jobs').insert(
        Array.from({ length: 2_000 }, (_, n) => ({
          queue: 'story-enhancement',
          name: 'enhance',
          job_id: `job-${n}`,
          fingerprint: `f${n % 3}`,
          error: errors[n % 3]?.replaceAll('%d', `${n}`),
          payload: { text: 'secret words' },
          failed_at: new Date(Date.parse('2027-06-01T07:00:00Z') + n).toISOString(),
        })),
      );
      await record.throwOnError();
      const one = await book().observeFailedJobs({ coolDownMs: COOL_DOWN_MS, limit: 5_000 }, now());
      expect([one.counted, one.told.map(({ count }) => count)]).toEqual([2_000, [667, 667, 666]]);
      expect(await failures()).toEqual([]);
      await send();
      expect(posts()).toHaveLength(3);
      expect(posts()[1]).toContain(
        'Alert (job_failed): 667 jobs on story-enhancement (enhance) failed for good: Timeout after &lt;number&gt; ms while &lt;value&gt; was read. One of them: job-1999.',
      );
      expect(posts().join()).not.toContain('secret words');
    });

    it('count what comes while a group cools down, and tell it then, also when nothing new has come', async () => {
      await fail('Story 1 is gone');
      expect(await failures()).toMatchObject([{ phase: 'firing', count: 1, details: { queue: 'story-enhancement', error: 'Story 1 is gone' } }]);
      for (const n of [2, 3, 4]) await fail(`Story ${n} is gone`);
      clock.advance(MINUTE);
      expect(await failures()).toEqual([]);
      await fail('Out of memory');
      expect(await failures()).toMatchObject([{ phase: 'firing', count: 1, details: { error: 'Out of memory' } }]);
      clock.advance(59 * MINUTE);
      expect(await failures()).toMatchObject([{ phase: 'still', count: 3, total: 4 }]);
      await book().cleanUp({ coolDownMs: COOL_DOWN_MS, keepMs: 90 * DAY }, now());
      clock.advance(COOL_DOWN_MS + 1);
      await book().cleanUp({ coolDownMs: COOL_DOWN_MS, keepMs: 90 * DAY }, now());
      await fail('Story 9 is gone');
      expect(await failures()).toMatchObject([{ phase: 'firing', count: 1, total: 1 }]);
    });

    it('are one message when many kinds of them come at once', async () => {
      const { send } = await connected();
      for (let n = 0; n < 12; n += 1)
        for (let times = 0; times <= n % 4; times += 1) await fail(`Error ${'x'.repeat(n + 1)}`, { queue: 'review-ai' });
      await failures();
      await send();
      expect(posts()).toHaveLength(1);
      const [text = ''] = posts();
      expect(text).toContain('Alert (job_failed): 30 jobs failed for good, in 12 ways.');
      expect(text.match(/^- /gm)).toHaveLength(11);
      expect(text).toContain('- and 2 more');
    });

    it('are counted once by any number of processes', async () => {
      for (let n = 0; n < 20; n += 1) await fail(`Story ${n} is gone`);
      const all = (await Promise.all([failures(), failures(), failures()])).flat();
      const rows = (await tables.from('hivepulse_alerts').select('total').throwOnError()).data;
      expect(all.filter(({ phase }) => phase === 'firing')).toHaveLength(1);
      expect(rows?.map(({ total }) => Number(total))).toEqual([20]);
    });
  });

  it('an account that must be connected again is told of with its mark, and so is its return', async () => {
    const { send } = await connected();
    clock.setWallClock(Date.now());
    await processOf(world.db, clock, { hook: hook.url }).send();
    const { id, userId } = await world.db.connections.save(newConnection({ email: 'ann@corp.example' }));
    const account = await world.db.connections.read(id);
    // Whoever marks it may die right after.
    expect(await world.db.connections.markReauthRequired(id, account?.tokens.version ?? 0, 'invalid_grant')).toBe(true);
    clock.setWallClock(Date.now() + MINUTE);
    await send();
    expect(posts()).toHaveLength(1);
    expect(posts()[0]).toContain(`The google account at corp.example (connection ${id}) must be connected again`);
    expect(posts()[0]).not.toContain('ann');
    await tables.from('oauth_connections').update({ status: 'active' }).eq('id', id).throwOnError();
    clock.setWallClock(Date.now() + 2 * MINUTE);
    await send();
    expect(posts()[1]).toContain(`(connection ${id}) is connected again`);
    await tables.from('oauth_connections').update({ status: 'reauth_required' }).eq('id', id).throwOnError();
    await tables.from('oauth_connections').delete().eq('id', id).throwOnError();
    const rows = (await tables.from('hivepulse_alerts').select('status,total').eq('subject', id).throwOnError()).data;
    expect([userId.length, rows]).toEqual([36, [{ status: 'over', total: expect.anything() }]]);
  });

  it('the failure rate is that of all workers; a report that is repeated counts once', async () => {
    const reports = [randomUUID(), randomUUID()];
    for (const report of [...reports, ...reports]) await book().reportEndings(report, [{ queue: 'review-ai', completed: 15 }], now());
    const failedAt = (minutes: number) => new Date(clock.now() - minutes * MINUTE).toISOString();
    await tables
      .from('failed_jobs')
      .insert([0, 5, 10, 20].map((minutes) => ({ queue: 'review-ai', job_id: `${minutes}`, failed_at: failedAt(minutes) })))
      .throwOnError();
    const options = { windowMs: 15 * MINUTE, lagMs: 45 * SECOND };
    expect(await book().endings(options, now())).toEqual([{ queue: 'review-ai', completed: 30, failed: 2 }]);
    clock.advance(15 * MINUTE);
    expect(await book().endings(options, now())).toEqual([{ queue: 'review-ai', completed: 30, failed: 1 }]);
    clock.advance(MINUTE);
    expect(await book().endings(options, now())).toEqual([]);
  });

  it('what is old is forgotten, and what nobody delivered is counted', async () => {
    const { observe } = await connected();
    await observe(waiting(true));
    await observe(waiting(false));
    const cleanUp = () => book().cleanUp({ coolDownMs: COOL_DOWN_MS, keepMs: 90 * DAY }, now());
    expect(await cleanUp()).toBe(0);
    clock.advance(26 * 60 * MINUTE);
    expect([await cleanUp(), await cleanUp()]).toEqual([2, 0]);
    clock.advance(90 * DAY);
    await cleanUp();
    for (const table of ['hivepulse_alerts', 'hivepulse_alert_messages', 'hivepulse_alert_deliveries', 'hivepulse_alert_targets'])
      expect([table, (await tables.from(table).select().throwOnError()).data]).toEqual([table, []]);
  });

  it('users see nothing of them', async () => {
    await book().observe([waiting(true)], now());
    const { jwt } = await signUp(world);
    const browser = createClient(world.url, world.publishableKey, {
      ...(world.fetch ? { global: { fetch: world.fetch } } : {}),
      accessToken: async () => jwt,
    });
    for (const table of [
      'hivepulse_alerts',
      'hivepulse_alert_messages',
      'hivepulse_alert_deliveries',
      'hivepulse_alert_targets',
      'hivepulse_job_endings',
    ])
      expect([table, (await browser.from(table).select()).data ?? []]).toEqual([table, []]);
    for (const [name, args] of Object.entries({
      observe_alerts: { p_request: randomUUID(), p_observations: '[]' },
      take_alert_messages: { p_claim: randomUUID(), p_target: 'webhook', p_lease_ms: 1 },
      settle_alert_messages: { p_delivery: '{}' },
      observe_failed_jobs: { p_cool_down_ms: 1, p_limit: 1 },
      clean_up_alerts: { p_cool_down_ms: 1, p_keep_ms: 1 },
    }))
      expect([name, (await browser.rpc(name, args)).error?.code]).toEqual([name, '42501']);
  });
});

describe('without a database', () => {
  it('an alert is a line in the log and goes straight out, once until it has cooled down', async () => {
    const hook = await startHook();
    onTestFinished(hook.stop);
    const db = createDb({ url: `http://127.0.0.1:${await freePort()}`, serviceKey: 'none', timeoutMs: 500 });
    const clock = createFakeClock();
    const { log, lines } = await listeningLog();
    const { observe } = processOf(db, clock, { hook: hook.url, log });
    const silent: AlertObservation = { kind: 'worker_missing', firing: true, coolDownMs: COOL_DOWN_MS, details: { ready: 3, lastPoll: null } };
    for (const _ of [1, 2]) expect(await observe(silent, { ...silent, kind: 'jobs_old', firing: false })).toBe(0);
    expect(lines().map(({ event }) => event)).toEqual(['alert.not_stored', 'worker_missing', 'alert.not_stored']);
    expect(hook.posts).toHaveLength(1);
    expect(hook.posts[0]?.body).toContain('3 jobs are ready, and no worker has asked for any yet');
    clock.advance(COOL_DOWN_MS);
    await observe(silent);
    expect(hook.posts).toHaveLength(2);
  });
});
