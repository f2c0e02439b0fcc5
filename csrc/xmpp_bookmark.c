/* XMPP bookmark: the user's list of groups, kept at the server for all its devices (XEP-0402). See
 * xmpp_session.h. A server without it leaves each device with what it knows itself. */
#include "xmpp_session.h"

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

static void note_unlisted(void *argument, const char *group, bool member, uint64_t joined)
{
    (void)joined;
    if (!member) add_name(argument, group);
}

static void note_listed(tm_xmpp *x, const char *group, bool member)
{
    tm_error err = {0};
    int32_t code = tm_mirror_begin(x->mirror, &err);
    if (!code) code = tm_mirror_list_group(x->mirror, group, member, &err);
    if (!code) code = tm_mirror_commit(x->mirror, &err);
    if (code) tm_mirror_rollback(x->mirror); /* the change is sent again with the next connection */
}

/* One bookmark. */
typedef struct bookmark {
    char group[TM_MAX_GROUP_ID + 1];
    uint64_t joined;         /* Unix seconds, by the clock of the device that wrote it */
    uint64_t since;          /* tm_mirror_since */
    const char *last, *born; /* borrowed */
} bookmark;

/* False if it is none of a group of ours. */
static bool read_bookmark(tm_xmpp *x, xmpp_stanza_t *item, bookmark *out)
{
    xmpp_stanza_t *conference = tm_stanza_child(item, "conference", TM_NS_BOOKMARKS);
    const char *autojoin = tm_stanza_attribute(conference, "autojoin");
    xmpp_stanza_t *extensions = tm_stanza_child(conference, "extensions", NULL);
    xmpp_stanza_t *entry = tm_stanza_child(extensions, "joined", TM_NS_TIMMSG);
    out->joined = strtoull(tm_stanza_attribute(entry, "time"), NULL, 10);
    out->since = strtoull(tm_stanza_attribute(entry, "since"), NULL, 10);
    out->last = tm_stanza_attribute(entry, "last");
    out->born = tm_stanza_attribute(entry, "born");
    if (strcmp(autojoin, "true") != 0 && strcmp(autojoin, "1") != 0) return false;
    return tm_jid_id(tm_stanza_attribute(item, "id"), x->rooms, TM_MAX_GROUP_ID, out->group);
}

/* Whether another device left the group that is known here and entered it again, or another one of that id. */
static bool is_another_entry(tm_xmpp *x, const char *group, uint64_t joined, const char *born)
{
    uint64_t since = 0;
    /* what this device did itself later is on its way into the list */
    if (!tm_mirror_in_group(x->mirror, group, &since) || joined < since) return false;
    char *known = tm_mirror_born(x->mirror, group);
    bool another = (since && joined > since) || (known && *born && strcmp(known, born) != 0);
    tm_free(known);
    return another;
}

/* The group of a bookmark is the user's here too. */
static int32_t take_over(tm_xmpp *x, const bookmark *of, tm_error *err)
{
    uint64_t start = of->since ? of->since : of->joined * 1000000;
    /* a new device begins at the ends of the archives, though it may find them only after its log-in */
    bool at_end = x->is_new && (x->login || !x->has_list);
    tm_room *room = of->since || at_end ? tm_room_make(x, of->group) : NULL;
    if (room) room->at_end = at_end;
    if (room && of->since) {
        room->since = of->since;
        snprintf(room->last, sizeof room->last, "%s", of->last);
    }
    int32_t code = tm_room_begin(x, of->group, of->joined, at_end ? 0 : start, err);
    return code || !*of->born ? code : tm_mirror_note_born(x->mirror, of->group, of->born, err);
}

static void note_pending(void *argument, const char *group, bool member, uint64_t joined)
{
    (void)joined;
    if (member) add_name(argument, group);
}

/* A server that keeps so many items only drops the oldest without a word. A few that are missing from a short list are
 * groups that another device has left. `listed`: what it has. */
