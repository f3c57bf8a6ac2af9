/**
 * KEYS: prioritized, delayed, active (BullMQ's); levels. ARGV: width, catch-up, life of our keys (s), the start of a job's key, the start of a
 * level's key, then level, key, count and `used` of each group; a key begins with `n` (now) or `d` (delayed). Answers
 * the first turn of each group and the turn whose slot is 0. `used` is the last turn that the caller gave to jobs of the key by itself, or -1;
 * it is not believed where it is far from what is known here, for then it is from before a FLUSHALL.
 *
 * `levels` holds for each level `v` (the turn the level has reached), `c` (turns that may be caught up), `b` (the turn whose slot is 0) and
 * `m` (the last turn given to a job that is not delayed: where none waits, all of them have been served).
 * A level's own sorted set holds the last turn given to each key. Turns only grow; a slot is a turn less `b`.
 * A score of BullMQ's is the priority x 2^32 and a counter.
 */
export const FIRST_TURNS = `local width, catch_up, life = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local job_prefix, keys_prefix = ARGV[4], ARGV[5]
local UNIT, FAR = 4294967296, 64
local function int(number) return string.format('%.0f', number) end

local function rebase(level, shift)
  local low, high = 1 + level * width, level * width + width
  local waiting = redis.call('ZRANGEBYSCORE', KEYS[1], int(low * UNIT), '(' .. int((high + 1) * UNIT), 'WITHSCORES')
  local crowded = high - shift
  for index = 1, #waiting, 2 do
    local id, score = waiting[index], tonumber(waiting[index + 1])
    local priority = math.floor(score / UNIT)
    local lowered = math.max(low, priority - shift)
    if priority == high then
      lowered = math.min(crowded, high)
      crowded = crowded + 1
    end
    redis.call('ZADD', KEYS[1], int(lowered * UNIT + score % UNIT), id)
    redis.call('HSET', job_prefix .. id, 'priority', int(lowered))
  end
  for _, ids in ipairs({redis.call('ZRANGE', KEYS[2], 0, -1), redis.call('LRANGE', KEYS[3], 0, -1)}) do
    for _, id in ipairs(ids) do
      local priority = tonumber(redis.call('HGET', job_prefix .. id, 'priority') or 0)
      if priority >= low and priority <= high then redis.call('HSET', job_prefix .. id, 'priority', int(math.max(low, priority - shift))) end
    end
  end
end

local function open(level, used)
  local keys = keys_prefix .. int(level)
  local stored = redis.call('HMGET', KEYS[4], 'v' .. level, 'c' .. level, 'b' .. level, 'm' .. level)
  local turn, credit, base, most = tonumber(stored[1]), tonumber(stored[2]) or 0, tonumber(stored[3]) or 0, tonumber(stored[4]) or -1
  if turn then most = math.max(most, math.min(used, most + FAR)) end
  local low = 1 + level * width
  local head = redis.call('ZRANGEBYSCORE', KEYS[1], int(low * UNIT), '(' .. int((low + width) * UNIT), 'WITHSCORES', 'LIMIT', 0, 1)
  if head[2] then
    local reached = math.floor(tonumber(head[2]) / UNIT) - low + base
    if not turn then turn = reached end
    if reached > turn then
      credit = math.min(catch_up, credit + reached - turn)
      turn = reached
      redis.call('ZREMRANGEBYSCORE', keys, '-inf', '(' .. int(turn - catch_up))
    end
  else
    turn = math.max(turn or 0, most + 1)
    credit = 0
    redis.call('DEL', keys)
  end
  if turn - base > width / 2 then
    local shift = turn - base - catch_up
    rebase(level, shift)
    base = base + shift
  end
  return {level = level, keys = keys, turn = turn, credit = credit, base = base, most = most}
end

local levels, answer, used_most = {}, {}, {}
for index = 6, #ARGV, 4 do
  local level, used = tonumber(ARGV[index]), tonumber(ARGV[index + 3])
  if string.sub(ARGV[index + 1], 1, 1) == 'n' then used_most[level] = math.max(used_most[level] or -1, used) end
end
for index = 6, #ARGV, 4 do
  local level, key, count, used = tonumber(ARGV[index]), ARGV[index + 1], tonumber(ARGV[index + 2]), tonumber(ARGV[index + 3])
  levels[level] = levels[level] or open(level, used_most[level] or -1)
  local at = levels[level]
  local last = tonumber(redis.call('ZSCORE', at.keys, key))
  local now = string.sub(key, 1, 1) == 'n'
  local first = last and last + 1 or 0
  if last and used > last and used <= last + FAR then first = used + 1 end
  if first < at.turn then
    first = math.max(first, now and at.turn - at.credit or at.turn)
    at.credit = at.credit - math.min(count, at.turn - first)
  end
  if now then at.most = math.max(at.most, first + count - 1) end
  redis.call('ZADD', at.keys, int(first + count - 1), key)
  answer[#answer + 1] = int(first)
  answer[#answer + 1] = int(at.base)
end
for level, at in pairs(levels) do
  redis.call('HSET', KEYS[4], 'v' .. level, int(at.turn), 'c' .. level, int(at.credit), 'b' .. level, int(at.base), 'm' .. level, int(at.most))
  redis.call('EXPIRE', at.keys, life)
end
redis.call('EXPIRE', KEYS[4], life)
return answer`;

/** ARGV: job id, order, life (s). Answers how many stand before it. */
export const PARK = `redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return redis.call('ZRANK', KEYS[1], ARGV[1])`;
