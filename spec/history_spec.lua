-- GetMsgList: pages both ways, and pages that the backend completes (rules 33 to 35).

local process = require "process"
local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

local LONG_AGO <const> = 1400000000

-- What tells messages apart, for comparing lists.
local function rands(msgs)
  local list = {}
  for i, msg in ipairs(msgs) do
    list[i] = msg.message_rand
  end
  return list
end

-- That two long lists of messages are the same, saying where they are not.
local function assert_list(expected, got, said)
  local want, have = rands(expected), rands(got)
  for i = 1, math.max(#want, #have) do
    if want[i] ~= have[i] then
      error(("%s: lists of %d (expected) and %d differ at %d: %s, %s"):format(said or "", #want, #have, i,
        expected[i] and support.texts({ expected[i] })[1], got[i] and support.texts({ got[i] })[1]), 2)
    end
  end
end

local function reversed(list)
  local back = {}
  for i = #list, 1, -1 do
    back[#back + 1] = list[i]
  end
  return back
end

-- All pages from one end, as one list; `between(n)` is called after page n.
local function walk(client, conv_id, conv_type, param, between)
  local all, n = {}, 0
  repeat
    local ask = { last_msg = all[#all] }
    for key, value in pairs(param) do
      ask[key] = value
    end
    local page = support.page(client, conv_id, conv_type, ask)
    assert.is_true(#page <= param.count)
    table.move(page, 1, #page, #all + 1, all)
    n = n + 1
    if between then between(n) end
  until #page == 0
  return all
end

describe("get_msg_list", function()
  describe("in the store", function()
    local dir, alice, bob

    before_each(function()
      dir = support.temp_dir()
      alice = support.device(dir, "alice")
      bob = support.device(dir, "bob")
    end)
    after_each(support.cleanup)

    -- bob's conversation gets `n` imported messages, many of them in one second, and ten that are real. All, in order.
    local function fill(conv_id, conv_type, n)
      local list = {}
      for i = 1, n do
        local msg = timmsg.text("message " .. i)
        msg.message_sender = i % 3 == 0 and "bob" or "alice"
        msg.message_server_time = LONG_AGO + i // 150
        msg.message_seq, msg.message_rand = i, 500000 - i
        list[i] = msg
      end
      support.must(bob, "import_msg_list", conv_id, conv_type, list)
      support.send_many(bob, conv_id, conv_type, "real ", 10)
      local texts = support.numbered("message ", n)
      table.move(support.numbered("real ", 10), 1, 10, n + 1, texts)
      return texts
    end

    for name, conv_type in pairs { ["C2C"] = C2C, ["group"] = GROUP } do
      describe(name, function()
        local conv

        before_each(function() conv = conv_type == C2C and "alice" or support.group(bob, "crew", "alice") end)

        it("rule 33: pages of any size neither skip nor repeat", function()
          fill(conv, conv_type, 450)
          local texts = support.texts(support.page(bob, conv, conv_type, { count = 1000, is_forward = true }))
          assert.same(conv_type == C2C and 460 or 461, #texts)
          assert.same({ "message 1", "message 450", "real 1", "real 10" }, {
            texts[1], texts[450], texts[#texts - 9], texts[#texts],
          })
          for _, count in ipairs { 1, 7, 20, 149, 150, #texts, 1000 } do
            assert.same(reversed(texts), support.texts(walk(bob, conv, conv_type, { count = count })))
            assert.same(texts, support.texts(walk(bob, conv, conv_type, { count = count, is_forward = true })))
          end
        end)

        it("rule 33: nor while others arrive", function()
          local seen, at_alice = support.watch(bob), support.watch(alice)
          fill(conv, conv_type, 300)
          support.arrival(at_alice, "real 10") -- what she says after that has a higher seq (rule 10)
          local texts = support.texts(support.history(bob, conv, conv_type))
          local late, word = {}, "late "
          local function another(n)
            if n > 5 then return end
            late[n] = word .. n
            support.say(alice, conv_type == C2C and "bob" or conv, conv_type, late[n])
            support.arrival(seen, late[n])
          end
          assert.same(reversed(texts), support.texts(walk(bob, conv, conv_type, { count = 60 }, another)))
          table.move(late, 1, #late, #texts + 1, texts)
          late, word = {}, "later "
          local forward = support.texts(walk(bob, conv, conv_type, { count = 60, is_forward = true }, another))
          table.move(late, 1, #late, #texts + 1, texts)
          assert.equal(5, #late)
          assert.same(texts, forward)
        end)
      end)
    end

    it("rule 33: last_msg absent, null or {} starts at the newest, or forward at the oldest", function()
      local texts = fill("alice", C2C, 50)
      local function page(param)
        return support.texts(support.must(bob, "get_msg_list", "alice", C2C, param))
      end
      local newest = { table.unpack(reversed(texts), 1, 20) }
      local oldest = { table.unpack(texts, 1, 20) }
      assert.same(newest, page {})
      assert.same(newest, page { msg_getmsglist_param_is_forward = false, msg_getmsglist_param_count = 20 })
      assert.same(newest, page { msg_getmsglist_param_is_forward = timmsg.null, msg_getmsglist_param_count = timmsg.null })
      for _, none in ipairs { timmsg.null, timmsg.object {} } do
        assert.same(newest, page { msg_getmsglist_param_last_msg = none })
        assert.same(oldest, page { msg_getmsglist_param_last_msg = none, msg_getmsglist_param_is_forward = true })
      end
      assert.same(oldest, page { msg_getmsglist_param_is_forward = true })
    end)

    it("rule 33: last_msg itself is never in the result, on either side of it", function()
      local texts = fill("alice", C2C, 40)
      local all = support.history(bob, "alice", C2C)
      for _, i in ipairs { 1, 2, 25, 49, 50 } do
        local older = support.texts(support.page(bob, "alice", C2C, { last_msg = all[i], count = 100 }))
        local newer = support.texts(support.page(bob, "alice", C2C, { last_msg = all[i], count = 100, is_forward = true }))
        assert.same({ table.unpack(texts, 1, i - 1) }, reversed(older))
        assert.same({ table.unpack(texts, i + 1) }, newer)
      end
    end)

    it("rule 34: the present place of last_msg counts, whatever it says", function()
      fill("alice", C2C, 30)
      local all = support.history(bob, "alice", C2C)
      local lying = {
        message_seq = all[10].message_seq,
        message_rand = all[10].message_rand,
        message_sender = all[10].message_sender,
        message_server_time = LONG_AGO + 1000000000,
      }
      local page = support.page(bob, "alice", C2C, { last_msg = lying, count = 3 })
      assert.same({ "message 9", "message 8", "message 7" }, support.texts(page))

      -- a message that failed moves when it is sent after all
      local late = timmsg.text("later")
      late.message_client_time = LONG_AGO - 5
      support.group(alice, "private")
      local code, _, failed = support.call(bob, "send_new_msg", "private", GROUP, late)
      assert.equal(timmsg.ERR_SVR_GROUP_PERMISSION_DENY, code)
      support.must(alice, "group_invite_member", {
        group_invite_member_param_group_id = "private",
        group_invite_member_param_identifier_array = { "bob" },
      })
      local seen = support.watch(bob)
      support.say(alice, "private", GROUP, "welcome")
      support.arrival(seen, "welcome")
      local function newer() return support.texts(support.page(bob, "private", GROUP, { last_msg = failed, is_forward = true })) end
      assert.same({ "-", "welcome" }, newer())
      -- a failed message keeps its seq: only in a later second does it stand behind the other on XMPP
      local said_at = seen.messages[#seen.messages].message_server_time
      support.eventually(function() return support.is_hub or os.time() > said_at end, bob)
      support.must(bob, "send_new_msg", "private", GROUP, failed)
      assert.same({}, newer())
      assert.same({ "welcome", "-" }, support.texts(support.page(bob, "private", GROUP, { last_msg = failed })))
      assert.same({ "-", "welcome", "later" }, support.texts(support.history(bob, "private", GROUP)))
    end)

    it("rule 34: a last_msg that the store does not know counts by its time and seq", function()
      fill("alice", C2C, 160) -- 150 and more are in the next second
      local all = support.history(bob, "alice", C2C)
      local function around(last)
        local older = support.page(bob, "alice", C2C, { last_msg = last, count = 2 })
        local newer = support.page(bob, "alice", C2C, { last_msg = last, count = 2, is_forward = true })
        return support.texts { older[2], older[1], newer[1], newer[2] }
      end
      support.must(bob, "delete", "alice", C2C, { msg_delete_param_msg = all[100] })
      assert.same({ "message 98", "message 99", "message 101", "message 102" }, around(all[100]))
      -- many deleted around it
      for i = 148, 152 do
        support.must(bob, "delete", "alice", C2C, { msg_delete_param_msg = all[i] })
      end
      assert.same({ "message 146", "message 147", "message 153", "message 154" }, around(all[150]))
      -- made up
      local made_up = timmsg.text "never was"
      made_up.message_server_time, made_up.message_seq, made_up.message_rand = LONG_AGO, 1000, 1
      assert.same({ "message 146", "message 147", "message 153", "message 154" }, around(made_up))
      made_up.message_server_time, made_up.message_seq = LONG_AGO + 1, 1
      assert.same({ "message 146", "message 147", "message 153", "message 154" }, around(made_up))
      made_up.message_server_time = 1
      assert.same({}, support.page(bob, "alice", C2C, { last_msg = made_up }))
      made_up.message_server_time = math.maxinteger
      assert.same({}, support.page(bob, "alice", C2C, { last_msg = made_up, is_forward = true }))
      assert.equal("real 10", support.text_of(support.page(bob, "alice", C2C, { last_msg = made_up, count = 1 })[1]))
    end)

    it("rule 35: a last_msg whose time is in milliseconds is behind all that was said", function()
      support.say(bob, "alice", C2C, "hello")
      support.eventually(function() return #support.history(alice, "bob", C2C) == 1 end, alice)
      local desk = support.device(dir, "alice", "desk")
      local last = { message_server_time = os.time() * 1000, message_seq = 1, message_rand = 1, message_sender = "bob" }
      local page = support.page(desk, "bob", C2C, { last_msg = last, is_remble = true })
      assert.same({ "hello" }, support.texts(page))
    end)

    it("rule 34: count is 20, or 1 to 1,000", function()
      fill("alice", C2C, 1200)
      assert.equal(20, #support.page(bob, "alice", C2C, { is_forward = true }))
      for _, count in ipairs { 1, 999, 1000 } do
        assert.equal(count, #support.page(bob, "alice", C2C, { count = count }))
        assert.equal(count, #support.page(bob, "alice", C2C, { count = count, is_remble = true }))
      end
      for _, count in ipairs { 0, 1001, (1 << 32) - 1, -1, 1 << 32 } do
        local ok, message, code = bob:get_msg_list("alice", C2C, { msg_getmsglist_param_count = count })
        assert.is_nil(ok)
        assert.equal(timmsg.TIM_ERR_PARAM, code)
        assert.matches("msg_getmsglist_param_count", message, 1, true)
      end
    end)

    it("rule 34: deleted and online-only messages never appear", function()
      local seen = support.watch(bob)
      for i = 1, 6 do
        local msg = timmsg.text("message " .. i)
        msg.message_is_online_msg = i % 2 == 0
        support.must(alice, "send_new_msg", "bob", C2C, msg)
      end
      support.eventually(function() return #seen.messages == 6 end, bob)
      support.must(bob, "delete", "alice", C2C, { msg_delete_param_msg = support.arrival(seen, "message 3") })
      for _, remble in ipairs { false, true } do
        local page = support.page(bob, "alice", C2C, { is_remble = remble, is_forward = true })
        assert.same({ "message 1", "message 5" }, support.texts(page))
        page = support.page(alice, "bob", C2C, { is_remble = remble, is_forward = true })
        assert.same({ "message 1", "message 3", "message 5" }, support.texts(page))
      end
    end)

    it("rule 33: a page, a look-up and a callback bring a message as the call that sent it did", function()
      local seen = support.watch(bob)
      local sent = support.must(alice, "send_new_msg", "bob", C2C, timmsg.message {
        timmsg.text "上 \"quoted\" 🎮", timmsg.location(-0.5, 2 ^ 53, "here"), timmsg.custom("{}", "", "ext"),
        message_custom_int = 4294967295, message_custom_str = "kept here", message_priority = timmsg.TIMMsgPriority_High,
      })
      assert.same({ sent }, support.page(alice, "bob", C2C, { count = 5 }))
      assert.same({ sent }, support.must(alice, "find_by_msg_locator_list", "bob", C2C, { timmsg.locator(sent) }))
      local came = support.arrival(seen, '上 "quoted" 🎮')
      assert.same({ came }, support.page(bob, "alice", C2C, { count = 5 }))
      assert.same(sent.message_elem_array, came.message_elem_array)
      support.must(alice, "save_msg", "bob", C2C, { message_seq = -2, message_rand = 4294967295, message_server_time = 1,
                                                    message_elem_array = { { elem_type = 0, text_elem_content = "" } } })
      local saved = support.page(alice, "bob", C2C, { count = 1, is_forward = true })[1]
      assert.same({ -2, 4294967295, 1 << 32 | 4294967295 },
        { saved.message_seq, saved.message_rand, saved.message_unique_id })
    end)

    it("rule 33: a conversation that isn't is empty", function()
      for _, remble in ipairs { false, true } do
        assert.same({}, support.page(bob, "nobody", C2C, { is_remble = remble }))
        assert.same({}, support.page(bob, "alice", C2C, { is_remble = remble }))
        assert.same({}, support.page(bob, "no group", GROUP, { is_remble = remble, is_forward = true }))
      end
      assert.same({}, support.must(bob, "conv_get_conv_list"))
    end)
  end)

  -- One history for all: some seconds of talk, of which each spec's own new devices have nothing.
  describe("completed by the backend", function()
    local dir, alice, bob, carol
    local at_bob
    local private, crew -- all of both conversations, oldest first: with alice's messages to bob and his to her
    local devices = 0

    setup(function()
      dir = support.temp_dir()
      alice = support.device(dir, "alice")
      bob, at_bob = support.device(dir, "bob")
      carol = support.device(dir, "carol")
      support.group(alice, "crew", "bob")
      for second = 1, 6 do
        support.pass(os.time(), alice, bob)
        local name = "second " .. second .. " 消息 "
        support.send_many(alice, "bob", C2C, name, 17)
        support.send_many(bob, "alice", C2C, name, 13)
        support.send_many(alice, "crew", GROUP, name, 11)
        support.send_many(bob, "crew", GROUP, name, 8)
        -- carol is in the group during the third second, and from the sixth on
        if second == 2 or second == 5 then support.must(carol, "group_join", "crew") end
        if second == 3 then support.must(carol, "group_quit", "crew") end
      end
      support.say(alice, "bob", C2C, "the end")
      support.say(alice, "crew", GROUP, "the end of the group")
      support.arrival(at_bob, "the end of the group")
      if support.is_hub then -- a new device begins behind what the hub knows that this one has, which may be noted later
        support.eventually(function()
          return support.hub_number(dir, "SELECT max(fetched) = (SELECT max(id) FROM events) FROM devices " ..
            "WHERE user = (SELECT id FROM users WHERE name = 'bob')") == 1
        end)
      end
      private, crew = support.history(bob, "alice", C2C), support.history(bob, "crew", GROUP)
      assert(#private == 6 * 30 + 1 and #crew >= 6 * 19 + 1)
      local seconds = {}
      for _, msg in ipairs(private) do
        seconds[msg.message_server_time] = true
      end
      local count = 0
      for _ in pairs(seconds) do
        count = count + 1
      end
      assert(count >= 6)
    end)
    after_each(process.cleanup)
    teardown(support.cleanup)

    -- A device of bob's that has nothing.
    local function new_device(options)
      devices = devices + 1
      return support.device(dir, "bob", "device " .. devices, options)
    end

    -- The page that a client with everything would give.
    local function oracle(all, last, forward, count)
      local from = forward and 1 or #all
      local step = forward and 1 or -1
      for i, msg in ipairs(all) do
        if last and msg.message_rand == last.message_rand then from = i + step end
      end
      local page = {}
      for i = from, forward and #all or 1, step do
        if #page == count then break end
        page[#page + 1] = all[i]
      end
      return page
    end

    -- What holds on every device of the user.
    local function shared(msgs)
      local list = {}
      for i, msg in ipairs(msgs) do
        list[i] = {}
        for key, value in pairs(msg) do
          list[i][key] = value
        end
        list[i].message_is_peer_read, list[i].message_is_read = nil, nil
      end
      return list
    end

    for _, forward in ipairs { false, true } do
      for _, count in ipairs { 1, 37, 1000 } do
        it(("rule 35: a new device gets all, %s, %d a page"):format(forward and "forward" or "backward", count), function()
          local desk, seen = new_device()
          for conv, all in pairs { alice = private, crew = crew } do
            local conv_type = conv == "crew" and GROUP or C2C
            local expected = forward and all or reversed(all)
            local param = { count = count, is_forward = forward, is_remble = true }
            assert.same(shared(expected), shared(walk(desk, conv, conv_type, param)))
            -- what was completed is in the store, once
            assert_list(all, support.history(desk, conv, conv_type))
          end
          assert.same({}, seen.messages)
          desk:close()
        end)
      end
    end

    it("rule 35: holes in the middle are filled, whatever was looked at before", function()
      local seed = os.time()
      math.randomseed(seed)
      for round = 1, 12 do
        local desk = new_device()
        local said = ("seed %d, round %d"):format(seed, round)
        for _ = 1, 14 do
          local conv, all, conv_type = "alice", private, C2C
          if math.random(3) == 1 then
            conv, all, conv_type = "crew", crew, GROUP
          end
          local last = math.random(5) > 1 and all[math.random(#all)] or nil
          local forward, count = math.random(2) == 1, math.random(40)
          local param = { last_msg = last, is_forward = forward, count = count, is_remble = true }
          local page = support.page(desk, conv, conv_type, param)
          assert_list(oracle(all, last, forward, count), page, said)
        end
        -- one walk over all that is there and all that isn't
        local backward = walk(desk, "alice", C2C, { count = math.random(10, 60), is_remble = true })
        assert_list(reversed(private), backward, said)
        desk:close()
      end
    end)

    it("rule 35: the edge of what a new device heard by itself", function()
      local desk, at_desk = new_device()
      local before = #private
      for i = 1, 5 do
        support.say(alice, "bob", C2C, "fresh " .. i)
        support.say(desk, "alice", C2C, "fresh of mine " .. i)
      end
      support.arrival(at_desk, "fresh 5")
      support.arrival(at_bob, "fresh of mine 5")
      private = support.history(bob, "alice", C2C)
      assert.equal(before + 10, #private)
      assert.equal(10, #support.page(desk, "alice", C2C, { count = 50 }))
      for count = 8, 13 do -- before and behind the edge
        local fresh, at_fresh = new_device()
        support.say(alice, "bob", C2C, "for this one " .. count)
        support.arrival(at_bob, "for this one " .. count)
        support.arrival(at_fresh, "for this one " .. count)
        private = support.history(bob, "alice", C2C)
        local page = support.page(fresh, "alice", C2C, { count = count, is_remble = true })
        assert_list(oracle(private, nil, false, count), page)
        page = support.page(desk, "alice", C2C, { count = count, is_remble = true })
        assert_list(oracle(private, nil, false, count), page)
        fresh:close()
      end
      local page = walk(desk, "alice", C2C, { count = 30, is_remble = true })
      assert_list(reversed(private), page)
      desk:close()
    end)

    it("rule 35: a last_msg that this device does not have is a place all the same", function()
      local desk = new_device()
      local middle = private[70]
      local page = support.page(desk, "alice", C2C, { last_msg = middle, count = 5, is_remble = true })
      assert_list(oracle(private, middle, false, 5), page)
      local other = new_device()
      page = support.page(other, "alice", C2C, { last_msg = middle, count = 5, is_remble = true, is_forward = true })
      assert_list(oracle(private, middle, true, 5), page)
      -- without is_remble nothing is asked
      local third = new_device()
      assert.same({}, support.page(third, "alice", C2C, { last_msg = middle }))
      for _, client in ipairs { desk, other, third } do
        client:close()
      end
    end)

    it("rule 35: imported messages complete nothing", function()
      local desk = new_device()
      local list = {}
      for i = 1, 40 do
        local msg = timmsg.text("imported " .. i)
        msg.message_sender, msg.message_seq, msg.message_rand = "alice", 100000 + i, i
        -- at the hub's own times, and long before
        msg.message_server_time = i % 2 == 0 and private[i * 4].message_server_time or LONG_AGO + i
        list[i] = msg
      end
      support.must(desk, "import_msg_list", "alice", C2C, list)
      local known = {}
      for _, msg in ipairs(private) do
        known[msg.message_rand] = true
      end
      for _, forward in ipairs { false, true } do
        local all = walk(desk, "alice", C2C, { count = 23, is_remble = true, is_forward = forward })
        assert.equal(#private + 40, #all)
        local real = {}
        for _, msg in ipairs(all) do
          if known[msg.message_rand] then real[#real + 1] = msg end
        end
        assert_list(forward and private or reversed(private), real)
      end
      desk:close()
    end)

    it("rule 35: what is under way during a log-in is neither lost nor doubled", function()
      local desk, seen = new_device()
      support.must(desk, "logout")
      support.send_many(alice, "bob", C2C, "backlog ", 600)
      support.arrival(at_bob, "backlog 600")
      private = support.history(bob, "alice", C2C)
      local pages = {}
      assert(desk:login("bob", "sig", function()
        for i = 1, 5 do
          desk:get_msg_list("alice", C2C, {
            msg_getmsglist_param_count = 300,
            msg_getmsglist_param_is_remble = true,
            msg_getmsglist_param_is_forward = i % 2 == 0,
          }, function(code, desc, page)
            assert(code == 0, desc)
            pages[#pages + 1] = page
          end)
        end
      end))
      support.eventually(function() return #pages == 5 and #seen.messages == 600 end, desk)
      assert.same(support.numbered("backlog ", 600), support.texts(seen.messages))
      local all = walk(desk, "alice", C2C, { count = 100, is_remble = true })
      assert_list(reversed(private), all)
      assert_list(private, support.history(desk, "alice", C2C))
      desk:close()
    end)

    it("rule 35: while the backend cannot be reached it is what is here, and code 0", function()
      local desk, at_desk = new_device { request_timeout_ms = support.is_hub and 50 or 3000 }
      local early = support.page(desk, "alice", C2C, { count = 10, is_remble = true, is_forward = true })
      support.say(alice, "bob", C2C, "before it broke")
      support.arrival(at_desk, "before it broke")
      support.arrival(at_bob, "before it broke")
      private = support.history(bob, "alice", C2C)
      local here = #support.history(desk, "alice", C2C)
      assert.is_true(here < #private)
      local block = process.block_backend(dir)
      for _, forward in ipairs { false, true } do
        local page = support.page(desk, "alice", C2C, { count = 1000, is_remble = true, is_forward = forward })
        local expected = support.page(desk, "alice", C2C, { count = 1000, is_forward = forward })
        assert.equal(here, #page)
        assert.same(expected, page)
      end
      -- what is known to be whole needs no backend
      assert.same(early, support.page(desk, "alice", C2C, { count = 10, is_remble = true, is_forward = true }))
      block.release()
      local all = walk(desk, "alice", C2C, { count = 50, is_remble = true })
      assert_list(reversed(private), all)
      desk:close()
    end)

    describe("in a group", function()
      it("rule 35: joined, quit and joined again: what was missed comes too", function()
        -- carol's device heard some of it by itself, with gaps
        local heard = support.history(carol, "crew", GROUP)
        assert.is_true(#heard > 0 and #heard < #crew)
        local backward = walk(carol, "crew", GROUP, { count = 16, is_remble = true })
        assert_list(reversed(crew), backward)
        local tablet = support.device(dir, "carol", "tablet")
        local forward = walk(tablet, "crew", GROUP, { count = 16, is_remble = true, is_forward = true })
        assert_list(crew, forward)
        local unique = {}
        for _, msg in ipairs(forward) do
          local key = support.is_hub and msg.message_seq or msg.message_rand -- rule 10
          assert.is_nil(unique[key])
          unique[key] = true
        end
        for seq = 1, support.is_hub and #crew or 0 do
          assert.is_true(unique[seq])
        end
        tablet:close()
      end)

      it("rule 35: asked for together with joining", function()
        local seen_by_owner = support.watch(alice)
        local dave, at_dave = support.device(dir, "dave")
        local first
        assert(dave:group_join("crew", ""))
        assert(dave:get_msg_list("crew", GROUP, {
          msg_getmsglist_param_is_remble = true,
          msg_getmsglist_param_count = 1000,
        }, function(code, desc, page)
          assert(code == 0, desc)
          first = page
        end))
        support.eventually(function() return first end, dave)
        support.say(alice, "crew", GROUP, "hello dave")
        support.arrival(at_dave, "hello dave")
        assert.same({ "-", "hello dave" }, support.texts(at_dave.messages)) -- what is asked for is no news
        support.arrival(at_bob, "hello dave")
        crew = support.history(bob, "crew", GROUP)
        local all = walk(dave, "crew", GROUP, { count = 50, is_remble = true })
        assert_list(reversed(crew), all)
        support.eventually(function() return #seen_by_owner.messages > 0 end, alice)
        -- the answer itself had no gap: from some message on backwards it is whole
        local place
        for i, msg in ipairs(crew) do
          if first[1] and msg.message_rand == first[1].message_rand then place = i end
        end
        assert.equal(place, #first)
        dave:close()
      end)

      it("rule 35: invited while away, asked for with the log-in", function()
        support.device(dir, "erin"):close()
        support.must(alice, "group_invite_member", {
          group_invite_member_param_group_id = "crew",
          group_invite_member_param_identifier_array = { "erin" },
        })
        local erin = support.new_client(dir, nil, { data_dir = dir .. "/erin" })
        local seen, answered = support.watch(erin), false
        assert(erin:login("erin", "sig", function()
          erin:get_msg_list("crew", GROUP, { msg_getmsglist_param_is_remble = true }, function() answered = true end)
        end))
        support.eventually(function() return answered end, erin)
        support.say(alice, "crew", GROUP, "hello erin")
        support.arrival(seen, "hello erin")
        support.arrival(at_bob, "hello erin")
        crew = support.history(bob, "crew", GROUP)
        assert_list(reversed(crew), walk(erin, "crew", GROUP, { count = 50, is_remble = true }))
        erin:close()
      end)

      it("rule 35: who is not in it gets what is here", function()
        local frank, at_frank = support.device(dir, "frank")
        assert.same({}, support.page(frank, "crew", GROUP, { is_remble = true }))
        support.must(frank, "group_join", "crew")
        support.say(alice, "crew", GROUP, "hello frank")
        support.arrival(at_frank, "hello frank")
        local here = support.page(frank, "crew", GROUP, { is_remble = true, count = 30 })
        assert.equal(30, #here)
        support.must(frank, "group_quit", "crew")
        support.say(alice, "crew", GROUP, "frank must not see this")
        local page = support.page(frank, "crew", GROUP, { is_remble = true, count = 1000 })
        assert.same(rands(here), rands { table.unpack(page, 1, 30) })
        assert.same(page, support.page(frank, "crew", GROUP, { count = 1000 }))
        -- until it joins again
        support.must(frank, "group_join", "crew")
        local now = support.page(frank, "crew", GROUP, { is_remble = true, count = 1000 })
        local found = false
        for _, msg in ipairs(now) do
          if support.text_of(msg) == "frank must not see this" then found = true end
        end
        assert.is_true(found)
        support.eventually(function() return support.text_of(at_bob.messages[#at_bob.messages]) == nil end, bob)
        support.arrival(at_bob, "frank must not see this")
        crew = support.history(bob, "crew", GROUP)
        assert_list(reversed(crew), walk(frank, "crew", GROUP, { count = 50, is_remble = true }))
        frank:close()
      end)
    end)
  end)
end)
