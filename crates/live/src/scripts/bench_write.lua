-- What write_snapshot.lua writes, without looking at what is there or at what it is given: the reference that its
-- compare-and-set is measured beside. Keys and arguments are those of write_snapshot.lua.

local time = redis.call('TIME')
local ages_from = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local values = {}
for i = 16, #ARGV, 2 do
  values[#values + 1] = ARGV[i]
end
local body = table.concat(values, '\n')
redis.call('XADD', KEYS[3], 'MAXLEN', '=', ARGV[11], ARGV[2] .. '-0', 'snapshot', body)
redis.call('HSET', KEYS[2], 'epoch', ARGV[12], 'seq', ARGV[2])
redis.call('PEXPIRE', KEYS[3], ARGV[10])
redis.call('SPUBLISH', KEYS[1], ARGV[12] .. '\n' .. ARGV[2] .. '\n' .. body)
redis.call('PEXPIRE', KEYS[2], ARGV[9])
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'confirmedAt', ARGV[3], 'agesFrom', ages_from,
  'freshMs', ARGV[6], 'staleMs', ARGV[7], unpack(ARGV, 15))
redis.call('PEXPIRE', KEYS[1], ARGV[8])
return { 'APPLIED', ARGV[2] }
