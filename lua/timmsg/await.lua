-- Await: a client's calls in straight-line style. `tim.await:send_new_msg(...)` takes what `tim:send_new_msg`
-- takes without the callback, and returns the result (true where there is none), or nil, message, code. In a
-- coroutine it yields until the completion is polled; elsewhere it polls by itself.

local core = require "timmsg.core"

local TIM_ERR_PARAM <const> = core.constants.TIM_ERR_PARAM
local CURRENT <const> = core.constants.kTIMMsgDownloadElemResultCurrentSize
local TOTAL <const> = core.constants.kTIMMsgDownloadElemResultTotalSize

-- Resumes a coroutine that waits. What it raises goes where the errors of callbacks go, with its own traceback.
local function resume(co)
  local ok, err = coroutine.resume(co)
  if not ok then
    local traceback = core.traceback(co)
    -- Nobody else will: this closes its to-be-closed variables, which may raise another error.
    local _, last = coroutine.close(co)
    if last ~= nil then err = last end
    core.raise(err, traceback)
  end
end

-- Polls until `is_done()`. A failure is nil and a message.
local function pump(client, is_done)
  while true do
    local count, message = client:poll()
    if not count then return nil, message end
    if is_done() then return true end
    client:wait()
  end
end

-- An argument error of the client's method `name`, as if the proxy's had raised it.
local function as_ours(err, name)
  if type(err) ~= "string" then return err end
  return (err:gsub("^bad argument #(%d+) to '%?'", function(number)
    number = number - 1
    if number == 0 then return ("calling '%s' on bad self"):format(name) end
    return ("bad argument #%d to '%s'"):format(number, name)
  end))
end

-- Called by the proxy's methods as a tail call, so that level 2 is whoever called them.
local function await(client, name, progress, ...)
  local in_coroutine = coroutine.isyieldable()
  if not in_coroutine and core.is_polling(client) then return nil, "already polling", TIM_ERR_PARAM end

  local waiting, done, code, desc, result
  local co = coroutine.running()
  local args = table.pack(...)
  args[args.n + 1] = function(c, d, r, more)
    if more then
      if progress then progress(r[CURRENT], r[TOTAL]) end
      return
    end
    done, code, desc, result = true, c, d, r
    -- One that was closed meanwhile has nobody to tell.
    if waiting and coroutine.status(co) == "suspended" then resume(co) end
  end

  local fine, ok, message, refused = pcall(client[name], client, table.unpack(args, 1, args.n + 1))
  if not fine then error(as_ours(ok, name), 2) end
  if not ok then return nil, message, refused end

  if in_coroutine then
    waiting = true
    repeat coroutine.yield() until done -- someone else may resume it too early
  else
    ok, message = pump(client, function() return done end)
    if not ok then return nil, message, TIM_ERR_PARAM end
  end

  if code ~= 0 then return nil, desc, code, result end
  if progress then progress(result[CURRENT], result[TOTAL]) end
  if result == nil then return true end
  return result
end

local methods = {}

for _, name in ipairs(core.calls) do
  methods[name] = function(self, ...)
    local count = select("#", ...)
    local last = select(count > 0 and count or 1, ...)
    if type(last) ~= "function" then return await(self.client, name, nil, ...) end
    if name ~= "download_elem_to_path" then
      error(("await:%s takes no callback: it returns the result"):format(name), 2)
    end
    local args = table.pack(...)
    return await(self.client, name, last, table.unpack(args, 1, count - 1))
  end
end

local metatable = {
  __index = methods,
  __name = "timmsg.await",
}

-- One proxy a client, for as long as the client lives.
local proxies = setmetatable({}, { __mode = "k" })

return function(client)
  local proxy = proxies[client]
  if not proxy then
    proxy = setmetatable({ client = client }, metatable)
    proxies[client] = proxy
  end
  return proxy
end
