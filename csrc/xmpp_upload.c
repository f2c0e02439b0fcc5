/* XMPP upload: a slot at the server's upload service (XEP-0363) for a file; the media thread sends it. See
 * xmpp_session.h. */
#include "xmpp_session.h"

#include "include/TIMCloudDef.h"
#include "json.h"
#include "path.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The slot as the answer: url where to get it, result {"put": url, "headers": ["Name: value", …]}. */
static int32_t read_slot(xmpp_stanza_t *slot, tm_op *op, tm_error *err)
{
    xmpp_stanza_t *put = tm_stanza_child(slot, "put", TM_NS_UPLOAD),
                  *get = tm_stanza_child(slot, "get", TM_NS_UPLOAD);
    const char *put_url = tm_stanza_attribute(put, "url"), *get_url = tm_stanza_attribute(get, "url");
    cJSON *headers = cJSON_CreateArray();
    if (!*put_url || !*get_url) {
        cJSON_Delete(headers);
        return tm_fail(err, ERR_SVR_GROUP_INTERNAL_ERROR, "the upload service gave no addresses");
    }
    bool ok = headers != NULL;
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(put); at && ok; at = xmpp_stanza_get_next(at)) {
        const char *name = xmpp_stanza_get_name(at);
        if (!name || strcmp(name, "header") != 0) continue;
        char *value = tm_stanza_text(at);
        char *line = value ? tm_format("%s: %s", tm_stanza_attribute(at, "name"), value) : NULL;
        ok = line && tm_json_append(headers, cJSON_CreateString(line));
        tm_free(value);
        tm_free(line);
    }
    op->url = tm_strdup(get_url);
    op->result = cJSON_CreateObject();
    if (!tm_json_add_item(op->result, "headers", headers)) ok = false;
    ok = ok && op->url && tm_json_add_string(op->result, "put", put_url);
    return ok ? 0 : tm_fail_memory(err);
}

#define MAX_EXTENSION 8

static void answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_error err = {0};
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    xmpp_stanza_t *slot = tm_stanza_child(answer, "slot", TM_NS_UPLOAD);
    int32_t code = slot ? read_slot(slot, &task->op, &err) : tm_xmpp_error(answer, &err);
    if (!slot && answer && strcmp(tm_stanza_error(answer), "not-acceptable") == 0)
        code = tm_fail(&err, ERR_SDK_COMM_FILE_TOO_LARGE,
                       "the server does not take a file of %" PRIu64 " bytes", task->op.size);
    if (code)
        tm_xmpp_fail(x, task, code, err.text);
    else
        tm_xmpp_answer(x, task);
}

/* The url shows the name to everybody: one made up, with the file's extension, by which clients go. */
static void make_name(const char *path, char name[TM_LINK_ID + MAX_EXTENSION + 1])
{
    char id[TM_LINK_ID];
    const char *dot = strrchr(tm_path_base(path), '.');
    size_t length =
        dot ? strspn(dot + 1, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") : 0;
    bool plain = length && length < MAX_EXTENSION && !dot[1 + length];
    tm_link_make_id(id);
    snprintf(name, TM_LINK_ID + MAX_EXTENSION + 1, "%.16s%s", id, plain ? dot : "");
}

void tm_upload_start(tm_xmpp *x, tm_task *task)
{
    tm_stanza iq;
    char size[32];
    if (!x->welcome) {
        tm_xmpp_fail(x, task, ERR_SDK_NET_DISCONNECT, "the connection to the server is down");
        return;
    }
    if (!x->upload || !*x->upload) {
        tm_xmpp_fail(x, task, ERR_SDK_COMM_FILE_OPEN_FAILED, "the server has no upload service");
        return;
    }
    snprintf(size, sizeof size, "%" PRIu64, task->op.size);
    char name[TM_LINK_ID + MAX_EXTENSION + 1];
    make_name(task->op.text, name);
    tm_xmpp_iq(x, &iq, "get", x->upload);
    xmpp_stanza_t *request = tm_stanza_add(&iq, NULL, "request", TM_NS_UPLOAD, NULL);
    tm_stanza_set(&iq, request, "filename", name);
    tm_stanza_set(&iq, request, "size", size);
    tm_stanza_set(&iq, request, "content-type", "application/octet-stream");
    tm_xmpp_keep(x, task);
    tm_xmpp_ask(x, &iq, answered, tm_xmpp_number(task));
}
