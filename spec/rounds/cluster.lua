-- Two nodes of ejabberd on one PostgreSQL: whether anything that was reported sent gets lost or comes twice when a node
-- is killed while messages are on their way.
--
--   lua5.4 spec/rounds/cluster.lua [ROUNDS=3] [COUNT=200] [SEED=...] [CONVERSATIONS=user,group]
--
-- (with the Makefile's LUA_PATH and LUA_CPATH. Needs postgresql and erlang-p1-pgsql besides what the specs need.)
-- In a round alice, on one node, sends COUNT messages to bob, on the other, to him and to a group that both are in. At
-- some moment the node of bob, or that of alice, is killed; whose it was then connects to the other node, on the same
-- data. When all has recovered the messages are counted: what was reported sent must have come to bob exactly once, all
-- else at most once, in what he was told of and in his store. The node is started again for the next round.
--
-- All of it is on 127.0.0.1 and in a scratch directory, and ends with this process.

local lfs = require "lfs"
local uv = require "luv"
local config = require "xmpp_config"
local support = require "support"
local timmsg = require "timmsg"

local options = { ROUNDS = 3, COUNT = 200, SEED = os.time(), CONVERSATIONS = "user,group" }
for _, word in ipairs(arg) do
  local name, value = word:match "^(%u+)=(.+)$"
  assert(options[name], "no such option: " .. word)
  options[name] = name == "CONVERSATIONS" and value or assert(math.tointeger(tonumber(value)), word)
end
math.randomseed(options.SEED)

local DOMAIN <const>, PASSWORD <const>, GROUP <const> = "im.test", "sig", "g"
local START_MS <const> = 60000
-- A letter whose recipient's node died is sent again after 30 s.
local RECOVER_MS <const> = 120000
-- Messages under way at a time.
local WINDOW <const> = 50

local dir = os.tmpname()
os.remove(dir)
assert(lfs.mkdir(dir))
local data_dir = support.temp_dir()

-- ---- processes ----

local is_root = uv.getuid() == 0

local function shell(script, ...)
  local words = { "env -u LD_PRELOAD sh -ec" }
  for _, word in ipairs { script, "sh", ... } do
    words[#words + 1] = "'" .. tostring(word):gsub("'", "'\\''") .. "'"
  end
  return os.execute(table.concat(words, " "))
end

-- The words before a command: it ends with this process, and is nobody's.
local function as_nobody(signal)
  local words = { "setpriv", "--pdeathsig=" .. signal }
  if is_root then table.move({ "--reuid=nobody", "--regid=nogroup", "--clear-groups" }, 1, 3, 3, words) end
  return words
end

local function spawn(name, signal, environment, command)
  local words = as_nobody(signal)
  table.move(command, 1, #command, #words + 1, words)
  local output = assert(uv.fs_open(("%s/%s.out"):format(dir, name), "a", 420))
  local self = {}
  self.handle, self.pid = uv.spawn("env", {
    args = { "-i", "-C", dir, "PATH=" .. os.getenv "PATH", "HOME=" .. dir, "LC_ALL=C", table.unpack(
      table.move(words, 1, #words, #environment + 1, environment)) },
    stdio = { nil, output, output }, detached = true,
  }, function()
    self.is_over = true
    self.handle:close()
  end)
  uv.fs_close(output)
  assert(self.handle, self.pid)
  return self
end

local function finish(self, signal)
  if self.is_over then return end
  self.handle:kill(signal)
  support.eventually(function()
    uv.run "nowait"
    return self.is_over
  end)
end

local function wait_until(what, predicate)
  local deadline = support.now_ms() + START_MS
  while not predicate() do
    assert(support.now_ms() < deadline, what .. " does not come up: see " .. dir)
    uv.sleep(100)
    uv.run "nowait"
  end
end

local function free_port()
  local candidate = 10000 + math.floor(uv.os_getpid()) * 7 % 20000
  return function()
    while true do
      candidate = candidate + 1
      local socket = uv.new_tcp()
      local is_free = socket:bind("127.0.0.1", candidate) and socket:listen(1, function() end)
      socket:close()
      uv.run "nowait"
      if is_free then return candidate end
    end
  end
end
local new_port = free_port()

-- ---- the database ----

local function start_database()
  local program = io.popen "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1":read "l"
  assert(program, "postgresql is not installed")
  local port = new_port()
  assert(shell([[
    cd "$1"
    as_nobody=; [ "$(id -u)" != 0 ] || as_nobody='setpriv --reuid=nobody --regid=nogroup --clear-groups'
    mkdir pg; [ "$(id -u)" != 0 ] || chown -R nobody:nogroup .
    $as_nobody "$2/initdb" -D pg -A trust -U ejabberd --no-sync -E UTF8 --locale=C >initdb.out 2>&1]], dir, program))
  -- no fsync: it is not this that is killed
  local database = spawn("postgres", "INT", {}, { program .. "/postgres", "-D", dir .. "/pg", "-p", tostring(port), "-k", dir,
    "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=60" })
  wait_until("postgresql", function() return shell('"$1/pg_isready" -q -h 127.0.0.1 -p "$2"', program, port) end)
  assert(shell([[
    "$1/createdb" -h 127.0.0.1 -p "$2" -U ejabberd ejabberd
    "$1/psql" -q -h 127.0.0.1 -p "$2" -U ejabberd -f /usr/share/ejabberd/sql/pg.new.sql ejabberd >"$3/schema.out" 2>&1]],
    program, port, dir))
  return database, port
end

-- ---- the nodes ----

local epmd_port, database_port, erlang_libs

local function erlang(name)
  return { "erl", "-noinput", "+K", "true", "+sbwt", "none", "-sname", name .. "@localhost", "-setcookie", "cluster",
    "-start_epmd", "false", "-kernel", "inet_dist_use_interface", "{127,0,0,1}" }
end

local function node_environment(node)
  return { "ERL_LIBS=" .. erlang_libs, "ERL_EPMD_PORT=" .. epmd_port, "EJABBERD_CONFIG_PATH=" .. node.directory .. "/server.yml",
    "EJABBERD_LOG_PATH=" .. node.directory .. "/ejabberd.log" }
end

-- Asks one node's HTTP interface; false if it does not answer well.
local function ask(node, call, body)
  return shell('curl -sf -m 10 -o /dev/null -H "Content-Type: application/json" -d "$2" "http://127.0.0.1:$3/api/$1"', call,
    body, node.http_port)
end

local function launch(node)
  local command = erlang(node.name)
  table.move({ "-mnesia", "dir", '"' .. node.directory .. '/mnesia"', "-s", "ejabberd" }, 1, 5, #command + 1, command)
  node.process = spawn(node.name, "KILL", node_environment(node), command)
  wait_until(node.name, function() return ask(node, "status", "{}") end)
end

local function new_node(name)
  local node = { name = name, c2s_port = new_port(), http_port = new_port(), directory = dir .. "/" .. name }
  assert(lfs.mkdir(node.directory))
  local text = config.fill(config.ejabberd, {
    DIR = node.directory, C2S_PORT = node.c2s_port, HTTP_PORT = node.http_port, HOSTS = '  - "' .. DOMAIN .. '"',
  })
  local count
  text, count = text:gsub("sql_type: sqlite\nsql_database: [^\n]*", ([[
sql_type: pgsql
sql_server: "127.0.0.1"
sql_port: %d
sql_database: ejabberd
sql_username: ejabberd
sql_password: ""]]):format(database_port))
  assert(count == 1)
  text = text:gsub('"[^"\n]*/tls/server%.pem"', '"' .. dir .. '/server.pem"')
  support.write_file(node.directory .. "/server.yml", text)
  if is_root then assert(shell('chown -R nobody:nogroup "$1"', node.directory)) end
  launch(node)
  return node
end

-- The second node takes over the first one's tables.
local function join(node, first)
  local command = erlang "joiner"
  table.move({ "-eval", ([[
    R = rpc:call('%s@localhost', ejabberd_cluster, join, ['%s@localhost'], 60000),
    io:format("~p~n", [R]), halt(case R of ok -> 0; _ -> 1 end).]]):format(node.name, first.name) }, 1, 2, #command + 1, command)
  local process = spawn("joiner", "KILL", node_environment(node), command)
  wait_until("the cluster", function() return process.is_over end)
  assert(support.read_file(dir .. "/joiner.out"):find "ok", "the nodes do not join: see " .. dir)
  wait_until(node.name, function() return ask(node, "status", "{}") end)
end

-- ---- users ----

local ca_file = dir .. "/server.crt"
local clients = {}

local function address(node)
  return ("xmpp://%s?address=127.0.0.1:%d&ca=%s"):format(DOMAIN, node.c2s_port, ca_file)
end

-- The user's client on that node, on the data that it has had from the beginning. `told` is added to for each message
-- that it is told of.
local function connect(user, node, told)
  if clients[user] then clients[user]:close() end
  local client = support.keep(assert(timmsg.new { sdk_app_id = 1400000001, data_dir = data_dir .. "/" .. user,
    server = address(node) }))
  clients[user] = client
  client:on("recv_new_msg", function(msgs)
    for _, msg in ipairs(msgs) do
      local text = support.text_of(msg)
      if told and text then told[text] = (told[text] or 0) + 1 end
    end
  end)
  local code, desc
  support.pump(START_MS, function() -- the other node may not have heard yet that the first is gone
    code, desc = support.call(client, "login", user, PASSWORD)
    return code == 0
  end)
  assert(code == 0, desc)
  return client
end

-- ---- a round ----

-- How often each text is in the user's store.
local function stored(client, conv_id, conv_type)
  local counts = {}
  for _, text in ipairs(support.texts(support.history(client, conv_id, conv_type))) do
    counts[text] = (counts[text] or 0) + 1
  end
  return counts
end

local function round(number, nodes, kinds)
  local at_home = number % 2 == 1
  local alices, bobs = nodes[at_home and 1 or 2], nodes[at_home and 2 or 1]
  local killed = math.random(3) == 1 and alices or bobs -- bob's twice as often: that is where receipts matter
  local told, state, errors = {}, {}, {}
  local alice, bob = connect("alice", alices), connect("bob", bobs, told)
  local kill_at = math.random(options.COUNT // 10, options.COUNT * 3 // 4)
  local sent, open = 0, 0

  local function send()
    sent = sent + 1
    local kind = kinds[sent % #kinds + 1]
    local text = ("round %d message %d to %s"):format(number, sent, kind)
    state[text] = "open"
    open = open + 1
    assert(alice:send_new_msg(kind == "user" and "bob" or GROUP, kind == "user" and timmsg.C2C or timmsg.GROUP,
      timmsg.text(text), function(code, desc)
        open = open - 1
        state[text] = code == 0 and "sent" or "failed"
        if code ~= 0 then errors[code .. " " .. desc] = (errors[code .. " " .. desc] or 0) + 1 end
      end))
  end

  local killed_at
  support.eventually(function()
    while sent < kill_at and open < WINDOW do send() end
    return sent == kill_at
  end, alice, bob)
  finish(killed.process, "sigkill")
  killed_at = support.now_ms()
  local survivor = killed == alices and bobs or alices
  -- closing one's client forgets what is under way: that is no message of which something was reported
  if killed == bobs then
    bob = connect("bob", survivor, told)
  else
    alice = connect("alice", survivor)
  end
  open = 0
  for _, what in pairs(state) do
    if what == "open" and killed == bobs then open = open + 1 end
  end
  support.pump(RECOVER_MS, function()
    while sent < options.COUNT and open < WINDOW do send() end
    return sent == options.COUNT and open <= 0
  end, alice, bob)

  local function missing()
    local list = {}
    for text, what in pairs(state) do
      if what == "sent" and not told[text] then list[#list + 1] = text end
    end
    return list
  end
  support.pump(RECOVER_MS, function() return #missing() == 0 end, bob, alice)
  local took = support.now_ms() - killed_at
  local unheard = #missing()
  if unheard > 0 then -- is it lost, or has he only not heard of it?
    bob = connect("bob", survivor, told)
    support.pump(RECOVER_MS, function() return #missing() == 0 end, bob, alice)
    print(("  %d were not told of by themselves; %d are missing after a new login"):format(unheard, #missing()))
  end
  support.idle(1000, alice, bob)

  local faults, counts = {}, { sent = 0, failed = 0, open = 0 }
  local histories = { user = stored(bob, "alice", timmsg.C2C) }
  if #kinds > 1 or kinds[1] == "group" then histories.group = stored(bob, GROUP, timmsg.GROUP) end
  for text, what in pairs(state) do
    counts[what] = counts[what] + 1
    local times, kept = told[text] or 0, histories[text:match "%a+$"][text] or 0
    if times > 1 or kept > 1 or what == "sent" and (times ~= 1 or kept ~= 1) then
      faults[#faults + 1] = ("  %s (%s): told of %d times, stored %d times"):format(text, what, times, kept)
    end
  end
  print(("round %d: %s of %s killed after %d messages: %d sent, %d failed, %d not reported; recovered in %.1f s: %s"):format(
    number, killed.name, killed == bobs and "bob" or "alice", kill_at, counts.sent, counts.failed, counts.open, took / 1000,
    #faults + unheard == 0 and "ok" or ("%d FAULTS, %d UNHEARD"):format(#faults, unheard)))
  for text, count in pairs(errors) do
    print(("  %d times: %s"):format(count, text))
  end
  table.sort(faults)
  for i = 1, math.min(#faults, 10) do
    print(faults[i])
  end
  launch(killed)
  return #faults + unheard
end

-- ---- all of it ----

io.stdout:setvbuf "line"
print(("seed %d, in %s"):format(options.SEED, dir))
assert(shell([[
  cd "$1"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.crt -days 30 \
    -subj "/CN=$2" -addext "subjectAltName=DNS:$2,DNS:*.$2" 2>openssl.out
  cat server.crt server.key >server.pem
  chmod 644 server.pem; chmod 755 .]], dir, DOMAIN))
for name in lfs.dir "/usr/lib" do
  local path = "/usr/lib/" .. name
  if shell('ls -d "$1"/ejabberd-[0-9]* >/dev/null 2>&1', path) then erlang_libs = path end
end
assert(erlang_libs, "ejabberd is not installed")

local database
database, database_port = start_database()
epmd_port = new_port()
local epmd = spawn("epmd", "KILL", {}, { "epmd", "-port", tostring(epmd_port), "-address", "127.0.0.1" })
local nodes = { new_node "one" }
nodes[2] = new_node "two"
join(nodes[2], nodes[1])
for _, user in ipairs { "alice", "bob" } do
  assert(ask(nodes[1], "register", ('{"user":"%s","host":"%s","password":"%s"}'):format(user, DOMAIN, PASSWORD)))
end

local kinds = {}
for kind in options.CONVERSATIONS:gmatch "%a+" do
  kinds[#kinds + 1] = kind
end
connect("alice", nodes[1])
connect("bob", nodes[2])
if options.CONVERSATIONS:find "group" then support.group(clients.alice, GROUP, "bob") end
support.idle(2000, clients.alice, clients.bob)

local faults = 0
for number = 1, options.ROUNDS do
  faults = faults + round(number, nodes, kinds)
end
print(faults == 0 and "nothing lost, nothing doubled" or faults .. " faults; logs are in " .. dir)

support.cleanup()
for _, node in ipairs(nodes) do
  finish(node.process, "sigkill")
end
finish(epmd, "sigkill")
finish(database, "sigint")
if faults == 0 then shell('rm -rf -- "$1"', dir) end
os.exit(faults == 0)
