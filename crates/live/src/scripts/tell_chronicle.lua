-- Appends events to the chronicle that readers can read again, each once, and tells them to whoever follows it.
--
-- After chronicle_clock.lua.
-- ARGV  4 how many events are kept   5 the log that they come from   6... for each event, in their order: its place in
--       the log (the transaction, and the identity in it) and its text
-- Answer: how many of them were told now
--
-- Whoever reads the log tells again what it cannot be sure of: what is not after the last event told is left out. In
-- another log places mean something else, and all that is said is new.

local function later(xid8, identity, than_xid8, than_identity)
  if #xid8 ~= #than_xid8 or xid8 ~= than_xid8 then
    return #xid8 > #than_xid8 or (#xid8 == #than_xid8 and xid8 > than_xid8)
  end
  return #identity > #than_identity or (#identity == #than_identity and identity > than_identity)
end

if not whole(ARGV[4], 4) or ARGV[5] == '' or #ARGV % 3 ~= 2 then
  return redis.error_reply('ERR ' .. KEYS[1] .. ' takes a number, a log, and events of a place and a text')
end
for i = 6, #ARGV, 3 do
  if not whole(ARGV[i], 20) or not whole(ARGV[i + 1], 20) then
    return redis.error_reply('ERR an event of ' .. KEYS[1] .. ' has no place in the log')
  end
end

local xid8, identity, told = held[5] or '0', held[6] or '0', 0
if held[4] and held[4] ~= ARGV[5] then
  begin_epoch()
  xid8, identity = '0', '0'
end
for i = 6, #ARGV, 3 do
  if later(ARGV[i], ARGV[i + 1], xid8, identity) then
    xid8, identity, told, seq = ARGV[i], ARGV[i + 1], told + 1, seq + 1
    local id = string.format('%.0f-0', seq)
    local added = redis.pcall('XADD', KEYS[2], 'MAXLEN', '=', ARGV[4], id, 'event', ARGV[i + 2])
    if type(added) == 'table' and added.err then
      -- An older id or another kind of value is no stream of this epoch; any other error is of the server.
      if not string.find(added.err, 'equal or smaller', 1, true) and not string.find(added.err, 'WRONGTYPE', 1, true) then
        return added
      end
      begin_epoch()
      seq = 2
      redis.call('XADD', KEYS[2], '2-0', 'event', ARGV[i + 2])
    end
    redis.call('SPUBLISH', KEYS[1], epoch .. '\n' .. string.format('%.0f', seq) .. '\n' .. ARGV[i + 2])
  end
end
keep('source', ARGV[5], 'xid8', xid8, 'identity', identity)
return told
