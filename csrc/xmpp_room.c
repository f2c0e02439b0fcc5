/* XMPP room: the rooms of the user's groups: which there are, and that the user is in one, or no more. See
 * xmpp_session.h and xmpp_room.h. */
#include "xmpp_room.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "xmpp_archive.h"
#include "xmpp_jid.h"

#include <stdio.h>
#include <string.h>

/* ---- rooms ---- */

tm_room *tm_room_find(tm_xmpp *x, const char *group)
{
    for (tm_room *room = x->first_room; room; room = room->next)
        if (strcmp(room->group, group) == 0) return room;
    return NULL;
}

tm_room *tm_room_of_jid(tm_xmpp *x, const char *jid)
{
    for (tm_room *room = x->first_room; room; room = room->next)
        if (tm_jid_same_bare(room->jid, jid)) return room;
    return NULL;
}

tm_room *tm_room_make(tm_xmpp *x, const char *group)
{
    tm_room *room = tm_room_find(x, group);
    if (room) return room;
    room = tm_calloc(1, sizeof *room);
    if (!room) return NULL;
    snprintf(room->group, sizeof room->group, "%s", group);
    room->jid = tm_jid_of(group, x->rooms ? x->rooms : "");
    room->nick = tm_strdup(x->localpart);
    if (!room->jid || !room->nick) {
        tm_free(room->jid);
        tm_free(room->nick);
        tm_free(room);
        return NULL;
    }
    room->next = x->first_room;
    x->first_room = room;
    return room;
}

static void free_room(tm_room *room)
{
    tm_room_forget_occupants(room);
    tm_member_forget_notes(room);
    tm_archive_close(room->archive);
    tm_free(room->jid);
    tm_free(room->nick);
    tm_free(room->title);
    tm_free(room);
}

void tm_room_drop(tm_xmpp *x, tm_room *room)
{
    for (tm_room **at = &x->first_room; *at; at = &(*at)->next)
        if (*at == room) {
            *at = room->next;
            free_room(room);
            return;
        }
}

void tm_rooms_free(tm_xmpp *x)
{
    while (x->first_room) {
        tm_room *room = x->first_room;
        x->first_room = room->next;
        if (room->archive) room->archive->busy = false; /* no page comes any more */
        free_room(room);
    }
}

bool tm_rooms_may_revoke(tm_xmpp *x, const tm_item *item)
{
    if (item->says_standing) return item->may_revoke;
    const tm_room *room = tm_room_find(x, item->conv_id);
    return room && tm_room_standing(room, item->actor) >= TM_STANDING_ADMIN;
}

bool tm_group_may_revoke(tm_xmpp *x, const char *group)
{
    tm_room *room = tm_room_find(x, group);
    return room && room->own >= TM_STANDING_ADMIN;
}

/* ---- what is said to one ---- */

void tm_room_send_presence(tm_xmpp *x, tm_room *room, bool leave)
{
    tm_stanza presence;
    char *to = tm_format("%s/%s", room->jid, room->nick);
    if (!to) {
        room->retry_at = leave ? 0 : tm_clock_ms() + TM_ROOM_PAUSE_MS;
        return;
    }
    tm_stanza_begin(&presence, tm_link_ctx(x->link), "presence", to, leave ? "unavailable" : NULL, NULL);
    if (!leave) {
        xmpp_stanza_t *muc = tm_stanza_add(&presence, NULL, "x", TM_NS_MUC, NULL);
        tm_stanza_set(&presence, tm_stanza_add(&presence, muc, "history", NULL, NULL), "maxstanzas", "0");
    }
    room->entering = room->present = !leave;
    room->entered_at = tm_clock_ms();
    tm_link_send(x->link, tm_stanza_finish(&presence));
    tm_free(to);
}

void tm_room_leave(tm_xmpp *x, tm_room *room)
{
    if (room->present && tm_link_is_up(x->link)) tm_room_send_presence(x, room, true);
}

