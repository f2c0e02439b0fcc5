-- Testing: what clients on a hub of timmsg.testing cost: a thousand that are made, log in and are closed.
-- lua5.4 spec/bench/testing.lua [COUNT=1000] [ROUNDS=5]

local bench = require "bench"
local testing = require "timmsg.testing"

local options = bench.options { COUNT = 1000, ROUNDS = 5 }

local function all_at_once()
  local hub <close> = testing.new()
  for i = 1, options.COUNT do hub:login("user" .. i) end
end

-- As specs do that make a hub for each test.
local function one_after_the_other()
  for _ = 1, options.COUNT do
    local hub <close> = testing.new()
    hub:login "user"
  end
end

local crowd, tests = bench.rounds(options.ROUNDS, function() return bench.seconds(all_at_once) end,
  function() return bench.seconds(one_after_the_other) end)
bench.row { what = ("timmsg.testing: %d clients of one hub, made and closed"):format(options.COUNT), unit = "s", ours = crowd,
            most = 2 }
bench.row { what = ("timmsg.testing: %d hubs with a client, made and closed"):format(options.COUNT), unit = "s", ours = tests,
            most = 2 }
bench.finish()
