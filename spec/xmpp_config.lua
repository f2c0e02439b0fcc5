-- Configurations of the XMPP servers for the specs: what a server needs that timmsg works with, on 127.0.0.1.
-- %NAME% is a value of the server's.

local config = {}

-- The template with the values.
function config.fill(template, values)
  return (template:gsub("%%([%u%d_]+)%%", values))
end

config.ejabberd = [[
hosts:
%HOSTS%
loglevel: info
certfiles: [ "%DIR%/tls/server.pem" ]
acme: { auto: false }
default_db: sql
sql_type: sqlite
sql_database: "%DIR%/data/server.db"
sql_start_interval: 1                   # a new host finds the file locked now and then: it would try again after 30 s
new_sql_schema: true                    # the old one has no column for the host: all hosts would share their users
auth_method: sql
auth_password_format: scram
disable_sasl_mechanisms: [ "digest-md5", "X-OAUTH2" ]
listen:
  - { port: %C2S_PORT%, ip: 127.0.0.1, module: ejabberd_c2s, starttls: true, starttls_required: true,
      max_stanza_size: 262144, access: c2s }
  - { port: %HTTP_PORT%, ip: 127.0.0.1, module: ejabberd_http,
      request_handlers: { /upload: mod_http_upload, /api: mod_http_api } }
acl: { local: { user_regexp: "" }, guest: { user_glob: "guest*" }, loopback: { ip: [ 127.0.0.0/8 ] } }
access_rules: { local: { allow: local }, c2s: { allow: all }, muc_create: [ { deny: guest }, { allow: local } ] }
api_permissions: { loopback: { who: { access: { allow: { acl: loopback } } }, what: [ "*" ] } }
shaper_rules: { max_offline: [ { infinity: all } ] }
modules:
  mod_admin_extra: {}
  mod_http_api: {}
  mod_disco: {}
  mod_ping: {}
  mod_caps: {}
  mod_roster: {}
  mod_privacy: {}
  mod_blocking: {}
  mod_carboncopy: {}
  mod_muc_admin: {}
  mod_offline: { access_max_user_messages: max_offline }
  mod_stream_mgmt: { resend_on_timeout: if_offline, resume_timeout: 60 }
  mod_mam: { default: always, assume_mam_usage: true }
  mod_pubsub: { host: "pubsub.@HOST@", plugins: [ flat, pep ] }
  mod_muc:
    host: "conference.@HOST@"
    access_create: muc_create
    history_size: 0
    default_room_options: { persistent: true, mam: true, members_only: true, allow_subscription: true,
                            public: false, anonymous: false }
  mod_http_upload:
    host: "upload.@HOST@"
    put_url: "http://127.0.0.1:%HTTP_PORT%/upload/@HOST@"  # the path tells the hosts apart
    docroot: "%DIR%/upload"
    max_size: 104857600
]]

-- The components have no streams of their own: without TLS and logins they start in half the time.
config.prosody = [[
pidfile = "%DIR%/prosody.pid"
certificates = "%DIR%/tls"
data_path = "%DIR%/data"
plugin_paths = { "%DIR%/plugins" }
interfaces = { "127.0.0.1" }
c2s_ports = { %C2S_PORT% }
http_ports = { %HTTP_PORT% }
http_interfaces = { "127.0.0.1" }
https_ports = {}
modules_disabled = { "s2s" }
c2s_require_encryption = true
c2s_stanza_size_limit = 256 * 1024
ssl = { key = "%DIR%/tls/server.key", certificate = "%DIR%/tls/server.crt" }
authentication = "internal_hashed"
storage = "sql"
sql = { driver = "SQLite3", database = "%DIR%/data/server.db" }
archive_expires_after = "never"
default_archive_policy = true
max_archive_query_results = 250
smacks_hibernation_time = 60
pep_max_items = 1000
gc = { threshold = 400 } -- else it collects all the time
modules_enabled = { "plain_attributes", "posix", "disco", "roster", "saslauth", "tls", "blocklist", "carbons", "smacks", "ping", "time",
  "version", "mam", "offline", "pep", "specs" }
log = { info = "%DIR%/prosody.log", warn = "*console" }

for _, host in ipairs {
%HOSTS%
} do
  VirtualHost(host)
  Component("conference." .. host) "muc"
    modules_enabled = { "muc_mam", "specs" }
    modules_disabled = { "tls", "saslauth", "smacks", "s2s" }
    restrict_room_creation = "local"
    muc_room_default_persistent = true
    muc_room_default_members_only = true
    muc_room_default_public = false
    muc_room_default_public_jids = true
    muc_room_default_history_length = 0
    muc_room_locking = false
    muc_tombstones = false -- the id of a deleted group is free again
    muc_log_by_default = true
    muc_log_expires_after = "never"
  Component("upload." .. host) "http_file_share"
    modules_disabled = { "tls", "saslauth", "smacks", "s2s" }
    http_host = "127.0.0.1"
    http_external_url = "http://127.0.0.1:%HTTP_PORT%/"
    http_paths = { file_share = "/upload/$host" } -- the path tells the hosts apart
    http_file_share_size_limit = 100 * 1024 * 1024
    http_file_share_daily_quota = 10 * 1024 ^ 3
    http_file_share_expires_after = 10 * 365 * 86400 -- a number: "never" breaks the module
end
]]

return config
