/* Option: from the options of timmsg.new to an SdkConfig. On the thread of the Lua state. */
#ifndef TM_LUA_OPTION_H
#define TM_LUA_OPTION_H

#include "host.h"

/* Pushes a new table of the SdkConfig keys that the options at index 1 give, and checks the others
 * (sdk_app_id, log_level) too. Raises an argument error for a wrong type and for an option that there is none
 * of, and for an empty table with a metatable, so that a slip of the pen doesn't choose a default. [-0, +1, v] */
void tm_options_push(lua_State *L);

#endif
