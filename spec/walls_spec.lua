-- Walls: what SECURITY.md says of logs and of permissions. Its other walls have specs of their own: identity (ids are no
-- paths), download (urls, redirects, sizes), hostile_hub and xmpp_hostile (what peers write), lost_locks.

local lfs = require "lfs"
local support = require "support"
local timmsg = require "timmsg"

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

  support.hub_only(it)("a signature is in no log at all, and in no file", function()
    local alice = timmsg.new {
      sdk_app_id = 1, data_dir = dir .. "/alice", server = support.server(dir), log_level = timmsg.TIMLog_Verbose,
      log_file_path = dir .. "/log",
    }
    support.keep(assert(alice))
    assert.equal(0, (support.call(alice, "login", "alice", SIGNATURE)))
    support.say(alice, "alice", C2C, "hello")
    local seen = 0
    local function look(at)
      if lfs.symlinkattributes(at, "mode") == "directory" then
        for name in lfs.dir(at) do
          if name ~= "." and name ~= ".." then look(at .. "/" .. name) end
        end
      elseif lfs.symlinkattributes(at, "mode") == "file" then
        seen = seen + 1
        assert.is_nil(support.read_file(at):find(SIGNATURE, 1, true), at)
      end
    end
    look(dir)
    assert.is_true(seen >= 3)
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
end)
