/* XMPP session: the actor behind the XMPP backend: one thread a login, which owns the connection, the
 * mirror's writing handle and all protocol state. The worker hands it tasks and takes answers, online-only
 * messages and changes of the connection.
 *
 * The archives are the event log. What comes live is a bell: it makes the session ask the archive for what
 * lies behind what it knows (xmpp_archive.h), so that order, times, identities and nothing-twice come from
 * one place.
 *
 * Data flows one way: worker -> tasks -> link -> server -> archives -> mirror -> worker. */
#ifndef TM_XMPP_SESSION_H
#define TM_XMPP_SESSION_H

#include "backend.h"
#include "group_json.h"
#include "wake.h"
#include "xmpp_link.h"
#include "xmpp_mirror.h"
#include "xmpp_stanza.h"

#include <pthread.h>

typedef struct tm_xmpp tm_xmpp;
typedef struct tm_archive tm_archive;
typedef struct tm_room tm_room;
typedef struct tm_collecting tm_collecting;

/* What the session sends of its own accord. */
typedef enum tm_own_stanza { TM_OWN_NOTHING, TM_OWN_TIPS, TM_OWN_INVITATION, TM_OWN_PROBE } tm_own_stanza;

/* An operation on its way through the session: a copy, so that the worker may give it up at any time. */
typedef struct tm_task {
    struct tm_task *next;
    uint64_t number; /* for answers that may come when the task is over: see tm_xmpp_find */
    tm_op *asked;    /* the worker's; only handed back, never looked at on the XMPP thread */
    tm_op op;        /* what is asked, and the answer; its texts, message and param are the task's */
    tm_message message;
    char *text, *second, *third, *cursor;
    cJSON *param;
    uint64_t deadline; /* tm_clock_ms: then it fails with 6012 */
    /* a stanza on its way (xmpp_outbox.c) */
    char *id, *to;     /* owned */
    char *target;      /* of a retraction or marker; owned */
    uint64_t ping;     /* number of the ping behind it; 0: not sent on this connection */
    bool tried;        /* it was sent, on this connection or an earlier one */
    bool acked;        /* that ping was answered, and no error came before */
    bool archived;     /* its archive has it */
    int64_t held;      /* its number in the mirror, while that is not for the worker yet; 0: none */
    bool kept;         /* it is in the mirror as a letter */
    tm_own_stanza own; /* the session's own */
    uint32_t page;     /* parked: the archive's page that must be read, as tm_archive.asked counts them */
    int looks;         /* how often the archive was read behind the ping without showing it */
    /* a handler of several steps */
    int step, outstanding;
    uint64_t again_at;                  /* the handler goes on then (tm_clock_ms); 0: it waits for answers */
    void *state;                        /* owned by the handler */
    void (*drop)(struct tm_task *task); /* frees `state`; may be NULL */
    /* Called instead of handing an answer to the worker: a task that the session gave itself. */
    void (*done)(tm_xmpp *x, struct tm_task *task);
    void *argument;
} tm_task;

/* A change of the connection, for the host's events. */
typedef struct tm_network {
    bool changed, up, kicked;
    bool blinked;   /* it was the other way in between, which nobody has heard of */
    tm_error error; /* of the last time that it went down */
} tm_network;

/* ---- the worker's side: worker thread only ---- */
typedef struct tm_xmpp_options {
    const char *address; /* "xmpp://…"; all texts are copied */
    const char *user, *password, *device, *directory;
    int64_t cursor; /* where the device stands; -1: it is new */
    tm_log *log;    /* borrowed; not used after tm_xmpp_end */
    uint32_t timeout_ms, window_s;
} tm_xmpp_options;
/* Starts the thread, which connects. The first answer is that of `login` (taken over). NULL: nothing was
 * started, `login` is still the caller's. */
