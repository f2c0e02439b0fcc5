/* Ids: what names a user, a group, a conversation (rule 9). Any thread. */
#ifndef TM_IDS_H
#define TM_IDS_H

#include <stdbool.h>
#include <stdint.h>

#define TM_MAX_USER_ID 32
#define TM_MAX_GROUP_ID 48
/* GroupTips carry the name beside up to 500 user ids: see MAX_TEXT in peer.c. */
#define TM_MAX_GROUP_NAME 12288

/* 1 to 32 bytes (48 for a group) of 0x20 to 0x7e. NULL is not valid. */
bool tm_valid_user(const char *id);
bool tm_valid_group(const char *id);
/* By TIMConvType: C2C or Group; no other type is valid. */
bool tm_valid_conv(int32_t conv_type, const char *id);

#endif
