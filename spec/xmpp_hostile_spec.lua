-- luacheck: no max line length
-- On XMPP: users who write their stanzas by hand, to be taken for others or to break what others have. What says who
-- wrote something, where and when is what the servers say; all else is a claim.

local lfs = require "lfs"
local process = require "process"
local support = require "support"
local timmsg = require "timmsg"
local uv = require "luv"

local describe <const> = support.xmpp_only(describe)

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

describe("a hostile XMPP client", function()
  local xmpp_stream, dir, host, alice, at_alice, mallory

  setup(function() xmpp_stream = require "xmpp_stream" end)

  local function device(...) return support.device(dir, ...) end

  local function jid(user) return user .. "@" .. host end

  local function connect(user)
    support.account(dir, user)
    local stream = assert(xmpp_stream.connect(support.xmpp_server(), host, user, "sig"))
    stream:send "<presence/>"
    return stream
  end

  before_each(function()
    dir = support.temp_dir()
    host = support.xmpp_host(dir)
    alice, at_alice = device("alice", nil, { read_receipt = true })
    mallory = connect "mallory"
  end)

  after_each(function()
    xmpp_stream.cleanup()
    process.cleanup()
    support.cleanup()
  end)

  -- ---- writing ----

  local counter = 0

  -- An id that nothing has had. Messages of timmsg have such, of three numbers.
  local function new_id()
    counter = counter + 1
    return ("tm-%x-%x-%x"):format(1000 + counter, math.random(1 << 31), os.time())
  end

  -- The id that a message has on the wire.
  local function id_of(msg)
    return ("tm-%x-%x-%x"):format(msg.message_seq, msg.message_rand, msg.message_client_time)
  end

  local function escape(text)
    return (text:gsub("[&<>'\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ["'"] = "&apos;", ['"'] = "&quot;" }))
  end

  -- A message of that content; `to` a user or a full address.
  local function write(to, content, id, kind)
    mallory:send(("<message type='%s' to='%s' id='%s'>%s</message>"):format(kind or "chat",
      to:find "@" and to or jid(to), id or new_id(), content))
    support.eventually(function() -- what is long doesn't go out at once
      uv.run "nowait"
      return mallory.input:get_write_queue_size() == 0
    end)
  end

  local function body(text) return "<body>" .. escape(text) .. "</body>" end

  local function json(text) return "<json xmlns='urn:xmpp:json:0'>" .. escape(text) .. "</json>" end

  local function elems(text) return json('{"message_elem_array":' .. text .. "}") end

  local function retract(id)
    return "<apply-to xmlns='urn:xmpp:fasten:0' id='" .. id ..
      "'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to><store xmlns='urn:xmpp:hints'/>"
  end

  local function newer_retract(id)
    return "<retract xmlns='urn:xmpp:message-retract:1' id='" .. id .. "'/><store xmlns='urn:xmpp:hints'/>"
  end

  local function displayed(id)
    return "<displayed xmlns='urn:xmpp:chat-markers:0' id='" .. id .. "'/><store xmlns='urn:xmpp:hints'/>"
  end

  local function received(id)
    return "<received xmlns='urn:xmpp:receipts' id='" .. id .. "'/><store xmlns='urn:xmpp:hints'/>"
  end

  -- ---- what came of it ----

  -- Waits until alice has all that mallory wrote to her: something harmless that comes behind it.
  local function settle(seen)
    local text = "settled " .. new_id()
    write("alice", body(text))
    return support.arrival(seen or at_alice, text)
  end

  -- The texts that alice's list has of a conversation; "-" for what has none. Without what settles.
  local function texts(conv_id, conv_type, client)
    local list = {}
    for _, text in ipairs(support.texts(support.history(client or alice, conv_id, conv_type or C2C))) do
      if not text:find "^settled " then list[#list + 1] = text end
    end
    return list
  end

  -- What the archives have of a conversation, oldest first.
  local function old(client, conv_id, conv_type)
    support.page(client, conv_id, conv_type, { count = 100, is_remble = true })
    return support.history(client, conv_id, conv_type)
  end

  -- The conversations in a client's list, as "TYPE ID".
  local function convs(client)
    local list = {}
    for _, conv in ipairs(support.must(client or alice, "conv_get_conv_list")) do
      list[#list + 1] = (conv.conv_type == C2C and "user " or "group ") .. conv.conv_id
    end
    table.sort(list)
    return list
  end

  local function groups(client)
    local list = {}
    for _, group in ipairs(support.must(client or alice, "group_get_joined_group_list")) do
      list[#list + 1] = group.group_base_info_group_id
    end
    table.sort(list)
    return list
  end

  -- How many rows of a table a client's own database has of what the server has not confirmed.
  local function waiting(user, what)
    local pipe <close> = assert(io.popen(("env -u LD_PRELOAD sqlite3 -cmd '.timeout 5000' '%s/%s/%s.mirror' 'SELECT count(*) FROM %s'")
      :format(dir, user, user, what)))
    return tonumber(pipe:read "a")
  end

  -- How many messages a client may send again, since no receipt has come: seen in its own database only.
  local function letters(user) return waiting(user, "letters") end

  -- ---- from a stranger to a user ----

  it("can't say when it wrote", function()
    local before = os.time()
    for _, from in ipairs { host, jid "alice", jid "mallory" } do
      write("alice", body("from " .. from) .. ("<delay xmlns='urn:xmpp:delay' from='%s' stamp='2001-01-01T00:00:00Z'/>"):format(from))
    end
    write("alice", body "tomorrow" .. "<delay xmlns='urn:xmpp:delay' stamp='2099-01-01T00:00:00Z'/>")
    settle()
    assert.equal(5, #at_alice.messages)
    for _, msg in ipairs(at_alice.messages) do
      assert.is_true(msg.message_server_time >= before - 1 and msg.message_server_time <= os.time() + 1)
    end
    assert.same({ "from " .. host, "from " .. jid "alice", "from " .. jid "mallory", "tomorrow" }, texts "mallory")
  end)

  it("can't make a new device tell of what is long known", function()
    local bob = device "bob"
    support.say(bob, "alice", C2C, "old")
    support.arrival(at_alice, "old", bob)
    support.must(alice, "logout")
    local _, at_new = device("alice", "new")
    write("alice", body "a claim" .. ("<delay xmlns='urn:xmpp:delay' from='%s' stamp='2001-01-01T00:00:00Z'/>"):format(host))
    support.arrival(at_new, "a claim")
    support.say(bob, "alice", C2C, "new")
    support.arrival(at_new, "new", bob)
    assert.same({ "a claim", "new" }, support.texts(at_new.messages))
  end)

  it("can't keep a new device from hearing others, nor from speaking (rule 24)", function()
    local bob = device "bob"
    support.send_many(bob, "alice", C2C, "old ", 600)
    support.pass(os.time() + 1, alice, bob) -- what is of the archive's last second may be news on Prosody
    support.say(bob, "alice", C2C, "old")
    support.eventually(function() return #at_alice.messages == 601 end, alice, bob)
    support.must(alice, "logout")
    local new, at_new = device("alice", "new")
    local claims, written_at = 0, 0
    local function flood()
      local now = support.now_ms()
      if now - written_at < 10 then return end
      written_at, claims = now, claims + 1
      write("alice", body("claim " .. claims) .. ("<delay xmlns='urn:xmpp:delay' from='%s' stamp='2001-01-01T00:00:00Z'/>"):format(host))
    end
    for i = 1, 5 do
      local heard, code
      assert(bob:send_new_msg("alice", C2C, timmsg.text("hello " .. i)))
      assert(new:send_new_msg("bob", C2C, timmsg.text("answer " .. i), function(got) code = got end))
      local is_done = support.pump(math.floor(3000 * support.PATIENCE), function()
        flood()
        for _, msg in ipairs(at_new.messages) do
          heard = heard or support.text_of(msg) == "hello " .. i
        end
        return heard and code
      end, new, bob)
      assert(is_done, ("after %d claims \"hello %d\" is %s, the answer's code %s"):format(claims, i, heard and "heard" or "not heard", code))
      assert.equal(0, code)
    end
    assert.is_true(claims > 5)
    for _, msg in ipairs(at_new.messages) do
      assert.is_nil(support.text_of(msg):find "^old")
    end
  end)

  it("rule 24: can't keep from a new device what waited in the offline store, by what waits there with it", function()
    local bob = device "bob"
    support.say(bob, "alice", C2C, "old")
    support.arrival(at_alice, "old", bob)
    support.must(alice, "logout")
    local claim = "<delay xmlns='urn:xmpp:delay' from='%s' stamp='%s-01-01T00:00:00Z'/>"
    support.say(bob, "alice", C2C, "one")
    for i, year in ipairs { "2001", "2099" } do
      write("alice", body("claim " .. i) .. claim:format(host, year))
    end
    mallory:ask("get", nil, "<query xmlns='jabber:iq:roster'/>")
    support.say(bob, "alice", C2C, "two")
    local log = support.temp_dir()
    local _, at_new = device("alice", "new", { log_file_path = log, log_level = timmsg.TIMLog_Verbose })
    support.arrival(at_new, "two", bob)
    support.say(bob, "alice", C2C, "three")
    support.arrival(at_new, "three", bob)
    local said = {}
    for _, msg in ipairs(at_new.messages) do
      if msg.message_sender == "bob" then said[#said + 1] = support.text_of(msg) end
    end
    assert.same({ "one", "two", "three" }, said)
    -- ejabberd adds no time where one is claimed: it is believed, and all is read once
    local asked = support.read_file(log .. "/timmsg.log"):find("<value>2000-12-31", 1, true)
    if support.backend ~= "ejabberd" then assert.is_nil(asked) end
  end)

  it("can't say where an archive has its message", function()
    for i, by in ipairs { jid "alice", jid "alice", jid "mallory", host } do
      write("alice", body("claim " .. i) .. ("<stanza-id xmlns='urn:xmpp:sid:0' by='%s' id='nowhere-%d'/>"):format(by, i))
      support.arrival(at_alice, "claim " .. i)
    end
    for i = 1, 20 do -- where nobody else says one
      write("alice", body "kept nowhere" .. "<no-store xmlns='urn:xmpp:hints'/>" ..
        ("<stanza-id xmlns='urn:xmpp:sid:0' by='%s' id='lost-%d'/>"):format(jid "alice", i))
    end
    local asked = support.now_ms()
    settle()
    assert.is_true(support.now_ms() - asked < 4000)
    assert.same({ "claim 1", "claim 2", "claim 3", "claim 4" }, texts "mallory")
    -- it isn't waited for: what comes later comes at once, as a new log-in does
    local started = support.now_ms()
    support.must(alice, "logout")
    support.must(alice, "login", "alice", "sig")
    settle()
    assert.is_true(support.now_ms() - started < 4000)
  end)

  it("can't hand on what others would have said", function()
    local stolen = ("<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>" ..
      "<message xmlns='jabber:client' type='chat' from='%s' to='%s' id='%s'>%s</message></forwarded>")
    local function forwarded(from, to) return stolen:format(jid(from), jid(to), new_id(), body "forged") end
    write("alice", "<received xmlns='urn:xmpp:carbons:2'>" .. forwarded("bob", "alice") .. "</received>")
    write("alice", "<sent xmlns='urn:xmpp:carbons:2'>" .. forwarded("alice", "bob") .. "</sent>")
    for _, query in ipairs { "", "q", "1", "mam" } do
      write("alice", ("<result xmlns='urn:xmpp:mam:2' queryid='%s' id='%s'>%s</result>"):format(query, new_id(),
        forwarded("bob", "alice")))
    end
    write("alice", "<result xmlns='urn:xmpp:mam:2' id='x'>" .. forwarded("bob", "alice") .. "</result>")
    write("alice", forwarded("bob", "alice"))
    settle()
    assert.same({ "user mallory" }, convs())
    assert.same({}, texts "mallory")
    assert.equal(1, #at_alice.messages)
  end)

  it("reads no messages for others (rules 26 and 27)", function()
    device "bob"
    local msg = support.say(alice, "bob", C2C, "to bob")
    local own = support.say(alice, "mallory", C2C, "to mallory")
    write("alice", displayed(id_of(msg)))
    settle()
    assert.same({}, at_alice.receipts)
    assert.is_false(support.history(alice, "bob", C2C)[1].message_is_peer_read)
    assert.is_false(support.history(alice, "mallory", C2C)[1].message_is_peer_read)
    -- one that it did get
    write("alice", displayed(id_of(own)))
    settle()
    assert.same({ "mallory" }, { at_alice.receipts[1].msg_receipt_conv_id })
    assert.equal(1, #at_alice.receipts)
    assert.is_true(support.history(alice, "mallory", C2C)[1].message_is_peer_read)
    assert.is_false(support.history(alice, "bob", C2C)[1].message_is_peer_read)
  end)

  it("retracts nothing of others (rule 28)", function()
    local bob = device "bob"
    local bobs = support.say(bob, "alice", C2C, "from bob 鲍勃")
    support.arrival(at_alice, "from bob 鲍勃", bob)
    local to_bob = support.say(alice, "bob", C2C, "to bob")
    local to_mallory = support.say(alice, "mallory", C2C, "to mallory")
    for _, msg in ipairs { bobs, to_bob, to_mallory } do
      write("alice", retract(id_of(msg)))
      write("alice", newer_retract(id_of(msg)))
    end
    settle()
    -- and neither by sending something of the same name first
    for _, msg in ipairs { bobs, to_bob, to_mallory } do
      write("alice", body "of the same name", id_of(msg))
      write("alice", retract(id_of(msg)))
    end
    settle()
    assert.same({ "from bob 鲍勃", "to bob" }, texts "bob")
    for _, msg in ipairs(support.history(alice, "bob", C2C)) do
      assert.equal(timmsg.TIMMsg_SendSucc, msg.message_status)
    end
    local kept = {}
    for _, msg in ipairs(support.history(alice, "mallory", C2C)) do
      if msg.message_is_from_self then kept[#kept + 1] = support.text_of(msg) end
    end
    assert.same({ "to mallory" }, kept)
    -- a device that has it all out of the archives
    local other = device("alice", "other")
    for peer, wanted in pairs { bob = { "from bob 鲍勃", "to bob" }, mallory = { "to mallory" } } do
      local list = {}
      for _, msg in ipairs(old(other, peer, C2C)) do
        if msg.message_sender ~= "mallory" then list[#list + 1] = support.text_of(msg) or "-" end
      end
      assert.same(wanted, list)
    end
    for _, locator in ipairs(at_alice.revoked) do
      assert.same({ "mallory", false }, { locator.message_locator_conv_id, locator.message_locator_is_self })
    end
  end)

  it("retracts nothing that is too old (rule 28)", function()
    local late, at_late = device("alice", "late", { revoke_window_s = 0 })
    local id = new_id()
    write("alice", body "an old one", id)
    local msg = support.arrival(at_late, "an old one", alice)
    support.pass(msg.message_server_time + 1, alice, late)
    write("alice", retract(id))
    settle(at_late)
    assert.same({ "an old one" }, texts("mallory", C2C, late))
    local later = device("alice", "later", { revoke_window_s = 0 })
    old(later, "mallory", C2C)
    assert.same({ "an old one" }, texts("mallory", C2C, later))
    assert.same({}, at_late.revoked)
    -- to a device that takes more time it is not
    settle()
    assert.same({ "-" }, texts("mallory", C2C))
  end)

  it("retracts nothing in the future", function()
    local now = os.time()
    for _, time in ipairs { "ffffffff", "7fffffffffffffff", "ffffffffffffffff", "0" } do
      write("alice", retract("tm-1-1-" .. time))
      write("alice", retract("tm-ffffffffffffffff-2-" .. time))
    end
    settle()
    for _, msg in ipairs(support.history(alice, "mallory", C2C)) do
      assert.is_true(msg.message_server_time <= os.time() + 1)
    end
    assert.is_true(support.conv(alice, "mallory", C2C).conv_active_time <= os.time() + 1)
    -- the conversation goes on
    support.say(alice, "mallory", C2C, "on")
    settle()
    assert.is_true(os.time() - now < 60)
  end)

  it("may count what it says anew with each connection", function()
    local lines = { "one", "two", "three 三", "two" }
    support.pass(os.time(), alice) -- a second begins, which has them all
    for _, text in ipairs(lines) do
      write("alice", body(text), "1")
    end
    settle()
    assert.same({ "one", "two", "three 三" }, texts "mallory") -- the same words at the same time are sent again
    local last = at_alice.messages[3]
    assert.equal("three 三", support.text_of(last))
    write("alice", retract "1")
    support.eventually(function() return #at_alice.revoked > 0 end, alice)
    assert.same({ "one", "two", "-" }, texts "mallory")
    local other = device("alice", "other")
    for _ = 1, 2 do
      old(other, "mallory", C2C)
      assert.same({ "one", "two", "-" }, texts("mallory", C2C, other))
    end
    -- a sender who calls the id unique is believed; ours are
    for _, text in ipairs { "first", "second" } do
      write("alice", body(text) .. "<origin-id xmlns='urn:xmpp:sid:0' id='unique'/>", "2")
    end
    local id = new_id()
    for _, text in ipairs { "as timmsg", "as timmsg again" } do
      write("alice", body(text), id)
    end
    settle()
    local list = texts "mallory"
    table.sort(list) -- within a second it is the order of the seqs
    assert.same({ "-", "as timmsg", "first", "one", "two" }, list)
  end)

  it("confirms no messages for others", function()
    support.account(dir, "bob") -- who is away
    local msg = support.say(alice, "bob", C2C, "to bob")
    local own = support.say(alice, "mallory", C2C, "to mallory")
    assert.equal(2, letters "alice")
    write("alice", received(id_of(msg)))
    write("alice", received(id_of(msg)) .. received(id_of(own)), nil, "normal")
    settle()
    support.eventually(function() return letters "alice" == 1 end, alice)
    local bob, at_bob = device "bob"
    support.arrival(at_bob, "to bob", alice)
    support.eventually(function() return letters "alice" == 0 end, alice, bob)
  end)

  it("can't say that others did not get a message", function()
    device "bob"
    local msg = support.say(alice, "bob", C2C, "to bob")
    for _, kind in ipairs { "service-unavailable", "item-not-found", "not-acceptable" } do
      write("alice", body "to bob" .. "<error type='cancel'><" .. kind .. " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
        id_of(msg), "error")
    end
    settle()
    assert.equal(timmsg.TIMMsg_SendSucc, support.history(alice, "bob", C2C)[1].message_status)
    assert.same({ "to bob" }, texts "bob")
    assert.same({}, texts "mallory")
    -- a new log-in looks at it again
    support.must(alice, "logout")
    support.must(alice, "login", "alice", "sig")
    settle()
    assert.equal(timmsg.TIMMsg_SendSucc, support.history(alice, "bob", C2C)[1].message_status)
  end)

  it("can't say that it did not get a message itself", function()
    local count, answered, from, wanted = 0, 0, nil, {}
    for batch = 1, 10 do -- whether it gets in between is chance
      for i = 1, 60 do
        local text = ("line %d of %d"):format(i, batch)
        wanted[#wanted + 1] = text
        assert(alice:send_new_msg("mallory", C2C, timmsg.text(text), function(code, desc)
          assert(code == 0, desc)
          answered = answered + 1
        end))
      end
      support.eventually(function()
        uv.run "nowait"
        while true do
          local first, last = mallory.received:find "<message [^>]*>"
          if not first then break end
          local head = mallory.received:sub(first, last)
          local id = head:match "%f[%w]id=['\"](tm%-[^'\"]*)"
          from = from or head:match "from=['\"]([^'\"]*)"
          mallory.received = mallory.received:sub(last + 1)
          if id then
            count = count + 1
            write(from, "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", id, "error")
          end
        end
        return answered == #wanted and count == #wanted
      end, alice)
    end
    settle()
    local list = {}
    for _, msg in ipairs(support.history(alice, "mallory", C2C)) do
      if msg.message_is_from_self then
        assert.equal(timmsg.TIMMsg_SendSucc, msg.message_status)
        list[#list + 1] = support.text_of(msg)
      end
    end
    assert.equal(#wanted, #list)
  end)

  it("rule 16: what the server does not take because its recipient blocks the sender fails", function()
    assert.equal("result", (mallory:ask("set", nil, "<block xmlns='urn:xmpp:blocking'><item jid='" .. jid "alice" .. "'/></block>")))
    mallory:close() -- on ejabberd one who is there says so himself, perhaps too late
    for i = 1, 5 do
      assert.equal(20003, (support.call(alice, "send_new_msg", "mallory", C2C, timmsg.text("line " .. i))))
    end
    for _, msg in ipairs(support.history(alice, "mallory", C2C)) do
      assert.equal(timmsg.TIMMsg_SendFail, msg.message_status)
    end
  end)

  it("sends no elements that no caller could have sent (rule 44)", function()
    local bad = {
      "not json", "[]", "{}", "null", '{"message_elem_array":7}', '{"message_elem_array":[]}', '{"message_elem_array":[1]}',
      '{"message_elem_array":[{"elem_type":0}]}', '{"message_elem_array":[{"elem_type":0,"text_elem_content":7}]}',
      '{"message_elem_array":[{"elem_type":77,"text_elem_content":"x"}]}',
      '{"message_elem_array":[{"elem_type":0,"elem_type":0,"text_elem_content":"twice"}]}',
      '{"message_elem_array":[{"elem_type":0,"text_elem_content":"open',
      '{"message_elem_array":[{"elem_type":0,"text_elem_content":"\\q"}]}',
      '{"message_elem_array":[{"elem_type":0,"text_elem_content":"\\u12"}]}',
      '{"message_elem_array":' .. ("["):rep(200) .. ("]"):rep(200) .. "}", ("["):rep(50000),
      ('{"a":'):rep(10000) .. "1" .. ("}"):rep(10000),
      '{"message_elem_array":[{"elem_type":0,"text_elem_content":"' .. ("x"):rep(13000) .. '"}]}',
      '{"message_elem_array":[' .. ('{"elem_type":0,"text_elem_content":"x"},'):rep(3000) .. '{"elem_type":0,"text_elem_content":"x"}]}',
      '{"message_elem_array":[{"elem_type":1,"image_elem_orig_path":1e400}]}',
    }
    local wanted = {}
    for i, text in ipairs(bad) do
      wanted[i] = "the body " .. i
      write("alice", body(wanted[i]) .. json(text))
    end
    settle()
    assert.same(wanted, texts "mallory")
    for _, msg in ipairs(support.history(alice, "mallory", C2C)) do
      assert.equal(1, #msg.message_elem_array)
    end
    -- what has no body either is nothing
    for _, text in ipairs(bad) do
      write("alice", json(text))
    end
    settle()
    assert.same(wanted, texts "mallory")
  end)

  it("rule 7: sends no text that a string can't hold", function()
    write("alice", body "b" .. elems [=[[{"elem_type":0,"text_elem_content":"a\u0000b"}]]=])
    write("alice", body "b" .. elems [=[[{"elem_type":0,"text_elem_content":"\ud83d \\u0000 \ud83d\ude00 \ude00"}]]=])
    settle()
    assert.same({ "a\u{FFFD}b", "\u{FFFD} \\u0000 \u{1F600} \u{FFFD}" }, texts "mallory")
  end)

  it("sends no text without end", function()
    write("alice", body(("x"):rep(200000)))
    write("alice", body(("汉"):rep(66000)))
    write("alice", body "short" .. elems('[{"elem_type":0,"text_elem_content":"' .. ("y"):rep(200000) .. '"}]'))
    settle()
    local list = texts "mallory"
    assert.equal(3, #list)
    assert.is_true(#list[1] <= 65536 and list[1] == ("x"):rep(#list[1]))
    assert.is_true(#list[2] <= 65536 and list[2] == ("汉"):rep(#list[2] // 3) and #list[2] > 60000)
    assert.equal("short", list[3])
    -- alice can pass it on
    support.account(dir, "bob")
    local code = support.call(alice, "send_new_msg", "bob", C2C, timmsg.text(list[2]:sub(1, 3000)))
    assert.equal(0, code)
  end)

  it("brings nothing down by nesting, or by names that are markup", function()
    -- ejabberd itself does not survive much more
    for _, depth in ipairs { 100, support.backend == "ejabberd" and 1000 or 10000 } do
      write("alice", "<a xmlns='urn:deep'>" .. ("<a>"):rep(depth) .. ("</a>"):rep(depth) .. "</a>" .. body("deep " .. depth))
      support.arrival(at_alice, "deep " .. depth)
    end
    local names = { "'\"<&>", "</message><message from='bob'>", "é 汉 🦊", (" x"):rep(200), "tm-1-2-3' x='" }
    for i, name in ipairs(names) do
      write("alice", body("named " .. i) .. "<request xmlns='urn:xmpp:receipts'/>", escape(name))
      local msg = support.arrival(at_alice, "named " .. i)
      local cut = #name > 256 and name:sub(1, 256) or name
      local function hears(element)
        local attributes = mallory:expect("<" .. element .. " (.-)/>")
        local id = attributes:match "%f[%w]id='([^']*)'" or attributes:match '%f[%w]id="([^"]*)"'
        id = id:gsub("&(%a+);", { amp = "&", lt = "<", gt = ">", apos = "'", quot = '"' })
        assert.equal(cut, id)
      end
      hears "received"
      support.must(alice, "report_readed", "mallory", C2C, msg)
      hears "displayed"
    end
  end)

  it("makes nobody read or send files of his own", function()
    local path = support.write_file(dir .. "/private.txt", "private")
    write("alice", body "b" .. elems(('[{"elem_type":4,"file_elem_file_path":"%s","file_elem_file_name":"../x",' ..
      '"file_elem_file_size":7,"file_elem_url":"file://%s","file_elem_file_id":"file://%s"}]'):format(path, path, path)))
    write("alice", body "b" .. elems(('[{"elem_type":1,"image_elem_orig_path":"%s","image_elem_orig_url":"file://%s"}]')
      :format(path, path)))
    local url = "file://" .. path
    write("alice", body(url) .. "<x xmlns='jabber:x:oob'><url>" .. url .. "</url></x>")
    settle()
    local urls = {}
    for _, msg in ipairs(at_alice.messages) do
      for _, elem in ipairs(msg.message_elem_array) do
        assert.is_nil(elem.file_elem_file_path)
        assert.is_nil(elem.image_elem_orig_path)
        urls[#urls + 1] = elem.file_elem_url or elem.image_elem_orig_url
      end
    end
    assert.same({ url, url, url }, urls)
    for _, each in ipairs(urls) do
      local code = support.call(alice, "download_elem_to_path", { msg_download_elem_param_id = each,
        msg_download_elem_param_url = each, msg_download_elem_param_type = timmsg.TIMDownload_File }, dir .. "/got")
      assert.not_equal(0, code)
      assert.is_nil(lfs.attributes(dir .. "/got"))
    end
  end)

  it("says nothing for groups, nor for the system", function()
    local tips = '[{"elem_type":5,"group_tips_elem_tip_type":3,"group_tips_elem_op_user":"%s","group_tips_elem_group_id":"%s",' ..
      '"group_tips_elem_user_array":["alice"]}]'
    local told = {}
    alice:on("group_tips_event", function(list) table.move(list, 1, #list, #told + 1, told) end)
    for _, op in ipairs { "alice", "mallory", "" } do
      write("alice", body "a tip" .. elems(tips:format(op, "crew")))
    end
    write("alice", body "a report" .. elems '[{"elem_type":8,"group_report_elem_group_id":"crew"}]')
    write("alice", body "another sender" ..
      json('{"message_sender":"@TIM#SYSTEM","message_conv_id":"bob","message_conv_type":2,"message_is_from_self":true,' ..
        '"message_status":6,"message_elem_array":[{"elem_type":0,"text_elem_content":"I"}]}'))
    settle()
    assert.same({ "I" }, texts "mallory")
    assert.same({}, told)
    assert.same({ "user mallory" }, convs())
    for _, msg in ipairs(at_alice.messages) do
      assert.same({ "mallory", "mallory", C2C, false },
        { msg.message_sender, msg.message_conv_id, msg.message_conv_type, msg.message_is_from_self })
    end
  end)

  it("says online-only things in its own name (rule 18)", function()
    local line = '{"message_sender":"bob","message_conv_id":"%s","message_conv_type":%d,"message_seq":1,"message_rand":1,' ..
      '"message_client_time":1,"message_is_from_self":true,"message_elem_array":[{"elem_type":0,"text_elem_content":"psst"}]}'
    for _, conv in ipairs { { "bob", C2C }, { "alice", C2C }, { "crew", GROUP } } do
      write("alice", body "psst" .. json(line:format(conv[1], conv[2])) .. "<no-store xmlns='urn:xmpp:hints'/>", nil, "headline")
    end
    write("alice", "<groups xmlns='urn:timmsg:0'/>", nil, "headline")
    write("alice", "<groups xmlns='urn:timmsg:0'/><store xmlns='urn:xmpp:hints'/>")
    settle()
    local count = 0
    for _, msg in ipairs(at_alice.messages) do
      assert.same({ "mallory", "mallory", C2C, false },
        { msg.message_sender, msg.message_conv_id, msg.message_conv_type, msg.message_is_from_self })
      if support.text_of(msg) == "psst" then count = count + 1 end
    end
    assert.equal(3, count)
    assert.same({ "user mallory" }, convs())
  end)

  -- The groups that alice is in once an honest invitation by bob has been followed, but that one.
  local function other_groups(bob)
    support.group(bob, "honest", "alice")
    local list
    support.eventually(function()
      list = groups()
      for i, name in ipairs(list) do
        if name == "honest" then return table.remove(list, i) end
      end
      return false
    end, alice, bob)
    return list
  end

  it("doesn't draw anybody into rooms that are elsewhere, or nowhere", function()
    local bob = device "bob"
    support.group(bob, "trap")
    local invite = "<x xmlns='jabber:x:conference' jid='%s'/><store xmlns='urn:xmpp:hints'/>"
    local ghost = "ghost@conference." .. host
    write("alice", body "come" .. invite:format "trap@conference.evil.example")
    write("alice", body "come" .. invite:format(jid "trap"))
    write("alice", body "come" .. invite:format("conference." .. host))
    write("alice", body "come" .. invite:format(ghost))
    write("alice", body "come" .. ("<x xmlns='http://jabber.org/protocol/muc#user'><invite from='%s'/></x>"):format(jid "bob"))
    assert.same({}, other_groups(bob))
    settle()
    -- nor has she made that room
    local kind = mallory:ask("get", ghost, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
    assert.equal("error", kind)
    for _, name in ipairs(convs()) do
      assert.is_nil(name:find "trap")
      assert.is_nil(name:find "bob")
    end
  end)

  it("rule 42: a room that was not made a group becomes one when its owner makes a group of that id", function()
    local bob = device "bob"
    local owner = connect "alice"
    owner:send(("<presence to='crew@conference.%s/owner'><x xmlns='http://jabber.org/protocol/muc'/></presence>"):format(host))
    owner:expect "<presence[^>]*from=['\"]crew@[^>]*/owner['\"]"
    owner:close()
    local function create(client)
      return (support.call(client, "group_create", { create_group_param_group_id = "crew", create_group_param_group_name = "The crew" }))
    end
    assert.equal(timmsg.ERR_SVR_GROUP_GROUPID_IN_USED, create(bob))
    assert.equal(0, create(alice))
    assert.equal("The crew", support.must(alice, "group_get_joined_group_list")[1].group_base_info_group_name)
    support.must(bob, "group_join", "crew", "")
    support.say(bob, "crew", GROUP, "hello")
    support.arrival(at_alice, "hello", bob)
    assert.equal(timmsg.ERR_SVR_GROUP_GROUPID_IN_USED, create(alice))
  end)

  it("rule 42: an owner whose list of groups got lost comes back into a group that nobody can join, and may delete it", function()
    local bob, owner = device "bob", connect "alice"
    local pubsub = "<pubsub xmlns='http://jabber.org/protocol/pubsub'>%s</pubsub>"
    for name, param in pairs { one = { group_type = timmsg.TIMGroup_Private }, two = { add_option = timmsg.TIMGroupAddOpt_Forbid } } do
      local full = { create_group_param_group_id = name, create_group_param_group_name = name }
      for key, value in pairs(param) do
        full["create_group_param_" .. key] = value
      end
      support.must(alice, "group_create", full)
    end
    support.eventually(function() -- both are in the list
      local _, items = owner:ask("get", nil, pubsub:format "<items node='urn:xmpp:bookmarks:1'/>")
      return select(2, items:gsub("<item ", "")) == 2
    end, alice)
    support.must(alice, "logout")
    for _, name in ipairs { "one", "two" } do
      assert.equal("result", (owner:ask("set", nil, pubsub:format(
        ("<retract node='urn:xmpp:bookmarks:1'><item id='%s@conference.%s'/></retract>"):format(name, host)))))
    end
    local new = device("alice", "new")
    assert.same({}, groups(new))
    for _, name in ipairs { "one", "two" } do
      assert.equal(timmsg.ERR_SVR_GROUP_PERMISSION_DENY, (support.call(bob, "group_join", name, "")))
      support.must(new, "group_join", name, "")
      support.say(new, name, GROUP, "here again")
      support.must(new, "group_delete", name)
    end
    assert.same({}, groups(new))
  end)

  -- A room of mallory's into which alice is invited: its fields are those, and its description says that it is a group.
  -- A room of mallory's that says it is a group.
  local function lure(name, fields)
    local room = "trap@conference." .. host
    local info = ('\ntimmsg:{"owner":"mallory","born":"abc","name":"%s","type":0,"add":2}'):format(name)
    fields["muc#roomconfig_membersonly"] = "0"
    fields["muc#roomconfig_roomdesc"] = info
    mallory:send(("<presence to='%s/mallory'><x xmlns='http://jabber.org/protocol/muc'/></presence>"):format(room))
    mallory:expect "<presence[^>]*from=['\"]trap@[^>]*/mallory['\"]"
    local form = { "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>" }
    for var, value in pairs(fields) do
      form[#form + 1] = ("<field var='%s'><value>%s</value></field>"):format(var, (value:gsub("<", "&lt;")))
    end
    assert.equal("result", (mallory:ask("set", room, "<query xmlns='http://jabber.org/protocol/muc#owner'>" ..
      "<x xmlns='jabber:x:data' type='submit'>" .. table.concat(form) .. "</x></query>")))
    return room
  end

  local function trap(name, fields)
    local room = lure(name, fields)
    write("alice", body "come" .. ("<x xmlns='jabber:x:conference' jid='%s'/><store xmlns='urn:xmpp:hints'/>"):format(room), nil, "normal")
    support.eventually(function() return groups()[1] == "trap" end, alice)
    return room
  end

  -- In mallory's room, which may show alice coming first.
  local function see_her_go()
    local presence
    repeat
      presence = mallory:expect "(<presence[^>]*from=['\"]trap@[^>]*/alice['\"][^>]*>)"
    until presence:find "type=['\"]unavailable"
  end

  it("draws nobody into a group that he can't leave", function()
    trap(("x"):rep(140000), {})
    local list = support.must(alice, "group_get_joined_group_list")
    assert.equal("trap", list[1].group_base_info_group_name)
    support.must(alice, "group_quit", "trap")
    assert.same({}, groups())
  end)

  it("draws nobody into a room without an archive that he can't leave", function()
    alice:close()
    alice, at_alice = device("alice", nil, { request_timeout_ms = 3000 })
    trap("trap", { [support.backend == "ejabberd" and "mam" or "muc#roomconfig_enablearchiving"] = "0" })
    support.must(alice, "group_quit", "trap")
    assert.same({}, groups())
    see_her_go()
  end)

  it("keeps nobody in such a room who hears that joining it failed (rule 45)", function()
    alice:close()
    alice = device("alice", nil, { request_timeout_ms = math.floor(3000 * support.PATIENCE) })
    lure("trap", { [support.backend == "ejabberd" and "mam" or "muc#roomconfig_enablearchiving"] = "0" })
    assert.equal(timmsg.ERR_REQUEST_TIMEOUT, (support.call(alice, "group_join", "trap")))
    assert.same({}, groups())
    see_her_go()
    assert.equal(timmsg.ERR_SVR_GROUP_PERMISSION_DENY, (support.call(alice, "group_quit", "trap")))
  end)

  it("keeps nobody in such a room whose machine slept when the time was over (rule 45)", function()
    trap("trap", { [support.backend == "ejabberd" and "mam" or "muc#roomconfig_enablearchiving"] = "0" })
    alice:close()
    local timeout = math.floor(3000 * support.PATIENCE)
    local peer = process.start("quit_group", dir, "alice", "trap", timeout)
    peer:expect "(ready)"
    peer:tell "go"
    peer:expect "(asked)"
    support.idle(timeout // 3) -- it has been said, and the server has it
    uv.kill(peer.pid, "sigstop")
    support.idle(timeout)
    uv.kill(peer.pid, "sigcont")
    assert.equal("0", (peer:expect "quit (%d+)"))
    peer:kill()
    alice = device "alice"
    assert.same({}, groups())
  end)

  -- ---- in a group ----

  local ROOM_NICK <const> = "mallory"

  -- A group of alice's with bob and mallory, who is in its room under that nick: the room.
  local function crew(nick)
    local bob, at_bob = device "bob"
    support.group(alice, "crew", "bob", "mallory")
    support.eventually(function() return #at_bob.messages > 0 end, alice, bob)
    local room = "crew@conference." .. host
    mallory:send(("<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>"):format(room, nick or ROOM_NICK))
    mallory:expect("<presence[^>]*from=['\"]crew@[^>]*/" .. (nick or ROOM_NICK) .. "['\"]")
    return room, bob, at_bob
  end

  local function settle_group(room, ...)
    local text = "settled " .. new_id()
    write(room, body(text), nil, "groupchat")
    return support.arrival(at_alice, text, ...)
  end

  local function claim(user)
    return ("<x xmlns='http://jabber.org/protocol/muc#user'><item jid='%s/x' affiliation='owner' role='moderator'/></x>"):format(jid(user))
  end

  -- Who said what in the group, without what settles and tips.
  local function said(client)
    local list = {}
    for _, msg in ipairs(support.history(client or alice, "crew", GROUP)) do
      local text = support.text_of(msg)
      if msg.message_status == timmsg.TIMMsg_Revoked then text = "revoked" end
      if text and not text:find "^settled " then list[#list + 1] = msg.message_sender .. ": " .. text end
    end
    return list
  end

  it("neither enters, reads nor changes a private group, nor draws others into it (rule 42)", function()
    local bob = device "bob"
    support.must(bob, "group_create", { create_group_param_group_id = "closed", create_group_param_group_name = "closed",
      create_group_param_group_type = timmsg.TIMGroup_Private })
    support.say(bob, "closed", GROUP, "secret 秘密")
    local room = "closed@conference." .. host
    write("alice", body "come" .. ("<x xmlns='jabber:x:conference' jid='%s'/><store xmlns='urn:xmpp:hints'/>"):format(room))
    mallory:send(("<presence to='%s/bob'><x xmlns='http://jabber.org/protocol/muc'/></presence>"):format(room))
    mallory:expect "<presence[^>]*from=['\"]closed@.-</presence>"
    write(room, body "hi", nil, "groupchat")
    local admin = "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='%s' jid='%s'/></query>"
    for _, ask in ipairs {
      { "set", "<query xmlns='urn:xmpp:mam:2' queryid='q'/>" },
      { "set", admin:format("member", jid "mallory") },
      { "set", admin:format("none", jid "bob") },
      { "get", "<query xmlns='http://jabber.org/protocol/muc#owner'/>" },
      { "set", "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>" },
    } do
      assert.equal("error", (mallory:ask(ask[1], room, ask[2])))
    end
    assert.same({}, other_groups(bob))
    assert.is_false(mallory:has "secret")
    support.say(bob, "closed", GROUP, "again")
    assert.same({ "closed", "honest" }, groups(bob))
    assert.same({ "secret 秘密", "again" }, support.texts(support.history(bob, "closed", GROUP)))
    mallory:ask("get", nil, "<ping xmlns='urn:xmpp:ping'/>")
    assert.is_false(mallory:has "again")
  end)

  it("is nobody else by a claim that the server does not understand, and has nobody's powers", function()
    local room, bob = crew()
    local hers = support.say(alice, "crew", GROUP, "alice's own")
    support.say(bob, "crew", GROUP, "bob's own")
    for i, item in ipairs {
      "<item xmlns='urn:x' jid='%s/x' affiliation='owner'/>",
      "<item jid='%s/x' affiliation='owner' role='bogus'/>",
      "<item xmlns='urn:x' jid='%s/x' affiliation='owner' role='bogus'/><status code='110'/>",
    } do
      for _, user in ipairs { "alice", "bob", "mallory" } do
        local x = ("<x xmlns='http://jabber.org/protocol/muc#user'>" .. item .. "</x>"):format(jid(user))
        write(room, x .. body("claim " .. i), nil, "groupchat")
        write(room, body("claim " .. i) .. x, nil, "groupchat")
        write(room, x .. newer_retract(id_of(hers)), nil, "groupchat")
        write(room, retract(id_of(hers)) .. x, nil, "groupchat")
      end
    end
    settle_group(room, bob)
    for _, line in ipairs(said()) do
      assert.is_nil(line:find "^alice: claim" or line:find "^bob: claim", line)
      assert.is_nil(line:find "revoked", line)
    end
    for _, msg in ipairs(at_alice.messages) do
      if (support.text_of(msg) or ""):find "^claim" then assert.equal("mallory", msg.message_sender) end
    end
  end)

  it("speaks in nobody else's name in a group", function()
    local room, bob = crew()
    local line = elems '[{"elem_type":0,"text_elem_content":"who?"}]'
    write(room, claim "bob" .. body "1", nil, "groupchat")
    write(room, body "2" .. claim "alice", nil, "groupchat")
    write(room, claim "bob" .. line .. claim "alice" .. body "3", nil, "groupchat")
    write(room, body "4" .. ("<delay xmlns='urn:xmpp:delay' from='%s/bob' stamp='2001-01-01T00:00:00Z'/>"):format(room) ..
      ("<stanza-id xmlns='urn:xmpp:sid:0' by='%s' id='nowhere'/>"):format(room), nil, "groupchat")
    write(room, body "5" .. "<no-store xmlns='urn:xmpp:hints'/>" .. claim "bob" .. line, nil, "groupchat")
    settle_group(room, bob)
    -- ejabberd takes out such claims; Prosody does not, and what has two is nobody's
    local honest = support.backend == "ejabberd" and { "mallory: 1", "mallory: 2", "mallory: who?", "mallory: 4" } or { "mallory: 4" }
    assert.same(honest, { table.unpack(said(), 1, #honest) })
    for _, msg in ipairs(at_alice.messages) do
      if support.text_of(msg) then assert.equal("mallory", msg.message_sender) end
      assert.is_true(math.abs(msg.message_server_time - os.time()) < 60)
    end
    support.say(bob, "crew", GROUP, "I am bob")
    assert.equal("bob", support.arrival(at_alice, "I am bob", bob).message_sender)
  end)

  it("is itself under another member's nick", function()
    local bob = device "bob"
    support.must(bob, "logout")
    support.group(alice, "crew", "bob", "mallory")
    local room = "crew@conference." .. host
    mallory:send(("<presence to='%s/bob'><x xmlns='http://jabber.org/protocol/muc'/></presence>"):format(room))
    mallory:expect "<presence[^>]*from=['\"]crew@[^>]*/bob['\"]"
    write(room, body "I am bob", nil, "groupchat")
    assert.equal("mallory", support.arrival(at_alice, "I am bob").message_sender)
    write(room, body "online" .. elems '[{"elem_type":0,"text_elem_content":"online"}]' .. "<no-store xmlns='urn:xmpp:hints'/>",
      nil, "groupchat")
    settle_group(room)
    for _, msg in ipairs(at_alice.messages) do
      if support.text_of(msg) then assert.equal("mallory", msg.message_sender) end
    end
    -- bob gets in all the same, and is bob
    support.must(bob, "login", "bob", "sig")
    support.say(bob, "crew", GROUP, "no, I am")
    assert.equal("bob", support.arrival(at_alice, "no, I am", bob).message_sender)
    local list = {}
    for _, line in ipairs(said()) do
      if line:find "am" then list[#list + 1] = line end
    end
    table.sort(list)
    assert.same({ "bob: no, I am", "mallory: I am bob" }, list)
  end)

  it("retracts nothing of others in a group (rule 28)", function()
    local room, bob, at_bob = crew()
    local mine = support.say(alice, "crew", GROUP, "alice's")
    local his = support.say(bob, "crew", GROUP, "bob's")
    support.arrival(at_alice, "bob's", bob)
    support.arrival(at_bob, "alice's", alice)
    local archived = {}
    while #archived < 2 do
      local stanza = mallory:expect "(<message .-</message>)"
      if stanza:find "'s</body>" or stanza:find "&apos;s</body>" then
        archived[#archived + 1] = stanza:match "<stanza%-id([^>]*)>":match "%f[%w]id=['\"]([^'\"]*)"
      end
    end
    for i, msg in ipairs { mine, his } do
      for _, id in ipairs { id_of(msg), archived[i] } do
        write(room, retract(id), nil, "groupchat")
        write(room, claim(i == 1 and "alice" or "bob") .. retract(id), nil, "groupchat")
        write(room, newer_retract(id) .. claim "alice", nil, "groupchat")
        write("alice", retract(id))
      end
    end
    settle_group(room, bob)
    -- of the same name
    for _, msg in ipairs { mine, his } do
      write(room, body "a double", id_of(msg), "groupchat")
      write(room, retract(id_of(msg)), nil, "groupchat")
    end
    settle_group(room, bob)
    settle()
    support.say(alice, "crew", GROUP, "after it")
    support.arrival(at_bob, "after it", alice)
    for _, client in ipairs { alice, bob } do
      local kept = {}
      for _, line in ipairs(said(client)) do
        if not line:find "^mallory" then kept[#kept + 1] = line end
      end
      assert.same({ "alice: alice's", "bob: bob's", "alice: after it" }, kept)
    end
    -- a device that has it all out of the archive
    local other = device("alice", "other")
    old(other, "crew", GROUP)
    local kept = {}
    for _, line in ipairs(said(other)) do
      if not line:find "^mallory" then kept[#kept + 1] = line end
    end
    assert.same({ "alice: alice's", "bob: bob's", "alice: after it" }, kept)
    for _, locator in ipairs(at_alice.revoked) do
      assert.is_false(locator.message_locator_is_self)
      assert.is_true(locator.message_locator_rand ~= his.message_rand or locator.message_locator_conv_type == C2C or
        locator.message_locator_is_revoked == true)
    end
  end)

  it("has nobody's message revoked in place of its own (rule 28)", function()
    local room, bob, at_bob = crew()
    local his = support.say(bob, "crew", GROUP, "bob is nice")
    support.arrival(at_alice, "bob is nice", bob)
    write(room, body "an insult", id_of(his), "groupchat")
    local bad = support.arrival(at_alice, "an insult", bob)
    support.arrival(at_bob, "an insult", alice)
    support.must(alice, "revoke", "crew", GROUP, bad)
    support.eventually(function() return #at_bob.revoked > 0 end, alice, bob)
    assert.equal(20023, (support.call(alice, "revoke", "crew", GROUP, bad)))
    local other = device("alice", "other")
    old(other, "crew", GROUP)
    for _, client in ipairs { alice, bob, other } do
      assert.same({ "bob: bob is nice", "mallory: revoked" }, said(client))
    end
    -- without a word on whose it is, it is nobody's but one's own
    local owner = connect "alice"
    owner:send(("<presence to='%s/other alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>"):format(room))
    owner:expect "<presence[^>]*from=['\"]crew@[^>]*/other alice['\"]"
    local next_one = support.say(bob, "crew", GROUP, "bob is nice still")
    write(room, body "another insult", id_of(next_one), "groupchat")
    local worse = support.arrival(at_alice, "another insult", bob)
    owner:send(("<message type='groupchat' to='%s' id='r'>%s</message>"):format(room, retract(id_of(next_one))))
    settle_group(room, bob)
    for _, client in ipairs { alice, bob } do
      assert.same({ "bob: bob is nice", "mallory: revoked", "bob: bob is nice still", "mallory: another insult" },
        said(client))
    end
    -- both at once
    local codes = {}
    for _, msg in ipairs { worse, support.arrival(at_alice, "bob is nice still", bob) } do
      assert(alice:revoke("crew", GROUP, msg, function(code) codes[#codes + 1] = code end))
    end
    support.eventually(function() return #codes == 2 end, alice, bob)
    assert.same({ 0, 0 }, codes)
    support.eventually(function() return said(bob)[3] == "bob: revoked" and said(bob)[4] == "mallory: revoked" end, alice, bob)
  end)

  it("takes nobody's message away by sending one of the same name first", function()
    local room, bob = crew()
    -- the same id as the one that mallory read in bob's message, and again afterwards
    local his = support.say(bob, "crew", GROUP, "bob's own")
    write(room, body "a copy", id_of(his), "groupchat")
    write(room, body "a copy again", id_of(his), "groupchat")
    settle_group(room, bob)
    support.arrival(at_alice, "bob's own", bob)
    assert.same({ "bob: bob's own", "mallory: a copy" }, said())
  end)

  it("says no tips for others, and by its own puts nobody out", function()
    local room, bob = crew()
    local told = {}
    alice:on("group_tips_event", function(list) table.move(list, 1, #list, #told + 1, told) end)
    local tips = '[{"elem_type":5,"group_tips_elem_tip_type":%d,"group_tips_elem_op_user":"%s","group_tips_elem_group_id":"%s",' ..
      '"group_tips_elem_user_array":["%s"]}]'
    for _, op in ipairs { "alice", "bob", "", "@TIM#SYSTEM" } do
      write(room, body "a tip" .. elems(tips:format(3, op, "crew", "bob")) .. claim "alice", nil, "groupchat")
    end
    write(room, body "a tip" .. elems(tips:format(3, "mallory", "other", "bob")), nil, "groupchat")
    for _, kind in ipairs { 0, 2, 4, 7 } do -- nobody quits for another; of other kinds there are none
      write(room, body "a tip" .. elems(tips:format(kind, "mallory", "crew", "bob")), nil, "groupchat")
    end
    settle_group(room, bob)
    assert.same({}, told)
    assert.same({}, said())
    -- tips of its own about others
    for _, name in ipairs { "bob", "alice" } do
      write(room, body "a tip" .. elems(tips:format(3, "mallory", "crew", name)), nil, "groupchat")
    end
    settle_group(room, bob)
    local members = {}
    local result = support.must(alice, "group_get_member_info_list", { group_get_members_info_list_param_group_id = "crew" })
    for _, info in ipairs(result.group_get_memeber_info_list_result_info_array) do
      members[#members + 1] = info.group_member_info_identifier
    end
    table.sort(members)
    assert.same({ "alice", "bob", "mallory" }, members)
    assert.same({ "crew" }, groups())
    assert.same({ "crew" }, groups(bob))
    support.say(bob, "crew", GROUP, "still here")
    support.arrival(at_alice, "still here", bob)
  end)

  -- The tips of a list, sorted: within a second they stand as their numbers want it.
  local function tips(list)
    local found = {}
    for _, msg in ipairs(list) do
      local elem = msg.message_elem_array[1]
      if elem and elem.elem_type == timmsg.TIMElem_GroupTips then
        found[#found + 1] = elem.group_tips_elem_op_user .. ": " .. table.concat(elem.group_tips_elem_user_array, ", ")
      end
    end
    table.sort(found)
    return found
  end

  it("hides no tips by some of its own that are named the same", function()
    local room, bob = crew()
    device "carol"
    mallory.received = ""
    support.must(alice, "group_invite_member", { group_invite_member_param_group_id = "crew",
      group_invite_member_param_identifier_array = timmsg.array { "carol" } })
    local seq, rand, time = mallory:expect "<message[^>]-id=['\"]tm%-(%x+)%-(%x+)%-(%x+)"
    support.send_many(bob, "crew", GROUP, "line ", 120)
    local tip = body "a tip" .. elems('[{"elem_type":5,"group_tips_elem_tip_type":1,"group_tips_elem_op_user":"mallory",' ..
      '"group_tips_elem_group_id":"crew","group_tips_elem_user_array":["mallory"]}]')
    for shift = 0, 1 do -- the time is no part of what a message is known by
      write(room, tip, ("tm-%s-%s-%x"):format(seq, rand, tonumber(time, 16) + shift), "groupchat")
    end
    settle_group(room, bob)
    local wanted = { "alice: bob, mallory", "alice: carol", "mallory: mallory", "mallory: mallory" }
    assert.same(wanted, tips(support.history(alice, "crew", GROUP)))
    -- a device that has the newer ones first
    local other = device("alice", "other")
    support.page(other, "crew", GROUP, { count = 20, is_remble = true })
    for _ = 1, 2 do
      support.page(other, "crew", GROUP, { count = 500, is_remble = true })
      assert.same(wanted, tips(support.history(other, "crew", GROUP)))
    end
  end)

  -- How many members a group has for alice.
  local function member_count(group)
    local result = support.must(alice, "group_get_member_info_list", { group_get_members_info_list_param_group_id = group })
    return #result.group_get_memeber_info_list_result_info_array
  end

  -- Says that mallory has brought as many users that there are not.
  local function bring(room, group, from, to)
    local names = {}
    for i = from, to do
      names[#names + 1] = ('"nobody%d"'):format(i)
    end
    write(room, body "a tip" .. elems(('[{"elem_type":5,"group_tips_elem_tip_type":1,"group_tips_elem_op_user":"mallory",' ..
      '"group_tips_elem_group_id":"%s","group_tips_elem_user_array":[%s]}]'):format(group, table.concat(names, ","))), nil, "groupchat")
  end

  it("floods no group with members", function()
    local room, bob = crew()
    for i = 1, 10 do
      bring(room, "crew", 400 * i, 400 * i + 399)
    end
    settle_group(room, bob)
    support.eventually(function() return member_count "crew" == 503 end, alice, bob)
    -- others come and go
    support.must(bob, "group_quit", "crew")
    support.eventually(function() return member_count "crew" == 502 end, alice, bob)
  end)

  it("is heard a few names at a time, and none of them is put in whom the owner removes meanwhile (rule 42)", function()
    local log = support.temp_dir()
    alice:close()
    alice, at_alice = device("alice", nil, { log_file_path = log, log_level = timmsg.TIMLog_Verbose })
    local room, bob = crew()
    local owner = connect "alice"
    bring(room, "crew", 1, 100)
    settle_group(room, bob)
    local last = "nobody100"
    local removed = support.must(alice, "group_delete_member", { group_delete_member_param_group_id = "crew",
      group_delete_member_param_identifier_array = timmsg.array { last } })
    assert.equal(timmsg.TIMGroupMember_HandledSuc, removed[1].group_delete_member_result_result)
    -- the room's own list
    local list
    support.eventually(function()
      local query = "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query>"
      list = select(2, owner:ask("get", room, query))
      return select(2, list:gsub("<item ", "")) >= 101 -- bob, mallory and 99
    end, alice, bob)
    support.idle(200, alice, bob)
    assert.is_nil(list:find(last, 1, true))
    assert.equal(102, member_count "crew")
    local changes, most = {}, 0
    local count = 0
    for direction, rest in support.read_file(log .. "/timmsg.log"):gmatch "xmpp: (%u%u%u%u): ([^\n]*)" do
      local id = rest:match "^<iq [^>]-%f[%w]id=['\"]([^'\"]*)"
      if id and direction == "SENT" and rest:find "type=['\"]set" and rest:find "affiliation=['\"]member" then
        changes[id], count = true, count + 1
        most = math.max(most, count)
      elseif id and changes[id] then
        changes[id], count = nil, count - 1
      end
    end
    assert.is_true(most >= 1 and most <= 4, most)
  end)

  it("makes no group larger than it may be", function()
    support.must(alice, "group_create", { create_group_param_group_id = "few", create_group_param_group_name = "few",
      create_group_param_max_member_num = 5,
      create_group_param_group_member_array = timmsg.array { { group_member_info_identifier = "mallory" } } })
    local room = "few@conference." .. host
    mallory:send(("<presence to='%s/mallory'><x xmlns='http://jabber.org/protocol/muc'/></presence>"):format(room))
    mallory:expect "<presence[^>]*from=['\"]few@[^>]*/mallory['\"]"
    bring(room, "few", 1, 10)
    settle_group(room)
    assert.equal(5, member_count "few")
  end)

  it("sends private messages through a room to nobody", function()
    local room, bob = crew()
    local line = elems '[{"elem_type":0,"text_elem_content":"private"}]'
    for _, kind in ipairs { "chat", "normal", "headline" } do
      write(room .. "/alice", body "private" .. line, nil, kind)
      write(room .. "/alice", body "private", nil, kind)
    end
    local msg = support.say(alice, "crew", GROUP, "mine")
    write(room .. "/alice", retract(id_of(msg)))
    write(room .. "/alice", displayed(id_of(msg)))
    write(room .. "/alice", body "x" .. "<x xmlns='jabber:x:conference' jid='trap@conference." .. host .. "'/>")
    settle_group(room, bob)
    settle()
    assert.same({ "group crew", "user mallory" }, convs())
    assert.same({}, texts "mallory")
    assert.same({ "alice: mine" }, said())
    for _, each in ipairs(at_alice.messages) do
      assert.not_equal("private", support.text_of(each))
    end
  end)

  it("can't say that a group did not take another's message", function()
    local room, bob = crew()
    local wanted = {}
    for i = 1, 30 do -- whether it gets in between is chance
      wanted[i] = "bob: line " .. i
      local code, is_forged
      mallory.received = ""
      assert(bob:send_new_msg("crew", GROUP, timmsg.text("line " .. i), function(got) code = got end))
      support.eventually(function()
        uv.run "nowait"
        local id = not is_forged and mallory.received:match "<message[^>]-id=['\"](tm%-[^'\"]*)"
        if id then
          is_forged = true
          write(room .. "/bob", "<error type='cancel'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", id, "error")
        end
        return code and is_forged
      end, alice, bob)
      assert.equal(0, code)
    end
    support.arrival(at_alice, "line 30", bob)
    assert.same(wanted, said(bob))
  end)

  it("rule 14: what a silenced member said is sent again once he may speak", function()
    local room, bob = crew()
    local owner = connect "alice"
    owner:send(("<presence to='%s/owner'><x xmlns='http://jabber.org/protocol/muc'/></presence>"):format(room))
    owner:expect "<presence[^>]*from=['\"]crew@[^>]*/owner['\"]"
    local function set(query) assert.equal("result", (owner:ask("set", room, query))) end
    local function set_role(role)
      set(("<query xmlns='http://jabber.org/protocol/muc#admin'><item role='%s' nick='bob'/></query>"):format(role))
    end
    set("<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>" ..
      "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>" ..
      "<field var='muc#roomconfig_moderatedroom'><value>1</value></field></x></query>")
    set_role "visitor"
    local code, _, msg = support.call(bob, "send_new_msg", "crew", GROUP, timmsg.text "muted?")
    assert.equal(timmsg.ERR_SVR_GROUP_PERMISSION_DENY, code)
    assert.equal(timmsg.TIMMsg_SendFail, msg.message_status)
    set_role "participant"
    msg = support.must(bob, "send_new_msg", "crew", GROUP, msg)
    assert.equal(timmsg.TIMMsg_SendSucc, msg.message_status)
    support.arrival(at_alice, "muted?", bob)
    assert.same({ "bob: muted?" }, said(bob))
    assert.same({ "bob: muted?" }, said())
    -- who may not speak may go: nobody needs to hear of it
    set_role "visitor"
    support.must(bob, "group_quit", "crew")
    assert.same({}, groups(bob))
  end)

  it("rule 42: a member whom another client has removed is none, and is invited again", function()
    local bob = device "bob"
    local carol = device "carol"
    support.must(alice, "group_create", { create_group_param_group_id = "crew", create_group_param_group_name = "crew",
      create_group_param_group_type = timmsg.TIMGroup_Private,
      create_group_param_group_member_array = timmsg.array { { group_member_info_identifier = "bob" } } })
    local function invite_carol()
      local list = support.must(alice, "group_invite_member", { group_invite_member_param_group_id = "crew",
        group_invite_member_param_identifier_array = timmsg.array { "carol" } })
      return list[1].group_invite_member_result_result
    end
    local function members(client)
      local list = {}
      local result = support.must(client, "group_get_member_info_list", { group_get_members_info_list_param_group_id = "crew" })
      for _, info in ipairs(result.group_get_memeber_info_list_result_info_array) do
        list[#list + 1] = info.group_member_info_identifier
      end
      table.sort(list)
      return table.concat(list, " ")
    end
    local owner = connect "alice"
    for _, is_away in ipairs { false, true } do
      assert.equal(timmsg.TIMGroupMember_HandledSuc, invite_carol())
      support.eventually(function() return #groups(carol) == 1 and members(bob) == "alice bob carol" end, alice, bob, carol)
      if is_away then support.must(carol, "logout") end
      assert.equal("result", (owner:ask("set", "crew@conference." .. host, "<query xmlns='http://jabber.org/protocol/muc#admin'>" ..
        "<item affiliation='none' jid='" .. jid "carol" .. "'/></query>")))
      for _, client in ipairs { alice, bob } do
        support.eventually(function() return members(client) == "alice bob" end, alice, bob)
      end
      support.eventually(function() return is_away or #groups(carol) == 0 end, alice, bob, carol)
    end
    assert.equal(timmsg.TIMGroupMember_HandledSuc, invite_carol())
    support.must(carol, "login", "carol", "sig")
    assert.same({ "crew" }, groups(carol))
  end)

  -- What goes lost, or is refused, when the spec says so.
  local only_prosody = support.backend == "prosody" and it or function() end

  -- ejabberd's archive does not say what a member was when he wrote something (rule 45)
  only_prosody("is not believed later what it said before it was made an admin (rules 28, 42)", function()
    local room, bob, at_bob = crew()
    local hers = support.say(alice, "crew", GROUP, "alice's")
    support.arrival(at_bob, "alice's", alice)
    support.must(bob, "logout")
    write(room, retract(id_of(hers)) .. "<meant xmlns='urn:timmsg:0' author='alice'/>", nil, "groupchat")
    write(room, body "a tip" .. elems('[{"elem_type":5,"group_tips_elem_tip_type":3,"group_tips_elem_op_user":"mallory",' ..
      '"group_tips_elem_group_id":"crew","group_tips_elem_user_array":["bob"]}]'), nil, "groupchat")
    settle_group(room)
    support.must(alice, "group_modify_member_info", {
      group_modify_member_info_group_id = "crew", group_modify_member_info_identifier = "mallory",
      group_modify_member_info_modify_flag = timmsg.TIMGroupMemberModifyFlag_MemberRole,
      group_modify_member_info_member_role = timmsg.TIMMemberRole_Admin })
    support.say(alice, "crew", GROUP, "later")
    support.must(bob, "login", "bob", "sig")
    support.arrival(at_bob, "later", alice)
    support.idle(300, alice, bob)
    assert.same({ "crew" }, groups(bob))
    assert.same({ "alice: alice's", "alice: later" }, said(bob))
    -- nor by a device that finds it in the history
    local other = support.device(dir, "bob", "other")
    old(other, "crew", GROUP)
    assert.same({ "alice: alice's", "alice: later" }, said(other))
    -- what it says as an admin counts, for those too who hear it later
    support.must(bob, "logout")
    write(room, retract(id_of(hers)) .. "<meant xmlns='urn:timmsg:0' author='alice'/>", nil, "groupchat")
    support.eventually(function() return said()[1] == "alice: revoked" end, alice)
    support.must(bob, "login", "bob", "sig")
    support.eventually(function() return said(bob)[1] == "alice: revoked" end, alice, bob)
  end)

  only_prosody("rule 42: a member whom another client has made an admin before the list had him as a member stays one", function()
    local server, owner, bob = support.xmpp_server(), connect "alice", device "bob"
    support.group(alice, "crew")
    local room = "crew@conference." .. host
    server:lose("change", room)
    support.must(bob, "group_join", "crew")
    support.say(bob, "crew", GROUP, "I am in")
    support.arrival(at_alice, "I am in", bob)
    support.eventually(function() return waiting("alice", "changes") == 1 end, alice, bob)
    support.must(alice, "logout")
    local function admin(item) return ("<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='admin'%s/></query>"):format(item) end
    assert.equal("result", (owner:ask("set", room, admin(" jid='" .. jid "bob" .. "'"))))
    support.must(alice, "login", "alice", "sig")
    support.eventually(function() return waiting("alice", "changes") == 0 end, alice, bob)
    support.idle(500, alice, bob)
    assert.matches(jid "bob", select(2, owner:ask("get", room, admin "")), 1, true)
  end)

  only_prosody("rule 42: a user whose quit failed hears it when another client has removed him", function()
    local server, owner = support.xmpp_server(), connect "alice"
    local timeout = math.floor(2000 * support.PATIENCE)
    support.account(dir, "bob")
    support.must(alice, "group_create", { create_group_param_group_id = "crew", create_group_param_group_name = "crew",
      create_group_param_group_type = timmsg.TIMGroup_Private,
      create_group_param_group_member_array = timmsg.array { { group_member_info_identifier = "bob" } } })
    local room = "crew@conference." .. host
    local peer = process.start("quit_group", dir, "bob", "crew", timeout)
    peer:expect("(ready)", alice)
    server:lose("message", room)
    server:lose("ping", host)
    peer:tell "go"
    peer:expect("(asked)", alice)
    support.idle(timeout // 3, alice)
    uv.kill(peer.pid, "sigstop") -- what is over then is told of together
    support.idle(timeout, alice)
    uv.kill(peer.pid, "sigcont")
    assert.equal(tostring(timmsg.ERR_REQUEST_TIMEOUT), (peer:expect("quit (%d+)", alice)))
    -- he is in it, on a new connection, as the server did not answer
    support.say(alice, "crew", GROUP, "still there?")
    peer:expect("got alice .* (still there%?)", alice)
    local function groups_of_bob()
      peer:tell "groups?"
      return (peer:expect("groups (%d+)", alice))
    end
    assert.equal("1", groups_of_bob())
    assert.equal("result", (owner:ask("set", room, "<query xmlns='http://jabber.org/protocol/muc#admin'>" ..
      "<item affiliation='none' jid='" .. jid "bob" .. "'/></query>")))
    -- not only when its archive is looked at for what may have been missed
    assert.is_true(support.pump(10000 * support.PATIENCE, function() return groups_of_bob() == "0" end, alice))
  end)

  only_prosody("rule 42: a user whose delete failed hears it when another client has deleted the group", function()
    local server, owner = support.xmpp_server(), connect "alice"
    alice:close()
    alice = device("alice", nil, { request_timeout_ms = math.floor(2000 * support.PATIENCE) })
    local room = "crew@conference." .. host
    for _, how in ipairs { "refuse", "lose" } do
      support.group(alice, "crew")
      if how == "refuse" then
        server:refuse("end", room, "not-allowed")
        assert.equal(timmsg.ERR_SVR_GROUP_PERMISSION_DENY, (support.call(alice, "group_delete", "crew")))
      else
        server:lose("end", room)
        assert.equal(timmsg.ERR_REQUEST_TIMEOUT, (support.call(alice, "group_delete", "crew")))
      end
      assert.same({ "crew" }, groups())
      assert.equal("result", (owner:ask("set", room, "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>")))
      support.eventually(function() return #groups() == 0 end, alice)
    end
  end)

  it("disturbs no group by numbers at their ends", function()
    local room, bob, at_bob = crew()
    write(room, body "the end", "tm-ffffffffffffffff-1-ffffffffffffffff", "groupchat")
    write(room, body "no rand", "tm-1-0-0", "groupchat")
    write(room, body "no id", "", "groupchat")
    write(room, body "odd", "tm-1-1-1-1", "groupchat")
    write(room, retract "tm-ffffffffffffffff-7-ffffffffffffffff", nil, "groupchat")
    write(room, body "long", ("i"):rep(3000) .. "é", "groupchat")
    settle_group(room, bob)
    for i = 1, 3 do
      support.pass(support.say(bob, "crew", GROUP, "bob " .. i).message_server_time, alice, bob)
      support.arrival(at_alice, "bob " .. i, bob)
    end
    support.say(alice, "crew", GROUP, "alice")
    support.arrival(at_bob, "alice", alice)
    for _, client in ipairs { alice, bob } do
      local others, count = {}, 0
      for _, line in ipairs(said(client)) do
        if not line:find "^mallory" then
          others[#others + 1] = line
        elseif not line:find "revoked" then
          count = count + 1
        end
      end
      assert.same({ "bob: bob 1", "bob: bob 2", "bob: bob 3", "alice: alice" }, others)
      assert.equal(5, count)
    end
  end)
end)
