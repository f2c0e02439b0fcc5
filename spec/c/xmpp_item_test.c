/* XMPP item: what is written is read again, what other clients write is understood, and what is forged is not
 * believed. */
#ifdef TM_WITHOUT_XMPP
int main(void)
{
    return 0;
}
#else
#include "xmpp_item.h"

#include "include/TIMCloudDef.h"
#include "json.h"
#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STAMP UINT64_C(1767323045678901)

static xmpp_ctx_t *ctx;

/* Bob reads his own archive, or the one of the group "Team". */
static const tm_item_reader own = {"bob", "im.test", "rooms.im.test", NULL};
static const tm_item_reader team = {"bob", "im.test", "rooms.im.test", "Team"};

#define ROOM "\\54eam@rooms.im.test"
#define REAL(jid, affiliation)                                                                               \
    "<x xmlns='http://jabber.org/protocol/muc#user'><item jid='" jid "' affiliation='" affiliation "'/></x>"
#define JSON(elems)                                                                                          \
    "<json xmlns='urn:xmpp:json:0'>{\"message_elem_array\":" elems ",\"message_priority\":1}</json>"
#define TEXT(text) "[{\"elem_type\":0,\"text_elem_content\":\"" text "\"}]"

static int start(void **state)
{
    (void)state;
    ctx = xmpp_ctx_new(NULL, NULL);
    return ctx ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    xmpp_ctx_free(ctx);
    return 0;
}

static tm_item read_text(const tm_item_reader *reader, const char *text)
{
    tm_error err = {0};
    tm_item item;
    xmpp_stanza_t *message = xmpp_stanza_new_from_string(ctx, text);
    if (!message) fail_msg("no XML: %s", text);
    assert_int_equal(tm_item_read(reader, message, "archive-1", STAMP, &item, &err), 0);
    xmpp_stanza_release(message);
    assert_string_equal(item.archive_id, "archive-1");
    assert_int_equal(item.stamp, STAMP);
    assert_true(item.id && *item.id);
    return item;
}

static tm_item read_format(const tm_item_reader *reader, const char *format, ...) TM_PRINTF(2, 3);

static tm_item read_format(const tm_item_reader *reader, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = tm_vformat(format, args);
    va_end(args);
    tm_item item = read_text(reader, text);
    tm_free(text);
    return item;
}

/* It says a message in C2C with alice, or nothing. */
static void check_kind(const tm_item_reader *reader, const char *text, tm_item_kind kind)
{
    tm_item item = read_text(reader, text);
    if (item.kind != kind) fail_msg("kind %d: %s", (int)item.kind, text);
    assert_int_equal(!item.elems, kind != TM_ITEM_MESSAGE && kind != TM_ITEM_TIPS);
    tm_item_clear(&item);
    tm_item_clear(&item); /* twice does no harm */
}

static void check_elems(const char *children, const char *elems)
{
    tm_item item =
        read_format(&own, "<message from='alice@im.test/x' to='bob@im.test' id='1'>%s</message>", children);
    assert_int_equal(item.kind, elems ? TM_ITEM_MESSAGE : TM_ITEM_NOTHING);
    if (elems)
        assert_string_equal(item.elems, elems);
    else
        assert_null(item.elems);
    tm_item_clear(&item);
}

/* ---- there and back ---- */

/* What the stanza is as text, and the item that bob reads from it. `from` and `real`: as the server would add them. */
static tm_item send_through(tm_stanza *stanza, const tm_item_reader *reader, const char *from,
                            const char *real, char **sent)
{
    xmpp_stanza_t *root = tm_stanza_finish(stanza);
    assert_non_null(root);
    xmpp_stanza_set_from(root, from);
    if (real) {
        xmpp_stanza_t *x = xmpp_stanza_new_from_string(ctx, real);
        xmpp_stanza_add_child(root, x);
        xmpp_stanza_release(x);
    }
    char *text;
    size_t length;
    assert_int_equal(xmpp_stanza_to_text(root, &text, &length), XMPP_EOK);
    tm_item item = read_text(reader, text);
    *sent = tm_strdup(text);
    xmpp_free(ctx, text);
    xmpp_stanza_release(root);
    return item;
}

static tm_message message_of(int32_t conv_type, const char *conv_id, const char *elems)
{
    tm_message message = {.conv_type = conv_type,
                          .seq = UINT64_MAX,
                          .rand = UINT32_MAX,
                          .client_time = 1767323000,
                          .priority = kTIMMsgPriority_High};
    message.conv_id = tm_strdup(conv_id);
    message.sender = tm_strdup("alice");
    message.elems = tm_strdup(elems);
    return message;
}

static void check_there_and_back(const char *elems)
{
    for (int group = 0; group < 2; group++) {
        tm_message message = message_of(group ? kTIMConv_Group : kTIMConv_C2C, group ? "Team" : "bob", elems);
        char *id = tm_item_id(&message), *sent;
        tm_stanza stanza;
        tm_item_write_message(&stanza, ctx, group ? ROOM : "bob@im.test", &message, id, !group);
        tm_item item =
            group ? send_through(&stanza, &team, ROOM "/nick", REAL("alice@im.test/x", "member"), &sent)
                  : send_through(&stanza, &own, "alice@im.test/x", NULL, &sent);
        assert_int_equal(item.kind, TM_ITEM_MESSAGE);
        assert_string_equal(item.elems, elems);
        assert_int_equal(item.conv_type, message.conv_type);
        assert_string_equal(item.conv_id, group ? "Team" : "alice");
        assert_string_equal(item.sender, "alice");
        assert_string_equal(item.actor, "alice");
        assert_string_equal(item.id, id);
        assert_true(item.is_ours);
        assert_false(item.is_self);
        assert_false(item.may_revoke);
        assert_int_equal(item.wants_receipt, !group);
        assert_true(item.seq == UINT64_MAX);
        assert_int_equal(item.rand, UINT32_MAX);
        assert_int_equal(item.client_time, 1767323000);
        assert_int_equal(item.priority, kTIMMsgPriority_High);
        assert_non_null(strstr(sent, group ? "type=\"groupchat\"" : "type=\"chat\""));
        tm_item_clear(&item);
        tm_message_clear(&message);
        tm_free(sent);
        tm_free(id);
    }
}

static char *print_text(const char *content)
{
    cJSON *elems = cJSON_CreateArray(), *elem = cJSON_CreateObject();
    assert_true(tm_json_add_int(elem, kTIMElemType, kTIMElem_Text) &&
                tm_json_add_string(elem, kTIMTextElemContent, content) && tm_json_append(elems, elem));
    char *text = tm_json_print(elems);
    cJSON_Delete(elems);
    return text;
}

