-- The rockspecs list what the Makefile builds, which is what is there: one with XMPP, one without (make XMPP=0). And what the
-- static library brings into a program.

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
  end)
end

describe("libtimmsg.a", function()
  it("has no names but its own, so that a program that links it may have any other", function()
    local pipe = assert(io.popen(("nm -g --defined-only '%s/libtimmsg.a'"):format(os.getenv "TIMMSG_BUILD" or "build")))
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
