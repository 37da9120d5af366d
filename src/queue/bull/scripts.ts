/**
 * The state of one shard's queue in Redis, and the Lua that is its only writer. Every script compares the epoch of its caller with
 * the registered one and changes what it changes in one step, so whoever leads no more can change nothing.
 *
 *   meta      hash   epoch, seq, and how many members ready, delayed and working have: what is missing was evicted or lost
 *   ready     zset   key -> wall ms since it waits
 *   delayed   zset   key -> wall ms at which it is due
 *   entries   hash   r<key>, d<key> -> <token>:<priority f|r>:<1 when only a back-off asked for the delay>
 *   working   hash   key -> <token>:<priority at which it was added again, or nothing>
 *   failures  hash   key -> failures in a row
 *
 * A **token** is a Bull job `t<seq>` that says "look at this key". Each entry has exactly one valid token, the newest made for it;
 * Bull may lose tokens, run them twice or late, and nothing follows from it: a token that no entry names is passed over,
 * and an entry whose token is gone is given another one.
 */
const STATE = `
local meta, ready, delayed, entries, working, failures, active, later = unpack(KEYS)
local epoch, nowMs, base = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local added, tokens = 0, {}

-- Decimal strings of any length: as numbers, two epochs above 2^53 would look equal.
local function newer(one, other)
  return #one > #other or (#one == #other and one > other)
end

local function standing()
  local known = redis.call('HMGET', meta, 'epoch', 'ready', 'delayed', 'working')
  local isReady, isDelayed = redis.call('ZCARD', ready), redis.call('ZCARD', delayed)
  local isWhole = isReady == tonumber(known[2]) and isDelayed == tonumber(known[3])
    and redis.call('HLEN', working) == tonumber(known[4]) and redis.call('HLEN', entries) == isReady + isDelayed
  local registered = known[1] or ''
  if registered ~= '' and newer(registered, epoch) then return 'stale', registered, isWhole end
  if registered ~= epoch or not isWhole then return 'lost', registered, isWhole end
  return 'ok', registered, isWhole
end

local function answer(status, registered, verdict, sinceMs)
  local isReady, isDelayed, isWorking = redis.call('ZCARD', ready), redis.call('ZCARD', delayed), redis.call('HLEN', working)
  if status == 'ok' then redis.call('HSET', meta, 'ready', isReady, 'delayed', isDelayed, 'working', isWorking) end
  local oldest = redis.call('ZRANGE', ready, 0, 0, 'WITHSCORES')[2] or ''
  local due = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2] or ''
  local reply = { status, registered, verdict or '', sinceMs or '', tostring(isReady), tostring(isDelayed), oldest, due, tostring(added) }
  for _, field in ipairs(tokens) do reply[#reply + 1] = field end
  return reply
end

local function whole(number)
  return string.format('%.0f', number)
end

local function ask(token, key, priority, dueMs)
  tokens[#tokens + 1] = token
  tokens[#tokens + 1] = key
  tokens[#tokens + 1] = priority
  tokens[#tokens + 1] = dueMs
  return token
end

local function newToken(key, priority, dueMs)
  return ask(whole(redis.call('HINCRBY', meta, 'seq', 1)), key, priority, dueMs or '')
end

local function parts(entry)
  return string.match(entry, '^(%d+):(%a):(%d)$')
end

local function held(work)
  return string.match(work, '^(%d+):(%a?)$')
end

local function enqueue(key, priority)
  local work = redis.call('HGET', working, key)
  if work then
    local token, again = held(work)
    if again == '' then added = added + 1 end
    if again == '' or priority == 'f' then redis.call('HSET', working, key, token .. ':' .. priority) end
    return
  end
  local entry = redis.call('HGET', entries, 'r' .. key)
  if entry then
    local _, known = parts(entry)
    if known == 'f' or priority == 'r' then return end
  else
    added = added + 1
  end
  redis.call('ZADD', ready, nowMs, key)
  redis.call('HSET', entries, 'r' .. key, newToken(key, priority) .. ':' .. priority .. ':0')
end

local function withdraw(key)
  redis.call('ZREM', ready, key)
  redis.call('HDEL', entries, 'r' .. key)
end

-- A superseded delay would otherwise stay in Bull until it is due, 1,000 s later perhaps.
local function undelay(key, token)
  redis.call('ZREM', delayed, key)
  redis.call('HDEL', entries, 'd' .. key)
  if redis.call('ZREM', later, 't' .. token) == 1 then redis.call('DEL', base .. 't' .. token) end
end

local function delay(key, dueMs, priority, retry)
  local entry = redis.call('HGET', entries, 'd' .. key)
  if entry then
    local token, knownPriority, knownRetry = parts(entry)
    local knownMs = tonumber(redis.call('ZSCORE', delayed, key))
    if knownPriority == 'f' then priority = 'f' end
    if knownRetry == '0' then retry = '0' end
    if knownMs <= dueMs and priority == knownPriority then
      redis.call('HSET', entries, 'd' .. key, token .. ':' .. priority .. ':' .. retry)
      return
    end
    dueMs = math.min(knownMs, dueMs)
    undelay(key, token)
  end
  redis.call('ZADD', delayed, whole(dueMs), key)
  redis.call('HSET', entries, 'd' .. key, newToken(key, priority, whole(dueMs)) .. ':' .. priority .. ':' .. retry)
end

local function settle(key, token)
  local work = redis.call('HGET', working, key)
  if not work then return false end
  local holder, again = held(work)
  if holder ~= token then return false end
  redis.call('HDEL', working, key)
  if again ~= '' then
    added = added - 1
    enqueue(key, again)
  end
  return true
end
`;

