-- The mirror: a device's own copy of what the archives hold. It is lost, older than the store, damaged; and what has gone
-- out of it (rules 29, 36, 45, 46).

local lfs = require "lfs"
local support = require "support"
local timmsg = require "timmsg"
local uv = require "luv"

local describe <const> = support.xmpp_only(describe)
local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP
local DAY <const> = 86400 * 1000000

describe("the mirror", function()
  local xmpp_stream, dir

  setup(function() xmpp_stream = require "xmpp_stream" end)
  before_each(function() dir = support.temp_dir() end)
  after_each(function()
    xmpp_stream.cleanup()
    support.cleanup()
  end)

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

  if support.backend == "prosody" then
    -- His first device knows what waited for him, and that the newest of it is ten minutes younger than all the rest. It goes on
    -- when the service of the groups is released.
    local function begin_log_in(server, host)
      support.account(dir, "mallory")
      support.account(dir, "ben")
      local mallory = assert(xmpp_stream.connect(server, host, "mallory", "sig"))
      for i = 1, 3 do
        mallory:send(("<message type='chat' to='ben@%s' id='%d'><body>waiting %d</body></message>"):format(host, i, i))
      end
      mallory:send "<iq type='get' id='all'><ping xmlns='urn:xmpp:ping'/></iq>"
      mallory:expect "<iq[^>]*id=['\"]all"
      server:hold_service(host, "conference") -- the log-in waits for it
      local ben = support.new_client(dir, nil, { data_dir = dir .. "/ben" })
      local at_ben, code = support.watch(ben), nil
      assert(ben:login("ben", "sig", function(got) code = got end))
      support.eventually(function()
        return lfs.attributes(dir .. "/ben/ben.mirror") and
          tamper("mirror", "SELECT count(*) FROM sqlite_master WHERE name = 'archives'") == "1\n" and
          tamper("mirror", "SELECT count(*) FROM archives, known WHERE number = -1") == "3\n"
      end, ben)
      tamper("mirror", "UPDATE archives SET stamp = stamp + 600000000")
      return ben, at_ben, function() return code end
    end

    it("knows what waited for the user though the connection breaks before it is read (rules 23, 24)", function()
      local server, host = support.xmpp_server(), support.xmpp_host(dir)
      local ben, at_ben, code = begin_log_in(server, host)
      server:refuse("own_page", "ben@" .. host, "internal-server-error")
      server:release_service(host, "conference")
      support.arrival(at_ben, "waiting 3")
      assert.equal(0, code())
      assert.same(support.numbered("waiting ", 3), support.texts(at_ben.messages))
      -- it need not be read from there for ever
      support.eventually(function() return tamper("mirror", "SELECT count(*) FROM meta WHERE name = 'untold'") == "0\n" end, ben)
    end)

    it("knows what waited for the user though the program ends before it is read (rules 23, 24)", function()
      local server, host = support.xmpp_server(), support.xmpp_host(dir)
      local ben, at_ben, code = begin_log_in(server, host)
      server:lose("own_page", "ben@" .. host)
      server:release_service(host, "conference")
      support.eventually(code, ben)
      ben:close()
      assert.same({ {}, 0 }, { at_ben.messages, code() })
      ben, at_ben = support.device(dir, "ben")
      support.arrival(at_ben, "waiting 3", ben)
      assert.same(support.numbered("waiting ", 3), support.texts(at_ben.messages))
    end)
  end

  -- What the message of that rand is in ben's store, and how often he heard that it was revoked.
  local function state_of(ben, at_ben, bad)
    local status, heard = nil, 0
    for _, msg in ipairs(support.history(ben, "crew", GROUP)) do
      if msg.message_rand == bad.message_rand then
        status = msg.message_status
        assert.equal(status == timmsg.TIMMsg_Revoked and 0 or 1, #msg.message_elem_array)
      end
    end
    for _, locator in ipairs(at_ben.revoked) do
      if locator.message_locator_rand == bad.message_rand then heard = heard + 1 end
    end
    return status, heard
  end

  local function check_revoked(ben, at_ben, bad, times)
    local status, heard = state_of(ben, at_ben, bad)
    assert.equal(timmsg.TIMMsg_Revoked, status)
    assert.equal(times, heard)
  end

  it("brings the store what is revoked in another stretch of the history (rules 29, 35)", function()
    local anna = support.new_client(dir, "anna")
    local other, at_other = support.device(dir, "ben")
    support.group(anna, "crew", "ben")
    support.say(anna, "crew", GROUP, "welcome")
    support.arrival(at_other, "welcome", anna)
    support.must(other, "logout")
    support.send_many(anna, "crew", GROUP, "before ", 85)
    local bad = support.say(anna, "crew", GROUP, "bad")
    support.pass(bad.message_server_time, anna)
    support.send_many(anna, "crew", GROUP, "behind ", 20) -- the border is among them
    support.must(anna, "revoke", "crew", GROUP, bad)
    support.pass(os.time(), anna)
    local ben, at_ben = support.device(dir, "ben", "desk")
    local param = { count = 60, is_remble = true, is_forward = true }
    local first = support.page(ben, "crew", GROUP, param)
    param.last_msg = first[#first]
    param.count = 20
    support.page(ben, "crew", GROUP, param)
    assert.equal(timmsg.TIMMsg_SendSucc, (state_of(ben, at_ben, bad))) -- it was there before that was known
    param.count = 60
    support.page(ben, "crew", GROUP, param)
    check_revoked(ben, at_ben, bad, 1)
    support.must(ben, "logout")
    support.must(ben, "login", "ben", "sig")
    param.last_msg = nil
    support.page(ben, "crew", GROUP, param)
    support.say(anna, "crew", GROUP, "next")
    support.arrival(at_ben, "next", anna)
    check_revoked(ben, at_ben, bad, 1)
  end)

  it("brings the store what is revoked though it has forgotten the message, if that was in time (rules 28, 29)", function()
    local anna = support.new_client(dir, "anna")
    local ben, at_ben = support.device(dir, "ben")
    support.group(anna, "crew", "ben")
    support.pass(os.time(), anna, ben)
    support.say(anna, "crew", GROUP, "welcome") -- since then the store has all
    support.pass(os.time(), anna, ben)
    local old, bad = support.say(anna, "crew", GROUP, "old"), support.say(anna, "crew", GROUP, "bad")
    support.arrival(at_ben, "bad", anna)
    support.pass(bad.message_server_time + 1, anna, ben)
    support.must(ben, "group_quit", "crew")
    support.must(ben, "logout")
    tamper("mirror", "DELETE FROM known WHERE archive = 'crew'; DELETE FROM log WHERE conv = 'crew' AND kind IN (1, 6)")
    tamper("db", ("UPDATE messages SET server_time = server_time - 200 WHERE rand = %d"):format(old.message_rand))
    support.must(anna, "revoke", "crew", GROUP, bad)
    support.must(anna, "revoke", "crew", GROUP, old)
    support.pass(os.time(), anna)
    support.must(ben, "login", "ben", "sig")
    support.must(ben, "group_join", "crew")
    support.page(ben, "crew", GROUP, { is_remble = true, count = 100 })
    check_revoked(ben, at_ben, bad, 1)
    local status, heard = state_of(ben, at_ben, old)
    assert.equal(timmsg.TIMMsg_SendSucc, status)
    assert.equal(0, heard)
  end)

  -- What ben's mirror was, each time it was set aside.
  local function set_aside()
    local list = {}
    for name in lfs.dir(dir .. "/ben") do
      if name:find "^ben%.mirror%.damaged%-%d+$" then list[#list + 1] = support.read_file(dir .. "/ben/" .. name) end
    end
    return list
  end

  it("is set aside when it is damaged, and made anew of what the archives have (rule 46)", function()
    local anna = support.new_client(dir, "anna")
    local ben, at_ben = support.device(dir, "ben")
    support.say(anna, "ben", C2C, "before")
    support.arrival(at_ben, "before", anna)
    local path = dir .. "/ben/ben.mirror"
    local noise = ("\255\1\2\3"):rep(1024)
    local damages = {
      function() return "this is no database" end,
      function(good) return good:sub(1, 100) .. noise:sub(101) .. good:sub(4097) end, -- found when it is opened
      function(good) return good:sub(1, 4096) .. noise:rep(#good // 4096 - 1) end, -- and when it is used
    }
    for i, damage in ipairs(damages) do
      support.must(ben, "logout")
      tamper("mirror", "PRAGMA wal_checkpoint(TRUNCATE)")
      local bad = damage(support.read_file(path))
      support.write_file(path, bad)
      os.remove(path .. "-wal")
      os.remove(path .. "-shm")
      local code, desc = support.call(ben, "login", "ben", "sig")
      assert.equal(timmsg.ERR_DATABASE_OPERATE_FAILED, code)
      assert.matches("ben%.mirror", desc)
      local kept = set_aside()
      assert.equal(i, #kept)
      local found = false
      for _, one in ipairs(kept) do found = found or one == bad end
      assert.is_true(found)
      support.say(anna, "ben", C2C, "meanwhile " .. i)
      support.must(ben, "login", "ben", "sig")
      support.arrival(at_ben, "meanwhile " .. i, anna)
    end
    assert.same({ "before", "meanwhile 1", "meanwhile 2", "meanwhile 3" }, support.texts(at_ben.messages))
  end)

  for _, what in ipairs { "lost", "older than the store" } do
    it(("is %s, and nothing is told again, doubled or brought back, nor left out"):format(what), function()
      local path = dir .. "/ben/ben.mirror"
      local copy
      local anna = support.new_client(dir, "anna")
      local ben, at_ben = support.device(dir, "ben")
      support.account(dir, "carl")
      local carl = assert(xmpp_stream.connect(support.xmpp_server(), support.xmpp_host(dir), "carl", "sig"))
      carl:send "<presence/>"
      local function write(text) -- as another client does
        carl:send(("<message type='chat' to='ben@%s' id='%s'><body>%s</body></message>"):format(support.xmpp_host(dir),
          (text:gsub(" ", "-")), text))
        support.eventually(function()
          uv.run "nowait"
          return carl.input:get_write_queue_size() == 0
        end)
        support.arrival(at_ben, text)
      end
      support.group(anna, "crew", "ben")
      support.say(anna, "ben", C2C, "long ago")
      support.arrival(at_ben, "long ago", anna)
      support.must(ben, "logout")
      if what ~= "lost" then
        tamper("mirror", "PRAGMA wal_checkpoint(TRUNCATE)")
        copy = support.read_file(path)
      end
      support.must(ben, "login", "ben", "sig")
      for i = 1, 3 do
        write("first " .. i)
        support.say(anna, "ben", C2C, "deleted " .. i)
        support.say(anna, "crew", GROUP, "in the group " .. i)
        support.arrival(at_ben, "in the group " .. i, anna)
        write("second " .. i)
        support.say(ben, "carl", C2C, "mine " .. i)
      end
      support.arrival(at_ben, "deleted 3", anna)
      support.must(ben, "conv_delete", "anna", C2C)
      support.must(ben, "delete", "crew", GROUP, {})
      support.must(ben, "report_readed", "carl", C2C)
      local of_carl = support.history(ben, "carl", C2C)
      assert.equal(9, #of_carl)
      support.must(ben, "logout")
      tamper("mirror", "PRAGMA wal_checkpoint(TRUNCATE)")
      for _, part in ipairs { "", "-wal", "-shm" } do os.remove(path .. part) end
      if copy then support.write_file(path, copy) end
      local told = #at_ben.messages
      support.say(anna, "crew", GROUP, "after") -- while the mirror is away
      support.must(ben, "login", "ben", "sig")
      support.arrival(at_ben, "after", anna)
      write "after that"
      support.idle(1000, ben, anna)
      assert.same({ "after", "after that" }, { table.unpack(support.texts(at_ben.messages), told + 1) })
      local now = support.history(ben, "carl", C2C)
      assert.equal("after that", support.text_of(table.remove(now)))
      assert.same(of_carl, now)
      assert.equal(1, support.conv(ben, "carl", C2C).conv_unread_num)
      assert.is_nil(support.conv(ben, "anna", C2C))
      assert.same({ "after" }, support.texts(support.history(ben, "crew", GROUP)))
    end)
  end
end)
