-- The rockspecs list what the Makefile builds, which is what is there: one with XMPP, one without (make XMPP=0). What the
-- Makefile builds anew when that changes. What the static library brings into a program, and how the README says to install it.

local lfs = require "lfs"
local support = require "support"

-- The names in a directory that match, with the directory before them.
local function list(dir, pattern)
  local found = {}
  for name in lfs.dir(dir) do
    if name:find(pattern) then found[#found + 1] = dir .. "/" .. name end
  end
  table.sort(found)
  return found
end

local describe <const> = support.hub_only(describe)
local BUILD <const> = os.getenv "TIMMSG_BUILD" or "build"

local readme <const> = support.read_file "README.md"

for rockspec, xmpp in pairs { ["timmsg-scm-1.rockspec"] = true, ["timmsg-hub-scm-1.rockspec"] = false } do
  describe(rockspec, function()
    local spec = {}
    assert(loadfile(rockspec, "t", spec))()

    it("lists all C files but those of the C face" .. (xmpp and "" or " and of XMPP"), function()
      local expected = {}
      for _, path in ipairs(list("csrc", "%.c$")) do
        local left_out = path:find "/cloud" or path:find "/logic" or (not xmpp and path:find "/xmpp")
        if not left_out then expected[#expected + 1] = path end
      end
      for _, path in ipairs(list("csrc/lua", "%.c$")) do expected[#expected + 1] = path end
      local listed = table.move(spec.build.modules["timmsg.core"].sources, 1, #expected + 10, 1, {})
      table.sort(listed)
      table.sort(expected)
      assert.same(expected, listed)
    end)

    it("lists all Lua files", function()
      local listed = { spec.build.install.lua["timmsg._meta"] }
      for _, path in pairs(spec.build.modules) do
        if type(path) == "string" then listed[#listed + 1] = path end
      end
      table.sort(listed)
      assert.same(list("lua/timmsg", "%.lua$"), listed)
    end)

    it("is named where the README calls LuaRocks, which takes none of two by itself", function()
      assert.truthy(readme:find("`luarocks --lua-version=5.4 make " .. rockspec .. "`", 1, true))
    end)
  end)
end

describe("make", function()
  after_each(support.cleanup)

  it("builds anew what sees XMPP=0 when that comes or goes, and nothing otherwise", function()
    local build = support.temp_dir() .. "/build"
    local function run(command) return os.execute("unset LD_PRELOAD MAKEFLAGS; " .. command) or false end
    local function make(what)
      return run(("make -s BUILD='%s' SANITIZE='%s' %s >/dev/null"):format(build, os.getenv "TIMMSG_SANITIZE" or "", what))
    end
    assert.is_true(run(("mkdir '%s' && cp -a '%s/obj' '%s'"):format(build, BUILD, build))) -- it begins with what is there

    local libraries = { build .. "/libtimmsg.so", build .. "/libtimmsg.a", build .. "/timmsg/core.so" }
    local up_to_date = "-q " .. table.concat(libraries, " ")
    for _, flag in ipairs { "XMPP=0", run "pkg-config --exists libstrophe" and "XMPP=1" or nil } do
      local has_xmpp = flag == "XMPP=1"
      assert.is_false(make(up_to_date .. " " .. flag))
      assert.is_true(make("lib " .. flag))
      for _, path in ipairs(libraries) do
        local pipe = assert(io.popen(("nm '%s'"):format(path))) -- also what it lacks
        assert.equal(has_xmpp, pipe:read("a"):find "tm_xmpp" ~= nil, path .. " with " .. flag)
        pipe:close()
      end
      assert.equal(has_xmpp, support.read_file(build .. "/timmsg.pc"):find "strophe" ~= nil)
      assert.is_true(make(up_to_date .. " " .. flag))
    end
  end)
end)

describe("the packages that a build needs", function()
  it("are installed by a target that the README and `make help` name", function()
    assert.truthy(readme:find("`make deps-build`", 1, true))
    assert.truthy(support.read_file "Makefile":find("\t@echo 'make deps-build ", 1, true))
  end)
end)

describe("libtimmsg.a", function()
  it("has no names but its own, so that a program that links it may have any other", function()
    local pipe = assert(io.popen(("nm -g --defined-only '%s/libtimmsg.a'"):format(BUILD)))
    local count, foreign = 0, {}
    for name in pipe:read("a"):gmatch "%x+ %u ([%w_]+)\n" do
      count = count + 1
      local ours = name:find "^tm_" or name:find "^TIM" or name:find "^timmsg_" or name:find "^luaopen_timmsg"
      if not ours and not name:find "^__" then foreign[#foreign + 1] = name end -- the sanitizers' begin with __
    end
    assert(pipe:close())
    assert.is_true(count > 100)
    assert.same({}, foreign)
  end)
end)
