/* Client (Lua): see client.h. */
#include "client.h"

#include "argument.h"
#include "callback.h"
#include "hush.h"
#include "option.h"
#include "raised.h"
#include "testing.h"
#include "value.h"

#include <math.h>
#include <string.h>
#include <time.h>

static const char type_name[] = "timmsg.client";

/* All zero is closed. */
typedef struct tm_lua_client {
    tm_client *client;   /* owned; NULL: closed */
    tm_mailbox *mailbox; /* owned; there as long as the client is */
    tm_callbacks callbacks;
    uint32_t mark; /* the newest mark's number */
    bool polling;  /* callbacks are running */
    bool held;     /* the mailbox's descriptor is */
    bool closing;
} tm_lua_client;

/* ---- Checks ---- */

static tm_lua_client *check_client(lua_State *L)
{
    return (tm_lua_client *)luaL_checkudata(L, 1, type_name);
}

/* The client at index 1, which must be open. While it closes it still counts as open: callbacks that run then
 * get TIM_ERR_SDKUNINIT for what they try. */
static tm_lua_client *check_open(lua_State *L)
{
    tm_lua_client *self = check_client(L);
    luaL_argcheck(L, self->client, 1, "client is closed");
    return self;
}

tm_client *tm_lua_client_check(lua_State *L, int arg)
{
    tm_lua_client *self = (tm_lua_client *)luaL_checkudata(L, arg, type_name);
    luaL_argcheck(L, self->client, arg, "client is closed");
    return self->client;
}

bool tm_lua_client_is_open(lua_State *L, int arg)
{
    const tm_lua_client *self = (const tm_lua_client *)luaL_checkudata(L, arg, type_name);
    return self->client && !self->closing;
}

/* Milliseconds at `arg`; `fallback` for nil. */
static lua_Number check_milliseconds(lua_State *L, int arg, lua_Number fallback)
{
    if (lua_isnoneornil(L, arg)) return fallback;
    luaL_checktype(L, arg, LUA_TNUMBER);
    lua_Number milliseconds = lua_tonumber(L, arg);
    luaL_argcheck(L, milliseconds >= 0, arg, "a time in milliseconds expected"); /* NaN too */
    return milliseconds;
}

/* The one form of every failure: nil, message, TIMResult. */
static int push_failure(lua_State *L, int32_t code, const tm_error *err)
{
    luaL_pushfail(L);
    lua_pushstring(L, err->text);
    lua_pushinteger(L, code < 0 ? code : TIM_ERR_PARAM); /* memory has no TIMResult of its own */
    return 3;
}

/* ---- Creation ---- */

static int32_t set_log_level(tm_client *client, lua_Integer level, tm_error *err)
{
    tm_args args;
    memset(&args, 0, sizeof args);
    args.json = cJSON_CreateObject();
    if (!args.json || !tm_json_add_int(args.json, kTIMSetConfigLogLevel, level)) {
        tm_args_free(&args);
        return tm_fail_memory(err);
    }
    return tm_client_call(client, TM_CALL_SET_CONFIG, &args, NULL, err);
}

/* Frees all but the callbacks' Lua values. */
static void release(tm_lua_client *self)
{
    tm_client *client = self->client;
    tm_mailbox *mailbox = self->mailbox;
    self->client = NULL;
    self->mailbox = NULL;
    tm_client_free(client);
    tm_mailbox_free(mailbox);
    tm_callbacks_free(&self->callbacks);
}

/* Starts the client with the config table on top. Raises nothing. */
static int32_t start(lua_State *L, tm_lua_client *self, uint64_t sdk_app_id, const lua_Integer *log_level,
                     tm_world *world, tm_error *err)
{
    cJSON *config = tm_value_to_tree(L, -1, false, err);
    if (!config) return err->code;
    self->mailbox = tm_mailbox_new(err);
    int32_t code = self->mailbox
                       ? tm_client_new(sdk_app_id, config, 1, self->mailbox, world, &self->client, err)
                       : err->code;
    cJSON_Delete(config);
    if (!code && log_level) code = set_log_level(self->client, *log_level, err);
    if (code) release(self);
    return code;
}

