-- Bot: what it answers, on any event loop. luv_bot.lua and cqueues_bot.lua are its two homes: they bring the client, wake
-- it when its descriptor is readable, and lend it their timers.
--
--   local bot = require "bot"
--   bot.start(tim, after, directory)     after(ms, action): the loop's timer; directory: where files that it gets go
--
-- It says what it is told to ("echo TEXT"), reminds people ("remind SECONDS TEXT"), and fetches files and pictures that
-- it is sent and says how large they are. Groups it listens to, and answers there if it is named: "bot: echo hi".

local timmsg = require "timmsg"

local bot = {}

local commands = {}

function commands.echo(_, rest) return rest end

function commands.remind(home, rest, answer)
  local seconds, text = rest:match "^(%d+%.?%d*)%s+(.+)$"
  if not seconds then return "remind SECONDS TEXT" end
  home.after(math.floor(tonumber(seconds) * 1000), function() answer(text) end)
  return ("in %s s"):format(seconds)
end

-- The url and name of what an element carries; nil: nothing that could be fetched.
local function attachment(elem)
  if elem.elem_type == timmsg.TIMElem_File then return elem.file_elem_url, elem.file_elem_file_name or "file" end
  if elem.elem_type == timmsg.TIMElem_Image then return elem.image_elem_orig_url, "picture" end
  if elem.elem_type == timmsg.TIMElem_Sound then return elem.sound_elem_url, "sound" end
end

-- Runs in a coroutine: the download takes its time, and meanwhile others are answered.
local function fetch(home, url, name)
  home.count = home.count + 1
  local path = ("%s/%d-%s"):format(home.directory, home.count, name:gsub("[^%w%.%-_]", "_"):sub(-80))
  local done, desc, code = home.tim.await:download_elem_to_path({ msg_download_elem_param_url = url }, path)
  if not done then return ("that did not come: %s (%d)"):format(desc, code) end
  local file <close> = assert(io.open(path, "rb"))
  return ("%s: %d bytes"):format(name, file:seek "end")
end

local function reply(home, msg, elem, answer)
  local url, name = attachment(elem)
  if url then return fetch(home, url, name) end
  if elem.elem_type ~= timmsg.TIMElem_Text then return nil end
  local text = elem.text_elem_content
  if msg.message_conv_type == timmsg.GROUP then
    text = text:match "^bot:%s*(.*)$"
    if not text then return nil end
  end
  local name_of_command, rest = text:match "^(%a+)%s*(.*)$"
  local command = commands[name_of_command]
  return command and command(home, rest, answer) or "echo TEXT, remind SECONDS TEXT, or send me a file"
end

local function take(home, msg)
  if msg.message_is_from_self or msg.message_sender:find "^@TIM#" then return end
  local function answer(text)
    home.tim:send_new_msg(msg.message_conv_id, msg.message_conv_type, timmsg.text(text), function(code, desc)
      if code ~= 0 then io.stderr:write(("not sent: %s (%d)\n"):format(desc, code)) end
    end)
  end
  home.tim:report_readed(msg.message_conv_id, msg.message_conv_type, msg)
  for _, elem in ipairs(msg.message_elem_array) do
    local text = reply(home, msg, elem, answer)
    if text then answer(text) end
  end
end

-- Answers whatever comes from now on.
function bot.start(tim, after, directory)
  local home = { tim = tim, after = after, directory = directory, count = 0 }
  tim:on("recv_new_msg", function(msgs)
    for _, msg in ipairs(msgs) do
      -- a coroutine each: one that waits for a file keeps nobody else waiting
      local co = coroutine.create(take)
      local ok, err = coroutine.resume(co, home, msg)
      if not ok then io.stderr:write(debug.traceback(co, err), "\n") end
    end
  end)
  tim:on("error", function(err, traceback) io.stderr:write(tostring(traceback or err), "\n") end)
end

-- The client that a home's command line asks for: NAME DIR [SERVER [USER_SIG]], logged in once on_ready() is called.
function bot.client(name, directory, server, user_sig, on_ready)
  local tim = assert(timmsg.new { sdk_app_id = 1400000001, data_dir = directory, server = server })
  assert(tim:login(name, user_sig or "", function(code, desc)
    if code ~= 0 then error(("%s can't log in: %s (%d)"):format(name, desc, code), 0) end
    on_ready()
  end))
  return tim
end

return bot
