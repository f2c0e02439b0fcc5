-- Download: 1 GB from nginx on loopback against the curl command, and whether memory grows with the size. Ours is on the
-- disk when it is done, what curl has written is not: so also against curl with sync behind it.
-- lua5.4 spec/bench/download.lua [MEGABYTES=1000] [ROUNDS=3]

local bench = require "bench"
local support = require "support"
local timmsg = require "timmsg"
local web = require "web"

local options = bench.options { MEGABYTES = 1000, ROUNDS = 3 }
local SMALL_MB <const> = 50
local dir = bench.dir()
local server = web.nginx(dir)
local client = support.new_client(dir, "me")

local function download(name)
  local done
  local target = dir .. "/ours"
  local seconds = bench.seconds(function()
    assert(client:download_elem_to_path({ msg_download_elem_param_type = timmsg.TIMDownload_File,
      msg_download_elem_param_url = server:url("/fast/" .. name) }, target, function(code, desc, _, is_progress)
        assert(code == 0, desc)
        done = not is_progress
      end))
    while not done do
      client:wait()
      client:poll()
    end
  end)
  os.remove(target)
  return seconds
end

local function peak_memory()
  return tonumber(support.read_file("/proc/self/status"):match "VmHWM:%s*(%d+)") / 1024
end

bench.write_film(server.dir .. "/files/small", SMALL_MB)
bench.write_film(server.dir .. "/files/film", options.MEGABYTES)
for _ = 1, 3 do
  download "small"
end
local before = peak_memory()

local function ours()
  return options.MEGABYTES / download "film"
end

local target <const> = dir .. "/theirs"

local function curl()
  local seconds = bench.seconds(bench.run, "curl", "-s", "-o", target, server:url "/fast/film")
  os.remove(target)
  return options.MEGABYTES / seconds
end

local function curl_and_sync()
  local seconds = bench.seconds(function()
    bench.run("curl", "-s", "-o", target, server:url "/fast/film")
    bench.run("sync", target)
  end)
  os.remove(target)
  return options.MEGABYTES / seconds
end

local by_us, by_curl, by_both = bench.rounds(options.ROUNDS, ours, curl, curl_and_sync)
bench.row { what = ("download of %d MB against curl -o"):format(options.MEGABYTES), unit = "MB/s", ours = by_us,
            other = by_curl, least = 0.95 }
bench.row { what = "the same against curl -o and sync", unit = "MB/s", ours = by_us, other = by_both, least = 0.95 }
bench.row { what = ("download: memory at %d MB over that at %d MB"):format(options.MEGABYTES, SMALL_MB), unit = "MB",
            ours = { peak_memory() - before }, most = 1 }
web.cleanup()
bench.finish()
