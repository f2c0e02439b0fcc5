-- What busted loads before the spec files: on XMPP the module that has the server, so that one serves them all.

local backend = os.getenv "TIMMSG_BACKEND"
if backend and backend ~= "" and backend ~= "hub" then
  local xmpp_server = require "xmpp_server"
  require "busted".subscribe({ "suite", "end" }, function()
    xmpp_server.close_shared()
    return nil, true -- others want to know, too
  end)
end
