/* Image: formats and sizes from headers, and files that lie about themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "image.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Helpers ---- */

static char directory[] = "/tmp/timmsg-image-XXXXXX";
static char path[sizeof directory + 8];

static int make_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s/file", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

struct bytes {
    unsigned char data[4096];
    size_t length;
};

static void put(struct bytes *b, const void *data, size_t length)
{
    assert_true(b->length + length <= sizeof b->data);
    memcpy(b->data + b->length, data, length);
    b->length += length;
}

static void put_big(struct bytes *b, uint32_t value, int size)
{
    while (size--) {
        unsigned char byte = (unsigned char)(value >> (8 * size));
        put(b, &byte, 1);
    }
}

static void put_little(struct bytes *b, uint32_t value, int size)
{
    for (int i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)(value >> (8 * i));
        put(b, &byte, 1);
    }
}

static void write_file(const void *data, size_t length)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void reads_as(const void *data, size_t length, tm_image_format format, uint32_t width, uint32_t height)
{
    tm_image image = {TM_IMAGE_JPEG, 77, 77};
    write_file(data, length);
    assert_true(tm_image_read(path, &image));
    assert_int_equal(image.format, format);
    assert_int_equal(image.width, width);
    assert_int_equal(image.height, height);
}

/* The whole file gives the size; the file cut anywhere before its last byte gives none, and reads nothing
 * stray. */
static void needs_every_byte(const struct bytes *b, size_t known, tm_image_format format, uint32_t width,
                             uint32_t height)
{
    reads_as(b->data, b->length, format, width, height);
    for (size_t length = 0; length < b->length; length++)
        reads_as(b->data, length, length < known ? TM_IMAGE_OTHER : format, 0, 0);
}

/* ---- PNG, GIF, BMP ---- */

static struct bytes png(uint32_t width, uint32_t height)
{
    struct bytes b = {{0}, 0};
    put(&b, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
    put_big(&b, width, 4);
    put_big(&b, height, 4);
    return b;
}

static void png_sizes(void **state)
{
    (void)state;
    struct bytes b = png(640, 480);
    needs_every_byte(&b, 8, TM_IMAGE_PNG, 640, 480);
    b = png(0x7fffffff, 1);
    reads_as(b.data, b.length, TM_IMAGE_PNG, 0x7fffffff, 1);
    b = png(0x80000000, 1);
    reads_as(b.data, b.length, TM_IMAGE_PNG, 0, 0);
    b = png(640, 480);
    memcpy(b.data + 12, "tEXt", 4);
    reads_as(b.data, b.length, TM_IMAGE_PNG, 0, 0);
    b.data[4] = '\n'; /* what a transfer in text mode does */
    reads_as(b.data, b.length, TM_IMAGE_OTHER, 0, 0);
}

static void gif_sizes(void **state)
{
    (void)state;
    const char *versions[] = {"GIF87a", "GIF89a"};
    for (int i = 0; i < 2; i++) {
        struct bytes b = {{0}, 0};
        put(&b, versions[i], 6);
        put_little(&b, 320, 2);
        put_little(&b, 65535, 2);
        needs_every_byte(&b, 6, TM_IMAGE_GIF, 320, 65535);
    }
    reads_as("GIF88a\1\0\1\0", 10, TM_IMAGE_OTHER, 0, 0);
}

static struct bytes bmp(uint32_t header, uint32_t width, uint32_t height)
{
    struct bytes b = {{0}, 0};
    int size = header == 12 ? 2 : 4;
    put(&b, "BM\0\0\0\0\0\0\0\0\0\0\0\0", 14);
    put_little(&b, header, 4);
    put_little(&b, width, size);
    put_little(&b, height, size);
    return b;
}

static void bmp_sizes(void **state)
{
    (void)state;
    const uint32_t headers[] = {12, 16, 40, 52, 56, 64, 108, 124};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct bytes b = bmp(headers[i], 1024, 768);
        needs_every_byte(&b, 18, TM_IMAGE_BMP, 1024, 768);
    }
    struct bytes b = bmp(12, 65535, 40000);
    reads_as(b.data, b.length, TM_IMAGE_BMP, 65535, 40000);
    b = bmp(40, 100, (uint32_t)-200); /* top-down */
    reads_as(b.data, b.length, TM_IMAGE_BMP, 100, 200);
    b = bmp(40, 100, 0x80000000);
    reads_as(b.data, b.length, TM_IMAGE_BMP, 100, 0x80000000);
    b = bmp(40, (uint32_t)-100, 200);
    reads_as(b.data, b.length, TM_IMAGE_BMP, 0, 0);
    b = bmp(41, 100, 200);
    reads_as(b.data, b.length, TM_IMAGE_OTHER, 0, 0);
    reads_as("BM is how this text starts, no more.", 36, TM_IMAGE_OTHER, 0, 0);
}

