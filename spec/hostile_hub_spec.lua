-- What another process may have written into a hub: it is checked as strictly as a caller's (rules 7 and 44).

local support = require "support"
local timmsg = require "timmsg"

local describe <const> = support.hub_only(describe)

describe("a hub that a hostile process writes to", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(support.cleanup)

  -- Runs SQL on the hub's database.
  local function tamper(sql)
    support.write_file(dir .. "/tamper.sql", sql)
    assert(os.execute(("sqlite3 '%s/hub/hub.db' < '%s/tamper.sql'"):format(dir, dir)))
  end

  -- Alice says `count` things to Bob, who is away; the SQL changes them (e1, e2, … are the events' numbers); then Bob
  -- comes back: what he records.
  local function received(count, sql)
    support.must(support.new_client(dir, "bob"), "logout")
    local alice = support.new_client(dir, "alice")
    for i = 1, count do support.say(alice, "bob", timmsg.C2C, "line " .. i) end
    tamper((sql:gsub("%f[%w]e(%d);", function(i)
      return ("(SELECT id FROM events WHERE kind = 1 ORDER BY id LIMIT 1 OFFSET %d);"):format(i - 1)
    end)))
    support.say(alice, "bob", timmsg.C2C, "the end")
    local bob, seen = support.device(dir, "bob")
    support.arrival(seen, "the end", alice)
    return seen, bob
  end

  it("rule 44: leaves out messages that no caller could have sent", function()
    local bad = {
      "not json", "[]", "{}", "[1]", '[{"elem_type":0}]', '[{"elem_type":0,"text_elem_content":7}]',
      '[{"elem_type":77,"text_elem_content":"x"}]', '[{"elem_type":5,"group_tips_elem_tip_type":1}]',
      '[{"elem_type":0,"elem_type":0,"text_elem_content":"twice"}]', ("["):rep(200) .. ("]"):rep(200),
      -- rules 16 and 17
      '[{"elem_type":0,"text_elem_content":"' .. ("x"):rep(12288) .. '"}]',
      '[{"elem_type":2},{"elem_type":0,"text_elem_content":"between"},{"elem_type":2}]', '[{"elem_type":4},{"elem_type":4}]',
      '[{"elem_type":9,"video_elem_video_type":"mp4"},{"elem_type":9,"video_elem_video_type":"mp4"}]', '[{"elem_type":9}]',
      '[{"elem_type":9,"video_elem_video_type":""}]',
    }
    local sql = {}
    for i, elems in ipairs(bad) do
      sql[i] = ("UPDATE events SET elems = '%s' WHERE id = (SELECT id FROM events WHERE kind = 1 ORDER BY id LIMIT 1 OFFSET %d);")
        :format(elems, i)
    end
    local seen, bob = received(#bad + 2, table.concat(sql, "\n"))
    assert.same({ "line 1", "line " .. #bad + 2, "the end" }, support.texts(seen.messages))
    assert.same({ "line 1", "line " .. #bad + 2, "the end" }, support.texts(support.history(bob, "alice", timmsg.C2C)))
  end)

  it("rule 7: repairs text", function()
    local seen = received(4, [[
      UPDATE events SET elems = CAST(X'5B7B22656C656D5F74797065223A302C22746578745F656C656D5F636F6E74656E74223A22C328227D5D'
        AS TEXT) WHERE id = e1;
      UPDATE events SET elems = '[{"elem_type":0,"text_elem_content":"a\u0000b"}]' WHERE id = e2;
      UPDATE events SET elems = '[{"elem_type":0,"text_elem_content":"\ud83d \\u0000 \ud83d\ude00 \ude00"}]' WHERE id = e3;
    ]])
    assert.same({ "\u{FFFD}(", "a\u{FFFD}b", "\u{FFFD} \\u0000 \u{1F600} \u{FFFD}", "line 4", "the end" },
      support.texts(seen.messages))
  end)

  it("rule 44: leaves out events of impossible people and unknown kinds", function()
    local seen = received(4, [[
      UPDATE events SET sender = '' WHERE id = e1;
      UPDATE events SET sender = 'm' || char(10) || 'allory' WHERE id = e2;
      UPDATE events SET kind = 99 WHERE id = e3;
    ]])
    assert.same({ "line 4", "the end" }, support.texts(seen.messages))
  end)

  it("rule 44: has groups and members of odd names and kinds, which are shown as what a caller could have made", function()
    local bob = support.device(dir, "bob")
    local alice = support.new_client(dir, "alice")
    support.group(alice, "crew", "bob")
    tamper [[
      UPDATE groups SET title = CAST(X'61C328' AS TEXT), type = 77, face_url = CAST(X'FF' AS TEXT);
      UPDATE members SET role = 1 << 40, name_card = CAST(X'62FE' AS TEXT);
      INSERT INTO users(name) VALUES('m' || char(10) || 'allory');
      INSERT INTO members(group_id, user, role, joined) SELECT g.id, u.id, 0, 0 FROM groups g, users u WHERE u.name LIKE '%allory';
      INSERT INTO groups(name, topic, title, type, add_option, max_members, notification, introduction, face_url, created)
        SELECT 'no' || char(7) || 'body', topic, '', 0, 0, 0, '', '', '', 0 FROM groups;
      INSERT INTO members(group_id, user, role, joined) SELECT g.id, u.id, 0, 0 FROM groups g, users u
        WHERE g.name LIKE 'no%' AND u.name = 'bob';
    ]]
    local groups = support.must(bob, "group_get_joined_group_list")
    assert.equal(1, #groups)
    assert.equal("crew", groups[1].group_base_info_group_id)
    assert.equal("a\u{FFFD}(", groups[1].group_base_info_group_name)
    assert.equal(timmsg.TIMGroup_Public, groups[1].group_base_info_group_type)
    assert.equal("\u{FFFD}", groups[1].group_base_info_face_url)
    local members = support.must(bob, "group_get_member_info_list", { group_get_members_info_list_param_group_id = "crew" })
      .group_get_memeber_info_list_result_info_array
    assert.equal(2, #members)
    for _, member in ipairs(members) do
      assert.equal(timmsg.TIMMemberRole_Normal, member.group_member_info_member_role)
      assert.equal("b\u{FFFD}", member.group_member_info_name_card)
    end
    -- and what they say goes into messages as well
    support.must(bob, "group_quit", "crew")
    local tips = support.history(alice, "crew", timmsg.GROUP)
    assert.equal("a\u{FFFD}(", tips[#tips].message_elem_array[1].group_tips_elem_group_name)
  end)

  it("has no session's name lead out of its directory", function()
    local _, seen = support.device(dir, "bob")
    local alice = support.new_client(dir, "alice")
    support.write_file(dir .. "/kept", "x")
    local absolute = ("/tmp/tm-%07d"):format(math.random(9999999)) -- as long as a name may be
    support.write_file(absolute, "x")
    local rows = {}
    for i, name in ipairs { "../../kept", "../hub.db", absolute, "../../no", ".", "" } do
      rows[i] = ("INSERT INTO sessions(user, device, bell) SELECT id, 1, '%s' FROM users WHERE name = 'bob';"):format(name)
    end
    tamper(table.concat(rows, "\n"))
    support.say(alice, "bob", timmsg.C2C, "ring")
    support.must(alice, "send_new_msg", "bob", timmsg.C2C, { -- these ring on a way of their own
      message_is_online_msg = true, message_elem_array = timmsg.text("ring twice").message_elem_array,
    })
    support.arrival(seen, "ring twice", alice)
    assert.equal("x", support.read_file(dir .. "/kept"))
    assert.equal("x", support.read_file(absolute))
    assert(os.remove(absolute))
    assert.matches("^SQLite format 3", support.read_file(dir .. "/hub/hub.db"))
  end)

  it("rule 44: drops datagrams that are no messages", function()
    local bob, seen = support.device(dir, "bob")
    local alice = support.new_client(dir, "alice")
    local function forged(sender, elems)
      return ('{"message_conv_id":"alice","message_conv_type":1,"message_sender":"%s","message_elem_array":%s}'):format(sender, elems)
    end
    local text <const> = '[{"elem_type":0,"text_elem_content":"%s"}]'
    support.write_file(dir .. "/datagrams", table.concat({
      "x", "{}", "[]", ("\xff"):rep(60000), '{"message_elem_array":' .. text:format "nobody's" .. "}",
      forged("", text:format "x"), forged("a\\u0007b", text:format "x"), forged("alice", "[]"), forged("alice", "{}"),
      forged("alice", '[{"elem_type":2},{"elem_type":2}]'), forged("alice", text:format(("x"):rep(12288))),
      forged("@TIM#SYSTEM", '[{"elem_type":5,"group_tips_elem_tip_type":1}]'), forged("alice", text:format "well-made"),
    }, "\n"))
    local send = [[env -u LD_PRELOAD perl -MSocket -e '
      socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die $!;
      for my $data (<>) { chomp $data; send($s, $data, 0, sockaddr_un($_)) for glob "%s/hub/bells/*" }
    ' '%s/datagrams']]
    assert(os.execute(send:format(dir, dir)))
    support.arrival(seen, "well-made") -- it could be alice's: that there is a socket says who is trusted
    support.say(alice, "bob", timmsg.C2C, "the end")
    support.arrival(seen, "the end", alice)
    assert.same({ "well-made", "the end" }, support.texts(seen.messages))
    assert.is_true(bob:poll() >= 0)
  end)

  -- Found by make fuzz.
  it("rule 7: replaces bad bytes in what a group and its members are called", function()
    local alice = support.new_client(dir, "alice")
    support.group(alice, "crew")
    tamper [[
      UPDATE members SET name_card = CAST(x'61FF62' AS TEXT);
      UPDATE groups SET title = CAST(x'C0AF' AS TEXT), face_url = CAST(x'EDA080' AS TEXT);
    ]]
    local list = support.must(alice, "group_get_member_info_list", { group_get_members_info_list_param_group_id = "crew" })
    assert.equal("a\u{FFFD}b", list.group_get_memeber_info_list_result_info_array[1].group_member_info_name_card)
    local group = support.must(alice, "group_get_joined_group_list")[1]
    assert.equal("\u{FFFD}\u{FFFD}", group.group_base_info_group_name)
  end)
end)
