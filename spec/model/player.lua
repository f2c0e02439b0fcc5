-- Player: plays a program on the library and on the model, and compares after each step all that can be seen.

local call = require "model.call"
local compare = require "model.compare"
local Model = require "model.model"
local lfs = require "lfs"
local testing = require "timmsg.testing"

local START <const> = 1700000000
local WALK <const> = 3 -- messages a page, going backwards

local player = {}

local function fresh()
  return { messages = {}, batches = {}, revoked = {}, receipts = {}, tips = {}, network = {}, answers = {}, events = {} }
end

local Play = {}
Play.__index = Play

local function add(to, list) table.move(list, 1, #list, #to + 1, to) end

-- A client of the device, made anew after it was closed.
function Play:client(device)
  local actor = self.actors[device.name]
  if actor.client then return actor.client end
  local client = assert(self.hub:new { data_dir = device.name })
  actor.client = client
  client:on("recv_new_msg", function(msgs)
    add(actor.got.messages, msgs)
    table.insert(actor.got.batches, #msgs)
  end)
  client:on("msg_revoke", function(locators) add(actor.got.revoked, locators) end)
  client:on("msg_readed_receipt", function(receipts) add(actor.got.receipts, receipts) end)
  client:on("group_tips_event", function(tips) add(actor.got.tips, tips) end)
  client:on("network_status", function(status, code) table.insert(actor.got.network, { status, code }) end)
  client:on("conv_event", function(event, convs) table.insert(actor.got.events, { event = event, convs = convs }) end)
  return client
end

-- Makes the call; its answer, or that it was refused, is noted.
function Play:call(device, number, method, ...)
  local actor = self.actors[device.name]
  local client = self:client(device)
  local args = table.pack(...)
  local function answered(code, desc, result, more)
    if more then return end -- a download's progress
    table.insert(actor.got.answers, { number = number, code = code, desc = desc, result = result })
  end
  args[args.n + 1] = answered
  local ok, message, code = client[method](client, table.unpack(args, 1, args.n + 1))
  if not ok then answered(code, message) end
end

-- ---- looking ----

-- All of a device that a host can ask for: the list, and every conversation's messages.
function Play:look(device, number)
  local client = self.actors[device.name].client
  local list, histories, convs = nil, {}, {}
  local function ask(method, ...)
    local args = table.pack(...)
    args[args.n + 1] = function(code, desc, result)
      if code ~= 0 then error({ difference = ("%s: %s: %d %s"):format(device.name, method, code, desc) }, 0) end
      args.done(result)
    end
    return function(done)
      args.done = done
      assert(client[method](client, table.unpack(args, 1, args.n + 1)))
    end
  end
  ask("conv_get_conv_list")(function(result) list = result end)
  for i, conv in ipairs(device.store.convs) do
    convs[i] = conv
    ask("get_msg_list", conv.name, conv.type, { msg_getmsglist_param_count = 1000, msg_getmsglist_param_is_forward = true })(
      function(result) histories[conv.type .. "/" .. conv.name] = result end)
  end
  self.hub:flush()
  compare.seen(self.model, device, list, histories, self.actors[device.name].mirror)
  -- one of them in small pages, the other way
  local conv = convs[number % (#convs + 1)]
  if not conv then return end
  local walked = {}
  repeat
    local page
    ask("get_msg_list", conv.name, conv.type, { msg_getmsglist_param_count = WALK, msg_getmsglist_param_last_msg = walked[#walked] })(
      function(result) page = result end)
    self.hub:flush()
    add(walked, page)
  until #page == 0 or #walked > #histories[conv.type .. "/" .. conv.name]
  compare.backward(device, conv, histories[conv.type .. "/" .. conv.name], walked)
end

-- ---- steps ----

local special = {}

function special.close(self, device)
  self.model:close(device)
  local actor = self.actors[device.name]
  if actor.client then actor.client:close() end
  actor.client = nil
  actor.got.network = {} -- whether one's own closing is told is nobody's business
end

function special.offline(self, device)
  if not device.is_open then return end
  self.model:offline(device, true)
  self.hub:offline(self.actors[device.name].client)
end

function special.online(self, device)
  if not device.is_open then return end
  self.model:offline(device, false)
  self.hub:online(self.actors[device.name].client)
end

function special.burst(self, device, step, number)
  if not device.is_in then return end
  device.store.moment = device.store.stirs -- there is no order among its conversations
  for i, one in ipairs(step.list) do
    local at = number + i * 100000
    self.model:send(device, at, one)
    self:call(device, at, call.of(self.model, device, { op = "send", to = one.to, type = one.type, given = one.given }))
    self.model.made[number] = self.model.made[number] or self.model.made[at]
  end
end

-- A file of the program's, written when it is first sent.
function Play:path(name)
  if not self.dir then
    self.dir = os.tmpname()
    os.remove(self.dir)
    assert(lfs.mkdir(self.dir))
  end
  return self.dir .. "/" .. name
end

local function write(path, content)
  local file <close> = assert(io.open(path, "wb"))
  file:write(content)
end

function special.file(self, device, step, number)
  local faults = device.faults.send_new_msg
  if not device.is_in or device.is_offline or faults and #faults > 0 then return end
  local file = { path = self:path(("file %d.bin"):format(number)), content = ("file %d\n"):format(number):rep(number % 7 * 100 + 1) }
  write(file.path, file.content)
  self.model:file(device, number, { type = step.type, to = step.to, file = file })
  self:call(device, number, "send_new_msg", step.to, step.type, {
    message_elem_array = { { elem_type = 4, file_elem_file_path = file.path } },
  })
end

function special.download(self, device, step, number)
  if not device.is_in then return end
  local made = step.of and self.model.made[step.of]
  local file = made and made.file
  local id = file and file.id or ("a"):rep(64)
  local path = self:path(("copy %d.bin"):format(number))
  self.model:download(device, number, file)
  self:call(device, number, "download_elem_to_path", {
    msg_download_elem_param_type = 1, msg_download_elem_param_id = step.form ~= "url" and id or nil,
    msg_download_elem_param_url = step.form ~= "id" and "hub:" .. id or nil,
  }, path)
  self.hub:flush()
  local copy <close> = io.open(path, "rb")
  if (copy and copy:read "a") ~= (not device.is_offline and file and file.content or nil) then
    error({ difference = ("%s: what was downloaded is not the file"):format(device.name) }, 0)
  end
end

function special.set_clock(self, _, step)
  self.model.skew = self.model.skew + step.seconds
  self.hub:set_now(self.hub:now() + step.seconds)
end

function special.advance(self, _, step)
  self.model:advance(step.ms)
  self.hub:advance(step.ms)
end

function special.receipts(self, device, step, number)
  if not device.is_open then return end
  device.wants_receipts = step.on
  self.model:answer(device, number, 0)
  self:call(device, number, "set_config", { set_config_user_config = { user_config_is_read_receipt = step.on } })
end

function special.fault(self, device, step)
  if not device.is_open then return end
  local fault = step.fault
  device.faults[fault.call] = device.faults[fault.call] or {}
  table.insert(device.faults[fault.call], fault)
  local client = self.actors[device.name].client
  if fault.kind == "fail" then
    self.hub:fail(client, fault.call, fault.code)
  elseif fault.kind == "slow" then
    self.hub:slow(client, fault.call, fault.ms)
  else
    self.hub:cut(client, fault.call)
  end
end

function Play:step(number, step)
  local model = self.model
  local device = step.device and model:device(step.device) or nil
  if device and not self.actors[device.name] then self.actors[device.name] = { got = fresh(), mirror = {} } end
  for _, actor in pairs(self.actors) do actor.got = fresh() end
  model:begin()
  if special[step.op] then
    special[step.op](self, device, step, number)
    self.hub:flush()
  elseif device.is_open or step.op == "login" then
    self:call(device, number, call.of(model, device, step))
    self.hub:flush()
    model.answered = {}
    for _, answer in ipairs(self.actors[device.name].got.answers) do model.answered[answer.number] = true end
    if device.is_in or step.op == "login" then
      model[step.op](model, device, number, step)
    else
      model:answer(device, number, -2) -- 1
    end
  end
  model:deliver()
  for _, name in ipairs(model.names) do
    compare.told(model, model.devices[name], self.actors[name].got, self.actors[name].mirror)
  end
  for _, name in ipairs(model.names) do
    if model.devices[name].is_in then self:look(model.devices[name], number) end
  end
end

-- Plays it. nil: both agree; else the number of the step after which they do not, and how.
function player.play(program, seed)
  local self = setmetatable({
    model = Model.new(START), hub = testing.new { seed = seed or 1, time = START }, actors = {},
  }, Play)
  local failed, difference
  for _, step in ipairs(program) do
    local number = step.n
    local ok, err = xpcall(self.step, function(err)
      if type(err) == "table" and err.difference then return err.difference end
      return debug.traceback(tostring(err), 2)
    end, self, number, step)
    if not ok then
      failed, difference = number, err
      break
    end
  end
  pcall(self.hub.close, self.hub)
  if self.dir then
    for name in lfs.dir(self.dir) do
      if name ~= "." and name ~= ".." then os.remove(self.dir .. "/" .. name) end
    end
    lfs.rmdir(self.dir)
  end
  return failed, difference
end

return player