static void elements_go_there_and_back(void **state)
{
    (void)state;
    static const char *const contents[] = {
        "plain",
        "\xe6\xb6\x88\xe6\x81\xaf \xf0\x9f\x98\x80\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9",
        "quotes \" ' ` and <tags/> &amp; &#1; ]]> <![CDATA[",
        "back\\slash \\u0041 \\ufffe \\",
        " \t\r\n leading, trailing \r\n\t ",
        "\xef\xbf\xbe and \xef\xbf\xbf and \xef\xbf\xbd and \xef\xb7\x90",
        "\xc2\x80\xc2\x9f\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf",
        "\xf4\x8f\xbf\xbf",
    };
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        char *elems = print_text(contents[i]);
        check_there_and_back(elems);
        tm_free(elems);
    }
    char controls[128] = "";
    for (int byte = 1; byte < 128; byte++)
        controls[byte - 1] = (char)byte;
    char *elems = print_text(controls);
    check_there_and_back(elems);
    tm_free(elems);
    check_there_and_back(
        "[{\"elem_type\":3,\"custom_elem_data\":\"{\\\"a\\\":[1]}\",\"custom_elem_desc\":\"\"},"
        "{\"elem_type\":6,\"face_elem_index\":2147483647,\"face_elem_buf\":\"\"}]");
    check_there_and_back("[{\"elem_type\":7,\"location_elem_desc\":\"\",\"location_elem_latitude\":"
                         "-1.7976931348623157e+308,\"location_elem_longitude\":0.1}]");
}

static void the_greatest_message_goes_there_and_back(void **state)
{
    (void)state;
    /* each byte six in JSON, and the quotes six again in XML */
    for (int wide = 0; wide < 2; wide++) {
        char *content = tm_calloc(TM_MESSAGE_MAX_ELEMS + 1, 1);
        char *empty = print_text("");
        size_t room = (TM_MESSAGE_MAX_ELEMS - strlen(empty)) / (wide ? 2 : 1);
        memset(content, wide ? '"' : 'x', room);
        char *elems = print_text(content);
        assert_true(strlen(elems) <= TM_MESSAGE_MAX_ELEMS && strlen(elems) > TM_MESSAGE_MAX_ELEMS - 2);
        check_there_and_back(elems);
        tm_free(elems);
        tm_free(empty);
        tm_free(content);
    }
}

static void ids_say_who_is_who(void **state)
{
    (void)state;
    tm_message message = {.seq = 1, .rand = 0xabcdef, .client_time = 16};
    char *id = tm_item_id(&message);
    assert_string_equal(id, "tm-1-abcdef-10");
    tm_free(id);
    message = (tm_message){.seq = UINT64_MAX, .rand = UINT64_MAX, .client_time = UINT64_MAX};
    id = tm_item_id(&message);
    uint64_t seq = 0, rand = 0, time = 0;
    assert_true(tm_item_read_id(id, &seq, &rand, &time));
    assert_true(seq == UINT64_MAX && rand == UINT64_MAX && time == UINT64_MAX);
    tm_free(id);
    static const char *const bad[] = {"",           "tm-",        "tm-1-2",    "tm-1-2-",
                                      "tm-1-2-3-",  "tm-1-2-3 ",  " tm-1-2-3", "tm- 1-2-3",
                                      "tm-01-2-3",  "tm-0x1-2-3", "tm-+1-2-3", "tm--1-2-3",
                                      "tm-A-2-3",   "TM-1-2-3",   "tm-1-2-g",  "tm-1-2-10000000000000000",
                                      "tm-1-2-3\n", "tm-1-2-3-4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (tm_item_read_id(bad[i], &seq, &rand, &time)) fail_msg("\"%s\" was taken", bad[i]);
}

/* ---- what else is written ---- */

static char *written(tm_stanza *stanza)
{
    xmpp_stanza_t *root = tm_stanza_finish(stanza);
    assert_non_null(root);
    char *text;
    size_t length;
    assert_int_equal(xmpp_stanza_to_text(root, &text, &length), XMPP_EOK);
    char *copy = tm_strdup(text);
    xmpp_free(ctx, text);
    xmpp_stanza_release(root);
    return copy;
}

static void check_body(const char *elems, const char *body, const char *url)
{
    tm_message message = message_of(kTIMConv_C2C, "bob", elems);
    tm_stanza stanza;
    tm_item_write_message(&stanza, ctx, "bob@im.test", &message, "1", true);
    xmpp_stanza_t *root = tm_stanza_finish(&stanza), *oob = tm_stanza_child(root, "x", TM_NS_OOB);
    char *got = tm_stanza_text(tm_stanza_child(root, "body", NULL));
    char *link = tm_stanza_text(tm_stanza_child(oob, "url", NULL));
    assert_string_equal(got, body);
    assert_string_equal(link, url);
    assert_int_equal(!oob, !*url);
    tm_free(got);
    tm_free(link);
    xmpp_stanza_release(root);
    tm_message_clear(&message);
}

#define FILE_ELEM(url) "{\"elem_type\":4,\"file_elem_file_name\":\"a\",\"file_elem_url\":\"" url "\"}"
#define TEXT_ELEM(text) "{\"elem_type\":0,\"text_elem_content\":\"" text "\"}"
#define TIPS_ELEM(type, actor, group, users)                                                                 \
    "{\"elem_type\":5,\"group_tips_elem_group_id\":\"" group "\",\"group_tips_elem_op_user\":\"" actor       \
    "\",\"group_tips_elem_tip_type\":" #type ",\"group_tips_elem_user_array\":[" users "]}"

static void other_clients_get_a_body(void **state)
{
    (void)state;
    check_body("[" TEXT_ELEM("one") "," TEXT_ELEM("two") "]", "one\ntwo", "");
    check_body("[" FILE_ELEM("http://h/a") "]", "http://h/a", "http://h/a");
    check_body("[" TEXT_ELEM("see") "," FILE_ELEM("http://h/a") "]", "see\nhttp://h/a", "");
    check_body("[{\"elem_type\":1,\"image_elem_orig_url\":\"http://h/i\"}]", "http://h/i", "http://h/i");
    check_body("[{\"elem_type\":2,\"sound_elem_url\":\"http://h/s\"}]", "http://h/s", "http://h/s");
    check_body("[{\"elem_type\":9,\"video_elem_video_url\":\"http://h/v\"}]", "http://h/v", "http://h/v");
    check_body("[{\"elem_type\":6,\"face_elem_index\":3}]", "[face 3]", "");
    check_body("[{\"elem_type\":3,\"custom_elem_data\":\"x\"}]", "[custom]", "");
    check_body("[{\"elem_type\":7,\"location_elem_desc\":\"Shenzhen\"}]", "[location] Shenzhen", "");
    check_body("[" TEXT_ELEM("a\\u0001\\tb\xef\xbf\xbf") "]", "a\xef\xbf\xbd\tb\xef\xbf\xbd", "");
    check_body("[" TIPS_ELEM(1, "alice", "Team", "\"alice\"") "]", "alice joined", "");
    check_body("[" TIPS_ELEM(1, "alice", "Team", "\"bob\",\"carol\"") "]", "alice invited bob, carol", "");
    check_body("[" TIPS_ELEM(1, "a", "Team", "\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\"") "]",
               "a invited 1, 2, 3, 4, 5 and 2 more", "");
    check_body("[" TIPS_ELEM(2, "alice", "Team", "\"alice\"") "]", "alice left", "");
    check_body("[" TIPS_ELEM(3, "alice", "Team", "\"bob\"") "]", "alice removed bob", "");
    check_body("[" TIPS_ELEM(9, "alice", "Team", "\"bob\"") "]", "[group notice]", "");
}

