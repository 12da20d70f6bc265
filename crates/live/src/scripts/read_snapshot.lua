#!lua flags=no-writes
-- Reads a snapshot and this server's clock at one instant; only its ages if the reader knows the version.
--
-- KEYS  1 the snapshot (a hash)
-- ARGV  1 the version that the reader knows; '' is none   2 how many of the names that follow are about ages
--       3... the names of the fields
-- Answer: { milliseconds since the epoch, the version or false, the values of those fields (only the first ones, if
-- the version is the one known) }

local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local version = redis.call('HGET', KEYS[1], 'version')
if not version then
  if redis.call('EXISTS', KEYS[1]) == 0 then
    return { now, false, {} }
  end
  version = ''
end
local last = #ARGV
if version == ARGV[1] then
  last = 2 + tonumber(ARGV[2])
end
return { now, version, redis.call('HMGET', KEYS[1], unpack(ARGV, 3, last)) }
