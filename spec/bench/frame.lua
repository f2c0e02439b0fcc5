-- Frame: a loop of 60 frames a second that polls 1 ms in each, while 1,000 messages a second arrive, 100,000 are imported
-- (100 a frame), pages of 50 are read and 200 MB are downloaded: the CPU time of the loop's thread in our calls.
-- lua5.4 spec/bench/frame.lua [SECONDS=60] [RATE=1000] [IMPORT=100000] [MEGABYTES=200]

local bench = require "bench"
local chat = require "chat"
local clock = require "bench_clock"
local process = require "process"
local support = require "support"
local timmsg = require "timmsg"
local web = require "web"

local options = bench.options { SECONDS = 60, RATE = 1000, IMPORT = 100000, MEGABYTES = 200 }
local FRAME_NS <const>, A_FRAME <const>, PAGE <const> = 1000000000 // 60, 100, 50
local dir = bench.dir()

local server = web.nginx(dir)
bench.write_film(server.dir .. "/files/film", options.MEGABYTES)

local received, pages, imported, downloaded = 0, 0, 0, nil
local client = support.new_client(dir, "me")
client:on("recv_new_msg", function(msgs) received = received + #msgs end)
local sender = process.start("pace", dir, "other", "me", options.RATE, options.SECONDS)
sender:expect "(ready)"

local last, is_reading = nil, false
local function on_page(code, desc, messages)
  assert(code == 0, desc)
  pages, is_reading = pages + 1, false
  last = #messages == PAGE and messages[PAGE] or nil
end
local function on_imported(code, desc)
  assert(code == 0, desc)
  imported = imported + A_FRAME
end
local function on_downloaded(code, desc, _, is_progress)
  assert(code == 0, desc)
  downloaded = downloaded or not is_progress
end

local costs, worst = {}, { total = 0 }
collectgarbage()
sender:tell "go"
assert(client:download_elem_to_path({ msg_download_elem_param_type = timmsg.TIMDownload_File,
  msg_download_elem_param_url = server:url "/slow/film" }, dir .. "/film", on_downloaded))
local began = clock.now()
for frame = 1, options.SECONDS * 60 do
  local first = (frame - 1) * A_FRAME + 1
  local batch = first <= options.IMPORT and chat.past(first, A_FRAME, "me", "past")
  local param = { msg_getmsglist_param_count = PAGE, msg_getmsglist_param_last_msg = last }
  local start = clock.thread_cpu()
  if batch then assert(client:import_msg_list("past", timmsg.C2C, batch, on_imported)) end
  local after_import = clock.thread_cpu()
  if not is_reading then
    is_reading = true
    assert(client:get_msg_list("past", timmsg.C2C, param, on_page))
  end
  local after_page = clock.thread_cpu()
  client:poll(1)
  local after_poll = clock.thread_cpu()
  costs[frame] = (after_poll - start) / 1e6
  if costs[frame] > worst.total then
    worst = { total = costs[frame], frame = frame, import = (after_import - start) / 1e6,
              page = (after_page - after_import) / 1e6, poll = (after_poll - after_page) / 1e6 }
  end
  clock.sleep_until(began + frame * FRAME_NS)
end
io.stderr:write(("  in %d s: %d received, %d imported, %d pages, download %s; worst frame %d: import %.2f + page %.2f + poll %.2f ms\n")
  :format(options.SECONDS, received, imported, pages, downloaded and "done" or "not done", worst.frame, worst.import,
    worst.page, worst.poll))
assert(downloaded and imported >= options.IMPORT // A_FRAME * A_FRAME and received >= options.RATE * options.SECONDS * 0.95)

local what = "60 Hz loop, CPU of our calls in a frame, "
bench.row { what = what .. "p50", unit = "ms", ours = { bench.median(costs) } }
bench.row { what = what .. "p99.9", unit = "ms", ours = { bench.quantile(costs, 0.999) }, most = 2 }
bench.row { what = what .. "worst", unit = "ms", ours = { bench.quantile(costs, 1) }, most = 5 }
web.cleanup()
bench.finish()