void tm_room_destroy(tm_xmpp *x, const char *jid, tm_question_answer answer, void *argument)
{
    tm_stanza iq;
    tm_xmpp_iq(x, &iq, "set", jid);
    xmpp_stanza_t *query = tm_stanza_add(&iq, NULL, "query", TM_NS_MUC_OWNER, NULL);
    tm_stanza_add(&iq, query, "destroy", NULL, NULL);
    tm_xmpp_ask(x, &iq, answer, argument);
}

void tm_room_ended(void *owner, void *argument, xmpp_stanza_t *answer)
{
    (void)argument;
    if (answer && *tm_stanza_error(answer))
        tm_xmpp_log(owner, kTIMLog_Warn, "a room that is no group was not ended: %s",
                    tm_stanza_error(answer));
}

/* ---- that the user is in a group ---- */

/* What this device has of a group that the user is in no more goes as far as its archive was read, whatever the clocks say:
 * *time is no later. */
static int32_t end_of_reading(tm_xmpp *x, const char *group, uint64_t *time, tm_error *err)
{
    tm_error local = {0};
    char *after = NULL;
    uint64_t stamp = 0, start;
    tm_mirror_archive(x->mirror, group, &after, &stamp, &start, &local);
    tm_free(after);
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    if (stamp / 1000000 < *time) *time = stamp / 1000000;
    return 0;
}

int32_t tm_room_note_membership(tm_xmpp *x, const char *group, bool member, uint64_t joined, tm_error *err)
{
    uint64_t time = joined ? joined : tm_clock_seconds();
    int32_t code = tm_mirror_set_group(x->mirror, group, member, joined, err);
    if (!code && !member) code = end_of_reading(x, group, &time, err);
    if (!code && !member) code = tm_mirror_drop_archive(x->mirror, group, err);
    tm_room *room = member && !code ? tm_room_find(x, group) : NULL;
    if (room && *room->born) code = tm_mirror_note_born(x->mirror, group, room->born, err);
    if (room && *room->owes && !code) {
        uint64_t about = time * 1000000 - TM_MIRROR_REWIND;
        code = tm_mirror_put_join(x->mirror, group, room->owes, room->since ? room->since : about, err);
        *room->owes = '\0';
    }
    if (room && room->since && !code) {
        code = tm_mirror_note_since(x->mirror, group, room->since, room->last, err);
        time = room->since / 1000000; /* not by a clock of this machine, or of the user's other one */
        room->since = 0;
    }
    return code ? code : tm_mirror_add_membership(x->mirror, group, member, time, err);
}

int32_t tm_room_store_membership(tm_xmpp *x, const char *group, bool member, uint64_t joined, tm_error *err)
{
    int32_t code = tm_mirror_begin(x->mirror, err);
    if (!code) code = tm_room_note_membership(x, group, member, joined, err);
    if (!code) code = tm_mirror_commit(x->mirror, err);
    if (code) tm_mirror_rollback(x->mirror);
    return code;
}

int32_t tm_room_end(tm_xmpp *x, const char *group, tm_error *err)
{
    tm_room *room = tm_room_find(x, group);
    if (room) tm_room_drop(x, room);
    if (!tm_mirror_in_group(x->mirror, group, NULL)) return 0;
    int32_t code = tm_room_store_membership(x, group, false, 0, err);
    if (code)
        tm_link_drop(x->link, err->text);
    else
        tm_xmpp_ring(x);
    return code;
}

void tm_room_forget_join(tm_xmpp *x, const char *group)
{
    tm_error err = {0};
    int32_t code = tm_mirror_begin(x->mirror, &err);
    if (!code) code = tm_mirror_drop_join(x->mirror, group, NULL, &err);
    if (!code) code = tm_mirror_commit(x->mirror, &err);
    if (code) tm_mirror_rollback(x->mirror); /* it is looked for again with the next connection */
}

void tm_room_found_out(tm_xmpp *x, tm_room *room)
{
    tm_error err = {0};
    char group[TM_MAX_GROUP_ID + 1];
    snprintf(group, sizeof group, "%s", room->group);
    bool member = tm_mirror_in_group(x->mirror, group, NULL);
    tm_room_leave(x, room);
    tm_room_end(x, group, &err);
    if (member)
        tm_bookmark_set(x, group, false, 0);
    else
        tm_room_forget_join(x, group); /* nobody is there to whom it must be taken back */
}
