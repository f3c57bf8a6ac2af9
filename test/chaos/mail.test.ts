import { afterEach, expect, it } from 'vitest';
import { type MailWorld, startMailWorld } from '../e2e/mail-world.ts';
import { eventually } from '../support/world.ts';
import { measured, QUICK } from './support.ts';

let world: MailWorld | undefined;
afterEach(() => world?.stop());

it.each(['redis', 'postgres'] as const)(
  'a worker killed with -9 in the middle of a fetch: what was stored is not read again (queues on %s)',
  async (queue) => {
    world = await startMailWorld({ queue, env: QUICK });
    const { google, messages } = world;
    const { userId } = await world.connect(500);
    google.faults.latencyMs = 100;
    const first = await world.startWorker();
    const job = await world.ask(userId);
    await eventually(async () => (await messages(userId)).length >= 100, 60_000);
    first.kill('SIGKILL');
    await first.exit;
    const stored = (await messages(userId)).length;
    const readBefore = world.reads();
    const killedAt = performance.now();

    await world.startWorker();
    const row = await world.settled(job, 120_000);
    measured(`kill -9 in the middle of a fetch, queues on ${queue}`, {
      'ended after ms': performance.now() - killedAt,
      'messages stored before': stored,
      'read before': readBefore,
      'read again': world.reads() - 500,
    });
    expect(row).toMatchObject({ status: 'completed', result: { found: 500, cached: stored, fetched: 500 - stored } });
    expect(await messages(userId)).toHaveLength(500);
    // What was on its way when the process died is read again: two batches at most.
    expect(world.reads() - 500).toBeLessThanOrEqual(40);
    expect(world.mailLeaks()).toEqual([]);
  },
);
