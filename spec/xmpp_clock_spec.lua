-- On XMPP: users whose machines do not agree on the time. What counts is the archives' (rule 45).

local process = require "process"
local support = require "support"
local timmsg = require "timmsg"

local describe <const> = support.xmpp_only(describe)

local GROUP <const> = timmsg.GROUP
local SKEW_S <const> = 40

describe("on a machine whose clock is wrong", function()
  local dir, server, host

  before_each(function()
    dir = support.temp_dir()
    server, host = support.xmpp_server(), support.xmpp_host(dir)
  end)

  after_each(function()
    process.cleanup()
    support.cleanup()
  end)

  -- A server's address by which its certificate, just made, is trusted by a machine whose clock is behind.
  local function address()
    local pipe <close> = assert(io.popen(("env -u LD_PRELOAD openssl x509 -in '%s/leaf.crt' -noout -fingerprint -sha256"):format(
      server.ca_file:match "^(.*)/")))
    return ("xmpp://%s?address=127.0.0.1:%d&fingerprint=%s"):format(host, server.c2s_port, pipe:read("a"):match "=([%x:]+)")
  end

  it("a group is made, and the user's other device gets all that is said in it (rule 24)", function()
    local bob = support.new_client(dir, "bob")
    local two, at_two = support.device(dir, "alice", "two")
    local one = process.start_at(SKEW_S, address(), "make_group", dir, "alice", "crew", "bob")
    one:expect("(made)", bob, two)
    support.say(bob, "crew", GROUP, "at once")
    support.arrival(at_two, "at once", bob)
    assert.equal(2, support.conv(two, "crew", GROUP).conv_unread_num) -- and the tips
  end)

  it("a group is joined, and the user's other device gets all that is said from then on, and only that (rule 24)", function()
    local bob = support.new_client(dir, "bob")
    support.group(bob, "crew")
    support.say(bob, "crew", GROUP, "before")
    local two, at_two = support.device(dir, "alice", "two")
    support.pass(support.history(bob, "crew", GROUP)[1].message_server_time + 1, bob, two)
    local one = process.start_at(SKEW_S, address(), "join_group", dir, "alice", "crew")
    one:expect("(joined)", bob, two)
    support.say(bob, "crew", GROUP, "at once")
    support.arrival(at_two, "at once", bob)
    assert.same({ "-", "at once" }, support.texts(at_two.messages))
  end)

  it("rule 28: a message is too old to be revoked by the server's clock", function()
    local bob = support.new_client(dir, "bob")
    local alice = process.start_at(-SKEW_S, address(), "revoke_late", dir, "alice", "bob", 1)
    local in_c2c, in_group = alice:expect("revoked (%d+) (%d+)", bob)
    assert.same({ timmsg.ERR_SVR_MSG_REVOKE_TIME_LIMIT, timmsg.ERR_SVR_GROUP_REVOKE_MSG_TIME_LIMIT },
      { tonumber(in_c2c), tonumber(in_group) })
  end)

  it("a group is joined, and what was said before is there (rule 35)", function()
    local bob = support.new_client(dir, "bob")
    support.group(bob, "crew")
    support.say(bob, "crew", GROUP, "before 1")
    support.say(bob, "crew", GROUP, "before 2")
    support.pass(support.history(bob, "crew", GROUP)[2].message_server_time + 1, bob)
    local carol = process.start_at(-SKEW_S, address(), "join_group", dir, "carol", "crew")
    carol:expect("(joined)", bob)
    assert.equal("before 1, before 2", (carol:expect("history (.*)", bob)))
  end)

  it("a group is left and joined again, and what was said between is there (rule 35)", function()
    local bob = support.new_client(dir, "bob")
    support.group(bob, "crew")
    local carol = process.start_at(SKEW_S, address(), "leave_for_a_while", dir, "carol", "crew")
    carol:expect("(left)", bob)
    support.say(bob, "crew", GROUP, "meanwhile")
    support.pass(os.time() + 1, bob)
    carol:tell "join"
    assert.equal("meanwhile", (carol:expect("history (.*)", bob)))
  end)
end)
