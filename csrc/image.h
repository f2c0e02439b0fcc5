/* Image: reads format and size of a picture from the first bytes of its file. No decoding. */
#ifndef TM_IMAGE_H
#define TM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tm_image_format {
    TM_IMAGE_JPEG = 1,
    TM_IMAGE_GIF = 2,
    TM_IMAGE_PNG = 3,
    TM_IMAGE_BMP = 4,
    TM_IMAGE_OTHER = 255,
} tm_image_format;

typedef struct tm_image {
    tm_image_format format;
    uint32_t width, height; /* pixels as stored; 0 where the header does not tell */
} tm_image;

/* Reads what `path` holds. A file that is no picture is TM_IMAGE_OTHER with size 0. Returns false only when
 * the file cannot be opened or read. Any thread. */
bool tm_image_read(const char *path, tm_image *out);

#endif
