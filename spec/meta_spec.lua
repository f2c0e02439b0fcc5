-- The annotations for editors hold against the code: every constant, function, method, event, struct and key.

local core = require "timmsg.core"
local support = require "support"
local timmsg = require "timmsg"

local PATH <const> = assert(package.searchpath("timmsg._meta", package.path))

local TYPES <const> = {
  string = "string",
  bool = "boolean",
  int32 = "integer",
  uint32 = "integer",
  uint64 = "integer",
  double = "number",
}

-- The Lua method that the C function `c_name` is, by the naming rule.
local function method_name(c_name)
  local name = c_name:gsub("^TIMMsg", ""):gsub("^TIM", "")
  return (name:gsub("(%l)(%u)", "%1_%2"):lower())
end

local describe <const> = support.hub_only(describe)

describe("the annotations", function()
  local structs, enums, calls = core.schema()
  local classes, aliases, methods, overloads = {}, {}, { Client = {}, Await = {} }, {}
  local text = support.read_file(PATH)
  local meta = dofile(PATH)

  do
    local class, alias
    for line in text:gmatch "[^\n]+" do
      local name = line:match "^%-%-%-@class timmsg%.?(%w*)"
      if name then
        class, alias = {}, nil
        classes[name] = class
      end
      local key, optional, kind = line:match "^%-%-%-@field ([%w_]+)(%??) (%S+)"
      if key and class then class[key] = { optional = optional == "?", kind = kind } end
      name = line:match "^%-%-%-@alias timmsg%.(%w+)"
      if name then
        alias, class = {}, nil
        aliases[name] = alias
      end
      local value = line:match "^%-%-%-| (%S+)"
      if value and alias then alias[#alias + 1] = value end
      local owner, method, args = line:match "^function (%w+):([%w_]+)%((.-)%) end$"
      if owner then methods[owner][method] = args end
      name = line:match '^%-%-%-@overload fun%(self: timmsg%.Client, event: "([%w_]+)"'
      if name then overloads[#overloads + 1] = name end
    end
  end

  after_each(support.cleanup)

  it("have every field of the module, and no others", function()
    for name, value in pairs(timmsg) do
      if type(value) == "function" then
        assert.is_function(meta[name], name)
      elseif classes[""][name] then
        assert.is_nil(meta[name], name)
      else
        assert.equal(value, meta[name], name)
      end
    end
    for name in pairs(meta) do
      assert.is_not_nil(timmsg[name], name)
    end
    for name in pairs(classes[""]) do
      assert.is_not_nil(timmsg[name], name)
    end
  end)

  it("have every enum with all its values", function()
    for name, values in pairs(enums) do
      local wanted, got = {}, {}
      for _, value in pairs(values) do
        wanted[#wanted + 1] = value
      end
      assert.is_table(aliases[name], name)
      for i, value in ipairs(aliases[name]) do
        got[i] = math.tointeger(tonumber(value))
      end
      table.sort(wanted)
      table.sort(got)
      assert.same(wanted, got, name)
    end
  end)

  it("have every struct with all its keys", function()
    for name, fields in pairs(structs) do
      local class = assert.is_table(classes[name], name) and classes[name]
      local count = 0
      for _ in pairs(class) do
        count = count + 1
      end
      assert.equal(#fields, count, name)
      for _, field in ipairs(fields) do
        local where = name .. "." .. field.key
        local got = class[field.key]
        assert.is_table(got, where)
        assert.equal(not field.flags.required, got.optional, where)
        local of = field.of == "Elem" and "AnyElem" or field.of
        if field.type == "array" then
          assert.equal(of and "timmsg." .. of .. "[]" or "string[]", got.kind, where)
        elseif field.type == "object" then
          assert.equal("timmsg." .. of, got.kind, where)
        elseif field.type == "enum" and field.key == "elem_type" and name ~= "Elem" then
          assert.equal(tostring(enums.TIMElemType["kTIMElem_" .. name:gsub("Elem$", "")]), got.kind, where)
        elseif field.type == "enum" then
          assert.equal("timmsg." .. field.values, got.kind, where)
        else
          assert.equal(TYPES[field.type], got.kind, where)
        end
      end
    end
  end)

  it("have every variant of an element", function()
    local wanted = {}
    for name in pairs(structs) do
      if name:find "%wElem$" then wanted[#wanted + 1] = "timmsg." .. name end
    end
    table.sort(wanted)
    table.sort(aliases.AnyElem)
    assert.same(wanted, aliases.AnyElem)
  end)

  it("have every option", function()
    local wanted = { sdk_app_id = true, data_dir = true, log_level = true }
    for _, field in ipairs(structs.SdkConfig) do
      wanted[field.key:gsub("^sdk_config_", "")] = true
    end
    for name in pairs(wanted) do
      assert.is_table(classes.Options[name], name)
    end
    for name in pairs(classes.Options) do
      assert.is_true(wanted[name], name)
    end
  end)

  it("have every method, and no others", function()
    local tim = support.new_client(support.temp_dir())
    for _, name in ipairs(core.calls) do
      assert.is_string(methods.Client[name], name)
      assert.is_string(methods.Await[name], name)
      assert.matches("callback$", methods.Client[name], name)
    end
    for name in pairs(methods.Client) do
      assert.is_function(tim[name], name)
    end
    for name in pairs(methods.Await) do
      assert.is_function(tim.await[name], name)
    end
    for _, name in ipairs { "close", "poll", "pollfd", "events", "timeout", "wait", "on", "off", "user" } do
      assert.is_string(methods.Client[name], name)
    end
  end)

  it("have every event", function()
    assert.same(core.events, overloads)
    local names = {}
    for i, name in ipairs(aliases.Event) do
      names[i] = name:match '^"(.*)"$'
    end
    assert.same(core.events, names)
  end)

  it("agree with the rule by which methods are named", function()
    for name, call in pairs(calls) do
      assert.equal(name, method_name(call.c_name))
    end
  end)

  it("agree with the rule by which constants are named", function()
    for name, value in pairs(core.constants) do
      assert.equal(value, timmsg[name:gsub("^k", "")], name)
    end
  end)
end)
