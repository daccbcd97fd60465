-- One exchange, or one look of the health loop: clock, history, expiry, fence, record, in one step.
--
-- KEYS  1 fence   2 record (a look has none)   3 what the released token, a handle, stands for (most tokens are none)
-- ARGV  1 configuration epoch   2 the node's clock   3 D   4 margin of the fence   5 deployment id
--       6 the history that the node saw last here, unless its epoch was lower (empty)
--       7 iat   8 exp + leeway   9 owner   10 seconds that a record is kept beyond 8   11, 12 iat and exp of the token that this
--       request would release (empty: it cannot be repeated)   13 seconds for which it can
--       14 what goes to key 3   15 when nobody accepts that token any more
-- Answers  {word, offset of this clock from the node's, whether the fence went up now, this history, the epoch, and what belongs to
--          the word}
-- All times in whole seconds. Nothing that is an argument stands in an error.

local info = redis.call('INFO', 'replication', 'stats')
if not string.find(info, '\nrole:master\r\n', 1, true) then return redis.error_reply('READONLY not a master') end
-- Each name is searched as plain text: a pattern would be tried at every character of a long text, which costs as much as INFO itself.
local function field(name, pattern, from)
  local _, found = string.find(info, name, from, true)
  return found and string.match(info, pattern, found + 1)
end
-- The statistics come first. The lines of replicas hold text of theirs, and end before this one.
local own = string.find(info, '\nmaster_failover_state:', 1, true)
local replid, evicted = own and field('\nmaster_replid:', '^%x+', own), field('\nevicted_keys:', '^%d+', 1)
if not replid or not evicted then return redis.error_reply('ERR INFO tells neither master_replid nor evicted_keys') end

local time = redis.call('TIME')
local now, millis = tonumber(time[1]), math.floor(tonumber(time[2]) / 1000)
local sent, bound, margin = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local offset = now - sent
local fence = redis.call('HMGET', KEYS[1], 'replid', 'epoch', 'evicted', 'until', 'latest', 'deployment')
local fenced_until, latest = tonumber(fence[4] or 0), tonumber(fence[5] or 0)

if offset > bound or offset < -bound then
  -- How far ahead this clock once was must not be forgotten: it may have expired records by it.
  if fence[1] and now > latest then redis.call('HSET', KEYS[1], 'latest', now) end
  return {'clock', offset, 0, replid, ARGV[1]}
end

-- Another history, another epoch, evictions, or a clock that went back: records may be missing. Likewise when this is the store of
-- another deployment, or the node comes from another history than this without a higher epoch: its witnesses forgot, or its address
-- leads elsewhere now. Whatever token was accepted before has an iat of at most now + margin.
local known = fence[1] == replid and fence[2] == ARGV[1] and fence[3] == evicted and fence[6] == ARGV[5]
local armed = 0
if not known or now + bound < latest or (ARGV[6] ~= '' and ARGV[6] ~= replid) then
  fenced_until = math.max(fenced_until, math.max(now, sent) + margin)
  redis.call('HSET', KEYS[1], 'replid', replid, 'epoch', ARGV[1], 'evicted', evicted, 'until', fenced_until, 'latest', now,
    'deployment', ARGV[5])
  armed = 1
elseif not KEYS[2] and now > latest then
  redis.call('HSET', KEYS[1], 'latest', now)
end
if not KEYS[2] then return {'look', offset, armed, replid, ARGV[1], fenced_until} end

local refused_from = tonumber(ARGV[8])
if now >= refused_from then return {'expired', offset, armed, replid, ARGV[1]} end
if tonumber(ARGV[7]) <= fenced_until then return {'fenced', offset, armed, replid, ARGV[1], fenced_until} end

local record = ARGV[9] .. ' ' .. time[1]
if ARGV[11] ~= '' then record = record .. ' ' .. ARGV[11] .. ' ' .. ARGV[12] end
local keep = (refused_from - now + tonumber(ARGV[10])) * 1000 - millis
if redis.call('SET', KEYS[2], record, 'NX', 'PX', keep) then
  if KEYS[3] then redis.call('SET', KEYS[3], ARGV[14], 'PX', (tonumber(ARGV[15]) - now) * 1000 - millis) end
  if redis.call('PTTL', KEYS[2]) < 1 or (KEYS[3] and redis.call('PTTL', KEYS[3]) < 1) then
    return {'not stored', offset, armed, replid, ARGV[1]}
  end
  return {'fresh', offset, armed, replid, ARGV[1]}
end

local found = redis.call('GET', KEYS[2])
local owner, spent_at, rest = string.match(found or '', '^(%S+) (%d+)(.*)$')
if not owner then return {'not stored', offset, armed, replid, ARGV[1]} end
spent_at = tonumber(spent_at)
if owner == ARGV[9] then
  local again
  if ARGV[11] == '' then
    again = {'own retry', offset, armed, replid, ARGV[1]}
  else
    local iat, exp = string.match(rest, '^ (%d+) (%d+)$')
    if iat and now <= spent_at + tonumber(ARGV[13]) then
      again = {'repeat', offset, armed, replid, ARGV[1], tonumber(iat), tonumber(exp)}
    end
  end
  -- Whoever was first wrote what the handle stands for, in the step that wrote the record.
  if again and KEYS[3] and redis.call('PTTL', KEYS[3]) < 1 then return {'not stored', offset, armed, replid, ARGV[1]} end
  if again then return again end
end
return {'replayed', offset, armed, replid, ARGV[1], spent_at}
