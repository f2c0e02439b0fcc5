/* Polling: see polling.h.
 *
 * A poll without a budget ends at a letter of its own, the mark, which it puts behind all that wait: what
 * callbacks bring about and what comes meanwhile is left for the next poll, and what an error leaves undone
 * stays in the mailbox, whose descriptor says so. Its kind is one that is not counted.
 *
 * Marks that polls left behind which an error ended, and results that nobody wants, are idle: nothing to do. Between
 * two polls none is the first letter, except a result that came just now, so that the descriptor does not tell of them;
 * and it is held where a letter is still in hand or an error waits. An event that no handler is there for waits like all others,
 * since a handler may come before its turn does; it is dropped then. */
#include "polling.h"

#include "argument.h"
#include "hush.h"

#include <assert.h>
#include <math.h>
#include <time.h>

/* ---- Letters ---- */

static void *const mark_token = (void *)(uintptr_t)0xff; /* no call has this kind */
static_assert(TM_CALL_COUNT < 0xff, "the mark's token is one of a call");

/* Puts a mark into the mailbox; 0 if memory is short. */
static uint32_t put_mark(tm_lua_client *self)
{
    tm_letter *letter = tm_letter_new(TM_LETTER_PROGRESS, NULL, NULL);
    if (!letter) return 0;
    if (++self->mark == 0) self->mark = 1;
    letter->token = mark_token;
    letter->index = self->mark;
    tm_mailbox_put(self->mailbox, letter);
    return self->mark;
}

static bool is_mark(const tm_letter *letter)
{
    return letter->kind == TM_LETTER_PROGRESS && letter->token == mark_token;
}

static bool is_idle(const tm_letter *letter)
{
    return is_mark(letter) || (letter->kind == TM_LETTER_RESULT && !letter->token);
}

/* An event that no handler is there for, now that its turn has come: it is dropped. */
static bool is_unheard(const tm_lua_client *self, const tm_letter *letter)
{
    return letter->kind != TM_LETTER_RESULT && letter->kind != TM_LETTER_PROGRESS &&
           !(self->heard & 1u << letter->kind);
}

/* Gets a letter in hand if there is none. False: there is none, or the mark `until` was reached. */
static bool take_letter(tm_lua_client *self, uint32_t until)
{
    while (!self->callbacks.letter) {
        tm_letter *letter = tm_mailbox_take(self->mailbox);
        if (!letter) return false;
        if (!is_idle(letter) && !is_unheard(self, letter)) {
            tm_callbacks_take(&self->callbacks, letter);
            continue;
        }
        bool reached = is_mark(letter) && letter->index == until;
        tm_letter_free(letter);
        if (reached) return false;
    }
    return true;
}

/* Whether a letter waits that is for somebody. Those before it are taken out: unheard events only if it is their turn. */
static bool has_letter(tm_lua_client *self, bool turn)
{
    const tm_letter *letter;
    while ((letter = tm_mailbox_first(self->mailbox)) != NULL &&
           (is_idle(letter) || (turn && is_unheard(self, letter))))
        tm_letter_free(tm_mailbox_take(self->mailbox));
    return letter != NULL;
}

/* Leaves a descriptor behind a poll that says whether another one has something to do. */
static void settle(tm_lua_client *self)
{
    if (!self->client) return; /* a callback closed it */
    bool held = self->callbacks.letter || self->callbacks.raised;
    if (held != self->held) tm_mailbox_hold(self->mailbox, held);
    self->held = held;
    has_letter(self, false);
}

/* ---- Waiting ---- */

static lua_Number now_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (lua_Number)now.tv_sec * 1e3 + (lua_Number)now.tv_nsec / 1e6;
}

/* Whether poll, which does not run, has something to do; waits for it until the time is over (negative: no limit) or a
 * signal was handled: what Ctrl-C is to bring about only happens when Lua runs. No letter is taken for that, or the
 * descriptor would tell of nothing any more. */
