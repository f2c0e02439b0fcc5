-- Chat: a terminal chat on an event loop (luv; Debian: lua-luv). In one terminal, after make:
--
--   lua5.4 examples/chat.lua alice
--
-- and in another one "... bob". Then alice types "/to bob", a text, and Enter. /help lists the commands. Messages
-- are kept in ./chat-data, or where --data DIR says.
--
-- With --server xmpp://example.org (or TIMMSG_SERVER) it is a user of that XMPP server, whose password is asked for, or
-- taken from TIMMSG_PASSWORD. To try that: lua5.4 spec/serve.lua prosody sh
--
-- How it hangs together: the client's descriptor is readable when there is something to tell; then `tim:poll()` runs
-- the handlers, at the end of this file. What the user does runs in coroutines, where `tim.await` calls yield until
-- the result is there. All on one thread: while one waits, messages come in, keys are read and files are sent.

-- The module of this checkout, unless the environment names another.
local here = arg[0]:match "^(.*/)" or "./"
local lua, core = ("%s../lua/?.lua;%s../lua/?/init.lua"):format(here, here), here .. "../build/?.so"
local named = os.getenv "LUA_CPATH_5_4" or os.getenv "LUA_CPATH"
package.path = named and package.path .. ";" .. lua or lua .. ";" .. package.path
package.cpath = named and package.cpath .. ";" .. core or core .. ";" .. package.cpath

local timmsg = require "timmsg"
local uv = require "luv"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP
local PAGE <const> = 10 -- messages that /to and /history show

local me, data_dir, server = nil, "chat-data", os.getenv "TIMMSG_SERVER"
do
  local at = 1
  while arg[at] do
    if arg[at] == "--data" and arg[at + 1] then
      data_dir, at = arg[at + 1], at + 1
    elseif arg[at] == "--server" and arg[at + 1] then
      server, at = arg[at + 1], at + 1
    else
      me = arg[at]
    end
    at = at + 1
  end
  if not me or me:find "^%-" then
    io.stderr:write("usage: lua5.4 examples/chat.lua NAME [--data DIR] [--server ADDRESS]\n")
    os.exit(1)
  end
end

-- The user's password at the server. A hub takes any.
local function ask_password()
  local password = os.getenv "TIMMSG_PASSWORD"
  if password or not server or server:find "^hub:" then return password or "" end
  io.stderr:write("password of ", me, ": ")
  local hidden = os.execute "stty -echo 2>/dev/null"
  password = io.read "l" or ""
  if hidden then os.execute "stty echo" end
  io.stderr:write "\n"
  return password
end

-- One client, one user. Users meet at the server; without one, through a hub: a directory, "hub" in the data directory.
local tim, failure = timmsg.new { sdk_app_id = 1400000001, data_dir = data_dir, server = server }
if not tim then
  io.stderr:write(failure, "\n")
  os.exit(1)
end
local password = ask_password()

---- What is on the screen: lines that scroll, and below them the line that is being typed ----

local input = uv.guess_handle(0)
local on_terminal = input == "tty" and uv.guess_handle(1) == "tty"
local is_watched = input == "tty" or input == "pipe" -- no loop can watch a file, or /dev/null
local stdin = on_terminal and uv.new_tty(0, true) or is_watched and uv.new_pipe() or nil
local screen = on_terminal and uv.new_tty(1, false) or nil
local typed = ""       -- the line so far
local current          -- the open conversation: { title =, id =, type =, oldest = the oldest message that is shown,
                       -- is_read = whether the other has read what I wrote }
local unread = {}      -- number of unread messages, by the conversation's title
local transfer         -- how far a file is: a text, or nil

-- "bob", "#team": how conversations are called here.
local function title_of(id, type)
  return (type == GROUP and "#" or "") .. id
end

local function prompt()
  local elsewhere = 0
  for title, count in pairs(unread) do
    if not current or title ~= current.title then elsewhere = elsewhere + count end
  end
  return (transfer and transfer .. " " or "") .. (elsewhere > 0 and ("[%d unread] "):format(elsewhere) or "")
    .. me .. (current and " to " .. current.title .. (current.is_read and " (read)" or "") or "") .. "> "
