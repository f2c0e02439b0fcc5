/* Fuzz target: Lua tables. An input is a program that builds values, odd ones too (cycles, holes, mixed keys, metatables,
 * text that is not UTF-8), and gives them to the functions of the Lua face. */
#include "include/timmsg.h"
#include "lua/value.h"
#include "same.h"
#include "stage.h"

#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 300
#define MOST_STEPS 400
#define MOST_VALUES 60

/* Returns two functions. The first calls a function of alice's as a host would, and looks at what comes of it; errors that
 * are raised are for the caller, so they are here. The second says whether a value must be taken (true) or refused
 * (false), by itself; nil: it is too large, as what stands in itself many times over, and no concern of ours. */
static const char script[] =
    "local testing = require 'timmsg.testing'\n"
    "local core = require 'timmsg.core'\n"
    "local hub = testing.new()\n"
    "local alice, bob = hub:login 'alice', hub:login 'bob'\n"
    "local structs, _, types = core.schema()\n"
    "local known = {}\n"
    "for _, fields in pairs(structs) do for _, field in ipairs(fields) do known[field.key] = true end end\n"
    "local names = {}\n"
    "for name in pairs(types) do if alice[name] and name ~= 'login' and name ~= 'logout' and name ~= "
    "'download_elem_to_path' then\n"
    "  names[#names + 1] = name end end\n"
    "table.sort(names)\n"
    "local ids = { 'bob', 'alice', 'crew', 'nobody', '' }\n"
    "alice:on('error', function() end)\n"
    "local left\n"
    "local function is_text(text) return utf8.len(text) ~= nil and not text:find('\\0', 1, true) end\n"
    "local function takes(value, depth, above)\n"
    "  left = left - 1\n"
    "  local kind = type(value)\n"
    "  if kind == 'string' then return is_text(value) end\n"
    "  if kind == 'number' then return value == value and value ~= math.huge and value ~= -math.huge end\n"
    "  if kind == 'boolean' or value == core.null then return true end\n"
    "  if kind ~= 'table' or above[value] or depth > 64 or left < 0 then return false end\n"
    "  local ok, count, last, names = true, 0, 0, false\n"
    "  above[value] = true\n"
    "  for key, entry in next, value do\n"
    "    if type(key) == 'string' then names = true ok = ok and is_text(key)\n"
    "    elseif math.type(key) == 'integer' and key >= 1 then count = count + 1 last = math.max(last, key)\n"
    "    else ok = false end\n"
    "    local ignored = type(entry) == 'function' and type(key) == 'string' and not known[key]\n"
    "    ok = ok and (ignored or takes(entry, depth + 1, above))\n"
    "  end\n"
    "  above[value] = nil\n"
    "  if not next(value) and debug.getmetatable(value) then return false end\n"
    "  return ok and (count == 0 or not names and last == count)\n"
    "end\n"
    "return function(number, id, conv_type, value, with_conv)\n"
    "  local name = names[number % #names + 1]\n"
    "  local function done(code, desc) assert(code == 0 or desc ~= '') end\n"
    "  local ok, result, message\n"
    "  if with_conv then\n"
    "    ok, result, message = pcall(alice[name], alice, ids[id % #ids + 1], conv_type, value, done)\n"
    "  else\n"
    "    ok, result, message = pcall(alice[name], alice, value, done)\n"
    "  end\n"
    "  if ok and not result then assert(type(message) == 'string' and message ~= '', name) end\n"
    "  hub:flush()\n"
    "end, function(value)\n"
    "  left = 20000\n"
    "  local ok = takes(value, 1, {})\n"
    "  if left >= 0 then return ok end\n"
    "end\n";

static lua_State *L;
static unsigned runs;

static void enter(void)
{
    if (L && runs++ < RUNS) return;
    if (L) lua_close(L);
    runs = 0;
    if (!(L = luaL_newstate())) stage_wrong("out of memory");
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_timmsg_core);
    lua_setfield(L, -2, "timmsg.core");
    lua_getglobal(L, "package");
    lua_pushstring(L, LUA_DIR "/?.lua;" LUA_DIR "/?/init.lua");
    lua_setfield(L, -2, "path");
    lua_settop(L, 0);
    if (!lua_checkstack(L, MOST_VALUES + LUA_MINSTACK)) stage_wrong("no room for values");
    if (luaL_loadstring(L, script) || lua_pcall(L, 0, 2, 0)) stage_wrong(lua_tostring(L, -1));
}

