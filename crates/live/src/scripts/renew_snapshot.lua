-- Confirms a snapshot that did not change: its source is alive, so its ages start again.
--
-- KEYS  1 the snapshot (a hash)   2 its clock (a hash: epoch, seq)
-- ARGV  1 the version it must have   2 confirmedAt   3 the instant ages count from; '' is this
--       server's clock   4 how long the snapshot lives   5 how long the clock lives   6 freshMs   7 staleMs
-- Answer: 'RENEWED', 'MISSING' (there is no snapshot, or not that version's: write it again), or
-- 'OLDER' (a higher version is known)

local function whole(text)
  if text and #text <= 14 and string.match(text, '^%d+$') then
    return tonumber(text)
  end
  return nil
end

if #ARGV ~= 7 then
  return redis.error_reply('ERR the renewal of ' .. KEYS[1] .. ' takes 7 arguments')
end
for i = 1, 7 do
  local may_be_empty = i == 3 and ARGV[i] == ''
  if not may_be_empty and not whole(ARGV[i]) then
    return redis.error_reply('ERR argument ' .. i .. ' of the renewal of ' .. KEYS[1] .. ' is not a whole number')
  end
end

local held = redis.call('HMGET', KEYS[1], 'version', 'confirmedAt')
local seq = whole(redis.call('HGET', KEYS[2], 'seq') or '0') or 0
local version = whole(ARGV[1])
local held_version = held[1] and whole(held[1]) or 0
if version < math.max(held_version, seq) then
  return 'OLDER'
end
-- Without its clock it is written again too, so that it has one.
if held_version ~= version or seq ~= version then
  return 'MISSING'
end

local held_confirmed = held[2] and whole(held[2]) or -1
if whole(ARGV[2]) > held_confirmed then
  local ages_from = ARGV[3]
  if ages_from == '' then
    local time = redis.call('TIME')
    ages_from = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  end
  redis.call('HSET', KEYS[1], 'confirmedAt', ARGV[2], 'agesFrom', ages_from, 'freshMs', ARGV[6], 'staleMs', ARGV[7])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
end
return 'RENEWED'
