/* Host: the Lua headers and the core's, for the files of this directory. They are C, and C++ too: a host that
 * builds Lua as C++ compiles them so, and the core stays C. */
#ifndef TM_LUA_HOST_H
#define TM_LUA_HOST_H

#include <lauxlib.h>
#include <lua.h>

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#include "../alarm.h"
#include "../call.h"
#include "../call_check.h"
#include "../client.h"
#include "../fault.h"
#include "../include/TIMCloudDef.h"
#include "../json.h"
#include "../json_internal.h"
#include "../json_out.h"
#include "../mailbox.h"
#include "../mem.h"
#include "../schema.h"
#include "../world.h"
#ifdef __cplusplus
}
#endif

#endif