/* ---- JPEG ---- */

static void put_segment(struct bytes *b, int marker, const void *content, size_t length)
{
    put_big(b, 0xff00u | (uint32_t)marker, 2);
    put_big(b, (uint32_t)length + 2, 2);
    put(b, content, length);
}

static void put_frame(struct bytes *b, int marker, uint32_t width, uint32_t height)
{
    put_big(b, 0xff00u | (uint32_t)marker, 2);
    put_big(b, 11, 2);
    put_big(b, 8, 1);
    put_big(b, height, 2);
    put_big(b, width, 2);
}

static struct bytes jpeg(void)
{
    struct bytes b = {{0}, 0};
    put(&b, "\xff\xd8", 2);
    return b;
}

static void jpeg_frames(void **state)
{
    (void)state;
    for (int marker = 0xc0; marker <= 0xcf; marker++) {
        struct bytes b = jpeg();
        bool frame = marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        put_segment(&b, 0xe0, "JFIF\0\1\1\0\0\1\0\1\0\0", 14);
        put_frame(&b, marker, 4000, 3000);
        if (frame) needs_every_byte(&b, 3, TM_IMAGE_JPEG, 4000, 3000);
        put(&b, "\1\1\x11\0", 4); /* the rest of the segment */
        if (!frame) put_frame(&b, 0xc0, 16, 8);
        reads_as(b.data, b.length, TM_IMAGE_JPEG, frame ? 4000 : 16, frame ? 3000 : 8);
    }
}

static void jpeg_thumbnails_are_skipped(void **state)
{
    (void)state;
    struct bytes inner = jpeg(), b = jpeg();
    put_frame(&inner, 0xc0, 160, 120);
    put_segment(&b, 0xe1, inner.data, inner.length);
    put_segment(&b, 0xfe, "\xff\xc0\0\x0b\x08\0\1\0\1", 9);
    put_frame(&b, 0xc2, 4032, 3024);
    reads_as(b.data, b.length, TM_IMAGE_JPEG, 4032, 3024);
}

static void jpeg_padding(void **state)
{
    (void)state;
    struct bytes b = jpeg();
    put(&b, "\xff\xff\xff\xff", 4);
    put_segment(&b, 0xdb, "\0table", 6);
    put(&b, "\xff\x01\xff\xd0\xff\xd7", 6); /* markers without content */
    put(&b, "stray \xff\0 bytes", 13);
    put(&b, "\xff\xff", 2);
    put_frame(&b, 0xc1, 7, 9);
    reads_as(b.data, b.length, TM_IMAGE_JPEG, 7, 9);
}

