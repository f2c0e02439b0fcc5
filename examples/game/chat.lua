-- Chat: what a game needs of timmsg, and nothing that draws. A chat is one user in one group: its lines, newest last, the
-- number of unread ones, what is typed, and what `poll` cost. The game calls frame() once a frame; all callbacks run in it.
--
-- What is said is stored, and comes to who was away. Where players are is not: `tell_all` sends online-only messages, which
-- reach those who are there and are forgotten.

local host = require "host"
local timmsg = require "timmsg"

local GROUP <const> = timmsg.GROUP
local PAGE <const> = 20
local BUDGET_MS <const> = 1 -- of a frame's 16
local COSTS <const> = 180   -- frames that are remembered

local Chat = {}
Chat.__index = Chat

-- ---- lines ----

local TIPS <const> = { "joined", "left", "was removed" } -- by group_tips_elem_tip_type

-- What identifies a message on every device.
local function key_of(seq, rand) return ("%d.%d"):format(seq, rand) end

local function show_revoked(line)
  line.text, line.face, line.picture, line.faint = "(taken back)", nil, nil, true
end

-- The line that shows a message: { who, text | face | picture, mine, state }.
function Chat:line_of(msg)
  local elem = msg.message_elem_array and msg.message_elem_array[1] or {}
  local line = { who = msg.message_sender, mine = msg.message_sender == self.user, msg = msg }
  if msg.message_status == timmsg.TIMMsg_Revoked then
    show_revoked(line)
  elseif elem.elem_type == timmsg.TIMElem_Text then
    line.text = elem.text_elem_content
  elseif elem.elem_type == timmsg.TIMElem_Face then
    line.face = elem.face_elem_index
  elseif elem.elem_type == timmsg.TIMElem_Image then
    line.picture = self:picture_of(elem)
  elseif elem.elem_type == timmsg.TIMElem_GroupTips then
    local what = TIPS[elem.group_tips_elem_tip_type] or "changed"
    line.who, line.text, line.faint = "*", table.concat(elem.group_tips_elem_user_array or {}, ", ") .. " " .. what, true
  elseif elem.elem_type == timmsg.TIMElem_GroupReport then -- of which there is one kind
    line.who, line.text, line.faint = "*", (elem.group_report_elem_op_user or "somebody") .. " deleted the group", true
  else
    line.text, line.faint = "(something this game can't show)", true
  end
  return line
end