end

-- Columns that a character takes: Chinese, Japanese, Korean and emoji take two.
local function width_of(code)
  if code >= 0x300 and code < 0x370 or code == 0x200d or code >= 0xfe00 and code < 0xfe10 then return 0 end
  local wide = code >= 0x1100 and code < 0x1160 or code >= 0x2e80 and code < 0xa4d0 or code >= 0xac00 and code < 0xd7a4
    or code >= 0xf900 and code < 0xfb00 or code >= 0xfe30 and code < 0xfe70 or code >= 0xff00 and code < 0xff61
    or code >= 0x1f300 and code < 0x1fb00 or code >= 0x20000
  return wide and 2 or 1
end

-- The end of the text that fits into so many columns.
local function tail(text, columns)
  local codes, from = { utf8.codepoint(text, 1, -1) }, 1
  for at = #codes, 1, -1 do
    columns = columns - width_of(codes[at])
    if columns < 0 then
      from = at + 1
      break
    end
  end
  return utf8.char(table.unpack(codes, from))
end

local function redraw()
  if not screen then return end
  local columns = screen:get_winsize() or 0
  if columns == 0 then columns = 80 end -- nobody knows
  io.stdout:write("\r\27[K", tail(prompt() .. typed, columns - 1)):flush()
end

-- Prints a line above the one that is being typed. Others wrote parts of it: without what steers a terminal.
local function show(format, ...)
  local line = format:format(...):gsub("%c", " "):gsub("\xc2[\x80-\x9f]", " ")
  io.stdout:write(screen and "\r\27[K" or "", line, "\n"):flush()
  redraw()
end

-- A line of the program's own.
local function note(format, ...)
  show("  -- " .. format, ...)
end

---- Messages as text ----

local TIPS <const> = { "joined", "left", "was removed" }

local SHOW <const> = {
  [timmsg.TIMElem_Text] = function(elem) return elem.text_elem_content end,
  [timmsg.TIMElem_Image] = function(elem)
    return ("[picture, %d x %d, %d bytes: /get]"):format(elem.image_elem_orig_pic_width, elem.image_elem_orig_pic_height,
      elem.image_elem_orig_pic_size)
  end,
  [timmsg.TIMElem_File] = function(elem)
    return ("[file %s, %d bytes: /get]"):format(elem.file_elem_file_name, elem.file_elem_file_size)
  end,
  [timmsg.TIMElem_GroupTips] = function(elem)
    return ("%s %s"):format(table.concat(elem.group_tips_elem_user_array, ", "), TIPS[elem.group_tips_elem_tip_type])
  end,
  [timmsg.TIMElem_GroupReport] = function(elem) -- of which there is one kind
    return elem.group_report_elem_op_user .. " deleted the group"
  end,
}

-- What a message says, in one line.
local function text_of(msg)
  if msg.message_status == timmsg.TIMMsg_Revoked then return "(taken back)" end
  local parts = {}
  for i, elem in ipairs(msg.message_elem_array) do
    local is_shown, text = pcall(SHOW[elem.elem_type], elem) -- its author may have left out what is shown of it
    parts[i] = is_shown and text or "(something this program can't show)"
  end
  return table.concat(parts, " ")
end

-- A message of the open conversation, with a mark behind one's own: that it was read, or not sent.
local function show_message(msg)
  current.oldest = current.oldest or msg
  local time = os.date("%H:%M", msg.message_server_time > 0 and msg.message_server_time or msg.message_client_time)
  local mark = msg.message_status == timmsg.TIMMsg_SendFail and " (not sent)" or msg.message_is_peer_read and " (read)" or ""
  local sender = msg.message_sender == "@TIM#SYSTEM" and "*" or msg.message_sender .. ":"
  show("%s %s %s%s", time, sender, text_of(msg), mark)
end

---- Coroutines ----

local function report(err)
  note("error: %s", debug.traceback(err))
end

-- Runs `work` in a coroutine of its own; an error in it is shown and ends only that.
local function go(work, ...)
  coroutine.wrap(xpcall)(work, report, ...)
