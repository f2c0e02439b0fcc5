-- Crash: what a process that is killed leaves behind, and a power loss (spec/crash; `make crash` is the long run). Processes
-- of their own do it, with a library that records what it has synced.

local support = require "support"

local describe <const> = support.hub_only(describe)

local ROOT <const> = debug.getinfo(1, "S").source:match "^@(.*)crash_spec%.lua$"
local BUILD <const> = assert(os.getenv "TIMMSG_BUILD", "TIMMSG_BUILD: where the library is")

-- Runs a script of spec/crash: whether it ended well, and what it said.
local function run(script, ...)
  local command = ("LUA_PATH='%s/crash/?.lua;%s/rounds/?.lua;%s' LUA_CPATH='%s/crash/?.so;;' lua5.4 %s/crash/%s.lua %s 2>&1")
    :format(ROOT, ROOT, package.path, BUILD, ROOT, script, table.concat({ ... }, " "))
  local pipe = assert(io.popen(command))
  local said = pipe:read "a"
  return pipe:close(), said
end

describe("Crash", function()
  after_each(support.cleanup)

  describe("after a power loss", function()
    for name, what in pairs {
      directories = "decision 8: what was reported sent is there, also if its directories were new",
      first_cursor = "rule 23: a device that had just been made gets what was sent to it",
      upload = "rule 21: a message of one's own has its file's id and url",
    } do
      it(what, function()
        local ok, said = run("cases", name, support.temp_dir())
        assert.is_true(ok, said)
      end)
    end

    it("rules 14, 15, 31, 38: all that was reported done is there, once", function()
      local ok, said = run("power", 3, 1)
      assert.is_true(ok, said)
    end)
  end)
end)
