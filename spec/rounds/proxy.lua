-- Proxy: a TCP proxy on 127.0.0.1, in luv's loop, whose connections can be broken.
--
--   local proxy = proxy.start(port)   forwards to that port
--   proxy.port                        where it listens
--   proxy:cut(how)                    breaks the connections that there are
--   proxy:trip(count)                 the next one is broken when that many bytes have come through it, in both directions
--   proxy:close()
--
-- Ways to break: "close" (both sides see an end), "reset" (both see an error), "up" and "down" (what goes to the server,
-- or comes from it, is swallowed from now on, and a moment later both sides see an error), "client" and "server" (that
-- side sees an end, the other one an error some time later).

local uv = require "luv"

local proxy = {}

-- For so long one direction is dead before the connection is.
local STALL_MS <const> = 150

local methods = {}
methods.__index = methods

proxy.WAYS = { "close", "reset", "up", "down", "client", "server" }

local function close(socket)
  if not socket:is_closing() then socket:close() end
end

local function reset(socket)
  if socket:is_closing() then return end
  if not socket:close_reset() then close(socket) end
end

local function forget(self, link)
  self.links[link] = nil
  if link.timer then close(link.timer) end
  link.timer = nil
end

-- After a while the whole link is broken.
local function break_later(self, link)
  if link.timer then return end
  link.timer = uv.new_timer()
  link.timer:start(STALL_MS, 0, function()
    reset(link.client)
    reset(link.server)
    forget(self, link)
  end)
end

local breaking = {}

function breaking.close(self, link)
  close(link.client)
  close(link.server)
  forget(self, link)
end

function breaking.reset(self, link)
  reset(link.client)
  reset(link.server)
  forget(self, link)
end

function breaking.up(self, link)
  link.dead_up = true
  break_later(self, link)
end

function breaking.down(self, link)
  link.dead_down = true
  break_later(self, link)
end

function breaking.client(self, link)
  close(link.client)
  break_later(self, link)
end

function breaking.server(self, link)
  close(link.server)
  break_later(self, link)
end

-- Passes on what comes from one side; its end, too.
local function pass(self, link, from, to, dead)
  from:read_start(function(err, data)
    if not data then
      if link.timer then return end -- it is being broken
      return (err and breaking.reset or breaking.close)(self, link)
    end
    if not link[dead] and not to:is_closing() then to:write(data) end
    link.left = link.left and link.left - #data
    if link.left and link.left <= 0 then
      link.left = nil
      self.tripped = self.tripped + 1
      breaking[link.how](self, link)
    end
  end)
end

local function accept(self)
  local link = { client = uv.new_tcp(), server = uv.new_tcp() }
  assert(self.listener:accept(link.client))
  self.links[link] = true
  link.server:connect("127.0.0.1", self.target, function(err)
    if err or link.client:is_closing() then return breaking.reset(self, link) end
    link.client:nodelay(true)
    link.server:nodelay(true)
    link.left, link.how = self.next_count, self.next_how
    self.next_count = nil
    pass(self, link, link.client, link.server, "dead_up")
    pass(self, link, link.server, link.client, "dead_down")
  end)
end

function proxy.start(target)
  local self = setmetatable({ target = target, links = {}, tripped = 0 }, methods)
  self.listener = uv.new_tcp()
  assert(self.listener:bind("127.0.0.1", 0))
  assert(self.listener:listen(16, function(err) if not err then accept(self) end end))
  self.port = self.listener:getsockname().port
  return self
end

function methods:cut(how)
  for link in pairs(self.links) do
    if not link.timer then breaking[how](self, link) end
  end
end

function methods:trip(count, how)
  self.next_count, self.next_how = count, how
end

function methods:close()
  self:cut "close"
  for link in pairs(self.links) do
    breaking.close(self, link)
  end
  close(self.listener)
end

return proxy
