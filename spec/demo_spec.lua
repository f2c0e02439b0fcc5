-- examples/demo.lua: what it shows, and that it says so when something is wrong.

local lfs = require "lfs"
local support = require "support"

local LUA <const> = assert(lfs.symlinkattributes("/proc/self/exe", "target"))
local DEMO <const> = debug.getinfo(1, "S").source:match("^@(.*)spec/demo_spec%.lua$") .. "examples/demo.lua"

support.xmpp_only(describe)("examples/demo.lua", function()
  after_each(support.cleanup)

  it("shows the same on a server", function()
    local dir = support.temp_dir()
    for _, user in ipairs { "alice", "bob", "carol" } do support.account(dir, user) end
    local pipe = assert(io.popen(("TIMMSG_SERVER='%s' TIMMSG_PASSWORD=sig '%s' '%s' 2>&1"):format(support.server(dir), LUA, DEMO)))
    assert.matches("\nThe demo is over, all as it should be%.\n$", (pipe:read "a"))
    assert.is_true(pipe:close())
  end)
end)

local describe <const> = support.hub_only(describe)

describe("examples/demo.lua", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(support.cleanup)

  -- Runs a script: its exit code, what it printed, and what it said on stderr.
  local function run(script)
    local pipe = assert(io.popen(("'%s' '%s' 2>'%s/complaint'"):format(LUA, script, dir)))
    local transcript = pipe:read "a"
    local _, _, code = pipe:close()
    return code, transcript, support.read_file(dir .. "/complaint")
  end

  -- The demo's directories that are there, as a set.
  local function directories()
    local found = {}
    for name in lfs.dir "/tmp" do
      if name:find "^lua_" and lfs.attributes("/tmp/" .. name .. "/alices.png") then found[name] = true end
    end
    return found
  end

  -- A directory that has come stays for good. (Those of demos that run elsewhere go by themselves.)
  local function assert_nothing_left(before)
    local new = {}
    for name in pairs(directories()) do
      if not before[name] then new[name] = true end
    end
    support.eventually(function()
      local now = directories()
      for name in pairs(new) do
        if now[name] then return false end
      end
      return true
    end)
  end

  it("shows all of it in less than ten seconds, and leaves nothing behind", function()
    local before, began = directories(), support.now_ms()
    local code, transcript, complaint = run(DEMO)
    assert.equal("", complaint)
    assert.equal(0, code)
    assert.is_true(support.now_ms() - began < 10000)
    assert_nothing_left(before)

    local from = 1
    for _, title in ipairs {
      "Text, and three other elements", "A read receipt", "A picture goes up and comes down", "A group", "Bob is away", "Revoke",
      "Look%-up by locators", "A page of history", "A chat log from elsewhere", "One message to many", "Delete",
    } do
      local _, at = transcript:find("\n== " .. title .. ".- ==\n", from)
      assert.is_number(at, title)
      from = at
    end
    for _, line in ipairs {
      "bob   | <- alice: Hello 鲍勃! \"100 %\" 👋 ✓",
      "bob   | <- alice: [face 7 wink] [location 22.5431, 113.9344 our café] [dice {\"eyes\":[6,6]}] ✓",
      "alice |     ✓ my message is marked as read by bob",
      "bob   | <- alice: [PNG picture, 2048 x 3200, 19.7 MB]",
      "bob   |     ✓ the same file, byte for byte",
      "carol | <- @TIM#SYSTEM in team: * bob and carol joined: 3 members ✓",
      "bob   | <- carol in team: And bring the dice ✓",
      "bob   |     ✓ told that it was revoked",
      "alice |     ✓ four messages, the newest first",
      "alice |     ✓ the log comes before today's messages, once",
      "alice | -> nobody: there is no user \"nobody\" (20003)",
      "alice |     ✓ all deleted, on this device",
    } do
      assert.is_truthy(transcript:find("\n" .. line .. "\n", 1, true), line)
    end
    for _, bar in ipairs { "alice | uploading", "bob   | downloading" } do
      local shown = {}
      for percent in transcript:gmatch(bar .. " %[#*%.*%] *(%d+) %%\n") do
        shown[#shown + 1] = tonumber(percent)
      end
      assert.is_true(#shown >= 2, bar)
      assert.is_true(shown[1] < 100, bar)
      assert.equal(100, shown[#shown])
    end
    assert.matches("The demo is over, all as it should be%.\n$", transcript)
  end)

  -- The demo with something replaced, and less patient with bob if it is to wait in vain.
  local function spoilt(what, by, in_vain)
    local text = support.read_file(DEMO)
    if in_vain then
      text = text:gsub("PATIENCE_S <const> = %d+", "PATIENCE_S <const> = 1"):gsub("= PATIENCE_S %* 1000", "= 30000") -- its calls'
    end
    local at, to = text:find(what, 1, true)
    return support.write_file(dir .. "/demo.lua", text:sub(1, at - 1) .. by .. text:sub(to + 1))
  end

  -- Where nobody is left who waits for another in vain, but in the last one.
  for name, case in pairs {
    ["when alice finds something wrong"] = { "#page == 0, \"all deleted", "#page == 1, \"all deleted", "not so for alice: all deleted" },
    ["when a message is not as it was sent"] = {
      "read_next(carol, \"bob\", \"I may", "read_next(carol, \"bob\", \"I will", "carol expected from bob: I will be late",
    },
    ["when bob's process fails"] = { "read_next(bob, \"alice\", \"Table for three at eight\")", "error \"oh dear\"", "oh dear" },
    ["when bob never comes"] = { "start_bob \"first\"", "", "alice waited in vain for messages", true },
  } do
    it("fails with a clear line " .. name, function()
      local before = directories()
      local code, transcript, complaint = run(spoilt(case[1], case[2], case[4]))
      assert.equal(1, code)
      assert.is_truthy(complaint:find("THE DEMO HAS FAILED: ", 1, true))
      assert.is_truthy(complaint:find(case[3], 1, true), complaint)
      assert.is_nil(transcript:find("all as it should be", 1, true))
      assert_nothing_left(before)
    end)
  end
end)
