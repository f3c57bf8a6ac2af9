import { afterEach, describe, expect, it } from 'vitest';
import { type FailingApi, type Fault, startFailingApi } from './failing-api.ts';
import { allEnded, completed, expectNothingLostOrTwice, pass, type RelayChaos, recovery, seeded, startRelayChaos, told } from './relay-support.ts';
import { unlessEnded } from './support.ts';

let world: RelayChaos | undefined;
let api: FailingApi | undefined;
afterEach(async () => {
  await world?.stop();
  await api?.stop();
});

const ROWS = 200;
const outages: readonly { what: string; faults: readonly Fault[]; awayMs: number }[] = [
  { what: '(e) the database API answers 500 for 15 s', faults: ['error 500'], awayMs: 15_000 },
  {
    what: '(e) the database API answers 500 and 502, loses answers and cuts connections for 15 s',
    faults: ['error 500', 'gateway 502', 'lost', 'cut'],
    awayMs: 15_000,
  },
];

describe('a database API that fails while rows are worked off', () => {
  it.each(outages)('$what: all rows complete, each with one result, each charged once', async ({ what, faults, awayMs }) => {
    const { random, between } = seeded(what);
    const here = await startRelayChaos({ queue: 'redis' });
    world = here;
    const failing = await startFailingApi(here.supabase.url('http'));
    api = failing;
    const workers = await Promise.all([1, 2].map(() => here.startWorker({ SUPABASE_URL: failing.url })));
    await here.insert(ROWS / 2);
    await completed(here, between(5, 40));
    failing.breakWith(faults, random);
    // Rows are inserted by apps with connections of their own.
    await here.insert(ROWS / 2);
    await pass(awayMs);
    failing.heal();
    const backAt = await here.now();
    await unlessEnded(workers, allEnded(here));
    told(`${what}: ${await recovery(here, backAt)}; ${failing.failed} requests had failed`);
    told(`${what}: ${here.llm.requests().length} questions to the model for ${ROWS} rows`);
    expect(await here.counts()).toEqual({ completed: ROWS });
    await expectNothingLostOrTwice(here);
    for (const worker of workers) worker.kill('SIGTERM');
    expect(await Promise.all(workers.map(({ exit }) => exit))).toEqual(workers.map(() => ({ code: 0, signal: null })));
    expect(here.leaks()).toEqual([]);
  });
});
