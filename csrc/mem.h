/* Memory: the one place the library allocates from. Every function is safe on any thread and returns NULL
 * when memory is short; the caller checks. What they return is freed with tm_free. */
#ifndef TM_MEM_H
#define TM_MEM_H

#include <stdarg.h>
#include <stddef.h>

#if defined(__GNUC__)
#define TM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define TM_PRINTF(fmt, args)
#endif

void *tm_malloc(size_t size);
/* Zeroed memory for `count` things of `size` bytes; the product is checked. */
void *tm_calloc(size_t count, size_t size);
/* On failure the old block stays valid and owned by the caller. */
void *tm_realloc(void *block, size_t size);
/* A copy of `text`; NULL for NULL. */
char *tm_strdup(const char *text);
char *tm_strndup(const char *text, size_t length);
/* A formatted text of its own. */
char *tm_format(const char *format, ...) TM_PRINTF(1, 2);
char *tm_vformat(const char *format, va_list args);
/* NULL is fine. */
void tm_free(void *block);

#endif
