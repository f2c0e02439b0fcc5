-- SendNewMsg: rules 13 to 20. Media elements are in media_send_spec.lua, BatchSend in a spec of its own.

local lfs = require "lfs"
local support = require "support"
local testing = require "timmsg.testing"
local timmsg = require "timmsg"
local uv = require "luv"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP
local hub_it = support.hub_only(it)

-- Sends texts to bert as fast as it can and says which were reported as sent, until it is killed.
local SENDER <const> = [[
  local timmsg = require "timmsg"
  io.stdout:setvbuf "no"
  local tim = assert(timmsg.new { data_dir = arg[1] .. "/anna", server = arg[2] })
  assert(tim.await:login("anna", "sig"))
  local sent, open = 0, 0
  while true do
    while open < 20 do
      sent, open = sent + 1, open + 1
      local text = "k" .. sent
      assert(tim:send_new_msg("bert", timmsg.C2C, timmsg.text(text), function(code)
        open = open - 1
        if code == 0 then io.write(text, "\n") end
      end))
    end
    tim:wait(1000)
    tim:poll()
  end
]]

describe("SendNewMsg", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(support.cleanup)

  -- A file that takes a while to upload, as many megabytes do on the hub, and no room on the disk.
  local function large_file(megabytes)
    local path = dir .. "/large.bin"
    local file <close> = assert(io.open(path, "wb"))
    assert(file:seek("set", support.upload_size(megabytes)))
    assert(file:write "end")
    return path
  end

  -- Starts to send a large file after the text, and returns when it is in state 1 and on its way: the message as it is
  -- then, and a table where `done` appears.
  local function start_large(tim, conv_id, conv_type, text, megabytes)
    local before
    local answer = {}
    local function progress(msg) before = msg end
    tim:on("msg_elem_upload_progress", progress)
    local msg = timmsg.message(timmsg.text(text), timmsg.file(large_file(megabytes or 40)))
    assert(tim:send_new_msg(conv_id, conv_type, msg, function(...) answer.done = table.pack(...) end))
    support.eventually(function() return before end, tim)
    tim:off("msg_elem_upload_progress", progress)
    assert.is_nil(answer.done)
    return before, answer
  end

  -- Copies a user's store while nothing writes to it: what a crash at this moment would leave.
  local function snapshot(from, to)
    assert(lfs.mkdir(to))
    for name in lfs.dir(from) do
      if name:find "%.db" and not name:find "%-shm$" then
        support.write_file(to .. "/" .. name, support.read_file(from .. "/" .. name))
      end
    end
    return to
  end

  describe("stores and sends:", function()
    it("rule 13: the sender is the user who is logged in, whatever the message says", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      local group = support.group(anna, "g", "bert")
      for _, conv in ipairs { { "bert", C2C }, { group, GROUP } } do
        local msg = timmsg.text("from anna in " .. conv[1])
        msg.message_sender = "bert"
        msg.message_conv_id = "elsewhere"
        msg.message_conv_type = timmsg.TIMConv_System
        msg.message_is_from_self = false
        msg.message_is_read = false
        msg.message_is_peer_read = true
        msg.message_status = timmsg.TIMMsg_Revoked
        msg.message_server_time = 5
        local sent = support.must(anna, "send_new_msg", conv[1], conv[2], msg)
        assert.equal("anna", sent.message_sender)
        assert.equal(conv[1], sent.message_conv_id)
        assert.equal(conv[2], sent.message_conv_type)
        assert.is_true(sent.message_is_from_self)
        assert.is_true(sent.message_is_read)
        assert.is_false(sent.message_is_peer_read)
        assert.equal(timmsg.TIMMsg_SendSucc, sent.message_status)
        assert.is_true(sent.message_server_time >= os.time() - 60)
        assert.same(sent, support.page(anna, conv[1], conv[2], { count = 1 })[1])
        local got = support.arrival(seen, support.text_of(msg), bert)
        assert.equal("anna", got.message_sender)
        assert.equal(conv[2] == C2C and "anna" or group, got.message_conv_id)
        assert.is_false(got.message_is_from_self)
        assert.is_false(got.message_is_read)
      end
    end)

    it("rule 13: a client_time that is given is kept, otherwise it is now", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      for _, time in ipairs { 1, 1551446728, 4102444800 } do
        local msg = timmsg.text("at " .. time)
        msg.message_client_time = time
        assert.equal(time, support.must(anna, "send_new_msg", "bert", C2C, msg).message_client_time)
        assert.equal(time, support.arrival(seen, "at " .. time, bert).message_client_time)
      end
      local before = os.time()
      local sent = support.say(anna, "bert", C2C, "now")
      assert.is_true(sent.message_client_time >= before and sent.message_client_time <= os.time())
      assert.equal(sent.message_client_time, support.arrival(seen, "now", bert).message_client_time)
    end)

    it("rule 13: a sent message has all its keys", function()
      local tim = support.new_client(dir, "user1")
      local group = support.group(tim, "g")
      for _, conv in ipairs { { "user1", C2C }, { group, GROUP } } do
        local msg = timmsg.text "x"
        msg.message_priority = timmsg.TIMMsgPriority_Lowest
        local sent = support.must(tim, "send_new_msg", conv[1], conv[2], msg)
        local types = {
          message_client_time = "integer", message_conv_id = "string", message_conv_type = "integer",
          message_custom_int = "integer", message_custom_str = "string", message_elem_array = "table",
          message_is_from_self = "boolean", message_is_online_msg = "boolean", message_is_peer_read = "boolean",
          message_is_read = "boolean", message_priority = "integer", message_rand = "integer", message_sender = "string",
          message_seq = "integer", message_server_time = "integer", message_status = "integer",
          message_unique_id = "integer",
        }
        for key, kind in pairs(types) do
          assert.equal(kind, math.type(sent[key]) or type(sent[key]), key)
        end
        for key in pairs(sent) do
          assert.is_string(types[key], key)
        end
        assert.equal(timmsg.TIMMsgPriority_Lowest, sent.message_priority)
        assert.equal(0, sent.message_custom_int)
        assert.equal("", sent.message_custom_str)
        assert.is_false(sent.message_is_online_msg)
      end
    end)

    it("rule 13: every kind of element arrives as it was sent, in its place", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      local group = support.group(anna, "g", "bert")
      for _, conv in ipairs { { "bert", C2C }, { group, GROUP } } do
        local msg = timmsg.message(timmsg.text "先 \"first\" 100%", timmsg.face(-1, "buf\0" == "" and "" or "b😀"),
          timmsg.location(-179.999999999, 89.5, "Nordpol?"), timmsg.custom("{\"a\":[1,2]}", "d", "e", "s.wav"),
          timmsg.text "", timmsg.text "last")
        local sent = support.must(anna, "send_new_msg", conv[1], conv[2], msg)
        assert.same(msg.message_elem_array, sent.message_elem_array)
        local got = support.arrival(seen, "先 \"first\" 100%", bert)
        assert.same(msg.message_elem_array, got.message_elem_array)
        seen.messages = {}
      end
    end)

    it("rule 13: state 1 is stored, then 2 or 3, and the list shows all three", function()
      local tim = support.new_client(dir, "user1")
      local group = support.group(tim, "g")
      for _, conv in ipairs { { "user1", C2C }, { group, GROUP } } do
        support.say(tim, conv[1], conv[2], "through")
        assert.equal(timmsg.ERR_SDK_COMM_FILE_NOT_FOUND, (support.call(tim, "send_new_msg", conv[1], conv[2],
          timmsg.message(timmsg.text "failed", timmsg.file(dir .. "/none")))))
        local _, answer = start_large(tim, conv[1], conv[2], "under way")
        local states = {}
        for _, msg in ipairs(support.page(tim, conv[1], conv[2])) do
          states[support.text_of(msg)] = msg.message_status
        end
        assert.is_nil(answer.done) -- the list did not have to wait for it
        assert.same({ through = 2, failed = 3, ["under way"] = 1 }, states)
        support.eventually(function() return answer.done end, tim)
        assert.equal(0, answer.done[1])
        for _, msg in ipairs(support.page(tim, conv[1], conv[2])) do
          if support.text_of(msg) == "under way" then assert.equal(timmsg.TIMMsg_SendSucc, msg.message_status) end
        end
      end
    end)

    it("rule 13: state 3 comes with its reason and stays", function()
      local tim, seen = support.device(dir, "user1")
      local code, desc, msg = support.call(tim, "send_new_msg", "nobody", C2C, timmsg.text "hello?")
      assert.equal(timmsg.ERR_SVR_MSG_INVALID_ID, code)
      assert.is_true(#desc > 0)
      assert.equal(timmsg.TIMMsg_SendFail, msg.message_status)
      assert.equal(0, msg.message_server_time)
      assert.same({ msg }, support.page(tim, "nobody", C2C))
      assert.equal(timmsg.TIMMsg_SendFail, seen.changes[#seen.changes].conv.conv_last_msg.message_status)
      support.must(tim, "logout")
      support.must(tim, "login", "user1", "sig")
      assert.same({ msg }, support.page(tim, "nobody", C2C))
      assert.equal(0, #seen.messages)
    end)
  end)

  describe("keeps what it reported:", function()
    it("rule 14: whatever the sender was killed in", function()
      support.new_client(dir, "bert"):close()
      support.account(dir, "anna")
      local out, reported, waiting = uv.new_pipe(), {}, ""
      local exited
      local script = support.write_file(dir .. "/sender.lua", SENDER)
      local process = assert(uv.spawn("lua5.4", { args = { script, dir, support.server(dir) }, stdio = { nil, out, 2 } },
        function() exited = true end))
      out:read_start(function(_, data)
        if not data then return out:close() end
        waiting = waiting .. data
        waiting = waiting:gsub("(k%d+)\n", function(text)
          reported[#reported + 1] = text
          return ""
        end)
      end)
      local deadline = support.now_ms() + support.DEADLINE_MS
      while #reported < 150 and not exited and support.now_ms() < deadline do
        uv.run "once"
      end
      process:kill "sigkill"
      while not exited or not out:is_closing() do
        uv.run "once"
      end
      process:close()
      uv.run()
      assert.is_true(#reported >= 150, #reported)

      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      support.say(anna, "bert", C2C, "the end")
      support.arrival(seen, "the end", bert)
      local got = {}
      for _, text in ipairs(support.texts(seen.messages)) do
        got[text] = (got[text] or 0) + 1
      end
      for _, text in ipairs(reported) do
        assert.equal(1, got[text], text)
      end
      -- What was on its way is settled: anna's store and bert's say the same.
      local states = {}
      local last
      repeat
        local page = support.page(anna, "bert", C2C, { count = 1000, last_msg = last })
        for _, msg in ipairs(page) do
          local text = support.text_of(msg)
          assert.is_nil(states[text], text)
          states[text] = msg.message_status
        end
        last = page[#page]
      until not last
      for text, state in pairs(states) do
        assert.is_true(state == timmsg.TIMMsg_SendSucc or state == timmsg.TIMMsg_SendFail, text)
        assert.equal(state == timmsg.TIMMsg_SendSucc and 1 or nil, got[text], text)
      end
      for text, count in pairs(got) do
        assert.equal(1, count, text)
        assert.equal(timmsg.TIMMsg_SendSucc, states[text], text)
      end
    end)

    it("rule 14: a retry after an unclear failure carries the same identity, and there is one message", function()
      for _, conv in ipairs { { "bert", C2C }, { "g", GROUP } } do
        local anna = support.new_client(dir, "anna")
        local bert, seen = support.device(dir, "bert", conv[1])
        if conv[2] == GROUP then support.group(anna, "g", "bert") end
        local _, answer = start_large(anna, conv[1], conv[2], "once", 90) -- a machine that is busy takes the snapshot late
        local data = snapshot(dir .. "/anna", dir .. "/snapshot-" .. conv[1])
        support.eventually(function() return answer.done end, anna)
        local sent = answer.done[3]
        assert.equal(timmsg.TIMMsg_SendSucc, sent.message_status)
        anna:close()
        -- The store of a sender who died before the answer, at a backend that knows of nothing: it failed.
        assert(lfs.mkdir(dir .. "/empty-" .. conv[1]))
        anna = support.new_client(dir .. "/empty-" .. conv[1], nil, { data_dir = data })
        support.must(anna, "login", "anna", "sig")
        local failed = support.page(anna, conv[1], conv[2], { count = 1 })[1]
        assert.equal("once", support.text_of(failed))
        assert.equal(timmsg.TIMMsg_SendFail, failed.message_status)
        assert.equal(sent.message_rand, failed.message_rand)
        anna:close()
        -- Back at the one that has it.
        anna = support.new_client(dir, nil, { data_dir = data })
        support.must(anna, "login", "anna", "sig")
        local again = support.must(anna, "send_new_msg", conv[1], conv[2], failed)
        for _, key in ipairs { "message_seq", "message_rand", "message_client_time" } do
          assert.equal(sent[key], again[key], key)
        end
        -- an XMPP server keeps both, and those who read them one
        if support.is_hub then assert.equal(sent.message_server_time, again.message_server_time) end
        support.say(anna, conv[1], conv[2], "the end")
        support.arrival(seen, "the end", bert)
        local count = 0
        for _, text in ipairs(support.texts(seen.messages)) do
          if text == "once" then count = count + 1 end
        end
        assert.equal(1, count)
        local texts = support.texts(support.page(anna, conv[1], conv[2], { count = 2 }))
        table.sort(texts)
        assert.same({ "once", "the end" }, texts)
        anna:close()
        bert:close()
      end
    end)

    it("rule 15: found in state 1 at login, it gets state 2 if the backend has it", function()
      for _, conv in ipairs { { "bert", C2C }, { "g", GROUP } } do
        support.new_client(dir, "bert"):close()
        local anna = support.new_client(dir, "anna")
        if conv[2] == GROUP then support.group(anna, "g", "bert") end
        local _, answer = start_large(anna, conv[1], conv[2], "made it", 90)
        local data = snapshot(dir .. "/anna", dir .. "/snapshot-" .. conv[1])
        support.eventually(function() return answer.done end, anna)
        local sent = answer.done[3]
        anna:close()
        local seen
        anna, seen = support.device(dir, "anna", nil, { data_dir = data })
        local list = support.page(anna, conv[1], conv[2], { count = 1 })
        assert.equal(timmsg.TIMMsg_SendSucc, list[1].message_status)
        for _, key in ipairs { "message_seq", "message_rand", "message_server_time", "message_unique_id" } do
          assert.equal(sent[key], list[1][key], key)
        end
        support.eventually(function()
          for _, change in ipairs(seen.changes) do
            local last = change.conv.conv_last_msg
            if change.conv.conv_id == conv[1] and last and last.message_status == timmsg.TIMMsg_SendSucc
              and last.message_rand == sent.message_rand then return true end
          end
          return false
        end, anna)
        for _, change in ipairs(seen.changes) do -- it never seemed to have failed
          local last = change.conv.conv_last_msg
          assert.is_true(not last or last.message_status ~= timmsg.TIMMsg_SendFail)
        end
        anna:close()
      end
    end)

    it("rule 15: found in state 1 at login, it gets state 3 if the backend does not have it", function()
      support.new_client(dir, "bert"):close()
      for _, conv in ipairs { { "bert", C2C }, { "g", GROUP } } do
        local anna = support.new_client(dir, "anna")
        if conv[2] == GROUP then support.group(anna, "g", "bert") end
        local before, answer = start_large(anna, conv[1], conv[2], "too late", 90)
        anna:close()
        assert.equal(timmsg.ERR_USER_CANCELED, answer.done[1])
        local seen
        anna, seen = support.device(dir, "anna")
        local msg = support.page(anna, conv[1], conv[2], { count = 1 })[1]
        assert.equal("too late", support.text_of(msg))
        assert.equal(timmsg.TIMMsg_SendFail, msg.message_status)
        assert.equal(before.message_rand, msg.message_rand)
        support.eventually(function()
          for _, change in ipairs(seen.changes) do
            if change.conv.conv_id == conv[1] and change.event == timmsg.TIMConvEvent_Update
              and change.conv.conv_last_msg.message_status == timmsg.TIMMsg_SendFail then return true end
          end
          return false
        end, anna)
        anna:close()
      end
    end)

    it("rule 15: what turned out to be sent is not sent twice by one who holds it as failed, or on its way", function()
      local anna = support.new_client(dir, "anna")
      local _, seen = support.device(dir, "bert")
      support.group(anna, "g", "bert")
      for i, conv in ipairs { { "bert", C2C }, { "g", GROUP } } do
        local sent = support.must(anna, "send_new_msg", conv[1], conv[2], timmsg.text("once " .. i))
        local before = #support.page(anna, conv[1], conv[2])
        local stale = {}
        for key, value in pairs(sent) do
          stale[key] = value
        end
        stale.message_status = i % 2 == 0 and timmsg.TIMMsg_Sending or timmsg.TIMMsg_SendFail
        stale.message_server_time = 0
        local again = support.must(anna, "send_new_msg", conv[1], conv[2], stale)
        assert.equal(sent.message_rand, again.message_rand)
        assert.equal(sent.message_server_time, again.message_server_time)
        assert.equal(timmsg.TIMMsg_SendSucc, again.message_status)
        assert.equal(before, #support.page(anna, conv[1], conv[2]))
        support.say(anna, conv[1], conv[2], "behind it " .. i)
        support.arrival(seen, "behind it " .. i)
        local count = 0
        for _, msg in ipairs(seen.messages) do
          if support.text_of(msg) == "once " .. i then count = count + 1 end
        end
        assert.equal(1, count)
      end
    end)

    it("rule 15: sending what failed again, with its rand and client_time, uses its row", function()
      local anna = support.new_client(dir, "anna")
      for _, conv in ipairs { { "bert", C2C }, { "g", GROUP } } do
        local _, _, failed = support.call(anna, "send_new_msg", conv[1], conv[2], timmsg.text "again")
        assert.equal(timmsg.TIMMsg_SendFail, failed.message_status)
        local code, _, twice = support.call(anna, "send_new_msg", conv[1], conv[2], failed)
        assert.not_equal(0, code)
        assert.equal(timmsg.TIMMsg_SendFail, twice.message_status)
        assert.equal(failed.message_rand, twice.message_rand)
        assert.equal(failed.message_client_time, twice.message_client_time)
        assert.equal(1, #support.page(anna, conv[1], conv[2]))
        -- Without them it is another message.
        local fresh = timmsg.text "again"
        fresh.message_client_time = failed.message_client_time
        support.call(anna, "send_new_msg", conv[1], conv[2], fresh)
        assert.equal(2, #support.page(anna, conv[1], conv[2]))
        if conv[2] == C2C then
          support.new_client(dir, "bert"):close()
        else
          support.group(anna, "g")
        end
        failed.message_elem_array = { { elem_type = 0, text_elem_content = "corrected" } }
        local sent = support.must(anna, "send_new_msg", conv[1], conv[2], failed)
        assert.equal(failed.message_rand, sent.message_rand)
        local states = {}
        for _, msg in ipairs(support.page(anna, conv[1], conv[2])) do
          states[support.text_of(msg)] = msg.message_status
        end
        assert.same({ again = timmsg.TIMMsg_SendFail, corrected = timmsg.TIMMsg_SendSucc }, states)
        -- What was sent is not sent again by accident: the same once more is a new message.
        local copy = support.must(anna, "send_new_msg", conv[1], conv[2], sent)
        assert.not_equal(sent.message_rand, copy.message_rand)
        assert.equal(3, #support.page(anna, conv[1], conv[2]))
      end
    end)

    hub_it("rules 15, 24: what another attempt said first counts, here too", function()
      local anna = support.new_client(dir, "anna")
      local _, _, failed = support.call(anna, "send_new_msg", "bert", C2C, timmsg.text "this way")
      assert.equal(timmsg.TIMMsg_SendFail, failed.message_status)
      local copy = support.new_client(dir, "anna", { data_dir = snapshot(dir .. "/anna", dir .. "/copy") })
      support.device(dir, "bert")
      local again = support.page(copy, "bert", C2C)[1]
      again.message_elem_array = timmsg.message(timmsg.text "otherwise", timmsg.file(large_file(90))).message_elem_array
      local progress, done
      copy:on("msg_elem_upload_progress", function() progress = true end)
      assert(copy:send_new_msg("bert", C2C, again, function(...) done = table.pack(...) end))
      support.eventually(function() return progress end, copy)
      local sent = support.must(anna, "send_new_msg", "bert", C2C, failed)
      support.eventually(function() return done end, copy)
      assert.same({ 0, sent }, { done[1], done[3] })
      assert.same({ sent }, support.page(copy, "bert", C2C))
    end)
  end)

  describe("that is on its way", function()
    local text = timmsg.text

    it("rules 3, 19: completes with what SaveMsg has changed of it", function()
      local world <close> = testing.new()
      local anna = world:login "anna"
      world:login "bert"
      world:slow(anna, "send_new_msg", 1000)
      local sent
      assert(anna:send_new_msg("bert", C2C, text "x", function(_, _, msg) sent = msg end))
      world:flush()
      local _, _, list = world:ask(anna, "get_msg_list", "bert", C2C, {})
      list[1].message_custom_int, list[1].message_custom_str = 7, "later"
      assert.equal(0, (world:ask(anna, "save_msg", "bert", C2C, list[1])))
      world:advance(2000)
      assert.same({ 2, 7, "later" }, { sent.message_status, sent.message_custom_int, sent.message_custom_str })
      _, _, list = world:ask(anna, "get_msg_list", "bert", C2C, {})
      assert.same({ 2, 7, "later" }, { list[1].message_status, list[1].message_custom_int, list[1].message_custom_str })
    end)

    -- by what call it comes back, and in which state (nil: that call's own)
    for _, case in ipairs { { "import_msg_list", 3 }, { "import_msg_list" }, { "save_msg" } } do
      local call, state = case[1], case[2]
      it(("rules 14, 36: is sent in the list too where it was deleted meanwhile, and then %s, %s"):format(call,
        state or "no state"), function()
        local world <close> = testing.new()
        local anna, bert = world:login "anna", world:login "bert"
        world:slow(anna, "send_new_msg", 1000)
        local sent
        assert(anna:send_new_msg("bert", C2C, text "x", function(_, _, msg) sent = msg end))
        world:flush()
        local _, _, list = world:ask(anna, "get_msg_list", "bert", C2C, {})
        local hers = list[1]
        assert.equal(0, (world:ask(anna, "delete", "bert", C2C, hers)))
        assert.equal(0, (world:ask(bert, "send_new_msg", "anna", C2C, text "takes its row")))
        world:flush()
        hers.message_status = state
        assert.equal(0, (world:ask(anna, call, "bert", C2C, call == "save_msg" and hers or { hers })))
        world:advance(2000)
        assert.equal(2, sent.message_status)
        _, _, list = world:ask(anna, "get_msg_list", "bert", C2C, {})
        assert.equal(2, #list)
        for _, msg in ipairs(list) do assert.equal(2, msg.message_status) end
        assert.equal(0, (world:ask(anna, "revoke", "bert", C2C, sent)))
      end)
    end
  end)

  describe("sent again while it is on its way", function()
    local hub, anna, bert

    before_each(function()
      hub = testing.new()
      anna, bert = hub:login "anna", hub:login "bert"
    end)
    after_each(function() hub:close() end)

    local function must(client, call, ...)
      local code, desc, result = hub:ask(client, call, ...)
      assert(code == 0, desc)
      return result
    end

    -- Her message in the group, as her device has it.
    local function hers()
      for _, msg in ipairs(must(anna, "get_msg_list", "g", GROUP, {})) do
        if msg.message_sender == "anna" then return msg end
      end
      error "there is none"
    end

    local function make_group()
      must(bert, "group_create", {
        create_group_param_group_id = "g", create_group_param_group_name = "g",
        create_group_param_group_member_array = { { group_member_info_identifier = "anna" } },
      })
    end

    -- Has anna send it to the group, which takes so many milliseconds: a table where `code` and `msg` appear.
    local function send_slowly(msg, ms)
      local answer = {}
      hub:slow(anna, "send_new_msg", ms)
      assert(anna:send_new_msg("g", GROUP, msg, function(code, _, sent) answer.code, answer.msg = code, sent end))
      hub:flush()
      return answer
    end

    -- The same once more, with another text: two such tables. The first attempt ends after a second, the other after two.
    local function send_twice(msg)
      local first = send_slowly(msg, 1000)
      local again = hers()
      assert.equal(timmsg.TIMMsg_Sending, again.message_status)
      again.message_elem_array[1].text_elem_content = "otherwise"
      local second = send_slowly(again, 2000)
      hub:advance(1000)
      assert.equal(0, first.code)
      assert.is_nil(second.code)
      return first, second
    end

    local meanwhile = {
      ["nothing happens"] = function() end,
      ["it is revoked"] = function(first) must(anna, "revoke", "g", GROUP, first.msg) end,
      ["the sender quits the group"] = function() must(anna, "group_quit", "g") end,
      ["the group is deleted"] = function() must(bert, "group_delete", "g") end,
    }
    for what, act in pairs(meanwhile) do
      for _, with in ipairs { "a text", "a file" } do
        hub_it(("rules 13, 15, 29: %s stays what the first attempt has become, where %s"):format(with, what), function()
          make_group()
          local path = support.write_file(dir .. "/map.txt", "here")
          local first, second = send_twice(with == "a text" and timmsg.text "this way"
            or timmsg.message(timmsg.text "this way", timmsg.file(path)))
          act(first)
          hub:advance(1000)
          assert.equal(0, second.code)
          if what == "it is revoked" then
            first.msg.message_status, first.msg.message_elem_array = timmsg.TIMMsg_Revoked, {}
          end
          assert.same(first.msg, hers())
          assert.same(first.msg, second.msg)
          local texts = {}
          for _, msg in ipairs(hub:received(bert)) do
            if msg.message_sender == "anna" then table.insert(texts, support.text_of(msg)) end
          end
          assert.same({ "this way" }, texts)
        end)
      end
    end

    hub_it("rules 3, 15: it is sent, though the file of the second attempt is gone", function()
      make_group()
      local path = support.write_file(dir .. "/map.txt", "here")
      local first, second = send_twice(timmsg.message(timmsg.text "this way", timmsg.file(path)))
      os.remove(path)
      hub:advance(1000)
      assert.same({ 0, first.msg }, { second.code, second.msg })
      assert.same(first.msg, hers())
    end)

    hub_it("rule 15: the one that the hub has first counts, whichever began first", function()
      make_group()
      local first = send_slowly(timmsg.text "this way", 2000)
      local again = hers()
      again.message_elem_array[1].text_elem_content = "otherwise"
      local second = send_slowly(again, 1000)
      hub:advance(2000)
      assert.equal(0, first.code)
      assert.equal("otherwise", support.text_of(hers()))
      assert.same({ second.msg, second.msg }, { hers(), first.msg })
    end)

    hub_it("rule 21: what turns out to be sent keeps the path of its file", function()
      make_group()
      local path = support.write_file(dir .. "/map.txt", "here")
      local lost = send_slowly(timmsg.message(timmsg.text "Ünder \1 \"it\"", timmsg.location(1.5e-7, 0.1), timmsg.file(path)), 1000)
      hub:cut(anna, "send_new_msg")
      hub:advance(1000)
      assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, lost.code)
      local row = hers()
      assert.equal(timmsg.TIMMsg_SendSucc, row.message_status)
      assert.same(lost.msg.message_elem_array, row.message_elem_array)
      assert.equal(path, row.message_elem_array[3].file_elem_file_path)
    end)

    hub_it("rule 15: it is not sent again where SaveMsg has called it failed", function()
      make_group()
      local sent = must(anna, "send_new_msg", "g", GROUP, timmsg.text "this way")
      sent.message_status = timmsg.TIMMsg_SendFail
      must(anna, "save_msg", "g", GROUP, sent)
      -- which could not be sent
      sent.message_elem_array[2] = timmsg.file(dir .. "/none").message_elem_array[1]
      local again = must(anna, "send_new_msg", "g", GROUP, sent)
      assert.equal(timmsg.TIMMsg_SendSucc, again.message_status)
      assert.equal(1, #again.message_elem_array)
      assert.same(again, hers())
    end)

    -- What SaveMsg calls revoked stays so (rule 32), sent or not.
    for _, with in ipairs { "a text", "a file" } do
      for what, ms in pairs { ["sent"] = 1000, ["failed"] = 40000 } do
        hub_it(("rule 32: %s that SaveMsg has revoked stays so when it is %s"):format(with, what), function()
          make_group()
          local path = support.write_file(dir .. "/map.txt", "here")
          local answer = send_slowly(with == "a text" and timmsg.text "this way" or timmsg.file(path), ms)
          local row = hers()
          row.message_status = timmsg.TIMMsg_Revoked
          must(anna, "save_msg", "g", GROUP, row)
          hub:advance(ms)
          assert.equal(what == "sent" and 0 or timmsg.ERR_REQUEST_TIMEOUT, answer.code)
          row = hers()
          assert.same({ timmsg.TIMMsg_Revoked, {} }, { row.message_status, row.message_elem_array })
          assert.same(row, answer.msg)
          assert.equal(what == "sent", row.message_server_time > 0)
        end)
      end
    end
  end)

  describe("says what is wrong:", function()
    -- on a server the sender's archive shows what was refused, and may show the first attempt during the second
    it("rule 16: 20003 for a user who does not exist, however often it is tried", function()
      local anna, seen = support.device(dir, "anna")
      for i = 1, 30 do
        local code, _, failed = support.call(anna, "send_new_msg", "bert", C2C, timmsg.text("try " .. i))
        assert.equal(timmsg.ERR_SVR_MSG_INVALID_ID, code)
        assert.equal(timmsg.ERR_SVR_MSG_INVALID_ID, (support.call(anna, "send_new_msg", "bert", C2C, failed)))
      end
      support.say(anna, "anna", C2C, "behind them")
      support.eventually(function() return support.conv(anna, "anna", C2C) end, anna)
      local all = support.history(anna, "bert", C2C)
      assert.equal(30, #all)
      for _, msg in ipairs(all) do
        assert.equal(timmsg.TIMMsg_SendFail, msg.message_status)
      end
      assert.same({}, seen.messages)
    end)

    it("rule 16: 20003 for a user who does not exist; on the hub one exists from the first login on", function()
      local anna = support.new_client(dir, "anna")
      for _, user in ipairs { "bert", "Anna", "anna " } do
        local code, desc = support.call(anna, "send_new_msg", user, C2C, timmsg.text "hi")
        assert.equal(timmsg.ERR_SVR_MSG_INVALID_ID, code)
        assert.is_truthy(desc:find(user, 1, true))
      end
      support.new_client(dir, "bert"):close()
      support.say(anna, "bert", C2C, "hi")
      local bert, seen = support.device(dir, "bert")
      support.arrival(seen, "hi", bert)
      assert.equal(1, #seen.messages)
    end)

    it("rule 16: 10010 for a group that does not exist, 10007 for one that the sender is not in", function()
      local anna, bert = support.new_client(dir, "anna"), support.new_client(dir, "bert")
      local function code_of(client, group)
        local code, desc, msg = support.call(client, "send_new_msg", group, GROUP, timmsg.text "hi")
        if code ~= 0 then
          assert.is_truthy(desc:find(group, 1, true))
          assert.equal(timmsg.TIMMsg_SendFail, msg.message_status)
        end
        return code
      end
      assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, code_of(bert, "g"))
      support.group(anna, "g")
      assert.equal(timmsg.ERR_SVR_GROUP_PERMISSION_DENY, code_of(bert, "g"))
      support.must(bert, "group_join", "g")
      assert.equal(0, code_of(bert, "g"))
      support.must(bert, "group_quit", "g")
      assert.equal(timmsg.ERR_SVR_GROUP_PERMISSION_DENY, code_of(bert, "g"))
      support.must(anna, "group_delete", "g")
      assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, code_of(anna, "g"))
    end)

    -- where a spec can have the server refuse something
    local prosody_it = support.backend == "prosody" and it or function() end

    prosody_it("rule 16, 45: what the server says when it refuses a message is told apart, and nothing is in the way later", function()
      local server, host = support.xmpp_server(), support.xmpp_host(dir)
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      support.group(anna, "g", "bert")
      local codes = {
        { C2C, "service-unavailable", timmsg.ERR_SVR_MSG_INVALID_ID },
        { C2C, "resource-constraint", timmsg.ERR_SDK_NET_REQ_COUNT_LIMIT },
        { GROUP, "item-not-found", timmsg.ERR_SVR_GROUP_NOT_FOUND },
        { GROUP, "forbidden", timmsg.ERR_SVR_GROUP_PERMISSION_DENY },
        { GROUP, "registration-required", timmsg.ERR_SVR_GROUP_PERMISSION_DENY },
        { GROUP, "policy-violation", timmsg.ERR_SDK_NET_REQ_COUNT_LIMIT },
        { GROUP, "resource-constraint", timmsg.ERR_SDK_NET_REQ_COUNT_LIMIT },
        { GROUP, "internal-server-error", timmsg.ERR_SVR_GROUP_INTERNAL_ERROR },
        { GROUP, "remote-server-not-found", timmsg.ERR_SVR_GROUP_INTERNAL_ERROR },
        { GROUP, "remote-server-timeout", timmsg.ERR_SVR_GROUP_INTERNAL_ERROR },
      }
      for i, case in ipairs(codes) do
        local conv_type, condition, wanted = table.unpack(case)
        local conv = conv_type == GROUP and "g" or "bert"
        server:refuse("message", conv_type == GROUP and "g@conference." .. host or "bert@" .. host, condition)
        local code, desc, msg = support.call(anna, "send_new_msg", conv, conv_type, timmsg.text("word " .. i))
        assert.equal(wanted, code, desc)
        assert.matches(condition, desc, 1, true)
        assert.equal(timmsg.TIMMsg_SendFail, msg.message_status)
        support.must(anna, "send_new_msg", conv, conv_type, msg)
        support.arrival(seen, "word " .. i, bert)
      end
    end)

    prosody_it("rule 45: what the server says when it is asked about a group is told apart", function()
      local server, host = support.xmpp_server(), support.xmpp_host(dir)
      local anna, bert = support.new_client(dir, "anna"), support.new_client(dir, "bert")
      support.group(anna, "g")
      for condition, wanted in pairs {
        ["item-not-found"] = timmsg.ERR_SVR_GROUP_NOT_FOUND,
        ["forbidden"] = timmsg.ERR_SVR_GROUP_PERMISSION_DENY,
        ["service-unavailable"] = timmsg.ERR_SVR_GROUP_INTERNAL_ERROR,
        ["remote-server-not-found"] = timmsg.ERR_SVR_GROUP_INTERNAL_ERROR,
        ["internal-server-error"] = timmsg.ERR_SVR_GROUP_INTERNAL_ERROR,
      } do
        for _, call in ipairs { { "group_join", "g", "" }, { "group_quit", "g" } } do
          server:refuse("info", "g@conference." .. host, condition)
          local code, desc = support.call(bert, table.unpack(call))
          assert.equal(wanted, code, condition .. ": " .. desc)
        end
      end
      support.must(bert, "group_join", "g", "")
    end)

    it("rule 16: 8001 for more than 12 KB of elements", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      local group = support.group(anna, "g", "bert")
      for _, conv in ipairs { { "bert", C2C }, { group, GROUP } } do
        local function code_of(msg)
          local code, desc, result = support.call(anna, "send_new_msg", conv[1], conv[2], msg)
          if code ~= 0 then
            assert.matches("^message_elem_array: ", desc)
            assert.equal(timmsg.TIMMsg_SendFail, result.message_status)
          end
          return code
        end
        local many = {}
        for i = 1, 400 do
          many[i] = timmsg.text "0123456789" -- with its keys, each has some 45 bytes
        end
        assert.equal(0, code_of(timmsg.text("last " .. ("x"):rep(12200))))
        assert.equal(timmsg.ERR_SDK_MSG_BODY_SIZE_LIMIT, code_of(timmsg.text(("x"):rep(12289))))
        assert.equal(0, code_of(timmsg.text(("字"):rep(4000))))
        assert.equal(timmsg.ERR_SDK_MSG_BODY_SIZE_LIMIT, code_of(timmsg.text(("字"):rep(4100))))
        assert.equal(timmsg.ERR_SDK_MSG_BODY_SIZE_LIMIT, code_of(timmsg.message(many)))
        assert.equal(timmsg.ERR_SDK_MSG_BODY_SIZE_LIMIT, code_of(timmsg.text(("x"):rep(3 << 20))))
        local own = timmsg.text "small, with a large note of one's own"
        own.message_custom_str = ("n"):rep(50000)
        assert.equal(0, code_of(own))
        support.arrival(seen, support.text_of(own), bert)
        assert.equal(12205, #support.arrival(seen, "last " .. ("x"):rep(12200), bert).message_elem_array[1].text_elem_content)
        for _, text in ipairs(support.texts(seen.messages)) do
          assert.is_true(#text <= 12288)
        end
        seen.messages = {}
      end
    end)

    it("rule 17: -3 for what can't be sent", function()
      local tim = support.new_client(dir, "user1")
      local group = support.group(tim, "g")
      local path = support.write_file(dir .. "/f", "content")
      local function elem(msg) return msg.message_elem_array[1] end
      local text, image = elem(timmsg.text "t"), elem(timmsg.image(path))
      local sound, file, video = elem(timmsg.sound(path)), elem(timmsg.file(path)), elem(timmsg.video(path, path))
      local bad = {
        { "message_elem_array: ", {} },
        { "message_elem_array[1].elem_type: ", { { elem_type = timmsg.TIMElem_GroupTips } } },
        { "message_elem_array[2].elem_type: ", { text, { elem_type = timmsg.TIMElem_GroupTips } } },
        { "message_elem_array[1].elem_type: ", { { elem_type = timmsg.TIMElem_GroupReport } } },
        { "message_elem_array[2].elem_type: ", { sound, sound } },
        { "message_elem_array[3].elem_type: ", { file, text, file } },
        { "message_elem_array[4].elem_type: ", { video, sound, file, video } },
      }
      for _, conv in ipairs { { "user1", C2C }, { group, GROUP } } do
        for _, case in ipairs(bad) do
          local msg = { message_elem_array = case[2] }
          local ok, message, code = tim:send_new_msg(conv[1], conv[2], msg, function() error "called back" end)
          assert.is_nil(ok)
          assert.equal(case[1], message:sub(1, #case[1]))
          assert.equal(timmsg.TIM_ERR_JSON, code)
          ok, message, code = tim:batch_send({
            msg_batch_send_param_identifier_array = { "user1" },
            msg_batch_send_param_msg = msg,
          }, function() error "called back" end)
          assert.is_nil(ok)
          assert.equal("msg_batch_send_param_msg." .. case[1], message:sub(1, #case[1] + 25))
          assert.equal(timmsg.TIM_ERR_JSON, code)
        end
        local ok, message, code = tim:send_new_msg(conv[1], conv[2], {})
        assert.same({ nil, "message_elem_array: missing", timmsg.TIM_ERR_JSON }, { ok, message, code })
        local sent = support.must(tim, "send_new_msg", conv[1], conv[2],
          { message_elem_array = { image, sound, file, video, image, text } })
        assert.equal(6, #sent.message_elem_array)
        assert.equal(1, #support.page(tim, conv[1], conv[2]))
      end
    end)
  end)

  describe("with message_is_online_msg", function()
    local function online(text)
      local msg = timmsg.text(text)
      msg.message_is_online_msg = true
      return msg
    end

    it("rule 18: reaches those who are online, and is stored and counted nowhere", function()
      local anna, anna_seen = support.device(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      local group = support.group(anna, "g", "bert")
      support.eventually(function() return #seen.messages >= 1 end, bert) -- the GroupTips
      seen.messages = {}
      for i, conv in ipairs { { "bert", C2C, "anna" }, { group, GROUP, group } } do
        local sent = support.must(anna, "send_new_msg", conv[1], conv[2], online("ping 📡 " .. i))
        assert.equal(timmsg.TIMMsg_SendSucc, sent.message_status)
        assert.is_true(sent.message_is_online_msg)
        local got = support.arrival(seen, "ping 📡 " .. i, bert)
        assert.is_true(got.message_is_online_msg)
        assert.equal("anna", got.message_sender)
        assert.equal(conv[3], got.message_conv_id)
        assert.is_false(got.message_is_from_self)
        support.say(anna, conv[1], conv[2], "kept " .. i)
        support.arrival(seen, "kept " .. i, bert)
        assert.equal("kept " .. i, support.texts(support.page(anna, conv[1], conv[2]))[1])
        for _, client in ipairs { anna, bert } do
          local id = client == bert and conv[3] or conv[1]
          for _, remble in ipairs { false, true } do
            for _, text in ipairs(support.texts(support.page(client, id, conv[2], { is_remble = remble }))) do
              assert.is_nil(text:find "ping")
            end
          end
        end
        local entry = support.conv(bert, conv[3], conv[2])
        assert.equal(conv[2] == GROUP and 2 or 1, entry.conv_unread_num)
        assert.equal("kept " .. i, support.text_of(entry.conv_last_msg))
      end
      assert.equal(0, #anna_seen.messages - 1) -- the GroupTips alone
    end)

    it("rule 18: makes no conversation", function()
      local anna, anna_seen = support.device(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      support.must(anna, "send_new_msg", "bert", C2C, online "psst")
      support.arrival(seen, "psst", bert)
      assert.same({}, support.must(anna, "conv_get_conv_list"))
      assert.same({}, support.must(bert, "conv_get_conv_list"))
      assert.equal(0, #anna_seen.events + #seen.events)
    end)

    it("rule 18: does not wait for those who are away", function()
      local anna = support.new_client(dir, "anna")
      support.new_client(dir, "bert"):close()
      assert.equal(0, (support.call(anna, "send_new_msg", "bert", C2C, online "gone")))
      support.say(anna, "bert", C2C, "kept")
      local bert, seen = support.device(dir, "bert")
      support.arrival(seen, "kept", bert)
      assert.same({ "kept" }, support.texts(seen.messages))
      assert.same({ "kept" }, support.texts(support.page(bert, "anna", C2C, { is_remble = true })))
    end)

    it("rule 18: can't be revoked and brings no receipt", function()
      local anna, anna_seen = support.device(dir, "anna", nil, { read_receipt = true })
      local bert, seen = support.device(dir, "bert")
      local group = support.group(anna, "g", "bert")
      local sent = support.must(anna, "send_new_msg", "bert", C2C, online "fleeting")
      local got = support.arrival(seen, "fleeting", bert)
      assert.equal(timmsg.ERR_SVR_MSG_REVOKE_NOT_FOUND, (support.call(anna, "revoke", "bert", C2C, sent)))
      support.say(anna, group, GROUP, "to stay")
      support.arrival(seen, "to stay", bert) -- on XMPP he is in the room then
      local in_group = support.must(anna, "send_new_msg", group, GROUP, online "fleeting too")
      support.arrival(seen, "fleeting too", bert)
      assert.equal(timmsg.ERR_SVR_GROUP_REVOKE_MSG_NOT_FOUND, (support.call(anna, "revoke", group, GROUP, in_group)))
      support.must(bert, "report_readed", "anna", C2C, got)
      support.must(bert, "report_readed", "anna", C2C)
      support.say(bert, "anna", C2C, "answer")
      support.arrival(anna_seen, "answer", anna)
      assert.same({}, anna_seen.receipts)
      assert.same({}, seen.revoked)
    end)

    it("rule 18: fails like any other: unknown user, unknown group, too large", function()
      local anna = support.new_client(dir, "anna")
      if support.backend ~= "prosody" then -- which says nothing of it (rule 45)
        assert.equal(timmsg.ERR_SVR_MSG_INVALID_ID, (support.call(anna, "send_new_msg", "bert", C2C, online "x")))
      end
      assert.equal(timmsg.ERR_SVR_GROUP_NOT_FOUND, (support.call(anna, "send_new_msg", "g", GROUP, online "x")))
      assert.equal(timmsg.ERR_SDK_MSG_BODY_SIZE_LIMIT,
        (support.call(anna, "send_new_msg", "anna", C2C, online(("x"):rep(13000)))))
      assert.same({}, support.page(anna, "bert", C2C))
    end)

    it("rule 18: takes its turn among the calls around it", function()
      local anna = support.new_client(dir, "anna")
      for i = 1, 20 do
        local codes, group = {}, "g" .. i
        local function note(name)
          return function(code) codes[name] = code end
        end
        local param = { create_group_param_group_name = "g", create_group_param_group_id = group,
          create_group_param_group_type = timmsg.kTIMGroup_Public }
        assert(anna:send_new_msg("anna", C2C, timmsg.text "busy", note "busy")) -- the worker finds the rest together
        assert(anna:send_new_msg(group, GROUP, online "too early", note "early"))
        assert(anna:group_create(param, note "create"))
        assert(anna:send_new_msg(group, GROUP, online "in time", note "in time"))
        assert(anna:group_delete(group, note "delete"))
        assert(anna:send_new_msg(group, GROUP, online "too late", note "late"))
        support.eventually(function() return codes.late and codes.delete end, anna)
        assert.same({ busy = 0, early = timmsg.ERR_SVR_GROUP_NOT_FOUND, create = 0, ["in time"] = 0, delete = 0,
          late = timmsg.ERR_SVR_GROUP_NOT_FOUND }, codes)
      end
    end)

    it("rule 18: comes in order, and large", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      local wanted = {}
      for i = 1, 100 do
        wanted[i] = ("%d %s"):format(i, ("大"):rep(i * 30))
        support.must(anna, "send_new_msg", "bert", C2C, online(wanted[i]))
      end
      support.eventually(function() return #seen.messages >= 100 end, bert)
      assert.same(wanted, support.texts(seen.messages))
    end)

    it("rule 18: is lost for one who does not take its events, and holds nobody up", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      local total <const>, done = 12000, 0
      for sent = 1, total do
        assert(anna:send_new_msg("bert", C2C, online "flood", function(code) done = done + (code == 0 and 1 or 0) end))
        if sent % 1000 == 0 then
          support.pump(support.DEADLINE_MS, function() return done == sent end, anna)
          assert.equal(sent, done)
        end
      end
      support.say(anna, "bert", C2C, "kept")
      support.arrival(seen, "kept", bert)
      assert.is_true(#seen.messages > 1)
      assert.is_true(#seen.messages < total)
    end)
  end)

  describe("keeps one's own fields:", function()
    it("rule 19: message_custom_int and message_custom_str stay on this device", function()
      local anna = support.new_client(dir, "anna")
      local phone, phone_seen = support.device(dir, "anna", "phone")
      local bert, seen = support.device(dir, "bert")
      local group = support.group(anna, "g", "bert")
      for _, conv in ipairs { { "bert", C2C }, { group, GROUP } } do
        local msg = timmsg.text("noted in " .. conv[1])
        msg.message_custom_int = 4294967295
        msg.message_custom_str = "SECRET-NOTE \"ü\" 100% 注"
        local sent = support.must(anna, "send_new_msg", conv[1], conv[2], msg)
        assert.equal(4294967295, sent.message_custom_int)
        assert.equal("SECRET-NOTE \"ü\" 100% 注", sent.message_custom_str)
        assert.same({ sent }, support.page(anna, conv[1], conv[2], { count = 1 }))
        for _, got in ipairs {
          support.arrival(seen, support.text_of(msg), bert), support.arrival(phone_seen, support.text_of(msg), phone),
        } do
          assert.equal(0, got.message_custom_int)
          assert.equal("", got.message_custom_str)
        end
      end
    end)

    hub_it("rule 19: they are not in the hub's files either", function()
      local anna = support.new_client(dir, "anna")
      local msg = timmsg.text "PUBLIC-TEXT"
      msg.message_custom_str = "SECRET-NOTE"
      support.must(anna, "send_new_msg", "anna", C2C, msg)
      anna:close()
      local content = support.read_file(dir .. "/hub/hub.db")
      assert.is_truthy(content:find("PUBLIC-TEXT", 1, true))
      assert.is_nil(content:find("SECRET-NOTE", 1, true))
    end)

    it("rule 19: TIMMsgSaveMsg of a stored message changes them", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      support.say(anna, "bert", C2C, "to be noted")
      local got = support.arrival(seen, "to be noted", bert)
      got.message_custom_int, got.message_custom_str = 7, "bert's note"
      support.must(bert, "save_msg", "anna", C2C, got)
      local list = support.page(bert, "anna", C2C)
      assert.equal(1, #list)
      assert.equal(7, list[1].message_custom_int)
      assert.equal("bert's note", list[1].message_custom_str)
      support.must(bert, "save_msg", "anna", C2C, { message_elem_array = got.message_elem_array,
        message_seq = got.message_seq, message_rand = got.message_rand, message_sender = "anna", message_custom_int = 8 })
      list = support.page(bert, "anna", C2C)
      assert.equal(8, list[1].message_custom_int)
      assert.equal("bert's note", list[1].message_custom_str) -- what is not given stays
      bert:close()
      bert = support.new_client(dir, "bert")
      assert.same(list, support.page(bert, "anna", C2C))
      assert.equal("", support.page(anna, "bert", C2C)[1].message_custom_str)
    end)
  end)

  describe("to oneself", function()
    it("rule 20: works like any other", function()
      local tim, seen = support.device(dir, "me", nil, { read_receipt = true })
      local phone, phone_seen = support.device(dir, "me", "phone")
      local other = support.new_client(dir, "other")
      local sent = support.say(tim, "me", C2C, "buy milk 🥛")
      assert.equal("me", sent.message_conv_id)
      assert.same({ sent }, support.page(tim, "me", C2C))
      local conv = support.conv(tim, "me", C2C)
      assert.equal(0, conv.conv_unread_num)
      assert.same(sent, conv.conv_last_msg)
      local got = support.arrival(phone_seen, "buy milk 🥛", phone)
      assert.is_true(got.message_is_from_self)
      assert.is_true(got.message_is_read)
      assert.equal(0, support.conv(phone, "me", C2C).conv_unread_num)
      assert.equal(2, support.say(phone, "me", C2C, "and bread").message_seq)
      support.arrival(seen, "and bread", tim)
      assert.same(support.texts(support.page(tim, "me", C2C)), support.texts(support.page(phone, "me", C2C)))

      support.must(tim, "report_readed", "me", C2C)
      support.must(tim, "revoke", "me", C2C, sent)
      support.eventually(function() return #phone_seen.revoked == 1 end, phone)
      assert.equal(timmsg.TIMMsg_Revoked, support.page(phone, "me", C2C, { is_forward = true })[1].message_status)
      support.must(phone, "delete", "me", C2C, {})
      assert.same({}, support.page(phone, "me", C2C))
      assert.equal(2, #support.page(tim, "me", C2C))
      support.say(other, "me", C2C, "the end")
      support.arrival(seen, "the end", tim)
      assert.same({ "and bread", "the end" }, support.texts(seen.messages)) -- one's own comes to the others alone
      assert.same({}, seen.receipts)
    end)

    it("rule 20: also files, batches, imports and online messages", function()
      local tim = support.new_client(dir, "me")
      local phone, phone_seen = support.device(dir, "me", "phone")
      local path = support.write_file(dir .. "/note.txt", "note")
      support.must(tim, "send_new_msg", "me", C2C, timmsg.message(timmsg.text "file", timmsg.file(path)))
      local results = support.must(tim, "batch_send", {
        msg_batch_send_param_identifier_array = { "me" },
        msg_batch_send_param_msg = timmsg.text "batch",
      })
      assert.equal(0, results[1].msg_batch_send_result_code)
      support.must(tim, "import_msg_list", "me", C2C, { timmsg.text "import" })
      local msg = timmsg.text "online"
      msg.message_is_online_msg = true
      support.must(tim, "send_new_msg", "me", C2C, msg)
      support.say(tim, "me", C2C, "the end")
      support.arrival(phone_seen, "the end", phone)
      assert.equal(0, support.conv(tim, "me", C2C).conv_unread_num)
      local texts = support.texts(support.page(tim, "me", C2C))
      table.sort(texts)
      assert.same({ "batch", "file", "import", "the end" }, texts)
      texts = support.texts(support.page(phone, "me", C2C))
      table.sort(texts)
      assert.same({ "batch", "file", "the end" }, texts)
      local order = {}
      for _, text in ipairs(support.texts(phone_seen.messages)) do
        if text ~= "online" then order[#order + 1] = text end
      end
      assert.same({ "file", "batch", "the end" }, order)
    end)
  end)
end)
