-- Replaces what a request reserved by what it used, once: without its lease nothing is changed.
-- KEYS: state and leases of each subject. ARGV: lease, tokens reserved, tokens used, pico_usd used minus
-- reserved, the UTC day of the reservation; then for each subject rpm and tpm ('' = no limit).
-- Returns the number of subjects that were settled.

local reserved, used = tonumber(ARGV[2]), tonumber(ARGV[3])
local settled = 0
for i = 1, #KEYS / 2 do
  local state, leases = KEYS[2 * i - 1], KEYS[2 * i]
  if redis.call('ZREM', leases, ARGV[1] .. ':' .. text(reserved)) == 1 then
    local s = read_counters(state, leases, tonumber(ARGV[4 + 2 * i]), tonumber(ARGV[5 + 2 * i]))
    local usd = '0'
    s.reserved = s.reserved - reserved
    s.tokens = s.tokens + used * MINUTE_MS
    if s.day == tonumber(ARGV[5]) then
      s.day_tokens = s.day_tokens + used - reserved
      usd = ARGV[4]
    end
    write_counters(state, leases, s, usd)
    settled = settled + 1
  end
end
return settled
