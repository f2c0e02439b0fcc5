-- Media elements on their way out: rule 21.

local lfs = require "lfs"
local pictures = require "pictures"
local support = require "support"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP
local hub_it = support.hub_only(it)

local MB <const> = 1 << 20

describe("media elements", function()
  local dir

  before_each(function() dir = support.temp_dir() end)
  after_each(support.cleanup)

  local function write(name, content) return support.write_file(dir .. "/" .. name, content) end

  -- A file of that many bytes which takes no room on the disk.
  local function sparse(name, size)
    local path = dir .. "/" .. name
    local file <close> = assert(io.open(path, "wb"))
    assert(file:seek("set", size - 1))
    assert(file:write "e")
    return path
  end

  -- All files below a directory: their contents by their paths.
  local function contents(path, found)
    found = found or {}
    for name in lfs.dir(path) do
      local inner = path .. "/" .. name
      local mode = name ~= "." and name ~= ".." and lfs.symlinkattributes(inner, "mode")
      if mode == "directory" then contents(inner, found) end
      if mode == "file" then found[inner] = support.read_file(inner) end
    end
    return found
  end

  local function download(tim, id, url, kind)
    local target = os.tmpname()
    support.download(tim,
      { msg_download_elem_param_id = id, msg_download_elem_param_url = url, msg_download_elem_param_type = kind }, target)
    local content = support.read_file(target)
    os.remove(target)
    return content
  end

  describe("are filled in:", function()
    -- Sends the message to bert and to a group; `check` gets each message as sent and as received.
    local function both(make, check)
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      local group = support.group(anna, "g", "bert")
      for _, conv in ipairs { { "bert", C2C }, { group, GROUP } } do
        local mark = "in " .. conv[1]
        local sent = support.must(anna, "send_new_msg", conv[1], conv[2], timmsg.message(timmsg.text(mark), make()))
        check(sent.message_elem_array[2], anna)
        local got = support.arrival(seen, mark, bert)
        check(got.message_elem_array[2], bert)
      end
    end

    for _, case in ipairs {
      { "PNG", 3, "png", 37, 211 }, { "JPEG", 1, "jpeg", 130, 45 }, { "GIF", 2, "gif", 19, 33 }, { "BMP", 4, "bmp", 31, 17 },
      { "BMP from the top down", 4, "bmp", 31, -17 }, { "large PNG", 3, "png", 700, 500 },
      { "JPEG with a preview", 1, "jpeg", 640, 480, pictures.jpeg_preview(160, 120) },
    } do
      it("rule 21: size, width, height and format of a " .. case[1], function()
        local content = pictures[case[3]](case[4], case[5], case[6])
        local path = write("a picture, named for nothing.txt", content)
        both(function() return timmsg.image(path, timmsg.TIMImageLevel_HD) end, function(elem, client)
          assert.equal(timmsg.TIMElem_Image, elem.elem_type)
          assert.equal(case[2], elem.image_elem_format)
          assert.equal(timmsg.TIMImageLevel_HD, elem.image_elem_level)
          for _, kind in ipairs { "orig", "large", "thumb" } do
            assert.equal(case[4], elem["image_elem_" .. kind .. "_pic_width"])
            assert.equal(math.abs(case[5]), elem["image_elem_" .. kind .. "_pic_height"])
            assert.equal(#content, elem["image_elem_" .. kind .. "_pic_size"])
            local id, url = elem["image_elem_" .. kind .. "_id"], elem["image_elem_" .. kind .. "_url"]
            assert.is_true(#id > 0 and #url > 0)
            assert.equal(elem.image_elem_orig_id, id)
            assert.is_true(content == download(client, id, url))
          end
        end)
      end)
    end

    it("rule 21: what is no picture has format 255 and no size in pixels", function()
      for _, content in ipairs { "just text", "BMW drives", "\x89PNG, or so it says", "\0", "GIF89", "<svg width='5'/>" } do
        local tim = support.new_client(dir, "user1")
        local path = write("picture.png", content)
        local elem = support.must(tim, "send_new_msg", "user1", C2C, timmsg.image(path)).message_elem_array[1]
        assert.equal(255, elem.image_elem_format)
        assert.equal(0, elem.image_elem_orig_pic_width)
        assert.equal(0, elem.image_elem_orig_pic_height)
        assert.equal(#content, elem.image_elem_orig_pic_size)
        tim:close()
      end
    end)

    it("rule 21: size, id and url of a sound", function()
      local content = ("RIFF\0\1\2\255"):rep(5000)
      local path = write("Ton 音 100%.wav", content)
      both(function() return timmsg.sound(path, 17) end, function(elem, client)
        assert.equal(timmsg.TIMElem_Sound, elem.elem_type)
        assert.equal(#content, elem.sound_elem_file_size)
        assert.equal(17, elem.sound_elem_file_time)
        assert.equal("integer", math.type(elem.sound_elem_business_id))
        assert.equal("integer", math.type(elem.sound_elem_download_flag))
        assert.is_true(content == download(client, elem.sound_elem_file_id, elem.sound_elem_url, timmsg.TIMDownload_Sound))
      end)
    end)

    it("rule 21: size, id, url and name of a file", function()
      local content = "Zeile 1\r\n行2\0binary\xff"
      local path = write("it's a \"file\" 文件.tar.gz", content)
      both(function() return timmsg.file(path) end, function(elem, client)
        assert.equal(timmsg.TIMElem_File, elem.elem_type)
        assert.equal("it's a \"file\" 文件.tar.gz", elem.file_elem_file_name)
        assert.equal(#content, elem.file_elem_file_size)
        assert.equal("integer", math.type(elem.file_elem_business_id))
        assert.is_true(content == download(client, elem.file_elem_file_id, elem.file_elem_url, timmsg.TIMDownload_File))
      end)
    end)

    it("rule 21: the name that is given instead", function()
      local path = write("x", "content")
      both(function() return timmsg.file(path, "Rechnung März.pdf") end, function(elem)
        assert.equal("Rechnung März.pdf", elem.file_elem_file_name)
      end)
    end)

    it("rule 21: both files of a video", function()
      local film, still = ("film"):rep(30000), pictures.jpeg(176, 99)
      local film_path, still_path = write("film.mp4", film), write("still.jpg", still)
      both(function() return timmsg.video(film_path, still_path, 12) end, function(elem, client)
        assert.equal(timmsg.TIMElem_Video, elem.elem_type)
        assert.equal("mp4", elem.video_elem_video_type)
        assert.equal("jpg", elem.video_elem_image_type)
        assert.equal(12, elem.video_elem_video_duration)
        assert.equal(#film, elem.video_elem_video_size)
        assert.equal(#still, elem.video_elem_image_size)
        assert.equal(176, elem.video_elem_image_width)
        assert.equal(99, elem.video_elem_image_height)
        assert.is_true(film == download(client, elem.video_elem_video_id, elem.video_elem_video_url, timmsg.TIMDownload_Video))
        assert.is_true(still ==
          download(client, elem.video_elem_image_id, elem.video_elem_image_url, timmsg.TIMDownload_VideoThumb))
      end)
    end)

    it("rule 21: whatever the caller wrote there", function()
      local tim = support.new_client(dir, "user1")
      local content = pictures.png(8, 9)
      local path = write("p.png", content)
      local msg = timmsg.message(timmsg.image(path), timmsg.sound(path), timmsg.file(path), timmsg.video(path, path))
      for _, elem in ipairs(msg.message_elem_array) do
        local kind = ({ [1] = "image", [2] = "sound", [4] = "file", [9] = "video" })[elem.elem_type]
        for _, key in ipairs { "file_id", "url", "orig_id", "orig_url", "thumb_url", "large_url", "video_id", "image_id",
          "video_url", "image_url" } do
          elem[kind .. "_elem_" .. key] = "file:///etc/passwd"
        end
        for _, key in ipairs { "file_size", "orig_pic_size", "orig_pic_width", "video_size", "image_size", "image_width",
          "format", "task_id" } do
          elem[kind .. "_elem_" .. key] = 77
        end
      end
      local elems = support.must(tim, "send_new_msg", "user1", C2C, msg).message_elem_array
      for _, elem in ipairs(elems) do
        for key, value in pairs(elem) do
          assert.not_equal("file:///etc/passwd", value, key)
          assert.not_equal(77, value, key)
          if key:find "size$" then assert.equal(#content, value, key) end
          if key:find "width$" then assert.equal(8, value, key) end
        end
      end
      assert.equal(3, elems[1].image_elem_format)
    end)

    it("rule 21: of many elements at once, each with its own", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      local count <const> = support.is_hub and 9 or 5 -- an XMPP server's urls are longer, and 12 KB is the limit
      local parts, texts = { timmsg.text "album" }, {}
      for i = 1, count do
        texts[i] = pictures.png(i, 10 * i)
        parts[#parts + 1] = timmsg.image(write(i .. ".png", texts[i]))
        parts[#parts + 1] = timmsg.text("caption " .. i)
      end
      parts[#parts + 1] = timmsg.image(dir .. "/1.png") -- one again
      support.must(anna, "send_new_msg", "bert", C2C, timmsg.message(parts))
      local elems = support.arrival(seen, "album", bert).message_elem_array
      assert.equal(2 * count + 2, #elems)
      for i = 1, count do
        local elem = elems[2 * i]
        assert.equal(i, elem.image_elem_orig_pic_width)
        assert.equal("caption " .. i, elems[2 * i + 1].text_elem_content)
        assert.is_true(texts[i] == download(bert, elem.image_elem_orig_id, elem.image_elem_orig_url))
      end
      if support.is_hub then assert.equal(elems[2].image_elem_orig_id, elems[#elems].image_elem_orig_id) end
    end)
  end)

  describe("tell the progress of their uploads", function()
    it("rule 21: with the element's index, up to its whole size, before the message goes out", function()
      local anna = support.new_client(dir, "anna")
      local group
      support.new_client(dir, "bert"):close()
      group = support.group(anna, "g", "bert")
      local sizes = { 3 * MB, 5, 700001 }
      local film, still, image = sparse("film", sizes[1]), write("still", "still"), sparse("image", sizes[3])
      for _, conv in ipairs { { "bert", C2C }, { group, GROUP } } do
        local calls, done = {}, nil
        local function progress(...)
          assert(not done)
          calls[#calls + 1] = table.pack(...)
        end
        anna:on("msg_elem_upload_progress", progress)
        assert(anna:send_new_msg(conv[1], conv[2],
          timmsg.message(timmsg.text "see", timmsg.video(film, still), timmsg.face(1), timmsg.image(image)),
          function(...) done = table.pack(...) end))
        support.eventually(function() return done end, anna)
        anna:off("msg_elem_upload_progress", progress)
        assert.equal(0, done[1])
        local ends = {}
        local latest = {}
        for _, call in ipairs(calls) do
          assert.equal(4, call.n)
          local msg, index, current, total = table.unpack(call)
          assert.equal("see", support.text_of(msg))
          assert.equal(timmsg.TIMMsg_Sending, msg.message_status)
          assert.equal(done[3].message_rand, msg.message_rand)
          assert.is_true(index == 2 or index == 4)
          assert.is_true(current <= total and current > 0)
          local key = index .. "/" .. total
          assert.is_true(current > (latest[key] or 0), key)
          latest[key] = current
          if current == total then ends[#ends + 1] = key end
        end
        table.sort(ends)
        assert.same({ "2/" .. sizes[1], "2/" .. sizes[2], "4/" .. sizes[3] }, ends)
      end
    end)

    it("rule 21: several times for one that takes a while, and no more than 20 times a second", function()
      local tim = support.new_client(dir, "user1")
      local calls = {}
      tim:on("msg_elem_upload_progress", function(_, _, current) calls[#calls + 1] = current end)
      local start = support.now_ms()
      local size = support.upload_size(60)
      support.must(tim, "send_new_msg", "user1", C2C, timmsg.file(sparse("large", size)))
      assert.is_true(#calls >= 2)
      assert.is_true(#calls <= (support.now_ms() - start) / 50 + 2, #calls)
      assert.equal(size, calls[#calls])
    end)

    it("rule 21: not at all for messages without files", function()
      local tim = support.new_client(dir, "user1")
      tim:on("msg_elem_upload_progress", function() error "there is no upload" end)
      support.must(tim, "send_new_msg", "user1", C2C, timmsg.message(timmsg.text "t", timmsg.custom "c"))
    end)
  end)

  describe("with a bad file", function()
    -- Every kind of element that names the path, with the key that does.
    local function elements(path, good)
      return {
        { "image_elem_orig_path", timmsg.image(path) }, { "sound_elem_file_path", timmsg.sound(path) },
        { "file_elem_file_path", timmsg.file(path) }, { "video_elem_video_path", timmsg.video(path, good) },
        { "video_elem_image_path", timmsg.video(good, path) },
      }
    end

    -- Sends each, which must fail with the code and name the path.
    local function all_fail(code, path)
      local tim = support.new_client(dir, "user1")
      local group = support.group(tim, "g")
      local good = write("good", "good content")
      for _, conv in ipairs { { "user1", C2C }, { group, GROUP } } do
        for _, case in ipairs(elements(path, good)) do
          local msg = timmsg.message(timmsg.file(good), timmsg.text "t", case[2])
          if case[1] == "file_elem_file_path" then table.remove(msg.message_elem_array, 1) end
          local got, desc, result = support.call(tim, "send_new_msg", conv[1], conv[2], msg)
          assert.equal(code, got, case[1] .. ": " .. desc)
          assert.is_truthy(desc:find(path, 1, true), desc)
          assert.equal(timmsg.TIMMsg_SendFail, result.message_status)
          assert.same({ result }, support.page(tim, conv[1], conv[2], { count = 1 }))
        end
      end
      tim:close()
      for name in pairs(support.is_hub and contents(dir .. "/hub") or {}) do -- nothing was uploaded, not even the good one
        assert.is_nil(name:find("/files/", 1, true), name)
      end
    end

    it("rule 21: fail with 7004 if it is missing", function() all_fail(timmsg.ERR_SDK_COMM_FILE_NOT_FOUND, dir .. "/mißsing 文件") end)

    it("rule 21: fail with 7004 if its directory is missing or is a file", function()
      all_fail(timmsg.ERR_SDK_COMM_FILE_NOT_FOUND, write("file", "x") .. "/below")
    end)

    it("rule 21: fail with 7006 if it is empty", function() all_fail(timmsg.ERR_SDK_COMM_FILE_SIZE_EMPTY, write("empty", "")) end)

    it("rule 21: fail with 7007 if it is no file", function()
      local path = dir .. "/a directory"
      assert(lfs.mkdir(path))
      all_fail(timmsg.ERR_SDK_COMM_FILE_OPEN_FAILED, path)
    end)

    it("rule 21: fail with 7005 if it is too large: 28 MB for image and sound, 100 MB for file and video", function()
      local tim = support.new_client(dir, "user1")
      local good = write("good", "good content")
      local function send(msg) return (support.call(tim, "send_new_msg", "user1", C2C, msg)) end
      local over_28, over_100 = sparse("28 MB and 1", 28 * MB + 1), sparse("100 MB and 1", 100 * MB + 1)
      for _, case in ipairs(elements(over_28, good)) do
        local small = case[1]:find "image" or case[1]:find "sound"
        if small then assert.equal(timmsg.ERR_SDK_COMM_FILE_TOO_LARGE, send(case[2]), case[1]) end
      end
      for _, case in ipairs(elements(over_100, good)) do
        assert.equal(timmsg.ERR_SDK_COMM_FILE_TOO_LARGE, send(case[2]), case[1])
      end
      if support.backend == "prosody" then return end -- it takes more than ten seconds for 28 MB
      assert.equal(0, send(timmsg.file(over_28)))
      local exactly = sparse("28 MB", 28 * MB)
      assert.equal(0, send(timmsg.message(timmsg.image(exactly), timmsg.sound(exactly), timmsg.video(over_28, exactly))))
    end)

    it("rule 21: go out when the file is there and the message is sent again", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      local path = dir .. "/late.png"
      local _, _, failed = support.call(anna, "send_new_msg", "bert", C2C, timmsg.message(timmsg.text "late", timmsg.image(path)))
      local content = pictures.png(5, 6)
      write("late.png", content)
      local sent = support.must(anna, "send_new_msg", "bert", C2C, failed)
      assert.equal(failed.message_rand, sent.message_rand)
      assert.equal(1, #support.page(anna, "bert", C2C))
      local elem = support.arrival(seen, "late", bert).message_elem_array[2]
      assert.equal(6, elem.image_elem_orig_pic_height)
      assert.is_true(content == download(bert, elem.image_elem_orig_id, elem.image_elem_orig_url))
    end)

    it("rule 21: fail if it vanishes while others upload", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      -- No more than a few are read at once, so that the last one's turn comes when it is gone.
      local parts, done = { timmsg.text "album" }, nil
      for i = 1, 8 do
        parts[i + 1] = timmsg.image(sparse("large" .. i, support.upload_size(20)))
      end
      local path = write("gone", "here and gone")
      parts[#parts + 1] = timmsg.file(path)
      assert(anna:send_new_msg("bert", C2C, timmsg.message(parts), function(...) done = table.pack(...) end))
      local progress
      anna:on("msg_elem_upload_progress", function()
        progress = true
        os.remove(path)
      end)
      support.eventually(function() return done end, anna)
      assert.is_true(progress)
      assert.equal(timmsg.ERR_SDK_COMM_FILE_NOT_FOUND, done[1])
      assert.is_truthy(done[2]:find(path, 1, true))
      assert.equal(timmsg.TIMMsg_SendFail, done[3].message_status)
      assert.same({ done[3] }, support.page(anna, "bert", C2C))
      support.say(anna, "bert", C2C, "the end")
      support.arrival(seen, "the end", bert)
      assert.same({ "the end" }, support.texts(seen.messages))
    end)

    it("rule 21: fail if it shrinks or changes while it uploads", function()
      local anna = support.new_client(dir, "anna")
      local bert, seen = support.device(dir, "bert")
      for _, how in ipairs { "shrinks", "changes" } do
        local path, done = sparse(how, support.upload_size(40)), nil
        local function progress()
          if how == "shrinks" then
            write(how, "not much left")
          else
            local file <close> = assert(io.open(path, "r+b"))
            assert(file:write "other")
          end
        end
        anna:on("msg_elem_upload_progress", progress)
        assert(anna:send_new_msg("bert", C2C, timmsg.file(path), function(...) done = table.pack(...) end))
        support.eventually(function() return done end, anna)
        anna:off("msg_elem_upload_progress", progress)
        assert.equal(timmsg.ERR_FILE_TRANS_UPLOAD_FAILED, done[1], how)
        assert.is_truthy(done[2]:find(path, 1, true))
        assert.equal(timmsg.TIMMsg_SendFail, done[3].message_status)
      end
      support.say(anna, "bert", C2C, "the end")
      support.arrival(seen, "the end", bert)
      assert.same({ "the end" }, support.texts(seen.messages))
    end)
  end)

  hub_it("rules 21, 38: a relative path counts from where the process is at the call", function()
    local before = lfs.currentdir()
    finally(function() lfs.chdir(before) end)
    lfs.mkdir(dir .. "/here")
    lfs.mkdir(dir .. "/elsewhere")
    support.write_file(dir .. "/here/file", "the right one")
    support.write_file(dir .. "/elsewhere/file", "another")
    support.write_file(dir .. "/here/picture", pictures.png(3, 4))
    local anna = support.new_client(dir, "anna")

    -- Makes a call that waits for others to be done, and goes elsewhere: what the call brings.
    local function call(method, ...)
      local result
      for _ = 1, 200 do assert(anna:send_new_msg("anna", C2C, timmsg.text "before it")) end
      local args = table.pack(...)
      args[args.n + 1] = function(code, desc, got, more)
        if more then return end
        assert.equal(0, code, desc)
        result = got
      end
      lfs.chdir(dir .. "/here")
      assert(anna[method](anna, table.unpack(args, 1, args.n + 1)))
      lfs.chdir(dir .. "/elsewhere")
      return support.eventually(function() return result end, anna)
    end

    local sent = call("send_new_msg", "anna", C2C, timmsg.message(timmsg.file "file", timmsg.image "./picture"))
    local elem, image = table.unpack(sent.message_elem_array)
    assert.equal("file", elem.file_elem_file_path)
    assert.equal(#"the right one", elem.file_elem_file_size)
    assert.equal(4, image.image_elem_orig_pic_height)
    local batch = call("batch_send", {
      msg_batch_send_param_identifier_array = { "anna" }, msg_batch_send_param_msg = timmsg.file "file",
    })
    local copy = batch[1].msg_batch_send_result_msg.message_elem_array[1]
    assert.equal(elem.file_elem_file_id, copy.file_elem_file_id)
    call("download_elem_to_path", {
      msg_download_elem_param_type = timmsg.TIMDownload_File,
      msg_download_elem_param_id = elem.file_elem_file_id,
      msg_download_elem_param_url = elem.file_elem_url,
    }, "copy")
    assert.equal("the right one", support.read_file(dir .. "/here/copy"))
  end)

  hub_it("rules 21, 38: a relative path leads nowhere where the working directory is gone, wherever the process goes then", function()
    local before = lfs.currentdir()
    finally(function() lfs.chdir(before) end)
    support.write_file(dir .. "/file", "of another directory")
    local anna = support.new_client(dir, "anna")
    local _, _, sent = support.call(anna, "send_new_msg", "anna", C2C, timmsg.file(dir .. "/file"))
    local codes = {}
    lfs.mkdir(dir .. "/gone")
    lfs.chdir(dir .. "/gone")
    lfs.rmdir(dir .. "/gone")
    assert(anna:send_new_msg("anna", C2C, timmsg.file "file", function(code) codes[1] = code end))
    assert(anna:download_elem_to_path({ msg_download_elem_param_url = sent.message_elem_array[1].file_elem_url }, "copy",
      function(code, _, _, more) codes[2] = not more and code or nil end))
    lfs.chdir(dir)
    support.eventually(function() return codes[1] and codes[2] end, anna)
    assert.same({ timmsg.ERR_SDK_COMM_FILE_NOT_FOUND, timmsg.ERR_IO_OPERATION_FAILED }, codes)
    assert.is_nil(lfs.attributes(dir .. "/copy"))
  end)

  describe("keep the sender's paths", function()
    it("rule 21: from receivers and from the sender's other devices", function()
      local anna = support.new_client(dir, "anna")
      local phone, phone_seen = support.device(dir, "anna", "phone")
      local bert, seen = support.device(dir, "bert")
      local group = support.group(anna, "g", "bert")
      local path = write("secret name", pictures.png(2, 2))
      local msg = timmsg.message(timmsg.text "see", timmsg.image(path), timmsg.sound(path), timmsg.file(path, "public"),
        timmsg.video(path, path, nil, "mp4", "png"))
      for _, conv in ipairs { { "bert", C2C }, { group, GROUP } } do
        local sent = support.must(anna, "send_new_msg", conv[1], conv[2], msg)
        assert.equal(path, sent.message_elem_array[2].image_elem_orig_path) -- the sender may want to show it
        for _, got in ipairs { support.arrival(seen, "see", bert), support.arrival(phone_seen, "see", phone) } do
          assert.equal(5, #got.message_elem_array)
          for _, elem in ipairs(got.message_elem_array) do
            for key, value in pairs(elem) do
              assert.is_nil(key:find "path", key)
              assert.is_nil(tostring(value):find("secret", 1, true), key)
            end
          end
        end
        seen.messages, phone_seen.messages = {}, {}
      end
    end)

    hub_it("rule 21: from the hub's files too", function()
      local anna = support.new_client(dir, "anna")
      local path = write("secret name", "content of the file")
      support.must(anna, "send_new_msg", "anna", C2C, timmsg.message(timmsg.text "PUBLIC", timmsg.file(path, "named"),
        timmsg.sound(path)))
      anna:close()
      local found = 0
      for _, content in pairs(contents(dir .. "/hub")) do
        assert.is_nil(content:find("secret name", 1, true))
        if content:find("PUBLIC", 1, true) or content == "content of the file" then found = found + 1 end
      end
      assert.equal(2, found)
    end)
  end)
end)
