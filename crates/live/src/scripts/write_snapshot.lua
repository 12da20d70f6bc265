-- Stores a market's snapshot unless a newer one is known: all of it at once, or nothing.
--
-- KEYS  1 the snapshot (a hash)   2 its floor (the highest version ever stored)
-- ARGV  1 version   2 confirmedAt   3 the instant ages count from; '' is this server's clock
--       4 how long the snapshot lives   5 how long the floor lives (both in milliseconds)
--       6... the other fields of the hash, name and value in turn
-- Answer: { 'APPLIED' or 'UNCHANGED' or 'OLDER', the highest version known }
--
-- Everything is validated before the first write, since an error undoes nothing. Numbers have at
-- most 14 digits, which a double holds exactly, and are stored as the text they came in.

local function whole(text)
  if text and #text <= 14 and string.match(text, '^%d+$') then
    return tonumber(text)
  end
  return nil
end

local names = { 'version', 'confirmedAt', 'agesFrom', 'the lifetime', 'the lifetime of the floor' }
for i = 1, 5 do
  local may_be_empty = i == 3 and ARGV[i] == ''
  if not may_be_empty and not whole(ARGV[i]) then
    return redis.error_reply('ERR ' .. names[i] .. ' of ' .. KEYS[1] .. ' is not a whole number of at most 14 digits')
  end
end
if whole(ARGV[1]) == 0 or whole(ARGV[4]) == 0 or whole(ARGV[5]) == 0 then
  return redis.error_reply('ERR versions and lifetimes of ' .. KEYS[1] .. ' start at 1')
end
if #ARGV % 2 == 0 then
  return redis.error_reply('ERR the fields of ' .. KEYS[1] .. ' are not pairs of name and value')
end

local held = redis.call('HMGET', KEYS[1], 'version', 'confirmedAt')
local floor_text = redis.call('GET', KEYS[2])
local floor = 0
if floor_text then
  floor = whole(floor_text)
  if not floor then
    return redis.error_reply('ERR ' .. KEYS[2] .. ' is not a version; delete it, and it is written again')
  end
end

local version = whole(ARGV[1])
-- A held version that cannot be read counts as none: the floor still stands.
local held_version = held[1] and whole(held[1]) or 0
local highest, highest_text = floor, floor_text or '0'
if held_version > highest then
  highest, highest_text = held_version, held[1]
end
if version < highest then
  return { 'OLDER', highest_text }
end
local held_confirmed = held[2] and whole(held[2]) or -1
if version == held_version and whole(ARGV[2]) <= held_confirmed then
  return { 'UNCHANGED', highest_text }
end

local ages_from = ARGV[3]
if ages_from == '' then
  local time = redis.call('TIME')
  ages_from = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
end

redis.call('HSET', KEYS[1], 'version', ARGV[1], 'confirmedAt', ARGV[2], 'agesFrom', ages_from, unpack(ARGV, 6))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[5])
return { 'APPLIED', ARGV[1] }
