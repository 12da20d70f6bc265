-- The clock of a chronicle: the beginning of every script that reads or moves it.
--
-- KEYS  1 the clock (a hash: epoch, seq; server; and of the last event told, source, xid8, identity)
--       2 the last events (a stream)
-- ARGV  1 the epoch, should a new one begin   2 how long the clock lives   3 how long the stream lives (in milliseconds)
--
-- A seq counts what was told, so that no one may have been forgotten: a new epoch begins where the clock is not there,
-- and where this server is not the one that counted. A server that was started again, or took over from another one, may
-- have lost what was told last, and is known by another replication id. An epoch begins at 1, with nothing told in it.

local function whole(text, digits)
  return text and #text <= digits and string.match(text, '^%d+$') and tonumber(text) or nil
end

for i = 2, 3 do
  if (whole(ARGV[i], 14) or 0) < 1 then
    return redis.error_reply('ERR argument ' .. i .. ' about ' .. KEYS[1] .. ' is not a time in milliseconds')
  end
end
if ARGV[1] == '' then
  return redis.error_reply('ERR ' .. KEYS[1] .. ' needs an epoch')
end

local server = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
local held = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'server', 'source', 'xid8', 'identity')
local epoch, seq = held[1], whole(held[2], 14)

local function begin_epoch()
  epoch, seq = ARGV[1], 1
  redis.call('DEL', KEYS[2])
end

if not epoch or not seq or held[3] ~= server then
  begin_epoch()
end

local function keep(...)
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'seq', string.format('%.0f', seq), 'server', server, ...)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end

