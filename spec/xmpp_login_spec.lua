-- Logging in to an XMPP server, and staying in: who is let in and who is not, whom the client trusts, and what it tells
-- when the connection goes and comes back (rule 45).

local lfs = require "lfs"
local proxy = require "rounds.proxy"
local uv = require "luv"
local support = require "support"
local timmsg = require "timmsg"

local describe <const> = support.xmpp_only(describe)
local C2C <const> = timmsg.C2C
-- The pauses between attempts grow while a server starts.
local RECONNECT_MS <const> = 60000

describe("logging in on XMPP", function()
  local xmpp_stream, dir, server, host

  setup(function() xmpp_stream = require "xmpp_stream" end)
  before_each(function()
    dir = support.temp_dir()
    server, host = support.xmpp_server(), support.xmpp_host(dir)
  end)
  after_each(function()
    xmpp_stream.cleanup()
    if not server.pid then server:restart() end
    support.cleanup()
  end)

  local logins = 0

  -- The outcome of a login on a new device: code, desc. The account is the caller's affair.
  local function login(user, password, address)
    logins = logins + 1
    local client = support.keep(assert(timmsg.new {
      sdk_app_id = 1400000001, data_dir = ("%s/login%d"):format(dir, logins), server = address or server:address(host),
    }))
    local code, desc = support.call(client, "login", user, password)
    client:close()
    return code, desc
  end

  local function address(options)
    return ("xmpp://%s?address=127.0.0.1:%d%s"):format(host, server.c2s_port, options or "")
  end

  -- A client that is in, and what it is told of its connection: { status, code } each.
  local function watched(user, options)
    local client = support.new_client(dir, user, options)
    local told = {}
    client:on("network_status", function(status, code, desc)
      told[#told + 1] = { status = status, code = code, desc = desc }
    end)
    return client, told
  end

  it("finds the ca file wherever the process has gone since", function()
    server:register("ann", "sig", host)
    local before = lfs.currentdir()
    finally(function() lfs.chdir(before) end)
    local start, ca = server:address(host):match "^(.*&ca=)(/.*)$"
    local folder, name = ca:match "^(.*/)([^/]*)$"
    lfs.chdir(folder)
    local client = support.keep(assert(timmsg.new { sdk_app_id = 1, data_dir = dir .. "/ann", server = start .. name }))
    lfs.chdir "/"
    local code, desc = support.call(client, "login", "ann", "sig")
    assert.equal(0, code, desc)
  end)

  it("takes a domain in upper case for the same (rule 24)", function()
    local upper = server:address(host):gsub("//[^?]*", string.upper)
    local ann = support.new_client(dir, "ann")
    support.account(dir, "bob")
    local function say(text)
      support.say(ann, "bob", C2C, text)
      support.must(ann, "logout") -- it sends nothing again
    end
    say "waiting"
    local bob = support.new_client(dir, "bob", { server = upper, data_dir = dir .. "/upper" })
    support.eventually(function() return #support.history(bob, "ann", C2C) == 1 end)
    -- the same device as before, under either name
    support.must(bob, "logout")
    bob:close()
    support.must(ann, "login", "ann", "sig")
    say "while away"
    bob = support.new_client(dir, "bob", { data_dir = dir .. "/upper" })
    support.eventually(function() return #support.history(bob, "ann", C2C) == 2 end)
    assert.same({ "waiting", "while away" }, support.texts(support.history(bob, "ann", C2C)))
  end)

  -- What ann sends again until it is confirmed: seen, and made due, in its own database only.
  local function letter(sql)
    local pipe <close> = assert(io.popen(("env -u LD_PRELOAD sqlite3 -cmd '.timeout 5000' '%s/ann/ann.mirror' \"%s\""):format(dir, sql)))
    return pipe:read "a"
  end

  it("sends what nobody has confirmed again, after pauses that grow fourfold (rule 14)", function()
    support.account(dir, "bob")
    local ann = support.new_client(dir, "ann")
    local function check_pause(seconds) -- the clock may go on between the two
      local pause = tonumber(letter "SELECT due - sent FROM letters")
      assert.is_true(math.abs(pause - seconds) <= 1, pause)
    end
    support.say(ann, "bob", C2C, "unheard")
    check_pause(30)
    for i, seconds in ipairs { 120, 480, 1920 } do
      support.must(ann, "logout")
      letter "UPDATE letters SET due = 0"
      support.must(ann, "login", "ann", "sig")
      support.eventually(function() return letter "SELECT attempts FROM letters" == i + 1 .. "\n" end, ann)
      check_pause(seconds)
    end
  end)

  it("keeps each of many that go out at once until it is confirmed (rule 14)", function()
    support.account(dir, "bob")
    local ann = support.new_client(dir, "ann")
    support.send_many(ann, "bob", C2C, "unheard ", 400)
    assert.equal("400\n", letter "SELECT count(*) FROM letters")
  end)

  it("sends what was refused again, however much goes out before it (rules 14, 45)", function()
    support.account(dir, "bob")
    local ann = support.new_client(dir, "ann")
    local code, _, refused = support.call(ann, "send_new_msg", "carl", C2C, timmsg.text "refused")
    assert.equal(timmsg.ERR_SVR_MSG_INVALID_ID, code)
    support.account(dir, "carl")
    local again
    for i = 1, 300 do
      assert(ann:send_new_msg("bob", C2C, timmsg.text("unheard " .. i)))
    end
    assert(ann:send_new_msg("carl", C2C, refused, function(got) again = got end))
    support.eventually(function() return again end, ann)
    assert.equal(0, again)
    local carl = support.new_client(dir, "carl")
    support.eventually(function() return #support.history(carl, "ann", C2C) == 1 end, carl, ann)
  end)

  -- How many letters there are by how often they were sent: { [1] = 30, [2] = 20 }.
  local function attempts(peer)
    local counts = {}
    local where = peer and (" WHERE peer = '%s'"):format(peer) or ""
    for times, count in letter("SELECT attempts, count(*) FROM letters" .. where .. " GROUP BY 1"):gmatch "(%d+)|(%d+)" do
      counts[tonumber(times)] = tonumber(count)
    end
    return counts
  end

  it("sends all that the last minute said again, however many they are (rules 14, 45)", function()
    support.account(dir, "bob")
    local ann = support.new_client(dir, "ann")
    support.send_many(ann, "bob", C2C, "unheard ", 50)
    support.must(ann, "logout")
    letter "UPDATE letters SET due = sent - 1, sent = sent - 3600, kept = kept - 3600 WHERE seq % 2" -- these are overdue
    support.must(ann, "login", "ann", "sig")
    support.eventually(function() return attempts()[2] == 50 end, ann)
  end)

  it("sends no more of that until the server has taken it (rule 45)", function()
    if server.kind ~= "prosody" then return end
    local DELAY_S <const>, AT_ONCE <const> = 2, 20
    support.account(dir, "bob")
    local ann = support.new_client(dir, "ann")
    support.send_many(ann, "bob", C2C, "unheard ", 50)
    support.must(ann, "logout")
    server:delay("ping", host, DELAY_S)
    support.must(ann, "login", "ann", "sig")
    support.eventually(function() return attempts()[2] end, ann)
    assert.same({ 50 - AT_ONCE, AT_ONCE }, attempts())
    local seen = support.now_ms()
    support.eventually(function() return attempts()[2] ~= AT_ONCE end, ann)
    assert.is_true(support.now_ms() - seen > DELAY_S * 1000 / 2, support.now_ms() - seen)
    support.eventually(function() return attempts()[2] == 50 end, ann)
  end)

  it("sends less of that at once where it is long (rule 45)", function()
    if server.kind ~= "prosody" then return end
    support.account(dir, "bob")
    local ann = support.new_client(dir, "ann")
    support.send_many(ann, "bob", C2C, ("long "):rep(1000), 10)
    support.must(ann, "logout")
    server:lose("ping", host) -- nothing follows
    support.must(ann, "login", "ann", "sig")
    support.eventually(function() return attempts()[2] end, ann)
    assert.same({ 6, 4 }, attempts()) -- of 5,000 bytes each
  end)

  it("sends nothing again at once that is older, though it was sent again just now (rule 45)", function()
    support.account(dir, "bob")
    support.account(dir, "carl")
    local ann = support.new_client(dir, "ann")
    support.say(ann, "bob", C2C, "older")
    support.say(ann, "carl", C2C, "of the last minute")
    support.must(ann, "logout")
    letter "UPDATE letters SET due = 0, kept = kept - 61 WHERE peer = 'bob'"
    for i = 1, 2 do
      support.must(ann, "login", "ann", "sig")
      support.eventually(function() return attempts("carl")[i + 1] end, ann)
      support.must(ann, "logout")
    end
    assert.same({ [2] = 1 }, attempts "bob")
  end)

  it("sends again what its history shows to have been sent (rules 14, 45)", function()
    support.account(dir, "bob")
    local ann = support.new_client(dir, "ann")
    support.say(ann, "bob", C2C, "unheard")
    support.must(ann, "logout")
    -- a device that has not seen it in the archive, and to which it failed
    local other = support.device(dir, "ann", "other")
    support.must(other, "logout")
    local mirror = dir .. "/ann@other/ann.mirror"
    letter(("ATTACH '%s' AS other; INSERT INTO other.letters SELECT * FROM main.letters; UPDATE other.letters SET due = %d")
      :format(mirror, math.maxinteger))
    support.must(other, "login", "ann", "sig")
    support.say(other, "ann", C2C, "logged in") -- what is due after a log-in has gone out
    local function other_attempts()
      return letter(("ATTACH '%s' AS other; SELECT attempts FROM other.letters"):format(mirror))
    end
    assert.equal("1\n", other_attempts())
    support.page(other, "bob", C2C, { count = 10, is_remble = true }) -- from the archive
    support.eventually(function() return other_attempts() == "2\n" end, other)
  end)

  it("does that for a month from when it was sent, whatever its client_time is (rule 14)", function()
    support.account(dir, "bob")
    local ann = support.new_client(dir, "ann")
    for _, time in ipairs { 1, 4102444800 } do -- years ago; in the year 2100
      local msg = timmsg.text "unheard"
      msg.message_client_time = time
      support.must(ann, "send_new_msg", "bob", C2C, msg)
    end
    local function again(change)
      support.must(ann, "logout")
      letter("UPDATE letters SET attempts = 5, due = 0" .. change)
      support.must(ann, "login", "ann", "sig")
    end
    again ""
    support.eventually(function() return letter "SELECT attempts FROM letters" == "6\n6\n" end, ann)
    again ", kept = kept - 31 * 86400"
    support.eventually(function() return letter "SELECT count(*) FROM letters" == "0\n" end, ann)
  end)

  it("looks for what it may forget once, not with all that comes", function()
    local bob = support.new_client(dir, "bob")
    local ann = support.new_client(dir, "ann")
    local function mirror(sql) -- its own database
      local pipe <close> = assert(io.popen(("env -u LD_PRELOAD sqlite3 -cmd '.timeout 5000' '%s/ann/ann.mirror' \"%s\"")
        :format(dir, sql)))
      return pipe:read "a"
    end
    local heard = 0
    local function hear(text) -- until the mirror knows that the store has it
      heard = heard + 1
      support.say(bob, "ann", C2C, text)
      support.eventually(function()
        return mirror "SELECT count(*) FROM log WHERE kind = 1 AND elems ISNULL" == heard .. "\n"
      end, ann, bob)
    end
    hear "first"
    mirror "INSERT INTO log(number, archive, kind, conv_type, conv, sender, actor, stamp) VALUES(7, '', 2, 1, 'bob', 'bob', 'bob', 7)"
    hear "second"
    assert.equal("1\n", mirror "SELECT count(*) FROM log WHERE number = 7")
    support.must(ann, "logout")
    support.must(ann, "login", "ann", "sig")
    support.eventually(function() return mirror "SELECT count(*) FROM log WHERE number = 7" == "0\n" end, ann)
    -- much is forgotten a part at a time
    mirror("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700) INSERT INTO log(number, archive, kind, " ..
      "conv_type, conv, sender, actor, stamp) SELECT i, '', 2, 1, 'bob', 'bob', 'bob', i FROM n")
    local function old() return tonumber(mirror "SELECT count(*) FROM log WHERE number <= 700") end
    support.must(ann, "logout")
    support.must(ann, "login", "ann", "sig")
    support.eventually(function() return old() < 700 end, ann)
    assert.equal(200, old())
    hear "third"
    support.eventually(function() return old() == 0 end, ann)
  end)

  it("says in the log that the server keeps no more of the user's list of groups, if that is why one is missing", function()
    local log = support.temp_dir()
    local function warnings()
      local found = {}
      for text in support.read_file(log .. "/timmsg.log"):gmatch "the list of groups is full: ([^\n]*)" do
        found[#found + 1] = text:match "keeps %d+, %d+ are missing"
      end
      return found
    end
    local ann = support.new_client(dir, "ann", { log_file_path = log })
    support.group(ann, "mine")
    support.eventually(function() -- until she knows that it is in the list: what may not be is put into it again
      local pipe <close> = assert(io.popen(("env -u LD_PRELOAD sqlite3 '%s/ann/ann.mirror' 'SELECT listed FROM groups'"):format(dir)))
      return pipe:read "a" == "1\n"
    end, ann)
    support.must(ann, "logout")
    local stream = assert(xmpp_stream.connect(server, host, "ann", "sig"))
    local function pubsub(kind, content)
      return stream:ask(kind, nil, "<pubsub xmlns='http://jabber.org/protocol/pubsub'>" .. content .. "</pubsub>")
    end
    local function publish(group)
      return ("<publish node='urn:xmpp:bookmarks:1'><item id='%s@conference.%s'><conference xmlns='urn:xmpp:bookmarks:1' " ..
        "autojoin='true'/></item></publish>"):format(group, host)
    end
    for _, is_missing in ipairs { false, true } do
      if is_missing then -- as if the server had dropped it for another that came later
        assert.equal("result", (pubsub("set", ("<retract node='urn:xmpp:bookmarks:1'><item id='mine@conference.%s'/></retract>")
          :format(host))))
      end
      for i = 2, is_missing and 100 or 99 do
        stream:send(("<iq type='set' id='other%d'><pubsub xmlns='http://jabber.org/protocol/pubsub'>%s</pubsub></iq>"):format(i,
          publish("other" .. i)))
      end
      assert.equal("result", (pubsub("set", publish "other1")))
      support.must(ann, "login", "ann", "sig")
      support.eventually(function() -- there are no such groups, and no more in the list once ann has seen that
        local _, list = pubsub("get", "<items node='urn:xmpp:bookmarks:1'/>")
        return not list:find "other"
      end, ann)
      assert.same(is_missing and { "keeps 100, 1 are missing" } or {}, warnings())
      support.must(ann, "logout")
    end
    stream:close()
  end)

  if support.backend == "prosody" then
    it("sends what was refused again, past messages that wait for their group (rules 14, 45)", function()
      local ann = support.new_client(dir, "ann")
      support.group(ann, "team")
      local _, _, refused = support.call(ann, "send_new_msg", "carl", C2C, timmsg.text "refused")
      support.account(dir, "carl")
      support.must(ann, "logout")
      server:lose("presence", "team@conference." .. host)
      support.must(ann, "login", "ann", "sig")
      local in_group, again = 0, nil
      for i = 1, 200 do
        assert(ann:send_new_msg("team", timmsg.GROUP, timmsg.text("waiting " .. i), function() in_group = in_group + 1 end))
      end
      assert(ann:send_new_msg("carl", C2C, refused, function(code) again = code end))
      support.eventually(function() return again end, ann)
      assert.same({ 0, 0 }, { again, in_group })
    end)

    it("waits for no service that answers nobody", function()
      server:register("ann", "sig", host)
      server:add_dead_service(host)
      local started = support.now_ms()
      assert.equal(0, (login("ann", "sig")))
      assert.is_true(support.now_ms() - started < 10000)
    end)

    it("waits for none for long, once the groups' one is known", function()
      server:register("ann", "sig", host)
      server:kill_service(host, "upload")
      local started = support.now_ms()
      assert.equal(0, (login("ann", "sig")))
      assert.is_true(support.now_ms() - started < 10000)
    end)

    it("waits for the upload service, so that a file can be sent at once", function()
      server:slow_service(host, "upload")
      local ann = support.new_client(dir, "ann")
      local path = support.write_file(dir .. "/file.txt", "bytes")
      support.must(ann, "send_new_msg", "ann", C2C, timmsg.file(path))
    end)
  end

  it("lets many users of one program in at the same time", function()
    local clients, codes = {}, {}
    for i = 1, 10 do
      local user = "user" .. i
      support.account(dir, user)
      clients[i] = support.new_client(dir, nil, { data_dir = dir .. "/" .. user })
    end
    for i, client in ipairs(clients) do
      assert(client:login("user" .. i, "sig", function(code) codes[#codes + 1] = code end))
    end
    support.eventually(function() return #codes == #clients end, table.unpack(clients))
    for _, code in ipairs(codes) do assert.equal(0, code) end
  end)

  it("tells a wrong user_sig from a server that isn't there", function()
    server:register("ann", "sig", host)
    assert.equal(0, (login("ann", "sig")))
    for _, wrong in ipairs { { "ann", "gis" }, { "ann", "" }, { "nobody", "sig" }, { "Ann", "sig" } } do
      local code, desc = login(wrong[1], wrong[2])
      assert.equal(timmsg.ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED, code)
      assert.is_true(#desc > 0)
    end
    local socket = uv.new_tcp()
    socket:bind("127.0.0.1", 0)
    local free = socket:getsockname().port
    socket:close()
    uv.run "nowait"
    local nowhere = address():gsub(":%d+$", ":" .. free)
    local code, desc = login("ann", "sig", nowhere)
    assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, code)
    assert.is_truthy(desc:find(tostring(free), 1, true) or desc:find(host, 1, true), desc)
  end)

  describe("at a server that says nothing in its TLS handshake", function()
    local PROCEED <const> = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    local socket, connections, hellos, at_once, silent

    before_each(function()
      socket, connections, hellos, at_once = assert(uv.new_tcp()), {}, 0, false
      socket:bind("127.0.0.1", 0)
      socket:listen(8, function()
        local connection, heard = assert(uv.new_tcp()), ""
        connections[#connections + 1] = connection
        socket:accept(connection)
        connection:read_start(function(_, data)
          local before = heard
          heard = heard .. (data or "")
          local function now_has(what) return heard:find(what) and not before:find(what) end
          if now_has "<stream:stream" then
            connection:write("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' " ..
              "version='1.0'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>" ..
              "</stream:features>" .. (at_once and PROCEED or ""))
          end
          if now_has "<starttls" and not at_once then connection:write(PROCEED) end
          if now_has "\x16\x03" then hellos = hellos + 1 end -- a handshake record
        end)
      end)
      silent = ("xmpp://%s?address=127.0.0.1:%d"):format(host, socket:getsockname().port)
    end)
    after_each(function()
      socket:close()
      for _, connection in ipairs(connections) do connection:close() end
      uv.run "nowait"
    end)

    -- A client that is in the handshake, and the codes that it is answered.
    local function in_handshake()
      local before, codes = hellos, {}
      local tim = support.new_client(dir, nil, { server = silent })
      assert(tim:login("ann", "sig", function(code) codes[#codes + 1] = code end))
      support.eventually(function()
        uv.run "nowait"
        return hellos > before
      end, tim)
      return tim, codes
    end

    it("rules 6, 8: a log-out ends a log-in", function()
      local tim, codes = in_handshake()
      assert(tim:logout(function(code) codes[#codes + 1] = code end))
      support.eventually(function() return #codes == 2 end, tim)
      assert.same({ timmsg.ERR_USER_CANCELED, 0 }, codes)
    end)

    it("others log in meanwhile", function()
      server:register("ann", "sig", host)
      at_once = true
      local tim, codes = in_handshake()
      assert.equal(0, (login("ann", "sig")))
      tim:poll()
      assert.same({}, codes)
    end)

    if support.backend == "prosody" then -- once is enough: it takes its 20 seconds
      it("rule 6: a log-in fails in the end", function()
        local tim, codes = in_handshake()
        support.eventually(function()
          uv.run "nowait"
          return #codes == 1
        end, tim)
        assert.same({ timmsg.ERR_SDK_NET_DISCONNECT }, codes)
      end)
    end
  end)

  it("trusts a server that somebody vouches for, or whose fingerprint was given, and no other", function()
    server:register("ann", "sig", host)
    assert.equal(0, (login("ann", "sig")))
    local code, desc = login("ann", "sig", address())
    assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, code)
    assert.is_truthy(desc:lower():find "certificate", desc)
    local pipe = assert(io.popen(("openssl x509 -in '%s/leaf.crt' -noout -fingerprint -sha256"):format(
      server.ca_file:match "^(.*)/")))
    local fingerprint = pipe:read("a"):match "=([%x:]+)"
    pipe:close()
    assert.equal(0, (login("ann", "sig", address("&fingerprint=" .. fingerprint))))
    local other = fingerprint:gsub("^.", function(digit) return digit == "0" and "1" or "0" end)
    assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, (login("ann", "sig", address("&fingerprint=" .. other))))
    -- the pin counts whoever vouches for it
    assert.equal(timmsg.ERR_SDK_NET_DISCONNECT, (login("ann", "sig", server:address(host) .. "&fingerprint=" .. other)))
    -- this server takes nobody without encryption
    assert.not_equal(0, (login("ann", "sig", address "&tls=none")))
  end)

  it("keeps users apart whose ids differ in case only, or in what a JID can't have", function()
    local ids = { "ann", "Ann", "ANN", "a n", "a@n", "a/n", "a\\20n", "'a'&\"n\"", "a:n" }
    local seen = {}
    for i, id in ipairs(ids) do
      local _, watch = support.device(dir, id, "device" .. i)
      seen[i] = watch
    end
    local sender = support.new_client(dir, "zoe")
    for i, id in ipairs(ids) do
      support.say(sender, id, C2C, "for " .. id)
      local got = support.arrival(seen[i], "for " .. id)
      assert.equal("zoe", got.message_sender)
      assert.equal(1, #seen[i].messages)
    end
  end)

  it("tells when the connection is gone and when it is back, and what was missed comes", function()
    local ann, told = watched "ann"
    local bob, seen = support.device(dir, "bob")
    support.say(ann, "bob", C2C, "before")
    support.arrival(seen, "before", ann)
    server:stop()
    support.eventually(function() return #told == 1 end, ann, bob)
    assert.equal(timmsg.TIMDisconnected, told[1].status)
    local sent
    assert(ann:send_new_msg("bob", C2C, timmsg.text "meanwhile", function(code) sent = code end))
    server:restart()
    support.pump(RECONNECT_MS, function() return sent and #told >= 2 end, ann, bob)
    assert.equal(0, sent)
    assert.equal(timmsg.TIMConnected, told[2].status)
    support.arrival(seen, "meanwhile", ann)
    assert.same({ "before", "meanwhile" }, support.texts(seen.messages))
  end)

  it("gives no reason for a connection that is gone where it knows none", function()
    local line = proxy.start(server.c2s_port)
    finally(function() line:close() end)
    server:register("ann", "sig", host)
    local ann = support.new_client(dir, nil, { server = server:address(host):gsub(":" .. server.c2s_port, ":" .. line.port) })
    local told
    ann:on("network_status", function(...) told = { ... } end)
    local function eventually(predicate)
      support.eventually(function()
        uv.run "nowait"
        return predicate()
      end, ann)
    end
    assert(ann:login("ann", "sig"))
    eventually(function() return ann:user() end)
    line:cut "close"
    eventually(function() return told and told[1] == timmsg.TIMDisconnected end)
    assert.same({ timmsg.TIMDisconnected, timmsg.ERR_SDK_NET_DISCONNECT, ("the connection to %s is down"):format(host) }, told)
  end)

  it("tells when the user_sig is no longer valid, and asks no more", function()
    local ann, told = watched "ann"
    server:stop()
    support.eventually(function() return #told == 1 end, ann)
    server:launch()
    server:change_password("ann", "another", host)
    -- it may have got in between
    if support.pump(2000, function() return #told >= 2 end, ann) and told[2].status == timmsg.TIMConnected then
      server:restart()
    end
    local last
    support.pump(RECONNECT_MS, function()
      last = told[#told]
      return last.code == timmsg.ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED
    end, ann)
    assert.equal(timmsg.ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED, last.code)
    local count = #told
    support.idle(1500, ann) -- the first pauses between attempts are shorter
    assert.equal(count, #told)
    support.must(ann, "logout")
    assert.equal(0, (support.call(ann, "login", "ann", "another")))
  end)

  it("connects again with growing pauses where a full disk can't take what was said (rule 46)", function()
    finally(support.limit_files)
    local ann, told = watched "ann"
    local seen = support.watch(ann)
    support.account(dir, "bob")
    local bob = assert(xmpp_stream.connect(server, host, "bob", "sig"))
    local function say(text)
      bob:send(("<message type='chat' to='ann@%s' id='%s'><body>%s</body></message>"):format(host, text, text))
      bob:send(("<iq type='get' id='%s'><ping xmlns='urn:xmpp:ping'/></iq>"):format(text))
      bob:expect("<iq[^>]*id=['\"]" .. text)
    end
    support.limit_files(20000)
    say "meanwhile"
    support.idle(8000, ann)
    local downs = 0
    for i, change in ipairs(told) do
      assert.equal(i % 2 == 1 and timmsg.TIMDisconnected or timmsg.TIMConnected, change.status)
      if change.status == timmsg.TIMDisconnected then downs = downs + 1 end
    end
    assert.is_true(downs > 1 and downs < 8, downs)
    support.limit_files()
    support.arrival(seen, "meanwhile")
  end)

  it("does so where it can't keep what was said in a group (rule 46)", function()
    local ann = support.new_client(dir, "ann")
    local bob, at_bob = support.device(dir, "bob")
    support.group(ann, "team", "bob")
    support.say(ann, "team", timmsg.GROUP, "before")
    support.arrival(at_bob, "before", ann)
    bob:close()
    local mirror = ("env -u LD_PRELOAD sqlite3 -cmd '.timeout 5000' '%s/bob/bob.mirror' \"%%s\""):format(dir)
    local full = "CREATE TRIGGER full BEFORE INSERT ON log WHEN new.conv_type = 2 BEGIN SELECT RAISE(ABORT, 'full'); END"
    assert(os.execute(mirror:format(full)))
    support.say(ann, "team", timmsg.GROUP, "meanwhile")
    local told
    bob, told = watched("bob", { data_dir = dir .. "/bob" })
    at_bob = support.watch(bob)
    support.idle(8000, bob)
    local downs = 0
    for _, change in ipairs(told) do
      if change.status == timmsg.TIMDisconnected then downs = downs + 1 end
    end
    assert.is_true(downs > 1 and downs < 8, downs)
    assert(os.execute(mirror:format "DROP TRIGGER full"))
    support.arrival(at_bob, "meanwhile")
  end)

  it("tells one whose very device came in again", function()
    local ann = support.new_client(dir, "ann", { data_dir = dir .. "/one" })
    support.must(ann, "logout")
    assert(os.execute(("cp -r '%s/one' '%s/two'"):format(dir, dir)))
    support.must(ann, "login", "ann", "sig")
    local kicked = 0
    ann:on("kicked_offline", function() kicked = kicked + 1 end)
    support.new_client(dir, "ann", { data_dir = dir .. "/two" })
    support.eventually(function() return kicked == 1 end, ann)
    assert.is_nil((ann:send_new_msg("ann", C2C, timmsg.text "x"))) -- logged out
  end)

  if support.backend == "prosody" then
    it("tells one whose very device came in again while it was logging in", function()
      local ann = support.new_client(dir, "ann", { data_dir = dir .. "/one" })
      support.say(ann, "ann", C2C, "is it sent?")
      ann:close()
      assert(os.execute(("env -u LD_PRELOAD sqlite3 '%s/one/ann.db' 'UPDATE messages SET status = 1, position = NULL'"):format(dir)))
      assert(os.execute(("cp -r '%s/one' '%s/two'"):format(dir, dir)))
      server:lose("own_page", "ann@" .. host) -- the log-in asks there what became of the message
      ann = support.new_client(dir, nil, { data_dir = dir .. "/one" })
      local kicked, code = 0
      ann:on("kicked_offline", function() kicked = kicked + 1 end)
      assert(ann:login("ann", "sig", function(c) code = c end))
      support.idle(2000, ann)
      assert.is_nil(code)
      local two = support.new_client(dir, nil, { data_dir = dir .. "/two" })
      assert(two:login("ann", "sig"))
      support.eventually(function() return code end, ann, two)
      assert.same({ timmsg.ERR_LOGIN_KICKED_OFF_BY_OTHER, 0 }, { code, kicked })
      two:close()
      assert.equal(0, (support.call(ann, "login", "ann", "sig"))) -- nothing is left of it
    end)
  end
end)
