/* Disk doom: the process's death at an operation or a time, and what else is not as on other days: syncs that are not done,
 * and a boot id. See disk.h. */
#include "disk.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static atomic_uint_fast64_t operations, doomed_at, doomed_seen;
static atomic_uint doomed_kinds;

void disk_doom(unsigned kinds, uint64_t count)
{
    atomic_store(&doomed_at, 0);
    atomic_store(&doomed_seen, 0);
    atomic_store(&doomed_kinds, kinds);
    atomic_store(&doomed_at, count);
}

bool disk_doom_after(uint64_t microseconds)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    struct itimerspec when = {
        .it_value = {(time_t)(microseconds / 1000000), (long)(microseconds % 1000000) * 1000 + 1}};
    return timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &when, NULL) == 0;
}

static void die(void)
{
    for (;;)
        kill(getpid(), SIGKILL);
}

disk_fate disk_next(disk_kind kind)
{
    atomic_fetch_add(&operations, 1);
    uint64_t at = atomic_load(&doomed_at);
    if (!at || !(atomic_load(&doomed_kinds) & 1u << kind)) return DISK_LIVES;
    if (atomic_fetch_add(&doomed_seen, 1) + 1 != at) return DISK_LIVES;
    if (at % 3 == 1) die();
    return at % 3 == 2 ? DISK_DIES_WITHIN : DISK_DIES_AFTER;
}

void disk_done(disk_fate fate)
{
    if (fate != DISK_LIVES) die();
}

uint64_t disk_count(void)
{
    return atomic_load(&operations);
}

/* ---- other days ---- */

static atomic_bool lazy;

void disk_be_lazy(void)
{
    atomic_store(&lazy, true);
}

bool disk_is_lazy(void)
{
    return atomic_load(&lazy);
}

static atomic_uint boots;

void disk_reboot(void)
{
    atomic_fetch_add(&boots, 1);
}

int disk_boot_id(void)
{
    int fd = memfd_create("boot_id", MFD_CLOEXEC);
    if (fd >= 0) dprintf(fd, "boot-%u\n", atomic_load(&boots));
    if (fd >= 0) lseek(fd, 0, SEEK_SET);
    return fd;
}
