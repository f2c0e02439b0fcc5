-- What is played while something of the system fails (faults.c): two users on a hub in a directory, with threads, files, and
-- logs. As scenario.lua: returns a function that plays, and may come to grief anywhere, and one that looks at what it left.

local timmsg = require "timmsg"

local C2C <const> = timmsg.C2C
local PATIENCE <const> = 10

local name <const> = os.tmpname()
os.remove(name)
local dir <const> = name .. ".dir"
assert(os.execute("mkdir " .. dir))

local clients = {}
-- The texts of alice's messages to bob that were reported as sent; the messages that failed; what came to bob while he was
-- told of it.
local reported, failed, wrong = {}, {}, {}

local function complain(...)
  wrong[#wrong + 1] = string.format(...)
end

local function client(user)
  local made, desc, code = timmsg.new {
    sdk_app_id = 1400000001, data_dir = dir .. "/" .. user, server = "hub:" .. dir .. "/hub", log_file_path = dir .. "/log",
    log_level = timmsg.TIMLog_Verbose,
  }
  if not made then
    if type(desc) ~= "string" or desc == "" then complain("new: %s without a sentence", code) end
    return nil
  end
  clients[user] = made
  return made
end

local function ask(of, call, ...)
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
    local until_ = os.time() + PATIENCE
    while not done do
      of:wait(100)
      of:poll()
      if os.time() > until_ then
        complain("%s is never answered", call)
        error "nobody waits for ever"
      end
    end
  end
  if code ~= 0 and (type(desc) ~= "string" or desc == "") then complain("%s: %s without a sentence", call, code) end
  return code, desc, result
end

local function send(of, text)
  local code, _, msg = ask(of, "send_new_msg", "bob", C2C, timmsg.text(text))
  if code == 0 then reported[text] = true elseif msg then table.insert(failed, msg) end
end

local function download(of, elem, to)
  local code, desc = ask(of, "download_elem_to_path", { msg_download_elem_param_id = elem.file_elem_file_id }, to)
  local file <close> = io.open(to, "rb")
  -- a directory that can't be synced: it is there, and yet not for sure
  if not file and code == 0 or file and #file:read "a" ~= elem.file_elem_file_size then
    complain("download: %s (%s), and the file says otherwise", code, desc)
  end
end

local CONTENT <const> = ("content"):rep(20000)

local function play()
  do
    local file <close> = assert(io.open(dir .. "/film.bin", "wb"))
    file:write(CONTENT)
  end
  local alice, bob = client "alice", client "bob"
  if not (alice and bob) then return end
  local is_in = ask(alice, "login", "alice", "") == 0
  if ask(bob, "login", "bob", "") ~= 0 or not is_in then return end
  send(alice, "one")
  send(alice, "two")
  local picture = dir .. "/picture.png"
  do
    local file <close> = assert(io.open(picture, "wb"))
    file:write("\137PNG\r\n\26\n\0\0\0\13IHDR\0\0\0\3\0\0\0\2\8\2\0\0\0", ("x"):rep(100))
  end
  ask(alice, "send_new_msg", "bob", C2C, timmsg.image(picture))
  local code, _, msg = ask(alice, "send_new_msg", "bob", C2C, timmsg.file(dir .. "/film.bin"))
  if code == 0 then download(bob, msg.message_elem_array[1], dir .. "/film.copy") end
  ask(bob, "get_msg_list", "alice", C2C, { msg_getmsglist_param_count = 10 })
  ask(bob, "logout")
  send(alice, "three")
  -- the same device again: what the last one left is found
  if ask(bob, "login", "bob", "") == 0 then send(alice, "four") end
end

local function close_all()
  for _, of in pairs(clients) do
    of:close()
  end
  clients = {}
end

local function check()
  close_all()
  local alice, bob = assert(client "alice"), assert(client "bob")
  for user, of in pairs { alice = alice, bob = bob } do
    local code, desc = ask(of, "login", user, "")
    assert(code == 0, desc)
  end
  table.insert(failed, timmsg.text "afterwards")
  for _, msg in ipairs(failed) do
    local code, desc = ask(alice, "send_new_msg", "bob", C2C, msg)
    assert(code == 0, desc)
    reported[msg.message_elem_array[1].text_elem_content] = true
  end
  local code, desc, msg = ask(alice, "send_new_msg", "bob", C2C, timmsg.file(dir .. "/film.bin"))
  assert(code == 0, desc)
  download(bob, msg.message_elem_array[1], dir .. "/film.again")
  local function count(of, at)
    local found = {}
    local _, _, page = ask(of, "get_msg_list", at, C2C, { msg_getmsglist_param_count = 100 })
    for _, one in ipairs(page) do
      local text = one.message_elem_array[1].text_elem_content
      if text then found[text] = (found[text] or 0) + 1 end
      assert(one.message_status ~= timmsg.TIMMsg_Sending, "a message is being sent for ever")
    end
    return found
  end
  local until_ = os.time() + PATIENCE
  while not count(bob, "alice").afterwards and os.time() <= until_ do
    bob:wait(10)
    bob:poll()
  end
  for user, at in pairs { alice = count(alice, "bob"), bob = count(bob, "alice") } do
    for text in pairs(reported) do
      assert(at[text] == 1, ("%s has '%s' %s times"):format(user, text, at[text]))
    end
  end
  assert(#wrong == 0, table.concat(wrong, "; "))
end

local function look()
  local ok, message = pcall(check)
  close_all()
  os.execute("rm -rf " .. dir)
  assert(ok, message)
end

return play, look
