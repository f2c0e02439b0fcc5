-- A peer of the specs: a process of its own that does one task and prints a line for each thing it did or saw.
-- lua5.4 spec/peer.lua TASK DIR SERVER ARGUMENT...    (started by spec/process.lua)
-- It ends when its task is done or its standard input tells it so; a task that waits for too long is an error.
---@diagnostic disable: discard-returns

local timmsg = require "timmsg"

local LIMIT_S <const> = 30 * (tonumber(os.getenv "TIMMSG_PATIENCE") or 1)

local task <const>, dir <const>, server <const> = arg[1], arg[2], arg[3]

io.stdout:setvbuf "line"

local function print_line(...)
  io.stdout:write(table.concat({ ... }, " "), "\n")
end

local function now_ms()
  return require("system").monotime() * 1000
end

-- A client of the user, logged in; `before(client)` may add handlers first. Further options may be given.
local function login(user, before, options)
  local all = { sdk_app_id = 1400000001, data_dir = dir .. "/" .. user, server = server }
  for key, value in pairs(options or {}) do
    all[key] = value
  end
  local client = assert(timmsg.new(all))
  if before then before(client) end
  assert(client.await:login(user, "sig"))
  return client
end

-- Polls until `predicate()`.
local function pump(client, predicate)
  local deadline = os.time() + LIMIT_S
  client:poll()
  while not predicate() do
    assert(os.time() < deadline, "waited for too long")
    client:wait(1000)
    client:poll()
  end
end

local function text_of(msg)
  local elem = msg.message_elem_array[1]
  return elem and elem.text_elem_content or "-"
end

-- Prints what comes: "got SENDER SEQ MILLISECOND TEXT". `count()` tells how many there were.
local function print_messages(client)
  local count = 0
  client:on("recv_new_msg", function(msgs)
    local time = ("%.3f"):format(now_ms())
    for _, msg in ipairs(msgs) do
      if msg.message_sender:sub(1, 1) ~= "@" then -- what the group itself says is no peer's
        count = count + 1
        print_line("got", msg.message_sender, msg.message_seq, time, text_of(msg))
      end
    end
  end)
  return function() return count end
end

-- Sends texts "PREFIX 1" to "PREFIX count", at most `window` at a time: "sent SEQ TEXT" for each. `sent()` tells how
-- many are through.
local function start_sending(client, conv_id, conv_type, prefix, count, window)
  local next_one, done = 1, 0
  local function send()
    if next_one > count then return end
    local text = prefix .. " " .. next_one
    next_one = next_one + 1
    assert(client:send_new_msg(conv_id, conv_type, timmsg.text(text), function(code, desc, msg)
      assert(code == 0, desc)
      done = done + 1
      print_line("sent", msg.message_seq, text)
      send()
    end))
  end
  for _ = 1, window do
    send()
  end
  return function() return done end
end

local tasks = {}

-- Sends `count` messages and gets `expected`; tells when it is logged in and waits to be told to begin.
function tasks.chat(user, conv_id, conv_type, count, expected, window)
  local got
  local client <close> = login(user, function(new) got = print_messages(new) end)
  print_line("ready")
  io.read() -- the word to begin
  local sent = start_sending(client, conv_id, tonumber(conv_type), user, tonumber(count), tonumber(window))
  pump(client, function() return sent() == tonumber(count) and got() >= tonumber(expected) end)
  print_line("done")
  io.read() -- others may want to look at it, or write to it
  client:poll()
end

-- Sends `count` messages to a group and as many to a user, all at once, when it is told to begin.
function tasks.crowd(user, group_id, peer, count, window)
  local client <close> = login(user)
  print_line("ready")
  io.read()
  count, window = tonumber(count), tonumber(window)
  local in_group = start_sending(client, group_id, timmsg.GROUP, user .. " to all", count, window)
  local in_private = start_sending(client, peer, timmsg.C2C, user .. " to one", count, window)
  pump(client, function() return in_group() == count and in_private() == count end)
  print_line("done")
end

-- Makes a group with one more member.
function tasks.make_group(user, group_id, member)
  local client <close> = login(user)
  assert(client.await:group_create {
    create_group_param_group_id = group_id, create_group_param_group_name = group_id,
    create_group_param_group_member_array = timmsg.array { { group_member_info_identifier = member } },
  })
  print_line("made")
  io.read()
end

-- Prints what was said in a group, in its order.
local function print_history(client, group_id)
  local texts = {}
  for _, msg in ipairs(assert(client.await:get_msg_list(group_id, timmsg.GROUP,
    { msg_getmsglist_param_count = 100, msg_getmsglist_param_is_remble = true }))) do
    local text = text_of(msg)
    if text ~= "-" then table.insert(texts, 1, text) end
  end
  print_line("history", table.concat(texts, ", "))
  io.read()
end

-- Joins a group, and prints what was said there before.
function tasks.join_group(user, group_id)
  local client <close> = login(user)
  assert(client.await:group_join(group_id, ""))
  print_line("joined")
  print_history(client, group_id)
end

-- Is in a group and leaves it, joins it again when told to, and prints what was said there.
function tasks.leave_for_a_while(user, group_id)
  local client <close> = login(user)
  assert(client.await:group_join(group_id, ""))
  assert(client.await:group_quit(group_id))
  print_line("left")
  io.read()
  assert(client.await:group_join(group_id, ""))
  print_history(client, group_id)
end

