/* XMPP room, what its files share: each calls those that stand above it here, never those below; xmpp_room_hear.c comes
 * last, and is called by none. XMPP thread only. */
#ifndef TM_XMPP_ROOM_H
#define TM_XMPP_ROOM_H

#include "xmpp_session.h"

/* A room that did not let the user in, or could not be asked, is entered again after this, then after twice that, and so on. */
#define TM_ROOM_PAUSE_MS 1000

/* ---- xmpp_room_occupant.c ---- */
/* Who is there under a nick, borrowed from the room; NULL: nobody. */
tm_occupant *tm_room_find_nick(tm_room *room, const char *nick);
/* Who comes under a nick: an entry that names him already, if nobody else is behind it. Borrowed from the room; NULL:
 * memory. */
tm_occupant *tm_room_take_in(tm_room *room, const char *user, const char *nick);
/* The nick has gone. One entry of a user is kept if he is a member: what he may do is known by it. Frees `of` if it is not
 * that one. */
void tm_room_let_out(tm_room *room, tm_occupant *of, tm_standing standing);
/* The user is not there to see them any more. */
void tm_room_forget_occupants(tm_room *room);

/* ---- xmpp_room.c ---- */
/* The mirror notes that the user is in a group since `joined` (Unix seconds; 0: not known), or is so no more: within a
 * transaction; and in one of its own, of which nothing is kept with an error. */
int32_t tm_room_note_membership(tm_xmpp *x, const char *group, bool member, uint64_t joined, tm_error *err);
int32_t tm_room_store_membership(tm_xmpp *x, const char *group, bool member, uint64_t joined, tm_error *err);
/* Says that the user comes, or (`leave`) goes. */
void tm_room_send_presence(tm_xmpp *x, tm_room *room, bool leave);

/* ---- xmpp_room_enter.c ---- */
/* The user is not in the room, or not known to be: it is entered again after a pause, which grows. */
void tm_room_try_again(tm_room *room);
/* The task that waits to be let into the room, and does so no more; NULL: none does. */
tm_task *tm_room_waiting_task(tm_xmpp *x, tm_room *room);
/* Asks who may do what there: who has powers need not be present. */
void tm_room_ask_powers(tm_xmpp *x, tm_room *room);
/* Something has come from the room: for a while it need not be asked whether the user is in it still. */
void tm_room_heard(tm_room *room);

#endif
