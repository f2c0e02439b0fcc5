/* XMPP item: writing the messages that go out. See xmpp_item.h. */
#include "xmpp_item.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- text that XML can hold ---- */

/* U+FFFE or U+FFFF at `at`: three bytes. */
static bool is_noncharacter(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;
    return byte[0] == 0xef && byte[1] == 0xbf && (byte[2] == 0xbe || byte[2] == 0xbf);
}

/* A copy of JSON text with what XML cannot hold spelled as JSON does. Owned by the caller. */
static char *json_for_xml(const char *text)
{
    char *copy = tm_malloc(2 * strlen(text) + 1), *to = copy;
    while (copy && *text) {
        if (is_noncharacter(text)) {
            to += sprintf(to, "\\uff%s", (unsigned char)text[2] == 0xbe ? "fe" : "ff");
            text += 3;
        } else {
            *to++ = *text++;
        }
    }
    if (copy) *to = '\0';
    return copy;
}

/* ---- what other clients show ---- */

static const char *url_of(const cJSON *elem)
{
    static const char *const keys[] = {kTIMImageElemOrigUrl, kTIMSoundElemUrl, kTIMFileElemUrl,
                                       kTIMVideoElemVideoUrl};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *url = tm_json_get_string(elem, keys[i], "");
        if (*url) return url;
    }
    return "";
}

/* Names in a sentence. More of them say nothing to anybody: 500 may be invited at once. */
#define MAX_NAMES 5

/* "bob, carol and 3 more". Owned by the caller. */
static char *list_names(const cJSON *users)
{
    char *list = tm_strdup("");
    int count = 0;
    const cJSON *user;
    cJSON_ArrayForEach(user, users)
    {
        if (!list || count++ == MAX_NAMES) break;
        char *longer = tm_format("%s%s%s", list, *list ? ", " : "", user->valuestring);
        tm_free(list);
        list = longer;
    }
    int more = cJSON_GetArraySize(users) - MAX_NAMES;
    if (!list || more <= 0) return list;
    char *all = tm_format("%s and %d more", list, more);
    tm_free(list);
    return all;
}

/* GroupTips as a sentence. Owned by the caller. */
static char *describe_tips(const cJSON *elem)
{
    enum { JOINED = 1, QUIT = 2, REMOVED = 3 }; /* the tip types of the API */
    const cJSON *users = tm_json_get(elem, kTIMGroupTipsElemUserArray);
    const char *actor = tm_json_get_string(elem, kTIMGroupTipsElemOpUser, "");
    int64_t type = tm_json_get_int(elem, kTIMGroupTipsElemTipType, 0);
    bool himself = users && users->child && !users->child->next && cJSON_IsString(users->child) &&
                   strcmp(users->child->valuestring, actor) == 0;
    if (type == JOINED && himself) return tm_format("%s joined", actor);
    if (type == QUIT) return tm_format("%s left", actor);
    if (type != JOINED && type != REMOVED) return tm_strdup("[group notice]");
    char *names = list_names(users);
    char *sentence =
        names ? tm_format("%s %s %s", actor, type == JOINED ? "invited" : "removed", names) : NULL;
    tm_free(names);
    return sentence;
}

/* What an element is for somebody who cannot see it. Owned by the caller. */
static char *describe(const cJSON *elem)
{
    const char *url = url_of(elem);
    if (*url) return tm_strdup(url);
    switch (tm_json_get_int(elem, kTIMElemType, -1)) {
    case kTIMElem_Text: return tm_strdup(tm_json_get_string(elem, kTIMTextElemContent, ""));
    case kTIMElem_Face: return tm_format("[face %" PRId64 "]", tm_json_get_int(elem, kTIMFaceElemIndex, 0));
    case kTIMElem_Location:
        return tm_format("[location] %s", tm_json_get_string(elem, kTIMLocationElemDesc, ""));
    case kTIMElem_Custom: return tm_strdup("[custom]");
    case kTIMElem_GroupTips: return describe_tips(elem);
    default: return tm_strdup("[message]");
    }
}

/* The body, and in *url the only element's url ("" if there is not just one with a url; owned by the caller). */
static char *body_of(const char *elems, char **url)
{
    cJSON *tree = tm_json_parse_own(elems, strlen(elems), NULL);
    const cJSON *elem;
    char *body = tree ? tm_strdup("") : NULL;
    *url = tm_strdup(cJSON_GetArraySize(tree) == 1 ? url_of(tree->child) : "");
    cJSON_ArrayForEach(elem, tree)
    {
        char *line = describe(elem);
        char *longer = body && line ? tm_format("%s%s%s", body, *body ? "\n" : "", line) : NULL;
        tm_free(line);
        tm_free(body);
        body = longer;
    }
    cJSON_Delete(tree);
    return body;
}

/* ---- messages ---- */

