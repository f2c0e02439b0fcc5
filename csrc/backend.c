/* Backend: picks one by its address, and frees what all of them share. See backend.h. */
#include "backend.h"

#include "hub.h"
#include "include/TIMCloudDef.h"

#include <string.h>

void tm_event_free(tm_event *event)
{
    if (!event) return;
    tm_message_clear(&event->message);
    tm_free(event);
}

void tm_event_free_list(tm_event *list)
{
    while (list) {
        tm_event *next = list->next;
        tm_event_free(list);
        list = next;
    }
}

void tm_op_free(tm_op *op)
{
    if (!op) return;
    tm_event_free_list(op->events);
    cJSON_Delete(op->result);
    tm_free(op->id);
    tm_free(op->url);
    tm_free(op);
}

int32_t tm_backend_check(const char *address, tm_error *err)
{
    if (strncmp(address, "hub:", 4) == 0 && address[4]) return 0;
    return tm_fail(err, TIM_ERR_PARAM,
                   "%s: \"%s\" is neither \"hub:DIRECTORY\" nor another server known here",
                   kTIMSdkConfigServer, address);
}

tm_backend *tm_backend_open(const char *address, const tm_backend_host *host, tm_error *err)
{
    return tm_backend_check(address, err) ? NULL : tm_hub_open(address + 4, host, err);
}
