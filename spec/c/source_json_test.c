/* Source JSON test: the JSON texts of the TIM documentation, byte for byte with their white space, as input of
 * the functions they are printed for: each is accepted and answered, between two users and in a group. */
#pragma GCC diagnostic ignored "-Wunused-function" /* the kit has more than is used here */
#include "cloud_kit.h"

#include <cjson/cJSON.h>

/* ---- The texts ---- */

static const char send_new_msg[] = "{\n"
                                   "   \"message_client_time\" : 1551446728,\n"
                                   "   \"message_elem_array\" : [\n"
                                   "      {\n"
                                   "         \"elem_type\" : 0,\n"
                                   "         \"text_elem_content\" : \"send text\"\n"
                                   "      }\n"
                                   "   ],\n"
                                   "   \"message_sender\" : \"user1\",\n"
                                   "   \"message_server_time\" : 1551446728\n"
                                   "}\n";

static const char find_by_msg_locator_list[] = "[\n"
                                               "   {\n"
                                               "      \"message_locator_is_revoked\" : false,\n"
                                               "      \"message_locator_is_self\" : false,\n"
                                               "      \"message_locator_rand\" : 12345678,\n"
                                               "      \"message_locator_seq\" : 1,\n"
                                               "      \"message_locator_time\" : 123\n"
                                               "   }\n"
                                               "]\n";

static const char import_msg_list[] = "[\n"
                                      "   {\n"
                                      "      \"message_client_time\" : 1551446728,\n"
                                      "      \"message_elem_array\" : [\n"
                                      "         {\n"
                                      "            \"elem_type\" : 0,\n"
                                      "            \"text_elem_content\" : \"this is import msg\"\n"
                                      "         }\n"
                                      "      ],\n"
                                      "      \"message_sender\" : \"user1\",\n"
                                      "      \"message_server_time\" : 1551446728\n"
                                      "   }\n"
                                      "]\n";

static const char get_msg_list[] = "{\n"
                                   "   \"msg_getmsglist_param_count\" : 100,\n"
                                   "   \"msg_getmsglist_param_is_forward\" : true,\n"
                                   "   \"msg_getmsglist_param_is_remble\" : false,\n"
                                   "   \"msg_getmsglist_param_last_msg\" : {}\n"
                                   "}\n";

static const char delete_msg[] = "{\n"
                                 "  \"msg_delete_param_is_remble\" : false,\n"
                                 "  \"msg_delete_param_msg\" : {}\n"
                                 "}\n";

static const char batch_send[] = "{\n"
                                 "   \"msg_batch_send_param_identifier_array\" : [ \"user2\", \"user3\" ],\n"
                                 "   \"msg_batch_send_param_msg\" : {\n"
                                 "      \"message_client_time\" : 1551340614,\n"
                                 "      \"message_elem_array\" : [\n"
                                 "         {\n"
                                 "            \"elem_type\" : 0,\n"
                                 "            \"text_elem_content\" : \"this is batch send msg\"\n"
                                 "         }\n"
                                 "      ],\n"
                                 "      \"message_sender\" : \"user1\",\n"
                                 "      \"message_server_time\" : 1551340614\n"
                                 "   }\n"
                                 "}\n";

/* ---- Where they go ---- */

typedef struct conv {
    const char *id;
    enum TIMConvType type;
} conv;

static const conv convs[] = {{"user2", kTIMConv_C2C}, {"group", kTIMConv_Group}};

/* user2 and user3 exist; user1 is logged in and has a group. */
static int open_all(void **state)
{
    box made = {0};
    if (set_up(state)) return -1;
    begin("user2");
    if (TIMUninit()) return -1;
    begin("user3");
    if (TIMUninit()) return -1;
    begin("user1");
    complete(made, 0,
             TIMGroupCreate(
                 "{\"create_group_param_group_id\":\"group\",\"create_group_param_group_name\":\"name\"}",
                 on_done, &made));
    empty(&made);
    return 0;
}

/* The answer as a tree; the box is emptied. */
static cJSON *answered(box *answer)
{
    cJSON *tree = cJSON_Parse(answer->json);
    assert_non_null(tree);
    empty(answer);
    return tree;
}

static void answered_with(box *answer, const char *json)
{
    assert_string_equal(answer->json, json);
    empty(answer);
}

static const char *text_of(const cJSON *message)
{
    const cJSON *elems = cJSON_GetObjectItemCaseSensitive(message, kTIMMsgElemArray);
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(elems->child, kTIMTextElemContent));
}

static double number_of(const cJSON *message, const char *key)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(message, key));
}

/* What get_msg_list brings has these texts, oldest first. The last one is NULL. */
static void check_list(const conv *in, const char *const *texts)
{
    box got = {0};
    complete(got, 0, TIMMsgGetMsgList(in->id, in->type, get_msg_list, on_done, &got));
    cJSON *list = answered(&got);
    const cJSON *message = list->child;
    for (; *texts; texts++, message = message->next) {
        assert_non_null(message);
        assert_string_equal(text_of(message), *texts);
    }
    assert_null(message);
    cJSON_Delete(list);
}

/* ---- Tests ---- */

