-- An XMPP stream for the specs: a user of the server who writes stanzas by hand, well or badly. `openssl s_client` does
-- STARTTLS, and checks the certificate as strictly as timmsg.
--
--   local stream = xmpp_stream.connect(support.xmpp_server(), host, "mallory", "sig")
--   stream:send "<presence/>"
--   local id = stream:expect "<message[^>]*id=['\"]([^'\"]*)"

local uv = require "luv"
local support = require "support"
local xmpp_server = require "xmpp_server"

local xmpp_stream = {}

local running = {}

local methods = {}
methods.__index = methods

local BASE64 <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
  local encoded = text:gsub("..?.?", function(part)
    local a, b, c = part:byte(1, 3)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    local digits = {}
    for i = 1, #part + 1 do
      local at = (bits >> 24 - 6 * i & 63) + 1
      digits[i] = BASE64:sub(at, at)
    end
    return table.concat(digits) .. ("="):rep(3 - #part)
  end)
  return encoded
end

-- Sends what it is given, as it is.
function methods:send(xml)
  self.input:write(xml)
end

-- Waits until something has come that the pattern matches: its captures. What is up to there is forgotten.
function methods:expect(pattern)
  local found
  support.pump(support.DEADLINE_MS, function()
    uv.run "nowait"
    found = table.pack(self.received:find(pattern))
    return found[1] or self.has_ended
  end)
  if not found[1] then
    error(("no %s in what came from the server: %s%s"):format(pattern, self.received, self.complaint), 2)
  end
  self.received = self.received:sub(found[2] + 1)
  return table.unpack(found, 3, math.max(found.n, 3))
end

-- Whether something that the pattern matches has come since the last expect.
function methods:has(pattern)
  uv.run "nowait"
  return self.received:find(pattern) ~= nil
end

-- Sends an iq and waits for the answer: its type ("result" or "error") and what is in it. What came before it is in
-- `passed`, and expected later all the same.
function methods:ask(kind, to, content)
  self.asked = self.asked + 1
  local id = "ask" .. self.asked
  self:send(("<iq type='%s' id='%s'%s>%s</iq>"):format(kind, id, to and (" to='%s'"):format(to) or "", content))
  local before, head = self:expect("^(.-)(<iq [^>]*id=['\"]" .. id .. "['\"][^>]*>)")
  local body = head:find "/>$" and "" or self:expect "^(.-)</iq>"
  self.passed = before
  self.received = before .. self.received
  return head:match "type=['\"](%a+)['\"]", body
end

function methods:open()
  self:send(("<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='%s' version='1.0' xmlns:stream='%s'>"):format(
    self.host, "http://etherx.jabber.org/streams"))
  self:expect "<stream:features.-</stream:features>"
end

-- Ends it at once, if it is open: what a lost connection looks like to the server.
function methods:close()
  if not running[self] then return end
  running[self] = nil
  if self.handle then self.handle:kill "sigkill" end
  support.eventually(function()
    uv.run "nowait"
    return not self.handle
  end)
  for _, pipe in ipairs { self.input, self.output, self.errors } do
    if not pipe:is_closing() then pipe:close() end
  end
  uv.run "nowait"
end

-- Logs a user in at the host. nil and what the server said if it doesn't take the password. The stream's `jid` is the
-- full one. `resource` may be left to the server.
function xmpp_stream.connect(server, host, user, password, resource)
  local self = setmetatable({ host = host, received = "", complaint = "", asked = 0 }, methods)
  self.input, self.output, self.errors = uv.new_pipe(), uv.new_pipe(), uv.new_pipe()
  self.handle = assert(uv.spawn("env", {
    -- -quiet: no line of what is sent is a command to it
    args = { "-u", "LD_PRELOAD", "openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile", server.ca_file,
             "-verify_hostname", host, "-starttls", "xmpp", "-xmpphost", host, "-connect", "127.0.0.1:" .. server.c2s_port },
    stdio = { self.input, self.output, self.errors },
  }, function()
    self.handle:close()
    self.handle = nil
  end))
  running[self] = true
  self.output:read_start(function(_, data)
    self.received = self.received .. (data or "")
    self.has_ended = not data
  end)
  self.errors:read_start(function(_, data) self.complaint = self.complaint .. (data or "") end)
  self:open()
  local localpart = xmpp_server.localpart(user)
  self:send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" ..
    base64("\0" .. localpart .. "\0" .. password) .. "</auth>")
  local outcome, rest = self:expect "<(%a+)[^>]*xmpp%-sasl['\"](.-)>"
  if outcome ~= "success" then
    rest = rest .. self:expect "^(.-)</failure>"
    self:close()
    return nil, rest
  end
  self:open()
  local _, bound = self:ask("set", nil, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>" ..
    (resource and "<resource>" .. resource .. "</resource>" or "") .. "</bind>")
  self.jid = bound:match "<jid>(.-)</jid>"
  return self
end

-- For after_each: none is left open.
function xmpp_stream.cleanup()
  for stream in pairs(running) do
    stream:close()
  end
end

return xmpp_stream
