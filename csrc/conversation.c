/* Conversation: the list, creating, deleting, drafts (rule 41). See worker.h. */
#include "worker.h"

#include "include/TIMCloudDef.h"
#include "json.h"

static int32_t start_create(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_conv conv;
    int32_t code = tm_worker_conv(worker, request, true, &conv, err);
    if (!code && !conv.listed)
        code = tm_store_list_conv(worker->store, &conv, true, tm_world_seconds(worker->world), err);
    if (code) return code;
    request->result = tm_store_conv_info(worker->store, conv.id, err);
    return request->result ? 0 : err->code;
}

static int32_t start_delete(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_conv conv;
    int32_t code = tm_worker_conv(worker, request, false, &conv, err);
    if (code) return code;
    if (!conv.id || !conv.listed)
        return tm_fail(err, ERR_INVALID_CONVERSATION, "there is no conversation with \"%s\"",
                       request->args.conv_id);
    code = tm_store_delete_all(worker->store, &conv, err);
    if (!code) code = tm_store_set_draft(worker->store, &conv, NULL, 0, err);
    return code ? code : tm_store_list_conv(worker->store, &conv, false, 0, err);
}

static int32_t start_list(tm_worker *worker, tm_request *request, tm_error *err)
{
    request->result = tm_store_conv_list(worker->store, err);
    return request->result ? 0 : err->code;
}

static int32_t start_set_draft(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_conv conv;
    uint64_t now = tm_world_seconds(worker->world);
    uint64_t time = tm_json_get_uint(request->args.json, kTIMDraftEditTime, now);
    cJSON *known = tm_schema_copy_object(&tm_schema_draft, request->args.json, 0);
    char *text = known ? tm_json_print(known) : NULL;
    cJSON_Delete(known);
    int32_t code = text ? tm_worker_conv(worker, request, true, &conv, err) : tm_fail_memory(err);
    if (!code) code = tm_store_list_conv(worker->store, &conv, true, time ? time : now, err);
    if (!code) code = tm_store_set_draft(worker->store, &conv, text, time ? time : now, err);
    tm_free(text);
    return code;
}

static int32_t start_cancel_draft(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_conv conv;
    int32_t code = tm_worker_conv(worker, request, false, &conv, err);
    if (code || !conv.id) return code;
    code = tm_store_touch(worker->store, &conv, err);
    return code ? code : tm_store_set_draft(worker->store, &conv, NULL, 0, err);
}

const tm_handler_type tm_handle_conv_create = {
    .class = TM_CLASS_LOCAL, .synced = true, .start = start_create};
const tm_handler_type tm_handle_conv_delete = {
    .class = TM_CLASS_LOCAL, .synced = true, .start = start_delete};
const tm_handler_type tm_handle_conv_list = {.class = TM_CLASS_LOCAL, .start = start_list};
const tm_handler_type tm_handle_set_draft = {
    .class = TM_CLASS_LOCAL, .synced = true, .start = start_set_draft};
const tm_handler_type tm_handle_cancel_draft = {
    .class = TM_CLASS_LOCAL, .synced = true, .start = start_cancel_draft};
