-- Arena: the game, and what the host calls. Players run about and fetch the star; whoever touches it first gets a point and
-- says where the next one is. What they do travels as text of a word and numbers, through `chat:tell_all`, and is stored
-- nowhere. Chatting is in chat.lua, how it looks in overlay.lua.

local chat = require "chat"
local host = require "host"
local overlay = require "overlay"
local paint = require "paint"

local SPEED <const> = 220      -- pixels a second
local TELL_EVERY <const> = 0.1 -- seconds
local GONE_AFTER <const> = 3   -- seconds of silence
local RADIUS <const> = 16
local MARGIN <const> = 40
local COLOURS <const> = { 0x4cc9f0ff, 0xf9a03fff, 0x9bde7eff, 0xf472b6ff, 0xc4a1ffff, 0xffe066ff }

local Arena = {}
Arena.__index = Arena

-- A player's colour follows from the name, the same in every window.
local function colour_of(name)
  local sum = 0
  for at = 1, #name do sum = sum * 31 + name:byte(at) end
  return COLOURS[sum % #COLOURS + 1]
end

-- Places are in thousandths of the arena: windows differ in size.
local function to_pixels(x, y)
  local width, height = paint.size()
  return MARGIN + x * (width - 2 * MARGIN) / 1000, MARGIN + y * (height - 2 * MARGIN) / 1000
end

-- Where star number n is: everybody knows that from the number.
local function star_place(n) return (n * 379 + 217) % 1000, (n * 611 + 400) % 1000 end

-- ---- what others tell ----

function Arena:hear(who, data)
  local word, a, b, c = data:match "^(%a+) (%-?%d+) (%-?%d+) (%-?%d+)$"
  local player = self.others[who]
  if not player then
    player = { x = tonumber(a) or 500, y = tonumber(b) or 500, score = 0 }
    self.others[who] = player
  end
  player.heard = host.clock()
  if word == "at" then
    player.to_x, player.to_y, player.score = tonumber(a), tonumber(b), tonumber(c)
  elseif word == "star" then
    self.star = math.max(self.star, tonumber(a))
  end
end

function Arena:tell()
  self.chat:tell_all(("at %d %d %d"):format(self.x // 1, self.y // 1, self.score))
end

-- ---- a frame ----

function Arena:move(seconds)
  local width, height = paint.size()
  local step = SPEED * seconds * 1000
  local right = (host.held "Right" and 1 or 0) - (host.held "Left" and 1 or 0)
  local down = (host.held "Down" and 1 or 0) - (host.held "Up" and 1 or 0)
  self.x = math.max(0, math.min(1000, self.x + right * step / (width - 2 * MARGIN)))
  self.y = math.max(0, math.min(1000, self.y + down * step / (height - 2 * MARGIN)))
  for who, player in pairs(self.others) do
    if host.clock() - player.heard > GONE_AFTER then self.others[who] = nil end
    local part = math.min(1, seconds * 12) -- glide to where they said they are
    player.x = player.x + ((player.to_x or player.x) - player.x) * part
    player.y = player.y + ((player.to_y or player.y) - player.y) * part
  end
  local x, y = to_pixels(self.x, self.y)
  local star_x, star_y = to_pixels(star_place(self.star))
  if (x - star_x) ^ 2 + (y - star_y) ^ 2 < (2 * RADIUS) ^ 2 then
    self.star, self.score = self.star + 1, self.score + 1
    self.chat:tell_all(("star %d 0 0"):format(self.star))
  end
  self.since_told = self.since_told + seconds
  if self.since_told >= TELL_EVERY then
    self.since_told = 0
    self:tell()
  end
end

local function draw_player(name, player)
  local x, y = to_pixels(player.x, player.y)
  local label = player.score > 0 and ("%s  %d"):format(name, player.score) or name
  local width = paint.measure(label, 14)
  paint.disc(x + 3, y + 5, RADIUS, 0x00000050)
  paint.disc(x, y, RADIUS, colour_of(name))
  paint.disc(x - 5, y - 3, 3, 0x16181dff)
  paint.disc(x + 5, y - 3, 3, 0x16181dff)
  paint.text(label, x - width / 2, y - RADIUS - 22, 0xe8eaf0ff, 14)
end

function Arena:draw()
  local width, height = paint.size()
  paint.box(0, 0, width, height, 0x1b1e26ff)
  for x = MARGIN, width - MARGIN, 40 do paint.line(x, MARGIN, x, height - MARGIN, 0x262a35ff) end
  for y = MARGIN, height - MARGIN, 40 do paint.line(MARGIN, y, width - MARGIN, y, 0x262a35ff) end
  local x, y = to_pixels(star_place(self.star))
  local pulse = 3 * math.sin(host.clock() * 4)
  paint.disc(x, y, 16 + pulse, 0xffe06630)
  paint.disc(x, y, 8, 0xffe066ff)
  local names = {}
  for name in pairs(self.others) do table.insert(names, name) end
  table.sort(names)
  for _, name in ipairs(names) do draw_player(name, self.others[name]) end
  draw_player(self.chat.user, self)
end

function Arena:frame(seconds)
  self.chat:frame()
  self:move(math.min(seconds, 0.1))
  self:draw()
  self.overlay:draw(colour_of)
end

-- ---- what the host passes on ----

function Arena:close()
  self.chat:close(self.overlay.typed)
  return ("%f %f %d %d"):format(self.x, self.y, self.score, self.star)
end

-- The game, as the host wants it. `legacy` is what close() of the scripts before returned.
return function(options, legacy)
  options.group = options.group or "arena"
  options.data = options.data or ("game-data/" .. options.user)
  options.password = options.password or ""
  local self = setmetatable({ x = 500, y = 500, score = 0, star = 1, others = {}, since_told = 0 }, Arena)
  if legacy then
    local x, y, score, star = legacy:match "^(%S+) (%S+) (%S+) (%S+)$"
    self.x, self.y, self.score, self.star = tonumber(x), tonumber(y), tonumber(score), tonumber(star)
  end
  self.chat = chat.new(options, function(who, data) self:hear(who, data) end)
  self.overlay = overlay.new(self.chat)
  local panel = self.overlay
  return {
    arena = self,
    frame = function(seconds) self:frame(seconds) end,
    key = function(name) panel:key(name) end,
    text = function(typed) panel:text(typed) end,
    wheel = function(steps) panel:scroll(steps) end,
    drop = function(path) self.chat:show(path) end,
    close = function() return self:close() end,
  }
end
