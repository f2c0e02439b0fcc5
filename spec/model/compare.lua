-- Compare: what the model says against what the library showed. A difference is an error whose value is a text. What the
-- model cannot know (a message's rand, derived ids, how much of the history was fetched beyond the page) it learns here,
-- once; from then on it must stay so.

local store = require "model.store"
local view = require "model.view"

local ADD <const>, DEL <const> = 0, 1

local compare = {}

local function differ(what, ...) error({ difference = what:format(...) }, 0) end

-- Any value, short, for the reader of a difference.
local function show(value, depth)
  if type(value) ~= "table" then return type(value) == "string" and ("%q"):format(value:sub(1, 60)) or tostring(value) end
  if (depth or 0) > 4 then return "{…}" end
  local keys, parts = {}, {}
  for key in pairs(value) do
    if type(key) ~= "table" then table.insert(keys, key) end
  end
  table.sort(keys, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) == "number"
  end)
  for _, key in ipairs(keys) do
    local text = show(value[key], (depth or 0) + 1)
    table.insert(parts, type(key) == "number" and text or key .. " = " .. text)
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end
compare.show = show

-- ---- learning ----

-- The id has this rand, and nobody else has.
local function learn(model, id, rand, seq, path)
  model.rands = model.rands or {}
  if id.rand == nil then
    if math.type(rand) ~= "integer" or rand <= 0 or rand > 0xffffffff then differ("%s: rand is %s", path, show(rand)) end
    if model.rands[rand] then differ("%s: rand %d is another message's", path, rand) end
    id.rand = rand
    model.rands[rand] = id
  end
  if id.seq == nil then id.seq = seq end
end

-- Completes a Message or a locator of the model by its id.
local function complete(model, expected, got, path)
  local id = expected[view.ID]
  local at = expected.message_conv_id and "message_" or "message_locator_"
  learn(model, id, got[at .. "rand"], got[at .. "seq"], path)
  expected[view.ID] = nil
  expected[at .. "seq"] = expected[at .. "seq"] or id.seq
  expected[at .. "rand"] = id.rand
  local time = expected.message_server_time or expected.message_locator_time
  expected[at .. "unique_id"] = view.unique_id(expected[at .. "conv_type"], time, expected[at .. "seq"], id.rand)
end

local function same(model, expected, got, path)
  if expected == view.EITHER and type(got) == "boolean" then return end
  if type(expected) ~= "table" or type(got) ~= "table" then
    if expected ~= got then differ("%s: expected %s, got %s", path, show(expected), show(got)) end
    return
  end
  if expected[view.ID] then complete(model, expected, got, path) end
  local file = model.files[expected]
  if file then -- 21, 39: its id, which is known from then on
    file.id = file.id or tostring(got.file_elem_file_id):match "^%x+$"
    expected.file_elem_file_id, expected.file_elem_url = file.id, file.id and "hub:" .. file.id
  end
  for key, value in pairs(expected) do
    local other = got[key]
    if value ~= other or type(value) == "table" then same(model, value, other, path .. "." .. key) end
  end
  for key, value in pairs(got) do
    if expected[key] == nil then differ("%s.%s: %s was not expected", path, key, show(value)) end
  end
end

-- The beginning of a text, nil if there is none.
local function text_in(elems)
  local text = elems[1] and elems[1].text_elem_content
  return text and text:sub(1, 20)
end

local function text_of(msg) return text_in(msg.message_elem_array) end

local function texts(list)
  local found = {}
  for i, msg in ipairs(list) do found[i] = text_of(msg) or ("%s/%d"):format(msg.message_sender, msg.message_seq or 0) end
  return table.concat(found, " ")
end

local function both(expected, got)
  local parts = {}
  for i, list in ipairs { expected, got } do
    local first = list[1]
    parts[i] = type(first) == "table" and first.message_elem_array and texts(list) or show(list)
  end
  return ("\n  expected: %s\n  got:      %s"):format(parts[1], parts[2])
end

