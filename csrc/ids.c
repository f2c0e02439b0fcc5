/* Ids: see ids.h. */
#include "ids.h"

#include "include/TIMCloudDef.h"

#include <stddef.h>

static bool is_printable(const char *id, size_t max)
{
    size_t length = 0;
    if (!id) return false;
    for (; id[length]; length++)
        if (length >= max || id[length] < 0x20 || id[length] > 0x7e) return false;
    return length > 0;
}

bool tm_valid_user(const char *id)
{
    return is_printable(id, TM_MAX_USER_ID);
}

bool tm_valid_group(const char *id)
{
    return is_printable(id, TM_MAX_GROUP_ID);
}

bool tm_valid_conv(int32_t conv_type, const char *id)
{
    return conv_type == kTIMConv_C2C ? tm_valid_user(id) : conv_type == kTIMConv_Group && tm_valid_group(id);
}
