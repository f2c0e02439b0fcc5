/* Bench clock: a Lua module of `make bench` alone: times in nanoseconds, of the wall and of this thread's CPU, sleeping
 * until one, and the time that a bare write to an eventfd takes, which is what a call is held against. */
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static lua_Integer read_clock(clockid_t id)
{
    struct timespec time;
    clock_gettime(id, &time);
    return (lua_Integer)time.tv_sec * 1000000000 + (lua_Integer)time.tv_nsec;
}

/* now(): of the monotonic clock. */
static int bench_now(lua_State *L)
{
    lua_pushinteger(L, read_clock(CLOCK_MONOTONIC));
    return 1;
}

/* thread_cpu(): what this thread has used. */
static int bench_thread_cpu(lua_State *L)
{
    lua_pushinteger(L, read_clock(CLOCK_THREAD_CPUTIME_ID));
    return 1;
}

/* process_cpu(): what all threads have used. */
static int bench_process_cpu(lua_State *L)
{
    lua_pushinteger(L, read_clock(CLOCK_PROCESS_CPUTIME_ID));
    return 1;
}

/* sleep_until(time): as now() tells it. */
static int bench_sleep_until(lua_State *L)
{
    lua_Integer until = luaL_checkinteger(L, 1);
    struct timespec time = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
        continue;
    return 0;
}

/* A thread that sleeps until its descriptor is written to, and sleeps again. */
typedef struct sleeper {
    int fd;
    atomic_bool stop;
    pthread_t thread;
} sleeper;

static const uint64_t one = 1;

static void *sleep_on(void *argument)
{
    sleeper *self = argument;
    while (!atomic_load(&self->stop)) {
        struct pollfd fd = {.fd = self->fd, .events = POLLIN};
        uint64_t count;
        if (poll(&fd, 1, -1) > 0 && read(self->fd, &count, sizeof count) < 0) break;
    }
    return NULL;
}

static int sleeper_gc(lua_State *L)
{
    sleeper *self = lua_touserdata(L, 1);
    if (self->fd < 0) return 0;
    atomic_store(&self->stop, true);
    if (write(self->fd, &one, sizeof one) == sizeof one) pthread_join(self->thread, NULL);
    close(self->fd);
    self->fd = -1;
    return 0;
}

/* sleeper(): writing to it wakes a thread. */
static int bench_sleeper(lua_State *L)
{
    sleeper *self = lua_newuserdatauv(L, sizeof *self, 0);
    self->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    atomic_init(&self->stop, false);
    if (self->fd < 0 || pthread_create(&self->thread, NULL, sleep_on, self))
        return luaL_error(L, "no sleeper");
    luaL_setmetatable(L, "bench.sleeper");
    return 1;
}

/* write(sleeper or nil): how long one write to the eventfd takes; nil: to one that nobody waits for. */
static int bench_write(lua_State *L)
{
    int fd;
    if (lua_isnoneornil(L, 1)) {
        fd = (int)lua_tointeger(L, lua_upvalueindex(1));
    } else {
        fd = ((sleeper *)luaL_checkudata(L, 1, "bench.sleeper"))->fd;
    }
    lua_Integer began = read_clock(CLOCK_MONOTONIC);
    ssize_t written = write(fd, &one, sizeof one);
    lua_Integer ended = read_clock(CLOCK_MONOTONIC);
    if (written != sizeof one) return luaL_error(L, "nothing was written");
    lua_pushinteger(L, ended - began);
    return 1;
}

static const luaL_Reg functions[] = {
    {"now", bench_now},
    {"thread_cpu", bench_thread_cpu},
    {"process_cpu", bench_process_cpu},
    {"sleep_until", bench_sleep_until},
    {"sleeper", bench_sleeper},
    {NULL, NULL},
};

int luaopen_bench_clock(lua_State *L);
int luaopen_bench_clock(lua_State *L)
{
    luaL_newmetatable(L, "bench.sleeper");
    lua_pushcfunction(L, sleeper_gc);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, functions);
    lua_pushinteger(L, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    lua_pushcclosure(L, bench_write, 1);
    lua_setfield(L, -2, "write");
    return 1;
}