/**
 * Makes the epoch the registered one, unless a newer one is. What an earlier owner had in work waits again; `ARGV[4...]` are keys and
 * tokens that the caller itself has in work. Verdict: `lost` when what was there was not whole and is gone.
 */
const REGISTER = `${STATE}
local status, registered, isWhole = standing()
if status == 'stale' then return answer(status, registered) end
if not isWhole then redis.call('DEL', ready, delayed, entries, working) end
-- Not from 1: jobs of a state that was lost may still be there, under the tokens of then.
if redis.call('HEXISTS', meta, 'seq') == 0 then redis.call('HSET', meta, 'seq', whole(nowMs * 1000)) end
redis.call('HSET', meta, 'epoch', epoch)
local ours = {}
for at = 4, #ARGV, 2 do ours[ARGV[at]] = ARGV[at + 1] end
local left = redis.call('HGETALL', working)
for at = 1, #left, 2 do
  local key, _, again = left[at], held(left[at + 1])
  redis.call('HDEL', working, key)
  if ours[key] and again ~= '' then
    redis.call('HSET', working, key, ours[key] .. ':' .. again)
  elseif not ours[key] then
    enqueue(key, again ~= '' and again or 'r')
  end
end
for key, token in pairs(ours) do
  local entry = redis.call('HGET', entries, 'r' .. key)
  if entry then
    local _, priority = parts(entry)
    withdraw(key)
    redis.call('HSET', working, key, token .. ':' .. priority)
  else
    redis.call('HSETNX', working, key, token .. ':')
  end
end
-- Tokens that somebody took and did not act on: Bull brings them back too, but only when their locks have run out.
for _, id in ipairs(redis.call('LRANGE', active, 0, -1)) do
  local token = string.match(id, '^t(%d+)$')
  local data = token and redis.call('HGET', base .. id, 'data')
  local isJson, job = pcall(cjson.decode, data or '')
  if isJson and type(job) == 'table' and type(job.key) == 'string' then
    for _, kind in ipairs({ 'r', 'd' }) do
      local entry = redis.call('HGET', entries, kind .. job.key)
      local known, priority, retry = parts(entry or '')
      if known == token then
        redis.call('HSET', entries, kind .. job.key, newToken(job.key, priority) .. ':' .. priority .. ':' .. retry)
      end
    end
  end
end
return answer('ok', epoch, isWhole and 'kept' or 'lost')
`;

/** Performs the operations in `ARGV[4...]`, each a letter and three arguments; without any it only says how things stand. */
const APPLY = `${STATE}
local status, registered = standing()
if status ~= 'ok' then return answer(status, registered) end
for at = 4, #ARGV, 4 do
  local operation, key, first, second = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  if operation == 'add' then
    enqueue(key, first)
  elseif operation == 'delay' then
    delay(key, tonumber(first), string.sub(second, 1, 1), string.sub(second, 2, 2))
  elseif operation == 'done' then
    settle(key, first)
  elseif operation == 'return' then
    if settle(key, first) then enqueue(key, 'f') end
  elseif operation == 'failures' then
    if first == '0' then redis.call('HDEL', failures, key) else redis.call('HSET', failures, key, first) end
  end
end
return answer(status, registered)
`;

/**
 * Takes the key `ARGV[4]` into work for its token `ARGV[5]`, after it has ended the work of the keys and tokens in `ARGV[6...]`. Verdict:
 * `run`, or `pass` for a token that no entry names, or `again` for one of a delay whose key is in work now. Ended work whose key was added
 * again is left to `apply`, and answered in the place of jobs, with the priority `r` and no moment.
 *
 * It runs for every key, so it stands alone, asks for no more than it needs, and keeps the numbers of `meta` by counting.
 */
