-- Sets what a market's open bets come to, unless figures of that version or a higher one are held.
--
-- KEYS  1 the figures (a hash: version, figures)
-- ARGV  1 version   2 the figures   3 for how many milliseconds they are kept
-- Answer: the version that is held now
--
-- Versions have at most 14 digits, which a double holds exactly, and are stored as the text they came in.

local function whole(text)
  if text and #text <= 14 and string.match(text, '^%d+$') then
    return tonumber(text)
  end
  return nil
end

local version = whole(ARGV[1])
if not version or version == 0 or not whole(ARGV[3]) then
  return redis.error_reply('ERR ' .. KEYS[1] .. ' needs a version from 1 and a lifetime, of at most 14 digits')
end
-- What cannot be read counts as nothing: it is written anew.
local held = redis.call('HGET', KEYS[1], 'version')
if held and (whole(held) or 0) > version then
  return held
end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'figures', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return ARGV[1]
