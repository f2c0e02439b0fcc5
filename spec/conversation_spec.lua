-- Conversations: rule 41, the list, drafts, deleting and the events.

local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP
local ADD <const>, DEL <const>, UPDATE <const> = timmsg.TIMConvEvent_Add, timmsg.TIMConvEvent_Del, timmsg.TIMConvEvent_Update

describe("Conversations", function()
  local dir, tim, seen

  before_each(function()
    dir = support.temp_dir()
    tim, seen = support.device(dir, "anna")
  end)
  after_each(support.cleanup)

  local function list() return support.must(tim, "conv_get_conv_list") end

  -- The list as "b", "#team" and so on.
  local function names()
    local found = {}
    for i, conv in ipairs(list()) do
      found[i] = (conv.conv_type == GROUP and "#" or "") .. conv.conv_id
    end
    return found
  end

  local function conv_of(conv_id, conv_type) return support.conv(tim, conv_id, conv_type or C2C) end

  -- All of what was told since the last call, in order: { { event, conv_id }, ... }, once what is under way has come.
  local told = 0
  local function news()
    support.must(tim, "conv_get_conv_list")
    local found = {}
    for i = told + 1, #seen.changes do
      found[#found + 1] = { seen.changes[i].event, seen.changes[i].conv.conv_id }
    end
    told = #seen.changes
    return found
  end

  before_each(function() told = 0 end)

  -- Another user, logged in.
  local function user(name) return (support.device(dir, name)) end

  -- The last message's text, nil if the entry says that there is none.
  local function last_text(conv)
    assert.equal(conv.conv_is_has_lastmsg, conv.conv_last_msg ~= nil)
    return conv.conv_last_msg and support.text_of(conv.conv_last_msg)
  end

  local function draft(text, time)
    return { draft_msg = timmsg.text(text), draft_user_define = "mine: " .. text, draft_edit_time = time }
  end

  describe("list", function()
    it("rule 41: is empty at first", function()
      assert.same({}, list())
    end)

    it("rule 41: is ordered by activity, the newest first, also within a second", function()
      for _, name in ipairs { "ben", "cora", "dave" } do
        user(name):close()
      end
      support.group(tim, "team")
      support.say(tim, "ben", C2C, "1")
      support.say(tim, "team", GROUP, "2")
      support.say(tim, "cora", C2C, "3")
      support.say(tim, "dave", C2C, "4")
      assert.same({ "dave", "cora", "#team", "ben" }, names())
      support.say(tim, "ben", C2C, "5")
      assert.same({ "ben", "dave", "cora", "#team" }, names())
      support.say(tim, "team", GROUP, "6")
      assert.same({ "#team", "ben", "dave", "cora" }, names())
      local cora = user "cora"
      support.say(cora, "anna", C2C, "7")
      support.arrival(seen, "7", cora)
      assert.same({ "cora", "#team", "ben", "dave" }, names())
      support.must(tim, "conv_set_draft", "dave", C2C, draft "8")
      assert.same({ "dave", "cora", "#team", "ben" }, names())
      -- what is no activity moves nothing
      support.must(tim, "report_readed", "ben", C2C)
      support.must(tim, "get_msg_list", "ben", C2C, {})
      support.must(tim, "conv_create", "ben", C2C)
      assert.same({ "dave", "cora", "#team", "ben" }, names())
      -- and the next life of the device knows it too
      tim:close()
      tim, seen = support.device(dir, "anna")
      assert.same({ "dave", "cora", "#team", "ben" }, names())
    end)

    it("rule 41: an import of old messages moves a conversation no further up than they are new", function()
      user "ben":close()
      support.say(tim, "ben", C2C, "now")
      local old = timmsg.text "long ago"
      old.message_client_time, old.message_server_time = 1500000000, 1500000000
      support.must(tim, "import_msg_list", "cora", C2C, { old })
      assert.same({ "ben", "cora" }, names())
      assert.equal(1500000000, conv_of "cora".conv_active_time)
    end)

    it("rule 41: a client_time in the future does not keep a conversation on top", function()
      local ben = user "ben"
      user "cora":close()
      local msg = timmsg.text "from the future"
      msg.message_client_time = os.time() + 86400
      for _, to in ipairs { "cora", "nobody" } do -- one is sent, one fails
        support.call(tim, "send_new_msg", to, C2C, msg)
        assert.is_true(conv_of(to).conv_active_time <= os.time() + 1)
      end
      support.pass(math.max(conv_of "cora".conv_active_time, conv_of "nobody".conv_active_time), tim)
      support.say(ben, "anna", C2C, "now")
      support.arrival(seen, "now", ben)
      assert.equal("ben", names()[1])
    end)

    it("rule 41: each entry has its keys", function()
      local ben = user "ben"
      local before = os.time()
      support.say(ben, "anna", C2C, "一 👋 %d")
      support.arrival(seen, "一 👋 %d", ben)
      local conv = conv_of "ben"
      assert.is_true(conv.conv_active_time >= before and conv.conv_active_time <= os.time() + 1)
      local msg = conv.conv_last_msg
      conv.conv_last_msg, conv.conv_active_time = nil, nil
      assert.same({
        conv_id = "ben", conv_type = C2C, conv_owner = "anna", conv_unread_num = 1, conv_is_has_lastmsg = true,
        conv_is_has_draft = false,
      }, conv)
      assert.same(support.history(tim, "ben", C2C)[1], msg)
    end)

    it("rule 41: any message makes a conversation", function()
      local ben = user "ben"
      user "cora":close()
      support.say(ben, "anna", C2C, "received")
      support.arrival(seen, "received", ben)
      support.say(tim, "cora", C2C, "sent")
      assert.equal(20003, (support.call(tim, "send_new_msg", "dave", C2C, timmsg.text "not sent")))
      support.must(tim, "import_msg_list", "eve", C2C, { timmsg.text "imported" })
      support.must(tim, "save_msg", "fay", C2C, timmsg.text "saved")
      support.must(tim, "save_msg", "gang", GROUP, timmsg.text "saved")
      support.must(tim, "save_msg", "anna", C2C, timmsg.text "note")
      for _, name in ipairs { "ben", "cora", "dave", "eve", "fay", "anna" } do
        assert.equal(1, #support.history(tim, name, C2C))
        assert.is_true(conv_of(name).conv_is_has_lastmsg)
      end
      assert.is_table(conv_of("gang", GROUP))
      assert.equal(7, #list())
    end)

    it("rule 41: what is no message makes none", function()
      user "ben":close()
      support.must(tim, "get_msg_list", "ben", C2C, { msg_getmsglist_param_is_remble = true })
      support.must(tim, "report_readed", "ben", C2C)
      support.must(tim, "delete", "ben", C2C, {})
      support.must(tim, "conv_cancel_draft", "ben", C2C)
      support.must(tim, "find_by_msg_locator_list", "ben", C2C, { { message_locator_seq = 1, message_locator_rand = 1 } })
      support.must(tim, "import_msg_list", "ben", C2C, timmsg.array {})
      local online = timmsg.text "online"
      online.message_is_online_msg = true
      support.must(tim, "send_new_msg", "ben", C2C, online)
      assert.same({}, list())
      assert.same({}, news())
    end)

    for _, case in ipairs { { "C2C", C2C }, { "group", GROUP } } do
      local name, conv_type = table.unpack(case)

      it(("rule 41: unread number and last message follow, %s"):format(name), function()
        local ben = user "ben"
        local id = "ben"
        local to = "anna"
        if conv_type == GROUP then
          id, to = support.group(tim, "team", "ben"), "team"
        end
        support.say(ben, to, conv_type, "the first") -- behind what a group tells of itself
        support.arrival(seen, "the first", ben)
        support.must(tim, "report_readed", id, conv_type)
        local sent = {}
        for i = 1, 4 do
          sent[i] = support.say(ben, to, conv_type, "text " .. i)
          support.arrival(seen, "text " .. i, ben)
          assert.equal(i, conv_of(id, conv_type).conv_unread_num)
          assert.equal("text " .. i, last_text(conv_of(id, conv_type)))
        end
        local kept = support.history(tim, id, conv_type)
        local newest = #kept

        -- the newest is deleted, another unread one is
        support.must(tim, "delete", id, conv_type, { msg_delete_param_msg = kept[newest] })
        assert.equal("text 3", last_text(conv_of(id, conv_type)))
        assert.equal(3, conv_of(id, conv_type).conv_unread_num)
        support.must(tim, "delete", id, conv_type, { msg_delete_param_msg = kept[newest - 3] })
        assert.equal("text 3", last_text(conv_of(id, conv_type)))
        assert.equal(2, conv_of(id, conv_type).conv_unread_num)

        -- one's own is read, and the last
        support.say(tim, id, conv_type, "mine")
        assert.equal("mine", last_text(conv_of(id, conv_type)))
        assert.equal(2, conv_of(id, conv_type).conv_unread_num)

        -- what is revoked is not unread, and still a message
        support.must(ben, "revoke", to, conv_type, sent[3])
        support.eventually(function() return seen.revoked[1] end, tim)
        assert.equal(1, conv_of(id, conv_type).conv_unread_num)

        support.must(tim, "report_readed", id, conv_type)
        assert.equal(0, conv_of(id, conv_type).conv_unread_num)
        assert.equal("mine", last_text(conv_of(id, conv_type)))

        support.must(tim, "delete", id, conv_type, {})
        local conv = conv_of(id, conv_type)
        assert.is_table(conv) -- its messages are gone, it is not
        assert.is_nil(last_text(conv))
        assert.equal(0, conv.conv_unread_num)
      end)
    end
  end)

  support.hub_only(describe)("create", function()
    it("rule 41: lists one that has no message yet", function()
      local conv = support.must(tim, "conv_create", "ben", C2C)
      assert.equal("ben", conv.conv_id)
      assert.equal(C2C, conv.conv_type)
      assert.equal("anna", conv.conv_owner)
      assert.equal(0, conv.conv_unread_num)
      assert.is_false(conv.conv_is_has_lastmsg)
      assert.is_false(conv.conv_is_has_draft)
      assert.same({ conv }, list())
      assert.same({ { ADD, "ben" } }, news())
      assert.same(conv, seen.changes[1].conv)
      -- once more changes nothing
      assert.same(conv, support.must(tim, "conv_create", "ben", C2C))
      assert.same({}, news())
      -- a group of the same name is another one
      assert.equal(GROUP, support.must(tim, "conv_create", "ben", GROUP).conv_type)
      assert.same({ "#ben", "ben" }, names())
      -- and so is another case
      support.must(tim, "conv_create", "Ben", C2C)
      assert.equal(3, #list())
    end)
  end)

  describe("delete", function()
    for _, case in ipairs { { "C2C", C2C }, { "group", GROUP } } do
      local name, conv_type = table.unpack(case)

      it(("rule 41: takes the messages of this device along, %s"):format(name), function()
        local ben, ben_seen = support.device(dir, "ben")
        local id, back = "ben", "anna"
        if conv_type == GROUP then
          id = support.group(tim, "team", "ben")
          back = id
        end
        support.say(tim, id, conv_type, "one")
        support.arrival(ben_seen, "one", tim)
        support.say(ben, back, conv_type, "two")
        support.arrival(seen, "two", ben)
        support.must(tim, "conv_set_draft", id, conv_type, draft "begun")
        local other = support.must(tim, "conv_create", "cora", C2C)
        news()

        assert.is_nil(support.must(tim, "conv_delete", id, conv_type))
        assert.same({ { DEL, id } }, news())
        assert.same({ other }, list())
        assert.same({}, support.history(tim, id, conv_type))
        -- the other side keeps its own
        assert.equal("two", last_text(support.conv(ben, back, conv_type)))

        -- gone in the next life too, and what the backend has stays away
        tim:close()
        tim, seen = support.device(dir, "anna")
        told = 0
        assert.same({ "cora" }, names())
        local page = support.page(tim, id, conv_type, { count = 100, is_remble = true })
        assert.same({}, support.texts(page))
        assert.same({ "cora" }, names())

        -- a new message makes it anew, with nothing of old
        news()
        support.say(ben, back, conv_type, "three")
        support.arrival(seen, "three", ben)
        assert.same({ ADD, id }, news()[1])
        assert.same({ "three" }, support.texts(support.history(tim, id, conv_type)))
        local conv = conv_of(id, conv_type)
        assert.equal(1, conv.conv_unread_num)
        assert.is_false(conv.conv_is_has_draft)
      end)
    end

    it("rule 41: of one that is not in the list is 6004", function()
      for _, conv_type in ipairs { C2C, GROUP } do
        local code, desc = support.call(tim, "conv_delete", "nobody", conv_type)
        assert.equal(timmsg.ERR_INVALID_CONVERSATION, code)
        assert.matches("nobody", desc, 1, true)
      end
      support.must(tim, "conv_create", "ben", C2C)
      assert.equal(timmsg.ERR_INVALID_CONVERSATION, (support.call(tim, "conv_delete", "ben", GROUP)))
      support.must(tim, "conv_delete", "ben", C2C)
      assert.equal(timmsg.ERR_INVALID_CONVERSATION, (support.call(tim, "conv_delete", "ben", C2C)))
      assert.same({ { ADD, "ben" }, { DEL, "ben" } }, news())
    end)
  end)

  support.hub_only(describe)("drafts", function()
    it("rule 41: make a conversation, and are in its entry", function()
      local msg = timmsg.message(timmsg.text "Liebe 鲍勃, \"ich", timmsg.face(3, "smile"))
      support.must(tim, "conv_set_draft", "ben", C2C, { draft_msg = msg, draft_user_define = "at 12 %", draft_edit_time = 1700000000 })
      assert.same({ { ADD, "ben" } }, news())
      local conv = conv_of "ben"
      assert.is_true(conv.conv_is_has_draft)
      assert.equal(1700000000, conv.conv_draft.draft_edit_time)
      assert.equal("at 12 %", conv.conv_draft.draft_user_define)
      assert.same(msg.message_elem_array, conv.conv_draft.draft_msg.message_elem_array)
      assert.is_false(conv.conv_is_has_lastmsg) -- it is no message
      assert.equal(0, conv.conv_unread_num)
      assert.same({}, support.history(tim, "ben", C2C))
    end)

    it("rule 41: replace each other, survive, and are cancelled", function()
      user "ben":close()
      support.say(tim, "ben", C2C, "hello")
      local active = conv_of "ben".conv_active_time
      support.must(tim, "conv_set_draft", "ben", C2C, draft("first", 1700000000))
      assert.equal(active, conv_of "ben".conv_active_time) -- an old draft is no step back
      local before = os.time()
      support.must(tim, "conv_set_draft", "ben", C2C, draft "second")
      news()
      tim:close()
      tim, seen = support.device(dir, "anna")
      told = 0
      local conv = conv_of "ben"
      assert.equal("second", support.text_of(conv.conv_draft.draft_msg))
      assert.equal("mine: second", conv.conv_draft.draft_user_define)
      assert.is_true(conv.conv_draft.draft_edit_time >= before and conv.conv_draft.draft_edit_time <= os.time())
      assert.equal("hello", last_text(conv))

      support.must(tim, "conv_cancel_draft", "ben", C2C)
      assert.same({ { UPDATE, "ben" } }, news())
      conv = conv_of "ben"
      assert.is_false(conv.conv_is_has_draft)
      assert.is_nil(conv.conv_draft)
      assert.equal("hello", last_text(conv))
      -- there is none to cancel
      support.must(tim, "conv_cancel_draft", "ben", C2C)
      support.must(tim, "conv_cancel_draft", "nobody", C2C)
      assert.is_nil(conv_of "nobody")
    end)

    it("rule 41: sending leaves a draft alone, and groups have them too", function()
      support.group(tim, "team")
      support.must(tim, "conv_set_draft", "team", GROUP, draft "to all")
      support.say(tim, "team", GROUP, "something else")
      local conv = conv_of("team", GROUP)
      assert.equal("to all", support.text_of(conv.conv_draft.draft_msg))
      assert.equal("something else", last_text(conv))
    end)

    it("rule 24: are of this device only", function()
      local other = support.device(dir, "anna", "phone")
      support.must(tim, "conv_set_draft", "anna", C2C, draft "here")
      support.say(tim, "anna", C2C, "later")
      support.eventually(function() return support.conv(other, "anna", C2C) end, other)
      assert.is_false(support.conv(other, "anna", C2C).conv_is_has_draft)
      assert.is_true(conv_of "anna".conv_is_has_draft)
    end)
  end)

  describe("events", function()
    it("rule 41: tell what was added and what changed, with the entries as they are then", function()
      local ben = user "ben"
      local last
      -- each event's last entry is the same as in the list, when that is asked right away
      local function expect(event)
        assert.same({ { event, "ben" } }, news())
        last = seen.changes[#seen.changes]
        assert.same(last.conv, conv_of "ben")
      end
      support.say(ben, "anna", C2C, "one")
      support.arrival(seen, "one", ben)
      expect(ADD)
      assert.equal("one", last_text(last.conv))
      support.say(ben, "anna", C2C, "two")
      support.arrival(seen, "two", ben)
      expect(UPDATE)
      assert.equal(2, last.conv.conv_unread_num)
      support.must(tim, "report_readed", "ben", C2C)
      expect(UPDATE)
      assert.equal(0, last.conv.conv_unread_num)
      support.must(tim, "delete", "ben", C2C, { msg_delete_param_msg = support.history(tim, "ben", C2C)[2] })
      expect(UPDATE)
      assert.equal("one", last_text(last.conv))
      support.must(tim, "conv_set_draft", "ben", C2C, draft "hm")
      expect(UPDATE)
      assert.is_true(last.conv.conv_is_has_draft)
      support.must(tim, "conv_delete", "ben", C2C)
      assert.same({ { DEL, "ben" } }, news())
    end)

    it("rule 13: sending tells, and the end of it", function()
      user "ben":close()
      support.say(tim, "ben", C2C, "hi")
      local all = news()
      assert.same({ ADD, "ben" }, all[1])
      local newest = seen.changes[#seen.changes].conv
      assert.equal(timmsg.TIMMsg_SendSucc, newest.conv_last_msg.message_status)
      for i = 2, #all do
        assert.same({ UPDATE, "ben" }, all[i])
      end
    end)

    support.hub_only(it)("rule 31: an import is one event, however long", function()
      local log = {}
      for i = 1, 3000 do
        log[i] = timmsg.text("line " .. i)
        log[i].message_sender, log[i].message_client_time = "ben", 1600000000 + i
      end
      support.must(tim, "import_msg_list", "ben", C2C, log)
      assert.same({ { ADD, "ben" } }, news())
      assert.equal("line 3000", last_text(seen.changes[1].conv))
      assert.equal(1, #seen.events)
    end)

    it("rule 41: come at most once a commit", function()
      local ben, cora = user "ben", user "cora"
      tim:close()
      local count = 250
      for i = 1, count do
        assert(ben:send_new_msg("anna", C2C, timmsg.text("b" .. i)))
        assert(cora:send_new_msg("anna", C2C, timmsg.text("c" .. i)))
      end
      support.must(ben, "conv_get_conv_list")
      local left = { ben, cora }
      for _, client in ipairs(left) do -- a call of its own kind comes behind the sends
        support.say(client, "anna", C2C, "end of " .. client:user())
      end
      tim, seen = support.device(dir, "anna")
      told = 0
      support.arrival(seen, "end of ben")
      support.arrival(seen, "end of cora")
      assert.equal(2 * count + 2, #seen.messages)
      -- a commit can add one, and update the other
      assert.is_true(#seen.events <= 2 * #seen.batches, ("%d events, %d arrays"):format(#seen.events, #seen.batches))
      local added, final = {}, {}
      for _, change in ipairs(seen.changes) do
        if change.event == ADD then added[#added + 1] = change.conv.conv_id end
        final[change.conv.conv_id] = change.conv
      end
      table.sort(added)
      assert.same({ "ben", "cora" }, added)
      for _, name in ipairs(added) do
        assert.equal(count + 1, final[name].conv_unread_num)
        assert.same(conv_of(name), final[name])
      end
    end)

    it("rule 41: a call without effect tells nothing", function()
      local ben = user "ben"
      support.say(ben, "anna", C2C, "one")
      support.arrival(seen, "one", ben)
      support.must(tim, "report_readed", "ben", C2C)
      news()
      support.must(tim, "report_readed", "ben", C2C)
      support.must(tim, "get_msg_list", "ben", C2C, {})
      support.must(tim, "conv_create", "ben", C2C)
      support.must(tim, "import_msg_list", "ben", C2C, support.history(tim, "ben", C2C))
      assert.same({}, news())
    end)
  end)
end)
