-- Scene: three users on one hub, in this process, who do all kinds of things for a while; each deed is noted on the disk when
-- it is begun and when its end is reported. What was noted must outlast a power loss; verdict.lua looks.
--
-- A deed has: id, kind, who, and by its kind type, conv, text, content, path, of (another deed), count, heard.

local disk = require "disk"
local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

local scene = {
  USERS = { "alice", "bob", "carol" }, GROUP = "band",
  -- makes a store of version 1 of one of today
  OLD_STORE = "BEGIN; CREATE INDEX message_sending ON messages(id) WHERE status = 1; "
    .. "ALTER TABLE convs DROP COLUMN cleared_position; PRAGMA user_version = 1; COMMIT",
}

-- The bytes of a file of that name: no two are alike, and no two pages of one.
function scene.content(name, size)
  local parts = {}
  for i = 1, size // 32 + 1 do
    parts[i] = ("%-23s%08x\n"):format(name, i)
  end
  return table.concat(parts):sub(1, size)
end

function scene.open(dir, user)
  return assert(timmsg.new { sdk_app_id = 1400000001, data_dir = dir .. "/" .. user, server = "hub:" .. dir .. "/hub" })
end

function scene.text_of(msg)
  local elem = msg.message_elem_array and msg.message_elem_array[1]
  return elem and elem.text_elem_content
end

