-- Players of the rounds, seen from outside: their processes, what they have printed, and waiting for it. Those that play
-- together are a lane, which is a coroutine; it yields while it waits.
--
-- A lane is a table with `players`, `group` and, by text, `messages`. A player is a table: `user`, `dir`, `address`, `timeout`
-- and `lane` are for whoever makes it to fill in; `got` counts by its text how often it was told of a message, `heard` has
-- the messages in the order it was told of them, `rows` and `lists` are what rows_of has read, `lives` is how often it has
-- died.

local lfs = require "lfs"
local timmsg = require "timmsg"
local uv = require "luv"

local players = { DEADLINE_MS = 45000, PASSWORD = "sig" }

local LUA <const> = assert(lfs.symlinkattributes("/proc/self/exe", "target"))
local SCRIPT <const> = debug.getinfo(1, "S").source:match "^@(.*)players%.lua$" .. "player.lua"
-- Of one's own store, to look for a round's messages.
local NEWEST <const> = 60

-- Takes what is wrong: the player, "doubled" or "other", the message's text, and a sentence (as for string.format).
---@type fun(player: table, what: string, text: string, format: string, ...: any)
players.complain = function() error "nobody listens" end

-- ---- waiting: each lane is a coroutine, which yields what it waits for ----

function players.now() return uv.hrtime() // 1000000 end

-- Whether the predicate becomes true in time.
function players.wait(predicate, ms)
  local deadline = players.now() + (ms or players.DEADLINE_MS)
  while not predicate() do
    if players.now() > deadline then return false end
    coroutine.yield()
  end
  return true
end

-- Waits for so long.
function players.pause(ms)
  local is_time = false
  players.after(ms, function() is_time = true end)
  players.wait(function() return is_time end)
end

-- Runs the coroutines until all have ended; `between` is called outside of the loop's callbacks.
function players.run_all(tasks, between)
  local tick = uv.new_timer()
  tick:start(2, 2, function() end)
  while #tasks > 0 do
    for i = #tasks, 1, -1 do
      local ok, err = coroutine.resume(tasks[i])
      if not ok then error(debug.traceback(tasks[i], err), 0) end
      if coroutine.status(tasks[i]) == "dead" then table.remove(tasks, i) end
    end
    if between then between() end
    uv.run "once"
  end
  tick:close()
end

function players.after(ms, action)
  local timer = uv.new_timer()
  uv.update_time()
  timer:start(ms, 0, function()
    timer:close()
    action()
  end)
end

-- ---- players ----

-- What is done with a line that a player prints, by its first word: of the player and the rest of the line.
local on_line = {}
players.on_line = on_line

-- Starts a player's process, or starts it again; with a doom (see player.lua), if one is given.
function players.start(player, ...)
  local input, output = uv.new_pipe(), uv.new_pipe()
  local errors = assert(uv.fs_open(player.dir .. ".err", "a", 384))
  local handle, pid
  player.is_ready, player.rows, player.input, player.is_doomed = false, nil, input, ... ~= nil
  handle, pid = uv.spawn(LUA, {
    args = { SCRIPT, player.dir, player.address, player.user, players.PASSWORD, player.timeout, ... },
    stdio = { input, output, errors },
  }, function(code, signal)
    player.ended = ("code %d, signal %d"):format(code, signal)
    handle:close()
    player.is_gone = player.is_gone or player.is_doomed and signal == 9
    assert(player.is_gone or code == 0 and signal == 0, player.user .. " has ended: " .. player.ended)
  end)
  uv.fs_close(errors)
  assert(handle, pid)
  player.handle, player.ended, player.is_read, player.is_gone = handle, nil, false, false
  local rest = ""
  output:read_start(function(_, data)
    if not data then
      player.is_read = true
      return output:close()
    end
    rest = (rest .. data):gsub("(.-)\n", function(line)
      local word, more = line:match "^(%a+) ?(.*)$"
      on_line[word](player, more)
      return ""
    end)
  end)
end

function players.tell(player, ...)
  player.input:write(table.concat({ ... }, " ") .. "\n")
end

-- It has died, or will in a moment: all that it said is read.
function players.bury(player)
  assert(players.wait(function() return player.ended and player.is_read end), "it does not die")
  player.lives, player.died, player.is_ready = player.lives + 1, true, false
  player.input:close()
end

function players.kill(player)
  player.is_gone = true
  if not player.ended then player.handle:kill "sigkill" end
  players.bury(player)
end

-- Whether that is another one of the lane.
local function is_peer(player, user)
  for _, peer in ipairs(player.lane.players) do
    if peer ~= player and peer.user == user then return true end
  end
  return false
end

function on_line.ready(player) player.is_ready = true end
function on_line.listed(player) player.listed = player.listed + 1 end
function on_line.synced(player) player.is_synced = true end
function on_line.created(player, code) player.created = tonumber(code) end

function on_line.got(player, line)
  local conv_type, sender, text = line:match "^(%d+) (%S+) (.*)$"
  if not is_peer(player, sender) then return end
  player.got[text] = (player.got[text] or 0) + 1
  if player.got[text] > 1 then players.complain(player, "doubled", text, "told of it %d times", player.got[text]) end
  player.heard[#player.heard + 1] = { type = tonumber(conv_type), sender = sender, text = text }
end

function on_line.taken(player, text) player.lane.messages[text].is_taken = true end

function on_line.settled(player, text)
  local message = player.lane.messages[text]
  message.code = message.first_code or -1
end

function on_line.sent(player, line)
  local code, text = line:match "^(%d+) (.*)$"
  local message = player.lane.messages[text]
  if message.code then players.complain(player, "other", text, "reported again: %s", code) end
  message.code = tonumber(code)
end

function on_line.row(player, line)
  local conv, status, is_read, sender, rand, text = line:match "^(%d+ %S+) (%d+) (%d) (%S+) (%d+) (.*)$"
  local row = player.rows[text] or { count = 0 }
  row.count, row.status, row.rand = row.count + 1, tonumber(status), rand
  player.rows[text] = row
  local list = player.lists[conv] or {}
  list[#list + 1] = { status = row.status, is_read = is_read == "1", sender = sender, rand = rand, text = text }
  player.lists[conv] = list
end

-- The newest that its store has in all conversations of its lane: by text, how often and in which state. `lists` has them
-- by "TYPE CONV", newest first.
function players.rows_of(player, count)
  player.rows, player.lists, player.listed, player.is_synced = {}, {}, 0, false
  local asked = 1
  for _, peer in ipairs(player.lane.players) do
    if peer ~= player then
      players.tell(player, "list", timmsg.C2C, peer.user, count or NEWEST)
      asked = asked + 1
    end
  end
  players.tell(player, "list", timmsg.GROUP, player.lane.group, count or NEWEST)
  players.tell(player, "sync")
  assert(players.wait(function() return player.listed == asked and player.is_synced or player.ended end), "no list")
  assert(not player.ended, player.ended)
  return player.rows
end

return players
