/* Module: timmsg.core, the C half of the Lua module timmsg. See luaopen_timmsg_core in timmsg.h. */
#include "alarm.h"
#include "client.h"
#include "handler.h"
#include "hush.h"
#include "method.h"
#include "raised.h"
#include "schema.h"
#include "testing.h"
#include "value.h"

#include <dlfcn.h>

#ifdef __cplusplus
extern "C" {
#endif
#include "../include/timmsg.h"
#include "../version.h"
#ifdef __cplusplus
}
#endif

static void push_events(lua_State *L)
{
    lua_newtable(L);
    const char *name;
    for (int event = 0; (name = tm_handlers_event_name(event)) != NULL; event++) {
        lua_pushstring(L, name);
        lua_rawseti(L, -2, event + 1);
    }
}

/* traceback(thread): as debug.traceback, which the Lua half may not have. */
static int module_traceback(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTHREAD);
    luaL_traceback(L, lua_tothread(L, 1), NULL, 0);
    return 1;
}

/* is_forgiven(err) */
static int module_is_forgiven(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, tm_raised_is_forgiven(L, 1));
    return 1;
}

static const luaL_Reg functions[] = {
    {"new", tm_lua_client_new},
    {"array", tm_value_array},
    {"object", tm_value_object},
    {"schema", tm_lua_schema},
    /* for the Lua half alone */
    {"state", tm_lua_client_state},
    {"raise", tm_raised_raise},
    {"forgive", tm_raised_forgive},
    {"is_forgiven", module_is_forgiven},
    {"traceback", module_traceback},
    {"set_alarm", tm_lua_client_set_alarm},
    {"drop_alarm", tm_lua_client_drop_alarm},
    {"drop_download", tm_lua_client_drop_download},
    {NULL, NULL},
};

/* Lua unloads a module's library when the state closes, but a thread of ours that waits for the disk may
 * outlive that: the library stays in memory, however it was linked. Part of a program it is there anyway,
 * and this does nothing. */
static void stay_loaded(void)
{
#ifdef RTLD_NODELETE
    Dl_info info;
    if (dladdr((const void *)&luaopen_timmsg_core, &info) && info.dli_fname)
        (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
#endif
}

int luaopen_timmsg_core(lua_State *L)
{
    stay_loaded();
    luaL_checkversion(L);
    tm_keys_open(L);
    tm_hush_open(L);
    tm_raised_open(L);
    luaL_newlib(L, functions);
    tm_methods_push_begin_download(L);
    lua_setfield(L, -2, "begin_download"); /* likewise */
    lua_newtable(L);
    tm_methods_open(L, -1);
    lua_setfield(L, -2, "getters");
    tm_lua_schema_push_constants(L);
    lua_setfield(L, -2, "constants");
    tm_lua_schema_push_calls(L);
    lua_setfield(L, -2, "calls");
    push_events(L);
    lua_setfield(L, -2, "events");
    tm_testing_open(L);
    lua_setfield(L, -2, "testing");
    tm_value_push_null(L);
    lua_setfield(L, -2, "null");
    lua_pushliteral(L, TM_VERSION);
    lua_setfield(L, -2, "version");
    return 1;
}