local function same_list(model, expected, got, path)
  if #expected ~= #got then
    differ("%s: %d were expected, there are %d%s", path, #expected, #got, both(expected, got))
  end
  for i, one in ipairs(expected) do
    local ok, err = pcall(same, model, one, got[i], ("%s[%d]"):format(path, i))
    if not ok and type(err) == "table" then err.difference = err.difference .. both(expected, got) end
    if not ok then error(err, 0) end
  end
end

-- What only a look into the store can tell: ids that were derived, and what was fetched with a page.
local function learn_from_history(model, device, conv, got)
  local known, by_text = {}, {}
  for _, row in ipairs(conv.rows) do
    if row.id.rand and store.seq(row) then known[row.id.rand] = true end
  end
  for _, msg in ipairs(got) do
    local text = not known[msg.message_rand] and (text_of(msg) or msg.message_seq)
    if text then
      by_text[text] = by_text[text] or {}
      table.insert(by_text[text], msg)
    end
  end
  local function take(row)
    local found = by_text[text_in(row.elems) or store.seq(row)]
    local msg = found and table.remove(found, 1)
    if msg then learn(model, row.id, msg.message_rand, msg.message_seq, "history") end
    return msg
  end
  for _, row in ipairs(conv.rows) do
    if not row.id.rand or not store.seq(row) then take(row) end
  end
  local maybe = conv.maybe
  if not maybe then return end
  local here = {}
  for _, msg in ipairs(got) do here[msg.message_rand] = true end
  for _, row in ipairs(maybe) do
    if not row.id.rand then take(row) end
    if row.id.rand and here[row.id.rand] and not store.find(conv, row.id) then
      maybe.learn()
      device.store.moment = device.store.last_moment -- it came in what the step began with
      store.settle(device.store, conv, row)
      device.store.moment = nil
    end
  end
  local by_rand = {}
  for _, msg in ipairs(got) do by_rand[msg.message_rand] = msg end
  for _, row in ipairs(conv.rows) do
    local msg = by_rand[row.id.rand]
    if msg and msg.message_is_peer_read and store.would_be_peer_read(conv, row) then maybe.learn() end
  end
  conv.maybe = nil
end

-- ---- what is told ----

local function same_answers(model, expected, got, path)
  if #expected ~= #got then
    local function numbers(list)
      local found = {}
      for i, one in ipairs(list) do found[i] = ("%d: %d"):format(one.number, one.code) end
      return table.concat(found, ", ")
    end
    differ("%s: calls answered: expected %s; got %s", path, numbers(expected), numbers(got))
  end
  -- those that succeed are answered in their order; what is refused or cancelled need not wait for them, and a page may
  -- have to ask the backend more than once
  local by_number, order, is_page = {}, { {}, {} }, {}
  for _, answer in ipairs(got) do by_number[answer.number] = answer end
  for _, answer in ipairs(expected) do
    local result = answer.result
    is_page[answer.number] = type(result) == "table" and (result.list or result.anything) and true
  end
  for i, list in ipairs { expected, got } do
    for _, answer in ipairs(list) do
      if answer.code == 0 and not is_page[answer.number] then table.insert(order[i], answer.number) end
    end
  end
  if #order[1] == #order[2] then same_list(model, order[1], order[2], path .. ": calls that succeeded") end
  for _, answer in ipairs(expected) do
    local other = by_number[answer.number] or {}
    local here = ("%s: answer of call %d"):format(path, answer.number)
    if not other.number then differ("%s: another call is answered instead", here) end
    if answer.code ~= other.code then
      differ("%s: code %s was expected, got %s (%s)", here, answer.code, other.code, other.desc)
    end
    if (other.desc == "") ~= (answer.code == 0) then differ("%s: desc is %s", here, show(other.desc)) end -- 3
    local result = answer.result
    if result == nil then
      if other.result ~= nil then differ("%s: a result: %s", here, show(other.result)) end
    elseif result.list then
      same_list(model, result.list, other.result or {}, here)
    elseif result.anything then
      if type(other.result) ~= "table" then differ("%s: no result", here) end
    elseif result.is then
      same(model, result.is, other.result, here)
    elseif result.any_order then
      local function by_key(one, another) return one[result.key] < another[result.key] end
      local list = result.inside and other.result[result.inside] or other.result
      table.sort(result.any_order, by_key)
      table.sort(list, by_key)
      same_list(model, result.any_order, list, here)
    elseif result.conv then
      same(model, result.conv, other.result, here)
    elseif result.identifier or result[1] and result[1].identifier then
      for k, one in ipairs(result) do
        local entry = other.result[k] or {}
        local at = ("%s[%d]"):format(here, k)
        if entry.msg_batch_send_result_identifier ~= one.identifier then differ("%s: %s", at, show(entry)) end
        if entry.msg_batch_send_result_code ~= one.code then
          differ("%s: code %d was expected, got %s", at, one.code, show(entry.msg_batch_send_result_code))
        end
        local copy = {}
        for key, value in pairs(one.msg) do copy[key] = value end
        same(model, copy, entry.msg_batch_send_result_msg, at)
      end
    else
      same(model, result, other.result, here)
    end
  end
end

-- Rule 41: the events, one after the other, make the list. `mirror`: the entries that were told last, by "type/name".
local function follow_events(model, device, mirror, got, path)
  local touched = {}
  for conv in pairs(model.touched[device.name] or {}) do touched[conv.type .. "/" .. conv.name] = true end
  for _, event in ipairs(got.events) do
    local seen = {}
    for _, conv in ipairs(event.convs) do
      local key = conv.conv_type .. "/" .. conv.conv_id
      if seen[key] then differ("%s: one event tells of %s twice", path, key) end
      seen[key] = true
      if not touched[key] then differ("%s: event %d tells of %s, where nothing happened", path, event.event, key) end
      if (event.event == ADD) == (mirror[key] ~= nil) then
        differ("%s: event %d of %s, which was %s", path, event.event, key, mirror[key] and "there" or "not there")
      end
      mirror[key] = event.event ~= DEL and conv or nil
    end
  end
end

-- The locators without those that need not be told, and were not.
local function without_perhaps(expected, got)
  local told, list = {}, {}
  for _, locator in ipairs(got) do told[locator.message_locator_rand] = true end
  for _, locator in ipairs(expected) do
    if not locator[view.PERHAPS] or told[locator[view.ID].rand] then table.insert(list, locator) end
    locator[view.PERHAPS] = nil
  end
  return list
end

-- All that a device was told in a step. `got`: messages, revoked, receipts, tips, network, answers, events, batches.
function compare.told(model, device, got, mirror)
  local path = device.name
  local expected = model.told[device.name] or { messages = {}, revoked = {}, receipts = {}, tips = {}, network = {}, answers = {} }
  same_answers(model, expected.answers, got.answers, path)
  same_list(model, expected.messages, got.messages, path .. ": new messages")
  same_list(model, without_perhaps(expected.revoked, got.revoked), got.revoked, path .. ": revoked")
  same_list(model, expected.receipts, got.receipts, path .. ": receipts")
  same_list(model, expected.tips, got.tips, path .. ": tips")
  same_list(model, expected.network, got.network, path .. ": network")
  for _, size in ipairs(got.batches) do
    if size > 100 or size == 0 then differ("%s: an array of %d messages", path, size) end -- 22
  end
  follow_events(model, device, mirror, got, path)
end

-- ---- what can be looked at ----

-- Rule 41: the list, newest activity first.
local function same_convs(model, device, list)
  local path = device.name .. ": conversations"
  local left, above = {}, nil
  for _, conv in ipairs(device.store.convs) do
    if conv.listed then left[conv.type .. "/" .. conv.name] = conv end
  end
  for _, entry in ipairs(list) do
    local key = entry.conv_type .. "/" .. entry.conv_id
    local conv = left[key]
    if not conv then differ("%s: %s was not expected", path, key) end
    left[key] = nil
    same(model, view.conv(device, conv), entry, path .. ": " .. key)
    if above and not store.may_be_above(above, conv) then differ("%s: %s is above %s", path, above.name, conv.name) end
    above = conv
  end
  local missing = next(left)
  if missing then differ("%s: %s is missing", path, missing) end
end

-- `list`: of conversations; `histories`: by "type/name", oldest first.
function compare.seen(model, device, list, histories, mirror)
  for _, conv in ipairs(device.store.convs) do
    local history = histories[conv.type .. "/" .. conv.name]
    if history then
      learn_from_history(model, device, conv, history)
      local rows = store.sorted(conv)
      local expected = {}
      for i, row in ipairs(rows) do expected[i] = view.message(device, conv, row) end
      same_list(model, expected, history, ("%s: history of %s"):format(device.name, conv.name))
    end
  end
  same_convs(model, device, list)
  local count = 0
  for _, conv in ipairs(list) do
    local key = conv.conv_type .. "/" .. conv.conv_id
    count = count + 1
    if not mirror[key] then differ("%s: no event told of %s", device.name, key) end
    same(model, conv, mirror[key], ("%s: what an event told last of %s"):format(device.name, key))
  end
  for _ in pairs(mirror) do count = count - 1 end
  if count ~= 0 then differ("%s: events told of more conversations than there are", device.name) end
end

-- Pages that were walked backwards, newest first, are the history the other way round (33).
function compare.backward(device, conv, history, walked)
  local path = ("%s: pages of %s backwards"):format(device.name, conv.name)
  if #history ~= #walked then differ("%s: %d of %d", path, #walked, #history) end
  for i, msg in ipairs(walked) do
    local other = history[#history + 1 - i]
    if msg.message_rand ~= other.message_rand or msg.message_seq ~= other.message_seq then
      differ("%s: at %d %s, expected %s", path, i, texts { msg }, texts { other })
    end
  end
end

return compare
