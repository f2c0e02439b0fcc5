-- Seeds: what the fuzz targets begin with, made of the specs' samples: a directory of files for each target.
-- lua5.4 spec/fuzz/seeds.lua DIRECTORY    (with the Makefile's LUA_PATH and LUA_CPATH)

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
  end
end
for i, msg in ipairs(ELEMS) do
  write("call", "elem" .. i, string.char(0, 0, 7) .. json(msg))
  write("call", "import" .. i, string.char(4, 0, 7) .. json { msg })
  -- a step of the log's program: an event of kind 1 from alice for everybody
  local elems = json(msg.message_elem_array)
  local number <const>, name <const> = "\5\1", "\4\0"
  write("log", "elem" .. i, "\1\6\3" .. number .. name .. (number):rep(4) .. number .. number .. number .. "\1"
    .. string.pack("<s2", elems) .. "\255")
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

-- ---- pictures ----

for name, picture in pairs(pictures) do
  if type(picture) == "string" then
    write("image", name, picture)
  elseif type(picture) == "function" then
    local ok, made = pcall(picture, 3, 2)
    if ok and type(made) == "string" then write("image", name, made) end
  end
end
