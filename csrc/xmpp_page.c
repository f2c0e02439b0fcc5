/* XMPP page: one page of an archive: asked for, its results collected, read. See xmpp_archive.h. */
#include "xmpp_archive.h"

#include "xmpp_jid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many questions for one last page: one that nobody would write in a second is left as it is. */
#define MAX_ROUNDS 100

/* A page on its way. */
struct tm_collecting {
    tm_collecting *next;
    char id[TM_LINK_ID]; /* of the query: results name it */
    char group[TM_MAX_GROUP_ID + 1];
    char *jid; /* whose archive; NULL: the user's; owned */
    bool failed;
    /* of an end: what was found last of all, before what lies in the same second was asked for; owned */
    bool is_end;
    char *end;
    uint64_t end_stamp;
    unsigned max, rounds;
    size_t size;
    tm_page page;
    tm_page_answer answer;
    void *argument;
    tm_xmpp *x;
};

static void free_collecting(tm_collecting *of)
{
    for (size_t i = 0; i < of->page.count; i++)
        tm_item_clear(&of->page.items[i]);
    tm_free(of->page.items);
    tm_free(of->page.first);
    tm_free(of->page.last);
    tm_free(of->end);
    tm_free(of->jid);
    tm_free(of);
}

static void forget(tm_xmpp *x, const tm_collecting *which)
{
    for (tm_collecting **at = &x->collecting; *at; at = &(*at)->next)
        if (*at == which) {
            *at = which->next;
            return;
        }
}

void tm_pages_free(tm_xmpp *x)
{
    while (x->collecting) {
        tm_collecting *of = x->collecting;
        x->collecting = of->next;
        free_collecting(of);
    }
}

static void ask(tm_collecting *of, const tm_page_query *query);

/* Archives whose times are whole seconds may have more of the last one than a page has. Asks for it; false: there is none. */
static bool ask_for_second(tm_collecting *of)
{
    tm_page *page = &of->page;
    if (of->rounds++ == 0) {
        of->end = page->last;
        of->end_stamp = page->last_stamp;
        page->last = NULL;
    }
    if (page->complete || !page->first || page->first_stamp != of->end_stamp || of->end_stamp % 1000000 ||
        of->rounds > MAX_ROUNDS)
        return false;
    char *first = page->first;
    page->first = NULL;
    ask(of, &(tm_page_query){.group = of->group, .start = of->end_stamp, .before = first, .max = of->max});
    tm_free(first);
    return true;
}

static void answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_collecting *of = argument;
    tm_page *page = &of->page;
    xmpp_stanza_t *fin = tm_stanza_child(answer, "fin", TM_NS_MAM);
    bool is_good = fin && !of->failed;
    forget(x, of);
    page->complete = strcmp(tm_stanza_attribute(fin, "complete"), "true") == 0 || !page->count;
    if (is_good && of->is_end) {
        if (ask_for_second(of)) return;
        tm_free(page->last);
        page->last = of->end;
        page->last_stamp = of->end_stamp;
        of->end = NULL;
    }
    of->answer(x, of->argument, is_good ? page : NULL, answer);
    free_collecting(of);
}

void tm_page_ask(tm_xmpp *x, const tm_page_query *query, tm_page_answer answer, void *argument)
{
    tm_collecting *of = tm_calloc(1, sizeof *of);
    if (!of || (*query->group && !(of->jid = tm_jid_of(query->group, x->rooms ? x->rooms : "")))) {
        tm_free(of);
        answer(x, argument, NULL, NULL);
        return;
    }
    of->x = x;
    of->answer = answer;
    of->argument = argument;
    of->is_end = query->is_end;
    of->max = query->max;
    snprintf(of->group, sizeof of->group, "%s", query->group);
    tm_link_make_id(of->id);
    ask(of, query);
}

