-- Testing: a hub for tests. It lies in memory, its clock stands still until it is moved, and what follows from chance
-- follows from a seed: a test sees the same each time it runs. Any number of users live in one Lua state. Under it is the
-- code that everybody runs; only storage, clock and threads are others (csrc/world.h).
--
-- With busted, or luassert, there are assertions too: assertions.lua.

local core = require "timmsg.core"
local assertions = require "timmsg.assertions"
require "timmsg" -- for code under test that does not: a client's await

-- Far more than anything needs that comes to rest.
local MAX_ROUNDS <const> = 100000

local testing = {}

-- What the C half has of a hub (csrc/lua/world.c).
---@class timmsg.testing.World : userdata
---@field pump fun(self: timmsg.testing.World)
---@field advance fun(self: timmsg.testing.World, ms: integer): integer
---@field now fun(self: timmsg.testing.World): integer
---@field set_now fun(self: timmsg.testing.World, seconds: integer)
---@field close fun(self: timmsg.testing.World)

---@class timmsg.testing.Hub
---@field package world timmsg.testing.World
---@field package clients timmsg.Client[] in the order in which they were made
---@field package told table<timmsg.Client, timmsg.Message[]>
local Hub = {}
Hub.__index = Hub
Hub.__name = "timmsg.testing.Hub"

---@class timmsg.testing.Options
---@field seed? integer what random numbers follow from; 1
---@field time? integer the Unix time at which the clock stands; 1700000000

-- Complains to the caller of new.
local function check_options(options)
  local function refuse(...) error(("bad argument #1 to 'new' (%s)"):format(string.format(...)), 4) end
  if type(options) ~= "table" then refuse("table expected, got %s", type(options)) end
  for name, value in pairs(options) do
    if type(name) ~= "string" then refuse("an option's name is a string, not a %s", type(name)) end
    if name ~= "seed" and name ~= "time" then refuse("there is no option '%s'", name) end
    if type(value) ~= "number" or not math.tointeger(value) then
      refuse("option '%s': integer expected, got %s", name, type(value))
    end
    if name == "time" and value <= 0 then refuse "option 'time': a Unix time expected" end
  end
end

-- An argument error of the method `name`, for its caller.
local function refuse(number, name, ...)
  error(("bad argument #%d to '%s' (%s)"):format(number, name, string.format(...)), 4)
end

local function is_of(self, client) return client ~= nil and self.told[client] ~= nil end

local function check_client(self, client, name)
  if not is_of(self, client) then refuse(1, name, "a client of this hub expected") end
end

local is_call = {}
for _, name in ipairs(core.calls) do is_call[name] = true end

local function check_call(self, client, call, name)
  if not is_of(self, client) then refuse(1, name, "a client of this hub expected") end
  if call == nil or not is_call[call] then refuse(2, name, "there is no call \"%s\"", tostring(call)) end
end

local function check_ms(ms, number, name)
  if type(ms) == "number" and math.tointeger(ms) and ms >= 0 then return end
  refuse(number, name, "milliseconds expected, got %s", tostring(ms))
end

-- A new hub with nobody on it. Close it at the end of the test (it is to-be-closed).
---@param options? timmsg.testing.Options
---@return timmsg.testing.Hub
function testing.new(options)
  options = options or {}
  check_options(options)
  local world = core.testing.world(options.seed or 1, options.time or 1700000000)
  return setmetatable({ world = world, clients = {}, told = setmetatable({}, { __mode = "k" }) }, Hub)
end

