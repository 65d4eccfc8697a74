-- Checks every limit of all subjects of a request, and reserves in all of them or in none.
-- KEYS: state and leases of each subject. ARGV: lease, tokens, pico_usd, lease_ms; then for each subject rpm,
-- tpm, concurrency, tokens_per_day, and usd_per_day minus pico_usd ('' = no limit).
-- Returns whether the request fits, the time, and the 6 counters of each subject before the reservation.

local lease, tokens, usd, lease_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])

-- Compares two whole numbers given as text; only `limit` may be negative.
local function is_more(used, limit)
  if string.sub(limit, 1, 1) == '-' then
    return true
  end
  if #used ~= #limit then
    return #used > #limit
  end
  return used > limit
end

local function fits(s, rpm, tpm, concurrency, tokens_per_day, usd_left)
  if rpm and s.requests + MINUTE_MS > rpm * MINUTE_MS then
    return false
  end
  if concurrency and s.in_flight >= concurrency then
    return false
  end
  if tokens > 0 and tpm and s.tokens + (s.reserved + tokens) * MINUTE_MS > tpm * MINUTE_MS then
    return false
  end
  if tokens > 0 and tokens_per_day and s.day_tokens + tokens > tokens_per_day then
    return false
  end
  return usd_left == '' or usd == '0' or not is_more(s.day_usd, usd_left)
end

local subjects, all_fit, answer = {}, 1, { 0, text(now) }
for i = 1, #KEYS / 2 do
  local base = 4 + (i - 1) * 5
  local rpm, tpm = tonumber(ARGV[base + 1]), tonumber(ARGV[base + 2])
  local concurrency, tokens_per_day = tonumber(ARGV[base + 3]), tonumber(ARGV[base + 4])
  local s = read_counters(KEYS[2 * i - 1], KEYS[2 * i], rpm, tpm)
  subjects[i] = s
  if not fits(s, rpm, tpm, concurrency, tokens_per_day, ARGV[base + 5]) then
    all_fit = 0
  end
  for _, value in ipairs({ s.requests, s.tokens, s.reserved, s.in_flight, s.day_tokens }) do
    answer[#answer + 1] = text(value)
  end
  answer[#answer + 1] = s.day_usd
end

for i, s in ipairs(subjects) do
  local state, leases = KEYS[2 * i - 1], KEYS[2 * i]
  if all_fit == 1 then
    s.requests = s.requests + MINUTE_MS
    s.reserved = s.reserved + tokens
    s.day_tokens = s.day_tokens + tokens
    redis.call('ZADD', leases, text(now + lease_ms), lease .. ':' .. text(tokens))
  end
  write_counters(state, leases, s, all_fit == 1 and usd or '0')
end
answer[1] = all_fit
return answer
