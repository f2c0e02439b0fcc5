/* Fuzz target: the hub's log as another, hostile process might write it: rows of any kind with values of any type, in any
 * order, and what alice and bob make of that. An input is a program of such rows. */
#include "stage.h"
#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_STEPS 12
#define HISTORY "{\"msg_getmsglist_param_count\":5}"

/* ---- values of any type ---- */

static const char *const names[] = {"alice", "bob", "crew", "@TIM#SYSTEM", "", "nobody"};

static void bind_any(sqlite3_stmt *row, int column, bytes *from)
{
    char *text;
    switch (bytes_one(from) % 8) {
    case 0: sqlite3_bind_null(row, column); break;
    case 1: sqlite3_bind_double(row, column, (double)bytes_number(from) / 3); break;
    case 2:
        text = bytes_text(from, 64);
        sqlite3_bind_blob(row, column, text, (int)strlen(text), SQLITE_TRANSIENT);
        free(text);
        break;
    case 3:
        text = bytes_text(from, 20000);
        sqlite3_bind_text(row, column, text, -1, SQLITE_TRANSIENT);
        free(text);
        break;
    case 4: sqlite3_bind_text(row, column, names[bytes_one(from) % 6], -1, SQLITE_STATIC); break;
    case 5: sqlite3_bind_int64(row, column, (int64_t)bytes_number(from)); break;
    default: sqlite3_bind_int64(row, column, bytes_one(from) % 8); break;
    }
}

/* What peers send. */
static const char *const samples[] = {
    "[{\"elem_type\":0,\"text_elem_content\":\"x\"}]",
    "[{\"elem_type\":3,\"custom_elem_data\":\"\",\"custom_elem_desc\":\"\\\\\"},{\"elem_type\":6,\"face_elem_"
    "index\":1}]",
    "[{\"elem_type\":7,\"location_elem_desc\":\"\",\"location_elem_longitude\":1.5,\"location_elem_"
    "latitude\":-2}]",
    "[{\"elem_type\":1,\"image_elem_orig_url\":\"hub:x\",\"image_elem_orig_pic_width\":1}]",
    "[{\"elem_type\":4,\"file_elem_file_id\":\"../x\",\"file_elem_file_name\":\"/etc/"
    "x\",\"file_elem_file_size\":5}]",
    "[{\"elem_type\":9,\"video_elem_video_type\":\"mp4\"},{\"elem_type\":2,\"sound_elem_file_time\":3}]",
    "[{\"elem_type\":5,\"group_tips_elem_tip_type\":1,\"group_tips_elem_op_user\":\"bob\",\"group_tips_elem_"
    "group_id\":\"crew\","
    "\"group_tips_elem_user_array\":[\"alice\"]}]",
};

/* JSON as a peer might write it, mostly. */
static void bind_elems(sqlite3_stmt *row, int column, bytes *from)
{
    unsigned kind = bytes_one(from);
    char changed[4096];
    switch (kind % 4) {
    case 0: bind_any(row, column, from); return;
    case 1: {
        char *text = bytes_text(from, 20000);
        sqlite3_bind_text(row, column, text, -1, SQLITE_TRANSIENT);
        free(text);
        return;
    }
    default:
        snprintf(changed, sizeof changed, "%s", samples[kind / 4 % (sizeof samples / sizeof *samples)]);
        tree_change(changed, sizeof changed, bytes_one(from) | bytes_one(from) << 8);
        sqlite3_bind_text(row, column, changed, -1, SQLITE_TRANSIENT);
    }
}

/* ---- steps ---- */

static void run(stage *of, const char *sql, bytes *from, int columns, int elems_at)
{
    sqlite3_stmt *row = NULL;
    if (sqlite3_prepare_v2(of->hub, sql, -1, &row, NULL) != SQLITE_OK) stage_wrong(sqlite3_errmsg(of->hub));
    for (int column = 1; column <= columns; column++)
        if (column == elems_at)
            bind_elems(row, column, from);
        else
            bind_any(row, column, from);
    sqlite3_step(row); /* a constraint may refuse it */
    sqlite3_finalize(row);
}

