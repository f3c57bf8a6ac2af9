import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createLanes } from '../lib/lanes.ts';

/** Work that ends when it is told to. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { work: () => promise, end: resolve };
}

describe('lanes', () => {
  it('do so many at a time, in the order asked', async () => {
    const inLane = createLanes(2);
    const begun: number[] = [];
    const all = Array.from({ length: 4 }, held);
    const ends = all.map(({ work }, index) =>
      inLane(() => {
        begun.push(index);
        return work();
      }),
    );
    await nextTurn();
    expect(begun).toEqual([0, 1]);
    all[1]?.end();
    await ends[1];
    await nextTurn();
    expect(begun).toEqual([0, 1, 2]);
    for (const { end } of all) end();
    await Promise.all(ends);
    expect(begun).toEqual([0, 1, 2, 3]);
  });

  it('go on after a failure', async () => {
    const inLane = createLanes(1);
    const failed = inLane(() => Promise.reject(new Error('no')));
    const next = inLane(async () => 'yes');
    await expect(failed).rejects.toThrow('no');
    await expect(next).resolves.toBe('yes');
  });

  it('are left at once by who is aborted while waiting, and hold up nobody for it', async () => {
    const inLane = createLanes(1);
    const first = held();
    const running = inLane(first.work);
    const stop = new AbortController();
    const waiting = inLane(async () => 'never', stop.signal);
    const last = inLane(async () => 'last');
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    await expect(inLane(async () => 'never', stop.signal)).rejects.toThrow('stopped');
    first.end();
    await running;
    await expect(last).resolves.toBe('last');
  });
});
