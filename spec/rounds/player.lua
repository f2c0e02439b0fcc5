-- A player of the rounds: a client in a process of its own, which obeys lines on its standard input and prints a line
-- for each thing that it did or saw. It ends when its standard input does, if it is not killed first.
-- lua5.4 spec/rounds/player.lua DIR SERVER USER PASSWORD TIMEOUT_MS [DOOM...]    (started by players.lua)
--
--   send TYPE CONV TEXT          "taken TEXT" once the call is in, "sent CODE TEXT" in its callback
--   media TYPE CONV PATH TEXT    the same with a file behind the text
--   again TYPE CONV TEXT         the same with the message of that text as the store has it; "settled TEXT" if that has not failed
--   fetch TYPE CONV PATH TEXT    "fetched CODE TEXT": what was sent with the message of that text is at the path
--   revoke TYPE CONV TEXT        "revoked CODE TEXT"
--   read TYPE CONV TAG           "readed CODE TAG"
--   import TYPE CONV COUNT       "imported CODE CONV"
--   total TYPE CONV              "total COUNT CONV": messages of the conversation
--   create GROUP USER...         "created CODE"
--   list TYPE CONV COUNT         "row TYPE CONV STATUS READ SENDER RAND TEXT" for the newest so many (0: all), and "listed"
--   convs                        "conv TYPE CONV UNREAD RAND" for each, with the rand of its last message; and "told"
--   sync                         "synced", behind all events that were told before
--   doom KINDS COUNT             it dies at an operation on files (spec/crash/disk.h)
--   doom MICROSECONDS            it dies when these are over
--
-- By itself it says "ready" once it is logged in, and "got TYPE SENDER TEXT" for each message that comes. A doom that is
-- given as arguments is that from the start.

local timmsg = require "timmsg"
local uv = require "luv"

local PAGE <const> = 1000
-- Of what was not long ago.
local NEWEST <const> = 100

local dir <const>, server <const>, user <const>, password <const>, timeout <const> = table.unpack(arg)

io.stdout:setvbuf "line"

local function say(...)
  io.stdout:write(table.concat({ ... }, " "), "\n")
end

local function doom(kinds, count)
  local disk = require "disk"
  if tonumber(kinds) then disk.doom_after(tonumber(kinds)) else disk.doom(kinds, tonumber(count)) end
end

if arg[6] then doom(arg[6], arg[7]) end

local client = assert(timmsg.new {
  sdk_app_id = 1400000001, data_dir = dir, server = server, request_timeout_ms = math.tointeger(tonumber(timeout)),
  log_file_path = dir, log_level = timmsg.TIMLog_Debug,
})

local function text_of(msg)
  local elem = msg.message_elem_array and msg.message_elem_array[1]
  return elem and elem.text_elem_content or "-"
end

client:on("recv_new_msg", function(msgs)
  for _, msg in ipairs(msgs) do
    say("got", msg.message_conv_type, msg.message_sender, text_of(msg))
  end
end)

