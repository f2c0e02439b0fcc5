/* Fuzz target: XMPP messages as a hostile peer, or server, might write them. An input is a program that builds one, out of
 * what our own stanzas are made of and of any text, and says who reads it and where. */
#include "stage.h"

#ifdef TM_WITHOUT_XMPP
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
    return 0;
}
#else
#include "include/TIMCloudDef.h"
#include "json.h"
#include "mem.h"
#include "peer.h"
#include "schema.h"
#include "xmpp_item.h"

#include <stdlib.h>
#include <string.h>

#define MOST_CHILDREN 12
#define MOST_TEXT 16000
#define STAMP UINT64_C(1767323045678901)

static const char *const names[] = {
    "body",     "json",      "x",        "item",    "stanza-id", "origin-id", "delay",   "retract",
    "apply-to", "displayed", "received", "request", "markable",  "retracted", "subject", "fastened",
    "message",  "forwarded", "event",    "items",   "url",       "invite"};
static const char *const spaces[] = {TM_NS_MAM,        TM_NS_FORWARD,   TM_NS_DELAY,    TM_NS_SID,
                                     TM_NS_HINTS,      TM_NS_RECEIPTS,  TM_NS_MARKERS,  TM_NS_FASTEN,
                                     TM_NS_RETRACT,    TM_NS_JSON,      TM_NS_OOB,      TM_NS_MUC,
                                     TM_NS_MUC_USER,   TM_NS_TIMMSG,    TM_NS_STANZAS,  TM_NS_PUBSUB,
                                     TM_NS_CONFERENCE, TM_NS_BOOKMARKS, "jabber:client"};
static const char *const attributes[] = {"id",          "by",   "from",  "to",   "type", "jid",
                                         "affiliation", "nick", "stamp", "role", "code"};
static const char *const values[] = {"bob@im.test",
                                     "alice@im.test/phone",
                                     "\\54eam@rooms.im.test",
                                     "\\54eam@rooms.im.test/alice",
                                     "\\54eam@rooms.im.test/bob",
                                     "other@rooms.im.test",
                                     "eve@elsewhere.test",
                                     "\\40\\54\\49\\4d#\\53\\59\\53\\54\\45\\4d@im.test",
                                     "member",
                                     "owner",
                                     "none",
                                     "chat",
                                     "groupchat",
                                     "error",
                                     "headline",
                                     "normal",
                                     "tm-1-2-69577f25",
                                     "tm-ffffffff-ffffffff-1",
                                     "2026-01-02T03:04:05Z",
                                     ""};
static const char *const texts[] = {
    "hello",
    "{\"message_elem_array\":[{\"elem_type\":0,\"text_elem_content\":\"hello\"}],\"message_priority\":1}",
    "{\"message_elem_array\":[{\"elem_type\":4,\"file_elem_file_name\":\"a.txt\",\"file_elem_file_size\":3,"
    "\"file_elem_url\":\"http://files.test/a\"}],\"message_priority\":1}",
    "{\"message_elem_array\":[{\"elem_type\":8,\"group_tips_elem_tip_type\":1,\"group_tips_elem_group_id\":"
    "\"Team\","
    "\"group_tips_elem_op_user\":\"alice\",\"group_tips_elem_user_array\":[\"alice\"]}]}",
    "{\"message_seq\":7,\"message_rand\":9,\"message_conv_id\":\"alice\",\"message_conv_type\":1,\"message_"
    "elem_array\":"
    "[{\"elem_type\":0,\"text_elem_content\":\"x\"}]}"};

#define PICK(list, from) ((list)[bytes_one(from) % (sizeof(list) / sizeof *(list))])

/* One of those, or any text: freed with free. */
static char *value_of(bytes *from)
{
    unsigned kind = bytes_one(from);
    if (kind % 4 == 0) return bytes_text(from, MOST_TEXT);
    return strdup(kind % 4 == 1 ? PICK(texts, from) : PICK(values, from));
}

