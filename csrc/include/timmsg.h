/*
 * timmsg.h: what this library adds to the TIM C API. For C99 and later, and C++98 and later.
 */
#ifndef TIMMSG_H
#define TIMMSG_H

#include "TIMCloud.h"

struct lua_State;

/**
 * The sentence of the last refused call on this thread: what was wrong with it and where.
 * Returns: a UTF-8 string, never null, "" if none was refused yet or a call was taken since; borrowed
 *          until the next TIM call on this thread.
 * Thread:  any; one text a thread.
 * Rules:   1.
 */
TIM_DECL const char *timmsg_last_error(void);

/**
 * Opens the Lua module timmsg.core: leaves its table on the stack of L and returns 1, as Lua's loader wants
 * it. A host without dynamic loading calls
 *     luaL_requiref(L, "timmsg.core", luaopen_timmsg_core, 0);
 * It is in the static library and in the Lua module, not in the shared library.
 * Thread:  the one that L runs on.
 */
TIM_DECL int luaopen_timmsg_core(struct lua_State *L);

#endif
