-- What is played on an XMPP server (faults.c; spec/serve.lua starts it, and has made the accounts): two users, receipts,
-- groups, a file, a revocation. As scenario.lua: returns a function that plays, and may come to grief anywhere, and one that
-- looks at what it left. The server stays over all runs: each has its own texts, new devices, and of the server's pairs of
-- users (spec/serve.lua) the next, lest what they are told at login becomes more and more.

local player = require "faults.player"
local timmsg = require "timmsg"

local C2C <const>, GROUP <const> = timmsg.C2C, timmsg.GROUP

-- longer than a request's own 30 s
local self <const> = player.new(function() return os.getenv "TIMMSG_SERVER" end, 45, os.getenv "TIMMSG_PASSWORD")

local pair <const> = ... % math.tointeger(os.getenv "TIMMSG_PAIRS") + 1
local ALICE <const>, BOB <const> = "alice" .. pair, "bob" .. pair
local run <const> = self.dir:match "([^/_]+)%.dir$"
local group <const> = "g" .. run:lower()
local open_group <const> = "o" .. run:lower()

local function text(what) return run .. " " .. what end

local function page(of, conv, conv_type, is_remble)
  local _, _, list = self:ask(of, "get_msg_list", conv, conv_type,
    { msg_getmsglist_param_count = 10, msg_getmsglist_param_is_remble = is_remble })
  return list or {}
end

-- What bob does with the newest message that he has of alice's.
local function read_newest(bob)
  for _, msg in ipairs(page(bob, ALICE, C2C, true)) do
    if not msg.message_is_from_self then
      self:ask(bob, "report_readed", ALICE, C2C, msg)
      return
    end
  end
end

local function play()
  local film = self:write("film.bin", ("content"):rep(1000))
  local alice, bob = self:client(ALICE), self:client(BOB)
  if not (alice and bob) then return end
  local is_in = self:login(ALICE) == 0
  if self:login(BOB) ~= 0 or not is_in then return end
  self:ask(bob, "set_config", { set_config_user_config = { user_config_is_read_receipt = true } })
  self:send(alice, text "one", BOB, C2C)
  local two = self:send(alice, text "two", BOB, C2C)
  read_newest(bob)
  if two and self:ask(alice, "revoke", BOB, C2C, two) == 0 then self:forget(text "two", BOB, C2C) end
  local created = self:ask(alice, "group_create", {
    create_group_param_group_id = group, create_group_param_group_name = "The " .. group,
    create_group_param_group_member_array = timmsg.array { { group_member_info_identifier = BOB } },
  })
  if created == 0 then
    self.has_group = true
    self:send(alice, text "to all", group, GROUP)
    self:ask(bob, "send_new_msg", group, GROUP, timmsg.text(text "from bob"))
    page(bob, group, GROUP, true)
    self:ask(alice, "group_get_member_info_list", { group_get_members_info_list_param_group_id = group })
  end
  self.has_open_group = self:ask(alice, "group_create",
    { create_group_param_group_id = open_group, create_group_param_group_name = "For all" }) == 0
  if self.has_open_group then
    self.bob_is_out = self:ask(bob, "group_join", open_group, "") ~= 0
    self:ask(bob, "send_new_msg", open_group, GROUP, timmsg.text(text "hello"))
    self.bob_is_out = self:ask(bob, "group_quit", open_group) == 0 or self.bob_is_out
  end
  local code, _, msg = self:ask(alice, "send_new_msg", BOB, C2C, timmsg.file(film))
  if code == 0 then self:download(bob, msg.message_elem_array[1], "film.copy") end
  self:ask(alice, "batch_send", {
    msg_batch_send_param_identifier_array = { BOB, ALICE }, msg_batch_send_param_msg = timmsg.text(text "to many"),
  })
  self:ask(bob, "logout")
  self:send(alice, text "three", BOB, C2C)
  -- the same device again
  if self:login(BOB) == 0 then self:send(alice, text "four", BOB, C2C) end
end

local function look()
  self:close_all()
  local alice, bob = assert(self:client(ALICE)), assert(self:client(BOB))
  for user in pairs(self.clients) do
    local code, desc = self:login(user)
    assert(code == 0, desc)
  end
  table.insert(self.failed, { timmsg.text(text "afterwards"), BOB, C2C })
  if self.has_group then table.insert(self.failed, { timmsg.text(text "at last"), group, GROUP }) end
  self:send_failed(alice)
  self:has_all(bob, ALICE, BOB, C2C)
  self:has_all(alice, BOB, BOB, C2C)
  if self.has_group then
    self:has_all(alice, group, group, GROUP, true)
    self:has_all(bob, group, group, GROUP, true)
    local code, desc = self:ask(alice, "group_delete", group)
    assert(code == 0, desc)
  end
  if self.has_open_group then
    local code, desc = self:ask(bob, "send_new_msg", open_group, GROUP, timmsg.text(text "again"))
    assert((code == 0) ~= self.bob_is_out, desc)
    code, desc = self:ask(alice, "group_delete", open_group)
    assert(code == 0, desc)
  end
end

return play, function() self:look(look) end
