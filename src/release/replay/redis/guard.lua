-- One exchange, or one look of the health loop: clock, history, expiry, fence, record, in one step.
--
-- KEYS  1 fence   2 record (a look has none)
-- ARGV  1 configuration epoch   2 the node's clock   3 D   4 margin of the fence
--       5 iat   6 exp + leeway   7 owner   8 seconds that a record is kept beyond 6   9, 10 iat and exp of the token that this
--       request would release (empty: it cannot be repeated)   11 seconds for which it can
-- Answers  {word, offset of this clock from the node's, whether the fence went up now, and what belongs to the word}
-- All times in whole seconds. Nothing that is an argument stands in an error.

local info = redis.call('INFO', 'replication', 'stats')
if not string.find(info, 'role:master', 1, true) then return redis.error_reply('READONLY not a master') end
-- Each name is searched as plain text: a pattern would be tried at every character of a long text, which costs as much as INFO itself.
local function field(name, pattern)
  local _, found = string.find(info, name, 1, true)
  return found and string.match(info, pattern, found + 1)
end
local replid, evicted = field('\nmaster_replid:', '^%x+'), field('\nevicted_keys:', '^%d+')
if not replid or not evicted then return redis.error_reply('ERR INFO tells neither master_replid nor evicted_keys') end

local time = redis.call('TIME')
local now, millis = tonumber(time[1]), math.floor(tonumber(time[2]) / 1000)
local sent, bound, margin = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local offset = now - sent
local fence = redis.call('HMGET', KEYS[1], 'replid', 'epoch', 'evicted', 'until', 'latest')
local fenced_until, latest = tonumber(fence[4] or 0), tonumber(fence[5] or 0)

if offset > bound or offset < -bound then
  -- How far ahead this clock once was must not be forgotten: it may have expired records by it.
  if fence[1] and now > latest then redis.call('HSET', KEYS[1], 'latest', now) end
  return {'clock', offset, 0}
end

-- Another history, another epoch, evictions, or a clock that went back: records may be missing. Whatever token was accepted before
-- has an iat of at most now + margin.
local armed = 0
if fence[1] ~= replid or fence[2] ~= ARGV[1] or fence[3] ~= evicted or now + bound < latest then
  fenced_until = math.max(fenced_until, math.max(now, sent) + margin)
  redis.call('HSET', KEYS[1], 'replid', replid, 'epoch', ARGV[1], 'evicted', evicted, 'until', fenced_until, 'latest', now)
  armed = 1
elseif not KEYS[2] and now > latest then
  redis.call('HSET', KEYS[1], 'latest', now)
end
if not KEYS[2] then return {'look', offset, armed, fenced_until} end

local refused_from = tonumber(ARGV[6])
if now >= refused_from then return {'expired', offset, armed} end
if tonumber(ARGV[5]) <= fenced_until then return {'fenced', offset, armed, fenced_until} end

local record = ARGV[7] .. ' ' .. time[1]
if ARGV[9] ~= '' then record = record .. ' ' .. ARGV[9] .. ' ' .. ARGV[10] end
local keep = (refused_from - now + tonumber(ARGV[8])) * 1000 - millis
if redis.call('SET', KEYS[2], record, 'NX', 'PX', keep) then
  if redis.call('PTTL', KEYS[2]) < 1 then return {'not stored', offset, armed} end
  return {'fresh', offset, armed}
end

local found = redis.call('GET', KEYS[2])
local owner, spent_at, rest = string.match(found or '', '^(%S+) (%d+)(.*)$')
if not owner then return {'not stored', offset, armed} end
spent_at = tonumber(spent_at)
if owner == ARGV[7] then
  if ARGV[9] == '' then return {'own retry', offset, armed} end
  local iat, exp = string.match(rest, '^ (%d+) (%d+)$')
  if iat and now <= spent_at + tonumber(ARGV[11]) then return {'repeat', offset, armed, tonumber(iat), tonumber(exp)} end
end
return {'replayed', offset, armed, spent_at}
