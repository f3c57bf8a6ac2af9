import { z } from 'zod';
import { UnavailableError } from '../../errors.ts';
import { rangeStarts, sharingOf } from '../fair/slots.ts';
import type { ShareOptions } from '../fair/types.ts';
import { HEADS, type LookRequest, type QueueLook } from '../ready.ts';
import { QUEUE_SCHEMA, type QueuePool } from './pool.ts';

/**
 * $1 queues, $2 jobs looked at for their kinds, $3 now (ms), $4 jobs looked at per range of priorities, $5 and $6 where the ranges begin and end.
 * Each part reads no more than its limit off an index of BullMQ's. Names of the parts: see `QueueLook`.
 */
const LOOK = `
select q.queue,
  (select min(first.since) from unnest($5::int[], $6::int[]) as ranges(low, high) cross join lateral (
    select least($3::bigint, greatest(j.added_at_ms + coalesce((j.opts->>'delay')::numeric, 0), coalesce(j.processed_at_ms, 0))) as since
    from ${QUEUE_SCHEMA}.job j where j.queue = q.queue and j.state = 'waiting' and j.priority >= ranges.low and j.priority < ranges.high
    order by j.priority, j.seq limit $4) first) as waiting_since,
  (select j.process_at_ms from ${QUEUE_SCHEMA}.job j where j.queue = q.queue and j.state = 'delayed' and j.process_at_ms <= $3
    order by j.process_at_ms limit 1) as due_since,
  (select count(*) from ${QUEUE_SCHEMA}.job j where j.queue = q.queue and j.state = 'delayed' and j.process_at_ms <= $3) as due,
  (select jsonb_object_agg(kind.name, kind.jobs) from (select first.name, count(*) as jobs from (
    select j.name from ${QUEUE_SCHEMA}.job j where j.queue = q.queue and j.state = 'waiting' order by j.priority, j.seq limit q.kinds) first group by 1) kind) as waiting_kinds,
  (select jsonb_object_agg(kind.name, kind.jobs) from (select first.name, count(*) as jobs from (
    select j.name from ${QUEUE_SCHEMA}.job j where j.queue = q.queue and j.state = 'delayed' order by j.process_at_ms limit q.kinds) first group by 1) kind) as delayed_kinds
from unnest($1::text[], $2::int[]) as q(queue, kinds)`;

/** Postgres sends whole numbers of 64 bits as text. */
const number = z.coerce.number();
const kinds = z
  .record(z.string(), number)
  .nullable()
  .transform((counts) => counts ?? {});
const row = z.object({
  queue: z.string(),
  waiting_since: number.nullable(),
  due_since: number.nullable(),
  due: number,
  waiting_kinds: kinds,
  delayed_kinds: kinds,
});

const LAST_PRIORITY = 2_147_483_647;

export function createPostgresLook(pool: Pick<QueuePool, 'query' | 'isConnectionError'>, sharing?: ShareOptions) {
  const starts = rangeStarts(sharingOf(sharing));
  const ends = [...starts.slice(1), LAST_PRIORITY];

  return async (requests: readonly LookRequest[], nowMs: number): Promise<QueueLook[]> => {
    const asked = [requests.map(({ queue }) => queue), requests.map(({ kinds: limit }) => limit)];
    const rows = await ask(pool, LOOK, [...asked, Math.floor(nowMs), HEADS, starts, ends]);
    const looks = new Map(
      z
        .array(row)
        .parse(rows)
        .map((one) => [one.queue, toLook(one)]),
    );
    return requests.flatMap(({ queue }) => looks.get(queue) ?? []);
  };
}

function toLook({ waiting_since: waiting, due_since: due, ...counted }: z.infer<typeof row>): QueueLook {
  const since = [waiting, due].filter((at) => at !== null);
  return {
    oldestReadyAt: since.length > 0 ? Math.min(...since) : undefined,
    dueDelayed: counted.due,
    waitingKinds: counted.waiting_kinds,
    delayedKinds: counted.delayed_kinds,
  };
}

/** Tables and indexes of the queues. */
export async function readQueueBytes(pool: Pick<QueuePool, 'query' | 'isConnectionError'>): Promise<number> {
  const sizes = `select coalesce(sum(pg_total_relation_size(oid)), 0) as bytes from pg_class where relkind = 'r' and relnamespace = to_regnamespace('${QUEUE_SCHEMA}')`;
  const [size] = z.array(z.object({ bytes: number })).parse(await ask(pool, sizes, []));
  return size?.bytes ?? 0;
}

async function ask(pool: Pick<QueuePool, 'query' | 'isConnectionError'>, sql: string, params: readonly unknown[]): Promise<unknown[]> {
  try {
    return (await pool.query<unknown>(sql, params)).rows;
  } catch (cause) {
    if (!pool.isConnectionError(cause)) throw cause;
    throw new UnavailableError('The queues on Postgres did not answer', { cause });
  }
}
