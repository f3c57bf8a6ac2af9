import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/world.ts';
import { type MailWorld, mailOf, startMailWorld } from './mail-world.ts';

/** An API process and two worker processes, the stand-in for Google over HTTP, Google's own client in between. */
export function mailSuite(queue: 'redis' | 'postgres'): void {
  describe(`Gmail fetch, queues on ${queue}`, () => {
    let world: MailWorld;

    beforeAll(async () => {
      world = await startMailWorld({ queue });
      await Promise.all([world.startWorker(), world.startWorker()]);
    });
    afterEach(() => {
      world.google.faults.clear();
      world.google.faults.latencyMs = 0;
      world.google.requests.reset();
    });
    afterAll(async () => {
      // Of everything that was fetched, refreshed and refused here, at level debug.
      const leaks = world?.mailLeaks() ?? [];
      await world?.stop();
      expect(leaks).toEqual([]);
    });

    it('reads 500 messages once, then only what is new; when the history has expired it lists anew and reads nothing that is stored', async () => {
      const { google } = world;
      const { userId, email } = await world.connect(500);
      const first = await world.fetchMail(userId);
      expect(first).toMatchObject({ status: 'completed', progress: 500, total: 500 });
      expect(first.result).toMatchObject({ mode: 'full', found: 500, cached: 0, fetched: 500, failed: 0, cacheHitRate: 0, stored: 500, more: false });
      // One message is 5 units, the listing another 5, its history id 1; 25 batches.
      expect(first.result).toMatchObject({ apiUnits: 2_506, apiCalls: 27 });
      expect(world.reads()).toBe(500);

      google.requests.reset();
      const second = await world.fetchMail(userId);
      expect(second.result).toMatchObject({ mode: 'incremental', found: 0, fetched: 0, stored: 500, apiUnits: 2 });
      const anew = await world.fetchMail(userId, { full: true });
      expect(anew.result).toMatchObject({ mode: 'full', found: 500, cached: 500, fetched: 0, cacheHitRate: 1 });
      expect(world.reads()).toBe(0);

      for (let index = 0; index < 10; index += 1) google.mailbox(email).deliver({ eml: mailOf(`New ${index}`) });
      const third = await world.fetchMail(userId);
      expect(third.result).toMatchObject({ mode: 'incremental', found: 10, fetched: 10, stored: 510 });
      expect(world.reads()).toBe(10);

      google.mailbox(email).deliver({ eml: mailOf('One more') });
      google.mailbox(email).forgetHistory();
      const fourth = await world.fetchMail(userId);
      expect(fourth.result).toMatchObject({ mode: 'full', found: 500, cached: 499, fetched: 1, more: true, stored: 511 });
      expect(world.reads()).toBe(11);
      expect(await world.messages(userId)).toHaveLength(511);
    });

    it('follows deletions and labels', async () => {
      const { google } = world;
      const { userId, email, connectionId } = await world.connect(30);
      await world.fetchMail(userId);
      const mailbox = google.mailbox(email);
      const [first, second, third] = mailbox.mails.map(({ id }) => id);
      mailbox.delete(first ?? '');
      mailbox.relabel(second ?? '', { add: ['STARRED'], remove: ['INBOX'] });
      mailbox.relabel(third ?? '', { add: ['TRASH'] });
      const { result } = await world.fetchMail(userId);
      expect(result).toMatchObject({ mode: 'incremental', found: 0, deleted: 1, relabelled: 2, stored: 29 });
      const listed = await world.api.call('GET', `/api/messages?connectionId=${connectionId}&limit=100`, undefined, { 'x-user-id': userId });
      expect(listed.body.data.messages).toHaveLength(28);
      const starred = await world.api.call('GET', '/api/messages?label=STARRED', undefined, { 'x-user-id': userId });
      expect(starred.body.data.messages.map(({ id }: { id: string }) => id)).toEqual([second]);
      expect(starred.body.data.messages[0].labels).not.toContain('INBOX');

      // Fetched by a query between its arrival and its being read.
      const late = mailbox.deliver({ eml: mailOf('Late') });
      await world.fetchMail(userId, { query: 'subject:Late' });
      mailbox.relabel(late, { remove: ['UNREAD'] });
      const again = await world.fetchMail(userId);
      expect(again.result).toMatchObject({ mode: 'incremental', found: 1, cached: 1, fetched: 0, relabelled: 1 });
    });

    it('stores each message once though a tenth of the parts of batches fails, the token expires on the way and connections break', async () => {
      const { google } = world;
      const { userId } = await world.connect(120);
      google.faults.failParts({ which: 0.1, status: 429, times: 10 });
      google.faults.failParts({ which: 0.1, status: 500, times: 10 });
      google.faults.cutNext(1);
      const job = await world.ask(userId);
      await eventually(() => google.requests.counts.batch >= 2);
      google.expireTokens();
      google.faults.cutNext(2);
      const row = await world.settled(job);
      expect(row).toMatchObject({ status: 'completed', error: null });
      expect(row.result).toMatchObject({ found: 120, failed: 0, gone: 0, stored: 120 });
      expect(await world.messages(userId)).toHaveLength(120);
    });

    it('two fetches of one account at once read no message twice', async () => {
      const { userId } = await world.connect(200);
      world.google.faults.latencyMs = 20;
      const jobs = await Promise.all([world.ask(userId), world.ask(userId), world.ask(userId)]);
      const rows = await Promise.all(jobs.map((job) => world.settled(job)));
      expect(rows.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed']);
      expect(rows.reduce((sum, { result }) => sum + result.fetched, 0)).toBe(200);
      expect(world.reads()).toBe(200);
      expect(await world.messages(userId)).toHaveLength(200);
    });

    it('a grant that is gone fails the job at once, marks the account, and is told once, to all who ask', async () => {
      const { google } = world;
      const { userId, email, connectionId } = await world.connect(40);
      await world.fetchMail(userId);
      const alertsBefore = world.alerts.length;
      google.revoke(email);
      const jobs = await Promise.all([world.ask(userId), world.ask(userId), world.ask(userId)]);
      const rows = await Promise.all(jobs.map((job) => world.settled(job)));
      for (const row of rows) expect(row).toMatchObject({ status: 'failed', attempts: 1 });
      expect(await world.db.connections.get(connectionId)).toMatchObject({ status: 'reauth_required' });
      await eventually(() => world.alerts.length > alertsBefore);
      expect(world.alerts.slice(alertsBefore)).toHaveLength(1);
      const refused = await world.api.call('POST', '/api/analytics/jobs', {}, { 'x-user-id': userId });
      expect([refused.status, refused.body.error.code]).toEqual([409, 'reauth_required']);
      expect(await world.messages(userId)).toHaveLength(40);
    });

    it('an account that Google limits waits, without an attempt, while another is fetched', async () => {
      const { google } = world;
      const [limited, free] = await Promise.all([world.connect(60), world.connect(60)]);
      google.faults.failNext(429, { times: 1, retryAfterSeconds: 60 });
      const waiting = await world.ask(limited.userId);
      await eventually(async () => (await world.row(waiting)).error?.includes('limited'));
      const other = await world.fetchMail(free.userId);
      expect(other).toMatchObject({ status: 'completed', result: { fetched: 60 } });
      expect(await world.row(waiting)).toMatchObject({ status: 'pending' });
      const cancelled = await world.api.call('DELETE', `/api/analytics/jobs/${waiting}`, undefined, { 'x-user-id': limited.userId });
      expect(cancelled.body.data.outcome).toBe('cancelled');
      expect(await world.row(waiting)).toMatchObject({ status: 'cancelled' });
    });

    it('a fetch that had to wait in between counts all that it has read, and no attempt', async () => {
      const { google } = world;
      const { userId } = await world.connect(120);
      google.faults.latencyMs = 30;
      const job = await world.ask(userId);
      await eventually(async () => (await world.messages(userId)).length >= 20);
      google.faults.failNext(429, { times: 1, retryAfterSeconds: 1 });
      const row = await world.settled(job);
      expect(row).toMatchObject({ status: 'completed', attempts: 1, result: { found: 120, cached: 0, fetched: 120, cacheHitRate: 0 } });
      // Listed twice, each time with its history id; the refused batch of 20 was paid for.
      expect(row.result.apiUnits).toBe(120 * 5 + 2 * 6 + 20 * 5);
      expect(world.reads()).toBe(120);
    });

    it('a cancelled fetch keeps what it has stored, and the next one reads the rest', async () => {
      const { userId } = await world.connect(200);
      world.google.faults.latencyMs = 50;
      const job = await world.ask(userId);
      await eventually(async () => (await world.messages(userId)).length >= 40);
      await world.api.call('DELETE', `/api/analytics/jobs/${job}`, undefined, { 'x-user-id': userId });
      expect(await world.settled(job)).toMatchObject({ status: 'cancelled' });
      world.google.faults.latencyMs = 0;
      const next = await world.fetchMail(userId);
      expect(next.result.cached).toBeGreaterThanOrEqual(40);
      expect(next.result.cached + next.result.fetched).toBe(200);
      expect(await world.messages(userId)).toHaveLength(200);
    });

    it('a disconnected account fails its running fetch with the reason, and its mail is gone', async () => {
      const { userId, connectionId } = await world.connect(200);
      world.google.faults.latencyMs = 50;
      const job = await world.ask(userId);
      await eventually(async () => (await world.messages(userId)).length > 0);
      const removed = await world.api.call('DELETE', `/api/connections/${connectionId}`, undefined, { 'x-user-id': userId });
      expect(removed.status).toBe(200);
      const row = await world.settled(job);
      expect(row).toMatchObject({ status: 'failed', error: expect.stringContaining('connect') });
      expect(await world.messages(userId)).toEqual([]);
    });

    it('does the same for a row that plain SQL inserts, as the old guide does; without an account it says what to do', async () => {
      const { userId } = await world.connect(25);
      const insert = (user: string) => world.sql<{ id: string }[]>`
        insert into analytics_jobs (user_id, type, status, params) values (${user}, 'fetch_messages', 'pending', '{"maxResults": 10}') returning id`;
      const [job] = await insert(userId);
      const row = await world.settled(job?.id ?? '');
      expect(row).toMatchObject({ status: 'completed', result: { found: 10, more: true } });
      const [nobodys] = await insert('00000000-0000-4000-8000-00000000abcd');
      const failed = await world.settled(nobodys?.id ?? '');
      expect(failed).toMatchObject({ status: 'failed', attempts: 1, error: expect.stringContaining('/api/connections/google/start') });
    });

    it('shows its progress by poll, and takes queries, labels and a number', async () => {
      const { userId } = await world.connect(60);
      // Progress is written twice a second at most.
      world.google.faults.latencyMs = 400;
      const job = await world.ask(userId, { labelIds: ['INBOX'], maxResults: 50 });
      const seen = await eventually(async () => {
        const { body } = await world.api.call('GET', `/api/analytics/jobs/${job}`, undefined, { 'x-user-id': userId });
        const { progress, total, current_step } = body.data.job;
        return progress > 0 && progress < total && { progress, total, current_step };
      });
      expect(seen).toMatchObject({ total: 50, current_step: expect.stringMatching(/^Fetching batch \d\/3\.\.\.$/) });
      expect(await world.settled(job)).toMatchObject({ status: 'completed', progress: 50, total: 50, result: { found: 50, more: true } });
      const found = await world.fetchMail(userId, { query: 'subject:"Mail 7"' });
      expect(found.result).toMatchObject({ mode: 'full', found: 1, cached: 1 });
      const nonsense = await world.api.call('POST', '/api/analytics/jobs', { maxResults: 0 }, { 'x-user-id': userId });
      expect(nonsense.status).toBe(400);
    });
  });
}
