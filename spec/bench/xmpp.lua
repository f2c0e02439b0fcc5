-- The XMPP backend against a bare libstrophe loop (bare_strophe.c), on servers of its own: how many messages a second
-- with 100 of them under way, and how long one takes from send to acknowledgement with nothing else under way.
--
--   lua5.4 spec/bench/xmpp.lua [KIND=prosody,ejabberd] [ROUNDS=5] [COUNT=1000] [SINGLE=200] [IDLE=20]
--
-- The bare loop counts a message when the ping behind it is answered; the one that asks the archive when the sender's own
-- archive, asked behind that, shows it, as ours does. All send to a user who is there and confirms everything.

local bench = require "bench"
local lfs = require "lfs"
local support = require "support"
local timmsg = require "timmsg"
local uv = require "luv"
local xmpp_server = require "xmpp_server"

local options = bench.options { KIND = "prosody,ejabberd", ROUNDS = 5, COUNT = 1000, SINGLE = 200, IDLE = 60 }

local BARE <const> = (os.getenv "TIMMSG_BUILD" or "build") .. "/bench/bare_strophe"
local WINDOW <const> = 100
local PASSWORD <const> = "sig"
-- What timmsg is to reach of the bare loop's messages a second, and at most of its time for one message.
local LEAST_RATE <const>, LONGEST_TIME <const> = 0.8, 1.2
-- Clock ticks a second, as /proc counts them.
local TICKS <const> = 100

local dir = bench.dir()

-- ---- the bare loop ----

local function bare_arguments(server, user, ...)
  return { tostring(server.c2s_port), server.ca_file, user, server.domain, PASSWORD, ... }
end

-- Messages a second, and the median in ms.
local function bare_round(server, user, count, window, archive)
  local words = bare_arguments(server, user, "send", "sink@" .. server.domain, count, window, archive and "archive")
  local pipe = assert(io.popen(BARE .. " " .. table.concat(words, " ")))
  local rate, p50 = pipe:read("n", "n")
  assert(pipe:read "a" and pipe:close() and p50, "the bare loop has failed")
  return { rate = rate, p50 = p50 }
end

-- Somebody who confirms what comes: a function that ends it.
local function start_sink(server)
  local input, output = uv.new_pipe(), uv.new_pipe()
  local is_ready, code = false, nil
  local handle = assert(uv.spawn(BARE, { args = bare_arguments(server, "sink", "answer"), stdio = { input, output, 2 } },
    function(exit_code) code = exit_code end))
  output:read_start(function(_, data) is_ready = is_ready or data ~= nil end)
  while not is_ready do
    assert(not code, "nobody answers")
    uv.run "once"
  end
  return function()
    assert(not code, "nobody answers any more")
    input:close()
    while not code do uv.run "once" end
    output:close()
    handle:close()
  end
end

-- ---- ours ----

local function our_round(client, count, window)
  local sent, done, took = 0, 0, {}
  local began = support.now_ms()
  while done < count do
    while sent < count and sent - done < window do
      sent = sent + 1
      local sent_at = support.now_ms()
      assert(client:send_new_msg("sink", timmsg.C2C, timmsg.text("message " .. sent .. " of the bench"), function(code, desc)
        assert(code == 0, desc)
        done = done + 1
        took[done] = support.now_ms() - sent_at
      end))
    end
    assert(client:wait(support.DEADLINE_MS), "no answer")
    client:poll()
  end
  local seconds = (support.now_ms() - began) / 1000
  return { rate = count / seconds, p50 = bench.median(took) }
end

-- What our connection has sent and received so far, in bytes of TCP.
local function traffic(server)
  local pipe = assert(io.popen("ss -tinHp state established dst 127.0.0.1:" .. server.c2s_port))
  local text = pipe:read "a"
  pipe:close()
  for first, rest in text:gmatch "([^\n]+)\n([^\n]+)" do
    if first:find(("pid=%d,"):format(uv.os_getpid()), 1, true) then
      return tonumber(rest:match "bytes_sent:(%d+)") or 0, tonumber(rest:match "bytes_received:(%d+)") or 0
    end
  end
  error "our connection is not to be found"
end

-- The process's user and system time in ms, and how often its threads were put to sleep (and so woken again).
local function effort()
  local stat = support.read_file "/proc/self/stat"
  local user, system = stat:match "^.*%) %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+) (%d+)"
  local sleeps = 0
  for task in lfs.dir "/proc/self/task" do
    if task:find "^%d" then
      local status = support.read_file("/proc/self/task/" .. task .. "/status")
      sleeps = sleeps + tonumber(status:match "\nvoluntary_ctxt_switches:%s*(%d+)")
    end
  end
  return (user + system) * 1000 // TICKS, sleeps
end

-- ---- one server ----

local function compare(server, client, count, window)
  local name, key, unit = window .. " under way", "rate", "/s"
  if window == 1 then name, key, unit = "one message", "p50", "ms" end
  local rows = { bench.rounds(options.ROUNDS,
    function() return bare_round(server, "bare", count, window)[key] end,
    function() return our_round(client, count, window)[key] end,
    function() return bare_round(server, "asking", count, window, true)[key] end) }
  bench.row { what = ("%s, %s, against a bare loop"):format(server.kind, name), unit = unit, ours = rows[2],
              other = rows[1], least = window > 1 and LEAST_RATE or nil, most = window == 1 and LONGEST_TIME or nil }
  bench.row { what = ("%s, %s, against one that asks the archive"):format(server.kind, name), unit = unit,
              ours = rows[2], other = rows[3] }
end

local function measure_idle(server, client)
  support.idle(1000, client)
  local sent, received = traffic(server)
  local cpu, sleeps = effort()
  local is_over = false
  local timer = uv.new_timer()
  timer:start(math.floor(options.IDLE * 1000), 0, function() is_over = true end)
  while not is_over do uv.run "once" end
  timer:close()
  local cpu_after, sleeps_after = effort()
  local sent_after, received_after = traffic(server)
  local what = ("%s, idle for %d s: "):format(server.kind, options.IDLE)
  bench.row { what = what .. "CPU", unit = "ms", ours = { cpu_after - cpu } }
  bench.row { what = what .. "wake-ups", unit = "", ours = { sleeps_after - sleeps } }
  bench.row { what = what .. "sent and received", unit = "bytes", ours = { sent_after - sent + received_after - received } }
end

for kind in options.KIND:gmatch "[^,]+" do
  local server = xmpp_server.start(kind)
  for _, user in ipairs { "bare", "asking", "ours", "sink" } do
    server:register(user, PASSWORD)
  end
  local stop_sink = start_sink(server)
  local client = assert(timmsg.new { sdk_app_id = 1400000001, data_dir = dir .. "/" .. kind, server = server:address() })
  support.keep(client)
  support.must(client, "login", "ours", PASSWORD)
  compare(server, client, options.COUNT, WINDOW)
  compare(server, client, options.SINGLE, 1)
  if options.IDLE > 0 then measure_idle(server, client) end
  client:close()
  stop_sink()
  server:close()
end

bench.finish()