static void test_send_new_msg(void **state)
{
    (void)state;
    for (const conv *in = convs; in < convs + 2; in++) {
        box sent = {0};
        complete(sent, 0, TIMMsgSendNewMsg(in->id, in->type, send_new_msg, on_done, &sent));
        cJSON *message = answered(&sent);
        assert_string_equal(text_of(message), "send text");
        assert_true(number_of(message, kTIMMsgClientTime) == 1551446728);
        assert_true(number_of(message, kTIMMsgServerTime) > 1551446728); /* the backend's, not the caller's */
        assert_true(number_of(message, kTIMMsgStatus) == kTIMMsg_SendSucc);
        cJSON_Delete(message);
        check_list(in, (const char *const[]){"send text", NULL});
    }
}

static void test_report_readed(void **state)
{
    (void)state;
    for (const conv *in = convs; in < convs + 2; in++) {
        box done = {0};
        complete(done, 0, TIMMsgReportReaded(in->id, in->type, NULL, on_done, &done));
        complete(done, 0, TIMMsgReportReaded(in->id, in->type, "", on_done, &done));
        complete(done, 0, TIMMsgReportReaded(in->id, in->type, send_new_msg, on_done, &done));
        answered_with(&done, "");
    }
}

/* The documentation revokes with what the send's callback brought. */
static void test_revoke(void **state)
{
    (void)state;
    for (const conv *in = convs; in < convs + 2; in++) {
        box sent = {0}, done = {0};
        complete(sent, 0, TIMMsgSendNewMsg(in->id, in->type, send_new_msg, on_done, &sent));
        complete(done, 0, TIMMsgRevoke(in->id, in->type, sent.json, on_done, &done));
        answered_with(&done, "");
        empty(&sent);
    }
}

static void test_find_by_msg_locator_list(void **state)
{
    (void)state;
    for (const conv *in = convs; in < convs + 2; in++) {
        box found = {0};
        complete(found, 0,
                 TIMMsgFindByMsgLocatorList(in->id, in->type, find_by_msg_locator_list, on_done, &found));
        answered_with(&found, "[]");
    }
}

static void test_import_msg_list(void **state)
{
    (void)state;
    for (const conv *in = convs; in < convs + 2; in++) {
        box done = {0};
        for (int i = 0; i < 2; i++) /* the second time changes nothing */
            complete(done, 0, TIMMsgImportMsgList(in->id, in->type, import_msg_list, on_done, &done));
        answered_with(&done, "");
        check_list(in, (const char *const[]){"this is import msg", NULL});
    }
}

/* Its function has no text of its own: "you can construct a message JSON string". */
static void test_save_msg(void **state)
{
    (void)state;
    for (const conv *in = convs; in < convs + 2; in++) {
        box done = {0};
        complete(done, 0, TIMMsgSaveMsg(in->id, in->type, send_new_msg, on_done, &done));
        answered_with(&done, "");
        check_list(in, (const char *const[]){"send text", NULL});
    }
}

static void test_get_msg_list(void **state)
{
    (void)state;
    box got = {0};
    complete(got, 0, TIMMsgGetMsgList("Windows-02", kTIMConv_C2C, get_msg_list, on_done, &got));
    answered_with(&got, "[]");
    complete(got, 0, TIMMsgImportMsgList("Windows-02", kTIMConv_C2C, import_msg_list, on_done, &got));
    complete(got, 0, TIMMsgSendNewMsg("user2", kTIMConv_C2C, send_new_msg, on_done, &got));
    empty(&got);
    check_list(&(conv){"Windows-02", kTIMConv_C2C}, (const char *const[]){"this is import msg", NULL});
}

static void test_delete(void **state)
{
    (void)state;
    for (const conv *in = convs; in < convs + 2; in++) {
        box done = {0};
        complete(done, 0, TIMMsgSendNewMsg(in->id, in->type, send_new_msg, on_done, &done));
        complete(done, 0, TIMMsgImportMsgList(in->id, in->type, import_msg_list, on_done, &done));
        complete(done, 0, TIMMsgDelete(in->id, in->type, delete_msg, on_done, &done));
        answered_with(&done, "");
        check_list(in, (const char *const[]){NULL});
    }
}

static void test_batch_send(void **state)
{
    (void)state;
    static const char *const users[] = {"user2", "user3"};
    box done = {0};
    complete(done, 0, TIMMsgBatchSend(batch_send, on_done, &done));
    cJSON *results = answered(&done);
    assert_int_equal(cJSON_GetArraySize(results), 2);
    for (int i = 0; i < 2; i++) {
        const cJSON *result = cJSON_GetArrayItem(results, i);
        const char *user =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, kTIMMsgBatchSendResultIdentifier));
        assert_string_equal(user, users[i]);
        assert_true(number_of(result, kTIMMsgBatchSendResultCode) == 0);
        const cJSON *message = cJSON_GetObjectItemCaseSensitive(result, kTIMMsgBatchSendResultMsg);
        assert_string_equal(text_of(message), "this is batch send msg");
        assert_true(number_of(message, kTIMMsgClientTime) == 1551340614);
        check_list(&(conv){users[i], kTIMConv_C2C}, (const char *const[]){"this is batch send msg", NULL});
    }
    cJSON_Delete(results);
}

#define T(name) cmocka_unit_test_setup_teardown(name, open_all, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_send_new_msg),    T(test_report_readed),
        T(test_revoke),          T(test_find_by_msg_locator_list),
        T(test_import_msg_list), T(test_save_msg),
        T(test_get_msg_list),    T(test_delete),
        T(test_batch_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
