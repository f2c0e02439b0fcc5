/* Image: see image.h. What a file says is not trusted: reads stay inside a small buffer, and the walk
 * through a JPEG's segments ends after so many. */
#include "image.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD 26              /* the longest fixed header: a BMP's up to its height */
#define JPEG_SEGMENTS 1000   /* large profiles and metadata come in some hundred segments */
#define JPEG_PADDING 65536   /* bytes that belong to no segment, in all */
#define MAX_SIDE 0x7fffffffu /* what PNG and BMP allow */

static uint32_t big16(const unsigned char *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t big32(const unsigned char *p)
{
    return big16(p) << 16 | big16(p + 2);
}

static uint32_t little16(const unsigned char *p)
{
    return (uint32_t)p[1] << 8 | p[0];
}

static uint32_t little32(const unsigned char *p)
{
    return little16(p + 2) << 16 | little16(p);
}

/* Each reader below is called when the first bytes are those of its format, gets `length` <= HEAD of them,
 * and leaves the size 0 where the header is too short or makes no sense. */

static void read_png(const unsigned char *head, size_t length, tm_image *out)
{
    out->format = TM_IMAGE_PNG;
    if (length < 24 || memcmp(head + 12, "IHDR", 4) != 0) return;
    uint32_t width = big32(head + 16), height = big32(head + 20);
    if (width > MAX_SIDE || height > MAX_SIDE) return;
    out->width = width;
    out->height = height;
}

static void read_gif(const unsigned char *head, size_t length, tm_image *out)
{
    out->format = TM_IMAGE_GIF;
    if (length < 10) return;
    out->width = little16(head + 6);
    out->height = little16(head + 8);
}

/* "BM" alone may start any text, so the size of the second header has to be one that exists. */
static void read_bmp(const unsigned char *head, size_t length, tm_image *out)
{
    if (length < 18) return;
    switch (little32(head + 14)) {
    case 12: /* BITMAPCOREHEADER: 16 bits each */
        out->format = TM_IMAGE_BMP;
        if (length < 22) return;
        out->width = little16(head + 18);
        out->height = little16(head + 20);
        return;
    case 16: /* OS/2 2.x, short and long */
    case 64:
    case 40: /* BITMAPINFOHEADER and its longer versions */
    case 52:
    case 56:
    case 108:
    case 124: {
        out->format = TM_IMAGE_BMP;
        if (length < 26) return;
        uint32_t width = little32(head + 18), height = little32(head + 22);
        if (width > MAX_SIDE) return;
        out->width = width;
        out->height = height > MAX_SIDE ? 0u - height : height; /* negative: the rows run from the top down */
        return;
    }
    default: return;
    }
}

/* Goes from marker to marker up to the frame header, which may stand behind metadata of any length. A
 * thumbnail inside the metadata has a frame header too; skipping whole segments keeps clear of it. */
static void read_jpeg(FILE *file, tm_image *out)
{
    unsigned char bytes[5];
    int padding = 0;
    out->format = TM_IMAGE_JPEG;
    if (fseek(file, 2, SEEK_SET) != 0) return;
    for (int segment = 0; segment < JPEG_SEGMENTS; segment++) {
        /* A marker is 0xFF, any number of times, and a byte that is neither 0xFF nor 0. Stray bytes before
         * it are skipped, as decoders do. */
        int marker = 0, last;
        do {
            last = marker;
            marker = getc(file);
            if (marker == EOF || padding++ > JPEG_PADDING) return;
        } while (last != 0xff || marker == 0xff || marker == 0);
        if (marker == 0xd9 || marker == 0xda) return;                       /* the picture's end, its data */
        if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue; /* these have no content */
        if (fread(bytes, 1, 2, file) != 2) return;
        uint32_t length = big16(bytes); /* counts itself */
        if (length < 2) return;
        /* C4, C8 and CC are tables and a reserved marker amid the frame headers. */
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
            if (length < 8 || fread(bytes, 1, 5, file) != 5) return;
            out->height = big16(bytes + 1);
            out->width = big16(bytes + 3);
            return;
        }
        if (fseek(file, (long)length - 2, SEEK_CUR) != 0) return;
    }
}

/* Regular files only, and without waiting: opening a named pipe would block until somebody writes. */
static FILE *open_file(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return NULL;
    FILE *file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? fdopen(fd, "rb") : NULL;
    if (!file) close(fd);
    return file;
}

bool tm_image_read(const char *path, tm_image *out)
{
    unsigned char head[HEAD];
    out->format = TM_IMAGE_OTHER;
    out->width = out->height = 0;
    FILE *file = open_file(path);
    if (!file) return false;
    size_t length = fread(head, 1, sizeof head, file);
    if (length >= 8 && memcmp(head, "\x89PNG\r\n\x1a\n", 8) == 0) {
        read_png(head, length, out);
    } else if (length >= 6 && (memcmp(head, "GIF87a", 6) == 0 || memcmp(head, "GIF89a", 6) == 0)) {
        read_gif(head, length, out);
    } else if (length >= 2 && memcmp(head, "BM", 2) == 0) {
        read_bmp(head, length, out);
    } else if (length >= 3 && memcmp(head, "\xff\xd8\xff", 3) == 0) {
        read_jpeg(file, out);
    }
    bool ok = !ferror(file);
    fclose(file);
    return ok;
}
