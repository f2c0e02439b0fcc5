-- Rounds: whether anything that was reported sent gets lost or comes twice, when connections are cut, clients killed or
-- the server killed at any moment.
--
--   lua5.4 spec/rounds/rounds.lua BACKEND [ROUNDS] [SEED] [FAULTS]        (make rounds SERVER=prosody ROUNDS=1000)
--
-- (with the Makefile's LUA_PATH and LUA_CPATH; BACKEND is prosody or ejabberd; FAULTS is some of "cut,client,server".)
-- In a round one of two users sends the other a few messages, to him and to a group, while something happens:
--   cut      a proxy breaks the connection of one or of both, in any of the ways of proxy.lua; perhaps the next one too
--   client   the sender or the receiver is killed, and started again on its directory
--   server   the server is killed and started again; perhaps one of the clients, too
-- Then all recovers, some of what failed is sent again, and the round's messages are counted: what was reported sent must
-- be there exactly once, all else at most once, in what the receiver was told of and in its store; and the sender's store
-- must say the same. Pairs of users go through their rounds side by side on one server. A round is a function of the
-- seed and its number; only the processes' timing is not.

local lfs = require "lfs"
local uv = require "luv"

package.path = arg[0]:match "^(.*/)" .. "?.lua;" .. package.path

local ledger = require "ledger"
local players = require "players"
local proxy = require "proxy"
local xmpp_server = require "xmpp_server"

local BACKEND <const> = arg[1]
local ROUNDS <const> = math.tointeger(tonumber(arg[2] or 200))
local SEED <const> = math.tointeger(tonumber(arg[3] or os.time()))
local FAULTS <const> = arg[4] or "cut,client,server"

local LANES <const> = 8
-- A round that takes longer than this to recover is told of.
local SLOW_MS <const> = 20000
-- Every fourth pair gives up early, so that some sending fails and nobody knows what became of it.
local SHORT_MS <const>, LONG_MS <const> = 400, 30000
local C2C <const>, GROUP <const> = 1, 2

assert(BACKEND == "prosody" or BACKEND == "ejabberd", "usage: rounds.lua prosody|ejabberd [ROUNDS] [SEED] [FAULTS]")

local counts, wrong = {}, 0
for _, kind in ipairs { "cut", "client", "server" } do
  counts[kind] = { rounds = 0, messages = 0, reported = 0, lost = 0, doubled = 0, other = 0, slowest = 0 }
end

---@diagnostic disable-next-line: duplicate-set-field
players.complain = function(player, what, text, format, ...)
  local message = player.lane.messages[text] or {}
  local plan = message.plan or player.lane.plan
  local kind = plan and plan.kind or "cut"
  counts[kind][what] = counts[kind][what] + 1
  wrong = wrong + 1
  print(("%s %s: seed %d, round %s, pair %d, at %s: \"%s\": %s\n    %s; reported %s; plan: %s"):format(os.date "!%H:%M:%S",
    what:upper(), SEED, plan and plan.number, player.lane.number, player.user, text, format:format(...),
    message.type == GROUP and "group" or "C2C", message.code, plan and plan.text))
end

-- ---- a round ----

local function make_plan(number, kind)
  math.randomseed(SEED, number)
  local random = math.random
  local plan = { number = number, sender = random(2), sending = {}, again = random() < 0.5 }
  local at, longest = 0, random() < 0.3 and 150 or 6 -- some are sent while all recovers
  for i = 1, random(3, 8) do
    plan.sending[i] = { type = random(2), at = at }
    at = at + random(0, longest)
  end
  plan.moment = random(0, at + 15)
  plan.kind = kind or random() < 0.75 and "cut" or "client"
  plan.victim, plan.how, plan.pause = random(3), proxy.WAYS[random(#proxy.WAYS)], random(0, 60)
  plan.trip = random() < 0.4 and random(200, 14000) or nil
  plan.trip_how = proxy.WAYS[random(#proxy.WAYS)]
  plan.too = kind == "server" and random() < 0.3
  if plan.kind == "client" or plan.too then plan.victim = random(2) end
  local types = {}
  for i, one in ipairs(plan.sending) do
    types[i] = ("%s@%d"):format(one.type == C2C and "C" or "G", one.at)
  end
  local victim = ({ "1", "2", "both" })[plan.victim]
  plan.text = ("%d sends %s; at %d ms %s%s%s%s"):format(plan.sender, table.concat(types, " "), plan.moment, plan.kind,
    plan.kind == "cut" and (" %s of %s"):format(plan.how, victim) or plan.kind == "client" and " " .. victim or
    plan.too and " and client " .. victim or "",
    plan.trip and (", then %s after %d bytes"):format(plan.trip_how, plan.trip) or "", plan.again and ", failed again" or "")
  return plan
end

local function send(lane, sender, conv_type, text)
  counts[lane.plan.kind].messages = counts[lane.plan.kind].messages + 1
  ledger.send(sender, conv_type == C2C and sender.other or nil, text)
end

local faults = {}

function faults.cut(lane, plan)
  for i, player in ipairs(lane.players) do
    if plan.victim == i or plan.victim == 3 then
      if plan.trip then player.proxy:trip(plan.trip, plan.trip_how) end
      player.proxy:cut(plan.how)
    end
  end
end

function faults.client(lane, plan)
  local player = lane.players[plan.victim]
  players.kill(player)
  if plan.trip then player.proxy:trip(plan.trip, plan.trip_how) end
  players.pause(plan.pause)
  players.start(player)
end

function faults.server(lane, plan)
  if plan.too then faults.client(lane, plan) end
  players.wait(function() return plan.is_over end)
end

local function round(lane, plan)
  local sender, receiver = lane.players[plan.sender], lane.players[3 - plan.sender]
  local began = players.now()
  lane.plan, plan.told = plan, {}
  sender.died, receiver.died = false, false
  local is_time = false
  for i, one in ipairs(plan.sending) do
    players.after(one.at, function()
      if sender.is_ready and not sender.is_gone then send(lane, sender, one.type, ("round %d message %d"):format(plan.number, i)) end
    end)
  end
  players.after(plan.moment, function() is_time = true end)
  players.wait(function() return is_time end)
  faults[plan.kind](lane, plan)
  players.wait(function() return players.now() > began + plan.sending[#plan.sending].at + 5 end)

  local function both_ready() return sender.is_ready and receiver.is_ready end
  if not players.wait(both_ready) then players.complain(sender, "other", "log-in", "it is not in") end
  ledger.await_reports(plan)
  -- a log-in that could not find out in time leaves it to the next
  if not ledger.is_settled(players.rows_of(sender), plan) then
    if sender.timeout == LONG_MS or not sender.died then players.complain(sender, "other", "all", "something is not settled") end
    local timeout = sender.timeout
    players.kill(sender)
    sender.timeout = LONG_MS -- of this life
    players.start(sender)
    sender.timeout = timeout
    players.wait(function() return sender.is_ready end)
    if not ledger.is_settled(players.rows_of(sender), plan) then players.complain(sender, "other", "all", "nothing settles it") end
  end
  if plan.again then
    ledger.send_again(plan)
    ledger.await_reports(plan)
  end
  -- what comes behind all of it
  for conv_type = C2C, GROUP do
    for attempt = 1, 20 do
      local text = ("round %d last %d.%d"):format(plan.number, conv_type, attempt)
      send(lane, sender, conv_type, text)
      ledger.await_reports(plan)
      if lane.messages[text].code == 0 then break end
    end
  end
  players.rows_of(sender)
  players.wait(function() return ledger.has_all(plan) end)
  players.rows_of(receiver)
  local count = counts[plan.kind]
  for _, message in ipairs(plan.told) do
    if message.code == 0 then count.reported = count.reported + 1 end
    ledger.check(message)
  end
  count.rounds = count.rounds + 1
  local took = players.now() - began
  count.slowest = math.max(count.slowest, took)
  if took > SLOW_MS then
    print(("%s slow: seed %d, round %d, pair %d: %d ms; plan: %s"):format(os.date "!%H:%M:%S", SEED, plan.number, lane.number,
      took, plan.text))
  end
end

-- At the end, of all rounds: nothing has come twice since, and nothing has gone.
local function check_all(lane)
  for _, player in ipairs(lane.players) do
    players.rows_of(player, 0)
  end
  for text, message in pairs(lane.messages) do
    for _, player in ipairs(lane.players) do
      local row = player.rows[text]
      if row and row.count > 1 then players.complain(player, "doubled", text, "%d times in the store at the end", row.count) end
      if message.code == 0 and not row then players.complain(player, "lost", text, "not in the store at the end") end
    end
  end
end

-- ---- all of it ----

-- a player that was killed reads no lines; that is no reason to die of it
uv.new_signal():start("sigpipe", function() end)

local server = xmpp_server.start(BACKEND)
local host = server:new_host()
local dir = os.tmpname()
os.remove(dir)
assert(lfs.mkdir(dir))
print(("%s, %d rounds, seed %d; logs in %s"):format(BACKEND, ROUNDS, SEED, dir))

local lanes = {}
for i = 1, LANES do
  local lane = { number = i, group = "group" .. i, messages = {}, players = {} }
  for k = 1, 2 do
    local user = ("%s%d"):format(k == 1 and "alice" or "bob", i)
    local player = { user = user, dir = dir .. "/" .. user, lane = lane, got = {}, heard = {}, lives = 0,
      proxy = proxy.start(server.c2s_port) }
    player.address = server:address(host):gsub("127%.0%.0%.1:%d+", "127.0.0.1:" .. player.proxy.port)
    player.timeout = LONG_MS
    server:register(user, players.PASSWORD, host)
    lane.players[k] = player
  end
  lane.players[1].other, lane.players[2].other = lane.players[2], lane.players[1]
  lanes[i] = lane
end

-- A coroutine for each pair.
local function each(action)
  local tasks = {}
  for i, lane in ipairs(lanes) do
    tasks[i] = coroutine.create(function() action(lane) end)
  end
  return tasks
end

players.run_all(each(function(lane)
  local alice, bob = table.unpack(lane.players)
  players.start(bob)
  assert(players.wait(function() return bob.is_ready end), "bob is not in")
  players.start(alice)
  assert(players.wait(function() return alice.is_ready end), "alice is not in")
  players.tell(alice, "create", lane.group, bob.user)
  assert(players.wait(function() return alice.created end) and alice.created == 0, alice.created)
  if lane.number % 4 ~= 0 then return end
  for _, player in ipairs(lane.players) do
    players.kill(player)
    player.timeout = SHORT_MS
    players.start(player)
    assert(players.wait(function() return player.is_ready end), "it is not in again")
  end
end))

local began, number = players.now(), 0
local kinds = {}
for kind in FAULTS:gmatch "%a+" do kinds[#kinds + 1] = kind end
local only = #kinds == 1 and kinds[1] or nil
local block = 0
while number < ROUNDS do
  block = block + 1
  local is_server = only == "server" or FAULTS:find "server" and block % 2 == 0
  local first, each_has = number, is_server and 1 or math.min(6, math.max(1, (ROUNDS - number) // LANES))
  number = number + each_has * LANES
  local plans = {}
  for i = first + 1, number do
    plans[i] = make_plan(i, is_server and "server" or only)
  end
  local tasks = each(function(lane)
    for k = 0, each_has - 1 do
      round(lane, plans[first + k * LANES + lane.number])
    end
  end)
  local next_at = players.now() + plans[first + 1].moment
  players.run_all(tasks, is_server and function()
    if not next_at or players.now() < next_at then return end
    if server.pid then
      server:kill()
      next_at = players.now() + 4 * plans[first + 1].pause
      return
    end
    server:launch()
    next_at = nil
    for _, plan in pairs(plans) do
      plan.is_over = true
    end
  end)
end
local seconds = (players.now() - began) / 1000
players.run_all(each(check_all))

for _, lane in ipairs(lanes) do
  for _, player in ipairs(lane.players) do
    player.input:close()
    player.proxy:close()
  end
end
uv.run "nowait"
server:close()
for _, kind in ipairs { "cut", "client", "server" } do
  local count = counts[kind]
  print(("%-7s rounds %5d   messages %6d   reported sent %6d   lost %d   doubled %d   other %d   slowest %.1f s"):format(kind,
    count.rounds, count.messages, count.reported, count.lost, count.doubled, count.other, count.slowest / 1000))
end
print(("%.1f rounds a second; seed %d"):format(number / seconds, SEED))
if wrong > 0 then os.exit(1) end
os.execute("rm -rf '" .. dir .. "'")
