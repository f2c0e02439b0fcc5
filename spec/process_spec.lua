-- Processes: several at one backend, what a crash leaves behind, and what an idle one costs.

local lfs = require "lfs"
local process = require "process"
local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

-- A message that crosses between two idle processes takes some ms, at least half of the time: this is only to notice one that
-- polls or is stuck.
local CROSSING_MS <const> = 1000

describe("processes", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(function()
    process.cleanup()
    support.cleanup()
  end)

  local function device(...) return support.device(dir, ...) end

  local function enrol(...)
    for _, user in ipairs { ... } do
      support.new_client(dir, user):close()
    end
  end

  local function start(task, ...)
    local peer = process.start(task, dir, ...)
    peer:expect "(ready)"
    return peer
  end

  -- All that a user's store has of a conversation, once it has as many messages.
  local function history(user, conv_id, conv_type, count)
    local client <close> = support.new_client(dir, user)
    local list
    support.eventually(function()
      list = support.history(client, conv_id, conv_type)
      return #list >= (count or 0)
    end, client)
    return list
  end

  -- What was said in the list by the sender, in its order.
  local function texts_of(msgs, sender)
    local texts = {}
    for _, msg in ipairs(msgs) do
      if msg.message_sender == sender then texts[#texts + 1] = support.text_of(msg) end
    end
    return texts
  end

  support.hub_only(describe)("while another process keeps writing to the hub,", function()
    local bob, at_bob

    local function number(sql) return support.hub_number(dir, sql) end
    local function fetched() return number "SELECT max(fetched) FROM devices WHERE user = (SELECT id FROM users WHERE name = 'bob')" end
    local function newest() return number "SELECT max(id) FROM events" end

    -- A process that does some SQL on the hub, and then has it for itself until it is closed.
    local function keep_hub(sql)
      local writer = assert(io.popen(("env -u LD_PRELOAD sqlite3 -cmd '.timeout 5000' '%s/hub/hub.db'"):format(dir), "w"))
      assert(writer:write(sql, "\nBEGIN IMMEDIATE;\n.shell touch '", dir, "/kept'\n"))
      assert(writer:flush())
      support.eventually(function() return lfs.attributes(dir .. "/kept") end)
      return writer
    end

    -- Asks the hub something, for which it is only read.
    local function look() assert.same({}, support.must(bob, "group_get_joined_group_list")) end

    before_each(function()
      local alice = device "alice"
      bob, at_bob = device("bob", nil, { request_timeout_ms = 10 * support.DEADLINE_MS }) -- it would wait so long
      support.say(alice, "bob", C2C, "one")
      support.arrival(at_bob, "one", bob)
      support.eventually(function() return fetched() == newest() end, bob)
      alice:close()
    end)

    it("rule 24: it is noted later what a device has fetched, which answers its calls meanwhile", function()
      local before = fetched()
      local writer <close> = keep_hub [[
        INSERT INTO events(kind, topic, sender, seq, rand, client_time, server_time, priority, elems)
          SELECT 1, topic, sender, seq + 1, rand + 1, client_time, server_time, priority, elems FROM events WHERE kind = 1;
        INSERT INTO inbox SELECT id, last_insert_rowid() FROM users WHERE name = 'bob';]]
      support.eventually(function()
        look()
        return #at_bob.messages == 2
      end)
      assert.equal(2, #support.history(bob, "alice", C2C))
      look()
      assert.equal(before, fetched())
      writer:close()
      support.eventually(function() return fetched() == newest() end, bob)
      assert.is_true(fetched() > before)
    end)

    it("rule 24: nor does one wait that has to be found again by others", function()
      local writer <close> = keep_hub ""
      for name in lfs.dir(dir .. "/hub/bells") do
        if #name > 2 then assert(os.remove(dir .. "/hub/bells/" .. name)) end
      end
      support.pass(os.time() + 1, bob) -- it is looked for once a second at most
      look()
      look()
      writer:close()
      local alice = device "alice"
      support.say(alice, "bob", C2C, "two")
      -- without a call of his, and sooner than each session looks by itself
      assert.is_true(support.pump(15000, function() return #at_bob.messages == 2 end, bob))
      support.eventually(function() return number "SELECT count(*) FROM sessions WHERE bell <> ''" == 2 end, alice, bob)
      assert.equal(1, number "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user WHERE u.name = 'bob'")
    end)
  end)

  it("rule 14, 22: two chat at once, and both have the same", function()
    enrol("alice", "bob")
    local count = support.is_hub and 400 or 100
    local alice = start("chat", "alice", "bob", C2C, count, count, 8)
    local bob = start("chat", "bob", "alice", C2C, count, count, 8)
    alice:tell "go"
    bob:tell "go"
    for peer, other in pairs { [alice] = "bob", [bob] = "alice" } do
      peer:expect "(done)"
      assert.same(support.numbered(other .. " ", count), peer:all(("^got %s %%d+ [%%d.]+ (.*)"):format(other)))
    end
    alice:tell "end"
    bob:tell "end"
    alice:finish()
    bob:finish()
    assert.equal(count, #alice:all "^got")
    assert.equal(count, #bob:all "^got")
    local at_alice, at_bob = history("alice", "bob", C2C), history("bob", "alice", C2C)
    assert.equal(2 * count, #at_alice)
    assert.same(support.texts(support.in_order(at_alice)), support.texts(support.in_order(at_bob)))
    for i, msg in ipairs(at_alice) do
      assert.equal(timmsg.TIMMsg_SendSucc, msg.message_status)
      if support.is_hub then assert.equal(msg.message_unique_id, at_bob[i].message_unique_id) end
    end
  end)

  it("rule 22: a message crosses at once", function()
    start("echo", "bob")
    local alice, at_alice = device "alice"
    local crossings = {}
    for i = 1, 20 do
      local sent_at = support.now_ms()
      support.say(alice, "bob", C2C, "ping " .. i)
      local came_at
      process.eventually(function()
        local last = at_alice.messages[i]
        came_at = last and support.text_of(last):match("^re: ping " .. i .. " ([%d.]+)$")
        return came_at
      end, alice)
      crossings[i] = math.max(tonumber(came_at) - sent_at, support.now_ms() - tonumber(came_at))
    end
    table.sort(crossings)
    assert.is_true(crossings[10] < CROSSING_MS, ("%.1f ms"):format(crossings[10]))
  end)

  it("rule 10, 12, 14: five write to the same backend at the same time", function()
    local users, count = { "u1", "u2", "u3", "u4", "u5" }, 60
    enrol(table.unpack(users))
    local alice, at_alice = device "alice"
    local group = support.group(alice, "crowd", table.unpack(users))
    local peers = {}
    for i, user in ipairs(users) do
      peers[i] = start("crowd", user, group, "alice", count, 6)
    end
    for _, peer in ipairs(peers) do
      peer:tell "go"
    end
    local total = 2 * #users * count
    process.eventually(function() return #at_alice.messages >= total + 1 end, alice)
    for _, peer in ipairs(peers) do
      peer:expect("(done)", alice)
      peer:finish(alice)
    end

    assert.equal(total + 1, #at_alice.messages)
    local in_group = support.history(alice, group, GROUP)
    -- on the hub the group's seq is a counter without holes, and the order
    for seq, msg in ipairs(support.is_hub and in_group or {}) do
      assert.equal(seq, msg.message_seq)
    end
    assert.equal(#users * count + 1, #in_group)
    for i, user in ipairs(users) do
      assert.same(support.numbered(user .. " to all ", count), texts_of(in_group, user))
      assert.same(support.numbered(user .. " to one ", count), support.texts(support.history(alice, user, C2C)))
      local told = {}
      for _, msg in ipairs(at_alice.messages) do
        if msg.message_sender == user and msg.message_conv_type == C2C then told[#told + 1] = support.text_of(msg) end
      end
      assert.same(support.numbered(user .. " to one ", count), told)
      -- what each was told of its own: the seq that everybody sees
      local seqs = peers[i]:all "^sent (%d+) u%d to all"
      local k = 0
      for _, msg in ipairs(in_group) do
        if msg.message_sender == user then
          k = k + 1
          assert.equal(tostring(msg.message_seq), seqs[k])
        end
      end
      -- and every member has the same
      assert.same(support.texts(in_group), support.texts(history(user, group, GROUP, #in_group)))
    end
  end)

  -- Voluntary and other context switches of all threads of a process, and the clock ticks it has used.
  local function cost(pid)
    local switches, ticks = 0, 0
    for thread in lfs.dir(("/proc/%d/task"):format(pid)) do
      if thread ~= "." and thread ~= ".." then
        local status = support.read_file(("/proc/%d/task/%s/status"):format(pid, thread))
        switches = switches + status:match "voluntary_ctxt_switches:%s*(%d+)" + status:match "nonvoluntary_ctxt_switches:%s*(%d+)"
        local stat = support.read_file(("/proc/%d/task/%s/stat"):format(pid, thread))
        local user, system = stat:match "^%d+ %(.*%) %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+) (%d+)"
        ticks = ticks + user + system
      end
    end
    return switches, ticks
  end

  it("an idle client costs nothing, also while others talk", function()
    local idle = start("idle", "idler")
    local alice, at_alice = device "alice"
    local bob, at_bob = device "bob"
    support.say(alice, "bob", C2C, "warm")
    support.arrival(at_bob, "warm")
    support.idle(200, alice, bob) -- it has only just logged in
    local n = 0
    local function talk()
      local ends = support.now_ms() + 2000
      while support.now_ms() < ends do
        n = n + 1
        support.say(n % 2 == 0 and alice or bob, n % 2 == 0 and "bob" or "alice", C2C, "talk " .. n)
        support.arrival(n % 2 == 0 and at_bob or at_alice, "talk " .. n)
        support.idle(50, alice, bob)
      end
    end
    local switches, ticks
    for _ = 1, 5 do -- the log-in may have left something to do; what costs again and again is seen each time
      local switches_before, ticks_before = cost(idle.pid)
      talk()
      switches, ticks = cost(idle.pid)
      switches, ticks = switches - switches_before, ticks - ticks_before
      if switches <= 1 and ticks == 0 then break end
    end
    assert.is_true(switches <= 1, switches .. " context switches")
    assert.equal(0, ticks)
  end)

  describe("killed", function()
    for name, conv_type in pairs { ["C2C"] = C2C, ["group"] = GROUP } do
      it("rule 14, 15: in the middle of sending, " .. name, function()
        enrol "alice"
        local bob, at_bob = device "bob"
        local conv, at = "bob", "alice"
        if conv_type == GROUP then conv, at = support.group(bob, "crew", "alice"), "crew" end
        local reported = {}
        for life = 1, 6 do
          -- Now few at a time, until some are reported; now many, until the first are there: then most of them are
          -- accepted by the backend, and the sender's own store does not say so yet.
          local many = life % 2 == 0
          local sender = start("send", "alice", conv, conv_type, "life " .. life, many and (support.is_hub and 300 or 100) or life * 4)
          local before = #at_bob.messages
          process.eventually(function()
            if many then return #at_bob.messages > before + 2 * life end
            return #sender:all "^sent" >= life * 7
          end, bob)
          sender:kill()
          for _, text in ipairs(sender:all "^sent %d+ (.*)") do
            reported[#reported + 1] = text
          end

          -- the next life settles what the last left in state 1, and tells
          local alice, at_alice = device "alice"
          local has, not_sent = {}, {}
          for _, msg in ipairs(support.history(alice, conv, conv_type)) do
            if msg.message_is_from_self then
              if msg.message_status == timmsg.TIMMsg_SendFail then
                not_sent[#not_sent + 1] = msg
              else
                assert.equal(timmsg.TIMMsg_SendSucc, msg.message_status)
                has[#has + 1] = msg
              end
            end
          end
          if #not_sent > 0 then assert.is_true(#at_alice.events > 0) end
          support.say(alice, conv, conv_type, "settled " .. life)
          support.arrival(at_bob, "settled " .. life)
          has[#has + 1] = false -- that one

          local come, count = {}, 0
          for _, msg in ipairs(at_bob.messages) do
            if msg.message_sender == "alice" then
              local text = support.text_of(msg)
              assert.is_nil(come[text], "twice: " .. text)
              come[text], count = msg.message_rand, count + 1
            end
          end
          for _, text in ipairs(reported) do
            assert.is_truthy(come[text], "lost: " .. text)
          end
          -- bob has exactly what alice's store says to be sent
          assert.equal(#has, count)
          for _, msg in ipairs(has) do
            if msg then assert.equal(msg.message_rand, come[support.text_of(msg)]) end
          end
          for _, msg in ipairs(not_sent) do
            assert.is_nil(come[support.text_of(msg)])
          end
          -- what did not go out can be sent now, in its row
          local rows = #support.history(alice, conv, conv_type)
          for _, msg in ipairs(not_sent) do
            support.must(alice, "send_new_msg", conv, conv_type, msg)
            support.arrival(at_bob, support.text_of(msg))
          end
          assert.equal(rows, #support.history(alice, conv, conv_type))
          alice:close()
        end
        local both = { history("alice", conv, conv_type), support.history(bob, at, conv_type) }
        assert.same(support.texts(support.in_order(both[1])), support.texts(support.in_order(both[2])))
      end)
    end

    support.hub_only(describe)("rule 22: between the hub's commit and waking the others,", function()
      local bob, at_bob, carol
      before_each(function()
        bob, at_bob = device "bob"
        carol = device "carol"
        support.group(bob, "crew", "carol")
        support.new_client(dir, "alice"):close()
        support.must(bob, "group_invite_member", {
          group_invite_member_param_group_id = "crew", group_invite_member_param_identifier_array = { "alice" },
        })
        support.eventually(function() return #at_bob.messages == 2 end, bob, carol)
      end)

      -- Far less than the time after which they look by themselves.
      local function soon(predicate, ...) return support.pump(6000 * support.PATIENCE, predicate, ...) or false end
      local function sends() process.start_dying("send", dir, "alice", "bob", C2C, "last", 1) end
      local function quits() process.start_dying("quit_group", dir, "alice", "crew", 30000) end
      local function has_come() return #at_bob.messages >= 3 end
      local function heard_nothing()
        support.idle(100, bob)
        assert.is_false(has_come())
      end

      it("who sent logs in again, and nobody knows any more that he died", function()
        sends()
        local sql = "DELETE FROM sessions WHERE user = (SELECT id FROM users WHERE name = 'alice')"
        assert(os.execute(("sqlite3 '%s/hub/hub.db' \"%s\""):format(dir, sql)))
        heard_nothing()
        local alice = device "alice"
        assert.is_true(soon(has_come, bob, alice))
      end)

      for what, act in pairs { sent = sends, ["left a group"] = quits } do
        it("who " .. what .. " logs in again", function()
          act()
          heard_nothing()
          local alice = device "alice"
          assert.is_true(soon(has_come, bob, alice))
          if act ~= sends then return end
          assert.equal("last 1", support.text_of(at_bob.messages[3]))
          assert.equal(timmsg.TIMMsg_SendSucc, support.history(alice, "bob", C2C)[1].message_status)
        end)

        it("who " .. what .. " is found dead by somebody else", function()
          act()
          heard_nothing()
          support.say(carol, "alice", C2C, "are you there?")
          assert.is_true(soon(has_come, bob, carol))
        end)

        it("of one who " .. what .. " hears who does something himself", function()
          act()
          heard_nothing()
          support.pass(os.time() + 1, bob, carol) -- it is looked for once a second at most
          support.say(bob, "bob", C2C, "note to self")
          assert.is_true(soon(has_come, bob))
        end)
      end
    end)

    it("rule 22, 23: in the middle of receiving", function()
      enrol "bob"
      local alice = device "alice"
      local sent, stop = 0, false
      local function send()
        if stop then return end
        sent = sent + 1
        assert(alice:send_new_msg("bob", C2C, timmsg.text("message " .. sent), function(code, desc)
          assert(code == 0, desc)
          send()
        end))
      end
      send()
      local told = {}
      for life = 1, 5 do
        local receiver = start("receive", "bob", math.maxinteger)
        process.eventually(function() return #receiver:all "^got" >= life * 15 end, alice)
        receiver:kill()
        for _, text in ipairs(receiver:all "^got alice %d+ [%d.]+ (.*)") do
          assert.is_nil(told[text], "told twice: " .. text)
          told[text] = true
        end
      end
      stop = true
      support.say(alice, "bob", C2C, "the last")
      local bob, at_bob = device "bob"
      support.arrival(at_bob, "the last", alice)
      local expected = support.numbered("message ", sent)
      expected[#expected + 1] = "the last"
      local all = support.history(bob, "alice", C2C)
      assert.same(expected, support.texts(all))
      for _, msg in ipairs(at_bob.messages) do
        assert.is_nil(told[support.text_of(msg)])
      end
      -- nobody has read anything
      assert.equal(sent + 1, support.conv(bob, "alice", C2C).conv_unread_num)
    end)

    it("rule 22: before its callback: the message is in the store, once and unread, and is not told again", function()
      local peer = start("deaf", "bob")
      local alice = device "alice"
      local sent = support.say(alice, "bob", C2C, "nobody listens 没人听")
      peer:expect("(waiting)", alice)
      peer:kill()
      assert.same({}, peer:all "^called")
      local bob, at_bob = device "bob"
      support.say(alice, "bob", C2C, "now")
      support.arrival(at_bob, "now")
      assert.same({ "now" }, support.texts(at_bob.messages))
      local all = support.history(bob, "alice", C2C)
      assert.same({ "nobody listens 没人听", "now" }, support.texts(all))
      assert.equal(sent.message_rand, all[1].message_rand)
      assert.is_false(all[1].message_is_read)
      assert.equal(2, support.conv(bob, "alice", C2C).conv_unread_num)
    end)

    it("rule 24: one that holds a store is named, and holds it no longer than it lives", function()
      local peer = start("idle", "bob")
      local second = support.new_client(dir, nil, { data_dir = dir .. "/bob" })
      local code, desc = support.call(second, "login", "bob", "sig")
      assert.equal(timmsg.ERR_DATABASE_OPERATE_FAILED, code)
      assert.matches(("process %d%%f[%%D]"):format(peer.pid), desc)
      peer:kill()
      support.must(second, "login", "bob", "sig")
      -- and nobody waits for the dead one
      local alice = device "alice"
      local seen = support.watch(second)
      support.say(alice, "bob", C2C, "alive")
      support.arrival(seen, "alive")
    end)

    support.hub_only(it)("rule 31: in the middle of an import: all or nothing", function()
      local count = 8000
      for life = 1, 5 do
        local user = "user" .. life
        local importer = process.start("import", dir, user, "bob", count)
        importer:expect "(begun)"
        support.idle(life * 25) -- it is done, or not
        importer:kill()
        local done = importer:all "^imported 0"
        local kept = #history(user, "bob", C2C)
        assert.is_true(kept == 0 or kept == count, kept .. " messages")
        if #done > 0 then assert.equal(count, kept) end
      end
    end)
  end)
end)