tm_xmpp *tm_xmpp_start(const tm_xmpp_options *options, tm_task *login, tm_error *err);
/* Ends it: says good-bye if that takes no time, waits 100 ms at most; a thread that is blocked in a look-up
 * or a handshake is left to end, and free the rest, by itself: false. Tasks that were not answered are freed. *damaged: it has
 * found that the mirror is. */
bool tm_xmpp_end(tm_xmpp *x, bool *damaged);
/* Hands tasks over (a list). */
void tm_xmpp_give(tm_xmpp *x, tm_task *list);
/* What has come: answered tasks and online-only messages (both the caller's, either may be NULL), whether the
 * mirror has news, and what became of the connection. */
void tm_xmpp_take(tm_xmpp *x, tm_task **answered, tm_event **online, bool *news, tm_network *network);
/* Readable when there is something to take. */
int tm_xmpp_fd(const tm_xmpp *x);
/* The store has all up to `number`. */
void tm_xmpp_stored(tm_xmpp *x, int64_t number);
/* The number in the mirror before which all may be told; INT64_MAX: all that is there. To be asked after the mirror
 * was read, too. */
int64_t tm_xmpp_held_from(tm_xmpp *x);
/* A copy of an operation. NULL: memory. */
tm_task *tm_task_new(const tm_op *op);
/* For `done`: nobody wants to hear of it. */
void tm_task_nothing(tm_xmpp *x, tm_task *task);
void tm_task_free(tm_task *task);

/* ---- all that follows: XMPP thread only ---- */
struct tm_xmpp {
    /* shared with the worker, under `lock` */
    pthread_mutex_t lock;
    pthread_cond_t over; /* the thread has ended */
    tm_task *given, *last_given, *answers, *last_answer;
    tm_event *online, *last_online;
    tm_network network;
    bool news, stop, ended, abandoned;
    bool damaged; /* the mirror is, as the thread found at its end */
    int64_t stored;
    int64_t held_from; /* what the mirror has from this number on is not for the worker yet; 0: all is */
    tm_log *log;       /* NULL once the session is ended: log through tm_xmpp_log */
    tm_wake wake, bell;

    /* fixed */
    tm_xmpp_address address;
    char user[TM_MAX_USER_ID + 1];
    char *self; /* bare JID */
    char *localpart, *password, *device, *directory;
    int64_t first_cursor;
    uint32_t timeout_ms, window_s;

    /* the thread's */
    atomic_bool halt; /* for the mirror's waits */
    tm_link *link;
    tm_mirror *mirror;
    tm_task *login;          /* until it is answered */
    bool welcome;            /* set-up of this connection is through: stanzas may be sent */
    bool was_welcome;        /* at least once */
    int setup;               /* questions of the set-up that are out */
    int services;            /* of those: what the server's services are, while that is waited for */
    uint64_t services_until; /* no longer than that, if the rooms' one is known (tm_clock_ms) */
    bool unclear;            /* one of them could not say it */
    uint64_t ask_at;         /* then they are asked again (tm_clock_ms); 0: they need not be */
    bool fresh;              /* a new device: its start in the archive is looked for */
    bool is_new;             /* it was that when this session began: what waited for the user comes to it */
    char *rooms;           /* domain of the rooms' service; "" if there is none; NULL: not known yet; owned */
    uint64_t settle_until; /* a new device waits for its groups until then (tm_clock_ms) */
    bool bookmarked;       /* the list of groups was read on this connection */
    bool has_list;         /* the same, on any connection of this session; there may be none */
    bool list_is_full;     /* that was said */
    uintptr_t listings;    /* changes of it that were answered: what was read before one counts for nothing */
    char *upload;          /* JID of the upload service; NULL: there is none, or it has not said so; owned */
    uint64_t retry_at;     /* when to connect again; 0: not waiting */
    uint64_t down_since;   /* tm_clock_ms; 0: it is not down, or was never up */
    int refusals;          /* how often in a row the password was refused */
    uint64_t welcome_at;   /* when the connection was set up (tm_clock_ms) */
    int failures;    /* connections in a row that failed, or broke soon, before the archives were read */
    tm_archive *own; /* the user's archive */
    tm_collecting *collecting; /* pages on their way (xmpp_page.c) */
    tm_room *first_room;
    tm_task *sending, *last_sending; /* xmpp_outbox.c */
    size_t held;                     /* how many of them have a number that is held */
    tm_task *working;                /* tasks whose handler waits for answers */
    bool released;          /* one of them is over, or goes on elsewhere: others may have waited for it */
    uint64_t tasks;         /* numbers given */
    uint64_t pings, ponged; /* pings sent and answered on this connection, as numbers */
    uint32_t unsettled;     /* messages of an earlier life that SETTLE will be asked about */
    uint64_t letters_at;    /* Unix seconds: when a letter is due; 0: none */
    uint64_t letters_ping;  /* the ping behind those that went out last on this connection; 0: none did */
    int64_t receipted;      /* up to this number receipts were sent */
    uint64_t forget_at;     /* when the mirror may forget again (tm_clock_ms); 0: it has not yet */
};

