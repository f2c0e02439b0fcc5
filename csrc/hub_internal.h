/* Hub internals: what the hub's files share. See hub.c for what a hub is. */
#ifndef TM_HUB_INTERNAL_H
#define TM_HUB_INTERNAL_H

#include "hub.h"
#include "hub_bell.h"
#include "sql.h"

/* A hub's name for itself: 32 hexadecimal digits. */
#define HUB_ID 33
/* A session that does something looks after itself so often at most, one that does nothing at least: whether it can be
 * woken, and whether there is something that nobody woke it for. */
#define HUB_CHECK_MS 1000
#define HUB_IDLE_CHECK_MS 30000

/* A dash and eight hexadecimal digits. */
#define HUB_BRANCH 10

/* What a conversation id means on the hub. */
typedef struct tm_hub_target {
    int64_t topic;    /* 0: nothing was ever said there */
    int64_t group_id; /* 0: C2C */
    int64_t peer_id;  /* C2C: the other user */
    uint64_t last_time, last_seq;
    int32_t role; /* group: the user's TIMGroupMemberRole */
} tm_hub_target;

typedef struct tm_hub {
    tm_backend base; /* first: a tm_backend* is a tm_hub* */
    tm_backend_host host;
    tm_sql *sql;
    char id[HUB_ID];         /* of this hub: cursors of another mean nothing here */
    char branch[HUB_BRANCH]; /* what tells it from what this device knew under that id; "" mostly */
    char *files;             /* directory of the media files */
    tm_hub_bell *bell;
    char user[TM_MAX_USER_ID + 1];
    int64_t user_id; /* 0: not logged in */
    int64_t device_id, session_id;
    int64_t cursor;      /* the last event this device was given */
    int64_t next;        /* where it stands once the host has stored what it was given */
    int64_t noted;       /* the cursor that the hub knows of */
    bool moved;          /* the cursor moved by itself: nobody else's event lay before our own */
    uint64_t check_at;   /* when the session is looked after again (tm_world_ms) */
    bool unlisted;       /* nobody finds its bell in the hub: it looks by itself, as if that were deaf */
    bool missed;         /* there may be something that nobody woke this session for: the log is to be read */
    tm_op *first, *last; /* submitted, not flushed yet */
    tm_hub_guests guests; /* whom this flush must wake */
    /* where this transaction's last message went to, and whom to wake for that is known; not is_known: to nobody yet */
    struct {
        bool is_known;
        int32_t conv_type;
        char conv_id[TM_MAX_GROUP_ID + 1];
        tm_hub_target target;
    } recent;
} tm_hub;

/* Who speaks for the hub itself. */
#define HUB_SYSTEM "@TIM#SYSTEM"

/* Who is to be woken, but for the session itself (the second parameter). */
#define HUB_BELLS_OF_USER "SELECT bell FROM sessions WHERE user = ? AND id <> ? AND bell <> ''"
/* CROSS: a group may have far more members than there are sessions on a machine. */
#define HUB_BELLS_OF_GROUP                                                                                   \
    "SELECT s.bell FROM sessions s CROSS JOIN members m ON m.group_id = ? AND m.user = s.user "              \
    "WHERE s.id <> ? AND s.bell <> ''"
/* There is something for them in the log: they were woken, or whoever was to do that has died before. */
#define HUB_BELLS_OF_LATE                                                                                    \
    "SELECT s.bell FROM sessions s JOIN devices d ON d.id = s.device WHERE s.id <> ? AND s.bell <> '' "      \
    "AND EXISTS(SELECT 1 FROM inbox WHERE user = s.user AND event > d.fetched)"

/* An event's kind in the log. */
enum { HUB_MESSAGE = 1, HUB_REVOKE = 2, HUB_READ = 3, HUB_MEMBERSHIP = 4 };

/* ---- hub_session.c: a device's log-in ---- */
/* Inside a transaction: finds the device, and where it goes on. */
int32_t tm_hub_login(tm_hub *hub, tm_op *op, tm_error *err);
/* What a device keeps of where it is. Owned by the caller; NULL on failure. */
char *tm_hub_cursor_text(const tm_hub *hub, int64_t cursor, tm_error *err);
/* Makes sure, once in a while, that others can still wake this session, and have: else it has missed something. No
 * transaction may be open. */
