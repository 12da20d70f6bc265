#!lua flags=no-writes
-- What whoever follows a market has not seen yet.
--
-- KEYS  1 the snapshot (a hash)   2 its clock (a hash: epoch, seq)   3 its last versions (a stream)
-- ARGV  1 the epoch last seen; '' is none   2 the seq last seen in it   3... the names of the snapshot's fields
-- Answer: { epoch, seq, { version, body, version, body... } } in ascending order. With the epoch last seen, and
-- nothing lost since, these are the versions after the seq last seen; else all that are kept, of which the last one is
-- the market as it stands. None at all if nothing is known.

local clock = redis.call('HMGET', KEYS[2], 'epoch', 'seq')
if not clock[1] or not clock[2] then
  return { '', '0', {} }
end
local after = '0'
if clock[1] == ARGV[1] then
  after = ARGV[2]
end
local versions = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[3], '(' .. after .. '-0', '+')) do
  versions[#versions + 1] = string.match(entry[1], '^%d+')
  versions[#versions + 1] = entry[2][2]
end
-- The stream lives shorter than a snapshot that its source keeps confirming.
local seen = clock[1] == ARGV[1] and clock[2] == ARGV[2]
if #versions == 0 and not seen and redis.call('HGET', KEYS[1], 'version') == clock[2] then
  local values = redis.call('HMGET', KEYS[1], unpack(ARGV, 3))
  for i, value in ipairs(values) do
    values[i] = value or ''
  end
  versions = { clock[2], table.concat(values, '\n') }
end
return { clock[1], clock[2], versions }