/* ---- values ---- */

/* Keys of the API, among which a program chooses; the rest come as text. */
static const char *const keys[] = {
    "message_elem_array",
    "message_sender",
    "message_seq",
    "message_rand",
    "message_client_time",
    "message_server_time",
    "message_custom_str",
    "message_custom_int",
    "message_is_online_msg",
    "message_status",
    "message_priority",
    "message_is_from_self",
    "elem_type",
    "text_elem_content",
    "custom_elem_data",
    "location_elem_latitude",
    "location_elem_longitude",
    "face_elem_index",
    "file_elem_file_path",
    "image_elem_orig_path",
    "sound_elem_file_path",
    "msg_getmsglist_param_count",
    "msg_getmsglist_param_last_msg",
    "msg_getmsglist_param_is_forward",
    "message_locator_seq",
    "message_locator_rand",
    "message_locator_is_self",
    "message_locator_time",
    "msg_delete_param_msg",
    "msg_batch_send_param_identifier_array",
    "msg_batch_send_param_msg",
    "draft_msg",
    "create_group_param_group_id",
    "create_group_param_group_member_array",
    "group_member_info_identifier",
};

static void push_number(bytes *from)
{
    switch (bytes_one(from) % 6) {
    case 0: lua_pushnumber(L, NAN); break;
    case 1: lua_pushnumber(L, HUGE_VAL); break;
    case 2: lua_pushnumber(L, (lua_Number)bytes_number(from) / 7); break;
    case 3: lua_pushnumber(L, -(lua_Number)bytes_number(from)); break;
    case 4: lua_pushinteger(L, bytes_one(from) % 11); break;
    default: lua_pushinteger(L, (lua_Integer)bytes_number(from)); break;
    }
}

static void push_text(bytes *from)
{
    size_t length = bytes_one(from), left = (size_t)(from->end - from->at);
    if (length > left) length = left;
    lua_pushlstring(L, (const char *)from->at, length); /* any bytes, NUL too */
    from->at += length;
}

static int refuse(lua_State *state)
{
    return luaL_error(state, "a metamethod was asked");
}

static void give_metatable(void)
{
    static const char *const events[] = {"__index", "__newindex", "__len", "__pairs",
                                         "__eq",    "__tostring", "__gc"};
    lua_createtable(L, 0, 7);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        lua_pushcfunction(L, refuse);
        lua_setfield(L, -2, events[i]);
    }
    lua_setmetatable(L, -2);
}

/* The value on top in so many tables: as an entry, or under a name. */
static void nest(unsigned times)
{
    for (; times; times--) {
        lua_createtable(L, 1, 1);
        lua_insert(L, -2);
        if (times % 2)
            lua_rawseti(L, -2, 1);
        else
            lua_setfield(L, -2, "k");
    }
}

static bool same_text(const char *one, const char *other)
{
    return strcmp(one ? one : "", other ? other : "") == 0;
}

/* What tables become without a tree is what they become by way of one. */
static void check_messages(int value)
{
    tm_error err = {0};
    tm_messages *messages = lua_istable(L, value) ? tm_value_to_messages(L, value) : NULL;
    if (!messages) return;
    cJSON *tree = tm_value_to_tree(L, value, true, &err);
    if (!tree || tm_schema_check(&tm_schema_message, true, TM_CHECK_STORE, tree, 1, &err))
        stage_wrong(err.text);
    const cJSON *item = tree->child;
    for (size_t i = 0; i < messages->count; i++, item = item->next) {
        tm_message other, *one = &messages->list[i].message;
        if (!item || tm_message_from_tree(item, 0, &other, &err)) stage_wrong("another number of messages");
        if (one->seq != other.seq || one->rand != other.rand || one->client_time != other.client_time ||
            one->server_time != other.server_time || one->priority != other.priority ||
            one->status != other.status || one->custom_int != other.custom_int ||
            one->is_read != other.is_read ||
            one->is_self != tm_json_get_bool(item, kTIMMsgIsFormSelf, true) ||
            one->is_online != other.is_online || !same_text(one->sender, other.sender) ||
            !same_text(one->custom_str, other.custom_str) || !same_text(one->elems, other.elems))
            stage_wrong("another message without a tree");
        tm_message_clear(&other);
    }
    if (item) stage_wrong("messages are missing");
    cJSON_Delete(tree);
    tm_messages_free(messages);
}

