/* Job: what the media thread moves for requests: uploads of operations, and DownloadElemToPath (rules 37 to
 * 39). See worker.h. */
#include "worker.h"

#include "fault.h"
#include "include/TIMCloudDef.h"
#include "json.h"

#include <string.h>

static void report(void *argument, const tm_media_report *from)
{
    tm_report *copy = tm_malloc(sizeof *copy);
    if (!copy && !from->done) return; /* progress may be left out */
    while (!copy)
        copy = tm_malloc(sizeof *copy); /* the end may not: its request would wait for ever */
    copy->media = *from;
    tm_client_notify(argument, copy);
}

tm_media *tm_worker_media(tm_worker *worker, tm_error *err)
{
    if (worker->media && worker->proxy_changed && !worker->jobs) { /* transfers under way keep the old one */
        tm_media_free(worker->media);
        worker->media = NULL;
    }
    if (worker->media) return worker->media;
    tm_client *client = worker->client;
    pthread_mutex_lock(&client->lock);
    char *proxy = tm_strdup(client->proxy);
    pthread_mutex_unlock(&client->lock);
    tm_media_options options = {.timeout_ms = client->timeout_ms,
                                .http_proxy = proxy,
                                .log = client->log,
                                .report = report,
                                .userdata = client,
                                .no_thread = worker->world};
    worker->proxy_changed = false;
    worker->media = tm_media_new(&options, err);
    tm_free(proxy);
    return worker->media;
}

uint64_t tm_job_add(tm_worker *worker, tm_op *op, tm_request *request)
{
    tm_job *job = tm_calloc(1, sizeof *job);
    if (!job) return 0;
    job->id = ++worker->last_job;
    job->op = op;
    job->request = request;
    job->next = worker->jobs;
    worker->jobs = job;
    return job->id;
}

/* Takes a job off the list; owned by the caller. */
static tm_job *take_job(tm_worker *worker, uint64_t id)
{
    for (tm_job **at = &worker->jobs; *at; at = &(*at)->next) {
        tm_job *job = *at;
        if (job->id != id) continue;
        *at = job->next;
        return job;
    }
    return NULL;
}

void tm_job_forget(tm_worker *worker, uint64_t id)
{
    tm_free(take_job(worker, id));
}

static const tm_job *find_job(const tm_worker *worker, uint64_t id)
{
    for (const tm_job *job = worker->jobs; job; job = job->next)
        if (job->id == id) return job;
    return NULL;
}

void tm_job_cancel_all(tm_worker *worker)
{
    while (worker->jobs) {
        tm_job *job = worker->jobs;
        worker->jobs = job->next;
        tm_media_cancel(worker->media, job->id);
        tm_op_free(job->op);
        tm_free(job);
    }
}

static cJSON *progress_tree(const tm_media_report *report)
{
    cJSON *tree = cJSON_CreateObject();
    if (tm_json_add_uint(tree, kTIMMsgDownloadElemResultCurrentSize, report->current) &&
        tm_json_add_uint(tree, kTIMMsgDownloadElemResultTotalSize, report->total))
        return tree;
    cJSON_Delete(tree);
    return NULL;
}

static void download_progress(tm_worker *worker, const tm_request *request, const tm_media_report *report)
{
    cJSON *tree = progress_tree(report);
    tm_letter *letter = tree ? tm_letter_new(TM_LETTER_PROGRESS, NULL, tree) : NULL;
    if (!letter) return;
    letter->token = request->letter->token;
    tm_mailbox_put(worker->client->mailbox, letter);
}

static void download_done(tm_worker *worker, tm_request *request, const tm_media_report *report)
{
    tm_worker_stop_waiting(worker, request);
    request->outstanding = 0;
    if (report->code)
        tm_request_fail(request, report->code, report->text);
    else if (!(request->result = progress_tree(report)))
        tm_request_fail(request, ERR_OUT_OF_MEMORY, "out of memory");
    tm_worker_finish(worker, request);
}

static void upload_done(tm_worker *worker, tm_op *op, const tm_media_report *report)
{
    if (report->code)
        tm_fail(&op->error, report->code, "%s", report->text);
    else
        worker->backend->transferred(worker->backend, op, report);
    tm_worker_answer(worker, op);
}