static void markers_go_there_and_back(void **state)
{
    (void)state;
    tm_stanza stanza;
    char *sent;
    tm_item_write_retract(&stanza, ctx, "bob@im.test", NULL, "r1", "tm-1-2-3");
    tm_item item = send_through(&stanza, &own, "alice@im.test/x", NULL, &sent);
    assert_int_equal(item.kind, TM_ITEM_RETRACT);
    assert_string_equal(item.target, "tm-1-2-3");
    assert_string_equal(item.id, "r1");
    assert_non_null(strstr(sent, "<store "));
    tm_item_clear(&item);
    tm_free(sent);
    tm_item_write_retract(&stanza, ctx, ROOM, "Bob & <'\"> ", "r1", "a&<\"'b");
    item = send_through(&stanza, &team, ROOM "/n", REAL("alice@im.test/x", "admin"), &sent);
    assert_int_equal(item.kind, TM_ITEM_RETRACT);
    assert_string_equal(item.target, "a&<\"'b");
    assert_string_equal(item.author, "Bob & <'\"> ");
    assert_false(item.author_is_self);
    assert_true(item.may_revoke);
    assert_non_null(strstr(sent, "type=\"groupchat\""));
    tm_item_clear(&item);
    tm_free(sent);
    tm_item_write_displayed(&stanza, ctx, "bob@im.test", "d1", "tm-1-2-3");
    item = send_through(&stanza, &own, "alice@im.test/x", NULL, &sent);
    assert_int_equal(item.kind, TM_ITEM_DISPLAYED);
    assert_string_equal(item.target, "tm-1-2-3");
    assert_non_null(strstr(sent, "<store "));
    tm_item_clear(&item);
    tm_free(sent);
    const char *const ids[] = {"1", "2", "3"};
    tm_item_write_received(&stanza, ctx, "bob@im.test", "c1", ids, 3);
    item = send_through(&stanza, &own, "alice@im.test/x", NULL, &sent);
    assert_int_equal(item.kind, TM_ITEM_RECEIVED);
    assert_int_equal(item.target_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(item.targets[i], ids[i]);
    assert_non_null(strstr(sent, "<store "));
    tm_item_clear(&item);
    tm_free(sent);
    tm_item_write_invitation(&stanza, ctx, "bob@im.test", "i1", ROOM, "f00d");
    item = send_through(&stanza, &own, "alice@im.test/x", NULL, &sent);
    assert_int_equal(item.kind, TM_ITEM_INVITATION);
    assert_string_equal(item.target, "f00d");
    assert_int_equal(item.conv_type, kTIMConv_Group);
    assert_string_equal(item.conv_id, "Team");
    assert_string_equal(item.sender, "alice");
    tm_item_clear(&item);
    tm_free(sent);
}

static void tips_go_there_and_back(void **state)
{
    (void)state;
    const char *elems = "[" TIPS_ELEM(1, "alice", "Team", "\"alice\",\"bob\"") "]";
    tm_stanza stanza;
    char *sent;
    tm_item_write_tips(&stanza, ctx, ROOM, elems, "tm-1-2-3");
    tm_item item = send_through(&stanza, &team, ROOM "/n", REAL("alice@im.test/x", "member"), &sent);
    assert_int_equal(item.kind, TM_ITEM_TIPS);
    assert_string_equal(item.elems, elems);
    assert_string_equal(item.sender, "@TIM#SYSTEM");
    assert_string_equal(item.actor, "alice");
    assert_false(item.is_self);
    tm_item_clear(&item);
    tm_free(sent);
    /* of as many users as may be invited at once, more than an ordinary message may hold */
    char *users = tm_strdup("\"0\"");
    for (int i = 1; i < 500; i++) {
        char *more = tm_format("%s,\"%032d\"", users, i);
        tm_free(users);
        users = more;
    }
    char *many = tm_format(
        "[{\"elem_type\":5,\"group_tips_elem_group_id\":\"Team\",\"group_tips_elem_op_user\":\"alice\","
        "\"group_tips_elem_tip_type\":1,\"group_tips_elem_user_array\":[%s]}]",
        users);
    assert_true(strlen(many) > TM_MESSAGE_MAX_ELEMS);
    tm_item_write_tips(&stanza, ctx, ROOM, many, "tm-1-2-3");
    item = send_through(&stanza, &team, ROOM "/n", REAL("alice@im.test/x", "member"), &sent);
    assert_int_equal(item.kind, TM_ITEM_TIPS);
    assert_string_equal(item.elems, many);
    tm_item_clear(&item);
    tm_free(sent);
    tm_free(many);
    tm_free(users);
}

static tm_item read_online(const char *text, int32_t conv_type, const char *conv_id, const char *sender)
{
    tm_error err = {0};
    tm_item item;
    xmpp_stanza_t *message = xmpp_stanza_new_from_string(ctx, text);
    assert_non_null(message);
    assert_int_equal(tm_item_read_online(message, "bob", conv_type, conv_id, sender, &item, &err), 0);
    xmpp_stanza_release(message);
    return item;
}

static void online_messages_go_there_and_back(void **state)
{
    (void)state;
    const char *elems = TEXT("hi \xef\xbf\xbe");
    tm_message message = message_of(kTIMConv_C2C, "bob", elems);
    message.is_online = true;
    tm_stanza stanza;
    tm_item_write_message(&stanza, ctx, "bob@im.test", &message, "tm-1-2-3", false);
    char *sent = written(&stanza);
    assert_non_null(strstr(sent, "type=\"headline\""));
    assert_non_null(strstr(sent, "<no-store "));
    assert_null(strstr(sent, "<request "));
    assert_null(strstr(sent, "<markable "));
    tm_item item = read_online(sent, kTIMConv_C2C, "alice", "alice");
    assert_int_equal(item.kind, TM_ITEM_MESSAGE);
    assert_string_equal(item.conv_id, "alice");
    assert_string_equal(item.sender, "alice");
    assert_string_equal(item.elems, elems);
    assert_true(item.seq == UINT64_MAX && item.rand == UINT32_MAX && item.client_time == 1767323000);
    assert_int_equal(item.priority, kTIMMsgPriority_High);
    assert_false(item.is_self);
    tm_item_clear(&item);
    tm_free(sent);
    /* what bob's other device sent to carol */
    tm_free(message.conv_id);
    message.conv_id = tm_strdup("carol");
    tm_item_write_message(&stanza, ctx, "bob@im.test", &message, "tm-1-2-3", false);
    sent = written(&stanza);
    item = read_online(sent, kTIMConv_C2C, "bob", "bob");
    assert_int_equal(item.kind, TM_ITEM_MESSAGE);
    assert_string_equal(item.conv_id, "carol");
    assert_true(item.is_self);
    tm_item_clear(&item);
    /* from somebody else the same names no conversation of his choice */
    item = read_online(sent, kTIMConv_C2C, "mallory", "mallory");
    assert_string_equal(item.conv_id, "mallory");
    tm_item_clear(&item);
    item = read_online(sent, kTIMConv_C2C, "@TIM#SYSTEM", "@TIM#SYSTEM");
    assert_int_equal(item.kind, TM_ITEM_NOTHING);
    tm_item_clear(&item);
    tm_free(sent);
    static const char *const bad[] = {
        "<message><body>no JSON</body></message>",
        "<message>" JSON("[]") "</message>",
        "<message>" JSON("[{\"elem_type\":77}]") "</message>",
        "<message>" JSON("[" TIPS_ELEM(1, "alice", "Team", "\"alice\"") "]") "</message>",
        "<message><json xmlns='urn:xmpp:json:0'>{</json></message>",
        "<message><json xmlns='urn:other'>{\"message_elem_array\":" TEXT("x") "}</json></message>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        item = read_online(bad[i], kTIMConv_Group, "Team", "alice");
        if (item.kind != TM_ITEM_NOTHING || item.elems) fail_msg("%s was taken", bad[i]);
        tm_item_clear(&item);
    }
    tm_message_clear(&message);
}

/* ---- other clients ---- */

static void plain_messages_become_texts(void **state)
{
    (void)state;
    tm_item item =
        read_text(&own, "<message from='alice@im.test/x' to='bob@im.test' type='chat' id='stanza'>"
                        "<body>hi &lt;\xe6\xb6\x88</body><origin-id xmlns='urn:xmpp:sid:0' id='origin'/>"
                        "<request xmlns='urn:xmpp:receipts'/></message>");
    assert_int_equal(item.kind, TM_ITEM_MESSAGE);
    assert_string_equal(item.elems, TEXT("hi <\xe6\xb6\x88"));
    assert_string_equal(item.id, "origin");
    assert_true(item.has_origin_id);
    assert_false(item.is_ours);
    assert_int_equal(item.seq, 0);
    assert_true(item.rand > 0 && item.rand <= UINT32_MAX);
    assert_int_equal(item.client_time, STAMP / 1000000);
    assert_int_equal(item.priority, kTIMMsgPriority_Normal);
    assert_true(item.wants_receipt);
    uint64_t rand = item.rand;
    tm_item_clear(&item);
    /* the same id is the same number for ever, another one another */
    item = read_text(&own,
                     "<message from='alice@im.test' to='bob@im.test' id='origin'><body>x</body></message>");
    assert_int_equal(item.rand, rand);
    assert_false(item.wants_receipt);
    tm_item_clear(&item);
    item =
        read_text(&own, "<message from='alice@im.test' to='bob@im.test' id='other'><body>x</body></message>");
    assert_true(item.rand != rand);
    tm_item_clear(&item);
    item = read_text(&own, "<message from='alice@im.test' to='bob@im.test'><body>x</body></message>");
    assert_string_equal(item.id, "mam-archive-1");
    tm_item_clear(&item);
    item = read_text(&own, "<message from='alice@im.test' to='bob@im.test' id='a'><body>x</body>"
                           "<origin-id xmlns='urn:xmpp:sid:0'/><origin-id xmlns='urn:x' id='b'/></message>");
    assert_string_equal(item.id, "a");
    assert_false(item.has_origin_id);
    tm_item_clear(&item);
    check_elems("<body/>", NULL);
    check_elems("", NULL);
    check_elems("<subject>new</subject>", NULL);
    check_elems("<composing xmlns='http://jabber.org/protocol/chatstates'/>", NULL);
    check_elems("<body>a<b/>c</body>", TEXT("ac"));
    check_elems("<body> </body>", TEXT(" "));
}

static void long_ids_are_cut_at_a_character(void **state)
{
    (void)state;
    char id[TM_ITEM_ID + 8];
    memset(id, 'a', sizeof id);
    for (size_t at = TM_ITEM_ID - 4; at <= TM_ITEM_ID; at++) {
        strcpy(id + at, "\xf0\x9f\x98\x80");
        size_t kept = at + 4 <= TM_ITEM_ID ? at + 4 : at;
        tm_item item = read_format(
            &own, "<message from='alice@im.test' to='bob@im.test' id='%s'><body>x</body></message>", id);
        assert_int_equal(strlen(item.id), kept);
        assert_true(tm_utf8_valid(item.id, kept, NULL));
        tm_item_clear(&item);
        item = read_format(&own,
                           "<message from='alice@im.test' to='bob@im.test'><displayed "
                           "xmlns='urn:xmpp:chat-markers:0' id='%s'/></message>",
                           id);
        assert_int_equal(strlen(item.target), kept);
        tm_item_clear(&item);
        item =
            read_format(&own,
                        "<message from='alice@im.test' to='bob@im.test'><received xmlns='urn:xmpp:receipts' "
                        "id='%s'/></message>",
                        id);
        assert_int_equal(strlen(item.targets[0]), kept);
        tm_item_clear(&item);
        memset(id + at, 'a', 5);
    }
}

static void long_bodies_are_cut_at_a_character(void **state)
{
    (void)state;
    enum { MAX = 65536 };
    for (size_t shift = 0; shift < 4; shift++) {
        char *body = tm_calloc(1, MAX + 64);
        memset(body, 'x', shift);
        for (size_t at = shift; at < MAX + 8; at += 4)
            memcpy(body + at, "\xf0\x9f\x98\x80", 4);
        tm_item item = read_format(
            &own, "<message from='alice@im.test' to='bob@im.test'><body>%s</body></message>", body);
        size_t kept = MAX - (MAX - shift) % 4;
        body[kept] = '\0';
        char *expected = print_text(body);
        assert_string_equal(item.elems, expected);
        tm_free(expected);
        tm_free(body);
        tm_item_clear(&item);
    }
    char *whole = tm_calloc(1, MAX + 1);
    memset(whole, 'x', MAX);
    tm_item item =
        read_format(&own, "<message from='alice@im.test' to='bob@im.test'><body>%s</body></message>", whole);
    char *expected = print_text(whole);
    assert_string_equal(item.elems, expected);
    tm_free(expected);
    tm_free(whole);
    tm_item_clear(&item);
}

#define OOB(url) "<x xmlns='jabber:x:oob'><url>" url "</url></x>"
#define FILE_JSON(name, url)                                                                                 \
    "[{\"elem_type\":4,\"file_elem_file_name\":\"" name                                                      \
    "\",\"file_elem_file_size\":0,\"file_elem_url\":\"" url "\"}]"

static void links_become_files(void **state)
{
    (void)state;
    check_elems("<body>http://h/d/a.jpg</body>" OOB("http://h/d/a.jpg"),
                FILE_JSON("a.jpg", "http://h/d/a.jpg"));
    check_elems(OOB("http://h/a%20b%E6%B6%88.txt?x=/y#/z"),
                FILE_JSON("a b\xe6\xb6\x88.txt", "http://h/a%20b%E6%B6%88.txt?x=/y#/z"));
    check_elems("<body>look</body>" OOB("http://h/a.jpg"), TEXT("look"));
    check_elems("<body>http://h/a.jpg</body>", TEXT("http://h/a.jpg"));
    check_elems("<body>x</body>" OOB(""), TEXT("x"));
    check_elems(OOB(""), NULL);
    check_elems("<x xmlns='jabber:x:oob'/>", NULL);
    /* what is no name */
    check_elems(OOB("http://h/"), FILE_JSON("file", "http://h/"));
    check_elems(OOB("http://h"), FILE_JSON("file", "http://h"));
    check_elems(OOB("http://h?a/b"), FILE_JSON("file", "http://h?a/b"));
    check_elems(OOB("http://h/a/.."), FILE_JSON("file", "http://h/a/.."));
    check_elems(OOB("http://h/%2e%2E"), FILE_JSON("file", "http://h/%2e%2E"));
    check_elems(OOB("http://h/..%2f..%2fetc%2fpasswd"), FILE_JSON("file", "http://h/..%2f..%2fetc%2fpasswd"));
    check_elems(OOB("http://h/a%5cb"), FILE_JSON("file", "http://h/a%5cb"));
    check_elems(OOB("http://h/%ff%fe"), FILE_JSON("file", "http://h/%ff%fe"));
    check_elems(OOB("http://h/%00"), FILE_JSON("file", "http://h/%00"));
    check_elems(OOB("http://h/100%"), FILE_JSON("100%", "http://h/100%"));
    check_elems(OOB("http://h/a%2"), FILE_JSON("a%2", "http://h/a%2"));
    check_elems(OOB("a.jpg"), FILE_JSON("a.jpg", "a.jpg"));
}

static void marks_of_other_clients_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *children, *target;
        tm_item_kind kind;
    } cases[] = {
        {"<displayed xmlns='urn:xmpp:chat-markers:0' id='X'/>", "X", TM_ITEM_DISPLAYED},
        {"<body>seen</body><displayed xmlns='urn:xmpp:chat-markers:0' id='X'/>", "X", TM_ITEM_DISPLAYED},
        {"<apply-to xmlns='urn:xmpp:fasten:0' id='X'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>"
         "<body>gone</body>",
         "X", TM_ITEM_RETRACT},
        {"<retract xmlns='urn:xmpp:message-retract:1' id='X'/><body>gone</body>", "X", TM_ITEM_RETRACT},
        {"<displayed xmlns='urn:xmpp:chat-markers:0'/><body>x</body>", NULL, TM_ITEM_NOTHING},
        {"<retract xmlns='urn:xmpp:message-retract:1'/><body>x</body>", NULL, TM_ITEM_NOTHING},
        {"<apply-to xmlns='urn:xmpp:fasten:0'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>", NULL,
         TM_ITEM_NOTHING},
        {"<received xmlns='urn:xmpp:chat-markers:0' id='X'/>", NULL, TM_ITEM_NOTHING},
        {"<apply-to xmlns='urn:xmpp:fasten:0' id='X'><other xmlns='urn:x'/></apply-to><body>x</body>", NULL,
         TM_ITEM_MESSAGE},
        {"<displayed xmlns='urn:x' id='X'/><body>x</body>", NULL, TM_ITEM_MESSAGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tm_item item = read_format(
            &own, "<message from='alice@im.test/x' to='bob@im.test' id='1'>%s</message>", cases[i].children);
        assert_int_equal(item.kind, cases[i].kind);
        if (cases[i].target)
            assert_string_equal(item.target, cases[i].target);
        else
            assert_null(item.target);
        tm_item_clear(&item);
    }
    tm_item item =
        read_text(&own, "<message from='alice@im.test/x' to='bob@im.test' id='1'><body>got it</body>"
                        "<received xmlns='urn:xmpp:receipts' id='1'/><received xmlns='urn:x' id='2'/>"
                        "<received xmlns='urn:xmpp:receipts'/>"
                        "<received xmlns='urn:xmpp:receipts' id='3'/></message>");
    assert_int_equal(item.kind, TM_ITEM_RECEIVED);
    assert_int_equal(item.target_count, 2);
    assert_string_equal(item.targets[0], "1");
    assert_string_equal(item.targets[1], "3");
    tm_item_clear(&item);
    /* a room's ids are kept as they are; a receipt in a room says nothing */
    item = read_text(&team, "<message type='groupchat' from='" ROOM
                            "/n'><retract xmlns='urn:xmpp:message-retract:1' "
                            "id='1795399487086203'/>" REAL("alice@im.test", "owner") "</message>");
    assert_int_equal(item.kind, TM_ITEM_RETRACT);
    assert_string_equal(item.target, "1795399487086203");
    assert_string_equal(item.author, "");
    assert_true(item.may_revoke);
    tm_item_clear(&item);
    /* whose message is meant: somebody's; in C2C it is always the sender's own */
#define RETRACTION "<retract xmlns='urn:xmpp:message-retract:1' id='X'/>"
#define MEANT(author) "<meant xmlns='urn:timmsg:0'" author "/>"
    item = read_text(&team, "<message type='groupchat' from='" ROOM "/n'>" RETRACTION MEANT(" author='bob'")
                                REAL("alice@im.test", "owner") "</message>");
    assert_int_equal(item.kind, TM_ITEM_RETRACT);
    assert_string_equal(item.author, "bob");
    assert_true(item.author_is_self);
    assert_false(item.is_self);
    tm_item_clear(&item);
    static const char *const nobody[] = {MEANT(""), MEANT(" author=''"), MEANT(" author='B\xc3\xb6 b'"),
                                         MEANT(" author='123456789012345678901234567890123'")};
    for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) {
        item = read_format(&team,
                           "<message type='groupchat' from='" ROOM "/n'>" RETRACTION
                           "%s" REAL("alice@im.test", "owner") "</message>",
                           nobody[i]);
        assert_int_equal(item.kind, TM_ITEM_NOTHING);
        tm_item_clear(&item);
    }
    item = read_text(&own, "<message from='alice@im.test/x' to='bob@im.test'>" RETRACTION MEANT(
                               " author='alice'") "</message>");
    assert_int_equal(item.kind, TM_ITEM_RETRACT);
    assert_string_equal(item.author, "");
    tm_item_clear(&item);
    check_kind(&team,
               "<message type='groupchat' from='" ROOM
               "/n'><body>x</body><received xmlns='urn:xmpp:receipts' id='1'/>" REAL("alice@im.test",
                                                                                     "owner") "</message>",
               TM_ITEM_NOTHING);
}

