-- The XMPP servers that the specs start (xmpp_server.lua): that they are what timmsg's backend is to be tried against.

local lfs = require "lfs"
local uv = require "luv"
local support = require "support"

local describe <const> = support.xmpp_only(describe)

describe("an XMPP server for the specs", function()
  local xmpp_stream, server, dir, host

  setup(function()
    xmpp_stream = require "xmpp_stream"
    server = support.xmpp_server()
  end)

  before_each(function()
    dir = support.temp_dir()
    host = support.xmpp_host(dir)
  end)

  after_each(function()
    xmpp_stream.cleanup()
    support.cleanup()
  end)

  -- A user of the host, who exists from then on.
  local function connect(user, at_host)
    if not at_host then support.account(dir, user) end
    return assert(xmpp_stream.connect(server, at_host or host, user, "sig"))
  end

  local query = 0

  -- How many messages there are in the user's archive, or in a room's.
  local function archived(stream, room)
    query = query + 1
    assert.equal("result", (stream:ask("set", room, ("<query xmlns='urn:xmpp:mam:2' queryid='q%d'/>"):format(query))))
    local _, count = stream.passed:gsub("<result [^>]*queryid=['\"]q" .. query .. "['\"]", "")
    return count
  end

  local function is_alive(pid)
    return uv.kill(pid, 0) == 0
  end

  it("lets those in who have an account, with their password, over TLS", function()
    local stream = connect "Ann & Bob: \\'<x@y>/ "
    assert.equal([[\41nn\20\26\20\42ob\3a\20\5c\27\3cx\40y\3e\2f\20@]] .. host, stream.jid:match "^[^/]*")
    assert.is_nil((xmpp_stream.connect(server, host, "Ann & Bob: \\'<x@y>/ ", "gis")))
    assert.is_nil((xmpp_stream.connect(server, host, "ann", "sig")))
    -- a certificate for others is none
    assert.has_error(function() xmpp_stream.connect(server, "im.example", "ann", "sig") end)
  end)

  it("gives each directory a host where nobody else is", function()
    local other = support.xmpp_host(support.temp_dir())
    assert.not_equal(host, other)
    local ann = connect "ann"
    server:register("ann", "sig", other)
    server:register("bob", "sig", other)
    local elsewhere = connect("ann", other)
    elsewhere:send "<presence/>"
    elsewhere:expect "<presence " -- its own: it is there
    connect("bob", other):send(("<presence/><message to='ann@%s' type='chat'><body>here</body></message>"):format(other))
    elsewhere:expect "<message.-<body>here</body>"
    assert.equal(1, archived(elsewhere))
    assert.equal(0, archived(ann))
    ann:send(("<message to='bob@%s' id='nobody' type='chat'><body>x</body></message>"):format(host))
    ann:expect "<message [^>]*type=['\"]error['\"].-service%-unavailable"
    -- making further hosts disturbs nobody
    for _ = 1, 20 do
      server:drop_host(server:new_host())
    end
    assert.equal(1, archived(elsewhere))
  end)

  it("has rooms with archives, uploads, and items that a user keeps there", function()
    local ann = connect "ann"
    local room = "Room@conference." .. host
    ann:send(("<presence to='%s/a'><x xmlns='http://jabber.org/protocol/muc'/></presence>"):format(room))
    ann:expect "<subject"
    ann:send(("<message to='%s' id='m' type='groupchat'><body>all</body></message>"):format(room))
    ann:expect "<message.-<body>all</body>"
    assert.is_true(archived(ann, room) >= 1)

    local _, slot = ann:ask("get", "upload." .. host,
      "<request xmlns='urn:xmpp:http:upload:0' filename='a.bin' size='5' content-type='application/x-spec'/>")
    local target, header = slot:match "<put url=['\"](.-)['\"]", slot:match "<header [^>]*>(.-)</header>"
    local file = support.write_file(dir .. "/a.bin", "bytes")
    local function curl(...)
      local pipe <close> = assert(io.popen("env -u LD_PRELOAD curl -s " .. table.concat({ ... }, " ")))
      return pipe:read "a"
    end
    local authorization = header and ("-H 'Authorization: %s'"):format(header) or ""
    assert.equal("201", curl("-o /dev/null -w '%{http_code}' -T", file, "-H 'Content-Type: application/x-spec'", authorization, target))
    assert.equal("bytes", curl(slot:match "<get url=['\"](.-)['\"]"))

    local pubsub = "<pubsub xmlns='http://jabber.org/protocol/pubsub'>%s</pubsub>"
    assert.equal("result", (ann:ask("set", nil, pubsub:format [[<create node='urn:xmpp:bookmarks:1'/><configure>
      <x xmlns='jabber:x:data' type='submit'>
        <field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#node_config</value></field>
        <field var='pubsub#max_items'><value>max</value></field>
        <field var='pubsub#access_model'><value>whitelist</value></field>
      </x></configure>]])))
    for i = 1, 3 do
      ann:ask("set", nil, pubsub:format(("<publish node='urn:xmpp:bookmarks:1'><item id='r%d'><x xmlns='y'/></item></publish>"):format(i)))
    end
    local _, items = ann:ask("get", nil, pubsub:format "<items node='urn:xmpp:bookmarks:1'/>")
    assert.equal(3, select(2, items:gsub("<item ", "")))
  end)

  it("keeps its users and their messages when it is started again, or was killed", function()
    connect("ann"):send(("<message to='ann@%s' type='chat'><body>kept</body></message>"):format(host))
    local first = connect "ann"
    support.pump(support.DEADLINE_MS, function() return archived(first) > 0 end)
    for _, how in ipairs { "stop", "kill" } do
      local pid = server.pid
      server[how](server)
      assert.is_false(is_alive(pid))
      assert.has_error(function() connect("ann", host) end)
      server:restart()
      assert.is_true(archived(connect("ann", host)) > 0, how)
      assert.is_nil((xmpp_stream.connect(server, host, "bob", "sig")), how)
    end
  end)

  it("ends with whoever started it, and leaves nothing behind", function()
    local here = debug.getinfo(1, "S").source:match "^@(.*)xmpp_server_spec%.lua$"
    local script = support.write_file(dir .. "/run.lua", ([[
      local server = require("xmpp_server").start %q
      print(("%%d %%d %%s"):format(server.pid, require("luv").os_getpid(), server.directory))
      io.stdout:flush()
      server:restart()
      print(math.floor(server.pid))
      io.stdout:flush()
      io.read()
    ]]):format(support.backend))
    local pipe = assert(io.popen(("LUA_PATH='%s?.lua;;' %s %s 2>&1"):format(here:find "^/" and here or "./" .. here,
      assert(lfs.symlinkattributes("/proc/self/exe", "target")), script)))
    local old, owner, directory = pipe:read("l"):match "^(%d+) (%d+) (.*)$"
    local pid = math.tointeger(pipe:read "l")
    assert.is_false(is_alive(math.tointeger(old)))
    assert.is_true(is_alive(pid))
    assert.equal("directory", lfs.attributes(directory, "mode"))
    uv.kill(math.tointeger(owner), "sigkill")
    pipe:close()
    support.eventually(function() return not is_alive(pid) and not lfs.attributes(directory, "mode") end)
  end)
end)
