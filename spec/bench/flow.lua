-- Flow: alice sends 10,000 messages at once, and bob's callback, in another process, has them all; both stores and the
-- hub are written. Against raw C: the same rows into the same databases, in batches of the same sizes, by two processes.
-- lua5.4 spec/bench/flow.lua [COUNT=10000] [ROUNDS=5]

local bench = require "bench"
local chat = require "chat"
local clock = require "bench_clock"
local process = require "process"
local support = require "support"
local timmsg = require "timmsg"

local options = bench.options { COUNT = 10000, ROUNDS = 5 }
local messages = {}
for i = 1, options.COUNT do
  messages[i] = chat.to_send(i)
end

local last_dir, accepted_rates = nil, {}

local function ours()
  local dir = bench.fresh_dir()
  local bob = process.start("count", dir, "bob", options.COUNT)
  local alice = support.new_client(dir, "alice")
  bob:expect "(ready)"
  local accepted, began = 0, clock.now()
  local function on_sent(code, desc)
    assert(code == 0, desc)
    accepted = accepted + 1
  end
  for i = 1, #messages do
    assert(alice:send_new_msg("bob", timmsg.C2C, messages[i], on_sent))
  end
  while accepted < #messages do
    alice:wait()
    alice:poll()
  end
  accepted_rates[#accepted_rates + 1] = options.COUNT / (clock.now() - began) * 1e9
  local ended = tonumber(bob:expect("^all (%d+)", alice))
  bob:tell "go"
  bob:finish()
  alice:close()
  last_dir = dir
  return options.COUNT / (ended - began) * 1e9
end

local function raw()
  return options.COUNT / bench.run(bench.BARE_SQLITE, "flow", last_dir, bench.fresh_dir())[1]
end

local by_us, by_c = bench.rounds(options.ROUNDS, ours, raw)
bench.row { what = ("flow: %d sent, received by another process"):format(options.COUNT), unit = "/s", ours = by_us,
            other = by_c, least = 0.5 }
table.remove(accepted_rates, 1)
bench.row { what = "flow: the sender's half alone", unit = "/s", ours = accepted_rates }
bench.finish()
