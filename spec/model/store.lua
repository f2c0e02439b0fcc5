-- Store: the conversations of a device of the model. A conversation: type, name, listed, active (its time), stirred (to
-- order those of one time) and stirred_in (the moment of that, if it is one without an order), draft, top_seq, rows,
-- my_read and peer_read (places in the log), gone (the ids of what was deleted), cleared. A row: id, sender, seq, ctime,
-- stime, status, priority, elems, read, cint, cstr, and pos, its place in the log, once the backend has it.

local C2C <const> = 1
local SENDING <const>, SENT <const>, FAILED <const>, REVOKED <const> = 1, 2, 3, 6

local store = {}

function store.new(user) return { user = user, convs = {}, stirs = 0 } end

function store.nowhere(conv_type, name)
  return { type = conv_type, name = name, rows = {}, gone = {}, my_read = 0, peer_read = 0, top_seq = 0, active = 0, stirred = 0,
    cleared = 0 }
end

function store.known(self, conv_type, name)
  for _, conv in ipairs(self.convs) do
    if conv.type == conv_type and conv.name == name then return conv end
  end
  return nil
end

-- The conversation, which is in no list before something happens in it.
function store.conv(self, conv_type, name)
  local conv = store.known(self, conv_type, name)
  if not conv then
    conv = store.nowhere(conv_type, name)
    conv.user = self.user
    table.insert(self.convs, conv)
  end
  return conv
end

-- Rule 10: the highest seq that was seen.
function store.see(conv, seq) conv.top_seq = math.max(conv.top_seq, seq) end

-- Rule 41: there was activity of that time; it makes the conversation, if it was not in the list.
function store.stir(self, conv, time)
  self.stirs = self.stirs + 1
  conv.listed, conv.active, conv.stirred, conv.stirred_in = true, math.max(conv.active, time), self.stirs, self.moment
end

-- Whether a conversation may stand above another. What happens at one moment, when a device has a way again, has no order:
-- what it sends then, and what it hears.
function store.may_be_above(one, other)
  if one.active ~= other.active then return one.active > other.active end
  return one.stirred > other.stirred or one.stirred_in ~= nil and one.stirred_in == other.stirred_in
end

-- ---- rows ----

function store.find(conv, id)
  for _, row in ipairs(conv.rows) do
    if row.id == id then return row end
  end
  return nil
end

-- Rule 12.
function store.place_time(row)
  return (row.status == SENDING or row.status == FAILED or row.stime == 0) and row.ctime or row.stime
end

function store.seq(row) return row.seq or row.id.seq end

function store.before(one, other)
  local time, other_time = store.place_time(one), store.place_time(other)
  if time ~= other_time then return time < other_time end
  local seq, other_seq = store.seq(one), store.seq(other)
  if seq ~= other_seq then return math.ult(seq, other_seq) end
  if one.sender ~= other.sender then return one.sender < other.sender end
  return math.ult(one.id.rand or 0, other.id.rand or 0)
end

function store.sorted(conv)
  local rows = table.move(conv.rows, 1, #conv.rows, 1, {})
  table.sort(rows, store.before)
  return rows
end

-- The row of a message that the backend has. Rules 25, 29.
function store.row_of(conv, msg, user)
  return {
    id = msg.id, sender = msg.sender, seq = msg.seq, ctime = msg.ctime, stime = msg.stime, pos = msg.pos,
    status = msg.revoked and REVOKED or SENT, priority = msg.priority, elems = msg.elems, cint = 0, cstr = "",
    read = msg.sender == user or msg.revoked ~= nil or msg.pos <= conv.my_read,
  }
end

-- Rule 41: `latest`: the activity is of that time at most.
function store.insert(self, conv, row, latest)
  table.insert(conv.rows, row)
  local time = store.place_time(row)
  store.stir(self, conv, latest and math.min(time, latest) or time)
end

-- A row that came with history.
function store.settle(self, conv, row)
  row.read = row.read or row.pos <= conv.my_read
  store.see(conv, row.seq)
  store.insert(self, conv, row)
end

-- Rules 12, 14: the backend has it: it moves, once.
function store.accept(row, msg) row.status, row.stime, row.seq, row.pos = SENT, msg.stime, msg.seq, msg.pos end

function store.revoke(row) row.status, row.elems, row.read = REVOKED, {}, true end

-- ---- reading ----

function store.unread(conv)
  local count = 0
  for _, row in ipairs(conv.rows) do
    if not row.read then count = count + 1 end
  end
  return count
end

-- Rule 26: up to a place in the log. What was reported before is not reported again: what was saved as unread since stays so.
function store.read_up_to(conv, upto)
  if upto <= conv.my_read then return end
  conv.my_read = upto
  for _, row in ipairs(conv.rows) do
    if row.pos and row.pos <= upto then row.read = true end
  end
end

-- What the backend knows nothing of, or knows to be read. True: there was some.
function store.read_here(conv, time)
  local any = false
  for _, row in ipairs(conv.rows) do
    if not row.read and store.place_time(row) <= time and (not row.pos or row.pos <= conv.my_read) then
      row.read, any = true, true
    end
  end
  return any
end

-- Rule 26: the newest of the messages up to that time that this device has and that are not read: its place in the log
-- and its time. With oneself there are no unread ones: the newest.
function store.newest_unread(conv, time, user)
  local upto, at
  local to_self = conv.type == C2C and conv.name == user
  local function look(pos, stime)
    if pos and stime <= time and pos > (upto or 0) then upto, at = pos, stime end
  end
  for _, row in ipairs(conv.rows) do
    if to_self or not row.read then look(row.pos, row.stime) end
  end
  if not to_self and conv.owed then look(conv.owed.pos, conv.owed.stime) end
  return upto, at
end

-- Rule 32: Save made it read, which the backend hears with the next report.
function store.owe(conv, row)
  if not conv.owed or conv.owed.pos < row.pos then conv.owed = { pos = row.pos, stime = row.stime } end
end

-- Rule 27: whether an own message would be read by the peer, if the backend was asked just now: also an imported one that it
-- knows.
function store.would_be_peer_read(conv, row)
  local pos = row.pos or row.known_pos
  return conv.type == C2C and row.sender == conv.user and conv.maybe ~= nil and pos ~= nil and pos > conv.peer_read
    and pos <= conv.maybe.peer_read
end

-- ---- deleting: rule 36 ----

local function remove(conv, row)
  for i, other in ipairs(conv.rows) do
    if other == row then table.remove(conv.rows, i) end
  end
  row.deleted = true
  conv.gone[row.id] = true
end

function store.delete(conv, row) remove(conv, row) end

-- All: what is here, and with it what is older and never was here.
function store.delete_all(conv)
  for _, row in ipairs(conv.rows) do
    if row.pos then conv.cleared = math.max(conv.cleared, row.pos) end
  end
  while #conv.rows > 0 do remove(conv, conv.rows[#conv.rows]) end
end

-- Whether a message that does not come as a new one was deleted here.
function store.is_gone(conv, msg) return conv.gone[msg.id] or msg.pos <= conv.cleared end

return store
