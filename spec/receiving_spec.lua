-- Receiving: new messages, offline delivery, several devices (rules 22 to 25).

local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

local TEXTS <const> = {
  "plain",
  "你好，世界 — ありがとう",
  "🙂🇨🇳👩‍👩‍👧‍👦",
  [["quotes" 'single' \back\slash /slash]],
  "100% %s %d %% \t tab and\nnew line",
  "-- '); DROP TABLE messages; --",
  ("长"):rep(3000),
}

describe("receiving", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(support.cleanup)

  local function device(...) return support.device(dir, ...) end

  -- Users exist from their first log-in on.
  local function enrol(...)
    for _, user in ipairs { ... } do
      support.new_client(dir, user):close()
    end
  end

  -- The texts that `seen` records of one conversation.
  local function heard(seen, conv_id)
    local msgs = {}
    for _, msg in ipairs(seen.messages) do
      if msg.message_conv_id == conv_id and msg.message_sender ~= "@TIM#SYSTEM" then msgs[#msgs + 1] = msg end
    end
    return support.texts(msgs)
  end

  describe("callbacks", function()
    it("rule 22: come in arrays of at most 100, in order, to every handler", function()
      enrol("bob")
      local alice = device "alice"
      support.group(alice, "crew", "bob")
      support.send_many(alice, "bob", C2C, "private ", 130)
      support.send_many(alice, "crew", GROUP, "group ", 130)
      support.send_many(alice, "bob", C2C, "late ", 45)

      local bob = support.new_client(dir, nil, { data_dir = dir .. "/bob" })
      local first, second, gone = support.watch(bob), support.watch(bob), 0
      local function leaving() gone = gone + 1 end
      bob:on("recv_new_msg", leaving)
      bob:off("recv_new_msg", leaving)
      support.must(bob, "login", "bob", "sig")
      support.arrival(first, "late 45", bob)
      support.arrival(first, "group 130", bob) -- on XMPP a group is another archive

      for _, batch in ipairs(first.batches) do
        assert.is_true(#batch >= 1 and #batch <= 100, "an array of " .. #batch)
      end
      local private = support.numbered("private ", 130)
      table.move(support.numbered("late ", 45), 1, 45, 131, private)
      assert.same(private, heard(first, "alice"))
      assert.same(support.numbered("group ", 130), heard(first, "crew"))
      assert.same(first.batches, second.batches)
      assert.equal(0, gone)
    end)

    it("rule 22: the order is that of the list, also when both sides speak at once", function()
      local alice, at_alice = device "alice"
      local bob, at_bob = device "bob"
      for i = 1, 40 do
        assert(alice:send_new_msg("bob", C2C, timmsg.text("a" .. i)))
        assert(bob:send_new_msg("alice", C2C, timmsg.text("b" .. i)))
      end
      support.eventually(function() return #at_alice.messages == 40 and #at_bob.messages == 40 end, alice, bob)
      assert.same(support.numbered("a", 40), heard(at_bob, "alice"))
      assert.same(support.numbered("b", 40), heard(at_alice, "bob"))
      local function order(client, conv_id)
        return support.texts(support.in_order(support.page(client, conv_id, C2C, { count = 100, is_forward = true })))
      end
      assert.equal(80, #order(alice, "bob"))
      assert.same(order(alice, "bob"), order(bob, "alice"))
    end)

    -- Each letter is five on the wire. On XMPP the end of a message that takes so many reads lay in what TLS holds back, until
    -- the next stanza came.
    it("rule 22: come at once, however large the message is", function()
      local alice = device "alice"
      local bob, at_bob = device "bob"
      for i = 1, 40 do
        support.say(alice, "bob", C2C, ("&"):rep(8480 + 5 * i))
        -- something else to do wakes a session within half a minute
        assert.is_true(support.pump(8000 * support.PATIENCE, function() return #at_bob.messages == i end, bob))
      end
    end)

    it("rule 22: bring no more large messages at once than a frame has time for", function()
      enrol("bob")
      local alice = device "alice"
      local large = ("x"):rep(8000)
      for i = 1, 20 do support.say(alice, "bob", C2C, large .. i) end
      support.send_many(alice, "bob", C2C, "small ", 20)
      local _, at_bob = device "bob"
      support.arrival(at_bob, "small 20", alice)
      local texts = support.texts(at_bob.messages)
      assert.equal(40, #texts)
      for i = 1, 20 do assert.equal(large .. i, texts[i]) end
      for _, batch in ipairs(at_bob.batches) do
        local bytes = 0
        for i = 1, #batch - 1 do bytes = bytes + #support.text_of(batch[i]) end
        assert.is_true(bytes < 32768, bytes)
      end
    end)

    it("rule 22: find the message in the store", function()
      local alice = device "alice"
      local bob = device "bob"
      local found, unread
      bob:on("recv_new_msg", function(msgs)
        bob:find_by_msg_locator_list("alice", C2C, { timmsg.locator(msgs[1]) }, function(_, _, list) found = list end)
        bob:conv_get_conv_list(function(_, _, convs) unread = convs[1].conv_unread_num end)
      end)
      local sent = support.say(alice, "bob", C2C, TEXTS[2])
      support.eventually(function() return found and unread end, alice, bob)
      assert.same({ TEXTS[2] }, support.texts(found))
      assert.equal(sent.message_rand, found[1].message_rand)
      assert.equal(1, unread)
    end)

    it("rule 22: bring the message as it was sent", function()
      local alice = device "alice"
      local bob, seen = device "bob"
      support.group(alice, "crew", "bob")
      for _, conv in ipairs { { "bob", C2C, "alice" }, { "crew", GROUP, "crew" } } do
        for i, text in ipairs(TEXTS) do
          local msg = timmsg.message(timmsg.text(text), timmsg.face(i, "b"), timmsg.custom("d", "e", "f", "g"))
          msg.message_priority = i % 4
          msg.message_custom_int, msg.message_custom_str = 7, "of this device"
          local sent = support.must(alice, "send_new_msg", conv[1], conv[2], msg)
          local expected = {}
          for key, value in pairs(sent) do
            expected[key] = value
          end
          expected.message_conv_id = conv[3]
          expected.message_is_from_self, expected.message_is_read = false, false
          expected.message_custom_int, expected.message_custom_str = 0, ""
          local got = support.eventually(function()
            for _, one in ipairs(seen.messages) do
              if one.message_rand == sent.message_rand then return one end
            end
            return nil
          end, alice, bob)
          if not support.is_hub and conv[2] == C2C then -- rule 45: each side has a clock of its own, perhaps in the next second
            assert.is_true(math.abs(expected.message_server_time - got.message_server_time) <= 1)
            expected.message_server_time, expected.message_unique_id = got.message_server_time, got.message_unique_id
          end
          assert.same(expected, got)
          assert.same(got, support.page(bob, conv[3], conv[2], { count = 1 })[1])
        end
      end
    end)
  end)

  describe("while logged out", function()
    it("rule 23: nothing is lost, and it comes once", function()
      local bob, seen = device "bob"
      local carol = device "carol"
      local alice = device "alice"
      support.group(alice, "crew", "bob", "carol")
      support.eventually(function() return #seen.messages == 1 end, bob) -- the group's own
      support.must(bob, "logout")
      for _, text in ipairs(TEXTS) do
        support.say(alice, "bob", C2C, text)
        support.say(carol, "bob", C2C, text)
        support.say(alice, "crew", GROUP, text)
      end
      assert.equal(1, #seen.messages)

      support.must(bob, "login", "bob", "sig")
      support.eventually(function() return #seen.messages == 1 + 3 * #TEXTS end, bob)
      for _, conv in ipairs { "alice", "carol", "crew" } do
        assert.same(TEXTS, heard(seen, conv))
      end
      for _, conv in ipairs { { "alice", C2C }, { "carol", C2C } } do
        assert.same(TEXTS, support.texts(support.page(bob, conv[1], conv[2], { is_forward = true })))
        assert.equal(#TEXTS, support.conv(bob, conv[1], conv[2]).conv_unread_num)
      end

      -- and not again, neither with the next log-in nor with the next client of the device
      support.must(bob, "logout")
      support.must(bob, "login", "bob", "sig")
      support.say(alice, "bob", C2C, "behind all")
      support.arrival(seen, "behind all", bob)
      assert.equal(2 + 3 * #TEXTS, #seen.messages)
      bob:close()
      local again, later = device "bob"
      support.say(alice, "bob", C2C, "behind that too")
      support.arrival(later, "behind that too", again)
      assert.equal(1, #later.messages)
      assert.equal(#TEXTS + 2, #support.page(again, "alice", C2C))
    end)

    it("rule 23: who has never spoken with the user reaches it too", function()
      enrol "bob"
      local alice = device "alice"
      support.say(alice, "bob", C2C, "first words")
      alice:close()
      local bob, seen = device "bob"
      local msg = support.arrival(seen, "first words", bob)
      assert.equal("alice", msg.message_conv_id)
      assert.is_false(msg.message_is_read)
      assert.equal(1, support.conv(bob, "alice", C2C).conv_unread_num)
    end)

    it("rule 23: a message that goes out during the log-in comes once", function()
      enrol "bob"
      local alice = device "alice"
      support.send_many(alice, "bob", C2C, "before ", 120)
      local bob = support.new_client(dir, nil, { data_dir = dir .. "/bob" })
      local seen = support.watch(bob)
      assert(bob:login("bob", "sig"))
      support.send_many(alice, "bob", C2C, "during ", 120)
      support.say(alice, "bob", C2C, "after")
      support.arrival(seen, "after", bob)
      local expected = support.numbered("before ", 120)
      table.move(support.numbered("during ", 120), 1, 120, 121, expected)
      expected[#expected + 1] = "after"
      assert.same(expected, heard(seen, "alice"))
    end)
  end)

  describe("several devices", function()
    it("rule 24: each gets everything, also what the others sent", function()
      local alice, at_alice = device "alice"
      local phone, at_phone = device("bob", "phone")
      local desk, at_desk = device("bob", "desk")
      support.group(alice, "crew", "bob")
      support.say(alice, "bob", C2C, "to bob")
      support.say(alice, "crew", GROUP, "to all")
      for _, seen in ipairs { at_phone, at_desk } do
        support.arrival(seen, "to bob", phone, desk)
        support.arrival(seen, "to all", phone, desk)
      end

      local sent = support.say(phone, "alice", C2C, "from the phone")
      local sent_to_group = support.say(phone, "crew", GROUP, "from the phone to all")
      for seen, own in pairs { [at_desk] = true, [at_alice] = false } do
        local msg = support.arrival(seen, "from the phone", alice, desk)
        assert.equal("bob", msg.message_sender)
        assert.equal(own and "alice" or "bob", msg.message_conv_id)
        assert.equal(sent.message_seq, msg.message_seq)
        local group_msg = support.arrival(seen, "from the phone to all", alice, desk)
        assert.equal("crew", group_msg.message_conv_id)
        assert.equal(sent_to_group.message_seq, group_msg.message_seq)
        for _, one in ipairs { msg, group_msg } do
          assert.equal(own, one.message_is_from_self)
          assert.equal(own, one.message_is_read)
        end
      end
      -- the device that sent it is not told of it
      support.say(alice, "bob", C2C, "later")
      support.arrival(at_phone, "later", phone)
      support.arrival(at_desk, "later", desk)
      assert.same({ "to bob", "later" }, heard(at_phone, "alice"))
      assert.same({ "to all" }, heard(at_phone, "crew"))
      assert.same(support.texts(support.page(phone, "alice", C2C)), support.texts(support.page(desk, "alice", C2C)))
      assert.equal(2, support.conv(desk, "alice", C2C).conv_unread_num)
    end)

    it("rule 24: a device that was away gets all that the others got meanwhile", function()
      local alice = device "alice"
      local phone, at_phone = device("bob", "phone")
      local desk, at_desk = device("bob", "desk")
      support.say(alice, "bob", C2C, "one")
      support.arrival(at_desk, "one", desk)
      support.must(desk, "logout")
      support.say(alice, "bob", C2C, "two")
      support.say(phone, "alice", C2C, "my three")
      support.say(alice, "bob", C2C, "four")
      support.arrival(at_phone, "four", phone)
      local _, at_tablet = device("bob", "tablet") -- behind the phone, whatever the desk still has to fetch
      support.must(desk, "login", "bob", "sig")
      support.arrival(at_desk, "four")
      support.say(alice, "bob", C2C, "five")
      support.arrival(at_tablet, "five")
      support.arrival(at_desk, "five")
      assert.same({ "one", "two", "my three", "four", "five" }, heard(at_desk, "alice"))
      assert.same({ "five" }, heard(at_tablet, "alice"))
    end)

    it("rule 24: a new device tells nothing that was there, however much was said in one second", function()
      local alice = device "alice"
      local phone, at_phone = device("bob", "phone")
      support.group(alice, "crew", "bob")
      for conv, conv_type in pairs { bob = C2C, crew = GROUP } do
        support.pass(os.time(), alice, phone) -- a second begins
        support.send_many(alice, conv, conv_type, "old in " .. conv .. " ", 140) -- more than a page of an archive
        support.arrival(at_phone, "old in " .. conv .. " 140", alice)
      end
      phone:close()
      local desk, at_desk = device("bob", "desk")
      support.say(alice, "bob", C2C, "new to bob")
      support.say(alice, "crew", GROUP, "new to all")
      support.arrival(at_desk, "new to bob", desk, alice)
      support.arrival(at_desk, "new to all", desk, alice)
      table.sort(at_desk.messages, function(a, b) return a.message_conv_id < b.message_conv_id end)
      assert.same({ "new to bob", "new to all" }, support.texts(at_desk.messages))
    end)

    it("rule 24: a new device starts behind what any device has fetched; the rest comes by is_remble", function()
      local alice = device "alice"
      local phone, at_phone = device("bob", "phone")
      support.group(alice, "crew", "bob")
      for _, text in ipairs(TEXTS) do
        support.say(alice, "bob", C2C, text)
      end
      support.arrival(at_phone, TEXTS[#TEXTS], phone) -- what is said after it has a higher seq (rule 10)
      support.say(phone, "alice", C2C, "mine")
      support.say(alice, "crew", GROUP, "old in the group")
      support.arrival(at_phone, "old in the group", phone)
      phone:close()
      support.say(alice, "bob", C2C, "not fetched by any")

      local desk, at_desk = device("bob", "desk")
      support.arrival(at_desk, "not fetched by any", desk)
      support.say(alice, "bob", C2C, "new")
      support.arrival(at_desk, "new", desk)
      assert.same({ "not fetched by any", "new" }, support.texts(at_desk.messages))
      assert.same({ "new", "not fetched by any" }, support.texts(support.page(desk, "alice", C2C)))
      assert.is_nil(support.conv(desk, "crew", GROUP))

      local all = { table.unpack(TEXTS) }
      table.move({ "mine", "not fetched by any", "new" }, 1, 3, #all + 1, all)
      local page = support.page(desk, "alice", C2C, { is_forward = true, is_remble = true, count = 50 })
      assert.same(all, support.texts(page))
      assert.is_true(page[#TEXTS + 1].message_is_from_self)
      assert.is_true(page[#TEXTS + 1].message_is_read)
      local groups = support.page(desk, "crew", GROUP, { is_remble = true })
      assert.equal("old in the group", support.text_of(groups[1]))
      assert.equal(2, #at_desk.messages) -- what is_remble brings is no news
    end)

    it("rule 24: one store is open once", function()
      local bob = device "bob"
      local second = support.new_client(dir, nil, { data_dir = dir .. "/bob" })
      local code, desc = support.call(second, "login", "bob", "sig")
      assert.equal(timmsg.ERR_DATABASE_OPERATE_FAILED, code)
      local pid = support.read_file("/proc/self/stat"):match("^%d+")
      assert.matches("process " .. pid .. "%f[%D]", desc)
      -- the refused one is not logged in, and disturbs nobody
      local ok, _, refused = second:get_msg_list("bob", C2C, {})
      assert.is_nil(ok)
      assert.equal(timmsg.TIM_ERR_NOTLOGIN, refused)
      support.say(bob, "bob", C2C, "still here")

      -- another user of the same directory is another store
      support.must(second, "login", "carol", "sig")
      support.must(second, "logout")
      support.must(bob, "logout")
      support.must(second, "login", "bob", "sig")
      assert.same({ "still here" }, support.texts(support.page(second, "bob", C2C)))
      code = support.call(bob, "login", "bob", "sig")
      assert.equal(timmsg.ERR_DATABASE_OPERATE_FAILED, code)
    end)
  end)

  describe("the read flag", function()
    it("rule 25: incoming is unread, one's own is read", function()
      local alice = device "alice"
      local phone, at_phone = device("bob", "phone")
      local desk, at_desk = device("bob", "desk")
      support.group(alice, "crew", "bob")
      for _, conv in ipairs { { "bob", C2C, "alice" }, { "crew", GROUP, "crew" } } do
        local tips = conv[2] == GROUP and 1 or 0 -- what the group itself says is incoming, for everybody
        local sent = support.say(alice, conv[1], conv[2], "from alice in " .. conv[1])
        assert.is_true(sent.message_is_read)
        assert.is_true(sent.message_is_from_self)
        local got = support.arrival(at_phone, "from alice in " .. conv[1], phone)
        assert.is_false(got.message_is_read)
        assert.is_false(got.message_is_from_self)
        local mine = support.say(phone, conv[3], conv[2], "from bob in " .. conv[1])
        assert.is_true(mine.message_is_read)
        support.arrival(at_desk, "from bob in " .. conv[1], desk)
        for _, client in ipairs { phone, desk } do
          assert.equal(1 + tips, support.conv(client, conv[3], conv[2]).conv_unread_num)
          local page = support.page(client, conv[3], conv[2], { count = 2 })
          assert.is_true(page[1].message_is_read)
          assert.is_false(page[2].message_is_read)
        end
      end
    end)

    it("rule 25: a message to oneself is read, on every device", function()
      local phone, at_phone = device("bob", "phone")
      local desk, at_desk = device("bob", "desk")
      local sent = support.say(phone, "bob", C2C, "note to self")
      local got = support.arrival(at_desk, "note to self", desk)
      support.say(desk, "bob", C2C, "and back")
      support.arrival(at_phone, "and back", phone)
      assert.same(sent, got)
      assert.is_true(got.message_is_from_self)
      assert.is_true(got.message_is_read)
      assert.same({ "and back" }, support.texts(at_phone.messages))
      for _, client in ipairs { phone, desk } do
        assert.equal(0, support.conv(client, "bob", C2C).conv_unread_num)
        assert.same({ "and back", "note to self" }, support.texts(support.page(client, "bob", C2C)))
      end
    end)
  end)
end)
