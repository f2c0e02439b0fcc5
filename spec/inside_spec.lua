-- What may be done inside callbacks: every call, `logout`, `logout` and `login`, and `close`, inside each kind of event,
-- inside each call's completion and inside a download's progress; and that a client leaves nothing behind, however often.

local lfs = require "lfs"
local samples = require "samples"
local support = require "support"
local timmsg = require "timmsg"
local uv = require "luv"
local web = require "web"

local C2C <const> = timmsg.C2C
local CYCLES <const> = tonumber(os.getenv "CYCLES") or 60
local describe <const> = support.hub_only(describe)

describe("inside a callback", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(function()
    web.cleanup()
    support.cleanup()
  end)

  -- What to download from a server that gives the beginning and never the rest.
  local function unfinished()
    local server = web.script(function(connection)
      connection:write("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" .. ("x"):rep(10000))
    end)
    return {
      msg_download_elem_param_type = timmsg.TIMDownload_File,
      msg_download_elem_param_url = server:url "/file",
    }
  end

  -- How each kind of event comes about for alice, by what bob or she does. Nobody waits for what alice does: it may be
  -- cancelled.
  local events = {
    recv_new_msg = function(_, bob) support.say(bob, "alice", C2C, "hello") end,
    msg_readed_receipt = function(alice, bob)
      support.say(alice, "bob", C2C, "hello")
      support.eventually(function() return support.conv(bob, "alice", C2C) end, bob)
      support.must(bob, "report_readed", "alice", C2C)
    end,
    msg_revoke = function(_, bob)
      local msg = support.say(bob, "alice", C2C, "hello")
      support.must(bob, "revoke", "alice", C2C, msg)
    end,
    msg_elem_upload_progress = function(alice)
      alice:send_new_msg("bob", C2C, timmsg.file(support.write_file(dir .. "/file", "content")))
    end,
    group_tips_event = function(alice)
      alice:group_create { create_group_param_group_name = "crew", create_group_param_group_member_array = timmsg.array {
        { group_member_info_identifier = "bob" },
      } }
    end,
    conv_event = function(alice) alice:save_msg("bob", C2C, timmsg.text "draft") end,
    network_status = function(alice) alice:logout() alice:login("alice", "") end,
    log = function(alice) assert.is_nil((alice:send_new_msg("bob", C2C, {}))) end,
    error = function(alice) alice:group_quit "nogroup" end, -- fails, and has no callback
  }

  -- Logs alice in. The log-in that brought an event about may still be under way (rule 8).
  local function log_in(alice)
    local code
    support.eventually(function()
      code = support.call(alice, "login", "alice", "")
      return code ~= timmsg.ERR_IN_PROGESS
    end)
    assert.equal(0, code)
  end

  -- What is done inside: returns what must hold at the end.
  local acts = {}

  acts["every call"] = function(alice)
    local answers, taken = {}, {}
    for _, call in ipairs(samples.calls) do
      if call.name ~= "logout" then
        local ok, message = samples.try(alice, call, nil, function(_, _, _, is_progress)
          if not is_progress then answers[call.name] = (answers[call.name] or 0) + 1 end
        end)
        taken[call.name] = ok and 1 or nil
        assert(ok or message == "nobody is logged in", call.name .. ": " .. tostring(message))
      end
    end
    alice:off("recv_new_msg", alice.close)
    alice:on("recv_new_msg", function() end)
    assert(tostring(alice):find "^timmsg.client")
    alice:user()
    alice:pollfd()
    alice:events()
    alice:timeout()
    local count, message = alice:poll()
    assert(count == nil and message == "already polling", message)
    return function()
      support.eventually(function()
        for name in pairs(taken) do
          if not answers[name] then return false end
        end
        return true
      end, alice)
      assert.same(taken, answers)
      assert.equal(0, (support.call(alice, "conv_get_conv_list")))
    end
  end

  acts["logout"] = function(alice, was_in)
    local codes, sent = {}, 0
    for _ = 1, 20 do
      if alice:send_new_msg("alice", C2C, timmsg.text "pending", function(code) codes[#codes + 1] = code end) then sent = sent + 1 end
    end
    assert(sent == (was_in and 20 or sent))
    local out
    local ok, _, code = alice:logout(function(result) out = result end)
    assert(ok or not was_in and code == timmsg.TIM_ERR_NOTLOGIN)
    if was_in then
      assert(select(3, alice:conv_get_conv_list()) == timmsg.TIM_ERR_NOTLOGIN)
      assert(select(3, alice:logout()) == timmsg.TIM_ERR_NOTLOGIN)
    end
    return function()
      support.eventually(function() return (out or not ok) and #codes == sent end, alice)
      assert.equal(ok and 0 or nil, out)
      for _, one in ipairs(codes) do
        assert.is_true(one == 0 or one == timmsg.ERR_USER_CANCELED, one)
      end
      log_in(alice)
      assert.equal(0, (support.call(alice, "conv_get_conv_list")))
      assert.equal(sent, #codes)
    end
  end

  acts["logout and login"] = function(alice, was_in)
    local out, login
    assert(alice:logout(function(code) out = code end) or not was_in)
    assert(alice:login("alice", "", function(code) login = code end))
    return function()
      support.eventually(function() return login and (out or not was_in) end, alice)
      if was_in then assert.same({ 0, 0 }, { out, login }) end
      log_in(alice)
      assert.equal(0, (support.call(alice, "conv_get_conv_list")))
    end
  end

  acts["close"] = function(alice)
    local sent, codes = 0, {}
    for _ = 1, 20 do
      if alice:send_new_msg("alice", C2C, timmsg.text "pending", function(code) codes[#codes + 1] = code end) then sent = sent + 1 end
    end
    alice:close()
    assert(#codes == sent)
    alice:close()
    return function()
      assert.has_error(function() alice:poll() end)
      assert.equal(sent, #codes)
      local again <close> = assert(timmsg.new { data_dir = dir .. "/alice", server = support.server(dir) })
      assert.equal(0, (support.call(again, "login", "alice", "")))
    end
  end

  -- Polls alice until `done()`, and bob if he is there; she may be closed meanwhile.
  local function poll_alice(alice, done, ...)
    support.eventually(function()
      uv.run "nowait"
      if tostring(alice):find "closed" then return done() end
      alice:poll()
      return done()
    end, ...)
  end

  for act_name, act in pairs(acts) do
    -- Plays it in the first callback of its kind: a function that does so, and one that waits for it.
    local function player(alice, was_in, ...)
      local others = table.pack(...)
      local check, begun, raised
      local function play()
        if begun then return end
        begun = true
        local ok, result = xpcall(act, debug.traceback, alice, was_in)
        if ok then check = result else raised = result end
      end
      return play, function()
        poll_alice(alice, function() return check or raised end, table.unpack(others, 1, others.n))
        assert.is_nil(raised)
        check()
      end
    end

    for event, bring in pairs(events) do
      it(("%s, of %s"):format(act_name, event), function()
        local alice, bob = support.new_client(dir, "alice"), support.new_client(dir, "bob")
        support.must(alice, "set_config", { set_config_user_config = { user_config_is_read_receipt = true } })
        local play, finish = player(alice, event ~= "network_status", bob)
        alice:on(event, play)
        bring(alice, bob)
        finish()
      end)
    end

    it(act_name .. ", of each call's completion", function()
      for _, call in ipairs(samples.calls) do
        local alice = support.new_client(dir, "alice")
        local play, finish = player(alice, call.name ~= "logout")
        assert(samples.try(alice, call, { user_id = "alice" }, play))
        finish()
        alice:close()
      end
    end)

    it(act_name .. ", of a download's progress", function()
      local alice = support.new_client(dir, "alice")
      local play, finish = player(alice, true)
      assert(alice:download_elem_to_path(unfinished(), dir .. "/copy", play))
      finish()
    end)
  end
end)

describe("a client again and again", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(support.cleanup)

  local function entries(path)
    local count = 0
    for _ in lfs.dir(path) do count = count + 1 end
    return count
  end

  -- The least number of threads for a moment, or until there are no more than `wanted`: one that has ended may still be there.
  local function count_threads(wanted)
    local least = math.huge
    support.pump(wanted and support.DEADLINE_MS or 50, function()
      least = math.min(least, entries "/proc/self/task")
      return wanted and least <= wanted
    end)
    return least
  end

  -- Descriptors, Lua's memory in bytes, and resident memory in KB.
  local function use()
    for _ = 1, 3 do collectgarbage() end
    local resident = support.read_file("/proc/self/status"):match "VmRSS:%s*(%d+)"
    return entries "/proc/self/fd", collectgarbage "count" * 1024, tonumber(resident)
  end

  local ways = {
    ["leaves nothing behind when it is closed"] = function(tim) tim:close() end,
    ["leaves nothing behind when it is logged out and closed"] = function(tim)
      support.must(tim, "logout")
      tim:close()
    end,
    ["leaves nothing behind when it is collected"] = function() end,
    ["leaves nothing behind when it is closed in a callback"] = function(tim)
      local done
      tim:on("conv_event", function() tim:close() end)
      assert(tim:save_msg("alice", C2C, timmsg.text "x", function() done = true end))
      support.eventually(function()
        if not tostring(tim):find "closed" then tim:poll() end
        return tostring(tim):find "closed"
      end)
      assert.is_true(done)
    end,
  }
  for name, leave in pairs(ways) do
    it(name, function()
      local function cycle()
        if name:find "collected" then -- the one before
          collectgarbage()
          collectgarbage()
        end
        local tim = assert(timmsg.new { data_dir = dir .. "/alice", server = support.server(dir) })
        tim:on("recv_new_msg", function() return tim end)
        assert.equal(0, (support.call(tim, "login", "alice", "")))
        assert(tim.await:send_new_msg("alice", C2C, timmsg.text "hello"))
        support.must(tim, "delete", "alice", C2C, {})
        leave(tim)
      end
      for _ = 1, 20 do cycle() end
      local descriptors, bytes, resident = use()
      local threads = count_threads()
      for _ = 1, CYCLES // 2 do cycle() end
      local _, halfway = use()
      for _ = 1, CYCLES // 2 do cycle() end
      local descriptors_after, bytes_after, resident_after = use()
      assert.equal(descriptors, descriptors_after)
      assert.is_true(count_threads(threads) <= threads)
      -- Lua's table of strings grows in one big step; a leak does so all the time
      local more = math.min(bytes_after - halfway, halfway - bytes)
      assert.is_true(more < math.max(500, CYCLES * 8), more .. " bytes more of Lua's memory")
      if (os.getenv "TIMMSG_SANITIZE" or "") == "" then -- sanitizers keep what is freed
        assert.is_true(resident_after - resident < 2048, (resident_after - resident) .. " KB more resident")
      end
    end)
  end
end)
