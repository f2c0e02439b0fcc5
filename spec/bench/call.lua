-- Call: what send_new_msg of 300 bytes costs on the caller's thread, while the worker is awake, busy with an import, and
-- while it sleeps; against a bare write to an eventfd next to it.
-- lua5.4 spec/bench/call.lua [AWAKE=3000] [ASLEEP=500] [IMPORT=100000] [ROUNDS=3]

local bench = require "bench"
local chat = require "chat"
local clock = require "bench_clock"
local support = require "support"
local timmsg = require "timmsg"

local options = bench.options { AWAKE = 3000, ASLEEP = 500, IMPORT = 100000, ROUNDS = 3 }
local dir = bench.dir()
support.new_client(dir, "peer"):close()
local client = support.new_client(dir, "me")
local TEXT <const> = ("a text of 300 bytes "):rep(15)
local MARGIN_US <const> = 20

local pending = 0
local function on_sent(code, desc)
  assert(code == 0, desc)
  pending = pending - 1
end

-- How long one call takes, in microseconds.
local function send()
  local message = timmsg.text(TEXT)
  pending = pending + 1
  local began = clock.now()
  local ok, err = client:send_new_msg("peer", timmsg.C2C, message, on_sent)
  local ended = clock.now()
  assert(ok, err)
  return (ended - began) / 1000
end

local function wait_until(predicate)
  while not predicate() do
    client:wait()
    client:poll()
  end
end

local imported = 0

local function awake()
  local ours, bare, done = {}, {}, false
  imported = imported + 1
  assert(client:import_msg_list("past" .. imported, timmsg.C2C, chat.past(1, options.IMPORT, "me", "past" .. imported),
    function(code, desc)
      assert(code == 0, desc)
      done = true
    end))
  for i = 1, options.AWAKE do
    ours[i] = send()
    bare[i] = clock.write() / 1000
    if i % 10 == 0 then clock.sleep_until(clock.now() + 1000000) end
  end
  assert(not done, "the import was over too soon")
  wait_until(function() return done and pending == 0 end)
  return { ours = ours, bare = bare }
end

local function asleep()
  local ours, bare = {}, {}
  local sleeper = clock.sleeper()
  for i = 1, options.ASLEEP do
    clock.sleep_until(clock.now() + 2000000)
    ours[i] = send()
    wait_until(function() return pending == 0 end)
    clock.sleep_until(clock.now() + 2000000)
    bare[i] = clock.write(sleeper) / 1000
  end
  return { ours = ours, bare = bare }
end

local function tell(state, rounds, p50_goal)
  local p50, p99, bare_p50, limit = {}, {}, {}, {}
  for i, round in ipairs(rounds) do
    p50[i], p99[i] = bench.median(round.ours), bench.quantile(round.ours, 0.99)
    bare_p50[i] = bench.median(round.bare)
    limit[i] = 2 * bench.quantile(round.bare, 0.99) + MARGIN_US
  end
  bench.row { what = ("a call, worker %s, p50"):format(state), unit = "µs", ours = p50, most = p50_goal }
  bench.row { what = ("a call, worker %s, p50, against a bare write"):format(state), unit = "µs", ours = p50,
              other = bare_p50 }
  bench.row { what = ("a call, worker %s, p99, against twice a bare write's + %d µs"):format(state, MARGIN_US),
              unit = "µs", ours = p99, other = limit, most = 1 }
end

tell("awake", bench.rounds(options.ROUNDS, awake), 10)
tell("asleep", bench.rounds(options.ROUNDS, asleep), 30)
bench.finish()
