import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BriefContent } from '../../lib/briefs/contract.ts';
import type { Deal } from '../../lib/db/deal-types.ts';
import { JobAbortedError, RateLimitedError } from '../../lib/errors.ts';
import { type BriefPayload, briefResult } from '../../lib/jobs/daily-brief.ts';
import { silentLogger } from '../../lib/log.ts';
import type { JobContext } from '../../lib/queue/processor.ts';
import processors, { type BriefWorkerDeps } from '../../workers/daily-brief.ts';
import { dealIn, documentIn, factsIn, risk, risksIn, untold } from '../briefs/samples.ts';
import { preparedAi } from '../scoring/support.ts';
import { createFakeClock } from '../support/clock.ts';
import { type EmbeddedTestDb, startEmbeddedDb } from '../support/pglite.ts';

const { generate } = processors;

let embedded: EmbeddedTestDb;
beforeAll(async () => {
  embedded = await startEmbeddedDb();
});
afterAll(() => embedded?.stop());

/** Cites the first fact in its own words. */
const answer = {
  headline: { text: 'SPA.pdf was added.', facts: ['f1'] },
  sections: [{ topic: 'documents', sentences: [{ text: 'SPA.pdf was added.', facts: ['f1'] }] }],
};

/** One deal, and the processor's steps as the runner takes them. `exclusive: false`: a hold that everybody gets. */
async function setUp({ exclusive = true, deal: changes = {} as Partial<Deal> } = {}) {
  const { db } = embedded;
  const deal = await dealIn(db, { timeZone: 'Europe/Berlin', ...changes });
  const clock = createFakeClock(Date.now());
  const { ai, asked } = preparedAi({ 'daily-brief': answer });
  const holders = new Map<string, string>();
  const store = {
    acquire: async (key: string, holder: string) => {
      if (exclusive && holders.has(key) && holders.get(key) !== holder) return false;
      holders.set(key, holder);
      return true;
    },
    release: async (key: string) => void holders.delete(key),
  };
  const counts = { poked: 0 };
  const briefs = {
    timeZone: 'America/New_York',
    store,
    channels: { mail: true, webhook: true },
    onRecorded: () => Object.assign(counts, { poked: counts.poked + 1 }),
  };
  const contextOf = (jobId = `daily-brief-${randomUUID()}`, abort = new AbortController()): JobContext<BriefWorkerDeps> => ({
    job: { queue: 'daily-brief', name: 'generate', id: jobId, attempt: 1, maxAttempts: 4 },
    meta: { correlationId: 'c', enqueuedAt: new Date(clock.now()).toISOString() },
    runId: randomUUID(),
    ai,
    deps: { db, clock, briefs },
    signal: abort.signal,
    progress: () => undefined,
    log: silentLogger,
  });
  async function written(payload: Partial<BriefPayload> = {}, context = contextOf()) {
    const whole = { dealId: deal.id, ...payload };
    const begun = await generate.begin(whole, context);
    if (begun.state === 'finished') return { result: begun.result, record: async () => 'finished' as const };
    const result = await generate.run(whole, begun.row, context);
    return { result, record: () => generate.record(whole, result, context) };
  }
  async function make(payload: Partial<BriefPayload> = {}, context = contextOf()) {
    const { result, record } = await written(payload, context);
    return { result, recorded: await record() };
  }
  const stored = async (date: string, report = 'daily') => {
    const brief = await db.briefs.get(deal.id, date, { report });
    return { brief, content: brief?.content as BriefContent, editions: await db.briefs.editions(brief?.id ?? '') };
  };
  return { db, deal, clock, asked, contextOf, written, make, stored, holders, counts };
}

