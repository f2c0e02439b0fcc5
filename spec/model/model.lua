-- Model: what users see, as spec/behaviour.md says it, in plain tables: a second statement of its rules, against which
-- run.lua holds the library. Nothing here is fast, stored or told to anybody; numbers in comments are rules.
--
-- What the rules leave open is not guessed: a message's rand is nil in its `id` until the library has shown it.
-- This file has devices, and what they hear; backend.lua is the hub, store.lua a device's conversations, view.lua the
-- tables that a host sees; the calls are in files of their own (at the end).

local backend = require "model.backend"
local store = require "model.store"
local view = require "model.view"

local C2C <const> = 1
local SENDING <const>, FAILED <const>, REVOKED <const> = 1, 3, 6
local TIMEOUT_MS <const> = 30000

local Model = {}
Model.__index = Model

-- `start`: the Unix time at which the clock stands.
function Model.new(start)
  return setmetatable({
    ms = start * 1000,
    skew = 0, -- what the clock was set by, in seconds
    hub = backend.new(),
    devices = {}, -- by name; each has its user, its store, and what it is about to be told
    names = {}, -- of the devices, in the order in which they came
    files = {}, -- of elements
    steps = 0,
    later = {}, -- answers that are under way
    made = {}, -- step number -> what it made: { id =, sender =, ... }, to be named by later steps
  }, Model)
end

function Model:now() return self.ms // 1000 + self.skew end

-- "ann.2" is a device of ann's.
function Model:device(name)
  local device = self.devices[name]
  if not device then
    device = { name = name, user = name:match "^[^.]+", store = store.new(name:match "^[^.]+"), faults = {}, waiting = {} }
    self.devices[name] = device
    table.insert(self.names, name)
  end
  return device
end

-- ---- what is told ----

local function nothing() return { messages = {}, revoked = {}, receipts = {}, tips = {}, network = {}, answers = {} } end

-- Begins a step: what every device is told from now on until the next.
function Model:begin()
  self.told, self.touched = {}, {}
  self.steps = self.steps + 1
  for _, name in ipairs(self.names) do self.told[name] = nothing() end
end

function Model:tell(device, kind, what)
  self.told[device.name] = self.told[device.name] or nothing()
  table.insert(self.told[device.name][kind], what)
end

function Model:answer(device, number, code, result)
  self:tell(device, "answers", { number = number, code = code, result = result })
end

-- Rule 41: only what was touched may be told of.
function Model:touch(device, conv)
  self.touched[device.name] = self.touched[device.name] or {}
  self.touched[device.name][conv] = true
end

-- ---- what comes from the backend ----

-- Rules 22 to 25, 29: a message that comes as an event.
function Model:on_message(device, conv, msg)
  local row = store.find(conv, msg.id)
  store.see(conv, msg.seq)
  if row then
    if row.status == SENDING or row.status == FAILED then -- 14, 15: an attempt that was thought lost
      store.accept(row, msg)
      store.stir(device.store, conv, msg.stime)
    end
    row.pos = row.pos or (row.stime == msg.stime and msg.pos or nil) -- an imported one, that has come at last
    if msg.revoked and row.status ~= REVOKED then
      store.revoke(row)
      self:tell_revoked(device, conv, row, self.hub.log[msg.revoked].by)
    end
    self:touch(device, conv)
    return
  end
  if conv.gone[msg.id] then return end -- 36
  row = store.row_of(conv, msg, device.user)
  store.insert(device.store, conv, row)
  self:touch(device, conv)
  if msg.revoked then
    self:tell_revoked(device, conv, row, self.hub.log[msg.revoked].by)
  else
    self:tell(device, "messages", view.message(device, conv, row))
    if msg.tip then self:tell(device, "tips", msg.elems[1]) end
  end
end

-- Whether the device that did it is told of it as well nobody says.
function Model:tell_revoked(device, conv, row, by)
  local locator = view.locator(device, conv, row)
  locator[view.PERHAPS] = by == device
  self:tell(device, "revoked", locator)
end

-- Rules 29, 36: a message was revoked.
function Model:on_revoke(device, conv, msg, by)
  local row = store.find(conv, msg.id)
  if row and row.status == REVOKED then return end
  if row then
    store.revoke(row)
  else
    if store.is_gone(conv, msg) then return end
    store.see(conv, msg.seq) -- 10
    row = store.row_of(conv, msg, device.user)
    store.insert(device.store, conv, row)
  end
  self:touch(device, conv)
  self:tell_revoked(device, conv, row, by)
end

-- Rules 26, 27: somebody has read up to a message.
function Model:on_read(device, conv, event)
  local own = event.by == device.user
  if own then store.read_up_to(conv, event.upto) end
  if conv.type == C2C and (not own or conv.name == device.user) and event.upto > conv.peer_read then
    conv.peer_read = event.upto
    if not own and device.wants_receipts then
      self:tell(device, "receipts", {
        msg_receipt_conv_id = event.by, msg_receipt_conv_type = C2C, msg_receipt_time_stamp = event.time,
      })
    end
  end
  self:touch(device, conv)
end

-- Rule 23: everybody who is there hears what it has not heard, in the order in which it happened.
function Model:deliver()
  for _, name in ipairs(self.names) do
    local device = self.devices[name]
    if device.is_in and not device.is_offline then
      for pos = device.cursor + 1, #self.hub.log do
        local event = self.hub.log[pos]
        if event.to[device.user] then
          local conv = store.conv(device.store, event.topic.type, backend.name_for(event.topic, device.user))
          if event.kind == "message" then
            self:on_message(device, conv, event.msg)
          elseif event.kind == "revoke" then
            self:on_revoke(device, conv, event.msg, event.by)
          elseif event.kind == "read" then
            self:on_read(device, conv, event)
          end
        end
      end
      device.cursor = #self.hub.log
    end
  end
  local later = self.later
  self.later = {}
  for _, done in ipairs(later) do done() end
  for _, device in pairs(self.devices) do device.store.moment, device.store.last_moment = nil, device.store.moment end
