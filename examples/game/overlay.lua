-- Overlay: the chat as it is drawn over the game, and the keys that are for it. Nothing in it sends or receives: it reads
-- the chat's lines and calls its functions.
--
-- Enter opens it, and sends what is typed; Esc closes it. The arrows are the game's: one can run and type.

local host = require "host"
local paint = require "paint"

local WIDTH <const>, HEIGHT <const>, EDGE <const> = 400, 330, 16
local SIZE <const>, ROW <const>, PICTURE <const> = 15, 22, 84
local INPUT <const> = 34
local NOTICE_S <const> = 5
local INK <const>, FAINT <const>, RED <const> = 0xe8eaf0ff, 0x8a90a0ff, 0xff7b7bff
local FACES <const> = { [":)"] = 1, [":("] = 2, [":D"] = 3, [";)"] = 4 }

local Overlay = {}
Overlay.__index = Overlay

-- ---- keys ----

function Overlay:enter()
  local typed = self.typed
  self.typed = ""
  if typed == "" then
    self.open = false
  elseif FACES[typed] then
    self.chat:smile(FACES[typed])
  elseif typed == "/again" then
    self.chat:send_again()
  elseif typed:find "^/pic " then
    self.chat:show(typed:sub(6))
  else
    self.chat:say(typed)
  end
  self.back = 0
end

function Overlay:key(name)
  if name == "Return" and not self.open then
    self.open, self.back = true, 0
  elseif not self.open then
    return
  elseif name == "Return" then
    self:enter()
  elseif name == "Escape" then
    self.open = false
  elseif name == "Backspace" then
    self.typed = self.typed:sub(1, (utf8.offset(self.typed, -1) or 1) - 1)
  elseif name == "Delete" then
    self.chat:take_back()
  elseif name == "PageUp" or name == "PageDown" then
    self:scroll(name == "PageUp" and 5 or -5)
  end
end

function Overlay:text(typed)
  if self.open then self.typed = self.typed .. typed end
end

-- Back into the past by so many rows. At its end the next page is fetched.
function Overlay:scroll(rows)
  if not self.open then return end
  self.back = math.max(0, math.min(self.back + rows * ROW, self.past or 0))
  if rows > 0 and self.back >= (self.past or 0) then self.chat:older() end
end

-- ---- lines ----

-- A text cut into pieces that fit.
local function wrap(text, width)
  local pieces, piece = {}, ""
  for word, space in text:gmatch "(%S+)(%s*)" do
    if piece ~= "" and paint.measure(piece .. word, SIZE) > width then
      table.insert(pieces, piece)
      piece = ""
    end
    piece = piece .. word .. (space ~= "" and " " or "")
  end
  table.insert(pieces, piece)
  return pieces
end

