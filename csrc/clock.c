/* Clock: see clock.h. */
#include "clock.h"

#include <time.h>

uint64_t tm_clock_seconds(void)
{
    /* Not time(): that may read a coarser clock, up to a tick behind the one that file times and logs use. */
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec;
}

uint64_t tm_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
