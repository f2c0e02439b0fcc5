-- Assertions: what timmsg.testing adds to luassert, where that is there.
--
--   assert.received(client, what[, times])   the client was told of such a message: at least one, or exactly so many
--   assert.unread(client, conv_id, count)    so many messages of the conversation are unread
--   assert.revoked(client, msg)              the message is revoked at this client
--
-- Each flushes first: it looks at what is there once nothing moves. `what` is a text, a table of keys that the message (or
-- its first element) has, or a function that says whether a message is meant. A failure says what was there instead.

---@class luassert
---@field received fun(client: timmsg.Client, what: string|table|(fun(msg: timmsg.Message): boolean), times?: integer)
---@field unread fun(client: timmsg.Client, conv_id: string, count: integer)
---@field revoked fun(client: timmsg.Client, msg: timmsg.Message)

local core = require "timmsg.core"
local K <const> = core.constants
local LISTED <const> = 20

local assertions = {}

-- The hub of each client.
local hubs = setmetatable({}, { __mode = "k" })

function assertions.belongs(client, hub) hubs[client] = hub end

-- ---- words ----

local _, enums = core.schema()
local elem_names = {}
for name, value in pairs(enums.TIMElemType) do elem_names[value] = name:gsub("^kTIMElem_", ""):lower() end
local status_names = {}
for name, value in pairs(enums.TIMMsgStatus) do status_names[value] = name:gsub("^kTIMMsg_", "") end

-- A message in a few words: its text, or what it is.
local function words_of(msg)
  local elems = msg[K.kTIMMsgElemArray] or {}
  local words = {}
  for _, elem in ipairs(elems) do
    local text = elem[K.kTIMTextElemContent] or elem[K.kTIMCustomElemData]
    table.insert(words, text and ("%q"):format(text) or "a " .. (elem_names[elem[K.kTIMElemType]] or "message"))
  end
  if #words == 0 then table.insert(words, status_names[msg[K.kTIMMsgStatus]] or "nothing") end
  return table.concat(words, " + ")
end

local function list(lines)
  local shown = table.move(lines, 1, math.min(#lines, LISTED), 1, {})
  if #lines > LISTED then table.insert(shown, ("… and %d more"):format(#lines - LISTED)) end
  return "\n  " .. table.concat(shown, "\n  ")
end

local function name_of(client)
  return core.testing.is_open(client) and client:user() or tostring(client)
end

-- ---- matching ----

local function has_keys(value, keys)
  for key, wanted in pairs(keys) do
    local found = value[key]
    if type(wanted) == "table" and type(found) == "table" then
      if not has_keys(found, wanted) then return false end
    elseif found ~= wanted then
      return false
    end
  end
  return true
end

local function is_meant(msg, what)
  if type(what) == "function" then return what(msg) end
  local first = (msg[K.kTIMMsgElemArray] or {})[1] or {}
  if type(what) == "table" then return has_keys(msg, what) or has_keys(first, what) end
  return first[K.kTIMTextElemContent] == what or first[K.kTIMCustomElemData] == what
end

local function wanted_words(what)
  if type(what) == "string" then return ("%q"):format(what) end
  if type(what) == "function" then return "one that the function accepts" end
  local words = {}
  for key, value in pairs(what) do
    local text = type(value) == "string" and ("%q"):format(value) or type(value) == "table" and "{…}" or tostring(value)
    table.insert(words, key .. " = " .. text)
  end
  table.sort(words)
  return "{ " .. table.concat(words, ", ") .. " }"
end

-- ---- the assertions: each returns whether it holds, and what there is ----

local function received(client, what, times)
  local hub = hubs[client]
  hub:flush()
  local count, lines = 0, {}
  local all = hub:received(client)
  for i, msg in ipairs(all) do
    if is_meant(msg, what) then count = count + 1 end
    lines[i] = ("%d. %s in %s: %s"):format(i, msg[K.kTIMMsgSender], msg[K.kTIMMsgConvId], words_of(msg))
  end
  local ok = times and count == times or not times and count > 0
  local text = ("%s received %s %s; of %d:%s"):format(name_of(client), wanted_words(what),
    count == 1 and "once" or count == 0 and "never" or count .. " times", #all, #all > 0 and list(lines) or " nothing")
  if times and not ok then text = text .. ("\nexpected: %d times"):format(times) end
  return ok, text
end

local function conversations(client)
  local code, desc, convs = hubs[client]:ask(client, "conv_get_conv_list")
  if code ~= 0 then error(("%s cannot list its conversations: %s (%d)"):format(name_of(client), desc, code), 0) end
  return convs
end

local function unread(client, conv_id, count)
  hubs[client]:flush()
  local found, lines = 0, {}
  for _, conv in ipairs(conversations(client)) do
    local number = conv[K.kTIMConvUnReadNum] or 0
    if conv[K.kTIMConvId] == conv_id then found = number end
    table.insert(lines, ("%s: %d"):format(conv[K.kTIMConvId], number))
  end
  table.sort(lines)
  return found == count, ("%s has %d unread in %q, expected %d; all conversations:%s"):format(name_of(client), found,
    conv_id, count, #lines > 0 and list(lines) or " none")
end

-- The message as this client has it: it may call the conversation otherwise than the client that the table came from.
local function find(client, msg)
  local hub = hubs[client]
  local locator = {
    [K.kTIMMsgLocatorSeq] = msg[K.kTIMMsgSeq],
    [K.kTIMMsgLocatorRand] = msg[K.kTIMMsgRand],
    [K.kTIMMsgLocatorIsSelf] = msg[K.kTIMMsgSender] == client:user(),
  }
  for _, conv in ipairs(conversations(client)) do
    if conv[K.kTIMConvType] == msg[K.kTIMMsgConvType] then
      local code, _, found = hub:ask(client, "find_by_msg_locator_list", conv[K.kTIMConvId], conv[K.kTIMConvType],
        { locator })
      if code == 0 and found and found[1] then return found[1] end
    end
  end
end

local function revoked(client, msg)
  hubs[client]:flush()
  local found = find(client, msg)
  if not found then return false, ("%s has no such message: %s"):format(name_of(client), words_of(msg)) end
  local status = found[K.kTIMMsgStatus]
  return status == K.kTIMMsg_Revoked, ("the message at %s is in state %s: %s"):format(name_of(client),
    status_names[status] or status, words_of(found))
end

-- ---- luassert ----

local function check_client(client, name, level)
  if not hubs[client] then
    error(("bad argument #1 to '%s' (a client of a timmsg.testing hub expected)"):format(name), level + 1)
  end
end

-- Luassert shows the one argument that is left.
local function register(luassert, name, holds, count)
  luassert:register("assertion", name, function(_, arguments, level)
    check_client(arguments[1], name, level or 1)
    if arguments.n < count then error(("'%s' takes %d arguments"):format(name, count), (level or 1) + 1) end
    local ok, text = holds(arguments[1], arguments[2], arguments[3])
    arguments[1], arguments.n, arguments.nofmt = text, 1, { true }
    return ok
  end, "timmsg.testing.is_not_so", "timmsg.testing.is_so")
end

local ok, luassert = pcall(require, "luassert")
if ok then
  local say = require "say"
  say:set("timmsg.testing.is_not_so", "%s")
  say:set("timmsg.testing.is_so", "not expected: %s")
  register(luassert, "received", received, 2)
  register(luassert, "unread", unread, 3)
  register(luassert, "revoked", revoked, 2)
end

return assertions
