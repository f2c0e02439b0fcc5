/* XMPP stanzas: see xmpp_stanza.h. */
#include "xmpp_stanza.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- text that XML can hold ---- */

/* U+FFFE or U+FFFF at `at`: three bytes. */
static bool is_noncharacter(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;
    return byte[0] == 0xef && byte[1] == 0xbf && (byte[2] == 0xbe || byte[2] == 0xbf);
}

static bool is_forbidden(const char *at)
{
    unsigned char byte = (unsigned char)*at;
    return (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || is_noncharacter(at);
}

/* A copy with U+FFFD for what XML cannot hold, which would end the stream; NULL where nothing needs that, or for
 * want of memory (*failed). Owned by the caller. */
static char *clean(const char *text, bool *failed)
{
    const char *at = text;
    while (*at && !is_forbidden(at))
        at++;
    if (!*at) return NULL;
    char *copy = tm_malloc(3 * strlen(text) + 1), *to = copy;
    *failed = !copy;
    for (at = text; copy && *at; at++) {
        if (!is_forbidden(at)) {
            *to++ = *at;
            continue;
        }
        memcpy(to, "\xef\xbf\xbd", 3);
        to += 3;
        if (is_noncharacter(at)) at += 2;
    }
    if (copy) *to = '\0';
    return copy;
}

/* ---- building ---- */

static void check(tm_stanza *stanza, int result)
{
    if (result != XMPP_EOK) stanza->failed = true;
}

void tm_stanza_begin(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *name, const char *to, const char *type,
                     const char *id)
{
    stanza->ctx = ctx;
    stanza->failed = false;
    stanza->root = xmpp_stanza_new(ctx);
    if (!stanza->root) {
        stanza->failed = true;
        return;
    }
    check(stanza, xmpp_stanza_set_name(stanza->root, name));
    if (to) check(stanza, xmpp_stanza_set_to(stanza->root, to));
    if (type) check(stanza, xmpp_stanza_set_type(stanza->root, type));
    if (id) check(stanza, xmpp_stanza_set_id(stanza->root, id));
}

xmpp_stanza_t *tm_stanza_add(tm_stanza *stanza, xmpp_stanza_t *parent, const char *name, const char *ns,
                             const char *text)
{
    if (stanza->failed) return NULL;
    xmpp_stanza_t *child = xmpp_stanza_new(stanza->ctx), *words = NULL;
    if (!child) {
        stanza->failed = true;
        return NULL;
    }
    check(stanza, xmpp_stanza_set_name(child, name));
    if (ns) check(stanza, xmpp_stanza_set_ns(child, ns));
    if (text && *text) {
        char *cleaned = clean(text, &stanza->failed);
        words = xmpp_stanza_new(stanza->ctx);
        check(stanza, words ? xmpp_stanza_set_text(words, cleaned ? cleaned : text) : XMPP_EMEM);
        tm_free(cleaned);
        if (words) {
            check(stanza, xmpp_stanza_add_child(child, words));
            xmpp_stanza_release(words);
        }
    }
    check(stanza, xmpp_stanza_add_child(parent ? parent : stanza->root, child));
    xmpp_stanza_release(child); /* the parent holds it */
    return stanza->failed ? NULL : child;
}

void tm_stanza_set(tm_stanza *stanza, xmpp_stanza_t *child, const char *name, const char *value)
{
    if (stanza->failed) return;
    char *cleaned = clean(value, &stanza->failed);
    check(stanza, xmpp_stanza_set_attribute(child, name, cleaned ? cleaned : value));
    tm_free(cleaned);
}

void tm_stanza_field(tm_stanza *stanza, xmpp_stanza_t *form, const char *var, const char *value)
{
    xmpp_stanza_t *field = tm_stanza_add(stanza, form, "field", NULL, NULL);
    tm_stanza_set(stanza, field, "var", var);
    if (strcmp(var, "FORM_TYPE") == 0) tm_stanza_set(stanza, field, "type", "hidden");
    tm_stanza_add(stanza, field, "value", NULL, value);
}

xmpp_stanza_t *tm_stanza_finish(tm_stanza *stanza)
{
    xmpp_stanza_t *root = stanza->root;
    stanza->root = NULL;
    if (!stanza->failed) return root;
    if (root) xmpp_stanza_release(root);
    return NULL;
}

/* ---- reading ---- */

xmpp_stanza_t *tm_stanza_child(xmpp_stanza_t *stanza, const char *name, const char *ns)
{
    for (xmpp_stanza_t *at = stanza ? xmpp_stanza_get_children(stanza) : NULL; at;
         at = xmpp_stanza_get_next(at)) {
        const char *own = xmpp_stanza_get_name(at), *own_ns = xmpp_stanza_get_ns(at);
        if (own && strcmp(own, name) == 0 && (!ns || (own_ns && strcmp(own_ns, ns) == 0))) return at;
    }
    return NULL;
}

const char *tm_stanza_attribute(xmpp_stanza_t *stanza, const char *name)
{
    const char *value = stanza ? xmpp_stanza_get_attribute(stanza, name) : NULL;
    return value ? value : "";
}

char *tm_stanza_text(xmpp_stanza_t *stanza)
{
    /* not xmpp_stanza_get_text, which says the same of no text and of no memory */
    size_t length = 0;
    xmpp_stanza_t *first = stanza ? xmpp_stanza_get_children(stanza) : NULL;
    for (xmpp_stanza_t *at = first; at; at = xmpp_stanza_get_next(at))
        if (xmpp_stanza_is_text(at)) length += strlen(xmpp_stanza_get_text_ptr(at));
    char *text = tm_malloc(length + 1), *to = text;
    if (!text) return NULL;
    for (xmpp_stanza_t *at = first; at; at = xmpp_stanza_get_next(at))
        if (xmpp_stanza_is_text(at)) to = stpcpy(to, xmpp_stanza_get_text_ptr(at));
    *to = '\0';
    return text;
}

const char *tm_stanza_error(xmpp_stanza_t *stanza)
{
    xmpp_stanza_t *error = tm_stanza_child(stanza, "error", NULL);
    for (xmpp_stanza_t *at = error ? xmpp_stanza_get_children(error) : NULL; at;
         at = xmpp_stanza_get_next(at)) {
        const char *name = xmpp_stanza_get_name(at), *ns = xmpp_stanza_get_ns(at);
        if (name && ns && strcmp(ns, TM_NS_STANZAS) == 0 && strcmp(name, "text") != 0) return name;
    }
    return "";
}

/* ---- times ---- */

/* `count` digits at *text, which is moved behind them; -1 if there are not so many. */
static int take_digits(const char **text, int count)
{
    int number = 0;
    for (; count; count--, ++*text) {
        if (**text < '0' || **text > '9') return -1;
        number = number * 10 + (**text - '0');
    }
    return number;
}

static bool skip(const char **text, char mark)
{
    if (**text != mark) return false;
    ++*text;
    return true;
}

static int64_t take_zone(const char **text, bool *ok)
{
    char sign = **text;
    if (sign == 'Z' || sign == 'z') {
        ++*text;
        return 0;
    }
    if (sign != '+' && sign != '-') {
        *ok = false;
        return 0;
    }
    ++*text;
    int hours = take_digits(text, 2);
    bool colon = skip(text, ':');
    int minutes = take_digits(text, 2);
    *ok = colon && hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
    int64_t seconds = hours * 3600 + minutes * 60;
    return sign == '+' ? seconds : -seconds;
}

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

uint64_t tm_stamp_parse(const char *text)
{
    bool ok = true;
    int year = take_digits(&text, 4);
    ok = ok && skip(&text, '-');
    int month = take_digits(&text, 2);
    ok = ok && skip(&text, '-');
    int day = take_digits(&text, 2);
    ok = ok && skip(&text, 'T');
    int hour = take_digits(&text, 2);
    ok = ok && skip(&text, ':');
    int minute = take_digits(&text, 2);
    ok = ok && skip(&text, ':');
    int second = take_digits(&text, 2);
    if (!ok || year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return 0;
    int64_t micro = 0;
    if (skip(&text, '.')) {
        ok = *text >= '0' && *text <= '9';
        for (int64_t unit = 100000; *text >= '0' && *text <= '9'; text++, unit /= 10)
            micro += (*text - '0') * unit;
    }
    bool zoned = true;
    int64_t zone = take_zone(&text, &zoned);
    if (!ok || !zoned || *text) return 0;
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone;
    return seconds < 0 ? 0 : (uint64_t)(seconds * 1000000 + micro);
}

/* The last one of the year 9999. */
#define LAST_STAMP 253402300799999999u

void tm_stamp_format(uint64_t microseconds, char text[TM_STAMP])
{
    if (microseconds > LAST_STAMP) microseconds = LAST_STAMP;
    time_t seconds = (time_t)(microseconds / 1000000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    char date[TM_STAMP];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, TM_STAMP, "%.19s.%06uZ", date, (unsigned)(microseconds % 1000000));
}
