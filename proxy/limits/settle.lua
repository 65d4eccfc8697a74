-- Puts what a request used in the place of what it reserved, once: without its lease nothing is changed.
-- KEYS: state and leases of each subject. ARGV: lease, tokens reserved, tokens used, pico_usd used less
-- reserved, the UTC day it counts on; then for each subject rpm and tpm ('' = no limit).

local reserved, used = tonumber(ARGV[2]), tonumber(ARGV[3])
local settled = 0
for i = 1, #KEYS / 2 do
  local state, leases = KEYS[2 * i - 1], KEYS[2 * i]
  if redis.call('ZREM', leases, ARGV[1] .. ':' .. text(reserved)) == 1 then
    local s = standing(state, leases, tonumber(ARGV[4 + 2 * i]), tonumber(ARGV[5 + 2 * i]))
    local usd = '0'
    s.held = s.held - reserved
    s.tokens = s.tokens + used * MINUTE_MS
    if s.day == tonumber(ARGV[5]) then
      s.day_tokens = s.day_tokens + used - reserved
      usd = ARGV[4]
    end
    keep(state, leases, s, usd)
    settled = settled + 1
  end
end
return settled