-- As timmsg.new, on this hub: for code under test that makes its clients itself, `timmsg.new = function(options) return
-- hub:new(options) end`. What lies in data_dir is kept in memory as long as the hub is there.
---@param options? timmsg.Options
---@return timmsg.Client|nil client
---@return string? message
---@return integer? code
function Hub:new(options)
  local given = {}
  for name, value in pairs(options or {}) do given[name] = value end
  -- all that a test makes without saying where meets on one hub
  if not given.server then given.server = "hub:hub" end
  local client, message, code = core.new(given, self.world)
  if not client then return nil, message, code end
  local told = {}
  client:on("recv_new_msg", function(msgs) table.move(msgs, 1, #msgs, #told + 1, told) end)
  self.told[client] = told
  table.insert(self.clients, client)
  assertions.belongs(client, self)
  return client
end

-- A client that is logged in as the user. `device`: another one than the user's first. Who was closed and logs in again
-- finds what was kept.
---@param user string
---@param device? string
---@return timmsg.Client
function Hub:login(user, device)
  if type(user) ~= "string" then error(("bad argument #1 to 'login' (string expected, got %s)"):format(type(user)), 2) end
  local client = assert(self:new { data_dir = device and user .. "." .. device or user })
  local code, desc
  assert(client:login(user, "", function(c, d) code, desc = c, d end))
  repeat client:poll() until code or not client:wait()
  if not code then error(user .. " is not logged in as long as the clock stands still", 2) end
  if code ~= 0 then error(("%s cannot log in: %s (%d)"):format(user, desc, code), 2) end
  return client
end

local function close_all(clients)
  for _, client in ipairs(clients) do client:close() end
end

-- Closes the clients that are left and forgets everything.
function Hub:close()
  local clients = self.clients
  self.clients = {}
  close_all(clients)
  self.world:close()
end
Hub.__close = Hub.close

-- The clients that are not closed yet.
local function open_clients(self)
  local open = {}
  for _, client in ipairs(self.clients) do
    if core.testing.is_open(client) then table.insert(open, client) end
  end
  self.clients = open
  return open
end

-- Lets everybody work, and runs callbacks and events, until nothing moves any more.
function Hub:flush()
  local rounds = 0
  repeat
    local moved = false
    rounds = rounds + 1
    if rounds > MAX_ROUNDS then error("this does not come to rest (a timer of 0 ms that sets itself again?)", 2) end
    self.world:pump()
    for _, client in ipairs(open_clients(self)) do
      local count, message = 0, nil
      if core.testing.is_open(client) then count, message = client:poll() end
      if not count then error("flush inside a callback: " .. message, 2) end
      moved = moved or count > 0
    end
  until not moved
end

-- Moves the clock on by so many milliseconds. What waits for a time on the way happens at its time.
---@param ms integer
function Hub:advance(ms)
  check_ms(ms, 1, "advance")
  self:flush()
  local left = ms
  repeat
    left = left - self.world:advance(left)
    self:flush()
  until left <= 0
end

-- The Unix time, in seconds.
---@return integer
function Hub:now() return self.world:now() end

-- Sets the clock, as a user may, also back. What waits goes on waiting as long as before.
---@param seconds integer Unix time
function Hub:set_now(seconds)
  self:flush()
  self.world:set_now(seconds)
end

-- The client loses its way to the server: it is told (network_status), hears nothing, and what it sends waits until it is
-- back, or fails when request_timeout_ms are over.
---@param client timmsg.Client
function Hub:offline(client)
  check_client(self, client, "offline")
  core.testing.offline(client, true)
  self:flush()
end

-- It is back.
---@param client timmsg.Client
function Hub:online(client)
  check_client(self, client, "online")
  core.testing.offline(client, false)
  self:flush()
end

-- The client's next call of this name fails with the code, as if the server had said so.
---@param client timmsg.Client
---@param call string a method's name: "send_new_msg", "login", "download_elem_to_path"
---@param code integer
---@param desc? string
function Hub:fail(client, call, code, desc)
  check_call(self, client, call, "fail")
  if type(code) ~= "number" or not math.tointeger(code) then
    error(("bad argument #3 to 'fail' (integer expected, got %s)"):format(type(code)), 2)
  end
  core.testing.fault(client, call, "fail", code, desc or "failed by the test", 0)
end

-- The client's next call of this name takes so many milliseconds longer. If that is more than its request_timeout_ms it
-- fails with 6012 when these are over. (A download waits.)
---@param client timmsg.Client
---@param call string
---@param ms integer
function Hub:slow(client, call, ms)
  check_call(self, client, call, "slow")
  check_ms(ms, 3, "slow")
  core.testing.fault(client, call, "slow", 0, "", ms)
end

-- The connection breaks in the middle of the client's next call of this name, which fails with 9508. The server has done
-- what it was asked: the answer is what was lost. Of a download half has arrived.
---@param client timmsg.Client
---@param call string
function Hub:cut(client, call)
  check_call(self, client, call, "cut")
  core.testing.fault(client, call, "cut", 0, "", 0)
end

-- The messages that the client was told of, in their order.
---@param client timmsg.Client
---@return timmsg.Message[]
function Hub:received(client)
  check_client(self, client, "received")
  local told = self.told[client]
  return table.move(told, 1, #told, 1, {})
end

-- Calls the client's method and returns what its callback got: code, desc, result.
---@param client timmsg.Client
---@param call string
---@return integer code
---@return string desc
---@return any ... result
function Hub:ask(client, call, ...)
  check_call(self, client, call, "ask")
  local args, answer = table.pack(...), nil
  args[args.n + 1] = function(...) answer = table.pack(...) end
  local ok, message, code = client[call](client, table.unpack(args, 1, args.n + 1))
  if not ok then return code, message end
  self:flush()
  if not answer then error(call .. " does not end as long as the clock stands still", 2) end
  return table.unpack(answer, 1, answer.n)
end

return testing