/* ---- xmpp_session.c ---- */
void tm_xmpp_log(tm_xmpp *x, enum TIMLogLevel level, const char *format, ...) TM_PRINTF(3, 4);
/* The mirror has news for the worker. */
void tm_xmpp_ring(tm_xmpp *x);
/* An online-only message for the worker (taken over). */
void tm_xmpp_tell_online(tm_xmpp *x, tm_event *event);
/* Asks over the link with the session's timeout. */
void tm_xmpp_ask(tm_xmpp *x, tm_stanza *iq, tm_question_answer answer, void *argument);
/* Begins an iq. `to` NULL: the own account. */
void tm_xmpp_iq(tm_xmpp *x, tm_stanza *iq, const char *type, const char *to);
/* Translates an error answer (or NULL: no answer) into one of this API: sets `err`, returns its code. */
int32_t tm_xmpp_error(xmpp_stanza_t *answer, tm_error *err);

/* ---- xmpp_task.c ---- */
/* Gives a task to who handles it (taken over). */
void tm_task_start(tm_xmpp *x, tm_task *task);
/* A task is through (taken over): task->op holds the answer. */
void tm_xmpp_answer(tm_xmpp *x, tm_task *task);
/* The same with a failure. */
void tm_xmpp_fail(tm_xmpp *x, tm_task *task, int32_t code, const char *text);
void tm_xmpp_fail_memory(tm_xmpp *x, tm_task *task);
/* By what the server said; NULL: nothing. */
void tm_xmpp_fail_by_answer(tm_xmpp *x, tm_task *task, xmpp_stanza_t *answer);
/* For tm_member_tell: the task whose number is the argument of this one is through, whether or not it could be said. */
void tm_xmpp_answer_first(tm_xmpp *x, tm_task *second);
/* A task's handler waits for something: keeps it, behind those that are kept, until tm_xmpp_answer (or the
 * deadline, at which it is failed and freed). */
void tm_xmpp_keep(tm_xmpp *x, tm_task *task);
/* Takes a task out of those that are kept; the caller's from then on. */
tm_task *tm_xmpp_release(tm_xmpp *x, tm_task *task);
/* What a question takes along as its argument: the task may be over when it is answered. */
void *tm_xmpp_number(const tm_task *task);
/* The task that is kept, by that argument; NULL if it is over. */
tm_task *tm_xmpp_find(tm_xmpp *x, void *number);
/* A task of many steps gets on: its time begins anew. */
void tm_xmpp_progress(tm_xmpp *x, tm_task *task);
/* Fails those that are kept and whose deadline has come. Called by the loop. */
void tm_tasks_expire(tm_xmpp *x);
void tm_tasks_free(tm_task *list);

/* ---- xmpp_connection.c ---- */
/* For the link, whose owner is the session. */
void tm_connection_made(void *owner);
void tm_connection_lost(void *owner, const tm_error *err);
/* Answers the log-in, if all that it waits for is there. Called by the loop. */
void tm_connection_answer_login(tm_xmpp *x);
/* Goes on without services that do not answer, and asks again where the groups are. Called by the loop; and when it must be at
 * the latest (tm_clock_ms, 0: no such time). */
