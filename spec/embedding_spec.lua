-- What examples/embedding.md shows and says: its programs run, and a process that is stopped for a while misses nothing.

local lfs = require "lfs"
local process = require "process"
local support = require "support"
local timmsg = require "timmsg"
local uv = require "luv"

local C2C <const> = timmsg.C2C

local root = lfs.currentdir()
local build = os.getenv "TIMMSG_BUILD" or root .. "/build"
local sanitize = os.getenv "TIMMSG_SANITIZE" or ""
-- a compiler is not built for the sanitizers that the programs may run under
local CC <const> = "env -u LD_PRELOAD cc -Wall -Wextra -Werror " .. sanitize
local CXX <const> = "env -u LD_PRELOAD c++ -x c++ -std=c++17 -D_GNU_SOURCE -Wall -Wextra " .. sanitize
local LIBRARIES <const> = " -lcjson -lcurl -lsqlite3 -lstrophe -lmd -lm -pthread "

-- The page's program for what `name` says.
local function program(language, name)
  return assert(support.read_file(root .. "/examples/embedding.md"):match("\n```" .. language .. " " .. name .. "\n(.-)\n```"))
end

-- Runs a command in a directory: its output. It must end well.
local function run(dir, command)
  local pipe = assert(io.popen(("cd '%s' && { %s ; } 2>&1"):format(dir, command)))
  local output = pipe:read "a"
  assert.is_true(pipe:close(), output)
  return output
end

support.hub_only(describe)("embedding", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(support.cleanup)

  describe("in one binary", function()
    local HELLO <const> = [[
      assert(not debug and not io and not os) -- needs none of them
      package.path, package.cpath = "", ""
      local timmsg = require "timmsg"
      local tim <close> = assert(timmsg.new { data_dir = "data" })
      assert(tim.await:login("dora", ""))
      print(pcall(tim.await.nothing))
      print(assert(tim.await:send_new_msg("dora", timmsg.C2C, timmsg.text "hi")).message_status)
      tim.await:login(1)]]

    before_each(function()
      support.write_file(dir .. "/host.c", program("c", "embed"))
      support.write_file(dir .. "/pack.lua", program("lua", "pack"))
      support.write_file(dir .. "/hello.lua", HELLO)
      run(dir, ("lua5.4 pack.lua %s/lua/timmsg > timmsg_lua.h"):format(root))
      lfs.mkdir(dir .. "/elsewhere")
    end)

    -- The program ends with an error on purpose: it must come through whatever Lua was built as.
    local function says_hello()
      local output = run(dir .. "/elsewhere", "env -u LUA_PATH -u LUA_CPATH ../host ../hello.lua || echo ended $?")
      assert.matches("\n2\n.*hello.lua:8: bad argument #1 to 'login'.*\nended 1\n$", output)
    end

    it("links and runs, without files beside it", function()
      run(dir, ("%s host.c -I%s/csrc/include $(pkg-config --cflags --libs lua5.4) %s/libtimmsg.a%s -o host")
        :format(CC, root, build, LIBRARIES))
      says_hello()
    end)

    it("does so with a Lua that is built as C++", function()
      local objects = {}
      for name in lfs.dir(root .. "/csrc/lua") do
        local base = name:match "^(.*)%.c$"
        if base then
          objects[#objects + 1] = base .. ".o"
          run(dir, ("%s -I%s/csrc -I%s/csrc/include $(pkg-config --cflags lua5.4-c++) -c %s/csrc/lua/%s")
            :format(CXX, root, root, root, name))
        end
      end
      run(dir, ("%s -I%s/csrc/include $(pkg-config --cflags lua5.4-c++) -c host.c"):format(CXX, root))
      run(dir, ("%s %s host.o %s/libtimmsg.a $(pkg-config --libs lua5.4-c++)%s -o host")
        :format(CXX:gsub("%-x c%+%+ ", ""), table.concat(objects, " "), build, LIBRARIES))
      says_hello()
    end)
  end)

  it("works with states on threads of their own, and with one that wanders", function()
    support.write_file(dir .. "/states.c", program("c", "states"))
    run(dir, ("%s states.c -I%s/csrc/include $(pkg-config --cflags --libs lua5.4) %s/libtimmsg.a%s -o states")
      :format(CC, root, build, LIBRARIES))
    assert.equal("bob heard from alice\nalice too\n", run(root, ("%s/states %s/data"):format(dir, dir)))
  end)

  local function says(name)
    support.write_file(dir .. "/program.lua", program("lua", name))
    return run(dir, "lua5.4 program.lua")
  end

  it("survives that scripts are loaded anew", function()
    assert.equal("first\t1\nsecond\t1\ntrue\t2\n", says "reload")
  end)

  it("can be closed and made anew", function()
    assert.matches("^cancelled:\t[01]\tsettled:\ttrue\n$", says "resume")
  end)

  it("gives a user to one client of a directory", function()
    support.new_client(dir, "kim")
    local second = support.new_client(dir, nil, { data_dir = dir .. "/kim" })
    assert.equal(timmsg.ERR_DATABASE_OPERATE_FAILED, (support.call(second, "login", "kim", "sig")))
  end)

  it("blocks all signals in the library's threads", function()
    support.new_client(dir, "lea")
    local pid, threads = uv.os_getpid(), 0
    for task in lfs.dir("/proc/self/task") do
      if task:find "^%d" and tonumber(task) ~= pid then
        local status = support.read_file(("/proc/self/task/%s/status"):format(task))
        local blocked = tonumber(status:match "\nSigBlk:%s*(%x+)", 16)
        if blocked & (1 << 14 | 1 << 1) ~= 0 then threads = threads + 1 end -- SIGTERM, SIGINT
      end
    end
    assert.is_true(threads >= 1)
  end)
end)

describe("a stopped process", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(function()
    process.cleanup()
    if not support.is_hub and not support.xmpp_server().pid then support.xmpp_server():restart() end
    support.cleanup()
  end)

  it("hears what came meanwhile when it goes on, in order", function()
    support.account(dir, "bob")
    local bob = process.start("receive", dir, "bob", 21)
    bob:expect "ready"
    local alice = support.new_client(dir, "alice")
    support.say(alice, "bob", C2C, "before")
    bob:expect("got alice %d+ [%d.]+ before", alice)
    bob.handle:kill "sigstop"
    support.send_many(alice, "bob", C2C, "while it stood ", 20)
    if not support.is_hub then support.xmpp_server():restart() end -- its connection is gone
    bob.handle:kill "sigcont"
    bob:expect("got alice %d+ [%d.]+ while it stood 20", alice)
    local texts = bob:all "^got alice %d+ [%d.]+ (.*)"
    assert.same({ "before", table.unpack(support.numbered("while it stood ", 20)) }, texts)
  end)
end)
