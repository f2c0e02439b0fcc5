-- Eager: plays every kind of call (spec/faults/scenario.lua) with nothing else in the heap, so that the collector can be
-- as eager as it gets. TIMMSG_EAGER=1 build/asan/bin/lua5.4 spec/eager.lua    (make eager)

local play, look = dofile(arg[0]:match "^(.*)eager%.lua$" .. "faults/scenario.lua")
play()
look()
collectgarbage()
collectgarbage()
print(("eager: %d KB of memory, every call played"):format(collectgarbage "count" // 1))
