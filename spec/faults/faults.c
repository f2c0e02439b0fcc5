/* Faults: plays spec/faults/scenario.lua over and over; each time one thing fails, another one each time: an allocation, or
 * something that SQLite asks of its files, or the library of the system. Nothing may crash or leak, and what the scenario
 * says of it must be right.
 *
 *   faults LUA_PATH DIRECTORY EVERY [TROUBLE...]     EVERY: only every so manieth fails; TROUBLE: all if none is given
 *
 * DIRECTORY has scenario.lua, which runs in a test world, so that the same calls come in the same order each time, and
 * disk.lua, which runs on directories and with threads. With TIMMSG_SERVER (spec/serve.lua) it is xmpp.lua that is played,
 * on that server, and only memory and the system fail. */
#include "trouble.h"

#include "include/timmsg.h"

#include <lauxlib.h>
#include <lualib.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Far more than a run takes: one that hangs is ended by SIGALRM. */
#define HANGS_S 300

enum { TROUBLES = MEMORY_TROUBLES + FILE_TROUBLES + SYSTEM_TROUBLES };
static trouble *all[TROUBLES];
static long scenes; /* that were opened: each is told its number */

atomic_bool trouble_is_on;

bool trouble_passes(trouble *of)
{
    if (!trouble_is_on || atomic_fetch_add(&of->asked, 1) + 1 != of->fail_at) return true;
    of->failed = true;
    return false;
}

static void complain(const trouble *of, long number, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s %ld%s%s: ", of->name, number, of->what ? " " : "", of->what ? of->what : "");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* ---- a run ---- */

static bool is_on_xmpp(void)
{
    return getenv("TIMMSG_SERVER") != NULL;
}

static lua_State *open_state(const char *path, const char *directory, const trouble *of)
{
    char scenario[4096];
    snprintf(scenario, sizeof scenario, "%s/%s.lua", directory,
             is_on_xmpp()     ? "xmpp"
             : of->is_on_disk ? "disk"
                              : "scenario");
    lua_State *L = lua_newstate(memory_for_lua, NULL);
    if (!L) exit(2);
    luaL_openlibs(L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_timmsg_core);
    lua_setfield(L, -2, "timmsg.core");
    lua_getglobal(L, "package");
    lua_pushstring(L, path);
    lua_setfield(L, -2, "path");
    lua_settop(L, 0);
    if (luaL_loadfile(L, scenario) || (lua_pushinteger(L, ++scenes), lua_pcall(L, 1, 2, 0))) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        exit(2);
    }
    return L; /* on it: play, look */
}

/* One run in which the call of that number fails; false: something is wrong. *over: there is none of that number. */
static bool run(const char *path, const char *directory, trouble *of, long number, bool *over)
{
    bool ok = true;
    alarm(HANGS_S);
    lua_State *L = open_state(path, directory, of);
    for (int i = 0; i < TROUBLES; i++) {
        all[i]->asked = all[i]->fail_at = 0;
        all[i]->failed = false;
        all[i]->what = NULL;
    }
    of->fail_at = number;
    lua_pushvalue(L, 1);
    trouble_is_on = true;
    int raised = lua_pcall(L, 0, 0, 0);
    trouble_is_on = false;
    *over = !of->failed;
    if (raised && !of->failed) {
        complain(of, number, "%s", lua_tostring(L, -1));
        ok = false;
    }
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_pcall(L, 0, 0, 0)) {
        complain(of, number, "afterwards: %s", lua_tostring(L, -1));
        ok = false;
    }
    lua_close(L);
    system_count();
    return ok;
}

static bool none_left(const trouble *of, long number, const long before[TROUBLES])
{
    bool ok = true;
    for (int i = 0; i < TROUBLES; i++) {
        if (all[i]->live == before[i]) continue;
        complain(of, number, "%ld of %s are left", all[i]->live - before[i], all[i]->name);
        ok = false;
    }
    return ok;
}

static bool is_wanted(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return count == 0;
}

int main(int argc, char **argv)
{
    long every = argc > 3 ? strtol(argv[3], NULL, 10) : 0, passed = 0, failed = 0, calls[TROUBLES];
    bool over;
    if (every < 1) return 2;
    for (int i = 0; i < TROUBLES; i++)
        all[i] = i < MEMORY_TROUBLES                   ? memory_troubles[i]
                 : i < MEMORY_TROUBLES + FILE_TROUBLES ? file_troubles[i - MEMORY_TROUBLES]
                                                       : system_troubles[i - MEMORY_TROUBLES - FILE_TROUBLES];
    memory_hook_up();
    sqlite3_initialize();
    files_hook_up();
    /* SQLite and others keep a little for ever: what is there after a run without trouble may stay */
    for (int i = 0; i < TROUBLES; i += TROUBLES - 1)
        if (!run(argv[1], argv[2], all[i], 0, &over)) return 1;
    for (int i = 0; i < TROUBLES; i++)
        calls[i] = all[i]->asked;
    for (int i = 0; i < TROUBLES; i++) {
        trouble *of = all[i];
        long number = 1, before[TROUBLES], runs = 0, bad = 0;
        bool is_databases = i >= MEMORY_TROUBLES && i < MEMORY_TROUBLES + FILE_TROUBLES;
        if (is_on_xmpp() && is_databases) continue; /* only those of a test world can fail */
        if (!is_wanted(of->name, argc - 4, argv + 4)) continue;
        for (over = false; !over; number += every, runs++) {
            for (int k = 0; k < TROUBLES; k++)
                before[k] = all[k]->live;
            /* what is on a server becomes more, and with it the calls: no need to run after them */
            bool is_last = is_on_xmpp() && number > calls[i];
            bool ok = run(argv[1], argv[2], of, is_last ? 0 : number, &over);
            bad += !(ok & none_left(of, number, before));
        }
        /* the last run had no trouble left: it shows that all goes well without */
        printf("  %s: %ld times, each another of %ld calls; %ld of them wrongly\n", of->name, runs - 1,
               (long)of->asked, bad);
        passed += runs - bad;
        failed += bad;
    }
    printf("C: %ld passed, %ld failed\n", passed, failed);
    return failed != 0;
}
