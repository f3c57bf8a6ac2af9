import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import {
  allEnded,
  completed,
  expectNothingLostOrTwice,
  pass,
  type RelayChaos,
  recovery,
  replayStalled,
  seeded,
  startRelayChaos,
  told,
} from './relay-support.ts';
import { unlessEnded } from './support.ts';

let world: RelayChaos | undefined;
afterEach(() => world?.stop());

const ROWS = 210;
const AWAY_MS = 10_000;

interface Disturbance {
  what: string;
  appendOnly?: boolean;
  env?: Readonly<Record<string, string>>;
  /** Resolves when Redis is to be had again. */
  disturb(world: RelayChaos, between: (least: number, most: number) => number): Promise<void>;
}

const frozen = async (here: RelayChaos) => {
  const { pid } = server(here);
  process.kill(pid, 'SIGSTOP');
  await pass(AWAY_MS);
  process.kill(pid, 'SIGCONT');
};

const disturbances: readonly Disturbance[] = [
  {
    what: '(b) FLUSHALL, three times',
    disturb: async (here, between) => {
      const redis = new Redis(server(here).url);
      for (let time = 0; time < 3; time += 1) {
        await redis.flushall();
        await pass(between(0, 3_000));
      }
      await redis.quit();
    },
  },
  {
    what: '(c) Redis killed with -9, away for 10 s, its data kept',
    appendOnly: true,
    disturb: async (here) => {
      await server(here).kill();
      await pass(AWAY_MS);
      await server(here).restart();
    },
  },
  {
    what: '(c) Redis killed with -9, away for 10 s, its data lost',
    disturb: async (here) => {
      await server(here).kill();
      await pass(AWAY_MS);
      await server(here).restart();
    },
  },
  { what: '(c) Redis frozen for 10 s, locks run out meanwhile', disturb: frozen },
  { what: '(c) Redis frozen for 10 s, locks outlive it', env: { LOCK_DURATION_MS: '15000' }, disturb: frozen },
];

describe('what happens to Redis while rows are worked off', () => {
  it.each(disturbances)('$what: all rows end, each with one result, each charged once', async ({ what, appendOnly = false, env = {}, disturb }) => {
    const { between } = seeded(what);
    const here = await startRelayChaos({ queue: 'redis', appendOnly, env });
    world = here;
    const processes = await Promise.all([here.startWorker(), here.startWorker(), here.startApi()]);
    await here.insert(ROWS / 3);
    await completed(here, between(5, 40));
    await here.insert(ROWS / 3);
    // What is asked for while Redis is away waits in the outbox.
    const late = pass(between(0, AWAY_MS)).then(() => here.insert(ROWS / 3));
    await unlessEnded(processes, disturb(here, between));
    const backAt = await here.now();
    await late;
    await unlessEnded(processes, allEnded(here));
    told(`${what}: ${await recovery(here, backAt)}`);
    const replayed = await replayStalled(here);
    if (replayed > 0) told(`${what}: ${replayed} rows had lost their lock twice and were replayed`);
    expect(await allEnded(here)).toEqual({ completed: ROWS });
    await expectNothingLostOrTwice(here);
    for (const each of processes) each.kill('SIGTERM');
    expect(await Promise.all(processes.map(({ exit }) => exit))).toEqual(processes.map(() => ({ code: 0, signal: null })));
    expect(here.leaks()).toEqual([]);
  });
});

function server({ redis }: RelayChaos) {
  if (!redis) throw new Error('This world has no Redis');
  return redis;
}
