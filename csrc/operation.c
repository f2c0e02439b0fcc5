/* Operation: see operation.h. */
#include "operation.h"

void tm_op_free(tm_op *op)
{
    if (!op) return;
    tm_event_free_list(op->events);
    cJSON_Delete(op->result);
    tm_free(op->id);
    tm_free(op->url);
    tm_free(op->path);
    tm_free(op);
}
