-- Await: a client's calls in straight-line style. `tim.await:send_new_msg(...)` takes what `tim:send_new_msg`
-- takes without the callback, and returns the result (true where there is none), or nil, message, code. In a
-- coroutine it yields until the completion is polled; elsewhere it polls by itself. Coroutines that belong to a
-- scheduler of the host's wait in its way: see set_scheduler.
--
-- Beside the calls: sleep(ms), all(function, …), timeout(ms, function, …).

local core = require "timmsg.core"

local TIM_ERR_PARAM <const> = core.constants.TIM_ERR_PARAM
local ERR_USER_CANCELED <const> = core.constants.ERR_USER_CANCELED
local ERR_REQUEST_TIMEOUT <const> = core.constants.ERR_REQUEST_TIMEOUT
local DOWNLOAD <const> = "download_elem_to_path"
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

-- Polls until `is_done()`. A failure is nil, message, code.
local function pump(client, is_done)
  while not is_done() do
    -- a callback did it, or what is waited for; if that is not done, it is another client's
    if core.state(client) == "closed" then return nil, "client is closed", ERR_USER_CANCELED end
    local is_there, interrupted = client:wait()
    -- only in a test (timmsg.testing) does a wait without a limit end so; a signal was for others
    if not is_there and not interrupted then
      return nil, "this would wait for ever: the clock of the test stands still", TIM_ERR_PARAM
    end
    local count, message = client:poll()
    if not count then return nil, message, TIM_ERR_PARAM end
  end
  return true
end

-- An argument error of what does it for the client's method `name`, as if the proxy's had raised it, which was given `count`
-- arguments: behind them is a callback that its caller knows nothing of.
local function as_ours(err, name, count)
  if type(err) ~= "string" then return err end
  return (err:gsub("^bad argument #(%d+) to '[^']*'(.*)$", function(number, what)
    number = number - 1
    if number == 0 then return ("calling '%s' on bad self%s"):format(name, what) end
    if number > count then what = what:gsub("got function%)$", "got no value)") end
    return ("bad argument #%d to '%s'%s"):format(number, name, what)
  end))
end

-- ---- waiting ----

-- The host's way to wait: see set_scheduler.
local scheduler
-- The coroutines of run_all, which are none of the host's: it would wait for what it runs itself. The value is the client
-- that is polled for them, and no other, or true: somebody else polls.
local polled_for = setmetatable({}, { __mode = "k" })

-- For one wait: wait(is_done[, step]), which returns true, or nil, message, code, and calls step() whenever somebody else lets
-- it look; wake(), which lets it look; and the client, if the wait is what polls it. On a client that closes or has closed it
-- raises an error at the level of the caller's caller: nil, message, code, of which there would be no end then, keeps a loop in
-- a coroutine, and so close, from ever ending.
local function waiter(client)
  local state = core.state(client)
  if state == "closing" or state == "closed" then
    local _, err = pcall(error, "client is closed", 4) -- with the place
    -- whoever closes the client has asked for that
    if state == "closing" then core.forgive(err) end
    error(err, 0)
  end
  -- in a coroutine too there are places that cannot: what C code called, such as table.sort
  local can_yield, suspend, wake = coroutine.isyieldable(), nil, nil
  local polled = polled_for[coroutine.running()]
  if polled and polled ~= true and polled ~= client then
    return nil, "this would wait for ever: the await:all or await:timeout around it polls its own client only; " ..
      "run that in a coroutine, and poll both", TIM_ERR_PARAM
  end
  if scheduler and can_yield and not polled then suspend, wake = scheduler() end
  if suspend then
    if type(suspend) ~= "function" or type(wake) ~= "function" then
      error(("timmsg.set_scheduler: the scheduler returned %s and %s, not two functions"):format(type(suspend), type(wake)), 0)
    end
    return function(is_done, step)
      while not is_done() do
        suspend()
        if step and not is_done() then step() end
      end
      return true
    end, wake
  end
  if can_yield then
    local co, waiting = coroutine.running(), false
    return function(is_done, step)
      waiting = true
      while not is_done() do
        coroutine.yield()
        if step and not is_done() then step() end -- someone else resumes it, perhaps each frame
      end
      waiting = false
      return true
    end, function()
      -- one that was closed meanwhile has nobody to tell
      if waiting and coroutine.status(co) == "suspended" then resume(co) end
    end
  end
  if state == "polling" then return nil, "already polling: in a callback, await in a coroutine", TIM_ERR_PARAM end
  return function(is_done) return pump(client, is_done) end, function() end, client
