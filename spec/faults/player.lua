-- Player: what the scenes have in common that are played in a directory, with threads (disk.lua, xmpp.lua): clients, calls
-- that are waited for, and a ledger of what was reported as sent.

local timmsg = require "timmsg"

local C2C <const> = timmsg.C2C

local player = {}
local methods = {}
player.__index = methods

-- `server`: a function of the directory. `patience`: how many seconds a call may take.
function player.new(server, patience, password)
  local name = os.tmpname()
  os.remove(name)
  local self = setmetatable({
    dir = name .. ".dir", patience = patience, password = password or "", clients = {},
    -- by conversation ("bob/1") the texts that were reported as sent; { message, conversation, its type } of what failed; what
    -- is wrong
    reported = {}, failed = {}, wrong = {},
  }, player)
  assert(os.execute("mkdir " .. self.dir))
  self.server = server(self.dir)
  return self
end

function methods:complain(...) self.wrong[#self.wrong + 1] = string.format(...) end

-- nil: there is none, which was said.
function methods:client(user)
  local made, desc, code = timmsg.new {
    sdk_app_id = 1400000001, data_dir = self.dir .. "/" .. user, server = self.server, log_file_path = self.dir .. "/log",
    log_level = timmsg.TIMLog_Verbose,
  }
  if not made then
    if type(desc) ~= "string" or desc == "" then self:complain("new: %s without a sentence", code) end
    return nil
  end
  self.clients[user] = made
  return made
end

-- Calls, and waits for the answer: code, desc, result.
function methods:ask(of, call, ...)
  local done, code, desc, result
  local args = table.pack(...)
  args[args.n + 1] = function(...)
    local more = select(4, ...)
    if more then return end -- a download's progress
    done, code, desc, result = true, ...
  end
  local accepted, why, refused = of[call](of, table.unpack(args, 1, args.n + 1))
  if not accepted then
    code, desc = refused, why
  else
    local until_ = os.time() + self.patience
    while not done do
      of:wait(100)
      of:poll()
      if os.time() > until_ then
        self:complain("%s is never answered", call)
        error "nobody waits for ever"
      end
    end
  end
  if code ~= 0 and (type(desc) ~= "string" or desc == "") then self:complain("%s: %s without a sentence", call, code) end
  return code, desc, result
end

function methods:login(user) return self:ask(self.clients[user], "login", user, self.password) end

local function ledger_of(self, conv, conv_type)
  local key = conv .. "/" .. conv_type
  self.reported[key] = self.reported[key] or {}
  return self.reported[key]
end

-- What is said is written down; the message, if there is one.
function methods:send(of, text, conv, conv_type)
  conv, conv_type = conv or "bob", conv_type or C2C
  local code, _, msg = self:ask(of, "send_new_msg", conv, conv_type, timmsg.text(text))
  if code == 0 then ledger_of(self, conv, conv_type)[text] = true
  elseif msg then table.insert(self.failed, { msg, conv, conv_type }) end
  return msg
end

-- Sends once more what failed, which must go now.
function methods:send_failed(of)
  for _, one in ipairs(self.failed) do
    local msg, conv, conv_type = table.unpack(one)
    local code, desc = self:ask(of, "send_new_msg", conv, conv_type, msg)
    assert(code == 0, desc)
    ledger_of(self, conv, conv_type)[msg.message_elem_array[1].text_elem_content] = true
  end
end

-- It is not to be found any more: it was revoked.
function methods:forget(text, conv, conv_type) ledger_of(self, conv, conv_type)[text] = nil end

function methods:write(name, content)
  local path = self.dir .. "/" .. name
  local file <close> = assert(io.open(path, "wb"))
  file:write(content)
  return path
end

function methods:download(of, elem, name)
  local to = self.dir .. "/" .. name
  local code, desc = self:ask(of, "download_elem_to_path", {
    msg_download_elem_param_type = timmsg.TIMDownload_File, msg_download_elem_param_id = elem.file_elem_file_id,
    msg_download_elem_param_url = elem.file_elem_url,
  }, to)
  local file <close> = io.open(to, "rb")
  -- a directory that can't be synced: it is there, and yet not for sure
  if not file and code == 0 or file and #file:read "a" ~= elem.file_elem_file_size then
    self:complain("download: %s (%s), and the file says otherwise", code, desc)
  end
  return code, desc
end

-- How often each text is in a page of a conversation.
function methods:count(of, conv, conv_type, is_remble)
  local found = {}
  local code, desc, page = self:ask(of, "get_msg_list", conv, conv_type or C2C,
    { msg_getmsglist_param_count = 100, msg_getmsglist_param_is_remble = is_remble or false })
  assert(code == 0, desc)
  for _, one in ipairs(page) do
    local text = one.message_elem_array[1] and one.message_elem_array[1].text_elem_content
    if text then found[text] = (found[text] or 0) + 1 end
    assert(one.message_status ~= timmsg.TIMMsg_Sending, "a message is being sent for ever")
  end
  return found
end

-- Waits until a conversation has each text of alice's that was reported, once. `at`: what it is called there.
function methods:has_all(of, at, conv, conv_type, is_remble)
  local function missing(found)
    for text in pairs(ledger_of(self, conv, conv_type)) do
      if not found[text] then return text end
    end
    return nil
  end
  local until_, found = os.time() + self.patience, self:count(of, at, conv_type, is_remble)
  while missing(found) and os.time() <= until_ do
    of:wait(10)
    of:poll()
    found = self:count(of, at, conv_type, is_remble)
  end
  assert(not missing(found), ("%s has not '%s'"):format(of:user(), missing(found)))
  for text, times in pairs(found) do
    assert(times == 1, ("%s has '%s' %d times"):format(of:user(), text, times))
  end
end

function methods:close_all()
  for _, of in pairs(self.clients) do
    of:close()
  end
  self.clients = {}
end

-- The scene's second half: looks with `check`; all goes, whatever it finds.
function methods:look(check)
  local ok, message = pcall(check)
  self:close_all()
  os.execute("rm -rf " .. self.dir)
  assert(ok, message)
  assert(#self.wrong == 0, table.concat(self.wrong, "; "))
end

return player
