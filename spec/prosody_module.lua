-- A module of Prosody, for the specs: the calls of ejabberd's HTTP API that they use. The server is to listen on
-- 127.0.0.1 only.
--   POST /api/register {"user":…,"host":…,"password":…}    an account
--   POST /api/change_password {"user":…,"host":…,"newpass":…}
--   POST /api/reload_config {}                             hosts that are new in the configuration come, others go
--   POST /api/status {}                                    nothing: it is up
-- And what else happens by chance, when rooms end while somebody enters them:
--   POST /api/end_room {"room":…}                          the room's end, just before the next one enters
--   POST /api/lose {"to":…,"what":…}                       the next presence or message to the room goes lost, or change of
--                                                          its lists, or question for a page of its archive (or of a
--                                                          user's own), or what is to end it, or a ping to the host
--   POST /api/delay {"to":…,"what":…,"seconds":…}          the next of these comes late
--   POST /api/refuse {"to":…,"what":…,"condition":…}       the next of these is refused, with that condition
--   POST /api/add_dead_service {"host":…}                  the host lists one that answers nobody
--   POST /api/kill_service {"host":…,"name":…}             one of the host's answers nobody any more
--   POST /api/revive_service {"host":…,"name":…}           that one answers again
--   POST /api/slow_service {"host":…,"name":…}             one of them answers a second late
--   POST /api/hold_service {"host":…,"name":…}             one of them answers when it is released
--   POST /api/release_service {"host":…,"name":…}
-- Users whose name begins with "guest" may make no rooms.
-- luacheck: globals module prosody
---@diagnostic disable: deprecated, undefined-field, undefined-global

module:set_global()
module:depends "http"

local config = require "core.configmanager"
local hosts = require "core.hostmanager"
local jid = require "util.jid"
local stanza = require "util.stanza"
local json = require "util.json"
local timer = require "util.timer"
local users = require "core.usermanager"

local function register(event)
  local account = json.decode(event.request.body)
  local ok, reason = users.create_user(account.user, account.password, account.host)
  return ok and 200 or { status_code = 500, body = tostring(reason) }
end

local function change_password(event)
  local account = json.decode(event.request.body)
  local ok, reason = users.set_password(account.user, account.newpass, account.host)
  return ok and 200 or { status_code = 500, body = tostring(reason) }
end

-- prosody.reload_config would also read the certificates anew for each host, which takes longer than all the rest.
local function reload_config()
  local ok, _, reason = config.load(prosody.config_file, "lua")
  if not ok then return { status_code = 500, body = tostring(reason) } end
  local wanted, gone = config.getconfig(), {}
  for host in pairs(prosody.hosts) do
    if not rawget(wanted, host) then gone[#gone + 1] = host end
  end
  collectgarbage "stop"
  for _, host in ipairs(gone) do
    assert(hosts.deactivate(host))
  end
  for host, options in pairs(wanted) do
    if host ~= "*" and not rawget(prosody.hosts, host) then assert(hosts.activate(host, options)) end
  end
  collectgarbage "restart"
  return 200
end

local EVENTS = {
  presence = "presence/full", message = "message/bare", ping = "iq-get/host/urn:xmpp:ping:ping",
  page = "iq-set/bare/urn:xmpp:mam:2:query", own_page = "iq-set/self/urn:xmpp:mam:2:query",
  info = "iq-get/bare/http://jabber.org/protocol/disco#info:query",
  change = "iq-set/bare/http://jabber.org/protocol/muc#admin:query", ["end"] = "iq-set/bare/http://jabber.org/protocol/muc#owner:query",
}

-- Calls `act` with the next of these that comes to a room or host (or to his own account from a user), and its host; it then
-- goes on, or not if the result is true.
local function at_next(what, to, act)
  local host = select(2, jid.split(to))
  local events = prosody.hosts[host].events
  local name = EVENTS[what]
  local function handler(event)
    local attr = event.stanza.attr
    if jid.bare(attr.to or attr.from) ~= to or what == "end" and not event.stanza.tags[1]:get_child "destroy" then return nil end
    events.remove_handler(name, handler)
    return act(host, event)
  end
  events.add_handler(name, handler, 1000)
  return 200
end

local function end_room(event)
  local room = json.decode(event.request.body).room
  return at_next("presence", room, function(host) prosody.hosts[host].modules.muc.get_room_from_jid(room):destroy() end)
end

local function lose(event)
  local body = json.decode(event.request.body)
  return at_next(body.what, body.to, function() return true end)
end

local function delay(event)
  local body = json.decode(event.request.body)
  return at_next(body.what, body.to, function(_, next)
    timer.add_task(body.seconds, function() prosody.core_post_stanza(next.origin, next.stanza) end)
    return true
  end)
end

local function refuse(event)
  local body = json.decode(event.request.body)
  return at_next(body.what, body.to, function(_, next)
    next.origin.send(stanza.error_reply(next.stanza, "cancel", body.condition, "The specs want it so"))
    return true
  end)
end

-- By their JIDs: handlers of what services are asked.
local intercepted = {}

-- Calls `act` with what the host's users ask the service, which then doesn't get it.
local function intercept(host, name, act)
  local service = name .. "." .. host
  intercepted[service] = function(iq)
    if iq.stanza.attr.to ~= service then return nil end
    act(iq)
    return true
  end
  prosody.hosts[host].events.add_handler("pre-iq/host", intercepted[service], 1000)
  return 200
end

local function add_dead_service(event)
  local host = json.decode(event.request.body).host
  prosody.hosts[host].events.add_handler("host-disco-items", function(items)
    items.reply:tag("item", { jid = "dead." .. host }):up()
  end)
  return intercept(host, "dead", function() end)
end

local function kill_service(event)
  local body = json.decode(event.request.body)
  return intercept(body.host, body.name, function() end)
end

local function revive_service(event)
  local body = json.decode(event.request.body)
  prosody.hosts[body.host].events.remove_handler("pre-iq/host", intercepted[body.name .. "." .. body.host])
  return 200
end

local function slow_service(event)
  local body = json.decode(event.request.body)
  return intercept(body.host, body.name, function(iq)
    timer.add_task(1, function() prosody.core_post_stanza(iq.origin, iq.stanza) end)
  end)
end

-- By the services' JIDs: what they were asked while they are held.
local held = {}

local function hold_service(event)
  local body = json.decode(event.request.body)
  local questions = {}
  held[body.name .. "." .. body.host] = questions
  return intercept(body.host, body.name, function(iq) questions[#questions + 1] = iq end)
end

local function release_service(event)
  local body = json.decode(event.request.body)
  local service = body.name .. "." .. body.host
  revive_service(event)
  for _, iq in ipairs(held[service]) do
    prosody.core_post_stanza(iq.origin, iq.stanza)
  end
  held[service] = nil
  return 200
end

function module.add_host(at_host)
  at_host:hook("muc-room-pre-create", function(event)
    if not jid.node(event.stanza.attr.from):find "^guest" then return nil end
    event.origin.send(stanza.error_reply(event.stanza, "cancel", "not-allowed", "Room creation is restricted"))
    return true
  end, 1000)
end

module:provides("http", {
  default_path = "/api",
  route = {
    ["POST /register"] = register,
    ["POST /change_password"] = change_password,
    ["POST /reload_config"] = reload_config,
    ["POST /end_room"] = end_room,
    ["POST /lose"] = lose,
    ["POST /delay"] = delay,
    ["POST /refuse"] = refuse,
    ["POST /add_dead_service"] = add_dead_service,
    ["POST /kill_service"] = kill_service,
    ["POST /revive_service"] = revive_service,
    ["POST /slow_service"] = slow_service,
    ["POST /hold_service"] = hold_service,
    ["POST /release_service"] = release_service,
    ["POST /status"] = function() return 200 end,
  },
})
