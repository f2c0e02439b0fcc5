-- Ledger of the rounds: what was told to be sent, what was reported of it, and whether all stores say the same.
--
-- A message is a table: `text` (no other has it), `type`, `conv`, `sender`, `receivers` (players), `plan` (the round's, whose
-- `told` has its messages in order), `life` (the sender's, when it was told), `code` (once it is reported).

local players = require "players"

local SENDING <const>, SENT <const>, FAILED <const> = 1, 2, 3
local C2C <const>, GROUP <const> = 1, 2
local REQUEST_TIMEOUT <const> = 6012

local ledger = {}

-- Has a player send a text to another one, or to the group (peer nil); a file too, if its path is given.
function ledger.send(sender, peer, text, path)
  local lane = sender.lane
  local message = { text = text, type = peer and C2C or GROUP, conv = peer and peer.user or lane.group, sender = sender,
    receivers = { peer }, plan = lane.plan, life = sender.lives }
  for _, player in ipairs(peer and {} or lane.players) do
    if player ~= sender then table.insert(message.receivers, player) end
  end
  lane.messages[text] = message
  table.insert(lane.plan.told, message)
  if path then
    players.tell(sender, "media", message.type, message.conv, path, text)
  else
    players.tell(sender, "send", message.type, message.conv, text)
  end
  return message
end

-- What failed is sent again. The senders' rows have been read.
function ledger.send_again(plan)
  for _, message in ipairs(plan.told) do
    local sender = message.sender
    local row = sender.rows[message.text]
    if row and row.status == FAILED then
      message.first_code, message.code, message.life, message.is_again = message.code, nil, sender.lives, true
      players.tell(sender, "again", message.type, message.conv, message.text)
    end
  end
end

-- Told to a life that is over, of which nobody hears any more, it counts as reported.
local function is_reported(message)
  return message.code or message.life ~= message.sender.lives
end

-- Waits until all that were told to the senders as they live now have been reported.
function ledger.await_reports(plan)
  players.wait(function()
    for _, message in ipairs(plan.told) do
      if not is_reported(message) and not message.sender.ended then return false end
    end
    return true
  end)
  for _, message in ipairs(plan.told) do
    if not is_reported(message) then
      players.complain(message.sender, "other", message.text, "never reported (%s)", message.sender.ended)
    end
  end
end

-- Whether the receivers have all that counts as sent. One that was killed may have it without having told. The senders' rows
-- have been read.
function ledger.has_all(plan)
  local rows = {}
  for _, message in ipairs(plan.told) do
    local row = message.sender.rows[message.text]
    local is_sent = message.code == 0 or row and row.status == SENT
    for _, receiver in ipairs(message.receivers) do
      if is_sent and not receiver.got[message.text] then
        if not receiver.died then return false end
        rows[receiver] = rows[receiver] or players.rows_of(receiver)
        if not rows[receiver][message.text] then return false end
      end
    end
  end
  return true
end

local function check(message, sender, receiver)
  local text, code = message.text, message.code
  local here, there, told = sender.rows[text], receiver.rows[text], receiver.got[text] or 0
  local known = here and here.status
  if code == 0 and not there then players.complain(receiver, "lost", text, "it is not in the store; told %d times", told) end
  if there and there.count > 1 then players.complain(receiver, "doubled", text, "%d times in the store", there.count) end
  if there and told == 0 and not receiver.died then players.complain(receiver, "other", text, "in the store, but nobody was told") end
  if told > 0 and not there then players.complain(receiver, "other", text, "told, but not in the store") end
  if there and there.status ~= SENT then players.complain(receiver, "other", text, "in state %d in the store", there.status) end
  if here and here.count > 1 then players.complain(sender, "doubled", text, "%d times in the sender's store", here.count) end
  if message.is_taken and code and not here then players.complain(sender, "other", text, "it is not in the sender's store") end
  if code == 0 and here and known ~= SENT then players.complain(sender, "other", text, "in state %d in the sender's store", known) end
  if known == SENDING then players.complain(sender, "other", text, "never settled") end
  if known == SENT and not there then players.complain(receiver, "lost", text, "the sender's store says that it was sent") end
  -- after a time-out nobody can know
  if known == FAILED and there and code ~= REQUEST_TIMEOUT then
    players.complain(sender, "other", text, "it has come, but the sender's store had said that it was not sent")
  end
end

-- Whether what was reported, the sender's store and those of the receivers are of one mind. The rows of all have been read.
function ledger.check(message)
  for _, receiver in ipairs(message.receivers) do
    check(message, message.sender, receiver)
  end
end

-- Whether those rows have nothing of the plan that is still on its way.
function ledger.is_settled(rows, plan)
  for _, message in ipairs(plan.told) do
    if rows[message.text] and rows[message.text].status == SENDING then return false end
  end
  return true
end

return ledger