-- What a line takes: measured once, unless it changes.
local function lay_out(line, width)
  local content = line.text or line.face or line.picture
  if line.laid_out == content and line.width == width then return end
  line.laid_out, line.width = content, width
  line.indent = line.faint and 0 or paint.measure(line.who .. "  ", SIZE)
  line.pieces = line.text and wrap(line.text, width - line.indent) or {}
  line.height = line.picture and PICTURE + 8 or math.max(1, #line.pieces) * ROW
end

local function draw_face(face, x, y)
  paint.disc(x, y, 9, 0xffe066ff)
  paint.disc(x - 3, y - 2, 1.6, 0x202020ff)
  if face == 4 then
    paint.line(x + 1, y - 2, x + 5, y - 2, 0x202020ff)
  else
    paint.disc(x + 3, y - 2, 1.6, 0x202020ff)
  end
  if face == 2 then
    paint.ring(x, y + 7, 4.5, 1.6, 0x202020ff, -0.18, 0.18)
  else
    paint.ring(x, y, 5.5, face == 3 and 4 or 1.6, 0x202020ff, 0.3, 0.7)
  end
end

-- The picture in place; until it is there, a ring that fills.
local function draw_picture(picture, x, y)
  if picture.path and not picture.shown and not picture.failure then
    picture.shown, picture.width, picture.height = paint.picture(picture.path)
    if not picture.shown then picture.failure = picture.width end
  end
  if picture.failure then
    paint.text("(no picture: " .. picture.failure .. ")", x, y, RED, SIZE)
  elseif picture.shown then
    local part = math.min(1, PICTURE / picture.height, 200 / picture.width)
    paint.show(picture.shown, x, y, picture.width * part, picture.height * part)
  else
    paint.box(x, y, PICTURE, PICTURE, 0x00000060, 8)
    paint.ring(x + PICTURE / 2, y + PICTURE / 2, 22, 5, 0xffffff30)
    paint.ring(x + PICTURE / 2, y + PICTURE / 2, 22, 5, 0x4cc9f0ff, 0, picture.done)
  end
end

function Overlay:draw_line(line, x, y, colour_of)
  if not line.faint then paint.text(line.who, x, y, colour_of(line.who), SIZE) end
  local at = x + line.indent
  if line.face then draw_face(line.face, at + 10, y + 10) end
  if line.picture then draw_picture(line.picture, at, y) end
  local ink = line.state == "failed" and RED or (line.faint or line.state) and FAINT or INK
  for i, piece in ipairs(line.pieces) do paint.text(piece, at, y + (i - 1) * ROW, ink, SIZE) end
  table.insert(self.shown, { line = line, x = at, y = y })
end

-- ---- the overlay ----

function Overlay:draw_lines(x, top, width, bottom, colour_of)
  local lines, height = self.chat.lines, 0
  for _, line in ipairs(lines) do
    lay_out(line, width)
    height = height + line.height
  end
  self.past = math.max(0, height - (bottom - top))
  self.back = math.min(self.back, self.past)
  paint.clip(x, top, width, bottom - top)
  local y = bottom + self.back
  for at = #lines, 1, -1 do
    local line = lines[at]
    y = y - line.height
    if y < bottom and y + line.height > top then self:draw_line(line, x, y, colour_of) end
    if y < top then break end
  end
  if self.chat.loading then paint.text("…", x + width / 2, top, FAINT, SIZE) end
  paint.clip()
  if self.past > 0 then -- where one is in all of it
    local whole = bottom - top
    local bar = math.max(20, whole * whole / (whole + self.past))
    paint.box(x + width + 4, bottom - bar - (whole - bar) * self.back / self.past, 3, bar, 0xffffff40)
  end
end

function Overlay:draw_panel(height, colour_of)
  local x, y = EDGE, height - EDGE - HEIGHT
  local input = y + HEIGHT - INPUT
  paint.box(x, y, WIDTH, HEIGHT, 0x0d0f14d8, 10)
  paint.box(x + 8, input, WIDTH - 16, INPUT - 8, 0xffffff18, 6)
  self:draw_lines(x + 14, y + 10, WIDTH - 36, input - 6, colour_of)
  local from = 1 -- the end of what is typed is what one wants to see
  while paint.measure(self.typed:sub(from), SIZE) > WIDTH - 44 do from = utf8.offset(self.typed, 2, from) end
  local shown = self.typed:sub(from)
  paint.text(shown, x + 16, input + 4, INK, SIZE)
  paint.box(x + 18 + paint.measure(shown, SIZE), input + 5, 2, INPUT - 18, 0x4cc9f0ff)
end

function Overlay:draw_badge(height)
  local x, y = EDGE, height - EDGE - 36
  paint.box(x, y, 150, 36, 0x0d0f14c0, 10)
  paint.text("Enter: chat", x + 14, y + 9, FAINT, SIZE)
  if self.chat.unread > 0 then
    local text = tostring(self.chat.unread)
    local width = paint.measure(text, 14)
    paint.box(x + 124, y - 10, width + 18, 26, 0xe5484dff, 12)
    paint.text(text, x + 133, y - 6, 0xffffffff, 14)
  end
end

-- What poll cost in the last frames; the line is the budget.
function Overlay:draw_costs(width)
  local costs, x, y = self.chat.costs, width - EDGE - 190, EDGE
  paint.box(x, y, 190, 64, 0x0d0f14c0, 8)
  local worst, last = 0, costs[#costs] or 0
  for at, cost in ipairs(costs) do
    worst = math.max(worst, cost)
    local bar = math.min(30, math.max(1, cost * 30))
    paint.box(x + 5 + at - 1, y + 58 - bar, 1, bar, cost > 1 and RED or 0x9bde7eff)
  end
  paint.line(x + 5, y + 28, x + 185, y + 28, 0xffffff30)
  paint.text(("poll %.2f ms   worst %.2f"):format(last, worst), x + 8, y + 5, FAINT, 13)
end

function Overlay:draw(colour_of)
  local width, height = paint.size()
  self.shown = {}
  if not self.restored and self.chat.draft ~= "" then
    self.typed, self.restored, self.open = self.chat.draft .. self.typed, true, true
  end
  if self.open then
    self.chat:seen()
    self:draw_panel(height, colour_of)
  else
    self:draw_badge(height)
  end
  self:draw_costs(width)
  if self.chat.notice ~= self.notice then
    self.notice, self.noticed_at = self.chat.notice, host.clock()
  elseif self.notice and host.clock() - self.noticed_at > NOTICE_S then
    self.chat.notice = nil
  end
  if self.chat.notice then
    local size = paint.measure(self.chat.notice, SIZE)
    paint.box((width - size) / 2 - 12, EDGE, size + 24, 30, 0x5c1d1dd0, 8)
    paint.text(self.chat.notice, (width - size) / 2, EDGE + 6, INK, SIZE)
  end
end

local function new(chat) return setmetatable({ chat = chat, typed = "", open = false, back = 0, shown = {} }, Overlay) end

return { new = new }
