-- Run: measures the groups of rows that are named, each in a process of its own, and prints one table of all.
-- lua5.4 spec/bench/run.lua GROUP... [NAME=value...]    (with the Makefile's environment; the values are the groups')

local bench = require "bench"
local lfs = require "lfs"

local LUA <const> = assert(lfs.symlinkattributes("/proc/self/exe", "target"))
local HERE <const> = debug.getinfo(1, "S").source:match "^@(.*)run%.lua$"

local groups, options = {}, {}
for _, word in ipairs(arg) do
  local list = word:find "=" and options or groups
  list[#list + 1] = word
end

local path = os.tmpname()
local failed = {}
for _, group in ipairs(groups) do
  io.stderr:write("measuring: ", group, "\n")
  local command = ("TIMMSG_BENCH_ROWS='%s' '%s' '%s%s.lua' %s"):format(path, LUA, HERE, group, table.concat(options, " "))
  if not os.execute(command) then failed[#failed + 1] = group end
end
bench.print_table(bench.read_rows(path))
os.remove(path)
assert(#failed == 0, "failed: " .. table.concat(failed, ", "))