-- Says something to a user and in a group of its own, and revokes it when the window, in seconds, is over: "revoked CODE CODE".
function tasks.revoke_late(user, peer, window)
  local client <close> = login(user, nil, { revoke_window_s = tonumber(window) })
  assert(client.await:group_create { create_group_param_group_id = "crew", create_group_param_group_name = "crew" })
  local function say(conv_id, conv_type) return assert(client.await:send_new_msg(conv_id, conv_type, timmsg.text "late")) end
  local to_peer, in_group = say(peer, timmsg.C2C), say("crew", timmsg.GROUP)
  client.await:sleep(1000 * window + 1500)
  local function revoke(conv_id, conv_type, msg)
    local ok, _, code = client.await:revoke(conv_id, conv_type, msg)
    return ok and 0 or code
  end
  print_line("revoked", revoke(peer, timmsg.C2C, to_peer), revoke("crew", timmsg.GROUP, in_group))
  io.read()
end

-- Quits a group when it is told to begin, with so much time: "quit CODE". Where that fails it waits for a message, and then
-- says how many groups the user is in, "groups COUNT", each time it is asked.
function tasks.quit_group(user, group_id, timeout_ms)
  local code, got
  local client <close> = login(user, function(new) got = print_messages(new) end, { request_timeout_ms = tonumber(timeout_ms) })
  print_line("ready")
  io.read()
  assert(client:group_quit(group_id, function(result) code = result end))
  print_line("asked")
  pump(client, function() return code end)
  print_line("quit", code)
  if code ~= 0 then pump(client, function() return got() > 0 end) end
  while io.read() do
    print_line("groups", #assert(client.await:group_get_joined_group_list()))
  end
end

-- Sends one message after the other until it is killed.
function tasks.send(user, conv_id, conv_type, prefix, window)
  local client <close> = login(user)
  print_line("ready")
  start_sending(client, conv_id, tonumber(conv_type), prefix, math.maxinteger, tonumber(window))
  pump(client, function() return false end)
end

-- Has a handler for new messages and never polls: tells when there is something that it would be called for.
function tasks.deaf(user)
  local client <close> = login(user, function(new) new:on("recv_new_msg", function() print_line("called") end) end)
  print_line("ready")
  client:wait(LIMIT_S * 1000)
  print_line("waiting")
  io.read()
end

-- Imports `count` messages, saying when it begins and when it is done.
function tasks.import(user, conv_id, count)
  local client <close> = login(user)
  local list = {}
  for i = 1, tonumber(count) do
    list[i] = timmsg.text("imported " .. i)
    list[i].message_server_time, list[i].message_seq, list[i].message_rand = 1400000000 + i // 100, i, i
  end
  assert(client:import_msg_list(conv_id, timmsg.C2C, list, function(code)
    print_line("imported", code)
    io.read()
  end))
  print_line("begun")
  pump(client, function() return false end)
end

-- Prints what comes until it is killed or its time is over; `expected`: until so many came.
function tasks.receive(user, expected)
  local got
  local client <close> = login(user, function(new) got = print_messages(new) end)
  print_line("ready")
  pump(client, function() return got() >= tonumber(expected) end)
  print_line("done")
  io.read()
end

-- Counts what comes until there are `expected`: "all NANOSECOND" when the callback has the last one.
function tasks.count(user, expected)
  local missing, ended = tonumber(expected), nil
  local client <close> = login(user, function(new)
    new:on("recv_new_msg", function(msgs)
      missing = missing - #msgs
      if missing <= 0 then ended = ended or require("bench_clock").now() end
    end)
  end)
  print_line("ready")
  pump(client, function() return ended end)
  print_line("all", ended)
  io.read()
end

-- Sends `rate` texts a second for so many seconds, evenly, when it is told to begin.
function tasks.pace(user, conv_id, rate, seconds)
  local STEP <const> = 10
  local client <close> = login(user)
  print_line("ready")
  io.read()
  local began, sent, done = now_ms(), 0, 0
  local total = tonumber(rate) * tonumber(seconds)
  while done < total do
    local due = math.min(total, (now_ms() - began) * tonumber(rate) // 1000)
    for i = sent + 1, due do
      assert(client:send_new_msg(conv_id, timmsg.C2C, timmsg.text("message " .. i), function(code, desc)
        assert(code == 0, desc)
        done = done + 1
      end))
    end
    sent = due
    client:poll()
    require("system").sleep(STEP / 1000)
  end
  print_line("done")
  io.read()
end

-- Sends back each text it gets, after "re: ", and the time when it came.
function tasks.echo(user)
  local client <close> = login(user, function(new)
    new:on("recv_new_msg", function(msgs)
      for _, msg in ipairs(msgs) do
        local reply = ("re: %s %.3f"):format(text_of(msg), now_ms())
        assert(new:send_new_msg(msg.message_sender, timmsg.C2C, timmsg.text(reply)))
      end
    end)
  end)
  print_line("ready")
  pump(client, function() return false end)
end

-- Logs in and does nothing, not even poll.
function tasks.idle(user)
  local client <close> = login(user)
  print_line("ready")
  client:wait(LIMIT_S * 1000)
end

-- The hub is unreachable for everybody while this runs: it holds the locks that a process has that repairs the index
-- of the hub's database (bytes 120 and 122 of the -shm file), which it has spoiled. Whoever comes after the locks are
-- gone repairs it for good.
function tasks.block_hub()
  local lfs = require "lfs"
  local index <close> = assert(io.open(dir .. "/hub/hub.db-shm", "r+b"))
  local deadline = os.time() + LIMIT_S
  for _, byte in ipairs { 120, 122 } do
    while not lfs.lock(index, "w", byte, 1) do
      assert(os.time() < deadline, "the hub is in use all the time")
    end
  end
  assert(index:seek("set", 0))
  assert(index:write(("\0"):rep(96)))
  assert(index:flush())
  print_line("blocked")
  io.read()
end

assert(tasks[task], "no such task")(table.unpack(arg, 4))
