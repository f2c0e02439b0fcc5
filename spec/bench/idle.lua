-- Idle: what clients cost that do nothing: wake-ups and CPU of one in a minute, memory of each further one, and how long
-- it takes to make one and log it in.
-- lua5.4 spec/bench/idle.lua [SECONDS=60] [CLIENTS=20]

local bench = require "bench"
local clock = require "bench_clock"
local lfs = require "lfs"
local support = require "support"
local timmsg = require "timmsg"

local options = bench.options { SECONDS = 60, CLIENTS = 20 }
local dir = bench.dir()

local function memory_mb()
  collectgarbage()
  local rollup = support.read_file "/proc/self/smaps_rollup"
  return (tonumber(rollup:match "\nPrivate_Dirty:%s*(%d+)") + tonumber(rollup:match "\nPrivate_Clean:%s*(%d+)")) / 1024
end

-- How often the threads but this one were put to sleep, and so woken again.
local function sleeps()
  local own, count = support.read_file("/proc/thread-self/status"):match "\nPid:%s*(%d+)", 0
  for task in lfs.dir "/proc/self/task" do
    if task:find "^%d" and task ~= own then
      local status = support.read_file("/proc/self/task/" .. task .. "/status")
      count = count + tonumber(status:match "\nvoluntary_ctxt_switches:%s*(%d+)")
    end
  end
  return count
end

-- A user's client, logged in, and how many ms that took.
local function enter(name)
  local client
  local seconds = bench.seconds(function()
    client = support.keep(assert(timmsg.new { sdk_app_id = 1, data_dir = dir .. "/" .. name, server = "hub:" .. dir .. "/hub" }))
    local done
    assert(client:login(name, "", function(code, desc)
      assert(code == 0, desc)
      done = true
    end))
    while not done do
      client:wait()
      client:poll()
    end
  end)
  return client, seconds * 1000
end

local first = enter "first"
support.idle(500, first)
local before, cpu = sleeps(), clock.process_cpu()
first:wait(options.SECONDS * 1000)
bench.row { what = ("idle for %d s: wake-ups"):format(options.SECONDS), unit = "", ours = { sleeps() - before }, most = 0 }
bench.row { what = ("idle for %d s: CPU"):format(options.SECONDS), unit = "ms", ours = { (clock.process_cpu() - cpu) / 1e6 },
            most = 1 }

local new_times, again_times, clients = {}, {}, {}
local memory = memory_mb()
for i = 1, options.CLIENTS do
  clients[i], new_times[i] = enter("user" .. i)
end
bench.row { what = "memory of each further client", unit = "MB", ours = { (memory_mb() - memory) / options.CLIENTS }, most = 3 }
for i, client in ipairs(clients) do
  client:close()
  clients[i], again_times[i] = enter("user" .. i)
end
bench.row { what = "new + login of a user who was here before", unit = "ms", ours = again_times, most = 20 }
bench.row { what = "new + login of a new user", unit = "ms", ours = new_times, most = 20 }
bench.finish()
