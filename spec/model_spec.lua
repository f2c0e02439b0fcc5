-- What users see of a hub is what a model made of the rules says: a short run of spec/model (make model is the long one).

local compare = require "model.compare"
local program = require "model.program"
local support = require "support"

local describe <const> = support.hub_only(describe)
local STEPS <const>, PROGRAMS <const> = 60, 50

describe("the library and the model of the rules", function()
  local function agree(first)
    for seed = first, first + PROGRAMS - 1 do
      local steps = program.make(seed, STEPS)
      local wrong = compare.play(steps)
      if wrong then
        local fewest, how = compare.shrink(steps)
        error(("seed %d: %s\n%s"):format(seed, how, program.write(fewest)))
      end
    end
  end

  it("agree on the same programs each time", function() agree(1) end)
  it("agree on others each time", function() agree(os.time()) end)
end)
