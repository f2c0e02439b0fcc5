rockspec_format = "3.0"
package = "timmsg-hub"
version = "scm-1"
source = {
  url = "git+https://example.invalid/timmsg.git",
}
description = {
  summary = "TIM message API for Lua: chat on an embedded hub, no server needed",
  detailed = [[
A C core that implements Tencent IM's cross-platform message API and exposes it to Lua 5.4: messages,
groups, receipts, revoke, history and media. Nothing blocks a frame, nothing calls Lua from a foreign thread.
This is timmsg without its XMPP backend, for those who have no libstrophe.]],
  license = "MIT",
}
dependencies = {
  "lua >= 5.4",
}
external_dependencies = {
  CJSON = { header = "cjson/cJSON.h", library = "cjson" },
  CURL = { library = "curl" }, -- its header lies where only the compiler looks (multiarch)
  SQLITE3 = { header = "sqlite3.h", library = "sqlite3" },
  MD = { header = "sha256.h", library = "md" },
}
build = {
  type = "builtin",
  modules = {
    ["timmsg.core"] = {
      sources = {
        "csrc/alarm.c",
        "csrc/attachment.c",
        "csrc/backend.c",
        "csrc/call.c",
        "csrc/call_check.c",
        "csrc/client.c",
        "csrc/clock.c",
        "csrc/conversation.c",
        "csrc/deleting.c",
        "csrc/error.c",
        "csrc/grouping.c",
        "csrc/history.c",
        "csrc/hub.c",
        "csrc/hub_bell.c",
        "csrc/hub_fetch.c",
        "csrc/hub_group.c",
        "csrc/hub_log.c",
        "csrc/hub_member.c",
        "csrc/hub_online.c",
        "csrc/ids.c",
        "csrc/image.c",
        "csrc/incoming.c",
        "csrc/job.c",
        "csrc/json.c",
        "csrc/json_node.c",
        "csrc/json_number.c",
        "csrc/json_scan.c",
        "csrc/json_utf8.c",
        "csrc/keeping.c",
        "csrc/log.c",
        "csrc/mailbox.c",
        "csrc/media.c",
        "csrc/media_copy.c",
        "csrc/media_fetch.c",
        "csrc/media_http.c",
        "csrc/media_part.c",
        "csrc/media_send.c",
        "csrc/media_source.c",
        "csrc/media_transfer.c",
        "csrc/mem.c",
        "csrc/message.c",
        "csrc/path.c",
        "csrc/peer.c",
        "csrc/reading.c",
        "csrc/request.c",
        "csrc/revoking.c",
        "csrc/schema.c",
        "csrc/schema_check.c",
        "csrc/schema_tables.c",
        "csrc/sending.c",
        "csrc/session.c",
        "csrc/settings.c",
        "csrc/sql.c",
        "csrc/store.c",
        "csrc/store_convs.c",
        "csrc/store_deletion.c",
        "csrc/store_messages.c",
        "csrc/wake.c",
        "csrc/worker.c",
        "csrc/lua/argument.c",
        "csrc/lua/callback.c",
        "csrc/lua/client.c",
        "csrc/lua/key.c",
        "csrc/lua/module.c",
        "csrc/lua/option.c",
        "csrc/lua/raised.c",
        "csrc/lua/value_table.c",
        "csrc/lua/value_tree.c",
      },
      defines = { "_GNU_SOURCE", "TM_WITHOUT_XMPP" },
      libraries = { "cjson", "curl", "sqlite3", "md", "m", "pthread" },
      incdirs = { "csrc", "csrc/include", "$(CJSON_INCDIR)", "$(SQLITE3_INCDIR)", "$(MD_INCDIR)" },
      libdirs = { "$(CJSON_LIBDIR)", "$(CURL_LIBDIR)", "$(SQLITE3_LIBDIR)", "$(MD_LIBDIR)" },
    },
    ["timmsg.await"] = "lua/timmsg/await.lua",
    ["timmsg"] = "lua/timmsg/init.lua",
    ["timmsg.message"] = "lua/timmsg/message.lua",
  },
  install = {
    lua = {
      ["timmsg._meta"] = "lua/timmsg/_meta.lua", -- for editors only
    },
  },
}
