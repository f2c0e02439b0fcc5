-- The example game (examples/game), in a real window under Xvfb: somebody plays it for 600 frames and more, and chats with
-- a bot, which is the other player. What both show is compared, and what is drawn where is looked at.

local lfs = require "lfs"
local pictures = require "pictures"
local support = require "support"
local timmsg = require "timmsg"
local uv = require "luv"

local HERE <const> = debug.getinfo(1, "S").source:match "^@(.*)game_spec%.lua$"
local GAME <const> = (os.getenv "TIMMSG_BUILD" or lfs.currentdir() .. "/build") .. "/game"
local GROUP <const> = timmsg.GROUP
local FRAMES <const> = 600
local PLAIN <const> = "204080" -- the colour of pictures.bmp

local describe <const> = support.hub_only(describe)

describe("the example game", function()
  local dir, running, bot, heard, display

  local function look() uv.run "nowait" end

  -- Starts a program; what it prints becomes `lines`. Of the environment it gets what it needs: what is preloaded here, for
  -- the sanitizers, is not meant for it.
  local function start(program, args, env)
    for _, name in ipairs { "PATH", "HOME" } do table.insert(env, name .. "=" .. (os.getenv(name) or "")) end
    table.insert(env, "ASAN_OPTIONS=detect_leaks=0") -- X's and D-Bus's libraries leave things behind when they are unloaded
    table.insert(env, ("TSAN_OPTIONS=suppressions=%sc/tsan.supp"):format(HERE))
    local self = { lines = {}, rest = "", complaint = "", taken = 0 }
    self.input, self.output, self.errors, self.extra = uv.new_pipe(), uv.new_pipe(), uv.new_pipe(), uv.new_pipe()
    local handle, pid = uv.spawn(program, {
      args = args, env = env, stdio = { self.input, self.output, self.errors, self.extra },
    }, function(code, signal)
      self.code, self.signal = code, signal
      self.handle:close()
    end)
    assert(handle, pid)
    self.handle = handle
    running[#running + 1] = self
    for _, pipe in ipairs { self.output, self.extra } do
      pipe:read_start(function(_, data)
        if not data then return pipe:close() end
        self.rest = (self.rest .. data):gsub("(.-)\n", function(line)
          self.lines[#self.lines + 1] = line
          return ""
        end)
      end)
    end
    self.errors:read_start(function(_, data)
      if not data then return self.errors:close() end
      self.complaint = self.complaint .. data
    end)
    return self
  end

  -- The next line that it prints.
  local function answer(self)
    support.eventually(function()
      look()
      return #self.lines > self.taken or self.code
    end, bot)
    self.taken = self.taken + 1
    return self.lines[self.taken] or error("it has ended: " .. self.complaint, 2)
  end

  local function stop(self, signal)
    if not self.code then self.handle:kill(signal) end
    support.eventually(function()
      look()
      return self.code and self.output:is_closing() and self.errors:is_closing() and self.extra:is_closing()
    end)
    if not self.input:is_closing() then self.input:close() end
    look()
  end

  before_each(function()
    dir, running = support.temp_dir(), {}
    bot = support.new_client(dir, "leo")
    heard = {}
    bot:on("recv_new_msg", function(msgs) table.move(msgs, 1, #msgs, #heard + 1, heard) end)
    support.must(bot, "group_create", { create_group_param_group_name = "Arena", create_group_param_group_id = "arena" })
    local screen = start("Xvfb", { "-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp" }, {})
    display = ":" .. answer(screen)
  end)
  after_each(function()
    for at = #running, 1, -1 do stop(running[at], "sigterm") end
    support.cleanup()
  end)

  local function play(user)
    local env = { "DISPLAY=" .. display, "SDL_VIDEODRIVER=x11", "SDL_RENDER_DRIVER=software", "SDL_AUDIODRIVER=dummy" }
    return start(GAME, { "--user", user, "--data", dir .. "/" .. user, "--server", support.server(dir), "--fps", "100", "--remote" },
      env)
  end

  -- Says a line to the game, and returns what it answers.
  local function ask(game, line)
    game.input:write(line:gsub("\n%s*", " ") .. "\n")
    return answer(game)
  end

  local function keys(game, ...)
    for _, key in ipairs { ... } do ask(game, "!press " .. key) end
  end

  -- Waits until an expression has a value.
  local function expect(game, value, expression)
    local last
    local ok = support.pump(support.DEADLINE_MS, function()
      last = ask(game, expression)
      return last == tostring(value)
    end, bot)
    if not ok then error(("%s is %s, not %s"):format(expression, last, value), 2) end
  end

  -- Waits until the bot has heard a message that `is_meant`.
  local function bot_hears(is_meant)
    local from = 1
    return support.eventually(function()
      for at = from, #heard do
        local msg = heard[at]
        if is_meant(msg, msg.message_elem_array[1]) then return msg end
      end
      from = #heard + 1
    end, bot)
  end

  local function bot_says(msg) return support.must(bot, "send_new_msg", "arena", GROUP, msg) end

  local function text_of(game, at) return ask(game, ("game.arena.chat.lines[#game.arena.chat.lines%s].text"):format(at or "")) end

  -- Where the line with a picture that is drawn now is on the screen.
  local PLACE <const> = [[(function()
    for _, shown in ipairs(game.arena.overlay.shown) do
      if shown.line.picture and shown.line.picture.shown then return math.floor(shown.x + 20) .. " " .. math.floor(shown.y + 20) end
    end
  end)()]]

  it("is played and chats", function()
    for i = 1, 50 do bot_says(timmsg.text("before " .. i)) end
    local game = play "mia"

    -- history comes page by page, as one scrolls
    expect(game, true, "game.arena.chat.ready")
    expect(game, "before 50", "game.arena.chat.lines[#game.arena.chat.lines - 1].text") -- then that mia joined
    assert.equal("20", ask(game, "#game.arena.chat.lines"))
    keys(game, "Return")
    for _ = 1, 40 do ask(game, "!wheel 10") end
    expect(game, "before 1", "game.arena.chat.lines[1].text")
    expect(game, 51, "#game.arena.chat.lines")
    ask(game, "!wheel -1000")

    -- one can run and type; where one is comes to others, and is stored nowhere
    ask(game, "!hold Right")
    ask(game, "!type hello, bot")
    expect(game, "hello, bot", "game.arena.overlay.typed")
    expect(game, true, "game.arena.x > 600")
    ask(game, "!release Right")
    keys(game, "Return")
    bot_hears(function(_, elem) return elem.text_elem_content == "hello, bot" end)
    local state = bot_hears(function(msg, elem)
      return msg.message_is_online_msg and tonumber((elem.custom_elem_data or ""):match "^at (%d+)" or 0) > 600
    end)
    assert.equal("mia", state.message_sender)
    local tell = timmsg.custom "at 300 250 2"
    tell.message_is_online_msg = true
    bot_says(tell)
    expect(game, "300.0", "game.arena.others.leo and game.arena.others.leo.to_x + 0.0")
    assert.equal("52", ask(game, "#game.arena.chat.lines"))

    -- text, face, picture
    bot_says(timmsg.text "hello, mia")
    bot_says(timmsg.face(3))
    support.write_file(dir .. "/plain.bmp", pictures.bmp(300, 200))
    bot_says(timmsg.image(dir .. "/plain.bmp"))
    expect(game, 55, "#game.arena.chat.lines")
    assert.equal("hello, mia", text_of(game, " - 2"))
    assert.equal("3", ask(game, "game.arena.chat.lines[#game.arena.chat.lines - 1].face"))
    expect(game, true, PLACE .. " ~= nil")
    assert.equal("1", ask(game, "game.arena.chat.lines[#game.arena.chat.lines].picture.done"))
    local x, y = ask(game, PLACE):match "(%d+) (%d+)"
    assert.equal(PLAIN, ask(game, ("!pixel %s %s"):format(x, y)))
    assert.not_equal(PLAIN, ask(game, "!pixel 3 3"))

    -- a badge counts what is not seen
    keys(game, "Escape")
    bot_says(timmsg.text "one")
    bot_says(timmsg.text "two")
    expect(game, 2, "game.arena.chat.unread")
    keys(game, "Return")
    expect(game, 0, "game.arena.chat.unread")

    -- what was sent by mistake
    ask(game, "!type oops")
    keys(game, "Return")
    local oops = bot_hears(function(_, elem) return elem.text_elem_content == "oops" end)
    local revoked
    bot:on("msg_revoke", function(locators) revoked = locators[1].message_locator_rand end)
    keys(game, "Delete")
    support.eventually(function() return revoked == oops.message_rand end, bot)
    expect(game, "(taken back)", "game.arena.chat.lines[#game.arena.chat.lines].text")

    local mistake = bot_says(timmsg.text "my mistake")
    expect(game, "my mistake", "game.arena.chat.lines[#game.arena.chat.lines].text")
    support.must(bot, "revoke", "arena", GROUP, mistake)
    expect(game, "(taken back)", "game.arena.chat.lines[#game.arena.chat.lines].text")

    -- new scripts: nothing is lost, and nothing doubled
    ask(game, "!type Race you to the star?")
    expect(game, "Race you to the star?", "game.arena.overlay.typed")
    local place = ask(game, "game.arena.x")
    ask(game, "game.arena.chat:say 'said just before'")
    bot:send_new_msg("arena", GROUP, timmsg.text "said meanwhile")
    keys(game, "F5")
    expect(game, "Race you to the star?", "game.arena.overlay.typed")
    assert.truthy(math.abs(place - ask(game, "game.arena.x")) < 1)
    bot_hears(function(_, elem) return elem.text_elem_content == "said just before" end)
    local COUNT <const> = [[(function(text)
      local count = 0
      for _, line in ipairs(game.arena.chat.lines) do if line.text == text then count = count + 1 end end
      return count
    end) ]]
    for _, text in ipairs { "said just before", "said meanwhile", "hello, bot", "hello, mia" } do
      expect(game, 1, COUNT .. ("%q"):format(text))
    end

    -- the arena itself, as a picture, for the screenshot
    ask(game, "!snap " .. dir .. "/arena.png")
    support.eventually(function()
      look()
      return lfs.attributes(dir .. "/arena.png", "size")
    end, bot)
    bot_says(timmsg.image(dir .. "/arena.png"))
    expect(game, true, PLACE .. " ~= nil")
    bot_says(timmsg.text "That's you, from here.")
    expect(game, "That's you, from here.", "game.arena.chat.lines[#game.arena.chat.lines].text")
    keys(game, "Return")
    bot_hears(function(_, elem) return elem.text_elem_content == "Race you to the star?" end)
    bot_says(timmsg.face(3))
    bot_says(timmsg.text "You're on!")
    expect(game, "You're on!", "game.arena.chat.lines[#game.arena.chat.lines].text")
    ask(game, "!type Three, two, on")

    -- poll has been cheap enough to be drawn; and time has passed
    expect(game, true, "#game.arena.chat.costs >= 100 and math.max(table.unpack(game.arena.chat.costs)) > 0")
    support.eventually(function() return tonumber(ask(game, "!frames")) >= FRAMES end, bot)
    bot_says(tell)
    expect(game, true, "game.arena.others.leo ~= nil")
    ask(game, "!snap " .. GAME .. ".png")

    game.input:close() -- ends it
    support.eventually(function()
      look()
      return game.code
    end, bot)
    assert.equal("", game.complaint)
    assert.equal(0, game.code)
    assert.truthy(lfs.attributes(GAME .. ".png", "size") > 10000)
  end)

  it("shows an error in the scripts, and goes on after F5", function()
    local game = play "ben"
    expect(game, true, "game.arena.chat.ready")
    assert.truthy(ask(game, "(function() game.frame = nil; return 1 end)()") == "1")
    ask(game, "(function() game.key = function() error 'broken' end return 1 end)()")
    keys(game, "A")
    support.eventually(function() return ask(game, "1"):find("broken", 1, true) end, bot)
    keys(game, "F5")
    expect(game, true, "game.arena.chat.ready")
    game.complaint = ""
  end)
end)
