-- Verdict: whether what a power loss left is what it must be. An image is a directory with the notes that there were then
-- (disk.h); the scene has the deeds (scene.lua). The library is opened on it, and everybody logs in.

local disk = require "disk"
local lfs = require "lfs"
local scene = require "scene"
local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP
local SENDING <const>, SENT <const> = timmsg.TIMMsg_Sending, timmsg.TIMMsg_SendSucc

local verdict = {}

-- The deeds that were begun, and the codes of those that were done, by id.
function verdict.read_notes(path)
  local begun, done = {}, {}
  for line in io.lines(path) do
    local word, id, code = line:match "^(%a+) (%d+) ?(%-?%d*)$"
    if word == "begun" then begun[tonumber(id)] = true else done[tonumber(id)] = tonumber(code) end
  end
  return begun, done
end

local methods = {}
methods.__index = methods

function methods:wrong(format, ...)
  self.complaints[#self.complaints + 1] = format:format(...)
end

function methods:check(condition, ...)
  if not condition then self:wrong(...) end
  return condition
end

-- Logs everybody in who had begun to, and waits until all have heard all.
function methods:open()
  local marks = {}
  for _, user in ipairs(scene.USERS) do
    local client = scene.open(self.dir, user)
    self.clients[user], marks[user] = client, 0
    client:on("recv_new_msg", function(msgs)
      for _, msg in ipairs(msgs) do
        if scene.text_of(msg) == "mark" .. self.salt then marks[user] = marks[user] + 1 end
      end
    end)
    local code, desc = support.call(client, "login", user, "")
    if not self:check(code == 0, "%s cannot log in: %s (%d)", user, desc, code) then return false end
  end
  for _, user in ipairs(scene.USERS) do
    for _, peer in ipairs(scene.USERS) do
      if peer ~= user then
        local code, desc = support.call(self.clients[user], "send_new_msg", peer, C2C, timmsg.text("mark" .. self.salt))
        if not self:check(code == 0, "%s cannot send: %s (%d)", user, desc, code) then return false end
      end
    end
  end
  local ok = pcall(support.eventually, function()
    return marks.alice == 2 and marks.bob == 2 and marks.carol == 2
  end, self.clients.alice, self.clients.bob, self.clients.carol)
  return self:check(ok, "not everybody hears: %d, %d, %d", marks.alice, marks.bob, marks.carol)
end

-- What a user's store has of a conversation: its messages, oldest first, and by their texts.
function methods:rows(user, conv_type, conv)
  local key = ("%s %d %s"):format(user, conv_type, conv)
  if not self.lists[key] then
    local list = support.history(self.clients[user], conv, conv_type)
    local by_text = {}
    for _, msg in ipairs(list) do
      local text = scene.text_of(msg)
      if text then
        by_text[text] = by_text[text] or {}
        table.insert(by_text[text], msg)
      end
    end
    self.lists[key] = { list = list, by_text = by_text }
  end
  return self.lists[key]
end

-- Whether there is a deed of that kind about another: begun, done well; by that user, or by anybody.
function methods:undone(kind, of, who)
  local begun, done = false, false
  for id in pairs(self.begun) do
    local deed = self.deeds[id]
    if deed.kind == kind and deed.of == of and (not who or deed.who == who) then
      begun, done = true, done or self.done[id] == 0
    end
  end
  return begun, done
end

local judges = {}

function judges.login() end

function judges.group(self, deed, done)
  if not done then return end
  local groups = support.must(self.clients[deed.who], "group_get_joined_group_list")
  self:check(#groups == 1, "the group is gone")
end

function judges.send(self, deed, done)
  local revoke_begun, revoked = self:undone("revoke", deed)
  local has, has_not
  for _, user in ipairs(scene.USERS) do
    if scene.takes_part(deed, user) then
      local msgs = self:rows(user, deed.type, scene.conv_of(deed, user)).by_text[deed.text] or {}
      local delete_begun, deleted = self:undone("delete", deed, user)
      self:check(#msgs <= 1, "%d times at %s: %s", #msgs, user, deed.text)
      local msg = msgs[1]
      local status = msg and msg.message_status
      self:check(status ~= SENDING, "never settled at %s: %s", user, deed.text)
      if deleted then
        self:check(not msg, "deleted, and there again at %s: %s", user, deed.text)
      elseif not delete_begun then
        if status == SENT then has = user else has_not = user end
        if revoked then self:check(not msg, "revoked, and there again at %s: %s", user, deed.text) end
        if done and not revoke_begun then self:check(status == SENT, "reported sent, and lost at %s: %s", user, deed.text) end
      end
      if status == SENT and deed.content and not delete_begun then self:download(user, deed, msg) end
    end
  end
  self:check(not (has and has_not), "%s has it, %s has not: %s", has, has_not, deed.text)
end

-- What was sent with a message can be fetched.
function methods:download(user, deed, msg)
  local elem = msg.message_elem_array[2]
  local path = ("%s/%s.check%d"):format(self.dir, user, deed.id)
  local code, desc = support.call(self.clients[user], "download_elem_to_path", {
    msg_download_elem_param_type = timmsg.TIMDownload_File, msg_download_elem_param_id = elem.file_elem_file_id,
    msg_download_elem_param_url = elem.file_elem_url,
  }, path)
  if not self:check(code == 0, "%s cannot fetch %s: %s (%d)", user, deed.text, desc, code) then return end
  self:check(support.read_file(path) == deed.content, "what %s fetches of %s is not what was sent", user, deed.text)
end

function judges.download(self, deed, done)
  local path = self.dir .. "/" .. deed.name
  local is_there = lfs.attributes(path, "mode") == "file"
  if done then self:check(is_there, "the download %s is gone", deed.name) end
  if is_there then
    self:check(support.read_file(path) == deed.of.content, "the download %s is not what was sent", deed.name)
  elseif math.random() < 0.5 then -- it goes on where it was, or starts over
    local code = support.call(self.clients[deed.who], "download_elem_to_path", {
      msg_download_elem_param_type = timmsg.TIMDownload_File,
      msg_download_elem_param_id = deed.of.result.message_elem_array[2].file_elem_file_id,
      msg_download_elem_param_url = deed.of.result.message_elem_array[2].file_elem_url,
    }, path)
    self:check(code == 0 and support.read_file(path) == deed.of.content, "the download %s cannot go on", deed.name)
  end
end

function judges.import(self, deed, done)
  local begun, deleted = self:undone("delete", deed)
  local count = #self:rows(deed.who, C2C, deed.conv).list
  self:check(count == 0 or count == deed.count, "%d of %d imported", count, deed.count)
  if deleted then self:check(count == 0, "%s is deleted, and there again", deed.conv) end
  if done and not begun then self:check(count > 0, "%s is lost", deed.conv) end
end

function judges.save(self, deed, done)
  local msgs = self:rows(deed.who, C2C, deed.conv).by_text[deed.text] or {}
  self:check(#msgs <= 1 and (#msgs == 1 or not done), "%s is there %d times", deed.text, #msgs)
end

function judges.draft(self, deed, done)
  local conv = support.conv(self.clients[deed.who], deed.conv, C2C)
  local draft = conv and conv.conv_draft
  local text = draft and draft.draft_msg and scene.text_of(draft.draft_msg)
  if done then self:check(text == deed.text, "%s has become %s", deed.text, text) end
end

function judges.read(self, deed, done)
  if not done then return end
  for text in pairs(deed.heard) do
    local msgs = self:rows(deed.who, deed.type, deed.conv).by_text[text]
    for _, msg in ipairs(msgs or {}) do
      self:check(msg.message_is_read, "read, and unread again at %s: %s", deed.who, text)
    end
  end
end

-- These are judged with what they are about.
function judges.delete() end

function judges.revoke() end

-- The texts of what was sent in a conversation, in its order, but for those that one of the two deleted.
function methods:order(user, conv_type, conv)
  local texts = {}
  for _, msg in ipairs(self:rows(user, conv_type, conv).list) do
    local text = scene.text_of(msg)
    if text and msg.message_status == SENT and not self.deleted[text] then texts[#texts + 1] = text end
  end
  return table.concat(texts, "\n")
end

function methods:check_order()
  self.deleted = {}
  for id in pairs(self.begun) do
    local deed = self.deeds[id]
    if deed.kind == "delete" and deed.of.text then self.deleted[deed.of.text] = true end
  end
  local first = self:order("alice", GROUP, scene.GROUP)
  for _, user in ipairs { "bob", "carol" } do
    self:check(self:order(user, GROUP, scene.GROUP) == first, "%s has another order in the group", user)
  end
  for i, user in ipairs(scene.USERS) do
    for k = i + 1, #scene.USERS do
      local peer = scene.USERS[k]
      self:check(self:order(user, C2C, peer) == self:order(peer, C2C, user), "%s and %s have other orders", user, peer)
    end
  end
end

function methods:check_convs()
  for _, user in ipairs(scene.USERS) do
    for _, conv in ipairs(support.must(self.clients[user], "conv_get_conv_list")) do
      local list = self:rows(user, conv.conv_type, conv.conv_id).list
      local unread = 0
      for _, msg in ipairs(list) do
        if not msg.message_is_read then unread = unread + 1 end
      end
      self:check(unread == (conv.conv_unread_num or 0), "%s has %d unread from %s, and counts %d", user, unread, conv.conv_id,
        conv.conv_unread_num)
      local last = list[#list]
      local told = conv.conv_last_msg
      self:check((last and last.message_rand) == (told and told.message_rand), "%s: the last message of %s is another", user,
        conv.conv_id)
    end
  end
end

-- Looks at the image in `dir`: what is wrong, as sentences. `begun` and `done` are its notes.
function verdict.judge(dir, deeds, begun, done)
  local self = setmetatable({ dir = dir, deeds = deeds, begun = begun, done = done, clients = {}, lists = {}, complaints = {},
    salt = tostring(math.random(1 << 30)) }, methods)
  local ok, err = xpcall(function()
    if not self:open() then return end
    for id in pairs(begun) do
      local deed = deeds[id]
      judges[deed.kind](self, deed, done[id] == 0)
    end
    self:check_order()
    self:check_convs()
  end, debug.traceback)
  if not ok then self:wrong("%s", err) end
  for _, client in pairs(self.clients) do
    client:close()
  end
  for _, path in ipairs { "hub/hub", "alice/alice", "bob/bob", "carol/carol" } do
    local file = ("%s/%s.db"):format(dir, path)
    if lfs.attributes(file) then
      local said = disk.query(file, "PRAGMA integrity_check")
      self:check(said == "ok\n", "%s.db: %s", path, said)
    end
  end
  return self.complaints
end

return verdict
