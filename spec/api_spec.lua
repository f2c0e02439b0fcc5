-- The C API, the schema and the Lua module are one API: what the public headers declare is what the other two have.
-- That _meta.lua has what the module exports is in meta_spec.lua.

local core = require "timmsg.core"
local support = require "support"
local timmsg = require "timmsg"

local ROOT <const> = assert(package.searchpath("support", package.path)):match "^(.-)spec/support%.lua$"

-- A header without its comments.
local function header(name)
  return (support.read_file(ROOT .. "csrc/include/" .. name):gsub("/%*.-%*/", " "):gsub("%s+", " "))
end

-- "msg_readed_receipt" for "MsgReadedReceipt".
local function snake(name)
  return (name:gsub("(%l)(%u)", "%1_%2"):lower())
end

-- The parameters of a C function but user_data, by their names.
local function names_of(parameters)
  local names = {}
  for parameter in parameters:gmatch "[^,]+" do
    local name = parameter:match "([%w_]+)%s*$"
    if name ~= "user_data" and name ~= "void" then names[#names + 1] = name end
  end
  return names
end

-- What the C API has that is no method and no event of a client.
local ELSEWHERE <const> = {
  TIMInit = function() return timmsg.new end,
  TIMUninit = function(client) return client.close end,
  TIMGetSDKVersion = function() return timmsg.VERSION end,
}

-- Events whose name is not that of their setter.
local EVENT_NAMES <const> = { network_status_listener = "network_status" }

local describe <const> = support.hub_only(describe)

describe("the API", function()
  local structs, enums, calls = core.schema()
  local functions, setters = {}, {}
  for kind, name, parameters in header "TIMCloud.h":gmatch "TIM_DECL ([%w_ ]-[%w_*]) ?%*?([%w_]+)%(([^)]*)%)" do
    functions[name] = { returns = kind, parameters = names_of(parameters) }
    local event = name:match "^TIMSet(%w+)Callback$" or name:match "^TIMAdd(%w+)Callback$"
    if event then
      event = snake(event)
      setters[EVENT_NAMES[event] or event] = name
    end
  end

  after_each(support.cleanup)

  it("has all its functions in one header", function()
    local count = 0
    for _ in pairs(functions) do
      count = count + 1
    end
    local text = header "TIMCloud.h"
    local declared = select(2, text:gsub("TIM_DECL %l", "")) - select(2, text:gsub("#define TIM_DECL", ""))
    assert.equal(declared, count)
    assert.is_true(count >= 40, count)
  end)

  it("has a method, an event or a place elsewhere for each C function", function()
    local by_c_name = {}
    for name, call in pairs(calls) do
      by_c_name[call.c_name] = name
    end
    local client = support.new_client(support.temp_dir())
    for name in pairs(functions) do
      local method, place = by_c_name[name], ELSEWHERE[name]
      if method then
        assert.is_function(client[method], name)
      elseif place then
        assert.is_not_nil(place(client), name)
      else
        local event = snake(name:match "^TIM%u%l+(%w+)Callback$" or error(name .. " is nowhere in Lua"))
        local handler = function() end
        client:on(EVENT_NAMES[event] or event, handler)
        assert.is_true(client:off(EVENT_NAMES[event] or event, handler))
      end
    end
  end)

  it("has a C function for each method that is a call, and for each event", function()
    for _, name in ipairs(core.calls) do
      assert.is_table(functions[calls[name].c_name], name)
    end
    for name in pairs(calls) do
      assert.is_not_nil(functions[calls[name].c_name], name)
    end
    for _, event in ipairs(core.events) do
      -- errors of Lua callbacks are Lua's alone
      if event ~= "error" then assert.is_string(setters[event], event) end
    end
    for event in pairs(setters) do
      local found = false
      for _, name in ipairs(core.events) do
        found = found or name == event
      end
      assert.is_true(found, event)
    end
  end)

  it("takes in Lua what it takes in C", function()
    local meta = support.read_file(assert(package.searchpath("timmsg._meta", package.path)))
    local function arguments(pattern) return names_of(meta:match(pattern) or error(pattern)) end
    for name, call in pairs(calls) do
      local c_side = functions[call.c_name].parameters
      local lua_side = arguments("function Client:" .. name .. "%((.-)%) end")
      local awaited = arguments("function Await:" .. name .. "%((.-)%) end")
      assert.equal("callback", lua_side[#lua_side])
      -- In Lua every call tells how it ended.
      if c_side[#c_side] ~= "cb" then c_side[#c_side + 1] = "cb" end
      assert.equal(#c_side, #lua_side, name)
      if name ~= "download_elem_to_path" then assert.equal(#c_side - 1, #awaited, name) end
      for i, argument in ipairs(c_side) do
        if argument:find "^conv_" or argument:find "_id$" or argument == "path" then
          assert.equal(argument, lua_side[i], name)
        end
      end
    end
  end)

  it("tells handlers in Lua what it tells callbacks in C", function()
    local types = header "TIMCloudCallback.h"
    local meta = support.read_file(assert(package.searchpath("timmsg._meta", package.path)))
    for event, setter in pairs(setters) do
      local kind = assert(setter:match "^TIM%u%l%l(%w+)$", setter)
      local c_side = names_of(assert(types:match("%(%*TIM" .. kind .. "%)%(([^)]*)%)"), kind))
      local handler = assert(meta:match('event: "' .. event .. '", handler: fun(%b())'), event)
      local count = select(2, handler:gsub("[%w_]+%??:", ""))
      assert.equal(#c_side, count, event)
    end
    assert.same({ "code", "desc", "json_params" }, names_of(types:match "%(%*TIMCommCallback%)%(([^)]*)%)"))
  end)

  it("has the same enums with the same values", function()
    local text, declared = header "TIMCloudDef.h", 0
    for name, body in text:gmatch "enum (%w+) (%b{})" do
      declared = declared + 1
      assert.is_table(enums[name], name)
      local count = 0
      for constant, value in body:gmatch "([%w_]+) = (%-?%w+)" do
        count = count + 1
        value = math.tointeger(tonumber(value))
        assert.equal(value, enums[name][constant], constant)
        assert.equal(value, core.constants[constant], constant)
        assert.equal(value, timmsg[constant:gsub("^k", "")], constant)
      end
      assert.equal(select(2, body:gsub("=", "")), count, name)
      for constant in pairs(enums[name]) do
        assert.is_truthy(body:find(constant .. " =", 1, true), constant)
      end
    end
    local known = 0
    for _ in pairs(enums) do
      known = known + 1
    end
    assert.equal(known, declared)
  end)

  it("has the same keys", function()
    local text = header "TIMCloudDef.h"
    local keys, fields = {}, {}
    for constant, key in text:gmatch 'TIM_KEY%((%w+), "([%w_]+)"%)' do
      assert.is_nil(keys[constant], constant)
      keys[constant] = key
    end
    assert.equal(select(2, text:gsub("TIM_KEY%(k", "")), (function()
      local count = 0
      for _ in pairs(keys) do
        count = count + 1
      end
      return count
    end)())
    for struct, list in pairs(structs) do
      for _, field in ipairs(list) do
        assert.equal(keys[field.constant], field.key, struct .. "." .. field.constant)
        fields[field.constant] = true
      end
    end
    local seen = {}
    for constant, key in pairs(keys) do
      assert.is_true(fields[constant], constant)
      assert.is_nil(seen[key], key)
      seen[key] = true
      assert.equal(key, core.constants[constant], constant)
      assert.equal(key, timmsg[constant:gsub("^k", "")], constant)
    end
  end)

  it("has no other constants in Lua", function()
    local text = header "TIMCloudDef.h"
    for name in pairs(core.constants) do
      assert.is_truthy(text:find("%f[%w_]" .. name .. "%f[^%w_]"), name)
    end
    for name, value in pairs(timmsg) do
      if type(value) == "number" and name ~= "C2C" and name ~= "GROUP" or type(value) == "string" and name ~= "VERSION" then
        assert.is_true(core.constants[name] == value or core.constants["k" .. name] == value, name)
      end
    end
  end)
end)
