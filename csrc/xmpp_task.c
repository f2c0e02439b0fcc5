/* XMPP tasks: the worker's operations on their way through the session: given to who handles them, kept while
 * they wait, answered, failed at their deadlines. See xmpp_session.h. */
#include "clock.h"
#include "include/TIMCloudDef.h"
#include "xmpp_session.h"

tm_task *tm_task_new(const tm_op *op)
{
    tm_error err = {0};
    tm_task *task = tm_calloc(1, sizeof *task);
    if (!task) return NULL;
    task->asked = (tm_op *)(uintptr_t)op;
    task->op = *op;
    task->op.next = NULL;
    task->op.message = NULL;
    task->op.path = NULL;
    task->op.text = task->text = tm_strdup(op->text);
    task->op.second = task->second = tm_strdup(op->second);
    task->op.third = task->third = tm_strdup(op->third);
    task->op.cursor = task->cursor = tm_strdup(op->cursor);
    task->op.param = task->param = op->param ? cJSON_Duplicate(op->param, true) : NULL;
    bool ok = (!op->text || task->text) && (!op->second || task->second) && (!op->third || task->third) &&
              (!op->cursor || task->cursor) && (!op->param || task->param);
    if (ok && op->message) {
        ok = tm_message_copy(op->message, &task->message, &err) == 0;
        task->op.message = &task->message;
    }
    if (ok) return task;
    tm_task_free(task);
    return NULL;
}

void tm_task_free(tm_task *task)
{
    if (!task) return;
    if (task->drop) task->drop(task);
    tm_message_clear(&task->message);
    tm_free(task->text);
    tm_free(task->second);
    tm_free(task->third);
    tm_free(task->cursor);
    cJSON_Delete(task->param);
    tm_free(task->id);
    tm_free(task->to);
    tm_free(task->target);
    tm_event_free_list(task->op.events);
    cJSON_Delete(task->op.result);
    tm_free(task->op.id);
    tm_free(task->op.url);
    tm_free(task);
}

void tm_task_nothing(tm_xmpp *x, tm_task *task)
{
    (void)x;
    (void)task;
}

void tm_tasks_free(tm_task *list)
{
    while (list) {
        tm_task *next = list->next;
        tm_task_free(list);
        list = next;
    }
}

tm_task *tm_xmpp_release(tm_xmpp *x, tm_task *task)
{
    for (tm_task **at = &x->working; *at; at = &(*at)->next)
        if (*at == task) {
            *at = task->next;
            x->released = true;
            break;
        }
    task->next = NULL;
    return task;
}

void tm_xmpp_answer(tm_xmpp *x, tm_task *task)
{
    tm_xmpp_release(x, task);
    if (task->op.kind == TM_OP_GROUP && task->op.error.code) tm_group_failed(x, task);
    /* after a failure no more of them are asked about */
    if (task->op.kind == TM_OP_SETTLE && x->unsettled)
        x->unsettled = task->op.error.code ? 0 : x->unsettled - 1;
    if (task->done) {
        task->done(x, task);
        tm_task_free(task);
        return;
    }
    pthread_mutex_lock(&x->lock);
    if (x->last_answer)
        x->last_answer->next = task;
    else
        x->answers = task;
    x->last_answer = task;
    pthread_mutex_unlock(&x->lock);
    tm_wake_signal(&x->bell);
}

void tm_xmpp_fail(tm_xmpp *x, tm_task *task, int32_t code, const char *text)
{
    tm_fail(&task->op.error, code, "%s", text);
    tm_xmpp_answer(x, task);
}

void tm_xmpp_fail_memory(tm_xmpp *x, tm_task *task)
{
    tm_fail_memory(&task->op.error);
    tm_xmpp_answer(x, task);
}

void tm_xmpp_fail_by_answer(tm_xmpp *x, tm_task *task, xmpp_stanza_t *answer)
{
    tm_xmpp_error(answer, &task->op.error);
    tm_xmpp_answer(x, task);
}

void tm_xmpp_answer_first(tm_xmpp *x, tm_task *second)
{
    tm_task *task = tm_xmpp_find(x, second->argument);
    if (task) tm_xmpp_answer(x, task);
}

void tm_xmpp_keep(tm_xmpp *x, tm_task *task)
{
    tm_task **end = &x->working;
    while (*end)
        end = &(*end)->next;
    task->next = NULL;
    *end = task;
}

void *tm_xmpp_number(const tm_task *task)
{
    return (void *)(uintptr_t)task->number;
}

tm_task *tm_xmpp_find(tm_xmpp *x, void *number)
{
    for (tm_task *task = x->working; task; task = task->next)
        if (task->number == (uint64_t)(uintptr_t)number) return task;
    return NULL;
}

void tm_xmpp_progress(tm_xmpp *x, tm_task *task)
{
    if (task->deadline) task->deadline = tm_clock_ms() + x->timeout_ms;
}

void tm_tasks_expire(tm_xmpp *x)
{
    uint64_t now = tm_clock_ms();
    for (tm_task *task = x->working; task;) {
        tm_task *next = task->next;
        if (task->deadline && task->deadline <= now) {
            bool is_answered = task->op.kind == TM_OP_GROUP && tm_group_expired(x, task);
            if (!is_answered)
                tm_xmpp_fail(x, task, ERR_REQUEST_TIMEOUT, "the server has not answered in time");
            next = x->working; /* whoever was told may have begun or ended others */
        }
        task = next;
    }
}

void tm_task_start(tm_xmpp *x, tm_task *task)
{
    task->number = ++x->tasks;
    task->deadline = tm_clock_ms() + x->timeout_ms;
    switch (task->op.kind) {
    case TM_OP_SEND:
    case TM_OP_REVOKE:
    case TM_OP_READ: tm_outbox_add(x, task); break;
    case TM_OP_SETTLE: tm_settle_start(x, task); break;
    case TM_OP_HISTORY: tm_history_start(x, task); break;
    case TM_OP_GROUP: tm_group_start(x, task); break;
    case TM_OP_UPLOAD: tm_upload_start(x, task); break;
    case TM_OP_LOGIN: tm_xmpp_answer(x, task); break;
    }
}
