/* Tree: see tree.h. */
#include "tree.h"

#include "json.h"
#include "mem.h"
#include "schema.h"

#include <stdio.h>
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

/* A value in arrays and objects, often as deep as may be or one more. */
static cJSON *nested(chance *of)
{
    cJSON *value = any_scalar(of);
    bool known = pick(of, 3) == 0;
    for (unsigned depth = pick(of, 2) ? 60 + pick(of, 8) : pick(of, 10); depth; depth--) {
        bool array = pick(of, 2) == 0;
        cJSON *outer = array ? cJSON_CreateArray() : cJSON_CreateObject();
        if (array)
            cJSON_AddItemToArray(outer, value);
        else
            cJSON_AddItemToObject(outer, known ? any_key(of) : "k", value);
        value = outer;
    }
    return value;
}

static cJSON *any_value(chance *of, cJSON *tree)
{
    cJSON *parent;
    switch (pick(of, 5)) {
    case 0: return cJSON_CreateArray();
    case 1: return cJSON_CreateObject();
    case 2: return cJSON_Duplicate(any(tree, of, &parent), 1);
    case 3: return nested(of);
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

/* Puts an escape or two at the beginning or end of a string: characters at the ends of their ranges, halves of pairs. The new
 * size. */
static size_t put_escape(uint8_t *data, size_t size, size_t most, size_t head, chance *of)
{
    static const char *const units[] = {"0000", "0001", "001f", "0020", "007F", "0080",
                                        "07ff", "0800", "d7ff", "d800", "dbff", "DC00",
                                        "dfff", "e000", "ffff", "d83d", "de00", "00g0"};
    char text[16];
    size_t quotes = 0, at;
    for (at = head; at < size; at++)
        quotes += data[at] == '"';
    if (!quotes) return size;
    size_t wanted = pick(of, (unsigned)quotes);
    for (at = head; data[at] != '"' || wanted--; at++)
        ;
    unsigned count = 1 + pick(of, 2), length = 0;
    for (unsigned i = 0; i < count; i++)
        length += (unsigned)snprintf(text + length, sizeof text - length, "\\u%s",
                                     units[pick(of, sizeof units / sizeof *units)]);
    at += pick(of, 2); /* before the quote, or behind it */
    if (size + length > most) return size;
    memmove(data + at + length, data + at, size - at);
    memcpy(data + at, text, length);
    return size + length;
}

/* The text of `tree`, which is freed, behind the head in `out`. 0: it does not fit. */
static size_t write_tree(cJSON *tree, uint8_t *out, size_t most, size_t head)
{
    char *text = cJSON_PrintUnformatted(tree);
    size_t length = text ? strlen(text) : 0;
    bool fits = text && head + length <= most;
    if (fits) memcpy(out + head, text, length);
    cJSON_free(text);
    cJSON_Delete(tree);
    return fits ? head + length : 0;
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
    size_t written = write_tree(tree, data, most, head);
    if (written && pick(&of, 4) == 0) written = put_escape(data, written, most, head, &of);
    return written ? written : LLVMFuzzerMutate(data, size, most);
}

void tree_change(char *text, size_t room, unsigned seed)
{
    chance of = {seed};
    cJSON *tree = cJSON_Parse(text);
    if (!tree) return;
    for (unsigned times = pick(&of, 4); times; times--)
        tree = change(tree, &of);
    size_t size = write_tree(tree, (uint8_t *)text, room - 1, 0);
    if (!size) return;
    if (pick(&of, 3) == 0) size = put_escape((uint8_t *)text, size, room - 1, 0, &of);
    text[size] = '\0';
}

size_t tree_cross(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size, uint8_t *out,
                  size_t most, unsigned seed, size_t head)
{
    chance of = {seed};
    if (one_size < head || other_size < head || most < head) return 0;
    cJSON *tree = cJSON_ParseWithLength((const char *)one + head, one_size - head), *parent;
    cJSON *from = cJSON_ParseWithLength((const char *)other + head, other_size - head);
    size_t written = 0;
    if (tree && from) {
        cJSON *place = any(tree, &of, &parent), *piece = cJSON_Duplicate(any(from, &of, &parent), 1);
        if (!cJSON_IsArray(place) && !cJSON_IsObject(place)) place = tree;
        if (cJSON_IsArray(place))
            cJSON_AddItemToArray(place, piece);
        else if (cJSON_IsObject(place))
            cJSON_AddItemToObject(place, piece->string ? piece->string : any_key(&of), piece);
        else
            cJSON_Delete(piece);
        if (head) memcpy(out, one, head);
        written = write_tree(tree, out, most, head);
        tree = NULL;
    }
    cJSON_Delete(tree);
    cJSON_Delete(from);
    return written;
}
