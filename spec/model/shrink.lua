-- Shrink: makes a program on which library and model differ small, as long as they differ in the same way, and prints it
-- so that it can be played again.

local player = require "model.player"

local shrink = {}

-- A program that differs because something takes too long takes long each time: after that it is small enough.
local LONGEST_S <const> = 240

-- What stays the same of a difference when numbers change.
local function kind(difference) return (difference:match "^[^\n]*":gsub("%d+", ""):gsub("%a+%. ", ""):sub(1, 40)) end

local function without(list, from, count)
  local rest = {}
  for i, step in ipairs(list) do
    if i < from or i >= from + count then table.insert(rest, step) end
  end
  return rest
end

-- A failing program: a smaller one, the number of its last step, and the difference.
function shrink.shrink(list, seed, number, difference)
  local wanted = kind(difference)
  local best, best_number, best_difference = list, number, difference
  local deadline = os.time() + LONGEST_S
  local function try(candidate)
    local failed, how = player.play(candidate, seed)
    if not failed or kind(how) ~= wanted then return false end
    best, best_number, best_difference = candidate, failed, how
    -- nothing behind it matters
    for i, step in ipairs(best) do
      if step.n == failed then best = table.move(best, 1, i, 1, {}) end
    end
    return true
  end
  try(list)
  local size = #best
  while size >= 1 and os.time() < deadline do
    local from, any = 1, false
    while from <= #best and os.time() < deadline do
      if try(without(best, from, size)) then any = true else from = from + size end
    end
    if not any or size > #best then size = size // 2 end
  end
  return best, best_number, best_difference
end

local function write(value)
  if type(value) == "string" then return (("%q"):format(value):gsub("\n", "n")) end
  if type(value) ~= "table" then return tostring(value) end
  local parts, keys = {}, {}
  for i, item in ipairs(value) do parts[i] = write(item) end
  for key in pairs(value) do
    if type(key) == "string" then table.insert(keys, key) end
  end
  table.sort(keys, function(a, b)
    if a == "n" or b == "n" then return a == "n" and b ~= "n" end
    if a == "op" or b == "op" then return a == "op" and b ~= "op" end
    return a < b
  end)
  for _, key in ipairs(keys) do table.insert(parts, key .. " = " .. write(value[key])) end
  return #parts > 0 and "{ " .. table.concat(parts, ", ") .. " }" or "{}"
end

-- A program as a file for REPLAY.
function shrink.print(list, seed)
  local lines = { "return {", ("  seed = %d,"):format(seed) }
  for _, step in ipairs(list) do table.insert(lines, "  " .. write(step) .. ",") end
  table.insert(lines, "}")
  return table.concat(lines, "\n")
end

return shrink
