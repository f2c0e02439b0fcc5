-- Samples: for every call of a client, arguments that it takes. What is wrong with a call in a spec is then wrong with
-- one argument only.

local core = require "timmsg.core"
local timmsg = require "timmsg"

local samples = {}

local _, _, types = core.schema()

-- How a Message (or what holds one) is checked: "send" needs what sending needs, "store" elements, "name" neither.
local MODES <const> = {
  send_new_msg = "send",
  report_readed = "name",
  revoke = "name",
  import_msg_list = "store",
  save_msg = "store",
}

local WITH_CONV <const> = {
  "send_new_msg", "report_readed", "revoke", "find_by_msg_locator_list", "import_msg_list", "save_msg", "get_msg_list",
  "delete", "conv_create", "conv_delete", "conv_set_draft", "conv_cancel_draft",
}

-- The texts that are arguments of their own: name, sample, whether it may be left out.
local TEXTS <const> = {
  download_elem_to_path = { { "path", "/nonexistent/timmsg/file" } },
  login = { { "user_id", "user1" }, { "user_sig", "sig", true } },
  group_delete = { { "group_id", "nogroup" } },
  group_join = { { "group_id", "nogroup" }, { "hello_msg", "hello", true } },
  group_quit = { { "group_id", "nogroup" } },
}

local WITHOUT_LOGIN <const> = { login = true, set_config = true }

-- What TIMMsgRevoke and others take: no message that exists, but one that could.
local function named()
  return { message_seq = 987654321, message_rand = 123456789, message_sender = "user1", message_is_from_self = true }
end

local JSON <const> = {
  send_new_msg = function() return timmsg.text "sample" end,
  report_readed = named,
  revoke = named,
  find_by_msg_locator_list = function()
    return { { message_locator_seq = 987654321, message_locator_rand = 123456789, message_locator_is_self = true } }
  end,
  import_msg_list = function() return { timmsg.text "sample" } end,
  save_msg = function() return timmsg.text "sample" end,
  get_msg_list = function() return { msg_getmsglist_param_count = 5, msg_getmsglist_param_last_msg = named() } end,
  delete = function() return { msg_delete_param_msg = named() } end,
  download_elem_to_path = function()
    return {
      msg_download_elem_param_type = timmsg.TIMDownload_File,
      msg_download_elem_param_url = "http://127.0.0.1:1/nothing",
    }
  end,
  batch_send = function()
    return {
      msg_batch_send_param_identifier_array = { "user1" },
      msg_batch_send_param_msg = timmsg.text "sample",
    }
  end,
  set_config = function() return { set_config_user_config = {} } end,
  conv_set_draft = function() return { draft_msg = timmsg.text "sample" } end,
  group_create = function()
    return {
      create_group_param_group_name = "sample",
      create_group_param_group_member_array = { { group_member_info_identifier = "user1" } },
    }
  end,
  group_invite_member = function()
    return {
      group_invite_member_param_group_id = "nogroup",
      group_invite_member_param_identifier_array = { "user1" },
    }
  end,
  group_get_member_info_list = function() return { group_get_members_info_list_param_group_id = "nogroup" } end,
  group_delete_member = function()
    return {
      group_delete_member_param_group_id = "nogroup",
      group_delete_member_param_identifier_array = { "user1" },
    }
  end,
  group_modify_member_info = function()
    return {
      group_modify_member_info_group_id = "nogroup",
      group_modify_member_info_identifier = "user1",
      group_modify_member_info_modify_flag = timmsg.TIMGroupMemberModifyFlag_NameCard,
    }
  end,
}

-- Every call, in the order of the API: {name, struct, is_array, conv, texts, needs_login, mode}. struct: what its table
-- is, nil where it takes none.
samples.calls = {}

for i, name in ipairs(core.calls) do
  samples.calls[i] = {
    name = name,
    struct = types[name].json,
    is_array = types[name].json_is_array,
    texts = TEXTS[name] or {},
    needs_login = not WITHOUT_LOGIN[name],
    mode = MODES[name] or "plain",
  }
  assert(not types[name].json == not JSON[name], name)
end
for _, name in ipairs(WITH_CONV) do
  for _, call in ipairs(samples.calls) do
    if call.name == name then call.conv = true end
  end
end

-- A new table for the call, nil if it takes none.
function samples.json(call)
  return JSON[call.name] and JSON[call.name]()
end

-- The arguments of a call without its callback, packed. `other` may have conv_id, conv_type, json and, by their names,
-- the texts.
function samples.args(call, other)
  other = other or {}
  local args = { n = 0 }
  local function add(value)
    args.n = args.n + 1
    args[args.n] = value
  end
  if call.conv then
    add(other.conv_id or "user1")
    add(other.conv_type or timmsg.C2C)
  end
  local json = other.json
  if json == nil then json = samples.json(call) end
  if call.struct and call.name == "download_elem_to_path" then add(json) end
  for _, text in ipairs(call.texts) do
    add(other[text[1]] or text[2])
  end
  if call.struct and call.name ~= "download_elem_to_path" then add(json) end
  return args
end

-- Makes the call: what the method returns.
function samples.try(client, call, other, callback)
  local args = samples.args(call, other)
  args[args.n + 1] = callback
  return client[call.name](client, table.unpack(args, 1, args.n + 1))
end

return samples
