-- The bot on cqueues (Debian: lua-cqueues), whose loop runs coroutines that wait for descriptors. After make:
--
--   lua5.4 examples/bots/cqueues_bot.lua bot ./chat-data [SERVER [USER_SIG]]
--
-- and elsewhere: lua5.4 examples/chat.lua alice, "/to bot", "remind 5 tea". It ends when its standard input does;
-- where that is a file or /dev/null, as under systemd or nohup, a signal ends it.
--
-- One coroutine of the loop waits for the client's descriptor and polls. The bot's own coroutines are not the loop's:
-- poll() starts and resumes them, and what they wait for comes through the client.

-- The modules of this checkout, unless the environment names others.
local here = arg[0]:match "^(.*/)" or "./"
local lua = ("%s?.lua;%s../../lua/?.lua;%s../../lua/?/init.lua"):format(here, here, here)
local core = here .. "../../build/?.so"
local named = os.getenv "LUA_CPATH_5_4" or os.getenv "LUA_CPATH"
package.path = named and package.path .. ";" .. lua or lua .. ";" .. package.path
package.cpath = named and package.cpath .. ";" .. core or core .. ";" .. package.cpath

local bot = require "bot"
local cqueues = require "cqueues"

local name, directory, server, user_sig = table.unpack(arg)
assert(directory, "usage: cqueues_bot.lua NAME DIR [SERVER [USER_SIG]]")

local loop = cqueues.new()
local is_over = false

local function after(ms, action)
  loop:wrap(function()
    cqueues.sleep(ms / 1000)
    action()
  end)
end

local tim = bot.client(name, directory, server, user_sig, function() print "ready" io.stdout:flush() end)
bot.start(tim, after, directory)

loop:wrap(function()
  while not is_over do
    tim:poll()
    cqueues.poll(tim) -- it says what it waits for: pollfd, events, timeout
  end
end)

if not io.stdin:seek() then -- in a file one can seek, and no loop can watch it
  loop:wrap(function()
    repeat cqueues.poll { pollfd = 0, events = "r" } until not io.read "l"
    is_over = true
  end)
end

repeat
  local ok, err = loop:step()
  if not ok then io.stderr:write(tostring(err), "\n") end
until is_over
cqueues.cancel(tim:pollfd()) -- before the client closes the descriptor
tim:close()
