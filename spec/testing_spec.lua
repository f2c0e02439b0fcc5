-- timmsg.testing: a hub in memory, a clock that stands still, chance from a seed, faults on order, and what it adds to
-- luassert. That it runs the same code as everybody: it passes the rules that other specs try on a real hub.

local lfs = require "lfs"
local support = require "support"
local testing = require "timmsg.testing"
local timmsg = require "timmsg"
local web = require "web"

local describe <const> = support.hub_only(describe)
local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

describe("timmsg.testing", function()
  local hub, alice, bob

  before_each(function()
    hub = testing.new { time = 1700000000 }
    alice, bob = hub:login "alice", hub:login "bob"
  end)
  after_each(function()
    hub:close()
    web.cleanup()
    support.cleanup()
  end)

  local function send(from, to, text)
    return assert(from.await:send_new_msg(to, C2C, timmsg.text(text)))
  end

  -- What a function that is to fail says.
  local function complaint(fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    return type(err) == "table" and err.message or err
  end

  -- ---- the hub ----

  it("carries what a hub carries", function()
    local tips
    alice:on("group_tips_event", function(list) tips = list end)
    local group = assert(alice.await:group_create { create_group_param_group_name = "Arena" }).create_group_result_groupid
    assert(bob.await:group_join(group))
    assert(alice.await:send_new_msg(group, GROUP, timmsg.message(timmsg.text "all", timmsg.face(1))))
    send(alice, "bob", "one")
    assert.received(bob, "all", 1)
    assert.received(bob, "one", 1)
    assert.unread(bob, group, 1 + 1) -- that bob joined, and what alice said
    assert.truthy(tips)
    assert(bob.await:report_readed("alice", C2C))
    assert.unread(bob, "alice", 0)
    assert.equal(1, #assert(bob.await:get_msg_list("alice", C2C, { msg_getmsglist_param_count = 20 })))
  end)

  it("carries online-only messages to those who are there", function()
    local msg = timmsg.text "now"
    msg.message_is_online_msg = true
    hub:offline(bob)
    assert(alice.await:send_new_msg("bob", C2C, msg))
    hub:online(bob)
    assert(alice.await:send_new_msg("bob", C2C, msg))
    assert.received(bob, "now", 1)
  end)

  it("keeps nothing on the disk", function()
    local dir = support.temp_dir()
    local client = assert(hub:new { data_dir = dir .. "/data", server = "hub:" .. dir .. "/hub" })
    assert(client.await:login("carol", ""))
    send(client, "carol", "note")
    client:close()
    for name in lfs.dir(dir) do assert.truthy(name == "." or name == "..", name) end
  end)

  it("keeps what a user had for the next log-in", function()
    local msg = send(alice, "bob", "kept")
    hub:flush()
    bob:close()
    send(alice, "bob", "missed")
    bob = hub:login "bob"
    assert.received(bob, "missed", 1)
    assert.received(bob, "kept", 0) -- it was told in the life before
    local found = assert(bob.await:get_msg_list("alice", C2C, { msg_getmsglist_param_count = 20 }))
    assert.equal(2, #found)
    assert.equal(msg.message_rand, found[2].message_rand)
  end)

  it("has several devices of a user", function()
    local phone = hub:login("bob", "phone")
    send(alice, "bob", "to both")
    assert.received(bob, "to both", 1)
    assert.received(phone, "to both", 1)
  end)

  it("gives a user's store to one client at a time", function()
    local other = assert(hub:new { data_dir = "bob" })
    local code, desc = hub:ask(other, "login", "bob", "")
    assert.equal(timmsg.ERR_DATABASE_OPERATE_FAILED, code)
    assert.truthy(desc:find("in use by another client", 1, true), desc)
  end)

  it("keeps hubs apart, of the same seed too", function()
    local second <close> = testing.new()
    local carol = second:login "carol"
    local code = hub:ask(alice, "send_new_msg", "carol", C2C, timmsg.text "hello")
    assert.equal(timmsg.ERR_SVR_MSG_INVALID_ID, code)
    assert.received(carol, function() return true end, 0)
  end)

  it("is there for code that makes its clients itself", function()
    local new = timmsg.new
    timmsg.new = function(options) return hub:new(options) end
    local client = assert(timmsg.new { sdk_app_id = 1, data_dir = "data/bot" })
    timmsg.new = new
    assert(client.await:login("bot", ""))
    send(alice, "bot", "are you there?")
    assert.received(client, "are you there?", 1)
  end)

  it("has no servers", function()
    local client, message, code = hub:new { server = "xmpp://example.org" }
    assert.is_nil(client)
    assert.equal(timmsg.TIM_ERR_PARAM, code)
    assert.equal("sdk_config_server: in a test there are only hubs", message)
  end)

  it("holds a thousand users at once", function()
    local clients, heard = {}, 0
    for i = 1, 1000 do
      clients[i] = hub:login("user" .. i)
      clients[i]:on("recv_new_msg", function(msgs) heard = heard + #msgs end)
    end
    local group = assert(alice.await:group_create { create_group_param_group_name = "Crowd" }).create_group_result_groupid
    for i = 1, 1000, 100 do assert(clients[i].await:group_join(group)) end
    hub:flush()
    heard = 0
    assert(alice.await:send_new_msg(group, GROUP, timmsg.text "hello, crowd"))
    hub:flush()
    assert.equal(10, heard)
  end)

  it("can be polled, waited for and watched like any other", function()
    assert(alice:send_new_msg("bob", C2C, timmsg.text "hi"))
    assert.is_true(bob:wait())
    assert.equal(0, bob:timeout())
    assert.equal(1, bob:poll(1))
    alice:poll()
    assert.is_false(bob:wait()) -- nothing comes as long as the clock stands still
    assert.is_nil(bob:timeout())
    local fd = bob:pollfd()
    assert.equal("integer", math.type(fd))
    assert.equal(fd, bob:pollfd())
  end)

  it("says so where code under test would wait for ever", function()
    local slept, message = alice.await:sleep(10)
    assert.is_nil(slept)
    assert.equal("this would wait for ever: the clock of the test stands still", message)
  end)

  it("lets callbacks close clients, make new ones, and not flush", function()
    local err
    bob:on("recv_new_msg", function()
      local _, message = pcall(hub.flush, hub)
      err = message
      alice:close()
      hub:login("carol"):close()
      bob:close()
    end)
    assert(alice:send_new_msg("bob", C2C, timmsg.text "hi"))
    hub:flush()
    assert.truthy(err:find("flush inside a callback", 1, true), err)
  end)

  it("says so when something never comes to rest", function()
    local function again(code)
      if code == 0 then alice:after(0, again) end
    end
    again(0)
    assert.truthy(complaint(hub.flush, hub):find("does not come to rest", 1, true))
  end)

  it("passes on what callbacks raise, and goes on after it", function()
    bob:on("recv_new_msg", function(msgs) error("no: " .. msgs[1].message_elem_array[1].text_elem_content, 0) end)
    assert(alice:send_new_msg("bob", C2C, timmsg.text "1"))
    assert.equal("no: 1", complaint(hub.flush, hub))
    assert.received(bob, "1", 1)
  end)

  it("cancels what is under way when it is closed", function()
    hub:slow(alice, "send_new_msg", 1000)
    local code, slept
    alice:send_new_msg("bob", C2C, timmsg.text "hi", function(c) code = c end)
    alice:after(1000, function(c) slept = c end)
    hub:flush()
    hub:close()
    assert.equal(timmsg.ERR_USER_CANCELED, code)
    assert.equal(timmsg.ERR_USER_CANCELED, slept)
    assert.truthy(complaint(alice.poll, alice):find("closed", 1, true))
  end)

  it("closes, though a coroutine waits again and again", function()
    local turns = 0
    coroutine.wrap(function()
      while true do
        alice.await:sleep(1000)
        turns = turns + 1
        if turns == 1000 then error("it goes on and on", 0) end
      end
    end)()
    hub:advance(3000)
    hub:close()
    assert.equal(4, turns)
  end)

  it("is there by itself, await and all", function()
    local program = [[
      local testing = require "timmsg.testing"
      local hub <close> = testing.new()
      assert(hub:login "alice".await:conv_get_conv_list())
      print "fine"
    ]]
    local pipe = assert(io.popen(("exec lua5.4 -e '%s' 2>&1"):format(program)))
    local output = pipe:read "a"
    assert.is_true(pipe:close(), output)
    assert.equal("fine\n", output)
  end)

  it("refuses options that there are none of, as new does", function()
    for options, message in pairs {
      [{ tiem = 3 }] = "there is no option 'tiem'",
      [{ 5 }] = "an option's name is a string, not a number",
      [{ seed = "1" }] = "option 'seed': integer expected, got string",
      [{ time = 1.5 }] = "option 'time': integer expected, got number",
      [{ time = 0 }] = "option 'time': a Unix time expected",
    } do
      local ok, err = pcall(function() testing.new(options) end)
      assert.is_false(ok)
      assert.matches("^[^:]*testing_spec%.lua:%d+: bad argument #1 to 'new' %(", err)
      assert.truthy(err:find(message, 1, true), err)
    end
    local ok, err = pcall(function() testing.new(5) end) ---@diagnostic disable-line: param-type-mismatch
    assert.is_false(ok)
    assert.matches("testing_spec%.lua:%d+: bad argument #1 to 'new' %(table expected, got number%)$", err)
  end)

  it("names what is wrong with an argument, where it was given", function()
    local other <close> = testing.new()
    local dora, stranger = hub:login "dora", other:login "stranger"
    local function blames(message, method, ...)
      local args = table.pack(...)
      local ok, err = pcall(function() hub[method](hub, table.unpack(args, 1, args.n)) end)
      assert.is_false(ok)
      assert.matches("^[^:]*testing_spec%.lua:%d+: ", err)
      assert.equal(message, err:match "^[^:]*:%d+: (.*)$")
    end
    for _, wrong in ipairs { table.pack(nil), table.pack(stranger), table.pack "alice" } do
      for _, method in ipairs { "received", "offline", "online", "fail", "slow", "cut", "ask" } do
        blames(("bad argument #1 to '%s' (a client of this hub expected)"):format(method), method, wrong[1], "login", 1)
      end
    end
    for _, method in ipairs { "fail", "slow", "cut", "ask" } do
      blames(('bad argument #2 to \'%s\' (there is no call "nope")'):format(method), method, dora, "nope", 1)
      blames(('bad argument #2 to \'%s\' (there is no call "nil")'):format(method), method, dora, nil, 1)
      blames(('bad argument #2 to \'%s\' (there is no call "poll")'):format(method), method, dora, "poll", 1)
    end
    blames("bad argument #3 to 'fail' (integer expected, got string)", "fail", dora, "login", "x")
    blames("bad argument #3 to 'slow' (milliseconds expected, got -1)", "slow", dora, "login", -1)
    blames("bad argument #1 to 'advance' (milliseconds expected, got -1)", "advance", -1)
    blames("bad argument #1 to 'advance' (milliseconds expected, got nil)", "advance")
    blames("bad argument #1 to 'advance' (milliseconds expected, got 1.5)", "advance", 1.5)
    blames("bad argument #1 to 'login' (string expected, got nil)", "login")
  end)

  -- ---- clock and chance ----

  it("stands still until it is moved", function()
    local msg = send(alice, "bob", "now")
    assert.equal(1700000000, hub:now())
    assert.equal(1700000000, msg.message_server_time)
    assert.equal(1700000000, msg.message_client_time)
    hub:advance(61500)
    assert.equal(1700000061, hub:now())
    assert.equal(1700000061, send(alice, "bob", "then").message_server_time)
  end)

  it("is set back by an hour: rule 12: messages keep their order, and what waits goes on waiting as long", function()
    send(alice, "bob", "before")
    hub:offline(alice)
    local failed
    alice:send_new_msg("bob", C2C, timmsg.text "under way", function(code) failed = code end)
    hub:advance(29000)
    hub:set_now(hub:now() - 3600)
    assert.equal(1700000029 - 3600, hub:now())
    hub:advance(999)
    assert.is_nil(failed)
    hub:advance(1)
    assert.equal(timmsg.ERR_REQUEST_TIMEOUT, failed)
    hub:online(alice)
    local msg = send(alice, "bob", "after")
    assert.equal(1700000000, msg.message_server_time)
    assert.equal(1700000030 - 3600, msg.message_client_time)
    local function texts(client, with)
      local list = {}
      for _, one in ipairs((assert(client.await:get_msg_list(with, C2C, {})))) do
        if one.message_status == timmsg.TIMMsg_SendSucc then table.insert(list, 1, one.message_elem_array[1].text_elem_content) end
      end
      return list
    end
    assert.same({ "before", "after" }, texts(bob, "alice"))
    assert.same({ "before", "after" }, texts(alice, "bob"))
    hub:set_now(1700000030)
    assert.equal(1700000030, send(alice, "bob", "right again").message_server_time)
    assert.same({ "before", "after", "right again" }, texts(bob, "alice"))
  end)

  it("lets the revoke window pass at once", function()
    local first, second = send(alice, "bob", "1"), send(alice, "bob", "2")
    hub:advance(120 * 1000)
    assert(alice.await:revoke("bob", C2C, first))
    hub:advance(1000)
    local ok, _, code = alice.await:revoke("bob", C2C, second)
    assert.is_nil(ok)
    assert.equal(timmsg.ERR_SVR_MSG_REVOKE_TIME_LIMIT, code)
    assert.revoked(bob, first)
    assert.is_not.revoked(bob, second)
  end)

  it("does at its time what waits for one", function()
    local order = {}
    local function note(name) return function() table.insert(order, name .. "@" .. hub:now()) end end
    alice:after(3000, note "c")
    alice:after(1000, function()
      note "a" ()
      alice:after(1000, note "b")
    end)
    coroutine.wrap(function()
      alice.await:sleep(4000)
      note "d" ()
    end)()
    hub:advance(2999)
    assert.same({ "a@1700000001", "b@1700000002" }, order)
    hub:advance(5000)
    assert.same({ "a@1700000001", "b@1700000002", "c@1700000003", "d@1700000004" }, order)
  end)

  -- All that two users see of a conversation, as text.
  local function transcript(seed)
    local lines = {}
    local h <close> = testing.new { seed = seed }
    local users = { h:login "ann", h:login "ben" }
    for i, user in ipairs(users) do
      user:on("recv_new_msg", function(msgs)
        for _, msg in ipairs(msgs) do
          table.insert(lines, ("%d %s %d %d %d %s"):format(i, msg.message_sender, msg.message_rand, msg.message_seq,
            msg.message_server_time, msg.message_unique_id))
        end
      end)
      user:on("conv_event", function(event, convs) table.insert(lines, ("%d event %d %s"):format(i, event, convs[1].conv_id)) end)
    end
    for i = 1, 10 do
      users[1]:send_new_msg("ben", C2C, timmsg.text("a" .. i), function(code) table.insert(lines, "sent " .. code) end)
      users[2]:send_new_msg("ann", C2C, timmsg.text("b" .. i))
    end
    users[1]:group_create({ create_group_param_group_name = "G" }, function(_, _, result)
      table.insert(lines, result.create_group_result_groupid)
    end)
    h:flush()
    return table.concat(lines, "\n")
  end

  it("is the same each time for a seed, and another for another", function()
    local first = transcript(7)
    assert.truthy(first:find "@TGS#")
    assert.equal(first, transcript(7))
    assert.not_equal(first, transcript(8))
  end)

  -- ---- what goes wrong ----

  it("fails the next call of a name with a code, once", function()
    hub:fail(alice, "send_new_msg", timmsg.ERR_SVR_MSG_INVALID_ID, "gone")
    local sent, desc, code, msg = alice.await:send_new_msg("bob", C2C, timmsg.text "1")
    assert.is_nil(sent)
    assert.equal("gone", desc)
    assert.equal(timmsg.ERR_SVR_MSG_INVALID_ID, code)
    assert.equal(timmsg.TIMMsg_SendFail, msg.message_status)
    send(bob, "alice", "not mine")
    send(alice, "bob", "2")
    assert.received(bob, "1", 0)
    assert.received(bob, "2", 1)
  end)

  it("fails other calls, a log-in too", function()
    local carol = assert(hub:new { data_dir = "carol" })
    hub:fail(carol, "login", 70003, "wrong password")
    assert.equal(70003, (hub:ask(carol, "login", "carol", "secret")))
    assert.equal(0, (hub:ask(carol, "login", "carol", "secret")))
    hub:fail(carol, "group_create", 10002)
    local code, desc = hub:ask(carol, "group_create", { create_group_param_group_name = "G" })
    assert.same({ 10002, "failed by the test" }, { code, desc })
    assert.same({}, select(3, hub:ask(carol, "group_get_joined_group_list")))
  end)

  it("makes a call take its time", function()
    local code
    hub:slow(alice, "send_new_msg", 5000)
    alice:send_new_msg("bob", C2C, timmsg.text "slow", function(c) code = c end)
    hub:advance(4999)
    assert.is_nil(code)
    assert.equal(timmsg.TIMMsg_Sending, alice.await:get_msg_list("bob", C2C, { msg_getmsglist_param_count = 1 })[1].message_status)
    hub:advance(1)
    assert.equal(0, code)
    assert.received(bob, "slow", 1)
  end)

  it("brings what a slow call brought about as soon as that is done", function()
    assert(alice.await:group_create { create_group_param_group_id = "crew", create_group_param_group_name = "Crew" })
    hub:slow(bob, "group_join", 5000)
    assert(bob:group_join("crew"))
    hub:advance(5000)
    assert.received(bob, { elem_type = timmsg.TIMElem_GroupTips }, 1)
  end)

  it("ends a call that takes too long", function()
    local code
    hub:slow(alice, "send_new_msg", 60000)
    alice:send_new_msg("bob", C2C, timmsg.text "slow", function(c) code = c end)
    hub:advance(29999)
    assert.is_nil(code)
    hub:advance(1)
    assert.equal(timmsg.ERR_REQUEST_TIMEOUT, code)
    hub:advance(60000)
    assert.received(bob, "slow", 0)
  end)

  it("cuts a call: it is done, but nobody hears of it", function()
    hub:cut(alice, "send_new_msg")
    local sent, _, code, msg = alice.await:send_new_msg("bob", C2C, timmsg.text "lost?")
    assert.is_nil(sent)
    assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, code)
    assert.received(bob, "lost?", 1)
    -- so to send it again does not double it
    assert.equal(timmsg.TIMMsg_SendSucc, assert(alice.await:send_new_msg("bob", C2C, msg)).message_status)
    assert.received(bob, "lost?", 1)
  end)

  it("a message that was cut counts as sent once the device hears of it", function()
    local phone = hub:login("alice", "phone")
    hub:cut(alice, "send_new_msg")
    local code, _, msg = hub:ask(alice, "send_new_msg", "bob", C2C, timmsg.text "lost?")
    assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, code)
    assert.equal(timmsg.TIMMsg_SendFail, msg.message_status)
    for _, client in ipairs { alice, phone } do
      local found = assert(client.await:get_msg_list("bob", C2C, {}))
      assert.equal(1, #found)
      assert.equal(msg.message_rand, found[1].message_rand)
      assert.equal(timmsg.TIMMsg_SendSucc, found[1].message_status)
    end
    assert.received(alice, "lost?", 0)
  end)

  it("keeps a client off the hub, and has it catch up", function()
    local seen = {}
    bob:on("network_status", function(status, code) table.insert(seen, { status, code }) end)
    hub:offline(bob)
    send(alice, "bob", "while away")
    local code
    bob:send_new_msg("alice", C2C, timmsg.text "later", function(c) code = c end)
    hub:advance(1000)
    assert.is_nil(code)
    assert.received(bob, "while away", 0)
    hub:online(bob)
    assert.equal(0, code)
    assert.received(bob, "while away", 1)
    assert.received(alice, "later", 1)
    assert.same({ { timmsg.TIMDisconnected, timmsg.ERR_SDK_NET_DISCONNECT }, { timmsg.TIMConnected, 0 } }, seen)
  end)

  it("ends what waits for a way when its time is over", function()
    hub:offline(bob)
    local code
    bob:send_new_msg("alice", C2C, timmsg.text "never", function(c) code = c end)
    hub:advance(29999)
    assert.is_nil(code)
    hub:advance(1)
    assert.equal(timmsg.ERR_REQUEST_TIMEOUT, code)
    hub:online(bob)
    assert.received(alice, "never", 0)
  end)

  it("lets nobody log in without a way", function()
    local carol = assert(hub:new { data_dir = "carol" })
    hub:offline(carol)
    assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, (hub:ask(carol, "login", "carol", "")))
    hub:online(carol)
    assert.equal(0, (hub:ask(carol, "login", "carol", "")))
  end)

  -- ---- files ----

  describe("with files", function()
    local dir, path, param

    before_each(function()
      dir = support.temp_dir()
      path = dir .. "/map.bin"
      support.write_file(path, ("0123456789"):rep(100000))
      local elem = assert(alice.await:send_new_msg("bob", C2C, timmsg.file(path))).message_elem_array[1]
      param = {
        msg_download_elem_param_type = timmsg.TIMDownload_File,
        msg_download_elem_param_id = elem.file_elem_file_id,
        msg_download_elem_param_url = elem.file_elem_url,
      }
    end)

    local function fetch() return bob.await:download_elem_to_path(param, dir .. "/copy.bin") end

    it("moves them", function()
      assert(fetch())
      assert.equal(support.read_file(path), support.read_file(dir .. "/copy.bin"))
    end)

    it("fails and cuts downloads, and goes on with what was cut", function()
      hub:fail(bob, "download_elem_to_path", 6009, "gone")
      assert.same({ nil, "gone", 6009 }, { fetch() })
      assert.is_nil(lfs.attributes(dir .. "/copy.bin"))
      hub:cut(bob, "download_elem_to_path")
      assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, (select(3, fetch())))
      assert.is_nil(lfs.attributes(dir .. "/copy.bin"))
      hub:offline(bob)
      assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, (select(3, fetch())))
      hub:online(bob)
      assert(fetch())
      assert.equal(support.read_file(path), support.read_file(dir .. "/copy.bin"))
    end)

    it("makes downloads take their time", function()
      hub:slow(bob, "download_elem_to_path", 2000)
      local code
      bob:download_elem_to_path(param, dir .. "/copy.bin", function(c, _, _, more) code = not more and c or code end)
      hub:advance(1999)
      assert.is_nil(code)
      hub:advance(1)
      assert.equal(0, code)
    end)

    it("cuts uploads", function()
      hub:cut(alice, "send_new_msg")
      local sent, _, code, msg = alice.await:send_new_msg("bob", C2C, timmsg.file(path))
      assert.is_nil(sent)
      assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, code)
      assert.equal(timmsg.TIMMsg_SendFail, msg.message_status)
      assert.received(bob, { elem_type = timmsg.TIMElem_File }, 1)
    end)

    it("waits for what comes from outside", function()
      local server = web.nginx(dir)
      server:write("x.txt", "from outside")
      param.msg_download_elem_param_url = server:url "/x.txt"
      assert(fetch())
      assert.equal("from outside", support.read_file(dir .. "/copy.bin"))
    end)
  end)

  -- ---- assertions ----

  it("says what was received instead", function()
    assert.equal('bob received "hi" never; of 0: nothing', complaint(assert.received, bob, "hi"))
    send(alice, "bob", "ho")
    assert(alice.await:send_new_msg("bob", C2C, timmsg.face(3)))
    assert.equal('bob received "hi" never; of 2:\n  1. alice in alice: "ho"\n  2. alice in alice: a face',
      complaint(assert.received, bob, "hi"))
    assert.equal('bob received "ho" once; of 2:\n  1. alice in alice: "ho"\n  2. alice in alice: a face\nexpected: 2 times',
      complaint(assert.received, bob, "ho", 2))
    assert.equal('not expected: bob received "ho" once; of 2:\n  1. alice in alice: "ho"\n  2. alice in alice: a face',
      complaint(assert.is_not.received, bob, "ho"))
    assert.truthy(complaint(assert.received, bob, { face_elem_index = 4 }):find("{ face_elem_index = 4 } never", 1, true))
    assert.received(bob, { face_elem_index = 3 }, 1)
    assert.received(bob, { message_sender = "alice", message_elem_array = { { face_elem_index = 3 } } }, 1)
    assert.received(bob, function(msg) return msg.message_sender == "alice" end, 2)
  end)

  it("says what is unread instead", function()
    assert.equal('bob has 0 unread in "alice", expected 1; all conversations: none', complaint(assert.unread, bob, "alice", 1))
    send(alice, "bob", "hi")
    assert.unread(bob, "alice", 1)
    assert.is_not.unread(bob, "alice", 2)
    assert.equal('bob has 1 unread in "alice", expected 3; all conversations:\n  alice: 1', complaint(assert.unread, bob, "alice", 3))
  end)

  it("says what became of a message instead", function()
    local msg = send(alice, "bob", "oops")
    assert.equal('the message at bob is in state SendSucc: "oops"', complaint(assert.revoked, bob, msg))
    assert(alice.await:revoke("bob", C2C, msg))
    for _, client in ipairs { alice, bob } do
      for _, seen in ipairs { msg, hub:received(bob)[1] } do assert.revoked(client, seen) end
    end
    assert.equal('carol has no such message: "oops"', complaint(assert.revoked, hub:login "carol", msg))
  end)

  it("refuses what is no client of such a hub", function()
    assert.truthy(complaint(assert.received, {}, "hi"):find("a client of a timmsg.testing hub expected", 1, true))
    assert.truthy(complaint(assert.unread, bob, "alice"):find("takes 3 arguments", 1, true))
    assert.truthy(complaint(hub.fail, hub, bob, "sing", 1):find('there is no call "sing"', 1, true))
  end)
end)
