-- Latency: how long a message takes from send_new_msg in one process to the handler in another, both idle before.
-- lua5.4 spec/bench/latency.lua [COUNT]    (with the Makefile's LUA_PATH and LUA_CPATH)

local process = require "process"
local support = require "support"
local timmsg = require "timmsg"

local COUNT <const> = tonumber(arg[1]) or 1000

local dir = support.temp_dir()
local alice = support.new_client(dir, "alice")
local replied
alice:on("recv_new_msg", function(msgs) replied = support.text_of(msgs[#msgs]) end)
process.start("echo", dir, "bob"):expect "(ready)"

local there, back, accepted = {}, {}, {}
for i = 1, COUNT do
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
  local came_at = tonumber(replied:match("^re: ping " .. i .. " ([%d.]+)$"))
  there[i], back[i] = came_at - sent_at, support.now_ms() - came_at
end

for _, row in ipairs { { "accepted", accepted }, { "there", there }, { "back", back } } do
  table.sort(row[2])
  print(("%-9s median %6.2f ms   p99 %6.2f ms   worst %6.2f ms   of %d"):format(row[1], row[2][(COUNT + 1) // 2],
    row[2][math.max(1, COUNT * 99 // 100)], row[2][COUNT], COUNT))
end

process.cleanup()
support.cleanup()
