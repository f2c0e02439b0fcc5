-- Model: what users on devices would see of a hub, by the rules of spec/behaviour.md and nothing else: one plain
-- statement of them, to hold the library against (compare.lua). Numbers in brackets are rules.
--
-- A text stands for its message: no two have the same. Conversations are named as a device names them: "c:bob", "g:crew".
--
--   entry   what the backend has: { text, sender, conv = topic, time, seq, pos, revoked }
--   row     what a device has: { text, sender, status, read, time, seq, entry }; entry is nil for what the backend has not
--   event   in the order in which a user's devices hear of it: { kind, entry } or { kind = "read", topic, reader, pos }

local model = {}
model.__index = model

local SENT <const>, FAILED <const>, IMPORTED <const>, REVOKED <const> = 2, 3, 5, 6
local NO_USER <const>, NO_GROUP <const>, DENIED <const> = 20003, 10010, 10007
local CODES <const> = {
  c = { not_found = 20022, too_late = 20016, already = 20023 },
  g = { not_found = 10030, too_late = 10031, already = 20023 },
}
local WINDOW_S <const> = 120 -- [28]
local SYSTEM <const> = "@TIM#SYSTEM"

function model.new(time)
  return setmetatable({ time = time, users = {}, groups = {}, topics = {}, positions = 0 }, model)
end

-- ---- who and where ----

local function kind_and_id(conv) return conv:match "^(.):(.*)$" end

-- The name of a topic: the same for all who are in it.
local function topic_of(user, conv)
  local kind, id = kind_and_id(conv)
  if kind == "g" then return conv end
  return user < id and user .. "|" .. id or id .. "|" .. user
end

function model:topic(name)
  self.topics[name] = self.topics[name] or { entries = {}, last_time = 0, last_seq = 0, marks = {} }
  return self.topics[name]
end

-- Those who hear what is said there now.
function model:listeners(user, conv)
  local kind, id = kind_and_id(conv)
  if kind == "c" then return user == id and { user } or { user, id } end
  local list = {}
  for name in pairs(self.groups[id].members) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- What the user's devices call the conversation in which `sender` speaks.
local function conv_at(user, sender_user, conv)
  local kind, id = kind_and_id(conv)
  if kind == "g" then return conv end
  return "c:" .. (user == sender_user and id or sender_user)
end

function model:device(user, name)
  local of = self.users[user]
  return of and of.devices[name]
end

function model:online(user, name)
  local device = self:device(user, name)
  return device and device.online and device
end

local function conv_of(device, conv)
  device.convs[conv] = device.convs[conv]
    or { rows = {}, buried = {}, top_seq = 0, my_read = 0, peer_read = 0, listed = false, cleared = -1 }
  return device.convs[conv]
end

-- ---- rows ----

local function add_row(device, conv, row)
  local of = conv_of(device, conv)
  of.rows[row.text] = row
  of.listed = true
  if row.status ~= IMPORTED then of.top_seq = math.max(of.top_seq, row.seq) end -- [10]
  return row
end

