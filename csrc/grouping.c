/* Grouping: the group calls, which the backend answers (rule 42). See worker.h. */
#include "worker.h"

static int32_t start(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_op *op = tm_worker_ask(worker, request, TM_OP_GROUP, err);
    if (!op) return err->code;
    op->call = request->kind;
    op->param = request->args.json;
    op->text = request->args.first_text;
    op->second = request->args.second_text;
    return 0;
}

static int32_t resume(tm_worker *worker, tm_request *request, tm_op *op, tm_error *err)
{
    (void)worker;
    if (op->error.code) return tm_fail(err, op->error.code, "%s", op->error.text);
    request->keep = true; /* it is done at the backend, whatever the store says */
    request->result = op->result;
    op->result = NULL;
    worker->more_events = true; /* GroupTips and memberships of its own doing */
    return 0;
}

const tm_handler_type tm_handle_group = {.class = TM_CLASS_REMOTE, .start = start, .resume = resume};
