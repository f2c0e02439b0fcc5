/* Fuzz target: the headers of pictures. An input is a file. */
#include "image.h"
#include "stage.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[64];
    tm_image image;
    if (fd < 0) fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
        stage_wrong("no memory for a file");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (!tm_image_read(path, &image)) stage_wrong("a file was not read");
    if (image.format == TM_IMAGE_OTHER && (image.width || image.height))
        stage_wrong("no picture, but a size");
    return 0;
}
