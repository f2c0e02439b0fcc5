-- Delete: what is gone from this device, and stays away (rule 36).

local process = require "process"
local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

local LONG_AGO <const> = 1400000000

describe("delete", function()
  local dir, alice, at_alice, bob, at_bob

  before_each(function()
    dir = support.temp_dir()
    alice, at_alice = support.device(dir, "alice")
    bob, at_bob = support.device(dir, "bob")
  end)
  after_each(function()
    process.cleanup()
    support.cleanup()
  end)

  -- Deletes one message, or all if none is given.
  local function delete(client, conv_id, conv_type, msg)
    support.must(client, "delete", conv_id, conv_type, msg and { msg_delete_param_msg = msg } or {})
  end

  local function texts(client, conv_id, conv_type)
    return support.texts(support.history(client, conv_id, conv_type))
  end

  -- The texts after everything the backend has was asked for.
  local function completed(client, conv_id, conv_type)
    for _, forward in ipairs { false, true } do
      support.page(client, conv_id, conv_type, { count = 1000, is_remble = true, is_forward = forward })
    end
    return texts(client, conv_id, conv_type)
  end

  -- alice speaks to bob; at bob it has arrived.
  local function tell(conv_type, ...)
    local sent = {}
    for i, text in ipairs { ... } do
      sent[i] = support.say(alice, conv_type == C2C and "bob" or "crew", conv_type, text)
      support.arrival(at_bob, text)
    end
    return sent
  end

  local function relog_bob()
    bob:close()
    bob, at_bob = support.device(dir, "bob")
  end

  for name, conv_type in pairs { ["C2C"] = C2C, ["group"] = GROUP } do
    describe(name, function()
      local conv, at -- the conversation's id at alice and at bob

      before_each(function()
        conv, at = "bob", "alice"
        if conv_type == GROUP then
          conv, at = support.group(alice, "crew", "bob"), "crew"
          -- only what is said counts here
          support.eventually(function() return #at_bob.messages == 1 and #at_alice.messages == 1 end, alice, bob)
          delete(bob, "crew", GROUP, at_bob.messages[1])
          delete(alice, "crew", GROUP, at_alice.messages[1])
        end
      end)

      for form, make in pairs {
        ["a message"] = function(msg) return msg end,
        ["a locator"] = timmsg.locator,
        ["seq and rand"] = function(msg) return { message_seq = msg.message_seq, message_rand = msg.message_rand } end,
      } do
        it("rule 36: with " .. form .. ": that one, on this device only", function()
          local desk, at_desk = support.device(dir, "bob", "desk")
          local sent = tell(conv_type, "一", "two 'quoted' %d", "🙂🙂🙂")
          support.arrival(at_desk, "🙂🙂🙂")
          local before = support.conv(bob, at, conv_type).conv_unread_num
          delete(bob, at, conv_type, make(at_bob.messages[#at_bob.messages - 1]))
          delete(alice, conv, conv_type, make(sent[3]))
          assert.same({ "一", "🙂🙂🙂" }, texts(bob, at, conv_type))
          assert.same({ "一", "two 'quoted' %d" }, texts(alice, conv, conv_type))
          assert.equal(before - 1, support.conv(bob, at, conv_type).conv_unread_num)
          local whole = texts(desk, at, conv_type)
          assert.same({ "一", "two 'quoted' %d", "🙂🙂🙂" }, { table.unpack(whole, #whole - 2) })
          -- whatever is asked for, and in a later life
          assert.same({ "一", "🙂🙂🙂" }, completed(bob, at, conv_type))
          relog_bob()
          assert.same({ "一", "🙂🙂🙂" }, completed(bob, at, conv_type))
          assert.same({ "一", "two 'quoted' %d" }, completed(alice, conv, conv_type))
        end)
      end

      for form, param in pairs {
        ["nothing"] = {},
        ["{}"] = { msg_delete_param_msg = timmsg.object {} },
        ["null"] = { msg_delete_param_msg = timmsg.null },
        ["is_remble and no message"] = { msg_delete_param_is_remble = true },
        ["is_remble and {}"] = { msg_delete_param_msg = timmsg.object {}, msg_delete_param_is_remble = true },
      } do
        it("rule 36: with " .. form .. ": all of the conversation's", function()
          local desk, at_desk = support.device(dir, "bob", "desk")
          tell(conv_type, "one", "two", "three")
          support.say(bob, at, conv_type, "mine")
          support.arrival(at_desk, "mine")
          support.say(bob, "bob", C2C, "elsewhere")
          support.must(bob, "delete", at, conv_type, param)
          assert.same({}, texts(bob, at, conv_type))
          local info = support.conv(bob, at, conv_type)
          assert.equal(0, info.conv_unread_num)
          assert.is_false(info.conv_is_has_lastmsg)
          assert.same({ "elsewhere" }, texts(bob, "bob", C2C))
          assert.same({}, completed(bob, at, conv_type))
          relog_bob()
          assert.same({}, completed(bob, at, conv_type))
          local whole = texts(desk, at, conv_type)
          assert.same({ "one", "two", "three", "mine" }, { table.unpack(whole, #whole - 3) })
          assert.same({ "one", "two", "three", "mine" }, texts(alice, conv, conv_type))
          -- what is said later is there, also in the same second; what was deleted is not
          tell(conv_type, "later")
          support.say(bob, at, conv_type, "mine later")
          assert.same({ "later", "mine later" }, texts(bob, at, conv_type))
          assert.same({ "later", "mine later" }, completed(bob, at, conv_type))
          assert.equal(1, support.conv(bob, at, conv_type).conv_unread_num)
        end)
      end

      it("rule 36: again and again, with messages of the same second in between", function()
        for round = 1, 8 do
          tell(conv_type, "kept for a while " .. round)
          delete(bob, at, conv_type)
          tell(conv_type, "new " .. round)
          support.say(bob, at, conv_type, "own " .. round)
          assert.same({ "new " .. round, "own " .. round }, completed(bob, at, conv_type))
        end
      end)

      it("rule 36: unread number and last message follow, with an event", function()
        tell(conv_type, "first", "last")
        local before = support.conv(bob, at, conv_type).conv_unread_num
        local function after_deleting(msg)
          local events = #at_bob.events
          delete(bob, at, conv_type, msg)
          local info = support.conv(bob, at, conv_type)
          assert.equal(events + 1, #at_bob.events)
          assert.same(info, at_bob.changes[#at_bob.changes].conv)
          return info
        end
        local info = after_deleting(support.arrival(at_bob, "last"))
        assert.equal(before - 1, info.conv_unread_num)
        assert.equal("first", support.text_of(info.conv_last_msg))
        info = after_deleting(support.arrival(at_bob, "first"))
        assert.equal(before - 2, info.conv_unread_num)
        assert.is_false(info.conv_is_has_lastmsg)
        assert.is_nil(info.conv_last_msg)
      end)

      it("rule 36: a new device that deletes all does not get what it never had", function()
        tell(conv_type, "old 1", "old 2", "old 3")
        local desk, at_desk = support.device(dir, "bob", "desk")
        local page = support.page(desk, at, conv_type, { count = 1, is_remble = true })
        assert.same({ "old 3" }, support.texts(page))
        support.pass(page[1].message_server_time, desk)
        tell(conv_type, "heard")
        support.arrival(at_desk, "heard")
        delete(desk, at, conv_type)
        assert.same({}, completed(desk, at, conv_type))
        tell(conv_type, "later")
        support.arrival(at_desk, "later")
        assert.same({ "later" }, completed(desk, at, conv_type))
      end)

      it("rule 36: Import and Save bring it back", function()
        tell(conv_type, "one", "two", "three")
        local one, two, three = support.arrival(at_bob, "one"), support.arrival(at_bob, "two"), support.arrival(at_bob, "three")
        delete(bob, at, conv_type, one)
        support.must(bob, "import_msg_list", at, conv_type, { one })
        assert.same({ "one", "two", "three" }, texts(bob, at, conv_type))
        delete(bob, at, conv_type)
        support.must(bob, "save_msg", at, conv_type, two)
        assert.same({ "two" }, texts(bob, at, conv_type))
        support.must(bob, "import_msg_list", at, conv_type, { three, two })
        assert.same({ "two", "three" }, texts(bob, at, conv_type))
        assert.same({ "two", "three" }, completed(bob, at, conv_type))
        relog_bob()
        assert.same({ "two", "three" }, completed(bob, at, conv_type))
        -- and away again
        delete(bob, at, conv_type, two)
        assert.same({ "three" }, completed(bob, at, conv_type))
        delete(bob, at, conv_type)
        assert.same({}, completed(bob, at, conv_type))
      end)

      it("rule 36: a revoke of it changes nothing, and tells nothing", function()
        local sent = tell(conv_type, "one", "two", "three")
        delete(bob, at, conv_type, support.arrival(at_bob, "two"))
        support.must(alice, "revoke", conv, conv_type, sent[2])
        tell(conv_type, "behind it")
        assert.same({ "one", "three", "behind it" }, completed(bob, at, conv_type))
        assert.same({}, at_bob.revoked)
        support.pass(os.time(), alice, bob)
        tell(conv_type, "newest")
        delete(bob, at, conv_type)
        support.call(bob, "conv_get_conv_list") -- the deletion's own event is told by now
        local events = #at_bob.events
        support.must(alice, "revoke", conv, conv_type, sent[1])
        support.must(alice, "revoke", conv, conv_type, sent[3])
        support.say(alice, "bob", C2C, "behind that too")
        support.arrival(at_bob, "behind that too")
        assert.same({}, at_bob.revoked)
        if conv_type == GROUP then
          assert.same({}, completed(bob, at, conv_type))
          assert.equal(events + 1, #at_bob.events)
        else
          assert.same({ "behind that too" }, completed(bob, at, conv_type))
        end
      end)

      it("rule 36: one's own, deleted here, can still be revoked for the others", function()
        local sent = tell(conv_type, "regretted")
        delete(alice, conv, conv_type, sent[1])
        support.must(alice, "revoke", conv, conv_type, timmsg.locator(sent[1]))
        support.eventually(function() return #at_bob.revoked == 1 end, bob)
        assert.same({ "-" }, texts(bob, at, conv_type))
        tell(conv_type, "next")
        assert.same({ "next" }, completed(alice, conv, conv_type))
        alice:close()
        alice, at_alice = support.device(dir, "alice")
        assert.same({ "next" }, completed(alice, conv, conv_type))
        -- nor does the deletion of a revoked one bring anything back
        delete(bob, at, conv_type, support.history(bob, at, conv_type)[1])
        assert.same({ "next" }, completed(bob, at, conv_type))
      end)

      it("rule 36: one that failed", function()
        local code, _, failed = support.call(bob, "send_new_msg", at, conv_type, timmsg.text(("x"):rep(13000)))
        assert.equal(timmsg.ERR_SDK_MSG_BODY_SIZE_LIMIT, code)
        support.say(bob, at, conv_type, "went out")
        assert.equal(2, #texts(bob, at, conv_type))
        delete(bob, at, conv_type, failed)
        assert.same({ "went out" }, completed(bob, at, conv_type))
        relog_bob()
        assert.same({ "went out" }, completed(bob, at, conv_type))
        -- with all, too
        support.call(bob, "send_new_msg", at, conv_type, timmsg.text(("x"):rep(13000)))
        delete(bob, at, conv_type)
        assert.same({}, completed(bob, at, conv_type))
      end)

      for form, all in pairs { ["itself"] = false, ["with all"] = true } do
        it("rule 36: one that is on its way, " .. form .. ": it arrives, and stays away here", function()
          local desk, at_desk = support.device(dir, "alice", "desk")
          local file <close> = assert(io.open(dir .. "/big", "wb"))
          assert(file:seek("set", support.upload_size(support.is_hub and 32 or 96))) -- long enough under way to look at it
          assert(file:write("end"))
          assert(file:flush())
          -- a new device, which has to ask the backend for what was in this second
          local fresh, at_fresh = support.device(dir, "alice", "fresh")
          if conv_type == GROUP then support.pass(os.time(), fresh) end
          local sent, deleted
          assert(fresh:send_new_msg(conv, conv_type, timmsg.file(dir .. "/big", "大.bin"), function(code, desc, msg)
            assert(code == 0, desc)
            assert(deleted, "it went out before it could be deleted")
            sent = msg
          end))
          local pending = support.page(fresh, conv, conv_type, { count = 1 })[1]
          assert.equal(timmsg.TIMMsg_Sending, pending.message_status)
          support.say(bob, at, conv_type, "meanwhile") -- in a group it takes the seq that the other has for now
          support.arrival(at_fresh, "meanwhile")
          delete(fresh, conv, conv_type, not all and pending or nil)
          assert.same(all and {} or { "meanwhile" }, texts(fresh, conv, conv_type))
          deleted = true
          support.eventually(function() return sent end, fresh)
          assert.equal(timmsg.TIMMsg_SendSucc, sent.message_status)
          assert.equal(pending.message_rand, sent.message_rand)
          for client, seen in pairs { [bob] = at_bob, [desk] = at_desk } do
            support.eventually(function()
              local last = seen.messages[#seen.messages]
              return last and last.message_rand == sent.message_rand
            end, client)
          end
          tell(conv_type, "behind it")
          support.arrival(at_fresh, "behind it")
          for _ = 1, 2 do
            local here = {}
            completed(fresh, conv, conv_type)
            for _, msg in ipairs(support.history(fresh, conv, conv_type)) do
              assert.is_not.equal(sent.message_rand, msg.message_rand)
              here[#here + 1] = support.text_of(msg)
            end
            assert.same(all and { "behind it" } or { "meanwhile", "behind it" }, here)
            fresh:close()
            fresh = support.device(dir, "alice", "fresh")
          end
        end)
      end
    end)
  end

  it("rule 36: a receipt for it changes nothing visible", function()
    local sent = tell(C2C, "one", "two")
    delete(alice, "bob", C2C, sent[1])
    support.must(bob, "report_readed", "alice", C2C, nil)
    support.say(bob, "alice", C2C, "I read it")
    support.arrival(at_alice, "I read it")
    assert.same({ "two", "I read it" }, completed(alice, "bob", C2C))
    assert.is_true(support.history(alice, "bob", C2C)[1].message_is_peer_read)
    -- with nothing left of the conversation
    support.say(alice, "bob", C2C, "three")
    support.arrival(at_bob, "three")
    support.must(alice, "conv_delete", "bob", C2C)
    support.must(bob, "report_readed", "alice", C2C, nil)
    support.group(bob, "crew", "alice")
    support.eventually(function() return support.conv(alice, "crew", GROUP) end, alice)
    assert.is_nil(support.conv(alice, "bob", C2C))
    assert.same({}, completed(alice, "bob", C2C))
  end)

  -- Bob, who was away, deletes all while `count` messages are on their way to him. How many came after that.
  local function delete_meanwhile(count)
    bob:close()
    local done = 0
    for i = 1, count do
      assert(alice:send_new_msg("bob", C2C, timmsg.text("message " .. i), function() done = done + 1 end))
    end
    support.eventually(function() return done == count end, alice)
    support.pass(os.time(), alice)
    bob = support.new_client(dir, nil, { data_dir = dir .. "/bob" })
    at_bob = support.watch(bob)
    local deleted
    assert(bob:login("bob", "sig", function()
      -- an answer of one's own lies behind all of them
      assert(bob:send_new_msg("alice", C2C, timmsg.text "I'm back", function()
        assert(bob:delete("alice", C2C, {}, function(code) deleted = code end))
      end))
    end))
    -- on XMPP one that was sent twice may come last
    support.pump(support.DEADLINE_MS, function() return deleted and #at_bob.messages >= count end, bob)
    assert.equal(0, deleted)
    assert.equal(count, #at_bob.messages) -- all of them were told
    local left = texts(bob, "alice", C2C)
    for i, text in ipairs(left) do
      assert.equal("message " .. count - #left + i, text)
    end
    assert.same(left, completed(bob, "alice", C2C))
    assert.equal(#left, (support.conv(bob, "alice", C2C) or { conv_unread_num = 0 }).conv_unread_num)
    return #left
  end

  support.hub_only(it)("rules 10, 36: what was deleted before this device had it is not among what it has seen", function()
    tell(C2C, "one", "two", "three")
    local second = support.device(dir, "alice", "second")
    assert.equal(1, support.say(second, "bob", C2C, "four").message_seq)
    delete(second, "bob", C2C)
    assert.same({}, completed(second, "bob", C2C))
    assert.equal(2, support.say(second, "bob", C2C, "five").message_seq)
  end)

  it("rule 36: what is still to come was not deleted", function()
    relog_bob()
    -- on XMPP a log-in is over when all is here, however many there are; on the hub all may be here before this process
    -- has its turn
    local left = delete_meanwhile(support.is_hub and 1500 or 150)
    for more = 1, 4 do
      if left == 0 and support.is_hub then left = delete_meanwhile(1500 << more) end
    end
    assert.is_true(left > 0 or not support.is_hub, "each deletion was too late for this spec to see anything")
  end)

  it("rule 36: times that somebody made up swallow nothing", function()
    local future = timmsg.text "from the future"
    future.message_server_time, future.message_sender = os.time() + 1000000, "alice"
    support.must(bob, "import_msg_list", "alice", C2C, { future })
    local unsent = timmsg.text(("x"):rep(13000))
    unsent.message_client_time = math.maxinteger
    support.call(bob, "send_new_msg", "alice", C2C, unsent)
    tell(C2C, "before")
    delete(bob, "alice", C2C)
    assert.same({}, completed(bob, "alice", C2C))
    tell(C2C, "after")
    assert.same({ "after" }, completed(bob, "alice", C2C))
    -- nor does it hide what is only in the backend
    support.group(alice, "crew", "bob")
    support.must(bob, "import_msg_list", "crew", GROUP, { future })
    delete(bob, "crew", GROUP)
    support.must(bob, "group_quit", "crew")
    support.say(alice, "crew", GROUP, "while he was out")
    support.must(bob, "group_join", "crew")
    local found = false
    for _, text in ipairs(completed(bob, "crew", GROUP)) do
      found = found or text == "while he was out"
    end
    assert.is_true(found)
    -- imported ones that were deleted come back by an import only
    local old = timmsg.text "old"
    old.message_server_time, old.message_sender = LONG_AGO, "alice"
    support.must(bob, "import_msg_list", "alice", C2C, { old })
    assert.same({ "old", "after" }, texts(bob, "alice", C2C))
  end)

  it("rule 36: messages to oneself", function()
    local desk, at_desk = support.device(dir, "bob", "desk")
    local note = support.say(bob, "bob", C2C, "note")
    support.say(bob, "bob", C2C, "another")
    support.arrival(at_desk, "another")
    delete(bob, "bob", C2C, note)
    assert.same({ "another" }, completed(bob, "bob", C2C))
    assert.same({ "note", "another" }, completed(desk, "bob", C2C))
    delete(desk, "bob", C2C)
    assert.same({}, completed(desk, "bob", C2C))
    support.say(desk, "bob", C2C, "third")
    support.arrival(at_bob, "third")
    assert.same({ "third" }, completed(desk, "bob", C2C))
    assert.same({ "another", "third" }, completed(bob, "bob", C2C))
  end)

  it("rule 36: what names nothing is refused; what isn't there is no matter", function()
    tell(C2C, "one")
    for _, named in ipairs { { message_seq = 1 }, { message_rand = 1 }, { message_sender = "alice" } } do
      local ok, _, code = bob:delete("alice", C2C, { msg_delete_param_msg = named })
      assert.is_nil(ok)
      assert.equal(timmsg.TIM_ERR_JSON, code)
    end
    -- a locator that says of a message only what it is like
    for _, named in ipairs {
      { message_locator_is_revoked = false },
      { message_locator_is_revoked = false, message_locator_seq = timmsg.null, message_locator_rand = timmsg.null },
    } do
      for _, param in ipairs { named, { msg_delete_param_msg = named } } do
        local ok, _, code = bob:delete("alice", C2C, param)
        assert.is_nil(ok)
        assert.equal(timmsg.TIM_ERR_JSON, code)
      end
    end
    delete(bob, "nobody", C2C)
    delete(bob, "alice", C2C, { message_seq = 12345, message_rand = 67890 })
    assert.same({ "one" }, texts(bob, "alice", C2C))
    assert.is_nil(support.conv(bob, "nobody", C2C))
  end)
end)