/* ---- where it belongs ---- */

static void check_place(const tm_item_reader *reader, const char *attributes, const char *conv_id,
                        bool is_self)
{
    tm_item item = read_format(
        reader, "<message %s><body>x</body><request xmlns='urn:xmpp:receipts'/></message>", attributes);
    if (item.kind != (conv_id ? TM_ITEM_MESSAGE : TM_ITEM_NOTHING))
        fail_msg("kind %d: %s", (int)item.kind, attributes);
    if (conv_id) {
        assert_int_equal(item.conv_type, kTIMConv_C2C);
        assert_string_equal(item.conv_id, conv_id);
        assert_int_equal(item.is_self, is_self);
        assert_string_equal(item.sender, is_self ? "bob" : conv_id);
        assert_int_equal(item.wants_receipt, !is_self);
        assert_false(item.may_revoke);
    }
    tm_item_clear(&item);
}

static void an_own_archive_has_both_sides(void **state)
{
    (void)state;
    check_place(&own, "from='alice@im.test/x' to='bob@im.test'", "alice", false);
    check_place(&own, "from='alice@IM.TEST' to='bob@im.test/y' type='normal'", "alice", false);
    check_place(&own, "from='bob@im.test/x' to='alice@im.test' type='chat'", "alice", true);
    check_place(&own, "from='bob@im.test/x' to='\\41lice@im.test'", "Alice", true);
    check_place(&own, "from='bob@im.test/x' to='bob@im.test'", "bob", true);
    check_place(&own, "from='bob@im.test/x'", "bob", true);
    check_place(&own, "from='alice@im.test/x' to='bob@im.test' type='whatever'", "alice", false);
    static const char *const nothing[] = {
        "from='alice@im.test' to='carol@im.test'",
        "from='alice@elsewhere.test' to='bob@im.test'",
        "from='bob@im.test' to='alice@elsewhere.test'",
        "from='Alice@im.test' to='bob@im.test'",
        "from='im.test' to='bob@im.test'",
        "to='bob@im.test'",
        "",
        "from='alice@im.test' to='bob@im.test' type='error'",
        "from='alice@im.test' to='bob@im.test' type='groupchat'",
        "from='alice@im.test' to='bob@im.test' type='headline'",
        "from='" ROOM "/nick' to='bob@im.test' type='chat'",
        "from='" ROOM "' to='bob@im.test'",
        "from='bob@im.test' to='" ROOM "/nick' type='chat'",
        "from='bob@im.test' to='" ROOM "' type='groupchat'",
        "from='\\40\\54\\49\\4d#\\53\\59\\53\\54\\45\\4d@im.test' to='bob@im.test'",
        "from='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@im.test' to='bob@im.test'",
    };
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        check_place(&own, nothing[i], NULL, false);
}

