-- Revoke: who may, until when, and what everybody sees of it (rules 28 and 29).

local lfs = require "lfs"
local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

local TEXT <const> = "撤回我 🙈 \"100%\""

-- On XMPP the two sides of a C2C conversation may have a message in different seconds (rule 45): at most so far apart.
local APART <const> = support.is_hub and 0 or 2

-- The codes of each conversation type.
local CODES <const> = {
  [C2C] = { not_found = timmsg.ERR_SVR_MSG_REVOKE_NOT_FOUND, too_late = timmsg.ERR_SVR_MSG_REVOKE_TIME_LIMIT },
  [GROUP] = { not_found = timmsg.ERR_SVR_GROUP_REVOKE_MSG_NOT_FOUND, too_late = timmsg.ERR_SVR_GROUP_REVOKE_MSG_TIME_LIMIT },
}

describe("revoke", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(support.cleanup)

  local function device(...) return support.device(dir, ...) end

  local function enrol(...)
    for _, user in ipairs { ... } do
      support.new_client(dir, user):close()
    end
  end

  -- alice and bob, and where they talk: the conversation's id at alice and at bob.
  local function pair(conv_type, options)
    local alice, at_alice = device("alice", nil, options)
    local bob, at_bob = device("bob", nil, options)
    if conv_type == C2C then return alice, at_alice, bob, at_bob, "bob", "alice" end
    support.group(alice, "crew", "bob")
    support.eventually(function() return #at_bob.messages == 1 end, bob)
    return alice, at_alice, bob, at_bob, "crew", "crew"
  end

  local function revoke(client, conv_id, conv_type, named)
    return (support.call(client, "revoke", conv_id, conv_type, named))
  end

  -- The message of that identity in the client's list, and how often it is there.
  local function row(client, conv_id, conv_type, like)
    local found, count = nil, 0
    for _, msg in ipairs(support.history(client, conv_id, conv_type)) do
      if msg.message_rand == like.message_rand then
        found, count = msg, count + 1
      end
    end
    assert.is_true(count <= 1)
    return found
  end

  local function assert_revoked(client, conv_id, conv_type, like)
    local msg = row(client, conv_id, conv_type, like)
    assert.equal(timmsg.TIMMsg_Revoked, msg.message_status)
    assert.same({}, msg.message_elem_array)
    assert.is_true(msg.message_is_read)
    for _, key in ipairs { "seq", "sender", "client_time" } do
      assert.equal(like["message_" .. key], msg["message_" .. key], key)
    end
    assert.is_true(math.abs(like.message_server_time - msg.message_server_time) <= APART)
    local high <const> = conv_type == C2C and msg.message_server_time or msg.message_seq
    assert.equal(high << 32 | msg.message_rand & 0xffffffff, msg.message_unique_id)
    return msg
  end

  local function assert_intact(client, conv_id, conv_type, like)
    local msg = row(client, conv_id, conv_type, like)
    assert.equal(timmsg.TIMMsg_SendSucc, msg.message_status)
    assert.same(like.message_elem_array, msg.message_elem_array)
  end

  -- The locator that a revoke callback tells of the message.
  local function told(msg, conv_id, is_self)
    return {
      message_locator_conv_id = conv_id,
      message_locator_conv_type = msg.message_conv_type,
      message_locator_is_revoked = true,
      message_locator_time = msg.message_server_time,
      message_locator_seq = msg.message_seq,
      message_locator_is_self = is_self,
      message_locator_rand = msg.message_rand,
      message_locator_unique_id = msg.message_unique_id,
    }
  end

  local function assert_told(expected, locator)
    local time = locator.message_locator_time
    if math.abs(time - expected.message_locator_time) <= APART then
      local change = (expected.message_locator_time - time) << 32
      locator.message_locator_time = expected.message_locator_time
      if expected.message_locator_conv_type == C2C then
        locator.message_locator_unique_id = locator.message_locator_unique_id + change
      end
    end
    assert.same(expected, locator)
  end

  for name, conv_type in pairs { ["C2C"] = C2C, ["group"] = GROUP } do
    local codes = CODES[conv_type]

    describe(name, function()
      local forms = {
        ["the message"] = function(msg) return msg end,
        ["its locator"] = timmsg.locator,
        ["seq, rand and sender"] = function(msg)
          return { message_seq = msg.message_seq, message_rand = msg.message_rand, message_sender = "alice" }
        end,
        ["seq, rand and is_from_self"] = function(msg)
          return { message_seq = msg.message_seq, message_rand = msg.message_rand, message_is_from_self = true }
        end,
        ["seq, rand, time and is_self of a locator"] = function(msg)
          return {
            message_locator_seq = msg.message_seq,
            message_locator_rand = msg.message_rand,
            message_locator_is_self = true,
            message_locator_time = msg.message_server_time,
          }
        end,
        ["a locator's keys beside a Message's that are null (rule 4)"] = function(msg)
          return {
            message_locator_seq = msg.message_seq,
            message_locator_rand = msg.message_rand,
            message_locator_is_self = true,
            message_seq = timmsg.null,
            message_rand = timmsg.null,
            message_is_from_self = timmsg.null,
          }
        end,
      }
      for form, make in pairs(forms) do
        it("rule 28: takes " .. form .. ", from a device that never had it too", function()
          local alice, _, bob, at_bob, conv, at = pair(conv_type)
          local had = support.say(alice, conv, conv_type, TEXT)
          local other = support.say(alice, conv, conv_type, "this one stays")
          local not_had = support.say(alice, conv, conv_type, TEXT)
          alice:poll()
          local fresh = device("alice", "new", {})
          assert.equal(0, revoke(alice, conv, conv_type, make(had)))
          assert.equal(0, revoke(fresh, conv, conv_type, make(not_had)))
          support.eventually(function() return #at_bob.revoked == 2 end, bob, alice)
          assert_revoked(bob, at, conv_type, had)
          assert_revoked(bob, at, conv_type, not_had)
          assert_intact(bob, at, conv_type, other)
          assert_revoked(alice, conv, conv_type, had)
          assert_intact(alice, conv, conv_type, other)
        end)
      end

      it("rule 28: a time that is given must match", function()
        local alice, _, bob, at_bob, conv, at = pair(conv_type)
        local msg = support.say(alice, conv, conv_type, TEXT)
        support.arrival(at_bob, TEXT, bob)
        local fresh = device("alice", "new") -- it knows no times
        for _, difference in ipairs { -1, 1, 1000000 } do
          local wrong = timmsg.locator(msg)
          wrong.message_locator_time = msg.message_server_time + difference
          assert.equal(codes.not_found, revoke(alice, conv, conv_type, wrong))
          assert.equal(codes.not_found, revoke(fresh, conv, conv_type, wrong))
        end
        assert_intact(alice, conv, conv_type, msg)
        assert.equal(0, revoke(fresh, conv, conv_type, timmsg.locator(msg)))
        support.eventually(function() return #at_bob.revoked == 1 end, bob)
        assert_revoked(bob, at, conv_type, msg)
      end)

      it("rule 28: what is not there, or not accepted, is not found", function()
        local alice, _, bob, at_bob, conv, at = pair(conv_type)
        local msg = support.say(alice, conv, conv_type, TEXT)
        for key, wrong in pairs { message_rand = msg.message_rand ~ 1, message_seq = msg.message_seq + 1, message_sender = "carol" } do
          local other = { message_seq = msg.message_seq, message_rand = msg.message_rand, message_sender = "alice" }
          other[key] = wrong
          assert.equal(codes.not_found, revoke(alice, conv, conv_type, other))
        end
        local code, _, failed = support.call(alice, "send_new_msg", conv, conv_type, timmsg.text(("x"):rep(13000)))
        assert.equal(timmsg.ERR_SDK_MSG_BODY_SIZE_LIMIT, code)
        assert.equal(codes.not_found, revoke(alice, conv, conv_type, failed))
        assert.equal(timmsg.TIMMsg_SendFail, row(alice, conv, conv_type, failed).message_status)
        -- another conversation's
        support.group(alice, "other", "bob")
        assert.equal(CODES[GROUP].not_found, revoke(alice, "other", GROUP, timmsg.locator(msg)))
        assert.equal(CODES[C2C].not_found, revoke(alice, "alice", C2C, timmsg.locator(msg)))
        support.arrival(at_bob, TEXT, bob)
        assert_intact(bob, at, conv_type, msg)
        assert.same({}, at_bob.revoked)
      end)

      it("rule 28: what names nothing is refused", function()
        local alice, _, _, _, conv = pair(conv_type)
        for _, named in ipairs { {}, { message_seq = 1 }, { message_rand = 1 }, { message_sender = "alice" } } do
          local ok, _, code = alice:revoke(conv, conv_type, named)
          assert.is_nil(ok)
          assert.equal(timmsg.TIM_ERR_JSON, code)
        end
      end)

      it("rule 28: a message is revoked once", function()
        local alice, _, bob, at_bob, conv = pair(conv_type)
        local desk = device("alice", "desk")
        local msg = support.say(alice, conv, conv_type, TEXT)
        assert.equal(0, revoke(alice, conv, conv_type, msg))
        for _, client in ipairs { alice, desk } do
          assert.equal(timmsg.ERR_SVR_MSG_REVOKED_ALREADY, revoke(client, conv, conv_type, msg))
        end
        support.say(alice, conv, conv_type, "behind it")
        support.arrival(at_bob, "behind it", bob)
        assert.equal(1, #at_bob.revoked)
      end)

      it("rule 28: another's message may not be revoked", function()
        local alice, at_alice, bob, at_bob, conv, at = pair(conv_type)
        local msg = support.say(alice, conv, conv_type, TEXT)
        local got = support.arrival(at_bob, TEXT, bob)
        assert.equal(timmsg.ERR_SVR_GROUP_PERMISSION_DENY, revoke(bob, at, conv_type, got))
        assert.equal(timmsg.ERR_SVR_GROUP_PERMISSION_DENY, revoke(bob, at, conv_type, timmsg.locator(got)))
        -- nor by saying that it was one's own
        got.message_is_from_self, got.message_sender = true, "bob"
        assert.equal(codes.not_found, revoke(bob, at, conv_type, got))
        support.say(bob, at, conv_type, "behind it")
        support.arrival(at_alice, "behind it", alice)
        assert.same({}, at_alice.revoked)
        assert_intact(alice, conv, conv_type, msg)
        assert_intact(bob, at, conv_type, msg)
      end)

      support.hub_only(it)("rule 28: after the window it is too late, by the backend's clock", function()
        local alice, _, bob, at_bob, conv, at = pair(conv_type, { revoke_window_s = 0 })
        local msg = support.say(alice, conv, conv_type, TEXT)
        support.arrival(at_bob, TEXT, bob)
        support.pass(msg.message_server_time, alice)
        assert.equal(codes.too_late, revoke(alice, conv, conv_type, msg))
        assert_intact(alice, conv, conv_type, msg)
        -- one that says it was sent long ago, or is to be sent, is as old as it is
        local old = timmsg.text "old"
        old.message_client_time = msg.message_server_time - 100000
        old.message_server_time = 1
        old = support.must(alice, "send_new_msg", conv, conv_type, old)
        local new = timmsg.text "new"
        new.message_client_time = msg.message_server_time + 100000
        new = support.must(alice, "send_new_msg", conv, conv_type, new)
        alice:close()
        alice = device("alice", nil, { revoke_window_s = 60 })
        assert.equal(0, revoke(alice, conv, conv_type, old))
        assert.equal(0, revoke(alice, conv, conv_type, new))
        assert.equal(0, revoke(alice, conv, conv_type, msg))
        support.eventually(function() return #at_bob.revoked == 3 end, bob)
        assert_revoked(bob, at, conv_type, msg)
        assert_revoked(bob, at, conv_type, old)
      end)

      it("rule 29: everybody sees it: a row without elements in its old place, and one locator", function()
        local alice, at_alice, bob, at_bob, conv, at = pair(conv_type)
        local alice2, at_alice2 = device("alice", "two")
        local bob2, at_bob2 = device("bob", "two")
        support.say(alice, conv, conv_type, "before")
        local msg = support.say(alice, conv, conv_type, TEXT)
        support.say(alice, conv, conv_type, "behind")
        for client, seen in pairs { [bob] = at_bob, [bob2] = at_bob2, [alice2] = at_alice2 } do
          support.arrival(seen, "behind", client)
        end
        assert.equal(0, revoke(alice, conv, conv_type, timmsg.locator(msg)))
        support.say(alice, conv, conv_type, "last")
        for seen, of in pairs { [at_bob] = { bob, at, false }, [at_bob2] = { bob2, at, false }, [at_alice2] = { alice2, conv, true } } do
          support.arrival(seen, "last", of[1])
          assert.equal(1, #seen.revoked)
          assert_told(told(msg, of[2], of[3]), seen.revoked[1])
          assert_revoked(of[1], of[2], conv_type, msg)
          local texts = support.texts(support.history(of[1], of[2], conv_type))
          assert.same({ "before", "-", "behind", "last" }, { table.unpack(texts, #texts - 3) })
        end
        assert_revoked(alice, conv, conv_type, msg)
        assert.is_true(#at_alice.revoked <= 1)
      end)

      it("rule 29: a receiver that was away is told, whether it had the message or not", function()
        local alice, _, bob, at_bob, conv, at = pair(conv_type)
        local had = support.say(alice, conv, conv_type, "had: " .. TEXT)
        support.arrival(at_bob, "had: " .. TEXT, bob)
        local unread = support.conv(bob, at, conv_type).conv_unread_num
        bob:close()
        local never = support.say(alice, conv, conv_type, "never: " .. TEXT)
        assert.equal(0, revoke(alice, conv, conv_type, had))
        assert.equal(0, revoke(alice, conv, conv_type, never))
        support.say(alice, conv, conv_type, "last")
        bob, at_bob = device "bob"
        support.arrival(at_bob, "last", bob)
        assert.same({ "last" }, support.texts(at_bob.messages))
        local by_rand = { [had.message_rand] = told(had, at, false), [never.message_rand] = told(never, at, false) }
        for _, locator in ipairs(at_bob.revoked) do
          assert_told(by_rand[locator.message_locator_rand], locator)
        end
        assert.equal(2, #at_bob.revoked)
        assert_revoked(bob, at, conv_type, had)
        assert_revoked(bob, at, conv_type, never)
        -- one less is unread by the first, and one more by the last
        assert.equal(unread, support.conv(bob, at, conv_type).conv_unread_num)
        bob:close()
        bob, at_bob = device "bob"
        support.say(alice, conv, conv_type, "and now")
        support.arrival(at_bob, "and now", bob)
        assert.same({}, at_bob.revoked)
      end)

      it("rule 29: a new device gets a row, and finds one in the history", function()
        local alice, _, bob, at_bob, conv, at = pair(conv_type)
        local old = support.say(alice, conv, conv_type, "old " .. TEXT)
        local msg = support.say(alice, conv, conv_type, TEXT)
        support.arrival(at_bob, TEXT, bob)
        assert.equal(0, revoke(alice, conv, conv_type, old))
        support.eventually(function() return #at_bob.revoked == 1 end, bob)
        bob:close()
        local desk, at_desk = device("bob", "desk") -- behind both messages and the first revoke
        assert.equal(0, revoke(alice, conv, conv_type, msg))
        support.eventually(function() return #at_desk.revoked > 0 end, desk)
        assert.equal(1, #at_desk.revoked)
        assert_told(told(msg, at, false), at_desk.revoked[1])
        assert.same({}, at_desk.messages)
        assert_revoked(desk, at, conv_type, msg)
        assert.equal(0, support.conv(desk, at, conv_type).conv_unread_num)
        local page = support.page(desk, at, conv_type, { is_remble = true })
        assert_revoked(desk, at, conv_type, old)
        assert.same({ "-", "-" }, support.texts { page[1], page[2] })
        assert.equal(1, #at_desk.revoked)
        for _, client in ipairs { desk, alice } do
          client:close()
        end
        desk = device("bob", "another")
        support.page(desk, at, conv_type, { is_remble = true })
        assert_revoked(desk, at, conv_type, msg)
      end)

      it("rule 29: unread number and last message follow", function()
        local alice, _, bob, at_bob, conv, at = pair(conv_type)
        local first = support.say(alice, conv, conv_type, "first")
        local last = support.say(alice, conv, conv_type, "last")
        support.arrival(at_bob, "last", bob)
        local before = support.conv(bob, at, conv_type)
        assert.equal("last", support.text_of(before.conv_last_msg))
        assert.equal(0, revoke(alice, conv, conv_type, last))
        support.eventually(function() return #at_bob.revoked == 1 end, bob)
        support.call(bob, "conv_get_conv_list") -- the conversation event is told before this is answered
        local changed = at_bob.changes[#at_bob.changes]
        assert.equal(timmsg.TIMConvEvent_Update, changed.event)
        assert.same(changed.conv, support.conv(bob, at, conv_type))
        assert.equal(before.conv_unread_num - 1, changed.conv.conv_unread_num)
        assert.equal(timmsg.TIMMsg_Revoked, changed.conv.conv_last_msg.message_status)
        assert.equal(last.message_rand, changed.conv.conv_last_msg.message_rand)
        -- one that was read is no longer unread
        support.must(bob, "report_readed", at, conv_type, nil)
        assert.equal(0, revoke(alice, conv, conv_type, first))
        support.eventually(function() return #at_bob.revoked == 2 end, bob)
        assert.equal(0, support.conv(bob, at, conv_type).conv_unread_num)
      end)

      support.hub_only(it)("rule 29: the hub forgets what it said", function()
        local alice, _, bob, at_bob, conv = pair(conv_type)
        local secret = "forget-this-0123456789"
        local msg = support.say(alice, conv, conv_type, secret:rep(500))
        support.say(alice, conv, conv_type, "keep-this-9876543210")
        support.arrival(at_bob, "keep-this-9876543210", bob)
        assert.equal(0, revoke(alice, conv, conv_type, msg))
        alice:close()
        bob:close()
        local all = ""
        for file in lfs.dir(dir .. "/hub") do
          if lfs.attributes(dir .. "/hub/" .. file, "mode") == "file" then
            all = all .. support.read_file(dir .. "/hub/" .. file)
          end
        end
        assert.is_truthy(all:find("keep-this-9876543210", 1, true))
        assert.is_nil(all:find(secret, 1, true))
      end)
    end)
  end

  it("rule 28: in a group owner and admins may, until the window is over", function()
    local owner, at_owner = device "owner"
    local admin, at_admin = device "admin"
    local member, at_member = device "member"
    local late_owner = device("owner", "late", { revoke_window_s = 0 })
    support.group(owner, "crew", "admin", "member")
    local function set_role(role)
      return (support.call(owner, "group_modify_member_info", {
        group_modify_member_info_group_id = "crew",
        group_modify_member_info_identifier = "admin",
        group_modify_member_info_modify_flag = timmsg.TIMGroupMemberModifyFlag_MemberRole,
        group_modify_member_info_member_role = role,
      }))
    end
    local one = support.say(member, "crew", GROUP, "one")
    local two = support.say(member, "crew", GROUP, "two")
    local three = support.say(owner, "crew", GROUP, "three")
    local got_three = support.arrival(at_admin, "three")
    local got_one = support.arrival(at_admin, "one")
    assert.equal(timmsg.ERR_SVR_GROUP_PERMISSION_DENY, revoke(admin, "crew", GROUP, timmsg.locator(got_one)))
    assert.equal(0, set_role(timmsg.TIMMemberRole_Admin))
    assert.equal(0, revoke(admin, "crew", GROUP, timmsg.locator(got_one)))
    assert.equal(0, revoke(owner, "crew", GROUP, {
      message_seq = two.message_seq,
      message_rand = two.message_rand,
      message_sender = "member",
    }))
    support.eventually(function() return #at_member.revoked == 2 end, member)
    -- at the sender they are its own
    assert.same({ told(one, "crew", true), told(two, "crew", true) }, at_member.revoked)
    assert.is_true(assert_revoked(member, "crew", GROUP, one).message_is_from_self)
    assert.equal(timmsg.ERR_SVR_MSG_REVOKED_ALREADY, revoke(owner, "crew", GROUP, got_one))
    assert.equal(0, revoke(admin, "crew", GROUP, timmsg.locator(got_three)))
    support.eventually(function()
      local last = at_owner.revoked[#at_owner.revoked]
      return last and last.message_locator_rand == three.message_rand
    end, owner)
    assert_revoked(owner, "crew", GROUP, three)

    local four = support.say(member, "crew", GROUP, "four")
    support.pass(four.message_server_time, late_owner)
    assert.equal(CODES[GROUP].too_late, revoke(late_owner, "crew", GROUP, {
      message_seq = four.message_seq,
      message_rand = four.message_rand,
      message_sender = "member",
    }))

    assert.equal(0, set_role(timmsg.TIMMemberRole_Normal))
    assert.equal(timmsg.ERR_SVR_GROUP_PERMISSION_DENY, revoke(admin, "crew", GROUP, {
      message_seq = four.message_seq,
      message_rand = four.message_rand,
      message_sender = "member",
    }))
    -- who has left has no say, not even over its own
    support.must(member, "group_quit", "crew")
    assert.equal(timmsg.ERR_SVR_GROUP_PERMISSION_DENY, revoke(member, "crew", GROUP, four))
    assert_intact(owner, "crew", GROUP, four)
  end)

  -- What was said between two others under a client_time of long before, and whom it concerns: who was not there.
  local function said_before(alice, group)
    support.group(alice, group)
    support.say(alice, group, GROUP, "before it")
    local msg = timmsg.text(TEXT)
    msg.message_client_time = os.time() - 86400
    msg = support.must(alice, "send_new_msg", group, GROUP, msg)
    support.say(alice, group, GROUP, "behind it")
    return msg
  end

  -- That the client's pages have it where it was said.
  local function assert_in_place(client, group, msg)
    local texts = {}
    for _, one in ipairs(support.page(client, group, GROUP, { count = 100, is_remble = true, is_forward = true })) do
      if one.message_rand == msg.message_rand then
        assert.equal(6, one.message_status)
        assert.equal(msg.message_server_time, one.message_server_time)
        texts[#texts + 1] = "it"
      end
      texts[#texts + 1] = support.text_of(one)
    end
    assert.same({ "before it", "it", "behind it" }, texts)
  end

  it("rule 29: what was revoked before it was known stands where it was said (rule 12)", function()
    local alice = device "alice"
    local bob, at_bob = device "bob"
    local msg = said_before(alice, "crew")
    support.must(bob, "group_join", "crew", "")
    assert.equal(0, revoke(alice, "crew", GROUP, msg))
    support.eventually(function() return #at_bob.revoked == 1 end, bob)
    assert_in_place(bob, "crew", msg)
    assert_in_place(bob, "crew", msg)
    assert.equal(1, #at_bob.revoked)
  end)

  it("rule 29: and so does what is revoked while the page that has it is on its way", function()
    local alice = device "alice"
    local bob, at_bob = device "bob"
    for i = 1, 9 do
      local group, answered = "crew" .. i, 0
      local msg = said_before(alice, group)
      support.must(bob, "group_join", group, "")
      local function done(code)
        assert(code == 0)
        answered = answered + 1
      end
      assert(alice:revoke(group, GROUP, msg, done))
      local from = support.now_ms() + (i - 1) * 3
      support.eventually(function() return support.now_ms() >= from end, alice)
      assert(bob:get_msg_list(group, GROUP, { msg_getmsglist_param_is_remble = true }, done))
      support.eventually(function() return answered == 2 and #at_bob.revoked == i end, alice, bob)
      assert_in_place(bob, group, msg)
    end
  end)

  it("rule 29: in a conversation with oneself", function()
    local phone = device("bob", "phone")
    local desk, at_desk = device("bob", "desk")
    local msg = support.say(phone, "bob", C2C, TEXT)
    support.arrival(at_desk, TEXT, desk)
    assert.equal(0, revoke(phone, "bob", C2C, msg))
    support.eventually(function() return #at_desk.revoked > 0 end, desk)
    support.say(phone, "bob", C2C, "behind it")
    support.arrival(at_desk, "behind it", desk)
    assert.same({ told(msg, "bob", true) }, at_desk.revoked)
    assert_revoked(phone, "bob", C2C, msg)
    assert_revoked(desk, "bob", C2C, msg)
  end)

  it("rule 29: many at once, in one conversation and another, reach one that was away once each", function()
    enrol "bob"
    local alice = device "alice"
    support.group(alice, "crew", "bob")
    local revoked, kept = {}, 0
    for i = 1, 130 do
      local conv, conv_type = "bob", C2C
      if i % 3 == 0 then conv, conv_type = "crew", GROUP end
      local msg = support.say(alice, conv, conv_type, "message " .. i)
      if i % 2 == 0 then
        assert.equal(0, revoke(alice, conv, conv_type, msg))
        revoked[msg.message_rand] = told(msg, conv_type == C2C and "alice" or conv, false)
      else
        kept = kept + 1
      end
    end
    support.say(alice, "bob", C2C, "last")
    local bob, at_bob = device "bob"
    support.arrival(at_bob, "last", bob)
    support.eventually(function() return #at_bob.revoked >= 65 end, bob) -- on XMPP a group is another archive
    assert.equal(65, #at_bob.revoked)
    for _, locator in ipairs(at_bob.revoked) do
      assert_told(assert(revoked[locator.message_locator_rand]), locator)
      revoked[locator.message_locator_rand] = nil
    end
    local texts = 0
    for _, msg in ipairs(at_bob.messages) do
      if support.text_of(msg) then texts = texts + 1 end
    end
    assert.equal(kept + 1, texts)
  end)

  support.hub_only(describe)("rule 29: who comes back to a group", function()
    local owner, stay

    local function ask(sql) return support.hub_number(dir, sql) end

    local function invite(...)
      support.must(owner, "group_invite_member", {
        group_invite_member_param_group_id = "crew", group_invite_member_param_identifier_array = { ... },
      })
    end

    local function remove(...)
      support.must(owner, "group_delete_member", {
        group_delete_member_param_group_id = "crew", group_delete_member_param_identifier_array = { ... },
      })
    end

    -- Says so many messages and revokes them: their rands.
    local function revoke_some(n)
      local rands = {}
      for i = 1, n do
        local msg = support.say(owner, "crew", GROUP, TEXT .. i)
        rands[i] = msg.message_rand
        assert.equal(0, revoke(owner, "crew", GROUP, msg))
      end
      return rands
    end

    -- What the user hears was revoked, when it logs in.
    local function heard(user)
      support.say(stay, user, C2C, "last")
      local client, seen = device(user)
      support.arrival(seen, "last", client)
      local rands = {}
      for i, locator in ipairs(seen.revoked) do
        rands[i] = locator.message_locator_rand
      end
      client:close()
      return rands
    end

    before_each(function()
      enrol("ann", "ben", "cora", "dave")
      owner = device "owner"
      stay = device "stay"
      support.group(owner, "crew", "stay", "ann", "ben", "cora")
      for _, user in ipairs { "ann", "ben", "cora" } do assert.same({}, heard(user)) end
    end)

    it("hears what was revoked meanwhile, which is said once to all that a call brings back", function()
      remove("ann", "ben")
      local first = revoke_some(3)
      remove "cora"
      local second = revoke_some(2)
      assert.equal(5, ask "SELECT count(*) FROM events WHERE kind = 2")
      invite("dave", "ann", "ben", "cora")
      assert.equal(10, ask "SELECT count(*) FROM events WHERE kind = 2")
      local all = table.move(second, 1, 2, 4, table.move(first, 1, 3, 1, {}))
      assert.same(all, heard "ann")
      assert.same(all, heard "ben")
      local cora = heard "cora" -- while she was in, she was told of the first as they were revoked
      assert.same(all, cora)
      assert.same({}, heard "dave")
      -- and not again
      remove("ann", "cora", "dave")
      invite("dave", "ann", "cora")
      assert.equal(10, ask "SELECT count(*) FROM events WHERE kind = 2")
      local third = revoke_some(1)
      assert.equal(11, ask "SELECT count(*) FROM events WHERE kind = 2")
      for _, user in ipairs { "ann", "cora", "dave" } do assert.same(third, heard(user)) end
    end)

    it("hears it too on a hub that an older library has kept until now", function()
      remove("ann", "ben")
      local first = revoke_some(2)
      invite "ben"
      remove "ben"
      local second = revoke_some(1)
      owner:close()
      stay:close()
      support.write_file(dir .. "/older.sql", "DROP TABLE absent; DROP INDEX event_revoked;"
        .. "UPDATE events SET revoked = 1 WHERE revoked <> 0; PRAGMA user_version = 2")
      assert(os.execute(("sqlite3 '%s/hub/hub.db' < '%s/older.sql'"):format(dir, dir)))
      owner = device "owner"
      stay = device "stay"
      invite("ann", "ben")
      local all = table.move(first, 1, 2, 1, {})
      all[3] = second[1]
      assert.same(all, heard "ann")
      assert.same(all, heard "ben")
      assert.equal(0, revoke(owner, "crew", GROUP, support.say(owner, "crew", GROUP, "new")))
    end)
  end)
end)