void tm_job_report(tm_worker *worker, const tm_media_report *report)
{
    const tm_job *found = find_job(worker, report->id);
    if (!found) return; /* cancelled meanwhile */
    if (found->op) tm_sending_progress(worker, found->request, found->op, report);
    if (!report->done) {
        if (!found->op) download_progress(worker, found->request, report);
        return;
    }
    tm_job *job = take_job(worker, report->id);
    if (job->op)
        upload_done(worker, job->op, report);
    else
        download_done(worker, job->request, report);
    tm_free(job);
}

static int32_t begin_download(tm_worker *worker, tm_request *request, bool cut, tm_error *err)
{
    const cJSON *param = request->args.json;
    const char *url = tm_json_get_string(param, kTIMMsgDownloadElemParamUrl, "");
    const char *id = tm_json_get_string(param, kTIMMsgDownloadElemParamId, "");
    char hash[TM_MEDIA_HASH];
    if (!worker->backend) return tm_fail(err, ERR_USER_CANCELED, "cancelled: logged out");
    tm_media *media = tm_worker_media(worker, err);
    if (!media) return err->code;
    char *source = worker->backend->file(worker->backend, url, id, hash);
    if (!source && !*url)
        return tm_fail(err, ERR_FILE_TRANS_DOWNLOAD_FAILED,
                       "%s: not a file of this server, and no url is given", kTIMMsgDownloadElemParamId);
    request->transfer = tm_job_add(worker, NULL, request);
    int32_t code = !request->transfer ? tm_fail_memory(err)
                   : source ? tm_media_copy(media, request->transfer, source, hash, request->args.first_text)
                            : tm_media_fetch(media, request->transfer, url, request->args.first_text);
    tm_free(source);
    if (code) {
        tm_job_forget(worker, request->transfer);
        return tm_fail(err, code, "the transfer could not be started");
    }
    if (cut) tm_media_cut(media, request->transfer);
    request->outstanding = 1;
    tm_worker_wait(worker, request);
    return 0;
}

/* ---- in a test world ---- */

static int32_t begin_faulty(tm_worker *worker, tm_request *request, const tm_fault *fault, tm_error *err)
{
    switch (fault->kind) {
    case TM_FAULT_FAIL: return tm_fail(err, fault->code, "%s", fault->desc);
    case TM_FAULT_CUT: return begin_download(worker, request, true, err);
    case TM_FAULT_SLOW: break;
    }
    request->due = tm_world_ms(worker->world) + fault->ms;
    tm_worker_wait(worker, request);
    return 0;
}

uint64_t tm_job_next_due(const tm_worker *worker)
{
    uint64_t next = 0;
    for (const tm_request *request = worker->waiting; request; request = request->next)
        if (request->due && (!next || request->due < next)) next = request->due;
    return next;
}

bool tm_job_start_due(tm_worker *worker)
{
    uint64_t next = tm_job_next_due(worker);
    if (!next || next > tm_world_ms(worker->world)) return false;
    tm_request *request = worker->waiting;
    while (request->due != next)
        request = request->next;
    request->due = 0;
    tm_error err = {0};
    int32_t code = begin_download(worker, request, false, &err);
    if (!code) return true;
    tm_worker_stop_waiting(worker, request);
    tm_request_fail(request, code, err.text);
    tm_worker_finish(worker, request);
    return true;
}

/* ---- */

static void drop_download(tm_worker *worker, const void *token)
{
    tm_request *request = worker->waiting;
    while (request && (request->kind != TM_CALL_DOWNLOAD_ELEM_TO_PATH || request->letter->token != token))
        request = request->next;
    if (!request) return; /* it has ended */
    if (!request->due) {
        tm_media_cancel(worker->media, request->transfer); /* whose last report completes it */
        return;
    }
    tm_worker_stop_waiting(worker, request);
    tm_request_fail(request, ERR_USER_CANCELED, "cancelled");
    tm_worker_finish(worker, request);
}

static int32_t start_download(tm_worker *worker, tm_request *request, tm_error *err)
{
    if (request->drops) {
        drop_download(worker, request->drops);
        tm_worker_finish(worker, request);
        return 0;
    }
    if (!worker->world) return begin_download(worker, request, false, err);
    tm_fault *fault = tm_fault_take(worker->client, request->kind);
    int32_t code = tm_client_is_offline(worker->client)
                       ? tm_fail(err, ERR_SDK_NET_DISCONNECT, "there is no way to the server")
                   : fault ? begin_faulty(worker, request, fault, err)
                           : begin_download(worker, request, false, err);
    tm_fault_free(fault);
    return code;
}

const tm_handler_type tm_handle_download = {.class = TM_CLASS_SOLO, .start = start_download};