const CLAIM = `
local meta, ready, delayed, entries, working, failures, active, later = unpack(KEYS)
local epoch, nowMs, base, key, token = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local known = redis.call('HMGET', meta, 'epoch', 'ready', 'delayed', 'working')
local registered = known[1] or ''
if registered ~= epoch then
  local isNewer = #registered > #epoch or (#registered == #epoch and registered > epoch)
  return { isNewer and 'stale' or 'lost', registered, '', '', '0', '0', '', '', '0' }
end
local counts = { ready = tonumber(known[2]), delayed = tonumber(known[3]), working = tonumber(known[4]) }
local left = {}
for at = 6, #ARGV, 2 do
  local work = redis.call('HGET', working, ARGV[at])
  if work == ARGV[at + 1] .. ':' then
    counts.working = counts.working - redis.call('HDEL', working, ARGV[at])
  elseif work then
    left[#left + 1] = at
  end
end

local function undelay(number)
  counts.delayed = counts.delayed - redis.call('ZREM', delayed, key)
  redis.call('HDEL', entries, 'd' .. key)
  if redis.call('ZREM', later, 't' .. number) == 1 then redis.call('DEL', base .. 't' .. number) end
end

local verdict, sinceMs, added = 'pass', '', 0
local both = redis.call('HMGET', entries, 'r' .. key, 'd' .. key)
local waiting = both[1] and string.match(both[1], '^%d+')
local due, retry = nil, nil
if both[2] then due, retry = string.match(both[2], '^(%d+):%a:(%d)$') end
if waiting == token then
  verdict, sinceMs = 'run', redis.call('ZSCORE', ready, key)
  -- This run is the retry that was waited for, or comes after the moment that was asked for.
  if due and (retry == '1' or tonumber(redis.call('ZSCORE', delayed, key)) <= nowMs) then undelay(due) end
elseif due == token then
  if redis.call('HEXISTS', working, key) == 1 then
    verdict = 'again'
  else
    verdict, sinceMs, added = 'run', redis.call('ZSCORE', delayed, key), waiting and 0 or 1
  end
  undelay(due)
end
if verdict == 'run' then
  if waiting then
    counts.ready = counts.ready - redis.call('ZREM', ready, key)
    redis.call('HDEL', entries, 'r' .. key)
  end
  counts.working = counts.working + redis.call('HSET', working, key, token .. ':')
end
redis.call('HSET', meta, 'ready', counts.ready, 'delayed', counts.delayed, 'working', counts.working)
local reply = { 'ok', registered, verdict, sinceMs, tostring(counts.ready), tostring(counts.delayed), '', '', tostring(added) }
for _, at in ipairs(left) do
  reply[#reply + 1] = ARGV[at + 1]
  reply[#reply + 1] = ARGV[at]
  reply[#reply + 1] = 'r'
  reply[#reply + 1] = ''
end
return reply
`;

/**
 * Looks at some 500 entries from cursor `ARGV[4]` and asks again for the token of each whose job is gone, or (`ARGV[5]` is `all`) gives
 * each a new one. Verdict: the next cursor, `0` at the end.
 */
const SWEEP = `${STATE}
local status, registered = standing()
if status ~= 'ok' then return answer(status, registered) end
local page = redis.call('HSCAN', entries, ARGV[4], 'COUNT', 500)
for at = 1, #page[2], 2 do
  local kind, key = string.sub(page[2][at], 1, 1), string.sub(page[2][at], 2)
  local token, priority, retry = parts(page[2][at + 1])
  local dueMs = kind == 'd' and redis.call('ZSCORE', delayed, key) or ''
  if ARGV[5] == 'all' then
    redis.call('HSET', entries, kind .. key, newToken(key, priority, dueMs) .. ':' .. priority .. ':' .. retry)
  elseif redis.call('EXISTS', base .. 't' .. token) == 0 then
    ask(token, key, priority, dueMs)
  end
end
return answer(status, registered, page[1])
`;

/** Forgets the registered epoch, so that the next owner may register a lesser one. Everything else is kept. */
const RESET = `${STATE}
local status, registered = standing()
redis.call('HDEL', meta, 'epoch')
return answer(status, registered)
`;

export const SCRIPTS = { register: REGISTER, apply: APPLY, claim: CLAIM, sweep: SWEEP, reset: RESET };

export type ScriptName = keyof typeof SCRIPTS;
