-- timmsg: the module. Its C half is timmsg.core; constants carry their C names without the `k`.

local core = require "timmsg.core"
local await = require "timmsg.await"
local message = require "timmsg.message"

local timmsg = {
  VERSION = core.version,
  new = core.new,
  null = core.null,
  array = core.array,
  object = core.object,
}

for name, value in pairs(core.constants) do
  timmsg[name:gsub("^kTIM", "TIM")] = value
end

timmsg.C2C = timmsg.TIMConv_C2C
timmsg.GROUP = timmsg.TIMConv_Group

for name, build in pairs(message) do
  timmsg[name] = build
end

core.getters.await = await.proxy_of
timmsg.set_scheduler = await.set_scheduler

return timmsg
