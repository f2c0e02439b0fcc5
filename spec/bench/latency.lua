-- Latency: how long a message takes from send_new_msg in one process to the handler in another, with nothing else going
-- on, against one synced commit of SQLite from C.
-- lua5.4 spec/bench/latency.lua [COUNT=300] [ROUNDS=5]

local bench = require "bench"
local process = require "process"
local support = require "support"
local timmsg = require "timmsg"

local options = bench.options { COUNT = 300, ROUNDS = 5 }
local dir = bench.fresh_dir()
local alice = support.new_client(dir, "alice")
local replied
alice:on("recv_new_msg", function(msgs) replied = support.text_of(msgs[#msgs]) end)
local bob = process.start("echo", dir, "bob")
bob:expect "(ready)"

-- The times of a round: until it is accepted, until bob has it, and until alice has his answer.
local function ours()
  local there, accepted = {}, {}
  for i = 1, options.COUNT do
    local sent_at = support.now_ms()
    replied = nil
    assert(alice:send_new_msg("bob", timmsg.C2C, timmsg.text("ping " .. i), function(code, desc)
      assert(code == 0, desc)
      accepted[i] = support.now_ms() - sent_at
    end))
    while not (replied and accepted[i]) do
      assert(alice:wait(support.DEADLINE_MS), "no answer")
      alice:poll()
    end
    there[i] = tonumber(replied:match("^re: ping " .. i .. " ([%d.]+)$")) - sent_at
  end
  return { there = there, accepted = accepted }
end

-- The hub's schema is read from a hub of which nobody is in.
local model = bench.fresh_dir()
support.new_client(model, "somebody"):close()

local function commits()
  return bench.run(bench.BARE_SQLITE, "commit", model .. "/hub/hub.db", bench.fresh_dir() .. "/other.db", options.COUNT)
end

local by_us, by_c = bench.rounds(options.ROUNDS, ours, commits)

local function quantiles(list, share, key)
  local result = {}
  for i, round in ipairs(list) do
    result[i] = bench.quantile(key and round[key] or round, share)
  end
  return result
end

for share, most in pairs { [0.5] = 2, [0.99] = 5 } do
  bench.row { what = ("one message, sent to received, p%d, against one commit"):format(share * 100), unit = "ms",
              ours = quantiles(by_us, share, "there"), other = quantiles(by_c, share), most = most }
end
bench.row { what = "one message, sent to accepted, p50, against one commit", unit = "ms",
            ours = quantiles(by_us, 0.5, "accepted"), other = quantiles(by_c, 0.5) }
bob:kill()
bench.finish()
