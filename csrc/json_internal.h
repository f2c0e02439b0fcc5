/* JSON, what its files share: the strict pass over a text (json_scan.c), numbers (json_number.c), UTF-8
 * (json_utf8.c).
 *
 * Text is checked by a pass of our own, so cJSON only ever sees what RFC 8259 allows and its leniency (a
 * byte order mark, `01`, raw control characters, \u0000, text behind the value) never shows. cJSON has no
 * way to keep a number's literal, so a literal that a double or cJSON's printer would change travels
 * through it as a string that starts with TM_JSON_MARK, in a copy of the text that is made only if there is
 * such a literal. Valid UTF-8 never has that byte, so no other string can be mistaken for one. A walk over
 * the tree then makes these strings cJSON_Raw nodes. */
#ifndef TM_JSON_INTERNAL_H
#define TM_JSON_INTERNAL_H

#include "json.h"

#include <locale.h>

#define TM_JSON_MARK 0xff /* the first byte of a string that stands for a literal */

/* ---- UTF-8 ---- */

/* The length of the character at `p`, 0 if there is none. `left` is at least 1. NUL is a character. */
size_t tm_utf8_length(const unsigned char *p, size_t left);
/* True only if the eight bytes at `p` are ASCII without control characters, quotes and backslashes; may
 * miss some that are. */
bool tm_utf8_eight_plain(const unsigned char *p);

/* ---- Numbers ---- */

typedef struct tm_json_literal {
    size_t length; /* of the literal; where it is bad: up to the byte that is wrong */
    size_t keep;   /* bytes to keep: behind them is a fraction of zeros that needn't be there */
    bool verbatim; /* a double or cJSON's printer would change it */
} tm_json_literal;

/* Reads the number at `start` by the grammar of RFC 8259; false if there is none. */
bool tm_json_read_literal(const unsigned char *start, const unsigned char *end, tm_json_literal *out);

#define TM_JSON_DOUBLE 40
/* Writes a finite double with as many digits as give it back, and returns how many these are: 15 to 17. */
int tm_json_write_double(char text[TM_JSON_DOUBLE], double value);

/* cJSON and the C library read and write numbers by the thread's locale, and a host may have set one with a
 * decimal comma. So both are used between these two only. Cheap: the C library has the "C" locale ready. */
typedef struct tm_c_locale {
    locale_t ours, before;
} tm_c_locale;
tm_c_locale tm_c_locale_enter(void);
void tm_c_locale_leave(tm_c_locale state);

/* ---- Paths in errors ---- */

#define TM_JSON_PATH 320 /* bytes of an error's sentence that its path may take */
#define TM_JSON_KEY 64   /* bytes of one key that an error shows */

/* One step from the top towards a value: a key (borrowed, not terminated, valid UTF-8), or, where `key` is
 * NULL, an array's entry. */
typedef struct tm_json_step {
    const char *key;
    size_t length, index;
} tm_json_step;

/* Appends at most `most` bytes of `text` to `out`, cut at a character, with control characters replaced,
 * and a NUL. Returns the new end. */
size_t tm_json_append_text(char *out, size_t used, const char *text, size_t length, size_t most);
/* Writes "message_elem_array[2].text_elem_content: ", or "" for no steps. */
void tm_json_write_path(char out[TM_JSON_PATH], const tm_json_step *steps, size_t count, int index_base);

/* ---- Scanning ---- */

/* A copy of a text in which the literals to keep have become marked strings. Starts zeroed. */
typedef struct tm_json_copy {
    char *text;        /* NULL as long as there is no such literal; freed by the struct's owner (tm_free) */
    size_t used, room; /* bytes of `text` */
    size_t done;       /* bytes of the original that are in the copy */
} tm_json_copy;

/* Checks that the text is one JSON value and fills `copy`. False with `err` written if it is none. */
bool tm_json_scan(const char *text, size_t length, int index_base, tm_json_copy *copy, tm_error *err);
/* Fills `copy` for a text that needs no checks; what is no JSON is left as it is. False: memory is
 * short. */
bool tm_json_scan_own(const char *text, size_t length, tm_json_copy *copy);

#endif