static void jpeg_without_a_frame(void **state)
{
    (void)state;
    const int ends[] = {0xd9, 0xda};
    for (int i = 0; i < 2; i++) {
        struct bytes b = jpeg();
        put_big(&b, 0xff00u | (uint32_t)ends[i], 2);
        put_frame(&b, 0xc0, 7, 9);
        reads_as(b.data, b.length, TM_IMAGE_JPEG, 0, 0);
    }
    reads_as("\xff\xd8\xff\xe0\0\0\xff\xc0\0\x0b\x08\0\1\0\1", 15, TM_IMAGE_JPEG, 0, 0); /* length 0 */
    reads_as("\xff\xd8\xff\xe0\0\1\xff\xc0\0\x0b\x08\0\1\0\1", 15, TM_IMAGE_JPEG, 0, 0); /* length 1 */
    reads_as("\xff\xd8\xff\xc0\0\7\x08\0\1\0\1", 11, TM_IMAGE_JPEG, 0, 0);   /* too short a frame */
    reads_as("\xff\xd8\xff\xe1\xff\xff", 6, TM_IMAGE_JPEG, 0, 0);            /* beyond the end */
    reads_as("\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\7", 11, TM_IMAGE_JPEG, 7, 0); /* height comes later (DNL) */
    reads_as("\xff\xd8 ", 3, TM_IMAGE_OTHER, 0, 0);
}

/* The frame header stands behind `count` times `piece`. */
static void jpeg_behind(const void *piece, size_t length, size_t count, bool found)
{
    struct bytes tail = {{0}, 0};
    unsigned char *data = malloc(2 + length * count + 16);
    assert_non_null(data);
    memcpy(data, "\xff\xd8", 2);
    for (size_t i = 0; i < count; i++)
        memcpy(data + 2 + i * length, piece, length);
    put_frame(&tail, 0xc0, 5, 6);
    memcpy(data + 2 + length * count, tail.data, tail.length);
    reads_as(data, 2 + length * count + tail.length, TM_IMAGE_JPEG, found ? 5 : 0, found ? 6 : 0);
    free(data);
}

static void jpeg_walks_are_bounded(void **state)
{
    (void)state;
    jpeg_behind("\xff\xe1\0\4xx", 6, 900, true);
    jpeg_behind("\xff\xe1\0\4xx", 6, 1100, false);
    jpeg_behind("\xff\xd0", 2, 100000, false);
    jpeg_behind("\xff", 1, 10000, true);
    jpeg_behind("\xff", 1, 1000000, false);
    jpeg_behind("\xff\0", 2, 1000000, false);
    unsigned char *profile = calloc(1, 65537); /* the largest segment, some of them */
    assert_non_null(profile);
    memcpy(profile, "\xff\xe2\xff\xff", 4);
    jpeg_behind(profile, 65537, 20, true);
    free(profile);
}

/* ---- Other files ---- */

static void other_files(void **state)
{
    (void)state;
    reads_as("", 0, TM_IMAGE_OTHER, 0, 0);
    reads_as("B", 1, TM_IMAGE_OTHER, 0, 0);
    reads_as("hello", 5, TM_IMAGE_OTHER, 0, 0);
    reads_as("RIFF\x24\0\0\0WEBPVP8 ", 16, TM_IMAGE_OTHER, 0, 0);
    reads_as("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 28, TM_IMAGE_OTHER, 0, 0);
}

static void unreadable_files(void **state)
{
    (void)state;
    tm_image image;
    unlink(path);
    assert_false(tm_image_read(path, &image));
    assert_int_equal(image.format, TM_IMAGE_OTHER);
    assert_false(tm_image_read("", &image));
    assert_false(tm_image_read(directory, &image));
    assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
    assert_false(tm_image_read(path, &image));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_sizes),
        cmocka_unit_test(gif_sizes),
        cmocka_unit_test(bmp_sizes),
        cmocka_unit_test(jpeg_frames),
        cmocka_unit_test(jpeg_thumbnails_are_skipped),
        cmocka_unit_test(jpeg_padding),
        cmocka_unit_test(jpeg_without_a_frame),
        cmocka_unit_test(jpeg_walks_are_bounded),
        cmocka_unit_test(other_files),
        cmocka_unit_test(unreadable_files),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
