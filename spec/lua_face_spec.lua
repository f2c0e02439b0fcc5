-- The Lua face: methods, callbacks, events, polling, closing and await.

local core = require "timmsg.core"
local support = require "support"
local testing = require "timmsg.testing"
local timmsg = require "timmsg"
local uv = require "luv"
local web = require "web"

local C2C <const> = timmsg.C2C

local METHODS <const> = {
  "send_new_msg", "report_readed", "revoke", "find_by_msg_locator_list", "import_msg_list", "save_msg", "get_msg_list",
  "delete", "download_elem_to_path", "batch_send", "set_config", "login", "logout", "conv_create", "conv_delete",
  "conv_get_conv_list", "conv_set_draft", "conv_cancel_draft", "group_create", "group_delete", "group_join",
  "group_quit", "group_invite_member", "group_get_joined_group_list", "group_get_member_info_list",
  "group_delete_member", "group_modify_member_info",
}

local EVENTS <const> = {
  "recv_new_msg", "msg_readed_receipt", "msg_revoke", "msg_elem_upload_progress", "group_tips_event", "conv_event",
  "network_status", "kicked_offline", "log", "error",
}

local function nothing() end

local describe <const> = support.hub_only(describe)

describe("the Lua face", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(function()
    web.cleanup()
    support.cleanup()
  end)

  local function new(user, options) return support.new_client(dir, user, options) end

  -- Polls until `predicate()` is true.
  local function pump(predicate, ...) return assert.is_truthy(support.pump(support.DEADLINE_MS, predicate, ...)) end

  -- Makes a call whose completion has come but has not been polled.
  local function call_and_wait(tim, method, ...)
    assert(tim[method](tim, ...))
    assert.is_true(tim:wait(support.DEADLINE_MS))
  end

  -- Whether its descriptor is readable now.
  local function is_readable(tim)
    local watcher, readable = uv.new_poll(tim:pollfd()), false
    watcher:start("r", function() readable = true end)
    uv.run "nowait"
    watcher:close()
    uv.run "nowait"
    return readable
  end

  describe("module", function()
    it("has the constants under their C names without the k", function()
      assert.equal(0, timmsg.TIMElem_Text)
      assert.equal(9, timmsg.TIMElem_Video)
      assert.equal(6, timmsg.TIMMsg_Revoked)
      assert.equal(0, timmsg.TIM_SUCC)
      assert.equal(-3, timmsg.TIM_ERR_JSON)
      assert.equal(0, timmsg.ERR_SUCC)
      assert.equal(6222, timmsg.ERR_USER_CANCELED)
      assert.equal("message_sender", timmsg.TIMMsgSender)
      assert.equal("elem_type", timmsg.TIMElemType)
      assert.equal("msg_getmsglist_param_is_remble", timmsg.TIMMsgGetMsgListParamIsRamble)
      assert.is_nil(timmsg["kTIMElem_Text"])
    end)

    it("has short names and a version", function()
      assert.equal(timmsg.TIMConv_C2C, timmsg.C2C)
      assert.equal(timmsg.TIMConv_Group, timmsg.GROUP)
      assert.matches("^%d+%.%d+", timmsg.VERSION)
    end)
  end)

  describe("builders", function()
    local function elem_of(msg)
      assert.equal(1, #msg.message_elem_array)
      return msg.message_elem_array[1]
    end

    it("make messages", function()
      assert.same({ elem_type = 0, text_elem_content = "hi" }, elem_of(timmsg.text "hi"))
      assert.same({ elem_type = 6, face_elem_index = 3, face_elem_buf = "b" }, elem_of(timmsg.face(3, "b")))
      assert.same({
        elem_type = 7,
        location_elem_longitude = 113.9,
        location_elem_latitude = 22,
        location_elem_desc = "here",
      }, elem_of(timmsg.location(113.9, 22, "here")))
      assert.same({
        elem_type = 3,
        custom_elem_data = "data",
        custom_elem_desc = "desc",
        custom_elem_ext = "ext",
        custom_elem_sound = "ding",
      }, elem_of(timmsg.custom("data", "desc", "ext", "ding")))
      assert.same({ elem_type = 1, image_elem_orig_path = "a.png", image_elem_level = 2 }, elem_of(timmsg.image("a.png", 2)))
      assert.same({ elem_type = 2, sound_elem_file_path = "a.ogg", sound_elem_file_time = 5 }, elem_of(timmsg.sound("a.ogg", 5)))
      assert.same({ elem_type = 4, file_elem_file_path = "d/a.txt", file_elem_file_name = "b" }, elem_of(timmsg.file("d/a.txt", "b")))
      assert.same({
        elem_type = 9,
        video_elem_video_path = "d.e/film.MOV",
        video_elem_video_type = "mov",
        video_elem_video_duration = 7,
        video_elem_image_path = "still.jpeg",
        video_elem_image_type = "jpeg",
      }, elem_of(timmsg.video("d.e/film.MOV", "still.jpeg", 7)))
      assert.equal("mp4", elem_of(timmsg.video("d.e/film", "still")).video_elem_video_type)
    end)

    it("combine elements", function()
      local first, second = elem_of(timmsg.text "a"), elem_of(timmsg.face(1))
      local wanted = { message_elem_array = { first, second } }
      assert.same(wanted, timmsg.message(timmsg.text "a", timmsg.face(1)))
      assert.same(wanted, timmsg.message { timmsg.text "a", timmsg.face(1) })
      assert.same(wanted, timmsg.message(first, second))
      assert.same(wanted, timmsg.message { first, second })
      assert.same({ message_elem_array = { first } }, timmsg.message(first))
      assert.same({ message_elem_array = { first } }, timmsg.message(timmsg.text "a"))
    end)

    it("keep the other keys of what they combine", function()
      local msg = timmsg.text "a"
      msg.message_custom_int = 5
      local all = timmsg.message { msg, timmsg.face(1), message_priority = timmsg.TIMMsgPriority_High }
      assert.equal(2, #all.message_elem_array)
      assert.equal(1, #msg.message_elem_array)
      assert.equal(5, all.message_custom_int)
      assert.equal(timmsg.TIMMsgPriority_High, all.message_priority)
    end)

    it("make locators", function()
      local tim = new "user1"
      local msg = support.must(tim, "send_new_msg", "user1", C2C, timmsg.text "a")
      assert.same({
        message_locator_conv_id = "user1",
        message_locator_conv_type = C2C,
        message_locator_is_self = true,
        message_locator_rand = msg.message_rand,
        message_locator_seq = msg.message_seq,
        message_locator_time = msg.message_server_time,
        message_locator_unique_id = msg.message_unique_id,
      }, timmsg.locator(msg))
    end)

    it("raise argument errors at their caller", function()
      local function raises(pattern, build, ...)
        local args = table.pack(...)
        local ok, err = pcall(function()
          local msg = build(table.unpack(args, 1, args.n))
          return msg
        end)
        assert.is_false(ok)
        assert.matches("lua_face_spec%.lua:%d+: " .. pattern, err)
      end
      raises("bad argument #1 to 'text' %(string expected, got nil%)", timmsg.text)
      raises("bad argument #1 to 'text' %(string expected, got integer%)", timmsg.text, 1)
      raises("bad argument #1 to 'face' %(integer expected, got float%)", timmsg.face, 1.5)
      raises("bad argument #3 to 'location' %(string expected, got table%)", timmsg.location, 1, 2, {})
      raises("bad argument #2 to 'message' %(table expected, got string%)", timmsg.message, timmsg.text "a", "b")
      raises("bad argument #2 to 'message' %(Message or element expected%)", timmsg.message, timmsg.text "a", {})
      raises("bad argument #1 to 'locator'", timmsg.locator, {})
      -- no part is left out without a word
      raises("bad argument #1 to 'message' %(Message or element expected at 2, got nil%)", timmsg.message,
        { timmsg.text "a", nil, timmsg.text "b" })
      raises("bad argument #1 to 'message' %(Message or element expected at 1, got nil%)", timmsg.message, { nil, timmsg.text "b" })
      raises("bad argument #1 to 'message' %(Message or element expected at 2, got string%)", timmsg.message, { timmsg.text "a", "b" })
      raises("bad argument #1 to 'message' %(a list of parts and keys of a Message expected, got the key 1%.5%)", timmsg.message,
        { timmsg.text "a", [1.5] = timmsg.text "b" })
      raises("bad argument #2 to 'message' %(table expected, got nil%)", timmsg.message, timmsg.text "a", nil, timmsg.text "b")
    end)
  end)

  describe("new", function()
    it("makes a client", function()
      local tim = support.keep(assert(timmsg.new { sdk_app_id = 1, data_dir = dir .. "/a" }))
      assert.equal(0, (support.call(tim, "login", "user1", "sig")))
    end)

    it("takes config_file_path for data_dir, but not both", function()
      support.keep(assert(timmsg.new { config_file_path = dir .. "/a" }))
      assert.has_error(function() timmsg.new { config_file_path = dir .. "/a", data_dir = dir .. "/a" } end)
    end)

    it("takes the other options of the SdkConfig without their prefix", function()
      new(nil, { request_timeout_ms = 1000, revoke_window_s = 10, log_file_path = dir .. "/log" })
      new(nil, { data_dir = dir .. "/b", log_level = timmsg.TIMLog_Off })
    end)

    it("raises an error for an option that there is none of", function()
      for _, name in ipairs { "sever", "sdk_config_server", "Data_dir" } do
        local ok, err = pcall(timmsg.new, { data_dir = dir, [name] = "x" })
        assert.is_false(ok)
        assert.matches("there is no option '" .. name .. "'", err, 1, true)
      end
      assert.has_error(function() timmsg.new { "x" } end)
    end)

    it("does not take options that only a metatable has for none", function()
      local inherits = setmetatable({}, { __index = { data_dir = dir .. "/a" } })
      assert.error_matches(function() timmsg.new(inherits) end, "bad argument #1 to 'new' %(an empty table with a metatable%)")
      rawset(inherits, "data_dir", dir .. "/a")
      support.keep(assert(timmsg.new(inherits)))
    end)

    it("raises an error for a wrong type", function()
      ---@diagnostic disable: assign-type-mismatch, param-type-mismatch
      assert.error_matches(function() timmsg.new { data_dir = 1 } end, "option 'data_dir': string expected, got number")
      assert.error_matches(function() timmsg.new { sdk_app_id = "1" } end, "option 'sdk_app_id': integer expected")
      assert.error_matches(function() timmsg.new { log_level = 1.5 } end, "option 'log_level': integer expected")
      assert.error_matches(function() timmsg.new { request_timeout_ms = "1" } end, "integer expected, got string")
      assert.has_error(timmsg.new)
      assert.has_error(function() timmsg.new "x" end)
      ---@diagnostic enable: assign-type-mismatch, param-type-mismatch
    end)

    it("returns nil, message, code for a wrong value", function()
      local tim, message, code = timmsg.new { data_dir = dir .. "/a", request_timeout_ms = -1 }
      assert.is_nil(tim)
      assert.matches("^sdk_config_request_timeout_ms: ", message)
      assert.equal(timmsg.TIM_ERR_PARAM, code)
      tim, message, code = timmsg.new { data_dir = dir .. "/a", server = "nonsense:x" }
      assert.is_nil(tim)
      assert.is_string(message)
      assert.equal(timmsg.TIM_ERR_PARAM, code)
      ---@diagnostic disable-next-line: assign-type-mismatch
      tim, message, code = timmsg.new { data_dir = dir .. "/a", log_level = 99 }
      assert.is_nil(tim)
      assert.matches("^set_config_log_level: ", message)
      assert.equal(timmsg.TIM_ERR_PARAM, code)
      tim, message, code = timmsg.new { data_dir = "a\0b" }
      assert.is_nil(tim)
      assert.matches("^sdk_config_config_file_path: a NUL", message)
      assert.equal(timmsg.TIM_ERR_JSON, code)
    end)
  end)

  describe("methods", function()
    it("are there, and no others", function()
      local tim = new()
      for _, name in ipairs(METHODS) do
        assert.is_function(tim[name], name)
        assert.is_function(tim.await[name], name)
      end
      assert.is_nil(tim.send_message)
      assert.is_nil(tim[1])
      assert.is_nil(tim.await.poll)
    end)

    it("return true, and their callback mirrors the C one", function()
      local tim = new "user1"
      local got
      assert.is_true(tim:send_new_msg("user1", C2C, timmsg.text "hi", function(...) got = table.pack(...) end))
      assert.is_nil(got)
      pump(function() return got end, tim)
      assert.equal(3, got.n)
      assert.equal(0, got[1])
      assert.equal("", got[2])
      assert.equal("hi", got[3].message_elem_array[1].text_elem_content)

      got = nil
      assert.is_true(tim:report_readed("user1", C2C, nil, function(...) got = table.pack(...) end))
      pump(function() return got end, tim)
      assert.same({ n = 3, 0, "" }, got)
    end)

    it("tell a failure with code and sentence", function()
      local tim = new "user1"
      local code, desc, result = support.call(tim, "send_new_msg", "nobody", C2C, timmsg.text "hi")
      assert.equal(timmsg.ERR_SVR_MSG_INVALID_ID, code)
      assert.is_true(#desc > 0)
      assert.equal(timmsg.TIMMsg_SendFail, result.message_status)
      code, desc, result = support.call(tim, "group_join", "nowhere", "hello")
      assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, code)
      assert.is_true(#desc > 0)
      assert.is_nil(result)
    end)

    it("take their optional arguments or not", function()
      local tim = new()
      assert.equal(0, (support.call(tim, "login", "user1")))
      assert.equal(0, (support.call(tim, "report_readed", "user1", C2C)))
      assert.equal(0, (support.call(tim, "report_readed", "user1", C2C, nil)))
      assert.equal(0, (support.call(tim, "report_readed", "user1", C2C, {})))
      assert.equal(0, (support.call(tim, "set_config")))
      assert.equal(0, (support.call(tim, "logout")))
    end)

    it("take their callback last, also behind a nil that is one too many", function()
      local tim = new "user1"
      for _, args in ipairs {
        table.pack("conv_get_conv_list", nil), table.pack("conv_get_conv_list", nil, nil),
        table.pack("report_readed", "user1", C2C, nil, nil),
        table.pack("send_new_msg", "user1", C2C, timmsg.text "hi", nil), table.pack("login", "user1", nil, nil),
      } do
        local n, got = args.n + 1, nil
        args[n] = function(code) got = code end
        assert.is_true(tim[args[1]](tim, table.unpack(args, 2, n)))
        pump(function() return got end, tim)
        assert.equal(0, got)
        args[n] = {}
        assert.error_matches(function() tim[args[1]](tim, table.unpack(args, 2, n)) end, "#" .. n .. ".*function expected, got table")
      end
    end)

    it("take a callback where C has none", function()
      local tim = new "user1"
      assert.equal(0, (support.call(tim, "conv_set_draft", "user2", C2C, { draft_msg = timmsg.text "unsaid" })))
      local convs = support.must(tim, "conv_get_conv_list")
      assert.equal("unsaid", convs[1].conv_draft.draft_msg.message_elem_array[1].text_elem_content)
      assert.equal(0, (support.call(tim, "conv_cancel_draft", "user2", C2C)))
    end)

    it("need no callback: a failure goes to the error event", function()
      local tim = new "user1"
      local got = {}
      tim:on("error", function(...) got[#got + 1] = table.pack(...) end)
      assert.is_true(tim:send_new_msg("user1", C2C, timmsg.text "fine"))
      assert.is_true(tim:send_new_msg("nobody", C2C, timmsg.text "hi"))
      pump(function() return #got > 0 end, tim)
      assert.equal(1, #got)
      assert.equal(2, got[1].n)
      assert.matches("^send_new_msg: .+ %(20003%)$", got[1][1])
      assert.is_nil(got[1][2])
    end)

    it("tell nobody of a failure where an error handler made them", function()
      local tim, other = new "user1", new "user2"
      local told, heard = 0, 0
      local function report(text)
        told = told + 1
        assert.is_true(tim:send_new_msg("nobody", C2C, timmsg.text(tostring(text))))
        assert.is_true(other:send_new_msg("nobody", C2C, timmsg.text(tostring(text))))
        assert.is_true(tim:send_new_msg("nobody", C2C, timmsg.text "x", function() heard = heard + 1 end))
      end
      tim:on("error", report)
      other:on("error", report)
      for i = 1, 2 do
        assert.is_true(tim:send_new_msg("nobody", C2C, timmsg.text "hi"))
        pump(function() return heard == i end, tim, other)
        support.idle(50, tim, other)
        assert.same({ i, i }, { told, heard })
      end
    end)

    it("need no error handler either", function()
      local tim = new "user1"
      assert.is_true(tim:send_new_msg("nobody", C2C, timmsg.text "hi"))
      support.must(tim, "conv_get_conv_list")
      support.idle(50, tim)
    end)

    it("take a locator where a message says which one is meant", function()
      local tim = new "user1"
      local function send(text) return support.must(tim, "send_new_msg", "user1", C2C, timmsg.text(text)) end
      local function texts()
        local all = {}
        for i, msg in ipairs(support.must(tim, "get_msg_list", "user1", C2C, {})) do
          local elem = (msg.message_elem_array or {})[1]
          all[i] = elem and elem.text_elem_content or "-"
        end
        return table.concat(all)
      end
      local a, b, c, d = send "a", send "b", send "c", send "d"
      assert.equal("dcba", texts())
      support.must(tim, "report_readed", "user1", C2C, timmsg.locator(b))
      support.must(tim, "revoke", "user1", C2C, timmsg.locator(a))
      assert.equal("dcb-", texts())
      support.must(tim, "delete", "user1", C2C, { msg_delete_param_msg = timmsg.locator(b) })
      assert.equal("dc-", texts())
      support.must(tim, "delete", "user1", C2C, timmsg.locator(c))
      assert.equal("d-", texts())
      support.must(tim, "delete", "user1", C2C, d)
      assert.equal("-", texts())
      support.must(tim, "delete", "user1", C2C, {})
      assert.equal("", texts())
    end)

    it("name a locator's own key when it is wrong", function()
      local tim = new "user1"
      local ok, message, code = tim:revoke("user1", C2C, { message_locator_seq = "1", message_locator_rand = 1 })
      assert.is_nil(ok)
      assert.matches("^message_locator_seq: expected an integer", message)
      assert.equal(timmsg.TIM_ERR_JSON, code)
      ok, message = tim:delete("user1", C2C, { msg_delete_param_msg = { message_locator_seq = "1" } })
      assert.is_nil(ok)
      assert.matches("^msg_delete_param_msg%.message_locator_seq: ", message)
    end)
  end)

  describe("a programmer's error", function()
    local function raises(pattern, f, ...)
      local ok, err = pcall(f, ...)
      assert.is_false(ok)
      assert.matches(pattern, err)
    end

    it("in an argument's type is raised", function()
      local tim = new "user1"
      local msg = timmsg.text "a"
      raises("string expected, got number", tim.send_new_msg, tim, 1, C2C, msg)
      raises("string expected, got no value", tim.send_new_msg, tim)
      raises("number expected, got string", tim.send_new_msg, tim, "user2", "1", msg)
      raises("no integer representation", tim.send_new_msg, tim, "user2", 1.5, msg)
      raises("table expected, got string", tim.send_new_msg, tim, "user2", C2C, "a")
      raises("table expected, got nil", tim.send_new_msg, tim, "user2", C2C, nil, nothing)
      raises("table expected, got function", tim.send_new_msg, tim, "user2", C2C, nothing)
      raises("function expected, got table", tim.send_new_msg, tim, "user2", C2C, msg, {})
      raises("table expected, got string", tim.report_readed, tim, "user2", C2C, "a")
      raises("string expected, got number", tim.login, tim, "user1", 1)
      raises("timmsg.client expected", tim.send_new_msg, {}, "user2", C2C, msg)
      raises("timmsg.client expected", tim.poll, io.stdout)
      raises("a time in milliseconds expected", tim.poll, tim, -1)
      raises("a time in milliseconds expected", tim.wait, tim, 0 / 0)
      raises("number expected, got string", tim.poll, tim, "1")
    end)

    it("in an event's name is raised", function()
      local tim = new()
      raises("there is no event 'recv_new_message'", tim.on, tim, "recv_new_message", nothing)
      raises("there is no event 'x'", tim.off, tim, "x", nothing)
      raises("string expected, got nil", tim.on, tim, nil, nothing)
      raises("function expected, got nil", tim.on, tim, "log", nil)
      raises("a NUL in an event's name", tim.on, tim, "error\0junk", nothing)
      raises("a NUL in an event's name", tim.off, tim, "log\0", nothing)
      raises("a NUL in an option's name", timmsg.new, { ["data_dir\0junk"] = dir })
    end)

    it("on a closed client is raised", function()
      local tim = new "user1"
      tim:close()
      for _, name in ipairs(METHODS) do
        raises("client is closed", tim[name], tim, "user1", C2C, {})
      end
      raises("client is closed", tim.poll, tim)
      raises("client is closed", tim.wait, tim)
      raises("client is closed", tim.pollfd, tim)
      raises("client is closed", tim.events, tim)
      raises("client is closed", tim.timeout, tim)
      raises("client is closed", tim.user, tim)
      raises("client is closed", tim.on, tim, "log", nothing)
      raises("client is closed", tim.off, tim, "log", nothing)
      raises("client is closed", function() return tim.await:logout() end)
    end)

    it("is all that is raised: the rest is nil, message, code", function()
      local tim = new()
      local msg = timmsg.text "a"
      local function refuses(code, pattern, method, ...)
        local ok, message, got = tim[method](tim, ...)
        assert.is_nil(ok)
        assert.matches(pattern, message)
        assert.equal(code, got)
      end
      refuses(timmsg.TIM_ERR_NOTLOGIN, ".", "send_new_msg", "user2", C2C, msg)
      refuses(timmsg.TIM_ERR_NOTLOGIN, ".", "send_new_msg", "user2", C2C, { 0 / 0 })
      support.must(tim, "login", "user1", "sig")
      refuses(timmsg.TIM_ERR_CONV, "^conv_id: ", "send_new_msg", "", C2C, msg)
      refuses(timmsg.TIM_ERR_CONV, "^conv_id: ", "send_new_msg", ("x"):rep(49), C2C, msg)
      refuses(timmsg.TIM_ERR_CONV, "^conv_id: a NUL at byte 6", "send_new_msg", "user2\0", C2C, msg)
      refuses(timmsg.TIM_ERR_CONV, "^conv_type: 99 is", "send_new_msg", "user2", 99, msg)
      refuses(timmsg.TIM_ERR_CONV, "^conv_type: 4294967297 is", "send_new_msg", "user2", (1 << 32) + 1, msg)
      refuses(timmsg.TIM_ERR_CONV, "^conv_type: %-9223372036854775808 is", "send_new_msg", "user2", math.mininteger, msg)
      refuses(timmsg.TIM_ERR_JSON, "^message_elem_array: ", "send_new_msg", "user2", C2C, {})
      refuses(timmsg.TIM_ERR_JSON, "^user_id: a NUL", "login", "user\0001", "sig")
      refuses(timmsg.TIM_ERR_JSON, "^user_sig: a NUL", "login", "user1", "s\0")
      refuses(timmsg.TIM_ERR_JSON, "^path: a NUL", "download_elem_to_path", {}, dir .. "/a\0")
      refuses(timmsg.TIM_ERR_PARAM, ".", "get_msg_list", "user2", C2C, { msg_getmsglist_param_count = 1001 })
    end)

    it("leaves no callback behind", function()
      local tim = new "user1"
      local weak = setmetatable({ function() return tim end }, { __mode = "v" })
      assert.is_nil((tim:send_new_msg("", C2C, timmsg.text "a", weak[1])))
      collectgarbage()
      assert.is_nil(weak[1])
    end)
  end)

  describe("events", function()
    it("have these names", function()
      local tim = new()
      for _, event in ipairs(EVENTS) do
        assert.equal(nothing, tim:on(event, nothing))
        assert.is_true(tim:off(event, nothing))
        assert.is_false(tim:off(event, nothing))
      end
    end)

    it("bring new messages", function()
      local sender, receiver = new "user1", new "user2"
      local got
      receiver:on("recv_new_msg", function(...) got = table.pack(...) end)
      support.must(sender, "send_new_msg", "user2", C2C, timmsg.text "hi")
      pump(function() return got end, receiver)
      assert.equal(1, got.n)
      assert.equal(1, #got[1])
      assert.equal("hi", got[1][1].message_elem_array[1].text_elem_content)
      assert.equal("user1", got[1][1].message_sender)
    end)

    it("go to who handles them when poll comes to them, though nobody did when they came", function()
      local sender, receiver = new "user1", new "user2"
      local got, told = {}, {}
      support.idle(20, receiver)
      local function send(text)
        support.must(sender, "send_new_msg", "user2", C2C, timmsg.text(text))
        support.eventually(function() return is_readable(receiver) end, sender)
      end
      send "early"
      receiver:on("recv_new_msg", function(msgs) table.move(msgs, 1, #msgs, #got + 1, got) end)
      receiver:on("conv_event", function(_, convs) told[#told + 1] = convs[1].conv_id end)
      pump(function() return got[1] and told[1] end, receiver)
      assert.same({ "early" }, support.texts(got))
      assert.same({ "user1" }, told)
    end)

    it("go to nobody when nobody handles them then", function()
      local sender, receiver = new "user1", new "user2"
      support.idle(20, receiver)
      support.must(sender, "send_new_msg", "user2", C2C, timmsg.text "unheard")
      support.eventually(function() return is_readable(receiver) end, sender)
      local got = {}
      local function handler(msgs) table.move(msgs, 1, #msgs, #got + 1, got) end
      support.eventually(function() -- the conversation's comes behind the message's
        assert.equal(0, receiver:poll())
        assert.is_false(receiver:wait(0))
        return not is_readable(receiver)
      end)
      receiver:on("recv_new_msg", handler)
      support.must(sender, "send_new_msg", "user2", C2C, timmsg.text "heard")
      pump(function() return got[1] end, receiver)
      assert.same({ "heard" }, support.texts(got))
    end)

    it("bring receipts", function()
      local sender, receiver = new "user1", new "user2"
      support.must(sender, "set_config", { set_config_user_config = { user_config_is_read_receipt = true } })
      local msgs, got
      receiver:on("recv_new_msg", function(new_msgs) msgs = new_msgs end)
      sender:on("msg_readed_receipt", function(...) got = table.pack(...) end)
      support.must(sender, "send_new_msg", "user2", C2C, timmsg.text "hi")
      pump(function() return msgs end, receiver)
      support.must(receiver, "report_readed", "user1", C2C, msgs[1])
      pump(function() return got end, sender)
      assert.equal(1, got.n)
      assert.equal("user2", got[1][1].msg_receipt_conv_id)
      assert.equal(C2C, got[1][1].msg_receipt_conv_type)
      assert.equal("integer", math.type(got[1][1].msg_receipt_time_stamp))
    end)

    it("bring revokes", function()
      local sender, receiver = new "user1", new "user2"
      local got
      receiver:on("msg_revoke", function(...) got = table.pack(...) end)
      local msg = support.must(sender, "send_new_msg", "user2", C2C, timmsg.text "hi")
      support.must(sender, "revoke", "user2", C2C, msg)
      pump(function() return got end, receiver)
      assert.equal(1, got.n)
      assert.equal(msg.message_rand, got[1][1].message_locator_rand)
      assert.equal(msg.message_seq, got[1][1].message_locator_seq)
    end)

    it("bring an upload's progress, with the element's index from 1", function()
      local tim = new "user1"
      local got = {}
      tim:on("msg_elem_upload_progress", function(...) got[#got + 1] = table.pack(...) end)
      local path = support.write_file(dir .. "/a.txt", ("x"):rep(100000))
      support.must(tim, "send_new_msg", "user1", C2C, timmsg.message(timmsg.text "see", timmsg.file(path)))
      assert.is_true(#got > 0)
      local last = got[#got]
      assert.equal(4, last.n)
      assert.equal("see", last[1].message_elem_array[1].text_elem_content)
      assert.equal(2, last[2])
      assert.equal(100000, last[3])
      assert.equal(100000, last[4])
    end)

    it("bring conversations and tips", function()
      local tim = new "user1"
      local convs, tips = {}, {}
      tim:on("conv_event", function(event, list) convs[#convs + 1] = { event, list } end)
      tim:on("group_tips_event", function(list) tips[#tips + 1] = list end)
      support.must(tim, "send_new_msg", "user1", C2C, timmsg.text "hi")
      pump(function() return #convs > 0 end, tim)
      assert.equal(timmsg.TIMConvEvent_Add, convs[1][1])
      assert.equal("user1", convs[1][2][1].conv_id)

      new "user2"
      local group = support.must(tim, "group_create", {
        create_group_param_group_name = "g",
        create_group_param_group_type = timmsg.TIMGroup_Private,
      }).create_group_result_groupid
      support.must(tim, "group_invite_member", {
        group_invite_member_param_group_id = group,
        group_invite_member_param_identifier_array = { "user2" },
      })
      pump(function() return #tips > 0 end, tim)
      assert.equal(group, tips[1][1].group_tips_elem_group_id)
    end)

    it("bring the state of the connection and lines of the log", function()
      local tim = new()
      local states, lines = {}, {}
      tim:on("network_status", function(...) states[#states + 1] = table.pack(...) end)
      tim:on("log", function(...) lines[#lines + 1] = table.pack(...) end)
      support.must(tim, "login", "user1", "sig")
      pump(function() return #states > 0 end, tim)
      assert.equal(3, states[1].n)
      assert.equal("integer", math.type(states[1][1]))
      assert.equal("integer", math.type(states[1][2]))
      assert.is_string(states[1][3])
      tim:send_new_msg("user2", C2C, {})
      pump(function() return #lines > 0 end, tim)
      local last = lines[#lines]
      assert.same({ 2, timmsg.TIMLog_Error }, { last.n, last[1] })
      assert.matches("message_elem_array", last[2])
    end)

    it("have any number of handlers, which run in the order they came", function()
      local tim = new "user1"
      local order = {}
      for i = 1, 10 do
        tim:on("recv_new_msg", function() order[#order + 1] = i end)
      end
      local sender = new "user2"
      support.must(sender, "send_new_msg", "user1", C2C, timmsg.text "hi")
      pump(function() return #order >= 10 end, tim)
      assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, order)
    end)

    -- A refused call logs a line, so one "log" event.
    local function cause(tim)
      assert.is_nil((tim:send_new_msg("user2", C2C, {})))
      tim:poll()
    end

    it("run handlers added during a delivery with the next", function()
      local tim = new "user1"
      local count = 0
      tim:on("log", function()
        tim:on("log", function() count = count + 1 end)
      end)
      cause(tim)
      assert.equal(0, count)
      cause(tim)
      assert.equal(1, count)
      cause(tim)
      assert.equal(3, count)
    end)

    -- The lines of the client's log that match.
    local function logged(user, pattern)
      local _, count = support.read_file(dir .. "/" .. user .. "-log/timmsg.log"):gsub(pattern, "")
      return count
    end

    local function logging(user) return new(user, { log_file_path = dir .. "/" .. user .. "-log" }) end

    it("rule 1: do not run for what calls log that a handler of log makes", function()
      local tim, other = logging "user1", logging "user2"
      local lines, others, errors, failed = {}, 0, 0, 0
      tim:on("log", function(_, text)
        lines[#lines + 1] = text
        assert.is_nil((tim:send_new_msg("user2", C2C, {})))
        assert.is_nil((other:send_new_msg("user1", C2C, {})))
        assert(tim:send_new_msg("nobody", C2C, timmsg.text(text), function() failed = failed + 1 end))
        assert(tim:send_new_msg("user2", C2C, timmsg.file(dir .. "/none"), function() failed = failed + 1 end))
        error "nor for what those of error do then"
      end)
      tim:on("error", function()
        errors = errors + 1
        assert.is_nil((tim:send_new_msg("user2", C2C, {})))
      end)
      other:on("log", function()
        others = others + 1
        assert.is_nil((tim:send_new_msg("user2", C2C, {})))
      end)
      for i = 1, 2 do
        assert.is_nil((tim:revoke("user2", C2C, {})))
        pump(function() return failed == 2 * i end, tim, other)
        support.idle(20, tim, other)
        assert.same({ i, 0, i }, { #lines, others, errors })
      end
      assert.matches("TIMMsgRevoke refused", lines[2])
      assert.equal(4, logged("user1", "TIMMsgSendNewMsg refused"))
      assert.equal(2, logged("user2", "TIMMsgSendNewMsg refused"))
      assert.equal(4, logged("user1", "TIMMsgSendNewMsg failed"))
      assert.is_nil((other:revoke("user1", C2C, {})))
      support.idle(20, tim, other)
      assert.same({ 2, 1 }, { #lines, others })
    end)

    it("run handlers added after the event came but before it is delivered", function()
      local tim = new "user1"
      local count = 0
      tim:on("log", nothing)
      assert.is_nil((tim:send_new_msg("user2", C2C, {})))
      assert.is_true(tim:wait(0))
      tim:on("log", function() count = count + 1 end)
      tim:poll()
      assert.equal(1, count)
    end)

    it("don't run handlers removed during a delivery", function()
      local tim = new "user1"
      local ran = {}
      local function second() ran[#ran + 1] = "second" end
      local function first()
        ran[#ran + 1] = "first"
        tim:off("log", first)
        tim:off("log", second)
      end
      tim:on("log", first)
      tim:on("log", second)
      tim:on("log", function() ran[#ran + 1] = "third" end)
      cause(tim)
      assert.same({ "first", "third" }, ran)
      cause(tim)
      assert.same({ "first", "third", "third" }, ran)
    end)

    it("run a handler as often as it was added", function()
      local tim = new "user1"
      local count = 0
      local function handler() count = count + 1 end
      tim:on("log", handler)
      tim:on("log", handler)
      cause(tim)
      assert.equal(2, count)
      assert.is_true(tim:off("log", handler))
      cause(tim)
      assert.equal(3, count)
      assert.is_true(tim:off("log", handler))
      assert.is_false(tim:off("log", handler))
      cause(tim)
      assert.equal(3, count)
    end)
  end)

  describe("a callback that raises", function()
    local function boom(err)
      return function() error(err, 0) end
    end

    it("tells the error handlers, with a traceback", function()
      local tim = new "user1"
      local err, got = { "an error" }, {}
      local function deep() error(err) end
      tim:on("error", function(...) got[#got + 1] = table.pack(...) end)
      tim:on("error", function(e) got[#got + 1] = e end)
      tim:conv_get_conv_list(function() deep() end)
      pump(function() return #got > 0 end, tim)
      assert.equal(2, got[1].n)
      assert.equal(err, got[1][1])
      assert.matches("^stack traceback:", got[1][2])
      assert.matches("lua_face_spec%.lua", got[1][2])
      assert.equal(err, got[2])
    end)

    it("raises its error unchanged out of poll where there is no handler", function()
      local tim = new "user1"
      for _, err in ipairs { {}, "text", 5, false, function() end } do
        call_and_wait(tim, "conv_get_conv_list", boom(err))
        local ok, raised = pcall(tim.poll, tim)
        assert.is_false(ok)
        assert.equal(err, raised)
      end
      call_and_wait(tim, "conv_get_conv_list", boom(nil))
      local result = table.pack(pcall(tim.poll, tim))
      assert.same({ n = 2, false }, result)
    end)

    it("leaves the queue in order", function()
      local tim = new "user1"
      local order = {}
      for i = 1, 5 do
        assert(tim:conv_get_conv_list(function()
          order[#order + 1] = i
          if i % 2 == 0 then error(i, 0) end
        end))
      end
      local raised = {}
      pump(function()
        local ok, err = pcall(tim.poll, tim)
        if not ok then raised[#raised + 1] = err end
        return #order == 5
      end)
      assert.same({ 1, 2, 3, 4, 5 }, order)
      assert.same({ 2, 4 }, raised)
      assert.is_true(tim:poll() >= 0)
    end)

    it("leaves the rest for the next poll, and the descriptor says so", function()
      local tim = new "user1"
      local count = 0
      call_and_wait(tim, "conv_get_conv_list", boom "first")
      assert(tim:conv_get_conv_list(function() count = count + 1 end))
      assert.error_matches(function() tim:poll() end, "first")
      pump(function() return count == 1 end, tim)
    end)

    it("leaves nothing behind that poll would find", function()
      local tim = new "user1"
      support.idle(20, tim)
      call_and_wait(tim, "conv_get_conv_list", boom "err")
      assert.error_matches(function() tim:poll() end, "err")
      assert.is_nil(tim:timeout())
      assert.is_false(tim:wait(0))
      assert.equal(0, tim:poll())
    end)

    it("doesn't keep an event from the other handlers", function()
      local tim = new "user1"
      local count = 0
      tim:on("log", boom "one")
      tim:on("log", function() count = count + 1 end)
      tim:on("log", boom "two")
      assert.is_nil((tim:send_new_msg("user2", C2C, {})))
      local ok, err = pcall(tim.poll, tim)
      assert.same({ false, "one" }, { ok, err })
      assert.equal(1, count)
      assert.equal(0, tim:timeout()) -- the second error waits
      ok, err = pcall(tim.poll, tim)
      assert.same({ false, "two" }, { ok, err })
      assert.is_true(pcall(tim.poll, tim))
    end)

    it("raises the error of an error handler out of poll", function()
      local tim = new "user1"
      local heard = 0
      tim:on("error", boom "from the handler")
      tim:on("error", function() heard = heard + 1 end)
      call_and_wait(tim, "conv_get_conv_list", boom "from the callback")
      local ok, err = pcall(tim.poll, tim)
      assert.same({ false, "from the handler" }, { ok, err })
      assert.equal(1, heard)
    end)

    it("may try to yield, which is an error", function()
      local tim = new "user1"
      local got
      tim:on("error", function(err) got = err end)
      coroutine.wrap(function()
        call_and_wait(tim, "conv_get_conv_list", function() coroutine.yield() end)
        pump(function() return got end, tim)
      end)()
      assert.matches("yield", got)
    end)
  end)

  describe("poll", function()
    it("returns how many it handled", function()
      local tim = new "user1"
      support.idle(20, tim)
      assert.equal(0, tim:poll())
      local count = 0
      for _ = 1, 3 do
        assert(tim:conv_get_conv_list(function() count = count + 1 end))
      end
      local handled = 0
      pump(function()
        handled = handled + tim:poll()
        return count == 3
      end, tim)
      assert.is_true(handled <= 3)
    end)

    it("leaves what its callbacks bring about for the next", function()
      local tim = new "user1"
      local lines = 0
      tim:on("log", function() lines = lines + 1 end)
      call_and_wait(tim, "conv_get_conv_list", function()
        assert.is_nil((tim:send_new_msg("user2", C2C, {}))) -- which logs a line
      end)
      for i = 0, 1 do
        assert.equal(1, tim:poll())
        assert.equal(i, lines)
      end
    end)

    it("with a budget goes on until the time is over, and handles one at least", function()
      local tim = new "user1"
      local lines = 0
      tim:on("log", function()
        lines = lines + 1
        local start = support.now_ms()
        repeat until support.now_ms() - start >= 10
      end)
      for _ = 1, 100 do assert.is_nil((tim:send_new_msg("user2", C2C, {}))) end
      assert.equal(1, tim:poll(0))
      local start = support.now_ms()
      local handled = tim:poll(200)
      assert.is_true(handled > 1 and handled <= 20)
      assert.equal(1 + handled, lines)
      assert.is_true(support.now_ms() - start >= 200)
      assert.is_true(support.now_ms() - start < 4000)
    end)

    it("inside a callback returns nil, already polling", function()
      local tim, got = new "user1", nil
      tim:conv_get_conv_list(function() got = table.pack(tim:poll()) end)
      pump(function() return got end, tim)
      assert.same({ n = 2, nil, "already polling" }, got)
    end)

    it("of another client works inside a callback", function()
      local one, other = new "user1", new "user2"
      local got
      one:conv_get_conv_list(function() got = support.must(other, "conv_get_conv_list") end)
      pump(function() return got end, one)
      assert.same({}, got)
    end)

    it("runs callbacks that were registered in a coroutine long dead", function()
      local tim, got = new "user1", nil
      local weak = setmetatable({}, { __mode = "v" })
      do
        local co = coroutine.create(function() assert(tim:conv_get_conv_list(function() got = coroutine.running() end)) end)
        weak[1] = co
        assert(coroutine.resume(co))
      end
      collectgarbage()
      assert.is_nil(weak[1])
      local poller = coroutine.create(function() pump(function() return got end, tim) end)
      assert(coroutine.resume(poller))
      assert.equal(poller, got)
    end)

    it("can be waited for", function()
      local tim = new "user1"
      support.idle(20, tim)
      local start = support.now_ms()
      assert.is_false(tim:wait(30))
      assert.is_true(support.now_ms() - start >= 29)
      assert.is_nil(tim:timeout())
      call_and_wait(tim, "conv_get_conv_list", nothing)
      assert.equal(0, tim:timeout())
      assert.is_true(tim:wait())
      assert.is_true(tim:wait(0))
    end)

    it("can be waited for in an event loop", function()
      local tim = new "user1"
      support.idle(20, tim)
      assert.equal("r", tim:events())
      local done, readable = false, 0
      local watcher, timer = uv.new_poll(tim:pollfd()), uv.new_timer()
      watcher:start(tim:events(), function()
        readable = readable + 1
        tim:poll()
        if done then watcher:stop() end
      end)
      uv.run "nowait"
      assert.equal(0, readable)
      assert(tim:conv_get_conv_list(function() done = true end))
      timer:start(support.DEADLINE_MS, 0, function() watcher:stop() end)
      timer:unref()
      uv.run()
      assert.is_true(done)
      assert.is_true(readable > 0)
      watcher:close()
      timer:close()
      uv.run()
    end)
  end)

  describe("the descriptor", function()
    it("is readable as long as poll has something to do, whoever asks for that", function()
      local tim = new "user1"
      support.idle(20, tim)
      assert.is_false(is_readable(tim))
      for _, ask in ipairs { tim.timeout, tim.wait, function() return tim:wait(0) end } do
        call_and_wait(tim, "conv_get_conv_list", nothing)
        assert.is_true(is_readable(tim))
        ask(tim)
        assert.is_true(is_readable(tim))
        assert.equal(0, tim:timeout())
        assert.is_true(is_readable(tim))
        assert.equal(1, tim:poll())
        assert.is_false(is_readable(tim))
        assert.is_nil(tim:timeout())
      end
    end)

    it("is so too when an error ended a poll", function()
      local tim = new "user1"
      support.idle(20, tim)
      -- nothing is left
      call_and_wait(tim, "conv_get_conv_list", function() error "one" end)
      assert.error_matches(function() tim:poll() end, "one")
      assert.is_false(is_readable(tim))
      -- an error is left, of a letter that is gone
      tim:on("log", function() error("first", 0) end)
      tim:on("log", function() error("second", 0) end)
      assert.is_nil((tim:send_new_msg("user2", C2C, {})))
      assert.error_matches(function() tim:poll() end, "first")
      assert.is_true(is_readable(tim))
      assert.equal(0, tim:timeout())
      assert.is_true(is_readable(tim))
      assert.error_matches(function() tim:poll() end, "second")
      assert.is_false(is_readable(tim))
      assert.is_nil(tim:timeout())
    end)

    it("is so behind a poll with a budget, and whenever it is first asked for", function()
      local tim = new "user1"
      support.idle(20, tim)
      tim:on("log", function() error("first", 0) end)
      tim:on("log", function() error("second", 0) end)
      assert.is_nil((tim:send_new_msg("user2", C2C, {})))
      assert.error_matches(function() tim:poll(0) end, "first")
      assert.is_true(is_readable(tim))
      assert.error_matches(function() tim:poll(0) end, "second")
      assert.is_false(is_readable(tim))
    end)
  end)

  describe("inside a callback", function()
    it("nothing can be waited for: poll would refuse", function()
      local tim, got = new "user1", {}
      local function ask()
        got[#got + 1] = { n = select("#", tim:wait()), tim:wait() }
        got[#got + 1] = table.pack(tim:wait(10))
        got[#got + 1] = table.pack(tim:timeout())
      end
      tim:on("log", ask)
      call_and_wait(tim, "conv_get_conv_list", ask)
      assert.is_nil((tim:send_new_msg("user2", C2C, {})))
      pump(function() return #got == 6 end, tim)
      for i = 1, 6, 3 do
        assert.same({ n = 2, nil, "already polling" }, got[i])
        assert.same({ n = 2, nil, "already polling" }, got[i + 1])
        assert.same({ n = 1, nil }, got[i + 2])
      end
      assert.has_error(function() tim:wait(-1) end)
    end)

    it("that which close runs neither", function()
      local tim, got = new "user1", nil
      assert(tim:after(60000, function(code) got = table.pack(code, tim:wait()) end))
      tim:close()
      assert.same({ n = 3, timmsg.ERR_USER_CANCELED, nil, "already polling" }, got)
    end)

    it("asking what there is does not keep poll going", function()
      local tim, ticks = new "user1", 0
      support.idle(20, tim)
      local function tick()
        ticks = ticks + 1
        if ticks == 100 then return end
        assert(tim:conv_get_conv_list(tick))
        tim:timeout()
        tim:wait(20)
        -- it has come before this callback ends
        local deadline = support.now_ms() + 5
        repeat until support.now_ms() >= deadline
      end
      call_and_wait(tim, "conv_get_conv_list", tick)
      assert.equal(1, tim:poll())
      assert.equal(1, ticks)
    end)

    it("calls can be made and handlers added", function()
      local tim, got = new "user1", nil
      tim:send_new_msg("user1", C2C, timmsg.text "a", function(_, _, msg)
        tim:on("conv_event", nothing)
        tim:revoke("user1", C2C, msg, function(code)
          got = code
          tim:off("conv_event", nothing)
        end)
      end)
      pump(function() return got end, tim)
      assert.equal(0, got)
    end)

    it("the client can be closed", function()
      local tim = new "user1"
      local order = {}
      for i = 1, 5 do
        assert(tim:conv_get_conv_list(function()
          order[#order + 1] = i
          if i == 2 then
            tim:close()
            assert.same({ 1, 2, 3, 4, 5 }, order) -- what was pending has run
          end
        end))
      end
      pump(function()
        if #order < 5 then tim:poll() end
        return #order == 5
      end)
      assert.has_error(function() tim:poll() end)
      assert.matches("closed", tostring(tim))
    end)

    it("closing delivers the event under way to the other handlers first", function()
      local tim = new "user1"
      local order = {}
      tim:on("log", function()
        order[#order + 1] = "first"
        tim:close()
        order[#order + 1] = "closed"
      end)
      tim:on("log", function() order[#order + 1] = "second" end)
      assert.is_nil((tim:send_new_msg("user2", C2C, {})))
      assert.equal(1, tim:poll())
      assert.same({ "first", "second", "closed" }, { order[1], order[2], order[#order] })
    end)

    it("an error after closing goes out of poll", function()
      local tim = new "user1"
      call_and_wait(tim, "conv_get_conv_list", function()
        tim:close()
        error "late"
      end)
      assert.error_matches(function() tim:poll() end, "late")
    end)
  end)

  describe("close", function()
    it("runs what is pending with 6222", function()
      local tim, got = new "user1", {}
      assert(tim:download_elem_to_path(web.unanswered(), dir .. "/a", function(...) got[#got + 1] = table.pack(...) end))
      tim:close()
      assert.equal(1, #got)
      assert.equal(timmsg.ERR_USER_CANCELED, got[1][1])
      assert.is_true(#got[1][2] > 0)
      assert.is_nil(got[1][3])
    end)

    it("runs what has come and was not polled", function()
      local tim, got = new "user1", nil
      call_and_wait(tim, "conv_get_conv_list", function(code) got = code end)
      tim:close()
      assert.equal(0, got)
    end)

    it("twice does nothing", function()
      local tim = new "user1"
      tim:close()
      tim:close()
    end)

    it("is what the end of a block does", function()
      local got
      do
        local tim <close> = new "user1"
        call_and_wait(tim, "conv_get_conv_list", function(code) got = code end)
      end
      assert.equal(0, got)
    end)

    it("in a callback that it runs does nothing; calls are refused", function()
      local tim, got = new "user1", nil
      call_and_wait(tim, "conv_get_conv_list", function()
        tim:close()
        got = table.pack(tim:conv_get_conv_list(nothing))
        assert.same({ nil, "already polling" }, { tim:poll() })
      end)
      tim:close()
      assert.is_nil(got[1])
      assert.equal(timmsg.TIM_ERR_SDKUNINIT, got[3])
    end)

    it("raises the first error of a callback after all have run", function()
      local tim, count = new "user1", 0
      for i = 1, 3 do
        assert(tim:conv_get_conv_list(function()
          count = count + 1
          error("error " .. i, 0)
        end))
      end
      local ok, err = pcall(tim.close, tim)
      assert.same({ false, "error 1" }, { ok, err })
      assert.equal(3, count)
      assert.matches("closed", tostring(tim))
      tim:close()
    end)

    it("at the end of a block that an error ended leaves that error, whatever callbacks raise", function()
      local ran, told = 0, {}
      for _, err in ipairs { "the reason", { code = 7 } } do
        local ok, raised = pcall(function()
          local tim <close> = new "user1"
          if type(err) == "table" then tim:on("error", function(e) told[#told + 1] = e end) end
          assert(tim:after(60000, function(_, desc)
            ran = ran + 1
            error(desc, 0)
          end))
          error(err, 0)
        end)
        assert.same({ false, err }, { ok, raised })
      end
      assert.same({ 2, 1 }, { ran, #told })
      -- but no error ends this one
      local ok, raised = pcall(function()
        local tim <close> = new "user1"
        assert(tim:after(60000, function() error("a callback's", 0) end))
      end)
      assert.same({ false, "a callback's" }, { ok, raised })
    end)

    it("gives errors of callbacks to the error handlers", function()
      local tim, got = new "user1", {}
      tim:on("error", function(err) got[#got + 1] = err end)
      for i = 1, 3 do
        assert(tim:conv_get_conv_list(function() error(i, 0) end))
      end
      tim:close()
      assert.same({ 1, 2, 3 }, got)
    end)

    it("lets the same data be opened again", function()
      for _ = 1, 3 do
        local tim <close> = new "user1"
        assert.equal("user1", tim:user())
      end
    end)
  end)

  describe("collecting", function()
    it("gets a client that its own handlers and callbacks mention", function()
      ---@diagnostic disable: redundant-return-value
      local ran = false
      local weak = setmetatable({}, { __mode = "k" })
      do
        local tim = assert(timmsg.new { data_dir = dir .. "/a" })
        weak[tim] = true
        tim:on("error", function() return tim end)
        tim:on("recv_new_msg", function() return tim.await end)
        assert(tim:login("user1", "sig", function()
          ran = true
          return tim
        end))
        ---@diagnostic enable: redundant-return-value
        assert.is_not_nil(tim.await)
        assert.is_true(tim:wait(support.DEADLINE_MS))
      end
      collectgarbage()
      collectgarbage()
      assert.is_nil(next(weak))
      assert.is_false(ran) -- collecting runs no Lua
    end)

    it("frees what a client that was never closed holds", function()
      do
        local tim = assert(timmsg.new { data_dir = dir .. "/a" })
        assert.equal(0, (support.call(tim, "login", "user1")))
      end
      collectgarbage()
      collectgarbage()
      -- One store is open once: another login on it says that it is free.
      local tim <close> = assert(timmsg.new { data_dir = dir .. "/a" })
      assert.equal(0, (support.call(tim, "login", "user1")))
    end)
  end)

  describe("a finalizer that closes the client", function()
    -- Runs `fn` so that the collector, which has slept until then, gets to garbage with the first new thing in there; the
    -- garbage's finalizer runs `finalize`.
    local function collecting_in(fn, finalize)
      local mode = collectgarbage("incremental", 100, 1000, 40) -- each step a whole turn
      local empty <const> = {}
      local pcall <const>, pack <const> = pcall, table.pack -- busted looks for a global in Lua, in which there may be a turn
      local finalized, armed
      repeat
        finalized = false
        collectgarbage()
        collectgarbage "stop"
        coroutine.wrap(function() -- whose stack is gone afterwards
          setmetatable({}, { __gc = function()
            finalized = true
            if armed then finalize() end
          end })
        end)()
        -- A turn has made this stack as small as it can be. It grows now, and not in there, where the collector looks for
        -- garbage then, too: whether before poll has begun, the depth of all that called us would decide.
        select("#", table.unpack(empty, 1, 200))
        collectgarbage "restart"
      until not finalized -- an eager collector (spec/c/lua.c) has made a turn meanwhile
      armed = true
      local result = pack(pcall(fn))
      collectgarbage("incremental", 200, 100, 13)
      collectgarbage(mode)
      assert(result[1], result[2])
      assert.is_true(finalized)
      return table.unpack(result, 2, result.n)
    end

    -- Closes it in the midst of poll: what `log` has then has come before close returned.
    local function closing(tim, log)
      return function()
        assert.same({ nil, "already polling" }, { tim:poll() })
        tim:close()
        log[#log + 1] = "closed"
      end
    end

    it("rule 2: while poll makes a result, gets that delivered, once and whole", function()
      local tim, log = new "user1", {}
      local msgs = {}
      for i = 1, 200 do
        msgs[i] = timmsg.text("text " .. i)
        msgs[i].message_sender, msgs[i].message_client_time = "user1", i
      end
      support.must(tim, "import_msg_list", "user1", C2C, msgs)
      local function on_page(code, _, page)
        log[#log + 1] = ("%d: %d"):format(code, #page)
        for i, msg in ipairs(page) do assert.equal("text " .. 201 - i, support.text_of(msg)) end
      end
      call_and_wait(tim, "get_msg_list", "user1", C2C, { msg_getmsglist_param_count = 200 }, on_page)
      assert(tim:after(60000, function(code) log[#log + 1] = code end))
      assert.equal(1, collecting_in(function() return tim:poll() end, closing(tim, log)))
      assert.same({ "0: 200", timmsg.ERR_USER_CANCELED, "closed" }, log)
      assert.matches("closed", tostring(tim))
    end)

    it("rule 2: while poll makes an event, gets that delivered, to each handler once", function()
      local hub <close> = testing.new()
      local tim, other, log = hub:login "alice", hub:login "bob", {}
      local sent = support.numbered("text ", 50)
      local function on_messages(msgs)
        log[#log + 1] = msgs
        assert.same(sent, support.texts(msgs))
      end
      tim:on("recv_new_msg", on_messages)
      tim:on("recv_new_msg", on_messages)
      hub:offline(tim)
      support.send_many(other, "alice", C2C, "text ", 50)
      hub:flush()
      core.testing.offline(tim, false)
      hub.world:pump() -- all in one array, which nobody has polled
      assert.is_true(collecting_in(function() return tim:poll() end, closing(tim, log)) > 0)
      assert.same({ 3, log[1], "closed" }, { #log, log[2], log[3] })
    end)

    it("rule 2: while poll makes an error of a failure, gets that told once", function()
      local tim, log = new "user1", {}
      tim:on("error", function(text) log[#log + 1] = text:match "%(%d+%)$" end)
      call_and_wait(tim, "group_join", "nowhere")
      assert.equal(1, collecting_in(function() return tim:poll() end, closing(tim, log)))
      assert.same({ ("(%d)"):format(timmsg.ERR_SVR_GROUP_NOT_FOUND), "closed" }, log)
    end)

    it("rule 2: while poll begins, leaves it nothing to do", function()
      -- Calls that find too little room on a coroutine's stack let it grow, and look for garbage then: which calls, the
      -- number of arguments decides.
      for count = 8, 20 do
        local tim, log, full = new("user1", { data_dir = dir .. "/" .. count }), {}, {} -- luacheck: ignore 241
        local poll = tim.poll
        call_and_wait(tim, "conv_get_conv_list", function(code) log[#log + 1] = code end)
        local co, args = coroutine.wrap(function(...)
          full[1] = ...
          return pcall(poll, tim)
        end), table.pack(true, table.unpack({}, 1, count))
        local ok, handled = collecting_in(function() return co(table.unpack(args, 1, count)) end, function() tim:close() end)
        assert.is_true(ok and handled <= 1 or handled:find "client is closed" ~= nil, handled)
        assert.same({ 0 }, log)
      end
    end)

    it("while a handler is added, has none added", function()
      local tim, ran = new "user1", false
      local ok, err = collecting_in(function() return pcall(tim.on, tim, "recv_new_msg", nothing) end, function()
        tim:close()
        ran = true
      end)
      assert.is_true(ran)
      assert.same({ false, true }, { ok, (tostring(err):find "client is closed") ~= nil })
    end)

    it("while something is to go wrong for it, has that refused", function()
      local hub <close> = testing.new()
      local tim = hub:login "alice"
      local fault = core.testing.fault -- itself: hub:fail makes new things before
      local ok, err = collecting_in(function() return pcall(fault, tim, "logout", "fail", 1, 7.5, 0) end, function() tim:close() end)
      assert.same({ false, true }, { ok, (tostring(err):find "client is closed") ~= nil })
    end)

    it("or its world, while it is made, has it refused", function()
      local hub, make, options = testing.new(), core.new, {}
      local ok, err = collecting_in(function() return pcall(make, options, hub.world) end, function() hub:close() end)
      assert.same({ false, true }, { ok, (tostring(err):find "the world is closed") ~= nil })
    end)

    it("or adds a handler while another is added: both are there", function()
      local tim, order = new "user1", {}
      local function one() order[#order + 1] = "one" end
      local function other() order[#order + 1] = "other" end
      collecting_in(function() tim:on("log", one) end, function() tim:on("log", other) end)
      assert.is_nil((tim:send_new_msg("user2", C2C, {})))
      pump(function() return #order > 0 end, tim)
      assert.same({ "other", "one" }, { order[1], order[2] })
    end)
  end)

  describe("a client", function()
    it("says its user and its state", function()
      local tim = new()
      assert.matches("^timmsg%.client %(not logged in%)", tostring(tim))
      assert.is_nil(tim:user())
      support.must(tim, "login", "user1", "sig")
      assert.matches("^timmsg%.client %(user1%)", tostring(tim))
      assert.equal("user1", tim:user())
      support.must(tim, "logout")
      assert.is_nil(tim:user())
      tim:close()
      assert.matches("^timmsg%.client %(closed%)", tostring(tim))
    end)

    it("protects its metatable", function()
      local tim = new()
      assert.is_not_table(getmetatable(tim))
    end)
  end)

  describe("await", function()
    it("takes a nil at the end for nothing", function()
      local tim = new "user1"
      local path = support.write_file(dir .. "/a.txt", "a")
      local msg = assert(tim.await:send_new_msg("user1", C2C, timmsg.file(path), nil))
      local param = {
        msg_download_elem_param_type = timmsg.TIMDownload_File,
        msg_download_elem_param_id = msg.message_elem_array[1].file_elem_file_id,
        msg_download_elem_param_url = msg.message_elem_array[1].file_elem_url,
      }
      local got
      coroutine.wrap(function() got = tim.await:download_elem_to_path(param, dir .. "/b.txt", nil) end)()
      pump(function() return got end, tim)
      assert.equal("a", support.read_file(dir .. "/b.txt"))
    end)

    it("is one proxy a client", function()
      local one, other = new(), new(nil, { data_dir = dir .. "/other" })
      assert.equal(one.await, one.await)
      assert.not_equal(one.await, other.await)
    end)

    it("polls outside a coroutine", function()
      local tim = new()
      assert.is_true(tim.await:login("user1", "sig"))
      local msg = assert(tim.await:send_new_msg("user1", C2C, timmsg.text "hi"))
      assert.equal("hi", msg.message_elem_array[1].text_elem_content)
      assert.is_true(tim.await:report_readed("user1", C2C))
    end)

    it("yields inside one", function()
      local tim, got = new "user1", nil
      local co = coroutine.create(function()
        local msg = assert(tim.await:send_new_msg("user1", C2C, timmsg.text "hi"))
        assert(tim.await:revoke("user1", C2C, msg))
        got = assert(tim.await:get_msg_list("user1", C2C, {}))
      end)
      assert(coroutine.resume(co))
      assert.equal("suspended", coroutine.status(co))
      pump(function() return got end, tim)
      assert.equal("dead", coroutine.status(co))
      assert.equal(timmsg.TIMMsg_Revoked, got[1].message_status)
    end)

    it("runs many coroutines at once", function()
      local tim, done = new "user1", 0
      for i = 1, 20 do
        coroutine.wrap(function()
          assert(tim.await:send_new_msg("user1", C2C, timmsg.text(tostring(i))))
          done = done + 1
        end)()
      end
      assert.equal(0, done)
      pump(function() return done == 20 end, tim)
    end)

    it("returns nil, sentence, code for a failure", function()
      local tim = new "user1"
      local ok, message, code = tim.await:group_join("nowhere")
      assert.is_nil(ok)
      assert.is_true(#message > 0)
      assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, code)
      local msg
      ok, message, code, msg = tim.await:send_new_msg("nobody", C2C, timmsg.text "hi")
      assert.is_nil(ok)
      assert.is_true(#message > 0)
      assert.equal(timmsg.ERR_SVR_MSG_INVALID_ID, code)
      assert.equal(timmsg.TIMMsg_SendFail, msg.message_status)
    end)

    it("returns nil, message, TIMResult for a refusal", function()
      local tim = new()
      for _, run in ipairs { function(f) f() end, function(f) coroutine.wrap(f)() end } do
        run(function()
          local ok, message, code = tim.await:conv_get_conv_list()
          assert.is_nil(ok)
          assert.is_true(#message > 0)
          assert.equal(timmsg.TIM_ERR_NOTLOGIN, code)
        end)
      end
    end)

    it("raises argument errors as its own", function()
      local tim = new "user1"
      local ok, err = pcall(function()
        local msg = tim.await:send_new_msg("user1", C2C, "text")
        return msg
      end)
      assert.is_false(ok)
      assert.matches("lua_face_spec%.lua:%d+: bad argument #3 to 'send_new_msg' %(table expected, got string%)", err)
      assert.error_matches(function() tim.await:conv_get_conv_list(nothing) end, "takes no callback")
    end)

    it("blames its caller's line and names the method that was called", function()
      local tim = new "user1"
      local await = tim.await
      local function blames(message, f)
        local ok, err = pcall(f)
        assert.is_false(ok)
        assert.matches("^[^:]*lua_face_spec%.lua:%d+: ", err)
        assert.equal(message, err:match "^[^:]*:%d+: (.*)$")
      end
      blames("bad argument #3 to 'get_msg_list' (table expected, got no value)", function() await:get_msg_list("a", C2C) end)
      blames("bad argument #1 to 'sleep' (number expected, got nil)", function() await:sleep() end)
      blames("bad argument #1 to 'sleep' (number expected, got string)", function() await:sleep "1" end)
      blames("bad argument #1 to 'sleep' (a time in milliseconds expected)", function() await:sleep(-1) end)
      blames("bad argument #2 to 'timeout' (function expected, got nil)", function() await:timeout(10) end)
      blames("bad argument #2 to 'timeout' (function expected, got table)", function() await:timeout(10, {}) end)
      blames("bad argument #1 to 'timeout' (number expected, got nil)", function() await:timeout(nil, nothing) end)
      blames("bad argument #1 to 'timeout' (a time in milliseconds expected)", function() await:timeout(0 / 0, nothing) end)
      blames("bad argument #1 to 'all' (function expected, got number)", function() await:all(5) end)
      -- with a dot
      blames("bad argument #1 to 'login' (timmsg.await expected, got string)", function() await.login "x" end)
      blames("bad argument #1 to 'login' (timmsg.await expected, got userdata)", function() await.login(tim, "x") end)
      blames("bad argument #1 to 'sleep' (timmsg.await expected, got number)", function() await.sleep(5) end)
      blames("bad argument #1 to 'all' (timmsg.await expected, got function)", function() await.all(nothing) end)
      blames("bad argument #1 to 'all' (timmsg.await expected, got nil)", function() await.all() end)
      blames("bad argument #1 to 'timeout' (timmsg.await expected, got number)", function() await.timeout(5, nothing) end)
      tim:close()
      blames("client is closed", function() await:login "x" end)
      blames("client is closed", function() await:sleep(5) end)
    end)

    it("can't poll inside a callback", function()
      local tim, got = new "user1", nil
      tim:conv_get_conv_list(function() got = table.pack(tim.await:conv_get_conv_list()) end)
      pump(function() return got end, tim)
      assert.same({ n = 3, nil, "already polling: in a callback, await in a coroutine", timmsg.TIM_ERR_PARAM }, got)
    end)

    it("can yield in a coroutine that a callback starts", function()
      local tim, got = new "user1", nil
      tim:conv_get_conv_list(function()
        coroutine.wrap(function() got = tim.await:conv_get_conv_list() end)()
      end)
      pump(function() return got end, tim)
      assert.same({}, got)
    end)

    it("tells a download's progress", function()
      local tim = new "user1"
      local path = support.write_file(dir .. "/a.txt", ("x"):rep(300000))
      local msg = assert(tim.await:send_new_msg("user1", C2C, timmsg.file(path)))
      local got = {}
      local result = assert(tim.await:download_elem_to_path({
        msg_download_elem_param_type = timmsg.TIMDownload_File,
        msg_download_elem_param_id = msg.message_elem_array[1].file_elem_file_id,
        msg_download_elem_param_url = msg.message_elem_array[1].file_elem_url,
      }, dir .. "/b.txt", function(current, total) got[#got + 1] = { current, total } end))
      assert.equal(300000, result.msg_download_elem_result_total_size)
      assert.same({ 300000, 300000 }, got[#got])
      assert.equal(("x"):rep(300000), support.read_file(dir .. "/b.txt"))
    end)

    it("returns 6222 when the client is closed meanwhile", function()
      local tim, got = new "user1", nil
      coroutine.wrap(function() got = table.pack(tim.await:download_elem_to_path(web.unanswered(), dir .. "/a")) end)()
      assert.is_nil(got)
      tim:close()
      assert.is_nil(got[1])
      assert.is_true(#got[2] > 0)
      assert.equal(timmsg.ERR_USER_CANCELED, got[3])
    end)

    it("gives what a resumed coroutine raises to the error handlers, with its traceback", function()
      local tim, got = new "user1", nil
      local closed = false
      tim:on("error", function(...) got = table.pack(...) end)
      local function inside_the_coroutine() error "oops" end
      coroutine.wrap(function()
        local guard <close> = setmetatable({}, { __close = function() closed = true end })
        tim.await:conv_get_conv_list()
        inside_the_coroutine()
        return guard
      end)()
      pump(function() return got end, tim)
      assert.matches("oops$", got[1])
      assert.matches("inside_the_coroutine", got[2])
      assert.is_true(closed)
    end)

    it("raises it out of poll where there is no handler", function()
      local tim, err = new "user1", {}
      coroutine.wrap(function()
        tim.await:conv_get_conv_list()
        error(err)
      end)()
      assert.is_true(tim:wait(support.DEADLINE_MS))
      local ok, raised = pcall(tim.poll, tim)
      assert.is_false(ok)
      assert.equal(err, raised)
    end)

    it("waits on when someone else resumes the coroutine", function()
      local tim, got = new "user1", nil
      local co = coroutine.create(function() got = tim.await:conv_get_conv_list() end)
      assert(coroutine.resume(co))
      assert(coroutine.resume(co, "too early"))
      assert.equal("suspended", coroutine.status(co))
      pump(function() return got end, tim)
      assert.same({}, got)
    end)

    it("forgets a coroutine that was closed", function()
      local tim = new "user1"
      local co = coroutine.create(function() tim.await:conv_get_conv_list() end)
      assert(coroutine.resume(co))
      assert.is_true(coroutine.close(co))
      support.idle(50, tim)
    end)
  end)
end)
