import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { topicalAnswers } from '../support/answers.ts';
import { type ApiProcess, eventually, startWorld, type World } from '../support/world.ts';

const topical = topicalAnswers();

/** An API process, a worker process and no keys: answers become themes. */
export function analysisSuite(queue: 'redis' | 'postgres'): void {
  describe(`conversation analysis, queues on ${queue}`, () => {
    let world: World;
    let api: ApiProcess;
    const userId = randomUUID();
    const asUser = { 'x-user-id': userId };

    beforeAll(async () => {
      world = await startWorld({ queue, env: { AI_PROVIDER: 'local', POLL_INTERVAL_MS: '500' } });
      [api] = await Promise.all([world.startApi(), world.startWorker()]);
    });
    afterAll(() => world?.stop());

    const created = async (texts: readonly string[]): Promise<string> => {
      const { body } = await api.call('POST', '/api/conversations', { title: 'What should the town do better?' }, asUser);
      const { id } = body.data.conversation;
      const csv = ['id;answer', ...texts.map((text, row) => `${row};"${text.replaceAll('"', '""')}"`)].join('\r\n');
      const { status } = await api.call('POST', `/api/conversations/${id}/responses?column=answer`, csv, { ...asUser, 'content-type': 'text/csv' });
      expect(status).toBe(200);
      return id;
    };
    const settled = (id: string): Promise<string> =>
      eventually(async () => {
        const [row] = await world.sql<{ status: string }[]>`select analysis_status as status from conversations where id = ${id}`;
        return row && ['succeeded', 'failed', 'cancelled'].includes(row.status) && row.status;
      }, 60_000);
    const themesOf = async (id: string) => (await api.call('GET', `/api/conversations/${id}/themes`, undefined, asUser)).body.data.themes;

    it('goes from a CSV over the API to themes, a map and an export', async () => {
      const id = await created(topical.map(({ text }) => text));
      const asked = await api.call('POST', `/api/conversations/${id}/analysis`, {}, asUser);
      expect(asked.status).toBe(201);
      expect(await settled(id)).toBe('succeeded');
      const themes = await themesOf(id);
      expect(themes.length).toBeGreaterThanOrEqual(4);
      expect(themes[0]).toMatchObject({
        name: expect.stringMatching(/\S/),
        size: expect.any(Number),
        quotes: [expect.anything(), ...themes[0].quotes.slice(1)],
      });
      const map = await api.call('GET', `/api/conversations/${id}/map`, undefined, asUser);
      expect(map.body.data.points).toHaveLength(120);
      const exported = await api.call('GET', `/api/conversations/${id}/export?format=json`, undefined, asUser);
      expect(exported.status).toBe(200);
      expect(world.leaks()).toEqual([]);
    });

    it('does the same for a row that plain SQL inserts, as the old guide does', async () => {
      const id = await created(topical.slice(0, 40).map(({ text }) => text));
      await world.sql`insert into conversation_analysis_jobs (conversation_id, status, created_by) values (${id}, 'queued', ${userId})`;
      expect(await settled(id)).toBe('succeeded');
      const rows = await world.sql`select name, size from conversation_themes where conversation_id = ${id}`;
      expect(rows.length).toBeGreaterThan(0);
    });

    it('takes the number of themes that SQL asks for', async () => {
      const id = await created(topical.map(({ text }) => text));
      await world.sql`insert into conversation_analysis_jobs (conversation_id, created_by, params) values (${id}, ${userId}, '{"k": 4}')`;
      expect(await settled(id)).toBe('succeeded');
      expect(await themesOf(id)).toHaveLength(4);
    });

    it('fails at once, naming the field, when a row asks for what cannot be', async () => {
      const id = await created(['One answer.']);
      await world.sql`insert into conversation_analysis_jobs (conversation_id, created_by, params) values (${id}, ${userId}, '{"k": "many"}')`;
      expect(await settled(id)).toBe('failed');
      const [row] = await world.sql<{ error: string }[]>`select analysis_error as error from conversations where id = ${id}`;
      expect(row?.error).toContain('k');
    });

    it('is cancelled while it runs, and no themes are left behind', async () => {
      const id = await created(topical.map(({ text }, row) => `${text} ${row} ${randomUUID()}`));
      const { body } = await api.call('POST', `/api/conversations/${id}/analysis`, {}, asUser);
      const jobId = body.data.job.id;
      await eventually(
        async () => (await api.call('GET', `/api/queue/conversation-analysis/jobs/${jobId}`, undefined, asUser)).body.data.job.state === 'active',
      );
      expect((await api.call('DELETE', `/api/queue/conversation-analysis/jobs/${jobId}`, undefined, asUser)).status).toBeLessThan(300);
      expect(await settled(id)).toBe('cancelled');
      expect(await themesOf(id)).toEqual([]);
    });
  });
}
