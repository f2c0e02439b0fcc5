-- Listing: conversations and drafts: rule 41 of the model.

local store = require "model.store"
local view = require "model.view"

local listing = {}

function listing:conv_delete(device, number, step)
  local conv = store.known(device.store, step.type, step.to)
  if not conv or not conv.listed then return self:answer(device, number, 6004) end
  store.delete_all(conv)
  conv.draft, conv.listed, conv.active = nil, false, 0
  self:touch(device, conv)
  self:answer(device, number, 0)
end

function listing:conv_create(device, number, step)
  local conv = store.conv(device.store, step.type, step.to)
  if not conv.listed then
    store.stir(device.store, conv, self:now())
    self:touch(device, conv)
  end
  self:answer(device, number, 0, { conv = view.conv(device, conv) })
end

function listing:set_draft(device, number, step)
  local conv = store.conv(device.store, step.type, step.to)
  local time = step.time or self:now()
  conv.draft = { text = step.text, time = time }
  store.stir(device.store, conv, time)
  self:touch(device, conv)
  self:answer(device, number, 0)
end

function listing:cancel_draft(device, number, step)
  local conv = store.known(device.store, step.type, step.to)
  if conv then
    conv.draft = nil
    self:touch(device, conv)
  end
  self:answer(device, number, 0)
end

return listing