void tm_connection_run(tm_xmpp *x);
uint64_t tm_connection_deadline(const tm_xmpp *x);

/* ---- xmpp_live.c ---- */
/* For the link: a stanza that answers nothing. */
void tm_live_stanza(void *owner, xmpp_stanza_t *stanza);

/* ---- xmpp_outbox.c: stanzas that must get into an archive: messages, retractions, markers ---- */
/* Sends (or, while the connection is down, will send) the task's stanza and answers it once it is done. */
void tm_outbox_add(tm_xmpp *x, tm_task *task);
/* Sends what waits and is due. Called by the loop. */
void tm_outbox_run(tm_xmpp *x);
/* When tm_outbox_run must be called at the latest (tm_clock_ms); 0: no such time. */
uint64_t tm_outbox_deadline(tm_xmpp *x);
/* An own message gets a number in the mirror. While it is on its way the server may still refuse it, or have refused an
 * earlier attempt of the same id: until that is known the worker must not take it for sent. Called before the mirror's
 * transaction ends. */
void tm_outbox_hold(tm_xmpp *x, const tm_item *item, int64_t number);
/* An own item was seen in an archive. */
void tm_outbox_seen(tm_xmpp *x, const tm_item *item, const tm_mirrored *mirrored);
/* An archive was read to its end: what was acknowledged and not seen is looked for again. `group` "" or a
 * group id. */
void tm_outbox_caught_up(tm_xmpp *x, const char *group);
/* A message of type error came. */
void tm_outbox_error(tm_xmpp *x, xmpp_stanza_t *stanza);
/* The connection is gone: everything is to be sent again that is not in an archive. */
void tm_outbox_lost(tm_xmpp *x);

/* ---- xmpp_outbox_letter.c: messages that a device of their recipient has yet to confirm ---- */
/* A peer's device says which messages it has. */
void tm_outbox_received(tm_xmpp *x, const char *peer, char *const *ids, size_t count);
/* What was sent a short time ago may not have got through: it is sent again at once. */
void tm_outbox_hasten(tm_xmpp *x);

/* ---- xmpp_outbox_own.c: what the session says of its own accord ---- */
/* A new id for GroupTips. Owned by the caller; NULL: memory. */
char *tm_outbox_tips_id(tm_xmpp *x, const char *group);
/* The session's own message into a group: GroupTips, of that id (NULL: a new one), under which they are said once, however
 * often. `elems` as JSON text (copied). `done` (may be NULL) is called with the task once it is in the room's archive or has
 * failed (task->op.error). */
void tm_outbox_tips(tm_xmpp *x, const char *group, const char *id, const char *elems,
                    void (*done)(tm_xmpp *x, tm_task *task), void *argument);
/* Whether GroupTips of that `argument` are with the server, and its archive has not shown them. */
bool tm_outbox_has_said(const tm_xmpp *x, const void *argument);
/* Whether those of that id wait to be said, or for the archive to show them. */
bool tm_outbox_has_tips(const tm_xmpp *x, const char *group, const char *id);
/* Invites a user into a group. */
void tm_outbox_invite(tm_xmpp *x, const char *user, const char *group,
                      void (*done)(tm_xmpp *x, tm_task *task), void *argument);
/* Finds out whether there is such a user: a message of no content, which comes back if there is none. */
void tm_outbox_probe(tm_xmpp *x, const char *user, void (*done)(tm_xmpp *x, tm_task *task), void *argument);

/* ---- xmpp_online.c: messages that are stored nowhere (rule 18) ---- */
/* One that came live, for the worker. What says where it was said and by whom cannot be forged: the `from`,
 * a room's presence. In C2C `conv_id` is the sender; a user's own one names its conversation itself. */
void tm_online_take(tm_xmpp *x, xmpp_stanza_t *message, int32_t conv_type, const char *conv_id,
                    const char *sender);

