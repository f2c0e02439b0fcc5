-- Cases: what a power loss took, once. Each is a small scene, after which all is lost that was not synced; then somebody looks.
--
--   lua5.4 spec/crash/cases.lua NAME DIR          (started by spec/crash_spec.lua)

local disk = require "disk"
local lfs = require "lfs"
local scene = require "scene"
local support = require "support"
local timmsg = require "timmsg"
local web = require "web"

local C2C <const> = timmsg.C2C

local name <const>, base <const> = arg[1], arg[2]
local live <const>, images <const> = base .. "/live", base .. "/images"

local function open(dir, user)
  local client = support.keep(scene.open(dir, user))
  support.must(client, "login", user, "")
  return client
end

local function say(client, peer, text)
  return support.must(client, "send_new_msg", peer, C2C, timmsg.text(text))
end

-- The directory that the power loss leaves; the clients that were there are gone.
local function lose_power()
  local left = ("%s/%d"):format(images, disk.snap())
  disk.stop()
  support.cleanup()
  return left
end

-- It has "one" and "two" of that conversation.
local function expect_both(client, peer)
  local texts
  assert(support.pump(2000, function()
    texts = table.concat(support.texts(support.history(client, peer, C2C)), ", ")
    return texts == "one, two"
  end, client), "it has only: " .. texts)
end

local cases = {}

-- The directories that were made for the stores and the hub went with it.
function cases.directories()
  local alice, bob = open(live .. "/a/b", "alice"), open(live .. "/a/b", "bob")
  say(alice, "bob", "one")
  say(alice, "bob", "two")
  bob:poll()
  local left = lose_power() .. "/a/b"
  expect_both(open(left, "bob"), "alice")
  expect_both(open(left, "alice"), "bob")
end

-- Where the log stands for a new device was lost, and the hub took it for one that has fetched all that it was given.
function cases.first_cursor()
  local alice, bob = open(live, "alice"), open(live, "bob")
  local seen = support.watch(bob)
  say(alice, "bob", "one")
  support.arrival(seen, "one", alice)
  say(alice, "bob", "two")
  local left = lose_power()
  expect_both(open(left, "bob"), "alice")
end

-- A message whose row was synced while its file was uploaded came back as sent, and without the file's id and url.
function cases.upload()
  local alice = open(live, "alice")
  local _ = open(live, "bob")
  local path = support.write_file(base .. "/file", scene.content("file", 4 << 20))
  local done
  assert(alice:send_new_msg("bob", C2C, timmsg.file(path), function(code, desc)
    assert(code == 0, desc)
    done = true
  end))
  support.must(alice, "save_msg", "saved", C2C, timmsg.text "synced")
  assert(not done, "the file was too small")
  support.eventually(function() return done end, alice)
  local again = open(lose_power(), "alice")
  local msg = support.history(again, "bob", C2C)[1]
  assert(msg.message_status == timmsg.TIMMsg_SendSucc, msg.message_status)
  assert((msg.message_elem_array[1].file_elem_url or ""):find "^hub:", "it has no url")
end

-- Of a download on its way some pages had come to the disk and others before them had not; it went on behind all of them.
function cases.download()
  local whole = scene.content("whole", 3 << 20)
  local server = web.script(function(connection, request, number)
    local from = tonumber(request:match "[Rr]ange: bytes=(%d+)%-")
    if from then
      connection:write(('HTTP/1.1 206 Partial\r\nETag: "x"\r\nContent-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n\r\n')
        :format(from, #whole - 1, #whole, #whole - from) .. whole:sub(from + 1))
    else
      connection:write(('HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: %d\r\n\r\n'):format(#whole)
        .. (number == 1 and whole:sub(1, 2 << 20) or whole))
    end
  end)
  local function download(dir, is_enough)
    local client = open(dir, "alice")
    assert(client:download_elem_to_path({
      msg_download_elem_param_type = timmsg.TIMDownload_File, msg_download_elem_param_url = server:url "/x",
    }, dir .. "/alice/file", function(code, desc) assert(code == 0, desc) end))
    support.eventually(function()
      server.look()
      return is_enough()
    end, client)
  end
  download(live, function() return lfs.attributes(live .. "/alice/.file.timmsg-part", "size") == 2 << 20 end)
  for _ = 1, 8 do
    disk.snap()
  end
  disk.stop()
  support.cleanup()
  for i = 1, 8 do
    disk.reboot()
    local left = ("%s/%d"):format(images, i)
    download(left, function() return lfs.attributes(left .. "/alice/file") end)
    assert(support.read_file(left .. "/alice/file") == whole, "it has another content")
    support.cleanup()
  end
end

-- The same from the hub, on a system that does not tell its boots apart: the content's hash does.
function cases.copy()
  local content = scene.content("whole", 4 << 20)
  local alice = open(live, "alice")
  local sent = support.must(alice, "send_new_msg", "alice", C2C, timmsg.file(support.write_file(base .. "/file", content)))
  local param = {
    msg_download_elem_param_type = timmsg.TIMDownload_File, msg_download_elem_param_id = sent.message_elem_array[1].file_elem_file_id,
    msg_download_elem_param_url = "",
  }
  disk.set_chances(0, 0.7, 0)
  support.must(alice, "download_elem_to_path", param, live .. "/alice/got")
  disk.set_chances(0, 0, 0)
  local count = disk.stop()
  assert(count > 4, count)
  support.cleanup()
  for i = 1, count do
    local left = ("%s/%d"):format(images, i)
    support.must(open(left, "alice"), "download_elem_to_path", param, left .. "/alice/got")
    assert(support.read_file(left .. "/alice/got") == content, "it has another content")
    support.cleanup()
  end
end

-- Some of what was not synced is there all the same.
local HALF <const> = { download = true, copy = true }

assert(lfs.mkdir(live))
assert(lfs.mkdir(images))
disk.be_lazy()
disk.record { root = live, images = images, seed = 1, chance_of_sync = 0, chance_of_other = 0, limit = 12,
  data = HALF[name] and 0.5 or 0, names = HALF[name] and 1 or 0 }
cases[name]()
support.cleanup()
