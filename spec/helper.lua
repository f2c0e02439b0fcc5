-- What busted loads before the spec files: a watch over specs that hang, and on XMPP the module that has the server, so that
-- one serves them all. The specs' own servers write to connections whose other side may be gone; that is no reason to die.

local busted = require "busted"
local support = require "support"
local uv = require "luv"

local broken_pipe = uv.new_signal()
broken_pipe:start("sigpipe", function() end)
broken_pipe:unref()

local ROOT <const> = debug.getinfo(1, "S").source:match "^@(.*)helper%.lua$"
-- Far more than any spec takes.
local HANGS_S <const> = 600

local seconds = HANGS_S * support.PATIENCE
local watch = assert(io.popen(("exec env -u LD_PRELOAD %swatch %d %d"):format(ROOT, uv.os_getpid(), seconds), "w"))
watch:setvbuf "line"
busted.subscribe({ "test", "start" }, function(test, parent)
  watch:write(("%s: %s %s"):format(test.trace.short_src, parent.name, test.name):gsub("\n", " "), "\n")
  return nil, true -- others want to know, too
end)
busted.subscribe({ "suite", "end" }, function()
  watch:write "\n"
  watch:close()
  return nil, true
end)

if not support.is_hub then
  -- Only their own authority vouches for the servers. Reading those that the system trusts, at each connection, took half of
  -- the specs' time.
  uv.os_setenv("SSL_CERT_FILE", "/dev/null")
  local xmpp_server = require "xmpp_server"
  busted.subscribe({ "suite", "end" }, function()
    xmpp_server.close_shared()
    return nil, true
  end)
end
