-- What both scripts of the limits share: the time, and how a subject stands; the twin of `current` in limits.py.
-- A subject has two keys: its state (a hash) and its leases (a sorted set of "<lease>:<tokens>" by expiry).
-- Numbers stay below 2^53 and so exact; money may be more and is never made a number: its digits are compared.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local today = math.floor(now / 86400000)
local MINUTE_MS = 60000
local KEPT_MS = 2 * 86400000

local function text(number)
  return string.format('%.0f', number)
end

local function flowed_off(level, per_minute, elapsed)
  if per_minute then
    return math.max(0, level - per_minute * elapsed)
  end
  return elapsed > 0 and 0 or level
end

-- A lease that nobody renewed belonged to a dead proxy: its slot comes back, its tokens count as used.
local function end_dead_leases(leases, s)
  for _, lease in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', text(now))) do
    local tokens = tonumber(string.match(lease, ':(%d+)$'))
    s.held = s.held - tokens
    s.tokens = s.tokens + tokens * MINUTE_MS
    redis.call('ZREM', leases, lease)
  end
end

local function standing(state, leases, rpm, tpm)
  local kept = redis.call('HMGET', state, 'at', 'day', 'requests', 'tokens', 'held', 'day_tokens', 'day_usd')
  local elapsed = math.max(0, now - tonumber(kept[1] or now))
  local day = tonumber(kept[2] or 0)
  local s = {
    day = day,
    requests = flowed_off(tonumber(kept[3] or 0), rpm, elapsed),
    tokens = flowed_off(tonumber(kept[4] or 0), tpm, elapsed),
    held = tonumber(kept[5] or 0),
    day_tokens = tonumber(kept[6] or 0),
    day_usd = kept[7] or '0',
  }
  if today > day or today < day - 1 then
    s.day, s.day_tokens, s.day_usd = today, 0, '0'
  end
  end_dead_leases(leases, s)
  s.in_flight = redis.call('ZCARD', leases)
  return s
end

-- `usd` is added by Redis itself, in 64-bit integers; a million USD and more a day is over any limit already.
local function keep(state, leases, s, usd)
  redis.call('HSET', state, 'at', text(now), 'day', text(s.day), 'requests', text(s.requests),
    'tokens', text(s.tokens), 'held', text(s.held), 'day_tokens', text(s.day_tokens), 'day_usd', s.day_usd)
  if usd ~= '0' and #s.day_usd < 19 then
    redis.call('HINCRBY', state, 'day_usd', usd)
  end
  redis.call('PEXPIRE', state, KEPT_MS)
  redis.call('PEXPIRE', leases, KEPT_MS)
end
