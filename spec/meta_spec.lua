-- The annotations for editors hold against the code: every constant, function, method, event, struct and key, with its
-- types. What is known of them comes from the core (its schema), from the functions themselves, and from what calls and
-- events bring.

local annotations = require "annotations"
local core = require "timmsg.core"
local pictures = require "pictures"
local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

local TYPES <const> = {
  string = "string",
  bool = "boolean",
  int32 = "integer",
  uint32 = "integer",
  uint64 = "integer",
  double = "number",
}

-- What the text behind a key's type says of its flags.
local FLAGS <const> = { to_send = "needed to send", ["local"] = "this device only", read_only = "written by the library" }

-- Where the methods of a call differ from what the schema says of it: a locator does where a message is only named.
local TABLES <const> = {
  report_readed = "timmsg.Message|timmsg.MsgLocator",
  revoke = "timmsg.Message|timmsg.MsgLocator",
  delete = "timmsg.MsgDeleteParam|timmsg.Message|timmsg.MsgLocator",
  find_by_msg_locator_list = "timmsg.MsgLocator[]|timmsg.Message[]",
}

local REFUSABLE <const> = { "true? ok", "string? message", "timmsg.TIMResult? code" }

-- The Lua method that the C function `c_name` is, by the naming rule.
local function method_name(c_name)
  local name = c_name:gsub("^TIMMsg", ""):gsub("^TIM", "")
  return (name:gsub("(%l)(%u)", "%1_%2"):lower())
end

-- The type of a key, an argument or a result of struct `of`; `of` is Elem where any of its variants may be.
local function type_of(of, is_array)
  local name = not of and "string" or "timmsg." .. (of == "Elem" and "AnyElem" or of)
  return is_array and name .. "[]" or name
end

local function sorted_keys(list)
  local keys = {}
  for key in pairs(list) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local describe <const> = support.hub_only(describe)

