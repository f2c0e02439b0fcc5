-- Compare: plays a program on the model and on the library, step by step, and says where they part.

local model = require "model.model"
local player = require "model.player"

local TIME <const> = 1700000000
local SYSTEM <const> = "@TIM#SYSTEM"

local compare = {}

local function shown(text, sender, seq, status, read, peer_read)
  return ("%s by %s, seq %d, state %d%s%s"):format(text, sender, seq, status, read and ", read" or "",
    peer_read and ", read by the peer" or "")
end

-- The messages as lines, in order; those that only rand puts in order (rule 12), which the model does not know, by text.
local function lines(list)
  table.sort(list, function(a, b)
    if a.time ~= b.time then return a.time < b.time end
    if a.seq ~= b.seq then return a.seq < b.seq end
    if a.sender ~= b.sender then return a.sender < b.sender end
    return a.line < b.line
  end)
  local out = {}
  for i, row in ipairs(list) do out[i] = row.line end
  return out
end

local function model_rows(of, conv, user)
  local list = {}
  for _, row in ipairs(model.ordered(of)) do
    local peer_read = row.entry and row.sender == user and conv:sub(1, 1) == "c" and row.entry.pos <= of.peer_read
    local text = row.sender == SYSTEM and "tips" or row.text
    list[#list + 1] = { time = row.time, seq = row.seq, sender = row.sender,
                        line = shown(text, row.sender, row.seq, row.status, row.read, peer_read) }
  end
  return list
end

local function place(msg)
  local accepted = msg.message_server_time > 0 and msg.message_status ~= 1 and msg.message_status ~= 3
  return accepted and msg.message_server_time or msg.message_client_time
end

local function library_rows(play, messages)
  local list = {}
  for i, msg in ipairs(messages) do
    list[i] = { time = place(msg), seq = msg.message_seq, sender = msg.message_sender, rand = msg.message_rand,
                line = shown(play:text_of(msg), msg.message_sender, msg.message_seq, msg.message_status, msg.message_is_read,
                  msg.message_is_peer_read) }
  end
  return list
end

-- Rule 12, and that both ways of reading show the same.
local function order_is_wrong(rows, backwards)
  for i, row in ipairs(rows) do
    if backwards[#rows - i + 1].line ~= row.line then return "forward is not backward turned round" end
    local before = rows[i - 1]
    if before and (before.time > row.time or before.time == row.time and (before.seq > row.seq
        or before.seq == row.seq and (before.sender > row.sender or before.sender == row.sender and before.rand >= row.rand))) then
      return "the order of rule 12 does not hold"
    end
  end
end

local function join(list) return #list == 0 and "nothing" or table.concat(list, "; ") end

local function conv_differs(play, user, device, name, of)
  local messages = play:messages(user, device, name, true)
  local rows = library_rows(play, messages)
  local wrong = order_is_wrong(rows, library_rows(play, play:messages(user, device, name, false)))
  if wrong then return wrong end
  local expected, actual = join(lines(model_rows(of, name, user))), join(lines(rows))
  if expected ~= actual then return ("shows\n    %s\n  and should show\n    %s"):format(actual, expected) end
end

local function convs_differ(play, user, device, of)
  local shown_convs = play:convs(user, device)
  for name, conv in pairs(of.convs) do
    local info = shown_convs[name]
    if (info ~= nil) ~= conv.listed then return ("%s is %s"):format(name, info and "listed" or "not listed") end
    shown_convs[name] = nil
    local wrong = conv_differs(play, user, device, name, conv)
    if wrong then return name .. " " .. wrong end
    if info then
      local unread = model.unread(conv)
      if info.unread ~= unread then return ("%s has %d unread, not %d"):format(name, info.unread, unread) end
      local rows = model.ordered(conv)
      if (info.last ~= nil) ~= (#rows > 0) then return name .. " has a last message, or none, and should not" end
    end
  end
  local name = next(shown_convs)
  if name then return name .. " is listed" end
end

local function told_differs(play, user, device, of, step)
  local messages, revoked = play:told(user, device)
  local expected = {}
  for i, text in ipairs(of.told.messages) do expected[i] = text:sub(1, 1) == "t" and "tips" or text end
  if join(messages) ~= join(expected) then
    return ("was told of %s, not of %s"):format(join(messages), join(expected))
  end
  -- whoever revokes knows
  if step.op == "revoke" and step.user == user and step.device == device and #revoked == 0 then return end
  -- one that logs in is told of what was revoked meanwhile before there is somebody who listens
  if step.op == "login" and step.user == user and step.device == device then return end
  local wanted = { table.unpack(of.told.revoked) }
  table.sort(wanted)
  table.sort(revoked)
  if join(revoked) ~= join(wanted) then
    return ("was told that %s was revoked, not %s"):format(join(revoked), join(wanted))
  end
end

local function step_differs(by_rules, play, step)
  local expected = by_rules:take(step)
  local code = play:take(step)
  if code ~= expected then return ("completed with %d, not %d"):format(code, expected) end
  for user, of_user in pairs(by_rules.users) do
    for device, of in pairs(of_user.devices) do
      if of.online then
        local wrong = told_differs(play, user, device, of, step) or convs_differ(play, user, device, of)
        if wrong then return ("%s's %s %s"):format(user, device, wrong) end
      end
    end
  end
end

-- Plays the steps. nil, and how many of them could be taken: all is the same. Else what is not, and the number of the step.
function compare.play(steps)
  local by_rules, play <close> = model.new(TIME), player.new(TIME)
  local taken = 0
  for number, step in ipairs(steps) do
    if by_rules:fits(step) then
      taken = taken + 1
      local ok, wrong = pcall(step_differs, by_rules, play, step)
      if not ok then wrong = "an error: " .. tostring(wrong) end
      if wrong then return wrong, number end
    end
  end
  return nil, taken
end

-- The fewest steps of a program that differs which still differ (they are taken out in ever smaller parts), and how.
function compare.shrink(steps)
  local wrong, number = compare.play(steps)
  local best = { table.unpack(steps, 1, number) }
  local part = #best // 2
  while part > 0 do
    local first, smaller = 1, false
    while first <= #best do
      local fewer = { table.unpack(best, 1, first - 1) }
      table.move(best, first + part, #best, #fewer + 1, fewer)
      local still, at = compare.play(fewer)
      if still then
        best, wrong, smaller = { table.unpack(fewer, 1, at) }, still, true
      else
        first = first + part
      end
    end
    if not smaller then part = part // 2 end
  end
  return best, wrong
end

return compare
