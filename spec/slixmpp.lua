-- A foreign XMPP client for the specs: starts spec/slixmpp_peer.py, tells it what to do, and waits for what it says.
--
--   local peer = slixmpp.start(dir, "carol")
--   peer:tell { ["do"] = "send", to = "alice@" .. peer.host, body = "hello" }
--   local id = peer:expect { event = "sent" }.id

local json = require "dkjson"
local uv = require "luv"
local support = require "support"
local xmpp_server = require "xmpp_server"

local slixmpp = {}

local running = {}

-- Debian's, which has the package, whatever comes first in the path.
local PYTHON <const> = "/usr/bin/python3"
local SCRIPT <const> = debug.getinfo(1, "S").source:match "^@(.*)slixmpp%.lua$" .. "slixmpp_peer.py"

local methods = {}
methods.__index = methods

local function holds(wanted, said)
  for key, value in pairs(wanted) do
    if said[key] ~= value then return false end
  end
  return true
end

-- Waits until it says something that has these values: all of it. What is waited for next is behind that.
function methods:expect(wanted, ...)
  local found
  support.pump(support.DEADLINE_MS, function()
    uv.run "nowait"
    while not found and self.seen < #self.said do
      self.seen = self.seen + 1
      if holds(wanted, self.said[self.seen]) then found = self.said[self.seen] end
    end
    return found or self.code
  end, ...)
  if not found then
    error(("not said: %s; the last: %s; %s"):format(json.encode(wanted), json.encode(self.said[#self.said]), self.complaint), 2)
  end
  return found
end

-- How often it has said such a thing so far.
function methods:count(wanted)
  uv.run "nowait"
  local count = 0
  for _, said in ipairs(self.said) do
    if holds(wanted, said) then count = count + 1 end
  end
  return count
end

function methods:tell(order)
  self.input:write(json.encode(order) .. "\n")
end

-- Logs a user in.
function slixmpp.start(dir, user)
  support.account(dir, user)
  local server, host = support.xmpp_server(), support.xmpp_host(dir)
  local self = setmetatable({ said = {}, seen = 0, rest = "", complaint = "", host = host }, methods)
  self.jid = xmpp_server.localpart(user) .. "@" .. host
  self.input, self.output, self.errors = uv.new_pipe(), uv.new_pipe(), uv.new_pipe()
  self.handle = assert(uv.spawn("env", {
    args = { "-u", "LD_PRELOAD", PYTHON, SCRIPT, self.jid, "sig", tostring(math.floor(server.c2s_port)), server.ca_file },
    stdio = { self.input, self.output, self.errors },
  }, function(code)
    self.code = code
    self.handle:close()
  end))
  running[self] = true
  self.output:read_start(function(_, data)
    self.rest = (self.rest .. (data or "")):gsub("(.-)\n", function(line)
      self.said[#self.said + 1] = json.decode(line)
      return ""
    end)
  end)
  self.errors:read_start(function(_, data) self.complaint = self.complaint .. (data or "") end)
  self:expect { event = "up" }
  return self
end

-- For after_each, before support.cleanup: none is left running.
function slixmpp.cleanup()
  for self in pairs(running) do
    if not self.code then self.handle:kill "sigkill" end
    support.eventually(function()
      uv.run "nowait"
      return self.code
    end)
    for _, pipe in ipairs { self.input, self.output, self.errors } do
      if not pipe:is_closing() then pipe:close() end
    end
    uv.run "nowait"
  end
  running = {}
end

return slixmpp