-- Somebody else than that one.
local function other(user)
  local others = {}
  for _, name in ipairs(scene.USERS) do
    if name ~= user then others[#others + 1] = name end
  end
  return others[math.random(#others)]
end

-- A slow machine, with sanitizers, has time: only a failure takes that long.
support.DEADLINE_MS = 60000

local methods = {}
methods.__index = methods

function methods:poll()
  for _, user in ipairs(scene.USERS) do
    self.clients[user]:poll()
  end
end

-- Begins a deed: what `call` makes is called with a callback that notes its end.
function methods:begin(deed, method, ...)
  deed.id = #self.deeds + 1
  self.deeds[deed.id] = deed
  self.open = self.open + 1
  disk.note("begun " .. deed.id)
  local args = table.pack(...)
  args[args.n + 1] = function(code, desc, result)
    if deed.kind == "download" and code == 0 and result.msg_download_elem_result_current_size
      < result.msg_download_elem_result_total_size then return end -- progress
    self.open = self.open - 1
    deed.code, deed.desc, deed.result = code, desc, result
    disk.note(("done %d %d"):format(deed.id, code))
  end
  local client = self.clients[deed.who]
  local ok, desc = client[method](client, table.unpack(args, 1, args.n + 1))
  assert(ok, desc)
  return deed
end

function methods:settle()
  support.eventually(function()
    self:poll()
    return self.open == 0
  end)
end

local acts = {}

local function place(who)
  if math.random() < 0.4 then return GROUP, scene.GROUP end
  return C2C, other(who)
end

function acts.send(self, who, length)
  local conv_type, conv = place(who)
  local text = ("text %d %s"):format(#self.deeds + 1, ("x"):rep(length or math.random() < 0.1 and math.random(9000) or math.random(60)))
  self:begin({ kind = "send", who = who, type = conv_type, conv = conv, text = text }, "send_new_msg", conv, conv_type,
    timmsg.text(text))
end

function acts.burst(self, who)
  local is_heavy = math.random() < 0.2 -- so that it comes to checkpoints
  for _ = 1, is_heavy and 50 or math.random(2, 12) do
    acts.send(self, who, is_heavy and 10000)
  end
end

function acts.media(self, who)
  local conv_type, conv = place(who)
  local text = ("media %d"):format(#self.deeds + 1)
  local size = math.random() < 0.5 and math.random(5000) or math.random(600000)
  local path = support.write_file(("%s/%d.file"):format(self.outside, #self.deeds + 1), scene.content(text, size))
  self:begin({ kind = "send", who = who, type = conv_type, conv = conv, text = text, content = scene.content(text, size) },
    "send_new_msg", conv, conv_type, timmsg.message(timmsg.text(text), timmsg.file(path)))
end

-- A deed of that kind that is done and nobody undoes, or nil.
function methods:earlier(kind, fits)
  local found = {}
  for _, deed in ipairs(self.deeds) do
    if deed.kind == kind and deed.code == 0 and not deed.undone and fits(deed) then found[#found + 1] = deed end
  end
  return #found > 0 and found[math.random(#found)] or nil
end

function scene.takes_part(deed, user)
  return deed.who == user or deed.type == GROUP or deed.conv == user
end

-- What the conversation of a sent message is called by that user.
function scene.conv_of(deed, user)
  if deed.type == C2C and user ~= deed.who then return deed.who end
  return deed.conv
end

function acts.download(self, who)
  local sent = self:earlier("send", function(deed) return deed.content and scene.takes_part(deed, who) end)
  if not sent then return end
  local elem = sent.result.message_elem_array[2]
  local name = ("%s/%d.got"):format(who, #self.deeds + 1)
  self:begin({ kind = "download", who = who, of = sent, name = name }, "download_elem_to_path", {
    msg_download_elem_param_type = timmsg.TIMDownload_File, msg_download_elem_param_id = elem.file_elem_file_id,
    msg_download_elem_param_url = elem.file_elem_url,
  }, self.dir .. "/" .. name)
end

function acts.import(self, who)
  local id, list = #self.deeds + 1, {}
  for i = 1, math.random() < 0.3 and 700 or math.random(40) do
    list[i] = timmsg.text(("import %d %d"):format(id, i))
    list[i].message_server_time, list[i].message_seq, list[i].message_rand = 1400000000 + i // 10, i, i
  end
  self:begin({ kind = "import", who = who, type = C2C, conv = "import" .. id, count = #list }, "import_msg_list", "import" .. id,
    C2C, list)
end

function acts.save(self, who)
  local id = #self.deeds + 1
  local msg = timmsg.text("save " .. id)
  msg.message_server_time = 1500000000 + id
  self:begin({ kind = "save", who = who, type = C2C, conv = "saved", text = "save " .. id }, "save_msg", "saved", C2C, msg)
end

function acts.draft(self, who)
  local id = #self.deeds + 1
  self:begin({ kind = "draft", who = who, type = C2C, conv = "draft" .. id, text = "draft " .. id }, "conv_set_draft",
    "draft" .. id, C2C, { draft_edit_time = 0, draft_user_define = "", draft_msg = timmsg.text("draft " .. id) })
end

function acts.delete(self, who)
  if math.random() < 0.3 then
    local imported = self:earlier("import", function(deed) return deed.who == who end)
    if not imported then return end
    imported.undone = true
    self:begin({ kind = "delete", who = who, of = imported }, "delete", imported.conv, C2C, {})
    return
  end
  local sent = self:earlier("send", function(deed)
    return scene.takes_part(deed, who) and (who == deed.who or self.heard[who][deed.text])
  end)
  if not sent then return end
  sent.undone = true
  self:begin({ kind = "delete", who = who, of = sent }, "delete", scene.conv_of(sent, who), sent.type,
    { msg_delete_param_msg = sent.result })
end

function acts.revoke(self, who)
  local sent = self:earlier("send", function(deed) return deed.who == who end)
  if not sent then return end
  sent.undone = true
  self:begin({ kind = "revoke", who = who, of = sent }, "revoke", sent.conv, sent.type, sent.result)
end

function acts.read(self, who)
  local conv_type, conv = place(who)
  local heard = {}
  for text in pairs(self.heard[who]) do
    heard[text] = true
  end
  self:begin({ kind = "read", who = who, type = conv_type, conv = conv, heard = heard }, "report_readed", conv, conv_type)
end

-- The user goes, and comes back as if the program had been started again, perhaps after it was brought up to date.
function acts.restart(self, who)
  if math.random() < 0.4 then return end
  self:settle()
  self.clients[who]:close()
  if math.random() < 0.5 then assert(disk.query(("%s/%s/%s.db"):format(self.dir, who, who), scene.OLD_STORE) == "") end
  self:start(who)
  self:settle()
end

function methods:start(user)
  local client = scene.open(self.dir, user)
  self.clients[user] = client
  client:on("recv_new_msg", function(msgs)
    for _, msg in ipairs(msgs) do
      local text = scene.text_of(msg)
      if text then self.heard[user][text] = (self.heard[user][text] or 0) + 1 end
    end
  end)
  self:begin({ kind = "login", who = user }, "login", user, "")
end

local NAMES <const> = { "send", "send", "burst", "burst", "media", "media", "download", "download", "import", "save", "draft", "delete",
  "revoke", "read", "read", "restart" }

-- Plays `steps` deeds in `dir`, which is recorded; `outside` is for what is sent. math.random decides. All are done.
function scene.play(dir, outside, steps)
  local self = setmetatable({ dir = dir, outside = outside, deeds = {}, clients = {}, heard = {}, open = 0 }, methods)
  for _, user in ipairs(scene.USERS) do
    self.heard[user], self.clients[user] = {}, { poll = function() end }
  end
  for _, user in ipairs(scene.USERS) do
    self:start(user)
    self:settle()
  end
  self:begin({ kind = "group", who = "alice" }, "group_create", {
    create_group_param_group_id = scene.GROUP, create_group_param_group_name = scene.GROUP,
    create_group_param_group_member_array = timmsg.array { { group_member_info_identifier = "bob" },
      { group_member_info_identifier = "carol" } },
  })
  self:settle()
  for _ = 1, steps do
    acts[NAMES[math.random(#NAMES)]](self, scene.USERS[math.random(3)])
    if math.random() < 0.4 then self:settle() else support.pump(math.random(0, 3), function() return self:poll() end) end
  end
  self:settle()
  for _, user in ipairs(scene.USERS) do
    self.clients[user]:close()
  end
  return self
end

return scene
