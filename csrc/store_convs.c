/* Store: conversations. See store.h. */
#include "store_internal.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

/* The row of "SELECT id, type, name, listed, top_seq, my_read, peer_read, cleared, cleared_position". No row leaves id 0. */
static int32_t read_conv(tm_store *store, sqlite3_stmt *row, tm_conv *conv, tm_error *err)
{
    tm_error local = {0};
    if (tm_sql_step(store->sql, row, &local)) {
        conv->id = sqlite3_column_int64(row, 0);
        conv->type = sqlite3_column_int(row, 1);
        snprintf(conv->name, sizeof conv->name, "%s", tm_sql_column_text(row, 2));
        conv->listed = sqlite3_column_int(row, 3);
        conv->top_seq = tm_sql_column_u64(row, 4);
        conv->my_read = sqlite3_column_int64(row, 5);
        conv->peer_read = sqlite3_column_int64(row, 6);
        conv->cleared = tm_sql_column_u64(row, 7);
        conv->cleared_position = sqlite3_column_int64(row, 8);
        tm_sql_drop(row);
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

void tm_store_forget(tm_store *store)
{
    store->recent.id = store->top_conv = 0;
}

#define SELECT_CONV                                                                                          \
    "SELECT id, type, name, listed, top_seq, my_read, peer_read, cleared, cleared_position FROM convs "      \
    "WHERE "

int32_t tm_store_conv_by_id(tm_store *store, int64_t id, tm_conv *conv, tm_error *err)
{
    memset(conv, 0, sizeof *conv);
    sqlite3_stmt *row = tm_sql_query(store->sql, err, SELECT_CONV "id = ?", "i", id);
    return row ? read_conv(store, row, conv, err) : err->code;
}

int32_t tm_store_conv(tm_store *store, int32_t type, const char *name, bool make, tm_conv *conv,
                      tm_error *err)
{
    if (store->recent.id && store->recent.type == type && strcmp(store->recent.name, name) == 0) {
        *conv = store->recent;
        return 0;
    }
    memset(conv, 0, sizeof *conv);
    conv->type = type;
    snprintf(conv->name, sizeof conv->name, "%s", name);
    sqlite3_stmt *row =
        tm_sql_query(store->sql, err, SELECT_CONV "type = ? AND name = ?", "it", (int64_t)type, name);
    int32_t code = row ? read_conv(store, row, conv, err) : err->code;
    if (!code && !conv->id && make) {
        code = tm_sql_run(store->sql, err, "INSERT INTO convs(type, name) VALUES(?, ?)", "it", (int64_t)type,
                          conv->name);
        if (!code) conv->id = tm_sql_last_id(store->sql);
    }
    if (!code) store->recent = *conv;
    return code;
}

int32_t tm_store_list_conv(tm_store *store, tm_conv *conv, bool listed, uint64_t active_time, tm_error *err)
{
    int32_t code = tm_store_touch(store, conv, err);
    if (code) return code;
    /* many messages in a row for one conversation list it once */
    if (listed && active_time && store->top_conv == conv->id && active_time <= store->top_time) {
        conv->listed = true;
        return 0;
    }
    store->top_conv = listed && active_time ? conv->id : 0;
    store->top_time = active_time;
    if (active_time) {
        code = tm_sql_run(store->sql, err,
                          "UPDATE convs SET listed = ?1, active_time = max(active_time, ?2), activity = "
                          "(SELECT max(activity) + 1 FROM convs) WHERE id = ?3",
                          "iui", (int64_t)listed, active_time, conv->id);
    } else if (conv->listed != listed) {
        code =
            tm_sql_run(store->sql, err,
                       "UPDATE convs SET listed = ?1, active_time = CASE WHEN ?1 THEN active_time ELSE 0 END "
                       "WHERE id = ?2",
                       "ii", (int64_t)listed, conv->id);
    }
    if (!code) conv->listed = listed;
    if (store->recent.id == conv->id) store->recent.listed = conv->listed;
    return code;
}

int32_t tm_store_set_top_seq(tm_store *store, tm_conv *conv, uint64_t seq, tm_error *err)
{
    if (seq <= conv->top_seq) return 0;
    conv->top_seq = seq;
    if (store->recent.id == conv->id) store->recent.top_seq = seq;
    return tm_sql_run(store->sql, err, "UPDATE convs SET top_seq = ? WHERE id = ?", "ui", seq, conv->id);
}

int32_t tm_store_set_draft(tm_store *store, const tm_conv *conv, const char *draft, uint64_t time,
                           tm_error *err)
{
    return tm_sql_run(store->sql, err, "UPDATE convs SET draft = ?, draft_time = ? WHERE id = ?", "tui",
                      draft, time, conv->id);
}

/* The newest message of a conversation as a tree in an array of one, or an empty array. */
static cJSON *last_message(tm_store *store, const tm_conv *conv, tm_error *err)
{
    tm_messages *messages = tm_messages_new();
    cJSON *array = NULL;
    uint32_t rows;
    uint64_t last_time;
    if (!messages || (!tm_store_page(store, conv, NULL, false, 1, messages, &rows, &last_time, err) &&
                      !(array = tm_messages_to_tree(messages))))
        tm_fail_memory(err);
    tm_messages_free(messages);
    return array;
}

/* Columns: type, name, unread, active_time, draft, draft_time. The row's texts are copied before anything
 * else runs. */
static cJSON *info_tree(tm_store *store, sqlite3_stmt *row)
{
    cJSON *info = cJSON_CreateObject();
    const char *draft = (const char *)sqlite3_column_text(row, 4);
    bool ok = tm_json_add_string(info, kTIMConvId, tm_sql_column_text(row, 1)) &&
              tm_json_add_int(info, kTIMConvType, sqlite3_column_int64(row, 0)) &&
              tm_json_add_string(info, kTIMConvOwner, store->user) &&
              tm_json_add_int(info, kTIMConvUnReadNum, sqlite3_column_int64(row, 2)) &&
              tm_json_add_uint(info, kTIMConvActiveTime, tm_sql_column_u64(row, 3)) &&
              tm_json_add_bool(info, kTIMConvIsHasDraft, draft != NULL);
    if (ok && draft) {
        cJSON *tree = tm_json_parse_own(draft, strlen(draft), NULL);
        ok = tm_json_add_item(info, kTIMConvDraft, tree) &&
             tm_json_set_uint(tree, kTIMDraftEditTime, tm_sql_column_u64(row, 5));
    }
    if (ok) return info;
    cJSON_Delete(info);
    return NULL;
}

cJSON *tm_store_conv_info(tm_store *store, int64_t conv_id, tm_error *err)
{
    tm_error local = {0};
    tm_conv conv;
    cJSON *info = NULL, *last = NULL;
    tm_store_conv_by_id(store, conv_id, &conv, &local);
    sqlite3_stmt *row = local.code ? NULL
                                   : tm_sql_query(store->sql, &local,
                                                  "SELECT type, name, unread, active_time, draft, draft_time "
                                                  "FROM convs WHERE id = ?",
                                                  "i", conv_id);
    if (tm_sql_step(store->sql, row, &local)) {
        info = info_tree(store, row);
        tm_sql_drop(row);
        if (!info) tm_fail_memory(&local);
    } else if (!local.code) {
        tm_fail(&local, ERR_INVALID_CONVERSATION, "no such conversation");
    }
    if (info && !(last = last_message(store, &conv, &local))) goto fail;
    if (info) {
        cJSON *message = cJSON_DetachItemFromArray(last, 0);
        cJSON_Delete(last);
        if (!tm_json_add_bool(info, kTIMConvIsHasLastMsg, message != NULL)) {
            cJSON_Delete(message);
            tm_fail_memory(&local);
            goto fail;
        }
        if (message && !tm_json_add_item(info, kTIMConvLastMsg, message)) {
            tm_fail_memory(&local);
            goto fail;
        }
        return info;
    }
fail:
    cJSON_Delete(info);
    tm_fail(err, local.code, "%s", local.text);
    return NULL;
}

cJSON *tm_store_conv_list(tm_store *store, tm_error *err)
{
    tm_error local = {0};
    cJSON *list = cJSON_CreateArray();
    if (!list) tm_fail_memory(&local);
    sqlite3_stmt *row =
        list ? tm_sql_query(store->sql, &local,
                            "SELECT id FROM convs WHERE listed ORDER BY active_time DESC, activity DESC, id",
                            "")
             : NULL;
    while (row && tm_sql_step(store->sql, row, &local)) {
        cJSON *info = tm_store_conv_info(store, sqlite3_column_int64(row, 0), &local);
        if (!info || !tm_json_append(list, info)) {
            if (!local.code) tm_fail_memory(&local);
            tm_sql_drop(row);
            break;
        }
    }
    if (!local.code) return list;
    cJSON_Delete(list);
    tm_fail(err, local.code, "%s", local.text);
    return NULL;
}
