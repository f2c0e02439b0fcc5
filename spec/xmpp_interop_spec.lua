-- On XMPP: timmsg and a client of another make (slixmpp) understand each other.

local lfs = require "lfs"
local support = require "support"
local timmsg = require "timmsg"

local describe <const> = support.xmpp_only(describe)

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

describe("a client of another make", function()
  local slixmpp, dir, host, alice, at_alice, carol

  setup(function() slixmpp = require "slixmpp" end)

  before_each(function()
    dir = support.temp_dir()
    host = support.xmpp_host(dir)
    alice, at_alice = support.device(dir, "alice", nil, { read_receipt = true })
    carol = slixmpp.start(dir, "carol")
  end)

  after_each(function()
    slixmpp.cleanup()
    support.cleanup()
  end)

  -- Carol's client sends a text: its id.
  local function send(text, more)
    local order = { ["do"] = "send", to = "alice@" .. host, body = text }
    for key, value in pairs(more or {}) do
      order[key] = value
    end
    carol:tell(order)
    return carol:expect({ event = "sent" }, alice).id
  end

  -- Alice sends a text to Carol and her client has it: what it says of it.
  local function get(text)
    support.say(alice, "carol", C2C, text)
    return carol:expect({ event = "message", body = text }, alice)
  end

  local function find(client, conv_id, conv_type, text)
    for _, msg in ipairs(support.history(client, conv_id, conv_type)) do
      if support.text_of(msg) == text then return msg end
    end
    return nil
  end

  local function eventually_revoked(seen, msg, ...)
    support.eventually(function()
      for _, locator in ipairs(seen.revoked) do
        if locator.message_locator_rand == msg.message_rand then return true end
      end
      return false
    end, seen.client, ...)
  end

  local TEXTS <const> = { "你好，卡罗尔 🦊", "\"quotes\" & <tags/> 'and' 100% \\n", "👩‍👩‍👧 line\nline\ttab ]]> &amp;", ("长"):rep(2000) }

  it("reads the texts of timmsg, and is read", function()
    for i, text in ipairs(TEXTS) do
      local said = get(text)
      assert.equal("chat", said.type)
      assert.equal("alice@" .. host, said.sender:match "^[^/]*")
      local answer = i .. ": " .. text
      send(answer)
      local msg = support.arrival(at_alice, answer)
      assert.equal("carol", msg.message_sender)
      assert.equal("carol", msg.message_conv_id)
      assert.equal(C2C, msg.message_conv_type)
      assert.is_false(msg.message_is_from_self)
      assert.is_true(math.abs(msg.message_server_time - os.time()) < 30)
    end
    assert.equal(#TEXTS * 2, #support.history(alice, "carol", C2C))
    assert.equal(#TEXTS, support.conv(alice, "carol", C2C).conv_unread_num)
    -- another device of alice gets the same, and from the archive
    local other = support.device(dir, "alice", "other")
    local list = support.must(other, "get_msg_list", "carol", C2C,
      { msg_getmsglist_param_count = 20, msg_getmsglist_param_is_remble = true })
    assert.equal(#TEXTS * 2, #list)
  end)

  it("says that it has read, and hears it (rules 26 and 27)", function()
    local first = get "read this 读"
    get "and not this"
    carol:tell { ["do"] = "marker", to = "alice@" .. host, id = first.id }
    support.eventually(function() return at_alice.receipts[1] end, alice)
    assert.same({ "carol", C2C }, { at_alice.receipts[1].msg_receipt_conv_id, at_alice.receipts[1].msg_receipt_conv_type })
    assert.is_true(find(alice, "carol", C2C, "read this 读").message_is_peer_read)
    assert.is_false(find(alice, "carol", C2C, "and not this").message_is_peer_read)

    send("one", { markable = true })
    local id = send("two", { markable = true })
    support.must(alice, "report_readed", "carol", C2C, support.arrival(at_alice, "two"))
    assert.equal(id, carol:expect({ event = "displayed" }, alice).target)
    assert.equal(0, support.conv(alice, "carol", C2C).conv_unread_num)
  end)

  it("says that it has a message, and hears it", function()
    support.account(dir, "dora") -- who is away
    support.say(alice, "dora", C2C, "not got")
    local said = get "got it? 收到"
    -- what no receipt has come for may go out again: that is seen in the client's own database only
    support.eventually(function()
      local pipe <close> = assert(io.popen(("env -u LD_PRELOAD sqlite3 '%s/alice/alice.mirror' 'SELECT peer FROM letters'"):format(dir)))
      return pipe:read "a" == "dora\n"
    end, alice)
    assert.equal(1, carol:count { event = "message", body = said.body })

    local id = send("have it 有", { receipt = true })
    support.arrival(at_alice, "have it 有")
    carol:expect({ event = "received", target = id }, alice)
    send("no receipt wanted")
    support.arrival(at_alice, "no receipt wanted")
    carol:tell { ["do"] = "send", to = carol.jid, body = "done" }
    carol:expect({ event = "message", body = "done" }, alice)
    assert.equal(1, carol:count { event = "received" })
  end)

  it("retracts, and hears of it (rules 28 and 29)", function()
    local said = get "mine 撤回"
    local msg = find(alice, "carol", C2C, "mine 撤回")
    support.must(alice, "revoke", "carol", C2C, msg)
    assert.equal(said.id, carol:expect({ event = "retracted" }, alice).target)

    local id = send "hers 撤回"
    local hers = support.arrival(at_alice, "hers 撤回")
    carol:tell { ["do"] = "retract", to = "alice@" .. host, id = id }
    eventually_revoked(at_alice, hers)
    for _, row in ipairs(support.history(alice, "carol", C2C)) do
      assert.equal(timmsg.TIMMsg_Revoked, row.message_status)
      assert.same({}, row.message_elem_array)
    end
    -- the words that tell other clients of it are no message
    send "after it"
    support.arrival(at_alice, "after it")
    assert.same({ "hers 撤回", "after it" }, support.texts(at_alice.messages))
  end)

  it("talks in a group of timmsg", function()
    local bob, at_bob = support.device(dir, "bob")
    support.group(alice, "Team 1", "carol", "bob")
    local room = carol:expect({ event = "invited" }, alice, bob).room
    carol:tell { ["do"] = "join", room = room, nick = "the fox 狐" }
    carol:expect({ event = "joined" }, alice, bob)
    for _, text in ipairs(TEXTS) do
      support.say(alice, "Team 1", GROUP, text)
      local said = carol:expect({ event = "message", body = text }, alice, bob)
      assert.equal("groupchat", said.type)
      local answer = "re: " .. text
      send(answer, { to = room, type = "groupchat" })
      for client, seen in pairs { [alice] = at_alice, [bob] = at_bob } do
        local msg = support.arrival(seen, answer, alice, bob)
        assert.same({ "Team 1", GROUP, "carol" }, { msg.message_conv_id, msg.message_conv_type, msg.message_sender })
        assert.equal("Team 1", support.conv(client, "Team 1", GROUP).conv_id)
      end
    end

    -- retractions name the client's id or the room's
    local id = send("taken back 撤", { to = room, type = "groupchat" })
    local msg = support.arrival(at_bob, "taken back 撤", alice)
    carol:tell { ["do"] = "retract", to = room, id = id, type = "groupchat" }
    eventually_revoked(at_bob, msg, alice)
    eventually_revoked(at_alice, msg, bob)
    local mine = support.say(alice, "Team 1", GROUP, "mine")
    local said = carol:expect({ event = "message", body = "mine" }, alice, bob)
    support.must(alice, "revoke", "Team 1", GROUP, mine)
    assert.equal(said.id, carol:expect({ event = "retracted" }, alice, bob).target)
    assert.equal(#TEXTS * 2 + 2, #support.history(alice, "Team 1", GROUP) - 1) -- and that it was made
  end)

  -- Bytes of every value, which no text handling leaves alone.
  local function content(size)
    local bytes = {}
    for i = 0, 255 do
      bytes[i + 1] = string.char(i)
    end
    return table.concat(bytes):rep(size // 256 + 1):sub(1, size)
  end

  it("fetches a file that timmsg sends", function()
    local bytes = content(300001)
    local path = support.write_file(dir .. "/Bericht für 2026 报告.bin", bytes)
    local msg = support.must(alice, "send_new_msg", "carol", C2C, timmsg.file(path))
    local url = msg.message_elem_array[1].file_elem_url
    local said = carol:expect({ event = "message" }, alice)
    assert.equal(url, said.url)
    assert.equal(url, said.body) -- other clients show the file only if the body says nothing else
    carol:tell { ["do"] = "fetch", url = url, path = dir .. "/fetched" }
    carol:expect({ event = "fetched" }, alice)
    assert.is_true(bytes == support.read_file(dir .. "/fetched"))
  end)

  it("sends a file that timmsg downloads (rules 37 to 39)", function()
    local bytes = content(200003)
    local path = support.write_file(dir .. "/Foto 照片 50%.bin", bytes)
    carol:tell { ["do"] = "upload", path = path, content_type = "application/octet-stream" }
    local url = carol:expect({ event = "uploaded" }, alice).url
    send(url, { url = url })
    local msg = support.eventually(function() return at_alice.messages[1] end, alice)
    local elem = msg.message_elem_array[1]
    assert.equal(timmsg.TIMElem_File, elem.elem_type)
    assert.equal(url, elem.file_elem_url)
    assert.equal(1, #msg.message_elem_array)
    support.must(alice, "download_elem_to_path", {
      msg_download_elem_param_id = elem.file_elem_file_id,
      msg_download_elem_param_url = elem.file_elem_url,
      msg_download_elem_param_type = timmsg.TIMDownload_File,
    }, dir .. "/downloaded")
    assert.is_true(bytes == support.read_file(dir .. "/downloaded"))
    assert.equal(#bytes, lfs.attributes(dir .. "/downloaded", "size"))
    -- said beside a url, a text stays a text
    send("look: " .. url, { url = url })
    support.arrival(at_alice, "look: " .. url)
  end)
end)
