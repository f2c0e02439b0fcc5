-- Runs random programs against the model until one differs, which is shrunk and printed.
-- lua5.4 spec/model/run.lua [PROGRAMS=1000] [STEPS=100] [SEED=1] [REPLAY=file]    (with the Makefile's LUA_PATH and LUA_CPATH)

local compare = require "model.compare"
local program = require "model.program"

local options = { PROGRAMS = 1000, STEPS = 100, SEED = 1, REPLAY = false }
for _, word in ipairs(arg) do
  local name, value = word:match "^(%u+)=(.*)$"
  assert(options[name] ~= nil, "no such option: " .. word)
  if value ~= "" then options[name] = math.tointeger(tonumber(value)) or value end
end

if options.REPLAY then
  local wrong, number = compare.play(dofile(options.REPLAY))
  print(wrong and ("step %d: %s"):format(number, wrong) or "nothing differs")
  os.exit(not wrong)
end

local taken = 0
for seed = options.SEED, options.SEED + options.PROGRAMS - 1 do
  local steps = program.make(seed, options.STEPS)
  local wrong, number = compare.play(steps)
  if wrong then
    print(("-- seed %d, step %d: %s"):format(seed, number, wrong))
    local fewest, how = compare.shrink(steps)
    print("-- shrunk: " .. how:gsub("\n", "\n-- "))
    print(program.write(fewest))
    print(("model: %d passed, 1 failed"):format(seed - options.SEED))
    os.exit(false)
  end
  taken = taken + number
end
print(("model: %d passed, 0 failed (%d steps were taken)"):format(options.PROGRAMS, taken))
