-- Identity and order: rules 5 and 9 to 12.

local lfs = require "lfs"
local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP
local hub_it = support.hub_only(it)

-- 2^53+1, 2^63-1, 2^63 and 2^64-1; Lua writes the last two as negative numbers.
local EDGES <const> = { (1 << 53) + 1, math.maxinteger, math.mininteger, -1 }

-- A message to import.
local function entry(text, keys)
  local msg = timmsg.text(text)
  for key, value in pairs(keys) do
    msg["message_" .. key] = value
  end
  return msg
end

-- The order that rule 12 wants.
local function precedes(a, b)
  for _, key in ipairs { "message_server_time", "message_seq", "message_sender", "message_rand" } do
    if a[key] ~= b[key] then
      if key == "message_sender" then return a[key] < b[key] end
      return math.ult(a[key], b[key])
    end
  end
  return false
end

describe("identity", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(support.cleanup)

  -- All of a conversation, oldest first, in pages of `count`. `between` runs between two pages.
  local function all(tim, conv_id, conv_type, count, between)
    local list, last = {}, nil
    repeat
      local got = support.page(tim, conv_id, conv_type, { count = count, is_forward = true, last_msg = last })
      table.move(got, 1, #got, #list + 1, list)
      assert(#list < 10000, "the pages have no end")
      last = list[#list]
      if between then between(#list) end
    until #got < count
    return list
  end

  -- The same backwards, still oldest first in the result.
  local function all_backwards(tim, conv_id, conv_type, count, between)
    local list, last = {}, nil
    repeat
      local got = support.page(tim, conv_id, conv_type, { count = count, last_msg = last })
      for _, msg in ipairs(got) do
        table.insert(list, 1, msg)
      end
      assert(#list < 10000, "the pages have no end")
      last = list[1]
      if between then between(#list) end
    until #got < count
    return list
  end

  describe("of users and groups", function()
    it("rule 9: 1 to 32 bytes from space to tilde name a user", function()
      for _, user in ipairs { "a", " ", "~", ("u"):rep(32), "../..", "a/b\\c", "100% \"it's\" <me>;--", "%s%n%d", "." } do
        local tim = support.new_client(dir, nil, { data_dir = dir .. "/all" })
        assert.same({ 0, "" }, { support.call(tim, "login", user, "sig") })
        assert.equal(user, tim:user())
        local msg = support.say(tim, user, C2C, "I am " .. user)
        assert.equal(user, msg.message_sender)
        assert.equal(user, msg.message_conv_id)
        tim:close()
      end
    end)

    it("rule 9: anything else gets 7003 at login and -5 elsewhere", function()
      local bad = { ("u"):rep(33), "tab\t", "line\n", "del\127", "Jörg", "用户", "\u{1f600}" }
      local tim = support.new_client(dir)
      for _, user in ipairs(bad) do
        local code, desc = support.call(tim, "login", user, "sig")
        assert.equal(timmsg.ERR_SDK_COMM_INVALID_IDENTIFIER, code)
        assert.matches("^user_id: ", desc)
        assert.is_nil(tim:user())
      end
      support.must(tim, "login", "user1", "sig")
      for _, user in ipairs(bad) do
        local function refuses(pattern, method, ...)
          local ok, message, code = tim[method](tim, ...)
          assert.is_nil(ok)
          assert.matches(pattern, message)
          assert.equal(timmsg.TIM_ERR_CONV, code)
        end
        refuses("^conv_id: ", "send_new_msg", user, C2C, timmsg.text "hi")
        refuses("^conv_id: ", "conv_create", user, C2C)
        refuses("^msg_batch_send_param_identifier_array%[2%]: ", "batch_send",
          { msg_batch_send_param_identifier_array = { "user1", user }, msg_batch_send_param_msg = timmsg.text "hi" })
        refuses("^%[2%]%.message_sender: ", "import_msg_list", "user1", C2C,
          { timmsg.text "a", entry("b", { sender = user }) })
        refuses("^message_sender: ", "save_msg", "user1", C2C, entry("b", { sender = user }))
        refuses("^create_group_param_group_member_array%[1%]: ", "group_create", {
          create_group_param_group_name = "g",
          create_group_param_group_member_array = { { group_member_info_identifier = user } },
        })
        refuses("^group_invite_member_param_identifier_array%[1%]: ", "group_invite_member",
          { group_invite_member_param_group_id = "g", group_invite_member_param_identifier_array = { user } })
        refuses("^group_delete_member_param_identifier_array%[1%]: ", "group_delete_member",
          { group_delete_member_param_group_id = "g", group_delete_member_param_identifier_array = { user } })
        refuses("^group_get_members_info_list_param_identifier_array%[1%]: ", "group_get_member_info_list", {
          group_get_members_info_list_param_group_id = "g",
          group_get_members_info_list_param_identifier_array = { user },
        })
        refuses("^group_modify_member_info_identifier: ", "group_modify_member_info", {
          group_modify_member_info_group_id = "g",
          group_modify_member_info_identifier = user,
          group_modify_member_info_modify_flag = timmsg.TIMGroupMemberModifyFlag_NameCard,
        })
      end
    end)

    hub_it("rule 9: nobody can be the sender of GroupTips", function()
      local tim = support.new_client(dir)
      assert.equal(timmsg.ERR_SDK_COMM_INVALID_IDENTIFIER, (support.call(tim, "login", "@TIM#SYSTEM")))
      support.must(tim, "login", "user1", "sig")
      assert.equal(timmsg.ERR_SVR_MSG_INVALID_ID, (support.call(tim, "send_new_msg", "@TIM#SYSTEM", C2C, timmsg.text "hi")))
    end)

    it("rule 9: 1 to 48 bytes of the same name a group", function()
      local tim = support.new_client(dir, "user1")
      for _, group in ipairs { "g", " ", ("g"):rep(48), "../../etc", "a/b", "100%\"';--", "%s" } do
        support.group(tim, group)
        assert.equal(group, support.say(tim, group, GROUP, "hello").message_conv_id)
        assert.equal("hello", support.text_of(support.page(tim, group, GROUP)[1]))
      end
      for _, group in ipairs { ("g"):rep(49), "g\t", "组" } do
        local ok, message, code = tim:group_create {
          create_group_param_group_id = group,
          create_group_param_group_name = "name",
        }
        assert.is_nil(ok)
        assert.matches("^create_group_param_group_id: ", message)
        assert.equal(timmsg.TIM_ERR_GROUP, code)
        ok, message, code = tim:send_new_msg(group, GROUP, timmsg.text "hi")
        assert.is_nil(ok)
        assert.matches("^conv_id: ", message)
        assert.equal(timmsg.TIM_ERR_CONV, code)
      end
    end)

    it("rule 9: case matters", function()
      local data = { data_dir = dir .. "/one" } -- for all three, so that their files must differ
      local users = { "Anna", "anna", "ANNA" }
      local clients = {}
      for i, user in ipairs(users) do
        clients[i] = support.new_client(dir, nil, data)
        support.must(clients[i], "login", user, "sig")
      end
      for _, client in ipairs(clients) do
        for _, user in ipairs(users) do
          support.say(client, user, C2C, ("%s to %s"):format(client:user(), user))
        end
      end
      for _, client in ipairs(clients) do
        local me = client:user()
        for _, user in ipairs(users) do
          local wanted = me == user and { me .. " to " .. me } or { me .. " to " .. user, user .. " to " .. me }
          table.sort(wanted)
          support.eventually(function() return #support.page(client, user, C2C) == #wanted end, client)
          local texts = support.texts(support.page(client, user, C2C))
          table.sort(texts)
          assert.same(wanted, texts)
        end
      end
      support.group(clients[1], "Team")
      support.group(clients[2], "team")
      assert.equal(timmsg.ERR_SVR_GROUP_PERMISSION_DENY, (support.call(clients[1], "send_new_msg", "team", GROUP,
        timmsg.text "not mine")))
    end)

    it("rule 9: no id leads out of the directories", function()
      local root = dir .. "/root"
      assert(lfs.mkdir(root))
      for _, user in ipairs { "..", "../outside", "/tmp/outside", "a/../../../b", "." } do
        local tim = support.new_client(root .. "/x", nil, { data_dir = root .. "/data" })
        assert.equal(0, (support.call(tim, "login", user, "sig")))
        support.group(tim, "../" .. user)
        support.say(tim, "../" .. user, GROUP, "here")
        tim:close()
      end
      local found = {}
      for name in lfs.dir(dir) do
        found[#found + 1] = name
      end
      table.sort(found)
      assert.same({ ".", "..", "root" }, found)
      for name in lfs.dir(root .. "/data") do
        if name ~= "." and name ~= ".." then
          assert.equal("file", lfs.attributes(root .. "/data/" .. name, "mode"), name)
        end
      end
    end)
  end)

  describe("of messages", function()
    hub_it("rule 5: ids and times keep 64 bits through import, list, locator and last_msg", function()
      local tim = support.new_client(dir, "user1")
      support.group(tim, "g")
      for _, conv in ipairs { { "user2", C2C }, { "g", GROUP } } do
        local id, kind = conv[1], conv[2]
        local list = {}
        for i, edge in ipairs(EDGES) do
          list[i] = entry("edge " .. i, { seq = edge, rand = EDGES[5 - i], sender = "user2", client_time = edge,
            server_time = edge, custom_int = 4294967295 })
        end
        support.must(tim, "import_msg_list", id, kind, list)
        local edge_msgs = {}
        for i, edge in ipairs(EDGES) do
          local locator = { message_locator_seq = edge, message_locator_rand = EDGES[5 - i],
            message_locator_time = edge, message_locator_is_self = false }
          local found = support.must(tim, "find_by_msg_locator_list", id, kind, { locator })
          assert.equal(1, #found)
          local msg = found[1]
          assert.equal("edge " .. i, support.text_of(msg))
          for _, key in ipairs { "message_seq", "message_client_time", "message_server_time" } do
            assert.equal("integer", math.type(msg[key]))
            assert.equal(edge, msg[key], key)
          end
          assert.equal(EDGES[5 - i], msg.message_rand)
          assert.equal(4294967295, msg.message_custom_int)
          assert.same({ msg }, support.must(tim, "find_by_msg_locator_list", id, kind, { timmsg.locator(msg) }))
          for _, key in ipairs { "message_locator_seq", "message_locator_rand", "message_locator_time" } do
            local other = timmsg.locator(msg)
            other[key] = other[key] ~ 1
            assert.same({}, support.must(tim, "find_by_msg_locator_list", id, kind, { other }), key)
          end
          edge_msgs[i] = msg
        end
        -- in the order of unsigned numbers
        assert.same({ "edge 1", "edge 2", "edge 3", "edge 4" }, support.texts(all(tim, id, kind, 2)))
        for i, msg in ipairs(edge_msgs) do
          local newer = support.page(tim, id, kind, { last_msg = msg, is_forward = true })
          assert.equal(4 - i, #newer)
        end
      end
    end)

    it("rule 5: ids keep 64 bits through save, delete, report and revoke", function()
      local tim = support.new_client(dir, "user1")
      for i, edge in ipairs(EDGES) do
        support.must(tim, "save_msg", "user2", C2C, entry("s" .. i, { seq = edge, rand = edge, sender = "user2",
          server_time = 100 + i, is_read = false }))
      end
      assert.equal(4, support.conv(tim, "user2", C2C).conv_unread_num)
      for i, edge in ipairs(EDGES) do
        support.must(tim, "save_msg", "user2", C2C, entry("other", { seq = edge, rand = edge, sender = "user2",
          custom_str = "no. " .. i, is_read = false }))
        local list = support.page(tim, "user2", C2C, { is_forward = true })
        assert.equal(4, #list)
        assert.equal("no. " .. i, list[i].message_custom_str)
        assert.equal("s" .. i, support.text_of(list[i]))
        local code = support.call(tim, "revoke", "user2", C2C, { message_seq = edge, message_rand = edge,
          message_sender = "user2" })
        assert.not_equal(0, code)
        support.must(tim, "report_readed", "user2", C2C, { message_seq = edge, message_rand = edge,
          message_sender = "user2" })
        assert.equal(4 - i, support.conv(tim, "user2", C2C).conv_unread_num)
      end
      for i, edge in ipairs(EDGES) do
        support.must(tim, "delete", "user2", C2C, { msg_delete_param_msg = { message_seq = edge, message_rand = edge } })
        assert.equal(4 - i, #support.page(tim, "user2", C2C))
      end
    end)

    it("rule 5: a client_time keeps 64 bits on its way to a peer", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      local group = support.group(anna, "g", "bert")
      for _, edge in ipairs(EDGES) do
        for _, conv in ipairs { { "bert", C2C }, { group, GROUP } } do
          local text = ("%u in %s"):format(edge, conv[1])
          local sent = support.must(anna, "send_new_msg", conv[1], conv[2], entry(text, { client_time = edge }))
          assert.equal(edge, sent.message_client_time)
          assert.equal(edge, support.arrival(seen, text, bert).message_client_time)
          local mine = conv[2] == GROUP and group or "anna"
          assert.equal(edge, support.page(bert, mine, conv[2], { count = 1 })[1].message_client_time)
        end
      end
    end)

    hub_it("rule 5: a draft's time keeps 64 bits", function()
      local tim = support.new_client(dir, "user1")
      for _, edge in ipairs(EDGES) do
        support.must(tim, "conv_set_draft", "user2", C2C, { draft_edit_time = edge, draft_msg = timmsg.text "d" })
        local conv = support.conv(tim, "user2", C2C)
        assert.equal(edge, conv.conv_draft.draft_edit_time)
        assert.equal(edge, conv.conv_active_time)
      end
    end)

    it("rule 10: (sender, seq, rand) is fixed before the first attempt", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      local before
      anna:on("msg_elem_upload_progress", function(msg) before = before or msg end)
      local path = support.write_file(dir .. "/f", ("x"):rep(300000))
      local sent = support.must(anna, "send_new_msg", "bert", C2C, timmsg.file(path))
      assert.equal(timmsg.TIMMsg_Sending, before.message_status)
      for _, key in ipairs { "message_sender", "message_seq", "message_rand", "message_client_time" } do
        assert.equal(before[key], sent[key], key)
      end
      local got = support.eventually(function() return seen.messages[1] end, bert)
      for _, key in ipairs { "message_sender", "message_seq", "message_rand", "message_client_time" } do
        assert.equal(sent[key], got[key], key)
      end
      -- on XMPP each side of a C2C conversation has a clock of its own (rule 45)
      if support.is_hub then assert.equal(sent.message_server_time, got.message_server_time) end
    end)

    it("rule 10: what it may say of its own identity is not the caller's to choose", function()
      local tim = support.new_client(dir, "user1")
      local sent = support.must(tim, "send_new_msg", "user1", C2C, entry("mine", { seq = 77, rand = 88, unique_id = 99 }))
      assert.equal(1, sent.message_seq)
      assert.not_equal(88, sent.message_rand)
      assert.not_equal(99, sent.message_unique_id)
    end)

    it("rule 10: seq is one more than the highest that the sender has seen there", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      for i = 1, 3 do
        assert.equal(i, support.say(anna, "bert", C2C, "a" .. i).message_seq)
      end
      support.arrival(seen, "a3", bert)
      assert.equal(4, support.say(bert, "anna", C2C, "b4").message_seq)
      assert.equal(1, support.say(bert, "bert", C2C, "another conversation").message_seq)
      support.eventually(function() return #support.page(anna, "bert", C2C) == 4 end, anna)
      assert.equal(5, support.say(anna, "bert", C2C, "a5").message_seq)
      -- deleting what was seen does not make it unseen
      support.must(anna, "delete", "bert", C2C, {})
      assert.equal(6, support.say(anna, "bert", C2C, "a6").message_seq)
    end)

    it("rule 10: rand is 32 random bits", function()
      local tim = support.new_client(dir, "user1")
      local rands, count, bits = {}, 0, 0
      for i = 1, 200 do
        assert(tim:send_new_msg("user1", C2C, timmsg.text "again", function(_, _, msg)
          count = count + 1
          assert(not rands[msg.message_rand], i)
          rands[msg.message_rand] = true
          assert(msg.message_rand > 0 and msg.message_rand < 1 << 32)
          bits = bits | msg.message_rand
        end))
      end
      support.eventually(function() return count == 200 end, tim)
      assert.equal(0xffffffff, bits)
    end)

    hub_it("rule 10: a group's seq runs from 1 without holes while three send at the same time", function()
      local users = { "anna", "bert", "carl" }
      local clients, seen = {}, {}
      for i, user in ipairs(users) do
        clients[i], seen[i] = support.device(dir, user)
      end
      local group = support.group(clients[1], "busy", "bert", "carl")
      local each <const> = 60
      local done, results = 0, {}
      for n = 1, each do
        for i, client in ipairs(clients) do
          assert(client:send_new_msg(group, GROUP, timmsg.text(users[i] .. n), function(code, desc, msg)
            assert(code == 0, desc)
            done = done + 1
            results[msg.message_seq] = support.text_of(msg)
          end))
        end
      end
      support.eventually(function() return done == 3 * each end, table.unpack(clients))
      local tips
      for i, client in ipairs(clients) do
        support.eventually(function() return #seen[i].messages >= 2 * each end, client)
        local last = 0
        support.eventually(function() return #all(client, group, GROUP, 1000) >= 3 * each + 1 end, client)
        local list = all(client, group, GROUP, 50)
        local count = 0
        for _, msg in ipairs(list) do
          assert.equal(last + 1, msg.message_seq)
          last = msg.message_seq
          if support.text_of(msg) then
            count = count + 1
            assert.equal(results[msg.message_seq], support.text_of(msg))
          end
        end
        assert.equal(3 * each, count)
        assert.equal(tips or #list, #list)
        tips = #list
      end
    end)

    hub_it("rule 10: messages that failed leave no hole in a group's seq", function()
      local tim = support.new_client(dir, "user1")
      local group = support.group(tim, "g")
      local first = support.say(tim, group, GROUP, "one").message_seq
      assert.equal(timmsg.ERR_SDK_MSG_BODY_SIZE_LIMIT,
        (support.call(tim, "send_new_msg", group, GROUP, timmsg.text(("x"):rep(20000)))))
      assert.equal(timmsg.ERR_SDK_COMM_FILE_NOT_FOUND,
        (support.call(tim, "send_new_msg", group, GROUP, timmsg.file(dir .. "/none"))))
      assert.equal(first + 1, support.say(tim, group, GROUP, "two").message_seq)
    end)

    hub_it("rule 10: whoever took a group message's identity before it was accepted still means it", function()
      local tim = support.new_client(dir, "user1")
      local group = support.group(tim, "g")
      local early = {}
      tim:on("msg_elem_upload_progress", function(msg) early[#early + 1] = msg end)
      -- two at once: the second one's provisional seq is not the one it gets
      local path, done = support.write_file(dir .. "/f", ("y"):rep(100000)), 0
      for i = 1, 2 do
        assert(tim:send_new_msg(group, GROUP, timmsg.message(timmsg.text("no. " .. i), timmsg.file(path)),
          function(code) done = done + (code == 0 and 1 or 100) end))
        support.say(tim, group, GROUP, "between " .. i)
      end
      support.eventually(function() return done == 2 end, tim)
      local function by_text(text)
        for _, msg in ipairs(early) do
          if support.text_of(msg) == text then return msg end
        end
      end
      local one, two = assert(by_text "no. 1"), assert(by_text "no. 2")
      local list = support.page(tim, group, GROUP)
      local moved = 0
      for _, msg in ipairs(list) do
        if support.text_of(msg) == "no. 1" and msg.message_seq ~= one.message_seq then moved = moved + 1 end
        if support.text_of(msg) == "no. 2" and msg.message_seq ~= two.message_seq then moved = moved + 1 end
      end
      assert.is_true(moved > 0)
      local newer = support.texts(support.page(tim, group, GROUP, { last_msg = one, is_forward = true }))
      for _, text in ipairs(newer) do
        assert.not_equal("no. 1", text)
      end
      support.must(tim, "revoke", group, GROUP, one)
      support.must(tim, "delete", group, GROUP, { msg_delete_param_msg = two })
      local texts, revoked = {}, 0
      for _, msg in ipairs(support.page(tim, group, GROUP)) do
        texts[support.text_of(msg) or "-"] = true
        if msg.message_status == timmsg.TIMMsg_Revoked then
          revoked = revoked + 1
          assert.equal(one.message_rand, msg.message_rand)
        end
      end
      assert.equal(1, revoked)
      assert.is_nil(texts["no. 2"])
      assert.is_true(texts["between 2"])
    end)

    it("rule 11: message_unique_id is made of time or seq, and rand", function()
      local tim = support.new_client(dir, "user1")
      local group = support.group(tim, "g")
      local one = support.say(tim, "user1", C2C, "c2c")
      assert.equal((one.message_server_time & 0xffffffff) << 32 | one.message_rand, one.message_unique_id)
      local all_in = support.say(tim, group, GROUP, "group")
      assert.equal(all_in.message_seq << 32 | all_in.message_rand, all_in.message_unique_id)
      -- of each part the low 32 bits
      local keys = { seq = 0x1234567890abcdef, rand = 0x0fedcba987654321, server_time = 0x7777777766666666 }
      support.must(tim, "import_msg_list", "user1", C2C, { entry("big", keys) })
      support.must(tim, "import_msg_list", group, GROUP, { entry("big", keys) })
      local function find(id, kind)
        return support.must(tim, "find_by_msg_locator_list", id, kind,
          { { message_locator_seq = keys.seq, message_locator_rand = keys.rand } })[1]
      end
      assert.equal(0x6666666687654321, find("user1", C2C).message_unique_id)
      assert.equal(0x90abcdef87654321 | 0, find(group, GROUP).message_unique_id)
      assert.equal(1, #support.must(tim, "find_by_msg_locator_list", "user1", C2C, { { message_locator_seq = keys.seq,
        message_locator_rand = keys.rand, message_locator_unique_id = 0x6666666687654321 } }))
    end)

    it("rule 11: it is the same for sender and receiver", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      local group = support.group(anna, "g", "bert")
      local one, two = support.say(anna, "bert", C2C, "one"), support.say(anna, group, GROUP, "two")
      if support.is_hub then -- rule 45: of a C2C message it has the time of each side
        assert.equal(one.message_unique_id, support.arrival(seen, "one", bert).message_unique_id)
      end
      assert.equal(two.message_unique_id, support.arrival(seen, "two", bert).message_unique_id)
    end)
  end)

  describe("and order", function()
    -- Messages whose times, seqs and senders are equal here and there, in no order.
    local function jumble(conv_id)
      local list = {}
      for _, time in ipairs { 7, 5, 6 } do
        for _, seq in ipairs { 2, -1, 1, math.maxinteger } do
          for _, sender in ipairs { conv_id, "user1" } do
            for _, rand in ipairs { 9, 1 << 31, 3 } do
              list[#list + 1] = entry(("%d %u %s %d"):format(time, seq, sender, rand),
                { server_time = time, client_time = 1000 - time, seq = seq, sender = sender, rand = 10 * rand - time })
            end
          end
        end
      end
      return list
    end

    hub_it("rule 12: is by server_time, seq, sender and rand", function()
      local tim = support.new_client(dir, "user1")
      for _, conv in ipairs { { "user2", C2C }, { "group", GROUP }, { "Zoe", C2C } } do
        local list = jumble(conv[1])
        support.must(tim, "import_msg_list", conv[1], conv[2], list)
        table.sort(list, precedes)
        local wanted = support.texts(list)
        assert.same(wanted, support.texts(all(tim, conv[1], conv[2], 1000)))
        for _, count in ipairs { 1, 5, 7, 72 } do
          assert.same(wanted, support.texts(all(tim, conv[1], conv[2], count)), count)
          assert.same(wanted, support.texts(all_backwards(tim, conv[1], conv[2], count)), count)
        end
      end
    end)

    hub_it("rule 12: pages are whole at every place in it", function()
      local tim = support.new_client(dir, "user1")
      support.must(tim, "import_msg_list", "user2", C2C, jumble "user2")
      local list = all(tim, "user2", C2C, 1000)
      for i, msg in ipairs(list) do
        local newer = support.page(tim, "user2", C2C, { last_msg = msg, is_forward = true, count = 1 })
        local older = support.page(tim, "user2", C2C, { last_msg = msg, count = 1 })
        assert.same(list[i + 1], newer[1])
        assert.same(list[i - 1], older[1])
      end
    end)

    it("rule 12: is the same on every device", function()
      local anna = support.new_client(dir, "anna")
      local desk, desk_seen = support.device(dir, "bert", "desk")
      local phone, phone_seen = support.device(dir, "bert", "phone")
      local group = support.group(anna, "g", "bert")
      -- all three at once, so that most of it is in one second
      local count = 0
      for i = 1, 30 do
        for _, client in ipairs { anna, desk, phone } do
          local to = client == anna and "bert" or "anna"
          for _, conv in ipairs { { to, C2C }, { group, GROUP } } do
            count = count + 1
            assert(client:send_new_msg(conv[1], conv[2], timmsg.text(("%d/%d"):format(i, count))))
          end
        end
      end
      for _, client in ipairs { anna, desk, phone } do
        for _, conv in ipairs { { client == anna and "bert" or "anna", C2C }, { group, GROUP } } do
          support.eventually(function()
            local n = 0
            for _, msg in ipairs(all(client, conv[1], conv[2], 1000)) do
              if support.text_of(msg) and msg.message_status == timmsg.TIMMsg_SendSucc then n = n + 1 end
            end
            return n == 90
          end, anna, desk, phone)
        end
      end
      assert.is_true(#desk_seen.messages > 0 and #phone_seen.messages > 0)
      for _, kind in ipairs { C2C, GROUP } do
        local lists = {}
        for i, client in ipairs { anna, desk, phone } do
          lists[i] = all(client, kind == GROUP and group or client == anna and "bert" or "anna", kind, 11)
        end
        assert.same(support.texts(lists[2]), support.texts(lists[3]))
        assert.same(support.texts(support.in_order(lists[1])), support.texts(support.in_order(lists[2])))
      end
      local list = all(anna, "bert", C2C, 1000)
      for i = 2, #list do
        assert.is_true(precedes(list[i - 1], list[i]))
      end
    end)

    it("rule 12: pages neither skip nor repeat while others arrive", function()
      local anna, bert, carl =
        support.new_client(dir, "anna"), support.new_client(dir, "bert"), support.new_client(dir, "carl")
      local group = support.group(anna, "g", "bert", "carl")
      for _, conv in ipairs { { "bert", "anna", C2C }, { group, group, GROUP } } do
        local total = 0
        local function both()
          for _, sender in ipairs { anna, bert } do
            for _ = 1, 3 do
              total = total + 1
              assert(sender:send_new_msg(sender == anna and conv[1] or conv[2], conv[3], timmsg.text("m" .. total)))
            end
          end
          if conv[3] == GROUP then
            total = total + 1
            assert(carl:send_new_msg(group, GROUP, timmsg.text("m" .. total)))
          end
        end
        for _ = 1, 8 do
          both()
        end
        local first = total
        support.eventually(function() return #all(anna, conv[1], conv[3], 1000) >= first end, anna, bert, carl)
        for _, read in ipairs { all_backwards, all } do
          local at_start = support.texts(all(anna, conv[1], conv[3], 1000))
          local rounds = 0
          local list = read(anna, conv[1], conv[3], 7, function(length)
            rounds = rounds + 1
            if rounds <= 4 then
              both()
              support.eventually(function() return #all(anna, conv[1], conv[3], 1000) >= length end, anna, bert, carl)
            end
          end)
          local counts = {}
          for _, text in ipairs(support.texts(list)) do
            counts[text] = (counts[text] or 0) + 1
          end
          for _, text in ipairs(at_start) do
            if text ~= "-" then assert.equal(1, counts[text], text) end
          end
          for i = 2, #list do
            if list[i].message_status == timmsg.TIMMsg_SendSucc and list[i - 1].message_status == timmsg.TIMMsg_SendSucc then
              assert.is_true(precedes(list[i - 1], list[i]))
            end
          end
          assert.is_true(rounds > 4)
        end
      end
    end)

    it("rule 12: what is not accepted stands at its client_time and moves once, when it is accepted", function()
      local anna = support.new_client(dir, "anna")
      for _, conv in ipairs { { "later", C2C }, { "club", GROUP } } do
        local id, kind = conv[1], conv[2]
        support.must(anna, "import_msg_list", id, kind, {
          entry("in 1970", { server_time = 1000, sender = "anna" }),
          entry("in 2001", { server_time = 1000000000, sender = "anna" }),
        })
        local code, _, failed = support.call(anna, "send_new_msg", id, kind, entry("unsent", { client_time = 2000 }))
        assert.is_true(code ~= 0)
        assert.equal(timmsg.TIMMsg_SendFail, failed.message_status)
        assert.same({ "in 1970", "unsent", "in 2001" }, support.texts(all(anna, id, kind, 2)))
        -- again in vain: it stays where it is
        assert.is_true(support.call(anna, "send_new_msg", id, kind, failed) ~= 0)
        assert.same({ "in 1970", "unsent", "in 2001" }, support.texts(all(anna, id, kind, 2)))
        if kind == C2C then
          support.new_client(dir, "later"):close()
        else
          support.group(anna, "club")
        end
        local sent = support.must(anna, "send_new_msg", id, kind, failed)
        assert.equal(2000, sent.message_client_time)
        assert.is_true(sent.message_server_time > 1000000000)
        assert.same({ "in 1970", "in 2001", "unsent" }, support.texts(all(anna, id, kind, 2)))
      end
    end)

    it("rule 12: a message on its way stands at its client_time", function()
      local tim = support.new_client(dir, "user1")
      support.must(tim, "import_msg_list", "user1", C2C, { entry("old", { server_time = 5 }), entry("new", { server_time = 50 }) })
      local path = support.write_file(dir .. "/f", "z")
      local file <close> = assert(io.open(path, "r+b"))
      assert(file:seek("set", support.upload_size(40))) -- a sparse file
      assert(file:write "end")
      file:close()
      local during, done
      tim:on("msg_elem_upload_progress", function()
        if during == nil then
          during = false
          tim:get_msg_list("user1", C2C, { msg_getmsglist_param_is_forward = true }, function(_, _, list) during = list end)
        end
      end)
      local msg = timmsg.message(timmsg.text "on its way", timmsg.file(path))
      msg.message_client_time = 20
      assert(tim:send_new_msg("user1", C2C, msg, function(code) done = code end))
      support.eventually(function() return during and done end, tim)
      assert.equal(0, done)
      assert.same({ "old", "on its way", "new" }, support.texts(during))
      assert.equal(timmsg.TIMMsg_Sending, during[2].message_status)
      assert.same({ "old", "new", "on its way" }, support.texts(all(tim, "user1", C2C, 10)))
    end)
  end)
end)
