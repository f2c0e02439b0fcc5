/* XMPP group, what its files share: the state of a task GROUP, and where joining, making and listing begin. XMPP
 * thread only. */
#ifndef TM_XMPP_GROUP_H
#define TM_XMPP_GROUP_H

#include "xmpp_session.h"

/* What a GROUP task keeps between its steps. */
typedef struct tm_group_state {
    char group[TM_MAX_GROUP_ID + 1];
    cJSON *names;  /* create: the first members; list: the groups; owned */
    cJSON *roles;  /* create: theirs; owned */
    cJSON *info;   /* create: what the room will say of itself; owned */
    int at;        /* list: the next one; create: how often the id was looked for */
    bool is_own;   /* create: the room is there, the user's, and no group: it becomes one */
    bool has_come; /* join: he counts as one of its members */
    int asked;     /* list: how many were asked and have not answered */
} tm_group_state;

/* ---- xmpp_group_state.c ---- */
/* A new state for the task, of that group; owned by it. NULL: memory is short, and the task has failed. */
tm_group_state *tm_group_new_state(tm_xmpp *x, tm_task *task, const char *group);

/* ---- xmpp_group_make.c ---- */
void tm_group_make(tm_xmpp *x, tm_task *task);
/* The pause before its id is looked for again is over. */
void tm_group_make_again(tm_xmpp *x, tm_task *task);
/* The user is in the room. `created`: by entering it. */
void tm_group_make_entered(tm_xmpp *x, tm_task *task, tm_room *room, bool created);
/* Ends the task: there is a group of that id. */
void tm_group_fail_taken(tm_xmpp *x, tm_task *task);

/* ---- xmpp_group_join.c ---- */
void tm_group_join(tm_xmpp *x, tm_task *task, const char *group);
/* The user is in the room. */
void tm_group_join_entered(tm_xmpp *x, tm_task *task, tm_room *room);
/* The task's time is over. */
void tm_group_join_expired(tm_xmpp *x, tm_task *task);

/* ---- xmpp_group_list.c ---- */
void tm_group_list(tm_xmpp *x, tm_task *task);

/* ---- xmpp_group.c ---- */
/* For tm_info_ask: fails the task of that number, about a group that the user is not in, by what the room says. */
void tm_group_explain(void *owner, void *argument, xmpp_stanza_t *answer);
/* The user is in the group no more: here, and in his list. */
void tm_group_leave(tm_xmpp *x, const char *group, tm_error *err);

#endif
