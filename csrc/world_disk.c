/* World disk: where the clients of a test world keep things: databases in memory, by SQLite's memdb; and a directory for
 * the files that messages carry, which is there only once one was sent. See world.h. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "world_internal.h"

#include "message.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tm_database {
    tm_database *next;
    char *name;      /* owned */
    sqlite3 *keeper; /* a memdb goes with its last connection */
    bool locked;
};

static tm_database *find(tm_world *world, const char *name)
{
    tm_database *database = world->databases;
    while (database && strcmp(database->name, name) != 0)
        database = database->next;
    return database;
}

static void forget(tm_database *database)
{
    sqlite3_close(database->keeper);
    tm_free(database->name);
    tm_free(database);
}

char *tm_world_database(tm_world *world, const char *path, tm_error *err)
{
    /* memdb has one name space for the whole process: the address keeps worlds apart */
    char *name = tm_format("/timmsg-%p/%s", (void *)world, path);
    tm_database *database = name ? find(world, name) : NULL;
    if (!name || database) goto out;
    database = tm_calloc(1, sizeof *database);
    if (!database || !(database->name = tm_strdup(name)) ||
        sqlite3_open_v2(name, &database->keeper,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        "memdb") != SQLITE_OK) {
        if (database) forget(database);
        tm_free(name);
        name = NULL;
        goto out;
    }
    database->next = world->databases;
    world->databases = database;
out:
    if (!name) tm_fail_memory(err);
    return name;
}

bool tm_world_lock(tm_world *world, const char *name)
{
    tm_database *database = find(world, name);
    if (!database || database->locked) return false;
    return database->locked = true;
}

void tm_world_unlock(tm_world *world, const char *name)
{
    tm_database *database = find(world, name);
    if (database) database->locked = false;
}

/* In memory where the system has such a place. The name cannot be guessed, and is not of the seed: worlds in other
 * processes may have the same. */
char *tm_world_directory(tm_world *world, tm_error *err)
{
    if (!world->directory) {
        const char *chosen = getenv("TMPDIR");
        const char *parent = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm"
                             : chosen && *chosen                  ? chosen
                                                                  : "/tmp";
        world->directory =
            tm_format("%s/timmsg-%08llx%08llx", parent, (unsigned long long)tm_message_random(),
                      (unsigned long long)tm_message_random());
    }
    if (!world->directory) tm_fail_memory(err);
    return world->directory;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info, (void)kind, (void)place;
    remove(path);
    return 0;
}

void tm_world_wipe(tm_world *world)
{
    while (world->databases) {
        tm_database *database = world->databases;
        world->databases = database->next;
        forget(database);
    }
    if (world->directory) nftw(world->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    tm_free(world->directory);
    world->directory = NULL;
}