static void check_author(const char *children, const char *author, bool may_revoke)
{
    tm_item item = read_format(
        &team, "<message type='groupchat' from='" ROOM "/alice' id='1'><body>x</body>%s</message>", children);
    if (item.kind != (author ? TM_ITEM_MESSAGE : TM_ITEM_NOTHING))
        fail_msg("kind %d: %s", (int)item.kind, children);
    if (author) {
        assert_int_equal(item.conv_type, kTIMConv_Group);
        assert_string_equal(item.conv_id, "Team");
        assert_string_equal(item.sender, author);
        assert_string_equal(item.actor, author);
        assert_int_equal(item.may_revoke, may_revoke);
        assert_int_equal(item.says_standing, strstr(children, "affiliation=") != NULL);
        assert_int_equal(item.is_self, strcmp(author, "bob") == 0);
        assert_false(item.wants_receipt);
    }
    tm_item_clear(&item);
}

static void a_rooms_own_word_says_who_wrote_it(void **state)
{
    (void)state;
    check_author(REAL("carol@im.test/x", "member"), "carol", false);
    check_author(REAL("bob@im.test/x", "none"), "bob", false);
    check_author(REAL("carol@im.test", "owner"), "carol", true);
    check_author(REAL("carol@im.test", "admin"), "carol", true);
    check_author(REAL("carol@im.test", "Owner"), "carol", false);
    /* ejabberd's does not say what he was */
    check_author("<x xmlns='http://jabber.org/protocol/muc#user'><item jid='carol@im.test/x'/></x>", "carol",
                 false);
    /* the nick is nobody */
    check_author("", NULL, false);
    check_author("<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner'/></x>", NULL,
                 false);
    check_author("<x xmlns='http://jabber.org/protocol/muc#user'/>", NULL, false);
    check_author(REAL("carol@elsewhere.test", "owner"), NULL, false);
    check_author(REAL(ROOM "/carol", "owner"), NULL, false);
    check_author(REAL("\\40\\54\\49\\4d#\\53\\59\\53\\54\\45\\4d@im.test", "owner"), NULL, false);
    /* what the author put there stands before what the room adds, or behind it: then nobody knows */
    check_author(REAL("alice@im.test", "owner") REAL("carol@im.test", "member"), NULL, false);
    check_author(REAL("carol@im.test", "member") REAL("carol@im.test", "owner"), NULL, false);
    check_author(REAL("carol@im.test", "owner") REAL("carol@im.test", "member"), NULL, false);
    check_author(REAL("carol@im.test", "member") REAL("carol@im.test", "member"), "carol", false);
    static const char *const claims[] = {
        "<item xmlns='urn:x' jid='alice@im.test' affiliation='owner'/>",
        "<item jid='alice@im.test' affiliation='owner' role='bogus'/>",
        "<item xmlns='urn:x' jid='carol@im.test' affiliation='member'/>",
        "<y/><item jid='alice@im.test'/>",
        "<item jid='carol@im.test' affiliation='member'/><item jid='alice@im.test' affiliation='owner'/>",
        "<status code='100'/>",
    };
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        char both[1000];
        for (int behind = 0; behind < 2; behind++) {
            snprintf(both, sizeof both, "%s<x xmlns='http://jabber.org/protocol/muc#user'>%s</x>%s",
                     behind ? REAL("carol@im.test", "member") : "", claims[i],
                     behind ? "" : REAL("carol@im.test", "member"));
            check_author(both, NULL, false);
        }
    }
    check_author(REAL("alice@im.test", "owner") "<x xmlns='http://jabber.org/protocol/muc#user'/>", NULL,
                 false);
    check_author("<x xmlns='urn:x'><item jid='alice@im.test'/></x>" REAL("carol@im.test", "member"), "carol",
                 false);
    check_author(REAL("carol@im.test", "member") "<x xmlns='urn:x'><item jid='alice@im.test'/></x>", "carol",
                 false);
    check_author("<item jid='alice@im.test'/><y xmlns='http://jabber.org/protocol/muc#user'><item "
                 "jid='alice@im.test'/></y>",
                 NULL, false);
    static const char *const types[] = {"chat", "normal", "error", "headline", ""};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        tm_item item = read_format(&team,
                                   "<message type='%s' from='" ROOM
                                   "/a'><body>x</body>" REAL("carol@im.test", "owner") "</message>",
                                   types[i]);
        assert_int_equal(item.kind, TM_ITEM_NOTHING);
        tm_item_clear(&item);
    }
    check_kind(&team,
               "<message type='groupchat' from='" ROOM
               "/a'><subject>x</subject>" REAL("carol@im.test", "owner") "</message>",
               TM_ITEM_NOTHING);
}

