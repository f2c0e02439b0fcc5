/* XMPP group state: what a task GROUP keeps between its steps. See xmpp_group.h. */
#include "xmpp_group.h"

#include <stdio.h>

static void drop_state(tm_task *task)
{
    tm_group_state *of = task->state;
    if (!of) return;
    cJSON_Delete(of->names);
    cJSON_Delete(of->roles);
    cJSON_Delete(of->info);
    tm_free(of);
    task->state = NULL;
}

tm_group_state *tm_group_new_state(tm_xmpp *x, tm_task *task, const char *group)
{
    if (task->drop) task->drop(task);
    tm_group_state *of = tm_calloc(1, sizeof *of);
    task->state = of;
    task->drop = drop_state;
    if (of)
        snprintf(of->group, sizeof of->group, "%s", group);
    else
        tm_xmpp_fail_memory(x, task);
    return of;
}