int tm_lua_client_new(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    tm_world *world = tm_testing_world(L, 2);
    lua_settop(L, 1);
    tm_lua_client *self = (tm_lua_client *)lua_newuserdatauv(L, sizeof *self, TM_UV_COUNT);
    memset(self, 0, sizeof *self);
    luaL_setmetatable(L, type_name);
    tm_callbacks_open(L, 2);

    lua_pushliteral(L, "sdk_app_id");
    lua_rawget(L, 1);
    lua_pushliteral(L, "log_level");
    lua_rawget(L, 1);
    tm_options_push(L);
    lua_Integer sdk_app_id = lua_tointeger(L, 3), log_level = lua_tointeger(L, 4);
    tm_error err = {0, ""};
    int32_t code = start(L, self, (uint64_t)sdk_app_id, lua_isnil(L, 4) ? NULL : &log_level, world, &err);
    if (code) return push_failure(L, code, &err);
    tm_client_want(self->client, tm_callbacks_wanted(L, 2));
    lua_settop(L, 2);
    return 1;
}

/* ---- Polling ----
 *
 * A poll without a budget ends at a letter of its own, the mark, which it puts behind all that wait: what
 * callbacks bring about and what comes meanwhile is left for the next poll, and what an error leaves undone
 * stays in the mailbox, whose descriptor says so. Its kind is one that is not counted.
 *
 * Marks that polls left behind which an error ended, and results that nobody wants, are idle: nothing to do. Between
 * two polls none is the first letter, except a result that came just now, so that the descriptor does not tell of them;
 * and it is held where a letter is still in hand or an error waits. */

static void *const mark_token = (void *)(uintptr_t)0xff; /* no call has this kind */

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

/* Gets a letter in hand if there is none. False: there is none, or the mark `until` was reached. */
static bool take_letter(tm_lua_client *self, uint32_t until)
{
    while (!self->callbacks.letter) {
        tm_letter *letter = tm_mailbox_take(self->mailbox);
        if (!letter) return false;
        if (!is_idle(letter)) {
            tm_callbacks_take(&self->callbacks, letter);
            continue;
        }
        bool reached = is_mark(letter) && letter->index == until;
        tm_letter_free(letter);
        if (reached) return false;
    }
    return true;
}

/* Whether a letter waits that is not idle. Those before it are taken out. */
static bool has_letter(tm_lua_client *self)
{
    const tm_letter *letter;
    while ((letter = tm_mailbox_first(self->mailbox)) != NULL && is_idle(letter))
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
    has_letter(self);
}

/* Raises the first error that a callback left, if there is one. */
static void raise_first(lua_State *L, tm_lua_client *self)
{
    if (tm_callbacks_push_raised(L, 1, &self->callbacks)) lua_error(L);
}

static lua_Number now_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (lua_Number)now.tv_sec * 1e3 + (lua_Number)now.tv_nsec / 1e6;
}

