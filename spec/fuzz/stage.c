/* Stage: see stage.h. */
#include "stage.h"

#include "json.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 200
#define DIRECTORY "/fuzz"
static const char *const users[2] = {"alice", "bob"};
static stage the_stage;

void stage_wrong(const char *what)
{
    fprintf(stderr, "wrong: %s\n", what);
    abort();
}

/* ---- building ---- */

static void open_hub(stage *of)
{
    tm_error err = {0};
    char *name = tm_world_database(of->world, DIRECTORY "/hub.db", &err);
    if (!name || sqlite3_open_v2(name, &of->hub, SQLITE_OPEN_READWRITE, "memdb") != SQLITE_OK)
        stage_wrong("the hub's database does not open");
    sqlite3_busy_timeout(of->hub, 1000);
    tm_free(name);
}

static void add_user(stage *of, int who)
{
    tm_error err = {0};
    char config[200];
    snprintf(config, sizeof config,
             "{\"sdk_config_config_file_path\":\"/fuzz/%s\",\"sdk_config_server\":\"hub:%s\"}", users[who],
             DIRECTORY);
    cJSON *tree = cJSON_Parse(config);
    if (!(of->mailboxes[who] = tm_mailbox_new(&err)) ||
        tm_client_new(tree, 0, of->mailboxes[who], of->world, &of->clients[who], &err))
        stage_wrong(err.text);
    cJSON_Delete(tree);
    tm_client_want(of->clients[who], ~0u);
    tm_args args = {.first_text = tm_strdup(users[who]), .second_text = tm_strdup("sig")};
    if (tm_client_call(of->clients[who], TM_CALL_LOGIN, &args, NULL, &err)) stage_wrong(err.text);
}

static void group_of_both(stage *of)
{
    cJSON *group = cJSON_Parse(
        "{\"create_group_param_group_id\":\"crew\",\"create_group_param_group_name\":\"crew\","
        "\"create_group_param_group_member_array\":[{\"group_member_info_identifier\":\"bob\"}]}");
    stage_call(of, 0, TM_CALL_GROUP_CREATE, NULL, 0, NULL, group);
}

static void close_all(stage *of)
{
    sqlite3_close(of->hub);
    for (int who = 0; who < 2; who++) {
        tm_client_free(of->clients[who]);
        tm_mailbox_free(of->mailboxes[who]);
    }
    tm_world_release(of->world);
    memset(of, 0, sizeof *of);
}

stage *stage_enter(void)
{
    stage *of = &the_stage;
    tm_error err = {0};
    if (of->world && of->runs++ < RUNS) return of;
    if (of->world) close_all(of);
    of->runs = 0;
    if (!(of->world = tm_world_new(1, 1700000000, &err))) stage_wrong(err.text);
    for (int who = 0; who < 2; who++)
        add_user(of, who);
    stage_settle(of);
    open_hub(of);
    group_of_both(of);
    stage_settle(of);
    return of;
}

/* ---- playing ---- */

bool stage_call(stage *of, int who, tm_call_kind kind, const char *conv_id, int32_t conv_type,
                const char *text, cJSON *json)
{
    tm_error err = {0};
    tm_args args = {
        .conv_id = tm_strdup(conv_id), .conv_type = conv_type, .first_text = tm_strdup(text), .json = json};
    int32_t code = tm_client_call(of->clients[who], kind, &args, NULL, &err);
    if (code && !*err.text) stage_wrong("a call was refused without a sentence");
    return !code;
}

/* That its text is one that the library itself would take. */
static void check_text(const cJSON *tree)
{
    tm_error err = {0};
    char *text = tm_json_print(tree);
    cJSON *again = text ? tm_json_parse(text, strlen(text), 0, &err) : NULL;
    if (!again) stage_wrong(text ? err.text : "a tree was not printed");
    cJSON_Delete(again);
    tm_free(text);
}

void stage_check_tree(const cJSON *tree)
{
    tm_error err = {0};
    char *text = tm_json_print(tree);
    if (!text) stage_wrong("a tree was not printed");
    cJSON *again = tm_json_parse(text, strlen(text), 0, &err),
          *own = tm_json_parse_own(text, strlen(text), &err);
    if (!again || !own) stage_wrong(err.text);
    char *twice = tm_json_print(again), *thrice = tm_json_print(own);
    if (strcmp(text, twice) != 0 || strcmp(text, thrice) != 0)
        stage_wrong("a text does not come back as it was");
    cJSON_Delete(again);
    cJSON_Delete(own);
    tm_free(text);
    tm_free(twice);
    tm_free(thrice);
}

static void look_for_said(stage *of, int who, const tm_letter *letter)
{
    if (who == 1 && letter->kind == TM_LETTER_RESULT) of->is_sent = !letter->code;
    if (who == 1 || letter->kind != TM_LETTER_RECV_NEW_MSG) return;
    for (size_t i = 0; letter->messages && i < letter->messages->count; i++)
        of->heard |= strstr(letter->messages->list[i].message.elems, of->said) != NULL;
}

static void look_at(tm_letter *letter)
{
    if (letter->code && !*letter->desc) stage_wrong("a call failed without a sentence");
    if (!tm_utf8_valid(letter->desc, strlen(letter->desc), NULL)) stage_wrong("a sentence is not UTF-8");
    if (!tm_letter_unpack(letter)) stage_wrong("a letter was not unpacked");
    if (letter->json) check_text(letter->json);
}

void stage_settle(stage *of)
{
    tm_world_pump(of->world);
    for (int who = 0; who < 2; who++) {
        tm_letter *letter;
        while ((letter = tm_mailbox_take(of->mailboxes[who]))) {
            if (*of->said) look_for_said(of, who, letter);
            look_at(letter);
            tm_letter_free(letter);
        }
    }
}

void stage_say(stage *of)
{
    char text[100];
    stage_settle(of);
    snprintf(of->said, sizeof of->said, "<said %u>", of->runs);
    of->is_sent = of->heard = false;
    snprintf(text, sizeof text, "{\"message_elem_array\":[{\"elem_type\":0,\"text_elem_content\":\"%s\"}]}",
             of->said);
    stage_call(of, 1, TM_CALL_SEND_NEW_MSG, "alice", 1, NULL, cJSON_Parse(text));
    stage_settle(of);
    if (of->is_sent && !of->heard) stage_wrong("what was sent is not heard");
    *of->said = '\0';
}

/* ---- bytes ---- */

unsigned bytes_one(bytes *from)
{
    return from->at < from->end ? *from->at++ : 0;
}

uint64_t bytes_number(bytes *from)
{
    static const uint64_t ends[] = {
        0, 1, UINT32_MAX, INT32_MAX, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX, 1700000000};
    unsigned kind = bytes_one(from);
    if (kind < 128) return ends[kind % 8] + kind / 8 % 3;
    uint64_t number = 0;
    for (unsigned i = 0; i < kind % 9; i++)
        number = number << 8 | bytes_one(from);
    return number;
}

char *bytes_text(bytes *from, size_t most)
{
    size_t length = bytes_one(from) | (size_t)bytes_one(from) << 8;
    size_t left = (size_t)(from->end - from->at);
    if (length > left) length = left;
    if (length > most) length = most;
    char *text = malloc(length + 1);
    if (!text) stage_wrong("out of memory");
    if (length) memcpy(text, from->at, length);
    text[length] = '\0';
    from->at += length;
    return text;
}
