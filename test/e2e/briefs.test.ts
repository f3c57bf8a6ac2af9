import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BriefResult, briefResult } from '../../lib/jobs/daily-brief.ts';
import { type Hook, type Inbox, startHook, startInbox } from '../briefs/receivers.ts';
import { dealIn, documentIn } from '../briefs/samples.ts';
import { eventually, leaksIn, startWorld, type World } from '../support/world.ts';

/** Would be in every log that holds what it must not. */
const SECRETS = ['hook-secret', 'ann@example.com', 'SPA.pdf'];

let world: World;
let inbox: Inbox;
let hook: Hook;
let worker: Awaited<ReturnType<World['startWorker']>>;
beforeAll(async () => {
  [inbox, hook] = await Promise.all([startInbox(), startHook()]);
  const env = {
    SMTP_URL: inbox.url,
    BRIEF_WEBHOOK_URL: hook.url,
    BRIEF_FROM: 'Deals <deals@example.org>',
    POLL_INTERVAL_MS: '250',
    SCHEDULER: 'off',
  };
  world = await startWorld({ queue: 'redis', env: { ...env, WORKER_QUEUES: 'daily-brief' } });
  worker = await world.startWorker();
  const sentence = { text: 'The document SPA.pdf was added.', facts: ['f1'] };
  world.llm.answerWith({ headline: sentence, sections: [{ topic: 'documents', sentences: [sentence] }] });
});
afterAll(async () => {
  await world?.stop();
  await Promise.all([inbox?.stop(), hook?.stop()]);
});

const ask = async (payload: { dealId: string; dueAt?: string }) =>
  (await world.service.enqueue({ queue: 'daily-brief', name: 'generate', payload })).jobId;
const made = async (jobId: string): Promise<BriefResult> =>
  briefResult.parse(await world.service.waitForJob('daily-brief', jobId, { timeoutMs: 20_000 }));

it('a brief asked for by hand is made, stored and sent; asked for again, it says that nothing has changed, and no model is asked', async () => {
  const deal = await dealIn(world.db, { briefDelivery: { mail: ['ann@example.com'], webhook: true } });
  await documentIn(world.db, deal, 'SPA.pdf');
  const first = await made(await ask({ dealId: deal.id }));
  expect(first).toMatchObject({ edition: 1, empty: false, facts: 1, dropped: 0, provider: 'openai' });
  const second = await made(await ask({ dealId: deal.id }));
  expect(second).toMatchObject({ edition: 2, empty: true, briefId: first.briefId });
  expect(world.llm.requests()).toHaveLength(1);
  const states = await eventually(async () => {
    const all = await world.db.briefs.deliveries([first.editionId, second.editionId]);
    return all.every(({ status }) => status === 'sent') && all;
  });
  expect(states).toHaveLength(4);
  expect(inbox.mails.map(({ raw }) => /^Message-ID: <brief-(\S+)@example.org>/imu.exec(raw)?.[1]).sort()).toEqual(
    [first.editionId, second.editionId].sort(),
  );
  expect(hook.posts.map(({ headers }) => headers['idempotency-key']).sort()).toEqual([first.editionId, second.editionId].sort());
  expect(leaksIn([worker], SECRETS)).toEqual([]);
});

it('two briefs of a deal that are due at once tell each event once, and neither is lost', async () => {
  // A name of its own: the model's answer about the other deal is cached.
  const deal = await dealIn(world.db, { name: 'Project Heron' });
  await documentIn(world.db, deal, 'SPA.pdf');
  const held = world.llm.hold();
  const jobs = await Promise.all(['2026-11-22T06:00:00Z', '2026-11-22T06:00:01Z'].map((dueAt) => ask({ dealId: deal.id, dueAt })));
  await held.arrived;
  await eventually(() => worker.lines.some((line) => line.includes('job waits for a limit')));
  held.release();
  const results = await Promise.all(jobs.map(made));
  expect(results.map(({ edition, empty, facts }) => `${edition} ${empty ? 'empty' : facts}`).sort()).toEqual(['1 1', '2 empty']);
});
