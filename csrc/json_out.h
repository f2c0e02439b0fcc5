/* JSON, printed piece by piece into a text that grows (json_print.c). Safe on any thread, each text on one at a time. */
#ifndef TM_JSON_OUT_H
#define TM_JSON_OUT_H

#include "json.h"

/* Starts zeroed; ends with tm_json_put_end, or with tm_free of its text. */
typedef struct tm_json_out {
    char *text; /* owned; not terminated; NULL: nothing yet, or memory was short */
    size_t used, room;
    bool failed; /* memory was short: what is put now gets lost */
} tm_json_out;

void tm_json_put(tm_json_out *out, const char *text, size_t length);
/* With quotes and escapes. NULL is "". */
void tm_json_put_string(tm_json_out *out, const char *text);
/* A key of the API, which has nothing to escape, with what stands before it: `{` if it is the first of its object. */
void tm_json_put_key(tm_json_out *out, bool is_first, const char *key);
void tm_json_put_whole(tm_json_out *out, bool negative, uint64_t magnitude);
/* As the node of tm_json_new_double is printed. */
void tm_json_put_double(tm_json_out *out, double value);
/* The depth is bounded by whoever made the tree. */
void tm_json_put_node(tm_json_out *out, const cJSON *node);
/* The whole text, owned by the caller (tm_free); NULL: memory was short. */
char *tm_json_put_end(tm_json_out *out);

#endif
