-- Program: a random list of steps for the model and the library. A step is a plain table; what it names of what was before
-- is a number to pick by, so that a program stays one when steps are taken out of it.

local program = {}

local USERS <const>, DEVICES <const> = { "alice", "bob", "carol" }, { "phone", "desk", "tablet" }
local GROUPS <const> = { "crew", "band" }

local function one_of(random, list) return list[random(#list)] end

local function any_conv(random)
  if random(3) == 1 then return "g:" .. one_of(random, GROUPS) end
  if random(20) == 1 then return "c:nobody" end
  return "c:" .. one_of(random, USERS)
end

-- How often each kind of step comes, and what it says besides who does it.
local KINDS <const> = {
  { 14, "login" },
  { 5, "close" },
  { 30, "send", function(random, number) return { conv = any_conv(random), text = "m" .. number } end },
  { 6, "burst", function(random, number)
    return { conv = any_conv(random), other = any_conv(random), text = "u" .. number, count = 1 + random(4) }
  end },
  { 4, "again", function(random) return { conv = any_conv(random), pick = random(1000) } end },
  { 8, "read", function(random)
    return { conv = any_conv(random), pick = random(3) > 1 and random(1000) or nil }
  end },
  { 8, "revoke", function(random) return { conv = any_conv(random), pick = random(1000) } end },
  { 5, "delete", function(random)
    return { conv = any_conv(random), pick = random(4) > 1 and random(1000) or nil }
  end },
  { 2, "conv_delete", function(random) return { conv = any_conv(random) } end },
  { 5, "import", function(random, number)
    return { conv = any_conv(random), text = "i" .. number, sender = one_of(random, USERS), ago = random(500), seq = random(30),
             rand = number, unread = random(2) == 1 }
  end },
  { 9, "pull", function(random) return { conv = any_conv(random) } end },
  { 4, "create", function(random, number)
    local members = {}
    for _, user in ipairs(USERS) do
      if random(2) == 1 then members[#members + 1] = user end
    end
    return { group = one_of(random, GROUPS), members = members, text = "t" .. number }
  end },
  { 4, "join", function(random, number) return { group = one_of(random, GROUPS), text = "t" .. number } end },
  { 3, "quit", function(random, number) return { group = one_of(random, GROUPS), text = "t" .. number } end },
  { 3, "batch", function(random, number)
    local to = {}
    for i = 1, random(4) do to[i] = random(6) == 1 and "nobody" or one_of(random, USERS) end
    return { to = to, text = "b" .. number }
  end },
  { 3, "online", function(random, number) return { conv = any_conv(random), text = "o" .. number } end },
  { 8, "wait", function(random) return { seconds = random(5) == 1 and 60 * random(3) or random(3) } end },
}
local TOTAL <const> = (function()
  local sum = 0
  for _, kind in ipairs(KINDS) do sum = sum + kind[1] end
  return sum
end)()

-- A generator of its own: the same seed gives the same program everywhere.
local function generator(seed)
  local state = (seed * 2654435761 + 88172645463325252) & 0x7fffffffffffffff
  if state == 0 then state = 1 end
  return function(n)
    state = state ~ (state << 13) & 0x7fffffffffffffff
    state = state ~ (state >> 7)
    state = state ~ (state << 17) & 0x7fffffffffffffff
    return (state & 0x7fffffffffffffff) // 8 % n + 1
  end
end

local function step(random, number)
  local place = random(TOTAL)
  for _, kind in ipairs(KINDS) do
    place = place - kind[1]
    if place <= 0 then
      local made = kind[3] and kind[3](random, number) or {}
      made.op, made.user, made.device = kind[2], one_of(random, USERS), one_of(random, DEVICES)
      return made
    end
  end
end

function program.make(seed, length)
  local random = generator(seed)
  local steps = {
    { op = "login", user = "alice", device = "phone" }, { op = "login", user = "bob", device = "phone" },
    { op = "create", user = "alice", device = "phone", group = "crew", members = random(2) == 1 and { "bob" } or {}, text = "t0" },
  }
  for number = #steps + 1, length do
    steps[number] = step(random, number)
  end
  return steps
end

-- The steps as Lua that gives them back: for a report, and to be played again.
function program.write(steps)
  local lines = { "return {" }
  for _, made in ipairs(steps) do
    local fields = {}
    for key, value in pairs(made) do
      if not (key == "text" and made.pick) then -- found anew
        if type(value) == "table" then
          fields[#fields + 1] = ("%s = { %s }"):format(key, #value > 0 and '"' .. table.concat(value, '", "') .. '"' or "")
        else
          fields[#fields + 1] = ("%s = %q"):format(key, value)
        end
      end
    end
    table.sort(fields)
    lines[#lines + 1] = "  { " .. table.concat(fields, ", ") .. " },"
  end
  lines[#lines + 1] = "}"
  return table.concat(lines, "\n")
end

return program