static bool has_something(tm_lua_client *self, lua_Number timeout_ms, bool *interrupted)
{
    *interrupted = false;
    /* in a test world all that can happen has happened then */
    if (tm_client_pump(self->client)) timeout_ms = 0;
    if (self->callbacks.letter || self->callbacks.raised) return true;
    lua_Number deadline = timeout_ms > 0 ? now_milliseconds() + timeout_ms : 0, left = timeout_ms;
    for (;;) {
        int wait_ms = left < 0 ? -1 : left < INT_MAX ? (int)ceil(left) : INT_MAX;
        if (!tm_mailbox_wait_or_signal(self->mailbox, wait_ms, interrupted)) return false;
        if (has_letter(self, true)) return true;
        if (*interrupted) return false;
        if (timeout_ms < 0) continue;
        left = timeout_ms > 0 ? deadline - now_milliseconds() : 0;
        if (left < 0) left = 0;
    }
}

static bool has_something_now(tm_lua_client *self)
{
    bool interrupted;
    return has_something(self, 0, &interrupted);
}

/* ---- Delivering ---- */

/* Raises the first error that a callback left, if there is one. */
static void raise_first(lua_State *L, tm_lua_client *self)
{
    if (tm_callbacks_push_raised(L, 1, &self->callbacks)) lua_error(L);
}

/* run(client, deadline or nil): delivers and returns how many letters. Callbacks may close the client, and so may a finalizer
 * that runs where the stack grows for this. */
static int run_poll(lua_State *L)
{
    tm_lua_client *self = (tm_lua_client *)lua_touserdata(L, 1);
    bool timed = !lua_isnil(L, 2);
    lua_Number deadline = lua_tonumber(L, 2);
    lua_Integer count = 0;
    raise_first(L, self);
    uint32_t mark = timed || !self->client ? 0 : put_mark(self);
    bool more = true;
    while (more && self->client && take_letter(self, mark)) {
        tm_callbacks_deliver(L, 1, &self->callbacks);
        count++;
        raise_first(L, self);
        more = timed ? now_milliseconds() < deadline : mark != 0;
    }
    lua_pushinteger(L, count);
    return 1;
}

int tm_lua_client_rest(lua_State *L)
{
    tm_lua_client *self = (tm_lua_client *)lua_touserdata(L, 1);
    uint32_t mark = put_mark(self);
    while (take_letter(self, mark))
        tm_callbacks_deliver(L, 1, &self->callbacks);
    return 0;
}

/* ---- Methods ---- */

/* What poll and wait say inside a callback. */
static int push_polling(lua_State *L)
{
    luaL_pushfail(L);
    lua_pushliteral(L, "already polling");
    return 2;
}

int tm_lua_client_poll(lua_State *L)
{
    tm_lua_client *self = tm_lua_client_check_open(L);
    lua_Number budget = tm_arguments_check_milliseconds(L, 2, -1);
    if (self->polling) return push_polling(L);
    if (!has_something_now(self)) {
        lua_pushinteger(L, 0);
        return 1;
    }
    lua_settop(L, 1);
    lua_pushcfunction(L, run_poll);
    lua_pushvalue(L, 1);
    if (budget < 0)
        lua_pushnil(L);
    else
        lua_pushnumber(L, now_milliseconds() + budget);
    unsigned hush = tm_hush_get(L);
    self->polling = true;
    int status = lua_pcall(L, 2, 1, 0);
    self->polling = false;
    tm_hush_set(L, hush); /* if a delivery has broken off */
    settle(self);
    return status == LUA_OK ? 1 : lua_error(L);
}

int tm_lua_client_wait(lua_State *L)
{
    tm_lua_client *self = tm_lua_client_check_open(L);
    lua_Number timeout_ms = tm_arguments_check_milliseconds(L, 2, -1);
    if (self->polling) return push_polling(L);
    bool interrupted, there = has_something(self, timeout_ms, &interrupted);
    lua_pushboolean(L, there);
    if (there || !interrupted) return 1;
    lua_pushliteral(L, "interrupted");
    return 2;
}

int tm_lua_client_pollfd(lua_State *L)
{
    tm_error err = {0, ""};
    int fd = tm_mailbox_fd(tm_lua_client_check_open(L)->mailbox, &err);
    if (fd < 0) return tm_lua_client_push_failure(L, TIM_ERR_PARAM, &err);
    lua_pushinteger(L, fd);
    return 1;
}

int tm_lua_client_events(lua_State *L)
{
    tm_lua_client_check_open(L);
    lua_pushliteral(L, "r");
    return 1;
}

int tm_lua_client_timeout(lua_State *L)
{
    tm_lua_client *self = tm_lua_client_check_open(L);
    if (!self->polling && has_something_now(self))
        lua_pushinteger(L, 0);
    else
        lua_pushnil(L);
    return 1;
}
