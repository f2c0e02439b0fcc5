/* Group JSON: see group_json.h. */
#include "group_json.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <string.h>

char *tm_tips_text(const tm_tips *tips)
{
    cJSON *elems = cJSON_CreateArray(), *elem = cJSON_CreateObject();
    bool ok = tm_json_append(elems, elem) && tm_json_add_int(elem, kTIMElemType, kTIMElem_GroupTips) &&
              tm_json_add_int(elem, kTIMGroupTipsElemTipType, tips->kind) &&
              tm_json_add_string(elem, kTIMGroupTipsElemOpUser, tips->actor) &&
              tm_json_add_string(elem, kTIMGroupTipsElemGroupId, tips->group) &&
              tm_json_add_string(elem, kTIMGroupTipsElemGroupName, tips->title) &&
              tm_json_add_uint(elem, kTIMGroupTipsElemTime, tips->time) &&
              tm_json_add_item(elem, kTIMGroupTipsElemUserArray, cJSON_Duplicate(tips->users, true)) &&
              tm_json_add_int(elem, kTIMGroupTipsElemMemberNum, tips->members) &&
              tm_json_add_item(elem, kTIMGroupTipsElemGroupChangeInfoArray, cJSON_CreateArray()) &&
              tm_json_add_item(elem, kTIMGroupTipsElemMemberChangeInfoArray, cJSON_CreateArray());
    char *text = ok ? tm_json_print(elems) : NULL;
    cJSON_Delete(elems);
    return text;
}

bool tm_add_member_info(cJSON *list, const char *user, uint64_t joined, int role, const char *name_card)
{
    cJSON *info = cJSON_CreateObject();
    return tm_json_append(list, info) && tm_json_add_string(info, kTIMGroupMemberInfoIdentifier, user) &&
           tm_json_add_uint(info, kTIMGroupMemberInfoJoinTime, joined) &&
           tm_json_add_int(info, kTIMGroupMemberInfoMemberRole, role) &&
           tm_json_add_int(info, kTIMGroupMemberInfoMsgFlag, 0) &&
           tm_json_add_int(info, kTIMGroupMemberInfoMsgSeq, 0) &&
           tm_json_add_int(info, kTIMGroupMemberInfoShutupTime, 0) &&
           tm_json_add_string(info, kTIMGroupMemberInfoNameCard, name_card) &&
           tm_json_add_item(info, kTIMGroupMemberInfoCustomInfo, cJSON_CreateObject());
}

bool tm_is_asked_for(const cJSON *ids, const char *id)
{
    const cJSON *asked;
    cJSON_ArrayForEach(asked, ids)
    {
        if (strcmp(asked->valuestring, id) == 0) return true;
    }
    return !ids;
}
