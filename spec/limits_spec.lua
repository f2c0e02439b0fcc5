-- Limits and trust: rules 43 and 44. What peers may write is in hostile_hub_spec.lua.

local lfs = require "lfs"
local process = require "process"
local support = require "support"
local system = require "system"
local timmsg = require "timmsg"
local web = require "web"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP
local LIMIT <const> = 10000
local hub_it = support.hub_only(it)

describe("Limits", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(function()
    process.cleanup()
    web.cleanup()
    support.cleanup()
  end)

  -- Counts completions by their code.
  local function counter()
    local counts = { all = 0 }
    return counts, function(code)
      counts[code] = (counts[code] or 0) + 1
      counts.all = counts.all + 1
    end
  end

  -- Memory of this process that is in use, in megabytes.
  local function memory()
    local file <close> = assert(io.open "/proc/self/statm")
    return tonumber(file:read "a":match "^%d+ (%d+)") * 4096 / 1e6
  end

  -- Whether a thread of this process other than the one that asks runs, or waits for the disk.
  local function others_work()
    local own = support.read_file "/proc/thread-self/stat":match "^%d+"
    for task in lfs.dir "/proc/self/task" do
      local file = task ~= own and task:find "^%d" and io.open(("/proc/self/task/%s/stat"):format(task), "rb")
      local state = file and (file:read "a" or ""):match "^.*%) (%u)" -- none: it has just ended
      if file then file:close() end
      if state == "R" or state == "D" then return true end
    end
    return false
  end

  -- Waits until this process has nothing to do any more, all threads of it.
  local function rest()
    local deadline, quiet = support.now_ms() + support.DEADLINE_MS, 0
    while quiet < 5 do
      local before = os.clock()
      system.sleep(0.04)
      quiet = os.clock() - before < 0.002 and not others_work() and quiet + 1 or 0
      assert(support.now_ms() < deadline, "something runs on and on")
    end
  end

  hub_it("rule 43: past 10,000 operations under way a call completes with 9507", function()
    local tim = support.new_client(dir, "anna")
    local param = web.unanswered() -- what never ends by itself
    local counts, count = counter()
    for i = 1, LIMIT do
      assert(tim:download_elem_to_path(param, dir .. "/f" .. i, count))
    end
    tim:poll()
    assert.equal(0, counts.all)
    -- any more are refused, whatever they are, and bring nothing about
    for _, call in ipairs {
      { "download_elem_to_path", param, dir .. "/more" },
      { "send_new_msg", "anna", C2C, timmsg.text "too much" },
      { "save_msg", "anna", C2C, timmsg.text "too much" },
      { "import_msg_list", "anna", C2C, { timmsg.text "too much" } },
      { "conv_create", "ben", C2C },
      { "conv_get_conv_list" },
      { "get_msg_list", "anna", C2C, {} },
      { "group_create", { create_group_param_group_name = "too much", create_group_param_group_id = "g" } },
      { "batch_send", { msg_batch_send_param_identifier_array = { "anna" }, msg_batch_send_param_msg = timmsg.text "x" } },
    } do
      local code, desc, result = support.call(tim, table.unpack(call))
      assert.equal(timmsg.ERR_SDK_NET_REQ_COUNT_LIMIT, code, call[1])
      assert.is_true(#desc > 0)
      assert.is_nil(result)
    end
    assert.equal(0, counts.all)
    -- bad arguments are refused as ever
    assert.equal(timmsg.TIM_ERR_CONV, (support.call(tim, "send_new_msg", "", C2C, timmsg.text "a")))
    -- logging out is possible, ends them all, and all is well again
    support.must(tim, "logout")
    assert.same({ all = LIMIT, [timmsg.ERR_USER_CANCELED] = LIMIT }, counts)
    support.must(tim, "login", "anna", "sig")
    assert.same({}, support.must(tim, "conv_get_conv_list"))
    assert.same({}, support.must(tim, "group_get_joined_group_list"))
    support.say(tim, "anna", C2C, "now")
    assert.same({ "now" }, support.texts(support.history(tim, "anna", C2C)))
  end)

  hub_it("rule 43: completions that the host does not take count too", function()
    local tim = support.new_client(dir, "anna")
    local counts, count = counter()
    for _ = 1, LIMIT + 300 do
      assert(tim:get_msg_list("anna", C2C, {}, count))
    end
    rest()
    tim:poll()
    assert.same({ all = LIMIT + 300, [0] = LIMIT, [timmsg.ERR_SDK_NET_REQ_COUNT_LIMIT] = 300 }, counts)
    -- as soon as they are taken there is room
    for _ = 1, LIMIT do
      assert(tim:get_msg_list("anna", C2C, {}, count))
    end
    support.eventually(function() return counts.all == 2 * LIMIT + 300 end, tim)
    assert.equal(2 * LIMIT, counts[0])
  end)

  hub_it("rule 43: the payload of what is refused is not kept", function()
    local tim = support.new_client(dir, "anna")
    local param = web.unanswered() -- what never ends by itself
    for i = 1, LIMIT - 1 do
      assert(tim:download_elem_to_path(param, dir .. "/f" .. i, function() end))
    end
    rest()
    -- the last one holds the worker up, which could make room by itself
    local blocker = process.start("block_hub", dir)
    blocker:expect "blocked"
    local counts, count = counter()
    assert(tim:send_new_msg("anna", C2C, timmsg.text "waits", count))
    collectgarbage()
    local before = memory()
    local large = timmsg.text(("x"):rep(12000))
    for _ = 1, 20000 do -- 240 MB
      assert(tim:send_new_msg("anna", C2C, large, count))
    end
    local used = memory() - before
    local allowed = (os.getenv "TIMMSG_SANITIZE" or "") ~= "" and 1000 or 60 -- sanitizers hold what was freed back for a while
    assert.is_true(used < allowed, ("%.0f MB"):format(used))
    tim:poll()
    assert.equal(0, counts.all)
    blocker:tell "go"
    blocker:finish()
    support.eventually(function() return counts.all == 20001 end, tim)
    assert.same({ all = 20001, [0] = 1, [timmsg.ERR_SDK_NET_REQ_COUNT_LIMIT] = 20000 }, counts)
  end)

  it("rule 43: sends are not throttled", function()
    local total <const> = support.is_hub and 5000 or 1000 -- an XMPP server takes some 500 a second
    local tim = support.new_client(dir, "anna")
    local ben, seen = support.device(dir, "ben")
    local counts, count = counter()
    local wanted = {}
    for i = 1, total do
      wanted[i] = "m" .. i
      assert(tim:send_new_msg("ben", C2C, timmsg.text(wanted[i]), count))
    end
    support.eventually(function() return #seen.messages == total and counts.all == total end, ben, tim)
    assert.same({ all = total, [0] = total }, counts)
    assert.same(wanted, support.texts(seen.messages))
  end)

  hub_it("rule 43: no more than 10,000 events are read ahead of a host that doesn't poll, and none is lost", function()
    local TOTAL <const> = 13000
    local anna = support.new_client(dir, "anna")
    local ben, ben_seen = support.device(dir, "ben")
    local cora, cora_seen = support.device(dir, "cora")
    support.group(anna, "team", "ben", "cora")
    support.eventually(function() return ben_seen.messages[1] and cora_seen.messages[1] end, ben, cora) -- the tip
    ben_seen.messages, cora_seen.messages = {}, {}

    local sent, done = 0, 0
    support.eventually(function()
      while sent < TOTAL and sent - done < 4000 do
        sent = sent + 1
        assert(anna:send_new_msg("team", GROUP, timmsg.text("m" .. sent), function(code)
          assert(code == 0)
          done = done + 1
        end))
      end
      return done == TOTAL
    end, anna)
    anna:close()
    rest()

    -- all that has been read is told at the end; each array brought a conversation event, which counts too, and an
    -- array more or less is no matter
    ben:close()
    local ahead = #ben_seen.messages
    local all = ahead + #ben_seen.events
    assert.is_true(all >= LIMIT - 100 and all <= LIMIT + 200, ("%d messages of %d events read ahead"):format(ahead, all))
    local again, again_seen = support.device(dir, "ben")
    support.eventually(function() return ahead + #again_seen.messages >= TOTAL end, again)
    support.call(again, "conv_get_conv_list")
    table.move(again_seen.messages, 1, #again_seen.messages, ahead + 1, ben_seen.messages)

    -- the other goes on as soon as it is polled
    support.eventually(function() return #cora_seen.messages >= TOTAL end, cora)
    support.call(cora, "conv_get_conv_list")

    for _, seen in ipairs { ben_seen, cora_seen } do
      assert.equal(TOTAL, #seen.messages)
      for i, msg in ipairs(seen.messages) do
        if support.text_of(msg) ~= "m" .. i then error(("%s at place %d"):format(support.text_of(msg), i)) end
      end
    end
  end)

  describe("trust", function()
    hub_it("rule 44: the hub accepts any user_sig", function()
      local sigs = { "", "x", ("long"):rep(100000), "eJyrVkrMTFGyUrJSMjQ0NDFX0lHKTSwoyEwGigMA", "'; DROP TABLE users; --", "签名 👋" }
      for i, sig in ipairs(sigs) do
        local tim = support.new_client(dir, nil, { data_dir = dir .. "/device" .. i })
        assert.equal(0, (support.call(tim, "login", "anna", sig)))
        assert.equal("anna", tim:user())
        tim:close()
      end
      local tim = support.new_client(dir, nil)
      assert.equal(0, (support.call(tim, "login", "ben", nil)))
    end)

    hub_it("rule 44: nobody but its user can look into what is written", function()
      local tim = support.new_client(dir, "anna")
      local path = support.write_file(dir .. "/f.bin", ("x"):rep(1000))
      local msg = support.must(tim, "send_new_msg", "anna", C2C, timmsg.file(path))
      local url = msg.message_elem_array[1].file_elem_url
      support.must(tim, "download_elem_to_path", { msg_download_elem_param_url = url }, dir .. "/anna/got.bin")
      local seen = 0
      local function look(at)
        local info = lfs.symlinkattributes(at)
        local wanted = info.mode == "directory" and "rwx------" or "rw-------"
        assert.equal(wanted, info.permissions, at)
        seen = seen + 1
        if info.mode ~= "directory" then return end
        for name in lfs.dir(at) do
          if name ~= "." and name ~= ".." then look(at .. "/" .. name) end
        end
      end
      look(dir .. "/hub")
      look(dir .. "/anna")
      assert.is_true(seen >= 8)
    end)
  end)
end)
