-- Demo: alice and carol in this process and bob in another one chat through an embedded hub, a directory that is
-- gone afterwards. What you see is checked as it is shown: the demo ends with exit code 0 or says what was wrong.
--
--   make demo, or after make: lua5.4 examples/demo.lua
--
-- Bob's process is this script once more, started with arguments. It shares nothing with the first but the hub.
--
-- On an XMPP server that has the users alice, bob and carol, with one password, and not the group "team":
--
--   TIMMSG_SERVER=xmpp://example.org TIMMSG_PASSWORD=secret lua5.4 examples/demo.lua
--
-- "make demo SERVER=prosody" and "make demo SERVER=ejabberd" start such a server for it.

-- The module of this checkout, unless the environment names another.
local here = arg[0]:match "^(.*/)" or "./"
local lua, core = ("%s../lua/?.lua;%s../lua/?/init.lua"):format(here, here), here .. "../build/?.so"
local named = os.getenv "LUA_CPATH_5_4" or os.getenv "LUA_CPATH"
package.path = named and package.path .. ";" .. lua or lua .. ";" .. package.path
package.cpath = named and package.cpath .. ";" .. core or core .. ";" .. package.cpath

local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

local ROLE, DIR = arg[1] or "alice", arg[2]
local SERVER <const> = os.getenv "TIMMSG_SERVER"                     -- nil: a hub in DIR
local PASSWORD <const> = os.getenv "TIMMSG_PASSWORD" or "any at all" -- a hub takes every one
local HURRY_S <const> = SERVER and 60 or 10                          -- how long all of it takes at most
local PATIENCE_S <const> = 5 * (SERVER and 6 or 1)                   -- how long anybody waits for anything

---- The transcript ----

io.stdout:setvbuf "line" -- two processes write to it: whole lines only

local ON_TERMINAL <const> = os.execute "test -t 1" or false

local function chapter(title)
  print(("\n== %s =="):format(title))
end

local function say(who, format, ...)
  print(("%-6s| %s"):format(who, format:format(...)))
end

-- Stops the demo unless `condition` holds.
local function check(who, condition, what)
  if not condition then error({ failed = ("not so for %s: %s"):format(who, what) }) end
  say(who, "    ✓ %s", what)
end

-- A result of `tim.await`, or the end of the demo: assert, with the code as well.
local function must(result, desc, code)
  if not result then error({ failed = ("%s (%s)"):format(desc, code) }) end
  return result
end

