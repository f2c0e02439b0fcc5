-- What is played while something of the system fails (faults.c): two users on a hub in a directory, with threads, files, and
-- logs. As scenario.lua: returns a function that plays, and may come to grief anywhere, and one that looks at what it left.

local player = require "faults.player"
local timmsg = require "timmsg"

local C2C <const> = timmsg.C2C
local CONTENT <const> = ("content"):rep(20000)

local self <const> = player.new(function(dir) return "hub:" .. dir .. "/hub" end, 10)

local function play()
  local film = self:write("film.bin", CONTENT)
  local picture = self:write("picture.png", "\137PNG\r\n\26\n\0\0\0\13IHDR\0\0\0\3\0\0\0\2\8\2\0\0\0" .. ("x"):rep(100))
  local alice, bob = self:client "alice", self:client "bob"
  if not (alice and bob) then return end
  local is_in = self:login "alice" == 0
  if self:login "bob" ~= 0 or not is_in then return end
  self:send(alice, "one")
  self:send(alice, "two")
  self:ask(alice, "send_new_msg", "bob", C2C, timmsg.image(picture))
  local code, _, msg = self:ask(alice, "send_new_msg", "bob", C2C, timmsg.file(film))
  if code == 0 then self:download(bob, msg.message_elem_array[1], "film.copy") end
  self:ask(bob, "get_msg_list", "alice", C2C, { msg_getmsglist_param_count = 10 })
  self:ask(bob, "logout")
  self:send(alice, "three")
  -- the same device again: what the last one left is found
  if self:login "bob" == 0 then self:send(alice, "four") end
end

local function look()
  self:close_all()
  local alice, bob = assert(self:client "alice"), assert(self:client "bob")
  for user in pairs(self.clients) do
    local code, desc = self:login(user)
    assert(code == 0, desc)
  end
  table.insert(self.failed, { timmsg.text "afterwards", "bob", C2C })
  self:send_failed(alice)
  local code, desc, msg = self:ask(alice, "send_new_msg", "bob", C2C, timmsg.file(self.dir .. "/film.bin"))
  assert(code == 0, desc)
  self:download(bob, msg.message_elem_array[1], "film.again")
  self:has_all(bob, "alice", "bob", C2C)
  self:has_all(alice, "bob", "bob", C2C)
end

return play, function() self:look(look) end
