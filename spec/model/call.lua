-- Call: a step of a program as a method of a client and its arguments.

local program = require "model.program"
local view = require "model.view"
local store = require "model.store"

local call = {}

local MADE_UP <const> = 999

-- The message that a step made, as this device may name it. Forms: "message" (all that it knows), "locator", "ids".
local function name_message(model, device, conv_type, name, of, form, wrong_time)
  local conv = store.known(device.store, conv_type, name) or store.nowhere(conv_type, name)
  local row, known = model:meant(device, conv, of)
  local msg
  if row then
    msg = view.message(device, conv, row)
    msg[view.ID] = nil
    if msg.message_is_peer_read == view.EITHER then msg.message_is_peer_read = nil end
    msg.message_seq, msg.message_rand = store.seq(row), row.id.rand
    msg.message_unique_id = view.unique_id(conv_type, row.stime, msg.message_seq, msg.message_rand)
  elseif known then
    msg = {
      message_sender = known.sender, message_seq = known.seq, message_rand = known.id.rand, message_client_time = known.ctime,
      message_server_time = known.stime, message_is_from_self = known.sender == device.user,
      message_elem_array = known.elems,
    }
  else
    msg = {
      message_sender = device.user, message_seq = MADE_UP, message_rand = MADE_UP, message_is_from_self = true,
      message_elem_array = {}, message_client_time = 1, message_server_time = 0,
    }
  end
  local time = msg.message_server_time
  if time ~= 0 and wrong_time then time = time + 1 end
  msg.message_server_time = time
  if form == "locator" then
    return {
      message_locator_seq = msg.message_seq, message_locator_rand = msg.message_rand,
      message_locator_is_self = msg.message_is_from_self, message_locator_time = time,
    }
  elseif form == "ids" then
    return {
      message_seq = msg.message_seq, message_rand = msg.message_rand, message_sender = msg.message_sender,
      message_server_time = wrong_time and time or nil,
    }
  end
  return msg
end
call.name_message = name_message

-- What a program gives of a message, as a Message.
local function message(given)
  return {
    message_elem_array = program.elems(given), message_priority = given.priority, message_client_time = given.client_time,
    message_server_time = given.server_time, message_custom_int = given.cint, message_custom_str = given.cstr,
    message_is_online_msg = given.online, message_sender = given.sender, message_status = given.status,
    message_is_read = given.is_read, message_seq = given.seq, message_rand = given.rand,
  }
end

local calls = {}

function calls.send(model, device, step)
  local msg = message(step.given)
  if step.of then
    local conv = store.known(device.store, step.type, step.to)
    local row = conv and model:meant(device, conv, step.of)
    if row and row.sender == device.user and (row.status == 3 or row.pos and row.status == 2 and step.stale) then
      msg = name_message(model, device, step.type, step.to, step.of)
      if row.status ~= 3 then msg.message_status, msg.message_server_time = 3, 0 end
    end
  end
  return "send_new_msg", step.to, step.type, msg
end

function calls.batch(_, _, step)
  return "batch_send", {
    msg_batch_send_param_identifier_array = step.users, msg_batch_send_param_msg = message(step.given),
  }
end

function calls.report(model, device, step)
  local msg = step.of and name_message(model, device, step.type, step.to, step.of, step.form)
  return "report_readed", step.to, step.type, msg or (step.form == "message" and {} or nil)
end

function calls.revoke(model, device, step)
  return "revoke", step.to, step.type, name_message(model, device, step.type, step.to, step.of, step.form, step.wrong_time)
end

function calls.import(model, device, step)
  local list = {}
  for i, given in ipairs(step.list) do
    list[i] = given.of and name_message(model, device, step.type, step.to, given.of) or message(given)
    if given.of and #list[i].message_elem_array == 0 then list[i] = message(program.filler) end
  end
  return "import_msg_list", step.to, step.type, list
end

