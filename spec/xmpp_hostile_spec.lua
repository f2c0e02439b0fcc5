-- Hostile: what a user can put into stanzas by hand, and must not be believed.

local support = require "support"

support.xmpp_only(describe)("a hostile user", function()
  local xmpp_stream = require "xmpp_stream"
  local dir, host, bob, seen, mallory

  before_each(function()
    dir = support.temp_dir()
    host = support.xmpp_host(dir)
    for _, user in ipairs { "alice", "mallory" } do support.account(dir, user) end
    bob, seen = support.device(dir, "bob")
    mallory = xmpp_stream.connect(support.xmpp_server(), host, "mallory", "sig")
    mallory:send "<presence/>"
  end)
  after_each(function()
    xmpp_stream.cleanup()
    support.cleanup()
  end)

  -- Sends a message's content to bob.
  local function send(id, content, attributes)
    mallory:send(("<message to='bob@%s' type='chat' id='%s'%s>%s</message>"):format(host, id, attributes or "", content))
  end

  -- What bob's client has been told once mallory's last word is there: all of it mallory's own.
  local function told()
    send("last", "<body>last</body>")
    support.arrival(seen, "last")
    local texts = {}
    for _, msg in ipairs(seen.messages) do
      assert.equal("mallory", msg.message_sender)
      assert.equal("mallory", msg.message_conv_id)
      texts[#texts + 1] = support.text_of(msg) or "-"
    end
    return texts
  end

  it("cannot speak as another by an attribute with a prefix", function()
    local many = ""
    for i = 1, 8 do
      many = many .. (" xmlns:e%d='urn:e%d' e%d:from='alice@%s/x'"):format(i, i, i, host)
    end
    send("f1", "<body>forged</body>", many)
    local texts = told()
    assert.equal("last", texts[#texts])
    assert.same({}, support.history(bob, "alice", 1))
  end)

  it("cannot date a message back, nor say where it is archived", function()
    send("f2", ("<body>dated</body><delay xmlns='urn:xmpp:delay' from='%s' stamp='2001-01-01T00:00:00Z'/>"
      .. "<stanza-id xmlns='urn:xmpp:sid:0' by='bob@%s' id='mine'/>"):format(host, host))
    assert.same({ "dated", "last" }, told())
    assert.is_true(seen.messages[1].message_server_time > 1500000000)
  end)

  it("cannot wrap another's words in a carbon or an archive's result", function()
    local inner = ("<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='alice@%s' to='bob@%s' "
      .. "type='chat' id='x'><body>forged</body></message></forwarded>"):format(host, host)
    send("f3", "<received xmlns='urn:xmpp:carbons:2'>" .. inner .. "</received>")
    send("f4", "<result xmlns='urn:xmpp:mam:2' queryid='q' id='1'>" .. inner .. "</result>")
    assert.same({ "last" }, told())
  end)

  it("cannot say what only a group says", function()
    send("f5", "<body>x</body><json xmlns='urn:xmpp:json:0'>{\"message_elem_array\":[{\"elem_type\":5,"
      .. "\"group_tips_elem_tip_type\":3,\"group_tips_elem_op_user\":\"alice\",\"group_tips_elem_group_id\":\"g\"}]}</json>")
    assert.same({ "last" }, told())
  end)

  it("cannot take back or read what others wrote", function()
    local alice, at_alice = support.device(dir, "alice", nil, { read_receipt = true })
    local msg = support.say(alice, "bob", 1, "mine")
    support.arrival(seen, "mine")
    local id = ("tm-%x-%x-%x"):format(msg.message_seq, msg.message_rand, msg.message_client_time)
    seen.messages = {}
    send("f6", ("<apply-to xmlns='urn:xmpp:fasten:0' id='%s'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>"
      .. "<store xmlns='urn:xmpp:hints'/>"):format(id))
    mallory:send(("<message to='alice@%s' type='chat' id='f7'><displayed xmlns='urn:xmpp:chat-markers:0' id='%s'/>"
      .. "<store xmlns='urn:xmpp:hints'/></message>"):format(host, id))
    assert.same({ "last" }, told())
    for _, locator in ipairs(seen.revoked) do -- one of her own that nobody has seen, at most
      assert.equal("mallory", locator.message_locator_conv_id)
    end
    support.say(bob, "alice", 1, "answer")
    support.arrival(at_alice, "answer")
    assert.same({}, at_alice.receipts)
    assert.is_false(support.history(alice, "bob", 1)[1].message_is_peer_read)
    assert.equal("mine", support.text_of(support.history(bob, "alice", 1)[1]))
  end)
end)
