-- Web servers for the specs: a real nginx on 127.0.0.1, and one whose answers a spec writes byte by byte.

local lfs = require "lfs"
local uv = require "luv"
local support = require "support"
local timmsg = require "timmsg"

local web = {}

local running = {}

-- One process, under the user who runs the specs. /log.txt has a line for each request: status, its Range, bytes sent.
local CONFIG <const> = [[
daemon off;
master_process off;
pid %DIR%/pid;
error_log %DIR%/error.txt;
events { worker_connections 64; }
http {
  client_body_temp_path %DIR%/body;
  proxy_temp_path %DIR%/proxy;
  fastcgi_temp_path %DIR%/fastcgi;
  uwsgi_temp_path %DIR%/uwsgi;
  scgi_temp_path %DIR%/scgi;
  log_format spec "$status [$http_range] $body_bytes_sent $request_uri";
  access_log %DIR%/log.txt spec;
  sendfile off;
  server {
    listen 127.0.0.1:%PORT%;
    root %DIR%/files;
    location /fast/ { alias %DIR%/files/; sendfile on; }
    location /slow/ { alias %DIR%/files/; limit_rate 8m; }
    location /slow-norange/ { alias %DIR%/files/; limit_rate 8m; max_ranges 0; }
    location /unknown-size/ { alias %DIR%/files/; limit_rate 8m; ssi on; ssi_types *; }
    location /status/ { location ~ ^/status/500 { return 500; } location ~ ^/status/410 { return 410; }
                        location ~ ^/status/403 { return 403; } location ~ ^/status/503 { return 503; } }
    location /moved/ { rewrite ^/moved/(.*)$ /$1 redirect; }
    location /moved-again/ { rewrite ^/moved-again/(.*)$ http://127.0.0.1:%PORT%/moved/$1 permanent; }
    location /loop { return 302 /loop; }
    location /to-file { return 302 file://%DIR%/files/secret; }
    location /to-ftp { return 302 ftp://127.0.0.1:%PORT%/secret; }
  }
}
]]

local function find_nginx()
  for directory in (os.getenv "PATH" .. ":/usr/sbin:/usr/local/sbin"):gmatch "[^:]+" do
    local path = directory .. "/nginx"
    if uv.fs_access(path, "X") then return path end
  end
  error "nginx is not installed"
end

-- A port that nobody listens on now.
local function free_port()
  local server = uv.new_tcp()
  assert(server:bind("127.0.0.1", 0))
  local port = server:getsockname().port
  server:close()
  uv.run "nowait"
  return port
end

-- Whether somebody listens there.
local function answers(port)
  local done, is_up
  local client = uv.new_tcp()
  client:connect("127.0.0.1", port, function(err)
    done, is_up = true, not err
    client:close()
  end)
  while not done do
    uv.run "once"
  end
  return is_up
end

local nginx = {}
nginx.__index = nginx

function nginx:start()
  local ended
  local handle, pid = uv.spawn(find_nginx(), {
    args = { "-p", self.dir, "-c", self.dir .. "/nginx.conf", "-e", self.dir .. "/error.txt" },
    env = {}, -- what is preloaded into the specs, for sanitizers say, is not meant for it
  }, function()
    ended = true
    self.handle:close()
    self.handle = nil
  end)
  assert(handle, pid)
  self.handle = handle
  support.eventually(function()
    uv.run "nowait"
    return ended or answers(self.port)
  end)
  assert(not ended, "nginx has not started")
end

-- Ends it at once, with all its connections.
function nginx:stop()
  if not self.handle then return end
  self.handle:kill "sigkill"
  support.eventually(function()
    uv.run "nowait"
    return not self.handle
  end)
end

function nginx:url(path)
  return ("http://127.0.0.1:%d%s"):format(self.port, path)
end

function nginx:write(name, content)
  return support.write_file(self.dir .. "/files/" .. name, content)
end

-- The requests so far that are logged: { status =, range = nil or text, sent =, uri = }.
function nginx:requests()
  local list = {}
  for line in support.read_file(self.dir .. "/log.txt"):gmatch "[^\n]+" do
    local status, range, sent, uri = line:match "^(%d+) %[(.-)%] (%d+) (.*)$"
    list[#list + 1] = { status = tonumber(status), range = range ~= "-" and range or nil, sent = tonumber(sent), uri = uri }
  end
  return list
end

-- Starts an nginx whose files are in a new directory below `dir`.
function web.nginx(dir)
  local self = setmetatable({ dir = dir .. "/nginx", port = free_port() }, nginx)
  assert(lfs.mkdir(self.dir))
  assert(lfs.mkdir(self.dir .. "/files"))
  support.write_file(self.dir .. "/nginx.conf", (CONFIG:gsub("%%(%u+)%%", { DIR = self.dir, PORT = tostring(self.port) })))
  running[#running + 1] = self
  self:start()
  return self
end

local script = {}
script.__index = script

-- Lets its connections go on; for predicates of support.pump.
function script.look()
  uv.run "nowait"
end

function script:url(path)
  return ("http://127.0.0.1:%d%s"):format(self.port, path)
end

function script:stop()
  for connection in pairs(self.connections) do
    if not connection:is_closing() then connection:close() end
  end
  if not self.server:is_closing() then self.server:close() end
  uv.run "nowait"
end

-- A server that calls `answer(connection, request, number)` for each request: its head as a text, and how many there
-- were with it. The answer writes to the connection, a uv stream, and closes it.
function web.script(answer)
  local self = setmetatable({ connections = {}, server = uv.new_tcp(), count = 0 }, script)
  assert(self.server:bind("127.0.0.1", 0))
  self.port = self.server:getsockname().port
  assert(self.server:listen(16, function()
    local connection, head = uv.new_tcp(), ""
    self.server:accept(connection)
    self.connections[connection] = true
    connection:read_start(function(_, data)
      head = head .. (data or "")
      if not head:find "\r\n\r\n" then return end
      local request = head
      head = ""
      self.count = self.count + 1
      answer(connection, request, self.count)
    end)
  end))
  running[#running + 1] = self
  return self
end

-- What to download from a server that takes connections and never answers: it is under way for as long as one likes.
function web.unanswered()
  return {
    msg_download_elem_param_type = timmsg.TIMDownload_File,
    msg_download_elem_param_url = web.script(function() end):url "/never",
  }
end

-- For after_each: stops all servers.
function web.cleanup()
  for _, server in ipairs(running) do
    server:stop()
  end
  running = {}
end

return web
