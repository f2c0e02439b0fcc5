-- Guard: a process that runs a server for the specs and outlives neither it nor them.
-- lua5.4 spec/guard.lua DIRECTORY COMMAND...    (started by spec/xmpp_server.lua)
-- It obeys lines on its standard input: "start" (it answers "started PID"), "stop" (TERM, and KILL if that takes too
-- long) and "kill". Whenever the server has ended it says "ended CODE SIGNAL". When its standard input ends, because
-- whoever started it is gone, it stops the server, removes the directory, unless that is "", and ends.

local uv = require "luv"

local PATIENCE_MS <const> = 8000

local directory <const> = arg[1]

local input = assert(uv.new_pipe())
assert(input:open(0))
local timer = uv.new_timer()

local server, is_leaving

-- whoever is gone reads no answers; that is no reason to die of it
uv.new_signal():start("sigpipe", function() end)

local function say(...)
  io.stdout:write(table.concat({ ... }, " "), "\n")
  io.stdout:flush()
end

local function leave()
  if directory == "" then os.exit(0) end
  uv.spawn("rm", { args = { "-rf", "--", directory } }, function() os.exit(0) end)
end

local commands = {}

function commands.start()
  -- what it says before it has a log
  local output = assert(uv.fs_open(directory ~= "" and directory .. "/output.txt" or "/dev/null", "a", 384))
  local handle, pid
  handle, pid = uv.spawn(arg[2], { args = { table.unpack(arg, 3) }, stdio = { nil, output, output } }, function(code, signal)
    handle:close()
    timer:stop()
    server = nil
    say("ended", code, signal)
    if is_leaving then leave() end
  end)
  uv.fs_close(output)
  server = assert(handle, pid)
  say("started", pid)
end

function commands.stop()
  server:kill "sigterm"
  timer:start(PATIENCE_MS, 0, function() server:kill "sigkill" end)
end

function commands.kill()
  server:kill "sigkill"
end

local rest = ""
input:read_start(function(_, data)
  if data then
    rest = (rest .. data):gsub("(%a+)\n", function(word)
      commands[word]()
      return ""
    end)
    return
  end
  input:close()
  is_leaving = true
  if server then commands.stop() else leave() end
end)

uv.run()
