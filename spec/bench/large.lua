-- Large: page, send, locator look-up and revoke with 10,000,000 messages in the store and on the hub, against the same
-- with 10,000, both warm. The messages are put there by SQL, in the library's own tables: it takes minutes and 10 GB.
-- lua5.4 spec/bench/large.lua [COUNT=10000000] [SMALL=10000] [ROUNDS=5] [CALLS=200]

local bench = require "bench"
local luasql = require "luasql.sqlite3"
local support = require "support"
local timmsg = require "timmsg"

local options = bench.options { COUNT = 10000000, SMALL = 10000, ROUNDS = 5, CALLS = 200 }
local MOST <const>, FIRST_TIME <const>, OFFSET <const> = 1.3, 1500000000, 1000
local PAGE <const>, LOCATORS <const> = 20, 20

-- Number i of a conversation, in SQL and in Lua. The seq, and the hub's event, is i + OFFSET: the first are taken.
local NUMBERS <const> = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
local RAND <const> = "i * 2654435761 % 4294967291 + 1"
local SENDER <const> = "CASE WHEN i % 3 THEN 'peer' ELSE 'me' END"
local ELEMS <const> = "'[{\"elem_type\":0,\"text_elem_content\":\"message ' || i || '\"}]'"

local function numbered(i)
  local time = FIRST_TIME + i
  return { message_seq = i + OFFSET, message_rand = i * 2654435761 % 4294967291 + 1, message_server_time = time,
           message_client_time = time, message_sender = i % 3 == 0 and "me" or "peer" }
end

-- Runs statements on a database whose indices are away meanwhile: it is much quicker to make them at the end.
local function fill(path, statements)
  local connection = assert(luasql.sqlite3():connect(path))
  local function execute(text)
    local answer = assert(connection:execute(text)) ---@type any
    if type(answer) == "userdata" then answer:close() end
  end
  local indices = {}
  local cursor = assert(connection:execute "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOTNULL")
  local row = cursor:fetch {}
  while row do
    indices[row[1]] = row[2]
    row = cursor:fetch {}
  end
  cursor:close()
  for _, setting in ipairs { "journal_mode=OFF", "synchronous=OFF", "cache_size=-400000" } do
    execute("PRAGMA " .. setting)
  end
  for name in pairs(indices) do
    execute("DROP INDEX " .. name)
  end
  for _, statement in ipairs(statements) do
    execute(statement)
  end
  for _, script in pairs(indices) do
    execute(script)
  end
  connection:close()
end

-- A directory with a hub and the store of "me", whose conversation with "peer" has so many messages.
local function make(count)
  io.stderr:write(("  making %d messages\n"):format(count))
  local dir = bench.fresh_dir()
  support.new_client(dir, "peer"):close()
  local client = support.new_client(dir, "me")
  support.say(client, "peer", timmsg.C2C, "hello")
  client:close()
  local n = NUMBERS:format(count)
  fill(dir .. "/hub/hub.db", {
    n .. "INSERT INTO events(id, kind, topic, sender, seq, rand, client_time, server_time, priority, elems) SELECT i + " ..
      ("%d, 1, 1, %s, i + %d, %s, i + %d, i + %d, 1, %s FROM n"):format(OFFSET, SENDER, OFFSET, RAND, FIRST_TIME, FIRST_TIME,
        ELEMS),
    n .. ("INSERT INTO inbox(user, event) SELECT 1, i + %d FROM n"):format(OFFSET),
    n .. ("INSERT INTO inbox(user, event) SELECT 2, i + %d FROM n"):format(OFFSET),
  })
  fill(dir .. "/me/me.db", {
    n .. "INSERT INTO messages(conv, place_time, seq, sender, rand, client_time, server_time, status, priority, is_self, " ..
      "is_read, custom_int, elems, position) SELECT " ..
      ("1, i + %d, i + %d, %s, %s, i + %d, i + %d, 2, 1, i %% 3 = 0, 1, 0, %s, i + %d FROM n"):format(FIRST_TIME, OFFSET,
        SENDER, RAND, FIRST_TIME, FIRST_TIME, ELEMS, OFFSET),
    ("UPDATE convs SET top_seq = %d"):format(count + OFFSET),
    ("UPDATE meta SET value = substr(value, 1, instr(value, ' ')) || %d WHERE name = 'cursor'"):format(count + OFFSET),
  })
  return { client = support.new_client(dir, "me"), count = count, sent = {} }
end

-- The numbers of messages all over the conversation, the same each time.
local function place(side, i)
  return i * 7919 * 104729 % (side.count - 2 * PAGE) + PAGE + 1
end

local calls = {}

function calls.page(side, i)
  local page = support.must(side.client, "get_msg_list", "peer", timmsg.C2C,
    { msg_getmsglist_param_count = PAGE, msg_getmsglist_param_last_msg = numbered(place(side, i)) })
  assert(#page == PAGE and page[1].message_seq == place(side, i) - 1 + OFFSET)
end

function calls.find(side, i)
  local locators = {}
  for k = 1, LOCATORS do
    local msg = numbered(place(side, i * LOCATORS + k))
    locators[k] = { message_locator_seq = msg.message_seq, message_locator_rand = msg.message_rand,
                    message_locator_is_self = msg.message_sender == "me" }
  end
  assert(#support.must(side.client, "find_by_msg_locator_list", "peer", timmsg.C2C, locators) == LOCATORS)
end

function calls.send(side, i)
  side.sent[i] = support.must(side.client, "send_new_msg", "peer", timmsg.C2C, timmsg.text("new " .. i))
end

function calls.revoke(side, i)
  support.must(side.client, "revoke", "peer", timmsg.C2C, side.sent[i])
end

local small, large = make(options.SMALL), make(options.COUNT)
local NAMES <const> = { page = "a page of 20", find = "20 locators looked up", send = "send", revoke = "revoke" }
local times = {}

-- All kinds of calls in one round: what is revoked was sent in it.
local function round(side)
  return function()
    local took = {}
    for _, kind in ipairs { "page", "find", "send", "revoke" } do
      took[kind] = bench.seconds(function()
        for i = 1, options.CALLS do
          calls[kind](side, i)
        end
      end) * 1000 / options.CALLS
    end
    return took
  end
end

times.large, times.small = bench.rounds(options.ROUNDS, round(large), round(small))
for _, kind in ipairs { "page", "send", "find", "revoke" } do
  local ours, other = {}, {}
  for i = 1, options.ROUNDS do
    ours[i], other[i] = times.large[i][kind], times.small[i][kind]
  end
  bench.row { what = ("%s, at %d stored against %d"):format(NAMES[kind], options.COUNT, options.SMALL), unit = "ms",
              ours = ours, other = other, most = MOST }
end
bench.finish()
