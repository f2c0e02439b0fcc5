-- Lost locks: whoever closes a file gives up all POSIX locks that the process has on it. When a second client of a
-- process opened the hub that way, the first lost its locks without knowing; a process that ended then took the hub's
-- journal for abandoned and removed it, and what the first one sent was reported as sent and seen by nobody.

local process = require "process"
local support = require "support"

local C2C <const> = require("timmsg").C2C
local describe <const> = support.hub_only(describe)

describe("Lost locks", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(function()
    process.cleanup()
    support.cleanup()
  end)

  it("two clients of a process and others that come and go share the hub", function()
    local anna, ben = support.new_client(dir, "anna"), support.new_client(dir, "ben")
    for round = 1, 3 do
      local visitor = process.start("receive", dir, "cora", 0)
      visitor:expect "ready"
      visitor:tell "end"
      visitor:finish()
      support.say(anna, "cora", C2C, "anna's " .. round)
      support.say(ben, "cora", C2C, "ben's " .. round)
      -- one more client here, and one less
      support.new_client(dir, "dave"):close()
      support.say(anna, "cora", C2C, "anna's second " .. round)
      local reader = process.start("receive", dir, "cora", 3)
      for _, text in ipairs { "anna's ", "ben's ", "anna's second " } do
        reader:expect("^got %S+ %d+ %S+ " .. text .. round .. "$")
      end
      reader:tell "end"
      reader:finish()
    end
  end)

  it("nobody's own database can be sent", function()
    local timmsg = require "timmsg"
    local anna = support.new_client(dir, "anna")
    support.new_client(dir, "ben"):close()
    for _, name in ipairs { "hub/hub.db", "hub/hub.db-wal", "hub/hub.db-shm", "anna/anna.db", "hub/../hub/hub.db" } do
      local code, desc = support.call(anna, "send_new_msg", "ben", C2C, timmsg.file(dir .. "/" .. name))
      assert.equal(timmsg.ERR_SDK_COMM_FILE_OPEN_FAILED, code)
      assert.matches("a database that this process has open$", desc)
    end
    -- a database of nobody's is a file like any other
    assert.equal(0, (support.call(anna, "send_new_msg", "ben", C2C, timmsg.file(support.write_file(dir .. "/my.db", "x")))))
  end)
end)