describe("the annotations", function()
  local structs, enums, calls = core.schema()
  local meta = annotations.of_timmsg()
  local fields_of_module = meta.classes.timmsg.fields
  local module = dofile(assert(package.searchpath("timmsg._meta", package.path)))
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(support.cleanup)

  -- The functions that a client really has, and its proxy for await.
  local function methods_of(client)
    local _, methods = debug.getupvalue(debug.getmetatable(client).__index, 1)
    return methods, getmetatable(client.await).__index
  end

  -- A comment's parameter says this type; with text behind it or without.
  local function says(text, kind, where)
    if text ~= kind and text:sub(1, #kind + 1) ~= kind .. " " then assert.equal(kind, text, where) end
  end

  -- Checks values against the types that the comment of a function gives its returns.
  local function returns(name, ...)
    local wanted, got = meta.functions[name].returns, table.pack(...)
    assert.is_true(got.n <= #wanted, name)
    for i, text in ipairs(wanted) do
      assert(meta:is(got[i], text:match "^%S+", name .. " → " .. text))
    end
  end

  it("name every type that they use, and no other class or alias", function()
    local known = { ["timmsg.AnyElem"] = true, ["timmsg.Event"] = true, timmsg = true, ["timmsg.Options"] = true,
      ["timmsg.Client"] = true, ["timmsg.Await"] = true }
    for name in pairs(structs) do known["timmsg." .. name] = true end
    for name in pairs(enums) do known["timmsg." .. name] = true end
    for name in pairs(known) do
      assert.is_truthy(meta.classes[name] or meta.aliases[name], name)
    end
    for _, list in ipairs { meta.classes, meta.aliases } do
      for name in pairs(list) do
        assert.is_true(known[name], name)
      end
    end
    for line in meta.text:gmatch "[^\n]+" do
      if line:find "^%-%-%-[@|]" then
        for name in line:gmatch "timmsg%.%u%w+" do
          assert.is_truthy(known[name], line)
        end
      end
    end
  end)

  it("have every field of the module, and no others", function()
    for name, value in pairs(timmsg) do
      if type(value) == "function" then
        assert.is_function(module[name], name)
        assert.is_table(meta.functions["timmsg." .. name], name)
      elseif fields_of_module[name] then
        assert.is_nil(module[name], name)
      else
        assert.equal(value, module[name], name)
      end
    end
    for name in pairs(module) do
      assert.is_not_nil(timmsg[name], name)
    end
    for name, field in pairs(fields_of_module) do
      assert.is_not_nil(timmsg[name], name)
      if field.kind == "lightuserdata" then
        assert.equal("userdata", type(timmsg[name]))
      else
        assert(meta:is(timmsg[name], field.kind))
      end
    end
  end)

  it("have every enum with all its values by their names", function()
    for name, values in pairs(enums) do
      local wanted, got = {}, {}
      for constant, value in pairs(values) do
        wanted[constant:gsub("^k", "")] = value
      end
      for _, entry in ipairs(meta.aliases["timmsg." .. name]) do
        got[entry.text:match "^([%w_]+): ."] = math.tointeger(tonumber(entry.value))
      end
      assert.same(wanted, got, name)
    end
  end)

  it("have every struct with all its keys, their types and what is to be known of them", function()
    for name, fields in pairs(structs) do
      local class = meta.classes["timmsg." .. name]
      assert.equal(#fields, #sorted_keys(class.fields), name)
      assert.equal(name:find "%wElem$" and "timmsg.Elem" or nil, class.parent, name)
      for _, field in ipairs(fields) do
        local where = name .. "." .. field.key
        local got = class.fields[field.key]
        assert.is_table(got, where)
        assert.equal(not field.flags.required, got.optional, where)
        if field.type == "array" or field.type == "object" then
          assert.equal(type_of(field.of, field.type == "array"), got.kind, where)
        elseif field.type == "enum" and field.key == "elem_type" and name ~= "Elem" then
          assert.equal(tostring(enums.TIMElemType["kTIMElem_" .. name:gsub("Elem$", "")]), got.kind, where)
        elseif field.type == "enum" then
          assert.equal("timmsg." .. field.values, got.kind, where)
        else
          assert.equal(TYPES[field.type], got.kind, where)
        end
        for flag, sentence in pairs(FLAGS) do
          assert.equal(field.flags[flag] or false, got.text:find(sentence, 1, true) ~= nil, where .. ": " .. sentence)
        end
      end
    end
  end)

  it("have every variant of an element", function()
    local wanted, got = {}, {}
    for name in pairs(structs) do
      if name:find "%wElem$" then wanted["timmsg." .. name] = true end
    end
    for _, entry in ipairs(meta.aliases["timmsg.AnyElem"]) do
      got[entry.value] = true
    end
    assert.same(wanted, got)
  end)

  it("have every option with its type", function()
    local wanted = {
      sdk_app_id = "integer",
      data_dir = "string",
      log_level = "timmsg.TIMLogLevel",
    }
    for _, field in ipairs(structs.SdkConfig) do
      wanted[field.key:gsub("^sdk_config_", "")] = TYPES[field.type]
    end
    local got = {}
    for name, field in pairs(meta.classes["timmsg.Options"].fields) do
      assert.is_true(field.optional, name)
      got[name] = field.kind
    end
    assert.same(wanted, got)
  end)

  it("have every method, and no others", function()
    local client, await = methods_of(support.new_client(dir))
    local wanted = {}
    for name in pairs(client) do wanted["Client:" .. name] = true end
    for name in pairs(await) do wanted["Await:" .. name] = true end
    for name in pairs(timmsg) do
      if type(timmsg[name]) == "function" then wanted["timmsg." .. name] = true end
    end
    assert.same(sorted_keys(wanted), sorted_keys(meta.functions))
    assert.same({ await = { kind = "timmsg.Await", optional = false, text = "the calls in straight-line style" } },
      meta.classes["timmsg.Client"].fields)
  end)

  it("say of every function what it is, and of every parameter its type", function()
    local _, await = methods_of(support.new_client(dir))
    for name, got in pairs(meta.functions) do
      assert.is_true(#got.text > 0, name)
      local params = {}
      for i, param in ipairs(got.params) do params[i] = param.name end
      assert.same(got.args, params, name)
      local owner, short = name:match "^(%w+)[.:]([%w_]+)$"
      local fn = owner == "Await" and not calls[short] and await[short] or owner == "timmsg" and timmsg[short]
      if fn and debug.getinfo(fn).what == "Lua" then
        local info, wanted = debug.getinfo(fn), {}
        for i = owner == "Await" and 2 or 1, info.nparams do wanted[#wanted + 1] = debug.getlocal(fn, i) end
        if info.isvararg then
          if short == "message" then wanted[#wanted + 1] = "part" end -- the first is named, for what it may be
          wanted[#wanted + 1] = "..."
        end
        assert.same(wanted, got.args, name)
      end
    end
  end)

  it("have every call with its parameters and what it brings", function()
    for name, call in pairs(calls) do
      local client, await = meta.functions["Client:" .. name], meta.functions["Await:" .. name]
      local brings = call.result and type_of(call.result, call.result_is_array)
      for i, argument in ipairs(call.arguments) do
        local kind = not argument.name and TABLES[name] or type_of(argument.of, argument.is_array)
        for _, got in ipairs { client.params[i], await.params[i] } do
          if argument.name then assert.equal(argument.name, got.name, name) end
          assert.equal(argument.optional, got.optional, name)
          says(got.text, kind, name)
        end
      end
      local count = #call.arguments
      local progress = name == "download_elem_to_path"
      assert.same({
        name = "callback",
        optional = true,
        text = "fun(code: integer, desc: string" .. (brings and ", result?: " .. brings or "") .. (progress and ", more?: true" or "")
          .. ")",
      }, client.params[count + 1], name)
      assert.equal(count + 1, #client.params, name)
      assert.same(progress and { name = "progress", optional = true, text = "fun(current: integer, total: integer)" } or nil,
        await.params[count + 1], name)
      assert.same(REFUSABLE, client.returns, name)
      local awaited = { brings and brings .. "? result" or "true? ok", "string? message", "integer? code" }
      if name == "send_new_msg" then awaited[4] = "timmsg.Message? failed" end
      assert.same(awaited, await.returns, name)
    end
  end)

  it("have the builders as they are: what is optional may be left out, and what is not may not", function()
    local values = { string = "film.mp4", integer = 1, number = 1.5, ["timmsg.TIMImageLevel"] = 0 }
    for _, name in ipairs { "text", "face", "location", "custom", "image", "sound", "file", "video" } do
      local got, args = meta.functions["timmsg." .. name], {}
      for i, param in ipairs(got.params) do
        if not param.optional then
          assert.has_error(function() timmsg[name](table.unpack(args)) end, nil, name)
          assert.equal(i - 1, #args, name) -- what may be left out comes last
        elseif #args == i - 1 then
          returns("timmsg." .. name, timmsg[name](table.unpack(args)))
        end
        args[i] = values[param.text:match "^%S+"]
      end
      returns("timmsg." .. name, timmsg[name](table.unpack(args)))
    end
    returns("timmsg.message", timmsg.message(timmsg.text "a", timmsg.face(1)))
    returns("timmsg.array", timmsg.array())
    returns("timmsg.object", timmsg.object())
    returns("timmsg.set_scheduler", timmsg.set_scheduler(nil))
  end)

  it("have every event", function()
    local names, overloads = {}, {}
    for i, entry in ipairs(meta.aliases["timmsg.Event"]) do
      names[i] = entry.value:match '^"(.*)"$'
    end
    for i, text in ipairs(meta.functions["Client:on"].overloads) do
      overloads[i] = text:match '^fun%(self: timmsg%.Client, event: "([%w_]+)", handler: fun%(.*%)%): function$'
    end
    assert.same(core.events, names)
    assert.same(core.events, overloads)
  end)

  -- A client whose events are held against what the annotations say that handlers get; `seen` counts them.
  local function watched(name, seen)
    local tim = support.new_client(dir, nil, { data_dir = dir .. "/" .. name })
    for i, event in ipairs(core.events) do
      local handler = meta.functions["Client:on"].overloads[i]:match "handler: (fun%(.*%))%): function$"
      local params = annotations.parameters(handler)
      tim:on(event, function(...)
        seen[event] = (seen[event] or 0) + 1
        assert.equal(#params, select("#", ...), event)
        for j, param in ipairs(params) do
          assert(meta:is(select(j, ...), param.text, event .. ": " .. param.name))
        end
      end)
    end
    support.must(tim, "login", name, "sig")
    return tim
  end

  it("say what handlers get, and what calls bring", function()
    local seen = {}
    local alice, bob = watched("alice", seen), watched("bob", seen)
    -- Makes a call: its result, which is what the annotations of await say.
    local function must(client, name, ...)
      local result = support.must(client, name, ...)
      returns("Await:" .. name, result == nil or result)
      return result
    end
    must(alice, "set_config", { set_config_user_config = { user_config_is_read_receipt = true } })
    local file = support.write_file(dir .. "/map.txt", ("x"):rep(1000))
    local picture = support.write_file(dir .. "/p.png", pictures.png(3, 2))
    local first = must(alice, "send_new_msg", "bob", C2C, timmsg.message(timmsg.text "a", timmsg.face(1), timmsg.custom "b",
      timmsg.location(1.5, 2.5), timmsg.file(file), timmsg.sound(file, 1), timmsg.image(picture)))
    local second = must(alice, "send_new_msg", "bob", C2C, timmsg.video(file, picture, 1, "mp4", "png"))
    support.eventually(function() return seen.recv_new_msg and seen.msg_elem_upload_progress end, alice, bob)
    local page = must(bob, "get_msg_list", "alice", C2C, {})
    assert.equal(2, #page)
    must(bob, "report_readed", "alice", C2C)
    must(bob, "find_by_msg_locator_list", "alice", C2C, { timmsg.locator(page[1]) })
    returns("timmsg.locator", timmsg.locator(page[1]))
    must(alice, "revoke", "bob", C2C, second)
    local elem = first.message_elem_array[5]
    must(bob, "download_elem_to_path", { msg_download_elem_param_type = timmsg.TIMDownload_File,
      msg_download_elem_param_id = elem.file_elem_file_id, msg_download_elem_param_url = elem.file_elem_url }, dir .. "/copy")
    must(alice, "import_msg_list", "carol", C2C, { timmsg.text "old" })
    must(alice, "save_msg", "carol", C2C, timmsg.text "older")
    must(alice, "batch_send", { msg_batch_send_param_identifier_array = { "bob", "nobody" },
      msg_batch_send_param_msg = timmsg.text "all" })
    must(alice, "conv_create", "dave", C2C)
    must(alice, "conv_set_draft", "dave", C2C, { draft_msg = timmsg.text "well" })
    must(alice, "conv_get_conv_list")
    must(alice, "conv_cancel_draft", "dave", C2C)
    must(alice, "conv_delete", "dave", C2C)
    must(alice, "delete", "carol", C2C, {})

    local group = must(alice, "group_create", { create_group_param_group_name = "crew" }).create_group_result_groupid
    must(bob, "group_join", group, "hello")
    must(bob, "group_quit", group)
    must(alice, "group_invite_member", { group_invite_member_param_group_id = group,
      group_invite_member_param_identifier_array = { "bob", "nobody" } })
    must(alice, "group_modify_member_info", { group_modify_member_info_group_id = group, group_modify_member_info_identifier = "bob",
      group_modify_member_info_modify_flag = timmsg.TIMGroupMemberModifyFlag_NameCard, group_modify_member_info_name_card = "B" })
    must(alice, "group_get_member_info_list", { group_get_members_info_list_param_group_id = group })
    must(alice, "group_get_joined_group_list")
    must(alice, "send_new_msg", group, GROUP, timmsg.text "crew")
    must(alice, "group_delete_member", { group_delete_member_param_group_id = group,
      group_delete_member_param_identifier_array = { "bob" } })
    must(alice, "group_delete", group)

    assert.is_nil((alice:send_new_msg("", C2C, {}))) -- a line in the log
    assert.is_true(alice:conv_get_conv_list(function() error "told" end))
    support.eventually(function()
      for _, event in ipairs(core.events) do
        if not seen[event] and event ~= "kicked_offline" then return false end -- which no hub does
      end
      return true
    end, alice, bob)
    must(bob, "logout")
    assert.equal(1, seen.error)
  end)

  it("say what a client's other methods return", function()
    local tim, nothing = support.new_client(dir, "alice"), function() end
    returns("Client:user", tim:user())
    returns("Client:on", tim:on("log", nothing))
    returns("Client:off", tim:off("log", nothing))
    returns("Client:after", tim:after(0, nothing))
    returns("Client:pollfd", tim:pollfd())
    returns("Client:events", tim:events())
    returns("Client:wait", tim:wait())
    returns("Client:timeout", tim:timeout())
    returns("Client:poll", tim:poll())
    returns("Client:timeout", tim:timeout())
    tim:after(0, function() returns("Client:poll", tim:poll()) end)
    support.idle(20, tim)
    returns("Await:sleep", tim.await:sleep(1))
    returns("Await:sleep", tim.await:timeout(1, function() return tim.await:sleep(10000) end))
    returns("Client:send_new_msg", tim:send_new_msg("", C2C, {}))
    returns("timmsg.new", timmsg.new { data_dir = dir .. "/x", request_timeout_ms = -1 })
    returns("Client:close", tim:close())
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
