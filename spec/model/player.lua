-- Player: takes a program's steps on the library, on a hub of timmsg.testing, and says what its devices show.

local testing = require "timmsg.testing"
local timmsg = require "timmsg"

local player = {}
player.__index = player

local SYSTEM <const> = "@TIM#SYSTEM"
local ALL <const> = 1000

function player.new(time)
  return setmetatable({ hub = testing.new { time = time }, clients = {}, texts = {} }, player)
end

function player:close() self.hub:close() end
player.__close = player.close

local function conv_args(conv)
  local kind, id = conv:match "^(.):(.*)$"
  return id, kind == "g" and timmsg.GROUP or timmsg.C2C
end

-- ---- messages by their texts ----

local function identity(msg) return msg.message_sender .. ":" .. msg.message_rand end

-- The text that the message has or had; "tips" for what the backend itself says.
function player:text_of(msg)
  if msg.message_sender == SYSTEM then return "tips" end
  local elem = msg.message_elem_array[1]
  if elem then self.texts[identity(msg)] = elem.text_elem_content end
  return self.texts[identity(msg)] or "a message that nobody has sent"
end

function player:text_of_locator(locator)
  for name, text in pairs(self.texts) do
    if name:match ":(.*)$" == tostring(locator.message_locator_rand) then return text end
  end
  return "tips"
end

function player:list(client, conv, forward)
  local id, conv_type = conv_args(conv)
  local code, desc, list = self.hub:ask(client, "get_msg_list", id, conv_type, {
    msg_getmsglist_param_count = ALL, msg_getmsglist_param_is_forward = forward,
  })
  if code ~= 0 then error("get_msg_list: " .. desc) end
  return list
end

function player:message(client, conv, text)
  for _, msg in ipairs(self:list(client, conv)) do
    if self:text_of(msg) == text then return msg end
  end
  error(conv .. " has no " .. text)
end

-- ---- steps: each returns the code of its call ----

local steps = {}

function steps.login(self, step)
  local client = self.hub:login(step.user, step.device)
  local of = { client = client, revoked = {}, messages = {} }
  self.clients[step.user .. "." .. step.device] = of
  -- the hub has recorded what came with the log-in
  for _, msg in ipairs(self.hub:received(client)) do table.insert(of.messages, self:text_of(msg)) end
  client:on("recv_new_msg", function(list)
    for _, msg in ipairs(list) do table.insert(of.messages, self:text_of(msg)) end
  end)
  client:on("msg_revoke", function(list)
    for _, locator in ipairs(list) do table.insert(of.revoked, self:text_of_locator(locator)) end
  end)
  return 0
end

function steps.close(self, step)
  local name = step.user .. "." .. step.device
  self.clients[name].client:close()
  self.clients[name] = nil
  return 0
end

function steps.wait(self, step)
  self.hub:advance(step.seconds * 1000)
  return 0
end

local function on_conv(call, argument)
  return function(self, step, client)
    local id, conv_type = conv_args(step.conv)
    return (self.hub:ask(client, call, id, conv_type, argument(self, step, client)))
  end
end

function steps.send(self, step, client)
  local id, conv_type = conv_args(step.conv)
  local code, _, msg = self.hub:ask(client, "send_new_msg", id, conv_type, timmsg.text(step.text))
  if msg then self:text_of(msg) end
  return code
end

function steps.burst(self, step, client)
  local sum = 0
  for i = 1, step.count do
    local id, conv_type = conv_args(i % 3 == 0 and step.other or step.conv)
    assert(client:send_new_msg(id, conv_type, timmsg.text(step.text .. "." .. i), function(code, _, msg)
      sum = sum + code
      if msg then self:text_of(msg) end
    end))
  end
  self.hub:flush()
  return sum
end

steps.again = on_conv("send_new_msg", function(self, step, client) return self:message(client, step.conv, step.text) end)
steps.revoke = on_conv("revoke", function(self, step, client) return self:message(client, step.conv, step.text) end)
steps.read = on_conv("report_readed", function(self, step, client)
  return step.text and self:message(client, step.conv, step.text) or {}
end)
steps.delete = on_conv("delete", function(self, step, client)
  return { msg_delete_param_msg = step.text and self:message(client, step.conv, step.text) or nil }
end)
steps.pull = on_conv("get_msg_list", function()
  return { msg_getmsglist_param_count = ALL, msg_getmsglist_param_is_remble = true }
end)
steps.import = on_conv("import_msg_list", function(self, step)
  local msg = timmsg.text(step.text)
  msg.message_sender, msg.message_seq, msg.message_rand = step.sender, step.seq, step.rand
  msg.message_client_time = self.hub:now() - step.ago
  msg.message_server_time, msg.message_is_read = msg.message_client_time, not step.unread
  self.texts[step.sender .. ":" .. step.rand] = step.text
  return { msg }
end)

function steps.conv_delete(self, step, client)
  return (self.hub:ask(client, "conv_delete", conv_args(step.conv)))
end

function steps.join(self, step, client) return (self.hub:ask(client, "group_join", step.group)) end

function steps.quit(self, step, client) return (self.hub:ask(client, "group_quit", step.group)) end

function steps.batch(self, step, client)
  local code, _, list = self.hub:ask(client, "batch_send", {
    msg_batch_send_param_identifier_array = step.to, msg_batch_send_param_msg = timmsg.text(step.text),
  })
  for _, one in ipairs(list or {}) do self:text_of(one.msg_batch_send_result_msg) end
  return code
end

steps.online = on_conv("send_new_msg", function(_, step)
  local msg = timmsg.text(step.text)
  msg.message_is_online_msg = true
  return msg
end)

function steps.create(self, step, client)
  local members = {}
  for i, name in ipairs(step.members) do members[i] = { group_member_info_identifier = name } end
  return (self.hub:ask(client, "group_create", {
    create_group_param_group_id = step.group, create_group_param_group_name = step.group,
    create_group_param_group_member_array = timmsg.array(members),
  }))
end

function player:take(step)
  local of = step.device and self.clients[step.user .. "." .. step.device]
  for _, each in pairs(self.clients) do
    each.messages, each.revoked = {}, {}
  end
  local code = steps[step.op](self, step, of and of.client)
  self.hub:flush()
  return code
end

-- ---- what a device shows ----

-- What it was told in this step: texts.
function player:told(user, device)
  local of = self.clients[user .. "." .. device]
  return of.messages, of.revoked
end

-- Its conversations: name → { unread, last (a text or nil), messages }.
function player:convs(user, device)
  local client = self.clients[user .. "." .. device].client
  local code, desc, list = self.hub:ask(client, "conv_get_conv_list")
  if code ~= 0 then error("conv_get_conv_list: " .. desc) end
  local convs = {}
  for _, info in ipairs(list) do
    local name = (info.conv_type == timmsg.GROUP and "g:" or "c:") .. info.conv_id
    convs[name] = { unread = info.conv_unread_num, last = info.conv_is_has_lastmsg and self:text_of(info.conv_last_msg) or nil }
  end
  return convs
end

function player:messages(user, device, conv, forward)
  return self:list(self.clients[user .. "." .. device].client, conv, forward)
end

return player
