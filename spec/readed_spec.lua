-- ReportReaded: what is read, who hears of it (rules 26 and 27).

local process = require "process"
local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

-- Where alice talks to bob: there, and at bob. Of a group's own unread number other devices hear on the hub only
-- (rule 45).
local SHARED <const> = { { "bob", C2C, "alice" }, support.is_hub and { "crew", GROUP, "crew" } or nil }

describe("report_readed", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(function()
    process.cleanup()
    support.cleanup()
  end)

  local function device(...) return support.device(dir, ...) end

  local function unread(client, conv_id, conv_type)
    return support.conv(client, conv_id, conv_type or C2C).conv_unread_num
  end

  -- The texts of the conversation's messages, oldest first, whose `key` is true.
  local function those(client, key, conv_id, conv_type)
    local texts = {}
    for _, msg in ipairs(support.history(client, conv_id, conv_type or C2C)) do
      if msg[key] then texts[#texts + 1] = support.text_of(msg) end
    end
    return texts
  end

  local function read_texts(...) return those(select(1, ...), "message_is_read", select(2, ...)) end
  local function peer_read_texts(...) return those(select(1, ...), "message_is_peer_read", select(2, ...)) end

  -- Lets the devices see all that was told so far: a message that comes behind it.
  local function settle(from, seen, conv_id, ...)
    local text = "settled " .. math.random(1 << 40)
    support.say(from, conv_id, C2C, text)
    support.arrival(seen, text, from, ...)
  end

  -- alice sends, bob gets: early and late messages, in different seconds. The early ones may be in two seconds.
  local function two_times(alice, bob, seen, conv_id, conv_type)
    local first = support.say(alice, conv_id, conv_type, "early 早")
    support.say(alice, conv_id, conv_type, "early too")
    support.pass(support.say(alice, conv_id, conv_type, "early still").message_server_time, alice)
    support.say(alice, conv_id, conv_type, "late 晚")
    support.say(alice, conv_id, conv_type, "late too")
    support.arrival(seen, "late too", bob)
    return first
  end

  -- The texts of incoming messages up to and including the second.
  local function up_to(seen, time)
    local texts = {}
    for _, msg in ipairs(seen.messages) do
      if msg.message_server_time <= time and support.text_of(msg) then texts[#texts + 1] = support.text_of(msg) end
    end
    return texts
  end

  for _, form in ipairs { "message", "locator" } do
    it("rule 26: with a " .. form .. ": those up to and including its server_time", function()
      local alice, at_alice = device("alice", nil, { read_receipt = true })
      local bob, at_bob = device "bob"
      two_times(alice, bob, at_bob, "bob", C2C)
      local named = at_bob.messages[1]
      local expected = up_to(at_bob, named.message_server_time)
      assert.is_true(#expected >= 1 and #expected <= 3)
      support.must(bob, "report_readed", "alice", C2C, form == "message" and named or timmsg.locator(named))
      assert.same(expected, read_texts(bob, "alice"))
      assert.equal(5 - #expected, unread(bob, "alice"))
      support.eventually(function() return #at_alice.receipts > 0 end, alice)
      assert.same(expected, peer_read_texts(alice, "bob"))
      assert.same({
        { msg_receipt_conv_id = "bob", msg_receipt_conv_type = C2C, msg_receipt_time_stamp = named.message_server_time },
      }, at_alice.receipts)

      -- the rest, by the last message
      local last = at_bob.messages[5]
      support.must(bob, "report_readed", "alice", C2C, form == "message" and last or timmsg.locator(last))
      assert.equal(0, unread(bob, "alice"))
      support.eventually(function() return #at_alice.receipts > 1 end, alice)
      assert.equal(last.message_server_time, at_alice.receipts[2].msg_receipt_time_stamp)
      assert.equal(5, #peer_read_texts(alice, "bob"))
    end)
  end

  it("rule 26: with a group's message, and one's own among them", function()
    local alice, at_alice = device("alice", nil, { read_receipt = true })
    local bob, at_bob = device "bob"
    support.group(alice, "crew", "bob")
    two_times(alice, bob, at_bob, "crew", GROUP)
    local named
    for _, msg in ipairs(at_bob.messages) do
      if support.text_of(msg) == "early still" then named = msg end
    end
    support.must(bob, "report_readed", "crew", GROUP, named)
    assert.equal(2, unread(bob, "crew", GROUP))
    support.say(bob, "crew", GROUP, "bob's own")
    assert.equal(2, unread(bob, "crew", GROUP))
    support.must(bob, "report_readed", "crew", GROUP, {})
    assert.equal(0, unread(bob, "crew", GROUP))
    -- rule 27: nobody else hears of it
    settle(bob, at_alice, "alice", alice)
    assert.same({}, at_alice.receipts)
    assert.same({}, peer_read_texts(alice, "crew", GROUP))
    assert.is_true(unread(alice, "crew", GROUP) > 0)
  end)

  for name, argument in pairs { ["nil"] = false, ["{}"] = {} } do
    it("rule 26: with " .. name .. ": all", function()
      local alice = device "alice"
      local bob, at_bob = device "bob"
      support.say(alice, "bob", C2C, "first")
      support.say(bob, "alice", C2C, "in between")
      support.say(alice, "bob", C2C, "second")
      support.arrival(at_bob, "second", bob)
      assert.equal(2, unread(bob, "alice"))
      support.must(bob, "report_readed", "alice", C2C, argument or nil)
      assert.equal(0, unread(bob, "alice"))
      assert.equal(3, #read_texts(bob, "alice"))
    end)
  end

  it("rule 26: with a locator that names none: refused", function()
    local alice = device "alice"
    local bob, at_bob = device "bob"
    support.say(alice, "bob", C2C, "first")
    support.arrival(at_bob, "first", bob)
    local ok, _, code = bob:report_readed("alice", C2C, { message_locator_is_revoked = false })
    assert.is_nil(ok)
    assert.equal(timmsg.TIM_ERR_JSON, code)
    assert.equal(1, unread(bob, "alice"))
  end)

  it("rule 26: a conversation event tells the new number; the user's other devices follow", function()
    local alice = device "alice"
    local phone, at_phone = device("bob", "phone")
    local desk, at_desk = device("bob", "desk")
    local tablet, at_tablet = device("bob", "tablet")
    support.group(alice, "crew", "bob")
    support.must(tablet, "logout")
    for _, conv in ipairs(SHARED) do
      support.say(alice, conv[1], conv[2], "one in " .. conv[1])
      support.say(alice, conv[1], conv[2], "two in " .. conv[1])
      support.arrival(at_phone, "two in " .. conv[1], phone)
      support.arrival(at_desk, "two in " .. conv[1], desk)
      local function last_change(seen)
        local change = seen.changes[#seen.changes]
        return change and change.conv.conv_id == conv[3] and change.conv.conv_unread_num == 0
          and change.event == timmsg.TIMConvEvent_Update
      end
      assert.is_false(last_change(at_phone))
      support.must(phone, "report_readed", conv[3], conv[2], nil)
      support.eventually(function() return last_change(at_phone) end, phone)
      support.eventually(function() return last_change(at_desk) end, desk)
      assert.equal(0, unread(phone, conv[3], conv[2]))
      assert.equal(0, unread(desk, conv[3], conv[2]))
      for _, msg in ipairs(support.page(desk, conv[3], conv[2])) do
        assert.is_true(msg.message_is_read)
      end
    end
    -- one that was away gets the messages, and then that they are read
    support.must(tablet, "login", "bob", "sig")
    for _, conv in ipairs(SHARED) do
      support.arrival(at_tablet, "two in " .. conv[1], tablet)
      support.eventually(function() return unread(tablet, conv[3], conv[2]) == 0 end, tablet)
    end
  end)

  it("rule 26: what comes later is unread, in the same second too", function()
    local alice, at_alice = device "alice"
    local phone, at_phone = device("bob", "phone")
    local desk, at_desk = device("bob", "desk")
    for round = 1, 5 do -- some of them are within one second
      support.say(alice, "bob", C2C, "had " .. round)
      support.arrival(at_phone, "had " .. round, phone)
      support.must(phone, "report_readed", "alice", C2C, nil)
      support.say(alice, "bob", C2C, "later " .. round)
      support.arrival(at_phone, "later " .. round, phone)
      support.arrival(at_desk, "later " .. round, desk)
      assert.equal(1, unread(phone, "alice"))
      support.eventually(function() return unread(desk, "alice") == 1 end, desk)
      settle(phone, at_alice, "alice", alice)
      assert.equal(2 * round - 1, #peer_read_texts(alice, "bob"))
    end
  end)

  it("rule 26: messages that this device is still to be given are not among them", function()
    local count = support.is_hub and 3000 or 300
    support.new_client(dir, "bob"):close()
    local alice, at_alice = device "alice"
    local done = 0
    for i = 1, count do
      assert(alice:send_new_msg("bob", C2C, timmsg.text("message " .. i), function() done = done + 1 end))
    end
    support.eventually(function() return done == count end, alice)

    -- At the very beginning of a log-in only some of them are here.
    local bob = support.new_client(dir, nil, { data_dir = dir .. "/bob" })
    local seen = support.watch(bob)
    local reported
    assert(bob:login("bob", "sig", function()
      assert(bob:send_new_msg("alice", C2C, timmsg.text "I'm back", function()
        assert(bob:report_readed("alice", C2C, nil, function(code) reported = code end))
      end))
    end))
    support.eventually(function() return reported and #seen.messages == count end, bob)
    assert.equal(0, reported)
    settle(bob, at_alice, "alice", alice)
    local read = {}
    for _, msg in ipairs(support.history(bob, "alice", C2C)) do
      if msg.message_is_read and not msg.message_is_from_self then read[#read + 1] = support.text_of(msg) end
    end
    assert.equal(count - #read, unread(bob, "alice"))
    for i, text in ipairs(read) do
      assert.equal("message " .. i, text)
    end
    assert.same(read, peer_read_texts(alice, "bob"))
    -- on XMPP a log-in is over when all is here
    assert.is_true(#read < count or not support.is_hub, "the report was too late for this spec to see anything")
  end)

  it("rule 27: the peer gets a receipt if it wants them, and knows what was read in any case", function()
    local alice, at_alice = device("alice", nil, { read_receipt = true })
    local carol, at_carol = device "carol"
    local bob, at_bob = device("bob", nil, { read_receipt = true })
    for client, name in pairs { [alice] = "alice", [carol] = "carol" } do
      support.say(client, "bob", C2C, "from " .. name)
      local got = support.arrival(at_bob, "from " .. name, bob)
      assert.is_false(got.message_is_peer_read)
      assert.same({}, peer_read_texts(client, "bob"))
      support.must(bob, "report_readed", name, C2C, got)
    end
    settle(bob, at_carol, "carol", carol)
    settle(bob, at_alice, "alice", alice)
    assert.equal(1, #at_alice.receipts)
    assert.equal("bob", at_alice.receipts[1].msg_receipt_conv_id)
    assert.equal(C2C, at_alice.receipts[1].msg_receipt_conv_type)
    assert.same({}, at_carol.receipts)
    assert.same({ "from carol" }, peer_read_texts(carol, "bob"))
    assert.same({ "from alice" }, peer_read_texts(alice, "bob"))

    -- what is sent after it is not read; the other's own messages never are by this
    support.say(alice, "bob", C2C, "unread yet")
    support.arrival(at_bob, "unread yet", bob)
    assert.same({ "from alice" }, peer_read_texts(alice, "bob"))
    assert.same({}, peer_read_texts(bob, "alice"))
    -- the reader itself gets none, and reading again tells nothing new
    support.must(bob, "report_readed", "carol", C2C, nil)
    support.must(bob, "report_readed", "carol", C2C, nil)
    settle(alice, at_bob, "bob", bob)
    settle(bob, at_alice, "alice", alice)
    assert.same({}, at_bob.receipts)
    assert.equal(1, #at_alice.receipts)
  end)

  it("rule 27: a receipt names the last message that was read, not one's own answer", function()
    local alice, at_alice = device("alice", nil, { read_receipt = true })
    local bob, at_bob = device "bob"
    local sent = support.say(alice, "bob", C2C, "question")
    local got = support.arrival(at_bob, "question", bob)
    support.pass(sent.message_server_time, alice, bob)
    support.say(bob, "alice", C2C, "answer")
    support.must(bob, "report_readed", "alice", C2C, nil)
    support.eventually(function() return #at_alice.receipts == 1 end, alice)
    assert.equal(got.message_server_time, at_alice.receipts[1].msg_receipt_time_stamp)
  end)

  it("rule 27: a sender that was away gets it later, on every device", function()
    local phone = device("alice", "phone", { read_receipt = true })
    local desk, at_desk = device("alice", "desk", { read_receipt = true })
    local bob, at_bob = device "bob"
    local sent = support.say(phone, "bob", C2C, "是否已读？")
    support.arrival(at_desk, "是否已读？", desk)
    support.arrival(at_bob, "是否已读？", bob)
    phone:close()
    support.must(desk, "logout")
    support.must(bob, "report_readed", "alice", C2C, nil)
    bob:close()

    local at_phone
    phone, at_phone = device("alice", "phone", { read_receipt = true })
    support.must(desk, "login", "alice", "sig")
    local receipt = {
      msg_receipt_conv_id = "bob",
      msg_receipt_conv_type = C2C,
      msg_receipt_time_stamp = sent.message_server_time,
    }
    support.eventually(function() return #at_phone.receipts > 0 and #at_desk.receipts > 0 end, phone, desk)
    for client, seen in pairs { [phone] = at_phone, [desk] = at_desk } do
      assert.same({ receipt }, seen.receipts)
      assert.same({ "是否已读？" }, peer_read_texts(client, "bob"))
    end
    -- and once
    support.must(desk, "logout")
    support.must(desk, "login", "alice", "sig")
    support.say(phone, "bob", C2C, "next")
    support.arrival(at_desk, "next", desk)
    assert.same({ receipt }, at_desk.receipts)

    -- a device that is new learns it with the history
    local tablet = device("alice", "tablet")
    local page = support.page(tablet, "bob", C2C, { is_remble = true })
    assert.same({ "next", "是否已读？" }, support.texts(page))
    assert.is_false(page[1].message_is_peer_read)
    assert.is_true(page[2].message_is_peer_read)
  end)

  it("rule 26: a new device learns it with the history, group or not", function()
    local alice = device "alice"
    local phone, at_phone = device("bob", "phone")
    support.group(alice, "crew", "bob")
    for _, conv in ipairs(SHARED) do
      support.say(alice, conv[1], conv[2], "read in " .. conv[1])
      support.arrival(at_phone, "read in " .. conv[1])
      support.must(phone, "report_readed", conv[3], conv[2], nil)
      support.say(alice, conv[1], conv[2], "unread in " .. conv[1])
      support.arrival(at_phone, "unread in " .. conv[1])
      local desk = device("bob", "desk " .. conv[1])
      local page = support.page(desk, conv[3], conv[2], { is_remble = true })
      assert.same({ "unread in " .. conv[1], "read in " .. conv[1] }, support.texts { page[1], page[2] })
      assert.is_false(page[1].message_is_read)
      for i = 2, #page do
        assert.is_true(page[i].message_is_read)
      end
      assert.equal(1, unread(desk, conv[3], conv[2]))
    end
  end)

  it("rule 27: in a conversation with oneself", function()
    local phone = device("bob", "phone", { read_receipt = true })
    local desk, at_desk = device("bob", "desk", { read_receipt = true })
    support.say(phone, "bob", C2C, "note")
    support.arrival(at_desk, "note", desk)
    local at_once -- what the store says when the completion comes
    assert(desk:report_readed("bob", C2C, nil, function(code)
      assert.equal(0, code)
      assert(desk:get_msg_list("bob", C2C, {}, function(_, _, list) at_once = list[1].message_is_peer_read end))
    end))
    support.eventually(function() return at_once ~= nil end, desk)
    assert.is_true(at_once)
    for _, client in ipairs { phone, desk } do
      support.eventually(function() return #peer_read_texts(client, "bob") == 1 end, phone, desk)
      assert.equal(0, unread(client, "bob"))
    end
  end)

  local GONE <const> = {
    ["has been left"] = function(_, phone) support.must(phone, "group_quit", "crew") end,
    ["has been deleted"] = function(alice) support.must(alice, "group_delete", "crew") end,
    ["has been deleted, where there is a new one of its id"] = function(alice)
      support.must(alice, "group_delete", "crew")
      support.group(alice, "crew")
    end,
  }
  for name, go in pairs(GONE) do
    support.hub_only(it)(("rule 26: the other devices follow in a group that %s"):format(name), function()
      local alice = device "alice"
      local phone, at_phone = device("bob", "phone")
      local desk, at_desk = device("bob", "desk")
      support.group(alice, "crew", "bob")
      support.say(alice, "crew", GROUP, "unread")
      support.arrival(at_phone, "unread")
      go(alice, phone)
      support.say(alice, "bob", C2C, "and here?")
      support.arrival(at_phone, "and here?")
      support.arrival(at_desk, "and here?")
      assert.is_true(unread(desk, "crew", GROUP) > 0)
      support.must(phone, "report_readed", "crew", GROUP)
      assert.equal(0, unread(phone, "crew", GROUP))
      support.eventually(function() return unread(desk, "crew", GROUP) == 0 end, desk)
    end)
  end

  it("rule 26: where nothing is to be read it succeeds, and tells nobody", function()
    local alice, at_alice = device("alice", nil, { read_receipt = true })
    local bob, at_bob = device "bob"
    support.must(bob, "report_readed", "alice", C2C, nil)
    support.must(bob, "report_readed", "nobody", C2C, {})
    support.say(bob, "alice", C2C, "only mine")
    support.must(bob, "report_readed", "alice", C2C, nil)
    settle(bob, at_alice, "alice", alice)
    assert.same({}, at_alice.receipts)
    assert.is_nil(support.conv(bob, "nobody", C2C))
    assert.same({}, at_bob.receipts)
  end)

  it("rule 26: a report that the backend did not get is told with the next", function()
    local alice, at_alice = device("alice", nil, { read_receipt = true })
    local bob, at_bob = device("bob", nil, { request_timeout_ms = support.is_hub and 100 or 500 })
    support.say(alice, "bob", C2C, "read me")
    local got = support.arrival(at_bob, "read me", bob)
    local block = process.block_backend(dir)
    assert.equal(timmsg.ERR_REQUEST_TIMEOUT, (support.call(bob, "report_readed", "alice", C2C, got)))
    block.release()
    support.eventually(function() return support.call(bob, "report_readed", "alice", C2C, got) == 0 end)
    support.eventually(function() return #at_alice.receipts == 1 end, alice)
    assert.same({ "read me" }, peer_read_texts(alice, "bob"))
  end)
end)
