-- Crash: what a process that is killed leaves behind, and a power loss (spec/crash; `make crash` is the long run). Processes
-- of their own do it, with a library that records what it has synced.

local lfs = require "lfs"
local process = require "process"
local support = require "support"
local timmsg = require "timmsg"

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
  after_each(function()
    process.cleanup()
    support.cleanup()
  end)

  it("the bell of a session that died is removed after a while, that of another is not", function()
    local dir = support.temp_dir()
    local dead, alive = process.start("idle", dir, "dead"), process.start("receive", dir, "alive", 1)
    dead:expect "ready"
    alive:expect "ready"
    local bells = dir .. "/hub/bells/"
    local function count(time)
      local found = 0
      for name in lfs.dir(bells) do
        if #name == 16 then
          found = found + 1
          if time then assert(lfs.touch(bells .. name, time)) end
        end
      end
      return found
    end
    dead:kill()
    support.new_client(dir, "eve"):close()
    assert.equal(2, count(os.time() - 3600)) -- it is not so long ago that it died
    local eve = support.new_client(dir, "eve")
    assert.equal(2, count())
    support.say(eve, "alive", timmsg.C2C, "hello")
    alive:expect "^got eve"
  end)

  it("rules 10 to 39: whoever is killed, and whenever: what was reported is there, once, and nothing is left over", function()
    local ok, said = run("crash", 50, 1)
    assert.is_true(ok, said)
  end)

  describe("after a power loss", function()
    for name, what in pairs {
      directories = "rule 14: what was reported sent is there, also if its directories were new",
      first_cursor = "rule 23: a device that had just been made gets what was sent to it",
      copy = "rule 38: nor does one from the hub whose content is not what it was",
      download = "rule 38: a download does not go on behind pages that never came to the disk",
      upload = "rule 21: a message of one's own has its file's id and url",
    } do
      it(what, function()
        local ok, said = run("cases", name, support.temp_dir())
        assert.is_true(ok, said)
      end)
    end

    it("rules 14, 15, 31, 38: all that was reported done is there, once", function()
      local ok, said = run("power", 2, 1)
      assert.is_true(ok, said)
    end)
  end)
end)
