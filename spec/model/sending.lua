-- Sending: rules 10, 13 to 20 and 40 of the model.

local backend = require "model.backend"
local program = require "model.program"
local store = require "model.store"
local view = require "model.view"

local C2C <const> = 1
local SENDING <const>, SENT <const>, FAILED <const> = 1, 2, 3

local MAX_ELEMS <const> = 12 * 1024

local sending = {}

-- One message of a device to a conversation. `given`: number (of the step), text, priority, client_time, cint, cstr,
-- online, and `again`: the row of an attempt that failed. `finish(code, row)`: it has come to its end.
function sending:send_one(device, number, call, conv_type, name, given, finish)
  local conv = store.conv(device.store, conv_type, name)
  local row = given.again
  local online = given.online
  if row then
    row.status = SENDING -- 15: the row is used again
  else
    row = {
      id = {}, sender = device.user, seq = conv.top_seq + 1, ctime = given.client_time or self:now(),
      stime = 0, status = SENDING, priority = given.priority or 1, elems = program.elems(given), wire = given.wire, read = true,
      cint = given.cint or 0, cstr = given.cstr or "", online = online,
    }
    if not online then -- 18: stored nowhere
      store.see(conv, row.seq)
      store.insert(device.store, conv, row, self:now())
    end
  end
  if not online then self:touch(device, conv) end
  local told = {} -- the message as its call tells of it, whatever becomes of the row
  for key, value in pairs(row) do told[key] = value end
  row.under_way = true
  local function done(code, msg)
    row.under_way, conv.settled_in = false, self.steps
    local is_here = not online and not row.deleted
    local is_heard = is_here and row.pos -- in another way
    if is_here then self:touch(device, conv) end
    if code == 0 then
      told.status, told.stime, told.seq = SENT, msg.stime, msg.seq
      if is_here and row.status == SENDING then store.accept(row, msg) end
      if is_here then store.stir(device.store, conv, msg.stime) end
      if not online then store.see(conv, msg.seq) end
      if is_heard then told = row end -- as it is by then, revoked perhaps
    elseif is_heard then
      return finish(0, row)
    elseif code ~= 6222 then
      row.status, told.status = FAILED, FAILED
      if is_here then told.cint, told.cstr = row.cint, row.cstr end -- 32: perhaps saved meanwhile
    end
    finish(code, told)
  end
  local text = row.elems[1] and row.elems[1].text_elem_content or ""
  if #text > MAX_ELEMS then return row, done(8001) end -- 16
  self:remote(device, number, call, function()
    if online then return self:send_online(device, conv_type, name, row) end
    return backend.send(self.hub, self:now(), device.user, conv_type, name, row)
  end, done)
  return row
end

-- Rule 18: to those who are there at that moment.
function sending:send_online(device, conv_type, name, row)
  local topic, code = backend.topic(self.hub, device.user, conv_type, name)
  if not topic then return code end
  local msg = {
    id = row.id, sender = row.sender, seq = row.seq, ctime = row.ctime, stime = math.max(self:now(), topic.last_time),
    priority = row.priority, elems = row.elems,
  }
  for _, other_name in ipairs(self.names) do
    local other = self.devices[other_name]
    if other ~= device and other.is_in and not other.is_offline and backend.audience(topic)[other.user] then
      local conv = { type = topic.type, name = backend.name_for(topic, other.user), peer_read = 0 }
      local come = {
        id = msg.id, sender = msg.sender, seq = msg.seq, ctime = msg.ctime, stime = msg.stime, priority = msg.priority,
        elems = msg.elems, read = other.user == msg.sender, status = SENT, cint = 0, cstr = "", online = true,
      }
      self:tell(other, "messages", view.message(other, conv, come))
    end
  end
  return 0, msg
end

function sending:send(device, number, step)
  local given = step.given
  self.made[number] = { conv_type = step.type, name = step.to }
  local row
  if step.of then -- 15
    local conv = store.conv(device.store, step.type, step.to)
    local found = self.made[step.of] and store.find(conv, self.made[step.of].id)
    if step.stale and found and found.sender == device.user and found.pos and found.status == SENT then
      return self:answer(device, number, 0, view.message(device, conv, found))
    end
    if found and found.sender == device.user and found.status == FAILED then
      given = { again = found }
    end
  end
  row = self:send_one(device, number, "send_new_msg", step.type, step.to, given, function(code, at)
    local conv = store.conv(device.store, step.type, step.to)
    self:answer(device, number, code, view.message(device, conv, at))
  end)
  self.made[number].id, self.made[number].sender = row.id, device.user
end

-- Rule 40.
function sending:batch(device, number, step)
  local results, by_user, left = {}, {}, 0
  local order = {}
  for _, user in ipairs(step.users) do
    if not by_user[user] then
      by_user[user] = {}
      left = left + 1
      table.insert(order, user)
    end
  end
  local function finish()
    local any, cancelled = false, false
    for i, user in ipairs(step.users) do
      local one = by_user[user]
      any, cancelled = any or one.code == 0, cancelled or one.code == 6222
      results[i] = { identifier = user, code = one.code, msg = one.msg }
    end
    if cancelled then return self:answer(device, number, 6222) end -- 2
    self:answer(device, number, any and 0 or 6003, any and results or nil)
  end
  device.store.moment = device.store.stirs -- one call: there is no order among its conversations
  for _, user in ipairs(order) do
    local row = self:send_one(device, number, "batch_send", C2C, user, step.given, function(code, at)
      by_user[user].code = code
      by_user[user].msg = view.message(device, store.conv(device.store, C2C, user), at)
      left = left - 1
      if left == 0 then finish() end
    end)
    self.made[number] = self.made[number] or { id = row.id, sender = device.user }
  end
end

return sending
