/* Spin: see spin.h. */
#include "spin.h"

#include <sched.h>
#include <stdint.h>
#include <time.h>

#define LONGEST_NS 100000

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void tm_spin_until(const atomic_bool *flag)
{
    uint64_t began = now_ns();
    while (!atomic_load(flag) && now_ns() - began < LONGEST_NS)
        sched_yield(); /* the thread that is to set it may want this very core */
}