-- Returns a function that shows how far a transfer is: one bar that grows on a terminal, else a line a report.
local function progress_bar(who, what)
  local bar = { reports = 0, early = 0, current = 0, total = 0 }
  function bar.show(current, total)
    bar.reports, bar.current, bar.total = bar.reports + 1, current, total
    if current < total then bar.early = bar.early + 1 end
    local done = total > 0 and current / total or 0
    local cells = math.floor(done * 30)
    local line = ("%-6s| %s [%s%s] %3d %%"):format(who, what, ("#"):rep(cells), ("."):rep(30 - cells), done * 100 // 1)
    if ON_TERMINAL and current < total then
      io.stdout:write("\r", line):flush()
    else
      print((ON_TERMINAL and "\r" or "") .. line)
    end
  end
  return bar
end

---- A message as one line ----

local FORMATS <const> = { [1] = "JPEG", [2] = "GIF", [3] = "PNG", [4] = "BMP" }
local TIPS <const> = { "joined", "left", "was removed" }

local SHOW <const> = {
  [timmsg.TIMElem_Text] = function(elem) return elem.text_elem_content end,
  [timmsg.TIMElem_Face] = function(elem) return ("[face %d %s]"):format(elem.face_elem_index, elem.face_elem_buf) end,
  [timmsg.TIMElem_Location] = function(elem)
    return ("[location %.4f, %.4f %s]"):format(elem.location_elem_latitude, elem.location_elem_longitude, elem.location_elem_desc)
  end,
  [timmsg.TIMElem_Custom] = function(elem) return ("[%s %s]"):format(elem.custom_elem_desc, elem.custom_elem_data) end,
  [timmsg.TIMElem_Image] = function(elem)
    if not elem.image_elem_format then return "[a picture]" end -- not sent yet
    return ("[%s picture, %d x %d, %.1f MB]"):format(FORMATS[elem.image_elem_format] or "unknown",
      elem.image_elem_orig_pic_width, elem.image_elem_orig_pic_height, elem.image_elem_orig_pic_size / 1e6)
  end,
  [timmsg.TIMElem_GroupTips] = function(elem)
    local users = table.concat(elem.group_tips_elem_user_array, " and ")
    return ("* %s %s: %d members"):format(users, TIPS[elem.group_tips_elem_tip_type], elem.group_tips_elem_member_num)
  end,
}

local function describe(msg)
  if msg.message_status == timmsg.TIMMsg_Revoked then return "(revoked)" end
  local parts = {}
  for _, elem in ipairs(msg.message_elem_array) do
    parts[#parts + 1] = SHOW[elem.elem_type](elem)
  end
  return table.concat(parts, " ")
end

local function show_list(who, msgs)
  for _, msg in ipairs(msgs) do
    local mark = msg.message_is_peer_read and ", read" or ""
    say(who, "    %s  %s: %s%s", os.date("%Y-%m-%d", msg.message_client_time), msg.message_sender, describe(msg), mark)
  end
end

---- A player ----

-- A logged-in client, with what its events bring in queues.
local function new_player(name)
  local player = { name = name, messages = {}, receipts = {}, revoked = {} }
  local tim = must(timmsg.new {
    sdk_app_id = 1400000001,
    data_dir = DIR .. "/" .. name,
    server = SERVER or ("hub:" .. DIR .. "/hub"),
    request_timeout_ms = PATIENCE_S * 1000,
  })
  player.tim = tim

  local function queue(event, list)
    tim:on(event, function(items) table.move(items, 1, #items, #list + 1, list) end)
  end
  queue("recv_new_msg", player.messages)
  queue("msg_readed_receipt", player.receipts)
  queue("msg_revoke", player.revoked)

  must(tim.await:set_config { set_config_user_config = { user_config_is_read_receipt = true } })
  must(tim.await:login(name, PASSWORD))
  return player
end

-- The next of what comes into one of the player's queues.
local function await_next(player, queue)
  local list, start = player[queue], os.time()
  while #list == 0 do
    if os.time() - start > PATIENCE_S then
      error({ failed = ("%s waited in vain for %s"):format(player.name, queue) })
    end
    player.tim:wait(100)
    player.tim:poll()
  end
  return table.remove(list, 1)
end

-- The next message, shown. With `text`: it must be from this sender and say just that.
local function read_next(player, sender, text)
  local msg = await_next(player, "messages")
  local place = msg.message_conv_type == GROUP and " in " .. msg.message_conv_id or ""
  local shown = describe(msg)
  say(player.name, "<- %s%s: %s%s", msg.message_sender, place, shown, text and " ✓" or "")
  if text and (msg.message_sender ~= sender or shown ~= text) then
    error({ failed = ("%s expected from %s: %s"):format(player.name, sender, text) })
  end
  return msg
end

local function send(player, conv_id, conv_type, msg)
  say(player.name, "-> %s: %s", conv_id, describe(msg))
  return must(player.tim.await:send_new_msg(conv_id, conv_type, msg))
end

---- A picture: the smallest PNG encoder there is ----

local function crc32(data)
  local crc = 0xffffffff
  for i = 1, #data do
    crc = crc ~ data:byte(i)
    for _ = 1, 8 do
      crc = crc & 1 == 1 and crc >> 1 ~ 0xedb88320 or crc >> 1
    end
  end
  return crc ~ 0xffffffff
end

local function chunk(kind, data)
  return (">I4"):pack(#data) .. kind .. data .. (">I4"):pack(crc32(kind .. data))
end

-- Many times the same stripe of 8 rows: so its checksums are computed once. Nothing is compressed ("stored" blocks).
local function make_png(path, width, stripes)
  local row, rows = {}, {}
  for y = 0, 7 do
    for x = 0, width - 1 do
      row[x + 1] = string.char(x * 255 // width, y * 32, 255 - x * 255 // width)
    end
    rows[y + 1] = "\0" .. table.concat(row) -- "\0": no filter
  end
  local stripe = table.concat(rows)

  local sum, weighted = 0, 0 -- of the stripe, for Adler-32
  for i = 1, #stripe do
    sum = sum + stripe:byte(i)
    weighted = weighted + (#stripe - i + 1) * stripe:byte(i)
  end
  local a, b = 1, 0
  for _ = 1, stripes do
    b = (b + #stripe * a + weighted) % 65521
    a = (a + sum) % 65521
  end

  local file <close> = assert(io.open(path, "wb"))
  file:write("\x89PNG\r\n\x1a\n", chunk("IHDR", (">I4I4BBBBB"):pack(width, stripes * 8, 8, 2, 0, 0, 0)))
  file:write(chunk("IDAT", "\x78\x01"))
  local data = chunk("IDAT", ("<BI2I2"):pack(0, #stripe, ~#stripe & 0xffff) .. stripe)
  for _ = 1, stripes do
    file:write(data)
  end
  file:write(chunk("IDAT", ("<BI2I2"):pack(1, 0, 0xffff) .. (">I2I2"):pack(b, a)), chunk("IEND", ""))
end

local function read_file(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

---- Bob, in his own process; he comes twice ----

local function bob_first_visit(bob)
  send(bob, "alice", C2C, timmsg.text "Bob here, from another process")
  read_next(bob, "alice", "Hello 鲍勃! \"100 %\" 👋")
  local msg = read_next(bob, "alice", "[face 7 wink] [location 22.5431, 113.9344 our café] [dice {\"eyes\":[6,6]}]")
  must(bob.tim.await:report_readed("alice", C2C, msg))
  say(bob.name, "has read all up to this")
  send(bob, "alice", C2C, timmsg.text "Two sixes 🎲! Show me a picture")

  local elem = read_next(bob).message_elem_array[1]
  check(bob.name, elem.image_elem_format == 3 and elem.image_elem_orig_pic_width == 2048
    and elem.image_elem_orig_pic_height == 3200, "a PNG of 2048 x 3200")
  local bar = progress_bar(bob.name, "downloading")
  local url = { msg_download_elem_param_url = elem.image_elem_orig_url }
  must(bob.tim.await:download_elem_to_path(url, DIR .. "/bobs.png", bar.show))
  check(bob.name, bar.early > 0 and bar.current == bar.total and bar.total == elem.image_elem_orig_pic_size,
    "the bar moved and ended full")
  check(bob.name, read_file(DIR .. "/bobs.png") == read_file(DIR .. "/alices.png"), "the same file, byte for byte")
  send(bob, "alice", C2C, timmsg.text "Nice colours")

  read_next(bob, "@TIM#SYSTEM", "* bob and carol joined: 3 members")
  read_next(bob, "alice", "Who comes to the café tonight?")
  send(bob, "team", GROUP, timmsg.text "I may be late. Off now")
end

local function bob_second_visit(bob)
  read_next(bob, "alice", "Bob? We meet at eight")
  read_next(bob, "carol", "And bring the dice")
  send(bob, "alice", C2C, timmsg.text "Sorry, was away. Eight is fine")

  local msg = read_next(bob, "alice", "The door code is 4711")
  send(bob, "alice", C2C, timmsg.text "Not here!")
  local locator = await_next(bob, "revoked")
  check(bob.name, locator.message_locator_unique_id == msg.message_unique_id, "told that it was revoked")
  local page = must(bob.tim.await:get_msg_list("alice", C2C, { msg_getmsglist_param_count = 2 }))
  check(bob.name, page[2].message_status == timmsg.TIMMsg_Revoked and #page[2].message_elem_array == 0,
    "nothing of it is left in his history")
  send(bob, "alice", C2C, timmsg.text "Gone")

  read_next(bob, "alice", "Table for three at eight")
end

---- Alice and carol, in this process ----

-- The command that runs bob's visit.
local function bobs_command(visit)
  local words = { arg[-1] or "lua5.4", arg[0], "bob", DIR, visit }
  for i, word in ipairs(words) do
    words[i] = "'" .. word:gsub("'", [['\'']]) .. "'"
  end
  return table.concat(words, " ")
end

local bobs_process

local function start_bob(visit)
  bobs_process = assert(io.popen(bobs_command(visit), "w")) -- writes to our terminal; we write nothing to him
end

-- Waits until bob's process has ended: well, or else the demo ends too.
local function end_of_bob()
  local process = bobs_process
  bobs_process = nil
  if process and not process:close() then error({ failed = "bob's process has failed, see above" }) end
end

local function elements(alice)
  chapter "Text, and three other elements in one message"
  start_bob "first"
  read_next(alice, "bob", "Bob here, from another process")
  send(alice, "bob", C2C, timmsg.text "Hello 鲍勃! \"100 %\" 👋")
  return send(alice, "bob", C2C, timmsg.message(
    timmsg.face(7, "wink"),
    timmsg.location(113.9344, 22.5431, "our café"),
    timmsg.custom('{"eyes":[6,6]}', "dice")))
end

local function receipts(alice, sent)
  chapter "A read receipt"
  local receipt = await_next(alice, "receipts")
  say("alice", "<- receipt: %s has read", receipt.msg_receipt_conv_id)
  local found = must(alice.tim.await:find_by_msg_locator_list("bob", C2C, { timmsg.locator(sent) }))
  check("alice", found[1].message_is_peer_read, "my message is marked as read by bob")
  read_next(alice, "bob", "Two sixes 🎲! Show me a picture")
end

local function picture(alice)
  chapter "A picture goes up and comes down"
  local path = DIR .. "/alices.png"
  make_png(path, 2048, 400)
  local bar = progress_bar("alice", "uploading")
  alice.tim:on("msg_elem_upload_progress", function(_, _, current, total) bar.show(current, total) end)
  local elem = send(alice, "bob", C2C, timmsg.image(path)).message_elem_array[1]
  check("alice", bar.early > 0 and bar.current == bar.total and bar.total == elem.image_elem_orig_pic_size,
    "the bar moved and ended full")
  read_next(alice, "bob", "Nice colours")
end

local function group(alice, carol)
  chapter "A group"
  must(alice.tim.await:group_create {
    create_group_param_group_id = "team",
    create_group_param_group_name = "The team",
    create_group_param_group_type = timmsg.TIMGroup_Private,
  })
  local invited = must(alice.tim.await:group_invite_member {
    group_invite_member_param_group_id = "team",
    group_invite_member_param_identifier_array = { "bob", "carol" },
  })
  check("alice", #invited == 2 and invited[2].group_invite_member_result_result == timmsg.TIMGroupMember_HandledSuc,
    "bob and carol are in")
  read_next(alice, "@TIM#SYSTEM", "* bob and carol joined: 3 members")
  read_next(carol, "@TIM#SYSTEM", "* bob and carol joined: 3 members")
  send(alice, "team", GROUP, timmsg.text "Who comes to the café tonight?")
  read_next(carol, "alice", "Who comes to the café tonight?")
  read_next(carol, "bob", "I may be late. Off now")
  read_next(alice, "bob", "I may be late. Off now")
end

local function offline(alice, carol)
  chapter "Bob is away: his process has ended"
  end_of_bob()
  send(alice, "bob", C2C, timmsg.text "Bob? We meet at eight")
  send(carol, "team", GROUP, timmsg.text "And bring the dice")
  read_next(alice, "carol", "And bring the dice")
  start_bob "second"
  read_next(alice, "bob", "Sorry, was away. Eight is fine")
end

local function revoke(alice)
  chapter "Revoke"
  local sent = send(alice, "bob", C2C, timmsg.text "The door code is 4711")
  read_next(alice, "bob", "Not here!")
  must(alice.tim.await:revoke("bob", C2C, sent))
  read_next(alice, "bob", "Gone")
  return sent
end

local function look_up(alice, revoked, kept)
  chapter "Look-up by locators"
  local locators = { timmsg.locator(kept), timmsg.locator(revoked) }
  locators[2].message_locator_is_revoked = true
  local found = must(alice.tim.await:find_by_msg_locator_list("bob", C2C, locators))
  show_list("alice", found)
  check("alice", #found == 2 and found[1].message_unique_id == kept.message_unique_id
    and found[2].message_status == timmsg.TIMMsg_Revoked, "the message with the dice, and the revoked one")
end

local function history(alice)
  chapter "A page of history, and the next"
  local first = must(alice.tim.await:get_msg_list("bob", C2C, { msg_getmsglist_param_count = 4 }))
  show_list("alice", first)
  check("alice", #first == 4 and describe(first[1]) == "Gone", "four messages, the newest first")
  local second = must(alice.tim.await:get_msg_list("bob", C2C, {
    msg_getmsglist_param_count = 4,
    msg_getmsglist_param_last_msg = first[4],
  }))
  show_list("alice", second)
  check("alice", #second == 4 and describe(second[1]) == "Bob? We meet at eight", "four more, older than the last of these")
end

local function import(alice)
  chapter "A chat log from elsewhere is imported, a note is saved"
  local function line(sender, minute, text)
    local msg = timmsg.text(text)
    msg.message_sender, msg.message_is_from_self = sender, sender == "alice"
    msg.message_client_time = os.time { year = 2019, month = 7, day = 1, min = minute }
    msg.message_server_time = msg.message_client_time
    return msg
  end
  local log = {
    line("bob", 1, "Do you know a good chat library?"),
    line("alice", 2, "Not yet"),
    line("bob", 3, "Pity"),
  }
  must(alice.tim.await:import_msg_list("bob", C2C, log))
  must(alice.tim.await:import_msg_list("bob", C2C, log)) -- once more changes nothing
  local oldest = must(alice.tim.await:get_msg_list("bob", C2C, {
    msg_getmsglist_param_is_forward = true,
    msg_getmsglist_param_count = 4,
  }))
  show_list("alice", oldest)
  check("alice", describe(oldest[3]) == "Pity" and describe(oldest[4]) == "Bob here, from another process",
    "the log comes before today's messages, once")

  must(alice.tim.await:save_msg("alice", C2C, timmsg.text "Buy milk"))
  local notes = must(alice.tim.await:get_msg_list("alice", C2C, {}))
  check("alice", #notes == 1 and describe(notes[1]) == "Buy milk", "saved here, sent to nobody")
end

local function batch(alice, carol)
  chapter "One message to many"
  local results = must(alice.tim.await:batch_send {
    msg_batch_send_param_identifier_array = { "bob", "carol", "nobody" },
    msg_batch_send_param_msg = timmsg.text "Table for three at eight",
  })
  for _, result in ipairs(results) do
    local code, desc = result.msg_batch_send_result_code, result.msg_batch_send_result_desc
    say("alice", "-> %s: %s", result.msg_batch_send_result_identifier, code == 0 and "sent" or ("%s (%d)"):format(desc, code))
  end
  check("alice", results[1].msg_batch_send_result_code == 0 and results[2].msg_batch_send_result_code == 0
    and results[3].msg_batch_send_result_code == timmsg.ERR_SVR_MSG_INVALID_ID, "two have it, the third does not exist")
  read_next(carol, "alice", "Table for three at eight")
  end_of_bob()
end

local function deletion(alice, revoked)
  chapter "Delete"
  must(alice.tim.await:delete("bob", C2C, { msg_delete_param_msg = revoked }))
  local page = must(alice.tim.await:get_msg_list("bob", C2C, { msg_getmsglist_param_count = 100 }))
  local count, found = #page, false
  for _, msg in ipairs(page) do
    found = found or msg.message_unique_id == revoked.message_unique_id
  end
  check("alice", count == 14 and not found, "one message deleted, the other 14 are there")
  must(alice.tim.await:delete("bob", C2C, {}))
  page = must(alice.tim.await:get_msg_list("bob", C2C, {}))
  check("alice", #page == 0, "all deleted, on this device")
end

local function play_alice()
  local started = os.time()
  local alice, carol = new_player "alice", new_player "carol"
  print "Alice and carol are in this process, bob is in another one. Each line says who sees it."
  local kept = elements(alice)
  receipts(alice, kept)
  picture(alice)
  group(alice, carol)
  offline(alice, carol)
  local revoked = revoke(alice)
  look_up(alice, revoked, kept)
  history(alice)
  import(alice)
  batch(alice, carol)
  deletion(alice, revoked)
  alice.tim:close()
  carol.tim:close()
  check("all", os.time() - started < HURRY_S, ("less than %d seconds"):format(HURRY_S))
end

local function play_bob()
  local bob = new_player "bob"
  local visits = { first = bob_first_visit, second = bob_second_visit }
  visits[arg[3]](bob)
  bob.tim:close()
end

---- Main ----

-- An error as one line: with its traceback if it is not one of the demo's own.
local function explain(err)
  return type(err) == "table" and err.failed or debug.traceback(err, 2)
end

if ROLE == "alice" then
  DIR = os.tmpname()
  os.remove(DIR)
  assert(os.execute(("mkdir -m 700 '%s'"):format(DIR)))
end

local ok, message = xpcall(ROLE == "alice" and play_alice or play_bob, explain)

if ROLE == "alice" then
  if bobs_process then bobs_process:close() end -- he gives up soon
  os.execute(("rm -rf '%s'"):format(DIR))
  if ok then print "\nThe demo is over, all as it should be." end
end
if not ok then io.stderr:write("\nTHE DEMO HAS FAILED: ", message, "\n") end
os.exit(ok, true)
