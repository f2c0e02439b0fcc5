/* XMPP info: what a room says of itself (disco#info): asked, read and written. See xmpp_session.h.
 *
 * What the API knows of a group and a room does not stands as JSON in the last line of the room's description, where
 * everybody can read it. */
#include "xmpp_session.h"

#include "include/TIMCloudDef.h"
#include "json.h"
#include "xmpp_jid.h"

#include <stdio.h>
#include <string.h>

#define MARK "timmsg:"
/* A question that is not answered in so long is asked again, then after twice that, and so on. */
#define FIRST_WAIT_MS 500
#define ATTEMPTS 6

/* ---- asking ---- */

typedef struct question {
    char group[TM_MAX_GROUP_ID + 1];
    tm_question_answer answer;
    void *argument;
    int attempts;
} question;

static void ask(tm_xmpp *x, question *of);

static void answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    question *of = argument;
    if (!answer && of->attempts < ATTEMPTS && tm_link_is_up(x->link)) {
        ask(x, of);
        return;
    }
    of->answer(x, of->argument, answer);
    tm_free(of);
}

static void ask(tm_xmpp *x, question *of)
{
    tm_stanza iq;
    char *jid = tm_jid_of(of->group, x->rooms ? x->rooms : "");
    tm_xmpp_iq(x, &iq, "get", jid ? jid : "");
    tm_stanza_add(&iq, NULL, "query", TM_NS_DISCO_INFO, NULL);
    tm_free(jid);
    uint32_t wait_ms = (uint32_t)FIRST_WAIT_MS << of->attempts++;
    tm_link_ask(x->link, tm_stanza_finish(&iq), wait_ms, answered, of);
}

void tm_info_ask(tm_xmpp *x, const char *group, tm_question_answer answer, void *argument)
{
    question *of = tm_calloc(1, sizeof *of);
    if (!of) {
        answer(x, argument, NULL);
        return;
    }
    snprintf(of->group, sizeof of->group, "%s", group);
    of->answer = answer;
    of->argument = argument;
    ask(x, of);
}

/* ---- reading ---- */

bool tm_info_has(xmpp_stanza_t *answer, const char *feature)
{
    xmpp_stanza_t *query = tm_stanza_child(answer, "query", TM_NS_DISCO_INFO);
    for (xmpp_stanza_t *at = query ? xmpp_stanza_get_children(query) : NULL; at;
         at = xmpp_stanza_get_next(at)) {
        const char *name = xmpp_stanza_get_name(at);
        if (name && strcmp(name, "feature") == 0 && strcmp(tm_stanza_attribute(at, "var"), feature) == 0)
            return true;
    }
    return false;
}

cJSON *tm_info_read(xmpp_stanza_t *answer)
{
    xmpp_stanza_t *query = tm_stanza_child(answer, "query", TM_NS_DISCO_INFO);
    xmpp_stanza_t *form = tm_stanza_child(query, "x", TM_NS_FORM);
    for (xmpp_stanza_t *at = form ? xmpp_stanza_get_children(form) : NULL; at;
         at = xmpp_stanza_get_next(at)) {
        if (strcmp(tm_stanza_attribute(at, "var"), "muc#roominfo_description") != 0) continue;
        char *text = tm_stanza_text(tm_stanza_child(at, "value", NULL));
        const char *mark = NULL;
        for (const char *next = text ? strstr(text, MARK) : NULL; next; next = strstr(next + 1, MARK))
            if (next == text || next[-1] == '\n') mark = next; /* there is none in JSON */
        cJSON *info = mark ? tm_json_parse(mark + strlen(MARK), strlen(mark + strlen(MARK)), 0, NULL) : NULL;
        tm_free(text);
        return info;
    }
    return NULL;
}

/* What tells the group from others of its id; "" if nothing does. Borrowed from `info`. */
static const char *born_of(const cJSON *info)
{
    const char *born = tm_json_get_string(info, "born", "");
    return strlen(born) < TM_LINK_ID ? born : "";
}

const char *tm_info_name(const cJSON *info, const char *group)
{
    const char *name = tm_json_get_string(info, "name", group);
    return strlen(name) <= TM_MAX_GROUP_NAME ? name : group;
}

void tm_info_note(tm_room *room, const cJSON *info)
{
    const char *name = info ? tm_info_name(info, room->group) : NULL;
    const char *owner = tm_json_get_string(info, "owner", "");
    snprintf(room->born, sizeof room->born, "%s", born_of(info));
    snprintf(room->owner, sizeof room->owner, "%s", tm_valid_user(owner) ? owner : "");
    room->max = tm_json_get_int(info, "max", 0);
    if (!name) return;
    tm_free(room->title);
    room->title = tm_strdup(name);
}

/* ---- writing ---- */

cJSON *tm_info_make(const cJSON *param, const char *owner)
{
    char born[TM_LINK_ID];
    tm_link_make_id(born);
    cJSON *info = cJSON_CreateObject();
    bool ok =
        tm_json_add_string(info, "owner", owner) && tm_json_add_string(info, "born", born) &&
        tm_json_add_string(info, "name", tm_json_get_string(param, kTIMCreateGroupParamGroupName, "")) &&
        tm_json_add_int(info, "type",
                        tm_json_get_int(param, kTIMCreateGroupParamGroupType, kTIMGroup_Public)) &&
        tm_json_add_int(info, "add",
                        tm_json_get_int(param, kTIMCreateGroupParamAddOption, kTIMGroupAddOpt_Any)) &&
        tm_json_add_int(info, "max", tm_json_get_int(param, kTIMCreateGroupParamMaxMemberCount, 0)) &&
        tm_json_add_string(info, "face", tm_json_get_string(param, kTIMCreateGroupParamFaceUrl, "")) &&
        tm_json_add_string(info, "notice", tm_json_get_string(param, kTIMCreateGroupParamNotification, ""));
    if (ok) return info;
    cJSON_Delete(info);
    return NULL;
}

char *tm_info_describe(const cJSON *info, const cJSON *param)
{
    char *json = info ? tm_json_print(info) : NULL;
    char *text = json ? tm_format("%s\n" MARK "%s",
                                  tm_json_get_string(param, kTIMCreateGroupParamIntroduction, ""), json)
                      : NULL;
    tm_free(json);
    return text;
}
