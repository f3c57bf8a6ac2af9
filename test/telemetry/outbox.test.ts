import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedDb, openEmbedded } from '../../lib/db/embedded.ts';
import type { OutboxEntry } from '../../lib/db/types.ts';
import { readyKinds } from '../../lib/jobs/index.ts';
import { scoreLocally } from '../../lib/scoring/local.ts';
import { noTracer } from '../../lib/telemetry/contract.ts';
import { newStoryBody } from '../support/world.ts';

/** One trace for each call: what is asked for in a call carries that call's. */
let current: string | undefined;
const tracer = { ...noTracer, traceparent: () => current };
const aTraceparent = (): string => `00-${randomUUID().replaceAll('-', '')}-b7ad6b7169203331-01`;

describe('a job that is asked for in the database keeps the trace it was asked for in', () => {
  let embedded: EmbeddedDb;
  const user = randomUUID();
  beforeAll(async () => {
    embedded = await openEmbedded({ dataDir: ':memory:', timeoutMs: 20_000, tracer });
    await embedded.db.credits.grant({ userId: user, amount: 10 });
  });
  afterAll(() => embedded?.db.close());

  const claimed = async (): Promise<OutboxEntry[]> => embedded.db.outbox.claim({ kinds: readyKinds, limit: 50, leaseMs: 60_000 });

  const ways: readonly [string, () => Promise<unknown>][] = [
    [
      'a story, new or again',
      async () => {
        const body = newStoryBody();
        const localScores = await scoreLocally(body);
        await embedded.db.stories.createAndAsk({ ...body, id: randomUUID(), userId: null, localScores }, { jobId: `story-${randomUUID()}` });
      },
    ],
    ['a review job', () => embedded.db.reviewJobs.create({ userId: user, type: 'sentiment_analysis', payload: { text: 'Fine.' }, options: {} })],
    ['a fetch of mail', () => embedded.db.jobRows.createFetch({ userId: user, params: {}, options: {} })],
  ];
  it.each(ways)('%s', async (_, ask) => {
    current = aTraceparent();
    const given = current;
    await ask();
    current = undefined;
    expect((await claimed()).map(({ options }) => options.traceparent)).toEqual([given]);
  });

  it('a brief, whose options are part of what is asked', async () => {
    const { db, sql } = embedded;
    const [deal] = (await sql('insert into deals (name) values ($1) returning id', ['A deal'])) as { id: string }[];
    current = aTraceparent();
    const given = current;
    await db.schedules.askForBriefs({ dealId: deal?.id, date: '2026-11-22', dates: {}, suffix: randomUUID(), limit: 1 });
    current = undefined;
    expect((await claimed()).map(({ options }) => options.traceparent)).toEqual([given]);
  });

  it('and none where there was none', async () => {
    await embedded.db.jobRows.createFetch({ userId: randomUUID(), params: {}, options: {} });
    const [entry] = await claimed();
    expect(entry?.queue).toBe('gmail-fetch');
    expect(entry?.options).not.toHaveProperty('traceparent');
  });
});
