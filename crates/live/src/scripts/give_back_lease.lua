-- Ends a lease, if it is still the one with this token.
--
-- KEYS  1 the lease   ARGV  1 the token   Answer: how many leases ended

if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
