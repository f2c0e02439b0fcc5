-- Power: whether anything that was reported done gets lost when the power goes.
--
--   lua5.4 spec/crash/power.lua [ROUNDS] [SEED] [DATA NAMES]      (make crash; with the Makefile's CRASH_ENV)
--
-- In a round three users on one hub do all kinds of things (scene.lua), on a disk that knows what was synced (disk.h) and
-- writes images of what a power loss would leave at some moments: what was synced, and of the rest nothing, all, or some (of
-- the data, and of the names, so much if it is given, from 0 to 1).
-- The library is then opened on each image, and must have all that was reported done by then (verdict.lua). That is recorded
-- as well sometimes: power goes again while it recovers.

local disk = require "disk"
local lfs = require "lfs"
local scene = require "scene"
local support = require "support"
local verdict = require "verdict"

local ROUNDS <const> = math.tointeger(tonumber(arg[1] or 10))
local SEED <const> = math.tointeger(tonumber(arg[2] or os.time()))
local STEPS <const>, MANY_STEPS <const> = 30, 120
local IMAGES <const>, AGAIN <const> = 25, 4
-- Of what is wrong in an image.
local SHOWN <const> = 3
-- So often power goes once more.
local AGAIN_CHANCE <const> = 0.2

local base = os.tmpname()
os.remove(base)
assert(lfs.mkdir(base))

local wrong, images, seconds, notes = 0, 0, 0, 0

local function read_moment(path)
  return (support.read_file(path .. ".moment"):gsub("%s+$", ""):gsub(base, ""))
end

local function remove(path)
  assert(os.execute("rm -rf '" .. path .. "'"))
end

-- Judges an image; with `again`, a directory, it is recorded meanwhile. True: all is well.
local function judge(round, path, deeds, begun, done, again)
  if again then
    assert(lfs.mkdir(again))
    disk.record { root = path, images = again, seed = math.random(1 << 40), chance_of_sync = 0.2, chance_of_other = 0.02,
      limit = AGAIN }
  end
  local complaints = verdict.judge(path, deeds, begun, done)
  if again then disk.stop() end
  for i, complaint in ipairs(complaints) do
    if i > SHOWN then break end
    print(("WRONG: seed %d, round %d, image %s: %s\n    power lost %s"):format(SEED, round, path:sub(#base + 2), complaint,
      read_moment(path)))
  end
  wrong = wrong + #complaints
  images = images + 1
  if #complaints == 0 then remove(path) end
end

local function play(round)
  math.randomseed(SEED, round)
  local dir = ("%s/%d"):format(base, round)
  for _, name in ipairs { "", "/live", "/images", "/outside" } do
    assert(lfs.mkdir(dir .. name))
  end
  local is_long = math.random() < 0.2
  disk.record { root = dir .. "/live", images = dir .. "/images", seed = math.random(1 << 40), limit = IMAGES,
    chance_of_sync = is_long and 0.02 or 0.06, chance_of_other = is_long and 0.002 or 0.005, chance_of_note = is_long and 0.03 or 0.1,
    data = tonumber(arg[3]), names = tonumber(arg[4]) }
  local played = scene.play(dir .. "/live", dir .. "/outside", is_long and MANY_STEPS or STEPS)
  local count = disk.stop()
  local before = wrong
  for i = 1, count do
    local path = ("%s/images/%d"):format(dir, i)
    local begun, done = verdict.read_notes(path .. ".notes")
    for _ in pairs(done) do
      notes = notes + 1
    end
    local again = math.random() < AGAIN_CHANCE and path .. ".again" or nil
    judge(round, path, played.deeds, begun, done, again)
    for k = 1, again and AGAIN or 0 do
      local second = again .. "/" .. k
      if lfs.attributes(second) then
        seconds = seconds + 1
        judge(round, second, played.deeds, begun, done)
      end
    end
  end
  if wrong == before then remove(dir) end
end

io.stdout:setvbuf "line"
print(("power: %d rounds, seed %d"):format(ROUNDS, SEED))
disk.be_lazy()
local began = support.now_ms()
for round = 1, ROUNDS do
  play(round)
end
print(("power: %d rounds, %d losses (%d of them while recovering), %d reports looked for, %d wrong; %.1f s"):format(ROUNDS, images,
  seconds, notes, wrong, (support.now_ms() - began) / 1000))
if wrong > 0 then
  print("what was left is in " .. base)
  os.exit(1)
end
remove(base)
