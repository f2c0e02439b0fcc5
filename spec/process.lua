-- Processes for the specs: starts spec/peer.lua as a process of its own, reads what it prints, and ends it.

local lfs = require "lfs"
local uv = require "luv"
local support = require "support"

local process = {}

local running = {}

-- The Lua interpreter that runs the specs.
local LUA <const> = assert(lfs.symlinkattributes("/proc/self/exe", "target"))
local SCRIPT <const> = debug.getinfo(1, "S").source:match("^@(.*)process%.lua$") .. "peer.lua"

local methods = {}
methods.__index = methods

-- The environment with a library of the build preloaded, behind those that are.
local function environment(library, ...)
  local all = uv.os_environ()
  local env = { ("LD_PRELOAD=%s %s/%s.so"):format(all.LD_PRELOAD or "", os.getenv "TIMMSG_BUILD", library), ... }
  for name, value in pairs(all) do
    if name ~= "LD_PRELOAD" then env[#env + 1] = name .. "=" .. value end
  end
  return env
end

-- Starts a peer, in an environment (nil: this one's), at a backend.
local function start(env, server, task, dir, ...)
  local self = setmetatable({ task = task, lines = {}, rest = "", complaint = "", seen = 0 }, methods)
  local args = { SCRIPT, task, dir, server }
  for i, value in ipairs { ... } do
    args[4 + i] = tostring(value)
  end
  support.account(dir, (...))
  self.input, self.output, self.errors = uv.new_pipe(), uv.new_pipe(), uv.new_pipe()
  local handle, pid = uv.spawn(LUA, { args = args, env = env, stdio = { self.input, self.output, self.errors } }, function(code, signal)
    self.code, self.signal = code, signal
    self.handle:close()
  end)
  assert(handle, pid)
  self.handle, self.pid = handle, pid
  running[self] = true
  self.output:read_start(function(_, data)
    if not data then
      self.ended = true
      return
    end
    self.rest = (self.rest .. data):gsub("(.-)\n", function(line)
      self.lines[#self.lines + 1] = line
      return ""
    end)
  end)
  self.errors:read_start(function(_, data) self.complaint = self.complaint .. (data or "") end)
  return self
end

-- Starts a peer: its task, its directory (as in support.new_client), and what the task takes, which is its user first.
-- What it prints becomes `lines`; what it says on stderr is `complaint`.
function process.start(task, dir, ...)
  return start(nil, support.server(dir), task, dir, ...)
end

-- The same with a clock that is so many seconds ahead, and another address of the backend.
function process.start_at(skew, server, task, dir, ...)
  return start(skew ~= 0 and environment("skew", "SKEW=" .. skew) or nil, server, task, dir, ...)
end

-- On a hub: one that dies between its first commit that concerns others and waking them. Waits for that.
function process.start_dying(task, dir, ...)
  local self = start(environment "dies", support.server(dir), task, dir, ...)
  self:expect "(ready)"
  if task == "quit_group" then self:tell "go" end
  process.eventually(function() return self.code end)
  self:kill()
end

-- Nobody reaches the backend until `release()` of what this returns, or until cleanup.
function process.block_backend(dir)
  if support.is_hub then
    local peer = process.start("block_hub", dir)
    peer:expect "(blocked)"
    return { release = function() peer:kill() end }
  end
  local server = support.xmpp_server()
  server:freeze()
  return { release = function() server:thaw() end }
end

-- Lets the peers' news in; for predicates of support.pump.
function process.look()
  uv.run("nowait")
end

-- Polls the clients until `predicate()` is true. An error if a peer has ended badly meanwhile, or if it takes too long.
function process.eventually(predicate, ...)
  local failed
  local result = support.pump(support.DEADLINE_MS, function()
    process.look()
    for peer in pairs(running) do
      if peer.code and peer.code ~= 0 then failed = peer end
    end
    return failed or predicate()
  end, ...)
  if failed then error(("the peer that should %s has failed: %s"):format(failed.task, failed.complaint), 2) end
  if not result then
    local said = {}
    for peer in pairs(running) do
      said[#said + 1] = ("%s: %d lines, the last: %s"):format(peer.task, #peer.lines, peer.lines[#peer.lines])
    end
    error("it has not happened in time; peers: " .. table.concat(said, "; "), 2)
  end
  return result
end

-- Waits for a line of the peer that matches the pattern: its captures. Lines before it are passed over, and it too the
-- next time.
function methods:expect(pattern, ...)
  local captures
  process.eventually(function()
    while self.seen < #self.lines and not captures do
      self.seen = self.seen + 1
      local found = table.pack(self.lines[self.seen]:match(pattern))
      if found[1] then captures = found end
    end
    return captures
  end, ...)
  return table.unpack(captures, 1, captures.n)
end

-- How many of its lines match so far, and the captures of each.
function methods:all(pattern)
  local found = {}
  for _, line in ipairs(self.lines) do
    found[#found + 1] = line:match(pattern)
  end
  return found
end

-- Tells the peer a line on its standard input.
function methods:tell(line)
  self.input:write(line .. "\n")
end

-- It is gone: nothing of it stays behind.
local function forget(self)
  running[self] = nil
  for _, pipe in ipairs { self.input, self.output, self.errors } do
    if not pipe:is_closing() then pipe:close() end
  end
  process.look()
end

-- Ends it without a word, as a crash would, and waits until it is gone and all it printed is read.
function methods:kill()
  if not self.code then self.handle:kill("sigkill") end
  support.eventually(function()
    process.look()
    return self.code and self.ended
  end)
  forget(self)
end

-- Waits until it has ended by itself.
function methods:finish(...)
  process.eventually(function() return self.code and self.ended end, ...)
  forget(self)
end

-- For after_each, before support.cleanup: nothing that was started is left running, nothing blocked.
function process.cleanup()
  if not support.is_hub then support.xmpp_server():thaw() end
  for peer in pairs(running) do
    peer:kill()
  end
end

return process