-- Each message has one line, however often it is heard of: in a page, as news, as one's own that was sent.
function Chat:add(msg, at)
  local key = key_of(msg.message_seq, msg.message_rand)
  if self.by_key[key] then return end
  local line = self:line_of(msg)
  self.by_key[key] = line
  table.insert(self.lines, at or #self.lines + 1, line)
end

-- ---- pictures: fetched once, into the data directory, and drawn when they are there ----

function Chat:picture_of(elem)
  local id = elem.image_elem_thumb_id or elem.image_elem_orig_id
  local picture = id and self.pictures[id]
  if picture then return picture end
  picture = { done = 0 }
  if not id then -- one's own that is still on its way
    picture.path, picture.done = elem.image_elem_orig_path, 1
    return picture
  end
  self.pictures[id] = picture
  local path = self.data .. "/picture-" .. id:gsub("%W", "_")
  self.tim:download_elem_to_path({
    msg_download_elem_param_type = timmsg.TIMDownload_File,
    msg_download_elem_param_id = id,
    msg_download_elem_param_url = elem.image_elem_thumb_url,
  }, path, function(code, desc, sizes, more)
    if more then
      picture.done = sizes.msg_download_elem_result_current_size / math.max(1, sizes.msg_download_elem_result_total_size)
    elseif code == 0 then
      picture.path, picture.done = path, 1
    else
      picture.failure = desc
    end
  end)
  return picture
end

-- ---- sending ----

-- Shows the line at once; its state follows. What failed can be sent again, as the same message: it arrives once.
function Chat:send(msg)
  msg.message_sender, msg.message_status = self.user, timmsg.TIMMsg_Sending
  local line = self:line_of(msg)
  table.insert(self.lines, line)
  local function attempt(what)
    line.state, line.again = "sending", nil
    self.tim:send_new_msg(self.group, GROUP, what, function(code, desc, sent)
      line.msg, line.state = sent or what, code ~= 0 and "failed" or nil
      line.again = code ~= 0 and function() attempt(sent or what) end or nil
      if code ~= 0 then
        self.notice = desc
      else
        self.by_key[key_of(sent.message_seq, sent.message_rand)] = line
        if line.unwanted then self:revoke(line) end
      end
    end)
  end
  msg.message_sender, msg.message_status = nil, nil
  attempt(msg)
end

-- Sends once more what failed.
function Chat:send_again()
  for _, line in ipairs(self.lines) do
    if line.again then line.again() end
  end
end

function Chat:say(text) self:send(timmsg.text(text)) end
function Chat:smile(face) self:send(timmsg.face(face)) end
function Chat:show(path)
  local ok, message = pcall(timmsg.image, path)
  if ok then self:send(message) else self.notice = message end
end

-- To all who are in the arena now; nobody stores it.
function Chat:tell_all(data)
  if not self.ready then return end
  local msg = timmsg.custom(data)
  msg.message_is_online_msg = true
  self.tim:send_new_msg(self.group, GROUP, msg, function() end) -- the next one follows in a moment
end

function Chat:revoke(line)
  self.tim:revoke(self.group, GROUP, line.msg, function(code, desc)
    if code == 0 then show_revoked(line) else self.notice = desc end
  end)
end

-- Takes one's own last line back, everywhere. One that is still on its way is taken back when it is there.
function Chat:take_back()
  for at = #self.lines, 1, -1 do
    local line = self.lines[at]
    if line.mine and not line.faint and line.state ~= "failed" then
      if line.state then line.unwanted = true else self:revoke(line) end
      return
    end
  end
end

-- ---- reading ----

-- The page before the oldest line. `done` runs when there may be more lines.
function Chat:older(done)
  if self.loading or self.at_start or not self.ready then return end
  self.loading = true
  self.tim:get_msg_list(self.group, GROUP, {
    msg_getmsglist_param_count = PAGE,
    msg_getmsglist_param_last_msg = self.oldest,
    msg_getmsglist_param_is_remble = true, -- what this device has not, the server may have
  }, function(code, desc, page)
    self.loading = false
    if code ~= 0 then
      self.notice = desc
      return
    end
    for _, msg in ipairs(page) do self:add(msg, 1) end -- newest first
    self.oldest = page[#page] or self.oldest
    self.at_start = #page < PAGE
    if done then done() end
  end)
end

-- All that is there has been seen.
function Chat:seen()
  if self.unread > 0 and self.ready then
    self.unread = 0
    self.tim:report_readed(self.group, GROUP)
  end
end

-- ---- coming and going ----

function Chat:enter()
  local tim, group = self.tim, self.group
  local function inside()
    self.ready = true
    self:older()
    tim:conv_get_conv_list(function(_, _, convs)
      for _, conv in ipairs(convs or {}) do
        if conv.conv_id == group and conv.conv_is_has_draft then
          self.draft = conv.conv_draft.draft_msg.message_elem_array[1].text_elem_content
        end
      end
      self:count(convs or {})
    end)
  end
  -- whoever comes first makes the group
  local function join()
    tim:group_join(group, "", function(code)
      if code == 0 or code == timmsg.ERR_SVR_GROUP_ALLREADY_MEMBER then return inside() end
      tim:group_create({ create_group_param_group_name = "Arena", create_group_param_group_id = group }, function(failed)
        if failed == 0 then return inside() end
        tim:after(500, function(over) if over == 0 then join() end end)
      end)
    end)
  end
  join()
end

function Chat:count(convs)
  for _, conv in ipairs(convs) do
    if conv.conv_id == self.group then self.unread = conv.conv_unread_num end
  end
end

function Chat:listen()
  local tim = self.tim
  tim:on("recv_new_msg", function(msgs)
    for _, msg in ipairs(msgs) do
      local elem = msg.message_elem_array[1]
      if msg.message_conv_id ~= self.group then
        self.notice = msg.message_sender .. " wrote to you" -- this game shows one conversation
      elseif msg.message_is_online_msg then
        self.on_state(msg.message_sender, elem.custom_elem_data or "")
      else
        self:add(msg)
      end
    end
  end)
  tim:on("msg_revoke", function(locators)
    for _, locator in ipairs(locators) do
      local line = self.by_key[key_of(locator.message_locator_seq, locator.message_locator_rand)]
      if line then show_revoked(line) end
    end
  end)
  tim:on("conv_event", function(_, convs) self:count(convs) end)
  tim:on("network_status", function(status, _, desc)
    self.notice = status == timmsg.TIMDisconnected and "connection lost: " .. desc or nil
  end)
  tim:on("error", function(err) self.notice = tostring(err) end)
end

-- Once a frame.
function Chat:frame()
  local before = host.clock()
  self.tim:poll(BUDGET_MS)
  table.insert(self.costs, (host.clock() - before) * 1000)
  if #self.costs > COSTS then table.remove(self.costs, 1) end
end

-- What was typed is kept for the next time. This waits until it is: then what was said before is in the store too, and
-- goes out with the next log-in if it has not by now. (Outside a coroutine, await polls.)
function Chat:close(typed)
  if self.ready and typed ~= "" then
    self.tim.await:conv_set_draft(self.group, GROUP, { draft_edit_time = os.time(), draft_msg = timmsg.text(typed) })
  elseif self.ready then
    self.tim.await:conv_cancel_draft(self.group, GROUP)
  end
  self.tim:close()
end

-- options: user, password, server, data, group; on_state(user, data) hears what others tell all.
local function new(options, on_state)
  local self = setmetatable({
    user = options.user, group = options.group, data = options.data, on_state = on_state,
    lines = {}, by_key = {}, pictures = {}, costs = {}, unread = 0, draft = "",
  }, Chat)
  self.tim = assert(timmsg.new { sdk_app_id = 1400000001, data_dir = options.data, server = options.server })
  self:listen()
  assert(self.tim:login(options.user, options.password, function(code, desc)
    if code == 0 then self:enter() else self.notice = desc end
  end))
  return self
end

return { new = new }
