/* Peer: see peer.h. */
#include "peer.h"

#include "include/TIMCloudDef.h"
#include "json.h"
#include "message.h"
#include "schema.h"

#include <stdlib.h>
#include <string.h>

/* More than any message that a library wrote: GroupTips about 500 users in a group of a long name are the
 * longest. */
#define MAX_TEXT 131072

/* Rule 7: `\u0000` and halves of surrogate pairs, which JSON can spell and a string cannot hold, become
 * U+FFFD. */
static void repair_escapes(char *text)
{
    for (char *at = text; *at; at++) {
        if (*at != '\\') continue;
        at++;
        if (!*at) return;
        if (*at != 'u' || strspn(at + 1, "0123456789abcdefABCDEF") < 4) continue;
        char digits[5] = {at[1], at[2], at[3], at[4], 0};
        unsigned long unit = strtoul(digits, NULL, 16), low = 0;
        if (unit >= 0xd800 && unit < 0xdc00 && at[5] == '\\' && at[6] == 'u') {
            char next[5] = {0};
            strncpy(next, at + 7, 4);
            low = strtoul(next, NULL, 16);
        }
        if (low >= 0xdc00 && low < 0xe000)
            at += 6; /* a whole pair */
        else if (unit == 0 || (unit >= 0xd800 && unit < 0xe000))
            memcpy(at + 1, "fffd", 4);
        at += 4;
    }
}

cJSON *tm_peer_parse(const char *text, size_t length, tm_error *err)
{
    tm_error local = {0};
    if (length > MAX_TEXT) {
        tm_fail(err, TIM_ERR_JSON, "%zu bytes", length);
        return NULL;
    }
    char *repaired = tm_utf8_repair(text, length);
    if (repaired) repair_escapes(repaired);
    cJSON *tree = repaired ? tm_json_parse(repaired, strlen(repaired), 0, &local) : NULL;
    tm_free(repaired);
    if (tree) return tree;
    if (local.code == TIM_ERR_JSON)
        tm_fail(err, local.code, "%s", local.text);
    else
        tm_fail_memory(err);
    return NULL;
}

bool tm_peer_has_tips(const cJSON *elems)
{
    const cJSON *elem;
    cJSON_ArrayForEach(elem, elems)
    {
        int64_t type = tm_json_get_int(elem, kTIMElemType, -1);
        if (type == kTIMElem_GroupTips || type == kTIMElem_GroupReport) return true;
    }
    return false;
}

/* Tip types: 1 invited or joined, 2 quit, 3 removed. They are about somebody, and nobody quits for another. */
static bool may_tell(const cJSON *tips, const char *actor)
{
    int64_t type = tm_json_get_int(tips, kTIMGroupTipsElemTipType, 0);
    const cJSON *users = tm_json_get(tips, kTIMGroupTipsElemUserArray), *user;
    cJSON_ArrayForEach(user, users)
    {
        if (type == 2 && (!cJSON_IsString(user) || strcmp(user->valuestring, actor) != 0)) return false;
    }
    return users && users->child && type >= 1 && type <= 3;
}

bool tm_peer_is_tips(const cJSON *elems, const char *actor, const char *group)
{
    const cJSON *elem = elems->child;
    return elem && !elem->next && tm_json_get_int(elem, kTIMElemType, -1) == kTIMElem_GroupTips &&
           strcmp(tm_json_get_string(elem, kTIMGroupTipsElemOpUser, ""), actor) == 0 &&
           strcmp(tm_json_get_string(elem, kTIMGroupTipsElemGroupId, ""), group) == 0 &&
           may_tell(elem, actor);
}

char *tm_peer_elems(const cJSON *elems, bool tips, tm_error *err)
{
    tm_error local = {0};
    cJSON *message = cJSON_CreateObject();
    char *text = NULL;
    if (!tm_json_add_item(message, kTIMMsgElemArray, cJSON_Duplicate(elems, true))) {
        cJSON_Delete(message);
        tm_fail_memory(err);
        return NULL;
    }
    if (tm_schema_check(&tm_schema_message, false, tips ? TM_CHECK_STORE : TM_CHECK_SENT, message, 0,
                        &local)) {
        /* whatever is wrong with it, out of range too: one code for what must be left out */
        tm_fail(err, TIM_ERR_JSON, "%s", local.text);
    } else {
        text = tm_schema_print_elems(elems, TM_LOCAL);
        if (!text) tm_fail_memory(err);
    }
    if (text && !tips && strlen(text) > TM_MESSAGE_MAX_ELEMS) {
        tm_fail(err, TIM_ERR_JSON, "%s: more than %d bytes", kTIMMsgElemArray, TM_MESSAGE_MAX_ELEMS);
        tm_free(text);
        text = NULL;
    }
    cJSON_Delete(message);
    return text;
}
