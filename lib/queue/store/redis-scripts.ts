/** Each script works on one key and takes its time from Redis, in microseconds where order matters. Numbers above 2^46 lose digits in Lua's own conversion, hence `%.0f`. */
const NOW = `local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now = math.floor(now_us / 1000)
local function int(number) return string.format('%.0f', number) end
`;

/** ARGV: until (ms). A time gone by deletes the key at once, which is what "free" looks like. */
export const LIMIT = `local current = tonumber(redis.call('GET', KEYS[1]) or 0)
if tonumber(ARGV[1]) > current then
  redis.call('SET', KEYS[1], ARGV[1])
  redis.call('PEXPIREAT', KEYS[1], ARGV[1])
end
return 1`;

/** ARGV: capacity, refill per second, cost. Answers -1 when taken, else the wait in ms. A bucket nobody used until it was full again is forgotten. */
export const TAKE_TOKENS = `${NOW}
local capacity, refill, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(bucket[1]) or capacity, tonumber(bucket[2]) or now_us
tokens = math.min(capacity, tokens + math.max(0, now_us - at) / 1000000 * refill)
if tokens < cost then return math.max(1, math.ceil((cost - tokens) / refill * 1000)) end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens - cost), 'at', int(now_us))
redis.call('PEXPIRE', KEYS[1], int(math.ceil((capacity - tokens + cost) / refill * 1000) + 1000))
return -1`;

/** ARGV: holder, limit, lease (ms). A sorted set of holders by the end of their lease. */
export const ACQUIRE = `${NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', int(now))
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], int(now + ARGV[3]), ARGV[1])
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[1], int(last[2] + 1000))
return 1`;

/** A flight outlives its lease by an hour, so that a leader who was only slow can still publish when nobody took over. */
const GRACE_MS = 3_600_000;

/**
 * ARGV: holder, lease (ms). Fields: holder, until (ms, of the lease), fence, value, fresh (ms, end of the value's life).
 * The fence is the time in microseconds, at least one more than the last: it grows even when the record was forgotten in between.
 */
export const LEAD = `${NOW}
local flight = redis.call('HMGET', KEYS[1], 'holder', 'until', 'fence', 'value', 'fresh')
if flight[4] and tonumber(flight[5]) > now then return {'follower', flight[4]} end
local fence = tonumber(flight[3]) or 0
if flight[1] and tonumber(flight[2]) > now then
  if flight[1] ~= ARGV[1] then return {'pending', ''} end
else
  fence = math.max(now_us, fence + 1)
end
redis.call('HDEL', KEYS[1], 'value', 'fresh')
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'until', int(now + ARGV[2]), 'fence', int(fence))
redis.call('PEXPIRE', KEYS[1], int(ARGV[2] + ${GRACE_MS}))
return {'leader', int(fence)}`;

/** ARGV: holder, value, ttl (ms). The lease ends with it; publishing twice is harmless. */
export const PUBLISH = `${NOW}
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'value', ARGV[2], 'fresh', int(now + ARGV[3]), 'until', 0)
redis.call('PEXPIRE', KEYS[1], int(ARGV[3] + 1000))
return 1`;

/** ARGV: holder. The fence stays. */
export const ABANDON = `if redis.call('HGET', KEYS[1], 'holder') == ARGV[1] then redis.call('HDEL', KEYS[1], 'holder', 'until') end
return 1`;
