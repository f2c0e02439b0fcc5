/* XMPP bookmark: the user's list of groups, kept at the server for all its devices (XEP-0402). See
 * xmpp_session.h. A server without it leaves each device with what it knows itself. */
#include "xmpp_session.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "xmpp_jid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Groups that a list names, to be compared with the mirror. */
typedef struct names {
    char (*list)[TM_MAX_GROUP_ID + 1];
    size_t count, size;
    bool failed;
} names;

static void add_name(names *to, const char *name)
{
    if (to->count == to->size) {
        size_t size = to->size ? to->size * 2 : 16;
        char(*grown)[TM_MAX_GROUP_ID + 1] = tm_realloc(to->list, size * sizeof *grown);
        if (!grown) {
            to->failed = true;
            return;
        }
        to->list = grown;
        to->size = size;
    }
    snprintf(to->list[to->count++], TM_MAX_GROUP_ID + 1, "%s", name);
}

static bool has_name(const names *of, const char *name)
{
    for (size_t i = 0; i < of->count; i++)
        if (strcmp(of->list[i], name) == 0) return true;
    return false;
}

static void note_group(void *argument, const char *group, uint64_t joined)
{
    (void)joined;
    add_name(argument, group);
}

/* One bookmark; false if it is none of a group of ours. */
static bool read_bookmark(tm_xmpp *x, xmpp_stanza_t *item, char group[TM_MAX_GROUP_ID + 1], uint64_t *joined)
{
    xmpp_stanza_t *conference = tm_stanza_child(item, "conference", TM_NS_BOOKMARKS);
    const char *autojoin = tm_stanza_attribute(conference, "autojoin");
    xmpp_stanza_t *extensions = tm_stanza_child(conference, "extensions", NULL);
    *joined =
        strtoull(tm_stanza_attribute(tm_stanza_child(extensions, "joined", TM_NS_TIMMSG), "time"), NULL, 10);
    if (strcmp(autojoin, "true") != 0 && strcmp(autojoin, "1") != 0) return false;
    return tm_jid_id(tm_stanza_attribute(item, "id"), x->rooms, TM_MAX_GROUP_ID, group);
}

static void compare(tm_xmpp *x, xmpp_stanza_t *items)
{
    tm_error err = {0};
    names known = {0}, listed = {0};
    tm_mirror_groups(x->mirror, note_group, &known, &err);
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(items); at; at = xmpp_stanza_get_next(at)) {
        char group[TM_MAX_GROUP_ID + 1];
        uint64_t joined;
        if (!read_bookmark(x, at, group, &joined)) continue;
        add_name(&listed, group);
        if (!known.failed && !has_name(&known, group))
            tm_room_begin(x, group, joined, x->is_new ? 0 : joined * 1000000);
    }
    for (size_t i = 0; i < known.count && !err.code && !listed.failed; i++)
        if (!has_name(&listed, known.list[i])) tm_room_end(x, known.list[i]);
    tm_free(known.list);
    tm_free(listed.list);
}

static void answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    (void)argument;
    if (!answer) return; /* read again with the next connection */
    xmpp_stanza_t *pubsub = tm_stanza_child(answer, "pubsub", TM_NS_PUBSUB);
    xmpp_stanza_t *items = tm_stanza_child(pubsub, "items", NULL);
    /* without a list there is nothing to compare with: nobody has made one, or the server keeps none */
    if (items && strcmp(xmpp_stanza_get_type(answer), "result") == 0) compare(x, items);
}

void tm_bookmarks_read(tm_xmpp *x)
{
    tm_stanza iq;
    tm_xmpp_iq(x, &iq, "get", NULL);
    xmpp_stanza_t *pubsub = tm_stanza_add(&iq, NULL, "pubsub", TM_NS_PUBSUB, NULL);
    tm_stanza_set(&iq, tm_stanza_add(&iq, pubsub, "items", NULL, NULL), "node", TM_NS_BOOKMARKS);
    tm_xmpp_ask(x, &iq, answered, NULL);
}

/* ---- changing it ---- */

