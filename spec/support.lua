-- Support for the specs: temporary directories, clients on the embedded hub, and polling with a deadline.

local lfs = require "lfs"
local system = require "system"
local timmsg = require "timmsg"

local support = {}

-- What a spec waits for at most. Only a failure takes that long.
support.DEADLINE_MS = 10000

local directories, clients = {}, {}

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

-- A new directory, gone after support.cleanup.
function support.temp_dir()
  local path = os.tmpname()
  os.remove(path)
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

-- Closes the client at cleanup, if the spec hasn't.
function support.keep(client)
  clients[#clients + 1] = client
  return client
end

-- A client whose data is in `dir`/<user> and whose hub is `dir`/hub: clients of one `dir` can talk. It is logged in if
-- a user is given. `options` are added; data_dir among them is another device of the user.
function support.new_client(dir, user, options)
  local all = {
    sdk_app_id = 1400000001,
    data_dir = dir .. "/" .. (user or "nobody"),
    server = "hub:" .. dir .. "/hub",
  }
  for name, value in pairs(options or {}) do
    all[name] = value
  end
  local client = support.keep(assert(timmsg.new(all)))
  if user then
    local code, desc = support.call(client, "login", user, "sig")
    assert(code == 0, desc)
  end
  return client
end

-- Polls the clients until `predicate()` is true, which it returns, or the deadline is over.
function support.pump(deadline_ms, predicate, ...)
  local polled = table.pack(...)
  local deadline = support.now_ms() + deadline_ms
  while true do
    for i = 1, polled.n do
      polled[i]:poll()
    end
    local result = predicate()
    if result or support.now_ms() >= deadline then return result end
    polled[1]:wait(polled.n == 1 and deadline - support.now_ms() > 0 and 50 or 1)
  end
end

-- Polls the clients for a while, to see that nothing happens.
function support.idle(ms, ...)
  support.pump(ms, function() return false end, ...)
end

-- Makes a call and polls until it completes: code, desc, result. A refused one: its TIMResult and the message.
function support.call(client, method, ...)
  local done
  local args = table.pack(...)
  args[args.n + 1] = function(...) done = table.pack(...) end
  local ok, message, code = client[method](client, table.unpack(args, 1, args.n + 1))
  if not ok then return code, message end
  support.pump(support.DEADLINE_MS, function() return done end, client)
  if not done then error(method .. " has not completed in time", 2) end
  return table.unpack(done, 1, done.n)
end

-- The same for a call that must succeed: its result.
function support.must(client, method, ...)
  local code, desc, result = support.call(client, method, ...)
  if code ~= 0 then error(("%s: %s (%d)"):format(method, desc, code), 2) end
  return result
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
  directories, clients = {}, {}
end

return support