describe('a daily brief', () => {
  it('tells what changed, and then that nothing has, without asking a model', async () => {
    const { db, deal, make, stored, asked, counts } = await setUp();
    await documentIn(db, deal, 'SPA.pdf');
    const { result, recorded } = await make();
    expect(recorded).toBe(true);
    expect(briefResult.parse(result)).toMatchObject({ edition: 1, empty: false, late: false, facts: 1, dropped: 0, provider: 'openai' });
    expect((await stored(result.date)).brief).toMatchObject({
      id: result.briefId,
      edition: 1,
      markdown: expect.stringContaining('- SPA.pdf was added.'),
    });
    const second = await make();
    expect(second.result).toMatchObject({ briefId: result.briefId, edition: 2, empty: true, facts: 0, provider: 'local', model: 'facts' });
    const { content, brief, editions } = await stored(result.date);
    expect(content.headline.text).toMatch(/^Nothing changed since \d+ \w+ \d{4}, \d\d:\d\d\.$/u);
    expect(brief?.html).toContain('Nothing changed since');
    expect(editions).toMatchObject([
      { id: result.editionId, edition: 1 },
      { id: second.result.editionId, edition: 2, coversFrom: editions[0]?.coversTo },
    ]);
    expect([asked.length, counts.poked]).toEqual([1, 2]);
  });

  it('sends the model facts, and nothing besides the deal’s name and the date', async () => {
    const { db, deal, make, asked } = await setUp();
    await risksIn(db, await documentIn(db, deal, 'SPA.pdf'), [risk()]);
    await make();
    expect(asked[0]?.data).toEqual({
      deal: 'Project Falcon',
      date: expect.stringMatching(/^\d+ \w+ \d{4}$/u),
      facts: [
        '[f1] (risks, must) New high risk (change of control) in “SPA.pdf”, page 12. The customer may terminate when the company is sold. The passage reads: “may terminate upon a Change of Control”.',
        '[f2] (documents) “SPA.pdf” was added.',
      ].join('\n'),
    });
  });

  it('of one job is one edition, also when the job runs once more after it was stored', async () => {
    const { contextOf, make, stored, asked, db, deal } = await setUp();
    await documentIn(db, deal, 'SPA.pdf');
    const { result } = await make({}, contextOf('daily-brief-1'));
    await documentIn(db, deal, 'more.pdf');
    expect(await make({}, contextOf('daily-brief-1'))).toEqual({ result, recorded: 'finished' });
    expect([(await stored(result.date)).editions.length, asked.length]).toEqual([1, 1]);
  });

  it('due twice a day has two editions, and says when one is late', async () => {
    const { db, deal, make, stored, clock } = await setUp();
    const at = (time: string) => `2026-11-30T${time}:00.000Z`;
    clock.setWallClock(Date.parse(at('05:00')));
    await documentIn(db, deal, 'SPA.pdf');
    await make({ dueAt: at('05:00') });
    await documentIn(db, deal, 'more.pdf');
    clock.setWallClock(Date.parse(at('18:10')));
    expect((await make({ dueAt: at('17:00'), late: true })).result).toMatchObject({ date: '2026-11-30', edition: 2, late: true });
    const { brief, content, editions } = await stored('2026-11-30');
    expect(editions).toMatchObject([
      { edition: 1, trigger: 'schedule', dueAt: at('05:00'), late: false },
      { edition: 2, trigger: 'schedule', dueAt: at('17:00'), late: true, coversFrom: at('05:00'), coversTo: at('18:10') },
    ]);
    expect(content.facts.map(({ text }) => text)).toEqual(['“more.pdf” was added.']);
    expect(brief?.markdown).toContain('*late: was due 18:00, made 19:10*');
  });

  it('of a day that is over, and another report, take nothing from the next daily one', async () => {
    const { db, deal, make, stored } = await setUp();
    await documentIn(db, deal, 'SPA.pdf');
    expect((await make({ date: '2026-01-02' })).result).toMatchObject({ empty: true, edition: 1 });
    expect((await stored('2026-01-02')).content.headline.text).toBe('Nothing changed on 2 January 2026.');
    const weekly = await make({ report: 'weekly', title: 'Weekly report', dueAt: new Date(Date.now() + 1_000).toISOString() });
    expect((await stored(weekly.result.date, 'weekly')).brief?.markdown).toMatch(/^# Weekly report: Project Falcon, /u);
    expect((await factsIn(db, deal)).eventIds).toHaveLength(1);
  });

  it('is written for the deal’s own day, and for none that has not begun', async () => {
    const { make } = await setUp();
    await expect(make({ date: '2999-01-01' })).rejects.toMatchObject({ retryable: false, code: 'future_date', details: { field: 'date' } });
    await expect(make({ dealId: randomUUID() })).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('two briefs of a deal at once', () => {
  it('follow each other: the second waits, and tells what is left', async () => {
    const { db, deal, written, make, holders } = await setUp();
    await documentIn(db, deal, 'SPA.pdf');
    const first = await written();
    await expect(written()).rejects.toBeInstanceOf(RateLimitedError);
    expect(await first.record()).toBe(true);
    expect(holders.size).toBe(0);
    expect((await make()).result).toMatchObject({ edition: 2, empty: true });
  });

  it('cannot tell the same, even when both were written: the later one is written anew', async () => {
    const { db, deal, contextOf, written, make } = await setUp({ exclusive: false });
    await documentIn(db, deal, 'SPA.pdf');
    const context = contextOf();
    const [late, first] = [await written({}, context), await written()];
    expect(await first.record()).toBe(true);
    await expect(late.record()).rejects.toMatchObject({ retryable: true });
    await documentIn(db, deal, 'more.pdf');
    const again = await make({}, { ...context, runId: randomUUID() });
    expect(again).toMatchObject({ recorded: true, result: { edition: 2, facts: 1 } });
    expect(await db.briefs.facts(deal.id, untold())).toMatchObject({ eventIds: [] });
  });

  it('leave the way free when one fails or is aborted', async () => {
    const { db, deal, written, holders, contextOf } = await setUp();
    await documentIn(db, deal, 'SPA.pdf');
    const context = contextOf();
    const failing: typeof context = { ...context, ai: { ...context.ai, generate: () => Promise.reject(new Error('away')) } };
    await expect(written({}, failing)).rejects.toThrow('away');
    expect(holders.size).toBe(0);
    const abort = new AbortController();
    await written({}, contextOf(randomUUID(), abort));
    expect(holders.size).toBe(1);
    abort.abort(new JobAbortedError('cancelled', 'enough'));
    await expect.poll(() => holders.size).toBe(0);
  });
});
