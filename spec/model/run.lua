-- Run: plays random programs on the library and on the model (spec/behaviour.md in Lua), and stops at the first that they
-- do not agree on, which it makes small and prints. `make model PROGRAMS=10000 STEPS=100 SEED=1`, or REPLAY=file for a
-- program that was printed.

local player = require "model.player"
local program = require "model.program"
local shrink = require "model.shrink"

local options = { PROGRAMS = 10000, STEPS = 100, SEED = os.time() }
for _, word in ipairs(arg) do
  local key, value = word:match "^(%u+)=(.*)$"
  assert(key, "what is " .. word .. "?")
  if value ~= "" then options[key] = tonumber(value) or value end
end

local passed = 0

-- Says how a program failed. It does not come back.
local function fail(list, seed, number, difference)
  print(("%s\n\nafter step %d of:\n"):format(difference, number))
  print(shrink.print(list, seed))
  print(("model: %d passed, 1 failed"):format(passed))
  os.exit(1)
end

if options.REPLAY then
  local replay = assert(loadfile(options.REPLAY))()
  local number, difference = player.play(replay, replay.seed)
  if number then fail(replay, replay.seed, number, difference) end
  print "library and model agree"
  os.exit(0)
end

local began, steps = os.clock(), 0
for i = 0, options.PROGRAMS - 1 do
  local seed = options.SEED + i
  local list = program.make(seed, options.STEPS)
  local number, difference = player.play(list, seed)
  if number then
    print(("program %d (seed %d) fails after step %d: %s"):format(i + 1, seed, number, difference))
    list, number, difference = shrink.shrink(list, seed, number, difference)
    fail(list, seed, number, difference)
  end
  steps, passed = steps + #list, passed + 1
  if (i + 1) % 100 == 0 then
    print(("%d programs, %d steps agree (%.0f s)"):format(i + 1, steps, os.clock() - began))
    io.stdout:flush()
  end
end
print(("model: %d passed, 0 failed (%d steps from seed %d, %.0f s)"):format(options.PROGRAMS, steps, options.SEED,
  os.clock() - began))
