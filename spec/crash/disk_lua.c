/* The module "disk" for Lua, inside the timmsg.core of build/crash: what disk.h has.
 *
 *   disk.doom(KINDS, COUNT)       death at an operation; KINDS: some of the letters o(pen) w(rite) s(ync) n(ame) l(ock)
 *   disk.doom_after(US)           death at a time
 *   disk.count()                  operations so far
 *   disk.record { root =, images =, seed =, chance_of_sync =, chance_of_other =, chance_of_note =, limit = [, data =, names =] }
 *   disk.note(TEXT)
 *   disk.set_chances(SYNC, OTHER, NOTE)
 *   disk.snap()                   makes an image now; the number of images
 *   disk.be_lazy()
 *   disk.reboot()                 the boot id is another
 *   disk.stop()                   the number of images
 *   disk.query(PATH, SQL)         the first column, line by line, or what was wrong; not of what this process has open */
#include "disk.h"

#include <lauxlib.h>
#include <lua.h>
#include <sqlite3.h>
#include <string.h>

int luaopen_disk(lua_State *L);

static int doom(lua_State *L)
{
    static const char letters[] = "owsnl";
    unsigned kinds = 0;
    for (const char *letter = luaL_checkstring(L, 1); *letter; letter++) {
        const char *found = strchr(letters, *letter);
        luaL_argcheck(L, found, 1, "no such kind");
        kinds |= 1u << (found - letters);
    }
    disk_doom(kinds, (uint64_t)luaL_checkinteger(L, 2));
    return 0;
}

static int doom_after(lua_State *L)
{
    if (!disk_doom_after((uint64_t)luaL_checkinteger(L, 1))) return luaL_error(L, "no timer");
    return 0;
}

static int count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)disk_count());
    return 1;
}

static int record(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    static const char *const names[] = {
        "root",           "images", "seed", "chance_of_sync", "chance_of_other",
        "chance_of_note", "limit",  "data", "names"};
    for (int i = 0; i < 9; i++)
        lua_getfield(L, 1, names[i]);
    disk_options options = {.root = luaL_checkstring(L, 2),
                            .images = luaL_checkstring(L, 3),
                            .seed = (uint64_t)luaL_checkinteger(L, 4),
                            .chance_of_sync = luaL_checknumber(L, 5),
                            .chance_of_other = luaL_checknumber(L, 6),
                            .chance_of_note = luaL_optnumber(L, 7, 0),
                            .limit = (int)luaL_checkinteger(L, 8),
                            .data = luaL_optnumber(L, 9, -1),
                            .names = luaL_optnumber(L, 10, -1)};
    if (!disk_record(&options)) return luaL_error(L, "%s cannot be read", options.root);
    return 0;
}

static int note(lua_State *L)
{
    disk_note(luaL_checkstring(L, 1));
    return 0;
}

static int set_chances(lua_State *L)
{
    disk_set_chances(luaL_checknumber(L, 1), luaL_checknumber(L, 2), luaL_checknumber(L, 3));
    return 0;
}

static int snap(lua_State *L)
{
    lua_pushinteger(L, disk_snap());
    return 1;
}

static int be_lazy(lua_State *L)
{
    (void)L;
    disk_be_lazy();
    return 0;
}

static int reboot(lua_State *L)
{
    (void)L;
    disk_reboot();
    return 0;
}

static int stop(lua_State *L)
{
    lua_pushinteger(L, disk_stop());
    return 1;
}

static int query(lua_State *L)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    luaL_Buffer text;
    const char *rest = luaL_checkstring(L, 2);
    int code = sqlite3_open_v2(luaL_checkstring(L, 1), &db, SQLITE_OPEN_READWRITE, NULL);
    luaL_buffinit(L, &text);
    sqlite3_busy_timeout(db, 10000);
    while (code == SQLITE_OK && *rest) {
        code = sqlite3_prepare_v2(db, rest, -1, &row, &rest);
        while (row && (code = sqlite3_step(row)) == SQLITE_ROW) {
            const unsigned char *value = sqlite3_column_text(row, 0);
            luaL_addstring(&text, value ? (const char *)value : "");
            luaL_addchar(&text, '\n');
        }
        sqlite3_finalize(row);
        if (code == SQLITE_DONE) code = SQLITE_OK;
    }
    if (code != SQLITE_OK) luaL_addstring(&text, sqlite3_errmsg(db));
    sqlite3_close(db);
    luaL_pushresult(&text);
    return 1;
}

int luaopen_disk(lua_State *L)
{
    static const luaL_Reg functions[] = {{"doom", doom},     {"doom_after", doom_after},
                                         {"count", count},   {"record", record},
                                         {"note", note},     {"set_chances", set_chances},
                                         {"snap", snap},     {"be_lazy", be_lazy},
                                         {"reboot", reboot}, {"stop", stop},
                                         {"query", query},   {NULL, NULL}};
    if (disk_vfs_register() != 0) return luaL_error(L, "the VFS cannot be registered");
    luaL_newlib(L, functions);
    return 1;
}
