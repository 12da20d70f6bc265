-- Who is at a place, by the processes that they are connected to.
--
-- KEYS  1 the beats (a sorted set: "user:process", by when that ends in milliseconds since the epoch)
--       2 the users (a sorted set, all with the same score: in the order of their names)
--       3 at how many processes each is (a hash)
-- ATTENDANTS of one process, each named once:
-- ARGV  1 the process   2 for how long they stay without another word, in milliseconds   3 how many of the names that
--       follow are there   4... users who are there, and then users who have left
-- Answer: how many users there are
--
-- A user who is connected to two processes, or twice to one, is there once. Whoever was not heard of in time is gone: a
-- process that died takes its own with it. So many are let go in one call at most, that nobody waits for long.

local GONE_AT_ONCE = 10000

local ttl, there = tonumber(ARGV[2]), tonumber(ARGV[3])
if #ARGV < 3 or not ttl or not there or ttl < 1 or there > #ARGV - 3 then
  return redis.error_reply('ERR ' .. KEYS[1] .. ' takes a process, a time, a number, and so many users at least')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function let_go(beat)
  if redis.call('ZREM', KEYS[1], beat) == 0 then
    return
  end
  local user = string.match(beat, '^[^:]+')
  if redis.call('HINCRBY', KEYS[3], user, -1) <= 0 then
    redis.call('HDEL', KEYS[3], user)
    redis.call('ZREM', KEYS[2], user)
  end
end

local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, GONE_AT_ONCE)
for _, beat in ipairs(ended) do
  let_go(beat)
end
local ends = string.format('%.0f', now + ttl)
for i = 4, 3 + there do
  if redis.call('ZADD', KEYS[1], ends, ARGV[i] .. ':' .. ARGV[1]) == 1 then
    redis.call('HINCRBY', KEYS[3], ARGV[i], 1)
  end
  redis.call('ZADD', KEYS[2], 0, ARGV[i])
end
for i = 4 + there, #ARGV do
  let_go(ARGV[i] .. ':' .. ARGV[1])
end
if there > 0 then
  -- One after another would leave a part of the truth.
  for i = 1, 3 do
    redis.call('PEXPIRE', KEYS[i], string.format('%.0f', ttl * 2))
  end
end
return redis.call('ZCARD', KEYS[2])
