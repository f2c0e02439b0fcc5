-- DownloadElemToPath: rules 37 to 39, from the hub and from a real HTTP server.

local lfs = require "lfs"
local support = require "support"
local timmsg = require "timmsg"
local uv = require "luv"
local web = require "web"

local hub_it = support.hub_only(it)
-- So often something is tried that has to be done before a download is through.
local TRIES <const> = 20

describe("DownloadElemToPath", function()
  local dir, tim

  before_each(function()
    dir = support.temp_dir()
    tim = support.new_client(dir, "dora")
    assert(lfs.mkdir(dir .. "/out"))
  end)

  after_each(function()
    support.cleanup()
    web.cleanup()
  end)

  -- Bytes in which a piece in a wrong place shows: every kilobyte has its number.
  local function content(size, seed)
    local filler = ("<I8"):pack((seed or 0) + 0x9e3779b97f4a7c15):rep(127)
    local blocks = {}
    for i = 1, size // 1024 + 1 do
      blocks[i] = ("<I8"):pack(i * 0x9e3779b97f4a7c15) .. filler
    end
    return table.concat(blocks):sub(1, size)
  end

  -- Whether the two are the same, without printing megabytes when they are not.
  local function assert_same(wanted, got)
    assert.equal(#wanted, #got)
    assert.is_true(wanted == got)
  end

  -- Starts a download. What is called back is in the list that is returned, each { code =, desc =, current =, total =,
  -- more =, at = milliseconds }; `list.ended` is its last entry.
  local function start(client, param, path)
    local list = {}
    assert(client:download_elem_to_path(param, path, function(code, desc, result, more)
      local call = { code = code, desc = desc, more = more, at = support.now_ms() }
      if result then
        call.current = result.msg_download_elem_result_current_size
        call.total = result.msg_download_elem_result_total_size
      end
      assert(not list.ended, "called back after the end")
      list[#list + 1] = call
      if not more then list.ended = call end
    end))
    return list
  end

  local function finish(client, list, look)
    support.eventually(function()
      if look then look() end
      return list.ended
    end, client)
    -- what came late would come before this answer
    support.call(client, "conv_get_conv_list")
    assert.equal(list.ended, list[#list])
    return list
  end

  local function download(param, path, look)
    return finish(tim, start(tim, param, path), look)
  end

  local function by_url(url) return { msg_download_elem_param_url = url } end

  -- All of the files in out/.
  local function names()
    local list = {}
    for name in lfs.dir(dir .. "/out") do
      if name ~= "." and name ~= ".." then list[#list + 1] = name end
    end
    table.sort(list)
    return list
  end

  -- Every call but the last is progress below the total, and grows; the last says that all is there.
  local function assert_good_calls(list, size)
    local before = 0
    for i, call in ipairs(list) do
      assert.equal(0, call.code)
      assert.equal("", call.desc)
      assert.is_true(call.current >= before)
      before = call.current
      if i < #list then
        assert.is_true(call.more)
        assert.is_true(call.total == size and call.current < size)
      end
    end
    assert.equal(size, list.ended.current)
    assert.equal(size, list.ended.total)
  end

  local function assert_fails(code, list)
    assert.equal(code, list.ended.code)
    assert.is_true(#list.ended.desc > 0)
    assert.is_nil(list.ended.current)
  end

  -- A file that was sent to `user`: the element as it was received.
  local function receive_file(user, size, seed)
    local path = support.write_file(dir .. "/sent.bin", content(size, seed))
    local sender = support.new_client(dir, "sam")
    local _, seen = support.device(dir, user)
    support.must(sender, "send_new_msg", user, timmsg.C2C, timmsg.file(path))
    support.eventually(function() return seen.messages[1] end, seen.client)
    sender:close()
    return seen.messages[1].message_elem_array[1], seen.client
  end

  -- The one file in the hub's directory that has this size.
  ---@return any
  local function find_stored(size, path)
    for name in lfs.dir(path or dir .. "/hub") do
      local entry = (path or dir .. "/hub") .. "/" .. name
      local info = name:sub(1, 1) ~= "." and lfs.symlinkattributes(entry)
      if info and info.mode == "directory" then
        local found = find_stored(size, entry)
        if found then return found end
      elseif info and info.size == size then
        return entry
      end
    end
    return nil
  end

  describe("from the backend", function()
    it("rule 37: reports progress below the total, and at the end the whole", function()
      local size = 12000000
      local elem, client = receive_file("rita", size)
      local list = finish(client, start(client, by_url(elem.file_elem_url), dir .. "/out/a"))
      assert_good_calls(list, size)
      assert.is_true(#list >= 2)
      assert_same(content(size), support.read_file(dir .. "/out/a"))
      assert.same({ "a" }, names())
    end)

    it("rule 39: the url alone is enough, and so is what the element says", function()
      local elem, client = receive_file("rita", 1)
      for i, param in ipairs {
        by_url(elem.file_elem_url),
        {
          msg_download_elem_param_flag = elem.file_elem_download_flag,
          msg_download_elem_param_type = timmsg.TIMDownload_File,
          msg_download_elem_param_id = elem.file_elem_file_id,
          msg_download_elem_param_business_id = elem.file_elem_business_id,
          msg_download_elem_param_url = elem.file_elem_url,
        },
      } do
        local path = dir .. "/out/" .. i
        assert_good_calls(finish(client, start(client, param, path)), 1)
        assert_same(content(1), support.read_file(path))
      end
    end)

    hub_it("rule 39: the id alone is enough", function()
      local elem, client = receive_file("rita", 70000)
      local param = { msg_download_elem_param_id = elem.file_elem_file_id }
      assert_good_calls(finish(client, start(client, param, dir .. "/out/a")), 70000)
      assert_same(content(70000), support.read_file(dir .. "/out/a"))
    end)

    it("rule 38: a path that can't be written is 6022", function()
      local elem, client = receive_file("rita", 5000)
      for _, path in ipairs { dir .. "/no/such/place", dir .. "/out", dir .. "/sent.bin/x", dir .. "/out/" .. ("n"):rep(300) } do
        local list = finish(client, start(client, by_url(elem.file_elem_url), path))
        assert_fails(timmsg.ERR_IO_OPERATION_FAILED, list)
      end
      assert.same({}, names())
    end)

    it("rule 38: what is at the path is replaced", function()
      local elem, client = receive_file("rita", 5000)
      support.write_file(dir .. "/out/a", ("old"):rep(5000))
      assert_good_calls(finish(client, start(client, by_url(elem.file_elem_url), dir .. "/out/a")), 5000)
      assert_same(content(5000), support.read_file(dir .. "/out/a"))
    end)

    hub_it("rule 39: a file that the hub has not is 6009", function()
      local elem = receive_file("rita", 5000)
      local unknown = elem.file_elem_file_id:reverse()
      for _, param in ipairs {
        { msg_download_elem_param_id = unknown },
        { msg_download_elem_param_id = "../hub.db" },
        { msg_download_elem_param_id = "" .. ("0"):rep(63) },
        by_url("hub:" .. unknown),
        by_url "hub:../../hub.db",
        by_url("hub:" .. elem.file_elem_file_id:upper() .. "/../../hub.db"),
      } do
        support.write_file(dir .. "/out/a", "as it was")
        assert_fails(timmsg.ERR_FILE_TRANS_DOWNLOAD_FAILED, download(param, dir .. "/out/a"))
        assert.equal("as it was", support.read_file(dir .. "/out/a"))
      end
      assert.same({ "a" }, names())
    end)

    -- How far a download came is seen by spoiling the beginning of the hub's file meanwhile: only who has it already
    -- gets the file.
    hub_it("rule 38: a download that was broken off goes on where it was", function()
      local size = 40000000
      local elem, client = receive_file("rita", size)
      local list
      for i = 1, TRIES do
        if i > 1 then client = support.device(dir, "rita") end
        os.remove(dir .. "/out/a")
        list = start(client, by_url(elem.file_elem_url), dir .. "/out/a")
        support.eventually(function() return list[1] end, client)
        client:close()
        if list.ended.code ~= 0 then break end -- else it was all there already
      end
      assert_fails(timmsg.ERR_USER_CANCELED, list)
      assert.is_nil(lfs.attributes(dir .. "/out/a"))
      assert.equal(2, #names()) -- the part, and what it is a part of

      local stored <close> = assert(io.open(find_stored(size), "r+b"))
      assert(stored:write(("spoiled"):rep(10)))
      assert(stored:flush())
      client = support.device(dir, "rita")
      assert_good_calls(finish(client, start(client, by_url(elem.file_elem_url), dir .. "/out/a")), size)
      assert_same(content(size), support.read_file(dir .. "/out/a"))
      assert.same({ "a" }, names())
    end)

    hub_it("rule 38: a damaged file does not arrive", function()
      local elem, client = receive_file("rita", 300001)
      local stored <close> = assert(io.open(find_stored(300001), "r+b"))
      assert(stored:seek("set", 150000))
      assert(stored:write "?")
      assert(stored:flush())
      assert_fails(timmsg.ERR_FILE_TRANS_DOWNLOAD_FAILED, finish(client, start(client, by_url(elem.file_elem_url), dir .. "/out/a")))
      assert.same({}, names())
    end)

    hub_it("rule 38: nor does it stay damaged when its content is sent again", function()
      local size = 600001
      local elem, client = receive_file("rita", size)
      local path = find_stored(size)
      for _, damage in ipairs { content(size):sub(1, -2) .. "?", "?" .. content(size):sub(2), content(size):sub(1, 1000), "" } do
        support.write_file(path, damage)
        local list = finish(client, start(client, by_url(elem.file_elem_url), dir .. "/out/a"))
        assert_fails(timmsg.ERR_FILE_TRANS_DOWNLOAD_FAILED, list)
        assert.matches("^the stored file is damaged", list.ended.desc)
        support.must(tim, "send_new_msg", "rita", timmsg.C2C, timmsg.file(dir .. "/sent.bin"))
        assert_good_calls(finish(client, start(client, by_url(elem.file_elem_url), dir .. "/out/a")), size)
        assert_same(content(size), support.read_file(dir .. "/out/a"))
        os.remove(dir .. "/out/a")
      end
      assert.same({}, names())
    end)
  end)

  support.hub_only(describe)("over HTTP", function()
    local nginx

    before_each(function() nginx = web.nginx(dir) end)

    -- Breaks a download of /name off when some of it is there: by the end of the server, which is up again then.
    local function break_off(url, path)
      local list
      for _ = 1, TRIES do
        os.remove(path)
        list = start(tim, by_url(url), path)
        support.eventually(function() return list[2] end, tim)
        nginx:stop()
        finish(tim, list)
        nginx:start()
        if list.ended.code ~= 0 then break end -- else it was all there already
      end
      assert_fails(timmsg.ERR_SDK_NET_DISCONNECT, list)
      assert.is_nil(lfs.attributes(path))
      return list
    end

    it("rule 37: progress comes at most 20 times a second", function()
      local size = 6000000
      nginx:write("f.bin", content(size))
      local path = dir .. "/out/f.bin"
      local began = support.now_ms()
      local list = download(by_url(nginx:url "/slow/f.bin"), path, function()
        -- rule 38: it is not there before it is whole
        local there = lfs.attributes(path)
        assert.is_true(not there or there.size == size)
      end)
      local seconds = (support.now_ms() - began) / 1000
      assert_good_calls(list, size)
      assert.is_true(#list >= 2)
      assert.is_true(#list <= seconds * 20 + 2, ("%d calls in %.1f s"):format(#list, seconds))
      assert_same(content(size), support.read_file(path))
      assert.same({ "f.bin" }, names())
    end)

    it("rule 37: an unknown total is 0 until the end", function()
      local size = 2000000
      nginx:write("f.bin", content(size):gsub("<", "_")) -- "<!--" would mean something to this location
      local list = download(by_url(nginx:url "/unknown-size/f.bin"), dir .. "/out/a")
      assert.is_true(#list >= 2)
      for i = 1, #list - 1 do
        assert.equal(0, list[i].code)
        assert.equal(0, list[i].total)
        assert.is_true(list[i].current > 0 and list[i].current <= size and list[i].more)
      end
      assert.equal(size, list.ended.current)
      assert.equal(size, list.ended.total)
      assert.equal(size, lfs.attributes(dir .. "/out/a", "size"))
    end)

    it("rule 37: an empty file is there at once", function()
      nginx:write("empty", "")
      local list = download(by_url(nginx:url "/empty"), dir .. "/out/a")
      assert_good_calls(list, 0)
      assert.equal(1, #list)
      assert.equal("", support.read_file(dir .. "/out/a"))
    end)

    it("rule 38: resumes with Range what was broken off", function()
      local size = 2000000
      nginx:write("f.bin", content(size))
      local list = break_off(nginx:url "/slow/f.bin", dir .. "/out/a")
      assert.equal(2, #names())
      local url = nginx:url "/slow/f.bin"
      local rest = download(by_url(url), dir .. "/out/a")
      assert_good_calls(rest, size)
      assert.is_true(rest[1].current > list[1].current)
      assert_same(content(size), support.read_file(dir .. "/out/a"))
      assert.same({ "a" }, names())

      local requests = nginx:requests()
      local last = requests[#requests]
      assert.equal(206, last.status)
      local from = tonumber(last.range:match "^bytes=(%d+)%-$")
      assert.is_true(from >= list[#list - 1].current)
      assert.equal(size - from, last.sent)
    end)

    it("rule 38: starts over where the server knows no Range", function()
      local size = 2000000
      nginx:write("f.bin", content(size))
      local url = nginx:url "/slow-norange/f.bin"
      break_off(url, dir .. "/out/a")
      assert_good_calls(download(by_url(url), dir .. "/out/a"), size)
      assert_same(content(size), support.read_file(dir .. "/out/a"))
      assert.same({ "a" }, names())
      local requests = nginx:requests()
      assert.equal(200, requests[#requests].status)
      assert.is_string(requests[#requests].range) -- it was asked for
    end)

    it("rule 38: starts over when the content has changed", function()
      for i, new in ipairs { content(2000000, 1), content(700000, 2), content(2100000, 3) } do
        local path = dir .. "/out/" .. i
        nginx:write("f.bin", content(2000000))
        local url = nginx:url "/slow/f.bin"
        break_off(url, path)
        nginx:write("f.bin", new)
        -- nginx tells versions apart by size and second
        assert(lfs.touch(nginx.dir .. "/files/f.bin", os.time() + 100 * i))
        assert_good_calls(download(by_url(url), path), #new)
        assert_same(new, support.read_file(path))
      end
      assert.same({ "1", "2", "3" }, names())
    end)

    it("rule 38: starts over for another url", function()
      nginx:write("f.bin", content(2000000))
      nginx:write("g.bin", content(2000000, 9))
      break_off(nginx:url "/slow/f.bin", dir .. "/out/a")
      assert_good_calls(download(by_url(nginx:url "/g.bin"), dir .. "/out/a"), 2000000)
      assert_same(content(2000000, 9), support.read_file(dir .. "/out/a"))
      local requests = nginx:requests()
      assert.is_nil(requests[#requests].range)
    end)

    it("rule 38: HTTP errors", function()
      support.write_file(dir .. "/out/a", "as it was")
      for path, code in pairs {
        ["/none"] = timmsg.ERR_FILE_TRANS_DOWNLOAD_FAILED,
        ["/status/410"] = timmsg.ERR_FILE_TRANS_DOWNLOAD_FAILED,
        ["/status/403"] = timmsg.ERR_HTTP_REQ_FAILED,
        ["/status/500"] = timmsg.ERR_HTTP_REQ_FAILED,
        ["/status/503"] = timmsg.ERR_HTTP_REQ_FAILED,
        ["/moved/none"] = timmsg.ERR_FILE_TRANS_DOWNLOAD_FAILED,
      } do
        local list = download(by_url(nginx:url(path)), dir .. "/out/a")
        assert_fails(code, list)
        assert.equal(1, #list) -- no progress of an error page
        assert.equal("as it was", support.read_file(dir .. "/out/a"))
      end
      assert.same({ "a" }, names())
    end)

    it("rule 38: what was broken off survives an error and goes on later", function()
      nginx:write("f.bin", content(2000000))
      local url = nginx:url "/slow/f.bin"
      break_off(url, dir .. "/out/a")
      nginx:stop()
      assert_fails(timmsg.ERR_SDK_NET_DISCONNECT, download(by_url(url), dir .. "/out/a")) -- nobody listens
      nginx:start()
      assert_good_calls(download(by_url(url), dir .. "/out/a"), 2000000)
      assert_same(content(2000000), support.read_file(dir .. "/out/a"))
      local requests = nginx:requests()
      assert.equal(206, requests[#requests].status)
    end)

    it("rule 38: a path that can't be written is 6022", function()
      nginx:write("f.bin", content(1000))
      for _, path in ipairs { dir .. "/no/such/place", dir .. "/out", dir .. "/out/" } do
        assert_fails(timmsg.ERR_IO_OPERATION_FAILED, download(by_url(nginx:url "/f.bin"), path))
      end
      assert.same({}, names())
    end)

    it("rule 39: follows redirects to http", function()
      nginx:write("f.bin", content(300000))
      for i, path in ipairs { "/moved/f.bin", "/moved-again/f.bin", "/moved/slow/f.bin" } do
        local to = dir .. "/out/" .. i
        assert_good_calls(download(by_url(nginx:url(path)), to), 300000)
        assert_same(content(300000), support.read_file(to))
      end
    end)

    it("rule 39: refuses redirects that leave http, and those without end", function()
      nginx:write("secret", "not for the network")
      for _, path in ipairs { "/to-file", "/to-ftp", "/loop" } do
        assert_fails(timmsg.ERR_FILE_TRANS_DOWNLOAD_FAILED, download(by_url(nginx:url(path)), dir .. "/out/a"))
      end
      assert.same({}, names())
    end)

    it("rule 39: refuses other urls", function()
      local secret = nginx:write("secret", "not for the network")
      for _, url in ipairs {
        "file://" .. secret,
        "FILE://" .. secret,
        secret,
        "ftp://127.0.0.1/secret",
        "gopher://127.0.0.1/secret",
        "data:,secret",
        "httpx://127.0.0.1/secret",
        " http://127.0.0.1/secret",
        "http://",
        nginx:url "/secret\r\nX-Injected: 1",
      } do
        assert_fails(timmsg.ERR_FILE_TRANS_DOWNLOAD_FAILED, download(by_url(url), dir .. "/out/a"))
      end
      assert.same({}, names())
      assert.equal(0, #nginx:requests())
    end)

    it("a hundred at once all arrive", function()
      local lists = {}
      for i = 1, 100 do
        nginx:write("f" .. i, content(1000 * i, i))
        lists[i] = start(tim, by_url(nginx:url("/f" .. i)), dir .. "/out/" .. i)
      end
      for i = 1, 100 do
        assert_good_calls(finish(tim, lists[i]), 1000 * i)
        assert_same(content(1000 * i, i), support.read_file(dir .. "/out/" .. i))
      end
    end)
  end)

  support.hub_only(describe)("through a proxy", function()
    -- Listens at an address: its port, and what the first connection to it says, of which `answer` makes what it is told.
    local function listen(address, answer)
      local server, heard = assert(uv.new_tcp()), {}
      finally(function()
        server:close()
        if heard.connection then heard.connection:close() end
        uv.run "nowait"
      end)
      if not server:bind(address, 0) then return nil end
      server:listen(1, function()
        heard.connection = uv.new_tcp()
        server:accept(heard.connection)
        heard.connection:read_start(function(_, bytes)
          if not bytes then return end
          table.insert(heard, bytes)
          heard.connection:write(answer)
        end)
      end)
      return server:getsockname().port, heard
    end

    -- What the first `count` parts are that the proxy hears of a download.
    local function asked(config, heard, count)
      support.must(tim, "set_config", config)
      local list = start(tim, by_url "http://example.org/f", dir .. "/out/a")
      support.eventually(function()
        uv.run "nowait"
        return #heard >= count or list.ended
      end, tim)
      return table.concat(heard, "", 1, math.min(count, #heard))
    end

    it("a name and a password may have any characters", function()
      local name, password = "us:er@home", "p@ss/w?rd#%41[]:+ ö"
      local port, heard = listen("127.0.0.1", "\5\2")
      local bytes = asked({ set_config_socks5_proxy_info = {
        socks5_proxy_info_ip = "127.0.0.1", socks5_proxy_info_port = port, socks5_proxy_info_username = name,
        socks5_proxy_info_password = password,
      } }, heard, 2)
      assert.equal(("\1%s%s"):format(string.pack("s1", name), string.pack("s1", password)), bytes:sub(-#name - #password - 3))
    end)

    for _, address in ipairs { "::1", "[::1]" } do
      it("its address may be one of IPv6: " .. address, function()
        local port, heard = listen("::1", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        if not port then return pending "there is no IPv6" end
        local bytes = asked({ set_config_http_proxy_info = { http_proxy_info_ip = address, http_proxy_info_port = port } }, heard, 1)
        assert.matches("^GET http://example%.org/f ", bytes)
      end)
    end
  end)

  support.hub_only(describe)("from a server with answers of its own", function()
    local server

    local function serve(answer)
      server = web.script(answer)
      return by_url(server:url "/f")
    end

    local function close(connection)
      connection:shutdown(function() if not connection:is_closing() then connection:close() end end)
    end

    local function look() server.look() end

    it("rule 38: fewer bytes than announced are no file", function()
      local param = serve(function(connection)
        connection:write "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"
        close(connection)
      end)
      assert_fails(timmsg.ERR_SDK_NET_DISCONNECT, download(param, dir .. "/out/a", look))
      assert.same({}, names()) -- nothing proves that the rest would belong to it
    end)

    -- Starts a download of which half comes: what came so far is in its list. The rest is sent by the function that is
    -- returned with it. What else is asked for is there at once.
    local function start_half(whole)
      local first
      local param = serve(function(connection, _, number)
        local head = ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#whole)
        connection:write(head .. (number == 1 and whole:sub(1, #whole // 2) or whole))
        first = first or connection
      end)
      local list = start(tim, param, dir .. "/out/a")
      support.eventually(function()
        look()
        return list[1]
      end, tim)
      return list, function() first:write(whole:sub(#whole // 2 + 1)) end
    end

    it("rule 38: two downloads to one path: one of them is 6022, the file is whole", function()
      local whole = content(1000000)
      local list, send_rest = start_half(whole)
      assert_fails(timmsg.ERR_IO_OPERATION_FAILED, download(by_url(server:url "/g"), dir .. "/out/a", look))
      assert.is_nil(list.ended)
      send_rest()
      assert_good_calls(finish(tim, list, look), #whole)
      assert_same(whole, support.read_file(dir .. "/out/a"))
    end)

    it("rule 2: what is under way at log-out completes with 6222, once", function()
      local list = start_half(content(2000000))
      support.must(tim, "logout")
      assert.is_truthy(list.ended)
      assert_fails(timmsg.ERR_USER_CANCELED, list)
      support.must(tim, "login", "dora", "sig")
      assert.is_nil(lfs.attributes(dir .. "/out/a"))
    end)

    it("rule 39: what is larger than 4 GB is refused before it is there", function()
      local param = serve(function(connection)
        connection:write "HTTP/1.1 200 OK\r\nContent-Length: 4294967296\r\n\r\nthe first bytes"
      end)
      local calls = download(param, dir .. "/out/a", look)
      assert_fails(timmsg.ERR_FILE_TRANS_DOWNLOAD_FAILED, calls)
      assert.matches("larger than 4 GB", calls.ended.desc)
      assert.same({}, names())
    end)

    it("rule 39: headers without end are no answer", function()
      for i, piece in ipairs { "X-Filler: " .. ("x"):rep(100) .. "\r\n", "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" } do
        local sent = 0
        local param = serve(function(connection)
          local function more(err)
            if err or connection:is_closing() then return end
            sent = sent + 65536
            connection:write(piece:rep(65536 // #piece), more)
          end
          connection:write(i == 1 and "HTTP/1.1 200 OK\r\n" or "", more)
        end)
        local calls = download(param, dir .. "/out/a", look)
        assert_fails(timmsg.ERR_HTTP_REQ_FAILED, calls)
        assert.matches("begins with more than", calls.ended.desc)
        assert.is_true(sent < 50000000)
      end
      assert.same({}, names())
    end)

    it("rule 38: a 206 that goes on elsewhere is not joined", function()
      local whole = content(400000)
      local ranges = {}
      local param = serve(function(connection, request, number)
        ranges[number] = request:match "[Rr]ange: bytes=(%d+)%-" or "none"
        if number == 1 then
          connection:write('HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 400000\r\n\r\n' .. whole:sub(1, 200000))
        elseif number == 2 then -- from the wrong place
          connection:write('HTTP/1.1 206 Partial\r\nETag: "x"\r\nContent-Range: bytes 5-399999/400000\r\nContent-Length: 399995\r\n\r\n'
            .. whole:sub(6))
        else
          connection:write('HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 400000\r\n\r\n' .. whole)
        end
        close(connection)
      end)
      assert_fails(timmsg.ERR_SDK_NET_DISCONNECT, download(param, dir .. "/out/a", look))
      assert_good_calls(download(param, dir .. "/out/a", look), 400000)
      assert_same(whole, support.read_file(dir .. "/out/a"))
      assert.same({ "none", "200000", "none" }, ranges)
    end)

    it("rule 38: a 206 of another version is not joined", function()
      local old, new = content(400000), content(400000, 7)
      local param = serve(function(connection, request, number)
        local from = tonumber(request:match "[Rr]ange: bytes=(%d+)%-")
        if number == 1 then
          connection:write('HTTP/1.1 200 OK\r\nETag: "old"\r\nContent-Length: 400000\r\n\r\n' .. old:sub(1, 200000))
        elseif from then -- If-Range is not understood
          connection:write(('HTTP/1.1 206 Partial\r\nETag: "new"\r\nContent-Range: bytes %d-399999/400000\r\n\r\n'):format(from)
            .. new:sub(from + 1))
        else
          connection:write('HTTP/1.1 200 OK\r\nETag: "new"\r\nContent-Length: 400000\r\n\r\n' .. new)
        end
        close(connection)
      end)
      assert_fails(timmsg.ERR_SDK_NET_DISCONNECT, download(param, dir .. "/out/a", look))
      assert_good_calls(download(param, dir .. "/out/a", look), 400000)
      assert_same(new, support.read_file(dir .. "/out/a"))
    end)

    -- 400,000 bytes of which the first answer brings half; what the ranges are that were asked for.
    local function half_then_whole(whole)
      local ranges = {}
      local param = serve(function(connection, request, number)
        local from = tonumber(request:match "[Rr]ange: bytes=(%d+)%-")
        ranges[number] = from or "none"
        if from then
          connection:write(('HTTP/1.1 206 Partial\r\nETag: "x"\r\nContent-Range: bytes %d-399999/400000\r\nContent-Length: %d\r\n\r\n')
            :format(from, 400000 - from) .. whole:sub(from + 1))
        else
          connection:write('HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 400000\r\n\r\n'
            .. whole:sub(1, number == 1 and 200000 or 400000))
        end
        close(connection)
      end)
      return param, ranges
    end

    -- As if it had made them: a part with bytes of its own, and what makes it look like a beginning of ours.
    for _, name in ipairs { ".a.timmsg-part", ".a.timmsg-part.meta" } do
      it("rule 38: what is another user's is not gone on with: " .. name, function()
        if uv.getuid() ~= 0 then return pending "only root can give files away" end
        local whole = content(400000)
        local param, ranges = half_then_whole(whole)
        assert_fails(timmsg.ERR_SDK_NET_DISCONNECT, download(param, dir .. "/out/a", look))
        assert(uv.fs_chown(dir .. "/out/" .. name, 65534, 65534))
        assert_good_calls(download(param, dir .. "/out/a", look), 400000)
        assert_same(whole, support.read_file(dir .. "/out/a"))
        assert.same({ "none", "none" }, ranges)
        assert.same({ "a" }, names())
      end)
    end

    it("rule 38: what is written down about a part is not written into another's file", function()
      local meta, kept = dir .. "/out/.a.timmsg-part.meta", nil
      finally(function() if kept then kept:close() end end)
      local param = serve(function(connection)
        kept = assert(io.open(support.write_file(meta, ""), "rb")) -- the part is open by now
        assert(uv.fs_chmod(meta, tonumber("666", 8)))
        connection:write 'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 100\r\n\r\nsome of it'
        close(connection)
      end)
      assert_fails(timmsg.ERR_SDK_NET_DISCONNECT, download(param, dir .. "/out/a", look))
      assert.equal("", kept:read "a")
      assert.equal("rw-------", lfs.attributes(meta, "permissions"))
      assert.matches(param.msg_download_elem_param_url, support.read_file(meta), 1, true)
    end)

    it("rule 38: where nothing says how long the whole is, it starts over", function()
      local whole, ranges = content(100000), {}
      local param = serve(function(connection, request, number)
        local from = tonumber(request:match "[Rr]ange: bytes=(%d+)%-")
        ranges[number] = from or "none"
        if number == 1 then
          connection:write('HTTP/1.1 200 OK\r\nETag: "x"\r\nTransfer-Encoding: chunked\r\n\r\n7530\r\n' .. whole:sub(1, 30000) .. "\r\n")
        elseif from then
          connection:write(('HTTP/1.1 206 Partial\r\nETag: "x"\r\nContent-Range: bytes %d-%d/*\r\nContent-Length: 20000\r\n\r\n')
            :format(from, from + 19999) .. whole:sub(from + 1, from + 20000))
        else
          connection:write('HTTP/1.1 200 OK\r\nETag: "x"\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n' .. whole .. "\r\n0\r\n\r\n")
        end
        close(connection)
      end)
      assert_fails(timmsg.ERR_SDK_NET_DISCONNECT, download(param, dir .. "/out/a", look))
      local list = download(param, dir .. "/out/a", look)
      assert.equal(0, list.ended.code)
      assert_same(whole, support.read_file(dir .. "/out/a"))
      assert.same({ "none", 30000, "none" }, ranges)
      assert.same({ "a" }, names())
    end)

    it("rule 6: a server that says nothing is 6012", function()
      tim = support.new_client(dir, "tina", { request_timeout_ms = 200 })
      local param = serve(function(connection, _, number)
        if number == 2 then connection:write "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome" end
      end)
      for i = 1, 2 do
        local began = support.now_ms()
        assert_fails(timmsg.ERR_REQUEST_TIMEOUT, download(param, dir .. "/out/" .. i, look))
        assert.is_true(support.now_ms() - began >= 200)
      end
      assert.same({}, names())
    end)

    it("rule 6: a slow server that goes on is waited for; rule 37: each byte of it is told of", function()
      tim = support.new_client(dir, "tina", { request_timeout_ms = 3000 })
      local timer, list = uv.new_timer(), nil
      local param = serve(function(connection)
        connection:write "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
        local count = 0
        timer:start(400, 400, function()
          -- not so soon after the one before that it would be left out
          if #list < count or count > 0 and support.now_ms() - list[count].at < 100 then return end
          count = count + 1
          connection:write "x"
          if count == 9 then timer:close() end
        end)
      end)
      local began = support.now_ms()
      list = start(tim, param, dir .. "/out/a")
      assert_good_calls(finish(tim, list, look), 9)
      assert.equal(9, #list)
      assert.is_true(support.now_ms() - began > 3000)
      assert.equal(("x"):rep(9), support.read_file(dir .. "/out/a"))
    end)
  end)
end)