#define FULL 100
static void look_whether_full(tm_xmpp *x, const names *known, names *listed)
{
    tm_error err = {0};
    size_t kept = listed->count, missing = 0;
    if (x->list_is_full || kept < FULL) return;
    tm_mirror_unlisted(x->mirror, note_pending, listed, &err); /* on its way into it */
    for (size_t i = 0; i < known->count; i++)
        missing += !has_name(listed, known->list[i]);
    if (!missing || known->failed || listed->failed || err.code) return;
    x->list_is_full = true;
    tm_xmpp_log(x, kTIMLog_Warn,
                "the list of groups is full: the server keeps %zu, %zu are missing, and new devices will not "
                "find them",
                kept, missing);
}

/* Only what is missing here is taken over: that a group was left shows in its room. */
static void compare(tm_xmpp *x, xmpp_stanza_t *items)
{
    tm_error err = {0};
    names known = {0}, listed = {0};
    tm_mirror_groups(x->mirror, note_group, &known, &err);
    size_t joined_here = known.count;
    /* what was left here, and is in the list still, is on its way out of it */
    tm_mirror_unlisted(x->mirror, note_unlisted, &known, &err);
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(items); at; at = xmpp_stanza_get_next(at)) {
        bookmark of;
        if (!read_bookmark(x, at, &of) || known.failed) continue;
        add_name(&listed, of.group);
        bool again = is_another_entry(x, of.group, of.joined, of.born);
        if (again) tm_room_end(x, of.group, &err);
        if ((again || !has_name(&known, of.group)) && take_over(x, &of, &err))
            tm_link_drop(x->link, err.text);
        note_listed(x, of.group, true);
    }
    known.count = joined_here;
    look_whether_full(x, &known, &listed);
    tm_free(known.list);
    tm_free(listed.list);
}

/* Who has joined a group, and has not said so yet, is to tell his other devices of it once he has. */
static bool is_to_wait(tm_xmpp *x, const char *group, bool member)
{
    tm_error err = {0};
    uint64_t since;
    char *id = NULL;
    if (member) tm_mirror_join(x->mirror, group, &id, &since, &err);
    bool owes = id != NULL;
    tm_free(id);
    return owes;
}

static void send_unlisted(void *argument, const char *group, bool member, uint64_t joined)
{
    if (!is_to_wait(argument, group, member)) tm_bookmark_set(argument, group, member, joined);
}

static void answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_error err = {0};
    if (answer && (uintptr_t)argument != x->listings) {
        tm_bookmarks_read(x);
        return;
    }
    bool first = !x->bookmarked;
    x->bookmarked = true;
    if (!answer) return; /* read again with the next connection */
    xmpp_stanza_t *pubsub = tm_stanza_child(answer, "pubsub", TM_NS_PUBSUB);
    xmpp_stanza_t *items = tm_stanza_child(pubsub, "items", NULL);
    /* without a list there is nothing to compare with: nobody has made one, or the server keeps none */
    if (items && strcmp(xmpp_stanza_get_type(answer), "result") == 0) compare(x, items);
    x->has_list = true;
    /* changes whose answer was lost with a connection */
    if (first) tm_mirror_unlisted(x->mirror, send_unlisted, x, &err);
}

void tm_bookmarks_read(tm_xmpp *x)
{
    tm_stanza iq;
    if (!x->rooms || !*x->rooms) return; /* which of them are groups is not known: see tm_rooms_enter */
    tm_xmpp_iq(x, &iq, "get", NULL);
    xmpp_stanza_t *pubsub = tm_stanza_add(&iq, NULL, "pubsub", TM_NS_PUBSUB, NULL);
    tm_stanza_set(&iq, tm_stanza_add(&iq, pubsub, "items", NULL, NULL), "node", TM_NS_BOOKMARKS);
    tm_xmpp_ask(x, &iq, answered, (void *)x->listings);
}

/* ---- changing it ---- */

/* The user's other sessions read it again: a note to oneself, which every device finds in the archive. */
static void tell_others(tm_xmpp *x)
{
    tm_stanza message;
    tm_stanza_begin(&message, tm_link_ctx(x->link), "message", x->self, "chat", NULL);
    tm_stanza_add(&message, NULL, "groups", TM_NS_TIMMSG, NULL);
    tm_stanza_add(&message, NULL, "store", TM_NS_HINTS, NULL);
    tm_link_send(x->link, tm_stanza_finish(&message));
}

/* A change on its way. */
typedef struct change {
    char group[TM_MAX_GROUP_ID + 1];
    bool member;
    uint64_t joined;
    bool made; /* the list was made by itself: the server takes no options with the change */
} change;

