-- Value: a Message as a Lua table, as a JSON tree and as a table again, against lua-cjson's encode and decode.
-- lua5.4 spec/bench/value.lua [COUNT=20000] [ROUNDS=9]

local bench = require "bench"
local chat = require "chat"
local cjson = require "cjson"
local value = require "bench_value"

local options = bench.options { COUNT = 20000, ROUNDS = 9 }
local messages = chat.past(1, 1000, "me", "peer")

local function measure(convert)
  return function()
    return options.COUNT / bench.seconds(function()
      for i = 1, options.COUNT do
        convert(messages[i % #messages + 1])
      end
    end)
  end
end

local encode, decode = cjson.encode, cjson.decode
local ours, theirs = bench.rounds(options.ROUNDS, measure(value.round_trip),
  measure(function(message) return decode(encode(message)) end))
bench.row { what = "a Message: table → tree → table against cjson", unit = "/s", ours = ours, other = theirs, least = 1.8 }
bench.finish()
