-- Charges a subject's rate limit, by the generic cell rate algorithm.
--
-- KEYS  1 the limit (a text: the instant at which nothing is owed any more, in microseconds since the epoch)
-- ARGV  1 what was spent without asking   2 what is asked for   3 the most that may be owed for it to be given
--       4 the most that is counted as owed (all in microseconds at the limit's rate)
--       5 the instant, in microseconds since the epoch; '' is this server's clock
-- Answer: { 1 if what is asked for is given, else 0; what is owed now, in microseconds }
--
-- What was spent is charged whether or not it should have been: it is owed, and paid back before anything else is given.
-- The key lives as long as something is owed. Numbers are texts of whole digits that a double holds exactly.

local function whole(text, digits)
  if text and #text <= digits and string.match(text, '^%d+$') then
    return tonumber(text)
  end
  return nil
end

if #ARGV ~= 5 then
  return redis.error_reply('ERR the charge of ' .. KEYS[1] .. ' takes 5 arguments')
end
for i = 1, 4 do
  if not whole(ARGV[i], 14) then
    return redis.error_reply('ERR argument ' .. i .. ' of the charge of ' .. KEYS[1] .. ' is not a whole number')
  end
end
local now, more_ms = nil, 0
if ARGV[5] == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = whole(ARGV[5], 16)
  if not now then
    return redis.error_reply('ERR argument 5 of the charge of ' .. KEYS[1] .. ' is not an instant')
  end
  -- The caller's clock runs otherwise than this server's, by which keys end.
  more_ms = 60000
end

local spent, asked, burst, most = whole(ARGV[1], 14), whole(ARGV[2], 14), whole(ARGV[3], 14), whole(ARGV[4], 14)
-- A text that cannot be read owes nothing, and is written anew.
local until_us = whole(redis.call('GET', KEYS[1]) or '0', 16) or 0
local debt = math.min(math.max(until_us - now, 0) + spent, most)
local given = 1
if asked > 0 then
  if debt + asked <= burst then
    debt = debt + asked
  else
    given = 0
  end
end
if debt > 0 and spent + asked * given > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', now + debt), 'PX', string.format('%.0f', math.ceil(debt / 1000) + more_ms))
end
return { given, string.format('%.0f', debt) }
