-- Filing: files that are sent, and fetched: rules 21 and 37 to 39 of the model. player.lua has written them; a file is
-- { path, content, id }, and what its id is the library says, once.

local filing = {}

local NAME <const> = "[^/]+$"

-- Rule 21: the element as the sender keeps it, and as it travels: the sender's path does not.
local function elems_of(model, file)
  local function make(path)
    local elem = {
      elem_type = 4, file_elem_file_path = path, file_elem_file_name = file.path:match(NAME), file_elem_file_size = #file.content,
      file_elem_business_id = 0, file_elem_download_flag = 0,
    }
    model.files[elem] = file
    return { elem }
  end
  return make(file.path), make(nil)
end

-- A text message otherwise. Only where nothing stands in its way: with uploads faults are another matter.
function filing:file(device, number, step)
  local kept, wire = elems_of(self, step.file)
  self:send(device, number, { type = step.type, to = step.to, given = { elems = kept, wire = wire } })
  self.made[number].file = step.file
end

-- Rules 37 to 39. `file`: nil if there is none of what is asked for.
function filing:download(device, number, file)
  if device.is_offline then return self:answer(device, number, 9508) end
  if not file then return self:answer(device, number, 6009) end
  self:answer(device, number, 0, { is = {
    msg_download_elem_result_current_size = #file.content, msg_download_elem_result_total_size = #file.content,
  } })
end

return filing