static void check_invitation(const char *text, const char *group, const char *inviter)
{
    tm_item item = read_text(&own, text);
    assert_int_equal(item.kind, TM_ITEM_INVITATION);
    assert_int_equal(item.conv_type, kTIMConv_Group);
    assert_string_equal(item.conv_id, group);
    assert_string_equal(item.sender, inviter);
    tm_item_clear(&item);
}

#define MEDIATED(from) "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='" from "'/></x>"
#define DIRECT(room) "<x xmlns='jabber:x:conference' jid='" room "'/>"

static void invitations_are_understood(void **state)
{
    (void)state;
    check_invitation("<message from='" ROOM "' to='bob@im.test'>" MEDIATED("alice@im.test/x") "</message>",
                     "Team", "alice");
    check_invitation("<message from='" ROOM "' to='bob@im.test'>" MEDIATED("alice@im.test")
                         DIRECT("other@rooms.im.test") "<body>come</body></message>",
                     "Team", "alice");
    check_invitation(
        "<message from='alice@im.test/x' to='bob@im.test'>" DIRECT(ROOM) "<body>come</body></message>",
        "Team", "alice");
    static const char *const nothing[] = {
        "<message from='" ROOM "/alice' to='bob@im.test'>" MEDIATED("alice@im.test") "</message>",
        "<message from='" ROOM "/alice' to='bob@im.test'>" DIRECT(ROOM) "</message>",
        "<message from='" ROOM "' to='bob@im.test'>" MEDIATED("alice@elsewhere.test") "</message>",
        "<message from='" ROOM "' to='bob@im.test'>" MEDIATED("") "</message>",
        "<message from='" ROOM
        "' to='bob@im.test'>" MEDIATED("\\40\\54\\49\\4d#\\53\\59\\53\\54\\45\\4d@im.test") "</message>",
        "<message from='" ROOM "' to='bob@im.test'><x xmlns='http://jabber.org/protocol/muc#user'><decline "
        "from='alice@im.test'/></x></message>",
        "<message from='alice@elsewhere.test' to='bob@im.test'>" DIRECT(ROOM) "</message>",
        "<message from='alice@im.test' to='bob@im.test'>" DIRECT("team@rooms.elsewhere.test") "</message>",
        "<message from='alice@im.test' to='bob@im.test'>" DIRECT("alice@im.test") "</message>",
        "<message from='alice@im.test' to='bob@im.test'>" MEDIATED("carol@im.test") "</message>",
        "<message from='alice@im.test' to='bob@im.test'>" MEDIATED("carol@im.test") DIRECT(ROOM) "</message>",
        /* a user who does not exist: the server sends back what was sent */
        "<message type='error' from='alice@im.test' to='bob@im.test'>" DIRECT(ROOM) "</message>",
        "<message type='groupchat' from='alice@im.test' to='bob@im.test'>" DIRECT(ROOM) "</message>",
        /* bob's own */
        "<message from='bob@im.test/x' to='alice@im.test'>" DIRECT(ROOM) "<body>come</body></message>",
    };
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        check_kind(&own, nothing[i], TM_ITEM_NOTHING);
    /* where there are no rooms an invitation is what its body says */
    tm_item_reader alone = own;
    alone.rooms = "";
    check_kind(&alone,
               "<message from='alice@im.test' to='bob@im.test'>" DIRECT(ROOM) "<body>come</body></message>",
               TM_ITEM_MESSAGE);
    /* and where that is not known yet, what may be one is nothing else before it is */
    alone.rooms = NULL;
    const char *const unclear[] = {
        "<message from='alice@im.test' to='bob@im.test'>" DIRECT(ROOM) "<body>come</body></message>",
        "<message from='" ROOM "' to='bob@im.test'>" MEDIATED("alice@im.test") "</message>"};
    for (size_t i = 0; i < sizeof unclear / sizeof *unclear; i++)
        check_kind(&alone, unclear[i], TM_ITEM_UNCLEAR);
    check_kind(&alone, "<message from='alice@im.test' to='bob@im.test'><body>come</body></message>",
               TM_ITEM_MESSAGE);
    check_kind(&alone,
               "<message from='bob@im.test/x' to='alice@im.test'>" DIRECT(ROOM) "<body>come</body></message>",
               TM_ITEM_NOTHING);
    /* in a room's archive there are none */
    check_kind(&team,
               "<message type='groupchat' from='" ROOM "/a'>" DIRECT(ROOM)
                   REAL("alice@im.test", "owner") "</message>",
               TM_ITEM_NOTHING);
}

