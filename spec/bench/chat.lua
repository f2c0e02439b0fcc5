-- Chat: the messages that are measured with. They vary as those of people do: short and long texts, CJK and emoji,
-- custom JSON payloads, locations, pictures. The same number makes the same message in every run.

local timmsg = require "timmsg"

local chat = {}

local SHORT <const> = { "ok", "brb", "哈哈哈", "👍", "gg wp", "see you at 8?", "わかった", "on my way 🏃", "好的，马上到" }
local WORDS <const> = {
  "the", "tower", "falls", "at", "dawn", "and", "we", "hold", "middle", "lane", "\"now\"", "please,", "don't", "wait",
  "for", "100%", "of", "them", "以及", "明天", "见面", "一起", "打", "副本", "ギルド", "集合", "🎮", "🔥", "привет", "élan",
}

local function long_text(number, words)
  local list = {}
  for i = 1, words do
    list[i] = WORDS[(number * 31 + i * i + i * 7) % #WORDS + 1]
  end
  return table.concat(list, " ")
end

local function picture(number)
  local id = ("%08x%08x"):format(number * 2654435761 % 2 ^ 32 // 1, number)
  ---@type table<string, any>
  local elem = { elem_type = timmsg.TIMElem_Image, image_elem_level = timmsg.TIMImageLevel_Orig, image_elem_format = 1 }
  for kind, size in pairs { orig = 4, large = 2, thumb = 1 } do
    local prefix = "image_elem_" .. kind .. "_"
    elem[prefix .. "id"] = kind .. "-" .. id
    elem[prefix .. "url"] = ("https://cdn.example.org/%s/%s.jpg"):format(kind, id)
    elem[prefix .. "pic_width"], elem[prefix .. "pic_height"] = 480 * size, 270 * size
    elem[prefix .. "pic_size"] = 30000 * size * size + number % 1000
  end
  return elem
end

local makers = {}

function makers.short(number)
  return timmsg.text(SHORT[number % #SHORT + 1]).message_elem_array[1]
end

function makers.medium(number)
  return timmsg.text(long_text(number, 8 + number % 12)).message_elem_array[1]
end

function makers.long(number)
  return timmsg.text(long_text(number, 80 + number % 120)).message_elem_array[1]
end

function makers.custom(number)
  local data = ('{"type":"move","unit":%d,"path":[[%d,%d],[%d,%d]],"note":"%s"}'):format(number % 977, number % 64,
    number % 48, (number + 3) % 64, (number + 5) % 48, SHORT[number % #SHORT + 1])
  return timmsg.custom(data, "game", "v2").message_elem_array[1]
end

function makers.location(number)
  return timmsg.location(100 + number % 2000 / 100, 20 + number % 1500 / 100, "广场 " .. number % 40).message_elem_array[1]
end

makers.picture = picture

-- Of ten messages.
local MIX <const> = {
  "short", "medium", "custom", "short", "medium", "long", "location", "short", "medium", "picture",
}

-- A message to send: without pictures, which would be files.
function chat.to_send(number)
  local kind = MIX[number % #MIX + 1]
  return { message_elem_array = { makers[kind == "picture" and "custom" or kind](number) } }
end

-- A message of the past between `me` and `peer`, as an archive has it.
function chat.of_the_past(number, me, peer)
  local time = 1500000000 + number * 3
  local rand = number * 2654435761 % 4294967291 + 1
  return {
    message_elem_array = { makers[MIX[number % #MIX + 1]](number) },
    message_sender = number % 3 == 0 and me or peer,
    message_is_from_self = number % 3 == 0,
    message_client_time = time,
    message_server_time = time,
    message_seq = number,
    message_rand = rand,
    message_is_read = true,
    message_status = timmsg.TIMMsg_SendSucc,
    message_custom_str = number % 10 == 0 and '{"pinned":true}' or nil,
  }
end

-- Those from `first` on.
function chat.past(first, count, me, peer)
  local list = {}
  for i = 1, count do
    list[i] = chat.of_the_past(first + i - 1, me, peer)
  end
  return list
end

return chat