end

-- Carries out the client's `call` for the method `name`, which calls this as a tail call, so that level 2 is whoever called
-- that. A download that nobody waits for any more ends; all else goes on, as it would elsewhere too.
local function await(client, call, name, progress, ...)
  local wait, wake, refusal = waiter(client)
  if not wait then return nil, wake, refusal end

  local done, left, code, desc, result
  local args = table.pack(...)
  args[args.n + 1] = function(c, d, r, more)
    if more then
      if progress and not left then progress(r[CURRENT], r[TOTAL]) end
      return
    end
    done, code, desc, result = true, c, d, r
    wake()
  end

  local begin = call == DOWNLOAD and core.begin_download or client[call]
  local fine, ok, message, refused = pcall(begin, client, table.unpack(args, 1, args.n + 1))
  if not fine then error(as_ours(ok, name, args.n), 2) end
  if not ok then return nil, message, refused end

  local download = message
  local guard <close> = download and setmetatable({}, { __close = function() -- luacheck: ignore 211
    left = true
    if not done then core.drop_download(client, download) end
  end })
  ok, message, refused = wait(function() return done end)
  if not ok then return nil, message, refused end

  if code ~= 0 then return nil, desc, code, result end
  if progress then progress(result[CURRENT], result[TOTAL]) end
  if result == nil then return true end
  return result
end

-- ---- times ----

local alarm_metatable = { __close = function(alarm) core.drop_alarm(alarm.client, alarm.at, alarm.serial) end }

-- Has `fn` called as client:after does, unless the block of the variable that this is put into is left before. For the
-- method `name`, which calls this. Or nil, message, code.
local function set_alarm(client, name, ms, fn)
  local fine, at, serial, code = pcall(core.set_alarm, client, ms, fn)
  if not fine then error(as_ours(at, name, 1), 3) end
  if not at then return nil, serial, code end
  return setmetatable({ client = client, at = at, serial = serial }, alarm_metatable)
end

-- ---- several at once, deadlines ----

-- As luaL_checktype does, for the caller of the method `name`.
local function check_function(value, number, name)
  if type(value) == "function" then return end
  error(("bad argument #%d to '%s' (function expected, got %s)"):format(number, name, type(value)), 3)
end

-- For whoever waits for functions that run in coroutines of their own, and polls the client `polled`, if any: a guard, with
-- which they end, however it ends; and go_on(), which starts them, and later resumes those that wait for whatever else: in an
-- await they wait on.
local function run_all(functions, polled, on_end)
  local tasks = {}
  polled = polled or polled_for[coroutine.running()] or true
  for i, fn in ipairs(functions) do -- they are functions: there is no hole
    tasks[i] = coroutine.create(function()
      on_end(i, table.pack(xpcall(fn, function(err)
        return { value = err, traceback = core.traceback(coroutine.running()) }
      end)))
    end)
    polled_for[tasks[i]] = polled
  end
  local guard = setmetatable({}, { __close = function()
    for _, co in ipairs(tasks) do
      if coroutine.status(co) == "suspended" then coroutine.close(co) end
    end
  end })
  return guard, function()
    for _, co in ipairs(tasks) do
      -- what on_end raises is a fault of ours
      if coroutine.status(co) == "suspended" then assert(coroutine.resume(co)) end
    end
  end
end

-- Raises what a function raised, for whoever waited for it, and says where that was.
local function pass_on(failure)
  -- no table: memory was too short for the message handler of run_all
  if type(failure) ~= "table" then error(failure, 0) end
  local err = failure.value
  -- what is forgiven is known by its text
  if type(err) == "string" and not core.is_forgiven(err) then err = err .. "\n" .. failure.traceback end
  error(err, 0)
end

local methods = {}

local metatable = {
  __index = methods,
  __name = "timmsg.await",
}

-- A call with a dot is a mistake of its caller.
local function check_self(self, name)
  if type(self) == "table" and getmetatable(self) == metatable then return end
  error(("bad argument #1 to '%s' (timmsg.await expected, got %s)"):format(name, type(self)), 3)
end

