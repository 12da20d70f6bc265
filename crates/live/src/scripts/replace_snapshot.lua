-- Stores a new version of a market without its source's word: a trader changed it. The source's last
-- sign of life, the ages and the expiry stay as they are, so that what nobody confirms still runs out.
--
-- KEYS  1 the snapshot (a hash)   2 its floor
-- ARGV  1 version   2 how long the floor lives   3... the other fields of the hash, name and value in turn
-- Answer: { 'APPLIED' or 'MISSING' (nothing to replace; only the floor moved) or 'OLDER', the highest
-- version known }

local function whole(text)
  if text and #text <= 14 and string.match(text, '^%d+$') then
    return tonumber(text)
  end
  return nil
end

local version = whole(ARGV[1])
if not version or version == 0 or not whole(ARGV[2]) or whole(ARGV[2]) == 0 then
  return redis.error_reply('ERR version and lifetime of ' .. KEYS[1] .. ' are whole numbers from 1 on')
end
if #ARGV % 2 ~= 0 then
  return redis.error_reply('ERR the fields of ' .. KEYS[1] .. ' are not pairs of name and value')
end

local held = redis.call('HGET', KEYS[1], 'version')
local floor_text = redis.call('GET', KEYS[2])
local highest, highest_text = whole(floor_text or '0') or 0, floor_text or '0'
if held and (whole(held) or 0) > highest then
  highest, highest_text = whole(held), held
end
if version <= highest then
  return { 'OLDER', highest_text }
end

redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
if not held then
  return { 'MISSING', highest_text }
end
redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 3))
return { 'APPLIED', ARGV[1] }
