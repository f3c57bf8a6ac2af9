import type { Queue } from 'bullmq';
import { Cluster, type Redis } from 'ioredis';
import type { QueueName } from '../../jobs/define.ts';
import { rangeStarts, sharingOf } from '../fair/slots.ts';
import type { ShareOptions } from '../fair/types.ts';
import { HEADS, type LookRequest, type QueueLook } from '../ready.ts';
import type { RedisClient } from './redis-connection.ts';
import { available, createScriptRunner, scriptOf } from './redis-script.ts';

/**
 * KEYS: wait, prioritized, delayed (BullMQ's). ARGV: now (ms), the start of a job's key, jobs looked at per range, jobs looked at for their kinds,
 * then where the ranges of priorities begin. Answers: since when the oldest ready job could have started (empty: none), the number of delayed jobs
 * that are due, and the kinds of the first waiting and the first delayed jobs as name, count, name, count.
 * A score of `prioritized` is the priority x 2^32 and a counter, one of `delayed` the due time x 2^12 and a counter. Changes nothing.
 */
const LOOK = `local now, job_prefix, heads, kinds = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local UNIT, TICK = 4294967296, 4096
local function int(number) return string.format('%.0f', number) end

local oldest
local function delay_of(id)
  local good, opts = pcall(cjson.decode, redis.call('HGET', job_prefix .. id, 'opts') or '{}')
  return good and type(opts) == 'table' and tonumber(opts.delay) or 0
end
local function consider(ids)
  for _, id in ipairs(ids) do
    local times = redis.call('HMGET', job_prefix .. id, 'timestamp', 'processedOn')
    local asked, tried = tonumber(times[1]) or now, tonumber(times[2]) or 0
    if not oldest or math.max(asked, tried) < oldest then
      local since = math.min(now, math.max(asked + delay_of(id), tried))
      if not oldest or since < oldest then oldest = since end
    end
  end
end

consider(redis.call('LRANGE', KEYS[1], -heads, -1))
if redis.call('ZCARD', KEYS[2]) <= 4 * heads then
  consider(redis.call('ZRANGE', KEYS[2], 0, -1))
else
  for index = 5, #ARGV do
    local below = ARGV[index + 1] and '(' .. int(tonumber(ARGV[index + 1]) * UNIT) or '+inf'
    consider(redis.call('ZRANGEBYSCORE', KEYS[2], int(tonumber(ARGV[index]) * UNIT), below, 'LIMIT', 0, heads))
  end
end
local due_before = '(' .. int((now + 1) * TICK)
local first_due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', due_before, 'WITHSCORES', 'LIMIT', 0, 1)
if first_due[2] then
  local since = math.floor(tonumber(first_due[2]) / TICK)
  if not oldest or since < oldest then oldest = since end
end

local function kinds_of(ids)
  local counts, answer = {}, {}
  for _, id in ipairs(ids) do
    local name = redis.call('HGET', job_prefix .. id, 'name')
    if name then counts[name] = (counts[name] or 0) + 1 end
  end
  for name, count in pairs(counts) do
    answer[#answer + 1] = name
    answer[#answer + 1] = int(count)
  end
  return answer
end
local waiting, delayed = {}, {}
if kinds > 0 then
  waiting = redis.call('LRANGE', KEYS[1], -kinds, -1)
  if #waiting < kinds then
    for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, kinds - #waiting - 1)) do waiting[#waiting + 1] = id end
  end
  delayed = redis.call('ZRANGE', KEYS[3], 0, kinds - 1)
end
return {oldest and int(oldest) or '', redis.call('ZCOUNT', KEYS[3], '-inf', due_before), kinds_of(waiting), kinds_of(delayed)}`;

export interface RedisLookDeps {
  client: () => RedisClient;
  queue: (name: QueueName) => Pick<Queue, 'toKey'>;
  sharing?: ShareOptions | undefined;
}

/** One script call per queue: its keys share a slot of a cluster, those of another queue lie elsewhere. */
export function createRedisLook({ client, queue, sharing }: RedisLookDeps) {
  const run = createScriptRunner(client);
  const starts = rangeStarts(sharingOf(sharing)).filter((start) => start > 0);

  return (requests: readonly LookRequest[], nowMs: number): Promise<QueueLook[]> =>
    Promise.all(
      requests.map(async ({ queue: name, kinds }) => {
        const of = queue(name);
        const keys = ['wait', 'prioritized', 'delayed'].map((type) => of.toKey(type));
        return toLook(await run(script, keys, [Math.floor(nowMs), of.toKey(''), HEADS, kinds, ...starts]));
      }),
    );
}

const script = scriptOf(LOOK);

function toLook(answer: unknown): QueueLook {
  const [oldest, due, waiting, delayed] = Array.isArray(answer) ? answer : [];
  return {
    oldestReadyAt: oldest === '' ? undefined : Number(oldest),
    dueDelayed: Number(due),
    waitingKinds: toCounts(waiting),
    delayedKinds: toCounts(delayed),
  };
}

function toCounts(flat: unknown): Record<string, number> {
  const list = Array.isArray(flat) ? flat.map(String) : [];
  return Object.fromEntries(list.flatMap((name, index) => (index % 2 === 0 ? [[name, Number(list[index + 1])]] : [])));
}

/** Of a cluster: its fullest primary, since one that is full refuses its queues' jobs whatever room the others have. */
export async function readRedisMemory(client: RedisClient): Promise<{ bytes: number; limitBytes: number | undefined }> {
  const nodes: Redis[] = client instanceof Cluster ? client.nodes('master') : [client];
  const read = await Promise.all(nodes.map(async (node) => toMemory(await available(() => node.info('memory')))));
  const [fullest] = read.sort((one, other) => fullness(other) - fullness(one) || other.bytes - one.bytes);
  return fullest ?? { bytes: 0, limitBytes: undefined };
}

function toMemory(info: string): { bytes: number; limitBytes: number | undefined } {
  const of = (field: string): number => Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return { bytes: of('used_memory'), limitBytes: of('maxmemory') || undefined };
}

const fullness = ({ bytes, limitBytes }: { bytes: number; limitBytes: number | undefined }): number => (limitBytes ? bytes / limitBytes : 0);