/* What the library must take of a value, it takes, and no more; and what it made of it comes back. False: it is none that is
 * to be tried. */
static bool check_value(int value)
{
    tm_error err = {0};
    check_messages(value);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, value);
    if (lua_pcall(L, 1, 1, 0)) stage_wrong(lua_tostring(L, -1));
    bool tried = !lua_isnil(L, -1), takes = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (!tried || !lua_istable(L, value)) return tried;
    cJSON *tree = tm_value_to_tree(L, value, false, &err);
    if (takes != (tree != NULL)) stage_wrong(tree ? "a value must be refused" : err.text);
    if (!tree && err.code != TIM_ERR_JSON) stage_wrong("a value was refused with another code");
    if (!tree) return true;
    stage_check_tree(tree);
    tm_value_push(L, tree);
    cJSON *again = tm_value_to_tree(L, -1, cJSON_IsArray(tree), &err);
    if (!again || !same_but_for_lua(tree, again)) stage_wrong(again ? "another tree came back" : err.text);
    lua_pop(L, 1);
    cJSON_Delete(tree);
    cJSON_Delete(again);
    return true;
}

/* One step of the program. The functions to call are at 1 and 2; values are above. */
static void step(bytes *from)
{
    int top = lua_gettop(L);
    unsigned what = bytes_one(from), room = top < MOST_VALUES;
    switch (what % 12) {
    case 0:
        if (room) lua_newtable(L);
        break;
    case 1:
        if (room) push_text(from);
        break;
    case 2:
        if (room) push_number(from);
        break;
    case 3:
        if (room) lua_pushboolean(L, (int)(what / 12 & 1));
        break;
    case 4: /* table.key = value */
    case 5:
        if (top > 3 && lua_istable(L, top - 1)) {
            lua_pushstring(L, keys[bytes_one(from) % (sizeof keys / sizeof *keys)]);
            lua_insert(L, -2);
            lua_rawset(L, top - 1);
        }
        break;
    case 6: /* table[#table + 1] = value */
        if (top > 3 && lua_istable(L, top - 1))
            lua_rawseti(L, top - 1, (lua_Integer)lua_rawlen(L, top - 1) + 1);
        break;
    case 7: /* table[key] = value, of any kind */
        if (top > 4 && lua_istable(L, top - 2) && !lua_isnil(L, top - 1) &&
            !(lua_type(L, top - 1) == LUA_TNUMBER && isnan(lua_tonumber(L, top - 1))))
            lua_rawset(L, top - 2);
        break;
    case 8: /* the same value again: shared, or within itself */
        if (room && top > 2) lua_pushvalue(L, 3 + (int)(bytes_one(from) % (unsigned)(top - 2)));
        break;
    case 9:
        if (top > 2 && lua_istable(L, top) && what > 200) give_metatable();
        break;
    case 10:
        if (top > 3 && what > 128)
            lua_settop(L, top - 1);
        else if (top > 2)
            nest(bytes_one(from) % 2 ? 60 + bytes_one(from) % 8 : bytes_one(from) % 8);
        break;
    default:
        if (!room) break;
        if (what > 128)
            lua_pushlightuserdata(L, NULL);
        else
            lua_pushcfunction(L, refuse);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) return 0;
    bytes from = {data + 3, data + size};
    enter();
    for (int i = 0; i < MOST_STEPS && from.at < from.end; i++)
        step(&from);
    int last = lua_gettop(L);
    if (last > 2 && !check_value(last)) {
        lua_settop(L, 2);
        return 0;
    }
    lua_pushvalue(L, 1);
    lua_pushinteger(L, data[0]);
    lua_pushinteger(L, data[1] & 15);
    lua_pushinteger(L, data[1] & 64 ? 2 : 1);
    if (last > 2)
        lua_pushvalue(L, last);
    else
        lua_newtable(L);
    lua_pushboolean(L, data[2] & 1);
    if (lua_pcall(L, 5, 0, 0)) stage_wrong(lua_tostring(L, -1));
    lua_settop(L, 2);
    return 0;
}
