/* XMPP room, heard: what it says: who comes and goes, the user himself among them, what has changed in its list, and its
 * messages. See xmpp_session.h and xmpp_room.h. */
#include "xmpp_room.h"

#include "include/TIMCloudDef.h"
#include "xmpp_archive.h"
#include "xmpp_jid.h"

#include <stdio.h>
#include <string.h>

static uint64_t microseconds(uint64_t seconds)
{
    return seconds < UINT64_MAX / 1000000 ? seconds * 1000000 : 0;
}

/* ---- the user's own coming and going ---- */

static bool has_status(xmpp_stanza_t *muc, const char *code)
{
    for (xmpp_stanza_t *at = muc ? xmpp_stanza_get_children(muc) : NULL; at; at = xmpp_stanza_get_next(at)) {
        const char *name = xmpp_stanza_get_name(at);
        if (name && strcmp(name, "status") == 0 && strcmp(tm_stanza_attribute(at, "code"), code) == 0)
            return true;
    }
    return false;
}

static void entered(tm_xmpp *x, tm_room *room, bool created)
{
    tm_error err = {0};
    bool wanted = room->may_create;
    tm_task *task = tm_room_waiting_task(x, room);
    room->entering = false;
    room->in = room->present = true;
    room->may_create = false;
    room->retry_at = 0;
    /* somebody deleted it between the question and the answer, or nobody waits for it any more */
    if (created && !(wanted && task)) {
        tm_room_destroy(x, room->jid, tm_room_ended, NULL);
        room->in = room->present = false; /* it ends: there is nothing to leave */
        if (task) tm_xmpp_fail(x, task, ERR_SVR_GROUP_NOT_FOUND, "the group was deleted just now");
        tm_room_found_out(x, room);
        return;
    }
    if (task) {
        tm_group_entered(x, task, room, created);
        return;
    }
    uint64_t joined = 0;
    if (!tm_mirror_in_group(x->mirror, room->group, &joined)) { /* whoever wanted it does so no more */
        if (tm_group_take_back(x, room)) return;
        tm_room_leave(x, room);
        tm_room_drop(x, room);
        return;
    }
    uint64_t since = tm_mirror_since(x->mirror, room->group, NULL);
    bool at_end = room->at_end || (x->is_new && x->login);
    if (!room->start && !at_end) room->start = since ? since : microseconds(joined);
    if (!room->archive && !(room->archive = tm_archive_open(x, room->group, room->start, &err))) {
        tm_link_drop(x->link, err.text); /* it is entered again */
        return;
    }
    tm_member_recall(x, room);
    tm_group_recall_join(x, room);
    tm_room_ask_powers(x, room); /* before what those did who have them: the room answers in order */
    tm_archive_rewind(x, room->archive);
    tm_history_look_back(x, room->group);
}

/* The user was put out, or the room is no more. */
static void put_out(tm_xmpp *x, tm_room *room, xmpp_stanza_t *muc)
{
    room->present = false;
    if (room->leaving) return;
    bool ended = has_status(muc, "301") || has_status(muc, "321") || has_status(muc, "322") ||
                 tm_stanza_child(muc, "destroy", NULL);
    if (ended)
        tm_room_found_out(x, room);
    else
        tm_room_try_again(room); /* kicked, or the service shuts down */
}

static void refused(tm_xmpp *x, tm_room *room, xmpp_stanza_t *stanza)
{
    const char *why = tm_stanza_error(stanza);
    room->entering = room->present = false;
    if (strcmp(why, "conflict") == 0) { /* somebody else has this nick */
        char id[TM_LINK_ID];
        tm_link_make_id(id);
        char *nick = tm_format("%s %.6s", x->localpart, id);
        if (nick) {
            tm_free(room->nick);
            room->nick = nick;
        }
        tm_room_send_presence(x, room, false);
        return;
    }
    tm_task *task = tm_room_waiting_task(x, room);
    if (task) {
        tm_group_refused(x, task, stanza);
        return;
    }
    if (strcmp(why, "registration-required") == 0 || strcmp(why, "forbidden") == 0 ||
        strcmp(why, "item-not-found") == 0 || strcmp(why, "not-allowed") == 0 || strcmp(why, "gone") == 0)
        tm_room_found_out(x, room);
    else
        tm_room_try_again(room);
}

/* ---- everybody's ---- */

/* The room is asked for its lists anew: they say it surely, and are kept for when they are refused. */
static void note_powers(tm_room *room, tm_standing was, tm_standing is)
{
    if ((was >= TM_STANDING_ADMIN || is >= TM_STANDING_ADMIN) && was != is) room->powers_changed = true;
}

/* What a presence says of a user's place in the list. Who has joined an open room is no member of it yet: that he is
 * none is news only if he was one. */
