/* Fuzz target: the headers of pictures. An input is a file. */
#include "image.h"
#include "stage.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* Leaves bytes where the next function has its variables: what it reads without having written it shows. */
__attribute__((noinline)) static void soil(int byte)
{
    volatile unsigned char area[8192];
    for (size_t i = 0; i < sizeof area; i++)
        area[i] = (unsigned char)byte;
}

/* Reads with its variables well within that area. */
__attribute__((noinline)) static bool read_below(const char *path, tm_image *out)
{
    volatile unsigned char area[1024];
    area[0] = area[sizeof area - 1] = 0;
    return tm_image_read(path, out) && !area[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[64];
    tm_image image, again;
    if (fd < 0) fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
        stage_wrong("no memory for a file");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    soil(0x55);
    if (!read_below(path, &image)) stage_wrong("a file was not read");
    soil(0xaa);
    read_below(path, &again);
    if (again.format != image.format || again.width != image.width || again.height != image.height)
        stage_wrong("the same picture is another");
    if (image.format == TM_IMAGE_OTHER && (image.width || image.height))
        stage_wrong("no picture, but a size");
    return 0;
}
