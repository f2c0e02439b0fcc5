/* JSON, UTF-8: checks and repairs. See json.h and json_internal.h. */
#include "json_internal.h"

#include <string.h>

size_t tm_utf8_length(const unsigned char *p, size_t left)
{
    unsigned char lead = p[0], low = 0x80, high = 0xbf;
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (left < length) return 0;
    if (lead == 0xe0) low = 0xa0;  /* below: an overlong spelling */
    if (lead == 0xed) high = 0x9f; /* above: a surrogate */
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f; /* above: beyond U+10FFFF */
    if (p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    return length;
}

bool tm_utf8_eight_plain(const unsigned char *p)
{
    /* All eight as one word: each difference has a byte's top bit set where the byte is what is looked for.
     * A borrow from a lower byte can set more of them, but only next to one that is set rightly. */
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t word;
    memcpy(&word, p, sizeof word);
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    return ((word | (word - ones * ' ') | (quote - ones) | (backslash - ones)) & tops) == 0;
}

bool tm_utf8_valid(const char *text, size_t length, size_t *bad)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t at = 0;
    while (at < length) {
        if (length - at >= 8 && tm_utf8_eight_plain(p + at)) {
            at += 8;
            continue;
        }
        size_t step = p[at] ? tm_utf8_length(p + at, length - at) : 0;
        if (!step) {
            if (bad) *bad = at;
            return false;
        }
        at += step;
    }
    return true;
}

char *tm_utf8_repair(const char *text, size_t length)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t at = 0, used = 0, bad, wrong = 0;
    for (; !tm_utf8_valid(text + at, length - at, &bad); wrong++)
        at += bad + 1;
    if (wrong > (SIZE_MAX - length - 1) / 2) return NULL;
    char *copy = tm_malloc(length + 2 * wrong + 1);
    if (!copy) return NULL;
    for (at = 0; !tm_utf8_valid(text + at, length - at, &bad); at += bad + 1) {
        memcpy(copy + used, text + at, bad);
        memcpy(copy + used + bad, replacement, 3);
        used += bad + 3;
    }
    memcpy(copy + used, text + at, length - at);
    copy[used + length - at] = '\0';
    return copy;
}
