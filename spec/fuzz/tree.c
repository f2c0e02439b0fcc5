/* Tree: see tree.h. */
#include "tree.h"

#include "json.h"
#include "mem.h"
#include "schema.h"

#include <string.h>

#define BYTES_ONE_IN 6 /* so often bytes are changed, though there is JSON */

typedef struct chance {
    unsigned state;
} chance;

static unsigned pick(chance *of, unsigned below)
{
    of->state = of->state * 1103515245 + 12345;
    return (of->state >> 8) % below;
}

/* ---- nodes ---- */

static size_t count(const cJSON *node)
{
    size_t sum = 1;
    for (const cJSON *child = node->child; child; child = child->next)
        sum += count(child);
    return sum;
}

/* The node of that number, from 0 at the top; its parent, NULL for the top. */
static cJSON *at(cJSON *node, size_t *number, cJSON **parent)
{
    if ((*number)-- == 0) return node;
    for (cJSON *child = node->child; child; child = child->next) {
        cJSON *before = *parent;
        *parent = node;
        cJSON *found = at(child, number, parent);
        if (found) return found;
        *parent = before;
    }
    return NULL;
}

static cJSON *any(cJSON *tree, chance *of, cJSON **parent)
{
    size_t number = pick(of, (unsigned)count(tree));
    *parent = NULL;
    return at(tree, &number, parent);
}

/* A key of the API. */
static const char *any_key(chance *of)
{
    size_t structs;
    const tm_struct *const *all = tm_schema_structs(&structs);
    const tm_struct *one = all[pick(of, (unsigned)structs)];
    return one->count ? one->fields[pick(of, (unsigned)one->count)].key : "";
}

static cJSON *any_scalar(chance *of)
{
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "1",
                                          "-1",
                                          "4294967295",
                                          "4294967296",
                                          "9223372036854775807",
                                          "-9223372036854775808",
                                          "9223372036854775808",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          "1e308",
                                          "5e-324",
                                          "0.1",
                                          "1e15",
                                          "-2147483648",
                                          "3.0",
                                          "2e3"};
    static const char *const texts[] = {"",
                                        "alice",
                                        "bob",
                                        "crew",
                                        "\xf0\x9f\x98\x80",
                                        "\"\\/\b\f\n\r\t\x01",
                                        "../../etc/passwd",
                                        "@TIM#SYSTEM",
                                        "@TGS#",
                                        "file:///etc/passwd",
                                        "hub:",
                                        "http://127.0.0.1:1/x"};
    switch (pick(of, 6)) {
    case 0: return cJSON_CreateNull();
    case 1: return cJSON_CreateBool(pick(of, 2) == 1);
    case 2: return cJSON_CreateRaw(numbers[pick(of, sizeof numbers / sizeof *numbers)]);
    case 3: return cJSON_CreateNumber(pick(of, 20));
    case 4: return cJSON_CreateString(any_key(of));
    default: return cJSON_CreateString(texts[pick(of, sizeof texts / sizeof *texts)]);
    }
}

static cJSON *any_value(chance *of, cJSON *tree)
{
    cJSON *parent, *value;
    switch (pick(of, 5)) {
    case 0: return cJSON_CreateArray();
    case 1: return cJSON_CreateObject();
    case 2: return cJSON_Duplicate(any(tree, of, &parent), 1);
    case 3: /* nested */
        value = any_scalar(of);
        for (unsigned depth = pick(of, 70); depth; depth--) {
            cJSON *outer = depth % 2 ? cJSON_CreateArray() : cJSON_CreateObject();
            if (depth % 2)
                cJSON_AddItemToArray(outer, value);
            else
                cJSON_AddItemToObject(outer, any_key(of), value);
            value = outer;
        }
        return value;
    default: return any_scalar(of);
    }
}

/* ---- changes ---- */

static void add(cJSON *to, chance *of, cJSON *tree)
{
    cJSON *value = any_value(of, tree);
    if (cJSON_IsArray(to))
        cJSON_AddItemToArray(to, value);
    else if (cJSON_IsObject(to)) /* a key may come twice */
        cJSON_AddItemToObject(to, any_key(of), value);
    else
        cJSON_Delete(value);
}

static void stretch(cJSON *string, chance *of)
{
    char text[300];
    if (!cJSON_IsString(string)) return;
    size_t length = strlen(string->valuestring), most = pick(of, sizeof text);
    memset(text, 'x', sizeof text);
    if (length) memcpy(text, string->valuestring, length < most ? length : most);
    text[most] = '\0';
    cJSON_SetValuestring(string, text);
}

static cJSON *change(cJSON *tree, chance *of)
{
    cJSON *parent, *node = any(tree, of, &parent), *value;
    switch (pick(of, 6)) {
    case 0: /* another value in its place */
        value = any_value(of, tree);
        if (!parent) {
            cJSON_Delete(tree);
            return value;
        }
        /* last among its siblings: cJSON replaces in place only what no other has the key of */
        cJSON_DetachItemViaPointer(parent, node);
        if (cJSON_IsArray(parent))
            cJSON_AddItemToArray(parent, value);
        else
            cJSON_AddItemToObject(parent, node->string, value);
        cJSON_Delete(node);
        return tree;
    case 1:
        if (parent) cJSON_Delete(cJSON_DetachItemViaPointer(parent, node));
        return tree;
    case 2: /* under another key */
        if (parent && node->string) {
            value = cJSON_DetachItemViaPointer(parent, node);
            cJSON_AddItemToObject(parent, any_key(of), value);
        }
        return tree;
    case 3: stretch(node, of); return tree;
    default: add(node, of, tree); return tree;
    }
}

size_t tree_mutate(uint8_t *data, size_t size, size_t most, unsigned seed, size_t head)
{
    chance of = {seed};
    cJSON *tree = size > head && pick(&of, BYTES_ONE_IN)
                      ? cJSON_ParseWithLength((char *)data + head, size - head)
                      : NULL;
    if (!tree) return LLVMFuzzerMutate(data, size, most);
    for (unsigned times = 1 + pick(&of, 3); times; times--)
        tree = change(tree, &of);
    if (head && pick(&of, 3) == 0) data[pick(&of, (unsigned)head)] = (uint8_t)pick(&of, 256);
    char *text = cJSON_PrintUnformatted(tree);
    size_t length = text ? strlen(text) : 0;
    bool fits = text && head + length <= most;
    if (fits) memcpy(data + head, text, length);
    cJSON_free(text);
    cJSON_Delete(tree);
    return fits ? head + length : LLVMFuzzerMutate(data, size, most);
}
