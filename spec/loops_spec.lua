-- The bots of examples/bots in their event loops: what comes wakes them at once, and nothing else does.

local lfs = require "lfs"
local uv = require "luv"
local pictures = require "pictures"
local support = require "support"
local timmsg = require "timmsg"

local C2C <const> = timmsg.C2C
local BOTS <const> = debug.getinfo(1, "S").source:match "^@(.*)spec/loops_spec%.lua$" .. "examples/bots/"
-- So long a bot is watched that has nothing to do, and so often, until nothing is left over of what it did: what wakes it again
-- and again is seen each time.
local IDLE_MS <const> = 1000
local LOOKS <const> = 5

for _, loop in ipairs { "luv", "cqueues" } do
  describe("a bot on " .. loop, function()
    local dir, alice, seen, bot

    -- Runs the loop of this process, and polls alice, until the predicate is true.
    local function eventually(predicate)
      return support.eventually(function()
        uv.run "nowait"
        return predicate()
      end, alice)
    end

    -- Starts the bot. Its standard input is a pipe, or the file that is named.
    local function start(path)
      support.account(dir, "bot")
      lfs.mkdir(dir .. "/bot-files")
      local input, output, errors = uv.new_pipe(), uv.new_pipe(), uv.new_pipe()
      local file = path and assert(uv.fs_open(path, "r", 0))
      local handle, pid
      bot = { input = input, output = output, errors = errors, said = "", complaint = "" }
      handle, pid = uv.spawn(assert(lfs.symlinkattributes("/proc/self/exe", "target")), {
        args = { BOTS .. loop .. "_bot.lua", "bot", dir .. "/bot-files", support.server(dir), "sig" },
        stdio = { file or input, output, errors },
      }, function(code, signal)
        bot.code, bot.signal = code, signal
        handle:close()
      end)
      assert(handle, pid)
      if file then uv.fs_close(file) end
      bot.handle, bot.pid = handle, pid
      output:read_start(function(_, data)
        if not data then return output:close() end
        bot.said = bot.said .. data
      end)
      errors:read_start(function(_, data)
        if not data then return errors:close() end
        bot.complaint = bot.complaint .. data
        io.stderr:write(data)
      end)
      eventually(function() return bot.said:find "ready" or bot.code end)
      assert.is_nil(bot.code)
    end

    -- Ends the input of the bot, and waits for its own end.
    local function finish()
      if not bot.input:is_closing() then bot.input:close() end
      eventually(function() return bot.code and bot.output:is_closing() and bot.errors:is_closing() end)
      uv.run "nowait"
      assert.equal(0, bot.code)
    end

    before_each(function()
      dir = support.temp_dir()
      alice, seen = support.device(dir, "alice")
      start()
    end)

    after_each(function()
      finish()
      support.cleanup()
    end)

    local function answer(text)
      eventually(function()
        local last = seen.messages[#seen.messages]
        return last and support.text_of(last) == text
      end)
    end

    it("answers at once, also many at a time", function()
      for i = 1, 20 do
        support.say(alice, "bot", C2C, "echo 你好 " .. i)
        answer("你好 " .. i)
      end
      support.send_many(alice, "bot", C2C, "echo ", 200)
      eventually(function() return #seen.messages == 220 end)
      local texts = support.texts(seen.messages)
      assert.same(support.numbered("", 200), { table.unpack(texts, 21) })
      support.say(alice, "bot", C2C, "what")
      answer "echo TEXT, remind SECONDS TEXT, or send me a file"
    end)

    it("reminds, and answers others meanwhile", function()
      support.say(alice, "bot", C2C, "remind 600 tea")
      answer "in 600 s"
      support.say(alice, "bot", C2C, "echo meanwhile")
      answer "meanwhile"
      support.say(alice, "bot", C2C, "remind 0.1 cake")
      eventually(function() return #seen.messages == 4 end)
      assert.same({ "in 600 s", "meanwhile", "in 0.1 s", "cake" }, support.texts(seen.messages))
    end)

    it("fetches what it is sent, and answers others meanwhile", function()
      local file = support.write_file(dir .. "/notes.txt", ("line\n"):rep(1000))
      support.must(alice, "send_new_msg", "bot", C2C, timmsg.file(file))
      answer "notes.txt: 5000 bytes"
      local picture = support.write_file(dir .. "/p.png", pictures.png(3, 2))
      support.must(alice, "send_new_msg", "bot", C2C, timmsg.image(picture))
      answer(("picture: %d bytes"):format(#pictures.png(3, 2)))
    end)

    it("listens to groups, and answers there when it is named", function()
      local group = support.group(alice, "crew", "bot")
      support.say(alice, group, timmsg.GROUP, "nothing for it")
      support.say(alice, group, timmsg.GROUP, "bot: echo here")
      answer "here"
      assert.same({ "here" }, support.texts({ seen.messages[#seen.messages] }))
    end)

    it("needs no input: where that is a file, a signal ends it", function()
      finish()
      for i, path in ipairs { "/dev/null", support.write_file(dir .. "/input", "a line\n") } do
        start(path)
        support.say(alice, "bot", C2C, "echo " .. i)
        answer(tostring(i))
        bot.handle:kill "sigterm"
        finish()
        assert.equal(uv.constants.SIGTERM, bot.signal)
        assert.equal("", bot.complaint)
      end
    end)

    -- Context switches of all its threads, and the clock ticks it has used.
    local function cost()
      local switches = 0
      for task in lfs.dir(("/proc/%d/task"):format(bot.pid)) do
        if task:find "^%d" then
          local status = support.read_file(("/proc/%d/task/%s/status"):format(bot.pid, task))
          switches = switches + status:match "\nvoluntary_ctxt_switches:%s*(%d+)"
        end
      end
      local stat = support.read_file(("/proc/%d/stat"):format(bot.pid))
      local user, system = stat:match "^.*%) %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+) (%d+)"
      return switches, user + system
    end

    it("is woken by nothing else", function()
      support.say(alice, "bot", C2C, "echo ready")
      answer "ready"
      local switches, ticks
      for _ = 1, LOOKS do
        local switches_before, ticks_before = cost()
        support.idle(IDLE_MS, alice)
        switches, ticks = cost()
        switches, ticks = switches - switches_before, ticks - ticks_before
        if switches <= 1 and ticks <= 1 then break end
      end
      assert.is_true(switches <= 1, switches .. " context switches")
      assert.is_true(ticks <= 1)
      support.say(alice, "bot", C2C, "echo still there")
      answer "still there"
    end)
  end)
end
