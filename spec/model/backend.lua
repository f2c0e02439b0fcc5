-- Backend: the hub of the model: users, topics (a topic is a conversation as both sides share it), and the log of all
-- that happened. A message here: { id, sender, seq, ctime, stime, priority, elems, revoked, pos, topic }, where pos is
-- its place in the log.

local GROUP <const> = 2
local REVOKE_WINDOW_S <const> = 120

local backend = {}

function backend.new() return { users = {}, topics = {}, groups = {}, ended = {}, gone = {}, log = {} } end

local function log(hub, event)
  table.insert(hub.log, event)
  return #hub.log
end

-- The topic that a user means by a conversation; nil and a code: the user cannot mean it (16).
function backend.topic(hub, user, conv_type, name)
  if conv_type == GROUP then
    local group = hub.groups[name]
    if not group then return nil, 10010 end
    if not group.members[user] then return nil, 10007 end
    return group.topic
  end
  if not hub.users[name] then return nil, 20003 end
  local key = user < name and user .. "|" .. name or name .. "|" .. user
  if not hub.topics[key] then
    hub.topics[key] = { type = conv_type, low = user, high = name, last_time = 0, msgs = {}, by_id = {}, reads = {} }
  end
  return hub.topics[key]
end

-- Who hears what is said in a topic now.
function backend.audience(topic)
  if topic.type ~= GROUP then return { [topic.low] = true, [topic.high] = true } end
  local to = {}
  for user in pairs(topic.group.members) do to[user] = true end
  return to
end

-- What the topic is called for a user.
function backend.name_for(topic, user)
  if topic.type == GROUP then return topic.group.name end
  return topic.low == user and topic.high or topic.low
end

-- The message of an id, nil if the backend has none that the user could mean.
function backend.find(hub, user, conv_type, name, id)
  local topic = conv_type == GROUP and hub.groups[name] and hub.groups[name].topic
  if conv_type ~= GROUP then topic = backend.topic(hub, user, conv_type, name) end
  return topic and topic.by_id[id] or nil
end

-- Appends a message to a topic: rules 10 (a group's seq is its counter) and 12 (time does not go back).
local function append(hub, now, topic, msg, to)
  msg.topic = topic
  msg.stime = math.max(now, topic.last_time)
  if topic.type == GROUP then msg.seq = #topic.msgs + 1 end
  topic.last_time = msg.stime
  table.insert(topic.msgs, msg)
  topic.by_id[msg.id] = msg
  msg.pos = log(hub, { kind = "message", topic = topic, msg = msg, to = to })
  return msg
end

function backend.send(hub, now, user, conv_type, name, row)
  local topic, code = backend.topic(hub, user, conv_type, name)
  if not topic then return code end
  local known = topic.by_id[row.id] -- 14: an attempt that was thought lost
  if known then return 0, known end
  return 0, append(hub, now, topic, {
    id = row.id, sender = user, seq = row.seq or row.id.seq, ctime = row.ctime, priority = row.priority, elems = row.wire or row.elems,
  }, backend.audience(topic))
end

-- What the group itself says.
local function tell(hub, now, group, elem, to)
  return append(hub, now, group.topic, {
    id = {}, sender = "@TIM#SYSTEM", ctime = math.max(now, group.topic.last_time), priority = 1, tip = elem.elem_type == 5,
    elems = { elem },
  }, to)
end

-- Rule 42: the group tells of those who come and go; `also` hear it although they are gone.
function backend.tip(hub, now, group, kind, by, users, also)
  local count = 0
  for _ in pairs(group.members) do count = count + 1 end
  local to = backend.audience(group.topic)
  for _, user in ipairs(also or {}) do to[user] = true end
  return tell(hub, now, group, {
    elem_type = 5, group_tips_elem_tip_type = kind, group_tips_elem_op_user = by, group_tips_elem_group_id = group.name,
    group_tips_elem_group_name = group.title, group_tips_elem_time = now, group_tips_elem_user_array = users,
    group_tips_elem_member_num = count, group_tips_elem_group_change_info_array = {},
    group_tips_elem_member_change_info_array = {},
  }, to)
end

-- Rule 42: the last that a group says.
function backend.tell_of_end(hub, now, group, by)
  return tell(hub, now, group, {
    elem_type = 8, group_report_elem_report_type = 5, group_report_elem_group_id = group.name, group_report_elem_op_user = by,
  }, backend.audience(group.topic))
end

-- Rules 26, 27. `upto`: the place in the log of the newest message that was read, whose time is `time`.
function backend.read(hub, user, conv_type, name, upto, time)
  local topic, code = backend.topic(hub, user, conv_type, name)
  if code == 10007 then topic = hub.groups[name].topic end -- who has left may still read what was said before
  if code == 10010 then topic = hub.gone[name] end -- as may who was in one that was deleted
  if not topic then return code end
  if upto <= (topic.reads[user] or 0) then return 0 end
  topic.reads[user] = upto
  log(hub, {
    kind = "read", topic = topic, by = user, upto = upto, time = time,
    to = conv_type == GROUP and { [user] = true } or backend.audience(topic),
  })
  return 0
end

-- Rules 28, 29, by a device. `wrong`: what is said of the message is not so.
function backend.revoke(hub, now, device, conv_type, name, id, seq, wrong)
  local user = device.user
  local topic, code = backend.topic(hub, user, conv_type, name)
  if not topic then return code end
  local is_group = conv_type == GROUP
  local msg = topic.by_id[id]
  if not msg or msg.seq ~= seq or wrong then return is_group and 10030 or 20022 end
  if msg.revoked then return 20023 end
  local role = is_group and topic.group.members[user].role or 0
  if msg.sender ~= user and role == 0 then return 10007 end
  if now - msg.stime > REVOKE_WINDOW_S then return is_group and 10031 or 20016 end
  msg.revoked, msg.elems, msg.revoke_told = #hub.log + 1, {}, {} -- when: its place in the log
  topic.revoked = topic.revoked or {}
  table.insert(topic.revoked, msg)
  backend.tell_revoked(hub, msg, backend.audience(topic), device)
  return 0
end

function backend.tell_revoked(hub, msg, to, by)
  for user in pairs(to) do msg.revoke_told[user] = true end
  log(hub, { kind = "revoke", topic = msg.topic, msg = msg, by = by, to = to })
end

return backend