/* ---- xmpp_receipt.c ---- */
/* Tells senders which messages the store has. */
void tm_receipts_run(tm_xmpp *x);
/* A message came again, which the store has: its sender does not know that. */
void tm_receipt_again(tm_xmpp *x, const char *peer, const char *id);

/* ---- xmpp_history.c: tasks SETTLE and HISTORY ---- */
void tm_history_start(tm_xmpp *x, tm_task *task);
void tm_settle_start(tm_xmpp *x, tm_task *task);
/* A REVOKE of a message that the mirror does not know: looks into the archive, and hands the task to the outbox
 * again, its step being TM_STEP_LOOKED_UP. */
#define TM_STEP_LOOKED_UP 100
void tm_history_look_up(tm_xmpp *x, tm_task *task);
/* The user is in the room of a group: what was revoked there while he was not in it is news, if he has heard it (rule 29). */
void tm_history_look_back(tm_xmpp *x, const char *group);

/* ---- xmpp_upload.c: task UPLOAD: a slot; the media thread does the rest ---- */
void tm_upload_start(tm_xmpp *x, tm_task *task);

/* ---- rooms that the user is in, or is to come into ---- */
/* What a room says of a user. */
typedef enum tm_standing {
    TM_STANDING_NONE,
    TM_STANDING_MEMBER,
    TM_STANDING_ADMIN,
    TM_STANDING_OWNER
} tm_standing;

typedef struct tm_occupant {
    struct tm_occupant *next;
    char *nick; /* owned; NULL: known by its membership only, not there */
    char user[TM_MAX_USER_ID + 1];
    tm_standing standing;
} tm_occupant;

/* Bytes of an id that tm_outbox_tips_id makes, at most. */
#define TM_TIPS_ID 63

struct tm_room {
    tm_room *next;
    char owner[TM_MAX_USER_ID + 1]; /* of the group, as the room describes it; "": not known */
    char group[TM_MAX_GROUP_ID + 1];
    char *jid;           /* bare; owned */
    char *nick;          /* owned */
    tm_archive *archive; /* NULL until it was entered once */
    bool in;             /* entered on this connection */
    bool entering;       /* presence was sent */
    bool present;        /* it was, and not taken back: the server may have the user in it */
    bool leaving;        /* the user quits: what is said of that is no news */
    bool may_create;     /* it is being made: a new room is what is wanted */
    uint64_t maker;      /* number of the GROUP task that makes it; 0: it is made */
    tm_standing own;     /* the user's */
    tm_occupant *occupants;
    uint64_t retry_at;   /* enter again (tm_clock_ms); 0: no */
    uint64_t entered_at; /* presence was last sent (tm_clock_ms) */
    uint64_t heard_at;   /* something last came from it (tm_clock_ms) */
    bool asking;         /* whether the user is in it still: the question is on its way */
    bool powers_changed; /* who has powers there: to be asked */
    int failures;
    uint64_t start; /* from when on what is said is news (microseconds); 0: from its present end on */
    bool at_end;    /* the latter: the device is new */
    uint64_t since; /* where its archive ended when the user came in (microseconds); 0: not known */
    char last[TM_ITEM_ID + 1]; /* the archive id of the last item there, or "" */
    char owes[TM_TIPS_ID +
              1]; /* the user comes in, and is to say so under that id; "": not, or that is kept already */
    bool said;    /* what he said of coming in, and is to take back, was seen */
    uint64_t joining;      /* number of the GROUP task that asks for that; 0: none */
    uint64_t task;         /* number of a GROUP task that waits to be let in; 0: none */
    char *title;           /* the group's name; owned; NULL: not known */
    char born[TM_LINK_ID]; /* what tells it from other groups of that id; "": not known */
    int64_t max;           /* members at most; 0: any number */
    /* xmpp_member_tips.c, all owned */
    cJSON *notes;        /* who came and went by GroupTips */
    cJSON *changes;      /* user -> affiliation: to be made in the room's list; the mirror has them too */
    int changing;        /* how many are under way: in the mirror, if they still count */
    uint64_t changes_at; /* what failed is read from there again (tm_clock_ms); 0: nothing has */
    cJSON *askers;       /* plain member -> how many he brought in, within that hour */
    uint64_t asked_in;
};