static void send_change(tm_xmpp *x, change *of);

/* What keeps all of the list's items, for the user alone. */
static void set_options(tm_stanza *iq, xmpp_stanza_t *parent, const char *type, const char *limit)
{
    xmpp_stanza_t *form = tm_stanza_add(iq, parent, "x", TM_NS_FORM, NULL);
    tm_stanza_set(iq, form, "type", "submit");
    tm_stanza_field(iq, form, "FORM_TYPE", type);
    tm_stanza_field(iq, form, "pubsub#persist_items", "1");
    tm_stanza_field(iq, form, "pubsub#max_items", limit);
    tm_stanza_field(iq, form, "pubsub#send_last_published_item", "never");
    tm_stanza_field(iq, form, "pubsub#access_model", "whitelist");
}

/* Whether the user has left since, or come back: then the change after this one was sent already, and counts. */
static bool is_overtaken(tm_xmpp *x, const change *of)
{
    return tm_mirror_in_group(x->mirror, of->group, NULL) != of->member;
}

static void made_list(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    change *of = argument;
    (void)answer; /* refused where it is there already */
    if (is_overtaken(x, of))
        tm_free(of);
    else
        send_change(x, of);
}

/* Some servers take the options that keep all of a list's items only when the list is made. */
static void make_list(tm_xmpp *x, change *of)
{
    tm_stanza iq;
    of->made = true;
    tm_xmpp_iq(x, &iq, "set", NULL);
    xmpp_stanza_t *pubsub = tm_stanza_add(&iq, NULL, "pubsub", TM_NS_PUBSUB, NULL);
    tm_stanza_set(&iq, tm_stanza_add(&iq, pubsub, "create", NULL, NULL), "node", TM_NS_BOOKMARKS);
    set_options(&iq, tm_stanza_add(&iq, pubsub, "configure", NULL, NULL), TM_NS_PUBSUB "#node_config",
                "1000");
    tm_xmpp_ask(x, &iq, made_list, of);
}

static void changed(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    change *of = argument;
    bool refused = answer && strcmp(xmpp_stanza_get_type(answer), "result") != 0;
    if (refused && of->member && !of->made && !is_overtaken(x, of)) {
        make_list(x, of);
        return;
    }
    bool matters = refused && of->member; /* what was not in the list need not be taken out */
    if (answer) {
        x->listings++;
        if (matters)
            tm_xmpp_log(x, kTIMLog_Warn, "the list of groups was not changed: %s", tm_stanza_error(answer));
        /* what could not be done just now is tried again with the next connection */
        xmpp_stanza_t *error = tm_stanza_child(answer, "error", NULL);
        if (!refused || strcmp(tm_stanza_attribute(error, "type"), "wait") != 0)
            note_listed(x, of->group, of->member);
        tell_others(x);
    }
    tm_free(of); /* without an answer it is sent again with the next connection */
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
        xmpp_stanza_t *entry = tm_stanza_add(&iq, extensions, "joined", TM_NS_TIMMSG, NULL);
        char *born = tm_mirror_born(x->mirror, of->group);
        tm_stanza_set(&iq, entry, "time", time);
        if (born) tm_stanza_set(&iq, entry, "born", born);
        tm_free(born);
        char *last;
        uint64_t since = tm_mirror_since(x->mirror, of->group, &last);
        snprintf(time, sizeof time, "%" PRIu64, since);
        if (since) tm_stanza_set(&iq, entry, "since", time);
        if (since && last && *last) tm_stanza_set(&iq, entry, "last", last);
        tm_free(last);
        if (!of->made)
            set_options(&iq, tm_stanza_add(&iq, pubsub, "publish-options", NULL, NULL),
                        TM_NS_PUBSUB "#publish-options", "max");
    }
    tm_free(room);
    tm_xmpp_ask(x, &iq, changed, of);
}

void tm_bookmark_set(tm_xmpp *x, const char *group, bool member, uint64_t joined)
{
    change *of = tm_calloc(1, sizeof *of);
    if (!of) return; /* the mirror has it: it is sent with the next connection */
    snprintf(of->group, sizeof of->group, "%s", group);
    of->member = member;
    of->joined = joined;
    send_change(x, of);
}