static xmpp_stanza_t *build(xmpp_ctx_t *ctx, bytes *from)
{
    tm_stanza made;
    xmpp_stanza_t *last = NULL;
    tm_stanza_begin(&made, ctx, "message", PICK(values, from), PICK(values, from), PICK(values, from));
    tm_stanza_set(&made, made.root, "from", PICK(values, from));
    for (unsigned left = bytes_one(from) % MOST_CHILDREN; left; left--) {
        unsigned shape = bytes_one(from);
        char *text = shape & 1 ? value_of(from) : NULL;
        xmpp_stanza_t *parent =
            shape & 2 ? last : NULL; /* of a child with text none: XML may not mix them here */
        xmpp_stanza_t *child =
            tm_stanza_add(&made, parent, PICK(names, from), shape & 4 ? NULL : PICK(spaces, from), text);
        free(text);
        for (unsigned more = shape >> 4 & 3; more && child; more--) {
            char *value = value_of(from);
            tm_stanza_set(&made, child, PICK(attributes, from), value);
            free(value);
        }
        if (!(shape & 1)) last = child;
    }
    return tm_stanza_finish(&made);
}

/* As it comes over a connection. NULL: it never does, since it is no XML. */
static xmpp_stanza_t *travel(xmpp_ctx_t *ctx, xmpp_stanza_t *message)
{
    char *text;
    size_t length;
    if (!message || xmpp_stanza_to_text(message, &text, &length)) stage_wrong("a stanza was not built");
    xmpp_stanza_release(message);
    message = xmpp_stanza_new_from_string(ctx, text);
    xmpp_free(ctx, text);
    return message;
}

static void check_text(const char *text)
{
    if (text && !tm_utf8_valid(text, strlen(text), NULL)) stage_wrong("a text is not UTF-8");
}

/* What is taken over is what a caller could have sent. */
static void check(const tm_item *item)
{
    tm_error err = {0};
    check_text(item->id);
    check_text(item->target);
    for (size_t i = 0; i < item->target_count; i++)
        check_text(item->targets[i]);
    if (!item->id || !*item->id) stage_wrong("an item without id");
    bool speaks = item->kind == TM_ITEM_MESSAGE || item->kind == TM_ITEM_TIPS;
    if (!speaks) return;
    cJSON *message = cJSON_CreateObject(), *elems = tm_json_parse_own(item->elems, strlen(item->elems), &err);
    if (!elems || !tm_json_add_item(message, kTIMMsgElemArray, elems)) stage_wrong("elements are not JSON");
    bool tips = item->kind == TM_ITEM_TIPS;
    if (tm_schema_check(&tm_schema_message, false, tips ? TM_CHECK_STORE : TM_CHECK_SENT, message, 0, &err))
        stage_wrong(err.text);
    if (!tips && tm_peer_has_tips(elems)) stage_wrong("a user's GroupTips");
    if (!tm_valid_user(item->actor) || !tm_valid_conv(item->conv_type, item->conv_id))
        stage_wrong("an id is none");
    stage_check_tree(message);
    cJSON_Delete(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static xmpp_ctx_t *ctx;
    static const tm_item_reader readers[] = {{"bob", "im.test", "rooms.im.test", NULL},
                                             {"bob", "im.test", "rooms.im.test", "Team"},
                                             {"bob", "im.test", "", NULL},
                                             {"bob", "im.test", NULL, NULL}};
    bytes from = {data, data + size};
    tm_error err = {0};
    tm_item item;
    if (!ctx && !(ctx = xmpp_ctx_new(NULL, NULL))) stage_wrong("no context");
    unsigned how = bytes_one(&from);
    xmpp_stanza_t *message = travel(ctx, build(ctx, &from));
    if (!message) return 0;
    int32_t code =
        how & 4 ? tm_item_read_online(message, "bob", how & 8 ? kTIMConv_Group : kTIMConv_C2C,
                                      how & 8 ? "Team" : "alice", how & 16 ? "alice" : "bob", &item, &err)
                : tm_item_read(&readers[how % (sizeof readers / sizeof *readers)], message, "archive-1",
                               STAMP, &item, &err);
    if (code) stage_wrong(err.text);
    if (item.kind != TM_ITEM_NOTHING) check(&item);
    tm_item_clear(&item);
    xmpp_stanza_release(message);
    return 0;
}
#endif
