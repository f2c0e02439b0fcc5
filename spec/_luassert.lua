---@meta luassert
-- For editors: what they are to know of luassert in the specs. Its own annotations lack the message that comes last.

---@class luassert
---@field [string] fun(...: any): any
---@overload fun<T>(value?: T, message?: any, ...: any): T, any
local luassert = {}

return luassert