/* ---- xmpp_room_occupant.c: who is in a room, and what each of them is there ---- */
/* "owner", "admin", "member", everything else. */
tm_standing tm_standing_read(const char *affiliation);
/* What the room says that a user is. But who has said that he quits is nothing, whatever the list says until somebody has put it
 * in order; once he is back, what the room says counts, which may have been said later than what was read of him. */
tm_standing tm_room_standing(const tm_room *room, const char *user);
/* Whether the room has said on this connection what a user is. */
bool tm_room_knows(const tm_room *room, const char *user);
/* Notes what a room said of a user. */
void tm_room_note(tm_room *room, const char *user, tm_standing standing);

/* ---- xmpp_room.c: which rooms there are, and that the user is in one, or no more ---- */
tm_room *tm_room_find(tm_xmpp *x, const char *group);
/* The room of a bare or full JID; NULL if it is none of ours. */
tm_room *tm_room_of_jid(tm_xmpp *x, const char *jid);
/* The same, made if it is not there. NULL: memory. */
tm_room *tm_room_make(tm_xmpp *x, const char *group);
/* Forgets a room; the user has left it or never got in. */
void tm_room_drop(tm_xmpp *x, tm_room *room);
void tm_rooms_free(tm_xmpp *x);
/* Whether the actor of an item was owner or admin of its group, by the room's archive; where that does not say it (ejabberd),
 * whether it is so now. */
bool tm_rooms_may_revoke(tm_xmpp *x, const tm_item *item);
/* Whether the user is the group's owner or an admin. */
bool tm_group_may_revoke(tm_xmpp *x, const char *group);
/* Goes out of the room, which stays known. */
void tm_room_leave(tm_xmpp *x, tm_room *room);
/* Asks the server to end the room of a JID. */
void tm_room_destroy(tm_xmpp *x, const char *jid, tm_question_answer answer, void *argument);
/* For tm_room_destroy: logs a failure. */
void tm_room_ended(void *owner, void *argument, xmpp_stanza_t *answer);
/* The user is in it no more: forgotten and told of. With an error the mirror has it still: the connection is dropped, and
 * with the next one the room is entered again, or found out to be gone. */
int32_t tm_room_end(tm_xmpp *x, const char *group, tm_error *err);
/* What the user said of coming into a group that he is not in is taken back, or need not be. */
void tm_room_forget_join(tm_xmpp *x, const char *group);
/* The same as tm_room_end, found out by what the room says: the user's list of groups is brought in line. */
void tm_room_found_out(tm_xmpp *x, tm_room *room);

/* ---- xmpp_room_enter.c: coming into the rooms, and staying in them ---- */
/* The user is in a group since `joined` (Unix seconds; 0: not known): remembered, told of, and entered if it is
 * not. `start`: from when on (microseconds) what is said is news; 0: from the archive's present end on. With an error
 * it is not remembered, and nothing was done. */
int32_t tm_room_begin(tm_xmpp *x, const char *group, uint64_t joined, uint64_t start, tm_error *err);
/* The user was put out of a group at `out_at` (microseconds; 0: there is another one of that id): noted within the transaction
 * that keeps what told of it, which is not read again after a crash. If an invitation was read that is not from before, it leads
 * in again: noted too. */
int32_t tm_rooms_note_out(tm_xmpp *x, const char *group, uint64_t out_at, tm_error *err);
/* The same once it is kept (but with an `out_at` of 0 it is noted by this): out of the room, and in again. */
void tm_room_put_out(tm_xmpp *x, tm_room *room, uint64_t out_at);
/* A new invitation out of the user's archive, within the transaction that keeps it: into what group it leads the user, or may
 * lead him back, is kept with it, lest a crash or an error lose that. Sets `leads_in`. */
