/* Group JSON: what every backend writes of groups and members, as the API has it (rule 42). */
#ifndef TM_GROUP_JSON_H
#define TM_GROUP_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* Kinds of GroupTips. */
enum { TM_TIP_JOINED = 1, TM_TIP_QUIT = 2, TM_TIP_REMOVED = 3 };

/* What GroupTips say; all borrowed. */
typedef struct tm_tips {
    int kind;
    const char *actor, *group, *title;
    const cJSON *users; /* an array of ids */
    uint64_t time;      /* Unix seconds */
    int64_t members;    /* how many the group has now */
} tm_tips;

/* The element array of a message that says so, as text. Owned by the caller (tm_free); NULL: memory is short. */
char *tm_tips_text(const tm_tips *tips);

/* Adds a GroupMemberInfo to an array. False: memory is short. */
bool tm_add_member_info(cJSON *list, const char *user, uint64_t joined, int role, const char *name_card);
/* Whether an array of ids has this one; NULL asks for all. */
bool tm_is_asked_for(const cJSON *ids, const char *id);

#endif