void tm_hub_check_session(tm_hub *hub);
/* Nobody else's event lies between the cursor and the end of the log: those that follow are our own. False on failure,
 * too. */
bool tm_hub_at_end(tm_hub *hub);
/* Notes in the hub what the device has fetched, for devices to come, unless another process writes just then: nobody waits for
 * that, and it is tried again (interval_ms). No transaction may be open. */
void tm_hub_note_fetched(tm_hub *hub);
/* Logs the device out. No transaction may be open. */
void tm_hub_end_session(tm_hub *hub);

/* ---- hub_log.c: what is said in conversations; whatever writes, inside a transaction ---- */
/* Finds the topic of a conversation and checks that the user may take part: 20003, 10010, 10007. `make`: adds
 * a topic. */
int32_t tm_hub_find_target(tm_hub *hub, int32_t conv_type, const char *conv_id, bool make,
                           tm_hub_target *target, tm_error *err);
int32_t tm_hub_send(tm_hub *hub, tm_op *op, tm_error *err);
int32_t tm_hub_settle(tm_hub *hub, tm_op *op, tm_error *err);
int32_t tm_hub_revoke(tm_hub *hub, tm_op *op, tm_error *err);
int32_t tm_hub_read(tm_hub *hub, tm_op *op, tm_error *err);
/* Appends a message from the backend itself (sender @TIM#SYSTEM) to a group's topic, for its members and
 * `also` (an array of ids; NULL: nobody). */
int32_t tm_hub_append_system(tm_hub *hub, int64_t topic, int64_t group_id, const cJSON *also,
                             const char *elems, uint64_t *time, tm_error *err);
/* Tells one user's devices that it joined or left a group. */
int32_t tm_hub_append_membership(tm_hub *hub, int64_t topic, const char *group, int64_t user_id, bool joined,
                                 uint64_t time, tm_error *err);
/* Rule 29: who comes back to a group hears what was revoked since leaving it. Behind which event of a topic the user was not
 * told of anything; INT64_MAX: never so, or failure. */
int64_t tm_hub_absent_since(tm_hub *hub, int64_t topic, int64_t user_id, tm_error *err);
/* Says again, once for all who come back with one call, what was revoked behind that event. The event that these follow;
 * -1 on failure. */
int64_t tm_hub_repeat_revokes(tm_hub *hub, int64_t topic, int64_t since, tm_error *err);
/* Tells one user's devices of those `repeated` that it has missed. */
int32_t tm_hub_end_absence(tm_hub *hub, int64_t topic, int64_t user_id, int64_t repeated, tm_error *err);
/* A user's number, 0 if there is no such user. */
int64_t tm_hub_user_id(tm_hub *hub, const char *name, tm_error *err);
/* Adds those whom a query for bells (one column) names. */
int32_t tm_hub_invite(tm_hub *hub, sqlite3_stmt *row, tm_hub_guests *guests, tm_error *err);
/* A session was found to have died: adds those whom it may not have woken to the guests. */
int32_t tm_hub_invite_late(tm_hub *hub, tm_error *err);
/* A topic for a new group. 0: failure. */
int64_t tm_hub_new_topic(tm_hub *hub, const char *group, tm_error *err);

/* ---- hub_fetch.c: reading the log; needs no transaction ---- */
int32_t tm_hub_history(tm_hub *hub, tm_op *op, tm_error *err);
/* Up to `limit` events behind the cursor; hub->next stands behind them. *rows: how many
 * there were, those that had to be left out too. */
int32_t tm_hub_fetch(tm_hub *hub, int limit, tm_event **list, int *rows, tm_error *err);

/* ---- hub_group.c: the group calls; inside a transaction ---- */
int32_t tm_hub_group(tm_hub *hub, tm_op *op, tm_error *err);

/* ---- hub_online.c: messages that are stored nowhere ---- */
int32_t tm_hub_send_online(tm_hub *hub, tm_op *op, tm_error *err);
/* What a peer sent as a datagram, checked; NULL if it is not to be believed. Owned by the caller. */
tm_event *tm_hub_online_event(tm_hub *hub, const char *text, size_t length);

#endif
