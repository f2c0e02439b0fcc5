-- XMPP servers for the specs: a real ejabberd or Prosody on 127.0.0.1, in a scratch directory of its own. No system
-- service is touched. As root the server is run as nobody. It ends when the specs end, however they do: see guard.lua.
--
--   local server = xmpp_server.start "prosody"    -- or "ejabberd"
--   server.kind, .domain, .directory, .ca_file    what it is, its first host, where all of it is, who vouches for it
--   server.c2s_port, .http_port                   where it listens
--
-- Whoever debugs sets TIMMSG_KEEP_SERVER: the directory, with the server's logs, is named and kept.

local lfs = require "lfs"
local uv = require "luv"
local config = require "xmpp_config"

local xmpp_server = {}

local DEADLINE_MS <const> = 60000
local DOMAIN <const> = "im.test"
local HERE <const> = debug.getinfo(1, "S").source:match "^@(.*)xmpp_server%.lua$"

-- How many hosts are made at once: ejabberd takes 60 ms for one and 100 for sixteen, Prosody 60 for each.
local BATCH <const> = { ejabberd = 16, prosody = 1 }

local methods = {}
methods.__index = methods

-- The localpart of a user's or group's JID: bytes that it can't have become \hh, as XEP-0106 writes some of them.
function xmpp_server.localpart(id)
  return (id:gsub("[^a-z0-9%-._!#$%%()*+,;=?%[%]^`{|}~]", function(byte) return ("\\%02x"):format(byte:byte()) end))
end

-- ---- helpers ----

-- Whether `predicate()` becomes true in time. News comes from the loop; `every` lets it be asked again without any.
local function wait(predicate, every)
  local is_late = false
  local deadline, again = uv.new_timer(), uv.new_timer()
  uv.update_time() -- the loop's clock stands while nobody runs it
  deadline:start(DEADLINE_MS, 0, function() is_late = true end)
  if every then again:start(every, every, function() end) end
  local result = predicate()
  while not result and not is_late do
    uv.run "once"
    result = predicate()
  end
  deadline:close()
  again:close()
  uv.run "nowait"
  return result
end