static void ask(tm_collecting *of, const tm_page_query *query)
{
    tm_xmpp *x = of->x;
    tm_stanza iq;
    char stamp[TM_STAMP], max[16];
    const char *before = query->is_end ? "" : query->before;
    tm_xmpp_iq(x, &iq, "set", of->jid);
    xmpp_stanza_t *asked = tm_stanza_add(&iq, NULL, "query", TM_NS_MAM, NULL);
    tm_stanza_set(&iq, asked, "queryid", of->id);
    xmpp_stanza_t *form = tm_stanza_add(&iq, asked, "x", TM_NS_FORM, NULL);
    tm_stanza_set(&iq, form, "type", "submit");
    tm_stanza_field(&iq, form, "FORM_TYPE", TM_NS_MAM);
    if (query->with) tm_stanza_field(&iq, form, "with", query->with);
    if (query->start) {
        tm_stamp_format(query->start, stamp);
        tm_stanza_field(&iq, form, "start", stamp);
    }
    if (query->end) {
        tm_stamp_format(query->end, stamp);
        tm_stanza_field(&iq, form, "end", stamp);
    }
    xmpp_stanza_t *set = tm_stanza_add(&iq, asked, "set", TM_NS_RSM, NULL);
    snprintf(max, sizeof max, "%u", query->max);
    tm_stanza_add(&iq, set, "max", NULL, max);
    if (query->after && *query->after) tm_stanza_add(&iq, set, "after", NULL, query->after);
    if (before) tm_stanza_add(&iq, set, "before", NULL, *before ? before : NULL);
    of->next = x->collecting;
    x->collecting = of;
    tm_xmpp_ask(x, &iq, answered, of);
}

/* ---- results ---- */

static int32_t add_item(tm_collecting *of, xmpp_stanza_t *result, tm_error *err)
{
    tm_xmpp *x = of->x;
    tm_page *page = &of->page;
    const char *archive_id = tm_stanza_attribute(result, "id");
    xmpp_stanza_t *forwarded = tm_stanza_child(result, "forwarded", TM_NS_FORWARD);
    xmpp_stanza_t *delay = tm_stanza_child(forwarded, "delay", TM_NS_DELAY);
    xmpp_stanza_t *message = tm_stanza_child(forwarded, "message", NULL);
    uint64_t stamp = tm_stamp_parse(tm_stanza_attribute(delay, "stamp"));
    if (!*archive_id) return 0;
    char *copy = tm_strdup(archive_id), *first = page->first ? NULL : tm_strdup(archive_id);
    if (!copy || (!page->first && !first)) {
        tm_free(copy);
        tm_free(first);
        return tm_fail_memory(err);
    }
    tm_free(page->last);
    page->last = copy;
    page->last_stamp = stamp;
    if (first) {
        page->first = first;
        page->first_stamp = stamp;
    }
    if (page->count == of->size) {
        size_t size = of->size ? of->size * 2 : 16;
        tm_item *grown = tm_realloc(page->items, size * sizeof *grown);
        if (!grown) return tm_fail_memory(err);
        page->items = grown;
        of->size = size;
    }
    tm_item_reader reader = {.user = x->user,
                             .domain = x->address.domain,
                             .rooms = x->rooms,
                             .group = *of->group ? of->group : NULL};
    tm_item *item = &page->items[page->count];
    memset(item, 0, sizeof *item);
    int32_t code = message ? tm_item_read(&reader, message, archive_id, stamp, item, err) : 0;
    if (!code && !item->archive_id && !(item->archive_id = tm_strdup(archive_id))) code = tm_fail_memory(err);
    if (!code) page->count++;
    return code;
}

bool tm_page_result(tm_xmpp *x, xmpp_stanza_t *stanza)
{
    xmpp_stanza_t *result = tm_stanza_child(stanza, "result", TM_NS_MAM);
    const char *from = xmpp_stanza_get_from(stanza), *id = tm_stanza_attribute(result, "queryid");
    if (!result) return false;
    for (tm_collecting *of = x->collecting; of; of = of->next) {
        if (strcmp(of->id, id) != 0) continue;
        bool genuine = of->jid ? from && tm_jid_same_bare(from, of->jid) && !*tm_jid_resource(from)
                               : !from || tm_jid_same_bare(from, x->self);
        tm_error err = {0};
        if (genuine && !of->failed && add_item(of, result, &err)) {
            of->failed = true;
            tm_xmpp_log(x, kTIMLog_Error, "a page of an archive was not read: %s", err.text);
        }
        return true;
    }
    tm_xmpp_log(x, kTIMLog_Warn, "dropped an archive's result that nobody asked for, from %s",
                from ? from : "the server");
    return true;
}
