/* XMPP group, listed: those that the user is in, and what their rooms say of them (rule 42). See xmpp_group.h. */
#include "xmpp_group.h"

#include "include/TIMCloudDef.h"
#include "json.h"

/* So many rooms are asked at a time what they are. */
#define LISTED_AT_A_TIME 16

/* A room that is asked what it is: its place in the list. */
typedef struct list_question {
    void *task; /* its number */
    int at;
} list_question;

static void list_more(tm_xmpp *x, void *number);

static cJSON *list_entry(const char *group, xmpp_stanza_t *answer)
{
    cJSON *info = tm_info_read(answer), *entry = cJSON_CreateObject();
    bool ok =
        tm_json_add_string(entry, kTIMGroupBaseInfoGroupId, group) &&
        tm_json_add_string(entry, kTIMGroupBaseInfoGroupName, tm_info_name(info, group)) &&
        tm_json_add_int(entry, kTIMGroupBaseInfoGroupType, tm_json_get_int(info, "type", kTIMGroup_Public)) &&
        tm_json_add_string(entry, kTIMGroupBaseInfoFaceUrl, tm_json_get_string(info, "face", "")) &&
        tm_json_add_uint(entry, kTIMGroupBaseInfoLastestSeq, 0);
    cJSON_Delete(info);
    if (ok) return entry;
    cJSON_Delete(entry);
    return NULL;
}

static void info_came(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    list_question *asked = argument;
    void *number = asked->task;
    int at = asked->at;
    tm_free(asked);
    tm_task *task = tm_xmpp_find(x, number);
    if (!task) return;
    if (!answer) { /* the connection is gone, say: nobody knows what the group is */
        tm_xmpp_fail_by_answer(x, task, NULL);
        return;
    }
    tm_group_state *of = task->state;
    cJSON *entry = list_entry(cJSON_GetArrayItem(of->names, at)->valuestring, answer);
    of->asked--;
    if (entry && cJSON_ReplaceItemInArray(task->op.result, at, entry)) {
        list_more(x, number);
    } else {
        cJSON_Delete(entry);
        tm_xmpp_fail_memory(x, task);
    }
}

/* Asks as many as may be asked at a time. What cannot be asked is answered at once, and may end the task. */
static void list_more(tm_xmpp *x, void *number)
{
    tm_task *task;
    while ((task = tm_xmpp_find(x, number))) {
        tm_group_state *of = task->state;
        const cJSON *name = cJSON_GetArrayItem(of->names, of->at);
        if (!name && !of->asked) tm_xmpp_answer(x, task);
        if (!name || of->asked >= LISTED_AT_A_TIME) return;
        list_question *question = tm_calloc(1, sizeof *question);
        if (!question || !tm_json_append(task->op.result, cJSON_CreateNull())) {
            tm_free(question);
            tm_xmpp_fail_memory(x, task);
            return;
        }
        question->task = number;
        question->at = of->at++;
        of->asked++;
        tm_info_ask(x, name->valuestring, info_came, question);
    }
}

static void add_name(void *argument, const char *group, uint64_t since)
{
    (void)since;
    tm_json_append(argument, cJSON_CreateString(group));
}

void tm_group_list(tm_xmpp *x, tm_task *task)
{
    tm_error err = {0};
    tm_group_state *of = tm_group_new_state(x, task, "");
    if (!of) return;
    of->names = cJSON_CreateArray();
    task->op.result = cJSON_CreateArray();
    if (!of->names || !task->op.result || tm_mirror_groups(x->mirror, add_name, of->names, &err))
        tm_xmpp_fail(x, task, err.code ? err.code : ERR_OUT_OF_MEMORY, err.code ? err.text : "out of memory");
    else
        list_more(x, tm_xmpp_number(task));
}
