/* XMPP outbox, revoking: what of it can be refused at once (rule 28). See xmpp_outbox.h. */
#include "xmpp_outbox.h"

#include "clock.h"
#include "include/TIMCloudDef.h"

#include <string.h>

static bool is_being_revoked(const tm_xmpp *x, const tm_message *message, const char *id)
{
    for (const tm_task *task = x->sending; id && task; task = task->next)
        if (task->op.kind == TM_OP_REVOKE && strcmp(task->target, id) == 0 &&
            task->op.message->conv_type == message->conv_type &&
            strcmp(task->op.message->conv_id, message->conv_id) == 0 &&
            strcmp(task->op.message->sender, message->sender) == 0)
            return true;
    return false;
}

static int32_t is_revoked(tm_error *err)
{
    return tm_fail(err, ERR_SVR_MSG_REVOKED_ALREADY, "the message is revoked already");
}

static int32_t may_not(bool group, tm_error *err)
{
    return tm_fail(err, ERR_SVR_GROUP_PERMISSION_DENY,
                   group ? "only the sender, the owner and admins may revoke it"
                         : "only the sender may revoke it");
}

static int32_t is_too_old(const tm_xmpp *x, bool group, tm_error *err)
{
    return tm_fail(err, group ? ERR_SVR_GROUP_REVOKE_MSG_TIME_LIMIT : ERR_SVR_MSG_REVOKE_TIME_LIMIT,
                   "the message is older than %u s", x->window_s);
}

int32_t tm_outbox_check_revoke(tm_xmpp *x, tm_task *task, bool *look_up, tm_error *err)
{
    const tm_message *message = task->op.message;
    tm_mirror_message found = {0};
    bool group = message->conv_type == kTIMConv_Group;
    uint64_t now = tm_clock_seconds();
    int32_t code = tm_mirror_find(x->mirror, message->conv_type, message->conv_id, message->sender,
                                  message->seq, message->rand, &found, err);
    if (code) return code;
    uint64_t time = found.number ? found.stamp / 1000000 : message->server_time;
    bool too_old = time && now > time && now - time > x->window_s;
    if (found.number && message->server_time && message->server_time != time)
        code = tm_fail(err, group ? ERR_SVR_GROUP_REVOKE_MSG_NOT_FOUND : ERR_SVR_MSG_REVOKE_NOT_FOUND,
                       "the message has another time");
    else if (found.number && !*found.id)
        code = tm_fail(err, group ? ERR_SVR_GROUP_REVOKE_MSG_NOT_FOUND : ERR_SVR_MSG_REVOKE_NOT_FOUND,
                       "another client gave its id to a later message: it cannot be named");
    else if (found.revoked || is_being_revoked(x, message, found.id))
        code = is_revoked(err);
    else if (found.number && !found.is_self && !(group && tm_group_may_revoke(x, message->conv_id)))
        code = may_not(group, err);
    else if (too_old)
        code = is_too_old(x, group, err);
    else if (!found.number && task->step != TM_STEP_LOOKED_UP && x->welcome)
        *look_up = true;
    else if (!found.number)
        code = tm_fail(err, group ? ERR_SVR_GROUP_REVOKE_MSG_NOT_FOUND : ERR_SVR_MSG_REVOKE_NOT_FOUND,
                       "the message to revoke is not in the conversation");
    task->target = found.id;
    return code;
}

int32_t tm_outbox_explain_revoke(const tm_xmpp *x, const tm_task *task, const tm_mirrored *mirrored,
                                 tm_error *err)
{
    bool group = task->op.message->conv_type == kTIMConv_Group;
    if (mirrored->denied) return may_not(group, err);
    return mirrored->late ? is_too_old(x, group, err) : is_revoked(err);
}
