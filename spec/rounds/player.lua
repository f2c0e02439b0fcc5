-- A player of the rounds: a client in a process of its own, which obeys lines on its standard input and prints a line
-- for each thing that it did or saw. It ends when its standard input does, if it is not killed first.
-- lua5.4 spec/rounds/player.lua DIR SERVER USER PASSWORD TIMEOUT_MS    (started by spec/rounds/rounds.lua)
--
--   send TYPE CONV TEXT     "taken TEXT" once the call is in, "sent CODE TEXT" in its callback
--   again TYPE CONV TEXT    the same with the message of that text as the store has it; "settled TEXT" if that has not failed
--   create GROUP USER       "created CODE"
--   list TYPE CONV COUNT    "row TYPE STATUS TEXT" for the newest so many (0: all), and "listed"
--   sync                    "synced", behind all events that were told before
--
-- By itself it says "ready" once it is logged in, and "got TYPE SENDER TEXT" for each message that comes.

local timmsg = require "timmsg"
local uv = require "luv"

local PAGE <const> = 1000

local dir <const>, server <const>, user <const>, password <const>, timeout <const> = table.unpack(arg)

io.stdout:setvbuf "line"

local function say(...)
  io.stdout:write(table.concat({ ... }, " "), "\n")
end

local client = assert(timmsg.new {
  sdk_app_id = 1400000001, data_dir = dir, server = server, request_timeout_ms = math.tointeger(tonumber(timeout)),
  log_file_path = dir, log_level = timmsg.TIMLog_Debug,
})

local function text_of(msg)
  local elem = msg.message_elem_array[1]
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

local function send(conv_type, conv, msg, text)
  local ok, desc, code = client:send_new_msg(conv, conv_type, msg, function(code, desc)
    if code ~= 0 then io.stderr:write(("%s: %s (%d)\n"):format(text, desc, code)) end
    say("sent", code, text)
  end)
  if ok then say("taken", text) else error(("%s: %s (%s)"):format(text, desc, code)) end
end

local commands = {}

function commands.send(conv_type, conv, text)
  send(conv_type, conv, timmsg.text(text), text)
end

function commands.again(conv_type, conv, text)
  read(conv_type, conv, 100, function(msgs)
    for _, msg in ipairs(msgs) do
      if text_of(msg) == text and msg.message_status == timmsg.TIMMsg_SendFail then return send(conv_type, conv, msg, text) end
    end
    say("settled", text)
  end)
end

function commands.create(_, group, member)
  assert(client:group_create({
    create_group_param_group_id = group, create_group_param_group_name = group,
    create_group_param_group_member_array = { { group_member_info_identifier = member } },
  }, function(code) say("created", code) end))
end

function commands.list(conv_type, conv, count)
  read(conv_type, conv, tonumber(count), function(msgs)
    for _, msg in ipairs(msgs) do
      say("row", conv_type, msg.message_status, text_of(msg))
    end
    say "listed"
  end)
end

function commands.sync()
  assert(client:conv_get_conv_list(function() say "synced" end))
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