/* run(client, deadline or nil): delivers and returns how many letters. Callbacks may close the client. */
static int run_poll(lua_State *L)
{
    tm_lua_client *self = (tm_lua_client *)lua_touserdata(L, 1);
    bool timed = !lua_isnil(L, 2);
    lua_Number deadline = lua_tonumber(L, 2);
    lua_Integer count = 0;
    raise_first(L, self);
    uint32_t mark = timed ? 0 : put_mark(self);
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
        if (has_letter(self)) return true;
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

/* What poll and wait say inside a callback. */
static int push_polling(lua_State *L)
{
    luaL_pushfail(L);
    lua_pushliteral(L, "already polling");
    return 2;
}

/* poll([budget_ms]): how many letters were handled, or nil, "already polling". */
static int client_poll(lua_State *L)
{
    tm_lua_client *self = check_open(L);
    lua_Number budget = check_milliseconds(L, 2, -1);
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

int tm_lua_client_state(lua_State *L)
{
    const tm_lua_client *self = check_client(L);
    lua_pushstring(L, !self->client   ? "closed"
                      : self->closing ? "closing"
                      : self->polling ? "polling"
                                      : "open");
    return 1;
}

/* wait([ms]): blocks until poll has something to do; false when the time is over before; false, "interrupted" when a signal
 * was handled before. In a callback, where poll has nothing to do whatever comes, nil, "already polling": it could wait for
 * ever, above all while the client closes. */
static int client_wait(lua_State *L)
{
    tm_lua_client *self = check_open(L);
    lua_Number timeout_ms = check_milliseconds(L, 2, -1);
    if (self->polling) return push_polling(L);
    bool interrupted, there = has_something(self, timeout_ms, &interrupted);
    lua_pushboolean(L, there);
    if (there || !interrupted) return 1;
    lua_pushliteral(L, "interrupted");
    return 2;
}

/* pollfd(), events(), timeout(): what an event loop asks, in the way of cqueues. */
static int client_pollfd(lua_State *L)
{
    tm_error err = {0, ""};
    int fd = tm_mailbox_fd(check_open(L)->mailbox, &err);
    if (fd < 0) return push_failure(L, TIM_ERR_PARAM, &err);
    lua_pushinteger(L, fd);
    return 1;
}

static int client_events(lua_State *L)
{
    check_open(L);
    lua_pushliteral(L, "r");
    return 1;
}

static int client_timeout(lua_State *L)
{
    tm_lua_client *self = check_open(L);
    if (!self->polling && has_something_now(self))
        lua_pushinteger(L, 0);
    else
        lua_pushnil(L);
    return 1;
}

/* ---- Closing ---- */

/* run(client): delivers what is in the mailbox of a closed tm_client. */
static int run_rest(lua_State *L)
{
    tm_lua_client *self = (tm_lua_client *)lua_touserdata(L, 1);
    uint32_t mark = put_mark(self);
    while (take_letter(self, mark))
        tm_callbacks_deliver(L, 1, &self->callbacks);
    return 0;
}

/* Raises the first error that a callback left to close, and forgets the others: no poll will come to raise them. */
static int raise_last(lua_State *L, tm_lua_client *self)
{
    if (!tm_callbacks_push_raised(L, 1, &self->callbacks)) return 0;
    while (tm_callbacks_push_raised(L, 1, &self->callbacks))
        lua_pop(L, 1);
    return lua_error(L);
}

/* `quiet`: raises nothing but lack of memory. */
static int close_client(lua_State *L, bool quiet)
{
    tm_lua_client *self = check_client(L);
    if (!self->client || self->closing) return 0;
    lua_settop(L, 1);
    lua_pushcfunction(L, run_rest);
    lua_pushvalue(L, 1);
    bool was_polling = self->polling;
    unsigned hush = tm_hush_get(L);
    self->polling = self->closing = true;
    tm_client_close(self->client);
    int status = lua_pcall(L, 1, 0, 0);
    self->polling = was_polling;
    self->closing = false;
    tm_hush_set(L, hush);
    tm_raised_forgive_no_more(L);
    if (status != LUA_OK) return lua_error(L); /* no memory: close again to go on */
    release(self);
    return quiet ? 0 : raise_last(L, self);
}

/* close(): also inside a callback; then what waits is delivered here and the poll under way finds nothing. */
static int client_close(lua_State *L)
{
    return close_client(L, false);
}

/* The end of a block, with the error that ended it, if one did. That one is to be seen, and not that of a callback which was
 * told that the client is closed. */
static int client_leave(lua_State *L)
{
    return close_client(L, !lua_isnoneornil(L, 2));
}

static int client_gc(lua_State *L)
{
    release(check_client(L));
    return 0;
}

/* ---- Handlers and state ---- */

/* on(event, handler): returns the handler, for off. */
static int client_on(lua_State *L)
{
    tm_lua_client *self = check_open(L);
    int event = tm_callbacks_check_event(L, 2);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    tm_callbacks_on(L, 1, &self->callbacks, event, 3);
    tm_client_want(self->client, tm_callbacks_wanted(L, 1));
    lua_settop(L, 3);
    return 1;
}

/* off(event, handler): whether it was there. */
static int client_off(lua_State *L)
{
    tm_lua_client *self = check_open(L);
    int event = tm_callbacks_check_event(L, 2);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    bool removed = tm_callbacks_off(L, 1, event, 3);
    tm_client_want(self->client, tm_callbacks_wanted(L, 1));
    lua_pushboolean(L, removed);
    return 1;
}

/* user(): the logged-in user, or nil. */
static int client_user(lua_State *L)
{
    char user[TM_USER_ID_SIZE];
    tm_client_user(check_open(L)->client, user);
    if (*user)
        lua_pushstring(L, user);
    else
        lua_pushnil(L);
    return 1;
}

static int client_tostring(lua_State *L)
{
    tm_lua_client *self = check_client(L);
    char user[TM_USER_ID_SIZE] = "";
    if (self->client) tm_client_user(self->client, user);
    const char *state = !self->client ? "closed" : self->closing ? "closing" : *user ? user : "not logged in";
    lua_pushfstring(L, "%s (%s): %p", type_name, state, (const void *)self);
    return 1;
}

/* ---- Calls ---- */

/* The method of the call whose kind is the upvalue: true, or nil, message, code. */
static int client_call(lua_State *L)
{
    tm_lua_client *self = check_open(L);
    tm_call_kind kind = (tm_call_kind)lua_tointeger(L, lua_upvalueindex(1));
    tm_argument_places places;
    tm_arguments_find(L, tm_call_type_of(kind), &places);
    tm_error err = {0, ""};
    unsigned hush = tm_hush_get(L);
    bool quiet = hush & TM_HUSH_LOG;
    int32_t code = tm_client_check_ready(self->client, kind, &err);
    if (code) return push_failure(L, tm_client_refuse(self->client, kind, quiet, code, &err), &err);

    bool untold = (hush & TM_HUSH_ERROR) && !places.callback;
    void *token = untold ? NULL : tm_callbacks_token(L, 1, kind, places.callback);
    tm_args args; /* nothing raises as long as these are ours */
    memset(&args, 0, sizeof args);
    args.quiet = quiet;
    code = tm_arguments_take(L, kind, &places, &args, &err);
    if (code) {
        tm_args_free(&args);
        tm_client_refuse(self->client, kind, quiet, code, &err);
    } else {
        code = tm_client_call(self->client, kind, &args, token, &err);
    }
    if (code) {
        tm_callbacks_forget(L, 1, token);
        return push_failure(L, code, &err);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* ---- Alarms ---- */

int tm_lua_client_set_alarm(lua_State *L)
{
    tm_lua_client *self = check_open(L);
    luaL_checktype(L, 2, LUA_TNUMBER);
    lua_Number ms = check_milliseconds(L, 2, 0);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    lua_settop(L, 3);
    tm_error err = {0, ""};
    tm_alarm_id id;
    void *token = tm_callbacks_token(L, 1, TM_CALL_LOGOUT, 3); /* one that brings nothing */
    int32_t code =
        tm_client_after(self->client, ms < 1e15 ? (uint64_t)ceil(ms) : UINT64_MAX, token, &id, &err);
    if (code) {
        tm_callbacks_forget(L, 1, token);
        return push_failure(L, code, &err);
    }
    lua_pushinteger(L, (lua_Integer)id.at);
    lua_pushinteger(L, (lua_Integer)id.serial);
    return 2;
}

int tm_lua_client_drop_alarm(lua_State *L)
{
    tm_lua_client *self = check_client(L);
    tm_alarm_id id = {(uint64_t)luaL_checkinteger(L, 2), (uint64_t)luaL_checkinteger(L, 3)};
    void *token;
    if (self->client && tm_client_never_mind(self->client, id, &token)) tm_callbacks_forget(L, 1, token);
    return 0;
}

/* after(ms, callback): callback(0, "") comes when the time is over, or callback(6222, desc) when the client is closed
 * before. True, or nil, message, code. */
static int client_after(lua_State *L)
{
    int count = tm_lua_client_set_alarm(L);
    if (count != 2) return count;
    lua_pushboolean(L, 1);
    return 1;
}

/* ---- Registration ---- */

static const luaL_Reg methods[] = {
    {"close", client_close},
    {"poll", client_poll},
    {"pollfd", client_pollfd},
    {"events", client_events},
    {"timeout", client_timeout},
    {"wait", client_wait},
    {"on", client_on},
    {"off", client_off},
    {"user", client_user},
    {"after", client_after},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__close", client_leave},
    {"__gc", client_gc},
    {"__tostring", client_tostring},
    {NULL, NULL},
};

/* __index: a method, or what the getter of that name returns. Upvalues: the methods, the getters. */
static int client_index(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    lua_settop(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) == LUA_TNIL) return 1;
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

void tm_lua_client_open(lua_State *L, int getters)
{
    getters = lua_absindex(L, getters);
    luaL_newmetatable(L, type_name);
    luaL_setfuncs(L, metamethods, 0);
    lua_pushliteral(L, "protected");
    lua_setfield(L, -2, "__metatable"); /* a __gc called by hand would free what is in use */
    luaL_newlib(L, methods);
    for (int kind = 0; kind < TM_CALL_COUNT; kind++) {
        lua_pushinteger(L, kind);
        lua_pushcclosure(L, client_call, 1);
        lua_setfield(L, -2, tm_call_type_of((tm_call_kind)kind)->lua_name);
    }
    lua_pushvalue(L, getters);
    lua_pushcclosure(L, client_index, 2);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
