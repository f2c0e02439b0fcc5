-- FindByMsgLocatorList: messages by their locators (rule 30).

local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

describe("find_by_msg_locator_list", function()
  local dir, alice, bob, at_bob

  before_each(function()
    dir = support.temp_dir()
    alice = support.device(dir, "alice")
    bob, at_bob = support.device(dir, "bob")
    support.group(alice, "crew", "bob")
  end)
  after_each(support.cleanup)

  local function find(client, conv_id, conv_type, locators)
    return support.must(client, "find_by_msg_locator_list", conv_id, conv_type, locators)
  end

  local function found_texts(...) return support.texts(find(...)) end

  -- The locator with some keys changed; a false one is left out.
  local function with(locator, changes)
    local copy = {}
    for key, value in pairs(locator) do
      copy[key] = value
    end
    for key, value in pairs(changes) do
      copy["message_locator_" .. key] = value
    end
    return copy
  end

  local function without(locator, ...)
    local copy = with(locator, {})
    for _, key in ipairs { ... } do
      copy["message_locator_" .. key] = nil
    end
    return copy
  end

  for name, conv_type in pairs { ["C2C"] = C2C, ["group"] = GROUP } do
    describe(name, function()
      local conv, at -- the conversation's id at alice and at bob
      local sent, got -- the same messages at both

      before_each(function()
        conv, at = "bob", "alice"
        if conv_type == GROUP then conv, at = "crew", "crew" end
        sent, got = {}, {}
        for i, text in ipairs { "eins", "二 🙂", "3 'three' %d", "vier" } do
          sent[i] = support.say(alice, conv, conv_type, text)
          got[i] = support.arrival(at_bob, text)
        end
      end)

      it("rule 30: answers in the order of the locators; what is not found is left out", function()
        local unknown = with(timmsg.locator(got[1]), { rand = got[1].message_rand ~ 1, unique_id = 0 })
        local locators = { timmsg.locator(got[3]), unknown, timmsg.locator(got[1]), timmsg.locator(got[4]), unknown }
        assert.same({ got[3], got[1], got[4] }, find(bob, at, conv_type, locators))
        locators = { timmsg.locator(sent[2]), timmsg.locator(sent[4]), timmsg.locator(sent[2]) }
        assert.same({ sent[2], sent[4], sent[2] }, find(alice, conv, conv_type, locators))
        assert.same({}, find(bob, at, conv_type, { unknown }))
        assert.same({}, find(bob, "nobody", conv_type, { timmsg.locator(got[1]) }))
        assert.same({}, find(bob, "bob", C2C, { timmsg.locator(got[1]) }))
      end)

      it("rule 4: takes Messages too", function()
        assert.same({ got[3], got[1] }, find(bob, at, conv_type, { got[3], timmsg.locator(got[1]) }))
        assert.same({ sent[2] }, find(alice, conv, conv_type, { sent[2] }))
        -- not the peer's of that name, nor what only looks like one
        local other = {}
        for key, value in pairs(got[1]) do other[key] = value end
        other.message_is_from_self = true
        assert.same({}, find(bob, at, conv_type, { other }))
        assert.same({}, find(bob, at, conv_type, { {} }))
      end)

      it("rule 30: seq, rand and is_self must match", function()
        local right = without(timmsg.locator(got[2]), "time", "unique_id")
        assert.same({ got[2] }, find(bob, at, conv_type, { right }))
        for _, wrong in ipairs {
          { seq = got[2].message_seq + 1 }, { seq = 0 }, { rand = got[1].message_rand }, { rand = 0 }, { is_self = true },
        } do
          assert.same({}, find(bob, at, conv_type, { with(right, wrong) }))
        end
        assert.same({}, find(alice, conv, conv_type, { right }))
        assert.same({ sent[2] }, find(alice, conv, conv_type, { with(right, { is_self = true }) }))
      end)

      it("rule 30: time and unique_id must match where they are given and not 0", function()
        local locator = timmsg.locator(got[3])
        local time, unique_id = got[3].message_server_time, got[3].message_unique_id
        for _, right in ipairs {
          { time = 0 }, { unique_id = 0 }, { time = 0, unique_id = 0 }, { time = time, unique_id = 0 },
          { time = 0, unique_id = unique_id },
        } do
          assert.same({ got[3] }, find(bob, at, conv_type, { with(locator, right) }))
        end
        assert.same({ got[3] }, find(bob, at, conv_type, { without(locator, "time", "unique_id", "conv_id", "conv_type") }))
        for _, wrong in ipairs {
          { time = time + 1 }, { time = time - 1 }, { time = 1, unique_id = 0 }, { unique_id = unique_id ~ 1 },
          { unique_id = 1, time = 0 }, { unique_id = unique_id ~ (1 << 63) },
        } do
          assert.same({}, find(bob, at, conv_type, { with(locator, wrong) }))
        end
      end)

      it("rule 30: is_revoked true finds revoked ones only, false only others", function()
        local seen = support.watch(bob)
        support.must(alice, "revoke", conv, conv_type, sent[2])
        support.eventually(function() return #seen.revoked == 1 end, bob)
        local revoked = seen.revoked[1]
        assert.is_true(revoked.message_locator_is_revoked)
        local found = find(bob, at, conv_type, { revoked })
        assert.equal(1, #found)
        assert.equal(timmsg.TIMMsg_Revoked, found[1].message_status)
        assert.equal(got[2].message_unique_id, found[1].message_unique_id)
        assert.same({}, find(bob, at, conv_type, { with(timmsg.locator(got[2]), { is_revoked = false }) }))
        assert.same(found, find(bob, at, conv_type, { without(revoked, "is_revoked") }))
        -- a message's locator means it, whatever has become of it since
        assert.same(found, find(bob, at, conv_type, { timmsg.locator(got[2]) }))

        local other = timmsg.locator(got[3])
        assert.same({ got[3] }, find(bob, at, conv_type, { with(revoked, { is_revoked = false }), other }))
        assert.same({}, find(bob, at, conv_type, { with(other, { is_revoked = true }) }))
        assert.same({ got[3] }, find(bob, at, conv_type, { without(other, "is_revoked") }))
      end)

      it("rule 30: finds what failed, what is kept here only, and nothing that was deleted or was for a moment", function()
        local code, _, failed = support.call(alice, "send_new_msg", conv, conv_type, timmsg.text(("长"):rep(5000)))
        assert.equal(timmsg.ERR_SDK_MSG_BODY_SIZE_LIMIT, code)
        assert.same({ failed }, find(alice, conv, conv_type, { timmsg.locator(failed) }))

        support.must(alice, "save_msg", conv, conv_type, timmsg.text "saved")
        local saved = support.page(alice, conv, conv_type, { count = 1 })[1]
        assert.equal("saved", support.text_of(saved))
        assert.same({ saved }, find(alice, conv, conv_type, { timmsg.locator(saved) }))

        local online = timmsg.text "now or never"
        online.message_is_online_msg = true
        online = support.must(alice, "send_new_msg", conv, conv_type, online)
        assert.same({}, find(alice, conv, conv_type, { timmsg.locator(online) }))

        support.must(alice, "delete", conv, conv_type, { msg_delete_param_msg = sent[1] })
        assert.same({ "vier" }, found_texts(alice, conv, conv_type, { timmsg.locator(sent[1]), timmsg.locator(sent[4]) }))
      end)

      it("rule 30: an empty array is refused", function()
        local ok, _, code = bob:find_by_msg_locator_list(at, conv_type, {})
        assert.is_nil(ok)
        assert.equal(timmsg.TIM_ERR_JSON, code)
      end)
    end)
  end

  support.hub_only(it)("rule 30: numbers are exact", function()
    local time = 1600000000
    for i, seq in ipairs { (1 << 53) + 1, math.maxinteger, math.mininteger, -1 } do -- 2^53+1, 2^63-1, 2^63, 2^64-1
      local msg = timmsg.text("seq " .. i)
      msg.message_seq, msg.message_rand, msg.message_server_time, msg.message_sender = seq, seq, time, "bob"
      support.must(alice, "import_msg_list", "bob", C2C, { msg })
      local locator = { message_locator_seq = seq, message_locator_rand = seq, message_locator_is_self = false }
      assert.same({ "seq " .. i }, found_texts(alice, "bob", C2C, { locator }))
      for _, wrong in ipairs { { seq = seq - 1 }, { seq = seq + 1 }, { rand = seq - 1 }, { rand = seq + 1 } } do
        assert.same({}, find(alice, "bob", C2C, { with(locator, wrong) }))
      end
    end
  end)

  support.hub_only(it)("rule 30: what the locator gives tells apart whose seq and rand are the same", function()
    local msgs = {}
    for i, sender in ipairs { "carol", "dave", "erin" } do
      msgs[i] = timmsg.text("from " .. sender)
      msgs[i].message_sender, msgs[i].message_server_time = sender, 1500000000 + i
      msgs[i].message_seq, msgs[i].message_rand = 5, 6
    end
    support.must(alice, "import_msg_list", "crew", GROUP, msgs)
    for i = 1, 3 do
      local locator = { message_locator_seq = 5, message_locator_rand = 6, message_locator_is_self = false }
      locator.message_locator_time = 1500000000 + i
      assert.same({ support.text_of(msgs[i]) }, found_texts(alice, "crew", GROUP, { locator }))
    end
    support.must(alice, "import_msg_list", "crew", GROUP, {
      {
        message_elem_array = {},
        message_status = timmsg.TIMMsg_Revoked,
        message_sender = "frank",
        message_server_time = 1500000009,
        message_seq = 5,
        message_rand = 6,
      },
    })
    local revoked = find(alice, "crew", GROUP, { { message_locator_seq = 5, message_locator_rand = 6, message_locator_is_revoked = true } })
    assert.equal(1, #revoked)
    assert.equal("frank", revoked[1].message_sender)
  end)
end)