/* ---- what is not to be believed ---- */

static void bad_elements_leave_the_body(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[]",
        "{}",
        "null",
        "\"x\"",
        "1",
        "[1]",
        "[{}]",
        "[{\"elem_type\":\"0\"}]",
        "[{\"elem_type\":77}]",
        "[{\"elem_type\":0,\"text_elem_content\":1}]",
        "[{\"elem_type\":0,\"text_elem_content\":\"a\",\"text_elem_content\":\"b\"}]",
        "[{\"elem_type\":6,\"face_elem_index\":2147483648}]",
        "[{\"elem_type\":6,\"face_elem_index\":1e999}]",
        "[{\"elem_type\":0,\"text_elem_content\":\"a\"}]]",
        "[{\"elem_type\":0,\"text_elem_content\":\"a\"",
        "{\"a\":{\"elem_type\":0,\"text_elem_content\":\"a\"}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *children = tm_format("<body>b</body>" JSON("%s"), bad[i]);
        check_elems(children, TEXT("b"));
        tm_free(children);
        children = tm_format(JSON("%s"), bad[i]);
        check_elems(children, NULL);
        tm_free(children);
    }
    check_elems("<body>b</body><json xmlns='urn:xmpp:json:0'/>", TEXT("b"));
    check_elems("<body>b</body><json xmlns='urn:xmpp:json:0'>[" TEXT("a") "]</json>", TEXT("b"));
    check_elems("<body>b</body><json xmlns='urn:other'>{\"message_elem_array\":" TEXT("a") "}</json>",
                TEXT("b"));
    check_elems("<body>b</body>" JSON(TEXT("a")), TEXT("a"));
    /* rule 7 */
    check_elems(JSON(TEXT("a\\u0000\\ud800b")), TEXT("a\xef\xbf\xbd\xef\xbf\xbd"
                                                     "b"));
    /* only what the API knows, and nothing of the sender's device */
    check_elems(JSON("[{\"elem_type\":4,\"file_elem_file_name\":\"a\",\"file_elem_file_path\":\"/etc/"
                     "passwd\",\"evil\":1}]"),
                "[{\"elem_type\":4,\"file_elem_file_name\":\"a\"}]");
}

static void too_much_is_refused(void **state)
{
    (void)state;
    char *content = tm_calloc(TM_MESSAGE_MAX_ELEMS + 1, 1), *empty = print_text("");
    size_t room = TM_MESSAGE_MAX_ELEMS - strlen(empty);
    for (size_t more = 0; more < 2; more++) {
        memset(content, 'x', room + more);
        char *elems = print_text(content);
        char *children = tm_format("<body>b</body>" JSON("%s"), elems);
        check_elems(children, more ? TEXT("b") : elems);
        tm_free(children);
        tm_free(elems);
    }
    tm_free(content);
    tm_free(empty);
    /* deeper than anything of ours, and than any stack should have to bear */
    enum { DEPTH = 60000 };
    char *deep = tm_calloc(1, DEPTH + 1);
    memset(deep, '[', DEPTH);
    char *children = tm_format("<body>b</body>" JSON("%s"), deep);
    check_elems(children, TEXT("b"));
    tm_free(children);
    tm_free(deep);
}

#define TIPS(elems, author)                                                                                  \
    "<message type='groupchat' from='" ROOM "/a'><body>alice removed bob</body>" JSON(elems)                 \
        REAL(author, "owner") "</message>"

