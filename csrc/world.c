/* World: time, chance, and the clients that live there. See world.h. */
#include "world_internal.h"

#include "clock.h"
#include "message.h"

/* Times of 0 mean that there is none: no clock says 0. */
#define START_MS 1000

tm_world *tm_world_new(uint64_t seed, uint64_t seconds, tm_error *err)
{
    tm_world *world = tm_calloc(1, sizeof *world);
    if (!world) {
        tm_fail_memory(err);
        return NULL;
    }
    world->holders = 1;
    world->random = seed;
    world->start = seconds;
    world->ms = START_MS;
    return world;
}

tm_world *tm_world_hold(tm_world *world)
{
    world->holders++;
    return world;
}

void tm_world_release(tm_world *world)
{
    if (!world || --world->holders > 0) return;
    tm_world_wipe(world);
    tm_free(world);
}

/* ---- time and chance ---- */

uint64_t tm_world_seconds(const tm_world *world)
{
    return world ? world->start + (world->ms - START_MS) / 1000 : tm_clock_seconds();
}

void tm_world_set_seconds(tm_world *world, uint64_t seconds)
{
    world->start += seconds - tm_world_seconds(world); /* unsigned: back, too */
}

uint64_t tm_world_ms(const tm_world *world)
{
    return world ? world->ms : tm_clock_ms();
}

uint64_t tm_world_random(tm_world *world)
{
    if (!world) return tm_message_random();
    uint32_t bits = 0;
    while (!bits) {
        uint64_t mixed = world->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
        bits = (uint32_t)((mixed ^ mixed >> 31) >> 32);
    }
    return bits;
}

struct tm_hub_bell **tm_world_bells(tm_world *world)
{
    return &world->bells;
}

/* ---- clients ---- */

void tm_world_join(tm_world *world, tm_actor *actor)
{
    actor->previous = NULL;
    actor->following = world->actors;
    if (world->actors) world->actors->previous = actor;
    world->actors = actor;
    actor->queued = false;
    tm_world_wake(world, actor);
}

void tm_world_leave(tm_world *world, tm_actor *actor)
{
    if (actor->previous)
        actor->previous->following = actor->following;
    else
        world->actors = actor->following;
    if (actor->following) actor->following->previous = actor->previous;
    if (!actor->queued) return;
    tm_actor **lists[] = {&world->first, &world->outside};
    for (int i = 0; i < 2; i++)
        for (tm_actor **at = lists[i]; *at;)
            if (*at == actor)
                *at = actor->behind;
            else
                at = &(*at)->behind;
    world->last = world->first;
    while (world->last && world->last->behind)
        world->last = world->last->behind;
}

void tm_world_wake(tm_world *world, tm_actor *actor)
{
    if (actor->queued) return;
    actor->queued = true;
    actor->behind = NULL;
    if (world->first)
        world->last->behind = actor;
    else
        world->first = actor;
    world->last = actor;
}

static void take_turn(tm_world *world)
{
    tm_actor *actor = world->first;
    world->first = actor->behind;
    actor->queued = false;
    switch (actor->turn(actor->self)) {
    case TM_TURN_IDLE: break;
    case TM_TURN_MOVED: tm_world_wake(world, actor); break;
    case TM_TURN_OUTSIDE:
        if (actor->queued) break; /* it was woken meanwhile */
        actor->queued = true;
        actor->behind = world->outside;
        world->outside = actor;
        break;
    }
}

void tm_world_pump(tm_world *world)
{
    while (world->first || world->outside) {
        if (world->first) {
            take_turn(world);
            continue;
        }
        tm_actor *actor = world->outside;
        world->outside = actor->behind;
        actor->queued = false;
        actor->wait(actor->self);
        tm_world_wake(world, actor);
    }
}

uint64_t tm_world_advance(tm_world *world, uint64_t ms)
{
    uint64_t from = world->ms, to = ms < UINT64_MAX - from ? from + ms : UINT64_MAX;
    for (const tm_actor *actor = world->actors; actor; actor = actor->following) {
        uint64_t next = actor->next(actor->self);
        if (next > from && next < to) to = next; /* what was due before has had its turn */
    }
    world->ms = to;
    for (tm_actor *actor = world->actors; actor; actor = actor->following) {
        uint64_t next = actor->next(actor->self);
        if (next && next <= to) tm_world_wake(world, actor);
    }
    tm_world_pump(world);
    return to - from;
}
