/* JSON: text to tree. See json.h, and json_internal.h for how.
 *
 * cJSON notes the place of its last error in a static variable without a lock; harmless, since nobody reads
 * it. */
#include "json_internal.h"

#include "include/TIMCloudDef.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FEW_KEYS 32 /* up to here duplicate keys are found without sorting; a Message has fewer */

/* ---- Text to tree ---- */

struct walk {
    tm_json_step steps[TM_JSON_MAX_DEPTH]; /* from the top to the node being looked at */
    int index_base;
    tm_error *err;
};

static bool fail_node(const struct walk *w, size_t depth, const char *what)
{
    char path[TM_JSON_PATH];
    tm_json_write_path(path, w->steps, depth, w->index_base);
    tm_fail(w->err, TIM_ERR_JSON, "%s%s", path, what);
    return false;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A key that `object` has twice; NULL if there is none. Few keys: each against those before it, by a hash
 * first. Many: sorted, which no choice of keys can make slow. `*short_of_memory` is set when that could not
 * be done. */
static const char *find_duplicate(const cJSON *object, bool *short_of_memory)
{
    const char *few[FEW_KEYS], **keys = few, *found = NULL;
    uint32_t hashes[FEW_KEYS];
    size_t count = 0, total = 0;
    for (const cJSON *child = object->child; child; child = child->next)
        total++;
    if (total > FEW_KEYS) {
        keys = tm_malloc(total * sizeof *keys);
        if (!keys) {
            *short_of_memory = true;
            return NULL;
        }
    }
    for (const cJSON *child = object->child; child && !found; child = child->next) {
        keys[count] = child->string;
        if (total <= FEW_KEYS) {
            uint32_t hash = UINT32_C(2166136261); /* FNV-1a */
            for (const char *p = child->string; *p; p++)
                hash = (hash ^ (unsigned char)*p) * UINT32_C(16777619);
            hashes[count] = hash;
            for (size_t i = 0; i < count && !found; i++)
                if (hashes[i] == hash && strcmp(keys[i], keys[count]) == 0) found = keys[count];
        }
        count++;
    }
    if (total > FEW_KEYS) {
        qsort(keys, count, sizeof *keys, compare_keys);
        for (size_t i = 1; i < count && !found; i++)
            if (strcmp(keys[i - 1], keys[i]) == 0) found = keys[i];
        tm_free(keys);
    }
    return found;
}

/* Makes a marked string a raw node. False if the node is none. What follows the mark is looked at since
 * text that was not checked could have the mark from elsewhere. */
static bool restore_literal(cJSON *node)
{
    tm_json_literal literal;
    if (!cJSON_IsString(node) || (unsigned char)node->valuestring[0] != TM_JSON_MARK) return false;
    const unsigned char *start = (const unsigned char *)node->valuestring + 1;
    size_t length = strlen(node->valuestring) - 1;
    if (!tm_json_read_literal(start, start + length, &literal) || literal.length != length) return false;
    memmove(node->valuestring, start, length + 1);
    node->type = (node->type & ~0xff) | cJSON_Raw;
    return true;
}

/* For a tree that needs no checks. The depth is bounded by cJSON's. */
static void restore_literals(cJSON *node)
{
    restore_literal(node);
    for (cJSON *child = node->child; child; child = child->next)
        restore_literals(child);
}

/* True if no key of `object` is there twice. */
static bool check_keys(const struct walk *w, const cJSON *object, size_t depth)
{
    char what[TM_JSON_KEY + 32];
    bool short_of_memory = false;
    const char *key = find_duplicate(object, &short_of_memory);
    if (short_of_memory) {
        tm_fail_memory(w->err);
        return false;
    }
    if (!key) return true;
    size_t used = tm_json_append_text(what, 0, "duplicate key \"", 15, 15);
    used = tm_json_append_text(what, used, key, strlen(key), TM_JSON_KEY);
    tm_json_append_text(what, used, "\"", 1, 1);
    return fail_node(w, depth, what);
}

/* Restores literals and checks what only a tree shows. The depth is bounded by the scan's. */
static bool walk_tree(struct walk *w, cJSON *node, size_t depth)
{
    if (restore_literal(node) && !isfinite(strtod(node->valuestring, NULL)))
        return fail_node(w, depth, "the number is too large");
    if (cJSON_IsObject(node) && !check_keys(w, node, depth)) return false;
    size_t index = 0;
    for (cJSON *child = node->child; child; child = child->next) {
        w->steps[depth] = (tm_json_step){child->string, child->string ? strlen(child->string) : 0, index++};
        if (!walk_tree(w, child, depth + 1)) return false;
    }
    return true;
}

cJSON *tm_json_parse(const char *text, size_t length, int index_base, tm_error *err)
{
    tm_json_copy copy = {NULL, 0, 0, 0};
    cJSON *tree = NULL;
    if (!text) text = "", length = 0;
    if (!tm_json_scan(text, length, index_base, &copy, err)) goto out;

    /* The scan has seen the text to its end, so cJSON need not look for a NUL there. */
    tm_c_locale locale = tm_c_locale_enter();
    tree = cJSON_ParseWithLengthOpts(copy.text ? copy.text : text, copy.text ? copy.used : length, NULL, 0);
    if (!tree) {
        tm_fail_memory(err);
    } else {
        struct walk w;
        w.index_base = index_base;
        w.err = err;
        if (!walk_tree(&w, tree, 0)) {
            cJSON_Delete(tree);
            tree = NULL;
        }
    }
    tm_c_locale_leave(locale);
out:
    tm_free(copy.text);
    return tree;
}

cJSON *tm_json_parse_own(const char *text, size_t length, tm_error *err)
{
    tm_json_copy copy = {NULL, 0, 0, 0};
    cJSON *tree = NULL;
    if (!text) text = "", length = 0;
    if (!tm_json_scan_own(text, length, &copy)) {
        tm_fail_memory(err);
        goto out;
    }
    const char *source = copy.text ? copy.text : text, *end = NULL;
    size_t source_length = copy.text ? copy.used : length;
    tm_c_locale locale = tm_c_locale_enter();
    tree = cJSON_ParseWithLengthOpts(source, source_length, &end, 0);
    tm_c_locale_leave(locale);
    if (!tree || end != source + source_length) {
        /* No text of ours after all, or memory was short: the strict parser finds the sentence. */
        cJSON_Delete(tree);
        tree = tm_json_parse(text, length, 0, err);
    } else if (copy.text) {
        restore_literals(tree);
    }
out:
    tm_free(copy.text);
    return tree;
}
