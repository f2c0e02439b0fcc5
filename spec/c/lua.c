/* Lua: an interpreter for the specs, where that of the system will not do: lua SCRIPT [ARGUMENT...]
 *
 * Built with a sanitizer it brings that along, for itself and for the processes that it starts of itself;
 * ThreadSanitizer can't be preloaded into just any program. And with TIMMSG_EAGER=N in its environment the
 * collector is as eager as one can bear: every Nth new object first collects all garbage there is, in the
 * midst of whatever allocates (Lua does so when an allocator fails, and then asks it again), and every so many
 * instructions there is a collection with finalizers. What a C function uses but does not hold is gone then.
 *
 * Ctrl-C ends a script as in lua5.4. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For one N of allocations: how many instructions. */
#define INSTRUCTIONS 50

typedef struct heap {
    unsigned long every, count;
    bool failed; /* the last time it did, so that it is asked again */
} heap;

static void *allocate(void *userdata, void *block, size_t old_size, size_t size)
{
    heap *of = userdata;
    if (size == 0) {
        /* what still looks at it sees that it is gone, also without a sanitizer */
        if (block) memset(block, 0xdd, old_size);
        free(block);
        return NULL;
    }
    /* Only new objects (old_size is their type): for the buffers of lauxlib nobody asks twice. */
    if (of->every && !block && old_size && !of->failed && ++of->count % of->every == 0) {
        of->failed = true;
        return NULL;
    }
    if (!block && old_size) of->failed = false;
    return realloc(block, size);
}

static void collect(lua_State *L, lua_Debug *where)
{
    (void)where;
    lua_gc(L, LUA_GCCOLLECT);
}

/* ---- Ctrl-C ---- */

static lua_State *interrupted;

static void interrupt(lua_State *L, lua_Debug *where)
{
    (void)where;
    lua_sethook(L, NULL, 0, 0);
    luaL_error(L, "interrupted!");
}

static void on_interrupt(int number)
{
    signal(number, SIG_DFL);
    lua_sethook(interrupted, interrupt, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static int traceback(lua_State *L)
{
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

/* Runs the script with its arguments, as lua5.4 does. */
static int run(lua_State *L, int count, char **arguments)
{
    luaL_openlibs(L);
    lua_createtable(L, count, 1);
    for (int i = 0; i < count; i++) {
        lua_pushstring(L, arguments[i]);
        lua_rawseti(L, -2, i - 1);
    }
    lua_setglobal(L, "arg");
    lua_pushcfunction(L, traceback);
    if (luaL_loadfile(L, arguments[1]) == LUA_OK) {
        for (int i = 2; i < count; i++)
            lua_pushstring(L, arguments[i]);
        if (lua_pcall(L, count - 2, 0, 1) == LUA_OK) return EXIT_SUCCESS;
    }
    fprintf(stderr, "%s: %s\n", arguments[0], lua_tostring(L, -1));
    return EXIT_FAILURE;
}

int main(int count, char **arguments)
{
    const char *every = getenv("TIMMSG_EAGER");
    static heap all;
    if (count < 2) {
        fprintf(stderr, "usage: %s SCRIPT [ARGUMENT...]\n", arguments[0]);
        return EXIT_FAILURE;
    }
    lua_State *L = lua_newstate(allocate, &all);
    if (!L) return EXIT_FAILURE;
    if (every) {
        all.every = strtoul(every, NULL, 10);
        lua_sethook(L, collect, LUA_MASKCOUNT, (int)all.every * INSTRUCTIONS);
    }
    interrupted = L;
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    int status = run(L, count, arguments);
    lua_close(L);
    return status;
}
