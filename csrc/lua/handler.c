/* Handler: see handler.h.
 *
 * The user value TM_UV_HANDLERS holds a list an event, under the event's number + 1: number of the first handler, its
 * function, number of the second, its function, and so on. The numbers tell which handlers a delivery has passed, whatever
 * is added and removed meanwhile. */
#include "handler.h"

#include <string.h>

/* ---- Events ---- */

typedef struct event_type {
    const char *name;
    int letter; /* tm_letter_kind, or TM_NO_LETTER */
} event_type;

static const event_type event_types[] = {
    {"recv_new_msg", TM_LETTER_RECV_NEW_MSG},
    {"msg_readed_receipt", TM_LETTER_READED_RECEIPT},
    {"msg_revoke", TM_LETTER_REVOKE},
    {"msg_elem_upload_progress", TM_LETTER_UPLOAD_PROGRESS},
    {"group_tips_event", TM_LETTER_GROUP_TIPS},
    {"conv_event", TM_LETTER_CONV_EVENT},
    {"network_status", TM_LETTER_NETWORK_STATUS},
    {"kicked_offline", TM_LETTER_KICKED_OFFLINE},
    {"log", TM_LETTER_LOG},
    {"error", TM_NO_LETTER},
};

enum { EVENT_COUNT = (int)(sizeof event_types / sizeof event_types[0]) };

const char *tm_handlers_event_name(int event)
{
    return event < EVENT_COUNT ? event_types[event].name : NULL;
}

int tm_handlers_check_event(lua_State *L, int arg)
{
    if (lua_type(L, arg) != LUA_TSTRING) return luaL_typeerror(L, arg, "string");
    size_t length;
    const char *name = lua_tolstring(L, arg, &length);
    luaL_argcheck(L, strlen(name) == length, arg, "a NUL in an event's name");
    for (int event = 0; event < EVENT_COUNT; event++)
        if (strcmp(event_types[event].name, name) == 0) return event;
    return luaL_argerror(L, arg, lua_pushfstring(L, "there is no event '%s'", name));
}

int tm_handlers_event_of(int letter_kind)
{
    int event = 0;
    while (event < EVENT_COUNT - 1 && event_types[event].letter != letter_kind)
        event++;
    return event;
}

/* ---- Lists ---- */

/* Pushes the event's list, or nil. [-0, +1, -] */
static bool push_list(lua_State *L, int client, int event)
{
    lua_getiuservalue(L, client, TM_UV_HANDLERS);
    int type = lua_rawgeti(L, -1, event + 1);
    lua_remove(L, -2);
    return type == LUA_TTABLE;
}

void tm_handlers_add(lua_State *L, int client, lua_Integer *last, int event, int handler)
{
    if (!push_list(L, client, event)) {
        lua_pop(L, 1);
        lua_createtable(L, 2, 0);
        /* a finalizer that ran for it may have added a handler too */
        if (!push_list(L, client, event)) {
            lua_pop(L, 1);
            lua_getiuservalue(L, client, TM_UV_HANDLERS);
            lua_pushvalue(L, -2);
            lua_rawseti(L, -2, event + 1);
            lua_pop(L, 1);
        } else {
            lua_remove(L, -2);
        }
    }
    lua_Integer end = (lua_Integer)lua_rawlen(L, -1);
    /* The function first: if memory runs out in between, the list still has its old border. */
    lua_pushvalue(L, handler);
    lua_rawseti(L, -2, end + 2);
    lua_pushinteger(L, *last + 1);
    lua_rawseti(L, -2, end + 1);
    ++*last;
    lua_pop(L, 1);
}

bool tm_handlers_remove(lua_State *L, int client, int event, int handler)
{
    bool found = false;
    if (push_list(L, client, event)) {
        lua_Integer end = (lua_Integer)lua_rawlen(L, -1);
        for (lua_Integer i = 1; i < end; i += 2) {
            if (!found) {
                lua_rawgeti(L, -1, i + 1);
                found = lua_rawequal(L, -1, handler);
                lua_pop(L, 1);
            }
            if (!found) continue;
            /* The rest moves down by one; behind the last there is nil. */
            for (lua_Integer j = i; j < i + 2; j++) {
                if (j + 2 <= end)
                    lua_rawgeti(L, -1, j + 2);
                else
                    lua_pushnil(L);
                lua_rawseti(L, -2, j);
            }
        }
    }
    lua_pop(L, 1);
    return found;
}

bool tm_handlers_push_next(lua_State *L, int client, int event, lua_Integer *given, lua_Integer limit)
{
    if (push_list(L, client, event)) {
        for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TNUMBER; i += 2) {
            lua_Integer number = lua_tointeger(L, -1);
            lua_pop(L, 1);
            if (number <= *given) continue;
            if (number > limit) {
                lua_pop(L, 1);
                return false;
            }
            *given = number;
            lua_rawgeti(L, -1, i + 1);
            lua_remove(L, -2);
            return true;
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return false;
}

static bool has_handler(lua_State *L, int client, int event)
{
    lua_Integer given = 0;
    bool has = tm_handlers_push_next(L, client, event, &given, LUA_MAXINTEGER);
    if (has) lua_pop(L, 1);
    return has;
}

unsigned tm_handlers_wanted(lua_State *L, int client)
{
    unsigned wanted = 1u << TM_LETTER_RESULT | 1u << TM_LETTER_PROGRESS;
    for (int event = 0; event < EVENT_COUNT; event++)
        if (event_types[event].letter != TM_NO_LETTER && has_handler(L, client, event))
            wanted |= 1u << event_types[event].letter;
    return wanted;
}
