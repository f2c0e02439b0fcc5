-- Support for the specs: temporary directories, clients on the backend that the specs run on, and polling with a
-- deadline. The backend is what TIMMSG_BACKEND says: hub (the default), prosody or ejabberd.

local lfs = require "lfs"
local system = require "system"
local timmsg = require "timmsg"

local support = {}

local given = os.getenv "TIMMSG_BACKEND"
support.backend = given and given ~= "" and given or "hub"
support.is_hub = support.backend == "hub"
assert(support.is_hub or support.backend == "prosody" or support.backend == "ejabberd", "TIMMSG_BACKEND: no such backend")
local xmpp_server = not support.is_hub and require "xmpp_server" or nil

-- TIMMSG_PATIENCE=6: everything is waited for six times as long, where it is slow on purpose.
support.PATIENCE = tonumber(os.getenv "TIMMSG_PATIENCE") or 1
-- What a spec waits for at most. Only a failure takes that long. Longer than a request may take: what becomes of that says
-- more than that it was waited for.
support.DEADLINE_MS = 40000 * support.PATIENCE

-- Every user's password, where there are any.
local PASSWORD <const> = "sig"

local directories, clients = {}, {}
-- On XMPP: the virtual host of each directory, the users that it has, and the directory of each client.
local hosts, accounts, homes = {}, {}, setmetatable({}, { __mode = "k" })
-- On XMPP: the directory of each client's log, which is shown where something does not happen in time.
local logs = setmetatable({}, { __mode = "k" })
local LOG_TAIL <const> = 6000

local function remove(path)
  if lfs.symlinkattributes(path, "mode") == "directory" then
    for name in lfs.dir(path) do
      if name ~= "." and name ~= ".." then remove(path .. "/" .. name) end
    end
    lfs.rmdir(path)
  else
    os.remove(path)
  end
end

function support.now_ms()
  return system.monotime() * 1000
end

-- A new directory, gone after support.cleanup; `path` says where, if that matters.
function support.temp_dir(path)
  if not path then
    path = os.tmpname()
    os.remove(path)
  end
  assert(lfs.mkdir(path))
  directories[#directories + 1] = path
  return path
end

function support.write_file(path, content)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(content))
  return path
end

