-- Looking: pages and look-ups: rules 30, 33 to 35 of the model.

local backend = require "model.backend"
local store = require "model.store"
local view = require "model.view"

local C2C <const> = 1
local SENT <const>, REVOKED <const> = 2, 6

local looking = {}

function looking:find(device, number, step)
  local conv = store.known(device.store, step.type, step.to) or store.nowhere(step.type, step.to)
  local list = {}
  for _, of in ipairs(step.list) do
    local row = self:meant(device, conv, of.of)
    if row and not (of.wrong_time and row.stime ~= 0) and (of.revoked == nil or of.revoked == (row.status == REVOKED)) then
      table.insert(list, view.message(device, conv, row))
    end
  end
  self:answer(device, number, 0, { list = list })
end

-- The page of a list of rows that is in order.
local function page_of(rows, place, forward, count)
  local page = {}
  for i = forward and 1 or #rows, forward and #rows or 1, forward and 1 or -1 do
    local row = rows[i]
    local beyond = not place or (forward and store.before(place, row) or not forward and store.before(row, place))
    if beyond and #page < count then table.insert(page, row) end
  end
  return page
end

-- All that there is for the user beyond the store: what the backend has, but for what was deleted here, and for what is
-- still to come by itself.
local function beyond(self, device, conv, topic)
  local rows = {}
  for _, msg in ipairs(topic.msgs) do
    local to = self.hub.log[msg.pos].to[device.user]
    if not (to and msg.pos > device.cursor) and not store.find(conv, msg.id) and not store.is_gone(conv, msg) then
      local row = store.row_of(conv, msg, device.user)
      row.read = row.read or msg.pos <= (topic.reads[device.user] or 0) or not to
      table.insert(rows, row)
    end
  end
  return rows
end

-- Whether a message of the conversation comes to its end in this very step: a page that waited with it may have it in either
-- state.
local function is_unsettled(self, conv)
  for _, row in ipairs(conv.rows) do
    if row.under_way then return true end
  end
  return conv.settled_in == self.steps
end

local function all_is_here(self, device, conv, place, step)
  local topic = backend.topic(self.hub, device.user, conv.type, conv.name)
  if not topic then return true end
  local rows, fetched = store.sorted(conv), {}
  for _, row in ipairs(beyond(self, device, conv, topic)) do
    fetched[row] = true
    table.insert(rows, row)
  end
  table.sort(rows, store.before)
  for _, row in ipairs(page_of(rows, place, step.forward, step.count or 20)) do
    -- of what came while it is offline a device can't know, not even that its user was out of the group for a while
    if fetched[row] and not (device.is_offline and row.pos > device.cursor) then return false end
  end
  return true
end

-- What the backend completes brings along who has read how far.
local function learn_reads(device, conv, topic)
  store.read_up_to(conv, topic.reads[device.user] or 0)
  if conv.type == C2C then conv.peer_read = math.max(conv.peer_read, topic.reads[conv.name] or 0) end
end

function looking:page(device, number, step)
  local conv = step.remble and store.conv(device.store, step.type, step.to) or store.known(device.store, step.type, step.to)
    or store.nowhere(step.type, step.to)
  local _, named = self:meant(device, conv, step.of) -- with what is known now, should it be deleted meanwhile
  local function place()
    if not step.of then return nil end
    local row, known = self:meant(device, conv, step.of)
    return named and (row or known or named) or { status = SENT, stime = 0, seq = 999, sender = "", id = { rand = 999 } }
  end
  local function answer()
    local list = {}
    for i, row in ipairs(page_of(store.sorted(conv), place(), step.forward, step.count or 20)) do
      list[i] = view.message(device, conv, row)
    end
    self:answer(device, number, 0, { list = list })
  end
  if not step.remble then return answer() end
  local fault = device.faults.get_msg_list and device.faults.get_msg_list[1]
  if (device.is_offline or fault) and self.answered[number] then -- the device has all of it, and need not ask
    if all_is_here(self, device, conv, place(), step) then return answer() end
    error { difference = "a page was answered from the store, which has not all of it" }
  end
  -- 35
  self:remote(device, number, "get_msg_list", function()
    local topic, code = backend.topic(self.hub, device.user, conv.type, conv.name)
    return code or 0, topic
  end, function(code, topic)
    if code == 6222 then return self:answer(device, number, code) end
    if code ~= 0 then return answer() end
    local all, fetched = store.sorted(conv), {}
    for _, row in ipairs(beyond(self, device, conv, topic)) do
      fetched[row] = true
      table.insert(all, row)
    end
    table.sort(all, store.before)
    local page, any = page_of(all, place(), step.forward, step.count or 20), false
    for _, row in ipairs(page) do any = any or fetched[row] end
    -- How much more than the page is fetched is not said, nor whether the backend is asked at all where the page has all of
    -- it: compare.lua looks what is there then.
    conv.maybe = { peer_read = topic.reads[conv.name] or 0, learn = function() learn_reads(device, conv, topic) end }
    for row in pairs(fetched) do table.insert(conv.maybe, row) end
    if any then learn_reads(device, conv, topic) end
    local there = {}
    for _, msg in ipairs(topic.msgs) do there[msg.id] = msg end
    for _, row in ipairs(page) do
      if fetched[row] then store.settle(device.store, conv, row) end
      if there[row.id] then store.see(conv, there[row.id].seq) end -- 10: one that was imported is seen now
    end
    self:touch(device, conv)
    if is_unsettled(self, conv) then return self:answer(device, number, 0, { anything = true }) end
    local list = {}
    for i, row in ipairs(page) do
      list[i] = view.message(device, conv, row)
      if store.would_be_peer_read(conv, row) then list[i].message_is_peer_read = view.EITHER end
    end
    self:answer(device, number, 0, { list = list })
  end, true)
end

return looking
