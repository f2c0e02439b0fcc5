/* Raised: calls that catch an error together with its traceback. Stack effects as in value.h. On the thread
 * that polls. */
#ifndef TM_LUA_RAISED_H
#define TM_LUA_RAISED_H

#include "host.h"

/* Once a Lua state, before the others. [-0, +0, m] */
void tm_raised_open(lua_State *L);

/* Calls the function below the `count` arguments on top. True, or false and pushed are the error, unchanged,
 * and its traceback (nil: memory was too short for one). [-(count + 1), +(0|2), m] */
bool tm_raised_call(lua_State *L, int count);

/* raise(err, traceback): raises `err` so that tm_raised_call gives this traceback, not one of the place that
 * calls this. What this raised before goes on with the traceback it has. For callbacks that resume a coroutine. [v] */
int tm_raised_raise(lua_State *L);

/* forgive(err): until the closes that run have ended, this text is no error to tell anybody of: it ends what waits
 * again while its client closes. [m] */
int tm_raised_forgive(lua_State *L);
/* Whether the error at `index` is forgiven. [-0, +0, -] */
bool tm_raised_is_forgiven(lua_State *L, int index);
/* Around a close. With the end of the outermost all forgiving ends. [-0, +0, -] */
void tm_raised_begin_close(lua_State *L);
void tm_raised_end_close(lua_State *L);

#endif