-- The newest `count` of a conversation (0: all), newest first.
local function read(conv_type, conv, count, on_end)
  local all = {}
  local function ask()
    assert(client:get_msg_list(conv, conv_type, {
      msg_getmsglist_param_count = count > 0 and count or PAGE, msg_getmsglist_param_last_msg = all[#all],
    }, function(code, desc, page)
      assert(code == 0, desc)
      table.move(page, 1, #page, #all + 1, all)
      if count > 0 or #page == 0 then return on_end(all) end
      ask()
    end))
  end
  ask()
end

-- The message of that text among the newest, or nil.
local function find(conv_type, conv, text, on_end)
  read(conv_type, conv, NEWEST, function(msgs)
    for _, msg in ipairs(msgs) do
      if text_of(msg) == text then return on_end(msg) end
    end
    on_end(nil)
  end)
end

local function send(conv_type, conv, msg, text)
  local ok, desc, code = client:send_new_msg(conv, conv_type, msg, function(code, desc)
    if code ~= 0 then io.stderr:write(("%s: %s (%d)\n"):format(text, desc, code)) end
    say("sent", code, text)
  end)
  if ok then say("taken", text) else error(("%s: %s (%s)"):format(text, desc, code)) end
end

-- A callback that says how it ended.
local function saying(word, tag)
  return function(code, desc)
    if code ~= 0 then io.stderr:write(("%s %s: %s (%d)\n"):format(word, tag, desc, code)) end
    say(word, code, tag)
  end
end

local commands = {}

function commands.send(conv_type, conv, text)
  send(conv_type, conv, timmsg.text(text), text)
end

function commands.media(conv_type, conv, more)
  local path, text = more:match "^(%S+) (.*)$"
  send(conv_type, conv, timmsg.message(timmsg.text(text), timmsg.file(path)), text)
end

function commands.again(conv_type, conv, text)
  find(conv_type, conv, text, function(msg)
    if msg and msg.message_status == timmsg.TIMMsg_SendFail then return send(conv_type, conv, msg, text) end
    say("settled", text)
  end)
end

function commands.fetch(conv_type, conv, more)
  local path, text = more:match "^(%S+) (.*)$"
  find(conv_type, conv, text, function(msg)
    local elem = msg and msg.message_elem_array and msg.message_elem_array[2]
    if not elem then return say("fetched", -1, text) end
    assert(client:download_elem_to_path({
      msg_download_elem_param_type = timmsg.TIMDownload_File, msg_download_elem_param_id = elem.file_elem_file_id,
      msg_download_elem_param_url = elem.file_elem_url,
    }, path, function(code, desc, result)
      if code == 0 and result.msg_download_elem_result_current_size < result.msg_download_elem_result_total_size then return end
      saying("fetched", text)(code, desc)
    end))
  end)
end

function commands.revoke(conv_type, conv, text)
  find(conv_type, conv, text, function(msg)
    if not msg then return say("revoked", -1, text) end
    assert(client:revoke(conv, conv_type, msg, saying("revoked", text)))
  end)
end

function commands.read(conv_type, conv, tag)
  assert(client:report_readed(conv, conv_type, saying("readed", tag)))
end

function commands.import(conv_type, conv, count)
  local list = {}
  for i = 1, tonumber(count) do
    list[i] = timmsg.text("imported " .. i)
    list[i].message_server_time, list[i].message_seq, list[i].message_rand = 1400000000 + i // 100, i, i
  end
  assert(client:import_msg_list(conv, conv_type, list, saying("imported", conv)))
end

function commands.total(conv_type, conv)
  read(conv_type, conv, 0, function(msgs) say("total", #msgs, conv) end)
end

function commands.create(_, group, more)
  local members = {}
  for member in more:gmatch "%S+" do
    members[#members + 1] = { group_member_info_identifier = member }
  end
  assert(client:group_create({
    create_group_param_group_id = group, create_group_param_group_name = group,
    create_group_param_group_member_array = timmsg.array(members),
  }, function(code) say("created", code) end))
end

function commands.list(conv_type, conv, count)
  read(conv_type, conv, tonumber(count), function(msgs)
    for _, msg in ipairs(msgs) do
      say("row", conv_type, conv, msg.message_status, msg.message_is_read and 1 or 0, msg.message_sender, msg.message_rand,
        text_of(msg))
    end
    say "listed"
  end)
end

function commands.convs()
  assert(client:conv_get_conv_list(function(code, desc, convs)
    assert(code == 0, desc)
    for _, conv in ipairs(convs) do
      say("conv", conv.conv_type, conv.conv_id, conv.conv_unread_num, conv.conv_last_msg and conv.conv_last_msg.message_rand or 0)
    end
    say "told"
  end))
end

function commands.sync()
  assert(client:conv_get_conv_list(function() say "synced" end))
end

function commands.doom(microseconds, kinds, count)
  doom(microseconds or kinds, count)
end

local input = assert(uv.new_pipe())
assert(input:open(0))
local rest = ""
input:read_start(function(_, data)
  if not data then return uv.stop() end
  rest = (rest .. data):gsub("(.-)\n", function(line)
    local word, conv_type, conv, more = line:match "^(%a+) ?(%d*) ?(%S*) ?(.*)$"
    commands[word](tonumber(conv_type), conv, more)
    return ""
  end)
end)

-- What a fault broke off is tried again.
local function log_in()
  assert(client:login(user, password, function(code, desc)
    if code == 0 then return say "ready" end
    io.stderr:write("login: ", desc, "\n")
    local timer = uv.new_timer()
    timer:start(100, 0, function()
      timer:close()
      log_in()
    end)
  end))
end

assert(uv.new_poll(assert(client:pollfd()))):start("r", function() client:poll() end)
log_in()
client:poll()
uv.run()
client:close()
