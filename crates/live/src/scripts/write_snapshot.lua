-- Stores a market's snapshot unless a newer one is known, and tells it to whoever follows the market: all of it
-- at once, or nothing.
--
-- KEYS  1 the snapshot (a hash; also the channel's name)   2 its clock (a hash: epoch, seq)
--       3 its last versions (a stream)   4 the lease of whoever loads it
-- ARGV  1 by whose word:
--         CONFIRMED    its source's: it may be sold for freshMs and staleMs
--         KEPT         somebody else's, who changed it: its ages and expiry stay as they are
--         UNCONFIRMED  nobody's: it is shown, and not for sale
--       2 version   3 confirmedAt   4 the instant ages count from; '' is this server's clock
--       5 for how long its source's word had been given by then   6 freshMs   7 staleMs
--       8 how long the snapshot lives from its source's word on   9 how long the clock lives   10 how long the stream lives (all in milliseconds)
--       11 how many versions the stream keeps   12 the epoch, should a new one begin
--       13 the token of the lease that this is written under; '' is none   14 how long that lasts from its beginning; 0 if none
--       15... the other fields of the hash, name and value in turn
-- Answer: { 'APPLIED' or 'UNCHANGED' or 'OLDER' or 'FENCED' (the lease is another's by now) or 'MISSING' (KEPT,
-- and there was nothing to keep: told, not stored), the highest version known }
--
-- The clock's seq is the highest version ever stored: versions come from outside and have no gap, so that the next
-- one continues the epoch, and any other means that this server lost something, or that a later writer was faster. Then
-- a new epoch begins, and who follows the market starts again from a snapshot. A version stored twice is told once.
--
-- Everything is validated before the first write, since an error undoes nothing. Numbers have at most 14 digits,
-- which a double holds exactly, and are stored as the text they came in.

local function whole(text)
  if text and #text <= 14 and string.match(text, '^%d+$') then
    return tonumber(text)
  end
  return nil
end

local function refuse(i, why)
  local names = { [2] = 'version', [3] = 'confirmedAt', [4] = 'agesFrom', [5] = 'the age', [6] = 'freshMs', [7] = 'staleMs',
    [8] = 'the lifetime', [9] = 'the lifetime of the clock', [10] = 'the lifetime of the stream',
    [11] = 'the length of the stream', [14] = 'the length of the lease' }
  return redis.error_reply('ERR ' .. names[i] .. ' of ' .. KEYS[1] .. why)
end

for i = 2, 11 do
  local number = whole(ARGV[i])
  if not number and (i ~= 4 or ARGV[i] ~= '') then
    return refuse(i, ' is not a whole number of at most 14 digits')
  end
  if number == 0 and (i == 2 or i > 7) then
    return refuse(i, ' starts at 1')
  end
end
if ARGV[13] ~= '' and not whole(ARGV[14]) then
  return refuse(14, ' is not a whole number of at most 14 digits')
end
local word, version = ARGV[1], whole(ARGV[2])
if word ~= 'CONFIRMED' and word ~= 'KEPT' and word ~= 'UNCONFIRMED' then
  return redis.error_reply('ERR ' .. KEYS[1] .. ' is written by no word that is known')
end
if ARGV[12] == '' or #ARGV % 2 == 1 then
  return redis.error_reply('ERR ' .. KEYS[1] .. ' needs an epoch, and fields that are pairs of name and value')
end

local held = redis.call('HMGET', KEYS[1], 'version', 'confirmedAt')
local clock = redis.call('HMGET', KEYS[2], 'epoch', 'seq')
local seq = whole(clock[2] or '0')
if not seq then
  return redis.error_reply('ERR ' .. KEYS[2] .. ' has no seq that is a version; delete it, and it is written again')
end
if ARGV[13] ~= '' and redis.call('GET', KEYS[4]) ~= ARGV[13] then
  return { 'FENCED', clock[2] or '0' }
end

-- A held version that cannot be read counts as none: the clock still stands.
local held_version = held[1] and whole(held[1]) or 0
local highest, highest_text = seq, clock[2] or '0'
if held_version > highest then
  highest, highest_text = held_version, held[1]
end
if version < highest or (word == 'KEPT' and version == highest) then
  return { 'OLDER', highest_text }
end
if version == held_version and (word == 'UNCONFIRMED' or whole(ARGV[3]) <= (held[2] and whole(held[2]) or -1)) then
  return { 'UNCHANGED', highest_text }
end

if version > seq then
  local values = {}
  for i = 16, #ARGV, 2 do
    values[#values + 1] = ARGV[i]
  end
  local body, id, epoch = table.concat(values, '\n'), ARGV[2] .. '-0', clock[1]
  local added = epoch and version == seq + 1
    and redis.pcall('XADD', KEYS[3], 'MAXLEN', '=', ARGV[11], id, 'snapshot', body)
  -- An older id or another kind of value is no stream of this epoch; any other error is of the server, out of memory
  -- perhaps, and nothing was written yet.
  local foreign = added and added.err
    and (string.find(added.err, 'equal or smaller', 1, true) or string.find(added.err, 'WRONGTYPE', 1, true))
  if added and added.err and not foreign then
    return added
  end
  if not added or foreign then
    epoch = ARGV[12]
    redis.call('DEL', KEYS[3])
    redis.call('XADD', KEYS[3], id, 'snapshot', body)
  end
  redis.call('HSET', KEYS[2], 'epoch', epoch, 'seq', ARGV[2])
  redis.call('PEXPIRE', KEYS[3], ARGV[10])
  redis.call('SPUBLISH', KEYS[1], epoch .. '\n' .. ARGV[2] .. '\n' .. body)
end
redis.call('PEXPIRE', KEYS[2], ARGV[9])

if word == 'KEPT' then
  if not held[1] then
    return { 'MISSING', ARGV[2] }
  end
  redis.call('HSET', KEYS[1], 'version', ARGV[2], unpack(ARGV, 15))
  return { 'APPLIED', ARGV[2] }
end
local confirmed_at, ages_from, fresh_ms, stale_ms, ago = ARGV[3], ARGV[4], ARGV[6], ARGV[7], whole(ARGV[5])
if word == 'UNCONFIRMED' then
  confirmed_at, ages_from, fresh_ms, stale_ms, ago = '', '', '0', '0', 0
else
  if ARGV[13] ~= '' then
    -- What was asked for under a lease is older by what has passed of it, however long its way here took.
    ago = ago + math.max(0, whole(ARGV[14]) - redis.call('PTTL', KEYS[4]))
  end
  if ages_from == '' then
    local time = redis.call('TIME')
    ages_from = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) - ago)
  end
end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'confirmedAt', confirmed_at, 'agesFrom', ages_from,
  'freshMs', fresh_ms, 'staleMs', stale_ms, unpack(ARGV, 15))
redis.call('PEXPIRE', KEYS[1], math.max(1, whole(ARGV[8]) - ago))
return { 'APPLIED', ARGV[2] }
