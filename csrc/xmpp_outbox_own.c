/* XMPP outbox, what the session says of its own accord: GroupTips, invitations, and questions whether there is a user. See
 * xmpp_session.h and xmpp_outbox.h. */
#include "xmpp_outbox.h"

#include "clock.h"
#include "include/TIMCloudDef.h"

#include <string.h>

/* Rule 10: it has its place among the messages. */
static void identify(tm_xmpp *x, tm_message *message)
{
    message->seq = tm_next_seq(tm_mirror_top_seq(x->mirror, message->conv_type, message->conv_id));
    message->rand = tm_message_random();
    message->client_time = tm_clock_seconds();
}

/* A stanza of the session's own: `body` is what it carries. `id`: by which it is known; NULL: a new one. */
static void add_own(tm_xmpp *x, int32_t conv_type, const char *conv_id, tm_own_stanza what, const char *id,
                    const char *body, void (*done)(tm_xmpp *x, tm_task *task), void *argument)
{
    tm_error err = {0};
    tm_message message = {.conv_type = conv_type,
                          .conv_id = (char *)(uintptr_t)conv_id,
                          .elems = (char *)(uintptr_t)body,
                          .priority = kTIMMsgPriority_Normal};
    tm_op op = {.kind = TM_OP_SEND, .message = &message};
    tm_task *task = tm_task_new(&op);
    if (!task) {
        tm_xmpp_log(x, kTIMLog_Error, "something about a group was not sent: out of memory");
        return;
    }
    task->done = done ? done : tm_task_nothing;
    task->argument = argument;
    task->own = what;
    if (!id || !tm_item_read_id(id, &task->message.seq, &task->message.rand, &task->message.client_time))
        identify(x, &task->message);
    task->deadline = tm_clock_ms() + x->timeout_ms;
    if (tm_outbox_name_stanza(x, task, &err))
        tm_xmpp_fail(x, task, err.code, err.text);
    else
        tm_outbox_append(x, task);
}

char *tm_outbox_tips_id(tm_xmpp *x, const char *group)
{
    tm_message message = {.conv_type = kTIMConv_Group, .conv_id = (char *)(uintptr_t)group};
    identify(x, &message);
    return tm_item_id(&message);
}

void tm_outbox_tips(tm_xmpp *x, const char *group, const char *id, const char *elems,
                    void (*done)(tm_xmpp *x, tm_task *task), void *argument)
{
    add_own(x, kTIMConv_Group, group, TM_OWN_TIPS, id, elems, done, argument);
}

bool tm_outbox_has_said(const tm_xmpp *x, const void *argument)
{
    for (const tm_task *task = x->sending; task; task = task->next)
        if (task->own == TM_OWN_TIPS && task->argument == argument) return task->acked;
    return false;
}

bool tm_outbox_has_tips(const tm_xmpp *x, const char *group, const char *id)
{
    for (const tm_task *task = x->sending; task; task = task->next)
        if (task->own == TM_OWN_TIPS && strcmp(task->op.message->conv_id, group) == 0 &&
            strcmp(task->id, id) == 0)
            return true;
    return false;
}

void tm_outbox_invite(tm_xmpp *x, const char *user, const char *group,
                      void (*done)(tm_xmpp *x, tm_task *task), void *argument)
{
    add_own(x, kTIMConv_C2C, user, TM_OWN_INVITATION, NULL, group, done, argument);
}

void tm_outbox_probe(tm_xmpp *x, const char *user, void (*done)(tm_xmpp *x, tm_task *task), void *argument)
{
    add_own(x, kTIMConv_C2C, user, TM_OWN_PROBE, NULL, "", done, argument);
}