static char *json_of(const tm_message *message)
{
    cJSON *tree = cJSON_CreateObject();
    cJSON *elems = tm_json_parse_own(message->elems, strlen(message->elems), NULL);
    bool ok = tm_json_add_item(tree, kTIMMsgElemArray, elems) &&
              tm_json_add_int(tree, kTIMMsgPriority, message->priority);
    if (ok && message->is_online) /* it has no id that would say it */
        ok = tm_json_add_int(tree, kTIMMsgConvType, message->conv_type) &&
             tm_json_add_string(tree, kTIMMsgConvId, message->conv_id) &&
             tm_json_add_uint(tree, kTIMMsgSeq, message->seq) &&
             tm_json_add_uint(tree, kTIMMsgRand, message->rand) &&
             tm_json_add_uint(tree, kTIMMsgClientTime, message->client_time);
    char *text = ok ? tm_json_print(tree) : NULL;
    char *clean = text ? json_for_xml(text) : NULL;
    cJSON_Delete(tree);
    tm_free(text);
    return clean;
}

static void hint(tm_stanza *stanza, const char *name)
{
    tm_stanza_add(stanza, NULL, name, TM_NS_HINTS, NULL);
}

void tm_item_write_message(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *to, const tm_message *message,
                           const char *id, bool receipt)
{
    bool group = message->conv_type == kTIMConv_Group;
    char *url, *body = body_of(message->elems, &url), *json = json_of(message);
    tm_stanza_begin(stanza, ctx, "message", to,
                    group                ? "groupchat"
                    : message->is_online ? "headline"
                                         : "chat",
                    id);
    if (!body || !json || !url) stanza->failed = true;
    if (!stanza->failed) {
        tm_stanza_add(stanza, NULL, "body", NULL, body);
        tm_stanza_add(stanza, NULL, "json", TM_NS_JSON, json);
        xmpp_stanza_t *origin = tm_stanza_add(stanza, NULL, "origin-id", TM_NS_SID, NULL);
        tm_stanza_set(stanza, origin, "id", id);
        if (*url) {
            xmpp_stanza_t *oob = tm_stanza_add(stanza, NULL, "x", TM_NS_OOB, NULL);
            tm_stanza_add(stanza, oob, "url", NULL, url);
        }
        if (message->is_online)
            hint(stanza, "no-store");
        else if (!group)
            tm_stanza_add(stanza, NULL, "markable", TM_NS_MARKERS, NULL);
        if (receipt) tm_stanza_add(stanza, NULL, "request", TM_NS_RECEIPTS, NULL);
    }
    tm_free(body);
    tm_free(json);
    tm_free(url);
}

void tm_item_write_tips(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *room, const char *elems,
                        const char *id)
{
    tm_message message = {
        .conv_type = kTIMConv_Group, .priority = kTIMMsgPriority_Normal, .elems = (char *)(uintptr_t)elems};
    tm_item_write_message(stanza, ctx, room, &message, id, false);
}

void tm_item_write_retract(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *to, const char *author,
                           const char *id, const char *target)
{
    tm_stanza_begin(stanza, ctx, "message", to, author ? "groupchat" : "chat", id);
    xmpp_stanza_t *apply = tm_stanza_add(stanza, NULL, "apply-to", TM_NS_FASTEN, NULL);
    tm_stanza_set(stanza, apply, "id", target);
    tm_stanza_add(stanza, apply, "retract", TM_NS_RETRACT, NULL);
    if (author)
        tm_stanza_set(stanza, tm_stanza_add(stanza, NULL, "meant", TM_NS_TIMMSG, NULL), "author", author);
    xmpp_stanza_t *origin = tm_stanza_add(stanza, NULL, "origin-id", TM_NS_SID, NULL);
    tm_stanza_set(stanza, origin, "id", id);
    hint(stanza, "store");
}

void tm_item_write_invitation(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *to, const char *id,
                              const char *room, const char *born)
{
    tm_stanza_begin(stanza, ctx, "message", to, "normal", id);
    xmpp_stanza_t *x = tm_stanza_add(stanza, NULL, "x", TM_NS_CONFERENCE, NULL);
    tm_stanza_set(stanza, x, "jid", room);
    if (*born) tm_stanza_set(stanza, tm_stanza_add(stanza, NULL, "group", TM_NS_TIMMSG, NULL), "born", born);
    tm_stanza_add(stanza, NULL, "body", NULL, "You are invited into a group.");
    hint(stanza, "store");
}

void tm_item_write_displayed(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *to, const char *id,
                             const char *target)
{
    tm_stanza_begin(stanza, ctx, "message", to, "chat", id);
    xmpp_stanza_t *displayed = tm_stanza_add(stanza, NULL, "displayed", TM_NS_MARKERS, NULL);
    tm_stanza_set(stanza, displayed, "id", target);
    hint(stanza, "store");
}

void tm_item_write_received(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *to, const char *id,
                            const char *const *targets, size_t count)
{
    tm_stanza_begin(stanza, ctx, "message", to, "chat", id);
    for (size_t i = 0; i < count; i++) {
        xmpp_stanza_t *received = tm_stanza_add(stanza, NULL, "received", TM_NS_RECEIPTS, NULL);
        tm_stanza_set(stanza, received, "id", targets[i]);
    }
    hint(stanza, "store");
}
