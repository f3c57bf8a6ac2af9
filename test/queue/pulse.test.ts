import { describe, expect, it } from 'vitest';
import type { QueueName } from '../../lib/jobs/define.ts';
import { silentLogger } from '../../lib/log.ts';
import { createPulse, type Pulse } from '../../lib/queue/pulse.ts';
import { createFakeClock } from '../support/clock.ts';

const [ONE, OTHER] = ['story-enhancement', 'review-ai'] as const satisfies QueueName[];
const SILENT_AFTER_MS = 10_000;
/** How often it looks, at these settings. */
const LOOK_MS = 2_000;

/** A worker with two places in each queue, one of which has jobs that wait for nothing but a worker. */
function startPulse({ silentAfterMs = SILENT_AFTER_MS, waiting = [ONE] as readonly QueueName[] } = {}) {
  const clock = createFakeClock();
  const told: (readonly QueueName[])[] = [];
  const since = new Map<QueueName, number>(waiting.map((queue) => [queue, clock.now()]));
  const asked: (readonly QueueName[])[] = [];
  const world = { away: false, askedFirst: (): void => undefined };
  const pulse = createPulse({
    queues: [ONE, OTHER].map((queue) => ({ queue, concurrency: 2 })),
    oldestThatWait: async (queues) => {
      asked.push(queues);
      world.askedFirst();
      if (world.away) throw new Error('away');
      return queues.map((queue) => (since.has(queue) ? clock.now() - Number(since.get(queue)) : undefined));
    },
    silentAfterMs,
    onSilent: (queues) => told.push(queues),
    clock,
    log: silentLogger,
  });
  const look = async (afterMs = LOOK_MS): Promise<void> => {
    clock.advance(afterMs);
    await pulse.runOnce();
  };
  /** The looks of so many milliseconds, each preceded by what happens meanwhile. */
  const pass = async (ms: number, meanwhile: (look: number) => unknown = () => undefined): Promise<void> => {
    for (let index = 0; index < ms / LOOK_MS; index += 1) {
      await meanwhile(index);
      await look();
    }
  };
  return { pulse, clock, told, since, asked, world, look, pass };
}

const runs = (pulse: Pulse, queue: QueueName): void => pulse.begin(queue)();

describe('a worker is silent', () => {
  it('when a job waited all the time, places were free and none was fetched', async () => {
    const { pulse, told, pass, look } = startPulse();
    await look(0);
    await pass(SILENT_AFTER_MS - LOOK_MS);
    expect([told, pulse.silent()]).toEqual([[], []]);
    await look();
    expect([told, pulse.silent()]).toEqual([[[ONE]], [ONE]]);
  });

  it('once: it is told of no second time', async () => {
    const { told, pass } = startPulse();
    await pass(5 * SILENT_AFTER_MS);
    expect(told).toEqual([[ONE]]);
  });

  it('in one queue while it works in another, and with places that are taken in the silent one', async () => {
    const { pulse, told, pass } = startPulse({ waiting: [ONE, OTHER] });
    pulse.begin(ONE);
    await pass(SILENT_AFTER_MS + 2 * LOOK_MS, () => runs(pulse, OTHER));
    expect(told).toEqual([[ONE]]);
  });

  it('after an outage only when the silence alone lasted so long', async () => {
    const { told, pass, world } = startPulse();
    world.away = true;
    await pass(5 * SILENT_AFTER_MS);
    world.away = false;
    await pass(SILENT_AFTER_MS);
    expect(told).toEqual([]);
    await pass(LOOK_MS);
    expect(told).toEqual([[ONE]]);
  });
});

type Case = [
  what: string,
  happens: (its: ReturnType<typeof startPulse>, look: number) => unknown,
  before?: (its: ReturnType<typeof startPulse>) => unknown,
];
const never: Case[] = [
  ['fetches a job now and then', ({ pulse }, look) => look % 4 === 0 && runs(pulse, ONE)],
  ['has all places full', () => undefined, ({ pulse }) => [pulse.begin(ONE), pulse.begin(ONE)]],
  ['has no job to fetch, nor may have one', () => undefined, ({ since }) => since.clear()],
  ['sees only jobs that others take soon', ({ since, clock }) => since.set(ONE, clock.now() - LOOK_MS)],
  ['sees jobs, but not at every look', ({ since, clock }, look) => (look % 4 === 0 ? since.delete(ONE) : since.set(ONE, clock.now() - 60_000))],
  ['cannot reach the queue every now and then', ({ world }, look) => Object.assign(world, { away: look % 4 === 0 })],
  [
    'fetches just while the queue is asked',
    ({ world, pulse }, look) => Object.assign(world, { askedFirst: () => look % 4 === 0 && runs(pulse, ONE) }),
  ],
];

describe('a worker is not silent that', () => {
  it.each(never)('%s', async (_what, happens, before) => {
    const its = startPulse();
    before?.(its);
    await its.pass(5 * SILENT_AFTER_MS, (look) => happens(its, look));
    expect(its.told).toEqual([]);
  });

  it('was held up: time in which its event loop stood still does not count', async () => {
    const { told, look } = startPulse();
    await look(0);
    await look(10 * SILENT_AFTER_MS);
    expect(told).toEqual([]);
  });

  it('is told never to be', async () => {
    const { told, asked, pass } = startPulse({ silentAfterMs: 0 });
    await pass(100_000);
    expect([told, asked]).toEqual([[], []]);
  });
});

describe('a pulse', () => {
  it('asks once for all queues, and not for those that fetched or are full', async () => {
    const { pulse, asked, look } = startPulse({ waiting: [] });
    await look();
    runs(pulse, ONE);
    await look();
    runs(pulse, ONE);
    for (const _ of [1, 2]) pulse.begin(OTHER);
    await look();
    expect(asked).toEqual([[ONE, OTHER], [OTHER]]);
  });

  it('doubts that a worker polls long before it counts as silent, and no more when it fetches again', async () => {
    const { pulse, look, told } = startPulse({ silentAfterMs: 120_000 });
    const polls: boolean[] = [];
    for (const afterMs of [0, 5_000, 4_999, 1, 5_000]) {
      await look(afterMs);
      polls.push(pulse.polls());
    }
    expect([polls, told]).toEqual([[true, true, true, false, false], []]);
    runs(pulse, ONE);
    await look();
    expect(pulse.polls()).toBe(true);
  });

  it('tells of each queue when it last fetched and how many places are free', () => {
    const { pulse, clock } = startPulse();
    const end = pulse.begin(ONE);
    clock.advance(3_000);
    const tell = () => pulse.queues();
    const idle = { queue: OTHER, active: 0, free: 2, sinceFetchMs: undefined };
    expect(tell()).toEqual([{ queue: ONE, active: 1, free: 1, sinceFetchMs: 3_000 }, idle]);
    end();
    expect(tell()).toEqual([{ queue: ONE, active: 0, free: 2, sinceFetchMs: 3_000 }, idle]);
  });
});
