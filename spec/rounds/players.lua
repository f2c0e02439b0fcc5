-- Players of the rounds, seen from outside: their processes, what they have printed, and waiting for it. A pair of them
-- is a coroutine, which yields while it waits.
--
-- A player is a table: `user`, `dir`, `address`, `timeout`, `lane` and `other` are for whoever makes it to fill in; `got`
-- counts by its text how often it was told of a message, `rows` is what rows_of has read, `lives` how often it was killed.

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

-- ---- waiting: each pair is a coroutine, which yields what it waits for ----

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

local on_line = {}

-- Starts a player's process, or starts it again.
function players.start(player)
  local input, output = uv.new_pipe(), uv.new_pipe()
  local errors = assert(uv.fs_open(player.dir .. ".err", "a", 384))
  local handle, pid
  player.is_ready, player.rows, player.input = false, nil, input
  handle, pid = uv.spawn(LUA, {
    args = { SCRIPT, player.dir, player.address, player.user, players.PASSWORD, player.timeout }, stdio = { input, output, errors },
  }, function(code, signal)
    player.ended = ("code %d, signal %d"):format(code, signal)
    handle:close()
    assert(player.is_gone or code == 0, player.user .. " has ended: " .. player.ended)
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

function players.kill(player)
  player.lives, player.died, player.is_gone = player.lives + 1, true, true
  player.handle:kill "sigkill"
  assert(players.wait(function() return player.ended and player.is_read end), "it cannot be killed")
  player.input:close()
end

function on_line.ready(player) player.is_ready = true end
function on_line.listed(player) player.listed = player.listed + 1 end
function on_line.synced(player) player.is_synced = true end
function on_line.created(player, code) player.created = tonumber(code) end

function on_line.got(player, line)
  local sender, text = line:match "^%d+ (%S+) (.*)$"
  if sender ~= player.other.user then return end
  player.got[text] = (player.got[text] or 0) + 1
  if player.got[text] > 1 then players.complain(player, "doubled", text, "told of it %d times", player.got[text]) end
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
  local status, text = line:match "^%d+ (%d+) (.*)$"
  local row = player.rows[text] or { count = 0 }
  row.count, row.status = row.count + 1, tonumber(status)
  player.rows[text] = row
end

-- The newest that its store has in both conversations: by text, how often and in which state.
function players.rows_of(player, count)
  player.rows, player.listed, player.is_synced = {}, 0, false
  players.tell(player, "list", timmsg.C2C, player.other.user, count or NEWEST)
  players.tell(player, "list", timmsg.GROUP, player.lane.group, count or NEWEST)
  players.tell(player, "sync")
  assert(players.wait(function() return player.listed == 2 and player.is_synced or player.ended end), "no list")
  assert(not player.ended, player.ended)
  return player.rows
end

return players
