-- Import: 100,000 messages of a chat from Lua tables into a new store, on the disk when it is done: import_msg_list
-- against luasql with lua-cjson, and against raw SQLite inserts from C. All of them in one transaction.
-- lua5.4 spec/bench/import.lua [COUNT=100000] [ROUNDS=5]

local bench = require "bench"
local chat = require "chat"
local luasql_store = require "luasql_store"
local support = require "support"
local timmsg = require "timmsg"

local options = bench.options { COUNT = 100000, ROUNDS = 5 }
local messages = chat.past(1, options.COUNT, "me", "peer")
local model -- the store that our last round made

local function ours()
  local dir = bench.fresh_dir()
  local client = support.new_client(dir, "me")
  local done
  local seconds = bench.seconds(function()
    assert(client:import_msg_list("peer", timmsg.C2C, messages, function(code, desc)
      assert(code == 0, desc)
      done = true
    end))
    while not done do
      client:wait()
      client:poll()
    end
  end)
  client:close()
  model = dir .. "/me/me.db"
  return options.COUNT / seconds
end

local function luasql()
  local connection = luasql_store.new(bench.fresh_dir() .. "/other.db", model)
  local seconds = bench.seconds(luasql_store.import, connection, messages)
  connection:close()
  return options.COUNT / seconds
end

local function raw()
  return options.COUNT / bench.run(bench.BARE_SQLITE, "import", model, bench.fresh_dir() .. "/other.db")[1]
end

local what = ("import of %d from tables, durable, against "):format(options.COUNT)
local by_us, by_luasql, by_c = bench.rounds(options.ROUNDS, ours, luasql, raw)
bench.row { what = what .. "luasql + cjson", unit = "/s", ours = by_us, other = by_luasql, least = 2 }
bench.row { what = what .. "SQLite from C", unit = "/s", ours = by_us, other = by_c, least = 0.6 }
bench.finish()
