/* Error: see error.h. */
#include "error.h"

#include "include/TIMCloudDef.h"

#include <stdio.h>
#include <string.h>

/* Drops a character that the end of the buffer cut in two, so that the sentence stays UTF-8. */
static void trim_partial_character(char *text)
{
    size_t length = strlen(text), start = length;
    while (start > 0 && length - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0) return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (length - (start - 1) < need) text[start - 1] = '\0';
}

int32_t tm_fail(tm_error *err, int32_t code, const char *format, ...)
{
    if (!err) return code;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    trim_partial_character(err->text);
    err->code = code;
    return code;
}

int32_t tm_fail_memory(tm_error *err)
{
    return tm_fail(err, ERR_OUT_OF_MEMORY, "out of memory");
}

void tm_error_prefix(tm_error *err, const char *prefix)
{
    if (!err) return;
    char text[TM_ERROR_TEXT];
    memcpy(text, err->text, sizeof text);
    size_t length = strlen(prefix);
    if (length >= sizeof err->text) length = sizeof err->text - 1;
    memcpy(err->text, prefix, length);
    snprintf(err->text + length, sizeof err->text - length, "%s", text);
    trim_partial_character(err->text);
}
