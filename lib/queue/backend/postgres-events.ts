import type { PgQueryable, QueueEvents } from 'bullmq';

type Read = ReturnType<QueueEvents['getBackend']>['readEvents'];
type Entry = [id: string, fields: string[]];

export interface EventReaderDeps {
  queries: PgQueryable;
  queue: string;
  /** BullMQ's own: events above an id, waiting for one when there is none. */
  read: Read;
  /** Milliseconds, monotonic. */
  now: () => number;
}

/** Longer than any transaction of BullMQ takes to commit. */
const SETTLED_AFTER_MS = 1_000;
const LOOK_AGAIN_MS = 100;
/** How far below the newest event one may still be missing when the reading starts. */
const RECENT_AT_START = 200;

/**
 * Reads a queue's events from Postgres without losing any. BullMQ goes by id alone, and ids are given out before the commit: an event of a transaction
 * that commits after one with a higher id was read is never seen; and a commit at the same moment as another one's of its queue notifies nobody.
 * So what is new is looked through again for a second, each event handed out once, and while there was news the wait for more is short.
 */
export function createEventReader({ queries, queue, read, now }: EventReaderDeps): { start(): Promise<string>; read: Read } {
  /** Events handed out, or older than the reading, with the time since when. In the order they were seen. */
  const seen = new Map<string, number>();
  /** Nothing at or below it is looked for any more. */
  let floor = 0n;
  let newest = 0n;
  let lookedAt = Number.NEGATIVE_INFINITY;

  async function start(): Promise<string> {
    const { rows } = await queries.query<{ id: string }>('select id::text as id from event where queue = $1 order by id desc limit $2', [
      queue,
      RECENT_AT_START,
    ]);
    note(rows.map(({ id }) => id));
    const last = rows.at(-1);
    if (last && rows.length === RECENT_AT_START) floor = BigInt(last.id);
    return String(newest);
  }

  function note(ids: readonly string[]): void {
    for (const id of ids) {
      seen.set(id, now());
      if (BigInt(id) > newest) newest = BigInt(id);
    }
  }

  function settle(): void {
    for (const [id, since] of seen) {
      if (now() - since < SETTLED_AFTER_MS) return;
      seen.delete(id);
      if (BigInt(id) > floor) floor = BigInt(id);
    }
  }

  async function readLate(): Promise<Entry[]> {
    if (seen.size === 0 || now() - lookedAt < LOOK_AGAIN_MS / 2) return [];
    lookedAt = now();
    const { rows } = await queries.query<{ id: string; event: string; data: Record<string, unknown> | null }>(
      'select id::text as id, event, data from event where queue = $1 and id > $2 and id < $3 and id <> all ($4::bigint[]) order by id',
      [queue, String(floor), String(newest), [...seen.keys()]],
    );
    return rows.map(({ id, event, data }) => [id, ['event', event, ...Object.entries(data ?? {}).flatMap(([key, value]) => [key, String(value)])]]);
  }

  return {
    start,
    async read(_id, blockTimeoutMs) {
      settle();
      const late = await readLate();
      const found = late.length > 0 ? [['events', late] as [string, Entry[]]] : await readNew(blockTimeoutMs);
      if (found) note(found.flatMap(([, entries]) => entries.map(([id]) => id)));
      return found;
    },
  };

  async function readNew(blockTimeoutMs: number): ReturnType<Read> {
    return read(String(newest), seen.size > 0 ? Math.min(blockTimeoutMs, LOOK_AGAIN_MS) : blockTimeoutMs);
  }
}
