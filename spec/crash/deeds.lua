-- Deeds of the players on hubs besides sending (ledger.lua has that): fetching, revoking, reading, importing; when they were
-- begun, and how they ended. A lane has them in `fetches`, `reads`, `imports`, and as `revokes` the messages, whose `revoke`
-- is the deed; `open` has those that have not ended. A deed: `kind`, `player`, `life` (the player's), `code` (once it is reported).

local players = require "players"

local C2C <const>, GROUP <const> = 1, 2

local deeds = {}

local on_line = players.on_line

function deeds.takes_part(message, player)
  if message.sender == player then return true end
  for _, receiver in ipairs(message.receivers) do
    if receiver == player then return true end
  end
  return false
end

-- What a player calls the conversation of a message.
function deeds.conv_of(message, player)
  return message.type == C2C and message.sender ~= player and message.sender.user or message.conv
end

-- Begins a deed of a player, by what the answer will name.
local function begin(player, kind, key, deed)
  local lane = player.lane
  deed.kind, deed.player, deed.life = kind, player, player.lives
  lane.open = lane.open or {}
  lane.open[kind .. " " .. player.user .. " " .. key] = deed
  return deed
end

local function on_end(kind)
  return function(player, line)
    local code, key = line:match "^(%-?%d+) (.*)$"
    local name = kind .. " " .. player.user .. " " .. key
    local deed = player.lane.open[name]
    player.lane.open[name] = nil
    deed.code, deed.told = tonumber(code), #player.lane.plan.told
    local may_fail = deed.message and deed.message.revoke and kind == "fetch"
    if code ~= "0" and not may_fail then players.complain(player, "other", key, "%s ended with %s", kind, code) end
  end
end

on_line.fetched, on_line.revoked, on_line.readed, on_line.imported = on_end "fetch", on_end "revoke", on_end "read", on_end "import"

function deeds.fetch(player, message)
  local lane = player.lane
  local open = lane.open and lane.open["fetch " .. player.user .. " " .. message.text]
  if open and open.life == player.lives then return end
  lane.fetches = lane.fetches or {}
  local path = ("%s/%s"):format(player.dir, message.text:gsub(" ", "-"))
  local fetch = begin(player, "fetch", message.text, { message = message, path = path })
  table.insert(lane.fetches, fetch)
  players.tell(player, "fetch", message.type, deeds.conv_of(message, player), path, message.text)
end

function deeds.revoke(message)
  local player = message.sender
  message.revoke = begin(player, "revoke", message.text, { message = message })
  player.lane.revokes = player.lane.revokes or {}
  table.insert(player.lane.revokes, message)
  players.tell(player, "revoke", message.type, message.conv, message.text)
end

function deeds.read(player, peer)
  local lane = player.lane
  lane.reads = lane.reads or {}
  local conv_type, conv = peer and C2C or GROUP, peer and peer.user or lane.group
  local read = begin(player, "read", "r" .. #lane.reads + 1, { type = conv_type, conv = conv, heard = #player.heard,
    plan = lane.plan })
  table.insert(lane.reads, read)
  players.tell(player, "read", conv_type, conv, "r" .. #lane.reads)
end

function deeds.import(player, conv, count)
  local lane = player.lane
  lane.imports = lane.imports or {}
  table.insert(lane.imports, begin(player, "import", conv, { conv = conv, count = count }))
  players.tell(player, "import", C2C, conv, count)
end

-- Everybody reads all.
function deeds.read_all(lane)
  for _, player in ipairs(lane.players) do
    deeds.read(player, nil)
    for _, peer in ipairs(lane.players) do
      if peer ~= player then deeds.read(player, peer) end
    end
  end
  deeds.await(lane)
end

-- Waits until all that was begun by those who still live has ended.
function deeds.await(lane)
  local late
  players.wait(function()
    late = nil
    for _, deed in pairs(lane.open or {}) do
      if deed.life == deed.player.lives then late = deed end
    end
    return not late
  end)
  if late then players.complain(late.player, "other", late.kind, "it never ends") end
  lane.open = {}
end

return deeds