function support.read_file(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

-- The bytes of a file whose upload takes a while, as one of that many megabytes does on the hub. Prosody takes 2.5 MB a
-- second.
function support.upload_size(megabytes)
  return (megabytes << 20) // (support.backend == "prosody" and 20 or 1)
end

-- Closes the client at cleanup, if the spec hasn't.
function support.keep(client)
  clients[#clients + 1] = client
  return client
end

-- The XMPP server that all specs of a run share.
function support.xmpp_server()
  return xmpp_server.shared(support.backend)
end

-- The virtual host on XMPP that belongs to `dir` until cleanup, and was nobody's before.
function support.xmpp_host(dir)
  if not hosts[dir] then
    hosts[dir] = support.xmpp_server():new_host()
    accounts[dir] = {}
  end
  return hosts[dir]
end

-- The option `server` for the clients of a directory: its hub, or its host on XMPP. Nobody else is there.
function support.server(dir)
  if support.is_hub then return "hub:" .. dir .. "/hub" end
  return support.xmpp_server():address(support.xmpp_host(dir))
end

-- On the hub a user exists from the first login on; on XMPP somebody must see to it. This does, before a login; what
-- no user can be called is left to it. (support.new_client and support.call do so by themselves.)
function support.account(dir, user)
  if support.is_hub or type(user) ~= "string" or #user > 32 or not user:find "^[ -~]+$" then return end
  local host = support.xmpp_host(dir)
  if accounts[dir][user] then return end
  accounts[dir][user] = true
  support.xmpp_server():register(user, PASSWORD, host)
end

-- A client whose data is in `dir`/<user> and whose server is that of `dir`: clients of one `dir` can talk. It is logged
-- in if a user is given. `options` are added; data_dir among them is another device of the user.
function support.new_client(dir, user, options)
  local all = {
    sdk_app_id = 1400000001,
    data_dir = dir .. "/" .. (user or "nobody"),
    server = support.server(dir),
  }
  for name, value in pairs(options or {}) do
    all[name] = value
  end
  if not support.is_hub and not all.log_file_path then
    all.log_file_path, all.log_level = os.tmpname(), timmsg.TIMLog_Verbose
    os.remove(all.log_file_path)
    directories[#directories + 1] = all.log_file_path
  end
  local client = support.keep(assert(timmsg.new(all)))
  homes[client] = dir
  if not support.is_hub then logs[client] = all.log_file_path end
  if user then
    local code, desc = support.call(client, "login", user, PASSWORD)
    assert(code == 0, desc)
  end
  return client
end

-- Polls the clients (or none: the predicate does) until `predicate()` is true, which it returns, or the deadline is
-- over.
function support.pump(deadline_ms, predicate, ...)
  local polled = table.pack(...)
  local deadline = support.now_ms() + deadline_ms
  while true do
    for i = 1, polled.n do
      polled[i]:poll()
    end
    local result = predicate()
    if result or support.now_ms() >= deadline then return result end
    if polled.n == 0 then
      system.sleep(0.001)
    else
      polled[1]:wait(polled.n == 1 and 50 or 1)
    end
  end
end

-- What has not happened in time, with the ends of the clients' logs, as an error of whoever called the caller.
local function late(what, ...)
  local texts = { what }
  for _, client in ipairs { ... } do
    local file <close> = logs[client] and io.open(logs[client] .. "/timmsg.log", "rb")
    if file then texts[#texts + 1] = ("%s: …%s"):format(client, file:read("a"):sub(-LOG_TAIL)) end
  end
  error(table.concat(texts, "\n"), 3)
end

-- Polls the clients for a while, to see that nothing happens.
function support.idle(ms, ...)
  support.pump(ms, function() return false end, ...)
end

-- Makes a call and polls until it completes: code, desc, result. A refused one: its TIMResult and the message.
---@return integer code, string desc, any ...
function support.call(client, method, ...)
  if method == "login" and homes[client] then support.account(homes[client], (...)) end
  local done
  local args = table.pack(...)
  args[args.n + 1] = function(...)
    if not select(4, ...) then done = table.pack(...) end -- a download's progress is no completion
  end
  local ok, message, code = client[method](client, table.unpack(args, 1, args.n + 1))
  if not ok then return code, message end
  support.pump(support.DEADLINE_MS, function() return done end, client)
  if not done then late(method .. " has not completed in time", client) end
  return table.unpack(done, 1, done.n)
end

-- The same for a call that must succeed: its result.
---@return any
function support.must(client, method, ...)
  local code, desc, result = support.call(client, method, ...)
  if code ~= 0 then late(("%s: %s (%d)"):format(method, desc, code), client) end
  return result
end

-- Polls the clients until `predicate()` is true, which it returns; an error if that takes too long.
---@return any
function support.eventually(predicate, ...)
  local result = support.pump(support.DEADLINE_MS, predicate, ...)
  if not result then late("it has not happened in time", ...) end
  return result
end

-- Records what a client's events tell, each list in the order it came: messages, batches (the arrays the messages came
-- in), revoked (locators), receipts, changes ({ event =, conv = } for each conversation told of), events (one for each
-- conversation event).
function support.watch(client)
  local seen = { client = client, messages = {}, batches = {}, revoked = {}, receipts = {}, changes = {}, events = {} }
  local function add(to, list) table.move(list, 1, #list, #to + 1, to) end
  client:on("recv_new_msg", function(msgs)
    seen.batches[#seen.batches + 1] = msgs
    add(seen.messages, msgs)
  end)
  client:on("msg_revoke", function(locators) add(seen.revoked, locators) end)
  client:on("msg_readed_receipt", function(receipts) add(seen.receipts, receipts) end)
  client:on("conv_event", function(event, convs)
    seen.events[#seen.events + 1] = event
    for _, conv in ipairs(convs) do
      seen.changes[#seen.changes + 1] = { event = event, conv = conv }
    end
  end)
  return seen
end

-- A device of the user, logged in: the client, and what it records from before the log-in on. `name` tells the user's
-- devices apart (nil: the one of new_client). With `read_receipt = true` among the options it wants receipts.
function support.device(dir, user, name, options)
  local all = { data_dir = dir .. "/" .. user .. (name and "@" .. name or "") }
  for key, value in pairs(options or {}) do
    if key ~= "read_receipt" then all[key] = value end
  end
  local client = support.new_client(dir, nil, all)
  local seen = support.watch(client)
  if options and options.read_receipt then
    support.must(client, "set_config", { set_config_user_config = { user_config_is_read_receipt = true } })
  end
  support.must(client, "login", user, PASSWORD)
  return client, seen
end

-- The text of a message's first element, nil if that is no text.
function support.text_of(msg)
  local elem = msg.message_elem_array[1]
  return elem and elem.text_elem_content
end

-- The texts of a list of messages; "-" for what has none.
function support.texts(msgs)
  local texts = {}
  for i, msg in ipairs(msgs) do
    texts[i] = support.text_of(msg) or "-"
  end
  return texts
end

-- Polls until the message of that text is among those that `seen` (of watch) records: the message. All that its
-- client was told together with it, and before, is recorded then.
function support.arrival(seen, text, ...)
  local found = support.eventually(function()
    for _, msg in ipairs(seen.messages) do
      if support.text_of(msg) == text then return msg end
    end
    return nil
  end, seen.client, ...)
  -- a call is answered behind the events that were told before
  support.call(seen.client, "conv_get_conv_list")
  return found
end

-- Sends a text: the message.
function support.say(client, conv_id, conv_type, text)
  return support.must(client, "send_new_msg", conv_id, conv_type, timmsg.text(text))
end

-- The texts `prefix`1 to `prefix`n.
function support.numbered(prefix, n)
  local texts = {}
  for i = 1, n do
    texts[i] = prefix .. i
  end
  return texts
end

-- Sends those without waiting in between, and waits until all are sent.
function support.send_many(client, conv_id, conv_type, prefix, n)
  local done = 0
  for _, text in ipairs(support.numbered(prefix, n)) do
    assert(client:send_new_msg(conv_id, conv_type, timmsg.text(text), function(code, desc)
      assert(code == 0, desc)
      done = done + 1
    end))
  end
  support.eventually(function() return done == n end, client)
end

-- One page of a conversation. `param` has the keys of MsgGetMsgListParam without their common beginning.
---@return timmsg.Message[]
function support.page(client, conv_id, conv_type, param)
  local full = {}
  for key, value in pairs(param or {}) do
    full["msg_getmsglist_param_" .. key] = value
  end
  return support.must(client, "get_msg_list", conv_id, conv_type, full)
end

-- All of a conversation that the store has, oldest first, read page by page.
function support.history(client, conv_id, conv_type)
  local all = {}
  while true do
    local page = support.page(client, conv_id, conv_type, { count = 1000, is_forward = true, last_msg = all[#all] })
    if #page == 0 then return all end
    table.move(page, 1, #page, #all + 1, all)
  end
end

-- The messages of a conversation of two in an order that both have. On XMPP each has an archive and a clock of its own
-- (rule 45), and so perhaps another second for a message: by seq, sender and rand.
function support.in_order(msgs)
  if not support.is_hub and msgs[1].message_conv_type == timmsg.C2C then
    table.sort(msgs, function(one, other)
      if one.message_seq ~= other.message_seq then return one.message_seq < other.message_seq end
      if one.message_sender ~= other.message_sender then return one.message_sender < other.message_sender end
      return one.message_rand < other.message_rand -- two devices of one sender
    end)
  end
  return msgs
end

-- The ConvInfo of a conversation in the client's list, nil if it isn't there.
function support.conv(client, conv_id, conv_type)
  for _, conv in ipairs(support.must(client, "conv_get_conv_list")) do
    if conv.conv_id == conv_id and conv.conv_type == conv_type then return conv end
  end
  return nil
end

-- Downloads what an element names. A busy ejabberd breaks one off now and then: asked for again it goes on (rule 38).
function support.download(client, param, path)
  local code, desc
  for _ = 1, support.is_hub and 1 or 4 do
    code, desc = support.call(client, "download_elem_to_path", param, path)
    if code ~= timmsg.ERR_SDK_NET_DISCONNECT then break end
  end
  assert(code == 0, ("download_elem_to_path: %s (%d)"):format(desc, code))
end

-- One number that the database of the hub under `dir` knows.
function support.hub_number(dir, sql)
  local pipe <close> = assert(io.popen(("env -u LD_PRELOAD sqlite3 -cmd '.timeout 5000' '%s/hub/hub.db' \"%s\""):format(dir, sql)))
  return pipe:read "n"
end

-- A public group that the client creates; the others, by name, are its first members.
function support.group(client, group_id, ...)
  local members = {}
  for i, user in ipairs { ... } do
    members[i] = { group_member_info_identifier = user }
  end
  support.must(client, "group_create", {
    create_group_param_group_id = group_id,
    create_group_param_group_name = group_id,
    create_group_param_group_member_array = timmsg.array(members),
  })
  return group_id
end

-- Polls until the clock has passed `time` (in seconds).
function support.pass(time, ...)
  support.eventually(function() return os.time() > time end, ...)
end

---@type fun(...: any)
local function nothing() end

local unlimited <const> = support.read_file("/proc/self/limits"):match "Max file size%s+(%w+)"

-- No file of this process grows beyond that: as on a full disk, writes fail. nil: what it was.
function support.limit_files(bytes)
  assert(os.execute(("prlimit --pid %s --fsize=%s:"):format(support.read_file("/proc/self/stat"):match "^%d+", bytes or unlimited)))
end

-- `it` or `describe` for what only the embedded hub does or shows, or where the backend plays no role, so that once is
-- enough: on XMPP it registers nothing.
---@return fun(name: string, block: fun())
function support.hub_only(it)
  return support.is_hub and it or nothing
end

-- And for what only an XMPP backend does.
---@return fun(name: string, block: fun())
function support.xmpp_only(it)
  return support.is_hub and nothing or it
end

-- For after_each: closes what is open and removes the directories. Errors of callbacks that closing runs are no
-- spec's matter any more.
function support.cleanup()
  for _, client in ipairs(clients) do
    pcall(client.close, client)
  end
  for _, path in ipairs(directories) do
    remove(path)
  end
  for _, host in pairs(hosts) do
    local server = support.xmpp_server()
    server:drop_host(host)
    -- the next spec doesn't know what this one did with it
    server:thaw()
    if not server.pid then server:restart() end
  end
  directories, clients, hosts, accounts = {}, {}, {}, {}
end

return support