int32_t tm_rooms_keep_invitation(tm_xmpp *x, tm_item *item, tm_error *err);
/* The same once it is kept: enters the group. */
void tm_rooms_invited(tm_xmpp *x, const tm_item *item);
/* Enters, if the room still exists (`may_create`: without asking). */
void tm_room_enter(tm_xmpp *x, tm_room *room);
/* Enters a room anew: it answered that the user is not in it (its node died, say). */
void tm_room_reenter(tm_xmpp *x, tm_room *room);
/* The same after a pause: its archive does not answer. */
void tm_room_retry(tm_room *room);
/* After the set-up of a connection: reads the bookmarks and enters all rooms. */
void tm_rooms_enter(tm_xmpp *x);
/* Whether it is known of all groups where their archives begin. */
bool tm_rooms_are_settled(const tm_xmpp *x);
/* Whether the archives of all groups were read to their ends, but for rooms that one cannot enter just now. */
bool tm_rooms_are_read(const tm_xmpp *x);
/* The connection is gone. */
void tm_rooms_lost(tm_xmpp *x);
/* Calls that are due; and when the next is (tm_clock_ms, 0: none). */
void tm_rooms_run(tm_xmpp *x);
uint64_t tm_rooms_deadline(tm_xmpp *x);

/* ---- xmpp_room_hear.c: what a room says ---- */
/* A message of a room itself: it may say that its list has changed. */
void tm_rooms_notice(tm_xmpp *x, tm_room *room, xmpp_stanza_t *stanza);
/* A presence stanza. */
void tm_rooms_presence(tm_xmpp *x, xmpp_stanza_t *stanza);
/* A live message from a room: rings its archive; one that is stored nowhere goes to the worker, its sender by
 * the presence of its nick. */
void tm_rooms_message(tm_xmpp *x, tm_room *room, xmpp_stanza_t *stanza);

/* ---- xmpp_bookmark.c: the user's list of groups, which its devices share (XEP-0402) ---- */
/* Reads it, brings the mirror in line with it, and then enters all rooms. */
void tm_bookmarks_read(tm_xmpp *x);
/* Adds or removes a group, and tells the user's other sessions. */
void tm_bookmark_set(tm_xmpp *x, const char *group, bool member, uint64_t joined);

/* ---- xmpp_info.c: what a room says of itself (disco#info) ---- */
/* Asks. A room that ends takes questions with it: what is not answered is asked again. `answer` is called once; with
 * NULL if the connection breaks or nobody answers at all. */
void tm_info_ask(tm_xmpp *x, const char *group, tm_question_answer answer, void *argument);
/* Whether the answer names a feature. */
bool tm_info_has(xmpp_stanza_t *answer, const char *feature);
/* What the answer says of the group. Owned by the caller; NULL: the room is no group, or not yet. */
cJSON *tm_info_read(xmpp_stanza_t *answer);
/* The group's name; its id if it has none, or one that no call would have given it: GroupTips must have room for it.
 * Borrowed from either. */
const char *tm_info_name(const cJSON *info, const char *group);
/* Takes it over (`info` is borrowed; may be NULL). */
void tm_info_note(tm_room *room, const cJSON *info);
/* What a new group is to say, by a group_create's parameters; and its room's description with that. Both owned by the
 * caller; NULL: memory. */
cJSON *tm_info_make(const cJSON *param, const char *owner);
char *tm_info_describe(const cJSON *info, const cJSON *param);

/* ---- xmpp_group.c: task GROUP ---- */
/* Also of other tasks that wait until the archives were read first: one that sends into a group that the user is not
 * known to be in (perhaps an invitation is on its way), and HISTORY. */
