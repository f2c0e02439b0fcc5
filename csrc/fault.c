/* Fault: see fault.h. */
#include "fault.h"

#include "client_internal.h"

int32_t tm_fault_add(tm_client *client, tm_call_kind call, tm_fault_kind kind, int32_t code, const char *desc,
                     uint64_t ms, tm_error *err)
{
    tm_fault *fault = tm_calloc(1, sizeof *fault);
    if (!fault || !(fault->desc = tm_strdup(desc))) {
        tm_free(fault);
        return tm_fail_memory(err);
    }
    fault->call = call;
    fault->kind = kind;
    fault->code = code;
    fault->ms = ms;
    tm_fault **end = &client->faults;
    while (*end)
        end = &(*end)->next;
    *end = fault;
    return 0;
}

tm_fault *tm_fault_take(tm_client *client, tm_call_kind call)
{
    tm_fault **at = &client->faults;
    while (*at && (*at)->call != call)
        at = &(*at)->next;
    tm_fault *fault = *at;
    if (fault) *at = fault->next;
    return fault;
}

void tm_fault_free(tm_fault *fault)
{
    if (!fault) return;
    tm_free(fault->desc);
    tm_free(fault);
}

void tm_fault_free_all(tm_client *client)
{
    while (client->faults) {
        tm_fault *fault = client->faults;
        client->faults = fault->next;
        tm_fault_free(fault);
    }
}

void tm_client_set_offline(tm_client *client, bool offline)
{
    client->offline = offline;
    tm_client_notify(client, NULL);
}

bool tm_client_is_offline(const tm_client *client)
{
    return client->offline;
}
