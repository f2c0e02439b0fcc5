-- Signals: Ctrl-C ends a script that waits, and what else a program handles does not disturb one.

local lfs = require "lfs"
local uv = require "luv"
local support = require "support"

local LUA <const> = assert(lfs.symlinkattributes("/proc/self/exe", "target"))
-- A waiting script sleeps by then. (If it does not, it hears of the signal all the same.)
local ASLEEP_MS <const> = 100

local describe <const> = support.hub_only(describe)

describe("a script that waits", function()
  local dir, script

  before_each(function() dir = support.temp_dir() end)
  after_each(function()
    if script then
      if not script.code then script.handle:kill "sigkill" end
      support.eventually(function()
        uv.run "nowait"
        return script.code
      end)
      for _, one in ipairs { script.handle, script.output, script.errors } do one:close() end
      uv.run "nowait"
    end
    script = nil
    support.cleanup()
  end)

  local function eventually(predicate)
    return support.eventually(function()
      uv.run "nowait"
      return predicate()
    end)
  end

  local function wait_for_word(word)
    eventually(function() return script.code or script.said:find(word) end)
    assert.is_nil(script.code, script.said)
  end

  -- Starts the script with a client `tim`, and waits until it waits.
  local function start(text)
    local path = support.write_file(dir .. "/script.lua", ([[
      local timmsg = require "timmsg"
      local tim = assert(timmsg.new { sdk_app_id = 1, data_dir = %q })
      assert(tim.await:login("alice", ""))
      tim:poll()
      io.stdout:setvbuf "no"
      print "ready"
      %s
    ]]):format(dir .. "/alice", text))
    script = { said = "", output = uv.new_pipe(), errors = uv.new_pipe() }
    script.handle = assert(uv.spawn(LUA, { args = { path }, stdio = { nil, script.output, script.errors } }, function(code, signal)
      script.code, script.signal = code, signal
    end))
    for _, pipe in ipairs { script.output, script.errors } do
      pipe:read_start(function(_, data) script.said = script.said .. (data or "") end)
    end
    wait_for_word "ready"
    support.idle(ASLEEP_MS)
  end

  for what, text in pairs {
    ["without a limit"] = "tim:wait()",
    ["in a loop"] = "while true do tim:wait(60000) tim:poll() end",
    ["for what it polls"] = "while tim:poll() do tim:wait() end",
    ["in await"] = "tim.await:sleep(60000)",
    ["in await, again and again"] = "while true do tim.await:timeout(60000, function() tim.await:sleep(50000) end) end",
    ["for its coroutines"] = [[
      coroutine.wrap(function() while true do tim.await:sleep(60000) end end)()
      while true do tim:wait() tim:poll() end
    ]],
    ["and asked for the descriptor"] = "tim:pollfd() tim:wait()",
  } do
    it("ends by Ctrl-C: " .. what, function()
      start(text)
      script.handle:kill "sigint"
      eventually(function() return script.code and script.said:find "interrupted!" end)
      assert.same({ 1, 0 }, { script.code, script.signal })
    end)
  end

  it("hears of a signal that the program handles; await waits on", function()
    start(([[
      local uv = require "luv"
      local system = require "system"
      local signal = uv.new_signal()
      signal:start("sigusr1", function() end)
      print "handles it"
      print("waits", tim:wait(60000))
      local began = system.monotime()
      print("sleeps", tim.await:sleep(%d))
      print("slept long", system.monotime() - began >= %f)
      tim:close()
    ]]):format(3 * ASLEEP_MS, 2.99 * ASLEEP_MS / 1000))
    wait_for_word "handles it"
    support.idle(ASLEEP_MS)
    eventually(function()
      if script.said:find "waits" then return true end
      script.handle:kill "sigusr1" -- again where it did not wait yet: the handler alone has heard that one
      support.idle(ASLEEP_MS)
      return false
    end)
    assert.matches("waits\tfalse\tinterrupted", script.said)
    script.handle:kill "sigusr1" -- it sleeps by now
    eventually(function() return script.code end)
    assert.equal(0, script.code, script.said)
    assert.matches("sleeps\ttrue\nslept long\ttrue\n", script.said)
  end)
end)
