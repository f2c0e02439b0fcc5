-- The mirror: a device's own copy of what the archives hold. It is lost, older than the store, damaged; and what has gone
-- out of it (rules 29, 36, 45, 46).

local support = require "support"
local timmsg = require "timmsg"

local describe <const> = support.xmpp_only(describe)
local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP
local DAY <const> = 86400 * 1000000

describe("the mirror", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(support.cleanup)

  -- SQL on one of ben's databases, while he is not logged in.
  local function tamper(name, sql)
    local pipe <close> = assert(io.popen(("env -u LD_PRELOAD sqlite3 -cmd '.timeout 5000' '%s/ben/ben.%s' \"%s\""):format(dir, name, sql)))
    return pipe:read "a"
  end

  it("knows what an archive shows again in which nothing was said for a month (rule 36)", function()
    local anna, carl = support.new_client(dir, "anna"), support.new_client(dir, "carl")
    local ben, at_ben = support.device(dir, "ben")
    support.group(anna, "crew", "ben", "carl")
    support.eventually(function() return #at_ben.messages > 0 end, ben)
    support.say(anna, "crew", GROUP, "bye all")
    support.arrival(at_ben, "bye all", anna)
    support.pass(os.time() + 1, anna, ben)
    support.say(carl, "crew", GROUP, "bye")
    support.arrival(at_ben, "bye", carl)
    support.pass(os.time(), ben) -- the mirror knows that the store has it
    support.must(ben, "conv_delete", "crew", GROUP)
    support.must(ben, "logout")
    -- it has heard others for a month since
    local later = (tonumber(tamper("mirror", "SELECT value FROM meta WHERE name = 'top'")) or 0) + 31 * DAY
    tamper("mirror", ("UPDATE meta SET value = %d WHERE name = 'top'"):format(later))
    tamper("db", ("UPDATE meta SET value = substr(value, 1, instr(value, ' ')) || %d WHERE name = 'cursor'"):format(later))
    for _ = 1, 2 do
      support.must(ben, "login", "ben", "sig")
      support.say(anna, "ben", C2C, "hello")
      support.idle(1500, ben, anna)
      support.must(ben, "logout")
    end
    support.must(ben, "login", "ben", "sig")
    support.say(anna, "ben", C2C, "at last")
    support.arrival(at_ben, "at last", anna)
    support.idle(500, ben)
    local texts = {}
    for _, msg in ipairs(at_ben.messages) do
      if support.text_of(msg) == "bye all" then table.insert(texts, "bye all") end
    end
    assert.same({ "bye all" }, texts)
    assert.is_nil(support.conv(ben, "crew", GROUP))
  end)
end)