-- Runs a shell script, whose arguments are $1, $2 …
local function shell(script, ...)
  local words = { "env -u LD_PRELOAD sh -ec" } -- what is preloaded into the specs is not meant for others
  for _, word in ipairs { script, "sh", ... } do
    words[#words + 1] = "'" .. word:gsub("'", "'\\''") .. "'"
  end
  local command = table.concat(words, " ")
  assert(os.execute(command), "failed: " .. command)
end

-- Sends a text there and reads until the other side closes. nil: nobody listens, or it broke off.
local function exchange(port, text)
  local answer, is_done, failure = "", false, nil
  local client = uv.new_tcp()
  local function finish(err)
    is_done, failure = true, err
  end
  client:connect("127.0.0.1", port, function(err)
    if err then return finish(err) end
    if text == "" then return finish() end -- it is enough to know that somebody is there
    client:write(text)
    client:read_start(function(read_err, data)
      if data then
        answer = answer .. data
      else
        finish(read_err)
      end
    end)
  end)
  local in_time = wait(function() return is_done end)
  client:close()
  uv.run "nowait"
  if failure or not in_time then return nil, failure or "no answer in time" end
  return answer
end

-- Ports that nobody listens on. They are kept over restarts, so none that the system gives to whoever connects.
local function free_ports(count)
  local ports = {}
  local candidate = 10000 + math.floor(uv.os_getpid()) * 7 % 20000 -- luv says it as a float
  while #ports < count do
    candidate = candidate + 1
    local socket = uv.new_tcp()
    if socket:bind("127.0.0.1", candidate) and socket:listen(1, function() end) then ports[#ports + 1] = candidate end
    socket:close()
  end
  uv.run "nowait"
  return table.unpack(ports)
end

local function write(path, content)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(content))
end

-- An authority and a server certificate for the hosts: "*.im.test", as nobody connects to their components.
local CERTIFICATES <const> = [[
cd "$1"
key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
openssl req -x509 $key -keyout ca.key -out ca.crt -days 30 -subj "/CN=specs" 2>log
openssl req $key -keyout server.key -out server.csr -subj "/CN=$2" 2>log
printf 'subjectAltName=DNS:%s,DNS:*.%s,DNS:conference.%s,DNS:upload.%s\n' "$2" "$2" "$2" "$2" >extensions
openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile extensions -out leaf.crt 2>log
cat leaf.crt ca.crt >server.crt
cat leaf.crt ca.crt server.key >server.pem
]]

-- ---- what runs it ----

-- Where Debian has ejabberd and the Erlang libraries that it needs: /usr/lib/ARCHITECTURE.
local function erlang_libs()
  for name in lfs.dir "/usr/lib" do
    local path = "/usr/lib/" .. name
    if lfs.attributes(path, "mode") == "directory" then
      for inner in lfs.dir(path) do
        if inner:find "^ejabberd%-%d" then return path end
      end
    end
  end
  error "ejabberd is not installed"
end

local commands = {}

function commands.ejabberd(self)
  local dir = self.directory
  -- no -sname: a node without a name needs no port and no epmd
  return { "HOME=" .. dir, "ERL_LIBS=" .. erlang_libs(), "EJABBERD_CONFIG_PATH=" .. self.config_path,
           "EJABBERD_LOG_PATH=" .. dir .. "/ejabberd.log" },
    { "erl", "-noinput", "+K", "true", "+sbwt", "none", "-mnesia", "dir", '"' .. dir .. '/mnesia"', "-s", "ejabberd" }
end

function commands.prosody(self)
  return { "HOME=" .. self.directory }, { "prosody", "--config", self.config_path, "-F" }
end

-- The guard's pipes keep no loop from ending, as the server is there for longer than whoever runs one.
function methods:start_guard()
  local environment, command = commands[self.kind](self)
  local keep = os.getenv "TIMMSG_KEEP_SERVER"
  if keep then io.stderr:write(self.kind, " is in ", self.directory, "\n") end
  local args = { HERE .. "guard.lua", keep and "" or self.directory, "env", "-i", "PATH=" .. os.getenv "PATH" }
  table.move(environment, 1, #environment, #args + 1, args)
  if uv.getuid() == 0 then
    table.move({ "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups" }, 1, 4, #args + 1, args)
  end
  table.move(command, 1, #command, #args + 1, args)

  local environ = {}
  for name, value in pairs(uv.os_environ()) do
    if name ~= "LD_PRELOAD" then environ[#environ + 1] = name .. "=" .. value end
  end
  self.input = uv.new_pipe()
  local output = uv.new_pipe()
  -- detached: ctrl-C at the specs' terminal is for them; the guard hears of their end
  self.guard = assert(uv.spawn(assert(lfs.symlinkattributes("/proc/self/exe", "target")), {
    args = args, env = environ, stdio = { self.input, output, 2 }, detached = true,
  }, function()
    self.pid = nil
    self.guard:close()
    self.guard = nil
  end))
  local rest = ""
  output:read_start(function(_, data)
    if not data then return output:close() end
    rest = (rest .. data):gsub("(%a+) (%d+)[^\n]*\n", function(what, number)
      self.pid = what == "started" and tonumber(number) or nil
      return ""
    end)
  end)
  self.guard:unref()
  self.input:unref()
  output:unref()
end

function methods:tell(word)
  self.input:write(word .. "\n")
end

-- Starts the process and waits until it is up. (An ejabberd that is told to stop while it starts takes very long.)
function methods:launch()
  self:tell "start"
  assert(wait(function() return self.pid end), "the server has not been started")
  local is_up = wait(function()
    return not self.pid or exchange(self.c2s_port, "") and self:call("status", "{}")
  end, 20)
  if not (is_up and self.pid) then error(self.kind .. " does not come up:\n" .. self:complaints()) end
end

-- What it has written into its logs, from the end.
function methods:complaints()
  local texts = {}
  for _, name in ipairs { "output.txt", self.kind .. ".log" } do
    local file <close> = io.open(self.directory .. "/" .. name, "rb")
    if file then texts[#texts + 1] = file:read("a"):sub(-2000) end
  end
  return table.concat(texts, "\n")
end

-- A call of the HTTP interface: the body of the answer, or nil, what is wrong.
function methods:call(name, body)
  local answer, failure = exchange(self.http_port, table.concat({
    "POST /api/" .. name .. " HTTP/1.1", "Host: 127.0.0.1", "Connection: close", "Content-Type: application/json",
    "Content-Length: " .. #body, "", body }, "\r\n"))
  if not answer then return nil, failure end
  local status, text = answer:match "^HTTP/1%.%d (%d+).-\r\n\r\n(.*)$"
  if status ~= "200" then return nil, answer end
  return text
end

function methods:write_config()
  local lines = {}
  for i, host in ipairs(self.hosts) do
    lines[i] = (self.kind == "ejabberd" and '  - "%s"' or '  "%s",'):format(host)
  end
  write(self.config_path, config.fill(config[self.kind], {
    DIR = self.directory, C2S_PORT = self.c2s_port, HTTP_PORT = self.http_port, HOSTS = table.concat(lines, "\n"),
  }))
end

-- ---- operations ----

local shared

-- The one server that whoever asks shares, started for the first of them. Busted loads modules anew for each file,
-- except those that spec/helper.lua has loaded: this one.
function xmpp_server.shared(kind)
  shared = shared or xmpp_server.start(kind)
  return shared
end

-- For the end of a run.
function xmpp_server.close_shared()
  if shared then shared:close() end
  shared = nil
end

-- Starts a server of that kind, which has one host, im.test, and no users.
function xmpp_server.start(kind)
  local self = setmetatable({ kind = kind, domain = DOMAIN, hosts = { DOMAIN }, spare = {}, made = 0 }, methods)
  self.directory = os.tmpname()
  os.remove(self.directory)
  assert(lfs.mkdir(self.directory))
  for _, name in ipairs { "tls", "data", "upload", "plugins" } do
    assert(lfs.mkdir(self.directory .. "/" .. name))
  end
  self.c2s_port, self.http_port = free_ports(2)
  self.config_path = self.directory .. "/server." .. (kind == "ejabberd" and "yml" or "cfg.lua")
  self.ca_file = self.directory .. "/tls/ca.crt"
  shell(CERTIFICATES, self.directory .. "/tls", DOMAIN)
  -- With a write-ahead log both are three times as fast. That stays with the file, so that it can be said before the
  -- server makes its tables.
  shell('sqlite3 "$1" "PRAGMA journal_mode=WAL; CREATE TABLE t(x); DROP TABLE t" >/dev/null', self.directory .. "/data/server.db")
  shell('cp "$1" "$2"', HERE .. "prosody_module.lua", self.directory .. "/plugins/mod_specs.lua")
  shell('cp "$1" "$2"', HERE .. "../examples/mod_plain_attributes.lua", self.directory .. "/plugins/mod_plain_attributes.lua")
  self:write_config()
  if uv.getuid() == 0 then shell('chown -R nobody:nogroup "$1"', self.directory) end
  self:start_guard()
  self:launch()
  return self
end

local function quote(text) return '"' .. text:gsub('[\\"]', "\\%0") .. '"' end

-- Makes an account. The host is the first one if none is given.
function methods:register(user, password, host)
  local body = ('{"user":%s,"host":%s,"password":%s}'):format(quote(xmpp_server.localpart(user)),
    quote(host or self.domain), quote(password))
  local ok, failure = self:call("register", body)
  if not ok then error(("%s can't be registered: %s"):format(user, failure), 2) end
end

function methods:change_password(user, password, host)
  local body = ('{"user":%s,"host":%s,"newpass":%s}'):format(quote(xmpp_server.localpart(user)),
    quote(host or self.domain), quote(password))
  local ok, failure = self:call("change_password", body)
  if not ok then error(("%s's password can't be changed: %s"):format(user, failure), 2) end
end

-- The room ends just before the next one enters it (Prosody).
function methods:end_room(room)
  assert(self:call("end_room", ('{"room":%s}'):format(quote(room))))
end

-- The next "presence" or "message" to the room goes lost, or "change" of its lists, or question for a "page" of its archive, or
-- what is to "end" it, or a "ping" to the host, or a user's question for an "own_page" (Prosody).
function methods:lose(what, to)
  assert(self:call("lose", ('{"to":%s,"what":%s}'):format(quote(to), quote(what))))
end

-- The next of these comes so many seconds late (Prosody).
function methods:delay(what, to, seconds)
  assert(self:call("delay", ('{"to":%s,"what":%s,"seconds":%s}'):format(quote(to), quote(what), seconds)))
end

-- The next of these is refused, with that condition (Prosody).
function methods:refuse(what, to, condition)
  assert(self:call("refuse", ('{"to":%s,"what":%s,"condition":%s}'):format(quote(to), quote(what), quote(condition))))
end

-- The host lists a service that answers nobody (Prosody).
function methods:add_dead_service(host)
  assert(self:call("add_dead_service", ('{"host":%s}'):format(quote(host))))
end

-- One of the host's services, as "upload", answers nobody any more, or again, or a second late (Prosody).
function methods:kill_service(host, name)
  assert(self:call("kill_service", ('{"host":%s,"name":%s}'):format(quote(host), quote(name))))
end

function methods:revive_service(host, name)
  assert(self:call("revive_service", ('{"host":%s,"name":%s}'):format(quote(host), quote(name))))
end

function methods:slow_service(host, name)
  assert(self:call("slow_service", ('{"host":%s,"name":%s}'):format(quote(host), quote(name))))
end

-- One of the host's services answers what it is asked from now on when it is released (Prosody).
function methods:hold_service(host, name)
  assert(self:call("hold_service", ('{"host":%s,"name":%s}'):format(quote(host), quote(name))))
end

function methods:release_service(host, name)
  assert(self:call("release_service", ('{"host":%s,"name":%s}'):format(quote(host), quote(name))))
end

-- A virtual host that nobody has used, with its conference and upload services. None is ever given twice.
function methods:new_host()
  if #self.spare == 0 then
    for _ = 1, BATCH[self.kind] do
      self.made = self.made + 1
      local host = ("w%d.%s"):format(self.made, self.domain)
      table.insert(self.spare, host)
      table.insert(self.hosts, host)
    end
    self:write_config()
    assert(self:call("reload_config", "{}"))
  end
  return table.remove(self.spare, 1)
end

-- The host is not needed any more. It goes when the next ones come.
function methods:drop_host(host)
  for i, name in ipairs(self.hosts) do
    if name == host then return table.remove(self.hosts, i) end
  end
end

-- What timmsg calls it; the first host if none is given.
function methods:address(host)
  local ca = self.ca_file:gsub("[^%w%-._~/]", function(byte) return ("%%%02X"):format(byte:byte()) end)
  return ("xmpp://%s?address=127.0.0.1:%d&ca=%s"):format(host or self.domain, self.c2s_port, ca)
end

-- It answers nobody until it is thawed, as if the network were gone.
function methods:freeze()
  self.is_frozen = true
  uv.kill(self.pid, "sigstop")
end

function methods:thaw()
  if not self.is_frozen then return end
  self.is_frozen = false
  uv.kill(self.pid, "sigcont")
end

local function finish(self, word)
  if not self.pid then return end
  self:thaw()
  self:tell(word)
  assert(wait(function() return not self.pid end), "the server does not end")
end

-- Ends it as an administrator does. Its directory stays.
function methods:stop()
  finish(self, "stop")
end

-- Ends it without a word, as a crash would.
function methods:kill()
  finish(self, "kill")
end

-- Starts it again, on the same directory and ports; stops it first if it runs.
function methods:restart()
  self:stop()
  self:launch()
end

-- It is not needed any more: nothing of it stays.
function methods:close()
  if not self.guard then return end
  self:thaw()
  self.input:close()
  assert(wait(function() return not self.guard end), "the server does not end")
end

return xmpp_server
