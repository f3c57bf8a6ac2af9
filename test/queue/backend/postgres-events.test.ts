import { describe, expect, it } from 'vitest';
import { createEventReader } from '../../../lib/queue/backend/postgres-events.ts';

type Row = { id: string; event: string; data: Record<string, unknown> };
const event = (id: number): Row => ({ id: String(id), event: 'completed', data: { jobId: `job-${id}` } });

/** A table of events that the test commits to in any order, read as BullMQ and Postgres would. */
function table() {
  const committed: Row[] = [];
  const waits: number[] = [];
  let time = 0;
  const reader = createEventReader({
    queue: 'any',
    now: () => time,
    queries: {
      // biome-ignore lint/suspicious/noExplicitAny: BullMQ declares its rows so.
      query: async <R = any>(_text: string, params: readonly unknown[] = []) => {
        const [, floor, newest, seen] = params;
        const rows = Array.isArray(seen)
          ? committed.filter(({ id }) => Number(id) > Number(floor) && Number(id) < Number(newest) && !seen.includes(id))
          : committed.toReversed();
        return { rows: rows as R[] };
      },
    },
    read: async (cursor, waitMs) => {
      waits.push(waitMs);
      const fresh = committed.filter(({ id }) => Number(id) > Number(cursor)).toSorted((a, b) => Number(a.id) - Number(b.id));
      return fresh.length > 0 ? [['events', fresh.map(({ id }) => [id, []])]] : null;
    },
  });
  const read = async () => (await reader.read('ignored', 10_000))?.flatMap(([, entries]) => entries.map(([id]) => Number(id))) ?? [];
  return { commit: (...ids: number[]) => committed.push(...ids.map(event)), pass: (ms: number) => (time += ms), waits, read, start: reader.start };
}

describe('reading events from Postgres', () => {
  it('starts after what was there', async () => {
    const { commit, start, read } = table();
    commit(1, 2);
    expect(await start()).toBe('2');
    commit(3);
    expect(await read()).toEqual([3]);
  });

  it('hands out an event that was committed after one with a higher id, each once', async () => {
    const { commit, start, read, pass } = table();
    await start();
    commit(1, 4);
    expect(await read()).toEqual([1, 4]);
    commit(2);
    pass(100);
    expect(await read()).toEqual([2]);
    pass(100);
    expect(await read()).toEqual([]);
    commit(3, 5);
    pass(100);
    expect([await read(), await read()]).toEqual([[3], [5]]);
  });

  it('looks again soon while there was news, and waits long once it has been quiet for a second', async () => {
    const { commit, start, read, pass, waits } = table();
    await start();
    commit(1);
    await read();
    await read();
    pass(1_000);
    await read();
    expect(waits).toEqual([10_000, 100, 10_000]);
  });
});
