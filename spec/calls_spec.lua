-- Calls and completions: rules 1 to 8.

local samples = require "samples"
local support = require "support"
local timmsg = require "timmsg"
local web = require "web"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP
local hub_it = support.hub_only(it)

local function nothing() end

-- Each call with one argument that is wrong: how it is refused.
local function wrong_calls()
  local list = {}
  for _, call in ipairs(samples.calls) do
    local function add(code, pattern, other) list[#list + 1] = { call = call, code = code, pattern = pattern, other = other } end
    if call.conv then
      add(timmsg.TIM_ERR_CONV, "^conv_id: ", { conv_id = "" })
      add(timmsg.TIM_ERR_CONV, "^conv_id: ", { conv_id = ("c"):rep(33) })
      add(timmsg.TIM_ERR_CONV, "^conv_id: ", { conv_id = ("g"):rep(49), conv_type = GROUP })
      add(timmsg.TIM_ERR_CONV, "^conv_type: ", { conv_type = timmsg.TIMConv_Invalid })
      add(timmsg.TIM_ERR_CONV, "^conv_type: ", { conv_type = timmsg.TIMConv_System })
      add(timmsg.TIM_ERR_CONV, "^conv_type: ", { conv_type = -1 })
      add(timmsg.TIM_ERR_CONV, "^conv_type: ", { conv_type = (1 << 32) + C2C })
    end
    if call.struct then
      local wrong = call.is_array and { x = 1 } or { 1 }
      add(timmsg.TIM_ERR_JSON, call.is_array and "expected an array" or "expected an object", { json = wrong })
    end
    for _, text in ipairs(call.texts) do
      if not text[3] then add(timmsg.TIM_ERR_PARAM, "^" .. text[1] .. ": empty", { [text[1]] = "" }) end
      add(timmsg.TIM_ERR_JSON, "^" .. text[1] .. ": ", { [text[1]] = "caf\xe9" })
    end
  end
  return list
end

describe("calls", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(function()
    web.cleanup()
    support.cleanup()
  end)

  support.hub_only(describe)("are refused at once:", function()
    it("rule 1: -2 for every call that needs a login, whatever else is wrong", function()
      local tim = support.new_client(dir)
      for _, call in ipairs(samples.calls) do
        if call.needs_login then
          local ok, message, code = samples.try(tim, call, { conv_id = "" }, function()
            error(call.name .. " was called back")
          end)
          assert.is_nil(ok, call.name)
          assert.equal(timmsg.TIM_ERR_NOTLOGIN, code, call.name)
          assert.is_true(#message > 0)
        end
      end
      for _, call in ipairs(samples.calls) do
        if not call.needs_login then assert.is_true(samples.try(tim, call), call.name) end
      end
    end)

    it("rule 1: -1 for every call once the client closes", function()
      local tim = support.new_client(dir, "user1")
      local codes = {}
      assert(tim:conv_get_conv_list(function()
        for i, call in ipairs(samples.calls) do
          local _, _, code = samples.try(tim, call, nil, nothing)
          codes[i] = code
        end
      end))
      assert(tim:wait(support.DEADLINE_MS)) -- it has completed; close runs the callback
      tim:close()
      for i, call in ipairs(samples.calls) do
        assert.equal(timmsg.TIM_ERR_SDKUNINIT, codes[i], call.name)
      end
      assert.equal(#samples.calls, #codes)
    end)

    it("rule 1: -3, -4 and -5 by what is wrong, with a sentence that names it, and are never called back", function()
      local tim = support.new_client(dir, "user1")
      local list = wrong_calls()
      assert.is_true(#list > 100)
      for _, wrong in ipairs(list) do
        local ok, message, code = samples.try(tim, wrong.call, wrong.other, function()
          error(wrong.call.name .. " was refused and called back")
        end)
        assert.is_nil(ok, wrong.call.name)
        assert.matches(wrong.pattern, message, wrong.call.name)
        assert.equal(wrong.code, code, wrong.call.name .. ": " .. message)
      end
      support.must(tim, "conv_get_conv_list")
      tim:close()
    end)

    it("rule 1: ids that are just short enough, and nothing else, pass", function()
      local tim = support.new_client(dir, "user1")
      for _, call in ipairs(samples.calls) do
        if call.conv then
          assert.is_true((samples.try(tim, call, { conv_id = ("c"):rep(32) })), call.name)
          assert.is_true((samples.try(tim, call, { conv_id = ("g"):rep(48), conv_type = GROUP })), call.name)
        end
      end
    end)

    it("rule 1: -4 for a bad enum and a number out of range", function()
      local tim = support.new_client(dir, "user1")
      local function refuses(path, method, ...)
        local ok, message, code = tim[method](tim, ...)
        assert.is_nil(ok)
        assert.equal(path, message:sub(1, #path))
        assert.equal(timmsg.TIM_ERR_PARAM, code)
      end
      local msg = timmsg.text "loud"
      ---@diagnostic disable-next-line: assign-type-mismatch
      msg.message_priority = 4
      refuses("message_priority: ", "send_new_msg", "user1", C2C, msg)
      refuses("message_elem_array[2].elem_type: ", "save_msg", "user1", C2C,
        ---@diagnostic disable-next-line: assign-type-mismatch
        timmsg.message(timmsg.text "a", { elem_type = 10 }))
      refuses("[1].message_status: ", "import_msg_list", "user1", C2C, { { message_status = 0 } })
      refuses("msg_getmsglist_param_count: ", "get_msg_list", "user1", C2C, { msg_getmsglist_param_count = 0 })
      refuses("msg_getmsglist_param_count: ", "get_msg_list", "user1", C2C, { msg_getmsglist_param_count = 1001 })
      refuses("set_config_log_level: ", "set_config", { set_config_log_level = 7 })
      refuses("create_group_param_group_type: ", "group_create",
        { create_group_param_group_name = "g", create_group_param_group_type = 5 })
      local many = {}
      for i = 1, 501 do
        many[i] = "user" .. i
      end
      refuses("msg_batch_send_param_identifier_array: ", "batch_send",
        { msg_batch_send_param_identifier_array = many, msg_batch_send_param_msg = timmsg.text "a" })
    end)

    it("rule 1: -6 for a group function's group id that is none", function()
      local tim = support.new_client(dir, "user1")
      for _, method in ipairs { "group_join", "group_quit", "group_delete" } do
        for _, id in ipairs { ("g"):rep(49), "tab\there", "Gruppe\xc3\x9f" } do
          local ok, message, code = tim[method](tim, id)
          assert.is_nil(ok)
          assert.matches("^group_id: ", message)
          assert.equal(timmsg.TIM_ERR_GROUP, code)
        end
      end
    end)

    it("rule 1: each logs its sentence at Error", function()
      local tim = support.new_client(dir, "user1")
      local lines = {}
      tim:on("log", function(level, text) lines[#lines + 1] = { level, text } end)
      for i, wrong in ipairs(wrong_calls()) do
        if wrong.call.name ~= "login" then
          local _, message = samples.try(tim, wrong.call, wrong.other)
          tim:poll()
          local line = lines[#lines]
          assert.is_table(line, wrong.call.name)
          assert.equal(timmsg.TIMLog_Error, line[1])
          assert.is_truthy(line[2]:find(message, 1, true), ("%s: %s"):format(i, message))
          lines = {}
        end
      end
    end)

    it("rule 1: and what was wrong with one call does no harm to the next", function()
      local tim = support.new_client(dir, "user1")
      for _, wrong in ipairs(wrong_calls()) do
        assert.is_nil((samples.try(tim, wrong.call, wrong.other)))
      end
      assert.same({}, support.must(tim, "conv_get_conv_list"))
      assert.equal("fine", support.text_of(support.say(tim, "user1", C2C, "fine")))
    end)
  end)

  describe("complete", function()
    it("rule 1: without a callback too", function()
      local tim, seen = support.device(dir, "user1")
      for _, call in ipairs(samples.calls) do
        if call.name ~= "logout" then assert.is_true((samples.try(tim, call)), call.name) end
      end
      local msg = support.say(tim, "user1", C2C, "after all of them")
      support.must(tim, "logout")
      assert.equal(timmsg.TIMMsg_SendSucc, msg.message_status)
      assert.is_true(#seen.events > 0)
    end)

    it("rule 2: exactly once each", function()
      local tim = support.new_client(dir, "user1")
      local counts, total = {}, 0
      for round = 1, 5 do
        for _, call in ipairs(samples.calls) do
          if call.name ~= "logout" then
            local key = call.name .. round
            counts[key] = 0
            total = total + 1
            assert.is_true((samples.try(tim, call, nil, function(_, _, _, more)
              if not more then counts[key] = counts[key] + 1 end
            end)), call.name)
          end
        end
      end
      support.eventually(function()
        local sum = 0
        for _, count in pairs(counts) do
          sum = sum + count
        end
        return sum >= total
      end, tim)
      support.must(tim, "logout")
      tim:close()
      for key, count in pairs(counts) do
        assert.equal(1, count, key)
      end
    end)

    it("rule 2: in the order of the calls, where they are of one kind", function()
      local tim = support.new_client(dir, "user1")
      local order = {}
      for i = 1, 200 do
        assert(tim:send_new_msg("user1", C2C, timmsg.text("no. " .. i), function() order[#order + 1] = i end))
      end
      support.eventually(function() return #order == 200 end, tim)
      for i = 1, 200 do
        assert.equal(i, order[i])
      end
    end)

    it("rule 2: a download's progress reports come before its completion", function()
      local tim = support.new_client(dir, "user1")
      local path = support.write_file(dir .. "/a.bin", ("0123456789abcdef"):rep(1 << 16)) -- 1 MB
      local elem = support.must(tim, "send_new_msg", "user1", C2C, timmsg.file(path)).message_elem_array[1]
      local calls = {}
      assert(tim:download_elem_to_path({
        msg_download_elem_param_type = timmsg.TIMDownload_File,
        msg_download_elem_param_id = elem.file_elem_file_id,
        msg_download_elem_param_url = elem.file_elem_url,
      }, dir .. "/b.bin", function(...) calls[#calls + 1] = table.pack(...) end))
      support.eventually(function() return #calls > 0 and not calls[#calls][4] end, tim)
      support.must(tim, "conv_get_conv_list")
      assert.is_true(#calls > 1)
      for i, call in ipairs(calls) do
        assert.equal(i < #calls, call[4] == true)
        assert.equal(0, call[1])
        assert.equal(1 << 20, call[3].msg_download_elem_result_total_size)
      end
    end)

    it("rule 2: with 6222 when the user logs out meanwhile", function()
      local tim = support.new_client(dir, "user1")
      local got, param = {}, web.unanswered()
      for i = 1, 3 do
        assert(tim:download_elem_to_path(param, dir .. "/file" .. i, function(...) got[#got + 1] = table.pack(...) end))
      end
      support.must(tim, "logout")
      support.must(tim, "login", "user1", "sig")
      assert.equal(3, #got)
      for _, call in ipairs(got) do
        assert.equal(timmsg.ERR_USER_CANCELED, call[1])
        assert.is_true(#call[2] > 0)
        assert.is_nil(call[3])
      end
    end)

    it("rule 2: with 6222 when the client closes meanwhile, which takes no time", function()
      local tim = support.new_client(dir, "user1")
      local got = {}
      assert(tim:download_elem_to_path(web.unanswered(), dir .. "/file", function(...) got[#got + 1] = table.pack(...) end))
      for _ = 1, 300 do
        assert(tim:send_new_msg("user1", C2C, timmsg.text "last words", function(...) got[#got + 1] = table.pack(...) end))
      end
      local start = support.now_ms()
      tim:close()
      assert.is_true(support.now_ms() - start < math.min(10000 * support.PATIENCE, 25000)) -- 100 ms and a commit, not 30 s
      assert.equal(301, #got)
      local cancelled = 0
      for _, call in ipairs(got) do
        assert.is_true(call[1] == 0 or call[1] == timmsg.ERR_USER_CANCELED, call[2])
        if call[1] ~= 0 then cancelled = cancelled + 1 end
      end
      assert.is_true(cancelled >= 1)
    end)

    it("rule 2: what completed before the client closed was done", function()
      local tim = support.new_client(dir, "user1")
      local done = {}
      for i = 1, 500 do
        assert(tim:send_new_msg("user1", C2C, timmsg.text(tostring(i)), function(code) done[i] = code == 0 end))
      end
      tim:close()
      tim = support.new_client(dir, "user1")
      local kept = {}
      for _, msg in ipairs(support.page(tim, "user1", C2C, { count = 1000 })) do
        kept[math.tointeger(tonumber(support.text_of(msg)))] = msg.message_status
      end
      for i = 1, 500 do
        if done[i] then assert.equal(timmsg.TIMMsg_SendSucc, kept[i], i) end
      end
    end)

    it("rule 3: with 0 and no sentence, or a code and one sentence", function()
      local tim = support.new_client(dir, "user1")
      local successes, failures = 0, 0
      for _, call in ipairs(samples.calls) do
        if call.name ~= "logout" then
          local done
          assert(samples.try(tim, call, nil, function(...) done = table.pack(...) end))
          support.eventually(function() return done and not done[4] end, tim)
          assert.equal(3, done.n, call.name)
          assert.equal("integer", math.type(done[1]))
          assert.is_string(done[2])
          if done[1] == 0 then
            successes = successes + 1
            assert.equal("", done[2], call.name)
          else
            failures = failures + 1
            assert.is_true(done[1] > 0)
            assert.is_nil(done[3], call.name)
            assert.matches("^[^\r\n]+[^\r\n%.]$", done[2], call.name)
          end
        end
      end
      assert.is_true(successes > 10)
      assert.is_true(failures > 5)
    end)

    it("rule 3: only a failed send brings its message, in its state", function()
      local tim = support.new_client(dir, "user1")
      local code, desc, msg = support.call(tim, "send_new_msg", "stranger", C2C, timmsg.text "anybody? 有人吗")
      assert.equal(timmsg.ERR_SVR_MSG_INVALID_ID, code)
      assert.matches("stranger", desc)
      assert.equal(timmsg.TIMMsg_SendFail, msg.message_status)
      assert.equal("anybody? 有人吗", support.text_of(msg))
      code, desc, msg = support.call(tim, "send_new_msg", "nowhere", GROUP, timmsg.text "hello")
      assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, code)
      assert.matches("nowhere", desc)
      assert.equal(timmsg.TIMMsg_SendFail, msg.message_status)
      local result
      code, desc, result = support.call(tim, "revoke", "user1", C2C, { message_seq = 5, message_rand = 6 })
      assert.equal(timmsg.ERR_SVR_MSG_REVOKE_NOT_FOUND, code)
      assert.is_true(#desc > 0)
      assert.is_nil(result)
    end)

    hub_it("rule 3: sentences say where, with the path of the key", function()
      local tim = support.new_client(dir, "user1")
      local function refusal(method, ...)
        local ok, message, code = tim[method](tim, ...)
        assert.is_nil(ok)
        assert.equal(timmsg.TIM_ERR_JSON, code)
        return message
      end
      assert.equal("message_elem_array[2].face_elem_index: expected an integer", refusal("send_new_msg", "user1", C2C,
        ---@diagnostic disable-next-line: assign-type-mismatch
        timmsg.message(timmsg.text "a", { elem_type = timmsg.TIMElem_Face, face_elem_index = "3" })))
      assert.equal("[3].message_elem_array[1].text_elem_content: missing", refusal("import_msg_list", "user1", C2C,
        { timmsg.text "a", timmsg.text "b", { message_elem_array = { { elem_type = 0 } } } }))
      assert.equal("msg_getmsglist_param_last_msg.message_is_read: expected a boolean", refusal("get_msg_list", "user1",
        C2C, { msg_getmsglist_param_last_msg = { message_is_read = 1 } }))
      assert.equal("msg_batch_send_param_identifier_array[2]: expected a string", refusal("batch_send",
        { msg_batch_send_param_identifier_array = { "a", 2 }, msg_batch_send_param_msg = timmsg.text "a" }))
    end)
  end)

  describe("take", function()
    hub_it("rule 4: keys that nobody knows, and ignore them", function()
      local tim = support.new_client(dir, "user1")
      for _, call in ipairs(samples.calls) do
        if call.struct then
          local json = samples.json(call)
          local target = call.is_array and json[1] or json
          target.future_key = { deep = { 1, "二", { true } } }
          target.Message_Status = "keys are case-sensitive"
          target[""] = 0
          assert.is_true((samples.try(tim, call, { json = json })), call.name)
        end
      end
      local msg = timmsg.text "known"
      ---@diagnostic disable: inject-field
      msg.future_key = { 1, 2 }
      msg.message_elem_array[1].text_elem_color = "red"
      ---@diagnostic enable: inject-field
      local sent = support.must(tim, "send_new_msg", "user1", C2C, msg)
      assert.is_nil(sent.future_key)
      assert.same({ elem_type = 0, text_elem_content = "known" }, sent.message_elem_array[1])
    end)

    hub_it("rule 4: null for an optional key", function()
      local tim = support.new_client(dir, "user1")
      local msg = timmsg.message(timmsg.text "text", timmsg.custom "data")
      ---@diagnostic disable-next-line: assign-type-mismatch
      msg.message_elem_array[2].custom_elem_desc = timmsg.null
      for _, key in ipairs { "message_priority", "message_client_time", "message_sender", "message_custom_str" } do
        msg[key] = timmsg.null
      end
      local before = os.time()
      local sent = support.must(tim, "send_new_msg", "user1", C2C, msg)
      assert.equal(timmsg.TIMMsgPriority_Normal, sent.message_priority)
      assert.equal("user1", sent.message_sender)
      assert.equal("", sent.message_custom_str)
      assert.is_true(sent.message_client_time >= before)
      assert.is_nil(sent.message_elem_array[2].custom_elem_desc)
      local list = support.page(tim, "user1", C2C, { last_msg = timmsg.null, count = timmsg.null, is_forward = timmsg.null })
      assert.equal(1, #list)
      local _, message, code = tim:send_new_msg("user1", C2C,
        { message_elem_array = { { elem_type = 0, text_elem_content = timmsg.null } } })
      assert.equal("message_elem_array[1].text_elem_content: missing", message)
      assert.equal(timmsg.TIM_ERR_JSON, code)
    end)

    hub_it("rule 4: 3.0 as an integer", function()
      local tim = support.new_client(dir, "user1")
      local msg = timmsg.message(timmsg.face(3.0), timmsg.text "x")
      msg.message_elem_array[1].face_elem_index = 3.0
      msg.message_elem_array[2].elem_type = 0.0
      msg.message_client_time = 1700000000.0
      msg.message_priority = 2.0
      local sent = support.must(tim, "send_new_msg", "user1", C2C, msg)
      assert.equal("integer", math.type(sent.message_client_time))
      assert.equal(1700000000, sent.message_client_time)
      assert.equal("integer", math.type(sent.message_elem_array[1].face_elem_index))
      assert.equal(2, sent.message_priority)
      assert.equal(1, #support.page(tim, "user1", C2C, { count = 3.0 }))
      local _, message = tim:get_msg_list("user1", C2C, { msg_getmsglist_param_count = 3.5 })
      assert.matches("^msg_getmsglist_param_count: ", message)
    end)

    it("rule 4: every message that was returned, wherever a message is taken", function()
      local anna, bert = support.new_client(dir, "anna"), support.new_client(dir, "bert")
      local group = support.group(anna, "team", "bert")
      local file = support.write_file(dir .. "/notes.txt", "notes\n")
      local returned = {
        sent = support.must(anna, "send_new_msg", "bert", C2C, timmsg.message(timmsg.text "ä", timmsg.location(1.5, -2))),
        media = support.must(anna, "send_new_msg", "bert", C2C, timmsg.file(file)),
        grouped = support.say(anna, group, GROUP, "to all"),
      }
      local uploading
      anna:on("msg_elem_upload_progress", function(msg) uploading = msg end)
      support.must(anna, "send_new_msg", group, GROUP, timmsg.sound(file))
      returned.uploading = assert(uploading)
      local _, _, failed = support.call(anna, "send_new_msg", "stranger", C2C, timmsg.text "lost")
      returned.failed = failed
      local revoked = support.say(anna, "bert", C2C, "oops")
      support.must(anna, "revoke", "bert", C2C, revoked)
      returned.revoked = support.page(anna, "bert", C2C, { count = 1 })[1]
      assert.equal(timmsg.TIMMsg_Revoked, returned.revoked.message_status)
      support.must(anna, "import_msg_list", "bert", C2C, { { message_elem_array = timmsg.face(1).message_elem_array,
        message_sender = "bert", message_client_time = 5 } })
      returned.imported = support.page(anna, "bert", C2C, { count = 1, is_forward = true })[1]
      returned.tips = support.page(anna, group, GROUP, { count = 1, is_forward = true })[1]
      assert.equal(timmsg.TIMElem_GroupTips, returned.tips.message_elem_array[1].elem_type)
      returned.received = support.eventually(function()
        return support.page(bert, "anna", C2C, { count = 1, is_forward = true })[1]
      end, bert)

      local tim = support.new_client(dir, "carl")
      for kind, msg in pairs(returned) do
        local function takes(method, ...)
          local ok, message = tim[method](tim, ...)
          assert.is_true(ok, ("%s of a %s message: %s"):format(method, kind, message))
        end
        takes("save_msg", "bert", C2C, msg)
        takes("import_msg_list", "bert", C2C, { msg, msg })
        takes("report_readed", "bert", C2C, msg)
        takes("revoke", "bert", C2C, msg)
        takes("get_msg_list", "bert", C2C, { msg_getmsglist_param_last_msg = msg })
        takes("conv_set_draft", "bert", C2C, { draft_msg = msg })
        takes("delete", "bert", C2C, { msg_delete_param_msg = msg })
      end
      local _, message, code = tim:send_new_msg("bert", C2C, returned.tips)
      assert.matches("^message_elem_array%[1%]%.elem_type: ", message)
      assert.equal(timmsg.TIM_ERR_JSON, code)
    end)

    it("rule 4: a message that was returned, to send it on", function()
      local anna, bert = support.new_client(dir, "anna"), support.new_client(dir, "bert")
      local first = support.say(anna, "bert", C2C, "pass it on")
      local got = support.eventually(function() return support.page(bert, "anna", C2C)[1] end, bert)
      local again = support.must(bert, "send_new_msg", "anna", C2C, got)
      assert.equal("bert", again.message_sender)
      assert.not_equal(first.message_seq, again.message_seq)
      assert.same({ "pass it on", "pass it on" }, support.texts(support.page(bert, "anna", C2C)))
      support.must(anna, "send_new_msg", "bert", C2C, first)
      assert.equal(3, #support.eventually(function()
        local list = support.page(bert, "anna", C2C)
        return #list == 3 and list
      end, bert))
    end)
  end)

  describe("time out", function()
    hub_it("rule 6: with 6012, after the time that is set", function()
      local tim = support.new_client(dir, "user1", { request_timeout_ms = 150 })
      local start = support.now_ms()
      local code, desc, result = support.call(tim, "download_elem_to_path", web.unanswered(), dir .. "/file")
      assert.equal(timmsg.ERR_REQUEST_TIMEOUT, code)
      assert.is_true(#desc > 0)
      assert.is_nil(result)
      local took = support.now_ms() - start
      assert.is_true(took >= 140 and took < 5000, took)
    end)
  end)

  describe("strings", function()
    local TEXTS <const> = {
      "", "plain", "中文、日本語、한국어", "😀👩‍👩‍👧‍👦🏳️‍🌈", "\"quotes\" and \\ and /", "100% %s %d %n", "a\nb\tc\r\n\1\127",
      "é as e\u{301}", "\u{feff}bom, \u{2028} and \u{202e}rtl", "\u{10ffff}\u{e000}\u{fffd}", ("長い文\u{1f600}"):rep(900),
    }

    it("rule 7: of UTF-8 come through as they are, in every text of a message", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      for i, text in ipairs(TEXTS) do
        local msg = timmsg.message(timmsg.text(text), timmsg.custom(text:sub(1, #text // 8 * 8 == #text and 8 or -1), text))
        if utf8.len(msg.message_elem_array[2].custom_elem_data) == nil then
          msg.message_elem_array[2].custom_elem_data = "x"
        end
        if #text > 4000 then msg = timmsg.text(text) end
        local sent = support.must(anna, "send_new_msg", "bert", C2C, msg)
        assert.same(msg.message_elem_array, sent.message_elem_array)
        support.eventually(function() return #seen.messages == i end, bert)
        assert.same(msg.message_elem_array, seen.messages[i].message_elem_array)
      end
    end)

    it("rule 7: of UTF-8 in names of groups, drafts and own fields too", function()
      local tim = support.new_client(dir, "user1")
      for i, text in ipairs(TEXTS) do
        local msg = timmsg.text "m"
        msg.message_custom_str, msg.message_seq, msg.message_rand = text, i, i
        support.must(tim, "save_msg", "user1", C2C, msg)
        assert.equal(text, support.page(tim, "user1", C2C, { count = 1 })[1].message_custom_str)
        support.must(tim, "conv_set_draft", "user1", C2C, { draft_msg = timmsg.text(text), draft_user_define = text })
        local draft = support.conv(tim, "user1", C2C).conv_draft
        assert.equal(text, support.text_of(draft.draft_msg))
        assert.equal(text, draft.draft_user_define)
        if text ~= "" then
          support.must(tim, "group_create", { create_group_param_group_name = text })
          local groups = support.must(tim, "group_get_joined_group_list")
          assert.equal(text, groups[#groups].group_base_info_group_name)
        end
      end
    end)

    hub_it("rule 7: a peer's bad bytes become U+FFFD", function()
      local anna = support.new_client(dir, "anna")
      support.new_client(dir, "bert"):close()
      support.say(anna, "bert", C2C, "before <MARK1> after")
      support.say(anna, "bert", C2C, "unhurt")
      anna:close()
      -- As if another program had written it: with both closed, all is in the one file.
      local path = dir .. "/hub/hub.db"
      local content, count = support.read_file(path):gsub("<MARK1>", "<\xff\xc3(\xed\xa0>")
      assert.equal(1, count)
      support.write_file(path, content)
      local bert, seen = support.device(dir, "bert")
      support.arrival(seen, "unhurt", bert)
      local text = support.text_of(seen.messages[1])
      assert.is_truthy(utf8.len(text))
      assert.equal("before <?(?> after", (text:gsub("\u{fffd}", "?"):gsub("%?+", "?")))
      assert.equal(text, support.texts(support.page(bert, "anna", C2C))[2])
    end)
  end)

  describe("of the session", function()
    hub_it("rule 8: settings work before a login, empty ones too", function()
      local tim = support.new_client(dir)
      support.must(tim, "set_config")
      support.must(tim, "set_config", {})
      support.must(tim, "set_config", { set_config_callback_log_level = timmsg.TIMLog_Off })
      local lines = 0
      tim:on("log", function() lines = lines + 1 end)
      assert.is_nil((tim:logout()))
      support.must(tim, "set_config", { set_config_callback_log_level = timmsg.TIMLog_Error })
      assert.equal(0, lines)
      assert.is_nil((tim:logout()))
      support.eventually(function() return lines == 1 end, tim)
    end)

    it("rule 8: handlers work before a login", function()
      local anna = support.new_client(dir, "anna")
      support.new_client(dir, "bert"):close()
      support.say(anna, "bert", C2C, "waiting for you")
      local _, seen = support.device(dir, "bert") -- which adds them before it logs in
      assert.is_table(seen.messages)
      local bert = support.new_client(dir)
      bert:close()
    end)

    it("rule 8: a login while another runs completes with 6015", function()
      local tim = support.new_client(dir)
      local codes = {}
      support.account(dir, "user1")
      support.account(dir, "user2")
      for i, user in ipairs { "user1", "user2", "user1" } do
        assert(tim:login(user, "sig", function(code) codes[i] = code end))
      end
      support.eventually(function() return codes[1] and codes[2] and codes[3] end, tim)
      assert.equal(0, codes[1])
      assert.equal(timmsg.ERR_IN_PROGESS, codes[2])
      -- The third may have come when the first had ended: then the user was in already.
      assert.is_true(codes[3] == timmsg.ERR_IN_PROGESS or codes[3] == 0)
      assert.equal("user1", tim:user())
    end)

    it("rule 8: a login of another user completes with 6015, of the same with 0", function()
      local tim = support.new_client(dir, "user1")
      local code, desc = support.call(tim, "login", "User1", "sig")
      assert.equal(timmsg.ERR_IN_PROGESS, code)
      assert.is_true(#desc > 0)
      assert.equal(0, (support.call(tim, "login", "user1", "another sig")))
      assert.equal(0, (support.call(tim, "login", "user1")))
      assert.equal("user1", tim:user())
      assert.equal("user1", support.say(tim, "user1", C2C, "still me").message_sender)
    end)

    it("rule 8: a login right behind a logout is another session", function()
      local tim = support.new_client(dir, "user1")
      local codes = {}
      support.account(dir, "user2")
      assert(tim:logout(function(code) codes[#codes + 1] = code end))
      assert.is_nil(tim:user())
      assert(tim:login("user2", "sig", function(code) codes[#codes + 1] = code end))
      support.eventually(function() return #codes == 2 end, tim)
      assert.same({ 0, 0 }, codes)
      assert.equal("user2", tim:user())
    end)

    it("rule 8: a logout when nobody is in returns -2", function()
      local tim = support.new_client(dir)
      local function refused()
        local ok, message, code = tim:logout(function() error "called back" end)
        assert.is_nil(ok)
        assert.is_true(#message > 0)
        assert.equal(timmsg.TIM_ERR_NOTLOGIN, code)
      end
      refused()
      support.must(tim, "login", "user1", "sig")
      assert(tim:logout(nothing))
      refused() -- it is under way
      support.must(tim, "login", "user1", "sig")
      support.must(tim, "logout")
      refused()
    end)

    it("rule 8: a logout ends a login that is under way, or has failed meanwhile", function()
      support.account(dir, "user1")
      support.account(dir, "user2")
      for _, first in ipairs { "user1", ("x"):rep(33) } do
        local tim = support.new_client(dir)
        local answers = {}
        local function note(what)
          return function(code) answers[#answers + 1] = what .. " " .. code end
        end
        assert(tim:login(first, "sig", note "in"))
        assert(tim:logout(note "out"))
        assert.is_nil(tim:user())
        assert(tim:login("user2", "sig", note "in"))
        support.eventually(function() return #answers == 3 end, tim)
        if first == "user1" then -- the worker may have been quick
          assert.is_true(answers[1] == "in 0" or answers[1] == "in " .. timmsg.ERR_USER_CANCELED, answers[1])
        else
          assert.equal("in " .. timmsg.ERR_SDK_COMM_INVALID_IDENTIFIER, answers[1])
        end
        assert.same({ "out 0", "in 0" }, { answers[2], answers[3] })
        assert.equal("user2", tim:user())
        assert.equal("user2", support.say(tim, "user2", C2C, "me").message_sender)
        tim:close()
      end
    end)

    it("rule 8: a login that failed leaves nobody in and the next one free", function()
      local tim = support.new_client(dir)
      assert.equal(timmsg.ERR_SDK_COMM_INVALID_IDENTIFIER, (support.call(tim, "login", ("x"):rep(33), "sig")))
      assert.is_nil(tim:user())
      assert.equal(timmsg.TIM_ERR_NOTLOGIN, (select(3, tim:conv_get_conv_list())))
      support.must(tim, "login", "user1", "sig")
      assert.equal("user1", tim:user())
    end)
  end)
end)
