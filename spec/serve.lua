-- Starts an XMPP server, runs a command that finds it in its environment, and ends the server:
--
--   lua5.4 spec/serve.lua prosody lua5.4 examples/demo.lua      (or ejabberd; "make demo SERVER=prosody" does this)
--   lua5.4 spec/serve.lua prosody sh                            a shell, to try things out
--
-- TIMMSG_SERVER is the server's address; TIMMSG_PASSWORD is the password of its users, who are alice, bob and carol. With
-- TIMMSG_PAIRS=100 there are alice1, bob1, alice2, … bob100 too. All of it is on 127.0.0.1 and in a directory that is gone
-- afterwards.

package.path = (arg[0]:match "^(.*/)" or "./") .. "?.lua;" .. package.path

local uv = require "luv"
local xmpp_server = require "xmpp_server"

local PASSWORD <const> = "demo"

local kind, program = arg[1], arg[2]
if kind ~= "prosody" and kind ~= "ejabberd" or not program then
  io.stderr:write("usage: lua5.4 spec/serve.lua prosody|ejabberd COMMAND …\n")
  os.exit(1)
end

local server = xmpp_server.start(kind)
for _, name in ipairs { "alice", "bob", "carol" } do
  server:register(name, PASSWORD)
end
for i = 1, tonumber(os.getenv "TIMMSG_PAIRS") or 0 do
  server:register("alice" .. i, PASSWORD)
  server:register("bob" .. i, PASSWORD)
end

uv.os_setenv("TIMMSG_SERVER", server:address())
uv.os_setenv("TIMMSG_PASSWORD", PASSWORD)

local code
local handle, failure = uv.spawn(program, { args = { table.unpack(arg, 3) }, stdio = { 0, 1, 2 } }, function(exit_code, signal)
  code = signal == 0 and exit_code or 128 + signal
end)
if not handle then io.stderr:write(program, ": ", failure, "\n") end
-- ctrl-C is for the command, which shares the terminal: the server goes when that has ended
uv.new_signal():start("sigint", function() end)
while handle and not code do uv.run "once" end

server:close()
os.exit(code or 1)