-- The rows in the order of [12]. Those that only differ in rand have no order here: compare.lua knows.
function model.ordered(of)
  local list = {}
  for _, row in pairs(of.rows) do list[#list + 1] = row end
  table.sort(list, function(a, b)
    if a.time ~= b.time then return a.time < b.time end
    if a.seq ~= b.seq then return a.seq < b.seq end
    if a.sender ~= b.sender then return a.sender < b.sender end
    return a.text < b.text
  end)
  return list
end

-- The n-th row, counted round and round; nil if there is none.
function model.pick(of, n)
  local list = of and model.ordered(of) or {}
  return #list > 0 and list[n % #list + 1] or nil
end

function model.unread(of)
  local count = 0
  for _, row in pairs(of.rows) do
    if not row.read then count = count + 1 end
  end
  return count
end

-- ---- events ----

local function is_gone(of, entry) return of.buried[entry.text] or entry.time < of.cleared end

local function hear_message(device, conv, event)
  local entry, of = event.entry, conv_of(device, conv)
  if of.rows[entry.text] or is_gone(of, entry) then return end
  local mine = entry.sender == device.user
  add_row(device, conv, {
    text = entry.text, sender = entry.sender, status = entry.revoked and REVOKED or SENT, entry = entry, time = entry.time,
    seq = entry.seq, read = mine or entry.revoked or entry.pos <= of.my_read, -- [25], [29]
  })
  table.insert(entry.revoked and device.told.revoked or device.told.messages, entry.text)
end

local function hear_revoke(device, conv, event) -- [29]
  local entry, of = event.entry, conv_of(device, conv)
  local row = of.rows[entry.text]
  if row and row.status == REVOKED or not row and is_gone(of, entry) then return end
  if row then
    row.status, row.read = REVOKED, true
  else
    add_row(device, conv, { text = entry.text, sender = entry.sender, status = REVOKED, entry = entry, time = entry.time,
      seq = entry.seq, read = true })
  end
  table.insert(device.told.revoked, entry.text)
end

local function hear_read(device, conv, event) -- [26], [27]
  local of = conv_of(device, conv)
  if event.reader == device.user then
    of.my_read = math.max(of.my_read, event.pos)
    for _, row in pairs(of.rows) do
      if row.entry and row.entry.pos <= of.my_read then row.read = true end
    end
  end
  if kind_and_id(conv) == "c" and (event.reader ~= device.user or conv == "c:" .. device.user) then
    of.peer_read = math.max(of.peer_read, event.pos)
  end
end

local HEAR <const> = { message = hear_message, revoke = hear_revoke, read = hear_read }

-- [23], [24]: a device that is there hears all that its user was sent, once.
local function catch_up(user, device)
  while device.cursor < #user.inbox do
    device.cursor = device.cursor + 1
    local event = user.inbox[device.cursor]
    HEAR[event.kind](device, conv_at(device.user, event.from, event.conv), event)
  end
end

function model:settle()
  for _, user in pairs(self.users) do
    for _, device in pairs(user.devices) do
      if device.online then catch_up(user, device) end
    end
  end
end

-- `from` and `conv`: who does it, and what it calls the conversation.
function model:tell(listeners, event)
  for _, name in ipairs(listeners) do
    table.insert(self.users[name].inbox, event)
  end
end

function model:append(user, conv, sender, text, seq)
  local topic = self:topic(topic_of(user, conv))
  self.positions = self.positions + 1
  topic.last_time = math.max(self.time, topic.last_time) -- [12]
  if kind_and_id(conv) == "g" then -- [10]
    topic.last_seq = topic.last_seq + 1
    seq = topic.last_seq
  end
  local entry = { text = text, sender = sender, time = topic.last_time, seq = seq, pos = self.positions, to = {} }
  table.insert(topic.entries, entry)
  local listeners = self:listeners(user, conv)
  for _, name in ipairs(listeners) do entry.to[name] = true end
  self:tell(listeners, { kind = "message", entry = entry, from = user, conv = conv })
  return entry
end

-- To those who are there now and may not have heard of it yet.
function model:tell_revoked(listeners, entry, user, conv)
  for _, name in ipairs(listeners) do
    entry.revoke_told[name] = true
  end
  self:tell(listeners, { kind = "revoke", entry = entry, from = user, conv = conv })
end

-- ---- operations: each returns the code that its call completes with ----

local ops = {}
model.ops = ops

function ops.login(self, step)
  local user = self.users[step.user]
  if not user then
    user = { inbox = {}, devices = {} }
    self.users[step.user] = user
  end
  local device = user.devices[step.device]
  if not device then
    local fetched = 0 -- [24]
    for _, other in pairs(user.devices) do fetched = math.max(fetched, other.cursor) end
    device = { user = step.user, convs = {}, cursor = fetched }
    user.devices[step.device] = device
  end
  device.online = true
  device.told = { messages = {}, revoked = {} }
  return 0
end

function ops.close(self, step)
  self:device(step.user, step.device).online = false
  return 0
end

-- Why a message does not go out; nil: it does. [16]
function model:refusal(user, conv)
  local kind, id = kind_and_id(conv)
  if kind == "c" then return not self.users[id] and NO_USER or nil end
  local group = self.groups[id]
  if not group then return NO_GROUP end
  return not group.members[user] and DENIED or nil
end

local function send(self, device, conv, text, row)
  local of = conv_of(device, conv)
  if not row then
    row = add_row(device, conv, { text = text, sender = device.user, time = self.time, seq = of.top_seq + 1, read = true })
  end
  local refusal = self:refusal(device.user, conv)
  if refusal then
    row.status = FAILED
    return refusal
  end
  local entry = self:append(device.user, conv, device.user, text, row.seq)
  row.status, row.entry, row.time, row.seq = SENT, entry, entry.time, entry.seq
  of.top_seq = math.max(of.top_seq, entry.seq)
  return 0
end

function ops.send(self, step)
  return send(self, self:device(step.user, step.device), step.conv, step.text)
end

-- Several at once, here and there in turn. The codes, added up.
function ops.burst(self, step)
  local sum = 0
  for i = 1, step.count do
    local conv = i % 3 == 0 and step.other or step.conv
    sum = sum + send(self, self:device(step.user, step.device), conv, step.text .. "." .. i)
  end
  return sum
end

-- [15]: a failed one once more
function ops.again(self, step)
  local device = self:device(step.user, step.device)
  return send(self, device, step.conv, step.text, conv_of(device, step.conv).rows[step.text])
end

-- [26]: what this device has counts, up to the second of the message that is named
function ops.read(self, step)
  local device = self:device(step.user, step.device)
  local of = conv_of(device, step.conv)
  local named = step.text and of.rows[step.text]
  local until_ = not named and math.huge or named.status == FAILED and 0 or named.time -- its server_time
  local pos = 0
  for _, row in pairs(of.rows) do
    if row.time <= until_ then
      -- what is read already, as what was revoked is [29], need not be reported; [20]: with oneself one reads what one says
      if row.entry and (not row.read or step.conv == "c:" .. device.user) then pos = math.max(pos, row.entry.pos) end
      if not row.entry then row.read = true end -- nobody else has it
    end
  end
  -- here at once; the others hear of it if it says anything new
  hear_read(device, step.conv, { reader = step.user, pos = pos })
  local topic = self:topic(topic_of(step.user, step.conv))
  if pos > (topic.marks[step.user] or 0) then
    topic.marks[step.user] = pos
    local kind = kind_and_id(step.conv)
    -- what was read in a group is nobody else's business [27]
    local listeners = kind == "g" and { step.user } or self:listeners(step.user, step.conv)
    self:tell(listeners, { kind = "read", reader = step.user, pos = pos, from = step.user, conv = step.conv })
  end
  return 0
end

-- [28]
function ops.revoke(self, step)
  local device = self:device(step.user, step.device)
  local kind, id = kind_and_id(step.conv)
  local codes = CODES[kind]
  local row = conv_of(device, step.conv).rows[step.text]
  local refusal = self:refusal(step.user, step.conv)
  if refusal then return refusal end
  local entry = row.entry
  if not entry then return codes.not_found end
  if entry.revoked then return codes.already end
  if entry.sender ~= step.user and not (kind == "g" and self.groups[id].owner == step.user) then return DENIED end
  if self.time - entry.time > WINDOW_S then return codes.too_late end
  entry.revoked, entry.revoke_told = true, {}
  self:tell_revoked(self:listeners(step.user, step.conv), entry, step.user, step.conv)
  return 0
end

-- [36]
function ops.delete(self, step)
  local of = conv_of(self:device(step.user, step.device), step.conv)
  if step.text then
    of.buried[step.text] = true
    of.rows[step.text] = nil
    return 0
  end
  for text, row in pairs(of.rows) do
    of.buried[text] = true
    if row.entry then of.cleared = math.max(of.cleared, row.time) end
  end
  of.rows = {}
  return 0
end

-- [41]
function ops.conv_delete(self, step)
  local of = conv_of(self:device(step.user, step.device), step.conv)
  if not of.listed then return 6004 end
  ops.delete(self, { user = step.user, device = step.device, conv = step.conv })
  of.listed = false
  return 0
end

-- [31]: one message, here alone
function ops.import(self, step)
  local device = self:device(step.user, step.device)
  local of = conv_of(device, step.conv)
  local time = self.time - step.ago
  of.buried[step.text] = nil
  add_row(device, step.conv, {
    text = step.text, sender = step.sender, status = IMPORTED, time = time, seq = step.seq,
    read = not step.unread or step.sender == step.user, -- [25]
  })
  return 0
end

-- [35]: all that the backend has and that was not deleted here
function ops.pull(self, step)
  local device = self:device(step.user, step.device)
  local of = conv_of(device, step.conv)
  if self:refusal(step.user, step.conv) then return 0 end
  local topic = self:topic(topic_of(step.user, step.conv))
  of.my_read = math.max(of.my_read, topic.marks[step.user] or 0)
  local kind, id = kind_and_id(step.conv)
  if kind == "c" then of.peer_read = math.max(of.peer_read, topic.marks[id] or 0) end
  for _, entry in ipairs(topic.entries) do
    if not of.rows[entry.text] and not is_gone(of, entry) then
      local listed = of.listed
      add_row(device, step.conv, {
        text = entry.text, sender = entry.sender, status = entry.revoked and REVOKED or SENT, entry = entry, time = entry.time,
        seq = entry.seq,
        read = entry.sender == device.user or entry.revoked or entry.pos <= of.my_read or not entry.to[device.user], -- [25]
      })
      of.listed = listed or true
    end
  end
  for _, row in pairs(of.rows) do
    if row.entry and row.entry.pos <= of.my_read then row.read = true end
  end
  return 0
end

-- [42]
function ops.create(self, step)
  if self.groups[step.group] then return 10021 end
  local group = { owner = step.user, members = { [step.user] = true } }
  self.groups[step.group] = group
  for _, name in ipairs(step.members) do
    if not self.users[name] then
      self.groups[step.group] = nil
      return NO_USER
    end
    group.members[name] = true
  end
  local others = {}
  for _, name in ipairs(step.members) do
    if name ~= step.user then others[#others + 1] = name end
  end
  if #others > 0 then self:append(step.user, "g:" .. step.group, SYSTEM, step.text) end
  return 0
end

-- Comes in: hears the tips of that, and of what was revoked while away.
function model:come_in(by, name, group, text)
  local conv = "g:" .. group
  self.groups[group].members[name] = true
  self:append(by, conv, SYSTEM, text)
  for _, entry in ipairs(self:topic(conv).entries) do
    if entry.revoked and entry.to[name] and not entry.revoke_told[name] then self:tell_revoked({ name }, entry, by, conv) end
  end
end

function ops.join(self, step)
  local group = self.groups[step.group]
  if not group then return NO_GROUP end
  if group.members[step.user] then return 10013 end
  self:come_in(step.user, step.user, step.group, step.text)
  return 0
end

function ops.quit(self, step)
  local group = self.groups[step.group]
  if not group then return NO_GROUP end
  if not group.members[step.user] then return DENIED end
  if group.owner == step.user then return 10009 end
  group.members[step.user] = nil
  self:append(group.owner, "g:" .. step.group, SYSTEM, step.text)
  return 0
end

-- [40]: one message for each, named once or twice
function ops.batch(self, step)
  local any, done = false, {}
  for _, id in ipairs(step.to) do
    if not done[id] then any = send(self, self:device(step.user, step.device), "c:" .. id, step.text) == 0 or any end
    done[id] = true
  end
  return any and 0 or 6003
end

-- [18]: told of, by those who are there, and nothing else
function ops.online(self, step)
  local refusal = self:refusal(step.user, step.conv)
  if refusal then return refusal end
  for _, name in ipairs(self:listeners(step.user, step.conv)) do
    for device_name, device in pairs(self.users[name].devices) do
      local itself = name == step.user and device_name == step.device
      if device.online and not itself then table.insert(device.told.messages, step.text) end
    end
  end
  return 0
end

function ops.wait(self, step)
  self.time = self.time + step.seconds
  return 0
end

-- ---- a step ----

-- Whether the step can be taken: what it names is there.
function model:fits(step)
  if step.op == "login" then return not self:online(step.user, step.device) end
  if step.op == "wait" then return true end
  local device = self:online(step.user, step.device)
  if not device then return false end
  if step.pick then
    local row = model.pick(device.convs[step.conv], step.pick)
    if not row or row.sender == SYSTEM then return false end -- it has no text to be found by
    if step.op == "again" and row.status ~= FAILED then return false end
    step.text = row.text
  end
  return true
end

-- Takes the step: the code that is expected.
function model:take(step)
  for _, user in pairs(self.users) do
    for _, device in pairs(user.devices) do device.told = { messages = {}, revoked = {} } end
  end
  local code = ops[step.op](self, step)
  self:settle()
  return code
end

return model
