-- The XMPP backend against a bare libstrophe loop (bare_strophe.c), on servers of its own: how many messages a second
-- with 100 of them under way, and how long one takes from send to acknowledgement with nothing else under way. The two
-- take turns in one run, and each round's figures are compared with those of its neighbours: the machine is never quite
-- the same twice.
--
--   lua5.4 spec/bench/xmpp.lua [KIND=prosody,ejabberd] [ROUNDS=5] [COUNT=1000] [SINGLE=200] [IDLE=60]
--
-- (with the Makefile's LUA_PATH and LUA_CPATH.) Rows: "bare" counts a message when the ping behind it is answered;
-- "bare + archive" when the sender's own archive, asked behind that, shows it, as ours does; "timmsg" is ours. All send
-- to a user who is there and confirms everything. The ratios are medians over the rounds.

local lfs = require "lfs"
local support = require "support"
local timmsg = require "timmsg"
local uv = require "luv"
local xmpp_server = require "xmpp_server"

local options = { KIND = "prosody,ejabberd", ROUNDS = 5, COUNT = 1000, SINGLE = 200, IDLE = 60 }
for _, word in ipairs(arg) do
  local name, value = word:match "^(%u+)=(.+)$"
  assert(options[name], "no such option: " .. word)
  options[name] = name == "KIND" and value or assert(tonumber(value), word)
end

local BARE <const> = (os.getenv "TIMMSG_BUILD" or "build") .. "/bench/bare_strophe"
local WINDOW <const> = 100
local PASSWORD <const> = "sig"
-- What timmsg is to reach of the bare loop's messages a second, and at most of its time for one message.
local LEAST_RATE <const>, LONGEST_TIME <const> = 0.8, 1.2
-- Clock ticks a second, as /proc counts them.
local TICKS <const> = 100

local dir = support.temp_dir()

local function median(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  return (sorted[(#sorted + 1) // 2] + sorted[#sorted // 2 + 1]) / 2
end

-- ---- the bare loop ----

local function bare_arguments(server, user, ...)
  return { tostring(server.c2s_port), server.ca_file, user, server.domain, PASSWORD, ... }
end

-- Messages a second, median and 99th of 100 in ms, CPU in ms.
local function bare_round(server, user, count, window, archive)
  local words = bare_arguments(server, user, "send", "sink@" .. server.domain, count, window, archive and "archive")
  local pipe = assert(io.popen(BARE .. " " .. table.concat(words, " ")))
  local rate, p50, p99, cpu = pipe:read("n", "n", "n", "n")
  assert(pipe:close() and cpu, "the bare loop has failed")
  return { rate = rate, p50 = p50, p99 = p99, cpu = cpu }
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
  local cpu, began = os.clock(), support.now_ms()
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
  table.sort(took)
  return { rate = count / seconds, p50 = median(took), p99 = took[math.max(1, count * 99 // 100)],
           cpu = (os.clock() - cpu) * 1000 }
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

local function print_row(name, rounds, window)
  local columns = {}
  for _, key in ipairs { "rate", "p50", "p99", "cpu" } do
    local values = {}
    for i, round in ipairs(rounds) do
      values[i] = round[key]
    end
    columns[key] = median(values)
  end
  print(("  %-15s %8.1f messages/s   p50 %7.2f ms   p99 %7.2f ms   CPU %6.1f ms"):format(name, columns.rate, columns.p50,
    columns.p99, columns.cpu) .. (window == 1 and "" or "   of its process"))
end

local function ratios(ours, theirs, key)
  local list = {}
  for i = 1, #ours do
    list[i] = ours[i][key] / theirs[i][key]
  end
  return median(list)
end

local function compare(server, client, count, window)
  local rows = { bare = {}, archive = {}, ours = {} }
  local turns = {
    { "bare", function() return bare_round(server, "bare", count, window) end },
    { "ours", function() return our_round(client, count, window) end },
    { "archive", function() return bare_round(server, "asking", count, window, true) end },
  }
  for round = 0, options.ROUNDS do -- the first is for caches, and counts for nothing
    for i = 0, 2 do
      local name, run = table.unpack(turns[(round + i) % 3 + 1])
      rows[name][round] = run()
    end
  end
  print_row("bare", rows.bare, window)
  print_row("bare + archive", rows.archive, window)
  print_row("timmsg", rows.ours, window)
  local key = window == 1 and "p50" or "rate"
  local ratio, archive = ratios(rows.ours, rows.bare, key), ratios(rows.ours, rows.archive, key)
  local good = key == "rate" and ratio >= LEAST_RATE or key == "p50" and ratio <= LONGEST_TIME
  print(("  timmsg / bare: %.2f (%s %.1f: %s); timmsg / bare + archive: %.2f"):format(ratio,
    key == "rate" and "at least" or "at most", key == "rate" and LEAST_RATE or LONGEST_TIME, good and "ok" or "MISSED", archive))
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
  print(("  idle for %g s: CPU %d ms, woken %d times, %d bytes sent, %d received"):format(options.IDLE, cpu_after - cpu,
    sleeps_after - sleeps, sent_after - sent, received_after - received))
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
  print(("%s, %d messages, at most %d under way, medians of %d rounds"):format(kind, options.COUNT, WINDOW, options.ROUNDS))
  compare(server, client, options.COUNT, WINDOW)
  print(("%s, one message at a time, %d of them, medians of %d rounds"):format(kind, options.SINGLE, options.ROUNDS))
  compare(server, client, options.SINGLE, 1)
  if options.IDLE > 0 then measure_idle(server, client) end
  client:close()
  stop_sink()
  server:close()
end

support.cleanup()
