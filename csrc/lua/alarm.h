/* Alarm (Lua): callbacks that come when their time is there: what await's time limits and `after` are made of. The alarms
 * themselves are the core's (../alarm.h). On the thread of the Lua state. */
#ifndef TM_LUA_ALARM_H
#define TM_LUA_ALARM_H

#include "host.h"

/* after(ms, callback): callback(0, "") comes when the time is over, or callback(6222, desc) when the client is closed
 * before. True, or nil, message, code. */
int tm_lua_client_after(lua_State *L);

/* set_alarm(client, ms, callback): as the method after, but returns two integers that name the alarm; or nil, message, code. */
int tm_lua_client_set_alarm(lua_State *L);
/* drop_alarm(client, at, serial): if it has not rung yet it never will, and its callback is forgotten. */
int tm_lua_client_drop_alarm(lua_State *L);

#endif
