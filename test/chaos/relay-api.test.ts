import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { ApiProcess } from '../support/world.ts';
import { allEnded, expectNothingLostOrTwice, type RelayChaos, recovery, seeded, startRelayChaos, told } from './relay-support.ts';

let world: RelayChaos | undefined;
afterEach(() => world?.stop());

const DEATHS = 10;
/** Requests under way at each death: some rows are committed, some are not. */
const REQUESTS = 6;

interface Asked {
  key: string;
  user: string;
  body: { type: 'sentiment_analysis'; payload: { text: string } };
}

describe('(d) an API process killed with -9 between commit and poke', () => {
  it('loses no row that was committed, and repeating the requests with their keys makes no second one', async () => {
    const what = '(d) the API dies between commit and poke';
    const { random } = seeded(what);
    const here = await startRelayChaos({ queue: 'redis' });
    world = here;
    await here.startWorker();
    const committed = await commits(here);
    const asked: Asked[] = [];
    let next: Promise<ApiProcess> = here.startApi();
    let answered = 0;
    for (let death = 0; death < DEATHS; death += 1) {
      const api = await next;
      next = here.startApi();
      const batch = Array.from({ length: REQUESTS }, () => request(here, random));
      asked.push(...batch);
      const first = committed.next();
      const calling = here.supabase.seen('create_job_with_credits');
      const replies = batch.map((one) => ask(api, one).catch(() => undefined));
      // The database tells of a commit before it answers the API: the poke has not come, for this row at least. Or death comes with the first call.
      await (random() < 0.7 ? first : calling);
      api.kill('SIGKILL');
      answered += (await Promise.all(replies)).filter((reply) => reply !== undefined).length;
      await api.exit;
    }
    const diedAt = await here.now();
    const before = new Set((await here.sql<{ key: string }[]>`select idempotency_key as key from jobs`).map(({ key }) => key));
    const committedRows = before.size;
    const api = await next;
    for (const one of asked) {
      const reply = await ask(api, one);
      expect({ status: reply.status, deduplicated: reply.body.data?.deduplicated }).toEqual(
        before.has(one.key) ? { status: 200, deduplicated: true } : { status: 201, deduplicated: false },
      );
    }
    await allEnded(here);
    told(
      `${what}: ${DEATHS} deaths, ${asked.length} requests: ${committedRows} had been committed, ${answered} answered; ${await recovery(here, diedAt)}`,
    );
    expect(await here.counts()).toEqual({ completed: asked.length });
    expect(committedRows).toBeGreaterThan(0);
    expect(answered).toBeLessThan(committedRows);
    await expectNothingLostOrTwice(here);
    expect(here.leaks()).toEqual([]);
  });
});

function request({ users }: RelayChaos, random: () => number): Asked {
  const user = users[Math.floor(random() * users.length)] ?? '';
  return { key: randomUUID(), user, body: { type: 'sentiment_analysis', payload: { text: `I love it, says guest ${randomUUID()}` } } };
}

function ask(api: ApiProcess, { key, user, body }: Asked) {
  return api.call('POST', '/api/jobs', body, { 'x-user-id': user, 'idempotency-key': key });
}

/** Tells of commits that put something into the outbox, as they happen. */
async function commits({ sql }: RelayChaos): Promise<{ next(): Promise<void> }> {
  let told = Promise.withResolvers<void>();
  await sql.listen('hivepulse_outbox', () => told.resolve());
  return {
    next: () => {
      told = Promise.withResolvers<void>();
      return told.promise;
    },
  };
}
