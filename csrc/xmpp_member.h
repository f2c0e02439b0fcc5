/* XMPP member, what its files share: what a task about members keeps, and the room's lists. xmpp_member_lists.c calls none
 * of the others, xmpp_member_tips.c and xmpp_member_add.c call that one, xmpp_member.c calls all. XMPP thread only.
 *
 * A room lists its owner, admins and members. Only the owner and admins can change that list, not even a user his own
 * place in it: who joins or quits says so in the room (GroupTips), and the sessions of the owner and admins put the
 * list in order. Until then everybody reads the list together with what was said. */
#ifndef TM_XMPP_MEMBER_H
#define TM_XMPP_MEMBER_H

#include "xmpp_session.h"

/* What was said last of a user (tm_room.notes). */
enum { TM_NOTE_CAME = 1, TM_NOTE_WENT, TM_NOTE_BROUGHT, TM_NOTE_REMOVED };

/* What a task about members keeps between its steps. */
typedef struct tm_member_state {
    char group[TM_MAX_GROUP_ID + 1];
    cJSON *members; /* object: user -> tm_standing, in the order of the room's lists; owned */
    int lists;      /* lists that are to come */
    bool partial;   /* the room does not show all of them to everybody */
    void (*listed)(tm_xmpp *x, tm_task *task);
    cJSON *names, *roles, *results; /* whom the call is about, and how it went; owned */
    int at;
    tm_member_added added;
    void *before; /* the state and its drop of the task before; given back at the end */
    void (*drop_before)(tm_task *task);
} tm_member_state;

/* ---- xmpp_member_lists.c ---- */
/* A new state for the task, of that group, over the one that it has; owned by it. NULL: memory is short, and the task has
 * failed. */
tm_member_state *tm_member_new_state(tm_xmpp *x, tm_task *task, const char *group);
/* Frees it: the task goes on with what it was before. */
void tm_member_end_state(tm_task *task);
/* Whom the task is at: borrowed from the state. */
const char *tm_member_name(const tm_member_state *of);

/* Reads and changes an object: user -> tm_standing. */
tm_standing tm_member_standing_in(const cJSON *members, const char *user);
void tm_member_set_standing(cJSON *members, const char *user, tm_standing standing);
/* Asks for the room's lists. `listed` is called with the task once its `members` are all there; not if it has ended. */
void tm_member_ask_lists(tm_xmpp *x, tm_task *task, void (*listed)(tm_xmpp *x, tm_task *task));
/* Puts a user into a list of the room, or out of all ("none"). */
void tm_member_set_affiliation(tm_xmpp *x, const char *group, const char *user, const char *affiliation,
                               tm_question_answer answer, void *argument);
/* For a question whose answer nobody waits for. */
void tm_member_nothing(void *owner, void *argument, xmpp_stanza_t *answer);

/* ---- xmpp_member_tips.c ---- */
/* What was said of a user need not be put into the list any more: not what was `made` (an affiliation), or (NULL) whatever it is. */
void tm_member_drop_change(tm_xmpp *x, const char *group, const char *user, const char *made);

#endif