static void tips_are_their_authors(void **state)
{
    (void)state;
    check_kind(&team, TIPS("[" TIPS_ELEM(1, "alice", "Team", "\"bob\"") "]", "alice@im.test/x"),
               TM_ITEM_TIPS);
    static const char *const bad[] = {
        TIPS("[" TIPS_ELEM(1, "alice", "Team", "\"bob\"") "]", "mallory@im.test/x"),
        TIPS("[" TIPS_ELEM(1, "alice", "team", "\"bob\"") "]", "alice@im.test/x"),
        TIPS("[" TIPS_ELEM(1, "alice", "Other", "\"bob\"") "]", "alice@im.test/x"),
        TIPS("[" TIPS_ELEM(1, "@TIM#SYSTEM", "Team", "\"bob\"") "]", "alice@im.test/x"),
        TIPS("[" TIPS_ELEM(1, "alice", "Team", "\"bob\"") "," TEXT_ELEM("x") "]", "alice@im.test/x"),
        TIPS("[" TEXT_ELEM("x") "," TIPS_ELEM(1, "alice", "Team", "\"bob\"") "]", "alice@im.test/x"),
        TIPS("[" TIPS_ELEM(1, "alice", "Team", "\"bob\"") "," TIPS_ELEM(1, "alice", "Team", "\"bob\"") "]",
             "alice@im.test/x"),
        TIPS("[" TIPS_ELEM(1, "alice", "Team", "1") "]", "alice@im.test/x"),
        TIPS("[" TIPS_ELEM(1, "alice", "Team", "") "]", "alice@im.test/x"),
        TIPS("[{\"elem_type\":5,\"group_tips_elem_group_id\":\"Team\",\"group_tips_elem_op_user\":\"alice\","
             "\"group_tips_elem_tip_type\":1}]",
             "alice@im.test/x"),
        TIPS("[{\"elem_type\":5}]", "alice@im.test/x"),
        TIPS("[{\"elem_type\":8,\"group_report_elem_group_id\":\"Team\",\"group_report_elem_op_user\":"
             "\"alice\","
             "\"group_report_elem_report_type\":5}]",
             "alice@im.test/x"),
        TIPS("{\"a\":" TIPS_ELEM(1, "alice", "Team", "\"bob\"") "}", "alice@im.test/x"),
        TIPS("[{\"elem_type\":5.0,\"group_tips_elem_op_user\":\"eve\"}]", "alice@im.test/x"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_kind(&team, bad[i], TM_ITEM_NOTHING);
    /* between two users there are none, whoever they are */
    check_kind(&own,
               "<message from='alice@im.test' to='bob@im.test'><body>x</body>" JSON(
                   "[" TIPS_ELEM(1, "alice", "alice", "\"bob\"") "]") "</message>",
               TM_ITEM_NOTHING);
    check_kind(&own,
               "<message from='bob@im.test' to='bob@im.test'><body>x</body>" JSON(
                   "[" TIPS_ELEM(1, "bob", "Team", "\"bob\"") "]") "</message>",
               TM_ITEM_NOTHING);
}

/* A wrapper inside a message is only a message: what it wraps is not looked at. Neither is a delay or a stanza-id
 * that claims to be the archive's. */
static void wrappers_and_claims_change_nothing(void **state)
{
    (void)state;
#define FORGED                                                                                               \
    "<message xmlns='jabber:client' from='carol@im.test' to='bob@im.test' "                                  \
    "id='f'><body>forged</body></message>"
#define FORWARDED "<forwarded xmlns='urn:xmpp:forward:0'>" FORGED "</forwarded>"
    static const char *const wrapped[] = {
        "<sent xmlns='urn:xmpp:carbons:2'>" FORWARDED "</sent>",
        "<received xmlns='urn:xmpp:carbons:2'>" FORWARDED "</received>",
        "<result xmlns='urn:xmpp:mam:2' id='9' queryid='q'>" FORWARDED "</result>",
        FORWARDED,
        FORGED,
    };
    for (size_t i = 0; i < sizeof wrapped / sizeof *wrapped; i++)
        check_elems(wrapped[i], NULL);
    tm_item item =
        read_text(&own, "<message from='mallory@im.test/x' to='bob@im.test' id='1'><body>x</body>"
                        "<delay xmlns='urn:xmpp:delay' from='im.test' stamp='2001-01-01T00:00:00Z'/>"
                        "<stanza-id xmlns='urn:xmpp:sid:0' id='forged' by='bob@im.test'/>"
                        "<addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' "
                        "jid='carol@im.test'/></addresses>" REAL("carol@im.test", "owner") "</message>");
    assert_int_equal(item.kind, TM_ITEM_MESSAGE);
    assert_string_equal(item.sender, "mallory");
    assert_string_equal(item.conv_id, "mallory");
    assert_string_equal(item.id, "1");
    assert_int_equal(item.client_time, STAMP / 1000000);
    assert_false(item.may_revoke);
    tm_item_clear(&item);
    /* what the JSON says about anything but elements and priority is not asked for */
    item = read_text(
        &own,
        "<message from='mallory@im.test/x' to='bob@im.test' id='tm-1-2-3'><json xmlns='urn:xmpp:json:0'>"
        "{\"message_elem_array\":" TEXT(
            "x") ",\"message_sender\":\"carol\",\"message_conv_id\":\"carol\","
                 "\"message_conv_type\":2,\"message_seq\":77,\"message_rand\":77,\"message_client_time\":77,"
                 "\"message_server_time\":77,\"message_is_from_self\":true,\"message_priority\":99}</json></"
                 "message>");
    assert_int_equal(item.kind, TM_ITEM_MESSAGE);
    assert_int_equal(item.conv_type, kTIMConv_C2C);
    assert_string_equal(item.conv_id, "mallory");
    assert_string_equal(item.sender, "mallory");
    assert_true(item.seq == 1 && item.rand == 2 && item.client_time == 3);
    assert_false(item.is_self);
    assert_int_equal(item.priority, kTIMMsgPriority_Normal);
    tm_item_clear(&item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_go_there_and_back),
        cmocka_unit_test(the_greatest_message_goes_there_and_back),
        cmocka_unit_test(ids_say_who_is_who),
        cmocka_unit_test(other_clients_get_a_body),
        cmocka_unit_test(markers_go_there_and_back),
        cmocka_unit_test(tips_go_there_and_back),
        cmocka_unit_test(online_messages_go_there_and_back),
        cmocka_unit_test(plain_messages_become_texts),
        cmocka_unit_test(long_ids_are_cut_at_a_character),
        cmocka_unit_test(long_bodies_are_cut_at_a_character),
        cmocka_unit_test(links_become_files),
        cmocka_unit_test(marks_of_other_clients_are_understood),
        cmocka_unit_test(an_own_archive_has_both_sides),
        cmocka_unit_test(a_rooms_own_word_says_who_wrote_it),
        cmocka_unit_test(invitations_are_understood),
        cmocka_unit_test(bad_elements_leave_the_body),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(tips_are_their_authors),
        cmocka_unit_test(wrappers_and_claims_change_nothing),
    };
    return cmocka_run_group_tests_name("xmpp_item", tests, start, stop);
}
#endif
