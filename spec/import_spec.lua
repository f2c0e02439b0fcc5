-- ImportMsgList and SaveMsg: messages that are put into the store alone (rules 31 and 32).

local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

local LONG_AGO <const> = 1400000000

local hub_it <const> = support.hub_only(it)

describe("keeping", function()
  local dir, alice, at_alice, bob, at_bob

  before_each(function()
    dir = support.temp_dir()
    alice, at_alice = support.device(dir, "alice")
    bob, at_bob = support.device(dir, "bob")
  end)
  after_each(support.cleanup)

  -- A message of bob's, of long ago; further keys without "message_".
  local function old(text, more)
    local msg = timmsg.text(text)
    msg.message_sender, msg.message_server_time, msg.message_is_read = "bob", LONG_AGO, false
    for key, value in pairs(more or {}) do
      msg["message_" .. key] = value
    end
    return msg
  end

  local function import(list, conv_id, conv_type)
    support.must(alice, "import_msg_list", conv_id or "bob", conv_type or C2C, list)
  end

  local function save(msg, conv_id, conv_type) support.must(alice, "save_msg", conv_id or "bob", conv_type or C2C, msg) end

  local function history(conv_id, conv_type) return support.history(alice, conv_id or "bob", conv_type or C2C) end

  local function texts(...) return support.texts(history(...)) end

  local function unread(conv_id, conv_type) return support.conv(alice, conv_id or "bob", conv_type or C2C).conv_unread_num end

  local function refused(method, argument)
    local ok, message, code = alice[method](alice, "bob", C2C, argument)
    assert.is_nil(ok)
    assert.equal(timmsg.TIM_ERR_JSON, code)
    return message
  end

  -- Everything in the list that is not nil there is the same in the message.
  local function assert_has(expected, msg)
    for key, value in pairs(expected) do
      assert.same(value, msg[key], key)
    end
  end

  -- Whatever was told of before is recorded then. Conversation events come with their commit.
  local function settle() support.call(alice, "conv_get_conv_list") end

  describe("import_msg_list", function()
    it("rule 31: nothing is sent, no new message is told, and one conversation event", function()
      local desk, at_desk = support.device(dir, "alice", "desk")
      support.group(alice, "crew", "bob")
      support.eventually(function() return #at_alice.messages == 1 and #at_desk.messages == 1 end, alice, desk)
      settle()
      for _, conv in ipairs { { "bob", C2C }, { "crew", GROUP } } do
        local list = {}
        for i = 1, 1200 do
          list[i] = old("import " .. i, { seq = i, rand = 7000 + i })
        end
        list[1201] = old("as if from here", { sender = "alice" })
        local events, messages = #at_alice.events, #at_alice.messages
        import(list, conv[1], conv[2])
        settle()
        assert.equal(events + 1, #at_alice.events)
        assert.equal(messages, #at_alice.messages)
        local change = at_alice.changes[#at_alice.changes]
        assert.equal(conv[1], change.conv.conv_id)
        assert.equal(conv[2] == C2C and timmsg.TIMConvEvent_Add or timmsg.TIMConvEvent_Update, change.event)
        assert.equal(conv[2] == C2C and 1200 or 1201, change.conv.conv_unread_num) -- the group's own message
        support.say(alice, conv[1], conv[2], "a real one in " .. conv[1])
        support.arrival(at_bob, "a real one in " .. conv[1])
        support.arrival(at_desk, "a real one in " .. conv[1])
        for _, msg in ipairs(at_bob.messages) do
          assert.is_nil((support.text_of(msg) or ""):match("^import") or (support.text_of(msg) or ""):match("^as if"))
        end
        local page = support.page(desk, conv[1], conv[2], { is_remble = true, count = 1000 })
        assert.is_true(#page <= 2)
      end
    end)

    hub_it("rule 31: keeps what is given", function()
      local given = old("所有 🙂 'keys' %d", {
        sender = "bob",
        client_time = LONG_AGO - 5,
        seq = (1 << 53) + 1,
        rand = -1, -- 2^64-1
        priority = timmsg.TIMMsgPriority_Low,
        custom_int = (1 << 32) - 1,
        custom_str = "仅本机",
        is_read = false,
      })
      given.message_elem_array[2] = { elem_type = timmsg.TIMElem_Face, face_elem_index = 3, face_elem_buf = "b" }
      import { given }
      local msg = history()[1]
      assert_has(given, msg)
      assert_has({
        message_conv_id = "bob",
        message_conv_type = C2C,
        message_status = timmsg.TIMMsg_LocalImported,
        message_is_from_self = false,
        message_is_online_msg = false,
        message_is_peer_read = false,
        message_unique_id = LONG_AGO << 32 | 0xffffffff,
      }, msg)
      assert.equal(1, unread())
      import({ given }, "crew", GROUP)
      assert.equal(((1 << 53) + 1) << 32 | 0xffffffff, history("crew", GROUP)[1].message_unique_id)
    end)

    hub_it("rule 31: fills in what is not given", function()
      local before = os.time()
      import { timmsg.text "nothing else" }
      local msg = history()[1]
      assert_has({ message_sender = "alice", message_is_from_self = true, message_is_read = true, message_status = 5 }, msg)
      assert.is_true(msg.message_server_time >= before and msg.message_server_time <= os.time())
      assert.equal(msg.message_server_time, msg.message_client_time)
      assert.is_true(msg.message_seq ~= 0 and msg.message_rand ~= 0)

      import { { message_elem_array = timmsg.text("hers").message_elem_array, message_client_time = LONG_AGO } }
      msg = history()[1]
      assert.equal(LONG_AGO, msg.message_server_time)

      local theirs = timmsg.text "his"
      theirs.message_is_from_self, theirs.message_is_read = false, false
      import { theirs }
      for _, one in ipairs(history()) do
        if support.text_of(one) == "his" then msg = one end
      end
      assert_has({ message_sender = "bob", message_is_from_self = false, message_is_read = false }, msg)
      assert.equal(1, unread())
    end)

    hub_it("rule 31: status 2, 3, 5 and 6 are kept, 1 becomes 3, 4 is refused", function()
      for given, expected in pairs { [1] = 3, [2] = 2, [3] = 3, [5] = 5 } do
        import { old("status " .. given, { status = given, sender = "alice" }) }
        for _, msg in ipairs(history()) do
          if support.text_of(msg) == "status " .. given then assert.equal(expected, msg.message_status) end
        end
      end
      local revoked = old("gone", { status = 6, seq = 9, rand = 9 })
      import { revoked, { message_status = 6, message_elem_array = {}, message_seq = 8, message_rand = 8, message_sender = "bob" } }
      local count = 0
      for _, msg in ipairs(history()) do
        if msg.message_status == 6 then
          count = count + 1
          assert.same({}, msg.message_elem_array)
          assert.is_true(msg.message_is_read)
        end
      end
      assert.equal(2, count)
      assert.equal(6, #history())
      local message = refused("import_msg_list", { old "good", old("deleted", { status = 4 }) })
      assert.matches("message_status", message, 1, true)
      assert.equal(6, #history())
      assert.equal(0, unread())
    end)

    hub_it("rule 31: all or nothing", function()
      local list = {}
      for i = 1, 700 do
        list[i] = old("message " .. i)
      end
      local good = list[650]
      for _, bad in ipairs {
        { message_elem_array = {} }, {}, old("x", { seq = "1" }), old("x", { sender = 5 }), old "\xff",
        { message_elem_array = { { elem_type = 0 } } }, old("x", { status = 4 }), old("x", { status = 77 }),
      } do
        list[650] = bad
        local ok = alice:import_msg_list("bob", C2C, list)
        assert.is_nil(ok)
        assert.same({}, history())
        assert.is_nil(support.conv(alice, "bob", C2C))
      end
      list[650] = good
      import(list)
      assert.equal(700, #history())
    end)

    hub_it("rule 31: importing the same twice changes nothing, ids given or not, now or in a later life", function()
      local list = {
        old "one", old("two", { server_time = LONG_AGO + 1 }), old("three", { seq = 3 }), old("four", { rand = 4 }),
        old("five", { seq = 5, rand = 5 }), old("six", { client_time = LONG_AGO - 9 }), timmsg.text "seven, now",
        old("one", { server_time = LONG_AGO + 2 }), old("one", { sender = "alice" }),
        -- the same again, meant
        old "again", old "again", old "again",
      }
      import(list)
      local first = history()
      assert.equal(#list, #first)
      local events = #at_alice.events
      support.pass(os.time(), alice) -- what depends on the time must not depend on the second import's
      import(list)
      assert.same(first, history())
      assert.equal(events, #at_alice.events)
      alice:close()
      alice, at_alice = support.device(dir, "alice")
      import(list)
      assert.same(first, history())
      settle()
      assert.same({}, at_alice.events)
      -- a part of it, in another company, is still the same
      import { old "elsewhere", old "again", old "one", old "again" }
      assert.equal(#first + 1, #history())
      import { old "again", old "again", old "again", old "again" }
      assert.equal(#first + 2, #history())
    end)

    it("rule 31: a message that is there already stays as it is", function()
      local sent = support.say(alice, "bob", C2C, "sent")
      support.say(bob, "alice", C2C, "received")
      support.arrival(at_alice, "received")
      import { old("imported", { seq = 77, rand = 77 }) }
      local before = history()
      local list = {}
      for i, msg in ipairs(before) do
        list[i] = {}
        for key, value in pairs(msg) do
          list[i][key] = value
        end
        list[i].message_elem_array = timmsg.text("changed").message_elem_array
        list[i].message_status = timmsg.TIMMsg_SendFail
        list[i].message_is_read = not msg.message_is_read
        list[i].message_server_time = LONG_AGO + 100
        list[i].message_custom_int = 5
      end
      import(list)
      assert.same(before, history())
      assert.equal(2, unread())
      -- and is the same message to everybody
      support.must(alice, "revoke", "bob", C2C, sent)
      support.eventually(function() return #at_bob.revoked == 1 end, bob)
    end)

    -- Lua's order of keys differs from one process to the next, and from one table to the next.
    hub_it("rule 31: importing the same twice changes nothing, in whatever order its elements' keys come", function()
      local function elem_of_size(size)
        local elem = {}
        for i = 1, size do
          elem["x" .. i] = true
        end
        for key, value in pairs { elem_type = timmsg.TIMElem_Custom, custom_elem_data = "d", custom_elem_desc = "e",
          custom_elem_ext = "f", custom_elem_sound = "g" } do
          elem[key] = value
        end
        for i = 1, size do
          elem["x" .. i] = nil
        end
        return elem
      end
      local orders = {}
      for size = 0, 40 do
        local elem, order = elem_of_size(size), {}
        for key in pairs(elem) do
          order[#order + 1] = key
        end
        orders[table.concat(order, " ")] = true
        import { { message_client_time = LONG_AGO, message_elem_array = { elem } } }
      end
      assert.is_truthy(next(orders, (next(orders)))) -- there were several
      assert.equal(1, #history())
    end)

    -- Tables with known keys and values of just the right type become messages directly, others by way of a JSON tree.
    -- What they become must not tell. A float that is a whole number sends a message the other way.
    hub_it("rule 31: two ways that lists take lead to the same", function()
      local function text(content) return { elem_type = timmsg.TIMElem_Text, text_elem_content = content } end
      local elems = {
        text "", text "plain", text 'quotes " \\ and \1\31\127 controls \r\n\t', text "消息 👍 \u{10FFFF}",
        { elem_type = timmsg.TIMElem_Face, face_elem_index = -2147483648, face_elem_buf = "b" },
        { elem_type = timmsg.TIMElem_Face, face_elem_index = 2147483647 },
        { elem_type = timmsg.TIMElem_Custom },
        { elem_type = timmsg.TIMElem_File, file_elem_file_name = "f", file_elem_file_size = 0, file_elem_url = "u",
          file_elem_download_flag = 2, file_elem_task_id = 3 },
        { elem_type = timmsg.TIMElem_GroupTips, group_tips_elem_tip_type = 1, group_tips_elem_time = -1,
          group_tips_elem_user_array = { "a", "b" } },
        { elem_type = timmsg.TIMElem_GroupTips, group_tips_elem_time = -1 }, { elem_type = timmsg.TIMElem_GroupReport },
      }
      for _, number in ipairs { 0, -0.0, 5, 2 ^ 52 + 0.5, 0.1, 1e15, 999999999999999, 1 << 60, -(1 << 62), 2.0 ^ 63, 1e300,
        1 / 3, 5e-324, 123456.7890123456, math.mininteger } do
        elems[#elems + 1] = { elem_type = timmsg.TIMElem_Location, location_elem_longitude = number,
          location_elem_latitude = -number / 3 }
      end
      local list = {}
      local function add(elem_array, more)
        local msg = { message_elem_array = elem_array }
        for key, value in pairs(more or {}) do
          msg["message_" .. key] = value
        end
        list[#list + 1] = msg
      end
      for i, elem in ipairs(elems) do
        add({ elem }, { client_time = LONG_AGO + i })
        add({ elem, elem }, { client_time = LONG_AGO + i, sender = "bob", is_read = false })
      end
      for _, more in ipairs {
        { is_from_self = false }, { is_from_self = true }, { sender = "", is_from_self = false }, { seq = -1, rand = -2 },
        { seq = math.mininteger, rand = 1 }, { seq = 77 }, { rand = 78 }, { status = 1 }, { status = 2 }, { status = 3 },
        { status = 6 }, { custom_int = 4294967295, custom_str = "c" }, { custom_str = "" }, { priority = 3 },
        { server_time = LONG_AGO + 99 }, { is_peer_read = true, unique_id = -9, is_online_msg = true },
        { conv_id = "other", conv_type = 2 },
      } do
        more.client_time = more.client_time or LONG_AGO + 1000 + #list
        add({ text("with " .. #list) }, more)
      end
      local directly, by_tree = {}, {}
      for i, msg in ipairs(list) do
        local copy = {}
        for key, value in pairs(msg) do
          copy[key] = value
        end
        copy.message_client_time = msg.message_client_time + 0.0
        directly[i], by_tree[i] = msg, copy
      end
      for i in ipairs(list) do -- each by itself: what is not plain sends the whole list the other way
        import({ directly[i] }, "one")
        import({ by_tree[i] }, "two")
      end
      local one, two = history "one", history "two"
      assert.equal(#list, #one)
      for i, msg in ipairs(one) do
        if msg.message_sender == "one" then msg.message_sender = "two" end
        msg.message_conv_id, msg.message_rand, msg.message_seq = "two", two[i].message_rand, two[i].message_seq
        msg.message_unique_id = two[i].message_unique_id
      end
      assert.same(two, one)
      one = history "one"
      -- an identity that is derived is the same both ways
      import(by_tree, "one")
      assert.same(one, history "one")
      -- what is wrong has the tree's words
      local good = text "good"
      local function sentence(...) return refused("import_msg_list", ...) end
      assert.equal("[1].message_client_time: expected an integer",
        sentence { { message_client_time = 1.5, message_elem_array = { good } } })
      assert.equal("[1].message_elem_array[1].location_elem_latitude: not a number (NaN)", sentence { { message_elem_array = {
        { elem_type = timmsg.TIMElem_Location, location_elem_longitude = 0, location_elem_latitude = 0 / 0 } } } })
      assert.equal("[1].message_elem_array: marked as an object, but has a number as a key",
        sentence { { message_elem_array = timmsg.object { good } } })
      assert.equal("[1].message_elem_array: has both names and numbers as keys",
        sentence { { message_elem_array = { good, x = 1 } } })
      assert.equal("[1].message_elem_array: has a hole: entry 2 is nil",
        sentence { { message_elem_array = { good, nil, good, nil } } })
    end)

    hub_it("rule 31: what the library returned can be imported elsewhere, all its keys", function()
      support.group(alice, "crew", "bob")
      support.say(bob, "crew", GROUP, "in the group")
      support.arrival(at_alice, "in the group")
      support.say(alice, "crew", GROUP, "mine in the group")
      local from = history("crew", GROUP)
      assert.equal(timmsg.TIMElem_GroupTips, from[1].message_elem_array[1].elem_type)
      import(from, "archive", GROUP)
      local copies = history("archive", GROUP)
      assert.equal(#from, #copies)
      for i, msg in ipairs(copies) do
        from[i].message_conv_id = "archive"
        assert.same(from[i], msg)
      end
    end)

    hub_it("rule 31: takes its place in the order", function()
      support.say(alice, "bob", C2C, "now")
      import {
        old("c", { server_time = LONG_AGO + 3 }), old("a", { server_time = LONG_AGO + 1 }),
        old("b2", { server_time = LONG_AGO + 2, seq = 2 }), old("b1", { server_time = LONG_AGO + 2, seq = 1 }),
      }
      assert.same({ "a", "b1", "b2", "c", "now" }, texts())
      assert.equal("now", support.text_of(support.conv(alice, "bob", C2C).conv_last_msg))
      import({ old "long ago" }, "carol")
      local convs = support.must(alice, "conv_get_conv_list")
      assert.same({ "bob", "carol" }, { convs[1].conv_id, convs[2].conv_id })
    end)

    it("rule 31: an imported failure can be sent", function()
      import { old("try again", { status = 3, sender = "alice", seq = 5, rand = 12345, client_time = LONG_AGO }) }
      local failed = history()[1]
      local sent = support.must(alice, "send_new_msg", "bob", C2C, failed)
      assert.equal(12345, sent.message_rand)
      local all = history()
      assert.equal(1, #all)
      assert.equal(timmsg.TIMMsg_SendSucc, all[1].message_status)
      assert.equal(12345, support.arrival(at_bob, "try again").message_rand)
    end)

    -- The group gives it another seq, and a time that nobody gave is another one each time.
    hub_it("rule 31: a failure without a time that was sent to a group since is not there again", function()
      support.group(alice, "crew", "bob")
      local list = { timmsg.text "try again", timmsg.text "stays" }
      list[1].message_status, list[2].message_status = timmsg.TIMMsg_SendFail, timmsg.TIMMsg_SendFail
      import(list, "crew", GROUP)
      for _, msg in ipairs(history("crew", GROUP)) do
        if support.text_of(msg) == "try again" then support.must(alice, "send_new_msg", "crew", GROUP, msg) end
      end
      local before = texts("crew", GROUP)
      support.pass(os.time(), alice)
      import(list, "crew", GROUP)
      assert.same(before, texts("crew", GROUP))
    end)

    it("rule 31: unread ones are read by a report, and the peer hears nothing of them", function()
      local seen = support.watch(bob)
      support.must(bob, "set_config", { set_config_user_config = { user_config_is_read_receipt = true } })
      import { old "one", old("two", { server_time = LONG_AGO + 10 }) }
      assert.equal(2, unread())
      support.must(alice, "report_readed", "bob", C2C, history()[1])
      assert.equal(1, unread())
      support.must(alice, "report_readed", "bob", C2C, nil)
      assert.equal(0, unread())
      support.say(alice, "bob", C2C, "behind it")
      support.arrival(seen, "behind it")
      assert.same({}, seen.receipts)
    end)

    it("rule 31: what the backend has too is one message", function()
      support.say(bob, "alice", C2C, "first 一")
      support.say(bob, "alice", C2C, "second 二")
      support.arrival(at_alice, "second 二")
      support.say(alice, "bob", C2C, "mine 三")
      local all = history()
      local desk, at_desk = support.device(dir, "alice", "desk") -- has none of them
      support.must(desk, "import_msg_list", "bob", C2C, { all[2], all[3] })
      local page = support.page(desk, "bob", C2C, { is_remble = true, is_forward = true })
      assert.same(support.texts(all), support.texts(page))
      assert.same(page, support.history(desk, "bob", C2C))
      -- it is read, and revoked, as if it had come from there
      support.must(desk, "report_readed", "bob", C2C, nil)
      support.eventually(function()
        local read = 0
        for _, msg in ipairs(support.history(bob, "alice", C2C)) do
          if msg.message_is_peer_read then read = read + 1 end
        end
        return read == 2
      end, bob)
      support.must(bob, "report_readed", "alice", C2C, nil)
      support.eventually(function()
        for _, msg in ipairs(support.history(desk, "bob", C2C)) do
          if msg.message_is_from_self then return msg.message_is_peer_read end
        end
        return nil
      end, desk)
      support.must(bob, "revoke", "alice", C2C, support.history(bob, "alice", C2C)[2])
      support.eventually(function() return #at_desk.revoked == 1 end, desk)
      assert.same({ "first 一", "-", "mine 三" }, support.texts(support.history(desk, "bob", C2C)))
    end)

    it("rule 31: what was revoked meanwhile is so here too, once the history is fetched", function()
      support.say(bob, "alice", C2C, "first 一")
      support.say(bob, "alice", C2C, "second 二")
      support.arrival(at_alice, "second 二")
      local all = history()
      support.must(bob, "revoke", "alice", C2C, support.history(bob, "alice", C2C)[1])
      support.eventually(function() return #at_alice.revoked == 1 end, alice)
      local desk = support.device(dir, "alice", "desk")
      support.must(desk, "import_msg_list", "bob", C2C, all)
      assert.same({ "first 一", "second 二" }, support.texts(support.history(desk, "bob", C2C)))
      local page = support.page(desk, "bob", C2C, { is_remble = true, is_forward = true })
      assert.same({ "-", "second 二" }, support.texts(page))
      assert.equal(timmsg.TIMMsg_Revoked, page[1].message_status)
      assert.same(page, support.history(desk, "bob", C2C))
    end)

    hub_it("rule 31: a long one, while other calls go on", function()
      local list = {}
      for i = 1, 6000 do
        list[i] = old("message " .. i, { server_time = LONG_AGO + i // 100, seq = i })
      end
      local order = {}
      -- a first one keeps the worker busy, so that it finds the other two together
      assert(alice:import_msg_list("carol", C2C, list, function(code) order[#order + 1] = "first " .. code end))
      assert(alice:import_msg_list("bob", C2C, list, function(code) order[#order + 1] = "import " .. code end))
      assert(alice:send_new_msg("bob", C2C, timmsg.text "in between", function(code) order[#order + 1] = "send " .. code end))
      support.eventually(function() return #order == 3 end, alice)
      assert.same({ "first 0", "send 0", "import 0" }, order)
      local all = texts()
      assert.equal(6001, #all)
      assert.same({ "message 1", "message 6000", "in between" }, { all[1], all[6000], all[6001] })
      assert.equal(6000, unread())
      assert.equal(1, support.conv(bob, "alice", C2C).conv_unread_num)
    end)
  end)

  describe("save_msg", function()
    hub_it("rule 32: keeps one message here; status 2 and the user as sender unless given", function()
      local events = #at_alice.events
      save(timmsg.text "just mine")
      settle()
      assert.equal(events + 1, #at_alice.events)
      local msg = history()[1]
      assert_has({ message_status = 2, message_sender = "alice", message_is_from_self = true, message_is_read = true }, msg)
      assert.is_true(msg.message_seq ~= 0 and msg.message_rand ~= 0)
      save(old("his", { status = 5, seq = 3, rand = 4 }))
      msg = history()[1]
      assert_has({
        message_status = 5,
        message_sender = "bob",
        message_is_from_self = false,
        message_is_read = false,
        message_seq = 3,
        message_rand = 4,
        message_server_time = LONG_AGO,
      }, msg)
      support.say(alice, "bob", C2C, "real")
      support.arrival(at_bob, "real")
      assert.same({ "real" }, support.texts(at_bob.messages))
      assert.same({}, at_alice.messages)
    end)

    hub_it("rule 32: is_read absent means read", function()
      local absent = old("absent", { seq = 1, rand = 1 })
      absent.message_is_read = nil
      save(absent)
      assert.is_true(history()[1].message_is_read)
      save(old("false", { seq = 2, rand = 2 }))
      save(old("true", { seq = 3, rand = 3, is_read = true }))
      save(old("mine", { seq = 4, rand = 4, sender = "alice" }))
      assert.equal(1, unread())
      save { message_elem_array = absent.message_elem_array, message_seq = 2, message_rand = 2, message_sender = "bob" }
      assert.equal(0, unread())
    end)

    hub_it("rule 32: without ids it is a new one each time, with ids the same", function()
      for _ = 1, 3 do
        save(timmsg.text "same text")
      end
      assert.equal(3, #history())
      for _ = 1, 3 do
        save(old("same ids", { seq = 5, rand = 6 }))
      end
      assert.equal(4, #history())
      local ids = {}
      for _, msg in ipairs(history()) do
        ids[msg.message_seq .. "/" .. msg.message_rand] = true
      end
      local count = 0
      for _ in pairs(ids) do
        count = count + 1
      end
      assert.equal(4, count)
    end)

    hub_it("rule 32: where the peer took the highest seq, a rand that is given twice without one is refused", function()
      local msg = timmsg.text "the last one"
      msg.message_seq, msg.message_rand, msg.message_client_time = -1, 7, LONG_AGO -- 2^64-1
      msg.message_status, msg.message_sender = timmsg.TIMMsg_SendFail, "bob"
      support.must(bob, "import_msg_list", "alice", C2C, { msg })
      assert.equal(-1, support.must(bob, "send_new_msg", "alice", C2C, msg).message_seq)
      support.arrival(at_alice, "the last one")
      local function with_rand(text, rand)
        local own = timmsg.text(text)
        own.message_rand = rand
        return own
      end
      save(with_rand("first", 5))
      local code, desc = support.call(alice, "save_msg", "bob", C2C, with_rand("second", 5))
      assert.equal(timmsg.ERR_INVALID_PARAMETERS, code)
      assert.matches("message_rand: 5 is taken", desc, 1, true)
      save(with_rand("third", 6))
      save(timmsg.text "fourth")
      local found = texts()
      table.sort(found)
      assert.same({ "first", "fourth", "the last one", "third" }, found)
    end)

    for name, conv_type in pairs { ["C2C"] = C2C, ["group"] = GROUP } do
      it("rule 32: updates status, read flag and custom fields of what is there, " .. name, function()
        local desk, at_desk = support.device(dir, "alice", "desk")
        local conv, at = "bob", "alice"
        if conv_type == GROUP then
          conv, at = support.group(bob, "crew", "alice"), "crew"
        end
        support.say(bob, at, conv_type, "to be kept")
        local msg = support.arrival(at_alice, "to be kept")
        support.say(alice, conv, conv_type, "of my own")
        local own = support.page(alice, conv, conv_type, { count = 1 })[1]
        for _, one in ipairs { msg, own } do
          local changed = {}
          for key, value in pairs(one) do
            changed[key] = value
          end
          changed.message_custom_int, changed.message_custom_str = 42, "标记 🚩"
          changed.message_is_read = true
          changed.message_elem_array = timmsg.text("not this").message_elem_array
          changed.message_server_time, changed.message_client_time = LONG_AGO, LONG_AGO
          changed.message_priority = timmsg.TIMMsgPriority_High
          local before = support.conv(alice, conv, conv_type).conv_unread_num
          save(changed, conv, conv_type)
          local expected = {}
          for key, value in pairs(one) do
            expected[key] = value
          end
          expected.message_custom_int, expected.message_custom_str, expected.message_is_read = 42, "标记 🚩", true
          local found = support.must(alice, "find_by_msg_locator_list", conv, conv_type, { timmsg.locator(one) })
          assert.same({ expected }, found)
          assert.equal(one == msg and before - 1 or before, support.conv(alice, conv, conv_type).conv_unread_num)
        end
        -- these stay when something else is changed, and in a later life
        save({ message_elem_array = msg.message_elem_array, message_seq = msg.message_seq, message_rand = msg.message_rand,
          message_sender = "bob", message_is_read = false }, conv, conv_type)
        alice:close()
        alice, at_alice = support.device(dir, "alice")
        local found = support.must(alice, "find_by_msg_locator_list", conv, conv_type, { timmsg.locator(msg) })[1]
        assert_has({ message_custom_int = 42, message_custom_str = "标记 🚩", message_is_read = false, message_status = 2 }, found)
        -- nobody else sees any of it
        support.say(bob, at, conv_type, "behind it")
        support.arrival(at_desk, "behind it")
        for _, one in ipairs(support.history(desk, conv, conv_type)) do
          assert.equal(0, one.message_custom_int)
          assert.equal("", one.message_custom_str)
        end
        for _, one in ipairs(support.history(bob, at, conv_type)) do
          assert.is_false(one.message_is_peer_read)
        end
      end)
    end

    hub_it("rule 32: the statuses", function()
      assert.matches("message_status", refused("save_msg", old("deleted", { status = 4 })), 1, true)
      refused("save_msg", { message_elem_array = {} })
      refused("save_msg", { message_status = 2 })
      assert.same({}, history())
      save(old("sending", { status = 1, seq = 1, rand = 1, sender = "alice" }))
      assert.equal(3, history()[1].message_status)
      save { message_status = 6, message_elem_array = {}, message_sender = "bob", message_server_time = LONG_AGO }
      save { message_status = 6, message_elem_array = {}, message_sender = "bob", message_seq = 9, message_rand = 9 }
      assert.equal(3, #history())

      -- one that is there can be made a revoked one, for this device; and no revoked one is undone
      support.say(bob, "alice", C2C, "hide me")
      local msg = support.arrival(at_alice, "hide me")
      msg.message_status = timmsg.TIMMsg_Revoked
      save(msg)
      local function hidden()
        for _, one in ipairs(history()) do
          if one.message_rand == msg.message_rand then return one end
        end
      end
      assert_has({ message_status = 6, message_elem_array = {}, message_is_read = true }, hidden())
      assert.equal(0, unread())
      msg.message_status = timmsg.TIMMsg_SendSucc
      save(msg)
      assert_has({ message_status = 6, message_elem_array = {} }, hidden())
      assert.same({ "hide me" }, support.texts(support.history(bob, "alice", C2C)))
    end)

    hub_it("rule 32: GroupTips may be saved", function()
      local tips = {
        elem_type = timmsg.TIMElem_GroupTips,
        group_tips_elem_tip_type = 1,
        group_tips_elem_op_user = "bob",
        group_tips_elem_group_id = "crew",
        group_tips_elem_group_name = "Crew",
        group_tips_elem_time = LONG_AGO,
        group_tips_elem_user_array = { "bob", "carol" },
        group_tips_elem_member_num = 2,
      }
      save({ message_elem_array = { tips }, message_sender = "@TIM#SYSTEM" }, "crew", GROUP)
      assert_has(tips, history("crew", GROUP)[1].message_elem_array[1])
    end)

    it("rule 32: one's own reading of it is nobody else's business", function()
      support.must(bob, "set_config", { set_config_user_config = { user_config_is_read_receipt = true } })
      support.say(bob, "alice", C2C, "quietly")
      local msg = support.arrival(at_alice, "quietly")
      msg.message_is_read = true
      save(msg)
      assert.equal(0, unread())
      msg.message_is_read = false
      save(msg)
      assert.equal(1, unread())
      support.say(alice, "bob", C2C, "behind it")
      support.arrival(at_bob, "behind it")
      assert.same({}, at_bob.receipts)
      support.must(alice, "report_readed", "bob", C2C, nil)
      assert.equal(0, unread())
      support.eventually(function() return #at_bob.receipts == 1 end, bob)
      -- what the backend knows to be read can still be made unread here, and stays so when it completes a page; then read again
      save(msg)
      assert.equal(1, unread())
      assert.equal(2, #support.page(alice, "bob", C2C, { is_remble = true }))
      assert.equal(1, unread())
      support.must(alice, "report_readed", "bob", C2C, nil)
      assert.equal(0, unread())
    end)
  end)
end)
