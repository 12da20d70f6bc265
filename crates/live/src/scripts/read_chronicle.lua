-- What whoever follows a chronicle has not seen yet. The clock is there from then on.
--
-- After chronicle_clock.lua.
-- ARGV  4 the epoch last seen; '' is none   5 the seq last seen in it
-- Answer: { epoch, seq, { seq, text, seq, text... } } in ascending order: the events after the seq last seen in this
-- epoch; else all that are kept.

local after = '0'
if epoch == ARGV[4] then
  after = ARGV[5]
end
local events = {}
local entries = redis.pcall('XRANGE', KEYS[2], '(' .. after .. '-0', '+')
-- What is no stream has no events; the next one to be told makes it one.
if not entries.err then
  for _, entry in ipairs(entries) do
    events[#events + 1] = string.match(entry[1], '^%d+')
    events[#events + 1] = entry[2][2]
  end
end
keep()
return { epoch, string.format('%.0f', seq), events }
