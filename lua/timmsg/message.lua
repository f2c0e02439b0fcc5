-- Message: builders. Each makes a Message table to send; `message` puts several elements into one.

local core = require "timmsg.core"

local K <const> = core.constants

local builders = {}

-- The value, as an integer if that is wanted; else an argument error at the place that called the builder that calls this.
local function check(value, wanted, number, name)
  local kind = math.type(value) or type(value)
  if kind == wanted or wanted == "number" and type(value) == "number" then return value end
  if wanted == "integer" and kind == "float" and math.tointeger(value) then return math.tointeger(value) end
  error(("bad argument #%d to '%s' (%s expected, got %s)"):format(number, name, wanted, kind), 3)
end

-- The same, but nil is fine. A tail call, so that the levels stay as they are.
local function optional(value, ...)
  if value == nil then return nil end
  return check(value, ...)
end

local function from_elem(elem)
  return { [K.kTIMMsgElemArray] = { elem } }
end

-- "mp4" for "dir/film.MP4", nil where there is no extension.
local function extension(path)
  local found = path:match("[^/.]%.(%w+)$")
  return found and found:lower()
end

function builders.text(content)
  return from_elem {
    [K.kTIMElemType] = K.kTIMElem_Text,
    [K.kTIMTextElemContent] = check(content, "string", 1, "text"),
  }
end

function builders.face(index, buf)
  return from_elem {
    [K.kTIMElemType] = K.kTIMElem_Face,
    [K.kTIMFaceElemIndex] = check(index, "integer", 1, "face"),
    [K.kTIMFaceElemBuf] = optional(buf, "string", 2, "face"),
  }
end

function builders.location(longitude, latitude, desc)
  return from_elem {
    [K.kTIMElemType] = K.kTIMElem_Location,
    [K.kTIMLocationElemLongitude] = check(longitude, "number", 1, "location"),
    [K.kTIMLocationElemlatitude] = check(latitude, "number", 2, "location"),
    [K.kTIMLocationElemDesc] = optional(desc, "string", 3, "location"),
  }
end

function builders.custom(data, desc, ext, sound)
  return from_elem {
    [K.kTIMElemType] = K.kTIMElem_Custom,
    [K.kTIMCustomElemData] = check(data, "string", 1, "custom"),
    [K.kTIMCustomElemDesc] = optional(desc, "string", 2, "custom"),
    [K.kTIMCustomElemExt] = optional(ext, "string", 3, "custom"),
    [K.kTIMCustomElemSound] = optional(sound, "string", 4, "custom"),
  }
end

function builders.image(path, level)
  return from_elem {
    [K.kTIMElemType] = K.kTIMElem_Image,
    [K.kTIMImageElemOrigPath] = check(path, "string", 1, "image"),
    [K.kTIMImageElemLevel] = optional(level, "integer", 2, "image"),
  }
end

function builders.sound(path, seconds)
  return from_elem {
    [K.kTIMElemType] = K.kTIMElem_Sound,
    [K.kTIMSoundElemFilePath] = check(path, "string", 1, "sound"),
    [K.kTIMSoundElemFileTime] = optional(seconds, "integer", 2, "sound"),
  }
end

function builders.file(path, name)
  return from_elem {
    [K.kTIMElemType] = K.kTIMElem_File,
    [K.kTIMFileElemFilePath] = check(path, "string", 1, "file"),
    [K.kTIMFileElemFileName] = optional(name, "string", 2, "file"),
  }
end

-- The types are the paths' extensions where they aren't given.
function builders.video(path, image_path, seconds, video_type, image_type)
  check(path, "string", 1, "video")
  check(image_path, "string", 2, "video")
  return from_elem {
    [K.kTIMElemType] = K.kTIMElem_Video,
    [K.kTIMVideoElemVideoPath] = path,
    [K.kTIMVideoElemImagePath] = image_path,
    [K.kTIMVideoElemVideoDuration] = optional(seconds, "integer", 3, "video"),
    [K.kTIMVideoElemVideoType] = optional(video_type, "string", 4, "video") or extension(path) or "mp4",
    [K.kTIMVideoElemImageType] = optional(image_type, "string", 5, "video") or extension(image_path),
  }
end

-- Adds an element, or the elements of a Message and its other keys, to `target`. False: it is neither.
local function add(target, part)
  if type(part) ~= "table" then return false end
  local elems = target[K.kTIMMsgElemArray]
  if part[K.kTIMElemType] then
    elems[#elems + 1] = part
    return true
  end
  if type(part[K.kTIMMsgElemArray]) ~= "table" then return false end
  table.move(part[K.kTIMMsgElemArray], 1, #part[K.kTIMMsgElemArray], #elems + 1, elems)
  for key, value in pairs(part) do
    if key ~= K.kTIMMsgElemArray then target[key] = value end
  end
  return true
end

-- As an argument error at the place that called `message`, which calls what calls this.
local function refuse(number, ...)
  error(("bad argument #%d to 'message' (%s)"):format(number, string.format(...)), 4)
end

-- The parts of a list, and its other keys. No part gets lost: not one behind a nil either.
local function add_list(target, list)
  local count = 0
  for key in pairs(list) do
    if math.type(key) == "integer" and key > 0 then
      count = math.max(count, key)
    elseif type(key) ~= "string" then
      refuse(1, "a list of parts and keys of a Message expected, got the key %s", tostring(key))
    end
  end
  for number = 1, count do
    if not add(target, list[number]) then
      refuse(1, "Message or element expected at %d, got %s", number, type(list[number]))
    end
  end
  for key, value in pairs(list) do
    if type(key) == "string" then target[key] = value end
  end
end

local function add_all(target, ...)
  for number = 1, select("#", ...) do
    local part = select(number, ...)
    if not add(target, part) then
      if type(part) == "table" then refuse(number, "Message or element expected") end
      refuse(number, "table expected, got %s", type(part))
    end
  end
end

-- message(part, ...) or message { part, ..., key = value }: one Message of all parts, which are Messages or elements.
function builders.message(...)
  local target = { [K.kTIMMsgElemArray] = {} }
  local list = ...
  if select("#", ...) == 1 and type(list) == "table" and not list[K.kTIMElemType] and not list[K.kTIMMsgElemArray] then
    add_list(target, list)
  else
    add_all(target, ...)
  end
  return target
end

-- The locator of a Message that was sent or received, whether it is revoked or not: for find_by_msg_locator_list, and wherever
-- a Message only says which one is meant.
function builders.locator(msg)
  check(msg, "table", 1, "locator")
  if not msg[K.kTIMMsgSeq] or not msg[K.kTIMMsgRand] then
    error("bad argument #1 to 'locator' (Message with its seq and rand expected)", 2)
  end
  return {
    [K.kTIMMsgLocatorConvId] = msg[K.kTIMMsgConvId],
    [K.kTIMMsgLocatorConvType] = msg[K.kTIMMsgConvType],
    [K.kTIMMsgLocatorTime] = msg[K.kTIMMsgServerTime],
    [K.kTIMMsgLocatorSeq] = msg[K.kTIMMsgSeq],
    [K.kTIMMsgLocatorIsSelf] = msg[K.kTIMMsgIsFormSelf],
    [K.kTIMMsgLocatorRand] = msg[K.kTIMMsgRand],
    [K.kTIMMsgLocatorUniqueId] = msg[K.kTIMMsgUniqueId],
  }
end

return builders
