-- What bad input gets: a clear error that names the key, and nothing lost or half done. Rules 1, 3, 4, 5, 7 and 9, at
-- every key of every call: the cases come from the schema.

local core = require "timmsg.core"
local lfs = require "lfs"
local samples = require "samples"
local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP
local hub_it = support.hub_only(it)

local structs, enums = core.schema()

local VARIANTS <const> = {
  "TextElem", "ImageElem", "SoundElem", "CustomElem", "FileElem", "GroupTipsElem", "FaceElem", "LocationElem",
  "GroupReportElem", "VideoElem",
}
local NOT_SENT <const> = { GroupTipsElem = true, GroupReportElem = true }

-- ---- Places: every key of every call ----

-- Whether a key must be there. In a mode of "name" elements need no more than their type.
local function is_needed(field, struct, mode)
  if struct:find "Elem$" and mode == "name" then return field.key == "elem_type" end
  if field.flags.required then return true end
  return field.flags.to_send and (mode == "send" or mode == "store" and struct == "Message") or false
end

local minimal

local function sample(field, struct, mode)
  if field.type == "string" then return "sample" end
  if field.type == "bool" then return true end
  if field.type == "double" then return 1.5 end
  if field.key == "elem_type" then
    for i, variant in ipairs(VARIANTS) do
      if variant == struct then return i - 1 end
    end
    return 0
  end
  if field.type == "object" then return minimal(field.of, field.flags.as_send and "send" or mode) end
  if field.type == "array" then return { field.of and minimal(field.of, mode) or "sample" } end
  return 1
end

-- A table of the struct with only what must be there.
function minimal(struct, mode)
  if struct == "Elem" then struct = "TextElem" end
  local object = timmsg.object {}
  for _, field in ipairs(structs[struct]) do
    if is_needed(field, struct, mode) then object[field.key] = sample(field, struct, mode) end
  end
  return object
end

