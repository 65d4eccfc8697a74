-- Functions that both scripts of the limits share: the time and a subject's counters, as in rules.py.
-- A subject has two keys: its state (a hash) and its leases (a sorted set of "<lease>:<tokens>" by expiry).
-- Numbers stay below 2^53 and are exact. Money may be larger, so it is compared digit by digit as text.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local today = math.floor(now / 86400000)
local MINUTE_MS = 60000
local EXPIRY_MS = 2 * 86400000

local function text(number)
  return string.format('%.0f', number)
end

local function drained(level, per_minute, elapsed)
  if per_minute then
    return math.max(0, level - per_minute * elapsed)
  end
  return elapsed > 0 and 0 or level
end

-- An expired lease belonged to a killed process: its slot becomes free, its tokens count as used.
local function remove_expired_leases(leases, s)
  for _, lease in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', text(now))) do
    local tokens = tonumber(string.match(lease, ':(%d+)$'))
    s.reserved = s.reserved - tokens
    s.tokens = s.tokens + tokens * MINUTE_MS
    redis.call('ZREM', leases, lease)
  end
end

local function read_counters(state, leases, rpm, tpm)
  local stored = redis.call('HMGET', state, 'at', 'day', 'requests', 'tokens', 'held', 'day_tokens', 'day_usd')
  local elapsed = math.max(0, now - tonumber(stored[1] or now))
  local day = tonumber(stored[2] or 0)
  local s = {
    day = day,
    requests = drained(tonumber(stored[3] or 0), rpm, elapsed),
    tokens = drained(tonumber(stored[4] or 0), tpm, elapsed),
    reserved = tonumber(stored[5] or 0),
    day_tokens = tonumber(stored[6] or 0),
    day_usd = stored[7] or '0',
  }
  if today > day or today < day - 1 then
    s.day, s.day_tokens, s.day_usd = today, 0, '0'
  end
  remove_expired_leases(leases, s)
  s.in_flight = redis.call('ZCARD', leases)
  return s
end

-- Redis adds `usd` itself, in 64-bit integers. From a million USD per day on, any limit is exceeded anyway.
local function write_counters(state, leases, s, usd)
  redis.call('HSET', state, 'at', text(now), 'day', text(s.day), 'requests', text(s.requests),
    'tokens', text(s.tokens), 'held', text(s.reserved), 'day_tokens', text(s.day_tokens), 'day_usd', s.day_usd)
  if usd ~= '0' and #s.day_usd < 19 then
    redis.call('HINCRBY', state, 'day_usd', usd)
  end
  redis.call('PEXPIRE', state, EXPIRY_MS)
  redis.call('PEXPIRE', leases, EXPIRY_MS)
end