/* The user's other sessions read it again. */
static void tell_others(tm_xmpp *x)
{
    tm_stanza message;
    tm_stanza_begin(&message, tm_link_ctx(x->link), "message", x->self, "headline", NULL);
    tm_stanza_add(&message, NULL, "groups", TM_NS_TIMMSG, NULL);
    tm_stanza_add(&message, NULL, "no-store", TM_NS_HINTS, NULL);
    tm_link_send(x->link, tm_stanza_finish(&message));
}

/* How a list may be asked for that keeps all its items: servers differ in what they call that. */
static const char *const limits[] = {"max", "1000", "255", NULL};

/* A change on its way. */
typedef struct change {
    char group[TM_MAX_GROUP_ID + 1];
    bool member;
    uint64_t joined;
    int limit; /* which of the limits */
} change;

static void send_change(tm_xmpp *x, change *of);

static void changed(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    change *of = argument;
    bool refused = answer && strcmp(xmpp_stanza_get_type(answer), "result") != 0;
    if (refused && of->member && limits[of->limit]) {
        of->limit++;
        send_change(x, of);
        return;
    }
    bool was_there = of->member || !refused; /* what was not in the list need not be taken out */
    tm_free(of);
    if (!answer) return;
    if (refused && was_there)
        tm_xmpp_log(x, kTIMLog_Warn, "the list of groups was not changed: %s", tm_stanza_error(answer));
    tell_others(x);
}

static void set_options(tm_stanza *iq, xmpp_stanza_t *pubsub, const char *limit)
{
    xmpp_stanza_t *options = tm_stanza_add(iq, pubsub, "publish-options", NULL, NULL);
    xmpp_stanza_t *form = tm_stanza_add(iq, options, "x", TM_NS_FORM, NULL);
    tm_stanza_set(iq, form, "type", "submit");
    tm_stanza_field(iq, form, "FORM_TYPE", "http://jabber.org/protocol/pubsub#publish-options");
    tm_stanza_field(iq, form, "pubsub#persist_items", "true");
    tm_stanza_field(iq, form, "pubsub#max_items", limit);
    tm_stanza_field(iq, form, "pubsub#send_last_published_item", "never");
    tm_stanza_field(iq, form, "pubsub#access_model", "whitelist");
}

static void send_change(tm_xmpp *x, change *of)
{
    tm_stanza iq;
    char time[32];
    char *room = tm_jid_of(of->group, x->rooms ? x->rooms : "");
    tm_xmpp_iq(x, &iq, "set", NULL);
    xmpp_stanza_t *pubsub = tm_stanza_add(&iq, NULL, "pubsub", TM_NS_PUBSUB, NULL);
    xmpp_stanza_t *action = tm_stanza_add(&iq, pubsub, of->member ? "publish" : "retract", NULL, NULL);
    tm_stanza_set(&iq, action, "node", TM_NS_BOOKMARKS);
    xmpp_stanza_t *item = tm_stanza_add(&iq, action, "item", NULL, NULL);
    tm_stanza_set(&iq, item, "id", room ? room : "");
    if (of->member) {
        xmpp_stanza_t *conference = tm_stanza_add(&iq, item, "conference", TM_NS_BOOKMARKS, NULL);
        tm_stanza_set(&iq, conference, "autojoin", "true");
        tm_stanza_set(&iq, conference, "name", of->group);
        xmpp_stanza_t *extensions = tm_stanza_add(&iq, conference, "extensions", NULL, NULL);
        snprintf(time, sizeof time, "%" PRIu64, of->joined);
        tm_stanza_set(&iq, tm_stanza_add(&iq, extensions, "joined", TM_NS_TIMMSG, NULL), "time", time);
        if (limits[of->limit]) set_options(&iq, pubsub, limits[of->limit]);
    }
    tm_free(room);
    tm_xmpp_ask(x, &iq, changed, of);
}

void tm_bookmark_set(tm_xmpp *x, const char *group, bool member, uint64_t joined)
{
    change *of = tm_calloc(1, sizeof *of);
    if (!of) return; /* the mirror has it; the list is brought in line with the next change */
    snprintf(of->group, sizeof of->group, "%s", group);
    of->member = member;
    of->joined = joined;
    send_change(x, of);
}
