-- Check: what a round of crash.lua must have left in the stores of its lane, on its hub and in its directories.

local deeds = require "deeds"
local disk = require "disk"
local ledger = require "ledger"
local lfs = require "lfs"
local players = require "players"
local scene = require "scene"
local support = require "support"

local C2C <const>, GROUP <const> = 1, 2
local SENT <const>, REVOKED <const> = 2, 6
-- Rows of a conversation that are looked at after a round.
local NEWEST <const> = 300

local check = {}

local on_line = players.on_line

-- Two lists of rows, newest first, as far as both go: what was sent must be in one order.
local function check_order(player, list, peer, other)
  local function sent_of(rows)
    local sent = {}
    for _, row in ipairs(rows or {}) do
      if row.status == SENT or row.status == REVOKED then sent[#sent + 1] = row.sender .. " " .. row.rand end
    end
    return sent
  end
  local mine, theirs = sent_of(list), sent_of(other)
  for i = 1, math.min(#mine, #theirs) do
    if mine[i] ~= theirs[i] then
      return players.complain(player, "other", mine[i], "as number %d from the end; at %s it is %s", i, peer.user, theirs[i])
    end
  end
end

-- One sender's texts are in the order in which they were sent, but for what took its time or was tried again.
local function check_own_order(player, list)
  local last = {}
  for _, row in ipairs(list) do
    local message = player.lane.messages[row.text]
    if message and not message.is_again and not message.file_size and row.status == SENT then
      local later = last[row.sender]
      if later and later < message.number then
        players.complain(player, "other", row.text, "behind what was sent later")
      end
      last[row.sender] = message.number
    end
  end
end

-- Rule 26: what the device had when a report was made that ended well is read; what came after all reports is not.
local function check_read(player, conv, list)
  local lane = player.lane
  local must, since = 0, 0
  for _, read in ipairs(lane.reads or {}) do
    if read.player == player and read.type .. " " .. read.conv == conv then
      if read.code == 0 then must = math.max(must, read.heard) end
      since = math.max(since, read.plan.number * 1000 + (read.told or 999))
    end
  end
  for _, row in ipairs(list) do
    local message = lane.messages[row.text]
    if row.sender == player.user then
      if not row.is_read then players.complain(player, "other", row.text, "one's own, and unread") end
    elseif message and row.status == SENT then
      local heard = player.heard_at[row.text]
      if heard and heard <= must and not row.is_read then players.complain(player, "other", row.text, "it was read, and is not") end
      if message.plan.number * 1000 + message.number_in_plan > since and row.is_read then
        players.complain(player, "other", row.text, "it is read, and nobody read it")
      end
    end
  end
end

function on_line.conv(player, line)
  local conv, unread, rand = line:match "^(%d+ %S+) (%d+) (%d+)$"
  player.convs[conv] = { unread = tonumber(unread), rand = rand }
end

function on_line.told(player) player.is_told = true end

local function check_convs(player)
  player.convs, player.is_told = {}, false
  players.tell(player, "convs")
  assert(players.wait(function() return player.is_told end), "no conversations")
  for conv, list in pairs(player.lists) do
    local entry, unread = player.convs[conv], 0
    for _, row in ipairs(list) do
      if not row.is_read then unread = unread + 1 end
    end
    if not entry then
      players.complain(player, "other", conv, "the conversation is not listed")
    else
      if entry.unread ~= unread then players.complain(player, "other", conv, "%d unread, and %d counted", unread, entry.unread) end
      if entry.rand ~= list[1].rand then players.complain(player, "other", list[1].text, "it is the last, and not shown as that") end
    end
  end
end

-- Revoked is a message everywhere or nowhere.
local function check_revoked(message)
  local states = {}
  for _, player in ipairs(message.sender.lane.players) do
    if deeds.takes_part(message, player) then
      for _, row in ipairs(player.lists[message.type .. " " .. deeds.conv_of(message, player)] or {}) do
        if row.rand == message.rand and row.sender == message.sender.user then
          states[#states + 1] = row.status
          if row.status ~= states[1] or message.revoke.code == 0 and row.status ~= REVOKED then
            players.complain(player, "other", message.text, "in state %d; %d elsewhere; revoking ended with %s", row.status,
              states[1], message.revoke.code)
          end
        end
      end
    end
  end
  if #states ~= 1 + #message.receivers then
    players.complain(message.sender, "lost", message.text, "revoked, and in %d stores", #states)
  end
end

local function check_fetched(fetch)
  local message = fetch.message
  local is_there = lfs.attributes(fetch.path, "mode") == "file"
  if fetch.code == 0 and not is_there then
    players.complain(fetch.player, "lost", message.text, "its file was fetched, and is not there")
  end
  if is_there and support.read_file(fetch.path) ~= scene.content(message.text, message.file_size) then
    players.complain(fetch.player, "other", message.text, "its file has another content")
  end
end

function on_line.total(player, line)
  local count, conv = line:match "^(%d+) (.*)$"
  player.totals[conv] = tonumber(count)
end

local function check_imported(import)
  local player = import.player
  player.totals = {}
  players.tell(player, "total", C2C, import.conv)
  assert(players.wait(function() return player.totals[import.conv] end), "no total")
  local count = player.totals[import.conv]
  if count ~= import.count and (count ~= 0 or import.code == 0) then
    players.complain(player, "lost", import.conv, "%d of %d; importing ended with %s", count, import.count, import.code)
  end
end

-- Bells are removed only some time after their session's death: as many as there are now have all that time behind them.
function check.age_bells(lane)
  local bells = lane.dir .. "/hub/bells/"
  lane.bells = 0
  for name in lfs.dir(bells) do
    if #name == 16 then lfs.touch(bells .. name, os.time() - 3600) end
  end
end

-- What uploads have left that died.
function check.left_uploads(lane)
  local count = 0
  local dir = lane.dir .. "/hub/files/tmp"
  for name in lfs.dir(lfs.attributes(dir) and dir or lane.dir .. "/hub/bells") do
    if #name == 6 then count = count + 1 end
  end
  return count
end

-- What a dead process leaves in the way of files must not stay for ever.
local function check_files(lane)
  local function expect(dir, most, fits)
    local found = {}
    for name in lfs.dir(dir) do
      if name ~= "." and name ~= ".." and (not fits or name:find(fits)) then found[#found + 1] = name end
    end
    if #found > most then
      players.complain(lane.players[1], "other", dir, "%d left over: %s", #found - most, table.concat(found, " "):sub(1, 200))
    end
  end
  local hub = lane.dir .. "/hub"
  expect(hub .. "/bells", #lane.players + lane.bells)
  if check.left_uploads(lane) > 0 then players.complain(lane.players[1], "other", hub, "files/tmp is not empty") end
  expect(hub, 0, "^hub%.db%.%w+$")
  for _, player in ipairs(lane.players) do
    expect(player.dir, 0, "%.db%.%w+$")
  end
  local sessions = disk.query(hub .. "/hub.db", "SELECT count(*) FROM sessions")
  if tonumber(sessions) ~= #lane.players then
    players.complain(lane.players[1], "other", "sessions", "%s of %d", sessions, #lane.players)
  end
end

-- All have recovered, nothing is under way, and two of them have told all others that it is over.
function check.round(lane)
  local plan = lane.plan
  for i, message in ipairs(plan.told) do
    lane.sent = (lane.sent or 0) + 1
    message.number, message.number_in_plan = lane.sent, i
  end
  for _, player in ipairs(lane.players) do
    players.rows_of(player)
  end
  if not players.wait(function() return ledger.has_all(plan) end, 20000) then
    players.complain(lane.players[1], "other", "all", "not everybody has all")
  end
  for _, player in ipairs(lane.players) do
    players.rows_of(player, NEWEST)
    player.heard_at = player.heard_at or {}
    for i = (player.indexed or 0) + 1, #player.heard do
      player.heard_at[player.heard[i].text] = i
    end
    player.indexed = #player.heard
    if not ledger.is_settled(player.rows, plan) then players.complain(player, "other", "all", "something is never settled") end
  end
  for _, message in ipairs(plan.told) do
    ledger.check(message)
    local row = message.sender.rows[message.text]
    message.rand = row and row.rand
  end
  for _, player in ipairs(lane.players) do
    for conv, list in pairs(player.lists) do
      check_own_order(player, list)
      check_read(player, conv, list)
    end
    check_convs(player)
    for _, peer in ipairs(lane.players) do
      if peer ~= player then
        check_order(player, player.lists[C2C .. " " .. peer.user], peer, peer.lists[C2C .. " " .. player.user])
        check_order(player, player.lists[GROUP .. " " .. lane.group], peer, peer.lists[GROUP .. " " .. lane.group])
      end
    end
  end
  for _, message in ipairs(lane.revokes or {}) do
    check_revoked(message)
  end
  for _, fetch in ipairs(lane.fetches or {}) do
    check_fetched(fetch)
  end
  for _, fetch in ipairs(lane.fetches or {}) do
    os.remove(fetch.path)
  end
  for _, import in ipairs(lane.imports or {}) do
    check_imported(import)
  end
  lane.revokes, lane.fetches, lane.imports = {}, {}, {}
  check_files(lane)
end

-- At the end, of all rounds: nothing has come twice since, and nothing has gone.
function check.all(lane)
  for _, player in ipairs(lane.players) do
    players.rows_of(player, 0)
  end
  for text, message in pairs(lane.messages) do
    local is_revoked = message.revoke and not message.sender.rows[text]
    for _, player in ipairs(lane.players) do
      local row = deeds.takes_part(message, player) and player.rows[text]
      if row and row.count > 1 then players.complain(player, "doubled", text, "%d times in the store at the end", row.count) end
      if deeds.takes_part(message, player) and message.code == 0 and not is_revoked and not row then
        players.complain(player, "lost", text, "not in the store at the end")
      end
    end
  end
end

-- Nobody has them open any more.
function check.databases(lane)
  local paths = { lane.dir .. "/hub/hub.db" }
  for _, player in ipairs(lane.players) do
    paths[#paths + 1] = ("%s/%s.db"):format(player.dir, player.user)
    local old = disk.query(paths[#paths], "SELECT name FROM sqlite_schema WHERE name = 'message_sending'")
    if old ~= "" then players.complain(player, "other", paths[#paths], "it was not brought up to date: %s", old) end
  end
  for _, path in ipairs(paths) do
    local said = disk.query(path, "PRAGMA integrity_check")
    if said ~= "ok\n" then players.complain(lane.players[1], "other", path, "%s", said) end
  end
end

return check
