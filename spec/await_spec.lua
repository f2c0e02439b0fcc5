-- Straight-line code: several awaits at once, deadlines, closing, errors, and coroutines that a scheduler of the host's
-- runs. (That await carries out each call: lua_face_spec.lua.)

local condition = require "cqueues.condition"
local cqueues = require "cqueues"
local lfs = require "lfs"
local support = require "support"
local testing = require "timmsg.testing"
local timmsg = require "timmsg"
local web = require "web"

local describe <const> = support.hub_only(describe)
local C2C <const> = timmsg.C2C

describe("in straight-line code", function()
  local dir, alice, bob, seen

  before_each(function()
    dir = support.temp_dir()
    alice = support.new_client(dir, "alice")
    bob, seen = support.device(dir, "bob")
  end)
  after_each(function()
    timmsg.set_scheduler(nil)
    web.cleanup()
    support.cleanup()
  end)

  local function say(text) return function() return alice.await:send_new_msg("bob", C2C, timmsg.text(text)) end end

  -- Runs it in a coroutine, polled until it ends: what it returns.
  local function run(fn)
    local result
    coroutine.wrap(function() result = table.pack(pcall(fn)) end)()
    support.eventually(function() return result end, alice)
    if not result[1] then error(result[2], 0) end
    return table.unpack(result, 2, result.n)
  end

  local ways = { ["in a coroutine"] = run, ["outside of any"] = function(fn) return fn() end }

  it("outside of any, what would wait for a client that is polled by nobody is refused", function()
    local function of_bob() return bob.await:conv_get_conv_list() end
    local function nested() return alice.await:all(say "nested", of_bob) end
    local mine, other, nest = alice.await:all(say "mine", of_bob, nested)
    assert.equal("mine", support.text_of(mine[1]))
    assert.same({ nil, timmsg.TIM_ERR_PARAM }, { other[1], other[3] })
    assert.matches("wait for ever", other[2])
    assert.equal("nested", support.text_of(nest[1][1]))
    assert.same({ nil, timmsg.TIM_ERR_PARAM }, { nest[2][1], nest[2][3] })
    local none, _, code = alice.await:timeout(support.DEADLINE_MS, of_bob)
    assert.same({ nil, timmsg.TIM_ERR_PARAM }, { none, code })
    -- in a coroutine each may wait for its own, if both are polled
    local result
    coroutine.wrap(function() result = table.pack(alice.await:all(say "both", of_bob)) end)()
    support.eventually(function() return result end, alice, bob)
    assert.equal("both", support.text_of(result[1][1]))
    assert.equal("alice", result[2][1][1].conv_id)
  end)

  for where, how in pairs(ways) do
    describe(where, function()
      it("a time passes", function()
        local began = support.now_ms()
        assert.is_true(how(function() return alice.await:sleep(50) end))
        assert.is_true(support.now_ms() - began >= 49)
      end)

      it("several things happen at once", function()
        local one, two, three, four = how(function()
          return alice.await:all(say "one", say "two", function()
            alice.await:sleep(30)
            return nil, "two values", 3
          end, function() return alice.await:group_join "nowhere" end)
        end)
        assert.equal("one", support.text_of(one[1]))
        assert.equal("two", support.text_of(two[1]))
        assert.same({ n = 3, [2] = "two values", [3] = 3 }, three)
        assert.same({ nil, timmsg.ERR_SVR_GROUP_NOT_FOUND }, { four[1], four[3] })
        support.arrival(seen, "two", bob)
        assert.same(0, select("#", how(function() return alice.await:all() end)))
      end)

      it("an error in one reaches the caller with its traceback, and ends the others", function()
        local is_closed, went_on = false, false
        local function fails_here()
          alice.await:sleep(10)
          error "the reason"
        end
        local ok, err = pcall(how, function()
          local ok, err = pcall(function()
            alice.await:all(function()
              local _guard <close> = setmetatable({}, { __close = function() is_closed = true end }) -- luacheck: ignore 211
              alice.await:sleep(5000)
              went_on = true
            end, fails_here)
          end)
          return not ok and error(err, 0)
        end)
        assert.is_false(ok)
        assert.is_truthy(err:find "await_spec.lua:%d+: the reason\nstack traceback:.*await_spec.lua:%d+: in function")
        assert.is_true(is_closed)
        assert.is_false(went_on)
        -- what is no text comes as it is
        local thing = {}
        local _, same = pcall(how, function()
          local good, value = pcall(alice.await.all, alice.await, function() error(thing) end)
          return not good and error(value, 0)
        end)
        assert.equal(thing, same)
      end)

      it("a deadline ends what takes too long", function()
        local is_closed = false
        local result = table.pack(how(function()
          return alice.await:timeout(20, function()
            local _guard <close> = setmetatable({}, { __close = function() is_closed = true end }) -- luacheck: ignore 211
            alice.await:sleep(5000)
            return "too late"
          end)
        end))
        assert.same({ nil, "not done in 20 ms", timmsg.ERR_REQUEST_TIMEOUT, n = 3 }, result)
        assert.is_true(is_closed)
        local sent = how(function()
          return alice.await:timeout(5000, function(text) return say(text)() end, "in time")
        end)
        assert.equal("in time", support.text_of(sent))
        assert.same({ n = 2, [2] = "its own" }, table.pack(how(function()
          return alice.await:timeout(5000, function() return nil, "its own" end)
        end)))
        local ok, err = pcall(how, function()
          local good, value = pcall(alice.await.timeout, alice.await, 5000, function() error "inside" end)
          return not good and error(value, 0)
        end)
        assert.is_false(ok)
        assert.is_truthy(tostring(err):find "inside")
      end)

      it("they can be put into each other", function()
        local outcome = how(function()
          local first, second = alice.await:all(function()
            return alice.await:timeout(20, function() return alice.await:all(say "inner", function() alice.await:sleep(5000) end) end)
          end, function() return alice.await:timeout(5000, say "other") end)
          return { first[3], support.text_of(second[1]) }
        end)
        assert.same({ timmsg.ERR_REQUEST_TIMEOUT, "other" }, outcome)
      end)
    end)
  end

  it("an error behind a wait for several, or with a deadline, is told as it is", function()
    local told = {}
    alice:on("error", function(err, traceback) told[#told + 1] = { err, traceback } end)
    local function sleeps() assert(alice.await:sleep(1)) end
    local waits = {
      function() return alice.await:all(sleeps) end,
      function() return alice.await:timeout(5000, sleeps) end,
      function() return alice.await:all(function() return alice.await:timeout(5000, function() return alice.await:all(sleeps) end) end) end,
    }
    for i, wait in ipairs(waits) do
      for _, err in ipairs { "the reason", { code = 7 } } do
        local function raises_here() error(err, 0) end
        local function waits_and_raises()
          wait()
          raises_here()
        end
        told = {}
        coroutine.wrap(waits_and_raises)()
        support.eventually(function() return told[1] end, alice)
        assert.equal(err, told[1][1], i)
        assert.matches("raises_here", told[1][2])
      end
    end
  end)

  it("and without a handler it comes out of poll", function()
    local thing = {}
    coroutine.wrap(function()
      alice.await:all(function() alice.await:sleep(1) end)
      error(thing)
    end)()
    local ok, err
    support.eventually(function()
      ok, err = pcall(alice.poll, alice)
      return not ok
    end)
    assert.equal(thing, err)
  end)

  it("a timer nobody waits for any more is gone", function()
    -- what its callback can reach is garbage then
    local weak = setmetatable({}, { __mode = "k" })
    local function thing()
      local new = {}
      weak[new] = true
      return new
    end
    local function never() alice.await:sleep(60000) end
    local function settles(fn) return pcall(alice.await.timeout, alice.await, 60000, fn) end
    for _, in_a_coroutine in ipairs { false, true } do
      local cases = {
        function() settles(thing) end,
        function()
          settles(function()
            alice.await:sleep(1)
            return thing()
          end)
        end,
        function() settles(function() error(thing()) end) end,
        function()
          alice.await:timeout(1, function()
            local held = thing()
            never()
            return held
          end)
        end,
        function()
          pcall(alice.await.all, alice.await, function()
            local held = thing()
            never()
            return held
          end, function()
            alice.await:sleep(1)
            error "enough"
          end)
        end,
      }
      for i, case in ipairs(cases) do
        if in_a_coroutine then run(case) else case() end
        cases[i] = false
        support.idle(5, alice) -- what has come meanwhile
        collectgarbage()
        collectgarbage()
        assert.is_nil(next(weak), i)
      end
    end
    local co = coroutine.create(function()
      local held = thing()
      alice.await:timeout(60000, never)
      return held
    end)
    assert(coroutine.resume(co))
    assert.is_true(coroutine.close(co))
    co = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  it("a coroutine that is closed takes those with it that it waits for", function()
    local closed = 0
    local function waits()
      local _guard <close> = setmetatable({}, { __close = function() closed = closed + 1 end }) -- luacheck: ignore 211
      alice.await:sleep(5000)
    end
    local co = coroutine.create(function()
      alice.await:all(waits, function() alice.await:timeout(4000, waits) end)
    end)
    assert(coroutine.resume(co))
    support.idle(20, alice)
    assert.is_true(coroutine.close(co))
    assert.equal(2, closed)
    support.idle(20, alice)
  end)

  -- How a wait for `download` can end before it does; `go` runs a function in a coroutine until it ends.
  local ends = {
    ["with its coroutine"] = function(go, download, has_begun)
      local co = coroutine.create(download)
      assert(coroutine.resume(co))
      go(function()
        while not has_begun() do alice.await:sleep(1) end
      end)
      assert(coroutine.close(co))
    end,
    ["when its time is over"] = function(go, download, has_begun)
      local ms = 100
      repeat
        assert.equal(timmsg.ERR_REQUEST_TIMEOUT, select(3, go(function() return alice.await:timeout(ms, download) end)))
        ms = 2 * ms
      until has_begun()
    end,
    ["with an error in another"] = function(go, download, has_begun)
      assert.is_false(go(function()
        return (pcall(alice.await.all, alice.await, download, function()
          while not has_begun() do alice.await:sleep(1) end
          error "enough"
        end))
      end))
    end,
  }

  for how, ends_early in pairs(ends) do
    it("rule 2: a download ends " .. how, function()
      local is_over, is_whole, told, told_late, left, path = false, false, 0, 0, 0, dir .. "/file"
      local server = web.script(function(connection)
        connection:read_stop()
        connection:read_start(function(_, data) left = left + (data and 0 or 1) end)
        local content = is_whole and ("x"):rep(500000) or ("x"):rep(10000)
        connection:write("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" .. content)
      end)
      local function go(fn)
        local result
        coroutine.wrap(function() result = table.pack(fn()) end)()
        support.eventually(function()
          server.look()
          return result
        end, alice)
        return table.unpack(result, 1, result.n)
      end
      local function download(progress)
        return alice.await:download_elem_to_path({ msg_download_elem_param_url = server:url "/file" }, path, progress)
      end
      ends_early(go, function()
        return download(function()
          told = told + 1
          if is_over then told_late = told_late + 1 end
        end)
      end, function() return told > 0 end)
      is_over, is_whole = true, true
      -- at once
      assert(go(download))
      assert.equal(500000, #support.read_file(path))
      support.eventually(function()
        server.look()
        return left >= server.count - 1
      end, alice)
      assert.equal(0, told_late)
    end)
  end

  it("rule 2: a download that was to begin late does not", function()
    local hub <close> = testing.new()
    local carol, code, result = hub:login "carol", nil, nil
    local sent = assert(carol.await:send_new_msg("carol", C2C, timmsg.file(support.write_file(dir .. "/a", "content"))))
    local param = { msg_download_elem_param_url = sent.message_elem_array[1].file_elem_url }
    local function download() return carol.await:download_elem_to_path(param, dir .. "/b") end
    hub:slow(carol, "download_elem_to_path", 5000)
    coroutine.wrap(function() code = select(3, carol.await:timeout(1000, download)) end)()
    hub:advance(1000)
    assert.equal(timmsg.ERR_REQUEST_TIMEOUT, code)
    coroutine.wrap(function() result = download() end)()
    hub:flush()
    assert.is_table(result)
    assert(os.remove(dir .. "/b"))
    hub:advance(10000)
    assert.is_nil(lfs.attributes(dir .. "/b"))
  end)

  it("a call that is none goes on", function()
    coroutine.close((function()
      local co = coroutine.create(say "all the same")
      assert(coroutine.resume(co))
      return co
    end)())
    support.arrival(seen, "all the same", bob, alice)
  end)

  it("the end of the client ends every wait", function()
    local results = {}
    for i, fn in ipairs {
      function() return alice.await:sleep(60000) end,
      function() return alice.await:timeout(60000, function() return alice.await:sleep(50000) end) end,
      function() return (alice.await:all(function() return alice.await:sleep(60000) end)) end,
    } do
      coroutine.wrap(function() results[i] = table.pack(fn()) end)()
    end
    alice:close()
    assert.equal(timmsg.ERR_USER_CANCELED, results[1][3])
    assert.equal(timmsg.ERR_USER_CANCELED, results[2][3])
    assert.equal(timmsg.ERR_USER_CANCELED, results[3][1][3])
  end)

  it("rule 2: closing ends a coroutine that waits again and again, which is no error", function()
    local told = {}
    alice:on("error", function(err) told[#told + 1] = err end)
    local loops = {
      function() return alice.await:sleep(60000) end,
      function() return alice.await:timeout(60000, function() return alice.await:sleep(50000) end) end,
      function() return alice.await:all(function() return alice.await:sleep(60000) end) end,
      function()
        return alice.await:all(function()
          while true do assert.equal(timmsg.ERR_USER_CANCELED, select(3, alice.await:sleep(60000))) end
        end)
      end,
      function() return alice.await:send_new_msg("bob", C2C, timmsg.text "again") end,
    }
    local turns, ended = {}, {}
    for i, wait in ipairs(loops) do
      coroutine.wrap(function()
        local _guard <close> = setmetatable({}, { __close = function(_, err) ended[i] = err end }) -- luacheck: ignore 211
        while true do
          wait()
          turns[i] = (turns[i] or 0) + 1
          if turns[i] == 1000 then error("it goes on and on", 0) end
        end
      end)()
    end
    alice:close()
    for i = 1, #loops do assert.matches("await_spec.lua:%d+: client is closed$", ended[i]) end
    assert.same({ 1, 1, 1, [5] = 1 }, turns)
    assert.same({}, told)
  end)

  it("rule 2: nor is it one where no handler takes errors; what else is raised comes out of close", function()
    local function loop()
      while true do alice.await:sleep(60000) end
    end
    coroutine.wrap(loop)()
    alice:after(60000, loop) -- in no coroutine
    alice:after(60000, function() error("another", 0) end)
    local ok, err = pcall(alice.close, alice)
    assert.same({ false, "another" }, { ok, err })
  end)

  it("rule 2: nor is it one where what ends closes another client meanwhile; behind close it is one again", function()
    local told, text = {}, nil
    local carol = support.new_client(dir, "carol")
    local function note(err) told[#told + 1] = err end
    alice:on("error", note)
    carol:on("error", note)
    coroutine.wrap(function()
      local other <close> = bob -- luacheck: ignore 211
      local _guard <close> = setmetatable({}, { __close = function(_, err) text = err end }) -- luacheck: ignore 211
      while true do alice.await:sleep(60000) end
    end)()
    alice:close()
    assert.matches("await_spec.lua:%d+: client is closed$", text)
    assert.same({}, told)
    carol:after(0, function() error(text, 0) end)
    support.eventually(function() return told[1] end, carol)
    assert.same({ text }, told)
  end)

  it("a client that closes, or has closed, cannot be waited for, whatever for", function()
    local function sleeps() return true end
    local waits = {
      function() alice.await:sleep(1) end,
      function() alice.await:sleep("no number") end,
      function() alice.await:all() end,
      function() alice.await:all(sleeps) end,
      function() alice.await:timeout(5, sleeps) end,
      function() alice.await:conv_get_conv_list() end,
      function() alice.await:download_elem_to_path({}, dir .. "/x", function() end) end,
    }
    local function all_raise()
      for i, wait in ipairs(waits) do
        local ok, err = pcall(wait)
        assert.is_false(ok, i)
        assert.matches("^[^:]*await_spec.lua:%d+: client is closed$", err)
      end
    end
    local done = 0
    local function try()
      all_raise()
      done = done + 1
    end
    alice:after(60000, try)
    alice:after(60000, coroutine.wrap(try))
    alice:close()
    assert.equal(2, done)
    try()
    coroutine.wrap(try)()
    assert.equal(4, done)
    -- outside of closing it is an error like any other
    bob:after(0, function() alice.await:sleep(1) end)
    local ok, err
    support.eventually(function()
      ok, err = pcall(bob.poll, bob)
      return not ok
    end)
    assert.matches("client is closed", err)
  end)

  it("a wait in no coroutine ends with its client, though others go on", function()
    alice:after(1, function() alice:close() end)
    local began = support.now_ms()
    local result = table.pack(alice.await:all(function() coroutine.yield() end))
    assert.same({ nil, timmsg.ERR_USER_CANCELED }, { result[1], result[3] })
    assert.is_true(support.now_ms() - began < support.DEADLINE_MS)
  end)

  it("what closes the client itself is waited for all the same", function()
    for where, how in pairs { outside = function(fn) return fn() end, inside = run } do
      local carol = support.new_client(dir, "carol")
      local function closes()
        carol:close()
        return "its own"
      end
      assert.equal("its own", how(function() return carol.await:timeout(5000, closes) end), where)
      carol = support.new_client(dir, "carol")
      assert.same({ "its own", n = 1 }, (how(function() return carol.await:all(closes) end)), where)
    end
  end)

  it("who resumes a coroutine each frame resumes those that it waits for too", function()
    local frames, closed = 0, false
    local function frame() coroutine.yield() end
    local one, other
    local co = coroutine.create(function()
      one, other = alice.await:all(function()
        for _ = 1, 3 do
          frame()
          frames = frames + 1
        end
        return alice.await:timeout(5000, function()
          frame()
          return support.text_of(say("after a frame")())
        end)
      end, function()
        return alice.await:timeout(20, function()
          local _guard <close> = setmetatable({}, { __close = function() closed = true end }) -- luacheck: ignore 211
          while true do frame() end
        end)
      end)
    end)
    support.eventually(function()
      if coroutine.status(co) == "dead" then return true end
      assert(coroutine.resume(co))
      return false
    end, alice)
    assert.same({ "after a frame", n = 1 }, one)
    assert.equal(timmsg.ERR_REQUEST_TIMEOUT, other[3])
    assert.equal(3, frames)
    assert.is_true(closed)
  end)

  it("what is no function cannot be waited for", function()
    local ran = false
    local function runs() ran = true end
    for _, args in ipairs {
      table.pack(runs, nil, runs), table.pack(runs, nil), table.pack(runs, 5), table.pack(runs, setmetatable({}, { __call = runs })),
    } do
      local ok, err = pcall(function() alice.await:all(table.unpack(args, 1, args.n)) end)
      assert.is_false(ok)
      assert.matches("await_spec.lua:%d+: bad argument #2 to 'all' %(function expected, got " .. type(args[2]), err)
    end
    assert.is_false(ran)
  end)

  it("that memory is short is told as that", function()
    -- Lua takes this text for the failure itself: no message handler runs
    local function too_much() error("not enough memory", 0) end
    for _, wait in ipairs {
      function() alice.await:all(too_much) end,
      function() alice.await:timeout(5000, too_much) end,
      function() alice.await:all(function() alice.await:timeout(5000, too_much) end) end,
    } do
      local ok, err = pcall(run, wait)
      assert.is_false(ok)
      assert.equal("not enough memory", err)
    end
  end)

  it("times come in their order, and wake whoever waits for the descriptor", function()
    local came, began = {}, support.now_ms()
    for _, ms in ipairs { 60, 20, 40, 0, 20.5 } do
      assert.is_true(alice:after(ms, function(code, desc)
        assert.same({ 0, "" }, { code, desc })
        came[#came + 1] = ms
      end))
    end
    while #came < 5 do
      assert.is_true(alice:wait(5000))
      alice:poll()
    end
    assert.same({ 0, 20, 20.5, 40, 60 }, came)
    assert.is_true(support.now_ms() - began >= 59)
    assert.has_error(function() alice:after(-1, print) end)
    assert.has_error(function() alice:after("x", print) end)
    assert.has_error(function() alice:after(5) end)
  end)

  it("times come in their order, whatever is taken back meanwhile", function()
    local hub <close> = testing.new()
    local carol = hub:login "carol"
    local state = 1
    local function random(below)
      state = (state * 1103515245 + 12345) % 2147483648
      return state // 65536 % below
    end
    local wanted, came = {}, {}
    local function comes(ms) came[#came + 1] = ms end
    for i = 1, 1000 do
      local one, other = random(500), random(500)
      if i % 2 == 0 then
        carol:after(one, function() comes(one) end)
        wanted[i] = one
      else
        local least = math.min(one, other)
        wanted[i] = least
        coroutine.wrap(function()
          carol.await:timeout(one, function() carol.await:sleep(other) end)
          comes(least)
        end)()
      end
    end
    table.sort(wanted)
    hub:advance(500)
    assert.same(wanted, came)
  end)

  it("a host's scheduler is not asked where nothing can yield", function()
    local asked = 0
    timmsg.set_scheduler(function()
      asked = asked + 1
      return coroutine.yield, function() end
    end)
    local co = coroutine.create(function()
      local list = { 3, 1, 2 }
      table.sort(list, function(a, b) -- C calls this
        assert(alice.await:sleep(1))
        return a < b
      end)
      return list
    end)
    local ok, list = coroutine.resume(co)
    assert.is_true(ok, list)
    assert.same({ 1, 2, 3 }, list)
    assert.is_true(alice.await:sleep(1))
    assert.equal(0, asked)
  end)

  it("a host's scheduler is a function, which returns two or none", function()
    for _, wrong in ipairs { 5, "x", {}, true } do
      local ok, err = pcall(function() timmsg.set_scheduler(wrong) end)
      assert.is_false(ok)
      assert.matches("await_spec.lua:%d+: bad argument #1 to 'set_scheduler' %(function or nil expected, got " .. type(wrong), err)
    end
    local function nothing() end
    for _, returned in ipairs { table.pack(nothing), table.pack(nothing, 5), table.pack({}, nothing) } do
      timmsg.set_scheduler(function() return table.unpack(returned, 1, returned.n) end)
      local co = coroutine.create(function() alice.await:sleep(1) end)
      local ok, err = coroutine.resume(co)
      assert.is_false(ok)
      assert.matches("the scheduler returned " .. type(returned[1]) .. " and " .. type(returned[2]) .. ", not two functions", err)
    end
    timmsg.set_scheduler(nil)
  end)

  it("a host's scheduler runs its coroutines itself", function()
    -- one that resumes what is ready, and nothing else may
    local ready, running, resumed = {}, nil, 0
    local function spawn(fn)
      ready[#ready + 1] = coroutine.create(fn)
    end
    timmsg.set_scheduler(function()
      local co = running
      if not co or co ~= coroutine.running() then return nil end
      return function() coroutine.yield() end, function() ready[#ready + 1] = co end
    end)
    local done = {}
    for i = 1, 3 do
      spawn(function()
        assert(alice.await:send_new_msg("bob", C2C, timmsg.text("scheduled " .. i)))
        local _, more = alice.await:all(function() return alice.await:sleep(10) end, say("more " .. i))
        assert.equal("more " .. i, support.text_of(more[1]))
        done[i] = alice.await:timeout(5000, say("last " .. i))
      end)
    end
    support.eventually(function()
      while #ready > 0 do
        running = table.remove(ready, 1)
        resumed = resumed + 1
        assert(coroutine.resume(running))
        running = nil
      end
      return done[1] and done[2] and done[3]
    end, alice)
    assert.same({ "last 1", "last 2", "last 3" }, support.texts(done))
    assert.is_true(resumed >= 12)
    support.eventually(function() return #seen.messages == 9 end, bob)
  end)

  -- It cannot tell its own coroutines from others that run inside of them.
  it("functions at once, and those with a deadline, in a coroutine of cqueues", function()
    timmsg.set_scheduler(function()
      if not cqueues.running() then return nil end
      local woken = condition.new()
      return function() woken:wait() end, function() woken:signal() end
    end)
    local loop, done = cqueues.new(), nil
    loop:wrap(function()
      local one, other = alice.await:all(say "one", function()
        return alice.await:timeout(5000, function()
          alice.await:sleep(10)
          return support.text_of(say("other")())
        end)
      end)
      local _, _, code = alice.await:timeout(20, function() return alice.await:sleep(60000) end)
      assert(alice.await:sleep(10))
      done = { support.text_of(one[1]), other[1], code }
    end)
    support.eventually(function()
      assert(loop:step(0))
      return done
    end, alice)
    assert.same({ "one", "other", timmsg.ERR_REQUEST_TIMEOUT }, done)
  end)
end)
