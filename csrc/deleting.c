/* Deleting: Delete (rule 36). See worker.h. */
#include "worker.h"

#include "include/TIMCloudDef.h"
#include "json.h"

static int32_t start_delete(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_conv conv;
    tm_stored stored = {0};
    const cJSON *tree = tm_json_get(request->args.json, kTIMMsgDeleteParamMsg);
    int32_t code = tm_worker_conv(worker, request, false, &conv, err);
    if (code || !conv.id) return code;
    if (tm_json_is_empty(tree)) return tm_store_delete_all(worker->store, &conv, err);
    code = tm_worker_find(worker, &conv, tree, &stored, err);
    if (!code && stored.id) code = tm_store_delete(worker->store, &conv, &stored, err);
    tm_message_clear(&stored.message);
    return code;
}

const tm_handler_type tm_handle_delete = {.class = TM_CLASS_LOCAL, .synced = true, .start = start_delete};
