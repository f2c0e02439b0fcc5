/* Memory: see mem.h. */
#include "mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *tm_malloc(size_t size)
{
    return malloc(size ? size : 1);
}

void *tm_calloc(size_t count, size_t size)
{
    return calloc(count ? count : 1, size ? size : 1);
}

void *tm_realloc(void *block, size_t size)
{
    return realloc(block, size ? size : 1);
}

char *tm_strndup(const char *text, size_t length)
{
    char *copy = tm_malloc(length + 1);
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *tm_strdup(const char *text)
{
    return text ? tm_strndup(text, strlen(text)) : NULL;
}

char *tm_vformat(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *text = length < 0 ? NULL : tm_malloc((size_t)length + 1);
    if (text) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *tm_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = tm_vformat(format, args);
    va_end(args);
    return text;
}

void tm_free(void *block)
{
    free(block);
}
