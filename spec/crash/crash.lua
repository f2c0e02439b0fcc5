-- Crash rounds: whether anything that was reported gets lost or comes twice on a hub when processes are killed at any moment.
--
--   lua5.4 spec/crash/crash.lua [ROUNDS] [SEED]          (make crash; with the Makefile's CRASH_ENV)
--
-- Lanes have a hub each: two users, or five, each a process. In a round of a lane they send each other messages, files and
-- read reports, revoke, fetch files and import, and some die of it: killed from outside, after so many microseconds, or at
-- the n-th operation on files (disk.h): in a transaction, an upload, a download, a commit. They are started again, and may
-- die while they log in, or bring an old store up to date. Then all recovers, what failed is sent again, and check.lua
-- looks. Some rounds are births: a first log-in, which makes a hub and a store, dies and is tried again.
-- A round is a function of the seed and its number; only the processes' timing is not.

local check = require "check"
local deeds = require "deeds"
local disk = require "disk"
local ledger = require "ledger"
local lfs = require "lfs"
local players = require "players"
local scene = require "scene"
local support = require "support"
local uv = require "luv"

local ROUNDS <const> = math.tointeger(tonumber(arg[1] or 100))
local SEED <const> = math.tointeger(tonumber(arg[2] or os.time()))

-- How many users a lane has.
local LANES <const> = { 2, 5, 2 }
local TIMEOUT_MS <const> = 30000
local BIRTHS <const> = 0.08
-- Doomed log-ins in a row, at most.
local DOOMED_STARTS <const> = 3

local base = os.tmpname()
os.remove(base)
assert(lfs.mkdir(base))

-- The lanes', and those of players who are about to die.
local tasks = {}
local counts = { rounds = 0, births = 0, deaths = 0, messages = 0, reported = 0, files = 0, imports = 0, revokes = 0, reads = 0,
  ["old stores"] = 0 }
local wrong = 0

---@diagnostic disable-next-line: duplicate-set-field
players.complain = function(player, what, text, format, ...)
  local plan = player.lane.plan
  wrong = wrong + 1
  print(("%s %s: seed %d, round %d, lane %d, at %s: \"%s\": %s\n    plan: %s"):format(os.date "!%H:%M:%S", what:upper(), SEED,
    plan.number, player.lane.number, player.user, text, format:format(...), table.concat(plan.lines, "; ")))
end

-- ---- a plan ----

local random = math.random

-- From 1 to 10^digits, each digit as likely as the others.
local function any_size(digits)
  return 10 ^ (random() * digits) // 1 | 0
end

local function make_doom()
  local way = random()
  if way < 0.25 then return { after = any_size(4.7) } end
  if way < 0.65 then return { kinds = "owsnl", count = any_size(3) } end
  local kinds = random(5)
  return { kinds = ("owsnl"):sub(kinds, kinds), count = any_size(1.7) }
end

local DEEDS <const> = { "send", "send", "send", "media", "fetch", "import", "revoke", "read" }

local function make_plan(number, size)
  math.randomseed(SEED, number)
  local plan = { number = number, deeds = {}, deaths = {}, again = random() < 0.7, read = random() < 0.5, told = {}, lines = {} }
  local at = 0
  for i = 1, random(3, 4 * size) do
    plan.deeds[i] = { at = at, who = random(size), what = DEEDS[random(#DEEDS)], to = random(0, size - 1), size = any_size(6.2),
      pick = random(1000), count = any_size(1.2) }
    if random() < 0.5 then at = at + random(0, 15) end
  end
  plan.ends = at + random(0, 10)
  for who = 1, size do
    if random() < 1.2 / size then
      local death = { who = who, at = random(0, plan.ends), pause = random(0, 20), starts = {}, is_old = random() < 0.3 }
      if random() < 0.75 then death.doom = make_doom() end
      while random() < 0.4 and #death.starts < DOOMED_STARTS do
        table.insert(death.starts, make_doom())
      end
      table.insert(plan.deaths, death)
    end
  end
  return plan
end

local function note(plan, format, ...)
  plan.lines[#plan.lines + 1] = format:format(...)
end

local function doom_words(doom)
  if doom.after then return doom.after end
  return doom.kinds, doom.count
end

-- ---- what players do ----

local acts = {}

local function text_for(plan, one)
  return ("round %d %s %d"):format(plan.number, one.what, #plan.told + 1)
end

local function peer_of(lane, one)
  if one.to == 0 then return nil end
  return lane.players[(one.who + one.to - 1) % #lane.players + 1]
end

function acts.send(lane, player, one)
  for _ = 1, one.count do
    ledger.send(player, peer_of(lane, one), text_for(lane.plan, one))
  end
end

function acts.media(lane, player, one)
  local text = text_for(lane.plan, one)
  local path = support.write_file(("%s/%s"):format(lane.dir, text:gsub(" ", "-")), scene.content(text, one.size))
  ledger.send(player, peer_of(lane, one), text, path).file_size = one.size
  counts.files = counts.files + 1
end

-- A message of an earlier round that was sent and not revoked, or nil.
local function earlier(lane, one, fits)
  local found = {}
  for _, message in ipairs(lane.recent) do
    if message.code == 0 and not message.revoke and fits(message) then found[#found + 1] = message end
  end
  return #found > 0 and found[one.pick % #found + 1] or nil
end

function acts.fetch(lane, player, one)
  local message = earlier(lane, one, function(other) return other.file_size and deeds.takes_part(other, player) end)
  if message then deeds.fetch(player, message) end
end

function acts.revoke(lane, player, one)
  local message = earlier(lane, one, function(other) return other.sender == player end)
  if not message then return end
  counts.revokes = counts.revokes + 1
  deeds.revoke(message)
end

function acts.read(lane, player, one)
  deeds.read(player, peer_of(lane, one))
  counts.reads = counts.reads + 1
end

function acts.import(lane, player, one)
  lane.imported = lane.imported + 1
  deeds.import(player, "import" .. lane.imported, one.size % 1000 + 1)
  counts.imports = counts.imports + 1
end

-- ---- dying ----

-- It is started again, and dies of it as often as the plan says.
local function start_again(player, death)
  players.pause(death.pause)
  local store = ("%s/%s.db"):format(player.dir, player.user)
  if death.is_old and lfs.attributes(store) then
    local said = disk.query(store, scene.OLD_STORE)
    assert(said == "" or said:find "exists", said)
    counts["old stores"] = counts["old stores"] + 1
  end
  for _, doom in ipairs(death.starts) do
    players.start(player, doom_words(doom))
    players.wait(function() return player.ended or player.is_ready end)
    if not player.ended then players.wait(function() return player.ended end, 20) end
    players.kill(player)
    player.lane.bells = player.lane.bells + 1
    counts.deaths = counts.deaths + 1
  end
  players.start(player)
end

local function die(lane, death)
  local player = lane.players[death.who]
  local doom = death.doom
  if doom then
    player.is_doomed = true
    players.tell(player, "doom", doom_words(doom))
  end
  note(lane.plan, "%s at %d ms %s, then %d doomed starts%s", player.user, death.at,
    doom and table.concat({ "doomed", doom_words(doom) }, " ") or "killed", #death.starts, death.is_old and " of an old store" or "")
  lane.bells = lane.bells + 1
  if not doom then return players.kill(player) end
  players.wait(function() return player.ended end, lane.plan.ends + 30)
  players.kill(player)
end

-- ---- a round ----

local function all_ready(lane)
  return players.wait(function()
    for _, player in ipairs(lane.players) do
      if not player.is_ready or player.ended then return false end
    end
    return true
  end)
end

local function round(lane, plan)
  lane.plan = plan
  for _, player in ipairs(lane.players) do
    player.died = false
  end
  for _, one in ipairs(plan.deeds) do
    players.after(one.at, function()
      local player = lane.players[one.who]
      if player.is_ready and not player.ended and not player.is_gone then acts[one.what](lane, player, one) end
    end)
  end
  if #plan.deaths > 0 then check.age_bells(lane) end
  local left = #plan.deaths
  for _, death in ipairs(plan.deaths) do
    players.after(death.at, function()
      table.insert(tasks, coroutine.create(function()
        die(lane, death)
        start_again(lane.players[death.who], death)
        left = left - 1
      end))
    end)
    counts.deaths = counts.deaths + 1
  end
  players.pause(plan.ends + 1)
  players.wait(function() return left == 0 end)
  assert(left == 0, "a death takes too long")
  if not all_ready(lane) then players.complain(lane.players[1], "other", "log-in", "not all are in") end
  ledger.await_reports(plan)
  deeds.await(lane)
  for _, player in ipairs(lane.players) do
    players.rows_of(player)
  end
  if plan.again then
    ledger.send_again(plan)
    ledger.await_reports(plan)
  end
  -- who brings a file removes what others have left of theirs
  if check.left_uploads(lane) > 0 then
    acts.media(lane, lane.players[1], { who = 1, to = 0, what = "media", size = 10 })
    ledger.await_reports(plan)
  end
  -- what comes behind all of it, and is told to all
  for i = 1, 2 do
    ledger.send(lane.players[i], nil, ("round %d last %d"):format(plan.number, i))
    ledger.await_reports(plan)
  end
  check.round(lane)
  if plan.read then deeds.read_all(lane) end
  counts.rounds = counts.rounds + 1
  counts.messages = counts.messages + #plan.told
  for _, message in ipairs(plan.told) do
    if message.code == 0 then counts.reported = counts.reported + 1 end
    table.insert(lane.recent, message)
  end
  while #lane.recent > 60 do
    table.remove(lane.recent, 1)
  end
end

-- ---- lanes ----

local function new_lane(number, size)
  local lane = { number = number, dir = ("%s/%d"):format(base, number), group = "group", messages = {}, players = {}, recent = {},
    imported = 0, bells = 0, plan = { number = 0, lines = {}, told = {} } }
  assert(lfs.mkdir(lane.dir))
  for i = 1, size do
    local user = "user" .. i
    lane.players[i] = { user = user, dir = lane.dir .. "/" .. user, address = "hub:" .. lane.dir .. "/hub", timeout = TIMEOUT_MS,
      lane = lane, got = {}, heard = {}, lives = 0 }
  end
  return lane
end

local function open_lane(lane)
  local names = {}
  for i, player in ipairs(lane.players) do
    players.start(player)
    names[i] = player.user
  end
  assert(all_ready(lane), "not all are in")
  local first = lane.players[1]
  players.tell(first, "create", lane.group, table.unpack(names, 2))
  assert(players.wait(function() return first.created end) and first.created == 0, first.created)
end

local function close_lane(lane)
  for _, player in ipairs(lane.players) do
    player.input:close()
  end
  assert(players.wait(function()
    for _, player in ipairs(lane.players) do
      if not player.ended then return false end
    end
    return true
  end), "they do not end")
  check.databases(lane)
end

-- A first log-in that dies, is tried again, and must not leave half a hub or store.
local function birth(number, at)
  math.randomseed(SEED, number)
  local lane = new_lane(number + 1000, 2)
  lane.plan.number = number
  for _ = 1, random(DOOMED_STARTS) do
    -- perhaps both at once: one makes the hub, the other waits for it, and goes on with what that one left
    local victims = random() < 0.5 and { lane.players[1] } or lane.players
    for i, player in ipairs(victims) do
      local doom = i == 1 and random() < 0.6 and { kinds = "owsnl", count = at } or make_doom()
      note(lane.plan, "birth of %s %s", player.user, table.concat({ doom_words(doom) }, " "))
      players.start(player, doom_words(doom))
    end
    for _, player in ipairs(victims) do
      players.wait(function() return player.ended or player.is_ready end)
      players.kill(player)
      lane.bells = lane.bells + 1
      counts.deaths = counts.deaths + 1
    end
    at = random(400)
  end
  open_lane(lane)
  for i = 1, 2 do
    ledger.send(lane.players[i], lane.players[3 - i], "hello from " .. i)
    ledger.send(lane.players[i], nil, "hello all from " .. i)
  end
  ledger.await_reports(lane.plan)
  check.round(lane)
  close_lane(lane)
  counts.births = counts.births + 1
  assert(os.execute("rm -rf '" .. lane.dir .. "'"))
end

-- ---- all of it ----

-- a player that died reads no lines; that is no reason to die of it
uv.new_signal():start("sigpipe", function() end)

io.stdout:setvbuf "line"
print(("crash: %d rounds, seed %d"):format(ROUNDS, SEED))
local began, number, births = players.now(), 0, 0
for i, size in ipairs(LANES) do
  tasks[i] = coroutine.create(function()
    local lane = new_lane(i, size)
    open_lane(lane)
    while number < ROUNDS do
      number = number + 1
      local mine = number
      math.randomseed(SEED, mine)
      if random() < BIRTHS then
        births = births + 1
        birth(mine, births)
      else
        round(lane, make_plan(mine, size))
      end
    end
    check.all(lane)
    close_lane(lane)
  end)
end
players.run_all(tasks)
local seconds = (players.now() - began) / 1000
local names = {}
for name, count in pairs(counts) do
  names[#names + 1] = ("%d %s"):format(count, name)
end
table.sort(names, function(one, other) return one:match "%a+" < other:match "%a+" end)
print(("crash: %s; %d wrong; %.1f s"):format(table.concat(names, ", "), wrong, seconds))
if wrong > 0 then
  print("what was left is in " .. base)
else
  assert(os.execute("rm -rf '" .. base .. "'"))
end
os.exit(wrong == 0) -- whatever the loop still holds
