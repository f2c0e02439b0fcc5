-- Luasql store: the other side of several rows: what a Lua program would write itself with luasql and lua-cjson over
-- the same columns and indices. The schema is read from a store that the library made, and the settings are its own.

local cjson = require "cjson"
local luasql = require "luasql.sqlite3"

local luasql_store = {}

local environment = luasql.sqlite3()

local COLUMNS <const> = "conv, place_time, seq, sender, rand, client_time, server_time, status, priority, is_self, is_read, "
  .. "custom_int, custom_str, elems"

local function execute(connection, text)
  return assert(connection:execute(text))
end

local function each_row(connection, text, fn)
  local cursor = execute(connection, text)
  local row = cursor:fetch({}, "n")
  while row do
    fn(row)
    row = cursor:fetch(row, "n")
  end
  cursor:close()
end

-- Opens a store that nobody else has open.
function luasql_store.open(path)
  local connection = assert(environment:connect(path))
  -- as csrc/sql.c sets them
  for _, setting in ipairs {
    "journal_mode=WAL", "synchronous=FULL", "recursive_triggers=ON", "journal_size_limit=16777216", "trusted_schema=OFF",
    "secure_delete=ON", "cache_size=-8192", "wal_autocheckpoint=4000",
  } do
    local answer = execute(connection, "PRAGMA " .. setting)
    if type(answer) == "userdata" then answer:close() end
  end
  return connection
end

-- A new one with the tables and indices of `model`, and one conversation. Without the triggers, which are the library's
-- way to count: each statement would have to compile them anew.
function luasql_store.new(path, model)
  local from, scripts = assert(environment:connect(model)), {}
  each_row(from, "SELECT sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql NOTNULL AND name NOT LIKE 'sqlite_%'",
    function(row) scripts[#scripts + 1] = row[1] end)
  from:close()
  local connection = luasql_store.open(path)
  for _, script in ipairs(scripts) do
    execute(connection, script)
  end
  execute(connection, "INSERT INTO convs(id, type, name) VALUES(1, 1, 'peer')")
  return connection
end

-- Puts messages into conversation 1, all or none, on the disk when it returns.
function luasql_store.import(connection, messages)
  local format, encode = string.format, cjson.encode
  execute(connection, "BEGIN IMMEDIATE")
  for i = 1, #messages do
    local msg = messages[i]
    local custom = msg.message_custom_str
    execute(connection, format("INSERT INTO messages(" .. COLUMNS .. ") VALUES(1,%d,%d,'%s',%d,%d,%d,%d,%d,%d,%d,%d,%s,'%s')",
      msg.message_server_time, msg.message_seq, connection:escape(msg.message_sender), msg.message_rand,
      msg.message_client_time, msg.message_server_time, msg.message_status, msg.message_priority or 1,
      msg.message_is_from_self and 1 or 0, msg.message_is_read and 1 or 0, msg.message_custom_int or 0,
      custom and "'" .. connection:escape(custom) .. "'" or "NULL", connection:escape(encode(msg.message_elem_array))))
  end
  execute(connection, "UPDATE convs SET listed = 1, active_time = " .. messages[#messages].message_server_time)
  execute(connection, "COMMIT")
end

-- `count` messages of conversation 1 before `last` (nil: the newest), newest first, as the library's tables.
function luasql_store.page(connection, count, last)
  local where = ""
  if last then
    where = (" AND (place_time, seq, sender, rand) < (%d, %d, '%s', %d)"):format(last.message_server_time, last.message_seq,
      connection:escape(last.message_sender), last.message_rand)
  end
  local cursor = execute(connection, "SELECT " .. COLUMNS .. " FROM messages WHERE conv = 1" .. where ..
    " ORDER BY place_time DESC, seq DESC, sender DESC, rand DESC LIMIT " .. count)
  local page, decode = {}, cjson.decode
  local row = cursor:fetch({}, "n")
  while row do
    page[#page + 1] = {
      message_elem_array = decode(row[14]),
      message_conv_id = "peer",
      message_conv_type = 1,
      message_sender = row[4],
      message_priority = row[9],
      message_client_time = row[6],
      message_server_time = row[7],
      message_is_from_self = row[10] ~= 0,
      message_is_read = row[11] ~= 0,
      message_is_online_msg = false,
      message_is_peer_read = false,
      message_status = row[8],
      message_unique_id = row[7] << 32 | row[5] & 0xffffffff,
      message_rand = row[5],
      message_seq = row[3],
      message_custom_int = row[12],
      message_custom_str = row[13] or "",
    }
    row = cursor:fetch(row, "n")
  end
  cursor:close()
  return page
end

return luasql_store
