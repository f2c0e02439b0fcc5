-- Annotations: what a file of LuaCATS annotations says, read by line, and whether a value is of a type that it names.

local support = require "support"

local annotations = {}

-- "name? rest" of a parameter, or nil.
local function parameter(text)
  local name, optional, rest = text:match "^([%w_%.]+)(%??) (.+)$"
  return name and { name = name, optional = optional == "?", text = rest }
end

-- What the lines of a comment say: text (description), params, returns, overloads (each as a list).
local function read_comment(lines)
  local comment = { text = {}, params = {}, returns = {}, overloads = {} }
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^@(%w+) (.+)$"
    if tag == "param" then
      table.insert(comment.params, parameter(rest))
    elseif tag == "return" then
      table.insert(comment.returns, rest)
    elseif tag == "overload" then
      table.insert(comment.overloads, rest)
    elseif not tag then
      table.insert(comment.text, line)
    end
  end
  return comment
end

-- Reads a file: classes (name → { parent =, fields = { key → { kind =, optional =, text = } } }), aliases (name → list of
-- { value =, text = }), functions ("Client:poll" → { args = list of names, and what its comment says }).
function annotations.read(path)
  local self = { classes = {}, aliases = {}, functions = {}, text = support.read_file(path) }
  local lines, class, alias = {}, nil, nil
  for line in self.text:gmatch "([^\n]*)\n" do
    local comment = line:match "^%-%-%-(.*)$"
    if not comment then
      local owner, args = line:match "^function ([%w_.:]+)%((.-)%) end$"
      if owner then
        local found = read_comment(lines)
        found.args = {}
        for name in args:gmatch "[%w_.]+" do table.insert(found.args, name) end
        assert(not self.functions[owner], owner)
        self.functions[owner] = found
      end
      lines, class, alias = {}, nil, nil
    else
      table.insert(lines, comment)
      local name, parent = comment:match "^@class ([%w.]+) ?:? ?([%w.]*)$"
      if name then
        class = { parent = parent ~= "" and parent or nil, fields = {} }
        assert(not self.classes[name], name)
        self.classes[name] = class
      end
      name = comment:match "^@alias ([%w.]+)$"
      if name then
        alias = {}
        assert(not self.aliases[name], name)
        self.aliases[name] = alias
      end
      local key, optional, kind, text = comment:match "^@field ([%w_]+)(%??) (%S+) ?(.*)$"
      if key then
        assert(not class.fields[key], key)
        class.fields[key] = { optional = optional == "?", kind = kind, text = text }
      end
      local value, about = comment:match "^| (%S+) ?#? ?(.*)$"
      if value and alias then table.insert(alias, { value = value, text = about }) end
    end
  end
  return self
end

-- The parameters of a type "fun(a: T, b?: U): V", in order.
function annotations.parameters(kind)
  local found = {}
  for name, optional, rest in kind:match "^fun%((.-)%)":gmatch "([%w_]+)(%??): ([^,]+)" do
    table.insert(found, { name = name, optional = optional == "?", text = rest })
  end
  return found
end

local SIMPLE <const> = {
  any = function() return true end,
  integer = function(value) return math.type(value) == "integer" end,
  number = function(value) return type(value) == "number" end,
  ["true"] = function(value) return value == true end,
}
for _, name in ipairs { "string", "boolean", "table", "function", "nil" } do
  SIMPLE[name] = function(value) return type(value) == name end
end

local function is_class(self, value, class, where)
  if type(value) ~= "table" then return nil, where .. ": no table" end
  for key in pairs(value) do
    if not class.fields[key] then return nil, ("%s: unknown key %s"):format(where, key) end
  end
  for key, field in pairs(class.fields) do
    if value[key] ~= nil or not field.optional then
      local ok, why = self:is(value[key], field.kind, where .. "." .. key)
      if not ok then return nil, why end
    end
  end
  return true
end

-- Whether a value is of a type; else nil and where it is not.
function annotations:is(value, kind, where)
  where = where or kind
  local bare = kind:match "^(.*)%?$"
  if bare then
    if value == nil then return true end
    return self:is(value, bare, where)
  end
  if kind:find "^fun%(" then return self:is(value, "function", where) end
  local first, rest = kind:match "^([^|]+)|(.+)$"
  if first then return self:is(value, first, where) or self:is(value, rest, where) end
  local item = kind:match "^(.*)%[%]$"
  if item then
    if type(value) ~= "table" then return nil, where .. ": no table" end
    for i = 1, #value do
      local ok, why = self:is(value[i], item, ("%s[%d]"):format(where, i))
      if not ok then return nil, why end
    end
    return true
  end
  if SIMPLE[kind] then return SIMPLE[kind](value) or nil, ("%s: %s is no %s"):format(where, value, kind) end
  if self.classes[kind] and next(self.classes[kind].fields) == nil then return type(value) == "table" or nil, where end
  if self.classes[kind] then return is_class(self, value, self.classes[kind], where) end
  if not self.aliases[kind] then
    local literal = type(value) == "string" and '"' .. value .. '"' or tostring(value)
    return literal == kind or nil, ("%s: %s is not %s"):format(where, value, kind)
  end
  local why
  for _, entry in ipairs(self.aliases[kind]) do
    local ok, reason = self:is(value, entry.value, where)
    if ok then return true end
    -- of the variants of an element, the one that it is meant to be
    if not (reason and reason:find("elem_type", 1, true)) then why = reason end
  end
  return nil, why or ("%s: %s is no %s"):format(where, value, kind)
end

annotations.__index = annotations

-- The annotations of the module timmsg.
function annotations.of_timmsg()
  return setmetatable(annotations.read(assert(package.searchpath("timmsg._meta", package.path))), annotations)
end

return annotations
