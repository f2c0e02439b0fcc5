-- Bench: what the measured rows share: options, a directory, rounds in which ours and the other side take turns,
-- medians and spread, and the table.
--
-- A row is one thing that is measured. Both sides of it run in the same minute, in turns, several rounds, and each
-- round's figures are compared with those of its own other side: the machine is never quite the same twice. Each file
-- here measures one group of rows and can be run by itself; spec/bench/run.lua runs several and prints one table.

local clock = require "bench_clock"
local lfs = require "lfs"
local support = require "support"

local bench = {}

local BUILD <const> = os.getenv "TIMMSG_BUILD" or "build"
-- Where run.lua collects the rows of all groups.
local ROWS_FILE <const> = os.getenv "TIMMSG_BENCH_ROWS"

bench.BARE_SQLITE = BUILD .. "/bench/bare_sqlite"

-- The options of a group: `defaults`, and NAME=value words of the command line over them.
function bench.options(defaults)
  for _, word in ipairs(arg) do
    local name, value = word:match "^(%u+)=(.+)$"
    assert(defaults[name], "no such option: " .. word)
    defaults[name] = type(defaults[name]) == "number" and assert(tonumber(value), word) or value
  end
  return defaults
end

local directory

-- A directory of this group's own, on the disk that the build is on, gone after bench.finish.
function bench.dir()
  if not directory then
    lfs.mkdir(BUILD .. "/bench")
    directory = support.temp_dir(("%s/bench/data.%d"):format(BUILD, require("luv").os_getpid()))
  end
  return directory
end

local last_number = 0

-- A new directory in it, for one round.
function bench.fresh_dir()
  last_number = last_number + 1
  local path = ("%s/%d"):format(bench.dir(), last_number)
  assert(lfs.mkdir(path))
  return path
end

-- Writes a file of that many MB, none of which stays in memory.
function bench.write_film(path, megabytes)
  local file <close> = assert(io.open(path, "wb"))
  local random <close> = assert(io.open("/dev/urandom", "rb"))
  local block = random:read(1000000)
  for _ = 1, megabytes do
    assert(file:write(block))
  end
end

-- Seconds that fn takes.
function bench.seconds(fn, ...)
  local began = clock.now()
  fn(...)
  return (clock.now() - began) / 1e9
end

-- The numbers that a command prints.
function bench.run(...)
  local words = {}
  for i, word in ipairs { ... } do
    words[i] = "'" .. tostring(word):gsub("'", "'\\''") .. "'"
  end
  local pipe = assert(io.popen(table.concat(words, " ")))
  local numbers = {}
  for word in pipe:read("a"):gmatch "%S+" do
    numbers[#numbers + 1] = assert(tonumber(word), word)
  end
  assert(pipe:close(), words[1] .. " has failed")
  return numbers
end

-- The value below which that share of a list lies.
function bench.quantile(list, share)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted)
  local place = share * (#sorted - 1) + 1
  local low = math.floor(place)
  return sorted[low] + (place - low) * ((sorted[low + 1] or sorted[low]) - sorted[low])
end

function bench.median(list)
  return bench.quantile(list, 0.5)
end

-- Runs the sides in turns, the first of a round behind the others in the next. What each returns is a list with one
-- entry for each round. One round more comes first, for caches, and counts for nothing.
function bench.rounds(count, ...)
  local sides, results = { ... }, {}
  for i = 1, #sides do
    results[i] = {}
  end
  for round = 0, count do
    for i = 1, #sides do
      local side = (round + i - 1) % #sides + 1
      collectgarbage() -- the garbage of one is not the other's
      results[side][round] = sides[side]()
    end
  end
  return table.unpack(results)
end

local rows = {}

local function number_text(value)
  if value == 0 then return "0" end
  local size = math.abs(value)
  if size >= 10000 then
    return (("%d"):format(math.floor(value + 0.5)):reverse():gsub("(%d%d%d)(%d)", "%1,%2"):reverse())
  end
  return ((size >= 100 and "%.0f" or size >= 10 and "%.1f" or size >= 0.1 and "%.2f" or "%.3f"):format(value))
end

-- Notes a row:
--   what           what is measured
--   unit           of the figures
--   ours, other    a figure for each round (1, 2, ...); without `other` ours is held against the goal itself
--   least or most  the goal: what the median ratio ours / other (or the median of ours) is to reach, or not to pass;
--                  neither: it is only told
function bench.row(row)
  local ratios, shown = {}, { row.what }
  for round, value in ipairs(row.ours) do
    ratios[round] = row.other and value / row.other[round] or value
  end
  local median = bench.median(ratios)
  local goal = row.least or row.most
  shown[2] = number_text(bench.median(row.ours)) .. " " .. row.unit
  shown[3] = row.other and number_text(bench.median(row.other)) .. " " .. row.unit or "–"
  shown[4] = ("%s [%s–%s]"):format(number_text(median), number_text(bench.quantile(ratios, 0)),
    number_text(bench.quantile(ratios, 1)))
  if not row.other then shown[4] = #ratios > 1 and shown[4]:match "%[.*" or "–" end
  shown[5] = not goal and "–" or (row.least and "≥ " or "≤ ") .. number_text(goal)
  local reached = not goal or (row.least and median >= goal) or (row.most and median <= goal)
  shown[6] = not goal and "–" or reached and "yes" or "NO"
  rows[#rows + 1] = shown
end

local HEAD <const> = { "what", "ours", "other", "ratio: median [min–max]", "goal", "reached" }

-- Prints rows that bench.row noted, with a head over them.
function bench.print_table(list)
  local widths, all = {}, { HEAD, table.unpack(list) }
  for _, row in ipairs(all) do
    for i, cell in ipairs(row) do
      widths[i] = math.max(widths[i] or 0, utf8.len(cell))
    end
  end
  for number, row in ipairs(all) do
    local cells = {}
    for i, cell in ipairs(row) do
      local gap = (" "):rep(widths[i] - utf8.len(cell))
      cells[i] = i > 1 and i < 5 and gap .. cell or cell .. gap
    end
    print("| " .. table.concat(cells, " | ") .. " |")
    if number == 1 then
      for i, width in ipairs(widths) do
        cells[i] = ("-"):rep(width)
      end
      print("|-" .. table.concat(cells, "-|-") .. "-|")
    end
  end
end

-- The rows in a file of run.lua's.
function bench.read_rows(path)
  local list = {}
  for line in io.lines(path) do
    local row = {}
    for cell in line:gmatch "[^\t]+" do
      row[#row + 1] = cell
    end
    list[#list + 1] = row
  end
  return list
end

-- The end of a group: tells its rows, and cleans up.
function bench.finish()
  if ROWS_FILE then
    local file <close> = assert(io.open(ROWS_FILE, "a"))
    for _, row in ipairs(rows) do
      file:write(table.concat(row, "\t"), "\n")
    end
  else
    bench.print_table(rows)
  end
  require("process").cleanup()
  support.cleanup()
end

return bench
