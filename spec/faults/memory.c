/* Memory: allocators of which one allocation fails: the library's own (mem.c's calls are linked to these), cJSON's, SQLite's
 * and Lua's. See trouble.h. */
#include "trouble.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdlib.h>

static trouble own = {.name = "own"}, cjson = {.name = "cjson"}, sqlite = {.name = "sqlite"},
               lua = {.name = "lua"};
trouble *const memory_troubles[MEMORY_TROUBLES] = {&own, &cjson, &sqlite, &lua};

static void *counted(trouble *of, void *block)
{
    of->live += block != NULL;
    return block;
}

/* ---- the library's own ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size)
{
    return trouble_passes(&own) ? counted(&own, __real_malloc(size)) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return trouble_passes(&own) ? counted(&own, __real_calloc(count, size)) : NULL;
}

void *__wrap_realloc(void *block, size_t size)
{
    if (!trouble_passes(&own)) return NULL;
    void *grown = __real_realloc(block, size);
    if (!block) counted(&own, grown);
    return grown;
}

void __wrap_free(void *block)
{
    own.live -= block != NULL;
    __real_free(block);
}

/* ---- the others' ---- */

static void *cjson_malloc(size_t size)
{
    return trouble_passes(&cjson) ? counted(&cjson, __real_malloc(size)) : NULL;
}

static void cjson_free(void *block)
{
    cjson.live -= block != NULL;
    __real_free(block);
}

static sqlite3_mem_methods sqlite_real;

static void *sqlite_malloc(int size)
{
    return trouble_passes(&sqlite) ? counted(&sqlite, sqlite_real.xMalloc(size)) : NULL;
}

static void sqlite_free(void *block)
{
    sqlite.live -= block != NULL;
    sqlite_real.xFree(block);
}

static void *sqlite_realloc(void *block, int size)
{
    return trouble_passes(&sqlite) ? sqlite_real.xRealloc(block, size) : NULL;
}

void *memory_for_lua(void *self, void *block, size_t before, size_t size)
{
    trouble *of = &lua;
    (void)self;
    if (size == 0) {
        of->live -= block != NULL;
        __real_free(block);
        return NULL;
    }
    if (block && size <= before) return __real_realloc(block, size); /* Lua counts on this */
    /* once Lua has collected garbage it asks again: that fails, too */
    bool again = of->failed && of->asked == of->fail_at;
    if (!trouble_passes(of) || again) return NULL;
    return block ? __real_realloc(block, size) : counted(of, __real_malloc(size));
}

void memory_hook_up(void)
{
    cJSON_Hooks hooks = {cjson_malloc, cjson_free};
    cJSON_InitHooks(&hooks);
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_real);
    sqlite3_mem_methods ours = sqlite_real;
    ours.xMalloc = sqlite_malloc;
    ours.xFree = sqlite_free;
    ours.xRealloc = sqlite_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
}
