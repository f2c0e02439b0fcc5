-- Disk: directories that vanish under whoever uses them, and disks that fill up. Each failure has its code and a sentence,
-- what was told as sent is there, and things go on when the cause is gone.

local support = require "support"
local timmsg = require "timmsg"

local C2C <const> = timmsg.C2C
local describe <const> = support.hub_only(describe)

describe("disk", function()
  local dir, alice, bob, at_alice, at_bob

  before_each(function()
    dir = support.temp_dir()
    alice, at_alice = support.device(dir, "alice")
    bob, at_bob = support.device(dir, "bob")
  end)
  after_each(support.cleanup)

  local function send(text, from, to)
    return support.call(from or alice, "send_new_msg", to or "bob", C2C, type(text) == "table" and text or timmsg.text(text))
  end

  local function move(from, to)
    assert(os.rename(dir .. "/" .. from, dir .. "/" .. to))
  end

  local function label(text) return text:match "^.?.?.?.?.?.?.?.?.?.?" end

  local function labels(texts)
    local list = {}
    for i, text in ipairs(texts) do
      list[i] = label(text)
    end
    return list
  end

  -- What every device has in the end is what was told as sent, once.
  local function agree(texts)
    support.arrival(at_bob, texts[#texts], bob)
    assert.same(labels(texts), labels(support.texts(at_bob.messages)))
    support.eventually(function() -- what became of a message is written when there is room again
      for _, msg in ipairs(support.history(alice, "bob", C2C)) do
        if msg.message_status == timmsg.TIMMsg_Sending then return false end
      end
      return true
    end, alice)
    for _, of in ipairs { { alice, "bob" }, { bob, "alice" } } do
      local kept = {}
      for _, msg in ipairs(support.history(of[1], of[2], C2C)) do
        if msg.message_status == timmsg.TIMMsg_SendSucc then table.insert(kept, label(support.text_of(msg))) end
      end
      table.sort(kept)
      local sorted = labels(texts)
      table.sort(sorted)
      assert.same(sorted, kept)
    end
  end

  local function fails(name, code, desc)
    assert.equal(timmsg.ERR_DATABASE_OPERATE_FAILED, code)
    assert.matches(name .. ": moved, deleted or replaced while it was in use$", desc)
  end

  it("rule 46: a hub's directory is moved away, and back", function()
    assert.equal(0, (send "before"))
    move("hub", "elsewhere")
    local code, desc, failed = send "away"
    fails("hub/hub%.db", code, desc)
    assert.equal(timmsg.TIMMsg_SendFail, failed.message_status)
    fails("hub/hub%.db", support.call(alice, "group_create", { create_group_param_group_name = "crew" }))
    assert.equal(2, #support.history(alice, "bob", C2C)) -- what is here can be read
    move("elsewhere", "hub")
    assert.equal(0, (send(failed))) -- again
    assert.equal(0, (send "after"))
    agree { "before", "away", "after" }
  end)

  it("rule 46: a hub is deleted, and another one takes its place", function()
    assert.equal(0, (send "before"))
    support.arrival(at_bob, "before", bob)
    assert(os.execute(("rm -r '%s/hub'"):format(dir)))
    local code, desc, failed = send "to nobody"
    fails("hub/hub%.db", code, desc)
    -- a newcomer's log-in makes one; who was there before is not in it, and does not harm it by leaving
    local carl, at_carl = support.device(dir, "carl")
    fails("hub/hub%.db", send("to nobody either", bob, "alice"))
    for _, one in ipairs { alice, bob } do
      support.must(one, "logout")
      support.must(one, "login", one == alice and "alice" or "bob", "sig")
    end
    assert.equal(0, (send(failed)))
    assert.equal(0, (send("hello", bob, "carl")))
    support.arrival(at_carl, "hello", carl)
    agree { "before", "to nobody" }
  end)

  it("rule 46: a store is moved away, and back", function()
    assert.equal(0, (send "before"))
    move("alice", "elsewhere")
    fails("alice/alice%.db", send "away")
    fails("alice/alice%.db", support.call(alice, "get_msg_list", "bob", C2C, {}))
    assert.equal(0, (send("meanwhile", bob, "alice")))
    move("elsewhere", "alice")
    support.arrival(at_alice, "meanwhile", alice)
    assert.equal(0, (send "after"))
    support.arrival(at_bob, "after", bob)
    assert.same({ "meanwhile" }, support.texts(at_alice.messages))
    assert.same({ "before", "after" }, support.texts(at_bob.messages))
  end)

  local limit <const> = support.limit_files

  it("rule 46: a disk fills up, and there is room again", function()
    assert.equal(0, (send "before"))
    local sent, failures = { "before" }, {}
    finally(limit)
    limit(700000)
    for i = 1, 150 do
      local text = ("%d %s"):format(i, ("x"):rep(9000))
      local code, desc, msg = send(text)
      if code == 0 then
        table.insert(sent, text)
      else
        assert.equal(timmsg.ERR_DATABASE_OPERATE_FAILED, code)
        assert.matches("%.db: %w+", desc)
        table.insert(failures, msg and msg.message_seq and msg or timmsg.text(text))
      end
      if #failures == 3 then break end
    end
    limit(nil)
    assert.equal(3, #failures)
    for _, msg in ipairs(failures) do
      assert.equal(0, (send(msg)))
      table.insert(sent, support.text_of(msg))
    end
    agree(sent)
  end)

  it("rule 46: a disk is full while a file is uploaded, and while one is downloaded", function()
    local content = ("0123456789"):rep(100000)
    local path = support.write_file(dir .. "/a.bin", content)
    finally(limit)
    limit(500000)
    local code, desc = send(timmsg.file(path))
    assert.equal(timmsg.ERR_FILE_TRANS_UPLOAD_FAILED, code)
    assert.matches("%S", desc)
    limit(nil)
    local again, _, msg = send(timmsg.file(path))
    assert.equal(0, again)
    local wanted = { msg_download_elem_param_id = msg.message_elem_array[1].file_elem_file_id }
    limit(500000)
    code, desc = support.call(bob, "download_elem_to_path", wanted, dir .. "/b.bin")
    assert.equal(timmsg.ERR_IO_OPERATION_FAILED, code)
    assert.matches("%S", desc)
    assert.is_nil(io.open(dir .. "/b.bin"))
    limit(nil)
    support.must(bob, "download_elem_to_path", wanted, dir .. "/b.bin")
    local file <close> = assert(io.open(dir .. "/b.bin", "rb"))
    assert.equal(content, file:read "a")
  end)
end)
