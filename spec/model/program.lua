-- Program: random programs. A program is a list of steps, plain tables that can be written down: n is the step's number,
-- by which later ones name what it made (`of`), also when steps in between are gone; op says what is done, device by
-- whom, and type and to in which conversation. A step that makes no sense at its place still has a result.

local C2C <const>, GROUP <const> = 1, 2

local USERS <const> = { "ann", "ben", "cat" }

local program = {}

-- Numbers of its own, so that a seed means the same program everywhere.
local Dice = {}
Dice.__index = Dice

local function dice(seed) return setmetatable({ state = seed * 0x9e3779b97f4a7c15 + 1 }, Dice) end

-- 1 to n.
function Dice:roll(n)
  local x = self.state + 0x9e3779b97f4a7c15
  self.state = x
  x = (x ~ x >> 30) * 0xbf58476d1ce4e5b9
  x = (x ~ x >> 27) * 0x94d049bb133111eb
  return ((x ~ x >> 31) >> 33) % n + 1
end

function Dice:pick(list) return list[self:roll(#list)] end
function Dice:chance(percent) return self:roll(100) <= percent end

local function text(content) return { { elem_type = 0, text_elem_content = content } } end

-- The elements of what is given. Those of 12 KB are too long to be written down.
function program.elems(what)
  if not what.too_large then return what.elems end
  return text(what.elems[1].text_elem_content .. ("."):rep(13000))
end

-- What is kept in place of a message that is not there.
program.filler = { elems = text "a filler", sender = "ann", server_time = 1600000000, seq = 77, rand = 77 }

-- What a message says is its step's number, and sometimes more.
local function given(d, n)
  local what = { elems = text("m" .. n) }
  if d:chance(10) then table.insert(what.elems, { elem_type = 6, face_elem_index = n, face_elem_buf = "一 \"'%" }) end
  if d:chance(10) then what.priority = d:roll(4) - 1 end
  if d:chance(10) then what.cint, what.cstr = d:roll(1000), "custom " .. n end
  if d:chance(5) then what.client_time = 1700000000 + d:roll(200) - 100 end
  return what
end

local make = {}

-- The conversation of a step: mostly one of the few there are.
local function where(d, step)
  if d.at then
    step.type, step.to = d.at.type, d.at.to
  elseif d:chance(d.groups) then
    step.type, step.to = GROUP, d:pick { "g1", "g1", "g2" }
  else
    step.type, step.to = C2C, d:chance(3) and "zed" or d:pick(USERS)
  end
  return step
end

-- The step that made the message that a step is about: mostly a late one, and of its conversation.
local function of(d, step, own)
  local same = {}
  for _, one in ipairs(d.makers) do
    local user = step.device:match "^[^.]+"
    local other = one.device:match "^[^.]+"
    local here = one.type == step.type and (one.type == GROUP and one.to == step.to
      or one.type == C2C and (one.to == step.to and other == user or one.to == user and other == step.to))
    if here and (not own or other == user and one.op == "send") then table.insert(same, one) end
  end
  local from = #same > 0 and d:chance(95) and same or d.makers
  if #from == 0 then return nil end
  return from[math.max(1, #from + 1 - d:roll(d:chance(70) and 4 or 20))].n
end

local function form(d) return d:pick { "message", "message", "locator", "ids" } end

function make.send(d, step)
  step.given = given(d, step.n)
  if d:chance(5) then step.given.online = true end
  if d:chance(2) then step.given.too_large = true end
  return where(d, step)
end

function make.again(d, step)
  step.op, step.given = "send", given(d, step.n)
  where(d, step)
  step.of, step.stale = of(d, step), d:chance(30) or nil
  for _, one in ipairs(d.makers) do
    if one.n == step.of and one.op == "file" then step.of = nil end -- uploads are another matter
  end
  return step
end

function make.report(d, step)
  where(d, step)
  if d:chance(50) then step.of = of(d, step) end
  step.form = form(d)
  return step
end

function make.revoke(d, step)
  where(d, step)
  step.of, step.form, step.wrong_time = of(d, step, d:chance(70)), form(d), d:chance(5) or nil
  return step
end

function make.delete(d, step)
  where(d, step)
  if d:chance(80) then
    step.of = of(d, step)
  else
    step.remble = d:chance(20) or nil
  end
  step.form = form(d)
  return step
end

local function kept(d, n, user, peer)
  local what = given(d, n)
  if d:chance(60) then what.server_time = 1700000000 + d:roll(300) - 200 end
  if d:chance(50) then what.sender = d:pick { user, peer } end
  if d:chance(50) then what.is_read = d:chance(50) end
  if d:chance(25) then what.seq, what.rand = n, 5000000 + n end
  return what
end

function make.import(d, step)
  where(d, step)
  local user, peer = step.device:match "^[^.]+", step.type == C2C and step.to or "ben"
  step.list = {}
  for i = 1, d:roll(4) do
    step.list[i] = kept(d, step.n * 1000 + i, user, peer)
    if d:chance(10) then step.list[i].status = d:pick { 1, 2, 3, 5 } end
    if step.type == C2C and step.to ~= user and d:chance(15) then -- one of one's own, which perhaps was deleted
      local known = of(d, step, true)
      if known then step.list[i] = { of = known } end
    end
    if i > 1 and d:chance(10) and not step.list[i - 1].of and not step.list[i - 1].rand then -- the same once more, meant
      step.list[i] = step.list[i - 1]
    end
  end
  table.insert(d.imports, step)
  return step
end

-- The list of an earlier import once more, perhaps elsewhere.
function make.import_again(d, step)
  step.op = "import"
  if #d.imports == 0 then return make.import(d, step) end
  local from = d:pick(d.imports)
  where(d, step)
  for _, one in ipairs(from.list) do
    if one.of then return make.import(d, step) end
  end
  step.again, step.list = from.again or from.n, from.list
  if d:chance(70) then step.type, step.to, step.device = from.type, from.to, from.device end
  return step
end

function make.save(d, step)
  where(d, step)
  step.given = kept(d, step.n, step.device:match "^[^.]+", step.type == C2C and step.to or "ben")
  if d:chance(40) then step.given.cint, step.given.cstr = d:roll(1000), "kept " .. step.n end
  if d:chance(50) then step.of = of(d, step) end
  return step
end

function make.find(d, step)
  where(d, step)
  step.list = {}
  for i = 1, d:roll(4) do
    step.list[i] = { of = of(d, step), wrong_time = d:chance(10) or nil }
    if d:chance(50) then step.list[i].revoked = d:chance(30) end
  end
  return step
end

function make.page(d, step)
  where(d, step)
  step.remble, step.forward = d:chance(60) or nil, d:chance(40)
  if d:chance(60) then step.of = of(d, step) end
  if d:chance(80) then step.count = d:roll(12) end
  step.form = "message"
  return step
end

function make.conv_create(d, step) return where(d, step) end
function make.conv_delete(d, step) return where(d, step) end
function make.cancel_draft(d, step) return where(d, step) end

function make.set_draft(d, step)
  where(d, step)
  step.text = "draft " .. step.n
  if d:chance(30) then step.time = 1700000000 + d:roll(300) - 200 end
  return step
end

function make.file(d, step) return where(d, step) end

-- What a file message has, named by its id, its url or both.
function make.download(d, step)
  local files = {}
  for _, one in ipairs(d.makers) do
    if one.op == "file" then table.insert(files, one.n) end
  end
  step.of, step.form = #files > 0 and d:pick(files) or nil, d:pick { "id", "url", "both" }
  return step
end

-- Several at once.
function make.burst(d, step)
  step.list = {}
  for i = 1, 1 + d:roll(4) do
    step.list[i] = where(d, { given = given(d, step.n * 1000 + i) })
  end
  step.type, step.to = step.list[1].type, step.list[1].to
  return step
end

function make.batch(d, step)
  step.users, step.given = {}, given(d, step.n)
  for i = 1, d:roll(4) do step.users[i] = d:chance(10) and "zed" or d:pick(USERS) end
  step.type, step.to = C2C, step.users[1]
  return step
end

local function a_group(d, step)
  step.type, step.to = GROUP, d.at and d.at.to or d:pick { "g1", "g1", "g1", "g2" }
  return step
end

-- Some users, perhaps one of them twice, or one who does not exist.
local function some_users(d)
  local users = {}
  for i = 1, d:roll(3) do users[i] = d:chance(4) and "zed" or d:pick(USERS) end
  return users
end

function make.group_create(d, step)
  a_group(d, step)
  step.members = {}
  if d:chance(70) then
    for i, user in ipairs(some_users(d)) do
      step.members[i] = { user = user, role = d:chance(30) and 1 or d:chance(4) and 2 or nil }
    end
  end
  if d:chance(30) then step.kind = d:pick { 0, 1, 2 } end
  if d:chance(20) then step.add_option = d:pick { 0, 1, 2 } end
  if d:chance(10) then step.max = 2 end
  return step
end

for _, op in ipairs { "group_delete", "group_join", "group_quit", "group_members", "group_list" } do make[op] = a_group end

function make.group_invite(d, step)
  step.users = some_users(d)
  return a_group(d, step)
end
make.group_remove = make.group_invite

function make.group_modify(d, step)
  step.user = d:pick(USERS)
  if d:chance(70) then step.role = d:pick { 0, 1, 1, 1, 2 } else step.card = "card " .. step.n end
  return a_group(d, step)
end

-- Somebody sets the clock.
function make.set_clock(d, step)
  step.device = nil
  step.seconds = d:pick { -3600, -3600, -100, -1, 1, 100, 3600 }
  return step
end

function make.advance(d, step)
  step.device = nil
  step.ms = d:pick { 500, 1000, 1000, 5000, 20000, 40000, 120000, 121000 }
  if step.ms >= 120000 then d.plan = { { op = "revoke" } } end -- at the end of its time, or behind it
  return step
end

function make.receipts(d, step)
  step.on = d:chance(70)
  return step
end

-- Something is to go wrong with the device's next call of a kind. No two things that wait are due at the same time: who
-- comes first then is nobody's business.
function make.fault(d, step)
  local kind = d:pick { "fail", "slow", "slow", "cut" }
  step.fault = {
    call = d:pick { "send_new_msg", "send_new_msg", "report_readed", "revoke", "get_msg_list", "batch_send", "login",
      "group_join", "group_invite_member", "group_quit" }, kind = kind,
  }
  if kind == "fail" then step.fault.code = d:pick { 6012, 9508, 10007, 20003 } end
  if kind == "slow" then step.fault.ms = d:roll(50) * 1000 + step.n end
  if step.fault.call == "get_msg_list" then step.fault.kind, step.fault.code, step.fault.ms = "slow", nil, 20000 + step.n end
  if step.fault.call == "login" then step.fault.kind, step.fault.code, step.fault.ms = "fail", 70003, nil end
  return step
end

for _, op in ipairs { "login", "logout", "close", "offline", "online" } do
  make[op] = function(_, step) return step end
end

-- How often each is done.
local WEIGHTS <const> = {
  send = 24, again = 3, report = 8, revoke = 6, delete = 5, import = 4, import_again = 2, save = 4, find = 4, page = 10,
  conv_create = 2, conv_delete = 2, set_draft = 2, cancel_draft = 1, batch = 3, burst = 3, file = 2, download = 2,
  advance = 8, set_clock = 1, receipts = 4, login = 6,
  group_create = 3, group_delete = 0.5, group_join = 4, group_quit = 1.5, group_invite = 2, group_remove = 1, group_modify = 2,
  group_members = 1, group_list = 1, logout = 2, close = 3, fault = 6, offline = 3, online = 5,
}

local MAKERS <const> = { file = true, send = true, burst = true, import = true, save = true, batch = true }

local bag = {}
for op, weight in pairs(WEIGHTS) do table.insert(bag, { op = op, weight = weight * 2 // 1 }) end
table.sort(bag, function(a, b) return a.op < b.op end)

local total = 0
for _, one in ipairs(bag) do total = total + one.weight end

local function pick_op(d)
  local at = d:roll(total)
  for _, one in ipairs(bag) do
    at = at - one.weight
    if at <= 0 then return one.op end
  end
  return nil
end

-- The device of a step: mostly one for which it makes sense, by what is known of it while the program is made.
local function pick_device(d, devices, op, wanted)
  local fitting = {}
  for _, name in ipairs(devices) do
    local fits = d.is_in[name] and (not d.is_off[name] or d.chance(d, 15))
    if op == "login" then fits = not d.is_in[name] end
    if op == "online" then fits = d.is_off[name] end
    if fits then table.insert(fitting, name) end
  end
  local name = wanted or d:pick(#fitting > 0 and d:chance(95) and fitting or devices)
  if op == "login" or op == "logout" or op == "close" then d.is_in[name] = op == "login" end
  if op == "offline" or op == "online" or op == "close" then d.is_off[name] = op == "offline" end
  return name
end

-- What is to follow a step now and then, since chance alone would hardly bring it about: entries of op, device (nil: any),
-- at (a step: in its conversation) and of.
local function plan(d, step, devices)
  local other = d:pick(devices)
  if step.op == "group_join" and d:chance(30) then -- who was away hears of what was revoked
    d.plan = {
      { op = "send", at = step, device = other }, { op = "group_quit", at = step, device = step.device },
      { op = "revoke", at = step, device = other, of = step.n + 1 }, { op = "group_join", at = step, device = step.device },
    }
  elseif step.op == "offline" and d:chance(50) then -- deleted on its way
    local at = where(d, {})
    d.plan = {
      { op = "send", at = at, device = step.device }, { op = "delete", at = at, device = step.device, of = step.n + 1 },
      { op = "send" }, { op = "online", device = step.device },
    }
  end
end

-- A program of so many steps.
function program.make(seed, steps)
  local d = dice(seed)
  d.makers, d.imports, d.groups = {}, {}, d:pick { 0, 30, 50, 80 }
  d.is_in, d.is_off, d.plan = {}, {}, {}
  -- how many devices there are at most: few have more to do with each other
  local devices, first = {}, {}
  for _, user in ipairs(USERS) do
    for i = 1, d:roll(2) do
      local name = user .. "." .. i
      table.insert(devices, name)
      -- a user's second device is mostly one that comes later
      if i == 1 and d:chance(95) or i == 2 and d:chance(30) then table.insert(first, name) end
    end
  end
  local list = {}
  for n = 1, steps do
    local planned = table.remove(d.plan, 1) or {}
    local step = { n = n, op = planned.op or pick_op(d) }
    d.at = planned.at
    if n <= #first then
      step.op, step.device, d.is_in[first[n]] = "login", first[n], true
    else
      if n == #first + 1 and d.groups > 0 then step.op = "group_create" end
      step.device = pick_device(d, devices, step.op, planned.device)
      step = make[step.op](d, step)
      step.of = planned.of or step.of
      if #d.plan == 0 then plan(d, step, devices) end
    end
    list[n] = step
    if MAKERS[step.op] then table.insert(d.makers, step) end
  end
  return list
end

return program