static void event(stage *of, bytes *from)
{
    /* most are for somebody, in a conversation that there is */
    unsigned shape = bytes_one(from);
    run(of,
        shape & 1 ? "INSERT INTO events(kind, topic, sender, seq, rand, client_time, server_time, priority, "
                    "revoked, target,"
                    " elems) VALUES(1, 1 + abs(?) % 3, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                  : "INSERT INTO events(kind, topic, sender, seq, rand, client_time, server_time, priority, "
                    "revoked, elems,"
                    " target) VALUES(1 + abs(?) % 6, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        from, 10, shape & 1 ? 10 : 9);
    int64_t id = sqlite3_last_insert_rowid(of->hub);
    char sql[120];
    snprintf(sql, sizeof sql, "INSERT OR IGNORE INTO inbox SELECT id, %lld FROM users", (long long)id);
    if (shape & 6) sqlite3_exec(of->hub, sql, NULL, NULL, NULL);
}

static void step(stage *of, bytes *from)
{
    switch (bytes_one(from) % 12) {
    case 0: run(of, "INSERT OR IGNORE INTO inbox VALUES(?, ?)", from, 2, 0); break;
    case 1: run(of, "UPDATE topics SET last_time = ?, last_seq = ? WHERE id = ?", from, 3, 0); break;
    case 2:
        run(of, "UPDATE OR IGNORE events SET revoked = ?, elems = ?, server_time = ? WHERE id = abs(?) % 50",
            from, 4, 2);
        break;
    case 3: run(of, "INSERT OR REPLACE INTO reads VALUES(?, ?, ?)", from, 3, 0); break;
    case 4:
        run(of,
            "INSERT OR REPLACE INTO members(group_id, user, role, joined, name_card) VALUES(?, ?, ?, ?, ?)",
            from, 5, 0);
        break;
    case 5:
        run(of,
            "UPDATE groups SET title = ?, type = ?, add_option = ?, max_members = ?, created = ? WHERE id = "
            "1",
            from, 5, 0);
        break;
    default: event(of, from); break;
    }
}

/* Reads one thing of what is there, or, seldom, all: to look at what a call brings costs more than all the rows of a run,
 * so that a page is short, too. Each takes in what has come. */
static void look_around(stage *of, bytes *from)
{
    enum { PEER, CREW, CONVS, GROUPS, MEMBERS, READ, SAY };
    unsigned what = bytes_one(from), one = what / 2 % 8;
    bool all = what / 16 == 15;
    int who = (int)(what & 1);
    const char *peer = who ? "alice" : "bob";
    if (one == SAY || what / 16 % 4 == 0) stage_say(of);
    if (one == PEER || all) stage_call(of, who, TM_CALL_GET_MSG_LIST, peer, 1, NULL, cJSON_Parse(HISTORY));
    if (one == CREW || all) stage_call(of, who, TM_CALL_GET_MSG_LIST, "crew", 2, NULL, cJSON_Parse(HISTORY));
    if (one == CONVS || all) stage_call(of, who, TM_CALL_CONV_GET_CONV_LIST, NULL, 0, NULL, NULL);
    if (one == GROUPS || all) stage_call(of, who, TM_CALL_GROUP_GET_JOINED_GROUP_LIST, NULL, 0, NULL, NULL);
    if (one == MEMBERS || all)
        stage_call(of, who, TM_CALL_GROUP_GET_MEMBER_INFO_LIST, NULL, 0, NULL,
                   cJSON_Parse("{\"group_get_members_info_list_param_group_id\":\"crew\"}"));
    if (one == READ || all) stage_call(of, who, TM_CALL_REPORT_READED, peer, 1, NULL, NULL);
    stage_settle(of);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes from = {data, data + size};
    stage *of = stage_enter();
    unsigned steps = 1 + bytes_one(&from) % MOST_STEPS;
    while (steps-- && from.at < from.end)
        step(of, &from);
    look_around(of, &from);
    return 0;
}
