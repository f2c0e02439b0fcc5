-- What is played while something fails (faults.c): every kind of call, by two users on a test hub. Returns two
-- functions: one plays, and may come to grief at any point; the other looks at what it left, when nothing fails any more.

local testing = require "timmsg.testing"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

-- What may be said of a message: it was sent, or memory is short: as the code of a refused call (rule 1), or of one that
-- failed; SQLite may say so in its own way.
local ALLOWED <const> = {
  [0] = true, [timmsg.TIM_ERR_PARAM] = true,
  [timmsg.ERR_OUT_OF_MEMORY] = true, [timmsg.ERR_DATABASE_OPERATE_FAILED] = true,
}

local hub, alice, bob
-- The texts of alice's messages to bob that were reported as sent; and the messages that failed, as the callback had them.
local reported, failed = {}, {}
local wrong = {}
-- What is sent as a file, and where it is downloaded to.
local file, copy = os.tmpname(), os.tmpname()

local function complain(...)
  wrong[#wrong + 1] = string.format(...)
end

-- What a call comes to.
local function ask(client, call, ...)
  local code, desc, result = hub:ask(client, call, ...)
  if code ~= 0 and (type(desc) ~= "string" or desc == "") then complain("%s: %d without a sentence", call, code) end
  return code, desc, result
end

local function send(conv, conv_type, text)
  local code, desc, msg = ask(alice, "send_new_msg", conv, conv_type, timmsg.text(text))
  if conv == "bob" and code == 0 then reported[text] = true end
  if conv == "bob" and code ~= 0 and msg then table.insert(failed, msg) end
  if not ALLOWED[code] then complain("send_new_msg: %s (%d)", desc, code) end
end

local function play()
  hub = testing.new()
  alice, bob = hub:login "alice", hub:login "bob"
  for _, event in ipairs { "conv_event", "msg_revoke", "msg_readed_receipt", "group_tips_event", "network_status", "error" } do
    alice:on(event, function() end)
  end
  ask(bob, "set_config", { set_config_user_config = { user_config_is_read_receipt = true } })
  for i = 1, 3 do send("bob", C2C, "message " .. i) end
  local created = ask(alice, "group_create", {
    create_group_param_group_id = "crew", create_group_param_group_name = "crew",
    create_group_param_group_member_array = timmsg.array { { group_member_info_identifier = "bob" } },
  })
  if created == 0 then send("crew", GROUP, "to the crew") end
  local _, _, page = ask(bob, "get_msg_list", "alice", C2C, { msg_getmsglist_param_count = 10 })
  if page and page[1] then
    ask(bob, "report_readed", "alice", C2C, page[1])
    ask(bob, "find_by_msg_locator_list", "alice", C2C, { timmsg.locator(page[1]) })
    ask(bob, "delete", "alice", C2C, { msg_delete_param_msg = page[1] })
  end
  local _, _, mine = ask(alice, "get_msg_list", "crew", GROUP, { msg_getmsglist_param_count = 10 })
  if mine and mine[1] then ask(alice, "revoke", "crew", GROUP, mine[1]) end
  ask(alice, "save_msg", "bob", C2C, timmsg.custom("data", "desc"))
  local old = timmsg.location(1.5, 0.1)
  old.message_sender, old.message_client_time = "bob", 1600000000
  ask(alice, "import_msg_list", "bob", C2C, { old, timmsg.text "imported" })
  local batch, why, results = ask(alice, "batch_send", {
    msg_batch_send_param_identifier_array = { "nobody", "bob", "no one" }, msg_batch_send_param_msg = timmsg.text "to many",
  })
  if batch == 0 and #(results or {}) ~= 3 then complain("batch_send: 0 with %d results", #(results or {})) end
  if not ALLOWED[batch] and batch ~= timmsg.ERR_NO_SUCC_RESULT then complain("batch_send: %s (%d)", why, batch) end
  local _, _, sent = ask(alice, "send_new_msg", "bob", C2C, timmsg.file(file))
  local elem = sent and sent.message_elem_array[1]
  if elem and elem.file_elem_file_id then
    ask(bob, "download_elem_to_path", {
      msg_download_elem_param_type = timmsg.TIMDownload_File, msg_download_elem_param_id = elem.file_elem_file_id,
      msg_download_elem_param_url = elem.file_elem_url,
    }, copy)
  end
  ask(alice, "conv_set_draft", "bob", C2C, { draft_msg = timmsg.text "draft" })
  ask(alice, "conv_get_conv_list")
  ask(alice, "group_get_joined_group_list")
  ask(alice, "group_get_member_info_list", { group_get_members_info_list_param_group_id = "crew" })
  ask(bob, "group_quit", "crew")
  ask(alice, "conv_delete", "crew", GROUP)
  ask(bob, "logout")
end

-- How often bob has each text of alice's.
local function texts_at(client, conv, conv_type)
  local count = {}
  local code, desc, page = hub:ask(client, "get_msg_list", conv, conv_type, { msg_getmsglist_param_count = 100 })
  assert(code == 0, desc)
  for _, msg in ipairs(page) do
    local elem = msg.message_elem_array[1]
    if elem and elem.text_elem_content then count[elem.text_elem_content] = (count[elem.text_elem_content] or 0) + 1 end
    assert(msg.message_status ~= timmsg.TIMMsg_Sending, "a message is being sent for ever")
  end
  return count
end

local function look()
  os.remove(file)
  os.remove(copy)
  if not hub then return end
  -- what the store could not take is in it soon after
  if alice and alice:user() then
    hub:advance(5000)
    texts_at(alice, "bob", C2C)
  end
  -- a login may have failed half-way: everything begins anew, on the same data
  for _, client in ipairs(hub.clients) do
    client:close()
  end
  hub:flush()
  alice, bob = hub:login "alice", hub:login "bob"
  hub:flush()
  -- once more what failed (rule 14: it is the same message), and something new
  table.insert(failed, timmsg.text "afterwards")
  for _, msg in ipairs(failed) do
    local code, desc = hub:ask(alice, "send_new_msg", "bob", C2C, msg)
    assert(code == 0, desc)
    reported[msg.message_elem_array[1].text_elem_content] = true
  end
  hub:flush()
  local at_bob = texts_at(bob, "alice", C2C)
  texts_at(alice, "bob", C2C)
  local lost = {}
  for text in pairs(reported) do
    if not at_bob[text] then table.insert(lost, text) end
  end
  assert(#lost <= 1, "lost: " .. table.concat(lost, ", ")) -- bob has deleted one
  for text, times in pairs(at_bob) do
    assert(times == 1, text .. " came twice")
  end
  assert(#wrong == 0, table.concat(wrong, "; "))
  hub:close()
end

local stream <close> = assert(io.open(file, "wb"))
stream:write(("content"):rep(1000))

return play, look
