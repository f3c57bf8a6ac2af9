import { afterEach, describe, expect, it } from 'vitest';
import {
  allEnded,
  completed,
  expectNothingLostOrTwice,
  type RelayChaos,
  recovery,
  replayStalled,
  seeded,
  startRelayChaos,
  told,
} from './relay-support.ts';
import { describeKilledWorkers } from './relay-workers-suite.ts';
import { unlessEnded } from './support.ts';

describeKilledWorkers('postgres');

const ROWS = 200;

describe('(b) the tables of the queues emptied while rows are worked off, queues on Postgres', () => {
  let world: RelayChaos | undefined;
  afterEach(() => world?.stop());

  it('all rows end, each with one result, each charged once', async () => {
    const what = '(b) truncate, queues on Postgres';
    const { between } = seeded(what);
    const here = await startRelayChaos({ queue: 'postgres' });
    world = here;
    const workers = await Promise.all([here.startWorker(), here.startWorker()]);
    await here.insert(ROWS / 2);
    await completed(here, between(5, 40));
    await here.insert(ROWS / 2);
    await here.sql.unsafe(await truncateQueues(here));
    const emptiedAt = await here.now();
    await unlessEnded(workers, allEnded(here));
    told(`${what}: ${await recovery(here, emptiedAt)}`);
    await replayStalled(here);
    expect(await allEnded(here)).toEqual({ completed: ROWS });
    await expectNothingLostOrTwice(here);
  });
});

/** All tables of BullMQ's but the record of its migrations. */
async function truncateQueues({ sql }: RelayChaos): Promise<string> {
  const tables = await sql<{ name: string }[]>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'bullmq' and tablename not like '%migration%'`;
  expect(tables.length).toBeGreaterThan(0);
  return `truncate ${tables.map(({ name }) => name).join(', ')} cascade`;
}
