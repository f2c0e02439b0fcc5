-- Keeping: what a device alone puts into its store, and deletes there: rules 31, 32 and 36 of the model.

local program = require "model.program"
local store = require "model.store"

local SENDING <const>, SENT <const>, FAILED <const>, IMPORTED <const>, REVOKED <const> = 1, 2, 3, 5, 6

local keeping = {}

-- What a kept message is, from what is given of it.
local function kept(self, device, given, default_status)
  local status = given.status or default_status
  if status == SENDING then status = FAILED end
  local sender = given.sender or device.user
  local ctime = given.client_time or given.server_time or self:now()
  local own = sender == device.user
  return {
    id = given.id, sender = sender, seq = given.seq, ctime = ctime,
    stime = given.server_time or (status == FAILED and 0 or ctime), status = status, priority = given.priority or 1,
    elems = status == REVOKED and {} or given.elems, read = own or status == REVOKED or given.is_read ~= false,
    cint = given.cint or 0, cstr = given.cstr or "",
  }
end

-- `step.list`: given messages, each with its id; a step of the same numbers has the same ids.
function keeping:import(device, number, step)
  local conv = store.conv(device.store, step.type, step.to)
  self.made[number] = self.made[number] or {}
  local newest
  for i, given in ipairs(self:given_list(device, number, step)) do
    if i == 1 then self.made[number] = { id = given.id, sender = given.sender or device.user } end
    if not store.find(conv, given.id) then -- what is there stays as it is
      local row = kept(self, device, given, IMPORTED)
      row.known_pos = given.known_pos
      conv.gone[given.id] = nil -- 36
      table.insert(conv.rows, row)
      newest = math.max(newest or 0, store.place_time(row))
    end
  end
  if newest then
    store.stir(device.store, conv, newest)
    self:touch(device, conv)
  end
  self:answer(device, number, 0)
end

-- The messages that an import gives. The same list given again, anywhere, has the ids that were derived for it before.
function keeping:given_list(device, number, step)
  local from = step.again or number
  self.ids = self.ids or {}
  local list = {}
  for i, given in ipairs(step.list) do
    local copy = { }
    for key, value in pairs(given) do copy[key] = value end
    if given.of then
      local row, known = self:meant(device, store.conv(device.store, step.type, step.to), given.of)
      if not known or #known.elems == 0 then
        copy = program.filler
        copy.id = self.filler or { seq = copy.seq, rand = copy.rand }
        self.filler = copy.id
      else
        copy = {
          id = known.id, sender = known.sender, seq = known.seq, client_time = known.ctime,
          server_time = known.stime ~= 0 and known.stime or nil, elems = known.elems, priority = row and row.priority or nil,
          known_pos = known.pos,
        }
      end
      list[i] = copy
      goto continue
    end
    local key = ("%d/%d/%s"):format(from, i, given.sender or device.user)
    self.ids[key] = self.ids[key] or { seq = given.seq, rand = given.rand }
    copy.id = self.ids[key]
    list[i] = copy
    ::continue::
  end
  return list
end

function keeping:save(device, number, step)
  local conv = store.conv(device.store, step.type, step.to)
  local row = self:meant(device, conv, step.of)
  self:touch(device, conv)
  if row then -- it is changed in its state, read flag and the two custom fields
    row.cint, row.cstr = step.given.cint or row.cint, step.given.cstr or row.cstr
    local was_read = row.read
    row.read = row.sender == device.user or row.status == REVOKED or step.given.is_read ~= false
    if row.read and not was_read and row.pos then store.owe(conv, row) end
    return self:answer(device, number, 0)
  end
  local given = { id = { seq = step.given.seq, rand = step.given.rand } }
  for key, value in pairs(step.given) do given[key] = value end
  if not given.seq then -- 10: a made one is as that of a message sent
    given.id.seq = conv.top_seq + 1
    store.see(conv, given.id.seq)
  end
  store.insert(device.store, conv, kept(self, device, given, SENT))
  self.made[number] = { id = given.id, sender = given.sender or device.user }
  self:answer(device, number, 0)
end

function keeping:delete(device, number, step)
  local conv = store.known(device.store, step.type, step.to)
  if conv and not step.of then
    store.delete_all(conv)
    self:touch(device, conv)
  elseif conv then
    local row = self:meant(device, conv, step.of)
    if row then
      store.delete(conv, row)
      self:touch(device, conv)
    end
  end
  self:answer(device, number, 0)
end

return keeping