function calls.save(model, device, step)
  local conv = store.known(device.store, step.type, step.to)
  local row = conv and model:meant(device, conv, step.of)
  local msg = message(step.given)
  if row then
    msg = name_message(model, device, step.type, step.to, step.of)
    msg.message_status, msg.message_custom_int, msg.message_custom_str = nil, step.given.cint, step.given.cstr
    msg.message_is_read = step.given.is_read
    if row.status == 6 then msg.message_status = 6 end
  end
  return "save_msg", step.to, step.type, msg
end

function calls.delete(model, device, step)
  local param = {}
  if step.of then
    param = name_message(model, device, step.type, step.to, step.of, step.form)
    if step.form == "message" then param = { msg_delete_param_msg = param } end
  else
    param.msg_delete_param_is_remble = step.remble
  end
  return "delete", step.to, step.type, param
end

function calls.find(model, device, step)
  local list = {}
  for i, one in ipairs(step.list) do
    list[i] = name_message(model, device, step.type, step.to, one.of, "locator", one.wrong_time)
    list[i].message_locator_is_revoked = one.revoked
  end
  return "find_by_msg_locator_list", step.to, step.type, list
end

function calls.page(model, device, step)
  return "get_msg_list", step.to, step.type, {
    msg_getmsglist_param_last_msg = step.of and name_message(model, device, step.type, step.to, step.of, step.form) or nil,
    msg_getmsglist_param_count = step.count, msg_getmsglist_param_is_forward = step.forward,
    msg_getmsglist_param_is_remble = step.remble,
  }
end

function calls.conv_create(_, _, step) return "conv_create", step.to, step.type end
function calls.conv_delete(_, _, step) return "conv_delete", step.to, step.type end
function calls.cancel_draft(_, _, step) return "conv_cancel_draft", step.to, step.type end

function calls.set_draft(_, _, step)
  return "conv_set_draft", step.to, step.type, {
    draft_msg = { message_elem_array = { { elem_type = 0, text_elem_content = step.text } } },
    draft_user_define = "of " .. step.text, draft_edit_time = step.time,
  }
end

function calls.group_create(_, _, step)
  local members = {}
  for i, one in ipairs(step.members) do
    members[i] = { group_member_info_identifier = one.user, group_member_info_member_role = one.role }
  end
  return "group_create", {
    create_group_param_group_id = step.to, create_group_param_group_name = "The group " .. step.to,
    create_group_param_group_type = step.kind, create_group_param_add_option = step.add_option,
    create_group_param_max_member_num = step.max, create_group_param_group_member_array = #members > 0 and members or nil,
  }
end

function calls.group_delete(_, _, step) return "group_delete", step.to end
function calls.group_join(_, _, step) return "group_join", step.to, "" end
function calls.group_quit(_, _, step) return "group_quit", step.to end
function calls.group_list() return "group_get_joined_group_list" end

function calls.group_invite(_, _, step)
  return "group_invite_member", {
    group_invite_member_param_group_id = step.to, group_invite_member_param_identifier_array = step.users,
  }
end

function calls.group_remove(_, _, step)
  return "group_delete_member", {
    group_delete_member_param_group_id = step.to, group_delete_member_param_identifier_array = step.users,
  }
end

function calls.group_modify(_, _, step)
  return "group_modify_member_info", {
    group_modify_member_info_group_id = step.to, group_modify_member_info_identifier = step.user,
    group_modify_member_info_modify_flag = step.role and 2 or 8, group_modify_member_info_member_role = step.role,
    group_modify_member_info_name_card = step.card,
  }
end

function calls.group_members(_, _, step)
  return "group_get_member_info_list", { group_get_members_info_list_param_group_id = step.to }
end

function calls.login(_, device) return "login", device.user, "" end
function calls.logout() return "logout" end

-- The method and its arguments; nil: the step is none that calls a client.
function call.of(model, device, step)
  local make = calls[step.op]
  if not make then return nil end
  return make(model, device, step)
end

return call
