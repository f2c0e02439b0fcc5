-- examples/chat.lua: sessions of two users and more, with lines on standard input and on a terminal.

local lfs = require "lfs"
local pictures = require "pictures"
local support = require "support"
local uv = require "luv"

local LUA <const> = assert(lfs.symlinkattributes("/proc/self/exe", "target"))
local ROOT <const> = debug.getinfo(1, "S").source:match("^@(.*)spec/chat_spec%.lua$")
local CHAT <const> = (ROOT:find "^/" and ROOT or lfs.currentdir() .. "/" .. ROOT) .. "examples/chat.lua"

local describe <const> = support.hub_only(describe)

describe("examples/chat.lua", function()
  local dir, running

  before_each(function()
    dir, running = support.temp_dir(), {}
  end)

  local session = {}
  session.__index = session

  local function look() uv.run "nowait" end

  after_each(function()
    for _, chat in ipairs(running) do
      if not chat.code then chat.handle:kill "sigkill" end
      support.eventually(function()
        look()
        return chat.code and chat.output:is_closing() and chat.errors:is_closing()
      end)
      if not chat.input:is_closing() then chat.input:close() end
    end
    look()
    support.cleanup()
  end)

  -- Its standard input is a pipe, or the descriptor that is given.
  local function start(program, args, stdin)
    local self = setmetatable({ text = "", from = 1 }, session)
    self.input, self.output, self.errors = uv.new_pipe(), uv.new_pipe(), uv.new_pipe()
    local stdio = { stdin or self.input, self.output, self.errors }
    local handle, pid = uv.spawn(program, { args = args, cwd = dir, stdio = stdio }, function(code, signal)
      self.code = signal ~= 0 and 128 + signal or code
      self.handle:close()
    end)
    assert(handle, pid)
    self.handle = handle
    running[#running + 1] = self
    for _, pipe in ipairs { self.output, self.errors } do
      pipe:read_start(function(_, data)
        if data then self.text = self.text .. data else pipe:close() end
      end)
    end
    return self
  end

  -- Starts the chat of a user, who types lines.
  local function chat(name, ...)
    local self = start(LUA, { CHAT, name, ... })
    self:expect("hello " .. name)
    return self
  end

  -- The same on a terminal of 60 columns: each key counts.
  local function terminal(name)
    local self = start("script", { "-qec", ("stty cols 60 rows 20; '%s' '%s' %s"):format(LUA, CHAT, name), "/dev/null" })
    self:expect("hello " .. name)
    return self
  end

  function session:type(text) self.input:write(text) end

  -- Enters lines.
  function session:enter(...) self:type(table.concat({ ... }, "\n") .. "\n") end

  -- Waits for something new on the screen; the text is plain. All up to it counts as old.
  function session:expect(text)
    local found = support.pump(support.DEADLINE_MS, function()
      look()
      return self.text:find(text, self.from, true)
    end)
    if not found then error(("%q has not come, but: %s"):format(text, self.text:sub(self.from)), 2) end
    self.from = found + #text
  end

  -- Waits until it has ended, and all that it said is there: its exit code.
  function session:ended()
    support.eventually(function()
      look()
      return self.code and self.output:is_closing() and self.errors:is_closing()
    end)
    return self.code
  end

  function session:quit()
    self.input:shutdown()
    return self:ended()
  end

  -- What the terminal's last line is, after all that rewrote it.
  function session:last_line()
    return self.text:match "([^\n]*)$":gsub(".*\r\27%[K", "")
  end

  -- Waits until the last line of the terminal is this.
  function session:expect_line(line)
    local found = support.pump(support.DEADLINE_MS, function()
      look()
      return self:last_line() == line
    end)
    if not found then error(("the last line is %q"):format(self:last_line()), 2) end
  end

  it("two talk: history, unread messages, read marks, taking back", function()
    local alice, bob = chat "alice", chat "bob"
    alice:expect "no conversations yet"
    alice:enter "hello?"
    alice:expect "/to NAME first"
    alice:enter("/to bob", "hello 鲍勃 👋 100 %")
    alice:expect "no earlier messages"
    alice:expect "alice: hello 鲍勃 👋 100 %\n"
    bob:expect "alice: hello 鲍勃 👋 100 %   (/to alice)"
    alice:enter "are you there?"
    bob:expect "alice: are you there?   (/to alice)"
    bob:enter "/list"
    bob:expect "alice          2 unread   are you there?"
    bob:enter("/to alice", "yes")
    bob:expect "alice: hello 鲍勃"
    bob:expect "alice: are you there?"
    bob:expect "bob: yes"
    alice:expect "bob: yes\n"
    bob:enter "/list"
    bob:expect "alice          0 unread   yes"
    alice:enter "/history" -- all of it is on the screen
    alice:expect "no earlier messages"
    alice:enter "/to bob"
    alice:expect "alice: hello 鲍勃 👋 100 % (read)\n"
    alice:expect "alice: are you there? (read)\n"
    alice:expect "bob: yes\n"

    bob:enter "/revoke"
    bob:expect "taken back: yes"
    alice:expect "bob: a message of "
    alice:expect "was taken back"
    bob:enter "/revoke"
    bob:expect "nothing to take back"
    alice:enter "/list"
    alice:expect "(taken back)"
    assert.equal(0, alice:quit())
    assert.equal(0, bob:quit())
  end)

  it("what came meanwhile is there the next time, and older pages too", function()
    local alice = chat "alice"
    assert.equal(0, chat("bob"):quit())
    alice:enter "/to bob"
    for i = 1, 25 do
      alice:enter("line " .. i .. ".")
    end
    alice:expect "line 25."
    assert.equal(0, alice:quit())
    local bob = chat "bob"
    bob:expect "alice: line 25. (and 24 before)   (/to alice)"
    bob:expect "25 unread   line 25."
    bob:enter "/to alice"
    bob:expect "line 16."
    bob:expect "line 25."
    assert.is_nil(bob.text:find("line 15.", 1, true))
    bob:enter "/history"
    bob:expect "line 6."
    bob:expect "line 15."
    bob:enter "/history 2"
    bob:expect "line 4."
    bob:expect "line 5."
    bob:enter "/list"
    bob:expect " 0 unread"
    assert.is_nil(bob.text:find("line 3.", 1, true))
  end)

  it("groups", function()
    local alice, bob, carol = chat "alice", chat "bob", chat "carol"
    alice:enter("/group team bob nobody", "welcome")
    alice:expect "#team:"
    alice:expect "nobody could not be invited"
    bob:expect "#team: "
    bob:expect "   (/to #team)"
    alice:expect "alice: welcome"
    bob:enter("/to #team", "thanks")
    bob:expect "alice: welcome"
    alice:expect "bob: thanks"
    assert.is_truthy(alice.text:find("* bob joined", 1, true))
    carol:enter("/to #team", "hi")
    carol:expect "not sent: "
    carol:enter("/group team", "hi, all")
    carol:expect "bob: thanks" -- what was said before
    carol:expect "carol: hi, all"
    bob:expect "* carol joined"
    bob:expect "carol: hi, all"
    carol:enter "/list"
    carol:expect "#team          0 unread   hi, all"
  end)

  it("files", function()
    local content = ("some bytes\n\0"):rep(5000)
    support.write_file(dir .. "/my notes.txt", content)
    support.write_file(dir .. "/a.PNG", pictures.png(120, 35))
    local alice, bob = chat "alice", chat "bob"
    alice:enter("/to bob", "/send nowhere.txt", "/send my notes.txt", "/send a.PNG", "both sent")
    alice:expect "not sent: "
    alice:expect "nowhere.txt"
    alice:expect "[file my notes.txt, 60000 bytes: /get]"
    alice:expect "[picture, 120 x 35"
    alice:expect "both sent"
    bob:enter("/to alice", "/get")
    bob:expect "[file my notes.txt"
    bob:expect "saved as picture"
    assert.equal(pictures.png(120, 35), support.read_file(dir .. "/picture"))
    bob:enter "/get"
    bob:expect "saved as 1-picture" -- nothing is replaced
    alice:enter "/send my notes.txt"
    bob:expect "[file my notes.txt"
    bob:enter "/get"
    bob:expect "saved as 1-my notes.txt"
    assert.equal(content, support.read_file(dir .. "/1-my notes.txt"))
  end)

  it("shows nothing that steers a terminal, and saves nothing elsewhere", function()
    local alice = chat "alice"
    local mallory = support.new_client(dir .. "/chat-data", "mallory", { data_dir = dir .. "/mallory" })
    local timmsg = require "timmsg"
    support.must(mallory, "send_new_msg", "alice", timmsg.C2C, timmsg.text "one\27[2Jtwo\rthree\nfour\u{9b}5")
    alice:expect "mallory: one [2Jtwo three four 5"
    support.must(mallory, "send_new_msg", "alice", timmsg.C2C, timmsg.file(CHAT, "../../.profile\27[2J"))
    alice:enter("/to mallory", "/get")
    alice:expect "saved as "
    assert.is_nil(alice.text:find "[\27\r]")
    for name in lfs.dir(dir) do
      assert.is_true(name:sub(1, 1) ~= "." or name == "." or name == "..", name)
    end
  end)

  it("shows what it can of a message that says little", function()
    local timmsg = require "timmsg"
    local alice = support.new_client(dir .. "/chat-data", "alice", { data_dir = dir .. "/chat-data" })
    support.must(alice, "import_msg_list", "bob", timmsg.C2C, {
      { message_elem_array = { { elem_type = timmsg.TIMElem_Image } } },
      { message_elem_array = { { elem_type = timmsg.TIMElem_GroupTips } } },
      { message_elem_array = { { elem_type = timmsg.TIMElem_GroupReport } } },
      { message_elem_array = { { elem_type = timmsg.TIMElem_File, file_elem_url = "hub:x" } }, message_status = timmsg.TIMMsg_SendSucc },
    })
    alice:close()
    alice = chat "alice"
    alice:enter "/to bob"
    for _ = 1, 4 do
      alice:expect "(something this program can't show)"
    end
    alice:enter("/get", "/list")
    alice:expect "(6009)"
    alice:expect "bob  "
    assert.equal(0, alice:quit())
  end)

  it("says what is wrong", function()
    local alice = chat "alice"
    alice:enter("/nonsense", "/to", "/send", "/revoke", "/get", "/history", "/group", "/to bob", "hello", "/send",
      "/to " .. ("x"):rep(40), "/help")
    alice:expect "there is no /nonsense"
    alice:expect "/to whom?"
    for _ = 1, 4 do
      alice:expect "/to NAME first"
    end
    alice:expect "/group which?"
    alice:expect "not sent: there is no user \"bob\" (20003)"
    alice:expect "/send which file?"
    alice:expect "conv_id: expected 1 to 32"
    alice:expect "/revoke            take back"
    -- a second one of the same user
    local second = start(LUA, { CHAT, "alice" })
    second:expect "in use by process"
    support.eventually(function()
      look()
      return second.code
    end)
    assert.equal(1, second.code)
    for _, args in ipairs { { CHAT }, { CHAT, "--data" }, { CHAT, "--nonsense" } } do
      local other = start(LUA, args)
      other:expect "usage:"
      support.eventually(function()
        look()
        return other.code
      end)
      assert.equal(1, other.code)
    end
  end)

  it("keeps its data where it is told to", function()
    local alice, bob = chat("alice", "--data", dir .. "/elsewhere"), chat "bob"
    alice:enter("/to bob", "hello")
    alice:expect "there is no user \"bob\"" -- he is on another hub
    local other = start(LUA, { CHAT, "--data", dir .. "/elsewhere", "bob" })
    other:expect "hello bob"
    alice:enter "hello again"
    other:expect "hello again"
    assert.is_nil(bob.text:find("hello again", 1, true))
    assert.equal("directory", lfs.attributes(dir .. "/chat-data/hub", "mode"))
    assert.equal("directory", lfs.attributes(dir .. "/elsewhere/hub", "mode"))
  end)

  -- The same whose standard input is a file; it is over at the end of that.
  local function chat_from(path)
    local file = assert(uv.fs_open(path, "r", 0))
    local self = start(LUA, { CHAT, "alice" }, file)
    uv.fs_close(file)
    assert.equal(0, self:ended(), self.text)
    return self
  end

  it("reads lines from a file, to its end", function()
    local alice = chat_from(support.write_file(dir .. "/script", "/to alice\nnote to self\n/list\n/nonsense"))
    alice:expect "hello alice"
    alice:expect "alice: note to self"
    alice:expect "0 unread   note to self"
    alice:expect "there is no /nonsense"
  end)

  it("takes /dev/null for a pipe that ends at once", function()
    local piped = chat "alice"
    assert.equal(0, piped:quit())
    assert.equal(piped.text, chat_from "/dev/null".text)
  end)

  describe("on a terminal", function()
    it("edits the line, also Chinese", function()
      local alice = terminal "alice"
      alice:expect_line "alice> "
      alice:type "/to alice\r"
      alice:expect_line "alice to alice> "
      alice:type "a鲍勃👋\127\127!\8?"
      alice:expect_line "alice to alice> a鲍?"
      alice:type "\27[A\27[D\27OP\1 two words\23\t" -- keys without a meaning, then ctrl-W
      alice:expect_line "alice to alice> a鲍? two "
      alice:type "\21again \xe9"
      alice:type "\xb2\x8d" -- the rest of the character
      alice:expect_line "alice to alice> again 鲍"
      alice:type "\r"
      alice:expect "alice: again 鲍"
      alice:type "\127\127more"
      alice:expect_line "alice to alice> more"
    end)

    it("what comes in leaves the typed line alone; unread ones are counted; read marks", function()
      local alice, bob = terminal "alice", chat "bob"
      alice:type "half a li"
      alice:expect_line "alice> half a li"
      bob:enter("/to alice", "first")
      alice:expect "bob: first   (/to bob)\r\n"
      bob:enter "second"
      alice:expect_line "[2 unread] alice> half a li"
      alice:type "\21/to bob\r"
      alice:expect "bob: second"
      alice:expect_line "alice to bob> "
      alice:type "an answer"
      bob:enter "third"
      alice:expect "bob: third\r\n"
      alice:expect_line "alice to bob> an answer"
      alice:type "\r"
      bob:expect "alice: an answer"
      alice:expect_line "alice to bob (read)> "
    end)

    it("a line that is longer than the screen is wide shows its end", function()
      local alice = terminal "alice"
      alice:type(("宽"):rep(40) .. "end")
      alice:expect_line(("宽"):rep(28) .. "end") -- 59 columns
      alice:type(("\127"):rep(40))
      alice:expect_line "alice> 宽宽宽"
    end)

    it("shows how far a file is, while one types", function()
      local path = dir .. "/large.bin"
      local file = assert(io.open(path, "wb"))
      assert(file:seek("set", 60000000))
      assert(file:write "end")
      file:close()
      local alice, bob = terminal "alice", chat "bob"
      alice:type "/to bob\r/send large.bin\rtyping on"
      alice:expect "sending ["
      alice:expect "] alice to bob> typing on"
      alice:expect "[file large.bin, 60000003 bytes: /get]"
      bob:expect "large.bin"
      bob:enter "/to alice"
      alice:expect_line "alice to bob (read)> typing on"
    end)

    for name, key in pairs { ["ctrl-C"] = "\3", ["ctrl-D"] = "\4", ["/quit"] = "/quit\r" } do
      it("leaves by " .. name .. ", with the terminal as it was", function()
        local alice = start("script", {
          "-qec", ("stty cols 60 rows 20; stty -a >before; '%s' '%s' alice; echo left $?; stty -a >after"):format(LUA, CHAT), "/dev/null",
        })
        alice:expect "alice> "
        alice:type(key)
        alice:expect "left 0"
        support.eventually(function()
          look()
          return alice.code
        end)
        assert.equal(support.read_file(dir .. "/before"), support.read_file(dir .. "/after"))
      end)
    end
  end)
end)
