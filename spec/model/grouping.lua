-- Grouping: groups: rule 42 of the model. A group: name, title, kind, add_option, max, members (user -> { role, joined,
-- card }), topic.

local backend = require "model.backend"

local GROUP <const> = 2
local PUBLIC <const>, PRIVATE <const> = 0, 1
local ANY <const> = 2
local NORMAL <const>, OWNER <const> = 0, 2
local FAILED <const>, DONE <const>, INCLUDED <const> = 0, 1, 2
local CAME <const>, QUIT <const>, REMOVED <const> = 1, 2, 3

local grouping = {}

-- Asks the backend with `ask(hub, now, group, member)`: a code and a result. The group must be there, and unless anybody
-- may ask, the user in it.
local function ask_group(self, device, number, call, name, anybody, ask)
  self:remote(device, number, call, function()
    local group = self.hub.groups[name]
    if not group then return 10010 end
    local member = group.members[device.user]
    if not anybody and not member then return 10007 end
    return ask(self.hub, self:now(), group, member)
  end, function(code, result)
    self:answer(device, number, code, code == 0 and result or nil)
  end)
end

local function is_full(group)
  local count = 0
  for _ in pairs(group.members) do count = count + 1 end
  return group.max and count >= group.max
end

-- Who comes back hears what was revoked meanwhile, in the order of that.
local function tell_missed_revokes(hub, topic, user)
  local since = topic.left[user]
  for _, msg in ipairs(topic.revoked or {}) do
    if since and msg.revoked > since and not msg.revoke_told[user] then
      backend.tell_revoked(hub, msg, { [user] = true })
    end
  end
end

local function leave(hub, group, user)
  group.members[user] = nil
  group.topic.left[user] = #hub.log
end

function grouping:group_create(device, number, step)
  self:remote(device, number, "group_create", function()
    local hub, now = self.hub, self:now()
    if hub.groups[step.to] then return 10021 end
    local group = {
      name = step.to, title = "The group " .. step.to, kind = step.kind or PUBLIC, add_option = step.add_option or ANY,
      max = step.max, members = { [device.user] = { role = OWNER, joined = now, card = "" } },
    }
    local ended = hub.ended[step.to]
    group.topic = { type = GROUP, group = group, last_time = ended and ended + 1 or 0, msgs = {}, by_id = {}, reads = {}, left = {} }
    local others = {}
    for _, one in ipairs(step.members) do
      if not hub.users[one.user] then return 20003 end
      if not group.members[one.user] then
        if one.role == OWNER then return 10004 end
        if is_full(group) then return 10014 end
        group.members[one.user] = { role = one.role or NORMAL, joined = now, card = "" }
        table.insert(others, one.user)
      end
    end
    hub.groups[step.to] = group
    if #others > 0 then backend.tip(hub, now, group, CAME, device.user, others) end
    return 0, { is = { create_group_result_groupid = step.to } }
  end, function(code, result)
    self:answer(device, number, code, code == 0 and result or nil)
  end)
end

function grouping:group_delete(device, number, step)
  ask_group(self, device, number, "group_delete", step.to, false, function(hub, now, group, member)
    if member.role ~= OWNER then return 10007 end
    hub.ended[group.name] = backend.tell_of_end(hub, now, group, device.user).stime -- 12
    hub.groups[group.name], hub.gone[group.name] = nil, group.topic
    return 0
  end)
end

function grouping:group_join(device, number, step)
  ask_group(self, device, number, "group_join", step.to, true, function(hub, now, group, member)
    if member then return 10013 end
    if group.kind == PRIVATE or group.add_option ~= ANY then return 10007 end
    if is_full(group) then return 10014 end
    group.members[device.user] = { role = NORMAL, joined = now, card = "" }
    backend.tip(hub, now, group, CAME, device.user, { device.user })
    tell_missed_revokes(hub, group.topic, device.user)
    return 0
  end)
end

function grouping:group_quit(device, number, step)
  ask_group(self, device, number, "group_quit", step.to, false, function(hub, now, group, member)
    if member.role == OWNER then return 10009 end
    leave(hub, group, device.user)
    backend.tip(hub, now, group, QUIT, device.user, { device.user })
    return 0
  end)
end

local function results(users, key, result_of)
  local list = {}
  for i, user in ipairs(users) do
    list[i] = { [key .. "_result_identifier"] = user, [key .. "_result_result"] = result_of(user) }
  end
  return { is = list }
end

function grouping:group_invite(device, number, step)
  ask_group(self, device, number, "group_invite_member", step.to, false, function(hub, now, group)
    local came = {}
    local list = results(step.users, "group_invite_member", function(user)
      if not hub.users[user] then return FAILED end
      if group.members[user] then return INCLUDED end
      if is_full(group) then return FAILED end
      group.members[user] = { role = NORMAL, joined = now, card = "" }
      table.insert(came, user)
      return DONE
    end)
    if #came > 0 then backend.tip(hub, now, group, CAME, device.user, came) end
    for _, user in ipairs(came) do tell_missed_revokes(hub, group.topic, user) end
    return 0, list
  end)
end

function grouping:group_remove(device, number, step)
  ask_group(self, device, number, "group_delete_member", step.to, false, function(hub, now, group, member)
    if member.role == NORMAL then return 10007 end
    local gone = {}
    local list = results(step.users, "group_delete_member", function(user)
      local other = group.members[user]
      if not other or other.role >= member.role then return FAILED end
      leave(hub, group, user)
      table.insert(gone, user)
      return DONE
    end)
    if #gone > 0 then backend.tip(hub, now, group, REMOVED, device.user, gone, gone) end
    return 0, list
  end)
end

-- A role or a name card.
function grouping:group_modify(device, number, step)
  ask_group(self, device, number, "group_modify_member_info", step.to, false, function(_, _, group, member)
    local other = group.members[step.user]
    if not other then return 10004 end
    if step.role then
      if member.role ~= OWNER then return 10007 end
      if other.role == OWNER or step.role == OWNER then return 10004 end
      other.role = step.role
    else
      if step.user ~= device.user and member.role <= other.role then return 10007 end
      other.card = step.card
    end
    return 0
  end)
end

-- ---- looking; what it finds is in any order ----

function grouping:group_list(device, number)
  self:remote(device, number, "group_get_joined_group_list", function()
    local list = {}
    for name, group in pairs(self.hub.groups) do
      if group.members[device.user] then
        table.insert(list, {
          group_base_info_group_id = name, group_base_info_group_name = group.title, group_base_info_group_type = group.kind,
          group_base_info_face_url = "", group_base_info_lastest_seq = #group.topic.msgs,
        })
      end
    end
    return 0, { any_order = list, key = "group_base_info_group_id" }
  end, function(code, result)
    self:answer(device, number, code, code == 0 and result or nil)
  end)
end

function grouping:group_members(device, number, step)
  ask_group(self, device, number, "group_get_member_info_list", step.to, false, function(_, _, group)
    local list = {}
    for user, member in pairs(group.members) do
      table.insert(list, {
        group_member_info_identifier = user, group_member_info_join_time = member.joined,
        group_member_info_member_role = member.role, group_member_info_msg_flag = 0, group_member_info_msg_seq = 0,
        group_member_info_shutup_time = 0, group_member_info_name_card = member.card, group_member_info_custom_info = {},
      })
    end
    return 0, { any_order = list, key = "group_member_info_identifier", inside = "group_get_memeber_info_list_result_info_array" }
  end)
end

return grouping
