/* Hub groups: what the files that know of them share: hub_group.c (groups), hub_member.c (who comes and goes) and
 * hub_log.c. Worker thread, inside a transaction. */
#ifndef TM_HUB_GROUP_H
#define TM_HUB_GROUP_H

#include "group_json.h"
#include "hub_internal.h"

/* The kind of GroupReport that says that the group was deleted. */
#define HUB_REPORT_DELETED 5

typedef struct tm_hub_group_info {
    int64_t id, topic;
    char name[49];
    char *title; /* owned */
    int32_t type, add_option;
    int64_t max_members;
    int32_t role; /* the user's; -1: not a member */
} tm_hub_group_info;

/* ---- hub_group.c ---- */
/* Text of a row that another process may have written: U+FFFD for what is not UTF-8 (rule 7). Owned by the caller
 * (tm_free); NULL: memory is short. */
char *tm_hub_text(sqlite3_stmt *row, int column);
/* A value of an enum that goes from 0 to `most`; of what is none, `otherwise`. */
int32_t tm_hub_enum(sqlite3_stmt *row, int column, int32_t most, int32_t otherwise);
/* Finds a group. `as_member`: who is none gets 10007. out->title must be freed in every case. */
int32_t tm_hub_group_find(tm_hub *hub, const char *name, bool as_member, tm_hub_group_info *out,
                          tm_error *err);

/* ---- hub_member.c ---- */
/* The user's TIMGroupMemberRole in the group, -1 for none, -2 on failure. */
int32_t tm_hub_member_role(tm_hub *hub, const tm_hub_group_info *in, int64_t user_id, tm_error *err);
/* True if no more members fit; on failure too, which fills in *err. */
bool tm_hub_member_full(tm_hub *hub, const tm_hub_group_info *in, tm_error *err);
int32_t tm_hub_member_add(tm_hub *hub, const tm_hub_group_info *to, int64_t user_id, int32_t role,
                          tm_error *err);
int32_t tm_hub_member_end(tm_hub *hub, const tm_hub_group_info *in, int64_t user_id, uint64_t time,
                          tm_error *err);
/* The GroupTips message about `users` (an array of ids). `also`: users who are no members any more but must
 * hear of it; NULL: nobody. *time: the message's. */
int32_t tm_hub_member_tell(tm_hub *hub, const tm_hub_group_info *in, int tip, const cJSON *users,
                           const cJSON *also, uint64_t *time, tm_error *err);

/* The calls about members. */
int32_t tm_hub_member_join(tm_hub *hub, tm_op *op, tm_error *err);
int32_t tm_hub_member_quit(tm_hub *hub, tm_op *op, tm_error *err);
int32_t tm_hub_member_invite(tm_hub *hub, tm_op *op, tm_error *err);
int32_t tm_hub_member_remove(tm_hub *hub, tm_op *op, tm_error *err);
int32_t tm_hub_member_modify(tm_hub *hub, tm_op *op, tm_error *err);
int32_t tm_hub_member_list(tm_hub *hub, tm_op *op, tm_error *err);

#endif
