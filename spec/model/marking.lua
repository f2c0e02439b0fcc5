-- Marking: reports of what was read, and revoking: rules 26 to 29 of the model.

local backend = require "model.backend"
local store = require "model.store"

local C2C <const>, GROUP <const> = 1, 2
local REVOKED <const> = 6

local marking = {}

function marking:report(device, number, step)
  local conv = store.known(device.store, step.type, step.to)
  if not conv then return self:answer(device, number, 0) end
  local time = math.huge
  if step.of then
    local row, known = self:meant(device, conv, step.of)
    time = row and row.stime ~= 0 and row.stime or step.form ~= "ids" and known and known.stime or 0
  end
  if store.read_here(conv, time) then self:touch(device, conv) end
  local upto, at = store.newest_unread(conv, time, device.user)
  if not upto or upto <= conv.my_read then return self:answer(device, number, 0) end
  self:remote(device, number, "report_readed", function()
    return backend.read(self.hub, device.user, conv.type, conv.name, upto, at)
  end, function(code)
    -- of a group that was left there is nobody to tell, but it is read here all the same
    local alone = code == 10007 or code == 10010 or code == 20003
    if code == 0 or alone then
      store.read_up_to(conv, upto)
      if conv.type == C2C and conv.name == device.user then conv.peer_read = math.max(conv.peer_read, upto) end
      self:touch(device, conv)
    end
    self:answer(device, number, alone and 0 or code)
  end)
end

function marking:revoke(device, number, step)
  local conv = store.conv(device.store, step.type, step.to)
  local row, known = self:meant(device, conv, step.of)
  local id = known and known.id or {}
  local seq = known and store.seq(known) -- 10: of an attempt it may be another than that of the message
  if row and row.stime ~= 0 and step.wrong_time then -- the device sees that
    return self:answer(device, number, conv.type == GROUP and 10030 or 20022)
  end
  local wrong = step.wrong_time and known and not row
  if conv.type == GROUP and step.form == "locator" and not row and known and known.sender ~= device.user then wrong = true end
  self:remote(device, number, "revoke", function()
    return backend.revoke(self.hub, self:now(), device, conv.type, conv.name, id, seq, wrong)
  end, function(code)
    local here = store.find(conv, id)
    if code == 0 and here and here.status ~= REVOKED then
      store.revoke(here)
      self:touch(device, conv)
    end
    self:answer(device, number, code)
  end)
end

return marking
