-- Tables to JSON trees and back: what goes in comes out, and what can't is refused with its path.

local support = require "support"
local timmsg = require "timmsg"

local IDS <const> = { (1 << 53) + 1, math.maxinteger, math.mininteger, -1 } -- 2^53+1, 2^63-1, 2^63, 2^64-1

local describe <const> = support.hub_only(describe)

describe("values", function()
  local tim

  before_each(function() tim = support.new_client(support.temp_dir(), "user1") end)
  after_each(support.cleanup)

  -- Stores a message and reads it back.
  local function round_trip(msg)
    support.must(tim, "save_msg", "user2", timmsg.C2C, msg)
    local msgs = support.must(tim, "get_msg_list", "user2", timmsg.C2C, {})
    assert.equal(1, #msgs)
    return msgs[1]
  end

  local function refuse(value, ...)
    local ok, message, code = tim:send_new_msg("user2", timmsg.C2C, value, ...)
    assert.is_nil(ok)
    return message, code
  end

  local function refuse_elem(elem)
    return refuse { message_elem_array = { timmsg.text("a").message_elem_array[1], elem } }
  end

  describe("numbers", function()
    it("keep all 64 bits of ids and times", function()
      local msgs = {}
      for i, id in ipairs(IDS) do
        msgs[i] = timmsg.text(tostring(i))
        msgs[i].message_seq, msgs[i].message_rand, msgs[i].message_sender = id, id, "user2"
        msgs[i].message_client_time, msgs[i].message_server_time = 1700000000 + i, 1700000000 + i
      end
      support.must(tim, "import_msg_list", "user2", timmsg.C2C, msgs)
      local found = support.must(tim, "get_msg_list", "user2", timmsg.C2C, {
        msg_getmsglist_param_is_forward = true,
      })
      assert.equal(#IDS, #found)
      for i, id in ipairs(IDS) do
        assert.equal("integer", math.type(found[i].message_seq))
        assert.equal(id, found[i].message_seq)
        assert.equal(id, found[i].message_rand)
      end
    end)

    it("find a message by an id over 2^63", function()
      local msg = timmsg.text "a"
      msg.message_seq, msg.message_rand, msg.message_sender = -1, -2, "user2"
      support.must(tim, "import_msg_list", "user2", timmsg.C2C, { msg })
      local found = support.must(tim, "find_by_msg_locator_list", "user2", timmsg.C2C, {
        { message_locator_seq = -1, message_locator_rand = -2, message_locator_is_self = false },
      })
      assert.equal(1, #found)
      assert.equal("a", found[1].message_elem_array[1].text_elem_content)
    end)

    it("are doubles where the schema says so, and integers elsewhere", function()
      local elems = round_trip(timmsg.message(timmsg.location(2, -0.1), timmsg.face(7.0))).message_elem_array
      assert.equal("float", math.type(elems[1].location_elem_longitude))
      assert.equal(2.0, elems[1].location_elem_longitude)
      assert.equal(-0.1, elems[1].location_elem_latitude)
      assert.equal("integer", math.type(elems[2].face_elem_index))
      assert.equal(7, elems[2].face_elem_index)
    end)

    it("may be whole floats where integers are expected", function()
      local msg = timmsg.text "a"
      msg.message_custom_int = 3.0
      assert.equal(3, round_trip(msg).message_custom_int)
    end)

    it("are signed where the schema doesn't say unsigned", function()
      assert.equal(-5, round_trip(timmsg.face(-5)).message_elem_array[1].face_elem_index)
      local msg = timmsg.text "a"
      msg.message_custom_int = -1
      local message, code = refuse(msg)
      assert.matches("^message_custom_int: ", message)
      assert.equal(timmsg.TIM_ERR_PARAM, code)
    end)

    it("keep doubles bit for bit", function()
      for _, value in ipairs { 0.1, 1 / 3, 113.32438279876543, 5e-324, 1.7976931348623157e308 } do
        local one = support.new_client(support.temp_dir(), "user1")
        support.must(one, "save_msg", "user2", timmsg.C2C, timmsg.location(value, 0))
        local msgs = support.must(one, "get_msg_list", "user2", timmsg.C2C, {})
        assert.equal(value, msgs[1].message_elem_array[1].location_elem_longitude)
        one:close()
      end
    end)

    it("that are not finite are refused with their path", function()
      for _, value in ipairs { 0 / 0, 1 / 0, -1 / 0 } do
        local message, code = refuse_elem { elem_type = timmsg.TIMElem_Location, location_elem_longitude = value }
        assert.matches("^message_elem_array%[2%]%.location_elem_longitude: ", message)
        assert.equal(timmsg.TIM_ERR_JSON, code)
      end
    end)

    it("that are no whole numbers are refused for integers", function()
      local message, code = refuse_elem { elem_type = timmsg.TIMElem_Face, face_elem_index = 1.5 }
      assert.matches("^message_elem_array%[2%]%.face_elem_index: ", message)
      assert.equal(timmsg.TIM_ERR_JSON, code)
    end)
  end)

  describe("text", function()
    it("is any UTF-8 without NUL", function()
      for _, text in ipairs { "", "plain", "中文 é 😀", '"\\/\b\f\n\r\t\1\127', ("x"):rep(5000) } do
        local one = support.new_client(support.temp_dir(), "user1")
        support.must(one, "save_msg", "user2", timmsg.C2C, timmsg.custom(text))
        local msgs = support.must(one, "get_msg_list", "user2", timmsg.C2C, {})
        assert.equal(text, msgs[1].message_elem_array[1].custom_elem_data)
        one:close()
      end
    end)

    it("that is not UTF-8 is refused with its path", function()
      local bad = { "\xff", "long enough for eights \xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe4\xb8" }
      for _, text in ipairs(bad) do
        local message, code = refuse_elem { elem_type = timmsg.TIMElem_Text, text_elem_content = text }
        assert.matches("^message_elem_array%[2%]%.text_elem_content: not UTF%-8 at byte %d+$", message)
        assert.equal(timmsg.TIM_ERR_JSON, code)
      end
    end)

    it("with a NUL is refused with its path", function()
      local message, code = refuse_elem { elem_type = timmsg.TIMElem_Text, text_elem_content = "12345678\0" }
      assert.equal("message_elem_array[2].text_elem_content: a NUL at byte 9", message)
      assert.equal(timmsg.TIM_ERR_JSON, code)
    end)

    it("of unknown keys is checked too", function()
      local message, code = refuse { message_elem_array = {}, sub = { ["k\xff"] = 1 } }
      assert.matches("^sub: has a key that is not UTF%-8", message)
      assert.equal(timmsg.TIM_ERR_JSON, code)
      message = refuse { message_elem_array = {}, ["k\0"] = 1 }
      assert.matches("^has a key with a NUL", message)
    end)
  end)

  describe("arrays and objects", function()
    it("of the API need no marks when they are empty", function()
      local message, code = refuse { message_elem_array = {} }
      assert.matches("^message_elem_array: ", message) -- an array, but no elements: rule 17
      assert.not_matches("expected an array", message, 1, true)
      assert.equal(timmsg.TIM_ERR_JSON, code)
      assert.equal(0, (support.call(tim, "import_msg_list", "user2", timmsg.C2C, {})))
      assert.equal(0, (support.call(tim, "get_msg_list", "user2", timmsg.C2C, { msg_getmsglist_param_last_msg = {} })))
    end)

    it("take marks", function()
      local list, fields = { 1 }, { a = 1 }
      assert.equal(list, timmsg.array(list))
      assert.equal(fields, timmsg.object(fields))
      assert.same({}, timmsg.array())
      ---@diagnostic disable-next-line: param-type-mismatch
      assert.has_error(function() timmsg.array "x" end)
      local message = refuse { message_elem_array = timmsg.object {} }
      assert.matches("^message_elem_array: expected an array", message)
      message = refuse { message_elem_array = {}, x = timmsg.array { a = 1 } }
      assert.matches("^x: marked as an array", message)
      message = refuse { message_elem_array = {}, x = timmsg.object { 1 } }
      assert.matches("^x: marked as an object", message)
    end)

    it("of the wrong kind are refused with their path", function()
      assert.matches("^message_elem_array: expected an array", (refuse { message_elem_array = { a = 1 } }))
      assert.matches("^message_elem_array%[1%]: expected an object", (refuse { message_elem_array = { { 1 } } }))
      local _, message, code = tim:import_msg_list("user2", timmsg.C2C, { a = 1 })
      assert.matches("expected an array", message)
      assert.equal(timmsg.TIM_ERR_JSON, code)
    end)

    it("that mix names and numbers are refused", function()
      local elem = { elem_type = timmsg.TIMElem_Text, text_elem_content = "a" }
      local message, code = refuse { message_elem_array = { elem, name = elem } }
      assert.equal("message_elem_array: has both names and numbers as keys", message)
      assert.equal(timmsg.TIM_ERR_JSON, code)
      assert.equal("has both names and numbers as keys", (refuse { 1, message_elem_array = {} }))
    end)

    it("with holes are refused", function()
      local elem = { elem_type = timmsg.TIMElem_Text, text_elem_content = "a" }
      local function refuse_list(list) return (refuse { message_elem_array = list }) end
      assert.equal("message_elem_array: has a hole: entry 2 is nil", refuse_list { elem, nil, elem })
      assert.equal("message_elem_array: has a hole: entry 1 is nil", refuse_list { [2] = elem })
      assert.matches("^message_elem_array: has the key 0", refuse_list { [0] = elem })
      assert.matches("^message_elem_array: has a fraction as a key", refuse_list { [0.5] = elem })
    end)

    it("with other keys are refused", function()
      assert.matches("^x: has a boolean as a key", (refuse { message_elem_array = {}, x = { [true] = 1 } }))
      assert.matches("^x: has a table as a key", (refuse { message_elem_array = {}, x = { [{}] = 1 } }))
    end)

    it("within themselves are refused", function()
      local loop = { message_elem_array = { {} } }
      loop.message_elem_array[1].again = loop
      local message, code = refuse(loop)
      assert.equal("message_elem_array[1].again: a table within itself", message)
      assert.equal(timmsg.TIM_ERR_JSON, code)
    end)

    it("may be the same table twice", function()
      local elem = { elem_type = timmsg.TIMElem_Text, text_elem_content = "a" }
      assert.equal(2, #round_trip({ message_elem_array = { elem, elem } }).message_elem_array)
    end)

    it("may be 64 deep and no deeper", function()
      local function nested(depth)
        local msg = timmsg.text "a"
        local inner = msg ---@type table
        for _ = 2, depth do
          inner.x = {}
          inner = inner.x
        end
        return msg
      end
      assert.equal(0, (support.call(tim, "save_msg", "user2", timmsg.C2C, nested(64))))
      local message, code = refuse(nested(65))
      assert.equal(("x."):rep(63) .. "x: nested over 64 deep", message)
      assert.equal(timmsg.TIM_ERR_JSON, code)
    end)

    it("are taken raw: metamethods are not asked", function()
      local msg = setmetatable(timmsg.text "a", {
        __index = function() error "asked" end,
        __pairs = function() error "asked" end,
        __len = function() error "asked" end,
      })
      assert.equal("a", round_trip(msg).message_elem_array[1].text_elem_content)
    end)
  end)

  describe("null", function()
    it("for a key is the same as leaving it out", function()
      local msg = timmsg.text "a"
      ---@diagnostic disable-next-line: assign-type-mismatch
      msg.message_custom_str, msg.message_priority = timmsg.null, timmsg.null
      assert.equal("a", round_trip(msg).message_elem_array[1].text_elem_content)
    end)

    it("stands in arrays", function()
      local _, message, code = tim:batch_send {
        msg_batch_send_param_identifier_array = { "user2", timmsg.null },
        msg_batch_send_param_msg = timmsg.text "a",
      }
      assert.matches("^msg_batch_send_param_identifier_array%[2%]: ", message)
      assert.equal(timmsg.TIM_ERR_JSON, code)
    end)
  end)

  it("of other types are refused", function()
    for _, value in ipairs { print, io.stdout, coroutine.create(print) } do
      local message, code = refuse_elem { elem_type = timmsg.TIMElem_Text, text_elem_content = value }
      assert.equal(("message_elem_array[2].text_elem_content: a %s has no JSON form"):format(type(value)), message)
      assert.equal(timmsg.TIM_ERR_JSON, code)
    end
  end)

  it("that were refused keep no callback", function()
    local callback = setmetatable({}, { __mode = "v" })
    callback[1] = function() return tim end
    refuse({ message_elem_array = { 0 / 0 } }, callback[1])
    collectgarbage()
    assert.is_nil(callback[1])
  end)

  it("tell the end of what is wrong even when the path is long", function()
    local key = ("k"):rep(400)
    local message = refuse { message_elem_array = {}, [key] = { [key] = 0 / 0 } }
    assert.matches("%.%.%.: not a number %(NaN%)$", message)
  end)

  it("that come back are plain tables with the keys as they are", function()
    local sent = support.must(tim, "send_new_msg", "user1", timmsg.C2C, timmsg.text "a")
    assert.is_nil(getmetatable(sent))
    for _, key in ipairs {
      "message_client_time", "message_conv_id", "message_conv_type", "message_custom_int", "message_custom_str",
      "message_elem_array", "message_is_from_self", "message_is_online_msg", "message_is_peer_read", "message_is_read",
      "message_priority", "message_rand", "message_sender", "message_seq", "message_server_time", "message_status",
      "message_unique_id",
    } do
      assert.is_not_nil(sent[key], key)
    end
    assert.equal(sent.message_server_time << 32 | sent.message_rand & 0xffffffff, sent.message_unique_id)
  end)

  it("come back out of the store as they went in", function()
    local chars = {}
    for byte = 1, 127 do
      chars[byte] = string.char(byte)
    end
    local image = { elem_type = timmsg.TIMElem_Image }
    for _, size in ipairs { "large", "orig", "thumb" } do
      for _, of in ipairs { "id", "url" } do
        image[("image_elem_%s_%s"):format(size, of)] = size .. '"' .. of
      end
      for i, of in ipairs { "pic_height", "pic_width", "pic_size" } do
        image[("image_elem_%s_%s"):format(size, of)] = i * 1000000007
      end
    end
    local elems = { image }
    for _, text in ipairs { table.concat(chars), "", "\\", '"', "\\\"\\", "a\\", "é\n😀", ("\1"):rep(999), ("\\é"):rep(40) } do
      elems[#elems + 1] = { elem_type = timmsg.TIMElem_Custom, custom_elem_data = text, custom_elem_ext = text .. "x" }
    end
    for _, number in ipairs { 0.0, -0.0, 1e15, -1e15, 123456789012345.0, 0.1, -2.5e-7, 1e300, 9007199254740993.0, 1e18 } do
      elems[#elems + 1] = {
        elem_type = timmsg.TIMElem_Location, location_elem_longitude = number, location_elem_latitude = -number,
      }
    end
    for _, number in ipairs { 0, -1, (1 << 31) - 1, -(1 << 31) } do
      elems[#elems + 1] = { elem_type = timmsg.TIMElem_Face, face_elem_index = number }
    end
    local msg = { message_elem_array = elems, message_sender = "user2", message_seq = 1, message_rand = 1 }
    support.must(tim, "import_msg_list", "user2", timmsg.C2C, { msg })
    local found = support.must(tim, "get_msg_list", "user2", timmsg.C2C, {})[1].message_elem_array
    assert.same(elems, found)
    for i, elem in ipairs(elems) do
      for key, value in pairs(elem) do
        local as <const> = "%q" -- tells 0.0 from -0.0 and from 0
        assert.equal(as:format(value), as:format(found[i][key]), key)
      end
    end
  end)

  it("that come back can be given again", function()
    local sent = support.must(tim, "send_new_msg", "user1", timmsg.C2C, timmsg.text "a")
    assert.equal(0, (support.call(tim, "save_msg", "user1", timmsg.C2C, sent)))
    assert.equal(0, (support.call(tim, "report_readed", "user1", timmsg.C2C, sent)))
    assert.equal(0, (support.call(tim, "delete", "user1", timmsg.C2C, { msg_delete_param_msg = sent })))
  end)
end)
