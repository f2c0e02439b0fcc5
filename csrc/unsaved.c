/* Unsaved: what became of messages, where the store could not take that (a full disk, say): told already, but their rows
 * still say "sending". It is written again until it is there; who logs out or dies before leaves it to the next log-in
 * (rule 15). See worker.h. */
#include "worker.h"

#include "include/TIMCloudDef.h"

struct tm_unsaved {
    tm_unsaved *next;
    int64_t row;
    uint64_t rand; /* the row may be another message's by then */
    bool is_sent;
    uint64_t server_time, seq; /* of what was sent, with */
    tm_position position;
};

static void note(tm_worker *worker, const tm_sending *sending)
{
    if (!sending->row) return;
    tm_unsaved *unsaved = tm_calloc(1, sizeof *unsaved);
    if (!unsaved) return; /* the next log-in finds out */
    *unsaved = (tm_unsaved){.next = worker->unsaved,
                            .row = sending->row,
                            .rand = sending->message.rand,
                            .is_sent = sending->done && sending->code == 0,
                            .server_time = sending->message.server_time,
                            .seq = sending->message.seq,
                            .position = sending->position};
    worker->unsaved = unsaved;
    if (!worker->retry_at) worker->retry_at = tm_world_ms(worker->world) + RETRY_MS;
}

void tm_unsaved_note(tm_worker *worker, const tm_request *request)
{
    for (size_t i = 0; i < request->sending_count; i++)
        note(worker, &request->sendings[i]);
}

void tm_unsaved_note_done(tm_worker *worker, const tm_request *request)
{
    for (size_t i = 0; i < request->sending_count; i++)
        if (request->sendings[i].done) note(worker, &request->sendings[i]);
}

static int32_t save(tm_worker *worker, const tm_unsaved *unsaved, tm_error *err)
{
    tm_conv conv;
    tm_stored stored;
    bool found;
    int32_t code = tm_store_load(worker->store, unsaved->row, &conv, &stored, err);
    bool is_open = !code && stored.id && stored.message.rand == unsaved->rand &&
                   stored.message.status == kTIMMsg_Sending; /* nobody else knew better since */
    if (is_open && !unsaved->is_sent)
        code = tm_store_set_status(worker->store, &conv, unsaved->row, kTIMMsg_SendFail, err);
    else if (is_open)
        code = tm_store_accept(worker->store, &conv, unsaved->row, &stored.message, unsaved->server_time,
                               unsaved->seq, unsaved->position, &found, err);
    tm_message_clear(&stored.message);
    return code;
}

void tm_unsaved_save(tm_worker *worker)
{
    tm_error err = {0};
    if (!worker->unsaved || !worker->store) return;
    int32_t code = tm_store_begin(worker->store, false, &err);
    if (!code) {
        for (const tm_unsaved *at = worker->unsaved; at && !code; at = at->next)
            code = save(worker, at, &err);
        if (code)
            tm_store_rollback(worker->store);
        else
            code = tm_worker_end_transaction(worker, &err);
    }
    if (!code)
        tm_unsaved_drop(worker);
    else
        worker->retry_at = tm_world_ms(worker->world) + RETRY_MS;
}

void tm_unsaved_drop(tm_worker *worker)
{
    while (worker->unsaved) {
        tm_unsaved *unsaved = worker->unsaved;
        worker->unsaved = unsaved->next;
        tm_free(unsaved);
    }
}
