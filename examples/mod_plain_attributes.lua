-- For Prosody: takes attributes with a namespace prefix off what users send (e:from='…'). Clients whose XML parser looks
-- at the name behind the prefix alone, libstrophe among them, would take such an attribute for the real one, and with
-- it one user for another. Copy it into a directory of plugin_paths and add "plain_attributes" to modules_enabled of the
-- virtual host.
---@diagnostic disable: deprecated, undefined-field (module is Prosody's)

local function strip(event)
  local attr = event.stanza.attr
  local prefixed = {}
  for name in pairs(attr) do
    if name:find "\1" then prefixed[#prefixed + 1] = name end -- Prosody's form of a name with a namespace
  end
  for _, name in ipairs(prefixed) do attr[name] = nil end
end

for _, kind in ipairs { "message", "presence", "iq" } do
  for _, to in ipairs { "bare", "full", "host", "self" } do
    module:hook("pre-" .. kind .. "/" .. to, strip, 10000) -- luacheck: globals module
  end
end
