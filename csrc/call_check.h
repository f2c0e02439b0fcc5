/* Call check: what is wrong with a call's arguments (rule 1). Any thread. */
#ifndef TM_CALL_CHECK_H
#define TM_CALL_CHECK_H

#include "client.h"

/* 0, or the TIMResult with the argument's or key's path in the sentence. `base` is the number of an
 * array's first entry in paths (0 for C, 1 for Lua). Looks at the arguments alone, not at the client's
 * state. */
int32_t tm_check_args(tm_call_kind kind, const tm_args *args, int base, tm_error *err);
/* The conversation type alone, as wide as it was given. */
int32_t tm_check_conv_type(int64_t conv_type, tm_error *err);

#endif
