-- View: messages, locators and conversations of the model as the tables that a host sees. What is not known yet (a rand,
-- a derived seq) is in view.ID, the message's id, and compare.lua fills it in. What has view.PERHAPS may be left out;
-- view.EITHER is true or false.

local store = require "model.store"

local C2C <const>, GROUP <const> = 1, 2

local view = { ID = {}, PERHAPS = {}, EITHER = {} }

-- Rule 27. Of an imported message the device may know, or not, that it is one that was read (31: it stays as it is).
local function is_peer_read(own, conv, row)
  local pos = row.pos or row.known_pos
  if not own or conv.type ~= C2C or not pos or pos > conv.peer_read then return false end
  return row.pos and true or view.EITHER
end

function view.message(device, conv, row)
  local own = row.sender == device.user
  return {
    [view.ID] = row.id,
    message_client_time = row.ctime, message_conv_id = conv.name, message_conv_type = conv.type,
    message_custom_int = row.cint, message_custom_str = row.cstr, message_elem_array = row.elems,
    message_is_from_self = own, message_is_online_msg = row.online or false,
    message_is_peer_read = is_peer_read(own, conv, row),
    message_is_read = row.read, message_priority = row.priority, message_sender = row.sender, message_seq = row.seq,
    message_server_time = row.stime, message_status = row.status,
  }
end

-- Rule 11.
function view.unique_id(conv_type, stime, seq, rand)
  return (conv_type == GROUP and seq or stime) << 32 | rand & 0xffffffff
end

-- Rule 29: all eight keys.
function view.locator(device, conv, row)
  return {
    [view.ID] = row.id,
    message_locator_conv_id = conv.name, message_locator_conv_type = conv.type, message_locator_is_revoked = true,
    message_locator_time = row.stime, message_locator_seq = row.seq, message_locator_is_self = row.sender == device.user,
  }
end

-- Rule 41: an entry of the list.
function view.conv(device, conv)
  local rows = store.sorted(conv)
  local last = rows[#rows]
  return {
    conv_id = conv.name, conv_type = conv.type, conv_owner = device.user, conv_unread_num = store.unread(conv),
    conv_active_time = conv.active, conv_is_has_lastmsg = last ~= nil,
    conv_last_msg = last and view.message(device, conv, last), conv_is_has_draft = conv.draft ~= nil,
    conv_draft = conv.draft and {
      draft_msg = { message_elem_array = { { elem_type = 0, text_elem_content = conv.draft.text } } },
      draft_user_define = "of " .. conv.draft.text, draft_edit_time = conv.draft.time,
    },
  }
end

return view
