-- Seeds: what the fuzz targets begin with, made of the specs' samples: a directory of files for each target.
-- lua5.4 spec/fuzz/seeds.lua DIRECTORY    (with the Makefile's LUA_PATH and LUA_CPATH)

local core = require "timmsg.core"
local lfs = require "lfs"
local pictures = require "pictures"
local samples = require "samples"
local timmsg = require "timmsg"

local directory <const> = assert(arg[1], "where to?")

lfs.mkdir(directory)
local function write(target, name, content)
  lfs.mkdir(directory .. "/" .. target)
  local file <close> = assert(io.open(("%s/%s/%s"):format(directory, target, name), "wb"))
  assert(file:write(content))
end

-- ---- a dictionary: the keys of the API, as JSON has them ----

do
  local words = {}
  for _, fields in pairs((core.schema())) do
    for _, field in ipairs(fields) do
      words[#words + 1] = ([["\"%s\":"]]):format(field.key)
    end
  end
  for _, word in ipairs { [[\"]], [[\\u0000]], [[\\ud83d\\ude00]], "18446744073709551615", "-9223372036854775808", "1e308", "null" } do
    words[#words + 1] = '"' .. word .. '"'
  end
  table.sort(words)
  local file <close> = assert(io.open(directory .. "/dictionary", "wb"))
  assert(file:write(table.concat(words, "\n"), "\n"))
end

-- ---- JSON ----

local function json(value)
  if type(value) == "string" then
    return '"' .. value:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local parts = {}
  if #value > 0 then
    for i, entry in ipairs(value) do
      parts[i] = json(entry)
    end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for key, entry in pairs(value) do
    parts[#parts + 1] = json(key) .. ":" .. json(entry)
  end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

-- In the order of the C core's calls.
local FUNCTIONS <const> = {
  "send_new_msg", "report_readed", "revoke", "find_by_msg_locator_list", "import_msg_list", "save_msg", "get_msg_list",
  "delete", "download_elem_to_path", "batch_send",
}

local ELEMS <const> = {
  timmsg.text "sample", timmsg.face(1), timmsg.custom "data", timmsg.location(1.5, -2), timmsg.image "/x.png",
  timmsg.sound("/x.ogg", 3), timmsg.file "/x.bin", timmsg.video("/x.mp4", "/x.png", 3),
}

for number, name in ipairs(FUNCTIONS) do
  for i, sample in ipairs { samples.json(name) } do
    write("call", name .. i, string.char(number - 1, 0, 7) .. json(sample))
    write("json", name .. i, json(sample))
  end
end
for i, msg in ipairs(ELEMS) do
  write("call", "elem" .. i, string.char(0, 0, 7) .. json(msg))
  write("call", "import" .. i, string.char(4, 0, 7) .. json { msg })
  -- a step of the log's program: an event of kind 1 from alice for everybody
  local elems = json(msg.message_elem_array)
  local number <const>, name <const> = "\5\1", "\4\0"
  write("log", "elem" .. i, "\1\6\3" .. number .. name .. (number):rep(4) .. number .. number .. number .. "\1"
    .. string.pack("<s2", elems) .. "\0")
end

-- What JSON can say and seldom does.
for name, text in pairs {
  numbers = "[0,-0,1e5,1E-5,0.1,12345678901234567890,-9223372036854775808,1.00000,1.7976931348623157e308,0.30000000000000004]",
  escapes = [=[["\"\\\/\b\f\n\r\t\u0001\u00e9\ud83d\ude00"]]=],
  odd = '{"":[{},[],null,true,false,""]," \u{e9}":{"message_elem_array":[]}}',
  spaces = " [ 1 ,\n{ \t} ] ",
} do
  write("json", name, text)
end

-- ---- programs of tables ----

local table_, text_, key_, append_, number_ = "\0", "\1", "\4", "\6", "\2"
local function text(content) return text_ .. string.pack("s1", content) end
local TEXT_ELEM <const> = table_ .. number_ .. "\4\0" .. key_ .. "\12" .. text "hello" .. key_ .. "\13"
write("table", "message", "\0\0\1" .. table_ .. table_ .. TEXT_ELEM .. append_ .. key_ .. "\0")
for number = 0, 30 do
  write("table", "message" .. number, string.char(number, 0, number & 1) .. table_ .. table_ .. TEXT_ELEM .. append_ .. key_ .. "\0")
end
write("table", "list", "\4\0\1" .. table_ .. table_ .. table_ .. TEXT_ELEM .. append_ .. key_ .. "\0" .. append_)

-- ---- pictures, also cut off ----

for name, picture in pairs(pictures) do
  local whole = picture(3, 2)
  write("image", name, whole)
  for length = 2, 30 do
    write("image", name .. length, whole:sub(1, length))
  end
end

-- ---- stanzas: how it is read; to, type, id, from, number of children; of each shape, text, name, namespace, attributes ----

do
  local chat, room = string.char(0, 11, 16, 1), string.char(0, 12, 16, 3)
  local body, elems = string.char(5, 1, 0, 0), string.char(1, 1, 1, 1, 9)
  local real = string.char(0, 2, 12) .. string.char(38, 3, 2, 1, 5, 2, 9, 6)
  local function child(name, space, value, attribute)
    return string.char(16, name, space, 2, value, attribute)
  end
  write("stanza", "chat", "\0" .. chat .. "\2" .. body .. elems)
  write("stanza", "plain", "\0" .. chat .. "\1" .. body)
  write("stanza", "file", "\0" .. chat .. "\2" .. body .. string.char(1, 1, 2, 1, 9))
  write("stanza", "room", "\1" .. room .. "\4" .. real .. body .. elems)
  write("stanza", "tips", "\1" .. room .. "\4" .. real .. body .. string.char(1, 1, 3, 1, 9))
  write("stanza", "displayed", "\0" .. chat .. "\1" .. child(9, 6, 16, 0))
  write("stanza", "received", "\0" .. chat .. "\1" .. child(10, 5, 16, 0))
  write("stanza", "retract", "\0" .. chat .. "\2" .. child(8, 7, 16, 0) .. string.char(2, 7, 8))
  write("stanza", "invitation", "\0" .. chat .. "\1" .. child(2, 16, 2, 5))
  write("stanza", "online", "\4" .. chat .. "\2" .. body .. string.char(1, 1, 4, 1, 9))
  write("stanza", "online in a room", "\12" .. room .. "\2" .. body .. string.char(1, 1, 4, 1, 9))
end
