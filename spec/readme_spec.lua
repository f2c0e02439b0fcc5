-- The README's programs, and those of the pages it leads to, run as they stand.

local lfs = require "lfs"
local support = require "support"

local root = lfs.currentdir()
local build = os.getenv "TIMMSG_BUILD" or root .. "/build"
-- a compiler is not built for the sanitizers that the programs may run under
local cc = "env -u LD_PRELOAD cc -Wall -Wextra -Werror " .. (os.getenv "TIMMSG_SANITIZE" or "")

-- The texts of the code blocks in a language, of the README or another page.
local function blocks(language, page)
  local found = {}
  for code in support.read_file(root .. "/" .. (page or "README.md")):gmatch("\n```" .. language .. "\n(.-)\n```") do
    found[#found + 1] = code
  end
  return found
end

-- Runs a command in a directory: its output, and whether it ended well.
local function run(dir, command)
  local pipe = assert(io.popen(("cd '%s' && { %s ; } 2>&1"):format(dir, command)))
  local output = pipe:read "a"
  return output, pipe:close()
end

support.xmpp_only(describe)("the README", function()
  after_each(support.cleanup)

  it("has a program for a server that runs", function()
    local dir = support.temp_dir()
    support.account(dir, "alice")
    local values = { ["xmpp://example.org"] = support.server(dir), password = "sig" }
    support.write_file(dir .. "/program.lua", (blocks("lua server")[1]:gsub('"(.-)"', function(text)
      return values[text] and '"' .. values[text] .. '"'
    end)))
    local output, ok = run(dir, "lua5.4 program.lua")
    assert.is_true(ok, output)
    assert.equal("true\t0\t\n", output:match "^.-\n") -- then it closes
  end)
end)

local describe <const> = support.hub_only(describe)

describe("the README", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(support.cleanup)

  it("has Lua programs that run", function()
    local expected = { { "alice: hi\n", 'alice: {"x":1}\n', "0\t\t2\n", "\n2\n" }, { "16\t16\n" }, {}, { "logged in:\ttrue\n" },
      { "true\ttrue\n", "nil\tnot done in 50 ms\t6012\n" } }
    local programs = blocks "lua"
    assert.equal(#expected, #programs)
    for i, code in ipairs(programs) do
      support.write_file(dir .. "/program.lua", code)
      local output, ok = run(dir, "lua5.4 program.lua")
      assert.is_true(ok, output)
      for _, line in ipairs(expected[i]) do assert.truthy(output:find(line, 1, true), output) end
    end
  end)

  it("leads to one for a scheduler that runs", function()
    support.write_file(dir .. "/program.lua", blocks("lua cqueues", "examples/loops.md")[1])
    local output, ok = run(dir, "lua5.4 program.lua")
    assert.is_true(ok, output)
    assert.equal("sent:\ttrue\n", output)
  end)

  it("leads to specs that pass", function()
    support.write_file(dir .. "/chat_spec.lua", blocks("lua busted", "examples/testing.md")[1])
    local output, ok = run(dir, "lua5.4 /usr/bin/busted -o TAP chat_spec.lua")
    assert.is_true(ok, output)
    assert.truthy(output:find("1..3\n", 1, true), output)
    -- as it says, where nothing but the module is found
    for page, pattern in pairs {
      ["examples/testing.md"] = "\n    (busted [^\n]+)",
      ["examples/spec/shop_spec.lua"] = "\n%-%-   (busted [^\n]+)",
    } do
      local command = support.read_file(root .. "/" .. page):match(pattern)
      output, ok = run(root, ("export LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;'; %s -o TAP"):format(root, root, command))
      assert.is_true(ok, output)
      assert.truthy(output:find("1..8\n", 1, true), output)
    end
  end)

  it("has a C program that compiles, links and runs", function()
    support.write_file(dir .. "/dave.c", blocks "c"[1])
    local output, ok = run(dir, ("%s -I%s/csrc/include dave.c -L%s -ltimmsg -Wl,-rpath,%s -o dave && ./dave")
      :format(cc, root, build, build))
    assert.is_true(ok, output)
    assert.equal("sent: 0  {", output:sub(1, 10))
  end)
end)
