-- Walls: what SECURITY.md says of logs and of permissions. Its other walls have specs of their own: identity (ids are no
-- paths), download (urls, redirects, sizes), hostile_hub and xmpp_hostile (what peers write), lost_locks.

local lfs = require "lfs"
local support = require "support"
local timmsg = require "timmsg"
local uv = require "luv"

local C2C <const> = timmsg.C2C
local LUA <const> = assert(lfs.symlinkattributes("/proc/self/exe", "target"))
local TEXT <const>, NAME <const>, SIGNATURE <const> = "words for bob alone", "a-name-for-bob.txt", "s3cr3t-signature"

describe("walls:", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(support.cleanup)

  -- A bit of everything, what fails too.
  local function chat(alice, bob)
    local msg = support.must(alice, "send_new_msg", "bob", C2C, timmsg.text(TEXT))
    support.eventually(function() return support.conv(bob, "alice", C2C) end, bob, alice)
    support.call(alice, "send_new_msg", "nobody at all", C2C, timmsg.text(TEXT))
    support.call(alice, "send_new_msg", "bob", C2C, timmsg.file(dir .. "/" .. NAME .. "/missing"))
    support.call(alice, "send_new_msg", "bob", C2C, { message_elem_array = { { elem_type = 0, text_elem_content = TEXT .. "\255" } } })
    support.call(alice, "save_msg", "bob", C2C, timmsg.custom(TEXT))
    support.call(alice, "conv_set_draft", "bob", C2C, { draft_msg = timmsg.text(TEXT) })
    support.must(alice, "revoke", "bob", C2C, msg)
    support.call(alice, "revoke", "bob", C2C, msg)
    support.call(bob, "get_msg_list", "alice", C2C, { msg_getmsglist_param_is_remble = true })
  end

  it("a log below Verbose has no message's text", function()
    local lines = {}
    local function client(user)
      local made = support.new_client(dir, nil, {
        data_dir = dir .. "/" .. user, log_level = timmsg.TIMLog_Debug, log_file_path = dir .. "/log-" .. user,
      })
      support.must(made, "set_config", { set_config_callback_log_level = timmsg.TIMLog_Debug })
      made:on("log", function(_, line) lines[#lines + 1] = line end)
      support.account(dir, user)
      support.must(made, "login", user, "sig")
      return made
    end
    local alice, bob = client "alice", client "bob"
    chat(alice, bob)
    alice:close()
    bob:close()
    local all = support.read_file(dir .. "/log-alice/timmsg.log") .. support.read_file(dir .. "/log-bob/timmsg.log")
      .. table.concat(lines, "\n")
    assert.matches("logged in", all)
    assert.is_nil(all:find(TEXT, 1, true))
  end)

  local function base64(text)
    local digits <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return (text:gsub("..?.?", function(three)
      local a, b, c = three:byte(1, 3)
      local bits = a << 16 | (b or 0) << 8 | (c or 0)
      return (("%d %d %d %d"):format(bits >> 18, bits >> 12 & 63, b and bits >> 6 & 63 or 64, c and bits & 63 or 64)
        :gsub("%d+ ?", function(digit) return digits:sub(digit + 1, digit + 1) .. (digit:find "64" and "=" or "") end))
    end))
  end

  it("a signature is in no log at all, and in no file", function()
    assert.equal("AGFsaWNlAHNlY3JldA==", base64 "\0alice\0secret")
    local log = {}
    support.account(dir, "alice") -- on XMPP, with another one
    local alice = timmsg.new {
      sdk_app_id = 1, data_dir = dir .. "/alice", server = support.server(dir), log_level = timmsg.TIMLog_Verbose,
      log_file_path = dir .. "/log",
    }
    support.keep(assert(alice))
    support.must(alice, "set_config", { set_config_callback_log_level = timmsg.TIMLog_Verbose })
    alice:on("log", function(_, line) log[#log + 1] = line end)
    local code = support.call(alice, "login", "alice", SIGNATURE)
    assert.equal(support.is_hub and 0 or timmsg.ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED, code)
    if code == 0 then support.say(alice, "alice", C2C, "hello") end
    alice:close()
    support.write_file(dir .. "/log/heard", table.concat(log, "\n"))
    assert.is_true(#log > 0)
    local seen = 0
    local function look(at)
      if lfs.symlinkattributes(at, "mode") == "directory" then
        for name in lfs.dir(at) do
          if name ~= "." and name ~= ".." then look(at .. "/" .. name) end
        end
      elseif lfs.symlinkattributes(at, "mode") == "file" then
        seen = seen + 1
        local text = support.read_file(at)
        for _, form in ipairs { SIGNATURE, base64(SIGNATURE), base64("\0alice\0" .. SIGNATURE) } do
          assert.is_nil(text:find(form, 1, true), at)
        end
      end
    end
    look(dir)
    assert.is_true(seen >= (support.is_hub and 3 or 2))
  end)

  -- On a real server the password goes through a hash first; this one wants it as it is.
  support.xmpp_only(it)("a server that asks for the password itself does not get it into the log", function()
    local server, got = uv.new_tcp(), ""
    assert(server:bind("127.0.0.1", 0))
    assert(server:listen(4, function()
      local connection, said = uv.new_tcp(), 0
      server:accept(connection)
      connection:read_start(function(_, data)
        if not data then return connection:close() end
        got = got .. data
        if said == 0 and got:find "<stream:stream" then
          said = 1
          connection:write("<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' id='1' from='plain.test'"
            .. " xmlns:stream='http://etherx.jabber.org/streams'><stream:features>"
            .. "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>")
        elseif said == 1 and got:find "</auth>" then
          said = 2
          connection:write "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>"
        end
      end)
    end))
    local alice = support.keep(assert(timmsg.new {
      sdk_app_id = 1, data_dir = dir .. "/alice", log_level = timmsg.TIMLog_Verbose, log_file_path = dir .. "/log",
      server = ("xmpp://plain.test?tls=none&address=127.0.0.1:%d"):format(server:getsockname().port),
    }))
    local code
    assert(alice:login("alice", SIGNATURE, function(result) code = result end))
    support.eventually(function()
      uv.run "nowait"
      return code
    end, alice)
    assert.equal(timmsg.ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED, code)
    server:close()
    uv.run "nowait"
    alice:close()
    assert.truthy(got:find(base64("\0alice\0" .. SIGNATURE), 1, true)) -- it was asked for
    local log = support.read_file(dir .. "/log/timmsg.log")
    assert.matches("xmpp: ", log)
    for _, form in ipairs { SIGNATURE, base64(SIGNATURE), base64("\0alice\0" .. SIGNATURE) } do
      assert.is_nil(log:find(form, 1, true))
    end
  end)

  support.hub_only(it)("what is made is its owner's alone, whatever the umask is", function()
    local script = support.write_file(dir .. "/host.lua", ([[
      local timmsg = require "timmsg"
      local dir = "%s/data"
      local tim = assert(timmsg.new { data_dir = dir .. "/anna", server = "hub:" .. dir .. "/hub", log_file_path = dir .. "/log" })
      local function ask(call, ...)
        local args, done = table.pack(...), nil
        args[args.n + 1] = function(code, desc) assert(code == 0, desc) done = true end
        assert(tim[call](tim, table.unpack(args, 1, args.n + 1)))
        while not done do tim:wait() tim:poll() end
      end
      ask("login", "anna", "")
      ask("send_new_msg", "anna", timmsg.C2C, timmsg.file "%s/host.lua")
      os.exit(true, false) -- as a crash would: nothing is tidied up
    ]]):format(dir, dir))
    assert(os.execute(("umask 000; '%s' '%s'"):format(LUA, script)))
    local seen = 0
    local function look(at)
      local info = lfs.symlinkattributes(at)
      assert.equal(info.mode == "directory" and "rwx------" or "rw-------", info.permissions, at)
      seen = seen + 1
      if info.mode ~= "directory" then return end
      for name in lfs.dir(at) do
        if name ~= "." and name ~= ".." then look(at .. "/" .. name) end
      end
    end
    look(dir .. "/data")
    assert.is_true(seen >= 10)
  end)

  -- What another user may have put where a download will write, in a directory that both may write to.
  for what, trap in pairs {
    ["one that everybody may read"] = { mode = "0666" },
    ["another user's"] = { mode = "0600", owner = 65534 },
  } do
    support.hub_only(it)("a download is its owner's alone, whatever file lies at its part's place: " .. what, function()
      if trap.owner and uv.getuid() ~= 0 then return pending "only root can give files away" end
      local alice, out = support.new_client(dir, "alice"), dir .. "/out"
      local msg = support.must(alice, "send_new_msg", "alice", C2C, timmsg.file(support.write_file(dir .. "/" .. NAME, TEXT)))
      assert(lfs.mkdir(out))
      local part = support.write_file(out .. "/.a.timmsg-part", "")
      assert(uv.fs_chmod(part, tonumber(trap.mode, 8)))
      if trap.owner then assert(uv.fs_chown(part, trap.owner, trap.owner)) end
      local kept <close> = assert(io.open(part, "rb"))
      support.must(alice, "download_elem_to_path", { msg_download_elem_param_url = msg.message_elem_array[1].file_elem_url }, out .. "/a")
      assert.equal(TEXT, support.read_file(out .. "/a"))
      local info = lfs.attributes(out .. "/a")
      assert.equal("rw-------", info.permissions)
      assert.equal(uv.getuid(), info.uid)
      assert.equal("", kept:read "a")
    end)
  end
end)
