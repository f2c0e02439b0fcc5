-- Groups: rule 42, and what rules 1, 10, 23 and 35 say of them.

local proxy = require "rounds.proxy"
local support = require "support"
local testing = require "timmsg.testing"
local timmsg = require "timmsg"
local uv = require "luv"

local GROUP <const> = timmsg.GROUP
local NORMAL <const>, ADMIN <const>, OWNER <const> =
  timmsg.TIMMemberRole_Normal, timmsg.TIMMemberRole_Admin, timmsg.TIMMemberRole_SuperAdmin
local DENIED <const> = timmsg.ERR_SVR_GROUP_PERMISSION_DENY
local SYSTEM <const> = "@TIM#SYSTEM"
-- Where something must go lost, or end, at one moment.
local only_prosody = support.backend == "prosody" and it or function() end

describe("Groups", function()
  local dir, anna, seen -- the owner

  before_each(function()
    dir = support.temp_dir()
    anna, seen = support.device(dir, "anna")
  end)
  after_each(support.cleanup)

  local function user(name) return support.device(dir, name) end

  -- Creates a group: its id. `param` has the keys without their common beginning.
  local function create(param, client)
    local full = { create_group_param_group_name = "The group" }
    for key, value in pairs(param or {}) do
      full["create_group_param_" .. key] = value
    end
    local code, desc, result = support.call(client or anna, "group_create", full)
    return result and result.create_group_result_groupid, code, desc
  end

  -- Invites, or removes: the results by user.
  local function invite(client, group, ...)
    local code, _, list = support.call(client, "group_invite_member", {
      group_invite_member_param_group_id = group,
      group_invite_member_param_identifier_array = { ... },
    })
    local results = {}
    for i, result in ipairs(list or {}) do
      assert.equal(select(i, ...), result.group_invite_member_result_identifier)
      results[i] = result.group_invite_member_result_result
    end
    return code, results
  end

  local function remove(client, group, ...)
    local code, _, list = support.call(client, "group_delete_member", {
      group_delete_member_param_group_id = group,
      group_delete_member_param_identifier_array = { ... },
    })
    local results = {}
    for i, result in ipairs(list or {}) do
      assert.equal(select(i, ...), result.group_delete_member_result_identifier)
      results[i] = result.group_delete_member_result_result
    end
    return code, results
  end

  local function set_role(client, group, name, role)
    return (support.call(client, "group_modify_member_info", {
      group_modify_member_info_group_id = group,
      group_modify_member_info_identifier = name,
      group_modify_member_info_modify_flag = timmsg.TIMGroupMemberModifyFlag_MemberRole,
      group_modify_member_info_member_role = role,
    }))
  end

  local function set_card(client, group, name, card)
    return (support.call(client, "group_modify_member_info", {
      group_modify_member_info_group_id = group,
      group_modify_member_info_identifier = name,
      group_modify_member_info_modify_flag = timmsg.TIMGroupMemberModifyFlag_NameCard,
      group_modify_member_info_name_card = card,
    }))
  end

  local function member_infos(client, group, names)
    local result = support.must(client, "group_get_member_info_list", {
      group_get_members_info_list_param_group_id = group,
      group_get_members_info_list_param_identifier_array = names,
    })
    assert.equal(0, result.group_get_memeber_info_list_result_next_seq)
    return result.group_get_memeber_info_list_result_info_array
  end

  -- Each member's role, by name.
  local function roles(client, group)
    local found = {}
    for _, info in ipairs(member_infos(client, group)) do
      assert.is_nil(found[info.group_member_info_identifier])
      found[info.group_member_info_identifier] = info.group_member_info_member_role
    end
    return found
  end

  -- The groups that the user is in, sorted.
  local function joined(client)
    local ids = {}
    for i, info in ipairs(support.must(client, "group_get_joined_group_list")) do
      ids[i] = info.group_base_info_group_id
    end
    table.sort(ids)
    return ids
  end

  local function send_code(client, group)
    return (support.call(client, "send_new_msg", group, GROUP, timmsg.text "may I?"))
  end

  -- The group's tips among the messages, without what differs from run to run.
  local function tips(msgs)
    local list = {}
    for _, msg in ipairs(msgs) do
      local elem = msg.message_elem_array[1]
      if msg.message_sender == SYSTEM and elem.elem_type ~= timmsg.TIMElem_GroupReport then
        assert.equal(timmsg.TIMElem_GroupTips, elem.elem_type)
        assert.equal(1, #msg.message_elem_array)
        list[#list + 1] = {
          elem.group_tips_elem_tip_type, elem.group_tips_elem_op_user, table.concat(elem.group_tips_elem_user_array, ","),
          elem.group_tips_elem_member_num,
        }
      end
    end
    return list
  end

  -- The texts that are the users', not the group's own.
  local function texts(msgs)
    local list = {}
    for _, msg in ipairs(msgs) do
      if msg.message_sender ~= SYSTEM then list[#list + 1] = support.text_of(msg) end
    end
    return list
  end

  -- All of the group that there is for the client, the oldest first, with what only the backend has.
  local function all_of(client, group)
    local list = {}
    while true do
      local page = support.page(client, group, GROUP, { count = 7, is_remble = true, last_msg = list[1] })
      if #page == 0 then return list end
      for _, msg in ipairs(page) do
        table.insert(list, 1, msg)
      end
    end
  end

  -- What the room itself lists on XMPP, as a device of anna's sees it that has heard nothing of coming and going.
  local devices = 0
  local function list_becomes(wanted, ...)
    devices = devices + 1
    local fresh <close> = support.device(dir, "anna", "fresh " .. devices)
    support.eventually(function()
      local names = {}
      for name in pairs(roles(fresh, "team")) do
        names[#names + 1] = name
      end
      table.sort(names)
      return table.concat(names, " ") == wanted
    end, fresh, ...)
  end

  -- Anna logs in anew; a function that tells how often she has asked the room since to change its list.
  local function watch_changes()
    local log = support.temp_dir()
    anna:close()
    anna, seen = support.device(dir, "anna", nil, { log_file_path = log, log_level = timmsg.TIMLog_Verbose })
    return function()
      local count = 0
      for iq in support.read_file(log .. "/timmsg.log"):gmatch "xmpp: SENT: <iq ([^\n]*)" do
        if iq:find "type=['\"]set" and iq:find "affiliation=" then count = count + 1 end
      end
      return count
    end
  end

  local function team_room() return ("team@conference.%s"):format(support.xmpp_host(dir)) end

  describe("create", function()
    it("rule 42: the creator is owner", function()
      local group, code = create { group_id = "team", group_name = "Das Team 队" }
      assert.equal(0, code)
      assert.equal("team", group)
      assert.same({ anna = OWNER }, roles(anna, "team"))
      local list = support.must(anna, "group_get_joined_group_list")
      assert.equal(1, #list)
      assert.equal("team", list[1].group_base_info_group_id)
      assert.equal("Das Team 队", list[1].group_base_info_group_name)
      assert.equal(timmsg.TIMGroup_Public, list[1].group_base_info_group_type)
    end)

    it("rule 42: the backend makes an id where none is given", function()
      local ids = {}
      for i = 1, 20 do
        local group = create { group_name = "the same name" }
        assert.is_true(#group >= 1 and #group <= 48 and not group:find "[^\x20-\x7e]")
        assert.is_nil(ids[group])
        ids[group] = i
        assert.equal(0, send_code(anna, group))
      end
      assert.equal(20, #joined(anna))
    end)

    it("rule 42: with first members and their roles", function()
      local ben, ben_seen = user "ben"
      local cora = user "cora"
      local group, code = create {
        group_id = "team",
        group_type = timmsg.TIMGroup_Private,
        group_face_url = "http://127.0.0.1/face.png",
        group_member_array = {
          { group_member_info_identifier = "ben" },
          { group_member_info_identifier = "cora", group_member_info_member_role = ADMIN },
          { group_member_info_identifier = "ben", group_member_info_member_role = ADMIN }, -- is one already
          { group_member_info_identifier = "anna" }, -- so is she
        },
      }
      assert.equal(0, code)
      assert.same({ anna = OWNER, ben = NORMAL, cora = ADMIN }, roles(ben, group))
      assert.same({ "team" }, joined(ben))
      assert.same({ "team" }, joined(cora))
      support.say(anna, group, GROUP, "welcome")
      support.arrival(ben_seen, "welcome", anna)
      assert.same({ { 1, "anna", "ben,cora", 3 } }, tips(ben_seen.messages))
    end)

    -- Users, who exist, as first members.
    local function many(n)
      local members = {}
      for i = 1, n do
        support.account(dir, "u" .. i)
        members[i] = { group_member_info_identifier = "u" .. i }
      end
      return members
    end

    support.xmpp_only(it)("rule 42: with many members takes its time", function()
      local ben = support.device(dir, "ben", nil, { request_timeout_ms = 1000 * support.PATIENCE })
      assert.equal(0, select(2, create({ group_id = "team", group_member_array = many(100) }, ben)))
      assert.same({ "team" }, joined(user "u100"))
    end)

    support.xmpp_only(it)("rule 42: leaves nothing that is in the way when it breaks off", function()
      local server = support.xmpp_server()
      local members = many(100)
      local first = user "u1"
      local code
      assert(anna:group_create({ create_group_param_group_id = "team", create_group_param_group_name = "team",
        create_group_param_group_type = timmsg.TIMGroup_Private, create_group_param_group_member_array = timmsg.array(members) },
        function(got) code = got end))
      support.eventually(function() return joined(first)[1] end, anna)
      server:kill()
      server:launch()
      support.eventually(function() return code end, anna, first)
      assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, code)
      assert.same({}, joined(anna))
      support.eventually(function() return #joined(first) == 0 end, anna, first)
      support.eventually(function() return select(2, create { group_id = "team" }) == 0 end, anna, first)
      assert.same({ anna = OWNER }, roles(anna, "team"))
    end)

    only_prosody("rule 42: nor does its id stay taken where it breaks off before an answer", function()
      local server = support.xmpp_server()
      user "ben":close()
      local cora = user "cora"
      server:lose("change", ("team@conference.%s"):format(support.xmpp_host(dir)))
      local code
      assert(anna:group_create({ create_group_param_group_id = "team", create_group_param_group_name = "team",
        create_group_param_group_member_array = timmsg.array { { group_member_info_identifier = "ben" } } },
        function(got) code = got end))
      support.idle(500, anna, cora)
      server:kill()
      support.eventually(function() return code end, anna, cora)
      assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, code)
      server:launch()
      support.eventually(function() return select(2, create({ group_id = "team" }, cora)) == 0 end, anna, cora)
      assert.same({ cora = OWNER }, roles(cora, "team"))
      assert.same({}, joined(anna))
    end)

    only_prosody("rule 42: is done, though what is said of it goes lost", function()
      user "ben":close()
      local cora = support.device(dir, "cora", nil, { request_timeout_ms = math.floor(2000 * support.PATIENCE) })
      support.xmpp_server():lose("message", ("team@conference.%s"):format(support.xmpp_host(dir)))
      assert.equal(0, select(2, create({ group_id = "team", group_member_array = { { group_member_info_identifier = "ben" } } }, cora)))
      assert.same({ "team" }, joined(cora))
      assert.same({ cora = OWNER, ben = NORMAL }, roles(cora, "team"))
      assert.same({ "team" }, joined(user "ben"))
    end)

    support.xmpp_only(it)("rule 42: not where the server doesn't let the user", function()
      local guest = user "guest"
      local _, code, desc = create({ group_id = "team" }, guest)
      assert.equal(DENIED, code)
      assert.truthy(desc:find "not%-allowed" or desc:find "forbidden")
      assert.same({}, joined(guest))
      create { group_id = "team" }
      _, code = create({ group_id = "team" }, guest)
      assert.equal(timmsg.ERR_SVR_GROUP_GROUPID_IN_USED, code)
    end)

    it("rule 42: fails as a whole", function()
      user "ben":close()
      local _, code, desc = create {
        group_id = "team",
        group_member_array = { { group_member_info_identifier = "ben" }, { group_member_info_identifier = "nobody" } },
      }
      assert.equal(timmsg.ERR_SVR_MSG_INVALID_ID, code)
      assert.matches("nobody", desc, 1, true)
      local _, second = create {
        group_id = "team",
        group_member_array = { { group_member_info_identifier = "ben", group_member_info_member_role = OWNER } },
      }
      assert.equal(timmsg.ERR_SVR_GROUP_INVALID_PARAMETERS, second)
      assert.same({}, joined(anna))
      assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, send_code(anna, "team"))
      local ben = user "ben"
      assert.same({}, joined(ben))
      assert.is_nil(support.conv(ben, "team", GROUP))
    end)

    it("rule 42: an id is given once; case matters", function()
      local ben = user "ben"
      assert.equal(0, select(2, create { group_id = "team" }))
      assert.equal(timmsg.ERR_SVR_GROUP_GROUPID_IN_USED, select(2, create { group_id = "team" }))
      assert.equal(timmsg.ERR_SVR_GROUP_GROUPID_IN_USED, select(2, create({ group_id = "team" }, ben)))
      assert.equal(0, select(2, create({ group_id = "Team" }, ben)))
      assert.equal(0, select(2, create { group_id = "anna" })) -- a user's name is free for a group
      assert.same({ "anna", "team" }, joined(anna))
      assert.same({ "Team" }, joined(ben))
      support.say(anna, "anna", GROUP, "to the group")
      assert.same({ "to the group" }, texts(all_of(anna, "anna")))
      assert.same({}, support.history(anna, "anna", timmsg.C2C))
    end)

    it("rule 42: ids with odd characters are ids like others", function()
      local ben, ben_seen = user "ben"
      for i, id in ipairs { "a/../b", "it's \"%s\"", " ", ("x"):rep(48), "@TGS#1;DROP TABLE groups" } do
        assert.equal(id, create { group_id = id, group_member_array = { { group_member_info_identifier = "ben" } } })
        support.say(anna, id, GROUP, "hello " .. i)
        assert.equal(id, support.arrival(ben_seen, "hello " .. i, anna).message_conv_id)
      end
      assert.equal(5, #joined(ben))
      assert.equal(timmsg.TIM_ERR_GROUP, select(2, create { group_id = ("x"):rep(49) }))
      assert.equal(timmsg.TIM_ERR_GROUP, select(2, create { group_id = "队" }))
    end)
  end)

  describe("join", function()
    for name, kind in pairs { Public = timmsg.TIMGroup_Public, ChatRoom = timmsg.TIMGroup_ChatRoom } do
      it(("rule 42: a %s can be joined"):format(name), function()
        local ben, ben_seen = user "ben"
        create { group_id = "team", group_type = kind }
        assert.equal(0, (support.call(ben, "group_join", "team", "let me in")))
        assert.same({ anna = OWNER, ben = NORMAL }, roles(anna, "team"))
        assert.same({ "team" }, joined(ben))
        support.say(ben, "team", GROUP, "hello")
        support.arrival(seen, "hello", ben)
        assert.same({ { 1, "ben", "ben", 2 } }, tips(seen.messages))
        support.say(anna, "team", GROUP, "hi")
        support.arrival(ben_seen, "hi", anna)
      end)
    end

    it("rule 42: a Private group can't be joined", function()
      local ben = user "ben"
      create { group_id = "team", group_type = timmsg.TIMGroup_Private, add_option = timmsg.TIMGroupAddOpt_Any }
      assert.equal(DENIED, (support.call(ben, "group_join", "team")))
      assert.same({ anna = OWNER }, roles(anna, "team"))
      assert.equal(DENIED, send_code(ben, "team"))
    end)

    it("rule 42: nor one whose add option forbids it", function()
      local ben = user "ben"
      for name, kind in pairs { public = timmsg.TIMGroup_Public, chat = timmsg.TIMGroup_ChatRoom } do
        create { group_id = name, group_type = kind, add_option = timmsg.TIMGroupAddOpt_Forbid }
        assert.equal(DENIED, (support.call(ben, "group_join", name)))
        assert.same({ anna = OWNER }, roles(anna, name))
      end
      assert.same({}, joined(ben))
    end)

    it("rule 42: who is in, what is not there, what is full", function()
      local ben, cora = user "ben", user "cora"
      create { group_id = "team", max_member_num = 2 }
      assert.equal(timmsg.ERR_SVR_GROUP_ALLREADY_MEMBER, (support.call(anna, "group_join", "team")))
      assert.equal(0, (support.call(ben, "group_join", "team")))
      assert.equal(timmsg.ERR_SVR_GROUP_ALLREADY_MEMBER, (support.call(ben, "group_join", "team")))
      assert.equal(timmsg.ERR_SVR_GROUP_FULL_MEMBER_COUNT, (support.call(cora, "group_join", "team")))
      assert.same({ 0, { timmsg.TIMGroupMember_HandledErr } }, { invite(anna, "team", "cora") })
      assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, (support.call(cora, "group_join", "Team")))
      -- a place that is free again is free
      support.must(ben, "group_quit", "team")
      assert.equal(0, (support.call(cora, "group_join", "team")))
      assert.same({ anna = OWNER, cora = NORMAL }, roles(anna, "team"))
    end)

    only_prosody("rule 42: whose message goes lost fails, and nobody has come", function()
      local ben = support.device(dir, "ben", nil, { request_timeout_ms = math.floor(2000 * support.PATIENCE) })
      local cora, cora_seen = user "cora"
      create { group_id = "team" }
      support.xmpp_server():lose("message", ("team@conference.%s"):format(support.xmpp_host(dir)))
      assert.equal(timmsg.ERR_REQUEST_TIMEOUT, (support.call(ben, "group_join", "team")))
      assert.same({}, joined(ben))
      assert.equal(DENIED, send_code(ben, "team"))
      assert.equal(0, (support.call(cora, "group_join", "team")))
      support.eventually(function() return cora_seen.messages[1] or #all_of(cora, "team") > 0 end, cora)
      assert.same({ { 1, "cora", "cora", 2 } }, tips(all_of(cora, "team")))
      -- it can be tried again
      assert.equal(0, (support.call(ben, "group_join", "team")))
      assert.same({ "team" }, joined(ben))
      assert.same({ anna = OWNER, ben = NORMAL, cora = NORMAL }, roles(anna, "team"))
      local both = tips(all_of(ben, "team")) -- in any order, if they are of one second (rule 45)
      table.sort(both, function(a, b) return a[4] < b[4] end)
      assert.same({ { 1, "cora", "cora", 2 }, { 1, "ben", "ben", 3 } }, both)
    end)

    -- Ben, and the group "team"'s room. What waits there waits for as long as his calls may take, in seconds.
    local function ben_at_team(seconds)
      local timeout = math.floor(seconds * support.PATIENCE)
      create { group_id = "team" }
      return support.device(dir, "ben", nil, { request_timeout_ms = timeout * 1000 }), timeout,
        ("team@conference.%s"):format(support.xmpp_host(dir))
    end

    -- Ben, where what he says of coming into "team" is met by chance: his client, a call of his (its code and result), how often
    -- he has sent a stanza to the room that the pattern matches, and the line to the server.
    local function ben_on_a_line(seconds)
      local server, log = support.xmpp_server(), support.temp_dir()
      local line = proxy.start(server.c2s_port)
      finally(function() line:close() end)
      create { group_id = "team" }
      support.account(dir, "ben")
      local ben = support.new_client(dir, nil, {
        data_dir = dir .. "/ben", log_file_path = log, log_level = timmsg.TIMLog_Verbose,
        request_timeout_ms = math.floor(seconds * 1000 * support.PATIENCE),
        server = support.server(dir):gsub(":" .. server.c2s_port, ":" .. line.port),
      })
      local function call(method, ...)
        local done
        local args = table.pack(...)
        args[args.n + 1] = function(...) done = table.pack(...) end
        assert(ben[method](ben, table.unpack(args, 1, args.n + 1)))
        support.eventually(function()
          uv.run "nowait"
          return done
        end, ben, anna)
        return done[1], done[3]
      end
      local function has_sent(pattern)
        for stanza in support.read_file(log .. "/timmsg.log"):gmatch "xmpp: SENT: (<[^\n]*)" do
          if stanza:find(team_room(), 1, true) and stanza:find(pattern) then return true end
        end
        return false
      end
      assert.equal(0, (call("login", "ben", "sig")))
      return ben, call, has_sent, line
    end

    -- What anna has of those who came and went, without the numbers of members.
    local function comings()
      local list = {}
      for i, tip in ipairs(tips(all_of(anna, "team"))) do
        list[i] = ("%d %s"):format(tip[1], tip[3])
      end
      return list
    end

    local on_xmpp = support.xmpp_only(it)

    only_prosody("rule 45: who hears that it failed is not in, though the server has not even said that it did not hear", function()
      local ben, _, room = ben_at_team(2)
      local at_ben, other = support.watch(ben), support.device(dir, "ben", "other")
      support.xmpp_server():lose("message", room)
      support.xmpp_server():lose("ping", support.xmpp_host(dir))
      assert.equal(timmsg.ERR_REQUEST_TIMEOUT, (support.call(ben, "group_join", "team")))
      assert.same({ {}, {} }, { joined(ben), joined(other) }) -- his own on a new connection
      support.say(anna, "team", GROUP, "who is in?")
      support.idle(1500, ben, other, anna)
      assert.same({ {}, {}, {}, {} }, { at_ben.messages, joined(ben), joined(other), comings() })
      assert.equal(0, (support.call(ben, "group_join", "team")))
      support.eventually(function() return #joined(other) == 1 end, ben, other)
      list_becomes("anna ben", anna, ben)
      assert.same({ "1 ben" }, comings())
    end)

    on_xmpp("rule 45: who hears that it failed is not in, though the room has heard that he came", function()
      local ben, call, has_sent, line = ben_on_a_line(4)
      local at_ben, code = support.watch(ben), nil
      assert(ben:group_join("team", "", function(got) code = got end))
      support.eventually(function()
        if has_sent "^<message" then return true end
        uv.run "nowait"
        return false
      end, ben)
      local target = line.target
      line.target = 1 -- nobody listens there
      line:cut "down"
      support.eventually(function()
        uv.run "nowait"
        return code and #comings() > 0
      end, ben, anna)
      assert.same({ timmsg.ERR_REQUEST_TIMEOUT, { "1 ben" } }, { code, comings() })
      support.say(anna, "team", GROUP, "who is in?")
      line.target = target
      support.eventually(function()
        uv.run "nowait"
        return #comings() > 1
      end, ben, anna)
      assert.same({ "1 ben", "2 ben" }, comings())
      assert.same({ 0, {} }, { call "group_get_joined_group_list" })
      assert.same({}, at_ben.messages)
      list_becomes("anna", anna, ben)
      assert.equal(0, (call("group_join", "team", "")))
      list_becomes("anna ben", anna, ben)
    end)

    only_prosody("rule 42: what was not said of it when the program ended is said when he is back", function()
      local ben, _, has_sent, line = ben_on_a_line(30)
      support.xmpp_server():lose("message", team_room())
      support.xmpp_server():lose("ping", support.xmpp_host(dir))
      local code
      assert(ben:group_join("team", "", function(got) code = got end))
      support.eventually(function()
        uv.run "nowait"
        return has_sent "^<message"
      end, ben, anna)
      ben:close()
      line:close()
      assert.equal(timmsg.ERR_USER_CANCELED, code)
      ben = user "ben"
      list_becomes("anna ben", anna, ben)
      assert.same({ { "team" }, { "1 ben" } }, { joined(ben), comings() })
      assert.equal(timmsg.ERR_SVR_GROUP_ALLREADY_MEMBER, (support.call(ben, "group_join", "team")))
      -- once
      ben:close()
      ben = user "ben"
      support.say(ben, "team", GROUP, "here I am")
      support.arrival(seen, "here I am", ben)
      assert.same({ "1 ben" }, comings())
    end)

    on_xmpp("rule 42: what was said of it when the program ended is not said again", function()
      local ben, _, has_sent, line = ben_on_a_line(30)
      local code
      assert(ben:group_join("team", "", function(got) code = got end))
      support.eventually(function()
        if has_sent "^<message" then return true end
        uv.run "nowait"
        return false
      end, ben)
      line:cut "down"
      support.eventually(function()
        uv.run "nowait"
        return #comings() > 0
      end, anna)
      ben:close()
      assert.equal(timmsg.ERR_USER_CANCELED, code)
      ben = user "ben"
      support.say(ben, "team", GROUP, "here I am")
      support.arrival(seen, "here I am", ben)
      list_becomes("anna ben", anna, ben)
      assert.same({ { "team" }, { "1 ben" } }, { joined(ben), comings() })
    end)

    only_prosody("rule 2: who logs out before the room has told him where he comes in is not in", function()
      local ben, call, has_sent = ben_on_a_line(30)
      support.xmpp_server():delay("page", team_room(), 5)
      local code
      assert(ben:group_join("team", "", function(got) code = got end))
      support.eventually(function()
        uv.run "nowait"
        return has_sent "^<iq.*urn:xmpp:mam:2"
      end, ben, anna)
      assert.equal(0, (call "logout"))
      assert.equal(timmsg.ERR_USER_CANCELED, code)
      assert.equal(0, (call("login", "ben", "sig")))
      assert.same({ 0, {} }, { call "group_get_joined_group_list" })
      assert.equal(0, (call("group_join", "team", "")))
      list_becomes("anna ben", anna)
      assert.same({ "1 ben" }, comings())
    end)

    -- Joins the group, and again `seconds` later: the codes. In the middle of that time `meanwhile` is called.
    local function join_twice(ben, seconds, meanwhile)
      local codes = {}
      for i = 1, 2 do
        assert(ben:group_join("team", "", function(code) codes[i] = code end))
        if i == 1 then
          support.idle(seconds * 500, ben)
          if meanwhile then meanwhile() end
          support.idle(seconds * 500, ben)
        end
      end
      support.eventually(function() return codes[1] and codes[2] end, ben)
      return codes
    end

    only_prosody("rule 42: is done where an earlier call of the same was in vain", function()
      local ben, timeout, room = ben_at_team(4)
      support.xmpp_server():lose("page", room)
      assert.same({ timmsg.ERR_REQUEST_TIMEOUT, 0 }, join_twice(ben, timeout / 2))
      assert.same({ "team" }, joined(ben))
    end)

    only_prosody("rule 42: nor does what answers that too late put the user out again", function()
      local ben, timeout, room = ben_at_team(5) -- where a presence goes lost it comes 3 s later
      local server = support.xmpp_server()
      server:delay("page", room, timeout + 1)
      assert.same({ timmsg.ERR_REQUEST_TIMEOUT, 0 }, join_twice(ben, timeout - 0.5, function() server:lose("presence", room) end))
      assert.same({ "team" }, joined(ben))
      assert.equal(0, send_code(ben, "team"))
    end)

    it("rule 42: calls that are made at once are done in their order", function()
      local ben = user "ben"
      create { group_id = "team" }
      support.say(anna, "team", GROUP, "early")
      local answers = {}
      local function note(name)
        return function(code, _, value) answers[#answers + 1] = { name, code, value } end
      end
      assert(ben:group_join("team", "", note "join"))
      assert(ben:send_new_msg("team", GROUP, timmsg.text "hello", note "send"))
      assert(ben:get_msg_list("team", GROUP, { msg_getmsglist_param_is_remble = true }, note "history"))
      assert(ben:group_get_joined_group_list(note "groups"))
      support.eventually(function() return #answers == 4 end, ben, anna)
      assert(ben:group_quit("team", note "quit"))
      assert(ben:group_create({
        create_group_param_group_id = "own", create_group_param_group_name = "ben's",
      }, note "create"))
      assert(ben:group_invite_member({
        group_invite_member_param_group_id = "own", group_invite_member_param_identifier_array = { "anna" },
      }, note "invite"))
      assert(ben:send_new_msg("own", GROUP, timmsg.text "welcome", note "own"))
      support.eventually(function() return #answers == 8 end, ben, anna)
      local by_name = {}
      for _, answer in ipairs(answers) do
        assert.equal(0, answer[2], answer[1])
        by_name[answer[1]] = answer[3]
      end
      local early = 0
      for _, msg in ipairs(by_name.history) do
        if support.text_of(msg) == "early" then early = early + 1 end
      end
      assert.equal(1, early)
      assert.equal("team", by_name.groups[1].group_base_info_group_id)
      assert.same({ "own" }, joined(ben))
      support.arrival(seen, "welcome", ben)
      support.arrival(seen, "hello", ben)
      assert.same({ ben = OWNER, anna = NORMAL }, roles(ben, "own"))
      assert.same({ anna = OWNER }, roles(anna, "team"))
    end)

    -- in a test world, where they are sure to be done at once
    for call, who in pairs { group_quit = "ben", group_delete = "anna" } do
      support.hub_only(it)(("rule 35: a page that is asked for at once with %s is that of a member"):format(call), function()
        local hub <close> = testing.new()
        local owner, ben = hub:login "anna", hub:login "ben"
        local function must(client, name, ...)
          local code, desc, result = hub:ask(client, name, ...)
          assert(code == 0, desc)
          hub:flush()
          return result
        end
        must(owner, "group_create", { create_group_param_group_id = "team", create_group_param_group_name = "team" })
        for _, text in ipairs(support.numbered("early ", 5)) do
          must(owner, "send_new_msg", "team", GROUP, timmsg.text(text))
        end
        must(ben, "group_join", "team", "")
        local caller = who == "ben" and ben or hub:login("anna", "other")
        local answers = {}
        assert(caller:get_msg_list("team", GROUP, { msg_getmsglist_param_is_remble = true }, function(...) answers.page = { ... } end))
        assert(caller[call](caller, "team", function(...) answers.left = { ... } end))
        hub:flush()
        assert.equal(0, answers.left[1])
        assert.same({ "-", "early 5", "early 4", "early 3", "early 2", "early 1" }, support.texts(answers.page[3]))
        -- and what is here is what a member knew
        if who == "ben" then
          must(owner, "send_new_msg", "team", GROUP, timmsg.text "without ben")
          must(ben, "group_join", "team", "")
          local all = must(ben, "get_msg_list", "team", GROUP, { msg_getmsglist_param_is_remble = true })
          assert.same({ "-", "without ben", "-", "-", "early 5" }, { table.unpack(support.texts(all), 1, 5) })
        end
      end)
    end

    it("rule 42: what is sent at once with joining is sent in its order", function()
      local ben = user "ben"
      create { group_id = "team" }
      local wanted, answered = {}, {}
      assert(ben:group_join("team", ""))
      for i = 1, 30 do
        wanted[i] = "message " .. i
        assert(ben:send_new_msg("team", GROUP, timmsg.text(wanted[i]), function(code, _, msg)
          answered[#answered + 1] = code == 0 and support.text_of(msg) or code
        end))
      end
      support.eventually(function() return #answered == 30 end, ben, anna)
      assert.same(wanted, answered)
      support.arrival(seen, "message 30", ben)
      assert.same(wanted, texts(seen.messages))
    end)

    it("rule 42: members see what was said before", function()
      local ben, ben_seen = user "ben"
      create { group_id = "team" }
      for i = 1, 30 do
        support.say(anna, "team", GROUP, "early " .. i)
      end
      support.must(ben, "group_join", "team")
      support.say(anna, "team", GROUP, "late")
      support.arrival(ben_seen, "late", anna)
      -- it does not come by itself, but when it is asked for
      assert.same({ "late" }, texts(ben_seen.messages))
      assert.same({ "late" }, texts(support.history(ben, "team", GROUP)))
      local all = all_of(ben, "team")
      assert.same(texts(support.history(anna, "team", GROUP)), texts(all))
      assert.equal(31, #texts(all))
      for i, msg in ipairs(all) do
        if support.is_hub then assert.equal(i, msg.message_seq) end -- rule 10: without holes, the tip among them
      end
      -- and is in the store then
      assert.same(all, support.history(ben, "team", GROUP))
    end)
  end)

  describe("invite", function()
    it("rule 42: any member may, into a Private group too", function()
      local ben = user "ben"
      local cora, cora_seen = user "cora"
      create { group_id = "team", group_type = timmsg.TIMGroup_Private }
      assert.same({ 0, { timmsg.TIMGroupMember_HandledSuc } }, { invite(anna, "team", "ben") })
      assert.same({ 0, { timmsg.TIMGroupMember_HandledSuc } }, { invite(ben, "team", "cora") }) -- no admin
      assert.same({ anna = OWNER, ben = NORMAL, cora = NORMAL }, roles(cora, "team"))
      support.say(cora, "team", GROUP, "thanks")
      support.arrival(seen, "thanks", cora)
      assert.same({ { 1, "anna", "ben", 2 }, { 1, "ben", "cora", 3 } }, tips(seen.messages))
      support.say(anna, "team", GROUP, "welcome")
      support.arrival(cora_seen, "welcome", anna)
    end)

    it("rule 42: one result for each, in the order given", function()
      local ben = user "ben"
      user "cora":close()
      create { group_id = "team", group_member_array = { { group_member_info_identifier = "ben" } } }
      local code, results = invite(ben, "team", "nobody", "cora", "anna", "ben", "cora")
      assert.equal(0, code)
      assert.same({
        timmsg.TIMGroupMember_HandledErr, timmsg.TIMGroupMember_HandledSuc, timmsg.TIMGroupMember_Included,
        timmsg.TIMGroupMember_Included, timmsg.TIMGroupMember_Included,
      }, results)
      assert.same({ anna = OWNER, ben = NORMAL, cora = NORMAL }, roles(anna, "team"))
      -- one tip for those who came, none when nobody does
      invite(ben, "team", "nobody", "anna")
      support.say(ben, "team", GROUP, "now")
      support.arrival(seen, "now", ben)
      assert.same({ { 1, "anna", "ben", 2 }, { 1, "ben", "cora", 3 } }, tips(seen.messages))
    end)

    it("rule 42: who is no member can't", function()
      local ben = user "ben"
      create { group_id = "team" }
      assert.equal(DENIED, (invite(ben, "team", "ben")))
      assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, (invite(ben, "other", "ben")))
      assert.same({ anna = OWNER }, roles(anna, "team"))
    end)

    only_prosody("rule 23: reaches one whose client is just coming back and has not asked all yet", function()
      local server, host = support.xmpp_server(), support.xmpp_host(dir)
      local line = proxy.start(server.c2s_port)
      finally(function() line:close() end)
      support.account(dir, "ben")
      server:kill_service(host, "upload") -- it is asked at each log-in, and waited for
      local ben = support.keep(assert(timmsg.new { sdk_app_id = 1400000001, data_dir = dir .. "/ben",
        server = support.server(dir):gsub(":" .. server.c2s_port, ":" .. line.port) }))
      local status, heard = nil, {}
      ben:on("network_status", function(is) status = is end)
      ben:on("recv_new_msg", function(msgs) table.move(msgs, 1, #msgs, #heard + 1, heard) end)
      local function eventually(predicate)
        support.eventually(function()
          uv.run "nowait"
          return predicate()
        end, ben)
      end
      local code
      assert(ben:login("ben", "sig", function(got) code = got end))
      eventually(function() return code end)
      assert.equal(0, code)
      create { group_id = "team" }
      line.target = 1 -- nobody listens there
      line:cut "close"
      eventually(function() return status == timmsg.TIMDisconnected end)
      assert.equal(0, (invite(anna, "team", "ben")))
      line.target = server.c2s_port
      eventually(function() return status == timmsg.TIMConnected end)
      support.say(anna, "team", GROUP, "welcome")
      eventually(function() return texts(heard)[1] == "welcome" end)
    end)

    only_prosody("rule 46: leads in once there is room on a disk that was full just then", function()
      local room = ("team@conference.%s"):format(support.xmpp_host(dir))
      create { group_id = "team" }
      local ben = support.device(dir, "ben", nil, { request_timeout_ms = math.floor(10000 * support.PATIENCE) })
      support.xmpp_server():lose("presence", room) -- it is tried again 2 s later
      assert.equal(0, (invite(anna, "team", "ben")))
      support.eventually(function() return joined(ben)[1] end, ben)
      finally(support.limit_files)
      support.limit_files(1)
      support.idle(3500 * support.PATIENCE, ben)
      support.limit_files(nil)
      assert.equal(0, send_code(ben, "team"))
    end)

    only_prosody("rule 23: leads in though the server could not say at the log-in where its groups are", function()
      local server, host = support.xmpp_server(), support.xmpp_host(dir)
      user "ben":close()
      local cora, cora_seen = user "cora"
      create { group_id = "team", group_member_array = { { group_member_info_identifier = "cora" } } }
      support.say(anna, "team", GROUP, "before")
      support.arrival(cora_seen, "before", anna)
      support.pass(os.time() + 1, anna, cora)
      invite(anna, "team", "ben")
      support.say(anna, "team", GROUP, "welcome")
      support.say(anna, "ben", timmsg.C2C, "hello")
      support.pass(os.time() + 1, anna, cora)
      server:kill_service(host, "conference")
      local function begin_login(name, data_dir) -- at once: a log-in waits 15 seconds for that service
        local client = support.new_client(dir, nil, {
          data_dir = dir .. "/" .. data_dir, request_timeout_ms = math.floor(3000 * support.PATIENCE),
        })
        assert(client:login(name, "sig"))
        return client, support.watch(client)
      end
      local ben, ben_seen = begin_login("ben", "ben")
      local desk, desk_seen = begin_login("cora", "cora@desk")
      support.eventually(function() return ben:user() and desk:user() end, anna, ben, desk)
      -- meanwhile all else goes on, and calls about groups can be made again
      support.arrival(ben_seen, "hello", anna)
      assert.equal(timmsg.ERR_REQUEST_TIMEOUT, send_code(ben, "team"))
      assert.equal(timmsg.ERR_REQUEST_TIMEOUT, (support.call(desk, "group_get_joined_group_list")))
      assert.equal(0, (support.call(desk, "report_readed", "team", GROUP)))
      assert.same({ "hello" }, texts(ben_seen.messages)) -- the invitation is no message
      server:revive_service(host, "conference")
      support.arrival(ben_seen, "welcome", anna, desk)
      assert.same({ "hello", "welcome" }, texts(ben_seen.messages))
      assert.same({ "team" }, joined(ben))
      -- and a new device begins at the end
      support.eventually(function()
        local code, _, list = support.call(desk, "group_get_joined_group_list")
        return code == 0 and list[1]
      end, anna)
      support.page(desk, "team", GROUP, { is_remble = true }) -- it is in
      support.say(ben, "team", GROUP, "thanks")
      support.arrival(desk_seen, "thanks", anna, ben)
      assert.same({ "thanks" }, texts(desk_seen.messages))
    end)

    it("rule 23: reaches those who are away", function()
      user "ben":close()
      create { group_id = "team", group_type = timmsg.TIMGroup_Private }
      invite(anna, "team", "ben")
      support.say(anna, "team", GROUP, "when you are back")
      local ben, ben_seen = user "ben"
      support.arrival(ben_seen, "when you are back", anna)
      assert.same({ { 1, "anna", "ben", 2 } }, tips(ben_seen.messages))
      assert.same({ "team" }, joined(ben))
    end)
  end)

  describe("quit", function()
    it("rule 42: ends it for the one who quits", function()
      local ben, ben_seen = user "ben"
      local cora, cora_seen = user "cora"
      support.group(anna, "team", "ben", "cora")
      support.say(anna, "team", GROUP, "all")
      support.arrival(ben_seen, "all", anna)
      support.must(ben, "group_quit", "team")
      assert.same({ anna = OWNER, cora = NORMAL }, roles(anna, "team"))
      assert.same({}, joined(ben))
      assert.equal(DENIED, send_code(ben, "team"))
      assert.equal(DENIED, (support.call(ben, "group_quit", "team")))
      assert.equal(DENIED, (support.call(ben, "group_get_member_info_list", { group_get_members_info_list_param_group_id = "team" })))
      support.say(anna, "team", GROUP, "without ben")
      support.arrival(cora_seen, "without ben", anna)
      assert.same({ { 1, "anna", "ben,cora", 3 }, { 2, "ben", "ben", 2 } }, tips(cora_seen.messages))
      -- nothing of it comes to him any more; what he had stays his
      support.say(anna, "ben", timmsg.C2C, "are you there?")
      support.arrival(ben_seen, "are you there?", anna)
      assert.same({ "all", "are you there?" }, texts(ben_seen.messages))
      local kept = texts(all_of(ben, "team"))
      assert.equal("all", kept[1])
      for _, text in ipairs(kept) do
        assert.not_equal("without ben", text)
      end
      assert.equal(0, send_code(cora, "team"))
    end)

    it("rule 42: the owner can't", function()
      support.group(anna, "team")
      local code, desc = support.call(anna, "group_quit", "team")
      assert.equal(timmsg.ERR_SVR_GROUP_SUPER_NOT_ALLOW_QUIT, code)
      assert.is_true(#desc > 0)
      assert.same({ anna = OWNER }, roles(anna, "team"))
      assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, (support.call(anna, "group_quit", "other")))
    end)

    it("rule 35: who comes back finds what was said meanwhile", function()
      local ben, ben_seen = user "ben"
      support.group(anna, "team", "ben")
      support.say(anna, "team", GROUP, "before")
      support.arrival(ben_seen, "before", anna)
      support.must(ben, "group_quit", "team")
      support.say(anna, "team", GROUP, "meanwhile 1")
      support.say(anna, "team", GROUP, "meanwhile 2")
      support.must(ben, "group_join", "team")
      support.say(anna, "team", GROUP, "after")
      support.arrival(ben_seen, "after", anna)
      assert.same({ "before", "after" }, texts(ben_seen.messages))
      assert.same({ "before", "after" }, texts(support.history(ben, "team", GROUP)))
      assert.same({ "before", "meanwhile 1", "meanwhile 2", "after" }, texts(all_of(ben, "team")))
      for i, msg in ipairs(support.history(ben, "team", GROUP)) do
        if support.is_hub then assert.equal(i, msg.message_seq) end
      end
    end)

    it("rule 42: who has been invited back since stays in when a device of the owner's hears of both only then", function()
      local ben = user "ben"
      local second, second_seen = support.device(dir, "anna", "second")
      for _, kind in ipairs { "Private", "Public" } do
        create { group_id = kind, group_type = timmsg["TIMGroup_" .. kind] }
        invite(anna, kind, "ben")
        support.say(anna, kind, GROUP, "welcome to " .. kind)
        support.arrival(second_seen, "welcome to " .. kind, anna, ben)
      end
      support.must(second, "logout")
      for _, kind in ipairs { "Private", "Public" } do
        support.must(ben, "group_quit", kind)
        support.eventually(function() return not roles(anna, kind).ben end, anna)
        support.send_many(anna, kind, GROUP, "without ben ", 110) -- more than one page of an archive
        assert.equal(0, (invite(anna, kind, "ben")))
        support.eventually(function() return send_code(ben, kind) == 0 end, anna, ben)
        support.say(ben, kind, GROUP, "back in " .. kind)
      end
      support.must(second, "login", "anna", "sig")
      for _, kind in ipairs { "Private", "Public" } do
        support.arrival(second_seen, "back in " .. kind, anna, ben)
      end
      support.idle(500, anna, ben, second)
      for _, kind in ipairs { "Private", "Public" } do
        assert.same({ anna = OWNER, ben = NORMAL }, roles(second, kind))
        assert.same({ anna = OWNER, ben = NORMAL }, roles(anna, kind))
        assert.equal(0, send_code(ben, kind))
      end
      assert.same({ "Private", "Public" }, joined(ben))
    end)

    it("rule 43: who has joined again and become an admin since stays one when a device of the owner's hears of it only then",
      function()
        local ben = user "ben"
        local second, second_seen = support.device(dir, "anna", "second")
        create { group_id = "team" }
        assert.equal(0, (support.call(ben, "group_join", "team")))
        support.eventually(function() return roles(anna, "team").ben == NORMAL end, anna, ben)
        support.say(anna, "team", GROUP, "welcome")
        support.arrival(second_seen, "welcome", anna, ben)
        support.must(second, "logout")
        support.must(ben, "group_quit", "team")
        support.eventually(function() return not roles(anna, "team").ben end, anna, ben)
        support.must(ben, "group_join", "team")
        -- the room's list has him when the owner may give him a role
        support.eventually(function() return set_role(anna, "team", "ben", ADMIN) == 0 end, anna, ben)
        support.say(anna, "team", GROUP, "ben is an admin")
        support.must(second, "login", "anna", "sig")
        support.arrival(second_seen, "ben is an admin", anna, ben)
        support.idle(1000, anna, ben, second)
        assert.same({ anna = OWNER, ben = ADMIN }, roles(anna, "team"))
      end)
  end)

  describe("remove", function()
    it("rule 42: owner and admins may, below their rank", function()
      local users = {}
      for _, name in ipairs { "adam", "alba", "ben", "cora", "dave" } do
        users[name] = user(name)
      end
      support.group(anna, "team", "adam", "alba", "ben", "cora", "dave")
      assert.equal(0, set_role(anna, "team", "adam", ADMIN))
      assert.equal(0, set_role(anna, "team", "alba", ADMIN))
      assert.equal(DENIED, (remove(users.ben, "team", "cora")))
      assert.equal(DENIED, (remove(users.ben, "team", "ben")))
      local fine, failed = timmsg.TIMGroupMember_HandledSuc, timmsg.TIMGroupMember_HandledErr
      assert.same({ 0, { fine, failed, failed, failed, failed } },
        { remove(users.adam, "team", "cora", "alba", "anna", "nobody", "adam") })
      assert.same({ anna = OWNER, adam = ADMIN, alba = ADMIN, ben = NORMAL, dave = NORMAL }, roles(anna, "team"))
      assert.same({ 0, { fine, fine, failed, failed } }, { remove(anna, "team", "alba", "ben", "anna", "ben") })
      assert.same({ anna = OWNER, adam = ADMIN, dave = NORMAL }, roles(anna, "team"))
      assert.equal(DENIED, (remove(users.cora, "team", "dave"))) -- no member any more
      support.say(users.dave, "team", GROUP, "phew")
      support.arrival(seen, "phew", users.dave)
      local told = { { 1, "anna", "adam,alba,ben,cora,dave", 6 }, { 3, "adam", "cora", 5 }, { 3, "anna", "alba,ben", 3 } }
      if not support.is_hub then -- rule 45: each by itself
        told[3] = { 3, "anna", "alba", 4 }
        told[4] = { 3, "anna", "ben", 3 }
      end
      assert.same(told, tips(seen.messages))
    end)

    it("rule 42: ends it for the one removed, who is told, away or not", function()
      local ben, ben_seen = user "ben"
      user "cora":close()
      support.group(anna, "team", "ben", "cora")
      remove(anna, "team", "ben", "cora")
      support.say(anna, "team", GROUP, "alone")
      support.say(anna, "ben", timmsg.C2C, "sorry")
      support.say(anna, "cora", timmsg.C2C, "sorry")
      support.arrival(ben_seen, "sorry", anna)
      local cora, cora_seen = user "cora"
      support.arrival(cora_seen, "sorry", anna)
      -- who was away can't read it any more on XMPP (rule 45)
      for name, other in pairs { ben = ben_seen, cora = support.is_hub and cora_seen or nil } do
        local list = tips(other.messages)
        local last = list[#list]
        if name == "ben" then last = list[2] end -- cora's removal came when he was gone
        assert.same({ 3, "anna", support.is_hub and "ben,cora" or name, support.is_hub and 1 or 2 }, last)
        assert.same({ "sorry" }, texts(other.messages))
      end
      for _, client in ipairs { ben, cora } do
        assert.equal(DENIED, send_code(client, "team"))
        assert.same({}, joined(client))
      end
      -- who is invited again is a plain member
      assert.equal(0, (invite(anna, "team", "ben")))
      assert.equal(NORMAL, roles(anna, "team").ben)
      assert.equal(0, send_code(ben, "team"))
    end)

    it("rule 42: who is invited again is in, away or not", function()
      local ben, ben_seen = user "ben"
      support.group(anna, "team", "ben")
      remove(anna, "team", "ben")
      support.say(anna, "team", GROUP, "secret")
      invite(anna, "team", "ben")
      support.say(anna, "team", GROUP, "again")
      support.arrival(ben_seen, "again", anna)
      ben:close()
      support.say(anna, "team", GROUP, "while away")
      ben, ben_seen = user "ben"
      support.arrival(ben_seen, "while away", anna)
      assert.same({ "while away" }, texts(ben_seen.messages))
      ben:close()
      remove(anna, "team", "ben")
      support.say(anna, "team", GROUP, "secret too")
      invite(anna, "team", "ben")
      support.say(anna, "team", GROUP, "and again")
      ben, ben_seen = user "ben"
      support.arrival(ben_seen, "and again", anna)
      assert.same({ "and again" }, texts(ben_seen.messages))
      assert.equal(0, send_code(ben, "team"))
      assert.same({ "team" }, joined(ben))
      assert.same({ "again", "while away", "and again", "may I?" }, texts(support.history(ben, "team", GROUP)))
      assert.same({ anna = OWNER, ben = NORMAL }, roles(anna, "team"))
    end)

    for how, act in pairs {
      ["logged out"] = function(ben)
        support.must(ben, "logout")
        support.must(ben, "login", "ben", "sig")
      end,
      ["ended his program"] = function(ben)
        ben:close()
        return user "ben"
      end,
    } do
      only_prosody(("rule 42: who was removed while away and invited back is in, though he %s before he heard it"):format(how), function()
        local ben, ben_seen = user "ben"
        create { group_id = "team", group_type = timmsg.TIMGroup_Private }
        invite(anna, "team", "ben")
        support.say(anna, "team", GROUP, "welcome")
        support.arrival(ben_seen, "welcome", anna)
        support.must(ben, "logout")
        remove(anna, "team", "ben")
        support.send_many(anna, "team", GROUP, "without ben ", 110) -- more than one page of an archive
        invite(anna, "team", "ben")
        support.say(anna, "team", GROUP, "back")
        support.say(anna, "ben", timmsg.C2C, "are you back?")
        support.xmpp_server():lose("presence", team_room())
        support.must(ben, "login", "ben", "sig")
        support.arrival(ben_seen, "are you back?", anna) -- his own archive was read
        local again, again_seen = act(ben)
        ben, ben_seen = again or ben, again_seen or ben_seen
        support.arrival(ben_seen, "back", anna)
        support.eventually(function() return send_code(ben, "team") == 0 end, ben, anna)
        assert.same({ "team" }, joined(ben))
        local heard = texts(ben_seen.messages)
        assert.same({ "back" }, { heard[#heard] })
        local other = support.device(dir, "ben", "other")
        support.eventually(function() return joined(other)[1] == "team" end, other, ben, anna)
      end)
    end

    it("rule 42: whom an admin has removed since stays out when the owner hears only then who had brought him in", function()
      local adam, ben, cora = user "adam", user "ben", user "cora"
      create { group_id = "team", group_type = timmsg.TIMGroup_Private }
      invite(anna, "team", "adam", "ben")
      assert.equal(0, set_role(anna, "team", "adam", ADMIN))
      support.eventually(function() return joined(adam)[1] and joined(ben)[1] and roles(adam, "team").adam == ADMIN end, adam, ben)
      support.must(anna, "logout")
      assert.equal(0, (invite(ben, "team", "cora")))
      support.eventually(function() return joined(cora)[1] and roles(adam, "team").cora end, adam, ben, cora)
      support.send_many(ben, "team", GROUP, "with cora ", 110) -- more than one page of an archive
      assert.same({ 0, { timmsg.TIMGroupMember_HandledSuc } }, { remove(adam, "team", "cora") })
      support.say(ben, "team", GROUP, "without cora")
      support.must(anna, "login", "anna", "sig")
      support.arrival(seen, "without cora", adam, ben, cora)
      support.idle(500, anna, adam, ben, cora)
      for _, client in ipairs { anna, adam } do
        assert.same({ anna = OWNER, adam = ADMIN, ben = NORMAL }, roles(client, "team"))
      end
      support.eventually(function() return #joined(cora) == 0 end, cora)
    end)

    it("rule 42: who was away hears of it though neither owner nor admins are there", function()
      local adam, ben, ben_seen = user "adam", user "ben"
      local cora = user "cora"
      for _, group in ipairs { "annas", "adams" } do
        support.group(anna, group, "adam", "ben", "cora")
        assert.equal(0, set_role(anna, group, "adam", ADMIN))
        support.say(cora, group, GROUP, "hello " .. group)
        support.arrival(ben_seen, "hello " .. group, anna, adam, cora)
      end
      support.must(ben, "logout")
      assert.same({ 0, { timmsg.TIMGroupMember_HandledSuc } }, { remove(anna, "annas", "ben") })
      support.eventually(function() return roles(adam, "adams").adam == ADMIN end, adam)
      assert.same({ 0, { timmsg.TIMGroupMember_HandledSuc } }, { remove(adam, "adams", "ben") })
      support.must(anna, "logout")
      support.must(adam, "logout")
      support.must(ben, "login", "ben", "sig")
      for _, group in ipairs { "annas", "adams" } do
        support.eventually(function() return send_code(ben, group) == DENIED end, ben, cora)
      end
      assert.same({}, joined(ben))
    end)
  end)

  describe("roles and name cards", function()
    it("rule 42: only the owner sets roles", function()
      local adam, ben = user "adam", user "ben"
      support.group(anna, "team", "adam", "ben")
      assert.equal(DENIED, set_role(ben, "team", "ben", ADMIN))
      assert.equal(0, set_role(anna, "team", "adam", ADMIN))
      assert.equal(DENIED, set_role(adam, "team", "ben", ADMIN))
      assert.equal(DENIED, set_role(adam, "team", "adam", NORMAL))
      assert.same({ anna = OWNER, adam = ADMIN, ben = NORMAL }, roles(ben, "team"))
      assert.equal(0, set_role(anna, "team", "adam", NORMAL))
      assert.equal(DENIED, (remove(adam, "team", "ben")))
      -- there is one owner
      assert.equal(timmsg.ERR_SVR_GROUP_INVALID_PARAMETERS, set_role(anna, "team", "ben", OWNER))
      assert.equal(timmsg.ERR_SVR_GROUP_INVALID_PARAMETERS, set_role(anna, "team", "anna", NORMAL))
      assert.equal(timmsg.ERR_SVR_GROUP_INVALID_PARAMETERS, set_role(anna, "team", "nobody", ADMIN))
      assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, set_role(anna, "other", "ben", ADMIN))
      assert.same({ anna = OWNER, adam = NORMAL, ben = NORMAL }, roles(ben, "team"))
    end)

    support.xmpp_only(it)("rule 45: name cards are none of XMPP's", function()
      support.group(anna, "team")
      assert.equal(timmsg.ERR_SVR_GROUP_INVALID_PARAMETERS, set_card(anna, "team", "anna", "Anna A."))
    end)

    support.hub_only(it)("rule 42: name cards are one's own, and theirs who rank higher to set", function()
      local adam, ben = user "adam", user "ben"
      support.group(anna, "team", "adam", "ben")
      set_role(anna, "team", "adam", ADMIN)
      assert.equal(0, set_card(ben, "team", "ben", "本 \"%d\""))
      assert.equal(DENIED, set_card(ben, "team", "adam", "x"))
      assert.equal(0, set_card(adam, "team", "ben", "Ben the 2nd"))
      assert.equal(DENIED, set_card(adam, "team", "anna", "x"))
      assert.equal(0, set_card(adam, "team", "adam", "Adam A."))
      local cards = {}
      for _, info in ipairs(member_infos(anna, "team")) do
        cards[info.group_member_info_identifier] = info.group_member_info_name_card
      end
      assert.same({ anna = "", adam = "Adam A.", ben = "Ben the 2nd" }, cards)
      assert.equal(ADMIN, roles(anna, "team").adam) -- a card is no role
    end)
  end)

  describe("members and groups", function()
    only_prosody("rule 3: are not told of where the connection breaks meanwhile", function()
      local server = support.xmpp_server()
      local line = proxy.start(server.c2s_port)
      finally(function() line:close() end)
      user("ben"):close()
      create { group_id = "team", group_type = timmsg.TIMGroup_Private, group_member_array = { { group_member_info_identifier = "ben" } } }
      local ben = support.keep(assert(timmsg.new { sdk_app_id = 1400000001, data_dir = dir .. "/ben",
        server = support.server(dir):gsub(":" .. server.c2s_port, ":" .. line.port) }))
      local function eventually(predicate)
        support.eventually(function()
          uv.run "nowait"
          return predicate()
        end, ben)
      end
      local answer
      local function note(...) answer = table.pack(...) end
      local function list()
        answer = nil
        assert(ben:group_get_joined_group_list(note))
      end
      assert(ben:login("ben", "sig", note))
      eventually(function() return answer end)
      list()
      eventually(function() return answer end)
      assert.equal(1, #answer[3])
      for _ = 1, 4 do -- it is asked again
        server:lose("info", team_room())
      end
      list()
      support.pump(math.floor(400 * support.PATIENCE), function() uv.run "nowait" end, ben)
      assert.is_nil(answer)
      line:cut "close"
      eventually(function() return answer end)
      assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, answer[1])
      assert.is_nil(answer[3])
      -- it is right again once the connection is back
      eventually(function()
        if answer and answer[1] ~= 0 then list() end
        return answer and answer[1] == 0
      end)
      local info = answer[3][1]
      assert.same({ "team", "The group", timmsg.TIMGroup_Private },
        { info.group_base_info_group_id, info.group_base_info_group_name, info.group_base_info_group_type })
    end)

    it("rule 42: lists members, all or those asked for", function()
      local before = os.time()
      user "ben":close()
      local cora = user "cora"
      support.group(anna, "team", "ben", "cora")
      local all = member_infos(cora, "team")
      assert.equal(3, #all)
      for _, info in ipairs(all) do
        local time = info.group_member_info_join_time
        -- a room does not know since when somebody is a member (rule 45)
        assert.is_true(support.is_hub and time >= before and time <= os.time() + 1 or not support.is_hub and time == 0)
        info.group_member_info_join_time = nil
      end
      table.sort(all, function(a, b) return a.group_member_info_identifier < b.group_member_info_identifier end)
      assert.same({
        group_member_info_identifier = "anna", group_member_info_member_role = OWNER, group_member_info_msg_flag = 0,
        group_member_info_msg_seq = 0, group_member_info_shutup_time = 0, group_member_info_name_card = "",
        group_member_info_custom_info = {},
      }, all[1])
      assert.equal("ben", all[2].group_member_info_identifier)
      assert.equal("cora", all[3].group_member_info_identifier)
      local some = member_infos(anna, "team", { "cora", "nobody" })
      assert.equal(1, #some)
      assert.equal("cora", some[1].group_member_info_identifier)
    end)

    it("rule 42: lists who came or went while the owner was away, though her next log-in was short", function()
      local ben, cora = user "ben", user "cora"
      support.group(anna, "team", "cora")
      support.eventually(function() return joined(cora)[1] end, anna, cora)
      support.must(anna, "logout")
      support.must(ben, "group_join", "team")
      support.must(cora, "group_quit", "team")
      support.send_many(ben, "team", GROUP, "without anna ", 450) -- pages of an archive
      local heard = #seen.messages
      support.must(anna, "login", "anna", "sig")
      support.eventually(function() return #seen.messages > heard end, anna)
      support.must(anna, "logout")
      support.must(anna, "login", "anna", "sig")
      support.say(ben, "team", GROUP, "there you are")
      support.arrival(seen, "there you are", ben)
      list_becomes("anna ben", anna, ben)
    end)

    for _, how in ipairs { "lose", "refuse" } do
      only_prosody(("rule 42: lists who came or went though the room did not change its list the first time (%s)"):format(how), function()
        local server, changes, ben = support.xmpp_server(), watch_changes(), user "ben"
        support.group(anna, "team")
        for _, one in ipairs { { "group_join", "anna ben" }, { "group_quit", "anna" } } do
          server[how](server, "change", team_room(), "internal-server-error")
          local before = changes()
          support.must(ben, one[1], "team")
          support.eventually(function() return changes() > before end, anna, ben)
          support.must(anna, "logout")
          support.must(anna, "login", "anna", "sig")
          list_becomes(one[2], anna, ben)
        end
      end)
    end

    only_prosody("rule 42: lists who joined though the room could not change its list just then", function()
      local server, changes, ben = support.xmpp_server(), watch_changes(), user "ben"
      support.group(anna, "team")
      server:refuse("change", team_room(), "internal-server-error")
      support.must(ben, "group_join", "team")
      support.eventually(function() return changes() == 1 end, anna, ben)
      support.idle(500, anna, ben)
      assert.equal(1, changes()) -- not at once
      list_becomes("anna ben", anna, ben)
      support.idle(500, anna, ben)
      assert.equal(2, changes())
    end)

    only_prosody("rule 42: lists nobody whom the owner or an admin has removed before it was changed", function()
      local server, changes, adam, ben = support.xmpp_server(), watch_changes(), user "adam", user "ben"
      support.group(anna, "team", "adam")
      assert.equal(0, set_role(anna, "team", "adam", ADMIN))
      support.eventually(function() return joined(adam)[1] and roles(adam, "team").adam == ADMIN end, anna, adam)
      support.must(adam, "logout")
      for _, remover in ipairs { "anna", "adam" } do
        server:lose("change", team_room())
        local before = changes()
        support.must(ben, "group_join", "team")
        support.eventually(function() return changes() > before end, anna, ben)
        if remover == "anna" then
          support.eventually(function() return roles(anna, "team").ben end, anna, ben)
          assert.same({ 0, { timmsg.TIMGroupMember_HandledSuc } }, { remove(anna, "team", "ben") })
          support.must(anna, "logout")
        else
          support.must(anna, "logout")
          support.must(adam, "login", "adam", "sig")
          support.eventually(function() return roles(adam, "team").ben end, adam, ben)
          assert.same({ 0, { timmsg.TIMGroupMember_HandledSuc } }, { remove(adam, "team", "ben") })
          support.say(adam, "team", GROUP, "without ben")
        end
        support.eventually(function() return #joined(ben) == 0 end, ben)
        support.must(anna, "login", "anna", "sig")
        if remover == "adam" then support.arrival(seen, "without ben", adam) end
        support.idle(500, anna, adam, ben)
        list_becomes("adam anna", anna, adam)
      end
    end)

    it("rule 42: who is no member sees neither members nor messages", function()
      local ben, ben_seen = user "ben"
      support.group(anna, "team")
      support.say(anna, "team", GROUP, "secret")
      assert.equal(DENIED, (support.call(ben, "group_get_member_info_list", { group_get_members_info_list_param_group_id = "team" })))
      assert.equal(DENIED, send_code(ben, "team"))
      local _, _, page = support.call(ben, "get_msg_list", "team", GROUP, { msg_getmsglist_param_is_remble = true })
      for _, msg in ipairs(page or {}) do
        assert.equal(timmsg.TIMMsg_SendFail, msg.message_status) -- his own attempt
      end
      support.say(anna, "ben", timmsg.C2C, "hello")
      support.arrival(ben_seen, "hello", anna)
      assert.equal(1, #ben_seen.messages)
    end)

    it("rule 42: lists the groups one is in", function()
      local ben = user "ben"
      assert.same({}, joined(ben))
      support.group(anna, "one", "ben")
      support.group(ben, "two")
      support.group(anna, "three")
      assert.same({ "one", "two" }, joined(ben))
      support.must(ben, "group_join", "three")
      support.must(ben, "group_quit", "one")
      assert.same({ "three", "two" }, joined(ben))
      support.must(anna, "group_delete", "three")
      assert.same({ "two" }, joined(ben))
    end)

    support.xmpp_only(it)("rule 42: asking for the list takes a moment, however many groups there are", function()
      local log = support.temp_dir()
      local ben = support.device(dir, "ben", nil, { log_file_path = log, log_level = timmsg.TIMLog_Verbose })
      local wanted = {}
      for i = 1, 20 do
        wanted[i] = ("g%02d"):format(i)
        create({ group_id = wanted[i] }, ben)
      end
      local before = #support.read_file(log .. "/timmsg.log")
      assert.same(wanted, joined(ben))
      -- the rooms are asked without waiting for one another
      local most, asked = 0, 0
      for direction, rest in support.read_file(log .. "/timmsg.log"):sub(before + 1):gmatch "xmpp: (%u%u%u%u): ([^\n]*)" do
        if rest:find "disco#info" then
          asked = asked + (direction == "SENT" and 1 or -1)
          most = math.max(most, asked)
        end
      end
      assert.is_true(most >= 5 and most <= 16, most)
    end)
  end)

  describe("delete", function()
    it("rule 42: only the owner may; then it is gone for all", function()
      local adam, adam_seen = user "adam"
      support.group(anna, "team", "adam")
      set_role(anna, "team", "adam", ADMIN)
      support.say(anna, "team", GROUP, "last words")
      support.arrival(adam_seen, "last words", anna)
      assert.equal(DENIED, (support.call(adam, "group_delete", "team")))
      support.must(anna, "group_delete", "team")
      for _, client in ipairs { anna, adam } do
        assert.same({}, joined(client))
        assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, send_code(client, "team"))
        assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, (support.call(client, "group_delete", "team")))
        assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, (support.call(client, "group_quit", "team")))
        -- what this device has stays until it is deleted here
        local kept = texts(support.history(client, "team", GROUP))
        assert.equal("last words", kept[1])
      end
    end)

    it("rule 42: a new one of the same id knows nothing of the old", function()
      local ben = user "ben"
      support.group(anna, "team", "ben")
      support.say(anna, "team", GROUP, "old")
      support.must(anna, "group_delete", "team")
      local cora = user "cora"
      support.group(cora, "team")
      support.say(cora, "team", GROUP, "new")
      assert.same({ cora = OWNER }, roles(cora, "team"))
      assert.same({ "new" }, texts(all_of(cora, "team")))
      assert.equal(DENIED, send_code(ben, "team"))
      assert.equal(DENIED, send_code(anna, "team"))
    end)

    it("rule 42: nor does a new one know members of the old who were away", function()
      local ben, ben_seen = user "ben"
      support.group(anna, "team", "ben")
      support.say(anna, "team", GROUP, "old")
      support.arrival(ben_seen, "old", anna)
      ben:close()
      support.must(anna, "group_delete", "team")
      local cora = user "cora"
      support.group(cora, "team")
      support.say(cora, "team", GROUP, "new")
      ben, ben_seen = user "ben"
      assert.equal(DENIED, send_code(ben, "team"))
      assert.same({}, joined(ben))
      assert.same({}, texts(ben_seen.messages))
      assert.same({ "old", "may I?" }, texts(support.history(ben, "team", GROUP)))
      assert.same({ cora = OWNER }, roles(cora, "team"))
      support.must(ben, "group_join", "team", "")
      assert.equal(0, send_code(ben, "team"))
    end)

    it("rule 42: nor is somebody in the new one who was invited into the old when away", function()
      user "ben":close()
      support.group(anna, "team", "ben")
      support.must(anna, "group_delete", "team")
      local cora = user "cora"
      support.group(cora, "team")
      support.say(cora, "team", GROUP, "new")
      support.say(cora, "ben", timmsg.C2C, "hello")
      local ben, ben_seen = user "ben"
      support.arrival(ben_seen, "hello", cora)
      assert.equal(DENIED, send_code(ben, "team"))
      assert.same({}, joined(ben))
      assert.same({ "hello" }, texts(ben_seen.messages))
      assert.same({ cora = OWNER }, roles(cora, "team"))
    end)

    it("rule 42: a new one of one's own is there on a device too that was in the old one", function()
      local first = support.device(dir, "ben", "first")
      local second = support.device(dir, "ben", "second")
      support.group(anna, "team", "ben")
      support.eventually(function() return #joined(first) == 1 and #joined(second) == 1 end, first, second)
      first:close()
      support.must(anna, "group_delete", "team")
      support.eventually(function() return #joined(second) == 0 end, second)
      support.group(second, "team")
      support.say(second, "team", GROUP, "mine")
      first = support.device(dir, "ben", "first")
      support.eventually(function() return send_code(first, "team") == 0 end, first)
      assert.same({ "team" }, joined(first))
      assert.same({ "team" }, joined((support.device(dir, "ben", "third"))))
      assert.same({ "team" }, joined(second))
    end)

    -- What a member sees of groups: texts, "+" and who came, "end" and who ended it.
    local function seen_of(msgs)
      local list = {}
      for i, msg in ipairs(msgs) do
        local elem = msg.message_elem_array[1]
        if elem.elem_type == timmsg.TIMElem_GroupTips then
          list[i] = "+" .. table.concat(elem.group_tips_elem_user_array, "+")
        elseif elem.elem_type == timmsg.TIMElem_GroupReport then
          list[i] = "end " .. elem.group_report_elem_op_user
        else
          list[i] = elem.text_elem_content
        end
      end
      return list
    end

    local hub_it = support.hub_only(it)

    hub_it("rule 42: is told to all members as the group's last message", function()
      local ben, ben_seen = user "ben"
      support.group(anna, "team", "ben")
      support.must(anna, "group_delete", "team")
      for _, one in ipairs { seen, ben_seen } do
        support.eventually(function() return #one.messages == 2 end, anna, ben)
        local msg = one.messages[2]
        assert.same({ {
          elem_type = timmsg.TIMElem_GroupReport, group_report_elem_report_type = 5, group_report_elem_group_id = "team",
          group_report_elem_op_user = "anna",
        } }, msg.message_elem_array)
        assert.equal(SYSTEM, msg.message_sender)
        assert.equal("team", msg.message_conv_id)
        assert.equal(GROUP, msg.message_conv_type)
        assert.equal(2, msg.message_seq)
        assert.is_false(msg.message_is_read)
        assert.is_false(msg.message_is_from_self)
      end
      assert.equal(2, support.conv(ben, "team", GROUP).conv_unread_num)
      support.must(ben, "report_readed", "team", GROUP)
      assert.equal(0, support.conv(ben, "team", GROUP).conv_unread_num)
    end)

    for _, comes in ipairs { false, true } do
      hub_it("rules 23, 42: who was away gets the rest of the old one, and its end, before the new one, "
        .. (comes and "which he is in" or "which he is not in"), function()
        local ben = user "ben"
        support.group(anna, "team", "ben")
        support.eventually(function() return support.conv(ben, "team", GROUP) end, ben)
        ben:close()
        for i = 1, 3 do support.say(anna, "team", GROUP, "old" .. i) end
        support.must(anna, "group_delete", "team")
        -- all in one second
        local cora, dora = user "cora", user "dora"
        support.group(cora, "team", "dora", comes and "ben" or nil)
        support.say(cora, "team", GROUP, "new")
        support.say(cora, "ben", timmsg.C2C, "hello")
        local expected = { "old1", "old2", "old3", "end anna" }
        if comes then table.move({ "+dora+ben", "new" }, 1, 2, #expected + 1, expected) end
        local ben_seen
        ben, ben_seen = user "ben"
        support.arrival(ben_seen, "hello", cora, dora)
        table.remove(ben_seen.messages)
        assert.same(expected, seen_of(ben_seen.messages))
        -- in the list too, however quickly one came after the other
        for _, msgs in ipairs { support.history(ben, "team", GROUP), all_of(ben, "team") } do
          assert.same({ "+ben", table.unpack(expected) }, seen_of(msgs))
        end
      end)
    end

    -- Somebody else can make a group of that id.
    local function is_free(id)
      local cora = user "cora"
      support.group(cora, id)
      assert.same({ cora = OWNER }, roles(cora, id))
    end

    -- An XMPP server doesn't ask whether the room still is there that somebody wants to enter: it makes it.
    only_prosody("rule 42: the id is free again, though a member was entering when the group ended", function()
      local ben = user "ben"
      ben:close()
      support.group(anna, "team", "ben")
      anna:close()
      support.xmpp_server():end_room(("team@conference.%s"):format(support.xmpp_host(dir)))
      ben = user "ben"
      support.eventually(function() return #joined(ben) == 0 end, ben)
      is_free "team"
    end)

    only_prosody("rule 42: nor is one a member who joined it when it ended", function()
      local ben = user "ben"
      support.group(anna, "team")
      support.xmpp_server():end_room(("team@conference.%s"):format(support.xmpp_host(dir)))
      assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, (support.call(ben, "group_join", "team", "")))
      assert.same({}, joined(ben))
      is_free "team"
    end)

    only_prosody("rule 42: nor does a message wait that went lost when the group ended", function()
      local ben = user "ben"
      support.group(anna, "team", "ben")
      assert.equal(0, send_code(ben, "team"))
      support.xmpp_server():lose("message", ("team@conference.%s"):format(support.xmpp_host(dir)))
      local code
      assert(ben:send_new_msg("team", GROUP, timmsg.text "lost", function(got) code = got end))
      support.idle(300, ben)
      support.must(anna, "group_delete", "team")
      support.eventually(function() return code end, ben)
      assert.equal(DENIED, code)
    end)

    only_prosody("a room that doesn't answer is entered again, before a message to it is late", function()
      local ben = user "ben"
      ben:close()
      support.group(anna, "team", "ben")
      support.xmpp_server():lose("presence", ("team@conference.%s"):format(support.xmpp_host(dir)))
      ben = user "ben"
      assert.equal(0, send_code(ben, "team"))
    end)
  end)

  describe("tips", function()
    it("rule 42: come as a message and as an event, with all keys", function()
      local events = {}
      anna:on("group_tips_event", function(list) table.move(list, 1, #list, #events + 1, events) end)
      local ben = user "ben"
      local before = os.time()
      create { group_id = "team", group_name = "Das \"Team\" 队" }
      support.must(ben, "group_join", "team", "hi")
      support.eventually(function() return seen.messages[1] and events[1] end, anna)
      local msg = seen.messages[1]
      assert.equal(SYSTEM, msg.message_sender)
      assert.equal("team", msg.message_conv_id)
      assert.equal(GROUP, msg.message_conv_type)
      assert.is_false(msg.message_is_from_self)
      if support.is_hub then assert.equal(1, msg.message_seq) end
      assert.same(msg.message_elem_array, events)
      local elem = events[1]
      assert.is_true(elem.group_tips_elem_time >= before and elem.group_tips_elem_time <= os.time() + 1)
      elem.group_tips_elem_time = nil
      assert.same({
        elem_type = timmsg.TIMElem_GroupTips, group_tips_elem_tip_type = 1, group_tips_elem_op_user = "ben",
        group_tips_elem_group_id = "team", group_tips_elem_group_name = "Das \"Team\" 队",
        group_tips_elem_user_array = { "ben" }, group_tips_elem_member_num = 2,
        group_tips_elem_group_change_info_array = {}, group_tips_elem_member_change_info_array = {},
      }, elem)
      -- one's own joining is told to oneself too, and all of it is in the store
      assert.same({ { 1, "ben", "ben", 2 } }, tips(support.history(anna, "team", GROUP)))
      assert.same({ { 1, "ben", "ben", 2 } }, tips(all_of(ben, "team")))
    end)

    it("rule 42: nobody can send one", function()
      support.group(anna, "team")
      local tip = {
        elem_type = timmsg.TIMElem_GroupTips, group_tips_elem_tip_type = 3, group_tips_elem_op_user = "anna",
        group_tips_elem_group_id = "team", group_tips_elem_user_array = { "ben" },
      }
      assert.equal(timmsg.TIM_ERR_JSON, (support.call(anna, "send_new_msg", "team", GROUP, { message_elem_array = { tip } })))
      assert.same({}, all_of(anna, "team"))
    end)
  end)
end)
