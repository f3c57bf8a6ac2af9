import { afterEach, describe, expect, it } from 'vitest';
import type { ApiProcess, ApiReply } from '../support/world.ts';
import { allEnded, expectNothingLostOrTwice, pass, type RelayChaos, recovery, SENTIMENT, seeded, startRelayChaos, told } from './relay-support.ts';
import { unlessEnded } from './support.ts';

let world: RelayChaos | undefined;
afterEach(() => world?.stop());

const ROWS = 240;
const ACTIONS = 300;

type Random = ReturnType<typeof seeded>;

describe('(f) a queue that keeps no job that has ended, with cancels and retries at random', () => {
  it('revives nothing: what was cancelled does not complete, what completed does not run again', async () => {
    const what = '(f) nothing kept, cancels and retries';
    const dice = seeded(what);
    const here = await startRelayChaos({ queue: 'redis', env: { REVIEW_AI_KEEP_COMPLETED: '0', REVIEW_AI_KEEP_FAILED: '0' } });
    world = here;
    const [api, ...workers] = await Promise.all([here.startApi(), here.startWorker(), here.startWorker()]);
    const ids = await here.insert(ROWS / 2);
    const startedAt = await here.now();
    const done: Record<string, number> = {};
    for (let action = 0; action < ACTIONS; action += 1) {
      if (action === ACTIONS / 3) ids.push(...(await here.insert(ROWS / 2)));
      const kind = await act(here, api, ids, dice);
      done[kind] = (done[kind] ?? 0) + 1;
      if (dice.random() < 0.3) await pass(dice.between(0, 100));
    }
    await unlessEnded([api, ...workers], allEnded(here));
    const states = await here.counts();
    told(`${what}: ${JSON.stringify(done)}; ${await recovery(here, startedAt)}; they ended ${JSON.stringify(states)}`);
    const seen = await here.sql<{ status: string }[]>`select distinct status from test_job_events order by 1`;
    expect(seen.map(({ status }) => status)).toEqual(['cancelled', 'completed', 'failed', 'pending', 'processing']);
    // Two sweeps and the reconciler have looked by then: whoever wakes the dead has had the time.
    const sealed = await endings(here);
    await pass(3_000);
    expect(await endings(here)).toEqual(sealed);
    await expectNothingLostOrTwice(here);

    here.llm.reset();
    here.llm.answerWith(SENTIMENT);
    // Whatever was cancelled can still be run again, and is paid for again: no flag of old stops it.
    await here.sql`update jobs set status = 'pending' where status in ('cancelled', 'failed')`;
    await allEnded(here);
    expect(await here.counts()).toEqual({ completed: ROWS });
    await expectNothingLostOrTwice(here);
    expect(here.leaks()).toEqual([]);
  });
});

/** One thing a user, an operator or a model may do, mostly to a row that has not ended. Resolves to what it came to. */
async function act(here: RelayChaos, api: ApiProcess, ids: readonly string[], { random }: Random): Promise<string> {
  const { sql, llm } = here;
  const id = await pick(here, ids, random);
  const cancel = () => api.call('DELETE', `/api/jobs/${id}`);
  const retry = () => api.call('POST', `/api/jobs/${id}/retry`);
  const chance = random();
  if (chance < 0.1) {
    llm.fail(400);
    return 'the model refuses';
  }
  if (chance < 0.35) return `DELETE ${statusOf(await cancel())}`;
  if (chance < 0.5) return `retry ${statusOf(await retry())}`;
  if (chance < 0.6) {
    const { count } = await sql`update jobs set status = 'cancelled' where id = ${id} and status in ('pending', 'processing')`;
    return `SQL cancel ${count}`;
  }
  if (chance < 0.7) {
    const { count } = await sql`update jobs set status = 'pending' where id = ${id} and status in ('failed', 'cancelled')`;
    return `SQL retry ${count}`;
  }
  // One right after the other, as an impatient user does; or both at once, as two do.
  const replies = chance < 0.85 ? [await cancel(), await retry()] : await Promise.all([cancel(), retry()]);
  return `DELETE and retry ${replies.map(statusOf).join(' ')}`;
}

async function pick({ sql }: RelayChaos, ids: readonly string[], random: () => number): Promise<string> {
  const any = ids[Math.floor(random() * ids.length)] ?? '';
  if (random() < 0.2) return any;
  const statuses = random() < 0.6 ? ['processing'] : ['pending', 'failed', 'cancelled'];
  const [row] = await sql<{ id: string }[]>`select id from jobs where status in ${sql(statuses)} order by md5(id::text || ${any}) limit 1`;
  return row?.id ?? any;
}

function statusOf({ status }: ApiReply): number {
  expect([200, 202, 409]).toContain(status);
  return status;
}

async function endings({ sql }: RelayChaos): Promise<unknown[]> {
  return [...(await sql`select id, status, run, result is not null as result, recorded_run from jobs order by id`)];
}