void tm_group_start(tm_xmpp *x, tm_task *task);
/* Whether an earlier message to the task's group waits there: none may overtake it. */
bool tm_group_must_wait(const tm_xmpp *x, const tm_task *task);
/* Starts those that waited for the archives to be read. Called by the loop. */
void tm_group_run(tm_xmpp *x);
/* It has failed: what it was making goes. */
void tm_group_failed(tm_xmpp *x, const tm_task *task);
/* Its deadline has come: undoes what was begun. True if it was answered all the same, or will be. */
bool tm_group_expired(tm_xmpp *x, tm_task *task);
/* The room of a task is entered: `created`: it is new. Or it did not let the user in: `error` (or NULL). */
void tm_group_entered(tm_xmpp *x, tm_task *task, tm_room *room, bool created);
void tm_group_refused(tm_xmpp *x, tm_task *task, xmpp_stanza_t *error);

/* ---- xmpp_group_join.c ---- */
/* The room of a group that the user is in is entered: what he has not said of coming in, in an earlier session or on an earlier
 * connection, is said, unless its archive shows it. */
void tm_group_recall_join(tm_xmpp *x, tm_room *room);
/* The room of a group that he is not in: if its archive shows that he said so, that is taken back, and then the room is left.
 * False: there is nothing to look for. */
bool tm_group_take_back(tm_xmpp *x, tm_room *room);

/* ---- xmpp_member.c: the calls about members ---- */
/* Starts a task of one of the calls that name a group the user is in. */
void tm_member_start(tm_xmpp *x, tm_task *task, tm_room *room);

/* ---- xmpp_member_add.c ---- */
/* Adds members to a group: `names`, an array of ids (borrowed); `roles` an array of TIMGroupMemberRole or NULL.
 * `done` gets for each name a HandleGroupMemberResult (an array, owned by the callee). */
typedef void (*tm_member_added)(tm_xmpp *x, tm_task *task, cJSON *results);
void tm_member_add(tm_xmpp *x, tm_task *task, const cJSON *names, const cJSON *roles, tm_member_added done);

/* ---- xmpp_member_tips.c: what is said in a group of coming and going, and what comes of it ---- */
/* The text of GroupTips that say what became of `users` (an array of ids). Owned by the caller; NULL: memory. */
char *tm_member_tip(tm_xmpp *x, const char *group, int tip, const cJSON *users);
/* Says it in the group. `id` and `done` may be NULL: see tm_outbox_tips. */
void tm_member_tell(tm_xmpp *x, const char *group, int tip, const cJSON *users, const char *id,
                    void (*done)(tm_xmpp *x, tm_task *tips), void *argument);
/* New GroupTips out of a room's archive, within the transaction that keeps them: the owner's and admins' sessions put
 * memberships in order by them, since nobody can change his own. What they are to change is kept until the room has
 * answered: the tips are new only once. */
int32_t tm_member_tips(tm_xmpp *x, const tm_item *item, tm_error *err);
/* The room was entered: what an earlier session, or connection, could not change is to be changed, unless what was said since
 * tells otherwise. */
void tm_member_recall(tm_xmpp *x, tm_room *room);
/* The room says that its list has a user since now, or has him no more: what was said of him before counts no longer. */
void tm_member_changed(tm_room *room, const char *user, bool listed);
/* Whether he has said that he quits, and nobody has said since that he is in. */
bool tm_member_has_quit(const tm_room *room, const char *user);
/* Makes the changes of the list that wait, once all that was said is read: the last counts. Called by the loop. */
void tm_member_run(tm_xmpp *x, tm_room *room);
/* When that must be called at the latest (tm_clock_ms); 0: no such time. */
uint64_t tm_member_deadline(const tm_room *room);
/* What they say of the user: 1 came in, -1 went or was removed by the owner or an admin, 0 neither. */
int tm_member_turn(tm_xmpp *x, const tm_item *item);
void tm_member_forget_notes(tm_room *room);
/* How many members the room has as far as can be seen: `users` (may be NULL) are counted too, or (`gone`) not. */
int tm_member_count(const tm_room *room, const cJSON *users, bool gone);

#endif
