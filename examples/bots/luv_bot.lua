-- The bot on luv, libuv's event loop (Debian: lua-luv). After make:
--
--   lua5.4 examples/bots/luv_bot.lua bot ./chat-data [SERVER [USER_SIG]]
--
-- and elsewhere: lua5.4 examples/chat.lua alice, "/to bot", "remind 5 tea". It ends when its standard input does;
-- where that is a file or /dev/null, as under systemd or nohup, a signal ends it.
--
-- The client's descriptor is readable when there is something to tell. Nothing else wakes it: no timer, no thread.

-- The modules of this checkout, unless the environment names others.
local here = arg[0]:match "^(.*/)" or "./"
local lua = ("%s?.lua;%s../../lua/?.lua;%s../../lua/?/init.lua"):format(here, here, here)
local core = here .. "../../build/?.so"
local named = os.getenv "LUA_CPATH_5_4" or os.getenv "LUA_CPATH"
package.path = named and package.path .. ";" .. lua or lua .. ";" .. package.path
package.cpath = named and package.cpath .. ";" .. core or core .. ";" .. package.cpath

local bot = require "bot"
local uv = require "luv"

local name, directory, server, user_sig = table.unpack(arg)
assert(directory, "usage: luv_bot.lua NAME DIR [SERVER [USER_SIG]]")

local function after(ms, action)
  local timer = uv.new_timer()
  timer:start(ms, 0, function()
    timer:close()
    action()
  end)
end

local tim = bot.client(name, directory, server, user_sig, function() print "ready" io.stdout:flush() end)
bot.start(tim, after, directory)

local poll = uv.new_poll(tim:pollfd())
poll:start("r", function() tim:poll() end)

local input = uv.guess_handle(0)
if input == "pipe" or input == "tty" then -- no loop can watch a file
  local stdin = uv.new_pipe()
  stdin:open(0)
  stdin:read_start(function(_, data)
    if not data then uv.stop() end
  end)
end

uv.run()
-- all handles, timers too; the client's before the client closes the descriptor
uv.walk(function(handle)
  if not handle:is_closing() then handle:close() end
end)
uv.run()
tim:close()