for _, name in ipairs(core.calls) do
  methods[name] = function(self, ...)
    check_self(self, name)
    local count = select("#", ...)
    local last = select(count > 0 and count or 1, ...)
    if type(last) ~= "function" then return await(self.client, name, name, nil, ...) end
    if name ~= DOWNLOAD then
      error(("await:%s takes no callback: it returns the result"):format(name), 2)
    end
    local args = table.pack(...)
    return await(self.client, name, name, last, table.unpack(args, 1, count - 1))
  end
end

-- Waits so many milliseconds. True, or nil, message, code when the client is closed before.
function methods:sleep(ms)
  check_self(self, "sleep")
  local wait, wake, refusal = waiter(self.client)
  if not wait then return nil, wake, refusal end
  local code, desc
  local alarm <close>, message, refused = set_alarm(self.client, "sleep", ms, function(c, d)
    code, desc = c, d
    wake()
  end)
  if not alarm then return nil, message, refused end
  local ok
  ok, message, refused = wait(function() return code end)
  if not ok then return nil, message, refused end
  if code ~= 0 then return nil, desc, code end
  return true
end

-- Runs the functions at once, each in a coroutine of its own, and returns a table for each: what it returned, as
-- table.pack does. If one raises an error the others are closed and the caller gets the error, with its traceback.
function methods:all(...)
  check_self(self, "all")
  local functions, results = table.pack(...), {}
  for i = 1, functions.n do check_function(functions[i], i, "all") end
  local wait, wake, polled = waiter(self.client)
  if not wait then return nil, wake, polled end
  local left, failure = functions.n, nil
  local guard <close>, go_on = run_all(functions, polled, function(i, outcome) -- luacheck: ignore 211
    left = left - 1
    if outcome[1] then
      results[i] = table.pack(table.unpack(outcome, 2, outcome.n))
    else
      failure = failure or outcome[2]
    end
    if left == 0 or failure then wake() end
  end)
  go_on()
  local ok, message, code = wait(function() return left == 0 or failure end, go_on)
  if failure then pass_on(failure) end
  if not ok then return nil, message, code end
  return table.unpack(results, 1, functions.n)
end

-- Runs the function with the arguments in a coroutine of its own. What it returns; or, if it has not ended after so
-- many milliseconds, it is closed: nil, message, ERR_REQUEST_TIMEOUT.
function methods:timeout(ms, fn, ...)
  check_self(self, "timeout")
  check_function(fn, 2, "timeout")
  local wait, wake, polled = waiter(self.client)
  if not wait then return nil, wake, polled end
  local args = table.pack(...)
  local outcome, is_late, is_closed
  local guard <close>, go_on = run_all({ function() -- luacheck: ignore 211
    return fn(table.unpack(args, 1, args.n))
  end }, polled, function(_, result)
    outcome = result
    wake()
  end)
  local alarm <close>, message, code = set_alarm(self.client, "timeout", ms, function(c, desc)
    is_late, is_closed = c == 0, c ~= 0 and { desc, c }
    if not outcome then wake() end
  end)
  if not alarm then return nil, message, code end
  go_on()
  local ok
  ok, message, code = wait(function() return outcome or is_late or is_closed end, go_on)
  if outcome and not outcome[1] then pass_on(outcome[2]) end
  if outcome then return table.unpack(outcome, 2, outcome.n) end
  if is_closed then return nil, is_closed[1], is_closed[2] end
  if not ok then return nil, message, code end
  return nil, ("not done in %s ms"):format(ms), ERR_REQUEST_TIMEOUT
end

-- One proxy a client, for as long as the client lives.
local proxies = setmetatable({}, { __mode = "k" })

local function proxy_of(client)
  local proxy = proxies[client]
  if not proxy then
    proxy = setmetatable({ client = client }, metatable)
    proxies[client] = proxy
  end
  return proxy
end

-- Tells how coroutines wait that a scheduler of the host's runs, which nobody else may resume. `fn` is called for each
-- wait that can yield, in the coroutine that is to wait, and returns two functions: suspend(), which gives way until it is
-- woken (or sooner), and wake(), which anybody may call. Nothing: this coroutine is none of the host's. It is not asked about
-- those of `all` and `timeout`. nil: there is no scheduler.
local function set_scheduler(fn)
  if fn ~= nil and type(fn) ~= "function" then
    error(("bad argument #1 to 'set_scheduler' (function or nil expected, got %s)"):format(type(fn)), 2)
  end
  scheduler = fn
end

return { proxy_of = proxy_of, set_scheduler = set_scheduler }