static void note_listed(tm_room *room, const char *user, tm_standing standing)
{
    tm_standing was = tm_room_standing(room, user);
    if (was != TM_STANDING_NONE && standing == TM_STANDING_NONE) tm_member_changed(room, user, false);
    if (room->in) note_powers(room, was, standing);
    tm_room_note(room, user, standing);
}

/* How many elements there are in an element; -1: one of another name than those too. */
static int count_only(xmpp_stanza_t *in, const char *name, const char *other)
{
    int count = 0;
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(in); at; at = xmpp_stanza_get_next(at)) {
        const char *own = xmpp_stanza_get_name(at);
        if (own && strcmp(own, name) != 0 && strcmp(own, other) != 0) return -1;
        count += own != NULL;
    }
    return count;
}

void tm_rooms_notice(tm_xmpp *x, tm_room *room, xmpp_stanza_t *stanza)
{
    char user[TM_MAX_USER_ID + 1];
    xmpp_stanza_t *muc = tm_stanza_child(stanza, "x", TM_NS_MUC_USER),
                  *item = tm_stanza_child(muc, "item", NULL);
    const char *affiliation = tm_stanza_attribute(item, "affiliation");
    /* rooms hand on invitations and what is said to them, with whatever else a user has put in: there is more in those */
    if (!*affiliation || count_only(stanza, "x", "x") != 1 || count_only(muc, "item", "status") < 1 ||
        !tm_jid_id(tm_stanza_attribute(item, "jid"), x->address.domain, TM_MAX_USER_ID, user))
        return;
    tm_standing standing = tm_standing_read(affiliation);
    note_powers(room, tm_room_standing(room, user), standing);
    if (standing > TM_STANDING_MEMBER) return; /* of powers, presences and the room's lists say more surely */
    tm_member_changed(room, user, standing != TM_STANDING_NONE);
    tm_room_note(room, user, standing);
}

void tm_rooms_presence(tm_xmpp *x, xmpp_stanza_t *stanza)
{
    const char *from = xmpp_stanza_get_from(stanza), *type = xmpp_stanza_get_type(stanza);
    tm_room *room = from ? tm_room_of_jid(x, from) : NULL;
    if (!room) return;
    tm_room_heard(room);
    const char *nick = tm_jid_resource(from);
    if (type && strcmp(type, "error") == 0) {
        /* under another nick it is no word of the room */
        if (room->entering && (!*nick || strcmp(nick, room->nick) == 0)) refused(x, room, stanza);
        return;
    }
    xmpp_stanza_t *muc = tm_stanza_child(stanza, "x", TM_NS_MUC_USER),
                  *item = tm_stanza_child(muc, "item", NULL);
    if (!*nick || !item) return;
    bool gone = type && strcmp(type, "unavailable") == 0;
    /* not every room marks the last one as the user's own */
    bool self = has_status(muc, "110") || (gone && strcmp(nick, room->nick) == 0);
    char user[TM_MAX_USER_ID + 1];
    tm_occupant *of = tm_room_find_nick(room, nick);
    tm_standing standing = tm_standing_read(tm_stanza_attribute(item, "affiliation"));
    if (!gone && tm_jid_id(tm_stanza_attribute(item, "jid"), x->address.domain, TM_MAX_USER_ID, user)) {
        if (!of) of = tm_room_take_in(room, user, nick);
        if (of) snprintf(of->user, sizeof of->user, "%s", user);
        note_listed(room, user, standing);
    } else if (gone && of) {
        bool put_out = has_status(muc, "301") || has_status(muc, "321") || has_status(muc, "322");
        if (put_out) tm_member_changed(room, of->user, false);
        note_listed(room, of->user, standing);
        tm_room_let_out(room, of, standing);
    }
    if (!self) return;
    if (!gone) room->own = standing;
    if (gone)
        put_out(x, room, muc);
    else if (room->entering || !room->in) /* it may come late */
        entered(x, room, has_status(muc, "201"));
}

/* ---- messages ---- */

void tm_rooms_message(tm_xmpp *x, tm_room *room, xmpp_stanza_t *stanza)
{
    const char *from = xmpp_stanza_get_from(stanza), *archive_id = "";
    tm_room_heard(room);
    if (tm_stanza_child(stanza, "no-store", TM_NS_HINTS)) {
        const tm_occupant *of = tm_room_find_nick(room, tm_jid_resource(from));
        if (of && strcmp(of->user, x->user) != 0)
            tm_online_take(x, stanza, kTIMConv_Group, room->group, of->user);
        return;
    }
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(stanza); at; at = xmpp_stanza_get_next(at)) {
        const char *name = xmpp_stanza_get_name(at), *ns = xmpp_stanza_get_ns(at);
        if (name && ns && strcmp(name, "stanza-id") == 0 && strcmp(ns, TM_NS_SID) == 0 &&
            strcmp(tm_stanza_attribute(at, "by"), room->jid) == 0)
            archive_id = tm_stanza_attribute(at, "id");
    }
    tm_archive_ring(x, room->archive, archive_id);
}