end

-- Passes on what an await call returned; tells if it failed.
local function told(result, desc, code)
  if not result then note("%s (%s)", desc, code) end
  return result
end

---- Conversations ----

-- All of the open conversation counts as read now: here, and with the one who wrote it.
local function mark_read()
  told(tim.await:report_readed(current.id, current.type))
end

-- Fetches and shows a page of a conversation, which is the open one then: the newest messages, or those before the
-- ones that were shown. False if it can't be had.
local function show_history(conv, count)
  local page = told(tim.await:get_msg_list(conv.id, conv.type, {
    msg_getmsglist_param_count = count,
    msg_getmsglist_param_last_msg = conv.oldest,
    msg_getmsglist_param_is_remble = true, -- what this device has not, the hub or server may have
  }))
  if not page then return false end
  current = conv -- the handler of new messages shows them from here on: each is either in the page or comes there
  if #page == 0 then note "no earlier messages" end
  conv.oldest = page[#page] or conv.oldest
  for at = #page, 1, -1 do -- the page begins with the newest
    show_message(page[at])
  end
  return true
end

-- Opens a conversation: "bob" or "#team".
local function open(title)
  local hash, id = title:match "^(#?)(.+)$"
  note("%s:", title)
  local conv = { title = title, id = id, type = hash == "#" and GROUP or C2C, is_read = false }
  if show_history(conv, PAGE) then mark_read() end
end

local function send(msg)
  local sent, desc, code = tim.await:send_new_msg(current.id, current.type, msg)
  if sent then
    current.is_read = false
    show_message(sent)
  else
    note("not sent: %s (%s)", desc, code)
  end
end

local function show_progress(what, done, total)
  local cells = total > 0 and done * 20 // total or 0
  transfer = ("%s [%s%s]"):format(what, ("#"):rep(cells), ("."):rep(20 - cells))
  redraw()
end

-- The newest message of the open conversation that `is_wanted`.
local function find(is_wanted)
  for _, msg in ipairs(told(tim.await:get_msg_list(current.id, current.type, { msg_getmsglist_param_count = 100 })) or {}) do
    if msg.message_status == timmsg.TIMMsg_SendSucc and is_wanted(msg) then return msg end
  end
end

---- Commands: each gets the words behind it ----

local commands = {}
local needs_conversation <const> = { history = true, send = true, get = true, revoke = true }

local HELP <const> = {
  "/to NAME           talk to somebody; /to #NAME: to a group",
  "/list              conversations and their unread messages",
  "/history [COUNT]   earlier messages",
  "/send FILE         send a picture or any other file",
  "/get               save the newest file of the conversation, here",
  "/revoke            take back my newest message",
  "/group NAME [USER] make a group or join it, invite users",
  "/quit              leave (or ctrl-D)",
  "anything else is sent to the open conversation",
}

function commands.help()
  for _, line in ipairs(HELP) do
    note("%s", line)
  end
end

function commands.list()
  local convs = told(tim.await:conv_get_conv_list()) or {}
  if #convs == 0 then note "no conversations yet: /to NAME opens one" end
  for _, conv in ipairs(convs) do
    local last = conv.conv_is_has_lastmsg and text_of(conv.conv_last_msg) or ""
    note("%-12s %3d unread   %s", title_of(conv.conv_id, conv.conv_type), conv.conv_unread_num, last)
  end
end

function commands.to(title)
  if not title then return note "/to whom?" end
  open(title)
end

function commands.history(count)
  show_history(current, tonumber(count) or PAGE)
end

function commands.send(path)
  if not path then return note "/send which file?" end
  local is_picture = path:lower():find "%.png$" or path:lower():find "%.jpe?g$" or path:lower():find "%.gif$"
  local run = on_terminal and go or pcall -- one may go on typing meanwhile
  run(function()
    send(is_picture and timmsg.image(path) or timmsg.file(path))
    transfer = nil
    redraw()
  end)
end

-- The url and the name of what a message carries.
local function file_of(msg)
  for _, elem in ipairs(msg.message_elem_array) do
    if elem.elem_type == timmsg.TIMElem_File then return elem.file_elem_url, elem.file_elem_file_name or "file" end
    if elem.elem_type == timmsg.TIMElem_Image then return elem.image_elem_orig_url, "picture" end -- it has no name
  end
end

function commands.get()
  local msg = find(file_of)
  if not msg then return note "there is no file in this conversation" end
  local url, name = file_of(msg)
  -- The name is somebody else's choice: it must not lead anywhere, nor replace anything.
  name = name:gsub("[/%c]", "_"):gsub("^%.+", "")
  local path, number = name, 1
  while uv.fs_lstat(path) do
    path, number = number .. "-" .. name, number + 1
  end
  local param = { msg_download_elem_param_url = url }
  if told(tim.await:download_elem_to_path(param, path, function(done, total) show_progress("getting", done, total) end)) then
    note("saved as %s", path)
  end
  transfer = nil
  redraw()
end

function commands.revoke()
  local msg = find(function(msg) return msg.message_sender == me end)
  if not msg then return note "nothing to take back" end
  if told(tim.await:revoke(current.id, current.type, msg)) then note("taken back: %s", text_of(msg)) end
end

function commands.group(name, ...)
  if not name then return note "/group which?" end
  local _, desc, code = tim.await:group_create {
    create_group_param_group_id = name,
    create_group_param_group_name = name,
    create_group_param_group_type = timmsg.TIMGroup_Public,
    create_group_param_add_option = timmsg.TIMGroupAddOpt_Any,
  }
  if code == timmsg.ERR_SVR_GROUP_GROUPID_IN_USED then
    _, desc, code = tim.await:group_join(name, "")
    if code == timmsg.ERR_SVR_GROUP_ALLREADY_MEMBER then code = nil end
  end
  if code then return note("%s (%s)", desc, code) end
  open("#" .. name)
  if not ... then return end
  local results = told(tim.await:group_invite_member {
    group_invite_member_param_group_id = name,
    group_invite_member_param_identifier_array = { ... },
  })
  for _, result in ipairs(results or {}) do
    if result.group_invite_member_result_result == timmsg.TIMGroupMember_HandledErr then
      note("%s could not be invited", result.group_invite_member_result_identifier)
    end
  end
end

---- Keys ----

local lines, ended, reader = {}, false, nil -- lines to be handled; the coroutine that waits for the next

-- The next line that the user has entered, nil when there will be none. In a coroutine.
local function next_line()
  while #lines == 0 and not ended do
    reader = coroutine.running()
    coroutine.yield()
  end
  return table.remove(lines, 1)
end

local function enter(line)
  if line then lines[#lines + 1] = line else ended = true end
  local waiting = reader
  reader = nil
  if waiting then coroutine.resume(waiting) end
end

local KEYS <const> = {
  ["\r"] = function()
    local line = typed
    typed = ""
    enter(line)
  end,
  ["\127"] = function() typed = typed:gsub(utf8.charpattern .. "$", "") end, -- backspace
  ["\21"] = function() typed = "" end, -- ctrl-U
  ["\23"] = function() typed = typed:gsub("%S*%s*$", "") end, -- ctrl-W
  ["\3"] = function() enter(nil) end, -- ctrl-C
  ["\4"] = function() if typed == "" then enter(nil) end end, -- ctrl-D
}
KEYS["\n"], KEYS["\b"] = KEYS["\r"], KEYS["\127"]

local bytes = "" -- read, but not yet a whole key

local function read_keys(data)
  bytes = bytes .. data
  while bytes ~= "" do
    local key = bytes:match "^\27[%[O][%d;]*[%a~]" or bytes:match("^" .. utf8.charpattern)
    local unfinished = bytes:find "^\27[%[O]?[%d;]*$" or #bytes < 4 and key and not utf8.len(key) and key == bytes
    if unfinished then break end
    bytes = bytes:sub(key and #key + 1 or 2)
    if key and KEYS[key] then
      KEYS[key]()
    elseif key and not key:find "%c" and utf8.len(key) then
      typed = typed .. key
    end
  end
  redraw()
end

-- Where input is no terminal: a line at a time.
local function read_lines(data)
  bytes = bytes .. data
  for line in bytes:gmatch "([^\n]*)\n" do
    enter(line)
  end
  bytes = bytes:match "[^\n]*$"
end

---- Handlers: what comes in, while anything else goes on ----

tim:on("recv_new_msg", function(msgs)
  local is_open, newest, count = false, {}, {}
  for _, msg in ipairs(msgs) do
    local title = title_of(msg.message_conv_id, msg.message_conv_type)
    if current and title == current.title then
      show_message(msg)
      is_open = true
    else
      newest[title], count[title] = msg, (count[title] or 0) + 1
    end
  end
  for title, msg in pairs(newest) do
    local before = count[title] > 1 and (" (and %d before)"):format(count[title] - 1) or ""
    note("%s: %s%s   (/to %s)", title, text_of(msg), before, title)
  end
  if is_open then go(mark_read) end
end)

tim:on("msg_readed_receipt", function(receipts)
  for _, receipt in ipairs(receipts) do
    if current and receipt.msg_receipt_conv_id == current.title then current.is_read = true end
  end
  redraw()
end)

tim:on("msg_revoke", function(locators)
  for _, locator in ipairs(locators) do
    note("%s: a message of %s was taken back", title_of(locator.message_locator_conv_id, locator.message_locator_conv_type),
      os.date("%H:%M", locator.message_locator_time))
  end
end)

tim:on("conv_event", function(event, convs)
  for _, conv in ipairs(convs) do
    unread[title_of(conv.conv_id, conv.conv_type)] = event ~= timmsg.TIMConvEvent_Del and conv.conv_unread_num or nil
  end
  redraw()
end)

tim:on("network_status", function(status, code, desc)
  if status ~= timmsg.TIMConnected and code ~= 0 then note("%s (%d)", desc, code) end
end)

tim:on("kicked_offline", function() note "the server has ended this session; start again" end)

tim:on("msg_elem_upload_progress", function(_, _, done, total) show_progress("sending", done, total) end)

tim:on("error", function(err) note("error: %s", err) end)

---- Main ----

local poll = uv.new_poll(tim:pollfd())

local function quit()
  uv.tty_reset_mode() -- while stdin is open
  if stdin then stdin:close() end
  poll:close() -- before the client closes the descriptor
  if screen then
    io.stdout:write "\r\27[K"
    screen:close()
    screen = nil
  end
  tim:close()
end

local function handle(line)
  local command, rest = line:match "^/(%S*)%s*(.-)%s*$"
  if not command then
    if line:find "^%s*$" then return end
    if not current then return note "/to NAME first; /help tells more" end
    return send(timmsg.text(line))
  end
  if not commands[command] then return note("there is no /%s; /help tells what there is", command) end
  if needs_conversation[command] and not current then return note "/to NAME first" end
  if command == "send" then return commands.send(rest ~= "" and rest or nil) end -- a path may have spaces
  local words = {}
  for word in rest:gmatch "%S+" do
    words[#words + 1] = word
  end
  commands[command](table.unpack(words))
end

local failed = false

local function main()
  tim:set_config { set_config_user_config = { user_config_is_read_receipt = true } }
  if not told(tim.await:login(me, password)) then
    failed = true
    return quit()
  end
  note("hello %s; /help lists the commands", me)
  for _, conv in ipairs(told(tim.await:conv_get_conv_list()) or {}) do
    unread[title_of(conv.conv_id, conv.conv_type)] = conv.conv_unread_num
  end
  commands.list()
  for line in next_line do
    if line:find "^/quit" then break end
    handle(line)
  end
  quit()
end

poll:start("r", function() tim:poll() end)
if stdin then
  if on_terminal then
    stdin:set_mode(1) -- raw: each key at once
  else
    assert(stdin:open(0))
  end
  stdin:read_start(function(_, data)
    if not data then return enter(nil) end
    xpcall(on_terminal and read_keys or read_lines, report, data)
  end)
else -- all lines at once, and their end
  repeat
    local line = io.read "l"
    enter(line)
  until not line
end

go(main)
uv.run()
os.exit(not failed)
