-- BatchSend: rule 40.

local support = require "support"
local timmsg = require "timmsg"

local C2C <const> = timmsg.C2C

describe("BatchSend", function()
  local dir, tim

  before_each(function()
    dir = support.temp_dir()
    tim = support.new_client(dir, "anna")
  end)
  after_each(support.cleanup)

  local function param(users, msg)
    return { msg_batch_send_param_identifier_array = users, msg_batch_send_param_msg = msg }
  end

  -- The results without their common beginning: { identifier =, code =, desc =, msg = } each.
  local function batch(users, msg)
    local list = {}
    for i, result in ipairs(support.must(tim, "batch_send", param(users, msg))) do
      list[i] = {}
      for key, value in pairs(result) do
        list[i][key:match "^msg_batch_send_result_(.*)$"] = value
      end
    end
    return list
  end

  -- Users who have logged in once, and are gone.
  local function make_users(...)
    for _, user in ipairs { ... } do
      support.new_client(dir, user):close()
    end
  end

  local function pick(list, key)
    local picked = {}
    for i, entry in ipairs(list) do
      picked[i] = entry[key]
    end
    return picked
  end

  it("rule 40: one result for each user, in the order given", function()
    local users = { "zoe", "Bob", "carl o'", "bob", "%d", "dora \"d\"", "eve" }
    make_users(table.unpack(users))
    local text = "致大家: 100 % \"quoted\" 👋"
    local results = batch(users, timmsg.text(text))
    assert.same(users, pick(results, "identifier"))
    for i, result in ipairs(results) do
      assert.equal(0, result.code)
      assert.equal("", result.desc)
      assert.equal(users[i], result.msg.message_conv_id)
      assert.equal(C2C, result.msg.message_conv_type)
      assert.equal(timmsg.TIMMsg_SendSucc, result.msg.message_status)
      assert.equal("anna", result.msg.message_sender)
      assert.is_true(result.msg.message_is_from_self)
      assert.equal(text, support.text_of(result.msg))
      -- each conversation has its own message, here and there
      assert.same({ result.msg }, support.history(tim, users[i], C2C))
      local _, seen = support.device(dir, users[i])
      local got = support.arrival(seen, text)
      assert.equal(1, #seen.messages)
      assert.equal("anna", got.message_conv_id)
      assert.equal(result.msg.message_seq, got.message_seq)
      assert.equal(result.msg.message_rand, got.message_rand)
      -- on XMPP each side has a clock of its own (rule 45), which may be in the next second
      if support.is_hub then assert.equal(result.msg.message_unique_id, got.message_unique_id) end
      assert.is_true(math.abs(result.msg.message_server_time - got.message_server_time) <= 1)
    end
  end)

  it("rule 40: each message has its own seq and rand", function()
    make_users("ben", "cora", "dave")
    support.say(tim, "cora", C2C, "one")
    support.say(tim, "cora", C2C, "two")
    local results = batch({ "ben", "cora", "dave" }, timmsg.text "all")
    assert.same({ 1, 3, 1 }, { results[1].msg.message_seq, results[2].msg.message_seq, results[3].msg.message_seq })
    local rands = {}
    for _, result in ipairs(results) do
      assert.is_nil(rands[result.msg.message_rand])
      rands[result.msg.message_rand] = true
    end
  end)

  it("rule 40: some may fail: 0 over all, each with its code and message", function()
    make_users("ben", "cora")
    local results = batch({ "nobody", "ben", "Nobody else", "cora" }, timmsg.text "hello")
    assert.same({ 20003, 0, 20003, 0 }, pick(results, "code"))
    for i, user in ipairs { "nobody", false, "Nobody else" } do
      if user then
        assert.matches(user, results[i].desc, 1, true)
        assert.equal(timmsg.TIMMsg_SendFail, results[i].msg.message_status)
        assert.equal(user, results[i].msg.message_conv_id)
        assert.equal("hello", support.text_of(results[i].msg))
        -- rule 13: the store shows it as failed
        local kept = support.history(tim, user, C2C)
        assert.equal(1, #kept)
        assert.equal(timmsg.TIMMsg_SendFail, kept[1].message_status)
      end
    end
    for _, user in ipairs { "ben", "cora" } do
      local _, seen = support.device(dir, user)
      support.arrival(seen, "hello")
      assert.equal(1, #seen.messages)
    end
  end)

  it("rule 40: 6003 if none went out", function()
    local code, desc, result = support.call(tim, "batch_send", param({ "nobody", "no one", "nobody" }, timmsg.text "hello"))
    assert.equal(timmsg.ERR_NO_SUCC_RESULT, code)
    assert.is_true(#desc > 0)
    assert.is_nil(result)
    for _, user in ipairs { "nobody", "no one" } do
      local kept = support.history(tim, user, C2C)
      assert.equal(1, #kept)
      assert.equal(timmsg.TIMMsg_SendFail, kept[1].message_status)
    end
  end)

  it("rule 40: a repeated user is sent to once and answered each time", function()
    make_users("ben", "cora")
    local results = batch({ "ben", "nobody", "cora", "ben", "nobody", "ben" }, timmsg.text "once")
    assert.same({ "ben", "nobody", "cora", "ben", "nobody", "ben" }, pick(results, "identifier"))
    assert.same({ 0, 20003, 0, 0, 20003, 0 }, pick(results, "code"))
    assert.same(results[1], results[4])
    assert.same(results[1], results[6])
    assert.same(results[2], results[5])
    assert.equal(1, #support.history(tim, "ben", C2C))
    assert.equal(1, #support.history(tim, "nobody", C2C))
    local _, seen = support.device(dir, "ben")
    support.say(tim, "ben", C2C, "later")
    support.arrival(seen, "later")
    assert.same({ "once", "later" }, support.texts(seen.messages))
  end)

  it("rule 40: up to 500 users, and no more", function()
    local users = {}
    for i = 1, 500 do
      users[i] = "nobody" .. i
    end
    make_users "ben"
    users[321] = "ben"
    local results = batch(users, timmsg.text "many")
    assert.same(users, pick(results, "identifier"))
    for i, result in ipairs(results) do
      assert.equal(i == 321 and 0 or 20003, result.code)
    end
    users[501] = "ben"
    local code, message = support.call(tim, "batch_send", param(users, timmsg.text "many"))
    assert.equal(timmsg.TIM_ERR_PARAM, code)
    assert.matches("msg_batch_send_param_identifier_array", message, 1, true)
    code, message = support.call(tim, "batch_send", param({}, timmsg.text "none"))
    assert.equal(timmsg.TIM_ERR_JSON, code)
    assert.matches("msg_batch_send_param_identifier_array", message, 1, true)
  end)

  it("rule 40: to users, not to groups; to oneself too", function()
    support.group(tim, "team")
    make_users "ben"
    local results = batch({ "team", "anna", "ben" }, timmsg.text "hello")
    assert.same({ 20003, 0, 0 }, pick(results, "code"))
    for _, msg in ipairs(support.history(tim, "team", timmsg.GROUP)) do
      assert.not_equal("hello", support.text_of(msg))
    end
    assert.equal(1, #support.history(tim, "anna", C2C))
  end)

  it("rule 40: a file is uploaded once and goes to all", function()
    make_users("ben", "cora")
    local content = ("0123456789"):rep(5000)
    local path = support.write_file(dir .. "/notes.txt", content)
    local uploads = 0
    tim:on("msg_elem_upload_progress", function(_, _, current, total) if current == total then uploads = uploads + 1 end end)
    local results = batch({ "ben", "nobody", "cora" }, timmsg.message(timmsg.text "see", timmsg.file(path)))
    assert.same({ 0, 20003, 0 }, pick(results, "code"))
    assert.equal(1, uploads)
    for _, user in ipairs { "ben", "cora" } do
      local client, seen = support.device(dir, user)
      local elem = support.arrival(seen, "see").message_elem_array[2]
      assert.equal("notes.txt", elem.file_elem_file_name)
      assert.is_nil(elem.file_elem_file_path)
      local to = dir .. "/" .. user .. ".txt"
      support.download(client, { msg_download_elem_param_url = elem.file_elem_url }, to)
      assert.equal(content, support.read_file(to))
    end
  end)

  it("rule 21: a file that can't be sent fails for all", function()
    make_users("ben", "cora")
    local code, desc = support.call(tim, "batch_send", param({ "ben", "cora" }, timmsg.file(dir .. "/missing")))
    assert.equal(timmsg.ERR_NO_SUCC_RESULT, code)
    assert.matches("missing", desc, 1, true)
    local _, seen = support.device(dir, "ben")
    support.say(tim, "ben", C2C, "later")
    support.arrival(seen, "later")
    assert.same({ "later" }, support.texts(seen.messages))
  end)

  it("rule 16: too large fails for all", function()
    make_users "ben"
    local code = support.call(tim, "batch_send", param({ "ben" }, timmsg.text(("x"):rep(13000))))
    assert.equal(timmsg.ERR_NO_SUCC_RESULT, code)
    assert.equal(timmsg.TIMMsg_SendFail, support.history(tim, "ben", C2C)[1].message_status)
  end)

  it("rule 18: an online-only message reaches those online and is stored nowhere", function()
    make_users "cora"
    local _, ben = support.device(dir, "ben")
    local msg = timmsg.text "now or never"
    msg.message_is_online_msg = true
    assert.same({ 0, 0 }, pick(batch({ "ben", "cora" }, msg), "code"))
    assert.is_true(support.arrival(ben, "now or never").message_is_online_msg)
    assert.same({}, support.history(tim, "ben", C2C))
    local _, cora = support.device(dir, "cora")
    support.say(tim, "cora", C2C, "later")
    support.arrival(cora, "later")
    assert.same({ "later" }, support.texts(cora.messages))
  end)

  it("rule 12: batches and single messages keep their order", function()
    local _, ben = support.device(dir, "ben")
    make_users "cora"
    local wanted = {}
    for i = 1, 40 do
      wanted[i] = "number " .. i
      local msg = timmsg.text(wanted[i])
      if i % 3 == 0 then
        assert(tim:batch_send(param({ "cora", "ben" }, msg)))
      else
        assert(tim:send_new_msg("ben", C2C, msg))
      end
    end
    support.arrival(ben, "number 40", tim)
    assert.same(wanted, support.texts(ben.messages))
    assert.same(wanted, support.texts(support.history(tim, "ben", C2C)))
  end)
end)
