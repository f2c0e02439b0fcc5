-- What users see of a hub is what a model made of the rules says: a short run of spec/model (make model is the long one).

local player = require "model.player"
local program = require "model.program"
local shrink = require "model.shrink"
local support = require "support"

local describe <const> = support.hub_only(describe)
local STEPS <const>, PROGRAMS <const> = 60, 80

describe("the library and the model of the rules", function()
  local function agree(first)
    for seed = first, first + PROGRAMS - 1 do
      local list = program.make(seed, STEPS)
      local number, difference = player.play(list, seed)
      if number then
        list, number, difference = shrink.shrink(list, seed, number, difference)
        error(("seed %d, step %d: %s\n%s"):format(seed, number, difference, shrink.print(list, seed)))
      end
    end
  end

  -- the same each time, so that a failure is of what was changed; make model SEED=… looks for others
  it("agree", function() agree(1) end)
end)
