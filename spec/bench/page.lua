-- Page: pages out of a conversation of 1,000,000 messages as Lua tables: get_msg_list against luasql with lua-cjson on a
-- copy of the same database; one request after the other, as a user scrolls, and with 100 outstanding.
-- lua5.4 spec/bench/page.lua [COUNT=1000000] [ROUNDS=7] [MESSAGES=10000]

local bench = require "bench"
local chat = require "chat"
local luasql_store = require "luasql_store"
local support = require "support"
local timmsg = require "timmsg"

local options = bench.options { COUNT = 1000000, ROUNDS = 7, MESSAGES = 10000 }
local PART <const>, OUTSTANDING <const> = 100000, 100
local dir = bench.fresh_dir()

io.stderr:write "  filling a store\n"
local client = support.new_client(dir, "me")
for first = 1, options.COUNT, PART do
  local list, done = chat.past(first, math.min(PART, options.COUNT - first + 1), "me", "peer"), nil
  assert(client:import_msg_list("peer", timmsg.C2C, list, function(code, desc)
    assert(code == 0, desc)
    done = true
  end))
  while not done do
    client:wait()
    client:poll()
  end
end
client:close()
assert(os.execute(("cp '%s/me/me.db' '%s/other.db'"):format(dir, dir)))
client = support.new_client(dir, "me")
local connection = luasql_store.open(dir .. "/other.db")

local function param(count, last)
  return { msg_getmsglist_param_count = count, msg_getmsglist_param_last_msg = last }
end

local function our_page(count, last)
  local page
  assert(client:get_msg_list("peer", timmsg.C2C, param(count, last), function(code, desc, result)
    assert(code == 0, desc)
    page = result
  end))
  while not page do
    client:wait()
    client:poll()
  end
  return page
end

local function their_page(count, last)
  return luasql_store.page(connection, count, last)
end

-- Each side goes on where it was: both read the same pages.
local function scroller(page, count)
  local last
  return function()
    local pages = options.MESSAGES // count
    return pages / bench.seconds(function()
      for _ = 1, pages do
        local messages = page(count, last)
        last = #messages == count and messages[count] or nil
      end
    end)
  end
end

-- The messages behind which pages begin, in no order.
local function places(number)
  local list = {}
  for i = 1, number do
    list[i] = chat.of_the_past((i * 7919 * 97) % options.COUNT + 1, "me", "peer")
  end
  return list
end

local function all_at_once(count)
  local from = places(options.MESSAGES // count)
  return function()
    local sent, done = 0, 0
    return #from / bench.seconds(function()
      local function on_page(code, desc, result)
        assert(code == 0 and #result > 0, desc)
        done = done + 1
      end
      while done < #from do
        while sent < #from and sent - done < OUTSTANDING do
          sent = sent + 1
          assert(client:get_msg_list("peer", timmsg.C2C, param(count, from[sent]), on_page))
        end
        client:wait()
        client:poll()
      end
    end)
  end
end

local function one_by_one(count)
  local from = places(options.MESSAGES // count)
  return function()
    return #from / bench.seconds(function()
      for i = 1, #from do
        assert(#their_page(count, from[i]) > 0)
      end
    end)
  end
end

-- Both read the very same: checked once, over a page with a bit of everything.
local function check_same()
  local ours, theirs = our_page(100), their_page(100)
  assert(#ours == 100 and #theirs == 100)
  for i, msg in ipairs(ours) do
    for key, value in pairs(msg) do
      assert(type(value) == "table" or value == theirs[i][key], key)
    end
    for key, value in pairs(msg.message_elem_array[1]) do
      assert(value == theirs[i].message_elem_array[1][key], key)
    end
  end
end

check_same()
for count, least in pairs { [20] = 1.0, [100] = 1.5 } do
  local ours, theirs = bench.rounds(options.ROUNDS, scroller(our_page, count), scroller(their_page, count))
  bench.row { what = ("page of %d of %d, one after the other"):format(count, options.COUNT), unit = "/s", ours = ours,
              other = theirs, least = least }
end
for _, count in ipairs { 20, 100 } do
  local ours, theirs = bench.rounds(options.ROUNDS, all_at_once(count), one_by_one(count))
  bench.row { what = ("page of %d of %d, %d outstanding"):format(count, options.COUNT, OUTSTANDING), unit = "/s",
              ours = ours, other = theirs, least = 2.5 }
end
connection:close()
bench.finish()