end

-- ---- what goes to the backend ----

-- Asks the backend: `ask()` does it there and returns a code and something; `done(code, it)` is told of it on the device.
-- Faults that were ordered for the call come in between, or having no way to it. `only_looks`: it changes nothing there, and
-- is answered as it is after all changes that waited with it.
function Model:remote(device, number, call, ask, done, only_looks)
  local fault = table.remove(device.faults[call] or {}, 1)
  if fault and fault.kind == "fail" then return done(fault.code) end
  if device.is_offline or fault and fault.kind == "slow" then
    table.insert(device.waiting, {
      number = number, ask = ask, done = done, only_looks = only_looks, due = self.ms + (fault and fault.ms or 0),
      till = self.ms + TIMEOUT_MS,
    })
    return
  end
  local code, it = ask()
  if fault then return done(9508) end -- it is done there, and nobody heard of it
  done(code, it)
end

-- What waits on the device goes on when its time is there and there is a way, or ends when it has waited too long (6). Its
-- answers come when what was missed has come: neither could be known to come first, but pages then have all of it.
function Model:go_on(device)
  local waiting = device.waiting
  device.waiting = {}
  if #waiting > 0 then device.store.moment = device.store.stirs end
  local ready = {}
  for _, one in ipairs(waiting) do
    local stays = device.is_offline or one.due > self.ms
    if stays and one.till > self.ms then
      table.insert(device.waiting, one)
    else
      one.answer = stays and table.pack(6012) or nil
      table.insert(ready, one)
      table.insert(self.later, function() one.done(table.unpack(one.answer, 1, one.answer.n)) end)
    end
  end
  for _, looks in ipairs { false, true } do
    for _, one in ipairs(ready) do
      if not one.answer and (one.only_looks or false) == looks then one.answer = table.pack(one.ask()) end
    end
  end
end

-- Moves the clock on; what waits for a time on the way happens at its time.
function Model:advance(ms)
  local to = self.ms + ms
  repeat
    local next_ms = to
    for _, device in pairs(self.devices) do
      for _, one in ipairs(device.waiting) do
        local at = device.is_offline and one.till or math.min(one.due, one.till)
        next_ms = math.min(next_ms, math.max(at, self.ms))
      end
    end
    self.ms = next_ms
    for _, name in ipairs(self.names) do
      if #self.devices[name].waiting > 0 then self:go_on(self.devices[name]) end
    end
    self:deliver()
  until self.ms == to
end

-- ---- lives ----

function Model:login(device, number)
  device.is_open = true
  if device.is_in then return self:answer(device, number, 0) end -- 8
  local fault = table.remove(device.faults.login or {}, 1)
  if fault and fault.kind == "fail" then return self:answer(device, number, fault.code) end
  if device.is_offline then return self:answer(device, number, 9508) end
  self.hub.users[device.user] = true -- 16
  if not device.cursor then -- 24
    device.cursor = 0
    for _, other in pairs(self.devices) do
      if other.user == device.user and (other.cursor or 0) > device.cursor then device.cursor = other.cursor end
    end
  end
  for _, conv in ipairs(device.store.convs) do -- 15
    for _, row in ipairs(conv.rows) do
      if row.status == SENDING then
        local msg = backend.find(self.hub, device.user, conv.type, conv.name, row.id)
        if msg then
          store.accept(row, msg)
          store.see(conv, msg.seq)
          store.stir(device.store, conv, msg.stime)
        else
          row.status = FAILED
        end
        self:touch(device, conv)
      end
    end
  end
  device.is_in = true
  self:tell(device, "network", { 0, 0 })
  self:answer(device, number, 0)
end

-- Rule 2: what is under way is cancelled.
local function leave(self, device)
  local waiting = device.waiting
  device.waiting = {}
  for _, one in ipairs(waiting) do one.done(6222) end
  if device.is_in then self:tell(device, "network", { 1, 0 }) end
  device.is_in = false
end

function Model:logout(device, number)
  if not device.is_in then return self:answer(device, number, -2) end
  leave(self, device)
  self:answer(device, number, 0)
end

function Model:close(device)
  leave(self, device)
  self.told[device.name].network = {} -- nobody is told of one's own closing
  device.is_open, device.is_offline, device.wants_receipts, device.faults = false, false, false, {}
end

function Model:offline(device, is_offline)
  if device.is_in and (device.is_offline or false) ~= is_offline then
    self:tell(device, "network", is_offline and { 1, 9508 } or { 0, 0 })
  end
  device.is_offline = is_offline
  self:go_on(device)
end

-- ---- which message is meant ----

-- The message that a step of a program made, as the device knows it: its row, or what the backend has; nil: none.
function Model:meant(device, conv, of)
  local made = of and self.made[of]
  if not made or not made.id then return nil end
  local row = store.find(conv, made.id)
  return row, row or backend.find(self.hub, device.user, conv.type, conv.name, made.id)
end

-- ---- the calls ----

for _, part in ipairs { "sending", "marking", "keeping", "listing", "looking", "grouping", "filing" } do
  for name, method in pairs(require("model." .. part)) do Model[name] = method end
end

return Model
