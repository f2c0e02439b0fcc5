-- The codes that the headers name are those that the library brings: TIMCloud.h names all of them and no others, and
-- TIMCloudDef.h and the annotations for editors say which of the API's never come.

local annotations = require "annotations"
local lfs = require "lfs"
local support = require "support"

local CODE <const> = "%f[%w_]ERR_[%u_]+"

-- The codes that a text names.
local function named_in(text)
  local found = {}
  for name in text:gmatch(CODE) do found[name] = true end
  found.ERR_SUCC = nil
  return found
end

-- The codes that the library's C files give to somebody: what is only in a comment or compared with is not among them, nor
-- what schema_tables.c has, which lists the API's names.
local function brought()
  local found = {}
  for name in lfs.dir "csrc" do
    if name:find "%.c$" and name ~= "schema_tables.c" then
      local code = support.read_file("csrc/" .. name):gsub("/%*.-%*/", ""):gsub("[=!]=%s*" .. CODE, "")
      for each in pairs(named_in(code)) do found[each] = true end
    end
  end
  return found
end

-- Those of `list` that are not in `other`.
local function missing(list, other)
  local found = {}
  for name in pairs(list) do
    if not other[name] then found[#found + 1] = name end
  end
  table.sort(found)
  return found
end

local describe <const> = support.hub_only(describe)

describe("the error codes", function()
  local codes <const> = brought()
  local named <const> = named_in(support.read_file "csrc/include/TIMCloud.h")

  it("that TIMCloud.h names are brought by some code", function()
    assert.same({}, missing(named, codes))
  end)

  it("that some code brings are named in TIMCloud.h", function()
    assert.same({}, missing(codes, named))
  end)

  it("that never come are marked so", function()
    local all, in_header, for_editors = {}, {}, {}
    for name, about in support.read_file "csrc/include/TIMCloudDef.h":gmatch("(" .. CODE .. ") = %d+,?%s+/%* ([^\n]+) %*/") do
      if name ~= "ERR_SUCC" then all[name] = true end
      if about:find "; never brought$" then in_header[name] = true end
    end
    for _, entry in ipairs(annotations.of_timmsg().aliases["timmsg.TIMErrCode"]) do
      local name = entry.text:match "^([%w_]+): .+; never brought$"
      if name then for_editors[name] = true end
    end
    assert.same(missing(all, codes), missing(in_header, {}))
    assert.same(missing(all, codes), missing(for_editors, {}))
  end)
end)