-- Adds to `list` a place for each key of the struct and of those in it: {path, field, needed, make}. make(value) is the
-- call's whole table with the value in that place.
local function add_places(list, struct, mode, path, wrap)
  for _, field in ipairs(structs[struct]) do
    local inner_mode = field.flags.as_send and "send" or field.flags.as_name and "name" or mode
    local function make(value)
      local object = minimal(struct, mode)
      object[field.key] = value
      return wrap(object)
    end
    local at = path .. field.key
    list[#list + 1] = { path = at, field = field, needed = is_needed(field, struct, mode), make = make, mode = mode }
    if field.type == "object" then add_places(list, field.of, inner_mode, at .. ".", make) end
    if field.type == "array" then
      local entry = { key = field.key, type = field.of and "object" or "string", flags = {}, of = field.of }
      list[#list + 1] = {
        path = at .. "[2]",
        field = entry,
        mode = inner_mode,
        entry = true,
        make = function(value) return make { field.of and minimal(field.of, inner_mode) or "sample", value } end,
      }
      for _, variant in ipairs(field.of == "Elem" and VARIANTS or { field.of }) do
        if not (inner_mode == "send" and NOT_SENT[variant]) then
          add_places(list, variant, inner_mode, at .. "[1].", function(object) return make { object } end)
        end
      end
    end
  end
end

-- Every place of every call, with its call.
local function all_places()
  local all = {}
  for _, call in ipairs(samples.calls) do
    if call.struct then
      local list = {}
      local function wrap(object) return call.is_array and { object } or object end
      add_places(list, call.struct, call.mode, call.is_array and "[1]." or "", wrap)
      for _, place in ipairs(list) do
        place.call = call
        all[#all + 1] = place
      end
    end
  end
  return all
end

local places = all_places()

-- ---- Values ----

local function deep(levels)
  local root = {}
  local inner = root
  for _ = 2, levels do
    inner.x = {}
    inner = inner.x
  end
  return root
end

local WRONG <const> = {
  string = { 5, 1.5, true, timmsg.object {}, { "text" } },
  bool = { 0, 1, "true", timmsg.object {}, { true } },
  int32 = { "5", "", true, timmsg.object {}, { 5 }, 1.5, -0.5, 2.0 ^ -40 },
  uint32 = { "5", "0x5", false, timmsg.object {}, { 5 }, 4294967295.5 },
  uint64 = { "5", "18446744073709551615", true, timmsg.object {}, { 5 }, 0.1, 1551446728.25 },
  enum = { "0", "kTIMElem_Text", true, timmsg.object {}, { 0 }, 0.5 },
  double = { "1.5", true, timmsg.object {}, { 1.5 } },
  object = { 5, "{}", "", true, timmsg.array {}, { 1 } },
  array = { 5, "[]", "", false, timmsg.object {}, { x = 1 } },
}

-- What is out of range for each type, and what is just within.
local OUTSIDE <const> = {
  int32 = { -(1 << 31) - 1, 1 << 31, math.maxinteger, math.mininteger, 2.0 ^ 40, -2.0 ^ 63, 2.0 ^ 64, 1e300 },
  uint32 = { -1, 1 << 32, (1 << 53) + 1, math.maxinteger, math.mininteger, -1.0, 2.0 ^ 64, -1e300 },
  uint64 = { -1.0, -2.0 ^ 63, 2.0 ^ 64, 1e300 },
}
local INSIDE <const> = {
  int32 = { -(1 << 31), (1 << 31) - 1, 0, -0.0, 7.0 },
  uint32 = { 0, 1 << 31, (1 << 32) - 1, 4294967295.0 },
  uint64 = { 0, (1 << 32), (1 << 53) + 1, math.maxinteger, math.mininteger, -1, 2.0 ^ 63 },
}

describe("bad input", function()
  local dir, tim

  before_each(function()
    dir = support.temp_dir()
    tim = support.new_client(dir, "user1")
  end)
  after_each(support.cleanup)

  -- The call with that table must be refused with the code, and the sentence begin with the path and go on as said.
  local function refuses(code, path, pattern, call, json, what)
    local ok, message, got = samples.try(tim, call, { json = json }, function() error "a refused call was called back" end)
    local where = ("%s, %s = %s: %s"):format(call.name, path, what, tostring(message))
    assert.is_nil(ok, where)
    assert.equal(path .. ": ", message:sub(1, #path + 2), where)
    assert.matches(pattern, message:sub(#path + 3), where)
    assert.equal(code, got, where)
  end

  -- Accepted, or refused for something else than this place.
  local function takes(place, value)
    local ok, message = samples.try(tim, place.call, { json = place.make(value) })
    assert.is_true(ok or message:sub(1, #place.path + 1) ~= place.path .. ":",
      ("%s, %s = %s: %s"):format(place.call.name, place.path, tostring(value):sub(1, 100), tostring(message)))
  end

  -- After nothing but refused calls.
  local function nothing_happened()
    assert.same({}, support.must(tim, "conv_get_conv_list"))
    assert.same({}, support.must(tim, "group_get_joined_group_list"))
    assert.equal("works", support.text_of(support.say(tim, "user1", C2C, "works")))
    assert.equal(1, #support.page(tim, "user1", C2C))
  end

  hub_it("has places: every key of every parameter", function()
    local seen, parameters = {}, {}
    for _, place in ipairs(places) do
      seen[place.field.key] = true
    end
    local function reach(struct)
      if parameters[struct] then return end
      parameters[struct] = true
      for _, field in ipairs(structs[struct]) do
        assert.is_true(seen[field.key], field.key)
        if field.of then reach(field.of) end
        if field.of == "Elem" then
          for _, variant in ipairs(VARIANTS) do
            reach(variant)
          end
        end
      end
    end
    for _, call in ipairs(samples.calls) do
      if call.struct then reach(call.struct) end
    end
    assert.is_true(#places > 700, #places)
  end)

  support.hub_only(describe)("in a key:", function()
    it("rule 1: a wrong type gets -3 and the key's path", function()
      for _, place in ipairs(places) do
        for i, value in ipairs(WRONG[place.field.type]) do
          refuses(timmsg.TIM_ERR_JSON, place.path, "^expected an? %l+$", place.call, place.make(value), i)
        end
      end
      nothing_happened()
    end)

    it("rule 1: a value that has no JSON form gets -3 and the key's path", function()
      for _, place in ipairs(places) do
        for i, value in ipairs { print, tim, 0 / 0, 1 / 0, -1 / 0 } do
          refuses(timmsg.TIM_ERR_JSON, place.path, "JSON form$", place.call,
            place.make(type(value) == "number" and print or value), i)
        end
      end
      for _, place in ipairs(places) do
        refuses(timmsg.TIM_ERR_JSON, place.path, "NaN", place.call, place.make(0 / 0), "nan")
        refuses(timmsg.TIM_ERR_JSON, place.path, "infinite", place.call, place.make(-1 / 0), "-inf")
      end
      nothing_happened()
    end)

    it("rule 1: what is missing gets -3 and the key's path", function()
      local count = 0
      for _, place in ipairs(places) do
        if place.needed then
          count = count + 1
          refuses(timmsg.TIM_ERR_JSON, place.path, "^missing$", place.call, place.make(nil), "nil")
          refuses(timmsg.TIM_ERR_JSON, place.path, "^missing$", place.call, place.make(timmsg.null), "null")
          if place.field.flags.to_send then
            local empty = place.field.type == "array" and timmsg.array {} or ""
            refuses(timmsg.TIM_ERR_JSON, place.path, "^empty$", place.call, place.make(empty), "empty")
          end
        end
      end
      assert.is_true(count > 50, count)
      nothing_happened()
    end)

    it("rule 4: null is as good as nothing where nothing is needed", function()
      for _, place in ipairs(places) do
        -- One of these alone is not needed by the schema, but says which message or file is meant.
        local naming = place.field.key:find "^message_seq$" or place.field.key:find "_url$"
        if not place.needed and not place.entry and not naming then takes(place, timmsg.null) end
      end
      assert.is_table(support.must(tim, "conv_get_conv_list"))
    end)

    it("rule 1: a number out of range gets -4 and the key's path", function()
      for _, place in ipairs(places) do
        for _, value in ipairs(OUTSIDE[place.field.type] or {}) do
          refuses(timmsg.TIM_ERR_PARAM, place.path, "^out of range", place.call, place.make(value), value)
        end
      end
      nothing_happened()
    end)

    it("rule 1: a value that its enum does not have gets -4 and the key's path", function()
      for _, place in ipairs(places) do
        if place.field.type == "enum" then
          local has, top = {}, 0
          for _, value in pairs(enums[place.field.values]) do
            has[value] = true
            top = math.max(top, value)
          end
          for _, value in ipairs { -1, top + 1, 1 << 31, (1 << 32) + 1, math.maxinteger, math.mininteger, 2.0 ^ 64 } do
            assert.is_nil(has[value])
            refuses(timmsg.TIM_ERR_PARAM, place.path, "not a value of " .. place.field.values, place.call,
              place.make(value), value)
          end
          for value = 0, top do
            if not has[value] then
              refuses(timmsg.TIM_ERR_PARAM, place.path, "not a value of", place.call, place.make(value), value)
            end
          end
        end
      end
      nothing_happened()
    end)

    it("rule 5: what is just within the range is taken", function()
      for _, place in ipairs(places) do
        for _, value in ipairs(INSIDE[place.field.type] or {}) do
          local refused = place.field.key == "msg_getmsglist_param_count" and (value < 1 or value > 1000)
          if refused then
            refuses(timmsg.TIM_ERR_PARAM, place.path, "^out of range", place.call, place.make(value), value)
          else
            takes(place, value)
          end
        end
        if place.field.type == "enum" and place.field.key ~= "elem_type" then
          for _, value in pairs(enums[place.field.values]) do
            if place.mode == "store" and place.field.key == "message_status" and value == timmsg.TIMMsg_Deleted then
              refuses(timmsg.TIM_ERR_JSON, place.path, ".", place.call, place.make(value), value)
            else
              takes(place, value)
            end
          end
        end
      end
      assert.is_table(support.must(tim, "conv_get_conv_list"))
    end)

    it("rule 7: bytes that are no UTF-8 get -3 and the key's path", function()
      local bad = { "\xff", "text \xc3", "\xe4\xb8", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", ("x"):rep(5000) .. "\x80" }
      for _, place in ipairs(places) do
        if place.field.type == "string" then
          for i, value in ipairs(bad) do
            refuses(timmsg.TIM_ERR_JSON, place.path, "^not UTF%-8 at byte %d+$", place.call, place.make(value), i)
          end
        end
      end
      nothing_happened()
    end)

    it("rule 7: a NUL gets -3 and the key's path", function()
      for _, place in ipairs(places) do
        if place.field.type == "string" then
          for _, value in ipairs { "\0", "text\0", "\0text", "用户\0" } do
            refuses(timmsg.TIM_ERR_JSON, place.path, "^a NUL at byte %d+$", place.call, place.make(value), value)
          end
        end
      end
      nothing_happened()
    end)

    it("empty and large strings are taken, or refused by the key's name", function()
      local large = ("large 大 "):rep(4000)
      for _, place in ipairs(places) do
        if place.field.type == "string" then
          for _, value in ipairs { "", " ", large } do
            local ok, message, code = samples.try(tim, place.call, { json = place.make(value) })
            if not ok then
              assert.is_true(code == timmsg.TIM_ERR_JSON or code == timmsg.TIM_ERR_PARAM or code == timmsg.TIM_ERR_CONV
                or code == timmsg.TIM_ERR_GROUP)
              assert.matches("^[%w_%[%]%.]+: .", message)
              assert.is_true(#message < 600)
            end
          end
        end
      end
      assert.is_table(support.must(tim, "conv_get_conv_list"))
    end)
  end)

  support.hub_only(describe)("in a whole table:", function()
    it("100 levels of nesting get -3", function()
      for _, call in ipairs(samples.calls) do
        if call.struct then
          local json = samples.json(call)
          local target = call.is_array and json[1] or json
          target.unknown = deep(100)
          local ok, message, code = samples.try(tim, call, { json = json })
          assert.is_nil(ok, call.name)
          assert.matches("unknown%.x%.x.*: nested over 64 deep$", message)
          assert.equal(timmsg.TIM_ERR_JSON, code)
        end
      end
      for _, place in ipairs(places) do
        local _, message, code = samples.try(tim, place.call, { json = place.make(deep(100)) })
        assert.matches("nested over 64 deep$", message)
        assert.equal(timmsg.TIM_ERR_JSON, code)
      end
      nothing_happened()
    end)

    it("rule 7: bad keys get -3", function()
      for _, call in ipairs(samples.calls) do
        if call.struct then
          for _, key in ipairs { "k\xff", "k\0", "message_seq\0" } do
            local json = samples.json(call)
            local target = call.is_array and json[1] or json
            target[key] = 1
            local ok, message, code = samples.try(tim, call, { json = json })
            assert.is_nil(ok, call.name)
            assert.matches(key:find "\0" and "NUL" or "not UTF%-8", message)
            assert.equal(timmsg.TIM_ERR_JSON, code)
          end
        end
      end
      nothing_happened()
    end)

    it("a list and an object are not the same", function()
      for _, call in ipairs(samples.calls) do
        if call.struct then
          for _, json in ipairs(call.is_array and { { x = 1 }, timmsg.object {} } or { { 1 }, { {} }, timmsg.array {} }) do
            local ok, message, code = samples.try(tim, call, { json = json })
            assert.is_nil(ok, call.name)
            assert.matches(call.is_array and "expected an array" or "expected an object", message)
            assert.equal(timmsg.TIM_ERR_JSON, code)
          end
        end
      end
      nothing_happened()
    end)

    it("locators are checked like messages where they stand for one", function()
      for _, field in ipairs(structs.MsgLocator) do
        for _, value in ipairs(WRONG[field.type]) do
          for _, method in ipairs { "revoke", "report_readed", "delete" } do
            local locator = { message_locator_seq = 1, message_locator_rand = 1, [field.key] = value }
            local ok, message, code = tim[method](tim, "user1", C2C, locator)
            assert.is_nil(ok)
            assert.matches("^" .. field.key .. ": expected", message)
            assert.equal(timmsg.TIM_ERR_JSON, code)
          end
        end
      end
      nothing_happened()
    end)

    it("what names no message is not taken for all of them", function()
      for _, param in ipairs { { msg = { message_seq = 1, message_rand = 1 } }, { callback = print } } do
        local ok, message, code = tim:delete("user1", C2C, param)
        assert.same({ nil, "neither msg_delete_param_msg nor msg_delete_param_is_remble: only an empty object stands for all messages",
          timmsg.TIM_ERR_JSON }, { ok, message, code })
      end
      local proxy = setmetatable({}, { __index = { message_seq = 1, message_rand = 1 } })
      for _, method in ipairs { "revoke", "report_readed", "delete" } do
        local ok, message, code = tim[method](tim, "user1", C2C, proxy)
        assert.same({ nil, "an empty table with a metatable", timmsg.TIM_ERR_JSON }, { ok, message, code }, method)
      end
      for _, last in ipairs { { x = 1 }, { message_seq = 1 }, { message_sender = "user1" } } do
        local ok, message, code = tim:get_msg_list("user1", C2C, { msg_getmsglist_param_last_msg = last })
        assert.is_nil(ok)
        assert.matches("^msg_getmsglist_param_last_msg%.message_[%l]+: missing$", message)
        assert.equal(timmsg.TIM_ERR_JSON, code)
      end
      nothing_happened()
    end)

    it("rule 4: unknown keys are ignored, also what a host hangs on a message", function()
      local msg = timmsg.text "hung"
      msg.draw, msg.thread, msg.file = print, coroutine.create(print), io.stdout
      msg.message_elem_array[1].draw = print
      msg.sprite = debug.upvalueid(function() return msg end, 1) -- a pointer, as from C
      assert.equal("userdata", type(msg.sprite))
      support.must(tim, "send_new_msg", "user1", C2C, msg)
      msg.sprite, msg.nothing = nil, timmsg.null
      support.must(tim, "send_new_msg", "user1", C2C, msg)
    end)

    it("one bad message of many stops an import, all of it", function()
      local list = {}
      for i = 1, 2000 do
        list[i] = timmsg.text("message " .. i)
      end
      list[1999].message_elem_array[1].text_elem_content = 5
      local ok, message, code = tim:import_msg_list("user2", C2C, list)
      assert.same({ nil, "[1999].message_elem_array[1].text_elem_content: expected a string", timmsg.TIM_ERR_JSON },
        { ok, message, code })
      list[1999].message_elem_array[1].text_elem_content = "good"
      list[1500].message_sender = "näme"
      ok, message, code = tim:import_msg_list("user2", C2C, list)
      assert.is_nil(ok)
      assert.matches("^%[1500%]%.message_sender: ", message)
      assert.equal(timmsg.TIM_ERR_CONV, code)
      nothing_happened()
      list[1500].message_sender = nil
      support.must(tim, "import_msg_list", "user2", C2C, list)
    end)

    it("a huge message is kept whole, or refused", function()
      local text = ("0123456789abcde\n"):rep(1 << 18) -- 4 MB
      local code, desc = support.call(tim, "send_new_msg", "user1", C2C, timmsg.text(text))
      assert.equal(timmsg.ERR_SDK_MSG_BODY_SIZE_LIMIT, code)
      assert.is_true(#desc < 600)
      support.must(tim, "save_msg", "user2", C2C, timmsg.text(text))
      assert.is_true(text == support.text_of(support.page(tim, "user2", C2C)[1]))
      local many = {}
      for i = 1, 20000 do
        many[i] = timmsg.face(i)
      end
      support.must(tim, "save_msg", "user3", C2C, timmsg.message(many))
      assert.equal(20000, support.page(tim, "user3", C2C)[1].message_elem_array[20000].face_elem_index)
    end)
  end)

  support.hub_only(describe)("in an argument:", function()
    it("texts that are huge, no UTF-8 or hold a NUL", function()
      local huge = ("h"):rep(1 << 20)
      for _, call in ipairs(samples.calls) do
        local names = {}
        for i, text in ipairs(call.texts) do
          names[i] = text[1]
        end
        if call.conv then names[#names + 1] = "conv_id" end
        for _, name in ipairs(names) do
          for _, value in ipairs { "\0", "a\0b", "caf\xe9", "\xf8\x88\x80\x80\x80" } do
            local ok, message, code = samples.try(tim, call, { [name] = value })
            assert.is_nil(ok, call.name)
            assert.equal(name .. ": ", message:sub(1, #name + 2))
            assert.equal(name == "conv_id" and timmsg.TIM_ERR_CONV or timmsg.TIM_ERR_JSON, code, call.name)
          end
          local ok, message, code = samples.try(tim, call, { [name] = huge })
          if name == "conv_id" or name == "group_id" then
            assert.is_nil(ok)
            assert.matches("^" .. name .. ": ", message)
            assert.equal(name == "conv_id" and timmsg.TIM_ERR_CONV or timmsg.TIM_ERR_GROUP, code)
          else
            assert.is_true(ok, call.name)
          end
        end
      end
      assert.is_table(support.must(tim, "conv_get_conv_list"))
    end)

    it("a path that is too long, or no path", function()
      local param = { msg_download_elem_param_url = "http://127.0.0.1:1/x" }
      for _, path in ipairs { ("p"):rep(1 << 20), dir .. "/" .. ("n"):rep(300), dir, dir .. "/", dir .. "/none/below" } do
        local code, desc = support.call(tim, "download_elem_to_path", param, path)
        assert.equal(timmsg.ERR_IO_OPERATION_FAILED, code, desc)
        assert.is_true(#desc > 0 and #desc < 600)
      end
    end)
  end)

  describe("in an id:", function()
    local ODD <const> = {
      "/", "a/b", "..", "../user1", "'; DROP TABLE messages; --", "\"quoted\"", "100%", "%s%n", "%2e%2e", "user1.db", "USER1",
      " user1", "user1 ", "\\", "~", "*", "?", "|", "&", "$(id)", "`id`", "<b>", "{}", "[]", "a:b", "hub:x", "@TIM#",
      ("u"):rep(32), ("U"):rep(32), "con", "-", "_", "0",
    }

    it("rule 9: odd users talk to each other in one data directory, and their messages stay apart", function()
      local data = { data_dir = dir .. "/data" }
      local received = {}
      for _, user in ipairs(ODD) do
        local client = support.new_client(dir, nil, data)
        assert.same({ 0, "" }, { support.call(client, "login", user, "sig") }, user)
        client:close()
      end
      for _, user in ipairs(ODD) do
        support.must(tim, "send_new_msg", user, C2C, timmsg.text("to " .. user))
      end
      for _, user in ipairs(ODD) do
        local client = support.new_client(dir, nil, data)
        local seen = support.watch(client)
        support.must(client, "login", user, "sig")
        support.arrival(seen, "to " .. user, client)
        received[user] = support.texts(seen.messages)
        assert.same({ "to " .. user }, support.texts(support.page(client, "user1", C2C)))
        support.must(client, "send_new_msg", "user1", C2C, timmsg.text("from " .. user))
        support.eventually(function() return #support.page(tim, user, C2C) == 2 end, tim)
        assert.same({ "from " .. user, "to " .. user }, support.texts(support.page(tim, user, C2C)))
        client:close()
      end
      for _, user in ipairs(ODD) do
        assert.same({ "to " .. user }, received[user])
      end
      assert.equal(#ODD, #support.must(tim, "conv_get_conv_list"))
    end)

    it("rule 9: odd groups stay apart too", function()
      local groups = { ("g"):rep(48), ("G"):rep(48) }
      table.move(ODD, 1, #ODD, 3, groups)
      for _, group in ipairs(groups) do
        support.group(tim, group)
        support.say(tim, group, GROUP, "in " .. group)
      end
      for _, group in ipairs(groups) do
        assert.same({ "in " .. group }, support.texts(support.page(tim, group, GROUP)))
      end
      assert.equal(#groups, #support.must(tim, "group_get_joined_group_list"))
      local ok, message, code = tim:conv_create(("g"):rep(49), GROUP)
      assert.is_nil(ok)
      assert.matches("^conv_id: ", message)
      assert.equal(timmsg.TIM_ERR_CONV, code)
    end)
  end)

  support.hub_only(describe)("in the data directory:", function()
    local function new(data_dir, user)
      local client, message, code = timmsg.new { data_dir = data_dir, server = "hub:" .. dir .. "/hub" }
      if not client then return nil, message, code end
      support.keep(client)
      local result, desc = support.call(client, "login", user or "user2")
      return client, desc, result
    end

    -- SQLite keeps the version in bytes 61 to 64 of the file.
    local function set_version(path, version)
      local content = support.read_file(path)
      support.write_file(path, content:sub(1, 60) .. string.pack(">I4", version) .. content:sub(65))
      return support.read_file(path)
    end

    -- A log-in with this file must fail with 6019, name it and leave it as it is.
    local function refuses_file(path, content, data_dir, pattern)
      support.write_file(path, content)
      os.remove(path .. "-wal")
      os.remove(path .. "-shm")
      local client, desc, code = new(data_dir)
      assert.equal(timmsg.ERR_DATABASE_OPERATE_FAILED, code, desc)
      assert.is_truthy(desc:find(path, 1, true), desc)
      if pattern then assert.matches(pattern, desc) end
      assert.is_nil(client:user())
      local _, _, refused = client:conv_get_conv_list()
      assert.equal(timmsg.TIM_ERR_NOTLOGIN, refused)
      client:close()
      assert.is_true(content == support.read_file(path), desc)
    end

    it("that does not exist is made, for its owner alone", function()
      local client, desc, code = new(dir .. "/new/and/newer 目录")
      assert.equal(0, code, desc)
      assert.equal("rwx------", lfs.attributes(dir .. "/new/and/newer 目录", "permissions"))
      assert.equal("rw-------", lfs.attributes(dir .. "/new/and/newer 目录/user2.db", "permissions"))
      assert.equal("user2", client:user())
    end)

    it("is the same one, and the hub too, whatever becomes of the process's working directory", function()
      local before = lfs.currentdir()
      finally(function() lfs.chdir(before) end)
      local file = support.write_file(dir .. "/file.txt", "content")
      lfs.mkdir(dir .. "/here")
      lfs.mkdir(dir .. "/elsewhere")
      local user1 = support.new_client(dir .. "/here", "user1")
      lfs.chdir(dir .. "/here")
      local given = support.keep(assert(timmsg.new { data_dir = "given", server = "hub:hub" }))
      local by_default = support.keep(assert(timmsg.new { data_dir = "./alone" }))
      lfs.chdir(dir .. "/elsewhere")
      for user, client in pairs { user2 = given, user3 = by_default } do
        support.must(client, "login", user)
        support.say(client, user, C2C, "before")
        support.must(client, "logout")
        support.must(client, "login", user)
        support.say(client, user, C2C, "after")
        assert.same({ "before", "after" }, support.texts(support.history(client, user, C2C)))
      end
      lfs.chdir(before)
      local elem = support.must(given, "send_new_msg", "user1", C2C, timmsg.file(file)).message_elem_array[1]
      support.must(user1, "download_elem_to_path", {
        msg_download_elem_param_type = timmsg.TIMDownload_File,
        msg_download_elem_param_id = elem.file_elem_file_id,
        msg_download_elem_param_url = elem.file_elem_url,
      }, dir .. "/copy.txt")
      assert.equal("content", support.read_file(dir .. "/copy.txt"))
      assert.is_nil(lfs.attributes(dir .. "/elsewhere/given") or lfs.attributes(dir .. "/elsewhere/hub"))
      -- one that is gone leads nowhere
      lfs.mkdir(dir .. "/gone")
      lfs.chdir(dir .. "/gone")
      lfs.rmdir(dir .. "/gone")
      for key, option in pairs { data_dir = "given", server = "hub:hub" } do
        local options = { data_dir = dir .. "/whole" }
        options[key] = option
        local client, message, code = timmsg.new(options)
        assert.is_nil(client)
        assert.matches(key == "server" and "^sdk_config_server: hub: " or "^sdk_config_config_file_path: given: ", message)
        assert.equal(timmsg.TIM_ERR_PARAM, code)
      end
    end)

    it("that is a file, or below one, is refused by the key's name", function()
      local path = support.write_file(dir .. "/file", "content")
      for _, data_dir in ipairs { path, path .. "/below", path .. "/" } do
        local client, message, code = new(data_dir)
        assert.is_nil(client)
        assert.matches("^sdk_config_config_file_path: ", message)
        assert.is_truthy(message:find(path, 1, true))
        assert.equal(timmsg.TIM_ERR_PARAM, code)
      end
      assert.equal("content", support.read_file(path))
    end)

    it("that can't be written to is refused by the key's name, or at the log-in", function()
      -- /proc is there everywhere and lets nobody make files, root neither.
      local _, desc, code = new "/proc"
      assert.is_true(code == timmsg.TIM_ERR_PARAM or code == timmsg.ERR_DATABASE_OPERATE_FAILED)
      assert.is_truthy(desc:find("/proc", 1, true))
    end)

    it("a hub that can't be one fails the log-in, and a good one is taken after it", function()
      local path = support.write_file(dir .. "/file", "content")
      for _, hub in ipairs { path, path .. "/below", "/proc" } do
        local client = support.keep(assert(timmsg.new { data_dir = dir .. "/data", server = "hub:" .. hub }))
        local code, desc = support.call(client, "login", "user2")
        assert.is_true(code == timmsg.ERR_DATABASE_OPERATE_FAILED or code == timmsg.ERR_IO_OPERATION_FAILED, desc)
        assert.is_truthy(desc:find(hub, 1, true), desc)
        assert.is_nil(client:user())
        client:close()
      end
      assert.equal("content", support.read_file(path))
      assert.equal(0, (select(3, new(dir .. "/data"))))
    end)

    it("a server that is none is refused by the key's name", function()
      for _, server in ipairs { "hub:", "hub", "x", "file:///tmp", "HUB:" .. dir } do
        local client, message, code = timmsg.new { data_dir = dir .. "/data", server = server }
        assert.is_nil(client)
        assert.matches("^sdk_config_server: ", message)
        assert.equal(timmsg.TIM_ERR_PARAM, code)
      end
    end)

    it("a database of a newer version fails the log-in with 6019 and stays as it is", function()
      local client = new(dir .. "/data")
      support.say(client, "user1", C2C, "from the future")
      client:close()
      local path = dir .. "/data/user2.db"
      local good = support.read_file(path)
      for _, version in ipairs { string.unpack(">I4", good, 61) + 1, 1000, 0x7fffffff } do
        refuses_file(path, set_version(path, version), dir .. "/data", "version " .. version)
      end
      -- the same in the form that the newer library may have chosen: not in WAL mode
      local content = set_version(path, 99)
      refuses_file(path, content:sub(1, 18) .. "\1\1" .. content:sub(21), dir .. "/data", "version 99")
      support.write_file(path, good)
      client = new(dir .. "/data")
      assert.equal("from the future", support.text_of(support.page(client, "user1", C2C)[1]))
    end)

    it("a database of an earlier version is brought to this one, with all that is in it", function()
      local client = new(dir .. "/data")
      support.say(client, "user1", C2C, "from the past")
      client:close()
      local path = dir .. "/data/user2.db"
      -- what version 1 had and later ones dropped, and not what they added
      local script = "CREATE INDEX message_sending ON messages(id) WHERE status = 1; "
        .. "ALTER TABLE convs DROP COLUMN cleared_position; PRAGMA user_version=1"
      assert(os.execute(("sqlite3 '%s' '%s'"):format(path, script)))
      assert.equal(1, (string.unpack(">I4", support.read_file(path), 61)))
      client = new(dir .. "/data")
      assert.equal("from the past", support.text_of(support.page(client, "user1", C2C)[1]))
      client:close()
      assert.equal(3, (string.unpack(">I4", support.read_file(path), 61)))
    end)

    -- What the store of user2 was, each time it was set aside.
    local function set_aside()
      local list = {}
      for name in lfs.dir(dir .. "/data") do
        if name:find "^user2%.db%.damaged%-%d+$" then list[#list + 1] = support.read_file(dir .. "/data/" .. name) end
      end
      return list
    end

    it("a store that is damaged fails the log-in with 6019 and is set aside; the next log-in begins anew", function()
      local client = new(dir .. "/data")
      for i = 1, 50 do
        support.must(client, "send_new_msg", "user1", C2C, timmsg.text(i .. (" page"):rep(500)))
      end
      client:close()
      local path = dir .. "/data/user2.db"
      local good = support.read_file(path)
      local noise = {}
      for i = 1, 4096 do
        noise[i] = string.char(i * 7919 % 251)
      end
      ---@diagnostic disable-next-line: cast-local-type, param-type-mismatch
      noise = table.concat(noise)
      local bad = {
        "this is no database", noise:rep(20), "SQLite format 3\0" .. noise:rep(20):sub(17),
        good:sub(1, 100) .. noise:sub(101) .. good:sub(4097), good:sub(1, 4096), good:sub(1, 5000),
      }
      for i, content in ipairs(bad) do
        support.write_file(path, content)
        os.remove(path .. "-wal")
        os.remove(path .. "-shm")
        local desc, code
        client, desc, code = new(dir .. "/data")
        assert.equal(timmsg.ERR_DATABASE_OPERATE_FAILED, code)
        assert.matches("user2%.db%.damaged%-%d+ now, and the next log%-in begins with an empty store$", desc)
        client:close()
        local kept = set_aside()
        assert.equal(i, #kept)
        local found = false
        for _, one in ipairs(kept) do found = found or one == content end
        assert.is_true(found)
        -- what the backend has comes back
        client = new(dir .. "/data")
        assert.equal(0, #support.page(client, "user1", C2C, { count = 100 }))
        assert.equal(50, #support.page(client, "user1", C2C, { count = 100, is_remble = true }))
        client:close()
      end
    end)

    it("a store that turns out to be damaged while it is in use is set aside when it is closed", function()
      local client = new(dir .. "/data")
      for i = 1, 50 do
        support.must(client, "send_new_msg", "user1", C2C, timmsg.text(i .. (" page"):rep(500)))
      end
      client:close()
      local path = dir .. "/data/user2.db"
      local good = support.read_file(path)
      local page = (good:find("25 page page", 1, true) - 1) // 4096 * 4096
      support.write_file(path, good:sub(1, page) .. ("\255"):rep(100) .. good:sub(page + 101))
      local login_desc, login_code
      client, login_desc, login_code = new(dir .. "/data")
      assert.equal(0, login_code, login_desc)
      local code, desc = support.call(client, "get_msg_list", "user1", C2C, { msg_getmsglist_param_count = 100 })
      assert.equal(timmsg.ERR_DATABASE_OPERATE_FAILED, code)
      assert.matches("user2.db: database disk image is malformed", desc)
      client:close()
      assert.equal(1, #set_aside())
      client = new(dir .. "/data")
      assert.equal(50, #support.page(client, "user1", C2C, { count = 100, is_remble = true }))
    end)

    it("a hub's database that is newer or damaged fails the log-in with 6019 and stays as it is", function()
      local client = new(dir .. "/data")
      support.say(client, "user1", C2C, "kept")
      client:close()
      tim:close()
      local path = dir .. "/hub/hub.db"
      local good = support.read_file(path)
      refuses_file(path, set_version(path, 77), dir .. "/data", "version 77")
      refuses_file(path, "this is no database", dir .. "/data")
      refuses_file(path, good:sub(1, 4096), dir .. "/data")
      support.write_file(path, good)
      client = new(dir .. "/data")
      assert.equal("kept", support.text_of(support.page(client, "user1", C2C, { is_remble = true })[1]))
    end)

    it("a hub's database is no store, and a store no hub's: 6019, and they stay as they are", function()
      local client = new(dir .. "/data")
      support.say(client, "user1", C2C, "kept")
      client:close()
      tim:close()
      local store, hub = support.read_file(dir .. "/data/user2.db"), support.read_file(dir .. "/hub/hub.db")
      refuses_file(dir .. "/hub/hub.db", store, dir .. "/data", "of another kind")
      support.write_file(dir .. "/hub/hub.db", hub)
      refuses_file(dir .. "/data/user2.db", hub, dir .. "/data", "of another kind")
    end)

    it("that is the hub's directory too, a user may be called hub", function()
      local users = { "hub", "user3", "hub" }
      for i, user in ipairs(users) do
        local client = support.keep(assert(timmsg.new { data_dir = dir .. "/hub", server = "hub:" .. dir .. "/hub" }))
        support.must(client, "login", user)
        support.say(client, user, C2C, "by client " .. i)
        assert.equal(i == 3 and 2 or 1, #support.history(client, user, C2C))
        client:close()
      end
      assert.equal("file", lfs.attributes(dir .. "/hub/%68ub.db", "mode"))
    end)

    it("a directory in the place of a database fails the log-in with 6019", function()
      assert(lfs.mkdir(dir .. "/data"))
      assert(lfs.mkdir(dir .. "/data/user2.db"))
      local client, desc, code = new(dir .. "/data")
      assert.equal(timmsg.ERR_DATABASE_OPERATE_FAILED, code)
      assert.is_truthy(desc:find("user2.db", 1, true), desc)
      assert.equal(0, (support.call(client, "login", "user3")))
    end)
  end)
end)
