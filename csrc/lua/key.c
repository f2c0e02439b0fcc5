/* Key: see key.h.
 *
 * No whole text is hashed. A key in a Lua table is found by its string's address: short strings are interned,
 * and the index keeps its own alive. A key in a tree is found by a hash of two parts of it. */
#include "key.h"

#include <string.h>

/* What the schema knows of one key. */
typedef struct known_key {
    const tm_field *field;
    size_t length;
} known_key;

/* One block; the arrays lie behind the struct. */
struct tm_key_index {
    const void *array_mark, *object_mark; /* the metatables' addresses */
    size_t count, mask;
    known_key *keys;
    const char **interned; /* of each key: its Lua string's bytes */
    uint16_t *by_text;     /* hash tables of `mask` + 1 places: a key's number + 1, or 0 */
    uint16_t *by_address;
};

static const char index_key = 0; /* its address is the index's key in the registry */

static uint64_t mix(uint64_t value)
{
    value *= UINT64_C(0x9e3779b97f4a7c15);
    return value ^ (value >> 32);
}

/* The API's keys differ at the end or in the middle; their beginnings are much the same. */
static uint64_t hash_text(const char *text, size_t length)
{
    uint64_t end = 0, middle = 0;
    if (length >= 8) {
        memcpy(&end, text + length - 8, 8);
        memcpy(&middle, text + (length - 8) / 2, 8);
    } else {
        memcpy(&end, text, length);
    }
    return mix(end + mix(middle + length));
}

static uint64_t hash_address(const void *address)
{
    return mix((uint64_t)(uintptr_t)address);
}

/* The number of the key with this text, or -1. */
static int find_text(const tm_key_index *index, const char *text, size_t length)
{
    for (size_t place = (size_t)hash_text(text, length);; place++) {
        int number = index->by_text[place & index->mask] - 1;
        if (number < 0) return -1;
        const known_key *key = &index->keys[number];
        if (key->length == length && memcmp(key->field->key, text, length) == 0) return number;
    }
}

const tm_field *tm_keys_find_string(const tm_key_index *index, const char *text, size_t length)
{
    for (size_t place = (size_t)hash_address(text);; place++) {
        int number = index->by_address[place & index->mask] - 1;
        if (number < 0) break;
        if (index->interned[number] == text) return index->keys[number].field;
    }
    int number = find_text(index, text, length); /* Lua doesn't intern long strings */
    return number < 0 ? NULL : index->keys[number].field;
}

static void insert(uint16_t *places, size_t mask, uint64_t hash, size_t number)
{
    size_t place = (size_t)hash & mask;
    while (places[place])
        place = (place + 1) & mask;
    places[place] = (uint16_t)(number + 1);
}

/* Pushes a new mark: an empty table to be a metatable. [-0, +1, m] */
static const void *push_mark(lua_State *L, const char *name)
{
    lua_createtable(L, 0, 1);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    return lua_topointer(L, -1);
}

/* Pushes an index with room for `most` keys and none in it. [-0, +1, m] */
static tm_key_index *push_empty_index(lua_State *L, size_t most)
{
    size_t places = 16;
    while (places < most * 4)
        places *= 2;
    size_t keys_at = sizeof(tm_key_index), interned_at = keys_at + most * sizeof(known_key);
    size_t by_text_at = interned_at + most * sizeof(char *);
    size_t by_address_at = by_text_at + places * sizeof(uint16_t);
    size_t size = by_address_at + places * sizeof(uint16_t);
    char *block = (char *)lua_newuserdatauv(L, size, TM_UV_INDEX_COUNT);
    memset(block, 0, size);
    tm_key_index *index = (tm_key_index *)(void *)block;
    index->mask = places - 1;
    index->keys = (known_key *)(void *)(block + keys_at);
    index->interned = (const char **)(void *)(block + interned_at);
    index->by_text = (uint16_t *)(void *)(block + by_text_at);
    index->by_address = (uint16_t *)(void *)(block + by_address_at);
    return index;
}

/* Adds a key, if it is new, and its Lua string to the table on top. [-0, +0, m] */
static void add_key(lua_State *L, tm_key_index *index, const tm_field *field)
{
    size_t length = strlen(field->key), number = index->count;
    if (find_text(index, field->key, length) >= 0) return;
    index->interned[number] = lua_pushlstring(L, field->key, length);
    lua_rawseti(L, -2, (lua_Integer)number + 1);
    index->keys[number].field = field;
    index->keys[number].length = length;
    insert(index->by_text, index->mask, hash_text(field->key, length), number);
    insert(index->by_address, index->mask, hash_address(index->interned[number]), number);
    index->count++;
}

void tm_keys_open(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &index_key) != LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    lua_pop(L, 1);
    size_t count, fields = 0;
    const tm_struct *const *structs = tm_schema_structs(&count);
    for (size_t i = 0; i < count; i++)
        fields += structs[i]->count;

    tm_key_index *index = push_empty_index(L, fields);
    lua_createtable(L, (int)fields, 0);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < structs[i]->count; j++)
            add_key(L, index, &structs[i]->fields[j]);
    lua_setiuservalue(L, -2, TM_UV_TEXTS);
    index->array_mark = push_mark(L, "timmsg.array");
    lua_setiuservalue(L, -2, TM_UV_ARRAY_MARK);
    index->object_mark = push_mark(L, "timmsg.object");
    lua_setiuservalue(L, -2, TM_UV_OBJECT_MARK);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &index_key);
}

const tm_key_index *tm_keys_push(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &index_key);
    return (const tm_key_index *)lua_touserdata(L, -1);
}

int tm_keys_find_text(const tm_key_index *index, const char *text, size_t length)
{
    return find_text(index, text, length) + 1;
}

const tm_field *tm_keys_field(const tm_key_index *index, int number)
{
    return index->keys[number - 1].field;
}

const void *tm_keys_array_mark(const tm_key_index *index)
{
    return index->array_mark;
}

const void *tm_keys_object_mark(const tm_key_index *index)
{
    return index->object_mark;
}
